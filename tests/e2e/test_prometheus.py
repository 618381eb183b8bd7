#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prometheus scrapes a run: every query of the dashboard has an answer; rules and alerts are what their tests say.

    test_prometheus.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

from compare import PATIENCE, expect
from network import Controller
from peers import INSIDE, STATEFUL, Peers
from suite import REPOSITORY, Mismatch, Skipped, run_directory_cases, slow, within
from test_metrics import prometheus_text, samples_of, scrape

SHARE = REPOSITORY / "share"
TOKEN = "prometheus-prometheus-0"
CONFIGURATION = """
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files: [rules.yml, alerts.yml]
scrape_configs:
  - job_name: nicsentry
    authorization: {credentials_file: token}
    static_configs:
      - targets: ["127.0.0.1:9443"]
"""


def tool(name):
    program = shutil.which(name)
    if program is None:
        raise Skipped(f"there is no {name} (scripts/install-deps.sh --tests)")
    return program


def rules_case(_):
    """Rules and alerts are valid, and fire when they have to."""
    with tempfile.TemporaryDirectory(prefix="nicsentry-promtool-") as directory:
        for path in (*(SHARE / "prometheus").glob("*.yml"), REPOSITORY / "tests" / "share" / "prometheus_test.yml"):
            shutil.copy(path, directory)
        for command in (["check", "rules", "rules.yml", "alerts.yml"], ["test", "rules", "prometheus_test.yml"]):
            done = subprocess.run(
                [tool("promtool"), *command],
                cwd=directory,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            expect(f"promtool {command} ({done.stdout}{done.stderr})", 0, done.returncode)


def expressions(dashboard):
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel["targets"]]


def filled_in(expression):
    """With all ports and instances, as Grafana asks for them."""
    for name, value in (("$__rate_interval", "6s"), ("$instance", ".*"), ("$interface", ".*")):
        expression = expression.replace(name, value)
    return expression


def names_in(expression):
    return set(re.findall(r"\b(?:nicsentry|process)_\w+", expression))


class Prometheus:
    """Debian's Prometheus in the receiving namespace."""

    def __init__(self, host):
        self.host = host
        home = host.directory / "prometheus"
        home.mkdir()
        for path in (SHARE / "prometheus").glob("*.yml"):
            shutil.copy(path, home)
        (home / "prometheus.yml").write_text(CONFIGURATION, encoding="utf-8")
        (home / "token").write_text(TOKEN, encoding="utf-8")
        with open(home / "log", "w", encoding="utf-8") as log:
            self.process = host.start(
                host.receiver,
                tool("prometheus"),
                f"--config.file={home}/prometheus.yml",
                f"--storage.tsdb.path={home}/data",
                "--web.listen-address=127.0.0.1:9090",
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        within(PATIENCE, "Prometheus is up", lambda: self.query("up") == [1])

    def ask(self, expression):
        url = "http://127.0.0.1:9090/api/v1/query?query=" + urllib.parse.quote(expression)
        done = self.host.inside(self.host.receiver, "curl", "-s", url, check=False)
        if done.returncode or not done.stdout.startswith("{"):  # it says in words that it is not ready
            return None
        answer = json.loads(done.stdout)
        if answer["status"] != "success":
            raise Mismatch(f"{expression}: {answer}")
        return answer["data"]["result"]

    def query(self, expression):
        return [float(one["value"][1]) for one in self.ask(expression) or []]


def dashboard_case(directory):
    """Every query of the dashboard has an answer after some traffic, and no alert fires."""
    dashboard = json.loads((SHARE / "grafana" / "nicsentry.json").read_text(encoding="utf-8"))
    with Peers(directory) as host:
        tokens = pathlib.Path(directory) / "tokens"
        tokens.write_text(f"read {TOKEN} prometheus\n", encoding="utf-8")
        tokens.chmod(0o600)
        listen = ("--listen", "127.0.0.1:9443", "--token-file", tokens)
        watching = Controller(host, *STATEFUL, *listen, window="1s")
        prometheus = Prometheus(host)
        host.serve(host.receiver, 8080)
        host.nicsentry("block", "198.51.100.1", "-i", "right0")
        for _ in range(12):
            host.fetch(host.sender, f"http://{INSIDE}:8080/")
            host.ping(host.sender, INSIDE, "-c", "2", "-i", "0.2")
            time.sleep(0.5)
        known = {
            re.sub(r"_(bucket|count|sum)$", "", key[0])
            for key in samples_of(scrape(host, accept="").text, prometheus_text)
        } | {key[0] for key in samples_of(scrape(host).text)}
        for title, expression in expressions(dashboard):
            for name in names_in(expression):
                expect(f"{title}: the metric {name}", True, re.sub(r"_bucket$", "", name) in known or name in known)
            expect(f"{title}: {expression}", True, bool(prometheus.ask(filled_in(expression))))
        for name in set(re.findall(r"\b(?:nicsentry)_\w+", (SHARE / "prometheus" / "alerts.yml").read_text())):
            expect(f"alerts: the metric {name}", True, name in known)
        for record in re.findall(r"record: (\S+)", (SHARE / "prometheus" / "rules.yml").read_text()):
            if "ratio" not in record:
                within(PATIENCE, record, lambda record=record: bool(prometheus.ask(record)))
        firing = prometheus.ask('ALERTS{alertstate="firing"}')
        expect("alerts", [], [one["metric"]["alertname"] for one in firing])
        expect("scrapes", [1], prometheus.query('up{job="nicsentry"}'))
        prometheus.process.terminate()
        prometheus.process.wait(timeout=PATIENCE)
        watching.stop()


CASES = {"rules and alerts": rules_case, "the dashboard": slow(dashboard_case)}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
