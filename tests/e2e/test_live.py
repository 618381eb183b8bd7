#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry run` on veth pairs: what tcpreplay sends is what the windows say.

    test_live.py [CASE ...]

NICSENTRY: the binary (default build/nicsentry). NICSENTRY_PCAPS: real captures (default ../shared/pcaps).
"""
import os
import pathlib
import signal
import sys
import tempfile

import make_capture
from compare import REPOSITORY, Mismatch, expect, read_windows, run_cases
from network import MODES, Controller, Network
from sample import Sample, check_nothing_lost, check_sample, check_sessions, totals
from segments import big_tcp_case, segments_case

PCAPS = pathlib.Path(os.environ.get("NICSENTRY_PCAPS", REPOSITORY.parent / "shared" / "pcaps"))


def mode_case(directory, samples, mode):
    for sample in samples:
        with Network(directory, mtu=sample.mtu) as network:
            controller = Controller(network, *MODES[mode])
            if mode == "tc egress":
                network.send(sample.path, sample.packets, port="right0", namespace=network.receiver)
            else:
                network.send(sample.path, sample.packets)
            try:
                hook = {"tc": "tc-ingress", "tc egress": "tc-egress"}.get(mode)
                check_sample(sample, controller.stop(), hook)
            except Mismatch as mismatch:
                raise Mismatch(f"{sample.path.name}: {mismatch}") from mismatch
            network.check_clean()
    return f"{len(samples)} captures, {sum(sample.packets for sample in samples)} packets"


def both_directions_case(directory, sample):
    """A session seen on both planes is one session."""
    with Network(directory) as network:
        controller = Controller(network, *MODES["tc egress"])
        network.send(sample.path, sample.packets)
        network.send(sample.path, sample.packets, port="right0", namespace=network.receiver)
        sessions, books = totals(read_windows(controller.stop()))
        expect(
            "packets_in of each plane",
            {"tc-ingress": sample.packets, "tc-egress": sample.packets},
            {row["hook"]: row["packets_in"] for row in books},
        )
        check_nothing_lost(books)
        check_sessions(sample, sessions, times=2)
        network.check_clean()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that finally blocks run
    with tempfile.TemporaryDirectory(prefix="nicsentry-e2e-") as temporary:
        bundled = pathlib.Path(temporary) / "bundled.pcap"
        make_capture.make(bundled)
        sample = Sample(bundled)
        samples = [sample]
        if PCAPS.is_dir():
            samples += [Sample(path) for path in sorted(PCAPS.iterdir()) if path.suffix in (".pcap", ".pcapng")]
        else:
            print(f"skipped the real captures: no directory {PCAPS} (set NICSENTRY_PCAPS)")
        cases = [(f"mode {mode}", lambda mode=mode: mode_case(temporary, samples, mode)) for mode in MODES]
        cases += [
            ("both directions", lambda: both_directions_case(temporary, sample)),
            ("segments, IPv4", lambda: segments_case(temporary, 4)),
            ("segments, IPv6", lambda: segments_case(temporary, 6)),
            ("segments of super-packets beyond 64 KiB", lambda: big_tcp_case(temporary)),
        ]
        return run_cases(cases)


if __name__ == "__main__":
    sys.exit(main())
