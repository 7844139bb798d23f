// Reads of the node that served the page. Every one ends: with an answer, a problem, or a time-out.

const TIMEOUT_MS = 8_000;
const ROOT = "/api/v1";

/** What the node answered instead: a problem of RFC 9457, or nothing at all. */
export class ReadError extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }

  /** The node is gone, or in front of us is something else. */
  get isGone() {
    return this.status === 0;
  }
}

export async function read(path) {
  let response;
  let body = null;
  try {
    response = await fetch(ROOT + path, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    body = await response.json();
  } catch (error) {
    if (!response || error.name === "TimeoutError") {
      throw new ReadError(0, "gone", "the node does not answer");
    }
  }
  if (!response.ok || body === null) {
    throw new ReadError(response.status, body?.code ?? "unknown", body?.detail ?? response.statusText);
  }
  return body;
}

/** The query of a path, without what is not there. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

/**
 * Reads again and again, one at a time and only while the page is looked at; a failure is waited out.
 * `wake()` reads now, or as soon as the page is looked at again.
 */
export class Poll {
  constructor(intervalMs, task, page = document) {
    this.intervalMs = intervalMs;
    this.task = task;
    this.page = page;
    this.timer = null;
    this.isRunning = false;
    this.isWanted = false;
    this.isStopped = true;
    page.addEventListener("visibilitychange", () => this.wake());
  }

  start() {
    if (!this.isStopped) return;
    this.isStopped = false;
    this.wake();
  }

  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  async wake() {
    if (this.isStopped) return;
    if (this.isRunning) {
      this.isWanted = true;
      return;
    }
    clearTimeout(this.timer);
    if (this.page.hidden) return;
    this.isRunning = true;
    this.isWanted = false;
    try {
      await this.task();
    } catch (error) {
      // What a reader must know of a silent node, the stream tells; a bug must not hide behind it.
      if (!(error instanceof ReadError)) console.error(error);
    }
    this.isRunning = false;
    if (this.isStopped) return;
    this.timer = setTimeout(() => this.wake(), this.isWanted ? 50 : this.intervalMs);
  }
}
