// Slots: order, neighbours, times. A slot is `{period, thread}`, its key the text `12/3`. Pure.

export const keyOf = (slot) => `${slot.period}/${slot.thread}`;

/** The slot of a text, or null if it is none. */
export function parseSlot(text) {
  const match = /^(\d{1,15})\/(\d{1,3})$/.exec(String(text).trim());
  return match ? { period: Number(match[1]), thread: Number(match[2]) } : null;
}

/** Negative, zero or positive, as for `sort`. */
export const compare = (a, b) => a.period - b.period || a.thread - b.thread;

/** How many slots of the chain begin before this one. */
export const indexOf = (slot, threads) => slot.period * threads + slot.thread;

export const ofIndex = (index, threads) => ({
  period: Math.floor(index / threads),
  thread: index % threads,
});

/** So many slots later, or earlier; not before the first. */
export const shifted = (slot, by, threads) =>
  ofIndex(Math.max(0, indexOf(slot, threads) + by), threads);

/** When slots start. */
export class SlotTimes {
  constructor({ genesis, periodMs, threads }) {
    this.genesis = genesis;
    this.periodMs = periodMs;
    this.threads = threads;
  }

  startOf(slot) {
    return this.genesis + slot.period * this.periodMs + (slot.thread * this.periodMs) / this.threads;
  }

  /** The slot that a time is in; null before the first. */
  at(ms) {
    if (ms < this.genesis) return null;
    const index = Math.floor(((ms - this.genesis) * this.threads) / this.periodMs);
    return ofIndex(index, this.threads);
  }

  /** Periods since the first, with their fraction. */
  periodsAt(ms) {
    return (ms - this.genesis) / this.periodMs;
  }
}
