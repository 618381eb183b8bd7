#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry replay` of captures as people have them: cut, compressed, damaged, out of order, of many link types.

    test_captures.py --list | [CASE ...]

NICSENTRY: the binary (default build/nicsentry).
"""
import gzip
import json
import pathlib
import resource
import struct
import subprocess
import sys
import tempfile

from compare import BINARY, PATIENCE, expect, expect_text, read_lines
from make_capture import ACK, FIN, IPV4, IPV6, PSH, RST, SYN, TAG, TCP, UDP, ethernet, ipv4, ipv6, tcp, udp
from suite import Mismatch, run_directory_cases

SECOND = 10**9
START = 1_700_000_000 * SECOND
CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
ETHERNET = 1


def pcap(packets, link_type=ETHERNET):
    """Packets are (time in ns, frame) or (time in ns, frame, length on the wire)."""
    out = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link_type)
    for time_ns, frame, *wire in packets:
        length = wire[0] if wire else len(frame)
        out += struct.pack("<IIII", time_ns // SECOND, time_ns % SECOND, len(frame), length) + frame
    return out


def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def pcapng(interfaces, packets):
    """`interfaces`: (link type, snap length); `packets`: (interface, microseconds, frame)."""
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    for link_type, snap_length in interfaces:
        out += block(1, struct.pack("<HHI", link_type, 0, snap_length))
    for interface, micros, frame in packets:
        head = struct.pack("<IIIII", interface, micros >> 32, micros & 0xFFFFFFFF, len(frame), len(frame))
        out += block(6, head + frame)
    return out


def segment(source, destination, sport, dport, flags, payload=b"", sequence=1000):
    packet = tcp(source, destination, sport, dport, flags, payload=payload)
    packet = packet[:4] + struct.pack("!I", sequence) + packet[8:]
    return ipv4(source, destination, TCP, packet)


def there(flags, payload=b"", sequence=1000, sport=40000, dport=80):
    return ethernet(IPV4, segment(CLIENT, SERVER, sport, dport, flags, payload, sequence))


def back(flags, payload=b"", sequence=5000, sport=40000, dport=80):
    return ethernet(IPV4, segment(SERVER, CLIENT, dport, sport, flags, payload, sequence))


def run(arguments, status=0, stdin=None):
    command = [BINARY, "replay", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=PATIENCE)
    stdout, stderr = done.stdout.decode(), done.stderr.decode()
    if done.returncode != status:
        raise Mismatch(f"{' '.join(command)}: expected exit status {status}, seen {done.returncode}: {stderr}")
    return stdout, stderr


def sessions_of(capture, *options, status=0):
    """The rows of `sessions`, and what was said on standard error."""
    with tempfile.TemporaryDirectory() as output:
        _, stderr = run([capture, "--format", "jsonl", "-o", output, *options], status)
        path = pathlib.Path(output) / "sessions.jsonl"
        return (read_lines(path) if path.exists() else []), stderr


def closing_record(stdout):
    record = json.loads(stdout.splitlines()[-1])
    return record["replay"]


def counts(row):
    return [row[name] for name in ("packets_client", "bytes_client", "packets_server", "bytes_server")]


def expect_bounded_memory():
    """Of each child so far. A child's peak includes this process's."""
    if (used := resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) > 400_000:
        raise Mismatch(f"expected at most 400 MB of memory, seen {used} kB")


def server_of(row):
    return row["server_ip"], row["server_port"], row["server_method"]


def write(directory, name, content):
    path = pathlib.Path(directory) / name
    path.write_bytes(content)
    return path


def cap_case(directory):
    frames = [(START + number * SECOND // 100, there(SYN if number == 0 else ACK)) for number in range(150)]
    capture = write(directory, "silence.pcap", pcap(frames))
    for options in ((), ("--cap", "0"), ("--window", "3s"), ("--window", "1d"), ("--window", "all")):
        rows, _ = sessions_of(capture, *options)
        seen = [(row["duration_ns"], row["last_packet_uncertainty_ns"]) for row in rows]
        expect(f"{options}: duration and its uncertainty", [(149 * SECOND // 100, 0)], seen)
    rows, _ = sessions_of(capture, "--window", "0.4")
    expect("first and last packets of windows of 0.4 s", [390_000_000] * 3 + [290_000_000], durations(rows))


def durations(rows):
    return [row["duration_ns"] for row in rows]


def truncated_behind_cap_case(directory):
    """A packet that is not counted on a session above the cap is not its last one."""
    cut = there(ACK, bytes(1000))[:200]
    frames = [(START + number * SECOND // 100, there(ACK)) for number in range(120)] + [(START + 5 * SECOND, cut)]
    rows, _ = sessions_of(write(directory, "cut.pcap", pcap(frames)))
    expect(
        "packets and duration",
        [(120, 119 * SECOND // 100)],
        [(sum(counts(row)[::2]), row["duration_ns"]) for row in rows],
    )


def total_length_case(directory):
    offloaded = ipv4(CLIENT, SERVER, TCP, tcp(CLIENT, SERVER, 40000, 80, PSH | ACK, payload=bytes(2000)), total=0)
    big = ipv4(CLIENT, SERVER, TCP, tcp(CLIENT, SERVER, 40000, 80, PSH | ACK, payload=bytes(150)), total=0)
    jumbo = ipv6(
        "2001:db8::1",
        "2001:db8::2",
        TCP,
        tcp("2001:db8::1", "2001:db8::2", 40000, 80, ACK, payload=bytes(90)),
        extensions=[(0, b"\0\xc2\x04\0\2\0\0")],
        plen=0,
    )
    frames = [
        (START, there(SYN)),
        (START + 1, ethernet(IPV4, offloaded)),
        (START + 2, ethernet(IPV4, big), 14 + 200_000),  # BIG TCP, cut by a snap length
        (START + 3, ethernet(IPV6, jumbo), 14 + 100_000),
        (START + 4, ethernet(IPV6, jumbo), 14 + 100_000),
    ]
    rows, _ = sessions_of(write(directory, "offloaded.pcap", pcap(frames)))
    expect("IPv4", [3, 40 + 2040 + 200_000, 0, 0], counts(rows[0]))
    expect("IPv6", [2, 200_000, 0, 0], counts(rows[1]))
    with tempfile.TemporaryDirectory() as output:
        run([directory, "--format", "jsonl", "-o", output])
        (books,) = read_lines(pathlib.Path(output) / "windows.jsonl")
        expect("bytes in", 40 + 2040 + 400_000, books["bytes_in"])
        packets = [row["bytes"] for row in read_lines(pathlib.Path(output) / "packets.jsonl")]
        expect("lengths of packets", [40, 2040, 200_000, 100_000, 100_000], packets)


def cut_frames_case(directory):
    cropped = there(ACK, bytes(1154))[:124]
    later = ethernet(IPV4, ipv4(CLIENT, SERVER, UDP, bytes(1000), flags=100))[:100]
    frames = [(START, there(SYN))] + [(START + 1 + number, cropped) for number in range(10)] + [(START + 50, later)]
    capture = write(directory, "cropped.pcap", pcap(frames))
    rows, _ = sessions_of(capture, "--cut-frames")
    expect("with --cut-frames", [[11, 11_980, 0, 0]], [counts(row) for row in rows])
    rows, _ = sessions_of(capture)
    expect("without it", [[1, 40, 0, 0]], [counts(row) for row in rows])
    stdout, _ = run([capture])
    expect_text("the window", "truncated 11", stdout)
    expect_text(
        "the window names the option", "11 truncated packets are cut behind their headers: --cut-frames", stdout
    )
    stdout, _ = run([capture, "--cut-frames"])
    expect_text("with --cut-frames", "later_fragment 1", stdout)
    expect("a hint with --cut-frames", False, "--cut-frames" in stdout)


def duplicates_case(directory):
    frames = []
    for time, frame in ((0, there(SYN)), (1_000_000, back(SYN | ACK)), (2_000_000, there(ACK, bytes(100)))):
        frames += [(START + time, frame), (START + time + 10_000, frame[:12] + struct.pack("!HH", TAG, 7) + frame[12:])]
    frames.append((START + 2_200_000, there(ACK, bytes(100))))  # 200 us later
    capture = write(directory, "twice.pcap", pcap(frames))
    rows, _ = sessions_of(capture)
    expect("by default", [[5, 500, 2, 80]], [counts(row) for row in rows])
    rows, _ = sessions_of(capture, "--dedup")
    expect("with --dedup", [[3, 320, 1, 40]], [counts(row) for row in rows])
    stdout, _ = run([capture, "--dedup"])
    expect_text("last line", "1 session, 4 packets, 1 window, 3 copied packets left out", stdout)
    stdout, _ = run([capture, "--dedup", "--json"])
    expect("closing record", 3, closing_record(stdout)["packets_left_out"])


def vlan_case(directory):
    def packet(payload, *vlans):
        return ethernet(IPV4, ipv4(CLIENT, SERVER, UDP, udp(CLIENT, SERVER, 5000, 53, bytes(payload))), vlans)

    tags = {"": (), "10": ((TAG, 10),), "20": ((TAG, 20),), "10.20": ((0x88A8, 10), (TAG, 0x2014))}
    frames = []
    for number in range(150):
        frames += [packet(place, *vlans) for place, vlans in enumerate(tags.values())]
    frames += [packet(0, (TAG, 0x6000)), packet(1, (TAG, 0), (TAG, 10)), packet(3, (0x9100, 10), (TAG, 20), (TAG, 30))]
    capture = write(directory, "vlans.pcap", pcap([(START + time, frame) for time, frame in enumerate(frames)]))
    expected = {"": [151, 151 * 28, 0, 0], "10": [151, 151 * 29, 0, 0], "20": [150, 150 * 30, 0, 0]}
    expected["10.20"] = [151, 151 * 31, 0, 0]
    rows, _ = sessions_of(capture, "--vlan")
    expect("with --vlan", expected, {row["vlan"]: counts(row) for row in rows})
    expect("last packets above the cap", [600, 601, 598, 602], [row["last_packet_ns"] - START for row in rows])
    stdout, _ = run([capture, "--vlan"])
    expect_text("the table", "UDP vlan 10.20", stdout)
    rows, _ = sessions_of(capture)
    expect("without it", [("", 603)], [(row["vlan"], row["packets_client"]) for row in rows])
    run([capture, "--vlan", "-q", "--format", "seed-csv", "-o", directory])
    expect("files of the earlier system", 1, len(list((pathlib.Path(directory) / "dump_ddos").iterdir())))


def old_tag_case(directory):
    frames = [
        (START, ethernet(IPV4, segment(CLIENT, SERVER, 40000, 80, SYN), ((0x9100, 5), (TAG, 6)))),
        (START + 1, ethernet(IPV4, segment(SERVER, CLIENT, 80, 40000, SYN | ACK), ((0x88A8, 5), (TAG, 6)))),
    ]
    rows, _ = sessions_of(write(directory, "tags.pcap", pcap(frames)))
    expect("one session", [[1, 40, 1, 40]], [counts(row) for row in rows])


def interfaces_case(directory):
    frames = [(0, START // 1000, there(SYN)), (1, START // 1000 + 1, back(SYN | ACK)[14:])]
    capture = write(directory, "two.pcapng", pcapng(((ETHERNET, 262144), (101, 65535)), frames))
    rows, _ = sessions_of(capture)
    expect("both packets", [[1, 40, 1, 40]], [counts(row) for row in rows])


def time_beyond_case(directory):
    frames = [(0, START // 1000, there(SYN)), (0, 2**64 - 16, back(ACK)), (0, START // 1000 + 1, there(ACK))]
    capture = write(directory, "far.pcapng", pcapng(((ETHERNET, 0),), frames))
    rows, stderr = sessions_of(capture, status=1)
    expect("what came before", [[1, 40, 0, 0]], [counts(row) for row in rows])
    expect_text("stderr", "far.pcapng: damaged at packet 2, byte", stderr)
    stdout, _ = run([capture, "--json"], status=1)
    expect("packets of the closing record", 1, closing_record(stdout)["packets"])
    expect_text("failures of the closing record", "packet 2", str(closing_record(stdout)["failures"]))


def handshake_case(directory):
    ports = {"sport": 40000, "dport": 50051}
    frames = [
        (START + 2_000_000, there(ACK, **ports)),
        (START, there(SYN, **ports)),
        (START + 1_000_000, back(SYN | ACK, **ports)),
        (START + 3_000_000, there(PSH | ACK, b"x", **ports)),
    ]
    rows, stderr = sessions_of(write(directory, "late.pcap", pcap(frames)))
    expect("server", [(SERVER, 50051, "handshake")], [server_of(row) for row in rows])
    expect("counts", [[3, 121, 1, 40]], [counts(row) for row in rows])
    expect_text("a warning", "packet 2 of", stderr)
    # Above the cap as well, and not by a SYN when a SYN had decided.
    frames = [(START + number, there(ACK, **ports)) for number in range(150)] + [
        (START + 900, back(SYN | ACK, **ports))
    ]
    frames.append((START + 901, there(SYN | ACK, **ports)))
    rows, _ = sessions_of(write(directory, "capped.pcap", pcap(frames)))
    expect("server above the cap", [(SERVER, 50051, "handshake")], [server_of(row) for row in rows])


def port_reuse_case(directory):
    ports = {"sport": 40000, "dport": 50051}
    frames = [
        (START, there(ACK, b"0123456789", 2000, **ports)),
        (START + SECOND, back(FIN | ACK, **ports)),
        (START + 2 * SECOND, there(FIN | ACK, b"", 2010, **ports)),
        (START + 3 * SECOND, there(SYN, b"", 9000, **ports)),
        (START + 3 * SECOND + 1, back(SYN | ACK, **ports)),
        (START + 4 * SECOND, there(RST, b"", 9001, **ports)),
        (START + 5 * SECOND, there(SYN, b"", 20000, **ports)),
        (START + 6 * SECOND, back(RST | ACK, b"", 0, **ports)),
        (START + 7 * SECOND, there(SYN, b"", 20000, **ports)),  # tried again
    ]
    capture = write(directory, "reused.pcap", pcap(frames))
    for options in ((), ("--cap", "2"), ("--cap", "0"), ("--window", "all")):
        rows, _ = sessions_of(capture, *options)
        expect(f"{options}: servers", [(SERVER, 50051, "handshake")] * 3, [server_of(row) for row in rows])
        expect(f"{options}: counts", [[2, 90, 1, 40], [2, 80, 1, 40], [2, 80, 1, 40]], [counts(row) for row in rows])
        expect(f"{options}: durations", [2 * SECOND, SECOND, 2 * SECOND], durations(rows))
        expect(f"{options}: numbers", [0, 1, 2], [row["session"] for row in rows])
    stdout, _ = run([capture])
    expect_text("last line", "3 sessions, 9 packets, 1 window", stdout)
    expect_text("the accounting", "3 active, 3 new", stdout)
    # The earlier system's files know a session by its ends: one file, one row, with all packets.
    run([capture, "-q", "--format", "seed-csv,seed-json", "-o", directory])
    (name,) = [path.name for path in (pathlib.Path(directory) / "dump_ddos").glob("*.csv")]
    expect("name", "10.0.0.1-40000___10.0.0.2-50051___TCP-iter0.csv", name)
    results = (pathlib.Path(directory) / "dump_crypto" / "results.csv").read_text().splitlines()
    expect("rows of results.csv", 2, len(results))
    expect("packets of the row", ["3", "6"], results[1].split(", ")[7:9])
    (entry,) = json.loads((pathlib.Path(directory) / "dump_ddos" / "result_0.json").read_text())
    expect("packets of the JSON", 9, len(entry["packets"]))


def back_in_time_case(directory):
    frames = [
        (START, there(SYN)),
        (START + 1, back(SYN | ACK)),
        (START - 3600 * SECOND, there(SYN, sport=40001)),
        (START + 5 * SECOND, there(ACK)),
        (START + 15 * SECOND, there(ACK)),
        (START + 4 * SECOND, there(ACK)),
    ]
    capture = write(directory, "back.pcap", pcap(frames))
    with tempfile.TemporaryDirectory() as output:
        _, stderr = run([capture, "-q", "--format", "jsonl", "-o", output])
        expect_text("the first packet out of order", "packet 3 of", stderr)
        expect_text("by how much", "3600.000000001 s older", stderr)
        expect_text("how many", "2 packets out of order", stderr)
        windows = {row["window"]: row for row in read_lines(pathlib.Path(output) / "windows.jsonl")}
        expect("windows", [0, 1], sorted(windows))
        for table, names in (("sessions", ("first_packet_ns", "last_packet_ns")), ("packets", ("timestamp_ns",))):
            for row in read_lines(pathlib.Path(output) / f"{table}.jsonl"):
                window = windows[row["window"]]
                for name in names:
                    if not window["start_ns"] <= row[name] < window["end_ns"]:
                        raise Mismatch(f"{table}: expected a time within {window}, seen {row}")
    stdout, _ = run([capture, "--json", "-q"])
    expect("the closing record", 2, closing_record(stdout)["packets_out_of_order"])
    _, stderr = run([write(directory, "fine.pcap", pcap(frames[:2]))])
    expect("a warning without a reason", "", stderr)


def year_case(directory):
    time = 2_177_452_800 * SECOND
    frames = [(time, there(SYN)), (time + 1_000_000, back(SYN | ACK))]
    with tempfile.TemporaryDirectory() as output:
        run([write(directory, "2039.pcap", pcap(frames)), "-q", "--format", "jsonl", "-o", output])
        (books,) = read_lines(pathlib.Path(output) / "windows.jsonl")
        expect("window", (0, "2039-01-01T00:00:00.000000000Z"), (books["window"], books["start_time"]))


def huge_length_case(directory):
    frames = [(START, there(SYN), 2**32 - 1), (START + 1, back(SYN | ACK))]
    frames += [(START + 2, there(ACK)[:30], 2**32 - 1)]  # cut within its headers
    capture = write(directory, "huge.pcap", pcap(frames))
    rows, _ = sessions_of(capture)
    expect("counts", [[1, 40, 1, 40]], [counts(row) for row in rows])
    expect_bounded_memory()


def hostile_case(directory):
    """What small files can ask for: memory stays bounded, and the error names the file."""
    one = pcapng(((ETHERNET, 0),), [(0, START // 1000, there(SYN))])
    bomb = pathlib.Path(directory) / "bomb.pcapng.gz"
    with gzip.open(bomb, "wb") as file:  # in pieces, for expect_bounded_memory()
        file.write(one + struct.pack("<II", 0xBAD, 12 + 2**28))
        for _ in range(256):
            file.write(bytes(2**20))
        file.write(struct.pack("<I", 12 + 2**28))
    rows, _ = sessions_of(bomb)
    expect("a block of 256 MiB", [[1, 40, 0, 0]], [counts(row) for row in rows])
    window = b"\x28\xb5\x2f\xfd\0\xa8" + struct.pack("<I", len(one) << 3 | 1)[:3] + one
    _, stderr = run([write(directory, "window.zst", window)], status=1)
    expect_text("a window of 2 GiB", "window.zst: zstd data not read near byte", stderr)
    claims = one + struct.pack("<II", 6, 2**32 - 4) + bytes(100)
    rows, stderr = sessions_of(write(directory, "claims.pcapng", claims), status=1)
    expect("what came before", 1, len(rows))
    expect_text("a block of 4 GiB", f"claims.pcapng: damaged at packet 2, byte {len(one)}", stderr)
    expect_bounded_memory()


def link_types_case(directory):
    packet = there(SYN)[14:]
    for link_type, header in (
        (0, b"\2\0\0\0"),
        (108, b"\0\0\0\2"),
        (9, b"\xff\3\0\x21"),
        (50, b"\xff\3\0\x21"),
        (104, b"\x0f\0\x08\0"),
        (101, b""),
        (192, b"\0\0\x08\0\x65\0\0\0"),
        (239, b"\2\0\0\0" + struct.pack("<HH", 4 + len(packet), 9)),
        (258, struct.pack("<III", 108, 1, 0) + bytes(96) + b"\2\0\0\0"),
        (127, b"\0\0\x08\0\0\0\0\0\x08\x01" + bytes(22) + b"\xaa\xaa\3\0\0\0\x08\0"),
    ):
        capture = write(directory, f"link{link_type}.pcap", pcap([(START, header + packet)], link_type))
        rows, _ = sessions_of(capture)
        expect(f"link type {link_type}", [[1, 40, 0, 0]], [counts(row) for row in rows])
    for what, kind, header in (("PPPoE", 0x8864, b"\x11\0\0\7\0\x2a\0\x21"), ("MPLS", 0x8847, b"\0\1\1\x40")):
        frame = ethernet(kind, header + packet, ((TAG, 7),))
        rows, _ = sessions_of(write(directory, f"{what}.pcap", pcap([(START, frame)])))
        expect(what, [[1, 40, 0, 0]], [counts(row) for row in rows])
    _, stderr = sessions_of(write(directory, "bluetooth.pcap", pcap([(START, packet)], 187)), status=1)
    expect_text("an unknown link type", "1 packet of link type 187", stderr)


def compressed_case(directory):
    data = pcap([(START + number, there(ACK, bytes([number % 256]) * 100)) for number in range(2000)])
    plain, _ = sessions_of(write(directory, "plain.pcap", data))
    half = data[: len(data) // 2], data[len(data) // 2 :]
    zstd = [
        subprocess.run(["zstd", "-q", "-c"], input=part, stdout=subprocess.PIPE, check=True).stdout for part in half
    ]
    for name, content in (
        ("a.pcap.gz", gzip.compress(data)),
        ("b.gz", b"".join(map(gzip.compress, half))),
        ("c.pcap.zst", b"".join(zstd)),
    ):
        rows, _ = sessions_of(write(directory, name, content))
        expect(name, plain, rows)
        stdout, stderr = run([write(directory, "damaged", content[:-20]), "--json", "-q"], status=1)
        expect_text("stderr", f"cut off at byte {len(content) - 20} of the file", stderr)
        if not 0 < closing_record(stdout)["packets"] < 2000:
            raise Mismatch(f"{name}, cut: expected some packets, seen {stdout.splitlines()[-1]}")


def sources_case(directory):
    captures = pathlib.Path(directory) / "captures"
    captures.mkdir()
    first, second = pcap([(START, there(SYN))]), pcap([(START + 5, back(SYN | ACK))])
    write(captures, "2.pcap", first)
    write(captures, "1.pcap.gz", gzip.compress(second))
    write(captures, "notes.txt", b"no capture\n")
    (captures / "within").mkdir()
    rows, _ = sessions_of(captures)
    expect("a directory", [[1, 40, 1, 40]], [counts(row) for row in rows])
    for content in (first, gzip.compress(first)):
        stdout, _ = run(["-", "--json"], stdin=content)
        expect("stdin", 1, closing_record(stdout)["packets"])
        expect("its name", "stdin", json.loads(stdout.splitlines()[0])["planes"][0]["interface"])
    with open("/proc/self/mem", "rb") as unreadable:
        command = [BINARY, "replay", "-"]
        done = subprocess.run(command, stdin=unreadable, stderr=subprocess.PIPE, check=False, timeout=PATIENCE)
    expect_text("stdin that cannot be read", "reading standard input", done.stderr.decode())
    bad, missing = write(directory, "bad.pcap", b"rubbish" * 9), pathlib.Path(directory) / "missing.pcap"
    stdout, stderr = run([bad, captures / "2.pcap", missing, captures / "1.pcap.gz", "--json"], status=1)
    expect("the others are read", (2, 1), (closing_record(stdout)["packets"], closing_record(stdout)["sessions"]))
    for name in ("bad.pcap", "missing.pcap"):
        expect_text("stderr", name, stderr)
        expect_text("failures", name, str(closing_record(stdout)["failures"]))
    stdout, stderr = run([captures / "within", "--json"], status=1)
    expect("nothing to read", 0, closing_record(stdout)["packets"])
    expect_text("stderr", "no capture", stderr)


def many_captures_case(directory):
    """More captures of the same time than the soft limit of open files."""
    captures = pathlib.Path(directory) / "captures"
    captures.mkdir()
    for number in range(150):
        frames = [(START + number, there(SYN, sport=number)), (START + SECOND + number, there(ACK, sport=number))]
        write(captures, f"{number}.pcap", pcap(frames))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        stdout, _ = run([captures, "--json"])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    expect("all are read", (300, 150), (closing_record(stdout)["packets"], closing_record(stdout)["sessions"]))


def json_case(directory):
    capture = write(directory, "one.pcap", pcap([(START + 42, there(SYN)), (START + SECOND, back(SYN | ACK))]))
    stdout, stderr = run([capture, "--json", "-q", "--window", "all"])
    window, closing = map(json.loads, stdout.splitlines())
    expect("stderr", "", stderr)
    expect("start", (START + 42, "2023-11-14T22:13:20.000000042Z"), (window["start_ns"], window["start_time"]))
    expect("end", (START + SECOND + 1, "2023-11-14T22:13:21.000000001Z"), (window["end_ns"], window["end_time"]))
    expect(
        "closing record",
        (2, 1, 1, []),
        tuple(closing["replay"][name] for name in ("packets", "sessions", "windows", "failures")),
    )
    rows, _ = sessions_of(capture)
    expect("first_packet_time", "2023-11-14T22:13:20.000000042Z", rows[0]["first_packet_time"])
    expect("last_packet_time", "2023-11-14T22:13:21.000000000Z", rows[0]["last_packet_time"])


def main():
    return run_directory_cases(
        {
            "a session above the cap ends at its last packet": cap_case,
            "a truncated packet does not end a session above the cap": truncated_behind_cap_case,
            "total length 0": total_length_case,
            "frames that a mirror cut": cut_frames_case,
            "packets that a mirror copied": duplicates_case,
            "VLANs as a part of sessions": vlan_case,
            "old service tags": old_tag_case,
            "interfaces of pcapng": interfaces_case,
            "a time beyond 2262": time_beyond_case,
            "a SYN decides the server": handshake_case,
            "ports that are used again": port_reuse_case,
            "time that goes back": back_in_time_case,
            "the year 2039": year_case,
            "a length on the wire beyond sense": huge_length_case,
            "small files that ask for much": hostile_case,
            "link types": link_types_case,
            "compressed captures": compressed_case,
            "stdin, directories, and files that cannot be read": sources_case,
            "many captures of the same time": many_captures_case,
            "JSON": json_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
