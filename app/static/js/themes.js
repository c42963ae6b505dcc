// Light, dark or as the system: changed at once, kept by the server.
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
    // Kept alive, so that leaving the page at once loses nothing.
    const asked = { method: "POST", body, headers: { "X-Fragment": "1" }, keepalive: true };
    fetch(form.action, asked).catch(() => {});
  });
}
