#!/usr/bin/env python3
"""S3 PUT and GET through boto3, Leat's endpoint and moto's server in turn, on this machine.

Leat makes each PUT durable (fsync) before it answers; moto keeps everything in memory.
"""
import argparse
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/integration"))
from leat import Leat, eventually  # noqa: E402

SHAPES = ((4 << 10, 50, "4 KiB"), (8 << 20, 8, "8 MiB"), (64 << 20, 2, "64 MiB"))


def moto():
    """(process, client) of a moto server, or None."""
    program = shutil.which("moto_server")
    if not program:
        return None
    import boto3
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([program, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def up():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    eventually(up, "moto listens", 30)
    return process, boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
                                 aws_access_key_id="a", aws_secret_access_key="b")


def measure(client, size, count):
    body = os.urandom(size)
    begin = time.perf_counter()
    for i in range(count):
        client.put_object(Bucket="bench", Key=f"k{i}", Body=body)
    put = size * count / (time.perf_counter() - begin)
    begin = time.perf_counter()
    for i in range(count):
        client.get_object(Bucket="bench", Key=f"k{i}")["Body"].read()
    return put, size * count / (time.perf_counter() - begin)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    with Leat() as leat:
        peer = moto()
        clients = {"leat": leat.s3()}
        if peer:
            clients["moto"] = peer[1]
        try:
            for client in clients.values():
                client.create_bucket(Bucket="bench")
            for size, count, label in SHAPES:
                rates = {name: [] for name in clients}
                for _ in range(options.rounds):
                    for name, client in clients.items():
                        rates[name].append(measure(client, size, count))
                for which, verb in ((0, "PUT"), (1, "GET")):
                    medians = {name: statistics.median(pair[which] for pair in all) / 1e6 for name, all in rates.items()}
                    ratio = f"  ratio {medians['leat'] / medians['moto']:.2f}" if "moto" in medians else ""
                    print(f"{verb} {label:7}", "  ".join(f"{n} {m:9.1f} MB/s" for n, m in medians.items()) + ratio)
        finally:
            if peer:
                peer[0].kill()
                peer[0].wait()


if __name__ == "__main__":
    main()
