// The page of a job that goes on: its bar, its numbers, and at the end what came of it.
import { fill, refresh } from "./jobparts.js";
import { poll } from "./polling.js";

const STEP = 10; // Per cent between two things said to who listens to the page.
const said = document.querySelector("[data-job-said]");
const title = document.title;

function follow(part) {
  let spoken = 0;
  const at = `/jobs/${part.dataset.job}`;

  function hear(told) {
    if (!told.is_live) {
      document.title = title;
      refresh("[data-job]").then(() => say([told.state_text, told.counted]));
      return false;
    }
    fill(part, told);
    for (const place of part.querySelectorAll("[data-count]")) {
      place.textContent = told.counts[place.dataset.count] ?? place.textContent;
    }
    if (told.percent === null) return true;
    document.title = `${told.percent_text} · ${title}`;
    if (told.percent >= spoken + STEP) {
      spoken = told.percent - (told.percent % STEP);
      say([told.percent_text, told.counted, told.left]);
    }
    return true;
  }

  poll(() => `${at}/progress`, { heard: hear, gone: () => location.reload() });
}

function say(words) {
  said.textContent = words.filter(Boolean).join(", ");
}

const part = document.querySelector("[data-job][data-live]");
if (part) follow(part);
