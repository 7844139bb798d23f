// Who holds the stake, and how few could stop the chain: the 1/3 line.

import { bar, fillBar } from "./bars.js";
import { h, rows, setAttr, setStyle, setText } from "./dom.js";
import { count, grouped, percent } from "./format.js";
import { hueOf, producerLink } from "./links.js";
import { fewestAbove } from "./series.js";

const LISTED = 8;
const DRAWN = 60;

export class Stake {
  constructor(root, note) {
    this.note = note;
    this.strip = bar({ at: 1 / 3, text: "1/3" });
    this.strip.classList.add("tall");
    this.fact = h("p", { class: "fact" });
    this.list = h("tbody");
    this.more = h("p", { class: "quiet" });
    const head = h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "staker"), h("th", { scope: "col", class: "number" }, "rolls"), h("th", { scope: "col", class: "number" }, "share")));
    root.replaceChildren(this.strip, this.fact, h("table", { "aria-label": "The largest stakers" }, head, this.list), this.more);
  }

  draw(answer) {
    if (!answer) return;
    const total = answer.total_rolls ?? 0;
    const stakers = answer.stakers ?? [];
    setText(this.note, `${count(total, "roll")}, cycle ${grouped(answer.cycle)}`);
    const parts = stakers.slice(0, DRAWN).map((staker) => ({
      key: staker.address,
      part: staker.rolls,
      tone: `p${hueOf(staker.address)}${staker.own ? " own" : ""}`,
      title: `${staker.address}: ${percent(staker.rolls, total)}`,
    }));
    const few = fewestAbove(stakers.map((staker) => staker.rolls), total, 1 / 3);
    // Votes weigh by the rolls of some cycles ago; these are those of now.
    const fact = few === null ? "" : few === 1 ? "One staker alone holds more than a third: once these rolls count, nothing is decided without it." : `The ${few} largest together hold more than a third: once these rolls count, nothing is decided without them.`;
    setText(this.fact, fact);
    fillBar(this.strip, parts, total, `stake of ${count(answer.staker_count, "staker")}, largest first. ${fact}`);
    rows(this.list, stakers.slice(0, LISTED), (staker) => staker.address, makeStaker, (row, staker) => {
      setText(row.$rolls, grouped(staker.rolls));
      setText(row.$share, percent(staker.rolls, total));
      setText(row.$own, staker.own ? "ours" : "");
      setAttr(row, "class", staker.own ? "own" : "");
      setStyle(row, "--share", `${total > 0 ? (100 * staker.rolls) / total : 0}%`);
    });
    const left = answer.staker_count - LISTED;
    setText(this.more, left > 0 ? `and ${grouped(left)} others` : "");
  }
}

function makeStaker(staker) {
  const rolls = h("td", { class: "number" });
  const share = h("td", { class: "number" });
  const own = h("span", { class: "tags" });
  const row = h("tr", {}, h("td", {}, producerLink(staker.address), own), rolls, share);
  Object.assign(row, { $rolls: rolls, $share: share, $own: own });
  return row;
}
