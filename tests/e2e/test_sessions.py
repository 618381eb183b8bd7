#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the open window has so far: `nicsentry sessions` and `watch`, /api/v1/sessions and /api/v1/traffic, against the
packets that were sent, and against the window once it has ended.

    test_sessions.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import functools
import json
import pathlib
import sys
import time

from api_client import ask
from compare import PATIENCE, expect, read_windows
from make_capture import UDP, Capture, udp
from network import MODES, Controller, Network
from peers import INSIDE, OUTSIDE, Peers
from suite import Case, Mismatch, run_directory_cases, slow, within

COUNTS = ("packets_client", "packets_server", "bytes_client", "bytes_server")
# Questions over UDP of one session, each with its answer.
TALK = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", int(sys.argv[3])))
s.connect((sys.argv[1], int(sys.argv[2])))
s.settimeout(10)
for _ in range(int(sys.argv[4])):
    s.send(b"x" * 100)
    s.recv(65535)
"""
HEADERS = 20 + 8  # IPv4 and UDP


def sessions(host, query=""):
    answer = ask(host, "/api/v1/sessions" + query)
    expect(f"/api/v1/sessions{query}: status ({answer.text[:200]})", 200, answer.status)
    return answer.json()


def find(document, port):
    rows = [row for row in document["sessions"] if row["client_port"] == port]
    return rows[0] if rows else None


def settled(host, port, packets):
    """The row of a session, once it has so many packets."""
    seen = []

    def has_them():
        seen.append(find(sessions(host, "?limit=1000"), port))
        return seen[-1] is not None and seen[-1]["packets"] >= packets

    within(10, f"{packets} packets of port {port}", has_them)
    return seen[-1]


def talk(host, port, number, to=7777):
    host.inside(host.sender, sys.executable, "-c", TALK, INSIDE, to, port, number)


def talking(host):
    """The sessions by number, but for ICMP: hosts look for each other at any time."""
    return {row["session"]: row for row in sessions(host, "?limit=1000&filter=tcp%20or%20udp")["sessions"]}


def counts_case(directory, mode):
    """Exact figures while the window is open; the ended window has them, and what came later."""
    with Peers(directory) as host:
        host.echo(host.receiver, 7777)
        host.serve(host.receiver, 8080)
        watching = Controller(host, *MODES[mode], "--direction", "both", "--cap", "20")
        talk(host, 40000, 300)
        talk(host, 40001, 7)
        host.fetch(host.sender, f"http://{INSIDE}:8080/")
        row = settled(host, 40000, 600)
        expect(
            "packets and bytes", (300, 300, 300 * (100 + HEADERS), 300 * (100 + HEADERS)), tuple(map(row.get, COUNTS))
        )
        expect("ends", (OUTSIDE, INSIDE, 7777), (row["client_ip"], row["server_ip"], row["server_port"]))
        expect("in and out", (300, 300), (row["packets_in"], row["packets_out"]))
        expect("a short one", (7, 7), tuple(map(settled(host, 40001, 14).get, COUNTS[:2])))
        time.sleep(1.5)
        before = talking(host)
        again = talking(host)
        expect(
            "nothing came",
            {k: [r[c] for c in COUNTS] for k, r in before.items()},
            {k: [r[c] for c in COUNTS] for k, r in again.items()},
        )
        talk(host, 40001, 5)
        ended = read_windows(watching.stop())
        rows = {row["session"]: row for row in ended[0]["sessions"].values()}
        expect("sessions are in the ended window", set(), set(before) - set(rows))
        for number, shown in before.items():
            later = 5 if shown["client_port"] == 40001 else 0
            expected = [
                shown["packets_client"] + later,
                shown["packets_server"] + later,
                shown["bytes_client"] + later * (100 + HEADERS),
                shown["bytes_server"] + later * (100 + HEADERS),
            ]
            expect(f"session {number} of the ended window", expected, [rows[number][name] for name in COUNTS])
            expect(f"session {number}: first packet", shown["first_packet_ns"], rows[number]["first_packet_ns"])
    return f"{len(rows)} sessions"


def flows(path, numbers):
    """So many packets of each (client, client port, server port), one after the other."""
    capture = Capture()
    for (client, port, server_port), number in numbers.items():
        for _ in range(number):
            capture.add4(client, "192.0.2.9", UDP, udp(client, "192.0.2.9", port, server_port, b"flows"))
    capture.write(path)
    return path, sum(numbers.values())


FLOWS = {
    ("10.8.0.1", 1001, 53): 40,
    ("10.8.0.1", 1002, 443): 30,
    ("10.8.0.2", 1003, 53): 20,
    ("10.9.0.1", 1004, 80): 10,
}


def rows_case(directory):
    """Groups, filters, orders and pages."""
    with Network(directory) as network:
        watching = Controller(network, "--mode", "drv")
        path, number = flows(pathlib.Path(directory) / "flows.pcap", FLOWS)
        network.send(path, number)
        settled(network, 1004, 10)

        def ports(query):
            return [row["client_port"] for row in sessions(network, query)["sessions"]]

        expect("all", [1001, 1002, 1003, 1004], ports(""))
        expect("ascending", [1004, 1003, 1002, 1001], ports("?order=asc"))
        expect("a page", [1002, 1003], ports("?offset=1&limit=2"))
        expect("its total", 4, sessions(network, "?offset=1&limit=2")["total"])
        expect("a filter", [1001, 1003], ports("?filter=dst%20port%2053"))
        expect(
            "sums of a filter",
            (2, 60),
            tuple(map(sessions(network, "?filter=dst%20port%2053&limit=1")["sums"].get, ("sessions", "packets"))),
        )

        def groups(query):
            return [(row["name"], row["packets"]) for row in sessions(network, query)["groups"]]

        expect("by source", [("10.8.0.1", 70), ("10.8.0.2", 20), ("10.9.0.1", 10)], groups("?by=src"))
        expect("by network", [("10.8.0.0/16", 90), ("10.9.0.0/16", 10)], groups("?by=src%2F16"))
        expect("by port, by name", [("UDP 53", 60), ("UDP 80", 10), ("UDP 443", 30)], groups("?by=dport&sort=name"))
        table = network.nicsentry("sessions", "--by", "src", "--limit", 2).stdout.splitlines()
        expect(
            "table",
            ("SOURCE", "10.8.0.1", "10.8.0.2", "(1 more)"),
            (table[1].split()[0], *(line.split()[0] for line in table[2:4]), table[4]),
        )
        listed = json.loads(network.nicsentry("sessions", "--json", "--filter", "src net 10.9.0.0/16").stdout)
        expect("as JSON", [1004], [row["client_port"] for row in listed["sessions"]])
        watching.stop()


def refusals_case(directory):
    """A wrong query is refused with its fault."""
    with Network(directory) as network:
        watching = Controller(network, "--mode", "drv")
        for query, fault in (
            ("filter=tcp%20port", "filter: "),
            ("by=host", "by: read 'host'"),
            ("sort=name", "sort: read 'name'"),
            ("order=up", "order: read 'up'"),
            ("limit=0", "limit: read '0'"),
            ("page=2", "'page' is unknown"),
        ):
            answer = ask(network, "/api/v1/sessions?" + query)
            expect(query, (400, True), (answer.status, fault in answer.json()["detail"]))
        expect("since", 400, ask(network, "/api/v1/traffic?since=0").status)
        for words, fault in (
            (("--filter", "tcp port"), "--filter"),
            (("--by", "host"), "--by"),
            (("--sort", "name"), "--sort"),
            (("--limit", "0"), "--limit"),
        ):
            for command in ("sessions", "watch"):
                done = network.nicsentry(command, *words, check=False)
                expect(f"{command} {words}", (2, True), (done.returncode, fault in done.stderr))
        watching.stop()
        done = network.nicsentry("sessions", check=False)
        expect("without a run", 1, done.returncode)


def dropped_case(directory):
    """A session of which the firewall drops packets is marked."""
    with Peers(directory) as host:
        host.echo(host.receiver, 7777)
        watching = Controller(host, "--direction", "both", "--firewall")
        talk(host, 40000, 10)
        host.nicsentry("rules", "add", "drop", f"src={OUTSIDE}", "l4proto=UDP", "dport=9")
        for _ in range(3):
            host.ask(host.sender, INSIDE, 9, tries=1)
        within(
            10,
            "a dropped session",
            lambda: [True] == [row["dropped"] for row in sessions(host, "?filter=dst%20port%209&limit=1")["sessions"]],
        )
        expect("the other one", False, settled(host, 40000, 20)["dropped"])
        (group,) = sessions(host, "?by=dport&filter=dst%20port%209")["groups"]
        expect("groups", True, group["sessions_dropped"] >= 1)

        def dropped_in_samples():
            samples = ask(host, "/api/v1/traffic").json()["attachments"][0]["samples"]
            return sum(sample[3] for sample in samples)

        within(10, "the sample of the last second", lambda: dropped_in_samples() >= 3)
        expect("dropped packets of samples", 3, dropped_in_samples())
        watching.stop()


def traffic_case(directory):
    """Samples sum up to what was sent, and rates follow within two seconds in a long window."""
    with Network(directory) as network:
        watching = Controller(network, "--mode", "drv", window="600s")
        time.sleep(1.5)
        path, number = flows(pathlib.Path(directory) / "flows.pcap", {("10.8.0.1", 1001, 53): 3000})
        network.send(path, number, pps=1000)
        rate = find(sessions(network), 1001)["packets_per_second"]
        if not 500 <= rate <= 1100:
            raise Mismatch(f"expected about 1000 packets per second, seen {rate}")
        answer = {}

        def all_there():
            answer.update(ask(network, "/api/v1/traffic").json())
            return sum(sample[1] for sample in answer["attachments"][0]["samples"]) >= number

        within(10, "all packets in samples", all_there)
        attachment = answer["attachments"][0]
        expect(
            "attachment",
            ("right0", "xdp", "drv", "ingress"),
            tuple(map(attachment.get, ("interface", "hook", "mode", "direction"))),
        )
        samples = attachment["samples"]
        expect("packets", number, sum(sample[1] for sample in samples))
        expect("bytes", number * (HEADERS + 5), sum(sample[2] for sample in samples))
        expect("new sessions", 1, sum(sample[7] for sample in samples))
        gaps = [later[0] - earlier[0] for earlier, later in zip(samples, samples[1:])]
        expect(f"a sample a second ({gaps})", True, all(0.5 < gap < 2.5 for gap in gaps))
        recent = ask(network, "/api/v1/traffic?since=2").json()["attachments"][0]["samples"]
        expect("the last two seconds", True, 1 <= len(recent) <= 2)
        time.sleep(2.5)
        expect("silence", 0, find(sessions(network), 1001)["packets_per_second"])
        expect(
            "protocols",
            [("UDP", number)],
            [(row["protocol"], row["packets"]) for row in ask(network, "/api/v1/traffic").json()["protocols"]],
        )
        watching.stop()


def watch_case(directory):
    """A line a tick, as text and as JSON, over the end of windows."""
    with Peers(directory) as host:
        host.echo(host.receiver, 7777)
        watching = Controller(host, "--direction", "both", window="700ms")
        talk(host, 40000, 50)
        plain = host.nicsentry("watch", "--count", 2, "--every", "200ms").stdout.splitlines()
        expect("lines", 2, len(plain))
        expect(f"ports ({plain[0]})", True, "right0/xdp" in plain[0] and "right0/tc-egress" in plain[0])
        lines = [
            json.loads(line)
            for line in host.nicsentry(
                "watch", "--json", "--count", 4, "--every", "500ms", "--by", "proto"
            ).stdout.splitlines()
        ]
        expect("lines of JSON", 4, len(lines))
        expect("windows go on", True, lines[0]["window"] < lines[-1]["window"])
        expect("ports", ["xdp", "tc-egress"], [row["hook"] for row in lines[0]["attachments"]])
        watching.stop()


@slow
def table_case(directory):
    """65,536 sessions: how long an answer takes, and that `block` does not wait for one."""
    many = 65536
    with Network(directory) as network:
        watching = Controller(network, "--mode", "drv", "--firewall", "--sessions", many)
        path, number = flows(
            pathlib.Path(directory) / "many.pcap",
            {(f"10.{50 + one // 65536}.{one // 256 % 256}.{one % 256}", 2000, 53): 1 for one in range(60000)},
        )
        network.send(path, number, pps=10000)
        network.send(path, number, pps=10000)
        within(PATIENCE, "all sessions", lambda: sessions(network, "?limit=1")["total"] >= 55000)
        times, blocks = [], []
        for one in range(8):
            time.sleep(1.1)
            begin = time.monotonic()
            sessions(network, "?sort=bits")
            times.append(time.monotonic() - begin)
            begin = time.monotonic()
            network.nicsentry("block", f"203.0.113.{one}")
            blocks.append(time.monotonic() - begin)
        expect(f"block in time ({blocks})", True, max(blocks) < 2)
        expect(f"answers in time ({times})", True, max(times) < 2)
        watching.stop()
    return f"answers in {max(times) * 1000:.0f} ms at most, block in {max(blocks) * 1000:.0f} ms at most"


CASES: dict[str, Case] = {
    **{f"counts: mode {mode}": functools.partial(counts_case, mode=mode) for mode in ("drv", "tc")},
    "groups, filters, orders and pages": rows_case,
    "wrong queries": refusals_case,
    "dropped packets": dropped_case,
    "samples and rates": traffic_case,
    "watch": watch_case,
    "65,536 sessions": table_case,
}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
