"""What only the ``rest`` connector does: bytes signed, results matched, pages ended."""

import json
import unittest
from dataclasses import replace
from decimal import Decimal

from .. import signing
from ..data import (
    Cancellation,
    QuantityKey,
    QuantityUpdate,
    ReportedLine,
    ResultStatus,
    Shipment,
    UpdateResult,
)
from ..errors import (
    KeptAsTold,
    Misconfigured,
    RateLimited,
    Rejected,
    RetryLater,
)
from ..rest import RestConnector
from ..testing.fake_channel import FakeTransport, Fault, FixedClock, json_response
from ..testing.fake_rest import BASE_URL, SECRET, FakeRest
from ..transport import Request, Response
from .test_rest_conformance import OLD_SECRET

D = Decimal


def updates(count: int, first: int = 0) -> list[QuantityUpdate]:
    """Return numbered updates, quantity 1, sequence 10."""
    return [
        QuantityUpdate(
            key=QuantityKey(sku=f"S{n}", item_id="", location_id="main"),
            quantity=D(1),
            unit="Units",
            sequence=10,
        )
        for n in range(first, first + count)
    ]


class ScriptedCase(unittest.TestCase):
    """A channel that answers whatever the test says."""

    def setUp(self) -> None:
        self.clock = FixedClock()
        self.answers: list[Response] = []
        self.transport = FakeTransport(self.answer)
        self.connector = RestConnector(
            {"base_url": BASE_URL + "/"},
            self.transport,
            self.clock,
            [SECRET, OLD_SECRET],
        )

    def answer(self, call: Request) -> Response:
        """Return the next scripted answer."""
        return self.answers.pop(0)

    def say(self, *values: object, status: int = 200) -> None:
        """Script JSON answers."""
        self.answers += [json_response(value, status) for value in values]

    def publish(
        self, count: int, entries: object, status: int = 200
    ) -> list[UpdateResult]:
        """Publish so many updates and let the channel answer these results."""
        self.say({"results": entries}, status=status)
        return self.connector.publish(updates(count), "push-1")


class TestCalls(ScriptedCase):
    def test_post_is_signed_over_the_bytes_sent(self):
        self.publish(1, [])
        [call] = self.transport.calls
        self.assertEqual(("POST", BASE_URL + "/inventory"), (call.method, call.url))
        signing.verify(call.body, call.headers, [SECRET], self.clock())
        self.assertEqual("push-1", call.headers["idempotency-key"])
        self.assertEqual("application/json", call.headers["content-type"])
        body = json.loads(call.body)
        self.assertEqual(
            ("inventory.updated", "2026-11-21T12:00:00Z"),
            (body["type"], body["timestamp"]),
        )

    def test_get_is_signed_over_nothing(self):
        self.say({"locations": []})
        list(self.connector.fetch_locations())
        [call] = self.transport.calls
        self.assertEqual(("GET", b""), (call.method, call.body))
        signing.verify(b"", call.headers, [SECRET], self.clock())
        self.assertNotIn("content-type", call.headers)

    def test_first_secret_signs(self):
        self.connector.secrets = (OLD_SECRET, SECRET)
        self.say({"locations": []})
        list(self.connector.fetch_locations())
        headers = self.transport.calls[0].headers
        signing.verify(b"", headers, [OLD_SECRET], self.clock())
        self.assertEqual(1, len(headers["webhook-signature"].split(" ")))

    def test_repeats_carry_the_same_id_and_other_calls_another(self):
        for _ in range(2):
            self.publish(1, [])
        self.say({"results": []})
        self.connector.publish(updates(1), "push-2")
        ids = [call.headers["webhook-id"] for call in self.transport.calls]
        self.assertEqual(ids[0], ids[1])
        self.assertNotEqual(ids[0], ids[2])

    def test_settings_are_needed(self):
        for config, secrets, field in (
            ({}, [SECRET], "base_url"),
            ({"base_url": " "}, [SECRET], "base_url"),
            ({"base_url": "https://x.example/?a=1"}, [SECRET], "base_url"),
            ({"base_url": "https://x.example/#a"}, [SECRET], "base_url"),
            ({"base_url": BASE_URL}, [], "secrets"),
            ({"base_url": BASE_URL}, ["whsec_short"], "secrets"),
        ):
            with self.subTest(config=config):
                connector = RestConnector(config, self.transport, self.clock, secrets)
                with self.assertRaises(Misconfigured) as caught:
                    connector.publish(updates(1), "push-1")
                self.assertEqual(field, caught.exception.field)
        self.assertEqual([], self.transport.calls)

    def test_statuses_of_reading(self):
        for status, error in (
            (400, Rejected),
            (404, Misconfigured),
            (405, Misconfigured),
            (408, RetryLater),
            (410, Misconfigured),
            (422, Rejected),
            (425, RetryLater),
        ):
            with self.subTest(status):
                self.say({"code": "c", "field": "f", "message": "m"}, status=status)
                with self.assertRaises(error) as caught:
                    list(self.connector.fetch_locations())
                self.assertIs(error, type(caught.exception))
                if error is Rejected:
                    self.assertEqual("m", str(caught.exception))
                    self.assertEqual("c", caught.exception.code)
                    self.assertEqual("f", caught.exception.field)

    def test_refusal_text_is_cleaned(self):
        message = "No\x00 such\n order \x1b[31m" + "x" * 1_000 + "\ud800"
        self.say({"message": message, "code": 5, "field": ["f"]}, status=422)
        with self.assertRaises(Rejected) as caught:
            list(self.connector.fetch_locations())
        text = str(caught.exception)
        self.assertTrue(text.startswith("No  such  order  [31mxxx"))
        self.assertLessEqual(len(text), 500)
        self.assertEqual("http_422", caught.exception.code)
        self.assertEqual("", caught.exception.field)


class TestPublish(ScriptedCase):
    def test_results_are_found_by_place(self):
        results = self.publish(
            3,
            [
                {"sku": "S2", "location_id": "main", "status": "applied"},
                {"sku": "S0", "location_id": "shop", "status": "applied"},
                {
                    "sku": "S0",
                    "location_id": "main",
                    "status": "stale",
                    "quantity": "4.50",
                    "sequence": 12,
                },
            ],
            status=207,
        )
        self.assertEqual(
            [
                UpdateResult(
                    status=ResultStatus.STALE, quantity=D("4.50"), sequence=12
                ),
                UpdateResult(status=ResultStatus.UNKNOWN),
                UpdateResult(status=ResultStatus.APPLIED),
            ],
            results,
        )

    def test_rejection_says_why(self):
        entry = {"sku": "S0", "location_id": "main", "status": "rejected"}
        why = {"code": "no_sku", "field": "sku", "message": "Unknown"}
        [result] = self.publish(1, [{**entry, **why}])
        self.assertEqual(UpdateResult(status=ResultStatus.REJECTED, **why), result)

    def test_two_updates_of_one_place(self):
        self.say(
            {
                "results": [
                    {"sku": "S0", "location_id": "main", "status": "applied"},
                    {"sku": "S0", "location_id": "main", "status": "stale"},
                ]
            }
        )
        results = self.connector.publish(updates(1) * 3, "push-1")
        self.assertEqual(
            ["applied", "stale", "unknown"], [result.status for result in results]
        )

    def test_malformed_results_are_unknown(self):
        good = {"sku": "S0", "location_id": "main", "status": "applied"}
        for entry in (
            None,
            "applied",
            {**good, "status": "APPLIED"},
            {**good, "status": ["applied"]},
            {**good, "sku": 0},
            {**good, "sku": ["S0"]},
            {"sku": "S0", "status": "applied"},
        ):
            with self.subTest(entry):
                [result] = self.publish(1, [entry])
                self.assertEqual(UpdateResult(status=ResultStatus.UNKNOWN), result)

    def test_malformed_numbers_are_left_out(self):
        good = {"sku": "S0", "location_id": "main", "status": "stale"}
        for quantity, sequence in ((4, "12"), ("-4", -1), ("NaN", True), (None, 2**63)):
            with self.subTest(quantity):
                entry = {**good, "quantity": quantity, "sequence": sequence}
                [result] = self.publish(1, [entry])
                self.assertEqual(UpdateResult(status=ResultStatus.STALE), result)

    def test_answer_without_results(self):
        for answer in ([], {}, {"results": {}}, None, "ok", 5):
            with self.subTest(answer):
                self.say(answer)
                with self.assertRaises(RetryLater):
                    self.connector.publish(updates(1), "push-1")

    def test_refused_call_rejects_every_update(self):
        for status in (400, 413, 415, 422):
            self.say({"code": "bad"}, status=status)
            results = self.connector.publish(updates(2), "push-1")
            self.assertEqual(["rejected"] * 2, [result.status for result in results])
            self.assertEqual({"bad"}, {result.code for result in results})
            self.assertIn(str(status), results[0].message)

    def test_conflict_is_unknown(self):
        self.say({}, status=409)
        with self.assertRaises(RetryLater) as caught:
            self.connector.publish(updates(1), "push-1")
        self.assertIs(RetryLater, type(caught.exception))

    def test_missing_page_is_misconfigured(self):
        self.say({}, status=404)
        with self.assertRaises(Misconfigured):
            self.connector.publish(updates(1), "push-1")


class TestLargePublish(unittest.TestCase):
    """More updates than one call carries."""

    def setUp(self) -> None:
        self.clock = FixedClock()
        self.server = FakeRest(self.clock)
        self.transport = self.server.transport
        self.connector = RestConnector(
            {"base_url": BASE_URL}, self.transport, self.clock, [SECRET]
        )
        for update in updates(1_001):
            self.server.add_item(update.key.sku, "main", D(7))

    def statuses(self) -> list[str]:
        """Publish 1 001 updates and return the statuses."""
        return [r.status for r in self.connector.publish(updates(1_001), "push-1")]

    def test_batches_of_500(self):
        self.assertEqual(["applied"] * 1_001, self.statuses())
        sizes = [
            len(json.loads(c.body)["data"]["levels"]) for c in self.transport.calls
        ]
        self.assertEqual([500, 500, 1], sizes)
        keys = [call.headers["idempotency-key"] for call in self.transport.calls]
        self.assertEqual(["push-1", "push-1-1", "push-1-2"], keys)
        self.assertEqual(
            {D(1)}, {lvl.quantity for lvl in self.server.books.levels.values()}
        )

    def test_lost_answer_leaves_the_rest_unknown(self):
        for fault in (Fault.LOST_ANSWER, Fault.RATE_LIMIT, Fault.UNAUTHORIZED):
            with self.subTest(fault):
                self.setUp()
                self.transport.faults = [None, fault]
                expected = ["applied"] * 500 + ["unknown"] * 501
                self.assertEqual(expected, self.statuses())
                self.assertEqual(2, len(self.transport.calls))

    def test_trouble_with_the_first_call_is_raised(self):
        for fault, error in (
            (Fault.LOST_ANSWER, RetryLater),
            (Fault.RATE_LIMIT, RateLimited),
            (Fault.FORBIDDEN, Misconfigured),
        ):
            with self.subTest(fault):
                self.setUp()
                self.transport.faults = [fault]
                self.assertRaises(error, self.statuses)
                self.assertEqual(1, len(self.transport.calls))


class TestReports(ScriptedCase):
    """Shipments and cancellations: which answers count as taken."""

    def setUp(self) -> None:
        super().setUp()
        lines = (ReportedLine(order_line_id="1001-1", quantity=D(2)),)
        self.shipment = Shipment(
            id="OUT/1",
            order_id="1001",
            location_id="main",
            shipped_at=self.clock(),
            lines=lines,
        )
        self.cancellation = Cancellation(
            id="OUT/1",
            order_id="1001",
            reason="Out of stock",
            decided_at=self.clock(),
            lines=lines,
        )

    def report_both(self) -> None:
        """Tell the channel both; it gives the same answer to both."""
        self.answers *= 2
        self.connector.report_shipment(self.shipment)
        self.connector.report_cancel(self.cancellation)
        self.assertEqual([], self.answers)

    def test_taken_or_had_it_already(self):
        for answer in (
            *(Response(200), Response(201, {}, b"{}"), Response(204)),
            *(Response(409), Response(409, {}, b"Had it")),
        ):
            with self.subTest(answer):
                self.answers.append(answer)
                self.report_both()

    def test_addresses_and_types(self):
        self.answers.append(Response(200))
        self.report_both()
        self.assertEqual(
            [
                (BASE_URL + "/shipments", "shipment.created"),
                (BASE_URL + "/cancellations", "order.cancelled"),
            ],
            [
                (call.url, json.loads(call.body)["type"])
                for call in self.transport.calls
            ],
        )

    def test_repeat_is_the_same_message_to_the_byte(self):
        for _ in range(2):
            self.answers.append(Response(200))
            self.report_both()
            self.clock.advance(60)
        calls = self.transport.calls
        for first, again in zip(calls[:2], calls[2:], strict=True):
            self.assertEqual(first.body, again.body)
            for name in ("webhook-id", "idempotency-key"):
                self.assertEqual(first.headers[name], again.headers[name])

    def test_told_anew_is_another_message(self):
        """A channel that refused it would answer from memory otherwise."""
        self.answers.append(Response(200))
        self.report_both()
        self.shipment = replace(self.shipment, revision=1)
        self.cancellation = replace(self.cancellation, revision=1)
        self.answers.append(Response(200))
        self.report_both()
        for name in ("webhook-id", "idempotency-key"):
            told = [call.headers[name] for call in self.transport.calls]
            self.assertEqual(4, len(set(told)))

    def test_correction_the_channel_had_already_is_not_taken(self):
        """It has the goods and keeps the tracking number."""
        self.answers.append(Response(409))
        with self.assertRaises(KeptAsTold) as caught:
            self.connector.report_shipment(
                replace(self.shipment, revision=1, corrects=True)
            )
        self.assertEqual("tracking", caught.exception.field)
        self.answers.append(Response(409))
        self.connector.report_shipment(replace(self.shipment, revision=1))

    def test_each_report_has_its_own_key(self):
        self.answers.append(Response(200))
        self.report_both()
        self.answers.append(Response(200))
        self.connector.report_shipment(replace(self.shipment, order_id="1002"))
        keys = [call.headers["idempotency-key"] for call in self.transport.calls]
        self.assertEqual(3, len(set(keys)))

    def test_other_answers(self):
        for status, error in (
            (400, Rejected),
            (404, Rejected),
            (405, Misconfigured),
            (408, RetryLater),
            (422, Rejected),
            (425, RetryLater),
        ):
            for report in (
                lambda: self.connector.report_shipment(self.shipment),
                lambda: self.connector.report_cancel(self.cancellation),
            ):
                with self.subTest(status):
                    self.say({"code": "why"}, status=status)
                    with self.assertRaises(error) as caught:
                        report()
                    self.assertIs(error, type(caught.exception))


class TestDescribe(ScriptedCase):
    def test_key_is_the_delivery_id(self):
        delivery = self.connector.describe(b"{}", {"webhook-id": "msg_1"})
        self.assertEqual(("id:msg_1", "", ""), tuple(vars(delivery).values()))

    def test_without_id_the_digest(self):
        self.assertEqual(
            "digest:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            self.connector.dedupe_key(b"", {}),
        )

    def test_no_delivery_id_looks_like_a_polled_order(self):
        delivery = self.connector.describe(b"{}", {"webhook-id": "order:1:2"})
        self.assertEqual("id:order:1:2", delivery.dedupe_key)
