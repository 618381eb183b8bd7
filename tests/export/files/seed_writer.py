#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the earlier system's formats with Python's own json and float formatting, independently of host/export.

    seed_writer.py seed-json|seed-csv DIRECTORY < DESCRIPTION

The description is a JSON object as output_dump prints it. Formats: docs/formats.md.
"""
import ipaddress
import json
import pathlib
import sys

PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6"}
CRYPTO_HEADER = (
    "Timestamp (Unix ns), IP Client, IP Server, Port Client, Port Server, Protocol, Server Method, Packets_server, "
    "Packets_client, Bits_ server, Bits_ client, Duration (ns), Packets_server / Seconds, Packets_client / Seconds, "
    "Bits_server / Seconds, Bits_client / Seconds, Bits_server / Packets_server, Bits_client / Packets_client, "
    "Packets_server / Packets_client, Bits_server / Bits_client"
)


def address(hex_text):
    return str(ipaddress.ip_address(bytes.fromhex(hex_text)))


def ends(session):
    return (
        address(session["client_address"]),
        session["client_port"],
        address(session["server_address"]),
        session["server_port"],
        PROTOCOLS[session["protocol_number"]],
    )


def per(dividend, divisor):
    return dividend / divisor if divisor else "-"


def crypto_values(session):
    """Returns Timestamp, Server Method, then the columns from Packets_server on."""
    packets_server, packets_client = session["packets_server"], session["packets_client"]
    bits_server, bits_client = session["bytes_server"] * 8, session["bytes_client"] * 8
    duration = session["last_packet_ns"] - session["first_packet_ns"]
    seconds = duration / 1000000000
    return [
        session["last_packet_ns"],
        session["server_method_number"],
        packets_server,
        packets_client,
        bits_server,
        bits_client,
        duration,
        per(packets_server, seconds),
        per(packets_client, seconds),
        per(bits_server, seconds),
        per(bits_client, seconds),
        per(bits_server, packets_server),
        per(bits_client, packets_client),
        per(packets_server, packets_client),
        per(bits_server, bits_client),
    ]


def crypto_json_object(session):
    client_ip, client_port, server_ip, server_port, protocol = ends(session)
    return {"id": [client_ip, server_ip, client_port, server_port, protocol], "value": crypto_values(session)}


def crypto_csv_row(session):
    client_ip, client_port, server_ip, server_port, protocol = ends(session)
    timestamp, *values = crypto_values(session)
    return ", ".join(map(str, [timestamp, client_ip, server_ip, client_port, server_port, protocol, *values]))


def ddos_json_object(session):
    return {
        "id": list(ends(session)),
        "packets": [
            [
                packet["timestamp_ns"] / 1000000000,
                packet["ip_flags_fragment"],
                packet["tcp_flags"],
                packet["tcp_window"],
                packet["udp_payload_bytes"],
                packet["icmp_type"],
            ]
            for packet in session["packets"]
        ],
    }


def ddos_csv(session):
    def line(label, value):
        return f"{label:<12},\t" + ", ".join(str(value(packet)) for packet in session["packets"])

    return "\n".join(
        [
            line("Seconds", lambda packet: packet["timestamp_ns"] // 10**9),
            line("Ns", lambda packet: str(packet["timestamp_ns"]).zfill(9)[-9:]),
            line("IPv4 flags", lambda packet: packet["ip_flags_fragment"]),
            line("TCP flags", lambda packet: packet["tcp_flags"]),
            line("TCP Win", lambda packet: packet["tcp_window"]),
            line("UDP len", lambda packet: packet["udp_payload_bytes"]),
            line("ICMP type", lambda packet: packet["icmp_type"]),
        ]
    )


def is_crypto(session):
    return PROTOCOLS[session["protocol_number"]] in ("TCP", "UDP")


def write_json(path, objects):
    if objects:
        with open(path, "w", encoding="ascii") as file:
            json.dump(objects, file, indent=2)


def write_seed_json(description, directory):
    for window in description["windows"]:
        name = f"result_{window['window']}.json"
        if description["profile"] != "crypto":
            write_json(directory / "dump_ddos" / name, [ddos_json_object(s) for s in window["sessions"]])
        if description["profile"] != "ddos":
            objects = [crypto_json_object(s) for s in window["sessions"] if is_crypto(s)]
            write_json(directory / "dump_crypto" / name, objects)


def write_seed_csv(description, directory):
    rows = [CRYPTO_HEADER]
    for window in description["windows"]:
        for session in window["sessions"]:
            if is_crypto(session):
                rows.append(crypto_csv_row(session))
            if description["profile"] != "crypto":
                client_ip, client_port, server_ip, server_port, protocol = ends(session)
                name = f"{client_ip}-{client_port}___{server_ip}-{server_port}___{protocol}-iter{window['window']}.csv"
                (directory / "dump_ddos" / name).write_text(ddos_csv(session), encoding="ascii")
    if description["profile"] != "ddos":
        text = "".join(row + "\n" for row in rows)
        (directory / "dump_crypto" / "results.csv").write_text(text, encoding="ascii")


def write(file_format, description, directory):
    if description["profile"] != "crypto":
        (directory / "dump_ddos").mkdir(parents=True)
    if description["profile"] != "ddos":
        (directory / "dump_crypto").mkdir(parents=True)
    {"seed-json": write_seed_json, "seed-csv": write_seed_csv}[file_format](description, directory)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write(sys.argv[1], json.load(sys.stdin), pathlib.Path(sys.argv[2]))
