#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs and maps are pinned while they are attached, in a directory of nicsentry's own; nothing is left afterwards.

    test_pins.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import os
import signal
import stat
import sys
import time

from compare import BINARY, expect, expect_text
from network import Controller, Network, run
from peers import INSIDE, Peers
from suite import run_directory_cases

BOTH = ("--mode", "drv", "--direction", "both", "--firewall")
ONE_WINDOW = ("--windows", 1, "--window", "1s")  # a run that should be refused ends soon
# The rings count as locked memory: of both programs more than the usual limit, beyond which CAP_IPC_LOCK goes.
FEW_CAPABILITIES = ("setpriv", "--bounding-set", "-all,+net_admin,+bpf,+perfmon,+ipc_lock")


def pins(network):
    return sorted(path.name for path in network.pins.iterdir()) if network.pins.exists() else []


def runtime_files(network):
    """The records of ports."""
    return sorted(path.name for path in (network.directory / "runtime").glob("*-*.json"))


def namespace_number(network):
    return network.inside(network.receiver, "stat", "-Lc", "%i", "/proc/self/ns/net").stdout.strip()


def key(network, hook):
    return f"{namespace_number(network)}-{network.link()['ifindex']}-{hook}"


def pinned_case(directory):
    with Network(directory) as network:
        watching = Controller(network, *BOTH)
        expect("pins", [key(network, "tc-egress"), key(network, "xdp")], pins(network))
        mode = stat.S_IMODE(network.pins.stat().st_mode)
        expect("mode of the directory", oct(0o700), oct(mode))
        program = run("bpftool", "-j", "prog", "show", "pinned", network.pins / key(network, "xdp") / "program")
        shown = json.loads(program.stdout)
        expect("pinned program", network.program_id(), shown["id"])
        names = {path.name for path in (network.pins / key(network, "xdp")).iterdir()} - {"program"}
        expect("pinned maps", len(shown["map_ids"]), len(names))
        expect("pinned maps, some of them", set(), {"sessions", "fw_control", "records", "answers"} - names)
        watching.stop()
        expect("pins after the run", [], pins(network))
        network.check_clean()
        network.nicsentry("attach", "-i", "right0", "--mode", "drv")
        expect("pins after attach", [key(network, "xdp")], pins(network))
        Controller(network).stop()
        expect("pins after a run over it", [key(network, "xdp")], pins(network))
        network.nicsentry("detach", "-i", "right0")
        expect("pins after detach", [], pins(network))


def capabilities_case(directory):
    """After SIGKILL a run that may not open programs by id takes over what is pinned, and only that."""
    with Peers(directory) as peers:
        peers.echo(peers.receiver, 5300)
        kept = (*BOTH, "--state", peers.directory / "state")
        first = Controller(peers, *kept, prefix=FEW_CAPABILITIES)
        peers.rules([{"operation": "append", "l4proto": "UDP", "dport": 5300, "action": "drop"}])
        attached = peers.program_id()
        first.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        expect("dropped without a controller", 0, peers.ask(peers.sender, INSIDE, 5300))
        second = Controller(peers, *kept, prefix=FEW_CAPABILITIES)
        expect_text("log", f"(id {attached}, attached by a run that died)", second.log())
        expect("dropped by the second run", 0, peers.ask(peers.sender, INSIDE, 5300))
        second.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        control = peers.pins / key(peers, "xdp") / "fw_control"
        control.unlink()
        words = "type array key 4 value 32 entries 1 name fw_control"
        run("bpftool", "map", "create", control, *words.split())
        refused = peers.inside(
            peers.receiver, *FEW_CAPABILITIES, BINARY, "run", "-i", "right0", *BOTH, *ONE_WINDOW, check=False
        )
        expect("with another map in the pin's place, exit status", 1, refused.returncode)
        expect_text("with another map in the pin's place, stderr", "is not nicsentry's", refused.stderr)
        for directory_of_hook in peers.pins.iterdir():
            for pin in directory_of_hook.iterdir():
                pin.unlink()
        refused = peers.inside(
            peers.receiver, *FEW_CAPABILITIES, BINARY, "run", "-i", "right0", *BOTH, *ONE_WINDOW, check=False
        )
        expect("without pins, exit status", 1, refused.returncode)
        expect_text("without pins, stderr", f"opening program {attached}", refused.stderr)
        third = Controller(peers, *kept)
        expect_text("log", f"(id {attached}, attached by a run that died)", third.log())
        third.stop()
        peers.check_clean()


def refused_case(directory):
    with Network(directory) as network:
        network.pins.mkdir(mode=0o755)
        for mode, owner in ((0o755, 0), (0o700, 65534)):
            os.chown(network.pins, owner, owner)
            network.pins.chmod(mode)
            refused = network.nicsentry("run", "-i", "right0", "--mode", "drv", *ONE_WINDOW, check=False)
            expect(f"mode {mode:o}, owner {owner}, exit status", 1, refused.returncode)
            expect_text("stderr", f"{network.pins} is not a directory of user 0 with mode 0700", refused.stderr)
            network.check_clean()


def no_file_system_case(directory):
    with Network(directory) as network:
        os.environ["NICSENTRY_PIN_DIR"] = str(network.directory / "none" / "nicsentry")
        watching = Controller(network, *BOTH)
        expect_text("log", "; not pinned (no BPF file system is mounted at", watching.log())
        attached = network.program_id()
        watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        watching = Controller(network, *BOTH)
        expect("program id", attached, network.program_id())
        watching.stop()
        network.check_clean()


def hidden_file_system_case(directory):
    """`ip netns exec` hides the BPF file system below /sys: the message names it, and what shows it."""
    with Network(directory) as network:
        del os.environ["NICSENTRY_PIN_DIR"]
        watching = Controller(network, "--mode", "drv")
        hidden = (
            f"/sys/fs/bpf: 'ip netns exec' hides it; use: nsenter --net=/run/netns/{network.receiver} nicsentry ..."
        )
        expect_text("log", f"; not pinned (no BPF file system is mounted at {hidden})", watching.log())
        watching.stop()
        listed = network.nicsentry("programs", "list", check=False)
        expect_text("programs list", hidden, listed.stderr)
        network.check_clean()


def vanished_case(directory):
    """The next start or detach removes the pins of a port, a hook or a namespace that is gone."""
    with Network(directory, pairs=3) as network:
        watching = Controller(network, "--mode", "drv", ports=("right0", "right1"))
        watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        expect("pins after SIGKILL", 2, len(pins(network)))
        run("ip", "-n", network.receiver, "link", "del", "right0")
        run("ip", "-n", network.receiver, "link", "set", "dev", "right1", "xdp", "off")
        watching = Controller(network, "--mode", "drv", ports=("right2",))
        expect("pins of the next run", 1, len(pins(network)))
        watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        gone = namespace_number(network)
        run("ip", "netns", "del", network.receiver)
        network.namespaces.remove(network.receiver)
        expect("pins of a namespace that is gone", 1, len(pins(network)))
        # The kernel gives the number of a namespace that is gone to a new one, here or to another test's.
        for at in range(20):
            name = f"{network.receiver}-{at}"
            run("ip", "netns", "add", name)
            network.namespaces.append(name)
            if str(os.stat(f"/run/netns/{name}").st_ino) == gone:
                break
            time.sleep(0.05)
        run("ip", "netns", "add", network.receiver)
        network.namespaces.append(network.receiver)
        network.add_pair(9)
        Controller(network, "--mode", "drv", ports=("right9",)).stop()
        expect("pins after a run elsewhere", [], pins(network))


def unseen_case(directory):
    """A run that may not look at all processes leaves what stands in a namespace that only those hold."""
    with Network(directory) as network:
        holding = network.start(network.receiver, "sleep", "infinity")
        network.nicsentry("attach", "-i", "right0", "--mode", "drv")
        attached, records = pins(network), runtime_files(network)
        expect("pins after attach", 1, len(attached))
        run("ip", "netns", "del", network.receiver)  # the process still holds it
        network.namespaces.remove(network.receiver)
        words = (*FEW_CAPABILITIES, BINARY, "run", "-i", "left0", "--mode", "drv", *ONE_WINDOW)
        network.inside(network.sender, *words)
        expect("pins after a run elsewhere", attached, pins(network))
        expect("records after a run elsewhere", records, [name for name in runtime_files(network) if name in records])
        run("nsenter", "-t", holding.pid, "-n", BINARY, "detach", "-i", "right0")
        expect("pins after detach", [], pins(network))


def main():
    return run_directory_cases(
        {
            "pinned while attached": pinned_case,
            "taking over with few capabilities": capabilities_case,
            "a directory of another owner or mode": refused_case,
            "no BPF file system": no_file_system_case,
            "a BPF file system that is hidden": hidden_file_system_case,
            "pins of what is gone": vanished_case,
            "pins of what this process may not see": unseen_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
