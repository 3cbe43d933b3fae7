"""Metadata storms: how many stat, open+close, open+read+close and listed names a second, warm, one process.

Python's own part is the same for all, about a microsecond a call.
"""
import contextlib
import os
import statistics
import time

from mounted import Leat, LeatMount, peers, s3_environment, upload

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
    files = 300 if options.short else 2000
    make(scratch / "files", files)
    names = [f"d{at // PER_DIRECTORY:04}/f{at:06}" for at in range(files)]
    with contextlib.ExitStack() as stack:
        leat = stack.enter_context(Leat())
        upload(leat, "bench", scratch / "files")
        found, absent = peers(leat, "bench", scratch)
        roots = {"native": scratch / "files",
                 "leat": stack.enter_context(LeatMount("s3://bench/", scratch, env=s3_environment(leat))).path,
                 **{peer.name: stack.enter_context(peer).path for peer in found}}
        rates = {name: {} for name in roots}
        for name, root in roots.items():
            for action, run in actions(root, names).items():
                rates[name][f"cold {action}"] = [rate(run, 0)]
            options.say(f"storms: {name} is warm")
        for _ in range(1 if options.short else 5):
            for name, root in roots.items():
                for action, run in actions(root, names).items():
                    rates[name].setdefault(action, []).append(rate(run, options.seconds / 2))
    medians = {name: {action: statistics.median(rates[name][action]) for action in
                      ("stat", "open", "read", "list", "cold list", "cold read")} for name in rates}
    for action in ("cold list", "cold read"):
        medians["native"][action] = None  # its files were just written
    return {"files": files, "size": SIZE, "rates": medians, "absent": absent}
