// How one slot came to be what it is: candidates, rounds, votes by stake with the 2/3 line, certificate.

import { namedBar } from "./bars.js";
import { RANK, valueOf } from "./chain.js";
import { h, rows, setAttr, setText, show } from "./dom.js";
import { clockTime, count, duration, percent, shortId, slotText, words } from "./format.js";
import { hueOf, idLink, producerLink } from "./links.js";

const MOST_ROUNDS = 4;
const MOST_CANDIDATES = 6;
const LINE = { at: 2 / 3, text: "2/3" };

export class Agreement {
  constructor(root) {
    this.title = h("p", { class: "slot-title" });
    this.badge = h("span", { class: "badge" });
    this.summary = h("p", { class: "summary" });
    this.candidates = h("ul", { class: "candidates" });
    this.moreCandidates = h("p", { class: "quiet small-print" });
    this.candidatesNote = h("h3", {}, "Candidates");
    this.rounds = h("div", { class: "rounds" });
    this.earlier = h("p", { class: "quiet", hidden: true });
    this.certificate = h("p", { class: "certificate" });
    this.empty = h("p", { class: "empty" }, "Nothing is told of this slot.");
    this.body = h(
      "div",
      { class: "agreement-body" },
      h("div", {}, this.candidatesNote, this.candidates, this.moreCandidates, this.certificate),
      h("div", {}, h("h3", {}, "Votes by stake"), this.earlier, this.rounds),
    );
    root.replaceChildren(h("div", { class: "slot-line" }, this.title, this.badge, this.summary), this.body, this.empty);
  }

  /** Shows an answer of the node; `view` is what the page knows besides. */
  draw(slot, answer, view) {
    setText(this.title, slotText(slot));
    const status = later(answer?.status, view?.status);
    const value = valueOf(answer?.value) ?? (view?.isMiss || view?.block ? { block: view.block } : undefined);
    const isMiss = value?.block === null;
    setText(this.badge, isMiss ? "miss" : words(status));
    setAttr(this.badge, "class", `badge ${isMiss ? "miss" : status}`);
    setText(this.summary, summaryOf(answer, view, value));
    show(this.body, Boolean(answer));
    show(this.empty, !answer);
    if (!answer) return;
    this.#drawCandidates(answer, view, value?.block);
    this.#drawRounds(answer);
    this.#drawCertificate(answer);
  }

  #drawCandidates(answer, view, decided) {
    const candidates = [...answer.candidates].sort((a, b) => (a.rank ?? 99) - (b.rank ?? 99));
    // What the node no longer lists, its events told while the page was open.
    const listed = new Set(candidates.map((it) => it.block));
    for (const [block, { producer }] of view?.candidates ?? []) {
      if (!listed.has(block)) candidates.push({ block, producer });
    }
    if (candidates.length === 0 && decided) candidates.push({ block: decided, producer: view.producer });
    setText(this.candidatesNote, candidates.length === 0 ? "No candidate was seen" : count(candidates.length, "candidate"));
    // The decided one is always among those that are listed.
    const chosen = candidates.findIndex((it) => it.block === decided);
    if (chosen >= MOST_CANDIDATES) candidates.unshift(...candidates.splice(chosen, 1));
    const left = candidates.length - MOST_CANDIDATES;
    setText(this.moreCandidates, left > 0 ? `and ${left} more` : "");
    rows(this.candidates, candidates.slice(0, MOST_CANDIDATES), (it) => it.block, makeCandidate, (row, it) => {
      const tags = [];
      if (it.block === decided) tags.push("decided");
      else if (it.leading) tags.push("leading");
      if (it.canonical && it.block !== decided) tags.push("canonical");
      if (view?.candidates.get(it.block)?.own) tags.push("ours");
      setText(row.$tags, tags.join(" · "));
      setText(row.$rank, Number.isFinite(it.rank) ? `rank ${it.rank}` : "");
      setAttr(row, "class", it.block === decided ? "chosen" : "");
    });
  }

  #drawRounds(answer) {
    const all = answer.rounds.length > 0 ? answer.rounds : provenRound(answer.certificate);
    const shown = all.slice(-MOST_ROUNDS);
    const left = all.length - shown.length;
    setText(this.earlier, `${count(left, "earlier round")} not shown`);
    show(this.earlier, left > 0);
    rows(this.rounds, shown, (round) => round.round, makeRound, (row, round) => updateRound(row, round, answer));
  }

  #drawCertificate(answer) {
    const certificate = answer.certificate;
    if (!certificate) {
      setText(this.certificate, RANK[answer.status] >= RANK.decided ? "The certificate is no longer at hand." : "No certificate yet: no value has two thirds of the stake.");
      return;
    }
    const value = valueOf(certificate.value);
    const what = value?.block ? `block ${shortId(value.block)}` : value ? "a miss" : "an end of the round";
    const signers = certificate.signers ?? [];
    const power = Number.isFinite(certificate.power) ? `${percent(certificate.power, answer.total_power)} of the stake, ` : "";
    setText(
      this.certificate,
      `${words(certificate.kind)} certificate of round ${certificate.round} for ${what}: ` +
        `${power}${count(signers.length, "signer")}.`,
    );
    setAttr(this.certificate, "title", signers.join("\n"));
  }
}

/** Votes are forgotten soon after the decision: what is left of them is in the certificate. */
function provenRound(certificate) {
  if (!certificate) return [];
  const { kind, round, value, power, signers } = certificate;
  const none = { power: 0, signers: [] };
  const votes = { value, power: power ?? 0, signers };
  return [{ round, notarise: [], finalise: [], nullify: none, isProof: true, [kind]: kind === "nullify" ? votes : [votes] }];
}

const later = (one, other) => ((RANK[other] ?? 0) > (RANK[one] ?? 0) ? other : (one ?? other ?? "not_open"));

function summaryOf(answer, view, value) {
  const delay = answer?.delay_ms ?? view?.delayMs;
  const round = answer?.decided_round ?? view?.round;
  const parts = [];
  if (value?.block === null) parts.push("Decided as no block");
  else if (value) parts.push("Decided as one block");
  else if (RANK[answer?.status] >= RANK.decided) parts.push("Decided");
  else parts.push("The validators are at work");
  if (Number.isFinite(delay)) parts.push(`after ${duration(delay)}`);
  if (Number.isFinite(round)) parts.push(`in round ${round}`);
  const opened = answer?.opened_at ?? view?.start;
  const from = Number.isFinite(opened) ? `, open since ${clockTime(opened)}` : "";
  return `${parts.join(" ")}${from}.`;
}

function makeCandidate(it) {
  const tags = h("span", { class: "tags" });
  const rank = h("span", { class: "quiet" });
  const row = h("li", {}, it.producer ? producerLink(it.producer) : h("span", { class: "who" }, "unknown"), idLink("block", it.block), rank, tags);
  row.$tags = tags;
  row.$rank = rank;
  return row;
}

function makeRound() {
  const title = h("p", { class: "round-title" });
  const bars = { notarise: namedBar(LINE), nullify: namedBar(LINE), finalise: namedBar(LINE) };
  const row = h("div", { class: "round-votes" }, title, bars.notarise, bars.nullify, bars.finalise);
  row.$title = title;
  row.$bars = bars;
  return row;
}

function updateRound(row, round, answer) {
  const total = answer.total_power ?? 0;
  setText(row.$title, round.isProof ? `Round ${round.round}, by its certificate` : `Round ${round.round}`);
  setAttr(row.$title, "title", round.coordinator ? `coordinator ${round.coordinator}` : "");
  const power = (votes) => votes.reduce((sum, vote) => sum + (vote.power ?? 0), 0);
  for (const step of ["notarise", "finalise"]) {
    const votes = round[step] ?? [];
    setVotes(row.$bars[step], step, votes.map(partOf), power(votes), total);
  }
  const nullify = round.nullify ?? { power: 0, signers: [] };
  const parts = [{ key: "nullify", part: nullify.power ?? 0, tone: "nullify", title: signersText("nullify", nullify) }];
  setVotes(row.$bars.nullify, "nullify", parts, nullify.power ?? 0, total);
}

function setVotes(node, step, parts, power, total) {
  const heard = parts.filter((part) => part.part > 0).map((part) => `${part.heard ?? step} ${percent(part.part, total)}`);
  const label = `${step}: ${heard.join(", ") || "no votes"} of the stake; two thirds decide`;
  node.$set(step, power > 0 ? percent(power, total, 0) : "–", parts, total, label);
  setAttr(node, "data-reached", power * 3 > total * 2 ? "yes" : "no");
}

function partOf(vote) {
  const block = valueOf(vote.value)?.block;
  return {
    key: block ?? "miss",
    part: vote.power ?? 0,
    tone: block ? `p${hueOf(block)} vote` : "vote-miss",
    heard: block ? `block ${shortId(block)}` : "miss",
    title: signersText(block ? `block ${shortId(block)}` : "miss", vote),
  };
}

const signersText = (what, vote) => `${what}: ${(vote.signers ?? []).map((id) => shortId(id)).join(", ")}`;

/** The slot that is worth a look when nobody chose one: one that is stuck, or else the newest decided. */
export function newestOfInterest(chain, now, times) {
  const views = chain.latest(chain.threads * 4);
  const slotMs = times.periodMs / times.threads;
  const isStuck = (view) =>
    view.status === "undecided" && times.startOf(view) + Math.max(slotMs, 1_500) < now;
  const stuck = views.find(isStuck);
  if (stuck) return stuck;
  const isTelling = (view) => view.period > 0 && RANK[view.status] >= RANK.decided && view.status !== "not_kept";
  return views.findLast(isTelling) ?? null;
}
