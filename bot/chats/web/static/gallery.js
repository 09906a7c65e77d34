// The gallery: everything that was made here, to search. The words in its box are the whole search; the filters write into it.
import * as api from "./api.js";
import { $, el, smallUrl } from "./dom.js";

const PART = /(?:([a-z]{2,6}):)?(?:"([^"]*)"|(\S+))/gi;
const FILTERS = { votes: "gallery-votes", style: "gallery-style", by: "gallery-by", in: "gallery-in", since: "gallery-since", until: "gallery-until" };

/** The value of one part of a search, as `style:"pixel art"`; empty where there is none. */
function part(search, key) {
  for (const found of search.matchAll(PART)) if (found[1]?.toLowerCase() === key) return found[2] ?? found[3];
  return "";
}

function withPart(search, key, value) {
  const kept = [...search.matchAll(PART)].filter((found) => found[1]?.toLowerCase() !== key).map((found) => found[0]);
  const plain = value.replaceAll('"', " ").trim();
  if (plain) kept.push(/\s/.test(plain) ? `${key}:"${plain}"` : `${key}:${plain}`);
  return kept.join(" ");
}

export class Gallery {
  /** `here()` is the open thread; `go(thread, number)` opens one at a picture; `left()` is called when it was closed. */
  constructor(here, go, left) {
    this.here = here;
    this.go = go;
    this.dialog = $("gallery-dialog");
    this.box = $("gallery-search");
    this.asking = 0;
    this.box.addEventListener("input", () => { this.#show(); clearTimeout(this.typing); this.typing = setTimeout(() => this.#ask(), 250); });
    $("gallery-form").addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(this.typing); this.#ask(); });
    for (const [key, id] of Object.entries(FILTERS)) {
      $(id).addEventListener("change", () => { this.box.value = withPart(this.box.value, key, $(id).value); this.#ask(); });
    }
    $("gallery-more").addEventListener("click", () => this.#more());
    this.dialog.addEventListener("close", () => { this.asking += 1; $("gallery-grid").replaceChildren(); left(); });
  }

  get open() { return this.dialog.open; }

  set styles(names) { $("gallery-style").append(...names.map((name) => el("option", { value: name }, name))); }

  show(search = "") {
    this.box.value = search;
    if (!this.dialog.open) this.dialog.showModal();
    this.#show();
    this.#ask();
    if (matchMedia("(pointer: fine)").matches) this.box.focus();
  }

  close() { this.dialog.close(); }

  /** The filters say what the words in the box say. */
  #show() {
    for (const [key, id] of Object.entries(FILTERS)) {
      const field = $(id), value = part(this.box.value, key);
      if (document.activeElement === field) continue;
      if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === value)) field.append(el("option", { value }, value));
      field.value = value;
    }
  }

  async #ask() {
    const search = this.box.value.trim();
    history.replaceState(history.state, "", search ? `/gallery?${new URLSearchParams({ q: search })}` : "/gallery");
    const found = await this.#page(search);
    if (!found) return;
    $("gallery-grid").replaceChildren(...found.hung.map((one) => this.#hung(one)));
    $("gallery-body").scrollTop = 0;
    this.#behind(found);
    if (!found.hung.length) $("gallery-told").textContent = found.sentence;
  }

  async #more() {
    const found = await this.#page(this.older);
    if (!found) return;
    const first = found.hung.map((one) => this.#hung(one));
    $("gallery-grid").append(...first);
    first[0]?.querySelector("a").focus();
    this.#behind(found);
  }

  async #page(search) {
    const turn = ++this.asking;
    $("gallery-grid").setAttribute("aria-busy", "true");
    try {
      const found = await api.gallery(search, this.here());
      return turn === this.asking && this.dialog.open ? found : null;
    } catch (error) {
      if (error.status === 401) location.reload();
      if (turn === this.asking) $("gallery-told").textContent = error.message;
      return null;
    } finally {
      if (turn === this.asking) $("gallery-grid").removeAttribute("aria-busy");
    }
  }

  #behind(found) {
    this.older = found.older;
    const count = $("gallery-grid").children.length;
    $("gallery-told").textContent = `${count} ${count === 1 ? "picture" : "pictures"}${found.older ? ", and older ones" : ""}`;
    $("gallery-more").hidden = !found.older;
  }

  #hung(one) {
    const picture = el("img", { src: smallUrl(one.sha256), alt: one.alt, width: one.width, height: one.height, loading: "lazy", decoding: "async" });
    const link = el("a", {
      href: `/t/${one.thread}#picture-${one.number}`, class: one.covered ? "covered" : null,
      onclick: (event) => { if (!event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); this.go(one.thread, one.number); } },
    }, picture, one.covered ? el("span", {}, one.covered) : null);
    return el("li", {}, link, el("p", { title: one.description, dir: "auto" }, one.description),
      el("small", { dir: "auto" }, [`#${one.number}`, one.beside, one.title].filter(Boolean).join(" · ")));
  }
}
