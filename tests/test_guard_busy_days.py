from random import Random

from odoo.tests import tagged

from .guard_common import GuardCase

EVENTS = 40


class BusyDayCase(GuardCase):
    """Ordinary days, generated: whatever is held on one of them is a false alarm."""

    on_hand = 25

    def work_a_day(self, seed):
        """Let a day pass: all within one window, which is harder than a real day."""
        dice = Random(seed)
        edited = self.listings.browse(
            dice.sample(self.listings.ids, min(len(self.listings) - 1, 6))
        )
        happens = [
            self.receive_pallets,
            self.sell_some,
            self.sell_out,
            self.count_shelf,
            self.move_between_shelves,
            self.edit_rule,
            self.map_one_more,
            self.block_one_bin,
            self.reserve_ahead,
        ]
        for number in range(EVENTS):
            dice.choice(happens)(dice, edited, number)
            if dice.random() < 0.5:
                self.run_compute()
            if dice.random() < 0.2:
                self.run_publish()
            if dice.random() < 0.1:
                self.run_sweep()
        self.at_work()
        self.run_sweep()
        self.assert_nothing_held()

    # ------------------------------------------------------------- what happens

    def receive_pallets(self, dice, _edited, _number):
        for product in dice.sample(list(self.products), max(1, self.size // 3)):
            self.receive(product, dice.randint(1, 200), self.shelf)

    def sell_some(self, dice, _edited, _number):
        for product in dice.sample(list(self.products), max(1, self.size // 4)):
            self.receive(product, -dice.randint(1, 3), self.shelf)

    def sell_out(self, dice, _edited, _number):
        for product in dice.sample(list(self.products), max(1, self.size // 10)):
            there = self.env["stock.quant"]._get_available_quantity(
                product, self.shelf, strict=True
            )
            if there > 0:
                self.receive(product, -there, self.shelf)

    def count_shelf(self, dice, _edited, _number):
        for product in dice.sample(list(self.products), max(1, self.size // 5)):
            self.receive(product, dice.choice((-2, -1, 1, 4)), self.shelf)

    def move_between_shelves(self, dice, _edited, _number):
        other = self.bin()
        for product in dice.sample(list(self.products), max(1, self.size // 5)):
            self.receive(product, -1, self.shelf)
            self.receive(product, 1, other)

    def reserve_ahead(self, dice, _edited, _number):
        product = dice.choice(list(self.products))
        self.make_move(product, dice.randint(1, 5), self.stock, self.customers)

    def edit_rule(self, dice, edited, _number):
        """A person at the screen: a few listings, whatever they type."""
        listing = dice.choice(list(edited))
        kind, value = dice.choice(
            [("share", 50), ("cap", 0), ("cap", 5), ("buffer", 2), ("minimum", 3)]
        )
        found = listing.rule_ids.filtered(lambda rule: rule.kind == kind)
        if found:
            found.value = dice.choice((0, value))
        else:
            self.rule(kind, value, listing_id=listing.id)

    def map_one_more(self, dice, _edited, _number):
        product = dice.choice(list(self.products))
        sku = f"TWIN-{len(self.channel.listing_ids)}"
        self.make_listing(self.channel, product, sku)
        self.add_shop_item(sku, "main")

    def block_one_bin(self, dice, _edited, _number):
        self.bin().stock_condition = dice.choice(("damaged", "sellable"))

    def bin(self):
        """Return a bin with a little of few goods."""
        return self.env["stock.location"].search(
            [("name", "=", "Busy Bin"), ("location_id", "=", self.stock.id)], limit=1
        ) or self.env["stock.location"].create(
            {"name": "Busy Bin", "location_id": self.stock.id}
        )


@tagged("post_install", "-at_install")
class TestBusyDaysOfThree(BusyDayCase):
    size = 3

    def test_no_false_alarm(self):
        for seed in range(3):
            with self.subTest(seed=seed):
                self.work_a_day(seed)


@tagged("post_install", "-at_install")
class TestBusyDaysOfTwenty(BusyDayCase):
    size = 20

    def test_no_false_alarm(self):
        for seed in range(10, 12):
            with self.subTest(seed=seed):
                self.work_a_day(seed)


@tagged("post_install", "-at_install")
class TestBusyDayOfTwoHundred(BusyDayCase):
    size = 200

    def test_no_false_alarm(self):
        self.work_a_day(20)

    def test_backlog_after_the_jobs_stood_still(self):
        """Everything of the morning is computed in one run, with a small rule."""
        dice = Random(30)
        self.receive_pallets(dice, self.listings, 0)
        self.sell_some(dice, self.listings, 1)
        self.rule("buffer", 1)
        self.count_shelf(dice, self.listings, 2)
        self.at_work()
        self.assert_nothing_held()
