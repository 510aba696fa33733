"""Push inventory levels to Medusa, whose batch call is all or nothing.

Measured on Medusa 2.18.0: a level must be created before it can be updated; creating
twice, or updating what is not there, refuses the whole batch; a level at a location
that does not exist is *taken*; the answer's ``available_quantity`` is the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .data import QuantityKey, QuantityUpdate, ResultStatus, UpdateResult
from .errors import ConnectorError, Misconfigured, RateLimited, Rejected, RetryLater
from .medusa_client import MedusaClient, Row, rows

_BATCH = "/admin/inventory-items/location-levels/batch"
_ITEMS = "/admin/inventory-items"
_LOCATIONS = "/admin/stock-locations"
_FIELDS = (
    "id",
    "location_levels.id",
    "location_levels.location_id",
    "location_levels.stocked_quantity",
)


@dataclass(frozen=True)
class Levels:
    """What Medusa shows, per item and location; items it does not have are absent."""

    by_item: Mapping[str, Mapping[str, Decimal]]

    def shown(self, key: QuantityKey) -> Decimal | None:
        """Return the quantity shown, None where there is no level."""
        return self.by_item.get(key.item_id, {}).get(key.location_id)


def read_levels(client: MedusaClient, keys: Iterable[QuantityKey]) -> Levels:
    """Read ``stocked_quantity`` of these items at every location."""
    items = {key.item_id for key in keys}
    return Levels(
        {
            str(row.get("id")): {
                str(level.get("location_id")): _quantity(level)
                for level in rows(row, "location_levels")
            }
            for row in client.read(_ITEMS, "inventory_items", _FIELDS, ("id[]", items))
        }
    )


def _quantity(level: Row) -> Decimal:
    value = level.get("stocked_quantity")
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise RetryLater("Medusa's answer makes no sense: stocked_quantity.")
    return Decimal(value)


def json_number(quantity: Decimal) -> int | float:
    """Return what JSON can hold: Medusa refuses strings."""
    whole = int(quantity)
    return whole if whole == quantity else float(quantity)


class Push:
    """One ``publish`` call: each update ends with exactly one result.

    :param updates: as the caller ordered them.
    """

    def __init__(self, client: MedusaClient, updates: Sequence[QuantityUpdate]) -> None:
        self._client = client
        self._updates = updates
        self._results: dict[int, UpdateResult] = {}
        self._written = False
        self._lost: ConnectorError | None = None

    def run(self) -> list[UpdateResult]:
        """Write what can be written; return the results in the caller's order."""
        rest = self._newest(range(len(self._updates)))
        levels = self._levels(rest)
        rest = self._known(rest, levels)
        self._write(rest, levels)
        return [self._results[index] for index in range(len(self._updates))]

    def _newest(self, indexes: Iterable[int]) -> list[int]:
        """Leave out negative numbers and all but the newest for one key: Medusa
        takes a level twice in one batch and shows either."""
        newest: dict[QuantityKey, int] = {}
        for index in indexes:
            update = self._updates[index]
            if update.quantity < 0:
                self._refuse(index, "negative", "quantity", "Never below zero.")
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

    def _known(self, indexes: Iterable[int], levels: Levels) -> list[int]:
        """Refuse items and locations that Medusa does not have."""
        missing = [i for i in indexes if levels.shown(self._key(i)) is None]
        places = {
            str(row.get("id"))
            for row in self._client.read(
                _LOCATIONS,
                "stock_locations",
                ("id",),
                ("id[]", [self._key(i).location_id for i in missing]),
            )
        }
        for index in missing:
            key = self._key(index)
            if key.item_id not in levels.by_item:
                message = f"Medusa has no inventory item {key.item_id!r}."
                self._refuse(index, "unknown_item", "item_id", message)
            elif key.location_id not in places:
                message = f"Medusa has no stock location {key.location_id!r}."
                self._refuse(index, "unknown_location", "location_id", message)
        return [index for index in indexes if index not in self._results]

    def _write(
        self, indexes: Sequence[int], levels: Levels, again: bool = True
    ) -> None:
        """Write these levels; on a refusal find the guilty ones by halving."""
        if not indexes:
            return
        if self._lost:
            self._unknown(indexes, self._lost)
            return
        try:
            shown = self._send(indexes, levels)
        except Rejected as error:
            self._after_refusal(indexes, levels, error, again)
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
                self._results[index] = UpdateResult(
                    status=ResultStatus.APPLIED, quantity=shown.get(self._place(index))
                )

    def _send(
        self, indexes: Iterable[int], levels: Levels
    ) -> dict[tuple[str, str], Decimal]:
        create: list[dict[str, Any]] = []
        update: list[dict[str, Any]] = []
        for index in indexes:
            key = self._key(index)
            row = {
                "inventory_item_id": key.item_id,
                "location_id": key.location_id,
                "stocked_quantity": json_number(self._updates[index].quantity),
            }
            (create if levels.shown(key) is None else update).append(row)
        # The published specification marks all three lists as required.
        body = {"create": create, "update": update, "delete": []}
        answer = self._client.post(_BATCH, body)
        return {
            (str(row.get("inventory_item_id")), str(row.get("location_id"))): _quantity(
                row
            )
            for row in (*rows(answer, "created"), *rows(answer, "updated"))
        }

    def _after_refusal(
        self, indexes: Sequence[int], levels: Levels, error: Rejected, again: bool
    ) -> None:
        """Nothing was written: find out whose fault it was.

        A level may have come or gone since we read, so everything is read once more
        before anyone is blamed.
        """
        if again:
            self._retry(indexes)
        elif len(indexes) == 1:
            self._refuse(indexes[0], error.code, "", error.message)
        else:
            middle = len(indexes) // 2
            self._write(indexes[:middle], levels, again=False)
            self._write(indexes[middle:], levels, again=False)

    def _retry(self, indexes: Sequence[int]) -> None:
        levels = self._levels(indexes)
        self._write(self._known(indexes, levels), levels, again=False)

    def _read_back(self, indexes: Iterable[int], error: ConnectorError) -> None:
        """Tell what became of a call whose answer was lost."""
        try:
            levels = self._levels(indexes)
        except ConnectorError:
            self._unknown(indexes, error)
            return
        for index in indexes:
            shown = levels.shown(self._key(index))
            if shown == self._updates[index].quantity:
                self._results[index] = UpdateResult(
                    status=ResultStatus.APPLIED, quantity=shown
                )
            else:
                self._unknown([index], error)

    def _levels(self, indexes: Iterable[int]) -> Levels:
        return read_levels(self._client, map(self._key, indexes))

    def _key(self, index: int) -> QuantityKey:
        return self._updates[index].key

    def _place(self, index: int) -> tuple[str, str]:
        return self._key(index).item_id, self._key(index).location_id

    def _unknown(self, indexes: Iterable[int], error: ConnectorError) -> None:
        for index in indexes:
            self._results[index] = UpdateResult(
                status=ResultStatus.UNKNOWN, code="no_answer", message=error.message
            )

    def _refuse(self, index: int, code: str, field: str, message: str) -> None:
        self._results[index] = UpdateResult(
            status=ResultStatus.REJECTED, code=code, field=field, message=message
        )
