// Links with data-panel open their page in a dialog; forms in it are submitted in it.
import { enhance } from "./enhance.js";

const panel = document.getElementById("panel");
const HEADERS = { "X-Fragment": "1" };

async function read(answer) {
  if (answer.status === 401) return void location.reload();
  const target = answer.headers.get("X-Location");
  if (target) return void location.assign(target);
  const type = answer.headers.get("Content-Type") || "";
  if (type.includes("json")) {
    const problem = document.createElement("p");
    problem.className = "error";
    problem.setAttribute("role", "alert");
    problem.textContent = (await answer.json()).error || panel.dataset.failed;
    panel.querySelector(".panel-body").replaceChildren(problem);
    return;
  }
  show(await answer.text());
}

function show(html) {
  const body = panel.querySelector(".panel-body");
  body.innerHTML = html;
  const heading = body.querySelector("h1");
  if (heading) {
    heading.id = "panel-title";
    panel.setAttribute("aria-labelledby", heading.id);
  }
  enhance(body);
  if (!panel.open) panel.showModal();
  const wrong = body.querySelector("[aria-invalid]") ?? body.querySelector("details[open] .error");
  wrong?.scrollIntoView({ block: "center" });
  (body.querySelector("[aria-invalid]") ?? body.querySelector("[autofocus]"))?.focus();
}

function failed() {
  if (!panel.open) panel.showModal();
  const problem = document.createElement("p");
  problem.className = "error";
  problem.setAttribute("role", "alert");
  problem.textContent = panel.dataset.failed;
  panel.querySelector(".panel-body").replaceChildren(problem);
}

if (panel) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-panel]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    fetch(link.href, { headers: HEADERS }).then(read).catch(failed);
  });

  panel.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented) return;
    if ("filterForm" in form.dataset) {
      event.preventDefault();
      const query = new URLSearchParams(new FormData(form, event.submitter));
      fetch(`${form.action}?${query}`, { headers: HEADERS }).then(read).catch(failed);
      return;
    }
    // A download is left to the browser.
    if (form.method !== "post" || "download" in form.dataset) return;
    event.preventDefault();
    const body = new FormData(form, event.submitter);
    fetch(form.action, { method: "POST", body, headers: HEADERS }).then(read).catch(failed);
  });

  // A search input would consume the first Escape.
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) panel.close();
  });

  panel.addEventListener("click", (event) => {
    const wants = event.target.closest("[data-close], [data-cancel]");
    if (wants || event.target === panel) {
      event.preventDefault();
      panel.close();
    }
  });
}
