#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks that each room of host/ includes only rooms on floors below its own.

A room may include what stands below it, never what stands above or beside it, except for the pairs in ALLOWED_BESIDE.
bpf_offload/ knows nothing of the host; the host includes only the headers of HOST_MAY_INCLUDE from there.
Prints each wrong include with file and line; exit status 1 if there is one.
"""
import pathlib
import re
import sys

FLOORS = {
    "cli": 11,
    "app": 10,
    "polycube": 9,
    "top": 9,
    "api": 8,
    "programs": 7,
    "ports": 6,
    "enforce": 6,
    "analysis": 5,
    "lockout": 5,
    "export": 5,
    "datapath": 4,
    "filter": 4,
    "metrics": 4,
    "sessions": 4,
    "run": 4,
    "rules": 3,
    "capture": 3,
    "report": 3,
    "packet": 2,
    "config": 2,
    "base": 1,
}
# Rooms within a room, from the top: each may include those after it.
INNER = {
    "api": ["endpoints", "access", "page", "server", "client", "json"],
    "rules": ["", "import", "compile", "sets", "language"],
    "export": ["files"],
    "programs": ["reading", "loaded", "verify", "monitor", "dialect", "compiler", "values", "lint"],
}
# (from, to): a room above may include only these parts.
ONLY_PART = {("cli", "api"): {"client", "json"}, ("top", "api"): {"client", "json"}}
ALLOWED_BESIDE: set[tuple[str, str]] = set()
HOST_MAY_INCLUDE = {"types.h", "icmp.h", "facts.h", "tcp.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def room_of(path: pathlib.PurePath) -> tuple[str, str]:
    """The room of a file below host/, and the part of the room that it stands in."""
    parts = path.parts[1:-1]
    return (parts[0] if parts else ""), "/".join(parts[1:])


def fault(source: pathlib.PurePath, target: pathlib.PurePath) -> str | None:
    """Why `source` may not include `target`; None if it may."""
    room, part = room_of(source)
    other, other_part = room_of(target)
    if other not in FLOORS:
        return f"no floor is known for room '{other}'"
    if room == other:
        order = INNER.get(room)
        if order is None or part == other_part:
            return None
        if part not in order or other_part not in order:
            return f"the order of '{part}' and '{other_part}' within '{room}' is not known"
        if order.index(part) > order.index(other_part):
            return f"'{room}/{part}' stands below '{other}/{other_part}'"
        return None
    only = ONLY_PART.get((room, other))
    if only is not None and other_part not in only:
        allowed = " and ".join(f"'{other}/{name}'" for name in sorted(only))
        return f"'{room}' may include only {allowed}"
    if FLOORS[room] > FLOORS[other] or (room, other) in ALLOWED_BESIDE:
        return None
    where = "above" if FLOORS[other] > FLOORS[room] else "beside"
    return f"'{other}' (floor {FLOORS[other]}) stands {where} '{room}' (floor {FLOORS[room]})"


def check(root: pathlib.Path) -> list[str]:
    """One line for each wrong include below `root`."""
    faults = []
    for path in sorted([*(root / "host").rglob("*.h"), *(root / "host").rglob("*.cpp")]):
        source = path.relative_to(root)
        if room_of(source)[0] not in FLOORS:
            faults.append(f"{source}:1: no floor is known for this folder")
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = pathlib.PurePath(match.group(1))
            if target.parts[0] == "bpf_offload":
                why = None if target.name in HOST_MAY_INCLUDE else "is not one of the headers that both sides share"
            elif target.parts[0] == "host":
                why = fault(source, target)
            else:
                why = "is not named from the repository's root"
            if why:
                faults.append(f"{source}:{number}: {target}: {why}")
    for path in sorted((root / "bpf_offload").glob("*")):
        if path.suffix in (".h", ".c"):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if match and match.group(1).startswith("host/"):
                    source = path.relative_to(root)
                    faults.append(f"{source}:{number}: {match.group(1)}: bpf_offload/ knows nothing of the host")
    return faults


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    faults = check(root)
    for line in faults:
        print(f"check-layers: {line}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
