#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry top` in a terminal: what real senders send is in its rows, and its keys do what they say.

    test_top.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import re
import subprocess
import sys

from compare import BINARY, PATIENCE, expect, expect_text
from network import Controller, run
from suite import run_directory_cases
from terminal import Terminal
from test_readme import CLIENT, WATCHED, Wire

OTHER = "198.51.100.3"  # of the client's host, too
RUN = ("--direction", "both", "--firewall")
QUITTED = "status of top:"


class Stage(Wire):
    """The watched host and its neighbour, with a second address there."""

    def __init__(self, directory):
        super().__init__(directory)
        run("ip", "-n", self.sender, "address", "add", f"{OTHER}/24", "dev", "eth0")

    def controller(self):
        return Controller(self, *RUN, ports=("eth0",), window="600s")

    def ping(self, count, source=CLIENT, interval="0.02"):
        self.inside(self.sender, "ping", "-n", "-q", "-I", source, "-c", count, "-i", interval, "-W", 1, WATCHED)

    def passes(self):
        """Whether the neighbour's pings are answered."""
        ping = ("ping", "-n", "-q", "-I", CLIENT, "-c", 2, "-i", "0.2", "-W", 1, WATCHED)
        return self.inside(self.sender, *ping, check=False).returncode == 0


def start_top(terminal, *options, environment=""):
    """`nicsentry top`, between two looks at the terminal's settings."""
    words = " ".join(options)
    terminal.command(
        f"stty -g > before; {environment} {BINARY} top {words}; echo '{QUITTED}' $?; stty -g > after; echo looked"
    )
    terminal.wait_for_text("BITS/S")


def ended(network, terminal, status):
    """Checks that it has ended with the status, and that the terminal is as it was."""
    terminal.wait_for("the shell is back", lambda lines: "looked" in lines)
    terminal.wait_for_text(f"{QUITTED} {status}")
    before, after = [(network.directory / name).read_text(encoding="utf-8") for name in ("before", "after")]
    expect("the terminal's settings (stty -g)", before, after)
    shown = "\n".join(terminal.lines())
    expect_text("the screen of before", f"{BINARY} top", shown.replace("\n", ""))


def rows(lines):
    """The table's rows as lists of words, below the line with the titles."""
    for number, line in enumerate(lines):
        if "PKTS/S" in line:
            body = [one.split() for one in lines[number + 1 : -2] if one.strip()]
            return [words for words in body if words[0] != "no"]
    return []


def first_is(name):
    return lambda lines: bool(rows(lines)) and rows(lines)[0][0] == name


def keys_case(directory):
    """The largest sender is in the first row with all of its packets; sorting, grouping and filters; q."""
    with Stage(directory) as network, Terminal(network, network.receiver) as terminal:
        controller = network.controller()
        network.ping(100)
        network.ping(20, OTHER)
        start_top(terminal, "-i", "eth0", "--sort", "packets", "--every", "200ms")
        whole = terminal.wait_for(
            "both senders, the larger first",
            lambda lines: [words[0] for words in rows(lines)][:2] == [CLIENT, OTHER] and lines,
        )
        expect_text("head", f"run {controller.process.pid}  eth0  firewall yes", whole[0])
        for words, packets in zip(rows(whole), ("200", "40")):
            expect("server and protocol of a row", [WATCHED, "ICMP"], [words[1], words[4]])
            expect("packets of both directions", packets, words[5])
            expect("packets to the server, and to the client", [str(int(packets) // 2)] * 2, words[7:9])
        for name in ("eth0 in (drv)", "eth0 out (tc)"):
            terminal.wait_for_text(name)

        terminal.press("r")
        terminal.wait_for("the smaller first", first_is(OTHER))
        terminal.press("r", "g", "Down", "Enter")
        terminal.wait_for("groups of sources", lambda lines: any(line.startswith("SOURCE") for line in lines))
        terminal.wait_for("the larger group first", first_is(CLIENT))
        terminal.press("g", "Up", "Enter", "s")
        terminal.wait_for_text("Sort by")
        terminal.press("Escape")

        terminal.press("f")
        terminal.write("hots 1")
        terminal.press("Enter")
        terminal.wait_for("the server's words", lambda lines: "hots" in lines[-2] and "filter: hots" not in lines[-2])
        terminal.wait_for("the rows of before", lambda lines: len(rows(lines)) >= 2)
        terminal.press("f")
        terminal.write(f"src host {OTHER}")
        terminal.press("Enter")
        terminal.wait_for("what matches only", lambda lines: [words[0] for words in rows(lines)] == [OTHER])
        terminal.wait_for_text(f"filter: src host {OTHER}")
        terminal.press("?")
        terminal.wait_for_text("block the source of the selected row")
        terminal.press("q")  # leaves the help
        terminal.wait_for("the table again", first_is(OTHER))
        terminal.press("q")
        ended(network, terminal, 0)


def rates_case(directory):
    """Rates follow within seconds, though the window goes on: of a row, and of the port with its bar."""
    with Stage(directory) as network, Terminal(network, network.receiver, 80, 24) as terminal:
        network.controller()
        start_top(terminal)
        command = ("ping", "-n", "-q", "-i", "0.02", "-I", CLIENT, WATCHED)
        ping = network.start(network.sender, *command, stdout=subprocess.DEVNULL)
        # 50 a second in each direction, less on a busy machine
        terminal.wait_for(
            "the rate of the session", lambda lines: first_is(CLIENT)(lines) and 20 <= float(rows(lines)[0][2]) <= 110
        )
        port = re.compile(r"eth0 in \(drv\) +(\d+)(?:\.\d)? pkt/s .*@")
        terminal.wait_for(
            "the rate of the port, and its bar",
            lambda lines: any(found and 10 <= int(found[1]) <= 60 for found in map(port.search, lines)),
        )
        ping.terminate()
        terminal.wait_for("no rate any more", lambda lines: first_is(CLIENT)(lines) and rows(lines)[0][2] == "0")
        terminal.press("C-c")
        ended(network, terminal, 0)


def block_case(directory):
    """b and y stop a sender, u and y let it through again; what cuts off the gateway takes a second question."""
    with Stage(directory) as network, Terminal(network, network.receiver) as terminal:
        network.controller()
        network.ping(10)
        start_top(terminal, "-i", "eth0", "--for", "10m")
        terminal.wait_for("the sender", first_is(CLIENT))
        expect("pings before", True, network.passes())
        terminal.press("b")
        terminal.wait_for_text(f"nicsentry block {CLIENT} --for 10m -i eth0   do it? (y/n)")
        expect("pings while the question stands", True, network.passes())
        terminal.press("n")
        terminal.wait_for_text("nothing was changed")
        terminal.press("b", "y")
        terminal.wait_for_text(f"{CLIENT} is blocked; enforced on eth0/")
        expect("pings of a blocked source", False, network.passes())
        expect_text("blocked", CLIENT, network.nicsentry("sets", "list", "blocked", "-i", "eth0").stdout)
        terminal.wait_for("the row says so", lambda lines: first_is(CLIENT)(lines) and "dropped" in rows(lines)[0])
        terminal.press("u", "y")
        terminal.wait_for_text(f"{CLIENT} is not blocked any more")
        expect("pings of an unblocked source", True, network.passes())

        run("ip", "-n", network.receiver, "route", "add", "default", "via", CLIENT)
        refused = network.nicsentry("block", CLIENT, "--for", "10m", "-i", "eth0", check=False)
        words = refused.stderr.split("error: ", 1)[1].splitlines()
        terminal.press("b", "y")
        terminal.wait_for_text(f"nicsentry block {CLIENT} --for 10m --yes -i eth0   do it all the same? (y/n)")
        shown = "\n".join(terminal.lines())
        for line in words:
            expect_text("the words of 'nicsentry block'", line.strip()[:100], shown)
        terminal.press("n")
        expect("pings after a refusal", True, network.passes())
        terminal.press("b", "y")
        terminal.wait_for_text("do it all the same?")
        terminal.press("y")
        terminal.wait_for_text(f"{CLIENT} is blocked; enforced on eth0/")
        expect("pings of a blocked gateway", False, network.passes())
        terminal.press("q")
        ended(network, terminal, 0)


def killed_run_case(directory):
    """A run that is killed is shown as gone, in red where colours are wanted, and found again when it is back."""
    with Stage(directory) as network:
        for environment, red in (("", True), ("NO_COLOR=1", False)):
            with Terminal(network, network.receiver) as terminal:
                controller = network.controller()
                start_top(terminal, "-i", "eth0", environment=environment)
                controller.process.kill()
                controller.process.wait(timeout=PATIENCE)
                terminal.wait_for_text("NO CONNECTION, trying again: ")
                line = next(one for one in terminal.lines(escapes=True) if "NO CONNECTION" in one)
                expect(f"the line is red ({line!r})", red, "\x1b[31m" in line or ";31m" in line)
                terminal.press("Down", "?")
                terminal.wait_for_text("block the source of the selected row")
                terminal.press("Escape")
                again = network.controller()
                network.ping(10)
                terminal.wait_for("the connection is back", lambda lines: not any("NO CONN" in one for one in lines))
                terminal.wait_for("rows of the new run", lambda lines: first_is(CLIENT)(lines) and rows(lines)[0])
                terminal.press("q")
                ended(network, terminal, 0)
                again.stop()


def sizes_and_signals_case(directory):
    """A terminal that becomes too small says so; each signal that ends it restores the terminal."""
    with Stage(directory) as network, Terminal(network, network.receiver, 80, 24) as terminal:
        network.controller()
        network.ping(10)
        start_top(terminal)
        terminal.wait_for("the sender", first_is(CLIENT))
        terminal.resize(60, 10)
        terminal.wait_for(
            "what it needs",
            lambda lines: "needs 80 columns and 24 lines; this terminal has 60 and 10"
            in " ".join("".join(lines).split()),
        )
        terminal.resize(200, 60)
        terminal.wait_for("the sender again", first_is(CLIENT))
        terminal.wait_for("as wide as the terminal", lambda lines: len(lines[0].rstrip()) > 190)
        for name in ("TERM", "HUP", "QUIT"):
            run("kill", f"-{name}", terminal.child())
            ended(network, terminal, 0)
            terminal.command("clear")
            start_top(terminal)
        terminal.press("C-z")
        terminal.wait_for_text("Stopped")
        terminal.command(f"clear; fg; echo '{QUITTED}' $?; stty -g > after; echo looked")
        terminal.wait_for_text("BITS/S")
        terminal.press("q")
        ended(network, terminal, 0)


def no_terminal_case(directory):
    """Without a terminal, and for one that ncurses does not know, an error says what to use instead."""
    with Stage(directory) as network:
        network.controller()
        for words in (("top",), ("top", "-i", "eth0", "--by", "src")):
            refused = network.nicsentry(*words, check=False)
            expect("exit status", 1, refused.returncode)
            expect_text("standard error", "is no terminal; for lines of JSON: nicsentry watch --json", refused.stderr)
        for words, text in (
            (("--sort", "name"), "read 'name'"),
            (("--filter", "hots 1"), "hots"),
            (("--by", "scr"), "did you mean 'src'?"),
            (("--every", "1ms"), "--every"),
        ):
            wrong = network.nicsentry("top", *words, check=False)
            expect("exit status of a wrong option", 2, wrong.returncode)
            expect_text("standard error", text, wrong.stderr)
        with Terminal(network, network.receiver) as terminal:
            terminal.command(f"TERM=nobody-knows {BINARY} top; echo '{QUITTED}' $?")
            terminal.wait_for_text(f"{QUITTED} 1")
            terminal.wait_for_text("the terminal 'nobody-knows' (TERM) is not known here")
            terminal.command(f"clear; {BINARY} top -i eth7; echo '{QUITTED}' $?")
            terminal.wait_for_text(f"{QUITTED} 1")
            terminal.wait_for_text("'eth7'")


def main():
    return run_directory_cases(
        {
            "rows and keys": keys_case,
            "rates": rates_case,
            "block and unblock": block_case,
            "a killed run": killed_run_case,
            "sizes and signals": sizes_and_signals_case,
            "no terminal": no_terminal_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
