# SPDX-License-Identifier: GPL-2.0-or-later
"""XDP programs of another owner, loaded by the system call: a descriptor each, on which the program depends."""
import ctypes
import os
import pathlib
import struct

from suite import Mismatch

NUMBERS = {"x86_64": 321, "aarch64": 280}  # of bpf(2)
MAP_CREATE, MAP_UPDATE, PROG_LOAD, PROG_GET_FD_BY_ID = 0, 2, 5, 13
LINK_CREATE = 28
PROG_ARRAY, SCHED_CLS, XDP, ATTACH_XDP, ATTACH_TCX_INGRESS = 3, 3, 6, 37, 46
LIBC = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes, what):
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = LIBC.syscall(NUMBERS[os.uname().machine], command, buffer, 128)
    if result < 0:
        raise Mismatch(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def instruction(code, destination=0, source=0, immediate=0):
    return struct.pack("<BBhi", code, destination | source << 4, 0, immediate)


PASS = instruction(0xB7, 0, immediate=2) + instruction(0x95)  # r0 = XDP_PASS; exit


def load(name, instructions, kind=XDP, attach=ATTACH_XDP):
    code = ctypes.create_string_buffer(instructions)
    text = ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack(
        "<IIQQIIQII16sII",
        kind,
        len(instructions) // 8,
        ctypes.addressof(code),
        ctypes.addressof(text),
        0,
        0,
        0,
        0,
        0,
        name.encode(),
        0,
        attach,
    )
    return bpf(PROG_LOAD, attributes, "loading a foreign program")


def load_stranger():
    """A program that passes everything."""
    return load("stranger", PASS)


def attach_tcx(index):
    """Puts a program that passes everything on the tcx ingress hook of a port of this network namespace, for as long as
    the descriptor is open. None where the kernel has no tcx."""
    program = load("early", instruction(0xB7, 0, immediate=-1) + instruction(0x95), SCHED_CLS, 0)
    try:
        return bpf(LINK_CREATE, struct.pack("<IIII", program, index, ATTACH_TCX_INGRESS, 0), "attaching to tcx")
    except Mismatch as mismatch:
        if os.strerror(22) not in str(mismatch):  # EINVAL
            raise
        return None
    finally:
        os.close(program)


def load_dispatcher(program_id):
    """A program that calls another one. Also the descriptor of its map, without which it forgets which."""
    array = bpf(MAP_CREATE, struct.pack("<IIII", PROG_ARRAY, 4, 4, 1), "making a program array")
    called = bpf(PROG_GET_FD_BY_ID, struct.pack("<I", program_id), "opening the program")
    key, value = ctypes.c_uint32(0), ctypes.c_uint32(called)
    dispatcher = load(
        "dispatcher",
        instruction(0x18, 2, 1, array)  # r2 = the array
        + instruction(0)
        + instruction(0xB7, 3)  # r3 = 0
        + instruction(0x85, immediate=12)  # tail call
        + PASS,
    )
    bpf(
        MAP_UPDATE,
        struct.pack("<IIQQQ", array, 0, ctypes.addressof(key), ctypes.addressof(value), 0),
        "filling the program array",
    )
    os.close(called)
    return dispatcher, array


def id_of(descriptor):
    info = pathlib.Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
    return int(info.split("prog_id:")[1].split()[0])
