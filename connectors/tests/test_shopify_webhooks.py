"""Subscriptions at Shopify: made, mended, or left to whom they belong."""

from typing import Any

from ..data import WebhookFinding, WebhookState
from ..errors import Misconfigured
from ..shopify_deliveries import TOPIC_FIELDS, TOPICS
from ..testing.fake_channel import Fault
from ..testing.fake_shopify import TopError
from .shopify_case import ShopifyCase

ADDRESS = "https://erp.example/stock_channel/webhook/abc"


class TestShopifyWebhooks(ShopifyCase):
    """Called again and again, it changes what is not as it should be."""

    def watch(self) -> list[WebhookFinding]:
        """Look at the subscriptions."""
        return self.connector.watch_webhooks(ADDRESS)

    def row(self, topic: str) -> dict[str, Any]:
        """Return the one subscription to a topic."""
        [row] = [row for row in self.server.subscriptions if row["topic"] == topic]
        return row

    def test_all_are_made_the_first_time(self) -> None:
        """Then all is well, over several pages."""
        made = [WebhookFinding(topic=t, state=WebhookState.MADE) for t in TOPICS]
        self.assertEqual(made, self.watch())
        self.assertGreater(len(TOPICS), self.server.page_size)
        self.assertEqual([], self.watch())
        row = self.row(TOPICS[0])
        self.assertEqual((ADDRESS, "JSON"), (row["uri"], row["format"]))
        self.assertEqual(list(TOPIC_FIELDS[TOPICS[0]]), row["includeFields"])
        self.assertEqual([], self.row("ORDERS_EDITED")["includeFields"])

    def test_what_shopify_dropped_is_made_again(self) -> None:
        """It does so after eight failures, without a word."""
        self.watch()
        self.server.subscriptions.remove(self.row(TOPICS[1]))
        self.assertEqual(
            [WebhookFinding(topic=TOPICS[1], state=WebhookState.MADE)], self.watch()
        )

    def test_ours_sent_elsewhere_is_mended(self) -> None:
        """The host changed, or the form did."""
        self.watch()
        self.row(TOPICS[0])["uri"] = "https://old.example/stock_channel/webhook/abc/"
        self.row(TOPICS[1])["format"] = "XML"
        self.row(TOPICS[2])["includeFields"] = ["note"]
        self.assertEqual(
            [(topic, WebhookState.MENDED) for topic in TOPICS[:3]],
            [(finding.topic, finding.state) for finding in self.watch()],
        )
        self.assertEqual([], self.watch())
        self.assertEqual(len(TOPICS), len(self.server.subscriptions))

    def test_somebody_elses_is_left_alone(self) -> None:
        """Of the same app, such as another database."""
        other = {"id": "gid://shopify/WebhookSubscription/77", "topic": TOPICS[0]}
        other.update(uri="https://erp.example/other", format="JSON")
        self.server.subscriptions.append(dict(other))
        queue = {**other, "uri": "pubsub://project:topic", "topic": TOPICS[1]}
        odd = {**other, "uri": "https://[broken", "topic": TOPICS[2]}
        self.server.subscriptions += [queue, odd]
        self.watch()
        self.assertEqual(len(TOPICS) + 3, len(self.server.subscriptions))
        self.assertEqual(other, self.server.subscriptions[0])
        self.assertEqual([], self.watch())

    def test_topic_that_is_refused_is_told_and_the_others_are_made(self) -> None:
        """With Shopify's reason; it is tried again the next time."""
        self.server.refused_topics.add(TOPICS[0])
        found = self.watch()
        self.assertEqual(
            WebhookFinding(
                topic=TOPICS[0],
                state=WebhookState.REFUSED,
                message="You cannot create a webhook subscription with the specified"
                " topic",
            ),
            found[0],
        )
        self.assertEqual(len(TOPICS) - 1, len(self.server.subscriptions))
        self.assertEqual([WebhookState.REFUSED], [f.state for f in self.watch()])

    def test_topic_this_version_does_not_know(self) -> None:
        """Refused above the data; the others are made."""
        subscribe = self.server.answers["HubSubscribe"]

        def unknown(variables: dict[str, Any]) -> dict[str, Any]:
            if variables["topic"] == TOPICS[0]:
                raise TopError("INVALID_VARIABLE", "Expected one of: ...")
            return subscribe(variables)

        self.server.answers["HubSubscribe"] = unknown
        found = self.watch()
        self.assertEqual(WebhookState.REFUSED, found[0].state)
        self.assertIn("Expected one of", found[0].message)
        self.assertEqual({WebhookState.MADE}, {finding.state for finding in found[1:]})

    def test_trouble_with_the_shop_is_raised(self) -> None:
        """It says nothing about any one topic."""
        self.transport.faults = [None, Fault.FORBIDDEN]
        self.assertRaises(Misconfigured, self.watch)
