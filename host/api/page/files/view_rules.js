// SPDX-License-Identifier: GPL-2.0-or-later
// Both chains: rules with their counters and rates, and what happened to the other packets.
import { ApiError } from "./api.js";
import { byId, element, fillRows, number, setText } from "./dom.js";
import { bytes, count, packetRate, ruleText } from "./format.js";
import { Rates } from "./series.js";

const HEADS = ["Rule", "Action", "Packets it matches", "Packets", "Packets a second", "Bytes", "Time left", "Description"];
const BESIDE = [["blocked", "dropped: in the set 'blocked'"], ["established", "accepted: of an established connection"],
  ["default", "by the default"], ["non_ip", "dropped: no IP"]];

export function rulesView(app) {
  const rates = new Rates();
  const tables = new Map();

  function tableOf(chain) {
    if (!tables.has(chain)) {
      const body = element("tbody");
      const heads = HEADS.map((head) => element("th", { scope: "col" }, head));
      const about = element("p", { class: "muted" });
      const table = element("table", { id: `rules-${chain}` }, element("caption", {}, `Rules of ${chain}`),
        element("thead", {}, element("tr", {}, ...heads)), body);
      byId("chains").append(element("h3", {}, chain), about, element("div", { class: "scroll" }, table));
      tables.set(chain, { body, about });
    }
    return tables.get(chain);
  }

  function rowsOf(chain, { rules, counters }, unjudged) {
    const own = rules.map((rule) => ({
      key: `${chain} rule ${rule.id} ${ruleText(rule)} ${rule.action}`, name: String(rule.id), action: rule.action,
      text: ruleText(rule), counts: rule, left: rule.expires ?? "", description: rule.description ?? "",
    }));
    const beside = BESIDE.filter(([name]) => counters[name] !== undefined).map(([name, text]) => ({
      key: `${chain} ${name}`, name: "–", action: "", text, counts: counters[name], left: "", description: "",
    }));
    return [...own, ...beside, { key: `${chain} unjudged`, name: "–", action: "", text: "not read far enough",
      counts: unjudged, left: "", description: "" }];
  }

  function showChain(name, chain, rows, places) {
    const { body, about } = tableOf(name);
    const where = places.map(({ plane, failing }) => (failing ? `${plane} (fails: ${failing})` : plane)).join(", ");
    setText(about, `Default: ${chain.default}. Enforced on ${where || "no port"}.`);
    about.classList.toggle("bad", places.length === 0 && chain.rules.length > 0);
    fillRows(body, rows, {
      keyOf: (row) => row.key,
      cellsOf: (row) => [row.name, row.action, { text: row.text, class: "wide mono" }, number(count(row.counts.packets)),
        number(packetRate(rates.of(row.key))), number(bytes(row.counts.bytes)), row.left,
        { text: row.description, class: "wide" }],
    });
  }

  return {
    id: "rules",
    async refresh() {
      let answer;
      try {
        answer = await app.api.get("/api/v1/rules");
      } catch (error) {
        if (error instanceof ApiError && error.status === 409) {
          setText(byId("rules-none"), error.message);
          return;
        }
        throw error;
      }
      setText(byId("rules-none"), "");
      const chains = ["ingress", "egress"].map((name) => {
        const chain = answer[name];
        const sum = { packets: 0, bytes: 0 };
        for (const { packets, bytes: more } of Object.values(chain.counters.unjudged)) {
          sum.packets += packets;
          sum.bytes += more;
        }
        return [name, chain, rowsOf(name, chain, sum)];
      });
      rates.take(chains.flatMap(([, , rows]) => rows.map((row) => [row.key, row.counts.packets])), performance.now());
      for (const [name, chain, rows] of chains) {
        showChain(name, chain, rows, answer.enforced[name]);
      }
    },
  };
}
