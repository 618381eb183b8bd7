#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry programs lint` on whole objects: verdicts, findings and their source lines, damaged objects. Needs clang.

NICSENTRY: the binary. What the driver says of each program is stored in card/verdicts.txt; card/test_card.py asks it.
"""
import json
import os
import pathlib
import random
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "card"), str(HERE.parent / "e2e")]

import objects  # noqa: E402
from suite import Mismatch, run_directory_cases, slow  # noqa: E402


def expect(what, expected, seen):
    if expected != seen:
        raise Mismatch(f"{what}: expected {expected!r}, seen {seen!r}")


def run_lint(*arguments, status):
    done = subprocess.run(
        [objects.NICSENTRY, "programs", "lint", *arguments], capture_output=True, text=True, check=False
    )
    expect(f"status of {arguments}", status, done.returncode)
    return done.stdout + done.stderr


def stored():
    verdicts = {}
    for line in objects.VERDICTS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, verdict = line.split(" ", 1)
            verdicts[name] = verdict
    return verdicts


def differs(name, verdict, report):
    """What is wrong with the lint's report; empty: nothing. A refusal must have the driver's words."""
    if not verdict.startswith("refused: "):
        expected = int(verdict)
        if report["verdict"] == "taken" and report["nfp_instructions"] == expected:
            return ""
        return f"{name}: expected {expected} instructions, seen {objects.said_by(report)}"
    message = verdict.removeprefix("refused: ")
    said = [finding["driver"] for finding in report["findings"]]
    if report["verdict"] == "refused" and any(message in line or line in message for line in said):
        return ""
    # The translator's message after "instruction limit reached".
    if message.startswith("Translation failed with error -28") and any("limit reached" in line for line in said):
        return ""
    return f"{name}: expected {verdict}, seen {report['verdict']}: {said}"


def case_corpus(directory):
    """Each program gets the driver's verdict: its length to the instruction, or its words."""
    expected = stored()
    paths = objects.compile_all(objects.programs(), pathlib.Path(directory))
    expect("programs without a stored verdict", set(), {one.name for one in paths} - expected.keys())
    reports = objects.side_by_side(lambda one: objects.lint(paths[one], one.firmware, one.mtu)[1], paths)
    faults = [differs(one.name, expected[one.name], report) for one, report in zip(paths, reports)]
    faults = [fault for fault in faults if fault]
    if faults:
        raise Mismatch("\n".join(faults))
    return f"{len(paths)} programs"


def case_ours(_):
    """Our own programs are taken, with the length that the driver makes of them."""
    expected = stored()
    for name in objects.OURS:
        status, report = objects.lint(objects.BUILD / "bpf_offload" / f"{name}.o")
        expect(
            name, (0, "taken", int(expected[f"ours/{name}"])), (status, report["verdict"], report["nfp_instructions"])
        )
        expect(f"findings in {name}", [], report["findings"])


def case_source_line(directory):
    """A finding names file, line, text and instruction of the offence, what the driver says, and the way out."""
    source = pathlib.Path(directory) / "increment.c"
    lines = [
        '#include "corpus.h"',
        "ARRAY(totals, struct counter, 1);",
        'SEC("xdp") int program(struct xdp_md *ctx)',
        "{",
        "\t__u32 key = 0;",
        "\tstruct counter *c = bpf_map_lookup_elem(&totals, &key);",
        "\tif (c)",
        "\t\tc->packets++;",
        "\treturn XDP_PASS;",
        "}",
    ]
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = objects.compile_object(source, source.with_suffix(".o"), "-g", "-mcpu=v3", "-I", str(HERE / "corpus"))
    status, report = objects.lint(path)
    finding = next(one for one in report["findings"] if one["rule"] == "map-stores")
    expect("status", 1, status)
    expect("line", (str(source), 8, "c->packets++;"), (finding["file"], finding["line"], finding["text"]))
    expect("the driver's words", "map writes not supported", finding["driver"])
    if "__sync_fetch_and_add" not in finding["write"]:
        raise Mismatch(f"the way out is {finding['write']!r}")
    text = run_lint("--no-kernel", str(path), status=1)
    for part in (f"{source}:8 (instruction ", "c->packets++;", "map writes not supported", "the card refuses it"):
        if part not in text:
            raise Mismatch(f"{part!r} is not in:\n{text}")
    states = {one["rule"]: one["state"] for one in report["rules"]}
    expect(
        "states of rules",
        ("broken", "holds", "not checked"),
        tuple(states[r] for r in ("map-stores", "helpers", "length")),
    )


def case_without_types(directory):
    """An object without type information is judged alike, with instruction numbers in place of lines."""
    source = HERE / "corpus" / "filter_mac.c"
    directory = pathlib.Path(directory)
    with_types = objects.compile_object(source, directory / "with.o")
    without = objects.compile_object(source, directory / "without.o", "-mcpu=v3")
    expect("verdict", objects.said_by(objects.lint(with_types)[1]), objects.said_by(objects.lint(without)[1]))
    offence = objects.compile_object(HERE / "corpus" / "bad_ifindex.c", directory / "offence.o", "-mcpu=v3")
    finding = objects.lint(offence)[1]["findings"][0]
    expect("place", (None, None, True), (finding["file"], finding["line"], finding["instruction"] is not None))
    text = run_lint("--no-kernel", str(offence), status=1)
    if "program(), instruction " not in text:
        raise Mismatch(text)


def case_other_sets_of_instructions(directory):
    """Objects for older and newer BPF are read: -mcpu=v1 and v2."""
    for version in ("v1", "v2"):
        path = objects.compile_object(
            HERE / "corpus" / "count_flow_ipv4.c", pathlib.Path(directory) / f"{version}.o", "-g", f"-mcpu={version}"
        )
        expect(version, 0, objects.lint(path)[0])


def case_legacy_maps(directory):
    """Maps of before BTF are checked, and named as what a loader of today refuses."""
    source = pathlib.Path(directory) / "legacy.c"
    source.write_text(
        "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
        "struct definition { __u32 type, key, value, entries, flags; };\n"
        'struct definition __attribute__((section("maps"), used)) table = {9, 4, 8, 10, 1};\n'
        'struct definition __attribute__((section("maps"), used)) large = {2, 4, 80, 10, 0};\n'
        'SEC("xdp") int program(struct xdp_md *ctx)\n{\n\t__u32 key = 0;\n'
        "\treturn bpf_map_lookup_elem(&table, &key) ? XDP_DROP : XDP_PASS;\n}\n"
        'char _license[] SEC("license") = "GPL";\n',
        encoding="utf-8",
    )
    path = objects.compile_object(source, source.with_suffix(".o"), "-g", "-mcpu=v3")
    status, report = objects.lint(path)
    expect("status", 1, status)
    expect("rules", ["object", "map-types", "object", "map-sizes"], [one["rule"] for one in report["findings"]])


def case_sections_and_profiles(directory):
    """--section and --firmware choose; wrong ones are refused with what may stand there."""
    path = objects.compile_object(HERE / "corpus" / "sample_event.c", pathlib.Path(directory) / "event.o")
    run_lint("--no-kernel", str(path), status=0)
    for firmware, said in (("corenic", "event_output: not supported by FW"), ("nic", "offloads no programs")):
        if said not in run_lint("--no-kernel", "--firmware", firmware, str(path), status=1):
            raise Mismatch(f"{firmware}: {said!r} is not said")
    for arguments, said in (
        (["--section", "tc"], "there is no program in section 'tc'; sections with programs: xdp"),
        (["--firmware", "newest"], "known are agilio-bpf, corenic, nic"),
        (["--firmware", "none.conf"], "cannot open the firmware file none.conf"),
    ):
        text = run_lint("--no-kernel", *arguments, str(path), status=1)
        if said not in text:
            raise Mismatch(f"{arguments}: {said!r} is not in {text!r}")
    run_lint("--no-such-option", str(path), status=2)
    run_lint(status=2)


def case_near_the_limit(directory):
    """A program whose predicted length is within the error of the limit gets status 2."""
    directory = pathlib.Path(directory)
    path = objects.compile_object(HERE / "corpus" / "count_all.c", directory / "count.o")
    length = objects.lint(path)[1]["nfp_instructions"]
    error = objects.lint(path)[1]["nfp_instructions_error"]
    text = (objects.REPOSITORY / "hw" / "firmware" / "agilio-bpf.conf").read_text(encoding="utf-8")
    for limit, status in ((length + error, 0), (length + error - 1, 2), (length - error, 2), (length - error - 1, 1)):
        firmware = directory / f"{limit}.conf"
        firmware.write_text(re.sub(r"(?m)^(program_max\s+)\d+", rf"\g<1>{limit}", text), encoding="utf-8")
        run_lint("--no-kernel", "--firmware", str(firmware), str(path), status=status)


def case_running_kernel(directory):
    """Where the running kernel's verifier was not asked, the report says so and why."""
    path = objects.compile_object(HERE / "corpus" / "count_all.c", pathlib.Path(directory) / "count.o")
    report = json.loads(run_lint("--json", str(path), status=0))
    if report["kernel"]["asked"]:
        expect("the kernel takes it", True, report["kernel"]["taken"])
    elif not report["kernel"]["message"]:
        raise Mismatch("no reason why the kernel was not asked")
    done = subprocess.run(
        ["setpriv", "--bounding-set=-all", "--inh-caps=-all", objects.NICSENTRY, "programs", "lint", path],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0 and "its verifier was not asked: that needs CAP_BPF" not in done.stdout:
        raise Mismatch(done.stdout)


def case_damaged_objects(directory):
    """An object that is cut off or has wrong bytes gives a message or a verdict, never a crash."""
    directory = pathlib.Path(directory)
    pick = random.Random(7)
    made = []
    for name in ("functions", "bad_global", "count_flow_ipv4"):
        path = objects.compile_object(HERE / "corpus" / f"{name}.c", directory / f"{name}.o")
        whole = path.read_bytes()
        for number in range(60):
            data = bytearray(whole)
            if number % 3 == 0:
                data = data[: pick.randrange(len(data))]
            else:
                for _ in range(pick.choice([1, 4, 40])):
                    data[pick.randrange(len(data))] = pick.choice([0, 1, 127, 128, 255, pick.randrange(256)])
            damaged = directory / f"{name}-{number}.o"
            damaged.write_bytes(data)
            made.append(damaged)
    (directory / "empty.o").write_bytes(b"")
    made += [directory / "empty.o", directory]

    def status(path):
        done = subprocess.run(
            [objects.NICSENTRY, "programs", "lint", "--no-kernel", path],
            capture_output=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stderr

    for path, (code, errors) in zip(made, objects.side_by_side(status, made)):
        if code not in (0, 1, 2) or (code == 1 and errors and b"error: " not in errors):
            raise Mismatch(f"{path}: status {code}, {errors!r}")
    return f"{len(made)} objects"


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def shown_alike(shown, seen):
    """Whether the output is what the document shows: "..." stands for any lines, or for a part of a line."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n" for line in shown
    )
    return re.fullmatch(pattern, seen) is not None


def case_document(directory):
    """The commands of docs/own-programs.md do what it shows."""
    text = (objects.REPOSITORY / "docs" / "own-programs.md").read_text(encoding="utf-8")
    (pathlib.Path(directory) / "counter.c").write_text(blocks(text, "c")[0], encoding="utf-8")
    environment = {**os.environ, "PATH": f"{objects.NICSENTRY.parent}:{os.environ['PATH']}"}
    commands = 0
    of_users = [block for block in blocks(text, "console") if block.startswith("$ ")]  # others: tests/hw/
    for block in of_users:
        for command, *shown in [part.splitlines() for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part]:
            if command.startswith("nicsentry programs read"):
                continue  # needs a port: tests/e2e/test_programs.py
            done = subprocess.run(
                command, shell=True, cwd=directory, env=environment, capture_output=True, text=True, check=False
            )
            commands += 1
            if not shown_alike(shown, done.stdout + done.stderr):
                raise Mismatch(f"{command}: the output is not as shown:\n{done.stdout}{done.stderr}")
    expect("commands", 5, commands)


CASES = {
    "lint: the corpus": slow(case_corpus),
    "lint: our programs": case_ours,
    "lint: the source line of a finding": case_source_line,
    "lint: objects without types": case_without_types,
    "lint: older sets of instructions": case_other_sets_of_instructions,
    "lint: legacy maps": case_legacy_maps,
    "lint: sections and firmware": case_sections_and_profiles,
    "lint: near the limit": case_near_the_limit,
    "lint: the running kernel": case_running_kernel,
    "lint: damaged objects": case_damaged_objects,
    "lint: docs/own-programs.md": case_document,
}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
