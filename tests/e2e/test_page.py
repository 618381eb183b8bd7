#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The page that a run serves, in Chromium, with real traffic between two namespaces.

    test_page.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).

NICSENTRY_PICTURES: a directory for the pictures of the documents.
"""
import json
import signal
import subprocess
import sys
import time

from api_client import ask, socket_of
from browser import Browser, Keys, network_of
from compare import expect, expect_text
from network import Controller, run
from peers import INSIDE, OUTSIDE, STATEFUL, Peers
from suite import Mismatch, run_directory_cases, slow, within
from test_listen import ADMIN, BASE, READER, tokens

MARKUP = "<img src=x onerror=alert(1)>"
VIEWS = ("overview", "sessions", "rules", "sets", "change", "explain", "log", "health")
PORT = "127.0.0.1:9443"
DROP_ONE = {"operation": "append", "src": "203.0.113.1", "action": "drop"}


def watch(host, *options, with_tokens=True, window="5s"):
    access = ("--token-file", tokens(host)) if with_tokens else ("--open-read",)
    watching = Controller(host, *STATEFUL, "--listen", PORT, *access, *options, window=window)
    watching.wait_for("the API answers at")
    return watching


def sign_in(browser, token, view="overview"):
    browser.open(view)
    browser.shows("#sign-in", "asks for a token")
    expect("the focus", "token", browser.focused())
    browser.press(token, Keys.ENTER)
    browser.shows("#connection", "live")


def traffic(host):
    """Pings and downloads for as long as the case lasts."""
    host.serve(host.receiver, 80)
    loop = f"while :; do curl -s -o /dev/null http://{INSIDE}/; sleep 0.05; done"
    host.start(host.sender, "sh", "-c", loop)
    host.start(host.sender, "ping", "-n", "-q", "-i", "0.2", INSIDE, stdout=subprocess.DEVNULL)
    run("ip", "-n", host.sender, "addr", "add", "203.0.113.9/32", "dev", "left0")  # is blocked
    run("ip", "-n", host.receiver, "route", "add", "203.0.113.0/24", "dev", "right0")
    host.start(host.sender, "ping", "-n", "-q", "-i", "0.2", "-I", "203.0.113.9", INSIDE, stdout=subprocess.DEVNULL)


def keyboard_case(directory):
    """Without a mouse: the token, a block that stops a real ping, and its undoing."""
    with Peers(directory) as host:
        watching = watch(host)
        expect("ping before", True, host.ping(host.sender, INSIDE, "-c", "1"))
        with network_of(host.receiver), Browser(BASE, refused=("401", "409")) as browser:
            sign_in(browser, ADMIN)
            browser.tab_to("Sets")
            browser.press(Keys.ENTER)
            browser.shows("#sets-title", "Sets")
            browser.tab_to("block-address")
            browser.press(OUTSIDE, Keys.TAB)
            browser.press("10m", Keys.ENTER)
            browser.shows("#said-text", f"Blocked: {OUTSIDE} for 10m")
            expect("ping while blocked", False, host.ping(host.sender, INSIDE, "-c", "1"))
            within(5, "the entry in the table", lambda: [OUTSIDE] == [row[0] for row in browser.rows("#entries")])
            browser.press(Keys.SHIFT, Keys.TAB)
            browser.tab_to("undo")
            browser.press(Keys.ENTER)
            browser.shows("#said-text", "is not blocked any more")
            expect("ping afterwards", True, host.ping(host.sender, INSIDE, "-c", "1"))
        watching.stop()


def files_case(directory):
    """Everybody may read the page's files. They are kept until they change, and run nothing of another origin."""
    with Peers(directory) as host:
        watching = watch(host)
        page = ask(host, "/", base=BASE)
        expect("status", 200, page.status)
        expect("type", "text/html; charset=utf-8", page.headers["content-type"])
        for part in ("default-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"):
            expect_text("policy", part, page.headers["content-security-policy"])
        expect("type is as said", "nosniff", page.headers["x-content-type-options"])
        expect("referrer", "no-referrer", page.headers["referrer-policy"])
        names = [part.split('"')[0] for part in page.text.split("/assets/")[1:]]
        for name, kind in {"main.js": "text/javascript", "page.css": "text/css", "icon.svg": "image/svg+xml"}.items():
            expect(f"{name} is named by the page", True, name in names)
            answer = ask(host, f"/assets/{name}", base=BASE)
            expect(f"{name}: type", kind, answer.headers["content-type"].partition(";")[0])
            tag = answer.headers["etag"]
            kept = ask(host, f"/assets/{name}", "-H", f"If-None-Match: {tag}", base=BASE)
            expect(f"{name} that is kept", (304, ""), (kept.status, kept.text))
        expect("no file", 401, ask(host, "/assets/none.js", base=BASE).status)
        expect("data without a token", 401, ask(host, "/api/v1/access", base=BASE).status)
        expect(
            "a change of it",
            405,
            ask(host, "/", "-X", "POST", "-H", f"Authorization: Bearer {ADMIN}", base=BASE).status,
        )
        # A browser reaches the Unix socket by a forwarded port: no page of another origin may use that.
        expect("the Unix socket", 200, ask(host, "/").status)
        for header in (
            "Host: evil.example",
            "Origin: http://evil.example",
            "Origin: null",
            "Sec-Fetch-Site: cross-site",
        ):
            for path in ("/", "/api/v1/status"):
                expect(f"Unix socket, {path}, {header}", 403, ask(host, path, "-H", header).status)
        for header in ("Host: run", "Host: 127.0.0.1:9000", "Origin: http://localhost", "Sec-Fetch-Site: same-origin"):
            expect(f"Unix socket, {header}", 200, ask(host, "/api/v1/status", "-H", header).status)
        watching.stop()


@slow
def views_case(directory):
    """Each view shows what the run has, within seconds, with nothing wider than the page, light and dark."""
    rules = [
        {"operation": "append", "l4proto": "TCP", "dport": 80, "action": "accept", "description": "the web server"},
        {"operation": "append", "l4proto": "ICMP", "action": "accept", "log": {"every": 5}, "description": MARKUP},
    ]
    with Peers(directory) as host:
        watching = watch(host, "--count-hits")
        host.rules(rules)
        host.nicsentry("sets", "add", "blocked", "203.0.113.9", "--for", "10m", "-i", "right0")
        traffic(host)
        with network_of(host.receiver):
            for name, width, height, dark in (
                ("light", 1440, 1000, False),
                ("dark", 1440, 1000, True),
                ("narrow", 390, 844, False),
            ):
                with Browser(BASE, width, height, dark, refused=("401", "400")) as browser:
                    sign_in(browser, ADMIN)
                    look_at_views(browser, name)
        watching.stop()


def look_at_views(browser, name):
    def figure(table, row, column):
        rows = browser.rows(table)
        return rows[row][column] if len(rows) > row and len(rows[row]) > column else ""

    within(10, "packets in at the port", lambda: figure("#ports", 0, 3) not in ("", "–", "0 /s"))
    expect("both directions", {"in", "out"}, {row[1] for row in browser.rows("#ports")})
    within(10, "TCP and ICMP", lambda: {"TCP", "ICMP"} <= {row[0] for row in browser.rows("#protocols")})
    within(15, "an accounting", lambda: len(browser.rows("#accounting")) == 2)
    expect("differences", {"0"}, {row[-1] for row in browser.rows("#accounting")})
    expect("graphs", 1, browser.script("return document.querySelectorAll('.graph canvas').length"))
    browser.choose("#since", "60")
    time.sleep(25)
    for view in VIEWS:
        browser.script("location.hash = arguments[0]", view)
        within(5, f"the view {view}", lambda: browser.text(f"#{view}-title") != "")
        if view == "sessions":
            within(
                5, "a session of the client", lambda: any(OUTSIDE in row[0] for row in browser.rows("#session-rows"))
            )
            for by, first in (("src", OUTSIDE), ("dport", "TCP 80"), ("proto", "TCP")):
                browser.choose("#by", by)
                within(5, f"{by}", lambda: any(row[0].startswith(first) for row in browser.rows("#session-rows")))
            browser.choose("#by", "")
            time.sleep(2)
            browser.picture(f"page-sessions-{name}")
            browser.fill("#filter", "icmp" + Keys.ENTER)
            within(
                5, "only ICMP", lambda: {row[2] for row in browser.rows("#session-rows") if len(row) > 2} == {"ICMP"}
            )
            browser.fill("#filter", "nonsense ((" + Keys.ENTER)
            browser.shows("#sessions-error", "nonsense")
            browser.fill("#filter", Keys.ENTER)
        elif view == "rules":
            within(
                5, "the description as text", lambda: any(MARKUP in row[-1] for row in browser.rows("#rules-ingress"))
            )
            within(5, "a rate", lambda: figure("#rules-ingress", 0, 4) not in ("", "– /s", "–", "0 /s"))
        elif view == "sets":
            within(5, "the entry", lambda: any(row[0] == "203.0.113.9" for row in browser.rows("#entries")))
            expect_text("its time left", "m", figure("#entries", 0, 1))
        elif view == "explain":
            browser.choose("#e-protocol", "ICMP")
            browser.fill("#e-src", OUTSIDE)
            browser.fill("#e-dst", INSIDE)
            browser.click("#explain-form button")
            browser.shows("#verdict", "accept")
        elif view == "log":
            within(10, "a packet that a rule logs", lambda: any(row[1] == "log" for row in browser.rows("#log-rows")))
        elif view == "health":
            browser.shows("#troubles", "Nothing is wrong.")
            expect_text("the configuration", "window", str(browser.rows("#configuration")))
        expect(f"{view}: wider than the page by", 0, browser.overflow())
        expect(f"{view}: images", 0, browser.script("return document.images.length"))
        if view != "sessions":
            browser.picture(f"page-{view}-{name}")
    expect("an alert", False, browser.has_alert())


@slow
def reader_case(directory):
    """A reader's token: everything that changes something is hidden, and --open-read needs no token."""
    with Peers(directory) as host:
        watching = watch(host)
        with network_of(host.receiver), Browser(BASE, refused=("401", "409")) as browser:
            browser.open("sets")
            browser.shows("#sign-in", "asks for a token")
            browser.press("wrong-wrong-wrong-wrong", Keys.ENTER)
            browser.shows("#sign-in-error", "not known here")
            browser.press(READER, Keys.ENTER)
            browser.shows("#role", "may read")
            browser.shows("#set-about", "entries")
            hidden = "return [...document.querySelectorAll('.admin')].every(one => !one.checkVisibility())"
            expect("what changes is hidden", True, browser.script(hidden))
            kept = "return [document.cookie, localStorage.length, sessionStorage.length, location.href]"
            expect("the token is kept", ["", 0, 0, f"{BASE}/#sets"], browser.script(kept))
            browser.click("#sign-out")
            browser.shows("#sign-in", "asks for a token")
        watching.stop()
        watching = watch(host, with_tokens=False)
        with network_of(host.receiver), Browser(BASE, refused=("409",)) as browser:
            browser.open("health")
            browser.shows("#role", "may read")
            browser.shows("#troubles", "Nothing is wrong.")
        watching.stop()


@slow
def lost_case(directory):
    """A run that stands still, and one that ends and comes back: the page says so, and goes on by itself."""
    with Peers(directory) as host:
        watching = watch(host)
        with network_of(host.receiver), Browser(BASE, refused=("401", "lost", "409")) as browser:
            sign_in(browser, ADMIN, "health")
            watching.process.send_signal(signal.SIGSTOP)
            browser.shows("#lost", "No connection since")
            watching.process.send_signal(signal.SIGCONT)
            within(15, "no alert", lambda: browser.text("#lost") == "")
            browser.shows("#connection", "live")
            watching.stop()
            browser.shows("#lost", "No connection since")
            watching = watch(host)
            within(15, "no alert", lambda: browser.text("#lost") == "")
            browser.script("location.hash = 'log'")
            browser.shows("#log-state", "Reads events")
            host.nicsentry("block", "203.0.113.77", "-i", "right0")
            within(10, "an event", lambda: any("203.0.113.77" in row[-1] for row in browser.rows("#log-rows")))
            watching.stop()


@slow
def change_case(directory):
    """A batch is tried, applied, taken back, kept and undone; what cuts off the host is asked about."""
    batch = json.dumps({"rules": [{"operation": "append", "l4proto": "ICMP", "action": "drop", "description": MARKUP}]})
    with Peers(directory) as host:
        watching = watch(host)
        pings = lambda: host.ping(host.sender, INSIDE, "-c", "1")  # noqa: E731
        with network_of(host.receiver), Browser(BASE, refused=("401", "400", "409")) as browser:
            sign_in(browser, ADMIN, "change")
            browser.script("document.getElementById('batch').value = arguments[0]", '{"rules": [{"operation": "x"}]}')
            browser.click("#try")
            browser.shows("#change-error", "rule 1")
            browser.script("document.getElementById('batch').value = arguments[0]", batch)
            browser.click("#try")
            browser.shows("#change-result", "Nothing was changed")
            expect_text("what it would do", MARKUP, browser.text("#change-result"))
            expect("rules", [], host.shown()["ingress"]["rules"])
            browser.click("#apply")
            browser.shows("#waiting-text", "Waits to be confirmed")
            expect("ping with the rule", False, pings())
            browser.click("#revert")
            browser.shows("#said-text", "taken back")
            expect("ping without it", True, pings())
            browser.click("#apply")
            browser.shows("#waiting-text", "Waits to be confirmed")
            browser.click("#confirm")
            browser.shows("#said-text", "kept")
            within(5, "nothing waits", lambda: browser.text("#waiting") == "")
            expect("ping with the rule that is kept", False, pings())
            browser.choose("#back", "")
            browser.script(
                "document.getElementById('batch').value = arguments[0]",
                json.dumps({"rules": [{"operation": "delete", "id": 0}, DROP_ONE]}),
            )
            browser.click("#apply")
            browser.shows("#said-text", "Applied to ingress: 2 changes")
            expect("ping without the rule", True, pings())
            browser.click("#undo")
            browser.shows("#said-text", "Undone")
            expect("ping with the rule again", False, pings())
            expect("an alert", False, browser.has_alert())
        watching.stop()


@slow
def unix_socket_case(directory):
    """By a port that is forwarded to the Unix socket, as `ssh -L` does, the page needs no token."""
    with Peers(directory) as host:
        watching = Controller(host, *STATEFUL)
        forward = host.start(host.receiver, sys.executable, "-c", FORWARD, socket_of(host), stdout=subprocess.PIPE)
        forward.stdout.readline()
        with network_of(host.receiver), Browser("http://localhost:9444", refused=("409",)) as browser:
            browser.open("health")
            browser.shows("#role", "may change")
            browser.shows("#troubles", "Nothing is wrong.")
        watching.stop()


def time_of(host, query):
    """Seconds of one answer, the start of curl among them."""
    before = time.monotonic()
    answer = ask(host, f"/api/v1/sessions?{query}&limit=100", "-H", f"Authorization: Bearer {READER}", base=BASE)
    expect(f"{query}: status", 200, answer.status)
    return time.monotonic() - before


@slow
def many_sessions_case(directory):
    """With 65,536 sessions the run sorts, filters and pages within 200 ms, and the page shows it."""
    with Peers(directory) as host:
        watching = watch(host, window="600s")
        expect("questions without an answer", True, host.unanswered(host.sender, INSIDE, 9, 1) <= 1)
        done = host.inside(host.sender, sys.executable, "-c", MANY, OUTSIDE, INSIDE)
        expect("sender", 0, done.returncode)
        time.sleep(2)
        with network_of(host.receiver), Browser(BASE, refused=("401",)) as browser:
            sign_in(browser, ADMIN, "sessions")
            browser.choose("#limit", "100")
            within(10, "many sessions", lambda: "of 6" in browser.text("#place"))
            times = []
            for query in (
                "sort=bytes",
                "sort=packets&order=asc&offset=60000",
                "filter=udp+port+9",
                "by=src",
                "by=dport",
            ):
                times.append(min(time_of(host, query) for _ in range(4)))
                if times[-1] > 0.2:
                    raise Mismatch(f"{query}: expected an answer within 200 ms, seen {times[-1] * 1000:.0f} ms")
            browser.click("#next")
            browser.shows("#place", "101 to 200")
            browser.picture("page-many")
        watching.stop()
        return f"slowest {max(times) * 1000:.0f} ms"


FORWARD = """
import asyncio, sys
async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
async def take(reader, writer):
    other, to = await asyncio.open_unix_connection(sys.argv[1])
    await asyncio.gather(pump(reader, to), pump(other, writer), return_exceptions=True)
async def main():
    server = await asyncio.start_server(take, "127.0.0.1", 9444)
    print("ready", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
MANY = """
import socket, struct, sys, time
source, to = (socket.inet_aton(one) for one in sys.argv[1:])
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for number in range(65000):
    payload = struct.pack(">HHHH", number % 60000 + 1024, 9 + number // 60000, 8, 0)
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28, number, 0, 64, 17, 0, source, to)
    s.sendto(header + payload, (sys.argv[2], 0))
    if number % 100 == 0:
        time.sleep(0.01)
"""

CASES = {
    "a block by the keyboard": keyboard_case,
    "files": files_case,
    "views": views_case,
    "a reader": reader_case,
    "a lost connection": lost_case,
    "changes": change_case,
    "the Unix socket": unix_socket_case,
    "65,536 sessions": many_sessions_case,
}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
