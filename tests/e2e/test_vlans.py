#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`run --vlan`: packets of different VLANs are of different sessions, whether the tag is in the packet or beside it.

    test_vlans.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import pathlib
import socket
import struct
import sys
import time

from compare import BINARY, check_books, expect, expect_text
from network import Controller, Network, run
from suite import Skipped, run_directory_cases
from tun import ip_packet, udp, within_namespace

ADDRESSES = bytes.fromhex("020000000001020000000002")
CLIENT, SERVER = "10.9.0.2", "10.9.0.1"
CLIENT6, SERVER6 = "fd09::2", "fd09::1"
TAG, SERVICE_TAG = 0x8100, 0x88A8
# Of each kind of tags: the VLANs that rows show, and the tags.
KINDS = {
    "": (),
    "10": ((TAG, 10),),
    "20": ((TAG, 0x6014),),  # with a priority
    "10.20": ((SERVICE_TAG, 10), (TAG, 20)),
    "20.10": ((TAG, 20), (TAG, 10)),
    "4095": ((TAG, 0), (TAG, 4095)),
}
COUNT = 150  # beyond the cap: the programs' counters tell VLANs apart, not the events alone


def frame(packet, tags=()):
    kind = struct.pack("!H", 0x86DD if packet[0] >> 4 == 6 else 0x0800)
    return ADDRESSES + b"".join(struct.pack("!HH", *tag) for tag in tags) + kind + packet


class Wire:
    """Frames as they are, from one end of the pair."""

    def __init__(self, namespace, port):
        with within_namespace(namespace):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.socket.bind((port, 0))

    def send(self, *frames):
        for each in frames:
            self.socket.send(each)

    def close(self):
        self.socket.close()


def rows_of(output, kind):
    return [json.loads(line) for line in (output / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()]


def watched_case(mode, direction="ingress"):
    def case(directory):
        with Network(directory) as network:
            table = pathlib.Path(directory) / "table"
            with open(table, "w", encoding="utf-8") as printed:
                options = ("--mode", mode, "--direction", direction, "--vlan", "--top", 50)
                watching = Controller(network, *options, stdout=printed)
                out = direction == "both"
                wire = Wire(network.receiver, "right0") if out else Wire(network.sender, "left0")
                for turn in range(COUNT):
                    if turn == 1:
                        time.sleep(1)  # until the program knows the sessions: then it counts by VLAN, not the host
                    for place, tags in enumerate(KINDS.values()):
                        for client, server in ((CLIENT, SERVER), (CLIENT6, SERVER6)):
                            wire.send(frame(udp(client, 5000, server, 53, bytes(place)), tags))
                time.sleep(0.5)
                wire.close()
                output = watching.stop()
            expected = {}
            for place, vlan in enumerate(KINDS):
                expected["IPv4", vlan] = (COUNT, COUNT * (28 + place), 0)
                expected["IPv6", vlan] = (COUNT, COUNT * (48 + place), 0)
            seen = {
                (f"IPv{row['ip_version']}", row["vlan"]): (
                    row["packets_client"],
                    row["bytes_client"],
                    row["packets_server"],
                )
                for row in rows_of(output, "sessions")
            }
            expect("sessions", expected, seen)
            for row in rows_of(output, "windows"):
                check_books(row, row["hook"])
            unknown = sum(row["packets_unknown"] for row in rows_of(output, "windows"))
            expect("packets of sessions that the program did not know", 2 * len(KINDS), unknown)
            expect("rows", 2 * len(KINDS), len(rows_of(output, "sessions")))
            expect_text("the table", "UDP vlan 10.20", table.read_text(encoding="utf-8"))
            if mode != "tc":
                expect_text(
                    "log", "right0: XDP programs do not see VLAN tags that the device takes out", watching.log()
                )
                expect_text(
                    "log", "turn it off with: ethtool -K right0 rxvlan off, or run with --mode tc", watching.log()
                )

    return case


def without_case(directory):
    """Without the option the same addresses are one session, and no row shows a VLAN."""
    with Network(directory) as network:
        watching = Controller(network, "--mode", "tc")
        wire = Wire(network.sender, "left0")
        wire.send(*(frame(udp(CLIENT, 5000, SERVER, 53), tags) for tags in KINDS.values()))
        time.sleep(0.3)
        wire.close()
        rows = rows_of(watching.stop(), "sessions")
        expect("sessions", [(len(KINDS), "")], [(row["packets_client"], row["vlan"]) for row in rows])


def states_case(mode):
    """With a default of drop an answer is let in only in the VLAN of its question, an ICMP error likewise."""

    def case(directory):
        with Network(directory) as network:
            options = ("--vlan", "--firewall", "--timeouts", "udp=1h")  # longer than the case takes anywhere
            watching = Controller(network, "--mode", mode, "--direction", "both", *options)
            network.nicsentry("rules", "add", "accept", "conntrack=RELATED", "-i", "right0")
            network.nicsentry("rules", "default", "ingress", "drop", "--yes", "-i", "right0")
            outside, inside = Wire(network.sender, "left0"), Wire(network.receiver, "right0")

            def dropped():
                shown = json.loads(network.nicsentry("rules", "show", "--json", "-i", "right0").stdout)
                return shown["ingress"]["counters"]["dropped"]["packets"]

            def let_in(packet, tags):
                before = dropped()
                outside.send(frame(packet, tags))
                time.sleep(0.1)
                return dropped() == before

            question = udp(SERVER, 40000, CLIENT, 53)
            answer = udp(CLIENT, 53, SERVER, 40000)
            error = ip_packet(CLIENT, SERVER, 1, struct.pack("!BBHI", 3, 3, 0, 0) + question[:28])
            inside.send(frame(question, KINDS["10"]))
            for pause in (0.0, 0.5):  # before and after the host has entered the state
                time.sleep(pause)
                for vlan, tags in KINDS.items():
                    expect(f"an answer in VLAN {vlan or 'none'}", vlan == "10", let_in(answer, tags))
                    expect(f"an error in VLAN {vlan or 'none'}", vlan == "10", let_in(error, tags))
            inside.send(frame(question, KINDS["20.10"]))
            expect("an answer in VLAN 20.10", True, let_in(answer, KINDS["20.10"]))
            expect("an answer in VLAN 10.20", False, let_in(answer, KINDS["10.20"]))
            time.sleep(0.5)
            listed = json.loads(network.nicsentry("connections", "--json", "-i", "right0").stdout)["connections"]
            vlans = sorted(one["vlan"] for one in listed if one["state"] == "ESTABLISHED" and one["protocol"] == "UDP")
            expect("VLANs of the connections", ["10", "20.10"], vlans)
            expect_text("the list", "UDP vlan 20.10", network.nicsentry("connections", "-i", "right0").stdout)
            said = network.nicsentry(
                *("rules", "explain", "-i", "right0", "--json", "l4proto=UDP", f"src={CLIENT}", f"dst={SERVER}"),
                *("sport=53", "dport=40000", "vlan=10"),
            ).stdout
            expect("what explain says of VLAN 10", "accept", json.loads(said)["verdict"])
            said = network.nicsentry(
                *("rules", "explain", "-i", "right0", "--json", "l4proto=UDP", f"src={CLIENT}", f"dst={SERVER}"),
                *("sport=53", "dport=40000", "vlan=20"),
            ).stdout
            expect("what explain says of VLAN 20", "drop", json.loads(said)["verdict"])
            outside.close()
            inside.close()
            watching.stop()

    return case


# Tags by which somebody could try to get past a rule: priorities, no id, the last id, orders, doubles, too many.
CRAFTED = {
    "none": (),
    "a priority": ((TAG, 0x6000),),
    "a priority behind a priority": ((TAG, 0xE000), (TAG, 0x2000)),
    "10": ((TAG, 10),),
    "10, service tag": ((SERVICE_TAG, 10),),
    "4095": ((TAG, 4095),),
    "4095 with all priorities": ((TAG, 0xFFFF),),
    "10 behind a priority": ((TAG, 0), (TAG, 10)),
    "a priority behind 10": ((TAG, 10), (TAG, 0)),
    "10 twice": ((TAG, 10), (TAG, 10)),
    "service tag inside": ((TAG, 10), (SERVICE_TAG, 20)),
    "both service tags": ((SERVICE_TAG, 10), (SERVICE_TAG, 20)),
    "three": ((SERVICE_TAG, 1), (SERVICE_TAG, 2), (TAG, 3)),
    "eight": ((TAG, 1),) * 8,
    "nine": ((TAG, 1),) * 9,
    "twenty": ((TAG, 0),) * 20,
}
DEEP = ("nine", "twenty")  # beyond what is parsed: unjudged, and so dropped


def crafted_case(mode, options):
    """No order, number or kind of tags takes a packet past the set of blocked addresses or past a rule."""

    def case(directory):
        with Network(directory) as network:
            network.inside(network.receiver, "ethtool", "-K", "right0", "rxvlan", "off", check=False)
            watching = Controller(network, "--mode", mode, "--firewall", "--cut-frames", *options)

            def command(*words):
                network.nicsentry(*words, "-i", "right0")

            def dropped():
                shown = json.loads(network.nicsentry("rules", "show", "--json", "-i", "right0").stdout)
                return shown["ingress"]["counters"]["dropped"]["packets"]

            def passing(packet):
                """The tags with which the packet passes."""
                passed = []
                for name, tags in CRAFTED.items():
                    before = dropped()
                    wire.send(frame(packet, tags))
                    end = time.monotonic() + (0.15 if before == dropped() else 0)
                    while time.monotonic() < end and dropped() == before:
                        time.sleep(0.01)
                    if dropped() == before:
                        passed.append(name)
                return passed

            wire = Wire(network.sender, "left0")
            packets = [udp(CLIENT, 5000, SERVER, 53), udp(CLIENT6, 5000, SERVER6, 53)]
            for packet in packets:
                expect("without a rule", list(CRAFTED), passing(packet))
            command("block", CLIENT, CLIENT6)
            for packet in packets:
                expect("from a blocked address", [], passing(packet))
            command("unblock", "--all")
            command("rules", "add", "drop", "l4proto=UDP", "dport=53")
            for packet in packets:
                expect("to a port that is dropped", [], passing(packet))
            command("rules", "flush")
            # The outermost tag that names a VLAN decides: the kernel takes those of VLAN 0 off in front of it.
            command("rules", "add", "drop", "vlan=10")
            ids = {name: [tag[1] & 0xFFF for tag in tags] for name, tags in CRAFTED.items()}
            of_ten = [name for name, of_tags in ids.items() if next(filter(None, of_tags), 0) == 10]
            for packet in packets:
                wanted = [name for name in CRAFTED if name not in (*of_ten, *DEEP)]
                expect("past a rule of VLAN 10", wanted, passing(packet))
            command("rules", "flush")
            # Of a default of drop only what a rule accepts passes: no other tags look like VLAN 10.
            command("rules", "add", "accept", "vlan=10")
            command("rules", "default", "ingress", "drop", "--yes")
            for packet in packets:
                expect("what a rule of VLAN 10 lets in", of_ten, passing(packet))
            wire.close()
            watching.stop()
            network.check_clean()

    return case


def devices_case(directory):
    """Tags that the kernel keeps beside the packet: what VLAN devices at both ends say to each other."""
    with Network(directory) as network:
        for namespace, port, own in ((network.sender, "left0", CLIENT), (network.receiver, "right0", SERVER)):
            for vlan in (10, 20):
                words = ("link", port, "name", f"vlan{vlan}", "type", "vlan", "id", vlan)
                made = run("ip", "-n", namespace, "link", "add", *words, check=False)
                if made.returncode != 0:
                    raise Skipped(f"this kernel has no VLAN devices: {made.stderr.strip()}")
                run("ip", "-n", namespace, "link", "set", f"vlan{vlan}", "arp", "on", "up")  # the port has it off
            run("ip", "-n", namespace, "addr", "add", f"{own}/24", "dev", "vlan10")
        watching = Controller(network, "--mode", "tc", "--direction", "both", "--vlan")
        network.inside(network.sender, "ping", "-n", "-c", 3, "-i", "0.2", SERVER)
        for namespace, own in ((network.sender, CLIENT), (network.receiver, SERVER)):
            run("ip", "-n", namespace, "addr", "del", f"{own}/24", "dev", "vlan10")
            run("ip", "-n", namespace, "addr", "add", f"{own}/24", "dev", "vlan20")
        network.inside(network.sender, "ping", "-n", "-c", 4, "-i", "0.2", SERVER)
        rows = rows_of(watching.stop(), "sessions")
        expect(
            "pings by VLAN",
            {"10": (3, 3), "20": (4, 4)},
            {row["vlan"]: (row["packets_client"], row["packets_server"]) for row in rows if row["protocol"] == "ICMP"},
        )


def adopted_case(directory):
    """An idle program is driven with VLANs or without; one that was attached to XDP by hand may be the card's."""
    with Network(directory) as network:
        network.nicsentry("attach", "-i", "right0", "--mode", "drv")
        for options, vlans in (((), [""]), (("--vlan",), ["", "10", "20"]), ((), [""])):
            watching = Controller(network, *options)
            wire = Wire(network.sender, "left0")
            wire.send(
                *(frame(udp(CLIENT, 5000, SERVER, 53), KINDS[vlan]) for vlan in ("", "10", "20") for _ in range(5))
            )
            time.sleep(0.3)
            wire.close()
            seen = sorted(row["vlan"] for row in rows_of(watching.stop(), "sessions"))
            expect(f"VLANs of the sessions with {options}", vlans, seen)
        network.nicsentry("detach", "-i", "right0")
        program = pathlib.Path(BINARY).parent / "bpf_offload" / "ddos.o"
        network.inside(network.receiver, "ip", "link", "set", "dev", "right0", "xdpdrv", "obj", program, "sec", "xdp")
        refused = network.nicsentry("run", "-i", "right0", "--vlan", "--windows", 1, check=False)
        expect("exit status", 1, refused.returncode)
        expect_text(
            "words", "was attached by hand, and may be the one for a card, which does not look at VLAN", refused.stderr
        )


def main():
    cases = {f"mode {mode}": watched_case(mode) for mode in ("drv", "skb", "tc")}
    cases["on their way out"] = watched_case("tc", "both")
    cases["without --vlan"] = without_case
    cases |= {f"states, mode {mode}": states_case(mode) for mode in ("drv", "tc")}
    for mode in ("drv", "skb", "tc"):
        cases[f"crafted tags, mode {mode}"] = crafted_case(mode, ())
    cases["crafted tags, with --vlan"] = crafted_case("tc", ("--vlan",))
    cases["VLAN devices"] = devices_case
    cases["programs that are there"] = adopted_case
    return run_directory_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
