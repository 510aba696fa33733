"""Set the numbers Shopify sells from, per inventory item and location.

Shopify's ``available`` is what it may still sell: it takes its own orders off at once.
What the answers mean stands at
https://shopify.dev/docs/api/admin-graphql/latest/mutations/inventorySetQuantities and
https://shopify.dev/docs/api/usage/implementing-idempotency. Three rules no schema shows:
each call carries an idempotency key, each row says what it expects to replace (null to
skip that check, but said), and a list holds 250 rows at most.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from uuid import UUID, uuid5

from .data import QuantityKey, QuantityUpdate, ResultStatus, UpdateResult
from .errors import ConnectorError, Rejected, RetryLater
from .graphql import Row
from .shopify_client import (
    MOST,
    ShopifyClient,
    field_path,
    gid,
    is_number,
    number,
    part,
    rows,
    user_errors,
)
from .shopify_levels import LevelShown, read_levels

SET_QUANTITIES = """
mutation HubSetQuantities($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup {
      changes(quantityNames: ["available"]) {
        name
        quantityAfterChange
        item { id tracked }
        location { id }
      }
    }
    userErrors { code field message }
  }
}
"""

ACTIVATE = """
mutation HubActivate($item: ID!, $location: ID!, $key: String!) {
  inventoryActivate(inventoryItemId: $item, locationId: $location)
    @idempotent(key: $key) {
    inventoryLevel { id }
    userErrors { field message }
  }
}
"""

_SET_COST = 20.0
_ACTIVATE_COST = 15.0

_REASON = "correction"
_HIGHEST = 1_000_000_000
_PAUSES = (1.0, 2.0, 4.0)
"""Seconds to wait, one after the other, while Shopify is at the same call already."""

_KEYS = UUID("6f0c6a4e-3f0e-5d3c-9a55-0c8a3bb0a4c1")
"""Namespace of the keys that are derived from the one a push came with."""

_RENEWALS = 4
"""How many keys that were used up before are passed over, one after the other."""

_STALE = ("CHANGE_FROM_QUANTITY_STALE", "COMPARE_QUANTITY_STALE")
_NOT_STOCKED = "ITEM_NOT_STOCKED_AT_LOCATION"
_CONCURRENT = "IDEMPOTENCY_CONCURRENT_REQUEST"
_FAILED_BEFORE = "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
_MISMATCH = "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"

_WORDS = {
    "INVALID_INVENTORY_ITEM": "Shopify does not have this item any more. Map the"
    " listing to the one that took its place.",
    "INVALID_LOCATION": "Shopify does not have this location any more, or it is"
    " switched off there. Map another one.",
    "NON_MUTABLE_INVENTORY_ITEM": "Shopify works this number out by itself, from the"
    " parts of a bundle. Map the parts instead.",
    "INVALID_QUANTITY_NEGATIVE": "Shopify takes no number below zero.",
    "INVALID_QUANTITY_TOO_HIGH": "Shopify takes no number above 1,000,000,000.",
    _NOT_STOCKED: "Shopify does not stock this item at this location, and does not let"
    " the hub change that. Stock it there in Shopify.",
}
_UNTRACKED = (
    "Shopify does not track the quantity of this item and sells it whatever the number"
    " is. Switch on Track quantity in Shopify, or end the listing here."
)


class Push:
    """One ``publish`` call: each update ends with exactly one result.

    A call with user errors has written nothing. The rows it blames are taken out, and
    the rest is sent again under the next key. The keys of a push are numbered: whoever
    repeats it either says the same under each and changes nothing, or is refused by
    Shopify for saying something else under one of them.

    :param updates: as the caller ordered them.
    :param str key: the push's own; the first call goes out under it.
    """

    def __init__(
        self, client: ShopifyClient, updates: Sequence[QuantityUpdate], key: str
    ) -> None:
        self._client = client
        self._updates = updates
        self._key = key
        self._results: dict[int, UpdateResult] = {}
        self._stale: list[int] = []
        self._activated: set[int] = set()
        self._chunk = 0
        self._is_split = False
        self._calls = 0
        self._has_written = False

    def run(self) -> list[UpdateResult]:
        """Write what can be written; return the results in the caller's order.

        :raise ConnectorError: when nothing was written, with what it means.
        """
        ready = self._newest(i for i in range(len(self._updates)) if self._is_fit(i))
        chunks = [ready[start : start + MOST] for start in range(0, len(ready), MOST)]
        self._is_split = len(chunks) > 1
        for self._chunk, chunk in enumerate(chunks):
            self._calls = 0
            try:
                self._write(chunk)
            except ConnectorError as error:
                if not self._has_written:
                    raise
                # Whatever is left waits too: a shop in trouble is not asked again.
                self._unknown(
                    [i for later in chunks[self._chunk :] for i in later], error.message
                )
                break
        self._look_at_stale()
        return [self._results[index] for index in range(len(self._updates))]

    # ------------------------------------------------------------ before the call

    def _is_fit(self, index: int) -> bool:
        """Refuse what Shopify could not even read."""
        update = self._updates[index]
        for field in ("item_id", "location_id"):
            value = getattr(update.key, field)
            if not is_number(value):
                message = f"{value[:40]!r} is no id of Shopify: map the listing anew."
                self._refuse(index, "bad_id", field, message)
                return False
        quantity = update.quantity
        if quantity != quantity.to_integral_value():
            message = f"Shopify counts in whole units, and cannot show {quantity:f}."
            self._refuse(index, "fraction", "quantity", message)
        elif quantity < 0:
            words = _WORDS["INVALID_QUANTITY_NEGATIVE"]
            self._refuse(index, "INVALID_QUANTITY_NEGATIVE", "quantity", words)
        elif quantity > _HIGHEST:
            words = _WORDS["INVALID_QUANTITY_TOO_HIGH"]
            self._refuse(index, "INVALID_QUANTITY_TOO_HIGH", "quantity", words)
        elif update.previous is not None and not _is_whole(update.previous):
            # It cannot be what Shopify shows.
            self._stale.append(index)
            return False
        return index not in self._results

    def _newest(self, indexes: Iterable[int]) -> list[int]:
        """Keep the newest for one key: Shopify refuses a batch with it twice."""
        newest: dict[tuple[str, str], int] = {}
        for index in indexes:
            key = self._updates[index].key
            place = (key.item_id, key.location_id)
            other = newest.setdefault(place, index)
            if other == index:
                continue
            older = min(index, other, key=lambda i: (self._updates[i].sequence, i))
            newest[place] = index + other - older
            self._results[older] = UpdateResult(
                status=ResultStatus.STALE,
                sequence=self._updates[newest[place]].sequence,
                code="superseded",
                message="A newer number for this item and location is in the same"
                " batch.",
            )
        return sorted(newest.values())

    # ------------------------------------------------------------------- the call

    def _write(self, indexes: Sequence[int]) -> None:
        """Write these rows, but for those that Shopify finds fault with."""
        pauses = list(_PAUSES)
        renewals = _RENEWALS
        left = list(indexes)
        while left:
            try:
                payload = self._send(left)
            except Rejected as error:
                # Of the call as a whole, with Shopify's own words.
                self._refuse_all(left, error.code, error.field, error.message)
                return
            errors = user_errors(payload)
            codes = {str(error.get("code") or "") for error in errors}
            if _CONCURRENT in codes:
                if not pauses:
                    raise RetryLater("Shopify is still busy with the same numbers.")
                self._client.pause(pauses.pop(0))
                continue
            self._calls += 1
            if not errors:
                self._applied(left, payload)
                return
            if _MISMATCH in codes:
                # A repeat of a push that went on otherwise, or a mistake in here.
                self._unknown(left, "Shopify knows the key of this call from another.")
                return
            if _FAILED_BEFORE not in codes:
                left = self._without_guilty(left, errors)
            elif renewals:
                renewals -= 1
            else:
                raise RetryLater("Shopify keeps refusing the call for one before it.")

    def _send(self, indexes: Sequence[int]) -> Row:
        quantities = [self._row(index) for index in indexes]
        variables = {
            "input": {
                "name": "available",
                "reason": _REASON,
                "referenceDocumentUri": f"gid://stock-channel-hub/Push/{self._document}",
                "quantities": quantities,
            },
            "key": self._next_key(),
        }
        data = self._client.query(SET_QUANTITIES, variables, cost=_SET_COST)
        payload = part(data, "inventorySetQuantities")
        if not payload:
            raise RetryLater("Shopify's answer makes no sense: inventorySetQuantities.")
        return payload

    @property
    def _document(self) -> UUID:
        return uuid5(_KEYS, self._key)

    def _row(self, index: int) -> Row:
        update = self._updates[index]
        previous = update.previous
        return {
            "inventoryItemId": gid("InventoryItem", update.key.item_id),
            "locationId": gid("Location", update.key.location_id),
            "quantity": int(update.quantity),
            # Said even where nothing is compared: left out, the call is refused.
            "changeFromQuantity": None if previous is None else int(previous),
        }

    def _next_key(self) -> str:
        """Return the key of the next call; the first one has the push's own."""
        if not self._calls and not self._is_split and self._key.strip():
            return self._key
        return str(uuid5(_KEYS, json.dumps([self._key, self._chunk, self._calls])))

    def _applied(self, indexes: Sequence[int], payload: Row) -> None:
        self._has_written = True
        changes = _changes(payload)
        for index in indexes:
            key = self._updates[index].key
            change = changes.get((key.item_id, key.location_id))
            if change and part(change, "item").get("tracked") is False:
                self._refuse(index, "untracked", "item_id", _UNTRACKED)
                continue
            after = change.get("quantityAfterChange") if change else None
            self._results[index] = UpdateResult(
                status=ResultStatus.APPLIED,
                quantity=Decimal(after) if isinstance(after, int) else None,
            )

    # -------------------------------------------------------------- user errors

    def _without_guilty(
        self, indexes: Sequence[int], errors: Sequence[Row]
    ) -> list[int]:
        """Take the rows out that the errors point to; return what to send again."""
        blamed: dict[int, Row] = {}
        for error in errors:
            position = _position(error)
            if position is not None and position < len(indexes):
                blamed.setdefault(indexes[position], error)
        if not blamed:
            return self._halved(indexes, errors)
        again = [index for index in indexes if index not in blamed]
        for index, error in blamed.items():
            if self._is_mended(index, error):
                again.append(index)
        return sorted(again)

    def _is_mended(self, index: int, error: Row) -> bool:
        """Do what the error asks for; tell whether the row may go again."""
        code = str(error.get("code") or "refused")[:100]
        if code in _STALE:
            self._stale.append(index)
            return False
        message = str(error.get("message") or "")[:500]
        if code == _NOT_STOCKED and index not in self._activated:
            self._activated.add(index)
            refusal = self._activate(self._updates[index].key)
            if not refusal:
                return True
            message = f"{_WORDS[_NOT_STOCKED]} ({refusal})"
        elif code in _WORDS:
            message = _WORDS[code]
        self._refuse(index, code, field_path(error), message)
        return False

    def _activate(self, key: QuantityKey) -> str:
        """Have the item stocked at the location, with nothing yet.

        :return: why Shopify does not do it, empty when it did.
        """
        name = f"{self._key}/{key.item_id}/{key.location_id}"
        variables = {
            "item": gid("InventoryItem", key.item_id),
            "location": gid("Location", key.location_id),
            "key": str(uuid5(_KEYS, name)),
        }
        try:
            data = self._client.query(ACTIVATE, variables, cost=_ACTIVATE_COST)
        except Rejected as error:
            return error.message
        errors = user_errors(part(data, "inventoryActivate"))
        return "; ".join(str(error.get("message") or "") for error in errors)[:300]

    def _halved(self, indexes: Sequence[int], errors: Sequence[Row]) -> list[int]:
        """Find the guilty ones of errors that point to no row, by halving."""
        if len(indexes) == 1:
            return list(indexes) if self._is_mended(indexes[0], errors[0]) else []
        middle = len(indexes) // 2
        self._write(indexes[:middle])
        return list(indexes[middle:])

    def _look_at_stale(self) -> None:
        """Tell of each row that was not as expected what Shopify shows now."""
        keys = [self._updates[index].key for index in self._stale]
        shown: Mapping[QuantityKey, LevelShown] = {}
        try:
            shown = read_levels(self._client, keys)
        except ConnectorError:
            # The rows are known to be unwritten; the caller reads them later.
            shown = {}
        for index in self._stale:
            level = shown.get(self._updates[index].key)
            self._results[index] = UpdateResult(
                status=ResultStatus.STALE,
                quantity=Decimal(level.quantity) if level else None,
                code=_STALE[0],
                field="quantity",
                message="Shopify shows another number than was expected.",
            )

    # ------------------------------------------------------------------- results

    def _refuse_all(
        self, indexes: Iterable[int], code: str, field: str, message: str
    ) -> None:
        for index in indexes:
            self._refuse(index, code, field, message)

    def _refuse(self, index: int, code: str, field: str, message: str) -> None:
        self._results[index] = UpdateResult(
            status=ResultStatus.REJECTED, code=code, field=field, message=message
        )

    def _unknown(self, indexes: Iterable[int], message: str) -> None:
        """Note what may or may not have arrived, of rows that have no answer yet."""
        for index in indexes:
            if index not in self._results and index not in self._stale:
                self._results[index] = UpdateResult(
                    status=ResultStatus.UNKNOWN, code="no_answer", message=message
                )


def _is_whole(value: Decimal) -> bool:
    return value == value.to_integral_value()


def _position(error: Row) -> int | None:
    """Return which row of the batch an error points to, None when to none."""
    path = error.get("field")
    if not isinstance(path, list) or "quantities" not in path:
        return None
    behind = path[path.index("quantities") + 1 :]
    step = str(behind[0]) if behind else ""
    return int(step) if step.isdecimal() and len(step) < 6 else None


def _changes(payload: Row) -> dict[tuple[str, str], Row]:
    """Return what was changed, by item and location."""
    return {
        (
            number(part(row, "item").get("id")),
            number(part(row, "location").get("id")),
        ): row
        for row in rows(part(payload, "inventoryAdjustmentGroup"), "changes")
        if row.get("name") == "available"
    }
