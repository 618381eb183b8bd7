// SPDX-License-Identifier: GPL-2.0-or-later
// A batch of changes: tried, applied, kept or taken back.
import { errorText } from "./changes.js";
import { byId, element, setText } from "./dom.js";
import { ruleText } from "./format.js";

const EXAMPLE = `{"rules": [
  {"operation": "append", "src": "203.0.113.0/24", "l4proto": "UDP", "action": "drop"}
]}`;

function changeText({ operation, rule, to, removed }) {
  if (rule === undefined) {
    return `${operation}: ${removed} rules removed`;
  }
  const place = to === undefined ? "" : ` to ${to}`;
  const text = rule.description === undefined ? "" : ` (${rule.description})`;
  return `${operation} rule ${rule.id}${place}: ${ruleText(rule)}: ${rule.action}${text}`;
}

export function changeView(app) {
  byId("batch").value = EXAMPLE;

  function parsed() {
    try {
      return JSON.parse(byId("batch").value);
    } catch (error) {
      setText(byId("change-error"), `The batch is no JSON: ${error.message}`);
      return null;
    }
  }

  function show(title, done) {
    const twice = done.twice.rules > 0 ? [element("p", {}, `${done.twice.rules} of the rules are there twice`)] : [];
    byId("change-result").replaceChildren(element("h3", {}, title),
      element("ul", {}, ...done.changes.map((change) => element("li", { class: "mono" }, changeText(change)))),
      element("p", {}, `The chain has ${done.rules} rules then.`), ...twice);
  }

  async function attempt(task) {
    setText(byId("change-error"), "");
    byId("change-result").replaceChildren();
    const batch = parsed();
    if (batch === null) {
      return;
    }
    try {
      await task(batch, byId("chain").value);
    } catch (error) {
      setText(byId("change-error"), errorText(error));
    }
  }

  byId("change-form").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(async (batch, chain) => {
      show("Nothing was changed. This batch would do:", await app.api.send("POST", `/api/v1/rules/${chain}/batch/diff`, batch));
    });
  });
  byId("apply").addEventListener("click", () =>
    attempt(async (batch, chain) => {
      const before = (await app.api.get("/api/v1/ruleset"))[chain];
      const done = await app.changes.make({ method: "POST", path: `/api/v1/rules/${chain}/batch`, body: batch,
        terms: { confirm: byId("back").value } });
      if (done === null) {
        return;
      }
      const { tag } = await app.api.ask("/api/v1/ruleset");
      show("In force:", done);
      app.changes.say(`Applied to ${chain}: ${done.changes.length} changes`, () => undo(chain, before, tag));
    }),
  );

  // The chain as it was, if nobody changed it since.
  async function undo(chain, before, tag) {
    if (app.status?.rules?.unconfirmed !== undefined) {
      const { reverted } = await app.api.send("POST", "/api/v1/rules/revert", {});
      return `Undone: ${reverted}`;
    }
    const now = await app.api.get("/api/v1/ruleset");
    await app.changes.make({ method: "PUT", path: "/api/v1/ruleset", body: { ...only(now), [chain]: before },
      headers: tag === null ? {} : { "If-Match": tag } });
    return `Undone: the rules of ${chain} are as before`;
  }

  // A document without chains and sets, which then stay as they are.
  function only(document) {
    return Object.fromEntries(Object.entries(document).filter(([name]) => !["ingress", "egress", "sets"].includes(name)));
  }

  return { id: "change", async refresh() {} };
}
