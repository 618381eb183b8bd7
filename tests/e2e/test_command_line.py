# SPDX-License-Identifier: GPL-2.0-or-later
"""What the command line takes and refuses: exit status 2 and the offending word, before anything is done.

Each refused line names a port or a capture that does not exist: had it been understood, it would end with status 1."""
import itertools
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import unittest

from compare import BINARY
from suite import REPOSITORY, run_unittest_cases


REFUSED = (  # arguments, what the error names
    ("", "subcommand"),
    ("fly", "unknown command 'fly'"),
    ("--json", "--version"),
    ("run", "--interface"),
    ("run -i none0 -i none1 -i none0", "none0 is given twice"),
    ("run -i none0 icmp", "did you mean --filter 'icmp'? nicsentry run --help"),
    ("run -i none0 not port 22 --window 1s", "did you mean --filter 'not port 22'?"),
    ("run -i none0 none1", "'none1' is not expected here; nicsentry run --help"),
    ("run none0", "'none0' is not expected here; did you mean 'run -i none0'? nicsentry run --help"),
    ("attach none0 --mode drv", "did you mean 'attach -i none0'?"),
    ("rules move 3 0 1", "'1' is not expected here; nicsentry rules move --help"),
    ("rules show none0", "did you mean 'rules show -i none0'? nicsentry rules show --help"),
    ("rules export -i none0 now", "'now' is not expected here; nicsentry rules export --help"),
    ("-V", "unknown option '-V'; did you mean '--version'? nicsentry --help"),
    ("-v", "did you mean '--version'?"),
    ("-A INPUT -s 10.0.0.1 -j DROP", "unknown option '-A'; did you mean 'rules add'? nicsentry --help"),
    ("-L", "did you mean 'rules show'?"),
    ("-i none0 run", "unknown option '-i'; did you mean 'run -i'? nicsentry --help"),
    ("rules -L", "unknown option '-L'; did you mean 'show'? nicsentry rules --help"),
    ("rules -A INPUT -j DROP", "did you mean 'add'? nicsentry rules --help"),
    ("rules add drop -s 10.0.0.1", "unknown option '-s'; did you mean 'src'?"),
    ("run -x", "unknown option '-x'; nicsentry run --help"),
    ("allow 10.0.0.1", "did you mean 'sets add allowed'?"),
    ("run -i none0 --mode xdp", "did you mean 'drv' or 'skb'?"),
    ("run -i none0 --mode offload", "did you mean 'hw'?"),
    ("detach -i none0 --mode dvr", "did you mean 'drv'?"),
    ("run -i none0 --by port", "did you mean 'dport'?"),
    ("replay /none.pcap --by destination", "did you mean 'dst'?"),
    ("run -i none0 --format josnl", "did you mean 'jsonl'?"),
    ("run -i none0 --dispatcher=2", "--dispatcher takes no value"),
    ("run -i none0 --listen localhost:9443 --open-read", "allowed is ADDRESS:PORT"),
    ("run -i none0 --listen 127.0.0.1:9443", "--listen: nobody could ask"),
    ("run -i none0 --open-read", "are for --listen"),
    ("run -i none0 --listen 0.0.0.0:9443 --token-file /none", "beyond the loopback interface"),
    ("run -i none0 --listen 127.0.0.1:1 --open-read --tls-key /none", "belong together"),
    ("run -i none0 --mode native", "'native'"),
    ("run -i none0 --direction egress", "egress"),
    ("run -i none0 --profile miner", "'miner'"),
    ("run -i none0 --window 10x", "'10x'"),
    ("run -i none0 --window 0", "'0'"),
    ("run -i none0 --window -1s", "'-1s'"),
    ("run -i none0 --window 9ms", "'9ms'"),
    ("run -i none0 --windows -1", "--windows"),
    ("run -i none0 --windows many", "--windows"),
    ("run -i none0 --windows 1.5", "'1.5': allowed is a whole number from 0"),
    ("run -i none0 --windows 99999999999999999999", "allowed is a whole number from 0"),
    ("run -i none0 --top -1", "allowed is a whole number from 0 to 4294967295"),
    ("run -i none0 --cap -1", "--cap"),
    ("run -i none0 --cap 1.5", "--cap"),
    ("run -i none0 --sessions 0", "--sessions"),
    ("run -i none0 --sessions 5000000000", "--sessions"),
    ("run -i none0 --format seed-json,xml", "'xml'"),
    ("run -i none0 --window all", "'all'"),
    ("run -i none0 -o -", "--stream"),
    ("run -i none0 --stream flows", "'flows'"),
    ("run -i none0 --stream sessions --json", "--json"),
    ("run -i none0 --seed-csv-files -1", "--seed-csv-files"),
    ("replay /none.pcap --format jsonl -o -", "'-' is no directory"),
    ("replay /none.pcap --json --stream windows", "--stream"),
    ("run -i none0 --frobnicate", "--frobnicate"),
    ("serve", "--polycube"),
    ("serve --polycube 9000", "'9000'"),
    ("serve --polycube localhost:9000", "'localhost:9000'"),
    ("serve --polycube 127.0.0.1:70000", "'127.0.0.1:70000'"),
    ("serve --polycube 127.0.0.1:9000 --allow-user nobody-here", "nobody-here"),
    ("replay", "CAPTURE"),
    ("replay /none.pcap --window 0.0001", "'0.0001'"),
    ("replay /none.pcap --mode drv", "--mode"),
    ("replay /none.pcap --sessions 0", "--sessions"),
    ("replay /none.pcap --top few", "--top"),
    ("replay /none.pcap --top -1", "--top"),
    ("attach", "--interface"),
    ("attach -i none0 --mode native", "'native'"),
    ("attach -i none0 --direction out", "out"),
    ("attach -i none0 --profile miner", "'miner'"),
    ("attach -i none0 --sessions 0", "--sessions"),
    ("detach", "--interface"),
    ("detach -i none0 --mode native", "'native'"),
    ("extract", "--interface"),
    ("status --xml", "--xml"),
    ("programs", "subcommand"),
    ("programs lint", "OBJECT"),
    ("programs lint /none.o --mtu small", "--mtu"),
    ("up", "PORT"),
    ("up none0 --online --direction both", "--online"),
    ("up none0 --direction out", "'out'"),
    ("down", "PORT"),
    ("config", "subcommand"),
    ("config show --xml", "--xml"),
    ("run -i none0 --rotate soon", "'soon'"),
    ("run -i none0 --keep 10mb", "or a size, as 100MB or 10GB"),
    ("run -i none0 --keep 1kB", "allowed is from 64KiB"),
    ("run -i none0 --keep 7d", "add --rotate"),
    ("run -i none0 --compress lz4", "'lz4'"),
    ("run -i none0 --compress zstd", "add --rotate or --keep"),
    ("run -i none0 --log-format xml", "'xml'"),
    ("run -i none0 --config /none.conf", "ENOENT: reading the configuration /none.conf"),
    ("rules", "subcommand"),
    ("rules fly", "unknown command 'fly'"),
    ("rules show --json --stats", "--json"),
    ("rules apply", "FILE"),
    ("rules apply /none.json --confirm soon", '\'soon\': allowed is a duration ("90s", "10m"'),
    ("run -i none0 --window 10q", '\'10q\': allowed is a duration ("90s", "10m"'),
    ("rules load", "FILE"),
    ("rules load /none.json --confirm soon", "soon"),
    ("rules diff", "FILE"),
    ("rules diff /none.json --yes", "--yes"),
    ("rules export now", "now"),
    ("rules confirm now", "now"),
    ("rules revert --yes", "--yes"),
    ("rules apply /none.json --ingress", "--ingress"),
    ("rules check", "FILE"),
    ("rules check /none.json -i none0", "-i"),
    ("rules default -i none0", "CHAIN"),
    ("rules default forward drop -i none0", "forward"),
    ("rules default ingress -i none0", "ACTION"),
    ("rules default ingress reject -i none0", "'reject': allowed is drop or accept; did you mean 'drop'?"),
    ("rules default INPUT drop -i none0", "did you mean 'ingress'?"),
    ("rules list", "unknown command 'list'; did you mean 'show'? nicsentry rules --help"),
    ("rules rm 3", "did you mean 'delete'?"),
    ("sets del scanners", "did you mean 'remove'?"),
    ("rules add drop --dport 22", "unknown option '--dport'; did you mean 'dport'?"),
    ("rules explain saddr=10.0.0.1", "did you mean 'src'?"),
    ("rules accept-established egress maybe -i none0", "maybe"),
    ("rules unjudged ingress accept -i none0", "accept"),
    ("rules non-ip ingress -i none0", "TYPE"),
    ("rules reset-counters now -i none0", "now"),
    ("rules explain fragment=later dport=80 -i none0", "fragment=later"),
    ("rules explain 203.0.113.7 -i none0", "allowed is src=203.0.113.7 or dst=203.0.113.7, or a capture file"),
    ("rules explain dport=80 2001:db8::7 -i none0", "src=2001:db8::7 or dst=2001:db8::7"),
    ("rules add -i none0", "RULE"),
    ("rules add src=10.0.0.1 -i none0", "action: missing, allowed is drop, accept, log, count or limit"),
    ("rules add drop dprot=22 -i none0", "did you mean 'dport'?"),
    ("rules add drop dport=http -i none0", 'dport: read "http"'),
    ("rules add drop 10.0.0.1 -i none0", "src=10.0.0.1 or dst=10.0.0.1"),
    ("rules add drop egress -i none0", "--egress"),
    ("rules insert 3 -i none0", "action: missing"),
    ("rules insert here drop -i none0", '"here"'),
    ("rules delete -i none0", "RULE"),
    ("rules delete 3 4 -i none0", '"3"'),
    ("rules delete foo -i none0", "\"foo\": allowed is the rule's id, a number as 'nicsentry rules show' has it, or"),
    ("rules delete all -i none0", "did you mean 'rules flush'?"),
    ("rules move 3 -i none0", "TO"),
    ("rules move 3 end -i none0", "end"),
    ("rules import", "FILE"),
    ("rules import /none.json --egress", "--egress"),
    ("rules flush now -i none0", "now"),
    ("rules flush --confirm soon", "soon"),
    ("sets", "subcommand"),
    ("sets list no/name -i none0", "no/name"),
    ("sets add scanners -i none0", "ENTRY"),
    ("sets add scanners 10.0.0.256 -i none0", "10.0.0.256"),
    ("sets add scanners 10.0.0.1 --for ever -i none0", "'ever'"),
    ("sets add @scanners 10.0.0.1 -i none0", "@scanners"),
    ("sets remove -i none0", "NAME"),
    ("sets remove scanners 10.0.0.0/33 -i none0", "10.0.0.0/33"),
    ("sets load scanners -i none0", "FILE"),
    ("block -i none0", "ADDRESS"),
    ("block 10.0.0.9-10.0.0.1 -i none0", "10.0.0.9-10.0.0.1"),
    ("block 10.0.0.1 --for 0 -i none0", "'0'"),
    ("block 10.0.0.1 --for 400d -i none0", "'400d'"),
    ("unblock somebody -i none0", "somebody"),
    ("unblock 10.0.0.1 --for 1m -i none0", "--for"),
    ("unblock -i none0", "ADDRESS: give addresses, --file FILE, or --all"),
    ("unblock --all --file /none -i none0", "ADDRESS: give addresses, --file FILE, or --all"),
    ("connections --xml", "--xml"),
    ("sessions --by some", "some"),
    ("sessions --sort name", "name"),
    ("sessions --limit 1001", "1001"),
    ("watch --every 10ms", "10ms"),
    ("watch --filter port -i none0", "port"),
    ("programs check", "FILE"),
    ("programs check /none.json --mode fast", "fast"),
    ("programs check /none.json --direction up", "up"),
    ("programs check /none.json --log loud", "loud"),
    ("programs format", "FILE"),
    ("programs load /none.json", "interface"),
    ("programs load -i none0", "FILE"),
    ("programs load -i none0 /none.json --mode fast", "fast"),
    ("programs load -i none0 /none.json --priority 0", "0"),
    ("programs show", "NAME"),
    ("programs unload --json", "NAME"),
    ("programs list all", "all"),
    ("help fly", "unknown command 'fly'; nicsentry --help lists them"),
    ("help filters", "unknown command 'filters'; did you mean 'filter'? nicsentry --help lists them"),
    ("help rules aply", "unknown command 'aply'; did you mean 'apply'? nicsentry rules --help"),
    ("rn", "unknown command 'rn'; did you mean 'run'? nicsentry --help"),
    ("rules shwo --json", "unknown command 'shwo'; did you mean 'show'? nicsentry rules --help"),
    ("run --interfce none0", "unknown option '--interfce'; did you mean '--interface'? nicsentry run --help"),
    ("run -i none0 --windwo=1s", "unknown option '--windwo'; did you mean '--window'? nicsentry run --help"),
    ("block --fle /none", "unknown option '--fle'; did you mean '--file'? nicsentry block --help"),
)

UNDERSTOOD = (  # arguments of lines that are right, and fail only for what they name
    "programs lint /none.o --section xdp --firmware nic --mtu 9000 --no-kernel --json",
    "rules confirm -i none0",
    "rules revert --json -i none0",
    "rules default ingress drop --yes --confirm 60s -i none0",
    "run -i none0",
    "run -i none0 -i none1 --mode tc --direction both --profile all --window 1.5m --windows 3 --cap 0",
    "run -i none0 --mode auto --sessions 1 --format seed-json,seed-csv --format csv,jsonl -o /none --top 0 --json",
    "run --interface none0 --window 10ms --quiet",
    "run -i none0 --rotate 1h,100MB --keep 7d --keep 10GB --compress zstd --format csv -o /none",
    "run -i none0 --log-format plain",
    "up none0 --online",
    "up none0 --direction ingress --config /none --state /none --log-file /none",
    "down none0",
    "config check /none.conf",
    "config show --config /none.conf -i none0 --json",
    "run --interface none0 --stream sessions --format csv --overwrite",
    "replay /none.pcap",
    "replay /none.pcap --stream packets -q --seed-csv-files 0",
    "replay /none.pcap /none2.pcapng --window 1ms --cap 5 --sessions 10 -q",
    "attach -i none0 --mode skb --direction both --profile crypto --sessions 100",
    "detach -i none0 --mode auto",
    "extract -i none0 --json",
    "status -i none0 --json",
    "rules show -i none0",
    "rules show --stats --interface none0",
    "rules apply /none.json --egress -i none0",
    "rules check /none.json --egress",
    "rules default egress accept -i none0",
    "rules accept-established ingress off -i none0",
    "rules unjudged egress pass -i none0",
    "rules non-ip ingress ARP LLDP 0x8864 -i none0",
    "rules reset-counters -i none0",
    "rules add drop src=10.0.0.0/8,@bad,!10.1.0.0/16 L4Proto=tcp dport=22 expires=10m --egress --json -i none0",
    "rules insert accept --yes --confirm 60s -i none0",
    "rules insert 3 count tcpflags=SYN,!ACK -i none0",
    "rules delete 3 -i none0",
    "rules delete drop src=10.0.0.1 --egress -i none0",
    "rules move 3 0 -i none0",
    "rules flush --egress --json -i none0",
    "sets list -i none0",
    "sets list blocked --json -i none0",
    "sets add scanners 10.0.0.1 10.0.0.150/24 10.0.0.1-10.0.0.9 2001:db8::/32 --for 1h30m -i none0",
    "sets remove scanners -i none0",
    "sets remove scanners 10.0.0.1 2001:db8::1 -i none0",
    "sets load scanners /none.netset",
    "block 10.0.0.1 2001:db8::/32 --for 10m -i none0",
    "unblock 10.0.0.1 -i none0",
    "unblock --file /none.netset --skip-invalid -i none0",
    "connections --json -i none0",
    "sessions --json -i none0 --filter tcp --by src/24 --sort sessions --limit 5",
    "watch --json -i none0 --sort bits --every 500ms --count 3",
    "programs check /none.json --mode skb --direction ingress --log warn -o /none --json",
    "programs check /none.c",
    "programs format /none.c --lines",
    "run -i none0 --listen 127.0.0.1:9443 --listen [::1]:9443 --open-read --host a.example --host b",
    "run -i none0 --listen 0.0.0.0:1 --token-file /none --tls-cert /none --tls-key /none --insecure",
    "programs load -i none0 /none.json --name a --mode drv --direction ingress --priority 7 --log err --json",
)


def commands():
    """The names that `nicsentry --help` lists as subcommands."""
    listed = call("--help").stdout.split("Subcommands:\n")[1]
    return re.findall(r"^  ([a-z]+) {2,}\S", listed, re.MULTILINE)


def call(arguments, text_in="", **environment):
    return subprocess.run(
        [BINARY, *(arguments.split() if isinstance(arguments, str) else arguments)],
        input=text_in,
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, **environment},
    )


def check(*rules, options=""):
    """`rules check` of a batch that appends these rules."""
    batch = {"rules": [{"operation": "append", **rule} for rule in rules]}
    return call(f"rules check - {options}", json.dumps(batch))


class CommandLine(unittest.TestCase):
    def test_wrong_lines_are_refused(self):
        for arguments, named in REFUSED:
            with self.subTest(arguments=arguments):
                done = call(arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertTrue(done.stderr.startswith("nicsentry: error: "), done.stderr)
                self.assertIn(named, done.stderr)

    def test_every_entry_that_is_none_is_named(self):
        for command in ("sets add x", "sets remove x", "block", "unblock"):
            with self.subTest(command=command):
                done = call(f"{command} foo 10.1.2.3 bar -i none0")
                self.assertEqual(done.returncode, 2, done.stderr)
                for wrong in ("foo", "bar"):
                    self.assertIn(f'"{wrong}"', done.stderr)
                self.assertNotIn("10.1.2.3", done.stderr)

    def test_right_lines_are_understood(self):
        for arguments in UNDERSTOOD:
            with self.subTest(arguments=arguments):
                done = call(arguments)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertRegex(done.stderr, r"/?none")

    def test_a_capture_that_is_not_there_has_no_table(self):
        done = call("rules explain --rules - /none.pcap", '{"rules": []}')
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertIn("/none.pcap", done.stderr)

    def test_rules_of_other_firewalls_are_imported(self):
        for text, how in (
            ("flush ruleset\ntable inet filter {\n}\n", "nft -j list ruleset | nicsentry rules import -"),
            ("#!/usr/sbin/nft -f\n\nadd table inet filter\n", "nft -j list ruleset | nicsentry rules import -"),
            ('{ "nftables": [{"metainfo": {}}]}', "nicsentry rules import -"),
            ("# Generated by iptables-save\n*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n", "nicsentry rules import -"),
            ("-P INPUT ACCEPT\n-A INPUT -j DROP\n", "iptables-save | nicsentry rules import -"),
        ):
            for command in ("check", "apply", "load", "diff"):
                with self.subTest(text=text, command=command):
                    done = call(f"rules {command} -", text)
                    self.assertNotEqual(done.returncode, 0, done.stdout)
                    self.assertIn(f"make a ruleset of them: {how} > rules.json\n", done.stderr)

    def test_a_time_zone_that_there_is_not_is_told(self):
        line = "replay /none.pcap --local-time"
        said = call(line, TZ="Europe/Berlni").stderr
        self.assertIn("warning: --local-time: TZ is 'Europe/Berlni', no time zone of ", said)
        self.assertNotIn("--local-time", call("replay /none.pcap", TZ="Europe/Berlni").stderr)
        self.assertNotIn("--local-time", call(line, TZ="CET-1CEST").stderr)

    def test_commands_that_hints_name_exist(self):
        """Each word of another tool that is answered with a command."""
        table = (REPOSITORY / "host" / "cli" / "other_commands.cpp").read_text(encoding="utf-8")
        hints = re.findall(r'{"(nicsentry[ a-z]*)", "(\S+)", "([^"]+)"}', table)
        self.assertLess(60, len(hints))
        for line, theirs, ours in hints:
            with self.subTest(line=line, theirs=theirs):
                done = call([*line.split()[1:], theirs])
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertIn(f"'{theirs}'; did you mean '{ours}'? {line} --help", done.stderr)
                words = [*line.split()[1:], *ours.split()]
                shown = call(
                    [*itertools.takewhile(lambda word: word not in ("-i", "--interface", "allowed"), words), "--help"]
                )
                self.assertEqual(shown.returncode, 0, shown.stderr)

    def test_files_need_a_format(self):
        for line in ("run -i none0 -o /none", "replay /none.pcap -o /none -q"):
            with self.subTest(line=line):
                self.assertIn("--output: no files are written without --format", call(line).stderr)
                self.assertNotIn("--output", call(f"{line} --format csv").stderr)

    def test_rules_of_nft_have_another_form(self):
        done = call("rules import -", "table inet filter {\n}\n")
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertIn("this is nft's text, allowed is its JSON: nft -j list ruleset", done.stderr)

    def test_help_has_an_example_that_is_understood(self):
        names = commands()
        for name in ("run", "replay", "rules", "block", "doctor"):  # the list is read as it should be
            self.assertIn(name, names)
        for name in names:
            with self.subTest(command=name):
                done = call(f"{name} --help")
                self.assertEqual(done.returncode, 0)
                examples = re.findall(rf"^  nicsentry ({name}\b.*)$", done.stdout, re.MULTILINE)
                self.assertTrue(examples, done.stdout)
                for example in examples:
                    # These would look at this machine and succeed, answer until a signal, or print help.
                    if example == "doctor" or example.startswith(("serve ", "help ")):
                        continue
                    nowhere = re.sub(r"\beth0\b", "none0", example).replace("capture.pcap", "/none.pcap")
                    self.assertEqual(call(shlex.split(nowhere)).returncode, 1, nowhere)

    def test_help_of_a_command(self):
        for words in ("run", "rules", "rules apply"):
            with self.subTest(words=words):
                done = call(f"help {words}")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(f"Usage: nicsentry {words} ", done.stdout)
                self.assertEqual(done.stdout, call(f"{words} --help").stdout)
        self.assertEqual(call("help").stdout, call("--help").stdout)

    def test_help_of_a_topic(self):
        topics = re.search(r"^Topics: (.*)\.$", call("help --help").stdout, re.MULTILINE)[1].split(", ")
        for topic in topics:
            with self.subTest(topic=topic):
                done = call(f"help {topic}")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertLessEqual(max(map(len, done.stdout.splitlines())), 120)
        fields = re.search(r"^Fields: (.*)\.$", call("rules add --help").stdout, re.MULTILINE)[1].split(", ")
        told = call("help fields").stdout
        self.assertEqual([field for field in fields if not re.search(rf"^  (\w+, )*{field}\b", told, re.MULTILINE)], [])

    def test_output_that_cannot_be_written_is_an_error(self):
        for words in ("--version", "help run", "rules check -"):
            with self.subTest(words=words), open("/dev/full", "wb") as full:
                done = subprocess.run(
                    [BINARY, *words.split()], input=b'{"rules": []}', stdout=full, stderr=subprocess.PIPE, check=False
                )
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(b"writing to standard output", done.stderr)

    def test_every_command_has_a_refused_and_an_understood_line(self):
        def first_words(lines):
            return {line.split()[0] for line in lines if line}

        commands_here = set(commands())
        without_arguments = {"doctor"}
        self.assertEqual(commands_here - first_words(line for line, _ in REFUSED) - without_arguments, set())
        self.assertEqual(commands_here - first_words(UNDERSTOOD) - without_arguments - {"serve", "help"}, set())

    def test_version(self):
        done = call("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(
            done.stdout,
            r"^nicsentry \d+\.\d+\.\d+ \((g[0-9a-f]{7,}|commit unknown), program ABI \d+, state format \d+, "
            r"libbpf \d+\.\d+\)\n$",
        )

    def test_version_as_json(self):
        for line in ("--version --json", "--json --version"):
            with self.subTest(line=line):
                done = call(line)
                self.assertEqual(done.returncode, 0, done.stderr)
                said = json.loads(done.stdout)
                self.assertEqual(list(said), ["version", "commit", "program_abi", "state_format", "libbpf"])
                self.assertEqual(call("--version").stdout.split()[1], said["version"])
                self.assertIsInstance(said["program_abi"], int)
                self.assertIsInstance(said["state_format"], int)


# As bash calls it: COMP_WORDS are split at characters of COMP_WORDBREAKS.
BASH = """
. "$1"
COMP_WORDBREAKS=' =:@' COMP_LINE=$2; shift 2
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
compopt() { :; }
_nicsentry "$1"
printf '%s\n' "${COMPREPLY[@]}"
"""
ZSH = """
script=$1; shift
compadd() { print -l -- "${(@P)argv[-1]}" }
_files() { print FILES }
complete_words() { local -a words=("$@"); local CURRENT=$#; . $script }
complete_words "$@"
"""


class Completion(unittest.TestCase):
    """What the shells' scripts offer behind some words, of which the last one has begun."""

    OFFERED: tuple[tuple[tuple[str, ...], list[str]], ...] = (
        (("ru",), ["rules", "run"]),
        (("rules", "ap"), ["apply"]),
        (("rules", "apply", "--ing"), []),
        (("rules", "add", "dr"), ["drop"]),
        (("rules", "insert", "0", "drop", "s"), ["sport=", "src="]),
        (("rules", "delete", "drop", "ex"), ["expires="]),
        (("run", "--wind"), ["--window", "--windows"]),
        (("run", "-i", "lo"), ["lo"]),
        (("run", "--interface", "lo", "--direction", ""), ["both", "ingress"]),
        (("replay", "capt"), []),  # files
        (("run", "--mode", ""), ["auto", "drv", "hw", "skb", "tc"]),
        (("run", "--mode=s"), ["--mode=skb"]),
        (("replay", "a.pcap", "--format", "csv,s"), ["csv,seed-csv", "csv,seed-json"]),
        (
            ("replay", "a.pcap", "--format", "csv,seed-csv,hosts,"),
            [f"csv,seed-csv,hosts,{one}" for one in ("hosts-jsonl", "jsonl", "ports", "ports-jsonl", "seed-json")],
        ),
        (("run", "-i", "lo", "--timeouts", "udp=30s,udp"), ["udp=30s,udp_stream="]),
        (("run", "-i", "lo", "--sort", "d"), ["dropped", "duration"]),
        (("run", "-i", "lo", "--sort=bytes-to-"), ["--sort=bytes-to-client", "--sort=bytes-to-server"]),
        (("run", "-i", "lo", "--by", "src", "--sort", "s"), ["sessions"]),
        (("run", "-i", "lo", "--sort", "s"), ["server", "sessions"]),
        (("rules", "default", "in"), ["ingress"]),
        (("rules", "default", "ingress", ""), ["accept", "drop"]),
        (("rules", "unjudged", "egress", "p"), ["pass"]),
        (("rules", "add", "drop", "l4proto=t"), ["l4proto=tcp"]),
        (
            ("rules", "add", "drop", "l4proto=UDP,I"),
            ["l4proto=UDP,ICMP", "l4proto=UDP,ICMPv6", "l4proto=UDP,IGMP", "l4proto=UDP,IPIP"],
        ),
        (("rules", "add", "drop", "tcpflags=SYN,!A"), ["tcpflags=SYN,!ACK"]),
        (("rules", "add", "drop", "in=l"), ["in=lo"]),
        (("rules", "add", "drop", "src=@"), []),  # no run answers
        (("rules", "explain", "fragment=l"), ["fragment=later"]),
        (("sets", "list", ""), []),
        (("unblock", ""), []),
        (("rules", "move", ""), []),
        (("programs", "lint", "--firmware", ""), []),
        (("help", "rules", "ap"), ["apply"]),
        (("help", "f"), ["fields", "filter"]),
    )

    def offered(self, shell, script, words):
        line = [*shell, str(REPOSITORY / "scripts" / "completion" / script), *words]
        with tempfile.TemporaryDirectory() as nobody:
            environment = {**os.environ, "NICSENTRY_RUNTIME_DIR": nobody}
            done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True, env=environment)
        self.assertEqual(done.stderr, "")
        return [line for line in done.stdout.splitlines() if line and line != "FILES"]

    def offered_by_bash(self, words):
        """What it replaces is what stands behind the last character that splits words."""
        split = [piece for word in words for piece in re.findall(r"[=:@]+|[^=:@]+", word) or [""]]
        kept = re.match(r"(.*[=:@])?", words[-1])[0]
        line = " ".join((BINARY, *words))
        found = self.offered(["bash", "-c", BASH, "bash"], "nicsentry.bash", (line, BINARY, *split))
        return [kept + one for one in found]

    def test_bash(self):
        for words, wanted in self.OFFERED:
            with self.subTest(words=words):
                self.assertEqual(self.offered_by_bash(words), wanted)

    def test_zsh(self):
        for words, wanted in self.OFFERED:
            with self.subTest(words=words):
                found = self.offered(["zsh", "-f", "-c", ZSH, "zsh"], "_nicsentry", (BINARY, *words))
                self.assertEqual(found, wanted)

    def test_what_is_offered_is_understood(self):
        for line in (
            "run -i none0 --mode",
            "run -i none0 --format",
            "run -i none0 --by",
            "run -i none0 --profile",
            "run -i none0 --stream",
            "run -i none0 --by src --sort",
            "rules default -i none0 ingress",
            "rules accept-established -i none0 ingress",
        ):
            offered = call(["complete", "--", *line.split(), ""]).stdout.split()
            self.assertLess(1, len(offered), line)
            for value in offered:
                with self.subTest(line=line, value=value):
                    self.assertEqual(call(f"{line} {value}").returncode, 1)

    def test_all_commands_are_offered(self):
        self.assertEqual(call("complete -- ").stdout.split(), sorted(commands()))


class RulesCheck(unittest.TestCase):
    def test_sizes_are_told_beside_the_room(self):
        done = check({"src": "10.0.0.0/8", "action": "drop"}, {"src": "2001:db8::/32", "dst": "@office"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith("2 rules (ingress)\n"), done.stdout)
        for what in ("match rows", "range-search trees", "bit vectors", "actions"):
            sizes = re.search(rf"{what} +(\d+) of +(\d+)$", done.stdout, re.MULTILINE)
            self.assertTrue(sizes, done.stdout)
            self.assertLess(0, int(sizes[1]))
            self.assertLess(int(sizes[1]), int(sizes[2]))
        self.assertNotIn("hidden", done.stdout)
        self.assertNotIn("redundant", done.stdout)

    def test_rules_that_no_packet_reaches_are_named(self):
        done = check(
            {"src": "10.0.0.0/8", "action": "drop"},
            {"src": "10.1.0.0/16", "action": "accept"},
            {"src": "10.2.0.0/16", "dport": 80, "action": "drop"},
            options="--egress",
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith("3 rules (egress)\n"), done.stdout)
        self.assertIn("rule 1 is hidden: rule 0 ", done.stdout)
        self.assertIn("rule 2 is redundant: rule 0 ", done.stdout)

    def test_limits_without_effect_are_named(self):
        limit = {"src": "10.1.0.0/16", "action": "limit", "rate": "100/s", "burst": 20, "per": "source"}
        for rules, named in (
            (({"src": "10.0.0.0/8", "action": "accept"}, limit), "rule 1 is hidden: rule 0 "),
            ((limit, limit), "rule 1 is redundant: rule 0 limits "),
            (({**limit, "src": "10.0.0.0/8"}, {**limit, "rate": "6001/m"}), "rule 1 is redundant: rule 0 limits "),
            (({**limit, "per": "rule"}, {**limit, "rate": "101/s"}), "rule 1 is redundant: rule 0 limits "),
            (({**limit, "per": "source/56"}, limit), "rule 1 is redundant: rule 0 limits "),
            (({**limit, "conntrack": "NEW"}, {"src": "10.0.0.0/8"}), "rule 0 is redundant: rule 1 drops "),
            # Each of these has an effect.
            ((limit, {**limit, "per": "rule"}), None),
            ((limit, {**limit, "rate": "99/s"}), None),
            ((limit, {**limit, "burst": 19}), None),
            ((limit, {**limit, "per": "source/56"}), None),
            ((limit, {**limit, "per": "destination"}), None),
            ((limit, {**limit, "rate": "1Mbit/s", "burst": "64kB"}), None),
            ((limit, {**limit, "src": "10.0.0.0/8"}), None),
            ((limit, {"src": "10.0.0.0/8"}), None),  # what is established passes
            (({**limit, "conntrack": "NEW", "log": True}, {"src": "10.0.0.0/8"}), None),
            (({**limit, "conntrack": "NEW"}, {"src": "10.1.2.0/24", "action": "accept"}, {"src": "10.0.0.0/8"}), None),
            (({"src": "10.0.0.0/8", "action": "count"}, limit), None),
        ):
            with self.subTest(rules=rules):
                done = check(*rules)
                self.assertEqual(done.returncode, 0, done.stderr)
                if named is None:
                    self.assertNotRegex(done.stdout, "hidden|redundant")
                else:
                    self.assertIn(named, done.stdout)
        ruleset = {"ingress": {"default": "drop", "rules": [{**limit, "conntrack": "NEW"}]}}
        done = call("rules check -", json.dumps(ruleset))
        self.assertIn("rule 0 is redundant: the default drops ", done.stdout)
        done = call("rules check - --json", json.dumps(ruleset))
        self.assertEqual(
            json.loads(done.stdout)["ingress"]["hidden"],
            [{"rule": 0, "by": None, "same_action": True, "why": "dropped"}],
        )

    def test_every_error_of_a_batch_is_told(self):
        done = check({"dport": 70000}, {"action": "drop"}, {"l4proto": "TPC", "conntrack": "OLD"})
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "")
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 3, done.stderr)
        for line, named in zip(
            lines,
            (
                ("rule 1 (append): dport: ", "70000"),
                ("rule 3 (append): l4proto: ", "TPC"),
                ("rule 3 (append): conntrack: ", "OLD"),
            ),
        ):
            for part in named:
                self.assertIn(part, line)

    def test_keys_that_are_there_twice_are_named(self):
        done = call(
            "rules check -",
            '{"rules": [{"operation": "append"}, {"operation": "append", "src": "10.0.0.1", "src": "10.0.0.2"}]}',
        )
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn('rules, number 2: "src": read twice', done.stderr)

    def test_a_batch_that_is_nested_deep_is_refused(self):
        for depth in (100, 200_000):
            with self.subTest(depth=depth):
                done = call("rules check -", '{"rules":' + "[" * depth + "]" * depth + "}")
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn("nested more than 64 levels deep", done.stderr)

    def test_a_file_of_chains_holds_nothing_else(self):
        append = '[{"operation": "append", "dport": 9}]'
        for rules, named in (
            ("[]", "egres: unknown field, allowed are version, ingress, egress, sets"),
            (append, "unknown key 'egres'; only ingress and egress are allowed"),
        ):
            with self.subTest(rules=rules):
                done = call("run -i none0 --rules -", f'{{"ingress": {{"rules": {rules}}}, "egres": {{"rules": []}}}}')
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(named, done.stderr)

    def test_each_kind_of_file_has_its_command(self):
        rules = '{"rules": [{"dport": 9}, {"lenght": 3}]}'
        done = call("rules check -", rules)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("rules[1].lenght: unknown field", done.stderr)
        done = call("rules check -", '{"egress": {"rules": [{"dport": 9}]}, "ingress": {"rules": []}}')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("0 rules (ingress)", done.stdout)
        self.assertIn("1 rule (egress)", done.stdout)
        done = call("rules load --egress -", '{"ingress": {"rules": []}}')
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("the file names its chains", done.stderr)
        self.assertEqual(call("rules diff /none.json", "").returncode, 2)

    def test_sizes_as_json(self):
        done = call(
            "rules check - --json", '{"ingress": {"rules": [{"dport": 9}, {"dport": 9}]}, "egress": {"rules": []}}'
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual([answer[chain]["rules"] for chain in ("ingress", "egress")], [2, 0])
        self.assertEqual(answer["ingress"]["hidden"], [{"rule": 1, "by": 0, "same_action": True, "why": "decided"}])
        self.assertLessEqual(answer["ingress"]["rows"], answer["ingress"]["rows_room"])

    def test_what_is_no_batch_is_refused(self):
        for text, named in (
            ("{", "reading -: not JSON: line 1, column 2: read the end, allowed is a name in double quotes"),
            ('{"rules":\n  [{"dport": 9,}]}', 'line 2, column 16: read "}", allowed is a name in double quotes'),
            ("[3]", "a list"),
            ('{"rules": 3}', "3"),
            ("", "not JSON: it is empty"),
        ):
            with self.subTest(text=text):
                done = call("rules check -", text)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(named, done.stderr)


class FindController(unittest.TestCase):
    def test_lists_of_addresses_are_read_before_anybody_is_asked(self):
        done = call("sets load scanners -", "10.0.0.1\n\n10.0.0.300 # comment\n", NICSENTRY_RUNTIME_DIR="/proc/none")
        self.assertEqual(done.returncode, 1)
        self.assertIn("line 3: ", done.stderr)
        self.assertIn("10.0.0.300", done.stderr)

    def test_without_a_controller_it_is_said_how_to_start_one(self):
        with tempfile.TemporaryDirectory() as directory:
            done = call("rules show", NICSENTRY_RUNTIME_DIR=directory)
            self.assertEqual(done.returncode, 1)
            self.assertIn("nicsentry run -i", done.stderr)

    def test_several_controllers_are_named_but_not_dead_ones(self):
        with tempfile.TemporaryDirectory() as directory:
            listening = []
            for pid in (11, 22, 33):
                listening.append(socket.socket(socket.AF_UNIX))
                listening[-1].bind(f"{directory}/controller-{pid}.sock")
                listening[-1].listen()
            listening.pop().close()  # its file stays, as that of a killed controller
            gone = subprocess.Popen(["/bin/true"])  # its pid is nobody's for a while
            gone.wait()
            for pid in (1, gone.pid):
                with socket.socket(socket.AF_UNIX) as dead:
                    dead.bind(f"{directory}/controller-{pid}.sock")
            done = call("connections", NICSENTRY_RUNTIME_DIR=directory)
            for one in listening:
                one.close()
            left = os.listdir(directory)
            self.assertEqual(len(left), 5, left)  # looking changes nothing
        self.assertEqual(done.returncode, 1)
        self.assertIn("process 11, process 22;", done.stderr)
        self.assertNotIn("33", done.stderr)
        self.assertIn("-i", done.stderr)


def main():
    return run_unittest_cases(CommandLine, Completion, RulesCheck, FindController)


if __name__ == "__main__":
    sys.exit(main())
