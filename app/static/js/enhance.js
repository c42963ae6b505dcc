// Runs every registered behaviour on a part of the page: first the document, later a dialog.
const behaviours = [];

export function onEnhance(behaviour) {
  behaviours.push(behaviour);
  behaviour(document);
}

export function enhance(part) {
  for (const behaviour of behaviours) behaviour(part);
}
