"""Databases that are damaged, lost or older than the rest: no byte is lost for the want of them, no answer is wrong."""
import os
import pathlib
import random
import shutil
import subprocess
import unittest

import botocore.exceptions

from leat import BIN, Leat, eventually
from writers import Api, BUCKET, LOG_GROUP, leat_client, s3_client

SEED = int(os.environ.get("LEAT_SEED", random.SystemRandom().randrange(1 << 30)))
PAGE = 4096
MAPS = "/api/v1/namespaces/default/configmaps"
DATABASES = {"leat.db": "leat.db", "s3": "aws/s3.sqlite", "logs": "aws/logs.sqlite"}
BESIDE = ("", "-wal", "-shm")


def pages_in_use(database):
    """Their numbers from 3 on (pages count from 1): the file is longer than they are, and some may be free."""
    data = database.read_bytes()

    def number(at):
        return int.from_bytes(data[at:at + 4], "big")

    free, trunk = set(), number(32)
    while trunk:
        start = (trunk - 1) * PAGE
        free.update({trunk}, (number(start + 8 + 4 * n) for n in range(number(start + 4))))
        trunk = number(start)
    return [page for page in range(3, number(28) + 1) if page not in free]


class Contents:
    """What a Leat holds, and how much of it can still be had."""
    COUNT = 150

    def __init__(self, chance):
        self.maps = {f"map-{n}": f"{n} " + "x" * chance.randrange(2000) for n in range(self.COUNT)}
        self.objects = {f"{n}-{'k' * chance.randrange(300)}": chance.randbytes(chance.randrange(3000))
                        for n in range(self.COUNT)}
        self.lines = [f"line {n} {'y' * chance.randrange(500)}" for n in range(1000)]

    def write(self, leat):
        with Api(leat) as api:
            for name, text in self.maps.items():
                api.must("POST", MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
                                        "data": {"text": text}})
        s3, logs = s3_client(leat), leat_client(leat, "logs")
        s3.create_bucket(Bucket=BUCKET)
        for key, body in self.objects.items():
            s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        logs.create_log_group(logGroupName=LOG_GROUP)
        logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName="s")
        now = int(leat.started * 1000)
        for first in range(0, len(self.lines), 100):
            logs.put_log_events(logGroupName=LOG_GROUP, logStreamName="s", logEvents=[
                {"timestamp": now + n, "message": self.lines[n]} for n in range(first, first + 100)])

    def maps_are_right(self, leat):
        with Api(leat) as api:
            status, answer = api.call("GET", MAPS)
        if status == 200:
            found = {item["metadata"]["name"]: item["data"]["text"] for item in answer["items"]
                     if item["metadata"]["name"] in self.maps}
            assert found == self.maps, "the list is not what was written"
        return status == 200

    def readable_objects(self, leat):
        """How many; one that is not there, or other bytes, is a fault, an error is not."""
        s3, right = s3_client(leat), 0
        for key, body in self.objects.items():
            try:
                found = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            except botocore.exceptions.ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500, f"{key}: {error}"
                continue
            assert found == body, f"{key} has other bytes"
            right += 1
        return right

    def log_is_right(self, leat):
        logs, found, token = leat_client(leat, "logs"), [], {}
        while True:
            try:
                page = logs.get_log_events(logGroupName=LOG_GROUP, logStreamName="s", startFromHead=True, **token)
            except botocore.exceptions.ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500, str(error)
                return False
            found += [event["message"] for event in page["events"]]
            if page["nextForwardToken"] == token.get("nextToken"):
                assert found == self.lines, f"{len(found)} of {len(self.lines)} lines, or others"
                return True
            token = {"nextToken": page["nextForwardToken"]}


class Damage(unittest.TestCase):
    def setUp(self):
        print(f"LEAT_SEED={SEED}", flush=True)
        self.chance = random.Random(f"{SEED} {self.id()}")
        self.contents = Contents(self.chance)

    def started(self):
        leat = Leat()
        self.addCleanup(leat.close)
        leat.start()
        leat.started = leat.dir.stat().st_mtime
        self.contents.write(leat)
        return leat

    def tries_to_start(self, leat):
        """Whether it serves; else its message has to name the database."""
        done = subprocess.Popen([str(BIN / "leat"), "up", "--data-dir", str(leat.dir), "--listen", "127.0.0.1:0",
                                 "--aws-listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.stdout.readline().startswith("ready "):
            done.terminate()
            done.communicate(timeout=60)
            return True, ""
        return False, done.communicate(timeout=60)[1]

    def files(self, leat):
        return sorted(path.name.removesuffix(".new") for path in (leat.dir / "aws/objects").rglob("*") if path.is_file())

    def copy(self, leat, name):
        aside = pathlib.Path(f"{leat.dir / DATABASES[name]}.right")
        shutil.copy(leat.dir / DATABASES[name], aside)
        return aside

    def put_back(self, leat, name, aside):
        for suffix in BESIDE:
            pathlib.Path(f"{leat.dir / DATABASES[name]}{suffix}").unlink(missing_ok=True)
        shutil.copy(aside, leat.dir / DATABASES[name])

    def all_is_there(self, leat):
        self.assertTrue(self.contents.maps_are_right(leat))
        self.assertEqual(self.contents.readable_objects(leat), self.contents.COUNT)
        self.assertTrue(self.contents.log_is_right(leat))

    def test_a_damaged_page_gives_errors_and_no_wrong_answer(self):
        leat = self.started()
        leat.stop()
        for name, path in DATABASES.items():
            with self.subTest(name):
                right, database = self.copy(leat, name), leat.dir / path
                page = self.chance.choice(pages_in_use(database))
                with open(database, "r+b") as file:
                    file.seek((page - 1) * PAGE)
                    file.write(self.chance.randbytes(PAGE))
                damaged = database.read_bytes()
                serves, message = self.tries_to_start(leat)
                if serves:
                    leat.start()
                    self.contents.maps_are_right(leat)
                    self.contents.readable_objects(leat)
                    self.contents.log_is_right(leat)
                    eventually(lambda: database.name in leat.log_text(), f"page {page} of {name} is told")
                    leat.stop()
                else:
                    self.assertIn(database.name, message)
                    self.assertEqual(database.read_bytes(), damaged)
                self.put_back(leat, name, right)
                leat.start()
                self.all_is_there(leat)
                leat.stop()

    def test_an_index_that_is_lost_empty_or_old_costs_no_bytes(self):
        leat = self.started()
        leat.stop()
        old = self.copy(leat, "s3").rename(leat.dir / "old")
        leat.start()
        for n in range(20):
            s3_client(leat).put_object(Bucket=BUCKET, Key=f"later-{n}", Body=b"later")
        leat.stop()
        right, before = self.copy(leat, "s3"), self.files(leat)
        index = leat.dir / DATABASES["s3"]
        for what in ("lost", "empty", "old"):
            with self.subTest(what):
                self.put_back(leat, "s3", old)
                if what != "old":
                    index.unlink()
                if what == "empty":
                    index.touch()
                serves, message = self.tries_to_start(leat)
                if not serves:
                    self.assertIn(index.name, message)
                self.assertEqual(self.files(leat), before)
                self.put_back(leat, "s3", right)
                leat.start()
                self.all_is_there(leat)
                for n in range(20):
                    self.assertEqual(s3_client(leat).get_object(Bucket=BUCKET, Key=f"later-{n}")["Body"].read(), b"later")
                leat.stop()

    def test_without_its_objects_a_used_directory_is_refused(self):
        leat = self.started()
        leat.stop()
        right, database = self.copy(leat, "leat.db"), leat.dir / "leat.db"
        for what in ("lost", "empty"):
            with self.subTest(what):
                for suffix in BESIDE:
                    pathlib.Path(f"{database}{suffix}").unlink(missing_ok=True)
                if what == "empty":
                    database.touch()
                serves, message = self.tries_to_start(leat)
                self.assertFalse(serves)
                self.assertIn("leat.db", message)
                self.assertEqual(database.exists() and database.stat().st_size, 0 if what == "empty" else False)
                self.put_back(leat, "leat.db", right)
                leat.start()
                self.all_is_there(leat)
                leat.stop()


if __name__ == "__main__":
    unittest.main()
