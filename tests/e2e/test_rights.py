#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What each command needs (docs/security.md): it works with exactly those capabilities, and names each that is missing.

    test_rights.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import os
import pathlib
import re
import resource
import shutil
import struct
import sys

from compare import BINARY, expect, expect_text
from network import Controller, Network, run
from peers import Peers
from suite import REPOSITORY, Mismatch, run_directory_cases

RING_KIB = 2052  # for each processor and program, where there is room
LEAST_RING_KIB = 68
USUAL_KIB = 8192  # of locked memory
BPF, NET, PERF, ADMIN, LOCK = "CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON", "CAP_SYS_ADMIN", "CAP_IPC_LOCK"
PROGRAMS = (BPF, NET, PERF)
COMPILER = (ADMIN, "CAP_SYS_CHROOT", "CAP_SETUID", "CAP_SETGID")  # it is confined
ONE_WINDOW = ("--windows", 1, "--window", "100ms", "-q")
OBJECTS = pathlib.Path(os.environ.get("NICSENTRY_BPF_DIR", REPOSITORY / "build" / "bpf_offload"))


def lock_if_needed(rings):
    """The rings of a machine with many processors are more than the usual limit."""
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    fits = limit == resource.RLIM_INFINITY or rings * RING_KIB * (os.cpu_count() or 1) <= limit >> 10
    return () if fits else (LOCK,)


def with_only(capabilities):
    return ("setpriv", "--bounding-set", ",".join(["-all", *(f"+{name[4:].lower()}" for name in capabilities)]))


class Command:
    """A command, how its state is made before each try, and what it needs."""

    def __init__(self, network, needs, *words, before=None, after=None):
        self.network, self.needs, self.words = network, needs, words
        self.before, self.after = before, after

    def tried(self, capabilities):
        if self.before:
            self.before()
        done = self.network.inside(
            self.network.receiver, *with_only([*capabilities, *lock_if_needed(1)]), BINARY, *self.words, check=False
        )
        if self.after:
            self.after()
        return done

    def check(self):
        what = " ".join(map(str, self.words))
        done = self.tried(self.needs)
        if done.returncode != 0:
            raise Mismatch(f"{what} with {self.needs}: exit status {done.returncode}: {done.stderr}{done.stdout}")
        for missing in self.needs:
            done = self.tried([name for name in self.needs if name != missing])
            said = done.stderr + done.stdout
            expect(f"{what} without {missing}, exit status", 1, done.returncode)
            named = set(re.findall(r"\(missing: ([^)]*)\)", said))
            expect(f"{what} without {missing}, what is named in {said!r}", {missing}, named)


def capture(path):
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28, 1, 0, 64, 17, 0, bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)))
    frame = bytes(12) + b"\x08\x00" + ip + struct.pack(">HHHH", 1000, 2000, 8, 0) + bytes(18)
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    path.write_bytes(head + struct.pack("<IIII", 1000, 0, len(frame), len(frame)) + frame)
    return path


def commands_case(directory):
    """Commands that load, attach, detach or only look."""
    with Network(directory) as network:
        port = ("-i", "right0")
        ours = ("--mode", "drv", "--profile", "ddos")

        def attach():
            network.nicsentry("attach", *port, *ours)

        def detach():
            network.nicsentry("detach", *port, check=False)

        def load():
            network.nicsentry("programs", "load", *port, "--name", "mine", OBJECTS / "ddos_drv.o")

        def unload():
            network.nicsentry("programs", "unload", "mine", check=False)

        rules = network.directory / "rules.json"
        rules.write_text('{"rules": []}', encoding="utf-8")
        replay = ("replay", capture(network.directory / "one.pcap"), "-q", "--profile", "ddos")
        for command in (
            Command(network, PROGRAMS, "run", *port, *ours, *ONE_WINDOW),
            Command(network, PROGRAMS, "run", *port, "--mode", "tc", "--profile", "ddos", *ONE_WINDOW),
            Command(network, (BPF, PERF), "run", *port, *ONE_WINDOW, before=attach, after=detach),  # adopts
            Command(network, PROGRAMS, "attach", *port, *ours, after=detach),
            Command(network, (BPF, NET), "detach", *port, before=attach, after=detach),
            Command(network, (), "status", before=attach, after=detach),
            Command(network, PROGRAMS, *replay),
            Command(network, PROGRAMS, "rules", "explain", "--rules", rules, "src=192.0.2.1"),
            Command(network, PROGRAMS, "programs", "check", OBJECTS / "ddos_drv.o"),
            Command(network, COMPILER, "programs", "check", REPOSITORY / "tests/programs/corpus/arithmetic.c"),
            Command(
                network, PROGRAMS, "programs", "load", *port, "--name", "mine", OBJECTS / "ddos_drv.o", after=unload
            ),
            Command(
                network,
                (NET, *COMPILER),
                *("programs", "load", *port, "--name", "mine", "--mode", "drv"),
                REPOSITORY / "tests/programs/corpus/arithmetic.c",
                after=unload,
            ),
            Command(network, PROGRAMS, "doctor", *port),
            Command(network, (), "programs", "list", before=load, after=unload),
            Command(network, (), "programs", "show", "mine", before=load, after=unload),
            Command(network, (), "programs", "read", "mine", before=load, after=unload),
            Command(network, (NET,), "programs", "unload", "mine", before=load, after=unload),
            Command(network, (), "programs", "lint", OBJECTS / "ddos.o"),
        ):
            command.check()
        network.check_clean()


def user_case(directory):
    """An ordinary user who drives a port is told which rights that takes."""
    with Network(directory) as network:
        network.directory.chmod(0o755)
        program = shutil.copy(BINARY, network.directory / "program")  # the build may be in a directory of root's
        for words in (("run", "-i", "right0", *ONE_WINDOW), ("attach", "-i", "right0"), ("detach", "-i", "right0")):
            user = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
            done = network.inside(network.receiver, *user, program, *words, check=False)
            expect(f"{words[0]}, exit status", 1, done.returncode)
            expect_text(words[0], "EACCES: opening the runtime directory", done.stderr)
            needed = "this needs root (sudo), or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON with a NICSENTRY_RUNTIME_DIR"
            expect_text(words[0], needed, done.stderr)
        network.check_clean()


def by_hand_case(directory):
    """A program that was attached by hand has no pin: whoever looks at it may open all programs."""
    with Network(directory) as network:
        hook = ("xdpdrv", "obj", OBJECTS / "ddos_drv.o", "sec", "xdp")
        run("ip", "-n", network.receiver, "link", "set", "dev", "right0", *hook)
        attached = network.program_id()
        port = ("-i", "right0")
        for words, needs in ((("status",), ()), (("run", *port, *ONE_WINDOW), PROGRAMS), (("detach", *port), PROGRAMS)):
            done = Command(network, needs, *words).tried(needs)
            expect(f"{words[0]} without {ADMIN}, exit status", 1, done.returncode)
            opening = f"EPERM: opening program {attached}: Operation not permitted (missing: {ADMIN})"
            expect_text(f"{words[0]} without {ADMIN}", opening, done.stderr)
            done = Command(network, needs, *words).tried([*needs, ADMIN])
            expect(f"{words[0]} with {ADMIN}, exit status ({done.stderr})", 0, done.returncode)
        network.check_clean()


def firewall_case(directory):
    """A run with the three capabilities serves every command; these have none, and reach it as the same user."""
    with Peers(directory) as peers:
        rights = with_only([*PROGRAMS, *lock_if_needed(1)])
        running = Controller(peers, "--mode", "drv", "--firewall", prefix=rights)
        batch = peers.directory / "batch.json"
        rules = [{"operation": "append", "l4proto": "UDP", "dport": 5300, "action": "drop"}]
        batch.write_text(json.dumps({"rules": rules}), encoding="utf-8")
        for words in (
            ("rules", "apply", batch),
            ("rules", "show"),
            ("rules", "explain", "l4proto=UDP", "dport=5300"),
            ("sets", "add", "some", "192.0.2.1"),
            ("block", "192.0.2.2"),
            ("connections",),
            ("extract",),
            ("rules", "check", batch),
        ):
            port = () if words[1:2] == ("check",) else ("-i", "right0")
            done = peers.inside(peers.receiver, *with_only(()), BINARY, *words, *port, check=False)
            expect(f"{words}, exit status ({done.stderr})", 0, done.returncode)
        running.stop()
        peers.check_clean()


def rings_case(directory):
    """Three ports, both directions: rings are as small as the usual limit asks for. Without room the error says so."""
    with Network(directory, pairs=4) as network:
        ports = [word for number in range(3) for word in ("-i", f"right{number}")]
        words = (BINARY, "run", *ports, "--mode", "drv", "--direction", "both", "--profile", "ddos", *ONE_WINDOW)

        def start(kib, rights):
            limit = ("prlimit", f"--memlock={kib << 10}")
            done = network.inside(network.receiver, *limit, *with_only(rights), *words, check=False)
            for number in range(3):
                network.check_clean(f"right{number}")
            return done

        done = start(USUAL_KIB, PROGRAMS)
        expect(f"with the usual limit, exit status ({done.stderr})", 0, done.returncode)
        told = re.findall(
            r"(right\d/\S+): rings of (\d+) KiB for each processor, not of 2048, so that all", done.stderr
        )
        expect("programs with small rings", 6, len(told))
        expect("all of one size", 1, len({size for _, size in told}))
        done = start(USUAL_KIB, [*PROGRAMS, LOCK])
        expect(f"with {LOCK}, exit status ({done.stderr})", 0, done.returncode)
        expect(f"small rings with {LOCK}", False, "rings of" in done.stderr)

        other = Controller(network, ports=("right3",))  # uses up what the kernel lets each user lock
        refused = start(0, PROGRAMS)
        expect("without room, exit status", 1, refused.returncode)
        missing = f"(missing: {LOCK}, or more RLIMIT_MEMLOCK than 0 KiB: a ring takes {LEAST_RING_KIB} KiB"
        expect_text("without room", missing, refused.stderr)
        other.stop()


if __name__ == "__main__":
    sys.exit(
        run_directory_cases(
            {
                "each command": commands_case,
                "an ordinary user": user_case,
                "a program attached by hand": by_hand_case,
                "commands to a run": firewall_case,
                "rings and locked memory": rings_case,
            }
        )
    )
