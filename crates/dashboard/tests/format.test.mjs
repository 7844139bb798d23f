import assert from "node:assert/strict";
import test from "node:test";
import * as format from "../assets/js/format.js";

const plain = (text) => text.replaceAll("\u202f", " ");

test("amounts keep every digit", () => {
  assert.equal(plain(format.amount("1000012.036")), "1 000 012.036");
  assert.equal(plain(format.amount("18446744073.709551615")), "18 446 744 073.709551615");
  assert.equal(format.amount("0"), "0");
  assert.equal(format.amount(null), "–");
});

test("a length of time has at most two units", () => {
  const cases = [[0, "0 ms"], [38.4, "38 ms"], [1500, "1.5 s"], [2000, "2 s"], [59_400, "59 s"], [61_000, "1 min 1 s"], [3_600_000, "1 h 0 min"], [200_000_000, "2 d 7 h"], [NaN, "–"], [-250, "−250 ms"]];
  for (const [ms, text] of cases) assert.equal(format.duration(ms), text);
});

test("a count-down ends at now and never shows a part of a second", () => {
  assert.equal(format.countdown(4001), "in 5 s");
  assert.equal(format.countdown(1), "in 1 s");
  assert.equal(format.countdown(0), "now");
  assert.equal(format.countdown(-5), "now");
});

test("an offset has its sign", () => {
  assert.equal(format.signed(3), "+3 ms");
  assert.equal(format.signed(-3), "−3 ms");
  assert.equal(format.signed(0.2), "0 ms");
});

test("bytes have a unit that fits", () => {
  assert.equal(format.bytes(264), "264 B");
  assert.equal(format.bytes(1_234), "1.2 kB");
  assert.equal(format.bytes(18_200), "18 kB");
  assert.equal(format.bytes(2e15), plain("2\u202f000 TB").replace(" ", "\u202f"));
});

test("ids are shortened without their prefix, and what is no id is not broken", () => {
  assert.equal(format.shortId("addr1qz70s5emqxzm2"), "qz70s5e");
  assert.equal(format.shortId(null), "");
  assert.equal(format.middleId("blk1qp47vv5rfvsvvrga27c32f4yfecne2"), "blk1qp47vv5r…cne2");
});

test("one is not many", () => {
  assert.equal(format.count(1, "slot"), "1 slot");
  assert.equal(format.count(0, "address", "addresses"), "0 addresses");
});

test("a part of nothing is no figure", () => {
  assert.equal(format.percent(1, 0), "–");
  assert.equal(plain(format.percent(1, 3)), "33.3 %");
});
