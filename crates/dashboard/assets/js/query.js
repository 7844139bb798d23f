// What a search means, and where the address of the page leads. Pure.

import { keyOf, parseSlot } from "./slots.js";

const IDS = { blk: "block", op: "operation", addr: "address" };

/** `{kind, slot | id}` of what was typed, or `{problem}` in words. */
export function parseQuery(text) {
  const query = String(text).trim();
  if (query === "") return { problem: "Type a slot, a block, an operation or an address." };
  const slot = parseSlot(query);
  if (slot) return { kind: "slot", slot };
  const match = /^([a-z]+)1[a-z0-9]{6,120}$/.exec(query.toLowerCase());
  const kind = match && IDS[match[1]];
  if (kind) return { kind, id: query.toLowerCase() };
  return {
    problem: "A slot looks like 12/3, a block begins with blk1, an operation with op1, an address with addr1.",
  };
}

/** The address of something inside the page. */
export const hrefOf = (target) =>
  target.kind === "slot" ? `#/slot/${keyOf(target.slot)}` : `#/${target.kind}/${target.id}`;

/** What the address of the page shows; null for the page as it is. */
export function parseHash(hash) {
  const match = /^#\/(slot|block|operation|address)\/(.+)$/.exec(hash);
  if (!match) return null;
  const found = parseQuery(decodeURIComponent(match[2]));
  return found.kind === match[1] ? found : null;
}
