// Asks for confirmation before a form or a button with data-confirm submits.
const ask = document.getElementById("ask");
const confirmed = new WeakSet();
let waiting = null;

document.addEventListener("submit", (event) => {
  const form = event.target;
  const source = event.submitter?.dataset.confirm ? event.submitter : form;
  if (!source.dataset.confirm || !ask) return;
  if (confirmed.delete(form)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  waiting = { form, submitter: event.submitter };
  ask.querySelector("p").textContent = source.dataset.confirm;
  const yes = ask.querySelector('[value="yes"]');
  yes.dataset.defaultText ??= yes.textContent;
  yes.textContent = source.dataset.yes || yes.dataset.defaultText;
  yes.classList.toggle("btn-danger", !("calm" in source.dataset));
  yes.classList.toggle("btn-primary", "calm" in source.dataset);
  ask.returnValue = "";
  ask.showModal();
}, true);

ask?.addEventListener("close", () => {
  // The page of a job may have replaced the form in the meantime.
  if (ask.returnValue === "yes" && waiting?.form.isConnected) {
    confirmed.add(waiting.form);
    waiting.form.requestSubmit(waiting.submitter);
  }
  waiting = null;
});
