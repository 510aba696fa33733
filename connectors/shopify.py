"""Shopify over its GraphQL Admin API, https://shopify.dev/docs/api/admin-graphql.

Shopify sells from ``available``, per inventory item and location, and takes its own
orders off it at once. It compares before it sets, knows repeated calls by their key, and
delivers what happens; what gets lost on the way is polled. The hub's ids are Shopify's
plain numbers, without the ``gid://`` in front.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property

from .base import Capabilities, ConfigField, Connector, QuantityMeaning
from .data import (
    Cancellation,
    Health,
    ObservedQuantity,
    QuantityKey,
    QuantityUpdate,
    RemoteListing,
    RemoteLocation,
    Shipment,
    UpdateResult,
    WebhookFinding,
)
from .order_pages import page_below
from .shopify_cancel import Cancelling
from .shopify_client import MOST, ShopifyClient
from .shopify_deliveries import TOPIC_FIELDS, TOPICS, ShopifyDeliveries
from .shopify_fulfilment import Shipping
from .shopify_levels import read_levels
from .shopify_listing import check, listings, locations
from .shopify_polling import TEST_ORDERS, ShopifyPolling
from .shopify_push import Push
from .shopify_webhooks import watch

_YES = ("1", "on", "true", "yes")


class ShopifyConnector(ShopifyDeliveries, ShopifyPolling, Connector):
    """Sets quantities, reports shipments and cancellations, takes webhooks, polls."""

    key = "shopify"
    label = "Shopify"
    capabilities = Capabilities(
        quantity_meaning=QuantityMeaning.SELLABLE,
        locations=True,
        compare_and_set=True,
        idempotency=True,
        batch_size=MOST,
        read_back=True,
        webhooks=True,
        polling=True,
        signed_time=False,
        can_cancel=True,
        fractions=False,
        registers_webhooks=True,
    )
    signing_field = "client_secret"
    config_fields = (
        ConfigField(
            name="base_url",
            label="Address",
            help="Of the shop at Shopify, such as https://example.myshopify.com; not"
            " its own domain.",
        ),
        ConfigField(
            name="access_token",
            label="Access token",
            help="Of an app made in the shop's own settings; begins with shpat_. Leave"
            " it empty for any other app.",
            secret=True,
            required=False,
        ),
        ConfigField(
            name="client_id",
            label="Client id",
            help="Of an app from the Dev Dashboard. Its settings show it.",
            required=False,
        ),
        ConfigField(
            name="client_secret",
            label="Client secret",
            help="Of the same app. Enter it as signing secret too: Shopify signs its"
            " webhooks with it.",
            secret=True,
            required=False,
        ),
        ConfigField(
            name="refresh_token",
            label="Refresh token",
            help="Only for an app with expiring tokens: the one given at its"
            " installation. The hub renews it from then on.",
            secret=True,
            required=False,
            advanced=True,
        ),
        ConfigField(
            name="notify_customer",
            label="Write to customers",
            help="Enter yes to have Shopify write to the customer when goods leave, a"
            " tracking number changes, or something is cancelled.",
            required=False,
            advanced=True,
        ),
        TEST_ORDERS,
    )

    @classmethod
    def order_url(cls, config: Mapping[str, str], order_id: str) -> str | None:
        """Return where the order is shown in the pages of whoever runs the shop."""
        number = order_id.rpartition("/")[2]
        return page_below(config, "/admin/orders/{id}", number)

    @classmethod
    def make_secret(cls) -> str:
        """Return nothing: Shopify signs with its own secret, and takes none of ours."""
        return ""

    @cached_property
    def _client(self) -> ShopifyClient:
        return ShopifyClient(self.config, self.transport, self.clock, self.tokens)

    # ------------------------------------------------------------- quantities

    def publish(
        self, updates: Sequence[QuantityUpdate], idempotency_key: str
    ) -> list[UpdateResult]:
        return Push(self._client, updates, idempotency_key).run()

    def fetch_quantities(self, keys: Sequence[QuantityKey]) -> list[ObservedQuantity]:
        return [
            ObservedQuantity(
                key=key,
                quantity=Decimal(level.quantity),
                updated_at=level.updated_at,
            )
            for key, level in read_levels(self._client, keys).items()
        ]

    # ------------------------------------------------------------- fulfilment

    def report_shipment(self, shipment: Shipment) -> None:
        Shipping(self._client, shipment, self._notifies()).tell()

    def report_cancel(self, cancellation: Cancellation) -> None:
        Cancelling(self._client, cancellation, self._notifies()).tell()

    def _notifies(self) -> bool:
        return self.config.get("notify_customer", "").strip().lower() in _YES

    # --------------------------------------------------------------- webhooks

    def watch_webhooks(self, address: str) -> list[WebhookFinding]:
        fields = {topic: TOPIC_FIELDS.get(topic, ()) for topic in TOPICS}
        return watch(self._client, address, fields)

    # ---------------------------------------------------------------- reading

    def fetch_listings(self) -> Iterable[RemoteListing]:
        return listings(self._client)

    def fetch_locations(self) -> Iterable[RemoteLocation]:
        return locations(self._client)

    def check(self) -> Health:
        return check(self._client)
