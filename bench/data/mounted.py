"""What the parts of the benchmark read from: a scratch directory, files, and mounts of Leat."""
import mmap
import multiprocessing
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

MADV_POPULATE_WRITE = 23  # of Linux 5.14; Python has no name for it
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
    """A file that no file system can make smaller, written in pieces of 8 MiB: the page cache then holds it in the
    largest pieces of memory that it knows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rest = os.urandom((1 << 20) - 8)
    with open(path, "wb", buffering=0) as out:
        for begin in range(0, size, 8 << 20):
            piece = b"".join(at.to_bytes(8, "big") + rest for at in range(begin, begin + (8 << 20), 1 << 20))
            out.write(piece[:size - begin])


def settle(size):
    """Before each turn that is measured: nothing is left to be written, and so much free memory is at hand. The host
    of a virtual machine gives memory page by page at the first touch, and takes it back once it has been free for a
    while: that costs more (1.6 s a GB were seen) than what is measured, and depends on who had his turn before."""
    def touch():
        memory = mmap.mmap(-1, size + (64 << 20))  # and the other process as much: the host begins to take at once
        memory.madvise(mmap.MADV_HUGEPAGE)
        memory.madvise(MADV_POPULATE_WRITE)
    os.sync()
    both = [multiprocessing.Process(target=touch) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
        if process.exitcode != 0:
            raise RuntimeError(f"there is no memory of 2 x {size >> 20} MiB to get ready: exit status {process.exitcode}")


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
        """Its exit status."""
        done = subprocess.run([str(BIN / "leat"), *map(str, arguments)], env=self.env, capture_output=True, text=True,
                              timeout=600)
        if check and done.returncode != 0:
            log = self.cache / "log"
            tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise RuntimeError(f"leat {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}{tail}")
        return done.returncode

    def evict(self):
        """Empties the cache. The kernel tells some time after a close that a file is no longer open."""
        eventually(lambda: self.leat("data", "evict", self.path, check=False) == 0, "all files are evicted", 30)

    def __enter__(self):
        self.leat("mount", self.source, self.path, "--cache-dir", self.cache_flag, *self.flags)
        return self

    def __exit__(self, *_):
        pids = {self.stats()[name] for name in ("worker_pid", "supervisor_pid")}
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)
        eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "the data node ends", 120)
        shutil.rmtree(self.cache, ignore_errors=True)

    def stats(self):
        lines = (self.path / ".stats").read_text().splitlines()
        return {key: int(value) for key, value in (line.split(" ", 1) for line in lines)}

    def memory(self):
        """(now, at its peak) of the worker, in bytes."""
        status = pathlib.Path(f"/proc/{self.stats()['worker_pid']}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return tuple(int(fields[name].split()[0]) << 10 for name in ("VmRSS", "VmHWM"))
