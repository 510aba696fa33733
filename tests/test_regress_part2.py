"""Defects found by reading Part 2 across its seams; each test failed before its fix."""

from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import Command
from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.stock_channel_hub.connectors.data import ResultStatus, UpdateResult
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.models import stock_channel_publish
from odoo.addons.stock_channel_hub.models.stock_channel_publication import SEQUENCE

from .common import HubCase
from .drift_common import DriftCase
from .test_fence import FenceCase


@tagged("post_install", "-at_install")
class TestHooks(HubCase):
    """What changed a number and nobody heard of."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        self.run_all()

    def wanted(self):
        self.run_compute()
        return self.publication().wanted_qty

    def owe(self, quantity):
        """Confirm a demand and reserve nothing for it."""
        return self.make_move(self.product, quantity, self.stock, self.customers)

    def test_deleted_demand_gives_back_what_it_owed(self):
        """Odoo lets people delete confirmed moves that are linked to nothing."""
        move = self.owe(4)
        self.assertEqual(self.wanted(), 6)
        move.unlink()
        self.assertEqual(self.wanted(), 10)

    def test_linked_origin_is_heard_from_either_side(self):
        move = self.owe(4)
        origin = self.make_move(self.product, 4, self.suppliers, self.stock)
        self.assertEqual(self.wanted(), 6)
        origin.move_dest_ids = move
        self.assertEqual(self.wanted(), 10)


@tagged("post_install", "-at_install")
class TestPoison(HubCase):
    """Input that stopped a job for everybody."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        self.run_all()

    def test_rule_no_number_can_hold_is_refused(self):
        rules = self.env["stock.channel.rule"]
        for value in (1e308, 1e15):
            with self.subTest(value=value), self.assertRaises(ValidationError):
                rules.create(
                    {
                        "channel_id": self.channel.id,
                        "kind": "backorder",
                        "value": value,
                    }
                )

    def test_component_too_small_to_count_stops_nothing(self):
        kit = self.make_product("Paint", "PAINT")
        pigment = self.make_product("Pigment")
        self.receive(pigment, 1)
        self.make_kit(
            kit,
            {},
            product_qty=1e7,
            bom_line_ids=[
                Command.create({"product_id": pigment.id, "product_qty": 0.01})
                for _line in range(2)
            ],
        )
        listing = self.make_listing(self.channel, kit, "PAINT")
        self.assertEqual(self.numbers(listing)["published"], 50)

    def test_number_of_a_location_that_is_gone_stops_nothing(self):
        """A computation that began before may store it after; no key stops it."""
        place = self.make_place(self.channel, "gone", self.env["stock.location"])
        row = self.publication()
        self.env.flush_all()
        # Left over in databases from before the links had no keys.
        self.env.cr.execute(
            "ALTER TABLE stock_channel_publication DROP CONSTRAINT IF EXISTS "
            "stock_channel_publication_channel_location_id_fkey"
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO stock_channel_publication
                       (listing_id, channel_location_id, channel_id, company_id,
                        product_id, wanted_qty, wanted_at, wanted_sequence,
                        changed_at, cause, state, attempts)
                SELECT listing_id, %s, channel_id, company_id, product_id, 3,
                       wanted_at, wanted_sequence, wanted_at - interval '1 day',
                       'map', 'pending', 0
                  FROM stock_channel_publication
                 WHERE id = %s
                """,
                place.id + 1000,
                row.id,
            )
        )
        self.receive(self.product, -4)
        self.run_compute()
        self.run_publish()
        self.assertEqual((row.state, self.shown()), ("clean", 6))
        self.env["stock.channel"]._watch_freshness()
        self.assertFalse(self.open_exceptions())
        self.run_sweep()
        self.assertEqual(
            self.env["stock.channel.publication"].search(
                [("listing_id", "=", self.listing.id)]
            ),
            row,
        )

    def test_computing_gets_through_between_busy_publishers(self):
        """They had the row of one listing or another each time, and none was told."""
        listings = self.env["stock.channel.listing"].create(
            [
                {
                    "channel_id": self.channel.id,
                    "product_id": self.product.id,
                    "sku": f"DESK-{number}",
                }
                for number in range(12)
            ]
        )
        models = type(self.env["stock.channel.publication"])
        refresh = models._refresh_listings

        def contended(publications, changes):
            if len(changes) > 2:
                raise SerializationFailure("could not serialize access")
            return refresh(publications, changes)

        with patch.object(models, "_refresh_listings", contended):
            self.run_compute()
        self.assertEqual(listings.publication_ids.mapped("wanted_qty"), [10] * 12)
        self.assertFalse(self.env["stock.channel.dirty"].search([]))

    def test_window_that_never_opens_is_refused(self):
        never = self.env["resource.calendar"].create(
            {"name": "Never", "attendance_ids": [Command.clear()]}
        )
        with self.assertRaises(ValidationError):
            self.channel.publish_calendar_id = never


@tagged("post_install", "-at_install")
class TestNoise(HubCase):
    """Numbers that never came to rest."""

    def test_fractions_of_own_orders_rest(self):
        """0.3 − 0.1 is no 0.2 to a computer."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "UPDATE stock_channel SET quantity_meaning = 'physical' WHERE id = %s",
                self.channel.id,
            )
        )
        self.env.invalidate_all()
        self.product.uom_id = self.env.ref("uom.product_uom_kgm")
        self.listing.uom_id = self.product.uom_id
        self.receive(self.product, 10)
        self.run_all()
        line = self.line_data("1", "DESK", "0.3", fulfilled_quantity="0.1")
        self.order(lines=[line])
        self.run_all()
        row = self.publication()
        self.assertEqual(row.state, "clean")
        self.run_sweep()
        self.assertEqual((self.channel.last_sweep_found, row.state), (0, "clean"))


@tagged("post_install", "-at_install")
class TestMoved(HubCase):
    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        self.run_all()
        self.other = self.make_channel(name="Other Shop")

    def test_told_listing_stays_with_its_channel(self):
        with self.assertRaises(UserError):
            self.listing.channel_id = self.other

    def test_told_location_stays_with_its_channel(self):
        with self.assertRaises(UserError):
            self.place.channel_id = self.other

    def test_what_was_never_told_may_move(self):
        lamp = self.make_listing(self.channel, self.make_product("Lamp"), "LAMP")
        lamp.channel_id = self.other
        self.assertEqual(lamp.channel_id, self.other)


@tagged("post_install", "-at_install")
class TestDates(DriftCase):
    def test_dates_passed_in_draft_are_not_late(self):
        """Going live computes everything; nothing older waits."""
        self.product.tracking = "lot"
        self.product.use_expiration_date = True
        lot = self.env["stock.lot"].create(
            {
                "name": "L1",
                "product_id": self.product.id,
                "removal_date": self.now() + timedelta(days=2),
                "expiration_date": self.now() + timedelta(days=2),
            }
        )
        self.receive(self.product, 5, lot_id=lot)
        self.run_job("stock.channel.dirty", "_cron_watch")
        self.run_all()
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        self.wait(days=30)
        self.channel.action_go_live()
        self.run_job("stock.channel.dirty", "_cron_watch")
        self.assertFalse(
            self.env["stock.channel.dirty"].search([("cause", "=", "date")])
        )


@tagged("post_install", "-at_install")
class TestWithdrawn(DriftCase):
    def test_item_taken_off_sale_after_its_listing_is_no_drift(self):
        self.listing.active = False
        self.run_all()
        self.assertEqual((self.row.state, self.shown()), ("clean", 0))
        del self.shop.books.levels["DESK", "main"]
        self.read_twice()
        self.assertEqual((self.row.drift, self.row.state), (False, "clean"))
        self.assertFalse(self.drift_exceptions())

    def test_archiving_the_listing_heals_what_the_channel_lacks(self):
        """The exception says to archive it."""
        del self.shop.books.levels["DESK", "main"]
        self.read_twice()
        self.assertEqual(len(self.drift_exceptions()), 1)
        self.listing.active = False
        self.run_all()
        self.read_twice()
        self.read_twice()
        self.assertFalse(self.drift_exceptions())


@tagged("post_install", "-at_install")
class TestUnpolled(FenceCase):
    """A channel whose orders nobody can read must not wait until they are."""

    def setUp(self):
        super().setUp()
        self.set_capabilities(compare_and_set=False, polling=False)

    def test_repaired_number_rises(self):
        self.row.sudo().write({"drift": "edited", "observed_qty": 0.0})
        self.shop.books.levels["DESK", "main"].quantity = Decimal(0)
        self.row._publish_over()
        self.pass_time(61)
        self.run_publish()
        self.assertEqual((self.shown(), self.row.state), (1, "clean"))


@tagged("post_install", "-at_install")
class TestAnswers(FenceCase):
    """An answer tells what the channel took, not what it shows by now."""

    def during_publish(self, action, answer=None):
        publish = RestConnector.publish

        def slow(connector, updates, key):
            results = publish(connector, updates, key)
            action()
            return results

        return patch.object(RestConnector, "publish", slow)

    def test_sale_heard_before_the_answer_counts(self):
        """Shop takes 3, sells one, we hear of it, then of the 3."""
        self.change_stock(2)
        self.poll()

        def sold():
            self.pass_time()
            self.sell()
            self.deliver("order.updated", self.shop.books.orders["1001"])
            self.run_inbox()

        with self.during_publish(sold):
            self.run_publish()
        self.assertEqual((self.shown(), self.row.acknowledged_qty), (2, 3))
        self.assertEqual(self.row.expected_qty, 2)

    def test_log_keeps_the_parts_of_what_was_sent(self):
        """Goods came while the shop answered: the log told of those, too."""
        self.change_stock(2)
        self.poll()

        def more():
            self.change_stock(4)
            self.run_compute()

        with self.during_publish(more):
            self.run_publish()
        log = self.row.log_ids.sorted("sequence")[-1:]
        self.assertEqual((log.quantity, log.parts["on_hand"]), (3, 3))
        self.assertEqual((self.row.state, self.row.on_hand), ("pending", 7))

    @mute_logger("odoo.addons.stock_channel_hub.models.stock_channel_publish")
    def test_answer_after_a_reading_does_not_outdate_it(self):
        """The lease ran out, the row was read back, then the worker woke up."""
        self.change_stock(2)
        self.poll()
        push, updates = self.channel._claim_batch()
        ((_row_id, update),) = updates
        self.pass_time(400)
        self.channel._expire_leases()
        key = self.row._key()
        shown = type("Shown", (), {"key": key, "quantity": Decimal(2)})()
        self.env["stock.channel.publication"]._record_read_back({self.row.id: shown})
        self.assertEqual((self.row.expected_qty, self.row.state), (2, "pending"))
        self.row._record_result(push, update, UpdateResult(status=ResultStatus.APPLIED))
        self.assertEqual(self.row.expected_qty, 2)
        self.assertTrue(self.row.fence_at)


@tagged("post_install", "-at_install")
class TestStale(HubCase):
    """The shop remembers a higher number than this database has given out."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        self.run_all()
        self.level = self.shop.books.levels["DESK", "main"]

    def change(self, quantity):
        self.receive(self.product, quantity)
        self.run_compute()
        before = len(self.shop.transport.calls)
        with patch.object(stock_channel_publish, "SLICE_SECONDS", 2):
            self.run_publish()
        return len(self.shop.transport.calls) - before

    def test_restored_database_goes_on_above_what_the_channel_remembers(self):
        self.level.sequence = int(self.publication().sent_sequence) + 5000
        self.assertLess(self.change(-4), 5)
        self.assertEqual((self.shown(), self.publication().state), (6, "clean"))

    def test_absurd_sequence_is_not_believed_and_not_hammered(self):
        self.level.sequence = 2**62
        self.assertLess(self.change(-4), 5)
        self.env.cr.execute(SQL("SELECT nextval(%s)", SEQUENCE))
        self.assertLess(self.env.cr.fetchone()[0], 2**53)
