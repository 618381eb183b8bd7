#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a scrape of /metrics takes with 5,000 rules and 65,536 sessions, and what it does to `block`. As root.

    bench/metrics_scrape.py      NICSENTRY: the binary (default build/nicsentry)

Exit status: 0 the times are within their bounds, 1 one is not.
"""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e")]

from api_client import socket_of  # noqa: E402
from network import Controller  # noqa: E402
from peers import INSIDE, STATEFUL, Peers  # noqa: E402
from test_metrics import samples_of, scrape, value  # noqa: E402

RULES, SESSIONS = 5000, 65536
SCRAPES, BLOCKS = 40, 60
SCRAPE_MS_MOST = 50
BLOCK_MS_MORE = 5  # beside scrapes
SEND = """
import socket, sys, time
for base in (40000, 40001):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("", base))
        for port in range(1, 65536):
            try:
                sender.sendto(b"x", (sys.argv[1], port))
            except OSError:
                pass
            if port % 50 == 0:
                time.sleep(0.005)
"""


def curl(host, query, times):
    """Milliseconds of each of so many scrapes on one connection."""
    one = [
        "-o",
        "/dev/null",
        "-w",
        "%{time_total}\n",
        "--unix-socket",
        str(socket_of(host)),
        f"http://localhost/metrics{query}",
    ]
    words = ["-s", *one] + ["--next", "-s", *one] * (times - 1)
    return host.start(host.receiver, "curl", *words, stdout=subprocess.PIPE)


def times_of(process):
    return [1000 * float(line) for line in process.communicate(timeout=600)[0].split()]


def block_times(host, first):
    took = []
    for i in range(BLOCKS):
        said = host.nicsentry("block", f"198.51.{first}.{i}", "--json", "-i", "right0").stdout
        took.append(json.loads(said)["took_ms"])
    return took


def percentiles(times):
    ordered = sorted(times)
    return f"median {statistics.median(ordered):.2f} ms, p95 {ordered[int(len(ordered) * 0.95)]:.2f} ms"


def main():
    with tempfile.TemporaryDirectory(prefix="nicsentry-bench-") as directory, Peers(directory) as host:
        watching = Controller(host, *STATEFUL, "--sessions", str(2 * SESSIONS), window="10s")
        rules = [{"operation": "append", "src": f"10.{i // 250}.{i % 250}.1", "action": "drop"} for i in range(RULES)]
        host.rules(rules)
        host.inside(host.sender, sys.executable, "-c", SEND, INSIDE)
        end = time.monotonic() + 60
        used = 0
        while used < SESSIONS and time.monotonic() < end:
            labels = {"interface": "right0", "hook": "xdp"}
            seen = samples_of(scrape(host).text)
            used = value(seen, "nicsentry_sessions_room", **labels) - value(seen, "nicsentry_sessions_free", **labels)
            time.sleep(1)
        print(f"{RULES} rules, {int(used)} sessions")
        idle = block_times(host, 100)
        plain = times_of(curl(host, "", SCRAPES))
        all_rules = times_of(curl(host, f"?rules={RULES}", SCRAPES))
        scraping = curl(host, f"?rules={RULES}", 400)
        beside = block_times(host, 101)
        scraping.kill()
        print(f"scrape: {percentiles(plain)}")
        print(f"scrape with all rules: {percentiles(all_rules)}")
        print(f"block alone: {percentiles(idle)}")
        print(f"block beside scrapes without a pause: {percentiles(beside)}")
        watching.stop()
    late = statistics.median(plain) > SCRAPE_MS_MOST or statistics.median(all_rules) > SCRAPE_MS_MOST
    held_up = statistics.median(beside) > statistics.median(idle) + BLOCK_MS_MORE
    if used < SESSIONS:
        print(f"TOO FEW SESSIONS: {int(used)}")
    if late:
        print(f"A SCRAPE IS ABOVE THE BOUND of {SCRAPE_MS_MOST} ms")
    if held_up:
        print(f"BLOCK IS HELD UP by more than {BLOCK_MS_MORE} ms")
    return 1 if late or held_up or used < SESSIONS else 0


if __name__ == "__main__":
    sys.exit(main())
