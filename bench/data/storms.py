"""Metadata storms: how many stat, open+close, open+read+close and listed names a second, warm, one process.

Python's own part is the same for all, about a microsecond a call, and brings high rates nearer to each other.
"""
import contextlib
import os
import statistics
import time

from mounted import LeatMount
from peers import Published
from servers import serve

SIZE = 4096
PER_DIRECTORY = 100


def make(root, files):
    for at in range(files):
        path = root / f"d{at // PER_DIRECTORY:04}" / f"f{at:06}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(SIZE))


def open_close(path):
    os.close(os.open(path, os.O_RDONLY))


def open_read(path):
    fd = os.open(path, os.O_RDONLY)
    os.read(fd, SIZE)
    os.close(fd)


def walk(root):
    """Names in the tree."""
    count = 0
    with os.scandir(root) as entries:
        for entry in entries:
            count += 1
            if entry.is_dir(follow_symlinks=False):
                count += walk(entry.path)
    return count


def rate(action, seconds):
    """Calls a second of an action that does many and says how many; at least one round."""
    begin, count = time.perf_counter(), 0
    while not count or time.perf_counter() - begin < seconds:
        count += action()
    return count / (time.perf_counter() - begin)


def over(function, paths):
    def action():
        for path in paths:
            function(path)
        return len(paths)
    return action


def actions(root, names):
    paths = [f"{root}/{name}" for name in names]
    return {"list": lambda: walk(str(root)), "stat": over(os.stat, paths), "open": over(open_close, paths),
            "read": over(open_read, paths)}


def measure(options, scratch):
    files = 300 if options.short else 1000
    make(scratch / "files", files)
    names = [f"d{at // PER_DIRECTORY:04}/f{at:06}" for at in range(files)]
    with serve(options.server, scratch) as endpoint, contextlib.ExitStack() as stack:
        published = Published(endpoint, "bench", scratch / "files", scratch)
        leat = stack.enter_context(LeatMount("s3://bench/", scratch, env=endpoint.environment()))
        roots = {"native": scratch / "files", "leat": leat.path, **published.enter(stack)}
        rates = {name: {} for name in roots}

        def storm(name, prefix, seconds):
            try:
                for action, run in actions(roots[name], names).items():
                    rates[name].setdefault(prefix + action, []).append(rate(run, seconds))
            except OSError as error:
                if name in ("native", "leat"):
                    raise
                published.failed[name] = str(error)
                del roots[name], rates[name]
        for name in list(roots):
            storm(name, "cold ", 0)
            options.say(f"storms: {name} is warm")
        for turn in range(1 if options.short else 5):
            for name in list(roots) if turn % 2 == 0 else list(reversed(roots)):
                storm(name, "", options.seconds / 2)
    peers = [name for name in rates if name not in ("native", "leat")]
    kinds = ("stat", "open", "read", "list", "cold list", "cold read")
    medians = {name: {kind: statistics.median(rates[name][kind]) for kind in kinds} for name in rates}
    # Round by round, against whichever peer is best in all rounds.
    ahead = {}
    for kind in kinds if peers else ():
        best = max(peers, key=lambda name, kind=kind: medians[name][kind])
        ahead[kind] = [ours / theirs for ours, theirs in zip(rates["leat"][kind], rates[best][kind])]
    for kind in ("cold list", "cold read"):
        medians["native"][kind] = None  # its files were just written
    return {"files": files, "size": SIZE, "rates": medians, "failed": published.failed, "server": endpoint.server,
            "ahead": {kind: (statistics.median(all), min(all), max(all)) for kind, all in ahead.items()}}
