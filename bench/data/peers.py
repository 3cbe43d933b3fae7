"""The peers that are found on PATH: how each mounts a bucket read-only, with the local cache that it documents.

Each has its own cache of bytes (where it has one) in a directory on the disk that Leat's cache is on, keeps names and
attributes for an hour, and lets the kernel keep pages where it can. What is not installed, or does not mount, is named.
"""
import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from mounted import eventually
from servers import upload


FAILURES = (AssertionError, OSError, RuntimeError, subprocess.SubprocessError)


@dataclasses.dataclass(frozen=True)
class Peer:
    mount: str  # the command line; stays in the foreground
    own: tuple = ()  # keeps objects in a format of its own: how to make one, and to mount it for writing
    version: str = "--version"


PEERS = {
    "s3fs": Peer("s3fs {bucket} {mountpoint} -f -o url={url} -o use_path_request_style -o endpoint=us-east-1 "
                 "-o passwd_file={keys} -o ro -o use_cache={cache} -o kernel_cache -o parallel_count=16 "
                 "-o listobjectsv2 -o max_stat_cache_size=1500000 -o stat_cache_expire=3600 "
                 "-o attr_timeout=3600 -o entry_timeout=3600"),
    "rclone": Peer("rclone mount :s3,provider=Other,env_auth=true,endpoint='{url}',region=us-east-1:{bucket} "
                   "{mountpoint} --config /dev/null --read-only --vfs-cache-mode full --cache-dir {cache} "
                   "--use-server-modtime --dir-cache-time 1h --attr-timeout 1h"),
    "juicefs": Peer("juicefs mount {state} {mountpoint} --read-only --cache-dir {cache} --free-space-ratio 0.01 "
                    "--attr-cache 1h --entry-cache 1h --dir-entry-cache 1h --open-cache 1h --readdir-cache "
                    "--max-fuse-io 1M --no-usage-report --backup-meta 0",
                    own=("juicefs format {state} bench --storage s3 --bucket {url}/{bucket} --access-key {key} "
                         "--secret-key {secret} --trash-days 0",
                         "juicefs mount {state} {mountpoint} --cache-dir {cache} --no-usage-report --backup-meta 0"),
                    version="version"),
}


class PeerMount:
    """A peer's mount of a bucket: a child process that starts with an empty cache each time."""

    def __init__(self, name, endpoint, bucket, scratch):
        self.name, self.command, self.scratch = name, PEERS[name].mount, scratch
        ours = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        self.env = {**ours, **endpoint.environment()}
        keys = scratch / f"{name}-keys"
        keys.touch(mode=0o600)
        keys.write_text(f"{endpoint.key_id}:{endpoint.secret}\n")
        own = bool(PEERS[name].own)
        self.values = {"url": endpoint.url, "key": endpoint.key_id, "secret": endpoint.secret, "keys": keys,
                       "bucket": f"{bucket}-{name}" if own else bucket,
                       "state": f"sqlite3://{scratch}/{name}-{bucket}.db"}

    def __enter__(self):
        self.cache, self.path = (pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}-{what}-", dir=self.scratch))
                                 for what in ("cache", "mount"))
        self.log = self.scratch / f"{self.name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.line(self.command), env=self.env, stdout=log, stderr=log,
                                            start_new_session=True)

        def mounted():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {self.log.read_text(errors='replace')[-300:]}")
            return os.path.ismount(self.path)
        try:
            eventually(mounted, f"{self.name} has mounted", 30)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if subprocess.run(["umount", str(self.path)], capture_output=True).returncode != 0:
            subprocess.run(["umount", "-l", str(self.path)], capture_output=True)
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
        shutil.rmtree(self.cache, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def line(self, command):
        values = {**self.values, "cache": getattr(self, "cache", ""), "mountpoint": getattr(self, "path", "")}
        return [part.format(**values) for part in command.split()]

    def memory(self):
        """Bytes of its processes."""
        total = 0
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError, KeyError):
                if os.getpgid(int(status.parent.name)) == self.process.pid:
                    total += int(re.search(r"VmRSS:\s+(\d+) kB", status.read_text())[1]) << 10
        return total

    def take(self, root):
        """Makes its own format, and copies the files into it."""
        make, writable = PEERS[self.name].own
        subprocess.run(self.line(make), env=self.env, check=True, capture_output=True, timeout=60)
        reading, self.command = self.command, writable
        try:
            with self:
                subprocess.run(["cp", "-r", f"{root}/.", str(self.path)], check=True, capture_output=True, timeout=600)
        finally:
            self.command = reading


def found():
    """The version of each peer that is installed, by its name."""
    versions = {}
    for name, peer in PEERS.items():
        if shutil.which(name):
            told = subprocess.run([name, peer.version], capture_output=True, text=True, timeout=30)
            version = re.search(r"\d+(\.\d+)+", told.stdout + told.stderr)
            versions[name] = version[0] if version else ""
    return versions


class Published:
    """A directory's files in a bucket, and in the formats of the peers that have their own."""

    def __init__(self, endpoint, bucket, root, scratch):
        upload(endpoint, bucket, root)
        self.failed = {}  # why, by the peer's name
        self.mounts = []
        for name in filter(shutil.which, PEERS):
            mount = PeerMount(name, endpoint, bucket, scratch)
            self.mounts.append(mount)
            if PEERS[name].own:
                self.attempt(mount, lambda mount=mount: mount.take(root))

    def attempt(self, mount, action):
        """A peer that fails is named with the reason, and asked no more."""
        if mount.name not in self.failed:
            try:
                action()
            except FAILURES as error:
                told = getattr(error, "stderr", None) or b""
                self.failed[mount.name] = f"{error} {told.decode(errors='replace')}".strip()[-300:]

    def each(self, action):
        """The action with each peer in turn, mounted with an empty cache."""
        def run(mount):
            with mount:
                action(mount)
        for mount in self.mounts:
            self.attempt(mount, lambda mount=mount: run(mount))

    def enter(self, stack):
        """The directories of all peers, mounted until the stack ends."""
        for mount in self.mounts:
            self.attempt(mount, lambda mount=mount: stack.enter_context(mount))
        return {mount.name: mount.path for mount in self.mounts if mount.name not in self.failed}
