// Possible duplicates by keyboard: j and k go from pair to pair, m merges, n tells two apart.
const list = document.querySelector("[data-pairs]");

function go(step) {
  const pairs = [...list.querySelectorAll("[data-pair]")];
  const place = pairs.findIndex((pair) => pair.contains(document.activeElement));
  const next = pairs[Math.min(Math.max(place + step, 0), pairs.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function press(name) {
  document.activeElement?.closest("[data-pair]")?.querySelector(`[${name}]`)?.click();
}

if (list) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "j" || event.key === "k") go(event.key === "j" ? 1 : -1);
    else if (event.key === "m") press("data-pair-merge");
    else if (event.key === "n") press("data-pair-apart");
    else return;
    event.preventDefault();
  });
  list.querySelector("[data-pair]")?.focus({ preventScroll: true });
}
