#!/usr/bin/env python3
"""`leat up`: cold start, idle memory, and a pod from apply to its process running, beside bare runc.

  bench/up/bench_up.py [--runs 7]
"""
import argparse
import json
import os
import pathlib
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/integration"))
from leat import Leat  # noqa: E402


def row(what, values, unit, budget=""):
    values = sorted(values)
    print(f"{what:44} {statistics.median(values):9.1f} {unit:4} (min {values[0]:.1f}, max {values[-1]:.1f}) {budget}")


def resident_mib(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise ValueError(pid)


def starts(runs):
    cold, memory = [], []
    for _ in range(runs):
        leat = Leat()
        begin = time.perf_counter()
        leat.start()
        cold.append((time.perf_counter() - begin) * 1000)
        leat.kubectl("get", "nodes")
        memory.append(resident_mib(leat.process.pid))
        leat.close()
    row("cold start to ready", cold, "ms", "budget 500")
    row("resident memory, idle", memory, "MiB", "budget 60")


class Api:
    """The API over one kept connection a call: what a controller pays, without kubectl's own start."""

    def __init__(self, leat):
        token = json.loads((leat.dir / "pki/secrets.json").read_text())["bearerToken"]
        self.base, self.headers = leat.api, {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
        self.tls = ssl.create_default_context(cafile=str(leat.dir / "pki/ca.crt"))

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.base + path, method=method, headers=self.headers,
                                         data=json.dumps(body).encode() if body else None)
        return json.load(urllib.request.urlopen(request, context=self.tls))


def pods(runs):
    if os.geteuid() != 0:
        print("pods: skipped, containers need root")
        return
    with Leat() as leat:
        api, times = Api(leat), []
        for i in range(runs * 3):
            name, stamp = f"p{i}", leat.dir / f"stamp{i}"
            stamp.touch()
            begin = time.time()
            api.call("POST", "/api/v1/namespaces/default/pods", {
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
                "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0,
                         "volumes": [{"name": "s", "hostPath": {"path": str(stamp)}}],
                         "containers": [{"name": "c", "image": "leat.dev/host", "command": ["sh", "-c", "date +%s.%N > /stamp"],
                                         "volumeMounts": [{"name": "s", "mountPath": "/stamp"}]}]}})
            while not stamp.read_text().endswith("\n"):
                time.sleep(0.002)
            times.append((float(stamp.read_text()) - begin) * 1000)
        row("pod: create to its process running", times, "ms", "budget 300")
    row("peer: bare runc run, the same process", bare_runc(runs), "ms")


def bare_runc(runs):
    times = []
    with tempfile.TemporaryDirectory() as bundle:
        subprocess.run(["runc", "spec"], cwd=bundle, check=True)
        for part in ("usr", "bin", "lib", "lib64", "proc", "dev", "sys"):
            os.makedirs(f"{bundle}/rootfs/{part}")
        config = json.load(open(bundle + "/config.json"))
        config["process"].update(terminal=False, args=["sh", "-c", "date +%s.%N"])
        config["mounts"] += [{"destination": p, "type": "bind", "source": p, "options": ["rbind", "ro"]}
                             for p in ("/usr", "/bin", "/lib", "/lib64")]
        json.dump(config, open(bundle + "/config.json", "w"))
        for i in range(runs * 3):
            begin = time.time()
            out = subprocess.run(["runc", "run", f"bench-{os.getpid()}-{i}"], cwd=bundle, check=True, capture_output=True)
            times.append((float(out.stdout) - begin) * 1000)
    return times


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--runs", type=int, default=7, help="starts; three times as many pods")
    options = arguments.parse_args()
    starts(options.runs)
    pods(options.runs)
