// Ids as links into the page, shortened where there is little room, whole in the title.

import { h, setAttr, setText } from "./dom.js";
import { middleId, shortId } from "./format.js";
import { hrefOf } from "./query.js";
import { keyOf } from "./slots.js";

const COLOURS = 8;
const given = new Map();

/** Gives the first of these a colour each, once: nobody shares one before all are given. */
export function giveColours(ids) {
  const before = given.size;
  for (const id of ids) {
    if (given.size < COLOURS && !given.has(id)) given.set(id, given.size);
  }
  return given.size > before;
}

/** A colour of eight for each producer, so that the eye finds what belongs together. */
export function hueOf(id) {
  if (given.has(id)) return given.get(id);
  let hash = 0;
  for (const letter of String(id ?? "")) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return hash % COLOURS;
}

export function idLink(kind, id, isShort = true) {
  const link = h("a", { class: "id" });
  pointTo(link, kind, id, isShort);
  return link;
}

/** Makes a link lead to something else. */
export function pointTo(link, kind, id, isShort = true) {
  setAttr(link, "href", hrefOf({ kind, id }));
  setAttr(link, "title", id);
  setText(link, isShort ? shortId(id) : middleId(id));
}

export const slotLink = (slot) =>
  h("a", { class: "id", href: hrefOf({ kind: "slot", slot }) }, keyOf(slot));

/** An address with the dot of its colour. */
export function producerLink(address, isShort = true) {
  const dot = h("i", { class: `dot p${hueOf(address)}`, "aria-hidden": "true" });
  return h("span", { class: "who" }, dot, idLink("address", address, isShort));
}
