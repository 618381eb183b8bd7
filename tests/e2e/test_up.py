#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry up` and `down`: in the background and under systemd, twice, refused, and what is left on the port.

    test_up.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import os
import pathlib
import signal
import sys
import time

from compare import BINARY, PATIENCE, expect, expect_text
from network import Controller, Network, run
from peers import INSIDE, OUTSIDE, Peers
from suite import run_directory_cases, within
from systemd import CONFIG, Systemd

UNIT = "nicsentry@right0.service"


class Ports:
    """`up` and `down` in the receiving namespace, where systemd is not process 1."""

    def __init__(self, network):
        self.network = network
        self.log = network.directory / "right0.log"
        self.conf = network.directory / "up.conf"
        self.conf.write_text('mode = "drv"\nwindow = "60s"\nleave-attached = true\n', encoding="utf-8")
        self.options = (
            *("--config", self.conf, "--state", network.directory / "kept" / "right0"),
            *("--log-file", self.log),
        )

    def nicsentry(self, *words, status=0):
        # Whether systemd is process 1 of this machine does not matter.
        hidden = 'mount -t tmpfs tmpfs /run/systemd 2>/dev/null; exec "$@"'
        done = self.network.inside(self.network.receiver, "sh", "-c", hidden, "sh", BINARY, *words, check=False)
        expect(f"exit status of {' '.join(map(str, words))} ({done.stderr})", status, done.returncode)
        return done

    def up(self, *words, status=0):
        return self.nicsentry("up", "right0", *self.options, *words, status=status)

    def down(self, status=0):
        return self.nicsentry("down", "right0", status=status)

    def record(self):
        found = list((self.network.directory / "runtime").glob("up-*-right0.json"))
        return json.loads(found[0].read_text(encoding="utf-8")) if found else None


def state_of_port(network, port="right0"):
    """What a run can change of a port: hooks, qdiscs, filters, pins, offloads."""
    link = network.link(port)
    pins = sorted(path.name for path in network.pins.rglob("*")) if network.pins.exists() else []
    return {
        "link": {name: value for name, value in link.items() if name not in ("stats", "stats64")},
        "qdiscs": run("tc", "-n", network.receiver, "qdisc", "show", "dev", port).stdout,
        "ingress": run("tc", "-n", network.receiver, "filter", "show", "dev", port, "ingress", check=False).stdout,
        "egress": run("tc", "-n", network.receiver, "filter", "show", "dev", port, "egress", check=False).stdout,
        "offloads": network.inside(network.receiver, "ethtool", "-k", port).stdout,
        "pins": [name for name in pins if f"-{link['ifindex']}-" in name],
    }


def alive(pid):
    return pathlib.Path(f"/proc/{pid}").exists()


def both_case(directory):
    """Up puts both analyses and the firewall on the port, down leaves it as it was; a second time does nothing."""
    with Peers(directory) as peers:
        ports = Ports(peers)
        before = state_of_port(peers)
        said = ports.up("--online").stderr
        expect_text("what up says", "right0: up on xdp (mode drv), tc-egress (mode tc), process ", said)
        expect_text("what up says", "down again with: nicsentry down right0", said)
        record = ports.record()
        pid = record["pid"]
        expect("its process lives", True, alive(pid))
        expect("its session", pid, os.getsid(pid))
        status = json.loads(ports.nicsentry("status", "-i", "right0", "--json").stdout)
        expect("hooks", ["tc-egress", "xdp"], sorted(row["hook"] for row in status))
        expect("the firewall", True, status[0]["run"]["firewall"])
        expect("the process that drives it", pid, status[0]["controller_pid"])
        sources = {one["name"]: one for one in status[0]["run"]["configuration"]}
        expect("window", f"{ports.conf}:2", sources["window"]["source"])
        expect("direction", ("both", "command line"), (sources["direction"]["value"], sources["direction"]["source"]))
        expect("the analyses", None, sources["profile"]["value"])
        # It filters.
        peers.echo(peers.receiver, 5300)
        ports.nicsentry("block", OUTSIDE, "-i", "right0", "--yes")
        expect("UDP of a blocked address", 0, peers.ask(peers.sender, INSIDE, 5300))
        # A second time.
        again = ports.up("--online").stderr
        expect_text("a second up", f"right0: is up already, process {pid}", again)
        ports.up()
        expect("the same process", pid, ports.record()["pid"])
        refused = ports.up("--direction", "ingress", status=1).stderr
        expect_text("another direction", "is up already with --direction both", refused)
        said = ports.down().stderr
        expect_text("what down says", "right0: is down", said)
        within(PATIENCE, "the process ends", lambda: not alive(pid))
        expect("the port", before, state_of_port(peers))
        expect("its record", None, ports.record())
        expect_text("a second down", "right0: is down already", ports.down().stderr)
        expect("UDP after down", True, peers.ask(peers.sender, INSIDE, 5300) > 0)
        # Rules and sets are kept.
        ports.up("--online")
        expect("UDP of an address that was blocked before", 0, peers.ask(peers.sender, INSIDE, 5300))
        ports.down()
        expect("the port after a second time", before, state_of_port(peers))
        peers.check_clean()


def ingress_case(directory):
    """Of a mirror only what comes in is analysed; without an option the configuration decides."""
    with Network(directory) as network:
        ports = Ports(network)
        before = state_of_port(network)
        ports.up("--direction", "ingress")
        expect("hooks", [("xdp",)], [(row["hook"],) for row in rows(network)])
        ports.down()
        ports.conf.write_text('mode = "drv"\ndirection = "both"\n', encoding="utf-8")
        ports.up()
        expect("hooks as configured", ["tc-egress", "xdp"], sorted(row["hook"] for row in rows(network)))
        ports.down()
        expect("the port", before, state_of_port(network))
        network.check_clean()


def rows(network):
    return json.loads(network.nicsentry("status", "-i", "right0", "--json").stdout)


def killed_case(directory):
    """Down takes off what a run that was killed has left; up takes it over."""
    with Network(directory) as network:
        ports = Ports(network)
        before = state_of_port(network)
        ports.up("--online")
        first = ports.record()["pid"]
        program = network.program_id()
        os.kill(first, signal.SIGKILL)
        within(PATIENCE, "the process ends", lambda: not alive(first))
        ports.up("--online")
        expect("another process", True, ports.record()["pid"] != first)
        expect("the program", program, network.program_id())
        os.kill(ports.record()["pid"], signal.SIGKILL)
        within(PATIENCE, "it is gone", lambda: not any(row.get("controller_pid") for row in rows(network)))
        ports.down()
        expect("the port", before, state_of_port(network))
        network.check_clean()


def starter_killed_case(directory):
    """An `up` that is killed leaves a run that `up` and `down` know, or none."""
    with Network(directory) as network:
        ports = Ports(network)
        before = state_of_port(network)
        for seconds in (0.05, 0.1, 0.2, 0.3, 0.4, 0.6):
            starter = network.start(network.receiver, BINARY, "up", "right0", *ports.options)
            time.sleep(seconds)
            starter.kill()
            starter.wait()
            time.sleep(1)  # a run that has begun is on the port by then
            record = ports.record()
            expect(f"after {seconds} s, who drives the port", record["pid"] if record else None, driven(network))
            ports.up()
            ports.down()
            within(PATIENCE, "nobody drives the port", lambda: driven(network) is None)
            expect("the port", before, state_of_port(network))
        network.check_clean()


def driven(network):
    found = rows(network)
    return found[0].get("controller_pid") if found else None


def configured_case(directory):
    """What a file asks of the firewall holds, as `up` has one."""
    with Network(directory) as network:
        ports = Ports(network)
        ports.conf.write_text('mode = "drv"\ncount-hits = true\n', encoding="utf-8")
        ports.up()
        ports.nicsentry("block", "192.0.2.1", "-i", "right0")
        listed = json.loads(ports.nicsentry("sets", "list", "blocked", "--stats", "--json", "-i", "right0").stdout)
        expect("hits", [0], [entry["packets"] for entry in listed["entries"]])
        ports.down()
        network.check_clean()


def refused_case(directory):
    """Another run's port is left alone; what keeps a run from starting is said, and leaves nothing."""
    with Network(directory) as network:
        ports = Ports(network)
        before = state_of_port(network)
        watching = Controller(network, "--mode", "drv")
        pid = watching.process.pid
        for done in (ports.up(status=1), ports.down(status=1)):
            expect_text("a port of another run", f"process {pid}", done.stderr)
            expect_text("a port of another run", "which 'up' has not started", done.stderr)
        watching.stop()
        ports.conf.write_text('mode = "hw"\n', encoding="utf-8")
        said = ports.up(status=1).stderr
        expect_text("a mode that there is not", "right0 did not come up: ", said)
        expect_text("its reason", "EOPNOTSUPP", said)
        ports.conf.write_text('mod = "drv"\n', encoding="utf-8")
        expect_text("a mistake", f"{ports.conf}:1: mod: unknown key", ports.up(status=1).stderr)
        expect("a record", None, ports.record())
        expect("the port", before, state_of_port(network))
        network.check_clean()


def found_case(directory):
    """A program that was on a hook before up stays there at down."""
    with Network(directory) as network:
        ports = Ports(network)
        network.nicsentry("attach", "-i", "right0", "--mode", "drv", "--firewall")
        program = network.program_id()
        ports.up("--online")
        expect("the program while it is up", program, network.program_id())
        expect_text("what down says", "what was there before 'up' stays: xdp", ports.down().stderr)
        expect("the program after down", program, network.program_id())
        expect("hooks after down", ["xdp"], [row["hook"] for row in rows(network)])
        network.nicsentry("detach", "-i", "right0")
        network.check_clean()


def systemd_case(directory):
    """Under systemd up starts the port's service with the shipped configuration; down leaves the port as it was."""
    # CAP_IPC_LOCK stands for LimitMEMLOCK=infinity, which not every test machine lets a process set.
    settings = "CapabilityBoundingSet=CAP_IPC_LOCK\nStandardError=append:/run/nicsentry.log\n"
    with Peers(directory) as peers, Systemd(peers, {"nicsentry@.service": settings}) as systemd:

        def nicsentry(*words, status=0):
            done = systemd.nicsentry(*words, check=False)
            log = systemd.inside("cat", "/run/nicsentry.log", check=False).stdout
            expect(f"exit status of {' '.join(words)} ({done.stderr} {log})", status, done.returncode)
            return done

        before = state_of_port(peers)
        nicsentry("up", "right0")
        expect("the unit", "active", systemd.shown(UNIT, "ActiveState"))
        first = systemd.shown(UNIT, "MainPID")
        run_status = json.loads(nicsentry("status", "-i", "right0", "--json").stdout)[0]["run"]
        sources = {one["name"]: one for one in run_status["configuration"]}
        expect_text("source of the direction", f"{CONFIG}/nicsentry.conf:", sources["direction"]["source"])
        expect("the direction", "both", sources["direction"]["value"])
        expect_text("a second up", "is up already", nicsentry("up", "right0").stderr)
        expect("the process", first, systemd.shown(UNIT, "MainPID"))
        nicsentry("down", "right0")
        expect("the unit after down", "inactive", systemd.shown(UNIT, "ActiveState"))
        expect("the port", before, state_of_port(peers))
        expect_text("a second down", "is down already", nicsentry("down", "right0").stderr)
        nicsentry("up", "right0", "--direction", "ingress")
        hooks = [row["hook"] for row in json.loads(nicsentry("status", "-i", "right0", "--json").stdout)]
        expect("hooks with --direction ingress", ["xdp"], hooks)
        nicsentry("down", "right0")
        said = nicsentry("up", "right0", "--state", "/run/state", status=1).stderr
        expect_text("an option of the background", f"here systemd starts {UNIT}", said)
        # PORT.conf is read, and a reload takes a value of it.
        port_conf = f"{CONFIG}/right0.conf"
        systemd.inside("sh", "-c", f"echo 'log-rate = 5' > {port_conf}")
        nicsentry("up", "right0", "--online")

        def rate():
            rows_now = json.loads(nicsentry("status", "-i", "right0", "--json").stdout)
            one = {one["name"]: one for one in rows_now[0]["run"]["configuration"]}["log-rate"]
            return one["value"], one["source"]

        expect("a value of PORT.conf", (5, f"{port_conf}:1"), rate())
        systemd.inside("sh", "-c", f"echo 'log-rate = 6' > {port_conf}")
        systemd.systemctl("reload", UNIT)
        within(PATIENCE, "the value after a reload", lambda: rate()[0] == 6)
        expect("the unit after a reload", "active", systemd.shown(UNIT, "ActiveState"))
        systemd.inside("sh", "-c", f"echo 'log-rte = 6' > {port_conf}")
        refused = systemd.systemctl("restart", UNIT, check=False)
        expect("exit status of a restart with a mistake", True, refused.returncode != 0)
        log = systemd.inside("cat", "/run/nicsentry.log", check=False).stdout
        expect_text("the log", f"{port_conf}:1: log-rte: unknown key; did you mean 'log-rate'", log)
        time.sleep(1)  # RestartPreventExitStatus: it is not tried again
        expect("the unit with a mistake", "failed", systemd.shown(UNIT, "ActiveState"))
        nicsentry("down", "right0")
        expect("the port at the end", before, state_of_port(peers))
        peers.check_clean()


if __name__ == "__main__":
    sys.exit(
        run_directory_cases(
            {
                "both directions": both_case,
                "ingress": ingress_case,
                "killed": killed_case,
                "killed while it starts": starter_killed_case,
                "an option of the firewall in a file": configured_case,
                "refused": refused_case,
                "a program that was there": found_case,
                "under systemd": systemd_case,
            }
        )
    )
