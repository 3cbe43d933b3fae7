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


def fio(part):
    rows = [[row["shape"], row["jobs"], rate(row["native"]), rate(row["mount"]),
             f"{row['ratio']:.3f} ({row['least']:.2f}–{row['most']:.2f})",
             f"{row['cpu']:.3f}",
             f"≥ {row['goal']:.2f}: {verdict(row['ratio'] >= row['goal'])}" if row["goal"] else ""]
            for row in part["rows"]]
    return (f"A cached file of {part['size'] >> 20} MiB beside the same file on the cache's own disk, both in the page "
            f"cache, fio with `--invalidate=0`, medians of {part['pairs']} interleaved pairs (the least and the greatest "
            f"ratio in parentheses). READ requests that reached the worker in all of these runs: {part['reads']} "
            f"(goal 0: {verdict(part['reads'] == 0)}).\n\n"
            + table(["warm reads by fio", "jobs", "native", "mount", "ratio", "per CPU second", "goal"], rows))


def storms(part):
    names = list(part["rates"])
    kinds = [kind for kind in part["rates"]["leat"]]
    rows = []
    for kind in kinds:
        values = [part["rates"][name].get(kind) for name in names]
        of_peers = [value for name, value in zip(names, values) if name not in ("native", "leat") and value]
        goal = ""
        if kind in ("open", "stat", "list", "read") and of_peers:
            times = part["rates"]["leat"][kind] / max(of_peers)
            # stat is the kernel's own answer for all that let it keep attributes: no one can be far ahead.
            goal = f"above every peer: {'level' if 0.9 < times < 1.1 else verdict(times > 1)} ({times:.2f} ×)"
        rows.append([kind, *(f"{value:,.0f}" if value else "" for value in values), goal])
    return (f"{part['files']} files of {part['size']} bytes, one Python process, calls a second: `stat`, `open` and "
            "`close`, open and `read` and close, names listed.\n\n" + table(["", *names, "goal"], rows) + absent(part))


def absent(part):
    return f"\nNot installed, so left out: {', '.join(part['absent'])}.\n" if part["absent"] else ""


def cold(part):
    rows = []
    for name, value in part["rates"].items():
        ratio = part["ratios"].get(name)
        is_goal = name in ("leat data load", "leat, 8 streams", "leat, 1 stream")
        rows.append([name, rate(value), f"{ratio:.2f}" if ratio else "",
                     f"≥ 0.90: {verdict(ratio >= 0.9)}" if is_goal else ""])
    return (f"{part['bytes'] / 1e9:.2f} GB from the S3 endpoint of a `leat up` on the same machine, medians of "
            f"{part['rounds']} interleaved rounds (one for the peers). The plain downloader is `curl --parallel`, 16 "
            "ranges of 8 MiB at a time, to the same disk.\n\n"
            + table(["cold bytes", "rate", "of the downloader's", "goal"], rows) + absent(part))


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
    warm = part["warm"]
    rows = [["loss at 0.86 GB/s, warm", *(f"{warm['loss'][name]:.2%} (at most {warm['most'][name]:.2%})"
                                           for name in ("mount", "native")),
             f"< 1 %: {verdict(warm['loss']['mount'] < 0.01)}"],
            ["loss at 0.86 GB/s, first epoch, from S3", f"{part['first epoch']['loss']:.2%}", "", ""],
            ["READ requests that reached the worker, warm", part["reads"], "", ""],
            ["highest demand with a loss under 1 %", rate(part["highest"]["mount"]), rate(part["highest"]["native"]), ""]]
    return (f"{part['files']} files of {part['file'] / 1e6:.0f} MB, {part['loaders']} loaders that read 256 KiB at a "
            f"time, batches of {part['batch'] / 1e6:.1f} MB, a consumer that sleeps as long as the demand allows. The "
            "loss is that of the rate with synthetic data, in interleaved rounds. (The setup that this is taken from "
            "lost 3.29 %.)\n\n" + table(["training loop", "mount", "native", "goal"], rows))


def small(part):
    rows = [["until mounted", f"{part['mount_s']:.1f} s", ""],
            ["the listing's pages alone, one after the other", f"{part['pages_s']:.1f} s", ""],
            ["walk with `stat` of every file", f"{part['walk_s']:.1f} s", ""],
            ["manifest", f"{part['manifest'] / 1e6:.1f} MB", "< 100 MB: " + verdict(part["manifest"] < 100e6)],
            ["worker's memory (RSS) after the walk", f"{part['rss'] / 1e6:.0f} MB",
             "< 200 MB: " + verdict(part["rss"] < 200e6)],
            ["worker's memory at its peak", f"{part['peak_rss'] / 1e6:.0f} MB", ""]]
    return table([f"{part['files']:,} files", "", "goal"], rows)


PARTS = (("fio", "Warm reads", fio), ("storms", "Metadata", storms), ("cold", "Cold reads", cold),
         ("sets", "Working sets", sets), ("training", "The training loop", training),
         ("small", "Many small files", small))


def document(figures):
    parts = []
    for name, title, write in PARTS:
        part = figures["parts"].get(name)
        if not part:
            continue
        if "skipped" in part:
            parts.append(f"## {title}\n\nSkipped: {part['skipped']}.\n")
            continue
        load = f"Load average before and after: {part['load'][0]:.1f}, {part['load'][1]:.1f}.\n"
        parts.append(f"## {title}\n\n{write(part)}\n{load}")
    machine = figures["machine"]
    return (f"""# The data path in figures

Written by `bench/run data` (`bench/data/bench_data.py`), which measures and replaces this page and its plot.
Machine: {machine['cpus']} × {machine['cpu']}, {machine['memory'] >> 30} GiB, Linux {machine['kernel']}, file system of
the cache {machine['filesystem']}; {machine['date']}. {machine['note']}

![Warm reads, cold reads, working sets and the training loop](data-path-figures.png)

""" + "\n".join(parts))


def plot(figures, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    parts = figures["parts"]
    _, axes = pyplot.subplots(2, 2, figsize=(11, 8))
    if "rows" in parts.get("fio", {}):
        axis = axes[0][0]
        for shape in dict.fromkeys(row["shape"] for row in parts["fio"]["rows"]):
            rows = [row for row in parts["fio"]["rows"] if row["shape"] == shape]
            axis.plot([str(row["jobs"]) for row in rows], [row["ratio"] for row in rows], marker="o", label=shape)
        axis.axhline(1, color="gray", linewidth=0.8)
        axis.set(title="Warm reads, as part of the native file system's", xlabel="fio jobs", ylim=(0, 1.3))
        axis.legend(fontsize=7, loc="lower left")
    if "cold" in parts:
        rates = parts["cold"]["rates"]
        names = [name for name in reversed(rates) if "warm" not in name]
        axes[0][1].barh(names, [rates[name] / 1e6 for name in names])
        axes[0][1].set(title="Cold bytes, MB/s")
    if "sets" in parts:
        axis = axes[1][0]
        for factor in sorted({row["factor"] for row in parts["sets"]["rows"]}):
            rows = [row for row in parts["sets"]["rows"] if row["factor"] == factor]
            axis.plot([str(row["epoch"]) for row in rows], [row["hits"] for row in rows], marker="o",
                      label=f"{factor:g} × the cache")
        axis.set(title="Hits of a working set", xlabel="epoch", ylim=(-0.05, 1.05))
        axis.legend()
    if "training" in parts:
        axis = axes[1][1]
        for name in ("mount", "native"):
            steps = [step for step in parts["training"]["steps"] if name in step["loss"]]
            axis.plot([step["demand"] / 1e9 for step in steps], [100 * step["loss"][name] for step in steps],
                      marker="o", label=name)
        axis.axhline(1, color="gray", linewidth=0.8)
        axis.set(title="Training loop: loss against synthetic data, %", xlabel="demand, GB/s")
        axis.legend()
    pyplot.tight_layout()
    pyplot.savefig(path, dpi=100)


if __name__ == "__main__":
    all_figures, where = json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2])
    where.with_suffix(".md").write_text(document(all_figures))
    try:
        plot(all_figures, where.with_suffix(".png"))
    except ImportError:
        print("no plot: install python3-matplotlib for it")
