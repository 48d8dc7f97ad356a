"""How large the data folder and the process may be: what README states, in numbers."""
import collections
import time

MIB = 1 << 20
# What the process has beside the data: receive and log buffers, a checkpoint's, those of connections.
RESIDENT_FIXED = 96 * MIB
# For this long the log goes on at its full speed while a checkpoint, however small, is synced, read back
# and witnessed.
CHECKPOINT_TAIL_SECONDS = 1.0
UNITS = {"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}


def size(text):
    return int(text[:-2]) * UNITS[text[-2:]] if text[-2:] in UNITS else int(text)


class Bound:
    """Of one data folder, over the processes that run on it one after the other."""

    def __init__(self, segment_bytes, segments_ahead):
        self.segment_bytes, self.segments_ahead = segment_bytes, segments_ahead
        self.starts = 0  # since the newest checkpoint: each begins a segment
        self.number = self.keys = self.log = self.trigger = 0
        self.log_at_start = None
        self.used_peak = 0
        self.fastest = 0.0  # bytes of log a second
        self.last = None    # (when, bytes of log)
        # Of the newest checkpoints: the largest one that was due while each was the newest.
        self.largest = collections.deque([0], maxlen=3)
        self.triggers = collections.deque([0], maxlen=3)

    def started(self):
        self.starts += 1
        self.log_at_start = None
        self.used_peak = 0
        self.last = None

    def saw(self, info):
        """Takes in what INFO says. Returns how many checkpoints there have been since the last time."""
        number = int(info["checkpoint_number"])
        fresh = max(0, number - self.number)
        if fresh > 0:
            self.number = number
            self.starts = 1
            self.log_at_start = 0
            self.largest.append(0)
            self.triggers.append(0)
        self.keys = sum(int(v.split(",")[0][5:]) for k, v in info.items() if k[:2] == "db" and k[2:].isdigit())
        used = int(info["used_memory"])
        self.used_peak = max(self.used_peak, int(info["used_memory_peak"]))
        one = (used + 16 * self.keys) * 17 // 16 + 16 * 4096
        self.largest[-1] = max(self.largest[-1], one)
        self.trigger = int(info["checkpoint_log_trigger"])
        self.triggers[-1] = max(self.triggers[-1], self.trigger)
        self.log = int(info["checkpoint_log_bytes"])
        if self.log_at_start is None:
            self.log_at_start = self.log
        written, now = int(info["wal_written_bytes"]), time.monotonic()
        if self.last is not None:
            self.fastest = max(self.fastest, (written - self.last[1]) / (now - self.last[0]))
        self.last = (now, written)
        return fresh

    def log_bytes(self):
        """A checkpoint begins when the log has grown by the trigger, or at the start if it has by then, and
        is done when it has grown by half of that again."""
        trigger = max(self.triggers)
        behind = self.fastest * CHECKPOINT_TAIL_SECONDS
        segments = (self.segments_ahead + 2 + self.starts) * self.segment_bytes
        return max(trigger, self.log_at_start or 0) + trigger / 2 + behind + segments

    def disk(self):
        # An eighth more than a checkpoint is kept free for the next one, in steps of a quarter segment;
        # a quarter more, and another step, stays when there is less than there was.
        step = self.segment_bytes / 4
        file = (max(self.largest) * 9 / 8 + step) * 5 / 4 + step
        return int(2 * file + self.log_bytes())

    def resident(self):
        return int(self.used_peak * 1.08 + RESIDENT_FIXED)
