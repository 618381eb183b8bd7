#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The same rules given to nicsentry and to the kernel's nftables: each decides on the same packets in the same way."""
import ipaddress
import json
import random
import struct
import sys
import time

from compare import expect
from network import Controller, Network
from suite import Mismatch, run_directory_cases, tries

RULE_SETS = max(5, tries(10))
PACKETS = 1500
PROTOCOLS = {"TCP": 6, "UDP": 17, "ICMP": 1, "ICMPv6": 58, "GRE": 47}
FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}
FAMILIES = {4: "ip", 6: "ip6"}
NUMBERS = {"length": 200, "dscp": 63, "ttl": 255, "vlan": 4095, "icmptype": 255, "icmpcode": 255}  # the highest
TAG = 0x8100
ICMP = {"ICMP": 4, "ICMPv6": 6}


class Maker:
    """Rules that overlap, and packets at their edges."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, percent):
        return self.random.randrange(100) < percent

    def address(self, version):
        octets = bytes(
            self.random.choice((0, 255, self.random.randrange(256))) for _ in range(4 if version == 4 else 16)
        )
        return ipaddress.ip_address(octets)

    def term(self, version):
        """An address, prefix or range."""
        address = self.address(version)
        kind = self.random.randrange(3)
        if kind == 0:
            return str(address)
        if kind == 1:
            return str(
                ipaddress.ip_network((address, self.random.randrange(1, address.max_prefixlen + 1)), strict=False)
            )
        last = ipaddress.ip_address(
            min(int(address) + self.random.randrange(1, 1 << 20), (1 << address.max_prefixlen) - 1)
        )
        return f"{address}-{last if last.version == version else address}"

    def addresses(self, version, sets):
        terms = [self.term(version)] if self.chance(70) else []
        if self.chance(30):
            terms.append("@" + self.random.choice(sets))
        if self.chance(30):
            terms.append("!" + self.term(version))
        if self.chance(10):
            terms.append("!@" + self.random.choice(sets))
        return terms

    def ports(self):
        first = self.random.randrange(60) if self.chance(60) else self.random.randrange(65536)
        return first if self.chance(50) else f"{first}-{min(first + self.random.randrange(1000), 65535)}"

    def numbers(self, field):
        """A list of numbers and ranges."""
        terms = []
        while not terms or self.chance(30):
            first = self.random.randrange(NUMBERS[field] + 1)
            last = first if self.chance(40) else self.random.randrange(first, NUMBERS[field] + 1)
            terms.append(str(first) if first == last else f"{first}-{last}")
        return ",".join(terms)

    def add_numbers(self, rule):
        if rule.get("l4proto") in ICMP and self.chance(70):
            rule["icmptype"] = self.random.choice(("0,8", "3", "128-129,135", self.numbers("icmptype")))
            if self.chance(40):
                rule["icmpcode"] = self.random.choice(("0-3", self.numbers("icmpcode")))
        for field in ("length", "dscp", "ttl"):
            if self.chance(12):
                rule[field] = self.numbers(field)
        if self.chance(12):
            first = self.random.randrange(8)
            rule["vlan"] = self.random.choice(("none", str(first), f"{first}-{first + 5}"))

    def rule(self, sets):
        rule = {"operation": "append", "action": self.random.choice(("drop", "drop", "accept", "accept", "accept"))}
        version = self.random.choice((4, 4, 6))
        for end in ("src", "dst"):
            terms = self.addresses(version, sets) if self.chance(45) else []
            if terms:
                rule[end] = terms
        if self.chance(60):
            rule["l4proto"] = self.random.choice(("TCP", "TCP", "UDP", "UDP", "ICMP", "ICMPv6", "GRE"))
        if rule.get("l4proto", "TCP") in ("TCP", "UDP"):
            for end in ("sport", "dport"):
                if self.chance(30):
                    rule[end] = self.ports()
        if rule.get("l4proto", "TCP") == "TCP" and self.chance(30):
            names = self.random.sample(sorted(FLAGS), self.random.randrange(1, 4))
            rule["tcpflags"] = ",".join(self.random.choice(("", "!")) + name for name in names)
        self.add_numbers(rule)
        return rule

    def rules(self, count, sets):
        rules = [self.rule(sets) for _ in range(count)]
        for rule in self.random.sample(rules, 3):
            rule["action"] = "count"
        return rules

    def edge(self, terms, version):
        edges = [end for term in terms for end in ends_of(term) if end.version == version]
        if not edges or self.chance(20):
            return self.address(version)
        edge = int(self.random.choice(edges)) + self.random.choice((0, 0, 0, 1, -1))
        limit = (1 << (32 if version == 4 else 128)) - 1
        return (ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address)(min(max(edge, 0), limit))

    def port(self, rules, end):
        ports = [int(part) for rule in rules if end in rule for part in str(rule[end]).replace(",", "-").split("-")]
        if not ports or self.chance(30):
            return self.random.randrange(65536)
        return min(max(self.random.choice(ports) + self.random.choice((0, 0, 1, -1)), 0), 65535)

    def number_near(self, rules, field, usual):
        edges = [int(part) for rule in rules if field in rule for part in rule[field].replace(",", "-").split("-")]
        if not edges or self.chance(50):
            return usual
        return min(max(self.random.choice(edges) + self.random.choice((0, 0, 1, -1)), 0), NUMBERS[field])

    def link(self, ethertype):
        """The Ethernet header, with a tag or without."""
        tag = b""
        if self.chance(30):
            tag = struct.pack("!HH", TAG, self.random.randrange(8) << 13 | self.random.randrange(12))
        return bytes.fromhex("020000000001020000000002") + tag + struct.pack("!H", ethertype)

    def frame(self, rules, sets):
        version = self.random.choice((4, 4, 6))
        terms = {end: [term for rule in rules for term in rule.get(end, [])] for end in ("src", "dst")}
        inside = [term for content in sets.values() for term in content]
        source, destination = (self.edge(terms[end] + inside, version) for end in ("src", "dst"))
        protocol = self.random.choice((6, 6, 6, 17, 17, 1 if version == 4 else 58, 47))
        ports = struct.pack("!HH", self.port(rules, "sport"), self.port(rules, "dport"))
        flags = self.random.choice((2, 18, 16, self.random.randrange(256)))
        payload = {
            6: ports + bytes(8) + bytes((0x50, flags)) + bytes(6),
            17: ports + b"\0\x0c\0\0data",
            47: b"\0\0\x08\0data",
        }.get(protocol)
        if payload is None:
            kind = self.number_near(rules, "icmptype", self.random.choice((0, 3, 8, 128, 135)))
            payload = bytes((kind, self.number_near(rules, "icmpcode", 0))) + bytes(6)
        payload += bytes(self.random.choice((0, 0, self.random.randrange(150))))
        dscp, ttl = self.number_near(rules, "dscp", 0), self.number_near(rules, "ttl", 64)
        offset, more = self.random.choice(((0, 0), (0, 0), (0, 0), (0, 0), (0, 1), (100, 0)))
        if version == 4:
            length = 20 + len(payload)
            header = struct.pack("!BBHHHBBH", 0x45, dscp << 2, length, 7, more << 13 | offset, ttl, protocol, 0)
            return self.link(0x0800) + header + source.packed + destination.packed + payload
        next_header = protocol
        if offset or more:
            payload = struct.pack("!BBHI", next_header, 0, offset << 3 | more, 7) + payload
            next_header = 44
        if self.chance(15):
            payload = bytes((next_header, 0, 1, 4, 0, 0, 0, 0)) + payload
            next_header = 60
        header = struct.pack("!IHBB", 6 << 28 | dscp << 22, len(payload), next_header, ttl)
        return self.link(0x86DD) + header + source.packed + destination.packed + payload


def ends_of(term):
    """First and last address of an address, prefix or range; nothing of a set."""
    term = term.lstrip("!")
    if term.startswith("@"):
        return []
    if "-" in term:
        return [ipaddress.ip_address(part) for part in term.split("-")]
    network = ipaddress.ip_network(term, strict=False)
    return [network[0], network[-1]]


# On this hook, before reassembly, nft reads ports and flags from the data of a later fragment (seen on Linux 6.18).
# A rule that means the same as ours has to exclude later fragments.
LATER_FRAGMENTS = ["ip frag-off & 0x1fff != 0 meta mark set 1", "frag frag-off != 0 meta mark set 1"]


class Nft:
    """Our rules as a table on a port's ingress hook: a chain for each rule that counts and decides, and lines that lead
    there, one a family."""

    def __init__(self, rules, sets, default, device):
        self.sets, self.text = [], []
        self.named = sets
        for name, content in sets.items():
            for version in FAMILIES:
                self.add_set(f"{name}_{version}", content, version)
        lines = LATER_FRAGMENTS + [
            f"{family} saddr @blocked_{version} goto blocked" for version, family in FAMILIES.items()
        ]
        chains = ["chain blocked { counter drop; }", f"chain default_action {{ counter {default}; }}"]
        for number, rule in enumerate(rules):
            action = {"accept": " accept", "drop": " drop", "count": ""}[rule["action"]]
            chains.append(f"chain rule{number} {{ counter{action}; }}")
            way = "jump" if rule["action"] == "count" else "goto"
            lines += [
                f"{match} {way} rule{number}" for version in FAMILIES for match in self.matches(number, rule, version)
            ]
        body = "\n".join(
            self.sets
            + chains
            + [f'chain ingress {{ type filter hook ingress device "{device}" priority 0;']
            + lines
            + ["goto default_action", "}"]
        )
        self.script = f"table netdev same {{\n{body}\n}}\n"

    def add_set(self, name, terms, version):
        elements = [term for term in terms if ends_of(term)[0].version == version]
        listed = f"elements = {{ {', '.join(elements)} }};" if elements else ""
        self.sets.append(f"set {name} {{ type ipv{version}_addr; flags interval; auto-merge; {listed} }}")
        return bool(elements)

    def address(self, number, end, terms, version):
        """How a rule asks of one end, or nothing where no packet of the family matches."""
        field = f"{FAMILIES[version]} {'saddr' if end == 'src' else 'daddr'}"
        wanted = [term for term in terms if not term.startswith("!")]
        unwanted = [term[1:] for term in terms if term.startswith("!")]
        parts = []
        for kind, list_, sign in (("in", wanted, ""), ("out", unwanted, "!= ")):
            if not list_:
                continue
            if len(list_) == 1 and list_[0].startswith("@"):
                parts.append(f"{field} {sign}@{list_[0][1:]}_{version}")
                continue
            all_ = [inner for term in list_ for inner in (self.named[term[1:]] if term.startswith("@") else [term])]
            name = f"{kind}_{end}_{number}_{version}"
            if self.add_set(name, all_, version):
                parts.append(f"{field} {sign}@{name}")
            elif kind == "in":
                return None
        return parts

    @staticmethod
    def numbers(rule, version):
        """How a rule asks for ICMP's type and code, length, DSCP, TTL and VLAN."""
        names = {
            "icmptype": "icmp type" if version == 4 else "icmpv6 type",
            "icmpcode": "icmp code" if version == 4 else "icmpv6 code",
            "length": "meta length",
            "dscp": f"{FAMILIES[version]} dscp",
            "ttl": "ip ttl" if version == 4 else "ip6 hoplimit",
        }
        parts = [f"{name} {{ {rule[field]} }}" for field, name in names.items() if field in rule]
        vlan = rule.get("vlan")
        if vlan == "none":
            parts.append(f"@ll,96,16 != {TAG:#x}")
        elif vlan:
            first, last = vlan.split("-")[0], vlan.split("-")[-1]
            parts.append(f"@ll,96,16 {TAG:#x} @ll,112,16 & 0x0fff >= {first} @ll,112,16 & 0x0fff <= {last}")
        return parts

    def matches(self, number, rule, version):
        if "icmptype" in rule and version != ICMP[rule["l4proto"]]:
            return []
        parts = [f"meta protocol {FAMILIES[version]}"]
        for end in ("src", "dst"):
            asked = self.address(number, end, rule.get(end, []), version)
            if asked is None:
                return []
            parts += asked
        if "l4proto" in rule:
            parts.append(f"meta l4proto {PROTOCOLS[rule['l4proto']]}")
        elif "tcpflags" in rule:
            parts.append("meta l4proto 6")
        elif "sport" in rule or "dport" in rule:
            parts.append("meta l4proto { 6, 17 }")
        if {"sport", "dport", "tcpflags", "icmptype"} & set(rule):
            parts.append("meta mark 0")
        parts += [f"th {end} {rule[end]}" for end in ("sport", "dport") if end in rule]
        if "tcpflags" in rule:
            words = rule["tcpflags"].split(",")
            mask = sum(FLAGS[word.lstrip("!")] for word in words)
            value = sum(FLAGS[word] for word in words if not word.startswith("!"))
            parts.append(f"tcp flags & {mask:#x} == {value:#x}")
        parts += self.numbers(rule, version)
        return [" ".join(parts)]


SEND_FRAMES = """
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for number, line in enumerate(open(sys.argv[2])):
    s.send(bytes.fromhex(line))
    if number % 20 == 19:
        time.sleep(0.003)
"""


def send(network, frames):
    path = network.directory / "frames"
    path.write_text("\n".join(frame.hex() for frame in frames), encoding="utf-8")
    network.inside(network.sender, sys.executable, "-c", SEND_FRAMES, "left0", path)
    time.sleep(0.2)


def ask(network, *words, file=None):
    arguments = list(words) + ([file] if file else [])
    return network.nicsentry(*arguments, "-i", "right0")


def counts_of_ours(network, rules, sets, default, frames):
    for name, content in sets.items():
        path = network.directory / "set"
        path.write_text("\n".join(content) + "\n", encoding="utf-8")
        ask(network, "sets", "load", name, file=path)
    path = network.directory / "batch.json"
    had = len(json.loads(ask(network, "rules", "show", "--json").stdout)["ingress"]["rules"])
    path.write_text(json.dumps({"rules": [{"operation": "delete", "id": 0}] * had + rules}), encoding="utf-8")
    ask(network, "rules", "apply", file=path)
    ask(network, "rules", "default", "ingress", default)
    ask(network, "rules", "accept-established", "ingress", "off")
    ask(network, "rules", "reset-counters")
    send(network, frames)
    chain = json.loads(ask(network, "rules", "show", "--json").stdout)["ingress"]
    counts = {f"rule{rule['id']}": rule["packets"] for rule in chain["rules"]}
    return {
        **counts,
        "blocked": chain["counters"]["blocked"]["packets"],
        "default_action": chain["counters"]["default"]["packets"],
    }


def counts_of_nft(network, rules, sets, default, frames):
    nft = Nft(rules, sets, default, "right0")
    path = network.directory / "rules.nft"
    path.write_text(nft.script, encoding="utf-8")
    network.inside(network.receiver, "nft", "-f", path)
    send(network, frames)
    listed = json.loads(network.inside(network.receiver, "nft", "-j", "list", "table", "netdev", "same").stdout)
    network.inside(network.receiver, "nft", "delete", "table", "netdev", "same")
    counts = {}
    for item in listed["nftables"]:
        for part in item.get("rule", {}).get("expr", []):
            if "counter" in part:
                counts[item["rule"]["chain"]] = part["counter"]["packets"]
    return counts


def random_case(directory, mode="drv", rule_sets=RULE_SETS):
    """Both count what each rule matches: addresses, ranges, sets, exceptions, ports, flags, protocols, fragments,
    ICMP types, lengths, DSCP, TTL, VLANs."""
    with Network(directory) as network:
        rounds = []
        for seed in range(rule_sets):
            maker = Maker(seed)
            sets = {
                name: [maker.term(maker.random.choice((4, 6))) for _ in range(size)]
                for name, size in (("blocked", 2), ("one", 10), ("two", 5))
            }
            rules = maker.rules(25, ["one", "two"])
            rules = [rule for rule in rules if consistent(rule)]
            frames = [maker.frame(rules, sets) for _ in range(PACKETS)]
            rounds.append((rules, sets, maker.random.choice(("drop", "accept")), frames))
        watching = Controller(network, "--firewall", "--mode", mode)
        ours = [counts_of_ours(network, *one) for one in rounds]
        watching.stop()
        network.check_clean()
        decided_by_rules = 0
        for seed, (one, seen) in enumerate(zip(rounds, ours)):
            theirs = counts_of_nft(network, *one)
            differing = {name: (theirs[name], seen[name]) for name in theirs if theirs[name] != seen[name]}
            if differing:
                rules = {name: one[0][int(name[4:])] for name in differing if name.startswith("rule")}
                raise Mismatch(f"rule set {seed}: packets as nft counts them and as seen: {differing}, of {rules}")
            decided = sum(
                count
                for name, count in seen.items()
                if not name.startswith("rule") or one[0][int(name[4:])]["action"] != "count"
            )
            expect(f"rule set {seed}, packets decided on", PACKETS, decided)
            decided_by_rules += decided - seen["default_action"]
        if decided_by_rules < rule_sets * PACKETS / 4:
            raise Mismatch(f"expected a quarter of the packets to meet a rule, seen {decided_by_rules}")
        return f"{rule_sets} sets of rules, {rule_sets * PACKETS} packets, {decided_by_rules} decided by a rule"


def tc_case(directory):
    """The same where the kernel has taken the VLAN tag out of the frame."""
    return random_case(directory, "tc", 3)


def consistent(rule):
    """Whether the language takes it: families that can meet in a packet."""
    versions = []
    for end in ("src", "dst"):
        wanted = [term for term in rule.get(end, []) if not term.startswith("!")]
        if wanted and not any(term.startswith("@") for term in wanted):
            versions.append({ends_of(term)[0].version for term in wanted})
    if "icmptype" in rule and any(ICMP[rule["l4proto"]] not in version for version in versions):
        return False
    return len(versions) < 2 or bool(versions[0] & versions[1])


def main():
    return run_directory_cases({"random packets": random_case, "random packets on TC": tc_case})


if __name__ == "__main__":
    sys.exit(main())
