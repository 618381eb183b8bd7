#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What connection states let in under a default of drop, and what they do not: the first packets of a connection from
outside, ICMP beside a ping, fragments."""
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from compare import PATIENCE, expect
from network import Controller, run
from peers import INSIDE, NARROW, NEIGHBOURS, OUTSIDE, SEND_WIDE, STATEFUL, Peers
from suite import Mismatch, run_directory_cases, within

# UDP with these IPv6 options, of so many bytes: longer than 1500 bytes they leave in fragments.
NARROW_SENDERS = {
    "no extension header": ("none", 1400),
    "hop-by-hop options": ("hop", 1400),
    "destination options": ("destination", 1400),
    "fragments": ("none", 3000),
    "fragments behind hop-by-hop options": ("hop", 3000),
}
# Prints each of these ports that a datagram reaches.
PRINT_PORTS = """
import select, socket, time
ports = (7001, 9001, 9002, 9003)
sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in ports]
for one, port in zip(sockets, ports):
    one.bind(("0.0.0.0", port))
print(flush=True)
end = time.monotonic() + 4
while time.monotonic() < end:
    for one in select.select(sockets, [], [], 0.1)[0]:
        one.recv(65535)
        print(one.getsockname()[1], flush=True)
"""
# UDP in frames that the kernel segments (PACKET_VNET_HDR, VIRTIO_NET_HDR_GSO_UDP), from SOURCE to DESTINATION: to ports
# 9001 and 9002 as if at offset 800 of a datagram, to 9003 and 7001 as the datagram that it is.
SEND_SUPER_PACKETS = """
import errno, socket, struct, sys
PACKET_VNET_HDR, NEEDS_CHECKSUM, GSO_UDP = 15, 1, 3
def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def frame(port, fragment):
    datagram = struct.pack("!HHHH", 5555, port, 1208, 0) + b"A" * 1200
    addresses = [socket.inet_aton(one) for one in sys.argv[1:3]]
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 1, fragment, 64, 17, 0, *addresses)
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return b"\\xff" * 6 + b"\\2\\0\\0\\0\\0\\1" + b"\\x08\\0" + header + datagram
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
out.bind(("right0", 0x0800))
out.setsockopt(263, PACKET_VNET_HDR, 1)
for flags, port, fragment in ((NEEDS_CHECKSUM, 9001, 100), (0, 9002, 100), (NEEDS_CHECKSUM, 9003, 0),
                              (NEEDS_CHECKSUM, 7001, 0)):
    place = (34, 6) if flags else (0, 0)
    try:
        out.send(struct.pack("<BBHHHH", flags, GSO_UDP, 42, 504, *place) + frame(port, fragment))
    except OSError as error:
        if error.errno != errno.ENOBUFS:  # dropped
            raise
"""
SLOW = "10.77.0.9"
BEHIND = "10.78.0.1"
SYN, RST, ACK = 0x02, 0x04, 0x10


def handshake_case(directory):
    """A rule for NEW accepts a connection; its next packets come before the host has written the state."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL)
        peers.serve(peers.receiver, 8080)
        peers.rules(
            NEIGHBOURS
            + [{"operation": "append", "l4proto": "TCP", "dport": 8080, "conntrack": "NEW", "action": "accept"}]
        )
        peers.default("ingress", "drop")
        # A segment that is lost is sent again after 200 ms.
        slow = peers.slow_fetches(peers.sender, f"http://{INSIDE}:8080/", 100, 0.15)
        if slow > 5:
            raise Mismatch(f"connections from outside that lose a segment: expected a few of 100 at most, seen {slow}")
        watching.stop()
        peers.check_clean()


def icmp_case(directory):
    """Who was pinged may answer, and say nothing else."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL)
        peers.default("ingress", "drop")
        expect("ping from inside", True, peers.ping(peers.receiver, OUTSIDE, "-c", 2))
        before = peers.arrived("Icmp", "InMsgs")
        for kind, code in ((3, 1), (5, 1), (8, 0), (9, 0), (10, 0), (11, 0), (12, 0), (13, 0), (17, 0), (200, 0)):
            peers.send_raw(1, bytes([kind, code]) + bytes(6), 5)
        expect("ICMP that is no reply, from who was pinged", 0, peers.arrived("Icmp", "InMsgs") - before)
        peers.send_raw(1, bytes(8), 5)
        expect("replies from who was pinged", 5, peers.arrived("Icmp", "InMsgs") - before)
        peers.rules([{"operation": "append", "conntrack": "RELATED", "action": "accept"}])
        peers.send_raw(1, bytes([3, 1]) + bytes(30), 5)
        expect("errors that quote no connection", 5, peers.arrived("Icmp", "InMsgs") - before)
        watching.stop()
        peers.check_clean()


def both_ask_case(directory):
    """Whoever was asked first gets the answers to what he asks then, also the first one."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL, "--timeouts", "icmp=1s,udp=1s,udp_stream=1s")
        expect("ping from outside, by a default of accept", True, peers.ping(peers.sender, INSIDE, "-c", 1))
        peers.rules(NEIGHBOURS)
        peers.default("ingress", "drop")
        expect("ping from inside then", True, peers.ping(peers.receiver, OUTSIDE, "-c", 1, "-W", 1))
        for after in (1.5, 2.5, 3.5):
            time.sleep(after)
            expect(f"ping {after} s later", True, peers.ping(peers.receiver, OUTSIDE, "-c", 1, "-W", 1))
        watching.stop()
        peers.check_clean()


def super_packets_case(directory):
    """A super-packet that says to be a later fragment becomes a datagram of its own: it is dropped as malformed."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL, "--mode", "tc")
        listening = peers.start(peers.sender, sys.executable, "-c", PRINT_PORTS, stdout=subprocess.PIPE)
        listening.stdout.readline()
        peers.rules([{"operation": "append", "l4proto": "UDP", "dport": 7001, "action": "accept"}], "--egress", "--yes")
        peers.default("egress", "drop")
        peers.inside(peers.receiver, sys.executable, "-c", SEND_SUPER_PACKETS, INSIDE, OUTSIDE)
        expect("ports that were reached", ["7001"], listening.communicate(timeout=20)[0].split())
        expect("dropped as malformed", 2, peers.shown()["egress"]["counters"]["unjudged"]["malformed"]["packets"])
        watching.stop()
        peers.check_clean()


def lifetimes_case(directory):
    """Late answers get in with short windows, and with long ones no hole stays open."""
    with Peers(directory) as peers:
        peers.echo(peers.sender, 5300, delay=0.45)
        peers.slow_server(SLOW, 7, 0.9)
        watching = Controller(peers, *STATEFUL, window="10ms")
        peers.default("ingress", "drop")
        for number in range(3):
            expect(f"UDP, try whose answer after 0.45 s came, {number}", 1, peers.ask(peers.receiver, OUTSIDE, 5300))
            expect(f"TCP to a host 0.9 s away, {number}", True, peers.connects(peers.receiver, SLOW, 7))
        expect("TCP to a port that nobody serves", False, peers.connects(peers.receiver, SLOW, 8, 1))
        watching.stop()

        watching = Controller(peers, *STATEFUL, "--timeouts", "icmp=2s,udp=3s", window="1h")
        peers.default("ingress", "drop")
        expect("ping from inside", True, peers.ping(peers.receiver, OUTSIDE, "-c", 1))
        before = peers.arrived("Icmp", "InMsgs")
        peers.send_raw(1, bytes(8), 5)
        expect("replies from who was pinged", 5, peers.arrived("Icmp", "InMsgs") - before)
        time.sleep(4)
        peers.send_raw(1, bytes(8), 5)
        expect("replies 4 s later", 5, peers.arrived("Icmp", "InMsgs") - before)
        watching.stop()
        peers.check_clean()


def forged_case(directory):
    """A RST, a SYN and ICMP errors of somebody who does not see the connection."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL, "--timeouts", "tcp_close=1s,tcp_time_wait=5s", window="1s")
        peers.default("ingress", "drop")
        stream = peers.stream(peers.sender, peers.receiver, OUTSIDE, 7000)
        expect("the server's first line", "hello", stream.say("hello"))
        client = next(one["source_port"] for one in peers.connections() if one["destination_port"] == 7000)
        for sequence in (0, 123456789, 0xFFFFFFFF):
            peers.send_segment(7000, client, sequence, RST)
        time.sleep(4)
        expect("the server's line after RSTs with any number", "still here", stream.say("still here"))

        before = peers.arrived("Tcp", "InSegs")
        peers.send_segment(7000, client, 0, SYN)
        expect(
            "a SYN within the connection, of which the host may not have seen the end",
            0,
            peers.arrived("Tcp", "InSegs") - before,
        )
        stream.close()
        time.sleep(0.5)
        before = peers.arrived("Tcp", "InSegs")
        peers.send_segment(7000, client, 0, SYN)
        expect("a SYN on the closed connection", 0, peers.arrived("Tcp", "InSegs") - before)
        peers.send_segment(7000, client, 0, ACK)
        expect("another segment of it", 1, peers.arrived("Tcp", "InSegs") - before)

        peers.rules([{"operation": "append", "conntrack": "RELATED", "action": "accept"}])
        for number in range(3):
            expect(f"the error about datagram {number} arrives", True, peers.is_refused(peers.receiver, OUTSIDE, 9))
        before = peers.arrived("Icmp", "InMsgs")
        quote = bytes.fromhex("4500001c00000000401100000a4d00020a4d0001") + bytes([0, 1, 0, 2, 0, 8, 0, 0])
        peers.send_raw(1, bytes([3, 3, 0, 0, 0, 0, 0, 0]) + quote, 3)
        expect("errors about another session", 0, peers.arrived("Icmp", "InMsgs") - before)
        watching.stop()
        peers.check_clean()


def closed_case(directory):
    """Who was the peer of a connection reaches no service at its port, if a rule is in front: with no flags beside SYN,
    and not by going on behind a RST."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL)
        peers.rules([{"operation": "append", "l4proto": "TCP", "dport": 2222, "action": "drop"}])

        def reaches(flags):
            before = peers.arrived("Tcp", "InSegs")
            peers.send_segment(7000, 2222, 0, flags)
            return peers.arrived("Tcp", "InSegs") - before

        for resets in (False, True):
            stream = peers.stream(peers.sender, peers.receiver, OUTSIDE, 7000, 2222, resets)
            expect("a line over the connection", "hello", stream.say("hello"))
            stream.close()

            def states():
                return [one["state"] for one in peers.connections() if one["destination_port"] == 7000]

            within(PATIENCE, f"CLOSED by {'a RST' if resets else 'FINs'}", lambda: states() == ["CLOSED"])
            server = peers.serve(peers.receiver, 2222)
            expect("an ACK of the closed connection", 1, reaches(ACK))
            tried = [flags for flags in range(64) if flags & SYN and not flags & ACK]
            arrived = [flags for flags in tried if reaches(flags)]
            expect("flags of SYNs that reach the service", [], arrived)
            server.kill()
            server.wait()
        watching.stop()
        peers.check_clean()


class Held:
    """A controller that has a fifth of a processor's time."""

    def __init__(self, controller):
        self.pid = controller.process.pid
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.hold)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()

    def hold(self):
        while not self.ends.is_set():
            os.kill(self.pid, signal.SIGSTOP)
            time.sleep(0.08)
            os.kill(self.pid, signal.SIGCONT)
            time.sleep(0.02)


def write_flood(path, link):
    """UDP from 50,000 random sources, as a capture."""
    chance = random.Random(1)
    with open(path, "wb") as capture:
        capture.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for _ in range(50_000):
            source = bytes([chance.randrange(11, 200), *(chance.randrange(256) for _ in range(3))])
            packet = bytes.fromhex("4500001c0000000040110000") + source + socket.inet_aton(INSIDE)
            frame = link + bytes(5) + b"\x02" + b"\x08\x00" + packet + struct.pack("!HHHH", 1024, 9, 8, 0)
            capture.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def flood_case(directory):
    """A flood that is all dropped does not keep the host from learning the connections of those inside."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL, window="1s")
        peers.default("ingress", "drop")
        capture = peers.directory / "flood.pcap"
        write_flood(capture, bytes.fromhex(peers.link()["address"].replace(":", "")))
        flood = peers.start(
            peers.sender,
            "tcpreplay",
            "-q",
            "--topspeed",
            "--loop=0",
            "--preload-pcap",
            "-i",
            "left0",
            capture,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with Held(watching):
            time.sleep(2)
            before, began = peers.sent(), time.monotonic()
            streams = [peers.stream(peers.sender, peers.receiver, OUTSIDE, 7000 + number) for number in range(10)]
            time.sleep(3.5)
            rate = (peers.sent() - before) / (time.monotonic() - began)
            arrived = sum(stream.say(f"line {number}", 3) == f"line {number}" for number, stream in enumerate(streams))
        flood.kill()
        flood.wait()
        expect("connections opened from inside that go on after 3.5 s", 10, arrived)
        watching.stop()
        peers.check_clean()
    return f"{rate:,.0f} dropped packets a second"


def add_host_behind(peers):
    """Makes the protected host a router; its second port, right1, leads to a host with this address."""
    far = f"{peers.sender}2"
    peers.add_namespace(far)
    run("ip", "link", "add", "far0", "netns", far, "type", "veth", "peer", "name", "right1", "netns", peers.receiver)
    for namespace, side, address in ((far, "far0", BEHIND), (peers.receiver, "right1", "10.78.0.2")):
        run("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", side)
        run("ip", "-n", namespace, "link", "set", side, "up")
    peers.inside(peers.receiver, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    run("ip", "-n", peers.sender, "route", "add", f"{BEHIND}/32", "via", INSIDE)
    run("ip", "-n", far, "route", "add", f"{OUTSIDE}/32", "via", "10.78.0.2")
    return far


def path_mtu_case(directory):
    """Path MTU discovery under a default of drop, for packets with and without IPv6 extension headers: a real router's
    errors are RELATED."""
    with Peers(directory) as peers:
        peers.lead_to_narrow_link()
        watching = Controller(peers, *STATEFUL)
        peers.rules([{"operation": "append", "conntrack": "RELATED", "action": "accept"}])
        peers.default("ingress", "drop")
        for name, options in NARROW_SENDERS.items():
            expect(f"path MTU before, {name}", 1500, peers.path_mtu())
            peers.inside(peers.receiver, sys.executable, "-c", SEND_WIDE, NARROW, 5000, *options)
            time.sleep(0.3)
            expect(f"path MTU that is known, {name}", 1300, peers.path_mtu())
            peers.inside(peers.receiver, "ip", "-6", "route", "flush", "cache")
        # Only those about a session that is known: nobody here has sent what this one quotes.
        before = peers.arrived6("Icmp6InMsgs")
        peers.send_too_big(1280, port=9)
        expect("errors about another session", 0, peers.arrived6("Icmp6InMsgs") - before)
        peers.send_too_big(1280, port=5000)
        expect("errors about this one", 1, peers.arrived6("Icmp6InMsgs") - before)
        watching.stop()
        peers.check_clean()


def older_case(directory):
    """A TCP connection through a router that is older than the run is picked up as by nf_conntrack_tcp_loose."""
    with Peers(directory) as peers:
        behind = add_host_behind(peers)
        for number, (loose, expected) in enumerate((("on", "hello"), ("off", "nothing"))):
            port = 7000 + number
            stream = peers.stream(peers.sender, behind, OUTSIDE, port)
            watching = Controller(peers, *STATEFUL, "--tcp-loose", loose)
            peers.rules([{"operation": "append", "sport": port, "conntrack": "NEW", "action": "accept"}])
            peers.default("ingress", "drop")
            expect(f"--tcp-loose {loose}: the server's line", expected, stream.say("hello", 2))
            watching.stop()
        peers.check_clean()


def fragments_case(directory):
    """Rules by address and protocol hold for later fragments; the others follow their first fragment."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL)
        peers.echo(peers.receiver, 5300)
        peers.default("ingress", "drop")

        def passed(protocol, count=20):
            before = peers.arrived("Ip", "ReasmReqds")
            peers.send_raw(protocol, bytes(64), count, offset=185)
            return peers.arrived("Ip", "ReasmReqds") - before

        expect("later fragments, which no rule is about", 20, passed(17))
        peers.rules(
            [
                {"operation": "append", "src": OUTSIDE, "dport": 9, "action": "drop"},
                {"operation": "append", "src": OUTSIDE, "conntrack": "NEW", "action": "drop"},
                {"operation": "append", "src": "10.77.0.128/25", "action": "drop"},
            ]
        )
        expect("later fragments with rules for others, and for ports", 20, passed(17))
        peers.rules([{"operation": "append", "src": OUTSIDE, "l4proto": "UDP", "action": "drop"}])
        expect("later fragments of a protocol and address that a rule drops", 0, passed(17))
        expect("later fragments of another protocol", 20, passed(6))
        counts = peers.shown()["ingress"]
        expect("packets that the rule has dropped", 20, counts["rules"][3]["packets"])
        expect("packets accepted as established", 60, counts["counters"]["established"]["packets"])
        peers.nicsentry("rules", "default", "ingress", "accept", "-i", "right0")
        expect("later fragments by a default of accept", 20, passed(6))
        expect("packets accepted as established", 60, peers.shown()["ingress"]["counters"]["established"]["packets"])
        watching.stop()
        peers.check_clean()


def router_case(directory):
    """Who began a connection through two ports, and that it has ended, does not depend on the order of the ports."""
    with Peers(directory) as peers:
        far = add_host_behind(peers)
        peers.echo(far, 5300)
        peers.serve(far, 8080)
        for ports in (("right0", "right1"), ("right1", "right0")):
            watching = Controller(peers, *STATEFUL, ports=ports)
            expect("questions without an answer", 0, peers.unanswered(peers.sender, BEHIND, 5300, 200))
            expect("connections that lose a segment", 0, peers.slow_fetches(peers.sender, f"http://{BEHIND}:8080/", 40))
            time.sleep(0.5)
            listed = json.loads(peers.nicsentry("connections", "--json", "-i", "right0").stdout)["connections"]
            seen = {(one["protocol"], one["source"], one["state"]) for one in listed if one["protocol"] != "ICMP"}
            expect(
                f"connections by the ports {ports}", {("UDP", OUTSIDE, "ESTABLISHED"), ("TCP", OUTSIDE, "CLOSED")}, seen
            )
            watching.stop()
        peers.check_clean()


def main():
    return run_directory_cases(
        {
            "what follows a SYN from outside": handshake_case,
            "ICMP beside a ping": icmp_case,
            "pings in both directions": both_ask_case,
            "super-packets that say to be fragments": super_packets_case,
            "late answers, short and long windows": lifetimes_case,
            "forged segments and errors": forged_case,
            "the peer of a closed connection": closed_case,
            "a flood that is all dropped": flood_case,
            "path MTU behind extension headers": path_mtu_case,
            "a connection older than the run": older_case,
            "rules and later fragments": fragments_case,
            "a router's connections": router_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
