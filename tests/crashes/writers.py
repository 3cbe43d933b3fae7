"""Writers that are answered or cut off, each with a record of its own. A writer runs until the server is gone."""
import base64
import collections
import hashlib
import http.client
import json
import random
import ssl
import tempfile
import threading
import time
import urllib.parse

import botocore.config
import botocore.exceptions
import boto3

from record import ABSENT, Fault, Record

NAMESPACE = "crashes"
GROUP = "crashes.leat.dev"
BUCKET = "crashes"
LOG_GROUP = "/crashes"
PART = 5 << 20
GONE = (OSError, http.client.HTTPException, botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError,
        botocore.exceptions.ConnectionClosedError)
CRD = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
       "metadata": {"name": f"things.{GROUP}"},
       "spec": {"group": GROUP, "scope": "Namespaced",
                "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"data": {
                        "type": "object", "additionalProperties": {"type": "string"}}}}}}]}}


class Api:
    """One kept connection to the API server with the administrator's rights."""

    def __init__(self, leat):
        config = json.loads(leat.kubectl("config", "view", "--raw", "-o", "json").stdout)
        user, cluster = config["users"][0]["user"], config["clusters"][0]["cluster"]
        context = ssl.create_default_context(cadata=decoded(cluster["certificate-authority-data"]).decode())
        with tempfile.NamedTemporaryFile() as pem:
            pem.write(decoded(user["client-certificate-data"]) + b"\n" + decoded(user["client-key-data"]))
            pem.flush()
            context.load_cert_chain(pem.name)
        address = urllib.parse.urlsplit(leat.api)
        self.connection = http.client.HTTPSConnection(address.hostname, address.port, context=context, timeout=60)

    def call(self, method, path, body=None, content_type="application/json"):
        """(status, object)."""
        self.connection.request(method, path, json.dumps(body) if body is not None else None,
                                {"Content-Type": content_type})
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def must(self, *arguments, **options):
        status, answer = self.call(*arguments, **options)
        if status >= 300:
            raise Fault(f"{arguments[:2]}: {status} {answer}")
        return answer


def decoded(text):
    return base64.b64decode(text)


def s3_client(leat):
    return leat_client(leat, "s3")


def leat_client(leat, service):
    """Without retries: a write that is repeated unseen would not be one write."""
    return boto3.client(service, endpoint_url=leat.aws, aws_access_key_id=leat.key_id,
                        aws_secret_access_key=leat.secret, region_name="us-east-1",
                        config=botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=20,
                                                      read_timeout=60, s3={"addressing_style": "path"}))


class Writer:
    """A thread of random writes; subclasses say which."""

    def __init__(self, name, seed, figures):
        self.name = name
        self.chance = random.Random(f"{seed} {name}")
        self.record = Record(name, figures)
        self.figures = figures
        self.serial = 0
        self.fault = None
        self.thread = None

    def start(self, leat, stop):
        self.leat, self.stop = leat, stop
        self.thread = threading.Thread(target=self.run, name=self.name)
        self.thread.start()

    def join(self):
        self.thread.join()
        if self.fault:
            raise self.fault

    def run(self):
        self.connect()
        try:
            while not self.stop.is_set():
                self.step()
        except GONE:
            pass  # killed: what was under way stays pending
        except botocore.exceptions.ClientError as error:
            self.fault = Fault(f"{self.name}: {error}")
        except Exception as error:
            self.fault = error
        finally:
            self.disconnect()

    def disconnect(self):
        pass

    def next_serial(self):
        self.serial += 1
        return self.serial


class ObjectWriter(Writer):
    """Creates, replaces, patches and deletes objects of one type. Values: {n, uid, revision}; n is our own number."""

    def __init__(self, name, seed, figures, api_version, kind, plural, keys=12):
        super().__init__(name, seed, figures)
        self.api_version, self.kind = api_version, kind
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        self.collection = f"{root}/namespaces/{NAMESPACE}/{plural}"
        self.keys = [f"{name}-{n}" for n in range(keys)]
        self.revision = 0

    def connect(self):
        self.api = Api(self.leat)

    def disconnect(self):
        self.api.connection.close()

    def step(self):
        key = self.chance.choice(self.keys)
        present = self.record.get(key)
        path = f"{self.collection}/{key}"
        value = {"n": str(self.next_serial())}
        if present is ABSENT:
            self.write(key, value, "create", "POST", self.collection, self.body(key, value))
            return
        value["uid"] = present["uid"]
        choice = self.chance.random()
        if choice < 0.4:
            self.write(key, value, "update", "PUT", path, self.body(key, value, resourceVersion=present["revision"]))
        elif choice < 0.75:
            self.write(key, value, "patch", "PATCH", path, {"data": {"n": value["n"]}}, "application/merge-patch+json")
        else:
            self.write(key, ABSENT, "delete", "DELETE", path)

    def body(self, key, value, **metadata):
        return {"apiVersion": self.api_version, "kind": self.kind,
                "metadata": {"name": key, "namespace": NAMESPACE, **metadata},
                "data": {"n": value["n"], "fill": "x" * self.chance.randrange(2000)}}

    def write(self, key, value, verb, *request):
        self.record.begin(key, value)
        status, answer = self.api.call(*request)
        if status >= 300:
            self.record.refused()
            raise Fault(f"{self.name}: {verb} {key}: {status} {answer}")
        if value is not ABSENT:
            self.check_revision(int(answer["metadata"]["resourceVersion"]))
            value = held(answer)
        self.record.done(key, value, verb)

    def check_revision(self, revision):
        """One counter for all types: what is answered later has a higher number."""
        if revision <= self.revision:
            raise Fault(f"{self.name}: resourceVersion {revision} after {self.revision}")
        self.revision = revision

    def verify(self, leat):
        with Api(leat) as api:
            listing = api.must("GET", self.collection)
        revision = int(listing["metadata"]["resourceVersion"])
        if revision < self.revision:
            raise Fault(f"{self.name}: the list is of {revision}, {self.revision} was acknowledged")
        self.record.settle({item["metadata"]["name"]: held(item) for item in listing["items"]
                            if item["metadata"]["name"].startswith(self.name + "-")})
        return revision


def held(item):
    metadata = item["metadata"]
    return {"n": item["data"]["n"], "uid": metadata["uid"], "revision": metadata["resourceVersion"]}


class S3Writer(Writer):
    """Puts, copies, uploads in parts and deletes objects. Values: the digest of their bytes, which say their key."""

    def __init__(self, name, seed, figures, keys=8):
        super().__init__(name, seed, figures)
        self.keys = [f"{name}/{n}" for n in range(keys)]
        self.files_of = {}  # how many files hold the bytes of a digest: one, or one a part

    def connect(self):
        self.s3 = s3_client(self.leat)

    def step(self):
        key = self.chance.choice(self.keys)
        present = [one for one in self.keys if self.record.get(one) is not ABSENT]
        choice = self.chance.random()
        if choice < 0.5 or not present:
            self.put(key)
        elif choice < 0.7:
            self.copy(self.chance.choice(present), key)
        elif choice < 0.73:
            self.upload_in_parts(key)
        else:
            self.delete(self.chance.choice(present))

    def bytes(self, key, size):
        head = f"{key} {self.next_serial()} ".encode()
        return head + self.chance.randbytes(size)

    def put(self, key):
        body = self.bytes(key, self.chance.choice([0, 100, 5000, 200_000]))
        self.files_of[digest(body)] = 1
        self.record.begin(key, digest(body))
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        self.record.done(key, digest(body), "put")

    def copy(self, source, key):
        value = self.record.get(source)
        if source == key:
            return
        self.record.begin(key, value)
        self.s3.copy_object(Bucket=BUCKET, Key=key, CopySource={"Bucket": BUCKET, "Key": source})
        self.record.done(key, value, "copy")

    def upload_in_parts(self, key):
        pieces = [self.bytes(key, PART), self.bytes(key, 1000)]
        upload = {"Bucket": BUCKET, "Key": key,
                  "UploadId": self.s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]}
        parts = [{"PartNumber": n, "ETag": self.s3.upload_part(**upload, PartNumber=n, Body=piece)["ETag"]}
                 for n, piece in enumerate(pieces, 1)]
        value = digest(b"".join(pieces))
        self.files_of[value] = len(pieces)
        self.record.begin(key, value)
        self.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        self.record.done(key, value, "multipart completion")

    def delete(self, key):
        self.record.begin(key, ABSENT)
        self.s3.delete_object(Bucket=BUCKET, Key=key)
        self.record.done(key, ABSENT, "object deletion")

    def verify(self, leat):
        s3 = s3_client(leat)
        listed = [item["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET,
                                                                                       Prefix=self.name + "/")
                  for item in page.get("Contents", [])]
        self.record.settle({key: digest(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()) for key in listed})

    def files(self):
        """Of all its objects; a copy shares those of its source."""
        return sum(self.files_of[value] for value in {*self.record.values.values()} - {ABSENT})


def digest(body):
    return hashlib.sha256(body).hexdigest()[:16]


class LogWriter(Writer):
    """Puts batches of events, each with a text of its own. Values: how often each batch is there."""

    def __init__(self, name, seed, figures):
        super().__init__(name, seed, figures)
        self.time = int(time.time() * 1000) - 3_600_000  # what is older than 14 days is rejected
        self.streams = []  # (name, record); the last one is written to

    def connect(self):
        self.logs = leat_client(self.leat, "logs")

    def begin_stream(self, leat):
        name = f"{self.name}-{len(self.streams)}"
        leat_client(leat, "logs").create_log_stream(logGroupName=LOG_GROUP, logStreamName=name)
        self.record = Record(name, self.figures)
        self.streams.append((name, self.record))

    def step(self):
        # One batch is one write: all of its events or none.
        first = self.serial + 1
        events = []
        for _ in range(self.chance.choice([1, 10, 100])):
            self.time += self.chance.randrange(3)
            events.append({"timestamp": self.time, "message": f"{self.name} {self.next_serial()}"})
        batch = (first, self.serial)
        self.record.begin(batch, 1)
        answer = self.logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=self.streams[-1][0], logEvents=events)
        if "rejectedLogEventsInfo" in answer:
            raise Fault(f"{self.name}: {answer['rejectedLogEventsInfo']}")
        self.record.done(batch, 1, "log events")
        self.figures.add("log events", len(events) - 1)

    def verify(self, leat):
        """The stream that was written to; once it is long, the next round begins another."""
        self.verify_stream(leat, *self.streams[-1])
        if len(self.record.values) > 100:
            self.begin_stream(leat)

    def verify_all(self, leat):
        for name, record in self.streams:
            self.verify_stream(leat, name, record)

    def verify_stream(self, leat, name, record):
        times = collections.Counter(events_of(leat_client(leat, "logs"), name))
        self.figures.add("checks", times.total())
        batches = {}
        for batch in [*record.values, *([record.pending[0]] if record.pending else [])]:
            found = {times.pop(f"{self.name} {n}", 0) for n in range(batch[0], batch[1] + 1)}
            if found != {0}:
                batches[batch] = found.pop() if len(found) == 1 else sorted(found)
        if times:
            raise Fault(f"{name}: events nobody wrote: {list(times)[:5]}")
        record.settle(batches)


def events_of(logs, stream):
    token = {}
    while True:
        page = logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True, **token)
        for event in page["events"]:
            yield event["message"]
        if page["nextForwardToken"] == token.get("nextToken"):
            return
        token = {"nextToken": page["nextForwardToken"]}
