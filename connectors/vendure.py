"""Vendure over its Admin API (GraphQL), as measured on a real 3.7.3 server.

Vendure counts like a warehouse: ``stockOnHand`` is what lies there, what its own
orders have allocated is subtracted by itself. It has no compare-and-set, no idempotency
keys and no webhooks, so this connector reads back what it wrote, recognises its own
fulfilments and cancellations by a mark, and polls. A shop that posts thin events on,
signed as Standard Webhooks, is understood too: they only say which order to fetch.
Documentation: docs.vendure.io/reference/graphql-api/admin
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from . import signing
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
)
from .errors import ConnectorError, Rejected, RetryLater
from .order_pages import page_below
from .strict_json import format_time, load, parse_time
from .thin_event import described, named_order
from .vendure_client import Row, VendureClient, in_chunks, listed, part
from .vendure_levels import Push, read_levels, read_places
from .vendure_order import Reader
from .vendure_payload import (
    CUSTOMER_IDS,
    HEADS,
    IMPERSONAL,
    ORDER,
    ORDERS,
    TOPIC,
    is_placed,
    stored_key,
    wrap,
)
from .vendure_reports import HANDLER, Reports

PAGE = 100
"""Orders per page of ids and dates."""

MOST = 1000
"""Rows Vendure answers at most, where the shop has not changed that."""

DETAILS = 20
"""Orders read whole in one call: each line is 1 kB, the transport takes 8 MiB."""

OVERLAP = timedelta(seconds=60)
"""How far a poll looks back behind its cursor. Vendure dates an order when the
transaction begins that changes it, which may wait for a payment provider."""

SECOND = timedelta(seconds=1)
"""Resolution of the dates of a Vendure on SQLite."""

LISTINGS = """query HubListings($skip: Int!, $take: Int!) {
  productVariants(options: {skip: $skip, take: $take, sort: {id: ASC}}) {
    items { id sku name trackInventory }
  }
  globalSettings { trackInventory }
}"""


class VendureConnector(Connector):
    """Polls orders, pushes stock levels, reports fulfilments and cancellations."""

    key = "vendure"
    label = "Vendure"
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
        fractions=False,
    )
    impersonal = IMPERSONAL
    customer_ids = CUSTOMER_IDS
    config_fields = (
        ConfigField(
            name="base_url",
            label="Address",
            help="Where Vendure answers, such as https://shop.example.com, without"
            " /admin-api.",
        ),
        ConfigField(
            name="api_key",
            label="API key",
            help="From Vendure 3.7's settings, API Keys. Empty where a user name and"
            " its password are entered instead; those are faster.",
            secret=True,
            required=False,
        ),
        ConfigField(
            name="username",
            label="User name",
            help="Of an administrator made for the hub alone.",
            required=False,
        ),
        ConfigField(
            name="password",
            label="Password",
            help="Of that administrator.",
            secret=True,
            required=False,
        ),
        ConfigField(
            name="channel_token",
            label="Channel token",
            help="From Vendure's settings, Channels. Empty for the default channel.",
            required=False,
            advanced=True,
        ),
        ConfigField(
            name="fulfillment_handler",
            label="Fulfilment handler",
            help=f"Its code, where the shop does not use {HANDLER}.",
            required=False,
            advanced=True,
        ),
        ConfigField(
            name="admin_path",
            label="Path of the Admin API",
            help="Where the shop has changed it from admin-api.",
            required=False,
            advanced=True,
        ),
    )

    @classmethod
    def order_url(cls, config: Mapping[str, str], order_id: str) -> str | None:
        """Return where the order is shown in the pages of whoever runs the shop."""
        return page_below(config, "/admin/orders/{id}", order_id, cut="/admin-api")

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
            reader = Reader(root)
            return [reader.order(), *reader.returned()]
        order_id = named_order(root, kind)
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
        self._reports(shipment.order_id).ship(shipment)

    def report_cancel(self, cancellation: Cancellation) -> None:
        self._reports(cancellation.order_id).cancel(cancellation)

    def _reports(self, order_id: str) -> Reports:
        handler = self.config.get("fulfillment_handler") or HANDLER
        return Reports(self._client, order_id, handler)

    # ----------------------------------------------------------------- orders

    def fetch_orders(self, since: datetime | None) -> Iterator[OrderPage]:
        """Page by date, not by offset: an order that changes while we page moves to
        the end, and with an offset the one in its place would be skipped. Only ids
        and dates are paged; those at the seam come twice, and are read once.

        A second parcel, or money that goes back, does not date an order anew; it is
        seen with the order's next change, or when the shop tells of it.
        """
        seen: dict[str, datetime] = {}
        after = since - OVERLAP if since else None
        size, skip, high_water = PAGE, 0, since
        while True:
            heads = self._heads(after, size, skip)
            fresh = [id_ for id_, date in heads if seen.get(id_) != date]
            seen.update(heads)
            for chunk in in_chunks(fresh, DETAILS):
                mark = max([seen[id_] for id_ in chunk])
                high_water = max(mark, high_water or mark)
                yield OrderPage(orders=self._by_id(chunk), high_water=high_water)
            if len(heads) < size:
                return
            after, size, skip = _next_page(after, heads[-1][1], size, skip)

    def _heads(
        self, after: datetime | None, size: int, skip: int
    ) -> list[tuple[str, datetime]]:
        """Return ids and dates of placed orders changed after a moment, by date."""
        wanted: Row = {"orderPlacedAt": {"isNull": False}}
        if after:
            wanted["updatedAt"] = {"after": format_time(after)}
        options = {
            "filter": wanted,
            "sort": {"updatedAt": "ASC", "id": "ASC"},
            "take": size,
            "skip": skip,
        }
        answer = self._client.ask(HEADS, {"options": options})
        found = []
        for row in listed(answer, "orders"):
            date = parse_time(row.get("updatedAt"))
            if date is None:
                raise RetryLater("Vendure's answer makes no sense: updatedAt.")
            found.append((str(row.get("id")), date))
        return found

    def _by_id(self, ids: Sequence[str]) -> tuple[FetchedOrder, ...]:
        """Read orders whole, in this order; one that Vendure cannot show alone."""
        options = {"filter": {"id": {"in": list(ids)}}, "take": len(ids)}
        try:
            answer = self._client.ask(ORDERS, {"options": options})
        except Rejected:
            if len(ids) == 1:
                return (wrap({"id": ids[0]}, {}),)
            return tuple(order for id_ in ids for order in self._by_id([id_]))
        found = {row.get("id"): row for row in listed(answer, "orders")}
        return tuple(
            wrap(found[id_], answer)
            for id_ in ids
            if id_ in found and is_placed(found[id_])
        )

    def fetch_order(self, order_id: str) -> FetchedOrder | None:
        try:
            answer = self._client.ask(ORDER, {"id": order_id})
        except Rejected as error:
            if error.code == "ENTITY_NOT_FOUND":
                return None
            raise
        order = part(answer, "order")
        return wrap(order, answer) if is_placed(order) else None

    # ----------------------------------------------------------------- reading

    def fetch_listings(self) -> Iterable[RemoteListing]:
        counts = self._tracks_by_default()
        for row in self._client.everything(LISTINGS, "productVariants"):
            tracked = row.get("trackInventory")
            yield RemoteListing(
                sku=str(row.get("sku") or ""),
                item_id=str(row.get("id")),
                title=str(row.get("name") or ""),
                tracked=counts if tracked == "INHERIT" else tracked != "FALSE",
            )

    def _tracks_by_default(self) -> bool:
        """Return whether variants that leave it to the shop are counted."""
        settings = part(
            self._client.ask(LISTINGS, {"skip": 0, "take": 1}), "globalSettings"
        )
        return settings.get("trackInventory") is not False

    def fetch_locations(self) -> Iterable[RemoteLocation]:
        places = read_places(self._client)
        return [RemoteLocation(id=id_, name=name) for id_, name in places.items()]

    def check(self) -> Health:
        try:
            count = len(list(self.fetch_locations()))
        except ConnectorError as error:
            return Health.failed(error)
        return Health(ok=True, message=f"Vendure answers; stock locations: {count}.")

    @property
    def _client(self) -> VendureClient:
        return VendureClient(self.config, self.transport, self.tokens)


def _next_page(
    after: datetime | None, last: datetime, size: int, skip: int
) -> tuple[datetime | None, int, int]:
    """Return where the next page begins, how many orders it has and leaves out.

    More orders of one second than fit a page: only a larger page gets past them, and
    where Vendure answers no larger one, an offset.
    """
    behind = last - SECOND
    if after is None or behind > after:
        return behind, PAGE, 0
    if size < MOST:
        return after, min(2 * size, MOST), skip
    return after, size, skip + size
