"""Stock does not suffer from our hooks: rollbacks and parallel transfers (PROOF, R11)."""

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg2

from odoo import SUPERUSER_ID, api, sql_db
from odoo.tests import tagged
from odoo.tests.common import BaseCase, get_db_name
from odoo.tools import SQL, mute_logger

from .common import HubCase

_logger = logging.getLogger(__name__)

WORKERS = 8
TRANSFERS = 4
PIECES = 1000
CONCURRENCY_ERRORS = (
    psycopg2.errors.SerializationFailure,
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.LockNotAvailable,
)
# More often than any transfer can lose against seven others.
TRIES = WORKERS * TRANSFERS * 4


@tagged("post_install", "-at_install")
class TestRollback(HubCase):
    def test_rolled_back_transfer_leaves_no_change_rows(self):
        self.receive(self.product, 10)
        self.run_all()
        dirty = self.env["stock.channel.dirty"]
        self.assertEqual(dirty.search_count([]), 0)
        for is_flushed in (False, True):
            with self.subTest(is_flushed=is_flushed), self.registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                move = self.make_move(
                    self.product.with_env(env),
                    3,
                    self.stock.with_env(env),
                    self.customers.with_env(env),
                    confirm=False,
                ).with_env(env)
                move._action_confirm()
                self.finish(move)
                self.assertEqual(move.state, "done")
                if is_flushed:
                    cr.flush()
                    self.assertGreater(env["stock.channel.dirty"].search_count([]), 0)
                cr.rollback()
            self.env.invalidate_all()
            self.env.cr.flush()
            self.assertEqual(dirty.search_count([]), 0)


@tagged("post_install", "-at_install")
class TestParallelTransfers(BaseCase):
    """Eight workers on connections of their own, all moving the same three products.

    Nothing here runs in a test transaction: what is stored is removed again.
    """

    def setUp(self):
        super().setUp()
        self.database = sql_db.db_connect(get_db_name())
        with self.database.cursor() as cr:
            cr.execute("SELECT coalesce(max(id), 0) FROM ir_cron_trigger")
            (self.last_trigger,) = cr.fetchone()
            self.addCleanup(self.clean)
            self.store(api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True}))

    def store(self, env):
        """Three products with goods, a shelf to move them to, and a channel in use."""
        products = env["product.product"].create(
            [
                {"name": f"Parallel {number}", "type": "consu", "is_storable": True}
                for number in range(3)
            ]
        )
        warehouse = env["stock.warehouse"].search([], limit=1)
        shelf = env["stock.location"].create(
            {"name": "Parallel", "location_id": warehouse.lot_stock_id.id}
        )
        channel = env["stock.channel"].create(
            {"name": "Parallel", "connector": "rest", "base_url": "https://a.example"}
        )
        for product in products:
            env["stock.quant"]._update_available_quantity(
                product, warehouse.lot_stock_id, PIECES
            )
        self.product_ids, self.shelf_id, self.channel_id = (
            products.ids,
            shelf.id,
            channel.id,
        )
        self.template_ids = products.product_tmpl_id.ids
        self.stock_id = warehouse.lot_stock_id.id
        self.type_id = warehouse.int_type_id.id
        env.flush_all()
        env.cr.execute(
            "UPDATE stock_channel SET state = 'shadow' WHERE id = %s", [channel.id]
        )
        env.registry.clear_cache()

    def clean(self):
        with self.database.cursor() as cr:
            for table in ("stock_move_line", "stock_quant"):
                cr.execute(
                    SQL(
                        "DELETE FROM %s WHERE product_id = ANY(%s)",
                        SQL.identifier(table),
                        self.product_ids,
                    )
                )
            cr.execute(
                "DELETE FROM stock_move WHERE product_id = ANY(%s) "
                "RETURNING picking_id",
                [self.product_ids],
            )
            pickings = [picking_id for (picking_id,) in cr.fetchall()]
            cr.execute("DELETE FROM stock_picking WHERE id = ANY(%s)", [pickings])
            cr.execute(
                "DELETE FROM stock_channel_dirty WHERE product_id = ANY(%s)",
                [self.product_ids],
            )
            env = api.Environment(cr, SUPERUSER_ID, {})
            env["stock.channel"].browse(self.channel_id).unlink()
            env["stock.location"].browse(self.shelf_id).unlink()
            env["product.template"].browse(self.template_ids).unlink()
            cr.execute("DELETE FROM ir_cron_trigger WHERE id > %s", [self.last_trigger])
            env.registry.clear_cache()

    # ---------------------------------------------------------------- workers

    def transfer(self, env, worker):
        """Validate a transfer of one piece of each product, in the worker's order."""
        order = self.product_ids[worker % 3 :] + self.product_ids[: worker % 3]
        picking = env["stock.picking"].create(
            {
                "picking_type_id": self.type_id,
                "location_id": self.stock_id,
                "location_dest_id": self.shelf_id,
                "move_ids": [
                    (
                        0,
                        0,
                        {
                            "product_id": product_id,
                            "product_uom_qty": 1,
                            "location_id": self.stock_id,
                            "location_dest_id": self.shelf_id,
                        },
                    )
                    for product_id in order
                ],
            }
        )
        picking.action_confirm()
        picking.action_assign()
        picking.move_ids.picked = True
        picking._action_done()

    def work(self, worker, start):
        """Do some transfers; returns (how many, what the failed statements were)."""
        done, failed = 0, []
        start.wait()
        for _try in range(TRIES):
            if done == TRANSFERS:
                break
            with self.database.cursor() as cr:
                try:
                    self.transfer(api.Environment(cr, SUPERUSER_ID, {}), worker)
                    cr.commit()  # pylint: disable=invalid-commit
                    done += 1
                except CONCURRENCY_ERRORS as error:
                    failed.append(statement_of(error))
                    cr.rollback()
        return done, failed

    # ------------------------------------------------------------------ tests

    @mute_logger("odoo.sql_db")
    def test_no_transfer_fails_because_of_our_tables(self):
        start = Barrier(WORKERS)
        with ThreadPoolExecutor(WORKERS) as pool:
            results = list(
                pool.map(lambda worker: self.work(worker, start), range(WORKERS))
            )
        self.assertEqual([done for done, _failed in results], [TRANSFERS] * WORKERS)
        failed = [statement for _done, found in results for statement in found]
        _logger.info("%s transfers started over", len(failed))
        self.assertEqual([s for s in failed if is_ours(s)], [])
        with self.database.cursor() as cr:
            cr.execute(
                "SELECT product_id, sum(quantity) FROM stock_quant "
                "WHERE location_id = %s GROUP BY product_id",
                [self.shelf_id],
            )
            moved = dict(cr.fetchall())
            cr.execute(
                "SELECT product_id, count(*) FROM stock_channel_dirty "
                "WHERE location_id = %s GROUP BY product_id",
                [self.shelf_id],
            )
            logged = dict(cr.fetchall())
        count = WORKERS * TRANSFERS
        self.assertEqual(moved, dict.fromkeys(self.product_ids, count))
        # Each transfer logged each product at its target, failed ones nothing.
        self.assertEqual(logged, dict.fromkeys(self.product_ids, count))

    @mute_logger("odoo.sql_db")
    def test_blame_is_found_where_there_is_some(self):
        """Otherwise the test above could not fail."""
        query = "UPDATE stock_channel SET failure_count = 0 WHERE id = %s"
        with self.database.cursor() as slow, self.database.cursor() as fast:
            slow.execute("SELECT 1")
            fast.execute(query, [self.channel_id])
            fast.commit()
            with self.assertRaises(CONCURRENCY_ERRORS) as caught:
                slow.execute(query, [self.channel_id])
            self.assertTrue(is_ours(statement_of(caught.exception)))


def statement_of(error):
    """Return the statement that failed, with what the database says about it."""
    query = error.cursor.query if error.cursor else b""
    return f"{(query or b'').decode()}\n{error}"


def is_ours(statement):
    return "stock_channel" in statement
