#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints what a test run leaves to be known: the cases of tests that hold several, skipped tests and why, the slowest.

    test-report.py JUNIT_FILE ...     files that `ctest --output-junit` wrote
"""
import dataclasses
import pathlib
import re
import sys
import xml.etree.ElementTree

SLOWEST = 10
CATCH_LINE = re.compile(r"^([0-9.]+) s: (.*)$", re.MULTILINE)  # of a Catch2 program with --durations yes
CASE_LINE = re.compile(r"^(ok|FAILED|skipped) +(.*)$", re.MULTILINE)


@dataclasses.dataclass
class Test:
    name: str
    build: str
    seconds: float
    result: str
    output: str


def read(path):
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        result = "skipped" if case.find("skipped") is not None else case.get("status", "")
        yield Test(
            name=case.get("name", ""),
            build=path.stem,
            seconds=float(case.get("time", "0")),
            result=result,
            output=case.findtext("system-out", ""),
        )


def print_cases(tests):
    for test in tests:
        cases = CASE_LINE.findall(test.output)
        if len(cases) > 1:
            print(f"{test.name} ({test.build}):")
            for result, text in cases:
                print(f"  {result:<8}{text[:160]}")


def print_skipped(tests):
    skipped = [test for test in tests if test.result == "skipped"]
    for test in skipped:
        reasons = [text.split(": ", 1)[-1] for result, text in CASE_LINE.findall(test.output) if result == "skipped"]
        print(f"skipped {test.name} ({test.build}): {'; '.join(reasons) or 'the test names no reason'}")


def with_catch_cases(tests):
    """The cases of a Catch2 program in place of the program."""
    for test in tests:
        cases = CATCH_LINE.findall(test.output)
        if not cases:
            yield test
        for seconds, case in cases:
            yield dataclasses.replace(test, name=f"{test.name}: {case}", seconds=float(seconds))


def print_slowest(tests):
    tests = list(with_catch_cases(tests))
    print(f"the {SLOWEST} slowest of {len(tests)} tests, {sum(test.seconds for test in tests):.0f} s in all:")
    for test in sorted(tests, key=lambda test: -test.seconds)[:SLOWEST]:
        print(f"{test.seconds:7.1f} s  {test.name} ({test.build})")


def main(paths):
    tests = [test for path in paths for test in read(pathlib.Path(path))]
    print_cases(tests)
    print_skipped(tests)
    print_slowest(tests)


if __name__ == "__main__":
    main(sys.argv[1:])
