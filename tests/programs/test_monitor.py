#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry programs format` and `programs check`: monitors, their dialects, wrong ones, and the confined compiler.

NICSENTRY: the binary. Cases that ask the kernel need root.
"""
import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import jsonschema

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e")]

from suite import REPOSITORY, Mismatch, Skipped, run_directory_cases  # noqa: E402

NICSENTRY = os.environ.get("NICSENTRY", str(REPOSITORY / "build-dev" / "nicsentry"))
MONITORS = HERE / "monitors"
SCHEMA = REPOSITORY / "docs" / "schemas" / "monitor.schema.json"
PASS = {"drv": 2, "skb": 2, "tc": 0xFFFFFFFF}  # XDP_PASS, TC_ACT_UNSPEC
OPTIONS = {"swap-on-read": True, "empty-on-read": True}


def expect(what, expected, seen):
    if expected != seen:
        raise Mismatch(f"{what}: expected {expected!r}, seen {seen!r}")


def programs(*arguments, status=0, **options):
    done = subprocess.run(
        [NICSENTRY, "programs", *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )
    expect(f"status of {arguments} ({done.stderr})", status, done.returncode)
    return done


def refusal(*arguments, **options):
    return programs(*arguments, status=1, **options).stderr


def needs_root():
    if os.geteuid() != 0:
        raise Skipped("asking the kernel's verifier needs root")


def metric(name, **more):
    return {"name": name, "map-name": name, "extraction-options": OPTIONS, **more}


def monitor(code, *maps):
    path = {"name": "a monitor", "code": code, "metric-configs": [metric(name) for name in maps]}
    return {"ingress-path": path, "egress-path": copy.deepcopy(path)}


def written(directory, description, name="monitor.json"):
    path = pathlib.Path(directory) / name
    path.write_text(json.dumps(description), encoding="utf-8")
    return path


def code_of(name):
    return (MONITORS / f"{name}.c").read_text(encoding="utf-8")


def case_format(directory):
    """The text of a C file becomes one JSON text, or a list of lines; both are the same program."""
    source = pathlib.Path(directory) / "odd.c"
    text = '/* "quoted" \\ tab\there, \u00e9 */\n\nint x;\r\nno end'
    source.write_bytes(text.encode())
    expect("format", json.dumps(text) + "\n", programs("format", source).stdout)
    expect("standard input", json.dumps(text) + "\n", programs("format", "-", input=text).stdout)
    expect("lines", text.split("\n"), json.loads(programs("format", source, "--lines").stdout))
    source.write_bytes(b"\xff\xfe")
    if "not UTF-8" not in refusal("format", source):
        raise Mismatch("bytes that are no text are accepted")
    if "ENOENT" not in refusal("format", source.with_name("none.c")):
        raise Mismatch("a missing file is not told")


def places(description, at=()):
    """The path of each value of a description."""
    yield at
    inner = description.items() if isinstance(description, dict) else enumerate(description)
    for key, value in inner:
        if isinstance(value, (dict, list)):
            yield from places(value, (*at, key))
        else:
            yield (*at, key)


def changed(description, place, value):
    if not place:
        return value
    made = copy.deepcopy(description)
    inner = made
    for key in place[:-1]:
        inner = inner[key]
    if value is KeyError:
        del inner[place[-1]]
    elif isinstance(value, tuple):
        inner[place[-1]][value[0]] = 1
    else:
        inner[place[-1]] = value
    return made


def whole():
    metadata = {"help": "packets", "type": "Counter", "labels": [{"name": "kind", "value": "ip"}]}
    histogram = {"help": "sizes", "type": "Histogram", "buckets": {"scale": "linear", "start": 1.5, "width": 2}}
    path = {
        "name": "a name",
        "source": "missing.c",
        "metric-configs": [
            metric("first", **{"open-metrics-metadata": metadata}),
            metric("second", **{"open-metrics-metadata": histogram}),
            metric("third one"),
        ],
    }
    listed = {"name": "", "code": ["not", "C"], "metric-configs": []}
    return {"ingress-path": path, "egress-path": listed}


def case_schema(directory):
    """The parser takes what docs/schemas/monitor.schema.json takes, and names the key of what it does not take."""
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    seen = {True: 0, False: 0}
    values = [5, True, "", "text", "9digit", "__x", [], ["a", "b"], {}, None, KeyError, ("unknown",)]
    for place in places(whole()):
        for value in values:
            if not place and value is KeyError:
                continue
            try:
                description = changed(whole(), place, value)
            except (TypeError, IndexError):
                continue
            valid = validator.is_valid(description)
            said = refusal("check", written(directory, description))
            if valid == ("allowed is" in said):
                raise Mismatch(f"{place} = {value!r}: the schema says {valid}, the parser {said!r}")
            key = ".".join(part for part in place if isinstance(part, str))
            plain = re.sub(r"\[\d+\]", "", said)
            if not valid and key and key not in plain and ".".join(key.split(".")[:-1]) not in plain:
                raise Mismatch(f"{place} = {value!r}: {key} is not named in {said!r}")
            seen[valid] += 1
    if min(seen.values()) < 10:
        raise Mismatch(f"too few of a kind: {seen}")
    return f"{seen[True]} valid, {seen[False]} wrong"


def case_wrong_monitors(directory):
    """A refusal has the path of the key, what was read, and what may stand there; all at once."""
    for place, value, said in (
        (("ingress-path", "name"), 5, "ingress-path.name: read 5, allowed is a text"),
        (
            ("ingress-path", "kode"),
            "x",
            "ingress-path.kode: read an unknown key, allowed is name, code, source, object",
        ),
        (("ingress-path", "source"), KeyError, "ingress-path.code: read nothing, allowed is one of code, source and"),
        (("ingress-path", "object"), "x.o", "read a program beside source, allowed is one of code, source and object"),
        (("egress-path", "code", 1), 7, "egress-path.code[1]: read 7, allowed is a line of text"),
        (
            ("ingress-path", "metric-configs", 0, "extraction-options", "swap-on-read"),
            "yes",
            'ingress-path.metric-configs[0].extraction-options.swap-on-read: read "yes", allowed is true or false',
        ),
        (
            ("ingress-path", "metric-configs", 0, "open-metrics-metadata", "type"),
            "Sum",
            'open-metrics-metadata.type: read "Sum", allowed is Counter, Gauge, Histogram, Summary or Untyped',
        ),
        (("ingress-path", "metric-configs", 1, "name"), "first", 'metric-configs[1].name: read "first" again'),
        (("ingress-path", "metric-configs", 0, "name"), "a b", 'read "a b", allowed is a letter, _ or :'),
    ):
        text = refusal("check", written(directory, changed(whole(), place, value)))
        if said not in text:
            raise Mismatch(f"{place} = {value!r}: {said!r} is not in {text!r}")
    two = changed(changed(whole(), ("ingress-path", "name"), 5), ("egress-path", "name"), 6)
    expect("faults told at once", 2, refusal("check", written(directory, two)).count("allowed is"))
    for description in ({}, {"ingress-path": {}, "egress-path": {}}):
        if "read no program" not in refusal("check", written(directory, description)):
            raise Mismatch("a monitor without a program is accepted")
    twice = pathlib.Path(directory) / "twice.json"
    twice.write_text('{"ingress-path": {}, "ingress-path": {}}', encoding="utf-8")
    if "read twice" not in refusal("check", twice):
        raise Mismatch("a key that stands twice is accepted")
    if "allowed are .json, .c and .o" not in refusal("check", "program.txt"):
        raise Mismatch("a file of another kind is accepted")


def case_lines_of_errors(directory):
    """An error of the compiler has the line of the user's own text, in each form of a monitor."""
    code = code_of("sessions").replace("counters->last = now;", "counters->lost = now;")
    line = code[: code.index("counters->lost")].count("\n") + 1
    column = code.splitlines()[line - 1].index("lost") + 1
    said = refusal("check", written(directory, monitor(code)))
    if f"ingress-path.code:{line}:{column}: error: no member named 'lost'" not in said:
        raise Mismatch(said)
    if "counters->lost = now;" not in said:
        raise Mismatch(f"the line itself is not shown: {said}")
    expect("the other form", said, refusal("check", written(directory, monitor(code.split("\n")))))
    source = pathlib.Path(directory) / 'my "file".c'
    source.write_text(code, encoding="utf-8")
    if f'my "file".c:{line}:{column}: error: ' not in refusal("check", source):
        raise Mismatch("a file's name and line are not told")
    source.write_text("#include <linux/bpf.h>\nint x = y;\n", encoding="utf-8")
    if f"{source.name}:2:9: error: " not in refusal("check", source):
        raise Mismatch("the line of libbpf's dialect is not told")


TABLE_FAULTS = [
    ('BPF_TABLE("hsh", __u32, __u64, T, 1);', "", "table T: the kinds are hash, array"),
    ('BPF_QUEUESTACK("heap", T, __u64, 1, 0);', "", "queue T: the kinds are queue, stack and extern"),
    ("BPF_HASH(T, __u32, struct pkt_metadata);", "T.increment(1);", "increment_is_for_integer_values"),
    ("BPF_HASH(T, __u32, __u16);", "T.atomic_increment(1);", "atomic_increment_is_for_values_of_4_or_8_bytes"),
    ("BPF_HASH(T, __u32);", "T.push(0, 0);", "no member named 'push'"),
    ('BPF_QUEUESTACK("queue", T, __u64, 1, 0);', "T.lookup(0);", "no member named 'lookup'"),
]


def case_wrong_tables(directory):
    """A table of another kind, and a method that a table does not have, are refused at the user's line."""
    for table, use, said in TABLE_FAULTS:
        lines = [table, "static int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)", "{", use, "return RX_OK;"]
        text = refusal("check", written(directory, monitor([*lines, "}"])))
        if said not in text or f"ingress-path.code:{4 if use else 1}:" not in text:
            raise Mismatch(f"{table} {use}: {said!r} is not in {text}")


def case_warnings(directory):
    """A warning of the compiler has the user's line, and the program is taken."""
    needs_root()
    lines = ["BPF_HASH(T, __u32);", "static int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)", "{"]
    path = written(directory, monitor([*lines, "__u64 k = 1; T.lookup(&k);", "return RX_OK;", "}"]))
    said = programs("check", path).stderr
    if "ingress-path.code:4:23: warning: incompatible pointer types" not in said:
        raise Mismatch(said)


def check(path, *arguments):
    return json.loads(programs("check", path, "--json", *arguments).stdout)


def case_dialect(directory):
    """Monitors in Polycube's dialect are taken for TC and XDP, without a warning; both directions share their maps."""
    needs_root()
    for name, maps in (
        ("features", {"RECORDS": ("queue", 4096, 0, 29), "SEEN": ("hash", 1024, 13, 8)}),
        ("sessions", {"SESSIONS": ("percpu_hash", 10000, 13, 48)}),
    ):
        path = written(directory, monitor(code_of(name), *maps))
        for mode, hook in (("auto", "tc"), ("tc", "tc"), ("drv", "xdp"), ("skb", "xdp")):
            both = check(path, "--mode", mode)
            expect(f"{name}: paths", [("ingress", hook), ("egress", "tc")], [(p["path"], p["hook"]) for p in both])
            for one in both:
                expect("dialect and warnings", ("polycube", ""), (one["dialect"], one["warnings"]))
                seen = {m["name"]: (m["kind"], m["max_entries"], m["key_bytes"], m["value_bytes"]) for m in one["maps"]}
                expect(f"maps of {name}", maps, seen)
                expect("extern", {one["path"] == "egress"}, {m["extern"] for m in one["maps"]})
        text = programs("check", path).stdout
        if "egress: a monitor" not in text or "the ingress path's" not in text:
            raise Mismatch(text)
        said = refusal("check", path, "--direction", "egress")
        if "is extern, and the ingress path, which would have it, is not loaded" not in said:
            raise Mismatch(said)
        expect("ingress alone", 1, len(check(path, "--direction", "ingress")))


def run_program(directory, program, frame):
    """What a compiled program returns for a frame."""
    directory = pathlib.Path(directory)
    file_system = directory / "bpffs"
    file_system.mkdir()
    subprocess.run(["mount", "-t", "bpf", "bpf", file_system], check=True)
    try:
        pin = file_system / "program"
        (directory / "frame").write_bytes(frame)
        subprocess.run(["bpftool", "prog", "load", program, pin], check=True, capture_output=True)
        done = subprocess.run(
            ["bpftool", "-j", "prog", "run", "pinned", pin, "data_in", directory / "frame", "data_out", "/dev/null"],
            check=True,
            capture_output=True,
            text=True,
        )
        return json.loads(done.stdout)["retval"]
    finally:
        subprocess.run(["umount", "--lazy", file_system], check=True)
        file_system.rmdir()


def case_methods(directory):
    """Each method of each kind of table does what Polycube's does: monitors/methods.c drops the packet otherwise."""
    needs_root()
    for mode, verdict in PASS.items():
        output = pathlib.Path(directory) / mode
        programs(
            "check", written(directory, {"ingress-path": {"code": code_of("methods")}}), "--mode", mode, "-o", output
        )
        expect(f"{mode}: verdict", verdict, run_program(directory, output / "ingress.o", bytes(64)))
        # The test itself: a method that must fail
        wrong = code_of("methods").replace("*value == 14", "*value == 15")

        programs("check", written(directory, {"ingress-path": {"code": wrong}}), "--mode", mode, "-o", output)
        dropped = {"tc": 2}.get(mode, 1)
        expect(f"{mode}: verdict", dropped, run_program(directory, output / "ingress.o", bytes(64)))


def case_log(directory):
    """pcn_log is left out below the level of --log."""
    needs_root()
    log = 'pcn_log(ctx, LOG_INFO, "a packet of %d bytes", md->packet_len);'
    path = written(directory, monitor(HANDLER.replace("return", log + " return")))
    lengths = {level: check(path, "--log", level)[0]["instructions"] for level in ("debug", "info", "warn", "off")}
    expect("lengths", True, lengths["debug"] == lengths["info"] > lengths["warn"] == lengths["off"])


def case_document(directory):
    """The monitor of docs/own-programs.md is taken."""
    needs_root()
    text = (REPOSITORY / "docs" / "own-programs.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"^```c\n(.*?)^```$", text, re.M | re.S) if "handle_rx" in block]
    expect("monitors in the document", 1, len(blocks))
    expect("warnings", {""}, {one["warnings"] for one in check(written(directory, monitor(blocks[0], "FRAMES")))})


LIBBPF = """#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include "own.h"
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, OWN); __type(key, __u32); __type(value, __u64);
} seen SEC(".maps");
SEC("xdp") int by_xdp(struct xdp_md *ctx) { return XDP_PASS; }
SEC("tc") int by_tc(struct __sk_buff *ctx) { return -1; }
char _license[] SEC("license") = "GPL";
"""


def case_libbpf(directory):
    """libbpf's dialect and compiled objects are taken; the mode says which program; a header may stand beside."""
    needs_root()
    directory = pathlib.Path(directory)
    source = directory / "own.c"
    source.write_text(LIBBPF, encoding="utf-8")
    (directory / "own.h").write_text("#define OWN 77\n", encoding="utf-8")
    if "own.h" not in refusal("check", source):  # the directory is not the compiler's user's
        raise Mismatch("a directory that nobody may enter is read")
    directory.chmod(0o755)
    expect("room", 77, check(source)[0]["maps"][0]["max_entries"])
    programs("check", source, "-o", directory / "made")
    description = {"ingress-path": {"object": "made/ingress.o"}, "egress-path": {"source": "own.c"}}
    for path, dialects in ((source, ["libbpf"]), (written(directory, description), ["object", "libbpf"])):
        for mode, program in (("auto", "by_xdp"), ("skb", "by_xdp"), ("tc", "by_tc")):
            seen = check(path, "--mode", mode)
            expect("program", program, seen[0]["program"])
            expect("dialects", dialects, [one["dialect"] for one in seen])
    source.write_text(LIBBPF.replace('SEC("xdp")', 'SEC("socket")'), encoding="utf-8")
    said = refusal("check", source, "--mode", "drv")
    if 'it has no program for XDP (SEC("xdp")); its sections with programs: socket, tc' not in said:
        raise Mismatch(said)
    wrong = {"ingress-path": {"source": "own.c", "metric-configs": [metric("sen")]}}
    said = refusal("check", written(directory, wrong), "--mode", "tc")
    if 'metric-configs[0].map-name: read "sen", allowed is a map of the program: seen' not in said:
        raise Mismatch(said)


def case_verifier(directory):
    """What the kernel's verifier refuses is told with its words and the user's line."""
    needs_root()
    code = code_of("sessions").replace("(void *)(frame + 1) > end || ", "", 1)
    line = code[: code.index("frame->type !=")].count("\n") + 1
    for mode in ("tc", "drv"):
        said = refusal("check", written(directory, monitor(code)), "--mode", mode)
        if f"error: ingress-path.code:{line}: if (frame->type" not in said or "invalid access to packet" not in said:
            raise Mismatch(f"line {line}: {said}")


HANDLER = "\nstatic int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md) { return RX_OK; }\n"
SECRET = "secret-that-nobody-may-read"


def case_confined(directory):
    """The compiler sees no file but its own and the headers: not even that one is there. Not as root either."""
    directory = pathlib.Path(directory)
    secret = directory / "secret.h"
    secret.write_text(f"#error {SECRET}\n", encoding="utf-8")
    directory.chmod(0o755)
    absent = {}
    for name in (
        "/etc/shadow",
        "/etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
        "/dev/stdin",
        secret,
        "/run",
        "/none",
    ):
        said = refusal("check", written(directory, monitor(f'#include "{name}"{HANDLER}')), timeout=30)
        absent[str(name)] = re.sub(re.escape(str(name)), "NAME", said).replace("~", "").replace(" ", "")
        if SECRET in said or "root:" in said:
            raise Mismatch(said)
    expect("what is said of each file", 1, len({re.sub(r"\^", "", text).strip() for text in absent.values()}))
    text = f'#if __has_include("{secret}")\n#error {SECRET}\n#endif\nint x = y;{HANDLER}'
    if SECRET in refusal("check", written(directory, monitor(text))):
        raise Mismatch("the compiler sees that a file is there")
    if os.geteuid() == 0:
        nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        path = written(directory, monitor(f'#include "/etc/passwd"{HANDLER}'))
        done = subprocess.run(
            [*nobody, NICSENTRY, "programs", "check", path], capture_output=True, text=True, check=False
        )
        if done.returncode != 1 or "'/etc/passwd' file not found" not in done.stderr:
            raise Mismatch(f"as another user: {done.stderr}")
    text = f'__asm__(".incbin \\"{secret}\\"");{HANDLER}'
    if "secret.h" not in refusal("check", written(directory, monitor(text))):
        raise Mismatch("the assembler read a file")


def case_limits(directory):
    """A text that takes too much time, memory or output ends with a sentence that says so, and soon."""
    doubling = "\n".join(f"#define A{n + 1} A{n} A{n}" for n in range(40))
    nested = "\n".join(f"struct s{n + 1} {{ struct s{n} a, b; }};" for n in range(3))
    for text, said in (
        (f"#define A0 int x;\n{doubling}\nA40 {HANDLER}", ("may have needed more than", "took longer", "exit status")),
        ("".join(f"#warning {n} {'x' * 1000}\n" for n in range(1000)) + HANDLER, ("output is longer",)),
        (f"struct s0 {{ int a; }};\n{nested}\n#include __FILE__\n{HANDLER}", ("error:",)),
    ):
        began = time.monotonic()
        told = refusal("check", written(directory, monitor(text)), timeout=60)
        if not any(one in told for one in said):
            raise Mismatch(told[:2000])
        if time.monotonic() - began > 40:
            raise Mismatch(f"it took {time.monotonic() - began:.1f} s")


def case_no_compiler(directory):
    """Without clang a sentence says what is missing."""
    path = written(directory, monitor(HANDLER))
    said = refusal("check", path, env={**os.environ, "NICSENTRY_CLANG": "/none/clang"})
    if "there is no /none/clang, which C text needs: install clang" not in said:
        raise Mismatch(said)
    said = refusal("check", path, env={**os.environ, "NICSENTRY_CLANG": "/etc/passwd"})
    if "is not below /usr/bin or /usr/lib" not in said:
        raise Mismatch(said)


CASES = {
    "monitor: format": case_format,
    "monitor: the schema": case_schema,
    "monitor: wrong files": case_wrong_monitors,
    "monitor: lines of errors": case_lines_of_errors,
    "monitor: wrong tables": case_wrong_tables,
    "monitor: warnings": case_warnings,
    "monitor: Polycube's dialect": case_dialect,
    "monitor: methods of tables": case_methods,
    "monitor: the log": case_log,
    "monitor: docs/own-programs.md": case_document,
    "monitor: libbpf's dialect": case_libbpf,
    "monitor: the verifier's refusal": case_verifier,
    "monitor: the compiler's files": case_confined,
    "monitor: the compiler's limits": case_limits,
    "monitor: no compiler": case_no_compiler,
}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
