#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks that python_float, python_quotient and python_seconds agree with this Python.

    test_python_floats.py OUTPUT_DUMP [COUNT]
"""
import struct
import subprocess
import sys


def expected(kind, values):
    if kind == "float":
        return repr(struct.unpack(">d", bytes.fromhex(values[0]))[0])
    if kind == "quotient":
        return repr(int(values[0]) / int(values[1]))
    if kind == "seconds":
        return repr(int(values[0]) / 1000000000)
    raise AssertionError(f"unknown line {kind}")


def main(output_dump, count):
    command = [output_dump, "floats", "1", str(count)]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    assert len(lines) > 3 * count, f"only {len(lines)} lines"
    wrong = []
    for line in lines:
        kind, *values, seen = line.split(" ")
        if seen != expected(kind, values):
            wrong.append(f"{line}: expected {expected(kind, values)}")
    assert not wrong, f"{len(wrong)} of {len(lines)} differ:\n" + "\n".join(wrong[:20])
    print(f"{len(lines)} numbers read as Python writes them")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100000)
