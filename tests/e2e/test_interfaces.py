#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that name the interface, on a router: nobody opens a connection from outside with a source inside."""
import json
import struct
import sys
import time

from compare import PATIENCE, expect, expect_text
from network import Controller, Network, run
from suite import run_directory_cases, within

ETHERNET = bytes.fromhex("020000000001020000000002") + b"\x08\x00"
INSIDE, OUTSIDE = bytes((10, 1, 0, 5)), bytes((203, 0, 113, 9))

SEND = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
s.send(bytes.fromhex(sys.argv[2]))
"""


def udp(source, source_port, destination, destination_port):
    payload = struct.pack("!HHHH", source_port, destination_port, 12, 0) + b"data"
    return ETHERNET + struct.pack("!BBHHHBBH", 0x45, 0, 32, 7, 0, 64, 17, 0) + source + destination + payload


def send(network, port, frame):
    network.inside(network.sender, sys.executable, "-c", SEND, port, frame.hex())
    time.sleep(0.1)


def ask(network, *words):
    return network.nicsentry(*words, "-i", "right0")


def apply(network, rules, check=True):
    path = network.directory / "batch.json"
    path.write_text(json.dumps({"rules": [{"operation": "append", **rule} for rule in rules]}), encoding="utf-8")
    return network.nicsentry("rules", "apply", path, "-i", "right0", check=check)


def decided(network):
    chain = json.loads(ask(network, "rules", "show", "--json").stdout)["ingress"]
    counters = chain["counters"]
    counts = [counters[name]["packets"] for name in ("established", "default")]
    return ([rule["packets"] for rule in chain["rules"]], *counts)


def router_case(mode):
    def case(directory):
        with Network(directory, pairs=2) as network:
            state = network.directory / "state"
            watching = Controller(network, "--state", state, "--mode", mode, ports=("right0", "right1"))
            ask(network, "rules", "default", "ingress", "drop")
            # right0 is inside, right1 outside.
            apply(network, [{"in": ["right0", "!right1"], "src": "10.1.0.0/24", "action": "accept"}])
            send(network, "left1", udp(INSIDE, 5000, OUTSIDE, 6000))  # from outside, with a source inside
            send(network, "left1", udp(OUTSIDE, 6000, INSIDE, 5000))
            expect("after a packet from outside with a source inside", ([0], 0, 2), decided(network))
            send(network, "left0", udp(INSIDE, 5000, OUTSIDE, 6000))
            send(network, "left1", udp(OUTSIDE, 6000, INSIDE, 5000))
            expect("after one from inside, and its answer", ([1], 1, 2), decided(network))
            words = ("src=10.1.0.7", "dst=203.0.113.9", "l4proto=UDP", "dport=53")
            told = ask(network, "rules", "explain", *words).stdout
            expect("explained on right0", True, "verdict    accept, by rule 0" in told)
            refused = apply(network, [{"in": "right7", "action": "drop"}], check=False)
            expect("a port that is not watched, refused", True, refused.returncode != 0)
            expect("and named", True, "the run does not watch 'right7'" in refused.stderr)
            refused = apply(network, [{"out": "right0", "action": "drop"}], check=False)
            expect("out in the ingress chain", True, "allowed in the egress chain only" in refused.stderr)
            expect("rules afterwards", ([1], 1, 2), decided(network))
            watching.stop()
            alone = Controller(network, "--mode", mode, "--state", state)
            alone.wait_for("warning: rules of the ingress chain name 'right1', which this run does not watch")
            apply(network, [{"src": "192.0.2.1", "action": "drop"}])
            exported = network.directory / "exported.json"
            exported.write_text(ask(network, "rules", "export").stdout, encoding="utf-8")
            expect_text("its own export", "2 rules in force, as before", ask(network, "rules", "load", exported).stdout)
            refused = apply(network, [{"in": "right1", "action": "drop"}], check=False)
            expect_text("another rule for that port", "the run does not watch 'right1'", refused.stderr)
            alone.stop()
            for port in ("right0", "right1"):
                network.check_clean(port)

    return case


def links_are_up(network, *ports):
    return all("state UP" in run("ip", "-n", network.receiver, "link", "show", port).stdout for port in ports)


def renamed_case(directory):
    """A port that gets another name stays the port: rules that name it follow, and so do output and status."""
    with Network(directory, pairs=2) as network:
        state = network.directory / "state"
        # The kernel tells of a carrier up to a second after it is there.
        within(PATIENCE, "links that are up", lambda: links_are_up(network, "right0", "right1"))
        watching = Controller(network, "--state", state, "--mode", "drv", ports=("right0", "right1"))
        apply(network, [{"in": "right0", "src": "10.1.0.0/24", "action": "drop"}, {"in": "!right1", "action": "count"}])
        send(network, "left0", udp(INSIDE, 5000, OUTSIDE, 6000))
        expect("before it is renamed", ([1, 0], 0, 0), decided(network))

        def rename(*names):
            words = "".join(f"link set {former} name {name}\n" for former, name in names)
            path = network.directory / "names"
            path.write_text(words, encoding="utf-8")
            run("ip", "-n", network.receiver, "-batch", path)

        def chain(port):
            return json.loads(network.nicsentry("rules", "show", "--json", "-i", port).stdout)

        for action, said in (("down", "right0: no carrier"), ("up", "right0: the link is up")):
            run("ip", "-n", network.sender, "link", "set", "left0", action)
            watching.wait_for(f"warning: {said}\n")
        run("ip", "-n", network.receiver, "link", "set", "right1", "down")
        watching.wait_for("warning: right1: the link is down\n")
        found = json.loads(network.nicsentry("doctor", "-i", "right0", "-i", "right1", "--json").stdout)
        shown = {check["subject"]: check["finding"].split(", MTU")[0] for check in found}
        expect("links in doctor", ("up", "down"), (shown["right0"], shown["right1"]))
        run("ip", "-n", network.receiver, "link", "set", "right1", "up")
        watching.wait_for("warning: right1: the link is up\n")

        rename(("right0", "lan0"))
        watching.wait_for("warning: right0 was renamed to lan0, and is called so from now on")
        watching.wait_for(r"right0 was renamed to lan0: rules that named it name it so from now on \(1\)")
        shown = chain("lan0")
        expect("the rules", ["lan0", "!right1"], [rule["in"] for rule in shown["ingress"]["rules"]])
        places = [place["plane"] for place in shown["enforced"]["ingress"]]
        expect("where they are enforced", ["lan0/xdp", "right1/xdp"], places)
        send(network, "left0", udp(INSIDE, 5000, OUTSIDE, 6000))
        send(network, "left1", udp(INSIDE, 5000, OUTSIDE, 6000))
        counted = [rule["packets"] for rule in chain("lan0")["ingress"]["rules"]]
        expect("packets, with those before", [2, 0], counted)
        expect_text("status", "enforced: ingress on lan0/xdp, right1/xdp", network.nicsentry("status").stdout)
        batch = network.directory / "batch.json"
        batch.write_text('{"rules": [{"operation": "append", "in": "right0", "action": "drop"}]}', encoding="utf-8")
        refused = network.nicsentry("rules", "apply", batch, "-i", "lan0", check=False)
        expect_text("a rule with the former name", "the run does not watch 'right0'", refused.stderr)

        rename(("lan0", "aside"), ("right1", "lan0"), ("aside", "right1"))
        within(PATIENCE, "the rules have the names that were exchanged", lambda: exchanged(chain("lan0")))
        send(network, "left0", udp(INSIDE, 5000, OUTSIDE, 6000))
        send(network, "left1", udp(INSIDE, 5000, OUTSIDE, 6000))
        counted = [rule["packets"] for rule in chain("lan0")["ingress"]["rules"]]
        expect("packets, of the same port", [3, 0], counted)
        network.nicsentry("extract", "-i", "lan0")
        output = watching.stop()
        rows = [json.loads(line) for line in (output / "windows.jsonl").read_text(encoding="utf-8").splitlines()]
        expect("ports of the windows", {"right1", "lan0"}, {row["interface"] for row in rows})
        rows = [json.loads(line) for line in (output / "sessions.jsonl").read_text(encoding="utf-8").splitlines()]
        expect("ports of the session", ["right1+lan0"], [row["interfaces"] for row in rows])
        again = Controller(network, "--state", state, "--mode", "drv", ports=("right1", "lan0"))
        expect("rules for ports that are not watched", False, "does not watch" in again.log())
        expect("the rules of the next run", True, exchanged(chain("lan0")))
        again.stop()
        for port in ("right1", "lan0"):
            network.check_clean(port)


def taken_case(directory):
    """A rule of a port that is gone holds for another one that gets its name, and the run says so."""
    with Network(directory, pairs=2) as network:
        watching = Controller(network, "--mode", "tc", "--firewall", ports=("right0", "right1"))
        apply(network, [{"in": "right1", "action": "accept"}, {"in": "right0", "action": "drop"}])
        send(network, "left0", udp(INSIDE, 5000, OUTSIDE, 6000))
        expect("before", [0, 1], decided(network)[0])
        run("ip", "-n", network.receiver, "link", "del", "right1")
        run("ip", "-n", network.receiver, "link", "set", "right0", "name", "right1")
        watching.wait_for(r"rules of the ingress chain for a port 'right1' that is gone hold for the port .* now \(1\)")
        send(network, "left0", udp(INSIDE, 5000, OUTSIDE, 6000))
        shown = json.loads(network.nicsentry("rules", "show", "--json", "-i", "right1").stdout)["ingress"]["rules"]
        expect("afterwards", [1, 1], [rule["packets"] for rule in shown])
        expect("names", ["right1", "right1"], [rule["in"] for rule in shown])
        watching.stop(status=1)


def exchanged(shown):
    return [rule["in"] for rule in shown["ingress"]["rules"]] == ["right1", "!lan0"]


def main():
    cases = {f"a router, {mode}": router_case(mode) for mode in ("drv", "tc")}
    return run_directory_cases({**cases, "a port that is renamed": renamed_case, "a name that is taken": taken_case})


if __name__ == "__main__":
    sys.exit(main())
