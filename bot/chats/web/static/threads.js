// What can be done with the open thread: its title, settings, export, and its end.
import * as api from "./api.js";
import { commandForm } from "./forms.js";
import { $, toast } from "./dom.js";
import { wireMenu } from "./menus.js";
import { Shares } from "./shares.js";

const SHAPES = { square: "□\u2003Square", tall: "▯\u2003Portrait", wide: "▭\u2003Landscape" };

export class ThreadMenu {
  /** `thread()` is the open one; `board` knows its pictures and settings. */
  constructor(thread, board) {
    this.thread = thread;
    this.board = board;
    this.commands = [];
    this.admin = this.moderates = false;
    this.here = null;
    this.shares = new Shares(thread);
    this.shareDays = 0;
    wireMenu($("thread-menu"));
    $("thread-share").addEventListener("click", () => this.shares.open(this.shareDays));
    $("rename").addEventListener("click", () => this.#rename());
    $("thread-delete").addEventListener("click", () => this.#delete());
    $("thread-settings").addEventListener("click", () => this.#command("settings", { title: "Settings of this thread", values: { size: "square", ...this.board.settings }, send: "Save" }));
    $("thread-export").addEventListener("click", () => this.#command("export", { title: "Export this thread", send: "Export" }));
    $("thread-help").addEventListener("click", () => this.#command("help", { title: "Help" }));
    $("shape").addEventListener("change", () => this.#shape());
  }

  know(me) {
    this.admin = me.admin;
    this.moderates = me.moderator;
    this.refresh();
  }

  /** `data` is what the page says of the program: commands, and the shapes that its engine draws. */
  learn(data) {
    this.commands = data.commands;
    this.shareDays = data.share_days;
    const shapes = Object.entries(SHAPES).filter(([name]) => data.shapes.includes(name));
    $("shape").replaceChildren(...shapes.map(([value, label]) => Object.assign(document.createElement("option"), { value, textContent: label })));
    $("shape-row").hidden = shapes.length < 2;
    this.refresh();
  }

  /** `here` is the thread's row in the list, if it has one: what is nobody's yet has no title and no end. */
  show(here) {
    this.here = here;
    $("rename").hidden = !here || here.mine === false;
    this.refresh();
  }

  refresh() {
    $("shape").value = this.board.settings.size || "square";
    const mine = this.here?.mine ?? this.board.begunByMe;
    $("thread-delete").hidden = !this.here || !(mine || this.moderates);
    $("thread-share").hidden = $("thread-delete").hidden || !this.shareDays;
  }

  #row(name) { return this.commands.find((row) => row.name === name); }

  #command(name, details) {
    const row = this.#row(name);
    if (row) commandForm(this.thread(), row, { admin: this.admin, ...details });
  }

  /** One that needs no options. */
  give(name) { this.#command(name, { title: `/${name}` }); }

  async #shape() {
    try { await api.command(this.thread(), "settings", { size: $("shape").value }); } catch (error) { toast(error.message); this.refresh(); }
  }

  async #rename() {
    const title = prompt("What shall this thread be called?", $("title").textContent);
    if (title === null) return;
    try { toast((await api.rename(this.thread(), title)).text, "info"); } catch (error) { toast(error.message); }
  }

  async #delete() {
    const count = this.board.pictures.size, what = count ? ` with ${count === 1 ? "its picture" : `its ${count} pictures`}` : "";
    if (!confirm(`Delete this thread${what}, for everybody and for good? This cannot be undone.`)) return;
    try { toast((await api.deleteThread(this.thread())).text, "info"); } catch (error) { toast(error.message); }
  }
}
