#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry serve --polycube` and the earlier system's clients, written anew (polycube_client.py): injections, rules,
and what monitors export, held against what `run` writes for the same traffic.

    test_polycube_clients.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import contextlib
import json
import pathlib
import subprocess
import sys
import time

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from compare import BINARY, PATIENCE, expect
from network import Network, run
from peers import EXAMPLE_BATCH, INSIDE, OUTSIDE, Peers
from polycube_api import Service
from suite import REPOSITORY, Mismatch, run_directory_cases
from test_polycube import order
from test_polycube_firewall import LEFT
from test_programs import send, sent

CLIENT = pathlib.Path(__file__).with_name("polycube_client.py")
MONITORS = REPOSITORY / "tests" / "programs" / "monitors"
EXPORTED = {"flow_packets": ("FLOW_PACKETS", "FLOWS_TAKEN"), "flow_counters": ("FLOWS_COUNTED",)}
TAKEN_AT_ONCE = {"swap-on-read": True, "empty-on-read": True}
POLICY = '\t{"id": 0, "action": "forward", "description": "Default Policy"}'
# Two programs take a packet's time one after the other, on a processor that does other work between.
SLACK_NS = 50_000_000
SYN = 2
ECHO_SERVER = """
import socket
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind(("10.77.0.2", 4000))
print(flush=True)
while True:
    data, sender = one.recvfrom(2000)
    one.sendto(data[:100], sender)
"""
TCP_SERVER = """
import socket
one = socket.create_server(("10.77.0.1", 80))
print(flush=True)
while True:
    asking, _ = one.accept()
    asking.recv(100)
    asking.sendall(bytes(5000))
    asking.close()
"""
TCP_CLIENT = """
import socket
for size in (10, 20, 30):
    one = socket.create_connection(("10.77.0.1", 80))
    one.sendall(bytes(size))
    while one.recv(10000):
        pass
    one.close()
"""
ASKER = """
import socket, sys
for port in range(41000, 41000 + int(sys.argv[1])):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.settimeout(5)
    one.bind(("10.77.0.1", port))
    for size in (1, 300, 1200):
        one.sendto(bytes(size), ("10.77.0.2", 4000))
        one.recv(2000)
"""


def write_monitor(directory, name):
    """The file of a monitor with both paths, as formatter and injector of the earlier system make it."""
    path = {
        "name": name,
        "code": (MONITORS / f"{name}.c").read_text(encoding="utf-8"),
        "metric-configs": [
            {"name": one, "map-name": one, "extraction-options": TAKEN_AT_ONCE} for one in EXPORTED[name]
        ],
    }
    file = directory / f"{name}.json"
    file.write_text(json.dumps({"ingress-path": path, "egress-path": path}), encoding="utf-8")
    return file


def client(network, *arguments, check=True):
    return network.inside(network.receiver, sys.executable, "-B", CLIENT, *arguments, check=check)


def inject(network, *options, port="right0"):
    """The three injections of the earlier system's set-up."""
    client(network, "firewall", "fw", port)
    for name in EXPORTED:
        client(network, "monitor", name, port, write_monitor(network.directory, name), *options)


def injections_case(directory):
    """A firewall and two monitors are injected, once more, and on another interface; the firewall stays in front."""
    with Network(directory, pairs=2) as network:
        service = Service(network)
        for _ in range(2):
            inject(network, "--direction", "ingress")
            expect("the chain", ["fw", *EXPORTED], service.get("topology/right0")["cubes"])
            expect("incoming", ["fw", *EXPORTED], order(network, "ingress"))
            expect("outgoing", ["fw"], order(network, "egress"))
        inject(network, "--direction", "both", port="right1")
        expect("the chain that is left", [], service.get("topology/right0")["cubes"])
        expect("the other chain", ["fw", *EXPORTED], service.get("topology/right1")["cubes"])
        expect("parents", {"right1"}, {cube["parent"] for cube in service.get("topology")})
        for service_name, name in (("firewall", "fw"), *(("dynmon", name) for name in EXPORTED)):
            service.do("DELETE", f"{service_name}/{name}")
        service.stop()
        network.check_clean("right0")
        network.check_clean("right1")


def rules_case(directory):
    """Rules are shown as the earlier client printed them, and batches go to either chain."""
    with Network(directory) as network:
        service = Service(network)
        client(network, "firewall", "fw", "right0")
        shown = client(network, "rules", "fw", "--show").stdout
        expect("rules of a new firewall", f"Ingress rules:\n{POLICY}\nEgress rules:\n{POLICY}\n", shown)
        file = network.directory / "batch.json"
        file.write_text(json.dumps({"rules": EXAMPLE_BATCH}), encoding="utf-8")
        expect("what is printed", "injected\n", client(network, "rules", "fw", "--batch", file).stdout)
        client(network, "rules", "fw", "--batch", file, "--egress")
        policy = POLICY.replace('"id": 0', '"id": 1')
        chain = f"\t{json.dumps(LEFT)}\n{policy}\n"
        shown = client(network, "rules", "fw", "--show").stdout
        expect("rules after both batches", f"Ingress rules:\n{chain}Egress rules:\n{chain}", shown)
        service.stop()


def talk(network):
    """TCP, UDP and ICMP in both directions, the same each time but for TCP's ports."""
    for namespace, to in ((network.sender, INSIDE), (network.receiver, OUTSIDE)):
        expect("ping", True, network.ping(namespace, to, "-c", 3))
    network.inside(network.receiver, sys.executable, "-c", TCP_CLIENT)
    network.inside(network.sender, sys.executable, "-c", ASKER, 5)
    time.sleep(0.5)  # until FINs have passed


def near(one, other, slack):
    return abs(one - other) <= slack


def compare_records(session, theirs, mine):
    """Records of a session, each a time in ns and what else is known of a packet. Of packets that pass both hooks at
    once, either can be the first."""
    expect(f"records of {session}", sorted(row[1:] for row in theirs), sorted(row[1:] for row in mine))
    for one, other in zip(sorted(row[0] for row in theirs), sorted(row[0] for row in mine)):
        expect(f"{session}: times {one} and {other} near", True, near(one, other, SLACK_NS))


def compare_packets(mine, theirs):
    """Records of each session: times to within the slack, all else exactly."""
    mine, theirs = ({tuple(one["id"]): one["packets"] for one in listed} for listed in (mine, theirs))
    expect("sessions with records", sorted(theirs, key=str), sorted(mine, key=str))
    for session, rows in theirs.items():
        compare_records(session, *([[row[0] * 1e9, *row[1:]] for row in one] for one in (rows, mine[session])))


def compare_sessions(mine, theirs):
    """Figures of each session: counts exactly, times to within the slack, rates as they follow from both."""
    mine, theirs = ({tuple(one["id"]): one["value"] for one in listed} for listed in (mine, theirs))
    expect("sessions with figures", sorted(theirs, key=str), sorted(mine, key=str))
    for session, figures in theirs.items():
        other = mine[session]
        for number in (1, 2, 3, 4, 5, 11, 12, 13, 14):
            expect(f"{session}, figure {number}", figures[number], other[number])
        for number in (0, 6):
            expect(
                f"{session}, times {figures[number]}, {other[number]} near",
                True,
                near(figures[number], other[number], SLACK_NS),
            )
        for number, counted in zip((7, 8, 9, 10), (2, 3, 4, 5)):
            expected = other[counted] / (other[6] / 1e9) if other[6] else "-"
            expect(f"{session}, rate {number}", expected, other[number])


def csv_sessions(path):
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split(", ") for line in lines]
    return header, [
        {
            "id": [row[1], row[2], int(row[3]), int(row[4]), row[5]],
            "value": [value if value == "-" else float(value) for value in (row[0], *row[6:])],
        }
        for row in rows
    ]


def csv_packets(directory):
    """{session: the seven lines} of the files of interval 0."""
    return {
        path.name.removesuffix("-iter0.csv"): [line.split(",\t") for line in path.read_text().splitlines()]
        for path in directory.glob("*-iter0.csv")
    }


def file_records(session, lines):
    columns = [values.split(", ") for _, values in lines]
    expect(f"{session}: digits of nanoseconds", {9}, {len(digits) for digits in columns[1]})
    return [[int(seconds) * 10**9 + int(rest), *more] for seconds, rest, *more in zip(*columns)]


def compare_packet_files(mine, theirs):
    expect("files of sessions", sorted(theirs), sorted(mine))
    for session, lines in theirs.items():
        expect(f"{session}: labels", [label for label, _ in lines], [label for label, _ in mine[session]])
        compare_records(session, file_records(session, lines), file_records(session, mine[session]))


def analysed(network, output, form):
    """`nicsentry run` beside the monitors, for one window."""
    path = network.directory / f"{output.name}.log"
    with open(path, "w", encoding="utf-8") as log:
        options = ["--mode", "tc", "--direction", "both", "--window", "600s", "--format", form, "-o", output]
        process = network.start(
            network.receiver, BINARY, "run", "-i", "right0", *options, stdout=subprocess.DEVNULL, stderr=log
        )
    end = time.monotonic() + PATIENCE
    while "right0: mode tc" not in path.read_text(encoding="utf-8"):
        if process.poll() is not None or time.monotonic() > end:
            raise Mismatch("run did not start: " + path.read_text(encoding="utf-8"))
        time.sleep(0.05)
    time.sleep(1)
    return process


def stop(process):
    process.terminate()
    expect("exit status of run", 0, process.wait(timeout=PATIENCE))


def extraction_case(directory):
    """What clients extract, as JSON and as CSV, is what `run` writes for the same traffic."""
    with Peers(directory) as network:
        for namespace, side in ((network.sender, "left0"), (network.receiver, "right0")):  # monitors see IPv4 alone
            network.inside(namespace, "sysctl", "-qw", f"net.ipv6.conf.{side}.disable_ipv6=1")
        service = Service(network)
        for name in EXPORTED:
            client(network, "monitor", name, "right0", write_monitor(network.directory, name))
        for namespace, server in ((network.sender, TCP_SERVER), (network.receiver, ECHO_SERVER)):
            network.start(namespace, sys.executable, "-c", server, stdout=subprocess.PIPE).stdout.readline()
        for form in ("json", "csv"):
            output = network.directory / f"run-{form}"
            service.get("dynmon/flow_packets/metrics")
            service.get("dynmon/flow_counters/metrics")
            process = analysed(network, output, f"seed-{form}")
            service.get("dynmon/flow_packets/metrics")
            service.get("dynmon/flow_counters/metrics")
            talk(network)
            options = ["--json"] if form == "json" else []
            here = {
                "packets": network.directory / f"packets-{form}",
                "sessions": network.directory / f"sessions-{form}",
            }
            client(network, "packets", "flow_packets", "-o", here["packets"], "--every", 0.1, *options)
            client(network, "sessions", "flow_counters", "-o", here["sessions"], "--every", 0.1, *options)
            stop(process)
            if form == "json":
                mine, theirs = (
                    [json.loads((one / "result_0.json").read_text()) for one in (here[kind], output / folder)]
                    for kind, folder in (("packets", "dump_ddos"), ("sessions", "dump_crypto"))
                )
                compare_packets(*mine)
                compare_sessions(*theirs)
            else:
                ours, others = (csv_sessions(one / "results.csv") for one in (here["sessions"], output / "dump_crypto"))
                expect("header", others[0], ours[0])
                compare_sessions(ours[1], others[1])
                compare_packet_files(csv_packets(here["packets"]), csv_packets(output / "dump_ddos"))
        service.stop()


def intervals_case(directory):
    """Extraction every 0.5 s, and with a decimal interval, while packets come: each packet is in one file, once."""
    with Network(directory) as network:
        service = Service(network)
        inject(network, "--direction", "ingress")
        service.get("dynmon/flow_counters/metrics")
        expect("a part of what is exported", [], service.get("dynmon/flow_counters/metrics/egress-metrics"))
        metric = service.get("dynmon/flow_counters/metrics/ingress-metrics/FLOWS_COUNTED")
        expect(
            "a metric",
            ("FLOWS_COUNTED", [], True),
            (metric["name"], metric["value"], abs(metric["timestamp"] / 1e6 - time.time()) < 60),
        )
        for every, times in ((0.5, 6), (0.13, 20)):
            output = network.directory / f"every-{every}"
            sender = send(network, 10000, rate=5000)
            client(network, "sessions", "flow_counters", "-o", output, "--json", "--every", every, "--times", times)
            expect("the sender", 0, sender.wait(timeout=PATIENCE))
            client(network, "sessions", "flow_counters", "-o", output / "rest", "--json", "--every", 0.1)
            files = [json.loads(path.read_text()) for path in output.rglob("result_*.json")]
            expect("files with packets", True, len(files) >= 3)
            counted = sum(one["value"][2] + one["value"][3] for file in files for one in file)
            expect(f"packets over all files, every {every} s", 10000, counted)
        sent(network, 40)
        families = list(text_string_to_metric_families(service.get("dynmon/flow_counters/open-metrics")))
        expect("families of open-metrics", True, bool(families))
        value = service.get("dynmon/flow_counters/metrics/ingress-metrics/FLOWS_COUNTED/value")
        expect(
            "packets by the value alone", 40, sum(copy["packets_near"] for entry in value for copy in entry["value"])
        )
        service.detach("flow_packets")
        metrics = service.get("dynmon/flow_packets/metrics/")
        expect(
            "metrics of a cube that is not attached",
            [("FLOW_PACKETS", []), ("FLOWS_TAKEN", [])],
            [(one["name"], one["value"]) for one in metrics["ingress-metrics"]],
        )
        expect("open-metrics of it", "", service.get("dynmon/flow_packets/open-metrics"))
        expect(
            "a metric that is not there",
            404,
            service.ask("GET", "dynmon/flow_counters/metrics/ingress-metrics/NOTHING")[0],
        )
        service.stop()
        network.check_clean()


@contextlib.contextmanager
def bridged(directory):
    """Two machines, 10.0.0.1 and 10.0.0.2, that a bridge of the service joins; the second one has iperf3's server."""
    with Network(directory, pairs=2, mtu=1500) as network:
        other = f"{network.sender}2"
        network.add_namespace(other)
        run("ip", "-n", network.sender, "link", "set", "left1", "netns", other)
        for namespace, side, host in ((network.sender, "left0", 1), (other, "left1", 2)):
            run("ip", "-n", namespace, "link", "set", side, "arp", "on", "up")
            run("ip", "-n", namespace, "addr", "add", f"10.0.0.{host}/24", "dev", side)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        service = Service(network)
        service.do("POST", "simplebridge/br1", "")
        for number in (1, 2):
            service.do("POST", f"simplebridge/br1/ports/port{number}", {"peer": f"right{number - 1}"})
        server = network.start(other, "iperf3", "-s", "--forceflush", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while "Server listening" not in server.stdout.readline():
            if server.poll() is not None:
                raise Mismatch("iperf3's server did not start")
        yield network, service
        service.stop()


def iperf3(network, *options):
    return network.start(network.sender, "iperf3", "-c", "10.0.0.2", "--json", *options, stdout=subprocess.PIPE)


def arrived_bytes(sender):
    return json.loads(sender.communicate(timeout=PATIENCE)[0])["end"]["sum_received"]["bytes"]


def extract(network, kind, name, output, sender=None):
    """Extracts while the sender sends, and once more. Returns what each file has."""
    files = []
    while True:
        ended = sender is None or sender.poll() is not None
        part = network.directory / f"{output}-{len(files)}"
        client(network, kind, name, "-o", part, "--json", "--every", 0.1)
        files.append([one for path in part.glob("result_*.json") for one in json.loads(path.read_text())])
        if ended:
            return files


def bridge_case(directory):
    """A bridge joins two machines; a monitor on its port counts what iperf3 sends, also while it is read."""
    with bridged(directory) as (network, service):
        expect(
            "ports",
            [("port1", "right0"), ("port2", "right1")],
            [(one["name"], one["peer"]) for one in service.get("simplebridge/br1/ports")[:-1]],
        )
        expect("a peer of two ports", 409, service.ask("POST", "simplebridge/br1/ports/port3", {"peer": "right0"})[0])
        client(network, "monitor", "flow_counters", "br1:port1", write_monitor(network.directory, "flow_counters"))
        expect("parent", "br1:port1", service.get("dynmon/flow_counters")["parent"])
        expect(
            "ping over the bridge",
            True,
            network.inside(network.sender, "ping", "-n", "-c", 3, "-W", 2, "10.0.0.2", check=False).returncode == 0,
        )
        for parallel in (1, 10):
            service.get("dynmon/flow_counters/metrics")
            sender = iperf3(network, "-t", 2, "-P", parallel)
            files = extract(network, "sessions", "flow_counters", f"iperf-{parallel}", sender)
            arrived = arrived_bytes(sender)
            ports = {one["id"][2] for file in files for one in file if one["id"][3] == 5201}
            expect("connections", parallel + 1, len(ports))  # and iperf3's own
            counted = sum(one["value"][5] // 8 for file in files for one in file if one["id"][3] == 5201)
            expect(f"bytes counted {counted} for {arrived} received", True, counted >= arrived)
        service.do("DELETE", "dynmon/flow_counters")
        service.do("DELETE", "simplebridge/br1/ports/port2")
        expect("ports after DELETE of one", 1, len(service.get("simplebridge/br1/ports")[:-1]))
        service.do("DELETE", "simplebridge/br1")
        links = [one["ifname"] for one in json.loads(run("ip", "-n", network.receiver, "-j", "link").stdout)]
        expect("the bridge after DELETE", False, "br1" in links)


def iperf_records(files):
    """Of each connection to iperf3's server, the records of each file, in order."""
    found = {}
    for file in files:
        for one in file:
            if one["id"][3] == 5201:
                found.setdefault(one["id"][1], []).append(one["packets"])
    return found


def bridge_unread_case(directory):
    """A monitor on the bridge's port that nobody reads, or that is read meanwhile, stands in nobody's way: iperf3's
    connections go on, and the first packets of each are recorded from its SYN on; one that counts has all bytes."""
    parallel, arrived = 3, 0
    with bridged(directory) as (network, service):
        for name in EXPORTED:
            client(network, "monitor", name, "br1:port1", write_monitor(network.directory, name))
        for reading in (False, True):
            sender = iperf3(network, "-n", "20M", "-b", "100M" if reading else "0", "-P", parallel)
            if not reading:
                arrived += arrived_bytes(sender)
            files = extract(network, "packets", "flow_packets", f"packets-{reading}", sender)
            if reading:
                arrived += arrived_bytes(sender)
            records = iperf_records(files)
            expect(f"connections, reading {reading}", parallel + 1, len(records))  # and iperf3's own
            for port, times in records.items():
                expect(f"port {port}: the flags of the first packet", SYN, times[0][0][2])
                expect(f"port {port}: packets at a time", True, max(len(packets) for packets in times) <= 100)
                expect(f"port {port}: files", True, reading or len(times) == 1)
        (entries,) = extract(network, "sessions", "flow_counters", "all")
        counted = sum(one["value"][5] // 8 for one in entries if one["id"][3] == 5201)
        expect(f"bytes counted {counted} for {arrived} received", True, counted >= arrived >= 20_000_000)


if __name__ == "__main__":
    sys.exit(
        run_directory_cases(
            {
                "injections": injections_case,
                "rules": rules_case,
                "extraction": extraction_case,
                "intervals": intervals_case,
                "bridge": bridge_case,
                "bridge, unread and read": bridge_unread_case,
            }
        )
    )
