#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Exact figures at rates that the machine has to keep up with: short windows, capped sessions, a flood.

Run it beside little else.

    test_live_rates.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import os
import pathlib
import sys
import tempfile
import time

import make_capture
from compare import CAUSES, expect, read_windows
from network import MODES, Controller, Network, finish
from sample import bundled, check_nothing_lost, check_sessions, summed, totals
from suite import Mismatch, run_directory_cases, slow, tries


def short_windows_case(directory, sample, mode):
    loops, wanted, rounds = 20, tries(200), 0
    with Network(directory) as network:
        controller = Controller(network, *MODES[mode], window="50ms")
        before = network.sent()
        # A window ends with the kernel's grace period, which on a busy machine is longer than 50 ms. A run that writes
        # no windows meets the test's time limit.
        while lines(controller.output / "windows.jsonl") < wanted:
            senders = [
                network.tcpreplay(sample.path, f"--loop={loops}", processor=number % os.cpu_count())
                for number in range(2)
            ]
            for sender in senders:
                finish(sender)
            rounds += 2 * loops
        time.sleep(0.5)
        sent = network.sent() - before
        windows = read_windows(controller.stop())
        expect("packets sent", rounds * sample.packets, sent)
        if len(windows) < wanted:
            raise Mismatch(f"expected at least {wanted} windows, seen {len(windows)}")
        expect("numbers of windows", list(range(len(windows))), sorted(windows))
        sessions, books = totals(windows)
        for earlier, later in zip(books, books[1:]):
            expect(f"start of window {later['window']}", earlier["end_ns"], later["start_ns"])
        expect("packets_in, sum over windows", sent, summed(books, "packets_in"))
        expect("bytes_in, sum over windows", rounds * sample.window.bytes_in, summed(books, "bytes_in"))
        check_nothing_lost(books)
        for cause in CAUSES:
            expect(
                f"packets_{cause}, sum over windows",
                rounds * sample.window.causes[cause][0],
                summed(books, f"packets_{cause}"),
            )
        check_sessions(sample, sessions, times=rounds)
        network.check_clean()
        longest = max(row["end_ns"] - row["start_ns"] for row in books) // 10**6
    return f"{len(windows)} windows, the longest of {longest} ms, {sent} packets"


def lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def write_udp(path, flows):
    """Packets of (client, port) to one server."""
    capture = make_capture.Capture()
    server = "192.0.2.9"
    for client, port in flows:
        capture.add4(client, server, make_capture.UDP, make_capture.udp(client, server, port, 53, b"flood"))
    capture.write(path)
    return path


def cap_case(directory):
    path = write_udp(pathlib.Path(directory) / "one.pcap", [("10.8.0.1", 1234)] * 20000)
    with Network(directory) as network:
        for cap in (100, 7):
            controller = Controller(network, "--mode", "drv", "--cap", cap)
            network.send(path, 20000, pps=20000)
            sessions, books = totals(read_windows(controller.stop()))
            (row,) = sessions.values()
            expect("packets of the session", 20000, row["packets_client"])
            expect("packets_captured", cap, row["packets_captured"])
            check_nothing_lost(books)
            if summed(books, "events_sent") > 10000:
                raise Mismatch(f"cap {cap}: expected a muted session, seen {summed(books, 'events_sent')} events sent")


def memory_kib(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def flood_case(directory):
    known = [(f"10.8.1.{host}", 1000) for host in range(10)]
    flood = [(f"10.{100 + number // 65536}.{number // 256 % 256}.{number % 256}", 2000) for number in range(100_000)]
    first = write_udp(pathlib.Path(directory) / "known.pcap", known)
    mixed = []
    for number, flow in enumerate(flood):
        mixed.append(flow)
        if number % 100 == 0:
            mixed.append(known[number // 100 % 10])
    mixed = write_udp(pathlib.Path(directory) / "flood.pcap", mixed)
    with Network(directory) as network:
        controller = Controller(network, "--mode", "drv", "--sessions", 10)
        network.send(first, 10)
        before = memory_kib(controller.process)
        network.send(mixed, 101_000, pps=25_000)
        grown = memory_kib(controller.process) - before
        sessions, books = totals(read_windows(controller.stop()))
        (row,) = books
        expect("packets_in", 101_010, row["packets_in"])
        expect(
            "packets known and unknown",
            (1010, 100_000),
            (row["packets_on_sessions"] + row["packets_learned"], row["packets_unknown"] - row["packets_learned"]),
        )
        expect("clients", sorted(client for client, _ in known), sorted(row["client_ip"] for row in sessions.values()))
        expect("packets of each", [101] * 10, [row["packets_client"] for row in sessions.values()])
        if not 0 < row["sessions_refused"] <= 100_000:
            raise Mismatch(f"sessions_refused: expected 1 to 100000, seen {row['sessions_refused']}")
        if grown > 64 * 1024:
            raise Mismatch(f"memory: expected it bounded, seen {grown} KiB more")
        network.check_clean()
    return (
        f"{row['sessions_refused']} sessions refused, {row['unknown_left_out']} packets left out, "
        f"{row['unknown_events_lost']} lost, {grown} KiB more"
    )


def main():
    # In memory where there is: windows of 50 ms must not wait for a disk that others keep busy.
    if os.access("/dev/shm", os.W_OK):
        tempfile.tempdir = "/dev/shm"
    return run_directory_cases(
        {
            "windows of 50 ms, drv": lambda directory: short_windows_case(directory, bundled(), "drv"),
            "windows of 50 ms, tc": slow(lambda directory: short_windows_case(directory, bundled(), "tc")),
            "cap": cap_case,
            "flood": flood_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
