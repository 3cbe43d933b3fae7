"""Extremes: many opens, odd names, huge and empty files, little memory, an ordinary user."""
import contextlib
import errno
import json
import os
import pathlib
import pwd
import random
import resource
import stat
import subprocess
import tempfile
import unittest

from mounts import BIN, MIB, Leat, Mount, Source, needs_fuse, random_bytes, wait_until

TIB = 1 << 40


def memory_of(pid):
    """Bytes of its own that a process has in memory; pages of mapped files are the kernel's to take back."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) * 1024


@needs_fuse
class ManyOpensTest(unittest.TestCase):
    def test_ten_thousand_files_open_at_once(self):
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limits[1] < 11_000:
            self.skipTest(f"no more than {limits[1]} files may be open here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (11_000, limits[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        with Source() as source:
            files = {name: source.put(name, size) for name, size in
                     {"small": 3000, "a": 2 * MIB, "b": 300_000, **{f"n{n}": 20 + n for n in range(200)}}.items()}
            with Mount(source.url) as mount, contextlib.ExitStack() as stack:
                names = list(files)
                opened = []
                for n in range(10_000):
                    fd = os.open(mount.path / names[n % len(names)], os.O_RDONLY)
                    stack.callback(os.close, fd)
                    opened.append((fd, files[names[n % len(names)]]))
                chance = random.Random(1)
                for fd, data in chance.sample(opened, 1000):
                    self.assertTrue(os.pread(fd, len(data) + 1, 0) == data)
                mount.kill_worker()
                for fd, data in chance.sample(opened, 1000):
                    self.assertTrue(os.pread(fd, len(data) + 1, 0) == data)


@needs_fuse
class NamesTest(unittest.TestCase):
    def test_names_with_every_byte(self):
        with Source() as source:
            names = [bytes([byte]) + b"x" for byte in range(1, 256) if byte != ord("/")]
            names += [b"...", b". ", b" ", b"\n", b"x" * 255, b"\xff" * 255]
            root = os.fsencode(source.path)
            for name in names:
                with open(root + b"/" + name, "wb") as file:
                    file.write(name)
                if len(name) < 3:
                    os.mkdir(root + b"/d" + name)
                    with open(root + b"/d" + name + b"/" + name, "wb") as file:
                        file.write(b"in " + name)
            with Mount(source.url) as mount:
                top = os.fsencode(mount.path)
                self.assertEqual(sorted(os.listdir(top)), sorted(os.listdir(root)))
                for name in names:
                    with open(top + b"/" + name, "rb") as file:
                        self.assertEqual(file.read(), name)
                    if len(name) < 3:
                        with open(top + b"/d" + name + b"/" + name, "rb") as file:
                            self.assertEqual(file.read(), b"in " + name)
                with self.assertRaises(OSError) as caught:
                    os.stat(top + b"/" + b"x" * 256)
                self.assertEqual(caught.exception.errno, errno.ENAMETOOLONG)

    def test_keys_that_are_no_paths_are_left_out_and_told_of(self):
        good = ["plain", "dir/file", "sp ace/ü+%2f&?#", "x/" + "y" * 255, "/".join(["z" * 101] * 10)]
        bad = ["a//b", "/lead", "..", "up/../x", "./here", "q/.", "long/" + "y" * 256, "n" * 1024, "both"]
        with Leat() as leat:
            s3 = leat.s3()
            s3.create_bucket(Bucket="odd")
            refused = set()
            for key in good + bad + ["both/inside", "made/"]:
                try:
                    s3.put_object(Bucket="odd", Key=key, Body=key.encode())
                except Exception:  # of the client or the store: keys that cannot be made need no mount
                    refused.add(key)
            self.assertFalse(refused & set(good))
            env = {"AWS_ACCESS_KEY_ID": leat.key_id, "AWS_SECRET_ACCESS_KEY": leat.secret,
                   "AWS_DEFAULT_REGION": "us-east-1"}
            with Mount("s3://odd", "--endpoint", leat.aws, env=env) as mount:
                found = {os.path.relpath(os.path.join(root, name), mount.path)
                         for root, _, names in os.walk(mount.path) for name in names}
                self.assertEqual(found, set(good) | {"both/inside"})
                for key in good:
                    self.assertEqual((mount.path / key).read_bytes(), key.encode())
                skipped = json.loads(mount.leat("data", "ls", "--skipped", mount.path, "-o", "json").stdout)
                told = {row["key"] for row in skipped}
                # Of an object `made/` with bytes in it the directory shows.
                self.assertEqual(told, {*bad, "made/"} - refused)
                self.assertTrue(all(row["reason"] for row in skipped))
                self.assertTrue((mount.path / "made").is_dir())
                self.assertEqual(mount.stats()["skipped_keys"], len(told))


@needs_fuse
class SizesTest(unittest.TestCase):
    def test_five_terabytes_take_what_is_read_of_them(self):
        with Source() as source:
            # Where file systems end earlier, as much as they have.
            size = 5 * TIB
            marks = {}
            with open(source.path / "huge", "wb") as file:
                try:
                    file.truncate(size)
                except OSError as error:
                    self.skipTest(f"no file of 5 TB can be made here: {error}")
                for offset in (0, MIB - 3, 7 * TIB // 3, size - 9):
                    marks[offset] = random_bytes(9, offset)
                    os.pwrite(file.fileno(), marks[offset], offset)
            with Mount(source.url, cache_flags=",size=6T") as mount:
                path = mount.path / "huge"
                self.assertEqual(os.stat(path).st_size, size)
                with open(path, "rb", buffering=0) as file:
                    chance = random.Random(5)
                    for offset, mark in marks.items():
                        self.assertEqual(os.pread(file.fileno(), 9, offset), mark, offset)
                    for _ in range(20):
                        offset = chance.randrange(size // 2, size - 2 * MIB)
                        if not any(offset - 5000 < mark < offset + 5000 for mark in marks):
                            self.assertEqual(os.pread(file.fileno(), 4096, offset), bytes(4096))
                    self.assertEqual(os.pread(file.fileno(), 100, size), b"")
                    self.assertEqual(os.pread(file.fileno(), 100, size - 4), marks[size - 9][5:])
                    self.assertEqual(os.lseek(file.fileno(), 1, os.SEEK_HOLE), size)
                used = int(subprocess.run(["du", "-s", "-B1", mount.cache], capture_output=True, text=True,
                                          check=True).stdout.split()[0])
                self.assertLess(used, 400 * MIB)
                self.assertLess(memory_of(mount.stats()["worker_pid"]), 250 * MIB)
                mount.kill_worker()
                for offset, mark in marks.items():
                    with open(path, "rb", buffering=0) as file:
                        self.assertEqual(os.pread(file.fileno(), 9, offset), mark, offset)

    def test_empty_files(self):
        for flags in ((), ("--no-passthrough",)):
            with Source() as source, Mount(source.url) as nothing:
                self.assertEqual(os.listdir(nothing.path), [])
                self.assertEqual(os.statvfs(nothing.path).f_files, 0)
                for n in range(3):
                    source.put(f"e{n}", 0)
                with Mount(source.url, *flags) as mount:
                    for n in range(3):
                        self.assertEqual((mount.path / f"e{n}").read_bytes(), b"")
                        self.assertEqual(os.stat(mount.path / f"e{n}").st_blocks, 0)
                    self.assertEqual(mount.leat("data", "load", mount.path).returncode, 0)


class MemoryGroup:
    """A memory cgroup, of whichever version the machine has."""

    def __init__(self, limit):
        for root, name in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
            path = pathlib.Path(root, f"leat-test-{os.getpid()}")
            try:
                path.mkdir()
            except OSError:
                continue
            if (path / name).exists():
                self.path = path
                (path / name).write_text(str(limit))
                return
            path.rmdir()
        raise unittest.SkipTest("no memory cgroup can be made here")

    def enter(self):
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def kills(self):
        for name in ("memory.oom_control", "memory.events"):
            if (self.path / name).exists():
                for line in (self.path / name).read_text().splitlines():
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
        return 0

    def close(self):
        for pid in (self.path / "cgroup.procs").read_text().split():
            os.kill(int(pid), 9)
        wait_until(lambda: not (self.path / "cgroup.procs").read_text(), what="the end of the group's processes")
        self.path.rmdir()


@needs_fuse
class MemoryTest(unittest.TestCase):
    def test_a_limit_of_256_mib_is_enough(self):
        group = MemoryGroup(256 * MIB)
        self.addCleanup(group.close)
        with Source() as source:
            files = {f"f{n}": source.put(f"f{n}", 30 * MIB) for n in range(10)}
            files |= {f"s{n}": source.put(f"s{n}", 50_000) for n in range(300)}
            mount = Mount(source.url, "--memory-limit", "64M", cache_flags=",size=150M")
            said = subprocess.run([BIN / "leat", "mount", source.url, mount.path, "--cache-dir",
                                   f"{mount.cache},size=150M", "--memory-limit", "64M"],
                                  capture_output=True, text=True, preexec_fn=group.enter)
            self.assertEqual(said.returncode, 0, said.stderr)
            self.addCleanup(mount.close)
            pid = mount.stats()["worker_pid"]
            mount.pids = {pid, mount.stats()["supervisor_pid"]}
            most = 0
            for name, data in files.items():
                self.assertTrue((mount.path / name).read_bytes() == data, name)
                most = max(most, memory_of(pid))
            self.assertEqual(group.kills(), 0)
            self.assertEqual(mount.stats()["worker_pid"], pid)
            self.assertLess(most, 200 * MIB)
            mount.close()


@needs_fuse
class OrdinaryUserTest(unittest.TestCase):
    def test_an_ordinary_user_mounts_through_fusermount3(self):
        helper = next((path for path in ("/usr/bin/fusermount3", "/bin/fusermount3") if os.path.exists(path)), None)
        if not helper or not os.stat(helper).st_mode & stat.S_ISUID:
            self.skipTest("there is no fusermount3 here that may mount")
        if not os.stat("/dev/fuse").st_mode & stat.S_IWOTH:
            self.skipTest("/dev/fuse may not be opened by ordinary users here")
        nobody = pwd.getpwnam("nobody")
        with Source() as source, tempfile.TemporaryDirectory() as home:
            data = {"x": source.put("x", 3 * MIB), "s": source.put("s", 1000)}
            os.chmod(source.path, 0o755)
            mountpoint = pathlib.Path(home, "mnt")
            mountpoint.mkdir()
            for path in (home, mountpoint):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)

            def leat(*args):
                return subprocess.run([BIN.resolve() / "leat", *args], capture_output=True, text=True, timeout=60,
                                      user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[],
                                      env={"PATH": os.environ["PATH"], "HOME": home})

            said = leat("mount", source.url, mountpoint, "--cache-dir", f"{home}/cache")
            self.assertEqual(said.returncode, 0, said.stderr)
            try:
                for name, expected in data.items():
                    for _ in range(2):
                        read = subprocess.run(["cat", mountpoint / name], capture_output=True, user=nobody.pw_uid,
                                              group=nobody.pw_gid, extra_groups=[])
                        self.assertTrue(read.stdout == expected, read.stderr)
            finally:
                self.assertEqual(leat("umount", mountpoint).returncode, 0)


if __name__ == "__main__":
    unittest.main()
