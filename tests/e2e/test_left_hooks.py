#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run finds of nicsentry's own on other hooks: nothing goes on enforcing rules that no run drives.

    test_left_hooks.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import functools
import json
import os
import signal
import subprocess
import sys
import time

from compare import BINARY, PATIENCE, expect, expect_text
from network import Controller, Network
from peers import INSIDE, OUTSIDE, Peers
from suite import Mismatch, run_directory_cases

PORT = 5300
RUNS = {  # by the hook on which a program is left
    "drv": ("--mode", "drv"),
    "skb": ("--mode", "skb"),
    "tc": ("--mode", "tc"),
    "tc-egress": ("--mode", "drv", "--direction", "both"),
}
HOOKS = {"drv": "xdp", "skb": "xdp", "tc": "tc-ingress", "tc-egress": "tc-egress"}


def rows(network, port="right0"):
    listed = json.loads(network.nicsentry("status", "-i", port, "--json", check=False).stdout)
    return {row["hook"]: row for row in listed if row["ours"]}


def drops(peers, hook):
    """Whether the program on the hook drops what its rules say."""
    asked, to = (peers.receiver, OUTSIDE) if hook == "tc-egress" else (peers.sender, INSIDE)
    return peers.ask(asked, to, PORT) == 0


def leave(peers, left, state):
    """A program on this hook alone that enforces, as a run left it that is over."""
    hook = HOOKS[left]
    chain = ("--egress",) if hook == "tc-egress" else ()
    watching = Controller(peers, *RUNS[left], "--state", state, "--leave-attached")
    peers.rules([{"operation": "append", "l4proto": "UDP", "dport": PORT, "action": "drop"}], *chain)
    watching.stop()
    if hook == "tc-egress":
        said = peers.nicsentry("detach", "-i", "right0", "--mode", "drv").stderr
        expect_text("detach", "detached from xdp (mode drv); nothing is enforced on right0/xdp from now on", said)
    expect("what is left", ([hook], True), (list(rows(peers)), rows(peers)[hook]["enforces"]))
    expect("it drops", True, drops(peers, hook))
    return rows(peers)[hook]["program_id"]


def check_refused(peers, left, found, *options):
    hook, words = HOOKS[left], (left, *options)
    once = ("--window", "1s", "--windows", 1)  # so that a run that is not refused ends
    refused = peers.nicsentry("run", "-i", "right0", *options, *once, check=False)
    expect(f"{words}, exit status", 1, refused.returncode)
    mode = "tc" if hook == "tc-egress" else left
    expect_text(
        f"{words}, words",
        f"EBUSY: program 'sentry' (id {found}) on the {hook} hook of right0 in mode {mode} enforces rules that this "
        f"run would not drive: run with {'--direction both' if hook == 'tc-egress' else f'--mode {mode}'}, or detach "
        f"it first: nicsentry detach -i right0 --mode {mode}",
        refused.stderr,
    )
    seen = rows(peers)
    expect(f"{words}, what is attached", [hook], list(seen))
    row = seen[hook]
    expect(f"{words}, status", (found, True, 0), (row["program_id"], row["enforces"], row["controller_pid"]))


def check_driven(peers, left, found, state, *options):
    """The run adopts it: with a firewall its rules are what the run says, without one they stay as they were left."""
    hook, words = HOOKS[left], (left, *options)
    kept = ("--state", state, "--leave-attached") if "--firewall" in options else ()
    watching = Controller(peers, *options, *kept)
    row = rows(peers)[hook]
    expect(f"{words}, driven", (found, watching.process.pid), (row["program_id"], row["controller_pid"]))
    expect(f"{words}, it drops", True, drops(peers, hook))
    if not kept:
        watching.wait_for("its firewall stays in force as it was left")
        expect(
            f"{words}, other programs that drop",
            [],
            [at for at, row in rows(peers).items() if row["enforces"] and at != hook],
        )
    watching.stop()
    expect(f"{words}, it drops after the run", True, drops(peers, hook))
    if not kept:
        expect(f"{words}, what stays", [hook], list(rows(peers)))
        stays = [line for line in watching.log().splitlines() if "the program stays and goes on enforcing" in line]
        expect(f"{words}, what is said to stay", (1, True), (len(stays), f"right0/{hook}: " in stays[0]))


def left_case(left, directory):
    with Peers(directory) as peers:
        for namespace in (peers.sender, peers.receiver):
            peers.echo(namespace, PORT)
        state = peers.directory / "state"
        found = leave(peers, left, state)
        for mode in ("drv", "skb", "tc"):
            for firewall in ((), ("--firewall",)):
                options = ("--mode", mode, *firewall)
                if mode == left:
                    check_driven(peers, left, found, state, *options)
                else:
                    check_refused(peers, left, found, *options)
        if left in ("tc", "tc-egress"):
            check_refused(peers, left, found, "--firewall")  # of auto
        expect("it drops", True, drops(peers, HOOKS[left]))
        for firewall in ((), ("--firewall",)):
            check_driven(peers, left, found, state, *RUNS[left], *firewall)
        said = peers.nicsentry("detach", "-i", "right0").stderr
        expect_text("detach", "nothing is enforced on right0/", said)
        peers.check_clean()


def several_ports_case(directory):
    """A port that the run may not have leaves the rules of the others alone."""
    with Network(directory, pairs=2) as network:
        for port, mode in (("right0", "drv"), ("right1", "tc")):
            watching = Controller(network, "--mode", mode, "--firewall", "--leave-attached", ports=(port,))
            network.nicsentry("rules", "default", "ingress", "drop", "-i", port)
            watching.stop()
        ports = ("-i", "right0", "-i", "right1")
        once = ("--window", "1s", "--windows", 1)
        refused = network.nicsentry("run", *ports, "--mode", "drv", "--firewall", *once, check=False)
        expect("exit status", 1, refused.returncode)
        expect_text("words", "on the tc-ingress hook of right1 in mode tc enforces rules", refused.stderr)
        before = rows(network)["xdp"]["packets_dropped"]
        network.inside(network.sender, "ip", "neigh", "add", "10.1.0.1", "lladdr", "02:00:00:00:00:01", "dev", "left0")
        network.inside(network.sender, "ip", "addr", "add", "10.1.0.2/24", "dev", "left0")
        network.inside(network.sender, "ping", "-c", 1, "-W", 1, "10.1.0.1", check=False)
        expect("dropped on right0 afterwards", before + 1, rows(network)["xdp"]["packets_dropped"])
        for port in ("right0", "right1"):
            network.nicsentry("detach", "-i", port)
            network.check_clean(port)


def idle_case(directory):
    """What enforces nothing is left and named, or taken off where a run that died left it."""
    with Network(directory) as network:
        network.nicsentry("attach", "-i", "right0", "--mode", "tc", "--firewall")
        detach = "nicsentry detach -i right0 --mode tc"
        watching = Controller(network, "--mode", "drv", "--firewall")
        expect_text(
            "log",
            "on the tc-ingress hook of right0 in mode tc enforces nothing and is left as it is; "
            f"to take it off after this run: {detach}",
            watching.log(),
        )
        seen = rows(network)
        expect("attached", {"xdp", "tc-ingress"}, set(seen))
        expect("driven", watching.process.pid, seen["xdp"]["controller_pid"])
        expect("beside it", (0, "attach"), (seen["tc-ingress"]["controller_pid"], seen["tc-ingress"]["attached_by"]))
        expect(
            "beside which run",
            [None, watching.process.pid],
            [seen[at].get("beside_pid") for at in ("xdp", "tc-ingress")],
        )
        expect("how to take it off", detach, seen["tc-ingress"].get("detach"))
        beside = f"not used by the run of process {watching.process.pid}; to take it off after that run: {detach}"
        shown = network.nicsentry("status", "-i", "right0").stdout
        expect("what status says of it, how often", 1, shown.count(beside))
        expect_text("after the line of its hook", "tc-ingress", shown[: shown.index(beside)].splitlines()[-2])
        watching.stop()
        row = rows(network)["tc-ingress"]
        expect("without a run", (None, None), (row.get("beside_pid"), row.get("detach")))
        network.nicsentry(*detach.split()[1:])
        expect("nothing is left", {}, rows(network))
        dead = Controller(network, "--mode", "tc", "--direction", "both")
        dead.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        watching = Controller(network, "--mode", "drv")
        expect_text("log", "which a run that died left there and which enforces nothing, is taken off", watching.log())
        expect("attached", ["xdp"], list(rows(network)))
        watching.stop()
        network.check_clean()


def starting_case(directory):
    """The program of a run that is just starting is the run's, and is not called driven yet."""
    with Network(directory, pairs=6) as network:
        ports = [word for pair in range(6) for word in ("-i", f"right{pair}")]
        starting = network.start(network.receiver, BINARY, "run", *ports, "--mode", "drv", stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while not network.program_id():
            if time.monotonic() > end:
                raise Mismatch("expected a program on right0")
        os.kill(starting.pid, signal.SIGSTOP)
        try:
            row = rows(network)["xdp"]
            shown = network.nicsentry("status", "-i", "right0", check=False).stdout
        finally:
            os.kill(starting.pid, signal.SIGCONT)
        expect("attached by", "run", row["attached_by"])
        expect("starting, driven by", (starting.pid, 0), (row.get("starting_pid"), row["controller_pid"]))
        expect_text("status", f"process {starting.pid} has the port and is just starting or ending", shown)
        end = time.monotonic() + PATIENCE
        while rows(network)["xdp"]["controller_pid"] != starting.pid:
            if time.monotonic() > end:
                raise Mismatch("expected that the run drives its program")
        expect("starting", None, rows(network)["xdp"].get("starting_pid"))
        starting.send_signal(signal.SIGINT)
        expect("exit status", 0, starting.wait(timeout=PATIENCE))
        network.check_clean()


def attached_case(directory):
    """A firewall that `attach` left: idle, enforcing, as it was left, and taken off. Each step is said."""
    with Peers(directory) as peers:
        peers.echo(peers.receiver, PORT)
        peers.nicsentry("attach", "-i", "right0", "--mode", "drv", "--firewall")
        watching = Controller(peers, "--mode", "drv")
        watching.wait_for("info: right0/xdp: its firewall stays idle, and nothing is enforced")
        watching.stop()
        watching = Controller(peers, "--mode", "drv", "--firewall")
        expect_text("log", "adopting program 'sentry'", watching.log())
        peers.rules([{"operation": "append", "l4proto": "UDP", "dport": PORT, "action": "drop"}])
        watching.stop()
        expect_text("log", "right0/xdp: the program stays and goes on enforcing what it has", watching.log())
        expect("it drops", True, drops(peers, "xdp"))
        watching = Controller(peers, "--mode", "drv")
        watching.wait_for("warning: right0/xdp: its firewall stays in force as it was left")
        expect("it drops", True, drops(peers, "xdp"))
        watching.stop()
        expect("it drops", True, drops(peers, "xdp"))
        said = peers.nicsentry("detach", "-i", "right0").stderr
        expect_text("detach", "; nothing is enforced on right0/xdp from now on", said)
        expect("it drops", False, drops(peers, "xdp"))
        peers.check_clean()


def main():
    cases = {f"left on {left}": functools.partial(left_case, left) for left in RUNS}
    return run_directory_cases(
        cases
        | {
            "one of several ports": several_ports_case,
            "what enforces nothing": idle_case,
            "a run that is starting": starting_case,
            "a firewall that attach left": attached_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
