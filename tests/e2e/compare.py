# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads nicsentry's tidy files and holds them against the model."""
import json
import os
import pathlib

from model import CAUSES
from suite import REPOSITORY, Mismatch

BINARY = os.path.abspath(os.environ.get("NICSENTRY", REPOSITORY / "build" / "nicsentry"))
PATIENCE = int(os.environ.get("NICSENTRY_PATIENCE", "180"))  # seconds for what ends by itself on a slow, busy machine
RECORD = (
    "timestamp_ns",
    "sender",
    "bytes",
    "ip_flags_fragment",
    "tcp_flags",
    "tcp_window",
    "udp_payload_bytes",
    "icmp_type",
)
TOTALS = ("server_method", "packets_server", "packets_client", "bytes_server", "bytes_client")


def expect(what, expected, seen):
    if expected != seen:
        raise Mismatch(f"{what}: expected {expected!r}, seen {seen!r}")


def expect_text(what, wanted, text):
    if wanted not in text:
        raise Mismatch(f"{what}: expected a text with {wanted!r}, seen {text!r}")


def read_lines(path):
    path = pathlib.Path(path)
    if not path.exists():
        raise Mismatch(f"{path.name}: expected the file, seen none in {path.parent}")
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def session_key(row):
    ends = sorted(((row["client_ip"], row["client_port"]), (row["server_ip"], row["server_port"])))
    return (row["protocol"], *ends)


def read_windows(directory):
    """{number: {"books": rows, "sessions": {key: row with "records"}}}

    Of several sessions between the same ends in a window, the keys of all but the last end in 0, 1, ...
    """
    directory = pathlib.Path(directory)
    windows = {}
    for row in read_lines(directory / "windows.jsonl"):
        windows.setdefault(row["window"], {"books": [], "sessions": {}})["books"].append(row)
    by_id = {}
    for row in read_lines(directory / "sessions.jsonl"):
        sessions = windows[row["window"]]["sessions"]
        key = session_key(row)
        if key in sessions:
            if row["session"] <= sessions[key]["session"]:
                raise Mismatch(f"window {row['window']}: expected a later session of {key}, seen {row['session']}")
            former = sum(other[:3] == key for other in sessions) - 1
            sessions[(*key, former)] = sessions.pop(key)
        row["records"] = []
        sessions[key] = by_id[row["window"], row["session"]] = row
    for row in read_lines(directory / "packets.jsonl"):
        by_id[row["window"], row["session"]]["records"].append({name: row[name] for name in RECORD})
    for (window, _), row in by_id.items():
        expect(f"window {window}, {session_key(row)}, packets_captured", len(row["records"]), row["packets_captured"])
    return windows


def check_books(row, what):
    """The books of one plane in one window balance."""
    not_understood = sum(row[f"packets_{cause}"] for cause in CAUSES)
    expect(
        f"{what}, packets in", row["packets_on_sessions"] + row["packets_unknown"] + not_understood, row["packets_in"]
    )
    not_understood = sum(row[f"bytes_{cause}"] for cause in CAUSES)
    expect(f"{what}, bytes in", row["bytes_on_sessions"] + row["bytes_unknown"] + not_understood, row["bytes_in"])
    expect(
        f"{what}, unknown",
        row["packets_unknown"],
        row["unknown_events_arrived"] + row["unknown_events_lost"] + row["unknown_left_out"],
    )
    expect(f"{what}, events", row["events_sent"], row["events_arrived"] + row["events_lost"])


def check_causes(books, window, what):
    for cause, (packets, octets) in window.causes.items():
        expect(f"{what}, packets_{cause}", packets, sum(row[f"packets_{cause}"] for row in books))
        expect(f"{what}, bytes_{cause}", octets, sum(row[f"bytes_{cause}"] for row in books))


def check_keys(expected, seen, what):
    missing, surplus = set(expected) - set(seen), set(seen) - set(expected)
    if missing or surplus:
        raise Mismatch(
            f"{what}, sessions: missing {sorted(missing)[:3]} ({len(missing)}), "
            f"surplus {sorted(surplus)[:3]} ({len(surplus)})"
        )


def check_totals(session, row, what):
    expect(f"{what}, client", session.client, (row["client_ip"], row["client_port"]))
    expect(f"{what}, server", session.server, (row["server_ip"], row["server_port"]))
    for name in TOTALS:
        expect(f"{what}, {name}", getattr(session, name), row[name])


def check_records(records, seen, what, times=True):
    for index, (record, other) in enumerate(zip(records, seen)):
        if not times:
            record, other = ({**row, "timestamp_ns": 0} for row in (record, other))
        expect(f"{what}, record {index}", record, other)
    expect(f"{what}, number of records", len(records), len(seen))


def check_times(session, row, exact, what):
    expect(f"{what}, first_packet_ns", session.first_packet_ns, row["first_packet_ns"])
    late, uncertainty = row["last_packet_ns"] - session.last_packet_ns, row["last_packet_uncertainty_ns"]
    if exact:
        expect(f"{what}, last_packet_uncertainty_ns", 0, uncertainty)
    if not 0 <= late <= uncertainty:
        raise Mismatch(
            f"{what}, last_packet_ns: expected {session.last_packet_ns}, "
            f"seen {row['last_packet_ns']}, at most {uncertainty} later"
        )
    expect(f"{what}, duration_ns", row["last_packet_ns"] - row["first_packet_ns"], row["duration_ns"])
