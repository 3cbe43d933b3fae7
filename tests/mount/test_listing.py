"""Directory streams while the source changes."""
import contextlib
import ctypes
import os
import signal
import struct
import subprocess
import sys
import unittest

from mounts import Mount, Source, needs_fuse, wait_until

LIBC = ctypes.CDLL(None, use_errno=True)


class Stream:
    """A directory that is read a few names at a time, without a library's read-ahead."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self.buffer = ctypes.create_string_buffer(256)

    def some(self):
        """The next names; none at the end."""
        got = LIBC.getdents64(self.fd, self.buffer, len(self.buffer))
        if got < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        names, at = [], 0
        while at < got:
            length, = struct.unpack_from("H", self.buffer, at + 16)
            name = self.buffer.raw[at + 19:at + length].split(b"\0")[0].decode()
            if name not in (".", ".."):
                names.append(name)
            at += length
        return names if names or got == 0 else self.some()

    def close(self):
        os.close(self.fd)


@needs_fuse
class ChangingDirectoryTest(unittest.TestCase):
    def test_names_that_stay_are_listed_once_each(self):
        if not hasattr(LIBC, "getdents64"):
            self.skipTest("this C library has no getdents64")
        with Source() as source:
            stay = {f"{n:03}-stays" for n in range(200)}
            for name in sorted(stay) + [f"{n:03}-goes" for n in range(0, 200, 3)]:
                source.put(name, 10)
            with Mount(source.url, "--ttl", "1s") as mount, contextlib.closing(Stream(mount.path)) as stream:
                listed, round = stream.some(), 0
                while names := stream.some():
                    listed += names
                    if len(listed) < 40 * (round + 1):
                        continue
                    # Names before, among and after those listed come and go.
                    for n in range(round, 200, 7):
                        source.put(f"{n:03}-new-{round}", 10)
                    for path in list(source.path.glob("*-goes"))[::4]:
                        path.unlink()
                    marker = source.path / f"zzz-{round}"
                    marker.write_bytes(b"x")
                    wait_until(lambda: (mount.path / marker.name).exists(), what="the new listing")
                    round += 1
                self.assertGreaterEqual(round, 4)
                self.assertEqual(sorted(name for name in listed if name in stay), sorted(stay))
                self.assertEqual(len(listed), len(set(listed)))

    def test_a_stream_goes_on_after_its_worker(self):
        if not hasattr(LIBC, "getdents64"):
            self.skipTest("this C library has no getdents64")
        with Source() as source:
            names = [f"{n:03}" for n in range(100)]
            for name in names:
                source.put(name, 10)
            for flags in ((), ("--ttl", "1h")):
                with Mount(source.url, *flags) as mount, contextlib.closing(Stream(mount.path)) as stream:
                    listed = stream.some()
                    mount.kill_worker()
                    while some := stream.some():
                        listed += some
                    self.assertEqual(listed, names)


@needs_fuse
class ListedDirectoryTest(unittest.TestCase):
    def test_files_of_a_directory_that_was_listed_are_known_without_asking(self):
        with Source() as source:
            for n in range(2000):
                source.put(f"{n:04}", data=b"x" * n)
            with Mount(source.url) as mount:
                names = os.listdir(mount.path)
                worker = mount.stats()["worker_pid"]
                os.kill(worker, signal.SIGSTOP)
                try:
                    sizes = subprocess.run([sys.executable, "-c", "import os, sys\nos.chdir(sys.argv[1])\n"
                                            "print(sum(os.stat(name).st_size for name in sys.argv[2:]))",
                                            mount.path, *names], stdout=subprocess.PIPE, timeout=30, check=True)
                finally:
                    os.kill(worker, signal.SIGCONT)
                self.assertEqual(int(sizes.stdout), sum(range(2000)))


if __name__ == "__main__":
    unittest.main()
