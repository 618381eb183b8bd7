#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A controller killed while it changes the rules leaves a whole set of them in force."""
import json
import random
import signal
import subprocess
import sys
import time

from compare import BINARY, PATIENCE
from network import Controller
from peers import INSIDE, Peers
from suite import Mismatch, run_directory_cases, tries


def whole_set_case(directory):
    """SIGKILL at a random moment of an apply: the program enforces the old rules or the new ones, nothing between."""
    ports = {"old": 6001, "new": 6002}

    def chain(name, count):
        filler = [
            {
                "operation": "append",
                "src": f"172.{16 + i // 256}.{i % 256}.0/24",
                "dport": 1000 + i,
                "l4proto": "UDP",
                "action": "drop",
            }
            for i in range(count)
        ]
        return filler + [{"operation": "append", "l4proto": "UDP", "dport": ports[name], "action": "drop"}]

    with Peers(directory) as peers:
        probe = Probe(peers, ports)
        seen = {"old": 0, "new": 0}
        generator = random.Random(4)
        clear = [{"operation": "delete", "id": 0}] * 301
        path = peers.directory / "new.json"
        path.write_text(json.dumps({"rules": clear + chain("new", 300)}), encoding="utf-8")
        apply = ("rules", "apply", path, "-i", "right0")
        kills = tries(100)
        takes = None  # an apply that nobody disturbs, on this machine
        for number in range(kills):
            watching = Controller(peers, "--firewall")  # after the first one it takes over what was left in an apply
            peers.rules(chain("old", 300))
            if takes is None:
                began = time.monotonic()
                peers.nicsentry(*apply)
                takes = time.monotonic() - began
                peers.rules(clear + chain("old", 300))
            applying = peers.start(peers.receiver, BINARY, *apply, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(generator.random() * 1.2 * takes)
            watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
            applying.wait(timeout=PATIENCE)
            open_ports = probe.arrive()
            if open_ports not in ({ports["old"]}, {ports["new"]}):
                raise Mismatch(f"kill {number}: expected one of the ports {ports} to be open, seen {open_ports}")
            seen["new" if open_ports == {ports["old"]} else "old"] += 1
        peers.nicsentry("detach", "-i", "right0")
        peers.check_clean()
        return f"{seen['old']} times the old rules, {seen['new']} times the new ones"


class Probe:
    """Sends a datagram to each port, and says which arrive."""

    def __init__(self, peers, ports):
        self.ports = list(ports.values())
        self.receive = peers.start(
            peers.receiver, sys.executable, "-c", ARRIVALS, *self.ports, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.receive.stdout.readline()
        self.send = peers.start(
            peers.sender,
            sys.executable,
            "-c",
            SENDS,
            INSIDE,
            *self.ports,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def arrive(self):
        for process in (self.send, self.receive):
            process.stdin.write("\n")
            process.stdin.flush()
            line = process.stdout.readline()
        return {int(word) for word in line.split()}


SENDS = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in sys.stdin:
    for port in sys.argv[2:]:
        s.sendto(b"probe", (sys.argv[1], int(port)))
    print("sent", flush=True)
"""
ARRIVALS = """
import select, socket, sys
sockets = []
for port in sys.argv[1:]:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", int(port)))
    sockets.append(s)
print("ready", flush=True)
for _ in sys.stdin:
    found = set()
    while ready := select.select(sockets, [], [], 0.1)[0]:
        for s in ready:
            s.recv(100)
            found.add(s.getsockname()[1])
    print(*found, flush=True)
"""


def main():
    return run_directory_cases({"SIGKILL in an apply": whole_set_case})


if __name__ == "__main__":
    sys.exit(main())
