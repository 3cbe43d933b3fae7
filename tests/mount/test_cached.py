"""Files that are complete in the cache: checked at their first open, known without being opened."""
import mmap
import os
import struct
import subprocess
import sys
import time
import unittest

from mounts import MIB, Mount, Source, alive, needs_fuse, wait_until


GIB = 1 << 30
TIB = 1 << 40


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
    data.chmod(0o1600)


@needs_fuse
class CheckedAtFirstOpenTest(unittest.TestCase):
    """A worker that finds a complete file in its cache reads it whole before the kernel may."""

    def mount_with(self, size):
        """A mount whose `x` of zeros is complete, and unchecked by the worker."""
        self.source = self.enterContext(Source())
        with open(self.source.path / "x", "wb") as file:
            try:
                file.truncate(size)
            except OSError as error:
                self.skipTest(f"no file of {size} bytes can be made here: {error}")
        self.files = {"large": self.source.put("large", 3 * MIB), "small": self.source.put("small", 1000)}
        self.mount = self.enterContext(Mount(self.source.url, cache_flags=",size=2T"))
        if not self.mount.stats()["passthrough"]:
            self.skipTest("this kernel has no passthrough")
        make_complete(self.mount, "x")
        self.mount.kill_worker()
        self.mount.umount()  # the kernel knows another node
        self.mount.mount()

    def opener(self, threads):
        """A process with so many opens of `x` at once, which says so when all are answered; they have arrived."""
        program = f"""
import os, threading
threads = [threading.Thread(target=os.open, args=({str(self.mount.path / "x")!r}, os.O_RDONLY)) for _ in range({threads})]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("all opened", flush=True)
"""
        before = self.mount.stats()["opens"]
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        wait_until(lambda: self.mount.stats()["opens"] >= before + threads, what="the opens")
        return process

    def test_others_are_served_meanwhile(self):
        self.mount_with(TIB)  # which takes minutes
        opener = self.opener(threads=20)  # more than serve the mount
        for name, data in self.files.items():
            self.assertTrue((self.mount.path / name).read_bytes() == data)
        self.assertEqual(sorted(os.listdir(self.mount.path)), ["large", "small", "x"])
        self.assertIsNone(opener.poll())
        opener.kill()
        opener.wait(5)  # a process cannot end before its opens are answered

    def test_all_who_wait_are_answered(self):
        self.mount_with(GIB)
        opener = self.opener(threads=20)
        self.assertEqual(opener.communicate(timeout=120)[0], "all opened\n")
        self.assertEqual(self.mount.stats()["passthrough_opens"], 20)
        self.assertEqual(self.mount.stats()["corrupt_chunks"], 0)

    def test_who_is_killed_takes_nobody_along(self):
        self.mount_with(8 * GIB)  # which takes seconds
        killed, other = self.opener(threads=2), self.opener(threads=2)
        killed.kill()
        killed.wait(20)
        self.assertIsNone(other.poll(), "the check ended before the kill")
        self.assertEqual(other.communicate(timeout=120)[0], "all opened\n")

    def test_a_killed_worker_leaves_the_check_to_the_next(self):
        self.mount_with(8 * GIB)
        opener = self.opener(threads=3)
        self.mount.kill_worker()
        self.assertIsNone(opener.poll(), "the check ended before the kill")
        self.assertEqual(opener.communicate(timeout=120)[0], "all opened\n")

    def test_it_is_in_the_way_of_no_end(self):
        self.mount_with(TIB)
        opener = self.opener(threads=3)
        self.mount.umount("--lazy")
        opener.kill()
        opener.wait(5)
        pids = self.mount.pids
        wait_until(lambda: not any(alive(pid) for pid in pids), 5, "the end of the data node")


def open_objects(pid):
    """How many cached objects a process has open."""
    paths = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            paths.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass  # closed meanwhile
    return sum(path.endswith(".data") for path in paths)


@needs_fuse
class UntoldTest(unittest.TestCase):
    def test_a_worker_that_died_before_it_told_the_kernel_does_no_lasting_harm(self):
        with Source() as source, Mount(source.url) as nothing:
            if not nothing.stats()["passthrough"]:
                self.skipTest("this kernel has no passthrough")
            source.put("x", data=bytes(3 * MIB))
            for told in (0o1600, 0o600):  # or a crash that the cache's books did not survive
                with Mount(source.url) as mount:
                    make_complete(mount, "x")
                    data, = mount.cache.glob("objects/*/*.data")
                    data.chmod(told)
                    mount.kill_worker()
                    mount.open_passed_through("x").close()
                    self.assertEqual(mount.stats()["fill_bytes"], 0)


@needs_fuse
class ListedTest(unittest.TestCase):
    def test_listing_opens_no_cached_file_and_tells_which_are_complete(self):
        with Source() as source:
            names = [f"f{n:03}" for n in range(150)]
            for name in names:
                source.put(name, 300_000)
            with Mount(source.url) as mount:
                if not mount.stats()["passthrough"]:
                    self.skipTest("this kernel has no passthrough")
                mount.leat("data", "load", mount.path)
                mount.kill_worker()
                said = subprocess.run(["ls", "-l", mount.path], capture_output=True, text=True, check=True)
                self.assertEqual(len(said.stdout.splitlines()), 1 + len(names))
                for name in names:
                    self.assertEqual(os.getxattr(mount.path / name, "user.leat.state"), b"complete")
                self.assertEqual(open_objects(mount.stats()["worker_pid"]), 0)
                for name in names[:5]:
                    (mount.path / name).read_bytes()
                self.assertEqual(mount.stats()["passthrough_opens"], 5)
                self.assertEqual(mount.stats()["fuse_reads"], 0)


@needs_fuse
class OpenedDirectTest(unittest.TestCase):
    """A file that was complete when the kernel looked it up, and evicted when it was opened."""

    def run_with(self, *flags, while_mapped):
        with Source() as source:
            data = source.put("x", 3 * MIB)
            with Mount(source.url, *flags) as mount:
                if not mount.stats()["passthrough"]:
                    self.skipTest("this kernel has no passthrough")
                path = mount.path / "x"
                mount.open_passed_through("x").close()
                wait_until(lambda: mount.leat("data", "evict", path, check=False).returncode == 0, what="eviction")
                passed = mount.stats()["passthrough_opens"]
                with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as mapped:
                    self.assertEqual(mount.stats()["passthrough_opens"], passed)
                    mount.kill_worker()
                    while_mapped(mount, path)
                    mount.leat("data", "load", path)
                    while_mapped(mount, path)
                    for _ in range(3):
                        self.assertTrue(path.read_bytes() == data)
                        time.sleep(0.1)
                    self.assertTrue(mapped[:] == data)
                mount.open_passed_through("x").close()

    def test_a_map_of_it_bars_nobody_after_its_worker_died(self):
        self.run_with(while_mapped=lambda mount, path: None)

    def test_nor_where_names_expire(self):
        def expire(_, path):
            end = time.monotonic() + 2.5
            while time.monotonic() < end:
                os.stat(path)
                time.sleep(0.05)
        self.run_with("--ttl", "2s", while_mapped=expire)


if __name__ == "__main__":
    unittest.main()
