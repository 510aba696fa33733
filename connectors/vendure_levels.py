"""Push stock levels to Vendure, whose mutation is all or nothing.

Measured on Vendure 3.7.3: ``stockOnHand`` is set absolutely but stored as a difference
to what was read before, without a lock, so that two writers at once leave a number
that neither wrote; therefore every write is read back, and one that reads otherwise is
unknown. A negative number is taken, an unknown location surfaces as an error of the
database, and a level that was never written shows nothing and sells nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from .batch_push import BatchPush, Objection
from .data import QuantityKey, QuantityUpdate
from .errors import RetryLater
from .vendure_client import Row, VendureClient, fits, in_chunks, listed, rows

IDS = 100
"""Variants per reading."""

LARGEST = 2**31 - 1
"""What GraphQL's Int holds."""

LEVELS = """query HubLevels($options: ProductVariantListOptions!) {
  productVariants(options: $options) {
    items { id stockLevels { stockLocationId stockOnHand } }
  }
}"""

LOCATIONS = """query HubLocations($skip: Int!, $take: Int!) {
  stockLocations(options: {skip: $skip, take: $take, sort: {id: ASC}}) {
    items { id name }
  }
}"""

SET = """mutation HubSetLevels($input: [UpdateProductVariantInput!]!) {
  updateProductVariants(input: $input) { id }
}"""


@dataclass(frozen=True)
class Levels:
    """What Vendure shows, per variant and location; variants it lacks are absent.

    :param places: the stock locations there are, as far as that was asked.
    """

    by_variant: Mapping[str, Mapping[str, Decimal]]
    places: frozenset[str] = field(default_factory=frozenset)

    def shown(self, key: QuantityKey) -> Decimal | None:
        """Return the quantity shown, None where there can be none.

        A level that nobody has written yet does not exist, and is zero.
        """
        levels = self.by_variant.get(key.item_id)
        if levels is None:
            return None
        nothing = Decimal(0) if key.location_id in self.places else None
        return levels.get(key.location_id, nothing)


def read_levels(client: VendureClient, keys: Iterable[QuantityKey]) -> Levels:
    """Read ``stockOnHand`` of these variants at every location."""
    asked = set(keys)
    found: dict[str, dict[str, Decimal]] = {}
    for chunk in in_chunks(sorted({key.item_id for key in asked if key.item_id}), IDS):
        options = {"filter": {"id": {"in": list(chunk)}}, "take": IDS}
        for row in listed(client.ask(LEVELS, {"options": options}), "productVariants"):
            found[str(row.get("id"))] = {
                str(level.get("stockLocationId")): _quantity(level)
                for level in rows(row, "stockLevels")
            }
    levels = Levels(found)
    if any(levels.shown(key) is None and key.item_id in found for key in asked):
        return Levels(found, frozenset(read_places(client)))
    return levels


def read_places(client: VendureClient) -> dict[str, str]:
    """Return the names of the stock locations by id."""
    return {
        str(row.get("id")): str(row.get("name") or "")
        for row in client.everything(LOCATIONS, "stockLocations")
    }


def _quantity(level: Row) -> Decimal:
    value = level.get("stockOnHand")
    if isinstance(value, bool) or not isinstance(value, int):
        raise RetryLater("Vendure's answer makes no sense: stockOnHand.")
    return Decimal(value)


class Push(BatchPush[Levels]):
    """One ``publish`` call to Vendure."""

    def __init__(
        self, client: VendureClient, updates: Sequence[QuantityUpdate]
    ) -> None:
        super().__init__(updates)
        self._client = client

    def _objection(self, update: QuantityUpdate) -> Objection | None:
        if update.quantity != update.quantity.to_integral_value():
            return "fraction", "quantity", "Vendure counts whole units only."
        if update.quantity > LARGEST:
            return "too_many", "quantity", f"Vendure counts up to {LARGEST}."
        return super()._objection(update)

    def _look(self, keys: Iterable[QuantityKey]) -> Levels:
        return read_levels(self._client, keys)

    def _shown(self, seen: Levels, key: QuantityKey) -> Decimal | None:
        return seen.shown(key)

    def _unknown_keys(
        self, keys: Sequence[QuantityKey], seen: Levels
    ) -> Mapping[QuantityKey, Objection]:
        found: dict[QuantityKey, Objection] = {}
        for key in keys:
            if key.item_id not in seen.by_variant:
                message = f"Vendure has no product variant {key.item_id!r}."
                found[key] = "unknown_item", "item_id", message
            elif seen.shown(key) is None:
                message = f"Vendure has no stock location {key.location_id!r}."
                found[key] = "unknown_location", "location_id", message
        return found

    def _cut(self, indexes: Sequence[int]) -> Iterable[Sequence[int]]:
        """Halve until each piece is small enough for one call."""
        if len(indexes) < 2 or fits(SET, self._variables(indexes)):
            yield indexes
            return
        middle = len(indexes) // 2
        yield from self._cut(indexes[:middle])
        yield from self._cut(indexes[middle:])

    def _send(
        self, indexes: Sequence[int], seen: Levels
    ) -> Mapping[QuantityKey, Decimal]:
        self._client.ask(SET, self._variables(indexes))
        self._written = True
        keys = [self._key(index) for index in indexes]
        levels = read_levels(self._client, keys)
        shown = {key: levels.shown(key) for key in keys}
        found = {key: value for key, value in shown.items() if value is not None}
        if len(found) < len(shown):
            raise RetryLater("Vendure has lost a variant while it was written.")
        return found

    def _variables(self, indexes: Sequence[int]) -> dict[str, object]:
        """Return the input, each variant once: it has all its levels together."""
        levels: dict[str, list[Row]] = {}
        for index in indexes:
            key = self._key(index)
            quantity = int(self._updates[index].quantity)
            level = {"stockLocationId": key.location_id, "stockOnHand": quantity}
            levels.setdefault(key.item_id, []).append(level)
        return {
            "input": [
                {"id": id_, "stockLevels": rows_} for id_, rows_ in levels.items()
            ]
        }
