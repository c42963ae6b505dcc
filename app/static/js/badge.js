// The badge in the top bar: the number of running jobs, and a toast when one has ended.
import { fill, refresh } from "./jobparts.js";
import { poll } from "./polling.js";
import { toast } from "./toasts.js";

const STORAGE_KEY = "jobs";
const TOAST_KINDS = { done: "success", failed: "danger" };
const badge = document.querySelector("[data-jobs]");
let watched = new Set();

function store() {
  // The next page goes on watching them: a job may end between two pages.
  if (watched.size) sessionStorage.setItem(STORAGE_KEY, [...watched].join(","));
  else sessionStorage.removeItem(STORAGE_KEY);
}

function render({ label, live }) {
  badge.hidden = !live.length;
  badge.title = label;
  badge.querySelector("[data-jobs-label]").textContent = label;
  badge.querySelector("b").textContent = live.length < 100 ? live.length : "99+";
  for (const job of live) {
    const row = document.querySelector(`[data-job-row="${job.id}"]`);
    if (row) fill(row, job);
  }
}

function update(data) {
  const shownJob = document.querySelector("[data-job]")?.dataset.job;
  render(data);
  for (const job of data.ended) {
    // The job's own page shows the result itself.
    if (String(job.id) !== shownJob) toast(TOAST_KINDS[job.state] ?? "info", job.text, job.url);
  }
  if (data.ended.length && document.querySelector("[data-jobs-list]")) refresh("[data-jobs-list]");
  watched = new Set(data.live.map((job) => job.id));
  store();
  return watched.size > 0;
}

if (badge) {
  const ids = [badge.dataset.jobs, sessionStorage.getItem(STORAGE_KEY) ?? ""].join(",").split(",");
  watched = new Set(ids.filter(Boolean).map(Number));
  store();
  if (watched.size) {
    poll(() => `/jobs/mine?watch=${[...watched].slice(0, 100).join(",")}`, {
      interval: 2000,
      onData: update,
    });
  }
}
