// Copies the text of elements to the clipboard, a line each; prints the page.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy], [data-print]");
  if (!button) return;
  if ("print" in button.dataset) return void window.print();
  const lines = [...document.querySelectorAll(button.dataset.copy)];
  await navigator.clipboard.writeText(lines.map((line) => line.textContent.trim()).join("\n"));
  button.querySelector("span").textContent = button.dataset.done;
});
