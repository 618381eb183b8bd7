# SPDX-License-Identifier: GPL-2.0-or-later
"""In the virtual machine: what our program does on the card, done by hand (nothing there runs NFP code).

It shares no code with nicsentry: it reads the maps that the controller wrote, by the system call, and has the virtual
card add and send what the program would.
"""
import ctypes
import ipaddress
import json
import os
import struct
import subprocess
import time

from layouts import EVENT_HEADER, layout

SYS_BPF = 321  # x86_64; the virtual machine has no other processor
BPF_MAP_LOOKUP_ELEM, BPF_MAP_GET_FD_BY_ID = 1, 14
FILES = "/sys/kernel/debug/vnfp/"
LIBC = ctypes.CDLL(None, use_errno=True)
NUMBERS = {"TCP": 6, "UDP": 17, "ICMP": 1, "ICMPv6": 58}
# In the order of enum not_understood (bpf_offload/types.h).
CAUSES = ("not_ip", "later_fragment", "protocol", "vlan_depth", "truncated", "malformed", "extensions")

SHARDS = 8
SHARE_MASK = SHARE_ALL = 0xFFFF
BUCKET_BITS_SHIFT, BUCKET_BITS_MASK = 16, 0x1F
CAPTURE_KNOWN = 1 << 21
VLANS = 1 << 27
UNKNOWN = 0xFFFFFFFF
# The most bytes of a frame in an event. The program sends 128, more behind long extension headers, never beyond this.
EVENT_BYTES = 512
U32, U64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, max(len(attributes), 128))
    result = LIBC.syscall(SYS_BPF, command, buffer, len(buffer))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


class Map:
    def __init__(self, number, struct_name):
        self.number = number
        self.fd = bpf(BPF_MAP_GET_FD_BY_ID, struct.pack("<I", number))
        self.value = ctypes.create_string_buffer(layout(struct_name).size)

    def __del__(self):
        if hasattr(self, "fd"):
            os.close(self.fd)

    def lookup(self, index):
        """The element's bytes; None where a program finds nothing."""
        key = ctypes.c_uint32(index)
        attributes = struct.pack("<IIQQQ", self.fd, 0, ctypes.addressof(key), ctypes.addressof(self.value), 0)
        try:
            bpf(BPF_MAP_LOOKUP_ELEM, attributes)
        except FileNotFoundError:
            return None
        return self.value.raw


def bpftool(*arguments):
    shown = subprocess.run(["bpftool", "-j", *arguments], stdout=subprocess.PIPE, check=True).stdout
    return json.loads(shown or "[]")


def programs_on_card():
    """{port: description}"""
    return {program["dev"]["ifname"]: program for program in bpftool("prog", "show") if "dev" in program}


def program_on(port):
    """The description of the program that runs for a port on the card. The kernel hands one whose port is gone to
    another port, where it does not run."""
    shown = subprocess.run(["ip", "-j", "-d", "link", "show", "dev", port], stdout=subprocess.PIPE, check=True).stdout
    xdp = json.loads(shown)[0]["xdp"]
    (number,) = [one["prog"]["id"] for one in xdp.get("attached", [xdp]) if one["mode"] == 3]
    return bpftool("prog", "show", "id", str(number))


def write(name, text):
    with open(FILES + name, "w", encoding="ascii") as file:
        file.write(text)


def statistics():
    with open(FILES + "stats", encoding="ascii") as lines:
        return {name: int(value) for name, value in (line.split() for line in lines)}


def raw(address):
    return ipaddress.ip_address(address).packed


class Tuple:
    """A packet's session as the program sees it: raw words, the lower end first."""

    def __init__(self, protocol, source, destination, vlans=()):
        """`vlans`: the ids of at most two tags, the outer one first; of a program that does not look at them none."""
        self.protocol = NUMBERS[protocol]
        self.vlans = (*vlans, 0, 0)[:2]
        ends = [struct.unpack(f"<{len(raw(a)) // 4}I", raw(a)) for a, _ in (source, destination)]
        ports = [struct.unpack("<H", struct.pack(">H", port))[0] for _, port in (source, destination)]
        self.from_higher = (ends[0], ports[0]) > (ends[1], ports[1])
        if self.from_higher:
            ends.reverse()
            ports.reverse()
        ipv6 = len(ends[0]) == 4
        self.pairs = [(ports[0] | ports[1] << 16, self.protocol | ipv6 << 8), *zip(*ends)]

    def fingerprint(self, keys):
        a = b = 0
        for pair, (low, high) in enumerate(self.pairs):
            k = keys[2 * pair : 2 * pair + 4]
            outer, inner = self.vlans if pair == 0 else (0, 0)
            a += ((k[0] + low) & U32) * ((k[1] + high + (outer << 16)) & U32)
            b += ((k[2] + low) & U32) * ((k[3] + high + (inner << 16)) & U32)
        return a & U64, b & U64


def mix(number):
    x = y = (number ^ number >> 32) & U32
    y ^= y << 13 & U32
    y ^= y >> 17
    y ^= y << 5 & U32
    x = (x + y) & U32
    return x ^ x >> 15


CONTROL = "nicsentry_abi4"


class Program:
    """The program of ours that is on a port."""

    def __init__(self, port):
        self.port = port
        ids = {
            one["name"]: one["id"]
            for number in program_on(f"nfp{port}")["map_ids"]
            for one in [bpftool("map", "show", "id", str(number))]
        }
        self.control = Map(ids[CONTROL], "control")
        self.sessions = Map(ids["sessions"], "session_bucket")
        self.counters = Map(ids["counters"], "session_counters")
        self.totals = Map(ids["totals"], "totals_row")
        self.records = ids["records"]

    def add(self, to, index, *addends):
        """Adds to 64-bit words from the value's start on, None leaves one out; as a program does, if it finds them."""
        if to.lookup(index) is not None:
            write(
                "add",
                "".join(f"{to.number} {index} {8 * at} {addend} 8\n" for at, addend in enumerate(addends) if addend),
            )

    def find(self, config, a, b):
        mask = (1 << (config >> BUCKET_BITS_SHIFT & BUCKET_BITS_MASK)) - 1
        number = mix(a)
        for index in (number & mask, (number << 16 | number >> 16) & mask):
            for slot in layout("session_slot").iter_unpack(self.sessions.lookup(index) or b""):
                if slot[5] & 1 and slot[:4] == (a & U32, a >> 32, b & U32, b >> 32):
                    return slot[4], slot[6]
        return None

    def packet(self, packet):
        """One packet of the traffic file; see prepare() in test_hw.py."""
        control = self.control.lookup(0)
        if control is None:
            return
        epoch, config, *keys = layout("control").unpack(control)
        for _ in range(100):
            if config & SHARE_MASK in (0, SHARE_ALL):
                break
            # The emulated processor was busy, and the host asked for less: until it takes all again.
            time.sleep(0.1)
            epoch, config, *keys = layout("control").unpack(self.control.lookup(0))
        half, octets = epoch & 1, packet["bytes"]
        if packet["cause"]:
            self.add(self.totals, (SHARDS + CAUSES.index(packet["cause"])) * 2 + half, 1, 0, octets)
            return
        vlans = packet.get("vlans", ()) if config & VLANS else ()
        ends = Tuple(packet["protocol"], packet["source"], packet["destination"], vlans)
        a, b = ends.fingerprint(keys)
        row = mix(a) % SHARDS * 2 + half
        if self.totals.lookup(row) is None:
            return
        known = self.find(config, a, b)
        if known:
            counter, muted = known
            self.add(self.counters, counter * 2 + half, *((0, 1, 0, octets) if ends.from_higher else (1, 0, octets)))
            if not config & CAPTURE_KNOWN or muted == epoch:
                return
            self.add(self.totals, row, 0, 0, 0, 1)
        else:
            counter = UNKNOWN
            share = config & SHARE_MASK
            assert share in (0, SHARE_ALL), "the host did not go back to all packets"
            self.add(self.totals, row, 1, 1 if share else 0, octets)
            if not share:
                return
        header = EVENT_HEADER.pack(epoch, counter, octets, 1, 0, 0, 0)
        write("event", f"{self.port} {self.records} {U32} {packet['frame'][:2 * EVENT_BYTES]} {header.hex()}\n")


def send(programs, packets):
    """Packets pass the card, by turns over the ports of these programs. The host reads the ports' events one after the
    other: who a session's server is, it takes from its first packet, so that one gets time to arrive."""
    seen = set()
    for number, packet in enumerate(packets):
        programs[number % len(programs)].packet(packet)
        session = (packet["protocol"], *sorted((str(packet["source"]), str(packet["destination"]))))
        if len(programs) > 1 and not packet["cause"] and session not in seen:
            seen.add(session)
            time.sleep(0.04)
