"""The image catalogue, by the examples of docs/semantics/images.md as they stand there."""
import io
import json
import re
import tarfile
import unittest

from leat import ROOT, Leat, eventually, needs_root

DOCUMENT = (ROOT / "docs/semantics/images.md").read_text()


def example(name):
    """The YAML of the document that makes an object of this name."""
    for text in re.findall(r"^```yaml\n(.*?)^```$", DOCUMENT, re.M | re.S):
        if f"metadata: {{name: {name}}}" in text:
            return text
    raise AssertionError(f"docs/semantics/images.md has no example with {name}")


def promised(command):
    """What the document says that a command prints last: the comment behind it."""
    return re.search(rf"^    {re.escape(command)}\s+# (.*)$", DOCUMENT, re.M).group(1)


@needs_root
class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.leat = Leat()
        cls.leat.start()

    @classmethod
    def tearDownClass(cls):
        cls.leat.close()

    def pod_ends(self, name):
        phase = lambda: self.leat.get("pod", name).get("status", {}).get("phase")
        try:
            eventually(lambda: phase() in ("Succeeded", "Failed"), f"{name} has ended", 60)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.leat.kubectl('describe', 'pod', name).stdout}") from None
        return phase()

    def test_a_plain_pod(self):
        self.leat.apply(example("plain"))
        self.assertEqual(self.pod_ends("plain"), "Succeeded")
        for container in ("shell", "greeter"):
            command = f"kubectl logs plain -c {container}"
            self.assertEqual(self.leat.run(*command.split()).stdout, promised(command) + "\n")
        # What else the document says of these entries.
        self.leat.apply(json.dumps(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "more"},
             "spec": {"restartPolicy": "Never", "containers": [
                 {"name": "default", "image": "example.com/greeter:1"},
                 {"name": "replaced", "image": "example.com/greeter:1", "command": ["sh", "-c", "echo $LANG; pwd"]}]}}))
        self.assertEqual(self.pod_ends("more"), "Succeeded")
        self.assertEqual(self.leat.kubectl("logs", "more", "-c", "default").stdout, "hello world\n")
        self.assertEqual(self.leat.kubectl("logs", "more", "-c", "replaced").stdout, "C.UTF-8\n/tmp\n")

    def test_a_training_script_of_ones_own(self):
        s3 = self.leat.s3()
        s3.create_bucket(Bucket="my-bucket")
        s3.put_object(Bucket="my-bucket", Key="slope/points.csv", Body=b"1,2\n2,4\n3,6\n")
        self.leat.apply(example("slope"))
        status = lambda: self.leat.get("trainingjob", "slope").get("status", {})
        eventually(lambda: status().get("trainingJobStatus") in ("Completed", "Failed"), "the job has ended", 120)
        self.assertEqual(status()["trainingJobStatus"], "Completed", status())
        log = self.leat.kubectl("smlogs", "trainingjob", "slope").stdout
        last = promised("kubectl smlogs trainingjob slope -f").removeprefix("... ")
        self.assertTrue(log.rstrip().endswith(last), log)
        body = s3.get_object(Bucket="my-bucket", Key=status()["modelPath"].removeprefix("s3://my-bucket/"))["Body"].read()
        model = tarfile.open(fileobj=io.BytesIO(body)).extractfile("slope.json").read().decode()
        self.assertEqual(model, promised("tar xzOf slope.tar.gz"))


if __name__ == "__main__":
    unittest.main()
