#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry run` on veth pairs: what tcpreplay sends is what the windows say.

    test_live.py --list | [CASE ...]

NICSENTRY: the binary (default build/nicsentry). NICSENTRY_PCAPS: real captures (default ../shared/pcaps).
"""
import sys

from compare import expect, read_lines, read_windows
from network import MODES, Controller, Network
from sample import Sample, bundled, check_nothing_lost, check_sample, check_sessions, totals
from segments import big_tcp_case, segments_case
from suite import real_capture, real_captures, run_directory_cases, slow


def mode_case(directory, sample, mode):
    with Network(directory, mtu=sample.mtu) as network:
        controller = Controller(network, *MODES[mode])
        if mode == "tc egress":
            network.send(sample.path, sample.packets, port="right0", namespace=network.receiver)
        else:
            network.send(sample.path, sample.packets)
        hook = {"tc": "tc-ingress", "tc egress": "tc-egress"}.get(mode)
        check_sample(sample, controller.stop(), hook)
        network.check_clean()
    return f"{sample.packets} packets"


ENDS = ("client_ip", "server_ip")


def as_often_out(row):
    """Whether as much of a host's traffic left as came in, on the one port."""
    same = [row[f"{unit}_in"] == row[f"{unit}_out"] for unit in ("packets", "bytes")]
    return all(same) and row["interfaces"] == "right0"


def both_directions_case(directory):
    """A session seen on both attachments is one session; a host's packets are told apart by where they were seen."""
    sample = bundled()
    with Network(directory) as network:
        controller = Controller(network, *MODES["tc egress"], "--format", "hosts-jsonl")
        network.send(sample.path, sample.packets)
        network.send(sample.path, sample.packets, port="right0", namespace=network.receiver)
        output = controller.stop()
        sessions, books = totals(read_windows(output))
        hosts = read_lines(output / "hosts.jsonl")
        expect("hosts seen elsewhere, or more in one direction", [], [row for row in hosts if not as_often_out(row)])
        expect("hosts", {row[end] for row in sessions.values() for end in ENDS}, {row["host_ip"] for row in hosts})
        expect(
            "packets_in of each attachment",
            {"tc-ingress": sample.packets, "tc-egress": sample.packets},
            {row["hook"]: row["packets_in"] for row in books},
        )
        check_nothing_lost(books)
        check_sessions(sample, sessions, times=2)
        network.check_clean()


def real_case(name, mode):
    def case(directory):
        return mode_case(directory, Sample(real_capture(name)), mode)

    return case if mode == "drv" else slow(case)


def main():
    cases = {f"mode {mode}": lambda directory, mode=mode: mode_case(directory, bundled(), mode) for mode in MODES}
    cases.update({f"mode {mode}, {name}": real_case(name, mode) for mode in MODES for name in real_captures()})
    cases.update(
        {
            "both directions": both_directions_case,
            "segments, IPv4": lambda directory: segments_case(directory, 4),
            "segments, IPv6": lambda directory: segments_case(directory, 6),
            "segments of GSO packets beyond 64 KiB": big_tcp_case,
        }
    )
    return run_directory_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
