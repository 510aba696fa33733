"""Parts of the suite that ask more of a fake, for the connectors that have more to them.

Stories of numbers, tokens that end, limits that are told, subscriptions that get lost.
"""

import unittest

from ..testing.conformance_limits import LimitConformance
from ..testing.conformance_story import StoryConformance
from ..testing.conformance_webhooks import WebhookConformance
from ..testing.fake_channel import FixedClock
from ..testing.fake_shopify import (
    BASE_URL,
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    FakeShopify,
)
from ..tokens import EXPIRES_AT, MemoryTokens, Values, expires_at
from . import (
    test_shopify_conformance,
    test_vendure_conformance,
    test_woocommerce_conformance,
)

# Not under their own names: a loader would run them here once more.
SUITES = {
    "shopify": test_shopify_conformance.TestShopifyConformance,
    "vendure": test_vendure_conformance.TestWithKey,
    "woocommerce": test_woocommerce_conformance.TestWooCommerceConformance,
}


class RationedShopify(FakeShopify):
    """A shop whose bucket runs empty, and that loses subscriptions."""

    @property
    def renewals(self) -> int:  # type: ignore[override]
        return self.grants

    def use_up_limit(self) -> None:
        self.points, self.maximum, self.rate = 60.0, 2000.0, 1.0

    def disturb_webhooks(self) -> None:
        self.subscriptions.pop()


def named(key: str, *parts: type) -> type:
    """Return a class with some parts of the suite, filled in as for all of it."""
    suite = SUITES[key]
    names = ("connector_class", "config", "secrets", "samples")
    members = {name: getattr(suite, name) for name in names}
    members["make_server"] = suite.make_server
    members["delivery_headers"] = suite.delivery_headers
    return type(f"{key}_case", parts, members)


class TestShopify(
    named("shopify", StoryConformance, WebhookConformance), unittest.TestCase
):
    """Numbers, and subscriptions that get lost."""

    def make_server(self, clock: FixedClock) -> RationedShopify:
        return RationedShopify(clock)


class TestShopifyLimits(named("shopify", LimitConformance), unittest.TestCase):
    """Points, and an app whose refresh token works once."""

    config = {
        "base_url": BASE_URL,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "refresh_token": REFRESH_TOKEN,
    }

    def make_server(self, clock: FixedClock) -> RationedShopify:
        return RationedShopify(clock)

    def make_tokens(self) -> MemoryTokens:
        """Return what the first renewal after the installation has left."""
        tokens = MemoryTokens()
        list(self.make_connector(tokens).fetch_locations())
        return tokens

    def ended_tokens(self) -> Values:
        """Return the same tokens a minute after their end."""
        ended = expires_at(self.clock(), -60)
        return {**self.connector.tokens.read(), EXPIRES_AT: ended}


class TestWooCommerce(named("woocommerce", StoryConformance), unittest.TestCase):
    """Numbers."""


class TestVendure(named("vendure", StoryConformance), unittest.TestCase):
    """Numbers."""
