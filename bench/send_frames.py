#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends UDP packets to a veth peer as a driver hands them to XDP: frames without an skb, 64 at a time.

    send_frames.py INTERFACE MAC COUNT

Prints the nanoseconds until the peer had processed the last packet, and how many packets arrived.
The kernel's test run of a program sends them (BPF_F_TEST_XDP_LIVE_FRAMES), so sending costs little compared with what
is measured. The peer processes them on this processor, between two batches. Sources are random, 10.1.0.0 to 10.1.3.255.
"""
import ctypes
import os
import socket
import struct
import sys
import time

SYS_BPF, PROG_LOAD, PROG_TEST_RUN = 321, 5, 10  # x86-64
XDP, LIVE_FRAMES = 6, 1 << 1
PRANDOM, REDIRECT = 7, 23
PAYLOAD = 64
PATIENCE_NS = 500_000_000  # after that a frame counts as lost
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = libc.syscall(SYS_BPF, command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}: {os.strerror(ctypes.get_errno())}")
    return result


def instruction(code, to=0, source=0, offset=0, value=0):
    return struct.pack("<BBhi", code, source << 4 | to, offset, value)


def program(interface):
    """Source address and identification become n and ~n, which leaves the header's checksum right; redirects."""
    code = [
        instruction(0xBF, 6, 1),  # r6 = ctx
        instruction(0x85, value=PRANDOM),
        instruction(0x57, 0, value=0x3FF),
        instruction(0x61, 2, 6, 0),  # r2 = data
        instruction(0x61, 3, 6, 4),  # r3 = data_end
        instruction(0xBF, 4, 2),
        instruction(0x07, 4, value=34),
        instruction(0x2D, 4, 3, 5),  # skip to the end if r4 > r3
        instruction(0xDC, 0, value=16),  # big-endian
        instruction(0x6B, 2, 0, 28),  # the source's lower half
        instruction(0xA7, 0, value=-1),
        instruction(0x6B, 2, 0, 18),  # identification
        instruction(0xBF, 0, 0),
        instruction(0xB7, 1, value=interface),
        instruction(0xB7, 2, value=0),
        instruction(0x85, value=REDIRECT),
        instruction(0x95),
    ]
    instructions = ctypes.create_string_buffer(b"".join(code))
    license_ = ctypes.create_string_buffer(b"GPL")
    return bpf(
        PROG_LOAD, struct.pack("<IIQQ", XDP, len(code), ctypes.addressof(instructions), ctypes.addressof(license_))
    )


def frame(mac):
    udp = struct.pack(">4H", 40000, 30000, 8 + PAYLOAD, 0) + bytes(PAYLOAD)
    # The source's lower half 0 and the identification ~0 have the same sum as n and ~n.
    ip = struct.pack(">2B3H2BH4B4B", 0x45, 0, 20 + len(udp), 0xFFFF, 0, 64, 17, 0, 10, 1, 0, 0, 192, 168, 1, 5)
    total = sum(struct.unpack(">10H", ip))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    link = bytes.fromhex(mac.replace(":", "")) + b"\x02\0\0\0\0\x01\x08\0"
    return link + ip[:10] + struct.pack(">H", total ^ 0xFFFF) + ip[12:] + udp


def arrived(interface):
    """Returns the peer's counter of processed frames."""
    with open(f"/sys/class/net/{interface}/statistics/tx_packets", encoding="ascii") as file:
        return int(file.read())


def main():
    interface, mac, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    descriptor = program(socket.if_nametoindex(interface))
    data = frame(mac)
    packet = ctypes.create_string_buffer(data, len(data))
    # prog_fd, retval, data_size_in, data_size_out, data_in, data_out, repeat, duration, ctx sizes, ctx pointers, flags
    request = struct.pack(
        "<4I2Q4I2QI", descriptor, 0, len(data), 0, ctypes.addressof(packet), 0, count, 0, 0, 0, 0, 0, LIVE_FRAMES
    )
    before = arrived(interface)
    start = time.perf_counter_ns()
    bpf(PROG_TEST_RUN, request)
    last, came = time.perf_counter_ns(), arrived(interface) - before
    while came < count and time.perf_counter_ns() - last < PATIENCE_NS:
        time.sleep(100e-6)
        now = arrived(interface) - before
        if now != came:
            last, came = time.perf_counter_ns(), now
    print(last - start, came)


main()
