#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks that each file names its licence, and the right one.

Programs that run in the kernel are GPL-2.0-only, everything else is GPL-2.0-or-later, the headers that both sides share
too. So the host can link libraries under Apache-2.0 and LGPL-3.0. That the host includes no other header of
bpf_offload/ is check-layers.py's to say.
"""
import pathlib
import re
import subprocess
import sys

KERNEL_ONLY = re.compile(r"(bpf_offload/.*\.[ch]|hw/module/.*\.[ch]|hw/module/Kbuild)")
SHARED_HEADERS = {"bpf_offload/types.h", "bpf_offload/icmp.h", "bpf_offload/facts.h", "bpf_offload/tcp.h"}
NO_COMMENTS = re.compile(
    r"(LICENSE|.*\.json|.*\.pcap(ng)?|docs/images/.*\.png|debian/changelog|debian/source/format)"
)  # a file of these kinds has no place for a comment
IDENTIFIER = re.compile(r"SPDX-License-Identifier: ([A-Za-z0-9.-]+)")
LINES_LOOKED_AT = 6


def licence_of(name: str) -> str:
    if KERNEL_ONLY.fullmatch(name) and name not in SHARED_HEADERS:
        return "GPL-2.0-only"
    return "GPL-2.0-or-later"


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=root, check=True, capture_output=True, text=True
    ).stdout
    faults = []
    for name in names.splitlines():
        path = root / name
        if NO_COMMENTS.fullmatch(name) or not path.is_file():
            continue
        head = "\n".join(path.read_text(errors="replace").splitlines()[:LINES_LOOKED_AT])
        match = IDENTIFIER.search(head)
        said = match.group(1) if match else "nothing"
        if said != licence_of(name):
            faults.append(f"{name}:1: says {said}, allowed is {licence_of(name)}")
    for line in faults:
        print(f"check-licences: {line}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
