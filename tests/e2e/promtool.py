# SPDX-License-Identifier: GPL-2.0-or-later
"""OpenMetrics as Prometheus itself reads it: promtool puts a text into a database, and prints what is there.

`promtool check metrics` is of no use here: it reads the older text format.
"""
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

from compare import PATIENCE
from suite import Mismatch, Skipped

LABEL = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*")')
ROW = re.compile(r"\{(.*)\} (\S+) \d+")
TIME_S = 1700000000  # promtool wants a time for each sample


def promtool(*arguments):
    program = shutil.which("promtool")
    if program is None:
        raise Skipped("there is no promtool (scripts/install-deps.sh --tests)")
    command = [program, "tsdb", *(str(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        raise Mismatch(f"promtool refuses it: {done.stderr}")
    return done.stdout


def stored_samples(text):
    """{(name, labels): value} of a text, as Prometheus stores it; labels are sorted pairs."""
    lines = [line if not line or line.startswith("#") else f"{line} {TIME_S}" for line in text.split("\n")]
    with tempfile.TemporaryDirectory(prefix="nicsentry-promtool-") as directory:
        source, database = pathlib.Path(directory) / "metrics.txt", pathlib.Path(directory) / "database"
        source.write_text("\n".join(lines), encoding="utf-8")
        promtool("create-blocks-from", "openmetrics", source, database)
        (database / "wal").mkdir()  # `dump` looks for it
        rows = promtool("dump", database).split("\n")
    found = {}
    for row in filter(None, rows):
        matched = ROW.fullmatch(row)
        if matched is None:
            raise Mismatch(f"expected a sample of promtool, seen {row!r}")
        labels = {name: json.loads(value) for name, value in LABEL.findall(matched.group(1))}
        found[labels.pop("__name__"), tuple(sorted(labels.items()))] = float(matched.group(2))
    return found
