# SPDX-License-Identifier: GPL-2.0-or-later
"""A capture that is sent to a run, and the run's windows held against what the model says of it."""
import functools
import pathlib
import tempfile

import make_capture
import model
from compare import check_books, check_causes, check_keys, check_records, check_totals, expect, read_windows
from network import JUMBO, MTU
from suite import Mismatch

CAP = 100
WHOLE_NS = 10**18  # one window for all of a capture
AMOUNTS = ("packets_server", "packets_client", "bytes_server", "bytes_client")


class Sample:
    """A capture, and what the model says of it as one window."""

    def __init__(self, path):
        self.path = path
        self.window = model.analyse(path, WHOLE_NS).windows[0]
        self.packets = self.window.packets_in
        self.on_sessions = sum(
            session.packets_server + session.packets_client for session in self.window.sessions.values()
        )
        longest = max(record["bytes"] for session in self.window.sessions.values() for record in session.records)
        self.mtu = MTU if longest <= MTU else JUMBO  # segments that a card has put together


@functools.cache
def bundled():
    """The bundled capture, made once a process."""
    directory = tempfile.TemporaryDirectory(prefix="nicsentry-e2e-")
    path = pathlib.Path(directory.name) / "bundled.pcap"
    make_capture.make(path)
    sample = Sample(path)
    sample.directory = directory  # removed with the sample, when the process ends
    return sample


def totals(windows):
    """Sessions summed over windows, those between the same ends together, and all rows of books."""
    sessions, books = {}, []
    for number in sorted(windows):
        for row in windows[number]["books"]:
            check_books(row, f"window {number}, {row['hook']}")
            books.append(row)
        for key, row in windows[number]["sessions"].items():
            key = key[:3]
            if key not in sessions:
                sessions[key] = dict(row)
                continue
            for name in ("client_ip", "client_port", "server_ip", "server_port", "server_method"):
                expect(f"window {number}, {key}, {name} as before", sessions[key][name], row[name])
            for name in AMOUNTS:
                sessions[key][name] += row[name]
            sessions[key]["records"] = sessions[key]["records"] + row["records"]
    return sessions, books


def summed(books, column):
    return sum(row[column] for row in books)


def check_nothing_lost(books):
    expect("unknown_events_lost", 0, summed(books, "unknown_events_lost"))
    expect("unknown_left_out", 0, summed(books, "unknown_left_out"))
    expect("sessions_refused", 0, summed(books, "sessions_refused"))


def check_sessions(sample, sessions, times=1):
    check_keys(sample.window.sessions, sessions, "sum of windows")
    for key, session in sample.window.sessions.items():
        expected = {name: getattr(session, name) * times for name in AMOUNTS}
        expect(f"{key}, amounts", expected, {name: sessions[key][name] for name in AMOUNTS})
        expect(
            f"{key}, server",
            (session.server, session.server_method),
            ((sessions[key]["server_ip"], sessions[key]["server_port"]), sessions[key]["server_method"]),
        )


def check_sample(sample, directory, hook=None):
    """One window holds the whole sample, records included."""
    windows = read_windows(directory)
    expect("windows", [0], sorted(windows))
    books = windows[0]["books"]
    sessions = windows[0]["sessions"]
    totals(windows)  # which checks the books
    check_nothing_lost(books)
    expect("packets_in", sample.packets, summed(books, "packets_in"))
    check_causes(books, sample.window, "window 0")
    expect("bytes_in", sample.window.bytes_in, summed(books, "bytes_in"))
    for each in {row["hook"] for row in books}:
        expect(
            f"packets on {each}",
            sample.packets if hook in (None, each) else 0,
            sum(row["packets_in"] for row in books if row["hook"] == each),
        )
    expect(
        "packets on sessions and learned",
        sample.on_sessions,
        summed(books, "packets_on_sessions") + summed(books, "packets_learned"),
    )
    check_keys(sample.window.sessions, sessions, "window 0")
    for key, session in sample.window.sessions.items():
        check_totals(session, sessions[key], str(key))
        check_records(session.captured(CAP), sessions[key]["records"], str(key), times=False)
        check_live_times(sessions[key], books[0])


def check_live_times(row, books):
    times = [record["timestamp_ns"] for record in row["records"]]
    if times != sorted(times) or times[0] < books["start_ns"] or row["last_packet_ns"] > books["end_ns"]:
        raise Mismatch(f"{row}: expected times in order within the window {books['start_ns']} to {books['end_ns']}")
    expect("first_packet_ns", times[0], row["first_packet_ns"])
