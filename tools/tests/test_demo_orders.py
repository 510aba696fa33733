"""The demo shop's orders, returns and webhooks, without sockets."""

from __future__ import annotations

import unittest
from datetime import datetime, timedelta
from typing import Any

from tools.demo_shop.orders import read
from tools.demo_shop.store import MAX_EVENTS

from .test_demo_case import CHAIR, WEST, ShopCase


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
        self.assertEqual(read(self.store, order["id"])["total"], "241")
        done = self.control(f"/orders/{order['id']}/cancel").get_json()
        self.assertEqual(self.shown(), "10")
        self.assertEqual((done["version"], done["status"]), (3, "cancelled"))
        self.assertEqual(done["total"], "0")
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
