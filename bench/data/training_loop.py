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

from mounted import Leat, LeatMount, s3_environment, upload, write_random

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


def pairs(paths, demand, seconds, count):
    """The loss of each of `count` interleaved pairs, and the rates."""
    rates = {"synthetic": [], "read": []}
    for pair in range(count):
        for which in sorted(rates, reverse=pair % 2 == 1):
            rates[which].append(consume(paths if which == "read" else [], demand, seconds))
    losses = [1 - read / synthetic for read, synthetic in zip(rates["read"], rates["synthetic"])]
    return {"demand": demand, "loss": statistics.median(losses), "most": max(losses),
            **{which: statistics.median(all) for which, all in rates.items()}}


def highest(paths, options, ceiling):
    """The highest demand of a coarse ladder (steps of a quarter) whose loss stays under 1 %, with all steps."""
    steps, demand, best = [], DEMAND, None
    while demand < ceiling:
        steps.append(pairs(paths, demand, options.seconds * 2, 1 if options.short else 3))
        if steps[-1]["loss"] >= 0.01:
            break
        best = demand
        demand *= 1.25
    return best, steps


def measure(options, scratch):
    names = [f"train-{at:05}" for at in range(2 if options.short else 6)]
    for name in names:
        write_random(scratch / "tfrecords" / name, FILE)
    native = [str(scratch / "tfrecords" / name) for name in names]
    result = {"files": len(names), "file": FILE, "batch": BATCH, "loaders": LOADERS}
    with LeatMount(f"file://{scratch}/tfrecords", scratch) as mount:
        mounted = [str(mount.path / name) for name in names]
        mount.leat("data", "load", mount.path)
        for paths in (native, mounted):
            for path in paths:
                with open(path, "rb", buffering=0) as file:
                    while file.read(1 << 20):
                        pass
        before = mount.stats()["fuse_reads"]
        result["warm"] = pairs(mounted, DEMAND, options.seconds * 5, options.pairs)
        options.say(f"training, warm: loss {result['warm']['loss']:.2%} at {DEMAND / 1e9:.2f} GB/s")
        result["highest"], result["steps"] = highest(mounted, options, 1e9 if options.short else 40e9)
        result["highest native"], result["native steps"] = highest(native, options, 1e9 if options.short else 40e9)
        result["reads"] = mount.stats()["fuse_reads"] - before
        options.say(f"training: loss under 1 % up to {(result['highest'] or 0) / 1e9:.2f} GB/s, native "
                    f"{(result['highest native'] or 0) / 1e9:.2f} GB/s")
    return {**result, "first epoch": first_epoch(scratch / "tfrecords", names, options, scratch)}


def first_epoch(root, names, options, scratch):
    """The loss while nothing is cached yet and all comes from the S3 endpoint of `leat up` on this machine."""
    with Leat() as leat:
        upload(leat, "bench", root)
        with LeatMount("s3://bench/", scratch, env=s3_environment(leat)) as mount:
            paths = [str(mount.path / name) for name in names]
            seconds = FILE * len(names) / DEMAND
            losses = []
            for _ in range(1 if options.short else 3):
                mount.leat("data", "evict", mount.path)
                cold = consume(paths, DEMAND, seconds)
                losses.append(1 - cold / consume([], DEMAND, seconds))
            stall = mount.stats()["stall_ms"]
    options.say(f"training, first epoch: loss {statistics.median(losses):.2%}")
    return {"loss": statistics.median(losses), "stall_ms": stall}
