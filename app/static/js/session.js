// Checks before a form is submitted that the session is alive; if not, keeps the form open.
const dialog = document.getElementById("signed-out");
const checked = new WeakSet();
let waiting = null;
let isChecking = false;

async function fetchToken() {
  const answer = await fetch("/session", { headers: { Accept: "application/json" } });
  return answer.status === 401 ? null : (await answer.json()).csrf;
}

async function send(form, submitter) {
  let token;
  try {
    token = await fetchToken();
  } catch {
    // No response: submit the form anyway, so that the browser shows the error.
    token = form.elements.csrf_token?.value;
  }
  if (token === null) return false;
  for (const field of form.querySelectorAll('[name="csrf_token"]')) field.value = token;
  checked.add(form);
  form.requestSubmit(submitter);
  return true;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!dialog || !form.matches("form[data-guard]") || event.defaultPrevented) return;
  if (checked.delete(form)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (isChecking || form.dataset.sent) return;
  isChecking = true;
  const { submitter } = event;
  send(form, submitter)
    .then((isSent) => {
      if (isSent) return;
      waiting = { form, submitter };
      dialog.querySelector("[data-still]").hidden = true;
      dialog.showModal();
    })
    .finally(() => (isChecking = false));
}, true);

dialog?.querySelector("[data-later]").addEventListener("click", () => dialog.close());

dialog?.querySelector("[data-again]").addEventListener("click", async () => {
  const { form, submitter } = waiting;
  if (await send(form, submitter)) dialog.close();
  else dialog.querySelector("[data-still]").hidden = false;
});
