# SPDX-License-Identifier: GPL-2.0-only
"""In the virtual machine: `nicsentry` in mode hw on the card's ports nfp0 and nfp1.

    cases.py SUITE DIRECTORY [CASE ...]     DIRECTORY: what test_hw.py prepared
"""
import json
import os
import pathlib
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

# pylint: disable=wrong-import-position
from card import Program, bpftool, programs_on_card, send, statistics, write  # noqa: E402
from compare import BINARY, REPOSITORY, Mismatch, expect, expect_text, read_windows, run_cases  # noqa: E402
from network import Controller, run  # noqa: E402
from test_live import check_nothing_lost, check_sample, check_sessions, summed, totals  # noqa: E402

OBJECTS = pathlib.Path(BINARY).parent / "bpf_offload"
CARD = REPOSITORY / "hw" / "vnfp-card"
CLAIMS = pathlib.Path("/run/nicsentry")


class Traffic:
    """What passes the card, and what the model says of it as one window."""

    def __init__(self, directory):
        self.list = json.loads((directory / "traffic.json").read_text(encoding="ascii"))
        self.window = pickle.loads((directory / "model.pickle").read_bytes())
        self.packets = self.window.packets_in
        self.on_sessions = sum(session.packets_server + session.packets_client
                               for session in self.window.sessions.values())  # fmt: skip


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


def controller(machine, *arguments, ports=("nfp0",), window="60s"):
    return Controller(machine, *arguments, ports=ports, window=window)


def nicsentry(*arguments):
    return run(BINARY, *arguments, check=False)


def refused(*arguments):
    """The words of a command that is to fail."""
    done = nicsentry(*arguments)
    expect(f"exit status of nicsentry {' '.join(map(str, arguments))} ({done.stderr!r})", 1, done.returncode)
    return done.stderr


def offload(port, name, how="xdpoffload"):
    run("ip", "link", "set", "dev", port, how, "obj", OBJECTS / name, "sec", "xdp")


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


def settle():
    """Until the controller has read what was sent: it looks every 10 ms; the machine is slow."""
    time.sleep(0.3)


def adoption_case(directory, traffic):
    with Machine(directory) as machine:
        offload("nfp0", "ddos.o")
        attached = xdp_on("nfp0")
        Program(0).packet(traffic.list[0])  # nobody home: counted, no event
        watching = controller(machine)
        expect_text("log", f"nfp0: mode hw, taking over program 'ddos' (id {attached['hw']}, attached by hand)",
                    watching.log())  # fmt: skip
        send([Program(0)], traffic.list)
        settle()
        check_sample(traffic, watching.stop())
        expect("programs after the run", attached, xdp_on("nfp0"))
        expect("control after the run", bytes(56), Program(0).control.lookup(0))
        expect_text("status", "attached by hand", nicsentry("status").stdout)
        take_off("nfp0")
        check_clean()


def formats_case(directory, traffic):
    with Machine(directory) as machine:
        watching = controller(machine, "--mode", "hw", "--format", "csv,seed-json,seed-csv",
                              ports=("nfp0", "nfp1"))  # fmt: skip
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
            rows = [len((output / f"{name}.{kind}").read_text(encoding="utf-8").splitlines()) for kind in ("csv", "jsonl")]
            expect(f"rows of {name}.csv, with a header, and {name}.jsonl", rows[1] + 1, rows[0])
        check_clean()
    return ", ".join(sorted(path.name for path in output.iterdir()))


CASES = {
    "card": {
        "a program attached with ip link is adopted, and left there": adoption_case,
        "two ports are one analysis, exact in every format": formats_case,
    },
}


def main(suite, prepared, *only):
    traffic = Traffic(pathlib.Path(prepared))
    for port in ("nfp0", "nfp1"):
        run("ip", "link", "set", "dev", port, "up")
    CLAIMS.mkdir(exist_ok=True)
    sys.argv[1:] = only

    def bound(case):
        def call():
            with tempfile.TemporaryDirectory() as directory:
                return case(directory, traffic)

        return call

    return run_cases([(name, bound(case)) for name, case in CASES[suite].items()])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
