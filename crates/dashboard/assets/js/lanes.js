// The lanes: each thread a line, its slots beads on it, their parents the loops between the threads.
// A period is a picture of its own: when time goes on, pictures move and one is made, and what changes is
// painted anew in its period alone.

import { describe, kindOf } from "./chain.js";
import { h, s, setAttr, setStyle, setText } from "./dom.js";
import { shortId } from "./format.js";
import { firstPeriod, geometry, leftOf, neighbour, parentPath, topOf } from "./geometry.js";
import { hueOf } from "./links.js";
import { keyOf } from "./slots.js";

const TOP = 26;
const SLIDE_MS = 600;
const MOST_DOTS = 6;

export class Lanes {
  constructor(root, { chain, onSelect, onActive }) {
    this.root = root;
    this.chain = chain;
    this.onSelect = onSelect;
    this.onActive = onActive;
    this.layout = null;
    this.first = null;
    this.periods = new Map();
    this.selected = null;
    this.active = null;
    this.hovered = null;
    this.draws = new Set();
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    root.tabIndex = 0;
    root.setAttribute("role", "listbox");
    root.addEventListener("keydown", (event) => this.#key(event));
    root.addEventListener("click", (event) => this.#withSlot(event, onSelect));
    root.addEventListener("pointerover", (event) => this.#withSlot(event, (slot) => this.#hover(slot)));
    root.addEventListener("pointerleave", () => this.#hover(null));
  }

  /** Lays everything out for a width; the chain's parameters are known. */
  resize(width, times) {
    this.times = times;
    this.layout = geometry({ width: Math.max(200, width - 34), threads: times.threads });
    this.#build();
  }

  select(slot) {
    const before = this.selected;
    this.selected = slot && keyOf(slot);
    for (const key of [before, this.selected]) this.#update(key);
    this.#drawHot();
  }

  /** The slots that we are drawn for, by key. */
  setDraws(keys) {
    const before = this.draws;
    this.draws = keys;
    for (const key of [...before, ...keys]) {
      if (before.has(key) !== keys.has(key)) this.#update(key);
    }
  }

  /** Shows what changed, and the time. */
  draw(now, changed) {
    if (!this.layout) return;
    this.#goTo(firstPeriod(this.layout, this.times.periodsAt(now)));
    for (const key of changed) this.#update(key);
    if (changed.includes(this.hovered ?? this.selected)) this.#drawHot();
    const x = (this.times.periodsAt(now) - this.first) * this.layout.period;
    setStyle(this.now, "transform", `translateX(${x.toFixed(1)}px)`);
  }

  #build() {
    const { layout } = this;
    const width = Math.ceil(layout.width);
    const height = layout.height + TOP;
    this.lines = h("div", { class: "layer parents", "aria-hidden": "true" });
    this.hot = s("path", { class: "hot" });
    this.hotPicture = this.#picture(this.hot);
    this.beads = h("div", { class: "layer", role: "none" });
    const threads = s("g", { class: "threads" });
    const names = s("svg", { class: "names", width: 34, height, "aria-hidden": "true" });
    for (let thread = 0; thread < layout.threads; thread += 1) {
      const y = thread * layout.lane + layout.lane / 2;
      threads.append(s("path", { d: `M-200 ${y}H${width + 200}` }));
      names.append(s("text", { x: 22, y: TOP + y + 4 }, String(thread)));
    }
    this.now = h("div", { class: "now", "aria-hidden": "true" });
    this.slider = h("div", { class: "slider", role: "none" }, this.#picture(threads), this.lines, this.hotPicture, this.beads, this.now);
    const frame = h("div", { class: "frame", role: "none" }, this.slider);
    setStyle(frame, "height", `${height}px`);
    this.root.replaceChildren(names, frame);
    setAttr(this.root, "data-dense", layout.isDense ? "yes" : "no");
    this.periods.clear();
    this.first = null;
    if (this.times) this.#goTo(firstPeriod(layout, this.times.periodsAt(this.lastNow ?? Date.now())));
  }

  /** A picture with the height of the lanes, whose origin is the first lane's top. */
  #picture(...content) {
    const { period, height } = this.layout;
    const inner = s("g", { transform: `translate(0 ${TOP})`, role: "none" }, ...content);
    return s("svg", { width: Math.ceil(period), height: height + TOP, role: "none" }, inner);
  }

  /** Puts a period at the left edge; one more on each side slides in and out. */
  #goTo(first) {
    if (first === this.first) return;
    const by = this.first === null ? 0 : first - this.first;
    this.first = first;
    for (const [period, groups] of this.periods) {
      if (period < first - 1 || period > first + this.layout.periods) {
        groups.lines.remove();
        groups.beads.remove();
        this.periods.delete(period);
      }
    }
    for (let period = first - 1; period <= first + this.layout.periods; period += 1) {
      if (period >= 0 && !this.periods.has(period)) this.#makePeriod(period);
    }
    for (const [period, groups] of this.periods) {
      const place = this.#place(period);
      setStyle(groups.lines, "transform", place);
      setStyle(groups.beads, "transform", place);
    }
    this.#drawHot();
    if (by === 1 && !this.calm.matches && !document.hidden) {
      this.slider.animate(
        [{ transform: `translateX(${this.layout.period}px)` }, { transform: "none" }],
        { duration: SLIDE_MS, easing: "cubic-bezier(.3,.1,.2,1)" },
      );
    }
  }

  #place(period) {
    return `translateX(${((period - this.first) * this.layout.period).toFixed(2)}px)`;
  }

  #makePeriod(period) {
    const { layout } = this;
    const beads = s("g", { role: "none" });
    const lines = s("g", {});
    const label = s("text", { class: "period", x: layout.blockWidth / 2, y: -9 }, String(period));
    lines.append(s("path", { class: "tick", d: `M0 -4V${layout.height}` }), label);
    const slots = [];
    for (let thread = 0; thread < layout.threads; thread += 1) {
      const slot = this.#makeSlot({ period, thread });
      slots.push(slot);
      beads.append(slot.node);
      lines.append(slot.line);
    }
    const made = { beads: this.#picture(beads), lines: this.#picture(lines), slots };
    this.periods.set(period, made);
    this.beads.append(made.beads);
    this.lines.append(made.lines);
    for (const { key } of slots) this.#update(key);
  }

  #makeSlot(slot) {
    const { layout } = this;
    const { blockWidth: width, blockHeight: height, radius } = layout;
    const middle = height / 2;
    const gap = layout.isDense ? 2 : 3.5;
    const arm = Math.min(6, height * 0.24);
    const cross = `M${width / 2 - arm} ${middle - arm}l${2 * arm} ${2 * arm}m0 ${-2 * arm}l${-2 * arm} ${2 * arm}`;
    const node = s(
      "g",
      { id: `slot-${slot.period}-${slot.thread}`, role: "option", transform: `translate(${leftOf(layout, slot.thread).toFixed(2)} ${topOf(layout, slot.thread).toFixed(1)})` },
      s("rect", { class: "halo", x: -gap, y: -gap, width: width + 2 * gap, height: height + 2 * gap, rx: radius + gap * 0.8 }),
      s("rect", { class: "body", width, height, rx: radius }),
      s("path", { class: "cross", d: cross }),
    );
    const made = { key: keyOf(slot), node, line: s("path", {}), slot };
    node.$slot = slot;
    if (layout.hasText) {
      made.swatch = s("rect", { class: "swatch", x: 7, y: 8, width: 4, height: height - 16, rx: 2 });
      made.name = s("text", { class: "name", x: 17, y: middle - 2 });
      made.sub = s("text", { class: "sub", x: 17, y: middle + 11 });
      made.dots = s("g", { class: "dots" });
      node.append(made.swatch, made.name, made.sub, made.dots);
    }
    return made;
  }

  /** Draws one slot as it is. */
  #update(key) {
    if (!key || !this.layout) return;
    const [period, thread] = key.split("/").map(Number);
    const made = this.periods.get(period)?.slots[thread];
    if (!made) return;
    const view = this.chain.slots.get(key);
    const kind = kindOf(view);
    const isOurs = view?.block ? view.own : view?.isDrawn || this.draws.has(key);
    const classes = ["slot", kind];
    if (isOurs) classes.push("own");
    if (key === this.selected) classes.push("selected");
    if (key === this.active) classes.push("active");
    setAttr(made.node, "class", classes.join(" "));
    setAttr(made.node, "aria-selected", key === this.selected ? "true" : "false");
    const label = view ? describe(view, shortId) : `slot ${key}, not open yet`;
    setAttr(made.node, "aria-label", isOurs && !view?.block ? `${label}, our draw` : label);
    this.#updateText(made, view, kind);
    setAttr(made.line, "d", this.#parents(view, this.layout.isDense));
  }

  #updateText(made, view, kind) {
    if (!made.name) return;
    const hasBlock = kind === "decided" || kind === "final";
    setAttr(made.swatch, "class", hasBlock && view.producer ? `swatch p${hueOf(view.producer)}` : "swatch none");
    setText(made.name, hasBlock ? shortId(view.producer ?? view.block, 6) : "");
    const amount = hasBlock && view.operations !== undefined ? `${view.operations} op${view.operations === 1 ? "" : "s"}` : "";
    const round = view?.round > 0 ? `r${view.round}` : "";
    setText(made.sub, hasBlock ? [amount, round].filter(Boolean).join(" · ") : "");
    const dots = hasBlock || kind === "miss" || !view ? 0 : Math.min(MOST_DOTS, view.candidates.size);
    if (made.dotCount === dots) return;
    made.dotCount = dots;
    const { blockWidth, blockHeight } = this.layout;
    const left = blockWidth / 2 - (dots - 1) * 4.5;
    made.dots.replaceChildren(
      ...Array.from({ length: dots }, (_, at) => s("circle", { cx: left + at * 9, cy: blockHeight / 2, r: 2.6 })),
    );
  }

  /** The lines to the parents that are in view; in narrow lanes only the one of the same thread. */
  #parents(view, isOwnThreadOnly) {
    if (!view?.parents || !view.block) return "";
    const paths = [];
    view.parents.forEach((id, thread) => {
      if (isOwnThreadOnly && thread !== view.thread) return;
      const parent = this.chain.slotOfBlock(id);
      if (parent && parent.period >= this.first - 2) paths.push(parentPath(this.layout, view, parent));
    });
    return paths.join("");
  }

  #drawHot() {
    const key = this.hovered ?? this.selected;
    const view = key && this.chain.slots.get(key);
    const path = view && view.period >= this.first - 1 ? this.#parents(view, false) : "";
    setAttr(this.hot, "d", path || "M0 0");
    if (!path) return;
    setStyle(this.hotPicture, "transform", this.#place(view.period));
  }

  #hover(slot) {
    const key = slot ? keyOf(slot) : null;
    if (key === this.hovered) return;
    this.hovered = key;
    this.#drawHot();
  }

  #withSlot(event, then) {
    const node = event.target.closest?.("[role=option]");
    if (node?.$slot) then(node.$slot);
  }

  #key(event) {
    if (!this.layout || event.altKey || event.ctrlKey || event.metaKey) return;
    const from = this.#activeSlot();
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.onSelect(from);
      return;
    }
    const to = neighbour(from, event.key, this.layout, this.first);
    if (!to) return;
    event.preventDefault();
    const before = this.active;
    this.active = keyOf(to);
    this.#update(before);
    this.#update(this.active);
    setAttr(this.root, "aria-activedescendant", `slot-${to.period}-${to.thread}`);
  }

  /** Where the keyboard is: where it was, or at the selected slot, or at the newest, but in view. */
  #activeSlot() {
    const key = this.active ?? this.selected;
    const last = this.first + this.layout.periods - 1;
    const at = key ? key.split("/").map(Number) : [last - 1, 0];
    return { period: Math.min(last, Math.max(0, this.first, at[0])), thread: at[1] };
  }
}
