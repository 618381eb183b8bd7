#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks that the earlier system's formats equal, byte by byte, those that seed_writer.py makes of the same windows.

    test_seed_formats.py OUTPUT_DUMP [SEEDS]
"""
import pathlib
import sys
import tempfile

import dump
import seed_writer


def main(output_dump, seeds):
    files = 0
    with tempfile.TemporaryDirectory() as temporary:
        seen_root = pathlib.Path(temporary) / "seen"
        expected_root = pathlib.Path(temporary) / "expected"
        for description in dump.descriptions(output_dump, 0, seeds, seen_root):
            seed = str(description["seed"])
            for file_format in ("seed-json", "seed-csv"):
                expected = expected_root / seed / file_format
                seed_writer.write(file_format, description, expected)
                expected_tree = dump.tree(expected)
                dump.assert_same_trees(
                    expected_tree, dump.tree(seen_root / seed / file_format), f"seed {seed}, {file_format}"
                )
                check_reported(description["written"], file_format, expected_tree)
                files += sum(content is not None for content in expected_tree.values())
    assert files > seeds, f"only {files} files compared"
    print(f"{files} files of {seeds} random runs are the same")


def check_reported(written, file_format, expected_tree):
    """The writers name the files that they wrote. A results.csv with only its header belongs to no window."""
    reported = {name.removeprefix(file_format + "/") for name in written if name.startswith(file_format + "/")}
    present = {
        name
        for name, content in expected_tree.items()
        if content is not None and not (name.endswith("results.csv") and content.count(b"\n") == 1)
    }
    assert reported == present, f"{file_format}: reported {sorted(reported)}, present {sorted(present)}"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200)
