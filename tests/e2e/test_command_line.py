# SPDX-License-Identifier: GPL-2.0-only
"""What the command line takes and refuses: exit status 2 and the offending word, before anything is done.

Each refused line names a port or a capture that does not exist: had it been understood, it would end with status 1."""
import os
import re
import subprocess
import sys
import unittest

NICSENTRY = os.environ["NICSENTRY"]
COMMANDS = ("run", "replay", "attach", "detach", "status", "extract", "doctor")

REFUSED = (  # arguments, what the error names
    ("", "subcommand"),
    ("fly", "subcommand"),
    ("run", "--interface"),
    ("run -i none0 --mode native", "'native'"),
    ("run -i none0 --direction egress", "egress"),
    ("run -i none0 --profile miner", "'miner'"),
    ("run -i none0 --window 10x", "'10x'"),
    ("run -i none0 --window 0", "'0'"),
    ("run -i none0 --window -1s", "'-1s'"),
    ("run -i none0 --window 9ms", "'9ms'"),
    ("run -i none0 --windows -1", "--windows"),
    ("run -i none0 --windows many", "--windows"),
    ("run -i none0 --cap -1", "--cap"),
    ("run -i none0 --cap 1.5", "--cap"),
    ("run -i none0 --sessions 0", "--sessions"),
    ("run -i none0 --sessions 5000000000", "--sessions"),
    ("run -i none0 --format seed-json,xml", "'xml'"),
    ("run -i none0 --json --quiet", "--json"),
    ("run -i none0 --frobnicate", "--frobnicate"),
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
)

UNDERSTOOD = (  # arguments of lines that are right, and fail only for what they name
    "run -i none0",
    "run -i none0 -i none1 --mode tc --direction both --profile all --window 1.5m --windows 3 --cap 0",
    "run -i none0 --mode auto --sessions 1 --format seed-json,seed-csv --format csv,jsonl -o /none --top 0 --json",
    "run --interface none0 --window 10ms --quiet",
    "replay /none.pcap /none2.pcapng --window 1ms --cap 5 --sessions 10 -q",
    "attach -i none0 --mode skb --direction both --profile crypto --sessions 100",
    "detach -i none0 --mode auto",
    "extract -i none0 --json",
    "status -i none0 --json",
)


def call(arguments):
    return subprocess.run([NICSENTRY, *arguments.split()], capture_output=True, text=True, timeout=30)


class CommandLine(unittest.TestCase):
    def test_refused(self):
        for arguments, named in REFUSED:
            with self.subTest(arguments=arguments):
                done = call(arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertIn(named, done.stderr)

    def test_understood(self):
        for arguments in UNDERSTOOD:
            with self.subTest(arguments=arguments):
                done = call(arguments)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertRegex(done.stderr, r"/?none")

    def test_help_has_an_example_that_is_understood(self):
        self.assertTrue(all(name in call("--help").stdout for name in COMMANDS))
        for name in COMMANDS:
            with self.subTest(command=name):
                done = call(f"{name} --help")
                self.assertEqual(done.returncode, 0)
                examples = re.findall(rf"^  nicsentry ({name}\b.*)$", done.stdout, re.MULTILINE)
                self.assertTrue(examples, done.stdout)
                for example in examples:
                    if name == "doctor":  # it would look at this machine, and succeed
                        continue
                    nowhere = re.sub(r"\beth0\b", "none0", example).replace("capture.pcap", "/none.pcap")
                    self.assertEqual(call(nowhere).returncode, 1, nowhere)

    def test_version(self):
        done = call("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^\d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    sys.exit(unittest.main())
