import assert from "node:assert/strict";
import test from "node:test";
import { Series, areaPath, buckets, fewestAbove, linePath, niceCeiling, quantile } from "../assets/js/series.js";

test("a series keeps the latest numbers in the order of time", () => {
  const series = new Series(3);
  series.push(1, 10);
  series.push(3, 30);
  series.push(2, 20);
  assert.deepEqual(series.points, [[1, 10], [2, 20], [3, 30]]);
  series.push(4, 40);
  assert.deepEqual(series.values(), [20, 30, 40]);
  series.push(5, NaN);
  assert.equal(series.last, 40);
});

test("quantiles are values that occurred", () => {
  const values = [5, 1, 4, 2, 3];
  assert.equal(quantile(values, 0.5), 3);
  assert.equal(quantile(values, 0.99), 5);
  assert.equal(quantile([], 0.5), undefined);
  assert.deepEqual(values, [5, 1, 4, 2, 3]);
});

test("an axis ends at a round number that holds the value", () => {
  assert.deepEqual([0, 0.3, 1, 1.1, 21, 30, 51, 100, 999].map(niceCeiling), [1, 0.5, 1, 2, 25, 50, 100, 100, 1000]);
});

test("lines start at zero below and fit the box", () => {
  const box = { x0: 0, x1: 10, top: 100, width: 200, height: 50 };
  assert.equal(linePath([[0, 0], [5, 50], [10, 400]], box), "M0.0 50.0L100.0 25.0L200.0 0.0");
  assert.equal(areaPath([[0, 0], [10, 100]], box), "M0.0 50.0L200.0 0.0L200.0 50L0.0 50Z");
  assert.equal(linePath([], box), "");
  assert.equal(linePath([[0, 1]], { ...box, x1: 0 }), "");
});

test("many points become few, with the median and the most of each stretch", () => {
  const points = Array.from({ length: 1000 }, (_, at) => [at, at % 10]);
  const found = buckets(points, 0, 1000, 20);
  assert.equal(found.length, 20);
  assert.deepEqual(found[0], [25, 4, 9]);
  assert.deepEqual(buckets([], 0, 1000, 20), []);
});

test("the fewest that hold more than a third", () => {
  assert.equal(fewestAbove([40, 30, 20, 10], 100, 1 / 3), 1);
  assert.equal(fewestAbove([25, 25, 25, 25], 100, 1 / 3), 2);
  // Exactly a third is not more than a third.
  assert.equal(fewestAbove([1, 1, 1], 3, 1 / 3), 2);
  assert.equal(fewestAbove([], 0, 1 / 3), null);
});
