"""Metadata storms: how many stat, open+close, open+read+close and listed names a second, warm, one process.

Python's own part is the same for all, about a microsecond a call.
"""
import os
import statistics
import time

from mounted import LeatMount, PeerMount, Leat, peers, s3_environment, upload

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


def storms(root, names, seconds, patience):
    """Rates of one file system, after a first round that is not counted but told as cold."""
    paths = [f"{root}/{name}" for name in names]
    actions = {"list": lambda: walk(str(root)), "stat": over(os.stat, paths), "open": over(open_close, paths),
               "read": over(open_read, paths)}
    cold = {}
    for name, action in actions.items():
        if name in ("list", "read"):
            cold[name] = rate(action, 0)
        else:
            action()
        if 1 / max(cold.get(name, 1e9), 1e-9) * len(paths) > patience:
            break
    return {**{name: rate(action, seconds) for name, action in actions.items()},
            **{f"cold {name}": value for name, value in cold.items()}}


def measure(options, scratch):
    files = 300 if options.short else 3000
    make(scratch / "files", files)
    names = [f"d{at // PER_DIRECTORY:04}/f{at:06}" for at in range(files)]
    with Leat() as leat:
        upload(leat, "bench", scratch / "files")
        found, absent = peers(leat, "bench", scratch)
        mounts = [LeatMount("s3://bench/", scratch, env=s3_environment(leat)), *found]
        all_rates = {}
        rounds = 1 if options.short else 3
        for one in [None, *mounts]:
            label = "native" if one is None else one.name if isinstance(one, PeerMount) else "leat"
            options.say(f"storms: {label}")
            if one is None:
                runs = [storms(scratch / "files", names, options.seconds / 2, 60) for _ in range(rounds)]
                for run in runs:
                    run.update({key: None for key in list(run) if key.startswith("cold")})
            else:
                with one:
                    runs = [storms(one.path, names, options.seconds / 2, 60) for _ in range(rounds)]
            # Only the first round was cold.
            all_rates[label] = {key: value if key.startswith("cold") else statistics.median(run[key] for run in runs)
                                for key, value in runs[0].items()}
    return {"files": files, "size": SIZE, "rates": all_rates, "absent": absent}
