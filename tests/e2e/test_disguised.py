#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets for a closed port, in every form that Linux takes, sent to a real listener: what nftables drops, we drop.

The same frames are sent three times: to the bare host, to nftables before reassembly, and to nicsentry.
"""
import json
import random
import signal
import subprocess
import sys
import time

import disguise
import model
from compare import BINARY, PATIENCE, expect, read_windows
from network import Controller, Network, run
from suite import PCAPS, Mismatch, Skipped, run_directory_cases, slow, tries

BENIGN = PCAPS.parent / "attacks" / "benign"
UNJUDGED = ("vlan_depth", "truncated", "malformed", "extensions")
CLOSED, OPEN = 2222, 3333
RANDOM_FORMS = 100_000
ROUTING_SETTINGS = ("seg6_enabled", "rpl_seg_enabled")
HOST = {4: "10.9.0.2/8", 6: "fd09::2/16"}

LISTEN = r"""
import json, signal, socket, sys
seen = set()
sockets, listening = [], []
for port in (2222, 3333):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(socket.AF_INET6, kind)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            s.listen(4096)
            listening.append(s)
        else:
            s.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
            s.setblocking(False)
            sockets.append(s)
open(sys.argv[1] + ".ready", "w").close()
ending = []
signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
import select, struct
def drain():
    for s in sockets:
        try:
            while True:
                data = s.recv(64)
                seen.add(struct.unpack("!I", data[:4])[0])
        except BlockingIOError:
            pass
while not ending:
    try:
        select.select(sockets, [], [], 0.2)
    except InterruptedError:
        pass
    drain()
drain()
json.dump(sorted(seen), open(sys.argv[1], "w"))
"""

# Sends frames, and notes whom SYN+ACKs go to.
SEND = r"""
import json, select, socket, sys, time
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[4])
import disguise
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 27)  # SO_RCVBUFFORCE
s.bind((sys.argv[1], 0))
s.setblocking(False)
seen = set()
def drain():
    try:
        while True:
            frame, address = s.recvfrom(256)
            if address[2] == socket.PACKET_OUTGOING:
                continue
            kind = frame[12:14]
            ip, at = (frame[14:], 20) if kind == b"\x08\x00" else (frame[14:], 40)
            protocol = ip[9] if kind == b"\x08\x00" else ip[6] if kind == b"\x86\xdd" else 0
            if protocol == 6 and len(ip) >= at + 14 and ip[at + 13] & 0x12 == 0x12:
                to = ip[16:20] if at == 20 else ip[24:40]
                seen.add(disguise.number_of(to, int.from_bytes(ip[at + 2 : at + 4], "big")))
    except BlockingIOError:
        pass
for number, line in enumerate(open(sys.argv[2])):
    while True:
        try:
            s.send(bytes.fromhex(line))
            break
        except BlockingIOError:
            time.sleep(0.001)
    if number % 20 == 19:
        drain()
        time.sleep(0.002)
end = time.monotonic() + 1
while time.monotonic() < end:
    select.select([s], [], [], 0.1)
    drain()
json.dump(sorted(seen), open(sys.argv[3], "w"))
"""

RULES = {
    "rules": [
        {"operation": "append", "l4proto": protocol, "dport": CLOSED, "action": "drop"} for protocol in ("TCP", "UDP")
    ]
}
NFT = f"""table inet same {{ chain early {{ type filter hook prerouting priority -500;
meta l4proto {{ 6, 17 }} th dport {CLOSED} drop; }}
}}
"""


def host_network(directory):
    network = Network(directory)
    try:
        inside = network.receiver
        for scope in ("all", "default", "right0"):
            network.inside(inside, "sysctl", "-qw", f"net.ipv6.conf.{scope}.disable_ipv6=0")
        settings = [
            "net.ipv6.conf.right0.accept_dad=0",
            # Linux takes packets out of routing headers.
            *(f"net.ipv6.conf.{scope}.{what}=1" for scope in ("all", "right0") for what in ROUTING_SETTINGS),
            "net.ipv4.conf.all.rp_filter=0",
            "net.ipv4.conf.right0.rp_filter=0",
            "net.ipv4.tcp_syncookies=2",  # an answer to each SYN, whatever waits
            "net.ipv4.ipfrag_time=2",
            "net.ipv6.ip6frag_time=2",
            "net.ipv4.ipfrag_high_thresh=134217728",
            "net.ipv6.ip6frag_high_thresh=134217728",
        ]
        for setting in settings:
            network.inside(inside, "sysctl", "-qw", setting)
        for address in HOST.values():
            network.inside(inside, "ip", "address", "add", address, "dev", "right0")
        network.inside(inside, "ip", "link", "set", "right0", "address", "02:00:00:00:00:01")
        return network
    except BaseException:
        network.close()
        raise


def delivered(network, numbered):
    """The numbers of the packets that reached a listener."""
    files = {name: network.directory / name for name in ("frames", "udp.json", "tcp.json", "udp.json.ready")}
    files["udp.json.ready"].unlink(missing_ok=True)
    files["frames"].write_text(
        "\n".join(frame.hex() for number, form in numbered for frame in disguise.frames(form, number)), encoding="utf-8"
    )
    listener = network.start(network.receiver, sys.executable, "-c", LISTEN, files["udp.json"])
    end = time.monotonic() + PATIENCE
    while not files["udp.json.ready"].exists():
        if time.monotonic() > end:
            raise Mismatch("the listener did not start")
        time.sleep(0.02)
    sender = network.start(
        network.sender,
        sys.executable,
        "-c",
        SEND,
        "left0",
        files["frames"],
        files["tcp.json"],
        str(__file__).rsplit("/", 1)[0],
        stderr=subprocess.PIPE,
    )
    errors = sender.communicate(timeout=600)[1]
    expect(f"the sender's exit status ({errors})", 0, sender.returncode)
    time.sleep(0.3)
    listener.send_signal(signal.SIGTERM)
    listener.wait(timeout=PATIENCE)
    return {number for name in ("udp.json", "tcp.json") for number in json.loads(files[name].read_text("utf-8"))}


def by_nft(network, numbered):
    path = network.directory / "rules.nft"
    path.write_text(NFT, encoding="utf-8")
    network.inside(network.receiver, "nft", "-f", path)
    seen = delivered(network, numbered)
    network.inside(network.receiver, "nft", "delete", "table", "inet", "same")
    return seen


def apply(network, rules):
    path = network.directory / "batch.json"
    path.write_text(json.dumps(rules), encoding="utf-8")
    network.nicsentry("rules", "apply", path, "-i", "right0")


def by_ours(network, numbered, mode):
    watching = Controller(network, "--firewall", "--mode", mode)
    empty = delivered(network, numbered)
    apply(network, RULES)
    ruled = delivered(network, numbered)
    watching.stop()
    network.check_clean()
    return empty, ruled


def names(numbered, numbers):
    forms = dict(numbered)
    return [forms[number].name or repr(forms[number]) for number in sorted(numbers)][:10]


def compare(network, numbered, mode):
    """Returns what to say of it."""
    bare, nft = delivered(network, numbered), by_nft(network, numbered)
    empty, ours = by_ours(network, numbered, mode)
    forms = dict(numbered)
    closed = {number for number in bare if forms[number].port == CLOSED}
    expect("packets for the closed port that nicsentry lets through", [], names(numbered, closed & ours))
    expect("packets that Linux takes and an empty chain keeps back", [], names(numbered, bare - empty))
    plain = {number for number in bare - closed if judged(forms[number])}
    expect("packets for the open port that are judged and kept back", [], names(numbered, plain - ours))
    if len(closed) < len(numbered) / 8 or len(plain) < len(numbered) / 40:
        raise Mismatch(f"of {len(numbered)} packets Linux took only {len(closed)} and {len(plain)}: no test")
    return (
        f"{len(numbered)} packets, {len(closed)} for the closed port that Linux takes, of which nft lets "
        f"{len(closed & nft)} through, {len(plain)} for the open one"
    )


def judged(form):
    """Whether the programs on the host read it whole: docs/firewall.md."""
    extensions = len(form.extensions) + len(form.inner) + (form.atomic or bool(form.fragments))
    # A TCP header without its flags in the first fragment is dropped, and so is one that begins in the middle.
    tiny = form.protocol == disguise.TCP and form.fragments and form.fragments[0] - 8 * len(form.inner) < 16
    if form.carrier or form.mapped:
        return False
    return len(form.tags) <= 8 and extensions <= 8 and not tiny and not (form.inner and form.fragments)


def is_refused_by_linux(form):
    """IPv6's defragmentation wants the whole TCP header in the first fragment (ipv6frag_thdr_truncated()), and a
    connection begins from no mapped address (tcp_v6_conn_request())."""
    header = form.fragments[0] - 8 * len(form.inner) if form.fragments else 20
    return form.version == 6 and form.protocol == disguise.TCP and (header < 20 or form.mapped)


def known_case(mode):
    def case(directory):
        with host_network(directory) as network:
            forms = disguise.known_forms()
            opened = [disguise.dataclasses.replace(form, port=OPEN) for form in forms]
            numbered = list(enumerate(forms + opened))
            taken = delivered(network, numbered)
            refused = {number for number, form in numbered if is_refused_by_linux(form)}
            expect("forms that Linux refuses, and others", [], names(numbered, set(dict(numbered)) - taken - refused))
            return compare(network, numbered, mode)

    return case


def random_case(mode):
    def case(directory):
        with host_network(directory) as network:
            chooser = random.Random(17)
            forms = [disguise.random_form(chooser) for _ in range(tries(RANDOM_FORMS))]
            return compare(network, list(enumerate(forms)), mode)

    return case


def default_drop_case(mode):
    """Nothing passes a default of drop, whatever it is dressed in, and nothing a blocked network."""

    def case(directory):
        with host_network(directory) as network:
            forms = list(enumerate(disguise.known_forms()))
            watching = Controller(network, "--firewall", "--mode", mode)
            network.nicsentry("block", "10.9.1.0/24", "fd09::100/120", "-i", "right0")
            expect("from a blocked network", [], names(forms, delivered(network, forms)))
            network.nicsentry("unblock", "10.9.1.0/24", "fd09::100/120", "-i", "right0")
            everything = delivered(network, forms)
            if len(everything) < len(forms) / 2:
                raise Mismatch(f"without rules only {names(forms, everything)} pass")
            network.nicsentry("rules", "default", "ingress", "drop", "--yes", "-i", "right0")
            expect("with a default of drop", [], names(forms, delivered(network, forms)))
            shown = json.loads(network.nicsentry("rules", "show", "--json", "-i", "right0").stdout)["ingress"]
            unjudged = sum(count["packets"] for count in shown["counters"]["unjudged"].values())
            books = [row for window in read_windows(watching.stop()).values() for row in window["books"]]
            expect("unjudged packets in the accounting", unjudged, sum(row["packets_unjudged"] for row in books))
            expect("they are some", True, 0 < unjudged < sum(row["packets_dropped"] for row in books))

    return case


def benign_case(directory):
    """Of captures of ordinary traffic nothing is unjudged but frames that end before their IP length does: Linux drops
    those, too."""
    captures = sorted(path for path in BENIGN.glob("*.pcap*") if path.is_file()) if BENIGN.is_dir() else []
    if not captures:
        raise Skipped(f"there are no captures in {BENIGN}")
    cut_off = 0
    if tries(100) < 100:  # tshark and the model read a second for a megabyte
        captures = [capture for capture in captures if capture.stat().st_size < 1_000_000]
    for capture in captures:
        shown = run(BINARY, "replay", capture, "--window", "1h", "--json").stdout
        planes = [plane for line in shown.splitlines() for plane in json.loads(line).get("planes", [])]
        seen = {cause: sum(plane[f"packets_{cause}"] for plane in planes) for cause in UNJUDGED}
        short = sum(model.understand(row).cause == "truncated" for row in model.rows(capture))
        expect(f"{capture.name}, unjudged", {**dict.fromkeys(UNJUDGED, 0), "truncated": short}, seen)
        cut_off += short
    return f"{len(captures)} captures, {cut_off} frames that end before their IP length does"


def main():
    cases = {"ordinary traffic": benign_case}
    for mode in ("drv", "tc"):
        cases[f"each form, {mode}"] = known_case(mode)
        cases[f"random nestings, {mode}"] = random_case(mode) if mode == "drv" else slow(random_case(mode))
        cases[f"default drop and block, {mode}"] = default_drop_case(mode)
    return run_directory_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
