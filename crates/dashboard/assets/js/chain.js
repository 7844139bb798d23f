// What is known of the slots: from events as they happen and from lists of the node. It only grows
// towards decided and final, in whatever order the two arrive, and it is bounded. No DOM here.

import { compare, indexOf, keyOf, shifted } from "./slots.js";

/** How far a slot is; a later one is never taken back. */
export const RANK = { not_open: 0, undecided: 1, decided: 2, not_kept: 2, final: 3 };

/** The value of a decision, as `{block}` or `{block: null}` for a miss; undefined if there is none. */
export function valueOf(value) {
  if (value?.type === "miss") return { block: null };
  return value?.type === "block" ? { block: value.id } : undefined;
}

export class Chain {
  /** Keeps so many slots at most: the latest ones. */
  constructor(bound) {
    this.bound = bound;
    this.threads = 0;
    this.slots = new Map();
    this.blocks = new Map();
    this.changed = new Set();
    this.newest = null;
    this.lastFinal = null;
  }

  /** Another chain, or another number of threads: nothing of before holds. */
  reset(threads) {
    this.threads = threads;
    this.slots.clear();
    this.blocks.clear();
    this.changed.clear();
    this.newest = null;
    this.lastFinal = null;
  }

  get(slot) {
    return this.slots.get(keyOf(slot));
  }

  /** The slot of a decided block that is kept here. */
  slotOfBlock(id) {
    return this.blocks.get(id);
  }

  /** The slots that changed since the last call. */
  takeChanged() {
    const changed = [...this.changed];
    this.changed.clear();
    return changed;
  }

  /** Ascending. */
  latest(count) {
    const all = [...this.slots.values()].sort(compare);
    return all.slice(Math.max(0, all.length - count));
  }

  /** The first slot that a stream has to tell of after a pause. */
  resumeFrom() {
    return this.lastFinal ? shifted(this.lastFinal, 1, this.threads) : null;
  }

  /**
   * The decided blocks of which no event told parents and size, the latest first: each is asked for a
   * few times, then left as it is.
   */
  incomplete() {
    const lacks = (view) => view.block && (!view.parents || view.bytes === undefined) && view.asked < 3;
    return [...this.slots.values()].filter(lacks).sort((a, b) => compare(b, a));
  }

  // Events of the stream.

  opened({ slot }) {
    this.#touch(slot, "undecided");
  }

  candidate({ slot, block, producer, own }) {
    const view = this.#touch(slot, "undecided");
    if (!view) return;
    view.candidates.set(block, { producer: producer ?? null, own: Boolean(own) });
    // A candidate may be told of after the decision for it.
    if (view.block === block) this.#producedBy(view, producer, own);
  }

  leading({ slot, block }) {
    const view = this.#touch(slot, "undecided");
    if (view) view.leading = block ?? null;
  }

  round({ slot, round }) {
    const view = this.#touch(slot, "undecided");
    if (view) view.round = Math.max(view.round, round ?? 0);
  }

  /** A miss may be of all periods of its thread from `slot` to `through`. */
  decided({ slot, through, value, round, delay_ms }) {
    const decision = valueOf(value);
    const last = decision?.block ? slot.period : (through ?? slot.period);
    for (let period = Math.max(slot.period, last - this.bound); period <= last; period += 1) {
      const view = this.#touch({ period, thread: slot.thread }, "decided");
      if (!view) continue;
      view.round = Math.max(view.round, round ?? 0);
      if (Number.isFinite(delay_ms)) view.delayMs = delay_ms;
      this.#settle(view, decision);
    }
  }

  /** A slot became final. */
  final({ slot, block, producer, operations }) {
    const view = this.#touch(slot, "final");
    if (!this.lastFinal || compare(slot, this.lastFinal) > 0) this.lastFinal = { ...slot };
    if (!view) return;
    this.#settle(view, { block: block ?? null });
    if (block) this.#producedBy(view, producer, undefined);
    if (operations) view.operations = Object.keys(operations).length;
  }

  /** A line of the node's list of slots. */
  summary(line) {
    const view = this.#touch(line.slot, line.status);
    if (!view) return;
    if (line.start !== undefined) view.start = line.start;
    view.round = Math.max(view.round, line.round ?? 0);
    for (const { block, producer, own } of line.candidates ?? []) {
      const known = view.candidates.get(block);
      view.candidates.set(block, {
        producer: producer ?? known?.producer ?? null,
        own: Boolean(own ?? known?.own),
      });
    }
    if (line.leading) view.leading = line.leading;
    view.isDrawn = Boolean(line.own && !line.block);
    if (RANK[line.status] >= RANK.decided && line.status !== "not_kept") {
      this.#settle(view, { block: line.block ?? null });
      if (line.block) this.#producedBy(view, line.producer, line.own);
    }
    if (line.status === "final" && (!this.lastFinal || compare(line.slot, this.lastFinal) > 0)) {
      this.lastFinal = { ...line.slot };
    }
    view.parents = line.parents ?? view.parents;
    view.operations = line.operation_count ?? view.operations;
    view.bytes = line.size_bytes ?? view.bytes;
  }

  #settle(view, value) {
    if (!value) return;
    view.block = value.block;
    view.isMiss = view.block === null;
    if (view.block === null) return;
    this.blocks.set(view.block, view);
    const candidate = view.candidates.get(view.block);
    if (candidate) this.#producedBy(view, candidate.producer, candidate.own);
  }

  #producedBy(view, producer, own) {
    view.producer = producer ?? view.producer;
    view.own = Boolean(own ?? view.own);
  }

  /** The view of a slot, made if it is not too old, with its status raised. */
  #touch(slot, status) {
    const key = keyOf(slot);
    let view = this.slots.get(key);
    if (!view) {
      const isTooOld =
        this.newest &&
        indexOf(slot, this.threads) <= indexOf(this.newest, this.threads) - this.bound;
      if (isTooOld || slot.thread >= this.threads) return null;
      view = newView(slot);
      this.slots.set(key, view);
      if (!this.newest || compare(slot, this.newest) > 0) this.newest = { ...slot };
      this.#forget();
    }
    if ((RANK[status] ?? 0) > RANK[view.status]) {
      view.status = status;
    }
    this.changed.add(key);
    return view;
  }

  #forget() {
    if (this.slots.size <= this.bound) return;
    const oldest = indexOf(this.newest, this.threads) - this.bound;
    for (const [key, view] of this.slots) {
      if (indexOf(view, this.threads) <= oldest) {
        this.slots.delete(key);
        this.blocks.delete(view.block);
        this.changed.add(key);
      }
    }
  }
}

function newView({ period, thread }) {
  return {
    period,
    thread,
    status: "not_open",
    start: undefined,
    round: 0,
    candidates: new Map(),
    leading: null,
    block: null,
    isMiss: false,
    producer: null,
    /** Whether its block is ours. */
    own: false,
    /** Whether we are its drawn producer, as the node's list said while it had no block. */
    isDrawn: false,
    parents: null,
    operations: undefined,
    bytes: undefined,
    delayMs: undefined,
    /** How often the node's list was asked for what no event tells. */
    asked: 0,
  };
}

/** What a slot is, in the few kinds that are drawn differently. */
export function kindOf(view) {
  if (!view || view.status === "not_open") return "waiting";
  if (view.status === "not_kept") return "unknown";
  if (RANK[view.status] >= RANK.decided) {
    if (view.isMiss) return "miss";
    return view.status === "final" ? "final" : "decided";
  }
  if (view.leading) return "leading";
  return view.candidates.size > 0 ? "candidate" : "open";
}

/** The sentence of a slot, for those who hear it. */
export function describe(view, shorten) {
  const parts = [`slot ${keyOf(view)}`];
  const kind = kindOf(view);
  if (kind === "miss") parts.push("missed: decided as no block");
  else if (kind === "final" || kind === "decided") {
    parts.push(kind === "final" ? "final" : "decided, not final yet");
    parts.push(`block ${shorten(view.block)}`);
    if (view.producer) parts.push(`by ${shorten(view.producer)}`);
    if (view.operations !== undefined) parts.push(`${view.operations} operations`);
  } else if (kind === "unknown") parts.push("no longer kept by this node");
  else if (kind === "waiting") parts.push("not open yet");
  else {
    const candidates = view.candidates.size;
    parts.push(`undecided, ${candidates} ${candidates === 1 ? "candidate" : "candidates"}`);
  }
  if (view.round > 0) parts.push(`round ${view.round}`);
  if (view.own) parts.push("ours");
  return parts.join(", ");
}
