#!/usr/bin/env python3
"""Durable guarded writes per second: our store beside etcd, on the same disk, taken in turns.

  bench/store/etcd_compare.py --bench build/bench/store_bench [--dir DIR] [--rounds 5]

Needs etcd (Debian: etcd-server) and Go, whose first build fetches etcd's client. Both write objects
of about 1 kB, one key a worker, each guarded by the revision last seen, and both fsync before they
answer. What the figures compare: our store is a library inside the API server; etcd is a process of
its own behind gRPC, which an API server cannot do without. So part of the distance is that hop.
"""
import argparse, json, os, re, shutil, socket, statistics, subprocess, sys, tempfile, time

WORKERS = (1, 16, 64)
HERE = os.path.dirname(os.path.abspath(__file__))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


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


class Etcd:
    def __init__(self, directory):
        self.data = tempfile.mkdtemp(prefix="leat-etcd-", dir=directory)
        self.endpoint = f"http://127.0.0.1:{free_port()}"
        peer = f"http://127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            ["etcd", "--data-dir", self.data, "--listen-client-urls", self.endpoint,
             "--advertise-client-urls", self.endpoint, "--listen-peer-urls", peer,
             "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
             "--quota-backend-bytes", str(4 << 30), "--log-level", "error"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def writes_per_second(self, peer, workers, seconds):
        out = subprocess.run([peer, self.endpoint, str(workers), str(seconds)], check=True,
                             capture_output=True, timeout=120, text=True).stdout
        return float(out)

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.data)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--bench", required=True, help="the store_bench binary (-O2)")
    arguments.add_argument("--dir", default=tempfile.gettempdir(), help="on the disk that matters")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=2)
    options = arguments.parse_args()
    for program in ("etcd", "go"):
        if not shutil.which(program):
            sys.exit(f"etcd_compare: {program} is not on PATH; install it (etcd-server, golang)")
    version = subprocess.run(["etcd", "--version"], capture_output=True, text=True).stdout
    version = re.search(r"[\d.]+", version).group()
    with tempfile.TemporaryDirectory() as built:
        peer = os.path.join(built, "etcd_peer")
        subprocess.run(["go", "build", "-o", peer, "."], cwd=os.path.join(HERE, "etcd_peer"),
                       check=True)
        etcd = Etcd(options.dir)
        try:
            etcd.writes_per_second(peer, 1, 0.5)  # waits until it serves
            results = {}
            for _ in range(options.rounds):
                results.setdefault("fsync", []).append(fsync_micros(options.dir))
                for workers in WORKERS:
                    results.setdefault((workers, "etcd"), []).append(
                        etcd.writes_per_second(peer, workers, options.seconds))
                    results.setdefault((workers, "leat"), []).append(
                        ours(options.bench, workers, options.seconds, options.dir))
        finally:
            etcd.close()
    print(f"medians of {options.rounds} rounds in turns; bare 8 KiB write + fdatasync: "
          f"{statistics.median(results['fsync']):.0f} us")
    print(f"{'writers':>8} {'leat/s':>10} {'etcd ' + version + '/s':>14} {'ratio':>7}")
    for workers in WORKERS:
        leat, other = (statistics.median(results[workers, who]) for who in ("leat", "etcd"))
        print(f"{workers:>8} {leat:>10.0f} {other:>14.0f} {leat / other:>7.1f}")


if __name__ == "__main__":
    main()
