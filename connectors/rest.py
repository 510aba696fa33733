"""The ``rest`` connector: our own open contract for any shop, 3PL or script.

Wire format: docs/openapi.yaml. Every call is signed in the Standard Webhooks format
over the exact bytes sent, reading calls over the empty body.
"""

from __future__ import annotations

import hashlib
import json
import secrets as random_source
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from . import rest_payload as payload
from . import signing
from .base import Capabilities, ConfigField, Connector, QuantityMeaning, body_digest
from .data import (
    Cancellation,
    Delivery,
    Event,
    FetchedOrder,
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
from .errors import ConnectorError, KeptAsTold, Misconfigured, Rejected, RetryLater
from .rest_answer import (
    fetched_order,
    last_date,
    match_results,
    refusal,
    sensible,
    unknown_results,
)
from .strict_json import Node, format_time, parse_time
from .transport import Response

_BATCH = 500
_MAX_PAGES = 10_000
_NOT_NOW = (408, 425)
"""Statuses below 500 that say "later", not "no" (RFC 9110 15.5.9, RFC 8470 5.2)."""


class RestConnector(Connector):
    """Speaks the hub's own contract."""

    key: ClassVar[str] = "rest"
    label: ClassVar[str] = "REST (open contract)"
    capabilities: ClassVar[Capabilities] = Capabilities(
        quantity_meaning=QuantityMeaning.SELLABLE,
        locations=True,
        compare_and_set=True,
        idempotency=True,
        batch_size=_BATCH,
        read_back=True,
        webhooks=True,
        polling=True,
        signed_time=True,
        can_cancel=True,
        fractions=True,
    )
    config_fields: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField(
            name="base_url",
            label="Address",
            help="Where the channel takes calls, for example"
            " https://shop.example/stock; /inventory is appended.",
        ),
    )
    impersonal: ClassVar[tuple[str, ...]] = payload.IMPERSONAL
    customer_ids: ClassVar[tuple[str, ...]] = payload.CUSTOMER_IDS

    # ------------------------------------------------------------- deliveries

    def verify(
        self,
        raw: bytes,
        headers: Mapping[str, str],
        secrets: Sequence[str],
        now: datetime,
    ) -> None:
        """Check the Standard Webhooks signature and its time."""
        signing.verify(raw, headers, secrets, now)

    def describe(self, raw: bytes, headers: Mapping[str, str]) -> Delivery:
        """File by the delivery's id, which is stable over retries."""
        message_id = headers.get(signing.ID_HEADER, "")
        topic, order_key = payload.file_under(raw)
        # The prefix keeps a sender's id from looking like the key of a polled order.
        dedupe_key = f"id:{message_id}" if message_id else f"digest:{body_digest(raw)}"
        return Delivery(dedupe_key=dedupe_key, topic=topic, order_key=order_key)

    def parse(self, raw: bytes, topic: str) -> list[Event]:
        """Read a body of the contract."""
        return payload.parse(raw, topic)

    # --------------------------------------------------------------- outgoing

    def publish(
        self, updates: Sequence[QuantityUpdate], idempotency_key: str
    ) -> list[UpdateResult]:
        """Send absolute numbers, at most 500 in a call.

        After a failed call the rest is not sent: it would meet the same trouble.
        """
        batches = [updates[i : i + _BATCH] for i in range(0, len(updates), _BATCH)]
        results: list[UpdateResult] = []
        for number, batch in enumerate(batches):
            key = f"{idempotency_key}-{number}" if number else idempotency_key
            try:
                results += self._publish_batch(batch, key)
            except ConnectorError:
                if not results:
                    raise
                return results + unknown_results(updates[len(results) :])
        return results

    def _publish_batch(
        self, updates: Sequence[QuantityUpdate], key: str
    ) -> list[UpdateResult]:
        data = payload.inventory_data(updates)
        response = self._post(
            "/inventory", "inventory.updated", self.clock(), data, key
        )
        if response.status == 404:
            raise _not_offered("/inventory", response)
        if response.status == 409:
            # The channel knows the key: it is still at it, or took another body.
            raise RetryLater("The channel is already at this batch (409).")
        if response.status >= 300:
            return [refusal(response) for _ in updates]
        return match_results(updates, response)

    def report_shipment(self, shipment: Shipment) -> None:
        """Send ``shipment.created``; 409 means the channel had it already.

        A correction goes out under the same id with another idempotency key. A
        channel that says 409 to it has the shipment and keeps it as it was told.
        """
        had_it = self._report(
            "/shipments",
            "shipment.created",
            shipment.shipped_at,
            payload.shipment_data(shipment),
            key=_report_key(
                "shipment", shipment.order_id, shipment.id, shipment.revision
            ),
        )
        if had_it and shipment.corrects:
            raise KeptAsTold(
                "The channel has the shipment and keeps the tracking it has (409).",
                field="tracking",
            )

    def report_cancel(self, cancellation: Cancellation) -> None:
        """Send ``order.cancelled``; 409 means the channel had it already."""
        self._report(
            "/cancellations",
            "order.cancelled",
            cancellation.decided_at,
            payload.cancellation_data(cancellation),
            key=_report_key(
                "cancel", cancellation.order_id, cancellation.id, cancellation.revision
            ),
        )

    def _report(
        self, path: str, kind: str, moment: datetime, data: object, key: str
    ) -> bool:
        """Send one report.

        :return: whether the channel had it already.
        :raise Rejected: when the channel refuses it.
        """
        response = self._post(path, kind, moment, data, key)
        if response.status == 409:
            return True
        if response.status >= 300:
            raise _rejected(response)
        if response.body:
            # A host in trouble says 200 with a page; the id makes a repeat harmless.
            response.json()
        return False

    # ---------------------------------------------------------------- reading

    def fetch_quantities(self, keys: Sequence[QuantityKey]) -> list[ObservedQuantity]:
        """Page through the levels until all keys are found."""
        wanted = {(key.sku, key.location_id): key for key in keys}
        found: dict[QuantityKey, ObservedQuantity] = {}
        for node in self._entries("/inventory", "levels") if wanted else ():
            with sensible():
                sku, location = node.identifier("sku"), node.identifier("location_id")
                key = wanted.get((sku, location))
                if key is None:
                    continue
                found[key] = ObservedQuantity(
                    key=key,
                    quantity=node.amount("quantity"),
                    sequence=node.integer("sequence"),
                    updated_at=node.time("updated_at"),
                )
            if len(found) == len(wanted):
                break
        return [found[key] for key in wanted.values() if key in found]

    def fetch_orders(self, since: datetime | None) -> Iterator[OrderPage]:
        """Page through the orders; broken ones come too, and fail in the inbox.

        Paged by date as far as the dates allow. A channel that counts its pages
        would leave an order out when another one changes while we read: that one
        moves to the end, and all behind it move up by one.
        """
        start, known = since, frozenset[str]()
        is_over = False
        while not is_over:
            params = {} if start is None else {"updated_since": format_time(start)}
            for page, is_over in self._numbered_pages("/orders", "orders", params):
                orders = [fetched_order(order) for order in page]
                # What stands at the seam of two pages comes twice.
                new = tuple(found for found in orders if found.dedupe_key not in known)
                yield OrderPage(orders=new, high_water=self._high_water(page))
                known = frozenset(found.dedupe_key for found in orders)
                end = last_date(page, start)
                if end is not None and end != start and not is_over:
                    start = end
                    break

    def _high_water(self, page: list[Any]) -> datetime | None:
        moments = [
            moment
            for order in page
            if isinstance(order, dict)
            and (moment := parse_time(order.get("updated_at"))) is not None
        ]
        # A channel whose clock runs ahead must not move the cursor past changes
        # that are still to come.
        return min(max(moments), self.clock()) if moments else None

    def fetch_order(self, order_id: str) -> FetchedOrder | None:
        """Ask for one order; a channel that ignores ``id`` answers them all."""
        for page in self._pages("/orders", "orders", {"id": order_id}):
            for order in page:
                if isinstance(order, dict) and order.get("id") == order_id:
                    return fetched_order(order)
        return None

    def fetch_listings(self) -> Iterator[RemoteListing]:
        """Page through the items the channel lists."""
        for page in self.listing_pages():
            yield from page.listings

    def listing_pages(self, position: str = "") -> Iterator[ListingPage]:
        """Page through the items by the channel's own cursors."""
        pages = self._cursor_pages("/listings", "listings", {}, position)
        for page, cursor in pages:
            listings = tuple(
                _listing(Node(value, f"listings.{index}"))
                for index, value in enumerate(page)
            )
            yield ListingPage(listings=listings, position=cursor)

    def fetch_locations(self) -> Iterator[RemoteLocation]:
        """Read the channel's locations."""
        for node in self._entries("/locations", "locations"):
            with sensible():
                location = RemoteLocation(
                    id=node.identifier("id"), name=node.text("name")
                )
            yield location

    def check(self) -> Health:
        """Ask for the locations, which takes address, signature and permission."""
        try:
            names = [
                location.name or location.id for location in self.fetch_locations()
            ]
        except ConnectorError as error:
            return Health.failed(error)
        return Health(
            ok=True, message=f"Connected; the channel has {len(names)} location(s)."
        )

    # ------------------------------------------------------------------ calls

    def _entries(self, path: str, key: str) -> Iterator[Node]:
        """Page through a collection as nodes."""
        for page in self._pages(path, key, {}):
            for index, value in enumerate(page):
                yield Node(value, f"{key}.{index}")

    def _pages(
        self, path: str, key: str, params: Mapping[str, str]
    ) -> Iterator[list[Any]]:
        """Page through a collection."""
        for page, _is_last in self._numbered_pages(path, key, params):
            yield page

    def _numbered_pages(
        self, path: str, key: str, params: Mapping[str, str]
    ) -> Iterator[tuple[list[Any], bool]]:
        """Page through a collection.

        :return: pages, each with whether it is the last one.
        """
        for page, cursor in self._cursor_pages(path, key, params):
            yield page, not cursor

    def _cursor_pages(
        self, path: str, key: str, params: Mapping[str, str], position: str = ""
    ) -> Iterator[tuple[list[Any], str]]:
        """Page through a collection by the channel's own cursors.

        :param str position: cursor from which to go on.
        :return: pages, each with the cursor of the next one, empty on the last.
        :raise RetryLater: when a page cannot be read or the pages do not end.
        """
        cursor: str | None = position
        seen: set[str] = set()
        for _ in range(_MAX_PAGES):
            answer = self._get(
                path, {**params, **({"cursor": cursor} if cursor else {})}
            )
            page = answer.get(key) if isinstance(answer, dict) else None
            if not isinstance(page, list):
                raise RetryLater(f"The channel's answer to {path} has no {key}.")
            cursor = answer.get("next")
            if cursor is not None and not isinstance(cursor, str):
                raise RetryLater(f"The channel's answer to {path} has no cursor.")
            yield page, cursor or ""
            if not cursor:
                return
            if cursor in seen:
                raise RetryLater(f"The channel's pages of {path} go round in circles.")
            seen.add(cursor)
        raise RetryLater(f"The channel's pages of {path} do not end.")

    def _get(self, path: str, params: Mapping[str, str]) -> Any:
        message_id = f"msg_{random_source.token_hex(16)}"
        response = self._call("GET", path, b"", message_id, {}, params)
        if response.status == 404:
            raise _not_offered(path, response)
        if response.status >= 300:
            raise _rejected(response)
        return response.json()

    def _post(
        self, path: str, kind: str, moment: datetime, data: object, key: str
    ) -> Response:
        """Send a body; call and retries of it carry the same id and the same key."""
        body = json.dumps(
            payload.envelope(kind, moment, data),
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()
        headers = {"content-type": "application/json", "idempotency-key": key}
        return self._call("POST", path, body, _message_id(kind, key), headers, {})

    def _call(
        self,
        method: str,
        path: str,
        body: bytes,
        message_id: str,
        headers: Mapping[str, str],
        params: Mapping[str, str],
    ) -> Response:
        """Do one signed call.

        :raise RetryLater: also for the statuses that say "later".
        :raise Misconfigured: no address, no secret, signature refused, no such page.
        """
        signed = signing.signed_headers(
            self._signing_secret(), message_id, self.clock(), body
        )
        response = self.transport.request(
            method,
            self._base_url() + path,
            headers={"accept": "application/json", **headers, **signed},
            params=params,
            body=body or None,
        )
        if response.status in (401, 403):
            raise Misconfigured(
                f"The channel does not accept our signature ({response.status}).",
                field="secrets",
            )
        if response.status in (405, 410):
            raise _not_offered(path, response)
        if response.status in _NOT_NOW:
            raise RetryLater(f"The channel is not ready ({response.status}).")
        return response

    def _signing_secret(self) -> str:
        if not self.secrets:
            raise Misconfigured("There is no signing secret.", field="secrets")
        return self.secrets[0]

    def _base_url(self) -> str:
        base = self.config.get("base_url", "").strip().rstrip("/")
        if not base or "?" in base or "#" in base:
            raise Misconfigured(
                "The address of the channel is missing, or has a ? or # in it.",
                field="base_url",
            )
        return base


def _listing(node: Node) -> RemoteListing:
    with sensible():
        return RemoteListing(
            sku=node.identifier("sku"),
            item_id=node.identifier("item_id", required=False),
            title=node.text("title", 1_000),
            barcode=node.text("barcode"),
        )


def _message_id(*parts: str) -> str:
    """Return an id that repeats of the same thing share, fit for a header."""
    text = "\0".join(parts)
    return f"msg_{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _report_key(kind: str, order_id: str, report_id: str, revision: int) -> str:
    """Return the key of one revision; a refusal is remembered under the last one's."""
    told_anew = (str(revision),) if revision else ()
    return _message_id(kind, order_id, report_id, *told_anew)


def _not_offered(path: str, response: Response) -> Misconfigured:
    return Misconfigured(
        f"The channel does not offer {path} ({response.status}).", field="base_url"
    )


def _rejected(response: Response) -> Rejected:
    said = refusal(response)
    return Rejected(said.message, code=said.code, field=said.field)
