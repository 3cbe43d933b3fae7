"""fio verifies what it reads, block by block, while the processes of the mount are killed."""
import os
import shutil
import signal
import subprocess
import unittest

from mounts import Mount, PATIENCE, Source, needs_fuse, wait_until

SIZE = "48M"
MODES = ((), ("--no-passthrough",))


@needs_fuse
@unittest.skipUnless(shutil.which("fio"), "fio is not installed (tools/bootstrap test)")
class FioVerifyTest(unittest.TestCase):
    def setUp(self):
        self.source = self.enterContext(Source())
        self.fio(self.source.path / "file", "--rw=write", "--do_verify=0").check_returncode()

    @staticmethod
    def command(path, *options):
        return ["fio", "--name=verify", f"--filename={path}", f"--size={SIZE}", "--bs=128k", "--verify=crc32c",
                "--verify_fatal=1", "--verify_state_save=0", *options]

    def fio(self, path, *options):
        return subprocess.run(self.command(path, *options), capture_output=True, text=True, timeout=120 * PATIENCE)

    def reading(self, mount, *options):
        """A fio that reads slowly enough to be in the midst of it for some seconds."""
        process = subprocess.Popen(self.command(mount.path / "file", "--readonly", "--rate=12m", *options),
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.kill)
        wait_until(lambda: mount.stats()["opens"] > 0, what="fio has opened its file")
        return process

    def assert_verified(self, process):
        output, _ = process.communicate(timeout=120 * PATIENCE)
        self.assertEqual(process.returncode, 0, output)
        self.assertNotIn("verify: bad", output)

    def test_a_wrong_byte_would_be_noticed(self):
        with open(self.source.path / "file", "r+b") as file:
            file.seek(20_000_000)
            file.write(b"other bytes")
        with Mount(self.source.url) as mount:
            self.assertNotEqual(self.fio(mount.path / "file", "--rw=read", "--readonly").returncode, 0)

    def test_while_the_worker_is_killed(self):
        for flags in MODES:
            for order in ("read", "randread"):
                with self.subTest(flags=flags, order=order), Mount(self.source.url, *flags) as mount:
                    process = self.reading(mount, f"--rw={order}", "--direct=1")
                    for _ in range(5):
                        mount.kill_worker()
                    self.assertIsNone(process.poll(), "it was killed while fio read")
                    self.assert_verified(process)

    def test_while_the_supervisor_is_killed(self):
        for flags in MODES:
            with self.subTest(flags=flags), Mount(self.source.url, *flags) as mount:
                process = self.reading(mount, "--rw=read", "--direct=1")
                os.kill(mount.stats()["supervisor_pid"], signal.SIGKILL)
                wait_until(lambda: not os.path.ismount(mount.path), what="the mount is detached")
                self.assertIsNone(process.poll(), "it was killed while fio read")
                self.assert_verified(process)


if __name__ == "__main__":
    unittest.main()
