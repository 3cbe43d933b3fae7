"""Fewer descriptors than files: reads go on, and the data node answers."""
import os
import resource
import subprocess
import unittest

from mounts import BIN, PATIENCE, Mount, Source, needs_fuse, random_bytes

FILES = 600
SIZE = 270_000
PIECE = random_bytes(SIZE, "descriptors")


class LimitedMount(Mount):
    """Mounted from a process whose hard limit of descriptors is low, as batch jobs have it."""

    limit = 0

    def leat(self, *args, check=True, timeout=120):
        result = subprocess.run([str(BIN / "leat"), *map(str, args)], capture_output=True, text=True,
                                timeout=timeout * PATIENCE,
                                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (self.limit, self.limit)))
        if check and result.returncode != 0:
            raise AssertionError(f"leat {args}: {result.stderr}{self.log()}")
        return result


@needs_fuse
class FewDescriptorsTest(unittest.TestCase):
    def test_files_are_read_and_commands_answered_whatever_the_limit(self):
        with Source() as source:
            for n in range(FILES):
                source.put(f"{n:04}", data=b"%4d" % n + PIECE[4:])
            for limit in (256, 1024):
                with self.subTest(limit=limit):
                    mount = LimitedMount(source.url)
                    mount.limit = limit
                    mount.cache_flags = ",size=2G"
                    with mount:
                        for _ in range(2):
                            for n in range(FILES):
                                data = (mount.path / f"{n:04}").read_bytes()
                                self.assertTrue(data == b"%4d" % n + PIECE[4:], n)
                        stats = mount.stats()
                        self.assertEqual(stats["refused"], 0)
                        self.assertGreaterEqual(stats["cached_bytes"], FILES * SIZE)
                        self.assertLess(len(os.listdir(f"/proc/{stats['worker_pid']}/fd")), limit)
                        self.assertIn("complete", mount.leat("data", "stat", mount.path / "0000").stdout)

    def test_many_ask_a_worker_that_has_hardly_any_descriptor(self):
        """The answer may be that there is none; the worker stays, and with it every mount."""
        with Source() as source:
            for n in range(64):
                source.put(f"{n:04}", data=b"%4d" % n + PIECE[4:])
            mount = LimitedMount(source.url)
            mount.limit = 64
            mount.cache_flags = ",size=2G"
            with mount:
                worker = mount.stats()["worker_pid"]
                files = [open(mount.path / f"{n:04}", "rb") for n in range(32)]
                try:
                    for _ in range(10):
                        asked = [subprocess.Popen([str(BIN / "leat"), "data", "stat", str(mount.path)],
                                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                                 for _ in range(6)]
                        for n, file in enumerate(files):
                            file.seek(0)
                            self.assertTrue(file.read() == b"%4d" % n + PIECE[4:], n)
                        for one in asked:
                            _, message = one.communicate(timeout=60 * PATIENCE)
                            self.assertTrue(one.returncode == 0 or b"descriptor" in message, message)
                finally:
                    for file in files:
                        file.close()
                self.assertEqual(mount.stats()["worker_pid"], worker)

    def test_more_files_are_open_than_the_limit_allows(self):
        with Source() as source:
            for n in range(FILES):
                source.put(f"{n:04}", data=b"%4d" % n + PIECE[4:])
            mount = LimitedMount(source.url)
            mount.limit = 256
            mount.cache_flags = ",size=2G"
            with mount:
                files = [open(mount.path / f"{n:04}", "rb") for n in range(FILES)]
                try:
                    for n, file in enumerate(files):
                        self.assertTrue(file.read() == b"%4d" % n + PIECE[4:], n)
                    self.assertEqual(mount.leat("data", "stat", mount.path).returncode, 0)
                finally:
                    for file in files:
                        file.close()
                self.assertEqual(mount.umount().returncode, 0)


if __name__ == "__main__":
    unittest.main()
