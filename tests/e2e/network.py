# SPDX-License-Identifier: GPL-2.0-or-later
"""Two network namespaces joined by veth pairs, a controller in the receiving one, and what is sent to it."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time

from compare import BINARY, PATIENCE, expect
from suite import Mismatch

MTU = 3000  # each frame in one buffer; beyond that the programs cannot hold the IP length against the frame's
JUMBO = 9000
PPS = int(os.environ.get("NICSENTRY_PPS", "5000"))  # packets that a sender sends a second
SEEN = "right"  # watched ports are right0, right1; their peers left0, left1 are with the sender
MODES = {
    "drv": ["--mode", "drv"],
    "skb": ["--mode", "skb"],
    "tc": ["--mode", "tc"],
    "tc egress": ["--mode", "tc", "--direction", "both"],
}
WINDOW = f"{max(60, PATIENCE // 3)}s"  # longer than a case, also where the machine is emulated


def run(*command, check=True):
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    if check and done.returncode != 0:
        raise Mismatch(f"{' '.join(map(str, command))}: exit status {done.returncode}: {done.stderr}{done.stdout}")
    return done


class Network:
    def __init__(self, directory, pairs=1, mtu=MTU):
        self.mtu = mtu
        self.directory = pathlib.Path(directory)
        # The command line asks whoever has a socket there: not the controllers of tests that run beside this one.
        os.environ["NICSENTRY_RUNTIME_DIR"] = str(self.directory / "runtime")
        # `ip netns exec` has a /sys of its own, without a BPF file system.
        self.bpffs = self.directory / "bpffs"
        self.pins = self.bpffs / "nicsentry"
        os.environ["NICSENTRY_PIN_DIR"] = str(self.pins)
        self.bpffs.mkdir(exist_ok=True)
        run("mount", "-t", "bpf", "bpf", self.bpffs)
        self.sender, self.receiver = f"nse2e{os.getpid()}s", f"nse2e{os.getpid()}r"
        self.processes, self.namespaces = [], []
        try:
            for namespace in (self.sender, self.receiver):
                self.add_namespace(namespace)
            for pair in range(pairs):
                self.add_pair(pair)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        for namespace in self.namespaces:
            run("ip", "netns", "del", namespace, check=False)
        run("umount", "--lazy", self.bpffs, check=False)

    def add_namespace(self, namespace):
        self.namespaces.append(namespace)
        run("ip", "netns", "add", namespace)
        for scope in ("all", "default"):  # no neighbour discovery among what is counted
            self.inside(namespace, "sysctl", "-qw", f"net.ipv6.conf.{scope}.disable_ipv6=1")

    def add_pair(self, pair):
        run(
            "ip",
            "link",
            "add",
            f"left{pair}",
            "mtu",
            self.mtu,
            "netns",
            self.sender,
            "type",
            "veth",
            "peer",
            "name",
            f"{SEEN}{pair}",
            "mtu",
            self.mtu,
            "netns",
            self.receiver,
        )
        for namespace, side in ((self.sender, "left"), (self.receiver, SEEN)):
            run("ip", "-n", namespace, "link", "set", f"{side}{pair}", "arp", "off", "up")

    def inside(self, namespace, *command, check=True):
        return run("ip", "netns", "exec", namespace, *command, check=check)

    def start(self, namespace, *command, **options):
        process = subprocess.Popen(["ip", "netns", "exec", namespace, *map(str, command)], text=True, **options)
        self.processes.append(process)
        return process

    def sent(self, port="left0", namespace=None):
        """Packets that reached the other end of the port's pair: those that veth had no room for are not among them."""
        shown = run("ip", "-n", namespace or self.sender, "-s", "-j", "link", "show", "dev", port)
        return json.loads(shown.stdout)[0]["stats64"]["tx"]["packets"]

    def tcpreplay(self, capture, *options, port="left0", namespace=None, processor=0, pps=PPS):
        return self.start(
            namespace or self.sender,
            "taskset",
            "-c",
            processor,
            "tcpreplay",
            "-q",
            "--timer=nano",
            "-i",
            port,
            f"--pps={pps}",
            *options,
            capture,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def send(self, capture, expected, *options, port="left0", namespace=None, **more):
        before = self.sent(port, namespace)
        finish(self.tcpreplay(capture, *options, port=port, namespace=namespace, **more))
        expect("packets that the sender's port sent", expected, self.sent(port, namespace) - before)
        time.sleep(0.3)  # until the other end has processed them

    def link(self, port="right0"):
        return json.loads(run("ip", "-n", self.receiver, "-d", "-j", "link", "show", "dev", port).stdout)[0]

    def program_id(self, port="right0"):
        return self.link(port).get("xdp", {}).get("prog", {}).get("id", 0)

    def check_clean(self, port="right0"):
        expect(f"{port}, XDP program after the run", None, self.link(port).get("xdp"))
        qdiscs = run("tc", "-n", self.receiver, "qdisc", "show", "dev", port).stdout
        expect(f"{port}, clsact after the run", False, "clsact" in qdiscs)
        index = self.link(port)["ifindex"]
        pins = [path.name for path in self.pins.iterdir()] if self.pins.exists() else []
        expect(f"{port}, pins after the run", [], [name for name in pins if f"-{index}-" in name])

    def nicsentry(self, *arguments, check=True):
        return self.inside(self.receiver, BINARY, *arguments, check=check)


def finish(process, status=0, seconds=PATIENCE):
    output = process.communicate(timeout=seconds)[0]
    expect(f"{process.args[3:]}, exit status ({output!r})", status, process.returncode)
    return output


class Controller:
    """`nicsentry run` in the receiving namespace, ready when the constructor is through."""

    counter = 0

    def __init__(
        self, network, *arguments, ports=("right0",), window=WINDOW, stdout=subprocess.DEVNULL, prefix=(), **options
    ):
        Controller.counter += 1
        self.output = network.directory / f"run{Controller.counter}"
        self.output.mkdir()
        self.log_path = network.directory / f"run{Controller.counter}.log"
        interfaces = [word for port in ports for word in ("-i", port)]
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = network.start(
                network.receiver,
                *prefix,
                BINARY,
                "run",
                *interfaces,
                "--window",
                window,
                "--format",
                "jsonl",
                "-o",
                self.output,
                *arguments,
                stdout=stdout,
                stderr=log,
                **options,
            )
        for port in ports:
            self.wait_for(rf"{port}: mode ")

    def log(self):
        return self.log_path.read_text(encoding="utf-8")

    def wait_for(self, pattern, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.log()):
            if self.process.poll() is not None or time.monotonic() > end:
                raise Mismatch(
                    f"{' '.join(self.process.args[3:])}: expected {pattern!r} in the log, seen {self.log()!r} "
                    f"(exit status {self.process.poll()})"
                )
            time.sleep(0.02)

    def stop(self, status=0, how=signal.SIGINT):
        self.process.send_signal(how)
        self.process.wait(timeout=PATIENCE)
        expect(f"exit status of run ({self.log()!r})", status, self.process.returncode)
        return self.output
