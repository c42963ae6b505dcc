// The page of a live job: polls its progress, and shows the result at the end.
import { fill, refresh } from "./jobparts.js";
import { poll } from "./polling.js";

const ANNOUNCE_STEP = 10; // Percentage points between two announcements to screen readers.
const announcer = document.querySelector("[data-job-announcer]");
const title = document.title;

function follow(part) {
  let announced = 0;
  const url = `/jobs/${part.dataset.job}`;

  function update(data) {
    if (!data.is_live) {
      document.title = title;
      refresh("[data-job]").then(() => announce([data.state_text, data.count_text]));
      return false;
    }
    fill(part, data);
    for (const element of part.querySelectorAll("[data-count]")) {
      element.textContent = data.counts[element.dataset.count] ?? element.textContent;
    }
    if (data.percent === null) return true;
    document.title = `${data.percent_text} · ${title}`;
    if (data.percent >= announced + ANNOUNCE_STEP) {
      announced = data.percent - (data.percent % ANNOUNCE_STEP);
      announce([data.percent_text, data.count_text, data.time_left]);
    }
    return true;
  }

  poll(() => `${url}/progress`, { onData: update, onGone: () => location.reload() });
}

function announce(words) {
  announcer.textContent = words.filter(Boolean).join(", ");
}

const part = document.querySelector("[data-job][data-live]");
if (part) follow(part);
