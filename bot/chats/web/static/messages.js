// The conversation: one view a turn, updated in place so that nothing flickers or loses the focus.
import { $, announce, el, pictureUrl, place } from "./dom.js";
import { render } from "./markdown.js";
import { Card } from "./pictures.js";
import { Wall } from "./wall.js";

const blank = (part) => part.kind === "text" && !/[\p{L}\p{N}]/u.test(part.text);
const short = (part) => part.text.length <= 110 && !part.text.trim().includes("\n");

/** Punctuation that followed a tag in the model's sentence looks lost below a picture. */
const tidy = (text) => text.replace(/^\s*[,.;:]?\s+/, "").trimEnd();

class TurnView {
  constructor(turn, board, mine) {
    this.board = board;
    this.node = el("article", { class: `turn ${turn.role}`, "aria-label": turn.role === "user" ? `${turn.name} said` : "Easel answered" });
    this.views = new Map();
    this.mine = mine;
  }

  update(turn) {
    this.turn = turn;
    const nodes = turn.role === "user" ? this.#user(turn) : [];
    let row = null, rows = 0, lead = "";
    const round = turn.parts.find((part) => part.kind === "round"), ideas = new Set(round?.cards.map((card) => card.number));
    turn.parts.forEach((part, index) => {
      if (part.kind === "picture" && ideas.has(part.number)) return; // it stands on the wall
      if (part.kind === "picture") {
        if (!row) {
          row = this.#keyed(`row${rows++}`, () => ({ node: el("div", { class: "row" }) })).node;
          row.wanted = [];
          nodes.push(row);
        }
        row.wanted.push(this.#column(part, lead));
        lead = "";
        return;
      }
      // A few words between two pictures introduce the second one: they stand above it, side by side.
      if (row && part.kind === "text" && turn.parts[index + 1]?.kind === "picture" && (blank(part) || short(part))) {
        lead = blank(part) ? "" : tidy(part.text);
        return;
      }
      row = null;
      const node = part.kind === "round" ? this.#wall(part, turn) : this.#words(part, index);
      if (node) nodes.push(node);
    });
    if (turn.thinking && !nodes.length) nodes.push(this.#keyed("dots", dots).node);
    for (const node of nodes) if (node.wanted) { place(node, node.wanted); }
    place(this.node, nodes);
  }

  #user(turn) {
    const nodes = [];
    if (!this.mine(turn.person)) nodes.push(this.#keyed("who", () => ({ node: el("div", { class: "who" }, turn.name) })).node);
    if (turn.text) {
      const said = this.#keyed("said", () => ({ node: el("div", { class: "said", dir: "auto" }) })).node;
      if (said.textContent !== turn.text) said.textContent = turn.text;
      nodes.push(said);
    }
    return nodes;
  }

  #wall(round, turn) {
    const wall = this.#keyed("round", () => new Wall(this.board.act));
    const drafts = turn.parts.filter((part) => part.kind === "picture").map((part) => [part.number, this.#card(part, []).node]);
    wall.update(round, new Map(drafts), this.board.dots, this.board.leads);
    return wall.node;
  }

  /** `placed` are the actions that are buttons, where these are not the usual ones. */
  #card(part, placed) {
    const view = this.#keyed(`${placed ? "idea" : "slot"}/${part.slot}`, () => new Card(part, this.board.act, placed));
    this.board.cards.set(part.number, view);
    view.update(part, this.board.known(part.number), this.board.current, this.board.gone(part));
    return view;
  }

  #column(part, lead) {
    const view = this.#keyed(`column/${part.slot}`, () => ({ node: el("div", { class: "column" }), lead: el("div", { class: "lead", dir: "auto" }) }));
    if (view.lead.textContent !== lead) view.lead.textContent = lead;
    place(view.node, lead ? [view.lead, this.#card(part).node] : [this.#card(part).node]);
    return view.node;
  }

  #words(part, index) {
    if (part.kind === "text") {
      const text = tidy(part.text);
      if (!text.trim()) return null;
      const view = this.#keyed(`text/${index}`, () => ({ node: el("div", { class: "text", dir: "auto" }), text: null }));
      if (view.text !== text) render(view.node, (view.text = text));
      return view.node;
    }
    if (part.kind === "notice") return this.#keyed(`notice/${index}/${part.text}`, () => ({ node: el("div", { class: "notice" }, el("span", {}, part.text)) })).node;
    const known = this.board.known(part.number);
    return this.#keyed(`select/${index}/${part.number}/${known ? 1 : 0}`, () => ({
      node: el("div", { class: "chosen" }, known ? el("img", { src: pictureUrl(known.sha256), alt: "", class: known.covered ? "covered" : null }) : null, `${part.label}: ${part.description}`),
    })).node;
  }

  #keyed(key, make) {
    if (!this.views.has(key)) this.views.set(key, make());
    return this.views.get(key);
  }
}

const dots = () => ({ node: el("div", { class: "thinking", role: "img", "aria-label": "Thinking" }, el("i"), el("i"), el("i")) });

export class Board {
  constructor(root, log, act) {
    this.root = root;
    this.log = log;
    this.act = act;
    /** Whether the reader is at the end: then they stay there, whatever grows (words, uploads, the box below). */
    this.atEnd = true;
    log.addEventListener("scroll", () => this.#look());
    const grown = new ResizeObserver(() => { if (this.atEnd) this.down(); else this.#look(); });
    grown.observe(root);
    grown.observe(log);
    this.reset();
  }

  reset() {
    this.turns = new Map();
    this.cards = new Map();
    this.pictures = new Map();
    this.settled = new Set();
    this.complete = false;
    this.current = null;
    this.settings = {};
    this.me = null;
    /** The ideas of brainstorms for which this visitor votes, and whether the newest round is theirs to lead. */
    this.dots = new Set();
    this.leads = false;
    this.root.replaceChildren();
  }

  /** The parts of all pictures that are there, by number. */
  get shown() {
    return [...this.cards.values()].map((card) => card.part).filter((part) => part.state === "ready" && !this.gone(part)).sort((a, b) => a.number - b.number);
  }

  /** `settled` are the numbers whose pictures were there once: one that is there no more was deleted. */
  known(number) { return this.pictures.get(number) || null; }

  /** What is said instead of a picture that is not there any more; null while it is there. */
  gone(part) {
    const lost = part.state === "ready" && this.complete && !this.pictures.has(part.number);
    if (lost && this.hidden[part.number]) return this.hidden[part.number];
    return lost && this.settled.has(part.number) ? part.gone : null;
  }

  snapshot(message) {
    const first = !this.complete;
    this.me = message.me;
    this.#mine(message);
    // A picture is stored before its part is ready: what is ready in a snapshot, and is not among its pictures, was deleted.
    for (const part of message.turns.flatMap((turn) => turn.parts)) if (part.state === "ready") this.settled.add(part.number);
    this.#learn(message);
    const ids = new Set(message.turns.map((turn) => turn.id));
    for (const [id, view] of this.turns) if (!ids.has(id)) { view.node.remove(); this.turns.delete(id); }
    for (const turn of message.turns) this.#turn(turn);
    place(this.root, message.turns.map((turn) => this.turns.get(turn.id).node));
    for (const said of message.said) this.#said(said);
    if (first) this.down();
  }

  pushed(message) {
    this.#learn(message);
    for (const view of this.turns.values()) view.update(view.turn);
  }

  /** What of brainstorms is this visitor's own. */
  mine(message) {
    this.#mine(message);
    for (const view of this.turns.values()) view.update(view.turn);
  }

  #mine(message) {
    this.dots = new Set(message.dots);
    this.leads = message.leads;
  }

  /** An answer whose pictures or round have changed after it was finished. One that is not shown here stays so. */
  redrawn(turn) {
    const view = this.turns.get(turn.id);
    if (view?.turn.final) view.update(turn);
  }

  #learn(message) {
    this.pictures = new Map(message.pictures.filter((picture) => !picture.deleted).map((picture) => [picture.number, picture]));
    for (const number of this.pictures.keys()) this.settled.add(number);
    this.hidden = message.hidden || {};
    this.current = message.current;
    this.settings = message.settings || {};
    this.complete = true;
  }

  heard(message) {
    this.#said(message);
    if (message.person === this.me) this.down();
  }

  /** What a person said, as it was stored: with the pictures that came along. */
  stored(event, turn) { this.turns.get(`said/${event}`)?.update(turn); }

  reply(turn) {
    const before = this.turns.get(turn.id)?.turn;
    this.#turn(turn);
    this.#announce(turn, before);
  }

  get begunByMe() { return this.me !== null && this.turns.values().next().value?.turn.person === this.me; }

  get growing() { return [...this.turns.values()].filter((view) => !view.turn.final).map((view) => view.turn); }

  #turn(turn) {
    let view = this.turns.get(turn.id);
    if (!view) {
      view = new TurnView(turn, this, (person) => person === this.me);
      this.turns.set(turn.id, view);
      this.root.append(view.node);
    }
    view.update(turn);
  }

  #said(message) {
    const id = `said/${message.event}`;
    const view = new TurnView({ role: "user", name: message.name }, this, (person) => person === this.me);
    this.turns.set(id, view);
    this.root.append(view.node);
    view.update({ id, role: "user", name: message.name, person: message.person, text: message.text, final: true,
      parts: message.uploads ? [{ kind: "notice", text: message.uploads === 1 ? "1 picture was sent along." : `${message.uploads} pictures were sent along.` }] : [] });
  }

  #announce(turn, before) {
    for (const part of turn.parts) {
      const was = before?.parts.find((other) => other.slot && other.slot === part.slot);
      if (part.kind === "picture" && part.state === "ready" && was?.state !== "ready") announce(`Picture ${part.number} is ready: ${part.description}`);
      if (part.kind === "picture" && part.state === "failed" && was?.state !== "failed") announce(part.sentence || "A picture failed.");
    }
    const words = turn.parts.filter((part) => part.kind === "text" || part.kind === "notice").map((part) => part.text).join(" ").trim();
    if (turn.final && before && !before.final && !turn.parts.some((part) => part.kind === "picture" || part.kind === "round")) announce(words);
    else if (!before) announce("Easel is answering.");
  }

  #look() {
    this.atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 120;
    $("latest").hidden = this.atEnd;
  }

  down() {
    this.atEnd = true;
    $("latest").hidden = true;
    requestAnimationFrame(() => this.log.scrollTo({ top: this.log.scrollHeight, behavior: "instant" }));
  }
}
