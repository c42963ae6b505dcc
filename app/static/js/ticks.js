// Ticked rows: tick all, tick a stretch with Shift, and the bar that acts on them.
import { read, write } from "./selection.js";

const MOST = 1000;
const table = document.querySelector("table[data-ticks]");
const bar = document.querySelector("[data-tickbar]");

if (table && bar) {
  const { list, user, on, ...words } = bar.dataset;
  const all = table.querySelector("[data-tick-all]");
  const boxes = [...table.querySelectorAll("tbody input")];
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
  };
  const save = () => {
    if (!list) return;
    write(list, user, { ids: [...chosen.ids], except: [...chosen.except], all: chosen.all, on });
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
  const show = () => {
    for (const box of boxes) {
      box.checked = chosen.all ? !chosen.except.has(box.value) : chosen.ids.has(box.value);
    }
    const here = boxes.filter((box) => box.checked).length;
    const isUp = chosen.all || chosen.ids.size > 0;
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
  bar.querySelector("[data-untick]").addEventListener("click", told(() => {
    chosen = { ids: new Set(), except: new Set(), all: false };
  }));
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
