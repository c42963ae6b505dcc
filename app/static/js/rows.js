// Rows of a list: a click anywhere opens the row, cut text has a tooltip, columns scroll with a shadow.
const card = document.querySelector(".table-card");
const body = card?.querySelector("table.rows > tbody");

function open(event) {
  const row = event.target.closest("tr");
  const link = row?.querySelector("td > a:has(> i)");
  if (!link || event.target.closest("a, button, input, label, summary") || event.button > 1) return;
  // A tick is small: a click beside it is meant for it.
  if (event.target.closest("td:has(> input)") || getSelection()?.type === "Range") return;
  if (event.metaKey || event.ctrlKey || event.button === 1) window.open(link.href);
  else location.assign(link.href);
}

if (body) {
  body.addEventListener("click", open);
  body.addEventListener("auxclick", open);
  body.addEventListener("pointerover", ({ target }) => {
    const cell = target.closest("td > a, td > em:not([title]), td");
    const isCut = cell && cell.scrollWidth > cell.clientWidth;
    if (isCut && !cell.title) cell.title = cell.textContent.trim();
  });
  const mark = () => card.classList.toggle("is-scrolled", card.scrollLeft > 0);
  card.addEventListener("scroll", mark, { passive: true });
  mark();
}
