// Fields that are shown only while another field of their form has certain values.
import { onEnhance } from "./enhance.js";

function update(form) {
  for (const field of form.querySelectorAll("[data-shown-if]")) {
    const conditions = Object.entries(JSON.parse(field.dataset.shownIf));
    field.hidden = !conditions.every(([name, values]) => {
      const other = form.elements[name];
      return !other || values.map(String).includes(other.value);
    });
  }
  // A section all of whose fields are hidden is hidden, too.
  for (const section of form.querySelectorAll(".form-section")) {
    const fields = [...section.querySelectorAll(".field")];
    section.hidden = fields.length > 0 && fields.every((field) => field.hidden);
  }
}

onEnhance((part) => {
  for (const form of part.querySelectorAll("form")) {
    if (!form.querySelector("[data-shown-if]")) continue;
    update(form);
    form.addEventListener("change", () => update(form));
  }
});
