#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Configuration files: what they may hold, what their mistakes are called, what holds in the end, and a reload.

    test_config.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

from compare import BINARY, PATIENCE, expect, expect_text
from network import Controller, Network
from peers import INSIDE, OUTSIDE, Peers
from suite import REPOSITORY, run_directory_cases, within
from test_listen import certificate

EXAMPLE = REPOSITORY / "share" / "config" / "nicsentry.conf"
NOT_IN_FILES = {"help", "config"}


def nicsentry(*words, status=0):
    done = subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, check=False, timeout=PATIENCE)
    expect(f"exit status of {' '.join(map(str, words))} ({done.stderr})", status, done.returncode)
    return done


def options_of_run():
    """The options that `run --help` lists, without their dashes."""
    return set(re.findall(r"^\s+(?:-\w,)?--([\w-]+)", nicsentry("run", "--help").stdout, re.MULTILINE)) - NOT_IN_FILES


def settings_of(*words):
    return {one["name"]: one for one in json.loads(nicsentry("config", "show", "--json", *words).stdout)}


def make_named_files(directory):
    """The files that the example names."""
    for name, text in (
        ("rules", '{"rules": []}'),
        ("egress", '{"rules": []}'),
        ("tokens", "read reader-reader-reader-0000\n"),
    ):
        path = pathlib.Path(directory) / (name if name == "tokens" else f"{name}.json")
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
    for made, name in zip(certificate(directory, "made"), ("tls.crt", "tls.key")):
        made.rename(made.with_name(name))


def example_case(directory):
    """The shipped example has each option of run once and no other, and all of its lines are read."""
    text = EXAMPLE.read_text(encoding="utf-8")
    lines = re.findall(r"^#?([a-z][\w-]*) = (.*)$", text, re.MULTILINE)
    expect("options of the example", sorted(options_of_run()), sorted(name for name, _ in lines))
    expect("as shipped", f"{EXAMPLE}: no mistake\n", nicsentry("config", "check", EXAMPLE).stdout)
    make_named_files(directory)
    for place in ("/etc/nicsentry/", "/var/lib/nicsentry"):
        lines = [(name, value.replace(place, f"{directory}/")) for name, value in lines]
    # Two exclude each other and are tried one by one.
    exclusive = ("by", "json", "stream")
    for chosen in exclusive:
        path = pathlib.Path(directory) / f"{chosen}.conf"
        kept = [f"{name} = {value}" for name, value in lines if name not in exclusive or name == chosen]
        path.write_text("\n".join(kept) + "\n", encoding="utf-8")
        expect(f"with {chosen}", f"{path}: no mistake\n", nicsentry("config", "check", path).stdout)
        settings = settings_of("--config", path)
        for number, line in enumerate(kept, 1):
            name = line.split(" = ")[0]
            if name == "firewall":  # which is on by the rules
                expect("the firewall", True, settings[name]["value"])
            else:
                expect(f"source of {line}", f"{path}:{number}", settings[name]["source"])


def defaults_case(directory):
    """What the example shows as a default is the default."""
    text = EXAMPLE.read_text(encoding="utf-8")
    empty = pathlib.Path(directory) / "empty.conf"
    empty.write_text("", encoding="utf-8")
    defaults = settings_of("--config", empty)
    path = pathlib.Path(directory) / "example.conf"
    path.write_text(re.sub(r"^#([a-z][\w-]* = )", r"\1", text, flags=re.MULTILINE), encoding="utf-8")
    shown = json.loads(
        subprocess.run(
            [BINARY, "config", "show", "--json", "--config", path], capture_output=True, text=True, check=False
        ).stdout
    )
    different = {one["name"] for one in shown if one["value"] != defaults[one["name"]]["value"]}
    without = {name for name, one in defaults.items() if one["value"] in (None, [])}
    examples = {
        "firewall",
        "leave-attached",
        "quiet",
        "direction",
        "format",
        "output",
        "filter",
        "by",
        "stream",
        "sort",
    }
    expect("neither a default nor an example", set(), different - without - examples)


LOGGED = '{"rules": [{"operation": "append", "l4proto": "UDP", "dport": 5300, "action": "drop", "log": true}]}'
FIELDS = ("NICSENTRY_INTERFACE", "NICSENTRY_RULE", "NICSENTRY_ADDRESS", "PRIORITY", "SYSLOG_IDENTIFIER")
JOURNALD = """
import os, socket, sys
run = os.getppid()
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound, open(sys.argv[1], "wb", buffering=0) as taken:
    bound.bind("/run/systemd/journal/socket")
    bound.settimeout(0.1)
    while os.getppid() == run:  # it ends with the run
        try:
            taken.write(bound.recv(65536) + bytes(1))
        except TimeoutError:
            pass
"""
MISTAKES = (  # a line, what its error has
    ('mod = "drv"', "mod: unknown key; did you mean 'mode'?"),
    ('mode = "dvr"', "mode: read mode 'dvr': expected auto, hw, drv, skb or tc"),
    ('mode = "dvr"', "did you mean 'drv'?"),
    ("mode = 5", "mode: read 5 (a number), allowed is a text, in quotes"),
    ('window = "10x"', "window: read duration '10x': allowed is a duration"),
    ("window = 10", "window: read 10 (a number), allowed is a text, in quotes"),
    ("sessions = 0", "sessions: read '0': allowed is a whole number from 1 to 4294967295"),
    ('sessions = "many"', "sessions: read 'many', allowed is a whole number, without quotes"),
    ('quiet = "yes"', "quiet: read 'yes', allowed is true or false, without quotes"),
    ('direction = "egress"', "direction: read 'egress': allowed is ingress or both"),
    ('format = ["csv", "josnl"]', "did you mean 'jsonl'?"),
    ('timeouts = ["udp=30s", "tcp=1"]', "timeouts: read timeout 'tcp' is unknown"),
    ("mode = drv", "'mode = drv' is no TOML"),
    ('sort = "nothing"', "--sort"),
    ('interface = ["eth0", "eth0"]', "eth0 is given twice"),
    ('json = true\nby = "src"', "excludes"),
    ('profile = "crypto"\nstream = "packets"', "the profile crypto captures no packets"),
    ('filter = "tcp and"', "filter: read "),
)


def mistakes_case(directory):
    """Each mistake has its file, its line and its key; `check` and `run` name all of them at once."""
    path = pathlib.Path(directory) / "eth0.conf"
    for line, wanted in MISTAKES:
        path.write_text(line + "\n", encoding="utf-8")
        said = nicsentry("config", "check", path, status=1).stderr
        expect_text(line, wanted, said)
        expect_text(f"the file of {line}", str(path), said)
    path.write_text('# first\nmod = "drv"\n\nwindow = "10x"\nquiet = 1\n', encoding="utf-8")
    checked = nicsentry("config", "check", path, status=1).stderr
    starts = [f"nicsentry: error: {path}:{place}: " for place in ("2: mod", "4: window", "5: quiet")]
    expect("lines of the check", 3, len(checked.splitlines()))
    for line, start in zip(checked.splitlines(), starts):
        expect(line, True, line.startswith(start))
    refused = nicsentry("run", "-i", "none0", "--config", path, status=2).stderr
    for start in starts:
        expect_text("what run says", start.removeprefix("nicsentry: error: "), refused)
    shown = nicsentry("config", "show", "--config", path, status=1)
    expect_text("what show says beside the values", "2: mod", shown.stderr)
    expect_text("a value of show", "window", shown.stdout)
    expect_text("a missing file", "ENOENT", nicsentry("run", "-i", "none0", "--config", "/none.conf", status=2).stderr)


def many_mistakes_case(directory):
    """A file of nothing but mistakes is refused soon, with the first twenty and the number of the others."""
    path = pathlib.Path(directory) / "eth0.conf"
    contents = {
        "unknown keys": "".join(f"k{i} = 1\n" for i in range(5000)),
        "wrong values": "window = 1\n" + "".join(f"k{i} = {i}\n" for i in range(4999)),
        "no TOML": "k = 1 x\n" * 5000,
        "a long key": "k" * 60_000 + " = 1\n",
        "a long value": f'window = "{"1" * 60_000}"\n',
        "a long line that is no TOML": "k" * 60_000 + "\n",
    }
    for what, content in contents.items():
        path.write_text(content, encoding="utf-8")
        for words, status in ((("config", "check", path), 1), (("run", "-i", "none0", "--config", path), 2)):
            began = time.monotonic()
            said = nicsentry(*words, status=status).stderr
            expect(f"{what}: seconds", True, time.monotonic() - began < 5)
            expect(f"{what}: lines ({said[:300]})", True, len(said.splitlines()) <= 22)
            expect(f"{what}: bytes", True, len(said) < 8000)
            if content.count("\n") == 5000 and "x" not in content:
                expect_text(what, "and 4980 more mistakes", said)
                expect_text(what, f"{path}:20: ", said)


def named_files_case(directory):
    """A check looks into the files that the configuration names; a mistake there has both places."""
    folder = pathlib.Path(directory)
    path = folder / "eth0.conf"
    rules, token, state = folder / "rules.json", folder / "tokens", folder / "state"
    first, second = certificate(directory, "first"), certificate(directory, "second")
    good = '{"version": 2, "ingress": {"rules": [{"src": "@office", "action": "accept"}]}}'
    rules.write_text(good, encoding="utf-8")
    token.write_text("read reader-reader-reader\n", encoding="utf-8")
    token.chmod(0o600)
    (state / "sets").mkdir(parents=True)
    (state / "sets" / "office.netset").write_text("198.51.100.0/24\n", encoding="ascii")

    def lines(certificate_of=first, key=first[1], log=folder / "packets.log"):
        return (
            f'rules = "{rules}"\nstate = "{state}"\nlisten = "127.0.0.1:9443"\ntoken-file = "{token}"\n'
            f'tls-cert = "{certificate_of[0]}"\ntls-key = "{key}"\nlog = "{log}"\n'
        )

    def checked(wanted, text=None):
        path.write_text(text or lines(), encoding="utf-8")
        done = nicsentry("config", "check", path, status=1 if wanted else 0)
        expect(f"mistakes ({done.stderr})", len(wanted), len(done.stderr.splitlines()))
        for line, parts in zip(done.stderr.splitlines(), wanted):
            for part in parts:
                expect_text("a mistake", part, line)

    checked([])
    expect("what the state has after a check", ["sets"], [one.name for one in state.iterdir()])
    rules.write_text(good.replace("@office", "10.0.0.300"), encoding="utf-8")
    checked([(f"{path}:1: rules: {rules}: ", "ingress.rules[0].src", "10.0.0.300")])
    rules.write_text(good.replace("@office", "@ofice"), encoding="utf-8")
    checked([(f"{path}:1: rules: {rules}: ", "ofice")])
    rules.write_text('{"rules": [\n  {"action": }\n]}', encoding="utf-8")
    checked([(f"{path}:1: rules: ", f"{rules}", "line 2")])
    rules.unlink()
    token.chmod(0o644)
    checked([(f"{path}:1: rules: ENOENT: ", str(rules)), (f"{path}:4: token-file: ", f"chmod 600 {token}")])
    rules.write_text(good, encoding="utf-8")
    token.write_text("reed reader-reader-reader\n", encoding="utf-8")
    token.chmod(0o600)
    checked([(f"{path}:4: token-file: {token}, line 1: the line does not begin with a role",)])
    token.write_text("read reader-reader-reader\n", encoding="utf-8")
    checked([(f"{path}:5: tls-cert: ", "it is not the key of")], lines(key=second[1]))
    checked([(f"{path}:7: log: ENOENT: ", str(folder / "none"))], lines(log=folder / "none" / "packets.log"))
    checked([])


def order_case(directory):
    """The command line is over PORT.conf, that over nicsentry.conf, that over the default; each names its source."""
    folder = pathlib.Path(directory) / "config"
    folder.mkdir()
    common, own, other = folder / "nicsentry.conf", folder / "eth0.conf", folder / "eth1.conf"
    common.write_text('window = "20s"\ncap = 5\nquiet = true\nby = "src"\n', encoding="utf-8")
    own.write_text('\nwindow = "30s"\nquiet = false\n', encoding="utf-8")
    other.write_text('mode = "fast"\n', encoding="utf-8")
    settings = settings_of("--config", folder, "-i", "eth0")

    def told(name):
        return settings[name]["value"], settings[name]["source"]

    expect("of the command line", (["eth0"], "command line"), told("interface"))
    expect("of PORT.conf", ("30s", f"{own}:2"), told("window"))
    expect("false over true", (False, f"{own}:3"), told("quiet"))
    expect("of nicsentry.conf", (5, f"{common}:2"), told("cap"))
    expect("of neither", ("auto", "default"), told("mode"))
    expect("without a default", (None, "default"), told("rules"))
    settings = settings_of("--config", folder, "-i", "eth0", "-i", "eth1")
    expect("of two ports", ("20s", f"{common}:1"), told("window"))
    # The folder's ports, where the command line has none.
    common.write_text('interface = ["eth0"]\n', encoding="utf-8")
    settings = settings_of("--config", folder)
    expect("of the port that the file names", ("30s", f"{own}:2"), told("window"))
    # A mistake of another port's file does not matter to this one's run, but to a check.
    expect_text("a check of the folder", f"{other}:1: mode", nicsentry("config", "check", folder, status=1).stderr)
    own.write_text('interface = ["eth1"]\n', encoding="utf-8")
    said = nicsentry("run", "-i", "eth0", "--config", folder, status=2).stderr
    expect_text("another port in PORT.conf", f"{own}:1: interface: read a list; this file is of the port", said)
    # What excludes a value of a file is over it.
    common.write_text('by = "src"\n', encoding="utf-8")
    own.write_text("", encoding="utf-8")
    said = nicsentry("run", "-i", "none0", "--config", folder, "--json", status=1).stderr
    expect_text("--json beside a file's by", "none0", said)


def sources(network):
    rows = json.loads(network.nicsentry("status", "-i", "right0", "--json").stdout)
    return {one["name"]: one for one in rows[0]["run"]["configuration"]}


def reload_case(directory):
    """A reload takes rules that have changed and other options; it names those that need a restart, and mistakes."""
    with Peers(directory) as peers:
        peers.echo(peers.receiver, 5300)
        rules = peers.directory / "rules.json"
        drop = '{"rules": [{"operation": "append", "l4proto": "UDP", "dport": 5300, "action": "drop"}]}'
        rules.write_text('{"rules": []}', encoding="utf-8")
        conf = peers.directory / "run.conf"
        conf.write_text(f'rules = "{rules}"\ncap = 50\nmode = "drv"\n', encoding="utf-8")
        watching = Controller(peers, "--config", conf)

        def told(name):
            one = sources(peers)[name]
            return one["value"], one["source"], one["reload"]

        expect("the firewall is on by its rules", (True, f"rules ({conf}:1)", False), told("firewall"))
        run_status = json.loads(peers.nicsentry("status", "-i", "right0", "--json").stdout)[0]["run"]
        expect("the firewall of the run", True, run_status["firewall"])
        expect("a value of the file in status", (50, f"{conf}:2", False), told("cap"))
        expect("a value of the command line", ("60s", "command line", False), told("window"))
        expect("a default", ("ingress", "default", False), told("direction"))
        expect("UDP before the reload", 1, min(1, peers.ask(peers.sender, INSIDE, 5300)))
        rules.write_text(drop, encoding="utf-8")
        conf.write_text(f'cap = 60\nrules = "{rules}"\nlog-rate = 7\nmode = "drv"\n', encoding="utf-8")
        watching.process.send_signal(signal.SIGHUP)
        watching.wait_for("the rules of .* are in force")
        watching.wait_for(rf"cap stays 50: it needs a restart to become 60 \({conf}:1\)")
        within(PATIENCE, "the new rate", lambda: told("log-rate") == (7, f"{conf}:3", True))
        expect("what needs a restart", (50, f"{conf}:2", False), told("cap"))
        shown = peers.nicsentry("config", "show", "-i", "right0", "--config", conf).stdout
        wanted = f"right0: the run (process {watching.process.pid}) has cap 50 ({conf}:2): a restart takes 60\n"
        expect_text("config show beside a run", wanted, shown)
        expect("a value that is the same", False, "has log-rate" in shown)
        expect("UDP after the reload", 0, peers.ask(peers.sender, INSIDE, 5300))
        # Without a change of the file, rules that a command has added since stay.
        peers.nicsentry("rules", "add", "drop", "l4proto=TCP", "dport=81", "-i", "right0")
        conf.write_text(f'cap = 50\nrules = "{rules}"\nlog-rate = 8\nmode = "drv"\n', encoding="utf-8")
        watching.process.send_signal(signal.SIGHUP)
        within(PATIENCE, "the newer rate", lambda: told("log-rate")[0] == 8)
        shown = json.loads(peers.nicsentry("rules", "show", "-i", "right0", "--json").stdout)
        expect("rules of the file and of the command", 2, len(shown["ingress"]["rules"]))
        # A mistake changes nothing.
        conf.write_text('log-rte = 9\nmode = "dvr"\n', encoding="utf-8")
        watching.process.send_signal(signal.SIGHUP)
        watching.wait_for(rf"reload: nothing was changed: {conf}:1: log-rte: unknown key; did you mean 'log-rate'")
        watching.wait_for(rf"{conf}:2: mode: ")
        expect("the rate after a mistake", 8, told("log-rate")[0])
        rules.write_text("no json", encoding="utf-8")
        conf.write_text(f'rules = "{rules}"\nmode = "drv"\n', encoding="utf-8")
        watching.process.send_signal(signal.SIGHUP)
        watching.wait_for("reload: the rules in force stay: ")
        expect("UDP after a wrong file of rules", 0, peers.ask(peers.sender, INSIDE, 5300))
        watching.stop()
        peers.check_clean()


def replaced_case(directory):
    """A reload that replaces what commands have changed since says so, and how to keep it; else it says nothing."""
    with Network(directory) as network:
        rules = network.directory / "rules.json"

        def write(*ports, office=("198.51.100.1",)):
            listed = [{"l4proto": "UDP", "dport": port, "action": "drop"} for port in ports]
            listed.append({"src": "@office", "action": "accept"})
            text = {"version": 2, "ingress": {"rules": listed}, "sets": {"office": list(office)}}
            rules.write_text(json.dumps(text), encoding="utf-8")

        write(1)
        watching = Controller(network, "--mode", "drv", "--rules", rules)
        again = 0

        def reload_rules():
            nonlocal again
            again += 1
            watching.process.send_signal(signal.SIGHUP)
            within(PATIENCE, "it is reloaded", lambda: watching.log().count("are in force") >= again)

        def command(*words):
            network.nicsentry(*words, "-i", "right0")

        write(1, 2)
        reload_rules()
        expect("a warning without commands", False, "had changed since" in watching.log())
        command("rules", "add", "drop", "l4proto=UDP", "dport=3")
        command("rules", "add", "drop", "l4proto=UDP", "dport=4")
        command("rules", "delete", "0")
        command("rules", "default", "ingress", "drop", "--yes")
        command("sets", "add", "office", "198.51.100.2", "198.51.100.3")
        write(1, 2, 4)
        reload_rules()
        watching.wait_for("the files replaced what commands had changed since: ")
        said = next(line for line in watching.log().splitlines() if "had changed since" in line)
        for wanted in (
            "warning: reload: ",
            "1 rule of ingress that had been added",
            "1 rule of ingress that had been removed",
            "the set 'office' (2 entries)",
            "nicsentry rules export > FILE",
        ):
            expect_text("the warning", wanted, said)
        write(1, 2)
        reload_rules()
        expect("warnings", 1, watching.log().count("had changed since"))
        watching.stop()
        network.check_clean()


def former_case(directory):
    """Options of a unit's former file hold as before, without the configuration, which is said."""
    with Network(directory) as network:
        words = {**os.environ, "NICSENTRY_OPTIONS": "--quiet"}
        watching = Controller(network, "--mode", "drv", env=words)
        watching.wait_for("NICSENTRY_OPTIONS of the unit's .env file is in place of the configuration")
        watching.stop()
        conf = network.directory / "a.conf"
        conf.write_text('mode = "drv"\n', encoding="utf-8")
        watching = Controller(network, "--config", conf, env=words)
        expect("said with a configuration", False, "NICSENTRY_OPTIONS" in watching.log())
        watching.stop()
        network.check_clean()


def json_log_case(directory):
    """With --log-format json each message is a line of JSON; what is about a port or a packet says so in fields."""
    with Peers(directory) as peers:
        rules = peers.directory / "rules.json"
        rules.write_text(LOGGED, encoding="utf-8")
        watching = Controller(peers, "--mode", "drv", "--rules", rules, "--log-format", "json")
        peers.ask(peers.sender, INSIDE, 5300)
        watching.wait_for('"rule":0')
        watching.stop()
        lines = [json.loads(line) for line in watching.log().splitlines()]
        expect("each line has these", True, all({"time", "level", "message"} <= line.keys() for line in lines))
        expect("levels", True, {line["level"] for line in lines} <= {"info", "warning", "error"})
        modes = [line for line in lines if line["message"].startswith("right0: mode")]
        expect("interface of the first message", "right0", modes[0]["interface"])
        packet = next(line for line in lines if "packet" in line)
        seen = (packet["interface"], packet["rule"], packet["address"], packet["packet"]["destination_port"])
        expect("of the packet", ("right0", 0, OUTSIDE, 5300), seen)
        peers.check_clean()


def journal_case(directory):
    """Messages reach journald's socket with the fields interface, rule and address."""
    with Peers(directory) as peers:
        rules = peers.directory / "rules.json"
        rules.write_text(LOGGED, encoding="utf-8")
        taken = peers.directory / "taken"
        # Of its own /run: that of this machine may have a journald.
        script = (
            "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal || exit 1\n"
            f"{sys.executable} -c '{JOURNALD}' {taken} &\n"
            f'while [ ! -e {taken} ]; do sleep 0.02; done; exec "$@"'
        )
        prefix = ("unshare", "--mount", "sh", "-c", script, "run")
        words = ("run", "-i", "right0", "--mode", "drv", "--rules", rules, "--log-format", "journal", "-q")
        process = peers.start(peers.receiver, *prefix, BINARY, *words)

        def entries():
            found = []
            for entry in taken.read_text(encoding="utf-8").split("\0") if taken.exists() else []:
                found.append(dict(line.split("=", 1) for line in entry.splitlines()))
            return found

        within(PATIENCE, "the program is attached", peers.program_id)
        within(PATIENCE, "an answer", lambda: peers.nicsentry("status", check=False).returncode == 0)

        def logged():
            peers.ask(peers.sender, INSIDE, 5300)
            return any("NICSENTRY_RULE" in one for one in entries())

        within(PATIENCE, "a logged packet", logged)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE)
        packet = next(one for one in entries() if "NICSENTRY_RULE" in one)
        expect("fields", ("right0", "0", OUTSIDE, "6", "nicsentry"), tuple(packet[name] for name in FIELDS))
        expect_text("the message", "log: {", packet["MESSAGE"])
        peers.check_clean()


if __name__ == "__main__":
    sys.exit(
        run_directory_cases(
            {
                "the shipped example": example_case,
                "the example's defaults": defaults_case,
                "mistakes": mistakes_case,
                "many mistakes": many_mistakes_case,
                "files that it names": named_files_case,
                "which value holds": order_case,
                "reload": reload_case,
                "a reload that replaces": replaced_case,
                "a former file": former_case,
                "messages as JSON": json_log_case,
                "messages to journald": journal_case,
            }
        )
    )
