import assert from "node:assert/strict";
import test from "node:test";
import { hrefOf, parseHash, parseQuery } from "../assets/js/query.js";
import { SlotTimes, compare, ofIndex, parseSlot, shifted } from "../assets/js/slots.js";

const id = "1qz70s5emqxzm2rnypk0rc0v2ugu55yu48xzs03teps9vac837hnuw6lfjpp";

test("a slot, a block, an operation and an address are told apart", () => {
  assert.deepEqual(parseQuery(" 12/3 "), { kind: "slot", slot: { period: 12, thread: 3 } });
  for (const [prefix, kind] of [["blk", "block"], ["op", "operation"], ["addr", "address"]]) {
    assert.deepEqual(parseQuery(prefix + id), { kind, id: prefix + id });
    assert.deepEqual(parseQuery((prefix + id).toUpperCase()), { kind, id: prefix + id });
  }
});

test("anything else is told what to type", () => {
  for (const text of ["", "12", "12/", "-1/2", "chain1qqkrnlz4f7h6ed", "blk1", "<script>", "addr1../../x", "9".repeat(40) + "/1"]) {
    assert.ok(parseQuery(text).problem, text);
  }
});

test("the address of the page leads to what it was made of", () => {
  for (const target of [{ kind: "slot", slot: { period: 5, thread: 1 } }, { kind: "block", id: `blk${id}` }]) {
    assert.deepEqual(parseHash(hrefOf(target)), target);
  }
  for (const hash of ["", "#/", "#/block/12/3", "#/slot/x", "#/peer/a", `#/block/op${id}`]) assert.equal(parseHash(hash), null);
});

test("slots have an order, neighbours and times", () => {
  const times = new SlotTimes({ genesis: 1000, periodMs: 2000, threads: 4 });
  assert.equal(times.startOf({ period: 3, thread: 1 }), 7500);
  assert.deepEqual(times.at(7999), { period: 3, thread: 1 });
  assert.deepEqual(times.at(8000), { period: 3, thread: 2 });
  assert.equal(times.at(999), null);
  assert.ok(compare({ period: 2, thread: 0 }, { period: 1, thread: 9 }) > 0);
  assert.deepEqual(shifted({ period: 3, thread: 3 }, 1, 4), { period: 4, thread: 0 });
  assert.deepEqual(shifted({ period: 0, thread: 1 }, -5, 4), { period: 0, thread: 0 });
  assert.deepEqual(ofIndex(13, 4), { period: 3, thread: 1 });
  assert.equal(parseSlot("3/1/2"), null);
});
