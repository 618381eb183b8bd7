// SPDX-License-Identifier: GPL-2.0-or-later
// The samples of /api/v1/traffic as lines of a graph.

export const SAMPLE = { time: 0, packets: 1, bytes: 2, dropped: 3, droppedBytes: 4, lost: 5, active: 6, fresh: 7 };

// The direction of an attachment.
export function directionOf(attachment) {
  return attachment.direction ?? (attachment.hook === "tc-egress" ? "egress" : "ingress");
}

// Means of `most` groups at most, so that an hour has as many points as fit on a screen.
// Returns [{time, packets, bytes, dropped, droppedBytes, lost, active, fresh}], each a second's.
export function thinned(samples, most) {
  const size = Math.max(1, Math.ceil(samples.length / most));
  const points = [];
  for (let begin = 0; begin < samples.length; begin += size) {
    const group = samples.slice(begin, begin + size);
    const mean = (column) => group.reduce((sum, one) => sum + one[column], 0) / group.length;
    points.push({
      time: group[group.length - 1][SAMPLE.time],
      packets: mean(SAMPLE.packets),
      bytes: mean(SAMPLE.bytes),
      dropped: mean(SAMPLE.dropped),
      droppedBytes: mean(SAMPLE.droppedBytes),
      lost: mean(SAMPLE.lost),
      active: Math.max(...group.map((one) => one[SAMPLE.active])),
      fresh: mean(SAMPLE.fresh),
    });
  }
  return points;
}

// The sums of a port's attachments of one direction, second by second.
export function summed(attachments) {
  const bySecond = new Map();
  for (const attachment of attachments) {
    for (const sample of attachment.samples) {
      const second = Math.round(sample[SAMPLE.time]);
      const sum = bySecond.get(second);
      if (sum === undefined) {
        bySecond.set(second, [...sample]);
      } else {
        for (let column = 1; column < sample.length; column += 1) {
          sum[column] = column === SAMPLE.active ? Math.max(sum[column], sample[column]) : sum[column] + sample[column];
        }
      }
    }
  }
  return [...bySecond.entries()].sort(([a], [b]) => a - b).map(([, sample]) => sample);
}

// The newest whole second; null without one.
export function latest(samples) {
  return samples.length === 0 ? null : thinned(samples.slice(-1), 1)[0];
}

// Each port once, with its attachments by direction.
export function byPort(attachments) {
  const ports = new Map();
  for (const attachment of attachments) {
    if (!ports.has(attachment.interface)) {
      ports.set(attachment.interface, { name: attachment.interface, in: [], out: [] });
    }
    ports.get(attachment.interface)[directionOf(attachment) === "egress" ? "out" : "in"].push(attachment);
  }
  return [...ports.values()];
}

// The samples of the last hour, so that only new ones are asked for.
const MOST_SECONDS = 3600;
export class History {
  #samples = new Map();
  #from = Infinity; // all since then are known, by the run's clock
  #to = 0;
  #at = 0; // when that was, by the page's clock

  // How many seconds to ask for, so that the last `since` are known.
  missing(since, nowMs) {
    const now = this.#to + (nowMs - this.#at) / 1000;
    return this.#from > now - since + 1 ? since : Math.min(since, Math.ceil(now - this.#to) + 3);
  }

  // Takes the answer to a question for the last `asked` seconds. Returns the attachments of the last `since`.
  take(traffic, asked, since, nowMs) {
    const now = traffic.time_ns / 1e9;
    this.#from = this.#to >= now - asked ? Math.min(this.#from, now - asked) : now - asked;
    this.#from = Math.max(this.#from, now - MOST_SECONDS);
    this.#to = now;
    this.#at = nowMs;
    const next = new Map();
    const attachments = traffic.attachments.map((attachment) => {
      const key = `${attachment.interface} ${attachment.hook} ${attachment.mode}`;
      const first = attachment.samples[0]?.[SAMPLE.time] ?? Infinity;
      const kept = (this.#samples.get(key) ?? []).filter((one) => one[SAMPLE.time] >= this.#from && one[SAMPLE.time] < first);
      next.set(key, [...kept, ...attachment.samples]);
      return { ...attachment, samples: next.get(key).filter((one) => one[SAMPLE.time] > now - since) };
    });
    this.#samples = next;
    return attachments;
  }
}

// A counter's growth a second, by the reading before.
export class Rates {
  #before = new Map();
  #rates = new Map();

  // `readings`: [key, value] of now. Keeps only what is still there.
  take(readings, nowMs) {
    const next = new Map();
    const rates = new Map();
    for (const [key, value] of readings) {
      const before = this.#before.get(key);
      const seconds = before === undefined ? 0 : (nowMs - before.at) / 1000;
      if (seconds > 0.2) {
        rates.set(key, Math.max(0, value - before.value) / seconds);
        next.set(key, { value, at: nowMs });
      } else {
        rates.set(key, this.#rates.get(key) ?? NaN);
        next.set(key, before ?? { value, at: nowMs });
      }
    }
    this.#before = next;
    this.#rates = rates;
  }

  of(key) {
    return this.#rates.get(key) ?? NaN;
  }
}
