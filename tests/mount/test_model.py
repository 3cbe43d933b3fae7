"""Random operations by many readers against a model: whatever is read must be of one whole version of the file that
existed while it was open. Meanwhile files change at the source, are evicted, and the worker is killed. The seed is printed; LEAT_SEED=n repeats it, LEAT_SECONDS=n goes on for longer."""
import errno
import mmap
import os
import random
import threading
import time
import unittest

from mounts import MIB, Mount, Source, needs_fuse, wait_until

SEED = int(os.environ.get("LEAT_SEED", random.SystemRandom().randrange(1 << 32)))
SECONDS = float(os.environ.get("LEAT_SECONDS", 7))
READERS = 6
SIZES = [0, 1, 4096, 70_000, 256 * 1024 - 1, 256 * 1024, MIB, MIB + 1, 3 * MIB + 777, 9 * MIB, 14 * MIB + 5]


class Model:
    """What each file has been, in order; only the last is at the source now."""

    def __init__(self, source, chance):
        self.source = source
        self.chance = chance
        self.lock = threading.Lock()
        self.versions = {}
        for n in range(14):
            self.change(f"d{n % 3}/f{n}", SIZES[n % len(SIZES)])

    def change(self, name, size):
        # A new file by rename, as those do who mean readers well; its size alone tells it from those before.
        with self.lock:
            known = {len(data) for data in self.versions.get(name, [])}
            while size in known:
                size += 1
            data = self.chance.randbytes(size)
            self.versions.setdefault(name, []).append(data)
            path = self.source.path / name
            path.parent.mkdir(exist_ok=True)
            fresh = self.source.path.parent / f"{self.source.path.name}.new"
            fresh.write_bytes(data)
            fresh.rename(path)

    def names(self):
        return sorted(self.versions)

    def of_size(self, name, size):
        with self.lock:
            return [data for data in self.versions[name] if len(data) == size]


class Reader(threading.Thread):
    """Opens, reads in some way, compares with the version that fstat tells of; counts what it did."""

    def __init__(self, test, number):
        super().__init__()
        self.test = test
        self.chance = random.Random(f"{SEED}/{number}")
        self.wrong = []
        self.reads = self.stale = 0

    def run(self):
        while not self.test.stop.is_set() and not self.wrong:
            name = self.chance.choice(self.test.model.names())
            try:
                self.chance.choice([self.read_file] * 6 + [self.look])(name)
            except OSError as error:
                # The object changed at the source while it was open, and that is what ESTALE says.
                if error.errno == errno.ESTALE and self.test.changes:
                    self.stale += 1
                else:
                    self.wrong.append(f"{name}: {error}")

    def read_file(self, name):
        with open(self.test.mount.path / name, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            of_size = self.test.model.of_size(name, size)
            if not of_size:
                self.wrong.append(f"{name}: {size} bytes were never its size")
                return
            way = self.chance.choice([self.pread, self.pread, self.read, self.map])
            for _ in range(self.chance.randrange(1, 6)):
                way(name, file, of_size[0])
                self.reads += 1

    def compare(self, name, how, data, offset, got, size):
        if got != data[offset:offset + size]:
            self.wrong.append(f"{name} of {len(data)} bytes: {how} of {size} at {offset} gave {len(got)} bytes, wrong")

    def whole(self, name, how, data, offset, size, read):
        """A read that meets an error behind some bytes returns these; the error comes with the next one (read(2))."""
        wanted = min(size, len(data) - offset)
        done = 0
        while done < wanted:
            got = read(offset + done, size - done)
            if not got or got != data[offset + done:offset + done + len(got)]:
                self.compare(name, how, data, offset + done, got, size - done)
                return
            done += len(got)

    def place(self, data):
        size = self.chance.choice([1, 4096, 100_000, MIB, 3 * MIB])
        return self.chance.randrange(len(data) + 1), self.chance.randrange(1, size + 1)

    def pread(self, name, file, data):
        offset, size = self.place(data)
        self.whole(name, "pread", data, offset, size, lambda at, count: os.pread(file.fileno(), count, at))

    def read(self, name, file, data):
        offset, size = self.place(data)
        file.seek(offset)
        self.whole(name, "read", data, offset, size, lambda at, count: file.read(count))

    def map(self, name, file, data):
        # A page that cannot be had kills by SIGBUS: only while nothing changes at the source.
        if self.test.changes or not data:
            return self.pread(name, file, data)
        flags = self.chance.choice([mmap.MAP_SHARED, mmap.MAP_PRIVATE])
        with mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ) as mapped:
            for _ in range(4):
                offset, size = self.place(data)
                self.compare(name, "mmap", data, offset, mapped[offset:offset + size], size)

    def look(self, name):
        path = self.test.mount.path / name
        size = os.stat(path).st_size
        if not self.test.model.of_size(name, size):
            self.wrong.append(f"{name}: stat says {size} bytes, which it never had")
        directory = name.split("/")[0]
        found = sorted(os.listdir(self.test.mount.path / directory))
        if found != sorted(other.split("/")[1] for other in self.test.model.names() if other.startswith(directory)):
            self.wrong.append(f"{directory}: lists {found}")


@needs_fuse
class ModelTest(unittest.TestCase):
    def run_model(self, *flags, changes):
        print(f"LEAT_SEED={SEED}", end=" ", flush=True)
        chance = random.Random(f"{SEED}/{flags}/{changes}")
        self.stop = threading.Event()
        self.changes = changes
        with Source() as source:
            self.model = Model(source, chance)
            self.mount = Mount(source.url, *flags, cache_flags=",size=24M")
            self.mount.mount()
            self.addCleanup(self.mount.close)
            readers = [Reader(self, n) for n in range(READERS)]
            for reader in readers:
                reader.start()
            try:
                self.disturb(chance)
            finally:
                self.stop.set()
                for reader in readers:
                    reader.join(60)
            for reader in readers:
                self.assertEqual(reader.wrong, [], f"LEAT_SEED={SEED}")
                self.assertFalse(reader.is_alive(), f"a reader hangs, LEAT_SEED={SEED}")
            self.assertGreater(sum(reader.reads for reader in readers), 100)
            if changes:
                self.settle()

    def disturb(self, chance):
        kinds = [self.evict] * 6 + [self.mount.kill_worker]
        if self.changes:
            kinds += [lambda: self.model.change(chance.choice(self.model.names()), chance.choice(SIZES))] * 6
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and not self.stop.wait(chance.random() / 5):
            self.chance = chance
            chance.choice(kinds)()

    def evict(self):
        # Of what is open it says so, and does nothing.
        self.mount.leat("data", "evict", self.mount.path / self.chance.choice(self.model.names()), check=False)

    def settle(self):
        """In the end the mount shows what is at the source."""
        for name in self.model.names():
            last = self.model.versions[name][-1]
            path = self.mount.path / name

            def same():
                try:
                    return path.read_bytes() == last
                except OSError:
                    return False
            wait_until(same, what=f"the last version of {name}, LEAT_SEED={SEED}")

    def test_a_source_that_stays_as_it_is(self):
        self.run_model(changes=False)

    def test_a_source_that_stays_as_it_is_without_passthrough(self):
        self.run_model("--no-passthrough", changes=False)

    def test_a_source_that_changes(self):
        self.run_model("--ttl", "1s", changes=True)

    def test_a_source_that_changes_without_passthrough(self):
        self.run_model("--ttl", "1s", "--no-passthrough", changes=True)


if __name__ == "__main__":
    unittest.main()
