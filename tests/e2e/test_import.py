#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules of nft and iptables as `rules import` reads them: they decide as nft itself does.

    test_import.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import sys
import time

import make_capture
from compare import PATIENCE, expect, expect_text
from network import Controller, Network
from peers import OUTSIDE, STATEFUL, Peers
from suite import Mismatch, run_directory_cases
from test_nft import FAMILIES, FLAGS, ICMP, PROTOCOLS, TAG, Maker, send
from test_nft_flows import flows, serve_flows

PACKETS = 400
IPTABLES = {"ICMP": "icmp", "ICMPv6": "ipv6-icmp", "TCP": "tcp", "UDP": "udp", "GRE": "47"}
TARGETS = {"accept": "ACCEPT", "drop": "DROP", "return": "RETURN"}


class ForeignMaker(Maker):
    """Rules that nft and iptables can both write down: fields as ours have them, and a verdict of theirs."""

    def __init__(self, seed):
        super().__init__(seed)
        self.number = 0

    def ports(self):
        """One range, or several of a list."""
        if self.chance(30):
            return ",".join(str(Maker.ports(self)) for _ in range(self.random.randrange(2, 6)))
        return Maker.ports(self)

    def foreign_rule(self, verdicts):
        version = self.random.choice((4, 4, 6))
        rule = {"name": f"r{self.number}", "verdict": self.random.choice(verdicts), "version": None}
        self.number += 1
        for end in ("src", "dst"):
            if self.chance(45):
                rule[end] = [("!" if self.chance(20) else "") + self.term(version)]
                rule["version"] = version
        if self.chance(70):
            rule["l4proto"] = self.random.choice(
                ("TCP", "TCP", "UDP", "UDP", "GRE", "ICMP" if version == 4 else "ICMPv6")
            )
        if rule.get("l4proto") in ("TCP", "UDP"):
            for end in ("sport", "dport"):
                if self.chance(35):
                    rule[end] = joined(self.ports())
                    rule["other " + end] = self.chance(20) and rule[end] != "0-65535"
        if rule.get("l4proto") == "TCP" and self.chance(30):
            names = self.random.sample(sorted(FLAGS), self.random.randrange(1, 4))
            rule["tcpflags"] = ",".join(self.random.choice(("", "!")) + name for name in names)
        self.add_foreign_numbers(rule, version)
        return rule

    def add_foreign_numbers(self, rule, version):
        if rule.get("l4proto") in ICMP and self.chance(60):
            rule["icmptype"] = str(self.random.choice((0, 3, 8, 128, 135)))
            if self.chance(40):
                rule["icmpcode"] = str(self.random.randrange(3))
        if self.chance(15):
            first = self.random.randrange(150)
            rule["length"] = f"{first}-{first + self.random.randrange(1, 100)}"
        if self.chance(10):
            rule["ttl"] = str(self.random.randrange(1, 256))
        if self.chance(10):
            rule["dscp"] = str(self.random.randrange(64))
        if {"icmptype", "ttl", "dscp"} & set(rule):
            rule["version"] = version

    def foreign_rules(self, count):
        """A chain: rules, some of which lead to chains of their own; two only count."""
        rules = []
        while len(rules) < count:
            rule = self.foreign_rule(("drop", "drop", "accept", "accept", "accept", "return"))
            if self.chance(12):
                rule["verdict"] = self.random.choice(("jump", "jump", "goto"))
                rule["rules"] = [self.foreign_rule(("drop", "accept")) for _ in range(3)]
            rules.append(rule)
        for rule in self.random.sample([rule for rule in rules if "rules" not in rule], 2):
            rule["verdict"] = ""
        return rules

    def whole_frames(self, rules, count):
        """Without fragments, whose ports nft reads from anywhere on its first hook, and without VLAN tags, which lead
        to another device."""
        frames = []
        while len(frames) < count:
            frame = self.frame(rules, {})
            if frame[12:14] == TAG.to_bytes(2, "big"):
                continue
            ports = int.from_bytes(frame[20:22], "big") if frame[12:14] == b"\x08\x00" else 44 in (frame[20], frame[54])
            if not ports:
                frames.append(frame)
        return frames


def joined(ports):
    """A list whose ranges neither overlap nor touch."""
    found = set()
    for part in str(ports).split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    ranges = []
    for port in sorted(found):
        if ranges and ranges[-1][1] == port - 1:
            ranges[-1][1] = port
        else:
            ranges.append([port, port])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def flat(rules):
    return [inner for rule in rules for inner in [rule, *rule.get("rules", [])]]


def nft_line(rule):
    parts = []
    for end, field in (("src", "saddr"), ("dst", "daddr")):
        for term in rule.get(end, []):
            sign = "!= " if term.startswith("!") else ""
            parts.append(f"{FAMILIES[rule['version']]} {field} {sign}{term.lstrip('!')}")
    if "l4proto" in rule:
        parts.append(f"meta l4proto {PROTOCOLS[rule['l4proto']]}")
    for end in ("sport", "dport"):
        if end in rule:
            sign = "!= " if rule["other " + end] else ""
            ports = rule[end].replace(",", ", ")
            parts.append(f"{rule['l4proto'].lower()} {end} {sign}{{ {ports} }}")
    if "tcpflags" in rule:
        words = rule["tcpflags"].split(",")
        mask = sum(FLAGS[word.lstrip("!")] for word in words)
        value = sum(FLAGS[word] for word in words if not word.startswith("!"))
        parts.append(f"tcp flags & {mask:#x} == {value:#x}")
    version = rule["version"]
    for field, name in (
        ("icmptype", "icmp type" if version == 4 else "icmpv6 type"),
        ("icmpcode", "icmp code" if version == 4 else "icmpv6 code"),
        ("length", "meta length"),
        ("dscp", "ip dscp" if version == 4 else "ip6 dscp"),
        ("ttl", "ip ttl <" if version == 4 else "ip6 hoplimit <"),
    ):
        if field in rule:
            parts.append(f"{name} {rule[field]}")
    if "rules" in rule:
        return " ".join(parts + [rule["verdict"], "to_" + rule["name"]])
    return " ".join(parts + ["counter", rule["verdict"], f'comment "{rule["name"]}"'])


def nft_script(rules, policy, family, hook):
    """`hook`: that of the base chain."""
    chains = "".join(
        f"chain to_{rule['name']} {{\n" + "\n".join(map(nft_line, rule["rules"])) + "\n}\n"
        for rule in rules
        if "rules" in rule
    )
    lines = "\n".join(map(nft_line, rules))
    base = f"chain base {{ type filter hook {hook} priority 0; policy {policy};\n{lines}\n}}\n"
    return f"table {family} same {{\n{chains}{base}}}\n"


def iptables_line(chain, rule, version):
    parts = ["-A", chain]
    for end, letter in (("src", "-s"), ("dst", "-d")):
        for term in rule.get(end, []):
            sign = ["!"] if term.startswith("!") else []
            ranged = "-" in term
            parts += ["-m", "iprange"] if ranged else []
            parts += sign + [f"--{end}-range" if ranged else letter, term.lstrip("!")]
    if "l4proto" in rule:
        parts += ["-p", IPTABLES[rule["l4proto"]]]
    for end in ("sport", "dport"):
        if end in rule:
            sign = ["!"] if rule["other " + end] else []
            parts += ["-m", "multiport", *sign, f"--{end}s", rule[end].replace("-", ":")]
    if "tcpflags" in rule:
        words = rule["tcpflags"].split(",")
        set_ = [word for word in words if not word.startswith("!")]
        parts += ["-m", "tcp", "--tcp-flags", ",".join(word.lstrip("!") for word in words), ",".join(set_) or "NONE"]
    if "icmptype" in rule:
        kind = rule["icmptype"] + ("/" + rule["icmpcode"] if "icmpcode" in rule else "")
        parts += ["-m", "icmp", "--icmp-type", kind] if version == 4 else ["-m", "icmp6", "--icmpv6-type", kind]
    if "length" in rule:
        parts += ["-m", "length", "--length", rule["length"].replace("-", ":")]
    if "dscp" in rule:
        parts += ["-m", "dscp", "--dscp", f"{int(rule['dscp']):#04x}"]
    if "ttl" in rule:
        parts += ["-m", "ttl", "--ttl-lt", rule["ttl"]] if version == 4 else ["-m", "hl", "--hl-lt", rule["ttl"]]
    if "rules" in rule:
        return " ".join(parts + ["-g" if rule["verdict"] == "goto" else "-j", "to_" + rule["name"]])
    parts += ["-m", "comment", "--comment", rule["name"]]
    return " ".join(parts + (["-j", TARGETS[rule["verdict"]]] if rule["verdict"] else []))


def iptables_save(rules, policy, version):
    def those(listed):
        return [rule for rule in listed if rule["version"] in (None, version)]

    led = [rule for rule in those(rules) if "rules" in rule]
    lines = [f"# Generated by {'iptables' if version == 4 else 'ip6tables'}-save v1.8.9", "*filter"]
    lines += [f":INPUT {policy.upper()} [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"]
    lines += [f":to_{rule['name']} - [0:0]" for rule in led]
    lines += [iptables_line("INPUT", rule, version) for rule in those(rules)]
    lines += [iptables_line("to_" + rule["name"], inner, version) for rule in led for inner in those(rule["rules"])]
    return "\n".join([*lines, "COMMIT", ""])


def saved_by_nft(network, script):
    """The same table on the input hook, as nft lists it."""
    path = network.directory / "rules.nft"
    path.write_text(script, encoding="utf-8")
    network.inside(network.receiver, "nft", "-f", path)
    listed = network.inside(network.receiver, "nft", "-j", "list", "ruleset").stdout
    network.inside(network.receiver, "nft", "flush", "ruleset")
    path = network.directory / "listed.json"
    path.write_text(listed, encoding="utf-8")
    return [path]


def import_and_load(network, files, *options):
    """Nothing of it is left out."""
    done = network.nicsentry("rules", "import", *files, check=False)
    expect("what is left out", (0, ""), (done.returncode, done.stderr))
    path = network.directory / "imported.json"
    path.write_text(done.stdout, encoding="utf-8")
    network.nicsentry("rules", "load", path, *options, "-i", "right0")


def awaited(read, frames):
    """The counts, when all frames are among them."""
    end = time.monotonic() + PATIENCE
    while True:
        seen, counts = read()
        if seen == frames or time.monotonic() > end:
            expect("packets seen", frames, seen)
            return counts
        time.sleep(0.05)


def counts_of_ours(network, frames):
    network.nicsentry("rules", "accept-established", "ingress", "off", "-i", "right0")
    network.nicsentry("rules", "reset-counters", "-i", "right0")
    send(network, frames)

    def read():
        chain = json.loads(network.nicsentry("rules", "show", "--json", "-i", "right0").stdout)["ingress"]
        counts: dict[str, int] = {}
        for rule in chain["rules"]:
            name = rule.get("description", "policy")
            counts[name] = counts.get(name, 0) + rule["packets"]
        decided = sum(rule["packets"] for rule in chain["rules"] if rule["action"] != "count")
        return decided + chain["counters"]["default"]["packets"], counts

    return awaited(read, len(frames))


def counts_of_nft(network, rules, policy, frames):
    script = nft_script(
        [{"name": "all", "verdict": "", "version": None}, *rules], policy, "netdev", 'ingress device "right0"'
    )
    path = network.directory / "rules.nft"
    path.write_text(script, encoding="utf-8")
    network.inside(network.receiver, "nft", "-f", path)
    send(network, frames)

    def read():
        listed = json.loads(network.inside(network.receiver, "nft", "-j", "list", "ruleset").stdout)["nftables"]
        counts = {}
        for rule in (item["rule"] for item in listed if "rule" in item):
            counters = [part["counter"]["packets"] for part in rule["expr"] if "counter" in part]
            if counters:
                counts[rule["comment"]] = counters[0]
        return counts.pop("all"), counts

    counts = awaited(read, len(frames))
    network.inside(network.receiver, "nft", "flush", "ruleset")
    return counts


def round_of(seed):
    maker = ForeignMaker(seed)
    rules = maker.foreign_rules(20)
    return rules, maker.random.choice(("accept", "drop")), maker.whole_frames(flat(rules), PACKETS)


def compare(directory, kind, seeds):
    """Ours first: what a run drops on the port does not come to nft's hook."""
    rounds = [round_of(seed) for seed in seeds]
    with Network(directory) as network:
        watching = Controller(network, "--firewall")
        ours = []
        for rules, policy, frames in rounds:
            if kind == "nft":
                files = saved_by_nft(network, nft_script(rules, policy, "inet", "input"))
            else:
                files = [network.directory / f"rules.v{version}" for version in FAMILIES]
                for path, version in zip(files, FAMILIES):
                    path.write_text(iptables_save(rules, policy, version), encoding="utf-8")
            import_and_load(network, files)
            ours.append(counts_of_ours(network, frames))
        watching.stop()
        network.check_clean()
        decided = 0
        for (rules, policy, frames), seen in zip(rounds, ours):
            theirs = counts_of_nft(network, rules, policy, frames)
            differing = {
                name: (count, seen.get(name, 0)) for name, count in theirs.items() if count != seen.get(name, 0)
            }
            if differing:
                named = [rule for rule in flat(rules) if rule["name"] in differing]
                raise Mismatch(f"packets as nft counts them and as seen: {differing}, of {named}")
            decided += sum(theirs.values())
        if decided < len(rounds) * PACKETS / 4:
            raise Mismatch(f"expected a quarter of the packets to meet a rule, seen {decided}")
        return f"{len(rounds)} chains, {len(rounds) * PACKETS} packets, {decided} of them met a rule"


def nft_case(directory):
    """Random chains of nft with jumps, as it lists them: each rule counts what it counts in nft."""
    return compare(directory, "nft", range(4))


def iptables_case(directory):
    """The same as iptables-save and ip6tables-save have it."""
    return compare(directory, "iptables", range(10, 14))


HOST = f"""
table inet filter {{
 set friends {{ type ipv4_addr; flags interval; elements = {{ {OUTSIDE}, 192.0.2.0/24 }}; }}
 chain input {{ type filter hook input priority filter; policy drop;
  ct state vmap {{ established : accept, related : accept, invalid : drop }}
  iif lo accept
  meta l4proto ipv6-icmp accept
  ip saddr @friends ip protocol icmp accept
  tcp dport {{ 22, 8080 }} accept comment "web"
 }}
 chain output {{ type filter hook output priority filter; policy accept; }}
}}
"""


def host_case(directory):
    """A host's usual table: the same flows get through."""
    with Peers(directory) as peers:
        serve_flows(peers)
        files = saved_by_nft(peers, HOST)
        watching = Controller(peers, *STATEFUL)
        import_and_load(peers, files)
        ingress = peers.shown()["ingress"]
        expect("settings", ("drop", True), (ingress["default"], ingress["accept_established"]))
        ours = flows(peers)
        watching.stop()
        peers.inside(peers.receiver, "nft", "-f", peers.directory / "rules.nft")
        theirs = flows(peers)
        expect("flows, as under nft", theirs, ours)
        expect("some get through, some do not", {True, False}, set(theirs.values()))
        peers.check_clean()


# Long enough that a bucket is full again before.
HASH = "-m hashlimit --hashlimit-htable-expire 99999000"
# A limit of nft, the family of its keys, the same of iptables, and how many packets more pass there: iptables and
# ip6tables have a bucket each where nft's table has one. No rate gives enough for a packet while the case runs.
LIMITS = (
    ("limit rate over 1/hour burst 7 packets", None, "-m limit ! --limit 1/hour --limit-burst 7", 7),
    (
        "add @four { ip saddr limit rate over 1/hour burst 7 packets }",
        4,
        HASH + " --hashlimit-above 1/hour --hashlimit-burst 7 --hashlimit-mode srcip --hashlimit-name a",
        0,
    ),
    (
        "add @four { ip saddr & 255.255.255.0 limit rate over 1/hour burst 9 packets }",
        4,
        HASH + " --hashlimit-above 1/hour --hashlimit-burst 9 --hashlimit-mode srcip --hashlimit-srcmask 24"
        " --hashlimit-name b",
        0,
    ),
    (
        "meter keyed { ip daddr limit rate over 1/minute burst 4 packets }",
        4,
        HASH + " --hashlimit-above 1/min --hashlimit-burst 4 --hashlimit-mode dstip --hashlimit-name c" "",
        0,
    ),
    (
        "add @six { ip6 saddr & ffff:ffff:ffff:ffff:: limit rate over 1/hour burst 5 packets }",
        6,
        HASH + " --hashlimit-above 1/hour --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-srcmask 64"
        " --hashlimit-name d",
        0,
    ),
    (
        "add @six { ip6 saddr limit rate over 1/hour burst 3 packets }",
        6,
        HASH + " --hashlimit-above 1/hour --hashlimit-burst 3 --hashlimit-mode srcip --hashlimit-name e",
        0,
    ),
    ("udp dport 53 limit rate 1/hour burst 6 packets", None, "-p udp -m udp --dport 53 -m limit --limit 1/hour", 4),
    ("limit rate over 7500 bytes/minute burst 65366 bytes", None, None, 0),
)


def limit_frames():
    """Datagrams of 8 sources in 4 networks of each family to 3 destinations, in one order."""
    frames = []
    for number in range(PACKETS):
        host, to = number * 7 % 8, number % 3
        port = 53 if number % 2 else 54
        for kind, make, form in (
            (make_capture.IPV4, make_capture.ipv4, "10.9.{0}.{1}"),
            (make_capture.IPV6, make_capture.ipv6, "2001:db8:9:{0}::{1}"),
        ):
            source, destination = form.format(host % 4, 1 + host), form.format(77, 1 + to)
            datagram = make_capture.udp(source, destination, 4000, port, bytes(100))
            frames.append(make_capture.ethernet(kind, make(source, destination, make_capture.UDP, datagram)))
    return frames


def limit_script(statement, within, family, hook):
    verdicts = 'counter accept comment "passed"' if within else "drop"
    rest = "counter drop" if within else 'counter accept comment "passed"'
    return (
        f"table {family} same {{\n set four {{ type ipv4_addr; flags dynamic; size 1000; }}\n"
        " set six { type ipv6_addr; flags dynamic; size 1000; }\n"
        f" chain base {{ type filter hook {hook} priority 0; policy accept;\n"
        f'  counter comment "all"\n  {statement} {verdicts}\n  {rest}\n }}\n}}\n'
    )


def passed_by_nft(network, script, frames):
    path = network.directory / "rules.nft"
    path.write_text(script, encoding="utf-8")
    network.inside(network.receiver, "nft", "-f", path)
    send(network, frames)

    def read():
        listed = json.loads(network.inside(network.receiver, "nft", "-j", "list", "ruleset").stdout)["nftables"]
        counts = {
            item["rule"]["comment"]: next(
                part["counter"]["packets"] for part in item["rule"]["expr"] if "counter" in part
            )
            for item in listed
            if "comment" in item.get("rule", {})
        }
        return counts["all"], counts["passed"]

    passed = awaited(read, len(frames))
    network.inside(network.receiver, "nft", "flush", "ruleset")
    return passed


def passed_by_ours(network, files, frames):
    network.nicsentry("rules", "flush", "-i", "right0")  # a rule that stays would keep its buckets
    import_and_load(network, files, "--yes")  # neighbours have no more than others
    network.nicsentry("rules", "reset-counters", "-i", "right0")
    send(network, frames)

    def read():
        chain = json.loads(network.nicsentry("rules", "show", "--json", "-i", "right0").stdout)["ingress"]
        others = sum(rule["packets"] for rule in chain["rules"] if rule["action"] not in ("count", "limit", "drop"))
        others += chain["counters"]["established"]["packets"]
        if chain["default"] == "accept":
            others += chain["counters"]["default"]["packets"]
        return others + chain["counters"]["dropped"]["packets"], others

    return awaited(read, len(frames))


def limits_case(directory):
    """A limit of nft or iptables lets through as many packets as nft itself does, by key, prefix and burst."""
    frames = limit_frames()
    with Network(directory) as network:
        watching = Controller(network, "--firewall")
        ours = {}
        for statement, version, options, _ in LIMITS:
            within = " over " not in statement
            ours[statement] = [
                passed_by_ours(network, saved_by_nft(network, limit_script(statement, within, "inet", "input")), frames)
            ]
            if options is None:
                continue
            files = []
            for one in FAMILIES:
                lines = [f"# Generated by {'iptables' if one == 4 else 'ip6tables'}-save v1.8.9", "*filter"]
                lines += [":INPUT ACCEPT [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"]
                if version in (None, one):
                    lines.append(f"-A INPUT {options} -j {'ACCEPT' if within else 'DROP'}")
                lines += ["-A INPUT -j DROP"] if within else []
                files.append(network.directory / f"rules.v{one}")
                files[-1].write_text("\n".join([*lines, "COMMIT", ""]), encoding="utf-8")
            ours[statement].append(passed_by_ours(network, files, frames))
        watching.stop()
        network.check_clean()
        for statement, _, options, more in LIMITS:
            within = " over " not in statement
            theirs = passed_by_nft(
                network, limit_script(statement, within, "netdev", 'ingress device "right0"'), frames
            )
            if not 0 < theirs < len(frames):
                raise Mismatch(f"{statement}: expected that some pass, seen {theirs} of {len(frames)}")
            expect(f"passed, {statement}", theirs, ours[statement][0])
            if options is not None:
                expect(f"passed, {options}", theirs + more, ours[statement][1])
        return f"{len(LIMITS)} limits, {len(LIMITS) * len(frames)} packets"


def left_out_case(directory):
    """What no rule says is named; the rest is printed; the exit status is 1, and 2 for what is no such file."""
    with Network(directory) as network:
        files = saved_by_nft(
            network,
            "table ip t {\n chain c { type filter hook input priority 0; policy accept;\n"
            "  icmp type echo-request limit rate 5/second accept\n  tcp dport 23 drop\n }\n"
            " chain f { type filter hook forward priority 0; policy drop; }\n}\n",
        )
        done = network.nicsentry("rules", "import", *files, check=False)
        expect("exit status", 1, done.returncode)
        expect_text("the rule", "left out: ip t c handle ", done.stderr)
        expect_text("the reason", ": limit: what is beyond it meets the next rules", done.stderr)
        expect_text("the policy", "left out: ip t f: the policy of drop of the hook forward", done.stderr)
        expect("lines", 2, len(done.stderr.splitlines()))
        expect(
            "the rest",
            [{"src": "0.0.0.0/0", "l4proto": "TCP", "dport": 23, "action": "drop"}],
            json.loads(done.stdout)["ingress"]["rules"],
        )
        for text, named in (
            ("{}", "nft -j list ruleset"),
            ("table ip t {", "this is nft's text, allowed is its JSON: nft -j list ruleset"),
            ("Chain INPUT (policy ACCEPT)\n", "allowed is that of iptables-save"),
            ("hello\n", "iptables-save"),
            ("# iptables-save\n*nat\nCOMMIT", "input"),
            ("*filter\n:INPUT DROP\nCOMMIT", "of iptables-save or of ip6tables-save"),
        ):
            path = network.directory / "other"
            path.write_text(text, encoding="utf-8")
            done = network.nicsentry("rules", "import", path, check=False)
            expect(f"exit status of {text}", (2, ""), (done.returncode, done.stdout))
            expect_text("words", named, done.stderr)


if __name__ == "__main__":
    CASES = {"nft": nft_case, "iptables": iptables_case, "host": host_case, "limits": limits_case}
    CASES["left out"] = left_out_case
    sys.exit(run_directory_cases(CASES))
