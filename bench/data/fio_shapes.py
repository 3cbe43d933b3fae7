"""Warm reads by fio: a cached file of a mount beside the same file on the cache's own disk.

Both are in the page cache, and fio is told not to drop it (--invalidate=0: it could for the native file only).
Runs alternate, native and mount in turn; a row has the medians and the median of the pairs' ratios. The
ratio of bytes for a second of processor time tells the cost also when the machine has other work.
"""
import json
import shutil
import statistics
import subprocess

from mounted import LeatMount, warm_alike, write_random

SHAPES = (  # name, fio's --rw, block size, engine, goal of the ratio
    ("sequential 1 MiB", "read", "1M", "psync", 0.95),
    ("sequential 128 KiB", "read", "128k", "psync", 0.95),
    ("random 4 KiB", "randread", "4k", "psync", 0.85),
    ("random 256 KiB", "randread", "256k", "psync", None),
    ("mmap sequential 1 MiB", "read", "1M", "mmap", None),
    ("mmap random 4 KiB", "randread", "4k", "mmap", None),
)


def fio(path, rw, block, engine, jobs, seconds):
    """(bytes a second, bytes for a second of processor time)."""
    done = subprocess.run(
        ["fio", "--name=read", f"--filename={path}", f"--rw={rw}", f"--bs={block}", f"--ioengine={engine}",
         f"--numjobs={jobs}", "--thread", "--invalidate=0", "--readonly", "--time_based", f"--runtime={seconds}",
         "--norandommap", "--randseed=7", "--group_reporting", "--output-format=json"],
        capture_output=True, text=True, timeout=60 + seconds)
    if done.returncode != 0:
        raise RuntimeError(f"fio on {path}: {done.stderr[-1000:]}{done.stdout[-1000:]}")
    job = json.loads(done.stdout[done.stdout.index("{"):])["jobs"][0]
    busy = (job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] / 1000
    return job["read"]["bw_bytes"], job["read"]["io_bytes"] / max(busy, 1e-9)


def measure(options, scratch):
    if not shutil.which("fio"):
        return {"skipped": "fio is not installed (tools/bootstrap bench)"}
    size = (128 if options.short else 1024) << 20
    write_random(scratch / "source/file", size)
    rows = []
    with LeatMount(f"file://{scratch}/source", scratch) as mount:
        mount.leat("data", "load", mount.path)
        files = {"native": scratch / "source/file", "mount": mount.path / "file"}
        warm_alike((scratch / "source", mount.cache), files.values())
        before = mount.stats()
        for name, rw, block, engine, goal in SHAPES:
            for jobs in options.jobs:
                rates = {which: [] for which in files}
                for pair in range(options.pairs):
                    # Whoever is first is so in every second pair only.
                    for which in sorted(files, reverse=pair % 2 == 1):
                        rates[which].append(fio(files[which], rw, block, engine, jobs, options.seconds))
                pairs = list(zip(rates["mount"], rates["native"]))
                ratios = [m[0] / n[0] for m, n in pairs]
                rows.append({"shape": name, "jobs": jobs, "goal": goal, "ratio": statistics.median(ratios),
                             "least": min(ratios), "most": max(ratios),
                             "cpu": statistics.median(m[1] / n[1] for m, n in pairs),
                             **{which: statistics.median(rate for rate, _ in all) for which, all in rates.items()}})
                options.say(f"fio {name}, {jobs} jobs: {rows[-1]['ratio']:.3f} of native, per CPU second "
                            f"{rows[-1]['cpu']:.3f} ({rows[-1]['native'] / 1e9:.2f} GB/s)")
                after = mount.stats()
                part = {"rows": rows, "reads": after["fuse_reads"] - before["fuse_reads"],
                        "passthrough": after["passthrough"], "pairs": options.pairs, "size": size}
                options.keep(part)
    return part
