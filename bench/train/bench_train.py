#!/usr/bin/python3
"""Training beside Python's xgboost: wall time, CPU time and peak memory of whole processes.

  bench_train.py --leat-ml build/release/leat-ml [--rows 50000] [--repeat 5] [--python-reads npy]

Data: the first rows of Debian's dataset-fashion-mnist as CSV (%.18e, label first), validation the
last 10,000. Each run is a process of its own, Leat's and Python's in turn; the table has medians.

With --python-reads npy (the default, and the harder comparison for Leat) Python starts from the
parsed numbers, a float32 array in a file, while Leat's time and memory include parsing the text.
With csv Python parses the same text by numpy.loadtxt. The two models must predict the same.

Debian's python3-xgboost cannot be installed beside Leat's Boost. So, unless this Python has xgboost or
LEAT_PYTHON_XGBOOST names a directory that has it, the package is fetched by `apt-get download` and
unpacked into build/bench/python.
"""
import argparse
import gzip
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

UNPACKED = pathlib.Path(__file__).resolve().parents[2] / "build/bench/python"
DATA = "/usr/share/datasets/fashion-mnist"
PARAMETERS = {"max_depth": "5", "eta": "0.2", "gamma": "4", "min_child_weight": "6",
              "objective": "multi:softmax", "num_class": "10"}


def imports_xgboost(directory=None):
    """Whether a child finds xgboost, with the directory first on its path. (Not tried here: see measure.)"""
    env = {**os.environ, **({"PYTHONPATH": str(directory)} if directory else {})}
    return subprocess.run([sys.executable, "-c", "import numpy, xgboost"], env=env, capture_output=True).returncode == 0


def link_library(link):
    """Makes the package's link, which is relative, lead to the library of the system: the one that Leat uses."""
    table = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout
    found = [line.split("=> ")[1] for line in table.splitlines() if "libxgboost.so" in line]
    if found:
        link.unlink(missing_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(found[0])


def find_xgboost():
    """Sets PYTHONPATH so that children find numpy and xgboost, or ends with what to do."""
    given = os.environ.get("LEAT_PYTHON_XGBOOST")
    unpacked = UNPACKED / "usr/lib/python3/dist-packages"
    if not given and imports_xgboost():
        return
    if not given and not imports_xgboost(unpacked):
        packages = ["python3-xgboost", "python3-scipy", "python3-decorator"]
        if subprocess.run([sys.executable, "-c", "import numpy"], capture_output=True).returncode != 0:
            packages.append("python3-numpy")
        UNPACKED.mkdir(parents=True, exist_ok=True)
        fetched = subprocess.run(["apt-get", "download", "-q", *packages], cwd=UNPACKED, stdout=sys.stderr).returncode
        for package in UNPACKED.glob("*.deb") if fetched == 0 else ():
            subprocess.run(["dpkg-deb", "-x", package, UNPACKED], check=True)
        link_library(unpacked / "xgboost/lib/libxgboost.so")
    directory = given or unpacked
    if not imports_xgboost(directory):
        sys.exit(f"bench_train: {sys.executable} finds no numpy and xgboost in {directory}: set LEAT_PYTHON_XGBOOST to "
                 "a directory that has them (pip install --target DIR xgboost==1.7.4 numpy)")
    os.environ["PYTHONPATH"] = str(directory)


def make_data(root, rows):
    import numpy as np

    def read(name, header):
        with gzip.open(f"{DATA}/{name}.gz") as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)

    images = read("train-images-idx3-ubyte", 16).reshape(-1, 784)
    labels = read("train-labels-idx1-ubyte", 8)
    pixel = np.array([b"%.18e" % (i / 256) for i in range(256)], "S24")
    label = np.array([b"%.18e" % i for i in range(10)], "S24")
    for name, part in (("train", slice(0, rows)), ("validation", slice(50000, 60000))):
        os.makedirs(f"{root}/input/data/{name}")
        with open(f"{root}/input/data/{name}/examples", "wb") as out:
            for row, number in zip(images[part], labels[part]):
                out.write(b",".join([label[number], *pixel[row]]) + b"\n")
        np.save(f"{root}/{name}.npy", (images[part] / 256).astype(np.float32))
        np.save(f"{root}/{name}-labels.npy", labels[part].astype(np.float32))


def train_python(root, rounds, reads):
    import numpy as np
    import xgboost

    matrices = {}
    for name in ("train", "validation"):
        if reads == "npy":
            features = np.load(f"{root}/{name}.npy")
            labels = np.load(f"{root}/{name}-labels.npy")
        else:
            table = np.loadtxt(f"{root}/input/data/{name}/examples", np.float32, delimiter=",")
            labels, features = table[:, 0], table[:, 1:]
            del table
        matrices[name] = xgboost.DMatrix(features, labels)
        del features
    booster = xgboost.train({**PARAMETERS, "tree_method": "hist", "eval_metric": "merror"},
                            matrices["train"], rounds,
                            evals=[(m, n) for n, m in matrices.items()])
    booster.save_model(f"{root}/python.ubj")


def compare(root):
    import numpy as np
    import xgboost

    matrix = xgboost.DMatrix(np.load(f"{root}/validation.npy"))
    predicted = [xgboost.Booster(model_file=path).predict(matrix)
                 for path in (f"{root}/model/xgboost-model", f"{root}/python.ubj")]
    sys.exit(0 if np.array_equal(*predicted) else 1)


def measure(command):
    """Wall and CPU seconds and peak MiB of one process. The kernel counts what the parent held at exec into a
    child's peak, so this process must stay small: it imports neither numpy nor xgboost."""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"failed with {child.returncode}: {' '.join(command)}")
    wall = time.monotonic() - start
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def write_config(root, rounds):
    os.makedirs(f"{root}/input/config")
    channel = {"ContentType": "text/csv"}
    for name, value in (("hyperparameters", {**PARAMETERS, "num_round": str(rounds)}),
                        ("inputdataconfig", {"train": channel, "validation": channel}),
                        ("resourceconfig", {"hosts": ["algo-1"]})):
        with open(f"{root}/input/config/{name}.json", "w") as out:
            json.dump(value, out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--leat-ml")
    parser.add_argument("--rows", type=int, default=50000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--python-reads", choices=("npy", "csv"), default="npy")
    parser.add_argument("--child", choices=("data", "python", "compare"), help=argparse.SUPPRESS)
    parser.add_argument("--root", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child == "data":
        return make_data(args.root, args.rows)
    if args.child == "python":
        return train_python(args.root, args.rounds, args.python_reads)
    if args.child == "compare":
        return compare(args.root)
    if not args.leat_ml:
        parser.error("--leat-ml is needed")

    find_xgboost()
    with tempfile.TemporaryDirectory() as root:
        def child(what):
            return [sys.executable, __file__, "--child", what, "--root", root, "--rows",
                    str(args.rows), "--rounds", str(args.rounds), "--python-reads",
                    args.python_reads]

        subprocess.run(child("data"), check=True)
        write_config(root, args.rounds)
        runs = {"leat-ml": [], "python": []}
        commands = {"leat-ml": [args.leat_ml, "train", "--root", root], "python": child("python")}
        for _ in range(args.repeat):
            for name, command in commands.items():
                runs[name].append(measure(command))
                print(f"{name:8} wall %6.1f s  cpu %6.1f s  peak %6.0f MiB" % runs[name][-1],
                      f" load {os.getloadavg()[0]:.1f}", flush=True)
        same = subprocess.run(child("compare")).returncode == 0
    wall, cpu, peak = ({n: statistics.median(run[i] for run in r) for n, r in runs.items()}
                       for i in range(3))
    print(f"{args.rows} x 784 rows, {args.rounds} rounds, median of {args.repeat}; "
          f"Python reads {args.python_reads}")
    print(f"{'':10} {'leat-ml':>10} {'python':>10} {'ratio':>7}")
    for name, value, unit in (("wall", wall, "s"), ("cpu", cpu, "s"), ("peak", peak, "MiB")):
        print(f"{name:5}{unit:>5} {value['leat-ml']:10.1f} {value['python']:10.1f} "
              f"{value['leat-ml'] / value['python']:7.2f}")
    print("predictions:", "equal" if same else "NOT EQUAL")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
