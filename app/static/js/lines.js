// The lines of a form: add, remove and move them without a request; Alt and an arrow moves a line.
import { enhance } from "./enhance.js";

function next(field) {
  const used = [...field.querySelectorAll("tbody [name]")].map((input) => Number(input.name.split("-").at(-2)));
  return Math.max(-1, ...used.filter(Number.isInteger)) + 1;
}

// Say in every label which line it belongs to now; a picker has copied the label of its select.
function number(field) {
  [...field.querySelectorAll("tbody [data-line]")].forEach((row, place) => {
    for (const element of row.querySelectorAll("[data-numbered]")) {
      const [before, after] = [element.getAttribute("aria-label"), element.dataset.numbered.replace("{}", place + 1)];
      for (const same of row.querySelectorAll("[aria-label]")) {
        if (same.getAttribute("aria-label") === before) same.setAttribute("aria-label", after);
      }
    }
  });
}

function changed(field) {
  number(field);
  const rows = [...field.querySelectorAll("tbody [data-line]")];
  field.querySelector(':scope > [data-line-do="add"]').disabled = rows.length >= Number(field.dataset.max);
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

function add(field) {
  const body = field.querySelector("tbody");
  if (body.rows.length >= Number(field.dataset.max)) return;
  const copy = field.querySelector("[data-line-template]").content.cloneNode(true);
  const index = next(field);
  for (const element of copy.querySelectorAll("*")) {
    for (const { name, value } of [...element.attributes]) {
      if (value.includes("-NEW-")) element.setAttribute(name, value.replaceAll("-NEW-", `-${index}-`));
    }
    if (element.dataset.lineDo) element.value = element.value.replace(/:0$/, `:${index}`);
  }
  body.append(copy);
  const row = body.rows[body.rows.length - 1];
  enhance(row);
  row.querySelector("input:not([type=hidden]), select, textarea").focus();
}

function remove(field, row) {
  const body = row.parentElement;
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  if (!body.rows.length) add(field);
  else neighbour.querySelector("input:not([type=hidden]), select, textarea").focus();
}

function move(row, way) {
  const focused = document.activeElement;
  if (way === "up") row.previousElementSibling?.before(row);
  else row.nextElementSibling?.after(row);
  focused?.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-line-do]");
  if (!button) return;
  event.preventDefault();
  const field = button.closest("[data-lines]");
  const row = button.closest("[data-line]");
  const what = button.dataset.lineDo;
  if (what === "add") add(field);
  else if (what === "remove") remove(field, row);
  else move(row, what);
  changed(field);
});

document.addEventListener("keydown", (event) => {
  const row = event.target.closest?.("[data-lines] [data-line]");
  if (!row) return;
  if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    event.preventDefault();
    move(row, event.key === "ArrowUp" ? "up" : "down");
    changed(row.closest("[data-lines]"));
  } else if (event.key === "Enter" && event.target.matches("input") && !event.defaultPrevented && !event.ctrlKey && !event.metaKey) {
    // Enter goes on to the next line instead of saving a form that is half filled in, unless a picker has used it.
    event.preventDefault();
    const following = row.nextElementSibling;
    if (following) following.querySelector("input:not([type=hidden]), select, textarea").focus();
    else {
      add(row.closest("[data-lines]"));
      changed(row.closest("[data-lines]"));
    }
  }
});
