// Small helpers. Text always goes in as text nodes, so nothing that people or models write can become markup.

export const $ = (id) => document.getElementById(id);

/** Make an element: el("button", {class: "x", onclick: f}, "text", child). */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function svg(tag, attributes = {}) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/** Make `nodes` the children of `parent`, touching only what changed. */
export function place(parent, nodes) {
  nodes.forEach((node, index) => { if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] || null); });
  while (parent.children.length > nodes.length) parent.lastElementChild.remove();
}

/** Say something to screen readers without moving the focus. */
export function announce(sentence) { $("status").textContent = sentence; }

export function toast(sentence, kind = "error") {
  const node = el("div", { class: `toast ${kind}` }, el("span", {}, sentence));
  const close = el("button", { type: "button", class: "icon", "aria-label": "Dismiss", onclick: () => node.remove() }, "✕");
  node.append(close);
  $("toasts").append(node);
  // What only confirms does not cover the newest picture for long.
  setTimeout(() => node.remove(), kind === "error" || sentence.length > 80 ? 12000 : 3000);
}

/** Where a picture is had as a file that is named by what it shows. */
export const downloadUrl = (part) => `/pictures/${part.sha256}?download=${encodeURIComponent(`${part.number} ${part.description}`)}`;

export const pictureUrl = (sha256) => `/pictures/${sha256}`;

/** A small copy, where many are shown. */
export const smallUrl = (sha256) => `/pictures/${sha256}?small`;
