import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const style = readFileSync(new URL("../assets/style.css", import.meta.url), "utf8");
const token = (name, theme) => {
  const [, light, dark] = new RegExp(`--${name}: light-dark\\((#\\w+), (#\\w+)\\)`).exec(style);
  return theme === "light" ? light : dark;
};

/** Relative luminance and contrast as WCAG 2 defines them. */
function luminance(colour) {
  const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
  const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const TEXT = [
  ["ink", "bg"], ["ink", "surface"], ["ink", "sunk"], ["ink", "soft"], ["ink", "bad-soft"],
  ["muted", "bg"], ["muted", "surface"], ["accent", "surface"], ["accent", "bg"], ["accent-ink", "accent"],
  ["final-ink", "final"], ["decided-ink", "decided"], ["good", "surface"], ["warn", "surface"], ["bad", "surface"],
  ["miss", "miss-soft"], ["miss", "surface"], ["own-ink", "surface"],
];
const MARKS = [["final", "surface"], ["own", "surface"], ["own", "bg"], ["miss", "surface"], ["p0", "surface"], ["p1", "surface"], ["p2", "surface"], ["p3", "surface"], ["p4", "surface"], ["p5", "surface"], ["p6", "surface"], ["p7", "surface"]];

for (const theme of ["light", "dark"]) {
  test(`text can be read: ${theme}`, () => {
    for (const [text, ground] of TEXT) {
      const found = contrast(token(text, theme), token(ground, theme));
      assert.ok(found >= 4.5, `${text} on ${ground}: ${found.toFixed(2)}`);
    }
  });
  test(`marks can be seen: ${theme}`, () => {
    for (const [mark, ground] of MARKS) {
      const found = contrast(token(mark, theme), token(ground, theme));
      assert.ok(found >= 3, `${mark} on ${ground}: ${found.toFixed(2)}`);
    }
  });
}
