"""One cache directory and several mount namespaces, as containers have them: a mount appears where it was asked for,
or not at all."""
import os
import pathlib
import subprocess
import tempfile
import unittest

from mounts import BIN, PATIENCE, Mount, Source, needs_fuse


def elsewhere(script, *arguments, timeout=60):
    """Runs a shell script in a mount namespace of its own."""
    return subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", BIN / "leat",
                           *map(str, arguments)], capture_output=True, text=True, timeout=timeout * PATIENCE)


@needs_fuse
class NamespaceTest(unittest.TestCase):
    def setUp(self):
        self.source = self.enterContext(Source())
        self.source.put("a", data=b"bytes")
        self.there = pathlib.Path(tempfile.mkdtemp(prefix="leat-there-"))
        self.addCleanup(self.there.rmdir)

    def assert_refused(self, result):
        self.assertNotEqual(result.returncode, 0, result.stdout)
        self.assertIn("another mount namespace", result.stderr)
        self.assertIn("--cache-dir", result.stderr)

    def test_a_cache_directory_in_use_is_refused_in_another_namespace(self):
        with Mount(self.source.url) as mount:
            self.assert_refused(elsewhere('"$1" mount "$2" "$3" --cache-dir "$4"', self.source.url, self.there,
                                          mount.cache))
            self.assertFalse(os.path.ismount(self.there))
            self.assert_refused(elsewhere('"$1" data load "$2" --cache-dir "$3"', self.source.url, mount.cache))
            self.assert_refused(elsewhere('"$1" data stat "$2"/a', mount.path))
            # What names no path may be asked from everywhere.
            self.assertEqual(elsewhere('"$1" data df --cache-dir "$2"', mount.cache).returncode, 0)

    def test_unmounting_takes_the_name_of_the_own_namespace_only(self):
        with Mount(self.source.url) as mount:
            gone = elsewhere('"$1" umount "$2" && ! test -e "$2"/a', mount.path)
            self.assertEqual(gone.returncode, 0, gone.stderr)
            self.assertEqual((mount.path / "a").read_bytes(), b"bytes")

    def test_the_first_one_may_be_in_a_container(self):
        with Mount(self.source.url) as mount:
            mount.umount()
            # Idle by now: it makes room.
            result = elsewhere('"$1" mount "$2" "$3" --cache-dir "$4" && cat "$3"/a && '
                               'nsenter --mount=/proc/$PPID/ns/mnt "$1" mount "$2" "$5" --cache-dir "$4"; '
                               'echo " status $?"; "$1" umount "$3"',
                               self.source.url, self.there, mount.cache, mount.path)
            self.assertIn("bytes status 1", result.stdout.replace("\n", ""))
            self.assertIn("another mount namespace", result.stderr)
            self.assertFalse(os.path.ismount(mount.path))

    def test_a_directory_of_its_own_works_in_each(self):
        with Mount(self.source.url) as mount, tempfile.TemporaryDirectory() as cache:
            own = elsewhere('"$1" mount "$2" "$3" --cache-dir "$4" && cat "$3"/a && "$1" umount "$3"',
                            self.source.url, self.there, cache)
            self.assertEqual(own.returncode, 0, own.stderr)
            self.assertTrue(own.stdout.endswith("bytes"), own.stdout)
            self.assertEqual((mount.path / "a").read_bytes(), b"bytes")


if __name__ == "__main__":
    unittest.main()
