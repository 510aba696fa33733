"""Shops that sell only what they show: how much they can oversell (PROOF, R10)."""

import logging
import random
from datetime import UTC, datetime
from decimal import Decimal

from odoo.tests import tagged

from .oversell_common import OversellCase, ShopCase

_logger = logging.getLogger(__name__)

STEPS = 60
SEEDS = (1, 2, 3)


class Customers:
    """People who buy what a shop shows; the hub hears of it by webhook, or polls.

    :param case: the test.
    :param name: starts the ids of the orders.
    """

    def __init__(self, case, dice, shop, channel, name):
        self.case, self.dice, self.shop = case, dice, shop
        self.channel, self.name = channel, name
        self.sold = self.orders = 0
        self.waiting = []
        # Sold elsewhere and not in the number this shop shows.
        self.unseen = 0
        self.risked = 0

    def buy(self):
        """Buy some of what is shown, if anything is; returns how many."""
        shown = int(self.shop.books.shown("DESK", "main"))
        if shown < 1:
            return 0
        quantity = self.dice.randint(1, min(shown, 3))
        self.shop.books.sell("DESK", "main", Decimal(quantity))
        self.orders += 1
        self.sold += quantity
        self.risked += min(quantity, self.unseen)
        data = self.case.order_data(
            f"{self.name}{self.orders}",
            lines=[self.case.line_data("1", "DESK", quantity)],
            placed_at=datetime.now(UTC).isoformat(),
        )
        self.shop.books.orders[data["id"]] = data
        self.waiting.append(data)
        return quantity

    def tell(self):
        """Deliver the webhooks that are still on their way."""
        for data in self.waiting:
            self.case.deliver("order.updated", data, channel=self.channel)
        self.waiting.clear()


@tagged("post_install", "-at_install")
class TestOneShop(ShopCase):
    def test_one_shop_alone_never_oversells(self):
        """Whatever is late, lost or repeated on the way."""
        for seed in SEEDS:
            with self.subTest(seed=seed):
                self.run_history(random.Random(seed))

    def run_history(self, dice):
        customers = Customers(self, dice, self.shop, self.channel, f"{dice.random()}-")
        received = 0
        steps = {
            customers.buy: 6,
            customers.tell: 2,
            self.run_inbox: 2,
            self.run_compute: 3,
            self.run_publish: 4,
            self.run_poll: 2,
        }
        for _step in range(STEPS):
            self.pass_time(dice.randint(1, 40))
            if dice.random() < 0.1:
                quantity = dice.randint(1, 4)
                self.receive(self.product, quantity)
                received += quantity
            dice.choices(list(steps), list(steps.values()))[0]()
        customers.tell()
        self.run_all()
        _logger.info("%s of %s desks sold alone", customers.sold, received)
        self.assertLessEqual(customers.sold, received)
        self.assertGreater(customers.sold, 0)
        self.assertFalse(self.oversold())
        # The next history starts with an empty shelf and shop.
        self.empty_shelf()
        self.run_poll()
        self.run_all()
        self.assertEqual(self.shown(), 0)


@tagged("post_install", "-at_install")
class TestTwoShops(OversellCase):
    def setUp(self):
        super().setUp()
        self.received = 0

    def test_what_two_shops_oversell_was_sold_before_they_were_told(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                self.run_history(random.Random(seed))

    def run_history(self, dice):
        stem = f"{dice.random()}-"
        one = Customers(self, dice, self.shop, self.channel, f"{stem}A")
        two = Customers(self, dice, self.other_shop, self.other, f"{stem}B")
        received = found = 0
        for _step in range(STEPS // 2):
            self.pass_time(dice.randint(1, 40))
            if dice.random() < 0.15:
                quantity = dice.randint(1, 3)
                self.receive(self.product, quantity)
                received += quantity
            for customers, others in ((one, two), (two, one)):
                if dice.random() < 0.5:
                    others.unseen += customers.buy()
            if dice.random() < 0.4:
                self.settle_all(one, two)
                missing = max(one.sold + two.sold - received, 0)
                self.assertEqual(self.missing(), [missing] if missing else [])
                found = max(found, missing)
                self.assertLessEqual(missing, one.risked + two.risked)
        self.settle_all(one, two)
        _logger.info(
            "%s + %s of %s desks sold, %s at most oversold, %s at risk",
            one.sold,
            two.sold,
            received,
            found,
            one.risked + two.risked,
        )
        self.assertGreater(one.sold + two.sold, 0)
        self.empty_shelf()
        self.settle_all(one, two)
        self.assertEqual((self.missing(), self.shown()), ([], 0))

    def settle_all(self, one, two):
        """Let everybody know of everything: nothing is unseen from here on."""
        one.tell()
        two.tell()
        self.run_inbox()
        for _round in range(2):
            self.run_poll()
            self.run_poll(self.other)
            self.publish_all()
        one.unseen = two.unseen = 0

    def missing(self):
        """Return how much each open exception says is missing."""
        found = self.oversold().filtered(lambda one: one.state == "open")
        return found.mapped("shortage_qty")
