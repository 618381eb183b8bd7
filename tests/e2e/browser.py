# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's Chromium without a screen, in a network namespace, and what its page shows."""
import contextlib
import ctypes
import json
import os
import pathlib
import tempfile

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys

from compare import expect
from suite import Mismatch, within

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(descriptor):
    if LIBC.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def network_of(namespace):
    """This process's new sockets and processes are in the namespace."""
    with open("/proc/self/ns/net", "rb") as before, open(f"/var/run/netns/{namespace}", "rb") as inside:
        enter(inside.fileno())
        try:
            yield
        finally:
            enter(before.fileno())


class Browser:
    """A page in Chromium. Leaving it looks for errors in its console, and for requests of another origin."""

    def __init__(self, base, width=1440, height=1000, dark=False, refused=()):
        self.base = base
        self.refused = refused  # answers that are part of the case: "401", "409", ...
        self.directory = tempfile.TemporaryDirectory(prefix="nicsentry-chromium-")
        options = webdriver.ChromeOptions()
        for argument in (
            "--headless=new",
            "--no-sandbox",  # the tests run as root
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--no-proxy-server",
            f"--user-data-dir={self.directory.name}",
            f"--window-size={width},{height}",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            del os.environ[name]
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_script_timeout(30)
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        if dark:
            feature = {"name": "prefers-color-scheme", "value": "dark"}
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.check_log()
                self.check_requests()
        finally:
            self.driver.quit()
            self.directory.cleanup()

    def open(self, view="overview"):
        self.driver.get(f"{self.base}/#{view}")

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def press(self, *keys):
        """To whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self):
        return self.script("return document.activeElement.id || document.activeElement.textContent")

    def tab_to(self, wanted, most=60):
        """Presses the tabulator until the element with this id or text has the focus, which must be seen."""
        for _ in range(most):
            self.press(Keys.TAB)
            if self.focused() == wanted:
                style = self.script("return getComputedStyle(document.activeElement).outlineStyle")
                expect(f"the focus of {wanted} is seen", "solid", style)
                return
        raise Mismatch(f"expected the focus on {wanted!r} after {most} tabulators, seen {self.focused()!r}")

    def text(self, selector):
        """The text of what is shown; empty where it is hidden."""
        return self.script(
            "const one = document.querySelector(arguments[0]);"
            "return one && one.checkVisibility() ? one.innerText : ''",
            selector,
        )

    def rows(self, table):
        return self.script(
            "return [...(document.querySelector(arguments[0])?.tBodies[0].rows ?? [])].map("
            "row => [...row.cells].map(cell => cell.innerText))",
            table,
        )

    def shows(self, selector, wanted, seconds=20):
        within(
            seconds, f"{wanted!r} in {selector}, seen {self.text(selector)!r}", lambda: wanted in self.text(selector)
        )

    def click(self, selector):
        self.driver.find_element("css selector", selector).click()

    def fill(self, selector, text):
        field = self.driver.find_element("css selector", selector)
        field.clear()
        field.send_keys(text)

    def choose(self, selector, value):
        self.script(
            "const one = document.querySelector(arguments[0]); one.value = arguments[1];"
            "for (const kind of ['input', 'change']) one.dispatchEvent(new Event(kind, {bubbles: true}))",
            selector,
            value,
        )

    def overflow(self):
        """By how many points the page is wider than what is shown of it."""
        return self.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def picture(self, name):
        """For the documents, where NICSENTRY_PICTURES names a directory."""
        where = os.environ.get("NICSENTRY_PICTURES")
        if where:
            self.driver.save_screenshot(str(pathlib.Path(where) / f"{name}.png"))

    def check_log(self):
        for entry in self.driver.get_log("browser"):
            expected = any(f"status of {status}" in entry["message"] for status in self.refused) or (
                "lost" in self.refused and "net::ERR_" in entry["message"]
            )
            if entry["level"] == "SEVERE" and not expected:
                raise Mismatch(f"expected no error in the console, seen {entry['message']}")

    def check_requests(self):
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith((self.base + "/", "data:", "about:", "chrome:")):
                    raise Mismatch(f"expected requests to {self.base} only, seen {url}")

    def has_alert(self):
        try:
            return bool(self.driver.switch_to.alert)
        except WebDriverException:
            return False
