#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/openapi.yaml has every path and method of a run, and each answer of a run is as it says, errors included.

    test_openapi.py --list | [CASE ...]      NICSENTRY: the binary (default build/nicsentry).

Debian 12 has neither a validator of OpenAPI 3.1 nor its meta-schema: the file's own structure is held against what the
specification requires of the parts that it uses, by the first case.
"""
import json
import re
import sys
import urllib.parse

import jsonschema
import yaml  # type: ignore[import]

from api_client import ask
from compare import expect
from network import Controller
from peers import INSIDE, STATEFUL, Peers
from suite import REPOSITORY, Mismatch, run_directory_cases
from test_program_metrics import exported, load_metrics

DESCRIPTION = REPOSITORY / "docs" / "openapi.yaml"
RESOURCES = REPOSITORY / "host" / "api" / "json" / "resources.h"
METHODS = {"get", "put", "post", "delete", "head", "options", "patch", "trace"}
OPERATION = {"tags", "summary", "description", "operationId", "parameters", "requestBody", "responses", "security"}
PROBLEM = "application/problem+json"


def description():
    return yaml.safe_load(DESCRIPTION.read_text(encoding="utf-8"))


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield path, method, item, item[method]


def resolve(document, node):
    while "$ref" in node:
        found = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def structure_case(_):
    """The file has the structure of OpenAPI 3.1: references, parameters, operations and schemas."""
    document = description()
    expect("version", "3.1.0", document["openapi"])
    expect("information", True, {"title", "version"} <= set(document["info"]))
    for reference in references(document):
        resolve(document, {"$ref": reference})
    names = []
    for path, method, item, operation in operations(document):
        what = f"{method} {path}"
        expect(f"{what}: fields", set(), set(operation) - OPERATION)
        names.append(operation["operationId"])
        expect(f"{what}: answers", True, "200" in operation["responses"] and "default" in operation["responses"])
        parameters = [resolve(document, one) for one in item.get("parameters", []) + operation.get("parameters", [])]
        in_path = {one["name"] for one in parameters if one["in"] == "path"}
        expect(f"{what}: parameters of the path", set(re.findall(r"{(\w+)}", path)), in_path)
        expect(f"{what}: they are required", True, all(one["required"] for one in parameters if one["in"] == "path"))
        expect(f"{what}: tags", True, set(operation["tags"]) <= {tag["name"] for tag in document["tags"]})
    expect("operations of one name", len(set(names)), len(names))
    for name, schema in document["components"]["schemas"].items():
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise Mismatch(f"schema {name}: {error.message}") from error
    used = set(references(document))
    for kind, parts in document["components"].items():
        for name in parts if kind != "securitySchemes" else ():
            expect(f"{kind} {name} is used", True, f"#/components/{kind}/{name}" in used)


def paths_case(_):
    """It has the paths that the server's source has, and no others."""
    source = RESOURCES.read_text(encoding="utf-8")
    expect("paths", sorted(re.findall(r'= "(/[^"]+)";', source)), sorted(description()["paths"]))


class Run:
    """A run, of which each answer is held against the description."""

    def __init__(self, host):
        self.host = host
        self.document = description()
        self.seen = set()

    def ask(self, method, template, body=None, status=200, query="", headers=(), **parts):
        path = template
        for name, value in parts.items():
            path = path.replace("{" + name + "}", urllib.parse.quote(value, safe=""))
        options = ["-X", method, *headers]
        if body is not None:
            options += ["-d", body if isinstance(body, str) else json.dumps(body)]
        answer = ask(self.host, path + query, *options)
        what = f"{method} {path}{query}"
        expect(f"{what}: status ({answer.text[:300]})", status, answer.status)
        media = answer.headers["content-type"].partition(";")[0]
        if status >= 400:
            expect(f"{what}: media type", PROBLEM, media)
            expect(f"{what}: status in the body", status, answer.json()["status"])
        operation = self.document["paths"][template].get(method.lower())
        if operation is None:
            self.check(what, self.document["components"]["responses"]["Problem"], media, answer)
            return answer
        response = operation["responses"].get(str(status)) or operation["responses"]["default"]
        self.seen.add((method.lower(), template, "200" if status == 200 else "default"))
        self.check(what, resolve(self.document, response), media, answer)
        return answer

    def check(self, what, response, media, answer):
        expect(f"{what}: media type {media}", True, media in response["content"])
        schema = response["content"][media]["schema"]
        if media.endswith("json"):
            whole = {**schema, "components": self.document["components"]}
            for error in jsonschema.Draft202012Validator(whole).iter_errors(answer.json()):
                raise Mismatch(f"{what}: {error.json_path}: {error.message[:500]}")
        for name in response.get("headers", {}):
            expect(f"{what}: header {name}", True, name.lower() in answer.headers)


RULES = [
    {"operation": "append", "l4proto": "TCP", "dport": [22, "8000-8100"], "action": "accept", "description": "ä"},
    {"operation": "append", "src": ["@bad", "10.9.0.0/16"], "l4proto": "UDP", "action": "drop", "expires": "1h"},
    {"operation": "append", "l4proto": "ICMP", "icmptype": 8, "action": "accept", "log": {"every": 10}},
    {"operation": "append", "l4proto": "TCP", "tcpflags": "SYN,!ACK", "conntrack": "NEW", "action": "count"},
    {"operation": "append", "l4proto": "UDP", "dport": 53, "action": "limit", "rate": "10/s", "per": "source"},
]
FRAME = "0200000000020200000000010800" + "4500001c000040004011" + "0000" + "c6336401c6336402" + "9c4000350008" + "0000"
CHAIN = "/api/v1/rules/{chain}/"


def rules_answers(api):
    tried = api.ask("POST", CHAIN + "batch/diff", {"rules": RULES[:4]}, chain="ingress").json()
    expect("a batch that is tried: rules", (4, 4), (tried["rules"], len(tried["changes"])))
    expect("rules in force", [], api.ask("GET", "/api/v1/rules").json()["ingress"]["rules"])
    api.ask("POST", CHAIN + "batch/diff", {"rules": [{"operation": "delete", "id": 9}]}, chain="ingress", status=400)
    api.ask("POST", CHAIN + "batch", {"rules": RULES[:4]}, chain="ingress")
    api.ask("POST", CHAIN + "batch", {"rules": RULES[:1]}, chain="ingress")
    api.ask("POST", CHAIN + "batch", {"rules": [{"operation": "move", "id": 0, "to": 1}]}, chain="ingress")
    api.ask("POST", CHAIN + "batch", {"rules": [{"operation": "flush"}]}, chain="egress")
    api.ask("GET", "/api/v1/rules")
    tag = api.ask("GET", "/api/v1/rules").headers["etag"]
    api.ask("PUT", CHAIN + "default", {"action": "accept"}, chain="ingress", headers=("-H", f"If-Match: {tag}"))
    api.ask("POST", CHAIN + "batch", {"rules": RULES[:1]}, chain="egress", headers=("-H", 'If-Match: "x"'), status=412)
    api.ask("PUT", CHAIN + "default", {"action": "drop"}, chain="ingress", query="?yes=true")
    api.ask("PUT", CHAIN + "default", {"action": "accept"}, chain="ingress")
    api.ask("PUT", CHAIN + "accept-established", {"on": True}, chain="ingress")
    api.ask("PUT", CHAIN + "unjudged", {"action": "pass"}, chain="ingress")
    api.ask("PUT", CHAIN + "non-ip", {"pass": "all"}, chain="egress")
    api.ask("PUT", CHAIN + "non-ip", {"pass": ["ARP"]}, chain="egress")
    api.ask("POST", CHAIN + "explain", {"packets": [{"frame": FRAME}], "why": True}, chain="ingress")
    api.ask("POST", CHAIN + "batch", {"rules": RULES[4:]}, chain="ingress", query="?confirm=60s")
    api.ask("GET", "/api/v1/rules")
    api.ask("GET", "/api/v1/status")
    api.ask("POST", "/api/v1/rules/confirm", {})
    api.ask("POST", "/api/v1/rules/confirm", {}, status=409)
    api.ask("POST", CHAIN + "batch", {"rules": RULES[:1]}, chain="ingress", query="?confirm=60s")
    api.ask("POST", "/api/v1/rules/revert", {})
    api.ask("POST", "/api/v1/rules/revert", {}, status=409)
    api.ask("POST", "/api/v1/rules/reset-counters", {})
    api.ask("GET", "/api/v1/rules/limited")
    api.ask("GET", "/api/v1/rules/limited", query="?top=some", status=400)


def ruleset_answers(api):
    document = api.ask("GET", "/api/v1/ruleset").json()
    api.ask("POST", "/api/v1/ruleset/diff", document)
    document["ingress"]["rules"].append({"src": "192.0.2.9", "action": "drop"})
    api.ask("POST", "/api/v1/ruleset/diff", document)
    api.ask("PUT", "/api/v1/ruleset", document)


def sets_answers(api):
    name = {"name": "bad"}
    api.ask("PUT", "/api/v1/sets/{name}", {"entries": ["192.0.2.1", {"range": "192.0.2.2", "for_s": 60}]}, **name)
    api.ask("POST", "/api/v1/sets/{name}/entries", {"entries": ["192.0.2.0/24", "192.0.2.2"], "for_s": 3600}, **name)
    api.ask("POST", "/api/v1/sets/{name}/entries", {"entries": ["192.0.2.7", "192.0.2.2"], "for_s": 1}, **name)
    api.ask("POST", "/api/v1/sets/{name}/removals", {"entries": ["192.0.2.7", "192.0.2.99"]}, **name)
    api.ask("GET", "/api/v1/sets/{name}", **name)
    api.ask("GET", "/api/v1/sets")
    api.ask("GET", "/api/v1/sets", query="?stats=x", status=400)
    api.ask("GET", "/api/v1/sets", query="?stats", status=409)
    api.ask("GET", "/api/v1/sets/{name}", name="none", status=404)
    api.ask("GET", "/api/v1/sets/{name}", name="a b", status=400)
    api.ask("DELETE", "/api/v1/sets/{name}", name="bad", status=409)
    api.ask("PUT", "/api/v1/sets/{name}", {"entries": []}, name="spare")
    api.ask("DELETE", "/api/v1/sets/{name}", name="spare")


def run_answers(api):
    expect("role on the Unix socket", "admin", api.ask("GET", "/api/v1/access").json()["role"])
    for path in ("/api/v1/version", "/api/v1/status", "/api/v1/connections", "/healthz", "/metrics"):
        api.ask("GET", path)
    api.ask("GET", "/metrics", headers=("-H", "Accept: application/openmetrics-text"))
    api.ask("GET", "/metrics", query="?rules=x", status=400)
    api.ask("GET", "/api/v1/events", query="?kinds=x", status=400)
    for query, status in (("", 200), ("?by=dport", 200), ("?by=some", 400), ("?limit=0", 400), ("?sort=name", 400)):
        api.ask("GET", "/api/v1/sessions", query=query, status=status)
    rows = api.ask("GET", "/api/v1/sessions", query="?filter=icmp").json()["sessions"]
    expect("the ping is there", ["ICMP"], [row["protocol"] for row in rows])
    api.ask("GET", "/api/v1/traffic")
    api.ask("GET", "/api/v1/traffic", query="?since=none", status=400)
    api.ask("POST", "/api/v1/windows", {})


def programs_answers(api):
    load_metrics(api.host, exported("single", "gauge"))
    api.ask("GET", "/api/v1/programs")
    api.ask("GET", "/api/v1/programs/{name}", name="exports")
    for form in ("json", "openmetrics", "table"):
        api.ask("GET", "/api/v1/programs/{name}/metrics", name="exports", query=f"?format={form}")
    api.ask("GET", "/api/v1/programs/{name}/metrics", name="none", status=404)
    api.ask("GET", "/api/v1/programs/{name}", name="none", status=404)
    api.ask("POST", "/api/v1/programs", {"name": "x"}, status=400)
    api.ask("DELETE", "/api/v1/programs/{name}", name="exports")
    api.ask("DELETE", "/api/v1/programs/{name}", name="exports", status=404)


def wrong_answers(api):
    """Each method of each path with a wrong body, and each method that a path does not have."""
    values = {"chain": "ingress", "name": "bad"}
    for path, item in api.document["paths"].items():
        methods = METHODS & set(item)
        parts = {name: values[name] for name in re.findall(r"{(\w+)}", path)}
        for method in methods - {"get", "delete"}:
            for body in ("{", '{"nonsense": 1}', '{"a": 1, "a": 2}'):
                api.ask(method.upper(), path, body, status=400, **parts)
        refused = api.ask("PATCH", path, "{}", status=405, **parts)
        allowed = {method.upper() for method in methods} | ({"HEAD"} if "get" in methods else set())
        expect(f"{path}: methods", allowed, set(refused.headers["allow"].split(", ")))
    for path in (CHAIN + "batch", CHAIN + "explain"):
        api.ask("POST", path, {"rules": []}, chain="sideways", status=400)


def answers_case(directory):
    """Every operation answers as the description says; so does every kind of error."""
    with Peers(directory) as host:
        watching = Controller(host, *STATEFUL)
        api = Run(host)
        host.ping(host.sender, INSIDE, "-c", "1")
        host.nicsentry("sets", "add", "bad", "203.0.113.9", "-i", "right0")
        for answers in (rules_answers, ruleset_answers, sets_answers, run_answers, programs_answers, wrong_answers):
            answers(api)
        wanted = {(method, path, "200") for path, method, _, _ in operations(api.document)}
        wanted -= {("get", "/api/v1/events", "200"), ("post", "/api/v1/programs", "200")}  # test_events, test_programs
        expect("operations that were not asked", set(), wanted - api.seen)
        unknown = ask(host, "/api/v1/nothing")
        expect("an unknown path", (404, PROBLEM), (unknown.status, unknown.headers["content-type"]))
        expect("its type", "urn:nicsentry:problem:unknown-resource", unknown.json()["type"])
        watching.stop()


def bare_case(directory):
    """Without a firewall every answer about one is a conflict."""
    with Peers(directory) as host:
        watching = Controller(host)
        api = Run(host)
        values = {"chain": "ingress", "name": "bad"}
        firewall = [(p, m) for p, m, _, _ in operations(api.document) if "/rules" in p or "/sets" in p]
        for path, method in firewall:
            if method in ("get", "delete"):
                parts = {name: values[name] for name in re.findall(r"{(\w+)}", path)}
                api.ask(method.upper(), path, status=409, **parts)
        api.ask("GET", "/api/v1/connections", status=409)
        api.ask("GET", "/api/v1/status")
        watching.stop()


CASES = {"structure": structure_case, "paths": paths_case, "answers": answers_case, "without a firewall": bare_case}

if __name__ == "__main__":
    sys.exit(run_directory_cases(CASES))
