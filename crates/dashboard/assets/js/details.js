// What a search or a link leads to: a block, an operation, an address, in a dialog.

import { read, query } from "./api.js";
import { h } from "./dom.js";
import { amount, bytes, clockTime, count, grouped, middleId, words } from "./format.js";
import { idLink, producerLink, slotLink } from "./links.js";
import { keyOf } from "./slots.js";

const LISTED = 50;
const TITLES = { block: "Block", operation: "Operation", address: "Address" };

export class Details {
  constructor({ dialog, heading, body, closeButton, onClose }) {
    Object.assign(this, { dialog, heading, body });
    closeButton.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", onClose);
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  async open({ kind, id }) {
    this.wanted = id;
    this.heading.textContent = TITLES[kind];
    this.body.replaceChildren(idLine(id), h("p", { class: "quiet", role: "status" }, "Asking the node…"));
    if (!this.dialog.open) this.dialog.showModal();
    this.heading.focus();
    let content;
    try {
      content = await READERS[kind](id);
    } catch (error) {
      content = [h("p", { class: "problem", role: "alert" }, error.code === "not_found" ? `This node knows no such ${kind}.` : error.message)];
    }
    // Somebody may have gone on to something else in the meantime.
    if (this.wanted === id) this.body.replaceChildren(idLine(id), ...content);
  }
}

function idLine(id) {
  const button = h("button", { type: "button", class: "small", onclick: copy }, "Copy");
  async function copy() {
    try {
      await navigator.clipboard.writeText(id);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it to copy";
    }
  }
  return h("p", { class: "full-id" }, h("code", {}, id), button);
}

const facts = (pairs) =>
  h("dl", { class: "facts wide" }, ...pairs.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));

const list = (title, items) =>
  items.length === 0 ? null : h("section", {}, h("h3", {}, title), h("ul", { class: "plain" }, ...items.map((item) => h("li", {}, item))));

const present = (nodes) => nodes.filter(Boolean);

const READERS = {
  async block(id) {
    const path = `/blocks/${encodeURIComponent(id)}`;
    const [block, carried] = await Promise.all([read(path), read(`${path}/operations?limit=${LISTED}`)]);
    return present([
      facts([
        ["Slot", slotLink(block.slot)],
        ["State", words(block.state)],
        ["Producer", producerLink(block.producer, false)],
        ["Size", bytes(block.size_bytes)],
        ["Operations", grouped(block.operations.length)],
        ["Endorsements", grouped(block.endorsements.length)],
        block.denunciations.length > 0 && ["Denunciations", grouped(block.denunciations.length)],
        ["Version", String(block.version)],
      ]),
      list("Parents by thread", block.parents.map((parent, thread) => [h("span", { class: "quiet" }, `${thread} `), idLink("block", parent, false)]).flatMap((pair) => [h("span", {}, ...pair)])),
      list(operationsTitle(block.operations), carried.operations.map(operationLine)),
    ]);
  },

  async operation(id) {
    const operation = await read(`/operations/${encodeURIComponent(id)}`);
    const content = operation.operation?.content;
    return present([
      facts([
        ["State", words(operation.state)],
        operation.outcome && ["Outcome", words(operation.outcome.result) + (operation.outcome.reason ? `: ${operation.outcome.reason}` : "")],
        operation.slot && ["Slot", slotLink(operation.slot)],
        operation.block && ["Block", idLink("block", operation.block, false)],
        content && ["Fee", amount(content.fee)],
        content && ["Expires with period", grouped(content.expire_period)],
      ]),
      content?.kind && h("section", {}, h("h3", {}, "What it orders"), facts(Object.entries(content.kind).map(([name, value]) => [words(name), orderValue(value)]))),
    ]);
  },

  async address(id) {
    const [address, pending, draws] = await Promise.all([
      read(`/addresses/${encodeURIComponent(id)}`),
      read(`/operations${query({ sender: id, limit: LISTED })}`),
      read(`/addresses/${encodeURIComponent(id)}/draws`).catch(() => null),
    ]);
    const state = address.final;
    const coming = address.candidate;
    const produced = draws?.draws.filter((draw) => draw.result.type === "produced") ?? [];
    return present([
      facts([
        ["Balance", amount(state.balance)],
        coming.balance !== state.balance && ["Balance with candidates", amount(coming.balance)],
        ["Rolls", grouped(state.rolls)],
        coming.rolls !== state.rolls && ["Rolls with candidates", grouped(coming.rolls)],
        ["Thread", String(address.thread)],
        draws && ["Drawn as producer", `${count(draws.draws.filter((draw) => draw.rank === 0).length, "slot")} from ${keyOf(draws.from)} to ${keyOf(draws.to)}`],
      ]),
      list(pending.total > 0 ? `Pending: ${count(pending.total, "operation")}` : "", pending.operations.map(({ id: operation, operation: { content } }) => operationLine({ id: operation, sender: id, operation: { content } }))),
      list("Coins to come", state.deferred_credits.map((credit) => `${amount(credit.amount)} at the end of cycle ${credit.cycle}${credit.due ? `, ${clockTime(credit.due)}` : ""}`)),
      list("Blocks of late", produced.slice(-12).reverse().map((draw) => h("span", {}, slotLink(draw.slot), " ", idLink("block", draw.result.block, false)))),
    ]);
  },
};

const operationsTitle = (operations) =>
  operations.length > LISTED ? `The first ${LISTED} of ${count(operations.length, "operation")}` : "Operations";

/** One line: what is ordered, by whom, what it came to, and where to read more. */
function operationLine({ id, sender, operation, outcome }) {
  const { kind } = operation.content;
  const parts = [h("strong", {}, words(kind.type)), kind.amount !== undefined && amount(kind.amount), kind.roll_count !== undefined && count(kind.roll_count, "roll")];
  return h("span", { class: "operation-line" }, idLink("operation", id), producerLink(sender), h("span", {}, ...parts.filter(Boolean).flatMap((part) => [part, " "])), outcome && h("span", { class: `quiet ${outcome.result}` }, words(outcome.result)));
}

function orderValue(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (/^addr1/.test(text)) return producerLink(text, false);
  return text.length > 200 ? middleId(text) : words(text);
}
