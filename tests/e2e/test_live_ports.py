#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A port under a run, and what is left of it: adoption, death, strangers.

    test_live_ports.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import os
import pathlib
import signal
import subprocess
import sys

from compare import BINARY, PATIENCE, expect, expect_text, read_windows
from network import MODES, Controller, Network, run
from programs import id_of, load_stranger
from sample import bundled, check_sample, check_sessions, totals
from suite import run_directory_cases


def adoption_case(directory, sample):
    with Network(directory) as network:
        for mode, flag in (("drv", "xdpdrv"), ("skb", "xdpgeneric")):
            program = pathlib.Path(BINARY).parent / "bpf_offload" / "ddos_drv.o"
            network.inside(network.receiver, "ip", "link", "set", "dev", "right0", flag, "obj", program, "sec", "xdp")
            attached = network.program_id()
            network.send(sample.path, sample.packets)  # nobody home
            controller = Controller(network)
            expect_text("log", f"mode {mode}, adopting", controller.log())
            expect("program id", attached, network.program_id())
            network.send(sample.path, sample.packets)
            check_sample(sample, controller.stop())
            expect("program id after the run", attached, network.program_id())
            network.inside(network.receiver, "ip", "link", "set", "dev", "right0", flag, "off")


def vanishing_case(directory, sample):
    with Network(directory, pairs=2) as network:
        controller = Controller(network, "--mode", "drv", ports=("right0", "right1"))
        network.send(sample.path, sample.packets, port="left1")
        run("ip", "-n", network.receiver, "link", "del", "right1")
        controller.wait_for(r"error: .*right1.*gone")
        pins = sorted(path.name.split("-")[1] for path in network.pins.iterdir())
        expect("ports whose programs are pinned", [str(network.link()["ifindex"])], pins)
        network.send(sample.path, sample.packets)
        sessions, books = totals(read_windows(controller.stop(status=1)))
        expect(
            "packets_in of each port",
            (sample.packets, sample.packets),
            tuple(sum(row["packets_in"] for row in books if row["interface"] == port) for port in ("right0", "right1")),
        )
        check_sessions(sample, sessions, times=2)
        network.check_clean()


COUNT_FRAMES = """
import socket
receiver = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
receiver.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
receiver.bind(("right0", 3))
print("ready", flush=True)
frames = 0
receiver.settimeout(10)
try:
    while True:
        receiver.recv(65536)
        frames += 1
        receiver.settimeout(1)
except socket.timeout:
    print(frames)
"""


def killed_case(directory, sample):
    with Network(directory) as network:
        first = Controller(network, "--mode", "drv")
        attached = network.program_id()
        network.send(sample.path, sample.packets)
        first.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        expect("program id after SIGKILL", attached, network.program_id())
        listener = network.start(network.receiver, "/usr/bin/python3", "-c", COUNT_FRAMES, stdout=subprocess.PIPE)
        listener.stdout.readline()
        network.send(sample.path, sample.packets)
        expect("frames that the stack got", sample.packets, int(listener.stdout.readline()))
        listener.wait(timeout=PATIENCE)
        second = Controller(network, "--mode", "drv")
        expect_text("log", f"(id {attached}, attached by a run that died)", second.log())
        expect("program id of the second run", attached, network.program_id())
        network.send(sample.path, sample.packets)
        check_sample(sample, second.stop())
        network.check_clean()


def second_controller_case(directory, sample):
    with Network(directory) as network:
        network.nicsentry("attach", "-i", "right0", "--mode", "tc")
        first = Controller(network, "--mode", "drv")
        attached = network.program_id()
        refused = network.nicsentry("run", "-i", "right0", "--windows", 1, "--window", "1s", check=False)
        expect("exit status of the second", 1, refused.returncode)
        expect_text("stderr of the second", "right0", refused.stderr)
        expect_text("stderr of the second", str(first.process.pid), refused.stderr)
        expect("program id", attached, network.program_id())
        for container in ((), ("unshare", "--mount", "--pid", "--fork", "--mount-proc")):
            elsewhere = network.directory / "elsewhere"
            for words in (("run", "-i", "right0", "--windows", 1), ("detach", "-i", "right0")):
                refused = network.inside(
                    network.receiver,
                    "env",
                    f"NICSENTRY_RUNTIME_DIR={elsewhere}",
                    *container,
                    BINARY,
                    *words,
                    check=False,
                )
                expect(f"{words} with another runtime directory, exit status", 1, refused.returncode)
                expect_text(f"{words}, stderr", f"process {first.process.pid}", refused.stderr)
                expect_text(f"{words}, stderr", f"runtime directory {network.directory}/runtime", refused.stderr)
                expect(f"{words}: of another container", bool(container), "another container" in refused.stderr)
        expect("program id", attached, network.program_id())
        shown = network.inside(
            network.receiver, "env", f"NICSENTRY_RUNTIME_DIR={elsewhere}", BINARY, "status", "-i", "right0"
        ).stdout
        expect_text("status", f"driven by process {first.process.pid} with the runtime directory", shown)
        expect_text("status of the idle one", f"not used by the run of process {first.process.pid}; to take", shown)
        network.send(sample.path, sample.packets)
        check_sample(sample, first.stop())
        network.nicsentry("detach", "-i", "right0", "--mode", "tc")
        network.check_clean()


def foreign_case(directory, sample):
    descriptor = load_stranger()
    try:
        stranger = id_of(descriptor)
        with Network(directory) as network:
            network.inside(network.receiver, "bpftool", "net", "attach", "xdpdrv", "id", stranger, "dev", "right0")
            for mode in ("auto", "drv", "skb"):
                refused = network.nicsentry("run", "-i", "right0", "--mode", mode, "--windows", 1, check=False)
                expect(f"--mode {mode}, exit status", 1, refused.returncode)
                expect_text(f"--mode {mode}, stderr", "stranger", refused.stderr)
                expect_text(f"--mode {mode}, stderr", "right0", refused.stderr)
                expect(f"--mode {mode}, program id", stranger, network.program_id())
            controller = Controller(network, "--mode", "tc")  # there is room
            network.send(sample.path, sample.packets)
            check_sample(sample, controller.stop())
            expect("program id after a run on TC", stranger, network.program_id())
    finally:
        os.close(descriptor)


def hints_case(directory):
    """Where a program of nicsentry's is in the way, `run` and `attach` name the command that helps, and it does."""
    with Network(directory) as network:

        def refused(*words):
            done = network.nicsentry(*words, check=False)
            expect(f"exit status of {words}", 1, done.returncode)
            return done.stderr

        run_once = ("run", "-i", "right0", "--windows", 1, "--window", "100ms")
        network.nicsentry("attach", "-i", "right0", "--mode", "skb", "--profile", "ddos")
        for words, advised in (
            (
                ("attach", "-i", "right0"),
                "EEXIST: right0 has a program of nicsentry already: 'ddos'; drive it with: nicsentry run -i right0; "
                "take it off with: nicsentry detach -i right0",
            ),
            ((*run_once, "--mode", "drv"), ": run with --mode skb, or detach it first"),
            ((*run_once, "--profile", "crypto"), " does not serve profile crypto; detach it first"),
            ((*run_once, "--firewall"), " has no firewall; detach it first"),
            ((*run_once, "--sessions", 100000), " has maps for 65536 sessions, not for 100000; detach it first"),
        ):
            expect_text(f"words of {words}", advised, refused(*words))
        network.nicsentry(*run_once)
        network.nicsentry(*run_once, "--mode", "skb")
        network.nicsentry("detach", "-i", "right0")
        expect_text(
            "words of a second detach", "nothing of nicsentry's is on right0\n", refused("detach", "-i", "right0")
        )
        network.nicsentry(*run_once, "--mode", "drv", "--profile", "crypto")
        network.check_clean()


def extract_case(directory, sample):
    with Network(directory) as network:
        controller = Controller(network, "--mode", "drv")
        network.send(sample.path, sample.packets)
        said = network.nicsentry("extract", "-i", "right0")
        windows = read_windows(controller.output)
        expect("windows after extract", [0], sorted(windows))
        check_sample(sample, controller.output)
        network.send(sample.path, sample.packets)
        sessions, books = totals(read_windows(controller.stop()))
        expect("windows", [0, 1], sorted({row["window"] for row in books}))
        check_sessions(sample, sessions, times=2)
        network.check_clean()
        nobody = network.nicsentry("extract", "-i", "right0", check=False)
        expect("extract without a controller, exit status", 1, nobody.returncode)
        expect_text("extract without a controller, stderr", "right0", nobody.stderr)
    return " ".join(said.stdout.split())


def clean_case(directory):
    """A clsact that was there before stays."""
    with Network(directory) as network:
        for how in (signal.SIGINT, signal.SIGTERM):
            for options in MODES.values():
                Controller(network, *options).stop(how=how)
                network.check_clean()
        run("tc", "-n", network.receiver, "qdisc", "add", "dev", "right0", "clsact")
        Controller(network, *MODES["tc egress"]).stop()
        qdiscs = run("tc", "-n", network.receiver, "qdisc", "show", "dev", "right0").stdout
        expect_text("qdiscs after a run beside another's clsact", "clsact", qdiscs)
        for side in ("ingress", "egress"):
            filters = run("tc", "-n", network.receiver, "filter", "show", "dev", "right0", side).stdout
            expect(f"{side} filters", "", filters.strip())


def on_sample(case):
    return lambda directory: case(directory, bundled())


def main():
    return run_directory_cases(
        {
            "adoption after ip link": on_sample(adoption_case),
            "a port disappears": on_sample(vanishing_case),
            "SIGKILL": on_sample(killed_case),
            "second controller": on_sample(second_controller_case),
            "foreign program": on_sample(foreign_case),
            "what run and attach advise": hints_case,
            "extract": on_sample(extract_case),
            "port left clean": clean_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
