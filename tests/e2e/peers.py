# SPDX-License-Identifier: GPL-2.0-or-later
"""A protected host (the receiving namespace) and everybody else (the sending one), that speak to each other."""
import json
import struct
import subprocess
import sys
import time

from compare import expect
from network import Network, run

OUTSIDE, INSIDE = "10.77.0.1", "10.77.0.2"
OUTSIDE6, INSIDE6 = "fd77::1", "fd77::2"
NARROW = "fd78::1"  # behind OUTSIDE, see lead_to_narrow_link()
STATEFUL = ("--direction", "both", "--firewall")
# The batch in the earlier system's documentation.
EXAMPLE_BATCH = [
    {
        "operation": "insert",
        "id": 0,
        "l4proto": "TCP",
        "src": "10.0.0.100/32",
        "dst": "10.0.0.150/24",
        "action": "drop",
    },
    {"operation": "append", "l4proto": "ICMP", "src": "10.0.0.50/32", "dst": "10.0.0.75/24", "action": "drop"},
    {"operation": "append", "l4proto": "ICMP", "src": "10.0.0.11/32", "dst": "10.0.0.12/24", "action": "drop"},
    {
        "operation": "update",
        "id": 0,
        "l4proto": "TCP",
        "src": "10.0.0.100/32",
        "dst": "10.0.0.75/24",
        "action": "forward",
    },
    {"operation": "delete", "id": 0},
    {"operation": "delete", "l4proto": "ICMP", "src": "10.0.0.50/32", "dst": "10.0.0.75/24", "action": "drop"},
]


class Peers(Network):
    """Two hosts that speak to each other; the network of the other tests keeps silent by itself."""

    def __init__(self, directory):
        super().__init__(directory, mtu=1500)
        for namespace, side, address, address6 in (
            (self.sender, "left0", OUTSIDE, OUTSIDE6),
            (self.receiver, "right0", INSIDE, INSIDE6),
        ):
            self.inside(
                namespace, "sysctl", "-qw", f"net.ipv6.conf.{side}.disable_ipv6=0", f"net.ipv6.conf.{side}.accept_dad=0"
            )
            run("ip", "-n", namespace, "link", "set", side, "arp", "on")
            run("ip", "-n", namespace, "link", "set", "lo", "up")
            run("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", side)
            run("ip", "-n", namespace, "addr", "add", f"{address6}/64", "dev", side, "nodad")
            # Super-packets of segmentation offload never leave a host.
            self.inside(namespace, "ethtool", "-K", side, "tso", "off", "gso", "off", "gro", "off")

    def ping(self, namespace, to, *options):
        return self.inside(namespace, "ping", "-n", "-W", 1, "-i", 0.2, *options, to, check=False).returncode == 0

    def serve(self, namespace, port, address="::"):
        """An HTTP server that answers with a few kilobytes."""
        server = self.start(namespace, sys.executable, "-c", SERVER, port, address, stdout=subprocess.PIPE)
        server.stdout.readline()
        return server

    def fetch(self, namespace, url, seconds=2):
        done = self.inside(
            namespace,
            "curl",
            "-sg",
            "--noproxy",
            "*",
            "-o",
            "/dev/null",
            "-w",
            "%{size_download}",
            "-m",
            seconds,
            url,
            check=False,
        )
        return done.returncode == 0 and int(done.stdout) == 100000

    def echo(self, namespace, port, delay=0.0):
        """Answers what it gets over UDP, after so many seconds."""
        server = self.start(namespace, sys.executable, "-c", ECHO, port, delay, stdout=subprocess.PIPE)
        server.stdout.readline()
        return server

    def ask(self, namespace, to, port, size=40, tries=3):
        """How many tries an answer over UDP took; 0: none came."""
        done = self.inside(namespace, sys.executable, "-c", ASK, to, port, size, tries, check=False)
        return int(done.stdout or 0)

    def unanswered(self, namespace, to, port, count, timeout=0.5):
        """How many of so many questions, each of a new session, have no answer."""
        done = self.inside(namespace, sys.executable, "-c", ASK_MANY, to, port, count, timeout)
        return int(done.stdout)

    def slow_fetches(self, namespace, url, count, seconds=0.5):
        """How many of `count` successive connections take longer than one without a retransmission does."""
        return int(self.inside(namespace, sys.executable, "-c", FETCH_MANY, url, count, seconds).stdout)

    def slow_server(self, address, port, delay):
        """Completes each TCP handshake with the protected host after so many seconds, at an address outside that no
        other host has."""
        link = json.loads(run("ip", "-n", self.sender, "-j", "link", "show", "dev", "left0").stdout)[0]["address"]
        run("ip", "-n", self.receiver, "neigh", "add", address, "lladdr", link, "dev", "right0")
        server = self.start(
            self.sender, sys.executable, "-c", SLOW_SERVER, address, port, delay, stdout=subprocess.PIPE
        )
        server.stdout.readline()
        return server

    def lead_to_narrow_link(self):
        """Makes the host outside a router to a network whose packets have 1300 bytes at most."""
        run("ip", "-n", self.sender, "link", "add", "narrow", "mtu", 1300, "type", "veth", "peer", "name", "nowhere")
        self.inside(
            self.sender, "sysctl", "-qw", "net.ipv6.conf.narrow.disable_ipv6=0", "net.ipv6.conf.all.forwarding=1"
        )
        run("ip", "-n", self.sender, "addr", "add", "fd78::2/64", "dev", "narrow", "nodad")
        for side in ("narrow", "nowhere"):
            run("ip", "-n", self.sender, "link", "set", side, "arp", "off", "up")
        for namespace, other, side, far in (
            (self.receiver, self.sender, "right0", ("left0", OUTSIDE6)),
            (self.sender, self.receiver, "left0", ("right0", INSIDE6)),
        ):
            link = json.loads(run("ip", "-n", other, "-j", "link", "show", "dev", far[0]).stdout)[0]["address"]
            run("ip", "-n", namespace, "neigh", "replace", far[1], "lladdr", link, "dev", side, "nud", "permanent")
        run("ip", "-n", self.receiver, "route", "add", "fd78::/64", "via", OUTSIDE6)

    def path_mtu(self):
        """The protected host's path MTU to NARROW."""
        shown = run("ip", "-n", self.receiver, "-6", "route", "get", NARROW).stdout.split()
        return int(shown[shown.index("mtu") + 1]) if "mtu" in shown else 1500

    def send_too_big(self, mtu, port):
        """An ICMPv6 error from outside about the first fragment of a UDP packet to NARROW and this port."""
        self.inside(self.sender, sys.executable, "-c", SEND_TOO_BIG, INSIDE6, NARROW, mtu, port)
        time.sleep(0.1)

    def arrived6(self, figure):
        """A figure of the protected host's IPv6 stack."""
        lines = self.inside(self.receiver, "cat", "/proc/net/snmp6").stdout.splitlines()
        return int(dict(line.split() for line in lines)[figure])

    def connects(self, namespace, to, port, seconds=5):
        """Whether a TCP connection comes about."""
        return self.inside(namespace, sys.executable, "-c", CONNECT, to, port, seconds, check=False).returncode == 0

    def is_refused(self, namespace, to, port):
        """Whether the ICMP error about a datagram to a port without a server arrives."""
        return self.inside(namespace, sys.executable, "-c", REFUSED, to, port, check=False).returncode == 0

    def send_segment(self, source_port, destination_port, sequence, flags):
        """A TCP segment from outside, in whoever's name."""
        segment = struct.pack("!HHIIBBHHH", source_port, destination_port, sequence, 0, 0x50, flags, 65535, 0, 0)
        self.send_raw(6, segment, 1)

    def connections(self):
        return json.loads(self.nicsentry("connections", "--json", "-i", "right0").stdout)["connections"]

    def stream(self, server, client, to, port, source_port=0, resets=False):
        return Stream(self, server, client, to, port, source_port, resets)

    def arrived(self, protocol, figure):
        """A figure of the protected host's stack (RFC 1213's names)."""
        names, figures = [
            line.split()
            for line in self.inside(self.receiver, "cat", "/proc/net/snmp").stdout.splitlines()
            if line.startswith(f"{protocol}:")
        ]
        return int(dict(zip(names, figures))[figure])

    def udp_arrived(self):
        return self.arrived("Udp", "InDatagrams") + self.arrived("Udp", "NoPorts")

    def send_raw(self, protocol, payload, count, offset=0):
        """IPv4 packets from outside, as they are; `offset`: of a fragment, in 8 bytes."""
        self.inside(
            self.sender, sys.executable, "-c", SEND_RAW, OUTSIDE, INSIDE, protocol, payload.hex(), count, offset
        )
        time.sleep(0.1)

    def iperf(self, server, client, to, *options):
        """Bytes that iperf3's receiver got in a second; 0: there was no connection."""
        serving = self.start(
            server, "iperf3", "-s", "-1", "--forceflush", "-p", 5201, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        while "listening" not in serving.stdout.readline():
            expect("iperf3's server, exit status", None, serving.poll())
        done = self.inside(
            client, "iperf3", "-c", to, "-p", 5201, "-t", 1, "-J", "--connect-timeout", 1000, *options, check=False
        )
        serving.kill()
        serving.wait()
        end = json.loads(done.stdout)["end"]
        return (end.get("sum_received") or end.get("sum") or {"bytes": 0})["bytes"]

    def rules(self, rules, *options, check=True):
        path = self.directory / "batch.json"
        path.write_text(json.dumps({"rules": rules}), encoding="utf-8")
        return self.nicsentry("rules", "apply", path, "-i", "right0", *options, check=check)

    def default(self, chain, action):
        """Neighbour discovery is cut off, too: neighbours are known by then."""
        self.nicsentry("rules", "default", chain, action, "--yes", "-i", "right0")

    def shown(self):
        return json.loads(self.nicsentry("rules", "show", "--json", "-i", "right0").stdout)


class Stream:
    """A TCP connection on which only the server sends data. The client sends only its kernel's acknowledgements.

    `resets`: the server ends it by a RST."""

    def __init__(self, peers, server, client, to, port, source_port=0, resets=False):
        self.says = peers.start(
            server,
            sys.executable,
            "-c",
            STREAM_SERVER,
            port,
            int(resets),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.says.stdout.readline()
        self.hears = peers.start(
            client,
            sys.executable,
            "-c",
            STREAM_CLIENT,
            to,
            port,
            source_port,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.hears.stdout.readline()

    def close(self):
        """Both ends close the connection."""
        for process in (self.says, self.hears):
            process.stdin.close()
            process.wait()

    def say(self, line, seconds=5):
        """The server's next line, as the client has it after so many seconds at most."""
        self.says.stdin.write(line + "\n")
        self.says.stdin.flush()
        self.hears.stdin.write(f"{seconds}\n")
        self.hears.stdin.flush()
        return self.hears.stdout.readline().rstrip("\n")


SERVER = """
import http.server, socket, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"x" * 100000)
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
server = Server((sys.argv[2], int(sys.argv[1])), Handler)
print("ready", flush=True)
server.serve_forever()
"""
STREAM_SERVER = """
import socket, struct, sys
with socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True) as listening:
    print("ready", flush=True)
    connection = listening.accept()[0]
for line in sys.stdin:
    connection.sendall(line.encode())
if int(sys.argv[2]):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
"""
STREAM_CLIENT = """
import select, socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10, ("", int(sys.argv[3])))
print("ready", flush=True)
for seconds in sys.stdin:
    arrived = select.select([connection], [], [], float(seconds))[0]
    print(connection.recv(100).decode().strip() if arrived else "nothing", flush=True)
"""
SLOW_SERVER = """
import socket, struct, sys, time
address, port, delay = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
hears = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
says = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
print("ready", flush=True)
while True:
    packet = hears.recv(65535)
    if packet[9] != 6 or socket.inet_ntoa(packet[16:20]) != address:
        continue
    segment = packet[packet[0] % 16 * 4 :]
    source, destination, sequence = struct.unpack("!HHI", segment[:8])
    if destination != port or segment[13] & 0x3f != 0x02:
        continue
    time.sleep(delay)
    ends = packet[16:20] + packet[12:16]
    answer = struct.pack("!HHIIBBHHH", port, source, 1000, (sequence + 1) % 2**32, 0x50, 0x12, 65535, 0, 0)
    words = struct.unpack("!16H", ends + struct.pack("!HH", 6, len(answer)) + answer)
    total = sum(words)
    total = (total & 0xffff) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xffff
    answer = answer[:16] + struct.pack("!H", checksum) + answer[18:]
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(answer), 0, 0, 64, 6, 0) + ends
    says.sendto(header + answer, (socket.inet_ntoa(packet[12:16]), 0))
"""
REFUSED = """
import socket, sys
to = sys.argv[1]
s = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM)
s.connect((to, int(sys.argv[2])))
s.settimeout(1)
s.send(b"anybody?")
try:
    s.recv(100)
except ConnectionRefusedError:
    sys.exit(0)
except socket.timeout:
    sys.exit(1)
sys.exit(2)
"""
CONNECT = """
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3]))
"""
ECHO = """
import socket, sys, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", int(sys.argv[1])))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(65535)
    time.sleep(float(sys.argv[2]))
    s.sendto(data, peer)
"""
ASK = """
import socket, sys
to, port, size, tries = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
s = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
for number in range(1, tries + 1):
    s.sendto(bytes(size), (to, port))
    try:
        assert len(s.recv(65535)) == size
        print(number)
        break
    except socket.timeout:
        pass
else:
    print(0)
"""

FETCH_MANY = """
import sys, time, urllib.request
slow = 0
for number in range(int(sys.argv[2])):
    begin = time.monotonic()
    assert len(urllib.request.urlopen(sys.argv[1], timeout=10).read()) == 100000
    slow += time.monotonic() - begin > float(sys.argv[3])
print(slow)
"""
ASK_MANY = """
import socket, sys
to, port, count, timeout = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
lost = 0
for number in range(count):
    s = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(timeout)
    s.sendto(b"question", (to, port))
    try:
        s.recv(100)
    except socket.timeout:
        lost += 1
print(lost)
"""

SEND_WIDE = """
import socket, sys
to, port, options, size = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", port))
kind = {"hop": socket.IPV6_HOPOPTS, "destination": socket.IPV6_DSTOPTS}.get(options)
if kind is not None:
    s.setsockopt(socket.IPPROTO_IPV6, kind, bytes((0, 0, 1, 4, 0, 0, 0, 0)))
s.sendto(bytes(size), (to, port))
"""
SEND_TOO_BIG = """
import socket, struct, sys
inside, far, mtu, port = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
ends = socket.inet_pton(socket.AF_INET6, inside) + socket.inet_pton(socket.AF_INET6, far)
quote = struct.pack("!IHBB", 6 << 28, 1456, 44, 64) + ends + struct.pack("!BBHI", 17, 0, 1, 77)
quote += struct.pack("!HHHH", port, port, 3008, 0) + bytes(100)
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.sendto(struct.pack("!BBHI", 2, 0, 0, mtu) + quote, (inside, 0))
"""
SEND_RAW = """
import socket, struct, sys
source, to, protocol, payload, count, offset = sys.argv[1:]
data = bytes.fromhex(payload)
if int(protocol) == 1:
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    data = data[:2] + struct.pack(">H", ~((total & 0xffff) + (total >> 16)) & 0xffff) + data[4:]
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for number in range(int(count)):
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(data), 1000 + number, int(offset), 64, int(protocol), 0,
                         socket.inet_aton(source), socket.inet_aton(to))
    s.sendto(header + data, (to, 0))
"""
FLOOD = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0))
while True:
    try:
        s.sendto(b"flood", (sys.argv[2], 9))
    except OSError:  # no buffer is free
        pass
"""

NEIGHBOURS = [{"operation": "append", "l4proto": "ICMPv6", "action": "accept", "description": "neighbour discovery"}]
