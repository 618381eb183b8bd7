# SPDX-License-Identifier: GPL-2.0-or-later
"""A terminal of a given size in a network namespace, through tmux: keys go in, what it shows comes out."""
import os
import time

from compare import PATIENCE
from network import run
from suite import Mismatch


class Terminal:
    """A shell in a terminal. Its size is changed by nobody else."""

    def __init__(self, network, namespace, columns=120, lines=40):
        self.inside = ("ip", "netns", "exec", namespace)
        self.socket = network.directory / f"tmux{columns}x{lines}.{time.monotonic_ns()}"
        environment = [f"{name}={os.environ[name]}" for name in ("NICSENTRY_RUNTIME_DIR", "NICSENTRY_PIN_DIR", "PATH")]
        shell = ["env", "-i", "TERM=screen-256color", "HOME=/", *environment, "PS1=$ ", "bash", "--norc", "--noprofile"]
        size = ["-x", columns, "-y", lines]
        self.tmux("-f", "/dev/null", "new-session", "-d", *size, "-c", network.directory, *shell)
        self.tmux("set", "-g", "status", "off")
        self.tmux("set", "-g", "window-size", "manual")
        self.resize(columns, lines)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tmux("kill-server", check=False)

    def tmux(self, *words, check=True):
        return run(*self.inside, "tmux", "-S", self.socket, *words, check=check)

    def resize(self, columns, lines):
        self.tmux("resize-window", "-x", columns, "-y", lines)

    def press(self, *keys):
        """Keys as tmux names them: Down, Enter, C-c, or a character."""
        self.tmux("send-keys", *keys)

    def write(self, text):
        self.tmux("send-keys", "-l", text)

    def command(self, text):
        self.write(text)
        self.press("Enter")

    def child(self):
        """The process id of what the shell runs."""
        shell = self.tmux("display-message", "-p", "#{pane_pid}").stdout.strip()
        return run("pgrep", "-P", shell).stdout.strip()

    def lines(self, escapes=False):
        return self.tmux("capture-pane", "-p", *(["-e"] if escapes else [])).stdout.splitlines()

    def wait_for(self, what, condition, seconds=PATIENCE):
        """Waits until the condition holds for the lines that it shows; returns what the condition did."""
        end = time.monotonic() + seconds
        while not (found := condition(self.lines())):
            if time.monotonic() > end:
                shown = "\n".join(self.lines())
                raise Mismatch(f"expected within {seconds} s: {what}, seen:\n{shown}")
            time.sleep(0.1)
        return found

    def wait_for_text(self, text, seconds=PATIENCE):
        return self.wait_for(repr(text), lambda lines: [line for line in lines if text in line], seconds)
