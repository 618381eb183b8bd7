#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry programs read`: each kind of map and of value against what was put in by hand.

    test_program_reading.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import ctypes
import ipaddress
import json
import os
import pathlib
import random
import re
import signal
import struct
import subprocess
import sys
import time

import jsonschema

from compare import BINARY, expect, expect_text
from network import Network, run
from programs import bpf
from suite import REPOSITORY, run_directory_cases
from user_maps import MAP_UPDATE_BATCH, PinnedMap, per_processor, possible_processors

VALUES = REPOSITORY / "tests" / "programs" / "monitors" / "values.c"
SCHEMA = REPOSITORY / "docs" / "schemas" / "metrics.schema.json"
SESSIONS = """
struct session { __be32 source, destination; __be16 from, to; __u8 protocol; __u8 padding[3]; };
struct counters { __u64 packets, packets_back, bytes, bytes_back, first, last; __be32 server; __u8 method; };
BPF_TABLE("hash", struct session, struct counters, SESSIONS, %d);
static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
    struct session key = {};
    struct counters *found = SESSIONS.lookup(&key);
    if (found)
        found->packets++;
    return RX_OK;
}
"""
COLOURS = {3: "RED", -7: "BLUE", 100000: "GREEN"}


class Packed(ctypes.LittleEndianStructure):
    _pack_ = 1
    _fields_ = [("first", ctypes.c_uint8), ("second", ctypes.c_uint32)]


class Nested(ctypes.Structure):
    _fields_ = [("x", ctypes.c_uint32), ("y", ctypes.c_int16)]


class Both(ctypes.Union):
    _fields_ = [("word", ctypes.c_uint32), ("bytes", ctypes.c_uint8 * 4)]


class Wide(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


class Everything(ctypes.Structure):
    """struct everything of values.c, as Python's C library lays it out."""

    _fields_ = [
        ("u8", ctypes.c_uint8),
        ("s8", ctypes.c_int8),
        ("u16", ctypes.c_uint16),
        ("s16", ctypes.c_int16),
        ("u32", ctypes.c_uint32),
        ("s32", ctypes.c_int32),
        ("u64", ctypes.c_uint64),
        ("s64", ctypes.c_int64),
        ("wide", Wide),  # at offset 32, as 128 bits in BPF
        ("yes", ctypes.c_bool),
        ("letter", ctypes.c_int8),
        ("text", ctypes.c_char * 10),
        ("low", ctypes.c_uint32, 3),
        ("middle", ctypes.c_uint32, 14),
        ("high", ctypes.c_uint32, 15),
        ("fields", ctypes.c_uint64),  # of 5 bits with a sign, and of 43 bits
        ("colour", ctypes.c_int32),
        ("packed", Packed),
        ("nested", Nested * 2),
        ("both", Both),
        ("unnamed", ctypes.c_uint16),
        ("matrix", ctypes.c_uint8 * 3 * 2),
        ("be16", ctypes.c_uint16.__ctype_be__),  # type: ignore[attr-defined]
        ("be32", ctypes.c_uint32.__ctype_be__),  # type: ignore[attr-defined]
        ("be64", ctypes.c_uint64.__ctype_be__),  # type: ignore[attr-defined]
        ("address", ctypes.c_uint8 * 4),
        ("address6", ctypes.c_uint8 * 16),
        ("mac", ctypes.c_uint8 * 6),
        ("hops", ctypes.c_uint32 * 2),
        ("next_hop", ctypes.c_uint8 * 6),
        ("port", ctypes.c_uint16.__ctype_be__),  # type: ignore[attr-defined]
        ("seen", ctypes.c_uint64),
        ("typed_time", ctypes.c_uint64),
        ("since_boot", ctypes.c_uint64),
        ("end", ctypes.c_uint8 * 8),  # 128-bit members align the whole to 16
    ]


def time_text(nanoseconds):
    whole, fraction = divmod(nanoseconds, 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{fraction:09}Z"


def ipv4(value):
    return str(ipaddress.IPv4Address(bytes(value)))


def mac(value):
    return ":".join(f"{byte:02x}" for byte in bytes(value))


def plain(value):
    return [plain(one) for one in value] if hasattr(value, "__len__") else value


def expected_everything(value, raw=False):
    """What `programs read` is to print of one. `since_boot` depends on the clocks and is left out."""
    names = "u8 s8 u16 s16 u32 s32 u64 s64 yes letter low middle high unnamed".split()
    made = {name: getattr(value, name) for name in names}
    made |= {
        "signed_field": (value.fields & 0xF) - (value.fields & 0x10),
        "large_field": value.fields >> 5 & 2**43 - 1,
        "wide": value.wide.low + (value.wide.high << 64),
        "text": bytes(value.text).decode("utf-8", "replace"),
        "colour": COLOURS.get(value.colour, value.colour),
        "packed": {"first": value.packed.first, "second": value.packed.second},
        "nested": [{"x": one.x, "y": one.y} for one in value.nested],
        "both": {"word": value.both.word, "bytes": plain(value.both.bytes)},
        "matrix": plain(value.matrix),
        "address": ipv4(value.address),
        "address6": str(ipaddress.IPv6Address(bytes(value.address6))),
        "mac": mac(value.mac),
        "hops": [ipv4(one.to_bytes(4, "little")) for one in value.hops],
        "next_hop": mac(value.next_hop),
        "seen": time_text(value.seen),
        "typed_time": time_text(value.typed_time),
    }
    made |= {name: getattr(value, name) for name in ("be16", "be32", "be64", "port")}
    if raw:
        begin = Everything.text.offset
        made["text"] = plain((ctypes.c_int8 * 10).from_buffer_copy(bytes(value)[begin : begin + 10]))
        for name, size in (("be16", 2), ("be32", 4), ("be64", 8), ("port", 2), ("address", 4)):
            begin = getattr(Everything, name).offset
            made[name] = int.from_bytes(bytes(value)[begin : begin + size], "little")
        made["mac"], made["next_hop"] = plain(value.mac), plain(value.next_hop)
        made["hops"] = plain(value.hops)
        words = struct.unpack("<4I8H16B", bytes(value.address6) * 3)
        made["address6"] = {
            "in6_u": {
                "u6_addr8": list(words[12:]),
                "u6_addr16": list(words[4:12]),
                "u6_addr32": list(words[:4]),
            }
        }
        made["seen"], made["typed_time"] = value.seen, value.typed_time
    return made


def random_everything(pick):
    value = Everything.from_buffer_copy(pick.randbytes(ctypes.sizeof(Everything)))
    value.yes = pick.choice((False, True))
    value.colour = pick.choice((3, -7, 100000, 5))
    value.text = pick.choice((b"", b'caf\xc3\xa9 "\\\x01', b"ten bytes!", b"\xff\xc3", b"short\0rest"))
    value.seen, value.typed_time, value.since_boot = (pick.randrange(2 * 10**18) for _ in range(3))
    return value


def load(network, *arguments, check=True):
    return network.nicsentry("programs", "load", "-i", "right0", *arguments, check=check)


def read(network, name, *arguments):
    return json.loads(network.nicsentry("programs", "read", name, *arguments).stdout)


def metrics(network, name, *arguments, path="ingress"):
    return {one["name"]: one for one in read(network, name, *arguments)[f"{path}-metrics"]}


def values(network, name, metric, *arguments):
    return metrics(network, name, "--metric", metric, *arguments)[metric]["value"]


def opened(network, name, map_name, path="ingress"):
    shown = json.loads(network.nicsentry("programs", "show", name, "--json").stdout)
    return PinnedMap(pathlib.Path(shown["pinned"]) / f"{path}-maps" / map_name)


def without_boot_time(value):
    now = time.time_ns() - time.monotonic_ns()
    found = value.pop("since_boot")
    return value, found, now


def check_everything(what, put, seen):
    """Compares one value; the time since boot to within a second."""
    value, found, offset = without_boot_time(dict(seen))
    expect(what, expected_everything(put), value)
    whole = time_text(put.since_boot + offset)
    parsed = [time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S") for text in (found, whole)]
    expect(
        f"{what}, time since boot {found}, not {whole}", True, abs(time.mktime(parsed[0]) - time.mktime(parsed[1])) <= 1
    )


def members_case(directory):
    """Members of each type: integers, bit fields, enumerations, packed, nested, arrays, unions, texts, addresses."""
    pick = random.Random(1)
    with Network(directory) as network:
        load(network, VALUES)
        for trial in range(20):
            put = [random_everything(pick) for _ in range(2)]
            with opened(network, "values", "EVERYTHING") as pinned:
                for index, value in enumerate(put):
                    pinned.put(struct.pack("<I", index), bytes(value))
            seen = values(network, "values", "EVERYTHING")
            expect("entries", 2, len(seen))
            for value, one in zip(put, seen):
                check_everything(f"trial {trial}", value, one)
            for value, one in zip(put, values(network, "values", "EVERYTHING", "--raw")):
                expect("raw time", value.since_boot, one.pop("since_boot"))
                expect(f"raw, trial {trial}", expected_everything(value, raw=True), one)


def flow(source, port, protocol):
    return ipaddress.IPv4Address(source).packed + struct.pack(">HBB", port, protocol, 0)


def flow_json(source, port, protocol):
    return {"source": source, "port": port, "protocol": protocol, "padding": 0}


def sample(packets, address, change, last):
    return struct.pack("<Q", packets) + ipaddress.IPv4Address(address).packed + struct.pack("<iQ", change, last)


def sample_json(packets, address, change, last):
    return {"packets": packets, "address": address, "change": change, "last": time_text(last)}


def by_key(entries):
    return sorted(entries, key=lambda one: json.dumps(one["key"]))


def kinds_case(directory):
    """Maps of each kind, from another process than the one that loaded them, also as a sum over processors."""
    processors = possible_processors()
    pick = random.Random(2)
    with Network(directory) as network:
        load(network, VALUES)
        put = [random_everything(pick) for _ in range(5)]
        flows = [(f"10.0.{i // 200}.{i % 200}", 1000 + i, 6) for i in range(3000)]
        numbers = [(10**15 + i, f"192.0.2.{i % 250}", -i, 10**18 + i) for i in range(3000)]
        with opened(network, "values", "FLOWS") as pinned:
            for key, value in zip(flows, numbers):
                pinned.put(flow(*key), sample(*value))
        with opened(network, "values", "RECENT") as pinned:
            for i in range(20):
                pinned.put(struct.pack("<I", i), struct.pack("<Q", 2**64 - 1 - i))
        with opened(network, "values", "CPU_ARRAY") as pinned:
            for i in range(3):
                each = [struct.pack("<I", 2**32 - 1 - i - cpu) for cpu in range(processors)]
                pinned.put(struct.pack("<I", i), per_processor(each))
        with opened(network, "values", "CPU_HASH") as pinned:
            each = [sample(0, "0.0.0.0", 0, 0)] + [
                sample(5, "192.0.2.9", -3, 10**18 + i) for i in range(1, processors)
            ]
            pinned.put(struct.pack("<H", 7), per_processor(each))
        with opened(network, "values", "CPU_RECENT") as pinned:
            pinned.put(flow("10.0.0.1", 53, 17), per_processor([struct.pack("<Q", 2**63)] * processors))
        with opened(network, "values", "PREFIXES") as pinned:
            for i in range(100):
                pinned.put(struct.pack("<I", 32) + ipaddress.IPv4Address(f"10.1.{i}.0").packed, struct.pack("<Q", i))
        with opened(network, "values", "QUEUE") as pinned:
            for value in put:
                pinned.put(None, bytes(value))
        with opened(network, "values", "STACK") as pinned:
            for i in range(3):
                pinned.put(None, flow("10.0.0.2", i, 1))
        with opened(network, "values", "UNTYPED") as pinned:
            pinned.put(b"\x01\x02\xff", b"\xab\xcd\xef\x00\x10")

        before = time.time_ns()
        whole = read(network, "values")
        jsonschema.validate(whole, json.loads(SCHEMA.read_text(encoding="utf-8")))
        seen = {one["name"]: one for one in whole["ingress-metrics"]}
        names = "EVERYTHING FLOWS RECENT CPU_ARRAY CPU_HASH CPU_RECENT PREFIXES QUEUE STACK UNTYPED".split()
        expect("metrics: the maps that can be read", names, list(seen))
        expect("the other path", [], read(network, "values", "--metric", "RECENT")["egress-metrics"])
        for one in seen.values():
            expect("time of the reading", True, before // 1000 <= one["timestamp"] <= time.time_ns() // 1000)
            expect("complete", True, one["complete"])
        expect("kinds", "array hash lru_hash", " ".join(seen[name]["kind"] for name in names[:3]))
        expect("capacity", (4096, 3000), (seen["FLOWS"]["max_entries"], seen["FLOWS"]["entries"]))
        expected = [{"key": flow_json(*key), "value": sample_json(*value)} for key, value in zip(flows, numbers)]
        expect("hash", by_key(expected), by_key(seen["FLOWS"]["value"]))
        expected = [{"key": i, "value": 2**64 - 1 - i} for i in range(20)]
        expect("LRU hash", by_key(expected), by_key(seen["RECENT"]["value"]))
        expected = [{"key": i, "value": [2**32 - 1 - i - cpu for cpu in range(processors)]} for i in range(3)]
        expect("per-CPU array", expected, seen["CPU_ARRAY"]["value"])
        each = [sample_json(0, "0.0.0.0", 0, 0)]
        each += [sample_json(5, "192.0.2.9", -3, 10**18 + i) for i in range(1, processors)]
        expect("per-CPU hash", [{"key": 7, "value": each}], seen["CPU_HASH"]["value"])
        expected = [{"key": flow_json("10.0.0.1", 53, 17), "value": [2**63] * processors}]
        expect("LRU per-CPU hash", expected, seen["CPU_RECENT"]["value"])
        expected = [{"key": {"length": 32, "address": f"10.1.{i}.0"}, "value": i} for i in range(100)]
        expect("trie", by_key(expected), by_key(seen["PREFIXES"]["value"]))
        expect("queue", len(put), len(seen["QUEUE"]["value"]))
        for value, one in zip(put, seen["QUEUE"]["value"]):
            check_everything("queue, first in first out", value, one)
        expect("stack, last in first out", [flow_json("10.0.0.2", i, 1) for i in (2, 1, 0)], seen["STACK"]["value"])
        expect("bytes without a type", [{"key": "0102ff", "value": "abcdef0010"}], seen["UNTYPED"]["value"])

        again = metrics(network, "values")
        expect("queue and stack are drained", ([], []), (again["QUEUE"]["value"], again["STACK"]["value"]))
        expect("the rest is as it was", by_key(seen["FLOWS"]["value"]), by_key(again["FLOWS"]["value"]))
        summed = metrics(network, "values", "--cpus", "sum")
        expected = [{"key": i, "value": sum(2**32 - 1 - i - cpu for cpu in range(processors))} for i in range(3)]
        expect("sum of 32-bit numbers", expected, summed["CPU_ARRAY"]["value"])
        others = processors - 1
        expected = sample_json(
            5 * others, "192.0.2.9" if others else "0.0.0.0", -3 * others, 10**18 + others if others else 0
        )
        expect("sum of a structure", [{"key": 7, "value": expected}], summed["CPU_HASH"]["value"])
        expect("sum beyond 64 bits", 2**63 * processors, summed["CPU_RECENT"]["value"][0]["value"])
        check_table(network)
        for arguments, said in (
            (
                ("values", "--metric", "RING"),
                "program values has no metric RING; there are: EVERYTHING (ingress), FLOWS",
            ),
            (("values", "--direction", "egress"), "program values has no egress path"),
            (("nothing",), "no program is loaded as nothing"),
        ):
            done = network.nicsentry("programs", "read", *arguments, check=False)
            expect("exit status", 1, done.returncode)
            expect_text("refusal", said, done.stderr)
        done = network.nicsentry("programs", "read", "values", "--format", "xml", check=False)
        expect("exit status of a wrong option", 2, done.returncode)


def check_table(network):
    text = network.nicsentry("programs", "read", "values", "--metric", "CPU_HASH", "--format", "table").stdout
    lines = text.splitlines()
    expect("title", "ingress CPU_HASH: map CPU_HASH, percpu_hash, 1 of 16 entries", lines[0])
    expect("columns", "key cpu value.packets value.address value.change value.last".split(), lines[1].split())
    expect("a processor", ["7", "0", "0", "0.0.0.0", "0", time_text(0)], lines[2].split())
    expect("rows", 2 + possible_processors(), len(lines))
    text = network.nicsentry("programs", "read", "values", "--format", "table", "--cpus", "sum").stdout
    row = re.search(r"^10\.0\.0\.1 +53 +17 +0 +(\d+)$", text, re.MULTILINE)
    expect("a sum", str(2**63 * possible_processors()), row and row.group(1))


# Inserts and removes keys from `first` on, as fast as it can; those below stay.
CHANGING = """
import os, struct, sys
sys.path[:0] = [sys.argv[1]]
from user_maps import PinnedMap
trie, first = sys.argv[3] == "trie", int(sys.argv[4])

def key(i):
    return struct.pack("<II", 32, i * 2654435761 % 2**32) if trie else struct.pack("<IHBB", i, 0, 0, 0)

value = bytes(8 if trie else 24)
with PinnedMap(sys.argv[2]) as pinned:
    for i in range(first):
        pinned.put(key(i), value)
    print("ready", flush=True)
    while os.getppid() == int(sys.argv[5]):
        for i in range(first, first + 200):
            pinned.put(key(i), value)
        for i in range(first, first + 200):
            pinned.remove(key(i))
"""


def changing_case(directory):
    """Read while another process inserts and removes entries: it ends, no key is there twice, none of the others is
    missing."""
    with Network(directory) as network:
        load(network, VALUES)
        pinned = pathlib.Path(json.loads(network.nicsentry("programs", "show", "values", "--json").stdout)["pinned"])
        for metric, kind in (("FLOWS", "hash"), ("PREFIXES", "trie")):
            path = pinned / "ingress-maps" / metric
            command = [sys.executable, "-B", "-c", CHANGING, REPOSITORY / "tests" / "e2e", path, kind, 600, os.getpid()]
            writer = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
            network.processes.append(writer)
            expect("the writer", "ready\n", writer.stdout.readline())
            for _ in range(30):
                seen = metrics(network, "values", "--metric", metric)[metric]
                keys = [json.dumps(one["key"]) for one in seen["value"]]
                expect(f"{kind}: keys that are there twice", len(keys), len(set(keys)))
                expect(f"{kind}: entries beyond what there can be", True, len(keys) <= 800)
                if seen["complete"]:
                    expect(f"{kind}: entries that stay", True, len(keys) >= 600)
            expect("the writer goes on", None, writer.poll())
            writer.kill()
            writer.wait()


def files_case(directory):
    """--every reads again until it is told to end; with -o each reading is a file."""
    with Network(directory) as network:
        load(network, VALUES)
        output = network.directory / "readings"
        process = network.start(
            network.receiver,
            BINARY,
            "programs",
            "read",
            "values",
            "--metric",
            "RECENT",
            "--every",
            "50ms",
            "-o",
            output,
        )
        end = time.monotonic() + 30
        while len(list(output.glob("values_*.json")) if output.exists() else []) < 4 and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        expect("exit status", 0, process.wait(timeout=30))
        names = sorted(path.name for path in output.iterdir())
        expect("files", [f"values_{i}.json" for i in range(len(names))], sorted(names, key=lambda one: int(one[7:-5])))
        for path in output.iterdir():
            content = json.loads(path.read_text(encoding="utf-8"))
            expect("a file", ["RECENT"], [one["name"] for one in content["ingress-metrics"]])
        process = network.start(
            network.receiver, BINARY, "programs", "read", "values", "--every", "10ms", stdout=subprocess.PIPE
        )
        lines = [process.stdout.readline() for _ in range(5)]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        expect("exit status", 0, process.returncode)
        expect("a line for each reading", [10] * 5, [len(json.loads(line)["ingress-metrics"]) for line in lines])
        done = run(BINARY, "programs", "read", "values", "--every", "0s", check=False)
        expect("a wrong interval", 2, done.returncode)


def fill_sessions(pinned, entries):
    """Puts entries 0, 1, ... into SESSIONS."""
    keys = b"".join(struct.pack("<IIHHBBBB", i, ~i & 0xFFFFFFFF, i & 0xFFFF, 443, 6, 0, 0, 0) for i in range(entries))
    one = struct.pack("<6QIB3x", 12345, 6789, 10**9, 10**8, 10**18, 10**18 + 1, 0x0A000001, 2)
    key_buffer, values = ctypes.create_string_buffer(keys, len(keys)), ctypes.create_string_buffer(one * entries)
    places = (ctypes.addressof(key_buffer), ctypes.addressof(values))
    attributes = struct.pack("<QQQQIIQQ", 0, 0, *places, entries, pinned.descriptor, 0, 0)
    bpf(MAP_UPDATE_BATCH, attributes, "filling the map")


def many_case(directory):
    """A hash of many entries is read whole: each entry once, with its key and value."""
    entries = 100_000
    with Network(directory) as network:
        path = network.directory / "many.json"
        path.write_text(json.dumps({"ingress-path": {"code": SESSIONS % entries}}), encoding="utf-8")
        load(network, path)
        with opened(network, "many", "SESSIONS") as pinned:
            fill_sessions(pinned, entries)
        network.nicsentry("programs", "read", "many", "-o", network.directory)
        reading = json.loads((network.directory / "many_0.json").read_text(encoding="utf-8"))
        seen = reading["ingress-metrics"][0]["value"]
        expect("entries", entries, len(seen))
        expect("sources", entries, len({one["key"]["source"] for one in seen}))
        wrong = [one for one in seen if one["key"]["source"] ^ one["key"]["destination"] != 0xFFFFFFFF]
        expect("keys", [], wrong[:1])
        expect("values", {(12345, 10**18 + 1)}, {(one["value"]["packets"], one["value"]["last"]) for one in seen})


CASES = {
    "members": members_case,
    "kinds of maps": kinds_case,
    "changing while read": changing_case,
    "files and intervals": files_case,
    "many entries": many_case,
}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
