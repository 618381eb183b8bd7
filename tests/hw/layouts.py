# SPDX-License-Identifier: GPL-2.0-or-later
"""The layouts of the structs in our programs' maps, as the compiled program's BTF describes them."""
import functools
import json
import pathlib
import struct
import subprocess

from compare import BINARY

OBJECT = pathlib.Path(BINARY).parent / "bpf_offload" / "sentry.o"
# The header of an event before the packet. The programs build it on their stack: it is in no map, and not in their BTF.
EVENT_HEADER = struct.Struct("<IIIHHII")
CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


@functools.cache
def types():
    shown = subprocess.run(["bpftool", "-j", "btf", "dump", "file", OBJECT], stdout=subprocess.PIPE, check=True).stdout
    return {one["id"]: one for one in json.loads(shown)["types"]}


def integers(kind):
    """(offset, bytes) of each unsigned integer that a type consists of, in order."""
    if kind["kind"] in ("TYPEDEF", "CONST", "VOLATILE"):
        return integers(types()[kind["type_id"]])
    if kind["kind"] == "INT":
        return [(0, kind["size"])]
    if kind["kind"] == "ARRAY":
        element = integers(types()[kind["type_id"]])
        step = size_of(types()[kind["type_id"]])
        return [(number * step + offset, size) for number in range(kind["nr_elems"]) for offset, size in element]
    if kind["kind"] == "STRUCT":
        return [
            (member["bits_offset"] // 8 + offset, size)
            for member in kind["members"]
            for offset, size in integers(types()[member["type_id"]])
        ]
    raise ValueError(f"a layout with a {kind['kind']} is not read")


def size_of(kind):
    if kind["kind"] == "ARRAY":
        return kind["nr_elems"] * size_of(types()[kind["type_id"]])
    return kind["size"] if "size" in kind else size_of(types()[kind["type_id"]])


@functools.cache
def layout(name):
    """A struct.Struct that reads a struct of the programs as its integers, one after the other."""
    (kind,) = [one for one in types().values() if one["kind"] == "STRUCT" and one["name"] == name]
    form, end = "<", 0
    for offset, size in integers(kind):
        form += "x" * (offset - end) + CODES[size]
        end = offset + size
    return struct.Struct(form + "x" * (kind["size"] - end))
