"""What if beside people and jobs who really change things: on other connections."""

import psycopg2

from odoo import api
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.stock_channel_hub.models.stock_channel_change_lines import (
    StockChannelChangeLines,
)

from .committed import CommittedCase

IMPATIENT = "SET LOCAL lock_timeout = '100ms'"


@tagged("post_install", "-at_install")
class TestWhatifParallel(CommittedCase):
    def edit(self, what, **vals):
        return (0, 0, {"what": what, "channel_id": self.channel_ids[0], **vals})

    def attempt(self, env, edit, meanwhile=None):
        """Try an edit; ``meanwhile`` runs while it is carried out and measured."""
        whatif = env["stock.channel.whatif"].create({"edit_ids": [edit]})
        env.flush_all()
        if meanwhile is None:
            whatif.action_try()
            return whatif
        measured = StockChannelChangeLines._totals_by_place

        def measure(records, company):
            meanwhile()
            return measured(records, company)

        self.patched(measure, whatif.action_try)
        return whatif

    def patched(self, measure, act):
        original = StockChannelChangeLines._totals_by_place
        StockChannelChangeLines._totals_by_place = measure
        try:
            act()
        finally:
            StockChannelChangeLines._totals_by_place = original

    def elsewhere(self, *statements):
        """Run statements on a connection of its own that waits for nobody."""
        with self.database.cursor() as cr:
            cr.execute(IMPATIENT)
            for statement in statements:
                cr.execute(statement)
            found = cr.fetchall()
            cr.rollback()
        return found

    def edits(self):
        (place,) = self.elsewhere(
            SQL(
                "SELECT id FROM stock_channel_location WHERE channel_id = %s",
                self.channel_ids[0],
            )
        )[0]
        (listing,) = self.elsewhere(
            SQL(
                "SELECT id FROM stock_channel_listing WHERE channel_id = %s",
                self.channel_ids[0],
            )
        )[0]
        return [
            self.edit("rule", rule_kind="share", value=0),
            self.edit("listing", listing_ids=[(6, 0, [listing])]),
            self.edit("place", channel_location_id=place),
            self.edit("condition", location_id=self.shelf_id, condition="damaged"),
        ]

    def test_nobody_waits_for_it_and_nobody_sees_it(self):
        """Publishers, sales and the warehouse write while it is worked out."""
        seen = []

        def meanwhile():
            seen.append(
                self.elsewhere(
                    # A publisher notes what it sent, and the channel's answer.
                    "UPDATE stock_channel_publication SET attempts = attempts + 1",
                    "UPDATE stock_channel SET checked_at = checked_at",
                    # Goods move, and the hook says so.
                    SQL(
                        "UPDATE stock_quant SET quantity = quantity WHERE location_id=%s",
                        self.shelf_id,
                    ),
                    SQL(
                        "INSERT INTO stock_quant (product_id, location_id, quantity,"
                        " reserved_quantity, in_date) VALUES (%s, %s, 1, 0, now())",
                        self.product_id,
                        self.shelf_id,
                    ),
                    "INSERT INTO stock_channel_dirty (cause) VALUES ('stock')",
                    SQL(
                        """
                        SELECT (SELECT count(*) FROM stock_channel_rule
                                 WHERE channel_id = %(channel)s),
                               (SELECT count(*) FROM stock_channel_listing
                                 WHERE channel_id = %(channel)s AND active),
                               (SELECT count(*) FROM stock_channel_location
                                 WHERE channel_id = %(channel)s AND active),
                               (SELECT stock_condition FROM stock_location
                                 WHERE id = %(shelf)s),
                               (SELECT count(*) FROM stock_channel_whatif_line)
                        """,
                        channel=self.channel_ids[0],
                        shelf=self.shelf_id,
                    ),
                )[0]
            )

        self.work(lambda env: env["stock.channel.dirty"]._drain())
        for edit in self.edits():
            with self.subTest(edit=edit[2]["what"]):
                seen.clear()
                self.work(lambda env, edit=edit: self.attempt(env, edit, meanwhile))
                self.assertEqual(seen[0][:4], (0, 1, 1, None))
        self.assertGreater(
            self.elsewhere("SELECT count(*) FROM stock_channel_whatif_line")[0][0], 0
        )

    @mute_logger("odoo.sql_db")
    def test_whoever_changes_the_same_is_not_waited_for(self):
        with self.database.cursor() as cr:
            cr.execute(
                SQL(
                    "SELECT id FROM stock_channel WHERE id = %s FOR NO KEY UPDATE",
                    self.channel_ids[0],
                )
            )
            with self.database.cursor() as mine:
                env = self.environment(mine)
                with self.assertRaisesRegex(UserError, "try again in a moment"):
                    self.attempt(env, self.edit("shelf_life", value=4))
                # The rest of the transaction is whole, and waits as before.
                mine.execute("SHOW lock_timeout")
                self.assertEqual(mine.fetchone()[0], "0")

    @mute_logger("odoo.sql_db")
    def test_what_was_changed_meanwhile_is_tried_once_more(self):
        """Odoo starts a request over for just these errors."""
        with self.database.cursor() as mine:
            env = api.Environment(mine, 1, {"tracking_disable": True})
            env["stock.channel"].search_count([])

            def change(env):
                env["stock.channel"].browse(self.channel_ids[0]).name = "Renamed"

            self.work(change)
            with self.assertRaises(PG_CONCURRENCY_EXCEPTIONS_TO_RETRY) as caught:
                self.attempt(env, self.edit("shelf_life", value=4))
            self.assertIsInstance(
                caught.exception, psycopg2.errors.SerializationFailure
            )
            mine.rollback()
