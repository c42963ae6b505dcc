// The sidebar: collapsible on a desktop (the choice is stored), an overlay on a phone.
const root = document.documentElement;
const side = document.getElementById("side");
const fold = document.querySelector('[data-side="fold"]');

if (side) {
  const folded = () => root.classList.contains("side-folded");
  const update = () => fold.setAttribute("aria-expanded", String(!folded()));
  update();
  fold.addEventListener("click", () => {
    root.classList.toggle("side-folded");
    localStorage.setItem("side", folded() ? "folded" : "open");
    update();
  });

  const opener = document.querySelector('[data-side="open"]');
  const page = document.querySelector(".page");
  const slide = (isOpen) => {
    side.classList.toggle("is-open", isOpen);
    page.inert = isOpen;
    (isOpen ? side.querySelector(".side-close") : opener).focus();
  };
  opener.addEventListener("click", (event) => {
    event.preventDefault();
    slide(true);
  });
  for (const closer of document.querySelectorAll('[data-side="close"]')) {
    closer.addEventListener("click", (event) => {
      event.preventDefault();
      slide(false);
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && side.classList.contains("is-open")) slide(false);
  });
}
