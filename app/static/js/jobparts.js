// The bar and the numbers of a job, wherever they stand on a page.
import { enhance } from "./enhance.js";

export function fill(part, told) {
  const bar = part.querySelector("[data-bar]");
  if (bar) {
    if (told.percent === null) bar.removeAttribute("value");
    else bar.value = told.percent;
    bar.className = `bar is-${told.state}`;
    if (told.counted) bar.setAttribute("aria-valuetext", told.counted);
  }
  const chip = part.querySelector("[data-state]");
  if (chip) chip.className = `chip ${told.colour}`;
  const texts = {
    percent: told.percent_text,
    counted: told.counted,
    left: told.left,
    sentence: told.sentence,
    state: told.state_text,
  };
  for (const [name, text] of Object.entries(texts)) {
    const place = part.querySelector(`[data-${name}]`);
    if (place && place.textContent !== text) place.textContent = text;
  }
}

// Draws a part of the page anew, as the server draws it now.
export async function refresh(selector) {
  const answer = await fetch(location.href, { headers: { "X-Fragment": "1" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const drawn = page.querySelector(selector);
  const old = document.querySelector(selector);
  if (!answer.ok || !drawn || !old) {
    location.reload();
    return;
  }
  old.replaceWith(drawn);
  enhance(drawn);
}
