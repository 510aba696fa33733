"""WooCommerce's refunds: what never left is cancelled, the rest comes back."""

from decimal import Decimal

from ..data import ReturnSnapshot, ReturnStatus
from .woocommerce_case import WooCase


class RefundCase(WooCase):
    """Order 1001 has three of line 10011 at 9.90 and two of line 10012 at 10.00."""

    def setUp(self) -> None:
        """Place it."""
        super().setUp()
        self.place("1001")
        self.clock.advance(60)

    def complete(self) -> None:
        """Let the shop say that all of it has left."""
        self.clock.advance(60)
        self.shop.touch("1001", status="completed", date_completed_gmt=self.shop.now())
        self.clock.advance(60)

    def cancelled(self) -> list[Decimal]:
        """Return how many of each line are cancelled."""
        return [line.cancelled_quantity for line in self.read("1001")[0].lines]

    def fulfilled(self) -> list[Decimal]:
        """Return how many of each line have left."""
        return [line.fulfilled_quantity for line in self.read("1001")[0].lines]

    def back(self) -> dict[str, list[tuple[str, int, int]]]:
        """Return the returns: line, quantity and how many the shop put back."""
        return {
            told.id: [
                (line.order_line_id, int(line.quantity), int(line.restocked))
                for line in told.lines
            ]
            for told in self.read("1001")[1]
        }


class TestBeforeShipping(RefundCase):
    """A refund of what is still here."""

    def test_units_are_cancelled(self) -> None:
        """And no return: nothing will come."""
        self.shop.refund("1001", "19.80", restock=True, l10011=2)
        self.assertEqual([2, 0], self.cancelled())
        self.assertEqual([0, 0], self.fulfilled())
        self.assertEqual({}, self.back())
        self.assertFalse(self.read("1001")[0].cancelled)

    def test_money_alone_is_nothing_to_us(self) -> None:
        """A price that was made lower."""
        self.shop.refund("1001", "5.00", restock=False)
        self.assertEqual([0, 0], self.cancelled())
        self.assertEqual({}, self.back())

    def test_refund_before_completion_stays_a_cancellation(self) -> None:
        """What left then is the rest."""
        self.shop.refund("1001", "9.90", restock=True, l10011=1)
        self.complete()
        self.assertEqual([1, 0], self.cancelled())
        self.assertEqual([2, 2], self.fulfilled())
        self.assertEqual({}, self.back())

    def test_whole_order_refunded(self) -> None:
        """The status says it; the shop adds a refund without lines."""
        self.shop.refund("1001", "49.70", restock=False)
        self.shop.touch("1001", status="refunded")
        self.assertTrue(self.read("1001")[0].cancelled)
        self.assertEqual({}, self.back())


class TestAfterShipping(RefundCase):
    """A refund of what has left."""

    def test_units_are_expected_back(self) -> None:
        """Announced only: where they are a refund does not say."""
        self.complete()
        refund = self.shop.refund("1001", "9.90", restock=True, l10011=1)
        self.assertEqual([0, 0], self.cancelled())
        self.assertEqual([3, 2], self.fulfilled())
        self.assertEqual({str(refund): [("10011", 1, 1)]}, self.back())
        [told] = self.read("1001")[1]
        self.assertEqual(
            (ReturnStatus.ANNOUNCED, Decimal("9.90"), "1001", ""),
            (told.status, told.refund_amount, told.order_id, told.location_id),
        )
        self.assertIsNone(told.lines[0].disposition)

    def test_units_that_were_not_put_back_on_sale(self) -> None:
        """The shop's number did not rise."""
        self.complete()
        refund = self.shop.refund("1001", "9.90", restock=False, l10011=1)
        self.assertEqual({str(refund): [("10011", 1, 0)]}, self.back())

    def test_money_alone_is_a_return_without_goods(self) -> None:
        """Finance has to know."""
        self.complete()
        refund = self.shop.refund("1001", "5.00", restock=False)
        self.assertEqual({str(refund): []}, self.back())
        self.assertEqual(Decimal("5.00"), self.read("1001")[1][0].refund_amount)

    def test_two_refunds_of_one_line(self) -> None:
        """Each is a return of its own; what was put back is shared out in order."""
        self.complete()
        first = self.shop.refund("1001", "9.90", restock=False, l10011=1)
        self.clock.advance(60)
        second = self.shop.refund("1001", "19.80", restock=True, l10011=2)
        # WooCommerce keeps one sum per line: two were put back, whichever.
        self.assertEqual(
            {str(first): [("10011", 1, 1)], str(second): [("10011", 2, 1)]}, self.back()
        )

    def test_refund_within_the_second_of_completion(self) -> None:
        """It has left by then."""
        self.shop.touch("1001", status="completed", date_completed_gmt=self.shop.now())
        refund = self.shop.refund("1001", "9.90", restock=False, l10011=1)
        self.assertEqual({str(refund): [("10011", 1, 0)]}, self.back())

    def test_what_was_cancelled_was_put_back_first(self) -> None:
        """One was put back, of a line with one cancelled and one returned."""
        self.shop.refund("1001", "9.90", restock=True, l10011=1)
        self.complete()
        refund = self.shop.refund("1001", "9.90", restock=False, l10011=1)
        self.assertEqual({str(refund): [("10011", 1, 0)]}, self.back())

    def test_completed_at_no_known_time(self) -> None:
        """A plugin wrote the status alone: every refund came after."""
        refund = self.shop.refund("1001", "9.90", restock=False, l10011=1)
        self.clock.advance(60)
        self.shop.touch("1001", status="completed")
        self.assertEqual({str(refund): [("10011", 1, 0)]}, self.back())
        self.assertEqual([3, 2], self.fulfilled())

    def test_completed_order_that_is_cancelled(self) -> None:
        """The goods are gone all the same."""
        self.complete()
        self.shop.touch("1001", status="cancelled")
        self.assertTrue(self.read("1001")[0].cancelled)
        self.assertEqual([3, 2], self.fulfilled())

    def test_status_refunded_after_completion_keeps_what_left(self) -> None:
        """It is no cancellation."""
        self.complete()
        self.shop.refund("1001", "49.70", restock=False)
        self.shop.touch("1001", status="refunded")
        self.assertFalse(self.read("1001")[0].cancelled)
        self.assertEqual([3, 2], self.fulfilled())

    def test_line_that_is_no_more(self) -> None:
        """An edit of the order removed it; the refund is money then."""
        self.complete()
        refund = self.shop.refund("1001", "20.00", restock=False, l10012=2)
        del self.shop.books.orders["1001"]["line_items"][1]
        self.assertEqual({str(refund): []}, self.back())


class TestPartlyShipped(RefundCase):
    """Two of three have left, by what we told the shop."""

    def setUp(self) -> None:
        """Tell of the parcel."""
        super().setUp()
        self.connector.report_shipment(self.shipment(("10011", "2")))
        self.clock.advance(60)

    def test_what_has_left(self) -> None:
        """By the entry in the order's metadata."""
        self.assertEqual([2, 0], self.fulfilled())

    def test_what_is_still_here_is_cancelled_first(self) -> None:
        """One of three."""
        self.shop.refund("1001", "9.90", restock=False, l10011=1)
        self.assertEqual([1, 0], self.cancelled())
        self.assertEqual({}, self.back())

    def test_the_rest_comes_back(self) -> None:
        """One is cancelled, one comes back; the money is shared out likewise."""
        refund = self.shop.refund("1001", "19.80", restock=True, l10011=2)
        self.assertEqual([1, 0], self.cancelled())
        self.assertEqual({str(refund): [("10011", 1, 1)]}, self.back())
        [told] = self.read("1001")[1]
        self.assertEqual(Decimal("9.90"), told.refund_amount)

    def test_refund_that_came_too_late(self) -> None:
        """It was made before the parcel left, and heard of after."""
        self.shop.refund("1001", "9.90", restock=False, l10011=1)
        self.assertEqual([1, 0], self.cancelled())
        self.connector.report_shipment(self.shipment(("10011", "1"), id="WH/OUT/00008"))
        self.assertEqual([0, 0], self.cancelled())
        self.assertEqual([1], [lines[0][1] for lines in self.back().values()])

    def test_cancelled_order_keeps_what_left(self) -> None:
        """Status cancelled, with a parcel on its way."""
        self.shop.touch("1001", status="cancelled")
        self.assertTrue(self.read("1001")[0].cancelled)
        self.assertEqual([2, 0], self.fulfilled())

    def test_completed_and_opened_again(self) -> None:
        """The date of completion stays and does not count."""
        self.complete()
        self.assertEqual([3, 2], self.fulfilled())
        self.shop.touch("1001", status="processing")
        self.assertEqual([2, 0], self.fulfilled())


class TestSamples(WooCase):
    """The recorded shapes."""

    def test_returned(self) -> None:
        """One unit back, and money for nothing."""
        snapshot, returns = self.sample("order_returned")
        self.assertEqual([0, 0], [line.cancelled_quantity for line in snapshot.lines])
        self.assertEqual(
            [("502", Decimal("23.80"), 1), ("503", Decimal("5.00"), 0)],
            [(told.id, told.refund_amount, len(told.lines)) for told in returns],
        )
        self.assertTrue(all(isinstance(told, ReturnSnapshot) for told in returns))
        self.assertEqual({snapshot.version}, {told.version for told in returns})

    def test_refunded_before_shipping(self) -> None:
        """One of three is cancelled."""
        snapshot, returns = self.sample("order_refunded_before_shipping")
        self.assertEqual([1, 0], [line.cancelled_quantity for line in snapshot.lines])
        self.assertEqual([], returns)
