// Runs before the first paint, so that the wrong theme does not flash.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const wanted = root.dataset.theme;
    root.dataset.bsTheme = wanted === "auto" ? (dark.matches ? "dark" : "light") : wanted;
  };
  dark.addEventListener("change", apply);
  new MutationObserver(apply).observe(root, { attributeFilter: ["data-theme"] });
  apply();
  root.classList.add("js");
  try {
    if (localStorage.getItem("side") === "folded") root.classList.add("side-folded");
  } catch {
    // Storage is disabled: the sidebar stays open.
  }
})();
