// The few lines that stand for a framework: make elements, change only what changed, keep rows by key
// (so that the focus stays where a reader put it), and draw once a frame.

const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

export const h = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);

export const s = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else setAttr(node, name, value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

export function setAttr(node, name, value) {
  const cache = (node.$attributes ??= {});
  if (cache[name] === value) return;
  cache[name] = value;
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}

export function setText(node, text) {
  if (node.$text === text) return;
  node.$text = text;
  node.textContent = text;
}

/** Inline styles by the object model: the page's policy allows no style attributes. */
export function setStyle(node, name, value) {
  const cache = (node.$styles ??= {});
  if (cache[name] === value) return;
  cache[name] = value;
  node.style.setProperty(name, value);
}

export function show(node, isShown) {
  if (node.hidden === isShown) node.hidden = !isShown;
}

/** Makes the children of a node those of the items: made once, then updated, in their order. */
export function rows(parent, items, keyOf, make, update) {
  const known = (parent.$rows ??= new Map());
  const wanted = new Set();
  let before = parent.firstChild;
  items.forEach((item, index) => {
    const key = keyOf(item, index);
    wanted.add(key);
    let row = known.get(key);
    if (!row) {
      row = make(item);
      known.set(key, row);
    }
    update?.(row, item, index);
    if (row === before) before = before.nextSibling;
    else parent.insertBefore(row, before);
  });
  for (const [key, row] of known) {
    if (!wanted.has(key)) {
      row.remove();
      known.delete(key);
    }
  }
}

/** Calls of a frame, each once however often it was asked for, and not more often than the interval. */
export class Painter {
  constructor(intervalMs) {
    this.intervalMs = intervalMs;
    this.wanted = new Map();
    this.isPlanned = false;
    this.paintedAt = 0;
  }

  ask(name, paint) {
    this.wanted.set(name, paint);
    if (this.isPlanned) return;
    this.isPlanned = true;
    const wait = Math.max(0, this.paintedAt + this.intervalMs - performance.now());
    const frame = () => requestAnimationFrame(() => this.#paint());
    if (wait > 1) setTimeout(frame, wait);
    else frame();
  }

  #paint() {
    this.isPlanned = false;
    this.paintedAt = performance.now();
    const wanted = [...this.wanted.values()];
    this.wanted.clear();
    for (const paint of wanted) paint();
  }
}
