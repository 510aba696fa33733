from collections import Counter
from datetime import timedelta

from lxml import etree

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools.safe_eval import safe_eval

from .clock import ClockCase
from .return_common import ReturnCase
from .statements import counted

READ = (
    "channel_order_ref",
    "has_channel_order_page",
    "channel_promise_state",
    "channel_report_state",
    "channel_report_text",
    "channel_exception_count",
)


class PagesCase(ClockCase):
    def make_readers(self):
        self.reader = self.make_user("group_user")
        self.reader.group_ids |= self.env.ref("stock.group_stock_user")
        self.reader.group_ids |= self.env.ref(
            "sales_team.group_sale_salesman_all_leads"
        )
        self.env.flush_all()
        self.env.invalidate_all()

    def clerk(self):
        return self.env["res.users"].create(
            {
                "name": "Clerk",
                "login": "pages-orders",
                "group_ids": [
                    (
                        6,
                        0,
                        [
                            self.env.ref("stock.group_stock_user").id,
                            self.env.ref("sales_team.group_sale_salesman_all_leads").id,
                        ],
                    )
                ],
            }
        )

    def page(self, record):
        record = record.with_user(self.reader)
        self.env.flush_all()
        self.env.invalidate_all()
        return record


@tagged("post_install", "-at_install")
class TestOrderPage(PagesCase):
    """The channel's order on the pages of the sale order and its deliveries."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 100)
        self.channel_order = self.order()
        self.sale = self.channel_order.sale_order_id
        self.picking = self.sale.picking_ids
        self.make_readers()

    # ------------------------------------------------------------------ link

    def test_reference_without_a_page_is_no_link(self):
        for record in (self.sale, self.picking):
            page = self.page(record)
            self.assertEqual(page.channel_order_ref, self.channel_order.name)
            self.assertFalse(page.has_channel_order_page)
            with self.assertRaisesRegex(UserError, "Page of an Order"):
                page.action_open_at_channel()

    def test_template_of_the_channel_makes_the_link(self):
        self.channel.order_page = "https://shop.example.com/admin/orders/{id}?tab=1"
        for record in (self.sale, self.picking):
            page = self.page(record)
            self.assertTrue(page.has_channel_order_page)
            self.assertEqual(
                page.action_open_at_channel(),
                {
                    "type": "ir.actions.act_url",
                    "url": "https://shop.example.com/admin/orders/1001?tab=1",
                    "target": "new",
                },
            )

    def test_connector_that_knows_its_pages_makes_the_link(self):
        shop = self.env["stock.channel"].create(
            {
                "name": "Woo",
                "connector": "woocommerce",
                "base_url": "https://woo.example.com/wp-json",
            }
        )
        self.assertEqual(
            shop._order_url("7"),
            "https://woo.example.com/wp-admin/post.php?post=7&action=edit",
        )
        shop.base_url = "http://woo.example.com"
        self.assertFalse(shop._order_url("7"))

    def test_page_of_an_order_is_https_and_names_the_order(self):
        for address in (
            "http://shop.example.com/{id}",
            "https://shop.example.com/orders",
            "javascript:alert({id})",
            "https://user@shop.example.com/{id}",
        ):
            with self.subTest(address=address), self.assertRaises(ValidationError):
                self.channel.order_page = address

    def test_only_administrators_say_where_links_lead(self):
        manager = self.make_user("group_manager")
        with self.assertRaises(AccessError):
            self.channel.with_user(manager).order_page = "https://a.example/{id}"

    def test_channel_order_and_its_exceptions_open(self):
        exception = self.env["stock.channel.exception"]._open(
            self.channel,
            category="data",
            fingerprint="pages",
            title="Odd",
            channel_order_id=self.channel_order.id,
        )
        for record in (self.sale, self.picking):
            page = self.page(record)
            self.assertEqual(page.channel_exception_count, 1)
            action = page.action_open_channel_exceptions()
            self.assertEqual(
                self.env[action["res_model"]].search(action["domain"]), exception
            )
            action = page.action_open_channel_order()
            self.assertEqual(action["res_id"], self.channel_order.id)

    # --------------------------------------------------------------- promise

    def test_promise_is_ahead_due_today_late_and_kept(self):
        now = self.env.cr.now()
        expected = (
            (timedelta(days=3), "ahead"),
            (timedelta(hours=2), "today"),
            (-timedelta(minutes=1), "late"),
        )
        for delta, state in expected:
            with self.subTest(state=state):
                self.sale.commitment_date = now + delta
                for record in (self.sale, self.picking):
                    page = self.page(record)
                    self.assertEqual(page.channel_promised_at, now + delta)
                    self.assertEqual(page.channel_promise_state, state)
        self.picking.move_ids.picked = True
        self.picking.button_validate()
        for record in (self.sale, self.picking):
            self.assertEqual(self.page(record).channel_promise_state, "kept")

    def test_nobody_waits_for_what_was_cancelled(self):
        self.sale.commitment_date = self.env.cr.now() - timedelta(days=1)
        self.sale._action_cancel()
        for record in (self.sale, self.picking):
            self.assertFalse(self.page(record).channel_promise_state)

    # ---------------------------------------------------------------- report

    def reports(self):
        return [
            (
                self.page(record).channel_report_state,
                self.page(record).channel_report_text,
            )
            for record in (self.sale, self.picking)
        ]

    def test_report_waits_is_told_or_refused(self):
        self.assertEqual(self.reports(), [(False, False)] * 2)
        self.picking.move_ids.picked = True
        self.picking.button_validate()
        self.assertEqual(
            self.reports(), [("waiting", "It is told within minutes.")] * 2
        )
        report = self.picking.channel_fulfillment_ids
        report.sudo().last_error = "Timed out"
        self.assertEqual(
            self.reports(), [("waiting", "It is tried again by itself: Timed out")] * 2
        )
        report.sudo().write({"state": "rejected", "last_error": "No such line"})
        self.assertEqual(
            self.reports(), [("refused", "The channel refused it: No such line")] * 2
        )
        report.sudo().write({"state": "done", "reported_at": self.env.cr.now()})
        for state, text in self.reports():
            self.assertEqual(state, "told")
            self.assertTrue(text.startswith("Told on "), text)
        report.sudo().by_channel = True
        self.assertEqual(self.reports()[0][1], "The channel shipped it itself.")

    # ----------------------------------------------------------------- lists

    def search(self, name):
        """Return what a shipped filter finds, as the reader."""
        pickings = self.env["stock.picking"].with_user(self.reader)
        view = self.env.ref("stock.view_picking_internal_search")
        arch = pickings.get_views([(view.id, "search")])["views"]["search"]["arch"]
        [node] = etree.fromstring(arch).xpath(f"//filter[@name='{name}']")
        domain = safe_eval(node.get("domain"))
        self.env.flush_all()
        self.env.invalidate_all()
        return pickings.search(domain)

    def test_filters_sort_the_day(self):
        now = self.env.cr.now()
        late = self.order("1002").sale_order_id
        ahead = self.order("1003").sale_order_id
        own = self.make_move(self.product, 1, self.stock, self.customers).picking_id
        own.date_deadline = now - timedelta(days=1)
        self.sale.commitment_date = now + timedelta(hours=1)
        late.commitment_date = now - timedelta(days=2)
        ahead.commitment_date = now + timedelta(days=2)
        mine = self.picking | late.picking_ids | ahead.picking_ids
        found = self.search("channel_orders").sudo()
        self.assertEqual(set(found & (mine | own)), set(mine))
        self.assertEqual(self.search("channel_promised_today").sudo(), self.picking)
        found = self.search("channel_promise_late").sudo()
        self.assertEqual(found & (mine | own), late.picking_ids)

    def test_list_is_grouped_and_sorted_by_the_channel(self):
        pickings = self.env["stock.picking"].with_user(self.reader)
        described = pickings.fields_get(["stock_channel_id", "channel_promised_at"])
        self.assertTrue(described["stock_channel_id"]["groupable"])
        self.assertTrue(described["channel_promised_at"]["sortable"])
        groups = dict(
            pickings._read_group(
                [("id", "in", self.picking.ids)], ["stock_channel_id"], ["__count"]
            )
        )
        self.assertEqual(groups, {self.channel.with_user(self.reader): 1})
        other = self.order("1002").sale_order_id
        self.sale.commitment_date = self.env.cr.now() + timedelta(days=2)
        other.commitment_date = self.env.cr.now() + timedelta(days=1)
        both = self.picking | other.picking_ids
        found = pickings.search([("id", "in", both.ids)], order="channel_promised_at")
        self.assertEqual(found.ids, (other.picking_ids + self.picking).ids)

    def statements(self, records):
        # As a list has them: prefetched together, not by way of another record.
        records = records.browse(records.ids)
        self.env.flush_all()
        self.env.invalidate_all()
        with counted() as texts:
            records.with_user(self.reader).read(
                [*READ, "channel_return_ids", "stock_channel_id"]
            )
        return dict(Counter(text[:300] for text in texts))

    def test_eighty_rows_take_as_many_statements_as_two(self):
        for number in range(80):
            self.deliver("order.updated", self.order_data(f"E{number}", 1))
        self.run_inbox()
        sales = self.env["sale.order"].search(
            [("stock_channel_id", "=", self.channel.id)], limit=80
        )
        self.assertEqual(len(sales), 80)
        for records in (sales, sales.picking_ids):
            with self.subTest(model=records._name):
                self.statements(records[:1])
                few = self.statements(records[:2])
                self.assertEqual(self.statements(records), few)

    # ---------------------------------------------------------------- others

    def test_who_reads_no_channels_sees_the_pages_unchanged(self):
        clerk = self.clerk()
        # Fetched unseen, for what it hides.
        known = {"stock_channel_id"}
        for record in (self.sale, self.picking):
            views = record.with_user(clerk).get_views(
                [(False, "form"), (False, "list"), (False, "kanban"), (False, "search")]
            )["views"]
            for view in views.values():
                names = {
                    node.get("name") or ""
                    for node in etree.fromstring(view["arch"]).iter()
                }
                found = {name for name in names if "channel" in name} - known
                self.assertFalse(found)
            with Form(record.with_user(clerk)) as form:
                form.note = "Seen"
            with self.assertRaises(AccessError):
                record.with_user(clerk).read(["channel_order_ref"])

    def test_warehouse_sees_the_channel_of_somebody_elses_order(self):
        salesman = self.make_user("group_user")
        salesman.group_ids |= self.env.ref("stock.group_stock_user")
        page = self.picking.with_user(salesman)
        self.env.invalidate_all()
        self.assertEqual(page.stock_channel_id.name, "Test Shop")
        self.assertEqual(page.channel_order_ref, self.channel_order.name)

    def test_other_transfers_have_no_channel(self):
        picking = self.env["stock.picking"].create(
            {
                "picking_type_id": self.warehouse.in_type_id.id,
                "location_id": self.suppliers.id,
                "location_dest_id": self.stock.id,
            }
        )
        page = self.page(picking)
        [values] = page.read([*READ, "stock_channel_id", "channel_return_ids"])
        values.pop("id")
        self.assertFalse(any(values.values()))
        with self.assertRaisesRegex(UserError, "No order of a channel"):
            page.action_open_channel_order()


@tagged("post_install", "-at_install")
class TestReturnPage(PagesCase, ReturnCase):
    """The clock of a return, on the sale order and on the transfer that brings it."""

    def setUp(self):
        super().setUp()
        self.make_readers()
        self.channel.inspection_days = 3

    def standing(self, returned):
        one = self.page(returned)
        return (
            one.clock_state,
            one.inspect_due_on or None,
            one.days_left,
            one.clock_text,
        )

    def test_clock_runs_from_announced_to_inspected(self):
        returned = self.announce(2, line={"disposition": "inspect"})
        self.assertEqual(
            self.standing(returned)[:3] + (returned.clock_text,),
            ("announced", None, 0, "Announced today, not here yet"),
        )
        [transfer] = self.open_transfers(returned)
        transfer.move_ids.picked = True
        transfer.button_validate()
        today = fields.Date.to_date(self.env.cr.now())
        due = today + timedelta(days=3)
        self.assertEqual(
            self.standing(returned), ("inspect", due, 3, "Inspect within 3 days")
        )
        self.go_to(self.env.cr.now() + timedelta(days=3))
        self.assertEqual(self.standing(returned), ("inspect", due, 0, "Inspect today"))
        self.go_to(self.env.cr.now() + timedelta(days=2))
        self.assertEqual(
            self.standing(returned),
            ("overdue", due, -2, "Inspection overdue by 2 days"),
        )
        returned.line_ids.with_user(self.operator()).action_accept()
        self.assertEqual(
            self.standing(returned), ("done", None, 0, "All of it inspected")
        )

    def test_days_pass_while_nothing_comes(self):
        returned = self.announce(1)
        self.env.cr.execute(
            "UPDATE stock_channel_return SET create_date = %s WHERE id = %s",
            [self.env.cr.now() - timedelta(days=6), returned.id],
        )
        self.env.invalidate_all()
        self.assertEqual(
            self.standing(returned),
            ("announced", None, 0, "Announced 6 days ago, not here yet"),
        )

    def test_sale_order_lists_its_returns(self):
        returned = self.announce(1)
        sale = self.order_record.sale_order_id
        self.assertEqual(self.page(sale).channel_return_ids, returned)
        self.assertFalse(self.page(self.order("1002").sale_order_id).channel_return_ids)

    def test_transfer_says_what_comes_back_and_what_to_do(self):
        returned = self.announce(2, line={"disposition": "inspect"})
        [transfer] = self.open_transfers(returned)
        page = self.page(transfer)
        self.assertEqual(page.channel_return_ids, returned)
        [line] = page.channel_return_line_ids
        self.assertEqual(
            (line.product_id, line.quantity, line.disposition),
            (self.product, 2.0, "inspect"),
        )
        self.assertFalse(self.page(self.picking).channel_return_ids)

    def test_delivery_of_the_channel_keeps_its_promise_only_when_it_leaves(self):
        returned = self.announce(2)
        [transfer] = self.open_transfers(returned)
        self.assertFalse(self.page(transfer).channel_promise_state)
