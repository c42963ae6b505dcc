// Creates a row in a dialog over the form, for a picker. The dialog shows the add page of the
// row's model; the form below it stays as it is.
import { enhance } from "./enhance.js";

const dialog = document.getElementById("create");
let finish = null;

// Shows the add form with the typed name; returns {id, label}, or null if it was cancelled.
export async function createRow(url, typed) {
  finish?.(null);
  const created = new Promise((resolve) => (finish = resolve));
  try {
    const answer = await fetch(`${url}?${new URLSearchParams({ typed })}`, { headers: { "X-Fragment": "1" } });
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.text(), url);
  } catch {
    dialog.querySelector(".panel-body").replaceChildren();
    complain();
  }
  if (!dialog.open) dialog.showModal();
  focus();
  return created;
}

// The ids of the fragment are also those of the form below it.
function rename(body) {
  for (const part of body.querySelectorAll("[id]")) part.id = `create-${part.id}`;
  for (const name of ["for", "list", "data-for", "aria-labelledby", "aria-describedby"]) {
    for (const part of body.querySelectorAll(`[${name}]`)) {
      const ids = part.getAttribute(name).split(" ").filter(Boolean);
      part.setAttribute(name, ids.map((id) => `create-${id}`).join(" "));
    }
  }
  for (const link of body.querySelectorAll('a[href^="#"]')) link.hash = `create-${link.hash.slice(1)}`;
}

function show(html, url) {
  const body = dialog.querySelector(".panel-body");
  body.innerHTML = html;
  rename(body);
  body.querySelector("form").setAttribute("action", url);
  const heading = body.querySelector("h1");
  heading.id = "create-title";
  dialog.setAttribute("aria-labelledby", heading.id);
  enhance(body);
}

function focus() {
  (dialog.querySelector("[aria-invalid], [autofocus]") ?? dialog.querySelector("[data-close]"))?.focus();
}

function complain(text = dialog.dataset.failed) {
  const body = dialog.querySelector(".panel-body");
  const problem = body.querySelector(":scope > .error") ?? document.createElement("p");
  problem.className = "error";
  problem.setAttribute("role", "alert");
  problem.textContent = text;
  body.prepend(problem);
}

dialog?.addEventListener("submit", async (event) => {
  if (event.defaultPrevented) return;
  event.preventDefault();
  const form = event.target;
  if (form.dataset.sent) return;
  form.dataset.sent = "1";
  const url = form.getAttribute("action");
  try {
    const body = new FormData(form, event.submitter);
    const answer = await fetch(url, { method: "POST", body, headers: { "X-Fragment": "1", "X-Create": "1" } });
    const isJson = (answer.headers.get("Content-Type") || "").includes("json");
    if (isJson) {
      const row = await answer.json();
      if (!answer.ok) return complain(row.error);
      finish?.({ id: String(row.id), label: row.label });
      finish = null;
      dialog.close();
    } else if (answer.status === 409 || answer.status === 422) {
      show(await answer.text(), url);
      focus();
    } else complain();
  } catch {
    complain();
  } finally {
    delete form.dataset.sent;
  }
});

dialog?.addEventListener("click", (event) => {
  if (event.target.closest("[data-close], [data-cancel]")) {
    event.preventDefault();
    dialog.close();
  }
});

dialog?.addEventListener("close", () => {
  finish?.(null);
  finish = null;
  dialog.querySelector(".panel-body").replaceChildren();
});
