#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Enforcement ends loudly or not at all: programs that are taken off, replaced, or have something in front of them.

    test_enforcement.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import time

from compare import BINARY, PATIENCE, expect, expect_text
from network import Controller, Network, run
from programs import id_of, load_dispatcher, load_stranger
from sample import bundled
from suite import Mismatch, Skipped, run_directory_cases, within

HERE = pathlib.Path(__file__).resolve().parent
NOTICED_S = 1
NOT_ENFORCED = 3  # exit status
U32 = ("u32", "match", "u32", "0", "0", "flowid", "1:1")
BOTH = ("--direction", "both", "--firewall", "--mode", "drv")


class Watched(Network):
    """A port whose run writes windows to a file."""

    def watch(self, *arguments, **options):
        self.text_path = self.directory / "windows.txt"
        with open(self.text_path, "w", encoding="utf-8") as text:
            return Controller(self, *arguments, stdout=text, **options)

    def text(self):
        return self.text_path.read_text(encoding="utf-8")

    def wait_for_text(self, pattern):
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text()):
            if time.monotonic() > end:
                raise Mismatch(f"expected {pattern!r} in the windows, seen {self.text()!r}")
            time.sleep(0.05)

    def ask(self, *words, check=True):
        return self.nicsentry(*words, "-i", "right0", check=check)

    def has_filter(self, side):
        return "nicsentry" in self.filters(side) or "sentry" in self.filters(side)

    def filters(self, side):
        return run("tc", "-n", self.receiver, "filter", "show", "dev", "right0", side).stdout

    def tc(self, *words):
        run("tc", "-n", self.receiver, *words)

    def overwrite(self, program_id, port="right0"):
        self.inside(self.receiver, "bpftool", "net", "attach", "xdpdrv", "id", program_id, "dev", port, "overwrite")


def qdisc_case(directory):
    """Put back once; the second time the run goes on with what is left, and says so in every answer and window."""
    with Watched(directory) as network:
        watching = network.watch(*BOTH, window="1s")
        network.ask("rules", "default", "egress", "drop")
        network.tc("qdisc", "del", "dev", "right0", "clsact")
        within(NOTICED_S, "the filter is put back", lambda: network.has_filter("egress"))
        watching.wait_for(r"warning: right0/tc-egress: the program was taken off; it was put back")
        network.wait_for_text(r"right0 tc-egress/tc: WAS OFF ITS HOOK, back at .*: the program was taken off")
        shown = network.ask("rules", "show").stdout
        expect_text("rules show", "enforced: ingress on right0/xdp; egress on right0/tc-egress", shown)

        network.tc("filter", "del", "dev", "right0", "egress")
        within(
            NOTICED_S,
            "rules show says that egress is enforced nowhere",
            lambda: "enforced: ingress on right0/xdp; egress nowhere" in network.ask("rules", "show").stdout,
        )
        watching.wait_for(
            r"error: right0/tc-egress: the program was taken off again, after it had been put back; "
            r"nothing is enforced on right0/tc-egress \(egress\) from now on"
        )
        refused = network.ask("rules", "default", "egress", "accept", check=False)
        expect("a change that takes effect nowhere, exit status", 1, refused.returncode)
        expect_text(
            "a change that takes effect nowhere", "no program of this run enforces the egress chain", refused.stderr
        )
        blocked = network.ask("block", "203.0.113.7")
        expect_text("block", "enforced: ingress on right0/xdp; egress nowhere", blocked.stdout)
        status = network.ask("status", check=False)
        expect("status, exit status", NOT_ENFORCED, status.returncode)
        expect_text("status", "right0  tc-egress, mode tc: NOT ON ITS HOOK: the program was taken off", status.stdout)
        status = network.ask("status", "--json", check=False)
        expect("status --json, exit status", NOT_ENFORCED, status.returncode)
        row = json.loads(status.stdout)[0]
        expect("status --json, outages", ["tc-egress"], [one["hook"] for one in row["run"]["outages"]])
        expect("status --json, chain", "ingress", row["chain"])
        seen = network.text().count("NOT ON ITS HOOK")
        network.wait_for_text(r"(?s)(NOT ON ITS HOOK.*){" + str(seen + 2) + "}")  # in each window
        watching.stop(status=NOT_ENFORCED)
        expect_text("log", "nothing is enforced on right0 from now on", watching.log())
        network.check_clean()


def json_case(directory):
    with Watched(directory) as network:
        watching = network.watch("--mode", "tc", "--firewall", "--json", window="1s")
        network.tc("qdisc", "del", "dev", "right0", "clsact")
        within(NOTICED_S, "the filter is put back", lambda: network.has_filter("ingress"))
        network.wait_for_text(r'"outages":\[\{')
        watching.stop()
        windows = [json.loads(line) for line in network.text().splitlines()]
        outages = [outage for window in windows for outage in window["outages"]]
        expect("outages", [("right0", "tc-ingress", "tc")], [(o["interface"], o["hook"], o["mode"]) for o in outages])
        expect("it was put back", True, outages[0]["until_ns"] >= outages[0]["since_ns"])
        network.check_clean()


def xdp_off_case(directory):
    with Watched(directory) as network:
        watching = network.watch("--mode", "drv", "--firewall")
        attached = network.program_id()
        run("ip", "-n", network.receiver, "link", "set", "dev", "right0", "xdp", "off")
        within(NOTICED_S, "the program is put back", lambda: network.program_id() == attached)
        run("ip", "-n", network.receiver, "link", "set", "dev", "right0", "xdp", "off")
        watching.process.wait(timeout=PATIENCE)  # nothing is left to watch
        expect("exit status", NOT_ENFORCED, watching.process.returncode)
        expect_text("log", "nothing is enforced on right0/xdp (ingress) from now on", watching.log())


def moved_case(directory):
    """A program on XDP goes along with its port into another network namespace, which is said."""
    with Watched(directory) as network:
        watching = network.watch("--mode", "drv", "--firewall")
        elsewhere = network.receiver + "e"
        network.add_namespace(elsewhere)
        run("ip", "-n", network.receiver, "link", "set", "dev", "right0", "netns", elsewhere)
        watching.process.wait(timeout=PATIENCE)
        expect_text("log", "its program went along and goes on there until nicsentry detach", watching.log())
        listed = json.loads(run("ip", "-n", elsewhere, "-json", "link", "show", "right0").stdout)[0]
        expect("it is there", True, "xdp" in listed)
        network.inside(elsewhere, BINARY, "detach", "-i", "right0")
        listed = json.loads(run("ip", "-n", elsewhere, "-json", "link", "show", "right0").stdout)[0]
        expect("after detach", False, "xdp" in listed)


def deleted_case(directory):
    """A port that is deleted: its end is said at once, in the log, in each answer and in status."""
    with Watched(directory, pairs=2) as network:
        watching = network.watch("--mode", "drv", "--firewall", "--direction", "both", ports=("right0", "right1"))
        began = time.monotonic()
        run("ip", "-n", network.receiver, "link", "del", "right0")
        for hook, chain in (("xdp", "ingress"), ("tc-egress", "egress")):
            gone = rf"error: right0/{hook}: the interface is gone.*; nothing is enforced on right0/{hook} \({chain}\)"
            watching.wait_for(gone)
        expect("noticed within a second", True, time.monotonic() - began < NOTICED_S)
        status = network.nicsentry("status", check=False)
        expect("status, exit status", NOT_ENFORCED, status.returncode)
        expect_text("status", "right0  xdp, mode drv: NOT ON ITS HOOK: the interface is gone", status.stdout)
        expect_text("status", "right0  tc-egress, mode tc: NOT ON ITS HOOK: the interface is gone", status.stdout)
        expect_text("status", "enforced: ingress on right1/xdp; egress on right1/tc-egress\n", status.stdout)
        lost = json.loads(network.nicsentry("status", "--json", check=False).stdout)[0]["run"]["outages"]
        # In the order in which they were noticed.
        expect(
            "status --json",
            [("right0", "tc-egress"), ("right0", "xdp")],
            sorted((o["interface"], o["hook"]) for o in lost),
        )
        network.wait_for_text(r"right0 xdp/drv: NOT ON ITS HOOK since .*: the interface is gone")
        watching.process.send_signal(signal.SIGINT)
        watching.process.wait(timeout=PATIENCE)
        network.check_clean("right1")
        pins = sorted(path.name for path in network.pins.iterdir())
        expect("pins that are left", [], pins)


def replaced_case(directory):
    descriptor = load_stranger()
    try:
        with Watched(directory, pairs=2) as network:
            watching = network.watch("--mode", "drv", "--firewall", ports=("right0", "right1"), window="1s")
            began = time.monotonic()
            network.overwrite(id_of(descriptor))
            watching.wait_for(rf"error: right0/xdp: the program was replaced by 'stranger' \(id {id_of(descriptor)}\)")
            expect("noticed within a second", True, time.monotonic() - began < NOTICED_S)
            network.wait_for_text(r"right0 xdp/drv: NOT ON ITS HOOK since .*replaced by 'stranger'")
            blocked = network.ask("block", "203.0.113.7")
            for command, said in (("block", blocked), ("status", network.nicsentry("status", check=False))):
                expect_text(command, "enforced: ingress on right1/xdp; egress nowhere", said.stdout)
            for port, wanted in (("right0", NOT_ENFORCED), ("right1", 0)):
                seen = network.nicsentry("status", "-i", port, check=False).returncode
                expect(f"status -i {port}, exit status", wanted, seen)
            watching.stop(status=NOT_ENFORCED)
            expect("the other program stays", id_of(descriptor), network.program_id())
            network.check_clean("right1")
    finally:
        os.close(descriptor)


def dispatcher_case(directory):
    """A program that calls ours is on the hook: it still runs."""
    with Watched(directory) as network:
        watching = network.watch("--mode", "drv", "--firewall", "--json", window="1s")
        descriptors = load_dispatcher(network.program_id())
        try:
            network.overwrite(id_of(descriptors[0]))
            watching.wait_for(r"warning: right0/xdp: the hook runs 'dispatcher' \(id \d+\), which decides")
            sample = bundled()
            network.send(sample.path, sample.packets)
            time.sleep(1.2)
            blocked = network.ask("block", "203.0.113.7")
            expect_text("block", "enforced: ingress on right0/xdp", blocked.stdout)
            watching.stop()
            expect_text("log", "right0/xdp: the program stays and goes on enforcing what it has", watching.log())
            windows = [json.loads(line) for line in network.text().splitlines()]
            expect("packets in", sample.packets, sum(window["packets_in"] for window in windows))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


def in_front_case(directory):
    with Watched(directory) as network:
        watching = network.watch(*BOTH)
        expect("in front at first", [], json.loads(network.ask("status", "--json").stdout)[1]["in_front"])
        network.tc("filter", "add", "dev", "right0", "egress", "prio", 1, "protocol", "all", *U32)
        watching.wait_for(
            r"warning: right0/tc-egress: in front of the program: TC filter 'u32' of priority 1; a packet that"
        )
        row = json.loads(network.ask("status", "--json").stdout)[1]
        expect("in front", ["TC filter 'u32' of priority 1"], row["in_front"])
        expect_text("status", "in front of it: TC filter 'u32' of priority 1", network.ask("status").stdout)
        network.tc("filter", "add", "dev", "right0", "egress", "prio", 200, "protocol", "all", *U32)
        time.sleep(NOTICED_S)
        expect("filters behind are not named", False, "priority 200" in watching.log() + network.ask("status").stdout)
        watching.stop()


TCX = """
import sys, time
sys.path.insert(0, sys.argv[1])
import programs
link = programs.attach_tcx(int(sys.argv[2]))
print("attached" if link is not None else "none", flush=True)
time.sleep(600)
"""


def tcx_case(directory):
    """A tcx program meets packets before a TC filter does."""
    with Watched(directory) as network:
        watching = network.watch("--mode", "tc", "--firewall")
        early = network.start(
            network.receiver, sys.executable, "-B", "-c", TCX, HERE, network.link()["ifindex"], stdout=subprocess.PIPE
        )
        if early.stdout.readline() != "attached\n":
            raise Skipped("the kernel has no tcx")
        watching.wait_for(r"warning: right0/tc-ingress: in front of the program: tcx: program 'early' \(id \d+\)")
        (named,) = json.loads(network.ask("status", "--json").stdout)[0]["in_front"]
        expect_text("status --json", "tcx: program 'early'", named)
        expect(
            "the program is still on its hook",
            [],
            json.loads(network.ask("status", "--json").stdout)[0]["run"]["outages"],
        )
        early.kill()
        early.wait()
        within(2, "status forgets it", lambda: not json.loads(network.ask("status", "--json").stdout)[0]["in_front"])
        watching.stop()
        network.check_clean()


def no_descriptors_case(directory):
    """Without a free descriptor a run goes on, says what it cannot do, and does it when there is one again."""
    with Watched(directory) as network:
        watching = network.watch("--mode", "drv", "--firewall")
        attached = network.program_id()
        pid = watching.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))  # poll(2) of one descriptor is still allowed
        watching.wait_for(r"warning: right0/xdp: EMFILE: reading /sys/devices/system/cpu/online: .*; it is tried again")
        run("ip", "-n", network.receiver, "link", "set", "dev", "right0", "xdp", "off")
        watching.wait_for(r"warning: right0/xdp: it cannot be told whether its hook still runs .*: EMFILE")
        expect("it runs", None, watching.process.poll())
        asked = network.ask("rules", "show", check=False)
        expect("a command, exit status", 1, asked.returncode)
        expect_text("its words", f"process {pid} has no free file descriptor: it may have 3", asked.stderr)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        watching.wait_for(r"warning: right0/xdp: the program was taken off; it was put back")
        expect("the program", attached, network.program_id())
        expect("an answer", 0, network.ask("rules", "show").returncode)
        expect("times that it was said", 1, watching.log().count("cpu/online"))
        watching.stop()
        network.check_clean()


def end_without_descriptors_case(directory):
    """A run that cannot take its program off says that it goes on enforcing."""
    with Watched(directory) as network:
        watching = network.watch("--mode", "drv", "--firewall")
        attached = network.program_id()
        _, hard = resource.prlimit(watching.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(watching.process.pid, resource.RLIMIT_NOFILE, (3, hard))
        watching.stop(status=1)
        expect_text("log", "right0: what could not be taken off goes on enforcing what it has", watching.log())
        expect("the program", attached, network.program_id())
        network.ask("detach")
        network.check_clean()


def detach_case(directory):
    """A program is not taken off under its run."""
    with Watched(directory) as network:
        watching = network.watch("--mode", "drv", "--firewall")
        attached, pid = network.program_id(), watching.process.pid
        refused = network.ask("detach", check=False)
        expect("detach under a run, exit status", 1, refused.returncode)
        expect_text(
            "words",
            f"EBUSY: a run drives the programs of right0, process {pid}; end it first: kill {pid}",
            refused.stderr,
        )
        expect("the program", attached, network.program_id())
        watching.stop()
        network.check_clean()


def main():
    return run_directory_cases(
        {
            "a qdisc is removed, then a filter": qdisc_case,
            "outages in JSON": json_case,
            "an XDP program is taken off, twice": xdp_off_case,
            "a port that moves": moved_case,
            "a port that is deleted": deleted_case,
            "an XDP program is replaced": replaced_case,
            "behind a dispatcher": dispatcher_case,
            "a filter in front": in_front_case,
            "a tcx program in front": tcx_case,
            "no descriptors": no_descriptors_case,
            "an end without descriptors": end_without_descriptors_case,
            "detach under a run": detach_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
