// A combobox over a <select>, single or multiple, whose options are in the page or fetched
// while typing. The select stays the field that is submitted. With data-create a row that is
// missing is created in a dialog over the form.
import { createRow } from "./create.js";
import { onEnhance } from "./enhance.js";
import { place } from "./place.js";

const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
const words = document.getElementById("picker-words")?.dataset ?? {};
const pickers = new Set();
let count = 0;

// A control must not move between pointerdown and pointerup, so messages wait for the latter.
let pointerIsDown = false;
addEventListener("pointerdown", () => (pointerIsDown = true), true);
for (const name of ["pointerup", "pointercancel"]) {
  addEventListener(name, () => setTimeout(() => (pointerIsDown = false)), true);
}
const afterPointer = (act) => {
  if (!pointerIsDown) return act();
  addEventListener("pointerup", () => setTimeout(act), { once: true, capture: true });
};

class Picker {
  constructor(select) {
    this.select = select;
    this.lookup = select.dataset.lookup;
    this.isMany = select.multiple;
    // A dialog that creates a row does not open another one.
    this.create = select.closest("#create") ? "" : select.dataset.create;
    this.id = `picker-${++count}`;
    this.found = [];
    this.on = -1;
    this.lastRequest = 0;
    // Whether the input holds typed text that stands for nothing chosen yet.
    this.isTyped = false;
    this.build();
    this.draw();
    pickers.add(this);
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
    // In the top layer the list floats over everything and is not cut off by a dialog.
    if (this.list.showPopover) this.list.popover = "manual";
    for (const [name, value] of Object.entries({
      role: "combobox", "aria-expanded": "false", "aria-controls": this.list.id, "aria-autocomplete": "list",
    })) this.input.setAttribute(name, value);
    const label = select.id ? document.querySelector(`label[for="${CSS.escape(select.id)}"]`) : null;
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
    const hasFocus = select.autofocus && document.activeElement === select;
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
    if (hasFocus) this.input.focus();
    this.listen();
  }

  listen() {
    this.box.addEventListener("click", (event) => {
      if (!event.target.closest("button")) this.input.focus();
    });
    this.input.addEventListener("focus", () => this.isMany || this.input.select());
    this.input.addEventListener("click", () => this.search(!this.isTyped));
    this.input.addEventListener("input", (event) => {
      event.stopPropagation();
      this.isTyped = true;
      this.complain("");
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.search(), this.lookup ? 150 : 0);
    });
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("blur", () => this.leave());
    // The input keeps the focus; a row is chosen when the pointer is released on it.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const row = this.found[[...this.list.children].indexOf(event.target.closest("li"))];
      if (row) this.choose(row);
    });
    this.select.addEventListener("change", () => this.draw());
    this.reposition = () => place(this.list, this.box);
  }

  chosen() {
    return [...this.select.options].filter((option) => option.selected && option.value);
  }

  draw() {
    const chosen = this.chosen();
    this.isTyped = false;
    this.complain("");
    if (!this.isMany) {
      this.input.value = chosen[0]?.text ?? "";
      this.input.placeholder = words.find;
      this.clear.hidden = !chosen.length;
      return;
    }
    this.input.value = "";
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

  // Returns the rows that match a text.
  async match(typed) {
    if (!this.lookup) {
      return [...this.select.options]
        .filter((option) => option.value && fold(option.text).includes(fold(typed)))
        .map((option) => ({ id: option.value, label: option.text, hint: "" }));
    }
    const answer = await fetch(`${this.lookup}?q=${encodeURIComponent(typed)}`, { headers: { "X-Fragment": "1" } });
    const { results } = await answer.json();
    return results.map((row) => ({ ...row, id: String(row.id) }));
  }

  async search(all = false) {
    const typed = all && !this.isMany ? "" : this.input.value.trim();
    const request = ++this.lastRequest;
    let found = [];
    let text = words.none;
    try {
      found = await this.match(typed);
    } catch {
      text = words.failed;
    }
    if (request !== this.lastRequest || document.activeElement !== this.input) return;
    this.typedFor = typed;
    if (this.create && text !== words.failed && !found.some((row) => fold(row.label) === fold(typed))) {
      const name = this.select.dataset.createLabel;
      found.push({ id: "", label: typed ? `${name} ${words.quoted.replace("{}", typed)}` : `${name}…`, create: typed });
    }
    this.open(found, text);
  }

  open(found, text) {
    this.found = found;
    const chosen = new Set(this.chosen().map((option) => option.value));
    const rows = found.map((row, place_) => {
      const item = document.createElement("li");
      item.id = `${this.id}-${place_}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(chosen.has(row.id)));
      item.textContent = row.label;
      if (row.create !== undefined) item.className = "picker-new";
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
    this.show();
    this.move(this.isTyped && this.input.value.trim() && found.length ? 0 : -1);
    // The first ArrowDown keeps the only match instead of going past it to “New…”.
    this.keepsOnly = this.on === 0 && found[0].create === undefined && found.length === 2 && found[1].create !== undefined;
  }

  show() {
    if (this.list.hidden) {
      this.list.hidden = false;
      this.list.showPopover?.();
      addEventListener("scroll", this.reposition, { capture: true, passive: true });
      addEventListener("resize", this.reposition);
    }
    this.input.setAttribute("aria-expanded", "true");
    this.reposition();
  }

  close() {
    this.lastRequest++;
    clearTimeout(this.timer);
    if (!this.list.hidden) {
      this.list.hidePopover?.();
      this.list.hidden = true;
      removeEventListener("scroll", this.reposition, { capture: true });
      removeEventListener("resize", this.reposition);
    }
    this.on = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  move(place_) {
    this.list.children[this.on]?.classList.remove("is-on");
    this.on = this.found.length && place_ >= 0 ? place_ % this.found.length : -1;
    const item = this.list.children[this.on];
    if (!item || this.on < 0) return this.input.removeAttribute("aria-activedescendant");
    item.classList.add("is-on");
    item.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", item.id);
  }

  async choose(row) {
    this.close();
    if (row.create !== undefined) {
      this.isCreating = true;
      row = await createRow(this.select.dataset.create, row.create);
      this.isCreating = false;
      this.input.focus();
      if (!row) return;
    }
    const option = [...this.select.options].find((one) => one.value === row.id) ?? new Option(row.label, row.id);
    if (!option.parentElement) this.select.add(option);
    if (!this.isMany) return this.set(option);
    option.selected = !option.selected;
    this.changed();
  }

  set(option) {
    for (const one of this.select.options) one.selected = one === option;
    if (!option) this.select.value = "";
    this.changed();
  }

  // Restores the text of what is chosen.
  reset() {
    this.draw();
    this.close();
  }

  // When the focus leaves, the typed text is resolved to a row or reported, never dropped.
  leave() {
    this.close();
    if (!this.isTyped || this.isCreating) return;
    if (!this.input.value.trim()) {
      if (!this.isMany && this.chosen().length) this.set(null);
      else this.draw();
      return;
    }
    afterPointer(() => this.resolve());
  }

  // Chooses the row that the typed text names: the same name, else the only match.
  async resolve() {
    const typed = this.input.value.trim();
    if (!this.isTyped || !typed) return true;
    const found = await this.match(typed).catch(() => []);
    if (!this.isTyped || this.input.value.trim() !== typed) return !this.isTyped;
    const same = found.filter((row) => fold(row.label) === fold(typed));
    const row = same.length === 1 ? same[0] : found.length === 1 ? found[0] : null;
    if (!row) {
      this.complain(words.choose);
      return false;
    }
    const isChosen = this.chosen().some((option) => option.value === row.id);
    if (isChosen) this.draw();
    else await this.choose(row);
    return true;
  }

  complain(text) {
    if (!text) {
      if (!this.error) return;
      this.error.remove();
      this.error = null;
      this.box.classList.remove("is-invalid");
      this.input.removeAttribute("aria-invalid");
      this.input.removeAttribute("aria-describedby");
      return;
    }
    if (!this.error) {
      this.error = document.createElement("p");
      this.error.className = "error picker-error";
      this.error.id = `${this.id}-error`;
      this.error.setAttribute("role", "alert");
      this.root.after(this.error);
    }
    this.error.textContent = text;
    this.box.classList.add("is-invalid");
    this.input.setAttribute("aria-invalid", "true");
    this.input.setAttribute("aria-describedby", this.error.id);
  }

  onKey(event) {
    const isOpen = !this.list.hidden;
    const row = isOpen && this.found[this.on];
    const hasText = this.isTyped && this.input.value.trim();
    if (event.key === "Tab") {
      // Only rows of what is typed now; a slower answer is waited for in ``resolve``.
      const isNew = row && row.create !== undefined;
      if (row && !isNew && (!hasText || this.typedFor === hasText)) this.choose(row);
      return;
    }
    if (event.key === "ArrowDown") {
      if (!isOpen) this.search(!hasText);
      else if (!this.keepsOnly) this.move(this.on + 1);
      this.keepsOnly = false;
    } else if (event.key === "ArrowUp") this.move(this.on < 1 ? this.found.length - 1 : this.on - 1);
    else if (event.key === "Enter") {
      if (row && (!hasText || this.typedFor === hasText)) this.choose(row);
      else if (hasText && this.resolving) this.resolving.then((isDone) => isDone && this.select.form?.requestSubmit());
      else if (hasText) this.resolving = this.resolve().finally(() => (this.resolving = null));
      // Nothing is being typed: Enter submits the form.
      else return;
    } else if (event.key === "Escape" && (isOpen || hasText)) {
      this.reset();
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

// A form with typed text that names nothing is not submitted: it is resolved first.
addEventListener("submit", (event) => {
  const form = event.target;
  const open = [...pickers].filter((one) => one.select.form === form && one.isTyped && one.input.value.trim());
  if (!open.length) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const { submitter } = event;
  (async () => {
    for (const one of open) {
      if (!(await one.resolve())) return one.input.focus();
    }
    form.requestSubmit(submitter);
  })();
}, true);

onEnhance((part) => {
  for (const one of pickers) if (!one.select.isConnected) pickers.delete(one);
  for (const select of part.querySelectorAll("select[data-lookup], select[multiple]")) {
    if (!select.closest(".picker")) new Picker(select);
  }
});
