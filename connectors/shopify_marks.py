"""What the hub notes at an order in Shopify, to recognise its own work there.

A fulfilment takes no idempotency key and has no field for an id of ours, and an edit of
an order has neither. So the hub keeps a note at the order, a metafield that only the app
sees (https://shopify.dev/docs/apps/build/custom-data/ownership): written before
something is done, so that a repeat after a lost answer knows what was there before, and
completed afterwards. It is written by comparing, so that two workers cannot undo each
other's notes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import BadPayload, Rejected, RetryLater
from .graphql import Row
from .shopify_client import ShopifyClient, part, refuse, rows, user_errors
from .strict_json import Node, load

SET_MARKS = """
mutation HubMark($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) {
    metafields { compareDigest }
    userErrors { code field message }
  }
}
"""

KEY = "stock_channel_hub"
"""Key of the metafield, in the namespace that is reserved for the app."""

_COST = 15.0
_CHANGED_MEANWHILE = ("STALE_OBJECT", "INVALID_COMPARE_DIGEST")


@dataclass(frozen=True, kw_only=True)
class ShipmentMark:
    """A shipment that was told, or is about to be.

    :param known: numbers of the fulfilments that were there before.
    :param str fulfillment: number of its own, empty until that is known.
    """

    known: frozenset[str]
    fulfillment: str = ""


@dataclass(frozen=True, kw_only=True)
class CancelMark:
    """A part cancellation that was told, or is about to be.

    :param left: by order line, what is left of it afterwards.
    """

    left: Mapping[str, int]
    is_done: bool = False


class Marks:
    """The notes at one order.

    :param str owner: global id of the order.
    :param row: the metafield as read with ``value`` and ``compareDigest``, empty when
        there is none.
    :raise Rejected: when somebody has made it unreadable.
    """

    def __init__(self, client: ShopifyClient, owner: str, row: Row) -> None:
        self._client = client
        self._owner = owner
        digest = row.get("compareDigest")
        self._digest: str | None = digest if isinstance(digest, str) else None
        self.shipments: dict[str, ShipmentMark] = {}
        self.cancels: dict[str, CancelMark] = {}
        if row:
            self._read(str(row.get("value") or ""))

    def note_shipment(self, shipment_id: str, mark: ShipmentMark) -> None:
        """Keep what is known of a shipment."""
        if self.shipments.get(shipment_id) != mark:
            self.shipments[shipment_id] = mark
            self._write()

    def note_cancel(self, cancellation_id: str, mark: CancelMark) -> None:
        """Keep what is known of a cancellation."""
        if self.cancels.get(cancellation_id) != mark:
            self.cancels[cancellation_id] = mark
            self._write()

    def forget_cancel(self, cancellation_id: str) -> None:
        """Let go of a cancellation that was refused."""
        if self.cancels.pop(cancellation_id, None) is not None:
            self._write()

    def claimed(self) -> set[str]:
        """Return the fulfilments that are known to be of one of our shipments."""
        return {m.fulfillment for m in self.shipments.values() if m.fulfillment}

    def _read(self, value: str) -> None:
        try:
            root = load(value.encode("utf-8", "replace"))
            for node in root.items("shipments", most=10_000):
                self.shipments[node.text("id", required=True)] = _shipment_mark(node)
            for node in root.items("cancels", most=10_000):
                self.cancels[node.text("id", required=True)] = _cancel_mark(node)
        except BadPayload:
            raise Rejected(
                "The hub's own note at this order in Shopify cannot be read. Delete the"
                f" app's metafield {KEY} there, after a look at what was shipped.",
                code="unreadable_note",
            ) from None

    def _write(self) -> None:
        """Put the notes down.

        :raise RetryLater: when somebody else wrote meanwhile.
        """
        variables = {
            "metafields": [
                {
                    "ownerId": self._owner,
                    "key": KEY,
                    "type": "json",
                    "value": self._text(),
                    "compareDigest": self._digest,
                }
            ]
        }
        data = self._client.query(SET_MARKS, variables, cost=_COST)
        payload = part(data, "metafieldsSet")
        errors = user_errors(payload)
        if any(str(error.get("code")) in _CHANGED_MEANWHILE for error in errors):
            raise RetryLater("Another worker is at the same order in Shopify.")
        refuse(errors, "Shopify keeps no note at the order")
        written = rows(payload, "metafields")
        digest = written[0].get("compareDigest") if written else None
        if not isinstance(digest, str):
            raise RetryLater("Shopify's answer makes no sense: compareDigest.")
        self._digest = digest

    def _text(self) -> str:
        notes = {
            "shipments": [
                {"id": id_, "known": sorted(m.known), "fulfillment": m.fulfillment}
                for id_, m in self.shipments.items()
            ],
            "cancels": [
                {
                    "id": id_,
                    "done": m.is_done,
                    "left": [{"line": k, "quantity": v} for k, v in m.left.items()],
                }
                for id_, m in self.cancels.items()
            ],
        }
        return json.dumps(notes, separators=(",", ":"))


def _shipment_mark(node: Node) -> ShipmentMark:
    known = node.value.get("known")
    if not isinstance(known, list) or not all(isinstance(n, str) for n in known):
        node.refuse("must be a list of strings", "known")
    return ShipmentMark(known=frozenset(known), fulfillment=node.text("fulfillment"))


def _cancel_mark(node: Node) -> CancelMark:
    left = {
        line.text("line", required=True): line.integer("quantity")
        for line in node.items("left", most=10_000)
    }
    return CancelMark(left=left, is_done=node.boolean("done"))
