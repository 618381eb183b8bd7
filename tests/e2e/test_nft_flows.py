#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The same policy over connections given to nicsentry and to the kernel's nftables: the same flows get through."""
import json
import subprocess
import sys
import time

from compare import expect
from network import Controller
from peers import INSIDE, INSIDE6, OUTSIDE, OUTSIDE6, STATEFUL, Peers
from suite import Mismatch, run_directory_cases

REFUSED = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], 9999))
s.settimeout(0.4)
for _ in range(4):
    try:
        s.send(b"x")
        s.recv(10)
    except ConnectionRefusedError:
        print("refused")
        break
    except socket.timeout:
        pass
"""


def flows(peers):
    """What gets through, flow by flow."""
    seen = {}
    for outside, inside in ((OUTSIDE, INSIDE), (OUTSIDE6, INSIDE6)):
        hosts = [f"[{address}]" if ":" in address else address for address in (outside, inside)]
        family = "IPv6" if ":" in inside else "IPv4"
        seen[f"ping out, {family}"] = peers.ping(peers.receiver, outside, "-c", 4)
        refused = peers.inside(peers.receiver, sys.executable, "-c", REFUSED, outside)
        seen[f"a closed port's answer, {family}"] = refused.stdout == "refused\n"
        seen[f"ping in, {family}"] = peers.ping(peers.sender, inside, "-c", 2)
        seen[f"fragments out, {family}"] = bool(peers.ask(peers.receiver, outside, 5300, size=4000))
        seen[f"HTTP out, {family}"] = peers.fetch(peers.receiver, f"http://{hosts[0]}:8080/", 5)
        seen[f"HTTP in, {family}"] = peers.fetch(peers.sender, f"http://{hosts[1]}:8080/", 1.5)
        seen[f"UDP out, {family}"] = bool(peers.ask(peers.receiver, outside, 5300))
        seen[f"UDP in, {family}"] = bool(peers.ask(peers.sender, inside, 5300))
    return seen


NFT_FLOWS = """
table inet same {{
 chain incoming {{ type filter hook prerouting priority 0; policy drop;
  iif lo accept
  ct state established accept
  meta l4proto ipv6-icmp icmpv6 type {{ 133-137 }} accept
  {rules}
 }}
 chain outgoing {{ type filter hook output priority 0; ct state new counter; }}
}}
"""
NDP = [
    {"operation": "append", "l4proto": "ICMPv6", "src": "fe80::/10", "action": "accept"},
    {"operation": "append", "l4proto": "ICMPv6", "dst": ["ff00::/8", "fe80::/10"], "action": "accept"},
]
POLICIES = {
    "established alone": ([], ""),
    "and errors about it": (
        [{"operation": "append", "conntrack": "RELATED", "action": "accept"}],
        "ct state related accept",
    ),
    "and new ones to a server": (
        [
            {"operation": "append", "l4proto": "TCP", "dport": 8080, "conntrack": "NEW", "action": "accept"},
            {"operation": "append", "l4proto": "UDP", "dport": "5000-5400", "conntrack": "NEW", "action": "accept"},
        ],
        "tcp dport 8080 ct state new accept\nudp dport 5000-5400 ct state new accept",
    ),
}


def serve_flows(peers):
    """What flows() needs on both sides."""
    for namespace, side, address, other in (
        (peers.sender, "left0", INSIDE6, "right0"),
        (peers.receiver, "right0", OUTSIDE6, "left0"),
    ):
        add_neighbour(peers, namespace, side, address, other)
    for server in (peers.sender, peers.receiver):
        peers.serve(server, 8080)
        peers.echo(server, 5300)


def flows_case(directory):
    """Real peers under a default of drop with established connections accepted: the same flows get through."""
    with Peers(directory) as peers:
        serve_flows(peers)
        ours = {}
        for name, (rules, _) in POLICIES.items():
            watching = Controller(peers, *STATEFUL)
            peers.rules(NDP + rules)
            peers.default("ingress", "drop")
            ours[name] = flows(peers)
            watching.stop()
            peers.check_clean()
        for name, (_, rules) in POLICIES.items():
            path = peers.directory / "flows.nft"
            path.write_text(NFT_FLOWS.format(rules=rules), encoding="utf-8")
            peers.inside(peers.receiver, "nft", "-f", path)
            theirs = flows(peers)
            peers.inside(peers.receiver, "nft", "delete", "table", "inet", "same")
            for flow, through in theirs.items():
                expect(f"{name}: {flow}, as under nft", through, ours[name][flow])
        through = {name: sum(seen.values()) for name, seen in ours.items()}
        if len(set(through.values())) != len(POLICIES):
            raise Mismatch(f"expected policies that let different flows through, seen {through}")
        return ", ".join(f"{name}: {count} of {len(ours[name])} flows" for name, count in through.items())


# Serves connections, and when they have ended sends a segment within each: the number of a connection is its flags.
SEND_FLAGS = """
import socket, struct, sys
own, peer, port, first, count = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
hears = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
hears.settimeout(1)
server = socket.create_server((own, port), backlog=count)
print("ready", flush=True)
for _ in range(count):
    connection = server.accept()[0]
    while connection.recv(100):
        pass
    connection.close()
last = {}
try:
    while True:
        segment = hears.recv(65535)[20:]
        source, to, sequence, acknowledged = struct.unpack("!HHII", segment[:12])
        if to == port:
            last[source - first] = acknowledged, sequence
except socket.timeout:
    print("ended", flush=True)
sys.stdin.readline()
ends = socket.inet_aton(own) + socket.inet_aton(peer)
for flags in range(count):
    segment = struct.pack("!HHIIBBHHH", port, first + flags, *last[flags], 0x50, flags, MARK, 0, 0)
    total = sum(struct.unpack("!16H", ends + struct.pack("!HH", 6, len(segment)) + segment))
    total = (total & 0xffff) + (total >> 16)
    segment = segment[:16] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + segment[18:]
    hears.sendto(segment, (peer, 0))
""".replace(
    "MARK", "4321"
)
# Opens and closes connections; when it is asked, tells the flags of the segments that came then.
HEAR_FLAGS = """
import json, socket, struct, sys
to, port, first, count = sys.argv[1], *map(int, sys.argv[2:])
for number in range(count):
    connection = socket.create_connection((to, port), 5, ("", first + number))
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(100):
        pass
    connection.close()
hears = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
hears.settimeout(0.5)
print("closed", flush=True)
sys.stdin.readline()
seen = set()
try:
    while True:
        segment = hears.recv(65535)[20:]
        if struct.unpack("!H", segment[14:16])[0] == MARK:
            seen.add(struct.unpack("!H", segment[2:4])[0] - first)
except socket.timeout:
    print(json.dumps(sorted(seen)), flush=True)
""".replace(
    "MARK", "4321"
)
COMBINATIONS = 64  # of FIN, SYN, RST, PSH, ACK and URG
NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")


def names_of(flags):
    return "+".join(name for bit, name in enumerate(NAMES) if flags >> bit & 1) or "none"


def passed_flags(peers, first, settle=lambda: None):
    """The combinations of flags that get through on closed connections that were opened from inside."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    words = (7100, first, COMBINATIONS)
    outside = peers.start(peers.sender, sys.executable, "-c", SEND_FLAGS, OUTSIDE, INSIDE, *words, **pipes)
    expect("the server outside", "ready\n", outside.stdout.readline())
    inside = peers.start(peers.receiver, sys.executable, "-c", HEAR_FLAGS, OUTSIDE, *words, **pipes)
    expect("the client inside", "closed\n", inside.stdout.readline())
    expect("the server outside", "ended\n", outside.stdout.readline())
    settle()
    outside.communicate("send\n")
    expect("the server's exit status", 0, outside.returncode)
    seen = json.loads(inside.communicate("tell\n")[0])
    return [names_of(flags) for flags in seen]


def flags_case(directory):
    """Of all combinations of flags on a closed connection the same get through a default of drop."""
    with Peers(directory) as peers:
        peers.inside(peers.receiver, "sysctl", "-qw", "net.ipv4.tcp_tw_reuse=0")

        def closed():
            end = time.monotonic() + 10
            while sum(one["state"] == "CLOSED" for one in peers.connections()) < COMBINATIONS:
                if time.monotonic() > end:
                    raise Mismatch(f"expected {COMBINATIONS} closed connections, seen {peers.connections()}")
                time.sleep(0.1)

        ours = {}
        for number, mode in enumerate(("drv", "tc")):
            watching = Controller(peers, *STATEFUL, "--mode", mode)
            peers.default("ingress", "drop")
            ours[mode] = passed_flags(peers, 20000 + 1000 * number, closed)
            watching.stop()
            peers.check_clean()
        path = peers.directory / "flows.nft"
        path.write_text(NFT_FLOWS.format(rules=""), encoding="utf-8")
        peers.inside(peers.receiver, "nft", "-f", path)
        theirs = passed_flags(peers, 30000)
        peers.inside(peers.receiver, "nft", "delete", "table", "inet", "same")
        for mode, seen in ours.items():
            expect(f"flags that get through in mode {mode}, as under nft", theirs, seen)
        return ", ".join(theirs)


def add_neighbour(peers, namespace, side, address, other):
    """So that no neighbour discovery decides what gets through."""
    elsewhere = peers.receiver if namespace == peers.sender else peers.sender
    link = json.loads(peers.inside(elsewhere, "ip", "-j", "link", "show", "dev", other).stdout)[0]
    peers.inside(
        namespace, "ip", "neigh", "replace", address, "lladdr", link["address"], "dev", side, "nud", "permanent"
    )


def main():
    return run_directory_cases({"flows of real peers": flows_case, "flags on a closed connection": flags_case})


if __name__ == "__main__":
    sys.exit(main())
