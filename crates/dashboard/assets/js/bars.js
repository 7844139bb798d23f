// A bar that shows parts of a whole, with the line that matters: 2/3 for votes, 1/3 for stake.

import { h, rows, setAttr, setStyle, setText } from "./dom.js";

/** An empty bar; `line` is where its mark stands, as a part of the whole, with its text. */
export function bar(line) {
  const parts = h("div", { class: "parts" });
  const node = h("div", { class: "bar-track", role: "img", "aria-label": "nothing yet" }, parts);
  if (line) {
    const mark = h("div", { class: "mark-line", "aria-hidden": "true" }, h("span", {}, line.text));
    setStyle(mark, "left", `${(100 * line.at).toFixed(3)}%`);
    node.append(mark);
  }
  node.$parts = parts;
  return node;
}

/** Shows `{key, part, tone, title}` of a whole; what is heard is the label. */
export function fillBar(node, parts, whole, label) {
  setAttr(node, "aria-label", label);
  rows(
    node.$parts,
    parts.filter((part) => part.part > 0),
    (part) => part.key,
    () => h("div", { class: "part" }),
    (row, part) => {
      setAttr(row, "class", `part ${part.tone}`);
      setAttr(row, "title", part.title);
      setStyle(row, "width", `${whole > 0 ? ((100 * part.part) / whole).toFixed(3) : 0}%`);
    },
  );
}

/** A bar with its name on the left and its figure on the right. */
export function namedBar(line) {
  const name = h("span", { class: "bar-name" });
  const figure = h("span", { class: "bar-figure" });
  const track = bar(line);
  const node = h("div", { class: "named-bar" }, name, track, figure);
  node.$set = (nameText, figureText, parts, whole, label) => {
    setText(name, nameText);
    setText(figure, figureText);
    fillBar(track, parts, whole, label);
  };
  return node;
}
