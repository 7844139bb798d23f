// The page: what is read and when, and which part shows it.

import { Poll, query, read } from "./api.js";
import { Agreement, newestOfInterest } from "./agreement.js";
import { Chain } from "./chain.js";
import { Chart } from "./charts.js";
import { Details } from "./details.js";
import { Cycles } from "./cycles.js";
import { $, Painter, setAttr, setText, show } from "./dom.js";
import { Draws } from "./draws.js";
import { clockTime, count, decimal, duration, slotText } from "./format.js";
import { MOST_SLOTS } from "./geometry.js";
import { Lanes } from "./lanes.js";
import { giveColours } from "./links.js";
import { Peers, Pool } from "./network.js";
import { hrefOf, parseHash, parseQuery } from "./query.js";
import { Series, quantile } from "./series.js";
import { SlotTimes, compare, keyOf, shifted } from "./slots.js";
import { Stake } from "./stake.js";
import { EventStream } from "./stream.js";
import { SlotTable } from "./table.js";
import { startTheme } from "./theme.js";
import { drawVitals, vitalsOf } from "./vitals.js";

const PAINT_MS = 200;
const STATUS_MS = 2_000;
const FILL_MS = 1_000;
const AGREEMENT_MS = 800;
const PEERS_MS = 5_000;
const POOL_MS = 3_000;
const CYCLE_MS = 10_000;
const MOST_OWN = 4;
const SERIES = 1_200;
const NOTICE_AFTER_MS = 1_500;
const ANNOUNCE_MS = 4_000;
/** The slots that are kept: what is drawn, and some more for the charts. */
const KEPT = MOST_SLOTS + 512;

const painter = new Painter(PAINT_MS);
const chain = new Chain(KEPT);
const delays = new Series(SERIES);
const lags = new Series(SERIES);
const state = {
  parameters: null,
  times: null,
  status: null,
  clockOffset: 0,
  pinned: null,
  shown: null,
  agreement: null,
  draws: [],
  liveSince: 0,
  statusFailures: 0,
  misses: [],
};

const now = () => Date.now() + state.clockOffset;
const addresses = () => state.status?.production.staking_addresses ?? [];

// The parts.

const lanes = new Lanes($("lanes"), { chain, onSelect: (slot) => goTo({ kind: "slot", slot }) });
const table = new SlotTable($("slot-table"));
const agreement = new Agreement($("agreement"));
const draws = new Draws($("draws"), $("draws-note"));
const stake = new Stake($("stake"), $("stake-note"));
const cycles = new Cycles($("cycles"));
const peers = new Peers($("peers"), $("peers-note"));
const pool = new Pool($("pool"), $("pool-note"));
const details = new Details({
  dialog: $("details"),
  heading: $("details-heading"),
  body: $("details-body"),
  closeButton: $("details-close"),
  onClose: () => leaveDetails(),
});
const perSecond = (value) => `${decimal(value, value < 10 ? 1 : 0)} op/s`;
const charts = {
  delay: new Chart({ title: "Decided after", format: duration, help: "From the start of a slot to its decision on this node" }),
  lag: new Chart({ title: "Final after", format: duration, help: "From the start of a slot to its place in the final state of this node" }),
  rate: new Chart({ title: "Throughput", format: perSecond, help: "Operations of final slots, by period" }),
};
$("charts").replaceChildren(...Object.values(charts).map((chart) => chart.node));
startTheme($("theme"));

// What is read.

async function readParameters() {
  const parameters = await read("/parameters");
  const isAnother = state.parameters?.chain_id !== parameters.chain_id;
  state.parameters = parameters;
  state.times = new SlotTimes({
    genesis: parameters.genesis_timestamp,
    periodMs: parameters.params.t0_ms,
    threads: parameters.params.thread_count,
  });
  if (!isAnother) return;
  chain.reset(parameters.params.thread_count);
  delays.clear();
  lags.clear();
  setText($("chain-name"), parameters.name);
  setAttr($("chain-name"), "title", parameters.chain_id);
  const { thread_count: threads, t0_ms: t0 } = parameters.params;
  setText($("lanes-note"), `${count(threads, "thread")}, a period of ${duration(t0)}, a slot every ${duration(t0 / threads)}`);
  layOut();
}

const statusPoll = new Poll(STATUS_MS, async () => {
  const asked = Date.now();
  try {
    if (!state.parameters) await readParameters();
    state.status = await read("/status");
    state.statusFailures = 0;
  } catch (error) {
    state.statusFailures += 1;
    if (error.isGone && state.statusFailures >= 2) stream.suspect();
    showConnection(stream.connection);
    throw error;
  }
  // The answer was made somewhere between the question and now.
  state.clockOffset = state.status.now - (asked + Date.now()) / 2;
  if (!chain.lastFinal && state.status.last_final_slot) chain.lastFinal = state.status.last_final_slot;
  painter.ask("status", drawStatus);
});

/** The slots in view as the node lists them; after a pause and at the start. */
async function readSlots() {
  const wanted = Math.min(MOST_SLOTS, 1_000);
  const most = lanes.layout ? (lanes.layout.periods + 3) * lanes.layout.threads : 64;
  const { slots } = await read(`/slots${query({ limit: Math.min(wanted, most) })}`);
  for (const line of slots.reverse()) chain.summary(line);
  askLanes();
}

const fillPoll = new Poll(FILL_MS, async () => {
  if (!state.times) return;
  if (stream.connection.state === "lost") {
    // The stream is refused, and the node is there: its lists tell the same, later.
    await readSlots();
    return;
  }
  const lacking = chain.incomplete();
  if (lacking.length === 0) return;
  const threads = chain.threads;
  const newest = lacking[0];
  const reach = chain.threads * (newest.period - lacking.at(-1).period) + newest.thread - lacking.at(-1).thread + 1;
  for (const view of lacking) view.asked += 1;
  const { slots } = await read(`/slots${query({ before: keyOf(shifted(newest, 1, threads)), limit: Math.min(512, reach) })}`);
  for (const line of slots) chain.summary(line);
  askLanes();
});

const agreementPoll = new Poll(AGREEMENT_MS, async () => {
  if (!state.times) return;
  const slot = state.pinned ?? newestOfInterest(chain, now(), state.times);
  if (!slot) return;
  const isSame = state.shown && keyOf(state.shown) === keyOf(slot);
  const isDone = isSame && state.agreement?.status === "final";
  if (isDone) return;
  // Nobody voted on the blocks of genesis.
  if (slot.period === 0) {
    state.agreement = null;
    showSlot(slot);
    return;
  }
  const answer = await read(`/slots/${slot.period}/${slot.thread}/agreement`);
  // The node forgets votes and candidates soon after the decision; who looks on still sees them.
  if (isSame && state.agreement) {
    for (const part of ["rounds", "candidates"]) {
      if (answer[part].length < state.agreement[part].length) answer[part] = state.agreement[part];
    }
  }
  state.agreement = answer;
  showSlot(slot);
});

const peersPoll = new Poll(PEERS_MS, async () => {
  const answer = await read("/peers");
  painter.ask("peers", () => peers.draw(answer));
});

const poolPoll = new Poll(POOL_MS, async () => {
  const [answer, fees] = await Promise.all([read("/pool"), read("/fees").catch(() => null)]);
  painter.ask("pool", () => pool.draw({ pool: answer, fees }));
});

const drawsPoll = new Poll(5_000, async () => {
  if (!state.times) return;
  // Twice the slots in both directions that are listed, however many threads there are.
  const reach = Math.max(1, Math.min(16, Math.floor(256 / chain.threads)));
  const at = state.times.at(now())?.period ?? 0;
  const range = query({ from: `${Math.max(1, at - reach)}/0`, to: `${at + reach}/0` });
  const answers = await Promise.all(addresses().slice(0, MOST_OWN).map((address) => read(`/addresses/${address}/draws${range}`)));
  state.draws = answers;
  const keys = answers.flatMap((answer) => answer.draws).filter((draw) => draw.rank === 0);
  lanes.setDraws(new Set(keys.map((draw) => keyOf(draw.slot))));
  painter.ask("draws", drawDraws);
});

const cyclePoll = new Poll(CYCLE_MS, async () => {
  const [stakers, known] = await Promise.all([read("/stakers?limit=200"), read("/cycles").catch(() => null)]);
  // In the order of their ids: a change of stake changes no colour.
  if (giveColours(stakers.stakers.slice(0, 8).map((staker) => staker.address).sort())) layOut();
  painter.ask("stake", () => {
    stake.draw(stakers);
    cycles.draw(known);
  });
});

const polls = [fillPoll, agreementPoll, peersPoll, poolPoll, drawsPoll, cyclePoll];

// The stream.

const stream = new EventStream({
  resumeFrom: () => chain.resumeFrom(),
  onEvent(topic, data) {
    if (!state.times) return;
    if (topic === "slot") onFinal(data);
    else chain[topic]?.(data);
    if (topic === "decided") onDecided(data);
    askLanes();
  },
  onMissed({ count: missed }) {
    const what = missed ? count(missed, "event") : "some events";
    tell(`This page was too slow for ${what}. What they told is read from the node’s lists.`);
    readSlots().catch(() => {});
  },
  async onLive(away) {
    state.liveSince = Date.now();
    const passed = missedSlots(away);
    try {
      await readParameters();
      await statusPoll.wake();
      await readSlots();
    } catch {
      // The stream's own failure follows, and with it the next try.
    }
    for (const poll of polls) poll.start();
    if (passed === 0) return;
    const what = away.wasPaused ? `This page was out of sight and heard nothing for ${duration(away.ms)}.` : `The node is back after ${duration(away.ms)}.`;
    tell(`${what} ${count(passed, "slot")} began in the meantime; they are filled in.`);
  },
  onState: (connection) => showConnection(connection),
});

function missedSlots(away) {
  if (away === null || away.ms < NOTICE_AFTER_MS || !state.times) return 0;
  return Math.floor((away.ms * state.times.threads) / state.times.periodMs);
}

function onFinal(event) {
  chain.final(event);
  const start = state.times.startOf(event.slot);
  // What comes in the first moments is from before, and says nothing of how late it was.
  if (Date.now() - state.liveSince > 1_500) lags.push(start, now() - start);
}

function onDecided(event) {
  const view = chain.get(event.slot);
  if (Number.isFinite(event.delay_ms)) delays.push(state.times.startOf(event.slot), event.delay_ms);
  if (view?.isMiss) announceMiss(event.slot);
  const shown = state.pinned ?? state.shown;
  if (shown && keyOf(shown) === keyOf(event.slot)) agreementPoll.wake();
}

/** Misses are said, together and not too often: nobody can listen to all of a bad minute. */
function announceMiss(slot) {
  state.misses.push(keyOf(slot));
  if (state.misses.length > 1) return;
  setTimeout(() => {
    const [first, ...others] = state.misses.splice(0);
    setText($("live"), others.length > 0 ? `Slot ${first} and ${count(others.length, "other")} were missed.` : `Slot ${first} was missed.`);
  }, ANNOUNCE_MS / 2);
}

function showConnection(connection) {
  const isLost = connection.state === "lost";
  const isRefused = isLost && state.statusFailures === 0 && state.status && connection.failures > 1;
  const shown = isRefused ? "refused" : connection.state;
  const words = { connecting: "connecting", live: "live", lost: "node gone", refused: "by polling", paused: "paused" };
  document.documentElement.dataset.state = shown;
  setText($("connection-text"), words[shown]);
  show($("gone"), isLost);
  if (!isLost) {
    if (connection.state === "live") setText($("gone-text"), "");
    return;
  }
  const seconds = connection.secondsToRetry(Date.now());
  setText($("gone-title"), isRefused ? "The node does not stream." : "The node does not answer.");
  const since = connection.everLive ? ` What you see is of ${clockTime(connection.lostAt)}.` : "";
  setText($("gone-text"), isRefused ? `It is asked again and again instead. Next try of its stream ${seconds ? `in ${seconds} s` : "now"}.` : `Trying again ${seconds ? `in ${seconds} s` : "now"}.${since}`);
  for (const poll of polls) {
    if (!(isRefused && poll === fillPoll)) poll.stop();
  }
  if (isRefused) fillPoll.isStopped && fillPoll.start();
}

function tell(text) {
  setText($("notice-text"), text);
  show($("notice"), true);
}

// What is shown.

function askLanes() {
  painter.ask("lanes", drawLanes);
}

function drawLanes() {
  if (!state.times) return;
  const changed = chain.takeChanged();
  lanes.draw(now(), changed);
  if (!$("slot-table").hidden && changed.length > 0) table.draw(chain, state.times);
}

function layOut() {
  if (!state.times) return;
  const width = $("lanes").clientWidth || $("slot-table").clientWidth;
  if (width > 0) lanes.resize(width, state.times);
  askLanes();
}

function drawStatus() {
  const { status, parameters, times } = state;
  const params = parameters.params;
  const slot = status.current_slot;
  const recent = delays.values().slice(-200);
  const lag = lags.last ?? (status.last_final_slot ? status.now - times.startOf(status.last_final_slot) : NaN);
  const vitals = vitalsOf({
    status,
    params,
    slot,
    lagMs: lag,
    delays: recent.length > 0 ? { median: quantile(recent, 0.5), high: quantile(recent, 0.99) } : null,
    rate: rateNow(),
    cycle: slot && { number: Math.floor(slot.period / params.periods_per_cycle), part: (slot.period % params.periods_per_cycle) / params.periods_per_cycle },
    cycleMisses: recentMisses() > 0,
  });
  drawVitals($("vitals"), vitals);
  setText($("footer-node"), `Picot ${status.node_version}, up ${duration(status.now - status.started_at)}. State ${String(status.state_hash).slice(0, 12)} after ${slotText(status.last_final_slot)}.${status.behind ? ` Behind: ${status.behind}` : ""}`);
  document.title = `${slot ? slotText(slot) : "–"} · ${status.chain_name}`;
}

const recentMisses = () => chain.latest(chain.threads * 16).filter((view) => view.isMiss).length;

/** Operations of each whole final period, by the second. */
function rates() {
  const byPeriod = new Map();
  for (const view of chain.slots.values()) {
    if (view.status !== "final") continue;
    const known = byPeriod.get(view.period) ?? { slots: 0, operations: 0 };
    known.slots += 1;
    known.operations += view.operations ?? 0;
    byPeriod.set(view.period, known);
  }
  const { times } = state;
  return [...byPeriod]
    .filter(([, known]) => known.slots === times.threads)
    .map(([period, known]) => [times.startOf({ period, thread: 0 }), (known.operations * 1000) / times.periodMs])
    .sort((a, b) => a[0] - b[0]);
}

function rateNow() {
  const latest = rates().slice(-5);
  return latest.length > 0 ? latest.reduce((sum, point) => sum + point[1], 0) / latest.length : 0;
}

function drawCharts() {
  if (!state.times) return;
  const to = now();
  const span = Math.min(600_000, Math.max(120_000, 24 * state.times.periodMs));
  charts.delay.draw(delays.points, to - span, to);
  charts.lag.draw(lags.points, to - span, to);
  charts.rate.draw(rates(), to - span, to);
  setText($("charts-note"), `the latest ${duration(span)}, since this page was opened`);
}

function drawDraws() {
  draws.draw({ answers: state.draws, addresses: addresses(), now: now(), chain, notProducing: state.status?.production.not_producing });
}

function showSlot(slot) {
  state.shown = { period: slot.period, thread: slot.thread };
  painter.ask("agreement", () => {
    agreement.draw(slot, state.agreement, chain.get(slot));
    setText($("agreement-note"), state.pinned ? "the slot that you chose" : "the newest decided slot");
    if (lanes.selected !== keyOf(state.shown)) lanes.select(state.shown);
  });
}

// Where the reader goes.

function goTo(target) {
  const href = hrefOf(target);
  if (location.hash === href) onHash();
  else location.hash = href;
}

function onHash() {
  const target = parseHash(location.hash);
  if (!target) {
    details.close();
    return;
  }
  if (target.kind !== "slot") {
    details.open(target);
    return;
  }
  details.close();
  pin(target.slot);
}

function pin(slot) {
  state.pinned = slot;
  state.agreement = null;
  setAttr($("follow"), "aria-pressed", slot ? "false" : "true");
  if (slot) {
    showSlot(slot);
    if (document.activeElement !== $("lanes")) $("agreement-heading").scrollIntoView({ block: "nearest" });
  }
  agreementPoll.wake();
}

function leaveDetails() {
  if (parseHash(location.hash)?.kind !== "slot") history.replaceState(null, "", "#/");
}

$("follow").addEventListener("click", () => {
  if (location.hash) history.replaceState(null, "", "#/");
  pin(state.pinned ? null : state.shown);
});

$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const found = parseQuery($("search-text").value);
  setText($("search-problem"), found.problem ?? "");
  show($("search-problem"), Boolean(found.problem));
  if (!found.problem) goTo(found);
});
$("search-text").addEventListener("input", () => show($("search-problem"), false));
document.addEventListener("keydown", (event) => {
  const isTyping = /^(input|textarea|select)$/i.test(event.target.tagName ?? "");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  $("search-text").focus();
});

function choose(view) {
  const isTable = view === "table";
  show($("lanes"), !isTable);
  show($("slot-table"), isTable);
  setAttr($("as-lanes"), "aria-pressed", String(!isTable));
  setAttr($("as-table"), "aria-pressed", String(isTable));
  if (isTable && state.times) table.draw(chain, state.times);
  else layOut();
}
$("as-lanes").addEventListener("click", () => choose("lanes"));
$("as-table").addEventListener("click", () => choose("table"));
$("notice-close").addEventListener("click", () => show($("notice"), false));
$("retry").addEventListener("click", () => stream.retryNow());
window.addEventListener("hashchange", onHash);

let laidOut = 0;
new ResizeObserver(() => {
  const width = $("lanes").clientWidth;
  if (width === laidOut || width === 0) return;
  laidOut = width;
  layOut();
}).observe($("lanes"));

// Time goes on without events: the line of now, count-downs and charts.

/** As often as the line of now moves by a pixel or two. */
function tick() {
  if (!document.hidden && stream.connection.state === "live") askLanes();
  const pixelMs = lanes.layout ? state.times.periodMs / lanes.layout.period : 0;
  setTimeout(tick, Math.min(1_000, Math.max(PAINT_MS, 2 * pixelMs)));
}
tick();
setInterval(() => {
  if (document.hidden || stream.connection.state !== "live") return;
  painter.ask("charts", drawCharts);
  painter.ask("draws", drawDraws);
}, 1_000);

statusPoll.start();
stream.start();
onHash();
