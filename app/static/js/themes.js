// Switches between light, dark and system theme, and saves the choice on the server.
for (const form of document.querySelectorAll("[data-theme-form]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = event.submitter;
    const body = new FormData(form, button);
    document.documentElement.dataset.theme = button.value;
    for (const other of form.querySelectorAll("button")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    form.closest("details").open = false;
    form.closest("details").querySelector("summary").focus();
    // keepalive: the request survives leaving the page.
    const asked = { method: "POST", body, headers: { "X-Fragment": "1" }, keepalive: true };
    fetch(form.action, asked).catch(() => {});
  });
}
