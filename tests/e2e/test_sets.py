#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sets of addresses on the command line: lists as they are published, ends of entries, what is exempt."""
import re
import json
import sys

from compare import expect, expect_text
from network import Controller
from peers import INSIDE, OUTSIDE, STATEFUL, Peers
from suite import run_directory_cases

LISTS = {
    "dshield": "# block list\nStart\tEnd\tNetmask\tAttacks\n203.0.113.0\t203.0.113.255\t24\t1234\tname\n",
    "ipset": "create bl hash:net family inet hashsize 1024 maxelem 65536\nadd bl 203.0.113.0/24\n"
    "add bl 198.51.100.7 timeout 86390\n",
    "netmask": "203.0.113.0/255.255.255.0\n",
    "p2p": "Some Org:203.0.113.0-203.0.113.255\n",
    "spamhaus": '{"cidr":"203.0.113.0/24","sblid":"SBL1","rir":"arin"}\n{"type":"metadata","timestamp":1}\n',
    "mapped": "::ffff:203.0.113.7\n",
}


def content(peers, name):
    """The entries of a set; of one that ends without the time."""
    lines = peers.nicsentry("sets", "list", name, "-i", "right0").stdout.splitlines()
    return [re.sub(r"# for \d+s more", "ends", line) for line in lines]


def load(peers, name, text, *options):
    path = peers.directory / "list"
    path.write_text(text)
    return peers.nicsentry("sets", "load", name, path, *options, "-i", "right0", check=False)


def lists_case(directory):
    """Each kind of list is read as it is; a wrong line or an empty list changes nothing, unless that is asked for."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL)
        for name, text in LISTS.items():
            done = load(peers, name, text)
            expect(f"exit status of loading {name}: {done.stderr}", 0, done.returncode)
        expect("dshield", ["203.0.113.0/24"], content(peers, "dshield"))
        expect("ipset", ["198.51.100.7  ends", "203.0.113.0/24"], content(peers, "ipset"))
        expect("netmask", ["203.0.113.0/24"], content(peers, "netmask"))
        expect("p2p", ["203.0.113.0/24"], content(peers, "p2p"))
        expect("spamhaus", ["203.0.113.0/24"], content(peers, "spamhaus"))
        expect("mapped", ["203.0.113.7"], content(peers, "mapped"))

        bad = "942.180.233.122\n203.0.113.9\n"
        done = load(peers, "p2p", bad)
        expect("exit status with a wrong line", 1, done.returncode)
        expect_text("words of a wrong line", 'line 1: read "942.180.233.122" (no address)', done.stderr)
        expect("the set after it", ["203.0.113.0/24"], content(peers, "p2p"))
        done = load(peers, "p2p", bad, "--skip-invalid")
        expect("exit status with the line left out", 0, done.returncode)
        expect_text("words of the line left out", 'line 1: read "942.180.233.122" (no address)', done.stderr)
        expect("the set with the rest", ["203.0.113.9"], content(peers, "p2p"))
        done = load(peers, "p2p", "<html>\n", "--skip-invalid")
        expect("exit status with wrong lines alone", 1, done.returncode)
        expect("the set after wrong lines alone", ["203.0.113.9"], content(peers, "p2p"))

        peers.rules([{"operation": "append", "src": "@p2p", "action": "drop"}])
        done = load(peers, "p2p", "")
        expect("exit status with an empty list", 1, done.returncode)
        expect_text("words of an empty list", "a rule names it; to empty it all the same: --allow-empty", done.stderr)
        expect("the set after an empty list", ["203.0.113.9"], content(peers, "p2p"))
        expect("exit status with --allow-empty", 0, load(peers, "p2p", "", "--allow-empty").returncode)
        expect("the emptied set", [], content(peers, "p2p"))
        watching.stop()
        peers.check_clean()


def blocks_case(directory):
    """The later end of a block holds; an allowed address is not blocked; a list is blocked and let through again."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL)

        def block(*words):
            return peers.nicsentry("block", *words, "-i", "right0", check=False)

        expect("ping", True, peers.ping(peers.sender, INSIDE, "-c", 2))
        block(OUTSIDE)
        expect("ping of a blocked address", False, peers.ping(peers.sender, INSIDE, "-c", 2))
        done = block(OUTSIDE, "--for", "10m")
        expect("exit status of a shorter block", 0, done.returncode)
        words = f"1 entry keeps its later end: {OUTSIDE} never; to end it as asked: --shorten"
        expect_text("words of a shorter block", words, done.stderr)
        expect_text("words of a shorter block", "blocked: 0 of 1 added, it was there already (", done.stdout)
        expect("the entry after it", [OUTSIDE], content(peers, "blocked"))
        done = block(OUTSIDE, "--for", "10m", "--shorten")
        expect_text("words of --shorten", f"1 entry got another end; the end before was: {OUTSIDE} never", done.stdout)
        expect("the entry after it", [f"{OUTSIDE}  ends"], content(peers, "blocked"))
        expect_text("words of a longer block", f"before was: {OUTSIDE} in ", block(OUTSIDE).stdout)
        expect("the entry after it", [OUTSIDE], content(peers, "blocked"))

        peers.nicsentry("sets", "add", "allowed", OUTSIDE, "-i", "right0")
        expect("ping of an allowed address", True, peers.ping(peers.sender, INSIDE, "-c", 2))
        expect_text("words of a block of it", f"{OUTSIDE} is in the set 'allowed' too", block(OUTSIDE).stderr)
        explained = peers.nicsentry("rules", "explain", f"src={OUTSIDE}", "-i", "right0").stdout
        expect_text("explained", f"{OUTSIDE} is in the set, but in 'allowed' too", explained)
        peers.nicsentry("sets", "remove", "allowed", OUTSIDE, "-i", "right0")
        expect("ping of one that is not allowed any more", False, peers.ping(peers.sender, INSIDE, "-c", 2))

        unknown = peers.nicsentry("unblock", "192.0.2.99", "-i", "right0", check=False)
        expect("unblock of what is not blocked", (1, ""), (unknown.returncode, unknown.stdout))
        expect_text("its words", "error: 192.0.2.99 is not in the set 'blocked'", unknown.stderr)
        one = load(peers, "single", "198.51.100.9\n")
        expect("words of a set of one", "single: 1 entry", one.stdout.splitlines()[0])
        path = peers.directory / "list"
        path.write_text(LISTS["ipset"])
        expect("exit status of block --file", 0, block("--file", path).returncode)
        expect("blocked", [OUTSIDE, "198.51.100.7  ends", "203.0.113.0/24"], content(peers, "blocked"))
        expect("exit status of block without an address", 2, block().returncode)
        covered = block("203.0.113.9", "198.51.100.0/24").stdout
        expect_text("words of what a prefix covers", "203.0.113.9 was covered by 203.0.113.0/24 before\n", covered)
        expect_text("words of what covers others", "198.51.100.0/24 covers 1 entry, which stays too\n", covered)
        names = peers.nicsentry("complete", "--", "sets", "list", "-i", "right0", "").stdout.split()
        expect("names of sets that a shell completes", ["allowed", "blocked", "single"], names)
        words = peers.nicsentry("complete", "--", "rules", "add", "drop", "-i", "right0", "src=!@b").stdout
        expect("words of rules that it completes", "src=!@blocked\n", words)
        unknown = peers.nicsentry("sets", "list", "blokced", "-i", "right0", check=False)
        expect_text("words of a set that does not exist", "; did you mean 'blocked'?", unknown.stderr)
        entries = peers.nicsentry("complete", "--", "unblock", "-i", "right0", "198.51.100.").stdout.split()
        expect("blocked entries that it completes", ["198.51.100.0/24", "198.51.100.7"], entries)
        entries = peers.nicsentry("complete", "--", "sets", "remove", "-i", "right0", "single", "").stdout
        expect("entries of a set that it completes", "198.51.100.9\n", entries)

        path.write_text("203.0.113.0/24  # ours\nno address  # as it stands\n")
        refused = peers.nicsentry("unblock", "--file", path, "-i", "right0", check=False)
        expect("exit status of unblock --file with a wrong line", 1, refused.returncode)
        expect_text("words of a wrong line", 'line 2: read "no address  # as it stands" (', refused.stderr)
        blocked = [OUTSIDE, "198.51.100.0/24", "198.51.100.7  ends", "203.0.113.0/24", "203.0.113.9"]
        expect("blocked after it", blocked, content(peers, "blocked"))
        unblocked = peers.nicsentry("unblock", "--file", path, "--skip-invalid", "-i", "right0")
        expect("words of unblock --file", "blocked: 1 of 1 removed", unblocked.stdout.splitlines()[0])
        blocked.remove("203.0.113.0/24")
        expect("blocked after it", blocked, content(peers, "blocked"))
        unblocked = peers.nicsentry("unblock", "--all", "-i", "right0")
        expect("words of unblock --all", "blocked: 0 entries", unblocked.stdout.splitlines()[0])
        expect("blocked", [], content(peers, "blocked"))
        empty = peers.nicsentry("sets", "list", "blocked", "-i", "right0")
        expect("output of an empty set", "", empty.stdout)
        expect_text("words of an empty set", "info: the set 'blocked' is empty", empty.stderr)
        empty = peers.nicsentry("sets", "list", "blocked", "--json", "-i", "right0")
        expect("an empty set as JSON", ([], ""), (json.loads(empty.stdout)["entries"], empty.stderr))
        expect("ping after it", True, peers.ping(peers.sender, INSIDE, "-c", 2))
        watching.stop()
        peers.check_clean()


def json_case(directory):
    """Each command that changes anything answers with one object, which has where the chains are enforced."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL)
        batch = peers.directory / "batch.json"
        batch.write_text('{"rules": [{"operation": "append", "dport": 9, "action": "drop"}]}', encoding="utf-8")
        ruleset = peers.directory / "ruleset.json"
        ruleset.write_text('{"ingress": {"rules": []}, "sets": {"some": ["192.0.2.1"]}}', encoding="utf-8")
        entries = peers.directory / "list"
        entries.write_text("192.0.2.4\n", encoding="utf-8")
        places = {"ingress": [{"plane": "right0/xdp"}], "egress": [{"plane": "right0/tc-egress"}]}
        for words, more in (
            (("block", "192.0.2.3"), {"changed": 1}),
            (("unblock", "192.0.2.3"), {"changed": 1, "missing": []}),
            (("unblock", "--all"), {"entries": 0}),
            (("sets", "add", "others", "192.0.2.2"), {"changed": 1}),
            (("sets", "remove", "others", "192.0.2.2"), {"changed": 1}),
            (("sets", "remove", "others"), {}),
            (("sets", "load", "others", entries), {"entries": 1}),
            (("rules", "apply", batch), {"rules": 1}),
            (("rules", "load", ruleset), {"sets": [{"name": "some", "entries": 1, "changed": True}]}),
            (("rules", "default", "egress", "accept"), {}),
            (("rules", "accept-established", "ingress", "off"), {}),
            (("rules", "unjudged", "ingress", "pass"), {}),
            (("rules", "non-ip", "ingress", "all"), {}),
            (("rules", "reset-counters"), {}),
            (("rules", "apply", batch, "--confirm", "10m"), {"unconfirmed": {"seconds": 600.0}}),
            (("rules", "confirm"), {"confirmed": "the change of the ingress chain"}),
            (("rules", "unjudged", "ingress", "drop", "--confirm", "10m"), {"unconfirmed": {"seconds": 600.0}}),
            (("rules", "revert"), {"reverted": "the change of the ingress chain"}),
        ):
            done = peers.nicsentry(*words, "--json", "-i", "right0")
            answer = json.loads(done.stdout)
            expect(f"{words}, enforced", places, answer["enforced"])
            expect(f"{words}", more, {name: answer.get(name) for name in more})
        unknown = peers.nicsentry("unblock", "192.0.2.99", "--json", "-i", "right0", check=False)
        expect("unblock of what is not blocked", 1, unknown.returncode)
        expect("its answer", (0, ["192.0.2.99"]), tuple(json.loads(unknown.stdout)[n] for n in ("changed", "missing")))
        watching.stop()
        peers.check_clean()


if __name__ == "__main__":
    sys.exit(run_directory_cases({"lists": lists_case, "blocks": blocks_case, "answers in JSON": json_case}))
