"""Show numbers at WooCommerce, which takes them in batches and answers row by row.

A product that has no variations is written by one call for up to a hundred, variations
by one call per parent. A batch is no transaction: a refused row stands as an error
inside an answer of status 200, the others are written. WooCommerce sets what it is told
whatever it shows, so nothing protects from a sale that crosses.

Plugins may undo a write and answer with success all the same; so the answered number is
compared with what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from .data import QuantityKey, QuantityUpdate, ResultStatus, UpdateResult
from .errors import ConnectorError, Misconfigured, RateLimited, Rejected, RetryLater
from .woocommerce_client import TOO_LARGE, Row, WooClient, number, part, parts, plain

BATCH = 100
"""Most rows of one call, unless the shop has lowered it."""

_ITEM = re.compile(r"([1-9][0-9]{0,17})(?:/([1-9][0-9]{0,17}))?")
_FIELDS = ("_fields", "id,manage_stock,stock_quantity")
_MOST = Decimal(10**15)


class Item(NamedTuple):
    """Where a number stands.

    :param str parent: the product that has the variation, empty for a product.
    :param str id: of the product or the variation.
    """

    parent: str
    id: str

    @property
    def path(self) -> str:
        """Return the list that has it."""
        return f"/products/{self.parent}/variations" if self.parent else "/products"


def parse_item(item_id: str) -> Item | None:
    """Return what ``12`` or ``12/34`` names, None for anything else."""
    match = _ITEM.fullmatch(item_id)
    if match is None:
        return None
    first, second = match.groups()
    return Item(parent=first, id=second) if second else Item(parent="", id=first)


def read_levels(client: WooClient, keys: Iterable[QuantityKey]) -> dict[str, Decimal]:
    """Read the numbers of these items.

    Items the shop does not have, keeps no number of, or whose number is that of their
    parent, are left out.

    :return: item id → number; it may be below zero where back orders are taken.
    """
    by_path: dict[str, dict[str, str]] = {}
    for item_id in dict.fromkeys(key.item_id for key in keys):
        item = parse_item(item_id)
        if item is not None:
            by_path.setdefault(item.path, {})[item.id] = item_id
    found: dict[str, Decimal] = {}
    for path, wanted in by_path.items():
        for row in _read(client, path, list(wanted)):
            item_id = wanted.get(str(row.get("id")), "")
            shown = kept_number(row)
            if item_id and shown is not None:
                found[item_id] = shown
    return found


def _read(client: WooClient, path: str, ids: Sequence[str]) -> Iterable[Row]:
    for start in range(0, len(ids), BATCH):
        chunk = ids[start : start + BATCH]
        query = [("include", ",".join(chunk)), ("per_page", str(BATCH)), _FIELDS]
        try:
            yield from client.rows(path, query)
        except Rejected:
            return  # no such parent


def kept_number(row: Mapping[str, Any]) -> Decimal | None:
    """Return the number of an item, None where the shop keeps none of its own."""
    return (
        number(row.get("stock_quantity")) if row.get("manage_stock") is True else None
    )


class Push:
    """One ``publish`` call: each update ends with exactly one result.

    :param updates: as the caller ordered them.
    """

    def __init__(self, client: WooClient, updates: Sequence[QuantityUpdate]) -> None:
        self._client = client
        self._updates = updates
        self._items: dict[int, Item] = {}
        self._results: dict[int, UpdateResult] = {}
        self._has_written = False
        self._lost: ConnectorError | None = None

    def run(self) -> list[UpdateResult]:
        """Write what can be written; return the results in the caller's order."""
        by_path: dict[str, list[int]] = {}
        for index, item in self._newest().items():
            by_path.setdefault(item.path, []).append(index)
        for path, indexes in by_path.items():
            for start in range(0, len(indexes), BATCH):
                self._write(path, indexes[start : start + BATCH])
        return [self._results[index] for index in range(len(self._updates))]

    def _newest(self) -> dict[int, Item]:
        """Return what is to be written, the newest number of each item only."""
        newest: dict[Item, int] = {}
        for index, update in enumerate(self._updates):
            item = self._checked(index, update)
            if item is None:
                continue
            self._items[index] = item
            other = newest.setdefault(item, index)
            if other == index:
                continue
            older = min(index, other, key=lambda i: (self._updates[i].sequence, i))
            newest[item] = index + other - older
            self._results[older] = UpdateResult(
                status=ResultStatus.STALE,
                sequence=self._updates[newest[item]].sequence,
                code="superseded",
                message="A newer number for this item is in the same batch.",
            )
        return {index: item for item, index in newest.items()}

    def _checked(self, index: int, update: QuantityUpdate) -> Item | None:
        """Return where an update goes; refuse what WooCommerce cannot show."""
        item = parse_item(update.key.item_id)
        if item is None:
            self._refuse(
                index,
                "unknown_item",
                "item_id",
                "The item has no id of WooCommerce: a product is 12, a variation 12/34.",
            )
        elif update.quantity < 0 or update.quantity > _MOST:
            self._refuse(index, "out_of_range", "quantity", "Never below zero.")
        elif update.quantity != update.quantity.to_integral_value():
            self._refuse(
                index,
                "fraction",
                "quantity",
                "WooCommerce counts whole units only; sell this item in a larger unit.",
            )
        else:
            return item
        return None

    def _write(self, path: str, indexes: Sequence[int]) -> None:
        """Write one batch; a batch that is too large is cut in two."""
        if self._lost:
            self._unknown(indexes, self._lost)
            return
        try:
            self._settle(indexes, self._send(path, indexes))
        except Rejected as error:
            if error.code == TOO_LARGE and len(indexes) > 1:
                middle = len(indexes) // 2
                self._write(path, indexes[:middle])
                self._write(path, indexes[middle:])
                return
            for index in indexes:
                self._refuse(index, error.code, "", error.message)
        except (RateLimited, Misconfigured) as error:
            if not self._has_written:
                raise
            self._lost = error
            self._unknown(indexes, error)
        except RetryLater as error:
            # Part of the batch may be written. Whatever is left waits, too: a server
            # in trouble is not asked again.
            self._lost = error
            self._unknown(indexes, error)

    def _send(self, path: str, indexes: Sequence[int]) -> dict[str, Row]:
        rows = [
            {
                "id": int(self._items[index].id),
                "manage_stock": True,
                "stock_quantity": int(self._updates[index].quantity),
            }
            for index in indexes
        ]
        answer = self._client.change("POST", f"{path}/batch", {"update": rows})
        return {str(row.get("id")): row for row in parts(answer, "update")}

    def _settle(self, indexes: Sequence[int], answered: Mapping[str, Row]) -> None:
        """Give every update the result of its row."""
        self._has_written = True
        for index in indexes:
            row = answered.get(self._items[index].id)
            if row is None:
                self._unknown(
                    [index], RetryLater("WooCommerce's answer does not name this item.")
                )
            elif "error" in row:
                error = part(row, "error")
                code = plain(error.get("code"), 100) or "refused"
                message = plain(error.get("message")) or code
                self._refuse(index, code, "", f"WooCommerce refuses: {message}")
            else:
                self._compare(index, row)

    def _compare(self, index: int, row: Row) -> None:
        """Believe a success only where the answer shows the number that was sent."""
        sent = self._updates[index].quantity
        shown = kept_number(row)
        if row.get("manage_stock") == "parent":
            self._refuse(
                index,
                "managed_by_parent",
                "manage_stock",
                "The stock of this variation is that of its parent product: switch"
                " stock management on for the variation in WooCommerce.",
            )
        elif shown is None:
            self._refuse(
                index,
                "not_managed",
                "manage_stock",
                "WooCommerce took the number and does not keep it: this kind of product"
                " has no stock of its own, a plugin undoes the change, or stock"
                " management is switched off in the shop's settings.",
            )
        elif shown != sent:
            self._results[index] = UpdateResult(
                status=ResultStatus.UNKNOWN,
                code="not_kept",
                message=f"WooCommerce answers {shown:f} where {sent:f} was sent: it was"
                " sold at that moment, or a plugin changed the number.",
            )
        else:
            self._results[index] = UpdateResult(
                status=ResultStatus.APPLIED, quantity=shown
            )

    def _unknown(self, indexes: Iterable[int], error: ConnectorError) -> None:
        for index in indexes:
            self._results[index] = UpdateResult(
                status=ResultStatus.UNKNOWN, code="no_answer", message=error.message
            )

    def _refuse(self, index: int, code: str, field: str, message: str) -> None:
        self._results[index] = UpdateResult(
            status=ResultStatus.REJECTED, code=code, field=field, message=message
        )
