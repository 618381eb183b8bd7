#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes mutants of BPF objects: copies with one to three instructions, or a map's definition, changed at random.

    mutants.py SEED COUNT DIRECTORY OBJECT...

Writes DIRECTORY/0000.o and so on and prints their paths. The same seed gives the same mutants. Whether a mutant is a
program that the kernel takes is for the kernel to say; most are not.
"""
import pathlib
import random
import struct
import sys

SIZE = 8  # bytes of an instruction
SHT_PROGBITS, SHT_REL, SHF_EXECINSTR = 1, 9, 4
ALU_OPERATIONS = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xA0, 0xB0, 0xC0]
JUMPS = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xA0, 0xB0, 0xC0, 0xD0]
CONSTANTS = [
    0,
    1,
    2,
    3,
    7,
    8,
    16,
    31,
    32,
    63,
    127,
    128,
    255,
    256,
    1000,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    -1,
    -2,
    -128,
    -4096,
]
MAP_NUMBERS = [0, 1, 2, 3, 4, 5, 8, 9, 12, 16, 24, 56, 57, 64, 128, 3_000_000, 4_000_000]
BTF_KIND_ARRAY = 3
WORDS_AFTER = {1: 1, 3: 3, 14: 1, 17: 1}  # the head of a type, by its kind
WORDS_EACH = {4: 3, 5: 3, 6: 2, 13: 2, 15: 3, 19: 3}  # of its members
HELPERS = [1, 1, 2, 3, 5, 7, 25, 44, 65]


class Instruction:
    def __init__(self, raw):
        self.code, registers, self.offset, self.constant = struct.unpack("<BBhi", raw)
        self.target, self.source = registers & 15, registers >> 4

    def pack(self):
        return struct.pack("<BBhi", self.code, self.target | self.source << 4, self.offset, self.constant)

    @property
    def kind(self):
        return self.code & 7


def change_alu(i, pick):
    action = pick.randrange(6)
    if action == 0:
        i.code = i.code & 0x0F | pick.choice(ALU_OPERATIONS)
    elif action == 1:
        i.code ^= 3  # 32 and 64 bits
    elif action == 2 and i.code & 0xF0 not in (0x80, 0xD0):
        i.code ^= 8  # constant and register
        if i.code & 8:
            i.source, i.constant = pick.randrange(10), 0
        else:
            i.source, i.constant = 0, pick.choice(CONSTANTS)
    elif action == 3:
        i.target = pick.randrange(10)
    elif i.code & 8 and i.code & 0xF0 not in (0x80, 0xD0):
        i.source = pick.randrange(11)
    elif i.code & 0xF0 == 0xD0:
        i.constant = pick.choice([16, 32, 64])
    elif i.code & 0xF0 != 0x80:
        i.constant = pick.choice(CONSTANTS)


def change_memory(i, pick):
    action = pick.randrange(5)
    if i.code & 0xE7 == 0xC3 and pick.randrange(2):  # atomic
        i.constant = pick.choice([0x00, 0x01, 0x40, 0x41, 0x50, 0xA0, 0xE1, 0xF1])
    elif action == 0:
        i.code = i.code & ~0x18 | pick.choice([0x00, 0x08, 0x10, 0x18])
    elif action <= 2:
        i.offset = max(-512, min(2000, i.offset + pick.choice([-16, -8, -4, -2, -1, 1, 2, 4, 8, 16, 40])))
    elif action == 3:
        i.target = pick.randrange(11)
    else:
        i.source = pick.randrange(11)


def change_jump(i, pick):
    operation = i.code & 0xF0
    if operation == 0x80:
        if i.source == 0:
            i.constant = pick.choice(HELPERS)
    elif operation in (0x00, 0x90):
        return
    elif pick.randrange(3) == 0:
        i.code = i.code & 0x0F | pick.choice(JUMPS)
    elif pick.randrange(3) == 0:
        i.code ^= 3  # 32 and 64 bits
    elif i.code & 8:
        i.source = pick.randrange(10)
    else:
        i.constant = pick.choice(CONSTANTS)


def replace(i, pick):
    """Another instruction in the place of this one."""
    i.offset = 0
    i.target, i.source, i.constant = pick.randrange(10), 0, pick.choice(CONSTANTS)
    action = pick.randrange(5)
    if action == 0:
        i.code = pick.choice([0xB7, 0xB4])
    elif action == 1:
        i.code, i.source, i.constant = pick.choice([0xBF, 0xBC]), pick.randrange(11), 0
    elif action == 2:
        i.code, i.target, i.source, i.constant = pick.choice([0x7B, 0x63]), 10, pick.randrange(10), 0
        i.offset = -8 * pick.randrange(1, 12)
    elif action == 3:
        i.code, i.source, i.constant = pick.choice([0x79, 0x61, 0x69, 0x71]), 10, 0
        i.offset = -8 * pick.randrange(1, 12)
    else:
        i.code = pick.choice(ALU_OPERATIONS) | pick.choice([4, 7])


def change(i, pick):
    if pick.randrange(8) == 0:
        replace(i, pick)
    elif i.kind in (4, 7):
        change_alu(i, pick)
    elif i.kind in (5, 6):
        change_jump(i, pick)
    elif i.kind in (1, 2, 3):
        change_memory(i, pick)


def sections(data):
    start, count = struct.unpack_from("<Q", data, 40)[0], struct.unpack_from("<H", data, 60)[0]
    return [struct.unpack_from("<IIQQQQIIQQ", data, start + 64 * i) for i in range(count)]


def numbers_of_maps(data):
    """Offsets in the file of what __uint() wrote: lengths of arrays in the types (Documentation/bpf/btf.rst)."""
    found = []
    for _, kind, _, _, offset, size, _, _, _, _ in sections(data):
        if kind != SHT_PROGBITS or size < 24 or data[offset : offset + 2] != b"\x9f\xeb" or data[offset + 2] != 1:
            continue
        header, types, length = struct.unpack_from("<III", data, offset + 4)
        if header != 24:
            continue  # .BTF.ext
        at, end = offset + header + types, offset + header + types + length
        while at < end:
            info = struct.unpack_from("<I", data, at + 4)[0]
            of_kind, count = info >> 24 & 31, info & 0xFFFF
            if of_kind == BTF_KIND_ARRAY:
                found.append(at + 12 + 8)
            at += 12 + 4 * (WORDS_AFTER.get(of_kind, 0) + count * WORDS_EACH.get(of_kind, 0))
    return found


def places(data):
    """Offsets in the file of the instructions that no relocation and no wide constant covers."""
    headers = sections(data)
    relocated = set()
    for _, kind, _, _, offset, size, _, info, _, _ in headers:
        if kind == SHT_REL:
            for at in range(offset, offset + size, 16):
                relocated.add(headers[info][4] + struct.unpack_from("<Q", data, at)[0])
    found = []
    for _, kind, flags, _, offset, size, _, _, _, _ in headers:
        if kind != SHT_PROGBITS or not flags & SHF_EXECINSTR:
            continue
        at = offset
        while at < offset + size:
            if data[at] == 0x18:
                at += 2 * SIZE
                continue
            if at not in relocated and data[at] != 0x95:
                found.append(at)
            at += SIZE
    return found


def mutant(data, pick):
    copy = bytearray(data)
    free, numbers = places(data), numbers_of_maps(data)
    if numbers and pick.randrange(20) == 0:
        struct.pack_into("<I", copy, pick.choice(numbers), pick.choice(MAP_NUMBERS))
        return bytes(copy)
    for _ in range(pick.choice([1, 1, 1, 2, 2, 3])):
        at = pick.choice(free)
        if (
            pick.randrange(10) == 0
            and at + SIZE in free
            and copy[at] & 7 not in (5, 6)
            and copy[at + SIZE] & 7 not in (5, 6)
        ):
            copy[at : at + 2 * SIZE] = copy[at + SIZE : at + 2 * SIZE] + copy[at : at + SIZE]
            continue
        instruction = Instruction(copy[at : at + SIZE])
        change(instruction, pick)
        copy[at : at + SIZE] = instruction.pack()
    return bytes(copy)


def make_mutants(seed, count, directory, objects):
    pick = random.Random(seed)
    originals = [path.read_bytes() for path in objects]
    seen = set(originals)
    paths = []
    while len(paths) < count:
        made = mutant(pick.choice(originals), pick)
        if made in seen:
            continue
        seen.add(made)
        path = directory / f"{len(paths):05}.o"
        path.write_bytes(made)
        paths.append(path)
    return paths


if __name__ == "__main__":
    for made_path in make_mutants(
        int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3]), [pathlib.Path(name) for name in sys.argv[4:]]
    ):
        print(made_path)
