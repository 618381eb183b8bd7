#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that drop and log, and that log one of so many packets; sessions of which packets were dropped are marked.

    test_log.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import collections
import json
import re
import sys

from compare import PATIENCE, expect
from network import Controller
from peers import INSIDE, OUTSIDE, Peers
from suite import run_directory_cases, within

PACKETS = 20  # to each port
RULES = [
    {"l4proto": "UDP", "dport": 1000, "action": "drop", "log": True, "description": "all of them"},
    {"l4proto": "UDP", "dport": 1001, "action": "drop", "log": {"every": 8}},
    {"l4proto": "UDP", "dport": 1002, "action": "accept", "log": {"every": 3}},
    {"l4proto": "UDP", "dport": 1003, "action": "log"},
    {"l4proto": "UDP", "dport": 1004, "action": "drop"},
    {"l4proto": "UDP", "dport": 1005, "action": "accept"},
    {"l4proto": "UDP", "dport": "1000-1009", "action": "count"},
]
EGRESS = [{"operation": "append", "l4proto": "UDP", "dport": 2000, "action": "drop", "log": True}]
PORTS = range(1000, 1007)
# One session to each port: packets of a port follow each other.
SEND = """
import socket, sys
for port in map(int, sys.argv[3:]):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", port + 40000))
    for _ in range(int(sys.argv[2])):
        s.sendto(b"packet", (sys.argv[1], port))
"""


def send(peers, namespace, to, count, ports):
    peers.inside(namespace, sys.executable, "-c", SEND, to, count, *ports)


def first_match(port):
    """The rule that decides, its verdict, and one of how many of its packets is logged (0: none)."""
    for number, rule in enumerate(RULES):
        first, *last = map(int, str(rule["dport"]).split("-"))
        if first <= port <= (last or [first])[0] and rule["action"] != "count":
            log = rule.get("log", rule["action"] == "log")
            every = log["every"] if isinstance(log, dict) else int(log)
            return number, "drop" if rule["action"] == "drop" else "accept", every
    return None, "accept", 0


def records_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def start(peers, records, **options):
    rules = peers.directory / "rules.json"
    rules.write_text(json.dumps({"rules": RULES}), encoding="utf-8")
    egress = peers.directory / "egress.json"
    egress.write_text(json.dumps({"rules": EGRESS}), encoding="utf-8")
    both = ("--mode", "drv", "--direction", "both")
    given = ("--rules", rules, "--egress-rules", egress, "--log", records, "--top", 50)
    return Controller(peers, *both, *given, window="1h", **options)


def check_records(records):
    by_port = collections.defaultdict(list)
    for record in records:
        by_port[record["destination_port"]].append(record)
    for port in PORTS:
        number, verdict, every = first_match(port)
        wanted = -(-PACKETS // every) if every else 0  # the first one, then one of every so many
        seen = by_port[port]
        expect(f"records of port {port}", wanted, len(seen))
        for record in seen:
            expect(f"port {port}, rule", number, record["rule"])
            expect(f"port {port}, verdict", verdict, record["verdict"])
            expect(f"port {port}, every", every if every > 1 else None, record.get("every"))
            expect(f"port {port}, source", (OUTSIDE, port + 40000), (record["source"], record["source_port"]))
    expect("description", {"all of them"}, {record.get("description") for record in by_port[1000]})


def check_marks(output, table):
    """In the files and in the table: of each session of the test, whether packets were dropped."""
    wanted = {port: first_match(port)[1] == "drop" for port in PORTS} | {2000: True}
    rows = [json.loads(line) for line in (output / "sessions.jsonl").read_text(encoding="utf-8").splitlines()]
    ports = [{row["client_port"], row["server_port"]} for row in rows]
    marked = {min(both): row["dropped"] for row, both in zip(rows, ports) if row["protocol"] == "UDP"}
    expect("marks in sessions.jsonl", wanted, marked)
    lines = re.findall(r":(\d+) +(\S+):(\d+) +UDP( dropped)? ", table)
    expect("marks in the table", wanted, {min(int(a), int(b)): mark != "" for a, _, b, mark in lines})


def records_case(directory):
    """Each record is one of a naive first match; what sampling leaves out can be told from the records."""
    with Peers(directory) as peers:
        records = peers.directory / "records"
        table = peers.directory / "table"
        with open(table, "w", encoding="utf-8") as printed:
            watching = start(peers, records, stdout=printed)
            before = peers.udp_arrived()
            send(peers, peers.sender, INSIDE, PACKETS, PORTS)
            send(peers, peers.receiver, OUTSIDE, 3, [2000])
            wanted = sum(-(-PACKETS // every) for _, _, every in map(first_match, PORTS) if every) + 3
            within(PATIENCE, f"{wanted} records", lambda: records.read_text(encoding="utf-8").count("\n") >= wanted)
            passed = PACKETS * sum(first_match(port)[1] == "accept" for port in PORTS)
            within(PATIENCE, f"{passed} packets that pass", lambda: peers.udp_arrived() - before >= passed)
            shown = peers.shown()["ingress"]["rules"]
            counted = {rule["id"]: rule["packets"] for rule in shown}
            expect("packets of rule 0, all in the log", PACKETS, counted[0])
            expect("the rules' form", [True, {"every": 8}, {"every": 3}, None], [rule.get("log") for rule in shown[:4]])
            expect("accept with log", "log", shown[2]["action"])
            expect("packets that passed", passed, peers.udp_arrived() - before)
            output = watching.stop()
        seen = records_of(records)
        expect("records", wanted, len(seen))
        leaving = [record for record in seen if record["hook"] == "tc-egress"]
        expect("records of egress", [("drop", 0)] * 3, [(record["verdict"], record["rule"]) for record in leaving])
        check_records([record for record in seen if record["hook"] == "xdp"])
        check_marks(output, table.read_text(encoding="utf-8"))
        peers.check_clean()


def ruleset_case(directory):
    """A ruleset has the field; a rule that logs otherwise is another rule."""
    with Peers(directory) as peers:
        watching = start(peers, peers.directory / "records")
        exported = peers.nicsentry("rules", "export", "-i", "right0").stdout
        ruleset = json.loads(exported)
        logs = [rule.get("log") for rule in ruleset["ingress"]["rules"]]
        expect("exported", [rule.get("log") for rule in RULES[:2]], logs[:2])
        path = peers.directory / "exported.json"
        path.write_text(exported, encoding="utf-8")
        expect("differences of an export", 0, peers.nicsentry("rules", "diff", path, "-i", "right0").returncode)
        ruleset["ingress"]["rules"][0]["log"] = {"every": 2}
        path.write_text(json.dumps(ruleset), encoding="utf-8")
        differs = peers.nicsentry("rules", "diff", path, "-i", "right0", check=False)
        expect("exit status of another sampling", 1, differs.returncode)
        lines = differs.stdout.splitlines()
        expect("differences of another sampling", ["-", "+"], [line[0] for line in lines])
        expect("the rule in it", 1, lines[1].count('"action": "drop", "log": {"every": 2}'))
        deleted = [{"operation": "delete", **RULES[0]}]
        refused = peers.rules([{"operation": "delete", **{**RULES[0], "log": False}}], check=False)
        expect("exit status, the rule without its log", False, refused.returncode == 0)
        peers.rules(deleted)
        expect("rules behind", len(RULES) - 1, len(peers.shown()["ingress"]["rules"]))
        watching.stop()
        peers.check_clean()


def later_case(directory):
    """A session whose packets are dropped from some moment on is marked; in a window without drops it is not."""
    with Peers(directory) as peers:
        watching = Controller(peers, "--mode", "drv", "--firewall", window="1h")
        sessions = watching.output / "sessions.jsonl"
        send(peers, peers.sender, INSIDE, 1, [1000, 1001])
        peers.rules([{"operation": "append", "l4proto": "UDP", "dport": 1001, "action": "drop"}])
        before = peers.shown()["ingress"]["rules"][0]["packets"]
        send(peers, peers.sender, INSIDE, 1, [1000, 1001])
        expect("dropped", 1, peers.shown()["ingress"]["rules"][0]["packets"] - before)
        watching.stop()
        rows = [json.loads(line) for line in sessions.read_text(encoding="utf-8").splitlines()]
        asked = [row for row in rows if row["protocol"] == "UDP"]
        marks = {row["server_port"]: (row["packets_client"], row["dropped"]) for row in asked}
        expect("packets and marks", {1000: (2, False), 1001: (2, True)}, marks)
        peers.check_clean()


if __name__ == "__main__":
    sys.exit(
        run_directory_cases({"records": records_case, "rulesets": ruleset_case, "a drop that begins later": later_case})
    )
