import assert from "node:assert/strict";
import test from "node:test";
import { nextEndorsement, resultOf, sortDraws, whose } from "../assets/js/draws.js";
import { vitalsOf } from "../assets/js/vitals.js";

const draw = (period, result, more = {}) => ({ slot: { period, thread: 0 }, start: period * 1000, rank: 0, endorser_indices: [], result: { type: result }, ...more });
const candidates = (...own) => ({ candidates: new Map(own.map((isOwn, at) => [`blk1${at}`, { own: isOwn }])) });

test("draws to come are ascending, results the latest first, and only those as producer", () => {
  const answers = [
    { address: "addr1a", draws: [draw(1, "produced"), draw(2, "missed"), draw(9, "undecided"), draw(8, "undecided", { rank: 2 })] },
    { address: "addr1b", draws: [draw(7, "undecided"), draw(3, "of_another", { rank: 1 })] },
  ];
  const { next, past } = sortDraws(answers, 5_000);
  assert.deepEqual(next.map((it) => it.slot.period), [7, 9]);
  assert.deepEqual(past.map((it) => it.slot.period), [2, 1]);
});

test("a slot that began and is undecided is no longer to come", () => {
  assert.deepEqual(sortDraws([{ address: "a", draws: [draw(4, "undecided")] }], 5_000).next, []);
});

test("a miss has its reason", () => {
  const reason = (view, notProducing) => resultOf(draw(1, "missed"), view, notProducing).reason;
  assert.match(reason(candidates(true)), /ours?|our block came too late/);
  assert.equal(reason(candidates(), "waits after its start"), "waits after its start");
  assert.match(reason(candidates(false)), /of others/);
  assert.match(reason(candidates()), /no block was seen/);
  assert.equal(reason(undefined), "decided as no block");
});

test("a slot of another tells whether ours was there", () => {
  const of = { ...draw(1, "of_another"), result: { type: "of_another", producer: "addr1qabcdefgh" } };
  assert.match(resultOf(of, candidates(true, false)).reason, /ours ranked after the one of qabcdef/);
  assert.match(resultOf(of, candidates(false)).reason, /ours was not seen/);
});

test("of many addresses it is said that the draws are those of the first", () => {
  assert.equal(whose(4, 6), "the first 4 of 6 addresses");
  assert.equal(whose(2, 2), "2 addresses");
  assert.equal(whose(1, 1), "1 address");
  assert.equal(whose(0, 3), "3 addresses", "nothing was answered yet");
  assert.equal(whose(0, 0), "");
});

test("the next endorsement is the earliest that is to come", () => {
  const answers = [{ draws: [draw(9, "undecided", { endorser_indices: [1] }), draw(6, "undecided", { endorser_indices: [0] }), draw(2, "missed", { endorser_indices: [0] })] }];
  assert.equal(nextEndorsement(answers, 5_000).slot.period, 6);
  assert.equal(nextEndorsement([], 5_000), null);
});

const status = (more) => ({
  last_final_slot: { period: 3, thread: 1 }, behind: null, decided_slots: 10, missed_slots: 1, peers: { connected: 3, clock_behind_ms: 4 },
  production: { producing: true, not_producing: null, staking_addresses: ["addr1a"], blocks_produced: 2, endorsements_produced: 8 }, ...more,
});
const vital = (name, more) => vitalsOf({ status: status(more), params: { t0_ms: 2000, max_clock_drift_ms: 50 }, slot: { period: 3, thread: 2 }, lagMs: 100, rate: 0 }).find((it) => it.name === name);

test("a node that does not produce says why, and one without keys is not blamed", () => {
  assert.equal(vital("Production").tone, "good");
  const off = vital("Production", { production: { ...status().production, producing: false, not_producing: "switched off" } });
  assert.deepEqual([off.value, off.note, off.tone], ["off", "switched off", "bad"]);
  const follows = vital("Production", { production: { ...status().production, producing: false, staking_addresses: [] } });
  assert.deepEqual([follows.value, follows.tone], ["follows", ""]);
});

test("a clock that is behind is shown with its sign, and one that is off by half of what the chain allows warns", () => {
  assert.deepEqual([vital("Clock").value, vital("Clock").tone], ["−4 ms", "good"]);
  const tone = (behind) => vital("Clock", { peers: { connected: 3, clock_behind_ms: behind } }).tone;
  assert.deepEqual([25, -25, 26, -26].map(tone), ["good", "good", "warn", "warn"]);
  assert.equal(vital("Clock", { peers: null }).value, "–");
});

test("a node without peers that should have some is in trouble, a lone one is not", () => {
  assert.equal(vital("Peers", { peers: { connected: 0, clock_behind_ms: null } }).tone, "bad");
  assert.equal(vital("Peers", { peers: null }).tone, "good");
});
