import assert from "node:assert/strict";
import test from "node:test";
import { Connection, FIRST_DELAY_MS, LONGEST_DELAY_MS, delayOf } from "../assets/js/reconnect.js";

test("the pause between tries doubles up to a bound", () => {
  const delays = [1, 2, 3, 4, 5, 6, 100].map(delayOf);
  assert.deepEqual(delays, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
  assert.equal(delays[0], FIRST_DELAY_MS);
  assert.equal(delays.at(-1), LONGEST_DELAY_MS);
});

test("a connection that comes back tells how long it was away, from the first failure on", () => {
  const connection = new Connection();
  assert.equal(connection.opened(1_000), null);
  connection.failed(5_000);
  connection.failed(5_600);
  assert.equal(connection.state, "lost");
  assert.deepEqual(connection.opened(9_000), { ms: 4_000, wasPaused: false });
  assert.equal(connection.state, "live");
});

test("after a success the pauses begin short again", () => {
  const connection = new Connection();
  for (let time = 0; time < 6; time += 1) connection.failed(time);
  connection.opened(10);
  assert.equal(connection.failed(20), FIRST_DELAY_MS);
});

test("the seconds to the next try are whole and never negative", () => {
  const connection = new Connection();
  assert.equal(connection.secondsToRetry(0), null);
  for (let time = 0; time < 3; time += 1) connection.failed(1_000);
  assert.equal(connection.secondsToRetry(1_500), 2);
  assert.equal(connection.secondsToRetry(99_000), 0);
});

test("a page out of sight neither tries nor complains, and takes its own pause for no fault of the node", () => {
  const connection = new Connection();
  connection.opened(0);
  connection.paused(1_000);
  assert.equal(connection.failed(2_000), null);
  assert.equal(connection.state, "paused");
  connection.resumed();
  assert.deepEqual(connection.opened(61_000), { ms: 60_000, wasPaused: true });
  connection.failed(70_000);
  assert.deepEqual(connection.opened(71_000), { ms: 1_000, wasPaused: false });
});

test("who was out of sight while the node was gone does not know when it came back", () => {
  const connection = new Connection();
  connection.opened(0);
  connection.failed(1_000);
  connection.paused(2_000);
  connection.resumed();
  assert.deepEqual(connection.opened(9_000), { ms: 8_000, wasPaused: true });
});

test("a page that is opened out of sight has missed nothing", () => {
  const connection = new Connection();
  connection.paused(0);
  connection.resumed();
  assert.equal(connection.opened(60_000), null);
});
