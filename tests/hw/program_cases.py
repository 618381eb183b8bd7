# SPDX-License-Identifier: GPL-2.0-or-later
"""In the virtual machine: programs of a user's own on the card's ports nfp0 and nfp1.

    program_cases.py SUITE DIRECTORY [CASE ...]     DIRECTORY: objects that test_hw.py compiled
"""
import itertools
import json
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from card import Program, bpftool, programs_on_card, statistics, write  # noqa: E402
from cases import (  # noqa: E402
    BINARY,
    CARD,
    CLAIMS,
    PATIENCE,
    REPOSITORY,
    Machine,
    check_clean,
    controller,
    expect,
    expect_text,
    flow,
    nicsentry,
    refused,
    run,
    settle,
    xdp_on,
)
from compare import read_windows  # noqa: E402
from sample import summed  # noqa: E402
from suite import Mismatch, run_cases, tries, within  # noqa: E402

DOCUMENT = REPOSITORY / "docs" / "own-programs.md"
PINS = pathlib.Path("/sys/fs/bpf/nicsentry/programs")


def load(path, *arguments, port="nfp0"):
    done = nicsentry("programs", "load", "-i", port, path, "--mode", "hw", *arguments)
    expect(f"exit status of programs load {path} ({done.stderr!r})", 0, done.returncode)
    return done.stdout


def shown(name):
    return json.loads(nicsentry("programs", "show", name, "--json").stdout)


def unload(name):
    done = nicsentry("programs", "unload", name)
    expect(f"exit status of programs unload {name} ({done.stderr!r})", 0, done.returncode)


def read(name, *arguments):
    done = nicsentry("programs", "read", name, *arguments)
    expect(f"exit status of programs read {name} ({done.stderr!r})", 0, done.returncode)
    return json.loads(done.stdout)


def value_of(name, key=0):
    """The one metric of a program, an array: an element."""
    (metric,) = read(name)["ingress-metrics"]
    return metric["value"][key]


def map_id(program, name):
    """Of the map with this name that a program on the card has."""
    described = bpftool("prog", "show", "id", str(program))
    (number,) = [one for one in described["map_ids"] if bpftool("map", "show", "id", str(one))["name"] == name]
    return number


def count(name, key, offset, number=1):
    """The program on nfp0 adds to a word of 8 bytes."""
    write("add", f"{map_id(xdp_on('nfp0')['hw'], name)} {key} {offset} {number} 8\n")


def monitor(directory, prepared, **options):
    path = pathlib.Path(directory) / "monitor.json"
    config = {"name": "rows", "map-name": "rows", "extraction-options": options}
    metadata = {"type": "Counter", "help": "rows"}
    path.write_text(
        json.dumps(
            {
                "ingress-path": {
                    "name": "rows",
                    "object": str(prepared / "rows.o"),
                    "metric-configs": [{**config, "open-metrics-metadata": metadata}],
                }
            }
        ),
        encoding="utf-8",
    )
    return path


def host_writes():
    """How many values the host has written to maps on the card."""
    lines = pathlib.Path("/sys/kernel/debug/vnfp/writes").read_text(encoding="ascii").splitlines()
    return sum(not line.startswith("#") for line in lines)


def alone_case(_, prepared):
    """A program is loaded, listed, read, replaced and taken off; another one is not put beside it."""
    expect("what load says", "loaded counter: nfp0, ingress hw\n", load(prepared / "counter.o"))
    on_card = programs_on_card()["nfp0"]
    path = shown("counter")["paths"][0]
    expect("the program on the card", on_card["id"], path["program_id"])
    expect("NFP instructions", on_card["bytes_jited"] // 8, path["nfp_instructions"])
    expect("attached", ("hw", True), (path["mode"], path["attached"]))
    expect("list", "counter: nfp0, ingress hw\n", nicsentry("programs", "list").stdout)
    count("packets", 0, 0, 41)
    expect("read", 41, value_of("counter"))
    expect("read again: nothing is taken", 41, value_of("counter"))
    expect_text(
        "words of another load",
        f"program {on_card['id']} (count_packets) is on the card, where one program runs a port",
        refused("programs", "load", "-i", "nfp0", prepared / "counter.o", "--mode", "hw", "--name", "second"),
    )
    expect_text("what load says", "replaced counter: nfp0, ingress hw", load(prepared / "counter.o"))
    if programs_on_card()["nfp0"]["id"] == on_card["id"]:
        raise Mismatch("the program was not replaced")
    expect("read of the new one", 0, value_of("counter"))
    unload("counter")
    check_clean()
    return f"{path['nfp_instructions']} NFP instructions"


def with_case(directory, prepared):
    """A run adopts the analyser with the function, and counts; meanwhile nobody takes either away."""
    with Machine(directory) as machine:
        said = load(prepared / "function.o", "--with", "ddos", "--name", "mine")
        expect("what load says", "loaded mine: nfp0, ingress hw with ddos\n", said)
        path = shown("mine")["paths"][0]
        expect("its own maps", ["packets"], [one["name"] for one in path["maps"]])
        expect_text("status", "'mine' of your own", nicsentry("status").stdout)
        expect_text("status", "called by nicsentry's program", nicsentry("status").stdout)
        expect_text(
            "words of detach", "remove it with: nicsentry programs unload mine", refused("detach", "-i", "nfp0")
        )
        watching = controller(machine)
        expect_text("log", "mode hw, adopting program 'ddos'", watching.log())
        card = Program(0)
        for number in range(20):
            card.packet(flow(number))
        count("packets", 0, 0, 20)
        settle()
        expect("read under the run", 20, value_of("mine"))
        pid = watching.process.pid
        words = f"mine is part of the program 'ddos' on nfp0, which a run drives, process {pid}; end the run first"
        expect_text("words of unload", words, refused("programs", "unload", "mine"))
        again = refused("programs", "load", "-i", "nfp0", prepared / "function.o", "--mode", "hw", "--name", "mine")
        expect_text("words of load", words, again)
        books = read_windows(watching.stop())[0]["books"]
        expect("packets of the run", 20, summed(books, "packets_in"))
        expect("still there", path["program_id"], xdp_on("nfp0")["hw"])
        expect("read after the run", 20, value_of("mine"))
        del card
        unload("mine")
        check_clean()
    return f"{path['nfp_instructions']} NFP instructions"


def with_killed_run_case(directory, prepared):
    """What a killed run has pinned goes with the function."""
    with Machine(directory) as machine:
        load(prepared / "function.o", "--with", "crypto", "--name", "mine")
        watching = controller(machine, profile="crypto")
        watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        unload("mine")
        for path in CLAIMS.iterdir():
            path.unlink()
        check_clean()


def lengths_case(_, prepared):
    """The lint says beforehand how long each build is."""
    said = []
    for program in ("ddos", "crypto"):
        load(prepared / "function.o", "--with", program, "--name", "mine")
        path = shown("mine")["paths"][0]
        unload("mine")
        text = refused("programs", "load", "-i", "nfp0", prepared / "long.o", "--mode", "hw", "--with", program)
        found = re.search(r"length: (\d+) NFP instructions predicted .*at most 2560", text)
        alone = re.search(rf"'{program}' alone has (\d+) of them", text)
        if not found or not alone:
            raise Mismatch(f"no figures in {text!r}")
        expect("nothing was loaded", {}, xdp_on("nfp0"))
        expect(f"{program} alone", objects_length(program), int(alone[1]))
        said.append(f"{program}: {alone[1]} alone, {path['nfp_instructions']} with a function")
    check_clean()
    return "; ".join(said)


def objects_length(program):
    """NFP instructions of the program without a function, as the driver has it."""
    done = nicsentry("attach", "-i", "nfp1", "--mode", "hw", "--profile", program)
    expect(f"exit status of attach ({done.stderr!r})", 0, done.returncode)
    instructions = programs_on_card()["nfp1"]["bytes_jited"] // 8
    expect("exit status of detach", 0, nicsentry("detach", "-i", "nfp1").returncode)
    return instructions


def asked_of_driver():
    """The kernel's log, to which the driver writes, and the card's count of messages."""
    messages = {name: number for name, number in statistics().items() if name.startswith("messages")}
    return len(run("dmesg").stdout.splitlines()), messages


def refusals_case(_, prepared):
    """What does not fit is refused with the lint's words before the driver is asked, and is nowhere afterwards."""
    before = asked_of_driver()
    for name, words in {
        "store": ("store.c:12", "map writes not supported", "write:  __sync_fetch_and_add"),
        "global": ("global.o: no global", "map flags are not supported"),
        "long": ("instruction limit reached (2560 NFP instructions)", "length: ", "at most 2560"),
    }.items():
        text = refused("programs", "load", "-i", "nfp0", prepared / f"{name}.o", "--mode", "hw")
        for word in ("the card of nfp0 does not take it (firmware bpf-2.0.6.124)", *words):
            expect_text(f"words about {name}", word, text)
    expect("what the driver was asked", before, asked_of_driver())
    for arguments, words in {
        ("counter.o", "--with", "ddos"): "it has no function `int on_packet(struct xdp_md *ctx)`",
        ("other_type.o", "--with", "ddos"): "other_type.o: it cannot be linked with 'ddos'",
        ("same_map.o", "--with", "ddos"): "same_map.o: it cannot be linked with 'ddos'",
        ("counter.o", "--priority", 7): "there is no priority on a card, where one program runs a port",
    }.items():
        text = refused("programs", "load", "-i", "nfp0", prepared / arguments[0], "--mode", "hw", *arguments[1:])
        expect_text(f"words about {arguments}", words, text)
    text = refused("programs", "load", "-i", "nfp0", prepared / "function.o", "--mode", "drv", "--with", "ddos")
    expect_text("words about another mode", "with ddos: only on a card (mode hw)", text)
    text = refused("programs", "load", "-i", "lo", prepared / "counter.o", "--mode", "hw")
    expect_text("words about a port without a card", "offloads no programs", text)
    check_clean()


def driver_words_case(_, prepared):
    """Where the lint does not know the firmware it is said where the driver's reason stands."""
    with_firmware("test-short-programs")
    text = refused("programs", "load", "-i", "nfp0", prepared / "long.o", "--mode", "hw")
    for words in ("long.o: the driver of nfp0 does not take it", "does not know the firmware"):
        expect_text("words", words, text)
    (command,) = re.findall(r"dmesg \| .*", text)
    reasons = run("bash", "-c", command).stdout
    expect_text(f"what {command} prints", "instruction limit reached (400 NFP instructions)", reasons)
    with_firmware("agilio-bpf")
    check_clean()


def with_firmware(name):
    run(CARD, "eject")
    run(CARD, "insert", name)
    for port in ("nfp0", "nfp1"):
        run("ip", "link", "set", "dev", port, "up")


def empty_arrays_case(directory, prepared):
    """The elements of an array that is not there before the host writes it are made."""
    with_firmware("test-empty-arrays")
    load(prepared / "counter.o")
    count("packets", 0, 0, 3)
    expect("read", 3, value_of("counter"))
    unload("counter")
    load(monitor(directory, prepared, **{"swap-on-read": True}), "--name", "rows")
    for expected in (1, 2, 3):
        count("rows", 7, 8, expected)
        expect("a window", expected, value_of("rows", 7)["bytes"])
    unload("rows")
    with_firmware("agilio-bpf")
    check_clean()


def differences_case(directory, prepared):
    """Reads that take lose nothing and count nothing twice, and the host writes no word that the card adds to."""
    said = []
    for option in ("empty-on-read", "swap-on-read"):
        load(monitor(directory, prepared, **{option: True}), "--name", "rows")
        writes = host_writes()
        pick = random.Random(3)
        sent = [0] * 8
        seen = [0] * 8
        reads = tries(100)
        began = time.monotonic()
        for _ in range(reads):
            for _ in range(3):
                key, number = pick.randrange(8), pick.randrange(1, 1000)
                count("rows", key, 8, number)
                sent[key] += number
            for key, one in enumerate(read("rows")["ingress-metrics"][0]["value"]):
                seen[key] += one["bytes"]
            text = nicsentry("programs", "read", "rows", "--format", "openmetrics").stdout
            counted = re.findall(r'rows_bytes_total\{[^}]*key="\d+"[^}]*\} (\d+)', text)
            expect(f"{option}: counters that grow", sent, [int(number) for number in counted])
        said.append(f"{option}: {reads} reads in {time.monotonic() - began:.1f} s")
        expect(f"{option}: the sum over all reads", sent, seen)
        expect(f"{option}: values that the host wrote", writes, host_writes())
        unload("rows")
    check_clean()
    return "; ".join(said)


def kills_case(_, prepared):
    """Killed at any moment of a load, a later process finds the program, replaces it and takes it off."""
    pick = random.Random(9)
    began = time.monotonic()
    load(prepared / "counter.o")
    took = time.monotonic() - began
    stages = set()
    wanted = max(20, tries(60))
    for turn in itertools.count():
        if turn >= wanted and len(stages) > 1:
            break
        # Ever later, until one was killed after it had replaced the program.
        delay = pick.uniform(0, 1.1 * took) * max(1, turn / wanted)
        process = subprocess.Popen(
            [BINARY, "programs", "load", "-i", "nfp0", prepared / "counter.o", "--mode", "hw"],
            stdout=subprocess.DEVNULL,
        )
        time.sleep(delay)
        process.kill()
        process.wait()
        found = shown("counter")["paths"][0]
        expect("attached, and on the card", (True, found["program_id"]), (found["attached"], xdp_on("nfp0")["hw"]))
        stages.add(found["program_id"])
    expect_text("load after kills", "replaced counter", load(prepared / "counter.o"))
    expect("loads that are pinned", 1, len(list((PINS / "counter").iterdir())))
    unload("counter")
    check_clean()
    return f"{len(stages)} programs found after kills"


def beside_run_case(directory, prepared):
    """A run in the driver's mode loads, reads and removes a program on its port's card for the commands."""
    with Machine(directory) as machine:
        watching = controller(machine, "--mode", "drv")
        expect_text("what load says", "loaded counter: nfp0, ingress hw", load(prepared / "counter.o"))
        watching.wait_for("loaded counter on nfp0")
        count("packets", 0, 0, 5)
        expect("read", 5, value_of("counter"))
        expect("modes in use", {"hw", "drv"}, set(xdp_on("nfp0")))
        text = refused("programs", "load", "-i", "nfp0", prepared / "store.o", "--mode", "hw", "--name", "store")
        expect_text("words of the run about what does not fit", "map writes not supported", text)
        expect_text("status", "'counter' of your own", nicsentry("status").stdout)
        unload("counter")
        watching.wait_for("unloaded counter from nfp0")
        watching.stop()
        check_clean()

        watching = controller(machine, "--mode", "hw")
        text = refused("programs", "load", "-i", "nfp0", prepared / "counter.o", "--mode", "hw")
        expect_text("words beside a run on the card", "(ddos) is on the card, where one program runs a port", text)
        watching.stop()

        load(prepared / "counter.o")
        watching = controller(machine)
        expect_text("log of a run beside a program on the card", "nfp0: mode drv", watching.log())
        watching.stop()
        text = refused("run", "-i", "nfp0", "--mode", "hw")
        expect_text("words of a run on the card", "remove it with: nicsentry programs unload counter", text)
        unload("counter")
        check_clean()


def sections(*titles):
    """The blocks of these sections of the document: (language, text)."""
    blocks, title, block = [], "", None
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if block is None and line.startswith("## "):
            title = line.removeprefix("## ")
        elif block is None and line.startswith("```") and title in titles:
            block = (line[3:], [])
        elif block is not None and line == "```":
            blocks.append((block[0], block[1]))
            block = None
        elif block is not None:
            block[1].append(line)
    return blocks


def commands(lines):
    """[(command, what the document shows of its output)] of a console."""
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("# "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def shows(expected, text):
    """Whether the lines are in the text in this order; `...` stands for any."""
    at = 0
    for line in expected:
        words = [re.escape(part) for part in line.split("...")]
        found = re.compile("^" + ".*".join(words) + "$" if line != "..." else "", re.MULTILINE).search(text, at)
        if not found:
            return False
        at = found.end()
    return True


class Reader:
    """Types the document's commands into shells, in a directory that has its programs."""

    def __init__(self, place):
        self.place = place
        self.running = None  # in the background
        binaries = place / "bin"
        binaries.mkdir()
        (binaries / "nicsentry").symlink_to(BINARY)
        self.environment = {
            "PATH": f"{binaries}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin",
            "NICSENTRY_BPF_DIR": str(pathlib.Path(BINARY).parent / "bpf_offload"),
        }

    def start(self, command):
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.place,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def answer(self, command):
        """What the command prints."""
        if command.endswith(" &"):
            self.running = self.start(f"exec {command.removesuffix(' &')}")
            within(PATIENCE, "the run listens", lambda: any(CLAIMS.glob("controller-*.sock")))
            return ""
        if command == "kill %1":
            self.running.send_signal(signal.SIGTERM)
            return self.running.communicate(timeout=PATIENCE)[0]
        return self.start(command.replace("hw/vnfp-card", str(CARD))).communicate(timeout=PATIENCE)[0]


def document_case(directory, _):
    """Every command of the document's sections about a card does what it shows."""
    place = pathlib.Path(directory)
    place.chmod(0o755)  # the compiler is another user
    reader = Reader(place)
    names = iter(("lengths.c", "mine.c"))
    seen = 0
    for language, lines in sections("On a card", "With the analyser on a card"):
        if language == "c":
            (place / next(names)).write_text("\n".join(lines) + "\n", encoding="utf-8")
        for command, expected in commands(lines) if language == "console" else []:
            if command == "hw/vnfp run -- bash":
                continue
            text = reader.answer(command)
            seen += 1
            if not shows(expected, text):
                raise Mismatch(f"{command}\nthe document shows\n" + "\n".join(expected) + f"\nseen\n{text}")
    expect("commands", 11, seen)
    check_clean()


CASES = {
    "programs": {
        "a program alone on a port": alone_case,
        "behind the analyser, and a run that adopts both": with_case,
    },
    "programs-more": {
        "every command of the document": document_case,
        "what does not fit, before the driver is asked": refusals_case,
        "lengths of the analyser with a function": lengths_case,
        "a killed run of the analyser with a function": with_killed_run_case,
        "empty-on-read and swap-on-read, to the packet": differences_case,
        "beside a run": beside_run_case,
        "killed while it loads": kills_case,
        "the driver's words with another firmware": driver_words_case,
        "arrays that start out empty": empty_arrays_case,
    },
}


def take_all_off():
    """After a case that failed, so that the next one begins as the first."""
    for line in nicsentry("programs", "list").stdout.splitlines():
        nicsentry("programs", "unload", line.split(":")[0])
    with_firmware("agilio-bpf")
    for path in CLAIMS.iterdir():
        path.unlink()


def main(suite, prepared, *only):
    for port in ("nfp0", "nfp1"):
        run("ip", "link", "set", "dev", port, "up")
    CLAIMS.mkdir(exist_ok=True)
    sys.argv[1:] = only

    def bound(case):
        def call():
            with tempfile.TemporaryDirectory() as directory:
                try:
                    return case(directory, pathlib.Path(prepared))
                except BaseException:
                    take_all_off()
                    raise

        return call

    return run_cases([(name, bound(case)) for name, case in CASES[suite].items()])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
