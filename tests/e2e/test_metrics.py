#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`GET /metrics` of a run, held against its files, its rules and the kernel, by the parsers of Prometheus's client.

    test_metrics.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import shutil
import subprocess
import sys
import time

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus_text

from api_client import ask
from compare import PATIENCE, expect, expect_text, read_lines
from network import Controller, Network, run
from peers import INSIDE, OUTSIDE, STATEFUL, Peers
from promtool import stored_samples
from sample import bundled
from suite import Mismatch, Skipped, run_directory_cases, within
from test_program_metrics import exported, load_metrics

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
CAUSES = ("not_ip", "vlan_depth", "truncated", "malformed", "later_fragment", "protocol", "extensions")


def scrape(network, query="", accept=OPEN_METRICS):
    answer = ask(network, f"/metrics{query}", "-H", f"Accept: {accept}")
    expect("status of /metrics", 200, answer.status)
    return answer


def samples_of(text, parser=open_metrics):
    """{(name, labels as sorted pairs): value}; each sample once."""
    found = {}
    try:
        for family in parser(text):
            for one in family.samples:
                key = one.name, tuple(sorted(one.labels.items()))
                if key in found:
                    raise Mismatch(f"{key} stands there twice")
                found[key] = one.value
    except ValueError as error:
        raise Mismatch(f"the parser refuses it: {error}\n{text}") from error
    return found


def value(samples, name, **labels):
    key = name, tuple(sorted(labels.items()))
    if key not in samples:
        raise Mismatch(f"expected the series {key}, seen {sorted(one for one in samples if one[0] == name)}")
    return samples[key]


def check_metrics(text):
    """promtool has no word to say about it."""
    program = shutil.which("promtool")
    if program is None:
        raise Skipped("there is no promtool (scripts/install-deps.sh --tests)")
    done = subprocess.run(
        [program, "check", "metrics"], input=text, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    expect("words of promtool", ("", "", 0), (done.stdout, done.stderr, done.returncode))


def summed(rows, hook, column):
    return sum(row[column] for row in rows if row["hook"] == hook)


def check_hook(samples, rows, hook):
    """The counters of a hook are the sums over the rows of windows.jsonl."""
    labels = {"interface": "right0", "hook": hook}
    columns = {"": "in", "session_": "on_sessions", "unknown_": "unknown", "learned_": "learned"}
    columns |= {"dropped_": "dropped", "unjudged_": "unjudged"}
    for name, column in columns.items():
        for unit in ("packets", "bytes"):
            seen = value(samples, f"nicsentry_{name}{unit}_total", **labels)
            expect(f"{hook}, {name}{unit}", summed(rows, hook, f"{unit}_{column}"), seen)
    for cause in CAUSES:
        for unit in ("packets", "bytes"):
            seen = value(samples, f"nicsentry_unparsed_{unit}_total", **labels, cause=cause)
            expect(f"{hook}, {unit} of {cause}", summed(rows, hook, f"{unit}_{cause}"), seen)
    for what in ("sent", "arrived"):
        events = [value(samples, f"nicsentry_events_{what}_total", **labels, sessions=s) for s in ("known", "unknown")]
        expect(f"{hook}, events {what}", summed(rows, hook, f"events_{what}"), sum(events))
        expect(f"{hook}, unknown events {what}", summed(rows, hook, f"unknown_events_{what}"), events[1])
    expect(f"{hook}, lost", summed(rows, hook, "events_lost"), value(samples, "nicsentry_events_lost_total", **labels))
    left_out = value(samples, "nicsentry_events_left_out_total", **labels)
    expect(f"{hook}, left out", summed(rows, hook, "unknown_left_out"), left_out)
    for what in ("new", "refused"):
        seen = value(samples, f"nicsentry_sessions_{what}_total", **labels)
        expect(f"{hook}, sessions {what}", summed(rows, hook, f"sessions_{what}"), seen)
    last = [row for row in rows if row["hook"] == hook][-1]
    expect(f"{hook}, active", last["sessions_active"], value(samples, "nicsentry_sessions_active", **labels))


def is_unjudged(key):
    return key[0] == "nicsentry_firewall_unjudged_packets_total" and ("chain", "ingress") in key[1]


def accounting_case(directory):
    """After each window all counters are exactly what the files say, in both formats; promtool is silent."""
    sample = bundled()
    rules = {"rules": [{"operation": "append", "l4proto": "UDP", "action": "drop"}]}
    with Network(directory, mtu=sample.mtu) as network:
        path = network.directory / "rules.json"
        path.write_text(json.dumps(rules), encoding="utf-8")
        watching = Controller(network, *STATEFUL, "--rules", path, "--yes", "--sessions", "64")
        first = samples_of(scrape(network).text)
        expect("windows before the first end", 0, value(first, "nicsentry_windows_total"))
        for trial in range(1, 4):
            network.send(sample.path, sample.packets)
            network.nicsentry("extract", "-i", "right0")
            rows = read_lines(watching.output / "windows.jsonl")
            time.sleep(0.6)  # counters of a scrape may be half a second old
            answer = scrape(network)
            expect(
                "media type",
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                answer.headers["content-type"],
            )
            seen = samples_of(answer.text)
            expect(f"trial {trial}: windows", trial, value(seen, "nicsentry_windows_total"))
            for hook in ("xdp", "tc-egress"):
                check_hook(seen, rows, hook)
            dropped = value(seen, "nicsentry_firewall_dropped_packets_total", chain="ingress")
            expect(f"trial {trial}: dropped", summed(rows, "xdp", "packets_dropped"), dropped)
            expect("something is dropped", True, dropped > 0)
            counters = json.loads(network.nicsentry("rules", "show", "--json", "-i", "right0").stdout)["ingress"][
                "counters"
            ]["unjudged"]
            unjudged = {cause: counted["packets"] for cause, counted in counters.items()}
            shown = {dict(key[1])["cause"]: count for key, count in seen.items() if is_unjudged(key)}
            expect(f"trial {trial}: unjudged", unjudged, shown)
            end = max(row["end_ns"] for row in rows) / 1e9
            expect("end of the window", True, abs(end - value(seen, "nicsentry_window_end_timestamp_seconds")) < 1e-3)
            expect("windows written", trial, value(seen, "nicsentry_window_write_seconds_count"))
            expect("windows closed", trial, value(seen, "nicsentry_window_close_seconds_count"))
        expect("sessions are refused", True, summed(rows, "xdp", "sessions_refused") > 0)
        plain = scrape(network, accept="text/plain")
        expect("media type", "text/plain; version=0.0.4; charset=utf-8", plain.headers["content-type"])
        check_metrics(plain.text)
        other = samples_of(plain.text, prometheus_text)
        moving = ("process_", "nicsentry_scrape_duration", "nicsentry_connection")
        steady = {key: one for key, one in seen.items() if not key[0].startswith(moving)}
        expect("values in both formats", steady, {key: other.get(key) for key in steady})
        expect("series in both formats", {key[0] for key in seen}, {key[0] for key in other})
        stored = stored_samples(answer.text)
        expect("series that Prometheus stores", len(seen), len(stored))
        watching.stop()


def firewall_case(directory):
    """Rules, sets and blocked entries are what the commands show; per rule only where asked for."""
    with Peers(directory) as host:
        watching = Controller(host, *STATEFUL)
        host.serve(host.receiver, 8080)
        batch = [{"operation": "append", "l4proto": "TCP", "dport": 8080, "action": "count"}]
        batch += [{"operation": "append", "src": "@bad", "dport": 1000 + i, "action": "drop"} for i in range(9)]
        host.nicsentry("sets", "add", "bad", "192.0.2.1", "192.0.2.2", "-i", "right0")
        host.rules(batch)
        host.nicsentry("block", "198.51.100.0/24", "2001:db8::1", "203.0.113.7", "-i", "right0")
        expect("HTTP", True, host.fetch(host.sender, f"http://{INSIDE}:8080/"))
        time.sleep(0.6)  # counters of a scrape may be half a second old
        none = samples_of(scrape(host).text)
        expect("series of rules", [], [key for key in none if key[0].startswith("nicsentry_rule_")])
        seen = samples_of(scrape(host, "?rules=3&sets=2").text)
        shown = host.shown()["ingress"]["rules"]
        expect("rules", 10, value(seen, "nicsentry_firewall_rules", chain="ingress"))
        labels = {"chain": "ingress"}
        for i in range(3):
            packets = value(seen, "nicsentry_rule_packets_total", **labels, rule=str(i))
            expect(f"packets of rule {i}", shown[i]["packets"], packets)
        expect("packets of rule 0", True, shown[0]["packets"] > 0)
        expect("bytes of rule 0", shown[0]["bytes"], value(seen, "nicsentry_rule_bytes_total", **labels, rule="0"))
        expect("folded", 7, value(seen, "nicsentry_rules_folded", **labels))
        other = value(seen, "nicsentry_rule_packets_total", **labels, rule="other")
        expect("other", sum(rule["packets"] for rule in shown[3:]), other)
        names = {dict(key[1])["rule"] for key in seen if key[0] == "nicsentry_rule_packets_total"}
        expect("series", {"0", "1", "2", "other"}, names)
        expect("blocked", 3, value(seen, "nicsentry_blocked_entries"))
        expect("sets", 3, value(seen, "nicsentry_sets"))
        expect("entries of blocked", 3, value(seen, "nicsentry_set_entries", set="blocked"))
        expect("entries of other sets", 2, value(seen, "nicsentry_set_entries", set="other"))
        for hook, chain in (("xdp", "ingress"), ("tc-egress", "egress")):
            labels = {"interface": "right0", "hook": hook, "chain": chain}
            expect(f"{chain} is enforced", 1, value(seen, "nicsentry_enforcing", **labels))
        expect("unconfirmed", 0, value(seen, "nicsentry_firewall_unconfirmed"))
        host.rules(batch[:1], "--confirm", "60s")
        expect("unconfirmed", 1, value(samples_of(scrape(host).text), "nicsentry_firewall_unconfirmed"))
        for query in ("?rules=10001", "?rules=-1", "?rules=x", "?hosts=3", "?rules=1&rules=2"):
            expect(f"status of {query}", 400, ask(host, f"/metrics{query}").status)
        watching.stop()


def run_case(directory):
    """Connections by state, the port, the program and the process are what the run and the kernel say."""
    with Peers(directory) as host:
        watching = Controller(host, *STATEFUL, "--sessions", "100")
        host.serve(host.receiver, 8080)
        streams = [host.stream(host.receiver, host.sender, INSIDE, 7000 + i) for i in range(3)]
        host.ping(host.sender, INSIDE, "-c", "2", "-i", "0.2")
        time.sleep(0.5)
        listed = json.loads(host.nicsentry("connections", "--json", "-i", "right0").stdout)
        seen = samples_of(scrape(host).text)
        states = {}
        for one in listed["connections"]:
            states[one["state"]] = states.get(one["state"], 0) + 1
        found = {dict(key[1])["state"]: count for key, count in seen.items() if key[0] == "nicsentry_connections"}
        expect("connections by state", states, found)
        expect("established", True, found.get("ESTABLISHED", 0) >= 3)
        latency = value(seen, "nicsentry_connection_state_latency_seconds_count")
        expect("latencies", listed["state_latency"]["count"], latency)
        hook = {"interface": "right0", "hook": "xdp"}
        expect("room", 100, value(seen, "nicsentry_sessions_room", **hook))
        expect("free", True, 0 < value(seen, "nicsentry_sessions_free", **hook) < 100)
        expect("attached", 1, value(seen, "nicsentry_attached", **hook, mode="drv"))
        expect("sampling", 1, value(seen, "nicsentry_sampling_ratio", **hook))
        expect("port", 1, value(seen, "nicsentry_port_up", interface="right0"))
        process = watching.process.pid
        seconds = value(seen, "process_start_time_seconds")
        expect("start of the process", True, abs(time.time() - seconds) < 120)
        pids = run("ip", "netns", "pids", host.receiver).stdout.split()
        expect("the controller", True, str(process) in pids)
        run("ip", "-n", host.sender, "link", "set", "left0", "down")
        within(
            PATIENCE,
            "the port is down",
            lambda: not value(samples_of(scrape(host).text), "nicsentry_port_up", interface="right0"),
        )
        run("ip", "-n", host.sender, "link", "set", "left0", "up")
        for stream in streams:
            stream.close()
        loaded = load_metrics(
            host, exported("single", "gauge", "mine"), exported("queue", "counter", "nicsentry_windows")
        )
        expect("loaded", 0, loaded.returncode)
        found = samples_of(scrape(host).text)
        expect("a user's gauge", 0, value(found, "mine", program="exports", direction="ingress"))
        expect("its health", 0, value(found, "nicsentry_scrape_part_failed", part="programs"))
        check_metrics(scrape(host, accept="").text)
        watching.stop()


def many_case(directory):
    """Several scrapes at once are answered, and none holds up `block`."""
    with Peers(directory) as host:
        watching = Controller(host, *STATEFUL)
        batch = [{"operation": "append", "src": f"10.{i // 250}.{i % 250}.1", "action": "drop"} for i in range(2000)]
        host.rules(batch)
        url = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}\n"]
        where = ["--unix-socket", str(next((host.directory / "runtime").glob("controller-*.sock")))]
        query = "http://localhost/metrics?rules=2000&sets=10"
        scrapers = [
            host.start(host.receiver, *url, *where, *["-o", "/dev/null", query] * 20, stdout=subprocess.PIPE)
            for _ in range(6)
        ]
        took = []
        for i in range(10):
            said = host.nicsentry("block", f"198.51.100.{i}", "--json", "-i", "right0").stdout
            took.append(json.loads(said)["took_ms"])
        for process in scrapers:
            codes = set(process.communicate(timeout=PATIENCE)[0].split())
            expect("answers", {"200"}, codes)
        expect("time of a block", True, sorted(took)[len(took) // 2] < 500)
        expect("blocked", 10, value(samples_of(scrape(host).text), "nicsentry_blocked_entries"))
        watching.stop()


def stopped_case(directory):
    """A run without a firewall has no series of one; a window is no longer than it was."""
    with Peers(directory) as host:
        watching = Controller(host, window="200ms")
        host.ping(host.sender, INSIDE, "-c", "2", "-i", "0.2")
        within(PATIENCE, "two windows", lambda: value(samples_of(scrape(host).text), "nicsentry_windows_total") >= 2)
        text = scrape(host).text
        expect("firewall", False, "nicsentry_firewall" in text or "nicsentry_connections" in text)
        expect_text("the run", 'nicsentry_scrape_part_failed{part="run"} 0', text)
        expect("no address is in it", False, OUTSIDE in text or INSIDE in text)
        watching.stop()


CASES = {
    "the accounting": accounting_case,
    "rules and sets": firewall_case,
    "the run and its port": run_case,
    "several at once": many_case,
    "without a firewall": stopped_case,
}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
