#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the bundled capture: every header case that nicsentry walks, the same bytes each time.

    make_capture.py OUT.pcap
"""
import ipaddress
import random
import struct
import sys

from checksum import checksum

START_NS = 1_700_000_000_123_456_000
SENDER = bytes.fromhex("020000000001")
RECEIVER = bytes.fromhex("020000000002")
IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
TAG, SERVICE_TAG = 0x8100, 0x88A8
ICMP, TCP, UDP, GRE, ICMPV6 = 1, 6, 17, 47, 58
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS, NONE = 0, 43, 44, 60, 59
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
DONT_FRAGMENT, MORE_FRAGMENTS = 0x4000, 0x2000


def with_checksum(segment, at, source, destination, protocol):
    a, b = (ipaddress.ip_address(end).packed for end in (source, destination))
    pseudo = a + b + struct.pack("!IxxxB", len(segment), protocol)
    return segment[:at] + struct.pack("!H", checksum(pseudo + segment)) + segment[at + 2 :]


def tcp(source, destination, sport, dport, flags, window=64240, payload=b"", options=b""):
    header = struct.pack("!HHIIBBHHH", sport, dport, 1000, 2000, (20 + len(options)) // 4 << 4, flags, window, 0, 0)
    return with_checksum(header + options + payload, 16, source, destination, TCP)


def udp(source, destination, sport, dport, payload=b""):
    header = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
    return with_checksum(header + payload, 6, source, destination, UDP)


def icmp(kind, code=0, rest=b"\0\1\0\1", payload=b""):
    message = struct.pack("!BBH", kind, code, 0) + rest + payload
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def icmpv6(source, destination, kind, code=0, rest=b"\0\1\0\1", payload=b""):
    return with_checksum(struct.pack("!BBH", kind, code, 0) + rest + payload, 2, source, destination, ICMPV6)


def ipv4(source, destination, protocol, payload, flags=DONT_FRAGMENT, options=b"", total=None, version_and_length=None):
    first = version_and_length if version_and_length is not None else 0x40 | (20 + len(options)) // 4
    total = 20 + len(options) + len(payload) if total is None else total
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    header = struct.pack("!BBHHHBBH", first, 0, total, 7, flags, 64, protocol, 0) + ends + options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def ipv6(source, destination, protocol, payload, extensions=(), plen=None):
    """`extensions`: (type, bytes behind the next-header field) from the outside in."""
    for kind, body in reversed(extensions):
        payload = bytes([protocol]) + body + payload
        protocol = kind
    plen = len(payload) if plen is None else plen
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    return struct.pack("!IHBB", 6 << 28, plen, protocol, 64) + ends + payload


def padded_options(eights):
    """Options that are one PadN of `eights` x 8 bytes, without the next-header field."""
    return bytes([eights - 1, 1, eights * 8 - 4]) + bytes(eights * 8 - 4)


def fragment(offset, more, identification=77):
    return (FRAGMENT, struct.pack("!BHI", 0, offset << 3 | more, identification))


def ethernet(kind, payload, tags=(), shortest=0):
    header = RECEIVER + SENDER
    for tag, vlan in tags:
        header += struct.pack("!HH", tag, vlan)
    frame = header + struct.pack("!H", kind) + payload
    return frame + b"\0" * (shortest - len(frame))


class Capture:
    def __init__(self):
        self.frames = []
        self.random = random.Random(20)
        self.time_ns = START_NS

    def add(self, frame, after_us=None):
        self.frames.append((self.time_ns, frame))
        self.time_ns += (self.random.randrange(1, 40_000) if after_us is None else after_us) * 1000

    def add4(self, *arguments, tags=(), shortest=0, **options):
        self.add(ethernet(IPV4, ipv4(*arguments, **options), tags, shortest))

    def add6(self, *arguments, tags=(), shortest=0, **options):
        self.add(ethernet(IPV6, ipv6(*arguments, **options), tags, shortest))

    def write(self, path):
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for time_ns, frame in self.frames:
                micros = time_ns // 1000
                out.write(struct.pack("<IIII", micros // 10**6, micros % 10**6, len(frame), len(frame)) + frame)


def add_tcp_session(capture, add, source, destination, sport, dport, exchanges, tags=()):
    def there(flags, **more):
        add(source, destination, TCP, tcp(source, destination, sport, dport, flags, **more), tags=tags, shortest=60)

    def back(flags, **more):
        add(destination, source, TCP, tcp(destination, source, dport, sport, flags, **more), tags=tags, shortest=60)

    there(SYN | ECE | CWR, options=bytes.fromhex("020405b4") + b"\1" * 4, window=65535)
    back(SYN | ACK | ECE, options=bytes.fromhex("020405b4"), window=28960)
    there(ACK)
    for number in range(exchanges):
        there(PSH | ACK, window=501 + number, payload=bytes(capture.random.randrange(1, 300)))
        back(ACK | (URG if number % 3 == 0 else 0), window=400 + number)
        back(PSH | ACK, window=400 + number, payload=bytes(capture.random.randrange(1, 1300)))
    there(FIN | ACK)
    back(RST | ACK if exchanges % 2 else FIN | ACK, window=0)


def add_sessions(capture):
    for host in range(12):
        add_tcp_session(capture, capture.add4, f"10.0.0.{host + 1}", "192.0.2.80", 40000 + host, 443, host)
    for host in range(8):
        add_tcp_session(capture, capture.add6, f"2001:db8::{host + 1:x}", "2001:db8:ffff::80", 50000 + host, 8443, host)
    for host in range(40):
        client, port = f"10.1.{host}.9", 33000 + host
        capture.add4(client, "192.0.2.53", UDP, udp(client, "192.0.2.53", port, 53, bytes(20 + host)), shortest=60)
        if host % 4:
            capture.add4("192.0.2.53", client, UDP, udp("192.0.2.53", client, 53, port, bytes(300 + 20 * host)))
    # The first packet comes from the server, on a lower port; then a tie.
    for source, destination, sport, dport in (
        ("198.51.100.1", "10.9.9.9", 3333, 45000),
        ("10.9.9.8", "10.9.9.7", 5000, 5000),
    ):
        capture.add4(source, destination, UDP, udp(source, destination, sport, dport, b"x" * 300), flags=0)
        capture.add4(destination, source, UDP, udp(destination, source, dport, sport))
        capture.add4(source, destination, TCP, tcp(source, destination, sport, dport, PSH | ACK, payload=b"late"))
    for number in range(30):
        echo = struct.pack("!HH", 9, number)
        capture.add4("10.2.0.1", "10.2.0.2", ICMP, icmp(8, rest=echo, payload=bytes(56)))
        capture.add4("10.2.0.2", "10.2.0.1", ICMP, icmp(0, rest=echo, payload=bytes(56)), flags=0)
        ends = ("2001:db8:2::1", "2001:db8:2::2")
        capture.add6(*ends, ICMPV6, icmpv6(*ends, 128, rest=echo, payload=bytes(32)))
        capture.add6(*ends[::-1], ICMPV6, icmpv6(*ends[::-1], 129, rest=echo, payload=bytes(32)))


def add_errors(capture):
    """ICMP errors carry a packet of another session: it is on their own."""
    lost = ipv4("10.1.0.9", "192.0.2.53", UDP, udp("10.1.0.9", "192.0.2.53", 33000, 53, bytes(20)))
    capture.add4("192.0.2.53", "10.1.0.9", ICMP, icmp(3, 3, b"\0" * 4, lost[:28]))
    lost = ipv4("10.0.0.1", "192.0.2.80", TCP, tcp("10.0.0.1", "192.0.2.80", 40000, 443, ACK))
    capture.add4("10.200.0.1", "10.0.0.1", ICMP, icmp(11, 0, b"\0" * 4, lost))
    lost = ipv6("2001:db8::1", "2001:db8:ffff::80", UDP, udp("2001:db8::1", "2001:db8:ffff::80", 1, 2, bytes(9)))
    ends = ("2001:db8:aaaa::1", "2001:db8::1")
    capture.add6(*ends, ICMPV6, icmpv6(*ends, 3, 0, b"\0" * 4, lost))


def add_tagged(capture):
    for vlan, tags in enumerate((((TAG, 5),), ((SERVICE_TAG, 6), (TAG, 7)), ((TAG, 8), (TAG, 9)))):
        add_tcp_session(capture, capture.add4, f"10.3.{vlan}.1", f"10.3.{vlan}.2", 1500, 2000, 4, tags)
        add_tcp_session(capture, capture.add6, f"2001:db8:3::{vlan}:1", "2001:db8:3::b", 1500, 200, 2, tags)
    inner = ipv4("10.3.9.1", "10.3.9.2", UDP, udp("10.3.9.1", "10.3.9.2", 1, 2, b"deep"))
    for _ in range(3):
        capture.add(ethernet(IPV4, inner, ((SERVICE_TAG, 1), (TAG, 2), (TAG, 3))))
    capture.add(ethernet(ARP, bytes(28), ((TAG, 4),), 60))


def add_options_and_extensions(capture):
    ends = ("10.4.0.1", "10.4.0.2")
    for words in range(1, 11):
        capture.add4(*ends, UDP, udp(*ends, 7000, 7001, bytes(words)), options=b"\1" * (4 * words - 1) + b"\0")
        capture.add4(*ends, TCP, tcp(*ends, 7000, 7001, ACK, options=b"\1" * 4 * words), options=b"\1" * (4 * words))
    ends = ("2001:db8:4::1", "2001:db8:4::2")
    routing = (ROUTING, bytes([2, 253, 0]) + bytes(20))
    chains = [
        [(HOP_BY_HOP, padded_options(1))],
        [(DESTINATION_OPTIONS, padded_options(3))],
        [routing],
        [fragment(0, 0)],
        [(HOP_BY_HOP, padded_options(2)), routing],
        [(HOP_BY_HOP, padded_options(1)), (DESTINATION_OPTIONS, padded_options(2)), routing],
        [(HOP_BY_HOP, padded_options(1)), (DESTINATION_OPTIONS, padded_options(2)), routing, fragment(0, 1)],
        [(HOP_BY_HOP, padded_options(1)), routing, fragment(0, 0), (DESTINATION_OPTIONS, padded_options(10))],
        [
            (HOP_BY_HOP, padded_options(1)),
            (DESTINATION_OPTIONS, padded_options(1)),
            routing,
            fragment(0, 0),
            (DESTINATION_OPTIONS, padded_options(1)),
        ],
    ]
    for length, chain in enumerate(chains):
        for protocol, segment in (
            (UDP, udp(*ends, 7000, 7001, bytes(40 + length))),
            (TCP, tcp(*ends, 7000, 7001, SYN, payload=bytes(length))),
            (ICMPV6, icmpv6(*ends, 128, payload=bytes(length))),
        ):
            capture.add6(*ends, protocol, segment, extensions=chain)


def add_fragments(capture):
    for number in range(5):
        ends = (f"10.5.0.{number + 1}", "10.5.1.1")
        whole = udp(*ends, 6000, 6001, bytes(1600 + number))
        for offset in range(0, len(whole), 800):
            last = offset + 800 >= len(whole)
            flags = offset // 8 | (0 if last else MORE_FRAGMENTS)
            capture.add4(*ends, UDP, whole[offset : offset + 800], flags=flags)
        ends = (f"2001:db8:5::{number + 1}", "2001:db8:5:1::1")
        whole = udp(*ends, 6000, 6001, bytes(1600 + number))
        for offset in range(0, len(whole), 800):
            last = offset + 800 >= len(whole)
            capture.add6(*ends, UDP, whole[offset : offset + 800], extensions=[fragment(offset // 8, not last)])


def add_not_understood(capture):
    ends = ("10.6.0.1", "10.6.0.2")
    inner = ipv4("10.0.0.1", "192.0.2.80", TCP, tcp("10.0.0.1", "192.0.2.80", 40000, 443, ACK))
    whole_udp = udp(*ends, 6500, 6501, b"whole")
    for _ in range(3):
        capture.add(ethernet(ARP, struct.pack("!HHBBH", 1, IPV4, 6, 4, 1) + SENDER + bytes(14), shortest=60))
        capture.add(ethernet(0x88CC, bytes(50)))
        capture.add4(*ends, GRE, struct.pack("!HH", 0, IPV4) + inner)
        capture.add4(*ends, ICMPV6, icmp(128))  # of the wrong family
        capture.add6("2001:db8:6::1", "2001:db8:6::2", NONE, b"")
        capture.add4(*ends, UDP, whole_udp, total=200)  # the frame ends before the IP length says
        capture.add4(*ends, UDP, whole_udp, total=24)  # half a header of UDP
        capture.add4(*ends, UDP, whole_udp, version_and_length=0x44)
        capture.add4(*ends, UDP, whole_udp, total=16)
        bad = tcp(*ends, 6500, 6501, SYN)
        capture.add4(*ends, TCP, bad[:12] + b"\x20" + bad[13:])  # a header of 8 bytes
        capture.add4(*ends, TCP, bad[:12] + b"\xf0" + bad[13:])  # a header longer than the packet
        capture.add6("2001:db8:6::1", "2001:db8:6::2", UDP, whole_udp, plen=400)


def add_long_session(capture):
    ends = ("10.7.0.1", "10.7.0.2")
    for number in range(130):
        capture.add4(*ends, UDP, udp(*ends, 9000, 9999, bytes(number)))
        capture.add4(*ends[::-1], UDP, udp(*ends[::-1], 9999, 9000, bytes(2 * number)), flags=0)
        # Beside it, so that their packets mix.
        if number % 10 == 0:
            capture.add4("10.7.0.3", ends[1], TCP, tcp("10.7.0.3", ends[1], 40000, 22, ACK, payload=bytes(number)))


def write_ipv4(path, packets):
    """A capture of IPv4 packets, a microsecond apart."""
    capture = Capture()
    for packet in packets:
        capture.add(ethernet(IPV4, packet), after_us=1)
    capture.write(path)


def make(path):
    capture = Capture()
    add_sessions(capture)
    add_errors(capture)
    add_tagged(capture)
    add_options_and_extensions(capture)
    add_fragments(capture)
    add_not_understood(capture)
    add_long_session(capture)
    # A session met again after windows without a packet keeps its server, whatever its ports say.
    capture.time_ns += 200 * 10**9
    capture.add4("192.0.2.80", "10.0.0.1", TCP, tcp("192.0.2.80", "10.0.0.1", 443, 40000, ACK, payload=b"turned"))
    capture.write(path)
    return len(capture.frames)


if __name__ == "__main__":
    print(f"{make(sys.argv[1])} packets")
