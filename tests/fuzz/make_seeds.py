#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes inputs for the fuzzing targets to start from: DIRECTORY/TARGET/NUMBER.

    make_seeds.py DIRECTORY
"""
import json
import pathlib
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
    "fragment=later l4proto=TCP tcpflags=SYN conntrack=ESTABLISHED",
]


def write(directory, contents):
    directory.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(contents):
        (directory / str(number)).write_bytes(content if isinstance(content, bytes) else content.encode())


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
    write(directory / "capture", [data[:24] + b"".join(records[:5]), data[:24] + b"".join(records[5:8])])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
