// The little markdown that language models write, as DOM nodes. No HTML is ever parsed.
import { el } from "./dom.js";
import { TURNING, bare, masked } from "./links.js";

const INLINE = /(`[^`\n]+`)|(\*\*[^*\n]+\*\*)|(__[^_\n]+__)|(\*[^*\s][^*\n]*\*)|(\[[^\]\n]+\]\(https?:\/\/[^\s)]+\))|(https?:\/\/[^\s<>)\]]+)/g;

function inline(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > from) nodes.push(text.slice(from, match.index));
    const found = match[0];
    if (match[1]) nodes.push(el("code", {}, found.slice(1, -1)));
    else if (match[2] || match[3]) nodes.push(el("strong", {}, found.slice(2, -2)));
    else if (match[4]) nodes.push(el("em", {}, found.slice(1, -1)));
    else if (match[5]) {
      const [, label, address] = found.match(/^\[([^\]]+)\]\((.+)\)$/);
      nodes.push(...masked(label, address));
    } else nodes.push(...bare(found));
    from = match.index + found.length;
  }
  if (from < text.length) nodes.push(text.slice(from));
  return nodes;
}

function lines(text) {
  return text.split("\n").flatMap((line, index) => (index ? [el("br"), ...inline(line)] : inline(line)));
}

function block(text) {
  const rows = text.split("\n");
  if (rows.every((row) => /^\s*[-*•]\s+/.test(row))) return list("ul", rows, /^\s*[-*•]\s+/);
  if (rows.every((row) => /^\s*\d+[.)]\s+/.test(row))) return list("ol", rows, /^\s*\d+[.)]\s+/);
  if (rows.every((row) => row.startsWith(">"))) return el("blockquote", {}, ...lines(text.replace(/^> ?/gm, "")));
  const heading = text.match(/^#{1,6}\s+(.+)$/);
  if (heading) return el("p", {}, el("strong", {}, ...inline(heading[1])));
  return el("p", {}, ...lines(text));
}

const list = (tag, rows, mark) => el(tag, {}, ...rows.map((row) => el("li", {}, ...inline(row.replace(mark, "")))));

/** Fill `target` with `text`. */
export function render(target, text) {
  const nodes = [];
  text.replace(TURNING, "").split(/^```[^\n]*\n?/m).forEach((piece, index) => {
    if (index % 2) nodes.push(el("pre", {}, el("code", {}, piece.replace(/\n$/, ""))));
    else for (const part of piece.split(/\n{2,}/)) if (part.trim()) nodes.push(block(part.replace(/^\n+|\n+$/g, "")));
  });
  target.replaceChildren(...nodes);
}
