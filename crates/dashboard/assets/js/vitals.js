// The figures that tell at a glance whether all is well.

import { h, rows, setAttr, setStyle, setText } from "./dom.js";
import { count, decimal, duration, percent, signed, slotText } from "./format.js";

const LAG_WARN_PERIODS = 2;

/** What is shown, from what is known; each `{name, value, note, tone, part}`. Pure. */
export function vitalsOf({ status, params, slot, lagMs, delays, rate, cycle, cycleMisses }) {
  if (!status || !params) return [];
  const production = status.production;
  const peers = status.peers;
  const offset = peers?.clock_behind_ms;
  const total = status.decided_slots;
  return [
    {
      name: "Now",
      value: slot ? slotText(slot) : "before genesis",
      note: cycle ? `cycle ${cycle.number} · ${percent(cycle.part, 1, 0)}` : "",
      part: cycle?.part,
    },
    {
      name: "Final",
      value: slotText(status.last_final_slot),
      note: Number.isFinite(lagMs) ? `${duration(lagMs)} after its start` : "waiting for a slot",
      tone: status.behind || lagMs > LAG_WARN_PERIODS * params.t0_ms ? "warn" : "good",
    },
    {
      name: "Decided after",
      value: duration(delays?.median),
      note: delays?.high !== undefined ? `99 of 100 in ${duration(delays.high)}` : "median of the latest",
    },
    { name: "Throughput", value: `${decimal(rate ?? 0, rate < 10 ? 1 : 0)}`, unit: "op/s", note: "final operations" },
    {
      name: "Misses",
      value: percent(status.missed_slots, total, 2),
      note: total > 0 ? `${count(status.missed_slots, "slot")} of ${count(total, "slot").split(" ")[0]} since the start` : "nothing decided yet",
      tone: cycleMisses ? "warn" : "good",
    },
    {
      name: "Production",
      value: production.producing ? "on" : production.staking_addresses.length > 0 ? "off" : "follows",
      note: production.producing
        ? `${count(production.blocks_produced, "block")}, ${count(production.endorsements_produced, "endorsement")}`
        : (production.not_producing ?? "no staking key here"),
      tone: production.producing ? "good" : production.staking_addresses.length > 0 ? "bad" : "",
    },
    {
      name: "Peers",
      value: peers ? String(peers.connected) : "alone",
      note: peers ? "connected" : "no network",
      tone: peers && peers.connected === 0 ? "bad" : "good",
    },
    {
      name: "Clock",
      value: Number.isFinite(offset) ? signed(-offset) : "–",
      note: Number.isFinite(offset) ? "against the peers’ median" : "too few peers to tell",
      tone: Math.abs(offset ?? 0) > clockWarnMs(params) ? "warn" : Number.isFinite(offset) ? "good" : "",
    },
  ];
}

/** Half of what the chain allows, as the node's log and the alert have it: beyond the whole, it is too late to warn. */
const clockWarnMs = (params) => params.max_clock_drift_ms / 2;

export function drawVitals(list, vitals) {
  rows(list, vitals, (vital) => vital.name, makeVital, updateVital);
}

function makeVital({ name }) {
  const value = h("span", { class: "value" });
  const unit = h("span", { class: "unit" });
  const note = h("span", { class: "note" });
  const fill = h("i", { class: "fill", "aria-hidden": "true" });
  const node = h("div", { class: "vital" }, h("dt", {}, name), h("dd", {}, h("span", { class: "figure" }, value, unit), note), fill);
  node.$parts = { value, unit, note, fill };
  return node;
}

function updateVital(node, { value, unit, note, tone, part }) {
  setText(node.$parts.value, value);
  setText(node.$parts.unit, unit ?? "");
  setText(node.$parts.note, note ?? "");
  setAttr(node, "data-tone", tone ?? "");
  setStyle(node.$parts.fill, "transform", `scaleX(${(part ?? 0).toFixed(3)})`);
}
