// Links by which others look at the open thread: those that there are, a new one, the end of one.
import * as api from "./api.js";
import { $, el } from "./dom.js";

const when = (iso) => new Date(iso).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

export class Shares {
  constructor(thread) {
    this.thread = thread;
    $("share-form").addEventListener("submit", (event) => { event.preventDefault(); this.#make(); });
  }

  /** `most` are the days that the host allows. */
  async open(most) {
    $("share-made").replaceChildren();
    $("share-problem").textContent = "";
    $("share-days").max = most;
    $("share-days").value = Math.min(7, most);
    $("shares").replaceChildren();
    $("share-dialog").showModal();
    await this.#list();
  }

  /** Do something with links; what is wrong is told in the dialog. */
  async #try(work) {
    $("share-problem").textContent = "";
    try { await work(); } catch (error) { $("share-problem").textContent = error.message; }
  }

  #list() {
    return this.#try(async () => {
      const links = await api.shares(this.thread());
      const end = (link) => el("button", { type: "button", class: "pill bad", "aria-label": `End link ${link.id}`, onclick: () => this.#end(link.id) }, "End it");
      $("shares").replaceChildren(...links.map((link) => el("li", {}, el("span", {}, `Link ${link.id}, until ${when(link.until)}`, el("small", {}, `made by ${link.by}`)), end(link))));
      if (!links.length) $("shares").replaceChildren(el("li", {}, "There is no link to this thread."));
    });
  }

  #make() {
    return this.#try(async () => {
      const told = (await api.command(this.thread(), "share", { days: $("share-days").value })).text, link = told.match(/https?:\/\/\S+/)?.[0];
      if (!link) throw new Error(told);
      const box = el("input", { type: "text", readonly: true, value: link, "aria-label": "The new link", onfocus: () => box.select() });
      $("share-made").replaceChildren(el("p", {}, "Here it is; it cannot be shown again:"), box);
      await this.#list();
      box.focus();
    });
  }

  #end(id) {
    return this.#try(async () => {
      const told = (await api.command(this.thread(), "share", { revoke: id })).text;
      $("share-made").replaceChildren(el("p", {}, told));
      await this.#list();
      $("share-days").focus();
    });
  }
}
