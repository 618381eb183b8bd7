#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry serve --polycube`: firewalls, under real traffic.

    test_polycube_firewall.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import re
import signal
import sys

from compare import PATIENCE, expect, expect_text
from peers import EXAMPLE_BATCH, INSIDE, OUTSIDE, Peers
from polycube_api import Service
from suite import run_directory_cases, slow, within

CHAIN = "firewall/fw/chain"
LEFT = {"id": 0, "src": "10.0.0.11/32", "dst": "10.0.0.0/24", "l4proto": "ICMP", "action": "drop"}

BURST = """
import socket, sys
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[3])):
    one.sendto(b"x", (sys.argv[1], int(sys.argv[2])))
"""


def rules(service, chain="INGRESS"):
    """The rules of a chain without the links behind them; the last one is the default policy."""
    listed = service.get(f"{CHAIN}/{chain}/rule")
    expect("links behind the rules", "_links", listed[-1][0])
    return listed[:-1]


def policy(number, action="forward"):
    return {"id": number, "action": action, "description": "Default Policy"}


def actions(service):
    return [(rule["id"], rule["action"], rule.get("dport")) for rule in rules(service)]


def attached(network, *options, **settings):
    service = Service(network, *options)
    service.do("POST", "firewall/fw", settings)
    service.attach("fw", position="first")
    expect("ping before any rule", True, network.ping(network.sender, INSIDE, "-c", 1))
    return service


def batch_case(directory):
    """A batch is performed in order and at once, whether or not the firewall is attached; ids are positions."""
    with Peers(directory) as network:
        service = Service(network)
        service.do("POST", "firewall/fw", {"type": "TC", "loglevel": "debug"})
        expect("rules of a new firewall", [policy(0)], rules(service))
        service.do("POST", f"{CHAIN}/INGRESS/batch", {"rules": EXAMPLE_BATCH})
        expect("rules after the batch", [LEFT, policy(1)], rules(service))
        service.do("POST", f"{CHAIN}/EGRESS/batch", {"rules": EXAMPLE_BATCH})
        expect("egress rules after the batch", [LEFT, policy(1)], rules(service, "EGRESS"))
        wrong = {"rules": [{"operation": "append", "action": "drop"}, {"operation": "delete", "id": 7}]}
        status, why = service.ask("POST", f"{CHAIN}/INGRESS/batch", wrong)
        expect("status of a batch with an error", 500, status)
        expect_text("the reason", "rule 2 (delete): id: read 7", why)
        expect("rules after it", [LEFT, policy(1)], rules(service))
        many = {
            "rules": [
                {"operation": "append", "src": f"10.{i // 250}.{i % 250}.1", "action": "drop"} for i in range(4999)
            ]
        }
        path = network.directory / "many.json"
        path.write_text(json.dumps(many), encoding="utf-8")
        service.do("POST", f"{CHAIN}/INGRESS/batch", f"@{path}")
        expect("rules of a full chain", 5001, len(rules(service)))
        status, _ = service.ask("POST", f"{CHAIN}/INGRESS/append", {"action": "drop"})
        expect("status of rule 5,001", 500, status)
        service.do("DELETE", f"{CHAIN}/INGRESS/rule")
        expect("rules after DELETE", [policy(0)], rules(service))
        service.stop()


def operations_case(directory):
    """append, insert, update, delete, rule and rule/ID change one chain; answers have the rule's id."""
    with Peers(directory) as network:
        service = Service(network)
        service.do("POST", "firewall/fw", {})

        def post(action, body):
            text = service.do("POST", f"{CHAIN}/ingress/{action}", body)
            return json.loads(text) if text else None

        expect("id of the first", {"id": 0}, post("append", {"l4proto": "TCP", "dport": 80, "action": "ACCEPT"}))
        expect("id of the second", {"id": 1}, post("append", {"l4proto": "TCP", "dport": 443, "action": "DROP"}))
        expect("id of an insertion", {"id": 0}, post("insert", {"l4proto": "TCP", "dport": 22, "action": "LOG"}))
        expect("id of another", {"id": 1}, post("insert", {"id": 1, "l4proto": "UDP", "dport": "53"}))
        expect(
            "rules",
            [(0, "log", "22"), (1, "drop", "53"), (2, "forward", "80"), (3, "drop", "443"), (4, "forward", None)],
            [(i, a, str(p) if p else None) for i, a, p in actions(service)],
        )
        post("update", {"id": 1, "l4proto": "UDP", "dport": "60-70,54", "action": "forward"})
        post("delete", {"l4proto": "TCP", "dport": 443, "action": "drop"})
        post("delete", {"id": 0})
        expect(
            "rules after update and delete",
            [(0, "forward", "54,60-70"), (1, "forward", "80"), (2, "forward", None)],
            [(i, a, str(p) if p else None) for i, a, p in actions(service)],
        )
        service.do("PUT", f"{CHAIN}/INGRESS/rule/2", {"src": "192.0.2.0/24", "action": "drop", "description": "test"})
        expect("a field of a rule", "192.0.2.0/24", service.get(f"{CHAIN}/INGRESS/rule/2/src"))
        service.do("PATCH", f"{CHAIN}/INGRESS/rule/2", {"action": "log"})
        rule = service.get(f"{CHAIN}/INGRESS/rule/2")
        expect(
            "the rule after PATCH", ("192.0.2.0/24", "log", "test"), (rule["src"], rule["action"], rule["description"])
        )
        service.do("DELETE", f"{CHAIN}/INGRESS/rule/0")
        expect("rules after DELETE", 3, len(rules(service)))
        service.do("PUT", f"{CHAIN}/INGRESS/rule", [{"id": 0, "tcpflags": "SYN,!ACK", "action": "drop"}])
        expect("rules after PUT of a list", ["SYN,!ACK", None], [rule.get("tcpflags") for rule in rules(service)])
        for method, path, body, status in (
            ("POST", "append", {"l4proto": "TCQ"}, 500),
            ("POST", "append", [], 400),
            ("POST", "delete", {"dport": 9}, 500),
            ("POST", "insert", {"id": 9, "action": "drop"}, 500),
            ("PUT", "rule/9", {"action": "drop"}, 500),
            ("GET", "rule/9", None, 404),
            ("DELETE", "rule/9", None, 404),
            ("PATCH", "default", '"MAYBE"', 400),
            ("GET", "append", None, 404),
            ("PUT", "rule/0", [], 400),
            ("PATCH", "rule/0/action", '"log"', 405),
            ("DELETE", "rule/0/tcpflags", None, 405),
            ("POST", "append/more", {}, 405),
            ("PATCH", "", {"default": "DROP", "rule": [{"id": 9, "action": "nothing"}]}, 500),
            ("PUT", "append", {}, 405),
        ):
            seen = service.ask(method, f"{CHAIN}/INGRESS/{path}", body)
            expect(f"status of {method} {path} {body} ({seen[1]})", status, seen[0])
        expect("rules after all that was refused", [(0, "drop", None), (1, "forward", None)], actions(service))
        service.do("DELETE", "firewall/fw")
        expect("status of a chain of a firewall that is gone", 500, service.ask("GET", f"{CHAIN}/INGRESS/rule")[0])
        service.stop()


def traffic_case(directory):
    """Rules and defaults are in force on both directions; statistics count, and are reset a chain at a time."""
    with Peers(directory) as network:
        service = attached(network, "--yes")
        service.do("POST", f"{CHAIN}/INGRESS/append", {"l4proto": "ICMP", "src": OUTSIDE, "action": "drop"})
        expect("ping with a rule that drops it", False, network.ping(network.sender, INSIDE, "-c", 3))
        stats = service.get(f"{CHAIN}/INGRESS/stats")
        expect("packets and bytes of the rule", (3, 252), (stats[0]["pkts"], stats[0]["bytes"]))
        expect("the default's row", ("DEFAULT", 1), (stats[1]["description"], stats[1]["id"]))
        network.ping(network.receiver, OUTSIDE, "-c", 1)
        egress = service.get(f"{CHAIN}/EGRESS/stats/0/pkts")
        expect("packets of the egress default", True, egress > 0)
        expect("reset", {"result": True}, json.loads(service.do("POST", f"{CHAIN}/INGRESS/reset-counters")))
        expect("packets after the reset", 0, service.get(f"{CHAIN}/INGRESS/stats/0/pkts"))
        expect("packets of the other chain", True, service.get(f"{CHAIN}/EGRESS/stats/0/pkts") >= egress)
        network.ping(network.sender, INSIDE, "-c", 2)
        expect("packets since the reset", 2, service.get(f"{CHAIN}/INGRESS/stats/0/pkts"))
        service.do("DELETE", f"{CHAIN}/INGRESS/rule/0")
        expect("ping without the rule", True, network.ping(network.sender, INSIDE, "-c", 1))
        service.do("PATCH", f"{CHAIN}/EGRESS/default", '"DROP"')
        expect("the default", "drop", service.get(f"{CHAIN}/EGRESS/default"))
        expect("a new ping with egress dropped", False, network.ping(network.receiver, OUTSIDE, "-c", 2))
        service.do("PATCH", f"{CHAIN}/EGRESS/default", "FORWARD")
        done = network.nicsentry("rules", "show", "-i", "right0", check=False)
        expect("exit status of rules show", 1, done.returncode)
        expect_text("the reason", "firewall of `nicsentry serve --polycube`", done.stderr)
        expect("users' programs beside it", "[]\n", network.nicsentry("programs", "list", "--json").stdout)
        expect("ping with egress forwarded", True, network.ping(network.receiver, OUTSIDE, "-c", 1))
        service.do("POST", f"{CHAIN}/INGRESS/append", {"action": "drop"})
        service.detach("fw")
        expect("ping after detach", True, network.ping(network.sender, INSIDE, "-c", 1))
        service.attach("fw")
        expect("ping after attach", False, network.ping(network.sender, INSIDE, "-c", 2))
        service.do("DELETE", "firewall/fw")
        expect("ping after DELETE", True, network.ping(network.sender, INSIDE, "-c", 1))
        service.stop()
        network.check_clean()


def modes_case(directory):
    """A firewall of type XDP_SKB and XDP_DRV drops what one of type TC does."""
    with Peers(directory) as network:
        for mode in ("XDP_SKB", "XDP_DRV"):
            service = attached(network, type=mode)
            expect("an XDP program", True, network.program_id() != 0)
            service.do("POST", f"{CHAIN}/INGRESS/append", {"l4proto": "ICMP", "action": "drop"})
            expect(f"{mode}: ping", False, network.ping(network.sender, INSIDE, "-c", 2))
            service.stop()
        network.check_clean()


def states_case(directory):
    """Answers pass by accept-established, which can be off; connections are listed with state and age."""
    with Peers(directory) as network:
        service = attached(network, "--yes")
        network.serve(network.sender, 80)
        url = f"http://{OUTSIDE}:80/"
        service.do("PATCH", f"{CHAIN}/INGRESS/default", '"DROP"')
        expect("a download from inside", True, network.fetch(network.receiver, url))
        expect("a ping from outside", False, network.ping(network.sender, INSIDE, "-c", 2))
        sessions = [one for one in service.get("firewall/fw/session-table")[:-1] if one["l4proto"] == "TCP"]
        expect("the connection", [(INSIDE, OUTSIDE, 80)], [(one["src"], one["dst"], one["dport"]) for one in sessions])
        expect("its state", True, sessions[0]["state"] in ("ESTABLISHED", "TIME_WAIT"))
        path = "/".join(str(sessions[0][key]) for key in ("src", "dst", "l4proto", "sport", "dport"))
        expect("its age", True, 0 <= service.get(f"firewall/fw/session-table/{path}/eta") < 60)
        expect("the setting", "on", service.get("firewall/fw/accept-established"))
        service.do("PATCH", "firewall/fw/accept-established", '"OFF"')
        expect("the setting, off", "off", service.get("firewall/fw/accept-established"))
        expect("a download without it", False, network.fetch(network.receiver, url))
        service.do("POST", f"{CHAIN}/INGRESS/append", {"conntrack": "ESTABLISHED", "action": "FORWARD"})
        expect("a download by a rule of states", True, network.fetch(network.receiver, url))
        status, why = service.ask("PATCH", "firewall/fw/conntrack", '"OFF"')
        expect("conntrack off with such a rule", 500, status)
        expect_text("the reason", "names the state of a connection", why)
        service.do("DELETE", f"{CHAIN}/INGRESS/rule/0")
        service.do("PATCH", "firewall/fw/conntrack", '"OFF"')
        expect("the table with conntrack off", [], service.get("firewall/fw/session-table"))
        status, why = service.ask("POST", f"{CHAIN}/INGRESS/append", {"conntrack": "NEW", "action": "drop"})
        expect("a rule of states with conntrack off", 500, status)
        service.do("PATCH", "firewall/fw", {"conntrack": "ON", "accept-established": "ON"})
        expect("a download with both on", True, network.fetch(network.receiver, url))
        service.stop()


def staged_case(directory):
    """With interactive off, changes wait for apply-rules."""
    with Peers(directory) as network:
        service = attached(network, interactive=False, chain=[{"name": "EGRESS", "default": "FORWARD"}])
        expect("the setting", False, service.get("firewall/fw/interactive"))
        service.do("POST", f"{CHAIN}/INGRESS/append", {"l4proto": "ICMP", "action": "drop"})
        service.do("POST", f"{CHAIN}/INGRESS/insert", {"l4proto": "UDP", "dport": 9, "action": "drop"})
        expect("rules that wait", 3, len(rules(service)))
        expect("rules in force", 1, len(service.get(f"{CHAIN}/INGRESS/stats")[:-1]))
        expect("ping before apply-rules", True, network.ping(network.sender, INSIDE, "-c", 1))
        service.do("POST", f"{CHAIN}/INGRESS/apply-rules")
        expect("ping after apply-rules", False, network.ping(network.sender, INSIDE, "-c", 2))
        service.do("POST", f"{CHAIN}/INGRESS/append", {"out": "right0", "action": "drop"})
        status, why = service.ask("PATCH", "firewall/fw/interactive", "true")
        expect("status where a change that waited is refused", 500, status)
        expect_text("the reason", "allowed in the egress chain only", why)
        expect("the setting after it", False, service.get("firewall/fw/interactive"))
        service.do("DELETE", f"{CHAIN}/INGRESS/rule/2")
        service.do("DELETE", f"{CHAIN}/INGRESS/rule")
        expect("ping before interactive is on again", False, network.ping(network.sender, INSIDE, "-c", 2))
        service.do("PATCH", "firewall/fw/interactive", "true")
        expect("ping after it", True, network.ping(network.sender, INSIDE, "-c", 1))
        service.stop()


def lost_case(directory):
    """Events that a full ring lost are counted in the log, with packets of rules that log among them."""
    with Peers(directory) as network:
        service = attached(network)
        service.do("POST", f"{CHAIN}/INGRESS/append", {"l4proto": "UDP", "dport": 5353, "action": "log"})
        service.process.send_signal(signal.SIGSTOP)
        network.inside(network.sender, sys.executable, "-c", BURST, INSIDE, 5353, 60000)
        service.process.send_signal(signal.SIGCONT)
        within(PATIENCE, "the number of lost events", lambda: '"events_lost":' in service.log())

        def accounted():
            text = service.log()
            others = [int(number) for number in re.findall(r'"(?:events_lost|left_out)":(\d+)', text)]
            return sum(others) + text.count('"destination_port":5353')

        logged = service.get(f"{CHAIN}/INGRESS/stats/0/pkts")
        expect("packets that the rule counted", True, logged > 30000)
        within(PATIENCE, f"{logged} packets in the log, left out of it or lost", lambda: accounted() >= logged)
        service.stop()


def log_case(directory):
    """A rule that logs lets the packet pass; its record is a line of the service's log, of 1,000 a second at most."""
    with Peers(directory) as network:
        service = attached(network)
        service.do("POST", f"{CHAIN}/INGRESS/append", {"l4proto": "UDP", "dport": 5353, "action": "log"})
        network.echo(network.receiver, 5353)
        expect("an answer", True, network.ask(network.sender, INSIDE, 5353) > 0)
        within(
            PATIENCE,
            "the record",
            lambda: '"dst_port":5353' in service.log().replace(" ", "") or ":5353" in service.log(),
        )

        def left_out_of_burst():
            network.inside(network.sender, sys.executable, "-c", BURST, INSIDE, 5353, 3000)
            return '"left_out":' in service.log()

        within(PATIENCE, "what was left out", left_out_of_burst)
        service.stop()


if __name__ == "__main__":
    sys.exit(
        run_directory_cases(
            {
                "batch": batch_case,
                "operations": operations_case,
                "traffic": traffic_case,
                "modes": slow(modes_case),
                "states": states_case,
                "staged": slow(staged_case),
                "log": log_case,
                "lost events": lost_case,
            }
        )
    )
