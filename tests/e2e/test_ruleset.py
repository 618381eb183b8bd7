#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules as a file: what is loaded is in force, loading again doubles nothing, an export is a file again.

    test_ruleset.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import sys

from compare import expect, expect_text
from network import Controller
from peers import INSIDE, OUTSIDE, STATEFUL, Peers
from suite import run_directory_cases

NEIGHBOURS = {"l4proto": "ICMPv6", "action": "accept"}
WEB = {"l4proto": "TCP", "dport": 8080, "action": "accept"}
PING = {"src": "@testers", "l4proto": "ICMP", "action": "accept"}


class Files(Peers):
    """A protected host whose rules are a file."""

    def __init__(self, directory):
        super().__init__(directory)
        self.file = self.directory / "rules.json"

    def write(self, ruleset):
        self.file.write_text(json.dumps(ruleset), encoding="utf-8")

    def rules_command(self, *words, check=True):
        return self.nicsentry("rules", *words, "-i", "right0", check=check)

    def load(self, ruleset, *options, check=True):
        self.write(ruleset)
        return self.rules_command("load", self.file, *options, check=check)

    def diff(self, *options):
        return self.rules_command("diff", self.file, *options, check=False)

    def reaches(self):
        return self.ping(self.sender, INSIDE, "-c", 2)


def whole(default="drop", rules=(NEIGHBOURS, WEB, PING), testers=(OUTSIDE,)):
    return {"ingress": {"default": default, "rules": list(rules)}, "sets": {"testers": list(testers)}}


def daily_case(directory):
    """Load a file, edit it, see what would change, load it again; take it to another run."""
    with Files(directory) as host:
        state = host.directory / "state"
        watching = Controller(host, *STATEFUL, "--state", state)
        host.serve(host.receiver, 8080)
        host.nicsentry("sets", "add", "other", "192.0.2.1", "-i", "right0")
        done = host.load(whole())
        lines = done.stdout.splitlines()
        expect(
            "words of load",
            ["ingress: 3 rules in force (0 stayed, 3 new, 0 removed)", "set testers: 1 entry"],
            lines[:2],
        )
        expect("ping of a tester", True, host.reaches())
        expect("HTTP", True, host.fetch(host.sender, f"http://{INSIDE}:8080/"))
        expect("nothing differs", (0, ""), (host.diff().returncode, host.diff().stdout))
        expect_text("loaded again", "ingress: 3 rules in force, as before", host.load(whole()).stdout)

        pings = [rule["packets"] for rule in host.shown()["ingress"]["rules"]][2]
        expect("the rule for pings has counted", True, pings > 0)
        edited = whole(rules=(PING, NEIGHBOURS, {"dport": 53, "action": "drop"}), testers=("192.0.2.77",))
        host.write(edited)
        done = host.diff()
        expect("exit status of a diff", 1, done.returncode)
        expect(
            "words of a diff",
            [
                '- ingress 1 {"l4proto": "TCP", "dport": 8080, "action": "forward"}',
                '> ingress 2 -> 0 {"src": "@testers", "l4proto": "ICMP", "action": "forward"}',
                '+ ingress 2 {"dport": 53, "action": "drop"}',
                "~ set testers (entries: 1 added, 1 removed, 0 with another end)",
            ],
            done.stdout.splitlines(),
        )
        differences = json.loads(host.diff("--json").stdout)["differences"]
        expect("kinds", ["removed", "moved", "added", "changed"], [one["difference"] for one in differences])
        host.load(edited)
        expect("packets of the rule that stayed", pings, host.shown()["ingress"]["rules"][0]["packets"])
        expect("ping of who is no tester any more", False, host.reaches())
        expect("HTTP without its rule", False, host.fetch(host.sender, f"http://{INSIDE}:8080/"))
        expect(
            "a set that no file names",
            ["192.0.2.1"],
            host.nicsentry("sets", "list", "other", "-i", "right0").stdout.split(),
        )

        exported = host.rules_command("export").stdout
        host.file.write_text(exported, encoding="utf-8")
        expect("diff of an export", 0, host.diff().returncode)
        host.file.write_text(host.rules_command("show", "--json").stdout, encoding="utf-8")
        expect("diff of what is shown", 0, host.diff().returncode)
        host.file.write_text((state / "rules.json").read_text(encoding="utf-8"), encoding="utf-8")
        expect("diff of the state directory's file", 0, host.diff().returncode)
        expect("its load", 0, host.rules_command("load", host.file).returncode)
        watching.stop()

        host.file.write_text(exported, encoding="utf-8")
        again = Controller(host, *STATEFUL, "--rules", host.file)  # without the state directory
        expect("what another run has by the file", exported, host.rules_command("export").stdout)
        expect("ping by the default of the file", False, host.reaches())
        again.stop()
        host.check_clean()


def refused_case(directory):
    """What a file has wrong is told with its place; what would cut off is refused or taken back; nothing changes."""
    with Files(directory) as host:
        watching = Controller(host, *STATEFUL)
        host.load(whole(default="accept"))
        before = host.rules_command("export").stdout
        for ruleset, named in (
            ({"ingress": {"rules": [WEB, {"dprot": 1}]}}, "ingress.rules[1].dprot: unknown field"),
            ({"ingress": {"rules": [{"src": "@nobody"}]}, "sets": {"new": []}}, 'ingress.rules[0].src: read "@nobody"'),
            ({"rules": [{"operation": "append", **WEB}]}, "'nicsentry rules apply' takes"),
            ({"ingress": {"default": "drop", "rules": []}}, "IPv6 neighbour discovery on right0"),
        ):
            done = host.load(ruleset, check=False)
            expect(f"exit status of {named}", 1, done.returncode)
            expect_text("words", named, done.stderr)
        host.write({"rules": [WEB]})
        done = host.rules_command("apply", host.file, check=False)
        expect("exit status of apply of a ruleset", 1, done.returncode)
        expect_text("words", "'nicsentry rules load' takes", done.stderr)
        host.file.write_text("{", encoding="utf-8")
        expect("exit status of a diff of no JSON", 2, host.diff().returncode)
        expect("after all of that", before, host.rules_command("export").stdout)

        waiting = {"ingress": {"rules": [NEIGHBOURS]}}
        host.load(waiting, "--confirm", "1h")
        done = host.load(waiting, check=False)
        expect("exit status of the same ruleset while it waits", 1, done.returncode)
        expect_text("words", "waits to be confirmed", done.stderr)
        host.rules_command("revert")
        expect("after the revert", before, host.rules_command("export").stdout)

        changed = {"ingress": {"default": "drop", "rules": []}, "sets": {"testers": [], "new": ["192.0.2.1"]}}
        done = host.load(changed, "--yes", "--confirm", "2s")
        expect_text("words of --confirm", "taken back after 2s unless confirmed", done.stdout)
        expect("ping meanwhile", False, host.reaches())
        watching.wait_for("was not confirmed; it is taken back")
        expect("when it is taken back", before, host.rules_command("export").stdout)
        expect("ping then", True, host.reaches())
        watching.stop()
        host.check_clean()


if __name__ == "__main__":
    sys.exit(run_directory_cases({"daily": daily_case, "refused": refused_case}))
