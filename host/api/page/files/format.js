// SPDX-License-Identifier: GPL-2.0-or-later
// Values as text, in the units of the command line.

const STEPS = ["", "k", "M", "G", "T", "P"];

// 1234567 with "B" is "1.23 MB".
export function scaled(value, unit) {
  if (!Number.isFinite(value)) {
    return "–";
  }
  let rest = Math.abs(value);
  let step = 0;
  while (rest >= 999.5 && step < STEPS.length - 1) {
    rest /= 1000;
    step += 1;
  }
  const digits = step === 0 ? (Number.isInteger(rest) ? 0 : 1) : rest < 10 ? 2 : rest < 100 ? 1 : 0;
  return `${value < 0 ? "-" : ""}${rest.toFixed(digits)} ${STEPS[step]}${unit}`.trimEnd();
}

export const bytes = (value) => scaled(value, "B");
export const bitRate = (value) => scaled(value, "bit/s");
export const packetRate = (value) => scaled(value, "/s");

// All digits, in groups of three.
export function count(value) {
  return Number.isFinite(value) ? String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",") : "–";
}

// 3723 is "1h 2m 3s".
export function duration(seconds) {
  if (!Number.isFinite(seconds)) {
    return "no end";
  }
  let rest = Math.max(0, Math.ceil(seconds));
  const parts = [];
  for (const [letter, size] of [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]) {
    if (rest >= size || (letter === "s" && parts.length === 0)) {
      parts.push(`${Math.floor(rest / size)}${letter}`);
      rest %= size;
    }
  }
  return parts.slice(0, 3).join(" ");
}

// "10m", "1h30m", "1d" in seconds; null for another text. An empty one: undefined, no end.
export function parseDuration(text) {
  const trimmed = text.trim();
  if (trimmed === "") {
    return undefined;
  }
  const match = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(trimmed);
  if (match === null) {
    return null;
  }
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  const all = days * 86400 + hours * 3600 + minutes * 60 + seconds;
  return all > 0 ? all : null;
}

// The time of day of a point in seconds since 1970, in the browser's zone.
export function clock(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const date = new Date(seconds * 1000);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

// The fields of a rule in a line, as `rules show` names them.
const ASIDE = new Set(["id", "action", "description", "packets", "bytes", "expires", "expires_ns", "operation"]);
export function ruleText(rule) {
  const value = (one) => (typeof one === "object" ? JSON.stringify(one) : String(one));
  const fields = Object.entries(rule).filter(([name]) => !ASIDE.has(name));
  return fields.length === 0 ? "any packet" : fields.map(([name, one]) => `${name}=${value(one)}`).join(" ");
}
