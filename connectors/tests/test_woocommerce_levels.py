"""Pushing to WooCommerce: batches by parent, errors inside a 200, writes undone."""

import unittest
from collections.abc import Sequence
from decimal import Decimal

from ..data import QuantityUpdate, ResultStatus, UpdateResult
from ..errors import Misconfigured, RateLimited, RetryLater
from ..testing.fake_channel import Fault
from ..transport import Request, Response
from ..woocommerce_levels import parse_item
from .woocommerce_case import WooCase

APPLIED, REJECTED = ResultStatus.APPLIED, ResultStatus.REJECTED
STALE, UNKNOWN = ResultStatus.STALE, ResultStatus.UNKNOWN


def statuses(results: Sequence[UpdateResult]) -> list[ResultStatus]:
    """Return the statuses alone."""
    return [result.status for result in results]


class TestPush(WooCase):
    """One call for all products, one per parent for variations."""

    def test_products_and_variations_go_apart(self) -> None:
        """Each with stock management switched on, results in the caller's order."""
        other = self.shop.add_item("B-3", "main", Decimal(1))
        results = self.push(
            (self.variation, "4"), (self.simple, "5"), (other, "6"), (self.simple, "8")
        )
        self.assertEqual([APPLIED, STALE, APPLIED, APPLIED], statuses(results))
        self.assertEqual([4, None, 6, 8], [result.quantity for result in results])
        self.assertEqual(4, results[1].sequence)
        parents = [key.item_id.split("/")[0] for key in (self.variation, other)]
        self.assertEqual(
            [
                f"/products/{parents[0]}/variations/batch",
                "/products/batch",
                f"/products/{parents[1]}/variations/batch",
            ],
            self.paths(),
        )
        self.assertEqual(
            {
                "update": [
                    {
                        "id": int(self.simple.item_id),
                        "manage_stock": True,
                        "stock_quantity": 8,
                    }
                ]
            },
            self.bodies()[1],
        )

    def test_variations_of_one_parent_share_a_call(self) -> None:
        """However many there are of it."""
        parent = int(self.variation.item_id.split("/")[0])
        sister = self.shop.add_item("B-4", "main", Decimal(1))
        row = self.shop.variations[int(sister.item_id.split("/")[1])]
        row["parent"] = parent
        key = self.key_of(f"{parent}/{row['id']}", "B-4")
        results = self.push((self.variation, "4"), (key, "5"))
        self.assertEqual([APPLIED, APPLIED], statuses(results))
        self.assertEqual([2], [len(body["update"]) for body in self.bodies()])

    def test_error_of_one_row_is_its_own(self) -> None:
        """The answer has status 200, the others are written."""
        parent, variation = self.variation.item_id.split("/")
        results = self.push(
            (self.key_of("999"), "1"),
            (self.key_of(variation), "2"),
            (self.simple, "3"),
            (self.key_of(f"{parent}/999"), "4"),
            (self.variation, "5"),
        )
        self.assertEqual(
            [REJECTED, REJECTED, APPLIED, REJECTED, APPLIED], statuses(results)
        )
        self.assertEqual(
            [
                "woocommerce_rest_product_invalid_id",
                "woocommerce_rest_invalid_product_id",
                "",
                "woocommerce_rest_product_variation_invalid_id",
                "",
            ],
            [result.code for result in results],
        )
        self.assertIn("variations endpoint", results[1].message)
        self.assertEqual(Decimal(3), self.shop.quantity(self.simple))

    def test_a_hundred_go_into_one_call(self) -> None:
        """One more makes a second call."""
        keys = [self.shop.add_item(f"A-{n}", "main", Decimal(0)) for n in range(2, 103)]
        results = self.push(*((key, "5") for key in keys))
        self.assertEqual({APPLIED}, set(statuses(results)))
        self.assertEqual([100, 1], [len(body["update"]) for body in self.bodies()])

    def test_too_large_a_batch_is_cut(self) -> None:
        """A filter of the shop may allow fewer rows; nothing was written by then."""
        self.shop.batch_limit = 2
        keys = [self.shop.add_item(f"A-{n}", "main", Decimal(0)) for n in range(2, 7)]
        results = self.push(*((key, "5") for key in keys))
        self.assertEqual([APPLIED] * 5, statuses(results))
        self.assertEqual([5, 2, 3, 1, 2], [len(b["update"]) for b in self.bodies()])

    def test_too_large_by_a_web_server_is_cut_too(self) -> None:
        """It answers a page instead of JSON."""
        handle = self.shop.transport._handler

        def refuse(call: Request) -> Response:
            if call.body.count(b'"id"') > 1:
                return Response(413, {"content-type": "text/html"}, b"<html>413</html>")
            return handle(call)

        self.shop.transport._handler = refuse
        other = self.shop.add_item("A-2", "main", Decimal(0))
        results = self.push((self.simple, "3"), (other, "4"))
        self.assertEqual([APPLIED, APPLIED], statuses(results))

    def test_one_row_too_large_is_refused(self) -> None:
        """There is nothing left to cut."""
        self.shop.batch_limit = 0
        [result] = self.push((self.simple, "3"))
        self.assertEqual(REJECTED, result.status)
        self.assertEqual("woocommerce_rest_request_entity_too_large", result.code)

    def test_what_cannot_be_shown_is_not_sent(self) -> None:
        """Parts of a unit, less than nothing, and no id."""
        results = self.push(
            (self.simple, "2.5"),
            (self.variation, "-1"),
            (self.key_of(""), "1"),
            (self.key_of("0"), "1"),
            (self.key_of("12/"), "1"),
            (self.key_of("٣"), "1"),
            (self.key_of("1E1"), "1"),
        )
        self.assertEqual([REJECTED] * 7, statuses(results))
        self.assertEqual(
            ["fraction", "out_of_range", *["unknown_item"] * 5],
            [result.code for result in results],
        )
        self.assertEqual([], self.calls)

    def test_whole_numbers_in_any_spelling_are_sent(self) -> None:
        """2.50E+2 is 250."""
        [result] = self.push((self.simple, "2.50E+2"))
        self.assertEqual((APPLIED, 250), (result.status, result.quantity))
        self.assertIs(int, type(self.bodies()[0]["update"][0]["stock_quantity"]))

    def test_missing_row_is_unknown(self) -> None:
        """An answer that does not speak of an item confirms nothing."""
        empty = Response(200, {}, b'{"update":[]}')
        self.shop.transport._handler = lambda call: empty
        [result] = self.push((self.simple, "3"))
        self.assertEqual(UNKNOWN, result.status)


class TestUndone(WooCase):
    """A success that does not stick is no success."""

    def test_number_taken_back_by_a_plugin(self) -> None:
        """WooCommerce answers 200 and shows no number."""
        self.shop.undone.add(int(self.simple.item_id))
        [result] = self.push((self.simple, "3"))
        self.assertEqual((REJECTED, "not_managed"), (result.status, result.code))
        self.assertIn("does not keep it", result.message)

    def test_number_of_the_parent(self) -> None:
        """``manage_stock`` is the word parent instead of true."""
        self.shop.held_by_parent.add(int(self.variation.item_id.split("/")[1]))
        [result] = self.push((self.variation, "3"))
        self.assertEqual((REJECTED, "managed_by_parent"), (result.status, result.code))
        self.assertIn("parent product", result.message)

    def test_product_without_stock(self) -> None:
        """External and grouped products take the call and keep nothing."""
        external = self.shop.add_product("external")
        [result] = self.push((self.key_of(str(external)), "3"))
        self.assertEqual((REJECTED, "not_managed"), (result.status, result.code))

    def test_another_number_is_unknown(self) -> None:
        """Sold at that moment, or changed by a plugin: reading back tells."""
        self.shop.answered_instead[int(self.simple.item_id)] = 11
        results = self.push((self.simple, "12"), (self.variation, "3"))
        self.assertEqual([UNKNOWN, APPLIED], statuses(results))
        self.assertEqual("not_kept", results[0].code)
        self.assertIn("answers 11 where 12 was sent", results[0].message)
        self.assertIsNone(results[0].quantity)


class TestTrouble(WooCase):
    """What a broken call leaves of a batch."""

    def push_both(self) -> list[UpdateResult]:
        """Publish by two calls: products, then variations."""
        return self.push((self.simple, "3"), (self.variation, "4"))

    def test_first_call_refused(self) -> None:
        """Nothing was written: the caller learns why."""
        for fault, error in (
            (Fault.RATE_LIMIT, RateLimited),
            (Fault.UNAUTHORIZED, Misconfigured),
        ):
            with self.subTest(fault):
                self.shop.transport.faults = [fault]
                self.assertRaises(error, self.push_both)
        self.assertEqual([], self.shop.books.effects)

    def test_second_call_refused(self) -> None:
        """The first one keeps its result."""
        for fault in (Fault.RATE_LIMIT, Fault.UNAUTHORIZED, Fault.DOWN):
            with self.subTest(fault):
                self.shop.transport.faults = [None, fault]
                self.assertEqual([APPLIED, UNKNOWN], statuses(self.push_both()))

    def test_server_in_trouble_is_not_asked_again(self) -> None:
        """All that is left is unknown, and reading back tells."""
        self.shop.transport.faults = [Fault.LOST_ANSWER]
        self.assertEqual([UNKNOWN, UNKNOWN], statuses(self.push_both()))
        self.assertEqual(1, len(self.calls))
        observed = self.connector.fetch_quantities([self.simple, self.variation])
        self.assertEqual([3, 9], [entry.quantity for entry in observed])

    def test_page_of_a_firewall(self) -> None:
        """A person has to let us in."""
        page = Response(403, {"content-type": "text/html"}, b"<html>Blocked</html>")
        self.shop.transport._handler = lambda call: page
        with self.assertRaises(Misconfigured) as caught:
            self.push_both()
        self.assertIn("firewall", caught.exception.message)
        self.assertEqual("base_url", caught.exception.field)

    def test_notice_of_php_before_the_answer(self) -> None:
        """Nobody knows what became of the call."""
        notice = Response(200, {}, b'<b>Warning</b>: x\n{"update":[]}')
        self.shop.transport._handler = lambda call: notice
        self.assertEqual([UNKNOWN, UNKNOWN], statuses(self.push_both()))

    def test_not_now(self) -> None:
        """408 says later."""
        self.shop.transport._handler = lambda call: Response(408, {}, b"")
        self.assertRaises(RetryLater, list, self.connector.fetch_listings())


class TestReadBack(WooCase):
    """What the shop shows."""

    def test_products_and_variations(self) -> None:
        """One call for products, one per parent, and what is unknown is left out."""
        parent = self.variation.item_id.split("/")[0]
        observed = self.connector.fetch_quantities(
            [
                self.variation,
                self.simple,
                self.simple,
                self.key_of("999"),
                self.key_of(f"{parent}/999"),
                self.key_of("998/999"),
                self.key_of("no id"),
            ]
        )
        self.assertEqual(
            [(self.variation, 9), (self.simple, 7)],
            [(entry.key, entry.quantity) for entry in observed],
        )
        self.assertEqual(3, len(self.calls))
        self.assertEqual(
            "id,manage_stock,stock_quantity", self.query(self.calls[0])["_fields"]
        )

    def test_no_number_is_left_out(self) -> None:
        """Null, or the parent's: no number of this item's own."""
        self.shop.products[int(self.simple.item_id)]["manage_stock"] = False
        row = self.shop.variations[int(self.variation.item_id.split("/")[1])]
        row["manage_stock"] = "parent"
        keys = [self.simple, self.variation]
        self.assertEqual([], self.connector.fetch_quantities(keys))

    def test_below_zero_is_told(self) -> None:
        """WooCommerce sells on where back orders are allowed."""
        self.shop.books.levels["A-1", "main"].quantity = Decimal(-3)
        [observed] = self.connector.fetch_quantities([self.simple])
        self.assertEqual(-3, observed.quantity)

    def test_more_than_a_page_of_products(self) -> None:
        """A hundred ids per call."""
        keys = [self.shop.add_item(f"A-{n}", "main", Decimal(n)) for n in range(2, 203)]
        observed = self.connector.fetch_quantities(keys)
        self.assertEqual(list(range(2, 203)), [entry.quantity for entry in observed])
        self.assertEqual(3, len(self.calls))


class TestListings(WooCase):
    """What could be sold."""

    def test_variations_instead_of_their_parent(self) -> None:
        """Nor what has no stock of its own."""
        for kind in ("grouped", "external"):
            self.shop.add_product(kind, kind)
        self.shop.products[int(self.simple.item_id)]["name"] = "Fish &amp; Chips"
        listed = list(self.connector.fetch_listings())
        self.assertEqual(
            [
                (self.simple.item_id, "A-1", "Fish & Chips", True),
                (self.variation.item_id, "B-2", "A variable one / Green", True),
            ],
            [(item.item_id, item.sku, item.title, item.tracked) for item in listed],
        )

    def test_untracked_items_say_so(self) -> None:
        """The shop sells them whatever their number is."""
        row = self.shop.variations[int(self.variation.item_id.split("/")[1])]
        row["manage_stock"] = "parent"
        self.shop.products[int(self.simple.item_id)]["manage_stock"] = False
        listed = list(self.connector.fetch_listings())
        self.assertEqual([False, False], [item.tracked for item in listed])

    def test_inherited_sku_is_no_sku(self) -> None:
        """A variation without one answers that of its parent, as its sisters do."""
        parent, variation = map(int, self.variation.item_id.split("/"))
        self.shop.products[parent]["sku"] = "PARENT"
        self.shop.variations[variation]["sku"] = "PARENT"
        listed = {i.item_id: i.sku for i in self.connector.fetch_listings()}
        self.assertEqual("", listed[self.variation.item_id])

    def test_products_that_vanish_meanwhile_hide_no_other(self) -> None:
        """All behind them move up by one."""
        keys = [self.shop.add_item(f"A-{n}", "main", Decimal(0)) for n in range(2, 205)]
        listed = iter(self.connector.fetch_listings())
        found = [next(listed).item_id]
        for gone in keys[:30]:
            del self.shop.products[int(gone.item_id)]
        found += [item.item_id for item in listed]
        self.assertLessEqual({key.item_id for key in keys[30:]}, set(found))


class TestItem(unittest.TestCase):
    """Ids of items."""

    def test_forms(self) -> None:
        """A product, or parent and variation; nothing else."""
        self.assertEqual(("", "12"), parse_item("12"))
        self.assertEqual(("12", "34"), parse_item("12/34"))
        for text in ("", "0", "/", "12/", "/34", "12/34/56", "a", " 12", "12\n", "-1"):
            with self.subTest(text):
                self.assertIsNone(parse_item(text))


class TestOrderOfSequences(WooCase):
    """Of two numbers for one item the newer one wins, wherever it stands."""

    def test_newer_first(self) -> None:
        """By sequence, not by place."""
        newer, older = (
            QuantityUpdate(
                key=self.simple, quantity=Decimal(n), unit="Units", sequence=n
            )
            for n in (9, 8)
        )
        results = self.connector.publish([newer, older], "push-1")
        self.assertEqual([APPLIED, STALE], statuses(results))
        self.assertEqual(Decimal(9), self.shop.quantity(self.simple))
