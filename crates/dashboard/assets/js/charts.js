// Small charts: one path each, drawn once a second, with the value under the pointer.

import { h, s, setAttr, setStyle, setText } from "./dom.js";
import { areaPath, buckets, linePath, niceCeiling, quantile } from "./series.js";

const WIDTH = 300;
const HEIGHT = 100;
const BUCKETS = 75;
/** A chart of few values is not drawn as a spot at its edge. */
const SHORTEST_MS = 30_000;

export class Chart {
  constructor({ title, format, help }) {
    this.format = format;
    this.points = [];
    this.value = h("span", { class: "chart-value" });
    this.note = h("span", { class: "chart-note" });
    this.top = h("span", { class: "chart-top", "aria-hidden": "true" });
    this.area = s("path", { class: "area" });
    this.line = s("path", { class: "line" });
    this.cursor = s("path", { class: "cursor" });
    const grid = s("path", { class: "gridlines", d: `M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}` });
    this.svg = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": title }, grid, this.area, this.line, this.cursor);
    this.svg.addEventListener("pointermove", (event) => this.#point(event));
    this.svg.addEventListener("pointerleave", () => this.#leave());
    this.title = title;
    this.node = h("figure", { class: "chart" }, h("figcaption", { title: help }, title), h("p", {}, this.value, this.note), h("div", { class: "plot" }, this.svg, this.top));
  }

  /** The line is the median of each stretch of time, the area behind it its most. */
  draw(points, earliest, to) {
    this.points = points.filter((point) => point[0] >= earliest);
    const values = this.points.map((point) => point[1]);
    const from = Math.max(earliest, Math.min(this.points[0]?.[0] ?? to, to - SHORTEST_MS));
    const top = niceCeiling(quantile(values, 0.99) ?? 1);
    this.box = { x0: from, x1: to, top, width: WIDTH, height: HEIGHT };
    const stretches = buckets(this.points, from, to, BUCKETS);
    setAttr(this.line, "d", linePath(stretches, this.box) || "M0 0");
    setAttr(this.area, "d", areaPath(stretches.map(([x, , most]) => [x, most]), this.box) || "M0 0");
    setText(this.top, this.format(top));
    const median = quantile(values, 0.5);
    const most = quantile(values, 1);
    if (!this.isPointed) this.#tell();
    const label = values.length === 0 ? `${this.title}: nothing yet` : `${this.title}: now ${this.format(values.at(-1))}, median ${this.format(median)}, most ${this.format(most)}`;
    setAttr(this.svg, "aria-label", label);
    this.medianText = values.length > 0 ? `median ${this.format(median)}` : "";
  }

  #tell() {
    const last = this.points.at(-1);
    setText(this.value, last ? this.format(last[1]) : "–");
    setText(this.note, this.medianText ?? "");
    setAttr(this.cursor, "d", "M0 0");
  }

  #point(event) {
    if (this.points.length === 0) return;
    this.isPointed = true;
    const { left, width } = this.svg.getBoundingClientRect();
    const x = this.box.x0 + ((event.clientX - left) / width) * (this.box.x1 - this.box.x0);
    const nearest = this.points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best));
    const at = ((nearest[0] - this.box.x0) / (this.box.x1 - this.box.x0)) * WIDTH;
    setAttr(this.cursor, "d", `M${at.toFixed(1)} 0V${HEIGHT}`);
    setText(this.value, this.format(nearest[1]));
    setText(this.note, new Date(nearest[0]).toLocaleTimeString());
  }

  #leave() {
    this.isPointed = false;
    this.#tell();
  }
}

/** A dot on a scale from late to early, for the clock. */
export function offsetGauge(boundMs) {
  const dot = h("i", { class: "gauge-dot" });
  const node = h("div", { class: "gauge", role: "img", "aria-label": "nothing yet" }, h("i", { class: "gauge-zero" }), dot);
  node.$set = (ms, label) => {
    setAttr(node, "aria-label", label);
    setAttr(node, "data-known", Number.isFinite(ms) ? "yes" : "no");
    const part = Number.isFinite(ms) ? Math.max(-1, Math.min(1, ms / boundMs)) : 0;
    setStyle(dot, "left", `${(50 + 50 * part).toFixed(1)}%`);
  };
  return node;
}
