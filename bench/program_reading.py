#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long `nicsentry programs read` takes: maps of many entries as JSON, and a swap beyond copying. As root.

    bench/program_reading.py      NICSENTRY: the binary (default build/nicsentry)
"""
import ctypes
import json
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e")]

from compare import BINARY  # noqa: E402
from network import Network  # noqa: E402
from programs import bpf  # noqa: E402
from test_program_reading import load, opened  # noqa: E402
from test_program_swap import COUNTING, Flood, metric, write_monitor  # noqa: E402

UPDATE_BATCH = 26
ROUNDS = 5
SWAPS = 300
SESSIONS = """
struct session { __be32 source, destination; __be16 from, to; __u8 protocol; __u8 padding[3]; };
struct counters { __u64 packets, packets_back, bytes, bytes_back, first, last; __be32 server; __u8 method; };
BPF_TABLE("hash", struct session, struct counters, SESSIONS, %d);
static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
    struct session key = {};
    struct counters *found = SESSIONS.lookup(&key);
    if (found)
        found->packets++;
    return RX_OK;
}
"""


def fill(pinned, entries):
    keys = b"".join(struct.pack("<IIHHBBBB", i, ~i & 0xFFFFFFFF, i & 0xFFFF, 443, 6, 0, 0, 0) for i in range(entries))
    one = struct.pack("<6QIB3x", 12345, 6789, 10**9, 10**8, 10**18, 10**18 + 1, 0x0A000001, 2)
    key_buffer, values = ctypes.create_string_buffer(keys, len(keys)), ctypes.create_string_buffer(one * entries)
    attributes = struct.pack(
        "<QQQQIIQQ",
        0,
        0,
        ctypes.addressof(key_buffer),
        ctypes.addressof(values),
        entries,
        pinned.descriptor,
        0,
        0,
    )
    bpf(UPDATE_BATCH, attributes, "filling the map")


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


def many_entries(network):
    for entries in (1000, 100_000, 1_000_000):
        path = write_monitor(network, "bench", SESSIONS % entries, [metric("SESSIONS", swap=False)])
        load(network, path)
        with opened(network, "bench", "SESSIONS") as pinned:
            fill(pinned, entries)
        taken, output = seconds_to_read(network)
        seen = len(json.loads(output.read_bytes())["ingress-metrics"][0]["value"])
        assert seen == entries, seen
        print(f"{entries:9,} entries: {taken:.3f} s, {output.stat().st_size / 1e6:.1f} MB of JSON")
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
    with tempfile.TemporaryDirectory(prefix="nicsentry-bench-") as directory, Network(directory) as network:
        many_entries(network)
        for what, under_load in (("idle", False), ("two senders", True)):
            swap, none = swap_times(network, under_load)
            print(f"a read, {what}: {swap:.2f} ms with a swap, {none:.2f} ms without")


if __name__ == "__main__":
    main()
