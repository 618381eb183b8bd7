#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`GET /api/v1/events`: windows, log records, blocks and messages, to readers that keep up and to some that do not.

    test_events.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import signal
import socket
import subprocess
import sys
import time

from api_client import ask, socket_of
from compare import PATIENCE, expect, read_lines
from network import Controller
from peers import INSIDE, STATEFUL, Peers
from suite import Mismatch, run_directory_cases, within
from test_listen import ADMIN, BASE, tokens

LOGGING = [{"operation": "append", "l4proto": "UDP", "dport": 5353, "action": "drop", "log": True}]


class Reader:
    """Reads events in the background, by curl."""

    def __init__(self, host, query=""):
        command = ["curl", "-s", "-N", "--unix-socket", str(socket_of(host))]
        path = host.directory / f"events{time.monotonic_ns()}"
        self.path = path
        with open(path, "w", encoding="utf-8") as output:
            self.process = host.start(host.receiver, *command, f"http://localhost/api/v1/events{query}", stdout=output)
        within(PATIENCE, "the stream begins", lambda: "retry:" in path.read_text(encoding="utf-8"))

    def events(self, kind=None):
        """(kind, data) of each whole event."""
        found = []
        for block in self.path.read_text(encoding="utf-8").split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
            if "event" in fields and kind in (None, fields["event"]):
                found.append((fields["event"], json.loads(fields["data"])))
        return found

    def wait_for(self, kind, count=1):
        within(PATIENCE, f"{count} events {kind}, seen {self.events()}", lambda: len(self.events(kind)) >= count)
        return [data for _, data in self.events(kind)]


def kinds_case(directory):
    """Each kind of event is what the run's files and answers say; a reader gets the kinds that it asked for."""
    with Peers(directory) as host:
        log = host.directory / "packets.log"
        watching = Controller(host, *STATEFUL, "--log", log)
        host.rules(LOGGING)
        everything, some = Reader(host), Reader(host, "?kinds=block,message")
        host.nicsentry("block", "192.0.2.1", "198.51.100.0/24", "-i", "right0")
        host.nicsentry("block", "192.0.2.1", "-i", "right0")  # it is there already: nothing changes
        host.nicsentry("unblock", "192.0.2.1", "-i", "right0")
        blocks = everything.wait_for("block", 2)
        seen = [(one["set"], one["added"], one["removed"], one["entries"]) for one in blocks]
        expect("blocks", [("blocked", 2, 0, ["192.0.2.1", "198.51.100.0/24"]), ("blocked", 0, 1, ["192.0.2.1"])], seen)
        for _ in range(3):
            host.unanswered(host.sender, INSIDE, 5353, 1)
        records = everything.wait_for("log", 3)
        within(PATIENCE, "the log's file", lambda: len(read_lines(log)) >= 3)
        expect("records", read_lines(log)[:3], records[:3])
        host.nicsentry("extract", "-i", "right0")
        window = everything.wait_for("window")[0]
        rows = read_lines(watching.output / "windows.jsonl")
        expect("window", rows[0]["window"], window["window"])
        expect("packets", sum(row["packets_in"] for row in rows), window["packets_in"])
        expect("kinds", {"block"}, {kind for kind, _ in some.events()})
        expect("status of a wrong kind", 400, ask(host, "/api/v1/events?kinds=hosts").status)
        expect("status of a wrong parameter", 400, ask(host, "/api/v1/events?since=1").status)
        watching.stop()
        expect("end of the stream", 0, everything.process.wait(timeout=PATIENCE))


def rules_case(directory):
    """Each change of rules is an event that says what was changed, by whom, and what there is now."""
    with Peers(directory) as host:
        rules = host.directory / "rules.json"
        rules.write_text('{"rules": []}', encoding="utf-8")
        words = ("--listen", "127.0.0.1:9443", "--token-file", tokens(host))
        watching = Controller(host, *STATEFUL, "--rules", rules, *words)
        reader, others = Reader(host, "?kinds=rules"), Reader(host, "?kinds=block")
        seen = 0

        def changed(what, chain, count, default="accept", sets=None):
            nonlocal seen
            seen += 1
            event = reader.wait_for("rules", seen)[seen - 1]
            expect(f"{what}: event", (what, chain), (event["what"], event.get("chain")))
            expect(f"{what}: ingress", {"rules": count, "default": default}, event["ingress"])
            expect(f"{what}: sets", sets, event.get("sets"))
            return event["by"]

        def command(*words):
            host.nicsentry(*words, "-i", "right0")

        command("rules", "add", "drop", "l4proto=UDP", "dport=1")
        expect("by a process", True, changed("batch", "ingress", 1).startswith("process "))
        command("rules", "default", "ingress", "drop", "--yes")
        changed("default", "ingress", 1, "drop")
        command("rules", "default", "ingress", "accept", "--confirm", "60s", "--yes")
        changed("default", "ingress", 1)
        command("rules", "confirm")
        changed("confirm", None, 1)
        command("rules", "accept-established", "egress", "off")
        changed("accept_established", "egress", 1)
        body = '{"version": 2, "egress": {"rules": []}, "sets": {"office": ["198.51.100.1"]}}'
        admin = ("-H", f"Authorization: Bearer {ADMIN}")
        for _ in range(2):  # the second one changes nothing
            answer = ask(host, "/api/v1/ruleset", "-X", "PUT", "-d", body, *admin, base=BASE)
            expect(f"ruleset ({answer.text})", 200, answer.status)
        expect("by a token", "the token 'alice' of 127.0.0.1", changed("ruleset", None, 1, sets=["office"]))
        rules.write_text('{"rules": [{"operation": "append", "dport": 7, "action": "drop"}]}', encoding="utf-8")
        watching.process.send_signal(signal.SIGHUP)
        changed("reload", None, 1)
        command("rules", "flush")
        changed("batch", "ingress", 0)
        expect("events of rules", seen, len(reader.events()))
        expect("other kinds", [], others.events())
        watching.stop()


def standstill_case(directory):
    """A reader that stands still holds up neither `block` nor other readers, and is told how much it lost."""
    with Peers(directory) as host:
        watching = Controller(host, *STATEFUL)
        with socket.socket(socket.AF_UNIX) as still:
            still.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            still.connect(str(socket_of(host)))
            still.sendall(b"GET /api/v1/events?kinds=block HTTP/1.1\r\nHost: localhost\r\n\r\n")
            quick = Reader(host, "?kinds=block")
            url = "http://localhost/api/v1/sets/many/entries"
            entries = [f"10.0.{i}.1" for i in range(20)]
            calls = 3000
            config = host.directory / "calls"
            lines = []
            for i in range(calls):
                body = json.dumps({"entries": [f"10.{i // 250}.{i % 250}.{j}" for j in range(20)]}).replace('"', '\\"')
                lines.append(
                    f'url = "{url}"\nunix-socket = "{socket_of(host)}"\nsilent\ndata = "{body}"\noutput = "/dev/null"\n'
                )
            config.write_text("next\n".join(lines), encoding="utf-8")
            began = time.monotonic()
            curl = ["curl", "--config", str(config)]
            sender = host.start(host.receiver, *curl, stdout=subprocess.DEVNULL)
            expect(f"{len(entries)} entries, {calls} times", 0, sender.wait(timeout=10 * PATIENCE))
            expect("time of a call", True, (time.monotonic() - began) / calls < 0.1)
            quick.wait_for("block", calls)
            expect("lost by the quick reader", [], quick.events("lost"))
            text = b""
            still.settimeout(3)
            while b"event: lost" not in text:
                part = still.recv(65536)
                if not part:
                    raise Mismatch(f"expected to be told of lost events, seen the end after {text[-300:]!r}")
                text += part
            lost = int(text.partition(b'event: lost\ndata: {"events":')[2].partition(b"}")[0])
            expect("events lost", True, 0 < lost < calls)
        watching.stop()


def many_case(directory):
    """64 readers have each event; one more is refused, until one goes."""
    with Peers(directory) as host:
        watching = Controller(host, *STATEFUL)
        readers = [Reader(host, "?kinds=block") for _ in range(64)]
        expect("one more", 503, ask(host, "/api/v1/events").status)
        host.nicsentry("block", "192.0.2.1", "-i", "right0")
        for reader in readers:
            reader.wait_for("block")
        readers.pop().process.kill()
        taken = ("--max-time", "1")  # by curl: an answer that goes on
        within(PATIENCE, "a place is free", lambda: ask(host, "/api/v1/events", *taken, check=False) is None)
        watching.stop()


CASES = {
    "kinds": kinds_case,
    "rules": rules_case,
    "a reader that stands still": standstill_case,
    "many readers": many_case,
}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
