// Menus that open below or above their button: all of an open one is seen, Escape and a click elsewhere close it.

/** Move an open menu to where all of it is seen: below its button where there is no room above, and off the edges. */
function intoSight(menu, box, top) {
  const edge = 8;
  box.style.translate = "";
  if (top !== null) {
    menu.classList.remove("below");
    if (box.getBoundingClientRect().top < top) menu.classList.add("below");
  }
  const at = box.getBoundingClientRect();
  const right = Math.min(0, innerWidth - edge - at.right), left = Math.max(0, edge - at.left - right);
  const up = Math.min(0, innerHeight - edge - at.bottom), down = Math.max(0, edge - at.top - up);
  if (left || right || up || down) box.style.translate = `${left + right}px ${up + down}px`;
}

/** `menu` is a `details` with a summary and a box; `log` is what it may not stick out of, above; without it the menu opens below. */
export function wireMenu(menu, log = null) {
  const box = menu.lastElementChild;
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) { menu.open = false; menu.firstElementChild.focus(); event.stopPropagation(); }
  });
  menu.addEventListener("toggle", () => { if (menu.open) intoSight(menu, box, log && log.getBoundingClientRect().top); });
  box.addEventListener("click", () => { menu.open = false; });
  return menu;
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
