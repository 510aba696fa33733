"""What one order of Shopify means: money, quantities, places, people."""

import unittest
from decimal import Decimal
from typing import Any

from ..data import ChargeKind, OrderLine, OrderSnapshot, PaymentStatus
from ..errors import BadPayload
from ..shopify_order import parse_order
from ..shopify_payload import wrap
from ..strict_json import load
from ..testing.shopify_sale import MAIN, SHOP, Fate, Sale, cents, gid

Row = dict[str, Any]


def read(sale: Sale, **changes: Any) -> OrderSnapshot:
    """Return what is read of a sale, some of its fields changed."""
    return parse_order(load(wrap({**sale.order(), **changes}).raw))


def quantities(order: OrderSnapshot) -> list[tuple[int, int, int]]:
    """Return (ordered, cancelled, fulfilled) per line."""
    return [
        (int(x.quantity), int(x.cancelled_quantity), int(x.fulfilled_quantity))
        for x in order.lines
    ]


class TestQuantities(unittest.TestCase):
    """Cancelled releases stock, refunded after shipping does not."""

    def partly_shipped(self) -> Sale:
        """Return a sale of five, two of which have left."""
        sale = Sale([(1000, 5, 0)])
        sale.ship(0, 2)
        return sale

    def test_refund_before_shipping_cancels(self) -> None:
        """Restocked at once or not: it will not leave."""
        for kind in ("CANCEL", "NO_RESTOCK"):
            sale = self.partly_shipped()
            sale.cancel(0, 1, kind)
            self.assertEqual([(5, 1, 2)], quantities(read(sale)), kind)

    def test_refund_after_shipping_cancels_nothing(self) -> None:
        """The goods were sold, whatever comes back."""
        for kind in ("RETURN", "NO_RESTOCK", "LEGACY_RESTOCK"):
            sale = self.partly_shipped()
            sale.refund(0, 1, kind)
            self.assertEqual([(5, 0, 2)], quantities(read(sale)), kind)

    def test_both_at_once(self) -> None:
        """One of each, under the same word."""
        sale = self.partly_shipped()
        sale.refund(0, 1, "NO_RESTOCK")
        sale.cancel(0, 2, "NO_RESTOCK")
        self.assertEqual([(5, 2, 2)], quantities(read(sale)))

    def test_edit_without_refund(self) -> None:
        """Units that an edit took off an unpaid order."""
        sale = self.partly_shipped()
        sale.remove(0, 2)
        self.assertEqual([(5, 2, 2)], quantities(read(sale)))

    def test_places_not_shown(self) -> None:
        """Then a return says so itself, and in doubt a unit must not leave."""
        for kind, cancelled in (("RETURN", 0), ("NO_RESTOCK", 1)):
            sale = self.partly_shipped()
            sale.shows_places = False
            sale.refund(0, 1, kind)
            self.assertEqual([(5, cancelled, 2)], quantities(read(sale)), kind)

    def test_more_refunded_than_left(self) -> None:
        """What never left must have been cancelled, whatever it is called."""
        sale = self.partly_shipped()
        sale.shows_places = False
        sale.cancel(0, 3, "RETURN")
        self.assertEqual([(5, 1, 2)], quantities(read(sale)))

    def test_part_of_the_places_shown_cancels_nothing(self) -> None:
        """A fulfilment order we may not see is no cancellation."""
        order = read(self.partly_shipped(), fulfillmentOrders=[])
        self.assertEqual([(5, 0, 2)], quantities(order))
        sale = Sale([(1000, 5, 0)])
        place = sale.order()["fulfillmentOrders"][0]
        place["lineItems"][0]["remainingQuantity"] = 1
        self.assertEqual([(5, 0, 0)], quantities(read(sale, fulfillmentOrders=[place])))

    def test_cancelled_order(self) -> None:
        """Everything that has not left."""
        sale = self.partly_shipped()
        sale.cancel_all()
        order = read(sale)
        self.assertEqual((True, [(5, 3, 2)]), (order.cancelled, quantities(order)))

    def test_parcel_that_failed_is_none(self) -> None:
        """Only what has left counts as shipped."""
        sale = self.partly_shipped()
        for status in ("CANCELLED", "FAILURE", "ERROR", "PENDING", "OPEN"):
            sale.parcels[0]["status"] = status
            self.assertEqual([(5, 0, 0)], quantities(read(sale)), status)

    def test_no_more_than_ordered_is_shipped(self) -> None:
        """A parcel made by mistake does not break the order."""
        sale = self.partly_shipped()
        sale.parcels[0]["fulfillmentLineItems"][0]["quantity"] = 9
        self.assertEqual([(5, 0, 5)], quantities(read(sale)))


class TestPlaces(unittest.TestCase):
    """One location per line: where most of what is open is planned."""

    def place(self, location: str, left: int, total: int, status: str = "OPEN") -> Row:
        """Return a fulfilment order for the one line."""
        return {
            "id": gid("FulfillmentOrder", f"{location}{left}"),
            "status": status,
            "assignedLocation": {"location": {"id": gid("Location", location)}},
            "lineItems": [
                {
                    "id": gid("FulfillmentOrderLineItem", 1),
                    "totalQuantity": total,
                    "remainingQuantity": left,
                    "lineItem": {"id": gid("LineItem", 10011)},
                }
            ],
        }

    def location(self, *places: Row, sale: Sale | None = None) -> str:
        """Return the location of the line."""
        order = read(sale or Sale([(1000, 5, 0)]), fulfillmentOrders=list(places))
        return order.lines[0].location_id

    def test_larger_open_part_decides(self) -> None:
        """A line that is split over two locations."""
        places = (self.place(MAIN, 2, 2), self.place(SHOP, 3, 3))
        self.assertEqual(SHOP, self.location(*places))
        self.assertEqual(SHOP, self.location(*reversed(places)))

    def test_open_part_beats_what_was_shipped(self) -> None:
        """Four left from one place, the last is to leave from the other."""
        closed = self.place(MAIN, 0, 4, "CLOSED")
        self.assertEqual(SHOP, self.location(closed, self.place(SHOP, 1, 1)))

    def test_closed_and_shipped(self) -> None:
        """Where it was planned, or was shipped from where nothing is shown."""
        closed = self.place(MAIN, 0, 5, "CLOSED")
        self.assertEqual(MAIN, self.location(closed))
        sale = Sale([(1000, 5, 0)])
        sale.ship(0, 5, SHOP)
        self.assertEqual(SHOP, self.location(sale=sale))

    def test_not_assigned(self) -> None:
        """Nothing is said, and nothing is made up."""
        self.assertEqual("", self.location())
        nowhere = {**self.place(MAIN, 5, 5), "assignedLocation": {"location": None}}
        self.assertEqual("", self.location(nowhere))


class TestMoney(unittest.TestCase):
    """In the currency the customer pays in."""

    def test_customers_currency(self) -> None:
        """Not the shop's own, in which every amount is another one."""
        order = read(Sale([(1000, 2, 0)]))
        self.assertEqual("EUR", order.currency)
        self.assertEqual(Decimal("10.00"), order.lines[0].unit_price)
        self.assertEqual(Decimal("24.90"), order.total)

    def test_discounts_of_line_and_order(self) -> None:
        """Both are allocated to the line, off everything that was ever ordered."""
        sale = Sale([(1000, 3, 700)])
        allocations = [
            {"allocatedAmountSet": cents(500)},
            {"allocatedAmountSet": cents(200)},
        ]
        sale.lines[0].extra = {"discountAllocations": allocations}
        self.assertEqual(Decimal("7.00"), read(sale).lines[0].discount)

    def test_discount_is_what_the_refund_left(self) -> None:
        """10.00 off three: the one cancelled took 3.34 or 3.33, Shopify says which."""
        for taken, left in ((334, "9.990000"), (333, "10.005")):
            sale = Sale([(2000, 3, 1000)])
            sale.cancel(0, 1)
            refunded = sale.refunds[0]["refundLineItems"][0]
            refunded["subtotalSet"] = cents(2000 - taken)
            with self.subTest(taken):
                self.assertEqual(Decimal(left), read(sale).lines[0].discount)

    def test_refund_at_another_price_says_nothing(self) -> None:
        """Staff paid back less; that is no discount for the others."""
        sale = Sale([(2000, 3, 1000)])
        sale.cancel(0, 1)
        sale.refunds[0]["refundLineItems"][0]["subtotalSet"] = cents(100)
        self.assertEqual(Decimal(10), read(sale).lines[0].discount)

    def test_refunds_whose_prices_have_no_tax_in_them(self) -> None:
        """In a shop of gross prices the refund of a returned unit is 12.00 all the
        same."""
        for subtotal, tax in ((1200, 200), (1000, 200)):
            sale = Sale([(1200, 2, 0)], inclusive=True)
            sale.ship(0, 2)
            sale.refund(0, 1)
            line = sale.refunds[0]["refundLineItems"][0]
            line.update(subtotalSet=cents(subtotal), totalTaxSet=cents(tax))
            with self.subTest(subtotal):
                self.assertEqual(Decimal("28.90"), read(sale).total)

    def test_tax_rates(self) -> None:
        """Several add up, an exemption is none, and no line means no tax."""
        state = {"rate": Decimal("0.0625"), "priceSet": cents(10)}
        city = {"rate": Decimal("0.02"), "priceSet": cents(3)}
        exempt = {"rate": Decimal("0.2"), "priceSet": cents(0)}
        whole = {"rate": 1, "priceSet": cents(3)}
        for lines, rate in (
            ([state, city], "8.25"),
            ([exempt], "0"),
            ([], "0"),
            ([whole], "100"),
        ):
            sale = Sale([(1000, 1, 0)])
            sale.lines[0].extra = {"taxLines": lines}
            self.assertEqual(Decimal(rate), read(sale).lines[0].tax_rate)

    def test_returned_goods_and_charge_stay_in_the_total(self) -> None:
        """They were sold and delivered; what was paid back is told by the refund."""
        sale = Sale([(1000, 2, 0)], inclusive=False, rate=20, shipping=500)
        sale.ship(0, 2)
        before = read(sale).total
        self.assertEqual(Decimal("30.00"), before)
        sale.refund(0, 1)
        sale.refund_shipping(500)
        self.assertEqual(before, read(sale).total)

    def test_return_that_is_not_refunded_yet(self) -> None:
        """Processed units are off Shopify's total, without any refund."""
        sale = Sale([(1000, 2, 0)], inclusive=False, rate=20, shipping=0)
        sale.ship(0, 2)
        sale.lines[0].take(Fate.SHIPPED, 1, Fate.REFUNDED)
        self.assertEqual(Decimal("24.00"), read(sale).total)

    def test_currency_without_cents(self) -> None:
        """Shares are whole yen."""
        sale = Sale([(100_00, 3, 0)], shipping=0)
        sale.ship(0, 3)
        sale.refund(0, 2)
        order = read(sale, presentmentCurrencyCode="JPY")
        self.assertEqual(("JPY", Decimal(300)), (order.currency, order.total))


class TestCharges(unittest.TestCase):
    """What is charged beside the goods."""

    def charge(self, sale: Sale, **changes: Any) -> Any:
        """Return the last charge."""
        return read(sale, **changes).shipping[-1]

    def line(self, **extra: Any) -> Sale:
        """Return a sale whose second line is another thing."""
        sale = Sale([(1000, 1, 0), (2500, 2, 0)])
        sale.lines[1].extra = extra
        return sale

    def test_delivery(self) -> None:
        """With its tax, before any refund."""
        charge = self.charge(Sale([(1000, 1, 0)], shipping=490, rate=7))
        self.assertEqual(
            (Decimal("4.90"), Decimal(7), ChargeKind.SHIPPING, "Standard", "standard"),
            (charge.amount, charge.tax_rate, charge.kind, charge.title, charge.code),
        )

    def test_gift_card_is_money(self) -> None:
        """Nobody packs it, and it has no stock."""
        sale = self.line(isGiftCard=True, requiresShipping=False)
        self.assertEqual(1, len(read(sale).lines))
        charge = self.charge(sale)
        self.assertEqual(
            (Decimal(50), ChargeKind.FEE, "gift_card", "10012"),
            (charge.amount, charge.kind, charge.code, charge.id),
        )

    def test_tip(self) -> None:
        """A line without item, in an order that has tips."""
        sale = self.line(variant=None, sku=None, requiresShipping=False)
        charge = self.charge(sale, totalTipReceivedSet=cents(5000))
        self.assertEqual(("tip", Decimal(50)), (charge.code, charge.amount))

    def test_service_without_item(self) -> None:
        """Assembly, typed in by hand."""
        sale = self.line(variant=None, sku=None, requiresShipping=False)
        self.assertEqual("", self.charge(sale).code)

    def test_thing_without_item_is_a_line(self) -> None:
        """It has to be packed, and a person has to say what it is."""
        sale = self.line(variant=None, sku=None)
        line = read(sale).lines[1]
        self.assertEqual(("", "", "Walnut shelf"), (line.sku, line.item_id, line.title))

    def test_download_is_a_line(self) -> None:
        """It has a variant that can be mapped."""
        self.assertEqual(2, len(read(self.line(requiresShipping=False)).lines))

    def test_cancelled_gift_card_costs_nothing(self) -> None:
        """Its charge stays, so that the sales order is brought down to it."""
        sale = self.line(isGiftCard=True, requiresShipping=False)
        sale.cancel(1, 2)
        self.assertEqual(Decimal(0), self.charge(sale).amount)

    def test_fees_and_duties(self) -> None:
        """Each with the id and the name that a person can map."""
        fee = {
            "id": gid("AdditionalFee", 5),
            "name": "Eco levy",
            "price": cents(30),
            "taxLines": [],
        }
        order = read(
            Sale([(1000, 1, 0)]),
            additionalFees=[fee],
            currentTotalDutiesSet=cents(700),
        )
        self.assertEqual(
            [("fee-5", "Eco levy", Decimal("0.30")), ("duties", "Duties", Decimal(7))],
            [(c.id, c.title, c.amount) for c in order.shipping[1:]],
        )
        included = read(
            Sale([(1000, 1, 0)]),
            currentTotalDutiesSet=cents(700),
            dutiesIncluded=True,
        )
        self.assertEqual(1, len(included.shipping))


class TestFields(unittest.TestCase):
    """Ids, people, payment."""

    def test_payment(self) -> None:
        """As far as the money is there."""
        for word, status in (
            ("PENDING", PaymentStatus.UNPAID),
            ("AUTHORIZED", PaymentStatus.AUTHORIZED),
            ("PARTIALLY_PAID", PaymentStatus.UNPAID),
            ("PAID", PaymentStatus.PAID),
            ("PARTIALLY_REFUNDED", PaymentStatus.PAID),
            ("REFUNDED", PaymentStatus.REFUNDED),
            ("VOIDED", PaymentStatus.UNPAID),
            ("EXPIRED", PaymentStatus.UNPAID),
            (None, None),
            ("SOMETHING_NEW", None),
        ):
            order = read(Sale([(1, 1, 0)]), displayFinancialStatus=word)
            self.assertEqual(status, order.payment_status, word)

    def test_payment_reference(self) -> None:
        """Of the payment that went through, not of a failed one or a refund."""
        rows = [
            {"id": gid("OrderTransaction", i), "kind": k, "status": s, "paymentId": p}
            for i, (k, s, p) in enumerate(
                (
                    ("SALE", "FAILURE", "a.1"),
                    ("REFUND", "SUCCESS", "b.1"),
                    ("AUTHORIZATION", "SUCCESS", None),
                    ("SALE", "SUCCESS", "c.1"),
                    ("SALE", "SUCCESS", "d.1"),
                ),
                1,
            )
        ]
        self.assertEqual(
            "c.1", read(Sale([(1, 1, 0)]), transactions=rows).payment_reference
        )

    def test_ids_are_plain_numbers(self) -> None:
        """As the webhooks and the shop's pages show them."""
        order = read(Sale([(1000, 1, 0)]))
        line: OrderLine = order.lines[0]
        self.assertEqual(
            ("1001", "#1001", "10011", "510011", MAIN, "42"),
            (
                order.id,
                order.name,
                line.id,
                line.item_id,
                line.location_id,
                order.customer.id,
            ),
        )

    def test_customer_and_address(self) -> None:
        """Codes for country and state, the company before the name."""
        order = read(Sale([(1, 1, 0)]))
        address = order.shipping_address
        assert address is not None
        self.assertEqual(
            ("Engines, Ada Lovelace", "GB", "ENG", "SW1Y 4JH"),
            (address.name, address.country, address.state, address.zip),
        )
        self.assertIsNone(order.billing_address)
        self.assertEqual(
            ("Ada Lovelace", "ada@example.com", "+44 20 7946 0000"),
            (order.customer.name, order.customer.email, order.customer.phone),
        )

    def test_nobody_known(self) -> None:
        """A guest, or an app without the right to see who it is."""
        order = read(Sale([(1, 1, 0)]), customer=None, email=None, shippingAddress=None)
        self.assertEqual(
            ("", "", ""), (order.customer.id, order.customer.email, order.customer.name)
        )

    def test_nonsense_is_refused_by_its_path(self) -> None:
        """And no value of a person stands in the text."""
        sale = Sale([(1000, 1, 0)])
        for path, changes in (
            ("order.processedAt", {"processedAt": "yesterday"}),
            ("order.lineItems", {"lineItems": None}),
            (
                "order.lineItems.0.quantity",
                {"lineItems": [{"id": "7", "quantity": -1}]},
            ),
            ("order.email", {"email": 5}),
            ("order.taxesIncluded", {"taxesIncluded": "yes"}),
            ("order.currentTotalPriceSet", {"currentTotalPriceSet": None}),
        ):
            with self.subTest(path), self.assertRaises(BadPayload) as caught:
                read(sale, **changes)
            self.assertEqual(path, caught.exception.field)
