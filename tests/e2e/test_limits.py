#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules with the action limit between real peers: what arrives is what the rate allows, from each source for itself, of
connections too; what of it is shown, logged and kept."""
import json
import subprocess
import sys
import time

import make_capture
from compare import PATIENCE, expect, expect_text
from network import Controller, run
from peers import INSIDE, OUTSIDE, STATEFUL, Peers
from suite import Mismatch, run_directory_cases, within
from test_nft import send as send_frames

SECOND = "10.77.0.3"
PORT = 7001
RATE, BURST = 100, 20
# Prints for each source how many datagrams came within the time that the first argument names after a line was read.
RECEIVE = """
import collections, json, select, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
s.bind(("0.0.0.0", int(sys.argv[1])))
s.setblocking(False)
print(flush=True)
sys.stdin.readline()
seen = collections.Counter()
while select.select([s], [], [], 0.2)[0]:
    seen[s.recvfrom(65535)[1][0]] += 1
print(json.dumps(seen), flush=True)
"""
# For so many seconds each millisecond a datagram from each source. Prints how many, and how long that took.
SEND = """
import json, socket, sys, time
to, port, seconds, *sources = sys.argv[1:]
sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in sources]
for one, source in zip(sockets, sources):
    one.bind((source, 40000))
sent, began = 0, time.monotonic()
while time.monotonic() - began < float(seconds):
    for one in sockets:
        one.sendto(b"x" * 100, (to, int(port)))
    sent += 1
    time.sleep(0.001)
print(json.dumps([sent, time.monotonic() - began]))
"""


def send(peers, seconds, *sources):
    """How many datagrams of each source arrived, how many each sent, and in what time."""
    receiving = peers.start(
        peers.receiver, sys.executable, "-c", RECEIVE, PORT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    receiving.stdout.readline()
    done = peers.inside(peers.sender, sys.executable, "-c", SEND, INSIDE, PORT, seconds, *sources)
    sent, took = json.loads(done.stdout)
    arrived = json.loads(receiving.communicate("\n", timeout=PATIENCE)[0])
    return arrived, sent, took


def check_rate(what, arrived, took):
    """The bucket is full at first; between the first and the last datagram is no more time than `took`."""
    most = BURST + RATE * took + 1
    least = BURST + RATE * (took - 0.1) - 2
    if not least <= arrived <= most:
        raise Mismatch(f"{what}: expected {least:.0f} to {most:.0f} datagrams in {took:.3f} s, seen {arrived}")


def limiting(**fields):
    return {"action": "limit", "rate": f"{RATE}/s", "burst": BURST, **fields}


def source_case(mode, directory):
    """Two sources far beyond the rate get it each; the rule's counters and the log say how much was not let in."""
    with Peers(directory) as peers:
        run("ip", "-n", peers.sender, "addr", "add", f"{SECOND}/24", "dev", "left0")
        records = peers.directory / "records"
        watching = Controller(peers, "--firewall", "--mode", mode, "--log", records, window="1h")
        words = ("l4proto=UDP", f"dport={PORT}", f"rate={RATE}/s", f"burst={BURST}", "per=source", "log=100")
        peers.nicsentry("rules", "add", "limit", *words, "-i", "right0")
        arrived, sent, took = send(peers, 2, OUTSIDE, SECOND)
        for source in (OUTSIDE, SECOND):
            check_rate(f"{mode}, source {source}", arrived[source], took)
        rule = peers.shown()["ingress"]["rules"][0]
        beyond = 2 * sent - sum(arrived.values())
        expect("packets of the rule", (beyond, 128 * beyond), (rule["packets"], rule["bytes"]))
        lines = -(-beyond // 100)
        within(PATIENCE, f"{lines} records", lambda: records.read_text(encoding="utf-8").count("\n") >= lines)
        record = json.loads(records.read_text(encoding="utf-8").splitlines()[0])
        expect("a record", ("drop", 0, PORT), (record["verdict"], record["rule"], record["destination_port"]))
        output = watching.stop()
        rows = [json.loads(line) for line in (output / "sessions.jsonl").read_text(encoding="utf-8").splitlines()]
        marked = {row["client_ip"]: row["dropped"] for row in rows if row["protocol"] == "UDP"}
        expect("sessions marked as dropped", {OUTSIDE: True, SECOND: True}, marked)
        peers.check_clean()


def listed_limits(peers, *words):
    return json.loads(peers.nicsentry("rules", "limits", "--json", *words, "-i", "right0").stdout)["ingress"]


def list_case(mode, directory):
    """Who is beyond a limit: each source with its dropped packets, the most first; of IPv6 by prefixes; nobody else."""
    with Peers(directory) as peers:
        for number in range(3, 9):
            run("ip", "-n", peers.sender, "addr", "add", f"10.77.0.{number}/24", "dev", "left0")
        watching = Controller(peers, "--firewall", "--mode", mode)
        expect("without a limit", "no rule limits\n", peers.nicsentry("rules", "limits", "-i", "right0").stdout)
        keyed = {"l4proto": "UDP", "dport": PORT, "action": "limit", "rate": "1/h", "burst": 10}
        peers.rules(
            [
                {"operation": "append", **keyed, "per": "source/24/56", "src": ["10.99.0.0/16", "2001:db8::/32"]},
                {"operation": "append", **keyed, "per": "source"},
                {
                    "operation": "append",
                    "l4proto": "UDP",
                    "dport": PORT + 1,
                    "action": "limit",
                    "rate": "1/h",
                    "burst": 3,
                },
            ]
        )
        frames = []
        for number in range(3, 9):
            for port, count in ((PORT, 5 * number), (PORT + 1, number - 3)):
                datagram = make_capture.udp(f"10.77.0.{number}", INSIDE, 4000, port, bytes(100))
                packet = make_capture.ipv4(f"10.77.0.{number}", INSIDE, make_capture.UDP, datagram)
                frames += [make_capture.ethernet(make_capture.IPV4, packet)] * count
        for number in range(30):
            source, inside = f"2001:db8:0:{number % 2:x}01::{number:x}", "2001:db8:ffff::1"
            datagram = make_capture.udp(source, inside, 4000, PORT, bytes(100))
            packet = make_capture.ipv6(source, inside, make_capture.UDP, datagram)
            frames.append(make_capture.ethernet(make_capture.IPV6, packet))
            datagram = make_capture.udp(f"10.99.{number % 2}.{number}", INSIDE, 4000, PORT, bytes(100))
            packet = make_capture.ipv4(f"10.99.{number % 2}.{number}", INSIDE, make_capture.UDP, datagram)
            frames.append(make_capture.ethernet(make_capture.IPV4, packet))
        send_frames(peers, frames)
        prefixes, sources, one = listed_limits(peers)
        expect("rules", [0, 1, 2], [limit["rule"]["id"] for limit in (prefixes, sources, one)])

        def seen(limit):
            return [(row.get("address"), row["packets"]) for row in limit["addresses"]]

        expect("sources", [(f"10.77.0.{number}", 5 * number - 10) for number in range(8, 2, -1)], seen(sources))
        expect("bytes", [128 * count for _, count in seen(sources)], [row["bytes"] for row in sources["addresses"]])
        expect("packets of the rule", sum(count for _, count in seen(sources)), sources["packets"])
        expect(
            "networks",
            [("10.99.0.0/24", 5), ("10.99.1.0/24", 5), ("2001:db8:0:100::/56", 5), ("2001:db8::/56", 5)],
            sorted(seen(prefixes)),
        )
        expect("the one bucket", [(None, 15 - 3)], seen(one))
        expect(
            "known, now", [(4, 4), (6, 6), (1, 1)], [(each["known"], each["now"]) for each in (prefixes, sources, one)]
        )
        expect("the first two", seen(sources)[:2], seen(listed_limits(peers, "--top", 2)[1]))
        text = peers.nicsentry("rules", "limits", "--top", 2, "-i", "right0").stdout
        for wanted in (
            "ingress rule 1, 1/h per source: 105 packets dropped, 6 of 6 addresses beyond it now\n",
            "10.77.0.8       30",
            "(4 more addresses)\n",
            "ingress rule 2, 1/h per rule: 12 packets dropped, beyond it now\n",
        ):
            expect_text("the list", wanted, text)
        status = peers.nicsentry("status", "-i", "right0").stdout
        expect_text("the status", "limit of ingress rule 1: 1/h per source, 105 packets dropped\n", status)
        # A rule that is inserted leaves buckets and list as they are; another rate begins anew.
        peers.rules([{"operation": "insert", "id": 0, "dport": 9, "action": "count"}])
        expect("after an insertion", seen(sources), seen(listed_limits(peers)[1]))
        update = ("update", "2", "limit", "l4proto=UDP", f"dport={PORT}", "rate=2/h", "burst=10", "per=src")
        peers.nicsentry("rules", *update, "-i", "right0")
        expect("after another rate", ([], 0), (seen(listed_limits(peers)[1]), listed_limits(peers)[1]["known"]))
        peers.nicsentry("rules", "reset-counters", "-i", "right0")
        expect("after a reset", [[], [], []], [seen(limit) for limit in listed_limits(peers)])
        watching.stop()
        peers.check_clean()


def rule_case(directory):
    """A rate of the rule is shared by all sources, and the rule behind it is asked of what is within."""
    with Peers(directory) as peers:
        run("ip", "-n", peers.sender, "addr", "add", f"{SECOND}/24", "dev", "left0")
        watching = Controller(peers, "--firewall")
        peers.rules(
            [
                {"operation": "append", "dport": PORT, **limiting()},
                {"operation": "append", "dport": PORT, "src": SECOND, "action": "drop"},
            ]
        )
        arrived, sent, took = send(peers, 2, OUTSIDE, SECOND)
        rules = peers.shown()["ingress"]["rules"]
        expect("of the source that the next rule drops", None, arrived.get(SECOND))
        check_rate("both sources", arrived[OUTSIDE] + rules[1]["packets"], took)
        expect("all packets", 2 * sent, arrived[OUTSIDE] + sum(rule["packets"] for rule in rules))
        watching.stop()
        peers.check_clean()


def established_case(directory):
    """A download keeps to the rate, on egress in super-packets of the kernel too: connections are limited as well."""
    with Peers(directory) as peers:
        peers.inside(peers.receiver, "ethtool", "-K", "right0", "tso", "on", "gso", "on")
        watching = Controller(peers, *STATEFUL)
        free = peers.iperf(peers.sender, peers.receiver, OUTSIDE)
        rule = {"operation": "append", "l4proto": "TCP", "action": "limit", "rate": "20Mbit/s", "per": "destination"}
        peers.rules([rule], "--egress")
        limited = peers.iperf(peers.sender, peers.receiver, OUTSIDE, "-t", 3)
        most = 20e6 / 8 * 4 + 250_000
        if not most / 8 < limited < most < free:
            raise Mismatch(
                f"bytes in 3 s: expected {most / 8:.0f} to {most:.0f}, in 1 s without a limit more: {free}; "
                f"seen {limited}"
            )
        shown = peers.shown()["egress"]
        expect("packets beyond the rate", True, shown["rules"][0]["packets"] > 0)
        expect("established ones", True, shown["counters"]["established"]["packets"] > 100)
        watching.stop()
        peers.check_clean()


def kept_case(directory):
    """A limit survives a restart, is exported, compared and explained; one that cannot be kept is refused."""
    with Peers(directory) as peers:
        state = ("--firewall", "--state", peers.directory / "state")
        watching = Controller(peers, *state)
        rule = limiting(l4proto="UDP", dport=PORT, per="source")
        peers.rules([{"operation": "append", **rule}])
        ruleset = json.loads(peers.nicsentry("rules", "export", "-i", "right0").stdout)
        kept = {name: value for name, value in ruleset["ingress"]["rules"][0].items() if name not in ("id", "version")}
        expect("the exported rule", rule, kept)
        watching.stop()
        watching = Controller(peers, *state)
        path = peers.directory / "ruleset.json"
        path.write_text(json.dumps(ruleset), encoding="utf-8")
        expect("what is different after a restart", "", peers.nicsentry("rules", "diff", path, "-i", "right0").stdout)
        ruleset["ingress"]["rules"][0]["rate"] = "1/s"
        path.write_text(json.dumps(ruleset), encoding="utf-8")
        different = peers.nicsentry("rules", "diff", path, "-i", "right0", check=False)
        expect("differences with another rate", (1, 2), (different.returncode, len(different.stdout.splitlines())))
        packet = ("l4proto=UDP", f"src={OUTSIDE}", f"dst={INSIDE}", f"dport={PORT}")
        text = peers.nicsentry("rules", "explain", *packet, "-i", "right0").stdout
        for wanted in ("accept, by the default of ingress", "packets like this are dropped by rule 0"):
            if wanted not in text:
                raise Mismatch(f"an explanation: expected {wanted!r} in it, seen {text!r}")
        refused = peers.nicsentry("rules", "add", "limit", "dport=1", "burst=20", "-i", "right0", check=False)
        expect("a limit without rate, exit status", 2, refused.returncode)
        if "rate: missing, allowed is packets per s" not in refused.stderr:
            raise Mismatch(f"a limit without rate: expected what is allowed, seen {refused.stderr!r}")
        time.sleep(0.1)
        arrived, _, took = send(peers, 1, OUTSIDE)
        check_rate("after an explanation", arrived[OUTSIDE], took)
        watching.stop()
        peers.check_clean()


def main():
    return run_directory_cases(
        {
            "each source for itself, XDP": lambda directory: source_case("drv", directory),
            "each source for itself, generic XDP": lambda directory: source_case("skb", directory),
            "each source for itself, TC": lambda directory: source_case("tc", directory),
            "who is limited, XDP": lambda directory: list_case("drv", directory),
            "who is limited, TC": lambda directory: list_case("tc", directory),
            "all sources together": rule_case,
            "established connections": established_case,
            "kept, exported and explained": kept_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
