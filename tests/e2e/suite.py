# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the cases of a test file, each of which CTest also runs as a test of its own.

    test_X.py --list          prints a line for each case: "slow" or nothing, a tab, the name
    test_X.py [NAME ...]      runs the cases that have this name, or else those whose name contains it

Exit status: 0 all passed, 1 a case failed, 2 no case has such a name, 77 all cases were skipped.
"""
import collections.abc
import functools
import os
import pathlib
import signal
import sys
import tempfile
import time
import traceback
import typing
import unittest

SKIPPED = 77  # SKIP_RETURN_CODE of the tests in CMake
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PCAPS = pathlib.Path(os.environ.get("NICSENTRY_PCAPS", REPOSITORY.parent / "shared" / "pcaps"))
CAPTURES = {  # the real captures that the tests expect
    "cic-ddos2019-synflood.pcap",
    "cic-ddos2019-webddos.pcap",
    "dns_fragmented.pcap",
    "icmp-tunnel.pcap",
    "mining.pcapng",
    "monero.pcap",
}
Case = collections.abc.Callable[..., typing.Any]


class Mismatch(Exception):
    pass


class Skipped(Exception):
    """The case cannot run here; the text says why."""


def tries(everything):
    """How many of so many repetitions to do: NICSENTRY_TRIES is the percentage, 10 by default."""
    return max(1, everything * int(os.environ.get("NICSENTRY_TRIES", "10")) // 100)


def real_captures():
    """Names of the expected captures, and of others that are there. They are not part of the repository."""
    found = {path.name for path in PCAPS.iterdir()} if PCAPS.is_dir() else set()
    return sorted(CAPTURES | {name for name in found if name.endswith((".pcap", ".pcapng"))})


def real_capture(name):
    path = PCAPS / name
    if not path.exists():
        raise Skipped(f"there is no {path} (NICSENTRY_PCAPS names the directory of the real captures)")
    return path


def slow(case: Case) -> Case:
    """Marks a case that only `scripts/test.sh --full` runs."""

    @functools.wraps(case)
    def marked(*arguments):
        return case(*arguments)

    marked.__dict__["is_slow"] = True
    return marked


def is_slow(case: Case) -> bool:
    return getattr(case, "is_slow", False)


def selected(cases, words):
    """The cases that the words name. None if a word names no case."""
    if not words:
        return cases
    chosen = []
    for word in words:
        found = [one for one in cases if one[0] == word] or [one for one in cases if word in one[0]]
        if not found:
            print(f"no case is called {word!r}; there are: {', '.join(name for name, _ in cases)}", file=sys.stderr)
            return None
        chosen += [one for one in found if one not in chosen]
    return chosen


def run_case(name, case):
    """ "ok", "FAILED" or "skipped"; prints it with the reason and the time."""
    began = time.monotonic()
    try:
        text = case()
        result = "ok"
    except Skipped as skipped:
        text, result = skipped, "skipped"
    except Mismatch as mismatch:
        text, result = mismatch, "FAILED"
    except Exception:  # pylint: disable=broad-except
        text, result = "\n" + traceback.format_exc(), "FAILED"
    print(f"{result:<8}{name}{f': {text}' if text else ''} ({time.monotonic() - began:.1f} s)", flush=True)
    return result


def run_cases(cases):
    """Each case is (name, function). The function returns a remark or nothing. Returns the exit status."""
    cases = list(cases)
    names = [name for name, _ in cases]
    assert len(set(names)) == len(names), f"two cases have one name: {sorted(names)}"
    if sys.argv[1:] == ["--list"]:
        for name, case in cases:
            print(f"{'slow' if is_slow(case) else ''}\t{name}")
        return 0
    chosen = selected(cases, sys.argv[1:])
    if not chosen:
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that finally blocks run
    results = [run_case(name, case) for name, case in chosen]
    if "FAILED" in results:
        return 1
    return SKIPPED if set(results) == {"skipped"} else 0


def run_directory_cases(cases):
    """Cases by name, each called with an empty directory of its own."""

    def bound(case):
        @functools.wraps(case)
        def call():
            with tempfile.TemporaryDirectory(prefix="nicsentry-e2e-") as directory:
                return case(directory)

        return call

    return run_cases([(name, bound(case)) for name, case in cases.items()])


def unittest_case(case_class, method):
    def call():
        result = unittest.TestResult()
        case_class(method).run(result)
        failures = [text for _, text in result.errors + result.failures]
        if failures:
            raise Mismatch("\n" + "\n".join(failures))
        if result.testsRun != 1:
            raise Mismatch(f"expected one test run, seen {result.testsRun}")

    return call


def within(seconds, what, condition):
    """Waits until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Mismatch(f"expected within {seconds} s: {what}")
        time.sleep(0.02)


def run_unittest_cases(*classes):
    """Each test method is a case: `test_what_it_says` of class `Group` is "Group: what it says"."""
    cases = []
    for case_class in classes:
        for method in unittest.defaultTestLoader.getTestCaseNames(case_class):
            name = method.removeprefix("test_").replace("_", " ")
            cases.append((f"{case_class.__name__}: {name}", unittest_case(case_class, method)))
    return run_cases(cases)
