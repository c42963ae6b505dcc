// The button in a date field opens the browser's calendar; the date is written as the reader types it.
import { onEnhance } from "./enhance.js";

const pad = (number, length = 2) => String(number).padStart(length, "0");

function read(text, isDayFirst) {
  const parts = text.trim().split(/[-/.]/).map(Number);
  if (parts.length !== 3 || parts.some(Number.isNaN)) return "";
  const [year, month, day] =
    parts[0] > 999 ? parts : [parts[2], parts[isDayFirst ? 1 : 0], parts[isDayFirst ? 0 : 1]];
  return year > 999 ? `${pad(year, 4)}-${pad(month)}-${pad(day)}` : "";
}

onEnhance((part) => {
  for (const box of part.querySelectorAll("[data-date]")) {
    const [text, native] = [box.querySelector("input:not([type=date])"), box.querySelector("[type=date]")];
    const button = box.querySelector("button");
    if (!native.showPicker) continue;
    const isDayFirst = text.dataset.dateOrder === "dmy";
    button.hidden = false;
    button.addEventListener("click", () => {
      native.value = read(text.value.trim().split(" ")[0], isDayFirst);
      native.showPicker();
    });
    native.addEventListener("change", () => {
      const [year, month, day] = native.value.split("-");
      const date = native.value && (isDayFirst ? `${day}/${month}/${year}` : `${month}/${day}/${year}`);
      // The time of a moment stays.
      text.value = [date, ...text.value.trim().split(" ").slice(1)].join(" ");
      text.dispatchEvent(new Event("input", { bubbles: true }));
      text.dispatchEvent(new Event("change", { bubbles: true }));
      text.focus();
    });
  }
});
