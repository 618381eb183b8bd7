#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Nobody locks himself out unknowingly: what a change would cut off is refused, and an unconfirmed one is taken back.

    test_lockout.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import contextlib
import json
import pathlib
import signal
import sys
import time

from compare import BINARY, expect, expect_text
from network import Controller, Network, run
from peers import INSIDE, INSIDE6, OUTSIDE, OUTSIDE6, STATEFUL, Peers
from remote_shell import RemoteShell
from suite import Mismatch, run_directory_cases

SSH, OTHER = 2222, 3333
RESOLVER = "192.0.2.53"
ADMIN = [
    {"operation": "append", "l4proto": "ICMPv6", "action": "accept"},
    {"operation": "append", "l4proto": "TCP", "dport": SSH, "conntrack": "new", "action": "accept"},
]
ND = "IPv6 neighbour discovery on right0"


class Host(Peers):
    """The protected host, governed from outside; its gateway is out there, and its name server behind it."""

    def __init__(self, directory):
        super().__init__(directory)
        run("ip", "-n", self.receiver, "route", "add", "default", "via", OUTSIDE)
        run("ip", "-n", self.receiver, "route", "add", "default", "via", OUTSIDE6)
        self.shell = RemoteShell(self, INSIDE, SSH)

    def __enter__(self):
        self.names = pathlib.Path("/etc/netns") / self.receiver  # ip netns exec binds its files over those of /etc
        self.names.mkdir(parents=True)
        (self.names / "resolv.conf").write_text(f"# ours\nnameserver {RESOLVER}\noptions edns0\n", encoding="utf-8")
        return self

    def close(self):
        super().close()
        with contextlib.suppress(AttributeError, FileNotFoundError):
            (self.names / "resolv.conf").unlink()
            self.names.rmdir()

    def ask(self, *words):
        """A command that the administrator gives over his connection."""
        answer = self.shell.run(BINARY, *words, "-i", "right0")
        if answer is None:
            raise Mismatch(f"{words}: expected an answer of the remote shell, seen none")
        return answer

    def refused(self, *words, over):
        """The command is refused, as it would cut off each of these and nothing else."""
        status, text = self.ask(*words)
        expect(f"{words}, exit status ({text})", 1, status)
        lines = [line[2:] for line in text.splitlines() if line.startswith("  ")]
        expect(f"{words}, what it would cut off ({text})", len(over), len(lines))
        for wanted, line in zip(over, lines):
            expect_text(f"{words}", wanted, line)

    def done(self, *words):
        status, text = self.ask(*words)
        expect(f"{words}, exit status ({text})", 0, status)
        return text

    def blocked(self):
        lines = self.done("sets", "list", "blocked").splitlines()  # of both outputs: an empty set is said on stderr
        return [line.split()[0] for line in lines if not line.startswith("nicsentry: info:")]

    def reaches(self, port=OTHER):
        return self.connects(self.sender, INSIDE, port, seconds=1)

    @property
    def peer(self):
        return f"{OUTSIDE}, from where you came"

    @property
    def login(self):
        return f"new connections from {OUTSIDE} to {INSIDE}:{SSH}, as yours came in"

    @property
    def session(self):
        return f"your own connection, from {OUTSIDE}:{self.shell.source_port} to {INSIDE}:{SSH}"


def entries_case(directory):
    """Own addresses, the gateway, the resolver, the caller's peer: in `blocked` and in sets that rules drop."""
    with Host(directory) as host:
        running = Controller(host, *STATEFUL, "--mode", "drv")
        gateway = f"the gateway {OUTSIDE} (blocked)"
        own = f"{INSIDE}, an address of this host (blocked)"
        host.refused("block", OUTSIDE, over=[gateway, host.session])
        host.refused("block", INSIDE, over=[own])
        host.refused("block", INSIDE6, over=[f"{INSIDE6}, an address of this host"])
        host.refused("block", RESOLVER, over=[f"the resolver {RESOLVER} (blocked)"])
        host.refused("block", "203.0.113.9", f"{OUTSIDE6}-{OUTSIDE6}", over=[f"the gateway {OUTSIDE6} (blocked)", ND])
        host.refused("block", "10.77.0.0/16", over=[own, gateway, host.session])
        expect("what is blocked after refused blocks", [], host.blocked())
        host.done("block", "203.0.113.9", "2001:db8::/32")
        expect("what is blocked", ["203.0.113.9", "2001:db8::/32"], host.blocked())

        host.done("sets", "add", "scanners", "198.51.100.0/24", RESOLVER)  # no rule uses it
        batch = host.directory / "scanners.json"
        batch.write_text('{"rules": [{"operation": "append", "src": "@scanners", "action": "drop"}]}', encoding="utf-8")
        resolver = f"the resolver {RESOLVER} (rule 0 of ingress)"
        host.refused("rules", "apply", batch, over=[resolver])
        host.done("sets", "remove", "scanners", RESOLVER)
        host.done("rules", "apply", batch)
        host.refused("sets", "add", "scanners", "192.0.2.0/24", over=[resolver])
        names = host.directory / "names.netset"
        names.write_text(f"203.0.113.0/24\n{OUTSIDE}\n", encoding="utf-8")
        host.refused("sets", "load", "scanners", names, over=[f"the gateway {OUTSIDE} (rule 0 of ingress)", host.peer])
        expect("the set after refused changes", ["198.51.100.0/24"], host.done("sets", "list", "scanners").split())
        batch.write_text(
            json.dumps({"rules": [{"operation": "append", "dst": f"{INSIDE}/32", "action": "drop"}]}), encoding="utf-8"
        )
        host.refused("rules", "apply", batch, over=[f"{host.login} (rule 1 of ingress)"])

        host.done("block", RESOLVER, "--yes")
        host.done("block", RESOLVER)  # as it was
        expect(
            "an answer after the block of the own peer",
            None,
            host.shell.run(BINARY, "block", OUTSIDE, "--yes", "-i", "right0", seconds=2),
        )
        running.stop()
        host.check_clean()


def api_case(directory):
    """The API refuses as the command does, and says what may stand in the query."""
    with Host(directory) as host:
        running = Controller(host, *STATEFUL, "--mode", "drv")
        (socket,) = (host.directory / "runtime").glob("*.sock")

        def post(query, entry):
            done = host.inside(
                host.receiver, "curl", "-sg", "--unix-socket", socket, "-w", "\n%{http_code}",
                "-d", json.dumps({"entries": [entry]}), f"http://nicsentry/api/v1/sets/blocked/entries{query}",
            )  # fmt: skip
            body, status = done.stdout.rsplit("\n", 1)
            return int(status), json.loads(body)

        status, problem = post("", OUTSIDE)
        expect("status", 409, status)
        expect("type", "urn:nicsentry:problem:lock-out", problem["type"])
        expect("errors", [f"the gateway {OUTSIDE} (blocked)"], problem["errors"])  # curl came by no connection
        for query in ("?yes=1", "?force=true", "?confirm=soon"):
            expect(f"{query}, status", 400, post(query, OUTSIDE)[0])
        expect("blocked", [], host.nicsentry("sets", "list", "blocked").stdout.split())
        expect("with yes, status", 200, post("?yes=true&confirm=1500ms", OUTSIDE)[0])
        expect("blocked", [OUTSIDE], host.nicsentry("sets", "list", "blocked").stdout.split())
        running.wait_for("warning: the change of the set 'blocked' was not confirmed; it is taken back")
        expect("blocked", [], host.nicsentry("sets", "list", "blocked").stdout.split())
        running.stop()


def default_case(directory):
    """A default of drop spares connections that are older than the run, and is refused where it would not."""
    with Host(directory) as host:
        host.serve(host.receiver, OTHER)
        expect("a port of the host without a run", True, host.reaches())
        running = Controller(host, *STATEFUL, "--mode", "drv")
        host.refused("rules", "default", "ingress", "drop", over=[ND, host.login])
        host.refused("rules", "non-ip", "ingress", "LLDP", over=["ARP, by which IPv4 neighbours are found"])
        host.done("rules", "non-ip", "ingress", "ARP", "LLDP")
        batch = host.directory / "admin.json"
        batch.write_text(json.dumps({"rules": ADMIN}), encoding="utf-8")
        host.done("rules", "apply", batch)
        # The first command came over a connection of which no packet was seen before the run.
        host.done("rules", "default", "ingress", "drop")
        expect("another port", False, host.reaches())
        host.refused(
            "rules", "accept-established", "ingress", "off",
            over=[f"answers of the resolver {RESOLVER}", host.session],
        )  # fmt: skip
        lost = [ND, f"questions to the resolver {RESOLVER}"]
        host.refused("rules", "default", "egress", "drop", over=lost)
        text = host.done("rules", "default", "egress", "drop", "--yes", "--confirm", "1s")
        expect_text("the same with --yes", "warning: it cuts off\n  ", text)
        for one in lost:
            expect_text("the same with --yes", f"\n  {one}", text)
        running.wait_for("the change of the egress chain was not confirmed; it is taken back")
        host.done("rules", "default", "ingress", "accept")
        running.stop()
        host.check_clean()


def older_case(directory):
    """A run that drops by default from its first packet on lets the host's own connections go on, and no others."""
    with Host(directory) as host:
        host.serve(host.receiver, OTHER)
        state = host.directory / "state"
        first = Controller(host, *STATEFUL, "--mode", "drv", "--state", state)
        host.default("ingress", "drop")
        first.stop()
        expect("between the runs", True, host.reaches())
        expect("the shell between the runs", (0, ""), host.shell.run("true"))
        second = Controller(host, *STATEFUL, "--mode", "drv", "--state", state)
        expect("the shell, which is older than the run", (0, ""), host.shell.run("true", seconds=5))
        expect("a new connection", False, host.reaches())
        states = [row["state"] for row in host.connections() if row["destination_port"] == SSH]  # from client to server
        expect("the shell's connection", ["ESTABLISHED"], states)
        second.stop()


def confirm_case(directory):
    """Taken back in time, unless confirmed; also where the run is killed meanwhile."""
    with Host(directory) as host:
        host.serve(host.receiver, OTHER)
        state = host.directory / "state"
        running = Controller(host, *STATEFUL, "--mode", "drv", "--state", state)
        drop = ("rules", "default", "ingress", "drop", "--yes")
        text = host.done(*drop, "--confirm", "3")
        expect_text("output", "taken back after 3s unless confirmed: nicsentry rules confirm", text)
        expect("a new connection", False, host.reaches())
        expect_text("rules show", "the change of the ingress chain is taken back in", host.done("rules", "show"))
        for wanted in ("ingress: 0 rules, default drop", "blocked: 0 entries", "ingress chain is taken back in"):
            expect_text("status", wanted, host.done("status"))
        for words in (("rules", "accept-established", "ingress", "on"), (*drop, "--confirm", "5s")):
            status, text = host.ask(*words)
            expect(f"{words} meanwhile, exit status", 1, status)
            expect_text(f"{words} meanwhile", "the change of the ingress chain waits to be confirmed", text)
        status, text = host.ask("block", "203.0.113.1", "--confirm", "5s")
        expect_text("a second change to confirm", "the change of the ingress chain still waits to be confirmed", text)
        host.done("block", "203.0.113.2")
        running.wait_for("warning: the change of the ingress chain was not confirmed; it is taken back")
        expect("a new connection, when it is taken back", True, host.reaches())
        expect("a block meanwhile stays", ["203.0.113.2"], host.blocked())
        expect_text("confirm without a change", "no change waits to be confirmed", host.ask("rules", "confirm")[1])

        host.done(*drop, "--confirm", "2s")
        host.done("rules", "confirm")
        time.sleep(2.5)
        expect("a new connection, after it was confirmed", False, host.reaches())
        host.done("rules", "default", "ingress", "accept")

        host.done("block", "203.0.113.2", "203.0.113.3", "--for", "1h", "--confirm", "1m")
        expect("blocked", ["203.0.113.2", "203.0.113.3"], [w for w in host.blocked() if w.startswith("203")])
        running.stop(how=signal.SIGKILL, status=-signal.SIGKILL)
        again = Controller(host, *STATEFUL, "--mode", "drv", "--state", state)
        again.wait_for("the change of the set 'blocked' was not confirmed before the last run ended; it is taken back")
        expect("blocked, as before the change", ["203.0.113.2"], host.blocked())
        host.done(*drop, "--confirm", "1m")
        again.stop(how=signal.SIGKILL, status=-signal.SIGKILL)
        last = Controller(host, *STATEFUL, "--mode", "drv", "--state", state)
        last.wait_for("the change of the ingress chain was not confirmed before the last run ended; it is taken back")
        expect("a new connection, after the kill", True, host.reaches())
        host.done(*drop, "--confirm", "10m")
        expect("a new connection, until it is taken back", False, host.reaches())
        expect_text("revert", "taken back: the change of the ingress chain", host.done("rules", "revert"))
        expect("a new connection, when it was reverted", True, host.reaches())
        expect("nothing is left to be taken back", False, (state / "undo.json").exists())
        expect("revert without a change", 1, host.ask("rules", "revert")[0])
        last.wait_for("info: the change of the ingress chain was reverted")
        last.stop()


def stacked_case(directory):
    """Addresses of whatever stands on a port are this host's: VLANs, macvlans, bonds, bridges, also on one another."""
    with Network(directory, pairs=3) as network:

        def link(*words, check=True):
            return run("ip", "-n", network.receiver, "link", *words, check=check).returncode == 0

        def stack(name, *words):
            """Whether there is such an interface now: a kernel need not have each type."""
            if link("add", name, *words, check=False):
                names.append(name)
            return name in names

        names = ["right0"]
        if stack("right0.5", "link", "right0", "type", "vlan", "id", 5):
            stack("right0.5.6", "link", "right0.5", "type", "vlan", "id", 6)
        stack("mac0", "link", "right0", "type", "macvlan", "mode", "bridge")
        if stack("bond0", "type", "bond", "mode", "active-backup"):
            link("set", "right1", "down")
            link("set", "right1", "master", "bond0")
            stack("bond0.7", "link", "bond0", "type", "vlan", "id", 7)
        if stack("br0", "type", "bridge"):
            link("set", "right2", "master", "br0")
            stack("br0.8", "link", "br0", "type", "vlan", "id", 8)
            stack("mac1", "link", "br0", "type", "macvlan", "mode", "bridge")
        for number, name in enumerate(names):
            link("set", name, "up")
            run("ip", "-n", network.receiver, "addr", "add", f"10.88.{number}.2/24", "dev", name)
        running = Controller(network, "--firewall", "--mode", "tc", ports=("right0", "right1", "right2"))
        for number, name in enumerate(names):
            own = f"10.88.{number}.2"
            refused = network.nicsentry("block", own, "-i", "right0", check=False)
            expect(f"block of the address of {name} ({refused.stderr})", 1, refused.returncode)
            expect_text(f"words about {name}", f"{own}, an address of this host (blocked)", refused.stderr)
        running.stop()


def one_way_case(directory):
    """Where only what comes in is seen, a rule for NEW lets a whole connection live."""
    with Host(directory) as host:
        host.serve(host.receiver, OTHER)
        running = Controller(host, "--firewall", "--mode", "drv", window="300ms")
        answers = "answers to what this host begins: only what comes in is seen"
        batch = host.directory / "admin.json"
        batch.write_text(json.dumps({"rules": ADMIN}), encoding="utf-8")
        host.done("rules", "apply", batch)
        host.refused("rules", "default", "ingress", "drop", over=[f"answers of the resolver {RESOLVER}", answers])
        host.done("rules", "default", "ingress", "drop", "--yes")
        expect("another port", False, host.reaches())
        later = (
            RemoteShell(host, INSIDE, SSH + 1)
            if host.rules(
                [{"operation": "append", "l4proto": "TCP", "dport": SSH + 1, "conntrack": "new", "action": "accept"}]
            )
            else None
        )
        for _ in range(4):
            expect("a connection by a rule for NEW", (0, "x\n"), later.run("echo", "x", seconds=5))
            expect("the one that is older than the run", (0, "y\n"), host.shell.run("echo", "y", seconds=5))
            time.sleep(0.4)
        running.stop()


def caller_case(directory):
    """The caller's connection is known where the run may not look at his processes, and where none of them holds it."""
    with Host(directory) as host:
        few = ("setpriv", "--bounding-set", "-all,+net_admin,+bpf,+perfmon,+ipc_lock", "--inh-caps", "-all")
        running = Controller(host, *STATEFUL, "--mode", "drv", prefix=few)
        host.refused("block", OUTSIDE, over=[f"the gateway {OUTSIDE} (blocked)", host.session])
        running.stop()
        running = Controller(host, *STATEFUL, "--mode", "drv")
        detached = (
            f"setsid -f sh -c 'while kill -0 $PPID 2> /dev/null && [ $PPID -ne 1 ]; do sleep 0.05; done; "
            f'SSH_CONNECTION="{OUTSIDE} {host.shell.source_port} {INSIDE} {SSH}" '
            f"{BINARY} block {OUTSIDE} -i right0 > {host.directory}/said 2>&1; echo $? >> {host.directory}/said'"
        )
        host.shell.run("sh", "-c", detached)
        said = host.directory / "said"
        end = time.monotonic() + 10
        while not said.exists() or not said.read_text(encoding="utf-8").endswith("\n1\n"):
            if time.monotonic() > end:
                raise Mismatch(
                    f"detached block: expected it to be refused, seen {said.exists() and said.read_text()!r}"
                )
            time.sleep(0.05)
        expect_text("a detached block", host.session, said.read_text(encoding="utf-8"))
        running.stop()


def renamed_case(directory):
    """A port is known by whatever name; connections to an address of the loopback interface count."""
    with Host(directory) as host:
        service = "192.0.2.77"
        run("ip", "-n", host.receiver, "addr", "add", f"{service}/32", "dev", "lo")
        run("ip", "-n", host.sender, "route", "add", f"{service}/32", "via", INSIDE)
        run("ip", "-n", host.receiver, "link", "property", "add", "dev", "right0", "altname", "enprightfirst0")
        shell = RemoteShell(host, service, SSH + 5)
        running = Controller(host, *STATEFUL, "--mode", "drv", ports=("enprightfirst0",))
        command = (BINARY, "block", OUTSIDE, "-i", "enprightfirst0")
        status, text = shell.run(*command)
        expect(f"{command}, exit status ({text})", 1, status)
        expect_text("block", f"your own connection, from {OUTSIDE}:{shell.source_port} to {service}:{SSH + 5}", text)
        run("ip", "-n", host.receiver, "link", "set", "right0", "name", "lan0")
        status, text = shell.run(BINARY, "block", OUTSIDE, "-i", "lan0")
        expect_text("block after the port got another name", "your own connection", text)
        running.stop()


def rules_file_case(directory):
    """A run's own files of rules are judged, too; nothing is attached when they are refused."""
    with Host(directory) as host:
        path = host.directory / "rules.json"
        path.write_text(
            json.dumps({"rules": [{"operation": "append", "src": f"{OUTSIDE}/32", "action": "drop"}]}), encoding="utf-8"
        )
        words = ("run", *STATEFUL, "--rules", path, "--windows", 1, "--window", "100ms", "--quiet")
        host.refused(*words, over=[f"the gateway {OUTSIDE} (rule 0 of ingress)", host.peer])
        host.check_clean()


if __name__ == "__main__":
    sys.exit(
        run_directory_cases(
            {
                "entries that cover what is vital": entries_case,
                "the API": api_case,
                "a default of drop": default_case,
                "connections older than the run": older_case,
                "confirm": confirm_case,
                "one way": one_way_case,
                "whoever asks": caller_case,
                "a port by any name": renamed_case,
                "what stands on a port": stacked_case,
                "a run's own rules": rules_file_case,
            }
        )
    )
