// Shows or hides the empty fields of a show page; the choice is stored.
for (const button of document.querySelectorAll("[data-empties]")) {
  const details = button.closest(".details");
  if (!details.querySelector(".is-empty")) {
    button.closest(".card-more").remove();
    continue;
  }
  const set = (shows) => {
    details.classList.toggle("shows-empty", shows);
    button.setAttribute("aria-expanded", String(shows));
    button.textContent = shows ? button.dataset.less : button.dataset.more;
  };
  set(localStorage.getItem("empties") === "shown");
  button.addEventListener("click", () => {
    const shows = !details.classList.contains("shows-empty");
    localStorage.setItem("empties", shows ? "shown" : "hidden");
    set(shows);
  });
}
