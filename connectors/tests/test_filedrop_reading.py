"""Files are read whole, once, and put away only after they were stored (S17)."""

import unittest
from datetime import timedelta
from unittest.mock import patch

from .. import filedrop_reading
from ..base import Resource
from ..errors import BadPayload, Misconfigured, RetryLater
from ..filedrop import FiledropConnector
from ..testing.fake_channel import Fault, FixedClock, json_response
from ..testing.fake_filedrop import BASE_URL, PASSWORD, FakeFiledrop, as_csv, order_row
from ..transport import MAX_BYTES


class DropCase(unittest.TestCase):
    """A connector that moves what it has read."""

    config: dict[str, str] = {}

    def setUp(self) -> None:
        self.clock = FixedClock()
        self.drop = FakeFiledrop(self.clock)
        self.connector = self.make()

    def make(self, **config: str) -> FiledropConnector:
        base = {"base_url": BASE_URL, "password": PASSWORD, **self.config}
        return FiledropConnector({**base, **config}, self.drop.transport, self.clock)

    def orders(self, name: str, *ids: str, **changes: str) -> None:
        """Put a file of orders down, one row each, a minute ago."""
        rows = [
            {**order_row(key, "1", "A-1", "3", "9.90", 1, self.clock()), **changes}
            for key in ids
        ]
        text = as_csv(tuple(rows[0]), [tuple(row.values()) for row in rows])
        self.drop.put(f"in/{name}", text)
        self.clock.advance(60)

    def poll(
        self,
        resource: Resource = Resource.ORDERS,
        connector: FiledropConnector | None = None,
    ) -> list[str]:
        """Poll to the end; return the ids of what came."""
        pages = (connector or self.connector).poll(resource, self.clock())
        return [found.order_id for page in pages for found in page.orders]

    def told(self) -> list[tuple[str, str]]:
        """Poll to the end; return field and text of everything wrong."""
        found = []
        for page in self.connector.poll(Resource.ORDERS, None):
            for one in page.orders:
                try:
                    self.connector.parse(one.raw, one.topic)
                except BadPayload as error:
                    found.append((error.field, error.message))
        return found


class TestOnce(DropCase):
    def test_a_file_is_put_away_after_it_was_stored(self):
        self.orders("orders-7.csv", "1001", "1002")
        pages = self.connector.fetch_orders(None)
        page = next(pages)
        self.assertEqual(["1001", "1002"], [one.order_id for one in page.orders])
        # Whoever stops here reads it again.
        self.assertEqual(["orders-7.csv"], self.drop.names("in"))
        self.assertEqual(["1001", "1002"], self.poll())
        self.assertEqual([], list(pages))
        self.assertEqual([], self.drop.names("in"))
        self.assertEqual(["20261121T120100Z-orders-7.csv"], self.drop.names("archive"))
        self.assertEqual([], self.poll())

    def test_the_dates_of_files_may_say_anything(self):
        self.orders("orders-7.csv", "1001")
        self.clock.advance(30 * 86_400)
        self.assertEqual(["1001"], self.poll())

    def test_files_of_one_name_are_all_kept(self):
        for number in range(3):
            self.orders("orders.csv", str(number))
            # The clock stands still while they are put away.
            self.connector.clock = lambda: FixedClock().moment + timedelta(days=1)
            self.assertEqual([str(number)], self.poll())
        self.assertEqual(
            [
                "20261122T120000Z-1-orders.csv",
                "20261122T120000Z-2-orders.csv",
                "20261122T120000Z-orders.csv",
            ],
            self.drop.names("archive"),
        )

    def test_a_long_name_is_cut_at_its_beginning(self):
        name = f"orders-{'x' * 244}.csv"
        self.assertEqual(255, len(name))
        self.orders(name, "1")
        self.poll()
        [kept] = self.drop.names("archive")
        self.assertEqual((255, "20261121T120100Z-"), (len(kept), kept[:17]))

    def test_a_file_that_cannot_be_put_away_stops_no_other(self):
        self.orders("orders-1.csv", "1")
        self.orders("orders-2.csv", "2")
        real, refused = self.drop.handle, []

        def handle(call):
            if call.method == "MOVE" and "orders-1" in call.url:
                refused.append(call.url)
                return json_response({}, 403)
            return real(call)

        self.drop.transport._handler = handle
        self.drop.folders.add("archive")
        found = []
        with self.assertRaises(Misconfigured) as caught:
            for page in self.connector.fetch_orders(None):
                found += [one.order_id for one in page.orders]
        self.assertEqual(["1", "2"], found)
        self.assertEqual("folders", caught.exception.field)
        self.assertEqual(["orders-1.csv"], self.drop.names("in"))

    def test_a_lost_answer_while_putting_away(self):
        self.orders("orders-1.csv", "1")
        self.drop.folders.add("archive")
        self.drop.transport.lose_writes = True
        with self.assertRaises(RetryLater):
            self.poll()
        self.drop.transport.lose_writes = False
        self.assertEqual([], self.poll())
        self.assertEqual(["20261121T120100Z-orders-1.csv"], self.drop.names("archive"))

    def test_somebody_else_was_faster(self):
        self.orders("orders-1.csv", "1")
        self.drop.folders.add("archive")
        pages = self.connector.fetch_orders(None)
        next(pages)
        del self.drop.files["in/orders-1.csv"]
        self.assertEqual([], list(pages))

    def test_large_files_come_in_pages(self):
        self.orders("orders-1.csv", *map(str, range(7)))
        with patch.object(filedrop_reading, "PAGE", 3):
            pages = list(self.connector.fetch_orders(None))
        self.assertEqual([3, 3, 1], [len(page.orders) for page in pages])
        self.assertEqual([True, True, False], [p.high_water is None for p in pages])

    def test_orders_come_before_their_cancels(self):
        self.drop.put("in/cancels-1.csv", "order_id\n1001\n")
        self.clock.advance(60)
        self.orders("orders-1.csv", "1001")
        topics = [
            one.topic
            for page in self.connector.fetch_orders(None)
            for one in page.orders
        ]
        self.assertEqual(["order.updated", "order.cancel"], topics)

    def test_each_resource_has_its_files(self):
        self.orders("orders-1.csv", "1001")
        text = "return_id,order_id,line_id,quantity\nR1,1001,1001-1,1\n"
        self.drop.put("in/Returns-1.CSV", text)
        self.drop.put("in/counts-1.csv", "counted_at,sku,quantity\n2026-11-21,A-1,3\n")
        self.clock.advance(60)
        self.assertEqual(["1001"], self.poll(Resource.RETURNS))
        self.assertEqual(["main 2026-11-21T00:00:00Z"], self.poll(Resource.COUNTS))
        self.assertEqual(["1001"], self.poll())
        self.assertEqual([], self.drop.names("in"))

    def test_an_order_is_found_in_the_archive(self):
        self.orders("orders-1.csv", "1001", "1002")
        [page] = self.connector.fetch_orders(None)
        self.assertEqual(page.orders[1], self.connector.fetch_order("1002"))
        self.assertIsNone(self.connector.fetch_order("1003"))


class TestComplete(DropCase):
    def test_a_file_that_was_just_written_waits(self):
        self.drop.add_order("1001")
        self.assertEqual([], self.poll())
        self.clock.advance(59)
        self.assertEqual([], self.poll())
        self.clock.advance(1)
        self.assertEqual(["1001"], self.poll())

    def test_a_date_far_ahead_keeps_no_file_for_ever(self):
        self.clock.advance(400 * 86_400)
        self.drop.add_order("1001")
        self.clock.moment -= timedelta(days=400)
        self.assertEqual(["1001"], self.poll())

    def test_a_file_that_changes_between_two_looks_waits(self):
        self.orders("orders-1.csv", "1001")
        real = self.drop.handle

        def handle(call):
            answer = real(call)
            if call.method == "LIST":
                self.orders("orders-1.csv", "1001", "1002")
            return answer

        self.drop.transport._handler = handle
        self.assertEqual([], self.poll())
        self.drop.transport._handler = real
        self.assertEqual(["1001", "1002"], self.poll())

    def test_names_of_files_on_their_way_are_passed_over(self):
        for name in (".orders.csv", "orders.csv.part", "~$orders.xlsx", "x.tmp"):
            self.drop.put(f"in/{name}", "half of")
        self.clock.advance(60)
        self.assertEqual([], self.poll())
        self.assertEqual(4, len(self.drop.names("in")))

    def test_a_mark_beside_the_file(self):
        connector = self.make(complete="done")
        self.drop.add_order("1001")
        self.clock.advance(3_600)
        self.assertEqual([], self.poll(connector=connector))
        self.drop.put("in/orders-1001.csv.done", "")
        self.assertEqual(["1001"], self.poll(connector=connector))
        self.assertEqual([], self.drop.names("in"))

    def test_an_end_row(self):
        self.connector = self.make(complete="end=END")
        self.orders("orders-1.csv", "1001")
        self.assertEqual([], self.poll())
        text = self.drop.files["in/orders-1.csv"].content.decode()
        self.drop.put("in/orders-1.csv", f"{text}END,1\r\n")
        self.clock.advance(60)
        self.assertEqual(["1001"], self.poll())
        self.drop.put("in/orders-2.csv", f"{text}END,2\r\n")
        self.clock.advance(60)
        [(field, message)] = self.told()
        self.assertEqual("orders-2.csv", field)
        self.assertIn("says 2 rows, and there are 1", message)

    def test_an_end_that_never_comes_is_told_after_a_day(self):
        self.connector = self.make(complete="end=END")
        self.orders("orders-1.csv", "1001")
        self.clock.advance(86_399 - 60)
        self.assertEqual([], self.told())
        self.clock.advance(1)
        [(_field, message)] = self.told()
        self.assertIn("END, has not come for a day", message)
        self.assertEqual(
            ["20261122T120000Z-orders-1.csv"], self.drop.names("quarantine")
        )


class TestTrouble(DropCase):
    def test_files_nobody_can_read_go_to_quarantine(self):
        self.drop.put("in/orders-1.csv", b"\x00\x01")
        self.drop.put("in/orders-2.csv", "")
        self.drop.put("in/orders-3.xlsx", b"PK\x03\x04 no spreadsheet")
        self.drop.put("in/orders-4.csv", b"", kind="other")
        self.drop.put("in/orders-5.csv", b"x" * (MAX_BYTES + 1))
        self.drop.put("in/invoice.pdf", b"%PDF")
        self.orders("orders-6.csv", "1001")
        told = self.told()
        self.assertEqual(
            [f"orders-{number}" for number in range(1, 6)] + ["invoice"],
            [field.partition(".")[0] for field, _message in told],
        )
        self.assertEqual(6, len(self.drop.names("quarantine")))
        self.assertEqual(1, len(self.drop.names("archive")))
        self.assertEqual([], self.drop.names("in"))
        for field, message in told:
            self.assertTrue(message.startswith(f"{field}: The file cannot be read."))

    def test_wrong_rows_do_not_lose_the_file(self):
        good = order_row("1001", "1", "A-1", "3", "9.90", 1, self.clock())
        bad = {**good, "order_id": "1002", "quantity": "three"}
        rows = [tuple(row.values()) for row in (good, bad)]
        self.drop.put("in/orders-7.csv", as_csv(tuple(good), rows))
        self.clock.advance(60)
        [page] = self.connector.fetch_orders(None)
        self.assertEqual(["1001", "1002"], [one.order_id for one in page.orders])
        self.assertEqual(
            ["order.updated", "file.row"], [one.topic for one in page.orders]
        )
        with self.assertRaises(BadPayload) as caught:
            self.connector.parse(page.orders[1].raw, "file.row")
        self.assertEqual("orders-7.csv:3:quantity", caught.exception.field)
        self.assertEqual(1, len(self.drop.names("archive")))

    def test_the_same_wrong_row_is_the_same_delivery_until_the_file_changes(self):
        self.orders("orders-7.csv", "1001", quantity="x")
        first = next(self.connector.fetch_orders(None)).orders[0]
        again = next(self.connector.fetch_orders(None)).orders[0]
        self.assertEqual(first, again)
        self.orders("orders-7.csv", "1001", quantity="x")
        tomorrow = next(self.connector.fetch_orders(None)).orders[0]
        self.assertNotEqual(first.dedupe_key, tomorrow.dedupe_key)

    def test_a_listing_that_makes_no_sense(self):
        entries = [
            None,
            {},
            {"name": "a", "segment": "..", "size": 1, "modified": "1", "kind": "file"},
            {
                "name": "a",
                "segment": "a%2Fb",
                "size": 1,
                "modified": "1",
                "kind": "file",
            },
            {"name": "a", "segment": "a", "size": 1, "modified": "nan", "kind": "file"},
            {"name": "a", "segment": "a", "size": "1", "modified": "1", "kind": "file"},
            {"name": "a", "segment": "a", "size": 1, "modified": "1e99", "kind": "x"},
        ]
        self.drop.transport._handler = lambda call: json_response({"entries": entries})
        self.assertEqual([], self.poll())
        self.drop.transport._handler = lambda call: json_response([])
        with self.assertRaises(RetryLater):
            self.poll()

    def test_missing_folders(self):
        self.drop.folders.clear()
        with self.assertRaises(Misconfigured) as caught:
            self.poll()
        self.assertEqual("folders", caught.exception.field)
        self.assertFalse(self.connector.check().ok)

    def test_wrong_password(self):
        with self.assertRaises(Misconfigured) as caught:
            self.poll(connector=self.make(password="wrong"))
        self.assertEqual("password", caught.exception.field)

    def test_a_fault_on_the_way_loses_nothing(self):
        for fault in (Fault.BROKEN, Fault.LOST_ANSWER, Fault.RATE_LIMIT):
            for call in range(5):
                with self.subTest(fault=fault, call=call):
                    self.orders("orders-1.csv", "1001")
                    self.drop.transport.faults = [None] * call + [fault]
                    found = []
                    try:
                        for page in self.connector.fetch_orders(None):
                            found += [one.order_id for one in page.orders]
                    except RetryLater:
                        pass
                    self.drop.transport.faults = []
                    found += self.poll()
                    self.assertIn("1001", found)
                    self.assertEqual([], self.drop.names("in"))


class TestLeft(DropCase):
    config = {"after_reading": "leave"}

    def test_files_stay_and_are_read_by_their_date(self):
        self.orders("orders-1.csv", "1001")
        self.orders("orders-2.csv", "1002")
        self.clock.advance(60)
        pages = list(self.connector.fetch_orders(None))
        self.assertEqual(["1001", "1002"], [p.orders[0].order_id for p in pages])
        since = pages[-1].high_water
        again = [p.orders[0].order_id for p in self.connector.fetch_orders(since)]
        self.assertEqual(["1002"], again)
        later = since + timedelta(seconds=1)
        self.assertEqual([], list(self.connector.fetch_orders(later)))
        self.assertEqual(["orders-1.csv", "orders-2.csv"], self.drop.names("in"))

    def test_only_files_that_are_complete_by_age_can_stay(self):
        with self.assertRaises(Misconfigured) as caught:
            self.poll(connector=self.make(complete="done"))
        self.assertEqual("complete", caught.exception.field)
