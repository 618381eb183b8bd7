// SPDX-License-Identifier: GPL-2.0-or-later
// The run's own state: what is wrong with it, its version, its configuration.
import { byId, element, fillRows } from "./dom.js";
import { count } from "./format.js";

// What an operator must do something about.
export function troublesOf(status) {
  const { outages, ended_outputs: ended, windows_lost: lost, enforced } = status;
  return [
    ...outages.map((one) => `${one.interface} ${one.hook} (${one.mode}) does not run since ${one.since_time}: ${one.reason}`),
    ...ended.map((name) => `the output ${name} has ended`),
    ...(lost > 0 ? [`${count(lost)} windows were lost by outputs that stood still`] : []),
    ...(enforced.unsaved ? [`the state is not saved: ${enforced.unsaved}`] : []),
    ...["ingress", "egress"].flatMap((chain) =>
      enforced[chain].filter(({ failing }) => failing).map(({ plane, failing }) => `${chain} on ${plane} fails: ${failing}`)),
  ];
}

export function healthView(app) {
  let version = null;
  return {
    id: "health",
    async refresh() {
      version ??= await app.api.get("/api/v1/version");
      const { status } = app;
      const troubles = troublesOf(status);
      const lines = troubles.length === 0 ? ["Nothing is wrong."] : troubles;
      const list = byId("troubles");
      if (list.dataset.shown !== lines.join("\n")) {
        list.dataset.shown = lines.join("\n");
        list.replaceChildren(...lines.map((line) => element("li", { class: troubles.length === 0 ? undefined : "bad" }, line)));
      }
      const rules = status.rules;
      const facts = [
        ["Version", `${version.version}, commit ${version.commit}`],
        ["Programs' ABI, state's format, libbpf", `${version.program_abi}, ${version.state_format}, ${version.libbpf}`],
        ["Firewall", status.firewall ? "on" : "off"],
        ...(rules === undefined ? [] : [
          ["Rules", `ingress ${count(rules.ingress.rules)} (default ${rules.ingress.default}), egress ${count(rules.egress.rules)} (default ${rules.egress.default})`],
          ["Blocked entries", count(rules.blocked)],
        ]),
        ["Your own programs", status.user_programs.map((one) => `${one.name} on ${one.interface} ${one.hook}`).join(", ") || "none"],
      ];
      fillRows(byId("facts").tBodies[0], facts, { keyOf: ([name]) => name, cellsOf: ([name, value]) => [name, { text: value, class: "wide" }] });
      fillRows(byId("configuration").tBodies[0], status.configuration, {
        keyOf: (one) => one.name,
        cellsOf: (one) => [one.name, { text: typeof one.value === "string" ? one.value : one.value === null ? "–" : JSON.stringify(one.value), class: "wide mono" },
          { text: one.source, class: "wide" }],
      });
    },
  };
}
