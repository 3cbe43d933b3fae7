"""In which order pods and training jobs that wait for room start."""
import json
import unittest

from leat import Leat, eventually, needs_root
from training_jobs import job, with_data


def pod(name, cpu, script="sleep 1000", **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, **spec,
                     "containers": [{"name": "c", "image": "leat.dev/host", "command": ["sh", "-c", script],
                                     "resources": {"requests": {"cpu": cpu}}}]}}


@needs_root
class Order(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.leat = Leat()
        cls.leat.start()
        cls.addClassCleanup(cls.leat.close)
        with_data(cls.leat)
        node = json.loads(cls.leat.kubectl("get", "nodes", "-o", "json").stdout)["items"][0]
        cls.cpu = node["status"]["allocatable"]["cpu"]

    def setUp(self):
        """A node that is full until the test frees it."""
        self.leat.apply(pod("full", self.cpu))
        eventually(lambda: self.leat.get("pod", "full")["spec"].get("nodeName"), "the node is full")

    def tearDown(self):
        self.leat.kubectl("delete", "pods,trainingjobs", "--all", "--wait=true", "--timeout=120s")

    def free(self):
        self.leat.kubectl("delete", "pod", "full", "--wait=false")

    def pods(self, namespace="default"):
        return json.loads(self.leat.kubectl("get", "pods", "-n", namespace, "-o", "json").stdout)["items"]

    def await_waiting(self, count, namespace="default"):
        def waiting():
            found = [item for item in self.pods(namespace) if not item["spec"].get("nodeName") and
                     any(c["type"] == "PodScheduled" for c in item.get("status", {}).get("conditions", []))]
            return len(found) == count
        eventually(waiting, f"{count} pods wait in {namespace}")

    def scheduled(self, namespace="default"):
        """The pods in the order in which they were bound."""
        events = json.loads(self.leat.kubectl("get", "events", "-n", namespace, "-o", "json").stdout)["items"]
        bound = [event for event in events if event["reason"] == "Scheduled"]
        bound.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
        return [event["involvedObject"]["name"] for event in bound if event["involvedObject"]["name"] != "full"]

    def test_waiting_jobs_start_as_they_came_whatever_their_names(self):
        names = ["zz-first", "mm-second", "aa-third"]
        for number, name in enumerate(names):
            self.leat.apply(job(name))
            self.await_waiting(number + 1, "leat-engine")
        self.free()
        for name in names:
            eventually(lambda: self.leat.get("trainingjob", name)["status"]["trainingJobStatus"] == "Completed",
                       f"{name} is completed", 180)
        started = [name.split("-")[0] for name in self.scheduled("leat-engine")]
        self.assertEqual(started, ["zz", "mm", "aa"])

    def test_a_higher_priority_goes_first(self):
        for name, priority in (("z-low", -1), ("y-none", 0), ("x-high", 100)):
            self.leat.apply(pod(name, self.cpu, "true", priority=priority))
        self.await_waiting(3)
        self.free()
        eventually(lambda: [item["status"]["phase"] for item in self.pods()] == ["Succeeded"] * 3, "all have run")
        self.assertEqual(self.scheduled()[-3:], ["x-high", "y-none", "z-low"])

    def test_one_that_does_not_fit_lets_smaller_ones_pass(self):
        self.leat.apply(pod("large", "1000"))
        self.leat.apply(pod("small", "10m", "true"))
        self.await_waiting(2)
        self.free()
        eventually(lambda: self.leat.get("pod", "small")["status"]["phase"] == "Succeeded", "small has run")
        self.assertIn("Insufficient cpu", self.leat.kubectl("describe", "pod", "large").stdout)
        self.assertNotIn("large", self.scheduled())


if __name__ == "__main__":
    unittest.main()
