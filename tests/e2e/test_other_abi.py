#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A run on a port that holds a program of another ABI: an older one is replaced in one step, a newer one is refused.

    test_other_abi.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import pathlib
import re
import signal
import struct
import subprocess
import sys
import time

from compare import BINARY, REPOSITORY, expect, expect_text
from network import MODES, Controller, Network, run
from peers import INSIDE, OUTSIDE, Peers
from sample import bundled, check_sample
from suite import run_directory_cases

OBJECTS = pathlib.Path(BINARY).parent / "tests" / "datapath"
ABI = int(re.findall(r"#define PROGRAM_ABI (\d+)", (REPOSITORY / "bpf_offload" / "types.h").read_text())[0])
NEWER = 99
BLOCKED = "10.77.0.3"
FLAGS = {"drv": "xdpdrv", "skb": "xdpgeneric"}
TC_PLACE = ("pref", 100, "handle", "0x4e53")  # where nicsentry has its filter (hooks.cpp)
FLOODED_S = 0.5

# Sends to one address from two, one packet each in turn, until it is killed.
FLOOD = """
import socket, sys, time
pause, to, *sources = sys.argv[1:]
senders = []
for source in sources:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((source, 0))
    senders.append(sender)
print("ready", flush=True)
while True:
    for sender in senders:
        sender.sendto(b"flood", (to, 5300))
    time.sleep(float(pause))
"""
# Counts packets by sender until standard input ends.
COUNT = """
import collections, json, os, select, socket, sys
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("", 5300))
counts = collections.Counter()
print("ready", flush=True)
while True:
    for ready in select.select([receiver, sys.stdin], [], [])[0]:
        if ready is sys.stdin:
            line = sys.stdin.readline()
            print(json.dumps(counts), flush=True)
            if not line:
                sys.exit()
        else:
            counts[receiver.recvfrom(100)[1][0]] += 1
"""


def attach(network, mode, kind, port="right0"):
    """By hand, as whoever had another version; the program's id."""
    if mode == "tc":
        run("tc", "-n", network.receiver, "qdisc", "add", "dev", port, "clsact")
        place = ("dev", port, "ingress", *TC_PLACE)
        run(
            "tc",
            "-n",
            network.receiver,
            "filter",
            "add",
            *place,
            "bpf",
            "da",
            "obj",
            OBJECTS / f"{kind}_tc.o",
            "sec",
            "tc",
        )
    else:
        hook = (FLAGS[mode], "obj", OBJECTS / f"{kind}_drv.o", "sec", "xdp")
        network.inside(network.receiver, "ip", "-force", "link", "set", "dev", port, *hook)
    return program_on(network, mode, port)["id"]


def program_on(network, mode, port="right0"):
    """What the kernel tells of the program on a hook."""
    if mode == "tc":
        shown = run("tc", "-n", network.receiver, "-j", "filter", "show", "dev", port, "ingress").stdout
        number = next(one["options"]["prog"]["id"] for one in json.loads(shown) if "options" in one)
    else:
        number = network.program_id(port)
    return json.loads(run("bpftool", "-j", "prog", "show", "id", number).stdout)


def drop_everything(program):
    """Puts a default of drop in force in a program of ABI 1, whose maps are written as its controller would."""
    maps = {
        one["name"]: one["id"]
        for number in program["map_ids"]
        for one in [json.loads(run("bpftool", "-j", "map", "show", "id", number).stdout)]
    }

    def write(name, index, value):
        words = [("hex", *(f"{byte:02x}" for byte in part)) for part in (struct.pack("<I", index), value)]
        run("bpftool", "map", "update", "id", maps[name], "key", *words[0], "value", *words[1])

    for bank in (0, 1):  # IPv4 and IPv6: no state is accepted as established
        write("rule_banks", bank, struct.pack("<12I", 0, 4, *[0] * 10))
    write("rule_actions", 3, struct.pack("<3I", 1, 3, 0))
    write("fw_control", 0, struct.pack("<8I", 1, 0, 0, 0, 0, 0, 1 << 31, 1 << 31))


class Flood:
    """Packets from an address that is blocked and from one that is not; what arrives of them."""

    def __init__(self, peers, pause=0):
        run("ip", "-n", peers.sender, "addr", "add", f"{BLOCKED}/24", "dev", "left0")
        self.counter = peers.start(
            peers.receiver, sys.executable, "-c", COUNT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.counter.stdout.readline()
        self.sender = peers.start(
            peers.sender, sys.executable, "-c", FLOOD, pause, INSIDE, OUTSIDE, BLOCKED, stdout=subprocess.PIPE
        )
        self.sender.stdout.readline()

    def arrived(self):
        time.sleep(FLOODED_S)
        self.counter.stdin.write("\n")
        self.counter.stdin.flush()
        return json.loads(self.counter.stdout.readline())


def older_case(directory, mode):
    with Peers(directory) as peers:
        state = ("--state", peers.directory / "state")
        first = Controller(peers, *state)
        peers.nicsentry("block", BLOCKED)
        first.stop()
        former = attach(peers, mode, "unnumbered")
        drop_everything(program_on(peers, mode))
        flood = Flood(peers)
        expect("packets that arrived under the older program", {}, flood.arrived())
        watching = Controller(peers, "--mode", mode, *state)
        expect_text(
            "log",
            f"mode {mode}, in place of program 'sentry' of ABI 1 (id {former}, attached by hand), "
            "whose rules are replaced by this run's",
            watching.log(),
        )
        arrived = flood.arrived()
        expect("senders of packets that arrived since", [OUTSIDE], list(arrived))
        now = program_on(peers, mode)
        expect("name of the program", "sentry", now["name"])
        expect("another program", True, now["id"] != former)
        watching.stop()
        expect(
            "the program after the run, on a hook that another tool had filled",
            now["id"],
            program_on(peers, mode)["id"],
        )
        expect("senders of packets that arrived after the run", [OUTSIDE], list(flood.arrived()))
        peers.nicsentry("detach", "-i", "right0")
        expect("senders without a program", {OUTSIDE, BLOCKED}, set(flood.arrived()))
        return f"{arrived[OUTSIDE]} packets of the other sender"


def no_firewall_case(directory):
    sample = bundled()
    with Network(directory) as network:
        former = attach(network, "drv", "unnumbered_ddos")
        watching = Controller(network)
        expect_text(
            "log", f"mode drv, in place of program 'ddos' of ABI 1 (id {former}, attached by hand)", watching.log()
        )
        expect("name of the program", "ddos", program_on(network, "drv")["name"])
        network.send(sample.path, sample.packets)
        check_sample(sample, watching.stop())
        attach(network, "drv", "unnumbered")
        drop_everything(program_on(network, "drv"))
        watching = Controller(network)
        expect_text("log", "whose rules are not in force any more: this run has no firewall", watching.log())
        watching.stop()


def died_case(directory):
    """The run that attached the older program died: its record is as the one of a run of this version."""
    with Network(directory) as network:
        for mode in ("drv", "tc"):
            Controller(network, "--mode", mode).stop(status=-signal.SIGKILL, how=signal.SIGKILL)
            if mode == "tc":  # the record says that the run made the qdisc
                run("tc", "-n", network.receiver, "qdisc", "del", "dev", "right0", "clsact")
            former = attach(network, mode, "unnumbered")
            (path,) = (network.directory / "runtime").glob("*.json")
            record = json.loads(path.read_text(encoding="utf-8"))
            record["planes"][0]["program_id"] = former
            path.write_text(json.dumps(record), encoding="utf-8")
            watching = Controller(network, "--mode", mode)
            expect_text("log", f"(id {former}, attached by a run that died)", watching.log())
            watching.stop()
            network.check_clean()
            expect("records left", [], list((network.directory / "runtime").glob("*.json")))


def newer_case(directory):
    with Network(directory) as network:
        for mode in ("drv", "tc"):
            there = attach(network, mode, "newer")
            for options in ((), ("--state", network.directory / "state")):
                refused = network.nicsentry("run", "-i", "right0", *MODES[mode], *options, "--windows", 1, check=False)
                expect("exit status", 1, refused.returncode)
                expect_text("stderr", f"has program ABI {NEWER}, this nicsentry has {ABI}", refused.stderr)
                expect("program id", there, program_on(network, mode)["id"])
            status = json.loads(network.nicsentry("status", "-i", "right0", "--json").stdout)
            expect("status: ours", [True], [row["ours"] for row in status])
            network.nicsentry("detach", "-i", "right0")
            run("tc", "-n", network.receiver, "qdisc", "del", "dev", "right0", "clsact", check=False)
            network.check_clean()


def put_back_case(directory):
    with Network(directory, pairs=2) as network:
        former = attach(network, "drv", "unnumbered")
        attach(network, "drv", "newer", port="right1")
        refused = network.nicsentry("run", "-i", "right0", "-i", "right1", "--windows", 1, check=False)
        expect("exit status", 1, refused.returncode)
        expect_text("stderr", "right1", refused.stderr)
        expect("program id on the first port", former, network.program_id())


def stranger_case(directory):
    with Network(directory) as network:
        there = attach(network, "drv", "stranger")
        refused = network.nicsentry("run", "-i", "right0", "--windows", 1, check=False)
        expect("exit status", 1, refused.returncode)
        expect_text("stderr", "program 'ddos'", refused.stderr)
        expect_text("stderr", "is not nicsentry's (its map 'control' has", refused.stderr)
        expect("program id", there, network.program_id())
        refused = network.nicsentry("detach", "-i", "right0", check=False)
        expect("exit status of detach", 1, refused.returncode)
        expect("program id after detach", there, network.program_id())


def main():
    cases = {
        f"a blocked address while an older program is replaced, {mode}": lambda directory, mode=mode: older_case(
            directory, mode
        )
        for mode in ("drv", "skb", "tc")
    }
    cases |= {
        "an older program and no firewall": no_firewall_case,
        "an older program of a run that died": died_case,
        "a newer program": newer_case,
        "an older program when another port cannot be had": put_back_case,
        "a stranger with our name": stranger_case,
    }
    return run_directory_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
