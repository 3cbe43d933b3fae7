"""What docs/semantics/mount.md says about names, attributes and reading, cold and warm, with and without
passthrough."""
import ctypes
import errno
import fcntl
import mmap
import os
import stat
import subprocess
import threading
import unittest

from mounts import MIB, Mount, Source, needs_fuse, random_bytes


class Reading:
    FLAGS = ()

    @classmethod
    def setUpClass(cls):
        cls.source = Source()
        cls.data = {
            "small": cls.source.put("small", 1000),
            "empty": cls.source.put("empty", 0),
            "dir/medium": cls.source.put("dir/medium", 300_001),
            "dir/sub/large": cls.source.put("dir/sub/large", 9 * MIB + 123),
            "exact": cls.source.put("exact", 4 * MIB),
        }
        os.symlink("dir/medium", cls.source.path / "link")
        os.utime(cls.source.path / "small", (1_600_000_000, 1_600_000_000))
        cls.mount = Mount(cls.source.url, *cls.FLAGS, "--file-mode", "0440", "--uid", "7", "--gid", "8",
                          cache_flags=",size=200M")
        cls.mount.mount()

    @classmethod
    def tearDownClass(cls):
        cls.mount.close()
        cls.source.__exit__()

    def path(self, name):
        return self.mount.path / name

    def test_names_are_those_of_the_source(self):
        found = {}
        for root, dirs, files in os.walk(self.mount.path):
            for name in dirs + files:
                full = os.path.join(root, name)
                found[os.path.relpath(full, self.mount.path)] = os.path.islink(full)
        self.assertEqual(set(found), {"small", "empty", "dir", "dir/medium", "dir/sub", "dir/sub/large", "exact",
                                      "link"})
        self.assertTrue(found["link"])
        self.assertNotIn(".stats", os.listdir(self.mount.path))
        self.assertFalse(os.path.exists(self.path("nothing")))

    def test_attributes(self):
        status = os.stat(self.path("small"))
        self.assertEqual((status.st_size, status.st_mtime, status.st_uid, status.st_gid, status.st_nlink),
                         (1000, 1_600_000_000, 7, 8, 1))
        self.assertEqual(stat.S_IMODE(status.st_mode), 0o440)
        self.assertTrue(stat.S_ISREG(status.st_mode))
        self.assertEqual(status.st_blocks, 2)
        self.assertTrue(stat.S_ISDIR(os.stat(self.path("dir")).st_mode))
        self.assertEqual(os.readlink(self.path("link")), "dir/medium")
        with os.scandir(self.mount.path) as entries:
            for entry in entries:
                self.assertEqual(entry.inode(), os.lstat(entry.path).st_ino, entry.name)

    def test_times_are_those_of_the_source_to_the_nanosecond(self):
        with Source() as source:
            times = {"now": 1_700_000_000_123_456_789, "zero": 0, "before": -1_500_000_001}
            for name, time in times.items():
                source.put(name, 10)
                os.utime(source.path / name, ns=(time, time))
            with Mount(source.url) as mount:
                for name in times:
                    wanted = os.stat(source.path / name).st_mtime_ns
                    self.assertEqual(os.stat(mount.path / name).st_mtime_ns, wanted, name)

    def test_bytes_twice(self):
        for _ in range(2):
            for name, data in self.data.items():
                with self.subTest(name=name):
                    self.assertEqual(self.path(name).read_bytes(), data)

    def test_pread_anywhere(self):
        data = self.data["dir/sub/large"]
        fd = os.open(self.path("dir/sub/large"), os.O_RDONLY)
        try:
            for offset in (0, 1, 4095, MIB - 1, MIB, 3 * MIB + 5, len(data) - 1, len(data), len(data) + 1000):
                for size in (1, 4096, 100_000, 3 * MIB):
                    self.assertEqual(os.pread(fd, size, offset), data[offset:offset + size], (offset, size))
            buffers = [bytearray(10), bytearray(MIB), bytearray(77)]
            self.assertEqual(os.preadv(fd, buffers, 12345), MIB + 87)
            self.assertEqual(b"".join(buffers), data[12345:12345 + MIB + 87])
        finally:
            os.close(fd)

    def test_mmap_shared_and_private(self):
        for name in ("dir/sub/large", "small", "exact"):
            with open(self.path(name), "rb") as file:
                for flags in (mmap.MAP_SHARED, mmap.MAP_PRIVATE):
                    with mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ) as mapped:
                        self.assertEqual(mapped[:], self.data[name], (name, flags))

    def test_sendfile_and_splice(self):
        data = self.data["dir/sub/large"]
        with open(self.path("dir/sub/large"), "rb") as file:
            out = os.memfd_create("out")
            sent = 0
            while sent < len(data):
                sent += os.sendfile(out, file.fileno(), sent, len(data))
            self.assertEqual(os.pread(out, len(data) + 1, 0), data)
            os.close(out)
            read_end, write_end = os.pipe()
            self.assertEqual(os.splice(file.fileno(), write_end, 5000, offset_src=MIB - 7), 5000)
            self.assertEqual(os.read(read_end, 10_000), data[MIB - 7:MIB - 7 + 5000])
            os.close(read_end)
            os.close(write_end)

    def test_copies_out(self):
        for name in ("exact", "dir/medium"):
            out = self.source.path.parent / f"leat-copy-{os.getpid()}"
            subprocess.run(["cp", self.path(name), out], check=True)
            self.assertEqual(out.read_bytes(), self.data[name])
            out.unlink()

    def test_direct_reads_must_be_aligned(self):
        page = mmap.mmap(-1, MIB)  # aligned memory
        for _ in range(2):  # cold or partly cached, then complete
            fd = os.open(self.path("exact"), os.O_RDONLY | os.O_DIRECT)
            self.assertEqual(os.preadv(fd, [page], 2 * MIB), MIB)
            self.assertEqual(page[:], self.data["exact"][2 * MIB:3 * MIB])
            with self.assertRaises(OSError) as caught:
                os.preadv(fd, [memoryview(page)[:1024]], 100)
            self.assertEqual(caught.exception.errno, errno.EINVAL)
            os.close(fd)
            self.path("exact").read_bytes()

    def test_direct_reads_end_as_on_ext4(self):
        page = mmap.mmap(-1, MIB)
        fd = os.open(self.path("dir/medium"), os.O_RDONLY | os.O_DIRECT)
        read = []
        while count := os.readv(fd, [page]):
            read.append(page[:count])
        os.close(fd)
        self.assertNotEqual(len(self.data["dir/medium"]) % 512, 0)
        self.assertEqual(b"".join(read), self.data["dir/medium"])

    def test_seek_sees_data_to_the_end(self):
        size = len(self.data["dir/sub/large"])
        with open(self.path("dir/sub/large"), "rb") as file:
            self.assertEqual(os.lseek(file.fileno(), 5, os.SEEK_DATA), 5)
            self.assertEqual(os.lseek(file.fileno(), 5, os.SEEK_HOLE), size)
            with self.assertRaises(OSError) as caught:
                os.lseek(file.fileno(), size, os.SEEK_DATA)
            self.assertEqual(caught.exception.errno, errno.ENXIO)

    def test_everything_that_writes_gets_erofs(self):
        small, directory = self.path("small"), self.path("dir")
        attempts = {
            "open for writing": lambda: os.open(small, os.O_WRONLY),
            "create": lambda: os.open(self.path("new"), os.O_CREAT | os.O_WRONLY),
            "truncate": lambda: os.truncate(small, 0),
            "unlink": lambda: os.unlink(small),
            "mkdir": lambda: os.mkdir(self.path("new")),
            "rmdir": lambda: os.rmdir(directory),
            "rename": lambda: os.rename(small, self.path("other")),
            "link": lambda: os.link(small, self.path("other")),
            "symlink": lambda: os.symlink("x", self.path("other")),
            "chmod": lambda: os.chmod(small, 0o777),
            "utime": lambda: os.utime(small),
            "setxattr": lambda: os.setxattr(small, "user.x", b"1"),
        }
        for what, attempt in attempts.items():
            with self.subTest(what=what), self.assertRaises(OSError) as caught:
                attempt()
            self.assertEqual(caught.exception.errno, errno.EROFS, what)

    def test_statfs(self):
        status = os.statvfs(self.mount.path)
        total = sum(map(len, self.data.values())) + len("dir/medium")
        self.assertAlmostEqual(status.f_blocks * status.f_frsize, total, delta=2 * status.f_frsize)
        self.assertEqual((status.f_bavail, status.f_files), (0, len(self.data) + 1))

    def test_extended_attributes(self):
        path = self.path("dir/medium")
        path.read_bytes()
        self.assertEqual(os.getxattr(path, "user.leat.source").decode(),
                         f"{self.source.url}/dir/medium")
        self.assertTrue(os.getxattr(path, "user.leat.etag"))
        self.assertEqual(os.getxattr(path, "user.leat.state"), b"complete")
        self.assertEqual(os.getxattr(path, "user.leat.cached"), b"300001")
        self.path("small").read_bytes()
        self.assertEqual(os.getxattr(self.path("small"), "user.leat.state"), b"packed")
        self.assertEqual(os.listxattr(path), [])
        with self.assertRaises(OSError) as caught:
            os.getxattr(path, "user.other")
        self.assertEqual(caught.exception.errno, errno.ENODATA)

    def test_small_files_are_fetched_once(self):
        with Source() as source:
            bodies = {f"{n:03}": source.put(f"{n:03}", 50_000) for n in range(40)}
            with Mount(source.url, *self.FLAGS) as mount:
                def read_all():
                    for name, body in bodies.items():
                        self.assertEqual((mount.path / name).read_bytes(), body)
                    return mount.stats()["fill_bytes"]

                self.assertEqual(read_all(), 40 * 50_000)
                mount.umount()  # the kernel forgets its pages, the data node keeps what it has
                mount.mount()
                before = mount.stats()["fill_bytes"]
                self.assertEqual(read_all(), before)

    def test_locks_are_local(self):
        with open(self.path("small"), "rb") as one, open(self.path("small"), "rb") as two:
            fcntl.flock(one, fcntl.LOCK_EX)
            with self.assertRaises(BlockingIOError):
                fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_path_descriptors(self):
        fd = os.open(self.path("dir"), os.O_PATH)
        self.assertEqual(os.fstat(os.open("medium", os.O_RDONLY, dir_fd=fd)).st_size, 300_001)
        os.close(fd)

    def test_many_threads(self):
        data, bad = self.data["dir/sub/large"], []

        def read(thread):
            with open(self.path("dir/sub/large"), "rb") as file:
                for n in range(40):
                    offset = (thread * 7919 + n * 104_729) % len(data)
                    if os.pread(file.fileno(), 50_000, offset) != data[offset:offset + 50_000]:
                        bad.append(offset)

        threads = [threading.Thread(target=read, args=(n,)) for n in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(bad, [])


@needs_fuse
class PassthroughTest(Reading, unittest.TestCase):
    def test_complete_file_is_read_by_the_kernel(self):
        data = self.data["exact"]
        if not self.mount.stats()["passthrough"]:
            self.skipTest("this kernel has no passthrough")
        self.mount.open_passed_through("exact").close()
        before = self.mount.stats()
        for _ in range(3):
            self.assertEqual(self.path("exact").read_bytes(), data)
        after = self.mount.stats()
        self.assertEqual(after["fuse_reads"], before["fuse_reads"])
        self.assertEqual(after["passthrough_opens"], before["passthrough_opens"] + 3)


@needs_fuse
class PageCacheTest(Reading, unittest.TestCase):
    FLAGS = ("--no-passthrough",)

    def test_second_read_is_the_kernels(self):
        data = self.data["exact"]
        self.assertEqual(self.path("exact").read_bytes(), data)
        before = self.mount.stats()
        self.assertEqual(self.path("exact").read_bytes(), data)
        self.assertEqual(self.mount.stats()["fuse_reads"], before["fuse_reads"])
        self.assertEqual(before["passthrough"], 0)


if __name__ == "__main__":
    unittest.main()
