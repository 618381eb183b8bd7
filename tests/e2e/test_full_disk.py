#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A full disk under the state directory: what is in force and not saved is said until it is saved.

    test_full_disk.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import errno
import json
import pathlib
import sys

from compare import PATIENCE, expect, expect_text
from network import Controller, Network
from suite import run_directory_cases, within

BLOCKED = "192.0.2.1"
CONFIRM_S = 2


class SmallDisk:
    """A run whose state directory is a small file system of its own, as seen from outside."""

    def __init__(self, network):
        place = network.directory / "state"
        place.mkdir()
        mounted = f'mount -t tmpfs -o size=128k,mode=700 tmpfs {place} && exec "$@"'
        prefix = ("unshare", "--mount", "sh", "-c", mounted, "run")
        self.watching = Controller(network, "--mode", "drv", "--state", place, prefix=prefix)
        self.path = pathlib.Path(f"/proc/{self.watching.process.pid}/root{place}")

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
        expect_text("unsaved", "the set 'blocked', how the programs have the sets: ENOSPC", unsaved(network))
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


def main():
    return run_directory_cases({"a set": set_case, "a change that is not confirmed": confirm_case})


if __name__ == "__main__":
    sys.exit(main())
