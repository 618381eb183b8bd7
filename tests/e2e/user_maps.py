# SPDX-License-Identifier: GPL-2.0-or-later
"""Maps of programs, by the system call: what a test puts in by hand, and what is left."""
import ctypes
import errno
import os
import pathlib
import struct

from programs import LIBC, NUMBERS, bpf

MAP_LOOKUP, MAP_UPDATE, MAP_DELETE, OBJ_GET, MAP_UPDATE_BATCH = 1, 2, 3, 7, 26


def possible_processors():
    text = pathlib.Path("/sys/devices/system/cpu/possible").read_text(encoding="ascii").strip()
    return 1 + int(text.rpartition(",")[2].rpartition("-")[2])


def per_processor(values):
    """The bytes of a per-CPU map's value: each rounded up to 8."""
    return b"".join(value.ljust((len(value) + 7) // 8 * 8, b"\0") for value in values)


class PinnedMap:
    def __init__(self, path):
        name = ctypes.create_string_buffer(str(path).encode())
        self.descriptor = bpf(OBJ_GET, struct.pack("<QII", ctypes.addressof(name), 0, 0), f"opening {path}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.descriptor)

    def call(self, command, key, value, flags=0):
        """The system call's errno; 0 if it succeeded. No key: a queue or stack."""
        attributes = struct.pack(
            "<IIQQQ",
            self.descriptor,
            0,
            ctypes.addressof(key) if key is not None else 0,
            ctypes.addressof(value) if value is not None else 0,
            flags,
        )
        buffer = ctypes.create_string_buffer(attributes, 128)
        result = LIBC.syscall(NUMBERS[os.uname().machine], command, buffer, 128)
        return ctypes.get_errno() if result < 0 else 0

    def put(self, key, value):
        held = ctypes.create_string_buffer(key, len(key)) if key is not None else None
        failed = self.call(MAP_UPDATE, held, ctypes.create_string_buffer(value, len(value)))
        if failed:
            raise OSError(failed, os.strerror(failed))

    def remove(self, key):
        failed = self.call(MAP_DELETE, ctypes.create_string_buffer(key, len(key)), None)
        if failed not in (0, errno.ENOENT):
            raise OSError(failed, os.strerror(failed))

    def get(self, key, size):
        value = ctypes.create_string_buffer(size)
        failed = self.call(MAP_LOOKUP, ctypes.create_string_buffer(key, len(key)) if key is not None else None, value)
        return None if failed else value.raw
