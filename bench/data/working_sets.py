"""How often a working set of half, once and twice the cache's size hits, three shuffled epochs of each."""
import random

from mounted import LeatMount, write_random

EPOCHS = 3


def measure(options, scratch):
    object_size = (1 if options.short else 8) << 20
    cache_objects = 32
    rows = []
    for factor in (0.5, 1, 2):
        root = scratch / f"set-{factor}"
        names = [f"part-{at:03}" for at in range(int(cache_objects * factor))]
        for name in names:
            write_random(root / name, object_size)
        shuffle = random.Random(3)
        # What the worker keeps in memory is small beside the cache, else it would hit, too.
        with LeatMount(f"file://{root}", scratch, "--memory-limit", "16M",
                       size=f"{cache_objects * object_size >> 20}M") as mount:
            for epoch in range(EPOCHS):
                shuffle.shuffle(names)
                before = mount.stats()
                for name in names:
                    with open(mount.path / name, "rb", buffering=0) as file:
                        while file.read(1 << 18):
                            pass
                after = mount.stats()
                fetched = sum(after[key] - before[key] for key in ("fill_bytes", "through_bytes"))
                rows.append({"factor": factor, "epoch": epoch + 1, "hits": 1 - fetched / (object_size * len(names))})
            options.say(f"working set {factor} x cache: " + ", ".join(f"{row['hits']:.2f}" for row in rows[-EPOCHS:]))
    return {"rows": rows, "cache": cache_objects * object_size, "object": object_size}
