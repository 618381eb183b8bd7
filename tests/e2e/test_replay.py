#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry replay` of every capture against the model over tshark's fields.

    test_replay.py --list | [CASE ...]

NICSENTRY: the binary (default build/nicsentry). NICSENTRY_PCAPS: real captures (default ../shared/pcaps).
"""
import copy
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import make_capture
import model
from compare import (
    BINARY,
    PATIENCE,
    check_books,
    check_causes,
    check_keys,
    check_records,
    check_times,
    check_totals,
    expect,
    expect_text,
    read_windows,
)
from suite import Mismatch, real_capture, real_captures, run_directory_cases, slow

KNOWN = {"cic-ddos2019-synflood.pcap": (9367, 26316), "mining.pcapng": (4, 673)}
CAP = 100
# The model takes some 15 s for these. Live cases send them in each run of the tests.
LONG = {"cic-ddos2019-synflood.pcap"}


def replay(capture, directory, *options, status=0):
    command = [BINARY, "replay", str(capture), "--format", "jsonl,seed-json", "-o", str(directory), *options]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE
    )
    if done.returncode != status:
        raise Mismatch(f"{' '.join(command)}: expected exit status {status}, seen {done.returncode}: {done.stderr}")
    return done


def check_window(window, seen, cap, what):
    books = seen["books"]
    expect(f"{what}, rows of windows.jsonl", 1, len(books))
    check_books(books[0], what)
    check_causes(books, window, what)
    on_sessions = sum(session.packets_server + session.packets_client for session in window.sessions.values())
    for name, value in {
        "start_ns": window.start_ns,
        "packets_in": window.packets_in,
        "bytes_in": window.bytes_in,
        "packets_unknown": window.unknown,
        "packets_on_sessions": on_sessions - window.unknown,
        "events_lost": 0,
        "unknown_left_out": 0,
        "sessions_active": len(window.sessions),
        "sessions_new": window.sessions_new,
        "sessions_refused": 0,
    }.items():
        expect(f"{what}, {name}", value, books[0][name])
    check_keys(window.sessions, seen["sessions"], what)
    for key, session in window.sessions.items():
        row = seen["sessions"][key]
        check_totals(session, row, f"{what}, {key}")
        check_records(session.captured(cap), row["records"], f"{what}, {key}")
        check_times(session, row, True, f"{what}, {key}")


def quotient(dividend, divisor):
    return dividend / divisor if divisor else "-"


def seed_value(session):
    """The 15 values of the seed's crypto metrics."""
    method = {"handshake": 1, "port_below_1024": 2, "lower_port": 3}[session.server_method]
    duration = session.last_packet_ns - session.first_packet_ns
    seconds = duration / 1e9
    packets = (session.packets_server, session.packets_client)
    bits = (session.bytes_server * 8, session.bytes_client * 8)
    return [
        session.last_packet_ns,
        method,
        *packets,
        *bits,
        duration,
        *(quotient(amount, seconds) for amount in (*packets, *bits)),
        quotient(bits[0], packets[0]),
        quotient(bits[1], packets[1]),
        quotient(*packets),
        quotient(*bits),
    ]


def check_seed_file(path, expected, value_name, what):
    if not path.exists():
        expect(f"{what}, sessions without a file {path.name}", 0, len(expected))
        return
    seen = {}
    for entry in json.loads(path.read_text()):
        seen[tuple(entry["id"])] = entry[value_name]
    check_keys(expected, seen, f"{what}, {path.name}")
    for identity, value in expected.items():
        expect(f"{what}, {path.name}, {identity}", value, seen[identity])


def joined_by_ends(window, cap):
    """The earlier system's formats know a session by its ends: those that followed each other in a window are one."""
    joined = {}
    for key, session in sorted(window.sessions.items(), key=lambda one: one[1].records[0]["timestamp_ns"]):
        session = copy.deepcopy(session)
        session.records = session.captured(cap)
        first = joined.setdefault(key[:3], session)
        if first is session:
            continue
        if first.server != session.server:
            session.turn()
        first.records += session.records
        for name in ("packets_server", "packets_client", "bytes_server", "bytes_client"):
            setattr(first, name, getattr(first, name) + getattr(session, name))
        first.last_packet_ns = session.last_packet_ns
    return joined.values()


def check_seed_files(window, directory, cap, what):
    ddos, crypto = {}, {}
    for session in joined_by_ends(window, cap):
        (client, client_port), (server, server_port) = session.client, session.server
        ddos[client, client_port, server, server_port, session.protocol] = [
            [
                record["timestamp_ns"] / 10**9,
                record["ip_flags_fragment"],
                record["tcp_flags"],
                record["tcp_window"],
                record["udp_payload_bytes"],
                record["icmp_type"],
            ]
            for record in session.records
        ]
        if session.protocol in ("TCP", "UDP"):
            crypto[client, server, client_port, server_port, session.protocol] = seed_value(session)
    name = f"result_{window.number}.json"
    check_seed_file(directory / "dump_ddos" / name, ddos, "packets", what)
    check_seed_file(directory / "dump_crypto" / name, crypto, "value", what)


def check_analysis(analysis, directory, cap):
    windows = read_windows(directory)
    expect("numbers of windows", sorted(analysis.windows), sorted(windows))
    for number, window in analysis.windows.items():
        check_window(window, windows[number], cap, f"cap {cap}, window {number}")
        check_seed_files(window, directory, cap, f"cap {cap}, window {number}")


def counted(number, what):
    return f"{number} {what}{'' if number == 1 else 's'}"


def capture_case(capture, seconds="10"):
    analysis = model.analyse(capture, int(float(seconds) * 10**9))
    packets = sum(window.packets_in for window in analysis.windows.values())
    if capture.name in KNOWN:
        expect("sessions and packets of the model", KNOWN[capture.name], (analysis.learned, packets))
    for cap in (CAP, 0):
        with tempfile.TemporaryDirectory() as temporary:
            options = ["--cap", str(cap), "--window", f"{seconds}s"]
            said = replay(capture, temporary, *options).stdout.splitlines()[-1]
            expect(
                "last line",
                ", ".join(
                    (
                        counted(analysis.learned, "session"),
                        counted(packets, "packet"),
                        counted(len(analysis.windows), "window"),
                    )
                ),
                said,
            )
            check_analysis(analysis, pathlib.Path(temporary), cap)
    return f"{analysis.learned} sessions, {packets} packets, {len(analysis.windows)} windows of {seconds} s"


def same_bytes_case(capture, directory):
    runs = [pathlib.Path(directory) / name for name in "ab"]
    stdouts = [replay(capture, run, "--format", "seed-csv,csv").stdout for run in runs]
    expect("stdout of the second run", stdouts[0], stdouts[1])
    done = subprocess.run(["diff", "-r", *runs], stdout=subprocess.PIPE, text=True, check=False)
    expect("diff -r of two runs", (0, ""), (done.returncode, done.stdout[:300]))
    files = sum(path.is_file() for path in runs[0].rglob("*"))
    if files < 6:
        raise Mismatch(f"expected files of all formats, seen {files}")


def pcap_packets(data):
    at = 24
    while at < len(data):
        captured = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at : at + 16], data[at + 16 : at + 16 + captured]
        at += 16 + captured


def snapped_case(bundled, directory):
    """A packet that a snap length cut counts with its length on the wire, if its headers are whole."""
    data = bundled.read_bytes()
    snapped, whole = directory / "snapped.pcap", directory / "whole.pcap"
    out = whole_out = data[:24]
    for header, packet in pcap_packets(data):
        if len(packet) > 150:
            out += header[:8] + struct.pack("<II", 150, len(packet)) + packet[:150]
        else:
            out += header + packet
        whole_out += header + packet
    snapped.write_bytes(out)
    whole.write_bytes(whole_out)
    analysis = model.analyse(whole)
    with tempfile.TemporaryDirectory() as temporary:
        # Extension headers of 80 bytes push three transport headers of the capture beyond 150 bytes.
        model_of_snapped = model.analyse(snapped)
        replay(snapped, temporary)
        seen = read_windows(temporary)
        cut = 0
        for number, window in analysis.windows.items():
            books = seen[number]["books"][0]
            check_books(books, f"window {number}")
            expect(f"window {number}, packets_in", window.packets_in, books["packets_in"])
            for key, session in window.sessions.items():
                row = seen[number]["sessions"].get(key)
                if any(part in str(key) for part in ("2001:db8:4::",)):
                    continue
                if row is None:
                    raise Mismatch(f"window {number}: expected session {key}, seen none")
                check_totals(session, row, f"window {number}, {key}")
                check_records(session.records[:CAP], row["records"], f"window {number}, {key}")
                cut += 1
        expect("windows of the snapped capture in the model", sorted(model_of_snapped.windows), sorted(seen))
    return f"{cut} rows of sessions as in the whole capture"


def truncated_case(bundled, directory):
    data = bundled.read_bytes()
    records = list(pcap_packets(data))
    whole = sum(16 + len(packet) for _, packet in records[:500]) + 24
    for cut, where in ((whole + 7, "in a record's header"), (whole + 20, "in a packet")):
        capture = directory / "cut.pcap"
        capture.write_bytes(data[:cut])
        first = directory / "first.pcap"
        first.write_bytes(data[:whole])
        with tempfile.TemporaryDirectory() as temporary:
            done = replay(capture, temporary, status=1)
            expect_text(f"cut {where}, stderr", "cut.pcap", done.stderr)
            if "500" not in done.stderr and str(whole) not in done.stderr:
                raise Mismatch(f"cut {where}: expected packet 500 or byte {whole} in stderr, seen {done.stderr!r}")
            check_analysis(model.analyse(first), pathlib.Path(temporary), CAP)
    return done.stderr.strip()


def damaged_case(bundled, directory):
    """A record that claims an impossible length in the middle of the file."""
    data = bundled.read_bytes()
    whole = sum(16 + len(packet) for _, packet in list(pcap_packets(data))[:300]) + 24
    capture, first = directory / "damaged.pcap", directory / "first.pcap"
    capture.write_bytes(data[: whole + 8] + b"\xff\xff\xff\x7f" + data[whole + 12 :])
    first.write_bytes(data[:whole])
    with tempfile.TemporaryDirectory() as temporary:
        done = replay(capture, temporary, status=1)
        expect_text("stderr", "damaged.pcap", done.stderr)
        check_analysis(model.analyse(first), pathlib.Path(temporary), CAP)
    return done.stderr.strip()


def garbage_case(_, directory):
    for name, content in (("garbage.pcap", b"this is no capture\n" * 50), ("empty.pcap", b"")):
        path = directory / name
        path.write_bytes(content)
        with tempfile.TemporaryDirectory() as temporary:
            done = replay(path, temporary, status=1)
            expect_text("stderr", name, done.stderr)
    missing = directory / "missing.pcap"
    with tempfile.TemporaryDirectory() as temporary:
        expect_text("stderr", "missing.pcap", replay(missing, temporary, status=1).stderr)
    return "exit status 1"


def on_bundled(case):
    """Calls a case with the bundled capture and a directory."""

    def call(directory):
        bundled = pathlib.Path(directory) / "bundled.pcap"
        make_capture.make(bundled)
        return case(bundled, pathlib.Path(directory))

    return call


def main():
    cases = {
        "bundled.pcap": on_bundled(lambda bundled, _: capture_case(bundled)),
        "bundled.pcap in short windows": on_bundled(lambda bundled, _: capture_case(bundled, "0.05")),
        "two runs are the same bytes": on_bundled(same_bytes_case),
        "snap length": on_bundled(snapped_case),
        "truncated capture": on_bundled(truncated_case),
        "damaged capture": on_bundled(damaged_case),
        "garbage": on_bundled(garbage_case),
    }
    for name in real_captures():
        mark = slow if name in LONG else lambda case: case
        cases[name] = mark(lambda _, name=name: capture_case(real_capture(name)))
        cases[f"two runs are the same bytes, {name}"] = mark(
            lambda directory, name=name: same_bytes_case(real_capture(name), directory)
        )
    return run_directory_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
