"""Random stories of one channel: numbers, sales, lost answers, repeats, read-backs.

Needs the package ``hypothesis``, so that it is no part of :class:`.ConnectorConformance`::

    class TestMyShop(StoryConformance, ConnectorConformance, unittest.TestCase):
        ...

A story that fails is told in its shortest form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from ..data import QuantityKey, QuantityUpdate, ResultStatus, UpdateResult
from ..errors import ConnectorError, Misconfigured, RateLimited, RetryLater
from .conformance_base import ConformanceBase
from .fake_channel import Fault

MOST_STEPS = 10
_CALLS = (0, 0, 1, 2)
"""Which call of a push meets a fault; most channels need one or two for it."""
_STRIDE = 100
"""Numbers of different steps differ by more than a story ever sells."""

SETTINGS = settings(max_examples=60, derandomize=True, database=None, deadline=None)
"""The same stories in every run: a red test must be red again on the next machine."""

_FAULTS = (
    None,
    Fault.LOST_ANSWER,
    Fault.RATE_LIMIT,
    Fault.DOWN,
    Fault.BROKEN,
    Fault.REFUSED,
    Fault.LOST_ANSWER,
    Fault.RUBBISH,
    Fault.UNAUTHORIZED,
)


@dataclass(frozen=True)
class Publish:
    """The hub tells numbers.

    :param keys: positions of the keys it tells, each once.
    :param fault: what happens to one of the calls.
    :param int call: to which of them, counted from zero.
    """

    keys: tuple[int, ...]
    fault: Fault | None
    call: int


@dataclass(frozen=True)
class Sell:
    """The channel sells units that it shows; the hub does not know yet."""

    key: int
    units: int


@dataclass(frozen=True)
class Repeat:
    """The hub tells the last push again under its key, as after a crash."""


@dataclass(frozen=True)
class Arrive:
    """The network delivers a call of an earlier push once more, much too late."""

    call: int


@dataclass(frozen=True)
class ReadBack:
    """The hub reads what is shown."""


Step = Publish | Sell | Repeat | Arrive | ReadBack


def stories(key_count: int) -> st.SearchStrategy[list[Step]]:
    """Return random stories of a channel that shows so many numbers."""
    position = st.integers(0, key_count - 1)
    steps: st.SearchStrategy[Step] = st.one_of(
        st.builds(
            Publish,
            st.lists(position, min_size=1, max_size=key_count, unique=True).map(tuple),
            st.sampled_from(_FAULTS),
            st.sampled_from(_CALLS),
        ),
        st.builds(Sell, position, st.integers(1, 3)),
        st.just(Repeat()),
        st.builds(Arrive, st.integers(0, 5)),
        st.just(ReadBack()),
    )
    return st.lists(steps, min_size=4, max_size=MOST_STEPS)


class StoryConformance(ConformanceBase):
    """Whatever happens, a number changes only into the one that was just told."""

    def sell(self, key: QuantityKey, units: Decimal) -> None:
        """Let the channel sell; override where your fake keeps other books."""
        self.server.books.sell(key.sku, key.location_id, units)

    def test_story(self) -> None:
        """No old number comes back, and in the end all numbers are equal.

        What to do: keep nothing between calls and repeat none by yourself; say
        ``applied`` only for what the channel shows, and let the errors of the
        transport through. The story's last step is the one that went wrong.
        """
        self.need("read_back")

        @SETTINGS
        @given(stories(len(self.keys)))
        def play(story: list[Step]) -> None:
            _Play(self, story).run()

        play()


class _Play:
    """One story: the hub's side of it, and what must hold after each step."""

    def __init__(self, case: StoryConformance, story: Sequence[Step]) -> None:
        case.begin()
        self._case = case
        self._story = story
        self._number = 0
        # What the hub thinks is shown; None where it must read back first.
        self._expected = {key: self._shown(key) for key in case.keys}
        self._last: tuple[list[QuantityUpdate], str] | None = None
        self._is_settled = False
        self._writes: list[int] = []

    def run(self) -> None:
        """Play every step, then let the numbers become equal."""
        for step in self._story:
            self._case.clock.advance(1)
            match step:
                case Publish():
                    self._publish([self._case.keys[i] for i in step.keys], step)
                case Sell():
                    self._sell(self._case.keys[step.key], step.units)
                case Repeat():
                    self._repeat()
                case Arrive():
                    self._arrive(step.call)
                case ReadBack():
                    self._read_back()
        self._read_back()
        quiet = Publish(tuple(range(len(self._case.keys))), None, 0)
        results = self._publish(self._case.keys, quiet)
        told = {result.status for result in results}
        self._case.assertEqual({ResultStatus.APPLIED}, told, "the end of the story")
        self._read_back()

    def _shown(self, key: QuantityKey) -> Decimal | None:
        return self._case.server.quantity(key)

    # ------------------------------------------------------------------- steps

    def _publish(
        self, keys: Sequence[QuantityKey], step: Publish
    ) -> list[UpdateResult]:
        """Tell a new number for each key, as the hub does: known keys only."""
        if any(self._expected[key] is None for key in keys):
            self._read_back()
        self._number += 1
        updates = [self._update(key, place) for place, key in enumerate(keys)]
        self._last = updates, f"push-{self._number}"
        transport = self._case.transport
        before = len(transport.calls)
        transport.faults = [*(None for _call in range(step.call)), step.fault]
        with self._only(updates):
            results = self._told(updates)
        transport.faults = []
        calls = enumerate(transport.calls[before:], start=before)
        is_write = self._case.server.is_write
        writes = [index for index, call in calls if is_write(call)]
        # Only what was answered is known to have had its effect.
        statuses = {result.status for result in results}
        self._is_settled = bool(results) and ResultStatus.UNKNOWN not in statuses
        if self._is_settled:
            self._writes += writes
        return results

    def _update(self, key: QuantityKey, place: int) -> QuantityUpdate:
        compares = self._case.capabilities.compare_and_set
        number = self._number * _STRIDE + place
        return QuantityUpdate(
            key=key,
            quantity=Decimal(number),
            unit="Units",
            sequence=1_000 + self._number,
            previous=self._expected[key] if compares else None,
        )

    def _told(self, updates: Sequence[QuantityUpdate]) -> list[UpdateResult]:
        """Publish and hold each answer against what the channel shows now."""
        case = self._case
        before = {update.key: self._shown(update.key) for update in updates}
        assert self._last is not None
        try:
            results = case.connector.publish(updates, self._last[1])
        except ConnectorError as error:
            is_seen = not isinstance(error, RateLimited | Misconfigured)
            case.assertIsInstance(error, RetryLater | Misconfigured)
            for update in updates:
                if is_seen:
                    self._expected[update.key] = None
                else:
                    case.assertEqual(
                        before[update.key],
                        self._shown(update.key),
                        f"{type(error).__name__} says that nothing was applied",
                    )
            return []
        case.assertEqual(len(updates), len(results))
        for update, result in zip(updates, results, strict=True):
            self._check(update, result, before[update.key])
        return results

    def _check(
        self, update: QuantityUpdate, result: UpdateResult, before: Decimal | None
    ) -> None:
        case, shown = self._case, self._shown(update.key)
        match result.status:
            case ResultStatus.APPLIED:
                case.assertEqual(update.quantity, shown, "applied, but not shown")
                case.assertIn(result.quantity, (None, shown))
                self._expected[update.key] = shown
            case ResultStatus.UNKNOWN:
                self._expected[update.key] = None
            case ResultStatus.STALE:
                case.assertNotEqual(update.previous, before, "stale for no reason")
                case.assertEqual(before, shown, "stale, but changed")
                self._expected[update.key] = None
            case ResultStatus.REJECTED:
                case.fail(f"a good number is refused: {result.message}")

    def _sell(self, key: QuantityKey, units: int) -> None:
        sold = min(Decimal(units), self._shown(key) or Decimal(0))
        if sold:
            self._case.sell(key, sold)

    def _repeat(self) -> None:
        """Tell the last push again; under its key it has had its one effect."""
        if not self._last or not self._case.capabilities.idempotency:
            return
        if self._is_settled:
            with self._only([]):
                self._case.connector.publish(*self._last)

    def _arrive(self, number: int) -> None:
        """Hand a call that had its effect to the channel again."""
        if not self._writes or not self._case.capabilities.idempotency:
            return
        call = self._case.transport.calls[self._writes[number % len(self._writes)]]
        with self._only([]):
            self._case.server.handle(call)

    def _read_back(self) -> None:
        keys = self._case.keys
        with self._only([]):
            observed = self._case.connector.fetch_quantities(keys)
        shown = {key: self._shown(key) for key in keys}
        self._case.assertEqual(shown, {entry.key: entry.quantity for entry in observed})
        self._expected = dict(shown)

    @contextmanager
    def _only(self, updates: Sequence[QuantityUpdate]) -> Iterator[None]:
        """Allow nothing to change but these keys, and only into these numbers."""
        before = {key: self._shown(key) for key in self._case.keys}
        told = {update.key: update.quantity for update in updates}
        yield
        for key, quantity in before.items():
            allowed = {quantity, told.get(key, quantity)}
            message = f"{key.sku} at {key.location_id} shows what nobody told now"
            self._case.assertIn(self._shown(key), allowed, message)
