import assert from "node:assert/strict";
import test from "node:test";
import { MOST_SLOTS, firstPeriod, geometry, leftOf, neighbour, parentPath, topOf } from "../assets/js/geometry.js";

test("whatever the width and the threads, the slots that are drawn are bounded", () => {
  for (const width of [200, 400, 1400, 4000, 20_000]) {
    for (const threads of [1, 2, 4, 32, 64, 255]) {
      const layout = geometry({ width, threads });
      assert.ok(layout.periods >= 2 && layout.periods * threads <= Math.max(MOST_SLOTS, 2 * threads), `${width} ${threads}`);
      assert.ok(Math.abs(layout.periods * layout.period - width) < 0.01);
      assert.ok(layout.blockHeight > 0 && layout.blockHeight < layout.lane);
    }
  }
});

test("blocks of a thread do not touch, and stand later the higher the thread", () => {
  const layout = geometry({ width: 1200, threads: 4 });
  assert.ok(layout.blockWidth < layout.period);
  assert.deepEqual([0, 1, 2, 3].map((thread) => leftOf(layout, thread) / layout.period), [0, 0.25, 0.5, 0.75]);
  assert.ok(topOf(layout, 1) - topOf(layout, 0) === layout.lane);
});

test("the current period is in view with one to come", () => {
  const layout = geometry({ width: 1200, threads: 4 });
  const first = firstPeriod(layout, 100.7);
  assert.equal(first + layout.periods - 1, 101);
});

test("a line in its own thread is straight, one to another thread begins at the parent's edge", () => {
  const layout = geometry({ width: 1000, threads: 4 });
  const own = parentPath(layout, { period: 5, thread: 1 }, { period: 4, thread: 1 });
  assert.match(own, /^M-?[\d.]+ [\d.]+H[\d.]+$/);
  const [, , y] = /^M(-?[\d.]+) ([\d.]+)C/.exec(parentPath(layout, { period: 5, thread: 1 }, { period: 5, thread: 0 }));
  assert.equal(Number(y), layout.lane / 2 + layout.blockHeight / 2);
  assert.ok(!parentPath(layout, { period: 5, thread: 0 }, { period: 1, thread: 3 }).includes("NaN"));
});

test("arrow keys stay in view", () => {
  const layout = geometry({ width: 1200, threads: 4 });
  const first = 10;
  const last = first + layout.periods - 1;
  assert.deepEqual(neighbour({ period: 12, thread: 0 }, "ArrowDown", layout, first), { period: 12, thread: 1 });
  assert.deepEqual(neighbour({ period: 12, thread: 0 }, "ArrowUp", layout, first), { period: 12, thread: 0 });
  assert.deepEqual(neighbour({ period: first, thread: 3 }, "ArrowLeft", layout, first), { period: first, thread: 3 });
  assert.deepEqual(neighbour({ period: 12, thread: 3 }, "End", layout, first), { period: last, thread: 3 });
  assert.equal(neighbour({ period: 12, thread: 3 }, "a", layout, first), null);
  // Nothing is before the chain.
  assert.deepEqual(neighbour({ period: 0, thread: 1 }, "ArrowLeft", layout, -6), { period: 0, thread: 1 });
  assert.deepEqual(neighbour({ period: 2, thread: 1 }, "Home", layout, -6), { period: 0, thread: 1 });
});
