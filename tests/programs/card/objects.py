# SPDX-License-Identifier: GPL-2.0-or-later
"""The objects of the lint's tests: compiles them, asks the lint, asks the driver beside a virtual card."""
import collections.abc
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
BUILD = pathlib.Path(os.environ.get("NICSENTRY", REPOSITORY / "build-dev" / "nicsentry")).resolve().parent
NICSENTRY = BUILD / "nicsentry"
LOADER = BUILD / "card_loader"
VERDICTS = HERE / "verdicts.txt"
CRASHES_MOST = 10
OURS = ("sentry", "firewall", "ddos", "crypto")
# Folder of sources and the name that its programs have in verdicts.txt.
FOLDERS = {
    "corpus": REPOSITORY / "tests" / "programs" / "corpus",
    "accepted": REPOSITORY / "verifier_tests" / "nfp" / "accepted",
    "refused": REPOSITORY / "verifier_tests" / "nfp" / "refused",
    "offences": REPOSITORY / "verifier_tests" / "offences",
}


@dataclasses.dataclass(frozen=True)
class Program:
    """A program of the corpus. The first lines of its source say which firmware and which MTU it is for."""

    name: str
    source: pathlib.Path
    firmware: str
    mtu: int


@dataclasses.dataclass
class Judged:
    """What the driver says of an object: 0 instructions if it refuses it."""

    kernel_takes: bool
    instructions: int
    message: str
    asked: bool


def setting(text: str, name: str, default: str) -> str:
    found = re.search(rf"^// {name}: (.*)$", text, re.MULTILINE)
    return found.group(1) if found else default


def programs() -> list[Program]:
    found = []
    for folder, path in FOLDERS.items():
        for source in sorted(path.glob("*.c")):
            text = source.read_text(encoding="utf-8")
            name = f"{folder}/{source.name.removesuffix('.c').removesuffix('.bpf')}"
            found.append(
                Program(name, source, setting(text, "firmware", "agilio-bpf"), int(setting(text, "mtu", "1500")))
            )
    return found


def compile_object(source: pathlib.Path, output: pathlib.Path, *options: str) -> pathlib.Path:
    clang = shutil.which("clang") or "clang-14"
    output.parent.mkdir(parents=True, exist_ok=True)
    flags = options or ("-g", "-mcpu=v3")
    done = subprocess.run(
        [clang, "-O2", "-Wall", "-target", "bpf", "-idirafter", "/usr/include/x86_64-linux-gnu", *flags]
        + ["-c", str(source), "-o", str(output)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{source}: {done.stderr}")
    return output


def side_by_side(work: collections.abc.Callable, items: collections.abc.Iterable) -> list:
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, items))


def compile_all(chosen: list[Program], directory: pathlib.Path) -> dict[Program, pathlib.Path]:
    paths = side_by_side(lambda one: compile_object(one.source, directory / f"{one.name}.o"), chosen)
    return dict(zip(chosen, paths))


def firmware_file(name: str) -> str:
    return str(REPOSITORY / "hw" / "firmware" / f"{name}.conf")


def lint(path: pathlib.Path, firmware: str = "agilio-bpf", mtu: int = 1500) -> tuple[int, dict]:
    """Exit status and report."""
    done = subprocess.run(
        [
            NICSENTRY,
            "programs",
            "lint",
            "--json",
            "--no-kernel",
            "--firmware",
            firmware_file(firmware),
            "--mtu",
            str(mtu),
            path,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1, 2) or not done.stdout:
        raise RuntimeError(f"lint of {path}: status {done.returncode}, {done.stderr}")
    return done.returncode, json.loads(done.stdout)


def said_by(report: dict) -> str:
    """The verdict as verdicts.txt has it."""
    if report["verdict"] == "refused":
        return "refused: " + report["findings"][0]["driver"]
    return str(report["nfp_instructions"])


def ask_driver(lines: list[str], firmware: str, options: tuple[str, ...]) -> tuple[dict[str, Judged], str]:
    """One boot of the virtual machine. Returns the verdicts that it printed, and what else it said."""
    listed = pathlib.Path(lines[0].split()[0]).with_suffix(f".{firmware}.list")
    listed.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = f"exec {shlex.quote(str(LOADER))} {' '.join(options)} < {shlex.quote(str(listed))}"
    done = subprocess.run(
        [REPOSITORY / "hw" / "vnfp", "run", "--firmware", firmware, "--timeout", "3000", "--", "bash", "-c", command],
        capture_output=True,
        text=True,
        check=False,
    )
    judged = {}
    for line in done.stdout.splitlines():
        path, kernel, card, message = line.split("\t")
        judged[path] = Judged(kernel == "taken", int(card) if card.isdigit() else 0, message, card != "-")
    return judged, done.stderr


def judge(lines: list[str], firmware: str, *options: str) -> dict[str, Judged]:
    """What the driver says of each object ("PATH" or "PATH MTU").

    A program that the driver itself ends the kernel over, such as one that divides by the constant 0 in a register, is
    taken for a refused one, and the others are judged by a new machine.
    """
    judged: dict[str, Judged] = {}
    left = lines
    for _ in range(CRASHES_MOST):
        found, errors = ask_driver(left, firmware, options)
        judged.update(found)
        left = [line for line in left if line.split()[0] not in judged]
        if not left:
            return judged
        if "Kernel panic" not in errors:
            raise RuntimeError(f"no verdict for {len(left)} objects such as {left[0]}: {errors[-2000:]}")
        judged[left[0].split()[0]] = Judged(True, 0, "the driver ends the kernel", True)
        left = left[1:]
        if not left:
            return judged
    raise RuntimeError(f"the driver ended {CRASHES_MOST} machines")
