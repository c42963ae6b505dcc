// Messages go by themselves, unless they are errors, or read, or can still be undone.
const SHORT = 6000;
const LONG = 14000;

function watch(note) {
  const leave = () => note.remove();
  note.querySelector("[data-dismiss]").addEventListener("click", leave);
  if ("stay" in note.dataset) return;
  const time = note.querySelector("form, a") ? LONG : SHORT;
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

// Tells of something that happened meanwhile; ``kind`` is success, info or danger.
export function toast(kind, text, url) {
  const note = document.getElementById(`note-${kind}`).content.firstElementChild.cloneNode(true);
  note.querySelector("p").textContent = text;
  note.querySelector("a").href = url;
  document.getElementById("toasts").append(note);
  watch(note);
}

for (const note of document.querySelectorAll(".note")) watch(note);
