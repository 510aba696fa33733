"""How fresh the numbers were: a histogram of seconds that adds up.

Percentiles cannot be added, counts can. So seconds are counted in buckets that grow
geometrically, one hour's buckets are added to the next hour's, and a percentile is
read off the sum. The number reported for a bucket lies so between its ends that it
is off by the same share at either: (growth - 1) / (growth + 1), below 5 percent.
That is the mapping of C. Masson, J. Rim and H. Lee, "DDSketch", PVLDB 12 (2019).

Pure and deterministic: the same seconds in any order make the same buckets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# Faster than any channel answers, and longer than anybody waits for one.
SHORTEST = 0.001
LONGEST = 30 * 86_400.0
GROWTH = 1.1
LAST_BUCKET = int(math.log(LONGEST / SHORTEST) / math.log(GROWTH))
RELATIVE_ERROR = (GROWTH - 1) / (GROWTH + 1)


def bucket_of(seconds: float) -> int:
    """Return the bucket that counts so many seconds.

    What is shorter or longer than the histogram's ends is counted at the end.
    """
    within = min(max(seconds, SHORTEST), LONGEST)
    index = int(math.log(within / SHORTEST) / math.log(GROWTH))
    return min(max(index, 0), LAST_BUCKET)


def seconds_of(bucket: int) -> float:
    """Return the seconds reported for a bucket."""
    return SHORTEST * math.pow(GROWTH, bucket) * 2 * GROWTH / (1 + GROWTH)


@dataclass
class Histogram:
    """Seconds counted in buckets; count, longest and last are exact.

    :param float maximum: the longest seconds added, as they were.
    :param last: the seconds added last, None when there are none.
    :param dict buckets: bucket → how many, without empty ones.
    """

    maximum: float = 0.0
    last: float | None = None
    buckets: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Iterable[float]) -> Histogram:
        """Return the histogram of these seconds, added in their order."""
        histogram = cls()
        for seconds in values:
            histogram.add(seconds)
        return histogram

    @classmethod
    def stored(
        cls, buckets: Mapping[str, int], maximum: float, last: float
    ) -> Histogram:
        """Return what ``as_json`` and the two numbers beside it were taken from."""
        counts = {int(bucket): count for bucket, count in buckets.items()}
        return cls(maximum=maximum, last=last, buckets=counts)

    def as_json(self) -> dict[str, int]:
        """Return the buckets as JSON takes them, in ascending order."""
        return {str(bucket): self.buckets[bucket] for bucket in sorted(self.buckets)}

    @property
    def count(self) -> int:
        """How many seconds were added."""
        return sum(self.buckets.values())

    def add(self, seconds: float) -> None:
        """Count one.

        :raise ValueError: when it is negative or no number at all.
        """
        if not math.isfinite(seconds) or seconds < 0:
            raise ValueError(f"no duration: {seconds!r}")
        bucket = bucket_of(seconds)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.maximum = max(self.maximum, seconds)
        self.last = seconds

    def merge(self, later: Histogram) -> None:
        """Add all of another histogram, whose seconds came later."""
        for bucket, count in later.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count
        self.maximum = max(self.maximum, later.maximum)
        if later.last is not None:
            self.last = later.last

    def percentile(self, percent: float) -> float | None:
        """Return the seconds that so many percent stayed within, by nearest rank.

        Off by at most ``RELATIVE_ERROR`` between the histogram's ends, and never
        above the longest, which is exact.

        :param float percent: above 0, up to 100.
        :return: None for an empty histogram.
        :raise ValueError: for a percent that is none.
        """
        if not 0 < percent <= 100:
            raise ValueError(f"no percentile: {percent!r}")
        count = self.count
        if not count:
            return None
        rank = math.ceil(percent * count / 100)
        if rank >= count:
            return self.maximum
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= rank:
                return min(seconds_of(bucket), self.maximum)
        raise AssertionError("unreachable: the ranks end with the last bucket")
