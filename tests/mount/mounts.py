"""A real mount for tests: a scratch cache directory with its own supervisor and worker, ended at the end.

    with Mount("file:///data") as mount:
        open(mount.path / "x").read()
        mount.stats()["passthrough_opens"]
"""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/integration"))
from leat import BIN, PATIENCE, Leat, assert_no_report  # noqa: E402, F401

MIB = 1 << 20
NEEDS = ("root" if os.geteuid() != 0 else "/dev/fuse" if not os.path.exists("/dev/fuse") else None)


def needs_fuse(test):
    return unittest.skipIf(NEEDS, f"mounting needs {NEEDS}")(test)


def random_bytes(size, seed):
    return random.Random(seed).randbytes(size)


def wait_until(condition, seconds=20, what="the condition"):
    """Polls; the limit is for failing, not for timing."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true in {seconds} s")
        time.sleep(0.01)


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Mount:
    def __init__(self, source, *flags, cache=None, cache_flags="", env=None):
        self.source = str(source)
        self.flags = flags
        self.env = env
        self.own_cache = cache is None
        self.cache = pathlib.Path(cache or tempfile.mkdtemp(prefix="leat-cache-"))
        self.cache_flags = cache_flags
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="leat-mnt-"))
        self.pids = set()

    def leat(self, *args, check=True, timeout=120):
        result = subprocess.run([str(BIN / "leat"), *map(str, args)], capture_output=True, text=True,
                                timeout=timeout * PATIENCE, env={**os.environ, **(self.env or {})})
        if check and result.returncode != 0:
            raise AssertionError(f"leat {args}: {result.stderr}{self.log()}")
        return result

    def mount(self, check=True):
        result = self.leat("mount", self.source, self.path, "--cache-dir", f"{self.cache}{self.cache_flags}",
                           *self.flags, check=check)
        if result.returncode == 0:
            stats = self.stats()
            self.pids |= {stats["worker_pid"], stats["supervisor_pid"]}
        return result

    def __enter__(self):
        self.mount()
        return self

    def __exit__(self, *_):
        self.close()

    def stats(self):
        lines = (self.path / ".stats").read_text().splitlines()
        return {key: int(value) for key, value in (line.split(" ", 1) for line in lines)}

    def open_passed_through(self, name):
        """Reads the file whole, and opens it once the kernel knows that it is complete."""
        (self.path / name).read_bytes()

        def attempt():
            before = self.stats()["passthrough_opens"]
            file = open(self.path / name, "rb")
            if self.stats()["passthrough_opens"] > before:
                return file
            file.close()
            return None

        opened = []
        wait_until(lambda: opened.append(attempt()) or opened[-1], what=f"passthrough of {name}")
        return opened[-1]

    def log(self):
        path = self.cache / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def umount(self, *flags, check=True):
        return self.leat("umount", self.path, *flags, check=check)

    def kill_worker(self):
        """kill -9; returns when another one serves."""
        before = self.stats()["worker_pid"]
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: self.stats()["worker_pid"] != before, what="another worker")
        self.pids.add(self.stats()["worker_pid"])

    def close(self):
        if not self.path.exists():
            return  # closed before
        if os.path.ismount(self.path) or subprocess.run(["mountpoint", "-q", self.path]).returncode == 0:
            self.umount("--lazy", check=False)
        subprocess.run(["umount", "-l", str(self.path)], capture_output=True)
        if self.own_cache:  # else it would wait for two seconds for another mount
            for pid in self.pids:
                if alive(pid) and b"data-supervisor" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGTERM)
        try:
            wait_until(lambda: not any(alive(pid) for pid in self.pids), 10, "the end of the data node")
        except AssertionError:
            for pid in self.pids:
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)
        log = self.log()
        self.path.rmdir()
        if self.own_cache and not os.environ.get("LEAT_KEEP"):
            shutil.rmtree(self.cache, ignore_errors=True)
        assert_no_report(log, "the log of the data node")


def detach_by_force_while_stopped(test, mount):
    """`umount --force` of a mount whose worker is stopped does not wait for it."""
    worker = mount.stats()["worker_pid"]
    os.kill(worker, signal.SIGSTOP)
    try:
        mount.leat("umount", "--force", mount.path, timeout=20)
        test.assertNotIn(str(mount.path), pathlib.Path("/proc/mounts").read_text())
    finally:
        os.kill(worker, signal.SIGCONT)


class Source:
    """A directory of files with known bytes."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="leat-src-"))
        self.url = f"file://{self.path}"

    def put(self, name, size=None, seed=None, data=None):
        data = random_bytes(size, seed if seed is not None else name) if data is None else data
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return data

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)
