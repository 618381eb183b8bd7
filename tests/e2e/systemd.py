# SPDX-License-Identifier: GPL-2.0-or-later
"""systemd as process 1 of namespaces of its own, with the units of a build, in the network namespace of a test."""
import os
import pathlib
import re
import shutil
import subprocess
import time

from compare import BINARY, PATIENCE
from network import run
from suite import REPOSITORY, Mismatch, Skipped

SYSTEMD = "/lib/systemd/systemd"
BUILD = pathlib.Path(BINARY).parent
UNITS = BUILD / "share"
# In place of the system's, which would start its services.
TARGETS = [f"{name}.target" for name in ("test", "sysinit", "basic", "shutdown", "local-fs", "network")]
CONFIG = "/run/units/config"  # the shipped configuration, in there
PLACE = "/mnt"  # of the build, in there: units do not see /tmp or /home
# Nothing of the host's is written: /run, /tmp and so on are others. systemd mounts no bpffs in a container.
BOOT = """
set -e
mount --make-rprivate /
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mount -t bpf bpf /sys/fs/bpf
mount --bind "$1" "$2"
cp -r "$3" /run/units
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /var/tmp
export container=nicsentry-test SYSTEMD_UNIT_PATH=/run/units
exec "$4" --system --unit=test.target --default-standard-output=null --show-status=0 --log-target=console
"""
# A port of a namespace has no device unit without udev.
DEVICE = re.compile(r"^BindsTo=.*\n|sys-subsystem-net-devices-%i\.device ?", re.MULTILINE)


def control_groups():
    """Where control groups of the second version can be made."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if "cgroup2" in words[words.index("-") :] and os.access(words[4], os.W_OK):
            return pathlib.Path(words[4])
    raise Skipped("no control groups (cgroup2) that can be written")


class Container:
    """systemd as process 1 of namespaces of its own, in the network namespace of a test."""

    def __init__(self, network, target, script, *arguments):
        """`script` ends as systemd, which starts `target`."""
        self.target = target
        self.group = control_groups() / f"nicsentry-test-{os.getpid()}"
        self.log = network.directory / "systemd.log"
        self.group.mkdir()
        try:
            self.process = self.start(network, script, arguments)
        except BaseException:
            self.remove_group()
            raise

    def start(self, network, script, arguments):
        # The control group is of the host's /sys, which `ip netns exec` replaces.
        enter = f'echo $$ > "{self.group}/cgroup.procs"; exec ip netns exec {network.receiver} "$@"'
        separate = ("unshare", "--pid", "--fork", "--kill-child", "--mount", "--cgroup", "--uts", "--ipc")
        boot = ("sh", "-c", script, "boot", *arguments)
        with open(self.log, "w", encoding="utf-8") as log:
            process = subprocess.Popen(
                [*("sh", "-c", enter, "start"), *separate, *map(str, boot)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        network.processes.append(process)
        return process

    def __enter__(self):
        try:
            end = time.monotonic() + PATIENCE
            while self.systemctl("is-active", self.target, check=False).stdout != "active\n":
                if time.monotonic() > end or self.process.poll() is not None:
                    raise Mismatch(f"expected systemd to start, seen {self.log.read_text(encoding='utf-8')!r}")
                time.sleep(0.1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()  # with it process 1, and with that all others
        self.process.wait()
        self.remove_group()

    def remove_group(self):
        end = time.monotonic() + PATIENCE
        while self.group.exists() and time.monotonic() < end:
            for folder, _, _ in os.walk(self.group, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    time.sleep(0.05)  # its processes are just ending

    def first(self):
        """Process 1, by its number outside."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        numbers = children.read_text(encoding="ascii").split() if children.exists() else []
        return numbers[0] if numbers else None

    def inside(self, *words, check=True):
        if self.first() is None:
            return run("false", check=False)
        return run("nsenter", "-t", self.first(), "-m", "-p", "-n", "-C", *words, check=check)

    def systemctl(self, *words, check=True):
        return self.inside("systemctl", *words, check=check)

    def shown(self, unit, name):
        return self.systemctl("show", "--value", "-p", name, unit).stdout.strip()

    def said(self):
        return self.log.read_text(encoding="utf-8")


class Systemd(Container):
    """With the units of a build."""

    def __init__(self, network, settings):
        """`settings`: of [Service], in a drop-in of each unit: text by the unit's name."""
        if not pathlib.Path(SYSTEMD).exists() or shutil.which("systemctl") is None:
            raise Skipped("there is no systemd (package systemd)")
        self.units = network.directory / "units"
        self.units.mkdir()
        self.config = self.units / "config"
        shutil.copytree(REPOSITORY / "share" / "config", self.config)
        for name in TARGETS:
            (self.units / name).write_text("[Unit]\n", encoding="utf-8")
        for name, section in settings.items():
            text = DEVICE.sub("", (UNITS / name).read_text(encoding="utf-8"))
            text = re.sub(r"^ExecStart=\S+", f"ExecStart={PLACE}/nicsentry", text, flags=re.MULTILINE)
            # Not that of an installation here.
            text, changed = re.subn(r"--config [^\s\"]+", f"--config {CONFIG}", text)
            assert changed == 1, f"{name} names no configuration"
            (self.units / name).write_text(text, encoding="utf-8")
            folder = self.units / f"{name}.d"
            folder.mkdir()
            (folder / "test.conf").write_text(f"[Service]\n{section}\n", encoding="utf-8")
        super().__init__(network, "test.target", BOOT, BUILD, PLACE, self.units, SYSTEMD)

    def nicsentry(self, *words, check=True):
        return self.inside(
            "env", "-u", "NICSENTRY_RUNTIME_DIR", "-u", "NICSENTRY_PIN_DIR", f"{PLACE}/nicsentry", *words, check=check
        )
