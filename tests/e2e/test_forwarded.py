#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A router that watches all its ports: with --dedup what it forwards counts once, to the packet and byte, and what it
sends itself still counts. Frames that a mirror cut count by their IP length with --cut-frames."""
import json
import os
import socket
import subprocess
import sys
import time

from compare import PATIENCE, expect, expect_text
from make_capture import (
    ACK,
    IPV4,
    IPV6,
    PSH,
    SYN,
    TCP,
    UDP,
    Capture,
    ethernet,
    ipv4,
    ipv6,
    tcp,
    udp,
)
from network import Controller, Network, run
from suite import run_directory_cases, within
from tun import within_namespace

PORTS = ("right0", "right1")
NEAR, FAR = "10.1.0.1", "10.2.0.1"
NEAR6, FAR6 = "fd01::1", "fd02::1"
ROUTER_MAC = ("02:00:00:00:01:00", "02:00:00:00:01:01")
OUTER_MAC = ("02:00:00:00:02:00", "02:00:00:00:02:01")


class Router(Network):
    """left0 - right0 (router) right1 - left1, the latter in a namespace of its own. Nobody asks for neighbours."""

    def __init__(self, directory):
        super().__init__(directory, pairs=2, mtu=1500)
        self.far = f"nse2e{os.getpid()}f"
        self.add_namespace(self.far)
        run("ip", "-n", self.sender, "link", "set", "left1", "netns", self.far)
        self.inside(self.receiver, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.disable_ipv6=0")
        for number, (namespace, side) in enumerate(((self.sender, NEAR), (self.far, FAR))):
            six = (NEAR6, FAR6)[number]
            for where, name, mac, host in (
                (namespace, f"left{number}", OUTER_MAC[number], 1),
                (self.receiver, f"right{number}", ROUTER_MAC[number], 254),
            ):
                self.inside(where, "sysctl", "-qw", *(f"net.ipv6.conf.{name}.{key}" for key in ("disable_ipv6=0",)))
                self.inside(where, "sysctl", "-qw", *(f"net.ipv6.conf.{name}.{key}" for key in QUIET))
                run("ip", "-n", where, "link", "set", name, "address", mac, "arp", "off", "up")
                run("ip", "-n", where, "addr", "add", f"{side[:-1]}{host}/24", "dev", name)
                run("ip", "-n", where, "addr", "add", f"{six[:-1]}{host}/64", "dev", name, "nodad")
            for end in (side, six):
                self.neighbour(self.receiver, end, OUTER_MAC[number], f"right{number}")
            for end, default in ((f"{side[:-1]}254", "0.0.0.0/0"), (f"{six[:-1]}254", "::/0")):
                self.neighbour(namespace, end, ROUTER_MAC[number], f"left{number}")
                run("ip", "-n", namespace, "route", "add", default, "via", end)
        self.inside(self.receiver, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
        time.sleep(0.3)  # until the last report of multicast groups is sent

    def neighbour(self, namespace, address, mac, port):
        run("ip", "-n", namespace, "neigh", "replace", address, "lladdr", mac, "dev", port, "nud", "permanent")


QUIET = ("accept_dad=0", "router_solicitations=0", "accept_ra=0", "mldv2_unsolicited_report_interval=10")


def frame(kind, packet, number=0):
    made = ethernet(kind, packet)
    macs = ROUTER_MAC[number].replace(":", "") + OUTER_MAC[number].replace(":", "")
    return bytes.fromhex(macs) + made[12:]


def traffic():
    """Frames from left0: also the same ones again, as a sender repeats them, with and without an identification."""
    frames = []
    for number in range(60):
        size = number * 7 % 400
        frames.append((IPV4, ipv4(NEAR, FAR, UDP, udp(NEAR, FAR, 4000, 5000, bytes(size)))))
        frames.append((IPV4, ipv4(NEAR, FAR, TCP, tcp(NEAR, FAR, 4001, 80, ACK | PSH, payload=bytes(size)))))
        frames.append((IPV6, ipv6(NEAR6, FAR6, TCP, tcp(NEAR6, FAR6, 4002, 80, ACK))))
        frames.append((IPV6, ipv6(NEAR6, FAR6, UDP, udp(NEAR6, FAR6, 4003, 5000, b"same"))))
        if number == 0:
            frames.append((IPV6, ipv6(NEAR6, FAR6, TCP, tcp(NEAR6, FAR6, 4002, 80, SYN))))
        if number % 5 == 0:  # for the router itself, and one that it drops at the end of its way
            frames.append((IPV4, ipv4(NEAR, "10.1.0.254", UDP, udp(NEAR, "10.1.0.254", 4004, 5000, bytes(size)))))
    return frames


def rows(output, names=("client_ip", "server_ip", "protocol", "client_port", "server_port")):
    found = {}
    for line in (output / "sessions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["protocol"] in ("TCP", "UDP"):
            key = tuple(sorted((row["client_port"], row["server_port"])))
            count = found.setdefault(key, [0, 0])
            count[0] += row["packets_client"] + row["packets_server"]
            count[1] += row["bytes_client"] + row["bytes_server"]
    return found


def books(output):
    lines = (output / "windows.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def expected(frames, times=1):
    found = {}
    for kind, packet in frames:
        at = 20 if kind == IPV4 else 40
        ports = tuple(
            sorted((int.from_bytes(packet[at : at + 2], "big"), int.from_bytes(packet[at + 2 : at + 4], "big")))
        )
        count = found.setdefault(ports, [0, 0])
        count[0] += times
        count[1] += times * len(packet)
    return found


def forwarded(frames):
    return [(kind, packet) for kind, packet in frames if kind == IPV6 or packet[16:20] == bytes((10, 2, 0, 1))]


def routed_case(options, directory):
    """Packets of both families, among them equal ones, pass the router. Each counts once with the option, or twice."""
    frames = traffic()
    for dedup in (True, False):
        with Router(directory) as network:
            capture = Capture()
            for kind, packet in frames:
                capture.add(frame(kind, packet), after_us=1)
            path = network.directory / "traffic.pcap"
            capture.write(path)
            run("ip", "-n", network.far, "addr", "flush", "dev", "left1")  # nobody answers there
            words = (*options, "--direction", "both", *(("--dedup",) if dedup else ()))
            watching = Controller(network, *words, ports=PORTS, window="1h")
            before = network.sent("right1", network.receiver)
            network.send(path, len(frames), port="left0")
            passed = network.sent("right1", network.receiver) - before
            expect("forwarded at least", True, passed >= len(forwarded(frames)))
            output = watching.stop()
            through = expected(forwarded(frames))
            want = expected(frames)
            if not dedup:
                want = {
                    ports: [count + through.get(ports, [0, 0])[i] for i, count in enumerate(counts)]
                    for ports, counts in want.items()
                }
            expect(f"{options}, sessions, --dedup {dedup}", want, {k: v for k, v in rows(output).items() if k in want})
            for row in books(output):
                leaves = dedup and (row["interface"], row["hook"]) == ("right1", "tc-egress")
                copies = [sum(counts[i] for counts in through.values()) for i in (0, 1)] if leaves else [0, 0]
                expect(
                    f"copies on {row['interface']} {row['hook']}", copies, [row["packets_copies"], row["bytes_copies"]]
                )
            for port in PORTS:
                network.check_clean(port)


def stream_case(mode, directory):
    """A TCP stream through the router, in super-packets on the way out: both ends' figures are those of one port."""
    with Router(directory) as network:
        for port in PORTS:
            network.inside(network.receiver, "ethtool", "-K", port, "gro", "on", "gso", "on", "tso", "on")
        for namespace, port in ((network.sender, "left0"), (network.far, "left1")):
            wanted = "on" if mode == "skb" else "off"  # that XDP is not told of what comes in joined
            network.inside(namespace, "ethtool", "-K", port, "gro", "off", "gso", wanted, "tso", wanted)
        # No reports of multicast groups.
        network.inside(network.receiver, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        watching = Controller(network, "--mode", mode, "--direction", "both", "--dedup", ports=PORTS, window="1h")
        server = network.start(network.far, "iperf3", "-s", "-1", "-p", "5201", stdout=subprocess.DEVNULL)
        within(PATIENCE, "a listening iperf3", lambda: ":5201" in network.inside(network.far, "ss", "-ltn").stdout)
        network.inside(network.sender, "iperf3", "-c", FAR, "-p", "5201", "-n", "8M", "--connect-timeout", "5000")
        server.wait()
        output = watching.stop()
        found = {(row["interface"], row["hook"] == "tc-egress"): row for row in books(output)}
        for port, other in (PORTS, PORTS[::-1]):
            came = found[port, False]
            copies = found[other, True]
            expect(f"packets and bytes of the stream that came in by {port}", True, came["bytes_in"] > 1000)
            for unit in ("packets", "bytes") if mode != "skb" else ():  # which counts super-packets that come in as one
                expect(f"{unit} from {port}, copies", came[f"{unit}_in"], copies[f"{unit}_copies"])
            expect(f"packets that the router sent by {other} itself", 0, copies["packets_in"])
        counted = [sum(count[i] for count in rows(output).values()) for i in (0, 1)]
        both = [sum(found[port, False][unit] for port in PORTS) for unit in ("packets_in", "bytes_in")]
        expect("packets and bytes of all sessions", both, counted)


def own_case(directory):
    """What the router sends itself counts: replies to pings, and a datagram."""
    with Router(directory) as network:
        watching = Controller(network, "--direction", "both", "--dedup", ports=PORTS, window="1h")
        done = network.inside(network.sender, "ping", "-n", "-c", "3", "-i", "0.2", "-W", "1", "10.1.0.254")
        expect_text("pings", "3 received", done.stdout)
        output = watching.stop()
        lines = (output / "sessions.jsonl").read_text(encoding="utf-8").splitlines()
        pings = [row for row in map(json.loads, lines) if row["protocol"] == "ICMP"]
        expect("pings and replies", [(3, 3)], [(row["packets_client"], row["packets_server"]) for row in pings])


def with_payload(text):
    """A datagram without a checksum: to --dedup it is the same with each payload of this length."""
    packet = bytearray(ipv4(NEAR, FAR, UDP, udp(NEAR, FAR, 4000, 5000, text)))
    packet[26:28] = bytes(2)
    return bytes(packet)


def dropped(network, chain, port="right0"):
    shown = json.loads(network.nicsentry("rules", "show", "--json", "-i", port).stdout)
    return shown[chain]["counters"]["dropped"]["packets"]


def crafted_case(mode, directory):
    """Packets that --dedup takes for one: each is judged on both ways, and each that came in is counted."""
    count = 40
    frames = [(IPV4, with_payload(b"%08d" % number)) for number in range(count)]
    steps = (
        ("ingress", "ingress", "dport=5000", 0),
        ("egress", "egress", "dport=5000", 0),
        ("egress", "egress, by its source", f"src={NEAR}", 0),
        (None, "no rule", None, count),
    )
    with Router(directory) as network:
        capture = Capture()
        for kind, packet in frames:
            capture.add(frame(kind, packet), after_us=1)
        path = network.directory / "crafted.pcap"
        capture.write(path)
        run("ip", "-n", network.far, "addr", "flush", "dev", "left1")  # nobody answers there
        words = ("--mode", mode, "--direction", "both", "--firewall", "--dedup")
        watching = Controller(network, *words, ports=PORTS, window="1h")
        for chain, what, condition, wanted in steps:
            if chain:
                rule = ("l4proto=UDP", condition, *(("--egress",) if chain == "egress" else ()))
                network.nicsentry("rules", "add", "drop", *rule, "-i", "right0")
            passed, drops = network.sent("right1", network.receiver), dropped(network, chain or "ingress")
            network.send(path, count, port="left0")
            time.sleep(0.3)
            expect(f"{what}: forwarded", wanted, network.sent("right1", network.receiver) - passed)
            expect(f"{what}: dropped", count - wanted, dropped(network, chain or "ingress") - drops)
            if chain:
                network.nicsentry("rules", "flush", *(("--egress",) if chain == "egress" else ()), "-i", "right0")
        output = watching.stop()
        expect(
            "packets that count",
            [len(steps) * count, len(steps) * sum(len(p) for _, p in frames)],
            rows(output)[4000, 5000],
        )
        for port in PORTS:
            network.check_clean(port)


def pairs_case(directory):
    """A packet that leaves is left out only for one that came in, was counted, and is as long."""
    count = 30
    with Router(directory) as network:
        run("ip", "-n", network.far, "addr", "flush", "dev", "left1")
        watching = Controller(network, "--direction", "both", "--dedup", "--mode", "drv", ports=PORTS, window="1h")
        short, long = with_payload(b"short"), with_payload(b"longer than the one that came in")
        ends = bytearray(short)
        ends[8] = 1  # its time to live: it ends at the router, and its note stays for a moment
        ends[10:12] = bytes(2)
        summed = sum(int.from_bytes(ends[at : at + 2], "big") for at in range(0, 20, 2))
        summed = (summed & 0xFFFF) + (summed >> 16)
        ends[10:12] = (~((summed & 0xFFFF) + (summed >> 16)) & 0xFFFF).to_bytes(2, "big")
        with within_namespace(network.sender):
            outside = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            outside.bind(("left0", 0))
        with within_namespace(network.receiver):
            router = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            router.bind(("right1", 0))
        for _ in range(count):
            outside.send(frame(IPV4, bytes(ends)))
            for packet in (short, short, long):  # the first one is taken for what came in, no other
                router.send(frame(IPV4, packet, 1))
            time.sleep(0.01)
        time.sleep(0.3)
        output = watching.stop()
        copies = {(row["interface"], row["hook"]): row["packets_copies"] for row in books(output)}
        expect("copies", count, copies["right1", "tc-egress"])
        wanted = [count * 3, count * (2 * len(short) + len(long))]
        expect("packets and bytes that count", wanted, rows(output)[4000, 5000])
        outside.close()
        router.close()


def refusal_case(directory):
    with Network(directory) as network:
        done = network.nicsentry("run", "-i", "right0", "--dedup", check=False)
        expect_text("--dedup without --direction both", "--dedup: it needs --direction both", done.stderr)


def cut_case(mode, directory):
    """Frames that end behind their headers count by their IP length with the option, and as truncated without."""
    ends, ends6 = ("10.1.0.9", "10.2.0.9"), (NEAR6, FAR6)
    packets = [(IPV4, ipv4(*ends, UDP, udp(*ends, 4000, 5000, bytes(1000 + number)))) for number in range(20)]
    packets += [(IPV6, ipv6(*ends6, TCP, tcp(*ends6, 4001, 80, ACK, payload=bytes(900)))) for _ in range(20)]
    for cut in (True, False):
        with Network(directory) as network:
            capture = Capture()
            for kind, packet in packets:
                capture.add(ethernet(kind, packet)[:96], after_us=1)
            path = network.directory / "cut.pcap"
            capture.write(path)
            watching = Controller(network, "--mode", mode, *(("--cut-frames",) if cut else ()), window="1h")
            network.send(path, len(packets))
            output = watching.stop()
            expect(f"mode {mode}, sessions, --cut-frames {cut}", expected(packets) if cut else {}, rows(output))
            truncated = sum(row["packets_truncated"] for row in books(output))
            expect("truncated packets", 0 if cut else len(packets), truncated)
            network.check_clean()


if __name__ == "__main__":
    sys.exit(
        run_directory_cases(
            {
                "routed, mode drv": lambda directory: routed_case(("--mode", "drv"), directory),
                "routed, mode skb": lambda directory: routed_case(("--mode", "skb"), directory),
                "routed, mode tc, with the firewall": lambda directory: routed_case(
                    ("--mode", "tc", "--firewall"), directory
                ),
                "routed, profile ddos": lambda directory: routed_case(("--profile", "ddos"), directory),
                **{
                    f"a stream in super-packets, mode {mode}": lambda d, m=mode: stream_case(m, d)
                    for mode in ("drv", "skb", "tc")
                },
                "the router's own packets": own_case,
                **{f"crafted copies, mode {mode}": lambda d, m=mode: crafted_case(m, d) for mode in ("drv", "tc")},
                "copies that did not come in": pairs_case,
                "refusals": refusal_case,
                **{f"cut frames, mode {mode}": lambda d, m=mode: cut_case(m, d) for mode in ("drv", "skb", "tc")},
            }
        )
    )
