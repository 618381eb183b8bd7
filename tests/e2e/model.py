#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What nicsentry must find in a capture, from tshark's fields: sessions, records and books of each window.

    model.py CAPTURE [WINDOW_SECONDS]     prints the windows as JSON

It shares no code with nicsentry and reads no packet byte itself. Reassembly is off: a fragment is a packet here.
"""
import dataclasses
import ipaddress
import itertools
import json
import subprocess
import sys

FIELDS = """frame.time_epoch frame.len frame.protocols eth.type vlan.etype ip.version ip.hdr_len ip.len ip.flags
ip.frag_offset ip.proto ip.src ip.dst ipv6.plen ipv6.src ipv6.dst ipv6.fraghdr.offset ipv6.routing.type
tcp.srcport tcp.dstport tcp.hdr_len tcp.flags tcp.seq_raw tcp.window_size_value udp.srcport udp.dstport udp.length
icmp.type icmpv6.type""".split()
OPTIONS = ("ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE")

# In the order of the programs' numbers.
CAUSES = ("not_ip", "later_fragment", "protocol", "vlan_depth", "truncated", "malformed", "extensions")
PROTOCOLS = {"tcp": "TCP", "udp": "UDP", "icmp": "ICMP", "icmpv6": "ICMPv6"}
ETHERNET_BYTES = 14
TAG_BYTES = 4
LINK_LAYERS = ("eth", "ethertype", "vlan", "ieee8021ad")
TAGS_MAX = 8
EXTENSIONS: tuple[str, ...] = (
    "ipv6.hopopts",
    "ipv6.routing",
    "ipv6.dstopts",
    "ipv6.fraghdr",
    "ah",
    "mipv6",
    "hip",
    "shim6",
)
EXTENSIONS_MAX = 8
CARRYING_TYPES: tuple[int, ...] = (3, 4)  # of routing headers; programs on a card know none
SHORTEST_TRANSPORT = {"tcp": 20, "udp": 8, "icmp": 8}
IP_PROTOCOL_NUMBERS = {6: "tcp", 17: "udp", 1: "icmp"}
VLAN_TYPES = (0x8100, 0x88A8)
IDLE_WINDOWS = 30  # a session without packets for so many windows is forgotten


@dataclasses.dataclass
class Packet:
    timestamp_ns: int
    bytes: int  # as the books count it
    cause: str = ""  # why it is on no session
    protocol: str = ""
    source: tuple = ()  # address, port
    destination: tuple = ()
    ip_flags_fragment: int = 0
    tcp_flags: int = 0
    tcp_sequence: int = 0
    tcp_window: int = 0
    udp_payload_bytes: int = 0
    icmp_type: int = 0

    def key(self):
        return (self.protocol, *sorted((self.source, self.destination)))


@dataclasses.dataclass
class Session:
    client: tuple
    server: tuple
    protocol: str
    server_method: str
    first_packet_ns: int
    last_packet_ns: int = 0
    packets_server: int = 0
    packets_client: int = 0
    bytes_server: int = 0
    bytes_client: int = 0
    records: list = dataclasses.field(default_factory=list)
    captured_before: int = 0  # packets of former sessions between the same ends in the window: the cap counts them, too

    def turn(self):
        """The other end is the server."""
        self.client, self.server = self.server, self.client
        self.packets_server, self.packets_client = self.packets_client, self.packets_server
        self.bytes_server, self.bytes_client = self.bytes_client, self.bytes_server
        for record in self.records:
            record["sender"] = "client" if record["sender"] == "server" else "server"

    def captured(self, cap):
        """The packets that are recorded with a cap; 0: all."""
        return self.records[: max(cap - self.captured_before, 0)] if cap else self.records

    def add(self, packet):
        sender = "server" if packet.source == self.server else "client"
        if self.server == self.client:
            sender = "server"
        if sender == "server":
            self.packets_server += 1
            self.bytes_server += packet.bytes
        else:
            self.packets_client += 1
            self.bytes_client += packet.bytes
        self.last_packet_ns = packet.timestamp_ns
        self.records.append(
            {
                "timestamp_ns": packet.timestamp_ns,
                "sender": sender,
                "bytes": packet.bytes,
                "ip_flags_fragment": packet.ip_flags_fragment,
                "tcp_flags": packet.tcp_flags,
                "tcp_window": packet.tcp_window,
                "udp_payload_bytes": packet.udp_payload_bytes,
                "icmp_type": packet.icmp_type,
            }
        )


@dataclasses.dataclass
class Window:
    number: int
    start_ns: int
    sessions: dict = dataclasses.field(default_factory=dict)  # by key, in order of first packets ever
    sessions_new: int = 0
    unknown: int = 0  # packets from which sessions are learned
    packets_in: int = 0
    bytes_in: int = 0
    causes: dict = dataclasses.field(default_factory=lambda: {cause: [0, 0] for cause in CAUSES})


def number(text):
    return int(text, 0) if text else 0


def nanoseconds(text):
    seconds, fraction = text.split(".")
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0")[:9])


def rows(capture):
    command = ["tshark", "-n", "-r", str(capture), "-T", "fields", "-E", "occurrence=f", "-E", "separator=/t"]
    for option in OPTIONS:
        command += ["-o", option]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    for line in done.stdout.splitlines():
        values = line.split("\t")
        assert len(values) == len(FIELDS), f"tshark: {len(values)} fields in {line!r}"
        yield dict(zip(FIELDS, values))


def understand(row):
    """One packet of tshark's fields. The first occurrence of each field is the outermost header's."""
    layers = row["frame.protocols"].split(":")
    link = list(itertools.takewhile(lambda layer: layer in LINK_LAYERS, layers))  # not those within a tunnel
    tags = link.count("vlan") + link.count("ieee8021ad")
    frame = number(row["frame.len"])
    rest = frame - ETHERNET_BYTES - TAG_BYTES * min(tags, TAGS_MAX)
    packet = Packet(nanoseconds(row["frame.time_epoch"]), rest)
    if tags > TAGS_MAX:
        packet.cause = "vlan_depth"
        return packet
    behind = [layer for layer in layers[len(link) :] if layer not in LINK_LAYERS]
    network = behind[0] if behind else ""
    if network == "ip":
        understand_ipv4(row, packet, rest)
    elif network == "ipv6":
        understand_ipv6(row, packet, rest, behind[1:])
    else:
        packet.cause = "not_ip"
    return packet


def understand_ipv4(row, packet, rest):
    header, total = number(row["ip.hdr_len"]), number(row["ip.len"])
    if number(row["ip.version"]) != 4 or header < 20 or total < header or not row["ip.src"]:
        packet.cause = "malformed"
        return
    if total > rest:
        packet.cause = "truncated"
        return
    packet.bytes = total
    packet.ip_flags_fragment = number(row["ip.flags"]) << 13 | number(row["ip.frag_offset"])
    if number(row["ip.frag_offset"]) != 0:
        packet.cause = "later_fragment"
        return
    transport = IP_PROTOCOL_NUMBERS.get(number(row["ip.proto"]))
    if transport is None:
        packet.cause = "protocol"
        return
    understand_transport(row, packet, transport, total - header, row["ip.src"], row["ip.dst"])


def understand_ipv6(row, packet, rest, behind):
    total = 40 + number(row["ipv6.plen"])
    if total == 40 and behind[:1] == ["ipv6.hopopts"]:
        total = rest
    if total > rest:
        packet.cause = "truncated"
        return
    packet.bytes = total
    if any(ipaddress.IPv6Address(row[end]).ipv4_mapped for end in ("ipv6.src", "ipv6.dst")):
        packet.cause = "malformed"
        return
    extensions = 0
    while extensions < len(behind) and behind[extensions] in EXTENSIONS:
        extensions += 1
    if extensions > EXTENSIONS_MAX or carries_packet(row, behind[:extensions], behind[extensions : extensions + 1]):
        packet.cause = "extensions"
    elif number(row["ipv6.fraghdr.offset"]) != 0:
        packet.cause = "later_fragment"
    elif extensions >= len(behind) or behind[extensions] not in ("tcp", "udp", "icmpv6"):
        packet.cause = "protocol"
    else:
        understand_transport(row, packet, behind[extensions], None, row["ipv6.src"], row["ipv6.dst"])


def carries_packet(row, extensions, next_layer):
    """Whether the packet behind a routing header may be taken out. tshark tells the type of the first one."""
    return (
        extensions[-1:] == ["ipv6.routing"]
        and number(row["ipv6.routing.type"]) in CARRYING_TYPES
        and next_layer in (["ip"], ["ipv6"])
    )


def understand_transport(row, packet, transport, left, source, destination):
    """`left`: bytes behind the IPv4 header; None where they are not told."""
    if left is not None and left < SHORTEST_TRANSPORT[transport]:
        packet.cause = "malformed"
        return
    ports = (0, 0)
    if transport == "tcp":
        header = number(row["tcp.hdr_len"])
        if header < 20 or (left is not None and header > left):
            packet.cause = "malformed"
            return
        ports = (number(row["tcp.srcport"]), number(row["tcp.dstport"]))
        packet.tcp_flags = number(row["tcp.flags"]) & 0xFF
        packet.tcp_sequence = number(row["tcp.seq_raw"])
        packet.tcp_window = number(row["tcp.window_size_value"])
    elif transport == "udp":
        ports = (number(row["udp.srcport"]), number(row["udp.dstport"]))
        packet.udp_payload_bytes = max(number(row["udp.length"]) - 8, 0)
    else:
        packet.icmp_type = number(row["icmp.type"] if transport == "icmp" else row["icmpv6.type"])
    packet.protocol = PROTOCOLS[transport]
    packet.source = (str(ipaddress.ip_address(source)), ports[0])
    packet.destination = (str(ipaddress.ip_address(destination)), ports[1])


def handshake_server(packet):
    if packet.protocol == "TCP" and packet.tcp_flags & 0x02:
        return packet.source if packet.tcp_flags & 0x10 else packet.destination
    request, reply = {"ICMP": (8, 0), "ICMPv6": (128, 129)}.get(packet.protocol, (-1, -1))
    if packet.icmp_type == request:
        return packet.destination
    if packet.icmp_type == reply:
        return packet.source
    return None


def decide_server(packet):
    server = handshake_server(packet)
    if server is not None:
        return server, "handshake"
    if packet.destination[1] < 1024:
        return packet.destination, "port_below_1024"
    if packet.source[1] < 1024:
        return packet.source, "port_below_1024"
    return (packet.source if packet.source[1] < packet.destination[1] else packet.destination), "lower_port"


class Course:
    """Whether a TCP connection is over, so that a SYN begins another one between the same ports."""

    def __init__(self):
        self.ended = set()  # ends that sent a FIN
        self.reset = False
        self.first = {}  # number of the last SYN of each end

    def begins_anew(self, packet):
        if packet.protocol != "TCP":
            return False
        if packet.tcp_flags & 0x17 == 0x02:
            over = len(self.ended) == 2 or (self.reset and self.first.get(packet.source) != packet.tcp_sequence)
            if over:
                self.ended.clear()
                self.first.clear()
            self.reset = False
            self.first[packet.source] = packet.tcp_sequence
            return over
        if packet.tcp_flags & 0x01:
            self.ended.add(packet.source)
        self.reset = self.reset or bool(packet.tcp_flags & 0x04)
        return False


class Analysis:
    def __init__(self, window_ns):
        self.window_ns = window_ns
        self.windows = {}
        self.known = {}  # key -> (server, method, order of its first packet)
        self.courses = {}  # key -> Course
        self.last_window = {}
        self.learned = 0
        self.start = None
        self.now = 0

    def add(self, packet):
        self.start = packet.timestamp_ns if self.start is None else self.start
        self.now = max(self.now, packet.timestamp_ns)
        index = (self.now - self.start) // self.window_ns
        if index not in self.windows:
            self.forget_idle()
            self.windows[index] = Window(index, self.start + index * self.window_ns)
        window = self.windows[index]
        packet.timestamp_ns = max(packet.timestamp_ns, window.start_ns)
        window.packets_in += 1
        window.bytes_in += packet.bytes
        if packet.cause:
            window.causes[packet.cause][0] += 1
            window.causes[packet.cause][1] += packet.bytes
            return
        self.add_to_session(window, packet)

    def add_to_session(self, window, packet):
        key = packet.key()
        if key not in self.known:
            window.unknown += 1
            self.courses[key] = Course()
            self.learn(window, packet)
        if self.courses[key].begins_anew(packet):
            self.learn_server(window, packet)
            self.learn(window, packet)
            self.end_row(window, key)
        self.learn_server(window, packet)
        self.last_window[key] = window.number
        server, method, _ = self.known[key]
        if key not in window.sessions:
            client = packet.source if packet.destination == server else packet.destination
            window.sessions[key] = Session(client, server, packet.protocol, method, packet.timestamp_ns)
            former = [session for other, session in window.sessions.items() if other[:3] == key and other != key]
            window.sessions[key].captured_before = sum(len(session.records) for session in former)
        window.sessions[key].add(packet)

    def learn(self, window, packet):
        self.known[packet.key()] = (*decide_server(packet), self.learned)
        self.learned += 1
        window.sessions_new += 1

    def learn_server(self, window, packet):
        """A SYN decides where only ports had."""
        key = packet.key()
        server, method, order = self.known[key]
        if packet.protocol != "TCP" or method == "handshake" or handshake_server(packet) is None:
            return
        self.known[key] = (handshake_server(packet), "handshake", order)
        if key in window.sessions:
            window.sessions[key].server_method = "handshake"
            if window.sessions[key].server != handshake_server(packet):
                window.sessions[key].turn()

    @staticmethod
    def end_row(window, key):
        """The keys of ended sessions are those of compare.read_windows(): in order of their first packets."""
        if key in window.sessions:
            ended = sum(other[:3] == key for other in window.sessions) - 1
            window.sessions[(*key, ended)] = window.sessions.pop(key)

    def forget_idle(self):
        """At the end of each window that had packets."""
        if not self.windows:
            return
        ended = max(self.windows)
        for key in [key for key, last in self.last_window.items() if last + IDLE_WINDOWS <= ended]:
            del self.known[key], self.last_window[key], self.courses[key]


def analyse(capture, window_ns=10 * 10**9):
    analysis = Analysis(window_ns)
    for row in rows(capture):
        analysis.add(understand(row))
    return analysis


def main(capture, window_s="10"):
    analysis = analyse(capture, int(float(window_s) * 10**9))
    for window in analysis.windows.values():
        description = dataclasses.asdict(window)
        description["sessions"] = list(description["sessions"].values())
        print(json.dumps(description))


if __name__ == "__main__":
    main(*sys.argv[1:])
