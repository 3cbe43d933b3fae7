"""`leat data load`: what fits gets in, and what is said to be cached is."""
import json
import subprocess
import threading
import unittest

from mounts import MIB, Mount, Source, needs_fuse


def put_small(source, count):
    for n in range(count):
        source.put(f"f{n:03}", data=bytes([n % 251]) * 100_000)


@needs_fuse
class SmallFilesTest(unittest.TestCase):
    """Many small files, which are packed together."""

    def load(self, mount, check=True):
        return json.loads(mount.leat("data", "load", mount.path, "-o", "json", check=check).stdout)

    def test_what_fits_gets_in_load_after_load(self):
        with Source() as source:
            put_small(source, 400)
            for size in ("64M", "256M"):
                with Mount(source.url, cache_flags=f",size={size}") as mount:
                    for _ in range(5):
                        self.assertEqual(self.load(mount)["refused"], 0)
                        evicted = json.loads(mount.leat("data", "evict", mount.path, "-o", "json").stdout)
                        self.assertEqual(evicted["evicted"], 400)
                        used, = json.loads(mount.leat("data", "df", mount.path, "-o", "json").stdout)["directories"]
                        self.assertEqual(used["used"], 0)
                    self.assertEqual(mount.stats()["refused"], 0)

    def test_what_fits_gets_in_for_readers_side_by_side(self):
        with Source() as source:
            put_small(source, 400)
            with Mount(source.url, cache_flags=",size=64M") as mount:
                files = iter(range(400))
                lock = threading.Lock()

                def read():
                    while True:
                        with lock:
                            n = next(files, None)
                        if n is None:
                            return
                        self.assertEqual(len((mount.path / f"f{n:03}").read_bytes()), 100_000)

                readers = [threading.Thread(target=read) for _ in range(16)]
                for reader in readers:
                    reader.start()
                for reader in readers:
                    reader.join()
                self.assertEqual(mount.stats()["through_bytes"], 0)
                self.assertEqual(mount.stats()["evictions"], 0)

    def test_what_was_refused_is_refused_again_or_gets_in(self):
        with Source() as source:
            put_small(source, 100)
            with Mount(source.url, cache_flags=",size=6M") as mount:
                before = self.load(mount, check=False)
                self.assertGreater(before["refused"], 0)
                again = mount.leat("data", "load", mount.path, check=False)
                self.assertEqual(again.returncode, 1)
                self.assertIn(f"{before['files']} files are cached", again.stdout)
                self.assertIn("did not fit", again.stdout)
                stat = json.loads(mount.leat("data", "stat", mount.path, "-o", "json").stdout)
                self.assertEqual(stat["completeFiles"], before["files"])
                mount.leat("data", "evict", mount.path)
                for n in range(70, 100):
                    mount.leat("data", "load", mount.path / f"f{n:03}")
                stat = json.loads(mount.leat("data", "stat", mount.path, "-o", "json").stdout)
                self.assertEqual(stat["completeFiles"], 30)

    def test_empty_files_are_cached(self):
        with Source() as source:
            source.put("empty", data=b"")
            source.put("one", data=b"1")
            with Mount(source.url) as mount:
                said = mount.leat("data", "load", mount.path / "one").stdout
                self.assertIn("1 file is cached, 1 B", said)
                rows = json.loads(mount.leat("data", "ls", mount.path, "-o", "json").stdout)
                self.assertEqual({row["name"]: row["state"] for row in rows}, {"empty": "complete", "one": "packed"})
                stat = json.loads(mount.leat("data", "stat", mount.path, "-o", "json").stdout)
                self.assertEqual(stat["completeFiles"], 2)


@needs_fuse
class FullDiskTest(unittest.TestCase):
    def test_load_says_that_the_disk_is_full(self):
        with Source() as source:
            source.put("large", 30 * MIB)
            put_small(source, 20)
            with Mount(source.url, cache_flags=",size=1G") as mount:
                self.assertEqual(subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs",
                                                 mount.cache / "objects"]).returncode, 0)
                self.addCleanup(subprocess.run, ["umount", "-l", mount.cache / "objects"], capture_output=True)
                said = mount.leat("data", "load", mount.path, check=False)
                subprocess.run(["umount", "-l", mount.cache / "objects"], check=True)
                self.assertEqual(said.returncode, 1)
                self.assertIn("No space left on device", said.stderr)
                self.assertIn("1 of 21 files", said.stderr)
                self.assertNotIn("--cache-dir size", said.stdout + said.stderr)


@needs_fuse
class RotTest(unittest.TestCase):
    """Bytes of a cached file that changed on disk while nobody looked."""

    def mount_with_rot(self):
        self.source = self.enterContext(Source())
        self.data = self.source.put("dir/x", 3 * MIB)
        self.small = self.source.put("dir/s", 1000)
        self.mount = self.enterContext(Mount(self.source.url))
        self.mount.leat("data", "load", self.mount.path)
        path, = self.mount.cache.glob("objects/*/*.data")
        with open(path, "r+b") as file:
            file.seek(MIB + 1000)
            file.write(b"rot!")
        with open(self.mount.cache / "segments/00000001.seg", "r+b") as file:
            file.seek(500)
            file.write(b"rot!")
        self.mount.kill_worker()  # the next one has not checked it yet

    def test_it_is_counted_and_logged_with_the_name(self):
        self.mount_with_rot()
        self.assertTrue((self.mount.path / "dir/x").read_bytes() == self.data)
        self.assertEqual(self.mount.stats()["corrupt_chunks"], 1)
        self.assertTrue((self.mount.path / "dir/s").read_bytes() == self.small)
        self.assertEqual(self.mount.stats()["corrupt_chunks"], 2)
        self.assertIn("leat_data_cache_corrupt_chunks_total 2", self.mount.leat("data", "metrics", self.mount.path).stdout)
        for name in "xs":
            self.assertIn(f"has changed on disk; what has is fetched again key=dir/{name}", self.mount.log())

    def test_a_check_names_the_file(self):
        self.mount_with_rot()
        said = self.mount.leat("data", "fsck", self.mount.path).stdout
        self.assertIn("2 pieces dropped because their bytes had changed", said)
        for name in "xs":
            self.assertIn(f"  {self.mount.path}/dir/{name}\n", said)
        (self.mount.path / "dir/x").read_bytes()
        self.assertIn("0 pieces dropped\n", self.mount.leat("data", "fsck", self.mount.path).stdout)


if __name__ == "__main__":
    unittest.main()
