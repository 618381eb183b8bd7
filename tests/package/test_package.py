#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package: what it holds, and installing, upgrading, removing and purging it in a tree of Debian 12.

    test_package.py --list | [CASE ...]      NICSENTRY: the binary of a build that is compared with the package.

The package is that of scripts/package.sh --quick, which compiles what has changed since the last time.
"""
import collections.abc
import contextlib
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
from compare import BINARY, PATIENCE, expect, expect_text  # noqa: E402
from network import run  # noqa: E402
from peers import INSIDE, OUTSIDE, Peers  # noqa: E402
from suite import REPOSITORY, Mismatch, Skipped, run_directory_cases, slow  # noqa: E402

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

    def __init__(self, directory, package):
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
            self.inside((), "apt-get", "install", "-y", "-qq", "--no-install-recommends", *names)
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
def tree_of(directory, package) -> collections.abc.Iterator[Tree]:
    tree = Tree(directory, package)
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


if __name__ == "__main__":
    sys.exit(run_directory_cases({"what it holds": contents_case, "install, upgrade, remove and purge": life_case}))
