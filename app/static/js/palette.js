// Ctrl-K: global search while typing. A combobox over a list of links.
const dialog = document.getElementById("palette");
const input = dialog?.querySelector("input");
const list = document.getElementById("palette-list");
const hint = dialog?.querySelector(".palette-hint");
let rows = [];
let on = -1;
let lastRequest = 0;
let timer = 0;

function element(tag, className, text) {
  const created = document.createElement(tag);
  if (className) created.className = className;
  if (text) created.textContent = text;
  return created;
}

function link(url, ...children) {
  const row = element("a", "palette-row");
  row.href = url;
  row.id = `palette-${rows.length}`;
  row.tabIndex = -1;
  row.setAttribute("role", "option");
  row.setAttribute("aria-selected", "false");
  row.append(...children);
  rows.push(row);
  return row;
}

function choose(place) {
  rows[on]?.setAttribute("aria-selected", "false");
  on = rows.length ? (place + rows.length) % rows.length : -1;
  if (on < 0) return input.removeAttribute("aria-activedescendant");
  rows[on].setAttribute("aria-selected", "true");
  rows[on].scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", rows[on].id);
}

function suggest(text) {
  const row = link(`/search?q=${encodeURIComponent(text)}`, element("span", "", hint.dataset.suggest.replace("%s", text)));
  row.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    input.value = text;
    input.focus();
    search();
  });
  return row;
}

function render(groups, typed, suggestion) {
  rows = [];
  on = -1;
  const parts = groups.map((group, number) => {
    const part = element("div");
    part.setAttribute("role", "group");
    const title = element("div", "palette-group", group.label);
    title.id = `palette-group-${number}`;
    part.setAttribute("aria-labelledby", title.id);
    title.setAttribute("role", "presentation");
    part.append(title);
    for (const row of group.rows) {
      const icon = dialog.querySelector(`template[data-face="${group.all}"]`);
      const face = element("span", "avatar", icon ? "" : row.initials);
      if (icon) face.append(icon.content.cloneNode(true));
      face.setAttribute("aria-hidden", "true");
      face.classList.add(`a${Number(row.id ?? row.url.split("/").pop()) % 6}`);
      part.append(link(row.url, face, element("b", "", row.label), element("small", "", row.hint)));
    }
    const all = link(`${group.all}?q=${encodeURIComponent(typed)}`, element("span", "palette-all", hint.dataset.all));
    part.append(all);
    return part;
  });
  if (suggestion) parts.push(suggest(suggestion));
  list.replaceChildren(...parts);
  input.setAttribute("aria-expanded", String(rows.length > 0));
  hint.textContent = typed ? (groups.length ? "" : hint.dataset.none) : hint.dataset.start;
  hint.hidden = !hint.textContent;
  choose(rows.length ? 0 : -1);
}

async function search() {
  const typed = input.value.trim();
  const request = ++lastRequest;
  if (!typed) return render([], "");
  try {
    const answer = await fetch(`/search?q=${encodeURIComponent(typed)}`, { headers: { "X-Fragment": "1" } });
    if (answer.status === 401) return location.reload();
    const { groups, suggestion } = await answer.json();
    if (request === lastRequest) render(groups, typed, suggestion);
  } catch {
    if (request !== lastRequest) return;
    hint.hidden = false;
    hint.textContent = hint.dataset.failed;
  }
}

function open() {
  if (dialog.open) return;
  dialog.showModal();
  input.focus();
  input.select();
}

if (dialog) {
  for (const button of document.querySelectorAll("[data-palette]")) {
    button.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      open();
    });
    if (/Mac|iPhone|iPad/.test(navigator.platform)) button.querySelector("kbd").textContent = "⌘ K";
  }
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      open();
    }
  });
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 120);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(on + 1);
    else if (event.key === "ArrowUp") choose(on - 1);
    else if (event.key === "Enter" && rows[on]) rows[on].click();
    else if (event.key === "Escape") dialog.close();
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}
