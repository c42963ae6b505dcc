// Runs before the page is drawn, so that nobody sees the wrong theme flash by.
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
    // A browser that keeps nothing: the menu is simply unfolded.
  }
})();
