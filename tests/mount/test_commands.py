"""The commands around a mount: `leat mount`, `leat umount` and `leat data`."""
import base64
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

from mounts import BIN, MIB, Mount, Source, alive, needs_fuse, wait_until


def rows(mount, *args):
    return json.loads(mount.leat("data", "ls", *args, "-o", "json").stdout)


@needs_fuse
class MountTest(unittest.TestCase):
    def setUp(self):
        self.source = self.enterContext(Source())
        self.source.put("big", 2 * MIB)
        self.source.put("dir/small", 100)

    def test_a_cache_directory_that_others_may_write_into_is_refused(self):
        mount = Mount(self.source.url)
        self.addCleanup(mount.close)
        mount.cache.chmod(0o1777)
        said = mount.mount(check=False)
        self.assertEqual(said.returncode, 1)
        self.assertIn("chmod 700", said.stderr)
        mount.cache.chmod(0o700)
        os.chown(mount.cache, 65534, 65534)
        said = mount.mount(check=False)
        self.assertEqual(said.returncode, 1)
        self.assertIn("belongs to another user (65534)", said.stderr)

    def test_one_line_says_what_is_mounted_where(self):
        mount = Mount(self.source.url)
        said = mount.mount().stdout
        self.addCleanup(mount.close)
        self.assertEqual(said.count("\n"), 1, said)
        for part in (self.source.url, str(mount.path), "2 objects", "2.0 MiB", "passthrough"):
            self.assertIn(part, said)

    def test_mounts_that_start_at_once_share_one_pair(self):
        with tempfile.TemporaryDirectory() as cache:
            mounts = [Mount(self.source.url, cache=cache) for _ in range(6)]
            started = [subprocess.Popen([BIN / "leat", "mount", mount.source, mount.path, "--cache-dir", cache],
                                        stdout=subprocess.DEVNULL) for mount in mounts]
            self.assertEqual([process.wait(60) for process in started], [0] * 6)
            pairs = {(mount.stats()["worker_pid"], mount.stats()["supervisor_pid"]) for mount in mounts}
            for mount in mounts:
                mount.umount()
                mount.path.rmdir()
            pair, = pairs
            wait_until(lambda: not any(alive(pid) for pid in pair), what="the end of the pair")

    def test_options_that_differ_are_refused(self):
        with Mount(self.source.url, cache_flags=",size=1G") as mount:
            with tempfile.TemporaryDirectory() as other:
                for flags in ([f"{mount.cache},size=2G"], [f"{mount.cache}", "--memory-limit", "64M"],
                              [f"{mount.cache},tier=hdd"]):
                    refused = mount.leat("mount", mount.source, other, "--cache-dir", *flags, check=False)
                    self.assertEqual(refused.returncode, 1)
                    self.assertIn("runs with another --", refused.stderr)
                    self.assertFalse(os.path.ismount(other))

    def test_wrong_flags_are_told_of(self):
        for flags, text in [(["--file-mode", "9"], "no mode"), (["--ttl", "1s", "--version-pin"], "contradict"),
                            (["--cache-dir", "/x,size=many"], "no size")]:
            with tempfile.TemporaryDirectory() as path:
                said = subprocess.run([BIN / "leat", "mount", self.source.url, path, *flags], capture_output=True,
                                      text=True)
                self.assertEqual(said.returncode, 1, said.stderr)
                self.assertIn(text, said.stderr)

    def test_a_source_that_is_not_there_leaves_nothing_mounted(self):
        mount = Mount("file:///not/there")
        self.addCleanup(mount.close)
        failed = mount.mount(check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("/not/there", failed.stderr)
        self.assertFalse(os.path.ismount(mount.path))

    def test_a_dead_mount_is_cleared_by_the_next(self):
        with Mount(self.source.url) as mount:
            for pid in sorted(mount.pids, reverse=True):
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not any(alive(pid) for pid in mount.pids))
            with self.assertRaises(OSError):
                os.listdir(mount.path)
            told = mount.leat("data", "ls", mount.path, check=False)
            self.assertIn("is dead", told.stderr)
            self.assertIn("cleared a dead mount", mount.mount().stderr)
            self.assertEqual(sorted(os.listdir(mount.path)), ["big", "dir"])

    def test_a_supervisor_that_is_told_to_end_leaves_no_dead_mount(self):
        for worker_first in (False, True):
            with Mount(self.source.url) as mount:
                stats = mount.stats()
                if worker_first:
                    os.kill(stats["worker_pid"], signal.SIGKILL)
                os.kill(stats["supervisor_pid"], signal.SIGTERM)
                wait_until(lambda: not any(alive(pid) for pid in mount.pids), what="the end of the pair")
                self.assertNotIn(str(mount.path), pathlib.Path("/proc/mounts").read_text())

    def test_in_the_foreground_it_ends_with_the_mount_and_the_mount_with_it(self):
        for end in ("signal", "umount"):
            mount = Mount(self.source.url)
            process = subprocess.Popen([BIN / "leat", "mount", mount.source, mount.path, "--cache-dir", mount.cache,
                                        "--foreground"], stdout=subprocess.PIPE)
            self.assertIn(b"mounted", process.stdout.readline())
            mount.pids = {mount.stats()["worker_pid"], mount.stats()["supervisor_pid"]}
            if end == "signal":
                process.terminate()
            else:
                mount.umount()
            self.assertEqual(process.wait(20), 0)
            process.stdout.close()
            self.assertFalse(os.path.ismount(mount.path))
            mount.close()


@needs_fuse
class UnmountTest(unittest.TestCase):
    def setUp(self):
        self.source = self.enterContext(Source())
        self.data = self.source.put("big", 2 * MIB)

    def test_open_files_are_in_the_way_unless_it_is_lazy(self):
        with Mount(self.source.url) as mount:
            with open(mount.path / "big", "rb") as file:
                refused = mount.umount(check=False)
                self.assertEqual(refused.returncode, 1)
                self.assertIn("in use", refused.stderr)
                mount.umount("--lazy")
                self.assertFalse(os.path.ismount(mount.path))
                self.assertEqual(file.read(), self.data)
            wait_until(lambda: not any(alive(pid) for pid in mount.pids), what="the end of the pair")

    def test_the_mountpoint_can_be_used_again_at_once(self):
        with Mount(self.source.url) as mount:
            for _ in range(5):
                mount.umount()
                mount.mount()
                self.assertEqual((mount.path / "big").read_bytes(), self.data)

    def test_a_stopped_worker_does_not_keep_force_waiting(self):
        with Mount(self.source.url) as mount:
            worker = mount.stats()["worker_pid"]
            os.kill(worker, signal.SIGSTOP)
            try:
                mount.leat("umount", "--force", mount.path, timeout=20)
                self.assertNotIn(str(mount.path), pathlib.Path("/proc/mounts").read_text())
            finally:
                os.kill(worker, signal.SIGCONT)

    def test_what_is_no_mount_is_told_of(self):
        with tempfile.TemporaryDirectory() as path:
            said = subprocess.run([BIN / "leat", "umount", path], capture_output=True, text=True)
            self.assertEqual(said.returncode, 1)
            self.assertIn("no mount of Leat", said.stderr)


@needs_fuse
class DataTest(unittest.TestCase):
    def setUp(self):
        self.source = self.enterContext(Source())
        self.source.put("big", 3 * MIB)
        self.source.put("dir/other", MIB)
        self.source.put("dir/small", 100)
        self.mount = self.enterContext(Mount(self.source.url))

    def data(self, op, *args):
        return json.loads(self.mount.leat("data", op, *args, "-o", "json").stdout)

    def states(self):
        return {row["name"]: row["state"] for row in rows(self.mount, "-r", self.mount.path)
                if row["type"] == "file"}

    def test_load_and_evict_change_what_is_cached(self):
        self.assertEqual(set(self.states().values()), {"none"})
        self.assertEqual(self.data("load", self.mount.path)["files"], 3)
        self.assertEqual(self.states(), {"big": "complete", "dir/other": "complete", "dir/small": "packed"})
        self.assertEqual(self.data("evict", self.mount.path / "dir")["evicted"], 2)
        self.assertEqual(self.states(), {"big": "complete", "dir/other": "none", "dir/small": "none"})

    def test_what_is_pinned_or_open_is_not_evicted(self):
        self.data("load", self.mount.path)
        self.data("pin", self.mount.path / "big")
        self.assertTrue(self.data("stat", self.mount.path / "big")["pinned"])
        refused = self.mount.leat("data", "evict", self.mount.path / "big", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("open or pinned", refused.stdout)
        self.data("unpin", self.mount.path / "big")
        with open(self.mount.path / "big", "rb"):
            self.assertEqual(self.mount.leat("data", "evict", self.mount.path / "big", check=False).returncode, 1)

    def test_a_source_that_is_not_mounted_can_be_loaded(self):
        with Source() as other:
            other.put("x", 2 * MIB)
            done = self.data("load", other.url, "--cache-dir", self.mount.cache)
            self.assertEqual((done["files"], done["bytes"]), (1, 2 * MIB))
            self.assertEqual(rows(self.mount, other.url, "--cache-dir", self.mount.cache)[0]["state"], "complete")

    def test_stat_of_a_directory_adds_up_what_is_below(self):
        self.data("load", self.mount.path / "dir/other")
        stat = self.data("stat", self.mount.path)
        self.assertEqual((stat["files"], stat["size"], stat["cached"], stat["completeFiles"]),
                         (3, 4 * MIB + 100, MIB, 1))

    def test_fsck_finds_rot_and_drops_it(self):
        self.data("load", self.mount.path)
        self.assertEqual(self.data("fsck", "--cache-dir", self.mount.cache)["dropped"], 0)
        cached = max((path for path in (self.mount.cache / "objects").rglob("*") if path.is_file()),
                     key=lambda path: path.stat().st_size)
        with open(cached, "r+b") as file:
            file.seek(1_500_000)
            byte = file.read(1)
            file.seek(1_500_000)
            file.write(bytes([byte[0] ^ 1]))
        self.assertEqual(self.data("fsck", "--cache-dir", self.mount.cache)["dropped"], 1)

    def test_df_and_top_tell_of_the_cache_and_the_mounts(self):
        self.data("load", self.mount.path)
        directory, = self.data("df", self.mount.path)["directories"]
        self.assertEqual(directory["path"], str(self.mount.cache))
        self.assertGreaterEqual(directory["used"], 4 * MIB)
        top = self.data("top", self.mount.path)
        self.assertEqual([mount["mountpoint"] for mount in top["mounts"]], [str(self.mount.path)])
        self.assertIn(str(self.mount.path),
                      self.mount.leat("data", "top", "--once", "--interval", "0.1", self.mount.path).stdout)

    def test_names_with_every_byte_are_listed(self):
        with Source() as other:
            name = bytes(set(range(1, 256)) - {ord("/")})
            pathlib.Path(os.fsdecode(os.fsencode(other.path) + b"/" + name)).write_bytes(b"x")
            with Mount(other.url) as mount:
                row, = rows(mount, mount.path)
                self.assertEqual(base64.b64decode(row["name"]["base64"]), name)
                line = subprocess.run([BIN / "leat", "data", "ls", mount.path], capture_output=True).stdout
                self.assertEqual(line.count(b"\n"), 1, "control characters are escaped")

    def test_a_path_outside_of_mounts_is_told_of(self):
        said = self.mount.leat("data", "ls", self.source.path, check=False)
        self.assertEqual(said.returncode, 1)
        self.assertIn("no mount of Leat", said.stderr)


if __name__ == "__main__":
    unittest.main()
