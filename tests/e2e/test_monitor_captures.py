#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Two monitors in Polycube's dialect (tests/programs/monitors) beside nicsentry's own analyser, on every capture:
features of packets in a queue, and sessions in a per-CPU hash.

    test_monitor_captures.py --list | [CASE ...]

NICSENTRY: the binary (default build/nicsentry). NICSENTRY_PCAPS: real captures (default ../shared/pcaps).
"""
import ipaddress
import sys
import time

import model
from compare import check_keys, expect, read_windows
from network import Controller, Network
from polycube_client import PROTOCOLS, SECOND, packets_of, sum_of
from sample import CAP, Sample, bundled, check_nothing_lost, totals
from suite import Mismatch, real_capture, real_captures, run_directory_cases, slow
from test_program_reading import read
from test_programs import load
from test_polycube_clients import EXPORTED, write_monitor

MOST_SESSIONS = 1024  # of flow_packets.c
METHODS = {1: "handshake", 2: "port_below_1024", 3: "lower_port"}
SYN = 2
FEATURES = {
    "flags_fragment": "ip_flags_fragment",
    "tcp_flags": "tcp_flags",
    "window": "tcp_window",
    "payload": "udp_payload_bytes",
    "icmp_type": "icmp_type",
}


def address(number):
    return str(ipaddress.IPv4Address(number))


def session_of(flow):
    """The key of a session, as read_windows() has it."""
    return (PROTOCOLS[flow["proto"]], *sorted((address(flow[end]), flow[f"{end}_port"]) for end in ("near", "far")))


def beyond_monitors(capture):
    """Sessions with packets that the monitors do not read: IPv6, or behind several tags. Linux takes one tag off."""
    found = set()
    for row in model.rows(capture):
        packet = model.understand(row)
        layers = row["frame.protocols"].split(":")
        tags = sum(layers.count(tag) for tag in ("vlan", "ieee8021ad"))
        if not packet.cause and (tags > 1 or row["ip.version"] != "4"):
            found.add(packet.key())
    return found


def check_server(key, row, server, method):
    """The monitors decide by a session's first packet; the analyser also by a SYN that comes later."""
    if row["server_method"] == "handshake" and key[0] == "TCP" and not row["records"][0]["tcp_flags"] & SYN:
        return
    expect(f"{key}, server", row["server_ip"], server)
    if method is not None:
        expect(f"{key}, its method", row["server_method"], METHODS[method])


def check_counters(metrics, sessions, beyond):
    """Packets and bytes of each direction, of TCP and UDP."""
    (metric,) = metrics["ingress-metrics"]
    counted = {session_of(entry["key"]): (entry["key"], sum_of(entry["value"])) for entry in metric["value"]}
    wanted = {key: row for key, row in sessions.items() if key[0] in ("TCP", "UDP")}
    check_keys(wanted, counted.keys() - beyond, "that are counted")
    for key, row in wanted.items():
        flow, figures = counted[key]
        for what in ("packets", "bytes"):
            sent_by_server = row["server_ip"] == address(flow["near"])
            near, far = (row[f"{what}_{side}"] for side in ("server", "client")[:: 1 if sent_by_server else -1])
            expect(f"{key}, {what}", (near, far), (figures[f"{what}_near"], figures[f"{what}_far"]))
        check_server(key, row, address(figures["server"]), figures["method"])


def check_packets(metrics, sessions, beyond, began):
    """Features of each session's first packets, in order. The monitor has room for the first sessions only."""
    taken = {session_of(flow): (address(server), records) for flow, server, records in packets_of(metrics).values()}
    first = sorted(sessions, key=lambda key: sessions[key]["records"][0]["timestamp_ns"])[:MOST_SESSIONS]
    check_keys(first, taken.keys() - beyond, "with records")
    now = time.time()
    for key in first:
        server, records = taken[key]
        expected = [[record[name] for name in FEATURES.values()] for record in sessions[key]["records"]]
        expect(f"{key}, records", expected[:CAP], [[record[name] for name in FEATURES] for record in records])
        check_server(key, sessions[key], server, None)
        times = [record["time"] / SECOND for record in records]
        if times != sorted(times) or not began - 1 <= times[0] <= times[-1] <= now + 1:
            raise Mismatch(f"{key}: expected times in order between {began} and {now}, seen {times}")


def capture_case(directory, sample):
    with Network(directory, mtu=sample.mtu) as network:
        controller = Controller(network, "--mode", "tc", window="600s")
        for name in EXPORTED:
            load(network, write_monitor(network.directory, name), "--name", name, "--direction", "ingress")
        began = time.time()
        network.send(sample.path, sample.packets)
        metrics = {name: read(network, name) for name in EXPORTED}
        sessions, books = totals(read_windows(controller.stop()))
        check_nothing_lost(books)
        beyond = beyond_monitors(sample.path)
        compared = {key: row for key, row in sessions.items() if key not in beyond}
        expect("sessions to compare", True, bool(compared))
        check_counters(metrics["flow_counters"], compared, beyond)
        check_packets(metrics["flow_packets"], compared, beyond, began)
    return f"{len(compared)} of {len(sessions)} sessions"


def main():
    cases = {"bundled.pcap": lambda directory: capture_case(directory, bundled())}
    for name in real_captures():
        cases[name] = slow(lambda directory, name=name: capture_case(directory, Sample(real_capture(name))))
    return run_directory_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
