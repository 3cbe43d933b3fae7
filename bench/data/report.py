#!/usr/bin/python3
"""The tables of docs/data-path-figures.md from the figures that bench_data.py wrote as JSON, and its plot."""
import json
import pathlib
import sys


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def verdict(good):
    return "met" if good else "**missed**"


def rate(bytes_a_second):
    return f"{bytes_a_second / 1e6:,.0f} MB/s"


def times(value, spread=None):
    return f"{value:.2f}" + (f" ({spread[0]:.2f}–{spread[1]:.2f})" if spread else "")


def failed(part):
    """A sentence for each peer that is installed and could not be measured."""
    return "".join(f"\n{name} was left out, for it failed: {' '.join(why.split())}\n"
                   for name, why in part["failed"].items())


def fio(part):
    rows = [[row["shape"], row["jobs"], rate(row["native"]), rate(row["mount"]),
             f"{row['ratio']:.3f} ({row['least']:.2f}–{row['most']:.2f})",
             f"{row['cpu']:.3f}", f"{row['copy']:.3f}" if row["copy"] else "",
             f"≥ {row['goal']:.2f}: {verdict(row['ratio'] >= row['goal'])}" if row["goal"] else ""]
            for row in part["rows"]]
    return (f"A cached file of {part['size'] >> 20} MiB beside the same file on the cache's own disk, both in the page "
            f"cache, fio with `--invalidate=0`, medians of {part['pairs']} interleaved pairs (the least and the "
            "greatest ratio in parentheses). The ratio of a second native file to the first one, measured in the same "
            "turns, tells how exact the method is. "
            + (f"At the end {min(part['resident']):.1%} of each file were still in the page cache. " if part["resident"]
               else "")
            + "READ requests that reached the worker in all of these runs: "
            f"{part['reads']} (goal 0: {verdict(part['reads'] == 0)}).\n\n"
            + table(["warm reads by fio", "jobs", "native", "mount", "ratio", "per CPU second", "native copy", "goal"],
                    rows))


def peers(part):
    tables = []
    for heat in ("warm", "cold"):
        names = list(dict.fromkeys(name for row in part[heat] for name in row["rates"]))
        rows = []
        for row in part[heat]:
            others = [value for name, value in row["rates"].items() if name not in ("native", "leat")]
            rows.append([row["shape"], row["jobs"],
                         *(rate(row["rates"][name]) if name in row["rates"] else "" for name in names),
                         f"{row['rates']['leat'] / max(others):.2f} ×" if others else ""])
        tables.append(table([f"{heat} reads by fio", "jobs", *names, "leat to the best peer"], rows))
    return (f"fio's shapes of one object of {part['size'] >> 20} MiB in {part['server']}, each through its own mount "
            "with its own local cache. Warm: the object had been read whole before; medians of 3 interleaved runs. Who "
            "drops the kernel's pages at `open` pays for it here.\n\n" + tables[0]
            + "\nCold: one run with an empty cache each, jobs read disjoint parts; sequential reads end with the "
            "object, random ones after 64 MiB (256 KiB each) or 1,024 reads (4 KiB each), and all of them after 2 s."
            "\n\n" + tables[1] + failed(part))


def storms(part):
    names = list(part["rates"])
    rows = []
    for kind in part["rates"]["leat"]:
        values = [part["rates"][name].get(kind) for name in names]
        ahead = part["ahead"].get(kind)
        told = f"{ahead[0]:.2f} × ({ahead[1]:.2f}–{ahead[2]:.2f})" if ahead else ""
        goal = ""
        if kind in ("open", "stat") and ahead:
            # stat is the kernel's own answer for all that let it keep attributes: no one can be far ahead.
            goal = f"above every peer: {'level' if ahead[1] <= 1 <= ahead[2] else verdict(ahead[0] > 1)}"
        rows.append([kind, *(f"{value:,.0f}" if value else "" for value in values), told, goal])
    return (f"{part['files']} files of {part['size']} bytes in {part['server']}, one Python process, calls a second: "
            "`stat`, `open` and `close`, open and `read` and close, names listed; medians of 5 interleaved rounds (one "
            "when cold). Python's own microsecond a call is in all of them. Where some rounds are above and others "
            "below the best peer, the two are level.\n\n"
            + table(["", *names, "leat to the best peer", "goal"], rows) + failed(part))


def cold(part):
    rows = []
    for name, value in part["rates"].items():
        ratio = part["ratios"][name]
        is_goal = name in ("leat data load", "leat, 8 streams", "leat, 1 stream")
        rows.append([name, rate(value), times(ratio, part["spread"][name]), part["rounds"][name],
                     f"≥ 0.90: {verdict(ratio >= 0.9)}" if is_goal else ""])
    return (f"{part['bytes'] / 1e9:.2f} GB from {part['server']} on the same machine, medians of interleaved rounds. "
            "The plain downloader is two processes of `curl --parallel`, each with 8 ranges of 8 MiB at a time, to the "
            "same disk.\n\n"
            + table(["cold bytes", "rate", "of the downloader's", "rounds", "goal"], rows) + failed(part))


def sets(part):
    rows = []
    for factor in sorted({row["factor"] for row in part["rows"]}):
        hits = [row["hits"] for row in part["rows"] if row["factor"] == factor]
        rows.append([f"{factor:g} × the cache", *(f"{value:.2f}" for value in hits),
                     f"≥ 0.45: {verdict(min(hits[1:]) >= 0.45)}" if factor == 2 else ""])
    return (f"A cache of {part['cache'] >> 20} MiB, objects of {part['object'] >> 20} MiB, each epoch in another "
            "order; the part of all bytes that did not come from the source.\n\n"
            + table(["hits", "epoch 1", "2", "3", "goal"], rows))


def training(part):
    warm, peers_warm, first = part["warm"], part["peers"], part["first epoch"]
    names = ["mount", "native", *dict.fromkeys([*peers_warm, *first["rows"][0]["loss"]])]
    names = list(dict.fromkeys(names))

    def told(step, name):
        return f"{step['loss'][name]:.2%} (at most {step['most'][name]:.2%}, waits {step['waited'][name]:.2%})"
    rows = [["loss at 0.86 GB/s, warm", *(told(warm if name in warm["loss"] else peers_warm[name], name)
                                           if name in warm["loss"] or name in peers_warm else "" for name in names),
             f"< 1 %: {verdict(warm['loss']['mount'] < 0.01)}"]]
    for row in first["rows"]:
        rows.append([f"loss at {row['demand'] / 1e9:.2f} GB/s, first epoch",
                     *(f"{row['loss'][name]:.2%} (at most {row['most'][name]:.2%}, first batch after "
                       f"{row['first batch'][name]:.2f} s)" if name in row["loss"] else "" for name in names),
                     f"< 3 %: {verdict(row['loss']['mount'] < 0.03)}" if row is first["rows"][0] else ""])
    highest = part["highest"]
    rows.append(["highest demand with a loss under 1 %",
                 *(rate(highest[name]) if name in highest else "" for name in names), ""])
    return (f"{part['files']} files of {part['file'] / 1e6:.0f} MB in {part['server']}, {part['loaders']} loaders that "
            f"read 256 KiB at a time, batches of {part['batch'] / 1e6:.1f} MB, a consumer that sleeps as long as the "
            "demand allows. The loss is that of the rate with synthetic data, in interleaved rounds (the setup that "
            "this is taken from lost 3.29 %); *waits* is the part of the time in which no batch was ready, and the "
            "rest of a loss is the consumer's oversleeping while loaders had the processors. In the search for the "
            "highest demand the consumer has real-time priority, as an accelerator waits for no scheduler. In the "
            f"first epoch, of {part['first files']} files, server and loaders share the processors: the plain downloader "
            f"gets {first['plain'] / 1e9:.2f} GB/s from it, and the second demand is half of that. READ requests that "
            f"reached the worker when warm: {part['reads']}.\n\n" + table(["training loop", *names, "goal"], rows) + failed(part))


def small(part):
    def walks(figures, files):
        return f"{files / figures['walk_s']:,.0f}/s, again {files / figures['again_s']:,.0f}/s"
    fewer = f"{part['peer_files']:,}"
    rows = [[f"until mounted, median of {part['rounds']}", f"{part['mount_s']:.1f} s", ""],
            ["the listing's pages alone, one after the other", f"{part['pages_s']:.1f} s", ""],
            ["walk with every file's size (`find`)", walks(part, part["files"]), ""],
            [f"the native file system with {fewer} files, second walk",
             f"{part['peer_files'] / part['native_s']:,.0f}/s", ""]]
    for name, figures in part["peers"].items():
        if "walk_s" in figures:
            told = f"{walks(figures, part['peer_files'])}; memory {figures['rss'] / 1e6:.0f} MB"
        elif "patience" in figures:
            told = f"no walk in {figures['patience']} s"
        else:
            told = "failed: " + " ".join(figures["failed"].split())
        rows.append([f"{name} with {fewer} files, walk", told, ""])
    rows += [["manifest", f"{part['manifest'] / 1e6:.1f} MB", "< 100 MB: " + verdict(part["manifest"] < 100e6)],
             ["worker's memory (RSS) after the walks", f"{part['rss'] / 1e6:.0f} MB",
              "< 200 MB: " + verdict(part["rss"] < 200e6)],
             ["worker's memory at its peak", f"{part['peak_rss'] / 1e6:.0f} MB",
              "< 200 MB: " + verdict(part["peak_rss"] < 200e6)]]
    return table([f"{part['files']:,} files", "", "goal"], rows)


PARTS = (("fio", "Warm reads", fio), ("peers", "Reads beside peers", peers), ("storms", "Metadata", storms),
         ("cold", "Cold reads", cold), ("sets", "Working sets", sets), ("training", "The training loop", training),
         ("small", "Many small files", small))


def section(title, write, part):
    when = (f"Taken {part['taken']} in {part['seconds']:.0f} s; load average before and after: {part['load'][0]:.1f}, "
            f"{part['load'][1]:.1f}.\n")
    try:
        text = f"Skipped: {part['skipped']}.\n" if "skipped" in part else write(part)
    except KeyError as missing:
        text = f"Stopped before its end: {missing} is missing.\n"
    return f"## {title}\n\n{text}\n{when}"


def companions(machine):
    """Which peers took part and how they were mounted, and which were not there."""
    there = machine["peers"]
    rows = [f"- {name} {there[name]}: `{machine['mounted'][name]}`\n" for name in there]
    missing = [name for name in machine["mounted"] if name not in there]
    return ("## Peers\n\nEach is mounted as its own documentation says, with its own cache on the same disk, "
            "attributes kept for an hour, and the kernel's cache where it allows that.\n\n"
            + "".join(rows)
            + (f"\nNot on PATH, so left out: {', '.join(missing)}.\n" if missing else "")
            + """
s3fs and rclone are Debian's packages. JuiceFS and the server MinIO are installed as the page of each project says;
whichever is on PATH takes part. MinIO, where it is there, serves everybody, else our own `leat up` does (`--server`
chooses). Another peer is one entry in `bench/data/peers.py`.
""")


def document(figures):
    parts = [section(title, write, figures["parts"][name]) for name, title, write in PARTS if name in figures["parts"]]
    machine = figures["machine"]
    return (f"""# The data path in figures

Written by `bench/run data` (`bench/data/bench_data.py`), which measures and replaces this page and its plot.
Machine: {machine['cpus']} × {machine['cpu']}, {machine['memory'] >> 30} GiB, Linux {machine['kernel']}, file system of
the cache {machine['filesystem']}; S3 server: {machine['server']}. {machine['note']}

![Warm reads, cold reads, working sets and the training loop](data-path-figures.png)

""" + "\n".join([*parts, companions(machine)]))


def plot(figures, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    parts = figures["parts"]
    _, axes = pyplot.subplots(2, 2, figsize=(11, 8))
    (warm, cold_bytes), (hits, loop) = axes

    def rows_by(part, key):
        """The part's rows in groups; none of a part that was not measured whole."""
        groups = {}
        for row in parts.get(part, {}).get("rows", ()):
            groups.setdefault(row[key], []).append(row)
        return groups.items()
    for shape, rows in rows_by("fio", "shape"):
        warm.plot([str(row["jobs"]) for row in rows], [row["ratio"] for row in rows], marker="o", label=shape)
    warm.axhline(1, color="gray", linewidth=0.8)
    warm.set(title="Warm reads, as part of the native file system's", xlabel="fio jobs", ylim=(0, 1.3))
    rates = {name: rate for name, rate in parts.get("cold", {}).get("rates", {}).items() if "warm" not in name}
    cold_bytes.barh(list(rates), [rate / 1e6 for rate in rates.values()])
    cold_bytes.invert_yaxis()
    cold_bytes.set(title="Cold bytes, MB/s")
    for factor, rows in rows_by("sets", "factor"):
        hits.plot([str(row["epoch"]) for row in rows], [row["hits"] for row in rows], marker="o",
                  label=f"{factor:g} × the cache")
    hits.set(title="Hits of a working set", xlabel="epoch", ylim=(-0.05, 1.05))
    for name in ("mount", "native"):
        steps = sorted((step["demand"] / 1e9, 100 * step["loss"][name])
                       for step in parts.get("training", {}).get("steps", ()) if name in step["loss"])
        loop.plot([demand for demand, _ in steps], [loss for _, loss in steps], marker="o", label=name)
    loop.axhline(1, color="gray", linewidth=0.8)
    loop.set(title="Training loop: loss against synthetic data, %", xlabel="demand, GB/s", ylim=(-1, 8))
    for axis in (warm, hits, loop):
        axis.legend(fontsize=7)
    pyplot.tight_layout()
    pyplot.savefig(path, dpi=100)


if __name__ == "__main__":
    all_figures, where = json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2])
    where.with_suffix(".md").write_text(document(all_figures))
    try:
        plot(all_figures, where.with_suffix(".png"))
    except ImportError:
        print("no plot: install python3-matplotlib for it")
