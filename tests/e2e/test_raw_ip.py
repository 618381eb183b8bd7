#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Interfaces whose packets have no Ethernet header: a tun device with exact figures, and tunnels of the kernel's.

    test_raw_ip.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import signal
import socket
import struct
import subprocess
import sys
import time

from compare import BINARY, check_books, expect, expect_text
from network import Controller, Network, run
from suite import Mismatch, Skipped, run_directory_cases
from tun import Tun, echo_request, ip_packet, tcp, udp, within_namespace

INSIDE, INSIDE6 = "10.8.0.1", "fd08::1"
OUTSIDE, OUTSIDE6 = "10.8.0.2", "fd08::2"
PORT = 1000  # below 1024: the server's
SYN, SYN_ACK, RST = 0x02, 0x12, 0x04
BOTH = ("--mode", "tc", "--direction", "both")
TC_PLACE = ("pref", 100, "handle", "0x4e53")  # where nicsentry has its filter (hooks.cpp)


class TunNetwork(Network):
    """The protected host with the device tun0 in place of the veth pair, and a UDP server of this process in it."""

    def __init__(self, directory, typed=False):
        super().__init__(directory, pairs=0)
        self.tun, self.sockets = None, {}
        try:
            self.tun = Tun(self.receiver, "tun0", typed)
            self.inside(self.receiver, "sysctl", "-qw", "net.ipv6.conf.tun0.disable_ipv6=0")
            # No packet that the test does not send: router solicitations, multicast reports.
            self.inside(self.receiver, "sysctl", "-qw", "net.ipv6.conf.tun0.addr_gen_mode=1")
            for address in (f"{INSIDE}/24", f"{INSIDE6}/64"):
                run("ip", "-n", self.receiver, "addr", "add", address, "dev", "tun0")
            run("ip", "-n", self.receiver, "link", "set", "tun0", "up")
            self.tun.read(1)
            with within_namespace(self.receiver):
                for family, address in ((socket.AF_INET, INSIDE), (socket.AF_INET6, INSIDE6)):
                    server = socket.socket(family, socket.SOCK_DGRAM)
                    server.bind((address, PORT))
                    server.setblocking(False)
                    self.sockets[address] = server
        except BaseException:
            self.close()
            raise

    def close(self):
        for server in self.sockets.values():
            server.close()
        if self.tun is not None:
            self.tun.close()
        super().close()

    def received(self, address):
        """What the server has got since it was asked last."""
        got = []
        while True:
            try:
                got.append(self.sockets[address].recv(65536))
            except BlockingIOError:
                return got

    def watch(self, *options):
        return Controller(self, *(options or BOTH), ports=("tun0",))

    def command(self, *words, check=True):
        return self.nicsentry(*words, "-i", "tun0", check=check)


def rows_of(output, kind):
    return [json.loads(line) for line in (output / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()]


def sessions_of(output):
    """{(protocol, client, client port, server, server port): (packets and bytes to the server, to the client)}"""
    sessions = {}
    for row in rows_of(output, "sessions"):
        key = (row["protocol"], row["client_ip"], row["client_port"], row["server_ip"], row["server_port"])
        if key in sessions:
            raise Mismatch(f"expected one row of {key}")
        sessions[key] = (row["packets_client"], row["bytes_client"], row["packets_server"], row["bytes_server"])
    return sessions


def books_of(output):
    books = {}
    for row in rows_of(output, "windows"):
        check_books(row, row["hook"])
        expect("mode", "tc", row["mode"])
        books[row["hook"]] = row
    return books


def watched_case(directory):
    """Sessions, packets and bytes in both directions, features of packets, unparsed ones by cause."""
    with TunNetwork(directory) as network:
        watching = network.watch()
        expect_text("log", "tun0: mode tc (no Ethernet header)", watching.log())
        for own, other in ((INSIDE, OUTSIDE), (INSIDE6, OUTSIDE6)):
            network.tun.write(*(udp(other, 5000, own, PORT, b"x" * size) for size in (0, 1, 100, 1200)))
            expect(f"datagrams to {own}", [0, 1, 100, 1200], [len(data) for data in network.received(own)])
            network.sockets[own].sendto(b"y" * 300, (other, 5000))
            network.tun.write(tcp(other, 5001, own, 81, SYN))  # answered by RST
            network.tun.write(*(echo_request(other, own, 9, b"z" * 56) for _ in range(3)))
        answers = network.tun.read()
        expect("packets out", 10, len(answers))
        network.tun.write(
            ip_packet(OUTSIDE, INSIDE, 132, b"\0" * 30),  # SCTP
            ip_packet(OUTSIDE, INSIDE, 17, b"\0" * 24, fragment=100),
            udp(OUTSIDE, 5000, INSIDE, PORT)[:30],  # IP length beyond its end
            bytes((0x60, 0)),
            bytes((0x44,)) + bytes(40),  # IHL 4
        )
        refused = network.tun.read()
        expect("ICMP error about SCTP", [78], [len(packet) for packet in refused])
        answers += refused
        output = watching.stop()
        expected = {}
        for own, other, header, echo in ((INSIDE, OUTSIDE, 20, "ICMP"), (INSIDE6, OUTSIDE6, 40, "ICMPv6")):
            expected |= {
                ("UDP", other, 5000, own, PORT): (4, 4 * (header + 8) + 1301, 1, header + 308),
                ("TCP", other, 5001, own, 81): (1, header + 20, 1, header + 20),
                (echo, other, 0, own, 0): (3, 3 * (header + 64), 3, 3 * (header + 64)),
            }
        expected["ICMP", OUTSIDE, 0, INSIDE, 0] = (3, 3 * 84, 4, 3 * 84 + 78)
        expect("sessions", expected, sessions_of(output))
        books = books_of(output)
        expect("hooks", {"tc-ingress", "tc-egress"}, set(books))
        causes = {"protocol": (1, 50), "later_fragment": (1, 44), "truncated": (2, 32), "malformed": (1, 41)}
        for cause in ("not_ip", "vlan_depth", "truncated", "malformed", "later_fragment", "protocol", "extensions"):
            seen = (books["tc-ingress"][f"packets_{cause}"], books["tc-ingress"][f"bytes_{cause}"])
            expect(f"packets and bytes of {cause}", causes.get(cause, (0, 0)), seen)
        expect("packets in", (16 + 5, 11), tuple(books[hook]["packets_in"] for hook in ("tc-ingress", "tc-egress")))
        expect("bytes out", sum(map(len, answers)), books["tc-egress"]["bytes_in"])
        sizes = [row["udp_payload_bytes"] for row in rows_of(output, "packets") if row["udp_payload_bytes"]]
        expect("UDP payloads", sorted([1, 100, 1200, 300] * 2), sorted(sizes))
        network.check_clean("tun0")


RULES = {
    "ingress": [
        {"l4proto": "UDP", "dport": PORT, "length": "129-65535", "action": "drop"},
        {"l4proto": "UDP", "ttl": "1-9", "action": "drop"},
        {"vlan": "1-4095", "action": "drop"},
        {"l4proto": "ICMP", "icmptype": "echo-request", "src": OUTSIDE, "action": "drop"},
        {"l4proto": "UDP", "sport": 5001, "action": "drop", "log": True},
        {"l4proto": "UDP", "dport": PORT, "sport": "5000-5099", "vlan": "none", "action": "accept"},
        {"l4proto": "UDP", "sport": 5200, "action": "limit", "rate": "1/h", "burst": 3},
    ],
    "egress": [{"l4proto": "UDP", "dport": 5066, "action": "drop"}],
}


def filter_case(directory):
    """Rules with every field that a program on the host reads, sets, a limit, a default of drop, states, both ways."""
    with TunNetwork(directory) as network:
        log = network.directory / "records"
        watching = network.watch(*BOTH, "--firewall", "--log", log)
        for chain, rules in RULES.items():
            path = network.directory / f"{chain}.json"
            path.write_text(json.dumps({"rules": [{"operation": "append", **rule} for rule in rules]}), "utf-8")
            network.command("rules", "apply", path, *(["--egress"] if chain == "egress" else []))
        network.command("block", "10.8.0.66", "fd08::66", "10.8.77.0/24")

        def arrives(own, *packets):
            network.tun.write(*packets)
            time.sleep(0.05)
            return len(network.received(own))

        for own, other in ((INSIDE, OUTSIDE), (INSIDE6, OUTSIDE6)):
            size = 128 - (48 if ":" in own else 28)
            expect(f"{own}: length", 1, arrives(own, *(udp(other, 5000, own, PORT, b"x" * (size + i)) for i in (0, 1))))
            expect(f"{own}: TTL", 1, arrives(own, *(udp(other, 5000, own, PORT, ttl=ttl) for ttl in (9, 10))))
            expect(f"{own}: log", 0, arrives(own, udp(other, 5001, own, PORT)))
            blocked = "fd08::66" if ":" in own else "10.8.0.66"
            expect(f"{own}: blocked", 0, arrives(own, udp(blocked, 5000, own, PORT)))
            expect(f"{own}: accepted", 1, arrives(own, udp(other, 5010, own, PORT)))
            expect(f"{own}: no rule", 1, arrives(own, udp(other, 5100, own, PORT)))
        expect("a prefix that is blocked", 0, arrives(INSIDE, udp("10.8.77.5", 5000, INSIDE, PORT)))
        expect("a limit", 3, arrives(INSIDE, *(udp(OUTSIDE, 5200, INSIDE, PORT) for _ in range(5))))
        network.tun.read(0.1)
        network.tun.write(echo_request(OUTSIDE, INSIDE, 1), echo_request(OUTSIDE6, INSIDE6, 1))
        expect("echo replies", [6], [packet[0] >> 4 for packet in network.tun.read()])
        for own, other in ((INSIDE, OUTSIDE), (INSIDE6, OUTSIDE6)):
            for port in (5066, 5067):
                network.sockets[own].sendto(b"out", (other, port))
        expect("packets out", 2, len(network.tun.read()))
        network.command("rules", "default", "ingress", "drop", "--yes")
        for own, other in ((INSIDE, OUTSIDE), (INSIDE6, OUTSIDE6)):
            expect(f"{own}: default drop", 0, arrives(own, udp(other, 5101, own, PORT)))
            network.sockets[own].sendto(b"question", (other, 5102))
            expect(f"{own}: an answer", 1, arrives(own, udp(other, 5102, own, PORT)))
        network.tun.read(0.1)
        network.tun.write(bytes((0x60, 0)))  # unjudged: dropped

        shown = json.loads(network.command("rules", "show", "--json").stdout)
        counted = [rule["packets"] for rule in shown["ingress"]["rules"]]
        expect("packets of the rules", [2, 2, 0, 1, 2, 6, 2], counted)
        expect("packets of the egress rule", [2], [rule["packets"] for rule in shown["egress"]["rules"]])
        records = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        expect(
            "records",
            [(OUTSIDE, 5001, PORT), (OUTSIDE6, 5001, PORT)],
            [(record["source"], record["source_port"], record["destination_port"]) for record in records],
        )
        said = network.command(
            "rules",
            "explain",
            "l4proto=UDP",
            f"src={OUTSIDE}",
            f"dst={INSIDE}",
            "sport=5000",
            f"dport={PORT}",
            "length=200",
            "vlan=none",
            "--json",
        ).stdout
        expect("the verdict that explain gives", ("drop", 0), verdict_of(said))
        said = network.command(
            "rules",
            "explain",
            "l4proto=UDP",
            f"src={OUTSIDE6}",
            f"dst={INSIDE6}",
            "sport=5000",
            f"dport={PORT}",
            "length=100",
            "vlan=none",
            "--json",
        ).stdout
        expect("the verdict that explain gives", ("accept", 5), verdict_of(said))
        books = books_of(watching.stop())
        # rules 0, 1, 4; blocked; echo request; limit; default; unjudged
        expect("packets dropped on their way in", 6 + 3 + 1 + 2 + 2 + 1, books["tc-ingress"]["packets_dropped"])
        expect("packets unjudged", 1, books["tc-ingress"]["packets_unjudged"])
        expect("packets dropped on their way out", 2, books["tc-egress"]["packets_dropped"])
        network.check_clean("tun0")


def verdict_of(said):
    answer = json.loads(said)
    return answer["verdict"], answer["rule"]["id"]


def refusals_case(directory):
    """XDP modes are refused with the one that works, auto takes it; so do attach, detach, status and doctor."""
    with TunNetwork(directory) as network:
        for mode in ("hw", "drv", "skb"):
            for command in (("run", "--windows", 1), ("attach",)):
                refused = network.command(*command, "--mode", mode, check=False)
                expect(f"{command[0]} --mode {mode}, exit status", 1, refused.returncode)
                expect_text(
                    f"{command[0]} --mode {mode}",
                    f"EOPNOTSUPP: tun0 in mode {mode}: its packets (link type none)"
                    " have no Ethernet header, which XDP programs read; run with --mode tc",
                    refused.stderr,
                )
        network.check_clean("tun0")
        shown = network.command("doctor").stdout
        expect_text("doctor", "tun0 mode tc", shown)
        expect_text("doctor", "the one for link type none: its packets have no Ethernet header", shown)
        network.command("attach")
        expect_text("status", "program 'sentry_rawip'", network.command("status").stdout)
        watching = network.watch("--mode", "auto")
        expect_text("log", "adopting program 'sentry_rawip'", watching.log())
        network.tun.write(udp(OUTSIDE, 5000, INSIDE, PORT))
        time.sleep(0.3)
        expect("sessions", {("UDP", OUTSIDE, 5000, INSIDE, PORT): (1, 32, 0, 0)}, sessions_of(watching.stop()))
        network.command("detach")
        network.check_clean("tun0")


def strangers_case(directory):
    """A program for Ethernet that somebody attached is not driven on tun, nor the other way round."""
    objects = str(BINARY).rsplit("/", 1)[0] + "/bpf_offload"
    with TunNetwork(directory) as network:
        network.add_pair(0)
        for port, name, words in (
            ("tun0", "sentry_tc", "reads packets with an Ethernet header, and those of link type none have none"),
            (
                "right0",
                "sentry_rawip",
                "reads packets without an Ethernet header, and those of link type ether have one",
            ),
        ):
            tc = ("tc", "-n", network.receiver)
            run(*tc, "qdisc", "add", "dev", port, "clsact")
            where = ("dev", port, "ingress", *TC_PLACE)
            run(*tc, "filter", "add", *where, "bpf", "da", "obj", f"{objects}/{name}.o", "sec", "tc")
            refused = network.nicsentry("run", "-i", port, "--mode", "tc", "--windows", 1, check=False)
            expect(f"{port}, exit status", 1, refused.returncode)
            expect_text(f"{port}, words", words + "; detach it first", refused.stderr)


def killed_case(directory):
    """Rules of a run that was killed stay in force, and the next one takes them over."""
    with TunNetwork(directory) as network:
        state = network.directory / "state"
        options = (*BOTH, "--state", state)
        first = network.watch(*options)
        network.command("block", OUTSIDE)
        first.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        network.tun.write(udp(OUTSIDE, 5000, INSIDE, PORT), udp("10.8.0.3", 5000, INSIDE, PORT))
        time.sleep(0.1)
        expect("datagrams while no run is there", 1, len(network.received(INSIDE)))
        second = network.watch(*options)
        expect_text("log", "adopting program 'sentry_rawip'", second.log())
        network.tun.write(udp(OUTSIDE, 5000, INSIDE, PORT), udp("10.8.0.3", 5000, INSIDE, PORT))
        time.sleep(0.1)
        expect("datagrams beside the second run", 1, len(network.received(INSIDE)))
        second.stop()
        network.check_clean("tun0")


def guard_case(directory):
    """A default of drop cuts off no neighbour discovery where there is none; a blocked gateway still counts."""
    with TunNetwork(directory) as network:
        run("ip", "-n", network.receiver, "route", "add", "default", "via", OUTSIDE)
        watching = network.watch(*BOTH, "--firewall")
        refused = network.command("block", OUTSIDE, check=False)
        expect("blocking the gateway, exit status", True, refused.returncode != 0)
        expect_text("blocking the gateway", f"the gateway {OUTSIDE}", refused.stderr)
        done = network.command("rules", "default", "ingress", "drop", check=False)
        expect("neighbour discovery in the words of a default of drop", False, "neighbour" in done.stderr + done.stdout)
        watching.stop()


def tunnel_case(kind):
    """Pings through a tunnel of the kernel's are counted on its device, both ways, and dropped there by a rule."""

    def case(directory):
        with Network(directory) as network:
            make_tunnel(network, kind)
            watching = Controller(network, "--direction", "both", "--firewall", ports=("tnl0",))
            expect_text("log", "tnl0: mode tc (no Ethernet header)", watching.log())
            pinged = [address for address in (INSIDE, INSIDE6) if kind in CARRIES[address]]
            for address in pinged:
                ping(network, address, 0)
            network.nicsentry("block", OUTSIDE, OUTSIDE6, "-i", "tnl0", "--yes")
            for address in pinged:
                ping(network, address, 1)
            output = watching.stop()
            expected = {}
            for address in pinged:
                six = address == INSIDE6
                size = (40 if six else 20) + 64
                key = ("ICMPv6" if six else "ICMP", OUTSIDE6 if six else OUTSIDE, 0, address, 0)
                expected[key] = (6, 6 * size, 3, 3 * size)
            expect("sessions", expected, sessions_of(output))
            books = books_of(output)
            expect("packets in", 6 * len(pinged), books["tc-ingress"]["packets_in"])
            expect("packets dropped", 3 * len(pinged), books["tc-ingress"]["packets_dropped"])
            expect("packets out", 3 * len(pinged), books["tc-egress"]["packets_in"])
            network.check_clean("tnl0")

    return case


def ping(network, address, status):
    done = network.inside(network.sender, "ping", "-n", "-c", 3, "-i", "0.2", "-W", 1, address, check=False)
    expect(f"ping to {address}, exit status ({done.stdout})", status, done.returncode)


OUTER = {"receiver": ("192.0.2.1", "2001:db8::1"), "sender": ("192.0.2.2", "2001:db8::2")}
# What a tunnel can carry inside.
CARRIES = {
    INSIDE: ("gre", "ip6gre", "ipip", "ip6tnl", "vti", "vxlan-gpe", "wireguard"),
    INSIDE6: ("gre", "ip6gre", "sit", "ip6tnl", "vxlan-gpe", "wireguard"),
}


def link_words(kind, local, remote):
    ends = ("local", local[0], "remote", remote[0])
    ends6 = ("local", local[1], "remote", remote[1])
    return {
        "gre": ("gre", *ends),
        "ip6gre": ("ip6gre", *ends6),
        "ipip": ("ipip", *ends),
        "sit": ("sit", *ends),
        "ip6tnl": ("ip6tnl", "mode", "any", *ends6),
        "vxlan-gpe": ("vxlan", "external", "gpe", "dstport", 4790),
        "wireguard": ("wireguard",),
    }[kind]


def make_tunnel(network, kind):
    sides = {"receiver": (network.receiver, "right0"), "sender": (network.sender, "left0")}
    for side, other in (("receiver", "sender"), ("sender", "receiver")):
        namespace, port = sides[side]
        network.inside(namespace, "sysctl", "-qw", f"net.ipv6.conf.{port}.disable_ipv6=0")
        run("ip", "-n", namespace, "link", "set", port, "arp", "on")
        for address, bits in zip(OUTER[side], (24, 64)):
            run(
                "ip",
                "-n",
                namespace,
                "addr",
                "add",
                f"{address}/{bits}",
                "dev",
                port,
                *(("nodad",) if bits == 64 else ()),
            )
        words = link_words(kind, OUTER[side], OUTER[other])
        made = run("ip", "-n", namespace, "link", "add", "tnl0", "type", *words, check=False)
        if made.returncode != 0:
            raise Skipped(f"this kernel has no {kind} device: {made.stderr.strip()}")
        network.inside(namespace, "sysctl", "-qw", "net.ipv6.conf.tnl0.disable_ipv6=0")
        network.inside(namespace, "sysctl", "-qw", "net.ipv6.conf.tnl0.addr_gen_mode=1")
        own = (INSIDE, INSIDE6) if side == "receiver" else (OUTSIDE, OUTSIDE6)
        for address, bits in zip(own, (24, 64)):
            run("ip", "-n", namespace, "addr", "add", f"{address}/{bits}", "dev", "tnl0")
    if kind == "wireguard":
        exchange_keys(network, sides)
    for side, other in (("receiver", "sender"), ("sender", "receiver")):
        namespace = sides[side][0]
        run("ip", "-n", namespace, "link", "set", "tnl0", "up")
        if kind == "vxlan-gpe":
            far = (OUTSIDE, OUTSIDE6) if side == "receiver" else (INSIDE, INSIDE6)
            for address, family in zip(far, ("-4", "-6")):
                run(
                    "ip",
                    "-n",
                    namespace,
                    family,
                    "route",
                    "replace",
                    address,
                    "encap",
                    "ip",
                    "id",
                    7,
                    "dst",
                    OUTER[other][0],
                    "dev",
                    "tnl0",
                )


def exchange_keys(network, sides):
    keys = {}
    for side in sides:
        private = run("wg", "genkey").stdout
        public = subprocess.run(
            ["wg", "pubkey"], input=private, text=True, check=True, capture_output=True
        ).stdout.strip()
        path = network.directory / f"{side}.key"
        path.write_text(private, encoding="utf-8")
        keys[side] = (path, public)
    for side, other in (("receiver", "sender"), ("sender", "receiver")):
        far = (OUTSIDE, OUTSIDE6) if side == "receiver" else (INSIDE, INSIDE6)
        network.inside(
            sides[side][0],
            "wg",
            "set",
            "tnl0",
            "private-key",
            keys[side][0],
            "listen-port",
            51820,
            "peer",
            keys[other][1],
            "endpoint",
            f"{OUTER[other][0]}:51820",
            "allowed-ips",
            f"{far[0]}/32,{far[1]}/128",
        )


def tags_case(directory):
    """The kernel takes tags of VLAN 0 off, one before TC and the others behind it: a packet behind them is unjudged."""
    with TunNetwork(directory, typed=True) as network:
        watching = network.watch(*BOTH, "--firewall")

        def arrives(tags):
            found = []
            for own, other, kind in ((INSIDE, OUTSIDE, 0x0800), (INSIDE6, OUTSIDE6, 0x86DD)):
                types = [*[0x8100] * tags, kind]
                tag_bytes = b"".join(struct.pack("!HH", 0, inner) for inner in types[1:])
                network.tun.write(struct.pack("!HH", 0, types[0]) + tag_bytes + udp(other, 5000, own, PORT))
                time.sleep(0.1)
                found.append(network.received(own))
            return found

        for tags in (0, 1, 2, 3):
            expect(f"behind {tags} tags, without rules", [[b"data"], [b"data"]], arrives(tags))
        network.command("block", OUTSIDE, OUTSIDE6, "--yes")
        before = unjudged_of(network)
        for tags in (0, 1, 2, 3):
            expect(f"behind {tags} tags, of a blocked address", [[], []], arrives(tags))
        expect("not judged", (before[0] + 4, before[1] + 4), unjudged_of(network))
        watching.stop()


def unjudged_of(network):
    counted = json.loads(network.command("rules", "show", "--json").stdout)["ingress"]["counters"]["unjudged"]
    return sum(cause["packets"] for cause in counted.values()), counted["vlan_depth"]["packets"]


def main():
    cases = {
        "tun, watched": watched_case,
        "tun, filtered": filter_case,
        "tun, what is refused": refusals_case,
        "programs for another link": strangers_case,
        "tun, tags": tags_case,
        "tun, SIGKILL": killed_case,
        "tun, the guard against lock-outs": guard_case,
    }
    for kind in ("gre", "ip6gre", "ipip", "sit", "ip6tnl", "vxlan-gpe", "wireguard"):
        cases[f"tunnel {kind}"] = tunnel_case(kind)
    return run_directory_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
