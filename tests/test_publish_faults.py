import json
import random
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

from odoo import api
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.connectors.testing.fake_channel import Fault

from .clock import ClockCase

PUBLISH_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_publish"
BURST = 6


class CatalogueCase(ClockCase):
    """A dozen items, small batches and a clock that moves when told."""

    batch_size = 5
    size = 12

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.skus = [f"ITEM-{number:02}" for number in range(cls.size)]
        cls.products = [cls.make_product(sku, sku) for sku in cls.skus]
        cls.listings = [
            cls.make_listing(cls.channel, product, sku)
            for product, sku in zip(cls.products, cls.skus, strict=True)
        ]

    def setUp(self):
        self.set_capabilities(batch_size=self.batch_size)
        super().setUp()
        for sku in self.skus:
            self.add_shop_item(sku, "main")
        for product in self.products:
            self.receive(product, 10)
        self.run_all()
        self.assertEqual({self.shown(sku) for sku in self.skus}, {10})

    def set_capabilities(self, **changes):
        patcher = patch.object(
            RestConnector,
            "capabilities",
            replace(RestConnector.capabilities, **changes),
        )
        patcher.start()
        self.addCleanup(patcher.stop)

    def change(self, *quantities):
        """Change the stock of the first items by so much each."""
        for product, quantity in zip(self.products, quantities, strict=False):
            self.receive(product, quantity)
        self.run_compute()

    def writes(self):
        """Return the numbers sent so far: one list of levels per call."""
        return [
            json.loads(call.body)["data"]["levels"]
            for call in self.shop.transport.calls
            if call.method == "POST"
        ]

    def rows(self):
        return self.env["stock.channel.publication"].search(
            [("channel_id", "=", self.channel.id)]
        )

    @contextmanager
    def seeded(self, seed):
        """Let every draw, those of the retry schedule too, follow from a seed."""
        state = random.getstate()
        random.seed(seed)
        try:
            yield random.Random(seed)
        finally:
            random.setstate(state)


def draw_faults(rng, count):
    """Return what happens to the next calls, at the rates of R7."""
    faults = []
    while len(faults) < count:
        draw = rng.random()
        if draw < 0.10:
            faults.append(Fault.BROKEN)
        elif draw < 0.15:
            faults.append(Fault.LOST_ANSWER)
        elif draw < 0.20:
            faults.append(Fault.REFUSED)
        elif draw < 0.22:
            faults += [Fault.RATE_LIMIT] * BURST
        else:
            faults.append(None)
    return faults


@tagged("post_install", "-at_install")
class TestConvergence(CatalogueCase):
    """R7: two periods after the faults stop the channel shows what is available."""

    def period(self):
        """Let a minute pass; whatever has work is woken at once, and so is polling."""
        for _part in range(3):
            self.run_poll()
            self.run_inbox()
            self.run_compute()
            self.run_publish()
            self.pass_time(20)

    def disturb(self, rng, number):
        """Move stock, and let the shop sell without telling."""
        for product in rng.sample(self.products, 4):
            self.receive(product, rng.choice((-2, -1, 1, 3, 6)))
        for sku in rng.sample(self.skus, 2):
            if self.shown(sku) >= 1:
                order_id = f"{number}-{sku}"
                self.shop.books.sell(sku, "main", Decimal(1))
                self.shop.books.orders[order_id] = self.order_data(
                    order_id, lines=[self.line_data("1", sku, 1)]
                )

    def converge(self, seed):
        with self.seeded(seed) as rng:
            self.shop.transport.faults = draw_faults(rng, 2000)
            for number in range(6):
                self.disturb(rng, f"{seed}-{number}")
                self.period()
            met = Counter(self.shop.transport.faults)
            self.assertGreater(met[None], 0, "the faults lasted to the end")
            self.shop.transport.faults = []
            self.period()
            self.period()
        computed = {
            listing.sku: self.numbers(listing)["wire"] for listing in self.listings
        }
        shown = {sku: self.shown(sku) for sku in self.skus}
        self.assertEqual(shown, computed)
        self.assertEqual(set(self.rows().mapped("state")), {"clean"})
        orders = self.env["stock.channel.order"].search(
            [("channel_id", "=", self.channel.id)]
        )
        self.assertEqual(len(orders), len(self.shop.books.orders))

    @mute_logger(PUBLISH_LOGGER)
    def test_r7_with_compare_and_set(self):
        for seed in (7, 71):
            with self.subTest(seed=seed):
                self.converge(seed)

    @mute_logger(PUBLISH_LOGGER)
    def test_r7_behind_the_fence(self):
        self.set_capabilities(batch_size=self.batch_size, compare_and_set=False)
        for seed in (8, 81):
            with self.subTest(seed=seed):
                self.converge(seed)

    @mute_logger(PUBLISH_LOGGER)
    def test_r7_without_reading_back(self):
        self.set_capabilities(
            batch_size=self.batch_size, compare_and_set=False, read_back=False
        )
        for seed in (9, 91):
            with self.subTest(seed=seed):
                self.converge(seed)


@tagged("post_install", "-at_install")
class TestOrderOfNumbers(CatalogueCase):
    """R8: the channel never sees a lower sequence after a higher one."""

    batch_size = 10
    size = 32
    workers = 4
    goal = 1000

    def step(self, channel, connector, at_work, worker):
        """Let one worker take its next step: claim, call, or record."""
        if worker not in at_work:
            claimed = channel._in_transaction(channel._claim_batch)
            if claimed and claimed[1]:
                at_work[worker] = (*claimed, None)
            return
        push, updates, results = at_work[worker]
        if results is None:
            numbers = [update for _row_id, update in updates]
            results = connector.publish(numbers, push.idempotency_key)
            at_work[worker] = (push, updates, results)
        else:
            channel._in_transaction(lambda: channel._batch_done(push, updates, results))
            del at_work[worker]

    def test_r8_no_going_back_with_interleaved_claims(self):
        rng = random.Random(8)
        most, at_work = 0, {}
        with self.registry.cursor() as cr:
            channel = self.channel.with_env(api.Environment(cr, self.uid, {}))
            connector = channel._connector()
            while sum(len(levels) for levels in self.writes()) < self.goal:
                channel._in_transaction(lambda: self.raise_all(channel))
                for _step in range(16):
                    self.step(channel, connector, at_work, rng.randrange(self.workers))
                    most = max(most, len(at_work))
        self.env.invalidate_all()
        self.assertGreater(most, 1)
        last = {}
        for level in (level for levels in self.writes() for level in levels):
            place = (level["sku"], level["location_id"])
            self.assertGreater(level["sequence"], last.get(place, 0))
            last[place] = level["sequence"]
        self.assertEqual(last.keys(), {(sku, "main") for sku in ("DESK", *self.skus)})

    def raise_all(self, channel):
        """Put one more of everything on the shelves, past the hooks."""
        channel.env.cr.execute(
            "UPDATE stock_quant SET quantity = quantity + 1 WHERE product_id = ANY(%s)",
            [[product.id for product in self.products]],
        )
        channel.env["stock.channel.publication"]._refresh(
            channel.listing_ids, "stock", channel.env.cr.now()
        )


@tagged("post_install", "-at_install")
class TestPoliteness(CatalogueCase):
    """R14 and the rest of item 3: what is sent when, in which order, how often."""

    @mute_logger(PUBLISH_LOGGER)
    def test_retry_after_is_honoured_within_a_second(self):
        self.change(5)
        self.shop.transport.faults = [Fault.RATE_LIMIT]
        before = self.env.cr.now()
        self.run_publish()
        wait = self.channel.next_attempt_at - before
        self.assertGreaterEqual(wait, timedelta(seconds=7))
        self.assertLess(wait, timedelta(seconds=8))
        calls = len(self.shop.transport.calls)
        self.go_to(self.channel.next_attempt_at - timedelta(milliseconds=1))
        self.run_publish()
        self.assertEqual(len(self.shop.transport.calls), calls)
        self.go_to(self.channel.next_attempt_at)
        self.run_publish()
        self.assertEqual(self.shown("ITEM-00"), 15)

    @mute_logger(PUBLISH_LOGGER)
    def test_job_runs_again_at_the_moment_it_may(self):
        """A trigger before that moment would be used up for nothing."""
        self.change(5)
        self.shop.transport.faults = [Fault.RATE_LIMIT]
        self.run_publish()
        triggers = self.env["ir.cron.trigger"].search(
            [("cron_id", "=", self.channel.publish_cron_id.id)]
        )
        self.assertEqual(
            triggers.filtered(lambda t: t.call_at > self.env.cr.now()).mapped(
                "call_at"
            ),
            [self.channel.next_attempt_at],
        )

    @mute_logger(PUBLISH_LOGGER)
    def test_catch_up_after_a_long_outage_is_no_flood(self):
        """Every number once, the newest, in full batches."""
        with self.seeded(3):
            self.shop.transport.always = Fault.REFUSED
            before = len(self.shop.transport.calls)
            for run in range(80):
                if run % 16 == 0:
                    self.change(*[1] * self.size)
                self.run_publish()
                self.pass_time(15)
            tries = len(self.shop.transport.calls) - before
            self.assertLess(tries, 50)
            self.shop.transport.always = None
            self.go_to(self.channel.next_attempt_at)
            already = len(self.writes())
            self.run_publish()
        batches = self.writes()[already:]
        self.assertEqual([len(batch) for batch in batches], [5, 5, 2])
        sent = Counter(level["sku"] for batch in batches for level in batch)
        self.assertEqual(sent, Counter(self.skus))
        self.assertEqual(
            {level["quantity"] for batch in batches for level in batch}, {"15"}
        )

    def test_falls_then_scarce_then_the_rest_within_one_budget(self):
        self.set_capabilities(batch_size=2)
        self.change(-1, 40, -10, 2, 1)
        already = len(self.writes())
        self.run_publish()
        order = [
            (level["sku"], level["quantity"])
            for batch in self.writes()[already:]
            for level in batch
        ]
        self.assertEqual(
            order,
            [
                ("ITEM-02", "0"),
                ("ITEM-00", "9"),
                ("ITEM-04", "11"),
                ("ITEM-03", "12"),
                ("ITEM-01", "50"),
            ],
        )

    @mute_logger(PUBLISH_LOGGER)
    def test_keys_differ_per_push_and_follow_from_it(self):
        self.change(1)
        self.shop.transport.faults = [Fault.BROKEN]
        self.run_publish()
        self.go_to(self.channel.next_attempt_at)
        self.run_publish()
        keys = [
            call.headers["idempotency-key"]
            for call in self.shop.transport.calls
            if call.method == "POST"
        ]
        self.assertEqual(len(keys), len(set(keys)))
        pushes = self.env["stock.channel.push"].search(
            [("channel_id", "=", self.channel.id)], order="id"
        )
        self.assertEqual(keys, pushes.mapped("idempotency_key"))

    def test_key_of_a_push_is_stable_and_bound_to_the_database(self):
        self.change(1)
        with self.registry.cursor() as cr:
            channel = self.channel.with_env(api.Environment(cr, self.uid, {}))
            push, updates = channel._in_transaction(channel._claim_batch)
            numbers = [update for _row_id, update in updates]
            key = push.idempotency_key
            push._set_key(numbers)
            self.assertEqual(push.idempotency_key, key)
            push._set_key([replace(numbers[0], quantity=Decimal(3))])
            self.assertNotEqual(push.idempotency_key, key)
            channel.env["ir.config_parameter"].set_param("database.uuid", "copy")
            push._set_key(numbers)
            self.assertNotEqual(push.idempotency_key, key)

    def test_rows_of_many_dead_workers_are_read_back_without_waiting(self):
        """Only one batch of them was, and the others waited for the next minute."""
        self.change(*[1] * self.size)
        with self.registry.cursor() as cr:
            channel = self.channel.with_env(api.Environment(cr, self.uid, {}))
            for _worker in range(3):
                channel._in_transaction(channel._claim_batch)
        self.env.invalidate_all()
        self.pass_time(301)
        models = type(self.env["stock.channel"])
        wake, runs, count = models._wake_publishers, [], 0

        def spy(channels):
            if channels:
                runs.append(channels)
            return wake(channels)

        for _run in range(9):
            count += 1
            runs.clear()
            with patch.object(models, "_wake_publishers", spy):
                self.run_publish()
            if not runs:
                break
        self.assertEqual({self.shown(sku) for sku in self.skus}, {11})
        self.assertEqual(count, 3)
