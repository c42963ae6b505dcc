// The badge in the top bar: how many jobs go on, and a message when one has ended.
import { fill, refresh } from "./jobparts.js";
import { poll } from "./polling.js";
import { toast } from "./toasts.js";

const KEY = "jobs";
const KINDS = { done: "success", failed: "danger" };
const badge = document.querySelector("[data-jobs]");
let watched = new Set();

function keep() {
  // The next page goes on following them: one may end between two pages.
  if (watched.size) sessionStorage.setItem(KEY, [...watched].join(","));
  else sessionStorage.removeItem(KEY);
}

function draw({ label, live }) {
  badge.hidden = !live.length;
  badge.title = label;
  badge.querySelector("[data-jobs-label]").textContent = label;
  badge.querySelector("b").textContent = live.length < 100 ? live.length : "99+";
  for (const job of live) {
    const row = document.querySelector(`[data-job-row="${job.id}"]`);
    if (row) fill(row, job);
  }
}

function hear(told) {
  const isHere = document.querySelector("[data-job]")?.dataset.job;
  draw(told);
  for (const job of told.ended) {
    // Its own page tells of it by itself.
    if (String(job.id) !== isHere) toast(KINDS[job.state] ?? "info", job.text, job.url);
  }
  if (told.ended.length && document.querySelector("[data-jobs-list]")) refresh("[data-jobs-list]");
  watched = new Set(told.live.map((job) => job.id));
  keep();
  return watched.size > 0;
}

if (badge) {
  const known = [badge.dataset.jobs, sessionStorage.getItem(KEY) ?? ""].join(",").split(",");
  watched = new Set(known.filter(Boolean).map(Number));
  keep();
  if (watched.size) {
    poll(() => `/jobs/mine?watch=${[...watched].slice(0, 100).join(",")}`, {
      every: 2000,
      heard: hear,
    });
  }
}
