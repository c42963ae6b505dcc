// Ticked rows: tick all, tick a stretch with Shift, and the bar that acts on them.
const table = document.querySelector("table[data-ticks]");
const bar = document.querySelector("[data-tickbar]");

if (table && bar) {
  const all = table.querySelector("[data-tick-all]");
  const boxes = [...table.querySelectorAll("tbody input")];
  let last = null;
  const tell = () => {
    const count = boxes.filter((box) => box.checked).length;
    bar.classList.toggle("is-up", count > 0);
    all.checked = count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    bar.querySelector("[data-count]").textContent =
      count === 1 ? bar.dataset.one : bar.dataset.many.replace("{}", String(count));
  };
  const tick = (isTicked) => {
    for (const box of boxes) box.checked = isTicked;
    tell();
  };
  table.addEventListener("click", (event) => {
    const place = boxes.indexOf(event.target);
    if (place < 0) return;
    if (event.shiftKey && last !== null) {
      const [from, to] = [Math.min(last, place), Math.max(last, place)];
      for (const box of boxes.slice(from, to + 1)) box.checked = event.target.checked;
    }
    last = place;
    tell();
  });
  all.addEventListener("change", () => tick(all.checked));
  bar.querySelector("[data-untick]").addEventListener("click", () => {
    tick(false);
    all.focus();
  });
  // Going back to the page brings the ticks back, and the bar with them.
  window.addEventListener("pageshow", tell);
  tell();
}
