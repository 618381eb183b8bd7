// SPDX-License-Identifier: GPL-2.0-or-later
// Sets and their entries, with the time left and the hits. The set `blocked` is changed here.
import { ApiError } from "./api.js";
import { block, unblock } from "./blocking.js";
import { errorText } from "./changes.js";
import { byId, element, fillRows, number, setText } from "./dom.js";
import { bytes, count, duration, parseDuration } from "./format.js";

const MOST_ROWS = 500;

export function setsView(app) {
  let withHits = true;

  // With hits where the run counts them.
  async function read(path) {
    if (withHits) {
      try {
        return await app.api.get(`${path}?stats`);
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 409)) {
          throw error;
        }
        const answer = await app.api.get(path);
        withHits = false;
        return answer;
      }
    }
    return app.api.get(path);
  }

  function showNames(sets) {
    const list = byId("set");
    const chosen = list.value || "blocked";
    const names = sets.map((one) => one.name);
    if ([...list.options].map((one) => one.value).join() !== names.join()) {
      list.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
      list.value = names.includes(chosen) ? chosen : names[0];
    }
  }

  function showEntries(name, all) {
    const wanted = byId("entry-filter").value.trim();
    const entries = wanted === "" ? all : all.filter((one) => one.range.includes(wanted));
    const unblockable = name === "blocked";
    fillRows(byId("entries").tBodies[0], entries.slice(0, MOST_ROWS), {
      keyOf: (one) => `${name} ${one.range}`,
      empty: "No entry",
      controlsOf: (_, itemOf) => {
        const button = element("button", { type: "button" }, "Unblock");
        button.addEventListener("click", async () => {
          setText(byId("block-error"), "");
          try {
            await unblock(app, itemOf());
          } catch (error) {
            setText(byId("block-error"), errorText(error));
          }
          byId("set").focus();
        });
        return button;
      },
      cellsOf: (one, button) => {
        button.setAttribute("aria-label", `Unblock ${one.range}`);
        return [one.range, number(one.expires_s === undefined ? "no end" : duration(one.expires_s)),
          number(one.packets === undefined ? "–" : count(one.packets)),
          number(one.bytes === undefined ? "–" : bytes(one.bytes)),
          unblockable ? { node: button, class: "admin" } : { text: "", class: "admin" }];
      },
    });
    return entries.length;
  }

  byId("block-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const address = byId("block-address").value.trim();
    const seconds = parseDuration(byId("block-for").value);
    if (seconds === null) {
      setText(byId("block-error"), `for: read '${byId("block-for").value}', allowed is a time such as 10m or 1h30m`);
      return;
    }
    setText(byId("block-error"), "");
    try {
      await block(app, address, seconds);
      byId("block-address").value = "";
    } catch (error) {
      setText(byId("block-error"), errorText(error));
    }
  });
  for (const id of ["set", "entry-filter"]) {
    byId(id).addEventListener("input", () => app.refresh());
    byId(id).form.addEventListener("submit", (event) => event.preventDefault());
  }

  return {
    id: "sets",
    async refresh() {
      let sets;
      try {
        ({ sets } = await read("/api/v1/sets"));
      } catch (error) {
        if (error instanceof ApiError && error.status === 409) {
          setText(byId("set-about"), error.message);
          return;
        }
        throw error;
      }
      showNames(sets);
      const name = byId("set").value;
      const about = sets.find((one) => one.name === name);
      if (about === undefined) {
        return;
      }
      const { entries } = await read(`/api/v1/sets/${encodeURIComponent(name)}`);
      const found = showEntries(name, entries);
      const hits = withHits ? "" : " Hits are counted with --count-hits.";
      const most = found > MOST_ROWS ? ` The first ${count(MOST_ROWS)} are shown.` : "";
      setText(byId("set-about"),
        `${count(entries.length)} entries, ${count(found)} of them contain the text. Used by ${about.used_by_rules} rules.${most}${hits}`);
    },
  };
}
