"""What happens to readers when processes, the store or the cache disk fail."""
import errno
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

from mounts import MIB, Mount, Source, needs_fuse, random_bytes, wait_until


class Readers:
    """Threads that read random ranges and compare, until stopped."""

    def __init__(self, paths, count=4):
        self.stop = threading.Event()
        self.errors = []
        self.reads = 0
        self.threads = [threading.Thread(target=self.run, args=(n, paths)) for n in range(count)]

    def run(self, seed, paths):
        import random
        chance = random.Random(seed)
        while not self.stop.is_set():
            path, data = chance.choice(paths)
            try:
                with open(path, "rb") as file:
                    for _ in range(5):
                        offset, size = chance.randrange(len(data)), chance.randrange(1, 300_000)
                        if os.pread(file.fileno(), size, offset) != data[offset:offset + size]:
                            self.errors.append(f"wrong bytes in {path} at {offset}")
                        self.reads += 1
            except OSError as error:
                self.errors.append(f"{path}: {error}")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


@needs_fuse
class WorkerKilledTest(unittest.TestCase):
    def run_with(self, *flags):
        with Source() as source:
            files = {f"f{n}": source.put(f"f{n}", size) for n, size in
                     enumerate([1000, 200_000, 2 * MIB, 5 * MIB + 17, 12 * MIB])}
            with Mount(source.url, *flags) as mount:
                with Readers([(mount.path / name, data) for name, data in files.items()]) as readers:
                    for _ in range(5):
                        before = readers.reads
                        mount.kill_worker()
                        wait_until(lambda: readers.reads > before + 100, what="reads after the kill")
                self.assertEqual(readers.errors, [])
                self.assertGreater(readers.reads, 500)

    def test_readers_see_no_error(self):
        self.run_with()

    def test_readers_see_no_error_without_passthrough(self):
        self.run_with("--no-passthrough")

    def test_open_passthrough_file_does_not_even_wait(self):
        with Source() as source:
            data = source.put("x", 8 * MIB)
            with Mount(source.url) as mount:
                if not mount.stats()["passthrough"]:
                    self.skipTest("this kernel has no passthrough")
                with mount.open_passed_through("x") as file:
                    stats = mount.stats()
                    os.kill(stats["supervisor_pid"], signal.SIGSTOP)  # so that no other worker comes
                    os.kill(stats["worker_pid"], signal.SIGKILL)
                    try:
                        self.assertEqual(os.pread(file.fileno(), 8 * MIB, 0), data)
                    finally:
                        os.kill(stats["supervisor_pid"], signal.SIGCONT)
                    wait_until(lambda: mount.stats()["worker_pid"] != stats["worker_pid"], what="another worker")
                    mount.pids.add(mount.stats()["worker_pid"])
                    # An open beside it must be given the same backing file.
                    self.assertEqual((mount.path / "x").read_bytes(), data)


@needs_fuse
class MountpointUsedAgainTest(unittest.TestCase):
    def test_what_an_earlier_mount_there_left_serves_no_other_file(self):
        # The node ids and the kernel's backing ids of both mounts begin at the same numbers.
        with Source() as first, Source() as second, Source() as other:
            first.put("x", 3 * MIB, seed="first")
            wanted = {name: second.put(name, 3 * MIB, seed=f"second {name}") for name in ("x", "y", "z")}
            other.put("keeps-the-pair-alive", 1000)
            cache = tempfile.mkdtemp(prefix="leat-cache-")
            try:
                with Mount(other.url, cache=cache), Mount(first.url, cache=cache) as mount:
                    if not mount.stats()["passthrough"]:
                        self.skipTest("this kernel has no passthrough")
                    with mount.open_passed_through("x"):
                        mount.kill_worker()  # the next one inherits the backing of x
                    mount.umount()
                    mount.source = second.url
                    mount.mount()
                    for name in reversed(wanted):
                        mount.open_passed_through(name).close()
                    mount.kill_worker()
                    for _ in range(2):
                        for name, data in wanted.items():
                            self.assertTrue((mount.path / name).read_bytes() == data, name)
            finally:
                shutil.rmtree(cache, ignore_errors=True)


@needs_fuse
class SupervisorKilledTest(unittest.TestCase):
    def test_open_files_are_served_to_their_last_close(self):
        with Source() as source:
            data = source.put("x", 6 * MIB)
            with Mount(source.url) as mount:
                pids = mount.stats()
                with open(mount.path / "x", "rb") as file:
                    os.kill(pids["supervisor_pid"], signal.SIGKILL)
                    wait_until(lambda: not os.path.ismount(mount.path), what="the detached mount")
                    self.assertEqual(os.pread(file.fileno(), 6 * MIB, 0), data)
                wait_until(lambda: not pathlib.Path(f"/proc/{pids['worker_pid']}").exists(),
                           what="the worker's end")
                mount.mount()
                self.assertEqual((mount.path / "x").read_bytes(), data)

    def test_both_dead_is_cleared_by_the_next_mount(self):
        with Source() as source:
            data = source.put("x", 1000)
            with Mount(source.url) as mount:
                pids = mount.stats()
                os.kill(pids["supervisor_pid"], signal.SIGSTOP)
                os.kill(pids["worker_pid"], signal.SIGKILL)
                os.kill(pids["supervisor_pid"], signal.SIGKILL)
                wait_until(lambda: self.errno_of(mount.path) == errno.ENOTCONN, what="ENOTCONN")
                mount.mount()
                self.assertEqual((mount.path / "x").read_bytes(), data)

    @staticmethod
    def errno_of(path):
        try:
            os.listdir(path)
        except OSError as error:
            return error.errno
        return 0


@needs_fuse
class CacheTest(unittest.TestCase):
    def test_rot_in_the_cache_is_never_served(self):
        with Source() as source:
            data = source.put("x", 6 * MIB)
            small = source.put("s", 5000)
            with Mount(source.url) as mount:
                (mount.path / "x").read_bytes()
                (mount.path / "s").read_bytes()
                cached, = mount.cache.glob("objects/*/*.data")
                with open(cached, "r+b") as file:
                    file.seek(3 * MIB + 1000)
                    file.write(b"rot")
                segment, = mount.cache.glob("segments/*.seg")
                with open(segment, "r+b") as file:
                    file.seek(100)
                    file.write(b"rot")
                mount.kill_worker()
                subprocess.run(["sh", "-c", "echo 3 > /proc/sys/vm/drop_caches"], check=False)
                self.assertEqual((mount.path / "x").read_bytes(), data)
                self.assertEqual((mount.path / "s").read_bytes(), small)
                self.assertGreaterEqual(mount.stats()["corrupt_chunks"], 1)

    def test_full_cache_disk_means_reading_through(self):
        with Source() as source:
            files = {f"f{n}": source.put(f"f{n}", 3 * MIB) for n in range(8)}
            disk = tempfile.mkdtemp(prefix="leat-disk-")
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=10m,mode=0700", "tmpfs", disk], check=True)
            try:
                with Mount(source.url, cache=disk, cache_flags=",size=100M") as mount:
                    for _ in range(2):
                        for name, data in files.items():
                            self.assertEqual((mount.path / name).read_bytes(), data)
            finally:
                subprocess.run(["umount", "-l", disk], check=True)
                os.rmdir(disk)

    def test_working_set_of_twice_the_cache_hits_about_half(self):
        with Source() as source:
            names = [f"f{n:02}" for n in range(40)]
            for name in names:
                source.put(name, MIB)
            with Mount(source.url, cache_flags=",size=20M") as mount:
                for epoch in range(4):
                    fetched = mount.stats()["fill_bytes"] + mount.stats()["through_bytes"]
                    for name in names:
                        (mount.path / name).read_bytes()
                    now = mount.stats()["fill_bytes"] + mount.stats()["through_bytes"]
                    if epoch > 0:
                        self.assertLessEqual(now - fetched, 0.55 * 40 * MIB, f"epoch {epoch}")

    def test_cached_files_are_there_for_the_next_mount(self):
        with Source() as source:
            data = source.put("x", 5 * MIB)
            cache = tempfile.mkdtemp(prefix="leat-cache-")
            try:
                for n in range(2):
                    with Mount(source.url, cache=cache) as mount:
                        self.assertEqual((mount.path / "x").read_bytes(), data)
                        self.assertEqual(mount.stats()["fill_bytes"], len(data) if n == 0 else 0)
            finally:
                shutil.rmtree(cache)


    def test_an_object_that_two_mounts_show_is_cached_once(self):
        with Source() as source:
            data = source.put("sub/x", 3 * MIB)
            small = source.put("sub/small", 1000)
            with Mount(source.url) as whole, Mount(f"{source.url}/sub", cache=whole.cache) as part:
                with whole.open_passed_through("sub/x") as passed:
                    self.assertEqual(passed.read(), data)
                self.assertEqual((part.path / "x").read_bytes(), data)
                self.assertEqual(part.stats()["fill_bytes"], len(data))
                self.assertEqual((part.path / "small").read_bytes(), small)
                self.assertEqual((whole.path / "sub/small").read_bytes(), small)
                self.assertEqual(part.stats()["fill_bytes"], len(data) + len(small))
                # What one of them fills becomes passthrough in the other, too.
                later = source.put("sub/later", 3 * MIB)
                part.umount()
                part.mount()
                whole.umount()
                whole.mount()
                self.assertEqual((whole.path / "sub/later").stat().st_size, len(later))
                part.open_passed_through("later").close()

                def passed_through():
                    before = whole.stats()["passthrough_opens"]
                    self.assertEqual((whole.path / "sub/later").read_bytes(), later)
                    return whole.stats()["passthrough_opens"] > before

                wait_until(passed_through, what="passthrough in the other mount")
                # So does one that has changed.
                new = source.put("sub/x", 3 * MIB, seed="new")
                whole.leat("data", "evict", whole.path / "sub/x")
                wait_until(lambda: self.again(part.path / "x") == new, what="the new version")
                changed_at = (source.path / "sub/x").stat().st_mtime_ns
                wait_until(lambda: (whole.path / "sub/x").stat().st_mtime_ns == changed_at,
                           what="the new version in the other mount")

    @staticmethod
    def again(path):
        try:
            return path.read_bytes()
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            return None


@needs_fuse
class VersionsTest(unittest.TestCase):
    def test_changed_file_is_never_mixed(self):
        with Source() as source:
            old = source.put("x", 20 * MIB, seed="old")
            with Mount(source.url) as mount:
                with open(mount.path / "x", "rb") as file:
                    self.assertEqual(os.pread(file.fileno(), 1000, 0), old[:1000])
                    inode = os.fstat(file.fileno()).st_ino
                    new = source.put("x", 21 * MIB, seed="new")
                    with self.assertRaises(OSError) as caught:
                        for offset in range(0, 20 * MIB, MIB):
                            self.assertEqual(os.pread(file.fileno(), MIB, offset), old[offset:offset + MIB])
                    self.assertEqual(caught.exception.errno, errno.ESTALE)
                wait_until(lambda: os.stat(mount.path / "x").st_size == 21 * MIB, what="the new version")
                self.assertEqual((mount.path / "x").read_bytes(), new)
                self.assertNotEqual(os.stat(mount.path / "x").st_ino, inode)

    def test_pinned_mount_gives_estale(self):
        with Source() as source:
            source.put("x", 3 * MIB, seed="old")
            with Mount(source.url, "--version-pin") as mount:
                source.put("x", 3 * MIB, seed="new")
                for _ in range(2):
                    with self.assertRaises(OSError) as caught:
                        (mount.path / "x").read_bytes()
                    self.assertEqual(caught.exception.errno, errno.ESTALE)

    def test_pinned_mounts_begin_with_what_is_there_and_keep_it(self):
        with Source() as source:
            mount = Mount(source.url)
            self.addCleanup(mount.close)

            def names(*flags):
                mount.flags = flags
                mount.mount()
                found = sorted(os.listdir(mount.path))
                mount.umount()
                return found

            source.put("a", 100)
            self.assertEqual(names(), ["a"])
            source.put("b", 100)
            self.assertEqual(names("--version-pin"), ["a", "b"])
            source.put("c", 100)
            self.assertEqual(names("--version-pin"), ["a", "b"])
            self.assertEqual(names(), ["a", "b", "c"])
            source.put("d", 100)
            self.assertEqual(names("--version-pin"), ["a", "b", "c", "d"])

    def test_ttl_shows_a_version_that_is_back(self):
        with Source() as source:
            first = source.put("x", 3 * MIB, seed="first")
            file = source.path / "x"
            times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)

            def shows(data):
                try:
                    return (mount.path / "x").read_bytes() == data
                except OSError:
                    return False  # until the store is asked

            with Mount(source.url, "--ttl", "5s") as mount:
                # Found by a read, before anything is listed again.
                second = source.put("x", 2 * MIB, seed="second")
                wait_until(lambda: shows(second), what="the second version")
                source.put("x", None, data=first)
                os.utime(file, ns=times)
                wait_until(lambda: shows(first), what="the first version")

    def test_ttl_shows_new_and_removed_files(self):
        with Source() as source:
            source.put("old", 100)
            kept = source.put("kept", 2 * MIB)
            with Mount(source.url, "--ttl", "1s") as mount:
                (mount.path / "kept").read_bytes()
                inode = os.stat(mount.path / "kept").st_ino
                new = source.put("new", 300_000)
                (source.path / "old").unlink()
                wait_until(lambda: sorted(os.listdir(mount.path)) == ["kept", "new"], what="the new listing")
                self.assertEqual((mount.path / "new").read_bytes(), new)
                self.assertEqual((mount.path / "kept").read_bytes(), kept)
                self.assertEqual(os.stat(mount.path / "kept").st_ino, inode)


if __name__ == "__main__":
    unittest.main()
