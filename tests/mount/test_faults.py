"""What readers of s3:// see when the network, the store or the credentials fail: the object's bytes or an error,
never other bytes and never two versions in one."""
import errno
import os
import subprocess
import threading
import time
import unittest
import urllib.parse

from fault_proxy import (Answer, Delay, Elsewhere, FaultProxy, Hold, Refused, Reset, Shifted, Short, Truncate, always,
                         once_each)
from mounts import BIN, MIB, PATIENCE, Leat, Mount, needs_fuse, random_bytes, wait_until
from test_edges import MemoryGroup, memory_of

BUCKET = "faults"
SIZES = {"empty": 0, "small": 1000, "dir/medium": 300_001, "dir/large": 9 * MIB + 123}
DATA = {name: random_bytes(size, name) for name, size in SIZES.items()}
leat = None


def setUpModule():
    global leat
    if os.geteuid() != 0:
        return
    leat = Leat().__enter__()
    unittest.addModuleCleanup(leat.close)
    leat.s3().create_bucket(Bucket=BUCKET)
    for name, data in DATA.items():
        leat.s3().put_object(Bucket=BUCKET, Key="data/" + name, Body=data)


def error_of(function):
    try:
        function()
    except OSError as error:
        return error.errno
    return 0


class FaultCase(unittest.TestCase):
    def setUp(self):
        self.proxy = self.enterContext(FaultProxy(leat.aws))

    def mount(self, *flags, source=f"s3://{BUCKET}/data", **options):
        mount = Mount(source, "--endpoint", self.proxy.url, *flags, env=self.environment(), **options)
        mount.mount()
        self.addCleanup(mount.close)
        return mount

    @staticmethod
    def environment():
        return {"AWS_ACCESS_KEY_ID": leat.key_id, "AWS_SECRET_ACCESS_KEY": leat.secret,
                "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": ""}


@needs_fuse
class FaultTest(FaultCase):
    def assert_all_readable(self, mount):
        for name, data in DATA.items():
            self.assertTrue((mount.path / name).read_bytes() == data, name)

    def assert_faults_do_not_show(self, fault, *flags):
        """Every object is read whole, and in pieces, though each range's first request meets the fault."""
        for more in ((), ("--no-passthrough",)):
            with self.subTest(fault=fault, flags=more):
                self.proxy.fault = lambda request: None
                self.proxy.forget()
                mount = self.mount(*flags, *more)
                self.proxy.fault = once_each(fault)
                large = DATA["dir/large"]
                with open(mount.path / "dir/large", "rb") as file:
                    for offset in (5 * MIB - 10, 9 * MIB, 17):
                        self.assertTrue(os.pread(file.fileno(), 70_000, offset) == large[offset:offset + 70_000])
                self.assert_all_readable(mount)
                self.assert_all_readable(mount)
                self.assertGreater(self.proxy.faults, 0)
                mount.close()

    def test_a_whole_journey(self):
        s3 = leat.s3()
        s3.create_bucket(Bucket="journey")
        files = {f"set/{n % 3}/{n:03}.bin": random_bytes(n * 97_003, n) for n in range(1, 15)}
        for name, data in files.items():
            s3.put_object(Bucket="journey", Key=name, Body=data)
        mount = self.mount(source="s3://journey/set")
        found = {os.path.join(root, name) for root, _, names in os.walk(mount.path) for name in names}
        self.assertEqual(found, {str(mount.path / name[4:]) for name in files})
        for _ in range(2):
            for name, data in files.items():
                self.assertEqual(os.stat(mount.path / name[4:]).st_size, len(data))
                self.assertTrue((mount.path / name[4:]).read_bytes() == data, name)
        self.assertEqual(os.getxattr(mount.path / "0/003.bin", "user.leat.source"), b"s3://journey/set/0/003.bin")
        head = s3.head_object(Bucket="journey", Key="set/0/003.bin")
        self.assertEqual(os.getxattr(mount.path / "0/003.bin", "user.leat.etag").decode(), head["ETag"].strip('"'))

    def test_slow_answers(self):
        self.assert_faults_do_not_show(Delay(0.3))

    def test_bodies_that_end_early(self):
        self.assert_faults_do_not_show(Truncate(after=700))

    def test_connections_reset_amid_the_body(self):
        self.assert_faults_do_not_show(Reset(after=1_100_000))

    def test_connections_reset_before_the_answer(self):
        self.assert_faults_do_not_show(Refused())

    def test_internal_errors(self):
        self.assert_faults_do_not_show(Answer(500, "InternalError"))

    def test_slow_down(self):
        self.assert_faults_do_not_show(Answer(503, "SlowDown"))

    def test_errors_of_a_gateway_before_the_store(self):
        self.assert_faults_do_not_show(Answer(502))

    def test_answers_of_a_wrong_length(self):
        self.assert_faults_do_not_show(Short(by=10))

    def test_answers_of_another_range(self):
        self.assert_faults_do_not_show(Shifted())

    def test_a_token_that_expired_for_a_moment(self):
        self.assert_faults_do_not_show(Answer(400, "ExpiredToken"))

    def test_wrong_answers_for_long_are_errors_and_no_bytes(self):
        for fault in (Short(by=1), Shifted(), Answer(500, "InternalError"), Refused()):
            with self.subTest(fault=fault):
                self.proxy.fault = lambda request: None
                mount = self.mount("--retry-for", "1s")
                self.proxy.fault = always(fault)
                for name in ("small", "dir/large"):
                    self.assertEqual(error_of((mount.path / name).read_bytes), errno.EIO, name)
                self.assertGreater(mount.stats()["store_errors"], 0)
                self.proxy.fault = lambda request: None
                self.assert_all_readable(mount)
                mount.close()

    def test_credentials_that_expired_give_eacces_at_once(self):
        mount = self.mount()
        self.proxy.fault = always(Answer(400, "ExpiredToken"))
        began = time.monotonic()
        for name in ("small", "dir/large"):
            self.assertEqual(error_of((mount.path / name).read_bytes), errno.EACCES, name)
        self.assertLess(time.monotonic() - began, 10 * PATIENCE)
        self.proxy.fault = lambda request: None
        self.assert_all_readable(mount)

    def test_what_the_store_forbids_gives_eacces(self):
        mount = self.mount()
        self.proxy.fault = always(Answer(403, "AccessDenied"))
        self.assertEqual(error_of((mount.path / "dir/large").read_bytes), errno.EACCES)

    def test_a_warm_cache_serves_without_the_store(self):
        for more in ((), ("--no-passthrough",)):
            with self.subTest(flags=more):
                mount = self.mount("--retry-for", "1s", "--ttl", "1s", *more)
                for name in ("small", "dir/medium"):
                    (mount.path / name).read_bytes()
                with open(mount.path / "dir/large", "rb") as file:
                    self.assertEqual(os.pread(file.fileno(), 10, 0), DATA["dir/large"][:10])
                self.proxy.down()
                mount.kill_worker()
                for name, data in DATA.items():
                    self.assertEqual(os.stat(mount.path / name).st_size, len(data), name)
                self.assertEqual(sorted(os.listdir(mount.path / "dir")), ["large", "medium"])
                for name in ("empty", "small", "dir/medium"):
                    self.assertTrue((mount.path / name).read_bytes() == DATA[name], name)
                mount.leat("data", "evict", mount.path / "dir/large")
                self.assertEqual(error_of((mount.path / "dir/large").read_bytes), errno.EIO)
                self.assertRegex(mount.log(), "a read failed object=s3://\\S+/dir/large error=.*onne")
                self.proxy.up()
                self.assert_all_readable(mount)
                mount.close()

    def test_a_reader_that_is_killed_does_not_wait_for_the_store(self):
        mount = self.mount()
        self.proxy.fault = always(Delay(5))
        began = time.monotonic()
        reader = os.fork()
        if reader == 0:
            try:
                (mount.path / "dir/large").read_bytes()
            finally:
                os._exit(0)
        time.sleep(0.2)
        os.kill(reader, 9)
        os.waitpid(reader, 0)
        self.assertLess(time.monotonic() - began, 4 * PATIENCE)
        self.proxy.fault = lambda request: None
        self.assert_all_readable(mount)

    def test_a_slow_object_does_not_hold_up_others(self):
        mount = self.mount()
        self.proxy.fault = lambda request: Delay(3) if request.path.endswith("large") else None
        slow = threading.Thread(target=(mount.path / "dir/large").read_bytes)
        slow.start()
        began = time.monotonic()
        self.assertTrue((mount.path / "dir/medium").read_bytes() == DATA["dir/medium"])
        self.assertLess(time.monotonic() - began, 2 * PATIENCE)
        slow.join()

    def test_a_store_that_hangs_does_not_hold_up_another(self):
        """More reads of one than there are threads; another endpoint of the same bucket, in the same worker."""
        s3 = leat.s3()
        s3.create_bucket(Bucket="many")
        for n in range(40):
            s3.put_object(Bucket="many", Key=f"x{n}", Body=b"x" * 1000)
        hung = self.mount(source="s3://many")
        fine = Mount("s3://many", "--endpoint", leat.aws, cache=hung.cache, env=self.environment())
        fine.mount()
        self.addCleanup(fine.close)
        self.assertEqual(fine.stats()["worker_pid"], hung.stats()["worker_pid"])
        fine.pids.clear()  # the other's to end
        until = threading.Event()
        self.addCleanup(until.set)
        self.proxy.fault = always(Hold(0, until))
        readers = [threading.Thread(target=(hung.path / f"x{n}").read_bytes) for n in range(40)]
        for reader in readers:
            reader.start()
        wait_until(lambda: self.proxy.faults >= 16, what="as many requests as one store may have")
        began = time.monotonic()
        for n in range(40):
            self.assertEqual((fine.path / f"x{n}").read_bytes(), b"x" * 1000)
        self.assertLess(time.monotonic() - began, 10 * PATIENCE)
        until.set()
        for reader in readers:
            reader.join()

    def test_what_a_load_waits_is_no_stall_of_readers(self):
        mount = self.mount()
        self.proxy.fault = always(Delay(0.2))
        mount.leat("data", "load", mount.path / "dir/medium")
        self.assertGreaterEqual(mount.stats()["fill_bytes"], SIZES["dir/medium"])
        self.assertEqual(mount.stats()["stall_ms"], 0)
        (mount.path / "small").read_bytes()
        self.assertGreaterEqual(mount.stats()["stall_ms"], 200)

    def test_reads_that_span_chunks_wait_in_little_memory(self):
        """The first chunk is there and the second does not come: 300 MiB, if each read kept its part."""
        large = DATA["dir/large"]
        group = MemoryGroup(256 * MIB)
        self.addCleanup(group.close)
        for size in ("200M", "4M"):  # into the cache; read through
            with self.subTest(size=size):
                self.proxy.fault = lambda request: None
                mount = Mount(f"s3://{BUCKET}/data", cache_flags=f",size={size}")
                self.addCleanup(mount.close)
                said = subprocess.run([BIN / "leat", "mount", mount.source, mount.path, "--endpoint", self.proxy.url,
                                       "--cache-dir", f"{mount.cache},size={size}", "--memory-limit", "64M"],
                                      capture_output=True, text=True, env={**os.environ, **self.environment()},
                                      preexec_fn=group.enter)
                self.assertEqual(said.returncode, 0, said.stderr)
                pid = mount.stats()["worker_pid"]
                mount.pids = {pid, mount.stats()["supervisor_pid"]}
                until = threading.Event()
                self.addCleanup(until.set)
                self.proxy.fault = lambda request: Hold(MIB + 50_000, until) if request.begin == 0 else None
                good = []
                with open(mount.path / "dir/large", "rb", buffering=0) as file:
                    def read(n):
                        offset = MIB // 2 + n * 512
                        good.append(os.pread(file.fileno(), MIB, offset) == large[offset:offset + MIB])

                    readers = [threading.Thread(target=read, args=(n,)) for n in range(300)]
                    for reader in readers:
                        reader.start()
                    wait_until(lambda: mount.stats()["fuse_reads"] >= 300, what="all reads")
                    wait_until(lambda: mount.stats()["fill_bytes"] + mount.stats()["through_bytes"] >= MIB,
                               what="the first chunk")
                    self.assertLess(memory_of(pid), 200 * MIB)
                    until.set()
                    for reader in readers:
                        reader.join()
                self.assertEqual(good, [True] * 300)
                self.assertEqual(group.kills(), 0)
                self.assertEqual(mount.stats()["worker_pid"], pid)
                mount.close()


@needs_fuse
class ChangeTest(FaultCase):
    """Objects that are overwritten while they are read."""

    def setUp(self):
        super().setUp()
        self.s3 = leat.s3()
        self.bucket = self.id().rsplit(".", 1)[1].replace("_", "-")[:60]
        self.s3.create_bucket(Bucket=self.bucket)

    @staticmethod
    def shows(mount, data):
        try:
            return (mount.path / "x").read_bytes() == data
        except OSError:
            return False

    def put(self, size, seed):
        data = random_bytes(size, seed)
        self.s3.put_object(Bucket=self.bucket, Key="x", Body=data)
        return data

    def test_an_object_that_changes_amid_a_get_is_not_mixed(self):
        old = self.put(12 * MIB, "old")
        for more in ((), ("--no-passthrough",)):
            with self.subTest(flags=more):
                old = self.put(12 * MIB, f"old{more}")
                mount = self.mount(*more, source=f"s3://{self.bucket}")
                swapped, new = threading.Event(), []

                def swap(request):
                    # The connection breaks after the object changed: going on from there would mix.
                    if request.reads and not swapped.is_set():
                        swapped.set()
                        new.append(self.put(12 * MIB, f"new{more}"))
                        return Delay(0.1)
                    return Truncate(after=300_000) if request.reads and request.number == 0 else None

                self.proxy.fault = swap
                with open(mount.path / "x", "rb") as file:
                    for offset in range(0, 12 * MIB, 500_000):
                        try:
                            got = os.pread(file.fileno(), 500_000, offset)
                        except OSError as error:
                            self.assertEqual(error.errno, errno.ESTALE)
                            break
                        # As on any file system, what comes before the error is given first.
                        self.assertTrue(got == old[offset:offset + len(got)], f"{len(got)} bytes at {offset}")
                        if len(got) < 500_000:
                            self.assertEqual(error_of(lambda: os.pread(file.fileno(), 1, offset + len(got))),
                                             errno.ESTALE)
                            break
                    else:
                        self.fail("what was read is of an object that is no more")
                wait_until(lambda: new and self.shows(mount, new[0]), what="the new version")
                mount.close()

    def test_every_read_of_an_object_that_keeps_changing_is_of_one_version(self):
        versions = {}
        data = self.put(5 * MIB, 0)
        versions[data[:64]] = data
        mount = self.mount(source=f"s3://{self.bucket}")
        stop = threading.Event()

        def change():
            n = 0
            while not stop.is_set():
                n += 1
                new = random_bytes(5 * MIB + n, n)
                versions[new[:64]] = new
                self.s3.put_object(Bucket=self.bucket, Key="x", Body=new)
                time.sleep(0.1)

        changer = threading.Thread(target=change)
        changer.start()
        whole = 0
        try:
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                try:
                    got = (mount.path / "x").read_bytes()
                except OSError as error:
                    self.assertEqual(error.errno, errno.ESTALE)
                    continue
                self.assertTrue(versions.get(got[:64]) == got, f"{len(got)} bytes of no version")
                whole += 1
        finally:
            stop.set()
            changer.join()
        self.assertGreater(whole, 0)

    def test_an_object_that_is_gone_gives_estale_and_then_enoent(self):
        data = self.put(3 * MIB, "x")
        mount = self.mount(source=f"s3://{self.bucket}")
        with open(mount.path / "x", "rb") as file:
            self.s3.delete_object(Bucket=self.bucket, Key="x")
            self.assertEqual(error_of(lambda: os.pread(file.fileno(), 10, 0)), errno.ESTALE)
        wait_until(lambda: not (mount.path / "x").exists(), what="the end of the name")
        self.assertEqual(len(data), 3 * MIB)

    @staticmethod
    def missing(request):
        return Answer(404, "NoSuchKey") if urllib.parse.urlsplit(request.path).path.endswith("/x") else None

    def test_an_object_that_is_missing_for_a_moment_comes_back(self):
        data = self.put(3 * MIB, "x")
        for flags in ((), ("--ttl", "1s")):
            with self.subTest(flags=flags):
                mount = self.mount(*flags, source=f"s3://{self.bucket}")
                inode = os.stat(mount.path / "x").st_ino
                with open(mount.path / "x", "rb") as file:
                    self.proxy.fault = self.missing
                    self.assertEqual(error_of(lambda: os.pread(file.fileno(), 10, 0)), errno.ESTALE)
                    wait_until(lambda: not (mount.path / "x").exists(), what="the end of the name")
                    mount.kill_worker()
                    self.assertFalse((mount.path / "x").exists())
                    self.proxy.fault = lambda request: None
                    wait_until(lambda: self.shows(mount, data), what="the object")
                    self.assertEqual(os.stat(mount.path / "x").st_ino, inode)
                    self.assertEqual(os.pread(file.fileno(), 10, 0), data[:10])
                self.assertEqual(os.listdir(mount.path), ["x"])
                mount.close()

    def test_what_a_listing_sees_again_does_not_wait_for_its_turn(self):
        data = self.put(3 * MIB, "x")
        mount = self.mount("--ttl", "1s", source=f"s3://{self.bucket}")
        self.proxy.fault = self.missing  # for reads; listings see it
        self.assertEqual(error_of((mount.path / "x").read_bytes), errno.ESTALE)
        # Asked for by its turns after 1, 3, 7 and 15 seconds.
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            os.listdir(mount.path)
            time.sleep(0.1)
        self.assertFalse((mount.path / "x").exists())
        self.proxy.fault = lambda request: None
        wait_until(lambda: self.shows(mount, data), seconds=4, what="the object")

    def test_an_object_that_comes_back_as_another_is_another(self):
        self.put(MIB, "old")
        mount = self.mount(source=f"s3://{self.bucket}")
        inode = os.stat(mount.path / "x").st_ino
        self.s3.delete_object(Bucket=self.bucket, Key="x")
        self.assertEqual(error_of((mount.path / "x").read_bytes), errno.ESTALE)
        wait_until(lambda: not (mount.path / "x").exists(), what="the end of the name")
        new = self.put(2 * MIB, "new")
        wait_until(lambda: self.shows(mount, new), what="the new object")
        self.assertNotEqual(os.stat(mount.path / "x").st_ino, inode)

    def test_a_pinned_object_that_is_missing_for_a_moment_is_read_again(self):
        data = self.put(3 * MIB, "x")
        mount = self.mount("--version-pin", source=f"s3://{self.bucket}")
        self.proxy.fault = self.missing
        for _ in range(2):
            self.assertEqual(error_of((mount.path / "x").read_bytes), errno.ESTALE)
        self.proxy.fault = lambda request: None
        self.assertTrue((mount.path / "x").read_bytes() == data)

    def test_a_store_that_ignores_if_match_is_seen_through(self):
        old = self.put(2 * MIB, "old")
        mount = self.mount(source=f"s3://{self.bucket}")
        new = self.put(2 * MIB, "new")
        url = self.s3.generate_presigned_url("get_object", {"Bucket": self.bucket, "Key": "x"})
        self.proxy.fault = always(Elsewhere(url))
        with open(mount.path / "x", "rb") as file:
            code = error_of(lambda: self.assertTrue(os.pread(file.fileno(), 1000, 0) == old[:1000]))
            self.assertEqual(code, errno.ESTALE)
        wait_until(lambda: self.shows(mount, new), what="the new version")


if __name__ == "__main__":
    unittest.main()
