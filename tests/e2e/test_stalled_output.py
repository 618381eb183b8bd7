#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A reader that stands still, a full disk, a reader that goes: each costs its own output, and nothing else."""
import fcntl
import json
import os
import signal
import subprocess
import time

from compare import BINARY, PATIENCE, expect, expect_text
from network import run
from peers import INSIDE, OUTSIDE, STATEFUL, Peers
from suite import Mismatch, run_directory_cases

F_SETPIPE_SZ = 1031
SMALL_PIPE = 4096  # bytes: a few windows fill it
ANSWER_S = 0.1  # an answer of the run, the command's own start included
END_S = 1.0
TRIES = 10  # of what must be quick: the processors may be busy with other tests


class StalledRun:
    """`nicsentry run` whose standard output nobody reads, and on wish its standard error neither."""

    def __init__(self, peers, *arguments, window="50ms", stall_errors=False):
        self.peers = peers
        self.log_path = peers.directory / "stalled.log"
        self.read_end, write_end = os.pipe()
        fcntl.fcntl(write_end, F_SETPIPE_SZ, SMALL_PIPE)
        with open(self.log_path, "w", encoding="utf-8") as log:
            command = [BINARY, "run", "-i", "right0", "--window", window, *map(str, arguments)]
            self.process = peers.start(
                peers.receiver, *command, stdout=write_end, stderr=write_end if stall_errors else log
            )
        os.close(write_end)
        self.wait_until_driven()

    def wait_until_driven(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            shown = self.peers.nicsentry("status", "--json", "-i", "right0", check=False)
            if shown.returncode == 0 and any(row["controller_pid"] for row in json.loads(shown.stdout)):
                return
            time.sleep(0.05)
        raise Mismatch(f"expected a run that drives right0, seen {self.log()!r}")

    def wait_until_full(self):
        """Until the pipe holds all that it can, and some windows more had no room."""
        time.sleep(2)

    def log(self):
        return self.log_path.read_text(encoding="utf-8")

    def end(self, how=signal.SIGTERM):
        """Seconds until the run has ended, and its exit status."""
        began = time.monotonic()
        self.process.send_signal(how)
        status = self.process.wait(timeout=PATIENCE)
        os.close(self.read_end)
        return time.monotonic() - began, status


def quickest(act, enough):
    """Seconds of the quickest of several calls; at most `enough`, or the processors were busy all the time."""
    times = []
    end = time.monotonic() + PATIENCE
    while not times or (min(times) > enough and time.monotonic() < end):
        began = time.monotonic()
        act()
        times.append(time.monotonic() - began)
    return min(times)


def answers_in_time(peers, batch):
    times = {}
    for name, arguments in {
        "block": ("block", "203.0.113.1"),
        "rules apply": ("rules", "apply", batch),
        "rules default": ("rules", "default", "egress", "accept"),
        "extract": ("extract",),
        "connections": ("connections", "--json"),
    }.items():
        times[name] = quickest(lambda arguments=arguments: peers.nicsentry(*arguments, "-i", "right0"), ANSWER_S)
        if times[name] > ANSWER_S:
            raise Mismatch(f"{name}: expected an answer within {ANSWER_S} s, seen {times[name]:.3f} s")
    return ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in times.items())


def stalled_case(stall_errors, *text):
    def case(directory):
        remark = ""
        for attempt in range(TRIES):
            with Peers(directory) as peers:
                output = peers.directory / f"out{attempt}"
                stalled = StalledRun(
                    peers,
                    *(text or ("--json",)),
                    *STATEFUL,
                    "--format",
                    "jsonl",
                    "-o",
                    output,
                    stall_errors=stall_errors,
                )
                stalled.wait_until_full()
                batch = peers.directory / "batch.json"
                batch.write_text('{"rules": []}', encoding="utf-8")
                remark = answers_in_time(peers, batch)
                check_learning(peers)
                seconds, status = stalled.end()
                expect("exit status", 0, status)
                check_files(output)
                if not stall_errors:
                    expect_text("the log", "standard output does not keep up", stalled.log())
                peers.check_clean()
            if seconds <= END_S:
                return f"{remark}, end after {seconds * 1000:.0f} ms"
        raise Mismatch(f"SIGTERM: expected the end within {END_S} s, seen {seconds:.1f} s in each of {TRIES} tries")

    return case


def check_learning(peers):
    """Events are read and states are learned while nobody reads the output."""
    expect("ping", True, peers.ping(peers.sender, INSIDE, "-c", 3))
    listed = json.loads(peers.nicsentry("connections", "--json", "-i", "right0").stdout)["connections"]
    pings = [one["state"] for one in listed if one["protocol"] == "ICMP" and one["source"] == OUTSIDE]
    expect("states of the ping's session", ["ESTABLISHED"], pings)


def check_files(output):
    """Each window is in the files, and no event was lost."""
    rows = [json.loads(line) for line in (output / "windows.jsonl").read_text(encoding="utf-8").splitlines()]
    numbers = sorted({row["window"] for row in rows})
    expect("windows in the file", list(range(len(numbers))), numbers)
    expect("events lost", 0, sum(row["events_lost"] for row in rows))
    if len(numbers) < 20:
        raise Mismatch(f"expected many windows in the file, seen {len(numbers)}")


def full_disk_case(directory):
    with Peers(directory) as peers:
        small = peers.directory / "small"
        small.mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small)
        try:
            stalled = StalledRun(peers, "--json", "--firewall", "--format", "jsonl", "-o", small, window="20ms")
            end = time.monotonic() + PATIENCE
            while "ENOSPC" not in stalled.log() and time.monotonic() < end:
                time.sleep(0.1)
            expect_text("the log", "ENOSPC", stalled.log())
            peers.nicsentry("block", "203.0.113.1", "-i", "right0")
            _, status = stalled.end()
            expect("exit status", 1, status)
            peers.check_clean()
        finally:
            run("umount", "-l", small)


def reader_gone_case(directory):
    """Without a firewall nobody needs the run any more: it ends. With one it goes on enforcing."""
    with Peers(directory) as peers:
        for arguments, status in (((), 0), (("--firewall",), None)):
            going = StalledRun(peers, "--json", *arguments)
            os.close(going.read_end)
            try:
                going.process.wait(timeout=3 if status is None else PATIENCE)
            except subprocess.TimeoutExpired:
                pass
            expect(f"exit status of a run {arguments} whose reader has gone", status, going.process.poll())
            if status is None:
                expect_text("the log", "the run goes on without it", going.log())
                peers.nicsentry("block", "203.0.113.1", "-i", "right0")
                going.process.send_signal(signal.SIGTERM)
                expect("exit status", 0, going.process.wait(timeout=PATIENCE))
            peers.check_clean()


def replay_case(directory):
    """A replay waits for a slow reader and loses nothing."""
    capture = os.path.join(directory, "capture.pcap")
    run("/usr/bin/python3", "-B", os.path.join(os.path.dirname(__file__), "make_capture.py"), capture)
    command = [BINARY, "replay", capture, "--window", "1ms", "--json"]
    quick = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=PATIENCE).stdout
    with subprocess.Popen(command, stdout=subprocess.PIPE) as slow:
        fcntl.fcntl(slow.stdout.fileno(), F_SETPIPE_SZ, SMALL_PIPE)
        time.sleep(1)
        expect("the replay's end while nobody reads", None, slow.poll())
        read = slow.stdout.read()
        expect("exit status", 0, slow.wait(timeout=PATIENCE))
    expect("lines that the slow reader got", quick.count(b"\n"), read.count(b"\n"))
    expect("what the slow reader got is what the quick one got", True, quick == read)


def main():
    return run_directory_cases(
        {
            "standard output stands still: answers, learning, files and the end are in time": stalled_case(False),
            "standard output and standard error stand still": stalled_case(True),
            "a stream of rows stands still": stalled_case(False, "--stream", "windows"),
            "a full disk costs the files and the exit status": full_disk_case,
            "a reader that goes ends a run, but not one with a firewall": reader_gone_case,
            "a replay waits for a slow reader": replay_case,
        }
    )


if __name__ == "__main__":
    raise SystemExit(main())
