"""Training jobs from `kubectl apply` to the model, and what goes wrong on the way."""
import hashlib
import io
import json
import os
import pathlib
import random
import re
import subprocess
import tarfile
import tempfile
import unittest

from leat import BIN, Leat, eventually, needs_root
from training_jobs import csv, job, map_image, mounts_of, with_data


def gpu_job(name):
    spec = job(name)
    spec["spec"]["resourceConfig"]["instanceType"] = "ml.g6e.xlarge"
    return spec


# An algorithm that needs every host: each sends a megabyte to its peer, found by its name alone.
PAIR = r"""
import json, pathlib, socket, threading, time
ml = pathlib.Path("/opt/ml")
config = json.loads((ml / "input/config/resourceconfig.json").read_text())
me, hosts = config["current_host"], config["hosts"]
peer = [host for host in hosts if host != me][0]
assert (ml / "input/data/train/examples").stat().st_size > 0
PORT, SIZE = 7946, 1 << 20
greeting = f"I am {me}"
server = socket.create_server((me, PORT))

def send():
    deadline = time.monotonic() + 60
    while True:
        try:
            with socket.create_connection((peer, PORT), timeout=10) as connection:
                connection.sendall(greeting.encode().ljust(SIZE, b"."))
                return
        except OSError:  # the peer has no address yet, or does not listen yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)

sender = threading.Thread(target=send)
sender.start()
server.settimeout(60)
connection, _ = server.accept()
heard = b""
while part := connection.recv(65536):
    heard += part
sender.join()
text = heard.decode().rstrip(".")
print(f"{me} of {hosts} heard: {text}")
print(f"exchanged={len(heard)}")
(ml / "model/model").write_text(f"of {me}")
"""

# An algorithm that tells what it finds in its channel: a digest of all names and bytes, in order.
DIGEST = r"""
import errno, hashlib, json, os, pathlib, re
ml = pathlib.Path("/opt/ml")
channel = ml / "input/data/train"
digest, files = hashlib.sha256(), sorted(path for path in channel.rglob("*") if path.is_file())
for path in files:
    digest.update(f"{path.relative_to(channel)}\0".encode() + path.read_bytes())
try:
    (channel / "new").write_text("x")
    writing = "works"
except OSError as error:
    writing = errno.errorcode[error.errno]
kind = re.search(r" /opt/ml/input/data/train .* - (\S+) ", pathlib.Path("/proc/self/mountinfo").read_text())
mode = json.loads((ml / "input/config/inputdataconfig.json").read_text())["train"]["TrainingInputMode"]
(ml / "model/told").write_text(json.dumps({"digest": digest.hexdigest(), "files": len(files), "writing": writing,
                                           "kind": kind and kind[1], "mode": mode}))
print("digest", digest.hexdigest(), kind and kind[1])
"""

LONG = {"num_round": 2_000_000}  # runs until it is stopped


@needs_root
class Training(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.leat = Leat()
        cls.leat.start()
        with_data(cls.leat)

    @classmethod
    def tearDownClass(cls):
        cls.leat.close()

    def status(self, name):
        return self.leat.get("trainingjob", name).get("status", {})

    def events(self, name):
        return self.leat.kubectl("describe", "trainingjob", name).stdout.split("Events:")[1]

    def await_status(self, name, *wanted, seconds=120):
        def reached():
            status = self.status(name)
            state = status.get("trainingJobStatus")
            if state in {"Completed", "Failed", "Stopped"} - set(wanted):
                raise AssertionError(f"{name} is {state}, not {wanted}")
            return status if state in wanted else None
        try:
            return eventually(reached, f"{name} {wanted}", seconds)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.status(name)}\n{self.leat.kubectl('get', 'pods', '-A').stdout}"
                                 f"\n{self.leat.log_text()[-3000:]}") from None

    def await_training(self, name):
        eventually(lambda: self.status(name).get("secondaryStatus") == "Training", f"{name} is training", 60)
        eventually(lambda: "#011" in self.leat.kubectl("smlogs", "trainingjob", name, check=False).stdout, "a round")

    def assert_failed(self, name, *parts):
        status = self.await_status(name, "Failed")
        for part in parts:
            self.assertIn(part, status.get("additional", ""))
            self.assertIn(part, self.events(name))

    # --- the journey

    def test_from_apply_to_the_model(self):
        applied = self.leat.apply(job("journey"))
        self.assertEqual(applied.stdout, "trainingjob.sagemaker.aws.amazon.com/journey created\n")
        follow = self.leat.kubectl("smlogs", "trainingjob", "journey", "-f")  # asked in the first moment
        status = self.await_status("journey", "Completed")
        name = status["sageMakerTrainingJobName"]
        self.assertRegex(name, r"^journey-[0-9a-f]{32}$")
        self.assertEqual(status["modelPath"], f"s3://bkt/models/{name}/output/model.tar.gz")
        columns = self.leat.kubectl("get", "trainingjob", "journey").stdout.split("\n")[0].split()
        self.assertEqual(columns, ["NAME", "STATUS", "SECONDARY-STATUS", "CREATION-TIME", "SAGEMAKER-JOB-NAME"])
        # The log: every line, in the form of the operators' plugin, ended after the last.
        self.assertIn("Running standalone xgboost training.", follow.stdout)
        self.assertRegex(follow.stdout.splitlines()[0],
                         rf"^{name}/algo-1-\d+ \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [+-]\d{{4}} \S+ \[")
        self.assertIn("[2]#011train-merror:", follow.stdout)
        self.assertIn("status", follow.stderr)
        self.assertNotIn("waiting:", follow.stdout)
        self.assertEqual(self.leat.kubectl("smlogs", "TrainingJob", "journey").stdout, follow.stdout)
        # The model.
        key = status["modelPath"].removeprefix("s3://bkt/")
        archive = self.leat.s3().get_object(Bucket="bkt", Key=key)["Body"].read()
        self.assertEqual(tarfile.open(fileobj=io.BytesIO(archive)).getnames(), ["xgboost-model"])
        # What the SageMaker API says of it.
        described = self.leat.client("sagemaker").describe_training_job(TrainingJobName=name)
        self.assertEqual(described["TrainingJobStatus"], "Completed")
        self.assertEqual([step["Status"] for step in described["SecondaryStatusTransitions"]][-1], "Completed")
        last = [line for line in follow.stdout.splitlines() if "[2]#011" in line][0].split("#011")[1:]
        said = {part.split(":")[0].replace("-", ":"): float(part.split(":")[1]) for part in last}
        metrics = {metric["MetricName"]: metric for metric in described["FinalMetricDataList"]}
        self.assertEqual(sorted(metrics), ["train:merror", "validation:merror"])
        for metric, value in said.items():
            self.assertAlmostEqual(metrics[metric]["Value"], value, places=5)
            self.assertLess(described["TrainingStartTime"], metrics[metric]["Timestamp"])
        self.assertEqual(status["cloudWatchLogUrl"],
                         f"{self.leat.aws}/#logStream:group=/aws/sagemaker/TrainingJobs;prefix={name};"
                         "streamFilter=typeLogStreamPrefix")
        # Nothing is left running, and the job's key is gone.
        eventually(lambda: "No resources" in self.leat.kubectl("get", "pods", "-n", "leat-engine").stderr or
                   name not in self.leat.kubectl("get", "pods", "-n", "leat-engine").stdout, "no pod is left")
        # The log and the description outlive the TrainingJob.
        self.leat.kubectl("delete", "trainingjob", "journey", "--timeout=30s")
        self.assertEqual(self.leat.client("sagemaker").describe_training_job(TrainingJobName=name)["TrainingJobStatus"],
                         "Completed")

    def test_the_image_decides_the_default_metric(self):
        self.leat.apply(job("of-today", image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"))
        name = self.await_status("of-today", "Completed")["sageMakerTrainingJobName"]
        described = self.leat.client("sagemaker").describe_training_job(TrainingJobName=name)
        self.assertEqual(sorted(metric["MetricName"] for metric in described["FinalMetricDataList"]),
                         ["train:mlogloss", "validation:mlogloss"])

    def test_a_tuned_metric_that_the_container_computes_is_among_the_metrics(self):
        self.leat.apply(job("tuned", eval_metric="merror", _tuning_objective_metric="validation:f1",
                            early_stopping_rounds=2))
        name = self.await_status("tuned", "Completed")["sageMakerTrainingJobName"]
        described = self.leat.client("sagemaker").describe_training_job(TrainingJobName=name)
        self.assertEqual(sorted(metric["MetricName"] for metric in described["FinalMetricDataList"]),
                         ["train:f1", "train:merror", "validation:f1", "validation:merror"])
        self.assertIn("Will train until validation-f1 hasn't improved in 2 rounds.",
                      self.leat.kubectl("smlogs", "trainingjob", "tuned").stdout)

    def test_the_same_job_applied_twice_is_one_job(self):
        self.leat.apply(job("twice"))
        eventually(lambda: self.status("twice").get("sageMakerTrainingJobName"), "a name")
        again = self.leat.apply(job("twice"))
        self.assertIn(again.stdout, ("trainingjob.sagemaker.aws.amazon.com/twice unchanged\n",
                                     "trainingjob.sagemaker.aws.amazon.com/twice configured\n"))
        self.await_status("twice", "Completed")
        jobs = self.leat.client("sagemaker").list_training_jobs(NameContains="twice")["TrainingJobSummaries"]
        self.assertEqual(len(jobs), 1)

    def test_jobs_of_one_name_in_two_regions_have_logs_of_their_own(self):
        for name, region in (("east", "us-east-1"), ("west", "eu-west-1")):
            spec = job(name, num_round=2 if name == "east" else 3)
            spec["spec"].update(region=region, trainingJobName="same-name")
            self.leat.apply(spec)
        for name in ("east", "west"):
            self.await_status(name, "Completed")
        rounds = {name: re.findall(r"\[\d\]#011", self.leat.kubectl("smlogs", "trainingjob", name).stdout)
                  for name in ("east", "west")}
        self.assertEqual(rounds, {"east": ["[0]#011", "[1]#011"], "west": ["[0]#011", "[1]#011", "[2]#011"]})
        # The log stays where the job ran, whatever the spec is edited to.
        self.leat.kubectl("patch", "trainingjob", "west", "--type=merge", "-p",
                          '{"spec": {"region": "us-east-1", "sageMakerEndpoint": "http://127.0.0.1:1"}}')
        log = self.leat.kubectl("smlogs", "trainingjob", "west").stdout
        self.assertEqual(len(re.findall(r"\[\d\]#011", log)), 3)

    # --- faults

    def test_a_bucket_that_does_not_exist(self):
        self.leat.apply(job("no-bucket", bucket="does-not-exist"))
        self.assert_failed("no-bucket", "does-not-exist")

    def test_a_channel_without_objects(self):
        self.leat.apply(job("no-objects", channels=("train", "nothing-here")))
        self.assert_failed("no-objects", "s3://bkt/nothing-here/")

    def test_a_wrong_hyperparameter(self):
        self.leat.apply(job("bad-depth", max_depth="deep"))
        self.assert_failed("bad-depth", "max_depth", "deep")

    def test_a_ragged_row_is_named_by_its_line(self):
        self.leat.s3().put_object(Bucket="bkt", Key="ragged/examples", Body="0,1,2\n1,2,3\n2,3\n")
        spec = job("ragged")
        spec["spec"]["inputDataConfig"][0]["dataSource"]["s3DataSource"]["s3Uri"] = "s3://bkt/ragged/"
        self.leat.apply(spec)
        self.assert_failed("ragged", "line 3")

    def test_a_label_out_of_range(self):
        self.leat.apply(job("bad-label", num_class=2))
        self.assert_failed("bad-label", "label")

    def test_an_image_nobody_maps(self):
        self.leat.apply(job("no-image", image="example.com/unknown:1"))
        self.assert_failed("no-image", "example.com/unknown:1", "leat-images")
        log = self.leat.kubectl("smlogs", "trainingjob", "no-image", "-f")
        self.assertEqual(log.stdout, "")
        self.assertRegex(log.stderr.splitlines()[-1], r"no logs in streams .*: the job is Failed: .*unknown:1")
        # What it waited for was told, and its input was not downloaded first.
        name = self.status("no-image")["sageMakerTrainingJobName"]
        steps = self.leat.client("sagemaker").describe_training_job(TrainingJobName=name)["SecondaryStatusTransitions"]
        self.assertEqual([step["Status"] for step in steps], ["Starting", "Failed"])
        self.assertRegex(steps[0]["StatusMessage"], "ErrImagePull: .*example.com/unknown:1")

    def test_two_hosts_of_an_own_algorithm_find_each_other(self):
        self.map_image("example.com/pair:*", PAIR)
        spec = job("pair", image="example.com/pair:1", instances=2)
        spec["spec"]["algorithmSpecification"]["metricDefinitions"] = [
            {"name": "bytes", "regex": r"exchanged=(\d+)"}, {"name": "missing", "regex": r"missing=(\d+)"}]
        self.leat.apply(spec)
        status = self.await_status("pair", "Completed")
        log = self.leat.kubectl("smlogs", "trainingjob", "pair").stdout
        name = status["sageMakerTrainingJobName"]
        for host, peer in (("algo-1", "algo-2"), ("algo-2", "algo-1")):
            self.assertRegex(log, rf"{name}/{host}-\d+ .* {host} of \['algo-1', 'algo-2'\] heard: I am {peer}\n")
        described = self.leat.client("sagemaker").describe_training_job(TrainingJobName=name)
        self.assertEqual([(metric["MetricName"], metric["Value"]) for metric in described["FinalMetricDataList"]],
                         [("bytes", 1 << 20)])
        archive = self.leat.s3().get_object(
            Bucket="bkt", Key=status["modelPath"].removeprefix("s3://bkt/"))["Body"].read()
        model = tarfile.open(fileobj=io.BytesIO(archive)).extractfile("model").read()
        self.assertEqual(model, b"of algo-1")

    def map_image(self, pattern, script):
        map_image(self.leat, pattern, script)

    # --- channels in FastFile mode

    def model(self, name):
        """The files of the job's model, by name."""
        key = self.await_status(name, "Completed")["modelPath"].removeprefix("s3://bkt/")
        archive = tarfile.open(fileobj=io.BytesIO(self.leat.s3().get_object(Bucket="bkt", Key=key)["Body"].read()))
        return {file: archive.extractfile(file).read() for file in archive.getnames()}

    def test_a_fast_file_channel_is_a_read_only_mount_of_its_prefix(self):
        rng = random.Random(7)
        objects = {"a": b"first", "empty": b"", "sub/b": rng.randbytes(5000), "sub/deep/c": rng.randbytes(3 << 20)}
        for key, body in objects.items():
            self.leat.s3().put_object(Bucket="bkt", Key="tree/" + key, Body=body)
        self.leat.s3().put_object(Bucket="bkt", Key="tree2", Body=b"of another prefix")
        self.map_image("example.com/digest:*", DIGEST)
        spec = job("digest", image="example.com/digest:1", channels=("train",))
        spec["spec"]["inputDataConfig"][0]["inputMode"] = "FastFile"
        spec["spec"]["inputDataConfig"][0]["dataSource"]["s3DataSource"]["s3Uri"] = "s3://bkt/tree"
        self.leat.apply(spec)
        told = json.loads(self.model("digest")["told"])
        digest = hashlib.sha256()
        for key in sorted(objects, key=lambda key: key.split("/")):
            digest.update(key.encode() + b"\0" + objects[key])
        self.assertEqual(told, {"digest": digest.hexdigest(), "files": len(objects), "writing": "EROFS",
                                "kind": "fuse.leat", "mode": "FastFile"})
        eventually(lambda: not mounts_of(self.leat), "its mount is gone")

    def test_xgboost_learns_the_same_from_fast_files(self):
        models = {}
        for mode in ("File", "FastFile"):
            spec = job("by-" + mode.lower())
            spec["spec"]["algorithmSpecification"]["trainingInputMode"] = mode
            self.leat.apply(spec)
            models[mode] = self.model("by-" + mode.lower())["xgboost-model"]
        self.assertEqual(models["File"], models["FastFile"])
        rounds = [re.findall(r"\[\d+\]#011.*", self.leat.kubectl("smlogs", "trainingjob", name).stdout)
                  for name in ("by-file", "by-fastfile")]
        self.assertEqual(len(rounds[0]), 3)
        self.assertEqual(*rounds)

    def test_a_fast_file_channel_without_objects(self):
        spec = job("fast-nothing", channels=("train", "nothing-here"))
        spec["spec"]["algorithmSpecification"]["trainingInputMode"] = "FastFile"
        self.leat.apply(spec)
        self.assert_failed("fast-nothing", "s3://bkt/nothing-here/")

    def test_a_fast_file_channel_cannot_be_sharded(self):
        spec = job("fast-shards")
        spec["spec"]["inputDataConfig"][0]["inputMode"] = "FastFile"
        spec["spec"]["inputDataConfig"][0]["dataSource"]["s3DataSource"]["s3DataDistributionType"] = "ShardedByS3Key"
        self.leat.apply(spec)
        self.assert_failed("fast-shards", "ShardedByS3Key is not supported yet with FastFile; use File")

    def test_a_volume_that_cannot_be_mounted_is_told(self):
        source = {"source": "s3://bkt/train/", "endpoint": self.leat.aws}
        self.leat.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "keyless"},
                         "spec": {"containers": [{"name": "c", "image": "leat.dev/leat"}], "volumes": [
                             {"name": "data", "csi": {"driver": "data.leat.dev", "volumeAttributes": source}}]}})
        waiting = lambda: [status["state"].get("waiting", {}) for status in
                           self.leat.get("pod", "keyless").get("status", {}).get("containerStatuses", [])]
        eventually(lambda: [one for one in waiting() if one.get("reason") == "FailedMount"], "the reason", 60)
        self.assertRegex(waiting()[0]["message"], r'volume "data": .*bkt')
        self.assertIn("FailedMount", self.leat.kubectl("describe", "pod", "keyless").stdout.split("Events:")[1])
        self.leat.kubectl("delete", "pod", "keyless", "--grace-period=0", "--timeout=30s")

    def test_more_than_one_host(self):
        self.leat.apply(job("two-hosts", instances=2))
        self.assert_failed("two-hosts", "istributed")

    def test_an_invalid_spec_is_refused_by_kubectl(self):
        spec = job("invalid")
        del spec["spec"]["roleArn"]
        spec["spec"]["algorithmSpecification"]["trainingInputMode"] = "Fast"
        done = self.leat.apply(spec, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("spec.roleArn: Required value", done.stderr)
        self.assertIn('supported values: "File", "Pipe", "FastFile"', done.stderr)

    def test_an_edited_spec_is_refused_and_the_job_goes_on(self):
        self.leat.apply(job("edited", **LONG))
        self.await_training("edited")
        self.leat.kubectl("patch", "trainingjob", "edited", "--type=merge", "-p",
                          '{"spec":{"resourceConfig":{"instanceType":"ml.m5.large"}}}')
        self.assert_failed("edited", "Updates to TrainingJob are not supported")
        name = self.status("edited")["sageMakerTrainingJobName"]
        self.assertEqual(self.leat.client("sagemaker").describe_training_job(TrainingJobName=name)["TrainingJobStatus"],
                         "InProgress")
        self.leat.kubectl("delete", "trainingjob", "edited", "--timeout=60s")

    def test_an_edited_name_starts_no_second_job(self):
        self.leat.apply(job("renamed", num_round=3))
        name = self.await_status("renamed", "Completed")["sageMakerTrainingJobName"]
        self.leat.kubectl("patch", "trainingjob", "renamed", "--type=merge", "-p",
                          '{"spec":{"trainingJobName":"another"}}')
        self.assert_failed("renamed", "Updates to TrainingJob are not supported")
        jobs = self.leat.client("sagemaker").list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
        names = [summary["TrainingJobName"] for summary in jobs]
        self.assertIn(name, names)
        self.assertNotIn("another", names)

    def test_gpus_that_no_node_has_fail_the_job(self):
        self.leat.apply(gpu_job("gpus"))
        eventually(lambda: "needs 1 GPU" in self.status("gpus").get("additional", ""), "what it waits for")
        self.assert_failed("gpus", "CapacityError: ", "ml.g6e.xlarge needs 1 GPU")

    def test_how_long_gpus_are_waited_for_can_be_said(self):
        with Leat("--capacity-wait", "2s") as leat:
            with_data(leat)
            leat.apply(gpu_job("gpus"))
            status = lambda: leat.get("trainingjob", "gpus").get("status", {})
            eventually(lambda: "CapacityError" in status().get("additional", ""), "it fails", 90)
            described = leat.client("sagemaker").describe_training_job(
                TrainingJobName=status()["sageMakerTrainingJobName"])
            lived = described["TrainingEndTime"] - described["CreationTime"]
            self.assertLess(lived.total_seconds(), 30)  # the default

    def test_a_job_without_logs_tells_what_it_waits_for(self):
        with Leat("--capacity-wait", "1d") as leat:
            with_data(leat)
            leat.apply(gpu_job("waits"))
            status = lambda: leat.get("trainingjob", "waits").get("status", {})
            eventually(lambda: "needs 1 GPU" in status().get("additional", ""), "what it waits for")
            once = leat.kubectl("smlogs", "trainingjob", "waits")
            self.assertEqual(once.stdout, "")
            self.assertRegex(once.stderr, r"no logs in streams waits-[0-9a-f]{32}/\* yet: the job is InProgress, "
                             r"Starting: waiting for a node: .*; -f waits for them\n")
            told = leat.dir / "told"
            said = lambda: told.read_text().splitlines()
            with open(told, "w") as stderr:
                follow = subprocess.Popen(["kubectl", "smlogs", "trainingjob", "waits", "-f"],
                                          stdout=subprocess.PIPE, stderr=stderr, env=leat.environment())
            try:
                eventually(lambda: [line for line in said() if line.startswith(
                    "waiting: Starting: waiting for a node: ml.g6e.xlarge needs 1 GPU")], "-f tells it")
                leat.client("sagemaker").stop_training_job(TrainingJobName=status()["sageMakerTrainingJobName"])
                self.assertEqual(follow.communicate(timeout=120)[0], b"")
            finally:
                follow.kill()
                follow.communicate()
            waits = [line for line in said() if line.startswith("waiting: ")]
            self.assertEqual(len(waits), len(set(waits)), waits)
            self.assertRegex(said()[-1], "no logs in streams .*: the job is Stopped")

    def test_deleting_a_running_job_stops_it_first(self):
        self.leat.apply(job("deleted", **LONG))
        self.await_training("deleted")
        name = self.status("deleted")["sageMakerTrainingJobName"]
        self.leat.kubectl("delete", "trainingjob", "deleted", "--timeout=60s")
        self.assertEqual(self.leat.client("sagemaker").describe_training_job(TrainingJobName=name)["TrainingJobStatus"],
                         "Stopped")

    def test_a_job_beyond_its_runtime_is_stopped(self):
        self.leat.apply(job("too-long", max_runtime=3, **LONG))
        status = self.await_status("too-long", "Stopped")
        self.assertEqual(status["secondaryStatus"], "MaxRuntimeExceeded")

@needs_root
class Endpoint(unittest.TestCase):
    def test_a_job_over_tls(self):
        with Leat("--aws-tls") as leat:
            self.assertTrue(leat.aws.startswith("https:"))
            with_data(leat)
            spec = job("over-tls")
            spec["spec"]["inputDataConfig"][1]["inputMode"] = "FastFile"
            leat.apply(spec)
            status = lambda: leat.get("trainingjob", "over-tls").get("status", {})
            eventually(lambda: status().get("trainingJobStatus") in ("Completed", "Failed"), "its end", 300)
            self.assertEqual(status()["trainingJobStatus"], "Completed", status())
            self.assertIn("[2]#011", leat.kubectl("smlogs", "trainingjob", "over-tls").stdout)
            leat.run("leat", "cp", status()["modelPath"], leat.dir / "model.tar.gz")
            self.assertEqual(tarfile.open(leat.dir / "model.tar.gz").getnames(), ["xgboost-model"])

    def test_two_hosts_read_a_fast_file_channel_through_the_cache_that_was_chosen(self):
        with tempfile.TemporaryDirectory(prefix="leat-cache-") as scratch:
            with Leat("--cache-dir", f"{scratch}/cache,size=64M") as leat:
                bodies = {f"part-{n}": random.Random(n).randbytes(3 << 20) for n in range(3)}
                with_data(leat)
                for key, body in bodies.items():
                    leat.s3().put_object(Bucket="bkt", Key="big/" + key, Body=body)
                map_image(leat, "example.com/digest:*", DIGEST)
                spec = job("both", image="example.com/digest:1", channels=("train",), instances=2)
                spec["spec"]["algorithmSpecification"]["trainingInputMode"] = "FastFile"
                spec["spec"]["inputDataConfig"][0]["dataSource"]["s3DataSource"]["s3Uri"] = "s3://bkt/big/"
                leat.apply(spec)
                status = lambda: leat.get("trainingjob", "both").get("status", {})
                eventually(lambda: status().get("trainingJobStatus") in ("Completed", "Failed"), "its end", 120)
                self.assertEqual(status()["trainingJobStatus"], "Completed", status())
                digest = hashlib.sha256()
                for key in sorted(bodies):
                    digest.update(key.encode() + b"\0" + bodies[key])
                log = leat.kubectl("smlogs", "trainingjob", "both").stdout
                self.assertEqual(re.findall(r"digest (\w+) (\S+)", log), [(digest.hexdigest(), "fuse.leat")] * 2, log)
                kept = [path.stat().st_size for path in pathlib.Path(scratch, "cache").rglob("*.data")]
                self.assertEqual(sorted(kept), [3 << 20] * 3)  # once for both
                self.assertFalse((leat.dir / "node/cache").exists())

    def test_a_cache_that_makes_no_sense_is_refused_at_once(self):
        done = subprocess.run([BIN / "leat", "up", "--cache-dir", "/tmp/x,size=lots"],
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertIn("size", done.stderr)

    def test_a_full_disk_fails_the_job_and_loses_nothing(self):
        scratch = tempfile.mkdtemp(prefix="leat-full-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m,mode=0700", "tmpfs", scratch], check=True)
        try:
            with Leat(data_dir=scratch) as leat:
                with_data(leat)
                free = os.statvfs(scratch)
                with open(scratch + "/ballast", "wb") as ballast:  # leaves less than the endpoint's reserve
                    ballast.write(b"\0" * (free.f_bavail * free.f_frsize - (28 << 20)))
                leat.apply(job("no-room"))
                status = lambda: leat.get("trainingjob", "no-room").get("status", {})
                eventually(lambda: status().get("trainingJobStatus") in ("Completed", "Failed"), "its end", 300)
                self.assertEqual(status()["trainingJobStatus"], "Failed")
                self.assertIn("InsufficientStorage", status()["additional"])
                body = leat.s3().get_object(Bucket="bkt", Key="train/examples")["Body"].read()
                self.assertEqual(body.decode(), csv(2000))
                os.remove(scratch + "/ballast")
                leat.apply(job("room-again"))
                eventually(lambda: leat.get("trainingjob", "room-again").get("status", {}).get("trainingJobStatus") ==
                           "Completed", "a job with room", 120)
        finally:
            subprocess.run(["umount", "-l", scratch], check=True)
            os.rmdir(scratch)


if __name__ == "__main__":
    unittest.main()
