"""The S3 server that Leat and its peers read from: a real one where it is on PATH, else our own `leat up`."""
import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import shutil
import socket
import subprocess
import time

from mounted import Leat, eventually

KEY, SECRET, REGION = "bench-access-key", "bench-secret-key", "us-east-1"

SERVERS = {  # what a program is called with, in its own documentation's words; the first one that is there is used
    "minio": ("server {directory} --address {address} --console-address 127.0.0.1:0 --quiet",
              {"MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_UPDATE": "off", "MINIO_BROWSER": "off"}),
}


@dataclasses.dataclass(frozen=True)
class Endpoint:
    server: str
    url: str
    key_id: str = KEY
    secret: str = SECRET

    def environment(self):
        return {"AWS_ACCESS_KEY_ID": self.key_id, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": self.url, "AWS_EC2_METADATA_DISABLED": "true"}


def chosen(wanted="auto"):
    """The name of the server to use."""
    if wanted == "auto":
        return next((name for name in SERVERS if shutil.which(name)), "leat")
    if wanted != "leat" and not shutil.which(wanted):
        raise SystemExit(f"data: no {wanted} on PATH: install it as its project's page says, or leave --server out")
    return wanted


@contextlib.contextmanager
def serve(wanted, scratch):
    """The endpoint of a server that keeps its objects in the scratch directory, on the disk of everything else."""
    directory = scratch / "server"
    directory.mkdir()
    name = chosen(wanted)
    try:
        if name == "leat":
            with Leat(data_dir=directory) as leat:
                yield Endpoint("leat up", leat.aws, leat.key_id, leat.secret)
        else:
            with program(name, directory, scratch) as endpoint:
                yield endpoint
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def program(name, directory, scratch):
    with socket.socket() as chooser:
        chooser.bind(("127.0.0.1", 0))
        port = chooser.getsockname()[1]
    line, environment = SERVERS[name]
    command = [name, *(part.format(directory=directory, address=f"127.0.0.1:{port}", port=port)
                       for part in line.split())]
    ours = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    log = pathlib.Path(scratch / f"{name}.log")
    with open(log, "wb") as out:
        process = subprocess.Popen(command, env={**ours, **environment}, stdout=out, stderr=out)
    endpoint = Endpoint(name, f"http://127.0.0.1:{port}")
    try:
        def ready():
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended: {log.read_text(errors='replace')[-1000:]}")
            with contextlib.suppress(RuntimeError):
                curl_s3(endpoint, [("", "/", None)])  # its list of buckets
                return True
        eventually(ready, f"{name} answers", 30)
        yield endpoint
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def upload(endpoint, bucket, root):
    """Puts a directory's files into a new bucket, by curl, many at a time."""
    curl_s3(endpoint, [("request = PUT", f"/{bucket}", None)])
    files = sorted(path for path in root.rglob("*") if path.is_file())
    curl_s3(endpoint, [(f'upload-file = "{path}"', f"/{bucket}/{path.relative_to(root)}", None) for path in files])


def download(endpoint, bucket, names, size, target, part=8 << 20):
    """Seconds of the plain parallel downloader for objects of that size: their parts, 16 at a time, into files. It
    is two curls, as one keeps only one processor busy."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    parts = [(f"range = {at}-{min(at + part, size) - 1}", f"/{bucket}/{name}", target / f"{name}.{at}")
             for name in names for at in range(0, size, part)]
    begin = time.perf_counter()
    try:
        with concurrent.futures.ThreadPoolExecutor(2) as curls:
            list(curls.map(lambda half: curl_s3(endpoint, half, parallel=8), (parts[::2], parts[1::2])))
        return time.perf_counter() - begin
    finally:
        shutil.rmtree(target)


def curl_s3(endpoint, transfers, parallel=16):
    """One curl for all (options, path, output or None)."""
    blocks = []
    for options, path, output in transfers:
        blocks.append("\n".join(filter(None, (
            f'url = "{endpoint.url}{path}"', f'output = "{output or "/dev/null"}"', "fail", "silent", "show-error",
            f'aws-sigv4 = "aws:amz:{REGION}:s3"', f'user = "{endpoint.key_id}:{endpoint.secret}"',
            'header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"', options))))
    done = subprocess.run(["curl", "--parallel", "--parallel-max", str(parallel), "--parallel-immediate", "--silent",
                           "--show-error", "--config", "-"], input="\nnext\n".join(blocks), text=True,
                          capture_output=True, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"curl: {done.returncode}: {done.stderr[-1000:]}")
