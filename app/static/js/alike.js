// In the form of a new contact: asks, while it is typed, whether there is such a contact already.
import { onEnhance } from "./enhance.js";

const NAMES = ["first_name", "last_name", "email", "phone", "mobile", "secondary_phone", "birth_date", "street", "postcode", "city"];
const PAUSE = 400;

onEnhance((part) => {
  for (const box of part.querySelectorAll("[data-alike]")) {
    const form = box.closest("form");
    let timer = 0, asked = "", controller = null;
    const ask = async () => {
      const sent = new URLSearchParams();
      for (const name of NAMES) if (form.elements[name]?.value) sent.set(name, form.elements[name].value);
      const text = sent.toString();
      if (text === asked) return;
      asked = text;
      controller?.abort();
      controller = new AbortController();
      sent.set("csrf_token", form.elements.csrf_token?.value ?? "");
      try {
        const reply = await fetch(box.dataset.alike, { method: "POST", body: sent, headers: { "X-Fragment": "1" }, signal: controller.signal });
        if (reply.ok) box.innerHTML = await reply.text();
      } catch {
        // It was a hint only.
      }
    };
    form.addEventListener("input", ({ target }) => {
      if (!NAMES.includes(target.name)) return;
      clearTimeout(timer);
      timer = setTimeout(ask, PAUSE);
    });
  }
});
