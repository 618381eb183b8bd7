#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`nicsentry serve --polycube`: who may ask, monitors, and their order on an interface.

    test_polycube.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import re
import signal
import subprocess
import sys
import time

from compare import PATIENCE, expect, expect_text
from network import Network, run
from polycube_api import PORT, URL, Service, counting, filters
from suite import run_directory_cases, slow
from test_programs import send, sent

NOBODY = 65534
# Sends a request and closes its socket at once: the kernel then says that the socket is root's.
CLOSER = """
import socket, sys
body = b'{"dataplane-config": {}}'
for i in range(int(sys.argv[2])):
    one = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    one.sendall(b"POST /polycube/v1/dynmon/closed%d HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: %d\\r\\n\\r\\n%s"
                % (i, len(body), body))
    one.close()
"""

# Opens many connections and sends the beginning of a request on each.
HOLDER = """
import socket, sys, time
held = []
for i in range(int(sys.argv[2])):
    one = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    held.append(one)
    try:
        one.sendall(b"GET /polycube/v1/cubes HTTP/1.1\\r\\nHost: local")
    except OSError:
        pass
print("holding", flush=True)
time.sleep(600)
"""

# Asks until so many requests were refused.
REFUSED = """
import socket, sys
refused = 0
while refused < int(sys.argv[2]):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as one:
        try:
            one.sendall(b"GET /polycube/v1/cubes HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
            refused += one.recv(100).startswith(b"HTTP/1.1 403")
        except OSError:
            pass
"""


def daemon_case(directory):
    """The daemon tells what it is and has, with and without a slash at the end, and 404, 405 or 409 for the rest."""
    with Network(directory) as network:
        service = Service(network)
        for slash in ("", "/"):
            links = {link["rel"]: link["href"] for link in service.get(slash)}
            expect("the root's link to itself", f"//127.0.0.1:{PORT}/polycube/v1/", links["self"])
            expect("services among the links", True, {"dynmon", "firewall", "simplebridge"} <= set(links))
        expect_text("version", "nicsentry", service.get("version")["polycubed"]["version"])
        expect("services", ["dynmon", "firewall", "simplebridge"], [one["name"] for one in service.get("services")])
        expect("interfaces", True, "right0" in [one["name"] for one in service.get("netdevs")])
        expect("cubes before any", {}, service.get("cubes"))
        service.do("POST", "firewall/fw", {"type": "TC", "loglevel": "OFF"})
        cube = service.get("cubes")["firewall"][0]
        expect(
            "a cube's summary",
            ("fw", "firewall", "TC", "OFF", ""),
            tuple(cube[key] for key in ("name", "service-name", "type", "loglevel", "parent")),
        )
        expect("the same by the cube's name alone", "TC", service.get("fw/type"))
        expect("the same in the topology", "fw", service.get("topology")[0]["name"])
        expect("links behind the list of a service", "_links", service.get("firewall")[-1][0])
        for method, path, body, status in (
            ("POST", "firewall/fw", {}, 409),
            ("POST", "dynmon/fw", {}, 409),
            ("GET", "dynmon/fw", None, 404),
            ("GET", "firewall/other", None, 404),
            ("GET", "firewall/other/chain/INGRESS/rule", None, 500),
            ("GET", "nothing", None, 404),
            ("GET", "firewall/fw/nothing", None, 404),
            ("DELETE", "firewall/other", None, 409),
            ("PUT", "firewall/fw/uuid", None, 405),
            ("POST", "firewall/bad%2Fname", {}, 400),
            ("POST", "firewall/fw2", {"type": "HW"}, 400),
            ("POST", "firewall/fw2", {"typ": "TC"}, 400),
            ("POST", "firewall/fw2", "{", 400),
            ("POST", "dynmon/m", {"dataplane-config": {"ingress_path": {}}}, 400),
            ("POST", "dynmon/m", {"dataplane-config": []}, 400),
            ("POST", "attach", {"cube": "fw"}, 400),
            ("POST", "attach", {"cube": "fw", "port": "nowhere0"}, 400),
            ("POST", "attach", {"cube": "other", "port": "right0"}, 400),
            ("POST", "attach", {"cube": "fw", "port": "right0", "position": "middle"}, 400),
            ("POST", "attach", {"cube": "fw", "port": "right0", "position": "last", "after": "x"}, 400),
            ("POST", "detach", {"cube": "fw", "port": "right0"}, 400),
        ):
            seen = service.ask(method, path, body)
            expect(f"status of {method} {path} {body} ({seen[1]})", status, seen[0])
        service.do("DELETE", "firewall/fw")
        service.do("POST", "firewall/version", {})
        expect_text("version beside a cube of this name", "nicsentry", service.get("version")["polycubed"]["version"])
        service.do("DELETE", "firewall/version")
        expect("cubes after the last", {}, service.get("cubes"))
        service.stop()
        network.check_clean()


def access_case(directory):
    """Root's requests are taken, another user's get 403 and change nothing; --allow-user lets one in."""
    with Network(directory) as network:
        service = Service(network)
        expect("root", 200, service.ask("GET", "cubes")[0])
        expect("nobody", 403, service.ask("GET", "cubes", user=NOBODY)[0])
        status, why = service.ask("POST", "dynmon/m", {"dataplane-config": {}}, user=NOBODY)
        expect("nobody's POST", 403, status)
        expect_text("the reason", f"user {NOBODY} is not allowed", why)
        setpriv = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        network.inside(network.receiver, *setpriv, sys.executable, "-c", CLOSER, PORT, 50)
        time.sleep(1)
        expect("cubes of clients that were refused", {}, service.get("cubes"))
        service.stop()
        service = Service(network, "--allow-user", "nobody")
        expect("nobody, allowed", 200, service.ask("GET", "cubes", user=NOBODY)[0])
        expect("somebody else", 403, service.ask("GET", "cubes", user=NOBODY - 1)[0])
        expect("root beside", 200, service.ask("GET", "cubes")[0])
        service.stop()


def crowd_case(directory):
    """Another user's connections, however many and however slow, keep nobody out, and do not fill the log."""
    with Network(directory) as network:
        service = Service(network)
        setpriv = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        holder = network.start(
            network.receiver, *setpriv, sys.executable, "-c", HOLDER, PORT, 500, stdout=subprocess.PIPE
        )
        expect("what the holder says", "holding\n", holder.stdout.readline())
        for _ in range(20):
            expect("root beside 500 connections", 200, service.ask("GET", "cubes")[0])
        holder.kill()
        holder.wait()
        network.inside(network.receiver, *setpriv, sys.executable, "-c", REFUSED, PORT, 200)
        time.sleep(1)  # the log has room for a line again, and this one has the number of what it left out
        expect("somebody else", 403, service.ask("GET", "cubes", user=NOBODY)[0])
        service.stop()
        lines = service.log().count("refused a request")
        others = [int(number) for number in re.findall(r"(\d+) earlier refusals are not in the log", service.log())]
        expect("some refusals have no line of their own", True, bool(others))
        expect(f"refusals by the log, {lines} of them by lines of their own", 201, lines + sum(others))


def pages_case(directory):
    """A request in the name of a page of elsewhere, or for another host, is refused, and a body has a limit."""
    with Network(directory) as network:
        service = Service(network)
        for header, status in (
            ("Host: localhost", 200),
            ("Host: 127.0.0.1:9000", 200),
            ("Host: rebound.example:9000", 403),
            ("Origin: http://localhost:9000", 200),
            ("Origin: http://evil.example", 403),
            ("Origin: null", 403),
            ("Sec-Fetch-Site: cross-site", 403),
            ("X-Long: " + "x" * 40000, 431),
        ):
            expect(f"status with {header[:40]}", status, service.curl("-H", header, f"{URL}/cubes")[0])
        large = network.directory / "large.json"
        large.write_text('"' + "x" * (9 << 20) + '"', encoding="utf-8")
        status, _ = service.curl("-X", "POST", "--data-binary", f"@{large}", f"{URL}/dynmon/m")
        expect("status of a body of 9 MiB", 413, status)
        expect("cubes", {}, service.get("cubes"))
        service.stop()


def insecure_case(directory):
    """Beyond loopback the service listens with --insecure alone, and then takes clients of other machines."""
    with Network(directory) as network:
        for namespace, side, address in ((network.sender, "left0", 1), (network.receiver, "right0", 2)):
            run("ip", "-n", namespace, "addr", "add", f"10.77.0.{address}/24", "dev", side)
            run("ip", "-n", namespace, "link", "set", side, "arp", "on")
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        listen = f"10.77.0.2:{PORT}"
        done = network.nicsentry("serve", "--polycube", listen, check=False)
        expect("exit status without --insecure", 1, done.returncode)
        expect_text("the reason", "--insecure", done.stderr)
        service = Service(network, "--insecure", listen=listen)
        url = f"http://10.77.0.2:{PORT}/polycube/v1/cubes"
        expect("another machine", (200, "{}"), service.curl(url, namespace=network.sender))
        expect("by a foreign name", 403, service.curl("-H", "Host: evil.example", url, namespace=network.sender)[0])
        second = network.nicsentry("serve", "--polycube", "127.0.0.1:9001", check=False)
        expect("exit status of a second service", 1, second.returncode)
        expect_text("the reason", "another `nicsentry serve --polycube` runs", second.stderr)
        service.stop()


def monitors_case(directory):
    """A monitor is compiled when it comes, counts while it is attached, and leaves nothing behind."""
    with Network(directory) as network:
        service = Service(network)
        config = {"ingress-path": counting(), "egress-path": {}}
        body = {"dataplane-config": config, "type": "TC", "loglevel": "OFF"}
        expect("body of the answer", "", service.do("POST", "dynmon/monitor", body))
        shown = service.get("dynmon/monitor")
        expect(
            "what is shown",
            ("monitor", "", "TC", config),
            (shown["name"], shown["parent"], shown["type"], shown["dataplane-config"]),
        )
        expect(
            "a part of it",
            "PACKETS",
            service.get("dynmon/monitor/dataplane-config/ingress-path/metric-configs/packets/map-name"),
        )
        expect("programs before attach", {}, filters(network, "ingress"))
        service.attach("monitor", position="last")
        expect("parent", "right0", service.get("dynmon/monitor/parent"))
        expect("attached twice", 400, service.ask("POST", "attach", {"cube": "monitor", "port": "right0"})[0])
        sent(network, 200)
        expect("packets", 200, service.packets("monitor"))
        service.detach("monitor")
        expect("programs after detach", {}, filters(network, "ingress"))
        service.attach("monitor")
        service.do("DELETE", "dynmon/monitor")
        expect("programs after DELETE", {}, filters(network, "ingress"))
        for mode in ("XDP_SKB", "XDP_DRV"):
            service.do("POST", "dynmon/monitor", {**body, "type": mode})
            service.attach("monitor")
            expect(f"{mode}: an XDP program", True, network.program_id() != 0)
            sent(network, 100)
            expect(f"{mode}: packets", 100, service.packets("monitor"))
            service.do("POST", "dynmon/second", {**body, "type": mode})
            status, why = service.ask("POST", "attach", {"cube": "second", "port": "right0"})
            expect("a second XDP cube", 400, status)
            expect_text("the reason", "on XDP a program stands alone", why)
            service.do("DELETE", "dynmon/second")
            service.do("DELETE", "dynmon/monitor")
        service.do("POST", "dynmon/left", body)
        service.attach("left")
        service.stop()
        network.check_clean()


def refused_case(directory):
    """A program that does not compile makes no cube and says where; no file of the server can be named or read."""
    with Network(directory) as network:
        service = Service(network)
        for code, reason in (("int x", "ingress-path.code"), ('#include "/etc/shadow"\n', "ingress-path.code:1")):
            status, why = service.ask("POST", "dynmon/m", {"dataplane-config": {"ingress-path": {"code": code}}})
            expect(f"status of {code!r}", 500, status)
            expect_text("the reason", reason, why)
            expect("lines of the file", False, "root:" in why)
        for form in ("source", "object"):
            status, why = service.ask("POST", "dynmon/m", {"dataplane-config": {"ingress-path": {form: "/etc/shadow"}}})
            expect(f"status of {form}", 400, status)
            expect_text("the reason", f"ingress-path.{form}: allowed is code", why)
        path = {**counting(), "metric-configs": [{"name": "x", "map-name": "MISSING"}]}
        status, why = service.ask("POST", "dynmon/m", {"dataplane-config": {"ingress-path": path}})
        expect("status of a map that is not there", 500, status)
        expect_text("the reason", "MISSING", why)
        expect("cubes", {}, service.get("cubes"))
        run("ip", "-n", network.receiver, "link", "set", "right0", "down")
        service.stop()


def replace_case(directory):
    """PUT replaces a monitor without a packet unseen; a program that does not compile leaves the old one."""
    with Network(directory, pairs=2) as network:
        service = Service(network)
        config = {"ingress-path": counting()}
        service.do("POST", "dynmon/m", {"dataplane-config": config})
        service.attach("m")
        program = filters(network, "ingress")
        status, why = service.ask("PUT", "dynmon/m/dataplane-config", {"ingress-path": {"code": "int handle_rx("}})
        expect("status of what does not compile", 500, status)
        expect_text("the reason", "ingress-path.code:1", why)
        expect("program after it", program, filters(network, "ingress"))
        expect("config after it", config, service.get("dynmon/m")["dataplane-config"])
        # Programs that drop in turn: none passes between them, as the cube behind them tells.
        service.do("POST", "dynmon/behind", {"dataplane-config": config})
        service.attach("behind", after="m")
        sent(network, 100)
        expect("packets that pass", 100, service.packets("behind"))
        service.do("PUT", "dynmon/m/dataplane-config", {"ingress-path": counting("RX_DROP")})
        sender = send(network, 20000, rate=4000)
        number = 0
        while sender.poll() is None:
            path = counting("RX_DROP", name=f"replaced{number}")
            service.do("PUT", "dynmon/m/dataplane-config", {"ingress-path": path})
            number += 1
        expect("replacements under traffic", True, number >= 3)
        expect("packets that no program saw", 100, service.packets("behind"))
        service.do("DELETE", "dynmon/behind")
        service.do("PATCH", "dynmon/m/dataplane-config", {"egress-path": counting()})
        expect("both paths after PATCH", (1, 1), (len(filters(network, "ingress")), len(filters(network, "egress"))))
        service.do("DELETE", "dynmon/m/dataplane-config/ingress-path")
        expect("paths after DELETE of one", (0, 1), (len(filters(network, "ingress")), len(filters(network, "egress"))))
        service.do("PUT", "dynmon/m/dataplane-config", {})
        expect("paths after an empty PUT", (0, 0), (len(filters(network, "ingress")), len(filters(network, "egress"))))
        service.do("PUT", "dynmon/m/dataplane-config", config)
        expect("paths after another PUT", 1, len(filters(network, "ingress")))
        service.do("PATCH", "dynmon/m/loglevel", '"OFF"')
        expect("a log level", "OFF", service.get("dynmon/m/loglevel"))
        service.do("POST", "dynmon/gone", {"dataplane-config": config})
        service.attach("gone", port="right1")
        run("ip", "-n", network.receiver, "link", "del", "right1")
        status, _ = service.ask("PATCH", "dynmon/gone/loglevel", '"TRACE"')
        expect("status of another log level on an interface that is gone", 500, status)
        expect("the log level after it", "INFO", service.get("dynmon/gone/loglevel"))
        service.stop()
        network.check_clean()


def order(network, side):
    """The cubes on a TC hook in the order in which a packet passes them; the firewall's own program is "fw"."""
    listed = json.loads(network.nicsentry("programs", "list", "--json").stdout)
    names = {path["program_id"]: one["name"] for one in listed for path in one["paths"]}
    return [names.get(program, "fw") for _, program in sorted(filters(network, side).items())]


def positions_case(directory):
    """Cubes stand where they are put: incoming packets pass the chain forwards, outgoing ones backwards."""
    with Network(directory) as network:
        service = Service(network)
        both = {"dataplane-config": {"ingress-path": counting(), "egress-path": counting()}}
        for name in "abcd":
            service.do("POST", f"dynmon/{name}", both)
        service.do("POST", "firewall/fw", {})
        service.attach("a", position="last")
        service.attach("b", position="last")
        service.attach("fw", position="first")
        service.attach("c", after="a")
        service.attach("d", before="fw")
        chain = ["d", "fw", "a", "c", "b"]
        expect("the chain", chain, service.get("topology/right0")["cubes"])
        expect("incoming", chain, order(network, "ingress"))
        expect("outgoing", chain[::-1], order(network, "egress"))
        status, why = service.ask("POST", "firewall/fw2", {}), None
        expect("a second firewall", 201, status[0])
        status, why = service.ask("POST", "attach", {"cube": "fw2", "port": "right0"})
        expect("a second firewall on the interface", 400, status)
        expect_text("the reason", "an interface has one at most", why)
        expect(
            "beside a cube that is not there",
            400,
            service.ask("POST", "attach", {"cube": "fw2", "port": "right0", "after": "z"})[0],
        )
        service.detach("fw")
        service.attach("fw", position="last")
        chain = ["d", "a", "c", "b", "fw"]
        expect("incoming, the firewall last", chain, order(network, "ingress"))
        expect("outgoing, the firewall last", chain[::-1], order(network, "egress"))
        for cube in chain:
            service.detach(cube)
        expect("the chain at the end", [], service.get("topology/right0")["cubes"])
        service.stop()
        network.check_clean()


def crowded_port_case(directory):
    """An interface has so many cubes and no more; they move where their numbers do not suffice, and go on."""
    with Network(directory) as network:
        service = Service(network)
        # Put in front of each other, the tenth gets the number of the fifth with the eleventh: these have programs. The
        # eleventh stands behind the tenth on the way out only if that one moves.
        for number in range(1, 12):
            path = {"egress-path": counting()} if number in (5, 10, 11) else {}
            service.do("POST", f"dynmon/m{number}", {"dataplane-config": path})
            service.attach(f"m{number}", position="first")
        expect("the chain", [f"m{number}" for number in range(11, 0, -1)], service.get("topology/right0")["cubes"])
        expect("outgoing", ["m5", "m10", "m11"], order(network, "egress"))
        for number in range(12, 65):
            service.do("POST", f"dynmon/m{number}", {})
            service.attach(f"m{number}", position="last")
        service.do("POST", "dynmon/more", {})
        status, why = service.ask("POST", "attach", {"cube": "more", "port": "right0"})
        expect("one more", 400, status)
        expect_text("the reason", "right0 has 64 cubes", why)
        expect("outgoing", ["m5", "m10", "m11"], order(network, "egress"))
        service.stop()
        network.check_clean()


def killed_case(directory):
    """What a service that was killed left is taken off by the next one, also where its record is damaged."""
    with Network(directory) as network:
        run("ip", "-n", network.receiver, "link", "add", "mine", "type", "bridge")
        service = Service(network)
        service.do("POST", "simplebridge/br1", {})
        service.do("POST", "dynmon/m", {"dataplane-config": {"ingress-path": counting()}})
        service.attach("m")
        service.do("POST", "firewall/fw", {})
        service.attach("fw", position="first")
        service.process.send_signal(signal.SIGKILL)
        service.process.wait(timeout=PATIENCE)
        expect("programs that are left", 2, len(filters(network, "ingress")))
        service = Service(network)
        links = {one["ifname"] for one in json.loads(run("ip", "-n", network.receiver, "-j", "link").stdout)}
        expect("bridges after the next start", (False, True), ("br1" in links, "mine" in links))
        expect("sockets", 1, len(list((network.directory / "runtime").glob("polycube-*.sock"))))
        expect("monitors after the next start", [], json.loads(network.nicsentry("programs", "list", "--json").stdout))
        expect("programs after the next start", {}, {**filters(network, "ingress"), **filters(network, "egress")})
        network.check_clean()
        service.do("POST", "firewall/fw", {})
        service.attach("fw")
        service.stop()
        network.check_clean()
        next((network.directory / "runtime").glob("polycube-*.json")).write_text("[{", encoding="utf-8")
        service = Service(network)
        service.wait_for("does not say which firewalls")
        service.stop()


if __name__ == "__main__":
    sys.exit(
        run_directory_cases(
            {
                "the daemon": daemon_case,
                "who may ask": access_case,
                "a crowd of strangers": crowd_case,
                "pages of elsewhere": pages_case,
                "beyond loopback": insecure_case,
                "monitors": monitors_case,
                "refused programs": refused_case,
                "replaced under traffic": replace_case,
                "positions": slow(positions_case),
                "a crowded port": slow(crowded_port_case),
                "killed": killed_case,
            }
        )
    )
