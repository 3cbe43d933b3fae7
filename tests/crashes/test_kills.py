"""kill -9 while writes are acknowledged and pods start, over and over: nothing acknowledged is lost or done twice."""
import contextlib
import os
import pathlib
import random
import subprocess
import tempfile
import threading
import time
import unittest

from leat import BIN, Leat, eventually
from record import Fault, Figures
import writers
from writers import Api, LogWriter, ObjectWriter, S3Writer

ROUNDS = int(os.environ.get("LEAT_CRASH_ROUNDS", "10"))
SEED = int(os.environ.get("LEAT_SEED", random.SystemRandom().randrange(1 << 30)))
PODS_A_ROUND = 2
WRITTEN = ("create", "update", "patch", "delete", "put", "copy", "multipart completion", "object deletion",
           "log events")


class Pods:
    """Each appends its name to a file: those that ran twice, or never, are seen. Made while Leat may die."""

    def __init__(self, figures):
        self.figures = figures
        self.scratch = tempfile.TemporaryDirectory(prefix="leat-marks-")
        self.marks = pathlib.Path(self.scratch.name)
        self.names = []

    def start_some(self, leat, round):
        """Returns at the first that cannot be made; that one may still be there."""
        with contextlib.suppress(*writers.GONE), Api(leat) as api:
            for n in range(PODS_A_ROUND):
                name = f"once-{round}-{n}"
                self.names.append(name)
                api.must("POST", f"/api/v1/namespaces/{writers.NAMESPACE}/pods", self.pod(name))
                self.figures.add("pods")

    def pod(self, name):
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
                "spec": {"restartPolicy": "Never",
                         "volumes": [{"name": "marks", "hostPath": {"path": str(self.marks)}}],
                         "containers": [{"name": "c", "image": "leat.dev/host",
                                         "volumeMounts": [{"name": "marks", "mountPath": "/marks"}],
                                         "command": ["sh", "-c", f"echo {name} >> /marks/{name}"]}]}}

    def verify(self, leat):
        """All that were made end, and have run once; they are deleted."""
        with Api(leat) as api:
            self.verify_by(api)

    def verify_by(self, api):
        collection = f"/api/v1/namespaces/{writers.NAMESPACE}/pods"

        def ended():
            pods = api.must("GET", collection)["items"]
            phases = {pod["metadata"]["name"]: pod.get("status", {}).get("phase") for pod in pods}
            return (phases,) if all(phase in ("Succeeded", "Failed") for phase in phases.values()) else None

        try:
            phases, = eventually(ended, "the end of all pods", 60)
        except AssertionError as error:
            pods = api.must("GET", collection)["items"]
            raise Fault(f"{error}: " + "; ".join(f"{pod['metadata']} {pod.get('status')}" for pod in pods
                                                 if pod.get("status", {}).get("phase") != "Succeeded")) from error
        for name in self.names:
            mark = self.marks / name
            ran = mark.read_text() if mark.exists() else ""
            right = ran == name + "\n" and phases[name] == "Succeeded" if name in phases else ran == ""
            self.figures.add("checks")
            if not right:
                raise Fault(f"pod {name}: {phases.get(name, 'never made')}, and it wrote {ran!r}")
            mark.unlink(missing_ok=True)
            if name in phases:
                api.must("DELETE", f"{collection}/{name}?gracePeriodSeconds=0")
        self.names = []


class Kills(unittest.TestCase):
    def setUp(self):
        print(f"LEAT_SEED={SEED} LEAT_CRASH_ROUNDS={ROUNDS}", flush=True)
        self.chance = random.Random(SEED)
        self.figures = Figures()
        self.starts = []
        self.writers = [ObjectWriter(f"map{n}", SEED, self.figures, "v1", "ConfigMap", "configmaps") for n in range(3)]
        self.writers += [ObjectWriter(f"thing{n}", SEED, self.figures, f"{writers.GROUP}/v1", "Thing", "things")
                         for n in range(2)]
        self.writers += [S3Writer(f"s3-{n}", SEED, self.figures) for n in range(3)]
        self.writers += [LogWriter(f"log{n}", SEED, self.figures) for n in range(2)]
        self.pods = Pods(self.figures) if os.geteuid() == 0 else None
        if self.pods:
            self.addCleanup(self.pods.scratch.cleanup)

    def test_what_was_acknowledged_is_there_once_after_each_kill(self):
        began = time.monotonic()
        with Leat() as leat:
            self.prepare(leat)
            for round in range(ROUNDS):
                self.write_and_kill(leat, round)
                self.restart(leat)
                self.verify(leat)
            leat.stop()
            self.start(leat)
            self.verify(leat)
            for writer in self.of(LogWriter):
                writer.verify_all(leat)
        self.report(time.monotonic() - began)

    def prepare(self, leat):
        with Api(leat) as api:
            api.must("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace",
                                                    "metadata": {"name": writers.NAMESPACE}})
            api.must("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", writers.CRD)
            eventually(lambda: api.call("GET", f"/apis/{writers.GROUP}/v1/things")[0] == 200, "the custom kind")
        writers.s3_client(leat).create_bucket(Bucket=writers.BUCKET)
        writers.leat_client(leat, "logs").create_log_group(logGroupName=writers.LOG_GROUP)
        for writer in self.of(LogWriter):
            writer.begin_stream(leat)

    def of(self, kind):
        return [writer for writer in self.writers if isinstance(writer, kind)]

    def write_and_kill(self, leat, round):
        before, enough = self.written(), self.chance.randrange(20, 400)
        stop = threading.Event()
        for writer in self.writers:
            writer.start(leat, stop)
        pods = threading.Thread(target=self.pods.start_some, args=(leat, round)) if self.pods else None
        if pods:
            pods.start()
        try:
            eventually(lambda: self.written() - before >= enough or self.faults(), "enough writes to be killed among",
                       120)
        finally:
            leat.kill()
            stop.set()
            for writer in self.writers:
                writer.thread.join()
            if pods:
                pods.join()
        for writer in self.writers:
            writer.join()

    def written(self):
        return sum(self.figures[kind] for kind in WRITTEN if kind != "log events") + self.figures["log events"] // 30

    def faults(self):
        return any(writer.fault for writer in self.writers)

    def restart(self, leat):
        """Now and then it is killed again before it is up: what is mended at a start may be cut off, too."""
        if self.chance.random() < 0.3:
            starting = subprocess.Popen([str(BIN / "leat"), "up", "--data-dir", str(leat.dir), "--listen", "127.0.0.1:0",
                                         "--aws-listen", "127.0.0.1:0"], stdout=subprocess.DEVNULL,
                                        stderr=leat.log)
            try:
                starting.wait(self.chance.uniform(0.0, 0.4))
            except subprocess.TimeoutExpired:
                pass
            starting.kill()
            starting.wait()
            self.figures.add("kills while starting")
        self.start(leat)

    def start(self, leat):
        began = time.monotonic()
        leat.start()
        self.starts.append(time.monotonic() - began)

    def verify(self, leat):
        revision = 0
        for writer in self.writers:
            found = writer.verify(leat)
            revision = max(revision, found or 0)
        for writer in self.of(ObjectWriter):
            writer.revision = revision  # whoever writes next gets a higher one
        self.verify_files(leat)
        if self.pods:
            self.pods.verify(leat)

    def verify_files(self, leat):
        """Nothing half-written is left, and no file without an object once uploads that were cut off are aborted."""
        s3 = writers.s3_client(leat)
        for upload in s3.list_multipart_uploads(Bucket=writers.BUCKET).get("Uploads", []):
            s3.abort_multipart_upload(Bucket=writers.BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
        aws = leat.dir / "aws"

        def files():
            return sum(1 for path in (aws / "objects").rglob("*") if path.is_file())

        wanted = sum(writer.files() for writer in self.of(S3Writer))
        eventually(lambda: files() == wanted, f"{wanted} files in {aws / 'objects'}", 30)
        self.assertEqual(list((aws / "incoming").iterdir()), [])

    def report(self, seconds):
        count = self.figures
        acknowledged = ", ".join(f"{count[kind]} {kind}" for kind in (*WRITTEN, "pods"))
        print(f"{len(self.starts) - 1} rounds in {seconds:.0f} s, {count['kills while starting']} more kills while starting\n"
              f"acknowledged: {acknowledged}\nchecks: {count['checks']}, lost, resurrected or doubled: 0\n"
              f"start: {sum(self.starts) / len(self.starts):.2f} s mean, {max(self.starts):.2f} s worst", flush=True)


if __name__ == "__main__":
    unittest.main()
