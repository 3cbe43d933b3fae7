"""A disk that something else has filled to the last byte, and goes on filling: deleting, stopping and starting work."""
import os
import pathlib
import subprocess
import tempfile
import unittest

import botocore.exceptions

from leat import Leat, eventually, needs_root

MIB = 1 << 20


def filler(name, command):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 2, "containers": [
                {"name": "c", "image": "leat.dev/host", "command": ["sh", "-c", command]}]}}


def config_map(name, text="x"):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"text": text}}


# Takes every byte that comes free, whoever freed it.
GREEDY = "while :; do head -c 500000000 /dev/zero >> /fill 2>/dev/null; done"
ONCE = "head -c 500000000 /dev/zero > /fill 2>/dev/null; sleep 600"


@needs_root
class FullDisk(unittest.TestCase):
    def setUp(self):
        self.disk = tempfile.mkdtemp(prefix="leat-small-disk-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "leat-test", self.disk], check=True)
        self.addCleanup(os.rmdir, self.disk)
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)
        self.gate = tempfile.TemporaryDirectory(prefix="leat-gate-")
        self.addCleanup(self.gate.cleanup)
        self.leat = Leat(data_dir=pathlib.Path(self.disk) / "data")
        self.addCleanup(self.leat.close)
        self.leat.start()

    def free(self):
        disk = os.statvfs(self.disk)
        return disk.f_bavail * disk.f_frsize

    def gated(self, name, command):
        """A filler that waits for the file `go`: all are there before the first one begins."""
        pod = filler(name, f"until [ -e /gate/go ]; do sleep 0.1; done; {command}")
        pod["spec"]["volumes"] = [{"name": "gate", "hostPath": {"path": self.gate.name}}]
        pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "gate", "mountPath": "/gate", "readOnly": True}]
        return pod

    def fill(self, *pods):
        """S3 until it says 507, then gated pods until there is nothing left. Returns the objects that were taken."""
        s3 = self.leat.s3()
        s3.create_bucket(Bucket="bucket")
        taken = []
        with self.assertRaises(botocore.exceptions.ClientError) as refused:
            while len(taken) < 100:
                s3.put_object(Bucket="bucket", Key=str(len(taken)), Body=bytes([len(taken)]) * (4 * MIB))
                taken.append(str(len(taken)))
        self.assertEqual(refused.exception.response["ResponseMetadata"]["HTTPStatusCode"], 507)
        for pod in pods:
            self.leat.apply(pod)
            name = pod["metadata"]["name"]
            eventually(lambda: self.leat.get("pod", name)["status"].get("phase") == "Running", f"{name} runs")
        (pathlib.Path(self.gate.name) / "go").touch()
        eventually(lambda: self.free() == 0, "the disk is full")
        return taken

    def assert_creating_is_refused(self):
        refused = self.leat.apply(config_map("refused"), check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("free some space", refused.stderr)

    def assert_pod_goes(self, name, *flags):
        self.leat.kubectl("delete", "pod", name, "--wait=true", "--timeout=60s", *flags)
        self.assertNotEqual(self.leat.kubectl("get", "pod", name, check=False).returncode, 0)

    def test_a_pod_that_filled_it_can_be_deleted(self):
        for flags in ((), ("--grace-period=0", "--force")):
            with self.subTest(flags=flags):
                self.leat.apply(filler("filler", ONCE))
                eventually(lambda: self.free() == 0, "the disk is full")
                self.assert_creating_is_refused()
                self.assert_pod_goes("filler", *flags)
                eventually(lambda: self.free() > 64 * MIB, "its space is back")
                self.leat.apply(config_map("after"))

    def test_objects_can_be_deleted_while_a_pod_takes_what_they_free(self):
        for i in range(20):
            self.leat.apply(config_map(f"m{i}", "x" * 1000))
        taken = self.fill(self.gated("greedy", GREEDY))
        s3 = self.leat.s3()
        for i in range(20):
            self.leat.kubectl("delete", "configmap", f"m{i}")
        for key in taken[1:]:
            s3.delete_object(Bucket="bucket", Key=key)
        self.assertEqual([found["Key"] for found in s3.list_objects_v2(Bucket="bucket")["Contents"]], ["0"])
        self.assert_creating_is_refused()
        self.assertEqual(s3.get_object(Bucket="bucket", Key="0")["Body"].read(), bytes(4 * MIB))
        self.assert_pod_goes("greedy")
        eventually(lambda: self.free() > 64 * MIB, "its space is back")
        self.leat.apply(config_map("after"))
        s3.put_object(Bucket="bucket", Key="after", Body=b"x")

    def test_it_starts_again_after_kill_9_and_after_sigterm(self):
        for i in range(20):
            self.leat.apply(config_map(f"m{i}"))
        taken = self.fill(self.gated("greedy", GREEDY), self.gated("once", ONCE))
        for stop in (self.leat.kill, self.leat.stop, self.leat.kill):
            stop()
            eventually(lambda: self.free() == 0, "the pod has taken what was free")
            self.leat.start()
            names = self.leat.kubectl("get", "configmaps", "-o", "name").stdout
            for i in range(20):
                self.assertIn(f"configmap/m{i}\n", names)
            found = self.leat.s3().list_objects_v2(Bucket="bucket")["Contents"]
            self.assertEqual(sorted(entry["Key"] for entry in found), sorted(taken))
            for key in taken:
                body = self.leat.s3().get_object(Bucket="bucket", Key=key)["Body"].read()
                self.assertEqual(body, bytes([int(key)]) * (4 * MIB), key)
        self.assert_pod_goes("greedy")
        self.assert_pod_goes("once", "--grace-period=0", "--force")
        eventually(lambda: self.free() > 20 * MIB, "their space is back")
        self.leat.apply(config_map("after"))


if __name__ == "__main__":
    unittest.main()
