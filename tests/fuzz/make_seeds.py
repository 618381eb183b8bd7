#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes inputs for the fuzzing targets to start from: DIRECTORY/TARGET/NUMBER.

    make_seeds.py DIRECTORY
"""
import gzip
import json
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import make_capture  # noqa: E402

RULES = [
    {"operation": "append", "src": "10.0.0.0/8", "dst": ["!@one", "192.0.2.1-192.0.2.9"], "action": "drop"},
    {"operation": "insert", "id": 0, "l4proto": "TCP", "dport": "80-90", "tcpflags": "SYN,!ACK", "action": "log"},
    {"operation": "update", "id": 1, "src": "2001:db8::/32", "conntrack": "NEW", "expires": "10m"},
    {"operation": "delete", "id": 0},
]
ADDRESSES = ["10.0.0.1\n10.0.0.0/9 # comment\n", "; none\n2001:db8::1-2001:db8::ff\n", "10.0.0.1-10.0.3.9\n::/0\n"] + [
    'create a hash:ip timeout 0\nadd a 10.0.0.1 timeout 60 comment "x"\nCOMMIT\n',
    "Start\tEnd\n10.0.0.0\t10.0.0.255\t24\n10.0.0.0/255.255.0.0\nname:10.0.0.1-10.0.0.9\n",
    '{"cidr":"10.0.0.0/8"}\n{"type":"metadata"}\n',
]
PACKETS = [
    "src=192.0.2.1 dport=80",
    "src=2001:db8::1 dst=2001:db8::2 l4proto=UDP sport=1",
    "l4proto=ICMP icmptype=3",
    "icmptype=ping icmpcode=1 length=100 dscp=ef ttl=5 vlan=7",
    "fragment=later l4proto=TCP tcpflags=SYN conntrack=ESTABLISHED",
]


def write(directory, contents):
    directory.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(contents):
        (directory / str(number)).write_bytes(content if isinstance(content, bytes) else content.encode())


LINK_HEADERS = {  # by link type, in front of an IP packet
    0: b"\2\0\0\0",
    9: b"\xff\3\0\x21",
    50: b"\x0f\0\x08\0",
    51: b"\x11\0\0\1\0\x22\0\x21",
    101: b"",
    105: b"\x88\x02" + bytes(24) + b"\xaa\xaa\3\0\0\0\x08\0",
    113: bytes(14) + b"\x08\0",
    127: b"\0\0\x1c\0\3\0\0\x80\0\0\0\x80" + bytes(16) + b"\x08\1" + bytes(22) + b"\xaa\xaa\3\0\0\0\x08\0",
    192: b"\0\0\x08\0\0\0\0\0\2\0\0\0",
    239: b"\2\0\0\0\x08\0\3\0\0\0\0\0\x40\0\x09\0",
    258: struct.pack("<III", 108, 1, 12) + bytes(96),
    276: b"\x08\0" + bytes(18),
}


def block(kind, body, order="<"):
    body += b"\0" * (-len(body) % 4)
    return struct.pack(order + "II", kind, 12 + len(body)) + body + struct.pack(order + "I", 12 + len(body))


def pcapng(frames, order="<"):
    """A section with an interface for each link type, and packet blocks of all kinds."""
    out = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    options = struct.pack(order + "HHB3xHHqHH", 9, 1, 9, 14, 8, 5, 0, 0)
    links = [(1, b"")] + list(LINK_HEADERS.items())
    for link, _ in links:
        out += block(1, struct.pack(order + "HHI", link, 0, 65535) + options, order)
    for number, (_, header) in enumerate(links):
        frame = header + frames[number % len(frames)][14 if number else 0 :]
        sizes = struct.pack(order + "IIII", 1, number, len(frame), len(frame) + 9)
        out += block(6, struct.pack(order + "I", number) + sizes + frame + options, order)
        out += block(2, struct.pack(order + "HH", number, 0) + sizes + frame, order)
    return out + block(3, struct.pack(order + "I", len(frames[0])) + frames[0], order) + block(0xBAD, bytes(99), order)


STORED, REPEATED, LAST = 0, 1, True


def zstd_block(kind, size, content, last=False):
    return struct.pack("<I", size << 3 | kind << 1 | last)[:3] + content


def zstd_frame(window_log, blocks):
    return b"\x28\xb5\x2f\xfd\0" + bytes([window_log - 10 << 3]) + blocks


def main(directory):
    directory.mkdir(parents=True, exist_ok=True)
    whole = directory / "bundled.pcap"
    make_capture.make(whole)
    data = whole.read_bytes()
    frames, at = [], 24
    while at < len(data):
        length = int.from_bytes(data[at + 8 : at + 12], "little")
        frames.append((data[at : at + 16 + length], data[at + 16 : at + 16 + length]))
        at += 16 + length
    whole.unlink()
    write(directory / "addresses", ADDRESSES)
    write(directory / "batch", [json.dumps({"rules": [rule]}) for rule in RULES] + [json.dumps({"rules": RULES})])
    write(directory / "packet_text", PACKETS)
    write(directory / "packet", [frame for _, frame in frames[::7] if len(frame) < 200])
    records = [record for record, _ in frames[::50]]
    captures = [data[:24] + b"".join(records[:5]), data[:24] + b"".join(records[5:8])]
    for link, header in LINK_HEADERS.items():
        frame = header + frames[0][1][14:]
        length = struct.pack("<II", len(frame), len(frame))
        captures.append(data[:20] + struct.pack("<I", link) + records[0][:8] + length + frame)
    short = [frame for _, frame in frames[::50] if len(frame) < 200]
    captures += [pcapng(short), pcapng(short, ">"), pcapng(short[:1]) + pcapng(short[1:2], ">")]
    captures += [gzip.compress(captures[0]), gzip.compress(captures[0][:99]) + gzip.compress(captures[0][99:])]
    # Zstd frames (RFC 8878) of blocks that are stored as they are, or repeat a byte: any decoder takes them.
    captures.append(zstd_frame(21, zstd_block(STORED, len(captures[1]), captures[1], LAST)))
    zeros = zstd_block(REPEATED, 1 << 17, b"\0", LAST)
    captures.append(zstd_frame(21, zstd_block(STORED, 24, data[:24]) + zeros))
    captures.append(zstd_frame(31, zeros))
    captures.append(struct.pack("<II", 0x184D2A50, 4) + bytes(4) + captures[-3])  # a frame to be skipped
    write(directory / "capture", captures)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
