// SPDX-License-Identifier: GPL-2.0-or-later
// Blocks and unblocks addresses: entries of the set `blocked`.
import { duration } from "./format.js";

const ENTRIES = "/api/v1/sets/blocked/entries";
const REMOVALS = "/api/v1/sets/blocked/removals";

function entryOf({ range, expires_s: left }) {
  return left === undefined ? { range } : { range, for_s: Math.max(1, Math.ceil(left)) };
}

// Throws ApiError, LostError.
export async function block(app, address, seconds) {
  const body = { entries: [address], ...(seconds === undefined ? {} : { for_s: seconds }) };
  const done = await app.changes.make({ method: "POST", path: ENTRIES, body });
  if (done === null) {
    return;
  }
  const time = seconds === undefined ? "" : ` for ${duration(seconds)}`;
  const added = done.changed > 0;
  const notes = [
    ...done.exempt.map((range) => `${range} stays exempt: it is in the set 'allowed'`),
    ...done.covered.map(({ range, by }) => `${range} is blocked by ${by} already`),
  ];
  app.changes.say(
    [added ? `Blocked: ${address}${time}, in force after ${done.took_ms.toFixed(1)} ms` : `${address}: nothing to change`, ...notes].join(". "),
    added && done.former.length === 0 ? () => remove(app, address) : null,
  );
}

async function remove(app, address) {
  const done = await app.changes.make({ method: "POST", path: REMOVALS, body: { entries: [address] } });
  return done.changed > 0 ? `Undone: ${address} is not blocked any more` : `${address} was not blocked any more`;
}

// `entry`: as the set has it. Throws ApiError, LostError.
export async function unblock(app, entry) {
  const done = await app.changes.make({ method: "POST", path: REMOVALS, body: { entries: [entry.range] } });
  if (done === null) {
    return;
  }
  const still = done.staying.map(({ range, by }) => `${range} stays blocked by ${by}`);
  const began = Date.now();
  app.changes.say([`Not blocked any more: ${entry.range}`, ...still].join(". "), async () => {
    const left = entry.expires_s === undefined ? undefined : entry.expires_s - (Date.now() - began) / 1000;
    await app.changes.make({ method: "POST", path: ENTRIES, body: { entries: [entryOf({ ...entry, expires_s: left })] } });
    return `Undone: ${entry.range} is blocked again`;
  });
}
