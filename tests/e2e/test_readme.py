#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the commands of README.md, docs/usage.md and docs/firewall.md and compares their output with what these show.

    test_readme.py [CASE ...]      NICSENTRY: the binary (default build/nicsentry).

A command is a line of a `console` block that starts with "# " or "$ "; the lines below it are its output.
"..." stands for any lines, or the end of a line. "^C" stands for SIGINT. A command that ends with "&" runs until the
document ends. The first `json` block becomes rules.json. Measured values are masked in both texts.
"""
import difflib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import make_capture
from compare import BINARY, PATIENCE, REPOSITORY, expect
from network import Network, run
from suite import Mismatch, run_directory_cases

WATCHED, CLIENT = "198.51.100.1", "198.51.100.2"
SHOWN = {"README.md": ("run", "replay", "rules", "block", "attach", "status", "detach", "doctor")}
MASKS = (
    (r"\d{4}-\d\d-\d\d [\d:.]+ to [\d:.]+ UTC", "TIMES"),
    (r"~?\b\d+\.\d+ (ms|s)\b", "DURATION"),
    (r"\bfor \S+ more\b", "for DURATION more"),
    (r"\b(id|process|program) \d+", r"\1 ID"),
    (rf"\b{re.escape(CLIENT)}:\d+", f"{CLIENT}:PORT"),
    (r"\(/\S*/", "(/PATH/"),
    (r"\bLinux \S+", "Linux VERSION"),
)
# Counts of live traffic; that nothing was lost or refused is compared.
COUNTS = ((r"(?<![^\s(])(?!0 (?:lost|left out|refused))\d+(\.\d+)?(?![^\s),;])", "N"), (r"\bN [kMG]?B\b", "N B"))
LIVE = ("nicsentry run", "nicsentry status", "nicsentry rules show --stats", "nicsentry connections")


class Wire(Network):
    """The watched host has eth0 and an HTTP server; the client at the other end of the cable pings and downloads."""

    def add_pair(self, pair):
        run(
            "ip",
            "link",
            "add",
            "eth0",
            "netns",
            self.receiver,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            self.sender,
        )
        for namespace, address in ((self.receiver, WATCHED), (self.sender, CLIENT)):
            self.inside(namespace, "ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off", "tx", "off")
            run("ip", "-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
            run("ip", "-n", namespace, "link", "set", "eth0", "up")
        server = self.start(
            self.receiver,
            sys.executable,
            "-u",
            "-m",
            "http.server",
            "80",
            "-d",
            self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        server.stdout.readline()  # it listens

    def send_traffic(self):
        self.inside(self.sender, "ping", "-n", "-c", 3, "-i", 0.2, WATCHED)
        self.inside(self.sender, "curl", "-s", "--noproxy", "*", "-o", "/dev/null", f"http://{WATCHED}/capture.pcap")


def blocks(text, kind):
    return [match[1].splitlines() for match in re.finditer(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def examples(text):
    """[(command, lines of output)] in order."""
    found = []
    for block in blocks(text, "console"):
        for line in block:
            if line.startswith(("# ", "$ ")):
                found.append((line[2:], []))
            elif found[-1][0].endswith("\\"):
                found[-1] = (found[-1][0] + "\n" + line, [])
            else:
                found[-1][1].append(line)
    return found


def masked(command, lines):
    """A replay prints the same each time, so nothing of it is masked."""
    if command.startswith("nicsentry replay"):
        return lines
    result = []
    for line in lines:
        line = " ".join(line.split())  # columns are as wide as their values
        for pattern, name in MASKS + (COUNTS if command.startswith(LIVE) else ()):
            line = re.sub(pattern, name, line)
        result.append(line)
    return result


def agree(shown, seen):
    """Whether the lines seen are those shown, where "..." stands for one line or more, or for the end of a line."""
    if not shown or not seen:
        return shown == seen
    if shown[0].strip() == "...":
        return any(agree(shown[1:], seen[count:]) for count in range(1, len(seen) + 1))
    start = shown[0].removesuffix("...")
    same = shown[0] == seen[0] or start != shown[0] and seen[0].startswith(start.rstrip())
    return same and agree(shown[1:], seen[1:])


class Shell:
    """Runs a document's commands on the watched host."""

    def __init__(self, wire):
        self.wire = wire
        self.path = f"{pathlib.Path(BINARY).parent}:{os.environ['PATH']}"
        self.background = []

    def start(self, command):
        return self.wire.start(
            self.wire.receiver,
            "bash",
            "-c",
            command,
            cwd=self.wire.directory,
            env={**os.environ, "PATH": self.path, "HOME": str(self.wire.directory)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, command, interrupted):
        """Its output. A command that runs on, or until it is interrupted, sees the client's traffic."""
        background = command.endswith("&")
        process = self.start(command.removesuffix("&"))
        if background or interrupted:
            self.wait_for_programs(process, command)
            self.wire.send_traffic()
        if background:
            self.background.append(process)
            return []
        if interrupted:
            process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=PATIENCE)[0]
        expect(f"{command}: exit status ({output!r})", 0, process.returncode)
        return output.splitlines()

    def wait_for_programs(self, process, command):
        """Until the run drives its programs on all hooks."""
        hooks = 2 if "--direction both" in command else 1
        end = time.monotonic() + PATIENCE
        driven = []
        while len(driven) < hooks:
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                raise Mismatch(f"{command}: expected {hooks} programs on eth0, seen {driven} {process.stdout.read()!r}")
            time.sleep(0.05)
            rows = json.loads(self.wire.nicsentry("status", "-i", "eth0", "--json").stdout)
            driven = [row for row in rows if row["controller_pid"] == process.pid and row.get("window_epoch")]

    def finish(self):
        for process in self.background:
            process.send_signal(signal.SIGINT)
            output = process.communicate(timeout=PATIENCE)[0]
            expect(f"{process.args}: exit status ({output!r})", 0, process.returncode)


def document_case(name):
    def case(directory):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        make_capture.make(pathlib.Path(directory) / "capture.pcap")
        for block in blocks(text, "json")[:1]:
            (pathlib.Path(directory) / "rules.json").write_text("\n".join(block), encoding="utf-8")
        commands = examples(text)
        for word in SHOWN.get(name, ()):
            expect(
                f"{name} has an example of {word}", True, any(f"nicsentry {word}" in command for command, _ in commands)
            )
        differences = []  # all of them: whoever mends the document sees them in one run
        with Wire(directory) as wire:
            shell = Shell(wire)
            for command, lines in commands:
                seen = shell.run(command, interrupted="^C" in lines)
                before, after = (masked(command, text) for text in ([line for line in lines if line != "^C"], seen))
                if not agree(before, after):
                    differences += [
                        f"\n{command}",
                        *seen,
                        *difflib.unified_diff(before, after, name, "seen", lineterm="", n=99),
                    ]
            shell.finish()
            wire.check_clean("eth0")
        if differences:
            raise Mismatch(f"expected the output that {name} shows, seen:" + "\n".join(differences))
        return f"{len(commands)} commands"

    return case


def main():
    return run_directory_cases(
        {name: document_case(name) for name in ("README.md", "docs/usage.md", "docs/firewall.md")}
    )


if __name__ == "__main__":
    sys.exit(main())
