"""The demo shop: numbers, signatures and its page, without sockets."""

from __future__ import annotations

import json
import unittest
from datetime import UTC, datetime, timedelta

from tools.demo_shop.store import MAX_WATCHERS
from tools.demo_shop.wire import MAX_BODY

from .test_demo_case import CHAIR, WEST, ShopCase


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

    def test_a_bounded_number_of_pages_may_watch(self) -> None:
        watching = [self.store.watch() for _ in range(MAX_WATCHERS + 1)]
        self.assertEqual(watching, [True] * MAX_WATCHERS + [False])
        refused = self.client.get("/control/stream")
        self.assertEqual(refused.status_code, 503)
        self.assertIn("Retry-After", refused.headers)
        self.store.unwatch()
        self.assertTrue(self.store.watch())

    def test_the_page_and_its_files_are_there(self) -> None:
        page = self.client.get("/")
        self.assertEqual(page.status_code, 200)
        self.assertIn(b"Stock for sale", page.data)
        for name in ("shop.css", "shop.js", "icon.svg"):
            with self.client.get(f"/static/{name}") as answer:
                self.assertEqual(answer.status_code, 200)
                self.assertNotRegex(answer.data, rb"https?://(?!www\.w3\.org/2000/svg)")


if __name__ == "__main__":
    unittest.main()
