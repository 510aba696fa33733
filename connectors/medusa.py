"""Medusa 2 over its Admin API, as measured on a real 2.18.0 server.

Medusa counts like a warehouse: ``stocked_quantity`` is what lies there, its own
reservations are subtracted by itself. It has no compare-and-set, no idempotency keys
and no webhooks configured by data, so this connector reads before it creates, reads
back after a lost answer, recognises its own fulfilments by a mark in their metadata,
and polls. A shop that posts Medusa's thin events on, signed as Standard Webhooks, is
understood too: they only say which order to fetch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any

from . import signing
from .base import (
    Capabilities,
    ConfigField,
    Connector,
    QuantityMeaning,
    Resource,
)
from .data import (
    Cancellation,
    Delivery,
    Event,
    FetchedOrder,
    FetchOrder,
    Health,
    ListingPage,
    ObservedQuantity,
    OrderPage,
    QuantityKey,
    QuantityUpdate,
    RemoteListing,
    RemoteLocation,
    Shipment,
    UpdateResult,
)
from .errors import ConnectorError, KeptAsTold, Rejected, RetryLater
from .medusa_client import MedusaClient, Row, chunks, date_of, part, rows
from .medusa_levels import Push, json_number, read_levels
from .medusa_listing import read_listings, read_locations
from .medusa_order import parse_order
from .medusa_payload import (
    CUSTOMER_IDS,
    IMPERSONAL,
    ITEM_FIELDS,
    ORDER_FIELDS,
    RESERVATION_FIELDS,
    RETURN_FIELDS,
    TOPIC,
    most_ordered,
    stored_key,
    wrap,
)
from .medusa_return import parse_returns
from .order_pages import page_below
from .strict_json import load, parse_time
from .thin_event import described, named_order
from .transport import segment

PAGE = 25
"""Orders per page. Medusa answers 2 kB per order and 3.5 kB per line, whatever fields
are asked for, and the transport takes 8 MiB: that is 90 lines per order."""

OVERLAP = timedelta(seconds=30)
"""How far a poll looks back behind its cursor. Medusa dates an order before it
commits, and reserves and authorises up to a second later without dating it anew."""

SETTLE = timedelta(seconds=10)
"""How old an unpaid order must be. Medusa stores the order first and then reserves:
when that fails it deletes the order again, which was visible for 0.3 s."""

MARK = "stock_channel_hub_id"
"""Key in a fulfilment's metadata that holds our shipment's id."""

_ORDERS = "/admin/orders"


class MedusaConnector(Connector):
    """Polls orders, pushes inventory levels, reports fulfilments and cancellations."""

    key = "medusa"
    label = "Medusa 2"
    capabilities = Capabilities(
        quantity_meaning=QuantityMeaning.PHYSICAL,
        locations=True,
        compare_and_set=False,
        idempotency=False,
        batch_size=200,
        read_back=True,
        webhooks=False,
        polling=True,
        signed_time=True,
        can_cancel=True,
        fractions=True,
    )
    # Payments first: what is captured while the orders are read is found next time.
    resources = (Resource.PAYMENTS, Resource.RETURNS, Resource.ORDERS)
    impersonal = IMPERSONAL
    customer_ids = CUSTOMER_IDS
    config_fields = (
        ConfigField(
            name="base_url",
            label="Address",
            help="Where Medusa answers, such as https://shop.example.com, without"
            " /admin.",
        ),
        ConfigField(
            name="api_key",
            label="Secret API key",
            help="From Medusa's settings, Secret API Keys; begins with sk_.",
            secret=True,
        ),
    )

    @classmethod
    def order_url(cls, config: Mapping[str, str], order_id: str) -> str | None:
        """Return where the order is shown in the pages of whoever runs the shop."""
        return page_below(config, "/app/orders/{id}", order_id, cut="/admin")

    # ------------------------------------------------------------- deliveries

    def verify(
        self,
        raw: bytes,
        headers: Mapping[str, str],
        secrets: Sequence[str],
        now: datetime,
    ) -> None:
        signing.verify(raw, headers, secrets, now)

    def describe(self, raw: bytes, headers: Mapping[str, str]) -> Delivery:
        return described(raw, headers, TOPIC, stored_key)

    def parse(self, raw: bytes, topic: str) -> list[Event]:
        root = load(raw)
        kind = root.identifier("type")
        if kind == TOPIC:
            return [parse_order(root), *parse_returns(root)]
        order_id = named_order(root, kind)
        # Payments, products, reservations and the echo of our own pushes name no
        # order; what they change is found by polling and by reading back.
        return [FetchOrder(order_id=order_id)] if order_id else []

    # ------------------------------------------------------------- quantities

    def publish(
        self, updates: Sequence[QuantityUpdate], idempotency_key: str
    ) -> list[UpdateResult]:
        return Push(self._client, updates).run()

    def fetch_quantities(self, keys: Sequence[QuantityKey]) -> list[ObservedQuantity]:
        levels = read_levels(self._client, keys)
        return [
            ObservedQuantity(key=key, quantity=quantity)
            for key in dict.fromkeys(keys)
            if (quantity := levels.shown(key)) is not None
        ]

    # ------------------------------------------------------------- fulfilment

    def report_shipment(self, shipment: Shipment) -> None:
        """Make a fulfilment and mark it as shipped.

        Medusa 2.18.0 takes what is shipped off its stock first and then reserves the
        rest of the line anew. Where what nobody has bought is less than that rest it
        refuses the part, with "Not enough stock available": a person has to tell it.
        """
        path = f"{_ORDERS}/{segment(shipment.order_id)}/fulfillments"
        items = _merged_lines(shipment)
        found = self._fulfilment(shipment)
        if found is None:
            body: dict[str, Any] = {"items": items, "metadata": _metadata(shipment)}
            if shipment.location_id:
                body["location_id"] = shipment.location_id
            self._client.post(path, body)
            found = self._fulfilment(shipment)
        if found is None:
            raise RetryLater("Medusa took the fulfilment but does not show it.")
        if found.get("shipped_at"):
            if shipment.corrects:
                raise KeptAsTold(
                    "Medusa keeps the tracking number of a fulfilment that was"
                    " shipped.",
                    code="fulfillment_shipped",
                    field="tracking",
                )
            return
        label = {
            "tracking_number": shipment.tracking,
            "tracking_url": shipment.tracking_url,
            "label_url": "",
        }
        self._client.post(
            f"{path}/{segment(str(found.get('id') or ''))}/shipments",
            {"items": items, "labels": [label] if shipment.tracking else []},
        )

    def _fulfilment(self, shipment: Shipment) -> Row | None:
        """Return our own fulfilment when Medusa has it already.

        :raise Rejected: when the order is unknown, or someone cancelled it there.
        """
        names = ("id", "metadata", "shipped_at", "canceled_at")
        order = self._order(shipment.order_id, [f"fulfillments.{n}" for n in names])
        for row in rows(order, "fulfillments"):
            if part(row, "metadata").get(MARK) != shipment.id:
                continue
            if row.get("canceled_at"):
                raise Rejected(
                    "The fulfilment of this delivery was cancelled in Medusa.",
                    code="fulfillment_canceled",
                )
            return row
        return None

    def report_cancel(self, cancellation: Cancellation) -> None:
        """Cancel a whole order.

        Part of an order could only go by an order edit, which makes Medusa reserve
        anew, possibly at another location: refused.
        """
        fields = ("status", "items.id", "items.quantity")
        order = self._order(cancellation.order_id, fields)
        if order.get("status") == "canceled":
            return
        gone: dict[str, Decimal] = {}
        for line in cancellation.lines:
            gone.setdefault(line.order_line_id, Decimal(0))
            gone[line.order_line_id] += line.quantity
        for item in rows(order, "items"):
            if gone.get(str(item.get("id")), 0) < item.get("quantity", 0):
                raise Rejected(
                    "Medusa cancels whole orders only: change this one in Medusa.",
                    code="partial_cancel",
                    field="lines",
                )
        path = f"{_ORDERS}/{segment(cancellation.order_id)}/cancel"
        self._client.post(path, {})

    def _order(self, order_id: str, fields: Iterable[str]) -> Row:
        path = f"{_ORDERS}/{segment(order_id)}"
        answer = self._client.get(path, [("fields", ",".join(("id", *fields)))])
        order = part(answer, "order")
        if not order:
            raise RetryLater("Medusa's answer makes no sense: order.")
        return order

    # ----------------------------------------------------------------- orders

    def fetch_orders(self, since: datetime | None) -> Iterator[OrderPage]:
        seen: set[str] = set()
        yield from self._changed_orders(since, seen)
        if since:
            for page in chain(
                self._paid_orders(since, seen), self._returned_orders(since, seen)
            ):
                yield replace(page, high_water=None)

    def poll(self, resource: Resource, since: datetime | None) -> Iterator[OrderPage]:
        """Page through orders by their own dates, or by those of what they have."""
        if resource is Resource.PAYMENTS:
            return self._paid_orders(since, set())
        if resource is Resource.RETURNS:
            return self._returned_orders(since, set())
        return self._changed_orders(since, set())

    def _changed_orders(
        self, since: datetime | None, seen: set[str]
    ) -> Iterator[OrderPage]:
        start = since - OVERLAP if since else None
        high_water, settled = since, True
        pages = self._client.by_date(_ORDERS, "orders", ORDER_FIELDS, start, PAGE)
        for found, now in pages:
            for row in found:
                settled = settled and _is_settled(row, now)
                if settled:
                    date = date_of(row, "updated_at")
                    high_water = max(date, high_water or date)
            orders = self._wrapped(found, now, seen)
            yield OrderPage(orders=orders, high_water=high_water)

    def _paid_orders(
        self, since: datetime | None, seen: set[str]
    ) -> Iterator[OrderPage]:
        """Find orders by their payments: a capture does not date the order anew."""
        return self._owners(
            "payments",
            ("id", "updated_at", "payment_collection.order.id"),
            since,
            seen,
            lambda row: part(part(row, "payment_collection"), "order").get("id"),
        )

    def _returned_orders(
        self, since: datetime | None, seen: set[str]
    ) -> Iterator[OrderPage]:
        """Find orders by their returns: a cancelled return dates no order anew."""
        return self._owners(
            "returns",
            ("id", "updated_at", "order_id"),
            since,
            seen,
            lambda row: row.get("order_id"),
        )

    def _owners(
        self,
        name: str,
        fields: Sequence[str],
        since: datetime | None,
        seen: set[str],
        owner_of: Callable[[Row], object],
    ) -> Iterator[OrderPage]:
        """Page through the orders that rows of another list belong to.

        Where that list was never looked at, only the moment is noted: the orders
        are read after that.
        """
        path = f"/admin/{name}"
        if since is None:
            one: list[tuple[str, str | int]] = [("fields", "id"), ("limit", 1)]
            _found, now = self._client.dated(path, name, one)
            yield OrderPage(orders=(), high_water=now)
            return
        start = since - OVERLAP
        pages = self._client.by_date(path, name, fields, start, PAGE)
        for found, _now in pages:
            ids = sorted({str(id_) for id_ in map(owner_of, found) if id_})
            wrapped: list[FetchedOrder] = []
            for chunk in chunks(ids, PAGE):
                orders, now = self._by_id(chunk)
                wrapped += self._wrapped(orders, now, seen)
            dates = [date_of(row, "updated_at") for row in found]
            yield OrderPage(orders=tuple(wrapped), high_water=max(dates, default=None))

    def fetch_order(self, order_id: str) -> FetchedOrder | None:
        found, _now = self._by_id([order_id])
        # A filter that Medusa cannot use is no filter: it would answer any order.
        asked = [row for row in found if row.get("id") == order_id]
        wrapped = self._wrapped(asked, None, set())
        return wrapped[0] if wrapped else None

    def _by_id(self, ids: Sequence[str]) -> tuple[list[Row], datetime]:
        params: list[tuple[str, str | int]] = [("id[]", order) for order in ids]
        params += [("limit", PAGE), ("fields", ",".join(ORDER_FIELDS))]
        return self._client.dated(_ORDERS, "orders", params)

    def _wrapped(
        self, found: Sequence[Row], now: datetime | None, seen: set[str]
    ) -> tuple[FetchedOrder, ...]:
        """Complete orders with what Medusa keeps elsewhere; leave repeats out.

        :param now: None takes unsettled orders too.
        """
        ready = [
            row
            for row in found
            if not row.get("is_draft_order") and (now is None or _is_settled(row, now))
        ]
        lines = {id(row): _ids(rows(row, "items")) for row in ready}
        reserved: dict[str, list[Row]] = {}
        for row in self._client.read(
            "/admin/reservations",
            "reservations",
            RESERVATION_FIELDS,
            ("line_item_id[]", [line for ids in lines.values() for line in ids]),
        ):
            reserved.setdefault(str(row.get("line_item_id")), []).append(row)
        returned = self._returns(ready)
        orders = []
        for row in ready:
            present = lines[id(row)]
            held = [found for line in present for found in reserved.get(line, ())]
            back = returned.get(str(row.get("id")), ())
            order = wrap(row, held, *self._history(row, present), back)
            if order.dedupe_key not in seen:
                seen.add(order.dedupe_key)
                orders.append(order)
        return tuple(orders)

    def _returns(self, orders: Iterable[Row]) -> dict[str, list[Row]]:
        """Return the returns of orders by order id; an unchanged one has none."""
        changed = [str(row.get("id")) for row in orders if row.get("version") != 1]
        result: dict[str, list[Row]] = {}
        for row in self._client.read(
            "/admin/returns", "returns", RETURN_FIELDS, ("order_id[]", changed)
        ):
            result.setdefault(str(row.get("order_id")), []).append(row)
        return result

    def _history(self, row: Row, present: set[str]) -> tuple[list[Row], list[Row]]:
        """Return an order's changes, and the lines that they removed."""
        if row.get("version") == 1:
            return [], []
        path = f"{_ORDERS}/{segment(str(row.get('id') or ''))}"
        changes = rows(self._client.get(f"{path}/changes"), "order_changes")
        gone = set(most_ordered(changes)) - present
        if not gone:
            return changes, []
        fields = ",".join(("item_id", *(f"item.{name}" for name in ITEM_FIELDS)))
        answer = self._client.get(f"{path}/line-items", [("fields", fields)])
        former = [part(entry, "item") for entry in rows(answer, "order_items")]
        return changes, [item for item in former if item.get("id") in gone]

    # ----------------------------------------------------------------- reading

    def fetch_listings(self) -> Iterable[RemoteListing]:
        for page in self.listing_pages():
            yield from page.listings

    def listing_pages(self, position: str = "") -> Iterator[ListingPage]:
        return read_listings(self._client, position)

    def fetch_locations(self) -> Iterable[RemoteLocation]:
        return read_locations(self._client)

    def check(self) -> Health:
        try:
            count = len(list(self.fetch_locations()))
        except ConnectorError as error:
            return Health.failed(error)
        return Health(ok=True, message=f"Medusa answers; stock locations: {count}.")

    @property
    def _client(self) -> MedusaClient:
        return MedusaClient(self.config, self.transport, self.clock)


def _is_settled(row: Row, now: datetime) -> bool:
    """Tell whether an order is past the moment at which Medusa may delete it."""
    created = parse_time(row.get("created_at"))
    unpaid = row.get("payment_status") == "not_paid"
    return not unpaid or created is None or created <= now - SETTLE


def _ids(found: Iterable[Row]) -> set[str]:
    return {str(row.get("id")) for row in found}


def _merged_lines(shipment: Shipment) -> list[Row]:
    """Return one entry per order line: given twice, Medusa ships both but keeps the
    reservation of one."""
    total: dict[str, Decimal] = {}
    for line in shipment.lines:
        total[line.order_line_id] = total.get(line.order_line_id, Decimal(0))
        total[line.order_line_id] += line.quantity
    return [{"id": line, "quantity": json_number(sum_)} for line, sum_ in total.items()]


def _metadata(shipment: Shipment) -> dict[str, str]:
    """Return what Medusa has no place for; our id is how a retry finds its own."""
    lots = [
        f"{lot.quantity.normalize():f} x {lot.name}"
        for line in shipment.lines
        for lot in line.lots
    ]
    result = {MARK: shipment.id, "carrier": shipment.carrier, "lots": ", ".join(lots)}
    return {name: value for name, value in result.items() if value}
