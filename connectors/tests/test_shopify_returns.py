"""What comes back to a Shopify shop, counted once, at the place it went to."""

import unittest
from decimal import Decimal
from typing import Any

from ..data import Disposition, ReturnSnapshot, ReturnStatus
from ..shopify_payload import wrap
from ..shopify_return import parse_returns
from ..strict_json import load
from ..testing.shopify_sale import MAIN, SHOP, Sale, gid

Row = dict[str, Any]
RESTOCK, INSPECT = Disposition.RESTOCK, Disposition.INSPECT


def read(sale: Sale) -> list[ReturnSnapshot]:
    """Return what is read of a sale's returns and refunds."""
    return parse_returns(load(wrap(sale.order()).raw))


def lines(snapshot: ReturnSnapshot) -> list[tuple[str, int, Disposition | None, int]]:
    """Return (line, quantity, disposition, restocked) of each line."""
    return [
        (x.order_line_id, int(x.quantity), x.disposition, int(x.restocked))
        for x in snapshot.lines
    ]


class TestReturns(unittest.TestCase):
    """A return is announced, comes in parts, and ends."""

    def setUp(self) -> None:
        """Sell and ship four, of which three are to come back."""
        self.sale = Sale([(1000, 4, 0), (500, 2, 0)])
        self.sale.ship(0, 4)
        self.sale.ship(1, 2)
        self.back = self.sale.announce(0, 3)

    def one(self) -> ReturnSnapshot:
        """Return the only snapshot."""
        [snapshot] = read(self.sale)
        return snapshot

    def test_announced(self) -> None:
        """Nobody has seen the goods yet."""
        snapshot = self.one()
        number = self.back["id"].rsplit("/", 1)[1]
        self.assertEqual(
            (f"return-{number}", "1001", ReturnStatus.ANNOUNCED, ""),
            (snapshot.id, snapshot.order_id, snapshot.status, snapshot.location_id),
        )
        self.assertEqual([("10011", 3, None, 0)], lines(snapshot))
        self.assertIsNone(snapshot.refund_amount)

    def test_each_disposition(self) -> None:
        """Put back, to be looked at, and not there at all."""
        self.sale.dispose(self.back, "RESTOCKED", 1, SHOP)
        snapshot = self.one()
        self.assertEqual(
            [("10011", 1, RESTOCK, 1), ("10011", 2, None, 0)], lines(snapshot)
        )
        self.assertEqual(SHOP, snapshot.location_id)
        self.sale.dispose(self.back, "NOT_RESTOCKED", 1)
        self.sale.dispose(self.back, "MISSING", 1)
        snapshot = self.one()
        self.assertEqual(
            [("10011", 1, RESTOCK, 1), ("10011", 1, INSPECT, 0)], lines(snapshot)
        )
        self.assertEqual(SHOP, snapshot.location_id)

    def test_processing_required_is_inspected(self) -> None:
        """And so is any disposition that Shopify may think of later."""
        for kind in ("PROCESSING_REQUIRED", "SOMETHING_NEW"):
            self.sale.dispose(self.back, kind, 1)
        self.assertEqual(
            [("10011", 2, INSPECT, 0), ("10011", 1, None, 0)], lines(self.one())
        )

    def test_closed_expects_nothing_more(self) -> None:
        """Staff may close a return of which less came."""
        self.sale.dispose(self.back, "RESTOCKED", 2)
        self.back["status"] = "CLOSED"
        snapshot = self.one()
        self.assertEqual(ReturnStatus.RECEIVED, snapshot.status)
        self.assertEqual([("10011", 2, RESTOCK, 2)], lines(snapshot))

    def test_nobody_allowed_it(self) -> None:
        """A customer's wish is no return, and a declined one neither."""
        for status in ("REQUESTED", "DECLINED"):
            self.back["status"] = status
            self.assertEqual([], read(self.sale))
        self.back["status"] = "CANCELED"
        self.assertEqual(ReturnStatus.CANCELLED, self.one().status)

    def test_refund_of_a_return_is_its_money(self) -> None:
        """The goods are counted by their disposition, not once more."""
        self.sale.dispose(self.back, "RESTOCKED", 2)
        self.sale.refund_return(self.back, 0, 2, "RETURN")
        snapshot = self.one()
        self.assertEqual(
            [("10011", 2, RESTOCK, 2), ("10011", 1, None, 0)], lines(snapshot)
        )
        self.assertEqual(Decimal("20.00"), snapshot.refund_amount)

    def test_refund_that_restocked_more_than_was_told(self) -> None:
        """Where the refund alone put units back, without a disposition."""
        self.back["status"] = "CLOSED"
        self.sale.dispose(self.back, "RESTOCKED", 1)
        self.sale.refund_return(self.back, 0, 3, "RETURN")
        self.assertEqual([("10011", 3, RESTOCK, 3)], lines(self.one()))

    def test_restocked_at_two_places(self) -> None:
        """A return has one place here; the smaller part counts as not restocked."""
        self.sale.dispose(self.back, "RESTOCKED", 1, SHOP)
        self.sale.dispose(self.back, "RESTOCKED", 2, MAIN)
        snapshot = self.one()
        self.assertEqual(MAIN, snapshot.location_id)
        self.assertEqual([("10011", 3, RESTOCK, 2)], lines(snapshot))

    def test_versions_grow_within_a_second(self) -> None:
        """Shopify dates no return, and orders by the second."""
        order = self.sale.order()
        versions = []

        def note() -> None:
            row = {**order, "returns": self.sale.returns}
            [snapshot] = parse_returns(load(wrap(row).raw))
            versions.append(snapshot.version)

        note()
        for kind in ("MISSING", "RESTOCKED"):
            self.sale.dispose(self.back, kind, 1)
            fates = self.back["reverseFulfillmentOrders"][0]["lineItems"][0]
            fates["dispositions"][-1]["createdAt"] = order["updatedAt"]
            note()
        self.back["returnLineItems"][0]["processedQuantity"] = 3
        note()
        self.back["status"] = "CLOSED"
        note()
        self.assertEqual(sorted(set(versions)), versions)

    def test_when_it_was_put_back(self) -> None:
        """The moment from which the shop shows more, not that of a later note."""
        self.sale.dispose(self.back, "RESTOCKED", 1)
        moment = self.sale.moment
        self.sale.now()
        self.assertEqual(moment, self.one().updated_at)


class TestRefunds(unittest.TestCase):
    """Goods that came back without anybody announcing them; and mere money."""

    def setUp(self) -> None:
        """Sell five and ship three."""
        self.sale = Sale([(1000, 5, 0)], inclusive=False, rate=20, shipping=500)
        self.sale.ship(0, 3)

    def test_restocked(self) -> None:
        """Shopify put them back by itself."""
        for number, kind in enumerate(("RETURN", "LEGACY_RESTOCK"), 1):
            self.sale.refund(0, 1, kind)
            snapshot = read(self.sale)[-1]
            with self.subTest(kind):
                self.assertTrue(snapshot.id.startswith("refund-"))
                self.assertEqual(
                    (ReturnStatus.RECEIVED, MAIN, Decimal("12.00")),
                    (snapshot.status, snapshot.location_id, snapshot.refund_amount),
                )
                self.assertEqual([("10011", 1, RESTOCK, 1)], lines(snapshot))
                self.assertEqual(number, len(read(self.sale)))

    def test_not_restocked_is_money_only(self) -> None:
        """Nothing is expected; what comes nevertheless is received blind."""
        self.sale.refund(0, 2, "NO_RESTOCK")
        [snapshot] = read(self.sale)
        self.assertEqual([], lines(snapshot))
        self.assertEqual(Decimal("24.00"), snapshot.refund_amount)

    def test_cancellation_is_no_return(self) -> None:
        """The order is smaller by it; there is nothing to credit."""
        for kind in ("CANCEL", "NO_RESTOCK"):
            self.sale.cancel(0, 1, kind)
        self.assertEqual([], read(self.sale))

    def test_delivery_charge_is_money_only(self) -> None:
        """Paid back with its tax."""
        self.sale.refund_shipping(200)
        [snapshot] = read(self.sale)
        self.assertEqual(
            ((), Decimal("2.40")), (snapshot.lines, snapshot.refund_amount)
        )

    def test_money_before_anything_left(self) -> None:
        """A cancelled order that was never invoiced needs no credit note."""
        sale = Sale([(1000, 1, 0)])
        sale.cancel_all()
        sale.refund_shipping(490)
        self.assertEqual([], read(sale))

    def test_one_refund_for_both(self) -> None:
        """Of what was paid back, the cancelled unit's part is not the return's."""
        self.sale.refund(0, 1)
        self.sale.cancel(0, 1)
        first, second = self.sale.refunds
        first["refundLineItems"] += second["refundLineItems"]
        first["totalRefundedSet"] = {"presentmentMoney": {"amount": "24.00"}}
        self.sale.refunds.pop()
        [snapshot] = read(self.sale)
        self.assertEqual(
            ([("10011", 1, RESTOCK, 1)], Decimal("12.00")),
            (lines(snapshot), snapshot.refund_amount),
        )

    def test_refund_of_a_return_that_is_not_shown(self) -> None:
        """Without the right to read returns, the refund is all there is."""
        back = self.sale.announce(0, 1)
        self.sale.refund_return(back, 0, 1, "RETURN")
        self.sale.returns.clear()
        [snapshot] = read(self.sale)
        self.assertTrue(snapshot.id.startswith("refund-"))
        self.assertEqual([("10011", 1, RESTOCK, 1)], lines(snapshot))

    def test_refund_of_what_is_not_on_the_order(self) -> None:
        """It names a line nobody has; nothing is made up of it."""
        self.sale.refund(0, 1)
        line = self.sale.refunds[0]["refundLineItems"][0]
        line["lineItem"] = {"id": gid("LineItem", 999)}
        [snapshot] = read(self.sale)
        self.assertEqual([], lines(snapshot))

    def test_gift_card_does_not_come_back(self) -> None:
        """Its refund is money."""
        sale = Sale([(1000, 1, 0), (2500, 1, 0)])
        sale.lines[1].extra = {"isGiftCard": True, "requiresShipping": False}
        sale.ship(0, 1)
        sale.ship(1, 1)
        sale.refund(1, 1)
        [snapshot] = read(sale)
        self.assertEqual(
            ((), Decimal("25.00")), (snapshot.lines, snapshot.refund_amount)
        )
