#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`swap-on-read` and `empty-on-read` of `nicsentry programs read`: under load, to the packet.

    test_program_swap.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import fcntl
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import time

from compare import BINARY, expect, expect_text
from network import Network, run
from suite import run_directory_cases, slow, tries
from test_program_reading import VALUES, load, opened, read, values
from user_maps import per_processor, possible_processors

SWAPS = max(100, tries(500))
COUNTING = """
BPF_TABLE("array", int, __u64, ALL, 1);
BPF_TABLE("array", int, __u64, ARRAY, 2);
BPF_TABLE("hash", __u16, __u64, HASH, 64);
BPF_TABLE("percpu_array", int, __u64, CPU_ARRAY, 1);
BPF_TABLE("percpu_hash", __u16, __u64, CPU_HASH, 64);
BPF_TABLE("lru_hash", __u16, __u64, RECENT, 1024);
BPF_QUEUESTACK("queue", QUEUE, __u16, 65536, 0);
static __u64 variable;
static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    if (data + 36 > data_end)
        return RX_OK;
    __u16 port = bpf_ntohs(*(__u16 *)(data + 34));
    __u64 one = 1;
    __u64 *found;
    ALL.atomic_increment(0);
    ARRAY.atomic_increment(1);
    CPU_ARRAY.increment(0);
    CPU_HASH.increment(port);
    found = HASH.lookup_or_try_init(&port, &(__u64){0});
    if (found)
        __sync_fetch_and_add(found, 1);
    found = RECENT.lookup_or_try_init(&port, &(__u64){0});
    if (found)
        __sync_fetch_and_add(found, 1);
    QUEUE.push(&port, 0);
    __sync_fetch_and_add(&variable, 1);
    return RX_OK;
}
"""
SHARING = """
BPF_TABLE("extern", int, __u64, ARRAY, 2);
BPF_TABLE("array", int, __u64, OUT, 1);
static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
    ARRAY.atomic_increment(0);
    OUT.atomic_increment(0);
    return RX_OK;
}
"""
# Counts a packet a second after it came.
SLOW = """
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#define ONE_NUMBER(name) \\
    struct { \\
        __uint(type, BPF_MAP_TYPE_ARRAY); \\
        __uint(max_entries, 1); \\
        __type(key, __u32); \\
        __type(value, __u64); \\
    } name SEC(".maps")
ONE_NUMBER(BEGUN);
ONE_NUMBER(COUNTED);
static long is_over(__u32 i, __u64 *end)
{
    return bpf_ktime_get_ns() >= *end;
}
static __always_inline void add_one(void *map)
{
    __u32 key = 0;
    __u64 *number = bpf_map_lookup_elem(map, &key);
    if (number)
        __sync_fetch_and_add(number, 1);
}
SEC("tc")
int slow(struct __sk_buff *skb)
{
    __u64 end = bpf_ktime_get_ns() + 1000000000ULL;
    add_one(&BEGUN);
    for (int i = 0; i < 16; i++)
        bpf_loop(1 << 23, is_over, &end, 0);
    add_one(&COUNTED);
    return TC_ACT_OK;
}
char _license[] SEC("license") = "GPL";
"""
SEND_ONE = """
import socket, sys
port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
port.bind((sys.argv[1], 0))
port.send(bytes(12) + b"\\x08\\x00" + bytes(46))
"""
SWAPPED = "ARRAY HASH CPU_ARRAY CPU_HASH RECENT QUEUE".split()
# Sends UDP frames from 8 source ports until it is told to stop.
FLOOD = """
import signal, socket, struct, sys
port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
port.bind((sys.argv[1], 0))
going = True
def stop(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, stop)
frames = []
for i in range(8):
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 50, i, 0, 64, 17, 0, 0x0a000001, 0x0a000002)
    frames.append(bytes(12) + b"\\x08\\x00" + ip + struct.pack("!HHHH", int(sys.argv[2]) + i, 53, 30, 0) + bytes(22))
while going:
    for frame in frames:
        try:
            port.send(frame)
        except OSError:
            pass
"""


def metric(name, swap=True, empty=False):
    options = {"swap-on-read": swap, "empty-on-read": empty}
    return {"name": name, "map-name": name, "extraction-options": options}


def write_monitor(network, name, ingress, ingress_metrics, egress=None, egress_metrics=()):
    path = network.directory / f"{name}.json"
    description = {"ingress-path": {"name": name, "code": ingress, "metric-configs": ingress_metrics}}
    if egress:
        description["egress-path"] = {"name": name, "code": egress, "metric-configs": list(egress_metrics)}
    path.write_text(json.dumps(description), encoding="utf-8")
    return path


class Flood:
    """Two senders, on the other end of the port and if asked for on the port itself."""

    def __init__(self, network, back=False):
        self.network, self.back = network, back
        self.began = self.counts()
        self.processes = [self.start(network.sender, "left0", 1000), self.start(network.sender, "left0", 2000)]
        if back:
            self.processes.append(self.start(network.receiver, "right0", 3000))

    def counts(self):
        return self.network.sent(), self.network.sent("right0", self.network.receiver) if self.back else 0

    def start(self, namespace, port, first):
        return self.network.start(namespace, sys.executable, "-c", FLOOD, port, first)

    def stop(self):
        """Packets that were sent, to the port and from it."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(timeout=30)
        time.sleep(0.3)
        return tuple(now - then for now, then in zip(self.counts(), self.began))


def total(value):
    """The packets in a metric's value."""
    if isinstance(value, dict):
        return total(value["value"])
    return sum(total(one) for one in value) if isinstance(value, list) else value


def add(sums, reading, path="ingress"):
    for one in reading[f"{path}-metrics"]:
        counted = len(one["value"]) if one["name"] == "QUEUE" else total(one["value"])
        sums[one["name"]] = sums.get(one["name"], 0) + counted


def readings(network, name, number, *arguments):
    """So many readings, as fast as they come."""
    process = network.start(
        network.receiver, BINARY, "programs", "read", name, "--every", "1ms", *arguments, stdout=subprocess.PIPE
    )
    for _ in range(number):
        line = process.stdout.readline()
        if not line:
            break
        yield json.loads(line)
    process.send_signal(signal.SIGTERM)
    for line in process.stdout:
        yield json.loads(line)
    expect("exit status of the reader", 0, process.wait(timeout=30))


def number_in(pinned):
    return struct.unpack("<Q", pinned.get(struct.pack("<I", 0), 8))[0]


def one_number(network, name, map_name):
    with opened(network, name, map_name) as pinned:
        return number_in(pinned)


def swaps_case(directory):
    """Windows, 500 with all tries, one after the other, have each packet of two senders once: maps of each kind, each
    mode."""
    with Network(directory) as network:
        path = write_monitor(network, "counting", COUNTING, [metric(name) for name in SWAPPED])
        for mode in ("tc", "drv", "skb") if tries(100) == 100 else ("drv",):
            load(network, path, "--mode", mode)
            flood = Flood(network)
            sums, windows = {}, 0
            for reading in readings(network, "counting", SWAPS):
                add(sums, reading)
                windows += 1
            sent = flood.stop()[0]
            for _ in range(2):  # what both copies still have
                add(sums, read(network, "counting"))
            seen = one_number(network, "counting", "ALL")
            expect(f"{mode}: enough readings", True, windows >= SWAPS)
            expect(f"{mode}: packets that both copies counted in the map that they share", sent, seen)
            queued = sums.pop("QUEUE")
            expect(f"{mode}: packets of {windows} windows", dict.fromkeys(SWAPPED[:-1], sent), sums)
            expect(f"{mode}: queued packets", True, 0 < queued <= sent)
            network.nicsentry("programs", "unload", "counting")
            network.check_clean()


def shared_case(directory):
    """A swapped map of both directions: a read of one closes the window of both, and has each packet once."""
    with Network(directory) as network:
        path = write_monitor(network, "both", COUNTING, [metric("ARRAY")], SHARING, [metric("OUT", swap=False)])
        load(network, path)
        flood = Flood(network, back=True)
        counted = [0, 0]
        for reading in readings(network, "both", SWAPS // 5, "--direction", "ingress"):
            each = reading["ingress-metrics"][0]["value"]
            counted = [one + two for one, two in zip(counted, each)]
        sent, returned = flood.stop()
        for _ in range(2):
            each = read(network, "both", "--direction", "ingress")["ingress-metrics"][0]["value"]
            counted = [one + two for one, two in zip(counted, each)]
        expect("packets out and in", [returned, sent], counted)
        expect("packets out, counted without a swap", [returned], read(network, "both")["egress-metrics"][0]["value"])


def readers_case(directory):
    """Two readers at once have each window once."""
    with Network(directory) as network:
        load(network, write_monitor(network, "counting", COUNTING, [metric("ARRAY"), metric("HASH", empty=True)]))
        flood = Flood(network)
        sums = {}
        outputs = [network.directory / f"reader{i}" for i in range(2)]
        processes = [
            network.start(network.receiver, BINARY, "programs", "read", "counting", "--every", "1ms", "-o", output)
            for output in outputs
        ]
        time.sleep(2)
        for process in processes:
            process.send_signal(signal.SIGTERM)
            expect("exit status", 0, process.wait(timeout=30))
        sent = flood.stop()[0]
        for output in outputs:
            files = list(output.iterdir())
            expect("enough readings of each", True, len(files) > 50)
            for file in files:
                add(sums, json.loads(file.read_text(encoding="utf-8")))
        for _ in range(2):
            add(sums, read(network, "counting"))
        expect("packets", {"ARRAY": sent, "HASH": sent}, sums)


def lock_readers(network, name):
    """A descriptor: readers of the program wait until it is closed."""
    held = os.open(network.pins / "programs" / name, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(held, fcntl.LOCK_EX)
    return held


def start_reader(network, name):
    return network.start(network.receiver, BINARY, "programs", "read", name, stdout=subprocess.PIPE)


def running_case(directory):
    """A read waits for a program that still runs in the copy that it closes: its packet is in that window."""
    with Network(directory) as network:
        load(network, write_monitor(network, "slow", SLOW, [metric("COUNTED")]))
        # `ip netns exec` waits for running programs, too: while one runs, the case starts no process.
        with opened(network, "slow", "BEGUN") as begun:
            for packet in (1, 2):
                held = lock_readers(network, "slow")
                reader = start_reader(network, "slow")
                time.sleep(0.5)
                expect("the reader waits for the lock", None, reader.poll())
                sender = network.start(network.sender, sys.executable, "-c", SEND_ONE, "left0")
                end = time.monotonic() + 30
                while time.monotonic() < end and number_in(begun) < packet:
                    time.sleep(0.01)
                os.close(held)
                seen = json.loads(reader.communicate(timeout=30)[0])["ingress-metrics"][0]["value"]
                expect(f"packet {packet}: the program began", packet, number_in(begun))
                expect(f"packet {packet}: the window that was closed while it ran", [1], seen)
                expect("exit status of the reader", 0, reader.returncode)
                expect("exit status of the sender", 0, sender.wait(timeout=30))
        expect("the windows after it", [[0], [0]], [values(network, "slow", "COUNTED") for _ in range(2)])


def arrays_case(directory):
    """Arrays of many elements are 0 when they are in use again, also those of one value for each processor."""
    entries, processors = 70000, possible_processors()
    code = COUNTING.replace("ALL, 1)", f"ALL, {entries})") + f'BPF_TABLE("percpu_array", int, __u32, LARGE, {entries});'
    with Network(directory) as network:
        load(network, write_monitor(network, "counting", code, [metric("ALL"), metric("LARGE")]))
        each = [struct.pack("<I", 3)] * processors
        for name, value in (("ALL", struct.pack("<Q", 2)), ("LARGE", per_processor(each))):
            with opened(network, "counting", name) as pinned:
                for i in range(1, entries, 2 if name == "ALL" else 7):
                    pinned.put(struct.pack("<I", i), value)
        read_one, read_two, read_three = (read(network, "counting")["ingress-metrics"] for _ in range(3))
        expect("entries", [entries] * 2, [one["entries"] for one in read_one])
        expected = [entries, len(range(1, entries, 7)) * 3 * processors]
        expect("the closed window", expected, [total(one["value"]) for one in read_one])
        for reading in (read_two, read_three):
            expect("the windows after it", [0, 0], [total(one["value"]) for one in reading])


def anew_case(directory):
    """A reader that waited for a name, which was loaded anew meanwhile, waits for the readers of the new load."""
    with Network(directory) as network:
        path = write_monitor(network, "counting", COUNTING, [metric("ARRAY")])
        load(network, path)
        held = lock_readers(network, "counting")
        reader = start_reader(network, "counting")
        time.sleep(1)
        expect("the reader waits", None, reader.poll())
        network.nicsentry("programs", "unload", "counting")
        load(network, path)
        held_anew = lock_readers(network, "counting")
        os.close(held)
        time.sleep(1)
        expect("the reader waits for the new load's lock", None, reader.poll())
        os.close(held_anew)
        expect("what it reads", 1, len(json.loads(reader.communicate(timeout=30)[0])["ingress-metrics"]))
        expect("exit status", 0, reader.returncode)


def killed_case(directory):
    """A reader that is killed takes no packet into two windows; the next one goes on. A load replaces either copy."""
    with Network(directory) as network:
        path = write_monitor(network, "counting", COUNTING, [metric("ARRAY"), metric("HASH")])
        load(network, path)
        pick = random.Random(3)
        flood = Flood(network)
        sums = {}
        for i in range(tries(200)):
            output = network.directory / f"reader{i}"
            process = network.start(
                network.receiver, BINARY, "programs", "read", "counting", "--every", "1ms", "-o", output
            )
            time.sleep(pick.uniform(0.02, 0.2))
            process.kill()
            process.wait()
            for file in output.glob("counting_*.json") if output.exists() else ():
                add(sums, json.loads(file.read_text(encoding="utf-8")))
        before = dict(sums)
        for reading in readings(network, "counting", 20):
            add(sums, reading)
        sent = flood.stop()[0]
        expect("packets that were counted twice", True, all(one <= sent for one in sums.values()))
        expect("the last reader has packets", True, all(sums[name] > before[name] for name in sums))
        for _ in range(3):
            load(network, path)
            read(network, "counting")
            expect("attached", [True], [one["attached"] for one in loaded(network)["counting"]["paths"]])
        network.nicsentry("programs", "unload", "counting")
        network.check_clean()
        expect("pins that are left", [], list((network.pins / "programs").iterdir()))


def loaded(network):
    return {one["name"]: one for one in json.loads(network.nicsentry("programs", "list", "--json").stdout)}


def empty_case(directory):
    """Emptied on a read: hash kinds and tries have no entries then, arrays zeros; queues and stacks nothing."""
    names = "EVERYTHING FLOWS RECENT CPU_ARRAY CPU_HASH CPU_RECENT PREFIXES QUEUE STACK".split()
    processors = possible_processors()
    with Network(directory) as network:
        source = network.directory / "values.c"
        source.write_bytes(VALUES.read_bytes())
        network.directory.chmod(0o755)
        path = network.directory / "values.json"
        metrics = [metric(name, swap=False, empty=True) for name in names]
        path.write_text(json.dumps({"ingress-path": {"name": "v", "source": "values.c", "metric-configs": metrics}}))
        load(network, path)
        for trial in range(2):
            for name, key, value in (
                ("EVERYTHING", struct.pack("<I", 1), bytes([1]) * 208),
                ("FLOWS", bytes(8), bytes([2]) * 24),
                ("RECENT", bytes(4), struct.pack("<Q", 3)),
                ("CPU_ARRAY", struct.pack("<I", 2), per_processor([struct.pack("<I", 4)] * processors)),
                ("CPU_HASH", bytes(2), per_processor([bytes([5]) * 24] * processors)),
                ("CPU_RECENT", bytes(8), per_processor([struct.pack("<Q", 6)] * processors)),
                ("PREFIXES", struct.pack("<II", 8, 10), struct.pack("<Q", 7)),
                ("QUEUE", None, bytes(208)),
                ("STACK", None, bytes(8)),
            ):
                with opened(network, "values", name) as pinned:
                    pinned.put(key, value)
            first, second = (read(network, "values")["ingress-metrics"] for _ in range(2))
            seen = {one["name"]: one for one in first}
            expect(f"{trial}: entries", [2, 1, 1, 3, 1, 1, 1, 1, 1], [seen[name]["entries"] for name in names])
            expect("an array's value", (0, 1), tuple(one["u8"] for one in seen["EVERYTHING"]["value"]))
            expect("a hash's", 2 * (256**8 - 1) // 255, seen["FLOWS"]["value"][0]["value"]["packets"])
            expect("an LRU hash's", 3, seen["RECENT"]["value"][0]["value"])
            expect("a per-CPU array's", [4] * processors, seen["CPU_ARRAY"]["value"][2]["value"])
            expect("an LRU per-CPU hash's", [6] * processors, seen["CPU_RECENT"]["value"][0]["value"])
            expect("a trie's", 7, seen["PREFIXES"]["value"][0]["value"])
            left = {one["name"]: one for one in second}
            expect("entries that are left", [2, 0, 0, 3] + [0] * 5, [left[name]["entries"] for name in names])
            expect("an array is 0", (0, 0), tuple(one["u8"] for one in left["EVERYTHING"]["value"]))
            expect("a per-CPU array is 0", 0, total(left["CPU_ARRAY"]["value"]))


def hash_case(directory):
    """A hash that is emptied without a swap loses no packet while no program holds an entry: between bursts."""
    with Network(directory) as network:
        load(network, write_monitor(network, "counting", COUNTING, [metric("HASH", swap=False, empty=True)]))
        for _ in range(3):
            flood = Flood(network)
            time.sleep(0.2)
            sent = flood.stop()[0]
            expect("packets", sent, total(values(network, "counting", "HASH")))
            expect("nothing is left", [], values(network, "counting", "HASH"))


def refusals_case(directory):
    """A map that cannot be read is refused at the load; a metric beside swapped ones closes their window, too."""
    with Network(directory) as network:
        ring = network.directory / "ring.json"
        description = {"name": "r", "source": str(VALUES), "metric-configs": [metric("RING")]}
        ring.write_text(json.dumps({"ingress-path": description}), encoding="utf-8")
        done = load(network, ring, check=False)
        expect("exit status", 1, done.returncode)
        expect_text("refusal", "which is a map of kind ringbuf, and no metric can be read from it", done.stderr)
        load(network, write_monitor(network, "counting", COUNTING, [metric("ARRAY"), metric("HASH")]))
        flood = Flood(network)
        sums = {"ARRAY": 0, "HASH": 0}
        for _ in range(20):
            add(sums, read(network, "counting", "--metric", "ARRAY"))
            add(sums, read(network, "counting", "--metric", "HASH"))
        sent = flood.stop()[0]
        for _ in range(2):
            add(sums, read(network, "counting"))
        expect("each by itself, packets", {"ARRAY": sent, "HASH": sent}, sums)
        inside = run("ip", "netns", "exec", network.sender, BINARY, "programs", "read", "counting", check=False)
        expect("exit status elsewhere", 1, inside.returncode)
        expect_text("elsewhere", "of another network namespace; read what is swapped there", inside.stderr)
        run("tc", "-n", network.receiver, "filter", "del", "dev", "right0", "ingress")
        expect("off its hook", 0, total(values(network, "counting", "ARRAY")))
        pinned = pathlib.Path(loaded(network)["counting"]["pinned"])
        expect("pins", True, (pinned / "ingress-other-maps" / "ARRAY").exists())


CASES = {
    "swaps under load": swaps_case,
    "both directions share a map": slow(shared_case),
    "a program that still runs": running_case,
    "arrays of many elements": arrays_case,
    "two readers": readers_case,
    "a reader and a load of the same name": anew_case,
    "killed readers": slow(killed_case),
    "emptied maps": empty_case,
    "an emptied hash": hash_case,
    "refusals and single metrics": refusals_case,
}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
