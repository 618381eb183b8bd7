# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs output_dump and compares trees of files."""
import json
import subprocess


def descriptions(output_dump, first, count, directory):
    command = [output_dump, "windows", str(first), str(count), str(directory)]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    lines = text.split("\n")[:-1]
    assert len(lines) == count, f"{len(lines)} descriptions of {count}"
    return [json.loads(line) for line in lines]


def tree(directory):
    """Returns a map from relative paths to the bytes of files, or None for directories."""
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None for path in directory.rglob("*")
    }


def assert_same_trees(expected, seen, what):
    assert (
        expected.keys() == seen.keys()
    ), f"{what}: missing {sorted(expected.keys() - seen.keys())}, too many {sorted(seen.keys() - expected.keys())}"
    for name, content in expected.items():
        if seen[name] == content:
            continue
        place = next(
            (i for i, pair in enumerate(zip(content, seen[name])) if pair[0] != pair[1]),
            min(len(content), len(seen[name])),
        )
        around = slice(max(0, place - 60), place + 60)
        raise AssertionError(
            f"{what}: {name} differs at byte {place}:\nexpected {content[around]!r}\nseen     {seen[name][around]!r}"
        )
