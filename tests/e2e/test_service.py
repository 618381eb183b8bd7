#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A run as a systemd service: what it tells the service manager, its units, and the rights that these leave it.

    test_service.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry); its build has the units.
"""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from compare import BINARY, PATIENCE, expect, expect_text
from network import Controller, Network, run
from peers import INSIDE, OUTSIDE, Peers
from suite import Mismatch, Skipped, run_directory_cases, within
from systemd import UNITS, Systemd, control_groups

FIREWALL = ("--mode", "drv", "--firewall", "--leave-attached")
MOST_EXPOSED = 3.0  # of 10, as systemd-analyze reckons
WATCHDOG_S = 0.4


class Manager:
    """What systemd is to the run: the socket of NOTIFY_SOCKET."""

    def __init__(self, directory):
        self.path = pathlib.Path(directory) / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(PATIENCE)
        self.environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(self.path),
            "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6)),
        }
        self.environment.pop("WATCHDOG_PID", None)

    def next(self, left_out="WATCHDOG=1"):
        """The next message but those."""
        while True:
            try:
                text = self.socket.recv(8192).decode()
            except TimeoutError as none:
                raise Mismatch(f"expected a message to the service manager within {PATIENCE} s, seen none") from none
            if text != left_out:
                return text

    def told(self, start):
        """The next message begins so."""
        text = self.next()
        if not text.startswith(start):
            raise Mismatch(f"message to the service manager: expected {start!r}, seen {text!r}")
        return text

    def fed(self, seconds):
        """How often the watchdog is fed in this time."""
        end, count = time.monotonic() + seconds, 0
        try:
            while (left := end - time.monotonic()) > 0:
                self.socket.settimeout(left)
                count += self.socket.recv(8192) == b"WATCHDOG=1"
        except TimeoutError:
            pass
        self.socket.settimeout(PATIENCE)
        return count

    def drain(self):
        self.socket.settimeout(0)
        try:
            while self.socket.recv(8192):
                pass
        except BlockingIOError:
            self.socket.settimeout(PATIENCE)


def drops(peers):
    return peers.ask(peers.sender, INSIDE, 5300) == 0


def notify_case(directory):
    """Ready is said when the rules are in force; a reload and the end are said; a manager that is gone ends nothing."""
    with Peers(directory) as peers:
        manager = Manager(directory)
        rules = peers.directory / "rules.json"
        rules.write_text(
            '{"rules": [{"operation": "append", "l4proto": "UDP", "dport": 5300, "action": "drop"}]}', encoding="utf-8"
        )
        peers.echo(peers.receiver, 5300)
        expect("UDP from outside is dropped before the run", False, drops(peers))
        words = ("run", "-i", "right0", *FIREWALL, "--rules", rules, "-q")
        process = peers.start(peers.receiver, BINARY, *words, env=manager.environment, stderr=subprocess.DEVNULL)
        expect("the state", "READY=1\nSTATUS=right0/xdp (drv): the firewall is in force", manager.told("READY=1"))
        expect("UDP from outside is dropped once it is ready", True, drops(peers))
        process.send_signal(signal.SIGHUP)
        expect("a reload's time", True, re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", manager.next()) is not None)
        manager.told("READY=1")
        run("ip", "-n", peers.receiver, "link", "set", "dev", "right0", "xdp", "off")
        # It is put back, or counts as lost.
        process.send_signal(signal.SIGTERM)
        while not (text := manager.next()).startswith("STOPPING=1"):
            expect_text("a message meanwhile", "STATUS=", text)
        expect_text("the last message", "\nWATCHDOG_USEC=0", text)
        process.wait(timeout=PATIENCE)
        watching = Controller(peers, *FIREWALL, env=manager.environment)
        manager.told("READY=1")
        manager.socket.close()
        manager.path.unlink()
        within(PATIENCE, "a warning", lambda: "telling the service manager" in watching.log())
        time.sleep(2 * WATCHDOG_S)
        expect("warnings", 1, watching.log().count("telling the service manager"))
        watching.stop()
        peers.nicsentry("detach", "-i", "right0")
        peers.check_clean()


STANDING = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* The loop stands still while a file is there. */
int epoll_pwait2(int fd, struct epoll_event *events, int count, const struct timespec *limit, const sigset_t *mask)
{
\tint (*real)(int, struct epoll_event *, int, const struct timespec *, const sigset_t *) =
\t\tdlsym(RTLD_NEXT, "epoll_pwait2");

\twhile (access(getenv("STAND_WHILE"), F_OK) == 0)
\t\tusleep(1000);
\treturn real(fd, events, count, limit, mask);
}
"""


def watchdog_case(directory):
    """The loop feeds the watchdog at half of its time; one that stands still does not, though the process lives."""
    source, library = pathlib.Path(directory) / "standing.c", pathlib.Path(directory) / "standing.so"
    source.write_text(STANDING, encoding="ascii")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    stand = pathlib.Path(directory) / "stand"
    with Network(directory) as network:
        manager = Manager(directory)
        faulty = {**manager.environment, "LD_PRELOAD": str(library), "STAND_WHILE": str(stand)}
        watching = Controller(network, "--mode", "drv", env=faulty)
        manager.told("READY=1")
        fed = manager.fed(10 * WATCHDOG_S)
        expect(f"fed {fed} times in ten times of the watchdog: at half of it", True, 3 <= fed <= 21)
        stand.touch()
        manager.fed(WATCHDOG_S)  # what was under way
        expect("fed by a loop that stands still", 0, manager.fed(5 * WATCHDOG_S))
        expect("the process has ended", None, watching.process.poll())
        stand.unlink()
        expect("fed once the loop goes on", True, manager.fed(10 * WATCHDOG_S) > 0)
        watching.stop()
        network.check_clean()


def second_case(directory):
    """A second service on one port is refused with the first one's name."""
    group = control_groups() / f"nicsentry-test-{os.getpid()}@right0.service"
    group.mkdir()
    try:
        with Network(directory) as network:
            first = Controller(network, "--mode", "drv")
            (group / "cgroup.procs").write_text(str(first.process.pid), encoding="ascii")
            refused = network.nicsentry("run", "-i", "right0", "-q", check=False)
            expect("exit status of the second", 1, refused.returncode)
            name = f"process {first.process.pid} ({group.name})"
            expect_text("its words", f"EBUSY: right0 is watched already by nicsentry, {name}", refused.stderr)
            os.environ["NICSENTRY_RUNTIME_DIR"] = str(network.directory / "other")
            refused = network.nicsentry("run", "-i", "right0", "-q", check=False)
            expect_text("with another runtime directory", f"{name}, with the runtime directory", refused.stderr)
            first.stop()
    finally:
        group.rmdir()


def unit_settings(name):
    settings = {}
    for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
        key, found, value = line.partition("=")
        if found and not line.startswith("#"):
            settings.setdefault(key, []).append(value)
    return settings


def rights_case(directory):
    """With the capabilities of the unit a run is started, killed and taken over from, and a ruleset is changed."""
    for unit in ("nicsentry.service", "nicsentry@.service"):
        rights = unit_settings(unit)["CapabilityBoundingSet"]
        expect(f"{unit}, capabilities", ["CAP_BPF CAP_NET_ADMIN CAP_PERFMON"], rights)
    words = [f"+{name[4:].lower()}" for name in rights[0].split()]
    # CAP_IPC_LOCK stands for LimitMEMLOCK=infinity, which not every test machine lets a process set.
    prefix = ("setpriv", "--bounding-set", ",".join(["-all", *words, "+ipc_lock"]))
    with Peers(directory) as peers:
        peers.echo(peers.receiver, 5300)
        options = (*FIREWALL, "--direction", "both", "--state", peers.directory / "state")
        watching = Controller(peers, *options, prefix=prefix)
        peers.rules([{"operation": "append", "l4proto": "UDP", "dport": 5300, "action": "drop"}])
        attached = peers.program_id()
        watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        expect("dropped after a kill", True, drops(peers))
        watching = Controller(peers, *options, prefix=prefix)
        expect("program after the take-over", attached, peers.program_id())
        expect("dropped after the take-over", True, drops(peers))
        watching.stop()
        expect("dropped after a stop", True, drops(peers))
        peers.nicsentry("detach", "-i", "right0")
        peers.check_clean()


def analyzed_units(directory):
    """The units as systemd-analyze takes them: an instance, and a program that is there."""
    if shutil.which("systemd-analyze") is None:
        raise Skipped("there is no systemd-analyze (package systemd)")
    units = []
    for name, instance in (
        ("nicsentry.service", "nicsentry.service"),
        ("nicsentry@.service", "nicsentry@eth0.service"),
    ):
        text = (UNITS / name).read_text(encoding="utf-8")
        text, changed = re.subn(r"^ExecStart=\S+", f"ExecStart={BINARY}", text, flags=re.MULTILINE)
        expect(f"{name}: commands", 1, changed)
        # Manual and documents are not installed here.
        text = re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE)
        unit = pathlib.Path(directory) / instance
        unit.write_text(text, encoding="utf-8")
        units.append(unit)
    return units


def units_case(directory):
    """The units are valid, and their exposure is what docs/operations.md says at most."""
    for unit in analyzed_units(directory):
        done = run("systemd-analyze", "verify", "--man=no", unit, check=False)
        expect(f"{unit.name}, systemd-analyze verify", (0, "", ""), (done.returncode, done.stdout, done.stderr))
        shown = run("systemd-analyze", "security", "--no-pager", "--offline=true", unit, check=False).stdout
        figure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", shown)
        expect(f"{unit.name} has a figure", True, figure is not None)
        if float(figure.group(1)) > MOST_EXPOSED:
            raise Mismatch(f"{unit.name}, exposure: expected {MOST_EXPOSED} at most, seen {figure.group(1)}: {shown}")


PORT_UNIT = "nicsentry@right0.service"
# CAP_IPC_LOCK stands for LimitMEMLOCK=infinity, which not every test machine lets a process set.
SETTINGS = """CapabilityBoundingSet=CAP_IPC_LOCK
WatchdogSec=2s
TimeoutAbortSec=1s
StandardError=append:/run/nicsentry.log
"""
SEVERAL = """EnvironmentFile=
Environment="NICSENTRY_PORTS=-i right0"
Restart=no
"""
COUNT = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
    bound.bind(("0.0.0.0", 5300))
    print("ready", flush=True)
    while True:
        print(bound.recv(100), flush=True)
"""
SEND = """
import socket, sys, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    while True:
        sender.sendto(b"probe", (sys.argv[1], 5300))
        time.sleep(0.001)
"""


def wait_for_other(systemd, former):
    """Waits until the unit is active with another process than that one; returns its number in there."""

    def other():
        number = systemd.shown(PORT_UNIT, "MainPID")
        return number not in ("0", former) and systemd.shown(PORT_UNIT, "ActiveState") == "active"

    try:
        within(PATIENCE, f"{PORT_UNIT} is active with another process than {former}", other)
    except Mismatch as late:
        raise Mismatch(f"{late}; systemd said {systemd.said()!r}, the run {run_log(systemd)!r}") from late
    return systemd.shown(PORT_UNIT, "MainPID")


def run_log(systemd):
    return systemd.inside("cat", "/run/nicsentry.log", check=False).stdout


def systemd_case(directory):
    """Under systemd no packet of a blocked address passes a kill, a loop that stands still, a restart and a stop."""
    with Peers(directory) as peers, Systemd(
        peers, {"nicsentry@.service": SETTINGS, "nicsentry.service": SETTINGS + SEVERAL}
    ) as systemd:
        done = systemd.systemctl("start", PORT_UNIT, check=False)
        said = f"{done.stderr} {systemd.said()} {run_log(systemd)}"
        expect(f"exit status of systemctl start ({said})", 0, done.returncode)
        wanted = "right0/xdp (drv), right0/tc-egress (tc): the firewall is in force"
        expect("the unit's status", wanted, systemd.shown(PORT_UNIT, "StatusText"))
        counter = peers.start(peers.receiver, sys.executable, "-c", COUNT, stdout=subprocess.PIPE)
        expect("the counter", "ready\n", counter.stdout.readline())
        systemd.nicsentry("block", OUTSIDE, "-i", "right0", "--yes")
        sending = peers.start(peers.sender, sys.executable, "-c", SEND, INSIDE)
        attached = peers.program_id()

        first = systemd.shown(PORT_UNIT, "MainPID")
        systemd.inside("kill", "-KILL", first)
        second = wait_for_other(systemd, first)
        expect("restarts after a kill", "1", systemd.shown(PORT_UNIT, "NRestarts"))
        systemd.inside("kill", "-STOP", second)
        third = wait_for_other(systemd, second)
        expect("restarts after a stop by the watchdog", "2", systemd.shown(PORT_UNIT, "NRestarts"))
        systemd.systemctl("reload", PORT_UNIT)
        expect("the unit after a reload", "active success", state_of(systemd))
        expect("the process after a reload", third, systemd.shown(PORT_UNIT, "MainPID"))
        systemd.systemctl("restart", PORT_UNIT)
        wait_for_other(systemd, third)
        expect("program after all that", attached, peers.program_id())

        refused = systemd.systemctl("start", "nicsentry.service", check=False)
        expect("exit status of a second unit's start", 1, refused.returncode)
        expect_text("its words", f"({PORT_UNIT})", run_log(systemd))

        systemd.systemctl("stop", PORT_UNIT)
        expect("the unit after a stop", "inactive success", state_of(systemd))
        expect("program after a stop", attached, peers.program_id())
        sending.kill()
        counter.kill()
        expect("packets of the blocked address that arrived", "", counter.stdout.read())
        expect("packets were sent", True, peers.sent() > 1000)
        systemd.nicsentry("detach", "-i", "right0")
        peers.check_clean()


def state_of(systemd):
    return f"{systemd.shown(PORT_UNIT, 'ActiveState')} {systemd.shown(PORT_UNIT, 'Result')}"


if __name__ == "__main__":
    sys.exit(
        run_directory_cases(
            {
                "what is said": notify_case,
                "the watchdog": watchdog_case,
                "two on one port": second_case,
                "rights of the units": rights_case,
                "units": units_case,
                "under systemd": systemd_case,
            }
        )
    )
