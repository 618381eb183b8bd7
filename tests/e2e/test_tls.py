#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS of `run --listen` against clients that mean harm, and with certificates that are broken.

    test_tls.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import subprocess
import sys
import time

from api_client import ask, socket_of
from compare import PATIENCE, expect, expect_text
from peers import INSIDE, Peers
from suite import run_directory_cases, slow, within
from test_listen import AS_READER, READER, certificate, expect_status, listening, tokens

CLIENTS = 200
BESIDE_S = 3  # a request beside attackers
ANSWER_S = 5

# A ClientHello is a record of handshake (22): half of one, and what is none.
ATTACKERS = """
import socket, sys, time
plain = b"GET /healthz HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
beginnings = [b"", bytes.fromhex("1603010200010001fc0303"), plain, b"\\x16" * 700]
began = time.monotonic()
sockets = []
for i in range(int(sys.argv[2])):
    one = socket.create_connection((sys.argv[1], 9443), timeout=20)
    try:
        one.send(beginnings[i % len(beginnings)])
    except OSError:
        pass
    sockets.append(one)
print("open", flush=True)
longest = 0
for one in sockets:
    one.settimeout(40)
    try:
        while one.recv(4096):
            pass
    except TimeoutError:
        longest = 99
        break
    except OSError:
        pass
    longest = max(longest, time.monotonic() - began)
print(longest, flush=True)
"""

# Each request by a connection of its own, and what came back: the status and the media type, or how it ended.
REQUESTS = """
import json, socket, ssl, sys
where, target, requests = sys.argv[1], sys.argv[2], json.load(sys.stdin)
for what, text in requests:
    if where == "unix":
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(5)
        one.connect(target)
    else:
        one = socket.create_connection((target, 9443), timeout=5)
        if where == "tls":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            one = context.wrap_socket(one)
    got, end = b"", "answered"
    try:
        one.sendall(text.encode("latin-1"))
    except OSError:
        pass  # it is refused before all is sent
    try:
        while b"\\r\\n\\r\\n" not in got:
            part = one.recv(65536)
            if not part:
                end = "closed"
                break
            got += part
    except TimeoutError:
        end = "nothing for five seconds"
    except OSError:
        end = "closed"
    one.close()
    status = got.split(b" ")[1].decode() if got else "-"
    print(json.dumps([what, end, status, b"application/problem+json" in got]), flush=True)
"""


def attackers_case(directory):
    """200 clients that say nothing, half a handshake or no TLS: another one is answered, and they are let go."""
    with Peers(directory) as host:
        files = certificate(directory, "own")
        tls = ("--tls-cert", files[0], "--tls-key", files[1])
        watching = listening(host, "--token-file", tokens(host), *tls, address="0.0.0.0:9443")
        good = {"base": "https://127.0.0.1:9443"}
        trust = ("--cacert", str(files[0]))
        attackers = host.start(
            host.sender, sys.executable, "-c", ATTACKERS, INSIDE, str(CLIENTS), stdout=subprocess.PIPE
        )
        expect("connections", "open\n", attackers.stdout.readline())
        for _ in range(5):
            began = time.monotonic()
            expect_status("beside them", 200, ask(host, "/metrics", *AS_READER, *trust, **good))
            expect("time beside them", True, time.monotonic() - began < BESIDE_S)
        longest = float(attackers.communicate(timeout=PATIENCE)[0])
        expect(f"seconds until the last one is let go ({longest})", True, longest < 30)
        away = {"base": f"https://{INSIDE}:9443", "namespace": host.sender}
        expect_status("their address afterwards", 200, ask(host, "/healthz", *trust, **away))
        watching.stop()


def openssl_says(host, *options, text=""):
    done = subprocess.run(
        ["ip", "netns", "exec", host.receiver, "openssl", "s_client", "-connect", "127.0.0.1:9443", *options],
        input=text,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.stdout + done.stderr


def handshakes_case(directory):
    """TLS 1.0 and 1.1, weak ciphers and renegotiation are refused; the connection of a client is closed for it."""
    with Peers(directory) as host:
        files = certificate(directory, "own")
        tls = ("--tls-cert", files[0], "--tls-key", files[1])
        watching = listening(host, "--token-file", tokens(host), *tls)
        weak = ("-cipher", "ALL:@SECLEVEL=0")
        for version in ("-tls1", "-tls1_1"):
            said = openssl_says(host, version, *weak)
            expect_text(f"{version} is refused", "Cipher is (NONE)", said)
        for ciphers in ("aNULL:@SECLEVEL=0", "eNULL:@SECLEVEL=0", "RC4:@SECLEVEL=0", "3DES:@SECLEVEL=0"):
            said = openssl_says(host, "-tls1_2", "-cipher", ciphers)
            refused = "Cipher is (NONE)" in said or "no cipher match" in said  # of OpenSSL itself
            expect(f"{ciphers} is refused ({said[:300]})", True, refused)
        for ending in ("R\n", "R\nR\nR\n"):
            began = time.monotonic()
            said = openssl_says(host, "-tls1_2", text=ending)
            expect_text("TLS 1.2", "TLSv1.2", said)
            expect("time of a renegotiation", True, time.monotonic() - began < 20)
            trust = ("--cacert", str(files[0]))
            expect_status("after it", 200, ask(host, "/healthz", *trust, base="https://127.0.0.1:9443"))
        watching.stop()


def broken_case(directory):
    """A certificate or key that is broken is refused at the start, and while running the former one stays."""
    with Peers(directory) as host:
        first, second = certificate(directory, "first"), certificate(directory, "second")
        used = [host.directory / "used.crt", host.directory / "used.key"]

        def put(certificate_bytes, key_bytes):
            for path, content in zip(used, (certificate_bytes, key_bytes)):
                path.write_bytes(content)
                path.chmod(0o600)

        good = [path.read_bytes() for path in first]
        other_key = second[1].read_bytes()
        broken = (
            ("no certificate", (b"nonsense\n", good[1]), "used.crt: "),
            ("an empty certificate", (b"", good[1]), "used.crt: "),
            ("half a certificate", (good[0][: len(good[0]) // 2], good[1]), "used.crt: "),
            ("no key", (good[0], b"nonsense\n"), "used.key: "),
            ("another one's key", (good[0], other_key), "it is not the key of"),
        )
        put(*good)
        tls = ("--tls-cert", used[0], "--tls-key", used[1])
        options = ("--listen", "127.0.0.1:9443", "--token-file", tokens(host), *tls)
        watching = listening(host, *options[2:])
        trust = ("--cacert", str(first[0]))
        base = "https://127.0.0.1:9443"
        for what, content, text in broken:
            before = len(watching.log())
            put(*content)
            within(
                PATIENCE,
                f"{what} is said",
                lambda text=text, before=before: text in watching.log()[before:]
                and "what counted before goes on to count" in watching.log()[before:],
            )
            expect_status(what, 200, ask(host, "/healthz", *trust, base=base))
        before = len(watching.log())
        used[0].unlink()
        within(PATIENCE, "a missing file is said", lambda: "reading " + str(used[0]) in watching.log()[before:])
        expect_status("a missing certificate", 200, ask(host, "/healthz", *trust, base=base))
        put(*[path.read_bytes() for path in second])
        within(
            PATIENCE,
            "the second certificate",
            lambda: ask(host, "/healthz", "--cacert", str(second[0]), base=base, check=False),
        )
        watching.stop()
        for what, content, text in broken:
            put(*content)
            done = host.nicsentry("run", "-i", "right0", *options, check=False)
            expect(f"{what}: exit status", 1, done.returncode)
            expect_text(what, text, done.stderr)
        used[0].unlink()
        used[0].mkdir()
        done = host.nicsentry("run", "-i", "right0", *options, check=False)
        expect_text("a directory", f"EISDIR: reading {used[0]}", done.stderr)
        host.check_clean()


def requests():
    """Kinds of requests that are large, many-headed or wrong."""
    head = f"Host: localhost\r\nAuthorization: Bearer {READER}\r\n"
    get = "GET /api/v1/status"
    line = f" HTTP/1.1\r\n{head}"
    post = f"POST /api/v1/rules/ingress/batch{line}Transfer-Encoding: chunked\r\n\r\n"
    for count in (1, 64, 65, 400, 500, 1000, 5000, 50_000):
        yield f"{count} arguments", f"{get}?{'&'.join(f'a{i}=1' for i in range(count))}{line}\r\n"
        yield f"{count} ampersands", f"{get}?{'&' * count}{line}\r\n"
        yield f"{count} headers", f"{get}{line}{''.join(f'X-{i}: 1' + chr(13) + chr(10) for i in range(count))}\r\n"
        yield f"{count} cookies", f"{get}{line}Cookie: {'; '.join(f'c{i}=1' for i in range(count))}\r\n\r\n"
        yield f"{count} lines of cookies", f"{get}{line}" + "Cookie: a=1\r\n" * count + "\r\n"
        yield f"{count} folded lines", f"{get}{line}X: 1\r\n" + " x\r\n" * count + "\r\n"
    for size in (10_000, 30_000, 32_300, 33_000, 70_000, 130_000, 1_000_000):
        yield f"a header of {size}", f"{get}{line}X: {'x' * size}\r\n\r\n"
        yield f"a name of {size}", f"{get}{line}{'N' * size}: 1\r\n\r\n"
        yield f"a path of {size}", f"GET /{'p' * size}{line}\r\n"
        yield f"a query of {size}", f"{get}?a={'q' * size}{line}\r\n"
        yield f"a method of {size}", f"{'M' * size} /{line}\r\n"
        yield f"a version of {size}", f"{get} HTTP/{'1' * size}\r\n{head}\r\n"
        yield f"a trailer of {size}", f"{post}1\r\n \r\n0\r\nT: {'t' * size}\r\n\r\n"
        yield f"an extension of {size}", f"{post}1;{'e' * size}\r\n \r\n0\r\n\r\n"
    yield "no colon", f"{get}{line}nothing\r\n\r\n"
    yield "no version", f"{get}\r\n\r\n"
    yield "HTTP/2.0", f"{get} HTTP/2.0\r\n{head}\r\n"
    for length in ("x", "-1", "9" * 30):
        yield f"length {length}", f"POST /api/v1/rules/ingress/batch{line}Content-Length: {length}\r\n\r\n"
    yield "no size of a chunk", f"{post}zz\r\n"


def requests_case(directory):
    """Each request is answered, or its connection is closed, by the Unix socket, TCP and TLS."""
    kinds = list(requests())
    with Peers(directory) as host:
        files = certificate(directory, "own")
        for where in ("unix", "tcp", "tls"):
            tls = ("--tls-cert", files[0], "--tls-key", files[1]) if where == "tls" else ()
            watching = listening(host, "--token-file", tokens(host), *tls)
            target = str(socket_of(host)) if where == "unix" else "127.0.0.1"
            done = subprocess.run(
                ["ip", "netns", "exec", host.receiver, sys.executable, "-c", REQUESTS, where, target],
                input=json.dumps(kinds),
                capture_output=True,
                text=True,
                timeout=4 * PATIENCE,
                check=True,
            )
            answers = [json.loads(line) for line in done.stdout.splitlines()]
            expect(f"{where}: requests", [what for what, _ in kinds], [answer[0] for answer in answers])
            wrong = [answer for answer in answers if answer[1] != "answered" or answer[2] not in KNOWN]
            expect(f"{where}: without an answer, or with a strange one", [], wrong)
            seen = {answer[0]: answer[2:] for answer in answers}
            expect(f"{where}: 64 arguments", "200", seen["64 arguments"][0])
            for what in ("500 arguments", "1000 arguments"):
                expect(f"{where}: {what}", ["400", True], seen[what])
            expect(f"{where}: a header of 33,000 bytes", ["431", True], seen["a header of 33000"])
            watching.stop()


KNOWN = ("200", "400", "403", "404", "405", "413", "414", "429", "431", "500", "505")
CASES = {
    "attackers": slow(attackers_case),
    "handshakes": handshakes_case,
    "broken certificates": broken_case,
    "requests": requests_case,
}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
