// Forms: warn of unsaved changes, scroll to errors, take over the saved value of a conflict.
import { onEnhance } from "./enhance.js";

let isDirty = false;

for (const form of document.querySelectorAll("form[data-guard]")) {
  isDirty = "dirty" in form.dataset;
  form.addEventListener("input", () => (isDirty = true));
  form.addEventListener("change", () => (isDirty = true));
  form.addEventListener("submit", (event) => {
    // A second click before the response would submit the form twice.
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    isDirty = false;
  });
}

window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

window.addEventListener("beforeunload", (event) => {
  if (isDirty) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  const form = document.querySelector("dialog[open] form[data-guard]") ?? document.querySelector("form[data-guard]");
  if (form && (event.ctrlKey || event.metaKey) && event.key === "s") {
    event.preventDefault();
    form.requestSubmit(form.querySelector(".savebar .btn-primary"));
  }
});

document.querySelector("[data-focus]")?.focus();

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-use]");
  if (button) return takeOver(button);
  const link = event.target.closest?.('.banner a[href^="#"]');
  const field = link && document.getElementById(link.hash.slice(1));
  if (field) {
    event.preventDefault();
    const target = field.hidden ? field.parentElement.querySelector("input") : field;
    target.focus();
    target.scrollIntoView({ block: "center" });
  }
});

function takeOver(button) {
  const field = document.getElementById(button.dataset.for);
  const values = JSON.parse(button.dataset.use);
  if (field.tagName === "FIELDSET") {
    const boxes = field.querySelectorAll("input[type=checkbox], input[type=radio]");
    for (const box of boxes) box.checked = values.includes(box.value);
  } else if (field.type === "checkbox") field.checked = values[0] === "1";
  else if (field.tagName === "SELECT") {
    for (const value of values) {
      if (![...field.options].some((option) => option.value === value)) {
        field.add(new Option(button.closest(".conflict").querySelector("b").textContent, value));
      }
    }
    for (const option of field.options) option.selected = values.includes(option.value);
  } else field.value = values[0] ?? "";
  field.dispatchEvent(new Event("change", { bubbles: true }));
  isDirty = true;
  (field.hidden ? field.parentElement.querySelector("input") : field).focus();
}

// Choosing the operator of a filter shows its input, and only that input is sent.
onEnhance((part) => {
  for (const form of part.querySelectorAll("[data-filter-form]")) {
    const choice = form.elements.filter;
    const set = () => {
      const asks = choice.selectedOptions[0].dataset.asks;
      for (const value of form.querySelectorAll(".filter-value")) {
        value.hidden = value.dataset.for !== asks;
        for (const field of value.querySelectorAll("[name]")) field.disabled = value.hidden;
      }
    };
    choice.addEventListener("change", set);
    set();
  }
  for (const box of part.querySelectorAll("[data-narrow]")) {
    const rows = [...part.querySelectorAll(box.dataset.narrow)];
    const none = part.querySelector("[data-narrow-none]");
    const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
    box.addEventListener("input", () => {
      let found = 0;
      for (const row of rows) {
        row.hidden = !fold(row.querySelector("summary").textContent).includes(fold(box.value.trim()));
        found += !row.hidden;
      }
      none.hidden = found > 0;
    });
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      const first = rows.find((row) => !row.hidden);
      if (!first) return;
      first.open = true;
      first.querySelector("form select, form input:not([type=hidden])").focus();
    });
  }
});
