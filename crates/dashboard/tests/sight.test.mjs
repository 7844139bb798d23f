// What is out of sight asks its node for nothing.

import assert from "node:assert/strict";
import test from "node:test";
import { Poll } from "../assets/js/api.js";
import { EventStream } from "../assets/js/stream.js";

class Sight extends EventTarget {
  hidden = false;

  turn(hidden) {
    this.hidden = hidden;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

/** After everything that was waiting. */
const settled = () => new Promise((done) => setImmediate(done));

test("a poll rests while the page is out of sight, and reads as soon as it is seen again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const sight = new Sight();
  let reads = 0;
  const poll = new Poll(1_000, async () => { reads += 1; }, sight);
  const after = async (ms) => {
    t.mock.timers.tick(ms);
    await settled();
    return reads;
  };
  poll.start();
  assert.equal(await after(0), 1);
  assert.equal(await after(1_000), 2);
  sight.turn(true);
  assert.equal(await after(600_000), 2);
  poll.wake();
  assert.equal(await after(600_000), 2, "nobody can wake it");
  sight.turn(false);
  assert.equal(await after(0), 3);
  assert.equal(await after(1_000), 4, "and it goes on");
  poll.stop();
  sight.turn(true);
  sight.turn(false);
  assert.equal(await after(600_000), 4, "what was stopped stays so");
});

test("a poll that is begun out of sight waits to be seen", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const sight = new Sight();
  sight.hidden = true;
  let reads = 0;
  new Poll(1_000, async () => { reads += 1; }, sight).start();
  await settled();
  assert.equal(reads, 0);
  sight.turn(false);
  await settled();
  assert.equal(reads, 1);
});

test("a poll that the page leaves in the middle of a read reads no more after it", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const sight = new Sight();
  let reads = 0;
  let answer;
  const poll = new Poll(1_000, () => { reads += 1; return new Promise((done) => { answer = done; }); }, sight);
  poll.start();
  sight.turn(true);
  answer();
  await settled();
  t.mock.timers.tick(600_000);
  await settled();
  assert.equal(reads, 1);
});

test("the stream is closed while the page is out of sight, which is told both ways", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const sight = new Sight();
  const open = new Set();
  globalThis.document = sight;
  globalThis.EventSource = class extends EventTarget {
    constructor() {
      super();
      open.add(this);
    }

    close() {
      open.delete(this);
    }
  };
  t.after(() => {
    delete globalThis.document;
    delete globalThis.EventSource;
  });
  const told = [];
  const live = [];
  const stream = new EventStream({ resumeFrom: () => null, onState: ({ state }) => told.push(state), onLive: (away) => live.push(away) });
  sight.hidden = true;
  stream.start();
  assert.deepEqual([open.size, told], [0, ["paused"]]);
  sight.turn(false);
  assert.equal(open.size, 1);
  [...open][0].onopen();
  sight.turn(true);
  assert.equal(open.size, 0);
  t.mock.timers.tick(600_000);
  assert.equal(open.size, 0, "and not opened again");
  sight.turn(false);
  [...open][0].onopen();
  assert.deepEqual(told, ["paused", "connecting", "live", "paused", "connecting", "live"]);
  assert.equal(live[0], null);
  assert.equal(live[1].wasPaused, true);
});
