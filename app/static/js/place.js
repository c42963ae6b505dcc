// Places a floating list below its field, or above it where there is more room.
const GAP = 4;
const MOST = 280;

export function place(list, field) {
  if (!list.popover) return;
  const box = field.getBoundingClientRect();
  const height = window.visualViewport?.height ?? innerHeight;
  const below = height - box.bottom - 2 * GAP;
  const above = box.top - 2 * GAP;
  const isAbove = below < Math.min(MOST, list.scrollHeight) && above > below;
  list.style.left = `${box.left}px`;
  list.style.width = `${box.width}px`;
  list.style.maxHeight = `${Math.max(80, Math.min(MOST, isAbove ? above : below))}px`;
  list.style.top = isAbove ? "auto" : `${box.bottom + GAP}px`;
  list.style.bottom = isAbove ? `${innerHeight - box.top + GAP}px` : "auto";
}
