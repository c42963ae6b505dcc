// Runs in a page after axe-core: all rules in the light theme, those on colours in both themes.
//
// Contrast is the costly rule. It depends on a text's colour, size and weight and on the
// backgrounds behind it, so a look that axe has passed on one page is not checked on the next.
// A text that axe could not judge has not passed. The result is left in window.axeFound.
({ passed, isFull }) => {
  const root = document.documentElement;

  async function check() {
    const COLOUR_RULES = ["color-contrast", "link-in-text-block"];
    // The style sheets, which axe would preload, are for its experimental rules alone.
    const OPTIONS = { preload: { assets: ["media"] }, elementRef: true };
    const usualTheme = root.dataset.bsTheme;
    const known = new Set(isFull ? [] : passed);
    const still = new CSSStyleSheet();
    still.replaceSync("*, ::before, ::after { transition: none !important }");
    document.adoptedStyleSheets = [still];

    function texts() {
      const found = new Set(document.querySelectorAll("input, select, textarea"));
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        if (walker.currentNode.data.trim()) found.add(walker.currentNode.parentElement);
      }
      return [...found].filter((element) => element.checkVisibility({ visibilityProperty: true }));
    }

    function looks() {
      const behind = new Map();
      const background = (element) => {
        if (!element) return "";
        if (!behind.has(element)) {
          const { backgroundColor, backgroundImage, opacity, filter } = getComputedStyle(element);
          const own = [backgroundColor, backgroundImage, opacity, filter].join(" ");
          behind.set(element, `${own}|${background(element.parentElement)}`);
        }
        return behind.get(element);
      };
      return (element) => {
        const style = getComputedStyle(element);
        const parts = [style.color, style.fontSize, style.fontWeight, style.textShadow];
        if (element.matches("a")) parts.push(getComputedStyle(element.parentElement).color);
        if (element.placeholder) parts.push(getComputedStyle(element, "::placeholder").color);
        return [...parts, background(element)].join("|");
      };
    }

    async function checkColours(theme) {
      root.dataset.bsTheme = theme;
      const look = looks();
      const unknown = new Map(texts().map((element) => [element, look(element)]));
      for (const [element, name] of unknown) if (known.has(name)) unknown.delete(element);
      if (!unknown.size) return [];
      const results = await axe.run(
        { include: [...unknown.keys()] },
        { ...OPTIONS, runOnly: COLOUR_RULES, resultTypes: ["violations", "passes"] },
      );
      const isPassed = ({ id }) => id === "color-contrast";
      for (const { element } of results.passes.filter(isPassed).flatMap(({ nodes }) => nodes)) {
        if (unknown.has(element)) known.add(unknown.get(element));
      }
      return describe(results, theme);
    }

    function describe({ violations }, theme) {
      return violations.flatMap(({ id, nodes }) =>
        nodes.map(({ html }) => `${location.href}, ${theme}: ${id}: ${html.slice(0, 160)}`));
    }

    root.dataset.bsTheme = "light";
    const rules = { "color-contrast": { enabled: false } };
    const structure = await axe.run({ ...OPTIONS, rules, resultTypes: ["violations"] });
    const violations = [
      ...describe(structure, "light"),
      ...(await checkColours("light")),
      ...(await checkColours("dark")),
    ];
    root.dataset.bsTheme = usualTheme;
    document.adoptedStyleSheets = [];
    return { violations, passed: [...known] };
  }

  delete root.dataset.axe;
  check()
    .catch((error) => ({ violations: [`axe failed: ${error}`], passed }))
    .then((found) => {
      window.axeFound = found;
      root.dataset.axe = "done";
    });
}
