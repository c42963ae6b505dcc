// A combobox over a <select>, single or multiple, whose options are in the page or fetched
// while typing. The select stays the field that is submitted.
import { onEnhance } from "./enhance.js";

const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const words = document.getElementById("picker-words")?.dataset ?? {};
let count = 0;

class Picker {
  constructor(select) {
    this.select = select;
    this.lookup = select.dataset.lookup;
    this.isMany = select.multiple;
    this.id = `picker-${++count}`;
    this.found = [];
    this.on = -1;
    this.lastRequest = 0;
    this.build();
    this.draw();
  }

  build() {
    const { select } = this;
    this.root = document.createElement("div");
    this.root.className = "picker";
    this.box = document.createElement("div");
    this.box.className = `form-control picker-box${select.classList.contains("is-invalid") ? " is-invalid" : ""}`;
    this.input = document.createElement("input");
    Object.assign(this.input, { type: "text", autocomplete: "off", spellcheck: false, id: `${this.id}-input` });
    this.list = document.createElement("ul");
    Object.assign(this.list, { className: "picker-list", id: `${this.id}-list`, hidden: true });
    this.list.setAttribute("role", "listbox");
    for (const [name, value] of Object.entries({
      role: "combobox", "aria-expanded": "false", "aria-controls": this.list.id, "aria-autocomplete": "list",
    })) this.input.setAttribute(name, value);
    const label = select.id ? document.querySelector(`label[for="${select.id}"]`) : null;
    if (label) {
      label.htmlFor = this.input.id;
      label.id ||= `${this.id}-label`;
      this.list.setAttribute("aria-labelledby", label.id);
    } else {
      const text = select.getAttribute("aria-label");
      this.input.setAttribute("aria-label", text);
      this.list.setAttribute("aria-label", text);
    }
    for (const name of ["aria-describedby", "aria-invalid"]) {
      if (select.hasAttribute(name)) this.input.setAttribute(name, select.getAttribute(name));
    }
    if (select.required) this.input.setAttribute("aria-required", "true");
    select.hidden = true;
    select.before(this.root);
    this.root.append(this.box, this.list, select);
    this.box.append(this.input);
    if (!this.isMany) {
      this.clear = document.createElement("button");
      Object.assign(this.clear, { type: "button", className: "btn-icon picker-clear", textContent: "×" });
      this.clear.setAttribute("aria-label", words.clear);
      this.clear.addEventListener("click", () => {
        this.set(null);
        this.input.focus();
      });
      this.root.append(this.clear);
    }
    this.box.addEventListener("click", (event) => {
      if (!event.target.closest("button")) this.input.focus();
    });
    this.input.addEventListener("focus", () => this.isMany || this.input.select());
    this.input.addEventListener("click", () => this.search(true));
    this.input.addEventListener("input", (event) => {
      event.stopPropagation();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.search(), this.lookup ? 150 : 0);
    });
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("blur", () => this.close());
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const place = [...this.list.children].indexOf(event.target.closest("li"));
      if (this.found[place]) this.choose(this.found[place]);
    });
    select.addEventListener("change", () => this.draw());
  }

  chosen() {
    return [...this.select.options].filter((option) => option.selected && option.value);
  }

  draw() {
    const chosen = this.chosen();
    if (!this.isMany) {
      this.input.value = chosen[0]?.text ?? "";
      this.input.placeholder = words.find;
      this.clear.hidden = !chosen.length;
      return;
    }
    for (const old of this.box.querySelectorAll(".picker-item")) old.remove();
    for (const option of chosen) {
      const item = document.createElement("span");
      item.className = "picker-item";
      const text = document.createElement("span");
      text.textContent = option.text;
      const remove = document.createElement("button");
      remove.type = "button";
      remove.textContent = "×";
      remove.setAttribute("aria-label", `${words.remove} ${option.text}`);
      remove.addEventListener("click", () => {
        option.selected = false;
        this.changed();
        this.input.focus();
      });
      item.append(text, remove);
      this.input.before(item);
    }
    this.input.placeholder = chosen.length ? "" : words.find;
  }

  changed() {
    this.select.dispatchEvent(new Event("change", { bubbles: true }));
  }

  async search(all = false) {
    const typed = all && !this.isMany ? "" : this.input.value.trim();
    const request = ++this.lastRequest;
    if (!this.lookup) {
      const wanted = fold(typed);
      const options = [...this.select.options].filter((option) => option.value && fold(option.text).includes(wanted));
      return this.open(options.map((option) => ({ id: option.value, label: option.text, hint: "" })));
    }
    try {
      const answer = await fetch(`${this.lookup}?q=${encodeURIComponent(typed)}`, { headers: { "X-Fragment": "1" } });
      const { results, create } = await answer.json();
      if (create) results.push({ id: "", label: words.create, hint: typed, create });
      if (request === this.lastRequest && document.activeElement === this.input) this.open(results);
    } catch {
      if (request === this.lastRequest) this.open([], words.failed);
    }
  }

  open(found, text = words.none) {
    this.found = found.map((row) => ({ ...row, id: String(row.id) }));
    const chosen = new Set(this.chosen().map((option) => option.value));
    const rows = this.found.map((row, place) => {
      const item = document.createElement("li");
      item.id = `${this.id}-${place}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(chosen.has(row.id)));
      item.textContent = row.label;
      if (row.hint) {
        const hint = document.createElement("small");
        hint.textContent = row.hint;
        item.append(hint);
      }
      return item;
    });
    if (!rows.length) {
      const none = document.createElement("li");
      none.className = "picker-none";
      none.setAttribute("role", "option");
      none.setAttribute("aria-disabled", "true");
      none.textContent = text;
      rows.push(none);
    }
    this.list.replaceChildren(...rows);
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.move(this.input.value.trim() && this.found.length ? 0 : -1);
  }

  move(place) {
    this.list.children[this.on]?.classList.remove("is-on");
    this.on = this.found.length && place >= 0 ? place % this.found.length : -1;
    const item = this.list.children[this.on];
    if (!item || this.on < 0) return this.input.removeAttribute("aria-activedescendant");
    item.classList.add("is-on");
    item.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", item.id);
  }

  close() {
    this.lastRequest++;
    this.list.hidden = true;
    this.on = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    if (this.isMany) this.input.value = "";
    else if (!this.input.value.trim() && this.chosen().length) this.set(null);
    else this.input.value = this.chosen()[0]?.text ?? "";
  }

  choose(row) {
    if (row.create) {
      // In a new window, so that this form keeps what was typed.
      window.open(row.hint ? `${row.create}?name=${encodeURIComponent(row.hint)}` : row.create, "_blank");
      return this.close();
    }
    const option = [...this.select.options].find((one) => one.value === row.id) ?? new Option(row.label, row.id);
    if (!option.parentElement) this.select.add(option);
    if (!this.isMany) {
      this.set(option);
      this.list.hidden = true;
      this.input.setAttribute("aria-expanded", "false");
      return;
    }
    option.selected = !option.selected;
    this.input.value = "";
    this.changed();
    this.search();
  }

  set(option) {
    for (const one of this.select.options) one.selected = one === option;
    if (!option) this.select.value = "";
    this.changed();
  }

  onKey(event) {
    const isOpen = !this.list.hidden;
    if (event.key === "ArrowDown") isOpen ? this.move(this.on + 1) : this.search(true);
    else if (event.key === "ArrowUp") this.move(this.on < 1 ? this.found.length - 1 : this.on - 1);
    else if (event.key === "Enter" && isOpen && this.on >= 0) this.choose(this.found[this.on]);
    else if (event.key === "Enter" && isOpen) this.close();
    else if (event.key === "Escape" && isOpen) {
      this.close();
      event.stopPropagation();
    } else if (event.key === "Backspace" && this.isMany && !this.input.value) {
      const last = this.chosen().at(-1);
      if (!last) return;
      last.selected = false;
      this.changed();
      return;
    } else return;
    event.preventDefault();
  }
}

onEnhance((part) => {
  for (const select of part.querySelectorAll("select[data-lookup], select[multiple]")) {
    if (!select.closest(".picker")) new Picker(select);
  }
});
