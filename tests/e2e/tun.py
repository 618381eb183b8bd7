# SPDX-License-Identifier: GPL-2.0-or-later
"""A tun device in a network namespace, and packets without an Ethernet header for it."""
import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
import subprocess
import time

from checksum import checksum

DEVICE = "/dev/net/tun"
TUNSETIFF = 0x400454CA  # linux/if_tun.h
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def within_namespace(namespace):
    """What is opened there stays there."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if LIBC.setns(there, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"entering {namespace}")
        yield
    finally:
        LIBC.setns(own, CLONE_NEWNET)
        os.close(there)
        os.close(own)


class Tun:
    """Whoever has the object is what is behind the device. `typed`: before each packet stands its EtherType."""

    def __init__(self, namespace, name, typed=False):
        if not os.path.exists(DEVICE):  # no udev has loaded the module
            subprocess.run(["modprobe", "tun"], check=True)
        with within_namespace(namespace):
            self.descriptor = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(
                self.descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | (0 if typed else IFF_NO_PI))
            )

    def close(self):
        os.close(self.descriptor)

    def write(self, *packets):
        for packet in packets:
            os.write(self.descriptor, packet)

    def read(self, seconds=0.3):
        """The packets that the host has sent, and those that it sends within so much time."""
        packets, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                packets.append(os.read(self.descriptor, 65536))
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise
                time.sleep(0.01)
        return packets


def is_ipv6(address):
    return ":" in address


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if is_ipv6(address) else socket.AF_INET, address)


def ip_packet(source, destination, protocol, payload, ttl=64, fragment=0):
    if is_ipv6(source):
        return (
            struct.pack("!IHBB", 6 << 28, len(payload), protocol, ttl) + packed(source) + packed(destination) + payload
        )
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 7, fragment, ttl, protocol, 0)
    head += packed(source) + packed(destination)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def pseudo_header(source, destination, protocol, length):
    return packed(source) + packed(destination) + struct.pack("!II" if is_ipv6(source) else "!HH", protocol, length)


def udp(source, source_port, destination, destination_port, data=b"data", **fields):
    length = 8 + len(data)
    header = struct.pack("!HHHH", source_port, destination_port, length, 0)
    summed = checksum(pseudo_header(source, destination, 17, length) + header + data)
    return ip_packet(source, destination, 17, header[:6] + struct.pack("!H", summed or 0xFFFF) + data, **fields)


def tcp(source, source_port, destination, destination_port, flags, **fields):
    header = struct.pack("!HHIIBBHHH", source_port, destination_port, 1000, 0, 0x50, flags, 65535, 0, 0)
    summed = checksum(pseudo_header(source, destination, 6, len(header)) + header)
    return ip_packet(source, destination, 6, header[:16] + struct.pack("!H", summed) + header[18:], **fields)


def echo_request(source, destination, identifier, data=b"data", **fields):
    six = is_ipv6(source)
    message = struct.pack("!BBHHH", 128 if six else 8, 0, 0, identifier, 1) + data
    summed = checksum((pseudo_header(source, destination, 58, len(message)) if six else b"") + message)
    return ip_packet(
        source, destination, 58 if six else 1, message[:2] + struct.pack("!H", summed) + message[4:], **fields
    )
