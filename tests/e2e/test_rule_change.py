#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that change under traffic: each packet meets the old set or the new one, by its order; and rules that end."""
import json
import subprocess
import sys
import time

from compare import PATIENCE, expect
from network import Controller
from peers import INSIDE, INSIDE6, OUTSIDE, Peers
from suite import Mismatch, run_directory_cases

PORTS = {"old": 6001, "new": 6002}  # that the set of this name lets in; it drops the other
CHANGES = 60


def rule_set(name):
    """In place of what there is: so many rules that they stand in several parts of the tables."""
    other = PORTS["new" if name == "old" else "old"]
    filler = [
        {
            "operation": "append",
            "src": f"172.{16 + i // 256}.{i % 256}.0/24",
            "l4proto": "UDP",
            "dport": 1000 + i,
            "action": "drop",
        }
        for i in range(500)
    ]
    return filler + [{"operation": "append", "l4proto": "UDP", "dport": other, "action": "drop"}]


def clear(count):
    return [{"operation": "delete", "id": 0}] * count


class Traffic:
    """Numbered packets to both ports over both families at a steady rate, each packet of the next kind."""

    def __init__(self, peers):
        self.receive = peers.start(
            peers.receiver,
            sys.executable,
            "-c",
            RECEIVE,
            *PORTS.values(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.receive.stdout.readline()
        self.send = peers.start(
            peers.sender,
            sys.executable,
            "-c",
            SEND,
            INSIDE,
            INSIDE6,
            *PORTS.values(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.send.stdout.readline()

    def stop(self):
        """The set that each packet met, in order of sending."""
        sent = int(self.send.communicate("\n", timeout=PATIENCE)[0])
        time.sleep(0.3)
        arrived = json.loads(self.receive.communicate("\n", timeout=PATIENCE)[0])
        seen = {number: port for number, port in arrived}
        expect("packets that arrived twice", len(seen), len(arrived))
        ports = list(PORTS.values())
        met = []
        for number in range(sent):
            port = ports[number % 2]
            if number in seen:
                expect(f"port of packet {number}", port, seen[number])
            let_in = number in seen
            met.append("old" if let_in == (port == PORTS["old"]) else "new")
        return met


def switches(met):
    return sum(before != after for before, after in zip(met, met[1:]))


# A kernel's receiving buffer that is full would pass for a drop: each socket has room for all that comes.
RECEIVE = """
import json, selectors, socket, sys, threading
sockets = []
for port in sys.argv[1:]:
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    s.bind(("::", int(port)))
    sockets.append(s)
seen = []
def receive(s):
    port = s.getsockname()[1]
    while True:
        seen.append((int(s.recv(2000).split()[0]), port))
for s in sockets:
    threading.Thread(target=receive, args=(s,), daemon=True).start()
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(seen), flush=True)
"""
SEND = """
import select, socket, sys, time
to4, to6, *ports = sys.argv[1:]
ends = {4: (socket.socket(socket.AF_INET, socket.SOCK_DGRAM), to4),
        6: (socket.socket(socket.AF_INET6, socket.SOCK_DGRAM), to6)}
# Neighbours are known before the first packet that counts.
for s, to in ends.values():
    s.sendto(b"-1", (to, 9))
time.sleep(0.5)
print("ready", flush=True)
number, interval = 0, 1 / 4000
next_ = time.monotonic()
while not select.select([sys.stdin], [], [], 0)[0]:
    s, to = ends[4 if number // 2 % 3 else 6]
    s.sendto(str(number).encode() + b" " * (number * 37 % 900), (to, int(ports[number % 2])))
    number += 1
    next_ += interval
    time.sleep(max(0, next_ - time.monotonic()))
print(number, flush=True)
"""


def one_instant_case(directory):
    """Every batch switches all packets at one instant: as many switches as batches, whatever the packets are."""
    with Peers(directory) as peers:
        watching = Controller(peers, "--firewall")
        count = len(rule_set("old"))
        peers.rules(rule_set("old"))
        traffic = Traffic(peers)
        time.sleep(0.2)
        for change in range(CHANGES):
            peers.rules(clear(count) + rule_set("new" if change % 2 == 0 else "old"))
        time.sleep(0.2)
        met = traffic.stop()
        expect("the set before the first batch and after the last", ("old", "old"), (met[0], met[-1]))
        expect("switches from one set to the other", CHANGES, switches(met))

        # The test would see a change in two steps: between them, packets of both kinds are let in.
        traffic = Traffic(peers)
        time.sleep(0.2)
        peers.rules([{"operation": "delete", "id": count - 1}])
        peers.rules(rule_set("new")[-1:])
        time.sleep(0.2)
        seen = switches(traffic.stop())
        if seen <= 1:
            raise Mismatch(f"a change in two batches: expected more than one switch between the sets, seen {seen}")
        watching.stop()
        peers.check_clean()
        return f"{len(met)} packets over {CHANGES} batches; in two steps {seen} switches"


def expires_case(directory):
    """A rule with a lifetime is in force that long and then gone; the others keep their counters and move up."""
    with Peers(directory) as peers:
        watching = Controller(peers, "--firewall")
        peers.rules(
            [
                {"operation": "append", "l4proto": "UDP", "dport": 6001, "action": "count", "description": "kept"},
                {"operation": "append", "l4proto": "UDP", "dport": 6002, "action": "drop", "expires": 3600},
            ]
        )
        peers.inside(peers.sender, sys.executable, "-c", SOME, INSIDE, 6001, 7)
        peers.inside(peers.sender, sys.executable, "-c", SOME, INSIDE, 6002, 5)
        # On a slow machine the rule may end before its effect has been seen. Then it is tried with a longer lifetime.
        lifetime = 3
        while not (ends := in_force_for(peers, lifetime)):
            lifetime *= 3
        while len(rules := peers.shown()["ingress"]["rules"]) == 3:
            if time.monotonic() > ends + PATIENCE:
                raise Mismatch(
                    f"expected a rule of {lifetime} s to be gone, seen it {PATIENCE} s after its end: {rules[0]}"
                )
            time.sleep(0.05)
        if time.monotonic() < ends:
            raise Mismatch(f"expected the rule for {lifetime} s, seen it gone {ends - time.monotonic():.1f} s earlier")
        expect(
            "rules after its time",
            [(0, "count", 7), (1, "drop", 5)],
            [(rule["id"], rule["action"], rule["packets"]) for rule in rules],
        )
        expect("ping after its time", True, peers.ping(peers.sender, INSIDE, "-c", 2))
        peers.inside(peers.sender, sys.executable, "-c", SOME, INSIDE, 6001, 2)
        expect("packets of the rule that moved up", 9, peers.shown()["ingress"]["rules"][0]["packets"])
        watching.stop()
        peers.check_clean()


def in_force_for(peers, lifetime):
    """Inserts a rule that drops pings for so many seconds and checks it while it is in force.

    Returns the earliest time at which it may end; nothing if it ended before it was checked."""
    ends = time.monotonic() + lifetime
    rule = {"operation": "insert", "id": 0, "l4proto": "ICMP", "src": OUTSIDE, "action": "drop"}
    peers.rules([{**rule, "expires": f"{lifetime}s"}])
    answered = peers.ping(peers.sender, INSIDE, "-c", 2)
    rules = peers.shown()["ingress"]["rules"]
    if len(rules) == 2:
        return None
    expect("ping under the rule", False, answered)
    expect("rules, while it holds", 3, len(rules))
    if rules[0]["expires"] not in [f"{seconds}s" for seconds in range(1, lifetime + 1)] and lifetime < 60:
        raise Mismatch(f"time left: expected at most {lifetime}s, seen {rules[0]['expires']!r}")
    expect("packets of the rules", [True, 7, 5], [rules[0]["packets"] > 0] + [rule["packets"] for rule in rules[1:]])
    return ends


SOME = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[3])):
    s.sendto(b"x", (sys.argv[1], int(sys.argv[2])))
"""


def main():
    return run_directory_cases(
        {
            "a batch under traffic": one_instant_case,
            "a rule that ends": expires_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
