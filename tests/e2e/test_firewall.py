#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The firewall between real peers: a protected host (the receiving namespace) and everybody else (the sending one)."""
import json
import re
import signal
import socket
import subprocess
import sys
import time

from compare import BINARY, PATIENCE, expect, expect_text, read_windows
from network import Controller, run
from peers import EXAMPLE_BATCH, FLOOD, INSIDE, INSIDE6, NEIGHBOURS, OUTSIDE, OUTSIDE6, STATEFUL, Peers
from suite import Mismatch, run_directory_cases

NO_EGRESS = "no program of this run enforces the egress chain (run with --direction both)"
ONE_WAY = "only what comes in is seen: answers to what this host begins count as NEW; run with --direction both"


def default_drop_case(directory):
    """What begins inside is answered; what begins outside is not, but for what a rule lets in."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL)
        for server in (peers.sender, peers.receiver):
            peers.serve(server, 8080)
            peers.echo(server, 5300)
        peers.rules(NEIGHBOURS)
        peers.default("ingress", "drop")
        for to in (OUTSIDE, OUTSIDE6):
            host = f"[{to}]" if ":" in to else to
            expect(f"ping to {to}", True, peers.ping(peers.receiver, to, "-c", 5))
            expect(f"ping with fragments to {to}", True, peers.ping(peers.receiver, to, "-c", 5, "-s", 4000))
            expect(f"HTTP from {to}", True, peers.fetch(peers.receiver, f"http://{host}:8080/", 10))
            expect(f"UDP to {to}, questions until an answer", 1, peers.ask(peers.receiver, to, 5300))
            expect(
                f"UDP in fragments to {to}, questions until an answer",
                1,
                peers.ask(peers.receiver, to, 5300, size=4000),
            )
            expect(
                f"connections to {to} that lose a first answer",
                0,
                peers.slow_fetches(peers.receiver, f"http://{host}:8080/", 100),
            )
            # At once, long before the host can have entered the session's state.
            expect(f"first answers from {to} that are lost", 0, peers.unanswered(peers.receiver, to, 5300, 300))
        expect("answers to inside that are lost", 300, peers.unanswered(peers.sender, INSIDE, 5300, 300, timeout=0.002))
        expect("ping from outside", False, peers.ping(peers.sender, INSIDE, "-c", 3))
        for to in (INSIDE, INSIDE6):
            host = f"[{to}]" if ":" in to else to
            expect(f"HTTP from outside to {to}", False, peers.fetch(peers.sender, f"http://{host}:8080/"))
            expect(f"UDP from outside to {to}", 0, peers.ask(peers.sender, to, 5300))
            expect(f"UDP in fragments from outside to {to}", 0, peers.ask(peers.sender, to, 5300, size=4000))
        peers.rules(
            [
                {
                    "operation": "insert",
                    "id": 0,
                    "l4proto": "TCP",
                    "dport": 8080,
                    "conntrack": "NEW",
                    "action": "accept",
                },
                {
                    "operation": "append",
                    "l4proto": "UDP",
                    "dst": f"{INSIDE}/32",
                    "dport": "5000-5400",
                    "action": "accept",
                },
            ]
        )
        expect("HTTP from outside with a rule", True, peers.fetch(peers.sender, f"http://{INSIDE}:8080/", 10))
        expect("HTTP from outside with a rule, IPv6", True, peers.fetch(peers.sender, f"http://[{INSIDE6}]:8080/", 10))
        expect("UDP from outside with a rule", 1, peers.ask(peers.sender, INSIDE, 5300))
        expect("UDP from outside with a rule, fragments", 1, peers.ask(peers.sender, INSIDE, 5300, size=4000))
        expect("UDP from outside with a rule for IPv4 alone", 0, peers.ask(peers.sender, INSIDE6, 5300))
        chain = peers.shown()["ingress"]
        if chain["counters"]["dropped"]["packets"] == 0 or chain["counters"]["established"]["packets"] == 0:
            raise Mismatch(f"counters: expected drops and established packets, seen {chain}")
        listed = json.loads(peers.nicsentry("connections", "--json", "-i", "right0").stdout)["connections"]
        if not any(one["state"] == "ESTABLISHED" for one in listed):
            raise Mismatch(f"connections: expected established ones, seen {listed}")
        windows = read_windows(watching.stop())
        dropped = sum(row["packets_dropped"] for window in windows.values() for row in window["books"])
        expect("drops in the windows' books", chain["counters"]["dropped"]["packets"], dropped)
        peers.check_clean()


def iperf_case(directory):
    """iperf3 works from inside, and from outside only with a rule: both directions, protocols and families."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL)
        peers.rules(NEIGHBOURS)
        peers.default("ingress", "drop")
        kinds = [(*way, *protocol) for way in ((), ("-R",)) for protocol in (("-b", "100M"), ("-u", "-b", "10M"))]
        for to, kind in [(OUTSIDE, kind) for kind in kinds] + [(OUTSIDE6, kinds[0])]:
            got = peers.iperf(peers.sender, peers.receiver, to, *kind)
            if got < 500_000:
                raise Mismatch(
                    f"iperf3 {kind} from inside to {to}: expected half a megabyte and more, seen {got} bytes"
                )
        expect("bytes of iperf3 from outside", 0, peers.iperf(peers.receiver, peers.sender, INSIDE))
        peers.rules([{"operation": "append", "dport": 5201, "action": "accept"}])
        for kind in (kinds[0], kinds[3]):
            got = peers.iperf(peers.receiver, peers.sender, INSIDE, *kind)
            if got < 500_000:
                raise Mismatch(
                    f"iperf3 {kind} from outside with a rule: expected half a megabyte and more, seen {got} bytes"
                )
        watching.stop()
        peers.check_clean()


def block_case(directory):
    """Blocked is blocked, established or not, at once; and again open afterwards."""
    with Peers(directory) as peers:
        watching = Controller(peers, *STATEFUL)
        pinging = peers.start(peers.sender, "ping", "-n", "-O", "-i", "0.2", INSIDE, stdout=subprocess.PIPE)
        time.sleep(1)
        peers.nicsentry("block", OUTSIDE, "-i", "right0")
        expect("ping from a blocked address", False, peers.ping(peers.sender, INSIDE, "-c", 3))
        expect("ping to a blocked address", False, peers.ping(peers.receiver, OUTSIDE, "-c", 3))
        peers.nicsentry("unblock", OUTSIDE, "-i", "right0")
        expect("ping after unblock", True, peers.ping(peers.sender, INSIDE, "-c", 2))
        for entries, status, words in (
            ((OUTSIDE, "192.0.2.9"), 1, (f"{OUTSIDE} is not in the set", "192.0.2.9 is not in the set")),
            (("192.0.2.1",), 1, ("192.0.2.1 is not an entry; it is still covered by 192.0.2.0/28",)),
            (("192.0.2.8", "192.0.2.9"), 0, ("192.0.2.8 was removed, but is still covered by 192.0.2.0/28",)),
            (("192.0.2.0/28",), 0, ()),
        ):
            if status == 0 and words:
                peers.nicsentry("block", "192.0.2.8", "-i", "right0")
            elif len(entries) == 1 and words:
                peers.nicsentry("block", "192.0.2.0/28", "-i", "right0")
            done = peers.nicsentry("unblock", *entries, "-i", "right0", check=False)
            expect(f"exit status of unblock {entries}", status, done.returncode)
            for part in words:
                expect_text(f"words of unblock {entries}", part, done.stderr)
            expect(f"anything to say of unblock {entries}", bool(words), bool(done.stderr))
        lifetime = 2 if PATIENCE <= 180 else 30  # an emulated machine pings for longer than two seconds
        peers.nicsentry("block", "10.77.0.0/31", "--for", f"{lifetime}s", "-i", "right0")
        expect("ping from a blocked prefix", False, peers.ping(peers.sender, INSIDE, "-c", 3))
        time.sleep(lifetime)
        expect("ping after its time", True, peers.ping(peers.sender, INSIDE, "-c", 2))
        pinging.send_signal(signal.SIGINT)
        output = pinging.communicate()[0]
        if "no answer yet" not in output:
            raise Mismatch(f"the ping that went on: expected holes, seen {output!r}")
        watching.stop()
        peers.check_clean()


def batch_case(directory):
    """A batch holds as a whole or not at all; every error of it is told; the seed's example gives what it must."""
    with Peers(directory) as peers:
        watching = Controller(peers, "--firewall")
        peers.rules(EXAMPLE_BATCH)
        shown = peers.nicsentry("rules", "show", "-i", "right0").stdout
        wanted = (
            "Ingress rules:\n"
            '\t{"id": 0, "src": "10.0.0.11/32", "dst": "10.0.0.0/24", "l4proto": "ICMP", "action": "drop"}\n'
            '\t{"id": 1, "action": "forward", "description": "Default Policy"}\n'
            'Egress rules:\n\t{"id": 0, "action": "forward", "description": "Default Policy"}\n'
            "enforced: ingress on right0/xdp; egress nowhere\n"
        )
        expect("rules show", wanted, shown)
        bad = peers.rules(
            [
                {"operation": "append", "src": "10.77.0.1", "action": "drop"},
                {"operation": "append", "sport": 70000},
                {"operation": "replace"},
            ],
            check=False,
        )
        expect("exit status of a bad batch", 1, bad.returncode)
        expect_text("words of a bad batch", "rule 2", bad.stderr)
        expect_text("words of a bad batch", "rule 3", bad.stderr)
        expect("rules after a bad batch", wanted, peers.nicsentry("rules", "show", "-i", "right0").stdout)
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(next((peers.directory / "runtime").glob("controller-*.sock"))))
            body = '{"rules": ' + "[" * 200_000 + "]" * 200_000 + "}"
            request = f"POST /api/v1/rules/ingress/batch HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            caller.sendall(request.encode())
            answer = caller.makefile(newline="").read()
            expect_text("status of a batch nested deep", "400 Bad Request", answer)
            expect_text("answer to a batch nested deep", "levels deep", answer)
        expect("ping after a bad batch", True, peers.ping(peers.sender, INSIDE, "-c", 2))
        watching.stop()
        peers.check_clean()


def state_case(directory):
    """A state directory keeps rules, sets and defaults; a program without a controller keeps enforcing."""
    with Peers(directory) as peers:
        peers.nicsentry("sets", "list", check=False)  # none runs: an error, no crash
        watching = Controller(peers, "--state", peers.directory / "state")
        peers.nicsentry("sets", "add", "bad", OUTSIDE, "-i", "right0")
        peers.rules(
            [{"operation": "append", "src": "@bad", "l4proto": "ICMP", "action": "drop", "description": "no ping"}]
        )
        before = peers.nicsentry("rules", "show", "-i", "right0").stdout
        expect("ping from the set", False, peers.ping(peers.sender, INSIDE, "-c", 3))
        watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        expect("ping from the set without a controller", False, peers.ping(peers.sender, INSIDE, "-c", 3))
        for command in (("attach", "-i", "right0"), ("run", "-i", "right0", "-i", "nosuch0", "--firewall")):
            expect(f"exit status of {command}", 1, peers.nicsentry(*command, check=False).returncode)
            expect(f"ping from the set after {command}", False, peers.ping(peers.sender, INSIDE, "-c", 2))
        watching = Controller(peers, "--state", peers.directory / "state")
        expect("rules after the restart", before, peers.nicsentry("rules", "show", "-i", "right0").stdout)
        expect("ping from the set after the restart", False, peers.ping(peers.sender, INSIDE, "-c", 3))
        peers.nicsentry("sets", "remove", "bad", OUTSIDE, "-i", "right0")
        expect("ping after it left the set", True, peers.ping(peers.sender, INSIDE, "-c", 2))
        expect("a warning about what is kept", False, "NOT blocked any more" in watching.log())
        watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        watching = Controller(peers, "--firewall")
        expect("sockets, with those of killed controllers", 1, len(list((peers.directory / "runtime").glob("*.sock"))))
        expect_text("words about what is not kept", "NOT blocked any more; with --state DIRECTORY", watching.log())
        watching.stop()
        peers.check_clean()


def attached_case(directory):
    """A program of `attach` has room for rules and enforces them between two runs."""
    with Peers(directory) as peers:
        options = ("--direction", "both", "--state", peers.directory / "state")
        peers.nicsentry("attach", "-i", "right0", "--direction", "both", "--firewall")
        expect("ping through an idle program", True, peers.ping(peers.sender, INSIDE, "-c", 2))
        ids = peers.program_id()
        watching = Controller(peers, *options)
        told = re.search(r"right0: mode (.*)", watching.log())[1]
        expect_text(
            "the XDP program that is taken over",
            f"drv, adopting program 'sentry' (id {ids}, attached by attach)",
            told,
        )
        expect("hooks on which a program is taken over", 2, told.count("adopting program"))
        expect("the TC program that is taken over", True, "egress on TC, adopting program 'sentry' (id" in told)
        expect("program that the run drives", ids, peers.program_id())
        peers.nicsentry("block", OUTSIDE6, "10.77.0.0/24", "--yes", "-i", "right0")
        peers.default("egress", "drop")
        watching.stop()
        shown = peers.nicsentry("status", "-i", "right0").stdout
        expect_text("words of status between two runs", "enforces", shown)
        expect("ping from a blocked address between two runs", False, peers.ping(peers.sender, INSIDE, "-c", 2))
        expect("program between two runs", ids, peers.program_id())
        before = peers.udp_arrived()
        flood = peers.start(peers.sender, sys.executable, "-c", FLOOD, OUTSIDE, INSIDE)
        watching = Controller(peers, *options)
        time.sleep(0.3)
        flood.kill()
        flood.wait()
        expect("packets of the flood that passed", 0, peers.udp_arrived() - before)
        peers.nicsentry("unblock", "10.77.0.0/24", "-i", "right0")
        expect("ping out, which the default of egress drops", False, peers.ping(peers.receiver, OUTSIDE, "-c", 2))
        peers.default("egress", "accept")
        expect("ping afterwards", True, peers.ping(peers.sender, INSIDE, "-c", 2))
        watching.stop()
        expect_text("words of a second attach", "EEXIST", peers.nicsentry("attach", "-i", "right0", check=False).stderr)
        peers.nicsentry("detach", "-i", "right0")
        peers.check_clean()
        peers.nicsentry("attach", "-i", "right0", "--mode", "tc", "--firewall")
        watching = Controller(peers, *options, "--mode", "tc")
        expect(
            "hooks of TC and what is told of them",
            True,
            re.search(
                r"mode tc, adopting program 'sentry' \(id \d+, attached by attach\), egress on TC$",
                watching.log(),
                re.MULTILINE,
            )
            is not None,
        )
        watching.stop()
        peers.nicsentry("detach", "-i", "right0")
        peers.check_clean()


def ingress_only_case(directory):
    """Without an egress program nothing of the egress chain is taken, at the start or later."""
    with Peers(directory) as peers:
        rules, both, empty = (peers.directory / name for name in ("egress.json", "both.json", "empty.json"))
        egress = {"rules": [{"operation": "append", "action": "drop"}]}
        rules.write_text(json.dumps(egress), encoding="utf-8")
        both.write_text(json.dumps({"ingress": {"rules": []}, "egress": egress}), encoding="utf-8")
        empty.write_text(json.dumps({"ingress": {"rules": []}, "egress": {"rules": []}}), encoding="utf-8")
        for options in (("--egress-rules", rules), ("--rules", both)):
            done = peers.nicsentry(
                "run", "-q", "-i", "right0", "--windows", 1, "--window", "10ms", *options, check=False
            )
            expect(f"exit status of a run with {options}", 1, done.returncode)
            expect_text(f"words about {options}", NO_EGRESS, done.stderr)
        peers.check_clean()
        state = ("--state", peers.directory / "state")
        watching = Controller(peers, *state, "--direction", "both", "--egress-rules", rules, "--yes")
        watching.stop()
        watching = Controller(peers, *state)
        expect_text("words about egress rules of a state directory", NO_EGRESS, watching.log())
        for command in (
            ("default", "egress", "accept"),
            ("accept-established", "egress", "off"),
            ("apply", "--egress", rules),
        ):
            done = peers.nicsentry("rules", *command, "-i", "right0", check=False)
            expect(f"exit status of rules {command}", 1, done.returncode)
            expect_text(f"words about rules {command}", NO_EGRESS, done.stderr)
        expect("egress rules that the state directory keeps", 1, len(peers.shown()["egress"]["rules"]))
        watching.stop()
        watching = Controller(peers, "--rules", empty)
        expect("words about no egress rules", False, NO_EGRESS in watching.log())
        watching.wait_for(ONE_WAY)
        for chain, action, warned in (("ingress", "drop", True), ("ingress", "accept", False)):
            done = peers.nicsentry("rules", "default", chain, action, "--yes", "-i", "right0")
            expect(f"a warning at default {action} of {chain}", warned, ONE_WAY in done.stderr)
        watching.stop()
        watching = Controller(peers, *STATEFUL)
        expect(
            "a warning of one direction at default drop where both are seen",
            False,
            ONE_WAY in peers.nicsentry("rules", "default", "ingress", "drop", "--yes", "-i", "right0").stderr,
        )
        expect("a warning where both directions are seen", False, ONE_WAY in watching.log())
        watching.stop()
        peers.check_clean()


def quiet_case(directory):
    """A quiet run still writes what a rule asks for: the records of packets."""
    with Peers(directory) as peers:
        rules, records = peers.directory / "log.json", peers.directory / "records"
        rules.write_text(
            json.dumps({"rules": [{"operation": "append", "l4proto": "ICMP", "action": "log"}]}), encoding="utf-8"
        )
        for options in ((), ("--log", records)):
            with open(peers.directory / "stderr", "w+", encoding="utf-8") as told:
                quiet = peers.start(
                    peers.receiver, BINARY, "run", "-q", "-i", "right0", "--rules", rules, *options, stderr=told
                )
                while (
                    peers.nicsentry("connections", "-i", "right0", check=False).returncode != 0 and quiet.poll() is None
                ):
                    time.sleep(0.02)
                peers.ping(peers.sender, INSIDE, "-c", 2)
                time.sleep(0.2)
                quiet.send_signal(signal.SIGINT)
                expect("exit status of a quiet run", 0, quiet.wait(timeout=PATIENCE))
                told.seek(0)
                lines = told.read()
            if options:
                expect("records beside those of the file", False, '"rule":0' in lines)
                lines = records.read_text(encoding="utf-8")
            expect(f"records of a quiet run with {options}", 2, lines.count('"rule":0'))
            expect("progress of a quiet run", False, "mode drv" in lines)
        records.unlink()
        limited = Controller(peers, "--rules", rules, "--log", records, "--log-rate", "5")
        peers.ping(peers.sender, INSIDE, "-c", 50, "-i", "0.002")
        limited.stop()
        lines = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
        left_out = sum(line.get("left_out", 0) for line in lines)
        written = sum("rule" in line for line in lines)
        expect("records written and left out", 50, written + left_out)
        expect("most are left out", True, 5 <= written <= 15)


def flood_case(directory):
    """A blocked address stays blocked while a new controller adopts a dead one's program."""
    with Peers(directory) as peers:
        options = ("--state", peers.directory / "state")
        watching = Controller(peers, *options)
        many = peers.directory / "many.netset"
        many.write_text(
            "".join(f"172.{16 + i // 65536}.{i // 256 % 256}.{i % 256}\n" for i in range(100_000))
            + "".join(f"192.{i // 256}.{i % 256}.0/26\n" for i in range(3000)),
            encoding="utf-8",
        )
        peers.nicsentry("sets", "load", "many", many, "-i", "right0")
        peers.nicsentry("sets", "add", "bad", f"{OUTSIDE}/32", "-i", "right0")
        peers.rules([{"operation": "append", "src": "@bad", "l4proto": "UDP", "dport": 9, "action": "drop"}])
        peers.nicsentry("block", OUTSIDE6, "10.77.0.128/25", "-i", "right0")
        run("ip", "-n", peers.sender, "addr", "add", "10.77.0.200/24", "dev", "left0")
        peers.inside(peers.sender, "ping", "-n", "-c", 1, "-W", 1, INSIDE)  # neighbours are known
        before = peers.udp_arrived()
        floods = [
            peers.start(peers.sender, sys.executable, "-c", FLOOD, source, INSIDE)
            for source in (OUTSIDE, "10.77.0.200")
        ]
        for _ in range(3):
            time.sleep(0.3)
            watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
            watching = Controller(peers, *options)
        time.sleep(0.3)
        chain = peers.shown()["ingress"]
        for flood in floods:
            flood.kill()
            flood.wait()
        expect("packets of the flood that passed", 0, peers.udp_arrived() - before)
        if min(chain["counters"]["blocked"]["packets"], chain["rules"][0]["packets"]) < 100:
            raise Mismatch(
                f"a flood from a blocked prefix and one of a set in a rule: expected drops of both, seen {chain}"
            )
        watching.stop()
        peers.check_clean()


def main():
    return run_directory_cases(
        {
            "default drop, and what begins inside": default_drop_case,
            "iperf3 through default drop": iperf_case,
            "block and unblock": block_case,
            "batches, whole or not at all": batch_case,
            "a state directory, and a program alone": state_case,
            "attached ahead, with room for rules": attached_case,
            "ingress only": ingress_only_case,
            "quiet, but for records": quiet_case,
            "taken over under a flood": flood_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
