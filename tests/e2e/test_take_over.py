#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections outlive the controller under a default of drop, by what their outer ends send alone; no others open."""
import json
import signal
import subprocess
import sys
import time

from compare import PATIENCE, expect
from network import Controller
from peers import INSIDE, NEIGHBOURS, OUTSIDE, OUTSIDE6, STATEFUL, Peers
from suite import run_directory_cases

LATE_ACKNOWLEDGEMENT_S = 1  # nothing is sent from inside any more that would help


def killed_case(directory):
    with Peers(directory) as peers:
        kept = ("--direction", "both", "--state", peers.directory / "state")
        watching = Controller(peers, *kept)
        peers.rules(NEIGHBOURS)
        peers.default("ingress", "drop")
        peers.serve(peers.receiver, 8080)
        streams = {
            to: peers.stream(peers.sender, peers.receiver, to, port) for to, port in ((OUTSIDE, 7000), (OUTSIDE6, 7001))
        }
        for to, stream in streams.items():
            expect(f"from {to}", "hello", stream.say("hello"))
        # Its SYN is sent again and again, before the take-over and after it.
        knocking = peers.start(
            peers.sender, "curl", "-sg", "--noproxy", "*", "-m", 20, f"http://{INSIDE}:8080/", stdout=subprocess.DEVNULL
        )
        time.sleep(LATE_ACKNOWLEDGEMENT_S)
        for number in (1, 2):  # the second inherits what the first one has
            watching.stop(status=-signal.SIGKILL, how=signal.SIGKILL)
            watching = Controller(peers, *kept)
            for to, stream in streams.items():
                expect(f"from {to} after take-over {number}", f"still {number}", stream.say(f"still {number}"))
            expect("HTTP from outside", False, peers.fetch(peers.sender, f"http://{INSIDE}:8080/", 4))
            listed = json.loads(peers.nicsentry("connections", "--json", "-i", "right0").stdout)["connections"]
            expect(
                "connections",
                [("ESTABLISHED", OUTSIDE, 7000), ("ESTABLISHED", OUTSIDE6, 7001)],
                sorted(
                    (one["state"], one["destination"], one["destination_port"])
                    for one in listed
                    if one["protocol"] == "TCP"
                ),
            )
        expect(
            "HTTP from outside all the while, curl's exit status for a time that is over",
            28,
            knocking.wait(timeout=PATIENCE),
        )
        watching.stop()
        peers.check_clean()


def stopped_case(directory):
    with Peers(directory) as peers:
        peers.nicsentry("attach", "-i", "right0", "--direction", "both", "--firewall")
        watching = Controller(peers, *STATEFUL)
        peers.default("ingress", "drop")
        peers.echo(peers.receiver, 5300)
        stream = peers.stream(peers.sender, peers.receiver, OUTSIDE, 7000)
        expect("from outside", "hello", stream.say("hello"))
        time.sleep(LATE_ACKNOWLEDGEMENT_S)
        watching.stop()
        expect("from outside without a controller", "alone", stream.say("alone"))
        watching = Controller(peers, "--direction", "both")  # the rules stay as they were left
        time.sleep(LATE_ACKNOWLEDGEMENT_S)
        expect("from outside after the take-over", "still", stream.say("still"))
        expect("UDP from outside", 0, peers.ask(peers.sender, INSIDE, 5300))
        watching.stop()
        peers.nicsentry("detach", "-i", "right0")
        peers.check_clean()


def main():
    return run_directory_cases(
        {
            "a controller that is killed, twice": killed_case,
            "a controller that ends, over programs that stay": stopped_case,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
