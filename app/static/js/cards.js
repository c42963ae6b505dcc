// On a phone rows become cards: label plain values with their column.
const table = document.querySelector("table.rows");
const narrow = matchMedia("(max-width: 719.98px)");

function label() {
  if (!narrow.matches) return;
  const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
  for (const row of table.tBodies[0].rows) {
    for (const cell of row.cells) {
      if (cell.textContent && !cell.firstElementChild) cell.dataset.label = names[cell.cellIndex];
    }
  }
}

if (table?.tHead) {
  label();
  narrow.addEventListener("change", label);
}
