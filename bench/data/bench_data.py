#!/usr/bin/env python3
"""The data path: what a `leat mount` costs beside the native file system, its peers and a plain downloader.

  bench_data.py [PART...] [--short] [--server minio]     parts: fio peers storms cold sets training small

Figures go to build/bench/data.json (a part that is not measured keeps its last ones). A whole run, or --document,
replaces docs/data-path-figures.md and its plot. Needs root, /dev/fuse and build/release (or LEAT_BIN). Peers and S3
servers are found on PATH (peers.py, servers.py); those that Debian lacks are installed as their projects' pages say.
"""
import argparse
import datetime
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import traceback

import cold
import fio_shapes
import peer_reads
import peers
import report
import servers
import small_files
import storms
import training_loop
import working_sets
from mounted import ROOT, Scratch

PARTS = {"fio": fio_shapes.measure, "peers": peer_reads.measure, "storms": storms.measure, "cold": cold.measure,
         "sets": working_sets.measure, "training": training_loop.measure, "small": small_files.measure}


def machine(options):
    cpu = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), os.uname().machine)
    filesystem = subprocess.run(["findmnt", "-n", "-o", "FSTYPE", "-T", ROOT / "build"], capture_output=True,
                                text=True).stdout.strip()
    return {"cpus": os.cpu_count(), "cpu": cpu, "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            "kernel": os.uname().release.split("-")[0], "filesystem": filesystem, "note": options.note,
            "peers": peers.found(), "mounted": {name: peer.mount for name, peer in peers.PEERS.items()},
            "server": servers.chosen(options.server)}


def parse():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without")
    arguments.add_argument("--short", action="store_true", help="everything once, to see that it works")
    arguments.add_argument("--server", default="auto", choices=("auto", "leat", *servers.SERVERS),
                           help="the S3 server for everybody (auto: the first of these that is on PATH, else leat)")
    arguments.add_argument("--files", type=int, help="small files (1000000)")
    arguments.add_argument("--pairs", type=int, help="interleaved pairs (5)")
    arguments.add_argument("--jobs", type=int, nargs="+", help="of fio (1 8 32)")
    arguments.add_argument("--document", action="store_true", help="write docs/ also when only some parts were run")
    arguments.add_argument("--note", default="", help="a sentence for the document's head")
    options = arguments.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        arguments.error(f"no part {', '.join(sorted(unknown))}: use {', '.join(PARTS)}")
    options.files = options.files or (5_000 if options.short else 1_000_000)
    options.pairs = options.pairs or (1 if options.short else 5)
    options.seconds = 0.3 if options.short else 0.5
    options.jobs = options.jobs or ((1, 4) if options.short else (1, 8, 32))
    options.say = lambda line: print(line, flush=True)
    return options


def run(name, options, figures, write):
    """Measures one part, and keeps the figures, also those of a part that is stopped before its end."""
    load, begin = os.getloadavg()[0], time.monotonic()

    def keep(part):
        figures["parts"][name] = {**part, "load": (load, os.getloadavg()[0]), "seconds": time.monotonic() - begin,
                                  "taken": datetime.datetime.now().strftime("%Y-%m-%d %H:%M")}
        write()
    options.keep = keep
    try:
        with Scratch(name) as scratch:
            keep(PARTS[name](options, scratch))
    except Exception as error:  # the other parts are measured all the same
        traceback.print_exc()
        keep({"skipped": f"failed: {str(error)[-500:]}"})
        return False
    finally:
        options.say(f"{name}: {time.monotonic() - begin:.0f} s; load average {load:.1f} before, "
                    f"{os.getloadavg()[0]:.1f} after")
    return True


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unmounts, too
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        print("data: skipped: mounts with passthrough need root and /dev/fuse")
        return
    kept = ROOT / f"build/bench/data{'-short' if options.short else ''}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    figures = json.loads(kept.read_text()) if options.parts and kept.exists() else {"parts": {}}
    figures["machine"] = machine(options)
    measured = options.parts or list(PARTS)
    good = [run(name, options, figures, lambda: kept.write_text(json.dumps(figures, indent=1))) for name in measured]
    for name, title, write in report.PARTS:
        if name in measured:
            part = figures["parts"][name]
            print(f"\n{title}\n" + (part.get("skipped") or write(part)))
    if options.document or not (options.short or options.parts):
        # Another Python than this one may have the plotting library.
        python = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
        subprocess.run([python, pathlib.Path(__file__).with_name("report.py"), kept, ROOT / "docs/data-path-figures"],
                       check=True)
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
