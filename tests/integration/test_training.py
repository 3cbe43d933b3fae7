"""Training jobs from `kubectl apply` to the model, and what goes wrong on the way."""
import io
import json
import os
import random
import subprocess
import tarfile
import tempfile
import unittest

from leat import Leat, eventually, needs_root

IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest"


def csv(rows, classes=3, seed=1):
    """Rows of a problem that XGBoost learns at once: the class is the largest of three columns."""
    rng = random.Random(seed)
    lines = []
    for _ in range(rows):
        values = [rng.random() for _ in range(classes)]
        lines.append(",".join([str(values.index(max(values))), *(f"{v:.6f}" for v in values)]))
    return "\n".join(lines) + "\n"


def job(name, bucket="bkt", image=IMAGE, instances=1, channels=("train", "validation"), volume=1, args=None,
        max_runtime=3600, **hyper):
    hyper = {"objective": "multi:softmax", "num_class": 3, "num_round": 3, **hyper}
    return {
        "apiVersion": "sagemaker.aws.amazon.com/v1", "kind": "TrainingJob", "metadata": {"name": name},
        "spec": {
            "roleArn": "arn:aws:iam::123456789012:role/sagemaker", "region": "us-east-1",
            "algorithmSpecification": {"trainingImage": image, "trainingInputMode": "File"},
            "outputDataConfig": {"s3OutputPath": f"s3://{bucket}/models/"},
            "inputDataConfig": [
                {"channelName": channel, "contentType": "text/csv", "compressionType": "None",
                 "dataSource": {"s3DataSource": {"s3DataType": "S3Prefix", "s3Uri": f"s3://{bucket}/{channel}/",
                                                 "s3DataDistributionType": "FullyReplicated"}}}
                for channel in channels],
            "resourceConfig": {"instanceCount": instances, "instanceType": "ml.m4.xlarge", "volumeSizeInGB": volume},
            "hyperParameters": [{"name": k, "value": str(v)} for k, v in hyper.items()],
            "stoppingCondition": {"maxRuntimeInSeconds": max_runtime}}}


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

    def test_the_same_job_applied_twice_is_one_job(self):
        self.leat.apply(job("twice"))
        eventually(lambda: self.status("twice").get("sageMakerTrainingJobName"), "a name")
        again = self.leat.apply(job("twice"))
        self.assertIn(again.stdout, ("trainingjob.sagemaker.aws.amazon.com/twice unchanged\n",
                                     "trainingjob.sagemaker.aws.amazon.com/twice configured\n"))
        self.await_status("twice", "Completed")
        jobs = self.leat.client("sagemaker").list_training_jobs(NameContains="twice")["TrainingJobSummaries"]
        self.assertEqual(len(jobs), 1)

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
        eventually(lambda: self.status("no-image").get("secondaryStatus") == "Downloading", "its input is there")
        early = self.leat.kubectl("smlogs", "trainingjob", "no-image")
        self.assertEqual(early.stdout, "")
        self.assertRegex(early.stderr, r"no logs in streams no-image-[0-9a-f]{32}/\* yet: the job is InProgress, "
                         r"Downloading: .*; -f waits for them\n")
        follow = self.leat.kubectl("smlogs", "trainingjob", "no-image", "-f")
        self.assertEqual(follow.stdout, "")
        waits = [line for line in follow.stderr.splitlines() if line.startswith("waiting: ")]
        self.assertEqual(len(waits), len(set(waits)))
        self.assertIn("waiting: Downloading: ", waits[-1])
        self.assertIn("example.com/unknown:1", waits[-1])
        self.assertRegex(follow.stderr.splitlines()[-1], r"no logs in streams .*: the job is Failed: .*unknown:1")
        self.assert_failed("no-image", "example.com/unknown:1", "leat-images")

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
        """Makes the image a Python script of this machine."""
        images = [{"pattern": pattern, "entrypoint": ["/usr/bin/python3", "-u", "-c", script]}]
        self.leat.apply({"apiVersion": "v1", "kind": "ConfigMap",
                         "metadata": {"name": "leat-images", "namespace": "kube-system"},
                         "data": {"images.yaml": json.dumps(images)}})

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
        spec = job("gpus")
        spec["spec"]["resourceConfig"]["instanceType"] = "ml.g6e.xlarge"
        self.leat.apply(spec)
        eventually(lambda: "needs 1 GPU" in self.status("gpus").get("additional", ""), "what it waits for")
        self.assert_failed("gpus", "CapacityError: ", "ml.g6e.xlarge needs 1 GPU")

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


def with_data(leat, rows=2000):
    s3 = leat.s3()
    s3.create_bucket(Bucket="bkt")
    s3.put_object(Bucket="bkt", Key="train/examples", Body=csv(rows))
    s3.put_object(Bucket="bkt", Key="validation/examples", Body=csv(500, seed=2))


@needs_root
class Endpoint(unittest.TestCase):
    def test_a_job_over_tls(self):
        with Leat("--aws-tls") as leat:
            self.assertTrue(leat.aws.startswith("https:"))
            with_data(leat)
            leat.apply(job("over-tls"))
            status = lambda: leat.get("trainingjob", "over-tls").get("status", {})
            eventually(lambda: status().get("trainingJobStatus") in ("Completed", "Failed"), "its end", 120)
            self.assertEqual(status()["trainingJobStatus"], "Completed", status())
            self.assertIn("[2]#011", leat.kubectl("smlogs", "trainingjob", "over-tls").stdout)
            leat.run("leat", "cp", status()["modelPath"], leat.dir / "model.tar.gz")
            self.assertEqual(tarfile.open(leat.dir / "model.tar.gz").getnames(), ["xgboost-model"])

    def test_a_full_disk_fails_the_job_and_loses_nothing(self):
        scratch = tempfile.mkdtemp(prefix="leat-full-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", scratch], check=True)
        try:
            with Leat(data_dir=scratch) as leat:
                with_data(leat)
                free = os.statvfs(scratch)
                with open(scratch + "/ballast", "wb") as ballast:  # leaves less than the endpoint's reserve
                    ballast.write(b"\0" * (free.f_bavail * free.f_frsize - (28 << 20)))
                leat.apply(job("no-room"))
                status = lambda: leat.get("trainingjob", "no-room").get("status", {})
                eventually(lambda: status().get("trainingJobStatus") in ("Completed", "Failed"), "its end", 120)
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


@needs_root
class Crashes(unittest.TestCase):
    def test_the_model_is_uploaded_although_the_endpoint_was_away_when_training_ended(self):
        leat = Leat()
        with leat:
            with_data(leat, rows=20000)
            leat.apply(job("patient", num_round=1000))
            status = lambda: leat.get("trainingjob", "patient").get("status", {})
            eventually(lambda: status().get("secondaryStatus") == "Training", "training")
            leat.kill()
            exits = leat.dir / "node/runtime/exits"
            eventually(lambda: [f for f in exits.iterdir() if "_algorithm_" in f.name], "the algorithm's end", 120)
            leat.start()
            eventually(lambda: status().get("trainingJobStatus") in ("Completed", "Failed"), "its end", 120)
            self.assertEqual(status()["trainingJobStatus"], "Completed", status())
            leat.s3().head_object(Bucket="bkt", Key=status()["modelPath"].removeprefix("s3://bkt/"))

    def test_a_job_whose_pods_leat_stopped_does_not_blame_the_algorithm(self):
        leat = Leat("--stop-pods")
        with leat:
            with_data(leat, rows=20000)
            leat.apply(job("halted", num_round=100000))
            status = lambda: leat.get("trainingjob", "halted").get("status", {})
            eventually(lambda: status().get("secondaryStatus") == "Training", "training")
            leat.stop()
            leat.start()
            eventually(lambda: status().get("trainingJobStatus") == "Failed", "its end")
            self.assertTrue(status()["additional"].startswith("InternalServerError: host algo-1 was stopped"), status())

    def test_a_job_finishes_although_leat_was_killed(self):
        leat = Leat()
        with leat:
            with_data(leat, rows=20000)
            leat.apply(job("survivor", num_round=1000))
            status = lambda: leat.get("trainingjob", "survivor").get("status", {})
            eventually(lambda: status().get("secondaryStatus") == "Training", "training")
            followed = leat.dir / "followed"
            with open(followed, "w") as file:
                follow = subprocess.Popen(["kubectl", "smlogs", "trainingjob/survivor", "-f", "--hide-log-stream-name"],
                                          env=leat.environment(), stdout=file)
            self.addCleanup(follow.kill)
            eventually(followed.read_text, "its first lines")
            leat.kill()
            leat.start()
            eventually(lambda: status().get("trainingJobStatus") in ("Completed", "Failed"), "its end", 120)
            self.assertEqual(status().get("trainingJobStatus"), "Completed", status())
            self.assertEqual(follow.wait(60), 0)
            log = leat.kubectl("smlogs", "trainingjob", "survivor", "--hide-log-stream-name").stdout
            rounds = [line.split("] ")[-1] for line in log.splitlines() if "#011" in line]
            self.assertEqual([int(r.split("[")[-1].split("]")[0]) for r in rounds], list(range(1000)))
            self.assertEqual(followed.read_text().splitlines(), log.splitlines())


if __name__ == "__main__":
    unittest.main()
