# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that Linux takes and that hide their ports: behind tags, in fragments, behind extension headers.

Every packet has a number, which its source address and port carry: who receives it can say which one it was.
"""
import dataclasses
import random
import struct

from checksum import checksum

ETHERNET = bytes.fromhex("020000000001020000000002")
HOST4, HOST6 = bytes((10, 9, 0, 2)), bytes.fromhex("fd090000000000000000000000000002")
HOP_BY_HOP, ROUTING, FRAGMENT, OPTIONS, TCP, UDP = 0, 43, 44, 60, 6, 17
RPL, SEGMENTS = 3, 4  # types of routing headers behind which Linux may take a packet out
IP_IN_IP = {0x0800: 4, 0x86DD: 41}
FIRST_PORT, PORTS_USED = 1024, 32768
MAPPED = bytes.fromhex("00000000000000000000ffff")  # in front of an IPv4 address


def source4(number):
    return bytes((10, 9, 1, number // PORTS_USED))


def source6(number):
    return HOST6[:14] + bytes((1, number // PORTS_USED))


def source_of(form, number):
    if form.version == 4:
        return source4(number)
    return MAPPED + source4(number) if form.mapped else source6(number)


def number_of(address, port):
    """The packet's number, by the last byte of its source address and by its source port."""
    return address[-1] * PORTS_USED + port - FIRST_PORT


@dataclasses.dataclass
class Form:
    """How a packet is dressed. `fragments`: the bytes of each but the last; `order`: in which they are sent."""

    name: str = ""
    version: int = 4
    protocol: int = TCP
    port: int = 2222
    tags: tuple = ()  # EtherTypes, from the outside
    options: int = 0  # IPv4: words of options
    extensions: tuple = ()  # IPv6: numbers of those before the fragment header
    inner: tuple = ()  # and of those behind it
    wide: int = 0  # IPv6: words of 8 bytes that each of them is longer
    fragments: tuple = ()
    reverse: bool = False
    no_length: bool = False  # IPv6: payload length 0
    payload: bytes = b""
    atomic: bool = False  # IPv6: a fragment header on a whole packet
    carrier: int = 0  # type of a routing header, which carries the packet in another one
    segments: int = 0  # that are left there
    before: tuple = ()  # numbers of extension headers before it
    mapped: bool = False  # IPv6: its source is IPv4's, mapped


def transport(form, number):
    source_port = FIRST_PORT + number % PORTS_USED
    ends = source_of(form, number) + (HOST4 if form.version == 4 else HOST6)
    if form.protocol == UDP:
        data = form.payload or struct.pack("!I", number)
        header = struct.pack("!HHHH", source_port, form.port, 8 + len(data), 0)
    else:
        data = form.payload
        header = struct.pack("!HHIIBBHHH", source_port, form.port, 1, 0, 0x50, 2, 8192, 0, 0)
    whole = header + data
    pseudo = ends + (
        struct.pack("!BBH", 0, form.protocol, len(whole))
        if form.version == 4
        else struct.pack("!IHBB", len(whole), 0, 0, form.protocol)
    )
    found = checksum(pseudo + whole)
    place = 6 if form.protocol == UDP else 16
    return whole[:place] + struct.pack("!H", found or 0xFFFF) + whole[place + 2 :]


def pieces(data, sizes):
    """(offset, bytes, whether more follow): cut at multiples of 8."""
    offset, found = 0, []
    for size in sizes:
        if offset + size >= len(data):
            break
        found.append((offset, data[offset : offset + size], True))
        offset += size
    return found + [(offset, data[offset:], False)]


def carried(form, number, ethertype, packet):
    """The packet as Linux takes it with seg6_enabled or rpl_seg_enabled."""
    count = form.segments + 1 if form.carrier == SEGMENTS else 0
    routing = struct.pack("!BBBB", IP_IN_IP[ethertype], 2 * count, form.carrier, form.segments)
    routing += struct.pack("!BBH", max(0, count - 1), 0, 0) + HOST6 * count
    first, before = extension_headers(form.before, ROUTING)
    packet = before + routing + packet
    return struct.pack("!IHBB", 6 << 28, len(packet), first, 64) + source6(number) + HOST6 + packet


def tagged(form, number, ethertype, packet):
    if form.carrier:
        packet = carried(form, number, ethertype, packet)
        ethertype = 0x86DD
    frame = ETHERNET
    for tag in form.tags:
        frame += struct.pack("!HH", tag, 0)  # VID 0: Linux takes any number of them away
    return frame + struct.pack("!H", ethertype) + packet


def frames4(form, number):
    data = transport(form, number)
    for offset, part, more in pieces(data, form.fragments):
        words = 5 + form.options
        fields = [0x40 | words, 0, 4 * words + len(part), number & 0xFFFF, more << 13 | offset // 8, 64, form.protocol]
        options = b"\x01" * (4 * form.options)
        header = struct.pack("!BBHHHBBH", *fields, 0) + source4(number) + HOST4 + options
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        yield tagged(form, number, 0x0800, header + part)


def extension_headers(kinds, last, wide=0):
    """Headers of 8 bytes or wider, each naming the next, the last one `last`. Gives the first number and the bytes."""
    nexts = list(kinds[1:]) + [last]
    data = b""
    for kind, following in zip(kinds, nexts):
        if kind == ROUTING:
            data += bytes((following, 0, 0, 0, 0, 0, 0, 0))  # type 0 with no segment left
        else:
            length = 8 * wide + 4
            option = 0x1E if wide else 1  # Linux takes no longer padding than 7 bytes
            data += bytes((following, wide, option, length)) + bytes(length)
    return (kinds[0] if kinds else last), data


def frames6(form, number):
    inner_first, inner = extension_headers(form.inner, form.protocol, form.wide)
    data = inner + transport(form, number)
    parts = pieces(data, form.fragments)
    fragmented = len(parts) > 1 or form.atomic
    for offset, part, more in parts:
        if fragmented:
            part = struct.pack("!BBHI", inner_first, 0, offset | more, number + 1) + part
        first, before = extension_headers(form.extensions, FRAGMENT if fragmented else inner_first, form.wide)
        packet = before + part
        length = 0 if form.no_length else len(packet)
        header = struct.pack("!IHBB", 6 << 28, length, first, 64) + source_of(form, number) + HOST6
        yield tagged(form, number, 0x86DD, header + packet)


def frames(form, number):
    made = list(frames4(form, number) if form.version == 4 else frames6(form, number))
    return made[::-1] if form.reverse else made


def known_forms():
    """Each by name: what went around a rule on ports, and its neighbours."""
    made = [Form(f"plain {version}", version=version) for version in (4, 6)]
    for version in (4, 6):
        for sizes in ((8,), (16,), (8, 8), (8, 8, 8)):
            for reverse in (False, True):
                name = f"IPv{version} fragments of {'+'.join(map(str, sizes))}{', reversed' if reverse else ''}"
                made.append(Form(name, version=version, fragments=sizes, reverse=reverse))
        for count in (1, 2, 3, 5, 8, 9, 12):
            made.append(Form(f"IPv{version} behind {count} tags", version=version, tags=(0x8100,) * count))
        made.append(Form(f"IPv{version} behind 802.1ad tags", version=version, tags=(0x88A8, 0x88A8, 0x8100)))
    for count in (1, 4, 5, 8, 9, 12):
        made.append(Form(f"{count} destination options", version=6, extensions=(OPTIONS,) * count))
    made += [
        Form("IPv4 options", options=10),
        Form("IPv4 options, in fragments", options=10, fragments=(8,)),
        Form("hop-by-hop options", version=6, extensions=(HOP_BY_HOP,)),
        Form("no payload length", version=6, extensions=(HOP_BY_HOP,), no_length=True),
        Form("no payload length, more options", version=6, extensions=(HOP_BY_HOP,) + (OPTIONS,) * 4, no_length=True),
        Form("a routing header", version=6, extensions=(ROUTING,)),
        Form("long hop-by-hop options", version=6, extensions=(HOP_BY_HOP,), wide=31),
        Form("long options, several", version=6, extensions=(OPTIONS, OPTIONS), wide=10),
        Form("IPv6 fragments of 24", version=6, fragments=(24,), payload=bytes(40)),
        Form("IPv6 fragments of 24+8, reversed", version=6, fragments=(24, 8), reverse=True, payload=bytes(40)),
        Form("options around fragments of 32", version=6, extensions=(OPTIONS,), fragments=(32,), payload=bytes(40)),
        Form("an atomic fragment", version=6, atomic=True),
        Form("options inside fragments", version=6, inner=(OPTIONS,), fragments=(8,)),
        Form("options inside fragments, cut behind the ports", version=6, inner=(OPTIONS,), fragments=(16,)),
        Form("options around fragments", version=6, extensions=(OPTIONS,), inner=(OPTIONS,), fragments=(8,)),
        Form("tags, options and fragments", version=6, tags=(0x8100,) * 3, extensions=(OPTIONS,) * 5, fragments=(8,)),
        Form("IPv4 behind segment routing", carrier=SEGMENTS),
        Form("IPv6 behind segment routing", version=6, carrier=SEGMENTS),
        Form("IPv4 behind segment routing, a segment left", carrier=SEGMENTS, segments=1),
        Form("IPv6 behind segment routing, two segments left", version=6, carrier=SEGMENTS, segments=2),
        Form("IPv6 behind options and segment routing", version=6, carrier=SEGMENTS, before=(HOP_BY_HOP, OPTIONS)),
        Form("IPv6 behind RPL's source routing", version=6, carrier=RPL),
        Form("UDP behind segment routing", protocol=UDP, carrier=SEGMENTS),
        Form("fragments behind segment routing", carrier=SEGMENTS, fragments=(8,)),
        Form("UDP behind tags", protocol=UDP, tags=(0x8100,) * 3),
        Form("UDP in fragments", protocol=UDP, fragments=(8,)),
        Form("UDP behind options", version=6, protocol=UDP, extensions=(OPTIONS,) * 8),
        Form("a mapped source", version=6, mapped=True),
        Form("UDP from a mapped source", version=6, protocol=UDP, mapped=True),
        Form("UDP from a mapped source, behind options", version=6, protocol=UDP, mapped=True, extensions=(OPTIONS,)),
        Form("UDP from a mapped source, in fragments", version=6, protocol=UDP, mapped=True, fragments=(8,)),
    ]
    return made


def random_form(chooser: random.Random):
    version = chooser.choice((4, 6))
    fragments = tuple(8 * chooser.randrange(1, 4) for _ in range(chooser.choice((0, 0, 1, 2, 3))))
    extensions = tuple(
        chooser.choice((OPTIONS, OPTIONS, ROUTING)) for _ in range(chooser.choice((0, 0, 1, 3, 5, 8, 11)))
    )
    if chooser.random() < 0.3:
        extensions = (HOP_BY_HOP,) + extensions
    no_length = version == 6 and extensions[:1] == (HOP_BY_HOP,) and not fragments and chooser.random() < 0.5
    return Form(
        version=version,
        protocol=chooser.choice((TCP, UDP)),
        port=chooser.choice((2222, 3333)),
        tags=tuple(chooser.choice((0x8100, 0x88A8)) for _ in range(chooser.choice((0, 0, 1, 2, 3, 5, 9, 12)))),
        options=chooser.choice((0, 0, 1, 10)) if version == 4 else 0,
        extensions=extensions if version == 6 else (),
        inner=tuple(OPTIONS for _ in range(chooser.choice((0, 0, 1, 2)))) if version == 6 else (),
        fragments=fragments,
        reverse=chooser.random() < 0.5,
        no_length=no_length,
        atomic=version == 6 and not no_length and chooser.random() < 0.2,
        carrier=chooser.choice((RPL, SEGMENTS)) if chooser.random() < 0.1 else 0,
        segments=chooser.choice((0, 0, 1)),
        before=chooser.choice(((), (OPTIONS,))),
        mapped=version == 6 and chooser.random() < 0.1,
    )
