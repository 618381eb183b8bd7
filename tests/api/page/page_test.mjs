// SPDX-License-Identifier: GPL-2.0-or-later
// The page's functions that need no document: node --test tests/api/page/page_test.mjs
import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const format = await load("format.js");
const { EventParser } = await load("sse.js");
const { frameOf, parseAddress, PacketError } = await load("packet.js");
const { byPort, History, latest, Rates, summed, thinned } = await load("series.js");

test("figures have three digits and a unit", () => {
  const seen = [0, 7, 999, 999.6, 1000, 12345, 123456, 1234567, 5e15, 2.5, -1500, NaN].map(format.bytes);
  assert.deepEqual(seen, ["0 B", "7 B", "999 B", "1.00 kB", "1.00 kB", "12.3 kB", "123 kB", "1.23 MB", "5.00 PB", "2.5 B",
    "-1.50 kB", "–"]);
});

test("counts have all digits", () => {
  assert.deepEqual([0, 999, 1000, 65536, 12345678, undefined].map(format.count),
    ["0", "999", "1,000", "65,536", "12,345,678", "–"]);
});

test("durations are read as they are written", () => {
  assert.deepEqual([0, 59.2, 60, 3723, 90061, undefined].map(format.duration),
    ["0s", "1m", "1m", "1h 2m 3s", "1d 1h 1m", "no end"]);
  assert.deepEqual(["10m", "1h30m", " 45s ", "1d", "", "0s", "10", "m", "-1m"].map(format.parseDuration),
    [600, 5400, 45, 86400, undefined, null, null, null, null]);
});

test("a rule's text has its fields, and no counters", () => {
  assert.equal(format.ruleText({ id: 1, src: ["@bad", "10.0.0.0/8"], l4proto: "TCP", action: "drop", packets: 9, bytes: 9 }),
    'src=["@bad","10.0.0.0/8"] l4proto=TCP');
  assert.equal(format.ruleText({ id: 0, action: "drop" }), "any packet");
});

test("events are whole however the text is cut", () => {
  const text = 'retry: 2000\n\nid: 1\nevent: log\ndata: {"a": 1}\n\n: beat\n\nevent: block\ndata: x\ndata: y\n\n';
  const wanted = [{ name: "log", data: '{"a": 1}' }, { name: "block", data: "x\ny" }];
  for (let size = 1; size < text.length; size += 1) {
    const parser = new EventParser();
    const events = [];
    for (let begin = 0; begin < text.length; begin += size) {
      events.push(...parser.take(text.slice(begin, begin + size)));
    }
    assert.deepEqual(events, wanted, `pieces of ${size}`);
  }
});

test("addresses", () => {
  assert.deepEqual(parseAddress("192.0.2.1"), [192, 0, 2, 1]);
  assert.deepEqual(parseAddress("::"), Array(16).fill(0));
  assert.deepEqual(parseAddress("2001:db8::1"), [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  for (const wrong of ["", "1.2.3", "1.2.3.256", "01.2.3.4", "1::2::3", "1:2:3:4:5:6:7", "12345::", "1:2:3:4:5:6:7:8:9", "g::"]) {
    assert.equal(parseAddress(wrong), null, wrong);
  }
});

test("a frame of a packet", () => {
  const packet = { protocol: "UDP", source: "198.51.100.1", destination: "198.51.100.2", sourcePort: "40000", destinationPort: "53" };
  // The IPv4 header's checksum by RFC 1071, added by hand.
  assert.equal(frameOf(packet),
    "0200000000020200000000010800" + "4500001c000040004011" + "0000".replace("0000", checksumOf(packet)) + "c6336401c6336402" + "9c40003500080000");
  const v6 = frameOf({ ...packet, protocol: "TCP", source: "2001:db8::1", destination: "::2", flags: "SYN,ACK" });
  assert.equal(v6.length / 2, 14 + 40 + 20);
  assert.equal(v6.slice(24, 28), "86dd");
  assert.equal(parseInt(v6.slice(2 * (14 + 40 + 13), 2 * (14 + 40 + 14)), 16), 0x12);
});

function checksumOf() {
  const words = [0x4500, 0x001c, 0, 0x4000, 0x4011, 0xc633, 0x6401, 0xc633, 0x6402];
  let sum = words.reduce((all, one) => all + one, 0);
  sum = (sum & 0xffff) + (sum >> 16);
  return (~sum & 0xffff).toString(16).padStart(4, "0");
}

test("a wrong packet says which field, and what may stand there", () => {
  const packet = { protocol: "TCP", source: "192.0.2.1", destination: "192.0.2.2", sourcePort: "1", destinationPort: "2" };
  for (const [wrong, text] of [[{ source: "x" }, "source: read 'x'"], [{ sourcePort: "" }, "source port"],
    [{ destinationPort: "65536" }, "0 to 65535"], [{ flags: "SIN" }, "TCP flags"], [{ destination: "::1" }, "two families"],
    [{ protocol: "ICMPv6" }, "not a protocol over IPv4"]]) {
    assert.throws(() => frameOf({ ...packet, ...wrong }), (error) => error instanceof PacketError && error.message.includes(text));
  }
});

const sample = (time, packets, active = 1) => [time, packets, packets * 100, 0, 0, 0, active, 2];

test("an hour has as many points as fit", () => {
  const points = thinned(Array.from({ length: 3600 }, (_, second) => sample(second, 10)), 300);
  assert.equal(points.length, 300);
  assert.deepEqual([points[0].packets, points[299].time], [10, 3599]);
  assert.deepEqual(thinned([], 300), []);
  assert.equal(latest([]), null);
});

test("attachments of a direction are added second by second", () => {
  const sums = summed([{ samples: [sample(1, 10, 5), sample(2, 20, 6)] }, { samples: [sample(2, 1, 9)] }]);
  assert.deepEqual(sums.map((one) => [one[0], one[1], one[6]]), [[1, 10, 5], [2, 21, 9]]);
  const ports = byPort([{ interface: "a", hook: "xdp", samples: [] }, { interface: "a", hook: "tc-egress", samples: [] },
    { interface: "b", hook: "xdp", direction: "ingress", samples: [] }]);
  assert.deepEqual(ports.map((port) => [port.name, port.in.length, port.out.length]), [["a", 1, 1], ["b", 1, 0]]);
});

test("only samples that are missing are asked for, and none is lost or there twice", () => {
  const history = new History();
  const samples = (from, to) => Array.from({ length: to - from + 1 }, (_, second) => sample(from + second, 1));
  const answer = (from, to) => ({ time_ns: to * 1e9, attachments: [{ interface: "a", hook: "xdp", mode: "drv", samples: samples(from, to) }] });
  const times = (attachments) => attachments[0].samples.map((one) => one[0]);
  assert.equal(history.missing(60, 0), 60);
  assert.deepEqual(times(history.take(answer(941, 1000), 60, 60, 0)).length, 60);
  assert.equal(history.missing(60, 2000), 5);
  assert.deepEqual(times(history.take(answer(997, 1002), 5, 60, 2000)), samples(943, 1002).map((one) => one[0]));
  assert.equal(history.missing(300, 2000), 300);
  assert.deepEqual(times(history.take(answer(703, 1002), 300, 300, 2000)).length, 300);
  assert.equal(history.missing(60, 2000), 3);
  // The page was hidden for a while.
  assert.equal(history.missing(300, 102000), 103);
  const late = times(history.take(answer(1000, 1102), 103, 300, 102000));
  assert.deepEqual(late, samples(803, 1102).map((one) => one[0]));
  assert.equal(history.missing(60, 9002000), 60);
  history.take(answer(9943, 10002), 60, 60, 9002000);
  assert.equal(history.missing(300, 9002000), 300);
});

test("rates are a counter's growth; a counter that began anew has 0", () => {
  const rates = new Rates();
  rates.take([["a", 10]], 1000);
  assert.ok(Number.isNaN(rates.of("a")));
  rates.take([["a", 30], ["b", 5]], 3000);
  assert.deepEqual([rates.of("a"), rates.of("b")], [10, NaN]);
  rates.take([["a", 5]], 4000);
  assert.deepEqual([rates.of("a"), rates.of("b")], [0, NaN]);
});
