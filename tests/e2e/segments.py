# SPDX-License-Identifier: GPL-2.0-or-later
"""Super-packets of segmentation offload at the TC hooks, against what they become on a wire.

Behind the watched port's peer a router sends on to a device that can segment nothing itself: the kernel cuts what it
gets into the packets of a wire, and tcpdump there is the reference."""
import functools
import re
import signal
import subprocess
import time

import model
from compare import PATIENCE, check_records, expect, read_windows
from network import Controller, Network, finish, run
from suite import Mismatch

WHOLE_NS = 10**18
AMOUNTS = ("packets_server", "packets_client", "bytes_server", "bytes_client")
NETS = {4: {1: "198.51.100.", 2: "203.0.113."}, 6: {1: "2001:db8:0:1::", 2: "2001:db8:0:2::"}}
PORT = 7000
PINNED = ("taskset", "-c", "0")  # veth hands packets on where they were sent: one processor keeps their order
BYTES = 3_000_000
DATAGRAMS, DATAGRAM_BYTES, SEGMENT_BYTES = 20, 41_000, 1200  # the last segment is shorter

RECEIVE = """
import socket, sys
family, address, port, wanted = getattr(socket, sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
server = socket.create_server((address, port), family=family)
datagrams = socket.socket(family, socket.SOCK_DGRAM)
datagrams.bind((address, port))
print("ready", flush=True)
stream, _ = server.accept()
got = 0
while got < wanted:
    got += len(stream.recv(1 << 20))
stream.close()
sys.stdin.read()  # datagrams are not refused until the sender is through
"""
SEND = """
import socket, sys
family, address, port, wanted = getattr(socket, sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
datagrams, datagram_bytes, segment = map(int, sys.argv[5:])
stream = socket.socket(family)
stream.connect((address, port))
stream.sendall(bytes(wanted))
stream.recv(1)  # until the other end has it all
stream.close()
sender = socket.socket(family, socket.SOCK_DGRAM)
sender.setsockopt(socket.IPPROTO_UDP, 103, segment)  # UDP_SEGMENT
sender.connect((address, port))
for _ in range(datagrams):
    sender.send(bytes(datagram_bytes))
"""


class Incomplete(Exception):
    """The reference has not seen all packets."""


def with_whole_reference(case):
    """Repeats a case whose reference was incomplete. On a busy machine tcpdump may lose packets."""

    @functools.wraps(case)
    def until_whole(*arguments):
        for _ in range(5):
            try:
                return case(*arguments)
            except Incomplete as incomplete:
                why = incomplete
        raise Mismatch(f"five times in a row the reference was incomplete: {why}")

    return until_whole


class Tap:
    """tcpdump, which listens when the constructor is through."""

    def __init__(self, network, namespace, device, capture, *expression):
        self.process = network.start(
            namespace,
            "tcpdump",
            "-i",
            device,
            "-s",
            200,
            "-B",
            65536,
            "--immediate-mode",
            "-U",
            "-w",
            capture,
            *expression,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        while "listening" not in (line := self.process.stderr.readline()):
            if not line:
                raise Mismatch("tcpdump: expected it to listen, seen its end")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        said = self.process.communicate(timeout=PATIENCE)[1]
        captured, received, dropped = (
            int(re.search(rf"(\d+) packets? {what}", said)[1]) for what in ("captured", "received", "dropped by kernel")
        )
        if dropped or captured != received:
            raise Incomplete(" ".join(said.split()))


def prepare(network, gso_bytes):
    """right0 (watched) - left0, router, wire0 - far0."""
    far = f"{network.sender}far"
    network.add_namespace(far)
    run("ip", "link", "add", "wire0", "netns", network.sender, "type", "veth", "peer", "name", "far0", "netns", far)
    network.inside(network.sender, "ethtool", "-K", "wire0", "tso", "off", "gso", "off", "tx", "off", "sg", "off")
    network.inside(network.sender, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    for namespace, port, net, host in (
        (network.receiver, "right0", 1, 1),
        (network.sender, "left0", 1, 2),
        (network.sender, "wire0", 2, 2),
        (far, "far0", 2, 1),
    ):
        network.inside(namespace, "sysctl", "-qw", f"net.ipv6.conf.{port}.disable_ipv6=0")
        run("ip", "-n", namespace, "link", "set", port, "arp", "on", "gso_max_size", gso_bytes, "up")
        for version, bits in ((4, 24), (6, 64)):
            run(
                "ip",
                "-n",
                namespace,
                "address",
                "add",
                f"{NETS[version][net]}{host}/{bits}",
                "dev",
                port,
                *(["nodad"] if version == 6 else []),
            )
    for version in (4, 6):
        for namespace, net in ((network.receiver, 1), (far, 2)):
            run("ip", "-n", namespace, f"-{version}", "route", "add", "default", "via", f"{NETS[version][net]}2")
    return far


def transfer(network, far, version, address, stream_bytes=BYTES):
    family = {4: "AF_INET", 6: "AF_INET6"}[version]
    words = (family, address, PORT, stream_bytes)
    receiver = network.start(
        far, *PINNED, "/usr/bin/python3", "-c", RECEIVE, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    receiver.stdout.readline()
    finish(
        network.start(
            network.receiver,
            *PINNED,
            "/usr/bin/python3",
            "-c",
            SEND,
            *words,
            DATAGRAMS,
            DATAGRAM_BYTES,
            SEGMENT_BYTES,
            stdout=subprocess.PIPE,
        )
    )
    receiver.communicate(timeout=PATIENCE)


def of_ours(sessions):
    """Without the neighbour discovery of either side."""
    return {key: session for key, session in sessions.items() if key[0] in ("TCP", "UDP")}


def longest_frame(network, capture):
    """The longest frame that the program met: what the tap at the watched port saw."""
    shown = run("tshark", "-r", capture, "-T", "fields", "-e", "frame.len").stdout.split()
    return max(map(int, shown))


def expand(capture, segment_bytes):
    """Packets and bytes on the wire of what the sender's tap saw of the TCP session, by the rule of segmentation."""
    packets = total = 0
    fields = ("tcp.len", "tcp.hdr_len")
    shown = run(
        "tshark",
        "-r",
        capture,
        "-Y",
        f"tcp.dstport == {PORT}",
        "-T",
        "fields",
        *(word for field in fields for word in ("-e", field)),
    )
    for line in shown.stdout.splitlines():
        payload, header = map(int, line.split())
        segments = max(1, -(-payload // segment_bytes))
        packets += segments
        total += payload + segments * (40 + header)
    return packets, total


@with_whole_reference
def big_tcp_case(directory):
    """Beyond 64 KiB: Linux does not forward such packets, so the wire is calculated from what left the socket."""
    with Network(directory, mtu=1500) as network:
        prepare(network, 130_000)
        capture = network.directory / "big.pcap"
        tap = Tap(network, network.receiver, "right0", capture, "ip6")
        # Records of all packets: the answers alone, which another plane sees, may come to as many as the usual cap.
        controller = Controller(network, "--mode", "tc", "--direction", "both", "--cap", 100_000)
        transfer(network, network.sender, 6, f"{NETS[6][1]}2", 20 * BYTES)
        time.sleep(0.5)
        output = controller.stop()
        tap.stop()
        longest = longest_frame(network, capture)
        if longest < 70_000:
            raise Mismatch(f"expected super-packets beyond 64 KiB, the longest is {longest}")
        (row,) = [row for key, row in read_windows(output)[0]["sessions"].items() if key[0] == "TCP"]
        mss = 1500 - 40 - 20 - 12  # less IPv6's, TCP's header and timestamps
        expect("packets and bytes of the client", expand(capture, mss), (row["packets_client"], row["bytes_client"]))
        sizes = {record["bytes"] for record in row["records"] if record["sender"] == "client"}
        expect("the largest packet of the client", 1500, max(sizes))
        network.check_clean()
    return f"{row['packets_client']} packets on the wire, the longest at the port of {longest} bytes"


@with_whole_reference
def segments_case(directory, version):
    with Network(directory, mtu=1500) as network:
        far = prepare(network, 65536)
        captures = {"wire": network.directory / "wire.pcap", "port": network.directory / "port.pcap"}
        taps = [
            Tap(network, namespace, device, captures[name], "not", "arp", "and", "not", "icmp6")
            for name, namespace, device in (("wire", network.sender, "wire0"), ("port", network.receiver, "right0"))
        ]
        controller = Controller(network, "--mode", "tc", "--direction", "both")
        transfer(network, far, version, f"{NETS[version][2]}1")
        time.sleep(0.5)
        output = controller.stop()
        for tap in taps:
            tap.stop()
        longest = longest_frame(network, captures["port"])
        if longest < 30_000:
            raise Mismatch(f"expected super-packets at the port, the longest is {longest}")
        wanted, seen = (
            of_ours(sessions)
            for sessions in (
                model.analyse(captures["wire"], WHOLE_NS).windows[0].sessions,
                read_windows(output)[0]["sessions"],
            )
        )
        expect("sessions", 2, len(wanted))
        expect("keys", sorted(map(str, wanted)), sorted(map(str, seen)))
        for key, session in wanted.items():
            row = seen[key]
            expect(
                f"{key}, amounts",
                {name: getattr(session, name) for name in AMOUNTS},
                {name: row[name] for name in AMOUNTS},
            )
            # How packets of the two directions interleave is not the same at both ends.
            for sender in ("client", "server"):
                records = [record for record in row["records"] if record["sender"] == sender]
                sent = [record for record in session.records if record["sender"] == sender]
                check_records(sent[: len(records)], records, f"{key}, from the {sender}", times=False)
        packets = sum(session.packets_server + session.packets_client for session in wanted.values())
        frames = len(run("tshark", "-r", captures["port"], "-T", "fields", "-e", "frame.number").stdout.split())
        network.check_clean()
    return f"{packets} packets on the wire, {frames} at the port, the longest of {longest} bytes"
