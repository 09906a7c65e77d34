// Links that say where they lead: what `handlers/links.py` decides for the other chats, with the browser's own reading.
import { el } from "./dom.js";

const PLAIN = /^https?:\/\/(\[[0-9a-f:.]+\]|[^\s/?#:@%\\[\]]+)(:\d{1,5})?([/?#]\S*)?$/i;
const LIKE_AN_ADDRESS = /[./\\@。·‧∙⋅•ꓸ܁܂⸳꘎∕⁄⧸╱⟋][\p{L}\p{N}_]|\/\/|[╱⟋]{2}/u;
/** Characters that turn the direction of what follows, an address too. */
export const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;
const ASCII = /^[\x00-\x7f]*$/;

/** Where an address leads, as a URL in ASCII; null for all that is no plain address of the web. */
function destination(address) {
  if (!PLAIN.test(address)) return null;
  try { return new URL(address); } catch { return null; }
}

/** Whether somebody who reads `label` may take the link for one to another place than `goal`. */
function lies(label, goal) {
  const words = label.normalize("NFKC").replace(/[\p{Cf}\p{Cc}\p{Default_Ignorable_Code_Point}\u2800]/gu, "").trim();
  if (!words) return true;
  if (!LIKE_AN_ADDRESS.test(words.replace(/\s+/g, ""))) return false;
  const written = label.trim();
  const named = destination(written.includes("://") ? written : `https://${written}`);
  return !ASCII.test(label) || !named || named.host !== goal.host;
}

const anchor = (goal, words) => el("a", { href: goal.href, rel: "noopener noreferrer nofollow", target: "_blank" }, words);

/** Nodes for `[label](address)`: a label that lies stands before its link, which is then called by its address. */
export function masked(label, address) {
  const goal = destination(address);
  if (!goal) return [`${label} (${address})`];
  return lies(label, goal) ? [`${label} (`, anchor(goal, goal.href), ")"] : [anchor(goal, label)];
}

/** Nodes for an address in the text. */
export function bare(address) {
  const goal = destination(address);
  return [goal ? anchor(goal, ASCII.test(address) ? address : goal.href) : address];
}
