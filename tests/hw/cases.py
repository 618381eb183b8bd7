# SPDX-License-Identifier: GPL-2.0-or-later
"""In the virtual machine: `nicsentry` in mode hw on the card's ports nfp0 and nfp1.

    cases.py SUITE DIRECTORY [CASE ...]     DIRECTORY: what test_hw.py prepared
"""
import copy
import ctypes
import functools
import json
import os
import pathlib
import pickle
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from card import (  # noqa: E402
    CONTROL,
    U32,
    UNKNOWN,
    SHARDS,
    Program,
    Tuple,
    bpftool,
    mix,
    programs_on_card,
    raw,
    send,
    statistics,
    write,
)
from card_firewall import VALUES, Firewall, writes  # noqa: E402
from compare import BINARY, PATIENCE, REPOSITORY, expect, expect_text, read_lines, read_windows  # noqa: E402
from layouts import EVENT_HEADER, layout  # noqa: E402
from network import Controller, run  # noqa: E402
from sample import check_nothing_lost, check_sample, summed, totals  # noqa: E402
from suite import Mismatch, run_cases  # noqa: E402

OBJECTS = pathlib.Path(BINARY).parent / "bpf_offload"
CARD = REPOSITORY / "hw" / "vnfp-card"
COSTS = REPOSITORY / "docs" / "hw-costs.md"
CLAIMS = pathlib.Path("/run/nicsentry")
VERIFIED_OFFSET = 216  # of verified_insns in struct bpf_prog_info (linux/bpf.h)
VERIFIED_MOST = 300_000  # beyond it the verifier tracks values that forget() hides (bpf_offload/long_headers.h)


class Traffic:
    """What passes the card, and what the model says of it as one window."""

    def __init__(self, directory):
        self.list = json.loads((directory / "traffic.json").read_text(encoding="ascii"))
        self.stranger = directory / "stranger.o"
        self.offence = directory / "offence"
        self.some = self.list[:100]  # where it is not their contents that matter
        self.use(pickle.loads((directory / "model.pickle").read_bytes()))
        self.host_window = pickle.loads((directory / "host_model.pickle").read_bytes())

    def use(self, window):
        self.window = window
        self.packets = window.packets_in
        self.on_sessions = sum(session.packets_server + session.packets_client for session in window.sessions.values())

    def on_host(self):
        """The same traffic as a program on the host sees it."""
        other = copy.copy(self)
        other.use(self.host_window)
        return other


class Machine:
    """Stands where Network does in the tests on veth pairs."""

    receiver = None

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()

    def start(self, _, *command, **options):
        process = subprocess.Popen([str(word) for word in command], text=True, **options)
        self.processes.append(process)
        return process


def controller(machine, *arguments, ports=("nfp0",), profile="ddos"):
    """The program without the firewall by default: under emulation verifying `sentry` takes ten times longer."""
    return Controller(machine, *arguments, "--profile", profile, ports=ports)


def nicsentry(*arguments):
    return run(BINARY, *arguments, check=False)


def refused(*arguments):
    """The words of a command that is to fail."""
    done = nicsentry(*arguments)
    expect(f"exit status of nicsentry {' '.join(map(str, arguments))} ({done.stderr!r})", 1, done.returncode)
    return done.stderr


def attach(port, path, how="xdpoffload"):
    run("ip", "-force", "link", "set", "dev", port, how, "obj", path, "sec", "xdp")


def take_off(port, how="xdpoffload"):
    run("ip", "link", "set", "dev", port, how, "off")


def xdp_on(port):
    """{mode: program id} as the kernel tells it."""
    shown = json.loads(run("ip", "-d", "-j", "link", "show", "dev", port).stdout)[0].get("xdp", {})
    names = {1: "drv", 2: "skb", 3: "hw"}
    attached = shown.get("attached", [shown] if shown else [])
    return {names[one["mode"]]: one["prog"]["id"] for one in attached}


def check_clean(*ports):
    """Nothing is left: no program, map, pin, claim or socket."""
    for port in ports or ("nfp0", "nfp1"):
        expect(f"XDP programs on {port} after the run", {}, xdp_on(port))
    expect("programs of type xdp left", [], [one for one in bpftool("prog", "show") if one["type"] == "xdp"])
    expect("maps left", [], bpftool("map", "show"))
    expect("pins left", [], [str(path) for path in pathlib.Path("/sys/fs/bpf").rglob("*") if path.is_file()])
    expect("claims and sockets left", [], [path.name for path in CLAIMS.iterdir()])


def check_some(traffic, output):
    """One window has the packets of traffic.some."""
    windows = read_windows(output)
    expect("windows", [0], sorted(windows))
    books = windows[0]["books"]
    check_nothing_lost(books)
    expect("packets in", len(traffic.some), summed(books, "packets_in"))
    expect("bytes in", sum(one["bytes"] for one in traffic.some), summed(books, "bytes_in"))


def settle():
    """Until the controller has read what was sent: it looks every 10 ms; the machine is slow."""
    time.sleep(0.3)


def adoption_case(directory, traffic):
    with Machine(directory) as machine:
        attach("nfp0", OBJECTS / "ddos.o")
        attached = xdp_on("nfp0")
        Program(0).packet(traffic.list[0])  # nobody home: counted, no event
        watching = controller(machine)
        expect_text(
            "log", f"nfp0: mode hw, adopting program 'ddos' (id {attached['hw']}, attached by hand)", watching.log()
        )
        send([Program(0)], traffic.list)
        settle()
        check_sample(traffic, watching.stop())
        expect("programs after the run", attached, xdp_on("nfp0"))
        expect("control after the run", bytes(56), Program(0).control.lookup(0))
        expect_text("status", "attached by hand", nicsentry("status").stdout)
        take_off("nfp0")
        check_clean()


def formats_case(directory, traffic, profile="all"):
    with Machine(directory) as machine:
        watching = controller(
            machine, "--mode", "hw", "--format", "csv,seed-json,seed-csv", profile=profile, ports=("nfp0", "nfp1")
        )
        for port in ("nfp0", "nfp1"):
            expect_text("log", f"{port}: mode hw\n", watching.log() + "\n")
        send([Program(0), Program(1)], traffic.list)
        settle()
        output = watching.stop()
        check_sample(traffic, output)
        books = read_windows(output)[0]["books"]
        expect("planes", [("nfp0", "hw"), ("nfp1", "hw")], [(row["interface"], row["mode"]) for row in books])
        expect("packets of each port", [traffic.packets / 2] * 2, [row["packets_in"] for row in books])
        for name in ("windows", "sessions", "packets"):
            rows = [
                len((output / f"{name}.{kind}").read_text(encoding="utf-8").splitlines()) for kind in ("csv", "jsonl")
            ]
            expect(f"rows of {name}.csv, with a header, and {name}.jsonl", rows[1] + 1, rows[0])
        check_clean()
    return ", ".join(sorted(path.name for path in output.iterdir()))


def messages_since(before):
    now = statistics()
    return {name: now[name] - before[name] for name in now if now[name] != before[name]}


def cap_case(directory, traffic):
    """One session: cap, swap by extract, capture again without a write."""
    packet = next(one for one in traffic.list if one["protocol"] == "UDP")
    with Machine(directory) as machine:
        watching = controller(machine, "--mode", "hw", "--cap", 7)
        card = Program(0)
        for window in (0, 1):
            for _ in range(20):  # one by one, so that the controller's mute is seen
                send([card], [packet])
                time.sleep(0.03)
            settle()
            before = statistics()
            answer = nicsentry("extract", "-i", "nfp0")
            expect(f"exit status of extract ({answer.stderr!r})", 0, answer.returncode)
            said = messages_since(before)
            # Flip; a reading of the one session (whose mute the tick may have looked at meanwhile) and 15 totals.
            expect("messages of updates in a swap", 1, said.get("messages_map_update", 0))
            if not 16 <= said.get("messages_map_lookup", 0) <= 25:
                raise Mismatch(f"messages of lookups in a swap: expected 16 and a few ticks', seen {said}")
            (row,) = read_windows(watching.output)[window]["sessions"].values()
            expect(f"window {window}, packets", 20, row["packets_client"] + row["packets_server"])
            expect(f"window {window}, captured", 7, row["packets_captured"])
        del card  # it holds the maps
        watching.stop()
        _, books = totals(read_windows(watching.output))
        check_nothing_lost(books)
        sent = [row["events_sent"] for row in books]
        if not 14 <= sum(sent) <= 30:
            raise Mismatch(f"events sent: expected 7 a window and a few until the mute took effect, seen {sent}")
        check_clean()
    return f"{sum(sent)} events for 2 x 7 records"


def beside_driver_case(directory, traffic):
    """A stranger on the card leaves the driver to us; we on the card leave the driver to a stranger."""
    with Machine(directory) as machine:
        attach("nfp0", traffic.stranger)
        there = xdp_on("nfp0")["hw"]
        watching = controller(machine)
        expect_text("log", "nfp0: mode drv", watching.log())
        expect("modes in use", {"hw", "drv"}, set(xdp_on("nfp0")))
        write("packet", "".join(f"0 {one['frame']}\n" for one in traffic.list if len(one["frame"]) >= 28))
        settle()
        output = watching.stop()
        check_sample(traffic.on_host(), output)
        expect("programs after the run", {"hw": there}, xdp_on("nfp0"))
        expect_text("words", "is not nicsentry's; it was left as it is", refused("run", "-i", "nfp0", "--mode", "hw"))
        take_off("nfp0")
        check_clean()

        watching = controller(machine, "--mode", "hw")
        attach("nfp0", traffic.stranger, "xdpdrv")
        send([Program(0)], traffic.some)
        settle()
        check_some(traffic, watching.stop())
        expect("modes after the run", ["drv"], list(xdp_on("nfp0")))
        take_off("nfp0", "xdpdrv")
        check_clean()


def second_controller_case(directory, traffic):
    with Machine(directory) as machine:
        watching = controller(machine, "--mode", "hw")
        attached = xdp_on("nfp0")
        pid = watching.process.pid
        for command, words in {
            "run": f"EBUSY: nfp0 is watched already by nicsentry, process {pid}",
            "attach": f"EBUSY: nfp0 is watched already by nicsentry, process {pid}",
            "detach": f"EBUSY: a run drives the programs of nfp0, process {pid}; end it first: kill {pid}",
        }.items():
            expect_text(f"words of {command}", words, refused(command, "-i", "nfp0"))
        expect("programs meanwhile", attached, xdp_on("nfp0"))
        send([Program(0)], traffic.some)
        settle()
        check_some(traffic, watching.stop())
        check_clean()


def attach_case(directory, traffic):
    with Machine(directory) as machine:
        done = nicsentry("attach", "-i", "nfp0", "--mode", "hw", "--profile", "crypto")
        expect_text("words of attach", "nfp0: mode hw", done.stderr)
        expect_text(
            "words of another attach",
            "EEXIST: nfp0 has a program of nicsentry already: 'crypto'",
            refused("attach", "-i", "nfp0"),
        )
        expect_text(
            "words of another profile", "does not serve profile ddos", refused("run", "-i", "nfp0", "--profile", "ddos")
        )
        watching = controller(machine, profile="crypto")
        expect_text("log", "attached by attach", watching.log())
        watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        expect("mode after SIGKILL", ["hw"], list(xdp_on("nfp0")))
        (CLAIMS / f"controller-{watching.process.pid}.sock").unlink(missing_ok=True)
        expect_text("words of detach", "detached from xdp (mode hw)", nicsentry("detach", "-i", "nfp0").stderr)
        expect_text(
            "words of another detach", "ENOENT: nothing of nicsentry's is on nfp0", refused("detach", "-i", "nfp0")
        )
        check_clean()


def taken_over_case(directory, traffic):
    """Somebody replaces, or takes off, the program under the controller."""
    with Machine(directory) as machine:
        for act, seen in (("replaced", ["hw"]), ("taken off", [])):
            watching = controller(machine, "--mode", "hw")
            send([Program(0)], traffic.some)
            settle()
            if act == "replaced":
                attach("nfp0", traffic.stranger)
            else:
                take_off("nfp0")
                watching.wait_for("warning: nfp0/xdp: the program was taken off; it was put back")
                expect("modes after it was put back", ["hw"], list(xdp_on("nfp0")))
                take_off("nfp0")
            watching.wait_for(rf"error: nfp0/xdp: the program was {act}")
            watching.process.wait(timeout=PATIENCE)
            expect(f"exit status ({watching.log()!r})", 3, watching.process.returncode)
            check_some(traffic, watching.output)
            expect("modes after the run", seen, list(xdp_on("nfp0")))
            if seen:
                take_off("nfp0")
            check_clean()


def refusing_card_case(directory, traffic):
    """The card answers a control message with an error: said, the window so far is written, the port is left clean."""
    with Machine(directory) as machine:
        watching = controller(machine, "--mode", "hw")
        send([Program(0)], traffic.some)
        settle()
        write("fail_messages", "1")
        nicsentry("extract", "-i", "nfp0")
        watching.process.wait(timeout=PATIENCE)
        expect(f"exit status ({watching.log()!r})", 1, watching.process.returncode)
        expect_text("log", "error: nfp0/xdp: EINVAL: writing entry 0 of map " + CONTROL, watching.log())
        write("fail_messages", "0")
        check_clean()


def limits_case(directory, traffic):
    for options, words in (
        (("--firewall", "--count-hits"), "--count-hits: a program on a card does not count the hits of entries"),
        (("--direction", "both", "--dedup"), "--dedup: a program on a card cannot note the packets that come in"),
    ):
        expect_text("words of what a card has not", words, refused("run", "-i", "nfp0", "--mode", "hw", *options))
        check_clean()
    expect_text(
        "words for too many sessions",
        "fit into the card's 3072000 map elements",
        refused("run", "-i", "nfp0", "--mode", "hw", "--sessions", 2_000_000),
    )
    check_clean()
    said = refused(
        "run", "-i", "nfp0", "-i", "nfp1", "--mode", "hw", "--profile", "ddos", "--sessions", 700_000, "--windows", 1
    )
    expect_text(
        "words for two ports' worth", "ENOMEM: loading 'ddos' for nfp1 in mode hw: Cannot allocate memory", said
    )
    expect_text("words for two ports' worth", "the card holds 3072000 map elements over all its ports", said)
    expect("expected warnings of libbpf's", 0, said.count("BTF"))
    check_clean()


def conflicts_case(directory, traffic):
    """What of the kernel's tools/testing/selftests/bpf/test_offload.py applies, through our controller."""
    with Machine(directory):
        # Modes: what is there decides, whatever is asked for.
        attach("nfp0", OBJECTS / "ddos.o", "xdpgeneric")
        expect_text(
            "drv beside skb", "run with --mode skb, or detach it first", refused("run", "-i", "nfp0", "--mode", "drv")
        )
        done = nicsentry("run", "-i", "nfp0", "--mode", "hw", "--profile", "ddos", "--window", "20ms", "--windows", 1)
        expect(f"exit status of hw beside skb ({done.stderr!r})", 0, done.returncode)
        expect("modes after it", ["skb"], list(xdp_on("nfp0")))
        take_off("nfp0", "xdpgeneric")
        # A device that offloads nothing.
        run("ip", "link", "add", "other0", "type", "veth", "peer", "name", "other1")
        expect_text(
            "hw on veth", "EOPNOTSUPP: driver veth offloads no programs", refused("run", "-i", "other0", "--mode", "hw")
        )
        run("ip", "link", "del", "other0")
        check_clean()
        # Dump and pin: the kernel tells whose the program and its maps are, and a pin outlives the run.
        nicsentry("attach", "-i", "nfp1", "--mode", "hw")
        program = programs_on_card()["nfp1"]
        expect("device of the program", "nfp1", program["dev"]["ifname"])
        owners = {one["name"]: one.get("dev", {}).get("ifname") for one in bpftool("map", "show")}
        on_card = (CONTROL, "sessions", "counters", "totals", *VALUES)
        expect("devices of the maps", {**dict.fromkeys(on_card, "nfp1"), "records": None}, owners)
        expect("length of the NFP code", 8 * instructions(1), program["bytes_jited"])
        run("bpftool", "prog", "pin", "id", program["id"], "/sys/fs/bpf/kept")
        nicsentry("detach", "-i", "nfp1")
        expect("programs held by the pin", 1, len(programs_on_card()))
        pathlib.Path("/sys/fs/bpf/kept").unlink()
        time.sleep(0.3)  # the last reference goes in the background
        check_clean()
        # An MTU whose frames span several of the card's buffers: the program reads headers only.
        run("ip", "link", "set", "dev", "nfp1", "mtu", 9000)
        done = nicsentry("run", "-i", "nfp1", "--mode", "hw", "--window", "20ms", "--windows", 1)
        run("ip", "link", "set", "dev", "nfp1", "mtu", 1500)
        expect(f"exit status at MTU 9000 ({done.stderr!r})", 0, done.returncode)
        check_clean()


def instructions(port):
    """Of the program that runs on a port, as the card was given it."""
    with open("/sys/kernel/debug/vnfp/programs", encoding="ascii") as lines:
        return {line.split()[0]: int(line.split()[2]) for line in lines if line[0] != "#"}[str(port)]


def port_gone_case(directory, traffic):
    with Machine(directory) as machine:
        watching = controller(machine, "--mode", "hw", ports=("nfp0", "nfp1"))
        send([Program(0), Program(1)], traffic.some)
        settle()
        run(CARD, "remove-port", 1)
        watching.wait_for(r"error: nfp1/xdp: the interface is gone")
        # The stand-in for the program looks at the epoch once: not before the window with that port is over.
        end = time.monotonic() + PATIENCE
        while not (watching.output / "windows.jsonl").exists():
            if time.monotonic() > end:
                raise Mismatch(f"expected the window in which a port went, seen {watching.log()!r}")
            time.sleep(0.05)
        send([Program(0)], traffic.some)
        settle()
        _, books = totals(read_windows(watching.stop(status=1)))
        expect(
            "packets of nfp0",
            len(traffic.some) * 3 // 2,
            sum(row["packets_in"] for row in books if row["interface"] == "nfp0"),
        )
        check_clean("nfp0")
    return "; ".join(line for line in watching.log().splitlines() if "error" in line)


def eject_case(directory, traffic):
    with Machine(directory) as machine:
        watching = controller(machine, "--mode", "hw")
        send([Program(0)], traffic.some)
        settle()
        run(CARD, "eject")
        watching.wait_for(r"error: nfp0/xdp: the interface is gone")
        watching.process.wait(timeout=PATIENCE)
        expect(f"exit status ({watching.log()!r})", 1, watching.process.returncode)
        expect("programs of type xdp left", [], [one for one in bpftool("prog", "show") if one["type"] == "xdp"])
        expect("maps left", [], bpftool("map", "show"))
        run(CARD, "insert")
        run("ip", "link", "set", "dev", "nfp0", "up")
        check_clean()
        watching = controller(machine, "--mode", "hw")
        send([Program(0)], traffic.some)
        settle()
        check_some(traffic, watching.stop())
        check_clean()


def no_events_case(directory, traffic):
    """CoreNIC: no perf_event_output, so no program of ours on the card."""
    with Machine(directory) as machine:
        watching = controller(machine)
        expect_text("log", "nfp0: mode drv (no better one: hw: no perf_event_output in this firmware)", watching.log())
        write("packet", "".join(f"0 {one['frame']}\n" for one in traffic.list if len(one["frame"]) >= 28))
        settle()
        check_sample(traffic.on_host(), watching.stop())
        expect_text(
            "words of mode hw", "[nfp] event_output: not supported by FW", refused("run", "-i", "nfp0", "--mode", "hw")
        )
        check_clean()
    rows = doctor()
    expect("mode hw", (False, "no perf_event_output in this firmware"), rows["nfp0 mode hw"])
    expect(
        "card",
        (
            True,
            "firmware has map_lookup_elem, get_prandom_u32, xdp_adjust_head, xdp_adjust_tail, "
            "rx_queue_index, arrays, hash tables; has not map_update_elem, map_delete_elem, perf_event_output; "
            "room for 4194304 more map elements",
        ),
        rows["nfp0 card"],
    )
    check_clean()


def doctor():
    return {
        row["subject"]: (row["ok"], row["finding"])
        for row in json.loads(nicsentry("doctor", "-i", "nfp0", "--json").stdout)
    }


def doctor_case(directory, traffic):
    rows = doctor()
    expect("mode hw", (True, "the card takes the program"), rows["nfp0 mode hw"])
    expect(
        "card",
        (
            True,
            "firmware has map_lookup_elem, perf_event_output, get_prandom_u32, xdp_adjust_head, "
            "xdp_adjust_tail, rx_queue_index, arrays, hash tables; has not map_update_elem, map_delete_elem; "
            "room for 3072000 more map elements",
        ),
        rows["nfp0 card"],
    )
    check_clean()


def instructions_case(directory, traffic):
    """Each program is as long on the card as docs/hw-costs.md says, within 5 %."""
    table = {
        name: int(number.replace(",", ""))
        for name, number in re.findall(
            r"^\| `(\w+\.o)` \| ([\d,]+) \|", COSTS.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    seen = {}
    for path in sorted(OBJECTS.glob("*.o")):
        if path.name.endswith(("_tc.o", "_drv.o", "_rawip.o")):
            continue
        run("ip", "link", "set", "dev", "nfp0", "xdpoffload", "obj", path, "sec", "xdp", "verbose")
        seen[path.name] = instructions(0)
        take_off("nfp0")
    expect(f"objects in {COSTS.name} ({seen})", sorted(seen), sorted(table))
    for name, number in seen.items():
        if number > table[name] * 1.05:
            raise Mismatch(f"{name}: expected at most 5 % above the {table[name]} of {COSTS.name}, seen {number}")
    check_clean()
    return str(seen)


def adopted_rules_case(directory, _):
    """sentry.o from `ip link` takes rules into both banks, and counts for them, although its arrays start empty."""
    batch, second = pathlib.Path(directory, "batch.json"), pathlib.Path(directory, "second.json")
    batch.write_text(FIRST_RULES, encoding="utf-8")
    second.write_text(SECOND_RULES, encoding="utf-8")
    with Machine(directory) as machine:
        attach("nfp0", OBJECTS / "sentry.o")
        watching = controller(machine, "--rules", batch, "--yes", profile="all")
        expect_text("log", "adopting program 'sentry'", watching.log())
        wall = Firewall(0)
        check_verdicts([wall], FIRST_PACKETS, "of an adopted program")
        _, counters = wall.drops(*FIRST_PACKETS[0][0], flags=SYN)
        missing = [
            index
            for counter in counters
            for index in (2 * counter, 2 * counter + 1)
            if wall.maps["rule_counters"].lookup(index) is None
        ]
        expect("elements that the program would add to, and does not find", [], missing)
        run(BINARY, "rules", "apply", second)
        check_verdicts([wall], FIRST_PACKETS + SECOND_PACKETS, "of the other bank")
        watching.stop()
        del wall
        take_off("nfp0")
        check_clean()


def restarted_rules_case(directory, _):
    """Adopting an enforcing card with the dead controller's state writes no address and no empty table."""
    state = pathlib.Path(directory, "state")
    blocked = (TCP, ("198.51.100.7", 4000), INSIDE), (UDP, ("203.0.113.200", 4000), INSIDE)
    with Machine(directory) as machine:
        watching = controller(machine, "--mode", "hw", "--state", state, profile="all")
        run(BINARY, "block", "198.51.100.7", "198.51.100.8", "203.0.113.0/24")
        run(BINARY, "unblock", "198.51.100.8")
        watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        wall = Firewall(0)
        expect("verdicts without a controller", [True, True], [wall.drops(*packet)[0] for packet in blocked])
        before = writes([wall])
        expect("addresses that block wrote", True, any(one[1] == "set_addresses" for one in before))
        watching = controller(machine, "--state", state, profile="all")
        expect_text("log", "attached by a run that died", watching.log())
        written = writes([wall])[len(before) :]
        expect("addresses written", [], [one for one in written if one[1] == "set_addresses"])
        expect("verdicts", [True, True], [wall.drops(*packet)[0] for packet in blocked])
        run(BINARY, "unblock", "198.51.100.7", "203.0.113.0/24")
        expect("verdicts afterwards", [False, False], [wall.drops(*packet)[0] for packet in blocked])
        watching.stop()
        del wall
        check_clean()


def verified_instructions(pin):
    """bpf_prog_info.verified_insns (linux/bpf.h) of a pinned program: bpftool does not print it."""
    bpf = functools.partial(ctypes.CDLL(None, use_errno=True).syscall, ctypes.c_long(321))
    path = ctypes.create_string_buffer(os.fsencode(pin))
    attributes = ctypes.create_string_buffer(struct.pack("<QII", ctypes.addressof(path), 0, 0), 128)
    program = bpf(ctypes.c_int(7), attributes, ctypes.c_uint(128))  # BPF_OBJ_GET
    if program < 0:
        raise OSError(ctypes.get_errno(), f"opening {pin}")
    try:
        information = ctypes.create_string_buffer(232)
        attributes = ctypes.create_string_buffer(
            struct.pack("<IIQ", program, len(information), ctypes.addressof(information)), 128
        )
        if bpf(ctypes.c_int(15), attributes, ctypes.c_uint(128)) < 0:  # BPF_OBJ_GET_INFO_BY_FD
            raise OSError(ctypes.get_errno(), f"asking about {pin}")
        return struct.unpack_from("<I", information, VERIFIED_OFFSET)[0]
    finally:
        os.close(program)


def host_kernel_case(_, __):
    """Debian's kernel takes the programs for the host, too: its verifier follows less than newer ones do.

    The machine is emulated: its seconds say nothing."""
    costs = []
    for path in sorted(OBJECTS.glob("*_*.o")):
        pin = f"/sys/fs/bpf/{path.stem}"
        began = time.monotonic()
        kind = "classifier" if path.name.endswith(("_tc.o", "_rawip.o")) else "xdp"
        run("bpftool", "prog", "load", path, pin, "type", kind)
        seconds = time.monotonic() - began
        looked_at = verified_instructions(pin)
        os.unlink(pin)
        costs.append(f"{path.stem} {looked_at} in {seconds:.1f} s")
        if not 0 < looked_at <= VERIFIED_MOST:
            raise Mismatch(f"{path.name}: the verifier looked at {looked_at} instructions, allowed are {VERIFIED_MOST}")
    switched_on = ("--firewall", "--count-hits", "--dedup", "--vlan", "--direction", "both")
    for mode in ("drv", "tc"):
        run(BINARY, "run", "-i", "nfp1", "--mode", mode, *switched_on, "--window", "100ms", "--windows", "1", "-q")
    time.sleep(0.3)  # the last references go in the background
    check_clean()
    return "instructions that the verifier looked at: " + ", ".join(costs)


def offence_case(directory, traffic):
    """A map update in the program: the driver's own words reach whoever runs it, and nothing takes it for accepted."""
    os.environ["NICSENTRY_BPF_DIR"] = str(traffic.offence)
    try:
        expect_text(
            "words of mode hw", "[nfp] map_update: not supported by FW", refused("run", "-i", "nfp0", "--mode", "hw")
        )
        expect("mode hw", (False, "no map_update_elem in this firmware"), doctor()["nfp0 mode hw"])
    finally:
        del os.environ["NICSENTRY_BPF_DIR"]
    check_clean()


def rules_of(*rules):
    return json.dumps({"rules": [{"operation": "append", **rule} for rule in rules]})


# A batch, and what it must say of packets: (packet, drops)
FIRST_RULES = rules_of(
    {"src": "198.51.100.0/24", "action": "drop"},
    {"src": "2001:db8:bad::/48", "l4proto": "TCP", "action": "drop"},
    {"l4proto": "TCP", "dport": "8000-8999", "action": "drop"},
    {"l4proto": "TCP", "conntrack": "INVALID", "action": "drop"},
)
SECOND_RULES = rules_of(
    *({"src": f"203.0.{i}.0/24", "l4proto": "UDP", "dport": 1000 + i, "action": "drop"} for i in range(250))
)
INSIDE, INSIDE6 = ("192.0.2.9", 80), ("2001:db8::9", 80)
TCP, UDP, FIN, SYN, ACK = 6, 17, 0x01, 0x02, 0x10
FIRST_PACKETS = [
    ((TCP, ("198.51.100.7", 4000), INSIDE), {"flags": SYN}, True),
    ((TCP, ("198.51.101.7", 4000), INSIDE), {"flags": SYN}, False),
    ((TCP, ("198.51.101.7", 4000), INSIDE), {"flags": FIN | ACK}, True),
    ((TCP, ("198.51.101.7", 4000), INSIDE), {"flags": ACK, "state": "ESTABLISHED"}, False),
    ((TCP, ("198.51.101.7", 4000), (INSIDE[0], 8500)), {"flags": SYN}, True),
    ((UDP, ("198.51.101.7", 4000), (INSIDE[0], 8500)), {}, False),
    ((TCP, ("2001:db8:bad:1::1", 4000), INSIDE6), {"flags": SYN}, True),
    ((UDP, ("2001:db8:bad:1::1", 4000), INSIDE6), {}, False),
    ((TCP, ("2001:db8:bac:1::1", 4000), INSIDE6), {"flags": SYN}, False),
]
SECOND_PACKETS: list[tuple[tuple, dict, bool]] = [
    ((UDP, ("203.0.249.1", 4000), (INSIDE[0], 1249)), {}, True),
    ((UDP, ("203.0.249.1", 4000), (INSIDE[0], 1248)), {}, False),
    ((UDP, ("203.0.0.255", 4000), (INSIDE[0], 1000)), {}, True),
]


# Rules for fields that the card's programs do not read.
HOST_FIELDS = {
    "icmptype": ("l4proto=ICMP", "icmptype=echo-request"),
    "length": ("length=0-100",),
    "dscp": ("dscp=ef",),
    "ttl": ("ttl=0-5",),
    "vlan": ("vlan=10,none",),
}


def check_refused_fields(walls):
    """Each is refused by its name, before a message; what is in force stays."""
    before = len(writes(walls))
    for field, words in HOST_FIELDS.items():
        expect_text(
            f"a rule with {field}",
            f"{field}: nfp0/xdp is a program for the card, which does not read it; allowed there are src, dst",
            refused("rules", "add", "accept", *words),
        )
    expect("messages of refused rules", before, len(writes(walls)))


def check_verdicts(walls, packets, what):
    for port, wall in enumerate(walls):
        for packet, more, drops in packets:
            expect(f"{what}, nfp{port}: {packet} {more} is dropped", drops, wall.drops(*packet, **more)[0])


def check_bank(wrote, number, walls):
    """All of a batch is in the idle bank, on each port, before the one word that switches; nothing else is written."""
    for port, wall in enumerate(walls):
        mine = [(name, key) for at, name, key in wrote if at == port]
        order = [name for name, _ in mine]
        expect(
            f"nfp{port}: maps in the order of their first write",
            ["interval_nodes", "rule_bits", "rule_actions", "rule_banks", "fw_control"],
            list(dict.fromkeys(order)),
        )
        expect(f"nfp{port}: writes that switch", [("fw_control", 0)], mine[order.index("fw_control") :])
        expect(
            f"nfp{port}: rule_banks", [2 * number, 2 * number + 1], [key for name, key in mine if name == "rule_banks"]
        )
        expect(f"nfp{port}: bank in force", number, wall.control()[0] >> 1 & 1)
        for name, whole in (("rule_bits", 1), ("rule_actions", 1), ("interval_nodes", 4)):
            entries = bpftool("map", "show", "id", str(wall.ids[name]))["max_entries"] // whole
            room = range(number * entries // 2, (number + 1) * entries // 2)
            outside = [key for written, key in mine if written == name and key not in room]
            expect(f"nfp{port}: elements of {name} outside of bank {number}", [], outside)
    first_switch = min(i for i, (_, name, _) in enumerate(wrote) if name == "fw_control")
    expect(
        "writes to banks after the first port has switched",
        [],
        [one for one in wrote[first_switch:] if one[1] != "fw_control"],
    )


def rules_case(directory, _):
    """Rules on both ports of the card: message by message, and what the maps then say of packets."""
    first, second = pathlib.Path(directory, "first.json"), pathlib.Path(directory, "second.json")
    first.write_text(FIRST_RULES, encoding="utf-8")
    second.write_text(SECOND_RULES, encoding="utf-8")
    with Machine(directory) as machine:
        watching = controller(machine, "--mode", "hw", "--rules", first, "--yes", ports=("nfp0", "nfp1"), profile="all")
        walls = [Firewall(0), Firewall(1)]
        check_verdicts(walls, FIRST_PACKETS, "rules from the start")
        in_force = [wall.control() for wall in walls]

        write("fail_messages", "1")
        failed = nicsentry("rules", "apply", second)
        expect(f"exit status of an apply that the card refuses ({failed.stderr!r})", True, failed.returncode != 0)
        expect("control words after it", in_force, [wall.control() for wall in walls])
        check_verdicts(walls, FIRST_PACKETS, "after an apply that failed")

        before = len(writes(walls))
        done = nicsentry("rules", "apply", second)
        expect(f"exit status of rules apply ({done.stderr!r})", 0, done.returncode)
        check_bank(writes(walls)[before:], 1 - (in_force[0][0] >> 1 & 1), walls)
        check_verdicts(walls, FIRST_PACKETS + SECOND_PACKETS, "both batches")
        check_refused_fields(walls)
        check_verdicts(walls, FIRST_PACKETS + SECOND_PACKETS, "after rules that are refused")

        before = len(writes(walls))
        done = nicsentry("block", "192.0.2.77", "2001:db8:77::/48")
        expect(f"exit status of block ({done.stderr!r})", 0, done.returncode)
        blocked = [
            ((UDP, ("192.0.2.77", 1), INSIDE), {"state": "ESTABLISHED"}, True),
            ((UDP, ("2001:db8:77::7", 1), INSIDE6), {}, True),
            ((UDP, ("192.0.2.78", 1), INSIDE), {}, False),
        ]
        check_verdicts(walls, blocked, "blocked")
        cost = len(writes(walls)) - before
        if cost > 2 * 12:
            raise Mismatch(
                f"messages that block an address and a prefix on two ports: expected at most 24, seen {cost}"
            )

        # The program would count the packet.
        _, counters = walls[0].drops(*FIRST_PACKETS[0][0], flags=SYN)
        half = layout("control").unpack(Program(0).control.lookup(0))[0] & 1
        for counter in counters:
            write(
                "add",
                f"{walls[0].ids['rule_counters']} {counter * 2 + half} 0 5 8\n"
                f"{walls[0].ids['rule_counters']} {counter * 2 + half} 8 300 8\n",
            )
        done = nicsentry("rules", "show", "--json")
        expect(f"exit status of rules show ({done.stderr!r})", 0, done.returncode)
        shown = json.loads(done.stdout)
        rule = shown["ingress"]["rules"][0]
        expect("packets and bytes of the first rule", (5, 300), (rule["packets"], rule["bytes"]))
        expect_text(
            "rules explain",
            "a program on a card cannot be asked",
            refused("rules", "explain", "src=192.0.2.1", "dst=192.0.2.9"),
        )
        watching.stop()
        walls.clear()  # they hold maps
        check_clean()
    return f"block of an address and a prefix on two ports: {cost} messages"


def flow(number, vlans=()):
    """A packet of UDP session `number`, as one of the traffic file. `vlans`: ids in its tags, the outer first."""
    source, destination = (f"10.9.{number >> 8}.{number & 255}", 4000), ("192.0.2.9", 53)
    udp = struct.pack(">HHHH", 4000, 53, 12, 0) + b"cost"
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 32, 0, 0x4000, 64, 17, 0) + raw(source[0]) + raw(destination[0])
    frame = bytes(12) + b"".join(struct.pack(">HH", 0x8100, vlan) for vlan in vlans) + b"\x08\0" + ip + udp
    return {
        "vlans": vlans,
        "frame": frame.hex(),
        "bytes": 32,
        "cause": "",
        "protocol": "UDP",
        "source": source,
        "destination": destination,
    }


# How the files write VLANs, and the ids in the tags.
VLANS = {"": (), "5": (5,), "6": (6,), "5.6": (5, 6), "6.5": (6, 5), "4095": (4095,)}


def vlans_case(directory, _):
    """With --vlan the card has the builds that look at tags: the same addresses are a session in each VLAN."""
    said = []
    with Machine(directory) as machine:
        for profile in ("ddos", "crypto"):
            watching = controller(machine, "--mode", "hw", "--vlan", profile=profile)
            card = Program(0)
            packets = [flow(1, vlans) for vlans in VLANS.values()]
            for count in (1, 3):  # what the program does not know, then what it counts by itself
                send([card], [packet for packet in packets for _ in range(count)])
                settle()
            length = instructions(0)
            del card
            output = watching.stop()
            seen = {row["vlan"]: row["packets_client"] for row in read_lines(output / "sessions.jsonl")}
            expect(f"{profile}: packets of the sessions", {vlan: 4 for vlan in VLANS}, seen)
            books = read_lines(output / "windows.jsonl")
            check_nothing_lost(books)
            expect(f"{profile}: packets that the program did not know", len(VLANS), summed(books, "packets_unknown"))
            expect(f"{profile}: packets on sessions", 3 * len(VLANS), summed(books, "packets_on_sessions"))
            check_clean()
            said.append(f"{profile}_vlan.o: {length} NFP instructions")

        # Without the option a session has all of them.
        watching = controller(machine, "--mode", "hw")
        send([Program(0)], [flow(1, vlans) for vlans in VLANS.values()])
        settle()
        rows = read_lines(watching.stop() / "sessions.jsonl")
        expect("without the option", [(len(VLANS), "")], [(row["packets_client"], row["vlan"]) for row in rows])
        check_clean()

        attach("nfp0", OBJECTS / "ddos.o")
        text = refused("run", "-i", "nfp0", "--mode", "hw", "--vlan", "--profile", "ddos")
        expect_text("words about a program that looks at no tags", "does not look at VLAN tags; detach it first", text)
        take_off("nfp0")
        for options in (("--profile", "all"), ("--firewall",)):
            text = refused("run", "-i", "nfp0", "--mode", "hw", "--vlan", *options)
            expect_text(
                f"words about {options}", "the card takes 2560 NFP instructions, and 'sentry' would have 2658", text
            )
            check_clean()
    return "; ".join(said)


def learn(card, flows):
    """The first packet of each session, all at once."""
    epoch, _, *keys = layout("control").unpack(card.control.lookup(0))
    adds, events = [], []
    for one in flows:
        a, _ = Tuple(one["protocol"], one["source"], one["destination"]).fingerprint(keys)
        row = mix(a) % SHARDS * 2 + (epoch & 1)
        adds += [f"{card.totals.number} {row} {8 * at} {addend} 8\n" for at, addend in enumerate((1, 1, one["bytes"]))]
        header = EVENT_HEADER.pack(epoch, UNKNOWN, one["bytes"], 1, 0, 0, 0)
        events.append(f"0 {card.records} {U32} {one['frame']} {header.hex()}\n")
    write("add", "".join(adds))
    before = statistics()["messages_map_update"]
    write("event", "".join(events))
    end = time.monotonic() + PATIENCE
    while statistics()["messages_map_update"] - before < len(flows) and time.monotonic() < end:
        time.sleep(0.1)
    settle()


def stream(one):
    """Until a line comes on standard input: packets of a known session. Prints how many there were."""
    card = Program(0)
    _, config, *keys = layout("control").unpack(card.control.lookup(0))
    a, b = Tuple(one["protocol"], one["source"], one["destination"]).fingerprint(keys)
    counter, _ = card.find(config, a, b)
    print("ready", flush=True)
    sent = 0
    while not select.select([sys.stdin], [], [], 0.001)[0]:
        epoch = layout("control").unpack(card.control.lookup(0))[0]  # the one message that a packet costs here
        half = epoch & 1
        write(
            "add",
            f"{card.counters.number} {counter * 2 + half} 0 1 8\n"
            f"{card.totals.number} {mix(a) % SHARDS * 2 + half} 24 1 8\n",
        )
        header = EVENT_HEADER.pack(epoch, counter, one["bytes"], 1, 0, 0, 0)
        write("event", f"0 {card.records} {U32} {one['frame']} {header.hex()}\n")
        sent += 1
    print(sent, flush=True)


def cost_case(directory, traffic):
    """A window's control messages, and how long they take at 20 us each while events keep flowing."""
    said = []
    with Machine(directory) as machine:
        for sessions in (100, 1000, 10_000):
            watching = controller(machine, "--mode", "hw", "--cap", 1_000_000)
            flows = [flow(number) for number in range(sessions)]
            learn(Program(0), flows)
            streaming = subprocess.Popen(
                [sys.executable, "-B", __file__, "stream", json.dumps(flows[0])],
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            machine.processes.append(streaming)
            streaming.stdout.readline()
            write("message_delay_ns", "20000")
            before = statistics()
            began = time.monotonic()
            answer = subprocess.Popen([BINARY, "extract", "-i", "nfp0"], text=True, stdout=subprocess.DEVNULL)
            flipped = read = None  # from the flip until the last counter was read; files are written after it
            while answer.poll() is None:
                spent = messages_since(before)
                if not flipped and "messages_map_update" in spent:
                    flipped = time.monotonic()
                if (
                    flipped
                    and not read
                    and spent.get("messages_map_lookup", 0) - spent.get("events", 0) >= sessions + 13
                ):
                    read = time.monotonic() - flipped
                time.sleep(0.01)
            took = time.monotonic() - began
            spent = messages_since(before)
            read = read or took
            streamed = spent["events"]
            write("message_delay_ns", "0")
            streaming.communicate("\n")
            settle()
            expect("exit status of extract", 0, answer.returncode)
            output = watching.stop()
            books = [row for row in read_lines(output / "windows.jsonl") if row["window"] == 0]
            lookups, updates = spent["messages_map_lookup"] - streamed, spent["messages_map_update"]
            said.append(
                f"{sessions} sessions: {lookups} lookups, {updates} update, read {read:.2f} s, written {took:.2f} s, "
                f"{streamed} events"
            )
            check_nothing_lost(books)
            # The stand-in for the program may be put off between its look at the epoch and its event; a card is not.
            if summed(books, "events_lost") > 2:
                raise Mismatch(f"events lost: expected none, seen {summed(books, 'events_lost')}; {said}")
            expect("sessions active", sessions, summed(books, "sessions_active"))
            # The flip; and the governor's, ten a second, where the emulated processor is hard put to read the stream.
            if not 1 <= updates <= 11:
                raise Mismatch(f"messages of updates: expected the flip's, seen {updates}; {said}; {watching.log()}")
            if not abs(lookups - (sessions + 15)) <= 2:  # the stream may be amid a packet
                raise Mismatch(f"messages of lookups: expected {sessions} + 15, seen {lookups}; {said}")
            if streamed < 10:
                raise Mismatch(f"expected events meanwhile, seen {said}")
            check_clean()
    return "; ".join(said)


CASES = {
    "card": {
        "the driver takes every program, in as many NFP instructions as said": instructions_case,
        "Debian's kernel takes the programs for the host": host_kernel_case,
        "a program attached with ip link is adopted, and left there": adoption_case,
        "two ports are one analysis, exact in every format": formats_case,
        "the card and the driver at once on one port": beside_driver_case,
        "attach, a run that died, detach": attach_case,
    },
    "refusals": {
        "a program replaced or taken off under the controller": taken_over_case,
        "a second controller is refused": second_controller_case,
        "cap, extract, swap: what they cost in messages": cap_case,
        "an error of the card": refusing_card_case,
        "rules on both ports, bank by bank, message by message": rules_case,
        "rules and sets go on where a controller died": restarted_rules_case,
        "limits of the card's memory": limits_case,
        "conflicts, dump and pin, as the kernel's test_offload.py has them": conflicts_case,
        "a map update in the program is refused in the driver's words": offence_case,
        "doctor lists what the card has": doctor_case,
        "--vlan: the same addresses in each VLAN": vlans_case,
        "a port removed under the controller": port_gone_case,
        "the driver removed under the controller": eject_case,
    },
    "time": {"messages and time of a window": cost_case},
    "no-events": {"a firmware without events: the next mode, and why": no_events_case},
    "empty-arrays": {
        "two ports, exact, although arrays start out empty": functools.partial(formats_case, profile="ddos"),
        "a program attached with ip link is adopted, although its arrays are empty": adoption_case,
        "rules of an adopted program, although its arrays are empty": adopted_rules_case,
    },
}


def take_all_off():
    """After a case that failed, so that the next one begins as the first."""
    for port in ("nfp0", "nfp1"):
        for how in ("xdpoffload", "xdpdrv", "xdpgeneric"):
            run("ip", "link", "set", "dev", port, how, "off", check=False)
    for path in CLAIMS.iterdir():
        path.unlink()


def main(suite, prepared, *only):
    traffic = Traffic(pathlib.Path(prepared))
    for port in ("nfp0", "nfp1"):
        run("ip", "link", "set", "dev", port, "up")
    CLAIMS.mkdir(exist_ok=True)
    sys.argv[1:] = only

    def bound(case):
        def call():
            with tempfile.TemporaryDirectory() as directory:
                try:
                    return case(directory, traffic)
                except BaseException:
                    take_all_off()
                    raise

        return call

    return run_cases([(name, bound(case)) for name, case in CASES[suite].items()])


if __name__ == "__main__":
    if sys.argv[1] == "stream":
        sys.exit(stream(json.loads(sys.argv[2])))
    sys.exit(main(*sys.argv[1:]))
