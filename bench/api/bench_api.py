#!/usr/bin/env python3
"""The API server of a real `leat up` beside etcd, on the same disk, taken in turns.

  bench/api/bench_api.py [--bench build/bench/api_bench] [--rounds 3] [--seconds 3] [--dir DIR]

What each figure goes through:
  leat  HTTP/1.1 over TLS, one connection a client, bearer token; JSON in and out, authentication,
        defaults, validation: all that an API server does. Generator: api_bench (C++).
  etcd  gRPC over TLS (--auto-tls), 8 clients a connection; bytes in and out: what an API server would
        call for each of its own requests. Generator: etcd_peer (Go, etcd's own client).
Objects are about 1 KiB on both sides, and both make a write durable before they answer it (WAL and
fdatasync; the generators check every answer). A create is guarded by the key's absence.

watch: one write at a time, the next when all watchers have its event; the latency is from the sending
of the write to the arrival of the event. stream: up to 32 writes ahead of the slowest watcher, which
gives the rate. Generator and server share the machine: the CPU columns tell how its cores were spent,
so that nobody takes the generator's limit for the server's.
"""
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "tests/integration")]
import etcd  # noqa: E402
from leat import Leat  # noqa: E402

REQUESTS = [(operation, clients) for operation in ("create", "get", "list") for clients in (1, 16, 64)]
WATCHES = [("watch", clients) for clients in (1, 16, 64, 1000)] + [("stream", 1000)]
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise ValueError(pid)


class Server:
    """One of the two: its process and the command of its load generator."""

    def __init__(self, name, pid, command):
        self.name, self.pid, self.command = name, pid, command

    def measure(self, operation, clients, seconds):
        """One run: rate, latencies, CPU microseconds an operation on both sides, the server's memory."""
        command = [*self.command, operation, str(clients), str(seconds)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as generator:
            watchdog = subprocess.Popen(["sh", "-c", f"sleep {120 + 3 * seconds}; kill {generator.pid}"])
            try:
                cpu, memory = [], 0
                for line in generator.stdout:
                    if line not in ("begin\n", "end\n"):
                        break
                    cpu.append((cpu_seconds(self.pid), cpu_seconds(generator.pid)))
                    memory = resident_mib(self.pid)
                    if line == "end\n":
                        generator.stdin.write("\n")
                        generator.stdin.flush()
                else:
                    sys.exit(f"bench_api: {' '.join(command)} failed")
            finally:
                watchdog.kill()
                watchdog.wait()
        result = json.loads(line)
        count = max(result["count"], 1)
        if len(cpu) == 2:
            result["rate"] = result["count"] / result["seconds"]
            result["server_us"], result["generator_us"] = ((b - a) * 1e6 / count for a, b in zip(*cpu))
        return {**result, "memory": memory}


def median(runs, field):
    return statistics.median(run[field] for run in runs)


def milliseconds(micros):
    return f"{micros / 1000:.2f}" if micros < 100_000 else f"{micros / 1000:.0f}"


def print_table(results, names):
    head = f"{'operation':>9} {'clients':>7} | "
    print(head + " | ".join(f"{name + '/s':>14} {'p50 ms':>8} {'p99 ms':>8} {'cpu us':>7} {'gen us':>7}"
                            for name in names.values()) + (" | rate  p50  p99 (leat/etcd)" if len(names) > 1 else ""))
    for (operation, clients), runs in results.items():
        cells = []
        for server in names:
            one = runs[server]
            cells.append(f"{median(one, 'rate'):>14.0f} {milliseconds(median(one, 'p50_us')):>8} "
                         f"{milliseconds(median(one, 'p99_us')):>8} {median(one, 'server_us'):>7.0f} "
                         f"{median(one, 'generator_us'):>7.0f}")
        if len(names) > 1:
            ratios = [median(runs["leat"], f) / max(median(runs["etcd"], f), 1e-9) for f in ("rate", "p50_us", "p99_us")]
            cells.append("".join(f"{ratio:>5.2f}" for ratio in ratios))
        print(f"{operation:>9} {clients:>7} | " + " | ".join(cells))


def print_fan_out(results, names, idle):
    """Whether every event arrived, and what a thousand watchers weigh. False when one was lost."""
    whole = True
    for server, name in names.items():
        runs = [run for (_, clients), by_server in results.items() if clients == 1000 for run in by_server[server]]
        lost = sum(run["lost"] for run in runs)
        whole = whole and lost == 0
        print(f"{name}: {sum(run['count'] for run in runs)} events to 1,000 watchers, {lost} lost; resident "
              f"{idle[server]:.0f} MiB before the first run, {max(run['memory'] for run in runs):.0f} MiB with them")
    return whole


@contextlib.contextmanager
def fresh_servers(options):
    """Both servers on empty data, filled with what get and list read."""
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="leat-bench-", dir=options.dir))
        leat = stack.enter_context(Leat(data_dir=data))
        token = leat.dir / "token"
        token.write_text(json.loads((leat.dir / "pki/secrets.json").read_text())["bearerToken"])
        servers = [Server("leat", leat.process.pid, [options.bench, leat.api, str(leat.dir / "pki/ca.crt"), str(token)])]
        if not etcd.missing():
            peer = stack.enter_context(etcd.Etcd(options.dir, tls=True))
            servers.append(Server("etcd", peer.process.pid, [etcd.build_peer(), peer.endpoint]))
        for server in servers:
            server.measure("fill", 1, 1)
        yield servers


def measure_rows(rows, options):
    """(row -> server -> its runs, server -> MiB before the first of them)."""
    results = {}
    with fresh_servers(options) as servers:
        idle = {server.name: resident_mib(server.pid) for server in servers}
        for _ in range(options.rounds):
            for row in rows:
                for server in servers:
                    results.setdefault(row, {}).setdefault(server.name, []).append(server.measure(*row, options.seconds))
    return results, idle


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--bench", default="build/bench/api_bench")
    arguments.add_argument("--dir", default=tempfile.gettempdir(), help="on the disk that matters")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=3)
    options = arguments.parse_args()
    names = {"leat": "leat"}
    if why := etcd.missing():
        print(f"etcd: skipped: {why}")
    else:
        names["etcd"] = f"etcd {etcd.version()}"
    results, _ = measure_rows(REQUESTS, options)
    watches, idle = measure_rows(WATCHES, options)
    print(f"medians of {options.rounds} rounds in turns, {options.seconds:g} s each, {os.cpu_count()} cores for "
          "server and generator;\ncpu us: the server's an operation (or event), gen us: the generator's")
    print_table({**results, **watches}, names)
    sys.exit(0 if print_fan_out(watches, names, idle) else 1)


if __name__ == "__main__":
    main()
