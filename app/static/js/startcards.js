// Cards of the start page that are loaded after it; one with nothing to show goes away.
import { enhance } from "./enhance.js";

async function load(card) {
  const answer = await fetch(card.dataset.card, { headers: { "X-Fragment": "1" } });
  const html = answer.ok ? (await answer.text()).trim() : "";
  if (!html) return card.remove();
  const part = document.createElement("div");
  part.innerHTML = html;
  enhance(part);
  card.replaceWith(...part.children);
}

for (const card of document.querySelectorAll("[data-card]")) load(card).catch(() => card.remove());
