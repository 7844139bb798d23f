// Peers, the clock against theirs, and what waits in the pool.

import { bar, fillBar } from "./bars.js";
import { offsetGauge } from "./charts.js";
import { h, rows, setAttr, setStyle, setText, show } from "./dom.js";
import { amount, bytes, count, duration, grouped, percent, shortId, signed } from "./format.js";

const GAUGE_MS = 500;
const LISTED = 12;

export class Peers {
  constructor(root, note) {
    this.note = note;
    this.gauge = offsetGauge(GAUGE_MS);
    this.clock = h("p", { class: "fact" });
    this.list = h("tbody");
    this.empty = h("p", { class: "empty" }, "No peer is connected.");
    this.more = h("p", { class: "quiet" });
    const column = (text, kind) => h("th", { scope: "col", class: kind }, text);
    const head = h("thead", {}, h("tr", {}, column("node"), column("program"), column("call"), column("round trip", "number"), column("clock", "number"), column("slots ahead", "number")));
    this.table = h("table", { "aria-label": "Peers" }, head, this.list);
    root.replaceChildren(
      h("div", { class: "clock" }, this.clock, this.gauge, h("div", { class: "gauge-scale", "aria-hidden": "true" }, h("span", {}, "behind"), h("span", {}, "the peers’ clocks"), h("span", {}, "ahead"))),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Peers" }, this.table),
      this.empty,
      this.more,
    );
  }

  draw(answer) {
    if (!answer) return;
    const peers = answer.peers ?? [];
    const behind = answer.clock_behind_ms;
    const text = Number.isFinite(behind) ? `Our clock: ${signed(-behind)} against the peers’ median` : "Our clock: too few peers tell the time to compare";
    setText(this.clock, text);
    this.gauge.$set(Number.isFinite(behind) ? -behind : NaN, text);
    setText(this.note, `${count(answer.connected ?? peers.length, "peer")} connected`);
    show(this.table, peers.length > 0);
    show(this.empty, peers.length === 0);
    rows(this.list, peers.slice(0, LISTED), (peer) => peer.node, makePeer, updatePeer);
    setText(this.more, peers.length > LISTED ? `and ${count(peers.length - LISTED, "other")}` : "");
  }
}

function makePeer(peer) {
  const cells = Object.fromEntries(["agent", "call", "trip", "clock", "ahead"].map((name) => [name, h("td", { class: ["trip", "clock", "ahead"].includes(name) ? "number" : "" })]));
  const row = h("tr", {}, h("th", { scope: "row", class: "mono", title: peer.node }, shortId(peer.node).length < 7 ? shortId(peer.node) : String(peer.node).slice(-8)), ...Object.values(cells));
  row.$cells = cells;
  return row;
}

function updatePeer(row, peer) {
  const { agent, call, trip, clock, ahead } = row.$cells;
  setText(agent, peer.agent ?? "not introduced");
  setText(call, peer.outbound ? "ours" : "theirs");
  setText(trip, duration(peer.round_trip_ms ?? NaN));
  setText(clock, signed(peer.clock_ahead_ms ?? NaN));
  setText(ahead, Number.isFinite(peer.slots_ahead) ? grouped(peer.slots_ahead) : "–");
  setAttr(row, "class", peer.agent ? "" : "quiet");
}

export class Pool {
  constructor(root, note) {
    this.note = note;
    this.facts = h("dl", { class: "facts" });
    this.fill = bar();
    this.fillText = h("p", { class: "quiet" });
    this.threads = h("div", { class: "columns", role: "img", "aria-label": "nothing yet" });
    this.threadsTitle = h("h3", {}, "Operations by thread");
    root.replaceChildren(this.facts, this.fill, this.fillText, this.threadsTitle, this.threads);
  }

  draw({ pool, fees }) {
    if (!pool) return;
    setText(this.note, pool.operations === 0 ? "empty" : count(pool.operations, "operation"));
    const facts = [
      ["Operations", grouped(pool.operations)],
      ["Bytes", bytes(pool.operation_bytes)],
      ["Endorsements", grouped(pool.endorsements)],
      ["Denunciations", grouped(pool.denunciations)],
      ["Lowest fee taken", amount(fees?.minimal_fee)],
      ["Fee for the next block", amount(fees?.suggested.next_block)],
    ];
    rows(this.facts, facts, (fact) => fact[0], ([name]) => {
      const value = h("dd");
      const row = h("div", {}, h("dt", {}, name), value);
      row.$value = value;
      return row;
    }, (row, fact) => setText(row.$value, String(fact[1])));
    this.#drawFill(pool);
    this.#drawThreads(pool.threads);
  }

  /** The bounds are of a thread: the fullest one tells when the pool refuses or drops something. */
  #drawFill({ threads, bounds }) {
    const partOf = (thread) => Math.max(thread.operations / bounds.max_operations_per_thread, thread.bytes / bounds.max_bytes_per_thread);
    const part = Math.max(0, ...threads.map(partOf));
    const text = `the fullest thread is ${percent(part, 1)} full`;
    setText(this.fillText, text);
    fillBar(this.fill, [{ key: "full", part, tone: part > 0.8 ? "vote-miss" : "p0", title: text }], 1, text);
  }

  #drawThreads(threads) {
    show(this.threads, threads.length > 0);
    show(this.threadsTitle, threads.length > 0);
    const most = Math.max(1, ...threads.map((thread) => thread.operations));
    setAttr(this.threads, "aria-label", threads.map((thread) => `thread ${thread.thread}: ${thread.operations}`).join(", "));
    rows(this.threads, threads, (thread) => thread.thread, () => {
      const fill = h("i");
      const row = h("span", { class: "column" }, fill);
      row.$fill = fill;
      return row;
    }, (row, thread) => {
      setAttr(row, "title", `thread ${thread.thread}: ${count(thread.operations, "operation")}`);
      setStyle(row.$fill, "transform", `scaleY(${(thread.operations / most).toFixed(3)})`);
    });
  }
}
