// Choosing a level ticks its permissions; ticking permissions selects the level they match.
for (const area of document.querySelectorAll("[data-area]")) {
  const boxes = [...area.querySelectorAll("input[type=checkbox]")];
  const levels = [...area.querySelectorAll("input[type=radio]")];
  const between = area.querySelector("[data-between]");
  const ticked = area.querySelector("[data-ticked]");
  const includes = (level, box) => Number(box.dataset.level) <= Number(level.dataset.level);
  const update = () => {
    const match = levels.find((level) => boxes.every((box) => box.checked === includes(level, box)));
    for (const level of levels) level.checked = level === match;
    between.hidden = Boolean(match);
    // The first number in the text is the count of ticked permissions.
    const count = boxes.filter((box) => box.checked).length;
    ticked.textContent = ticked.textContent.replace(/\d+/, String(count));
  };
  area.addEventListener("change", (event) => {
    if (event.target.type === "radio") {
      for (const box of boxes) {
        if (!box.disabled) box.checked = includes(event.target, box);
      }
    }
    update();
  });
  window.addEventListener("pageshow", update);
}
