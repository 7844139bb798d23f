// When our addresses are to act, and what came of it.

import { RANK } from "./chain.js";
import { h, rows, setAttr, setText, show } from "./dom.js";
import { clockTime, count, countdown, percent, shortId } from "./format.js";
import { hrefOf } from "./query.js";
import { compare, keyOf } from "./slots.js";

const NEXT = 5;
const PAST = 7;
const STRIP = 48;
/** A slot that began so long ago is no longer one to come. */
const NOW_MS = 300;

/** What came of a drawn slot, in a word, a tone and a reason. Pure. */
export function resultOf(draw, view, notProducing) {
  switch (draw.result?.type) {
    case "produced":
      return { word: "produced", tone: "good", reason: `block ${shortId(draw.result.block)}` };
    case "of_another":
      return { word: "another’s", tone: "other", reason: anotherReason(draw, view) };
    case "missed":
      return { word: "missed", tone: "bad", reason: missReason(view, notProducing) };
    case "not_kept":
      return { word: "long ago", tone: "", reason: "no longer kept by this node" };
    default:
      return { word: "undecided", tone: "", reason: "the validators are at work" };
  }
}

const hasOurCandidate = (view) => view && [...view.candidates.values()].some((candidate) => candidate.own);

function anotherReason(draw, view) {
  const whose = draw.result.producer ? `of ${shortId(draw.result.producer)}` : "of another";
  return hasOurCandidate(view) ? `ours ranked after the one ${whose}` : `the one ${whose}; ours was not seen`;
}

function missReason(view, notProducing) {
  if (hasOurCandidate(view)) return "our block came too late for two thirds of the stake";
  if (notProducing) return notProducing;
  if (view && view.candidates.size > 0) return "only blocks of others came, and none in time";
  return view ? "no block was seen for it" : "decided as no block";
}

/** Draws as producer: those to come, and those that are decided, the latest first. Pure. */
export function sortDraws(answers, now) {
  const draws = answers
    .flatMap((answer) => answer.draws.map((draw) => ({ ...draw, address: answer.address })))
    .filter((draw) => draw.rank === 0 || draw.result?.type === "produced")
    .sort((a, b) => compare(a.slot, b.slot));
  const isDone = (draw) => draw.result && draw.result.type !== "undecided";
  return {
    next: draws.filter((draw) => !isDone(draw) && draw.start > now - NOW_MS),
    past: draws.filter(isDone).reverse(),
  };
}

/** The next slot at which one of ours endorses. Pure. */
export function nextEndorsement(answers, now) {
  const starts = answers
    .flatMap((answer) => answer.draws)
    .filter((draw) => draw.endorser_indices?.length > 0 && draw.start > now);
  return starts.sort((a, b) => compare(a.slot, b.slot))[0] ?? null;
}

/** Whose draws are shown, of how many addresses. Pure. */
export function whose(shown, own) {
  if (own === 0) return "";
  const all = count(own, "address", "addresses");
  return shown > 0 && shown < own ? `the first ${shown} of ${all}` : all;
}

export class Draws {
  constructor(root, note) {
    this.note = note;
    this.next = h("ol", { class: "next-draws" });
    this.strip = h("div", { class: "strip", role: "img", "aria-label": "no results yet" });
    this.past = h("ul", { class: "past-draws" });
    this.endorse = h("p", { class: "quiet small-print" });
    this.empty = h("p", { class: "empty" });
    this.full = h("div", {}, h("h3", {}, "To come"), this.next, this.endorse, h("h3", {}, "What came of it"), this.strip, this.past);
    root.replaceChildren(this.empty, this.full);
    this.answers = [];
  }

  /** Of these addresses, as many of the first were asked for as there are answers. */
  draw({ answers, addresses, now, chain, notProducing }) {
    show(this.full, addresses.length > 0);
    show(this.empty, addresses.length === 0);
    setText(this.empty, "This node holds no staking key: it follows, and is drawn for nothing.");
    setText(this.note, whose(answers.length, addresses.length));
    if (addresses.length === 0) return;
    const { next, past } = sortDraws(answers, now);
    // The answers are some seconds old: what is decided since is no longer to come.
    const isOpen = (draw) => RANK[chain.get(draw.slot)?.status ?? "not_open"] < RANK.decided;
    this.#drawNext(next.filter(isOpen).slice(0, NEXT), now);
    const endorsement = nextEndorsement(answers, now);
    setText(this.endorse, endorsement ? `Next endorsement at ${keyOf(endorsement.slot)}, ${countdown(endorsement.start - now)}` : "");
    this.#drawPast(past, chain, notProducing);
  }

  #drawNext(next, now) {
    rows(this.next, next.length > 0 ? next : [null], (draw) => (draw ? keyOf(draw.slot) : "none"), makeNext, (row, draw, index) => {
      if (!draw) return;
      setAttr(row, "class", index === 0 ? "first" : "");
      setText(row.$in, countdown(draw.start - now));
    });
  }

  #drawPast(past, chain, notProducing) {
    const results = past.map((draw) => ({ draw, result: resultOf(draw, chain.get(draw.slot), notProducing) }));
    const strip = results.slice(0, STRIP).reverse();
    const good = strip.filter(({ result }) => result.tone === "good").length;
    setAttr(this.strip, "aria-label", strip.length > 0 ? `${good} of the latest ${strip.length} draws produced a block (${percent(good, strip.length, 0)})` : "no results yet");
    rows(this.strip, strip, ({ draw }) => keyOf(draw.slot), () => h("i"), (row, { draw, result }) => {
      setAttr(row, "class", `cell ${result.tone}`);
      setAttr(row, "title", `${keyOf(draw.slot)} ${result.word}`);
    });
    rows(this.past, results.slice(0, PAST), ({ draw }) => keyOf(draw.slot), makePast, (row, { result }) => {
      setText(row.$word, result.word);
      setAttr(row.$word, "class", `word ${result.tone}`);
      setText(row.$reason, result.reason);
      setAttr(row.$reason, "title", result.reason);
    });
  }
}

function makeNext(draw) {
  if (!draw) return h("li", { class: "empty" }, "none as far as is drawn");
  const when = h("strong", {});
  const row = h("li", {}, h("a", { class: "id", href: hrefOf({ kind: "slot", slot: draw.slot }) }, keyOf(draw.slot)), when, h("span", { class: "quiet" }, clockTime(draw.start)));
  row.$in = when;
  return row;
}

function makePast({ draw }) {
  const word = h("span", { class: "word" });
  const reason = h("span", { class: "reason" });
  const row = h("li", {}, h("a", { class: "id", href: hrefOf({ kind: "slot", slot: draw.slot }) }, keyOf(draw.slot)), word, reason);
  row.$word = word;
  row.$reason = reason;
  return row;
}
