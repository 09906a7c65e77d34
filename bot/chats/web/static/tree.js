// The family tree of a thread: a forest, roots on top, one column a leaf.
import { el, smallUrl, svg } from "./dom.js";

const SIZE = 60, GAP_X = 18, GAP_Y = 34;

function layout(pictures) {
  const byNumber = new Map(pictures.map((picture) => [picture.number, picture]));
  const children = new Map(pictures.map((picture) => [picture.number, []]));
  const roots = [];
  for (const picture of pictures) {
    const parent = picture.parents.find((number) => byNumber.has(number) && number < picture.number);
    if (parent === undefined) roots.push(picture);
    else children.get(parent).push(picture);
  }
  const places = new Map();
  let column = 0, deepest = 0;
  // Children first: a parent stands over the middle of its children. An explicit stack, as chains may be long.
  const stack = roots.toReversed().map((picture) => ({ picture, depth: 0, open: false }));
  while (stack.length) {
    const item = stack.pop();
    const below = children.get(item.picture.number);
    if (!item.open && below.length) {
      stack.push({ ...item, open: true }, ...below.toReversed().map((picture) => ({ picture, depth: item.depth + 1, open: false })));
      continue;
    }
    const xs = below.map((child) => places.get(child.number).x);
    places.set(item.picture.number, { x: xs.length ? (xs[0] + xs.at(-1)) / 2 : column++, y: item.depth });
    deepest = Math.max(deepest, item.depth);
  }
  return { places, byNumber, width: column, height: deepest + 1 };
}

export function drawTree(target, pictures, current, reveal) {
  if (!pictures.length) {
    target.replaceChildren(el("p", { class: "empty" }, "Pictures of this thread appear here, each below the one that it came from."));
    return;
  }
  const { places, byNumber, width, height } = layout(pictures);
  const at = (number) => ({ x: places.get(number).x * (SIZE + GAP_X), y: places.get(number).y * (SIZE + GAP_Y) });
  const plot = el("div", { class: "plot", role: "group", "aria-label": "Pictures and where they came from" });
  plot.style.width = `${width * (SIZE + GAP_X) - GAP_X}px`;
  plot.style.height = `${height * (SIZE + GAP_Y)}px`;
  const lines = svg("svg", { width: "100%", height: "100%", "aria-hidden": "true" });
  plot.append(lines);
  for (const picture of pictures) {
    const here = at(picture.number);
    for (const parent of picture.parents) {
      if (!byNumber.has(parent)) continue;
      const from = at(parent);
      const [x1, y1, x2, y2] = [from.x + SIZE / 2, from.y + SIZE, here.x + SIZE / 2, here.y];
      const middle = (y1 + y2) / 2;
      lines.append(svg("path", { class: picture.operation, d: `M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}` }));
    }
    const origin = picture.parents.length ? `, ${picture.operation} of ${picture.parents.join(" and ")}` : "";
    const node = el("button", {
      type: "button", class: picture.number === current ? "node current" : "node", title: picture.description,
      "aria-label": `Picture ${picture.number}${origin}: ${picture.description}`, "aria-current": picture.number === current ? "true" : null,
      onclick: () => reveal(picture.number),
    }, el("img", { src: smallUrl(picture.sha256), alt: "", loading: "lazy", class: picture.covered ? "covered" : null }), el("b", { "aria-hidden": "true" }, String(picture.number)));
    node.style.left = `${here.x}px`;
    node.style.top = `${here.y}px`;
    plot.append(node);
  }
  target.replaceChildren(plot);
  // A wide tree shows the picture that is talked about; until another one is, it stays where a person has moved it.
  if (places.has(current) && target.clientWidth && target.dataset.current !== String(current)) {
    target.dataset.current = String(current);
    target.scrollTo({ left: at(current).x - (target.clientWidth - SIZE) / 2, top: at(current).y - (target.clientHeight - SIZE) / 2 });
  }
}
