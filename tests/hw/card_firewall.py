# SPDX-License-Identifier: GPL-2.0-or-later
"""In the virtual machine: does what our program's firewall does on the card, over the maps that the controller wrote.

It shares no code with nicsentry. bpf_offload/types.h says what stands in the maps, the program's BTF how (layouts.py).
"""
import ipaddress

from card import FILES, U32, U64, Map, bpftool, mix, program_on
from layouts import layout

IPV4_HIGH = U64
LEAF, LOW, VALUE = 1 << 31, 1 << 30, (1 << 30) - 1
BLOCKED, CLASS = 1 << 15, 0x1FF
ON, BANK = 1, 2
STATES = {"NEW": 0, "ESTABLISHED": 1, "RELATED": 2, "INVALID": 3}
DEFAULT, FIRST_RULE = 3, 16
DROP = 1
WORDS, RULES_A_CHUNK, CHUNKS = 3, 192, 28
VALUES = {  # the struct in each map
    "fw_control": "fw_config",
    "rule_banks": "rule_bank",
    "interval_nodes": "interval_node",
    "rule_bits": "rule_chunk",
    "rule_actions": "rule_action",
    "set_addresses": "address_bucket",
    "rule_counters": "rule_counter",
}


class Firewall:
    """That of the program on a port."""

    def __init__(self, port):
        self.ids = {
            one["name"]: one["id"]
            for number in program_on(f"nfp{port}")["map_ids"]
            for one in [bpftool("map", "show", "id", str(number))]
        }
        self.maps = {name: Map(self.ids[name], value) for name, value in VALUES.items()}

    def words(self, name, index):
        """None where the program would find nothing."""
        found = self.maps[name].lookup(index)
        return None if found is None else layout(VALUES[name]).unpack(found)

    def control(self):
        config, buckets, *rest = self.words("fw_control", 0)
        return config, buckets, rest[:4], rest[4:]

    def interval(self, way, high, low):
        key = high
        while not way & LEAF:
            if way & LOW:
                key = low
            *keys, first, a, b, c, d, _ = self.words("interval_nodes", way & VALUE)
            way = first
            for bound, step in zip(keys, (a, b, c, d)):
                if key >= bound:
                    way ^= step
        return way & VALUE

    def sets(self, high, low, is_ipv6):
        _, buckets, keys, roots = self.control()
        if buckets:
            products = (keys[0] + low & U32) * (keys[1] + (low >> 32) & U32)
            products += (keys[2] + high & U32) * (keys[3] + (high >> 32) & U32)
            number = mix(products & U64)
            for place in (number, (number << 16 | number >> 16) & U32):
                found = self.words("set_addresses", place * buckets >> 32)
                for i in range(3 if found else 0):
                    if found[6 + i] and found[2 * i : 2 * i + 2] == (high, low):
                        return found[6 + i]
        return self.interval(roots[is_ipv6], high, low)

    def judge(self, protocol, source, destination, state="NEW", flags=0):
        """The element of rule_actions that decides on a packet that comes in."""
        config = self.control()[0]
        if not config & ON:
            return 0
        ends = [ipaddress.ip_address(address) for address, _ in (source, destination)]
        is_ipv6 = ends[0].version == 6
        bank = self.words("rule_banks", (config & BANK) + is_ipv6)
        _, established, rows, first_bits, first_action, facts_root = bank[:6]
        halves = [(int(a) >> 64, int(a) & U64) if is_ipv6 else (IPV4_HIGH, int(a)) for a in ends]
        of_sets = [self.sets(*end, is_ipv6) for end in halves]
        if of_sets[0] & BLOCKED:
            return first_action + 1
        if STATES[state] == established:
            return first_action + 2
        if not rows:
            return first_action + DEFAULT
        fields = [self.interval(facts_root, flags | STATES[state] << 8 | protocol << 11, 0)]
        for end, sets, port, (set_rows, addresses, ports) in zip(
            halves, of_sets, (source[1], destination[1]), (bank[6:9], bank[9:12])
        ):
            fields.append(set_rows + (sets & CLASS) if set_rows else 0)
            fields.append(self.interval(addresses, *end))
            fields.append(self.interval(ports, port, 0))
        for chunk in range(CHUNKS):
            first = first_bits + (chunk + 1) * rows
            if not self.common(fields, first_bits) >> chunk & 1:
                continue
            bits = self.common(fields, first)
            if bits:
                return first_action + FIRST_RULE + chunk * RULES_A_CHUNK + (bits & -bits).bit_length() - 1
        return first_action + DEFAULT

    def common(self, fields, first):
        bits = (1 << 64 * WORDS) - 1
        for field in filter(None, fields):
            low, middle, high = self.words("rule_bits", first + field)
            bits &= low | middle << 64 | high << 128
        return bits

    def drops(self, *packet, **more):
        """Also counts, as the program: the counters of what it did."""
        action, verdict, counters = self.judge(*packet, **more), 0, []
        while action:
            config, counter, action = self.words("rule_actions", action)
            verdict |= config
            counters.append(counter)
        return bool(verdict & DROP), counters


def writes(firewalls):
    """[(port, map, element)] of all that the host wrote to the firewalls' maps, in order."""
    with open(FILES + "maps", encoding="ascii") as lines:
        rows = [line.split() for line in lines if not line.startswith("#")]
    tables = {int(row[0]): int(row[6]) for row in rows}
    names = {
        tables[number]: (port, name)
        for port, firewall in enumerate(firewalls)
        for name, number in firewall.ids.items()
        if number in tables
    }
    with open(FILES + "writes", encoding="ascii") as lines:
        kept = [tuple(map(int, line.split()))[1:] for line in lines if not line.startswith("#")]
    return [(*names[table], key) for table, key in kept if table in names and names[table][1] in VALUES]
