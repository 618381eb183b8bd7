#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The files `hosts` and `ports`, and the table by source, against sums over sessions that tshark's fields give.

    test_traffic.py --list | [CASE ...]

NICSENTRY: the binary (default build/nicsentry). NICSENTRY_ATTACKS: labelled captures (default ../shared/attacks).
"""
import collections
import csv
import ipaddress
import json
import os
import pathlib
import re
import subprocess
import sys

import make_capture
import model
from compare import BINARY, PATIENCE, expect, expect_text, read_lines
from suite import REPOSITORY, Mismatch, Skipped, run_directory_cases, slow

ATTACKS = pathlib.Path(os.environ.get("NICSENTRY_ATTACKS", REPOSITORY.parent / "shared" / "attacks"))
ONE_SOURCE, FORGED = "ddos/jstnbarker_SYN.pcap", "ddos/stopddos_syn_ecn_cwr_flood.pcapng"
# The source with the most packets of each capture; none: no source has a tenth of them.
NAMED = {
    ONE_SOURCE: "10.0.0.2",
    FORGED: None,
    "ddos/booter2013_dns_any_reflection.pcap": "",
    "ddos/ddosgrid_synflood.pcap": "10.0.1.2",
    "ddos/jstnbarker_icmp_flood.pcap": "10.0.0.2",
    "ddos/stopddos_isakmp_reflection.pcap": "",
    "scan/ddosgrid_portscan_c.pcap": "",
    "benign/mercury_emix.pcap": "",
}


def replay(capture, *options, status=0):
    command = [BINARY, "replay", str(capture), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    if done.returncode != status:
        raise Mismatch(f"{' '.join(command)}: expected exit status {status}, seen {done.returncode}: {done.stderr}")
    return done


def rounded(amount, window_ns):
    return int(amount * 1e9 / window_ns + 0.5)


def traffic(packets, octets, window_ns):
    return {
        "packets_per_second": rounded(packets, window_ns),
        "bits_per_second": rounded(8 * octets, window_ns),
        "packets_in": packets,
        "bytes_in": octets,
        "packets_out": 0,
        "bytes_out": 0,
        "sessions_dropped": 0,
        "interfaces": "",
    }


def host_rows(window, window_ns):
    """{address: row} of one window of the model."""
    rows = collections.defaultdict(lambda: [0] * 6)
    for session in window.sessions.values():
        client, server = rows[session.client[0]], rows[session.server[0]]
        client[0] += 1
        server[1] += 1
        sent = (session.packets_client, session.bytes_client)
        answered = (session.packets_server, session.bytes_server)
        ends = [(client, sent + answered)]
        if server is not client:  # with itself: counted once
            ends.append((server, answered + sent))
        for row, amounts in ends:
            row[2] += amounts[0]
            row[3] += amounts[2]
            row[4] += amounts[1]
            row[5] += amounts[3]
    names = ("sessions_as_client", "sessions_as_server", "packets_sent", "packets_received", "bytes_sent")
    return {
        address: {
            **dict(zip((*names, "bytes_received"), row)),
            **traffic(row[2] + row[3], row[4] + row[5], window_ns),
        }
        for address, row in rows.items()
    }


def port_rows(window, window_ns):
    rows = collections.defaultdict(lambda: [0] * 5)
    for session in window.sessions.values():
        row = rows[session.protocol, session.server[1]]
        for at, amount in enumerate(
            (1, session.packets_server, session.packets_client, session.bytes_server, session.bytes_client)
        ):
            row[at] += amount
    names = ("sessions", "packets_server", "packets_client", "bytes_server", "bytes_client")
    return {
        port: {**dict(zip(names, row)), **traffic(row[1] + row[2], row[3] + row[4], window_ns)}
        for port, row in rows.items()
    }


def host_order(address):
    return ipaddress.ip_address(address).version, ipaddress.ip_address(address).packed


def port_order(port):
    return ("ICMP", "TCP", "UDP", "ICMPv6").index(port[0]), port[1]


def read_csv(path):
    """Rows with numbers where the column has them."""
    texts = ("host_ip", "protocol", "interfaces")
    with open(path, encoding="utf-8", newline="") as file:
        return [
            {name: text if name in texts else int(text) for name, text in row.items()} for row in csv.DictReader(file)
        ]


def wanted_rows(analysis, window_ns):
    """The rows of `hosts` and of `ports`, in their order, without those of the rest."""
    hosts, ports = [], []
    for number, window in analysis.windows.items():
        start = {"window": number, "start_ns": window.start_ns, "end_ns": window.start_ns + window_ns}
        found = host_rows(window, window_ns)
        for address in sorted(found, key=lambda one: (-found[one]["packets_in"], host_order(one))):
            hosts.append({**start, "hosts": 1, "host_ip": address, **found[address]})
        found = port_rows(window, window_ns)
        for protocol, port in sorted(found, key=lambda one: (-found[one]["packets_in"], port_order(one))):
            more = found[protocol, port]
            ports.append({**start, "ports": 1, "protocol": protocol, "server_port": port, **more})
    return {"hosts": hosts, "ports": ports}


def check_rows(what, wanted, seen):
    for number, (one, other) in enumerate(zip(wanted, seen)):
        expect(f"{what}, row {number}", one, other)
    expect(f"{what}, number of rows", len(wanted), len(seen))


def without_times(rows):
    return [{name: value for name, value in row.items() if not name.endswith("_time")} for row in rows]


def files_case(directory):
    """Rows of each window against the model, the bound with a row for the rest, and a second run that goes on."""
    directory = pathlib.Path(directory)
    capture, output = directory / "capture.pcap", directory / "out"
    make_capture.make(capture)
    window_ns = 2 * 10**9
    options = ("-o", output, "--window", "2s", "--format", "hosts,ports,hosts-jsonl,ports-jsonl", "-q")
    replay(capture, *options, "--rows", 0)
    analysis = model.analyse(capture, window_ns)
    wanted = wanted_rows(analysis, window_ns)
    for table, rows in wanted.items():
        check_rows(f"{table}.csv", rows, read_csv(output / f"{table}.csv"))
        check_rows(f"{table}.jsonl", rows, without_times(read_lines(output / f"{table}.jsonl")))
        streamed = replay(capture, "--window", "2s", "-q", "--rows", 0, "--stream", table).stdout
        expect(f"--stream {table}", (output / f"{table}.jsonl").read_text(encoding="utf-8"), streamed)
    # A second run goes on in the files, with the number after the last window that has rows.
    replay(capture, *options, "--rows", 0)
    for table, rows in wanted.items():
        after = rows[-1]["window"] + 1
        again = [{**row, "window": after + row["window"]} for row in rows]
        check_rows(f"{table}.csv of two runs", rows + again, read_csv(output / f"{table}.csv"))
    # Two rows a window and one of the rest: nothing is missing from the sums.
    replay(capture, *options, "--rows", 2, "--overwrite")
    for table, rows in wanted.items():
        seen = read_csv(output / f"{table}.csv")
        for number in analysis.windows:
            all_of = [row for row in rows if row["window"] == number]
            few = [row for row in seen if row["window"] == number]
            check_rows(f"{table}.csv, window {number}", all_of[:2], few[:2])
            expect(f"{table}.csv, window {number}, rows", min(3, len(all_of)), len(few))
            for name in (table, "packets_in", "bytes_in"):
                expect(f"window {number}, sum of {name}", sum(r[name] for r in all_of), sum(r[name] for r in few))


def first_line(text, by):
    found = re.search(r" of (\d+) " + by + r"s?, (.+) with (?:more than )?([\d.]+) % of their packets", text)
    if not found:
        raise Mismatch(f"expected a first line that sums sources up, seen {text!r}")
    return int(found[1]), found[2], float(found[3])


def forged_case(directory):
    """A flood of 3,000 forged sources has none that stands out, which the first line says; one of a single one has."""
    directory = pathlib.Path(directory)
    syn = [
        make_capture.ipv4(
            source, "192.0.2.80", make_capture.TCP, make_capture.tcp(source, "192.0.2.80", 1024 + n, 80, 2)
        )
        for n in range(3000)
        for source in (f"10.{n // 250}.{n % 250}.7",)
    ]
    capture = directory / "forged.pcap"
    make_capture.write_ipv4(capture, syn)
    table = replay(capture, "--window", "all", "--by", "src", "--top", 5, "--service-names").stdout.splitlines()
    expect_text("first line", ", 3000 sessions of 3000 sources, none with more than 0.1 % of their packets", table[0])
    expect("the rest", "(2995 more sources)", table[7])
    by_port = replay(capture, "--window", "all", "--by", "dport", "--service-names").stdout
    expect_text("first line by port", " of 1 server port, TCP http with 100.0 % of their packets\n", by_port)
    make_capture.write_ipv4(capture, syn + syn[:1] * 600)
    table = replay(capture, "--window", "all", "--by", "src").stdout
    expect_text("first line", ", 3000 sessions of 3000 sources, 10.0.0.7 with 16.7 % of their packets\n", table)


def order_case(directory):
    """--sort puts the rows of sessions and of groups in order of a column."""
    capture = pathlib.Path(directory) / "capture.pcap"
    make_capture.make(capture)

    def table(*options):
        lines = replay(capture, "--window", "all", "--top", 1000, *options).stdout.splitlines()
        others = (" ", "capture.pcap", "(", "guessed servers: ")
        return [re.split(r" {2,}", line) for line in lines[2:] if not line.startswith(others)][:-1]

    numbers = {"to-server": 3, "to-client": 4}
    for word, column in numbers.items():
        seen = [int(row[column]) for row in table("--sort", word)]
        expect(f"sessions by {word}", sorted(seen, reverse=True), seen)
    seen = [float(row[7].split()[0]) for row in table("--sort", "duration")]
    expect("sessions by duration", sorted(seen, reverse=True), seen)
    seen = [row[2] for row in table("--sort", "proto")]
    expect("sessions by protocol", sorted(seen), seen)
    seen = [int(row[1]) for row in table("--by", "src", "--sort", "sessions")]
    expect("sources by sessions", sorted(seen, reverse=True), seen)
    seen = [host_order(row[0]) for row in table("--by", "dst", "--sort", "name")]
    expect("servers by address", sorted(seen), seen)
    expect("there are several", True, len(seen) > 5)
    refused = replay(capture, "--sort", "sessions", status=2)
    expect_text(
        "a column of groups", "--sort: read 'sessions', allowed without --by are packets, rate,", refused.stderr
    )


def attack_case(name):
    def case(_):
        capture = ATTACKS / name
        if not capture.exists():
            raise Skipped(f"there is no {capture} (NICSENTRY_ATTACKS names the directory of the labelled captures)")
        window_ns = 10 * 10**9
        analysis = model.analyse(capture, window_ns)
        for table, rows in wanted_rows(analysis, window_ns).items():
            seen = replay(capture, "-q", "--rows", 0, "--stream", table).stdout
            check_rows(f"{table} of {name}", rows, without_times(json.loads(line) for line in seen.splitlines()))
        sources = collections.Counter()
        for session in next(iter(model.analyse(capture, 10**14).windows.values())).sessions.values():
            sources[session.client[0]] += session.packets_client + session.packets_server
        said = first_line(replay(capture, "--window", "100000s", "--by", "src").stdout.splitlines()[0], "source")
        address, packets = sources.most_common(1)[0]
        part = 100 * packets / sum(sources.values())
        expect(f"sources of {name}", len(sources), said[0])
        expect(f"{name} has a source with a tenth", part >= 10, said[1] != "none")
        if NAMED[name] != "":
            expect(f"{name}, its source", NAMED[name], said[1] if said[1] != "none" else None)
        if part >= 10:
            expect(f"{name}, the largest source", address, said[1])
        if not part - 0.1 <= said[2] <= part + 0.1001:
            raise Mismatch(f"{name}: expected a part of {part} %, seen {said[2]}")
        return f"{len(sources)} sources, the largest with {part:.1f} %"

    return case if name == ONE_SOURCE else slow(case)


def main():
    cases = {
        "hosts and ports of a small capture": files_case,
        "forged sources": forged_case,
        "order": order_case,
    }
    cases.update({name: attack_case(name) for name in NAMED})
    return run_directory_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
