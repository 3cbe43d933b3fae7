"""Training jobs while Leat or what serves it dies."""
import random
import subprocess
import unittest

from leat import Leat, eventually, needs_root
from training_jobs import data_processes_of, job, map_image, mounts_of, with_data

# Reads its channel for eight seconds, and the last object only then.
READ_ON = r"""
import pathlib, time
train = pathlib.Path("/opt/ml/input/data/train")
parts = sorted(train.iterdir())
sums = {part.name: sum(part.read_bytes()) for part in parts[:-1]}
print("has read", len(sums), flush=True)
for _ in range(40):
    assert all(sum(part.read_bytes()) == sums[part.name] for part in parts[:-1])
    time.sleep(0.2)
print("the last one sums up to", sum(parts[-1].read_bytes()), flush=True)
"""


@needs_root
class Crashes(unittest.TestCase):
    def reader(self, leat):
        """A job that reads a FastFile channel for about ten seconds, in the middle of it."""
        for part in range(4):
            leat.s3().put_object(Bucket="bkt", Key=f"parts/{part}", Body=random.Random(part).randbytes(300_000))
        map_image(leat, "example.com/reader:*", READ_ON)
        spec = job("reader", image="example.com/reader:1", channels=("train",))
        spec["spec"]["algorithmSpecification"]["trainingInputMode"] = "FastFile"
        spec["spec"]["inputDataConfig"][0]["dataSource"]["s3DataSource"]["s3Uri"] = "s3://bkt/parts/"
        leat.apply(spec)
        log = lambda: leat.kubectl("smlogs", "trainingjob", "reader", check=False).stdout
        eventually(lambda: "has read 3" in log(), "it reads", 60)
        self.assertEqual(len(mounts_of(leat)), 1)
        return log

    def test_a_mounted_channel_outlives_a_killed_leat_and_ends_with_the_job(self):
        with Leat() as leat:
            with_data(leat)
            log = self.reader(leat)
            leat.kill()
            self.assertEqual(len(mounts_of(leat)), 1)
            leat.start()
            status = lambda: leat.get("trainingjob", "reader").get("status", {})
            eventually(lambda: status().get("trainingJobStatus") in ("Completed", "Failed"), "its end", 300)
            self.assertEqual(status()["trainingJobStatus"], "Completed", status())
            self.assertIn(f"sums up to {sum(random.Random(3).randbytes(300_000))}", log())
            eventually(lambda: not mounts_of(leat), "its mount is gone")
            eventually(lambda: not data_processes_of(leat), "its processes have ended")

    def test_stopped_pods_leave_no_mount(self):
        with Leat("--stop-pods") as leat:
            with_data(leat)
            self.reader(leat)
            leat.stop()
            self.assertEqual(mounts_of(leat), [])
            eventually(lambda: not data_processes_of(leat), "its processes have ended")

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
            eventually(lambda: status().get("trainingJobStatus") in ("Completed", "Failed"), "its end", 300)
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
            eventually(lambda: status().get("trainingJobStatus") in ("Completed", "Failed"), "its end", 300)
            self.assertEqual(status().get("trainingJobStatus"), "Completed", status())
            self.assertEqual(follow.wait(60), 0)
            log = leat.kubectl("smlogs", "trainingjob", "survivor", "--hide-log-stream-name").stdout
            rounds = [line.split("] ")[-1] for line in log.splitlines() if "#011" in line]
            self.assertEqual([int(r.split("[")[-1].split("]")[0]) for r in rounds], list(range(1000)))
            self.assertEqual(followed.read_text().splitlines(), log.splitlines())


if __name__ == "__main__":
    unittest.main()
