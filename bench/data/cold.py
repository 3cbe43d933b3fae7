"""Bytes from an S3 server that are not cached yet: through mounts, by `leat data load`, and by a plain downloader.

The server runs on this machine, so that client and server share its processors. The plain downloader is two curls with
8 transfers each at a time, of 8 MiB each, which they write to the same disk as the cache. All take turns, and who is
first changes from round to round; what one has written is gone or on the disk before the next one's turn.
"""
import os
import shutil
import statistics
import subprocess
import time

from mounted import LeatMount, settle, write_random
from peers import Published
from servers import download, serve

STREAMS = (8, 1)


def read(root, names, total, streams):
    """Seconds to read all files, that many at a time, 1 MiB at a time; by dd, not to measure Python."""
    settle(total)
    begin = time.perf_counter()
    work = "\n".join(f"{root}/{name}" for name in names)
    subprocess.run(["xargs", "-P", str(streams), "-I", "{}", "dd", "if={}", "of=/dev/null", "bs=1M", "status=none"],
                   input=work, text=True, check=True, timeout=600)
    return time.perf_counter() - begin


def streamed(name, streams):
    return f"{name}, {streams} stream{'s'[:streams - 1]}"


def measure(options, scratch):
    size = (32 if options.short else 96) << 20
    names = [f"part-{at}" for at in range(2 if options.short else 8)]
    total = size * len(names)
    for name in names:
        write_random(scratch / "source" / name, size)
    seconds = {}

    def note(name, value):
        seconds.setdefault(name, []).append(value)

    with serve(options.server, scratch) as endpoint:
        published = Published(endpoint, "bench", scratch / "source", scratch)
        shutil.rmtree(scratch / "source")
        os.sync()
        with LeatMount("s3://bench/", scratch, env=endpoint.environment()) as mount:
            def leat():
                settle(total)
                begin = time.perf_counter()
                mount.leat("data", "load", mount.path)
                note("leat data load", time.perf_counter() - begin)
                mount.evict()
                for streams in STREAMS:
                    note(streamed("leat", streams), read(mount.path, names, total, streams))
                    if streams == STREAMS[-1]:
                        note("leat warm, 8 streams", read(mount.path, names, total, 8))
                    mount.evict()

            def plain():
                settle(total)
                note("plain downloader", download(endpoint, "bench", names, size, scratch / "plain"))

            for turn in range(1 if options.short else 5):
                for action in (plain, leat) if turn % 2 == 0 else (leat, plain):
                    action()
                if turn < 3:
                    for streams in STREAMS:
                        published.each(lambda peer, streams=streams: note(streamed(peer.name, streams),
                                                                          read(peer.path, names, total, streams)))
                options.say("cold: " + ", ".join(f"{name} {total / all[-1] / 1e6:.0f} MB/s"
                                                 for name, all in seconds.items()))
            errors = mount.stats()["store_errors"]
    rates = {name: total / statistics.median(all) for name, all in seconds.items()}
    pairs = {name: [plain / mine for plain, mine in zip(seconds["plain downloader"], all)]
             for name, all in seconds.items()}
    return {"bytes": total, "rates": rates, "ratios": {name: statistics.median(all) for name, all in pairs.items()},
            "spread": {name: (min(all), max(all)) for name, all in pairs.items()},
            "rounds": {name: len(all) for name, all in seconds.items()}, "failed": published.failed,
            "server": endpoint.server, "store_errors": errors}
