// Shows the name of the chosen file in the page's language, in place of the browser's own text.
import { onEnhance } from "./enhance.js";

onEnhance((part) => {
  for (const box of part.querySelectorAll("[data-file]")) {
    const [input, name] = [box.querySelector("input"), box.querySelector(".file-name")];
    const show = () => {
      name.textContent = [...input.files].map((file) => file.name).join(", ") || name.dataset.none;
      name.title = name.textContent;
    };
    input.addEventListener("change", show);
    for (const type of ["dragenter", "dragleave", "drop"])
      box.addEventListener(type, () => box.classList.toggle("is-over", type === "dragenter"));
    show();
  }
});
