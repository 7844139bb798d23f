// What people read: times, sizes, amounts, ids. Pure functions.

const THIN_SPACE = "\u202f";

/** Groups the digits of a whole number or of a decimal string by thousands. */
export function grouped(value) {
  const [whole, fraction] = String(value).split(".");
  const sign = whole.startsWith("-") ? "−" : "";
  const digits = whole.replace("-", "").replace(/\B(?=(\d{3})+$)/g, THIN_SPACE);
  return sign + digits + (fraction ? `.${fraction}` : "");
}

/** An amount, which the node tells as a decimal string: its digits are kept, never rounded. */
export function amount(text) {
  return text === null || text === undefined ? "–" : grouped(text);
}

/** A number with at most so many decimals, without zeros at the end. */
export function decimal(value, digits = 1) {
  if (!Number.isFinite(value)) return "–";
  return grouped(String(Number(value.toFixed(digits))));
}

/** A part of a whole in per cent. */
export function percent(part, whole, digits = 1) {
  if (!(whole > 0)) return "–";
  return `${decimal((100 * part) / whole, digits)}${THIN_SPACE}%`;
}

/** A length of time: milliseconds below a second, then two units at most. */
export function duration(ms) {
  if (!Number.isFinite(ms)) return "–";
  if (ms < 0) return `−${duration(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${decimal(ms / 1000, 1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long until something: whole seconds, which is what a count-down shows. */
export function countdown(ms) {
  if (!Number.isFinite(ms)) return "–";
  if (ms <= 0) return "now";
  return `in ${duration(Math.ceil(ms / 1000) * 1000)}`;
}

/** Bytes in decimal units. */
export function bytes(count) {
  if (!Number.isFinite(count)) return "–";
  if (count < 1000) return `${count} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = count;
  let unit = -1;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${decimal(value, value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** An offset with its sign, which a reader must not have to guess. */
export function signed(ms) {
  if (!Number.isFinite(ms)) return "–";
  if (Math.round(ms) === 0) return "0 ms";
  return ms > 0 ? `+${duration(ms)}` : duration(ms);
}

/** The time of day. */
export function clockTime(ms) {
  if (!Number.isFinite(ms)) return "–";
  const date = new Date(ms);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

/** The start of an id without its prefix: enough to tell a few dozen apart at a glance. */
export function shortId(id, length = 7) {
  const text = String(id ?? "");
  const data = /^[a-z]+1(.*)$/.exec(text);
  return data ? data[1].slice(0, length) : text.slice(0, length);
}

/** The start and the end of an id with its prefix, for where there is more room. */
export function middleId(id) {
  const text = String(id ?? "");
  return text.length <= 20 ? text : `${text.slice(0, 12)}…${text.slice(-4)}`;
}

/** A slot as text, such as `12/3`. */
export function slotText(slot) {
  return slot ? `${slot.period}/${slot.thread}` : "–";
}

/** `one block`, `2 blocks`. */
export function count(number, one, many = `${one}s`) {
  return number === 1 ? `1 ${one}` : `${grouped(number)} ${many}`;
}

/** Words of an enumeration in JSON, such as `not_open`. */
export function words(code) {
  return String(code ?? "").replaceAll("_", " ");
}
