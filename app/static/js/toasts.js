// Messages go by themselves, unless they are errors, or read, or can still be undone.
const SHORT = 6000;
const LONG = 14000;

for (const note of document.querySelectorAll(".note")) {
  const leave = () => note.remove();
  note.querySelector("[data-dismiss]").addEventListener("click", leave);
  if ("stay" in note.dataset) continue;
  const time = note.querySelector("form") ? LONG : SHORT;
  let timer = setTimeout(leave, time);
  const hold = () => clearTimeout(timer);
  const resume = () => {
    clearTimeout(timer);
    timer = setTimeout(leave, time);
  };
  note.addEventListener("pointerenter", hold);
  note.addEventListener("focusin", hold);
  note.addEventListener("pointerleave", resume);
  note.addEventListener("focusout", resume);
}
