"""fio's shapes of one large object in an S3 server through the mounts of Leat and of its peers, cold and warm.

Cold: each run has an empty cache, its jobs read disjoint parts, and it ends after so many bytes or seconds. Warm: the
object has been read whole, which fills the mount's own cache and the kernel's; who drops pages at open pays for it.
"""
import contextlib
import os
import shutil
import statistics

from fio_shapes import fio
from mounted import LeatMount, warm_alike, write_random
from peers import FAILURES, Published
from servers import serve

SHAPES = (  # name, fio's --rw, block size, bytes to read when cold (None: the whole object)
    ("sequential 1 MiB", "read", 1 << 20, None),
    ("sequential 128 KiB", "read", 128 << 10, None),
    ("random 256 KiB", "randread", 256 << 10, 64 << 20),
    ("random 4 KiB", "randread", 4 << 10, 4 << 20),
)
JOBS = (1, 8)


def cold_flags(size, limit, rw, jobs, seconds):
    part = size // jobs
    flags = [f"--runtime={seconds}", f"--io_size={(limit or size) // jobs}"]
    return flags + ([f"--size={part}", f"--offset_increment={part}"] if rw == "read" else [])


def cold(mount, published, options, size):
    rows = []
    seconds = 1 if options.short else 2
    for name, rw, block, limit in SHAPES:
        for jobs in JOBS:
            flags = cold_flags(size, limit, rw, jobs, seconds)
            rates = {}

            def measured(each):
                rates[each.name] = fio(each.path / "object", rw, block, "psync", jobs, *flags)[0]
            mount.evict()
            rates["leat"] = fio(mount.path / "object", rw, block, "psync", jobs, *flags)[0]
            published.each(measured)
            rows.append({"shape": name, "jobs": jobs, "rates": rates})
            options.say(f"cold {name}, {jobs} jobs: {shown(rates)}")
    return rows


def warm(roots, published, options):
    rows = []
    for name, rw, block, _ in SHAPES:
        for jobs in JOBS:
            rates = {which: [] for which in roots}
            for turn in range(1 if options.short else 3):
                for which in list(roots) if turn % 2 == 0 else list(reversed(roots)):
                    try:
                        rates[which].append(fio(roots[which] / "object", rw, block, "psync", jobs,
                                                seconds=options.seconds * 0.8)[0])
                    except FAILURES as error:
                        if which in ("native", "leat"):
                            raise
                        published.failed[which] = str(error)[-300:]
                        del roots[which]
            medians = {which: statistics.median(all) for which, all in rates.items() if all}
            rows.append({"shape": name, "jobs": jobs, "rates": medians})
            options.say(f"warm {name}, {jobs} jobs: {shown(medians)}")
    return rows


def shown(rates):
    return ", ".join(f"{name} {rate / 1e6:.0f} MB/s" for name, rate in rates.items())


def measure(options, scratch):
    if not shutil.which("fio"):
        return {"skipped": "fio is not installed (tools/bootstrap bench)"}
    size = (64 if options.short else 256) << 20
    write_random(scratch / "source/object", size)
    with serve(options.server, scratch) as endpoint, contextlib.ExitStack() as stack:
        published = Published(endpoint, "bench", scratch / "source", scratch)
        os.sync()
        mount = stack.enter_context(LeatMount("s3://bench/", scratch, env=endpoint.environment()))
        part = {"size": size, "server": endpoint.server, "failed": published.failed,
                "cold": cold(mount, published, options, size)}
        options.keep(part)
        roots = {"native": scratch / "source", "leat": mount.path, **published.enter(stack)}
        mount.leat("data", "load", mount.path)
        warm_alike((scratch / "source", mount.cache), [root / "object" for root in roots.values()])
        return {**part, "warm": warm(roots, published, options)}
