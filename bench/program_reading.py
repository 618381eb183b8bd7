#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long `nicsentry programs read` takes: maps of many entries as JSON, and a swap beyond copying. As root.

    bench/program_reading.py      NICSENTRY: the binary (default build/nicsentry)

Exit status: 0 each time is within its bound, 1 one is not.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e")]

from compare import BINARY  # noqa: E402
from network import Network  # noqa: E402
from test_program_reading import SESSIONS, fill_sessions, load, opened  # noqa: E402
from test_program_swap import COUNTING, Flood, metric, write_monitor  # noqa: E402

ROUNDS = 5
SWAPS = 300
SECONDS_MOST = {100_000: 1, 1_000_000: 10}  # by entries
SWAP_MS_MOST = 4  # above a read without a swap


class Bounds:
    """Counts the times that are above their bounds."""

    def __init__(self):
        self.missed = 0

    def check(self, text, taken, most, unit):
        within = most is None or taken <= most
        self.missed += not within
        print(text + ("" if within else f"; ABOVE THE BOUND of {most} {unit}"))


def seconds_to_read(network, *arguments):
    command = ["ip", "netns", "exec", network.receiver, BINARY, "programs", "read", "bench", *arguments]
    output = network.directory / "output"
    taken = []
    for _ in range(ROUNDS):
        with open(output, "wb") as file:
            began = time.monotonic()
            subprocess.run(command, stdout=file, check=True)
            taken.append(time.monotonic() - began)
    return statistics.median(taken), output


def many_entries(network, bounds):
    for entries in (1000, *SECONDS_MOST):
        path = write_monitor(network, "bench", SESSIONS % entries, [metric("SESSIONS", swap=False)])
        load(network, path)
        with opened(network, "bench", "SESSIONS") as pinned:
            fill_sessions(pinned, entries)
        taken, output = seconds_to_read(network)
        seen = output.read_bytes().count(b'"key":')
        assert seen == entries, seen
        text = f"{entries:9,} entries: {taken:.3f} s, {output.stat().st_size / 1e6:.1f} MB of JSON"
        bounds.check(text, taken, SECONDS_MOST.get(entries), "s")
        network.nicsentry("programs", "unload", "bench")


def swap_times(network, under_load):
    """Milliseconds between the times of readings that follow each other at once, and of a read without a swap."""
    taken = []
    for swap in (True, False):
        load(network, write_monitor(network, "counting", COUNTING, [metric("ARRAY", swap=swap, empty=True)]))
        flood = Flood(network) if under_load else None
        process = network.start(
            network.receiver,
            BINARY,
            "programs",
            "read",
            "counting",
            "--every",
            "1ms",
            stdout=subprocess.PIPE,
        )
        times = [json.loads(process.stdout.readline())["ingress-metrics"][0]["timestamp"] for _ in range(SWAPS)]
        process.kill()
        process.wait()
        if flood:
            flood.stop()
        taken.append(statistics.median(two - one for one, two in zip(times, times[1:])) / 1000)
        network.nicsentry("programs", "unload", "counting")
    return taken


def main():
    if os.geteuid() != 0:
        sys.exit("program_reading.py: it loads programs, which needs root")
    bounds = Bounds()
    with tempfile.TemporaryDirectory(prefix="nicsentry-bench-") as directory, Network(directory) as network:
        many_entries(network, bounds)
        for what, under_load in (("idle", False), ("two senders", True)):
            swap, none = swap_times(network, under_load)
            text = f"a read, {what}: {swap:.2f} ms with a swap, {none:.2f} ms without"
            bounds.check(text, swap - none, SWAP_MS_MOST, "ms for a swap")
    return 1 if bounds.missed else 0


if __name__ == "__main__":
    sys.exit(main())
