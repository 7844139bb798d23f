// The cycles: what was produced in each, by all. A slot without the block of its drawn producer may
// have that of another one: it is no miss.

import { bar, fillBar } from "./bars.js";
import { h, rows, setAttr, setText, show } from "./dom.js";
import { clockTime, grouped, percent, slotText } from "./format.js";

const LISTED = 6;

export class Cycles {
  constructor(root, note) {
    this.note = note;
    this.list = h("tbody");
    const column = (text, kind) => h("th", { scope: "col", class: kind }, text);
    const head = h("thead", {}, h("tr", {}, column("cycle"), column("from"), column("at"), column("blocks of the drawn", "share"), column("without one", "number"), column("endorsements", "number"), column("stakers", "number")));
    this.table = h("table", { "aria-label": "The latest cycles" }, head, this.list);
    this.empty = h("p", { class: "empty" }, "No cycle is known yet.");
    root.replaceChildren(h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Cycles" }, this.table), this.empty);
  }

  draw(answer) {
    const cycles = [...(answer?.cycles ?? [])].sort((a, b) => b.cycle - a.cycle).filter((cycle) => cycle.produced + cycle.missed > 0);
    show(this.table, cycles.length > 0);
    show(this.empty, cycles.length === 0);
    rows(this.list, cycles.slice(0, LISTED), (cycle) => cycle.cycle, makeRow, updateRow);
  }
}

function makeRow(cycle) {
  const number = () => h("td", { class: "number" });
  const cells = { missed: number(), endorsements: number(), stakers: number() };
  const track = bar();
  const state = h("span", { class: "tags" });
  const row = h("tr", {}, h("th", { scope: "row" }, grouped(cycle.cycle), state), h("td", {}, slotText(cycle.first_slot)), h("td", {}, clockTime(cycle.start)), h("td", { class: "share" }, track), ...Object.values(cells));
  Object.assign(row, { $cells: cells, $track: track, $state: state });
  return row;
}

function updateRow(row, cycle) {
  const total = cycle.produced + cycle.missed;
  setText(row.$cells.missed, cycle.missed === 0 ? "none" : `${grouped(cycle.missed)} (${percent(cycle.missed, total)})`);
  setAttr(row.$cells.missed, "class", `number${cycle.missed > 0 ? " state-miss" : ""}`);
  setText(row.$cells.endorsements, grouped(cycle.endorsements ?? 0));
  setText(row.$cells.stakers, grouped(cycle.stakers ?? 0));
  setText(row.$state, cycle.is_complete ? "" : "now");
  fillBar(row.$track, [
    { key: "produced", part: cycle.produced, tone: "vote", title: `${grouped(cycle.produced)} slots with the block of their drawn producer` },
    { key: "missed", part: cycle.missed, tone: "vote-miss", title: `${grouped(cycle.missed)} slots without it` },
  ], total, `${grouped(cycle.produced)} slots with the block of their drawn producer, ${grouped(cycle.missed)} without it`);
}
