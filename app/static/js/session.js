// Before a form is sent: is somebody still signed in? What was typed is never lost.
const dialog = document.getElementById("signed-out");
const sure = new WeakSet();
let waiting = null;
let isAsking = false;

async function ask() {
  const answer = await fetch("/session", { headers: { Accept: "application/json" } });
  return answer.status === 401 ? null : (await answer.json()).csrf;
}

async function send(form, submitter) {
  let token;
  try {
    token = await ask();
  } catch {
    // No answer: the form is sent as ever, and the browser says what is wrong.
    token = form.elements.csrf_token?.value;
  }
  if (token === null) return false;
  for (const field of form.querySelectorAll('[name="csrf_token"]')) field.value = token;
  sure.add(form);
  form.requestSubmit(submitter);
  return true;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!dialog || !form.matches("form[data-guard]") || event.defaultPrevented) return;
  if (sure.delete(form)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (isAsking || form.dataset.sent) return;
  isAsking = true;
  const { submitter } = event;
  send(form, submitter)
    .then((isSent) => {
      if (isSent) return;
      waiting = { form, submitter };
      dialog.querySelector("[data-still]").hidden = true;
      dialog.showModal();
    })
    .finally(() => (isAsking = false));
}, true);

dialog?.querySelector("[data-later]").addEventListener("click", () => dialog.close());

dialog?.querySelector("[data-again]").addEventListener("click", async () => {
  const { form, submitter } = waiting;
  if (await send(form, submitter)) dialog.close();
  else dialog.querySelector("[data-still]").hidden = false;
});
