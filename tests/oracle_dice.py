"""Chance for random histories: every throw is Hypothesis', so that it can shrink them.

Hypothesis makes a failing history smaller by making its throws smaller, down to
zero. So zero always means the plainest choice, the first of a list.
"""

import time
from functools import cache

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

# A history takes seconds: what it is about shows long before it is as small as can be.
SHRINK_SECONDS = 60
SETTINGS = {
    # The first is always the plainest of all, of which one is enough: none.
    "max_examples": 2,
    "database": None,
    "deadline": None,
    "derandomize": False,
    "phases": (Phase.generate, Phase.shrink),
    "print_blob": False,
    "report_multiple_bugs": False,
    "suppress_health_check": list(HealthCheck),
    "verbosity": Verbosity.quiet,
}
PARTS_OF_ONE = 1 << 8
# More bits than a throw needs, so that all its outcomes are about equally likely.
SPARE_BITS = 4


@cache
def below(bound):
    """Return the strategy of the numbers from 0, shrinking to 0.

    Made of coins: whole numbers Hypothesis would draw neither evenly nor the same
    after any source file has changed, for it likes the constants it finds there.
    """
    bits = (bound - 1).bit_length() + SPARE_BITS

    def number(coins):
        thrown = sum(coin << place for place, coin in enumerate(reversed(coins)))
        return thrown * bound >> bits

    return st.tuples(*[st.booleans()] * bits).map(number)


class Dice:
    """What ``random.Random`` offers, as far as histories use it."""

    def __init__(self, data):
        self.data = data

    def randrange(self, bound):
        return self.data.draw(below(bound)) if bound > 1 else 0

    def randint(self, first, last):
        return first + self.randrange(last - first + 1)

    def random(self):
        return self.randrange(PARTS_OF_ONE) / PARTS_OF_ONE

    def choice(self, options):
        return options[self.randrange(len(options))]

    def weighted(self, weights):
        """Return a key of {key: how often it is drawn}."""
        thrown = self.randrange(sum(weights.values()))
        for key, weight in weights.items():
            if thrown < weight:
                return key
            thrown -= weight
        raise AssertionError("unreachable: the weights end with the last key")

    def sample(self, options, count):
        left = list(options)
        return [left.pop(self.randrange(len(left))) for _time in range(count)]


class Different(AssertionError):
    """A history after which two answers that must be equal are not."""


class Enough(BaseException):
    """Ends the shrinking; no ``Exception``, which Hypothesis would shrink, too."""


class Search:
    """One seed's history and, if it fails, smaller ones that fail as well."""

    def __init__(self, number, play, seconds=SHRINK_SECONDS):
        """:param play: called with the dice; whatever it raises is a failure."""
        self.number = number
        self.play = play
        self.seconds = seconds
        self.failure = None
        self.tried = 0
        self.until = None

    def run(self):
        """Play; return the smallest failure found, None where there is none."""

        @seed(self.number)
        @settings(**SETTINGS)
        @given(st.data())
        def example(data):
            if data.draw(below(PARTS_OF_ONE)):
                self.play_once(Dice(data))

        try:
            example()
        except Enough:
            return self.failure
        except Exception as error:  # what came of the last try, or that it wavered
            self.failure = self.failure or error
        return self.failure

    def play_once(self, dice):
        self.tried += 1
        if self.until and time.monotonic() > self.until:
            raise Enough
        try:
            self.play(dice)
        except Exception as error:
            # Hypothesis goes on from what failed, so the last one is the smallest.
            self.failure = error
            self.until = self.until or time.monotonic() + self.seconds
            raise
