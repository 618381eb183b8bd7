// SPDX-License-Identifier: GPL-2.0-or-later
// What passes now: graphs of each port, the figures behind them, and the accounting.
import { LineChart } from "./charts.js";
import { byId, element, fillRows, number, setText } from "./dom.js";
import { bitRate, bytes, count, packetRate } from "./format.js";
import { byPort, directionOf, History, latest, SAMPLE, summed, thinned } from "./series.js";

const MOST_POINTS = 300;
const CAUSES = ["not_ip", "vlan_depth", "truncated", "malformed", "later_fragment", "protocol", "extensions", "copies"];

export function overviewView(app) {
  const graphs = new Map();
  const history = new History();
  let last = null;
  app.events.subscribe((name, data) => {
    if (name === "window") {
      last = data;
    }
  });
  const again = () => {
    for (const graph of graphs.values()) {
      graph.end();
    }
    graphs.clear();
    app.refresh();
  };
  byId("since").addEventListener("change", () => app.refresh());
  byId("unit").addEventListener("change", again);
  byId("since-form").addEventListener("submit", (event) => event.preventDefault());

  function showGraphs(ports, from, to) {
    const bits = byId("unit").value === "bits";
    const textOf = bits ? bitRate : packetRate;
    for (const port of ports) {
      if (!graphs.has(port.name)) {
        const lines = [{ label: "in", colour: "--in" }, { label: "out", colour: "--out" }, { label: "dropped", colour: "--drop" }];
        const graph = new LineChart(`${port.name}, ${bits ? "bits" : "packets"} a second`, lines, textOf);
        graphs.set(port.name, graph);
        byId("graphs").append(graph.node);
      }
      const value = (point) => (bits ? point.bytes * 8 : point.packets);
      const arrived = thinned(summed(port.in), MOST_POINTS);
      const left = thinned(summed(port.out), MOST_POINTS);
      const both = thinned(summed([...port.in, ...port.out]), MOST_POINTS);
      graphs.get(port.name).show(
        [
          arrived.map((point) => ({ x: point.time, y: value(point) })),
          left.map((point) => ({ x: point.time, y: value(point) })),
          both.map((point) => ({ x: point.time, y: bits ? point.droppedBytes * 8 : point.dropped })),
        ],
        from,
        to,
      );
    }
    for (const [name, graph] of graphs) {
      if (!ports.some((port) => port.name === name)) {
        graph.end();
        graphs.delete(name);
      }
    }
  }

  function showFigures(attachments) {
    const now = latest(summed(attachments));
    const lost = attachments.flatMap((one) => one.samples).reduce((sum, sample) => sum + sample[SAMPLE.lost], 0);
    const figures = [
      ["Packets", now === null ? "–" : packetRate(now.packets)],
      ["Bits", now === null ? "–" : bitRate(now.bytes * 8)],
      ["Dropped", now === null ? "–" : packetRate(now.dropped)],
      ["Active sessions", now === null ? "–" : count(now.active)],
      ["New sessions", now === null ? "–" : packetRate(now.fresh)],
      ["Events lost in the time shown", count(lost), lost > 0],
    ];
    const box = byId("figures");
    figures.forEach(([name, text, isBad], place) => {
      const figure = box.children[place] ?? box.appendChild(element("div", { class: "figure" }, element("span"), element("strong")));
      setText(figure.firstChild, name);
      setText(figure.lastChild, text);
      figure.lastChild.classList.toggle("bad", isBad === true);
    });
  }

  function showPorts(attachments) {
    fillRows(byId("ports").tBodies[0], attachments, {
      keyOf: (one) => `${one.interface} ${one.hook}`,
      empty: "No port is watched",
      cellsOf: (one) => {
        const now = latest(one.samples) ?? {};
        const lost = one.samples.reduce((sum, sample) => sum + sample[SAMPLE.lost], 0);
        return [one.interface, directionOf(one) === "egress" ? "out" : "in", `${one.hook}, ${one.mode}`,
          number(packetRate(now.packets)), number(bitRate(now.bytes * 8)), number(packetRate(now.dropped)),
          number(count(lost), lost > 0 ? "bad" : ""), number(count(now.active)), number(packetRate(now.fresh))];
      },
    });
  }

  function showProtocols(protocols) {
    fillRows(byId("protocols").tBodies[0], protocols, {
      keyOf: (one) => one.protocol,
      empty: "No traffic in this window so far",
      cellsOf: (one) => [one.protocol, number(count(one.packets)), number(bytes(one.bytes)),
        number(packetRate(one.packets_per_second)), number(bitRate(one.bits_per_second))],
    });
  }

  function showAccounting() {
    const rows = last?.planes ?? [];
    fillRows(byId("accounting").tBodies[0], rows, {
      keyOf: (one) => `${one.interface} ${one.hook}`,
      empty: "No window has ended since this page was opened",
      cellsOf: (one) => {
        const unparsed = CAUSES.reduce((sum, cause) => sum + (one[`packets_${cause}`] ?? 0), 0);
        const difference = one.packets_in - one.packets_on_sessions - one.packets_unknown - unparsed;
        const red = (value) => number(count(value), value === 0 ? "" : "bad");
        return [`${one.interface} ${one.hook}`, number(count(one.packets_in)), number(count(one.packets_on_sessions)),
          number(count(one.packets_unknown)), number(count(unparsed)), number(count(one.packets_dropped)),
          red(one.events_lost), red(one.sessions_refused), red(difference)];
      },
    });
  }

  return {
    id: "overview",
    async refresh() {
      const since = Number(byId("since").value);
      const asked = history.missing(since, performance.now());
      const traffic = await app.api.get(`/api/v1/traffic?since=${asked}`);
      const attachments = history.take(traffic, asked, since, performance.now());
      const to = traffic.time_ns / 1e9;
      showGraphs(byPort(attachments), to - since, to);
      showFigures(attachments);
      showPorts(attachments);
      showProtocols(traffic.protocols ?? []);
      showAccounting();
    },
  };
}
