"""Files that are read in the order of their names: those that follow are fetched ahead, once each."""
import unittest

from mounts import MIB, Mount, Source, needs_fuse, wait_until

SMALL = 10_000


@needs_fuse
class InOrderTest(unittest.TestCase):
    def setUp(self):
        self.source = self.enterContext(Source())

    def put(self, count, size):
        return {name: self.source.put(name, size) for name in (f"d/f{n:03}" for n in range(count))}

    def read(self, mount, files, names):
        for name in names:
            self.assertTrue((mount.path / name).read_bytes() == files[name], name)

    def read_three_large_ones(self, mount, files):
        """Of 6 MiB each; returns once the beginning of the fourth is there."""
        self.read(mount, files, sorted(files)[:3])
        wait_until(lambda: mount.stats()["fill_bytes"] == 22 * MIB, what="4 MiB of the next file")

    def test_small_files_that_follow_are_fetched_ahead(self):
        files = self.put(100, SMALL)
        names = sorted(files)
        with Mount(self.source.url) as mount:
            self.read(mount, files, names[:10])
            wait_until(lambda: mount.stats()["fill_bytes"] >= 20 * SMALL, what="ten files more")
            self.read(mount, files, names[10:])
            self.assertEqual(mount.stats()["fill_bytes"], 100 * SMALL, "each was fetched once")

    def test_of_a_large_file_the_beginning_is(self):
        files = self.put(6, 6 * MIB)
        names = sorted(files)
        with Mount(self.source.url) as mount:
            self.read_three_large_ones(mount, files)
            self.read(mount, files, names[3:])
            self.assertEqual(mount.stats()["fill_bytes"], 36 * MIB, "each was fetched once")

    def test_files_that_are_complete_before_they_are_opened_go_on_the_run(self):
        """These are opened by passthrough, so that no read of them reaches the worker."""
        files = self.put(60, MIB)
        names = sorted(files)
        with Mount(self.source.url) as mount:
            for place, name in enumerate(names):
                self.read(mount, files, [name])
                if 3 <= place < 59:
                    wait_until(lambda: mount.stats()["fill_bytes"] >= (place + 2) * MIB, what=names[place + 1])
            self.assertEqual(mount.stats()["fill_bytes"], 60 * MIB, "each was fetched once")

    def test_what_was_fetched_ahead_and_evicted_comes_from_the_store_again(self):
        files = self.put(4, 6 * MIB)
        names = sorted(files)
        with Mount(self.source.url) as mount:
            self.read_three_large_ones(mount, files)
            wait_until(lambda: mount.leat("data", "evict", mount.path, check=False).returncode == 0, what="eviction")
            before = mount.stats()["fill_bytes"]
            self.read(mount, files, names[3:])
            self.assertEqual(mount.stats()["fill_bytes"], before + 6 * MIB)

    def test_files_in_another_order_are_fetched_when_they_are_read(self):
        files = self.put(100, SMALL)
        some = [f"d/f{n:03}" for n in (70, 20, 95, 0, 45, 10, 30, 60, 85)]
        with Mount(self.source.url) as mount:
            self.read(mount, files, some)
            self.assertEqual(mount.stats()["fill_bytes"], len(some) * SMALL)

    def test_files_that_are_gone_by_then_are_errors_of_their_own_readers(self):
        files = self.put(30, SMALL)
        names = sorted(files)
        with Mount(self.source.url) as mount:
            for name in names[5:]:
                (self.source.path / name).unlink()
            self.read(mount, files, names[:5])
            with self.assertRaises(OSError):
                (mount.path / names[20]).read_bytes()

    def test_where_the_cache_has_no_room_each_is_still_fetched_once(self):
        files = self.put(100, 200_000)
        names = sorted(files)
        with Mount(self.source.url, cache_flags=",size=8M") as mount:
            self.read(mount, files, names)
            stats = mount.stats()
            self.assertGreater(stats["through_bytes"], 0)
            self.assertEqual(stats["fill_bytes"] + stats["through_bytes"], 100 * 200_000)


if __name__ == "__main__":
    unittest.main()
