// The stream of events: opened, heard, lost and found again with nothing told twice for new.

import { query } from "./api.js";
import { Connection } from "./reconnect.js";
import { keyOf } from "./slots.js";

const TOPICS = ["opened", "candidate", "leading", "round", "decided", "slot", "operation"];
const PATH = "/api/v1/stream/events";
/** Operations are found by search; the page does not follow each. */
const WANTED = "candidate,leading,round,decided,slot";
const LOOK_MS = 1_000;

export class EventStream {
  /**
   * `resumeFrom()` is the first slot that is wanted, or null; `onEvent(topic, data)`,
   * `onMissed(data)`, `onLive(away)` and `onState(connection)` are told.
   */
  constructor({ resumeFrom, onEvent, onMissed, onLive, onState }) {
    Object.assign(this, { resumeFrom, onEvent, onMissed, onLive, onState });
    this.connection = new Connection();
    this.source = null;
    this.timer = null;
  }

  start() {
    const look = () => (document.hidden ? this.#pause() : this.#resume());
    document.addEventListener("visibilitychange", look);
    look();
    setInterval(() => this.#look(), LOOK_MS);
  }

  retryNow() {
    if (this.connection.state === "lost") this.#open();
  }

  #open() {
    this.#close();
    const from = this.resumeFrom();
    const path = PATH + query({ topics: WANTED, from: from && keyOf(from) });
    const source = new EventSource(path);
    this.source = source;
    source.onopen = () => {
      const away = this.connection.opened(Date.now());
      this.onState(this.connection);
      this.onLive(away);
    };
    // The browser's own retry knows nothing of what we have; ours does.
    source.onerror = () => this.#fail();
    for (const topic of TOPICS) {
      source.addEventListener(topic, (event) => this.#hear(event, (data) => this.onEvent(topic, data)));
    }
    source.addEventListener("missed", (event) => this.#hear(event, this.onMissed));
  }

  #hear(event, tell) {
    tell(JSON.parse(event.data));
  }

  #fail() {
    this.#close();
    const delay = this.connection.failed(Date.now());
    this.onState(this.connection);
    if (delay !== null) this.timer = setTimeout(() => this.#open(), delay);
  }

  #close() {
    clearTimeout(this.timer);
    if (!this.source) return;
    this.source.onerror = null;
    this.source.close();
    this.source = null;
  }

  /** Somebody else found the node gone: a connection that only seems to be there is given up. */
  suspect() {
    if (this.connection.state === "live") this.#fail();
  }

  #look() {
    if (this.connection.state === "lost") this.onState(this.connection);
  }

  #pause() {
    this.#close();
    this.connection.paused(Date.now());
    this.onState(this.connection);
  }

  #resume() {
    this.connection.resumed();
    this.onState(this.connection);
    this.#open();
  }
}
