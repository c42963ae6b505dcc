// Messages disappear by themselves, except errors; later if they have a link or an undo.
const SHORT_MS = 6000;
const LONG_MS = 14000;

function watch(note) {
  const dismiss = () => note.remove();
  note.querySelector("[data-dismiss]").addEventListener("click", dismiss);
  if ("stay" in note.dataset) return;
  const time = note.querySelector("form, a") ? LONG_MS : SHORT_MS;
  let timer = setTimeout(dismiss, time);
  const hold = () => clearTimeout(timer);
  const resume = () => {
    clearTimeout(timer);
    timer = setTimeout(dismiss, time);
  };
  note.addEventListener("pointerenter", hold);
  note.addEventListener("focusin", hold);
  note.addEventListener("pointerleave", resume);
  note.addEventListener("focusout", resume);
}

// Shows a message; ``kind`` is success, info or danger.
export function toast(kind, text, url) {
  const note = document.getElementById(`note-${kind}`).content.firstElementChild.cloneNode(true);
  note.querySelector("p").textContent = text;
  note.querySelector("a").href = url;
  document.getElementById("toasts").append(note);
  watch(note);
}

for (const note of document.querySelectorAll(".note")) watch(note);
