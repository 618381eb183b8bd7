#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures connection states under load.

Prints the time from a session's first packet until its state is in force, and how many early answers a default of
drop loses in that time.

    bench/connection_states.py [--sessions-per-second N ...] [--answer-after MS ...]

Two hosts are connected over veth, each in a network namespace. The inside sends questions over UDP, each from a new
port. The outside answers after a delay. A question without an answer is repeated at the end. Needs root, and
nicsentry built in build/.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ.setdefault("NICSENTRY", str(ROOT / "build" / "nicsentry"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from network import Controller  # noqa: E402  (the path is set above)
from peers import NEIGHBOURS, OUTSIDE, STATEFUL, Peers  # noqa: E402

SECONDS = 3
SESSIONS = 10000  # limit: each needs a port and a file descriptor
PORT = 5300

ANSWER = """
import collections, socket, sys, time
after = float(sys.argv[2]) / 1000
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", int(sys.argv[1])))
s.setblocking(False)
waiting = collections.deque()
print("ready", flush=True)
while True:
    try:
        data, peer = s.recvfrom(100)
        waiting.append((time.monotonic() + after, data, peer))
    except BlockingIOError:
        if not waiting:
            time.sleep(0.00005)
    while waiting and waiting[0][0] <= time.monotonic():
        _, data, peer = waiting.popleft()
        s.sendto(data, peer)
"""

# Prints the numbers of answers to the first and to the second question, and of sessions.
ASK = """
import resource, select, socket, sys, time
to, port, rate, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
count = int(rate * seconds)
resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
poll = select.epoll()
sockets, answered = {}, {}
def listen(timeout):
    for number, _ in poll.poll(timeout, 1024):
        answered.setdefault(number, sockets[number].recv(100))
begin = time.monotonic()
for i in range(count):
    while time.monotonic() < begin + i / rate:
        listen(0)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setblocking(False)
    s.connect((to, port))
    poll.register(s.fileno(), select.EPOLLIN)
    sockets[s.fileno()] = s
    s.send(b"1")
took = time.monotonic() - begin
end = time.monotonic() + 0.2
while time.monotonic() < end:
    listen(0.01)
first = len(answered)
for number, s in sockets.items():
    if number not in answered:
        s.send(b"2")
end = time.monotonic() + 0.5
while time.monotonic() < end:
    listen(0.01)
print(count, first, len(answered), round(count / took))
"""


def measure(rate, answer_after_ms):
    with tempfile.TemporaryDirectory() as directory, Peers(pathlib.Path(directory)) as peers:
        Controller(peers, *STATEFUL)
        answering = peers.start(
            peers.sender, sys.executable, "-c", ANSWER, PORT, answer_after_ms, stdout=subprocess.PIPE
        )
        if answering.stdout.readline() != "ready\n":
            raise SystemExit("connection_states: the answering host did not start")
        peers.rules(NEIGHBOURS)
        peers.default("ingress", "drop")
        done = peers.inside(
            peers.receiver, sys.executable, "-c", ASK, OUTSIDE, PORT, rate, min(SECONDS, SESSIONS / rate)
        )
        count, first, both, reached = map(int, done.stdout.split())
        latency = json.loads(peers.nicsentry("connections", "--json", "-i", "right0").stdout)["state_latency"]
        return reached, latency["p50_us"], latency["p99_us"], 1 - first / count, 1 - both / count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions-per-second", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--answer-after", type=float, nargs="+", default=[0, 1, 10], metavar="MS")
    options = parser.parse_args()
    print(
        f"{'SESSIONS/S':>10} {'REACHED':>8} {'ANSWER MS':>9} {'P50 US':>8} {'P99 US':>8} {'LOST':>8} {'LOST TWICE':>10}"
    )
    for rate in options.sessions_per_second:
        for after in options.answer_after:
            reached, p50, p99, once, twice = measure(rate, after)
            print(f"{rate:>10} {reached:>8} {after:>9g} {p50:>8} {p99:>8} {once:>8.2%} {twice:>10.2%}", flush=True)


if __name__ == "__main__":
    main()
