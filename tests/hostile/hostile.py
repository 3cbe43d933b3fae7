"""Ordinary clients of both ports are served, whatever slow and hostile ones do meanwhile."""
import base64
import http.client
import json
import os
import pathlib
import random
import resource
import ssl
import sys
import tempfile
import threading
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import botocore.auth  # noqa: E402
import botocore.awsrequest  # noqa: E402
import botocore.credentials  # noqa: E402

from crowds import CROWDS, Idle, IdleOfTheApi  # noqa: E402
from leat import BIN, PATIENCE, Leat, eventually  # noqa: E402

SECONDS = float(os.environ.get("LEAT_HOSTILE_SECONDS", "0"))
SEED = int(os.environ.get("LEAT_HOSTILE_SEED", random.randrange(1 << 30)))
ROUNDS = 5  # that every ordinary client makes while a crowd is there
WORST_SECONDS = 15 * PATIENCE  # of one ordinary request
MAX_RSS_MB = 600
BUCKET = "bucket"


class Stage:
    """A Leat, and the ways to it."""

    def __init__(self, leat):
        self.leat = leat
        self.api_port = urllib.parse.urlsplit(leat.api).port
        self.aws_port = urllib.parse.urlsplit(leat.aws).port
        self.s3 = leat.s3()
        config = json.loads(leat.kubectl("config", "view", "--raw", "-o", "json").stdout)
        self.ca = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
        user = config["users"][0]["user"]
        pem = leat.dir / "hostile.pem"
        pem.write_bytes(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
        self.pem = str(pem)
        self.contexts = {}

    def tls(self, with_key):
        if with_key not in self.contexts:
            context = ssl.create_default_context(cadata=self.ca)
            if with_key:
                context.load_cert_chain(self.pem)
            self.contexts[with_key] = context
        return self.contexts[with_key]

    def presigned(self, method, key):
        return self.s3.generate_presigned_url(method, Params={"Bucket": BUCKET, "Key": key})

    def status(self):
        process = pathlib.Path(f"/proc/{self.leat.process.pid}")
        fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        return {"rss_mb": int(fields["VmRSS"].split()[0]) // 1024, "threads": int(fields["Threads"]),
                "fds": len(list((process / "fd").iterdir()))}


class Ordinary(threading.Thread):
    """One client that asks again and again; it connects anew when its idle connection was closed, as all do."""

    def __init__(self, stage, keeps):
        super().__init__(daemon=True)
        self.stage = stage
        self.keeps = keeps  # its connection
        self.done = 0
        self.failures = []
        self.worst = 0.0
        self.stopped = threading.Event()
        self.connection = None

    def run(self):
        while not self.stopped.is_set():
            begun = time.monotonic()
            try:
                self.ask_twice()
                self.done += 1
            except Exception as error:  # whatever it is, the test shall tell
                self.failures.append(f"{type(self).__name__}: {error!r}")
                self.forget()
            self.worst = max(self.worst, time.monotonic() - begun)
            self.stopped.wait(0.02)
        self.forget()

    def ask_twice(self):
        kept = self.connection is not None
        try:
            self.ask()
        except (ConnectionError, http.client.HTTPException):
            self.forget()
            if not kept:
                raise
            self.ask()
        if not self.keeps:
            self.forget()

    def forget(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def send(self, method, target, body=None, headers=None, expect=200):
        if self.connection is None:
            self.connection = self.connect()
        self.connection.request(method, target, body=body, headers=headers or {})
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != expect:
            raise AssertionError(f"{method} {target.split('?')[0]}: {answer.status} {content[:200]}")
        return content

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.stage.aws_port, timeout=WORST_SECONDS)


class Api(Ordinary):
    def connect(self):
        return http.client.HTTPSConnection("127.0.0.1", self.stage.api_port, timeout=WORST_SECONDS,
                                           context=self.stage.tls(with_key=True))

    def ask(self):
        patch = json.dumps({"data": {"n": str(self.done), "padding": "x" * 2000}})
        self.send("PATCH", "/api/v1/namespaces/default/configmaps/hostile", patch,
                  {"Content-Type": "application/merge-patch+json"})
        self.send("GET", "/api/v1/namespaces/default/configmaps")


class S3(Ordinary):
    def ask(self):
        for method, name, body in (("put_object", "small", os.urandom(1000)), ("get_object", "small", None),
                                   ("get_object", "middle", None)):
            url = urllib.parse.urlsplit(self.stage.presigned(method, f"{name}"))
            self.send("PUT" if body else "GET", f"{url.path}?{url.query}", body)


class SageMaker(Ordinary):
    def ask(self):
        leat = self.stage.leat
        request = botocore.awsrequest.AWSRequest("POST", leat.aws + "/", data=b"{}", headers={
            "X-Amz-Target": "SageMaker.ListTrainingJobs", "Content-Type": "application/x-amz-json-1.1"})
        keys = botocore.credentials.Credentials(leat.key_id, leat.secret)
        botocore.auth.SigV4Auth(keys, "sagemaker", "us-east-1").add_auth(request)
        self.send("POST", "/", b"{}", dict(request.headers))


class Ordinaries:
    def __init__(self, stage):
        self.all = [kind(stage, keeps) for kind in (Api, S3, SageMaker) for keeps in (True, False)]
        for client in self.all:
            client.start()

    def counts(self):
        return [client.done for client in self.all]

    def failures(self):
        return [failure for client in self.all for failure in client.failures]

    def end(self):
        for client in self.all:
            client.stopped.set()
        for client in self.all:
            client.join()


def play(stage, ordinaries, crowds, seconds):
    """The crowds come and stay, at least until every ordinary client was served a few times more."""
    begun = time.monotonic()
    for crowd in crowds:
        crowd.begin()
    before = ordinaries.counts()

    def served():
        for crowd in crowds:
            crowd.step()
        if ordinaries.failures():
            raise AssertionError(f"failed: {ordinaries.failures()[:5]}")
        return (time.monotonic() - begun > seconds and
                all(now >= then + ROUNDS for now, then in zip(ordinaries.counts(), before)))

    names = ", ".join(type(crowd).__name__ for crowd in crowds)
    eventually(served, f"ordinary clients served during {names}: {before} -> {ordinaries.counts()}", 60 + seconds)
    status = stage.status()
    cut = sum(crowd.cut for crowd in crowds)
    for crowd in crowds:
        crowd.end()
    print(f"{names}: {time.monotonic() - begun:.1f} s, {sum(ordinaries.counts()) - sum(before)} ordinary requests, "
          f"{cut} cut, {status}", flush=True)
    if status["rss_mb"] > MAX_RSS_MB:
        raise AssertionError(f"{names}: {status}")


def costly_manifests(stage):
    """Each is refused or done soon, and leaves no memory behind."""
    before = stage.status()
    texts = ["{a: " * 700_000, "[" * 2_800_000, "- &a x\n" * 200_000, "a: " + "x\n " * 900_000,
             "".join(f"%TAG !a{i}! b\n" for i in range(100_000)) + "---\na"]
    texts += texts[:1] * 4
    answers = [None] * len(texts)

    def send(i):
        connection = http.client.HTTPSConnection("127.0.0.1", stage.api_port, timeout=WORST_SECONDS,
                                                 context=stage.tls(with_key=True))
        connection.request("POST", "/api/v1/namespaces/default/configmaps", texts[i],
                           {"Content-Type": "application/yaml"})
        answers[i] = connection.getresponse().status
        connection.close()

    threads = [threading.Thread(target=send, args=(i,)) for i in range(len(texts))]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"costly manifests: {time.monotonic() - begun:.1f} s, {answers}, {before} -> {stage.status()}", flush=True)
    if any(answer is None or answer < 400 for answer in answers):
        raise AssertionError(answers)
    eventually(lambda: stage.status()["rss_mb"] < before["rss_mb"] + 60, "memory is given back", 30)


def prepare(stage):
    stage.s3.create_bucket(Bucket=BUCKET)
    for name, size in (("small", 1000), ("middle", 1 << 20), ("big", 50 << 20)):
        stage.s3.put_object(Bucket=BUCKET, Key=name, Body=os.urandom(size))
    stage.leat.kubectl("create", "configmap", "hostile")


def all_phases(names):
    with Leat() as leat:
        stage = Stage(leat)
        prepare(stage)
        ordinaries = Ordinaries(stage)
        chance = random.Random(SEED)
        chosen = [kind for kind in CROWDS if not names or kind.__name__ in names]
        if not names:
            costly_manifests(stage)
        rest = stage.status()
        print(f"seed {SEED}, at rest {rest}", flush=True)
        try:
            for kind in chosen:
                play(stage, ordinaries, [kind(stage, chance.randrange(1 << 30))], 1.5)
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                play(stage, ordinaries, [kind(stage, chance.randrange(1 << 30))
                                         for kind in chance.sample(chosen, min(3, len(chosen)))], 10)
        finally:
            ordinaries.end()
        eventually(lambda: stage.status()["fds"] < rest["fds"] + 50, "descriptors are given back", 90)
        print(f"ordinary requests {sum(ordinaries.counts())}, failures {len(ordinaries.failures())}, worst "
              f"{max(client.worst for client in ordinaries.all):.2f} s, at the end {stage.status()}", flush=True)
        if ordinaries.failures():
            raise AssertionError(ordinaries.failures()[:5])


def with_few_descriptors():
    """A port that is full leaves the other its share."""
    with tempfile.TemporaryDirectory(prefix="leat-hostile-") as bin_dir:
        script = pathlib.Path(bin_dir) / "leat"
        script.write_text(f'#!/bin/sh\nexec prlimit --nofile=256:256 "{BIN}/leat" "$@"\n')
        script.chmod(0o755)
        with Leat(bin_dir=bin_dir) as leat:
            stage = Stage(leat)
            prepare(stage)
            ordinaries = Ordinaries(stage)
            try:
                for kind in (Idle, IdleOfTheApi):
                    crowd = kind(stage, SEED)
                    crowd.size = 400
                    play(stage, ordinaries, [crowd], 1.5)
            finally:
                ordinaries.end()


def main(names):
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files[1], 20000), files[1]))
    all_phases(names)
    if not names:
        with_few_descriptors()
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1:])
