#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""hw mode over the kernel's own nfp driver: runs a suite of cases.py, or of program_cases.py, beside a virtual card
(hw/README.md).

    test_hw.py SUITE [CASE ...]

NICSENTRY: the binary (default build/nicsentry). The traffic and what the model says of it are made here, where tshark
is fast, and handed to the virtual machine.
"""
import json
import os
import pathlib
import pickle
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
BPF = REPOSITORY / "bpf_offload"
sys.path.insert(0, str(HERE.parent / "e2e"))

import make_capture  # noqa: E402
import model  # noqa: E402

WHOLE_NS = 10**18  # one window for all of the traffic
# A suite is what one boot of the machine with this firmware serves.
FIRMWARE = {
    "card": "agilio-bpf",
    "refusals": "agilio-bpf",
    "time": "agilio-bpf",
    "no-events": "corenic",
    "empty-arrays": "test-empty-arrays",
    "programs": "agilio-bpf",
    "programs-more": "agilio-bpf",
}

# Processors of the machine: two for measured times, and for events on each of several processors. Otherwise one: two
# wait for each other on a busy host.
CPUS = {"time": 2, "empty-arrays": 2}


def frames(capture):
    data = capture.read_bytes()[24:]
    while data:
        length = struct.unpack_from("<I", data, 8)[0]
        yield data[16 : 16 + length]
        data = data[16 + length :]


def compile_bpf(source, output):
    subprocess.run(
        [
            shutil.which("clang") or "clang-14",
            "-O2",
            "-g",
            "-target",
            "bpf",
            "-mcpu=v3",
            "-idirafter",
            "/usr/include/x86_64-linux-gnu",
            "-I",
            BPF,
            "-c",
            source,
            "-o",
            output,
        ],
        check=True,
    )


def commit_offence(directory):
    directory.mkdir()
    program = (BPF / "program.h").read_text(encoding="utf-8")
    offending = program.replace(
        "\treturn analyze(ctx);",
        "\t__u32 zero = 0;\n\tstruct control none = {};\n\n"
        "\tbpf_map_update_elem(&CONTROL_MAP, &zero, &none, BPF_ANY);\n\treturn analyze(ctx);",
    )
    assert offending != program, "program.h is not as it was when this test was written"
    (directory / "program.h").write_text(offending, encoding="utf-8")
    shutil.copy(BPF / "sentry.bpf.c", directory)
    compile_bpf(directory / "sentry.bpf.c", directory / "sentry.o")


def prepare(directory):
    """Writes into the directory:
    traffic.json         each packet as tshark understands it, with its frame
    model.pickle         the window
    host_model.pickle    the window as programs on the host have it, which go farther into a packet
    stranger.o           a program that is not nicsentry's
    offence/sentry.o     ours, with a map update
    """
    compile_bpf(REPOSITORY / "hw" / "guest" / "counter.bpf.c", directory / "stranger.o")
    commit_offence(directory / "offence")
    capture = directory / "traffic.pcap"
    make_capture.make(capture)
    on_host = model.analyse(capture, WHOLE_NS).windows[0]
    (directory / "host_model.pickle").write_bytes(pickle.dumps(on_host))
    model.TAGS_MAX, model.EXTENSIONS_MAX, model.CARRYING_TYPES = 2, 4, ()
    model.EXTENSIONS = ("ipv6.hopopts", "ipv6.routing", "ipv6.dstopts", "ipv6.fraghdr")
    packets = [model.understand(row) for row in model.rows(capture)]
    lines = [
        {
            "frame": frame.hex(),
            "bytes": packet.bytes,
            "cause": packet.cause,
            "protocol": packet.protocol,
            "source": packet.source,
            "destination": packet.destination,
        }
        for packet, frame in zip(packets, frames(capture), strict=True)
    ]
    (directory / "traffic.json").write_text(json.dumps(lines), encoding="ascii")
    window = model.analyse(capture, WHOLE_NS).windows[0]
    (directory / "model.pickle").write_bytes(pickle.dumps(window))


def compile_programs(directory):
    """Writes an object of each of programs/*.c into the directory."""
    for source in sorted((HERE / "programs").glob("*.c")):
        compile_bpf(source, directory / f"{source.stem}.o")


def main(suite, *cases):
    # Seconds that the tests wait for what ends by itself; a window is a third of it. An emulated processor that others
    # use, too, takes minutes to verify a program with the firewall.
    os.environ.setdefault("NICSENTRY_PATIENCE", "600")
    own_programs = suite.startswith("programs")
    with tempfile.TemporaryDirectory() as directory:
        (compile_programs if own_programs else prepare)(pathlib.Path(directory))
        machine = [
            REPOSITORY / "hw" / "vnfp",
            "run",
            "--firmware",
            FIRMWARE[suite],
            "--cpus",
            CPUS.get(suite, 1),
            "--timeout",
            "900",
            "--",
        ]
        file = HERE / ("program_cases.py" if own_programs else "cases.py")
        guest = ["/usr/bin/python3", "-B", file, suite, directory, *cases]
        return subprocess.run([str(word) for word in machine + guest], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
