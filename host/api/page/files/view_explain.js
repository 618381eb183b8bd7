// SPDX-License-Identifier: GPL-2.0-or-later
// Asks which rule decides a packet, and why.
import { errorText } from "./changes.js";
import { byId, element, setText } from "./dom.js";
import { ruleText } from "./format.js";
import { frameOf } from "./packet.js";

const REASONS = {
  nothing: "no rule: the chain decides nothing", unjudged: "it is not read far enough", non_ip: "it is no IP",
  blocked: "an address in the set 'blocked'", established: "its connection is established", default: "the default",
};

function verdictText({ verdict, decided_by: by, rule }) {
  return `${verdict}, by ${by === "rule" ? `rule ${rule.id}` : REASONS[by] ?? by}`;
}

function fieldText({ id, field, rule, packet, matches }) {
  const text = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  return `${id === undefined ? "" : `rule ${id}: `}${field}: the rule has ${text(rule)}, the packet ${text(packet)}: ${
    matches ? "matches" : "does not match"}`;
}

function listed(title, lines) {
  return lines.length === 0 ? [] : [element("h3", {}, title),
    element("ul", {}, ...lines.map((line) => element("li", { class: "mono" }, line)))];
}

export function explainView(app) {
  function show(answer) {
    const one = answer.answers[0];
    const rule = one.rule === undefined ? [] : [element("p", { class: "mono" },
      `rule ${one.rule.id}: ${ruleText(one.rule)}: ${one.rule.action}${one.rule.description ? ` (${one.rule.description})` : ""}`)];
    byId("explain-result").replaceChildren(
      element("h3", { id: "verdict" }, `Verdict: ${verdictText(one)}`), ...rule,
      element("p", {}, `Connection: ${one.packet?.conntrack ?? "?"}${one.conntrack_reason ? `, ${one.conntrack_reason}` : ""}`),
      ...listed("Fields of the rule", (one.fields ?? []).map(fieldText)),
      ...listed("Rules before it that do not match", (one.passed_over ?? []).map(fieldText)),
      ...listed("Sets that have the source", one.src_sets ?? []),
      ...listed("Sets that have the destination", one.dst_sets ?? []),
    );
  }

  byId("explain-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    setText(byId("explain-error"), "");
    byId("explain-result").replaceChildren();
    try {
      const frame = frameOf({
        protocol: byId("e-protocol").value, source: byId("e-src").value, destination: byId("e-dst").value,
        sourcePort: byId("e-sport").value, destinationPort: byId("e-dport").value, flags: byId("e-flags").value,
      });
      const state = byId("e-state").value;
      const body = { packets: [{ frame }], why: true, ...(state === "" ? {} : { conntrack: state }) };
      show(await app.api.send("POST", `/api/v1/rules/${byId("e-chain").value}/explain`, body));
    } catch (error) {
      setText(byId("explain-error"), errorText(error));
    }
  });
  return { id: "explain", async refresh() {} };
}
