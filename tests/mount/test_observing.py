"""What can be seen of a data node at work, and loading in the order in which files will be read."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from mounts import BIN, MIB, Mount, Source, needs_fuse, wait_until

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? ([0-9.e+-]+)')


def samples(text):
    """{(name, labels): value}; fails when a line is not of the text exposition format."""
    found, typed = {}, set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name not in typed and kind in ("counter", "gauge"), line
            assert name.endswith("_total") == (kind == "counter"), line
            typed.add(name)
        elif not line.startswith("# HELP "):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            assert name in typed and (name, labels) not in found, line
            found[name, labels] = float(value)
    return found


@needs_fuse
class ObservingTest(unittest.TestCase):
    def setUp(self):
        self.source = self.enterContext(Source())
        self.source.put("big", 3 * MIB)
        self.source.put("small", 1000)
        self.mount = self.enterContext(Mount(self.source.url))

    def metrics(self, *args):
        return samples(self.mount.leat("data", "metrics", *(args or [self.mount.path])).stdout)

    def processes(self):
        top = json.loads(self.mount.leat("data", "top", "-o", "json", self.mount.path).stdout)
        mount, = top["mounts"]
        return {process["pid"]: process for process in mount["processes"]}

    def read_by_another(self, name):
        """Reads it in a process of its own and returns its number."""
        process = subprocess.Popen([sys.executable, "-c", f"open({str(self.mount.path / name)!r}, 'rb').read()"])
        self.assertEqual(process.wait(60), 0)
        return process.pid

    def test_metrics_count_per_mount_and_for_the_cache(self):
        before = self.metrics()
        self.read_by_another("big")
        self.read_by_another("small")
        after = self.metrics("--cache-dir", self.mount.cache)
        self.assertEqual(set(before), set(after))
        source = next(key[1] for key in after if key[0] == "leat_data_mount_opens_total")
        self.assertIn(f'mountpoint="{self.mount.path}"', source)

        def grown(name, label=source):
            return after[f"leat_data_{name}", label] - before[f"leat_data_{name}", label]

        self.assertEqual(grown("mount_opens_total"), 2)
        self.assertGreaterEqual(grown("mount_reads_total"), 2)
        self.assertEqual(grown("mount_read_bytes_total"), 3 * MIB + 1000)
        self.assertGreaterEqual(grown("mount_reads_total"), grown("mount_read_hits_total"))
        self.assertGreaterEqual(grown("mount_stall_seconds_total"), 0)
        # More when a slow request was asked a second time.
        self.assertGreaterEqual(grown("fill_bytes_total", None), 3 * MIB + 1000)
        directory = f'directory="{self.mount.cache}",tier="ssd"'
        self.assertGreaterEqual(grown("cache_used_bytes", directory), 3 * MIB)
        self.assertEqual(grown("cache_objects", directory), 1)
        self.assertEqual(grown("cache_packed_objects", directory), 1)

    def test_names_of_metrics_are_those_of_the_docs(self):
        docs = (pathlib.Path(__file__).parents[2] / "docs/semantics/mount.md").read_text()
        self.assertEqual({name for name, _ in self.metrics()}, set(re.findall(r"`(leat_data_\w+)`", docs)))

    def test_top_tells_who_reads_what(self):
        reader = self.read_by_another("big")
        row = self.processes()[reader]
        self.assertTrue(row["command"].startswith("python"), row)
        self.assertEqual((row["opens"], row["readBytes"], row["file"]), (1, 3 * MIB, "big"))
        self.assertGreaterEqual(row["reads"], max(row["hits"], 3))
        with open(self.mount.path / "small", "rb") as file:
            file.read()
        rows = self.processes()
        self.assertEqual(rows[os.getpid()]["file"], "small")
        self.assertEqual(rows[reader], row)
        text = self.mount.leat("data", "top", "--once", "--interval", "0.1", self.mount.path).stdout
        self.assertRegex(text, rf"\b{reader} \S+, {self.mount.path}/big\n")
        self.assertIn("passthrough reads are the kernel's own", text)

    def test_top_counts_passthrough_opens_of_a_process(self):
        self.mount.leat("data", "load", self.mount.path)
        if not self.mount.stats()["passthrough"]:
            self.skipTest("this kernel passes nothing through")
        reader = self.read_by_another("big")
        row = self.processes()[reader]
        self.assertEqual((row["opens"], row["passthroughOpens"], row["reads"]), (1, 1, 0))


@needs_fuse
class AllDataNodesTest(unittest.TestCase):
    """`leat data df`, `top` and `metrics` that name no data node."""

    def setUp(self):
        self.source = self.enterContext(Source())
        self.source.put("big", 2 * MIB)

    def test_those_of_all_mounts_are_shown(self):
        with Mount(self.source.url) as one, Mount(self.source.url) as two:
            caches = {str(one.cache), str(two.cache)}
            df = json.loads(one.leat("data", "df", "-o", "json").stdout)
            self.assertLessEqual(caches, {directory["path"] for directory in df["directories"]})
            nodes = json.loads(one.leat("data", "top", "-o", "json").stdout)["dataNodes"]
            mounts = {node["directory"]: [mount["mountpoint"] for mount in node["mounts"]] for node in nodes}
            self.assertEqual(mounts[str(one.cache)], [str(one.path)])
            self.assertEqual(mounts[str(two.cache)], [str(two.path)])
            text = one.leat("data", "top", "--once", "--interval", "0.1").stdout
            for cache in caches:
                self.assertIn(f"{cache}: worker ", text)
            found = samples(one.leat("data", "metrics").stdout)
            nodes = {labels.split(",")[0] for name, labels in found if name == "leat_data_fill_bytes_total"}
            self.assertLessEqual({f'cache="{cache}"' for cache in caches}, nodes)

    def test_without_any_nothing_is_started_or_made(self):
        alone = """mount -t tmpfs leat-test /var/cache
                   while umount -l -a -t fuse.leat 2>/dev/null && grep -q 'fuse[.]leat' /proc/mounts; do :; done
                   for op in df top metrics; do "$0" data $op && exit 9; done
                   test -z "$(ls -A /var/cache)" """
        said = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", alone, BIN / "leat"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(said.stderr.count("no data node runs"), 3, said.stderr)
        self.assertIn("--cache-dir", said.stderr)

    def test_a_worker_that_hangs_is_told_of(self):
        with Mount(self.source.url) as mount:
            worker = mount.stats()["worker_pid"]
            commands = (["df", "--cache-dir", mount.cache], ["ls", mount.path])
            os.kill(worker, signal.SIGSTOP)
            try:
                asking = [subprocess.Popen([BIN / "leat", "data", *command], stdout=subprocess.DEVNULL,
                                           stderr=subprocess.PIPE, text=True) for command in commands]
                told = [process.stderr.readline() for process in asking]
            finally:
                os.kill(worker, signal.SIGCONT)
            self.assertIn(f"the data node of {mount.cache} (worker pid {worker}) has not answered for 10 s", told[0])
            self.assertIn(f"the data node of the mount of {mount.path} has not answered for 10 s", told[1])
            for process, line in zip(asking, told):
                self.assertIn("leat umount --force", line)
                self.assertEqual((process.stderr.read(), process.wait(20)), ("", 0))
                process.stderr.close()


@needs_fuse
class TraceTest(unittest.TestCase):
    def setUp(self):
        self.source = self.enterContext(Source())
        self.data = self.source.put("dir/a b", 3 * MIB)
        self.source.put("small\n", 1000)
        self.scratch = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.trace = self.scratch / "trace"
        self.mount = self.enterContext(Mount(self.source.url))

    def recording(self, seconds):
        recorder = subprocess.Popen([BIN / "leat", "data", "trace", self.mount.path, "--output", self.trace,
                                     "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)
        self.addCleanup(recorder.stdout.close)
        self.addCleanup(recorder.kill)
        # It has begun when an open is in it.
        def begun():
            (self.mount.path / "small\n").read_bytes()
            return self.trace.exists() and "open" in self.trace.read_text()
        wait_until(begun, what="the trace")
        return recorder

    def replay(self, *args):
        return self.mount.leat("data", "replay", self.trace, *args, check=False)

    def test_what_was_read_is_in_the_trace_and_can_be_read_again(self):
        recorder = self.recording(3)
        self.assertEqual((self.mount.path / "dir/a b").read_bytes(), self.data)
        self.assertEqual(recorder.wait(60), 0)
        lines = self.trace.read_text().splitlines()
        self.assertEqual(lines[0], "# leat access trace 1")
        files = {line.split(" ", 2)[2]: line.split(" ")[1] for line in lines if line.startswith("file ")}
        self.assertEqual(set(files), {"dir/a b", "small\\012"})
        reads = [line.split(" ") for line in lines if line.startswith("read ")]
        mine = [read for read in reads if read[3] == files["dir/a b"]]
        self.assertEqual(sum(min(int(read[5]), 3 * MIB - int(read[4])) for read in mine), 3 * MIB)
        self.assertLessEqual({read[6] for read in mine}, {"hit", "wait"})
        events = sum(not line.startswith(("file", "#")) for line in lines)
        self.assertRegex(recorder.stdout.read(), rf"^{events} events in ")

        fast = self.replay(self.source.path, "--fast")  # any directory with these files
        self.assertEqual(fast.returncode, 0, fast.stdout + fast.stderr)
        self.assertIn(f"{len(reads)} reads", fast.stdout)
        self.assertIn("0 errors", fast.stdout)
        before = self.mount.stats()["opens"]
        timed = self.replay(self.mount.path)
        self.assertEqual(timed.returncode, 0, timed.stdout + timed.stderr)
        self.assertGreater(self.mount.stats()["opens"], before)

    def test_only_one_records_a_mount(self):
        recorder = self.recording(60)
        second = self.mount.leat("data", "trace", self.mount.path, "--output", self.scratch / "other", check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("being recorded already", second.stderr)
        recorder.terminate()
        recorder.wait(60)
        # Who goes away ends it.
        wait_until(lambda: self.mount.leat("data", "trace", self.mount.path, "--output", self.scratch / "other",
                                           "--seconds", "0.1", check=False).returncode == 0)

    def test_times_are_kept_and_what_is_missing_is_told_of(self):
        self.trace.write_text("file 1 dir/a b\nopen 0 10 1\nread 300000 10 1 0 1000 hit\nread 0 11 2 0 10 hit\n")
        began = time.monotonic()
        done = self.replay(self.mount.path)
        self.assertGreaterEqual(time.monotonic() - began, 0.3)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"^2 threads: 1 opens, 1 reads, 1000 B in \S+ s, .*; 1 errors\n$")
        self.assertRegex(done.stderr, "trace has no path of its file 2")
        self.trace.write_text("file 1 not/there\nopen 0 10 1\n")
        self.assertRegex(self.replay(self.mount.path).stderr, f"{self.mount.path}/not/there.*No such file")
        self.trace.write_text("nonsense\n")
        self.assertIn("line 1", self.replay(self.mount.path).stderr)


@needs_fuse
class LoadOrderTest(unittest.TestCase):
    def setUp(self):
        self.source = self.enterContext(Source())
        self.scratch = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def load(self, mount, lines, path="", check=True):
        order = self.scratch / "order"
        order.write_text("".join(line + "\n" for line in lines))
        loaded = mount.leat("data", "load", mount.path / path, "--order", order, "-o", "json", check=False)
        if check:
            self.assertEqual(loaded.returncode, 0, loaded.stderr)
        return loaded

    def states(self, mount):
        rows = json.loads(mount.leat("data", "ls", mount.path, "-r", "-o", "json").stdout)
        return {row["name"]: (row["state"], row["cached"]) for row in rows if row["type"] == "file"}

    def test_only_what_the_order_names_is_loaded(self):
        for name in ("a", "b", "dir/c", "dir/d e"):
            self.source.put(name, MIB)
        with Mount(self.source.url) as mount:
            done = json.loads(self.load(mount, ["d e", "c"], "dir").stdout)
            self.assertEqual((done["files"], done["bytes"], done["refused"]), (2, 2 * MIB, 0))
            states = self.states(mount)
            self.assertEqual([states[name][0] for name in ("a", "b", "dir/c", "dir/d e")],
                             ["none", "none", "complete", "complete"])

    def test_an_order_may_come_from_a_pipe(self):
        for name in ("a", "b"):
            self.source.put(name, MIB)
        with Mount(self.source.url) as mount:
            loaded = subprocess.run([BIN / "leat", "data", "load", mount.path, "--order", "-"], input="./b\r\n",
                                    capture_output=True, text=True, timeout=60)
            self.assertEqual(loaded.returncode, 0, loaded.stderr)
            states = self.states(mount)
            self.assertEqual((states["a"][0], states["b"][0]), ("none", "complete"))

    def test_parts_bring_their_chunks_and_no_more(self):
        data = self.source.put("shard.tar", 10 * MIB)
        with Mount(self.source.url) as mount:
            self.load(mount, [f"shard.tar {7 * MIB} 1000", f"shard.tar {MIB} {2 * MIB}"])
            self.assertEqual(self.states(mount)["shard.tar"], ("partial", 3 * MIB))
            with open(mount.path / "shard.tar", "rb") as file:
                self.assertEqual(os.pread(file.fileno(), 1000, 7 * MIB), data[7 * MIB:7 * MIB + 1000])
            top, = json.loads(mount.leat("data", "top", "-o", "json", mount.path).stdout)["mounts"]
            row, = [process for process in top["processes"] if process["pid"] == os.getpid()]
            self.assertGreaterEqual(row["hits"], 1)

    def test_what_comes_sooner_is_what_a_full_cache_holds(self):
        names = [f"shard-{n:02}" for n in range(12)]
        for name in names:
            self.source.put(name, 4 * MIB)
        order = names[::-1]
        with Mount(self.source.url, cache_flags=",size=22M") as mount:
            loaded = self.load(mount, order, check=False)
            self.assertEqual(loaded.returncode, 1)  # something was left out
            done = json.loads(loaded.stdout)
            states = self.states(mount)
            held = [name for name in order if states[name][0] == "complete"]
            self.assertGreaterEqual(len(held), 3)
            self.assertEqual(held, order[:len(held)])
            self.assertEqual((done["files"], done["refused"]), (len(held), len(order) - len(held)))
            # The same again: what is there stays.
            self.load(mount, order, check=False)
            self.assertEqual(self.states(mount), states)

    def test_a_line_that_is_no_file_is_told_of(self):
        self.source.put("a", 100)
        with Mount(self.source.url) as mount:
            failed = self.load(mount, ["a", "b"], check=False)
            self.assertEqual(failed.returncode, 1)
            self.assertIn("line 2", failed.stderr)
            self.assertIn("order", failed.stderr)
