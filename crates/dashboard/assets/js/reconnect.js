// When to try again, and what to tell: the connection as a state machine without I/O. The shell in
// `stream.js` gives it what happened and the time, and does what it answers.

export const FIRST_DELAY_MS = 500;
export const LONGEST_DELAY_MS = 8_000;

export class Connection {
  constructor() {
    /** `connecting`, `live`, `lost` or `paused`. */
    this.state = "connecting";
    this.failures = 0;
    this.lostAt = null;
    /** Whether the page was out of sight since then: then nobody knows when the node was there. */
    this.wasPaused = false;
    this.retryAt = null;
    this.everLive = false;
  }

  /**
   * The stream answered. Gives what a reader must know, or null: for how long nothing was heard, and
   * whether that was because the page was out of sight.
   */
  opened(now) {
    const away = this.everLive && this.lostAt !== null ? { ms: now - this.lostAt, wasPaused: this.wasPaused } : null;
    this.state = "live";
    this.failures = 0;
    this.lostAt = null;
    this.wasPaused = false;
    this.retryAt = null;
    this.everLive = true;
    return away;
  }

  /** The stream ended, or never came. Gives the delay until the next try. */
  failed(now) {
    if (this.state === "paused") return null;
    if (this.lostAt === null) this.lostAt = now;
    this.state = "lost";
    this.failures += 1;
    const delay = delayOf(this.failures);
    this.retryAt = now + delay;
    return delay;
  }

  /** The page is out of sight: it neither listens nor complains. */
  paused(now) {
    this.state = "paused";
    this.lostAt ??= now;
    this.wasPaused = true;
    this.retryAt = null;
  }

  resumed() {
    this.state = "connecting";
    this.failures = 0;
  }

  /** Whole seconds until the next try, for people; null if none is planned. */
  secondsToRetry(now) {
    if (this.state !== "lost" || this.retryAt === null) return null;
    return Math.max(0, Math.ceil((this.retryAt - now) / 1000));
  }
}

/** Doubles from try to try up to a bound: a node that restarts is found soon, a dead one is left in peace. */
export function delayOf(failures) {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(10, Math.max(0, failures - 1)));
}
