// The message box: text, reference pictures (button, drop, paste), and what the message is about.
import { unique } from "./api.js";
import { $, el, toast } from "./dom.js";

const MAX_FILES = 4;

export class Composer {
  constructor(limitMiB, submit) {
    this.limit = limitMiB * 2 ** 20;
    this.submit = submit;
    this.files = [];
    this.about = null;
    this.sent = null;
    this.text = $("message");
    this.#listen();
    this.#fit();
  }

  #listen() {
    this.text.addEventListener("input", () => this.#fit());
    this.text.addEventListener("keydown", (event) => {
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
    $("send").disabled = !this.text.value.trim() && !this.files.length;
  }

  async #send() {
    const text = this.text.value.trim();
    if (!text && !this.files.length) return;
    const draft = this.sent = { event: unique(), text: this.text.value, files: this.files, about: this.about };
    [this.text.value, this.files, this.about] = ["", [], null];
    this.#chips();
    try {
      await this.submit(draft.event, text, draft.files, draft.about);
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

  /** Nothing that somebody wrote is lost: it goes back into the box, unless something else stands there. */
  #refill(draft) {
    if (!this.text.value && !this.files.length) [this.text.value, this.files, this.about] = [draft.text, draft.files, draft.about];
    this.#chips();
  }
}
