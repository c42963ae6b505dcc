// Ask before a form or a button with data-confirm does what it does.
const ask = document.getElementById("ask");
const sure = new WeakSet();
let waiting = null;

document.addEventListener("submit", (event) => {
  const form = event.target;
  const asks = event.submitter?.dataset.confirm ? event.submitter : form;
  if (!asks.dataset.confirm || !ask) return;
  if (sure.delete(form)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  waiting = { form, submitter: event.submitter };
  ask.querySelector("p").textContent = asks.dataset.confirm;
  const yes = ask.querySelector('[value="yes"]');
  yes.dataset.usual ??= yes.textContent;
  yes.textContent = asks.dataset.yes || yes.dataset.usual;
  yes.classList.toggle("btn-danger", !("calm" in asks.dataset));
  yes.classList.toggle("btn-primary", "calm" in asks.dataset);
  ask.returnValue = "";
  ask.showModal();
}, true);

ask?.addEventListener("close", () => {
  // A page that follows a job may have drawn the form anew, or away, meanwhile.
  if (ask.returnValue === "yes" && waiting?.form.isConnected) {
    sure.add(waiting.form);
    waiting.form.requestSubmit(waiting.submitter);
  }
  waiting = null;
});
