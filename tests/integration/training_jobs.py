"""Training jobs for tests: manifests, data, and what runs for them."""
import json
import pathlib
import random

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


def map_image(leat, pattern, script):
    """Makes the image a Python script of this machine."""
    images = [{"pattern": pattern, "entrypoint": ["/usr/bin/python3", "-u", "-c", script]}]
    leat.apply({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "leat-images", "namespace": "kube-system"},
                "data": {"images.yaml": json.dumps(images)}})


def mounts_of(leat):
    """What `leat mount` has mounted below its data directory."""
    lines = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    return [line[1] for line in lines if line[2] == "fuse.leat" and line[1].startswith(str(leat.dir.resolve()))]


def data_processes_of(leat):
    """The command lines of the processes that serve them."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if f"{leat.dir.resolve()}/node/cache".encode() in command and b"mount" not in command:
            found.append(command)
    return found


def with_data(leat, rows=2000):
    s3 = leat.s3()
    s3.create_bucket(Bucket="bkt")
    s3.put_object(Bucket="bkt", Key="train/examples", Body=csv(rows))
    s3.put_object(Bucket="bkt", Key="validation/examples", Body=csv(500, seed=2))
