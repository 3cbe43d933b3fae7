"""Bytes from an S3 endpoint that are not cached yet: through mounts, by `leat data load`, and by a plain downloader.

The endpoint is our own `leat up` on this machine, so that client and server share its processors. The plain
downloader is curl, 16 transfers at a time of 8 MiB each, which it writes to the same disk as the cache.
"""
import shutil
import statistics
import subprocess
import time

from mounted import Leat, LeatMount, curl_s3, peers, s3_environment, upload, write_random

RANGE = 8 << 20


def download(leat, names, size, target):
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    parts = [(f"range = {at}-{min(at + RANGE, size) - 1}", f"/bench/{name}", target / f"{name}.{at}")
             for name in names for at in range(0, size, RANGE)]
    return curl_s3(leat, parts)


def read(root, names, streams):
    """Seconds to read all files, that many at a time, 1 MiB at a time; by dd, not to measure Python."""
    begin = time.perf_counter()
    work = "\n".join(f"{root}/{name}" for name in names)
    subprocess.run(["xargs", "-P", str(streams), "-I", "{}", "dd", "if={}", "of=/dev/null", "bs=1M", "status=none"],
                   input=work, text=True, check=True, timeout=600)
    return time.perf_counter() - begin


def measure(options, scratch):
    size = (32 if options.short else 128) << 20
    names = [f"part-{at}" for at in range(2 if options.short else 8)]
    total = size * len(names)
    for name in names:
        write_random(scratch / "source" / name, size)
    rounds = 1 if options.short else 5
    seconds = {}

    def note(name, value):
        seconds.setdefault(name, []).append(value)

    with Leat() as leat:
        upload(leat, "bench", scratch / "source")
        shutil.rmtree(scratch / "source")
        with LeatMount("s3://bench/", scratch, env=s3_environment(leat)) as mount:
            def evict():
                mount.leat("data", "evict", mount.path)

            def load():
                begin = time.perf_counter()
                mount.leat("data", "load", mount.path)
                return time.perf_counter() - begin

            for _ in range(rounds):
                note("plain downloader", download(leat, names, size, scratch / "plain"))
                note("leat data load", load())
                evict()
                note("leat, 8 streams", read(mount.path, names, 8))
                evict()
                note("leat, 1 stream", read(mount.path, names, 1))
                note("leat warm, 8 streams", read(mount.path, names, 8))
                evict()
                options.say("cold: " + ", ".join(f"{name} {total / all[-1] / 1e6:.0f} MB/s"
                                                 for name, all in seconds.items()))
            stats = mount.stats()
        found, absent = peers(leat, "bench", scratch)
        for peer in found:
            with peer:
                for streams in (8, 1):
                    note(f"{peer.name}, {streams} stream{'s'[:streams - 1]}", read(peer.path, names, streams))
            options.say(f"cold: {peer.name} done")
        shutil.rmtree(scratch / "plain", ignore_errors=True)
    rates = {name: total / statistics.median(all) for name, all in seconds.items()}
    pairs = {name: statistics.median(plain / mine for plain, mine in zip(seconds["plain downloader"], all))
             for name, all in seconds.items() if len(all) == rounds}
    return {"bytes": total, "rates": rates, "ratios": pairs, "absent": absent, "rounds": rounds,
            "store_errors": stats["store_errors"]}
