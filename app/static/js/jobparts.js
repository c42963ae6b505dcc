// The progress bar and the numbers of a job, on any page that shows them.
import { enhance } from "./enhance.js";

export function fill(part, progress) {
  const bar = part.querySelector("[data-bar]");
  if (bar) {
    if (progress.percent === null) bar.removeAttribute("value");
    else bar.value = progress.percent;
    bar.className = `bar is-${progress.state}`;
    if (progress.count_text) bar.setAttribute("aria-valuetext", progress.count_text);
  }
  const chip = part.querySelector("[data-state]");
  if (chip) chip.className = `chip ${progress.colour}`;
  const texts = {
    percent: progress.percent_text,
    "count-text": progress.count_text,
    "time-left": progress.time_left,
    sentence: progress.sentence,
    state: progress.state_text,
  };
  for (const [name, text] of Object.entries(texts)) {
    const element = part.querySelector(`[data-${name}]`);
    if (element && element.textContent !== text) element.textContent = text;
  }
}

// Replaces a part of the page by its current version from the server.
export async function refresh(selector) {
  const response = await fetch(location.href, { headers: { "X-Fragment": "1" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.querySelector(selector);
  const old = document.querySelector(selector);
  if (!response.ok || !fresh || !old) {
    location.reload();
    return;
  }
  old.replaceWith(fresh);
  enhance(fresh);
}
