"""What the SageMaker operators' own installer does to a Leat that runs: its definitions over ours."""
import json
import unittest

from leat import Leat, eventually
from training_jobs import job

TRAINING_JOBS = "trainingjobs.sagemaker.aws.amazon.com"


def definition(kind, plural, schema):
    """As old as the installer's own."""
    return {"apiVersion": "apiextensions.k8s.io/v1beta1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.sagemaker.aws.amazon.com"},
            "spec": {"group": "sagemaker.aws.amazon.com", "scope": "Namespaced",
                     "names": {"kind": kind, "plural": plural}, "subresources": {"status": {}},
                     "validation": {"openAPIV3Schema": {"type": "object", "properties": schema}},
                     "version": "v1", "versions": [{"name": "v1", "served": True, "storage": True}]}}


# A training job that knows nothing of FastFile.
NARROW = definition("TrainingJob", "trainingjobs", {"spec": {"type": "object", "properties": {
    "algorithmSpecification": {"type": "object", "properties": {
        "trainingInputMode": {"type": "string", "enum": ["File", "Pipe"]}}}}}})


class Installer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.leat = Leat()
        cls.leat.start()
        cls.addClassCleanup(cls.leat.close)

    def await_event(self, kind, name, reason):
        eventually(lambda: reason in self.leat.kubectl("describe", kind, name).stdout, f"{reason} of {kind} {name}")

    def modes(self):
        versions = self.leat.get("crd", TRAINING_JOBS)["spec"]["versions"]
        spec = versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        return spec["algorithmSpecification"]["properties"]["trainingInputMode"].get("enum")

    def test_a_definition_applied_over_ours_does_not_narrow_it(self):
        self.leat.apply(NARROW)
        eventually(lambda: self.modes() == ["File", "Pipe", "FastFile"], "FastFile again")
        self.await_event("crd", TRAINING_JOBS, "ServedAgain")
        spec = job("fast", bucket="none")
        spec["spec"]["algorithmSpecification"]["trainingInputMode"] = "FastFile"
        self.leat.apply(spec)
        self.leat.kubectl("delete", "trainingjob", "fast", "--timeout=60s")

    def test_a_deleted_definition_is_put_back_empty(self):
        self.leat.apply(job("lost", bucket="none"))
        uid = self.leat.get("crd", TRAINING_JOBS)["metadata"]["uid"]
        self.leat.kubectl("delete", "crd", TRAINING_JOBS, "--wait=false")

        def again():
            found = self.leat.kubectl("get", "crd", TRAINING_JOBS, "-o", "json", check=False)
            return found.returncode == 0 and json.loads(found.stdout)["metadata"]["uid"] != uid
        eventually(again, "another definition of the same name")
        self.await_event("crd", TRAINING_JOBS, "Restored")
        eventually(lambda: self.leat.kubectl("get", "trainingjobs", check=False).returncode == 0, "trainingjobs are served")
        self.assertIn("No resources", self.leat.kubectl("get", "trainingjobs").stderr)
        self.leat.apply(job("after", bucket="none"))
        eventually(lambda: self.leat.get("trainingjob", "after").get("status", {}).get("trainingJobStatus"), "a status")
        self.leat.kubectl("delete", "trainingjob", "after", "--timeout=60s")

    def test_a_definition_that_yields_is_left_and_its_jobs_too(self):
        self.leat.kubectl("annotate", "crd", TRAINING_JOBS, "leat.dev/yield=true")
        self.await_event("crd", TRAINING_JOBS, "Yielded")
        self.leat.apply(NARROW)
        self.leat.apply(job("theirs", bucket="none"))
        self.leat.kill()
        self.leat.start()
        self.assertEqual(self.modes(), ["File", "Pipe"])
        self.assertNotIn("status", self.leat.get("trainingjob", "theirs"))
        self.leat.kubectl("annotate", "crd", TRAINING_JOBS, "leat.dev/yield-")
        eventually(lambda: self.modes() == ["File", "Pipe", "FastFile"], "ours again")
        eventually(lambda: self.leat.get("trainingjob", "theirs").get("status"), "the job is ours again")
        self.leat.kubectl("delete", "trainingjob", "theirs", "--timeout=60s")

    def test_objects_of_kinds_that_nobody_serves_say_so(self):
        status = {"status": {"type": "object", "properties": {"additional": {"type": "string"}}}}
        self.leat.apply(definition("HyperparameterTuningJob", "hyperparametertuningjobs", status))
        crd = "crd/hyperparametertuningjobs.sagemaker.aws.amazon.com"
        self.addCleanup(self.leat.kubectl, "delete", crd, "--timeout=60s")
        self.leat.kubectl("wait", "--for", "condition=established", crd, "--timeout=30s")
        self.leat.apply({"apiVersion": "sagemaker.aws.amazon.com/v1", "kind": "HyperparameterTuningJob",
                         "metadata": {"name": "tuning"}})
        self.await_event("hyperparametertuningjob", "tuning", "NotServed")
        self.assertIn("Leat does not serve HyperparameterTuningJob yet",
                      self.leat.get("hyperparametertuningjob", "tuning")["status"]["additional"])


if __name__ == "__main__":
    unittest.main()
