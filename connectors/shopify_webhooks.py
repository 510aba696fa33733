"""Have Shopify deliver what happens, and keep it doing so.

Shopify deletes a subscription made by the API after eight failed deliveries in a row,
without a word (https://shopify.dev/docs/apps/build/webhooks/troubleshooting-webhooks), so
they are looked at again and again. Ours are known by the path of their address, which no
other channel has, whatever the host before it: those of somebody else who uses the same
app are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from .data import WebhookFinding, WebhookState
from .errors import Rejected
from .graphql import Row
from .shopify_client import MOST, ShopifyClient, part, user_errors

SUBSCRIPTIONS = """
query HubSubscriptions($after: String) {
  webhookSubscriptions(first: 250, after: $after) {
    nodes { id topic uri format includeFields }
    pageInfo { hasNextPage endCursor }
  }
}
"""

SUBSCRIBE = """
mutation HubSubscribe($topic: WebhookSubscriptionTopic!, $input: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $input) {
    webhookSubscription { id }
    userErrors { field message }
  }
}
"""

RESUBSCRIBE = """
mutation HubResubscribe($id: ID!, $input: WebhookSubscriptionInput!) {
  webhookSubscriptionUpdate(id: $id, webhookSubscription: $input) {
    webhookSubscription { id }
    userErrors { field message }
  }
}
"""

_COST = 15.0
_MESSAGE = 300


def watch(
    client: ShopifyClient, address: str, topics: Mapping[str, Sequence[str]]
) -> list[WebhookFinding]:
    """Subscribe to these topics; return one finding for each that was not in order.

    :param topics: words of ``WebhookSubscriptionTopic``, and the fields of the body
        that are to be delivered; all where none is named.
    """
    by_topic: dict[str, list[Row]] = {}
    for page in client.pages(SUBSCRIPTIONS, {}, 2.0 + MOST, "webhookSubscriptions"):
        for row in page:
            by_topic.setdefault(str(row.get("topic")), []).append(row)
    findings = []
    for topic, fields in topics.items():
        wanted: Row = {"uri": address, "format": "JSON"}
        # Null stands for all of them.
        wanted["includeFields"] = list(fields) or None
        finding = _settle(client, topic, wanted, by_topic.get(topic, []))
        if finding:
            findings.append(finding)
    return findings


def _settle(
    client: ShopifyClient, topic: str, wanted: Row, found: list[Row]
) -> WebhookFinding | None:
    """See to one topic; None when it is as it should be."""
    if any(_is_right(row, wanted) for row in found):
        return None
    path = _path(wanted["uri"])
    ours = [row for row in found if path and _path(str(row.get("uri"))) == path]
    state = WebhookState.MENDED if ours else WebhookState.MADE
    try:
        if ours:
            variables: Row = {"id": ours[0].get("id"), "input": wanted}
            data = client.query(RESUBSCRIBE, variables, cost=_COST)
            errors = user_errors(part(data, "webhookSubscriptionUpdate"))
        else:
            variables = {"topic": topic, "input": wanted}
            data = client.query(SUBSCRIBE, variables, cost=_COST)
            errors = user_errors(part(data, "webhookSubscriptionCreate"))
    except Rejected as error:
        errors = [{"message": error.message}]
    if errors:
        words = "; ".join(str(error.get("message") or "") for error in errors)
        return WebhookFinding(
            topic=topic, state=WebhookState.REFUSED, message=words[:_MESSAGE]
        )
    message = "It went to another address, or in another form." if ours else ""
    return WebhookFinding(topic=topic, state=state, message=message)


def _path(address: str) -> str:
    """Return what is ours of an address, empty where it has nothing of that."""
    try:
        return urlsplit(address).path.strip("/")
    except ValueError:
        return ""


def _is_right(row: Row, wanted: Row) -> bool:
    fields = row.get("includeFields")
    given = sorted(map(str, fields)) if isinstance(fields, list) else []
    return (
        row.get("uri") == wanted["uri"]
        and row.get("format") == "JSON"
        and given == sorted(wanted["includeFields"] or ())
    )
