"""Files that are complete in the cache: checked at their first open, known without being opened."""
import os
import signal
import struct
import subprocess
import sys
import threading
import unittest

from mounts import MIB, Mount, Source, needs_fuse, wait_until


def crc32c(data):
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ 0x82F63B78 if n & 1 else n >> 1
        table.append(n)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def make_complete(mount, name):
    """Makes a file of zeros, of which one byte was read, complete in the cache, as a fill would that leaves holes."""
    with open(mount.path / name, "rb", buffering=0) as file:
        os.pread(file.fileno(), 1, 0)
        size = os.fstat(file.fileno()).st_size
    data, = (path for path in mount.cache.glob("objects/*/*.data") if path.stat().st_size == size)
    mark = struct.pack("<II", crc32c(bytes(MIB)), 0x54414548)
    with open(data.with_suffix(".chunks"), "r+b") as chunks:
        chunks.seek(64)
        chunks.write(mark * (size // MIB))


@needs_fuse
class CheckedAtFirstOpenTest(unittest.TestCase):
    """A worker that finds a complete file in its cache reads it whole before the kernel may."""

    def setUp(self):
        self.source = self.enterContext(Source())
        with open(self.source.path / "huge", "wb") as file:
            file.truncate(12 << 30)
        self.files = {"large": self.source.put("large", 3 * MIB), "small": self.source.put("small", 1000)}
        self.mount = self.enterContext(Mount(self.source.url, cache_flags=",size=100G"))
        if not self.mount.stats()["passthrough"]:
            self.skipTest("this kernel has no passthrough")
        make_complete(self.mount, "huge")
        self.mount.kill_worker()

    def opener(self, command="open({0!r}, 'rb').close(); print('opened')"):
        process = subprocess.Popen([sys.executable, "-c", command.format(str(self.mount.path / "huge"))],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def being_opened(self, count):
        wait_until(lambda: self.mount.stats()["opens"] >= count, what="the opens")

    def test_others_are_served_meanwhile_and_all_are_answered(self):
        # More than there are threads that serve the mount.
        openers = [self.opener() for _ in range(20)]
        self.being_opened(20)
        for name, data in self.files.items():
            self.assertEqual((self.mount.path / name).read_bytes(), data)
        self.assertEqual(sorted(os.listdir(self.mount.path)), ["huge", "large", "small"])
        self.assertEqual([opener.poll() for opener in openers], [None] * 20, "too quick to tell anything")
        for opener in openers:
            self.assertEqual(opener.communicate(timeout=300)[0], "opened\n")
        self.assertEqual(self.mount.stats()["passthrough_opens"], 20)
        self.assertEqual(self.mount.stats()["corrupt_chunks"], 0)

    def test_an_opener_that_is_killed_does_not_wait(self):
        opener, other = self.opener(), self.opener()
        self.being_opened(2)
        opener.kill()
        opener.wait(5)
        self.assertIsNone(other.poll())
        self.assertEqual(other.communicate(timeout=300)[0], "opened\n")

    def test_a_killed_worker_leaves_the_check_to_the_next(self):
        opener = self.opener()
        self.being_opened(1)
        self.mount.kill_worker()
        self.assertIsNone(opener.poll())
        self.assertEqual(opener.communicate(timeout=300)[0], "opened\n")

    def test_a_check_is_in_the_way_of_no_end(self):
        opener = self.opener()
        self.being_opened(1)
        pid = self.mount.stats()["worker_pid"]
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: self.mount.stats()["worker_pid"] != pid, what="another worker")
        self.mount.pids.add(self.mount.stats()["worker_pid"])
        self.assertIsNone(opener.poll())
        opener.kill()
        opener.wait(5)
        self.mount.umount()
        wait_until(lambda: not os.path.ismount(self.mount.path), what="the end of the mount")


if __name__ == "__main__":
    unittest.main()
