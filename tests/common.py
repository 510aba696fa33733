"""One company, one warehouse, one fake shop: what most tests start from."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from unittest.mock import patch

from odoo import api, sql_db
from odoo.tests.common import BaseCase, TransactionCase, get_db_name
from odoo.tools import SQL

from odoo.addons.stock_channel_hub.connectors import signing
from odoo.addons.stock_channel_hub.connectors.testing import canaries
from odoo.addons.stock_channel_hub.connectors.testing.fake_rest import (
    BASE_URL,
    SECRET,
    FakeRest,
)
from odoo.addons.stock_channel_hub.models.stock_channel_connection import (
    StockChannelConnection,
)
from odoo.addons.stock_channel_hub.models.stock_channel_readiness import (
    StockChannelReadiness,
)

# Texts for people, by where they are; and what must stand in none of them.
STORED_CANARIES = SQL(" UNION ALL ").join(
    SQL(
        "SELECT %s, t::text FROM %s AS t WHERE t::text ~* %s",
        table,
        SQL.identifier(table),
        words.pattern,
    )
    for words, tables in (
        (canaries.ALL, ("stock_channel_audit",)),
        (
            canaries.SECRETS,
            (
                "ir_logging",
                "mail_activity",
                "mail_message",
                "mail_tracking_value",
                "stock_channel_alert",
                "stock_channel_exception",
                "stock_channel_exception_event",
                "stock_channel_fulfillment",
                "stock_channel_publication",
                "stock_channel_push",
                "stock_channel_review_finding",
            ),
        ),
    )
    for table in tables
)


def now_text():
    """Return the present moment as a channel writes it."""
    return datetime.now(UTC).isoformat()


def readiness_skipped():
    """Return the patch that lets channels go live without the go/no-go list.

    The list asks for people, a time in shadow and a signature, which are no part of
    what most tests are about.
    """
    return patch.object(
        StockChannelReadiness, "_check_readiness", lambda channel, **_options: None
    )


class HubCase(TransactionCase):
    """A live ``rest`` channel against a fake shop that keeps its own books.

    ``self.shop`` is the channel's side; every call the hub makes reaches it and
    nothing else. Scheduled actions run by ``run_*``, each on a cursor whose commits
    and rollbacks work as in production, inside the test's transaction.
    """

    # Most tests begin with a live channel; those of the gate ask for its list.
    has_readiness_gate = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not cls.has_readiness_gate:
            cls.startClassPatcher(readiness_skipped())
        cls.env = cls.env(
            context={
                **cls.env.context,
                "tracking_disable": True,
                "no_reset_password": True,
            }
        )
        cls.company = cls.env.company
        cls.warehouse = cls.env["stock.warehouse"].create(
            {"name": "Hub North", "code": "HUBN"}
        )
        cls.stock = cls.warehouse.lot_stock_id
        cls.shelf = cls.env["stock.location"].create(
            {"name": "Shelf A", "location_id": cls.stock.id}
        )
        cls.customers = cls.env.ref("stock.stock_location_customers")
        cls.suppliers = cls.env.ref("stock.stock_location_suppliers")
        cls.product = cls.make_product("Desk", "DESK")
        cls.make_alerts_reach()
        cls.channel = cls.make_channel()
        cls.place = cls.make_place(cls.channel, "main", cls.stock)
        cls.listing = cls.make_listing(cls.channel, cls.product, "DESK")

    def setUp(self):
        super().setUp()
        self.shop = FakeRest(lambda: datetime.now(UTC))
        self.add_shop_item("DESK", "main")
        shops = {self.channel.id: self.shop}
        self.shops = shops
        patcher = patch.object(
            StockChannelConnection,
            "_transport",
            lambda channel: shops[channel.id].transport,
        )
        patcher.start()
        self.addCleanup(patcher.stop)
        self.registry_enter_test_mode()
        self.go_live(self.channel)

    def tearDown(self):
        self.assert_no_canary_stored()
        super().tearDown()

    def assert_no_canary_stored(self):
        """S11: no secret in anything written for people, no customer in the audit.

        What stands on an order's own records and their exceptions may name its
        customer: who sees them sees the order, and erasing finds them there.
        """
        if self.env.cr.closed or self.env.cr.connection.info.transaction_status == 3:
            return  # an aborted transaction leaves nothing
        found = self.env.execute_query(STORED_CANARIES)
        self.assertEqual(found, [], "a secret, or a customer, was stored")

    # ---------------------------------------------------------------- making

    @classmethod
    def make_product(cls, name, code=False, **vals):
        return cls.env["product.product"].create(
            {
                "name": name,
                "default_code": code,
                "type": "consu",
                "is_storable": True,
                "list_price": 10.0,
                "taxes_id": [(5,)],
                **vals,
            }
        )

    @classmethod
    def make_alerts_reach(cls):
        """Name what every live channel needs: who is told, and how mail goes out."""
        cls.owner = cls.env["res.users"].create(
            {
                "name": "Olga Owner",
                "login": "hub-owner",
                "email": "olga@example.com",
                "group_ids": [
                    (6, 0, cls.env.ref("stock_channel_hub.group_operator").ids)
                ],
            }
        )
        cls.env["ir.mail_server"].create(
            {"name": "Test", "smtp_host": "mail.example.com"}
        )

    @classmethod
    def make_channel(cls, **vals):
        channel = cls.env["stock.channel"].create(
            {
                "name": "Test Shop",
                "connector": "rest",
                "base_url": BASE_URL,
                "exception_owner_id": cls.owner.id,
                "alert_email": "stock-alerts@example.com",
                **vals,
            }
        )
        cls.owner.company_ids |= channel.company_id
        cls.env["stock.channel.secret"].create(
            {"channel_id": channel.id, "new_value": SECRET, "valid_from": "2020-01-01"}
        )
        return channel

    @classmethod
    def make_place(cls, channel, external_id, locations, **vals):
        return cls.env["stock.channel.location"].create(
            {
                "channel_id": channel.id,
                "name": external_id,
                "external_id": external_id,
                "location_ids": [(6, 0, locations.ids)],
                **vals,
            }
        )

    @classmethod
    def make_listing(cls, channel, product, sku, **vals):
        return cls.env["stock.channel.listing"].create(
            {"channel_id": channel.id, "product_id": product.id, "sku": sku, **vals}
        )

    @classmethod
    def make_kit(cls, kit, components, **vals):
        """Make ``kit`` a kit of {component: quantity}."""
        return cls.env["mrp.bom"].create(
            {
                "product_tmpl_id": kit.product_tmpl_id.id,
                "type": "phantom",
                "product_qty": 1.0,
                "bom_line_ids": [
                    (0, 0, {"product_id": component.id, "product_qty": quantity})
                    for component, quantity in components.items()
                ],
                **vals,
            }
        )

    def make_user(self, group, **vals):
        """Make a user with one group of the hub."""
        return self.env["res.users"].create(
            {
                "name": group,
                "login": f"{group}-{self.env['res.users'].search_count([])}",
                "group_ids": [(6, 0, self.env.ref(f"stock_channel_hub.{group}").ids)],
                **vals,
            }
        )

    def add_shop_item(self, sku, location_id, quantity=0):
        return self.shop.add_item(sku, location_id, Decimal(quantity))

    def go_live(self, channel):
        """Put live and read the channel's orders once, which publishing waits for."""
        channel.action_go_live()
        self.run_poll(channel)

    def receive(self, product, quantity, location=None, **vals):
        """Put goods on a shelf, the way an inventory adjustment does."""
        self.env["stock.quant"]._update_available_quantity(
            product, location or self.stock, quantity, **vals
        )

    def make_move(self, product, quantity, source, target, confirm=True, **vals):
        move = self.env["stock.move"].create(
            {
                "product_id": product.id,
                "product_uom": product.uom_id.id,
                "product_uom_qty": quantity,
                "location_id": source.id,
                "location_dest_id": target.id,
                **vals,
            }
        )
        if confirm:
            move._action_confirm(merge=False)
        return move

    def finish(self, move, quantity=None):
        """Carry a move out, whole or in part."""
        move._action_assign()
        move.quantity = move.product_uom_qty if quantity is None else quantity
        move.picked = True
        return move._action_done()

    # --------------------------------------------------------------- running

    def run_job(self, model, method, record_id=None):
        """Run a scheduled action the way the scheduler does."""
        self.env.flush_all()
        self.env.cr.flush()
        with self.registry.cursor() as cr:
            env = api.Environment(cr, api.SUPERUSER_ID, {})
            records = env[model].browse(record_id) if record_id else env[model]
            getattr(records, method)()
        self.env.invalidate_all()

    def run_compute(self):
        self.run_job("stock.channel.dirty", "_cron_compute")

    def run_sweep(self):
        self.run_job("stock.channel.dirty", "_cron_sweep")

    def run_inbox(self):
        self.run_job("stock.channel.message", "_cron_inbox")

    def run_publish(self, channel=None):
        self.run_job("stock.channel", "_cron_publish", (channel or self.channel).id)

    def run_poll(self, channel=None):
        self.run_job("stock.channel", "_cron_poll", (channel or self.channel).id)

    def run_all(self):
        """Let everything that has work do it, until nothing has."""
        for _round in range(3):
            self.run_inbox()
            self.run_compute()
            self.run_publish()

    # ------------------------------------------------------------- delivering

    def order_data(self, order_id="1001", version=1, **vals):
        """Return one order as the shop tells it; two desks unless said otherwise."""
        lines = vals.pop("lines", None) or [self.line_data("1", "DESK", 2)]
        total = sum(
            (Decimal(line["quantity"]) - Decimal(line.get("cancelled_quantity", "0")))
            * Decimal(line["unit_price"])
            for line in lines
        )
        return {
            "id": order_id,
            "version": version,
            "updated_at": now_text(),
            "placed_at": "2026-11-20T10:00:00+01:00",
            "status": "open",
            "currency": self.company.currency_id.name,
            "prices_include_tax": False,
            "customer": {"email": "ada@example.com", "name": "Ada Example"},
            "shipping_address": {
                "name": "Ada Example",
                "street": "1 Main Street",
                "city": "Brussels",
                "zip": "1000",
                "country": "BE",
            },
            "lines": lines,
            "shipping": [],
            "total": str(total),
            **vals,
        }

    def line_data(self, line_id, sku, quantity, location_id="main", **vals):
        return {
            "id": line_id,
            "sku": sku,
            "quantity": str(quantity),
            "unit_price": "10.00",
            "location_id": location_id,
            **vals,
        }

    def deliver(self, topic, data, key=None, channel=None):
        """Store a webhook the way the door does; returns whether it was new."""
        raw = json.dumps(
            {"type": topic, "timestamp": now_text(), "data": data}
        ).encode()
        channel = channel or self.channel
        headers = signing.signed_headers(
            SECRET,
            key or f"msg-{data['id']}-{data.get('version', '')}",
            datetime.now(UTC),
            raw,
        )
        headers = {name.lower(): value for name, value in headers.items()}
        connector = channel._connector()
        delivery = connector.describe(raw, headers)
        return self.env["stock.channel.message"]._store(
            channel,
            dedupe_key=delivery.dedupe_key,
            topic=delivery.topic,
            order_key=delivery.order_key,
            raw=raw,
            origin="webhook",
        )

    def order(self, order_id="1001", version=1, **vals):
        """Deliver an order and let the hub work; returns the channel order."""
        self.deliver("order.updated", self.order_data(order_id, version, **vals))
        self.run_inbox()
        return self.find_order(order_id)

    def find_order(self, order_id="1001"):
        return self.env["stock.channel.order"].search(
            [("channel_id", "=", self.channel.id), ("external_id", "=", order_id)]
        )

    # --------------------------------------------------------------- reading

    def numbers(self, listing=None, place=None):
        """Return the freshly computed parts of one number."""
        listing = listing or self.listing
        rows = self.env["stock.channel.availability"]._compute_numbers(listing)
        place = place or self.place
        (row,) = [row for row in rows if row["channel_location_id"] == place.id]
        return {
            name: float(value)
            for name, value in row.items()
            if name
            in (
                "on_hand",
                "unavailable",
                "reserved",
                "owed",
                "in_flight",
                "own_open",
                "sellable",
                "published",
                "wire",
            )
        }

    def publication(self, listing=None, place=None):
        return self.env["stock.channel.publication"].search(
            [
                ("listing_id", "=", (listing or self.listing).id),
                ("channel_location_id", "=", (place or self.place).id),
            ]
        )

    def shown(self, sku="DESK", location_id="main"):
        """Return what the shop shows its customers."""
        return float(self.shop.books.shown(sku, location_id))

    def open_exceptions(self):
        return self.env["stock.channel.exception"].search([("state", "=", "open")])


class WakingCase(BaseCase):
    """Real connections to one scheduled action; what a test inserts is removed."""

    def setUp(self):
        super().setUp()
        self.database = sql_db.db_connect(get_db_name())
        self.registry = SimpleNamespace(cursor=self.database.cursor)
        with self.database.cursor() as cr:
            cr.execute(
                "SELECT res_id FROM ir_model_data "
                "WHERE module = 'stock_channel_hub' AND name = 'ir_cron_sweep'"
            )
            (self.cron_id,) = cr.fetchone()
        self.clean()
        self.addCleanup(self.clean)

    def clean(self):
        with self.database.cursor() as cr:
            cr.execute("DELETE FROM ir_cron_trigger WHERE cron_id = %s", [self.cron_id])
