// One picture's card: placeholder, live preview, finished picture with its buttons.
import { downloadUrl, el, pictureUrl, svg } from "./dom.js";
import { wireMenu } from "./menus.js";

function dots() {
  const icon = svg("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" });
  for (const x of [3, 8, 13]) icon.append(svg("circle", { cx: x, cy: 8, r: 1.5 }));
  return icon;
}

/** Names of covered pictures that somebody has looked at here. */
const uncovered = new Set();

/** Those of a picture's actions that are buttons; the others stand in its menu. */
const PLACED = ["select", "vary", "edit", "refine"];

/** A picture's place has its shape before it is there; what is very long or high is cut. */
function shaped(node, part, known) {
  const width = part.width || known?.width, height = part.height || known?.height;
  if (width && height) node.style.aspectRatio = String(Math.min(2, Math.max(0.5, width / height)));
}

export class Card {
  /** `act(action, picture, part)` is called for every button. */
  constructor(part, act, placed = PLACED) {
    this.act = act;
    this.placed = placed;
    this.node = el("figure", { class: "card", tabindex: "-1" });
    this.key = "";
    this.update(part, null);
  }

  /** `known` is the thread's picture of that number, or null; `gone` is what is said where it is not there any more. */
  update(part, known, current = null, gone = null) {
    this.part = part;
    this.known = known;
    this.author = known?.author || "";
    const isCurrent = current === part.number && part.state === "ready" && !gone;
    this.node.classList.toggle("current", isCurrent);
    this.node.dataset.number = part.number;
    const key = JSON.stringify([part, isCurrent, gone, known && [known.description, known.author]]);
    if (key === this.key) return;
    this.key = key;
    if (gone) this.#sentence("gone", gone);
    else if (part.state === "ready") this.#ready(part, isCurrent);
    else if (part.state === "failed") this.#sentence("failed", part.sentence);
    else if (part.state === "cancelled") this.#sentence("gone", part.sentence);
    else this.#waiting(part);
  }

  #kind(kind) {
    for (const name of ["waiting", "failed", "gone"]) this.node.classList.toggle(name, name === kind);
  }

  #sentence(kind, sentence) {
    this.#kind(kind);
    const badge = el("span", { class: "badge" }, `#${this.part.number}`);
    const caption = el("figcaption", {}, this.part.description);
    this.node.replaceChildren(badge, el("div", { class: "frame" }, sentence), caption);
  }

  #waiting(part) {
    this.#kind("waiting");
    if (!this.status || !this.node.contains(this.status)) {
      this.frame = el("div", { class: "frame" });
      shaped(this.frame, part, this.known);
      this.status = el("div", { class: "status" });
      this.progress = el("progress", { max: 1, value: 0, "aria-label": "Progress" });
      const buttons = part.offers.map((offer) => this.#button(offer.action, offer.label));
      this.node.replaceChildren(el("span", { class: "badge" }, `#${part.number}`), this.frame,
        el("figcaption", {}, part.description), ...this.#made(part), el("div", { class: "actions" }, ...buttons));
      this.frame.append(this.status, this.progress);
    }
    this.status.textContent = part.status;
    this.progress.hidden = !part.total;
    if (part.total) this.progress.value = part.step / part.total;
    if (part.preview) this.#preview(part.preview);
    this.frame.classList.toggle("covered", Boolean(part.covered && part.preview));
  }

  #preview(address) {
    let image = this.frame.querySelector("img");
    if (!image) this.frame.prepend(image = el("img", { class: "unfinished", alt: "" }));
    if (image.getAttribute("src") !== address) image.src = address;
  }

  #ready(part, isCurrent) {
    this.#kind("");
    const picture = el("img", { src: pictureUrl(part.sha256), alt: part.alt, loading: "lazy", decoding: "async", width: part.width || null, height: part.height || null });
    const covered = part.covered && !uncovered.has(part.sha256);
    const frame = covered
      ? el("button", { type: "button", class: "frame covered", "aria-label": `${part.covered}; show it`, onclick: () => this.#uncover(part, isCurrent) }, picture, el("span", {}, part.covered))
      : el("button", { type: "button", class: "frame", "aria-label": `Picture ${part.number}, larger: ${part.description}`, onclick: () => this.#do("view") }, picture);
    shaped(frame, part, this.known);
    const placed = part.offers.filter((offer) => this.placed.includes(offer.action));
    const actions = el("div", { class: "actions" }, ...placed.map((offer) => this.#button(offer.action, offer.label)), this.#menu(part));
    actions.querySelector("[data-action=select]")?.setAttribute("aria-pressed", String(isCurrent));
    this.node.replaceChildren(...[el("span", { class: "badge" }, `#${part.number}`), frame, el("figcaption", { title: part.description }, part.description),
      ...this.#made(part), part.sentence ? el("p", { class: "remark" }, part.sentence) : null, actions].filter(Boolean));
  }

  /** Of which picture it was made, and for whom. */
  #made(part) { return part.made ? [el("p", { class: "made" }, [part.made, this.author].filter(Boolean).join(" · "))] : []; }

  #uncover(part, isCurrent) {
    uncovered.add(part.sha256);
    this.#ready(part, isCurrent);
    this.node.querySelector("button.frame").focus({ preventScroll: true });
  }

  #menu(part) {
    const box = el("div", {});
    const entries = part.offers.filter((offer) => !this.placed.includes(offer.action) && offer.action !== "compare").map((offer) => this.#button(offer.action, offer.entry));
    const last = entries.filter((entry) => entry.dataset.action === "delete");
    for (const entry of last) entry.classList.add("danger");
    box.append(...entries.filter((entry) => !last.includes(entry)), this.#button("talk", "Talk about this one"), this.#button("compare", "Compare with…"),
      el("a", { href: downloadUrl(part), download: true }, "Download"), ...last);
    const menu = el("details", { class: "menu" }, el("summary", { "aria-label": `More for picture ${part.number}`, title: "More" }, dots()), box);
    return wireMenu(menu, document.getElementById("log"));
  }

  #button(action, label) {
    return el("button", { type: "button", "data-action": action, onclick: () => this.#do(action) }, label);
  }

  #do(action) { this.act(action, this.part); }

  reveal() {
    this.node.scrollIntoView({ block: "center" });
    this.node.focus({ preventScroll: true });
    this.node.classList.remove("flash");
    void this.node.offsetWidth;
    this.node.classList.add("flash");
  }
}
