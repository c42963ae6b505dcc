// A button that shows a password while it is typed.
import { onEnhance } from "./enhance.js";

onEnhance((part) => {
  for (const button of part.querySelectorAll("[data-show-password]")) {
    const input = document.getElementById(button.dataset.showPassword);
    if (!input) continue;
    const show = (shown) => {
      input.type = shown ? "text" : "password";
      button.setAttribute("aria-pressed", String(shown));
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      show(input.type === "password");
      input.focus();
    });
    // Otherwise the browser would offer the password as a text that was typed before.
    input.form?.addEventListener("submit", () => show(false));
  }
});
