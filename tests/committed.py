"""Real connections: what a test commits is removed again, whatever it was."""

from datetime import UTC, datetime
from decimal import Decimal
from unittest.mock import patch

import psycopg2

from odoo import SUPERUSER_ID, api, sql_db
from odoo.tests.common import BaseCase, get_db_name
from odoo.tools import SQL, mute_logger

from odoo.addons.stock_channel_hub.connectors.testing.fake_rest import (
    BASE_URL,
    SECRET,
    FakeRest,
)
from odoo.addons.stock_channel_hub.models.stock_channel_connection import (
    StockChannelConnection,
)

from .common import readiness_skipped

REFUSED = (
    psycopg2.errors.ForeignKeyViolation,
    psycopg2.errors.RestrictViolation,
    psycopg2.errors.NotNullViolation,
    psycopg2.errors.RaiseException,
)


class CommittedCase(BaseCase):
    """Two live shops on one shelf of their own, in transactions that are committed.

    Every row of any table that is newer than the test is deleted afterwards, so
    nothing else may write to the database meanwhile.
    """

    def setUp(self):
        super().setUp()
        self.database = sql_db.db_connect(get_db_name())
        self.before = self.newest()
        self.addCleanup(self.clean)
        self.shops = {}
        patcher = patch.object(
            StockChannelConnection,
            "_transport",
            lambda channel: self.shops[channel.id].transport,
        )
        patcher.start()
        self.addCleanup(patcher.stop)
        gate = readiness_skipped()
        gate.start()
        self.addCleanup(gate.stop)
        self.work(self.store)

    def environment(self, cr):
        return api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})

    def work(self, task, *args):
        """Run ``task(env, *args)`` on a connection of its own and commit it."""
        with self.database.cursor() as cr:
            env = self.environment(cr)
            result = task(env, *args)
            env.flush_all()
            cr.commit()  # pylint: disable=invalid-commit
            return result

    # ---------------------------------------------------------------- cleaning

    def newest(self):
        """Return {table: its highest id}, of every table that has ids."""
        with self.database.cursor() as cr:
            cr.execute(
                "SELECT c.table_name FROM information_schema.columns AS c "
                "JOIN information_schema.tables AS t USING (table_schema, table_name) "
                "WHERE c.column_name = 'id' AND c.data_type IN ('integer', 'bigint') "
                "AND t.table_type = 'BASE TABLE' AND c.table_schema = 'public'"
            )
            tables = [table for (table,) in cr.fetchall()]
            cr.execute(
                SQL(" UNION ALL ").join(
                    SQL(
                        "SELECT %s, coalesce(max(id), 0)::bigint FROM %s",
                        table,
                        SQL.identifier(table),
                    )
                    for table in tables
                )
            )
            return dict(cr.fetchall())

    def clean(self):
        """Delete what is new; what others refer to goes in a later round."""
        now = self.newest()
        left = [table for table, top in now.items() if top > self.before.get(table, 0)]
        with self.database.cursor() as cr, mute_logger("odoo.sql_db"):
            while left:
                again = [table for table in left if not self.empty(cr, table)]
                self.assertLess(len(again), len(left), again)
                left = again
        self.registry_of_test().clear_all_caches()

    def empty(self, cr, table):
        try:
            with cr.savepoint(flush=False):
                cr.execute(
                    SQL(
                        "DELETE FROM %s WHERE id > %s",
                        SQL.identifier(table),
                        self.before.get(table, 0),
                    )
                )
        except REFUSED:
            return False
        return True

    def registry_of_test(self):
        with self.database.cursor() as cr:
            return self.environment(cr).registry

    # ----------------------------------------------------------------- storing

    def store(self, env):
        """Two shops, one shelf, one desk on it; both shops show it."""
        warehouse = env["stock.warehouse"].search([], limit=1)
        shelf = env["stock.location"].create(
            {"name": "Race", "location_id": warehouse.lot_stock_id.id}
        )
        product = env["product.product"].create(
            {
                "name": "Race Desk",
                "default_code": "RACE",
                "type": "consu",
                "is_storable": True,
                "taxes_id": [(5,)],
            }
        )
        env["stock.quant"]._update_available_quantity(product, shelf, 1)
        env["ir.mail_server"].create({"name": "Race", "smtp_host": "mail.example.com"})
        channels = env["stock.channel"]
        for name in ("Race One", "Race Two"):
            channels |= self.make_channel(env, name, product, shelf)
        self.channel_ids, self.product_id, self.shelf_id = (
            channels.ids,
            product.id,
            shelf.id,
        )
        self.warehouse_id = warehouse.id

    def make_channel(self, env, name, product, shelf):
        channel = env["stock.channel"].create(
            {
                "name": name,
                "connector": "rest",
                "base_url": BASE_URL,
                "exception_owner_id": env.ref("base.user_admin").id,
                "alert_email": "stock-alerts@example.com",
            }
        )
        env["stock.channel.secret"].create(
            {"channel_id": channel.id, "new_value": SECRET, "valid_from": "2020-01-01"}
        )
        env["stock.channel.location"].create(
            {
                "channel_id": channel.id,
                "name": "main",
                "external_id": "main",
                "location_ids": [(6, 0, shelf.ids)],
            }
        )
        env["stock.channel.listing"].create(
            {"channel_id": channel.id, "product_id": product.id, "sku": "RACE"}
        )
        self.shops[channel.id] = FakeRest(lambda: datetime.now(UTC))
        self.shops[channel.id].add_item("RACE", "main", Decimal(0))
        channel.action_go_live()
        return channel
