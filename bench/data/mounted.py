"""What the parts of the benchmark read from: mounts of Leat and of its peers, each ended at the end."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))
from leat import BIN, Leat, eventually  # noqa: E402,F401


class Scratch:
    """A directory on the disk that is measured: beside the build, for /tmp may be memory."""

    def __init__(self, name):
        parent = pathlib.Path(os.environ.get("LEAT_BENCH_DIR", ROOT / "build/bench"))
        parent.mkdir(parents=True, exist_ok=True)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=f"data-{name}-", dir=parent))

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def write_random(path, size):
    """A file that no file system can make smaller."""
    path.parent.mkdir(parents=True, exist_ok=True)
    block = os.urandom(1 << 20)
    with open(path, "wb") as out:
        for at in range(0, size, 1 << 20):
            out.write(at.to_bytes(8, "big") + block[8:min(size - at, 1 << 20)] if size - at >= 8 else b"x" * (size - at))


def warm_alike(roots, paths):
    """Has the files under the roots leave the page cache, and come back by being read through the paths: how a
    file was written decides how large the pieces are that its pages lie in, and that is worth a third."""
    for root in roots:
        for path in (each for each in root.rglob("*") if each.is_file() and not each.is_symlink()):
            with open(path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


class LeatMount:
    """`leat mount` with a cache directory of its own."""

    def __init__(self, source, scratch, *flags, size=None, env=None):
        self.source, self.flags, self.env = source, flags, {**os.environ, **(env or {})}
        self.cache = pathlib.Path(tempfile.mkdtemp(prefix="cache-", dir=scratch))
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="leat-", dir=scratch))
        self.cache_flag = f"{self.cache}" + (f",size={size}" if size else "")

    def leat(self, *arguments, check=True):
        done = subprocess.run([str(BIN / "leat"), *map(str, arguments)], env=self.env, capture_output=True, text=True,
                              timeout=600)
        if check and done.returncode != 0:
            log = self.cache / "log"
            tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise RuntimeError(f"leat {' '.join(map(str, arguments))}: {done.stderr}{tail}")
        return done.stdout

    def __enter__(self):
        self.leat("mount", self.source, self.path, "--cache-dir", self.cache_flag, *self.flags)
        return self

    def __exit__(self, *_):
        pids = {self.stats()[name] for name in ("worker_pid", "supervisor_pid")}
        self.leat("umount", "--lazy", self.path, check=False)
        eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "the data node ends", 30)
        shutil.rmtree(self.cache, ignore_errors=True)

    def stats(self):
        lines = (self.path / ".stats").read_text().splitlines()
        return {key: int(value) for key, value in (line.split(" ", 1) for line in lines)}

    def memory(self):
        """(now, at its peak) of the worker, in bytes."""
        status = pathlib.Path(f"/proc/{self.stats()['worker_pid']}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return tuple(int(fields[name].split()[0]) << 10 for name in ("VmRSS", "VmHWM"))


class PeerMount:
    """A peer's mount of an S3 bucket, in the foreground of a child process."""

    def __init__(self, name, command, scratch, env=None):
        self.name, self.command = name, command
        ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.env = {**ours, **(env or {})}
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=scratch))
        self.log = scratch / f"{name}.log"

    def __enter__(self):
        command = [part.replace("MOUNTPOINT", str(self.path)) for part in self.command]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, env=self.env, stdout=log, stderr=log)

        def mounted():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {self.log.read_text(errors='replace')[-1000:]}")
            return os.path.ismount(self.path)
        eventually(mounted, f"{self.name} has mounted", 30)
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", str(self.path)], capture_output=True)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def s3_environment(leat):
    return {"AWS_ACCESS_KEY_ID": leat.key_id, "AWS_SECRET_ACCESS_KEY": leat.secret, "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": leat.aws}


def peers(leat, bucket, scratch):
    """A mount of the bucket for each peer that is installed, and the names of those that are not."""
    found, absent = [], []
    if shutil.which("s3fs"):
        keys = scratch / "s3fs-keys"
        keys.write_text(f"{leat.key_id}:{leat.secret}\n")
        keys.chmod(0o600)
        found.append(PeerMount("s3fs", ["s3fs", bucket, "MOUNTPOINT", "-f", "-o", f"url={leat.aws}", "-o",
                                        "use_path_request_style", "-o", f"passwd_file={keys}", "-o",
                                        "endpoint=us-east-1", "-o", "parallel_count=16"], scratch))
    else:
        absent.append("s3fs")
    if shutil.which("rclone"):
        remote = f":s3,provider=Other,env_auth=true,endpoint='{leat.aws}',region=us-east-1:{bucket}"
        found.append(PeerMount("rclone", ["rclone", "mount", remote, "MOUNTPOINT", "--read-only", "--dir-cache-time",
                                          "1h", "--attr-timeout", "1h", "--config", "/dev/null"], scratch,
                               s3_environment(leat)))
    else:
        absent.append("rclone")
    return found, absent


def upload(leat, bucket, root):
    """Puts a directory's files into a new bucket, by curl, many at a time."""
    curl_s3(leat, [("--request PUT", f"/{bucket}", None)])
    files = sorted(path for path in root.rglob("*") if path.is_file())
    curl_s3(leat, [(f'upload-file = "{path}"', f"/{bucket}/{path.relative_to(root)}", None) for path in files])


def curl_s3(leat, transfers, parallel=16):
    """One curl for all (options, path, output or None). The plain parallel downloader, too."""
    lines = []
    for options, path, output in transfers:
        block = [f'url = "{leat.aws}{path}"', f'output = "{output or "/dev/null"}"', "fail", "silent", "show-error",
                 'aws-sigv4 = "aws:amz:us-east-1:s3"', f'user = "{leat.key_id}:{leat.secret}"',
                 'header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"', options.replace("--request ", "request = ")]
        lines.append("\n".join(line for line in block if line))
    begin = time.perf_counter()
    done = subprocess.run(["curl", "--parallel", "--parallel-max", str(parallel), "--parallel-immediate", "--silent",
                           "--show-error", "--config", "-"], input="\nnext\n".join(lines), text=True,
                          capture_output=True, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"curl: {done.returncode}: {done.stderr[-1000:]}")
    return time.perf_counter() - begin
