#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`run --listen`: who is let in, with which token, from where; TLS; clients that are too many or too slow.

    test_listen.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import pathlib
import signal
import subprocess
import sys
import time

from api_client import ask
from compare import PATIENCE, expect, expect_text
from network import Controller
from peers import INSIDE, Peers
from suite import run_directory_cases, slow, within

READER = "reader-reader-reader-0"
ADMIN = "admin-admin-admin-admin"
BASE = "http://127.0.0.1:9443"
AS_READER = ("-H", f"Authorization: Bearer {READER}")
AS_ADMIN = ("-H", f"Authorization: Bearer {ADMIN}")
BATCH = '{"rules": [{"operation": "append", "dport": 9, "l4proto": "UDP", "action": "drop"}]}'
POST = ("-X", "POST", "-d", BATCH)
CHANGE = "/api/v1/rules/ingress/batch"


def tokens(host, text=f"read {READER}\nadmin {ADMIN} alice\n", mode=0o600):
    path = pathlib.Path(host.directory) / "tokens"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def listening(host, *options, address="127.0.0.1:9443"):
    watching = Controller(host, "--firewall", "--listen", address, *options)
    watching.wait_for("the API answers at")
    return watching


def expect_status(what, status, answer):
    expect(f"{what}: status ({answer.text[:300]})", status, answer.status)
    if status >= 400:
        expect(f"{what}: media type", "application/problem+json", answer.headers["content-type"])
        expect(f"{what}: status in the body", status, answer.json()["status"])
    return answer


def roles_case(directory):
    """No token: only /healthz. A reader's reads, an admin's changes; no token is in the log."""
    with Peers(directory) as host:
        watching = listening(host, "--token-file", tokens(host))
        expect_status("health", 200, ask(host, "/healthz", base=BASE))
        refused = expect_status("no token", 401, ask(host, "/api/v1/rules", base=BASE))
        expect("challenge", 'Bearer realm="nicsentry"', refused.headers["www-authenticate"])
        for path in (
            "/metrics",
            "/api/v1/status",
            "/api/v1/access",
            "/api/v1/nothing",
            "/other",
            f"/api/v1/rules?token={ADMIN}",
        ):
            expect_status(f"no token, {path}", 401, ask(host, path, base=BASE))
        for options, role in ((AS_READER, "read"), (AS_ADMIN, "admin")):
            answer = expect_status(role, 200, ask(host, "/api/v1/access", *options, base=BASE))
            expect("role", role, answer.json()["role"])
        expect_status("wrong token", 401, ask(host, "/metrics", "-H", "Authorization: Bearer " + ADMIN[:-1], base=BASE))
        for path in ("/metrics", "/api/v1/rules", "/api/v1/status", "/api/v1/sets/blocked", "/api/v1/ruleset"):
            expect_status(f"reader, {path}", 200, ask(host, path, *AS_READER, base=BASE))
        expect_status("reader, none", 404, ask(host, "/api/v1/nothing", *AS_READER, base=BASE))
        head = ask(host, "/api/v1/rules", "--head", *AS_READER, base=BASE)
        expect("HEAD", (200, ""), (head.status, head.text))
        expect_status("reader changes", 403, ask(host, CHANGE, *POST, *AS_READER, base=BASE))
        expect_status("nobody changes", 401, ask(host, CHANGE, *POST, base=BASE))
        expect("rules", 0, len(host.shown()["ingress"]["rules"]))
        expect_status("admin changes", 200, ask(host, CHANGE, *POST, *AS_ADMIN, base=BASE))
        expect("rules", 1, len(host.shown()["ingress"]["rules"]))
        large = pathlib.Path(directory) / "large"
        large.write_bytes(b" " * (8 << 20))
        answer = ask(host, CHANGE, "-X", "POST", "--data-binary", f"@{large}", base=BASE, check=False)
        expect("a stranger's large body", True, answer is None or answer.status == 401)
        log = watching.log()
        expect_text("the change", f"POST {CHANGE}: by the token 'alice'", log)
        expect_text("a refusal", "the token 'token 1' may read, and change nothing", log)
        for secret in (READER, ADMIN, ADMIN[:-1]):
            expect("a token in the log", False, secret in log)
        watching.stop()


def loopback_case(directory):
    """--open-read is for clients of this host that no proxy speaks for, and for reading."""
    with Peers(directory) as host:
        host.inside(host.receiver, "sysctl", "-qw", "net.ipv6.conf.lo.disable_ipv6=0")
        watching = listening(host, "--open-read", "--listen", "[::1]:9443")
        for base in (BASE, "http://[::1]:9443", "http://localhost:9443"):
            expect_status(base, 200, ask(host, "/metrics", base=base))
        expect_status("a change", 401, ask(host, CHANGE, *POST, base=BASE))
        expect("role without a token", "read", ask(host, "/api/v1/access", base=BASE).json()["role"])
        for header in ("Forwarded: for=1.2.3.4", "X-Forwarded-For: 1.2.3.4", "X-FORWARDED-HOST: x", "Via: 1.1 proxy"):
            expect_status(header, 401, ask(host, "/metrics", "-H", header, base=BASE))
        for header in ("Host: evil.example", "Host: 192.0.2.1:9443", "Origin: http://evil.example", "Origin: null"):
            for path in ("/metrics", "/healthz"):
                expect_status(f"{path}, {header}", 403, ask(host, path, "-H", header, base=BASE))
        answer = ask(host, "/metrics", "-H", f"Origin: {BASE}", base=BASE)
        expect("CORS", None, answer.headers.get("access-control-allow-origin"))
        expect("own page", 200, answer.status)
        expect_status("OPTIONS", 405, ask(host, CHANGE, "-X", "OPTIONS", base=BASE))
        watching.stop()
        path = tokens(host)
        watching = listening(
            host, "--open-read", "--token-file", path, "--insecure", "--host", "Sentry.example", address="0.0.0.0:9443"
        )
        expect_text("a warning", "can read the tokens", watching.log())
        away = {"base": f"http://{INSIDE}:9443", "namespace": host.sender}
        expect_status("from outside", 401, ask(host, "/metrics", **away))
        expect_status("from outside, with a token", 200, ask(host, "/metrics", *AS_READER, **away))
        expect_status("by a name", 200, ask(host, "/metrics", *AS_READER, "-H", "Host: sentry.example:9443", **away))
        expect_status("by another name", 403, ask(host, "/metrics", *AS_READER, "-H", "Host: other.example", **away))
        expect_status("loopback", 200, ask(host, "/metrics", base=BASE))
        watching.stop()


def options_case(directory):
    """What does not fit together, or is not private, is refused before a port is touched."""
    with Peers(directory) as host:
        path = tokens(host)
        wrong = (
            (("--listen", "127.0.0.1:9443"), "nobody could ask"),
            (("--listen", "0.0.0.0:9443", "--token-file", path), "beyond the loopback interface"),
            (("--listen", "192.0.2.1:9443", "--open-read", "--insecure"), "--open-read is for the loopback"),
            (("--listen", "localhost:9443", "--open-read"), "ADDRESS:PORT"),
            (("--listen", "127.0.0.1:9443", "--open-read", "--tls-cert", "x"), "belong together"),
            (("--open-read",), "are for --listen"),
        )
        for options, text in wrong:
            done = host.nicsentry("run", "-i", "right0", *options, check=False)
            expect(f"{options}: exit status", 2, done.returncode)
            expect_text(f"{options}", text, done.stderr)
        for mode in (0o640, 0o604):
            path.chmod(mode)
            done = host.nicsentry(
                "run", "-i", "right0", "--listen", "127.0.0.1:9443", "--token-file", path, check=False
            )
            expect("exit status", 1, done.returncode)
            expect_text("a file that others read", f"chmod 600 {path}", done.stderr)
            expect("no token", False, ADMIN in done.stderr)
        path.chmod(0o600)
        done = host.nicsentry(
            "run", "-i", "right0", "--listen", "192.0.2.77:9443", "--token-file", path, "--insecure", check=False
        )
        expect("exit status", 1, done.returncode)
        expect_text("an address of another host", "TCP port 9443 of 192.0.2.77", done.stderr)
        host.check_clean()


def reload_case(directory):
    """Tokens are read again when their file changes, and at SIGHUP; a wrong file changes nothing."""
    with Peers(directory) as host:
        path = tokens(host)
        watching = listening(host, "--token-file", path)
        expect_status("before", 200, ask(host, "/metrics", *AS_READER, base=BASE))
        other = "another-another-another"
        as_other = ("-H", f"Authorization: Bearer {other}")
        tokens(host, f"read {other}\n")
        within(PATIENCE, "the new token counts", lambda: ask(host, "/metrics", *as_other, base=BASE).status == 200)
        expect_status("the former token", 401, ask(host, "/metrics", *AS_READER, base=BASE))
        tokens(host, "nonsense\n")
        watching.wait_for("what counted before goes on to count")
        expect_status("after a wrong file", 200, ask(host, "/metrics", *as_other, base=BASE))
        tokens(host)
        watching.process.send_signal(signal.SIGHUP)
        within(PATIENCE, "the first token counts", lambda: ask(host, "/metrics", *AS_READER, base=BASE).status == 200)
        watching.stop()


def certificate(directory, name):
    files = [pathlib.Path(directory) / f"{name}.{kind}" for kind in ("crt", "key")]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{INSIDE},IP:127.0.0.1"]
    command += ["-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    files[1].chmod(0o600)
    return files


def tls_case(directory):
    """TLS 1.2 and later, beyond the loopback interface; another certificate is used as soon as it is there."""
    with Peers(directory) as host:
        first, second = certificate(directory, "first"), certificate(directory, "second")
        used = [pathlib.Path(directory) / name for name in ("used.crt", "used.key")]
        for source, target in zip(first, used):
            target.write_bytes(source.read_bytes())
            target.chmod(0o600)
        tls = ("--tls-cert", used[0], "--tls-key", used[1])
        path = tokens(host)
        watching = listening(host, "--token-file", path, *tls, address=f"{INSIDE}:9443")
        away = {"base": f"https://{INSIDE}:9443", "namespace": host.sender}
        trust = ("--cacert", str(first[0]))
        for version in ("--tlsv1.2", "--tlsv1.3"):
            limits = (version, "--tls-max", version[-3:])
            expect_status(version, 200, ask(host, "/metrics", *AS_READER, *trust, *limits, **away))
        expect_status("a change", 200, ask(host, CHANGE, *POST, *AS_ADMIN, *trust, **away))
        expect_status("no token", 401, ask(host, "/metrics", *trust, **away))
        old = ask(
            host,
            "/metrics",
            *trust,
            "--tlsv1.0",
            "--tls-max",
            "1.1",
            "--ciphers",
            "DEFAULT@SECLEVEL=0",
            check=False,
            **away,
        )
        expect("TLS 1.1", None, old)
        plain = ask(host, "/metrics", check=False, base=f"http://{INSIDE}:9443", namespace=host.sender)
        expect("without TLS", None, plain)
        expect("another certificate", None, ask(host, "/metrics", "--cacert", str(second[0]), check=False, **away))
        used[0].write_bytes(second[0].read_bytes())  # without its key: nothing changes
        watching.wait_for("it is not the key of")
        expect_status("still the first", 200, ask(host, "/healthz", *trust, **away))
        used[1].write_bytes(second[1].read_bytes())
        within(
            PATIENCE,
            "the second certificate",
            lambda: ask(host, "/healthz", "--cacert", str(second[0]), check=False, **away),
        )
        expect("the first is gone", None, ask(host, "/healthz", *trust, check=False, **away))
        used[1].chmod(0o644)
        watching.stop()
        done = host.nicsentry(
            "run", "-i", "right0", "--listen", f"{INSIDE}:9443", "--token-file", path, *tls, check=False
        )
        expect("a key that everybody reads", 1, done.returncode)
        expect_text("a key that everybody reads", "chmod 600", done.stderr)


def limits_case(directory):
    """Requests of one address beyond the rate get 429; a reader of another address is answered meanwhile."""
    with Peers(directory) as host:
        watching = listening(host, "--token-file", tokens(host), "--insecure", address="0.0.0.0:9443")
        url = f"http://{INSIDE}:9443/healthz"
        flood = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}\n"] + [url, "-o", "/dev/null"] * 2000
        sender = host.start(host.sender, *flood, stdout=subprocess.PIPE)
        quick = ask(host, "/metrics", *AS_READER, base=BASE)
        expect("another address", 200, quick.status)
        codes = sender.communicate(timeout=PATIENCE)[0].split()
        expect("answers", 2000, len(codes))
        expect("kinds of answers", {"200", "429"}, set(codes))
        expect("let through", True, 500 <= codes.count("200") < 2000)
        expect_text("a message", "requests a second of one address", watching.log())
        block = host.nicsentry("block", "192.0.2.1", "-i", "right0")
        expect("block", 0, block.returncode)
        watching.stop()


SLOW = """
import socket, sys, time
sockets = []
for _ in range(80):
    one = socket.create_connection((sys.argv[1], 9443), timeout=20)
    sockets.append(one)
print("open", flush=True)
began = time.monotonic()
ended = set()
while time.monotonic() - began < 40 and len(ended) < len(sockets):
    for i, one in enumerate(sockets):
        if i in ended:
            continue
        try:
            one.send(b"G" if time.monotonic() - began < 1 else b"E")
            one.settimeout(0.001)
            if one.recv(100) == b"":
                ended.add(i)
        except TimeoutError:
            pass
        except OSError:
            ended.add(i)
    time.sleep(1)
print(len(ended), time.monotonic() - began, flush=True)
"""


def slow_case(directory):
    """Clients that send a header letter by letter are cut off; those beyond the number of one address at once."""
    with Peers(directory) as host:
        watching = listening(host, "--token-file", tokens(host), "--insecure", address="0.0.0.0:9443")
        process = host.start(host.sender, sys.executable, "-c", SLOW, INSIDE, stdout=subprocess.PIPE)
        expect("connections", "open\n", process.stdout.readline())
        began = time.monotonic()
        expect_status("beside them", 200, ask(host, "/metrics", *AS_READER, base=BASE))
        expect("time beside them", True, time.monotonic() - began < 5)
        ended, seconds = process.communicate(timeout=PATIENCE)[0].split()
        expect("connections that were cut off", 80, int(ended))
        expect("the time until then", True, 14 < float(seconds) < 30)
        watching.stop()


CASES = {
    "roles": roles_case,
    "loopback": loopback_case,
    "options": options_case,
    "reload": reload_case,
    "TLS": tls_case,
    "limits": limits_case,
    "slow clients": slow(slow_case),
}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
