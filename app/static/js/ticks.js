// Ticked rows: tick all, tick a stretch with Shift, and the bar that acts on them.
import { read, write } from "./selection.js";

const MOST = 1000;
const table = document.querySelector("table[data-ticks]");
const bar = document.querySelector("[data-tickbar]");

if (table && bar) {
  const { list, user, on, ...words } = bar.dataset;
  const all = table.querySelector("[data-tick-all]");
  const boxes = [...table.querySelectorAll("tbody input")];
  const leap = document.querySelector("[data-leap]");
  const every = bar.querySelector("[data-every]");
  const matching = bar.querySelector("[data-matching]");
  const format = new Intl.NumberFormat(document.documentElement.lang);
  let chosen = { ids: new Set(), except: new Set(), all: false };
  let last = null;

  // A list without collective actions keeps nothing: its ticks are those of the page.
  const load = () => {
    const kept = list ? read(list, user) : { ids: boxes.filter((b) => b.checked).map((b) => b.value) };
    // All that match is a promise about one filter, and ends with it.
    const isAll = Boolean(kept.all && kept.on === on);
    chosen = { ids: new Set(kept.ids), except: new Set(isAll ? kept.except : []), all: isAll };
    show();
    // Whoever turned back before the end goes on from where they left.
    if (kept.isLeft) {
      act();
      save();
    }
  };
  const save = (more = {}) => {
    if (!list) return;
    const ids = [...chosen.ids];
    write(list, user, { ids, except: [...chosen.except], all: chosen.all, on, ...more });
  };
  const note = (box, isTicked) => {
    box.checked = isTicked;
    if (chosen.all) chosen.except[isTicked ? "delete" : "add"](box.value);
    else chosen.ids[isTicked ? "add" : "delete"](box.value);
  };
  const said = () => {
    const { size } = chosen.all ? chosen.except : chosen.ids;
    const total = bar.querySelector("[data-total]")?.textContent;
    if (!chosen.all) return size === 1 ? words.one : words.many.replace("{}", format.format(size));
    if (!size) return words.all.replace("{}", total);
    return words.but.replace("{}", total).replace("{but}", format.format(size));
  };
  const remark = (here) => {
    if (chosen.all) return chosen.except.size > MOST ? words.tooFew : "";
    if (chosen.ids.size > MOST) return words.tooMany;
    const elsewhere = chosen.ids.size - here;
    return elsewhere ? words.elsewhere.replace("{}", format.format(elsewhere)) : "";
  };
  const isAnything = () => chosen.all || chosen.ids.size > 0;
  // Lead from the rows to the bar.
  const act = () => {
    if (!isAnything()) return;
    const ways = bar.querySelector(".tickbar-ways :not([inert]) > summary, .tickbar-ways > button");
    (ways ?? bar.querySelector("[data-untick]")).focus();
  };
  const show = () => {
    for (const box of boxes) {
      box.checked = chosen.all ? !chosen.except.has(box.value) : chosen.ids.has(box.value);
    }
    const here = boxes.filter((box) => box.checked).length;
    const isUp = isAnything();
    all.checked = here === boxes.length;
    all.indeterminate = here > 0 && here < boxes.length;
    if (every) {
      every.checked = chosen.all;
      // One page of which not all is ticked: its own box is the shorter way.
      matching.hidden = "isWhole" in matching.dataset && !all.checked && !chosen.all;
      const isTooLong = (chosen.all ? chosen.except : chosen.ids).size > MOST;
      bar.querySelector("[data-acts]").inert = isTooLong;
    }
    if (isUp) {
      bar.querySelector("[data-count]").textContent = said();
      bar.querySelector("[data-note]").textContent = remark(here);
    }
    // The bar goes: what has the focus must not go with it.
    if (!isUp && bar.contains(document.activeElement)) all.focus();
    bar.classList.toggle("is-up", isUp);
    leap.hidden = !isUp;
  };
  const told = (change) => (event) => {
    change(event);
    save();
    show();
  };

  table.addEventListener("click", (event) => {
    const place = boxes.indexOf(event.target);
    if (place < 0) return;
    const isTicked = event.target.checked;
    const from = event.shiftKey && last !== null ? last : place;
    const stretch = boxes.slice(Math.min(from, place), Math.max(from, place) + 1);
    last = place;
    for (const box of stretch) note(box, isTicked);
    save();
    show();
  });
  all.addEventListener("change", told(() => {
    const isTicked = all.checked;
    for (const box of boxes) note(box, isTicked);
  }));
  every?.addEventListener("change", told(() => {
    const here = boxes.filter((box) => box.checked).map((box) => box.value);
    chosen = { ids: new Set(every.checked ? [] : here), except: new Set(), all: every.checked };
  }));
  const untick = told(() => {
    chosen = { ids: new Set(), except: new Set(), all: false };
  });
  bar.querySelector("[data-untick]").addEventListener("click", untick);
  leap.addEventListener("click", (event) => {
    event.preventDefault();
    act();
  });
  table.addEventListener("keydown", (event) => {
    if (event.target !== all && !boxes.includes(event.target)) return;
    // By itself, a browser would press the first button of the bar.
    if (event.key === "Enter") event.preventDefault();
    if (event.key === "Enter") act();
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
  // Going back to the page, however the browser does it, brings the ticks back.
  window.addEventListener("pageshow", load);
  load();
}
