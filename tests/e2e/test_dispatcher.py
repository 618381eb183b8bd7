#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Several XDP programs on one port: nicsentry, programs of a user's own and xdp-filter behind libxdp's dispatcher.

    test_dispatcher.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).

Most cases need a kernel that takes the dispatcher, such as Debian's own (tests/hw/test-kernel.sh dispatcher).
"""
import json
import os
import signal
import sys

from compare import BINARY, PATIENCE, expect, expect_text
from network import Controller, Network, run
from peers import INSIDE, OUTSIDE, Peers
from programs import id_of, load_stranger
from suite import Skipped, run_directory_cases, slow, within
from test_other_abi import BLOCKED, OBJECTS, Flood, drop_everything
from test_pins import FEW_CAPABILITIES, ONE_WINDOW
from test_programs import check_nothing_left, load, loaded, packets, sent, unload

DISPATCHER = "xdp_dispatcher"
# Compiled by the test: `programs load` would give the compiler too little time in an emulated machine.
COUNTING = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} PACKETS SEC(".maps");
SEC("xdp") int counting(struct xdp_md *ctx)
{
    __u32 key = 0;
    __u64 *seen = bpf_map_lookup_elem(&PACKETS, &key);
    if (seen)
        __sync_fetch_and_add(seen, 1);
    return %s;
}
char _license[] SEC("license") = "GPL";
"""
OURS = ("--mode", "drv", "--firewall")
RULED, FILTERED, OPEN = 5300, 5301, 5302  # ports that nicsentry's rules drop, that xdp-filter drops, and neither


class Tools(Network):
    """A port on which other XDP tools are used, too."""

    def __init__(self, directory, **options):
        super().__init__(directory, **options)
        # libxdp keeps links and programs in a BPF file system, and `ip netns exec` has a /sys of its own.
        os.environ["LIBXDP_BPFFS"] = str(self.bpffs)

    def tool(self, *command, check=True):
        return self.inside(
            self.receiver,
            "sh",
            "-c",
            'mount --bind "$0" /sys/fs/bpf && exec "$@"',
            self.bpffs,
            *command,
            check=check,
        )

    def compiled(self, name, verdict="XDP_PASS"):
        path = self.directory / f"{name}.o"
        source = path.with_suffix(".c")
        source.write_text(COUNTING % verdict, encoding="ascii")
        headers = f"/usr/include/{os.uname().machine}-linux-gnu"
        run("clang", "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-idirafter", headers, "-c", source, "-o", path)
        return path

    def load_filter(self, check=True):
        return self.tool("xdp-filter", "load", "-m", "native", "right0", check=check)

    def unload_filter(self):
        self.tool("xdp-filter", "unload", "right0")

    def name_on_hook(self):
        return self.link().get("xdp", {}).get("prog", {}).get("name")

    def takes_dispatcher(self):
        """xdp-filter's own word: without a dispatcher it stands on the hook itself."""
        self.load_filter()
        name = self.name_on_hook()
        self.unload_filter()
        return name == DISPATCHER

    def require_dispatcher(self):
        if not self.takes_dispatcher():
            raise Skipped("the kernel refuses libxdp's dispatcher")

    def status(self):
        return json.loads(self.nicsentry("status", "-i", "right0", "--json").stdout)

    def row(self, program):
        (row,) = [one for one in self.status() if one.get("loaded_as", one["program"]) == program]
        return row


class Shared(Tools, Peers):
    """The same on a protected host."""

    def drop_ruled(self):
        self.rules([{"operation": "append", "l4proto": "UDP", "dport": RULED, "action": "drop"}])

    def drop_filtered(self):
        self.tool("xdp-filter", "port", FILTERED, "-p", "udp", "-m", "dst")

    def listen(self):
        for port in (RULED, FILTERED, OPEN):
            self.echo(self.receiver, port)

    def check_answers(self, what, *answering):
        """Which of the three ports answer."""
        seen = [port for port in (RULED, FILTERED, OPEN) if self.ask(self.sender, INSIDE, port) != 0]
        expect(f"ports that answer {what}", sorted(answering), seen)


def alone_case(directory):
    """xdp-filter does not get onto a hook where nicsentry stands alone, which goes on enforcing."""
    with Shared(directory) as shared:
        shared.listen()
        watching = Controller(shared, *OURS)
        shared.drop_ruled()
        before = shared.program_id()
        refused = shared.load_filter(check=False)
        expect("xdp-filter is refused", True, refused.returncode != 0)
        expect("program on the hook", before, shared.program_id())
        shared.check_answers("after the refusal", FILTERED, OPEN)
        expect("outages", [], shared.row("sentry")["run"]["outages"])
        watching.stop()
        shared.check_clean()


def refused_case(directory):
    """Where the kernel refuses the dispatcher one line says so, and the program stands alone."""
    with Shared(directory) as shared:
        if shared.takes_dispatcher():
            raise Skipped("the kernel takes libxdp's dispatcher")
        shared.listen()
        watching = Controller(shared, *OURS, "--dispatcher")
        caution = "warning: right0: the program stands alone on the hook, no other XDP program can join it: "
        expect_text("log", caution + "libxdp's dispatcher cannot be used here (", watching.log())
        advised = load(shared, shared.compiled("counting"), "--mode", "drv", check=False).stderr
        expect_text("advice beside it", "lets others in, cannot be used here", advised)
        expect("the option that has no effect is advised", False, "--dispatcher" in advised)
        shared.drop_ruled()
        expect("program on the hook", "sentry", shared.name_on_hook())
        shared.check_answers("beside the rule", FILTERED, OPEN)
        watching.stop()
        shared.check_clean()
        path = shared.compiled("counting")
        said = load(shared, path, "--mode", "drv", "--priority", 7).stderr
        expect_text("load", "counting stands alone on the XDP hook of right0: libxdp's dispatcher cannot be used", said)
        expect("one line", 1, said.count("\n"))
        expect_text("program on the hook", "counting", shared.name_on_hook())
        expect("program", shared.program_id(), loaded(shared)["counting"]["paths"][0]["program_id"])
        unload(shared, "counting")
        check_nothing_left(shared)


@slow
def joins_case(directory):
    """nicsentry joins the dispatcher that xdp-filter brought, in front of it, and leaves it as it was."""
    with Shared(directory) as shared:
        shared.require_dispatcher()
        shared.listen()
        shared.load_filter()
        shared.drop_filtered()
        watching = Controller(shared, *OURS)
        expect_text("log", "right0: mode drv, behind libxdp's dispatcher", watching.log())
        shared.drop_ruled()
        shared.check_answers("beside both", OPEN)
        ours = shared.row("sentry")
        expect("dispatcher of ours", shared.program_id(), ours["dispatcher"])
        expect("nothing is in front", [], ours["in_front"])
        expect("of another program", "another program", shared.row("xdpfilt_alw_all")["attached_by"])
        expect("outages", [], ours["run"]["outages"])
        explained = shared.nicsentry(
            "rules", "explain", f"src={OUTSIDE}", "l4proto=UDP", f"dport={RULED}", "-i", "right0"
        )
        expect_text("explain", "verdict    drop", explained.stdout)
        watching.stop()
        expect("programs after the run", [DISPATCHER, "xdpfilt_alw_all"], [one["program"] for one in shared.status()])
        shared.check_answers("beside xdp-filter", RULED, OPEN)
        refused = shared.inside(
            shared.receiver, *FEW_CAPABILITIES, BINARY, "run", "-i", "right0", *OURS, *ONE_WINDOW, check=False
        )
        expect("without CAP_SYS_ADMIN, exit status", 1, refused.returncode)
        expect_text("without CAP_SYS_ADMIN", "missing: CAP_SYS_ADMIN", refused.stderr)
        shared.unload_filter()
        shared.check_clean()


@slow
def joined_case(directory):
    """xdp-filter joins nicsentry and leaves again; what takes nicsentry out is noticed and undone, once."""
    with Shared(directory) as shared:
        shared.require_dispatcher()
        shared.listen()
        watching = Controller(shared, *OURS, "--dispatcher")
        shared.drop_ruled()
        alone = shared.program_id()
        shared.load_filter()
        shared.drop_filtered()
        expect("another dispatcher", True, shared.program_id() not in (0, alone))
        shared.check_answers("beside both", OPEN)
        shared.unload_filter()
        shared.check_answers("beside nicsentry", FILTERED, OPEN)
        expect("outages so far", [], shared.row("sentry")["run"]["outages"])
        expect("warnings so far", [], [line for line in watching.log().splitlines() if "warning: right0/" in line])
        shared.load_filter()
        ours = shared.row("sentry")["program_id"]
        shared.tool("xdp-loader", "unload", "right0", "--id", ours)
        watching.wait_for(r"right0/xdp: the program was taken off; it was put back")
        shared.check_answers("after it was put back", FILTERED, OPEN)
        expect("the program is the same", ours, shared.row("sentry")["program_id"])
        expect("nothing is in front", [], shared.row("sentry")["in_front"])
        run("ip", "-n", shared.receiver, "link", "set", "right0", "xdp", "off")
        watching.process.wait(timeout=PATIENCE)
        expect("exit status of a run that enforces nothing", 3, watching.process.returncode)


@slow
def killed_case(directory):
    """A run that is killed behind a dispatcher is followed by one that adopts its program; detach takes it off."""
    with Shared(directory) as shared:
        shared.require_dispatcher()
        shared.listen()
        shared.load_filter()
        kept = (*OURS, "--state", shared.directory / "state")
        first = Controller(shared, *kept)
        shared.drop_ruled()
        ours = shared.row("sentry")["program_id"]
        first.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        shared.check_answers("without a controller", FILTERED, OPEN)
        second = Controller(shared, *kept)
        expect_text("log", f"adopting program 'sentry' (id {ours}, attached by a run that died)", second.log())
        shared.check_answers("beside the second run", FILTERED, OPEN)
        second.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        expect_text("detach", "detached from xdp", shared.nicsentry("detach", "-i", "right0").stderr)
        expect("programs after detach", [DISPATCHER, "xdpfilt_alw_all"], [one["program"] for one in shared.status()])
        shared.check_answers("after detach", RULED, FILTERED, OPEN)
        shared.unload_filter()
        shared.check_clean()


@slow
def in_front_case(directory):
    """What packets meet behind the dispatcher before nicsentry is named."""
    with Shared(directory) as shared:
        shared.require_dispatcher()
        path = shared.compiled("early")
        load(shared, path, "--mode", "drv", "--priority", 1)
        watching = Controller(shared, *OURS)
        watching.wait_for(r"warning: right0/xdp: in front of the program: XDP: program 'counting' \(id \d+\)")
        (named,) = shared.row("sentry")["in_front"]
        expect_text("status --json", "XDP: program 'counting' (id ", named)
        expect("place", "in front", shared.row("early")["place"])
        unload(shared, "early")
        within(PATIENCE, "status forgets it", lambda: not shared.row("sentry")["in_front"])
        watching.stop()
        check_nothing_left(shared)


@slow
def older_case(directory):
    """A program of an older ABI behind a dispatcher makes way for ours: no packet of a blocked address passes."""
    with Shared(directory) as shared:
        shared.require_dispatcher()
        state = ("--state", shared.directory / "state")
        first = Controller(shared, *OURS, *state)
        shared.nicsentry("block", BLOCKED)
        first.stop()
        shared.load_filter()
        shared.tool("xdp-loader", "load", "-m", "native", "-s", "xdp", "right0", OBJECTS / "unnumbered_drv.o")
        (former,) = [one["program_id"] for one in shared.status() if one["program"] == "sentry"]
        drop_everything(json.loads(run("bpftool", "-j", "prog", "show", "id", former).stdout))
        flood = Flood(shared, 0.002)
        expect("packets that arrived under the older program", {}, flood.arrived())
        watching = Controller(shared, *OURS, *state)
        expect_text("log", f"in place of program 'sentry' of ABI 1 (id {former}, attached by hand)", watching.log())
        within(PATIENCE, "packets of the other sender arrive", lambda: OUTSIDE in flood.arrived())
        expect("senders of packets that arrived", [OUTSIDE], list(flood.arrived()))
        (ours,) = [one for one in shared.status() if one["program"] == "sentry"]
        expect(
            "another program, behind the dispatcher",
            (True, shared.program_id()),
            (ours["program_id"] != former, ours["dispatcher"]),
        )
        watching.stop()
        shared.nicsentry("detach", "-i", "right0", check=False)
        shared.unload_filter()
        shared.check_clean()


def former_behind(shared, priority):
    """An older program that drops everything, behind the dispatcher with a priority of its own."""
    shared.load_filter()
    older = OBJECTS / "unnumbered_drv.o"
    shared.tool("xdp-loader", "load", "-m", "native", "-s", "xdp", "-P", priority, "right0", older)
    (former,) = [one["program_id"] for one in shared.status() if one["program"] == "sentry"]
    drop_everything(json.loads(run("bpftool", "-j", "prog", "show", "id", former).stdout))
    return former


def priority_of(shared, program_id):
    shown = shared.tool("xdp-loader", "status", "right0").stdout
    (priority,) = [int(line.split()[1]) for line in shown.splitlines() if f" {program_id} " in f"{line} "]
    return priority


@slow
def put_back_older_case(directory):
    """A run that cannot have its other port puts the older program back behind the dispatcher, where it was."""
    stranger = load_stranger()
    try:
        with Shared(directory) as shared:
            shared.add_pair(1)
            shared.require_dispatcher()
            former = former_behind(shared, 30)
            shared.inside(shared.receiver, "bpftool", "net", "attach", "xdpdrv", "id", id_of(stranger), "dev", "right1")
            ports = ("-i", "right0", "-i", "right1")
            refused = shared.nicsentry("run", *ports, *OURS, "--window", "1s", check=False)
            expect("exit status", 1, refused.returncode)
            expect_text("words", "'stranger'", refused.stderr)
            (row,) = [one for one in shared.status() if one["program"] == "sentry"]
            index = shared.link()["ifindex"]
            pins = [path.name for path in shared.pins.iterdir() if f"-{index}-" in path.name]
            expect("pins of the run", [], pins)
            expect(
                "the older program, behind the dispatcher",
                (former, 30),
                (row["program_id"], priority_of(shared, former)),
            )
            shared.nicsentry("detach", "-i", "right0")
            shared.unload_filter()
            shared.check_clean()
    finally:
        os.close(stranger)


@slow
def put_back_case(directory):
    """A program that is put back behind the dispatcher keeps the place that it had."""
    with Shared(directory) as shared:
        shared.require_dispatcher()
        former_behind(shared, 30)
        watching = Controller(shared, *OURS)
        (ours,) = [one["program_id"] for one in shared.status() if one["program"] == "sentry"]
        expect("priority in the older one's place", 30, priority_of(shared, ours))
        shared.tool("xdp-loader", "unload", "right0", "--id", ours)
        watching.wait_for("warning: right0/xdp: the program was taken off; it was put back")
        expect("priority after it was put back", 30, priority_of(shared, ours))
        watching.stop()
        shared.nicsentry("detach", "-i", "right0", check=False)
        shared.unload_filter()
        shared.check_clean()


@slow
def hidden_case(directory):
    """A program that is put back where libxdp did not find its place goes where it says itself, which is said."""
    with Shared(directory) as shared:
        shared.require_dispatcher()
        kept = (*OURS, "--dispatcher", "--state", shared.directory / "state")
        first = Controller(shared, *kept)
        first.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        other = shared.bpffs / "other"
        other.mkdir()
        os.environ["LIBXDP_BPFFS"] = str(other)
        second = Controller(shared, *kept)
        run("ip", "-n", shared.receiver, "link", "set", "right0", "xdp", "off")
        said = "put back, behind libxdp's dispatcher with priority 5, as libxdp did not find the place that it had, but"
        second.wait_for(said)
        expect("program on the hook", DISPATCHER, shared.name_on_hook())
        second.stop()
        shared.check_clean()


@slow
def users_case(directory):
    """Programs of a user's own stand on one XDP hook by priority, behind nicsentry's unless theirs is lower."""
    with Tools(directory) as shared:
        shared.require_dispatcher()
        counting = shared.compiled("counting")
        dropping = shared.compiled("dropping", "XDP_DROP")
        expect("stderr", "", load(shared, counting, "--mode", "drv").stderr)
        load(shared, dropping, "--mode", "drv", "--priority", 60)
        rows = [
            (name, one["paths"][0]["priority"], one["paths"][0]["attached"]) for name, one in loaded(shared).items()
        ]
        expect("loaded", [("counting", 50, True), ("dropping", 60, True)], rows)
        sent(shared, 20, 200)
        expect("packets", (20, 20), (packets(shared, "counting"), packets(shared, "dropping")))
        unload(shared, "dropping")
        own = load(shared, dropping, "--mode", "drv", "--priority", 5, check=False)
        expect_text("nicsentry's own priority", "priority 5 is that of nicsentry's own program", own.stderr)
        load(shared, dropping, "--mode", "drv", "--priority", 40)
        sent(shared, 20, 200)
        expect("packets behind one that drops", (20, 20), (packets(shared, "counting"), packets(shared, "dropping")))
        refused = load(shared, dropping, "--mode", "drv", "--priority", 41, check=False)
        expect_text("another priority", "dropping is loaded with priority 40; unload it first", refused.stderr)
        watching = Controller(shared, *OURS)
        expect("place", "behind", shared.row("dropping")["place"])
        expect_text(
            "status",
            ", priority 40, behind nicsentry's program",
            shared.nicsentry("status", "-i", "right0").stdout,
        )
        expect_text("run", "behind libxdp's dispatcher", watching.log())
        early = load(shared, counting, "--name", "early", "--mode", "drv", "--priority", 1).stderr
        expect_text("a load in front", "early (xdp) is in front of nicsentry's program on xdp of right0", early)
        unload(shared, "early")
        watching.stop()
        unload(shared, "dropping")
        sent(shared, 20, 200)
        expect("packets of the last one", 40, packets(shared, "counting"))
        unload(shared, "counting")
        check_nothing_left(shared)


@slow
def replaced_case(directory):
    """A user's program is replaced behind the dispatcher; what fails leaves the old one; swapped maps stand alone."""
    with Tools(directory) as shared:
        shared.require_dispatcher()
        shared.load_filter()
        path = shared.compiled("one")
        said = load(shared, path, "--mode", "drv").stdout
        expect_text("load", "loaded one: right0, ingress drv priority 50", said)
        first = loaded(shared)["one"]["paths"][0]["program_id"]
        expect_text("load again", "replaced one", load(shared, path).stdout)
        second = loaded(shared)["one"]["paths"][0]["program_id"]
        expect("another program", True, second not in (0, first))
        behind = [one["program_id"] for one in shared.status() if one["program"] != DISPATCHER]
        expect("programs behind the dispatcher", (2, True, False), (len(behind), second in behind, first in behind))
        sent(shared, 20, 200)
        expect("packets", 20, packets(shared, "one"))
        wrong = shared.directory / "wrong.c"
        wrong.write_text("this is not C", encoding="ascii")
        expect("what does not compile", 1, load(shared, wrong, "--name", "one", check=False).returncode)
        sent(shared, 20, 200)
        expect("packets after that", 40, packets(shared, "one"))
        metric = {"name": "packets", "map-name": "PACKETS", "extraction-options": {"swap-on-read": True}}
        monitor = shared.directory / "monitor.json"
        monitor.write_text(json.dumps({"ingress-path": {"object": str(path), "metric-configs": [metric]}}), "ascii")
        refused = load(shared, monitor, "--name", "two", "--mode", "drv", check=False)
        expect_text("swapped", "a program whose maps are swapped on read cannot stand behind it", refused.stderr)
        unload(shared, "one")
        expect("xdp-filter is left", [DISPATCHER, "xdpfilt_alw_all"], [one["program"] for one in shared.status()])
        shared.unload_filter()
        expect("nothing is said", "", load(shared, monitor, "--name", "two", "--mode", "drv").stderr)
        expect("alone on the hook", "counting", shared.name_on_hook())
        unload(shared, "two")
        check_nothing_left(shared)


def main():
    return run_directory_cases(
        {
            "xdp-filter beside nicsentry alone": alone_case,
            "a kernel without the dispatcher": refused_case,
            "nicsentry joins xdp-filter": joins_case,
            "xdp-filter joins nicsentry": joined_case,
            "killed behind a dispatcher": killed_case,
            "in front behind a dispatcher": in_front_case,
            "an older ABI behind a dispatcher": older_case,
            "an older ABI is put back behind a dispatcher": put_back_older_case,
            "put back behind a dispatcher": put_back_case,
            "put back where libxdp finds no place": hidden_case,
            "programs of a user's own": users_case,
            "a program is replaced": replaced_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
