// On a narrow screen the tab one is on is brought into sight.
for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
  const bar = tab.closest(".tabs");
  const [mine, whole] = [tab.getBoundingClientRect(), bar.getBoundingClientRect()];
  bar.scrollLeft += mine.left - whole.left - (whole.width - mine.width) / 2;
}
