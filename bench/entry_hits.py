#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What --count-hits costs: a packet, a set of many entries, the list of their hits, and `block` beside it. As root.

    bench/entry_hits.py [ENTRIES]      1,000,000 by default. NICSENTRY: the binary (default build/nicsentry)

Exit status: 0 the times are within their bounds, 1 one is not.
"""
import ipaddress
import json
import pathlib
import re
import statistics
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e")]

from api_client import socket_of  # noqa: E402
from network import Controller, run  # noqa: E402
from peers import STATEFUL, Peers  # noqa: E402

PREFIXES = 1000  # /24, below 11.0.0.0; single addresses are from 20.0.0.0 on
SINGLE, NONE = "20.0.0.5", "9.9.9.9"
PREFIXED = [f"11.0.{i}.77" for i in range(4)]  # their elements begin at different places of a cache line
ROUNDS, REPEAT = 15, 20_000
LISTS = 3
BLOCKS = 20
PACKET_NS_MORE = 1000  # with the option: a count across two cache lines takes 100 times more
LIST_MOST = 5.0  # times as long with the hits as without
BLOCK_MS_MORE = 30  # beside a list with hits


def frame(source):
    udp = bytes.fromhex("9c40003500480000") + bytes(64)
    header = bytearray.fromhex("450000000000400040110000") + ipaddress.ip_address(source).packed + bytes([10, 77, 0, 2])
    header[2:4] = (20 + len(udp)).to_bytes(2, "big")
    return bytes(12) + b"\x08\0" + header + udp


def packet_ns(host, program, source):
    """Nanoseconds of a packet, the least of some rounds."""
    path = host.directory / "frame"
    path.write_bytes(frame(source))
    command = ("bpftool", "prog", "run", "id", program, "data_in", path, "repeat")
    rounds = [run(*command, REPEAT).stdout for _ in range(ROUNDS)]
    return min(int(re.findall(r"duration \(average\): (\d+)ns", said)[0]) for said in rounds)


def list_seconds(host, query):
    """Of an answer, and its bytes."""
    words = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{time_total} %{size_download}")
    url = f"http://localhost/api/v1/sets/blocked{query}"
    status, seconds, size = host.inside(host.receiver, *words, "--unix-socket", socket_of(host), url).stdout.split()
    assert status == "200", f"{url}: status {status}"
    return float(seconds), int(size)


def block_ms(host, first):
    took = []
    for i in range(BLOCKS):
        said = host.nicsentry("block", f"198.51.{first}.{i}", "--json", "-i", "right0").stdout
        took.append(json.loads(said)["took_ms"])
    return statistics.median(took)


def listing(host):
    """Lists without a pause, until it is killed."""
    url = f"curl -s -o /dev/null --unix-socket {socket_of(host)} 'http://localhost/api/v1/sets/blocked?stats'"
    return host.start(host.receiver, "sh", "-c", f"while {url}; do :; done")


def measure(counts, entries):
    with tempfile.TemporaryDirectory(prefix="nicsentry-bench-") as directory, Peers(directory) as host:
        options = ("--count-hits",) if counts else ()
        watching = Controller(host, *STATEFUL, "--mode", "drv", *options)
        file = host.directory / "entries"
        first = int(ipaddress.ip_address("20.0.0.0"))
        with open(file, "w", encoding="ascii") as lines:
            lines.writelines(f"11.{i >> 8}.{i & 255}.0/24\n" for i in range(PREFIXES))
            lines.writelines(f"{ipaddress.ip_address(first + 3 * i + 2)}\n" for i in range(entries - PREFIXES))
        began = time.monotonic()
        host.nicsentry("sets", "load", "blocked", file, "-i", "right0", "--yes")
        took = time.monotonic() - began
        print(f"{'with' if counts else 'without'} --count-hits: {entries} entries loaded in {took:.1f} s")
        program = host.program_id()
        packets = {"of no entry": NONE, "of a blocked address": SINGLE}
        packets |= {f"of a blocked prefix ({address})": address for address in PREFIXED}
        costs = {what: packet_ns(host, program, source) for what, source in packets.items()}
        print("  packet " + ", ".join(f"{what} {ns} ns" for what, ns in costs.items()))
        lists = {}
        for query in ("", "?stats") if counts else ("",):
            answers = [list_seconds(host, query) for _ in range(LISTS)]
            lists[query] = statistics.median(seconds for seconds, _ in answers)
            print(f"  list{query.replace('?', ' with ')}: {lists[query]:.2f} s, {answers[0][1] / 1e6:.0f} MB")
        blocks = {"alone": block_ms(host, 100)}
        if counts:
            process = listing(host)
            blocks["beside lists of hits"] = block_ms(host, 101)
            process.kill()
        print("  block " + ", ".join(f"{what}: {ms:.1f} ms" for what, ms in blocks.items()))
        watching.stop()
    return costs, lists, blocks


def main():
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    before, _, _ = measure(False, entries)
    costs, lists, blocks = measure(True, entries)
    dear = [what for what, ns in costs.items() if ns > before[what] + PACKET_NS_MORE]
    slow = lists["?stats"] > LIST_MOST * lists[""]
    held_up = blocks["beside lists of hits"] > blocks["alone"] + BLOCK_MS_MORE
    if slow:
        print(f"A LIST WITH HITS TAKES MORE THAN {LIST_MOST} TIMES AS LONG")
    if held_up:
        print(f"BLOCK IS HELD UP by more than {BLOCK_MS_MORE} ms")
    for what in dear:
        print(f"A PACKET {what} TAKES MORE THAN {PACKET_NS_MORE} ns MORE")
    return 1 if slow or held_up or dear else 0


if __name__ == "__main__":
    sys.exit(main())
