// Row selection: tick all, tick a range with Shift, and the action bar.
import { read, write } from "./selection.js";

const MAX_TICKED = 1000;
const table = document.querySelector("table[data-ticks]");
const bar = document.querySelector("[data-tickbar]");

if (table && bar) {
  const { list, user, on, ...words } = bar.dataset;
  const all = table.querySelector("[data-tick-all]");
  const boxes = [...table.querySelectorAll("tbody input")];
  const hint = document.querySelector("[data-tick-hint]");
  const skipLink = document.querySelector("[data-skip-link]");
  const allMatching = bar.querySelector("[data-every]");
  const matching = bar.querySelector("[data-matching]");
  const format = new Intl.NumberFormat(document.documentElement.lang);
  let chosen = { ids: new Set(), except: new Set(), all: false };
  let last = null;

  // A list without collective actions stores nothing: only the ticks of the page count.
  const load = () => {
    const stored = list ? read(list, user) : { ids: boxes.filter((b) => b.checked).map((b) => b.value) };
    // “All matching” applies to one filter only.
    const isAll = Boolean(stored.all && stored.on === on);
    chosen = { ids: new Set(stored.ids), except: new Set(isAll ? stored.except : []), all: isAll };
    show();
    // Coming back from a cancelled action: return to the action bar.
    if (stored.isLeft) {
      focusBar();
      save();
    }
  };
  const save = (more = {}) => {
    if (!list) return;
    const ids = [...chosen.ids];
    write(list, user, { ids, except: [...chosen.except], all: chosen.all, on, ...more });
  };
  const setTicked = (box, isTicked) => {
    box.checked = isTicked;
    if (chosen.all) chosen.except[isTicked ? "delete" : "add"](box.value);
    else chosen.ids[isTicked ? "add" : "delete"](box.value);
  };
  const countText = () => {
    const { size } = chosen.all ? chosen.except : chosen.ids;
    const total = bar.querySelector("[data-total]")?.textContent;
    if (!chosen.all) return size === 1 ? words.one : words.many.replace("{}", format.format(size));
    if (!size) return words.all.replace("{}", total);
    // A total such as 10,000+ cannot be subtracted from.
    const number = total.endsWith("+") ? NaN : Number(total.replace(/\D/g, ""));
    if (number) return words.of.replace("{n}", format.format(number - size)).replace("{}", total);
    return words.but.replace("{}", total).replace("{but}", format.format(size));
  };
  const remarkText = (onPage) => {
    if (chosen.all) return chosen.except.size > MAX_TICKED ? words.tooFew : "";
    if (chosen.ids.size > MAX_TICKED) return words.tooMany;
    const elsewhere = chosen.ids.size - onPage;
    return elsewhere ? words.elsewhere.replace("{}", format.format(elsewhere)) : "";
  };
  const hasSelection = () => chosen.all || chosen.ids.size > 0;
  // Move the focus from the rows to the action bar: to its menu rather than to a button before it,
  // which a second Enter would press.
  const focusBar = () => {
    if (!hasSelection()) return;
    const ways = [".tickbar-ways :not([inert]) > summary", ".tickbar-ways > button", "[data-untick]"];
    ways.map((way) => bar.querySelector(way)).find(Boolean).focus();
  };
  const show = () => {
    for (const box of boxes) {
      box.checked = chosen.all ? !chosen.except.has(box.value) : chosen.ids.has(box.value);
    }
    const onPage = boxes.filter((box) => box.checked).length;
    const isUp = hasSelection();
    all.checked = onPage === boxes.length;
    all.indeterminate = onPage > 0 && onPage < boxes.length;
    if (allMatching) {
      allMatching.checked = chosen.all;
      // The list has one page: its own “tick all” box suffices until all are ticked.
      matching.hidden = "isWhole" in matching.dataset && !all.checked && !chosen.all;
      const isTooLong = (chosen.all ? chosen.except : chosen.ids).size > MAX_TICKED;
      bar.querySelector("[data-acts]").inert = isTooLong;
    }
    if (isUp) {
      bar.querySelector("[data-count]").textContent = countText();
      bar.querySelector("[data-note]").textContent = remarkText(onPage);
    }
    // The bar disappears: move the focus out of it first.
    if (!isUp && bar.contains(document.activeElement)) all.focus();
    bar.classList.toggle("is-up", isUp);
    skipLink.hidden = !isUp;
    if (hint) hint.hidden = isUp;
  };
  const onChange = (change) => (event) => {
    change(event);
    save();
    show();
  };

  table.addEventListener("click", (event) => {
    const place = boxes.indexOf(event.target);
    if (place < 0) return;
    const isTicked = event.target.checked;
    const from = event.shiftKey && last !== null ? last : place;
    const range = boxes.slice(Math.min(from, place), Math.max(from, place) + 1);
    last = place;
    for (const box of range) setTicked(box, isTicked);
    save();
    show();
  });
  all.addEventListener("change", onChange(() => {
    const isTicked = all.checked;
    for (const box of boxes) setTicked(box, isTicked);
  }));
  allMatching?.addEventListener("change", onChange(() => {
    const onPage = boxes.filter((box) => box.checked).map((box) => box.value);
    chosen = { ids: new Set(allMatching.checked ? [] : onPage), except: new Set(), all: allMatching.checked };
  }));
  const untick = onChange(() => {
    chosen = { ids: new Set(), except: new Set(), all: false };
  });
  bar.querySelector("[data-untick]").addEventListener("click", untick);
  skipLink.addEventListener("click", (event) => {
    event.preventDefault();
    focusBar();
  });
  table.addEventListener("keydown", (event) => {
    if (event.target !== all && !boxes.includes(event.target)) return;
    // By default a browser would press the first button of the bar.
    if (event.key === "Enter") event.preventDefault();
    if (event.key === "Enter") focusBar();
    else if (event.key === "Escape") untick(event);
  });
  bar.addEventListener("keydown", (event) => {
    // An open menu closes first.
    if (event.key !== "Escape" || event.target.closest("details[open]")) return;
    (boxes[last] ?? boxes.find((box) => box.checked) ?? all).focus();
  });
  bar.addEventListener("submit", () => save({ isLeft: true }));
  bar.addEventListener("formdata", ({ formData }) => {
    if (!list) return;
    for (const name of ["rowid", "all", "except"]) formData.delete(name);
    if (chosen.all) formData.set("all", "1");
    const [name, ids] = chosen.all ? ["except", chosen.except] : ["rowid", chosen.ids];
    for (const id of ids) formData.append(name, id);
  });
  document.addEventListener("counted", show);
  // Restore the ticks on going back, also from the back-forward cache.
  window.addEventListener("pageshow", load);
  load();
}
