// Beginning a brainstorm, changing how one is voted on, and what its facilitator presses.
import { el } from "./dom.js";
import { give } from "./forms.js";

const MAX_TOPIC = 300;

const number = (name, label, least, most, value, hint = "") => el("label", {}, label,
  el("input", { type: "number", name, min: least, max: most, value, inputmode: "numeric", autocomplete: "off" }), hint && el("small", {}, hint));

/** What a form says, by the command's options; what is left empty is left out. */
function given(form) {
  const values = {};
  for (const [name, value] of new FormData(form)) if (String(value).trim()) values[name] = name === "topic" ? value.trim().replace(/\s+/g, " ") : value;
  return values;
}

export class Brainstorm {
  /** `run(action, part)` presses a button. */
  constructor(thread, run) {
    this.thread = thread;
    this.run = run;
    this.openers = [...document.querySelectorAll("[data-brainstorm]")];
    for (const opener of this.openers) opener.addEventListener("click", () => this.begin());
    this.dialog = el("dialog", { "aria-labelledby": "brainstorm-title", id: "brainstorm-dialog" });
    this.dialog.addEventListener("click", (event) => { if (event.target === this.dialog || event.target.closest("[data-dismiss]")) this.dialog.close(); });
    document.body.append(this.dialog);
  }

  /** The buttons show where the program knows the command. */
  know(commands) {
    for (const opener of this.openers) opener.hidden = !commands.some((row) => row.name === "brainstorm");
  }

  begin() {
    const topic = el("textarea", { name: "topic", rows: 2, maxlength: MAX_TOPIC, required: true, placeholder: "mascots for a bakery" });
    this.#ask("Brainstorm together", "Begin", el("label", {}, "What shall the ideas be for?", topic),
      number("ideas", "Ideas in a round", 2, 8, 4), number("votes", "Votes for each person", 1, 5, 2),
      number("minutes", "Minutes to vote", 1, 10080, null, "Empty: until it is closed, a week at most."), this.#anonymous(false));
    topic.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); topic.form.requestSubmit(); } // a topic is one line
    });
    topic.focus();
  }

  settings(round) {
    this.#ask("How this brainstorm is voted on", "Change it", number("votes", "Votes for each person", 1, 5, round.dots),
      number("minutes", "Minutes to vote, from now", 1, 10080, null, "Empty: as it is."), this.#anonymous(round.anonymous));
    this.dialog.querySelector("input").focus();
  }

  press(action, part) {
    if (action === "settings") return this.settings(part.round);
    return this.run(action, { number: part.number });
  }

  #anonymous(yes) {
    const choice = (value, label) => el("option", { value, selected: (value === "yes") === yes }, label);
    return el("label", {}, "Who voted", el("select", { name: "anonymous" }, choice("no", "Counts are seen while people vote"), choice("yes", "Anonymous: counts are told at the end")));
  }

  #ask(title, send, ...fields) {
    const form = el("form", { method: "dialog", class: "ask" },
      el("header", {}, el("h2", { id: "brainstorm-title" }, title), el("button", { type: "button", class: "icon", "data-dismiss": true, "aria-label": "Close" }, "✕")),
      ...fields, el("footer", {}, el("button", { type: "button", class: "pill", "data-dismiss": true }, "Cancel"), el("button", { type: "submit", class: "primary" }, send)));
    form.addEventListener("submit", (event) => { event.preventDefault(); this.#send(given(form)); });
    this.dialog.replaceChildren(form);
    this.dialog.showModal();
  }

  async #send(values) {
    if (await give(this.thread(), { name: "brainstorm" }, values)) this.dialog.close();
  }
}
