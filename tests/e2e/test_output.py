#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of a run or a replay where another one has written before."""
import fcntl
import ipaddress
import json
import os
import pathlib
import pty
import re
import resource
import signal
import struct
import subprocess
import termios
import time

import make_capture
from compare import BINARY, PATIENCE, expect, expect_text, read_lines
from peers import Peers
from suite import Mismatch, run_directory_cases, slow


def replay(capture, output, *options, status=0):
    command = [BINARY, "replay", str(capture), "-o", str(output), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    if done.returncode != status:
        raise Mismatch(f"{' '.join(command)}: expected exit status {status}, seen {done.returncode}: {done.stderr}")
    return done


class Run:
    """`nicsentry run` on the receiver's port, ready when the constructor is through."""

    number = 0

    def __init__(self, peers, output, *options):
        Run.number += 1
        self.peers = peers
        self.log_path = peers.directory / f"output{Run.number}.log"
        with open(self.log_path, "w", encoding="utf-8") as log:
            command = [BINARY, "run", "-i", "right0", "-o", output, "-q", *options]
            self.process = peers.start(peers.receiver, *command, stderr=log)
        end = time.monotonic() + PATIENCE
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise Mismatch(f"expected a run that answers, seen {self.log()!r}")
            time.sleep(0.05)

    def answers(self):
        shown = self.peers.nicsentry("status", "--json", "-i", "right0", check=False)
        return shown.returncode == 0 and any(row["run"] for row in json.loads(shown.stdout) if "run" in row)

    def log(self):
        return self.log_path.read_text(encoding="utf-8")

    def extract(self):
        return json.loads(self.peers.nicsentry("extract", "-i", "right0", "--json").stdout)

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(timeout=PATIENCE)


def killed_case(directory):
    """Windows of three runs, of which the first one was killed in the middle of a row."""
    with Peers(directory) as peers:
        output = peers.directory / "out"
        first = Run(peers, output, "--window", "1h", "--format", "jsonl,csv,seed-json")
        expect("ping", True, peers.ping(peers.sender, "10.77.0.2", "-c", 2))
        expect("number of the first window", 0, first.extract()["window"])
        first.extract()
        first.end(signal.SIGKILL)
        rows = (output / "windows.jsonl").read_text(encoding="utf-8")
        with open(output / "windows.jsonl", "a", encoding="utf-8") as file:
            file.write(rows.splitlines()[0][:-30])
        for number in (2, 3):
            later = Run(peers, output, "--window", "1h", "--format", "jsonl,csv,seed-json")
            expect("ping", True, peers.ping(peers.sender, "10.77.0.2", "-c", 2))
            ended = later.extract()
            expect("number of a window of a later run", 2 * number - 2, ended["window"])
            expect("files of that window", True, any(f"result_{2 * number - 2}.json" in one for one in ended["files"]))
            expect("exit status", 0, later.end())
            removed = "bytes at its end were removed" in later.log()
            expect(f"run {number} removed a row", number == 2, removed)
        text = (output / "windows.jsonl").read_text(encoding="utf-8")
        expect("rows of the first run", rows, text[: len(rows)])
        expect("windows", [0, 1, 2, 3, 4, 5], [row["window"] for row in read_lines(output / "windows.jsonl")])
        lines = (output / "windows.csv").read_text(encoding="utf-8").splitlines()
        expect("windows of the csv file", list("012345"), [line.split(",")[0] for line in lines[1:]])
        peers.check_clean()


def numbered_case(directory):
    """A second replay goes on after the first one's files; with --overwrite it writes the same files again."""
    output = pathlib.Path(directory) / "out"
    capture = pathlib.Path(directory) / "capture.pcap"
    make_capture.make(capture)
    options = ("--window", "1s", "--format", "seed-json,seed-csv,jsonl")
    replay(capture, output, *options)
    first = {path: path.read_bytes() for path in output.rglob("[!.]*.*")}
    windows = read_lines(output / "windows.jsonl")[-1]["window"] + 1
    expect_text("standard error", f"go on with window {windows}", replay(capture, output, *options).stderr)
    for path, content in first.items():
        grown = path.read_bytes()
        expect(f"{path.name}, begin", True, grown.startswith(content))
        number = path.suffix in (".json", ".csv") and path.name != "results.csv"
        expect(f"{path.name} grew", not number, len(grown) > len(content))
    second = [row["window"] for row in read_lines(output / "windows.jsonl")]
    half = len(second) // 2
    expect("windows of the second replay", [number + windows for number in second[:half]], second[half:])
    for path in (output / "dump_ddos").glob("result_*.json"):
        other = int(path.stem.removeprefix("result_")) + windows
        if other < 2 * windows:
            expect(f"{path.name} again", path.read_bytes(), path.with_name(f"result_{other}.json").read_bytes())
    replay(capture, output, *options, "--overwrite")
    for path, content in first.items():
        expect(f"{path.name} with --overwrite", content, path.read_bytes())


def two_runs_case(directory):
    """A directory takes the windows of one process; a killed one leaves it free."""
    with Peers(directory) as peers:
        capture, output = peers.directory / "capture.pcap", peers.directory / "out"
        make_capture.make(capture)
        first = Run(peers, output, "--format", "csv")
        refused = replay(capture, output, "--format", "jsonl", status=1)
        expect_text("standard error", f"EBUSY: process {first.process.pid}", refused.stderr)
        expect_text("standard error", str(output), refused.stderr)
        expect("files of the replay", [], list(output.glob("*.jsonl")))
        first.end(signal.SIGKILL)
        replay(capture, output, "--format", "jsonl")


def link_case(directory):
    """A link that somebody else puts into the output directory is not followed, nor is the log's."""
    with Peers(directory) as peers:
        output, target = peers.directory / "out", peers.directory / "target"
        output.mkdir()
        output.chmod(0o1777)
        target.write_text("as it was\n", encoding="utf-8")
        run = Run(peers, output, "--window", "1h", "--format", "jsonl")
        for name in ("windows.jsonl", "log"):
            (output / name).unlink(missing_ok=True)
            (output / name).symlink_to(target)
        failed = peers.nicsentry("extract", "-i", "right0", check=False)
        expect("exit status of extract", 1, failed.returncode)
        expect_text("its error", f"ELOOP: extending {output / 'windows.jsonl'}", failed.stderr)
        expect("exit status of the run", 1, run.end())
        options = ("--firewall", "--log", output / "log", "--window", "1h")
        refused = peers.nicsentry("run", "-i", "right0", *options, check=False)
        expect_text("error of a run with that log", f"ELOOP: opening {output / 'log'}", refused.stderr)
        expect("the link's target", "as it was\n", target.read_text(encoding="utf-8"))
        peers.check_clean()


def many_files_case(directory):
    """seed-csv has a file for each session and window: their number has a limit, and the rest is said."""
    output, capture = pathlib.Path(directory) / "out", pathlib.Path(directory) / "capture.pcap"
    make_capture.make(capture)
    options = ("--format", "seed-csv,jsonl", "--window", "1s")
    refused = replay(capture, output, *options, "--seed-csv-files", 7, status=1)
    expect("files", 7, len(list((output / "dump_ddos").iterdir())))
    sessions = len(read_lines(output / "sessions.jsonl"))
    left_out = sum(map(int, re.findall("seed-csv: ([0-9]+) sessions have no file", refused.stderr)))
    expect("sessions without a file", sessions - 7, left_out)
    expect_text("standard error", "--seed-csv-files allows (7)", refused.stderr)
    replay(capture, output, *options, "--seed-csv-files", 0, "--overwrite")


def rows_of(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def stream_case(directory):
    """--stream prints the rows that the files get, and nothing else."""
    capture = pathlib.Path(directory) / "capture.pcap"
    make_capture.make(capture)
    for profile, tables in {"all": ("sessions", "packets", "windows"), "crypto": ("sessions", "windows")}.items():
        for table in tables:
            output = pathlib.Path(directory) / f"{profile}-{table}"
            options = ("--window", "1s", "--profile", profile, "--format", "jsonl")
            done = replay(capture, output, *options, "--stream", table)
            rows = (output / f"{table}.jsonl").read_text(encoding="utf-8")
            expect(f"{table} of the profile {profile}", rows, done.stdout)
            expect(f"{table} of the profile {profile} has rows", True, rows.count("\n") > 5)
            expect_text("standard error", " packets, ", done.stderr)
            quiet = replay(capture, output / "quiet", *options, "--stream", table, "-q")
            expect("with -q", (rows, ""), (quiet.stdout, quiet.stderr))
    refused = replay(capture, output, "--profile", "crypto", "--stream", "packets", status=1)
    expect_text("packets of the profile crypto", "captures no packets", refused.stderr)


def filter_case(directory):
    """--filter narrows what is shown and written to the sessions that match; the accounting is of all packets."""
    capture = pathlib.Path(directory) / "capture.pcap"
    make_capture.make(capture)
    whole = ("--window", "all", "--format", "jsonl,csv,seed-json")
    every = rows_of(replay(capture, pathlib.Path(directory) / "every", *whole, "--stream", "sessions"))
    for number, (expression, is_meant) in enumerate(
        {
            "dst port 443 and ip": lambda row: row["server_port"] == 443 and "." in row["server_ip"],
            "src host 10.0.0.1 or icmp6": lambda row: row["client_ip"] == "10.0.0.1" or row["protocol"] == "ICMPv6",
            "udp and host 203.0.113.99": lambda row: False,
        }.items()
    ):
        output = pathlib.Path(directory) / f"narrowed-{number}"
        meant = [row for row in every if is_meant(row)]
        done = replay(capture, output, *whole, "--stream", "sessions", "--filter", expression)
        expect(f"rows of '{expression}'", meant, rows_of(done))
        expect("sessions.jsonl", done.stdout, (output / "sessions.jsonl").read_text(encoding="utf-8"))
        expect(
            "rows of sessions.csv", len(meant), (output / "sessions.csv").read_text(encoding="utf-8").count("\n") - 1
        )
        ids = {row["session"] for row in map(json.loads, (output / "packets.jsonl").open(encoding="utf-8"))}
        expect("sessions of packets.jsonl", {row["session"] for row in meant if row["packets_captured"]}, ids)
        all_windows = output.parent / "every" / "windows.jsonl"
        expect("windows.jsonl", all_windows.read_text(encoding="utf-8"), (output / "windows.jsonl").read_text("utf-8"))
    table = replay(capture, directory, "--window", "all", "--filter", "udp and host 203.0.113.99")
    expect_text("table", f", 0 of {len(every)} sessions\n", table.stdout)
    accounting = replay(capture, directory, "--json").stdout
    expect("JSON of the accounting", accounting, replay(capture, directory, "--json", "--filter", "ip6").stdout)
    refused = replay(capture, output, "--filter", "host example.org", status=2)
    expect_text("a name", "names are not looked up", refused.stderr)


def grouped_case(directory):
    """--by sums the sessions of the table up; a naive sum over the rows of the sessions has the same figures."""
    capture = pathlib.Path(directory) / "capture.pcap"
    make_capture.make(capture)
    sums = {}
    for row in rows_of(replay(capture, directory, "--window", "all", "--stream", "sessions")):
        client = ipaddress.ip_network(f"{row['client_ip']}/{24 if row['ip_version'] == 4 else 64}", strict=False)
        port = f" {row['server_port']}" if row["protocol"] in ("TCP", "UDP") else ""
        for by, name in {"src": row["client_ip"], "src/24/64": str(client), "dport": row["protocol"] + port}.items():
            figures = sums.setdefault(by, {}).setdefault(name, [0, 0, 0])
            for at, value in enumerate((1, row["packets_client"], row["packets_server"])):
                figures[at] += value
    for by, wanted in sums.items():
        table = replay(capture, directory, "--window", "all", "--by", by, "--top", 1000).stdout.splitlines()
        rows = [re.split(r" {2,}", line) for line in table[2 : 2 + len(wanted)]]
        expect(f"rows by {by}", wanted, {row[0]: [int(text) for text in row[1:4]] for row in rows})
        most = [sum(map(int, row[2:4])) for row in rows]
        expect("order", sorted(most, reverse=True), most)
    refused = replay(capture, directory, "--by", "sport", status=2)
    expect_text("a wrong word", "read 'sport', allowed are src, dst, dport, proto", refused.stderr)


@slow
def many_features_case(directory):
    """Without a cap a window keeps the features of 8,388,608 packets; the others are counted and warned of."""
    packets, most = 8_400_000, 1 << 23
    capture = pathlib.Path(directory) / "capture.pcap"
    ends = ("10.0.0.1", "10.0.0.2")
    there = make_capture.ethernet(0x0800, make_capture.ipv4(*ends, 17, make_capture.udp(*ends, 1000, 2000)))
    record = struct.pack("<IIII", 1, 0, len(there), len(there)) + there
    with open(capture, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for _ in range(packets // 100_000):
            file.write(record * 100_000)
    done = replay(capture, directory, "--cap", 0, "--window", "all", "--stream", "sessions")
    row = json.loads(done.stdout)
    expect("packets", packets, row["packets_client"] + row["packets_server"])
    expect("features", most, row["packets_captured"])
    expect_text("standard error", f"the features of {packets - most} were not kept", done.stderr)
    most_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    expect(f"memory ({most_kib} KiB) is below 600 MiB", True, most_kib < 600 << 10)


def narrow_case(directory):
    """On a narrow terminal columns are left out, addresses are whole; with --wide all are there."""
    capture = pathlib.Path(directory) / "narrow.pcap"
    make_capture.make(capture)
    command = [BINARY, "replay", str(capture), "--window", "all", "--top", "3"]

    def table(*options):
        reader, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        with subprocess.Popen(command + list(options), stdout=terminal, stderr=subprocess.DEVNULL) as process:
            os.close(terminal)
            text = b""
            try:
                while part := os.read(reader, 4096):
                    text += part
            except OSError:  # EIO: the other end is closed
                pass
            os.close(reader)
            expect("exit status", 0, process.wait(timeout=PATIENCE))
        return text.decode().replace("\r", "").splitlines()

    piped = replay(capture, directory, "--window", "all", "--top", 3).stdout.splitlines()
    narrow, wide = table(), table("--wide")
    expect("the table with --wide", piped[:5], wide[-len(piped) :][:5])
    head = next(line for line in narrow if line.startswith("CLIENT "))
    expect("columns that are left out", (True, False), ("PKTS>SRV" in head, "DURATION" in head))
    rows = [line for line in narrow if " UDP " in line or " TCP " in line or " ICMP " in line]
    expect("addresses that are cut", [], [row for row in rows if ".." in row])
    expect("lines that are too long", [], [line for line in [head, *rows] if len(line) > 60])


def main():
    return run_directory_cases(
        {
            "a narrow terminal": narrow_case,
            "a run goes on where a killed one stopped": killed_case,
            "a replay goes on after numbered files, or overwrites them": numbered_case,
            "a window without a cap keeps so many features": many_features_case,
            "two runs in one directory are refused": two_runs_case,
            "symbolic links where others may write are not followed": link_case,
            "a stream of rows is what the file has": stream_case,
            "sums over who it is": grouped_case,
            "what a filter asks for is shown and written": filter_case,
            "the number of seed-csv's files has a limit": many_files_case,
        }
    )


if __name__ == "__main__":
    raise SystemExit(main())
