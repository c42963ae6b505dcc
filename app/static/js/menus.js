// Menus are <details>: closed by Escape, a click elsewhere, or opening another.
const open = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("focusin", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.menu[open]");
  if (!menu) return;
  const items = [...menu.querySelectorAll(".menu-sheet a, .menu-sheet button")];
  const place = items.indexOf(document.activeElement);
  if (event.key === "Escape") {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (event.key === "ArrowDown") {
    items[(place + 1) % items.length]?.focus();
  } else if (event.key === "ArrowUp") {
    items[(place - 1 + items.length) % items.length]?.focus();
  } else return;
  event.preventDefault();
});
