// Numbers over time and the shapes of their charts: bounded rows, medians, axes, SVG paths. Pure.

/** The latest numbers, so many at most. */
export class Series {
  constructor(bound) {
    this.bound = bound;
    this.points = [];
  }

  push(x, y) {
    if (!Number.isFinite(x) || !Number.isFinite(y)) return;
    const last = this.points.at(-1);
    // What comes late, after a pause, is put where it belongs.
    if (last && x < last[0]) {
      const at = this.points.findIndex((point) => point[0] > x);
      this.points.splice(at, 0, [x, y]);
    } else {
      this.points.push([x, y]);
    }
    if (this.points.length > this.bound) this.points.splice(0, this.points.length - this.bound);
  }

  clear() {
    this.points = [];
  }

  values() {
    return this.points.map((point) => point[1]);
  }

  get last() {
    return this.points.at(-1)?.[1];
  }
}

/** The value that so large a part is not above; undefined of nothing. */
export function quantile(values, part) {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const at = Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1));
  return sorted[at];
}

/** So many stretches of time at most, each as `[middle, median, most]`; empty ones are left out. */
export function buckets(points, from, to, count) {
  const width = (to - from) / count;
  if (!(width > 0)) return [];
  const found = new Map();
  for (const [x, y] of points) {
    const at = Math.floor((x - from) / width);
    if (at < 0 || at > count) continue;
    if (!found.has(at)) found.set(at, []);
    found.get(at).push(y);
  }
  return [...found]
    .sort((a, b) => a[0] - b[0])
    .map(([at, values]) => [from + (at + 0.5) * width, quantile(values, 0.5), Math.max(...values)]);
}

/** The end of an axis: the next of 1, 2, 2.5, 5, 10 … that holds the value. */
export function niceCeiling(value) {
  if (!(value > 0)) return 1;
  const magnitude = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 2.5, 5, 10]) {
    if (value <= step * magnitude * 1.0000001) return step * magnitude;
  }
  return 10 * magnitude;
}

/** A line through points in a box; the y axis begins at zero. */
export function linePath(points, { x0, x1, top, width, height }) {
  if (points.length === 0 || !(x1 > x0) || !(top > 0)) return "";
  const path = points.map(([x, y], index) => {
    const px = ((x - x0) / (x1 - x0)) * width;
    const py = height - (Math.min(y, top) / top) * height;
    return `${index === 0 ? "M" : "L"}${px.toFixed(1)} ${py.toFixed(1)}`;
  });
  return path.join("");
}

/** The same, closed down to the axis. */
export function areaPath(points, box) {
  const line = linePath(points, box);
  if (!line) return "";
  const at = (x) => (((x - box.x0) / (box.x1 - box.x0)) * box.width).toFixed(1);
  return `${line}L${at(points.at(-1)[0])} ${box.height}L${at(points[0][0])} ${box.height}Z`;
}

/** How few of the largest hold more than such a part of all. */
export function fewestAbove(parts, whole, part) {
  let sum = 0;
  const sorted = [...parts].sort((a, b) => b - a);
  for (let index = 0; index < sorted.length; index += 1) {
    sum += sorted[index];
    if (sum > whole * part) return index + 1;
  }
  return null;
}
