// The message box: text, reference pictures (button, drop, paste), and what the message is about.
import { unique } from "./api.js";
import { Completion } from "./completion.js";
import { $, el, toast } from "./dom.js";

const MAX_FILES = 4;
const EMPTY = { text: "", files: [], about: null };

// The words of a draft outlive a reload of their tab; private windows may forbid it.
function remember(thread, text) { try { sessionStorage[text ? "setItem" : "removeItem"](`draft/${thread}`, text); } catch { /* then they do not */ } }
function remembered(thread) { try { return sessionStorage.getItem(`draft/${thread}`) || ""; } catch { return ""; } }

export class Composer {
  constructor(limitMiB, submit) {
    this.limit = limitMiB * 2 ** 20;
    this.submit = submit;
    this.files = [];
    this.about = null;
    this.sent = null;
    this.thread = null;
    /** What stands in the box of other threads. */
    this.drafts = new Map();
    this.text = $("message");
    this.completion = new Completion(this.text, $("completions"));
    this.#listen();
    this.#fit();
  }

  #listen() {
    this.text.addEventListener("input", () => this.#fit());
    this.text.addEventListener("keydown", (event) => {
      if (this.completion.key(event)) return;
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); $("composer").requestSubmit(); }
    });
    $("composer").addEventListener("submit", (event) => { event.preventDefault(); this.#send(); });
    $("files").addEventListener("change", (event) => { this.add(event.target.files); event.target.value = ""; });
    document.addEventListener("paste", (event) => { if (event.clipboardData?.files.length) { event.preventDefault(); this.add(event.clipboardData.files); } });
    let depth = 0;
    const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
    addEventListener("dragenter", (event) => { if (holdsFiles(event)) { depth++; $("drop").hidden = false; } });
    addEventListener("dragleave", (event) => { if (holdsFiles(event) && --depth <= 0) { depth = 0; $("drop").hidden = true; } });
    addEventListener("dragover", (event) => { if (holdsFiles(event)) event.preventDefault(); });
    addEventListener("drop", (event) => { if (holdsFiles(event)) { event.preventDefault(); depth = 0; $("drop").hidden = true; this.add(event.dataTransfer.files); } });
  }

  add(files) {
    for (const file of files) {
      if (this.files.length === MAX_FILES) { toast(`At most ${MAX_FILES} pictures fit into one message.`); break; }
      // Where the system does not know a kind (HEIC outside of phones), the type is empty: the program looks itself.
      if (file.type && !file.type.startsWith("image/")) toast(`${file.name} is not a picture.`);
      else if (file.size > this.limit) toast(`${file.name} is larger than ${this.limit / 2 ** 20} MiB.`);
      else this.files.push(file);
    }
    this.#chips();
  }

  /** The box of another thread: what was begun in this one stays here. */
  enter(thread) {
    if (thread === this.thread) return;
    const begun = this.#draft();
    if (this.thread !== null) this.drafts.set(this.thread, begun);
    const first = this.thread === null && (begun.text || begun.files.length);
    this.thread = thread;
    // Whoever was quicker than the page's start keeps their words.
    if (!first) this.#put(this.drafts.get(thread) || { ...EMPTY, text: remembered(thread) });
  }

  /** What stands in the box, taken out of it; `give` puts it back where nothing else does. */
  take() { const draft = this.#draft(); this.#put(EMPTY); return draft; }

  give(draft) { if (!this.text.value && !this.files.length) this.#put({ ...draft, about: null }); }

  #draft() { return { text: this.text.value, files: this.files, about: this.about }; }

  #put(draft) {
    this.completion.close();
    [this.text.value, this.files, this.about] = [draft.text, [...draft.files], draft.about];
    this.#chips();
  }

  talkAbout(number) { this.about = number; this.#chips(); this.text.focus(); }

  fill(text) { this.text.value = text; this.#fit(); this.text.focus(); }

  #chips() {
    for (const image of $("chips").querySelectorAll("img")) URL.revokeObjectURL(image.src);
    const remove = (label, action) => el("button", { type: "button", class: "icon", "aria-label": label, onclick: () => { action(); this.#chips(); this.text.focus(); } }, "✕");
    const chips = this.files.map((file, index) => el("div", { class: "chip" }, el("img", { src: URL.createObjectURL(file), alt: "" }), el("span", {}, file.name),
      remove(`Remove ${file.name}`, () => this.files.splice(index, 1))));
    if (this.about) chips.unshift(el("div", { class: "chip" }, el("span", {}, `About #${this.about}`), remove("Not about this picture", () => { this.about = null; })));
    $("chips").replaceChildren(...chips);
    this.#fit();
  }

  #fit() {
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
    if (this.thread !== null) remember(this.thread, this.text.value);
    $("send").disabled = !this.text.value.trim() && !this.files.length;
  }

  async #send() {
    const text = this.text.value.trim();
    if (!text && !this.files.length) return;
    const draft = this.sent = { event: unique(), thread: this.thread, ...this.#draft() };
    this.#put(EMPTY);
    try {
      await this.submit(draft.thread, draft.event, text, draft.files, draft.about);
    } catch (error) {
      this.#refill(draft);
      toast(error.message);
    }
  }

  /** A message was refused after it had been sent: where it is the last one, it can be mended. Whether it is ours. */
  giveBack(event) {
    if (!this.sent || !event?.endsWith(`:${this.sent.event}`)) return false;
    this.#refill(this.sent);
    return true;
  }

  /** Nothing that somebody wrote is lost: it goes back into its thread's box, unless something else stands there. */
  #refill(draft) {
    const here = draft.thread === null || draft.thread === this.thread;
    const stands = here ? this.#draft() : this.drafts.get(draft.thread) || EMPTY;
    if (stands.text || stands.files.length) return;
    if (here) this.#put(draft);
    else this.drafts.set(draft.thread, draft);
  }
}
