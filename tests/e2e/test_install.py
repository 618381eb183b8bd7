#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`cmake --install` into a staging directory (DESTDIR), what is then there, and the target `uninstall`.

    test_install.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry); its build is installed.
"""
import os
import pathlib
import re
import subprocess
import sys

from compare import BINARY, REPOSITORY, expect, expect_text
from suite import Mismatch, run_directory_cases

BUILD = pathlib.Path(BINARY).parent
MANIFEST = BUILD / "install_manifest.txt"


def cmake(*arguments, destination, check=True):
    done = subprocess.run(
        ["cmake", *map(str, arguments)],
        env={**os.environ, "DESTDIR": str(destination)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if check and done.returncode != 0:
        raise Mismatch(f"cmake {arguments}: exit status {done.returncode}: {done.stdout}")
    return done


def uninstall(destination, manifest=MANIFEST, check=True):
    """As the target does, which would build first: other tests use the build."""
    script = REPOSITORY / "scripts" / "uninstall.cmake"
    return cmake(f"-DMANIFEST={manifest}", "-P", script, destination=destination, check=check)


def files_of(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir())


def one_that_ends_with(files, end):
    found = [name for name in files if name.endswith(end)]
    expect(f"installed files that end with {end}", 1, len(found))
    return found[0]


def config_directory(files, stage):
    """Where the unit reads its configuration."""
    unit = stage / one_that_ends_with(files, "nicsentry.service")
    found = re.search(r"--config ([^\s\"]+)", unit.read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1) if found else None


def install_case(directory):
    """All that a user needs is installed, and the binary of the staging directory runs; then all of it is removed."""
    stage = pathlib.Path(directory) / "stage"
    before = MANIFEST.read_bytes() if MANIFEST.exists() else None
    try:
        cmake("--install", BUILD, destination=stage)
        files = files_of(stage)
        expect(
            "files of the manifest",
            files,
            sorted(line.lstrip("/") for line in MANIFEST.read_text(encoding="utf-8").splitlines()),
        )
        for end in (
            "lib/nicsentry/bpf/sentry.o",
            "share/man/man8/nicsentry.8",
            "share/bash-completion/completions/nicsentry",
            "/_nicsentry",
            "nicsentry/schemas/host.schema.json",
            "nicsentry/usage.md",
            "nicsentry/everyday.md",
            "systemd/system/nicsentry.service",
            "systemd/system/nicsentry@.service",
        ):
            one_that_ends_with(files, end)
        config = one_that_ends_with(files, "nicsentry.conf")
        expect("place of the configuration", "/" + config, f"{config_directory(files, stage)}/nicsentry.conf")
        documents = {path.name for path in (REPOSITORY / "docs").glob("*.md")} - {"development.md"}
        expect("documents that are not installed", set(), documents - {pathlib.Path(name).name for name in files})
        binary = stage / one_that_ends_with(files, "sbin/nicsentry")
        said = subprocess.run([binary, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
        expect_text("its version", "nicsentry", said)
        # Files of others beside it stay.
        foreign = binary.parent / "other-program"
        foreign.write_text("", encoding="utf-8")
        own = stage / pathlib.Path(one_that_ends_with(files, "schemas/host.schema.json")).parent / "mine.json"
        own.write_text("", encoding="utf-8")
        expect_text("what is said of it", f"{len(files)} files removed", uninstall(stage).stdout)
        expect("files that are left", sorted(str(path.relative_to(stage)) for path in (foreign, own)), files_of(stage))
        own.unlink()
        expect_text("a second time", "0 files removed", uninstall(stage).stdout)
        folders = [str(path) for path in stage.rglob("*") if path.is_dir() and "nicsentry" in path.parts]
        expect("folders of its own that are left", [], folders)
    finally:
        if before is None:
            MANIFEST.unlink(missing_ok=True)
        else:
            MANIFEST.write_bytes(before)


def nothing_case(directory):
    """Without an installation there is nothing to remove, which is said."""
    missing = pathlib.Path(directory) / "install_manifest.txt"
    done = uninstall(directory, missing, check=False)
    expect("exit status", True, done.returncode != 0)
    expect_text("words", "nothing was installed from this", " ".join(done.stdout.split()))
    expect("a target of this name", True, "build uninstall:" in (BUILD / "build.ninja").read_text(encoding="utf-8"))


def main():
    return run_directory_cases({"install and uninstall": install_case, "nothing installed": nothing_case})


if __name__ == "__main__":
    sys.exit(main())
