import re
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.sale.models.sale_order import SaleOrder

from .batch_common import BATCH_LOGGER, BatchCase
from .statements import counted

# Of Odoo and the hub together, for one more order of one line in a batch.
STATEMENTS_PER_ORDER = 28
# On the hub's own tables: which cancellations are being told.
HUB_STATEMENTS_PER_ORDER = 1


@tagged("post_install", "-at_install")
class TestOrderBatch(BatchCase):
    """Many new orders at once come out as they do one by one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lamp = cls.make_product("Lamp", "LAMP")
        cls.lamp_listing = cls.make_listing(cls.channel, cls.lamp, "LAMP")
        cls.kit = cls.make_product("Kit", "KIT")
        cls.make_kit(cls.kit, {cls.product: 1, cls.lamp: 2})
        cls.kit_listing = cls.make_listing(cls.channel, cls.kit, "KIT")
        cls.env["account.tax"].create(
            {"name": "Batch 7 %", "amount": 7.0, "type_tax_use": "sale"}
        )

    # ------------------------------------------------------------ the same

    def mixed(self, number, prefix):
        """Return one of several kinds of orders; the same for each prefix."""
        lines = [self.line_data("1", "DESK", 1 + number % 3)]
        vals = {}
        if number % 2:
            lines.append(self.line_data("2", "LAMP", 2, title="A lamp"))
        if number % 5 == 0:
            lines.append(self.line_data("3", "KIT", 1, unit_price="30.00"))
        if number % 7 == 0:
            vals["note"] = f"Ring {number} times"
        if number % 6 == 0:
            lines[0] |= {"tax_rate": "7", "discount": "1.00"}
            vals["shipping"] = [{"id": "s", "title": "Parcel", "amount": "4.90"}]
        who = f"{prefix}{number % 10}"
        customer = {"email": f"{who}@example.com", "name": f"Buyer {number % 10}"}
        if number % 3:
            customer["id"] = who
        return self.order_data(
            f"{prefix}-{number}",
            lines=lines,
            customer=customer,
            payment_status="paid",
            payment_reference=f"PAY-{number}",
            **vals,
        )

    def picture(self, prefix, number):
        """Return all that came of one order, but for what names it."""
        order = self.find_order(f"{prefix}-{number}")
        sale = order.sale_order_id
        moves = sale.order_line.move_ids.sorted("id")
        told = {
            "order": (order.state, order.version, order.applied_version),
            "created": (order.was_created, order.promised_at, order.total),
            "address": order.shipping_address,
            "lines": [
                (
                    line.sku,
                    line.applied_qty,
                    line.in_flight_qty,
                    line.own_open_qty,
                    line.components,
                    line.channel_location_id.id,
                    line.sale_line_id == sale.order_line[index],
                )
                for index, line in enumerate(order.line_ids.sorted("id"))
            ],
            "message": [
                (message.state, message.attempts, message.note)
                for message in order.message_log_ids
            ],
            "sale": (
                sale.state,
                sale.date_order,
                sale.commitment_date,
                sale.client_order_ref,
                sale.origin,
                sale.reference,
                sale.amount_total,
                sale.amount_tax,
                sale.partner_id.email,
                sale.partner_shipping_id == sale.partner_id,
                sale.warehouse_id.id,
                sale.user_id.id,
            ),
            "sale lines": [
                (
                    line.product_id.id,
                    line.name,
                    line.product_uom_qty,
                    line.price_unit,
                    line.discount,
                    line.tax_ids.ids,
                    line.channel_location_id.id,
                    line.channel_order_line_ref,
                )
                for line in sale.order_line
            ],
            "moves": [
                (
                    move.product_id.id,
                    move.product_qty,
                    move.quantity,
                    move.state,
                    move.location_id.id,
                    move.location_dest_id.id,
                    move.date_deadline,
                    move.origin,
                    move.move_line_ids.mapped("quantity"),
                )
                for move in moves
            ],
            "pickings": [
                (picking.state, len(picking.move_ids), picking.partner_id.email)
                for picking in sale.picking_ids
            ],
            "chatter": self.chatter(sale) + self.chatter(sale.picking_ids),
            "followers": sorted(
                (sale | sale.browse()).message_partner_ids.mapped("name")
                + sale.picking_ids.message_partner_ids.mapped("name")
            ),
            "exceptions": [
                (exception.category, exception.title, exception.cause)
                for exception in order.exception_ids
            ],
        }
        return re.sub(
            rf"{prefix}-?(?=\d)|{sale.name}|{sale.picking_ids.name}", "#", repr(told)
        )

    def chatter(self, records):
        return [
            (
                message.message_type,
                message.subtype_id.name,
                re.sub(r"(data-oe-id=|/odoo/[a-z.]+/)\W*\d+", "", message.body),
                [
                    (value.field_id.name, value.old_value_char, value.new_value_char)
                    for value in message.tracking_value_ids
                ],
                message.author_id.name,
                message.notified_partner_ids.mapped("name"),
            )
            for message in records.message_ids.sorted("id")
        ]

    def dirty(self):
        rows = self.env["stock.channel.dirty"].search([])
        found = {
            (row.product_id, row.location_id, row.listing_id, row.cause) for row in rows
        }
        rows.sudo().unlink()
        return found

    def test_thirty_at_once_are_as_thirty_one_by_one(self):
        self.receive(self.lamp, 500)
        self.run_all()
        pictures, dirty = {}, {}
        for prefix in ("a", "b"):
            for number in range(30):
                self.deliver("order.updated", self.mixed(number, prefix))
            self.dirty()
            if prefix == "a":
                with self.singly():
                    self.run_inbox()
            else:
                confirmed = self.watch()
                self.run_inbox()
                self.assertEqual(confirmed, [30])
            dirty[prefix] = self.dirty()
            pictures[prefix] = [self.picture(prefix, n) for n in range(30)]
        self.maxDiff = None
        for one, other in zip(pictures["a"], pictures["b"], strict=True):
            self.assertEqual(one, other)
        # Created and confirmed, each told once, and the transfer created.
        self.assertEqual(pictures["b"][1].count("'notification'"), 3)
        self.assertTrue(dirty["a"])
        self.assertEqual(dirty["a"], dirty["b"])
        # Of ten customers two thirds have an id, and all have a mailbox.
        self.assertEqual(len(self.sales()[30:].partner_id), 10)

    def test_who_came_first_gets_the_last(self):
        self.receive(self.lamp, 4)
        self.deliver_orders(["1", "2", "3"], lines=[self.line_data("1", "LAMP", 2)])
        self.run_inbox()
        self.assertEqual(
            self.sales().mapped("picking_ids.state"),
            ["assigned", "assigned", "confirmed"],
        )
        self.assertEqual(
            [sale.client_order_ref for sale in self.sales()], ["1", "2", "3"]
        )

    def test_new_customer_of_two_orders_is_one_contact(self):
        customer = {"id": "c1", "email": "new@example.com", "name": "New"}
        self.deliver_orders(["1", "2"], customer=customer)
        customer = {"email": "guest@example.com", "name": "Guest"}
        self.deliver_orders(["3", "4"], customer=customer)
        confirmed = self.watch()
        self.run_inbox()
        self.assertEqual(confirmed, [4])
        self.assertEqual(
            self.sales().mapped("partner_id.email"),
            ["new@example.com", "guest@example.com"],
        )
        self.assertEqual(
            len(
                self.env["stock.channel.customer"].search([("external_id", "=", "c1")])
            ),
            1,
        )

    def test_what_a_cancellation_gives_back_is_there_for_the_new(self):
        self.receive(self.lamp, 2)
        lines = [self.line_data("1", "LAMP", 2)]
        self.order("1", lines=lines)
        self.deliver_orders(["2", "3"], lines=lines)
        self.deliver_orders(["1"], version=2, lines=lines, status="cancelled")
        self.run_inbox()
        self.assertEqual(
            [(sale.client_order_ref, sale.picking_ids.state) for sale in self.sales()],
            [("1", "cancel"), ("2", "assigned"), ("3", "confirmed")],
        )

    # ---------------------------------------------------------------- speed

    def test_one_more_order_costs_few_statements(self):
        def statements(first, count):
            self.deliver_orders([str(first + number) for number in range(count)])
            self.env.flush_all()
            self.env.cr.flush()
            with counted() as texts:
                self.run_inbox()
            return texts

        statements(100, 4)
        few, many = statements(200, 5), statements(300, 25)
        self.assertEqual(len(self.sales()), 34)
        more = (len(many) - len(few)) / 20
        self.assertLessEqual(more, STATEMENTS_PER_ORDER)
        own_few, own_many = (
            [text for text in texts if re.search(r'"?stock_channel_', text[:60])]
            for texts in (few, many)
        )
        self.assertLessEqual(
            (len(own_many) - len(own_few)) / 20, HUB_STATEMENTS_PER_ORDER
        )


@tagged("post_install", "-at_install")
class TestOrderBatchSourcing(BatchCase):
    """Each order of a batch is placed as if those before it had been reserved."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.south = cls.env["stock.warehouse"].create(
            {"name": "Hub South", "code": "HUBS"}
        )
        cls.place.sequence = 1
        cls.south_place = cls.make_place(
            cls.channel, "south", cls.south.lot_stock_id, sequence=2
        )
        cls.lamp = cls.make_product("Lamp", "LAMP")
        cls.lamp_listing = cls.make_listing(cls.channel, cls.lamp, "LAMP")

    def parts(self):
        return [
            (
                sale.client_order_ref,
                [
                    (line.channel_location_id.external_id, line.product_uom_qty)
                    for line in sale.order_line
                ],
                sorted(set(sale.order_line.move_ids.mapped("state"))),
            )
            for sale in self.sales()
        ]

    def deliver_open(self, *ids):
        self.receive(self.lamp, 3)
        self.receive(self.lamp, 4, self.south.lot_stock_id)
        lines = [self.line_data("1", "LAMP", 2, location_id=None)]
        self.deliver_orders(ids, lines=lines)

    PLACED = [
        ("1", [("main", 2.0)], ["assigned"]),
        ("2", [("south", 2.0)], ["assigned"]),
        ("3", [("south", 2.0)], ["assigned"]),
        ("4", [("main", 2.0)], ["partially_available"]),
    ]

    def test_those_before_have_taken_what_they_took(self):
        self.deliver_open("1", "2", "3", "4")
        confirmed = self.watch()
        self.run_inbox()
        self.assertEqual(confirmed, [4])
        self.assertEqual(self.parts(), self.PLACED)

    def test_one_by_one_is_the_same(self):
        self.deliver_open("1", "2", "3", "4")
        with self.singly():
            self.run_inbox()
        self.assertEqual(self.parts(), self.PLACED)

    @mute_logger(BATCH_LOGGER)
    def test_given_up_batch_is_the_same(self):
        """What those behind wait for does not stand in the way of those before."""
        self.deliver_open("1", "2", "3", "4")
        confirm = SaleOrder.action_confirm

        def action_confirm(orders):
            if len(orders) > 1:
                raise ZeroDivisionError("boom")
            return confirm(orders)

        with patch.object(SaleOrder, "action_confirm", action_confirm):
            self.run_inbox()
        self.assertEqual(self.parts(), self.PLACED)
