"""Fulfilments and cancellations reach Vendure once, and only what can be open."""

from dataclasses import replace
from decimal import Decimal

from ..data import LotQuantity, ReportedLine
from ..errors import KeptAsTold, Misconfigured, Rejected, RetryLater
from ..testing.fake_channel import Fault
from ..vendure_reports import is_marked, marked
from .vendure_case import VendureCase


class ReportCase(VendureCase):
    """Order 1: three of A-1, five of B-2."""

    def setUp(self) -> None:
        """Place it."""
        super().setUp()
        self.first, self.second = self.shop.add_order("1")
        self.order = self.shop.books.orders["1"]


class TestShipments(ReportCase):
    """A fulfilment is made, marked as ours, and moved to Shipped."""

    def test_what_vendure_is_told(self) -> None:
        """Carrier and tracking; the delivery's id ends the method."""
        self.connector.report_shipment(self.shipment({self.first: 2}, "WH/OUT/7"))
        [parcel] = self.order["fulfillments"]
        self.assertEqual(
            ("Example Post · WH/OUT/7", "T1", "Shipped", "PartiallyShipped"),
            (
                parcel["method"],
                parcel["trackingCode"],
                parcel["state"],
                self.order["state"],
            ),
        )
        self.assertEqual(Decimal(8), self.shop.books.shown("A-1", "main"))

    def test_line_in_two_lots_is_one(self) -> None:
        """Vendure checks each row by itself: two would pass and ship too much."""
        lots = tuple(
            ReportedLine(
                order_line_id=self.first,
                quantity=Decimal(number),
                lots=(LotQuantity(name=f"L{number}", quantity=Decimal(number)),),
            )
            for number in (1, 2)
        )
        self.connector.report_shipment(replace(self.shipment({}), lines=lots))
        [parcel] = self.order["fulfillments"]
        self.assertEqual([{"orderLineId": self.first, "quantity": 3}], parcel["lines"])

    def test_two_parcels_of_one_line(self) -> None:
        """Their ids tell them apart, also where one ends like the other."""
        for id_ in ("OUT/1", "WH/OUT/1"):
            self.connector.report_shipment(self.shipment({self.first: 1}, id_))
        self.connector.report_shipment(self.shipment({self.first: 1}, "OUT/1"))
        self.assertEqual(2, len(self.order["fulfillments"]))

    def test_shipment_without_its_second_half_is_completed(self) -> None:
        """The fulfilment was made, moving it to Shipped failed."""
        shipment = self.shipment({self.first: 3})
        self.shop.transport.faults = [None, None, Fault.DOWN]
        with self.assertRaises(RetryLater):
            self.connector.report_shipment(shipment)
        self.assertEqual("Pending", self.order["fulfillments"][0]["state"])
        self.connector.report_shipment(shipment)
        [parcel] = self.order["fulfillments"]
        self.assertEqual("Shipped", parcel["state"])

    def test_delivered_meanwhile_is_left_alone(self) -> None:
        """Staff moved it on; there is no way back, and none is wanted."""
        shipment = self.shipment({self.first: 3})
        self.connector.report_shipment(shipment)
        parcel = self.order["fulfillments"][0]
        parcel.update(state="Delivered", nextStates=["Cancelled"])
        self.connector.report_shipment(shipment)
        self.assertEqual("Delivered", parcel["state"])

    def test_correction_is_kept_as_told(self) -> None:
        """Vendure has no way to change a tracking code; the same one is no change."""
        shipment = self.shipment({self.first: 3})
        self.connector.report_shipment(shipment)
        again = replace(shipment, revision=1, corrects=True)
        self.connector.report_shipment(again)
        for changed in (
            replace(again, tracking="T2"),
            replace(again, carrier="Other Post"),
        ):
            with self.assertRaises(KeptAsTold):
                self.connector.report_shipment(changed)
        self.assertEqual(1, len(self.order["fulfillments"]))

    def test_correction_of_what_vendure_never_had(self) -> None:
        """It is made with what is right now."""
        shipment = replace(self.shipment({self.first: 3}), corrects=True, tracking="T2")
        self.connector.report_shipment(shipment)
        self.assertEqual("T2", self.order["fulfillments"][0]["trackingCode"])

    def test_fulfilment_cancelled_there_is_not_made_again(self) -> None:
        """Someone in the shop decided otherwise: a person must look."""
        shipment = self.shipment({self.first: 1})
        self.connector.report_shipment(shipment)
        self.order["fulfillments"][0]["state"] = "Cancelled"
        with self.assertRaises(Rejected) as caught:
            self.connector.report_shipment(shipment)
        self.assertEqual("fulfillment_canceled", caught.exception.code)

    def test_refusals_have_vendures_code(self) -> None:
        """More than is open, more than lies there, part of a unit."""
        for quantity, code in (
            ("4", "ITEMS_ALREADY_FULFILLED_ERROR"),
            ("3", "INSUFFICIENT_STOCK_ON_HAND_ERROR"),
            ("0.5", "fraction"),
        ):
            self.shop.books.levels["A-1", "main"].quantity = Decimal(2)
            line = ReportedLine(order_line_id=self.first, quantity=Decimal(quantity))
            with self.subTest(code), self.assertRaises(Rejected) as caught:
                self.connector.report_shipment(
                    replace(self.shipment({}), lines=(line,))
                )
            self.assertEqual(code, caught.exception.code)

    def test_handler_of_the_shop(self) -> None:
        """Another one may be entered; one that is not there needs a person."""
        self.shop.handlers = {"post"}
        with self.assertRaises(Misconfigured) as caught:
            self.connector.report_shipment(self.shipment({self.first: 1}))
        self.assertEqual("fulfillment_handler", caught.exception.field)
        self.connector.config = {**self.connector.config, "fulfillment_handler": "post"}
        self.connector.report_shipment(self.shipment({self.first: 1}))
        self.assertEqual(1, len(self.order["fulfillments"]))

    def test_shop_with_steps_of_its_own(self) -> None:
        """Where Shipped is not what comes next, the shop moves it on by itself."""
        self.connector.report_shipment(self.shipment({self.first: 1}))
        parcel = self.order["fulfillments"][0]
        parcel.update(state="Packed", nextStates=["HandedOver"])
        self.connector.report_shipment(self.shipment({self.first: 1}))
        self.assertEqual("Packed", parcel["state"])

    def test_mark_survives_a_long_carrier(self) -> None:
        """Some databases cut at 255 characters."""
        text = marked("x" * 400, "WH/OUT/7")
        self.assertEqual(255, len(text))
        self.assertTrue(is_marked(text, "WH/OUT/7"))
        self.assertFalse(is_marked(text, "OUT/7"))
        self.assertFalse(is_marked(None, "OUT/7"))


class TestCancellations(ReportCase):
    """Open units go, alone or with the whole order."""

    def cancels(self) -> list[dict[str, object]]:
        """Return what was cancelled, in order."""
        return list(self.shop.books.cancellations.values())

    def test_part_of_a_line(self) -> None:
        """The rest stays, and the delivery is still charged."""
        self.connector.report_cancel(self.cancellation({self.first: 2}))
        [cancel] = self.cancels()
        self.assertEqual(
            (False, "Out of stock · C1"), (cancel["cancelShipping"], cancel["reason"])
        )
        self.assertEqual(2, self.line(self.first).cancelled_quantity)

    def test_whole_order(self) -> None:
        """With its delivery charge; told again it is done already."""
        cancellation = self.cancellation({self.first: 3, self.second: 5})
        self.connector.report_cancel(cancellation)
        self.connector.report_cancel(cancellation)
        [cancel] = self.cancels()
        self.assertEqual(True, cancel["cancelShipping"])
        self.assertTrue(self.fetched().cancelled)

    def test_rest_of_an_order_of_which_part_has_left(self) -> None:
        """What has left was delivered, so its delivery stays charged."""
        self.connector.report_shipment(self.shipment({self.first: 3}))
        self.connector.report_cancel(self.cancellation({self.second: 5}))
        [cancel] = self.cancels()
        self.assertEqual(False, cancel["cancelShipping"])

    def test_what_has_left_is_never_taken_back(self) -> None:
        """Vendure would put it on its stock and call it cancelled."""
        self.connector.report_shipment(self.shipment({self.first: 2}))
        with self.assertRaises(Rejected) as caught:
            self.connector.report_cancel(self.cancellation({self.first: 2}))
        self.assertEqual("not_open", caught.exception.code)
        self.connector.report_cancel(self.cancellation({self.first: 1}))
        order, returns = self.told(self.connector.fetch_order("1"))
        self.assertEqual([], returns)
        self.assertEqual(Decimal("22.30"), order.total)

    def test_rest_of_a_line_that_left_in_part_raises_vendures_stock(self) -> None:
        """A fault of Vendure's own; reading back finds it, telling again mends it."""
        self.connector.report_shipment(self.shipment({self.first: 2}))
        self.assertEqual(Decimal(8), self.shop.books.shown("A-1", "main"))
        self.connector.report_cancel(self.cancellation({self.first: 1}))
        [observed] = self.connector.fetch_quantities([self.key])
        self.assertEqual(Decimal(9), observed.quantity)
        self.push((self.key, "8"))
        [observed] = self.connector.fetch_quantities([self.key])
        self.assertEqual(Decimal(8), observed.quantity)

    def test_two_cancellations_of_one_line(self) -> None:
        """The second one is no repeat of the first."""
        self.connector.report_cancel(self.cancellation({self.first: 1}, "C1"))
        self.connector.report_cancel(self.cancellation({self.first: 1}, "C2"))
        self.connector.report_cancel(self.cancellation({self.first: 1}, "C1"))
        self.assertEqual(2, self.line(self.first).cancelled_quantity)

    def test_repeat_is_found_behind_many_others(self) -> None:
        """The history is read to its end."""
        self.connector.report_cancel(self.cancellation({self.first: 1}))
        for _number in range(120):
            self.shop._note("1", "ORDER_CANCELLATION", {"lines": [], "reason": "x"})
        self.connector.report_cancel(self.cancellation({self.first: 1}))
        self.assertEqual(1, self.line(self.first).cancelled_quantity)

    def test_order_that_the_shop_cancelled_first(self) -> None:
        """Then nothing is left to tell."""
        self.shop.cancel("1", {self.first: 3, self.second: 5})
        self.connector.report_cancel(self.cancellation({self.first: 3}))
        self.assertEqual(1, len(self.cancels()))
