// The lanes as a table: the same slots for those who read or hear them line by line.

import { kindOf } from "./chain.js";
import { h, rows, setAttr, setText } from "./dom.js";
import { bytes, clockTime, duration, grouped } from "./format.js";
import { idLink, producerLink, slotLink } from "./links.js";
import { keyOf } from "./slots.js";

const LISTED = 48;
const WORDS = { waiting: "not open", open: "open", candidate: "candidate", leading: "leading", decided: "decided", final: "final", miss: "miss", unknown: "not kept" };

export class SlotTable {
  constructor(root) {
    const column = (text, kind) => h("th", { scope: "col", class: kind }, text);
    const head = h("thead", {}, h("tr", {}, column("slot"), column("start"), column("state"), column("block"), column("producer"), column("operations", "number"), column("size", "number"), column("candidates", "number"), column("round", "number"), column("decided after", "number")));
    this.body = h("tbody");
    root.replaceChildren(h("table", {}, h("caption", { class: "unseen" }, "The latest slots, newest first"), head, this.body));
  }

  draw(chain, times) {
    const views = chain.latest(LISTED).reverse();
    rows(this.body, views, keyOf, (view) => makeRow(view, times), updateRow);
  }
}

function makeRow(view, times) {
  const cell = (kind) => h("td", { class: kind });
  const number = () => cell("number");
  const cells = { state: cell(), block: cell(), producer: cell(), operations: number(), size: number(), candidates: number(), round: number(), delay: number() };
  const row = h("tr", {}, h("th", { scope: "row" }, slotLink(view)), h("td", {}, clockTime(times.startOf(view))), ...Object.values(cells));
  row.$cells = cells;
  return row;
}

function updateRow(row, view) {
  const { state, block, producer, operations, size, candidates, round, delay } = row.$cells;
  const kind = kindOf(view);
  setText(state, WORDS[kind] + (view.own ? ", ours" : ""));
  setAttr(state, "class", `state-${kind}${view.own ? " own" : ""}`);
  link(block, view.block, (id) => idLink("block", id));
  link(producer, view.producer, (id) => producerLink(id));
  setText(operations, view.operations === undefined ? "" : grouped(view.operations));
  setText(size, view.bytes === undefined ? "" : bytes(view.bytes));
  setText(candidates, view.candidates.size > 0 ? String(view.candidates.size) : "");
  setText(round, view.round > 0 ? String(view.round) : "");
  setText(delay, view.delayMs === undefined ? "" : duration(view.delayMs));
}

function link(cell, id, make) {
  if (cell.$id === id) return;
  cell.$id = id;
  cell.replaceChildren(id ? make(id) : "");
}
