"""Mounts of an ordinary user: through fusermount3, without passthrough and without root's help.

Each test runs again as the user nobody, in a mount namespace of its own where /dev/fuse is a node that everybody
may open, as it is on most machines.
"""
import functools
import json
import mmap
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from mounts import BIN, MIB, PATIENCE, Mount, Source, alive, detach_by_force_while_stopped, wait_until
from test_crashes import Readers

INSIDE = "LEAT_TEST_UNPRIVILEGED"
NODE_AND_TEST = """
set -e
node=$(mktemp -d)
mount -t tmpfs -o mode=755 leat-test "$node"
mknod -m 0666 "$node/fuse" c 10 229
mount --bind "$node/fuse" /dev/fuse
exec setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups -- "$@"
"""


def why_not():
    """What this machine lacks, or None."""
    if os.geteuid() != 0:
        return "root, to become another user"
    program = shutil.which("fusermount3")
    if not program or not os.stat(program).st_mode & 0o4000:
        return "a set-user-id fusermount3 (Debian: fuse3)"
    if not os.path.exists("/etc/mtab"):
        return "/etc/mtab, which fusermount3 reads"
    if not os.path.exists("/dev/fuse"):
        return "/dev/fuse"
    tried = as_nobody("sh", "-c", f"test -x '{BIN}/leat' && exec 3<>/dev/fuse")
    if tried.returncode != 0:
        return f"a device node that nobody may open, and {BIN} readable: {tried.stderr.strip()}"
    return None


def as_nobody(*command, **options):
    environment = {**os.environ, INSIDE: "1", "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", NODE_AND_TEST, "sh", *command],
                          capture_output=True, text=True, env=environment, timeout=300 * PATIENCE, **options)


def setUpModule():
    if INSIDE not in os.environ and (lacks := why_not()):
        raise unittest.SkipTest(f"mounting as an ordinary user needs {lacks}")


def unprivileged(test):
    """Runs the test in the other namespace and as the other user."""
    @functools.wraps(test)
    def run(self):
        if INSIDE in os.environ:
            return test(self)
        name = f"test_unprivileged.{type(self).__name__}.{test.__name__}"
        ran = as_nobody(sys.executable, "-m", "unittest", name, cwd=pathlib.Path(__file__).parent)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertIn("Ran 1 test", ran.stderr)
    return run


class UnprivilegedTest(unittest.TestCase):
    def setUp(self):
        if INSIDE not in os.environ:
            return
        self.source = self.enterContext(Source())
        self.files = {name: self.source.put(name, size) for name, size in
                      (("small", 1000), ("packed", 200_000), ("large", 3 * MIB + 17), ("dir/larger", 9 * MIB))}

    def mount(self, *flags, **options):
        mount = Mount(self.source.url, *flags, **options)
        self.addCleanup(mount.close)
        mount.said = mount.mount().stdout
        return mount

    def paths(self, mount):
        return [(mount.path / name, data) for name, data in self.files.items()]

    def assert_readable(self, mount):
        for path, data in self.paths(mount):
            self.assertTrue(path.read_bytes() == data, path)

    @unprivileged
    def test_files_are_read_through_the_kernels_page_cache(self):
        self.assertEqual(os.geteuid(), pwd.getpwnam("nobody").pw_uid)
        mount = self.mount()
        self.assertIn("passthrough off (only root may)", mount.said)
        for _ in range(2):
            self.assert_readable(mount)
        with open(mount.path / "large", "rb") as file:
            with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
                self.assertEqual(mapped[2 * MIB:], self.files["large"][2 * MIB:])
        reads = mount.stats()["fuse_reads"]
        for name, data in self.files.items():
            self.assertTrue((mount.path / name).read_bytes() == data, name)
        stats = mount.stats()
        self.assertEqual(stats["passthrough"], 0)
        self.assertEqual(stats["passthrough_opens"], 0)
        self.assertLessEqual(stats["fuse_reads"], reads + 2, "only .stats itself")
        status = os.stat(mount.path / "large")
        self.assertEqual((status.st_uid, status.st_gid, status.st_mode & 0o777), (os.getuid(), os.getgid(), 0o444))
        self.assertRaises(OSError, open, mount.path / "large", "wb")

    @unprivileged
    def test_readers_see_no_error_when_the_worker_is_killed(self):
        mount = self.mount()
        with Readers(self.paths(mount)) as readers:
            for _ in range(4):
                before = readers.reads
                mount.kill_worker()
                wait_until(lambda: readers.reads > before + 100, what="reads after the kill")
        self.assertEqual(readers.errors, [])
        mount.umount()

    @unprivileged
    def test_the_commands_of_leat_data_work(self):
        mount = self.mount()

        def data(op, *args):
            return json.loads(mount.leat("data", op, *args, "-o", "json").stdout)

        self.assertEqual(data("load", mount.path)["files"], 4)
        states = {row["name"]: row["state"] for row in data("ls", "-r", mount.path) if row["type"] == "file"}
        self.assertEqual(states, {"small": "packed", "packed": "packed", "large": "complete",
                                  "dir/larger": "complete"})
        self.assertEqual(data("stat", mount.path / "large")["cached"], 3 * MIB + 17)
        data("pin", mount.path / "large")
        data("unpin", mount.path / "large")
        self.assertEqual(data("fsck", "--cache-dir", mount.cache)["dropped"], 0)
        directory, = data("df", mount.path)["directories"]
        self.assertEqual(directory["path"], str(mount.cache))
        (mount.path / "dir/larger").read_bytes()
        top, = data("top", mount.path)["mounts"]
        self.assertIn(os.getpid(), [process["pid"] for process in top["processes"]])
        self.assertIn("leat_data_cache_used_bytes", mount.leat("data", "metrics", mount.path).stdout)
        self.assertEqual(data("evict", mount.path / "dir")["evicted"], 1)
        self.assertEqual(os.getxattr(mount.path / "dir/larger", "user.leat.state"), b"none")
        self.assert_readable(mount)

    @unprivileged
    def test_unmounting_in_every_way(self):
        mount = self.mount()
        with open(mount.path / "large", "rb") as file:
            refused = mount.umount(check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("in use", refused.stderr)
            mount.umount("--lazy")
            self.assertFalse(os.path.ismount(mount.path))
            self.assertEqual(file.read(), self.files["large"])
        for flags in ([], ["--force"]):
            mount.mount()
            mount.umount(*flags)
            self.assertFalse(os.path.ismount(mount.path))
        mount.mount()
        mount.leat("umount", "--all", check=False)  # those of other users stay
        self.assertFalse(os.path.ismount(mount.path))
        wait_until(lambda: not any(alive(pid) for pid in mount.pids), what="the end of the pair")

    @unprivileged
    def test_a_stopped_worker_does_not_keep_force_waiting(self):
        detach_by_force_while_stopped(self, self.mount())

    @unprivileged
    def test_open_files_are_served_when_the_supervisor_is_dead(self):
        mount = self.mount()
        pids = mount.stats()
        with open(mount.path / "dir/larger", "rb") as file:
            os.kill(pids["supervisor_pid"], signal.SIGKILL)
            wait_until(lambda: not os.path.ismount(mount.path), what="the detached mount")
            self.assertEqual(file.read(), self.files["dir/larger"])
        wait_until(lambda: not alive(pids["worker_pid"]), what="the worker's end")
        mount.mount()
        self.assert_readable(mount)

    @unprivileged
    def test_a_supervisor_that_is_told_to_end_leaves_no_dead_mount(self):
        mount = self.mount()
        os.kill(mount.stats()["supervisor_pid"], signal.SIGTERM)
        wait_until(lambda: not any(alive(pid) for pid in mount.pids), what="the end of the pair")
        self.assertNotIn(str(mount.path), pathlib.Path("/proc/mounts").read_text())

    @unprivileged
    def test_a_dead_mount_is_cleared_by_the_next(self):
        mount = self.mount()
        for pid in sorted(mount.pids, reverse=True):
            os.kill(pid, signal.SIGSTOP)  # so that neither sees the other die
        for pid in mount.pids:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(alive(pid) for pid in mount.pids), what="their end")
        self.assertRaises(OSError, os.listdir, mount.path)
        self.assertIn("cleared a dead mount", mount.mount().stderr)
        self.assert_readable(mount)

    @unprivileged
    def test_a_second_mount_joins_the_pair(self):
        mount = self.mount()
        with Source() as other:
            data = other.put("x", MIB)
            second = Mount(other.url, cache=mount.cache)
            self.addCleanup(second.close)
            second.mount()
            self.assertEqual((second.path / "x").read_bytes(), data)
            self.assertEqual(second.stats()["worker_pid"], mount.stats()["worker_pid"])
            mount.kill_worker()
            self.assertEqual((second.path / "x").read_bytes(), data)
            self.assert_readable(mount)
            second.umount()
        self.assert_readable(mount)

    @unprivileged
    def test_the_cache_lies_in_the_home_directory_unless_told_otherwise(self):
        with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as path:
            environment = {**os.environ, "HOME": home}
            subprocess.run([BIN / "leat", "mount", self.source.url, path], check=True, env=environment,
                           stdout=subprocess.DEVNULL)
            pid = int(dict(line.split(" ", 1) for line in
                           pathlib.Path(path, ".stats").read_text().splitlines())["supervisor_pid"])
            self.assertEqual(pathlib.Path(path, "small").read_bytes(), self.files["small"])
            self.assertEqual(os.stat(f"{home}/.cache/leat").st_mode & 0o777, 0o700)
            subprocess.run([BIN / "leat", "umount", path], check=True, env=environment)
            wait_until(lambda: not alive(pid), what="the end of the pair")

    @unprivileged
    def test_what_fusermount3_refuses_is_told_in_its_words(self):
        mount = Mount(self.source.url)
        self.addCleanup(mount.close)
        refused = mount.leat("mount", mount.source, "/usr", "--cache-dir", mount.cache, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr, r"mount /usr: .*fusermount3: .*no write access")
        if "user_allow_other" in [line.strip() for line in open("/etc/fuse.conf")]:
            return
        mount.flags = ["--allow-other"]
        self.assertIn("user_allow_other", mount.mount(check=False).stderr)


if __name__ == "__main__":
    unittest.main()
