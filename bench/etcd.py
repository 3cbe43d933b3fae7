"""etcd as a peer to measure against, and our load generator for it."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]


def missing():
    """Why there is no etcd to compare with, or ""."""
    for program, package in (("etcd", "etcd-server"), ("go", "golang 1.22 or later")):
        if not shutil.which(program):
            return f"{program} is not on PATH; install {package}"
    return ""


def build_peer():
    """The load generator's path. Its first build fetches etcd's client from the Go module proxy."""
    peer = ROOT / "build/bench/etcd_peer"
    peer.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["go", "build", "-o", peer, "."], cwd=ROOT / "bench/etcd_peer", check=True)
    return str(peer)


def version():
    text = subprocess.run(["etcd", "--version"], capture_output=True, text=True).stdout
    return re.search(r"[\d.]+", text).group()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Etcd:
    """One member that makes every write durable, as it does by default."""

    def __init__(self, directory, tls=False):
        self.data = tempfile.mkdtemp(prefix="leat-etcd-", dir=directory)
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{free_port()}"
        peer = f"http://127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            ["etcd", "--data-dir", self.data, "--listen-client-urls", self.endpoint,
             "--advertise-client-urls", self.endpoint, "--listen-peer-urls", peer,
             "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
             "--quota-backend-bytes", str(4 << 30), "--log-level", "error", *(["--auto-tls"] if tls else [])],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.data, ignore_errors=True)
