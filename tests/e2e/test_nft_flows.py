#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The same policy over connections given to nicsentry and to the kernel's nftables: the same flows get through."""
import json
import sys

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


def flows_case(directory):
    """Real peers under a default of drop with established connections accepted: the same flows get through."""
    with Peers(directory) as peers:
        for namespace, side, address, other in (
            (peers.sender, "left0", INSIDE6, "right0"),
            (peers.receiver, "right0", OUTSIDE6, "left0"),
        ):
            add_neighbour(peers, namespace, side, address, other)
        for server in (peers.sender, peers.receiver):
            peers.serve(server, 8080)
            peers.echo(server, 5300)
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


def add_neighbour(peers, namespace, side, address, other):
    """So that no neighbour discovery decides what gets through."""
    elsewhere = peers.receiver if namespace == peers.sender else peers.sender
    link = json.loads(peers.inside(elsewhere, "ip", "-j", "link", "show", "dev", other).stdout)[0]
    peers.inside(
        namespace, "ip", "neigh", "replace", address, "lladdr", link["address"], "dev", side, "nud", "permanent"
    )


def main():
    return run_directory_cases({"flows of real peers": flows_case})


if __name__ == "__main__":
    sys.exit(main())
