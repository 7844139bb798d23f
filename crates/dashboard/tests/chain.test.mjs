import assert from "node:assert/strict";
import test from "node:test";
import { Chain, describe, kindOf, valueOf } from "../assets/js/chain.js";

const slot = (period, thread = 0) => ({ period, thread });
const block = (id) => ({ type: "block", id });
const miss = (through) => ({ type: "miss", through });

function chainOf(threads = 4, bound = 100) {
  const chain = new Chain(bound);
  chain.reset(threads);
  return chain;
}

test("a slot goes from open to final as its events tell", () => {
  const chain = chainOf();
  const at = slot(3, 1);
  const kinds = [];
  const look = () => kinds.push(kindOf(chain.get(at)));
  chain.opened({ slot: at });
  look();
  chain.candidate({ slot: at, block: "blk1a", producer: "addr1x", own: true });
  look();
  chain.leading({ slot: at, block: "blk1a" });
  look();
  chain.decided({ slot: at, through: 3, value: block("blk1a"), round: 0, delay_ms: 40 });
  look();
  chain.final({ slot: at, block: "blk1a", producer: "addr1x", operations: { op1: {}, op2: {} } });
  look();
  assert.deepEqual(kinds, ["open", "candidate", "leading", "decided", "final"]);
  const view = chain.get(at);
  assert.equal(view.own, true);
  assert.equal(view.operations, 2);
  assert.equal(view.delayMs, 40);
});

test("what comes late takes nothing back", () => {
  const chain = chainOf();
  chain.final({ slot: slot(2), block: "blk1a", producer: "addr1x", operations: {} });
  chain.leading({ slot: slot(2), block: "blk1b" });
  chain.summary({ slot: slot(2), status: "undecided", round: 1, candidates: [], leading: null });
  assert.equal(kindOf(chain.get(slot(2))), "final");
  assert.equal(chain.get(slot(2)).block, "blk1a");
});

test("a candidate that is told of after the decision for it tells whose it is", () => {
  const chain = chainOf();
  chain.decided({ slot: slot(2), through: 2, value: block("blk1a"), round: 0, delay_ms: 9 });
  chain.candidate({ slot: slot(2), block: "blk1a", producer: "addr1x", own: true });
  assert.equal(chain.get(slot(2)).producer, "addr1x");
  assert.equal(chain.get(slot(2)).own, true);
});

test("a miss may be of several periods of its thread, and of no other", () => {
  const chain = chainOf();
  chain.opened({ slot: slot(9, 3) });
  chain.decided({ slot: slot(5, 2), through: 7, value: miss(7), round: 2, delay_ms: 900 });
  for (const period of [5, 6, 7]) assert.equal(kindOf(chain.get(slot(period, 2))), "miss");
  assert.equal(chain.get(slot(8, 2)), undefined);
  assert.equal(chain.get(slot(5, 1)), undefined);
});

test("a miss of a million periods takes no more work than what is kept", () => {
  const chain = chainOf(4, 40);
  chain.decided({ slot: slot(1, 0), through: 1_000_000, value: miss(1_000_000), round: 0, delay_ms: 1 });
  assert.ok(chain.slots.size <= 44, String(chain.slots.size));
  assert.equal(kindOf(chain.get(slot(1_000_000))), "miss");
});

test("only the latest slots are kept, and their blocks", () => {
  const chain = chainOf(2, 10);
  for (let period = 1; period <= 50; period += 1) {
    for (const thread of [0, 1]) chain.final({ slot: slot(period, thread), block: `blk1${period}x${thread}`, producer: null, operations: {} });
  }
  assert.equal(chain.slots.size, 10);
  assert.equal(chain.blocks.size, 10);
  assert.equal(chain.get(slot(45)), undefined);
  assert.ok(chain.get(slot(46)));
  // Something old is not taken in again.
  chain.opened({ slot: slot(3) });
  assert.equal(chain.slots.size, 10);
});

test("a thread that the chain does not have is not drawn", () => {
  const chain = chainOf(4);
  chain.opened({ slot: slot(3, 4) });
  assert.equal(chain.slots.size, 0);
});

test("the stream resumes after the last final slot", () => {
  const chain = chainOf(4);
  assert.equal(chain.resumeFrom(), null);
  chain.final({ slot: slot(7, 3), block: null, producer: null, operations: {} });
  chain.opened({ slot: slot(9, 0) });
  assert.deepEqual(chain.resumeFrom(), slot(8, 0));
  chain.summary({ slot: slot(8, 1), status: "final", block: null, candidates: [] });
  assert.deepEqual(chain.resumeFrom(), slot(8, 2));
});

test("a block without parents is asked for, three times at most", () => {
  const chain = chainOf();
  chain.decided({ slot: slot(2), through: 2, value: block("blk1a"), round: 0, delay_ms: 9 });
  chain.decided({ slot: slot(3), through: 3, value: miss(3), round: 0, delay_ms: 9 });
  assert.deepEqual(chain.incomplete().map((view) => view.period), [2]);
  const line = { slot: slot(2), status: "decided", block: "blk1a", producer: "addr1x", own: false, candidates: [] };
  chain.summary({ ...line, parents: ["blk1p"], operation_count: 3, size_bytes: 264 });
  assert.deepEqual(chain.incomplete(), []);
  chain.decided({ slot: slot(4), through: 4, value: block("blk1b"), round: 0, delay_ms: 9 });
  for (let time = 0; time < 3; time += 1) chain.incomplete()[0].asked += 1;
  assert.deepEqual(chain.incomplete(), []);
});

test("a slot that we are drawn for is ours until another's block is in it", () => {
  const chain = chainOf();
  chain.summary({ slot: slot(2), status: "undecided", round: 0, block: null, candidates: [], leading: null, own: true });
  assert.equal(chain.get(slot(2)).isDrawn, true);
  assert.equal(chain.get(slot(2)).own, false);
  chain.summary({ slot: slot(2), status: "final", block: "blk1a", producer: "addr1x", own: false, candidates: [] });
  assert.equal(chain.get(slot(2)).own, false);
  assert.equal(chain.get(slot(2)).isDrawn, false);
});

test("changed slots are told once", () => {
  const chain = chainOf();
  chain.opened({ slot: slot(2) });
  chain.round({ slot: slot(2), round: 1 });
  assert.deepEqual(chain.takeChanged(), ["2/0"]);
  assert.deepEqual(chain.takeChanged(), []);
});

test("a slot can be heard", () => {
  const chain = chainOf();
  chain.decided({ slot: slot(5), through: 5, value: miss(5), round: 1, delay_ms: 300 });
  assert.equal(describe(chain.get(slot(5)), (id) => id), "slot 5/0, missed: decided as no block, round 1");
  chain.final({ slot: slot(6), block: "blk1a", producer: "addr1x", operations: {} });
  assert.equal(describe(chain.get(slot(6)), (id) => id), "slot 6/0, final, block blk1a, by addr1x, 0 operations");
});

test("values are blocks, misses, or nothing", () => {
  assert.deepEqual(valueOf(block("blk1a")), { block: "blk1a" });
  assert.deepEqual(valueOf(miss(4)), { block: null });
  assert.equal(valueOf(null), undefined);
});
