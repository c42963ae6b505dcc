// Scrolls the current tab into view on a narrow screen.
for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
  const bar = tab.closest(".tabs");
  const [mine, whole] = [tab.getBoundingClientRect(), bar.getBoundingClientRect()];
  bar.scrollLeft += mine.left - whole.left - (whole.width - mine.width) / 2;
}
