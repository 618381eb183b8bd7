# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests to a run's API, by curl: through its Unix socket, or to an address at which it listens."""
import dataclasses
import json
import subprocess

from compare import PATIENCE
from suite import Mismatch


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    text: str

    def json(self):
        return json.loads(self.text)


def socket_of(network):
    """The only controller's socket."""
    sockets = list((network.directory / "runtime").glob("controller-*.sock"))
    if len(sockets) != 1:
        raise Mismatch(f"expected one socket of a controller, seen {sockets}")
    return sockets[0]


def ask(network, path, *options, base=None, namespace=None, check=True):
    """The answer to one request; options are curl's. Without `base` it goes through the Unix socket."""
    where = ["--unix-socket", str(socket_of(network)), f"http://localhost{path}"] if base is None else [base + path]
    done = subprocess.run(
        ["ip", "netns", "exec", namespace or network.receiver, "curl", "-s", "-S", "-g", "-i", *options, *where],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode:
        if check:
            raise Mismatch(f"curl {options} {where}: exit status {done.returncode}: {done.stderr.decode()}")
        return None
    head, _, body = done.stdout.decode().partition("\r\n\r\n")
    while head.startswith("HTTP/1.1 100"):
        head, _, body = body.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)
