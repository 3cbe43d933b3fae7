"""Warm reads by fio: a cached file of a mount beside the same file on the cache's own disk.

Both are in the page cache, and fio is told not to drop it (--invalidate=0: it could for the native file only).
First as they were written (the mount's by `data load`), then after both left the page cache and were read again.
Runs alternate, and a row has the medians and the median of the pairs' ratios. A copy of the native file takes
part in the shapes that have a goal: what its ratio is off 1 is what the method is off. The ratio of bytes for a
second of processor time tells the cost also when the machine has other work.
"""
import json
import shutil
import statistics
import subprocess

from mounted import LeatMount, warm_alike, write_random

JUST_FILLED = ("sequential 1 MiB, just filled", "read", "1M", "psync", 0.97, ())
SHAPES = (  # name, fio's --rw, block size, engine, goal of the ratio, other flags
    ("sequential 1 MiB", "read", "1M", "psync", 0.97, ()),
    ("sequential 128 KiB", "read", "128k", "psync", 0.97, ()),
    ("random 4 KiB", "randread", "4k", "psync", 0.95, ()),
    # Looking at the clock before and after a read of 4 KiB takes fio as long as a part of the read.
    ("random 4 KiB, fio without clocks", "randread", "4k", "psync", None, ("--gtod_reduce=1",)),
    ("random 256 KiB", "randread", "256k", "psync", None, ()),
    ("mmap sequential 1 MiB", "read", "1M", "mmap", None, ()),
    ("mmap random 4 KiB", "randread", "4k", "mmap", None, ()),
)


def fio(path, rw, block, engine, jobs, *flags, seconds=None):
    """(bytes a second, bytes for a second of processor time), of so many seconds or as the flags say."""
    if seconds:
        flags = (*flags, "--time_based", f"--runtime={round(seconds * 1000)}ms")  # fio reads 0.5 as 0: for ever
    done = subprocess.run(
        ["fio", "--name=read", f"--filename={path}", f"--rw={rw}", f"--bs={block}", f"--ioengine={engine}",
         f"--numjobs={jobs}", "--thread", "--invalidate=0", "--readonly", "--norandommap", "--randseed=7",
         "--group_reporting", "--output-format=json", *flags],
        capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"fio on {path}: {done.stderr[-1000:]}{done.stdout[-1000:]}")
    job = json.loads(done.stdout[done.stdout.index("{"):])["jobs"][0]
    if seconds and job["read"]["runtime"] > 3000 * seconds:
        raise RuntimeError(f"fio on {path} took {job['read']['runtime']} ms instead of {seconds} s")
    busy = (job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] / 1000
    return job["read"]["bw_bytes"], job["read"]["io_bytes"] / max(busy, 1e-9)


def resident(path):
    """The part of a file that is in the page cache."""
    told = subprocess.run(["fincore", "--bytes", "--noheadings", "--output", "RES,SIZE", path], capture_output=True,
                          text=True, check=True).stdout.split()
    return int(told[0]) / int(told[1])


def row(shape, jobs, files, options):
    name, rw, block, engine, goal, flags = shape
    compared = [which for which in files if which != "copy" or goal]
    rates = {which: [] for which in compared}
    for turn in range(options.pairs):
        # Whoever is first is so in every second turn only.
        for which in compared if turn % 2 == 0 else reversed(compared):
            rates[which].append(fio(files[which], rw, block, engine, jobs, *flags, seconds=options.seconds))
    pairs = list(zip(rates["mount"], rates["native"]))
    ratios = [m[0] / n[0] for m, n in pairs]
    copies = [c[0] / n[0] for c, n in zip(rates.get("copy", ()), rates["native"])]
    return {"shape": name, "jobs": jobs, "goal": goal, "ratio": statistics.median(ratios),
            "least": min(ratios), "most": max(ratios), "cpu": statistics.median(m[1] / n[1] for m, n in pairs),
            "copy": statistics.median(copies) if copies else None,
            **{which: statistics.median(rate for rate, _ in rates[which]) for which in ("native", "mount")}}


def measure(options, scratch):
    if not shutil.which("fio"):
        return {"skipped": "fio is not installed (tools/bootstrap bench)"}
    size = (128 if options.short else 1024) << 20
    write_random(scratch / "source/file", size)
    write_random(scratch / "copy/file", size)
    rows = []
    with LeatMount(f"file://{scratch}/source", scratch) as mount:
        mount.leat("data", "load", mount.path)
        files = {"native": scratch / "source/file", "mount": mount.path / "file", "copy": scratch / "copy/file"}
        before = mount.stats()
        for shape in (JUST_FILLED, *SHAPES):
            if shape is SHAPES[0]:
                warm_alike((scratch / "source", scratch / "copy", mount.cache), files.values())
            for jobs in options.jobs:
                rows.append(row(shape, jobs, files, options))
                options.say(f"fio {shape[0]}, {jobs} jobs: {rows[-1]['ratio']:.3f} of native, per CPU second "
                            f"{rows[-1]['cpu']:.3f} ({rows[-1]['native'] / 1e9:.2f} GB/s)")
                after = mount.stats()
                part = {"rows": rows, "reads": after["fuse_reads"] - before["fuse_reads"],
                        "passthrough": after["passthrough"], "pairs": options.pairs, "size": size,
                        "resident": []}
                options.keep(part)
        kept = max((path for path in mount.cache.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
        if shutil.which("fincore"):
            part["resident"] = [resident(path) for path in (files["native"], files["copy"], kept)]
    return part
