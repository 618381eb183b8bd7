#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of Polycube's REST API as its users have them, written by the API's description: they inject monitors and a
firewall, change rules, and write what monitors export in the earlier system's formats.

    polycube_client.py monitor NAME PORT FILE [--direction ingress|both] [--type TC]
    polycube_client.py firewall NAME PORT
    polycube_client.py rules NAME (--show | --batch FILE [--egress])
    polycube_client.py packets|sessions NAME -o DIRECTORY [--json] --every SECONDS --times N
"""
import argparse
import json
import pathlib
import socket
import struct
import sys
import time
import urllib.error
import urllib.request

ROOT = "http://localhost:9000/polycube/v1"
PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP"}
SECOND = 1000000000
COLUMNS = (
    "Timestamp (Unix ns), IP Client, IP Server, Port Client, Port Server, Protocol, Server Method, Packets_server, "
    "Packets_client, Bits_ server, Bits_ client, Duration (ns), Packets_server / Seconds, Packets_client / Seconds, "
    "Bits_server / Seconds, Bits_client / Seconds, Bits_server / Packets_server, Bits_client / Packets_client, "
    "Packets_server / Packets_client, Bits_server / Bits_client"
)


def ask(method, path, body=None):
    """The JSON of the answer, or None where it has no body. Ends the program where the request fails."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{ROOT}/{path}", data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")


def exists(service, name):
    try:
        with urllib.request.urlopen(f"{ROOT}/{service}/{name}", timeout=60) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError:
        return None


def place(name, cube, port, position):
    """Puts a cube on an interface, off the one where it is."""
    if cube and cube["parent"] == port:
        return
    if cube and cube["parent"]:
        ask("POST", "detach", {"cube": name, "port": cube["parent"]})
    ask("POST", "attach", {"cube": name, "port": port, "position": position})


def monitor(options):
    config = json.loads(pathlib.Path(options.file).read_text(encoding="utf-8"))
    if options.direction == "ingress":
        config["egress-path"] = {}
    cube = exists("dynmon", options.name)
    if cube is None:
        body = {"dataplane-config": config, "type": options.type, "loglevel": "OFF"}
        ask("POST", f"dynmon/{options.name}", body)
    place(options.name, cube, options.port, "last")
    if cube is not None:
        ask("PUT", f"dynmon/{options.name}/dataplane-config", config)


def firewall(options):
    cube = exists("firewall", options.name)
    if cube is None:
        ask("POST", f"firewall/{options.name}", {"type": "TC", "loglevel": "OFF"})
    place(options.name, cube, options.port, "first")


def rules(options):
    if options.show:
        for chain in ("INGRESS", "EGRESS"):
            print(f"{chain.capitalize()} rules:")
            for rule in ask("GET", f"firewall/{options.name}/chain/{chain}/rule")[:-1]:
                print(f"\t{json.dumps(rule)}")
        return
    chain = "EGRESS" if options.egress else "INGRESS"
    batch = json.loads(pathlib.Path(options.batch).read_text(encoding="utf-8"))
    ask("POST", f"firewall/{options.name}/chain/{chain}/batch", batch)
    print("injected")


def ends(flow, server):
    """Client and server: each an address and a port."""
    near, far = (
        (socket.inet_ntoa(struct.pack("<I", flow[end])), socket.ntohs(flow[f"{end}_port"])) for end in ("near", "far")
    )
    return (far, near) if server == flow["near"] else (near, far)


def key_of(flow):
    return tuple(flow[name] for name in ("near", "far", "near_port", "far_port", "proto"))


def packets_of(metrics):
    """{key: (flow, server, records)} of the monitor that records packets."""
    records, sessions = (metric["value"] for metric in metrics["ingress-metrics"])
    found = {key_of(one["key"]): (one["key"], one["value"]["server"], []) for one in sessions}
    for record in records:
        found[key_of(record["flow"])][2].append(record)
    return found


def write_packets(metrics, options, number):
    listed = []
    for flow, server, records in packets_of(metrics).values():
        client, server_end = ends(flow, server)
        protocol = PROTOCOLS[flow["proto"]]
        fields = ("flags_fragment", "tcp_flags", "window", "payload", "icmp_type")
        if options.json:
            rows = [[record["time"] / SECOND, *(record[field] for field in fields)] for record in records]
            listed.append({"id": [*client, *server_end, protocol], "packets": rows})
            continue
        lines = [
            ("Seconds     ", [record["time"] // SECOND for record in records]),
            ("Ns          ", [f"{record['time'] % SECOND:09d}" for record in records]),
            *(
                (label, [record[field] for record in records])
                for label, field in zip(
                    ("IPv4 flags  ", "TCP flags   ", "TCP Win     ", "UDP len     ", "ICMP type   "), fields
                )
            ),
        ]
        name = f"{client[0]}-{client[1]}___{server_end[0]}-{server_end[1]}___{protocol}-iter{number}.csv"
        text = "\n".join(f"{label},\t{', '.join(map(str, values))}" for label, values in lines)
        (options.output / name).write_text(text, encoding="utf-8")
    if options.json and listed:
        (options.output / f"result_{number}.json").write_text(json.dumps(listed, indent=2), encoding="utf-8")


def divided(one, other):
    return one / other if other else "-"


def sum_of(copies):
    """The figures of a session over all processors."""
    copies = [copy for copy in copies if copy["last"] != 0]
    total = {name: sum(copy[name] for copy in copies) for name in copies[0] if "_" in name}
    total["first"] = min((copy["first"] for copy in copies if copy["first"] != 0), default=0)
    total["last"] = max(copy["last"] for copy in copies)
    total["server"] = max(copy["server"] for copy in copies)
    total["method"] = max(copy["method"] for copy in copies)
    return total


def row_of(entry):
    """What identifies a session, and its fifteen figures."""
    flow, total = entry["key"], sum_of(entry["value"])
    client, server = ends(flow, total["server"])
    by_server, by_client = ("near", "far") if total["server"] == flow["near"] else ("far", "near")
    packets_server, packets_client = total[f"packets_{by_server}"], total[f"packets_{by_client}"]
    bits_server, bits_client = total[f"bytes_{by_server}"] * 8, total[f"bytes_{by_client}"] * 8
    duration = total["last"] - total["first"]
    seconds = duration / SECOND
    figures = [total["last"], total["method"], packets_server, packets_client, bits_server, bits_client, duration]
    figures += [divided(one, seconds) for one in (packets_server, packets_client, bits_server, bits_client)]
    figures += [divided(bits_server, packets_server), divided(bits_client, packets_client)]
    figures += [divided(packets_server, packets_client), divided(bits_server, bits_client)]
    return [client[0], server[0], client[1], server[1], PROTOCOLS[flow["proto"]]], figures


def write_sessions(metrics, options, number):
    rows = [row_of(entry) for entry in metrics["ingress-metrics"][0]["value"]]
    if options.json:
        if rows:
            listed = [{"id": name, "value": figures} for name, figures in rows]
            (options.output / f"result_{number}.json").write_text(json.dumps(listed, indent=2), encoding="utf-8")
        return
    path = options.output / "results.csv"
    if not path.exists():
        path.write_text(COLUMNS + "\n", encoding="utf-8")
    with open(path, "a", encoding="utf-8") as file:
        for name, figures in rows:
            file.write(", ".join(map(str, [figures[0], *name, *figures[1:]])) + "\n")


def extract(options):
    options.output.mkdir(exist_ok=True)
    write = write_packets if options.command == "packets" else write_sessions
    due = time.monotonic()
    for number in range(options.times):
        due += options.every
        time.sleep(max(0.0, due - time.monotonic()))
        write(ask("GET", f"dynmon/{options.name}/metrics/"), options, number)


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("monitor")
    for name in ("name", "port", "file"):
        one.add_argument(name)
    one.add_argument("--direction", default="both")
    one.add_argument("--type", default="TC")
    one.set_defaults(act=monitor)
    one = commands.add_parser("firewall")
    one.add_argument("name")
    one.add_argument("port")
    one.set_defaults(act=firewall)
    one = commands.add_parser("rules")
    one.add_argument("name")
    one.add_argument("--show", action="store_true")
    one.add_argument("--batch")
    one.add_argument("--egress", action="store_true")
    one.set_defaults(act=rules)
    for command in ("packets", "sessions"):
        one = commands.add_parser(command)
        one.add_argument("name")
        one.add_argument("-o", "--output", type=pathlib.Path, required=True)
        one.add_argument("--json", action="store_true")
        one.add_argument("--every", type=float, default=10)
        one.add_argument("--times", type=int, default=1)
        one.set_defaults(act=extract)
    options = parser.parse_args()
    options.act(options)


if __name__ == "__main__":
    main()
