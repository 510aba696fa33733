"""The hub's own `rest` connector and the demo shop understand each other."""

from __future__ import annotations

import json
import unittest
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

from flask.testing import FlaskClient

from connectors.data import (
    QuantityKey,
    QuantityUpdate,
    ReportedLine,
    ResultStatus,
    Shipment,
    UpdateResult,
)
from connectors.rest import RestConnector
from connectors.transport import Response, Transport

from .test_demo_case import CHAIR, SECRET, WEST, ShopCase


class ClientTransport:
    """Carries the hub's calls to the shop's test client instead of a socket."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str],
        body: bytes | None,
    ) -> Response:
        """Do one call."""
        answer = self.client.open(
            url, method=method, headers=headers, query_string=params, data=body
        )
        lowered = {name.lower(): value for name, value in answer.headers}
        return Response(answer.status_code, lowered, answer.data)


class TestConnector(ShopCase):
    """The hub's own connector and the shop understand each other."""

    def setUp(self) -> None:
        super().setUp()
        self.connector = RestConnector(
            {"base_url": "http://localhost"},
            cast(Transport, ClientTransport(self.client)),
            lambda: datetime.now(UTC),
            secrets=[SECRET],
        )
        self.key = QuantityKey(sku=CHAIR, item_id="", location_id=WEST)

    def send(
        self, quantity: int, sequence: int, previous: int | None = None
    ) -> UpdateResult:
        """Publish one number by the connector."""
        update = QuantityUpdate(
            key=self.key,
            quantity=Decimal(quantity),
            unit="Units",
            sequence=sequence,
            previous=None if previous is None else Decimal(previous),
        )
        return self.connector.publish([update], f"push-{sequence}")[0]

    def test_numbers_go_out_and_come_back(self) -> None:
        self.assertEqual(self.send(10, 1).status, ResultStatus.APPLIED)
        self.order("3")
        stale = self.send(9, 2, previous=10)
        self.assertEqual((stale.status, stale.quantity), (ResultStatus.STALE, 7))
        self.assertEqual(self.send(9, 3, previous=7).status, ResultStatus.APPLIED)
        (observed,) = self.connector.fetch_quantities([self.key])
        self.assertEqual((observed.quantity, observed.sequence), (9, 3))

    def test_orders_and_returns_are_understood(self) -> None:
        self.send(10, 1)
        placed = self.order("3")
        self.ship(placed, "2")
        self.control(f"/orders/{placed['id']}/returns")
        while self.outbox.step():
            pass
        events = []
        for headers, body in self.hub.taken:
            raw = json.dumps(body).encode()
            topic = self.connector.describe(raw, headers).topic
            events += self.connector.parse(raw, topic)
        self.assertEqual(
            [type(event).__name__ for event in events],
            ["OrderSnapshot", "OrderSnapshot", "ReturnSnapshot"],
        )
        fetched = self.connector.fetch_order(placed["id"])
        assert fetched is not None  # noqa: S101 - narrows the type
        (order,) = self.connector.parse(fetched.raw, fetched.topic)
        self.assertEqual(order, events[1])
        self.assertIsNone(self.connector.fetch_order("OAK-9999"))
        (page,) = self.connector.fetch_orders(None)
        self.assertEqual(page.orders[0].dedupe_key, fetched.dedupe_key)

    def test_shipments_are_reported_once_and_the_catalogue_is_read(self) -> None:
        self.send(10, 1)
        placed = self.order("3")
        shipment = Shipment(
            id="ship-1",
            order_id=placed["id"],
            location_id=WEST,
            shipped_at=datetime.now(UTC),
            lines=(ReportedLine(order_line_id="1001-1", quantity=Decimal(2)),),
            tracking="1Z",
        )
        self.connector.report_shipment(shipment)
        self.connector.report_shipment(shipment)
        self.connector.report_shipment(
            replace(shipment, tracking="2Z", revision=1, corrects=True)
        )
        state = self.client.get("/control/state").get_json()["orders"][0]
        self.assertEqual(state["lines"][0]["fulfilled_quantity"], "2")
        self.assertEqual([x["tracking"] for x in state["shipments"]], ["2Z"])
        self.assertTrue(self.connector.check().ok)
        listed = [listing.sku for listing in self.connector.fetch_listings()]
        self.assertIn(CHAIR, listed)


if __name__ == "__main__":
    unittest.main()
