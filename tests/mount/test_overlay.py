"""overlayfs over a mount, as containers lay a writable view over a data set; and files that become whole while they
are open."""
import mmap
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from mounts import MIB, Mount, Source, needs_fuse


@needs_fuse
class OverlayTest(unittest.TestCase):
    def setUp(self):
        self.source = self.enterContext(Source())
        self.files = {name: self.source.put(name, size) for name, size in
                      {"small": 1000, "dir/big": 400_000, "big2": 3 * MIB + 5}.items()}
        self.mount = self.enterContext(Mount(self.source.url))
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="leat-overlay-"))
        self.addCleanup(shutil.rmtree, self.dir)
        for name in ("upper", "work", "merged", "empty"):
            (self.dir / name).mkdir()

    def overlay(self, options):
        merged = self.dir / "merged"
        done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged], capture_output=True,
                              text=True)
        if done.returncode != 0:
            self.skipTest(f"no overlayfs here: {done.stderr}")
        self.addCleanup(subprocess.run, ["umount", merged])
        return merged

    def assert_readable(self, merged):
        for round in range(4):
            for name, data in self.files.items():
                self.assertTrue((merged / name).read_bytes() == data, (round, name))
                self.assertEqual((merged / name).stat().st_size, len(data))
            self.assertEqual(sorted(os.listdir(merged)), ["big2", "dir", "small"])
        # By now they are whole, and the mount's own names are the same.
        for name, data in self.files.items():
            self.assertTrue((self.mount.path / name).read_bytes() == data)
            self.assertTrue((merged / name).read_bytes() == data, name)

    def test_a_writable_view_shows_the_same_bytes_each_time(self):
        merged = self.overlay(f"lowerdir={self.mount.path},upperdir={self.dir}/upper,workdir={self.dir}/work")
        self.assert_readable(merged)
        if self.mount.stats()["passthrough"]:
            self.assertGreater(self.mount.stats()["passthrough_opens"], 0)
        with open(merged / "big2", "r+b") as file:
            file.write(b"new")
        self.assertTrue((merged / "big2").read_bytes() == b"new" + self.files["big2"][3:])
        self.assertTrue((self.mount.path / "big2").read_bytes() == self.files["big2"])

    def test_lower_layers_alone_show_the_same_bytes_each_time(self):
        self.assert_readable(self.overlay(f"lowerdir={self.mount.path}:{self.dir}/empty"))

    def test_the_worker_may_be_killed_below_it(self):
        merged = self.overlay(f"lowerdir={self.mount.path},upperdir={self.dir}/upper,workdir={self.dir}/work")
        self.assertTrue((merged / "big2").read_bytes() == self.files["big2"])
        self.mount.kill_worker()
        self.assert_readable(merged)


@needs_fuse
class OpenedBeforeItWasWholeTest(unittest.TestCase):
    def test_it_is_read_through_the_worker_until_its_last_close(self):
        with Source() as source:
            data = source.put("x", 8 * MIB)
            with Mount(source.url) as mount, open(mount.path / "x", "rb", buffering=0) as old:
                if not mount.stats()["passthrough"]:
                    self.skipTest("this kernel has no passthrough")
                self.assertTrue(old.readall() == data)
                before = mount.stats()["fuse_reads"]
                self.assertTrue(os.pread(old.fileno(), len(data), 0) == data)
                self.assertGreaterEqual(mount.stats()["fuse_reads"], before + 8)

    def test_it_may_be_mapped_shared_while_others_open_it(self):
        with Source() as source:
            data = source.put("x", 3 * MIB)
            with Mount(source.url) as mount, open(mount.path / "x", "rb") as old:
                with mmap.mmap(old.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as pages:
                    for _ in range(2):
                        self.assertTrue((mount.path / "x").read_bytes() == data)
                        self.assertTrue(pages[:] == data)
                        mount.kill_worker()

    def test_after_its_last_close_the_kernel_reads_the_cached_file_itself(self):
        with Source() as source:
            data = source.put("x", 3 * MIB)
            with Mount(source.url) as mount:
                if not mount.stats()["passthrough"]:
                    self.skipTest("this kernel has no passthrough")
                with open(mount.path / "x", "rb") as old:
                    self.assertTrue(old.read() == data)
                    self.assertTrue((mount.path / "x").read_bytes() == data)
                    self.assertEqual(mount.stats()["passthrough_opens"], 0)
                    mount.kill_worker()
                    self.assertTrue((mount.path / "x").read_bytes() == data)
                    self.assertEqual(mount.stats()["passthrough_opens"], 0)
                with mount.open_passed_through("x") as new:
                    self.assertTrue(new.read() == data)


if __name__ == "__main__":
    unittest.main()
