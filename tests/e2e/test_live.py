#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""`nicsentry run` on veth pairs: what tcpreplay sends is what the windows say.

    test_live.py [CASE ...]

NICSENTRY: the binary (default build/nicsentry). NICSENTRY_PCAPS: real captures (default ../shared/pcaps).
"""
import ctypes
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time

import make_capture
import model
from compare import (BINARY, CAUSES, PATIENCE, REPOSITORY, Mismatch, check_books, check_causes, check_keys, check_records,
                     check_totals, expect, expect_text, read_windows, run_cases)  # fmt: skip
from network import JUMBO, MTU, Controller, Network, finish, run
from segments import big_tcp_case, segments_case

PCAPS = pathlib.Path(os.environ.get("NICSENTRY_PCAPS", REPOSITORY.parent / "shared" / "pcaps"))
CAP = 100
WHOLE_NS = 10**18  # one window for all of a capture
AMOUNTS = ("packets_server", "packets_client", "bytes_server", "bytes_client")
MODES = {"drv": ["--mode", "drv"], "skb": ["--mode", "skb"], "tc": ["--mode", "tc"],
         "tc egress": ["--mode", "tc", "--direction", "both"]}  # fmt: skip


class Sample:
    """A capture, and what the model says of it as one window."""

    def __init__(self, path):
        self.path = path
        self.window = model.analyse(path, WHOLE_NS).windows[0]
        self.packets = self.window.packets_in
        self.on_sessions = sum(session.packets_server + session.packets_client
                               for session in self.window.sessions.values())  # fmt: skip
        longest = max(record["bytes"] for session in self.window.sessions.values() for record in session.records)
        self.mtu = MTU if longest <= MTU else JUMBO  # segments that a card has put together


def totals(windows):
    """Sessions summed over windows, and all rows of books."""
    sessions, books = {}, []
    for number in sorted(windows):
        for row in windows[number]["books"]:
            check_books(row, f"window {number}, {row['hook']}")
            books.append(row)
        for key, row in windows[number]["sessions"].items():
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
        expect(f"{key}, server", (session.server, session.server_method),
               ((sessions[key]["server_ip"], sessions[key]["server_port"]), sessions[key]["server_method"]))  # fmt: skip


def check_sample(sample, directory, hook=None):
    """One window holds the whole sample, records included."""
    windows = read_windows(directory)
    expect("windows", [0], sorted(windows))
    books = windows[0]["books"]
    sessions, _ = totals(windows)
    check_nothing_lost(books)
    expect("packets_in", sample.packets, summed(books, "packets_in"))
    check_causes(books, sample.window, "window 0")
    expect("bytes_in", sample.window.bytes_in, summed(books, "bytes_in"))
    for each in {row["hook"] for row in books}:
        expect(f"packets on {each}", sample.packets if hook in (None, each) else 0,
               sum(row["packets_in"] for row in books if row["hook"] == each))  # fmt: skip
    expect("packets on sessions and learned", sample.on_sessions,
           summed(books, "packets_on_sessions") + summed(books, "packets_learned"))  # fmt: skip
    check_keys(sample.window.sessions, sessions, "window 0")
    for key, session in sample.window.sessions.items():
        check_totals(session, sessions[key], str(key))
        check_records(session.records[:CAP], sessions[key]["records"], str(key), times=False)
        check_live_times(sessions[key], books[0])


def check_live_times(row, books):
    times = [record["timestamp_ns"] for record in row["records"]]
    if times != sorted(times) or times[0] < books["start_ns"] or row["last_packet_ns"] > books["end_ns"]:
        raise Mismatch(f"{row}: expected times in order within the window {books['start_ns']} to {books['end_ns']}")
    expect("first_packet_ns", times[0], row["first_packet_ns"])


def mode_case(directory, samples, mode):
    for sample in samples:
        with Network(directory, mtu=sample.mtu) as network:
            controller = Controller(network, *MODES[mode])
            if mode == "tc egress":
                network.send(sample.path, sample.packets, port="right0", namespace=network.receiver)
            else:
                network.send(sample.path, sample.packets)
            try:
                hook = {"tc": "tc-ingress", "tc egress": "tc-egress"}.get(mode)
                check_sample(sample, controller.stop(), hook)
            except Mismatch as mismatch:
                raise Mismatch(f"{sample.path.name}: {mismatch}") from mismatch
            network.check_clean()
    return f"{len(samples)} captures, {sum(sample.packets for sample in samples)} packets"


def both_directions_case(directory, sample):
    """A session seen on both planes is one session."""
    with Network(directory) as network:
        controller = Controller(network, *MODES["tc egress"])
        network.send(sample.path, sample.packets)
        network.send(sample.path, sample.packets, port="right0", namespace=network.receiver)
        sessions, books = totals(read_windows(controller.stop()))
        expect("packets_in of each plane", {"tc-ingress": sample.packets, "tc-egress": sample.packets},
               {row["hook"]: row["packets_in"] for row in books})  # fmt: skip
        check_nothing_lost(books)
        check_sessions(sample, sessions, times=2)
        network.check_clean()


def short_windows_case(directory, sample, mode):
    loops, wanted, rounds = 20, 200, 0
    with Network(directory) as network:
        controller = Controller(network, *MODES[mode], window="50ms")
        before, began = network.sent(), time.monotonic()
        # A window ends when the kernel's grace period has: longer than 50 ms where others keep the processors busy.
        while lines(controller.output / "windows.jsonl") < wanted and time.monotonic() - began < 90:
            senders = [network.tcpreplay(sample.path, f"--loop={loops}", processor=number % os.cpu_count())
                       for number in range(2)]  # fmt: skip
            for sender in senders:
                finish(sender)
            rounds += 2 * loops
        time.sleep(0.5)
        sent = network.sent() - before
        windows = read_windows(controller.stop())
        expect("packets sent", rounds * sample.packets, sent)
        if len(windows) < wanted:
            raise Mismatch(f"expected at least {wanted} windows in 90 s, seen {len(windows)}")
        expect("numbers of windows", list(range(len(windows))), sorted(windows))
        sessions, books = totals(windows)
        for earlier, later in zip(books, books[1:]):
            expect(f"start of window {later['window']}", earlier["end_ns"], later["start_ns"])
        expect("packets_in, sum over windows", sent, summed(books, "packets_in"))
        expect("bytes_in, sum over windows", rounds * sample.window.bytes_in, summed(books, "bytes_in"))
        check_nothing_lost(books)
        for cause in CAUSES:
            expect(f"packets_{cause}, sum over windows", rounds * sample.window.causes[cause][0],
                   summed(books, f"packets_{cause}"))  # fmt: skip
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
        expect("packets known and unknown", (1010, 100_000),
               (row["packets_on_sessions"] + row["packets_learned"], row["packets_unknown"] - row["packets_learned"]))  # fmt: skip
        expect("clients", sorted(client for client, _ in known), sorted(row["client_ip"] for row in sessions.values()))
        expect("packets of each", [101] * 10, [row["packets_client"] for row in sessions.values()])
        if not 0 < row["sessions_refused"] <= 100_000:
            raise Mismatch(f"sessions_refused: expected 1 to 100000, seen {row['sessions_refused']}")
        if grown > 64 * 1024:
            raise Mismatch(f"memory: expected it bounded, seen {grown} KiB more")
        network.check_clean()
    return (f"{row['sessions_refused']} sessions refused, {row['unknown_left_out']} packets left out, "
            f"{row['unknown_events_lost']} lost, {grown} KiB more")  # fmt: skip


def adoption_case(directory, sample):
    with Network(directory) as network:
        for mode, flag in (("drv", "xdpdrv"), ("skb", "xdpgeneric")):
            program = pathlib.Path(BINARY).parent / "bpf_offload" / "ddos.o"
            network.inside(network.receiver, "ip", "link", "set", "dev", "right0", flag, "obj", program, "sec", "xdp")
            attached = network.program_id()
            network.send(sample.path, sample.packets)  # nobody home
            controller = Controller(network)
            expect_text("log", f"mode {mode}, taking over", controller.log())
            expect("program id", attached, network.program_id())
            network.send(sample.path, sample.packets)
            check_sample(sample, controller.stop())
            expect("program id after the run", attached, network.program_id())
            network.inside(network.receiver, "ip", "link", "set", "dev", "right0", flag, "off")


def vanishing_case(directory, sample):
    with Network(directory, pairs=2) as network:
        controller = Controller(network, "--mode", "drv", ports=("right0", "right1"))
        network.send(sample.path, sample.packets, port="left1")
        run("ip", "-n", network.receiver, "link", "del", "right1")
        controller.wait_for(r"error: .*right1.*gone")
        network.send(sample.path, sample.packets)
        sessions, books = totals(read_windows(controller.stop(status=1)))
        expect("packets_in of each port", (sample.packets, sample.packets),
               tuple(sum(row["packets_in"] for row in books if row["interface"] == port)
                     for port in ("right0", "right1")))  # fmt: skip
        check_sessions(sample, sessions, times=2)
        network.check_clean()


COUNT_FRAMES = """
import socket
receiver = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
receiver.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
receiver.bind(("right0", 3))
print("ready", flush=True)
frames = 0
receiver.settimeout(10)
try:
    while True:
        receiver.recv(65536)
        frames += 1
        receiver.settimeout(1)
except socket.timeout:
    print(frames)
"""


def killed_case(directory, sample):
    with Network(directory) as network:
        first = Controller(network, "--mode", "drv")
        attached = network.program_id()
        network.send(sample.path, sample.packets)
        first.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        expect("program id after SIGKILL", attached, network.program_id())
        listener = network.start(network.receiver, "/usr/bin/python3", "-c", COUNT_FRAMES, stdout=subprocess.PIPE)
        listener.stdout.readline()
        network.send(sample.path, sample.packets)
        expect("frames that the stack got", sample.packets, int(listener.stdout.readline()))
        listener.wait(timeout=PATIENCE)
        second = Controller(network, "--mode", "drv")
        expect_text("log", f"(id {attached}, attached by a run that died)", second.log())
        expect("program id of the second run", attached, network.program_id())
        network.send(sample.path, sample.packets)
        check_sample(sample, second.stop())
        network.check_clean()


def second_controller_case(directory, sample):
    with Network(directory) as network:
        first = Controller(network, "--mode", "drv")
        attached = network.program_id()
        refused = network.nicsentry("run", "-i", "right0", "--windows", 1, "--window", "1s", check=False)
        expect("exit status of the second", 1, refused.returncode)
        expect_text("stderr of the second", "right0", refused.stderr)
        expect_text("stderr of the second", str(first.process.pid), refused.stderr)
        expect("program id", attached, network.program_id())
        network.send(sample.path, sample.packets)
        check_sample(sample, first.stop())
        network.check_clean()


def load_stranger():
    """An XDP program that passes everything: r0 = XDP_PASS; exit. By the system call; its descriptor is returned."""
    numbers = {"x86_64": 321, "aarch64": 280}
    instructions = ctypes.create_string_buffer(struct.pack("<BBhiBBhi", 0xB7, 0, 0, 2, 0x95, 0, 0, 0))
    text = ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack("<IIQQIIQII16s", 6, 2, ctypes.addressof(instructions), ctypes.addressof(text), 0, 0, 0, 0, 0,
                             b"stranger")  # fmt: skip
    buffer = ctypes.create_string_buffer(attributes, 128)
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(numbers[os.uname().machine], 5, buffer, 128)
    if descriptor < 0:
        raise Mismatch(f"loading a foreign program: {os.strerror(ctypes.get_errno())}")
    return descriptor


def foreign_case(directory, sample):
    descriptor = load_stranger()
    try:
        info = pathlib.Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
        stranger = int(info.split("prog_id:")[1].split()[0])
        with Network(directory) as network:
            network.inside(network.receiver, "bpftool", "net", "attach", "xdpdrv", "id", stranger, "dev", "right0")
            for mode in ("auto", "drv", "skb"):
                refused = network.nicsentry("run", "-i", "right0", "--mode", mode, "--windows", 1, check=False)
                expect(f"--mode {mode}, exit status", 1, refused.returncode)
                expect_text(f"--mode {mode}, stderr", "stranger", refused.stderr)
                expect_text(f"--mode {mode}, stderr", "right0", refused.stderr)
                expect(f"--mode {mode}, program id", stranger, network.program_id())
            controller = Controller(network, "--mode", "tc")  # there is room
            network.send(sample.path, sample.packets)
            check_sample(sample, controller.stop())
            expect("program id after a run on TC", stranger, network.program_id())
    finally:
        os.close(descriptor)


def extract_case(directory, sample):
    with Network(directory) as network:
        controller = Controller(network, "--mode", "drv")
        network.send(sample.path, sample.packets)
        said = network.nicsentry("extract", "-i", "right0")
        windows = read_windows(controller.output)
        expect("windows after extract", [0], sorted(windows))
        check_sample(sample, controller.output)
        network.send(sample.path, sample.packets)
        sessions, books = totals(read_windows(controller.stop()))
        expect("windows", [0, 1], sorted({row["window"] for row in books}))
        check_sessions(sample, sessions, times=2)
        network.check_clean()
        nobody = network.nicsentry("extract", "-i", "right0", check=False)
        expect("extract without a controller, exit status", 1, nobody.returncode)
        expect_text("extract without a controller, stderr", "right0", nobody.stderr)
    return " ".join(said.stdout.split())


def clean_case(directory):
    """A clsact that was there before stays."""
    with Network(directory) as network:
        for how in (signal.SIGINT, signal.SIGTERM):
            for options in MODES.values():
                Controller(network, *options).stop(how=how)
                network.check_clean()
        run("tc", "-n", network.receiver, "qdisc", "add", "dev", "right0", "clsact")
        Controller(network, *MODES["tc egress"]).stop()
        qdiscs = run("tc", "-n", network.receiver, "qdisc", "show", "dev", "right0").stdout
        expect_text("qdiscs after a run beside another's clsact", "clsact", qdiscs)
        for side in ("ingress", "egress"):
            filters = run("tc", "-n", network.receiver, "filter", "show", "dev", "right0", side).stdout
            expect(f"{side} filters", "", filters.strip())


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that finally blocks run
    # In memory, where there is: windows of 50 ms are to wait for no disk that others keep busy.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="nicsentry-e2e-", dir=memory) as temporary:
        bundled = pathlib.Path(temporary) / "bundled.pcap"
        make_capture.make(bundled)
        sample = Sample(bundled)
        samples = [sample]
        if PCAPS.is_dir():
            samples += [Sample(path) for path in sorted(PCAPS.iterdir()) if path.suffix in (".pcap", ".pcapng")]
        else:
            print(f"skipped the real captures: no directory {PCAPS} (set NICSENTRY_PCAPS)")
        cases = [(f"mode {mode}", lambda mode=mode: mode_case(temporary, samples, mode)) for mode in MODES]
        cases += [
            ("both directions", lambda: both_directions_case(temporary, sample)),
            ("200 windows of 50 ms, drv", lambda: short_windows_case(temporary, sample, "drv")),
            ("200 windows of 50 ms, tc", lambda: short_windows_case(temporary, sample, "tc")),
            ("cap", lambda: cap_case(temporary)),
            ("flood", lambda: flood_case(temporary)),
            ("adoption after ip link", lambda: adoption_case(temporary, sample)),
            ("a port disappears", lambda: vanishing_case(temporary, sample)),
            ("SIGKILL", lambda: killed_case(temporary, sample)),
            ("second controller", lambda: second_controller_case(temporary, sample)),
            ("foreign program", lambda: foreign_case(temporary, sample)),
            ("extract", lambda: extract_case(temporary, sample)),
            ("segments, IPv4", lambda: segments_case(temporary, 4)),
            ("segments, IPv6", lambda: segments_case(temporary, 6)),
            ("segments of super-packets beyond 64 KiB", lambda: big_tcp_case(temporary)),
            ("port left clean", lambda: clean_case(temporary)),
        ]
        return run_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
