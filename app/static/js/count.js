// Asks how many rows a filtered list really has, once the page stands.
import { onEnhance } from "./enhance.js";

onEnhance((part) => {
  for (const place of part.querySelectorAll("[data-count-at]")) {
    fetch(place.dataset.countAt, { headers: { "X-Fragment": "1" } })
      .then((answer) => (answer.ok ? answer.json() : null))
      .then((answer) => {
        if (!answer) return;
        place.textContent = answer.text;
        for (const same of document.querySelectorAll("[data-total]")) same.textContent = answer.text;
        document.dispatchEvent(new Event("counted"));
      })
      .catch(() => {}); // What stands there is true, only less exact.
  }
});
