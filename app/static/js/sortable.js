// The columns of an export: move one up or down; whoever moves or ticks one wants these columns.
function choose(list) {
  const radio = list.closest("form").querySelector("[data-chosen-columns]");
  if (radio) radio.checked = true;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-sortable] [data-up], [data-sortable] [data-down]");
  if (!button) return;
  const row = button.closest("li");
  const other = button.matches("[data-up]") ? row.previousElementSibling : row.nextElementSibling;
  if (!other) return;
  if (button.matches("[data-up]")) other.before(row);
  else other.after(row);
  button.focus();
  choose(row.parentElement);
});

document.addEventListener("change", (event) => {
  const list = event.target.closest("[data-sortable]");
  if (list) choose(list);
});
