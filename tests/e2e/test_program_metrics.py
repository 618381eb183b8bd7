#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry programs read --format openmetrics`, parsed by the strict parser of Prometheus's client, and by promtool.

    test_program_metrics.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import ipaddress
import json
import pathlib
import struct
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from compare import expect, expect_text
from network import Network
from promtool import stored_samples
from suite import REPOSITORY, Mismatch, run_directory_cases, slow
from test_program_reading import load, opened, read
from test_program_swap import COUNTING, Flood, add, total
from user_maps import per_processor, possible_processors

SOURCE = REPOSITORY / "tests" / "programs" / "monitors" / "metrics.c"
HEALTH = "nicsentry_metric_"


def exported(map_name, kind, name=None, options=None, **more):
    metadata = {"help": f"the {map_name}", "type": kind, **more}
    made = {"name": name or map_name, "map-name": map_name, "open-metrics-metadata": metadata}
    return made | ({"extraction-options": options} if options else {})


def load_metrics(network, *metrics, name="exports", status=0):
    path = network.directory / f"{name}.json"
    description = {"ingress-path": {"name": "m", "source": str(SOURCE), "metric-configs": list(metrics)}}
    path.write_text(json.dumps(description), encoding="utf-8")
    done = load(network, path, check=False)
    expect(f"load's exit status ({done.stderr})", status, done.returncode)
    return done


def exposition(network, *arguments, name="exports"):
    return network.nicsentry("programs", "read", name, "--format", "openmetrics", *arguments).stdout


def families(network, *arguments, name="exports"):
    """Families by name, of the text that the strict parser takes."""
    return parsed(exposition(network, *arguments, name=name))


def parsed(text):
    try:
        return {one.name: one for one in text_string_to_metric_families(text)}
    except ValueError as error:
        raise Mismatch(f"the parser refuses it: {error}\n{text}") from error


def samples(family, *left_out):
    """Values by name and labels, without those that all samples have."""
    found = {}
    for one in family.samples:
        labels = {name: text for name, text in one.labels.items() if name not in ("program", "direction", *left_out)}
        found[one.name, tuple(sorted(labels.items()))] = one.value
    return found


def health(network, what, *arguments):
    family = families(network, *arguments)[HEALTH + what]
    return {one.labels["metric"]: one.value for one in family.samples}


def flow(source, port, le, name):
    return ipaddress.IPv4Address(source).packed + struct.pack(">H", port) + struct.pack("<H12s", le, name)


def counters(packets, received, change, queues=(0, 0), verdict=1, last=0):
    return struct.pack("<QQqIIIIQ", packets, received, change, *queues, verdict, 0x01020304, last)


def put(network, map_name, *entries, name="exports"):
    with opened(network, name, map_name) as pinned:
        for key, value in entries:
            pinned.put(key, value)


FIRST = flow("192.0.2.1", 443, 7, b'"\\\n\xc3\xa9\xff')


def load_members(network):
    load_metrics(
        network,
        exported("single", "Counter", "packets_total", labels=[{"name": "kind", "value": 'a "quoted" \\ one'}]),
        exported("flows", "Gauge", labels=[{"name": "program", "value": "mine"}]),
        exported("processors", "untyped"),
        exported("queue", "counter"),
    )
    second = flow("192.0.2.2", 80, 8, b"plain")
    put(network, "single", (bytes(4), struct.pack("<Q", 2**63)))
    put(network, "flows", (FIRST, counters(1, 2, -3, (4, 5), 2)), (second, counters(6, 7, 8, (9, 10), 77)))
    each = per_processor([struct.pack("<Q", 5)] * possible_processors())
    put(network, "processors", (struct.pack("<I", 9), each))


def members_case(directory):
    """A structure gives a series for each number in it; keys become labels, texts escaped; a series goes with its
    entry."""
    with Network(directory) as network:
        load_members(network)
        processors = possible_processors()
        found = families(network)
        names = ["packets", "flows_packets", "flows_bytes_in", "flows_bytes_change", "flows_queues", "flows_verdict"]
        names += ["processors"]
        expect("families", names, [one for one in found if not one.startswith(HEALTH)])
        expect("types", ["counter"] + ["gauge"] * 5 + ["unknown"], [found[one].type for one in names])
        expect("help", "the single", found["packets"].documentation)
        expect(
            "a single value has no label of a key",
            {("packets_total", (("kind", 'a "quoted" \\ one'),)): 2.0**63},
            samples(found["packets"]),
        )
        expect(
            "labels of all",
            [("exports", "ingress")],
            [(s.labels["program"], s.labels["direction"]) for s in found["packets"].samples],
        )
        expect("the monitor's own label", {"mine"}, {one.labels["program"] for one in found["flows_packets"].samples})
        keys = [
            (("key_le", "7"), ("name", '"\\\n\u00e9\ufffd'), ("port", "443"), ("source", "192.0.2.1")),
            (("key_le", "8"), ("name", "plain"), ("port", "80"), ("source", "192.0.2.2")),
        ]
        for name, values in (
            ("packets", (1, 6)),
            ("bytes_in", (2, 7)),
            ("bytes_change", (-3, 8)),
            ("verdict", (2, 77)),
        ):
            expected = {(f"flows_{name}", key): value for key, value in zip(keys, values)}
            expect(name, expected, samples(found[f"flows_{name}"]))
        expected = {
            ("flows_queues", tuple(sorted((*key, ("index", str(index)))))): 4 + 5 * entry + index
            for entry, key in enumerate(keys)
            for index in range(2)
        }
        expect("a list", expected, samples(found["flows_queues"]))
        expect("per-CPU values, added", {("processors", (("key", "9"),)): 5 * processors}, samples(found["processors"]))
        with opened(network, "exports", "flows") as pinned:
            pinned.remove(FIRST)
        left = samples(families(network)["flows_packets"])
        expect("after an entry was removed", {("flows_packets", keys[1]): 6}, left)
        expect("entries", {"packets_total": 1, "flows": 1, "processors": 1}, health(network, "map_entries"))
        capacities = {"packets_total": 1, "flows": 256, "processors": 16, "queue": 16}
        expect("capacities", capacities, health(network, "map_max_entries"))
        expect("failures", dict.fromkeys(capacities, 0), health(network, "scrape_failed"))


def buckets_of(family):
    """Cumulative counts by bound and labels, then the other samples."""
    found = {}
    for one in family.samples:
        labels = tuple(text for name, text in one.labels.items() if name not in ("program", "direction", "le"))
        place = one.labels["le"] if one.name.endswith("_bucket") else one.name.rpartition("_")[2]
        found.setdefault(labels, {})[place] = one.value
    return found


SLOTS = [1, 0, 2, 3, 0, 0, 4, 5]


def load_histograms(network):
    load_metrics(
        network,
        exported("latencies", "Histogram"),
        exported("latencies", "Histogram", "linear", buckets={"scale": "linear", "start": 10, "width": 2.5}),
        exported("latencies", "Histogram", "fixed", buckets={"scale": "fixed", "bounds": [0.001, 1, 5e6]}),
        exported("sizes", "Histogram", "sizes_bytes", buckets={"scale": "linear", "width": 8}),
        exported("summaries", "Summary"),
        exported("changes", "Summary"),
        exported("changes", "Histogram", "signed"),
        exported("latencies", "Histogram", "below", buckets={"scale": "linear", "start": -5, "width": 4}),
        exported("latencies", "Histogram", "close", buckets={"scale": "linear", "start": 2**54}),
    )
    put(network, "latencies", (ipaddress.IPv4Address("192.0.2.7").packed, struct.pack("<9Q", *SLOTS, 1234)))
    each = [(struct.pack("<I", i), per_processor([struct.pack("<Q", i)] * possible_processors())) for i in range(300)]
    put(network, "sizes", *each)
    put(network, "summaries", (struct.pack("<H", 5), struct.pack("<I4xQ", 3, 99)))
    changes = ((3, 0, 1, 1, 1), (3, -1, 1, 1, 1), (3, 5, 4, -1, 4))
    put(network, "changes", *[(struct.pack("<H", i), struct.pack("<I4x4q", *one)) for i, one in enumerate(changes)])


def histograms_case(directory):
    """Histograms of slots in a value and in a map, on each scale; summaries of count and sum."""
    with Network(directory) as network:
        load_histograms(network)
        found = families(network)
        expect("types", {"histogram"}, {found[n].type for n in ("latencies", "linear", "fixed", "sizes_bytes")})
        bounds = ["1.0", "2.0", "4.0", "8.0", "16.0", "32.0", "64.0", "+Inf"]
        counts = [1, 1, 3, 6, 6, 6, 10, 15]
        rest = {"count": 15, "sum": 1234}
        expect("exp2", {("192.0.2.7",): dict(zip(bounds, counts)) | rest}, buckets_of(found["latencies"]))
        bounds = ["10.0", "12.5", "15.0", "17.5", "20.0", "22.5", "25.0", "+Inf"]
        expect("linear", {("192.0.2.7",): dict(zip(bounds, counts)) | rest}, buckets_of(found["linear"]))
        expected = dict(zip(["0.001", "1.0", "5e+06", "+Inf"], [1, 1, 3, 15])) | rest
        expect("fixed", {("192.0.2.7",): expected}, buckets_of(found["fixed"]))
        sizes = buckets_of(found["sizes_bytes"])[()]
        expect("bounds of a map", 300, len(sizes))
        for i in (0, 1, 128, 255, 256, 298):
            expect(f"sizes up to {i * 8}", possible_processors() * i * (i + 1) // 2, sizes[f"{i * 8}.0"])
        expect("all sizes", possible_processors() * 299 * 300 // 2, sizes["+Inf"])
        expected = {("summaries_count", (("key", "5"),)): 3, ("summaries_sum", (("key", "5"),)): 99}
        expect("a summary", (expected, "summary"), (samples(found["summaries"]), found["summaries"].type))
        cut = families(network, "--series", 299)
        expect("a map's histogram without all of its slots", False, "sizes_bytes" in cut)
        expect("left out", 1, health(network, "series_left_out", "--series", 299)["sizes_bytes"])
        expect("with all of them", True, "sizes_bytes" in families(network, "--series", 300))
        expected = {("changes_count", (("key", str(key)),)): 3 for key in range(3)}
        expected |= {("changes_sum", (("key", "0"),)): 0, ("changes_sum", (("key", "2"),)): 5}
        expect("a summary's sum below 0", expected, samples(found["changes"]))
        buckets = dict(zip(["1.0", "2.0", "+Inf"], [1, 2, 3]))
        expected = {("0",): buckets | {"count": 3, "sum": 0}, ("1",): buckets}
        expect("a histogram's sum and slots below 0", expected, buckets_of(found["signed"]))
        left_out = health(network, "series_left_out")
        expect("left out", (1, 2), (left_out["changes"], left_out["signed"]))
        bounds = ["-5.0", "-1.0", "3.0", "7.0", "11.0", "15.0", "19.0", "+Inf"]
        expect("bounds below 0", {("192.0.2.7",): dict(zip(bounds, counts))}, buckets_of(found["below"]))
        bounds = [f"1.80143985094819{digits}e+16" for digits in ("84", "88", "9")] + ["+Inf"]
        expected = {("192.0.2.7",): dict(zip(bounds, [3, 6, 10, 15])) | rest}
        expect("bounds that numbers cannot tell apart", expected, buckets_of(found["close"]))
        for buckets, said in (
            ({"scale": "log10"}, 'buckets.scale: read "log10", allowed is exp2, linear or fixed'),
            ({"scale": "linear", "width": 0}, "buckets.width: read 0.0, allowed is a number above 0"),
            (
                {"scale": "fixed", "bounds": [1, 1]},
                "buckets.bounds[1]: read 1, allowed is a number above the one before it",
            ),
            ({"scale": "fixed"}, "buckets.bounds: read nothing"),
        ):
            done = load_metrics(network, exported("latencies", "Histogram", buckets=buckets), name="wrong", status=1)
            expect_text("refusal", said, done.stderr)
        done = load_metrics(network, exported("single", "Gauge", buckets={"scale": "exp2"}), name="wrong", status=1)
        expect_text("refusal", "buckets: read those of a histogram, allowed is nothing for this type", done.stderr)


def taken_case(directory):
    """Counters of maps that reads empty go on; a scrape takes nothing. Gauges show what is there."""
    options = {"empty-on-read": True}
    with Network(directory) as network:
        load_metrics(
            network,
            exported("taken", "Counter", options=options),
            exported("flows", "Gauge", options=options),
            exported("queue", "Counter"),
        )
        for trial in range(1, 4):
            put(
                network,
                "taken",
                (struct.pack("<I", 1), counters(10, 2**40, -1)),
                (struct.pack("<I", trial), counters(1, 1, 1)),
            )
            put(network, "flows", (flow("192.0.2.1", 1, 1, b""), counters(trial, 0, 0)))
            put(network, "queue", (None, struct.pack("<Q", trial)))
            for when in ("before", "after"):
                found = families(network)
                packets = {dict(key)["key"]: value for (_, key), value in samples(found["taken_packets"]).items()}
                expected = {"1": 1.0} if trial == 1 else {"1": 1 + 10.0 * (trial - 1)}
                expected |= {str(i): 1.0 for i in range(2, trial + 1)}
                expect(f"trial {trial}, packets {when} the read", expected, packets)
                gauge = list(samples(found["flows_packets"]).values()) if "flows_packets" in found else []
                expect(f"trial {trial}, gauge {when} the read", [trial] if when == "before" else [], gauge)
                if when == "before":
                    reading = {one["name"]: one["value"] for one in read(network, "exports")["ingress-metrics"]}
                    expect("a queue is not taken by a scrape", [trial], reading["queue"])
                    expect("the read has the entries", True, len(reading["taken"]) >= 1)
        expect("reads", {"taken": 3, "flows": 3, "queue": 3}, health(network, "reads"))
        expect("entries that were taken", {"taken": 5, "flows": 3, "queue": 3}, health(network, "read_entries"))
        expect("a counter's members: integers", [], [one for one in found if one.startswith("taken_verdict")])
        seconds = health(network, "read_seconds")
        expect("time of reads", True, all(0 < one < 5 for one in seconds.values()))
        expect("left out of a counter: what is negative", 0, health(network, "read_errors")["taken"])


def one_map_case(directory):
    """What a read of one metric takes out of a map counts on in each metric of the map, also of the other direction."""
    empty = {"empty-on-read": True}
    shared = """
BPF_TABLE("extern", int, __u64, ARRAY, 2);
static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
    ARRAY.atomic_increment(0);
    return RX_OK;
}
"""
    with Network(directory) as network:
        load_metrics(network, exported("taken", "Counter", "one", options=empty), exported("taken", "Counter", "two"))
        for trial in range(1, 4):
            put(network, "taken", (struct.pack("<I", 5), counters(10, 0, 0)))
            reading = read(network, "exports", "--metric", "one")["ingress-metrics"]
            expect("the map of a metric", [("one", "taken")], [(each["name"], each["map"]) for each in reading])
            found = families(network)
            for name in ("one", "two"):
                expect(f"trial {trial}: {name}", [10.0 * trial], list(samples(found[f"{name}_packets"]).values()))
        maps = {one.labels["metric"]: one.labels["map"] for one in found[HEALTH + "reads"].samples}
        expect("maps", {"one": "taken", "two": "taken"}, maps)
        expect("reads of each", {"one": 3, "two": 0}, health(network, "reads"))
        network.nicsentry("programs", "unload", "exports")
        path = network.directory / "both.json"
        ingress = {"code": COUNTING, "metric-configs": [exported("ARRAY", "Counter", "into")]}
        egress = {"code": shared, "metric-configs": [exported("ARRAY", "Gauge", "out", options=empty)]}
        path.write_text(json.dumps({"ingress-path": ingress, "egress-path": egress}), encoding="utf-8")
        load(network, path)
        for trial in range(1, 4):
            put(network, "ARRAY", (struct.pack("<I", 1), struct.pack("<Q", 4)), name="both")
            taken = read(network, "both", "--direction", "egress")["egress-metrics"][0]["value"]
            expect(f"trial {trial}: taken by the other direction", [0, 4], taken)
            seen = samples(families(network, name="both")["into"])["into_total", (("key", "1"),)]
            expect(f"trial {trial}: counted on", 4.0 * trial, seen)


def load_names(network):
    le = [{"name": "le", "value": "mine"}, {"name": "index", "value": "first"}]
    load_metrics(
        network,
        exported("latencies", "Histogram", "slow", labels=le),
        exported("single", "Gauge", "slow_count"),
        exported("single", "Counter", "slow_sum"),
        exported("flows", "Gauge", labels=le),
        exported("sizes", "Histogram", buckets={"scale": "linear", "start": 1e308, "width": 1e308}),
        exported("latencies", "Histogram", "narrow", buckets={"scale": "linear", "width": 1e-300}),
        {"name": "plain", "map-name": "taken"},
    )
    put(network, "latencies", (bytes(4), struct.pack("<9Q", *range(1, 9), 99)))
    put(network, "single", (bytes(4), struct.pack("<Q", 6)))
    put(network, "flows", (flow("192.0.2.1", 1, 1, b""), counters(1, 0, 0, (4, 5))))
    put(network, "taken", *[(struct.pack("<I", i), counters(i, 0, 0)) for i in range(3)])


def names_case(directory):
    """Names and labels of metrics that stand in each other's way, or in that of OpenMetrics, give a text that holds."""
    with Network(directory) as network:
        load_names(network)
        found = families(network)
        expect("own label", {"mine"}, {one.labels["own_le"] for one in found["slow"].samples})
        expected = [("slow_count_ingress", "gauge", 6.0), ("slow_sum_ingress", "counter", 6.0)]
        seen = [(name, found[name].type, found[name].samples[0].value) for name, _, _ in expected]
        expect("names of a histogram's samples", expected, seen)
        queues = {(one.labels["own_index"], one.labels["index"]): one.value for one in found["flows_queues"].samples}
        expect("a list", {("first", "0"): 4.0, ("first", "1"): 5.0}, queues)
        expect("bounds beyond all numbers", ["1e+308", "+Inf"], list(buckets_of(found["sizes"])[()]))
        narrow = list(buckets_of(found["narrow"])["0.0.0.0",])
        expect("small bounds", ["0.0", "1e-300", "2e-300"], narrow[:3])
        expect("entries of a metric without OpenMetrics", 3, health(network, "map_entries")["plain"])
        shown = json.loads(network.nicsentry("programs", "show", "exports", "--json").stdout)
        (pathlib.Path(shown["pinned"]) / "ingress-maps" / "flows").unlink()
        failed = health(network, "scrape_failed")
        expect("a map whose pin somebody removed", {"flows"}, {name for name, value in failed.items() if value})


def load_case(directory):
    """Under load, with reads that swap: a scrape never goes back, and in the end has each packet once."""
    with Network(directory) as network:
        swap = {"swap-on-read": True}
        metrics = [exported(name, "Counter", options=swap) for name in ("ARRAY", "HASH", "CPU_HASH")]
        path = network.directory / "counting.json"
        path.write_text(json.dumps({"ingress-path": {"code": COUNTING, "metric-configs": metrics}}), encoding="utf-8")
        load(network, path)
        flood = Flood(network)
        sums, before = {}, {}
        for _ in range(25):
            add(sums, read(network, "counting"))
            found = families(network, name="counting")
            now = {name: sum(samples(found[name]).values()) for name in ("ARRAY", "HASH", "CPU_HASH")}
            for name, seen in now.items():
                expect(f"{name} went back", True, before.get(name, 0) <= seen)
                expect(f"{name} has what reads took", True, sums[name] <= seen)
            before = now
        sent = flood.stop()[0]
        found = families(network, name="counting")
        now = {name: sum(samples(found[name]).values()) for name in ("ARRAY", "HASH", "CPU_HASH")}
        expect("packets", dict.fromkeys(now, sent), now)
        first = {name: one.labels for name in ("HASH",) for one in found[name].samples[:1]}
        expect("labels", {"key", "program", "direction"}, set(first["HASH"]))
        for _ in range(2):
            add(sums, read(network, "counting"))
        expect("packets of the reads", dict.fromkeys(now, sent), sums)
        expect("nothing is left", 0, total([one["value"] for one in read(network, "counting")["ingress-metrics"]]))


def capped_case(directory):
    """A metric has so many series at most, those of the lowest keys; how many were left out is a series."""
    with Network(directory) as network:
        load_metrics(network, exported("processors", "gauge"), exported("taken", "gauge"))
        put(
            network,
            "processors",
            *[(struct.pack("<I", i), per_processor([struct.pack("<Q", i)] * possible_processors())) for i in range(16)],
        )
        put(network, "taken", *[(struct.pack("<I", i), counters(i, i, i)) for i in range(256)])
        found = families(network, "--series", 10)
        keys = sorted(int(dict(key)["key"]) for _, key in samples(found["processors"]))
        expect("keys", list(range(10)), keys)
        expect("left out", {"processors": 6, "taken": 255}, health(network, "series_left_out", "--series", 10))
        expect("series of a structure", 1, len(found["taken_packets"].samples))
        expect("all", {"processors": 0, "taken": 0}, health(network, "series_left_out"))
        only = families(network, "--metric", "taken")
        expect("one metric", True, "processors" not in only and "taken_packets" in only)


def promtool_case(directory):
    """Prometheus stores of each text the samples that its client's parser reads, names, labels and values."""
    with Network(directory) as network:
        for put_in in (load_members, load_histograms, load_names):
            put_in(network)
            text = exposition(network)
            read_samples = [one for family in parsed(text).values() for one in family.samples]
            expected = {
                (one.name, tuple(sorted((name, value) for name, value in one.labels.items() if value))): one.value
                for one in read_samples
            }
            expect(f"{put_in.__name__}: different samples", len(read_samples), len(expected))
            stored = stored_samples(text)
            expect(f"{put_in.__name__}: series", sorted(expected), sorted(stored))
            expect(f"{put_in.__name__}: values", expected, stored)
            network.nicsentry("programs", "unload", "exports")
        refused = "nothing"
        try:
            stored_samples(text.replace("# EOF\n", ""))
        except Mismatch as mismatch:
            refused = str(mismatch)
        expect_text("promtool about a text without its end", "does not end with # EOF", refused)


CASES = {
    "members and labels": members_case,
    "histograms and summaries": histograms_case,
    "what reads took": taken_case,
    "two metrics of one map": one_map_case,
    "names and labels": names_case,
    "promtool": promtool_case,
    "under load": slow(load_case),
    "capped": capped_case,
}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
