// “All” ticks every right on a page, or none when all are ticked.
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-all]");
  if (!button) return;
  const boxes = [...button.closest(".rights-row").querySelectorAll("input")];
  const isTicked = !boxes.every((box) => box.checked);
  for (const box of boxes) box.checked = isTicked;
  boxes[0]?.dispatchEvent(new Event("change", { bubbles: true }));
});
