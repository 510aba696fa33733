import random

from odoo.tests import tagged

from .test_order_plan import OTHER_ADDRESS, PlanCase


@tagged("post_install", "-at_install")
class TestAnyOrder(PlanCase):
    """Events of one order in any order, and twice, end as the newest alone (R3)."""

    SEEDS = range(20)
    ARRIVALS = 10

    def make_history(self, dice):
        """Return up to four versions of one order."""
        return [
            self.make_version(dice, version)
            for version in range(1, dice.choice([2, 2, 2, 3, 4]) + 1)
        ]

    def make_version(self, dice, version):
        ids = ["1", *dice.sample(["2"], dice.randint(0, 1))]
        lines = [
            self.line_data(
                line_id,
                dice.choice(["DESK", "LAMP"]),
                quantity := dice.randint(1, 6),
                location_id=dice.choice(["main", "south"]),
                cancelled_quantity=str(dice.choice([0, 0, quantity // 2])),
                unit_price=dice.choice(["10.00", "12.50"]),
                tax_rate=dice.choice([None, "21"]),
            )
            for line_id in ids
        ]
        return {
            "version": version,
            "lines": lines,
            "status": dice.choice(["open", "open", "open", "cancelled"]),
            "shipping": dice.choice(
                [[], [{"id": "s", "title": "Post", "amount": "4.50"}]]
            ),
            **dice.choice([{}, {"shipping_address": OTHER_ADDRESS}]),
        }

    def outcome(self, order):
        """Return all that matters of an order; of one that is gone, that it is."""
        moves = order.sale_order_id.order_line.move_ids
        self.assertFalse(moves.origin_returned_move_id)
        self.assertFalse(order.exception_ids.filtered(lambda e: e.field != "total"))
        self.assertFalse(any(order.line_ids.mapped("in_flight_qty")))
        wanted = {
            (line.external_id, line.sku): (line.ordered_qty - line.cancelled_qty)
            for line in order.line_ids
            if line.ordered_qty > line.cancelled_qty
        }
        if order.sale_order_id.state in (False, "cancel"):
            self.assertFalse(self.open_moves(order))
            return (order.state, wanted)
        return (
            order.state,
            wanted,
            self.sale_lines(order),
            self.open_moves(order),
            order.sale_order_id.partner_shipping_id.city,
        )

    def deliver_all(self, order_id, arrivals):
        for number, vals in enumerate(arrivals):
            self.deliver(
                "order.updated",
                self.order_data(order_id, **vals),
                key=f"{order_id}-{number}",
            )

    def check_seed(self, seed):
        """Let one history arrive in several orders, each for an order of its own."""
        dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        history = self.make_history(dice)
        self.deliver_all(f"N{seed}", history[-1:])
        all_arrivals = []
        for number in range(self.ARRIVALS):
            arrivals = history + dice.choices(history, k=dice.randint(0, 1))
            dice.shuffle(arrivals)
            all_arrivals.append([vals["version"] for vals in arrivals])
            self.deliver_all(f"P{seed}-{number}", arrivals)
        self.run_inbox()
        expected = self.outcome(self.find_order(f"N{seed}"))
        for number, versions in enumerate(all_arrivals):
            with self.subTest(seed=seed, versions=versions):
                order = self.find_order(f"P{seed}-{number}")
                self.assertEqual(self.outcome(order), expected)

    def test_200_arrivals_end_as_the_newest_alone(self):
        for seed in self.SEEDS:
            self.check_seed(seed)
        moves = self.env["stock.move"].search(
            [("sale_line_id.order_id.stock_channel_id", "=", self.channel.id)]
        )
        for listing in (self.listing, self.lamp_listing):
            for place in (self.place, self.south_place):
                taken = moves.filtered(
                    lambda move, listing=listing, place=place: (
                        move.product_id == listing.product_id
                        and move.location_id in place.location_ids
                        and move.state != "cancel"
                    )
                )
                numbers = self.numbers(listing, place)
                self.assertEqual(numbers["reserved"], sum(taken.mapped("quantity")))
                self.assertEqual((numbers["owed"], numbers["in_flight"]), (0, 0))
