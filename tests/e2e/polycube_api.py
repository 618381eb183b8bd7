# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry serve --polycube` in the receiving namespace, and requests to it."""
import json
import signal
import subprocess
import time

from compare import BINARY, PATIENCE, expect
from network import run
from suite import Mismatch

PORT = 9000
URL = f"http://localhost:{PORT}/polycube/v1"
COUNTER = """
BPF_TABLE("array", int, __u64, PACKETS, 1);
static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
    PACKETS.atomic_increment(0);
    return %s;
}
"""


def counting(verdict="RX_OK", name="packets"):
    """A path of a monitor that counts packets."""
    return {"name": "counts", "code": COUNTER % verdict, "metric-configs": [{"name": name, "map-name": "PACKETS"}]}


class Service:
    """The service, answering when the constructor is through."""

    counter = 0

    def __init__(self, network, *options, listen=f"127.0.0.1:{PORT}"):
        self.network = network
        Service.counter += 1
        self.log_path = network.directory / f"serve{Service.counter}.log"
        run("ip", "-n", network.receiver, "link", "set", "lo", "up")
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = network.start(
                network.receiver, BINARY, "serve", "--polycube", listen, *options, stdout=subprocess.DEVNULL, stderr=log
            )
        self.wait_for("answering http://")

    def log(self):
        return self.log_path.read_text(encoding="utf-8")

    def wait_for(self, text, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while text not in self.log():
            if self.process.poll() is not None or time.monotonic() > end:
                raise Mismatch(f"expected {text!r} in the log of the service, seen {self.log()!r}")
            time.sleep(0.02)

    def stop(self, how=signal.SIGTERM, status=0):
        self.process.send_signal(how)
        self.process.wait(timeout=PATIENCE)
        expect(f"exit status of serve ({self.log()!r})", status, self.process.returncode)

    def curl(self, *options, namespace=None, user=None):
        """(status, body) of what curl is asked for."""
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user is not None else []
        command = [*as_user, "curl", "-sg", "--noproxy", "*", "-m", 60, "-w", "\n%{http_code}", *options]
        done = self.network.inside(namespace or self.network.receiver, *command, check=False)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def ask(self, method, path, body=None, **more):
        text = [] if body is None else ["-d", body if isinstance(body, str) else json.dumps(body)]
        return self.curl("-X", method, *text, f"{URL}/{path}", **more)

    def get(self, path):
        """The JSON at a path."""
        status, body = self.ask("GET", path)
        expect(f"status of GET {path} ({body})", 200, status)
        return json.loads(body)

    def do(self, method, path, body=None, status=None):
        """Expects that a request succeeds, and returns its body."""
        wanted = status or {"POST": 201, "PUT": 201, "PATCH": 200, "DELETE": 204}[method]
        seen, text = self.ask(method, path, body)
        expect(f"status of {method} {path} ({text})", wanted, seen)
        return text

    def attach(self, cube, port="right0", **position):
        return self.do("POST", "attach", {"cube": cube, "port": port, **position}, status=200)

    def detach(self, cube, port="right0"):
        return self.do("POST", "detach", {"cube": cube, "port": port}, status=200)

    def packets(self, cube, path="ingress"):
        """What the monitor of counting() has counted, by its pinned map."""
        loads = sorted((self.network.pins / "programs" / cube).iterdir())
        shown = run("bpftool", "-j", "map", "dump", "pinned", loads[-1] / f"{path}-maps" / "PACKETS")
        words = json.loads(shown.stdout)[0]["value"]
        return int.from_bytes(bytes(int(word, 16) for word in words), "little")


def filters(network, side, port="right0"):
    """{priority: program's name} on a TC hook."""
    shown = network.inside(network.receiver, "tc", "-j", "filter", "show", "dev", port, side)
    return {
        one["pref"]: one["options"]["prog"]["id"]
        for one in json.loads(shown.stdout or "[]")
        if "prog" in one.get("options", {})
    }
