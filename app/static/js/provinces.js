// Suggests the provinces of the country chosen in the same form, and fills in the one that the
// postcode belongs to. The server does the latter, too.
import { onEnhance } from "./enhance.js";

async function provincesOf(country) {
  if (!country) return { names: [], postcodes: {} };
  const answer = await fetch(`/provinces/${country}`, { headers: { "X-Fragment": "1" } });
  return answer.ok ? answer.json() : { names: [], postcodes: {} };
}

onEnhance((part) => {
  for (const input of part.querySelectorAll("input[data-provinces-of]")) {
    const country = input.form?.elements[input.dataset.provincesOf];
    if (!country) continue;
    country.addEventListener("change", async () => {
      const { names } = await provincesOf(country.value);
      const list = document.getElementById(input.getAttribute("list"));
      list.replaceChildren(...names.map((name) => new Option(name, name)));
    });
    const postcode = input.form.elements[input.dataset.postcode];
    postcode?.addEventListener("change", async () => {
      if (input.value) return;
      const { postcodes } = await provincesOf(country.value || input.dataset.country);
      const typed = postcode.value.trim();
      const digits = Object.keys(postcodes).length && /^[1-9]\d{3}$/.test(typed) ? `0${typed}` : typed;
      const name = /^\d{5}$/.test(digits) && postcodes[digits.slice(0, 2)];
      if (!name || input.value) return;
      postcode.value = digits;
      input.value = name;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
});
