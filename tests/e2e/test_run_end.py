#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How a run with a firewall ends, and what does not end it: signals, errors, readers and terminals that go.

    test_run_end.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import os
import pathlib
import pty
import signal
import subprocess
import sys
import time

from compare import PATIENCE, expect, expect_text
from network import Controller, Network
from peers import INSIDE, Peers
from suite import Mismatch, run_directory_cases, within

FIREWALL = ("--mode", "drv", "--firewall")
NOTHING = "warning: nothing is enforced on right0 from now on"


def drops(peers):
    """Whether the port drops what the rules say."""
    return peers.ask(peers.sender, INSIDE, 5300) == 0


def blocked(peers, *options):
    peers.echo(peers.receiver, 5300)
    watching = Controller(peers, *FIREWALL, *options)
    expect("UDP from outside is answered", True, not drops(peers))
    peers.rules([{"operation": "append", "l4proto": "UDP", "dport": 5300, "action": "drop"}])
    expect("UDP from outside is dropped", True, drops(peers))
    return watching


def signals_case(directory):
    with Network(directory) as network:
        for how in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
            watching = Controller(network, *FIREWALL)
            watching.stop(how=how)
            expect_text(f"log after {how.name}", NOTHING, watching.log())
            network.check_clean()
        watching = Controller(network, "--mode", "drv")
        watching.stop(how=signal.SIGTERM)
        expect("a run without a firewall says so", False, "nothing is enforced" in watching.log())


def left_attached_case(directory):
    with Peers(directory) as peers:
        watching = blocked(peers)
        watching.stop()
        expect("dropped after a run that takes its program off", False, drops(peers))
        watching = Controller(peers, *FIREWALL, "--leave-attached")
        peers.rules([{"operation": "append", "l4proto": "UDP", "dport": 5300, "action": "drop"}])
        attached = peers.program_id()
        watching.stop(how=signal.SIGTERM)
        expect_text("log", "warning: right0/xdp: the program stays and goes on enforcing what it has", watching.log())
        expect("it says that nothing is enforced", False, NOTHING in watching.log())
        expect("program id", attached, peers.program_id())
        expect("dropped after the run", True, drops(peers))
        watching = Controller(peers, *FIREWALL)
        expect_text("log of the next run", f"(id {attached}, attached by a run that died)", watching.log())
        watching.stop()
        peers.check_clean()


def found_firewall_case(directory):
    """A run without a firewall leaves the one that it finds on its port, in both directions."""
    with Peers(directory) as peers:
        watching = blocked(peers, "--direction", "both", "--leave-attached")
        attached = peers.program_id()
        watching.stop()
        watching = Controller(peers, "--mode", "drv", "--direction", "both")
        watching.stop()
        expect_text("log", "its firewall stays in force as it was left", watching.log())
        expect_text("log", "warning: right0/xdp: the program stays and goes on enforcing what it has", watching.log())
        expect("program id", attached, peers.program_id())
        expect("dropped after the run", True, drops(peers))
        expect_text("status", "right0  tc-egress", peers.nicsentry("status").stdout)
        peers.nicsentry("detach", "-i", "right0")
        peers.check_clean()


FAILING = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* The loop's wait fails once a file is there. */
int epoll_pwait2(int fd, struct epoll_event *events, int count, const struct timespec *limit, const sigset_t *mask)
{
\tint (*real)(int, struct epoll_event *, int, const struct timespec *, const sigset_t *) =
\t\tdlsym(RTLD_NEXT, "epoll_pwait2");

\tif (access(getenv("FAIL_WHEN"), F_OK) == 0) {
\t\terrno = EBADF;
\t\treturn -1;
\t}
\treturn real(fd, events, count, limit, mask);
}
"""


def error_case(directory):
    """An error in the loop ends the run; what it enforced stays in force."""
    source, library = pathlib.Path(directory) / "failing.c", pathlib.Path(directory) / "failing.so"
    source.write_text(FAILING, encoding="ascii")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    with Peers(directory) as peers:
        signal_file = pathlib.Path(directory) / "fail"
        faulty = {**os.environ, "LD_PRELOAD": str(library), "FAIL_WHEN": str(signal_file)}
        peers.echo(peers.receiver, 5300)
        watching = Controller(peers, *FIREWALL, env=faulty)
        peers.rules([{"operation": "append", "l4proto": "UDP", "dport": 5300, "action": "drop"}])
        attached = peers.program_id()
        signal_file.touch()
        watching.process.wait(timeout=PATIENCE)
        expect("exit status", 1, watching.process.returncode)
        expect_text("log", "error: the run ends by an error: EBADF: waiting for events", watching.log())
        expect_text("log", "right0/xdp: the program stays and goes on enforcing what it has", watching.log())
        expect("program id", attached, peers.program_id())
        expect("dropped after the run", True, drops(peers))
        signal_file.unlink()
        Controller(peers, *FIREWALL).stop()
        peers.check_clean()
        watching = Controller(peers, "--mode", "drv", env=faulty)  # nothing is enforced: nothing needs to stay
        signal_file.touch()
        watching.process.wait(timeout=PATIENCE)
        expect("exit status without a firewall", 1, watching.process.returncode)
        peers.check_clean()


def hangup_case(directory):
    """SIGHUP opens the log of packets anew."""
    with Peers(directory) as peers:
        log = peers.directory / "packets.log"
        peers.echo(peers.receiver, 5300)
        watching = Controller(peers, *FIREWALL, "--log", log)
        peers.rules([{"operation": "append", "l4proto": "UDP", "dport": 5300, "action": "log"}])
        peers.ask(peers.sender, INSIDE, 5300)
        moved = log.rename(peers.directory / "packets.log.1")
        peers.ask(peers.sender, INSIDE, 5300)
        expect("the log before SIGHUP", False, log.exists())
        before = len(moved.read_text(encoding="utf-8").splitlines())
        watching.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + PATIENCE
        while not log.exists():
            if time.monotonic() > end:
                raise Mismatch(f"expected {log} after SIGHUP, seen {watching.log()!r}")
            time.sleep(0.02)
        peers.ask(peers.sender, INSIDE, 5300)
        watching.stop()
        expect("records in the former file", before, len(moved.read_text(encoding="utf-8").splitlines()))
        expect("records in the new file", 1, len(log.read_text(encoding="utf-8").splitlines()))
        peers.check_clean()


def failed_hangup_case(directory):
    """A log that cannot be opened again goes on in the file that is open, is tried again, and no record is lost."""
    with Peers(directory) as peers:
        place, aside = peers.directory / "logs", peers.directory / "aside"
        place.mkdir()
        log, former = place / "packets.log", aside / "packets.log"
        peers.echo(peers.receiver, 5300)
        watching = Controller(peers, *FIREWALL, "--log", log)
        peers.rules([{"operation": "append", "l4proto": "UDP", "dport": 5300, "action": "log"}])
        peers.ask(peers.sender, INSIDE, 5300)
        place.rename(aside)
        for _ in range(2):  # the second one is not told of again
            watching.process.send_signal(signal.SIGHUP)
            watching.wait_for("error: the log of packets could not be opened again: ENOENT")
        peers.ask(peers.sender, INSIDE, 5300)
        within(PATIENCE, "two records in the former file", lambda: former.read_text(encoding="utf-8").count("\n") == 2)
        place.mkdir()
        within(PATIENCE, "the new file, without another record", log.exists)
        peers.ask(peers.sender, INSIDE, 5300)
        watching.stop()  # with status 0: nothing was lost
        expect("times that it is said", 1, watching.log().count("could not be opened again"))
        expect("records said to be lost", False, "not written" in watching.log())
        expect("records in the new file", 1, log.read_text(encoding="utf-8").count("\n"))
        peers.check_clean()


THROWING = """
#include <cstdlib>
#include <new>
#include <sys/epoll.h>
#include <unistd.h>

extern "C" int epoll_pwait2(int fd, epoll_event* events, int count, const timespec* limit, const sigset_t* mask)
{
\tif (access(getenv("FAIL_WHEN"), F_OK) == 0)
\t\tthrow std::bad_alloc();
\treturn epoll_pwait(fd, events, count, limit != nullptr ? limit->tv_sec * 1000 + limit->tv_nsec / 1000000 : -1, mask);
}
"""


def exception_case(directory):
    """An exception that is no error of nicsentry's ends the run in the same way: what it enforced stays in force."""
    source, library = pathlib.Path(directory) / "throwing.cpp", pathlib.Path(directory) / "throwing.so"
    source.write_text(THROWING, encoding="ascii")
    subprocess.run(["c++", "-shared", "-fPIC", "-o", library, source], check=True)
    with Peers(directory) as peers:
        signal_file = pathlib.Path(directory) / "fail"
        faulty = {**os.environ, "LD_PRELOAD": str(library), "FAIL_WHEN": str(signal_file)}
        peers.echo(peers.receiver, 5300)
        watching = Controller(peers, *FIREWALL, env=faulty)
        peers.rules([{"operation": "append", "l4proto": "UDP", "dport": 5300, "action": "drop"}])
        signal_file.touch()
        watching.process.wait(timeout=PATIENCE)
        expect("exit status", 1, watching.process.returncode)
        expect_text("log", "error: the run ends by an error: std::bad_alloc", watching.log())
        expect_text("log", "right0/xdp: the program stays and goes on enforcing what it has", watching.log())
        expect("dropped after the run", True, drops(peers))
        peers.nicsentry("detach", "-i", "right0")
        peers.check_clean()


def on_terminal(network, *arguments):
    """A run whose standard output is a terminal that goes away. Returns it when it has gone."""
    ours, theirs = pty.openpty()
    watching = Controller(
        network, *arguments, window="100ms", stdout=theirs, start_new_session=True, preexec_fn=own_terminal
    )
    os.close(theirs)
    os.close(ours)
    return watching


def own_terminal():
    import fcntl  # pylint: disable=import-outside-toplevel
    import termios  # pylint: disable=import-outside-toplevel

    fcntl.ioctl(1, termios.TIOCSCTTY, 0)


def terminal_case(directory):
    """A terminal that goes: SIGHUP, then EIO."""
    with Peers(directory) as peers:
        watching = on_terminal(peers, *FIREWALL)
        watching.wait_for("SIGHUP: files that were moved away are to be made anew")
        peers.ask(peers.sender, INSIDE, 5300)  # a window with packets is written
        watching.wait_for("warning: nobody reads standard output any more; the run goes on without it")
        shown = peers.nicsentry("status", "-i", "right0").stdout
        expect_text("status", f"process {watching.process.pid}: nobody reads standard output any more", shown)
        row = json.loads(peers.nicsentry("status", "-i", "right0", "--json").stdout)[0]
        expect("status --json", ["standard output"], row["run"]["ended_outputs"])
        watching.stop()
        watching = on_terminal(peers, "--mode", "drv")
        peers.ask(peers.sender, INSIDE, 5300)
        watching.process.wait(timeout=PATIENCE)
        expect(f"exit status without a firewall ({watching.log()!r})", 0, watching.process.returncode)
        peers.check_clean()


def main():
    return run_directory_cases(
        {
            "signals": signals_case,
            "a program that is left attached": left_attached_case,
            "a firewall that was found": found_firewall_case,
            "an error in the loop": error_case,
            "an exception": exception_case,
            "SIGHUP": hangup_case,
            "SIGHUP while the log cannot be opened": failed_hangup_case,
            "a terminal that goes": terminal_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
