#!/usr/bin/env python3
"""Durable guarded writes per second: our store beside etcd, on the same disk, taken in turns.

  bench/store/etcd_compare.py --bench build/bench/store_bench [--dir DIR] [--rounds 5]

Needs etcd (Debian: etcd-server) and Go, whose first build fetches etcd's client. Both write objects
of about 1 kB, one key a worker, each guarded by the revision last seen, and both fsync before they
answer. What the figures compare: our store is a library inside the API server; etcd is a process of
its own behind gRPC, which an API server cannot do without. So part of the distance is that hop:
bench/api compares the two servers as their clients see them.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import etcd  # noqa: E402

WORKERS = (1, 16, 64)


def fsync_micros(directory):
    """Median of a bare 8 KiB write and fdatasync: what the disk itself costs."""
    with tempfile.TemporaryFile(dir=directory) as file:
        file.write(bytes(4 << 20))
        os.fsync(file.fileno())
        times = []
        for i in range(300):
            start = time.perf_counter()
            os.pwrite(file.fileno(), b"y" * 8192, i * 8192)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def ours(bench, workers, seconds, directory):
    out = subprocess.run(
        [bench, f"--benchmark_filter=BM_DurablePut/.*threads:{workers}$",
         f"--benchmark_min_time={seconds}", "--benchmark_format=json"],
        env=dict(os.environ, TMPDIR=directory), check=True, capture_output=True, timeout=120).stdout
    return json.loads(out)["benchmarks"][0]["items_per_second"]


def theirs(peer, endpoint, workers, seconds):
    out = subprocess.run([peer, endpoint, "update", str(workers), str(seconds)], check=True, input="\n",
                         capture_output=True, timeout=120, text=True).stdout
    result = json.loads(out.splitlines()[-1])
    return result["count"] / result["seconds"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--bench", required=True, help="the store_bench binary (-O2)")
    arguments.add_argument("--dir", default=tempfile.gettempdir(), help="on the disk that matters")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=2)
    options = arguments.parse_args()
    if why := etcd.missing():
        print(f"etcd_compare: skipped: {why}")
        return
    peer = etcd.build_peer()
    results = {}
    with etcd.Etcd(options.dir) as server:
        theirs(peer, server.endpoint, 1, 0.5)  # waits until it serves
        for _ in range(options.rounds):
            results.setdefault("fsync", []).append(fsync_micros(options.dir))
            for workers in WORKERS:
                results.setdefault((workers, "etcd"), []).append(
                    theirs(peer, server.endpoint, workers, options.seconds))
                results.setdefault((workers, "leat"), []).append(
                    ours(options.bench, workers, options.seconds, options.dir))
    print(f"medians of {options.rounds} rounds in turns; bare 8 KiB write + fdatasync: "
          f"{statistics.median(results['fsync']):.0f} us")
    print(f"{'writers':>8} {'leat/s':>10} {'etcd ' + etcd.version() + '/s':>14} {'ratio':>7}")
    for workers in WORKERS:
        leat, other = (statistics.median(results[workers, who]) for who in ("leat", "etcd"))
        print(f"{workers:>8} {leat:>10.0f} {other:>14.0f} {leat / other:>7.1f}")


if __name__ == "__main__":
    main()
