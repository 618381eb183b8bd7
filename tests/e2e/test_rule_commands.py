#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One rule on the command line: added, inserted, moved and removed; what is wrong or cuts off is refused by name.

    test_rule_commands.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import sys

from compare import expect, expect_text
from network import Controller
from peers import INSIDE, OUTSIDE, STATEFUL, Peers
from suite import run_directory_cases


class Hands(Peers):
    """A protected host whose rules are changed one by one."""

    def rules_command(self, *words, check=True):
        return self.nicsentry("rules", *words, "-i", "right0", check=check)

    def chain(self, name="ingress"):
        """The destination port of each rule."""
        return [rule.get("dport") for rule in self.shown()[name]["rules"]]

    def packets(self):
        return [rule["packets"] for rule in self.shown()["ingress"]["rules"]]


def refused(host, named, *words):
    done = host.rules_command(*words, check=False)
    expect(f"exit status of {words}", 1, done.returncode)
    expect_text(f"words of {words}", named, done.stderr)
    return done


def daily_case(directory):
    """Each command says what it changed; a rule that is moved keeps its packets; the fetch follows the rules."""
    with Hands(directory) as host:
        watching = Controller(host, *STATEFUL)
        host.serve(host.receiver, 8080)
        url = f"http://{INSIDE}:8080/"
        done = host.rules_command("add", "count", "l4proto=tcp", "dport=8080")
        expect(
            "words of add",
            ['+ ingress 0 {"l4proto": "TCP", "dport": 8080, "action": "count"}', "1 rule in force (ingress)"],
            done.stdout.splitlines()[:2],
        )
        expect_text("where it is enforced", "enforced: ingress on right0/", done.stdout)
        expect("HTTP", True, host.fetch(host.sender, url))
        counted = host.packets()[0]
        expect("it has counted", True, counted > 0)

        host.rules_command(
            "insert", "drop", f"src={OUTSIDE},192.0.2.0/24", "l4proto=TCP", "dport=8080", "tcpflags=SYN,!ACK"
        )
        expect("HTTP that is dropped", False, host.fetch(host.sender, url))
        host.rules_command("insert", "1", "drop", "dport=9", "description=a b")
        expect("the chain", [8080, 9, 8080], host.chain())
        counted = host.packets()[2]
        done = host.rules_command("move", "2", "0")
        expect_text(
            "words of move", '> ingress 2 -> 0 {"l4proto": "TCP", "dport": 8080, "action": "count"}', done.stdout
        )
        expect("packets of the rule that was moved", counted, host.packets()[0])
        expect("its fields", "count", host.shown()["ingress"]["rules"][0]["action"])

        done = host.rules_command("delete", "drop", "dport=9")
        expect_text("words of delete", '- ingress 2 {"dport": 9, "action": "drop", "description": "a b"}', done.stdout)
        done = host.rules_command("delete", "1", "--json")
        answer = json.loads(done.stdout)
        expect(
            "what is removed",
            ["delete", OUTSIDE + "/32"],
            [answer["changes"][0]["operation"], answer["changes"][0]["rule"]["src"][0]],
        )
        expect("rules then", 1, answer["rules"])
        expect("HTTP again", True, host.fetch(host.sender, url))

        host.rules_command("add", "drop", "dport=7", "--egress")
        expect("the other chain", [7], host.chain("egress"))
        host.rules_command("add", "drop", "dport=9", "expires=1h")
        done = host.rules_command("flush")
        expect("words of flush", ["- ingress 2 rules", "0 rules in force (ingress)"], done.stdout.splitlines()[:2])
        expect("the chains", ([], [7]), (host.chain(), host.chain("egress")))
        watching.stop()
        host.check_clean()


def refused_case(directory):
    """Errors name the part; guards hold; rules that stand twice are named, by `apply`, too."""
    with Hands(directory) as host:
        watching = Controller(host, *STATEFUL)
        host.rules_command("add", "accept", "l4proto=ICMPv6")
        refused(host, 'src: read "@nobody", allowed is a set that exists', "add", "drop", "src=@nobody")
        refused(host, "id: read 1, allowed is a whole number from 0 to 0\n", "delete", "1")
        refused(host, "to: read 4, allowed is a whole number from 0 to 0\n", "move", "0", "4")
        refused(host, "no rule in the chain is exactly this one", "delete", "drop", "dport=1")
        refused(host, "in: allowed in the ingress chain only", "add", "drop", "in=right0", "--egress")
        done = refused(host, f"{INSIDE}, an address of this host", "add", "drop", f"src={INSIDE}")
        expect_text("what helps", "--yes", done.stderr)
        expect("after all of that", [None], host.chain())

        done = host.rules_command("insert", "drop", f"src={OUTSIDE}", "--yes", "--confirm", "2s")
        expect_text("words of --confirm", "taken back after 2s unless confirmed", done.stdout)
        expect("ping meanwhile", False, host.ping(host.sender, INSIDE, "-c", 2))
        watching.wait_for("was not confirmed; it is taken back")
        expect("the chain when it is taken back", [None], host.chain())

        done = host.rules_command("add", "accept", "l4proto=58", "description=again")
        expect_text("warning", "a rule stands in the chain twice now: 1 (as 0)", done.stderr)
        batch = {
            "rules": [
                {"operation": "append", "dport": 5},
                {"operation": "append", "l4proto": "ICMPv6", "action": "accept"},
            ]
        }
        path = host.directory / "batch.json"
        path.write_text(json.dumps(batch), encoding="utf-8")
        done = host.rules_command("apply", path)
        expect_text("warning of apply", "a rule stands in the chain twice now: 3 (as 0)", done.stderr)
        done = host.rules_command("apply", path)
        expect_text("warning of apply", "2 rules stand in the chain twice now: 4 (as 2), 5 (as 0)", done.stderr)
        watching.stop()
        host.check_clean()


if __name__ == "__main__":
    sys.exit(run_directory_cases({"daily": daily_case, "refused": refused_case}))
