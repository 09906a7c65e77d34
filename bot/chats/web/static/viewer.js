// One picture, large: the arrow keys go through the thread's pictures, + and - zoom, and the card's buttons are here too.
import { uncoverable } from "./dialogs.js";
import { $, downloadUrl, el, pictureUrl } from "./dom.js";

const ZOOMS = [1, 2, 4, 8];

export class Viewer {
  /** `act(action, part)` is called for every button, once the viewer is closed: what it brings is seen in the thread. */
  constructor(board, act) {
    this.board = board;
    this.act = act;
    this.dialog = $("view-dialog");
    this.scroll = $("view-scroll");
    $("view-back").addEventListener("click", () => this.#step(-1));
    $("view-on").addEventListener("click", () => this.#step(1));
    $("view-zoom").addEventListener("click", () => this.#zoom(this.zoom > 1 ? 1 : 2));
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
  }

  open(part) {
    this.#show(part);
    if (!this.dialog.open) this.dialog.showModal();
    this.scroll.focus();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = ZOOMS.indexOf(this.zoom);
    // Zoomed in, the arrows move what is seen.
    if (event.key === "ArrowLeft" && at === 0) this.#step(-1);
    else if (event.key === "ArrowRight" && at === 0) this.#step(1);
    else if (event.key === "+" || event.key === "=") this.#zoom(ZOOMS[Math.min(at + 1, ZOOMS.length - 1)]);
    else if (event.key === "-") this.#zoom(ZOOMS[Math.max(at - 1, 0)]);
    else if (event.key === "0") this.#zoom(1);
    else return;
    event.preventDefault();
  }

  #neighbour(by) {
    const shown = this.board.shown;
    return shown[shown.findIndex((part) => part.slot === this.part.slot) + by];
  }

  #step(by) {
    const next = this.#neighbour(by);
    if (!next) return;
    this.#show(next);
    // A button that has nowhere to go hides, and would take the focus with it.
    if (document.activeElement?.disabled || document.activeElement === document.body) this.scroll.focus();
  }

  #show(part) {
    const first = this.part?.slot !== part.slot;
    this.part = part;
    const known = this.board.known(part.number);
    $("view-title").textContent = `#${part.number}`;
    const image = el("img", { src: pictureUrl(part.sha256), alt: part.alt, width: known?.width, height: known?.height });
    // Whoever opened it has seen it uncovered; one that is stepped to is covered until it is clicked.
    this.image = first && this.dialog.open ? uncoverable(part, image) : image;
    image.addEventListener("click", () => this.#zoom(this.zoom > 1 ? 1 : 2));
    this.scroll.replaceChildren(image);
    $("view-caption").replaceChildren(part.description, el("small", {}, [part.made, known?.author].filter(Boolean).join(" · ")));
    $("view-actions").replaceChildren(...part.offers.filter((offer) => offer.action !== "compare").concat({ action: "compare", label: "Compare with…" }).map((offer) => el("button", { type: "button", class: "pill", "data-action": offer.action, onclick: () => this.#do(offer.action) }, offer.label)),
      el("a", { class: "pill", href: downloadUrl(part), download: true }, "Download"));
    $("view-back").disabled = !this.#neighbour(-1);
    $("view-on").disabled = !this.#neighbour(1);
    this.#zoom(1);
  }

  #do(action) {
    this.dialog.close();
    this.act(action, this.part);
  }

  #zoom(zoom) {
    this.zoom = zoom;
    const size = `${100 * zoom}%`;
    this.image.style.width = this.image.style.height = zoom > 1 ? size : "";
    this.scroll.classList.toggle("zoomed", zoom > 1);
    $("view-zoom").setAttribute("aria-pressed", String(zoom > 1));
    // Zooming keeps the middle.
    this.scroll.scrollTo(((zoom - 1) * this.scroll.clientWidth) / 2, ((zoom - 1) * this.scroll.clientHeight) / 2);
  }
}
