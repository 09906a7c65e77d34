// A round of a brainstorm as a wall: its ideas with their drafts, what they have got, and what can be done with it.
import { announce, el, place } from "./dom.js";

/** How long until a moment, as a clock would say it; null once it has passed. */
function left(moment) {
  const seconds = Math.ceil((moment - Date.now()) / 1000);
  if (seconds <= 0) return null;
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days) return `${days} d ${hours} h`;
  return `${hours ? `${hours}:${String(minutes).padStart(2, "0")}` : minutes}:${String(seconds % 60).padStart(2, "0")}`;
}

/** One idea: its draft's card, and what is said of it. */
class Idea {
  constructor(press) {
    this.title = el("h3", { dir: "auto" });
    this.why = el("p", { dir: "auto" });
    this.from = el("small");
    this.votes = el("span", { class: "votes" });
    this.vote = el("button", { type: "button", class: "pill vote", "data-action": "dot", onclick: () => press("dot", this.number) },
      el("span", { "aria-hidden": "true" }), el("b"));
    this.crown = el("span", { class: "crown" }, "Winner");
    this.text = el("div", { class: "words" }, this.title, this.why, this.from, el("div", { class: "foot" }, this.vote, this.votes));
    this.node = el("li", { class: "idea" });
  }

  update(card, draft, vote, mine) {
    this.number = card.number;
    this.node.classList.toggle("winner", card.winner);
    this.node.classList.toggle("mine", mine);
    this.title.textContent = card.title;
    this.why.textContent = card.why;
    this.from.textContent = card.from;
    this.votes.textContent = [card.votes, mine && !vote ? "one is yours" : ""].filter(Boolean).join(", ");
    this.vote.hidden = !vote;
    this.vote.lastChild.textContent = vote || "";
    this.vote.setAttribute("aria-pressed", String(mine));
    this.vote.setAttribute("aria-label", `${vote || ""} for #${card.number}: ${card.title}`);
    place(this.node, [draft, this.text, ...(card.winner ? [this.crown] : [])]);
  }
}

export class Wall {
  /** `act(action, part)` is called for every button. */
  constructor(act) {
    this.act = act;
    this.ideas = new Map();
    this.head = el("h2", { dir: "auto" });
    this.took = el("p", { class: "took", dir: "auto" });
    this.list = el("ol", { class: "wall" });
    this.state = el("span");
    this.clock = el("time", { class: "clock" });
    this.mine = el("span", { class: "yours" });
    this.row = el("div", { class: "round-row" });
    this.remarks = el("ul", { class: "remarks" });
    this.node = el("section", { class: "round" }, this.head, this.took, this.list, el("p", { class: "state" }, this.state, " ", this.clock, " ", this.mine), this.row, this.remarks);
  }

  /** `drafts` are the nodes of the drafts by number; `mine` the numbers that this visitor votes for; `leads` whether the round is theirs. */
  update(part, drafts, mine, leads) {
    const before = this.part;
    this.part = part;
    this.node.setAttribute("aria-label", part.head);
    this.node.dataset.phase = part.phase;
    this.head.textContent = part.head;
    this.took.textContent = part.took_up;
    this.took.hidden = !part.took_up;
    place(this.list, part.cards.map((card) => this.#idea(card, drafts.get(card.number), mine.has(card.number))));
    this.list.hidden = !part.cards.length;
    this.state.textContent = part.state;
    this.#mine(mine);
    this.#tick();
    place(this.remarks, part.remarks.map((remark) => el("li", {}, remark)));
    this.remarks.hidden = !part.remarks.length;
    this.#buttons(part, leads);
    if (before && before.phase !== part.phase) announce([part.state, ...part.remarks].join(" "));
  }

  #idea(card, draft, mine) {
    if (!this.ideas.has(card.number)) this.ideas.set(card.number, new Idea((action, number) => this.act(action, { number })));
    const idea = this.ideas.get(card.number);
    const frame = draft || (idea.empty ||= el("div", { class: "card nothing" }, el("span", { class: "badge" }, `#${card.number}`), el("div", { class: "frame" })));
    idea.update(card, frame, this.part.vote, mine);
    return idea.node;
  }

  #mine(mine) {
    const given = this.part.cards.filter((card) => mine.has(card.number)).length, rest = Math.max(0, this.part.dots - given);
    this.mine.hidden = !this.part.vote;
    this.mine.textContent = `You have ${rest} ${rest === 1 ? "vote" : "votes"} left.`;
  }

  /** Buttons stay the same nodes while they are offered: a press that changes the round does not lose the focus. */
  #buttons(part, leads) {
    const known = new Map([...this.row.children].map((node) => [node.dataset.action, node]));
    const wanted = part.offers.filter((offer) => leads || ["state", "lead"].includes(offer.action));
    const focused = this.row.contains(document.activeElement);
    place(this.row, wanted.map((offer) => known.get(offer.action) || el("button", { type: "button", class: "pill", "data-action": offer.action, onclick: () => this.#press(offer.action) }, offer.label)));
    if (focused && !this.row.contains(document.activeElement)) this.row.firstElementChild?.focus();
    this.row.hidden = !wanted.length;
  }

  #press(action) { this.act(`round-${action}`, { number: this.part.cards[0]?.number, round: this.part }); }

  #tick() {
    clearTimeout(this.timer);
    const moment = this.part.closes && this.part.phase === "open" ? new Date(this.part.closes) : null;
    const said = moment && left(moment);
    this.clock.hidden = !moment;
    if (!moment) return;
    this.clock.dateTime = this.part.closes;
    this.clock.textContent = said ? `It closes in ${said}.` : "It closes now.";
    if (said && (this.node.isConnected || !this.shown)) this.timer = setTimeout(() => this.#tick(), 1000);
    this.shown ||= this.node.isConnected;
  }
}
