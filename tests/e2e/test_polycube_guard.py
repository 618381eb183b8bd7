#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry serve --polycube`: rules that would cut off the host or its client are refused, and what is refused
changes nothing.

    test_polycube_guard.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import sys

from compare import expect, expect_text
from peers import INSIDE, OUTSIDE, Peers
from polycube_api import PORT, URL, Service
from suite import Mismatch, run_directory_cases
from test_lockout import ND, Host
from test_polycube_firewall import CHAIN, actions, attached, policy, rules

INGRESS = f"{CHAIN}/INGRESS"
ICMP = {"l4proto": "ICMP", "action": "drop"}
FROM_OUTSIDE = {"src": f"{OUTSIDE}/32", "action": "drop"}
BATCH = {"rules": [{"operation": "append", **FROM_OUTSIDE}]}
GATEWAY = f"the gateway {OUTSIDE} (rule 0 of ingress)"
WAY_OUT = "?yes=true behind the URL, or 'nicsentry serve --yes'"


def by_shell(host, method, path, body):
    """Status and body of a request that the administrator makes over his connection."""
    command = ["curl", "-sg", "--noproxy", "*", "-w", "\n%{http_code}", "-X", method, "-d", json.dumps(body)]
    answer = host.shell.run(*command, f"{URL}/{path}")
    if answer is None:
        raise Mismatch(f"{method} {path}: expected an answer of the remote shell, seen none")
    text, _, status = answer[1].rpartition("\n")
    return int(status), text


def refused(answer, *over, status=500):
    seen, why = answer
    expect(f"status ({why})", status, seen)
    for wanted in over:
        expect_text("what would be cut off", wanted, why)
    expect_text("the way out", WAY_OUT, why)
    return why


def refused_case(directory):
    """Changes of rules and settings by a client that came over the port; `?yes=true` makes them all the same."""
    with Host(directory) as host:
        service = Service(host)
        service.do("POST", "firewall/fw", {})
        service.attach("fw")
        refused(by_shell(host, "POST", f"{INGRESS}/batch", BATCH), GATEWAY, host.peer)
        why = refused(service.ask("POST", f"{INGRESS}/batch", BATCH), GATEWAY)
        expect("somebody else came over that connection", False, host.peer in why)
        drop_all = by_shell(host, "PATCH", f"{INGRESS}/default", "DROP")
        refused(drop_all, ND, host.login)
        chain = {"rule": [{"id": 0, **ICMP}], "default": "DROP"}
        refused(by_shell(host, "PATCH", INGRESS, chain), ND)
        both = [{"name": "EGRESS", "rule": [{"id": 0, **ICMP}]}, {"name": "INGRESS", "default": "DROP"}]
        refused(by_shell(host, "PATCH", "firewall/fw", {"accept-established": "off", "chain": both}), host.session)
        expect("the setting after all that was refused", "on", service.get("firewall/fw/accept-established"))
        expect("the chains", ([policy(0)], [policy(0)]), (rules(service), rules(service, "EGRESS")))
        expect("the default", "forward", service.get(f"{INGRESS}/default"))

        service.do("PATCH", "firewall/fw/interactive", "false")
        expect("a change that waits", 201, by_shell(host, "POST", f"{INGRESS}/batch", BATCH)[0])
        refused(by_shell(host, "POST", f"{INGRESS}/apply-rules", {}), GATEWAY, host.peer)
        refused(by_shell(host, "PATCH", "firewall/fw/interactive", "true"), GATEWAY, host.peer)
        expect("the setting", False, service.get("firewall/fw/interactive"))
        expect("rules in force", 1, len(service.get(f"{INGRESS}/stats")[:-1]))
        service.do("DELETE", f"{INGRESS}/rule")
        service.do("PATCH", "firewall/fw/interactive", "true")

        expect("with yes", 200, by_shell(host, "PATCH", f"{INGRESS}/default?yes=true", "DROP")[0])
        expect("the default", "drop", service.get(f"{INGRESS}/default"))
        service.stop()
        host.check_clean()


def attach_case(directory):
    """Rules from before are judged when the firewall is attached; `serve --yes` asks nobody."""
    with Host(directory) as host:
        service = Service(host)
        service.do("POST", "firewall/fw", {"chain": [{"name": "INGRESS", "default": "DROP"}]})
        place = {"cube": "fw", "port": "right0"}
        refused(by_shell(host, "POST", "attach", place), ND, host.login, status=400)
        expect("cubes on the interface", [], service.get("topology/right0")["cubes"])
        host.check_clean()
        expect("with yes", 200, by_shell(host, "POST", "attach?yes=true", place)[0])
        service.do("DELETE", "firewall/fw")
        service.stop()
        service = Service(host, "--yes")
        service.do("POST", "firewall/fw", {"chain": [{"name": "INGRESS", "default": "DROP"}]})
        expect("attach without a question", 200, by_shell(host, "POST", "attach", place)[0])
        expect("a rule without a question", 201, service.ask("POST", f"{INGRESS}/append", FROM_OUTSIDE)[0])
        service.stop()


def insecure_case(directory):
    """A client of another machine is known by its own connection."""
    with Peers(directory) as network:
        service = Service(network, "--insecure", listen=f"{INSIDE}:{PORT}")
        url = f"http://{INSIDE}:{PORT}/polycube/v1"

        def post(path, body):
            return service.curl("-d", json.dumps(body), f"{url}/{path}", namespace=network.sender)

        expect("a firewall", 201, post("firewall/fw", {})[0])
        expect("attach", 200, post("attach", {"cube": "fw", "port": "right0"})[0])
        refused(post(f"{INGRESS}/batch", BATCH), f"{OUTSIDE}, from where you came")
        others = {"src": "198.51.100.0/24", "action": "drop"}
        expect("a rule about others", 201, post(f"{INGRESS}/append", others)[0])
        service.stop()


def staged_case(directory):
    """Changes of both chains that waited come into force together, or neither does."""
    with Peers(directory) as network:
        service = attached(network, interactive=False)
        service.do("POST", f"{INGRESS}/append", ICMP)
        service.do("POST", f"{CHAIN}/EGRESS/append", {"in": "right0", "action": "drop"})
        status, why = service.ask("PATCH", "firewall/fw/interactive", "true")
        expect(f"status where one of them is refused ({why})", 500, status)
        expect_text("the reason", "allowed in the ingress chain only", why)
        expect("the setting", False, service.get("firewall/fw/interactive"))
        expect("ping after it", True, network.ping(network.sender, INSIDE, "-c", 1))
        expect("rules that wait", (2, 2), (len(rules(service)), len(rules(service, "EGRESS"))))
        expect("rules in force", 1, len(service.get(f"{INGRESS}/stats")[:-1]))
        service.do("PUT", f"{CHAIN}/EGRESS/rule", [{"id": 0, "l4proto": "UDP", "dport": 9, "action": "drop"}])
        service.do("PATCH", "firewall/fw/interactive", "true")
        expect("ping with both in force", False, network.ping(network.sender, INSIDE, "-c", 2))
        expect("rules in force", 2, len(service.get(f"{CHAIN}/EGRESS/stats")[:-1]))
        chains = [{"name": "INGRESS", "rule": [{"id": 0, "action": "forward"}]}, {"name": "EGRESS", "default": "MAYBE"}]
        status, why = service.ask("PATCH", "firewall/fw", {"chain": chains})
        expect(f"status of a request of which a part is wrong ({why})", 400, status)
        expect("rules after it", [(0, "drop", None), (1, "forward", None)], actions(service))
        service.stop()


CASES = {
    "refused": refused_case,
    "attached with rules": attach_case,
    "a client of another machine": insecure_case,
    "both chains or none": staged_case,
}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
