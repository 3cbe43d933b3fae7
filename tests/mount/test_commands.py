"""The commands around a mount: `leat mount`, `leat umount` and `leat data`."""
import base64
import functools
import io
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import tarfile
import tempfile
import threading
import unittest

from fault_proxy import FaultProxy
from mounts import (BIN, MIB, Leat, Mount, Source, alive, detach_by_force_while_stopped, needs_fuse, random_bytes,
                    wait_until)


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

    def test_options_that_differ_are_taken_when_nothing_is_mounted(self):
        with Mount(self.source.url, cache_flags=",size=1G") as mount:
            other = self.enterContext(tempfile.TemporaryDirectory())
            refused = mount.leat("mount", mount.source, other, "--cache-dir", f"{mount.cache},size=2G", check=False)
            self.assertIn(f"leat umount {mount.path}", refused.stderr)
            self.assertNotIn("--all", refused.stderr)
            first = mount.stats()
            with open(mount.path / "big", "rb") as file:  # it is not mounted, and served still
                mount.umount("--lazy")
                mount.cache_flags = ",size=2G"
                self.assertIn(f"close what is still open of {mount.path}", mount.mount(check=False).stderr)
                file.read()
            wait_until(lambda: mount.mount(check=False).returncode == 0, what="the end of the first pair")
            self.assertEqual(mount.stats()["cache_limit"], 2 << 30)
            for flags in (",size=1G", ",size=2G", ",size=1G"):  # within the two seconds that a pair lingers
                mount.umount()
                mount.cache_flags = flags
                mount.mount()
                self.assertEqual(mount.stats()["cache_limit"], (1 if "1G" in flags else 2) << 30)
            self.assertFalse(alive(first["worker_pid"]) or alive(first["supervisor_pid"]))
            self.assertEqual((mount.path / "big").read_bytes(), (self.source.path / "big").read_bytes())

    def test_a_size_beyond_the_disk_is_warned_of(self):
        mount = Mount(self.source.url, cache_flags=",size=1000T")
        self.addCleanup(mount.close)
        self.assertRegex(mount.mount().stderr, f"warning: --cache-dir {mount.cache}: .* room for ")
        with Mount(self.source.url, cache_flags=",size=10M") as small:
            self.assertEqual(small.umount().stderr + small.mount().stderr, "")

    def test_mountpoint_cache_directory_and_source_lie_apart(self):
        scratch = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (scratch / "cache/below").mkdir(parents=True)
        (scratch / "link").symlink_to("cache")
        (self.source.path / "mnt").mkdir()
        url = self.source.url
        for source, path, cache in [("s3://bucket/train", "cache", "cache"), ("s3://bucket/train", "cache", "link"),
                                    ("s3://bucket/train", ".", "cache"), ("s3://bucket/train", "cache/below", "cache"),
                                    (url, self.source.path / "mnt", "other"), (url, "mnt", self.source.path / "cache"),
                                    (f"file://{scratch}/cache", "mnt", "other/../cache")]:
            (scratch / "mnt").mkdir(exist_ok=True)
            said = subprocess.run([BIN / "leat", "mount", source, scratch / path, "--cache-dir", scratch / cache],
                                  capture_output=True, text=True, timeout=20)
            self.assertEqual(said.returncode, 1)
            self.assertIn("must lie apart", said.stderr)
            self.assertFalse((scratch / "cache/log").exists() or (scratch / "other").exists(), "nothing was started")
            self.assertFalse((self.source.path / "cache").exists())

    def test_wrong_flags_are_told_of(self):
        for flags, text in [(["--file-mode", "9"], "no mode"), (["--ttl", "1s", "--version-pin"], "contradict"),
                            (["--cache-dir", "/x,size=many"], "no size"),
                            (["--cache-dir", __file__], "is a file, not a directory")]:
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
class EmptySourceTest(unittest.TestCase):
    def test_nothing_under_a_prefix_is_warned_of_and_an_object_of_its_name_told(self):
        with Leat() as leat:
            leat.s3().create_bucket(Bucket="bkt")
            leat.s3().put_object(Bucket="bkt", Key="dir/file", Body=b"x")
            keys = {"AWS_ACCESS_KEY_ID": leat.key_id, "AWS_SECRET_ACCESS_KEY": leat.secret,
                    "AWS_DEFAULT_REGION": "us-east-1"}
            for source, text in [("s3://bkt/nothing", "no objects were found under s3://bkt/nothing/: check bucket"),
                                 ("s3://bkt/dir/file", "is itself an object, the file file under s3://bkt/dir/")]:
                mount = Mount(source, "--endpoint", leat.aws, env=keys)
                self.addCleanup(mount.close)
                self.assertIn(text, mount.mount().stderr)
                self.assertEqual(os.listdir(mount.path), [])
                for load in (["load", mount.path],
                             ["load", source, "--endpoint", leat.aws, "--cache-dir", mount.cache]):
                    failed = mount.leat("data", *load, check=False)
                    self.assertEqual(failed.returncode, 1)
                    self.assertIn("no objects were found under", failed.stderr)
                self.assertIn(text, failed.stderr)
            with Mount("s3://bkt/dir", "--endpoint", leat.aws, env=keys) as mount:
                self.assertEqual(mount.umount().stderr + mount.mount().stderr, "")


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
                self.assertIn(f"leat umount --lazy {mount.path}", refused.stderr)
                self.assertRegex(refused.stderr, rf"by {os.getpid()} \(python")
                mount.umount("--lazy")
                self.assertFalse(os.path.ismount(mount.path))
                self.assertEqual(file.read(), self.data)
            wait_until(lambda: not any(alive(pid) for pid in mount.pids), what="the end of the pair")

    def test_the_mountpoint_can_be_used_again_at_once(self):
        with Mount(self.source.url) as mount:
            for flags in ([], ["--lazy"], ["--force"]) * 5:
                mount.umount(*flags)
                mount.mount()
                self.assertEqual((mount.path / "big").read_bytes(), self.data)

    def test_a_stopped_worker_does_not_keep_force_waiting(self):
        with Mount(self.source.url) as mount:
            detach_by_force_while_stopped(self, mount)

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

    def test_small_files_are_pinned_one_by_one(self):
        small = self.mount.path / "dir/small"
        self.assertEqual(self.data("pin", small)["files"], 1)
        self.assertTrue(self.data("stat", small)["pinned"], "before it is cached")
        self.data("load", self.mount.path)
        self.mount.kill_worker()
        self.assertTrue(self.data("stat", small)["pinned"])
        self.assertEqual([row["name"] for row in rows(self.mount, "-r", self.mount.path) if row.get("pinned")],
                         ["dir/small"])
        refused = self.mount.leat("data", "evict", small, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("open or pinned", refused.stdout)
        self.data("unpin", self.mount.path)
        self.assertEqual(self.data("evict", small)["evicted"], 1)

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

    def test_fsck_says_which_directory_it_checked(self):
        self.data("load", self.mount.path)
        cache = str(self.mount.cache)
        self.assertEqual(self.data("fsck", self.mount.path)["directories"], [cache])
        said = self.mount.leat("data", "fsck", self.mount.path).stdout
        self.assertTrue(said.startswith(f"{cache}: 4.0 MiB checked, 0 pieces dropped"), said)

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


@functools.cache
def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


def masked_crc32c(data):
    table, crc = crc32c_table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", (crc >> 15 | crc << 17) + 0xA282EAD8 & 0xFFFFFFFF)


def tfrecords(bodies):
    """The file, and what tfrecord2idx writes of it."""
    file, index = b"", ""
    for body in bodies:
        length = struct.pack("<Q", len(body))
        record = length + masked_crc32c(length) + body + masked_crc32c(body)
        index += f"{len(file)} {len(record)}\n"
        file += record
    return file, index.encode()


def webdataset(samples):
    """The tar, and what wds2idx writes of it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for key, files in samples.items():
            for extension, data in files.items():
                member = tarfile.TarInfo(f"{key}.{extension}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    buffer.seek(0)
    lines = {}
    with tarfile.open(fileobj=buffer) as tar:
        for member in tar:
            key, extension = member.name.split(".", 1)
            lines.setdefault(key, []).append(f"{extension} {member.offset_data} {member.size} {member.name}")
    index = f"v1.2 {len(lines)}\n" + "".join(" ".join(files) + "\n" for files in lines.values())
    return buffer.getvalue(), index.encode()


@needs_fuse
class LoadRecordsTest(unittest.TestCase):
    """`leat data load --order` with records by their numbers."""
    RECORD = 700_000  # bytes of each of ten

    @classmethod
    def setUpClass(cls):
        cls.records, cls.index = tfrecords([bytes([n]) * cls.RECORD for n in range(10)])

    def setUp(self):
        self.source = self.enterContext(Source())
        self.scratch = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def load(self, mount, *lines, check=True):
        order = self.scratch / "order"
        order.write_text("".join(line + "\n" for line in lines))
        return mount.leat("data", "load", mount.path, "--order", order, check=check)

    def cached(self, mount, name):
        return int(os.getxattr(mount.path / name, "user.leat.cached"))

    def chunks_of(self, begin, end):
        return (end - 1) // MIB - begin // MIB + 1

    def test_records_of_a_tfrecord_file_bring_the_chunks_that_they_touch(self):
        size = self.RECORD + 16
        for index in ("train.tfrecord.idx", "train.idx", "train.tfrecord.index"):
            with self.subTest(index=index), Source() as source:
                source.put("set/train.tfrecord", data=self.records)
                source.put(f"set/{index}", data=self.index)
                with Mount(source.url) as mount:
                    said = self.load(mount, "set/train.tfrecord#3-5").stdout
                    self.assertIn("1 part is cached, 2.0 MiB", said)
                    wanted = self.chunks_of(3 * size, 6 * size) * MIB
                    self.assertLess(wanted, 4 * MIB)
                    self.assertEqual(self.cached(mount, "set/train.tfrecord"), wanted)
                    self.load(mount, "set/train.tfrecord#9", "set/train.tfrecord#9")
                    self.assertEqual(self.cached(mount, "set/train.tfrecord"),
                                     wanted + self.chunks_of(9 * size, 10 * size) * MIB)
                    before = mount.stats()["fill_bytes"]
                    with open(mount.path / "set/train.tfrecord", "rb") as file:
                        self.assertEqual(os.pread(file.fileno(), self.RECORD, 4 * size + 12), b"\4" * self.RECORD)
                    self.assertEqual(mount.stats()["fill_bytes"], before, "what was loaded is not fetched again")

    def test_without_an_index_the_records_before_are_walked_over(self):
        self.source.put("train", data=self.records)
        with Mount(self.source.url) as mount:
            self.load(mount, "train#3-5")
            self.assertEqual(self.cached(mount, "train"), self.chunks_of(0, 6 * (self.RECORD + 16)) * MIB)
            failed = self.load(mount, "train#8-10", check=False)
            self.assertEqual(failed.returncode, 1)
            self.assertIn("has 10 records, numbered from 0", failed.stderr)

    def test_samples_of_a_webdataset_tar(self):
        tar, index = webdataset({f"{n:04}": {"jpg": bytes([n]) * 900_000, "cls": b"7"} for n in range(8)})
        self.source.put("shard-0.tar", data=tar)
        self.source.put("shard-0.idx", data=index)
        with Mount(self.source.url) as mount:
            self.load(mount, "shard-0.tar#6", "shard-0.tar#1")
            sample = 512 + (900_000 + 511) // 512 * 512 + 1024  # with the next file, of one byte
            wanted = sum(self.chunks_of(n * sample, (n + 1) * sample - 511) for n in (6, 1)) * MIB
            self.assertEqual(self.cached(mount, "shard-0.tar"), wanted)

    def test_an_index_larger_than_cache_and_memory_is_read_all_the_same(self):
        records = 1_000_000
        self.source.put("many", MIB)
        index = self.source.put("many.idx", data="".join(f"{n} 20\n" for n in range(records)).encode())
        self.assertGreater(len(index), 8 * MIB)
        with Mount(self.source.url, "--memory-limit", "8M", cache_flags=",size=3M") as mount:
            self.load(mount, f"many#{records - 1}")
            self.assertEqual(self.cached(mount, "many"), MIB)
            self.assertEqual(self.cached(mount, "many.idx"), 0)

    def test_files_that_found_room_go_on_when_others_found_none(self):
        for name in "abcd":
            self.source.put(name, 4 * MIB)
        with Mount(self.source.url, cache_flags=",size=10M") as mount:
            said = self.load(mount, f"a {MIB} 1", "b 0 1", "c 0 1", f"a {2 * MIB} 1", "d 0 1", f"b {3 * MIB} 1",
                             check=False)
            self.assertEqual(said.returncode, 1)
            self.assertIn("2 parts (2 B) did not fit", said.stdout)
            self.assertEqual([self.cached(mount, name) for name in "abcd"], [2 * MIB, 2 * MIB, 0, 0])

    def test_what_is_wrong_is_told_with_file_and_line(self):
        tar, _ = webdataset({"a": {"txt": b"x" * 300_000}})
        self.source.put("bare.tar", data=tar)
        self.source.put("good", data=self.records)
        self.source.put("good.tar", data=self.records[:1000].translate(bytes(reversed(range(256)))))
        self.source.put("good.idx", data=self.index)
        self.source.put("bad", data=self.records[:1000])
        self.source.put("bad.idx", data=b"0 16\nnonsense\n")
        self.source.put("stale", data=self.records[:1000])
        self.source.put("stale.idx", data=self.index)
        with Mount(self.source.url) as mount:
            for line, text in [("bad#0", "bad.idx line 2: is not OFFSET SIZE"),
                               ("stale#0", "stale.idx line 1: ends at byte 700016, and the file has 1000"),
                               ("good#10", "has 10 records"), ("good#5-4", "PATH#FIRST-LAST"),
                               ("bare.tar#0", "wds2idx"), ("good.tar#0", "wds2idx")]:
                failed = self.load(mount, "good", line, check=False)
                self.assertEqual(failed.returncode, 1)
                self.assertIn(text, failed.stderr)
                self.assertIn(f"{self.scratch}/order line 2: ", failed.stderr)


@needs_fuse
class LoadAheadTest(unittest.TestCase):
    def test_what_is_read_first_is_asked_for_first(self):
        with Leat() as leat, FaultProxy(leat.aws) as proxy, tempfile.TemporaryDirectory() as scratch:
            names = [f"{n:02}" for n in range(60)]
            leat.s3().create_bucket(Bucket="ahead")
            for name in names:
                leat.s3().put_object(Bucket="ahead", Key=name, Body=random_bytes(MIB, name))
            order = random.Random(7).sample(names, len(names))
            position = {f"/ahead/{name}": n for n, name in enumerate(order)}
            asked, go_on = set(), threading.Event()

            def hold_what_comes_later(request):
                if request.reads:
                    asked.add(position[request.path])
                    if position[request.path] >= 20:
                        go_on.wait(60)

            proxy.fault = hold_what_comes_later
            keys = {"AWS_ACCESS_KEY_ID": leat.key_id, "AWS_SECRET_ACCESS_KEY": leat.secret,
                    "AWS_DEFAULT_REGION": "us-east-1"}
            with Mount("s3://ahead", "--endpoint", proxy.url, env=keys) as mount:
                path = pathlib.Path(scratch, "order")
                path.write_text("\n".join(order))
                load = subprocess.Popen([BIN / "leat", "data", "load", mount.path, "--order", path],
                                        stdout=subprocess.DEVNULL)
                try:
                    wait_until(lambda: all(os.getxattr(mount.path / name, "user.leat.state") == b"complete"
                                           for name in order[:20]), what="the first twenty")
                    wait_until(lambda: len(asked) >= 21, what="the next")
                    before = mount.stats()["fill_bytes"]
                    for name in order[:20]:  # a reader finds them, though the store hangs
                        self.assertTrue((mount.path / name).read_bytes() == random_bytes(MIB, name), name)
                    self.assertEqual(mount.stats()["fill_bytes"], before)
                    self.assertLess(max(asked), 20 + 16, "no more than sixteen at once")
                finally:
                    go_on.set()
                self.assertEqual(load.wait(60), 0)
                self.assertEqual(asked, set(range(60)))


if __name__ == "__main__":
    unittest.main()
