# SPDX-License-Identifier: GPL-2.0-or-later
"""A shell on the protected host, over a TCP connection from outside: as an administrator has one by SSH."""
import json
import select
import subprocess
import sys

from compare import PATIENCE
from suite import Mismatch

# Like sshd, the serving process holds the connection while what it was asked to do runs below it.
SERVE = """
import json, socket, subprocess, sys
with socket.create_server(("0.0.0.0", int(sys.argv[1]))) as listening:
    print("ready", flush=True)
    connection = listening.accept()[0]
    for line in connection.makefile():
        done = subprocess.run(json.loads(line), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        connection.sendall((json.dumps([done.returncode, done.stdout]) + "\\n").encode())
"""
ASK = """
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
connection.settimeout(None)
print(connection.getsockname()[1], flush=True)
answers = connection.makefile()
for line in sys.stdin:
    connection.sendall(line.encode())
    print(answers.readline(), end="", flush=True)
"""


class RemoteShell:
    def __init__(self, network, to, port):
        self.served = network.start(network.receiver, sys.executable, "-c", SERVE, port, stdout=subprocess.PIPE)
        self.served.stdout.readline()
        self.client = network.start(
            network.sender, sys.executable, "-c", ASK, to, port, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.source_port = int(self.client.stdout.readline())

    def run(self, *words, seconds=PATIENCE):
        """Exit status and output of a command on the host; nothing if no answer comes in this time."""
        self.client.stdin.write(json.dumps([str(word) for word in words]) + "\n")
        self.client.stdin.flush()
        return self.answer(seconds)

    def answer(self, seconds):
        if not select.select([self.client.stdout], [], [], seconds)[0]:
            return None
        line = self.client.stdout.readline()
        if not line:
            raise Mismatch("expected an answer of the remote shell, seen the end of its connection")
        return tuple(json.loads(line))
