#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long `rules explain` takes for a capture, beside `replay` of the same one. As root.

    bench/explain_beside_replay.py [CAPTURE]    NICSENTRY: the binary (default build/nicsentry)

Without CAPTURE a SYN flood is made. Each round runs each command once; the ratio is the median of the rounds' ratios.
Exit status: 0 each ratio is within the bound, 1 one is not.
"""
import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e")]

import make_capture  # noqa: E402
from network import Controller, Network  # noqa: E402

ROUNDS = 7
PACKETS = 26_000
OF_FILE_MOST = 1.5  # times a replay
IN_FORCE_MOST = 2  # packets go through a socket, as JSON
RULES = """{"rules": [
  {"operation": "append", "src": "10.0.0.0/9", "l4proto": "TCP", "dport": 80, "action": "drop"},
  {"operation": "append", "l4proto": "TCP", "dport": "443,8000-8100", "action": "accept"},
  {"operation": "append", "action": "count"}]}"""


def make_flood(path):
    server = "192.0.2.80"
    packets = []
    for number in range(PACKETS):
        source = f"10.{number % 256}.7.{number // 256}"
        packets.append(
            make_capture.ipv4(source, server, make_capture.TCP, make_capture.tcp(source, server, 1024, 80, 2))
        )
    make_capture.write_ipv4(path, packets)


def seconds(network, *arguments):
    began = time.monotonic()
    done = network.nicsentry(*arguments)
    return time.monotonic() - began, done.stdout


def main():
    if os.geteuid() != 0:
        sys.exit("explain_beside_replay.py: it loads programs, which needs root")
    missed = 0
    with tempfile.TemporaryDirectory(prefix="nicsentry-bench-") as directory, Network(directory) as network:
        capture = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else network.directory / "flood.pcap"
        if len(sys.argv) == 1:
            make_flood(capture)
        rules = network.directory / "rules.json"
        rules.write_text(RULES, encoding="utf-8")
        controller = Controller(network, "--rules", rules)
        explain = ("rules", "explain", capture)
        commands = {
            "rules of a file, --summary": (*explain, "--rules", rules, "--summary"),
            "rules of a file": (*explain, "--rules", rules),
            "rules in force, --summary": (*explain, "-i", "right0", "--summary"),
        }
        taken = {name: [] for name in ("replay", *commands)}
        for _ in range(ROUNDS):
            taken["replay"].append(seconds(network, "replay", capture, "--window", "all")[0])
            for name, command in commands.items():
                taken[name].append(seconds(network, *command)[0])
        controller.stop()
    print(f"replay of {capture.name}: {statistics.median(taken['replay']):.3f} s")
    for name in commands:
        ratio = statistics.median(one / two for one, two in zip(taken[name], taken["replay"]))
        most = IN_FORCE_MOST if "in force" in name else OF_FILE_MOST
        within = ratio <= most
        missed += not within
        note = "" if within else f"; ABOVE THE BOUND of {most}"
        print(f"{name}: {statistics.median(taken[name]):.3f} s, {ratio:.2f} times a replay{note}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
