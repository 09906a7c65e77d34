// Two pictures of the thread, one over the other: a slider says how much of each is seen, and any two can be chosen.
import { uncoverable } from "./dialogs.js";
import { $, el, pictureUrl } from "./dom.js";

export class Compare {
  constructor(board) {
    this.board = board;
    this.dialog = $("compare-dialog");
    this.slider = $("compare-slider");
    this.slider.addEventListener("input", () => this.#slide());
    for (const side of ["before", "after"]) $(`compare-${side}`).addEventListener("change", () => this.#draw());
    $("compare-swap").addEventListener("click", () => this.#swap());
  }

  /** Begin with these two numbers; nothing is asked of the server. */
  open(before, after) {
    const pictures = [...this.board.pictures.values()].sort((a, b) => a.number - b.number);
    const entries = (chosen) => pictures.map((each) => el("option", { value: each.number, selected: each.number === chosen }, `#${each.number} ${each.description.slice(0, 60)}`));
    $("compare-before").replaceChildren(...entries(before));
    $("compare-after").replaceChildren(...entries(after));
    this.slider.value = "50";
    this.#draw();
    if (!this.dialog.open) this.dialog.showModal();
    this.slider.focus();
  }

  #chosen(side) { return this.board.known(Number($(`compare-${side}`).value)); }

  #swap() {
    const [before, after] = [$("compare-before").value, $("compare-after").value];
    [$("compare-before").value, $("compare-after").value] = [after, before];
    this.#draw();
  }

  #draw() {
    const [before, after] = [this.#chosen("before"), this.#chosen("after")];
    if (!before || !after) return this.dialog.close(); // deleted meanwhile
    const image = (picture, side) => uncoverable(picture, el("img", { class: side, src: pictureUrl(picture.sha256), alt: `#${picture.number}: ${picture.alt}`, width: picture.width, height: picture.height }));
    // The larger shape of both, so that neither is cut.
    const ratio = Math.max(before.width / before.height, after.width / after.height) || 1;
    $("compare-stage").style.aspectRatio = String(ratio);
    $("compare-stage").style.setProperty("--ratio", ratio);
    $("compare-stage").replaceChildren(image(before, "before"), image(after, "after"), el("span", { class: "edge", "aria-hidden": "true" }),
      el("b", { class: "left" }, `#${before.number}`), el("b", { class: "right" }, `#${after.number}`));
    this.#slide();
    return undefined;
  }

  #slide() {
    const at = Number(this.slider.value);
    $("compare-stage").style.setProperty("--at", `${at}%`);
    this.slider.setAttribute("aria-valuetext", `${at} % of the first picture`);
  }
}
