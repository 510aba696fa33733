"""Push numbers to a channel whose batch call is all or nothing.

One row it does not like refuses the whole batch, so what is known to be wrong is left
out beforehand, and after a refusal the guilty rows are found by halving. What became
of a call whose answer was lost is read back, and a number that reads otherwise than it
was written is known to nobody.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Generic, TypeVar

from .data import QuantityKey, QuantityUpdate, ResultStatus, UpdateResult
from .errors import ConnectorError, Misconfigured, RateLimited, Rejected, RetryLater

Seen = TypeVar("Seen")
Objection = tuple[str, str, str]
"""Code, field and message of a refusal."""


class BatchPush(ABC, Generic[Seen]):
    """One ``publish`` call: each update ends with exactly one result.

    ``Seen`` is what the channel shows, as far as writing depends on it.

    :param updates: as the caller ordered them.
    """

    def __init__(self, updates: Sequence[QuantityUpdate]) -> None:
        self._updates = updates
        self._results: dict[int, UpdateResult] = {}
        self._written = False
        self._lost: ConnectorError | None = None

    @abstractmethod
    def _look(self, keys: Iterable[QuantityKey]) -> Seen:
        """Read what the channel shows for these keys."""

    @abstractmethod
    def _shown(self, seen: Seen, key: QuantityKey) -> Decimal | None:
        """Return the quantity shown, None where nothing is."""

    @abstractmethod
    def _unknown_keys(
        self, keys: Sequence[QuantityKey], seen: Seen
    ) -> Mapping[QuantityKey, Objection]:
        """Return why the channel cannot show these keys; they may repeat."""

    @abstractmethod
    def _send(
        self, indexes: Sequence[int], seen: Seen
    ) -> Mapping[QuantityKey, Decimal]:
        """Write these numbers in one call; return what is shown then, as far as told.

        :raise Rejected: when nothing was written.
        """

    def _objection(self, update: QuantityUpdate) -> Objection | None:
        """Return why a number is never sent."""
        if update.quantity < 0:
            return "negative", "quantity", "Never below zero."
        return None

    def _cut(self, indexes: Sequence[int]) -> Iterable[Sequence[int]]:
        """Cut updates into pieces that fit a call."""
        return [indexes]

    def run(self) -> list[UpdateResult]:
        """Write what can be written; return the results in the caller's order."""
        rest = self._newest(range(len(self._updates)))
        seen = self._look(map(self._key, rest))
        rest = self._known(rest, seen)
        for piece in self._cut(rest):
            self._write(piece, seen)
        return [self._results[index] for index in range(len(self._updates))]

    def _newest(self, indexes: Iterable[int]) -> list[int]:
        """Leave out what is never sent, and all but the newest for one key: a channel
        that takes a key twice in one batch may show either."""
        newest: dict[QuantityKey, int] = {}
        for index in indexes:
            update = self._updates[index]
            objection = self._objection(update)
            if objection:
                self._refuse(index, *objection)
                continue
            other = newest.setdefault(update.key, index)
            if other == index:
                continue
            older = min(index, other, key=lambda i: (self._updates[i].sequence, i))
            newest[update.key] = index + other - older
            self._results[older] = UpdateResult(
                status=ResultStatus.STALE,
                sequence=self._updates[newest[update.key]].sequence,
                code="superseded",
                message="A newer number for this level is in the same batch.",
            )
        return list(newest.values())

    def _known(self, indexes: Sequence[int], seen: Seen) -> list[int]:
        """Refuse what the channel does not have."""
        unknown = self._unknown_keys([self._key(index) for index in indexes], seen)
        for index in indexes:
            if self._key(index) in unknown:
                self._refuse(index, *unknown[self._key(index)])
        return [index for index in indexes if index not in self._results]

    def _write(self, indexes: Sequence[int], seen: Seen, again: bool = True) -> None:
        """Write these numbers; on a refusal find the guilty ones by halving."""
        if not indexes:
            return
        if self._lost:
            self._unknown(indexes, self._lost)
            return
        try:
            shown = self._send(indexes, seen)
        except Rejected as error:
            self._after_refusal(indexes, seen, error, again)
        except (RateLimited, Misconfigured) as error:
            if not self._written:
                raise
            self._lost = error
            self._unknown(indexes, error)
        except RetryLater as error:
            # Whatever is left waits too: a server in trouble is not asked again.
            self._lost = error
            self._read_back(indexes, error)
        else:
            self._written = True
            for index in indexes:
                self._judge(index, shown.get(self._key(index)))

    def _judge(self, index: int, shown: Decimal | None) -> None:
        """Believe a write unless the channel shows another number."""
        if shown is None or shown == self._updates[index].quantity:
            self._results[index] = UpdateResult(
                status=ResultStatus.APPLIED, quantity=shown
            )
            return
        self._results[index] = UpdateResult(
            status=ResultStatus.UNKNOWN,
            code="reads_otherwise",
            message=f"The channel shows {shown} right after it was written.",
        )

    def _after_refusal(
        self, indexes: Sequence[int], seen: Seen, error: Rejected, again: bool
    ) -> None:
        """Nothing was written: find out whose fault it was.

        An item may have come or gone since we read, so everything is read once more
        before anyone is blamed.
        """
        if again:
            self._retry(indexes)
        elif len(indexes) == 1:
            self._refuse(indexes[0], error.code, "", error.message)
        else:
            middle = len(indexes) // 2
            self._write(indexes[:middle], seen, again=False)
            self._write(indexes[middle:], seen, again=False)

    def _retry(self, indexes: Sequence[int]) -> None:
        seen = self._look(map(self._key, indexes))
        self._write(self._known(indexes, seen), seen, again=False)

    def _read_back(self, indexes: Iterable[int], error: ConnectorError) -> None:
        """Tell what became of a call whose answer was lost."""
        indexes = list(indexes)
        try:
            seen = self._look(map(self._key, indexes))
        except ConnectorError:
            self._unknown(indexes, error)
            return
        for index in indexes:
            shown = self._shown(seen, self._key(index))
            if shown == self._updates[index].quantity:
                self._judge(index, shown)
            else:
                self._unknown([index], error)

    def _key(self, index: int) -> QuantityKey:
        return self._updates[index].key

    def _unknown(self, indexes: Iterable[int], error: ConnectorError) -> None:
        for index in indexes:
            self._results[index] = UpdateResult(
                status=ResultStatus.UNKNOWN, code="no_answer", message=error.message
            )

    def _refuse(self, index: int, code: str, field: str, message: str) -> None:
        self._results[index] = UpdateResult(
            status=ResultStatus.REJECTED, code=code, field=field, message=message
        )
