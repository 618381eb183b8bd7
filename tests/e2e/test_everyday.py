#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Everyday tasks, a line each: what is to be done, the command, and what its answer has in it.

docs/everyday.md shows the same tasks with the same commands, which is checked, too. All commands run in one network:
a host with eth0, whose neighbour pings it all the time.

    test_everyday.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import gzip
import re
import subprocess
import sys
import time
import typing

import make_capture
from compare import PATIENCE, REPOSITORY, expect
from suite import Mismatch, run_directory_cases
from test_readme import CLIENT, WATCHED, Shell, Wire


class Line(typing.NamedTuple):
    task: str
    command: str
    wanted: tuple[str, ...]  # texts of standard output or standard error
    status: int = 0
    is_example: bool = True  # of the man page, too


WATCHING = (
    Line(
        "Watch a port for ten seconds",
        "nicsentry run -i eth0 --direction both --window 10s --windows 1",
        ("CLIENT ", " PKTS>SRV ", f"{CLIENT}  ", "eth0 tc-egress/tc: ", " packets/s, "),
    ),
    Line(
        "Who sends the most?",
        "nicsentry run -i eth0 --by src --window 10s --windows 1",
        (f" of 1 source, {CLIENT} with 100.0 % of their packets", "SOURCE "),
    ),
    Line(
        "Order the sessions by bytes",
        "nicsentry run -i eth0 --sort bytes --window 10s --windows 1",
        ("CLIENT ", f"{CLIENT}  "),
    ),
    Line(
        "Show one protocol, host or port",
        f"nicsentry run -i eth0 --filter 'icmp and src {CLIENT}' --window 10s --windows 1",
        (f"{CLIENT}  {WATCHED}  ICMP ",),
    ),
    Line(
        "Print sessions as JSON",
        "nicsentry run -i eth0 --window 1s --stream sessions -q | head -1",
        ('{"window":0,"session":0,', f'"client_ip":"{CLIENT}"', '"interfaces":"eth0"}'),
    ),
    Line(
        "Print the accounting of each window as JSON",
        "nicsentry run -i eth0 --window 1s --json -q | head -1",
        ('{"window":0,"start_ns":', '"packets_in":'),
    ),
    Line(
        "Write CSV of sessions, hosts and ports",
        "nicsentry run -i eth0 -q --format csv,hosts,ports -o out --window 10s --windows 1; tail -n 1 out/hosts.csv",
        (f",1,{CLIENT},1,0,", ",eth0\n"),
    ),
    Line("Why is nothing seen?", "nicsentry doctor -i eth0", ("ok   eth0 ", "up, ")),
    Line("Leave a program on the port", "nicsentry attach -i eth0", ("eth0: mode drv",)),
    Line("Take it off", "nicsentry detach -i eth0", ("eth0: detached from xdp",)),
    Line(
        "A port that does not exist",
        "nicsentry run -i eth9",
        ("ENODEV: ", "'eth9'", "interfaces here: lo, eth0; did you mean 'eth0'?"),
        status=1,
        is_example=False,
    ),
)
CAPTURES = (
    Line("Analyse a capture", "nicsentry replay capture.pcap", (" UTC, 10.000 s, ", " sessions, ", " windows\n")),
    Line(
        "The whole capture as one window",
        "nicsentry replay capture.pcap --window all --top 3",
        (" more sessions)", ", 1 window\n"),
    ),
    Line(
        "Several captures, also compressed, and directories",
        "nicsentry replay captures/ capture.pcap.gz --window all",
        ("103 sessions, 1066 packets, 1 window",),
    ),
    Line(
        "Read standard input",
        "zcat capture.pcap.gz | nicsentry replay - --window all",
        (", 1 window\n",),
    ),
    Line(
        "Who floods?",
        "nicsentry replay flood.pcap --window all --by src",
        (" of 1500 sources, none with more than 0.1 % of their packets",),
    ),
    Line(
        "Which networks?",
        "nicsentry replay flood.pcap --window all --by src/16/48",
        (" of 6 sources, 10.", ".0.0/16 with "),
    ),
    Line(
        "Which services, by name?",
        "nicsentry replay flood.pcap --window all --by dport --service-names",
        (" of 1 server port, TCP https with 100.0 % of their packets", "\nTCP https "),
    ),
    Line(
        "The largest talkers as a file",
        "nicsentry replay capture.pcap -q --window all --format hosts -o out --overwrite; head -n 2 out/hosts.csv",
        ("window,start_ns,end_ns,hosts,host_ip,", "\n0,1700000000123456000,"),
    ),
    Line(
        "Times of this machine",
        "TZ=Asia/Tokyo nicsentry replay capture.pcap --window all --local-time",
        ("window 0: 2023-11-15 07:13:20.123 to ", " JST, "),
    ),
    Line(
        "Keep VLANs apart",
        "nicsentry replay capture.pcap --window all --vlan --top 1000",
        (" vlan ",),
    ),
    Line(
        "How it ended, for a script",
        "nicsentry replay capture.pcap --json -q | tail -n 1",
        ('{"replay":{"packets":1056,', '"failures":[]}}'),
    ),
    Line(
        "What would my rules do to it?",
        "nicsentry rules explain --rules rules.json --summary flood.pcap",
        ("1500  drop     rule 1", "PACKETS"),
    ),
)
FIREWALL = (
    Line("Without a run", "nicsentry rules show", ("start one with: nicsentry run",), status=1, is_example=False),
    Line(
        "All mistakes of a file at once",
        "nicsentry rules check wrong.json",
        ("ingress.rules[0].src: ", "ingress.rules[1].dport: ", "ingress.rules[1].action: "),
        status=1,
        is_example=False,
    ),
    Line("Check a file of rules", "nicsentry rules check rules.json", ("ingress", "2 rules")),
    Line(
        "Take over the rules of nft or iptables",
        "nicsentry rules import rules.v4 > imported.json; nicsentry rules check imported.json",
        ("2 rules (ingress)",),
    ),
    Line("Watch with a firewall", "nicsentry run -i eth0 --direction both --state state -q &", ()),
    Line("Put the file in force", "nicsentry rules load rules.json", ("2 rules", "ingress on eth0/xdp")),
    Line("Load it again", "nicsentry rules load rules.json", ("2 rules",)),
    Line(
        "Add one rule, with a list of ports",
        "nicsentry rules add drop src=203.0.113.0/24 l4proto=TCP dport=22,80,8000-8100",
        ("+ ingress 2 {", "3 rules in force (ingress)"),
    ),
    Line(
        "Drop and log every tenth",
        "nicsentry rules add drop src=192.0.2.66 log=10",
        ("+ ingress 3 {", '"log": {"every": 10}'),
    ),
    Line(
        "Limit the queries of each source",
        "nicsentry rules add limit l4proto=UDP dport=53 rate=100/s burst=20 per=source",
        ("+ ingress 4 {", '"action": "limit"'),
    ),
    Line(
        "Drop by ICMP type, length, DSCP, TTL or VLAN",
        "nicsentry rules add drop l4proto=ICMP icmptype=redirect",
        ("+ ingress 5 {",),
    ),
    Line("Who is limited?", "nicsentry rules limits", ("ingress rule 4, 100/s per source: 0 packets dropped",)),
    Line(
        "Replace one at its place",
        "nicsentry rules update 3 drop src=192.0.2.66 log=100",
        ("~ ingress 3 {", '"log": {"every": 100}', "6 rules in force (ingress)"),
    ),
    Line("Insert one in front", "nicsentry rules insert accept src=203.0.113.7", ("+ ingress 0 {",)),
    Line(
        "What becomes of a packet, and why?",
        "nicsentry rules explain src=203.0.113.9 dport=8080",
        ("verdict    drop, by rule 3 of ingress",),
    ),
    Line("Delete one", "nicsentry rules delete 0", ("- ingress 0 {",)),
    Line(
        "How does a file differ from what is in force?", "nicsentry rules diff rules.json", ("- ingress 2 {",), status=1
    ),
    Line("How many packets each rule had", "nicsentry rules show --stats", ("PACKETS", "established")),
    Line("Save the rules", "nicsentry rules export > saved.json; head -n 3 saved.json", ('"version"',)),
    Line(
        "Drop by default, but take it back in a minute unless confirmed",
        "nicsentry rules default ingress drop --confirm 60s --yes",
        ("taken back after 60s unless confirmed",),
    ),
    Line("Confirm it", "nicsentry rules confirm", ("confirmed: ", " stays")),
    Line(
        "Block an address and a network for ten minutes",
        "nicsentry block 203.0.113.9 198.18.0.0/15 --for 10m",
        ("2 of 2 added",),
    ),
    Line("Block a list", "nicsentry block --file list.txt", ("3 of 3 added",)),
    Line("Never block one", "nicsentry sets add allowed 198.18.0.53", ("allowed: 1 of 1 added",)),
    Line("What is blocked, and how long?", "nicsentry sets list blocked", ("198.18.0.0/15",)),
    Line("Unblock", "nicsentry unblock 203.0.113.9", ("1 of 1 removed",)),
    Line("Unblock a list", "nicsentry unblock --file list.txt", ("blocked: ",)),
    Line("Unblock all", "nicsentry unblock --all", ("blocked: 0 entries",)),
    Line("Which connections are there?", "nicsentry connections", ("PROTO", CLIENT)),
    Line("What runs now?", "nicsentry sessions --sort bits", (", open for ", " bits/s\n")),
    Line("Who sends the most now?", "nicsentry sessions --by src --sort rate --limit 5", (", open for ", " source")),
    Line("Watch it, a line each second", "nicsentry watch --count 2", (" packets/s, ", "; eth0/xdp ")),
    Line("Remove all rules", "nicsentry rules flush", ("0 rules in force (ingress)",)),
)
RUNNING = (
    Line(
        "A port that is watched already",
        "nicsentry run -i eth0",
        ("EBUSY: eth0 is watched already by nicsentry, process ",),
        status=1,
        is_example=False,
    ),
    Line("What is on my ports?", "nicsentry status", ("eth0  xdp, mode drv: program 'sentry'",)),
    Line("End the window now", "nicsentry extract -i eth0", ("window",)),
    Line(
        "Go on in the files of the last run",
        "nicsentry replay capture.pcap -q --window all --format hosts -o out; tail -n 1 out/hosts.csv",
        ("1,1700000000123456000,",),
    ),
    Line("What help is there?", "nicsentry help", ("Topics: addresses, durations, fields, ",)),
    Line("Help for a command", "nicsentry help rules add", ("nicsentry rules add",)),
    Line("A word that is wrong", "nicsentry rules aply rules.json", ("apply",), status=2, is_example=False),
)
PARTS = {"Watching": WATCHING, "Captures": CAPTURES, "Firewall": FIREWALL, "Running": RUNNING}
RULES = """{"version": 1, "ingress": {"rules": [
  {"src": "198.51.100.0/24", "action": "accept"},
  {"src": "10.0.0.0/8", "l4proto": "TCP", "dport": 443, "action": "drop"}]}}
"""
WRONG = """{"version": 1, "ingress": {"rules": [
  {"src": "10.0.0.300", "action": "drop"},
  {"l4proto": "TCP", "dport": 99999, "action": "dorp"}]}}
"""
SAVED = """# Generated by iptables-save v1.8.9
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -s 203.0.113.0/24 -p tcp -m tcp --dport 1024:65535 -j DROP
-A INPUT -p udp -m hashlimit --hashlimit-above 100/sec --hashlimit-mode srcip --hashlimit-name q -j DROP
COMMIT
"""
LIST = "203.0.113.200\n# a comment\n198.18.4.0/22\n2001:db8:bad::/48\n"


class Host(Wire):
    """The host, its neighbour's pings, and the files that the commands name."""

    def __init__(self, directory):
        super().__init__(directory)
        files = self.directory
        make_capture.make(files / "capture.pcap")
        (files / "capture.pcap.gz").write_bytes(gzip.compress((files / "capture.pcap").read_bytes()))
        (files / "captures").mkdir()
        server = "192.0.2.80"
        packets = []
        for number in range(1500):
            source = f"10.{number // 256}.{number % 256}.7"
            segment = make_capture.tcp(source, server, 1024, 443, make_capture.SYN)
            packets.append(make_capture.ipv4(source, server, make_capture.TCP, segment))
        make_capture.write_ipv4(files / "flood.pcap", packets)
        make_capture.write_ipv4(files / "captures" / "ten.pcap", packets[:10])
        (files / "rules.json").write_text(RULES, encoding="utf-8")
        (files / "wrong.json").write_text(WRONG, encoding="utf-8")
        (files / "rules.v4").write_text(SAVED, encoding="utf-8")
        (files / "list.txt").write_text(LIST, encoding="utf-8")
        self.start(self.sender, "ping", "-n", "-q", "-i", "0.02", WATCHED, stdout=subprocess.DEVNULL)
        self.shell = Shell(self)

    def answer(self, line):
        """What a command prints, and its exit status."""
        # A user watches for ten seconds: here a part of one is enough.
        command = line.command.replace("--window 10s", "--window 200ms").replace("--window 1s", "--window 200ms")
        process = self.shell.start(command.removesuffix(" &"))
        if command.endswith(" &"):
            self.shell.wait_for_programs(process, command)
            self.shell.background.append(process)
            return "", 0
        return process.communicate(timeout=PATIENCE)[0], process.returncode

    def check(self, line):
        """Nothing, or what is wrong. A live window may end before a packet came: then the next one is looked at."""
        end = time.monotonic() + PATIENCE
        while True:
            text, status = self.answer(line)
            missing = [part for part in line.wanted if part not in text]
            if not missing and status == line.status:
                return []
            if "run -i eth0" not in line.command or status != line.status or time.monotonic() > end:
                return [f"\n{line.task}: {line.command}", f"  exit status {status}, missing {missing!r} in:", text]


def tasks_case(directory):
    """Each command answers as a user expects, in the order of the document."""
    wrong = []  # all of them: whoever mends it sees them in one run
    with Host(directory) as host:
        for line in (line for part in PARTS.values() for line in part):
            wrong += host.check(line)
        host.shell.finish()
        host.check_clean("eth0")
    if wrong:
        raise Mismatch("\n".join(wrong))
    return f"{sum(map(len, PARTS.values()))} commands"


def document_case(_):
    """docs/everyday.md has these tasks and commands, and no others."""
    shown: dict[str, list[tuple[str, str]]] = {}
    for text in (REPOSITORY / "docs" / "everyday.md").read_text(encoding="utf-8").splitlines():
        if text.startswith("## "):
            part = shown.setdefault(text.removeprefix("## "), [])
        elif found := re.fullmatch(r"\| (.+?) \| `(.+?)` \| (.+) \|", text):
            part.append((found[1], found[2].replace("\\|", "|")))
    expect(
        "tasks and commands of docs/everyday.md",
        {name: [(line.task, line.command) for line in lines] for name, lines in PARTS.items()},
        {name: rows for name, rows in shown.items() if rows},
    )
    manual = (REPOSITORY / "docs" / "nicsentry.8").read_text(encoding="utf-8")
    examples = manual[manual.index(".Sh EXAMPLES") :].split("\n.Sh ")[0].replace("\\-", "-").splitlines()
    lines = [text.removeprefix(".Dl ") for text in examples if text.startswith(".Dl ")]
    commands = [line.command for part in PARTS.values() for line in part if line.is_example]
    missing = [command for command in commands if command not in lines]
    expect("everyday commands that EXAMPLES of the man page does not have", [], missing)


def main():
    return run_directory_cases({"tasks": tasks_case, "documents": document_case})


if __name__ == "__main__":
    sys.exit(main())
