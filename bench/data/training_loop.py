"""The seed's experiment on one machine: loaders feed a consumer that has a fixed appetite, from a mount or from
nothing at all (synthetic data), and the loss is what the mount costs of the synthetic rate.

Eight loader processes take files of 130 MB in a shuffled order and read each from its begin to its end, 256 KiB at a
time. The consumer takes a batch (256 examples of 114,660 bytes), sleeps for as long as an accelerator would compute at
the demanded rate, and decodes nothing. Each loader may be two batches ahead, as PyTorch's are. A loss has two parts:
the consumer waited for a batch, or it slept longer than told, for the loaders had the processors. The second one is
the scheduler's; so the search for the highest demand, where loaders fill the machine, has the consumer run
with real-time priority (an accelerator waits for no scheduler), with synthetic data, too.
"""
import math
import multiprocessing
import os
import random
import statistics
import time

from mounted import LeatMount, settle, warm_alike, write_random
from peers import Published
from servers import download, serve

LOADERS, AHEAD = 8, 2
READ = 256 << 10
BATCH = 256 * 114_660  # the seed's: ResNet-50 on ImageNet
FILE = 130_000_000
FILES, FIRST_EPOCH_FILES = 12, 40  # an epoch of some seconds, or it is all beginning
DEMAND = 0.86e9  # bytes a second of the seed's node of eight V100s


def reads(paths, turn):
    """The sizes of one read after the other, for ever; without paths, of reads that did not happen.

    The loaders take files by turns from one shuffled order for each epoch."""
    buffer = bytearray(READ)
    while not paths:
        yield READ
    while True:
        with turn.get_lock():
            epoch, place = divmod(turn.value, len(paths))
            turn.value += 1
        fd = os.open(random.Random(epoch).sample(paths, len(paths))[place], os.O_RDONLY)
        while got := os.readv(fd, [buffer]):
            yield got
        os.close(fd)


def loader(paths, turn, slots, ready, stop):
    have = 0
    for got in reads(paths, turn):
        have += got
        if have >= BATCH:
            have -= BATCH
            slots.acquire()
            if stop.is_set():
                return
            ready.release()


def consume(paths, demand, seconds, real_time=False):
    """(bytes a second that the consumer gets through from its second batch on, part of the time that it waited,
    seconds until it had its first batch)."""
    slots, ready, stop = (multiprocessing.Semaphore(LOADERS * AHEAD), multiprocessing.Semaphore(0),
                          multiprocessing.Event())
    turn = multiprocessing.Value("q", 0)
    loaders = [multiprocessing.Process(target=loader, args=(paths, turn, slots, ready, stop), daemon=True)
               for _ in range(LOADERS)]
    for process in loaders:
        process.start()
    pause = BATCH / demand
    # Loaders begin together, so their batches come in bursts: whole bursts are counted, and no begun one is a gain.
    wanted = max(1, int(seconds / pause / LOADERS)) * LOADERS
    started, waited = time.perf_counter(), 0

    def take():
        nonlocal waited
        begin = time.perf_counter()
        if not ready.acquire(timeout=60):
            raise RuntimeError("no batch came in 60 s")
        slots.release()
        waited += time.perf_counter() - begin
    try:
        if real_time:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        take()
        waited, begin = 0, time.perf_counter()
        for _ in range(wanted):
            take()
            time.sleep(pause)
        took = time.perf_counter() - begin
        return wanted * BATCH / took, waited / took, begin - started
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        stop.set()
        for _ in loaders:
            slots.release()
        for process in loaders:
            process.join(10)
            process.kill()


def losses(sources, demand, seconds, rounds, real_time=False):
    """The loss of each source in interleaved rounds, and the rate of the synthetic data."""
    sources = {"synthetic": [], **sources}
    got = {name: [] for name in sources}
    for turn in range(rounds):
        for name in list(sources) if turn % 2 == 0 else reversed(sources):
            got[name].append(consume(sources[name], demand, seconds, real_time))
    lost = {name: [1 - mine[0] / synthetic[0] for mine, synthetic in zip(got[name], got["synthetic"])]
            for name in sources if name != "synthetic"}
    return {"demand": demand, "synthetic": statistics.median(rate for rate, *_ in got["synthetic"]),
            "loss": {name: statistics.median(each) for name, each in lost.items()},
            "most": {name: max(each) for name, each in lost.items()},
            "waited": {name: statistics.median(part for _, part, _ in got[name]) for name in lost}}


def search(sources, options):
    """The losses at the demands that were tried for the highest one at which a source loses less than 1 %: doubled
    until it loses, then the middle of what it held and what it lost, until they are a tenth apart."""
    steps, bounds = [], {name: (0, math.inf) for name in sources}
    while True:
        tries = {}
        for name, (held, lost) in bounds.items():
            if lost == math.inf and held < (1e9 if options.short else 50e9):
                tries.setdefault(max(DEMAND, 2 * held), []).append(name)
            elif held and lost < math.inf and lost / held > (1.5 if options.short else 1.1):
                tries.setdefault(math.sqrt(held * lost), []).append(name)
        if not tries:
            return steps, {name: held for name, (held, _) in bounds.items()}
        for demand, names in tries.items():
            step = losses({name: sources[name] for name in names}, demand, options.seconds * 1.5,
                          1 if options.short else 3, real_time=True)
            steps.append(step)
            for name in names:
                held, lost = bounds[name]
                # Much faster than synthetic data is no figure but noise, and proves nothing.
                bounds[name] = (demand, lost) if abs(step["loss"][name]) < 0.01 else (held, demand)
            options.say(f"training, warm, {demand / 1e9:.2f} GB/s: {shown(step)}")


def measure(options, scratch):
    first_names = [f"train-{at:05}" for at in range(3 if options.short else FIRST_EPOCH_FILES)]
    names = first_names[:2 if options.short else FILES]
    root = scratch / "tfrecords"
    for name in first_names:
        write_random(root / name, FILE)
    result = {"files": len(names), "first files": len(first_names), "file": FILE, "batch": BATCH, "loaders": LOADERS}

    def paths(of):
        return [str(of / name) for name in names]
    with serve(options.server, scratch) as endpoint:
        published = Published(endpoint, "bench", root, scratch)
        os.sync()
        with LeatMount("s3://bench/", scratch, env=endpoint.environment()) as mount:
            result["first epoch"] = first_epoch(mount, endpoint, published, first_names, options, scratch)
            for name in first_names[len(names):]:
                (root / name).unlink()
            mount.leat("data", "load", mount.path)
            sources = {"native": paths(root), "mount": paths(mount.path)}
            warm_alike((root, mount.cache), sources["native"] + sources["mount"])
            before = mount.stats()["fuse_reads"]
            result["warm"] = losses(sources, DEMAND, options.seconds * 6, options.pairs)
            options.say(f"training, warm, {DEMAND / 1e9:.2f} GB/s: {shown(result['warm'])}")
            options.keep(result)
            result["steps"], result["highest"] = search(sources, options)
            result["reads"] = mount.stats()["fuse_reads"] - before
            options.keep(result)
        warm = result["peers"] = {}

        def measured(peer):
            warm_alike((), paths(peer.path))
            warm[peer.name] = losses({peer.name: paths(peer.path)}, DEMAND, options.seconds * 4,
                                     1 if options.short else 3)
            options.say(f"training, warm, {DEMAND / 1e9:.2f} GB/s: {shown(warm[peer.name])}")
        published.each(measured)
    return {**result, "failed": published.failed, "server": endpoint.server}


def shown(step):
    return ", ".join(f"{name} loses {value:.2%} (waits {step['waited'][name]:.2%})"
                     for name, value in step["loss"].items())


def first_epoch(mount, endpoint, published, names, options, scratch):
    """The losses of the first epoch, while nothing is cached yet: at the seed's demand, and at half of what a plain
    downloader gets from the server, for server and loaders share the machine. A loss counts from the second batch on,
    so how long the first one took is told beside it."""
    total = FILE * len(names)

    def plain_rate():
        settle(total)
        return total / download(endpoint, "bench", names, FILE, scratch / "plain")
    plain = statistics.median(plain_rate() for _ in range(3))
    rows = []
    for demand in (DEMAND, plain / 2):
        seconds = (total - LOADERS * BATCH) / demand  # of the last burst, no batch is of the second epoch
        lost, firsts = {}, {}

        def measured(name, root):
            settle(total)
            got, _, first = consume([str(root / each) for each in names], demand, seconds)
            lost.setdefault(name, []).append(1 - got / synthetic)
            firsts.setdefault(name, []).append(first)
        for _ in range(1 if options.short else 3):
            synthetic = consume([], demand, seconds)[0]
            mount.evict()
            measured("mount", mount.path)
            published.each(lambda peer: measured(peer.name, peer.path))
        rows.append({"demand": demand, "loss": {name: statistics.median(all) for name, all in lost.items()},
                     "most": {name: max(all) for name, all in lost.items()},
                     "first batch": {name: statistics.median(all) for name, all in firsts.items()}})
        options.say(f"training, first epoch, {demand / 1e9:.2f} GB/s: "
                    + ", ".join(f"{name} loses {value:.2%}" for name, value in rows[-1]["loss"].items()))
    return {"plain": plain, "rows": rows, "stall_ms": mount.stats()["stall_ms"]}
