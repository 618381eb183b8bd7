#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`rules explain` between real peers: what it says is what happens, and asking changes nothing."""
import json
import struct
import subprocess
import sys
import time

import make_capture
from compare import expect, expect_text
from network import Controller
from peers import INSIDE, INSIDE6, NEIGHBOURS, OUTSIDE, OUTSIDE6, STATEFUL, Peers
from suite import run_directory_cases

RULES = NEIGHBOURS + [
    {"operation": "append", "src": "@scanners", "action": "drop", "description": "known scanners"},
    {"operation": "append", "l4proto": "TCP", "dport": "8000-8100", "action": "count"},
    {"operation": "append", "l4proto": "TCP", "dport": 8080, "conntrack": "NEW", "action": "accept"},
    {"operation": "append", "l4proto": "UDP", "dport": 5300, "action": "log"},
    {"operation": "append", "l4proto": "ICMP", "icmptype": 3, "icmpcode": "frag-needed", "action": "accept"},
    {"operation": "append", "length": "1000-2000", "dscp": "ef", "ttl": "0-5", "vlan": "7,none", "action": "accept"},
]


def explain(peers, *words, options=()):
    return json.loads(peers.nicsentry("rules", "explain", *words, *options, "--json", "-i", "right0").stdout)


def decided(answer):
    by = answer["decided_by"]
    return f"{answer['verdict']} {by} {answer['rule']['id']}" if by == "rule" else f"{answer['verdict']} {by}"


def counters(peers):
    """Every counter of both chains."""
    shown = peers.shown()
    return {
        (chain, name): shown[chain]["counters"][name]["packets"]
        for chain in ("ingress", "egress")
        for name in ("default", "established", "blocked", "dropped")
    } | {(chain, rule["id"]): rule["packets"] for chain in ("ingress", "egress") for rule in shown[chain]["rules"]}


def silence(peers):
    """No packets but those that the case sends."""
    for namespace, side in ((peers.sender, "left0"), (peers.receiver, "right0")):
        peers.inside(namespace, "sysctl", "-qw", f"net.ipv6.conf.{side}.disable_ipv6=1")


def fields_case(directory):
    """Each step of the order of decision, over the rules and sets in force; nothing is counted by it."""
    with Peers(directory) as peers:
        silence(peers)
        watching = Controller(peers, *STATEFUL)
        peers.nicsentry("sets", "add", "scanners", "203.0.113.0/24", "2001:db8:bad::1", "-i", "right0")
        peers.rules(RULES)
        peers.default("ingress", "drop")
        peers.nicsentry("block", "198.51.100.7", "-i", "right0")
        before = counters(peers)
        wanted = [
            (["src=198.51.100.7", "conntrack=ESTABLISHED"], "drop blocked"),
            (["src=198.51.100.8", "conntrack=ESTABLISHED"], "accept established"),
            (["src=203.0.113.9", "dport=8080"], "drop rule 1"),
            (["src=2001:db8:bad::1", "l4proto=UDP", "dport=5300"], "drop rule 1"),
            (["src=198.51.100.8", "dport=8080"], "accept rule 3"),
            (["src=198.51.100.8", "dport=8080", "tcpflags=SYN,ACK"], "drop default"),
            (["src=198.51.100.8", "l4proto=UDP", "dport=5300"], "accept rule 4"),
            (["src=198.51.100.8", "l4proto=UDP", "dport=5300", "fragment=first"], "accept rule 4"),
            (["src=198.51.100.8", "l4proto=UDP", "fragment=later"], "accept established"),
            (["src=2001:db8::1", "icmptype=135"], "accept rule 0"),
            (["l4proto=GRE"], "drop default"),
            (["icmptype=destination-unreachable", "icmpcode=4"], "accept rule 5"),
            (["icmptype=destination-unreachable", "icmpcode=3"], "drop default"),
            (["l4proto=UDP", "length=1000", "dscp=46", "ttl=5"], "accept rule 6"),
            (["src=2001:db8::9", "length=2000", "dscp=ef", "ttl=0", "vlan=7"], "accept rule 6"),
            (["l4proto=GRE", "length=1500", "dscp=ef", "ttl=1", "vlan=8"], "drop default"),
            (["l4proto=GRE", "length=999", "dscp=ef", "ttl=1"], "drop default"),
        ]
        for words, decision in wanted:
            expect(f"explain {' '.join(words)}", decision, decided(explain(peers, *words)))
        answer = explain(peers, "src=198.51.100.8", "dport=8080")
        expect("rules that count it", [2], answer["counted_by"])
        expect(
            "rules passed over",
            [(0, "l4proto", "TCP", "ICMPv6"), (1, "src", "198.51.100.8", "@scanners")],
            [(one["id"], one["field"], one["packet"], one["rule"]) for one in answer["passed_over"]],
        )
        expect("sets of the source", ["blocked"], explain(peers, "src=198.51.100.7")["src_sets"])
        expect("the egress chain", "accept default", decided(explain(peers, "dst=192.0.2.1", options=["--egress"])))
        expect(
            "the egress chain, far end blocked",
            "drop blocked",
            decided(explain(peers, "dst=198.51.100.7", options=["--egress"])),
        )
        text = peers.nicsentry("rules", "explain", "src=203.0.113.9", "dport=8080", "-i", "right0").stdout
        for part in (
            "drop, by rule 1 of ingress",
            '"description":"known scanners"',
            "src is in scanners",
            "rule 0 does not match: l4proto is TCP, not ICMPv6",
            "(right0/xdp)",
        ):
            expect_text("the explanation", part, text)
        expect("counters after all that was asked", before, counters(peers))
        bad = peers.nicsentry("rules", "explain", "dport=http", "flags=S", check=False)
        expect("exit status of fields that are none", 2, bad.returncode)
        expect_text("words about them", 'dport: read "http", allowed is a port', bad.stderr)
        expect_text("words about them", '"flags": unknown field, allowed are src,', bad.stderr)
        watching.stop()
        peers.check_clean()


def session_case(directory):
    """The state of a session comes from the table in force; what is said of a packet is what becomes of it."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL)
        peers.nicsentry("sets", "add", "scanners", "203.0.113.0/24", "-i", "right0")
        peers.rules(RULES)
        peers.default("ingress", "drop")
        peers.echo(peers.sender, 5400)
        for outside, inside in ((OUTSIDE, INSIDE), (OUTSIDE6, INSIDE6)):
            words = [f"src={outside}", f"dst={inside}", "l4proto=UDP", "sport=5400", "dport=40404"]
            expect(
                f"an answer of {outside} nobody asked for",
                ("drop default", "unknown"),
                (decided(explain(peers, *words)), explain(peers, *words)["session"]),
            )
            asked = peers.inside(peers.receiver, sys.executable, "-c", ASK_FROM, outside, 5400, 40404)
            expect(f"an answer of {outside} that was asked for", "answered\n", asked.stdout)
            time.sleep(0.1)
            expect(
                "what is said of it",
                ("accept established", "known"),
                (decided(explain(peers, *words)), explain(peers, *words)["session"]),
            )
            expect("what is said of it were it NEW", "drop default", decided(explain(peers, *words, "conntrack=NEW")))
        watching.stop()
        peers.check_clean()


ASK_FROM = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", int(sys.argv[3])))
s.settimeout(1)
for _ in range(3):
    s.sendto(b"x", (sys.argv[1], int(sys.argv[2])))
    try:
        s.recv(100)
        print("answered")
        break
    except socket.timeout:
        pass
"""


def capture_case(directory):
    """Packets of a capture, each explained and all counted: as many of each decision as the rules then count."""
    with Peers(directory) as peers:
        silence(peers)
        watching = Controller(peers, "--firewall")
        peers.nicsentry("sets", "add", "scanners", OUTSIDE, "-i", "right0")
        peers.rules(
            [
                {"operation": "append", "src": "@scanners", "l4proto": "UDP", "dport": "1-2000", "action": "drop"},
                {"operation": "append", "l4proto": "ICMP", "action": "accept"},
                {"operation": "append", "l4proto": "UDP", "dport": "2001-2500", "action": "accept"},
            ]
        )
        capture = peers.directory / "c.pcap"
        tcpdump = peers.start(
            peers.sender,
            "tcpdump",
            "-q",
            "-B",
            16384,
            "--immediate-mode",
            "-Q",
            "out",
            "-i",
            "left0",
            "-w",
            capture,
            "ip",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        while "listening" not in tcpdump.stderr.readline():
            pass
        peers.ping(peers.sender, INSIDE, "-c", 2, "-s", 4000)
        peers.inside(peers.sender, sys.executable, "-c", MANY, INSIDE)
        time.sleep(1)
        tcpdump.terminate()
        tcpdump.wait()
        lines = peers.nicsentry("rules", "explain", capture, "--json", "-i", "right0").stdout.splitlines()
        answers = [json.loads(line) for line in lines]
        summary = answers.pop()
        expect("packets of the summary", len(answers), summary["packets"])
        expect("numbers of the packets", list(range(1, len(answers) + 1)), [answer["number"] for answer in answers])
        said = {}
        for answer in answers:
            name = answer["rule"]["id"] if answer["decided_by"] == "rule" else answer["decided_by"]
            said[name] = said.get(name, 0) + 1
        seen = {key: packets for (chain, key), packets in counters(peers).items() if chain == "ingress" and packets}
        dropped = seen.pop("dropped")
        expect("decisions that are said and that were counted", seen, said)
        expect("drops", dropped, sum(answer["verdict"] == "drop" for answer in answers))
        table = peers.nicsentry("rules", "explain", capture, "--summary", "-i", "right0").stdout
        expect_text("the summary", f"{said[0]}  drop     rule 0", table)
        rules = peers.directory / "only.json"
        rules.write_text('{"rules": [{"operation": "append", "l4proto": "ICMP"}]}', encoding="utf-8")
        offline = json.loads(
            peers.nicsentry(
                "rules", "explain", "--rules", rules, "--default", "drop", capture, "--summary", "--json"
            ).stdout
        )
        expect(
            "drops under a file's rules",
            {"drop"},
            {one["verdict"] for one in offline["summary"] if one["decided_by"] != "established"},
        )
        watching.stop()
        peers.check_clean()


LIMITED = [
    {"operation": "append", "src": "10.1.0.1", "action": "accept"},
    {"operation": "append", "l4proto": "UDP", "action": "count"},
    {"operation": "append", "l4proto": "UDP", "action": "limit", "rate": "40/s", "burst": 6, "per": "source"},
    {"operation": "append", "l4proto": "UDP", "action": "count"},
    {"operation": "append", "dport": 53, "action": "limit", "rate": "4000/m", "burst": 9},
    {"operation": "append", "length": "0-127", "action": "drop"},
]


class Tokens:
    """A bucket that holds `burst` tokens and gets `amount` each `period_s`, in whole numbers."""

    def __init__(self, amount, period_s, burst, now_ns):
        self.amount, self.one = amount, period_s * 10**9
        self.most = self.tokens = burst * self.one
        self.last_ns = now_ns

    def take(self, now_ns):
        self.tokens = min(self.most, self.tokens + (now_ns - self.last_ns) * self.amount)
        self.last_ns = now_ns
        if self.tokens < self.one:
            return False
        self.tokens -= self.one
        return True


def limited_verdicts(frames):
    """What LIMITED says of each packet: the verdict, what decides, and the limits that hold for it."""
    sources: dict[str, Tokens] = {}
    of_all = None
    for time_ns, source, port, length in frames:
        if source == "10.1.0.1":
            yield "accept rule 0", []
        elif not sources.setdefault(source, Tokens(40, 1, 6, time_ns)).take(time_ns):
            yield "drop rule 2", [2]
        else:
            of_all = of_all or Tokens(4000, 60, 9, time_ns)
            if port == 53 and not of_all.take(time_ns):
                yield "drop rule 4", [2, 4]
            else:
                met = [2, 4] if port == 53 else [2]
                yield ("drop rule 5" if length < 128 else "accept default"), met


def limits_case(directory):
    """Over a capture limits are judged by its times, each packet as buckets of tokens say, over several requests."""
    random = make_capture.random.Random(5)
    capture, frames = make_capture.Capture(), []
    for _ in range(5000):
        source, port, payload = f"10.1.0.{random.randrange(1, 6)}", random.choice((53, 54)), random.choice((50, 100))
        datagram = make_capture.udp(source, "192.0.2.1", 4000, port, bytes(payload))
        frames.append((capture.time_ns // 1000 * 1000, source, port, 28 + payload))
        packet = make_capture.ipv4(source, "192.0.2.1", make_capture.UDP, datagram)
        capture.add(make_capture.ethernet(make_capture.IPV4, packet), random.randrange(8000))
    wanted = list(limited_verdicts(frames))
    met = {limit: sum(limit in limits for _, limits in wanted) for limit in (2, 4)}
    beyond = {limit: sum(verdict == f"drop rule {limit}" for verdict, _ in wanted) for limit in (2, 4)}
    for limit, count in beyond.items():
        expect(f"some are beyond rule {limit}, some are not", True, 100 < count < met[limit] - 100)
    with Peers(directory) as peers:
        silence(peers)
        path = peers.directory / "limits.pcap"
        capture.write(path)
        rules = peers.directory / "limits.json"
        rules.write_text(json.dumps({"rules": LIMITED}), encoding="utf-8")
        watching = Controller(peers, "--rules", rules, "--yes")
        for where in (("-i", "right0"), ("--rules", rules)):
            lines = peers.nicsentry("rules", "explain", path, "--json", *where).stdout.splitlines()
            answers = [json.loads(line) for line in lines]
            summary = answers.pop()
            expect("answers", len(wanted), len(answers))
            for number, (one, answer) in enumerate(zip(wanted, answers)):
                expect(f"packet {number + 1}, {where}", one, (decided(answer), answer.get("limited_by", [])))
                decider = int(one[0].split()[-1]) if "rule" in one[0] else 9
                counted = [rule for rule in (1, 3) if rule < decider]
                expect(f"rules that count packet {number + 1}, {where}", counted, answer["counted_by"])
            limits = [{"id": limit, "met": met[limit], "dropped": beyond[limit]} for limit in (2, 4)]
            expect(f"limits of the summary, {where}", limits, summary["limits"])
            short = json.loads(peers.nicsentry("rules", "explain", path, "--json", "--summary", *where).stdout)
            expect(f"the summary alone, {where}", summary, short)
        text = peers.nicsentry("rules", "explain", path, "-i", "right0").stdout
        expect_text("a packet beyond a limit", "\tdrop\trule 4 within the limit of rule 2 beyond its limit\tUDP ", text)
        expect_text("the last line", f"limit of rule 4: {met[4]} packets met it, {beyond[4]} were beyond it\n", text)
        expect("nothing was charged or counted", 0, sum(counters(peers).values()))
        watching.stop()
        peers.check_clean()


def short_case(directory):
    """Frames that end before their headers do are told of one by one, by a program on TC as by one on XDP."""
    with Peers(directory) as peers:
        frames = [
            (b"\2\0\0\0\0\1" * 2 + ether_type + bytes(100))[:length]
            for ether_type in (b"\x08\x00", b"\x86\xdd", b"\x81\x00", b"\x08\x06")
            for length in (0, 13, 14, 15, 16, 33, 34, 53, 54)
        ]
        capture = peers.directory / "short.pcap"
        capture.write_bytes(
            struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
            + b"".join(struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame for frame in frames)
        )
        said = {}
        for mode in ("drv", "tc"):
            watching = Controller(peers, "--firewall", "--mode", mode)
            answer = peers.nicsentry("rules", "explain", capture, "-i", "right0").stdout
            said[mode] = [line.split("\t") for line in answer.splitlines()[: len(frames)]]
            watching.stop()
        expect("what is said on TC as on XDP", said["drv"], said["tc"])
        expect(
            "frames of which something is said", list(range(1, len(frames) + 1)), [int(line[0]) for line in said["tc"]]
        )
        expect_text("what is said of IPv4 in 16 bytes", "truncated", said["tc"][4][3])
        peers.check_clean()


MANY = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in range(1, 3001):
    s.sendto(b"x", (sys.argv[1], port))
"""


def main():
    return run_directory_cases(
        {
            "fields on the command line": fields_case,
            "states of sessions": session_case,
            "captures": capture_case,
            "limits over a capture": limits_case,
            "short frames": short_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
