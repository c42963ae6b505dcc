// A level ticks what it means; ticks of one's own show which level they amount to, if any.
for (const area of document.querySelectorAll("[data-area]")) {
  const boxes = [...area.querySelectorAll("input[type=checkbox]")];
  const levels = [...area.querySelectorAll("input[type=radio]")];
  const between = area.querySelector("[data-between]");
  const ticked = area.querySelector("[data-ticked]");
  const means = (level, box) => Number(box.dataset.level) <= Number(level.dataset.level);
  const tell = () => {
    const match = levels.find((level) => boxes.every((box) => box.checked === means(level, box)));
    for (const level of levels) level.checked = level === match;
    between.hidden = Boolean(match);
    // The first figure of the sentence is how many are ticked.
    const count = boxes.filter((box) => box.checked).length;
    ticked.textContent = ticked.textContent.replace(/\d+/, String(count));
  };
  area.addEventListener("change", (event) => {
    if (event.target.type === "radio") {
      for (const box of boxes) {
        if (!box.disabled) box.checked = means(event.target, box);
      }
    }
    tell();
  });
  window.addEventListener("pageshow", tell);
}
