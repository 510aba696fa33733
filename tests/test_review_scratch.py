from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import HubCase
from odoo.addons.stock_channel_hub.connectors.errors import RateLimited, RetryLater


@tagged("post_install", "-at_install")
class TestReview(HubCase):
    # A
    def test_a1_same_version_more(self):
        self.receive(self.product, 10)
        order = self.order(version=1)
        self.deliver(
            "order.updated",
            self.order_data(version=1, lines=[self.line_data("1", "DESK", 5)]),
            key="other",
        )
        self.run_inbox()
        self.env.invalidate_all()
        print(
            "A1",
            order.line_ids.in_flight_qty,
            order.sale_order_id.order_line.product_uom_qty,
            self.open_exceptions().mapped("title"),
        )
        self.assertTrue(order.line_ids.in_flight_qty == 0 or self.open_exceptions())

    def test_a2_same_version_cancel(self):
        self.receive(self.product, 10)
        order = self.order(version=1)
        self.deliver(
            "order.updated", self.order_data(version=1, status="cancelled"), key="other"
        )
        self.run_inbox()
        self.env.invalidate_all()
        print(
            "A2",
            order.sale_order_id.state,
            order.state,
            order.is_cancelled,
            self.open_exceptions().mapped("title"),
        )
        self.assertTrue(order.sale_order_id.state == "cancel" or self.open_exceptions())

    # B
    def test_b_clerk_blocked(self):
        self.receive(self.product, 10)
        order = self.order(version=1)
        # the shop renames the item later; the manager renames the listing
        self.listing.sku = "DESK-NEW"
        self.order(version=2)  # still named DESK in the old order
        self.env.invalidate_all()
        print(
            "B",
            order.state,
            order.line_ids.listing_id,
            self.open_exceptions().mapped("title"),
        )
        clerk = self.env["res.users"].create(
            {
                "name": "clerk",
                "login": "clerkx",
                "group_ids": [(6, 0, [self.env.ref("stock.group_stock_user").id])],
            }
        )
        picking = order.sale_order_id.picking_ids.with_user(clerk)
        picking.move_ids.picked = True
        picking.with_context(skip_backorder=True).button_validate()
        self.assertEqual(picking.state, "done")
        self.assertTrue(order.fulfillment_ids)

    def test_b2_archived_listing_cancel_after_partial(self):
        self.receive(self.product, 10)
        order = self.order(version=1)
        self.listing.active = False
        self.order(version=2, status="cancelled")
        self.env.invalidate_all()
        print(
            "B2",
            order.sale_order_id.state,
            order.line_ids.listing_id,
            order.line_ids.in_flight_qty,
        )

    # C
    def test_c_expected_moved_wanted_same(self):
        self.receive(self.product, 10)
        self.run_all()
        self.assertEqual(self.shown(), 10)
        self.deliver("order.updated", self.order_data())
        self.shop.books.sell("DESK", "main", Decimal(2)) if hasattr(
            self.shop.books, "sell"
        ) else None
        import time as t

        self.run_all()
        print(
            "C0",
            self.publication().state,
            self.publication().expected_qty,
            self.publication().wanted_qty,
            self.shown(),
        )
        # cancelled at the shop (shows 10 again) while two are scrapped before compute runs
        pub = self.publication()
        base = self.shown()
        self.deliver("order.updated", self.order_data(version=2, status="cancelled"))
        lv = self.shop.books.levels[("DESK", "main")]
        self.shop.books.show("DESK", "main", lv.quantity + 2, lv.sequence)
        self.run_inbox()
        self.finish(
            self.make_move(
                self.product,
                2,
                self.stock,
                self.env["stock.location"].search(
                    [("usage", "=", "inventory")], limit=1
                ),
            )
        )
        for _ in range(3):
            self.run_all()
            self.run_sweep()
            self.run_publish()
        print(
            "C1",
            pub.state,
            "expected",
            pub.expected_qty,
            "wanted",
            pub.wanted_qty,
            "shop",
            self.shown(),
        )
        self.assertEqual(self.shown(), pub.wanted_qty)

    # D
    def test_d_sku_changed(self):
        self.receive(self.product, 10)
        self.run_all()
        self.add_shop_item("DESK-2", "main")
        self.listing.sku = "DESK-2"
        self.run_all()
        self.run_sweep()
        self.run_all()
        print("D", self.publication().state, self.shown("DESK-2"), self.shown("DESK"))
        self.assertEqual(self.shown("DESK-2"), 10)

    def test_d2_location_external_changed(self):
        self.receive(self.product, 10)
        self.run_all()
        self.add_shop_item("DESK", "shop")
        self.place.external_id = "shop"
        self.run_all()
        self.run_sweep()
        self.run_all()
        print("D2", self.publication().state, self.shown("DESK", "shop"))
        self.assertEqual(self.shown("DESK", "shop"), 10)

    # E
    def test_e_go_live_again(self):
        self.receive(self.product, 10)
        self.run_all()
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        lv = self.shop.books.levels[("DESK", "main")]
        self.shop.books.show("DESK", "main", Decimal(25), lv.sequence)
        self.channel.action_go_live()
        self.run_all()
        print("E", self.publication().state, self.shown())
        self.assertEqual(self.shown(), 10)

    # F
    def test_f1_shelf_moved_out(self):
        other = self.env["stock.location"].create(
            {"name": "Elsewhere", "location_id": self.warehouse.view_location_id.id}
        )
        self.receive(self.product, 10, self.shelf)
        self.run_all()
        self.shelf.location_id = other
        self.run_all()
        print("F1", self.shown(), self.numbers()["on_hand"])
        self.assertEqual(self.shown(), 0)

    def test_f2_overlap_by_move(self):
        a = self.env["stock.location"].create(
            {"name": "A", "location_id": self.stock.id}
        )
        b = self.env["stock.location"].create(
            {"name": "B", "location_id": self.stock.id}
        )
        self.place.location_ids = a
        two = self.make_place(self.channel, "shop", b)
        self.add_shop_item("DESK", "shop")
        self.receive(self.product, 1, b)
        b.location_id = a
        self.run_all()
        self.run_sweep()
        self.run_all()
        print("F2", self.shown("DESK", "main"), self.shown("DESK", "shop"))
        self.assertLessEqual(self.shown("DESK", "main") + self.shown("DESK", "shop"), 1)

    # G
    def test_g_nested_kit(self):
        comp = self.make_product("Comp", "COMP")
        inner = self.make_product("Inner", "INNER")
        outer = self.make_product("Outer", "OUTER")
        bom = self.make_kit(inner, {comp: 1})
        self.make_kit(outer, {inner: 1})
        listing = self.make_listing(self.channel, outer, "OUTER")
        self.add_shop_item("OUTER", "main")
        self.receive(comp, 10)
        self.run_all()
        self.assertEqual(self.shown("OUTER"), 10)
        bom.bom_line_ids.product_qty = 5
        self.run_all()
        print("G", self.shown("OUTER"), self.numbers(listing)["wire"])
        self.assertEqual(self.shown("OUTER"), 2)

    # H
    def _ship(self, order):
        picking = order.sale_order_id.picking_ids
        picking.move_ids.picked = True
        picking.with_context(skip_backorder=True).button_validate()

    def test_h1_starvation(self):
        self.receive(self.product, 20)
        self.run_all()
        for n in range(4):
            self._ship(
                self.order(order_id=f"o{n}", lines=[self.line_data("1", "DESK", 1)])
            )
        other = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, other, "LAMP")
        self.add_shop_item("LAMP", "main", 50)
        self.receive(other, 3)
        self.run_compute()
        from odoo.addons.stock_channel_hub.connectors.rest import RestConnector

        with patch.object(
            RestConnector, "report_shipment", side_effect=RetryLater("503")
        ):
            for n in range(4):
                self.channel.next_attempt_at = False  # the time has passed
                self.run_publish()
                print("H1", n, self.shown("LAMP"), self.channel.failure_count)
        self.assertEqual(self.shown("LAMP"), 3)

    def test_h2_retry_after(self):
        self.receive(self.product, 20)
        self.run_all()
        self._ship(self.order(order_id="o1", lines=[self.line_data("1", "DESK", 1)]))
        self.run_compute()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE stock_channel_publication SET state='unknown' WHERE id=%s",
            [self.publication().id],
        )
        self.env.invalidate_all()
        from odoo.addons.stock_channel_hub.connectors.rest import RestConnector

        calls = []
        orig = RestConnector.fetch_quantities

        def spy(s, keys):
            calls.append(keys)
            return orig(s, keys)

        with (
            patch.object(
                RestConnector,
                "report_shipment",
                side_effect=RateLimited("429", after=600),
            ),
            patch.object(RestConnector, "fetch_quantities", spy),
        ):
            self.run_publish()
        print(
            "H2", len(calls), self.channel.next_attempt_at, self.channel.failure_count
        )
        self.assertTrue(self.channel.next_attempt_at, "Retry-After was forgotten")
        self.assertFalse(calls)

    # I
    def test_i_three_decimals(self):
        gram = self.env.ref("uom.product_uom_gram")
        kg = self.env.ref("uom.product_uom_kgm")
        p = self.make_product("Saffron", "SAF", uom_id=gram.id)
        listing = self.make_listing(self.channel, p, "SAF", uom_id=kg.id)
        self.add_shop_item("SAF", "main")
        self.receive(p, 1125)
        self.run_all()
        pub = self.publication(listing)
        print(
            "I0",
            listing.is_whole_units,
            pub.wanted_qty,
            pub.state,
            pub.expected_qty,
            self.shown("SAF"),
        )
        self.receive(p, -1000)
        for _ in range(4):
            self.run_all()
            self.run_poll()
            self.channel.next_attempt_at = False
        print("I1", pub.wanted_qty, pub.state, pub.expected_qty, self.shown("SAF"))
        self.assertEqual(self.shown("SAF"), 0.125)

    # J
    def test_j_history_order(self):
        self.receive(self.product, 10)
        line = self.line_data("1", "DESK", 2, fulfilled_quantity="2")
        order = self.order(lines=[line])
        self.env.invalidate_all()
        print(
            "J",
            order.sale_order_id,
            order.sale_order_id.picking_ids.mapped("state"),
            self.numbers(),
        )
        self.assertFalse(
            order.sale_order_id.picking_ids.filtered(
                lambda p: p.state not in ("done", "cancel")
            )
        )

    # K
    def test_k1_partner_pricelist_currency(self):
        self.env.user.group_ids += self.env.ref("product.group_product_pricelist")
        cur = (
            self.env["res.currency"]
            .with_context(active_test=False)
            .search([("name", "not in", [self.company.currency_id.name])], limit=1)
        )
        cur.active = True
        pl = self.env["product.pricelist"].create({"name": "X", "currency_id": cur.id})
        partner = self.env["res.partner"].create(
            {"name": "Ada", "email": "ada@example.com"}
        )
        partner.property_product_pricelist = pl
        self.env.ref("base.group_user").implied_ids += self.env.ref(
            "product.group_product_pricelist"
        )
        self.receive(self.product, 10)
        order = self.order()
        print(
            "K1",
            order.sale_order_id.currency_id.name,
            order.currency_id.name,
            self.open_exceptions().mapped("title"),
        )
        self.assertTrue(
            order.sale_order_id.currency_id == order.currency_id
            or self.open_exceptions()
        )

    def test_k2_pricelist_discount(self):
        self.env.ref("base.group_user").implied_ids += self.env.ref(
            "product.group_product_pricelist"
        )
        self.env.ref("base.group_user").implied_ids += self.env.ref(
            "sale.group_discount_per_so_line"
        )
        pl = self.env["product.pricelist"].create(
            {
                "name": "X",
                "item_ids": [
                    (
                        0,
                        0,
                        {
                            "compute_price": "percentage",
                            "percent_price": 10,
                            "applied_on": "3_global",
                        },
                    )
                ],
            }
        )
        self.channel.pricelist_id = pl
        self.receive(self.product, 10)
        order = self.order()
        print(
            "K2",
            order.sale_order_id.order_line.discount,
            order.sale_order_id.amount_total,
            self.open_exceptions().mapped("title"),
        )
        self.assertFalse(order.sale_order_id.order_line.discount)

    # L
    def test_l_manager_writes_state(self):
        manager = self.make_user("group_manager")
        channel = self.channel.with_user(manager)
        for vals in (
            {"polled_at": "2030-01-01", "poll_last_message": 0},
            {"order_cursor": "2030-01-01"},
            {"state": "draft"},
        ):
            with self.subTest(vals=vals), self.assertRaises(AccessError):
                channel.write(vals)
                channel.flush_recordset()
        print("L", channel.state, channel.order_cursor)

    # M
    def test_m_reader_maps(self):
        reader = self.make_user("group_user")
        reader.group_ids += self.env.ref("stock.group_stock_manager")
        loc = self.env["stock.location"].create(
            {"name": "Secret", "location_id": self.warehouse.view_location_id.id}
        )
        two = self.make_place(self.channel, "shop", self.env["stock.location"])
        with self.assertRaises(AccessError):
            self.shelf.with_user(reader).write({"channel_location_ids": [(4, two.id)]})
            self.env.flush_all()
            self.env.invalidate_all()
            print(
                "M",
                two.location_ids.mapped("complete_name"),
                self.place.location_ids.mapped("complete_name"),
            )

    # N
    def test_n_history_deleted(self):
        self.receive(self.product, 10)
        self.run_all()
        log = self.env["stock.channel.publication.log"].search(
            [("channel_id", "=", self.channel.id)]
        )
        self.assertTrue(log)
        with self.assertRaises(Exception):
            self.listing.with_user(self.make_user("group_admin")).unlink()
            self.env.flush_all()
            self.env.invalidate_all()
            print("N", log.exists(), self.shown())

    # O
    def test_o_archived_listing(self):
        self.receive(self.product, 10)
        self.run_all()
        self.listing.active = False
        self.receive(self.product, -10)
        self.run_all()
        self.run_sweep()
        self.run_all()
        print(
            "O", self.shown(), self.publication().with_context(active_test=False).state
        )
        self.assertEqual(self.shown(), 0)

    def test_o2_archived_place(self):
        self.receive(self.product, 10)
        self.run_all()
        self.place.active = False
        self.receive(self.product, -10)
        self.run_all()
        self.run_sweep()
        self.run_all()
        print("O2", self.shown())
        self.assertEqual(self.shown(), 0)

    # P
    def test_p_ignored_then_mapped(self):
        new = self.make_product("New", "NEW")
        self.receive(new, 5)
        order = self.order(lines=[self.line_data("1", "NEW", 1)])
        self.open_exceptions().action_ignore()
        self.make_listing(self.channel, new, "NEW")
        self.run_inbox()
        self.env.invalidate_all()
        print(
            "P",
            order.state,
            order.line_ids.listing_id,
            order.message_log_ids.mapped("state"),
            self.open_exceptions().mapped("title"),
        )
        self.assertEqual(order.state, "applied")

    # Q
    def test_q_address_changed(self):
        self.receive(self.product, 10)
        order = self.order()
        data = self.order_data(version=2)
        data["shipping_address"]["street"] = "99 Other Street"
        self.deliver("order.updated", data)
        self.run_inbox()
        self.env.invalidate_all()
        print(
            "Q",
            order.sale_order_id.partner_shipping_id.street,
            order.sale_order_id.picking_ids.partner_id.street,
            order.message_log_ids.mapped("note"),
            self.open_exceptions().mapped("title"),
        )
        self.assertTrue(
            order.sale_order_id.picking_ids.partner_id.street == "99 Other Street"
            or self.open_exceptions()
        )

    def test_q2_location_changed(self):
        wh2 = self.env["stock.warehouse"].create({"name": "South", "code": "HUBS"})
        two = self.make_place(self.channel, "shop", wh2.lot_stock_id)
        self.receive(self.product, 10)
        self.receive(self.product, 10, wh2.lot_stock_id)
        order = self.order()
        order = self.order(
            version=2, lines=[self.line_data("1", "DESK", 2, location_id="shop")]
        )
        self.env.invalidate_all()
        print(
            "Q2",
            order.sale_order_id.order_line.warehouse_id.name,
            order.line_ids.assigned_location_id.name,
            order.line_ids.channel_location_id.name,
            order.message_log_ids.mapped("note"),
            self.open_exceptions().mapped("title"),
        )
        self.assertTrue(
            order.sale_order_id.order_line.warehouse_id == wh2 or self.open_exceptions()
        )

    # R
    def test_r_spin(self):
        self.deliver("order.updated", self.order_data(version=1), key="k1")
        self.deliver("order.updated", self.order_data(version=2), key="k2")
        first = self.env["stock.channel.message"].search([], order="id", limit=1)
        first.sudo().write(
            {"next_attempt_at": fields.Datetime.now() + timedelta(minutes=10)}
        )
        self.env.flush_all()
        Message = self.env["stock.channel.message"]
        claimed = Message._claim(True) | Message._claim(False)
        print("R", claimed, Message._count_due())
        self.assertFalse(claimed)
        self.assertEqual(Message._count_due(), 0)

    # S
    def test_s_kits(self):
        comp = self.make_product("Comp", "COMP")
        import time

        for size in (20, 100):
            for n in range(size):
                kit = self.make_product(f"K{size}{n}", f"K{size}-{n}")
                self.make_kit(kit, {comp: 1})
                self.make_listing(self.channel, kit, f"K{size}-{n}")
            self.run_compute()
            self.receive(self.product, 1)
            self.env.flush_all()
            self.env.cr.flush()
            from odoo.sql_db import BaseCursor

            before = self.env.cr._obj if False else None
            import odoo.sql_db as s

            t = time.time()
            c0 = self.cr.sql_log_count if hasattr(self.cr, "sql_log_count") else 0
            self.run_compute()
            print(
                "S",
                size,
                round(time.time() - t, 2),
                (self.cr.sql_log_count if hasattr(self.cr, "sql_log_count") else 0)
                - c0,
            )

    # W
    def test_w_precommit_error(self):
        import psycopg2

        mixin = self.env["stock.channel.mixin"]
        tries = []

        def work():
            tries.append(1)
            if len(tries) == 1:

                def boom():
                    raise psycopg2.errors.SerializationFailure("x")

                mixin.env.cr.precommit.add(boom)

        try:
            mixin._in_transaction(work)
        except Exception as e:
            print("W raised", type(e))
            raise
        self.assertEqual(len(tries), 2)

    # Y
    def test_z_cancel_unmapped_location(self):
        self.receive(self.product, 10)
        order = self.order()
        self.place.external_id = "renamed"
        order = self.order(version=2, status="cancelled")
        self.env.invalidate_all()
        print(
            "Z",
            order.state,
            order.sale_order_id.state,
            self.open_exceptions().mapped("title"),
        )
        self.assertEqual(order.sale_order_id.state, "cancel")
