// SPDX-License-Identifier: GPL-2.0-or-later
// Lines over time, by Chart.js (a script of its own, which defines `Chart`). Colours are the page's.
import { element } from "./dom.js";
import { clock } from "./format.js";

const { Chart } = globalThis;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export class LineChart {
  #chart;
  #colours;
  node;

  // `lines`: [{label, colour: "--in"}]; `textOf`: a value as text.
  constructor(title, lines, textOf) {
    const canvas = element("canvas", { role: "img", "aria-label": `${title}: the figures are in the table of ports` });
    this.node = element("figure", { class: "graph" }, element("figcaption", {}, title), element("div", {}, canvas));
    this.#colours = lines.map((line) => line.colour);
    this.#chart = new Chart(canvas, {
      type: "line",
      data: {
        datasets: lines.map(({ label }) => ({ label, data: [], borderWidth: 1.5, pointRadius: 0, tension: 0 })),
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        parsing: false,
        normalized: true,
        interaction: { mode: "index", intersect: false },
        plugins: {
          legend: { labels: { boxWidth: 12, boxHeight: 2 } },
          tooltip: {
            callbacks: {
              title: (items) => (items.length > 0 ? clock(items[0].parsed.x) : ""),
              label: (item) => `${item.dataset.label}: ${textOf(item.parsed.y)}`,
            },
          },
        },
        scales: {
          x: { type: "linear", ticks: { maxTicksLimit: 6, maxRotation: 0, callback: (value) => clock(value) } },
          y: { beginAtZero: true, ticks: { maxTicksLimit: 6, callback: (value) => textOf(value) } },
        },
      },
    });
    this.#paint();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#paint();
      this.#chart.update("none");
    });
  }

  #paint() {
    const { data, options } = this.#chart;
    data.datasets.forEach((line, place) => {
      line.borderColor = colour(this.#colours[place]);
      line.backgroundColor = line.borderColor;
    });
    for (const scale of Object.values(options.scales)) {
      scale.ticks.color = colour("--muted");
      scale.grid = { color: colour("--line") };
    }
    options.plugins.legend.labels.color = colour("--text");
  }

  // `points`: for each line [{x: seconds, y}].
  show(points, from, to) {
    const { data, options } = this.#chart;
    points.forEach((line, place) => {
      data.datasets[place].data = line;
    });
    options.scales.x.min = from;
    options.scales.x.max = to;
    this.#chart.update("none");
  }

  end() {
    this.#chart.destroy();
    this.node.remove();
  }
}
