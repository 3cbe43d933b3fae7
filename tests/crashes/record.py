"""What a test knows to be true of a server it writes to and kills.

One writer owns each key, so that its writes are in order. A write that was answered is *sure*; the one under way when
the server died may or may not have come through: both answers are right, until the restarted server gives one.
"""
import collections
import threading

ABSENT = None


class Fault(AssertionError):
    """The server's answer is not what it had acknowledged."""


class Figures:
    """Counts for the report, of all writers."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts = collections.Counter()

    def add(self, what, number=1):
        with self.lock:
            self.counts[what] += number

    def __getitem__(self, what):
        with self.lock:
            return self.counts[what]


class Record:
    """Of one writer's keys: what each holds. Values are compared with ==; ABSENT is no value."""

    def __init__(self, owner, figures):
        self.owner = owner
        self.figures = figures
        self.values = {}
        self.pending = None  # (key, value) of the write that was not answered

    def begin(self, key, value):
        assert self.pending is None, self.pending
        self.pending = (key, value)

    def done(self, key, value, kind):
        """It was acknowledged; `value` may say more than begin() could know."""
        self.values[key] = value
        self.pending = None
        self.figures.add(kind)

    def refused(self):
        self.pending = None

    def get(self, key):
        return self.values.get(key, ABSENT)

    def settle(self, actual):
        """Compares with `actual`, {key: value} of all that is there, and goes on from what was found."""
        wrong = []
        for key in sorted(set(self.values) | set(actual) | ({self.pending[0]} if self.pending else set())):
            right = [self.get(key)]
            if self.pending and self.pending[0] == key:
                right.append(self.pending[1])
            found = actual.get(key, ABSENT)
            self.figures.add("checks")
            if not any(same(one, found) for one in right):
                wrong.append(f"{self.owner} {key}: {describe(found)}, acknowledged {' or '.join(map(describe, right))}")
            self.values[key] = found
        self.pending = None
        if wrong:
            raise Fault("\n".join([*wrong[:10], f"and {len(wrong) - 10} more"] if len(wrong) > 10 else wrong))


def same(expected, found):
    """What was not answered has no uid or revision yet: any one will do."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(expected[name] == found.get(name) for name in expected)
    return expected == found


def describe(value):
    return "absent" if value is ABSENT else repr(value)
