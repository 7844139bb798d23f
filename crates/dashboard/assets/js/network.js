// Peers, the clock against theirs, and what waits in the pool.

import { bar, fillBar } from "./bars.js";
import { offsetGauge } from "./charts.js";
import { h, rows, setAttr, setText, show } from "./dom.js";
import { bytes, count, duration, grouped, percent, shortId, signed } from "./format.js";

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
    this.table = h("table", {}, head, this.list);
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
    this.threads = h("div", { class: "columns", role: "img" });
    this.threadsTitle = h("h3", {}, "Operations by thread");
    root.replaceChildren(this.facts, this.fill, this.fillText, this.threadsTitle, this.threads);
  }

  /** `pool` is the node's answer, `status` what its status says of the pool, `fees` the estimate. */
  draw({ pool, status, fees }) {
    const total = pool?.total ?? pool?.totals ?? pool ?? {};
    const operations = total.operations ?? status?.operations ?? 0;
    const size = total.bytes ?? total.operation_bytes ?? status?.operation_bytes ?? 0;
    setText(this.note, operations === 0 ? "empty" : count(operations, "operation"));
    const facts = [
      ["Operations", grouped(operations)],
      ["Bytes", bytes(size)],
      ["Endorsements", grouped(status?.endorsements ?? total.endorsements ?? 0)],
      ["Denunciations", grouped(status?.denunciations ?? total.denunciations ?? 0)],
      ["Lowest fee taken", fees?.minimal_fee ?? "–"],
      ["Fee for the next block", fees?.suggested?.next_block ?? fees?.minimal_fee ?? "–"],
    ];
    rows(this.facts, facts, (fact) => fact[0], ([name]) => {
      const value = h("dd");
      const row = h("div", {}, h("dt", {}, name), value);
      row.$value = value;
      return row;
    }, (row, fact) => setText(row.$value, String(fact[1])));
    this.#drawFill(operations, size, pool?.bounds ?? pool?.limits);
    this.#drawThreads(pool?.by_thread ?? pool?.threads ?? []);
  }

  #drawFill(operations, size, bounds) {
    const most = bounds?.operations ?? bounds?.max_operations;
    const mostBytes = bounds?.bytes ?? bounds?.max_bytes ?? bounds?.max_operation_bytes;
    const part = Math.max(most ? operations / most : 0, mostBytes ? size / mostBytes : 0);
    const text = most || mostBytes ? `${percent(part, 1)} full` : "";
    show(this.fill, Boolean(text));
    setText(this.fillText, text);
    fillBar(this.fill, [{ key: "full", part, tone: part > 0.8 ? "vote-miss" : "p0", title: text }], 1, text);
  }

  #drawThreads(threads) {
    show(this.threads, threads.length > 0);
    show(this.threadsTitle, threads.length > 0);
    const most = Math.max(1, ...threads.map((thread) => thread.operations ?? 0));
    setAttr(this.threads, "aria-label", threads.map((thread, at) => `thread ${thread.thread ?? at}: ${thread.operations ?? 0}`).join(", "));
    rows(this.threads, threads, (thread, at) => thread.thread ?? at, () => {
      const fill = h("i");
      const row = h("span", { class: "column" }, fill);
      row.$fill = fill;
      return row;
    }, (row, thread, at) => {
      setAttr(row, "title", `thread ${thread.thread ?? at}: ${count(thread.operations ?? 0, "operation")}`);
      row.$fill.style.transform = `scaleY(${((thread.operations ?? 0) / most).toFixed(3)})`;
    });
  }
}
