// The selection of a list across its pages: stored in sessionStorage, per list and user.
const PREFIX = "ticks:";
const nothing = () => ({ ids: [], all: false, on: "", except: [] });

export function read(list, user) {
  try {
    const stored = JSON.parse(sessionStorage.getItem(PREFIX + list));
    if (stored?.user === user) return stored;
  } catch {
    // Invalid data, or storage is disabled: the ticks of the page remain.
  }
  return nothing();
}

export function write(list, user, selection) {
  try {
    const isEmpty = !selection.all && !selection.ids.length;
    if (isEmpty) sessionStorage.removeItem(PREFIX + list);
    else sessionStorage.setItem(PREFIX + list, JSON.stringify({ ...selection, user }));
  } catch {
    // As above.
  }
}

function clear(list) {
  sessionStorage.removeItem(PREFIX + list);
}

function clearAll() {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
  }
}

function removeOne(list, id) {
  const stored = JSON.parse(sessionStorage.getItem(PREFIX + list));
  if (stored) write(list, stored.user, { ...stored, ids: stored.ids.filter((each) => each !== id) });
}

// Forms that clear a selection: sign out, confirm an action on it, delete one of its rows.
document.addEventListener("submit", (event) => {
  const path = new URL(event.target.action, location.href).pathname;
  const deleted = path.match(/^(.+)\/delete\/(\d+)$/);
  try {
    if (path === "/logout/") clearAll();
    else if (event.target.dataset.unticks) clear(event.target.dataset.unticks);
    else if (deleted) removeOne(deleted[1], deleted[2]);
  } catch {
    // As above.
  }
});
