// Fetches the full count of a filtered list after the page has loaded.
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
      .catch(() => {}); // The capped count of the page stays.
  }
});
