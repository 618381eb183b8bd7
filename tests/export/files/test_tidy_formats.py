#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks csv and jsonl: they have the same rows, which agree with the windows' description and the schemas.

    test_tidy_formats.py OUTPUT_DUMP SCHEMA_DIRECTORY [SEEDS]
"""
import csv
import datetime
import fractions
import io
import json
import math
import pathlib
import sys
import tempfile

import jsonschema

import dump
import seed_writer

METHODS = {1: "handshake", 2: "port_below_1024", 3: "lower_port"}
CAUSES = ["not_ip", "vlan_depth", "truncated", "malformed", "later_fragment", "protocol", "extensions"]
SCHEMAS = {"sessions": "session", "packets": "packet", "windows": "window", "hosts": "host", "ports": "port"}
TRAFFIC_ROWS = 3  # of a window, as output_dump wants them
WORD = 2**64
TRAFFIC = {name: {"csv": name, "jsonl": f"{name}-jsonl"} for name in ("hosts", "ports")}  # formats of their own
TIMES = ("first_packet_ns", "last_packet_ns", "timestamp_ns", "start_ns", "end_ns")
# Rows of each table that are validated against the schema; the validator is slow.
VALIDATED_ROWS = 1000


def session_row(window, session):
    client_ip, client_port, server_ip, server_port, protocol = seed_writer.ends(session)
    return {
        "window": window["window"],
        "session": session["session"],
        "client_ip": client_ip,
        "client_port": client_port,
        "server_ip": server_ip,
        "server_port": server_port,
        "ip_version": 6 if ":" in client_ip else 4,
        "protocol": protocol,
        "server_method": METHODS[session["server_method_number"]],
        "packets_server": session["packets_server"],
        "packets_client": session["packets_client"],
        "bytes_server": session["bytes_server"],
        "bytes_client": session["bytes_client"],
        "first_packet_ns": session["first_packet_ns"],
        "last_packet_ns": session["last_packet_ns"],
        "last_packet_uncertainty_ns": session["last_packet_uncertainty_ns"],
        "duration_ns": session["last_packet_ns"] - session["first_packet_ns"],
        "packets_captured": len(session["packets"]),
        "vlan": "",
        "dropped": session["dropped"],
        "interfaces": interfaces(window, session["places"]),
    }


def interfaces(window, places):
    live = [plane for plane in window["planes"] if plane["mode"] != "replay"]
    return "+".join(dict.fromkeys(plane["interface"] for plane in live if plane["place"] & places))


def in_a_second(amount, window):
    """The nearest integer. Exact: above 2^52 a float holds no half, and above 2^53 not each integer."""
    exact = fractions.Fraction(amount * 10**9, window["end_ns"] - window["start_ns"])
    return min(math.floor(exact + fractions.Fraction(1, 2)), WORD - 1)


def traffic(window, sessions, packets, octets):
    """Columns that hosts and ports have in common. Sums of the random numbers are taken modulo 2^64."""
    out_packets, out_bytes = (sum(session["out"][i] for session in sessions) % WORD for i in (0, 1))
    places = 0
    for session in sessions:
        places |= session["places"]
    return {
        "packets_per_second": in_a_second(packets, window),
        "bits_per_second": in_a_second(8 * octets, window),
        "packets_in": (packets - out_packets) % WORD,
        "bytes_in": (octets - out_bytes) % WORD,
        "packets_out": out_packets,
        "bytes_out": out_bytes,
        "sessions_dropped": sum(session["dropped"] for session in sessions),
        "interfaces": interfaces(window, places),
    }


def address_order(hex_text):
    return (len(hex_text), hex_text)


def host_row(window, sessions, hosts):
    """One host, or several in one row; a session between two of these stands in `sessions` once for each."""
    sent, received = [0, 0], [0, 0]
    for host in hosts:
        for session in sessions:
            for i, unit in enumerate(("packets", "bytes")):
                if session["client_address"] == host:
                    sent[i] += session[f"{unit}_client"]
                    received[i] += session[f"{unit}_server"]
                elif session["server_address"] == host:
                    sent[i] += session[f"{unit}_server"]
                    received[i] += session[f"{unit}_client"]
    sent, received = [n % WORD for n in sent], [n % WORD for n in received]
    theirs = [s for host in hosts for s in sessions if host in (s["client_address"], s["server_address"])]
    return {
        **window_start(window),
        "hosts": len(hosts),
        "host_ip": seed_writer.address(hosts[0]) if len(hosts) == 1 else "",
        "sessions_as_client": sum(session["client_address"] in hosts for session in sessions),
        "sessions_as_server": sum(session["server_address"] in hosts for session in sessions),
        "packets_sent": sent[0],
        "packets_received": received[0],
        "bytes_sent": sent[1],
        "bytes_received": received[1],
        **traffic(window, theirs, (sent[0] + received[0]) % WORD, (sent[1] + received[1]) % WORD),
    }


def port_row(window, sessions, ports):
    sums = {name: sum(session[name] for session in sessions) % WORD for name in PORT_SUMS}
    one = ports[0] if len(ports) == 1 else None
    return {
        **window_start(window),
        "ports": len(ports),
        "protocol": seed_writer.PROTOCOLS[one[0]] if one else "",
        "server_port": one[1] if one else 0,
        "sessions": len(sessions),
        **sums,
        **traffic(
            window,
            sessions,
            (sums["packets_server"] + sums["packets_client"]) % WORD,
            (sums["bytes_server"] + sums["bytes_client"]) % WORD,
        ),
    }


PORT_SUMS = ("packets_server", "packets_client", "bytes_server", "bytes_client")


def most_first(names, row_of, packets_of):
    """Rows of the names with the most packets, and one of all others."""
    names = sorted(names, key=lambda name: -packets_of(row_of([name])))
    rows = [row_of([name]) for name in names[:TRAFFIC_ROWS]]
    return rows + ([row_of(names[TRAFFIC_ROWS:])] if names[TRAFFIC_ROWS:] else [])


def host_rows(window, sessions):
    hosts = sorted(
        {session[f"{end}_address"] for session in sessions for end in ("client", "server")}, key=address_order
    )
    return most_first(
        hosts,
        lambda names: host_row(window, sessions, names),
        lambda row: (row["packets_sent"] + row["packets_received"]) % WORD,
    )


def port_rows(window, sessions):
    def port(session):
        return (session["protocol_number"], session["server_port"])

    return most_first(
        sorted({port(session) for session in sessions}),
        lambda names: port_row(window, [session for session in sessions if port(session) in names], names),
        lambda row: (row["packets_server"] + row["packets_client"]) % WORD,
    )


def packet_row(window, session, packet):
    return {
        "window": window["window"],
        "session": session["session"],
        "timestamp_ns": packet["timestamp_ns"],
        "sender": "server" if packet["from_higher"] == session["server_is_higher"] else "client",
        "bytes": packet["bytes"],
        "ip_flags_fragment": packet["ip_flags_fragment"],
        "tcp_flags": packet["tcp_flags"],
        "tcp_window": packet["tcp_window"],
        "udp_payload_bytes": packet["udp_payload_bytes"],
        "icmp_type": packet["icmp_type"],
    }


def rfc3339(ns):
    """By Python's calendar, which has no nanoseconds."""
    seconds, rest = divmod(ns, 10**9)
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def as_json(row):
    """JSON has points in time as text, too: beside first_packet_ns stands first_packet_time."""
    out = {}
    for name, value in row.items():
        out[name] = value
        if name in TIMES:
            out[name.removesuffix("ns") + "time"] = rfc3339(value)
    return out


def plane_object(plane):
    amounts = {"on_sessions": plane["on_sessions"], "unknown": plane["unknown"]}
    amounts.update(zip(CAUSES, plane["not_understood"], strict=True))
    amounts = {"in": [sum(amount[i] for amount in amounts.values()) for i in (0, 1)], **amounts}
    amounts["dropped"] = plane["dropped"]
    amounts["unjudged"] = plane["unjudged"]
    amounts["learned"] = plane["learned"]
    sent = plane["unknown_events_sent"] + plane["known_events_sent"]
    arrived = plane["unknown_events_arrived"] + plane["known_events_arrived"]
    row = {"interface": plane["interface"], "hook": plane["hook"], "mode": plane["mode"]}
    for name, (packets, octets) in amounts.items():
        row["packets_" + name] = packets
        row["bytes_" + name] = octets
    row.update(
        events_sent=sent,
        events_arrived=arrived,
        events_lost=sent - arrived,
        unknown_events_sent=plane["unknown_events_sent"],
        unknown_events_arrived=plane["unknown_events_arrived"],
        unknown_events_lost=plane["unknown_events_sent"] - plane["unknown_events_arrived"],
        unknown_left_out=plane["unknown"][0] - plane["unknown_events_sent"],
        sessions_active=plane["sessions_active"],
        sessions_new=plane["sessions_new"],
        sessions_refused=plane["sessions_refused"],
    )
    row["packets_copies"], row["bytes_copies"] = plane["copies"]
    return row


def window_start(window):
    return {"window": window["window"], "start_ns": window["start_ns"], "end_ns": window["end_ns"]}


def summary(window):
    planes = [plane_object(plane) for plane in window["planes"]]
    return {
        **as_json(window_start(window)),
        "sessions": len(window["sessions"]),
        "packets_in": sum(plane["packets_in"] for plane in planes),
        "bytes_in": sum(plane["bytes_in"] for plane in planes),
        "planes": planes,
        "outages": [],
        "user_programs": [],
    }


def expected_tables(description):
    crypto_only = description["profile"] == "crypto"
    tables = {name: [] for name in SCHEMAS if name != "packets" or not crypto_only}
    for window in description["windows"]:
        sessions = [one for one in window["sessions"] if not crypto_only or seed_writer.is_crypto(one)]
        tables["hosts"] += host_rows(window, sessions)
        tables["ports"] += port_rows(window, sessions)
        for session in window["sessions"]:
            if not crypto_only or seed_writer.is_crypto(session):
                tables["sessions"].append(session_row(window, session))
            if not crypto_only:
                tables["packets"] += [packet_row(window, session, packet) for packet in session["packets"]]
        tables["windows"] += [{**window_start(window), **plane_object(plane)} for plane in window["planes"]]
    return tables


def read_jsonl(path):
    text = path.read_text(encoding="utf-8")
    assert text == "" or text.endswith("\n"), f"{path} ends within a line"
    return [json.loads(line) for line in text.split("\n")[:-1]]


def read_csv(path, schema):
    """Returns the rows with the types of the schema, which names the columns in their order."""
    content = path.read_bytes().decode("utf-8")
    assert content.endswith("\n"), f"{path} ends within a line"
    header, *rows = csv.reader(io.StringIO(content, newline=""), strict=True, lineterminator="\n")
    columns = [name for name in schema["properties"] if not name.endswith("_time")]
    assert header == columns, f"{path}: columns {header}"
    kinds = {"integer": int, "boolean": {"true": True, "false": False}.__getitem__, "string": str}
    read = {name: kinds[schema["properties"][name]["type"]] for name in header}
    assert all(len(row) == len(header) for row in rows), f"{path}: a row is too short or too long"
    return [{name: read[name](field) for name, field in zip(header, row)} for row in rows]


def read_schemas(directory):
    schemas = {}
    for table, name in SCHEMAS.items():
        schema = json.loads((directory / f"{name}.schema.json").read_text(encoding="utf-8"))
        jsonschema.Draft7Validator.check_schema(schema)
        assert schema["required"] == list(schema["properties"]), f"{name}: all columns are required"
        assert schema["additionalProperties"] is False, f"{name}: no other columns"
        assert all(column["description"] for column in schema["properties"].values()), f"{name}: descriptions"
        schemas[table] = schema
    return schemas


def check_run(description, directory, schemas, validated):
    seed = description["seed"]
    tables = expected_tables(description)
    for window in description["windows"]:
        seen = window["summary"]
        assert seen == summary(window), f"seed {seed}: --json of window {window['window']}: {seen}"
    for file_format in ("csv", "jsonl"):
        files = {path.name for path in (directory / file_format).iterdir()}
        of_format = {f"{table}.{file_format}" for table in tables if table not in TRAFFIC}
        assert files == of_format, f"seed {seed}: {files}"
    for table, expected in tables.items():
        places = {
            kind: directory / (kind if table not in TRAFFIC else TRAFFIC[table][kind]) for kind in ("csv", "jsonl")
        }
        rows = read_jsonl(places["jsonl"] / f"{table}.jsonl")
        wanted = [as_json(row) for row in expected]
        assert rows == wanted, f"seed {seed}: {table}.jsonl is {rows}, expected {wanted}"
        assert all(list(row) == list(schemas[table]["properties"]) for row in rows), f"{table}.jsonl: order of names"
        csv_rows = read_csv(places["csv"] / f"{table}.csv", schemas[table])
        assert csv_rows == expected, f"seed {seed}: {table}.csv is {csv_rows}, expected {expected}"
        validator = jsonschema.Draft7Validator(schemas[table])
        for row in rows[: VALIDATED_ROWS - validated[table]]:
            validator.validate(row)
            validated[table] += 1


def main(output_dump, schema_directory, seeds):
    schemas = read_schemas(pathlib.Path(schema_directory))
    validated = dict.fromkeys(SCHEMAS, 0)
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        for description in dump.descriptions(output_dump, 1000, seeds, directory):
            check_run(description, directory / str(description["seed"]), schemas, validated)
    assert all(validated.values()), f"a table had no rows: {validated}"
    print(f"{seeds} random runs are as described; held against the schemas: {validated}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 100)
