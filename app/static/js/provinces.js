// Suggests the provinces of the country chosen in the same form.
import { onEnhance } from "./enhance.js";

onEnhance((part) => {
  for (const input of part.querySelectorAll("input[data-provinces-of]")) {
    const country = input.form?.elements[input.dataset.provincesOf];
    if (!country) continue;
    country.addEventListener("change", async () => {
      const list = document.getElementById(input.getAttribute("list"));
      list.replaceChildren();
      if (!country.value) return;
      const answer = await fetch(`/provinces/${country.value}`, { headers: { "X-Fragment": "1" } });
      if (!answer.ok) return;
      const { names } = await answer.json();
      list.replaceChildren(...names.map((name) => new Option(name, name)));
    });
  }
});
