#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package: what it holds, and installing, upgrading, removing and purging it in a tree of Debian 12.

    test_package.py --list | [CASE ...]      NICSENTRY: the binary of a build that is compared with the package.

The package is that of scripts/package.sh --quick, which compiles what has changed since the last time.
"""
import collections.abc
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
# pylint: disable=wrong-import-position
from api_client import ask  # noqa: E402
from compare import BINARY, PATIENCE, expect, expect_text  # noqa: E402
from network import run  # noqa: E402
from peers import INSIDE, OUTSIDE, Peers  # noqa: E402
from suite import REPOSITORY, Mismatch, Skipped, run_directory_cases, slow, within  # noqa: E402
from systemd import Container  # noqa: E402
from test_prometheus import TOKEN, Prometheus  # noqa: E402

LONG = 3000  # seconds for a build from the start
OUT = REPOSITORY / "build-package"
CONF = "/etc/nicsentry/nicsentry.conf"
# What dpkg, apt and ldconfig note down of any package.
NOTES = re.compile(r"/(var/lib/dpkg|var/lib/apt|var/cache|var/log|proc|sys|dev|run|tmp)(/|$)|/etc/ld\.so\.cache$")
PROBE_MS = 2
PROBES = """
import socket, sys, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    while True:
        probe.sendto(b"probe", (sys.argv[1], 5300))
        time.sleep(float(sys.argv[2]) / 1000)
"""
COUNT = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
    bound.bind(("0.0.0.0", 5300))
    print("ready", flush=True)
    while True:
        bound.recv(100)
        print("arrived", flush=True)
"""


def command(*words, seconds=PATIENCE, **options):
    done = subprocess.run(
        [str(word) for word in words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=seconds,
        **options,
    )
    if done.returncode != 0:
        raise Mismatch(f"{' '.join(map(str, words))}: exit status {done.returncode}: {done.stdout[-3000:]}")
    return done.stdout


def built():
    command(REPOSITORY / "scripts/package.sh", "--quick", seconds=LONG)
    packages = sorted(OUT.glob("nicsentry_*_amd64.deb"))
    expect("packages", 1, len(packages))
    return packages[0]


def newer(package, directory):
    """The same package with a higher version."""
    tree = pathlib.Path(directory) / "newer"
    command("dpkg-deb", "-R", package, tree)
    control = tree / "DEBIAN" / "control"
    version = re.search(r"^Version: (.*)$", control.read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None
    text = control.read_text(encoding="utf-8").replace(version.group(0), version.group(0) + "+newer")
    control.write_text(text, encoding="utf-8")
    conf = tree / CONF.lstrip("/")
    conf.write_text(conf.read_text(encoding="utf-8") + "# newer\n", encoding="utf-8")
    target = pathlib.Path(directory) / "newer.deb"
    command("dpkg-deb", "--root-owner-group", "-Zgzip", "-b", tree, target)
    return target


@slow
def contents_case(directory):
    """The package holds what `cmake --install` installs; licence and changelog are in Debian's places."""
    package = built()
    listed = {
        words[5].lstrip(".")
        for words in (line.split(maxsplit=5) for line in command("dpkg-deb", "-c", package).splitlines())
        if not words[5].endswith("/")
    }
    stage = pathlib.Path(directory) / "stage"
    build = pathlib.Path(BINARY).parent
    manifest = build / "install_manifest.txt"
    before = manifest.read_bytes() if manifest.exists() else None
    command("cmake", "--install", build, env={**os.environ, "DESTDIR": str(stage)})
    if before is None:
        manifest.unlink()
    else:
        manifest.write_bytes(before)
    wanted = {"/" + str(path.relative_to(stage)) for path in stage.rglob("*") if not path.is_dir()}

    def in_package(name):
        name = name.removeprefix("/usr/local/etc/nicsentry/").removeprefix("/etc/nicsentry/")
        name = name.replace("/usr/local/", "/usr/").replace("/usr/lib/systemd/", "/lib/systemd/")
        name = name.replace("/site-functions/", "/vendor-completions/")
        name = re.sub(r"^/usr/lib/(?!x86_64)", "/usr/lib/x86_64-linux-gnu/", name)
        return CONF if name == "nicsentry.conf" else name

    plain = {re.sub(r"\.gz$", "", name) for name in listed}
    missing = {in_package(name) for name in wanted} - plain
    expect(
        "installed, and not in the package",
        {f"/usr/share/doc/nicsentry/{name}" for name in ("LICENSE", "CHANGELOG.md")},
        missing,
    )
    added = plain - {in_package(name) for name in wanted}
    documents = {f"/usr/share/doc/nicsentry/{name}" for name in ("changelog", "changelog.Debian", "copyright")}
    expect("in the package alone", documents, {name for name in added if not name.startswith("/usr/share/lintian/")})


class Tree:
    """Debian 12 in a directory, with what the package needs; commands run in a network namespace."""

    def __init__(self, directory, package, also=()):
        """`also`: further packages."""
        if shutil.which("debootstrap") is None:
            raise Skipped("there is no debootstrap")
        self.path = pathlib.Path(directory) / "tree"
        self.mounts: list[pathlib.Path] = []
        command("debootstrap", "--variant=minbase", "bookworm", self.path, seconds=LONG)
        self.take_sources()
        try:
            for kind, place in (("proc", "proc"), ("tmpfs", "run"), ("sysfs", "sys"), ("bpf", "sys/fs/bpf")):
                (self.path / place).mkdir(parents=True, exist_ok=True)
                command("mount", "-t", kind, kind, self.path / place)
                self.mounts.append(self.path / place)
            needed = command("dpkg-deb", "-f", package, "Depends")
            names = [re.sub(r"[ (|].*", "", one.strip()) for one in needed.split(",")]
            self.inside((), "apt-get", "update", "-qq")
            self.inside((), "apt-get", "install", "-y", "-qq", "--no-install-recommends", *names, *also)
        except BaseException:
            self.close()
            raise

    def take_sources(self):
        """The machine's sources of packages."""
        for source in sorted(pathlib.Path("/etc/apt").glob("sources.list*")):
            target = self.path / "etc/apt" / source.name
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copy(source, target)

    def inside(self, namespace, *words):
        prefix = ("nsenter", f"--net=/run/netns/{namespace}") if namespace else ()
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        return command(*prefix, "chroot", self.path, *words, env=environment, seconds=LONG)

    def start(self, network, *words, log):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        net = f"--net=/run/netns/{network.receiver}"
        with open(log, "w", encoding="utf-8") as output:
            process = subprocess.Popen(
                ["nsenter", net, "chroot", str(self.path), *words], env=environment, stdout=output, stderr=output
            )
        network.processes.append(process)
        return process

    def take(self, package):
        shutil.copy(package, self.path / "package.deb")
        return "/package.deb"

    def files(self):
        found = set()
        for folder, folders, names in os.walk(self.path):
            place = "/" + str(pathlib.Path(folder).relative_to(self.path)).removeprefix(".")
            found |= {os.path.join(place, name) for name in [*folders, *names]}
        return {name for name in found if not NOTES.match(name) and name != "/package.deb"}

    def close(self):
        for place in reversed(self.mounts):
            run("umount", "--lazy", place, check=False)


@contextlib.contextmanager
def tree_of(directory, package, also=()) -> collections.abc.Iterator[Tree]:
    tree = Tree(directory, package, also)
    try:
        yield tree
    finally:
        tree.close()


def started(tree, network, number):
    log = pathlib.Path(network.directory) / f"service{number}.log"
    words = ("run", "-i", "right0", "--mode", "drv", "--leave-attached", "-q", "--state", "/var/lib/nicsentry/right0")
    process = tree.start(network, "/usr/sbin/nicsentry", *words, log=log)
    end = time.monotonic() + PATIENCE
    while not answers(tree, network):
        if process.poll() is not None or time.monotonic() > end:
            raise Mismatch(f"expected a run that answers, seen {log.read_text(encoding='utf-8')!r}")
        time.sleep(0.1)
    return process


def answers(tree, network):
    try:
        return "driven by process" in tree.inside(network.receiver, "nicsentry", "status", "-i", "right0")
    except Mismatch:
        return False


def ended(process):
    process.terminate()
    expect("exit status of the run", 0, process.wait(timeout=PATIENCE))


@slow
def life_case(directory):
    """No packet of a blocked address passes an upgrade; removal ends enforcement; a purge leaves nothing."""
    package = built()
    with tree_of(directory, package) as tree, tempfile.TemporaryDirectory() as other, Peers(other) as network:
        before = tree.files()
        tree.inside(network.receiver, "dpkg", "-i", tree.take(package))
        expect_text("version", "nicsentry", tree.inside(network.receiver, "nicsentry", "--version"))
        (tree.path / "var/lib/nicsentry").mkdir(mode=0o700)
        first = started(tree, network, 1)
        tree.inside(network.receiver, "nicsentry", "block", OUTSIDE, "-i", "right0", "--yes")
        counted = network.start(network.receiver, sys.executable, "-c", COUNT, stdout=subprocess.PIPE)
        expect("the counter", "ready\n", counted.stdout.readline())
        sending = network.start(network.sender, sys.executable, "-c", PROBES, INSIDE, PROBE_MS)
        before_upgrade = network.sent()

        mine = tree.path / CONF.lstrip("/")
        mine.write_text("# mine\n", encoding="utf-8")
        # Of an earlier version: one with options, and one as it was shipped.
        (mine.parent / "right0.env").write_text("NICSENTRY_OPTIONS=--quiet\n", encoding="utf-8")
        (mine.parent / "nicsentry.env").write_text("#NICSENTRY_PORTS=-i eth0\n", encoding="utf-8")
        said = tree.inside(network.receiver, "dpkg", "-i", "--force-confold", tree.take(newer(package, directory)))
        expect_text("what is said of former options", "right0.env goes on in place of nicsentry.conf", said)
        expect("former files", ["right0.env"], [path.name for path in mine.parent.glob("*.env")])
        expect_text("version", "+newer", tree.inside(network.receiver, "dpkg-query", "-W", "nicsentry"))
        expect("the configuration after the upgrade", "# mine\n", mine.read_text(encoding="utf-8"))
        ended(first)
        second = started(tree, network, 2)
        expect("packets were sent all the time", True, network.sent() - before_upgrade > 100)
        sending.kill()
        ended(second)

        tree.inside(network.receiver, "dpkg", "-r", "nicsentry")
        network.check_clean()
        expect("rules stay until the purge", True, (tree.path / "var/lib/nicsentry/right0").is_dir())
        counted.kill()
        expect("packets of the blocked address that passed", "", counted.stdout.read())
        tree.inside(network.receiver, "dpkg", "-P", "nicsentry")
        expect("what is left", [], sorted(tree.files() - before))
        for place in ("run/nicsentry", "sys/fs/bpf/nicsentry"):
            expect(f"/{place} is left", False, (tree.path / place).exists())


UNIT = "nicsentry@right0.service"
API = "http://127.0.0.1:9443"
# A tree as root, with systemd as process 1. udev does not run: what it would note down of the port is there already.
BOOT_TREE = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t bpf bpf sys/fs/bpf
mount -t tmpfs -o mode=755 tmpfs run
mkdir -p run/udev/data run/udev/tags/systemd
index=$(cat sys/class/net/right0/ifindex)
printf '%s\\n' I:1 E:SYSTEMD_ALIAS=/sys/subsystem/net/devices/right0 G:systemd Q:systemd V:1 >"run/udev/data/n$index"
: >"run/udev/tags/systemd/n$index"
touch run/udev/control
pivot_root . mnt
umount -l /mnt
export container=nicsentry-test
exec /lib/systemd/systemd --system --unit=multi-user.target --show-status=0 --log-target=console
"""
CONFIGURATION = """
mode = "drv"
window = "1s"
listen = ["127.0.0.1:9443"]
token-file = "/etc/nicsentry/tokens"
"""
ADMIN = "administrator-admin-0"


class Booted(Container):
    """The tree, with systemd."""

    def __init__(self, network, tree):
        super().__init__(network, "multi-user.target", BOOT_TREE, tree.path)

    def inside(self, *words, check=True):
        clean = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
        return super().inside(*clean, *words, check=check)

    def state(self):
        return self.systemctl("is-active", UNIT, check=False).stdout.strip()


def dropped(prometheus):
    return sum(prometheus.query('nicsentry_firewall_blocked_packets_total{chain="ingress"}'))


def check_service(tree, network, booted, package, directory):
    booted.inside("dpkg", "-i", tree.take(package))
    expect("units that an installation starts", "inactive", booted.state())
    (tree.path / "etc/nicsentry/right0.conf").write_text(CONFIGURATION, encoding="utf-8")
    tokens = tree.path / "etc/nicsentry/tokens"
    tokens.touch(mode=0o600)
    tokens.write_text(f"read {TOKEN} prometheus\nadmin {ADMIN}\n", encoding="utf-8")
    booted.systemctl("start", UNIT)
    expect(
        "the port's device",
        "active",
        booted.systemctl("is-active", "sys-subsystem-net-devices-right0.device").stdout.strip(),
    )
    expect_text("status", "driven by process", booted.inside("nicsentry", "status", "-i", "right0").stdout)
    prometheus = Prometheus(network)
    network.echo(network.receiver, 5300)

    def reached():
        return network.ask(network.sender, INSIDE, 5300) > 0

    expect("UDP from outside before it is blocked", True, reached())
    booted.inside("nicsentry", "block", OUTSIDE, "-i", "right0", "--yes")
    expect("UDP of the blocked address", False, reached())
    within(PATIENCE, "the blocked packets in Prometheus", lambda: dropped(prometheus) >= 3)
    expect("blocked addresses in Prometheus", [1], prometheus.query("nicsentry_blocked_entries"))

    first = booted.shown(UNIT, "MainPID")
    booted.inside("dpkg", "-i", "--force-confold", tree.take(newer(package, directory)))
    expect("the service after an upgrade", "active", booted.state())
    expect("the upgrade has started a new run", True, booted.shown(UNIT, "MainPID") not in (first, "0"))
    expect("UDP of the blocked address after an upgrade", False, reached())
    within(PATIENCE, "the new run in Prometheus", lambda: 3 <= dropped(prometheus))

    header = ("-H", f"Authorization: Bearer {ADMIN}", "-H", "Content-Type: application/json")
    removal = ("-X", "POST", "-d", json.dumps({"entries": [OUTSIDE]}))
    answer = ask(network, "/api/v1/sets/blocked/removals", *header, *removal, base=API)
    expect(f"status of a removal by the API ({answer.text})", 200, answer.status)
    expect("UDP of an address that the API has unblocked", True, reached())
    booted.inside("nicsentry", "block", OUTSIDE, "-i", "right0", "--yes")
    booted.systemctl("stop", UNIT)
    expect("UDP of the blocked address without a run", False, reached())
    booted.systemctl("start", UNIT)

    booted.inside("dpkg", "-r", "nicsentry")
    expect("the service after the removal", "inactive", booted.state())
    network.check_clean()
    expect("UDP without the package", True, reached())
    booted.inside("dpkg", "-P", "nicsentry")
    expect("the configuration after a purge", ["tokens"], [path.name for path in tokens.parent.iterdir()])


@slow
def service_case(directory):
    """On a bare Debian 12 with systemd: install, start, block, see it in Prometheus, upgrade, stop, remove, purge."""
    package = built()
    also = ("systemd", "systemd-sysv")
    with tree_of(directory, package, also) as tree, tempfile.TemporaryDirectory() as other, Peers(other) as network:
        with Booted(network, tree) as booted:
            try:
                check_service(tree, network, booted, package, directory)
            except Mismatch as mismatch:
                said = booted.inside("journalctl", "-u", UNIT, "-n", "30", "--no-pager", check=False).stdout
                raise Mismatch(f"{mismatch}\n{said}") from mismatch


if __name__ == "__main__":
    sys.exit(
        run_directory_cases(
            {
                "what it holds": contents_case,
                "install, upgrade, remove and purge": life_case,
                "the service, from the installation to the purge": service_case,
            }
        )
    )
