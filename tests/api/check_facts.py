"""Asks a real `leat up` every fact of facts.txt, in an order that the printed seed decides, several at a time."""
import base64
import concurrent.futures
import dataclasses
import http.client
import itertools
import json
import os
import pathlib
import random
import re
import shlex
import ssl
import sys
import tempfile
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
from leat import PATIENCE, Leat, eventually  # noqa: E402

SWITCHES = {"<on>": ["true", "True", "TRUE", "1", "t", "yes", "no", ""], "<off>": ["false", "False", "FALSE", "0"]}
CONTENT = {"merge": "application/merge-patch+json", "json": "application/json-patch+json",
           "strategic": "application/strategic-merge-patch+json", "apply": "application/apply-patch+yaml",
           "yaml": "application/yaml", "proto": "application/vnd.kubernetes.protobuf"}
LINE = re.compile(r"(\w+)(?:/(\w+))? (\S+)((?: \+\S+)*)(?: (.*))?")
THREADS = 8


@dataclasses.dataclass
class Fact:
    line: int
    text: str
    method: str
    content: str
    path: str
    headers: list
    body: str
    code: int
    what: str
    checks: list


def read_facts():
    facts = []
    for number, text in enumerate((HERE / "facts.txt").read_text().splitlines(), 1):
        if not text.strip() or text.startswith("#"):
            continue
        for spelled in spellings(text):
            asked, told = spelled.split(" -> ")
            match = LINE.fullmatch(asked.strip())
            if not match:
                raise SystemExit(f"facts.txt:{number}: not a request: {asked}")
            method, content, path, headers, body = match.groups()
            code, what, *checks = shlex.split(told)
            headers = [header[1:].split(":", 1) for header in headers.split()]
            facts.append(Fact(number, " ".join(spelled.split()), method, CONTENT[content or "merge"]
                              if content else "application/json", path, headers, (body or "").strip(), int(code), what,
                              [check.split("=", 1) for check in checks]))
    return facts


def spellings(text):
    """The line in every spelling of its switches; two in one line change together."""
    for mark, values in SWITCHES.items():
        if mark in text:
            return list(itertools.chain.from_iterable(spellings(text.replace(mark, value)) for value in values))
    return [text]


class Api:
    """Requests to the API server with the client certificate of the kubeconfig."""

    def __init__(self, leat):
        self.host, self.port = leat.api.removeprefix("https://").rsplit(":", 1)
        config = pathlib.Path(leat.kubeconfig).read_text()
        pems = {name: base64.b64decode(value) for name, value in re.findall(r"(\S+)-data: *\"?([A-Za-z0-9+/=]+)", config)}
        with tempfile.TemporaryDirectory() as folder:
            for name, pem in pems.items():
                pathlib.Path(folder, name).write_bytes(pem)
            self.context = ssl.create_default_context(cafile=f"{folder}/certificate-authority")
            self.context.load_cert_chain(f"{folder}/client-certificate", f"{folder}/client-key")

    def ask(self, method, path, headers=(), body="", content="application/json"):
        """(code, headers, body); a stream is read to its end."""
        connection = http.client.HTTPSConnection(self.host, int(self.port), timeout=60 * PATIENCE, context=self.context)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            if body:
                connection.putheader("Content-Type", content)
                connection.putheader("Content-Length", str(len(body.encode())))
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(body.encode() if body else None)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def make(self, path, value):
        code, _, text = self.ask("POST", path, body=json.dumps(value))
        if code != 201:
            raise AssertionError(f"POST {path}: {code} {text}")
        return json.loads(text)


def define_lamps(api):
    def version(name, storage, **spec):
        schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": spec}}}
        return {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": schema}}
    number, text = {"type": "integer"}, {"type": "string"}
    api.make("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
        "metadata": {"name": "lamps.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "lamps", "kind": "Lamp"},
                 "versions": [version("v1", True, watts=number, colour=text),
                              version("v2", False, watts=number, lumens=number)]}})
    eventually(lambda: api.ask("GET", "/apis/example.com/v1/lamps")[0] == 200, "lamps are served")


class Place:
    """A namespace with what facts.txt says is in each."""

    def __init__(self, api, name):
        core, own = f"/api/v1/namespaces/{name}", f"namespaces/{name}/lamps"
        self.words = {"ns": name, "maps": f"{core}/configmaps", "pods": f"{core}/pods",
                      "accounts": f"{core}/serviceaccounts", "lamps": f"/apis/example.com/v1/{own}",
                      "dimmers": f"/apis/example.com/v2/{own}", "allmaps": "/api/v1/configmaps",
                      "alllamps": "/apis/example.com/v1/lamps", "future": "999999999999", "long": "m" * 129}
        api.make("/api/v1/namespaces", {"metadata": {"name": name}})
        eventually(lambda: api.ask("GET", f"{core}/serviceaccounts/default")[0] == 200, f"{name} has its account")
        api.make(f"{core}/serviceaccounts", {"metadata": {"name": "robot"}})
        api.make(f"{core}/pods", {"metadata": {"name": "idle"}, "spec": {
            "nodeSelector": {"nowhere": "none"}, "containers": [{"name": "main", "image": "none"}]}})
        api.make(self.words["lamps"], {"apiVersion": "example.com/v1", "kind": "Lamp", "metadata": {"name": "l"},
                                       "spec": {"watts": 40, "colour": "warm"}})
        for name, colour in (("a", "red"), ("b", "blue"), ("c", "red")):
            made = api.make(self.words["maps"], {"metadata": {"name": name, "labels": {"color": colour}},
                                                 "data": {"k": "1"}})
        self.words["then"] = made["metadata"]["resourceVersion"]
        changed = json.loads(api.ask("PATCH", self.words["maps"] + "/a", body='{"data":{"k":"2"}}',
                                     content=CONTENT["merge"])[2])["metadata"]
        self.words.update(uid=changed["uid"], version=changed["resourceVersion"], now=changed["resourceVersion"])
        page = json.loads(api.ask("GET", self.words["maps"] + "?limit=1")[2])
        self.words["page"] = urllib.parse.quote(page["metadata"]["continue"])

    def fill(self, text):
        return re.sub(r"\{(\w+)\}", lambda word: self.words.get(word.group(1), word.group(0)), text)


def member(value, path):
    """The member at the path as text, "" when it is not there."""
    for step in path.split("."):
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return "" if value is None else str(value)


def names(items):
    return ",".join(item["metadata"]["name"] for item in items)


def stream_of(text):
    events = [json.loads(line) for line in text.splitlines()]
    return ",".join(event["type"] + ("" if event["type"] == "BOOKMARK" else ":" + event["object"]["metadata"]["name"])
                    for event in events)


def ask_fact(api, place, fact):
    """What is wrong with the answer, or None."""
    path = place.fill(fact.path)
    if fact.what == "events":
        path += "&timeoutSeconds=1"
    code, headers, text = api.ask(fact.method, path, fact.headers, place.fill(fact.body), fact.content)
    if code != fact.code:
        return f"{code} {text[:600]}"
    answer = {}
    if fact.what not in ("events", "text"):
        try:
            answer = json.loads(text)
        except ValueError:
            return f"is not JSON: {text[:600]}"
        what = answer.get("reason" if code >= 400 else "kind")
        if fact.what not in ("*", what):
            return f"is {what}: {text[:600]}"
        if code >= 400 and (answer["kind"], answer["code"], answer["status"]) != ("Status", code, "Failure"):
            return f"is no Status: {text[:600]}"
    for check, wanted in fact.checks:
        wanted = place.fill(wanted)
        if check == "says":
            if wanted not in answer["message"]:
                return f"says {answer['message']!r}"
            continue
        if check == "events":
            got = stream_of(text)
        elif check == "items":
            got = names(answer["items"])
        elif check == "after":
            got = str(api.ask("GET", path.split("?")[0])[0])
        elif check == "left":
            got = names(json.loads(api.ask("GET", path.split("?")[0])[2])["items"])
        elif check.startswith("is:"):
            got = member(answer, check[3:])
        elif check.startswith("header:"):
            got = headers.get(check[7:], "")
        else:
            raise SystemExit(f"facts.txt:{fact.line}: unknown check {check}")
        if got != wanted:
            return f"{check} is {got!r}: {text[:600]}"
    return None


def main():
    chosen = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
    facts = [fact for fact in read_facts() if chosen.search(fact.text)]
    seed = int(os.environ.get("LEAT_SEED", time.time_ns() % 1_000_000))
    print(f"{len(facts)} facts, LEAT_SEED={seed}", flush=True)
    random.Random(seed).shuffle(facts)
    begin = time.monotonic()
    with Leat() as leat:
        api = Api(leat)
        define_lamps(api)
        shared = Place(api, "shared")

        def check(numbered):
            number, fact = numbered
            return ask_fact(api, shared if fact.method == "GET" else Place(api, f"own-{number}"), fact)

        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            wrong = [(fact, why) for fact, why in zip(facts, pool.map(check, enumerate(facts))) if why]
    for fact, why in sorted(wrong, key=lambda pair: pair[0].line):
        print(f"facts.txt:{fact.line}: {fact.text}\n    got {why}")
    print(f"{len(facts) - len(wrong)} of {len(facts)} facts hold, {time.monotonic() - begin:.0f} s")
    return bool(wrong) or not facts


if __name__ == "__main__":
    sys.exit(main())
