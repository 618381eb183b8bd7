// SPDX-License-Identifier: GPL-2.0-or-later
// Sessions of the open window, or sums by source, destination, port or protocol. The run sorts, filters and pages.
import { ApiError, query } from "./api.js";
import { block } from "./blocking.js";
import { errorText } from "./changes.js";
import { byId, element, fillRows, number, setText } from "./dom.js";
import { bitRate, bytes, count, packetRate } from "./format.js";

const SESSION_HEADS = ["Client", "Server", "Protocol", "To server", "To client", "Bytes", "Packets/s", "Bits/s", "Dropped"];
const GROUP_HEADS = { src: "Source", dst: "Destination", "src/24/64": "Network", dport: "Port", proto: "Protocol" };
const GROUP_FIGURES = ["Sessions", "Packets in", "Packets out", "Bytes", "Packets/s", "Bits/s", "With drops"];
// The words of `run --sort`.
const SORTS = ["bits", "rate", "bytes", "packets", "in", "out", "dropped"];
const SESSION_SORTS = [...SORTS, "duration", "client", "server", "proto"];
const GROUP_SORTS = [...SORTS, "sessions", "name"];

function endText(address, port) {
  if (port === undefined || port === null || port === 0) {
    return address;
  }
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

export function sessionsView(app) {
  let offset = 0;
  let total = 0;
  let refused = null; // a question that the run does not understand is not repeated
  let heads = "";
  const limit = () => Number(byId("limit").value);

  function showHeads(names) {
    const all = [...names, "Block"];
    if (heads === all.join()) {
      return;
    }
    heads = all.join();
    const cells = all.map((name) => element("th", { scope: "col", class: name === "Block" ? "admin" : undefined }, name));
    byId("session-rows").tHead.rows[0].replaceChildren(...cells);
    byId("session-rows").tBodies[0].replaceChildren();
    byId("session-rows").tBodies[0].rowsByKey = new Map();
  }

  // A button that blocks what `addressOf` says of the row's item.
  function blockButton(itemOf, addressOf, text = "Block") {
    const button = element("button", { type: "button" }, text);
    button.addEventListener("click", async () => {
      setText(byId("sessions-error"), "");
      try {
        await block(app, addressOf(itemOf()), undefined);
      } catch (error) {
        setText(byId("sessions-error"), errorText(error));
      }
    });
    return button;
  }

  function nameButton(button, address) {
    button.setAttribute("aria-label", `Block ${address}`);
    button.title = `Block ${address}`;
  }

  // Both ends of a session, in one cell.
  function endButtons(itemOf) {
    return element("span", { class: "buttons" }, blockButton(itemOf, (one) => one.client_ip, "Client"),
      blockButton(itemOf, (one) => one.server_ip, "Server"));
  }

  function showSessions(rows) {
    showHeads(SESSION_HEADS);
    fillRows(byId("session-rows").tBodies[0], rows, {
      keyOf: (one) => [one.protocol, one.client_ip, one.client_port, one.server_ip, one.server_port, one.vlan ?? ""].join(),
      empty: "No session",
      controlsOf: (_, itemOf) => endButtons(itemOf),
      cellsOf: (one, buttons) => [
        endText(one.client_ip, one.client_port),
        endText(one.server_ip, one.server_port) + (one.service ? ` (${one.service})` : ""),
        one.protocol,
        number(count(one.packets_client)), number(count(one.packets_server)), number(bytes(one.bytes)),
        number(packetRate(one.packets_per_second)), number(bitRate(one.bits_per_second)),
        one.dropped ? { text: "yes", class: "bad" } : "",
        { node: buttons, class: "admin" },
      ],
    });
    for (const row of byId("session-rows").tBodies[0].rows) {
      if (row.item !== undefined) {
        nameButton(row.controls.firstChild, row.item.client_ip);
        nameButton(row.controls.lastChild, row.item.server_ip);
      }
    }
  }

  function showGroups(rows, by) {
    showHeads([GROUP_HEADS[by], ...GROUP_FIGURES]);
    const addresses = ["src", "dst", "src/24/64"].includes(by);
    fillRows(byId("session-rows").tBodies[0], rows, {
      keyOf: (one) => one.name,
      empty: "No session",
      controlsOf: (_, itemOf) => (addresses ? blockButton(itemOf, (one) => one.name) : null),
      cellsOf: (one, button) => [
        one.name + (one.service ? ` (${one.service})` : ""), number(count(one.sessions)), number(count(one.packets_in)),
        number(count(one.packets_out)), number(bytes(one.bytes)),
        number(packetRate(one.packets_per_second)), number(bitRate(one.bits_per_second)),
        number(count(one.sessions_dropped), one.sessions_dropped > 0 ? "bad" : ""),
        button === null ? { text: "", class: "admin" } : { node: button, class: "admin" },
      ],
    });
    for (const { item, controls } of byId("session-rows").tBodies[0].rows) {
      if (controls) {
        nameButton(controls, item.name);
      }
    }
  }

  function showPlace(shown) {
    setText(byId("place"), total === 0 ? "none" : `${count(offset + 1)} to ${count(offset + shown)} of ${count(total)}`);
    byId("previous").disabled = offset === 0;
    byId("next").disabled = offset + shown >= total;
  }

  function turn(to) {
    offset = Math.max(0, to);
    app.refresh();
  }
  byId("previous").addEventListener("click", () => turn(offset - limit()));
  byId("next").addEventListener("click", () => turn(offset + limit()));
  byId("sessions-form").addEventListener("submit", (event) => {
    event.preventDefault();
    turn(0);
  });
  function showSorts() {
    const words = byId("by").value === "" ? SESSION_SORTS : GROUP_SORTS;
    const chosen = byId("sort").value;
    byId("sort").replaceChildren(...words.map((word) => element("option", {}, word)));
    byId("sort").value = words.includes(chosen) ? chosen : words[0];
  }
  showSorts();
  byId("by").addEventListener("change", showSorts);
  for (const id of ["by", "sort", "order", "limit"]) {
    byId(id).addEventListener("change", () => turn(0));
  }

  return {
    id: "sessions",
    async refresh() {
      const by = byId("by").value;
      const fields = { by, sort: byId("sort").value, order: byId("order").value, filter: byId("filter").value.trim(),
        offset: offset === 0 ? "" : offset, limit: limit() };
      const asked = query(fields);
      if (asked === refused) {
        return;
      }
      let answer;
      try {
        answer = await app.api.get(`/api/v1/sessions${asked}`);
      } catch (error) {
        if (error instanceof ApiError && error.status === 400) {
          refused = asked;
          setText(byId("sessions-error"), errorText(error));
          return;
        }
        throw error;
      }
      if (refused !== null) {
        refused = null;
        setText(byId("sessions-error"), "");
      }
      total = answer.total;
      const rows = answer.sessions ?? answer.groups ?? [];
      if (rows.length === 0 && offset > 0) {
        turn(0);
        return;
      }
      setText(byId("sessions-caption"), `Window ${answer.window}, ${(answer.elapsed_ns / 1e9).toFixed(0)} s so far`);
      by === "" ? showSessions(rows) : showGroups(rows, by);
      showPlace(rows.length);
    },
  };
}
