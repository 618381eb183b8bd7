#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry programs load`, `list`, `show` and `unload`: monitors on a port, replaced and interrupted under traffic.

    test_programs.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

from compare import BINARY, PATIENCE, expect, expect_text
from network import Controller, Network, run
from suite import REPOSITORY, run_directory_cases, tries, within

MONITORS = REPOSITORY / "tests" / "programs" / "monitors"
PINS = "programs"
COUNTING = """
BPF_TABLE("array", int, __u64, PACKETS, 1);
static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
    PACKETS.atomic_increment(0);
    return %s;
}
"""
# Sends UDP frames: how many, and how many a second.
SENDER = """
import socket, struct, sys, time
port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
port.bind(("left0", 0))
number, rate = int(sys.argv[1]), float(sys.argv[2])
began = time.monotonic()
for i in range(number):
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 50, i & 0xffff, 0, 64, 17, 0, 0x0a000001, 0x0a000002)
    udp = struct.pack("!HHHH", 1000 + i % 8, 53, 30, 0)
    while time.monotonic() < began + i / rate:
        time.sleep(0.0005)
    port.send(bytes(12) + b"\\x08\\x00" + ip + udp + bytes(22))
"""


def send(network, number, rate=20000):
    return network.start(network.sender, sys.executable, "-c", SENDER, number, rate)


def sent(network, number, rate=20000):
    expect("the sender's exit status", 0, send(network, number, rate).wait(timeout=60))
    time.sleep(0.2)


def write_monitor(network, name, ingress, egress=None):
    path = network.directory / f"{name}.json"
    both = {"ingress-path": {"name": name, "code": ingress}, "egress-path": {"code": egress} if egress else {}}
    path.write_text(json.dumps(both), encoding="utf-8")
    return path


def load(network, *arguments, check=True):
    return network.nicsentry("programs", "load", "-i", "right0", *arguments, check=check)


def loaded(network):
    return {one["name"]: one for one in json.loads(network.nicsentry("programs", "list", "--json").stdout)}


def unload(network, *names):
    for name in names:
        network.nicsentry("programs", "unload", name)


def entries(network, name, map_name, path="ingress"):
    pinned = pathlib.Path(loaded(network)[name]["pinned"]) / f"{path}-maps" / map_name
    return json.loads(run("bpftool", "-j", "map", "dump", "pinned", pinned).stdout)


def number_of(words):
    return int.from_bytes(bytes(int(word, 16) for word in words), "little")


def packets(network, name, path="ingress"):
    return number_of(entries(network, name, "PACKETS", path)[0]["value"])


def filters(network, side="ingress"):
    shown = network.inside(network.receiver, "tc", "-j", "filter", "show", "dev", "right0", side)
    return [one for one in json.loads(shown.stdout or "[]") if "options" in one and "prog" in one["options"]]


def check_nothing_left(network):
    network.check_clean()
    names = list((network.pins / PINS).iterdir()) if (network.pins / PINS).exists() else []
    expect("pins that are left", [], names)
    expect("programs that are loaded", {}, loaded(network))


def modes_case(directory):
    """Monitors in Polycube's dialect count what the port receives, in each mode; nothing is left after unload."""
    with Network(directory) as network:
        features, sessions = ((MONITORS / f"{name}.c").read_text(encoding="utf-8") for name in ("features", "sessions"))
        for mode in ("tc", "drv", "skb"):
            path = write_monitor(network, "features", features, features)
            said = load(network, path, "--mode", mode).stdout
            expect_text("what load says", f"loaded features: right0, ingress {mode}", said)
            sent(network, 160)
            seen = {number_of(one["value"]) for one in entries(network, "features", "SEEN")}
            expect(
                f"{mode}: packets of each of 8 sessions", ({20}, 8), (seen, len(entries(network, "features", "SEEN")))
            )
            unload(network, "features")
            path = write_monitor(network, "sessions", sessions, sessions)
            load(network, path, "--mode", mode)
            sent(network, 160)
            total = sum(
                number_of(one["value"][0:8])
                for entry in entries(network, "sessions", "SESSIONS")
                for one in entry["values"]
            )
            expect(f"{mode}: packets of all sessions", 160, total)
            latest = max(
                number_of(one["value"][40:48])
                for entry in entries(network, "sessions", "SESSIONS")
                for one in entry["values"]
            )
            expect(
                f"{mode}: time of the last packet, off by 10 s at most", True, abs(time.time_ns() - latest) < 10**10
            )
            expect("attached", [True, True], [one["attached"] for one in loaded(network)["sessions"]["paths"]])
            unload(network, "sessions")
            check_nothing_left(network)


def priorities_case(directory):
    """Several programs stand on TC by priority: one that drops hides the packets from those behind it."""
    with Network(directory) as network:
        write_monitor(network, "passing", COUNTING % "RX_OK", COUNTING % "RX_OK")
        write_monitor(network, "dropping", COUNTING % "RX_DROP")
        load(network, network.directory / "passing.json", "--name", "second")
        load(network, network.directory / "passing.json", "--name", "third", "--direction", "ingress")
        load(network, network.directory / "passing.json", "--name", "first", "--priority", 50)
        expect("priorities", [50, 200, 201], sorted(one["pref"] for one in filters(network)))
        sent(network, 100)
        for name in ("first", "second", "third"):
            expect(name, 100, packets(network, name))
        said = load(network, network.directory / "dropping.json", "--name", "other", "--priority", 200, check=False)
        expect("exit status", 1, said.returncode)
        expect_text("a priority that is taken", "has priority 200 there", said.stderr)
        load(network, network.directory / "dropping.json", "--name", "drop", "--priority", 199)
        sent(network, 100)
        expect(
            "in front and behind",
            (200, 100, 100, 100),
            tuple(packets(network, n) for n in ("first", "second", "third", "drop")),
        )
        text = network.nicsentry("programs", "list").stdout
        expect_text("list", "drop: right0, ingress tc priority 199\n", text)
        expect_text("list", "second: right0, ingress tc priority 200, egress tc priority 200\n", text)
        names = network.nicsentry("complete", "--", "programs", "show", "").stdout.split()
        expect("names that a shell completes", ["drop", "first", "second", "third"], names)
        shown = network.nicsentry("programs", "show", "third").stdout
        expect_text("show", "map PACKETS: array, 1 of 4 + 8 bytes", shown)
        unload(network, "second", "drop", "first")
        sent(network, 10)
        expect("what is left goes on", 110, packets(network, "third"))
        unload(network, "third")
        check_nothing_left(network)


def replace_case(directory):
    """Replaced under traffic: no packet passes unseen. A program that is wrong leaves the old one running."""
    with Network(directory) as network:
        number = 20000
        write_monitor(network, "dropping", COUNTING % "RX_DROP")
        write_monitor(network, "behind", COUNTING % "RX_OK")
        load(network, network.directory / "behind.json", "--priority", 300)
        for mode in ("tc", "drv", "skb"):
            load(network, network.directory / "dropping.json", "--mode", mode)
            before = packets(network, "behind")
            sender = send(network, number, 5000)
            replaced = 0
            while sender.poll() is None:
                expect_text("load", "replaced dropping: ", load(network, network.directory / "dropping.json").stdout)
                replaced += 1
            time.sleep(0.2)
            expect("the sender's exit status", 0, sender.returncode)
            expect(
                f"{mode}: packets that no program saw in {replaced} replacements", before, packets(network, "behind")
            )
            expect("enough replacements", True, replaced >= 5)
            check_refusals(network, mode)
            unload(network, "dropping")
        unload(network, "behind")
        check_nothing_left(network)


def check_refusals(network, mode):
    old = loaded(network)["dropping"]
    seen = packets(network, "dropping")
    wrong = {
        "it does not compile": COUNTING % "RX_NONE",
        "the kernel's verifier does not take it": COUNTING % "*(__u8 *)(long)ctx->data",
    }
    for said, code in wrong.items():
        done = load(network, write_monitor(network, "wrong", code), "--name", "dropping", check=False)
        expect("exit status", 1, done.returncode)
        expect_text("refusal", said, done.stderr)
    other = "tc" if mode != "tc" else "drv"
    done = load(network, network.directory / "dropping.json", "--mode", other, check=False)
    expect_text("another mode", f"dropping is loaded in mode {mode}; unload it first", done.stderr)
    expect("the program that goes on", old, loaded(network)["dropping"])
    sent(network, 50)
    expect("packets that it counted", seen + 50, packets(network, "dropping"))


def directions_case(directory):
    """A direction that the new program does not have is taken off; one that fails puts the other one back."""
    with Network(directory) as network:
        both = write_monitor(network, "both", COUNTING % "RX_OK", COUNTING % "RX_OK")
        one = write_monitor(network, "one", COUNTING % "RX_OK")

        def on_hooks():
            return len(filters(network)), len(filters(network, "egress"))

        load(network, both, "--name", "a")
        expect("both", (1, 1), on_hooks())
        load(network, one, "--name", "a")
        expect("one in place of both", (1, 0), on_hooks())
        load(network, both, "--name", "a")
        expect("both again", (1, 1), on_hooks())
        unload(network, "a")
        check_nothing_left(network)

        load(network, both, "--name", "b", "--direction", "egress", "--priority", 210)
        done = load(network, both, "--name", "c", "--priority", 210, check=False)
        expect_text("egress is taken", "has priority 210 there", done.stderr)
        expect("nothing of it stays", ((0, 1), ["b"]), (on_hooks(), list(loaded(network))))
        load(network, one, "--name", "c", "--priority", 210)
        before = loaded(network)["c"]
        done = load(network, both, "--name", "c", "--priority", 210, check=False)
        expect_text("egress is taken", "has priority 210 there", done.stderr)
        expect("the old program is back", (before, (1, 1)), (loaded(network)["c"], on_hooks()))
        sent(network, 10)
        expect("it counts", 10, packets(network, "c"))
        unload(network, "b")
        unload(network, "c")
        check_nothing_left(network)


def xdp_case(directory):
    """On XDP one program stands alone: a second one is refused with the name of the first, and nothing of it stays."""
    with Network(directory) as network:
        path = write_monitor(network, "counting", COUNTING % "RX_OK", COUNTING % "RX_OK")
        load(network, path, "--name", "one", "--mode", "drv")
        for mode in ("drv", "skb"):
            done = load(network, path, "--name", "two", "--mode", mode, check=False)
            expect("exit status", 1, done.returncode)
            expect_text("refusal", "(nicsentry_monit) is there, and only one XDP program can be", done.stderr)
        expect("loaded", ["one"], list(loaded(network)))
        expect("egress filters", 1, len(filters(network, "egress")))
        done = network.nicsentry("run", "-i", "right0", "--mode", "drv", "--windows", 1, check=False)
        expect("a run beside it, exit status", 1, done.returncode)
        removal = "'one' of your own (remove it with: nicsentry programs unload one)"
        expect_text("words of a run beside it", f"in mode drv is {removal}", done.stderr)
        there = "'one' of your own is on xdp, tc-egress (remove it with: nicsentry programs unload one)"
        done = network.nicsentry("detach", "-i", "right0", check=False)
        expect("detach of it, exit status", 1, done.returncode)
        expect_text("words of detach", f"ENOENT: nothing of nicsentry's is on right0; {there}", done.stderr)
        network.nicsentry("attach", "-i", "right0", "--mode", "tc")
        done = network.nicsentry("detach", "-i", "right0")
        expect_text("detach beside it", f"right0: detached from tc-ingress (mode tc); {there}", done.stderr)
        load(network, path, "--name", "two", "--mode", "tc")
        network.nicsentry("run", "-i", "right0", "--mode", "tc", "--windows", 1, "--window", "1s")
        sent(network, 20)
        expect("packets after a run beside them", (20, 20), (packets(network, "one"), packets(network, "two")))
        unload(network, "one")
        unload(network, "two")
        check_nothing_left(network)


def names_case(directory):
    """Wrong names, ports and programs that are not there are refused; a qdisc of somebody else stays."""
    with Network(directory) as network:
        path = write_monitor(network, "counting", COUNTING % "RX_OK")
        for arguments, said in (
            ((path, "--name", "a/b"), "allowed are 1 to 64 letters, digits, - and _"),
            ((path, "--name", ""), "counting"),
        ):
            done = load(network, *arguments, check=False)
            expect_text("load", said, done.stderr + done.stdout)
        unload(network, "counting")
        done = network.nicsentry("programs", "load", "-i", "none0", path, check=False)
        expect_text("no port", "none0", done.stderr)
        for command in ("show", "unload"):
            done = network.nicsentry("programs", command, "nothing", check=False)
            expect(f"{command}: exit status", 1, done.returncode)
            expect_text(command, "no program is loaded as nothing", done.stderr)
        load(network, path, "--name", "7")
        for command in ("show", "read", "unload"):  # names that would lead to the pins of the name 7, or beside them
            for name in ("", ".", "..", "../programs", "7/..", "a" * 65):
                done = network.nicsentry("programs", command, name, check=False)
                expect(f"{command} '{name}': exit status", 1, done.returncode)
                expect_text(f"{command} '{name}'", f"no program is loaded as {name}", done.stderr)
        expect("paths of 7", [True], [one["attached"] for one in loaded(network)["7"]["paths"]])
        unload(network, "7")
        check_nothing_left(network)
        network.inside(network.receiver, "tc", "qdisc", "add", "dev", "right0", "clsact")
        load(network, path)
        done = network.inside(network.sender, BINARY, "programs", "unload", "counting", check=False)
        expect_text(
            "another namespace", "is loaded on right0 of another network namespace; unload it there", done.stderr
        )
        network.inside(network.receiver, "tc", "filter", "del", "dev", "right0", "ingress")
        expect("attached, after somebody removed it", False, loaded(network)["counting"]["paths"][0]["attached"])
        expect_text("load again", "loaded counting: right0", load(network, path).stdout)
        sent(network, 5)
        expect("packets", 5, packets(network, "counting"))
        unload(network, "counting")
        qdiscs = run("tc", "-n", network.receiver, "qdisc", "show", "dev", "right0").stdout
        expect("somebody else's clsact", True, "clsact" in qdiscs)


def status_case(directory):
    """`status` names loaded programs, and says which stand behind nicsentry's own."""
    with Network(directory) as network:
        path = write_monitor(network, "counting", COUNTING % "RX_OK", COUNTING % "RX_OK")

        def told():
            rows = json.loads(network.nicsentry("status", "-i", "right0", "--json").stdout)
            return {(r["loaded_as"], r["hook"]): r["place"] for r in rows if r["attached_by"] == "programs load"}

        load(network, path, "--name", "alone", "--direction", "ingress")
        expect("beside nothing", {("alone", "tc-ingress"): None}, told())
        controller = Controller(network, "--mode", "tc", "--direction", "both")
        early = load(network, path, "--name", "early", "--priority", 1).stderr
        for hook in ("tc-ingress", "tc-egress"):
            expect_text("a load in front", f"early ({hook}) is in front of nicsentry's program on {hook}", early)
        late = load(network, path, "--name", "late", "--priority", 101).stderr
        expect("a load behind warns", False, "in front" in late)
        refused = load(network, path, "--name", "beside", "--priority", 100, check=False)
        expect("the priority of nicsentry's own, exit status", 1, refused.returncode)
        expect_text("words", "priority 100 is that of nicsentry's own program", refused.stderr)
        unload(network, "late")
        expected = {("alone", "tc-ingress"): "behind"}
        expected |= {("early", "tc-ingress"): "in front", ("early", "tc-egress"): "in front"}
        expect("beside a run on TC", expected, told())
        text = network.nicsentry("status", "-i", "right0").stdout
        expect_text("text", "right0  tc-ingress, mode tc: 'alone' of your own (id ", text)
        expect_text("text", "), priority 200, behind nicsentry's program\n", text)
        expect_text("text", "), priority 1, in front of nicsentry's program\n", text)
        controller.stop()
        load(network, path, "--name", "xdp", "--mode", "drv", "--direction", "ingress")
        expect("on XDP", None, told()[("xdp", "xdp")])
        rows = json.loads(network.nicsentry("status", "-i", "right0", "--json").stdout)
        expect("rows of a program", 1, [r["program_id"] for r in rows].count(network.program_id()))
        controller = Controller(network, "--mode", "tc")
        expect("on XDP, before a run on TC", "in front", told()[("xdp", "xdp")])
        again = load(network, path, "--name", "xdp", "--mode", "drv", "--direction", "ingress").stderr
        expect_text("a load on XDP", "xdp (xdp) is in front of nicsentry's program on tc-ingress of right0", again)
        controller.stop()
        unload(network, "alone", "early", "xdp")
        expect("nothing is left", "nothing is attached\n", network.nicsentry("status", "-i", "right0").stdout)


def crafted_case(directory):
    """A compiled program whose map has a name that leads out of the directory of pins is refused."""
    with Network(directory) as network:
        path = write_monitor(network, "counting", COUNTING.replace("PACKETS", "AAxBBBB") % "RX_OK")
        network.nicsentry("programs", "check", path, "-o", network.directory)
        whole = (network.directory / "ingress.o").read_bytes()
        for name in (b"../BBBB", b"AA/BBBB", b"AA.BBBB", b"AA BBBB"):
            (network.directory / "crafted.o").write_bytes(whole.replace(b"AAxBBBB\0", name + b"\0"))
            done = load(network, network.directory / "crafted.o", check=False)
            expect("exit status", 1, done.returncode)
            expect_text("refusal", f"it has a map with the name '{name.decode()}'", done.stderr)
        (network.directory / "crafted.o").write_bytes(b"no ELF")
        done = load(network, network.directory / "crafted.o", check=False)
        expect("exit status", 1, done.returncode)
        expect_text("refusal", "it cannot be opened as a compiled program", done.stderr)
        check_nothing_left(network)


def kill_case(directory):
    """Killed at any moment, a later process finds the programs: it lists, replaces and unloads them."""
    with Network(directory) as network:
        path = write_monitor(network, "counting", COUNTING % "RX_DROP", COUNTING % "RX_OK")
        behind = write_monitor(network, "behind", COUNTING % "RX_OK")
        load(network, behind, "--priority", 300)
        pick = random.Random(5)
        for mode in ("tc", "drv"):
            load(network, path, "--mode", mode)
            before = packets(network, "behind")
            sender = send(network, 100000, 2000)
            for _ in range(tries(300)):
                process = network.start(
                    network.receiver, BINARY, "programs", "load", "-i", "right0", path, stdout=subprocess.DEVNULL
                )
                time.sleep(pick.uniform(0.02, 0.3))
                process.kill()
                process.wait()
                found = loaded(network)["counting"]
                expect("ingress is attached", True, found["paths"][0]["attached"])
            expect("load after kills", True, "replaced counting" in load(network, path).stdout)
            loads = [one.name for one in (network.pins / PINS / "counting").iterdir()]
            expect("loads that are pinned", 1, len(loads))
            expect("attached", [True, True], [one["attached"] for one in loaded(network)["counting"]["paths"]])
            sender.kill()
            sender.wait()
            time.sleep(0.2)
            expect(f"{mode}: packets that no program saw", before, packets(network, "behind"))
            unload(network, "counting")
        unload(network, "behind")
        check_nothing_left(network)


def all_outputs(network, path, *prefix):
    """What the commands print of a program from its load to its end, without what differs from load to load."""
    said = []
    for words in (
        ("load", "-i", "right0", path, "--name", "mine"),
        ("load", "-i", "right0", path, "--name", "mine", "--json"),
        ("list",),
        ("list", "--json"),
        ("show", "mine"),
        ("show", "mine", "--json"),
        ("show", "missing"),
        ("read", "mine", "--metric", "missing"),
        *(("read", "mine", "--format", one, "--cpus", "sum") for one in ("json", "table", "openmetrics")),
        ("unload", "mine", "--json"),
        ("unload", "mine"),
    ):
        done = network.inside(network.receiver, *prefix, BINARY, "programs", *words, check=False)
        text = re.sub(r'(program|"program_id":|"timestamp":) ?\d+', r"\1", done.stdout)
        text = re.sub(r"(_seconds\w*{.*}) .*", r"\1", text)
        said.append((" ".join(words[:2]), done.returncode, text, done.stderr))
    return said


def beside_run_case(directory):
    """Beside a run the commands go through it, and print the same. Each way finds what was loaded the other way."""
    with Network(directory, pairs=2) as network:
        both = write_monitor(network, "both", COUNTING % "RX_OK", COUNTING % "RX_OK")
        network.nicsentry("programs", "check", both, "-o", network.directory)
        objects = network.directory / "objects.json"
        metric = {"name": "packets", "map-name": "PACKETS", "open-metrics-metadata": {"help": "all", "type": "Counter"}}
        paths = {
            f"{one}-path": {"name": one, "object": f"{one}.o", "metric-configs": [metric]}
            for one in ("ingress", "egress")
        }
        objects.write_text(json.dumps(paths), encoding="utf-8")
        none = ("setpriv", "--bounding-set", "-all")
        by_itself = all_outputs(network, objects)
        expect("loads by itself", [0, 0], [status for _, status, _, _ in by_itself[:2]])
        expect("a load without capabilities", 1, all_outputs(network, objects, *none)[0][1])
        windows = network.directory / "windows.json"
        with windows.open("w", encoding="utf-8") as output:
            watching = Controller(network, "--mode", "drv", "--json", stdout=output)
        for one, seen in zip(by_itself, all_outputs(network, objects, *none)):
            expect(f"{one[0]}, through the run", one, seen)
        watching.wait_for(r"info: programs of your own: replaced mine on right0")

        write_monitor(network, "dropping", COUNTING % "RX_DROP")
        behind = write_monitor(network, "behind", COUNTING % "RX_OK")
        load(network, behind, "--priority", 300)
        network.nicsentry("programs", "load", "-i", "right1", behind, "--name", "elsewhere")
        load(network, network.directory / "dropping.json")
        sender = send(network, 10000, 5000)
        replaced = 0
        while sender.poll() is None or replaced < 5:
            load(network, network.directory / "dropping.json")
            replaced += 1
        expect("the sender's exit status", 0, sender.returncode)
        expect(f"packets that no program saw in {replaced} replacements", 0, packets(network, "behind"))
        check_refusals(network, "tc")
        expect("loaded", ["behind", "dropping", "elsewhere"], list(loaded(network)))
        expect("logged", False, "elsewhere" in watching.log())

        def reported():
            rows = json.loads(network.nicsentry("status", "-i", "right0", "--json").stdout)
            (run_status,) = [row["run"] for row in rows if row["ours"]]
            return sorted((one["name"], one["hook"], one["priority"]) for one in run_status["user_programs"])

        named = [("behind", "tc-ingress", 300), ("dropping", "tc-ingress", 200)]
        within(PATIENCE, "status has the run's programs", lambda: reported() == named)
        network.nicsentry("extract", "-i", "right0")
        within(PATIENCE, "the window is printed", lambda: "\n" in windows.read_text(encoding="utf-8"))
        watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        window = json.loads(windows.read_text(encoding="utf-8").splitlines()[0])
        expect("in the window", ["behind", "dropping"], sorted(one["name"] for one in window["user_programs"]))

        before = packets(network, "dropping")
        sent(network, 20)
        expect("packets without a run", before + 20, packets(network, "dropping"))
        expect("replaced by itself", 0, load(network, network.directory / "dropping.json").returncode)
        sent(network, 20)
        following = Controller(network, "--mode", "drv")
        expect("packets, beside the next run", 20, packets(network, "dropping"))
        within(PATIENCE, "the next run has them", lambda: reported() == named)
        network.inside(network.receiver, "tc", "filter", "del", "dev", "right0", "ingress", "prio", 300)
        following.wait_for(
            r"warning: programs of your own: right0: 'behind' is on its hook \(tc-ingress, mode tc\) no more"
        )

        def outages():
            rows = json.loads(network.nicsentry("status", "-i", "right0", "--json").stdout)
            return [one for row in rows if row["ours"] for one in row["run"]["outages"]]

        within(PATIENCE, "it is an outage in status", lambda: [one["name"] for one in outages()] == ["behind"])
        (outage,) = outages()
        expect("the outage", ("right0", "tc-ingress", "tc"), (outage["interface"], outage["hook"], outage["mode"]))
        expect_text("what to do", "nicsentry programs load puts it there again", outage["reason"])
        time.sleep(2.1)  # two looks later
        expect("since when", outage["since_ns"], outages()[0]["since_ns"])
        expect_text("status", "NOT ON ITS HOOK: 'behind' of your own", network.nicsentry("status").stdout)
        for name in ("dropping", "behind"):
            network.inside(network.receiver, *none, BINARY, "programs", "unload", name)
        following.wait_for(r"info: programs of your own: unloaded behind from right0")
        within(PATIENCE, "no outage of what is not loaded", lambda: outages() == [])
        unload(network, "elsewhere")
        following.stop()
        check_nothing_left(network)


def document_case(directory):
    """The commands of docs/own-programs.md about monitors succeed, in their order."""
    text = (REPOSITORY / "docs" / "own-programs.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```c\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    with Network(directory) as network:
        monitor = next(block for block in blocks if "handle_rx" in block)
        write_monitor(network, "monitor", monitor, monitor)
        (network.directory / "counter.c").write_text(blocks[0], encoding="utf-8")
        network.directory.chmod(0o755)
        commands = re.findall(r"^    nicsentry (programs .*)$", text, re.MULTILINE)
        for command in commands:
            line = f"cd {network.directory} && {BINARY} {command.replace('eth0', 'right0')}"
            network.inside(network.receiver, "sh", "-c", line)
        expect("commands", 9, len(commands))
        check_nothing_left(network)


PINNED = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
    __uint(pinning, LIBBPF_PIN_BY_NAME);
} SHARED SEC(".maps");
SEC("xdp") int counting(struct xdp_md *ctx)
{
    __u32 key = ctx->rx_queue_index;
    __u64 *seen = bpf_map_lookup_elem(&SHARED, &key);
    %s
        __sync_fetch_and_add(seen, 1);
    return XDP_PASS;
}
char _license[] SEC("license") = "GPL";
"""


def pinned_case(directory):
    """A map that asks to be pinned by its name is left in no BPF file system, whatever becomes of the program."""
    with Network(directory) as network:
        headers = f"/usr/include/{os.uname().machine}-linux-gnu"
        for name, condition in (("right", "if (seen)"), ("wrong", "")):
            source, path = network.directory / f"{name}.c", network.directory / f"{name}.o"
            source.write_text(PINNED % condition, encoding="ascii")
            run("clang", "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-idirafter", headers, "-c", source, "-o", path)

        before = network.directory / "before"

        def left(*words, status=0):
            """Checks that /sys/fs/bpf has what it had before the command. Returns its standard error."""
            alone = 'mount -t bpf bpf /sys/fs/bpf; ls -A /sys/fs/bpf > "$0"; "$@"; echo "status $?"; ls -A /sys/fs/bpf'
            done = network.inside(
                network.receiver,
                "unshare",
                "--mount",
                "sh",
                "-c",
                alone,
                before,
                BINARY,
                "programs",
                *words,
                check=False,
            )
            said, _, files = done.stdout.rpartition("status ")
            ended, *files = files.split()
            expect(f"{words}, exit status ({said}{done.stderr})", str(status), ended)
            found = before.read_text(encoding="utf-8").split()
            # libxdp has a directory of its own for what is loaded.
            expect(f"{words}, what is in /sys/fs/bpf, as before", found, [name for name in files if name != "xdp"])
            return done.stderr

        right, wrong = network.directory / "right.o", network.directory / "wrong.o"
        left("check", right)
        left("check", wrong, status=1)
        left("lint", right, status=1)  # the kernel takes it, a card does not
        left("load", "-i", "right0", wrong, "--mode", "drv", status=1)
        said = left("load", "-i", "right0", right, "--mode", "drv")
        expect_text("a load", "map SHARED is not pinned by its name for other objects", said)
        unload(network, "right")
        check_nothing_left(network)


CASES = {
    "modes": modes_case,
    "priorities": priorities_case,
    "replaced under traffic": replace_case,
    "directions": directions_case,
    "alone on XDP": xdp_case,
    "names and ports": names_case,
    "status": status_case,
    "crafted names": crafted_case,
    "killed while it loads": kill_case,
    "beside a run": beside_run_case,
    "maps that ask to be pinned": pinned_case,
    "docs own-programs.md": document_case,
}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
