// What is ticked in a list, over all its pages: kept in this tab, for one list and one user.
const PREFIX = "ticks:";
const nothing = () => ({ ids: [], all: false, on: "", except: [] });

export function read(list, user) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(PREFIX + list));
    if (kept?.user === user) return kept;
  } catch {
    // Unreadable, or a browser that keeps nothing: the page's own ticks remain.
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

function forget(list) {
  sessionStorage.removeItem(PREFIX + list);
}

function forgetAll() {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
  }
}

function forgetOne(list, id) {
  const kept = JSON.parse(sessionStorage.getItem(PREFIX + list));
  if (kept) write(list, kept.user, { ...kept, ids: kept.ids.filter((each) => each !== id) });
}

// Forms that end a selection: signing out, confirming an action on it, deleting one of its files.
document.addEventListener("submit", (event) => {
  const path = new URL(event.target.action, location.href).pathname;
  const gone = path.match(/^(.+)\/delete\/(\d+)$/);
  try {
    if (path === "/logout/") forgetAll();
    else if (event.target.dataset.unticks) forget(event.target.dataset.unticks);
    else if (gone) forgetOne(gone[1], gone[2]);
  } catch {
    // As above.
  }
});
