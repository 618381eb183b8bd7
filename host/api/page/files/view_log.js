// SPDX-License-Identifier: GPL-2.0-or-later
// What happened since the page was opened, by the run's events.
import { byId, fillRows, setText } from "./dom.js";
import { clock, count } from "./format.js";

const MOST_ROWS = 500;

function packetText(data) {
  return Object.entries(data).filter(([name]) => !["time_ns", "time"].includes(name))
    .map(([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`).join(" ");
}

const TEXTS = {
  log: packetText,
  block: ({ set, added, removed, entries }) => `set ${set}: ${added} added, ${removed} removed: ${(entries ?? []).join(", ")}`,
  message: ({ level, text }) => `${level}: ${text}`,
  window: ({ window, sessions, packets_in: packets }) => `window ${window}: ${count(sessions)} sessions, ${count(packets)} packets`,
  lost: ({ events }) => `${count(events)} events were lost: the page was too slow`,
};

export function logView(app) {
  let rows = [];
  let next = 0;
  let connected = false;
  app.events.subscribe((name, data) => {
    if (name === "stream") {
      connected = data.connected;
    } else if (name in TEXTS && !byId("log-stop").checked) {
      const seconds = typeof data.time_ns === "number" ? data.time_ns / 1e9 : Date.now() / 1000;
      const isBad = name === "lost" || data.level === "error";
      rows.unshift({ key: next, seconds, kind: name, text: TEXTS[name](data), isBad });
      rows = rows.slice(0, MOST_ROWS);
      next += 1;
    }
  });
  byId("log-form").addEventListener("change", () => app.refresh());
  byId("log-form").addEventListener("submit", (event) => event.preventDefault());

  return {
    id: "log",
    async refresh() {
      const kinds = new Set(["lost", ...[...byId("log-form").querySelectorAll("input[value]:checked")].map((one) => one.value)]);
      const shown = rows.filter((row) => kinds.has(row.kind));
      setText(byId("log-state"), `${connected ? "Reads events." : "Does not read events: trying again."} ${count(shown.length)} rows.`);
      fillRows(byId("log-rows").tBodies[0], shown, {
        keyOf: (row) => row.key,
        empty: "Nothing yet",
        cellsOf: (row) => [clock(row.seconds), row.kind, { text: row.text, class: row.isBad ? "wide mono bad" : "wide mono" }],
      });
    },
  };
}
