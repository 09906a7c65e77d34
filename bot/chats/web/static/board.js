// The board of a thread: its pictures as cards that everybody can put in order, and show on a whole screen.
import * as api from "./api.js";
import { $, announce, el, pictureUrl, place, smallUrl, toast } from "./dom.js";

const SORTS = {
  put: ["As arranged", null],
  number: ["Number", (a, b) => a.number - b.number],
  votes: ["Votes", (a, b) => (b.votes ?? 0) - (a.votes ?? 0) || a.number - b.number],
  newest: ["Newest first", (a, b) => b.number - a.number],
};
const GROUPS = { none: "Not grouped", round: "By round", alike: "By likeness" };
const EVERYBODY = "Everybody";
/** Between something that happens and the board that shows it: what happens together is read together. */
const PACE_MS = 300;

const choice = (label, choices, onchange) => {
  const select = el("select", { class: "pill", "aria-label": label, onchange: () => onchange(select.value) });
  select.replaceChildren(...Object.entries(choices).map(([value, said]) => el("option", { value }, said)));
  return select;
};

/** One picture on the board. */
class Pin {
  constructor(card, board) {
    this.number = card.number;
    this.title = el("h3", { dir: "auto" });
    this.why = el("p", { dir: "auto" });
    this.votes = el("span", { class: "votes" });
    this.person = el("span", { class: "person" });
    this.image = el("img", { loading: "lazy", decoding: "async", draggable: "false" });
    this.frame = el("button", { type: "button", class: "frame", onclick: () => board.present(this.number) }, this.image);
    const mover = (by, sign) => el("button", { type: "button", class: "icon", "data-by": by, onclick: () => board.step(this.number, by) }, el("span", { "aria-hidden": "true" }, sign));
    this.movers = el("span", { class: "movers" }, mover(-1, "←"), mover(1, "→"));
    this.node = el("li", { class: "pin", "data-number": card.number }, el("span", { class: "badge", "aria-hidden": "true" }, `#${card.number}`), this.frame,
      el("div", { class: "words" }, this.title, this.why, el("div", { class: "foot" }, this.votes, this.person, this.movers)));
  }

  update(card, movable) {
    this.card = card;
    const source = smallUrl(card.sha256);
    if (this.image.getAttribute("src") !== source) Object.assign(this.image, { src: source, width: card.width, height: card.height });
    this.image.alt = card.alt;
    this.frame.setAttribute("aria-label", `${card.covered || `#${card.number}`}, on the whole screen: ${card.title}`);
    this.frame.classList.toggle("covered", Boolean(card.covered));
    this.title.textContent = card.title;
    this.why.textContent = card.why;
    this.votes.textContent = [card.winner ? "Winner" : "", card.votes ? card.told : ""].filter(Boolean).join(" · ");
    this.person.textContent = card.person || "";
    this.node.classList.toggle("winner", card.winner);
    this.node.draggable = movable;
    this.movers.hidden = !movable;
    this.movers.firstChild.setAttribute("aria-label", `Move #${card.number} before the one before it`);
    this.movers.lastChild.setAttribute("aria-label", `Move #${card.number} behind the one behind it`);
  }
}

export class BoardView {
  /** `leave()` is called by the button that leads back to the thread. */
  constructor(thread, leave) {
    this.thread = thread;
    this.pins = new Map();
    this.cards = [];
    this.sort = "put";
    this.group = "none";
    this.who = EVERYBODY;
    this.people = el("select", { class: "pill", "aria-label": "Whose pictures", onchange: () => { this.who = this.people.value; this.#draw(); } });
    this.shown = el("div", { class: "pinned" });
    this.empty = el("p", { class: "none" }, "Pictures of this thread hang here as soon as there are some.");
    this.node = el("section", { class: "board", id: "board-view", "aria-label": "Board", hidden: true },
      el("header", { class: "bar" }, el("h1", { tabindex: "-1" }, "Board"),
        choice("Order", Object.fromEntries(Object.entries(SORTS).map(([name, [said]]) => [name, said])), (value) => { this.sort = value; this.#draw(); }),
        choice("Groups", GROUPS, (value) => { this.group = value; if (value === "alike") this.refresh(); else this.#draw(); }), this.people,
        el("button", { type: "button", class: "pill", "data-present": true, onclick: () => this.present() }, "Present"),
        el("button", { type: "button", class: "pill", onclick: leave }, "Back to the thread")),
      this.shown, this.empty);
    document.querySelector(".talk").append(this.node);
    this.node.addEventListener("keydown", (event) => { if (event.key === "Escape") leave(); });
    this.slides = new Slides();
    this.#drags();
  }

  get open() { return !this.node.hidden; }

  enter() {
    if (this.open) return;
    this.node.hidden = false;
    for (const other of this.node.parentElement.children) if (other !== this.node) other.inert = true;
    this.refresh();
    this.node.querySelector("h1").focus();
  }

  leave() {
    if (!this.open) return;
    this.node.hidden = true;
    for (const other of this.node.parentElement.children) other.inert = false;
    this.pins.clear();
    this.cards = [];
    this.who = EVERYBODY;
    this.shown.replaceChildren();
  }

  /** What has happened in the thread. */
  heard(message) {
    if (!this.open) return;
    if (message.type === "board") this.#put(message.order);
    else if (["snapshot", "pictures", "redrawn"].includes(message.type) || message.turn?.final) this.waiting ||= setTimeout(() => { this.waiting = null; if (this.open) this.refresh(); }, PACE_MS);
  }

  async refresh() {
    const thread = this.thread(), asked = (this.asked = (this.asked || 0) + 1);
    try {
      const { cards } = await api.board(thread, this.group === "alike");
      if (!this.open || asked !== this.asked || thread !== this.thread()) return;
      this.cards = cards;
      this.#draw();
    } catch (error) { toast(error.message); }
  }

  get #movable() { return this.sort === "put" && this.group === "none"; }

  /** The cards that are shown, in their order. */
  get visible() {
    const shown = this.cards.filter((card) => this.who === EVERYBODY || card.person === this.who);
    return SORTS[this.sort][1] ? shown.toSorted(SORTS[this.sort][1]) : shown;
  }

  #draw() {
    const names = [EVERYBODY, ...new Set(this.cards.map((card) => card.person).filter(Boolean))];
    if (!names.includes(this.who)) this.who = EVERYBODY;
    place(this.people, names.map((name) => [...this.people.children].find((node) => node.value === name) || el("option", { value: name }, name)));
    this.people.value = this.who;
    this.people.hidden = names.length < 3;
    const focused = this.node.contains(document.activeElement) ? document.activeElement : null;
    place(this.shown, this.#groups().map(([head, cards]) => this.#section(head, cards)));
    // A card that is moved in the document would lose the focus.
    if (focused && document.activeElement !== focused && focused.isConnected) focused.focus({ preventScroll: true });
    const there = new Set(this.cards.map((card) => card.number));
    for (const number of this.pins.keys()) if (!there.has(number)) this.pins.delete(number);
    this.empty.hidden = Boolean(this.cards.length);
    this.node.querySelector("[data-present]").disabled = !this.visible.length;
  }

  #groups() {
    const shown = this.visible;
    if (this.group === "none") return [["", shown]];
    const found = new Map();
    for (const card of shown) {
      const key = this.group === "round" ? card.round : card.group;
      if (!found.has(key)) found.set(key, []);
      found.get(key).push(card);
    }
    if (this.group === "round") return [...found].map(([round, cards]) => [round || "Other pictures", cards]);
    const alike = [...found.values()].filter((cards) => cards.length > 1).map((cards) => [`${cards.length} pictures that look alike`, cards]);
    const single = [...found.values()].filter((cards) => cards.length === 1).flat();
    return single.length ? [...alike, ["Like no other", single]] : alike;
  }

  #section(head, cards) {
    const old = [...this.shown.children].find((node) => node.dataset.head === head);
    const section = old || el("div", { "data-head": head }, el("h2", { dir: "auto", class: head ? null : "hidden" }, head || "All pictures"), el("ol", { class: "pins" }));
    place(section.lastElementChild, cards.map((card) => {
      if (!this.pins.has(card.number)) this.pins.set(card.number, new Pin(card, this));
      const pin = this.pins.get(card.number);
      pin.update(card, this.#movable);
      return pin.node;
    }));
    return section;
  }

  // Putting in order

  #put(order) {
    const at = new Map(order.map((number, index) => [number, index]));
    this.cards = this.cards.toSorted((a, b) => (at.get(a.number) ?? 1e9) - (at.get(b.number) ?? 1e9));
    this.#draw();
  }

  /** One place further among those that are shown. */
  step(number, by) {
    const shown = this.visible.map((card) => card.number), at = shown.indexOf(number);
    if (shown[at + by] === undefined) return announce(`#${number} is ${by < 0 ? "first" : "last"} already.`);
    return this.move(number, by < 0 ? shown[at - 1] : this.#behind(shown[at + 1]));
  }

  /** The card behind another one, also among those that are not shown; null at the end. */
  #behind(number) { return this.cards[this.cards.findIndex((card) => card.number === number) + 1]?.number ?? null; }

  async move(number, before) {
    if (number === before) return;
    const order = this.cards.map((card) => card.number).filter((each) => each !== number);
    order.splice(before === null ? order.length : order.indexOf(before), 0, number);
    this.#put(order);
    announce(`#${number} is number ${order.indexOf(number) + 1} of ${order.length} now.`);
    try { await api.arrange(this.thread(), number, before); } catch (error) { toast(error.message); this.refresh(); }
  }

  #drags() {
    let dragged = null;
    const pin = (event) => event.target.closest?.(".pin");
    const clear = () => { for (const node of this.node.querySelectorAll(".before, .behind, .dragged")) node.classList.remove("before", "behind", "dragged"); };
    /** Whether what is dragged over a card would land behind it. */
    const behind = (node, event) => { const box = node.getBoundingClientRect(); return event.clientX > box.left + box.width / 2; };
    this.shown.addEventListener("dragstart", (event) => {
      const node = pin(event);
      if (!node || !this.#movable) return;
      dragged = Number(node.dataset.number);
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", `#${dragged}`);
      node.classList.add("dragged");
    });
    this.shown.addEventListener("dragover", (event) => {
      const node = pin(event);
      if (dragged === null || !node) return;
      event.preventDefault();
      for (const other of this.node.querySelectorAll(".before, .behind")) other.classList.remove("before", "behind");
      node.classList.add(behind(node, event) ? "behind" : "before");
    });
    this.shown.addEventListener("drop", (event) => {
      const node = pin(event), number = dragged;
      if (number === null || !node) return;
      event.preventDefault();
      const target = Number(node.dataset.number);
      this.move(number, behind(node, event) ? this.#behind(target) : target);
    });
    this.shown.addEventListener("dragend", () => { dragged = null; clear(); });
  }

  present(number = null) {
    const shown = this.visible;
    this.slides.open(shown, Math.max(0, shown.findIndex((card) => card.number === number)));
  }
}

/** Pictures on the whole screen, one at a time. */
class Slides {
  constructor() {
    this.head = el("h2", { id: "slides-title", dir: "auto" });
    this.told = el("p", { dir: "auto" });
    this.stage = el("div", { class: "slide-stage" });
    const step = (by, name, sign) => el("button", { type: "button", class: "pill", "aria-label": name, onclick: () => this.#step(by) }, sign);
    // A dialog itself cannot take the whole screen.
    this.body = el("div", { class: "slides-body" }, this.stage,
      el("div", { class: "slide-foot" }, el("div", { class: "words" }, this.head, this.told), step(-1, "Picture before", "‹"), step(1, "Next picture", "›"),
        el("button", { type: "button", class: "pill", onclick: () => this.dialog.close() }, "Close")));
    this.dialog = el("dialog", { class: "slides", "aria-labelledby": "slides-title" }, this.body);
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("close", () => { if (document.fullscreenElement) document.exitFullscreen(); });
    document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement && this.whole) this.dialog.close(); this.whole = Boolean(document.fullscreenElement); });
    document.body.append(this.dialog);
  }

  open(cards, at) {
    this.cards = cards;
    this.dialog.showModal();
    // A browser may refuse the whole screen; then it is the whole page.
    this.body.requestFullscreen?.().catch(() => {});
    this.#show(at);
  }

  #key(event) {
    const by = { ArrowLeft: -1, PageUp: -1, ArrowRight: 1, PageDown: 1 }[event.key];
    if (by) this.#step(by);
    else if (event.key === "Home") this.#show(0);
    else if (event.key === "End") this.#show(this.cards.length - 1);
    else return;
    event.preventDefault();
  }

  #step(by) { this.#show(Math.min(Math.max(this.at + by, 0), this.cards.length - 1)); }

  #show(at) {
    const card = this.cards[at];
    this.at = at;
    const image = el("img", { src: pictureUrl(card.sha256), alt: card.alt, class: card.covered ? "covered" : null });
    image.addEventListener("click", () => image.classList.remove("covered"));
    this.stage.replaceChildren(image);
    this.head.textContent = `#${card.number} ${card.title}`;
    this.told.textContent = [card.why, card.winner ? "Winner" : "", card.votes ? card.told : "", `${at + 1} of ${this.cards.length}`].filter(Boolean).join(" · ");
    announce(`${this.head.textContent}. ${this.told.textContent}`);
  }
}
