// What may be meant after a slash: commands, then their options and choices, from the program's own table.
import { announce, el } from "./dom.js";

export class Completion {
  /** `text` is the box; `list` an empty listbox that stands by it. `commands` come once the page knows them. */
  constructor(text, list) {
    this.text = text;
    this.list = list;
    this.commands = [];
    this.found = [];
    text.addEventListener("input", () => this.look());
    for (const node of [text, list]) node.addEventListener("blur", (event) => { if (event.relatedTarget !== text && event.relatedTarget !== list) this.close(); });
    list.addEventListener("keydown", (event) => this.key(event));
  }

  look() {
    const typed = this.text.value, atEnd = this.text.selectionStart === typed.length;
    const name = typed.match(/^\s*[/／]([\w-]*)$/), more = typed.match(/^\s*[/／]([\w-]+)\s(?:.*\s)?(\S*)$/s);
    const found = !atEnd ? [] : name ? this.#names(name[1]) : more ? this.#options(more[1], typed, more[2]) : [];
    // Enter sends what is whole already, and what may be meant as it stands.
    this.#show(found, name && !found.some((each) => each.label === `/${name[1].toLowerCase()}`) ? 0 : -1);
  }

  #names(begun) {
    const rows = this.commands.filter((row) => row.name.startsWith(begun.toLowerCase()));
    return rows.map((row) => ({ label: `/${row.name}`, summary: row.summary, value: `/${row.name} ` }));
  }

  #options(name, typed, word) {
    const row = this.commands.find((each) => each.name === name.toLowerCase());
    const before = typed.slice(0, typed.length - word.length), [option, value] = word.toLowerCase().split(":");
    const given = row?.options.find((each) => each.name === option);
    if (value !== undefined) return (given?.choices || []).filter((choice) => choice.startsWith(value) && choice !== value).map((choice) => ({ label: choice, summary: given.summary, value: `${before}${option}:${choice} ` }));
    if (!row || (row.options.length === 1 && !row.options[0].choices.length)) return [];
    const left = row.options.filter((each) => each.name.startsWith(option) && !before.toLowerCase().includes(` ${each.name}:`));
    return left.map((each) => ({ label: `${each.name}:`, summary: each.summary, value: `${before}${each.name}:` }));
  }

  #show(found, active) {
    const opened = found.length && !this.found.length;
    this.found = found;
    this.list.hidden = !found.length;
    this.list.replaceChildren(...found.map((each, index) => el("li", { id: `completion-${index}`, role: "option",
      onpointerdown: (event) => { event.preventDefault(); this.#take(index); } }, el("b", {}, each.label), el("small", {}, each.summary))));
    this.#mark(active);
    if (opened) announce(`${found.length} ${found.length === 1 ? "command fits" : "commands fit"}; the arrow keys choose, Tab takes one.`);
  }

  #mark(active) {
    this.active = active;
    [...this.list.children].forEach((node, index) => node.setAttribute("aria-selected", String(index === active)));
    this.list.children[active]?.scrollIntoView({ block: "nearest" });
    if (active < 0) this.text.removeAttribute("aria-activedescendant");
    else this.text.setAttribute("aria-activedescendant", `completion-${active}`);
  }

  #take(index) {
    this.text.value = this.found[index].value;
    this.text.focus();
    this.text.dispatchEvent(new Event("input"));
  }

  close() { this.#show([], -1); }

  /** Whether a key was meant for the list. */
  key(event) {
    const count = this.found.length;
    if (!count || event.isComposing) return false;
    if (event.key === "ArrowDown") this.#mark((this.active + 1) % count);
    else if (event.key === "ArrowUp") this.#mark((Math.max(this.active, 0) + count - 1) % count);
    else if (event.key === "Escape") this.close();
    else if (event.key === "Tab" && !event.shiftKey) this.#take(Math.max(this.active, 0));
    else if (event.key === "Enter" && !event.shiftKey && this.active >= 0) this.#take(this.active);
    else return false;
    event.preventDefault();
    return true;
  }
}
