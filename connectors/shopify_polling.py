"""Reading orders from Shopify, each as it is at one moment and in full.

The list of what changed holds ids and dates only; each order is then read by itself.
Everything that has more entries than one query answers (lines, places, parcels,
refunds, returns) is read to its end. That takes several calls, and an order that
changes between them is read again.

What Shopify keeps back: without the scope ``read_all_orders`` only the orders of the
last 60 days are there, and without the fulfilment order scopes no location is.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from . import shopify_payload as payload
from .base import Clock, ConfigField, Resource
from .data import FetchedOrder, OrderPage
from .errors import RateLimited, RetryLater
from .limits import Bucket
from .shopify_client import (
    POINTS,
    ShopifyClient,
    connection,
    gid,
    next_page,
    part,
    rows,
)
from .shopify_deliveries import OWNED, TAKE_TEST_ORDERS, takes_test_orders
from .strict_json import format_time, parse_time
from .transport import Transport

Row = dict[str, Any]

PAGE = 100
"""Ids per list; each costs a point of the thousand a query may cost."""

OVERLAP = timedelta(minutes=2)
"""How far a poll looks back behind its cursor: the list is a search index, and a
change gets there a moment after it has its date."""

SETTLED = timedelta(minutes=10)
"""Age at which nothing appears in the list any more, with room for a clock that is
minutes off. The cursor follows so far behind the clock, or a shop where nothing happens
would have its last busy minutes read again and again."""

_READINGS = 3
"""How often an order that changes while it is read is read."""

TEST_ORDERS = ConfigField(
    name=TAKE_TEST_ORDERS,
    label="Take test orders",
    help="Write yes in a development store, where every order is a test. Leave empty"
    " elsewhere: test orders were never paid, and are passed over.",
    required=False,
    advanced=True,
)

_NUMBER = re.compile(r"[1-9][0-9]{0,19}")


class ShopifyPolling:
    """The reading side of the connector."""

    config: Mapping[str, str]
    clock: Clock
    transport: Transport

    resources: ClassVar[tuple[Resource, ...]] = (Resource.ORDERS,)
    impersonal: ClassVar[tuple[str, ...]] = payload.IMPERSONAL
    customer_ids: ClassVar[tuple[str, ...]] = payload.CUSTOMER_IDS

    @property
    @abstractmethod
    def _client(self) -> ShopifyClient: ...

    def fetch_orders(self, since: datetime | None) -> Iterator[OrderPage]:
        """Page through changed orders, oldest change first.

        What may have come late into the list, with a date before ``since``, is read at
        the end: most of it is known already, and must not keep the rest waiting.
        """
        seen: set[tuple[str, str]] = set()
        begun_at = self.clock()
        for found in self._changed(since, None):
            yield from self._one_by_one(found, seen)
        if since is None:
            return
        if begun_at - SETTLED > since:
            yield OrderPage(orders=(), high_water=begun_at - SETTLED)
        for found in self._changed(since - OVERLAP, since):
            for page in self._one_by_one(found, seen):
                yield replace(page, high_water=None)

    def _one_by_one(
        self, found: Iterable[Row], seen: set[tuple[str, str]]
    ) -> Iterator[OrderPage]:
        """Read orders and tell of each at once.

        An order costs up to some hundred points, of which the smallest plan has a
        hundred a second. Where they run out, a poll must have come further than the
        one before it.
        """
        for row in found:
            known = (str(row.get("id")), str(row.get("updatedAt")))
            if known in seen:
                continue
            seen.add(known)
            order = self._read(known[0])
            taken = order is not None and not self._is_passed_over(order)
            wrapped = (payload.wrap(order),) if order is not None and taken else ()
            yield OrderPage(orders=wrapped, high_water=_date_of(row))

    def fetch_order(self, order_id: str) -> FetchedOrder | None:
        """Read one order; also by the wire id of something that belongs to it."""
        if _NUMBER.fullmatch(order_id):
            wire_id = gid("Order", order_id)
        else:
            wire_id = self._owner(order_id)
        order = self._read(wire_id) if wire_id else None
        return payload.wrap(order) if order is not None else None

    def _is_passed_over(self, order: Row) -> bool:
        return order.get("test") is True and not takes_test_orders(self.config)

    def _owner(self, wire_id: str) -> str:
        """Return the wire id of the order that something belongs to, if any."""
        kind, _, number = wire_id.removeprefix("gid://shopify/").partition("/")
        if kind not in OWNED or not _NUMBER.fullmatch(number):
            return ""
        node = part(self._ask(payload.OWNER, wire_id), "node")
        owner = part(node, "order") or part(node, "maybe")
        return str(owner.get("id") or "")

    # ---------------------------------------------------------------- the list

    def _changed(
        self, start: datetime | None, end: datetime | None
    ) -> Iterator[list[Row]]:
        """Yield pages of ids and dates, of what changed at ``start`` and before ``end``.

        Each page begins at the date where the last one ended, and not behind it: an
        order that changes meanwhile moves to the end, and none moves up unseen. Only
        within one date, where many orders were changed at once, a cursor goes on.
        """
        cursor: datetime | None = start
        after: str | None = None
        while True:
            answer = self._client.query(
                payload.ORDERS,
                {"first": PAGE, "after": after, "query": _between(cursor, end)},
                payload.COSTS[payload.ORDERS],
            )
            found = connection(answer, "orders")
            yield found
            behind = next_page(part(answer, "orders"), after)
            if behind is None or not found:
                return
            last = _date_of(found[-1])
            if cursor is None or last > cursor:
                cursor, after = last, None
            else:
                after = behind

    # --------------------------------------------------------------- one order

    def _read(self, wire_id: str) -> Row | None:
        """Return one order with everything that belongs to it.

        The last reading counts even if the order changed once more: its date moved
        then, and the next poll finds it.

        :raise RateLimited: until the bucket is full, since a long order may take it.
        """
        try:
            return self._read_at_rest(wire_id)
        except RateLimited as error:
            limit = self.transport.limits.get(POINTS)
            if isinstance(limit, Bucket):
                full = limit.wait(limit.maximum, self.clock())
                error.after = max(full, error.after or 0.0)
            raise

    def _read_at_rest(self, wire_id: str) -> Row | None:
        for _reading in range(_READINGS):
            order = part(self._ask(payload.ORDER, wire_id), "order")
            if not order:
                return None
            if not self._complete(wire_id, order):
                break
            now = part(self._ask(payload.ORDER_DATE, wire_id), "order")
            if now.get("updatedAt") == order.get("updatedAt"):
                break
        return order

    def _complete(self, wire_id: str, order: Row) -> bool:
        """Read what one query did not answer; tell whether there was any."""
        calls = 0
        for name, document in (
            ("lineItems", payload.ORDER_LINES),
            ("shippingLines", payload.ORDER_SHIPPING_LINES),
        ):
            if _has_more(order, name):
                calls += 1
                order[name] = self._all(document, wire_id, "order", name)
        calls += self._complete_places(wire_id, order)
        calls += self._complete_parts(wire_id, order)
        calls += self._complete_returns(wire_id, order)
        return calls > 0

    def _complete_places(self, wire_id: str, order: Row) -> int:
        """Read all fulfilment orders, and all lines of each."""
        name, calls = "fulfillmentOrders", 0
        places = _nodes(order, name)
        if _has_more(order, name):
            known = {place.get("id"): place for place in places}
            found = self._all(payload.ORDER_PLACES, wire_id, "order", name)
            places = [known.get(row.get("id"), row) for row in found]
        for index, place in enumerate(places):
            if "lineItems" not in place or _has_more(place, "lineItems"):
                calls += 1
                places[index] = self._whole(
                    payload.FULFILLMENT_ORDER,
                    place,
                    ("fulfillmentOrder", "lineItems"),
                )
        order[name] = places
        return calls

    def _complete_parts(self, wire_id: str, order: Row) -> int:
        """Read all parcels and refunds; Shopify has no pages of these lists."""
        parcels, refunds = rows(order, "fulfillments"), rows(order, "refunds")
        calls = 0
        if len(parcels) >= payload.PARCELS or len(refunds) >= payload.REFUNDS:
            answer = part(self._ask(payload.ORDER_PARTS, wire_id), "order")
            known = {row.get("id"): row for row in parcels}
            found = rows(answer, "fulfillments")
            parcels = [known.get(row.get("id"), row) for row in found]
            refunds, calls = rows(answer, "refunds"), 1
        for index, parcel in enumerate(parcels):
            lines = "fulfillmentLineItems"
            if lines not in parcel or _has_more(parcel, lines):
                calls += 1
                parcels[index] = self._whole(
                    payload.FULFILLMENT, parcel, ("fulfillment", lines)
                )
        order["fulfillments"] = parcels
        order["refunds"] = [
            self._whole(payload.REFUND, row, ("refund", "refundLineItems"))
            for row in refunds
        ]
        return calls + len(refunds)

    def _complete_returns(self, wire_id: str, order: Row) -> int:
        """Read all returns, with what has come of each unit."""
        name = "returns"
        found = _nodes(order, name)
        if _has_more(order, name):
            found = self._all(payload.ORDER_RETURNS, wire_id, "order", name)
        order[name] = [self._return(row) for row in found]
        return len(found)

    def _return(self, row: Row) -> Row:
        whole = self._whole(payload.RETURN, row, ("return", "returnLineItems"))
        name = "reverseFulfillmentOrders"
        parts = self._all(payload.RETURN_PARTS, str(row.get("id")), "return", name)
        whole[name] = [
            self._whole(payload.REVERSE, one, ("reverseFulfillmentOrder", "lineItems"))
            for one in parts
        ]
        return whole

    # ------------------------------------------------------------------- calls

    def _ask(self, document: str, wire_id: str) -> Row:
        return self._client.query(document, {"id": wire_id}, payload.COSTS[document])

    def _all(self, document: str, wire_id: str, *path: str) -> list[Row]:
        """Return every entry of a connection."""
        cost = payload.COSTS[document]
        pages = self._client.pages(document, {"id": wire_id}, cost, *path)
        return [row for page in pages for row in page]

    def _whole(self, document: str, row: Row, path: tuple[str, str]) -> Row:
        """Return one thing with every entry of its connection.

        :raise RetryLater: when it is gone: the order is being changed.
        """
        wire_id = str(row.get("id"))
        after: str | None = None
        entries: list[Row] = []
        while True:
            variables = {"id": wire_id, "after": after}
            answer = self._client.query(document, variables, payload.COSTS[document])
            found = part(answer, path[0])
            if not found:
                raise RetryLater("Shopify's answer makes no sense: a part is missing.")
            entries += connection(found, path[1])
            after = next_page(part(found, path[1]), after)
            if after is None:
                return {**found, path[1]: entries}


def _between(start: datetime | None, end: datetime | None) -> str | None:
    """Return the filter for what changed within a time; Shopify knows seconds only."""
    terms = [
        f"updated_at:{sign}'{format_time(moment.replace(microsecond=0))}'"
        for sign, moment in ((">=", start), ("<", end))
        if moment is not None
    ]
    return " ".join(terms) or None


def _date_of(row: Mapping[str, Any]) -> datetime:
    moment = parse_time(row.get("updatedAt"))
    if moment is None:
        raise RetryLater("Shopify's answer makes no sense: updatedAt.")
    return moment


def _nodes(row: Mapping[str, Any], name: str) -> list[Row]:
    """Return what a connection has answered; a list that was completed stays one."""
    is_list = isinstance(row.get(name), list)
    return rows(row, name) if is_list else connection(row, name)


def _has_more(row: Mapping[str, Any], name: str) -> bool:
    return next_page(part(row, name), None) is not None
