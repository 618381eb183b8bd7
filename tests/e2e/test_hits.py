#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets of each entry of address sets: exact against a naive model, by all programs of the host, from two processors
at a time, over changes of the sets and over a take-over."""
import ipaddress
import json
import random
import signal
import sys

from compare import PATIENCE, expect, expect_text
from make_capture import IPV4, IPV6, UDP, Capture, ethernet, ipv4, ipv6, udp
from network import Controller, Network, finish
from suite import run_directory_cases, within

SETS = {
    "blocked": ["198.51.100.7", "198.51.100.0/28", "203.0.113.0/26", "2001:db8:1::/64", "2001:db8:1::7"],
    "allowed": ["198.51.100.9", "203.0.113.32/30"],
    "bad": ["10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "10.2.0.5-10.2.0.20", "10.2.0.8/29", "2001:db8:2::/48"],
    "servers": ["192.0.2.0/29", "192.0.2.3", "2001:db8:9::/64", "2001:db8:9::5"],
    "idle": ["10.0.0.0/8"],
}
RULES = [
    {"operation": "append", "src": "@bad", "dport": 53, "action": "drop"},
    {"operation": "append", "dst": ["@servers", "!192.0.2.9"], "dport": 80, "action": "accept"},
]
ASKED = {"src": {"bad"}, "dst": {"servers"}}
SOURCES = [
    *("198.51.100.7", "198.51.100.8", "198.51.100.9", "198.51.100.77", "203.0.113.1", "203.0.113.33", "203.0.113.99"),
    *("10.1.2.3", "10.1.2.4", "10.1.9.9", "10.2.0.4", "10.2.0.5", "10.2.0.9", "10.2.0.16", "10.2.0.21", "172.16.0.1"),
]
SOURCES6 = ["2001:db8:1::7", "2001:db8:1::8", "2001:db8:1:1::1", "2001:db8:2::1", "2001:db8:3::1"]
DESTINATIONS = ["192.0.2.3", "192.0.2.4", "192.0.2.200"]
DESTINATIONS6 = ["2001:db8:9::5", "2001:db8:9::6", "2001:db8:a::1"]


def packets(number, seed):
    """Source, destination, frame and IP length of random packets."""
    pick = random.Random(seed)
    made = []
    for _ in range(number):
        if pick.random() < 0.3:
            ends, wrap, kind = (pick.choice(SOURCES6), pick.choice(DESTINATIONS6)), ipv6, IPV6
        else:
            ends, wrap, kind = (pick.choice(SOURCES), pick.choice(DESTINATIONS)), ipv4, IPV4
        payload = bytes(pick.randrange(200))
        port = pick.choice((53, 80, 4000))
        packet = wrap(*ends, UDP, udp(*ends, pick.randrange(1024, 2048), port, payload))
        made.append((*ends, ethernet(kind, packet), len(packet)))
    return made


def prefixes(text):
    if "-" in text:
        return list(ipaddress.summarize_address_range(*map(ipaddress.ip_address, text.split("-"))))
    return [ipaddress.ip_network(text)]


def narrowest(entries, address):
    """The entry with the longest prefix that contains the address; a range has those that it consists of."""
    at = ipaddress.ip_address(address)
    holding = []
    for text in entries:
        parts = prefixes(text)
        addresses = sum(part.num_addresses for part in parts)
        holding += [(-part.prefixlen, addresses, text) for part in parts if part.version == at.version and at in part]
    return min(holding)[2] if holding else None


class Model:
    def __init__(self, sets, asked=None):
        self.sets = {name: list(entries) for name, entries in sets.items()}
        self.asked = ASKED if asked is None else asked
        self.hits = {(name, entry): [0, 0] for name, entries in self.sets.items() for entry in entries}

    def count(self, name, address, length):
        entry = narrowest(self.sets.get(name, []), address)
        if entry is not None:
            hits = self.hits[name, entry]
            hits[0] += 1
            hits[1] += length
        return entry is not None

    def see(self, source, destination, length):
        if narrowest(self.sets["blocked"], source) is not None:
            if not self.count("allowed", source, length):
                self.count("blocked", source, length)
                return
        for end, address in (("src", source), ("dst", destination)):
            for name in self.asked[end]:
                self.count(name, address, length)

    def see_all(self, made, times=1):
        for source, destination, _, length in made * times:
            self.see(source, destination, length)

    def add(self, name, entry):
        self.sets[name].append(entry)
        self.hits[name, entry] = [0, 0]

    def remove(self, name, entry):
        self.sets[name].remove(entry)
        del self.hits[name, entry]


def seen(network, names):
    found = {}
    for name in names:
        listed = json.loads(network.nicsentry("sets", "list", name, "--stats", "--json", "-i", "right0").stdout)
        for entry in listed["entries"]:
            found[name, entry["range"]] = [entry["packets"], entry["bytes"]]
    return found


def check(network, what, model):
    found = seen(network, model.sets)
    expect(f"{what}, entries", sorted(model.hits), sorted(found))
    differing = {entry for entry, hits in model.hits.items() if found[entry] != hits}
    expect(what, {entry: model.hits[entry] for entry in differing}, {entry: found[entry] for entry in differing})


def capture(network, name, made):
    path = network.directory / name
    written = Capture()
    for _, _, frame, _ in made:
        written.add(frame, after_us=1)
    written.write(path)
    return path


def start(network, *options, sets=None, **more):
    watching = Controller(
        network, "--count-hits", "--state", network.directory / "state", *options, window="1h", **more
    )
    for name, entries in (sets or {}).items():
        network.nicsentry("sets", "add", name, *entries, "-i", "right0", "--yes")
    if sets:
        path = network.directory / "rules.json"
        path.write_text(json.dumps({"rules": RULES}))
        network.nicsentry("rules", "apply", path, "-i", "right0", "--yes")
    return watching


def mode_case(mode, directory):
    """Random packets of both families: each entry counts as the model says, and so do all of a set."""
    with Network(directory) as network:
        watching = start(network, "--mode", mode, sets=SETS)
        model = Model(SETS)
        made = packets(2000, mode)
        network.send(capture(network, "packets.pcap", made), len(made))
        model.see_all(made)
        check(network, f"hits in mode {mode}", model)
        listed = json.loads(network.nicsentry("sets", "list", "--stats", "--json", "-i", "right0").stdout)["sets"]
        sums = {name: [0, 0] for name in SETS}
        for (name, _), (count, length) in model.hits.items():
            sums[name] = [sums[name][0] + count, sums[name][1] + length]
        expect("hits of sets", sums, {one["name"]: [one["packets"], one["bytes"]] for one in listed})
        blocked = json.loads(network.nicsentry("rules", "show", "--json", "-i", "right0").stdout)
        expect("packets of blocked", sums["blocked"][0], blocked["ingress"]["counters"]["blocked"]["packets"])
        watching.stop()
        network.check_clean()


def load_case(directory):
    """Two processors send packets of the same entries as fast as they can."""
    with Network(directory) as network:
        watching = start(network, "--mode", "drv", sets=SETS)
        model = Model(SETS)
        made = packets(500, "load")
        path = capture(network, "packets.pcap", made)
        times = 40
        before = network.sent()
        senders = [
            network.tcpreplay(path, f"--loop={times}", "--preload-pcap", processor=number, pps=20000)
            for number in (0, 1)
        ]
        for sender in senders:
            finish(sender)
        expect("packets that arrived", 2 * times * len(made), network.sent() - before)
        model.see_all(made, 2 * times)
        check(network, "hits of two processors", model)
        watching.stop()
        network.check_clean()


def change_case(directory):
    """Counts stay while other entries come and go, and a new one counts from then on, also where a file sets all."""
    with Network(directory) as network:
        watching = start(network, sets=SETS)
        model = Model(SETS)
        made = packets(400, "change")
        path = capture(network, "packets.pcap", made)

        def send(what):
            network.send(path, len(made))
            model.see_all(made)
            check(network, what, model)

        def change(*words):
            network.nicsentry("sets", *words, "-i", "right0", "--yes")

        send("hits at first")
        change("add", "blocked", "198.51.100.8")
        model.add("blocked", "198.51.100.8")
        change("remove", "bad", "10.1.2.0/24")
        model.remove("bad", "10.1.2.0/24")
        send("hits after an entry in a prefix, and one less")
        change("add", "bad", "10.2.0.0/29")
        model.add("bad", "10.2.0.0/29")
        change("remove", "bad", "10.2.0.8/29")  # a part of the range, which has it then
        hits = model.hits["bad", "10.2.0.8/29"]
        model.remove("bad", "10.2.0.8/29")
        model.hits["bad", "10.2.0.5-10.2.0.20"] = [
            sum(both) for both in zip(hits, model.hits["bad", "10.2.0.5-10.2.0.20"], strict=True)
        ]
        check(network, "hits of a range with a part that was an entry", model)
        change("remove", "blocked", "198.51.100.0/28")
        model.remove("blocked", "198.51.100.0/28")
        many = [f"100.64.{index // 250}.{index % 250}" for index in range(1000)]
        change("add", "blocked", *many)
        send_model = Model({**model.sets, "blocked": model.sets["blocked"] + many})
        send_model.hits.update(model.hits)
        network.send(path, len(made))
        send_model.see_all(made)
        check(network, "hits among 1,000 more entries", send_model)
        change("remove", "blocked", *many)
        model.hits.update({entry: hits for entry, hits in send_model.hits.items() if entry in model.hits})
        check(network, "hits without them again", model)

        ruleset = network.directory / "ruleset.json"
        ruleset.write_text(json.dumps({"sets": {"bad": ["10.1.2.3", "10.1.0.0/16", "10.1.9.0/24"]}}))
        network.nicsentry("rules", "load", ruleset, "-i", "right0", "--yes")
        for gone in sorted(set(model.sets["bad"]) - {"10.1.2.3", "10.1.0.0/16"}):
            model.remove("bad", gone)
        model.add("bad", "10.1.9.0/24")
        send("hits after a ruleset with the set")
        change("add", "bad", "10.1.2.4", "--for", "1s")
        model.add("bad", "10.1.2.4")
        network.send(path, len(made))
        model.see_all(made)
        within(PATIENCE, "the end of an entry", lambda: ("bad", "10.1.2.4") not in seen(network, ["bad"]))
        lost = model.hits.pop(("bad", "10.1.2.4"))
        model.sets["bad"].remove("10.1.2.4")
        late = seen(network, ["bad"])["bad", "10.1.0.0/16"]
        expect("the entry that has its address now", True, late >= model.hits["bad", "10.1.0.0/16"])
        expect("packets of both", True, late[0] <= model.hits["bad", "10.1.0.0/16"][0] + lost[0])
        watching.stop()
        network.check_clean()


def take_over_case(directory):
    """The counts of a run that died go on in the next one; without --count-hits none are told."""
    with Network(directory) as network:
        watching = start(network, sets=SETS)
        model = Model(SETS)
        made = packets(400, "take-over")
        path = capture(network, "packets.pcap", made)
        network.send(path, len(made))
        watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        network.send(path, len(made))
        model.see_all(made, 2)
        watching = start(network)
        expect_text("how the program was taken over", "adopting program", watching.log())
        check(network, "hits after the take-over", model)
        network.send(path, len(made))
        model.see_all(made)
        check(network, "hits of both runs", model)
        watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)

        watching = Controller(network, "--state", network.directory / "state")
        expect_text("how it is replaced", "in place of program 'sentry' with other options", watching.log())
        done = network.nicsentry("sets", "list", "bad", "--stats", "-i", "right0", check=False)
        expect("exit status without --count-hits", 1, done.returncode)
        expect_text("words without --count-hits", "start it with --count-hits", done.stderr)
        watching.stop()
        network.check_clean()


def text_case(directory):
    """The table, and what is refused."""
    with Network(directory) as network:
        watching = start(
            network, sets={"blocked": ["198.51.100.7"]} | {"bad": ["10.1.0.0/16"], "servers": ["192.0.2.3"]}
        )
        source, destination = "198.51.100.7", "192.0.2.3"
        packet = ipv4(source, destination, UDP, udp(source, destination, 40000, 53))
        made = [(source, destination, ethernet(IPV4, packet), len(packet))] * 3
        network.send(capture(network, "packets.pcap", made), 3)
        table = network.nicsentry("sets", "list", "blocked", "--stats", "-i", "right0").stdout
        expect("table", ["PACKETS  BYTES  ENTRY", "      3     84  198.51.100.7"], table.splitlines())
        watching.stop()
        done = network.nicsentry("run", "-i", "right0", "--count-hits", check=False)
        expect_text("without a firewall", "--count-hits: it needs the firewall", done.stderr)
        network.check_clean()


if __name__ == "__main__":
    sys.exit(
        run_directory_cases(
            {
                **{f"each entry, mode {mode}": lambda d, m=mode: mode_case(m, d) for mode in ("drv", "skb", "tc")},
                "two processors": load_case,
                "changes of sets": change_case,
                "take-over": take_over_case,
                "table and refusals": text_case,
            }
        )
    )
