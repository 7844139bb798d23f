import assert from "node:assert/strict";
import test from "node:test";
import { giveColours, hueOf } from "../assets/js/links.js";

test("up to eight producers have colours of their own, which stay", () => {
  const ids = Array.from({ length: 9 }, (_, at) => `addr1q${at}`);
  assert.ok(ids.every((id) => hueOf(id) >= 0 && hueOf(id) < 8));
  assert.equal(giveColours(ids.slice(0, 4)), true);
  const first = ids.slice(0, 4).map(hueOf);
  assert.equal(new Set(first).size, 4);
  assert.equal(giveColours(ids.slice(0, 4)), false);
  giveColours(ids);
  assert.deepEqual(ids.slice(0, 4).map(hueOf), first);
  assert.equal(new Set(ids.slice(0, 8).map(hueOf)).size, 8);
  assert.ok(hueOf(ids[8]) < 8);
});
