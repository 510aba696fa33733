"""WooCommerce over its REST API v3, as measured on a real 11.0.1 shop.

WooCommerce keeps one number per product or variation and sells down to zero from it. It
has no locations, no compare-and-set and no idempotency keys, so this connector believes
only numbers that are answered, recognises its own shipments by an entry in the order,
and polls: webhooks are delivered once and never again. A webhook only says which order
to fetch. Its body may be old, and the refunds are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from . import woocommerce_webhooks as webhooks
from .base import (
    Capabilities,
    ConfigField,
    Connector,
    QuantityMeaning,
)
from .data import (
    Cancellation,
    Delivery,
    Event,
    FetchedOrder,
    FetchOrder,
    Health,
    ObservedQuantity,
    OrderPage,
    QuantityKey,
    QuantityUpdate,
    RemoteListing,
    RemoteLocation,
    Shipment,
    UpdateResult,
    WebhookFinding,
)
from .errors import ConnectorError, Rejected
from .order_pages import page_below
from .strict_json import load
from .woocommerce_client import (
    NEVER,
    UNSORTABLE,
    Page,
    Row,
    Unsorted,
    WooClient,
    changed_since,
    id_of,
    modified,
    segment,
)
from .woocommerce_fulfilment import read_refunds, report_cancel, report_shipment
from .woocommerce_levels import BATCH, Push, read_levels
from .woocommerce_listing import read_listings
from .woocommerce_order import DRAFTS, parse_events
from .woocommerce_payload import CUSTOMER_IDS, IMPERSONAL, TOPIC, wrap

OVERLAP = timedelta(seconds=60)
"""How far a poll looks back behind its cursor: WooCommerce dates an order when it
begins to save it, and plugins may take their time until it is stored."""

PAGE = 50
"""Orders per page. WooCommerce would give 100, of 4 kB and 2 kB per line each; the
transport takes 8 MiB, and a slow host must answer in time."""

LOCATION = "main"
"""The one location there is."""

_ORDERS = "/orders"
_PRECISE = ("dp", "6")
"""Asks for amounts as they are stored; the shop's own two digits lose cents."""


class WooCommerceConnector(Connector):
    """Pushes numbers, polls and fetches orders, reports shipments as notes."""

    key = "woocommerce"
    label = "WooCommerce"
    capabilities = Capabilities(
        quantity_meaning=QuantityMeaning.SELLABLE,
        locations=False,
        compare_and_set=False,
        idempotency=False,
        batch_size=BATCH,
        read_back=True,
        webhooks=True,
        polling=True,
        signed_time=False,
        can_cancel=True,
        fractions=False,
        registers_webhooks=True,
    )
    impersonal = IMPERSONAL
    customer_ids = CUSTOMER_IDS
    signing_help = (
        "A signing secret is any text of 16 to 255 characters, the one in the webhook's"
        " field Secret. Use Generate to get one."
    )
    config_fields = (
        ConfigField(
            name="base_url",
            label="Address",
            help="The shop's address, such as https://shop.example.com, without"
            " /wp-json.",
        ),
        ConfigField(
            name="consumer_key",
            label="Consumer key",
            help="From WooCommerce, Settings, Advanced, REST API, with Read/Write;"
            " begins with ck_.",
            secret=True,
        ),
        ConfigField(
            name="consumer_secret",
            label="Consumer secret",
            help="Shown once together with the key; begins with cs_.",
            secret=True,
        ),
        ConfigField(
            name="notes",
            label="Shipping notes",
            help="customer: the shop mails carrier and tracking to the customer;"
            " private: only the staff sees them. Empty is customer.",
            required=False,
            advanced=True,
        ),
    )

    @classmethod
    def order_url(cls, config: Mapping[str, str], order_id: str) -> str | None:
        """Return where the order is shown in the pages of whoever runs the shop."""
        # Where orders have tables of their own, WooCommerce leads on to the new page.
        query = {"post": order_id, "action": "edit"}
        return page_below(
            config, "/wp-admin/post.php", order_id, cut="/wp-json", query=query
        )

    @classmethod
    def accepts_secret(cls, secret: str) -> bool:
        return webhooks.is_usable_secret(secret)

    # ------------------------------------------------------------- deliveries

    def verify(
        self,
        raw: bytes,
        headers: Mapping[str, str],
        secrets: Sequence[str],
        now: datetime,
    ) -> None:
        webhooks.verify(raw, headers, secrets)

    def describe(self, raw: bytes, headers: Mapping[str, str]) -> Delivery:
        return webhooks.describe(raw, headers)

    def is_ping(self, raw: bytes, headers: Mapping[str, str]) -> bool:
        return webhooks.is_ping(raw, headers)

    def parse(self, raw: bytes, topic: str) -> list[Event]:
        root = load(raw)
        if not isinstance(root.value, dict):
            root.refuse("must be an object")
        if topic == TOPIC or (not topic and "type" in root.value):
            if root.identifier("type") != TOPIC:
                root.refuse("is unknown", "type")
            return [*parse_events(root)]
        order_id = root.integer("id")
        # Whatever else the shop was told to send us names no order.
        is_order = topic.startswith("order.") or not topic
        return [FetchOrder(order_id=str(order_id))] if is_order else []

    # --------------------------------------------------------------- outgoing

    def publish(
        self, updates: Sequence[QuantityUpdate], idempotency_key: str
    ) -> list[UpdateResult]:
        return Push(self._client, updates).run()

    def fetch_quantities(self, keys: Sequence[QuantityKey]) -> list[ObservedQuantity]:
        shown = read_levels(self._client, keys)
        return [
            ObservedQuantity(key=key, quantity=shown[key.item_id])
            for key in dict.fromkeys(keys)
            if key.item_id in shown
        ]

    def report_shipment(self, shipment: Shipment) -> None:
        """Write a note and an entry on the order; complete it when all has left."""
        notes = self.config.get("notes", "").strip().lower()
        report_shipment(self._client, shipment, notes)

    def report_cancel(self, cancellation: Cancellation) -> None:
        """Cancel a whole order; part of one is refunded by a person."""
        report_cancel(self._client, cancellation)

    def watch_webhooks(self, address: str) -> list[WebhookFinding]:
        secret = self.secrets[0] if self.secrets else ""
        return webhooks.Watch(self._client, address, secret).run()

    # ----------------------------------------------------------------- orders

    def fetch_orders(self, since: datetime | None) -> Iterator[OrderPage]:
        """Page through the orders: first those put into the bin, which no other list
        shows, then all others by the date of their last change.
        """
        start = since - OVERLAP if since else None
        until = None
        seen: set[str] = set()
        if start:
            # They leave the cursor alone: what is in no bin yet is older and to come.
            for page in self._binned(start):
                until = until or page.now
                found = self._wrapped(page.rows, seen)
                if found:
                    yield OrderPage(orders=found, high_water=None)
        for page, marks in self._changed(start):
            until = until or page.now
            dates = {modified(row) for row in page.rows if marks} - {NEVER}
            # Nothing that changes while we read, here or in the bin, may lie behind
            # the cursor; nor may a date of the future carry it away.
            mark = min(max(dates), until) if dates else None
            yield OrderPage(orders=self._wrapped(page.rows, seen), high_water=mark)

    def _binned(self, start: datetime) -> Iterator[Page]:
        query = [("status", "trash"), _PRECISE, *changed_since(start)]
        for page, _is_last in self._client.by_id(_ORDERS, query, PAGE):
            yield page

    def _changed(self, start: datetime | None) -> Iterator[tuple[Page, bool]]:
        """Yield pages of orders, each with whether older changes can come no more."""
        query = [("status", "any"), _PRECISE]
        try:
            for page in self._client.by_date(_ORDERS, query, PAGE, start):
                yield page, True
            return
        except Unsorted:
            pass
        except Rejected as error:
            if error.code != UNSORTABLE:
                raise
        # A shop that does not sort by date: all of them by id. Only when the last page
        # is read there is a mark, and none that is younger than the first page.
        newest: list[Row] = []
        query += changed_since(start)
        for page, is_last in self._client.by_id(_ORDERS, query, PAGE):
            newest = sorted([*newest, *page.rows], key=modified)[-1:]
            yield page, False
            if is_last and newest:
                yield replace(page, rows=newest), True

    def fetch_order(self, order_id: str) -> FetchedOrder | None:
        try:
            row = self._client.get(f"{_ORDERS}/{segment(order_id)}", [_PRECISE])
        except Rejected as error:
            if error.code in _UNKNOWN_ORDER:
                return None
            raise
        wrapped = self._wrapped([row], set())
        return wrapped[0] if wrapped else None

    def _wrapped(self, rows: Iterable[Row], seen: set[str]) -> tuple[FetchedOrder, ...]:
        """Complete orders with their refunds; leave carts and repeats out."""
        orders = []
        for row in rows:
            if row.get("status") in DRAFTS:
                continue
            try:
                refunds = read_refunds(self._client, f"{_ORDERS}/{id_of(row)}", row)
            except Rejected as error:
                if error.code in _UNKNOWN_ORDER:
                    continue  # deleted since the list was read
                raise
            order = wrap(row, refunds)
            if order.dedupe_key not in seen:
                seen.add(order.dedupe_key)
                orders.append(order)
        return tuple(orders)

    # ---------------------------------------------------------------- reading

    def fetch_listings(self) -> Iterable[RemoteListing]:
        return read_listings(self._client)

    def fetch_locations(self) -> Iterable[RemoteLocation]:
        return [RemoteLocation(id=LOCATION, name="WooCommerce")]

    def check(self) -> Health:
        """Read an order and a product, and write an empty batch, which changes nothing
        and takes the right to write.
        """
        try:
            one = [("per_page", "1"), ("_fields", "id")]
            self._client.rows(_ORDERS, one)
            count = self._client.dated("/products", one).total
            self._client.send("POST", "/products/batch", {"update": []})
        except ConnectorError as error:
            return Health.failed(error)
        return Health(ok=True, message=f"WooCommerce answers; products: {count or 0}.")

    @property
    def _client(self) -> WooClient:
        return WooClient(self.config, self.transport, self.clock)


_UNKNOWN_ORDER = frozenset(
    {"woocommerce_rest_shop_order_invalid_id", "woocommerce_rest_invalid_order_id"}
)
