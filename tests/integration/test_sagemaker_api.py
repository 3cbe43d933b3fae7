#!/usr/bin/python3
"""What boto3 and aws CLI users see of the SageMaker and CloudWatch Logs sides of the endpoint.

Over plain HTTP, and a part of it once more over TLS. How a job runs is test_training.py's matter: the jobs here
name an image that nobody has.
"""
import datetime
import json
import shutil
import time
import unittest
import uuid

import boto3
import botocore.config
import botocore.exceptions

from leat import Target, eventually

ROLE = "arn:aws:iam::000000000000:role/training"
AWS = shutil.which("aws")
target = Target()


def tearDownModule():
    target.close()


def client(service, region="us-east-1", validate=True):
    """With validate=False, botocore leaves it to the server to refuse what is wrong."""
    server = target.leat
    return boto3.client(
        service, endpoint_url=server.aws, region_name=region, aws_access_key_id=server.key_id,
        aws_secret_access_key=server.secret, verify=server.ca,
        config=botocore.config.Config(retries={"max_attempts": 1}, parameter_validation=validate))


def request(name, **changes):
    return {
        "TrainingJobName": name, "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": "nobody.example/none:1", "TrainingInputMode": "File"},
        "HyperParameters": {"num_round": "3"},
        "InputDataConfig": [{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": "s3://none/train"}}}],
        "OutputDataConfig": {"S3OutputPath": "s3://none/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600}, **changes}


def unique(prefix="job"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class ApiCase(unittest.TestCase):
    def refused(self, code, call, *arguments, **more):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            call(*arguments, **more)
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], code, error)
        return error["Message"]


class TrainingJobs(ApiCase):
    @classmethod
    def setUpClass(cls):
        cls.sagemaker = client("sagemaker")
        cls.unchecked = client("sagemaker", validate=False)
        client("s3").create_bucket(Bucket="none")

    def create(self, name, **changes):
        return self.sagemaker.create_training_job(**request(name, **changes))["TrainingJobArn"]

    def test_create_and_describe(self):
        name = unique("Job")
        arn = self.create(name, Tags=[{"Key": "team", "Value": "a"}], Environment={"A": "b"})
        self.assertEqual(arn, f"arn:aws:sagemaker:us-east-1:000000000000:training-job/{name}")
        job = self.sagemaker.describe_training_job(TrainingJobName=name)
        self.assertEqual(job["TrainingJobArn"], arn)
        self.assertIn(job["TrainingJobStatus"], ("InProgress", "Failed"))
        self.assertIsInstance(job["CreationTime"], datetime.datetime)
        age = datetime.datetime.now(datetime.timezone.utc) - job["CreationTime"]
        self.assertLess(abs(age.total_seconds()), 60)
        asked = request(name)
        for key in ("HyperParameters", "AlgorithmSpecification", "OutputDataConfig", "ResourceConfig",
                    "StoppingCondition", "RoleArn"):
            more = {"KmsKeyId": ""} if key == "OutputDataConfig" else {}
            self.assertEqual(job[key], {**asked[key], **more} if more else asked[key], key)
        self.assertEqual(job["Environment"], {"A": "b"})
        self.assertEqual(job["InputDataConfig"][0]["CompressionType"], "None")
        self.assertEqual(self.sagemaker.list_tags(ResourceArn=arn)["Tags"], [{"Key": "team", "Value": "a"}])

    def test_a_name_is_taken_once(self):
        name = unique()
        arn = self.create(name)
        self.assertEqual(
            self.refused("ResourceInUse", self.create, name),
            "Training job names must be unique within an AWS account and region, and a training job with this "
            f"name already exists ({arn})")

    def test_regions_have_names_of_their_own(self):
        name = unique()
        self.create(name)
        abroad = client("sagemaker", "eu-west-1")
        arn = abroad.create_training_job(**request(name))["TrainingJobArn"]
        self.assertEqual(arn, f"arn:aws:sagemaker:eu-west-1:000000000000:training-job/{name}")
        self.assertEqual(abroad.describe_training_job(TrainingJobName=name)["TrainingJobArn"], arn)

    def test_an_output_bucket_that_is_not_there(self):
        text = self.refused("ValidationException", self.sagemaker.create_training_job,
                            **request(unique(), OutputDataConfig={"S3OutputPath": "s3://absent/out"}))
        self.assertIn("The S3 bucket absent of OutputDataConfig.S3OutputPath", text)

    def test_unknown_jobs(self):
        for call in (self.sagemaker.describe_training_job, self.sagemaker.stop_training_job):
            self.assertEqual(self.refused("ValidationException", call, TrainingJobName="nobody"),
                             "Requested resource not found.")
        name = unique()
        self.create(name)
        self.refused("ValidationException", client("sagemaker", "eu-west-1").describe_training_job,
                     TrainingJobName=name)

    def test_validation_texts(self):
        create = self.unchecked.create_training_job
        self.assertEqual(
            self.refused("ValidationException", create, **request("my_job")),
            "1 validation error detected: Value 'my_job' at 'trainingJobName' failed to satisfy constraint: Member "
            "must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
        wrong = request("x" * 64)
        del wrong["RoleArn"]
        wrong["AlgorithmSpecification"]["TrainingInputMode"] = "Copy"
        text = self.refused("ValidationException", create, **wrong)
        self.assertTrue(text.startswith("4 validation errors detected: "), text)
        for part in ("Member must have length less than or equal to 63",
                     "Value null at 'roleArn' failed to satisfy constraint: Member must not be null",
                     "Value 'Copy' at 'algorithmSpecification.trainingInputMode' failed to satisfy constraint: "
                     "Member must satisfy enum value set: [Pipe, File, FastFile]"):
            self.assertIn(part, text)

    def test_wrong_types(self):
        wrong = request(unique())
        wrong["ResourceConfig"]["InstanceCount"] = "1"
        self.assertIn("STRING_VALUE can not be converted to an Integer",
                      self.refused("SerializationException", self.unchecked.create_training_job, **wrong))

    def test_requests_without_sense(self):
        twice = request(unique())
        twice["InputDataConfig"] *= 2
        both = request(unique())
        both["AlgorithmSpecification"]["AlgorithmName"] = "a"
        spot = request(unique(), EnableManagedSpotTraining=True)
        for wrong, text in ((twice, "train is given more than once"), (both, "both AlgorithmName and TrainingImage"),
                            (spot, "MaxWaitTimeInSeconds")):
            self.assertIn(text, self.refused("ValidationException", self.sagemaker.create_training_job, **wrong))

    def test_stop(self):
        name = unique()
        self.create(name)
        try:
            self.sagemaker.stop_training_job(TrainingJobName=name)
        except botocore.exceptions.ClientError as error:  # the engine was faster
            self.assertIn("The request was rejected because the training job is in status Failed.", str(error))

        def finished():
            status = self.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"]
            self.assertNotEqual(status, "InProgress")
            return status in ("Stopped", "Failed") and status
        status = eventually(finished, "the job has ended")
        self.assertEqual(
            self.refused("ValidationException", self.sagemaker.stop_training_job, TrainingJobName=name),
            f"The request was rejected because the training job is in status {status}.")

    def test_list(self):
        mark = uuid.uuid4().hex[:10]
        names = [f"{mark}-{i}" for i in range(5)]
        for name in names:
            self.create(name)
        pages = self.sagemaker.get_paginator("list_training_jobs").paginate(
            NameContains=mark, SortBy="Name", SortOrder="Descending", PaginationConfig={"PageSize": 2})
        found = [job for page in pages for job in page["TrainingJobSummaries"]]
        self.assertEqual([job["TrainingJobName"] for job in found], names[::-1])
        self.assertIsInstance(found[0]["CreationTime"], datetime.datetime)
        later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        self.assertEqual(self.sagemaker.list_training_jobs(CreationTimeAfter=later)["TrainingJobSummaries"], [])
        self.assertIn("less than or equal to 100", self.refused(
            "ValidationException", self.unchecked.list_training_jobs, MaxResults=101))

    def test_tags(self):
        arn = self.create(unique())
        self.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        self.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
        self.assertEqual(self.sagemaker.list_tags(ResourceArn=arn)["Tags"], [{"Key": "b", "Value": "2"}])

    def test_other_operations_are_named(self):
        text = self.refused("UnknownOperationException", self.sagemaker.list_endpoints)
        self.assertIn("ListEndpoints", text)

    @unittest.skipUnless(AWS, "no aws CLI on PATH")
    def test_the_aws_cli(self):
        name = unique()
        self.create(name)
        shown = target.leat.aws_cli("sagemaker", "describe-training-job", "--training-job-name", name)
        self.assertEqual(json.loads(shown.stdout)["TrainingJobName"], name)
        wrong = target.leat.aws_cli("sagemaker", "describe-training-job", "--training-job-name", "nobody", check=False)
        self.assertIn("Requested resource not found.", wrong.stderr)


class Logs(ApiCase):
    @classmethod
    def setUpClass(cls):
        cls.logs = client("logs")

    def setUp(self):
        self.group = unique("/test")
        self.logs.create_log_group(logGroupName=self.group)
        self.addCleanup(self.logs.delete_log_group, logGroupName=self.group)
        self.now = int(time.time() * 1000)

    def write(self, stream, messages, at=0):
        self.logs.create_log_stream(logGroupName=self.group, logStreamName=stream)
        self.logs.put_log_events(logGroupName=self.group, logStreamName=stream, logEvents=[
            {"timestamp": self.now + at + i, "message": text} for i, text in enumerate(messages)])

    def messages(self, **more):
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=self.group, **more)
        return [event["message"] for page in pages for event in page["events"]]

    def test_filter(self):
        self.write("job/algo-1", ["a1", "a2 error", "a3"])
        self.write("job/algo-2", ["b1 error"], at=10)
        self.write("other", ["c1"], at=20)
        self.assertEqual(self.messages(), ["a1", "a2 error", "a3", "b1 error", "c1"])
        self.assertEqual(self.messages(PaginationConfig={"PageSize": 2}), ["a1", "a2 error", "a3", "b1 error", "c1"])
        self.assertEqual(self.messages(logStreamNamePrefix="job/", filterPattern="error"), ["a2 error", "b1 error"])
        self.assertEqual(self.messages(startTime=self.now + 2, endTime=self.now + 10), ["a3", "b1 error"])
        self.refused("InvalidParameterException", self.messages, filterPattern="{ $.a = 1 }")

    def test_follow_with_tokens(self):
        self.write("s", [str(i) for i in range(5)])
        page = self.logs.get_log_events(logGroupName=self.group, logStreamName="s", startFromHead=True, limit=3)
        self.assertEqual([event["message"] for event in page["events"]], ["0", "1", "2"])
        page = self.logs.get_log_events(logGroupName=self.group, logStreamName="s", startFromHead=True,
                                        nextToken=page["nextForwardToken"])
        self.assertEqual([event["message"] for event in page["events"]], ["3", "4"])
        end = self.logs.get_log_events(logGroupName=self.group, logStreamName="s", startFromHead=True,
                                       nextToken=page["nextForwardToken"])
        self.assertEqual((end["events"], end["nextForwardToken"]), ([], page["nextForwardToken"]))

    def test_streams(self):
        for name in ("b", "a", "c"):
            self.write(name, ["x"])
        pages = self.logs.get_paginator("describe_log_streams").paginate(
            logGroupName=self.group, PaginationConfig={"PageSize": 2})
        self.assertEqual([s["logStreamName"] for page in pages for s in page["logStreams"]], ["a", "b", "c"])
        groups = self.logs.describe_log_groups(logGroupNamePrefix=self.group)["logGroups"]
        self.assertEqual([group["logGroupName"] for group in groups], [self.group])

    def test_errors(self):
        missing = "ResourceNotFoundException"
        self.assertEqual(self.refused(missing, self.logs.filter_log_events, logGroupName="/none"),
                         "The specified log group does not exist.")
        self.assertEqual(self.refused(missing, self.logs.get_log_events, logGroupName=self.group, logStreamName="s"),
                         "The specified log stream does not exist.")
        self.refused("ResourceAlreadyExistsException", self.logs.create_log_group, logGroupName=self.group)

    def test_survives_a_crash(self):
        self.write("s", ["kept"])
        target.leat.kill()
        target.leat.start()
        self.logs = client("logs")
        self.assertEqual(self.messages(), ["kept"])

    @unittest.skipUnless(AWS, "no aws CLI on PATH")
    def test_aws_logs_tail(self):
        self.write("s", ["first line", "second line"])
        shown = target.leat.aws_cli("logs", "tail", self.group, "--since", "1h", "--format", "short", check=False)
        if "argument operation: Invalid choice" in shown.stderr:
            self.skipTest("this aws CLI has no logs tail")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("second line", shown.stdout)


TrainingJobsOverTls = target.over_tls(
    TrainingJobs, "test_create_and_describe", "test_validation_texts", "test_list", "test_the_aws_cli")
LogsOverTls = target.over_tls(Logs, "test_filter", "test_errors", "test_aws_logs_tail")


if __name__ == "__main__":
    unittest.main()
