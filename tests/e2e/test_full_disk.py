#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A full disk: what is in force and not saved is said until it is saved; windows that are lost are said and counted.

    test_full_disk.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import errno
import gzip
import json
import pathlib
import re
import signal
import subprocess
import sys
import time

from compare import BINARY, PATIENCE, expect, expect_text
from network import Controller, Network, run
from peers import FLOOD, INSIDE, OUTSIDE, Peers
from suite import run_directory_cases, within

BLOCKED = "192.0.2.1"
CONFIRM_S = 2


class SmallDisk:
    """Runs whose state directory is a small file system of its own, as seen from outside."""

    def __init__(self, network, size="128k"):
        self.network = network
        self.place = network.directory / "state"
        self.place.mkdir()
        mounted = f"mount -t tmpfs -o size={size},mode=700 tmpfs {self.place} && echo mounted && exec sleep infinity"
        self.holder = network.start(network.receiver, "unshare", "--mount", "sh", "-c", mounted, stdout=subprocess.PIPE)
        expect("the disk", "mounted", self.holder.stdout.readline().strip())
        self.path = pathlib.Path(f"/proc/{self.holder.pid}/root{self.place}")
        self.watching = self.run()

    def run(self):
        prefix = ("nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt")
        return Controller(self.network, "--mode", "drv", "--state", self.place, prefix=prefix)

    def kill_and_run_again(self):
        self.watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
        self.watching = self.run()

    def fill(self):
        with open(self.path / "filler", "ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def make_room(self):
        (self.path / "filler").unlink()


def ask(network, *words, check=True):
    return network.nicsentry(*words, "-i", "right0", check=check)


def run_status(network):
    return json.loads(ask(network, "status", "--json").stdout)[0]["run"]


def unsaved(network):
    return run_status(network)["enforced"].get("unsaved")


def set_case(directory):
    """A set is saved as soon as there is room, without another change; until then each answer says that it is not."""
    with Network(directory) as network:
        disk = SmallDisk(network)
        expect("unsaved at first", None, unsaved(network))
        disk.fill()
        refused = ask(network, "block", BLOCKED, check=False)
        expect("block, exit status", 1, refused.returncode)
        expect_text("block", "the change is in force, but not saved, which is tried again: ENOSPC", refused.stderr)
        expect_text("unsaved", "the set 'blocked': ENOSPC", unsaved(network))
        expect_text(
            "status", "NOT SAVED, a later run does not have it: the set 'blocked'", ask(network, "status").stdout
        )
        expect_text("rules show", "NOT SAVED", ask(network, "rules", "show").stdout)
        disk.watching.wait_for("warning: in force, but not saved, which is tried again: the set 'blocked'")
        disk.make_room()
        within(PATIENCE, "all is saved", lambda: unsaved(network) is None)
        disk.watching.wait_for("all that is in force is saved again")
        expect_text("the set's file", BLOCKED, (disk.path / "sets" / "blocked.netset").read_text(encoding="ascii"))
        listed = json.loads((disk.path / "sets" / "names.json").read_text(encoding="utf-8"))["sets"]
        expect("the list of sets has it", True, "blocked" in listed)
        disk.fill()
        ask(network, "sets", "add", "other", BLOCKED, check=False)
        disk.watching.stop(status=1)
        expect_text(
            "the end", "its state directory does not have all that was in force: the set 'other'", disk.watching.log()
        )
        network.check_clean()


def confirm_case(directory):
    """A change that is not confirmed is taken back on a full disk, too, and is not said to wait any more."""
    with Network(directory) as network:
        disk = SmallDisk(network)
        ask(network, "rules", "default", "ingress", "drop", "--yes", "--confirm", f"{CONFIRM_S}s")
        expect("default", "drop", run_status(network)["rules"]["ingress"]["default"])
        disk.fill()
        disk.watching.wait_for("the change of the ingress chain was not confirmed; it is taken back")
        within(PATIENCE, "status says that it is not saved", lambda: unsaved(network) is not None)
        status = run_status(network)
        expect("default", "accept", status["rules"]["ingress"]["default"])
        expect("what waits to be confirmed", None, status["rules"].get("unconfirmed"))
        expect_text("unsaved", "the change of the ingress chain that was taken back: ENOSPC", unsaved(network))
        shown = ask(network, "status").stdout
        expect("it is said to wait", False, "unless confirmed" in shown)
        expect_text("status", "NOT SAVED", shown)
        confirmed = ask(network, "rules", "confirm", check=False)
        expect_text("confirm", "no change waits to be confirmed", confirmed.stderr)
        expect("a later run takes it back", True, (disk.path / "undo.json").exists())
        disk.make_room()
        within(PATIENCE, "all is saved", lambda: unsaved(network) is None)
        saved = json.loads((disk.path / "rules.json").read_text(encoding="utf-8"))
        expect("saved default", "accept", saved["ingress"]["default"])
        expect("what a later run takes back", False, (disk.path / "undo.json").exists())
        disk.watching.stop()
        network.check_clean()


def memory_case(directory):
    """A run that dies on a full disk leaves the next one all sets that are saved, and no packet passes meanwhile."""
    with Peers(directory) as peers:
        disk = SmallDisk(peers, "4m")
        many = peers.directory / "many.netset"
        many.write_text("".join(f"172.16.{i // 256}.{i % 256}\n" for i in range(20_000)), encoding="ascii")
        ask(peers, "sets", "load", "many", many)
        ask(peers, "block", f"{OUTSIDE}/32", "10.77.0.128/25")
        run("ip", "-n", peers.sender, "addr", "add", "10.77.0.200/24", "dev", "left0")
        peers.inside(peers.sender, "ping", "-n", "-c", 1, "-W", 1, INSIDE, check=False)  # neighbours are known
        classes = disk.path / "classes.json"
        expect("on the disk", True, classes.exists())
        disk.fill()
        refused = ask(peers, "sets", "add", "other", BLOCKED, check=False)  # a new combination of sets
        expect("sets add, exit status", 1, refused.returncode)
        expect("unsaved", "the set 'other'", unsaved(peers).split(":")[0])
        expect("an old file is left", False, classes.exists())
        before = peers.udp_arrived()
        floods = [
            peers.start(peers.sender, sys.executable, "-c", FLOOD, source, INSIDE)
            for source in (OUTSIDE, "10.77.0.200")
        ]
        for _ in range(3):
            time.sleep(0.3)
            disk.kill_and_run_again()
        dropped = peers.shown()["ingress"]["counters"]["blocked"]["packets"]
        within(
            PATIENCE, "more is dropped", lambda: peers.shown()["ingress"]["counters"]["blocked"]["packets"] > dropped
        )
        for flood in floods:
            flood.kill()
            flood.wait()
        expect("packets of the flood that passed", 0, peers.udp_arrived() - before)
        expect("a moment with empty sets", False, "a moment in which they are empty" in disk.watching.log())
        disk.make_room()
        within(PATIENCE, "the disk has it again", classes.exists)
        left = [path.name for path in (peers.directory / "runtime").iterdir() if path.name.startswith("sets-")]
        expect("copies in memory", [], left)
        disk.watching.stop()
        peers.check_clean()


def windows_case(directory):
    """A full disk costs windows: said once, counted, none in part; they are written again by themselves."""
    with Network(directory) as network:
        place = network.directory / "small"
        place.mkdir()
        mounted = f'mount -t tmpfs -o size=256k tmpfs {place} && exec "$@"'
        words = ("run", "-i", "right0", "--mode", "drv", "--window", "100ms", "--format", "csv", "-o", place)
        log = network.directory / "windows.log"
        with open(log, "w", encoding="utf-8") as said:
            prefix = ("unshare", "--mount", "sh", "-c", mounted, "run")
            process = network.start(network.receiver, *prefix, BINARY, *words, stdout=subprocess.DEVNULL, stderr=said)
        path = pathlib.Path(f"/proc/{process.pid}/root{place}")

        def numbers():
            written = path / "windows.csv"
            lines = written.read_text(encoding="utf-8").splitlines()[1:] if written.exists() else []
            return [int(line.split(",")[0]) for line in lines]

        def lost():
            shown = network.nicsentry("status", "-i", "right0", "--json", check=False)
            return json.loads(shown.stdout)[0]["run"]["windows_lost"]

        within(PATIENCE, "windows are written", lambda: len(numbers()) > 2)
        expect("windows lost at first", 0, lost())
        filler = path / "filler"
        with open(filler, "ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError as error:
                expect("the disk is full", errno.ENOSPC, error.errno)
        within(PATIENCE, "windows are lost", lambda: lost() > 3)
        expect("messages of it", 1, log.read_text(encoding="utf-8").count("is not in all files: ENOSPC: "))
        expect_text("status", "not written to files", ask(network, "status").stdout)
        filler.unlink()
        again = re.compile(r"files are written again; (\d+) windows before window (\d+) are not in all of them")
        within(PATIENCE, "windows are written again", lambda: again.search(log.read_text(encoding="utf-8")))
        count, first = map(int, again.search(log.read_text(encoding="utf-8")).groups())
        within(PATIENCE, "a later window", lambda: max(numbers()) > first)
        expect("windows lost in the end", count, lost())
        seen = numbers()
        expect("windows that are not in the file", list(range(first - count, first)), sorted({*range(first)} - {*seen}))
        expect("windows twice", len(set(seen)), len(seen))
        process.send_signal(signal.SIGTERM)
        expect("exit status", 1, process.wait(timeout=PATIENCE))
        network.check_clean()


KEEP_KIB = 200
OTHERS = ("accounts.20260501T120000Z-900.csv", "sessions.20260501T120000Z-x.csv", "result_906.json", "plan-iter907.csv")


def rotation_case(directory):
    """Rotated files on a small disk: never more than --keep; a full disk costs windows, and none that was written."""
    with Network(directory) as network:
        place = network.directory / "small"
        place.mkdir()
        words = ("run", "-i", "right0", "--mode", "drv", "--window", "10ms", "--format", "csv,jsonl", "-o", place)
        words += ("--rotate", "64KiB", "--keep", f"{KEEP_KIB}KiB", "--compress", "gzip")
        made = "; ".join(f"head -c 1000 /dev/zero > {place}/{name}" for name in OTHERS)
        mounted = f'mount -t tmpfs -o size=1M tmpfs {place} && {{ {made}; }} && exec "$@"'
        log = network.directory / "windows.log"
        with open(log, "w", encoding="utf-8") as said:
            prefix = ("unshare", "--mount", "sh", "-c", mounted, "run")
            process = network.start(network.receiver, *prefix, BINARY, *words, stdout=subprocess.DEVNULL, stderr=said)
        path = pathlib.Path(f"/proc/{process.pid}/root{place}")

        def ours():
            files = {}
            for file in path.iterdir():
                try:
                    if file.name not in (*OTHERS, "filler", ".nicsentry.lock"):
                        files[file.name] = file.stat().st_size
                except FileNotFoundError:
                    pass  # it was removed meanwhile
            return files

        def windows():
            numbers = set()
            for name in ours():
                if not re.fullmatch(r"windows\.(.*\.)?csv(\.gz)?", name):
                    continue
                try:
                    content = (path / name).read_bytes()
                except FileNotFoundError:
                    continue  # rotated or removed meanwhile
                text = gzip.decompress(content) if name.endswith(".gz") else content
                numbers.update(int(line.split(b",")[0]) for line in text.splitlines()[1:] if b"," in line)
            return numbers

        def lost():
            return json.loads(ask(network, "status", "--json").stdout)[0]["run"]["windows_lost"]

        def watch(seconds):
            most = 0
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                most = max(most, sum(ours().values()))
                time.sleep(0.003)
            return most

        within(PATIENCE, "the run begins", lambda: "mode drv" in log.read_text(encoding="utf-8"))
        within(PATIENCE, "its files are there", (path / "windows.csv").exists)
        within(PATIENCE, "files are rotated", lambda: len([name for name in ours() if name.endswith(".gz")]) > 1)
        most = watch(6)
        expect(f"bytes at most ({most}) are within --keep", True, 100 << 10 < most <= KEEP_KIB << 10)
        expect("windows lost with room", 0, lost())
        with open(path / "filler", "ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError as error:
                expect("the disk is full", errno.ENOSPC, error.errno)
        within(PATIENCE, "windows are lost", lambda: lost() > 20)
        before = windows()
        time.sleep(1)
        expect("windows that a full disk took away", set(), before - windows())
        (path / "filler").unlink()
        again = re.compile(r"files are written again; (\d+) windows? before window (\d+)")
        within(PATIENCE, "windows are written again", lambda: again.search(log.read_text(encoding="utf-8")))
        first = int(again.findall(log.read_text(encoding="utf-8"))[-1][1])
        within(PATIENCE, "later windows", lambda: max(windows() or {0}) > first + 100)
        counted = sum(int(count) for count, _ in again.findall(log.read_text(encoding="utf-8")))
        expect("windows that are said to be lost", counted, lost())
        expect("bytes at most are within --keep again", True, watch(3) <= KEEP_KIB << 10)
        sizes = {name: (path / name).stat().st_size for name in OTHERS}
        expect("others' files", dict.fromkeys(OTHERS, 1000), sizes)
        seen = windows()
        process.send_signal(signal.SIGTERM)
        expect("exit status", 1, process.wait(timeout=PATIENCE))
        expect_text("the message", "ENOSPC", log.read_text(encoding="utf-8"))
        expect("windows are there", True, len(seen) > 50)
        network.check_clean()


def main():
    return run_directory_cases(
        {
            "a set": set_case,
            "a change that is not confirmed": confirm_case,
            "a run that dies meanwhile": memory_case,
            "files of windows": windows_case,
            "rotated files": rotation_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
