"""The seed's experiment on one machine: loaders feed a consumer that has a fixed appetite, from a mount or from
nothing at all (synthetic data), and the loss is what the mount costs of the synthetic rate.

Eight loader processes take files of about 130 MB in a shuffled order and read each from its begin to its end, 256 KiB
at a time. The consumer takes a batch (256 examples of 114,660 bytes), sleeps for as long as an accelerator would
compute at the demanded rate, and decodes nothing. Each loader may be two batches ahead, as PyTorch's are.
"""
import multiprocessing
import os
import random
import statistics
import time

from mounted import Leat, LeatMount, s3_environment, upload, warm_alike, write_random

LOADERS, AHEAD = 8, 2
READ = 256 << 10
BATCH = 256 * 114_660  # the seed's: ResNet-50 on ImageNet
FILE = 130_000_000
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


def consume(paths, demand, seconds):
    """Bytes a second that the consumer gets through, from its second batch on."""
    slots, ready, stop = (multiprocessing.Semaphore(LOADERS * AHEAD), multiprocessing.Semaphore(0),
                          multiprocessing.Event())
    turn = multiprocessing.Value("q", 0)
    loaders = [multiprocessing.Process(target=loader, args=(paths, turn, slots, ready, stop), daemon=True)
               for _ in range(LOADERS)]
    for process in loaders:
        process.start()
    pause = BATCH / demand
    wanted = max(10, int(seconds / pause))
    try:
        if not ready.acquire(timeout=60):
            raise RuntimeError("no batch came in 60 s")
        slots.release()
        begin = time.perf_counter()
        for _ in range(wanted):
            if not ready.acquire(timeout=60):
                raise RuntimeError("no batch came in 60 s")
            slots.release()
            time.sleep(pause)
        return wanted * BATCH / (time.perf_counter() - begin)
    finally:
        stop.set()
        for _ in loaders:
            slots.release()
        for process in loaders:
            process.join(10)
            process.kill()


def losses(sources, demand, seconds, rounds):
    """The loss of each source in interleaved rounds, and the rate of the synthetic data."""
    sources = {"synthetic": [], **sources}
    rates = {name: [] for name in sources}
    for turn in range(rounds):
        for name in sorted(sources, reverse=turn % 2 == 1):
            rates[name].append(consume(sources[name], demand, seconds))
    all_losses = {name: [1 - got / synthetic for got, synthetic in zip(rates[name], rates["synthetic"])]
                  for name in sources if name != "synthetic"}
    return {"demand": demand, "synthetic": statistics.median(rates["synthetic"]),
            "loss": {name: statistics.median(each) for name, each in all_losses.items()},
            "most": {name: max(each) for name, each in all_losses.items()}}


def ladder(sources, options):
    """The losses at ever higher demands, steps of two fifths, until each source has lost 1 % or more."""
    steps, demand, losing = [], DEMAND, set()
    while len(losing) < len(sources) and demand < (1.2e9 if options.short else 40e9):
        left = {name: paths for name, paths in sources.items() if name not in losing}
        steps.append(losses(left, demand, options.seconds * 3, 1 if options.short else 3))
        losing |= {name for name, loss in steps[-1]["loss"].items() if loss >= 0.01}
        demand *= 1.4
    return steps


def highest(steps, name):
    """The highest demand that lost less than 1 %."""
    return max((step["demand"] for step in steps if step["loss"].get(name, 1) < 0.01), default=0)


def measure(options, scratch):
    names = [f"train-{at:05}" for at in range(2 if options.short else 6)]
    for name in names:
        write_random(scratch / "tfrecords" / name, FILE)
    result = {"files": len(names), "file": FILE, "batch": BATCH, "loaders": LOADERS}
    with LeatMount(f"file://{scratch}/tfrecords", scratch) as mount:
        mount.leat("data", "load", mount.path)
        sources = {"native": [str(scratch / "tfrecords" / name) for name in names],
                   "mount": [str(mount.path / name) for name in names]}
        warm_alike((scratch / "tfrecords", mount.cache), sources["native"] + sources["mount"])
        before = mount.stats()["fuse_reads"]
        result["warm"] = losses(sources, DEMAND, options.seconds * 5, options.pairs)
        options.say(f"training, warm, {DEMAND / 1e9:.2f} GB/s: " + shown(result["warm"]["loss"]))
        result["steps"] = ladder(sources, options)
        for step in result["steps"]:
            options.say(f"training, warm, {step['demand'] / 1e9:.2f} GB/s: " + shown(step["loss"]))
        result["highest"] = {name: highest(result["steps"], name) for name in sources}
        result["reads"] = mount.stats()["fuse_reads"] - before
    return {**result, "first epoch": first_epoch(scratch / "tfrecords", names, options, scratch)}


def shown(loss):
    return ", ".join(f"{name} loses {value:.2%}" for name, value in loss.items())


def first_epoch(root, names, options, scratch):
    """The loss while nothing is cached yet and all comes from the S3 endpoint of `leat up` on this machine."""
    with Leat() as leat:
        upload(leat, "bench", root)
        with LeatMount("s3://bench/", scratch, env=s3_environment(leat)) as mount:
            paths = [str(mount.path / name) for name in names]
            seconds = FILE * len(names) / DEMAND
            lost = []
            for _ in range(1 if options.short else 3):
                mount.leat("data", "evict", mount.path)
                cold = consume(paths, DEMAND, seconds)
                lost.append(1 - cold / consume([], DEMAND, seconds))
            stall = mount.stats()["stall_ms"]
    options.say(f"training, first epoch: loss {statistics.median(lost):.2%}")
    return {"loss": statistics.median(lost), "stall_ms": stall}
