// Where things are in the lanes: time goes right, threads go down, and the slots of a period stand
// staggered as they start. Pure.

const FULL_LANE = 62;
const LOWEST_LANE = 17;
const MOST_LANES_HEIGHT = 560;
const NARROWEST_PERIOD = 62;
const WIDEST_PERIOD = 128;
/** How wide a block is, as a part of its period, and where its loops leave it. */
const BLOCK_PART = 0.54;
const LEAVES_AT = 0.3;
/** Slots drawn at most, whatever the width: the bound of the page's work. */
export const MOST_SLOTS = 768;

/** How the lanes are laid out in so many pixels of width. */
export function geometry({ width, threads }) {
  const lane = Math.max(LOWEST_LANE, Math.min(FULL_LANE, Math.floor(MOST_LANES_HEIGHT / threads)));
  const wanted = threads <= 8 ? WIDEST_PERIOD : NARROWEST_PERIOD + 8;
  const most = Math.max(2, Math.floor(MOST_SLOTS / threads));
  const periods = Math.min(most, Math.max(3, Math.floor(width / wanted)));
  const period = width / periods;
  const blockHeight = Math.round(lane * (lane >= 40 ? 0.6 : 0.66));
  return {
    threads,
    width,
    lane,
    height: lane * threads,
    periods,
    period,
    /** A block leaves room for the lines between it and the next of its thread. */
    blockWidth: Math.round(period * BLOCK_PART),
    blockHeight,
    radius: Math.min(9, blockHeight / 2.6),
    hasText: lane >= 40 && period >= 108,
    isDense: threads > 8,
  };
}

/** The left edge of a slot's block inside its period's column. */
export const leftOf = (layout, thread) => (thread * layout.period) / layout.threads;

export const topOf = (layout, thread) =>
  thread * layout.lane + (layout.lane - layout.blockHeight) / 2;

/** The first period that is in view: the current one stands second to last, so that what comes is seen. */
export function firstPeriod(layout, nowPeriods) {
  return Math.floor(nowPeriods) - layout.periods + 2;
}

/**
 * The line from a parent to a block, inside the block's column (the parent's is to its left). In one
 * thread it runs along the thread. To another thread it leaves the parent towards it, and comes in from
 * the left, so that the threads are joined by loops.
 */
export function parentPath(layout, slot, parent) {
  const r = (value) => Math.round(value * 10) / 10;
  const endX = r(leftOf(layout, slot.thread));
  const endY = r(slot.thread * layout.lane + layout.lane / 2);
  const left = (parent.period - slot.period) * layout.period + leftOf(layout, parent.thread);
  const middle = parent.thread * layout.lane + layout.lane / 2;
  if (parent.thread === slot.thread) return `M${r(left + layout.blockWidth)} ${r(middle)}H${endX}`;
  const down = parent.thread < slot.thread ? 1 : -1;
  const startX = r(left + layout.blockWidth * LEAVES_AT);
  const startY = r(middle + (down * layout.blockHeight) / 2);
  const bend = Math.max(12, (endX - startX) * 0.6);
  const turn = startY + (endY - startY) * 0.7;
  return `M${startX} ${startY}C${startX} ${r(turn)} ${r(endX - bend)} ${endY} ${endX} ${endY}`;
}

/** The slot that an arrow key leads to from another one; never outside the view. */
export function neighbour(slot, key, layout, first) {
  const last = first + layout.periods - 1;
  // A young chain does not fill the view.
  const earliest = Math.max(0, first);
  const moves = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
    Home: [earliest - slot.period, 0],
    End: [last - slot.period, 0],
  };
  const move = moves[key];
  if (!move) return null;
  return {
    period: Math.min(last, Math.max(earliest, slot.period + move[0])),
    thread: Math.min(layout.threads - 1, Math.max(0, slot.thread + move[1])),
  };
}
