"""The demo shop: numbers, orders, signatures and webhooks, without sockets."""

from __future__ import annotations

import json
import unittest
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from flask.testing import FlaskClient
from standardwebhooks import Webhook

from connectors.base import (
    QuantityKey,
    QuantityUpdate,
    ReportedLine,
    ResultStatus,
    Shipment,
    UpdateResult,
)
from connectors.rest import RestConnector
from connectors.transport import Response, Transport
from tools.demo_shop import catalogue
from tools.demo_shop.app import create_app
from tools.demo_shop.outbox import Outbox
from tools.demo_shop.store import MAX_EVENTS, Store
from tools.demo_shop.wire import MAX_BODY

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105
CHAIR = "FURN_0269"
WEST = "san-francisco"
DOOR = "https://hub.example/stock_channel/token"


class Hub:
    """Stands in for the hub: takes what the outbox sends, answers as told."""

    def __init__(self) -> None:
        self.answers: list[int | OSError] = []
        self.taken: list[tuple[dict[str, str], dict[str, Any]]] = []

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Verify one webhook like a receiver must, and answer."""
        if url != DOOR:
            raise ValueError(url)
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, OSError):
            raise answer
        Webhook(SECRET).verify(body, dict(headers))
        self.taken.append((dict(headers), json.loads(body)))
        return answer


class ShopCase(unittest.TestCase):
    """A fresh shop in memory, a client that signs, and a hub that listens."""

    def setUp(self) -> None:
        self.now = datetime.now(UTC)
        self.store = Store(catalogue.load(), clock=self.tick)
        self.addCleanup(self.store.close)
        self.client = create_app(self.store, SECRET).test_client()
        self.hub = Hub()
        self.outbox = Outbox(self.store, DOOR, SECRET, send=self.hub)

    def tick(self) -> datetime:
        """Return a moment that differs from every earlier one."""
        self.now += timedelta(microseconds=1)
        return self.now

    def signed(self, raw: bytes, moment: datetime | None = None) -> dict[str, str]:
        """Return the headers that make a body the hub's."""
        at = moment or datetime.now(UTC)
        return {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(SECRET).sign("msg_1", at, raw.decode()),
        }

    def hub_posts(self, path: str, kind: str, data: Any, key: str = "") -> Any:
        """Post a signed body as the hub would."""
        body = {"type": kind, "timestamp": "2026-01-01T00:00:00Z", "data": data}
        raw = json.dumps(body).encode()
        headers = {**self.signed(raw), **({"Idempotency-Key": key} if key else {})}
        return self.client.post(path, data=raw, headers=headers)

    def publish(self, *levels: dict[str, Any], key: str = "") -> Any:
        """Send numbers as the hub would."""
        return self.hub_posts(
            "/inventory", "inventory.updated", {"levels": levels}, key
        )

    def level(self, quantity: str, sequence: int, **other: Any) -> dict[str, Any]:
        """Return one level of the chair in the west."""
        return {
            "sku": CHAIR,
            "location_id": WEST,
            "quantity": quantity,
            "unit": "Units",
            "sequence": sequence,
            "previous": None,
            **other,
        }

    def control(self, path: str, body: Any = None) -> Any:
        """Press a button of the page."""
        return self.client.post(f"/control{path}", json=body or {})

    def order(self, quantity: str, sku: str = CHAIR) -> dict[str, Any]:
        """Let a customer buy."""
        answer = self.control(
            "/orders", {"lines": [{"sku": sku, "quantity": quantity}]}
        )
        self.assertEqual(answer.status_code, 201)
        return dict(answer.get_json())

    def shown(self) -> str:
        """Return the number of chairs shown in the west."""
        return f"{self.store.quantity(CHAIR, WEST)}"

    def ship(self, order: dict[str, Any], quantity: str, report: str = "ship-1") -> Any:
        """Report a shipment of an order's first line as the hub would."""
        return self.hub_posts(
            "/shipments",
            "shipment.created",
            {
                "id": report,
                "order_id": order["id"],
                "carrier": "UPS",
                "tracking": "1Z",
                "shipped_at": "2026-01-01T00:00:00Z",
                "location_id": WEST,
                "lines": [
                    {"order_line_id": order["lines"][0]["id"], "quantity": quantity}
                ],
            },
        )


class TestLevels(ShopCase):
    """What the hub may do to the shop's numbers."""

    def test_a_number_is_shown_as_sent(self) -> None:
        answer = self.publish(self.level("10", 5))
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(
            answer.get_json()["results"],
            [
                {
                    "sku": CHAIR,
                    "location_id": WEST,
                    "status": "applied",
                    "quantity": "10",
                    "sequence": 5,
                }
            ],
        )
        self.assertEqual(self.shown(), "10")

    def test_a_sequence_not_above_the_last_is_stale(self) -> None:
        self.publish(self.level("10", 5))
        for sequence in (4, 5):
            answer = self.publish(self.level("99", sequence))
            self.assertEqual(answer.status_code, 207)
            result = answer.get_json()["results"][0]
            self.assertEqual(result["status"], "stale")
            self.assertEqual((result["quantity"], result["sequence"]), ("10", 5))
        self.assertEqual(self.shown(), "10")

    def test_a_previous_that_missed_a_sale_is_stale(self) -> None:
        self.publish(self.level("10", 5))
        self.order("3")
        result = self.publish(self.level("9", 6, previous="10")).get_json()["results"]
        self.assertEqual(result[0]["status"], "stale")
        self.assertEqual((result[0]["quantity"], result[0]["sequence"]), ("7", 5))
        self.assertEqual(self.shown(), "7")
        applied = self.publish(self.level("9", 7, previous="7.0"))
        self.assertEqual(applied.status_code, 200)
        self.assertEqual(self.shown(), "9")

    def test_what_it_does_not_know_is_rejected_by_name_and_the_rest_applied(
        self,
    ) -> None:
        answer = self.publish(
            self.level("1", 1, sku="NOPE"),
            self.level("1", 1, location_id="mars"),
            self.level("1.5", 1),
            self.level("-1", 1),
            {**self.level("1", 1), "quantity": 1},
            self.level("8", 2),
        )
        self.assertEqual(answer.status_code, 207)
        results = answer.get_json()["results"]
        self.assertEqual(
            [(x["status"], x.get("code"), x.get("field")) for x in results],
            [
                ("rejected", "unknown_sku", "sku"),
                ("rejected", "unknown_location", "location_id"),
                ("rejected", "not_whole", "quantity"),
                ("rejected", "bad_number", "quantity"),
                ("rejected", "bad_type", "quantity"),
                ("applied", None, None),
            ],
        )
        self.assertEqual(self.shown(), "8")

    def test_a_repeated_key_has_one_effect_and_one_answer(self) -> None:
        first = self.publish(self.level("10", 5), key="push-1")
        self.order("4")
        again = self.publish(self.level("10", 5), key="push-1")
        self.assertEqual(again.get_json(), first.get_json())
        self.assertEqual(again.status_code, 200)
        self.assertEqual(self.shown(), "6")

    def test_a_key_with_another_body_is_refused(self) -> None:
        self.publish(self.level("10", 5), key="push-1")
        answer = self.publish(self.level("11", 6), key="push-1")
        self.assertEqual(answer.status_code, 422)
        self.assertEqual(answer.get_json()["code"], "key_reused")
        self.assertEqual(self.shown(), "10")

    def test_levels_are_read_back_with_their_sequence(self) -> None:
        self.publish(self.level("10", 5))
        body = self.client.get("/inventory", headers=self.signed(b"")).get_json()
        self.assertIsNone(body["next"])
        self.assertEqual(len(body["levels"]), 30)
        mine = [
            x for x in body["levels"] if (x["sku"], x["location_id"]) == (CHAIR, WEST)
        ]
        self.assertEqual((mine[0]["quantity"], mine[0]["sequence"]), ("10", 5))


class TestDoor(ShopCase):
    """Who may speak to the shop."""

    def test_bad_signatures_change_nothing(self) -> None:
        raw = json.dumps(
            {"type": "inventory.updated", "data": {"levels": [self.level("9", 9)]}}
        ).encode()
        good = self.signed(raw)
        old = self.signed(raw, datetime.now(UTC) - timedelta(seconds=301))
        early = self.signed(raw, datetime.now(UTC) + timedelta(seconds=330))
        cases: dict[str, dict[str, str]] = {
            "none": {},
            "old": old,
            "early": early,
            "other message": {**good, "webhook-id": "msg_2"},
            "garbage": {**good, "webhook-signature": "no comma"},
            "not base64": {**good, "webhook-signature": "v1,§"},
            "other version": {**good, "webhook-signature": "v2,AAAA"},
        }
        for name, headers in cases.items():
            with self.subTest(name):
                answer = self.client.post("/inventory", data=raw, headers=headers)
                self.assertEqual(answer.status_code, 401)
        tampered = self.client.post("/inventory", data=raw + b" ", headers=good)
        self.assertEqual(tampered.status_code, 401)
        self.assertEqual(self.client.get("/orders").status_code, 401)
        self.assertEqual(self.shown(), "0")

    def test_bad_bodies_are_refused_without_a_crash(self) -> None:
        bodies = (b"{", b"[]", b'{"type": "x"}', b'{"type": "inventory.updated"}')
        for raw in bodies:
            with self.subTest(raw):
                answer = self.client.post(
                    "/inventory", data=raw, headers=self.signed(raw)
                )
                self.assertEqual(answer.status_code, 400)
        big = b" " * (MAX_BODY + 1)
        answer = self.client.post("/inventory", data=big, headers=self.signed(big))
        self.assertEqual(answer.status_code, 413)
        self.assertEqual(self.publish().status_code, 422)

    def test_control_calls_come_from_this_machine_and_this_page_only(self) -> None:
        body = {"lines": [{"sku": "GIFT-MUG", "quantity": "1"}]}
        address = "/control/orders"
        elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
        foreign = {"Origin": "https://example.com"}
        rebound = {"Host": "evil.example:8079"}
        answers = (
            self.client.post(address, json=body, environ_overrides=elsewhere),
            self.client.post(address, json=body, headers=foreign),
            self.client.post(address, json=body, headers=rebound),
        )
        self.assertEqual([x.status_code for x in answers], [403, 403, 403])
        form = self.client.post(address, data={"lines": "x"})
        self.assertEqual(form.status_code, 415)
        self.assertEqual(self.store.rows("SELECT 1 FROM sale"), [])

    def test_the_page_and_its_files_are_there(self) -> None:
        page = self.client.get("/")
        self.assertEqual(page.status_code, 200)
        self.assertIn(b"Stock for sale", page.data)
        for name in ("shop.css", "shop.js", "icon.svg"):
            with self.client.get(f"/static/{name}") as answer:
                self.assertEqual(answer.status_code, 200)
                self.assertNotRegex(answer.data, rb"https?://(?!www\.w3\.org/2000/svg)")


class TestOrders(ShopCase):
    """What customers do."""

    def setUp(self) -> None:
        super().setUp()
        self.publish(self.level("10", 5))

    def send_all(self) -> list[dict[str, Any]]:
        """Let the outbox send what is due; return the bodies taken so far."""
        while self.outbox.step():
            pass
        return [body for _headers, body in self.hub.taken]

    def test_an_order_lowers_the_number_and_tells_the_hub(self) -> None:
        order = self.order("3")
        self.assertEqual(self.shown(), "7")
        bodies = self.send_all()
        self.assertEqual(len(bodies), 1)
        self.assertEqual(set(bodies[0]), {"type", "timestamp", "data"})
        self.assertEqual(bodies[0]["type"], "order.updated")
        data = bodies[0]["data"]
        self.assertEqual(data, order)
        self.assertEqual((data["version"], data["status"]), (1, "open"))
        self.assertEqual(data["total"], "361.5")
        self.assertIs(data["prices_include_tax"], False)
        self.assertEqual(
            set(data["shipping_address"]),
            {"name", "street", "city", "zip", "state", "country"},
        )
        self.assertEqual(
            data["lines"],
            [
                {
                    "id": "1001-1",
                    "sku": CHAIR,
                    "item_id": "item-furn_0269",
                    "title": "Office Chair Black",
                    "quantity": "3",
                    "cancelled_quantity": "0",
                    "fulfilled_quantity": "0",
                    "unit_price": "120.5",
                    "tax_rate": "0",
                    "location_id": WEST,
                }
            ],
        )
        for moment in (data["updated_at"], data["placed_at"], bodies[0]["timestamp"]):
            self.assertIsNotNone(datetime.fromisoformat(moment).tzinfo)

    def test_an_order_of_too_many_is_refused_whole(self) -> None:
        lines = [{"sku": CHAIR, "quantity": "2"}, {"sku": CHAIR, "quantity": "9"}]
        answer = self.control("/orders", {"lines": lines})
        self.assertEqual(answer.status_code, 409)
        self.assertEqual(self.shown(), "10")
        self.assertEqual(self.send_all(), [])

    def test_cancelling_a_part_and_then_the_rest_gives_the_number_back(self) -> None:
        order = self.order("3")
        part = [{"order_line_id": "1001-1", "quantity": "1"}]
        self.control(f"/orders/{order['id']}/cancel", {"lines": part})
        self.assertEqual(self.shown(), "8")
        done = self.control(f"/orders/{order['id']}/cancel").get_json()
        self.assertEqual(self.shown(), "10")
        self.assertEqual((done["version"], done["status"]), (3, "cancelled"))
        again = self.control(f"/orders/{order['id']}/cancel")
        self.assertEqual(again.status_code, 409)
        versions = [body["data"]["version"] for body in self.send_all()]
        self.assertEqual(versions, [1, 2, 3])

    def test_a_shipment_is_taken_once_and_leaves_the_number_alone(self) -> None:
        order = self.order("3")
        self.assertEqual(self.ship(order, "2").status_code, 201)
        self.assertEqual(self.ship(order, "2").status_code, 409)
        self.assertEqual(self.ship(order, "2", "ship-2").status_code, 422)
        self.assertEqual(self.shown(), "7")
        state = self.client.get("/control/state").get_json()["orders"][0]
        self.assertEqual((state["progress"], state["open"]), ("partly shipped", "1"))
        self.assertEqual(state["lines"][0]["fulfilled_quantity"], "2")
        self.assertEqual(state["shipments"][0]["tracking"], "1Z")

    def test_the_warehouse_cancelling_leaves_the_number_alone(self) -> None:
        order = self.order("3")
        answer = self.hub_posts(
            "/cancellations",
            "order.cancelled",
            {
                "id": "cancel-1",
                "order_id": order["id"],
                "reason": "broken",
                "lines": [{"order_line_id": "1001-1", "quantity": "3"}],
            },
        )
        self.assertEqual(answer.status_code, 201)
        self.assertEqual(self.shown(), "7")
        self.assertEqual(self.send_all()[-1]["data"]["status"], "cancelled")

    def test_only_shipped_goods_can_be_returned_and_only_once(self) -> None:
        order = self.order("3")
        early = self.control(f"/orders/{order['id']}/returns")
        self.assertEqual(early.status_code, 409)
        self.ship(order, "2")
        lines = [{"order_line_id": "1001-1", "quantity": "1", "disposition": "restock"}]
        answer = self.control(f"/orders/{order['id']}/returns", {"lines": lines})
        self.assertEqual(answer.status_code, 201)
        body = self.send_all()[-1]
        self.assertEqual(body["type"], "return.updated")
        self.assertEqual(
            body["data"],
            {
                "id": "RET-1001-1",
                "order_id": "OAK-1001",
                "version": 1,
                "status": "announced",
                "lines": lines,
            },
        )
        two = [{"order_line_id": "1001-1", "quantity": "2"}]
        more = self.control(f"/orders/{order['id']}/returns", {"lines": two})
        self.assertEqual(more.status_code, 422)
        self.control("/returns/RET-1001-1/receive")
        self.assertEqual(self.send_all()[-1]["data"]["status"], "received")
        self.assertEqual(self.shown(), "7")

    def test_the_unlisted_product_is_ordered_without_a_location(self) -> None:
        order = self.order("1", sku="GIFT-MUG")
        self.assertNotIn("location_id", order["lines"][0])
        listed = self.client.get("/listings", headers=self.signed(b"")).get_json()
        self.assertNotIn("GIFT-MUG", [x["sku"] for x in listed["listings"]])

    def test_orders_are_paged_by_their_last_change(self) -> None:
        orders = [self.order("1", sku="GIFT-MUG") for _ in range(60)]
        page: dict[str, Any] = {"next": ""}
        found: list[str] = []
        while page["next"] is not None:
            page = self.client.get(
                "/orders",
                query_string={
                    "updated_since": orders[4]["updated_at"],
                    "cursor": page["next"],
                },
                headers=self.signed(b""),
            ).get_json()
            found += [order["id"] for order in page["orders"]]
        self.assertEqual(found, [order["id"] for order in orders[4:]])
        bad = {"updated_since": "yesterday"}
        answer = self.client.get("/orders", query_string=bad, headers=self.signed(b""))
        self.assertEqual(answer.status_code, 422)


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
        state = self.client.get("/control/state").get_json()["orders"][0]
        self.assertEqual(state["lines"][0]["fulfilled_quantity"], "2")
        self.assertTrue(self.connector.check().ok)
        listed = [listing.sku for listing in self.connector.fetch_listings()]
        self.assertIn(CHAIR, listed)


class TestOutbox(ShopCase):
    """Webhooks are repeated until the hub took them."""

    def test_a_webhook_is_repeated_with_its_id_until_it_is_taken(self) -> None:
        self.hub.answers = [OSError("refused"), 503, 200]
        self.order("1", sku="GIFT-MUG")
        for _ in range(3):
            self.assertTrue(self.outbox.step())
            self.assertFalse(self.outbox.step(), "waits before it tries again")
            self.now += timedelta(seconds=60)
        self.assertEqual(len(self.hub.taken), 2)
        self.assertEqual(
            len({headers["webhook-id"] for headers, _body in self.hub.taken}), 1
        )
        self.assertFalse(self.outbox.step())
        state = self.client.get("/control/state").get_json()
        self.assertEqual(state["webhooks_waiting"], 0)

    def test_the_activity_feed_is_bounded(self) -> None:
        for sequence in range(1, MAX_EVENTS + 20):
            self.publish(self.level("1", sequence))
        count = self.store.row("SELECT count(*) AS n FROM event")
        self.assertEqual(count["n"] if count else 0, MAX_EVENTS)


if __name__ == "__main__":
    unittest.main()
