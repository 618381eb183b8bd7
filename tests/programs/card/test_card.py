#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry programs lint` against the driver beside a virtual card.

    test_card.py --measure      asks the driver anew and writes verdicts.txt

NICSENTRY: the binary; card_loader stands beside it. Mutants have the seed NICSENTRY_SEED (1).
"""
import os
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "e2e")]

import mutants  # noqa: E402
import objects  # noqa: E402
from suite import Mismatch, run_directory_cases, slow  # noqa: E402

SEED = int(os.environ.get("NICSENTRY_SEED", "1"))
MUTANTS_TAKEN = 1000  # that the kernel takes
UNKNOWN_MOST = 0.05


def stored():
    verdicts = {}
    for line in objects.VERDICTS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, verdict = line.split(" ", 1)
            verdicts[name] = verdict
    return verdicts


def as_stored(judged):
    return str(judged.instructions) if judged.instructions else "refused: " + judged.message


def measure(directory):
    """The driver's verdict on each program of the corpus, and on ours."""
    directory = pathlib.Path(directory)
    paths = objects.compile_all(objects.programs(), directory)
    found = {}
    for firmware in sorted({one.firmware for one in paths}):
        chosen = {one: path for one, path in paths.items() if one.firmware == firmware}
        judged = objects.judge([f"{path} {one.mtu}" for one, path in chosen.items()], firmware)
        found.update({one.name: judged[str(path)] for one, path in chosen.items()})
    ours = {f"ours/{name}": objects.BUILD / "bpf_offload" / f"{name}.o" for name in objects.OURS}
    links = {name: directory / f"{path.name}" for name, path in ours.items()}
    for name, link in links.items():
        link.write_bytes(ours[name].read_bytes())
    judged = objects.judge([str(link) for link in links.values()], "agilio-bpf")
    found.update({name: judged[str(link)] for name, link in links.items()})
    return found


def compare(name, status, report, judged):
    """The lint's verdict and the driver's. Returns what is wrong; empty: nothing."""
    if status == 0 and not judged.instructions:
        return f"{name}: the lint says that the card takes it, the driver refuses it: {judged.message}"
    if status == 1 and judged.instructions:
        says = report["findings"][0]["driver"]
        return f"{name}: the lint refuses it ({says}), the driver takes it with {judged.instructions} instructions"
    predicted = report["nfp_instructions"]
    if judged.instructions and predicted is not None:
        if abs(predicted - judged.instructions) > report["nfp_instructions_error"]:
            return f"{name}: {predicted} instructions predicted, {judged.instructions} seen"
    return ""


def check_mutants(directory, originals, wanted):
    """As many mutants that the kernel takes, all compared."""
    directory = pathlib.Path(directory)
    taken, unknown, faults, seed = 0, 0, [], SEED
    while taken < wanted:
        batch = directory / f"mutants-{seed}"
        batch.mkdir()
        made = mutants.make_mutants(seed, min(4000, 4 * wanted), batch, originals)
        judged = objects.judge([str(path) for path in made], "agilio-bpf", "--taken-only")
        chosen = [path for path in made if judged[str(path)].kernel_takes]
        for path, (status, report) in zip(chosen, objects.side_by_side(objects.lint, chosen)):
            unknown += status == 2
            fault = compare(f"mutant {path.name} of seed {seed}", status, report, judged[str(path)])
            if fault:
                faults.append(fault)
        taken += len(chosen)
        seed += 1
    if faults:
        raise Mismatch("\n".join(faults[:20]))
    if unknown > UNKNOWN_MOST * taken:
        raise Mismatch(f"of {taken} mutants {unknown} have no verdict")
    return f"{taken} mutants that the kernel takes, {unknown} of them without a verdict"


def originals_for_mutants(directory, chosen):
    return sorted(objects.compile_all(chosen, pathlib.Path(directory)).values())


def case_batch(directory):
    """A few programs and mutants of them: the representative of the two cases below."""
    directory = pathlib.Path(directory)
    chosen = [one for one in objects.programs() if one.firmware == "agilio-bpf" and one.mtu == 1500][::6]
    paths = objects.compile_all(chosen, directory)
    made = mutants.make_mutants(SEED, 150, directory, sorted(paths.values()))
    judged = objects.judge([str(path) for path in paths.values()], "agilio-bpf")
    judged.update(objects.judge([str(path) for path in made], "agilio-bpf", "--taken-only"))
    asked = [path for path in [*paths.values(), *made] if judged[str(path)].asked]
    answers = objects.side_by_side(objects.lint, asked)
    faults = [compare(path.stem, *answer, judged[str(path)]) for path, answer in zip(asked, answers)]
    faults = [fault for fault in faults if fault]
    if faults:
        raise Mismatch("\n".join(faults))
    return f"{len(asked)} objects judged alike"


@slow
def case_whole_corpus(directory):
    """The driver still says of each program what is stored."""
    seen = {name: as_stored(judged) for name, judged in measure(directory).items()}
    expected = stored()
    different = [
        f"{name}: expected {expected.get(name, 'nothing')}, seen {seen.get(name, 'nothing')}"
        for name in sorted(expected.keys() | seen.keys())
        if expected.get(name) != seen.get(name)
    ]
    if different:
        raise Mismatch("\n".join(different))
    return f"{len(seen)} programs"


@slow
def case_mutants_of_the_corpus(directory):
    chosen = [one for one in objects.programs() if one.firmware == "agilio-bpf"]
    return check_mutants(directory, originals_for_mutants(directory, chosen), MUTANTS_TAKEN)


@slow
def case_mutants_of_our_programs(directory):
    ours = [objects.BUILD / "bpf_offload" / f"{name}.o" for name in ("ddos", "crypto")]
    return check_mutants(directory, ours, 20)


CASES = {
    "lint on the card: a batch": case_batch,
    "lint on the card: the whole corpus": case_whole_corpus,
    "lint on the card: mutants of the corpus": case_mutants_of_the_corpus,
    "lint on the card: mutants of our programs": case_mutants_of_our_programs,
}


def write_verdicts():
    with tempfile.TemporaryDirectory() as directory:
        found = measure(pathlib.Path(directory))
    lines = [f"{name} {as_stored(judged)}" for name, judged in sorted(found.items())]
    head = [
        "# SPDX-License-Identifier: GPL-2.0-or-later",
        "# What the driver of Debian's Linux 6.1 says of each program: NFP instructions, or its message.",
        "# Written by test_card.py --measure.",
    ]
    objects.VERDICTS.write_text("\n".join(head + lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} programs")


if __name__ == "__main__":
    if sys.argv[1:] == ["--measure"]:
        write_verdicts()
    else:
        sys.exit(run_directory_cases(CASES))
