from datetime import timedelta

from odoo.tests import tagged

from .clock import NOON
from .test_review import ReviewCase, at


class FindingCase(ReviewCase):
    """A review made by hand over the days up to the present."""

    def find(self, kind, name, channel=None):
        review = self.make(kind)
        return review.finding_ids.filtered(
            lambda f: f.kind == name and f.channel_id == (channel or self.channel)
        )

    def make(self, kind, company=None):
        self.env.flush_all()
        reviews = self.env["stock.channel.review"].sudo()
        company = company or self.company
        day = self.env.cr.now().date() + timedelta(days=len(reviews.search([])))
        values = reviews._prepare(company, kind, day)
        review = reviews.create(
            {**values, "start_at": NOON - timedelta(days=31), "end_at": at(2027, 1, 1)}
        )
        review._fill()
        return review


@tagged("post_install", "-at_install")
class TestDailyFindings(FindingCase):
    def setUp(self):
        super().setUp()
        self.receive(self.product, 5)
        self.run_all()

    def test_quiet_day_says_that_all_was_looked_at(self):
        review = self.make("daily")
        self.assertEqual(
            review.finding_ids.mapped("kind"),
            ["match", "orders", "failures", "mismatches", "sold_out", "late", "held"]
            + ["paused"],
        )
        unknown = review.finding_ids.filtered(lambda f: f.state == "unknown")
        self.assertEqual(set(unknown.mapped("kind")), {"match", "orders"})
        others = review.finding_ids - unknown
        self.assertEqual(set(others.mapped("state")), {"clear"})

    def test_sold_out_and_still_shown_in_money(self):
        self.pass_time(60)
        # The shop never took the zero: it is paused while the last one is sold here.
        self.listing.is_paused = True
        move = self.make_move(self.product, 5, self.stock, self.customers)
        self.finish(move)
        self.run_all()
        self.assertEqual(self.shown(), 5.0)
        finding = self.find("daily", "sold_out")
        self.assertEqual(
            (finding.state, finding.count, finding.value), ("open", 1, 50.0)
        )
        self.assertIn("DESK", finding.fact)
        self.assertEqual(
            self.env["stock.channel.publication"].search(
                finding.action_open()["domain"]
            ),
            self.publication(),
        )

    def test_zero_that_the_channel_took_is_no_finding(self):
        self.finish(self.make_move(self.product, 5, self.stock, self.customers))
        self.run_all()
        self.assertEqual(self.shown(), 0.0)
        self.assertEqual(self.find("daily", "sold_out").state, "clear")

    def test_last_reading_counts_when_it_is_the_newest(self):
        self.finish(self.make_move(self.product, 5, self.stock, self.customers))
        self.run_all()
        self.pass_time(60)
        self.publication().write({"observed_qty": 2.0, "observed_at": NOON})
        self.publication().expected_at = NOON - timedelta(hours=1)
        self.assertEqual(self.find("daily", "sold_out").value, 20.0)
        self.publication().expected_at = NOON + timedelta(hours=1)
        self.assertEqual(self.find("daily", "sold_out").state, "clear")

    def test_failures_by_category_and_those_that_are_new(self):
        exceptions = self.env["stock.channel.exception"]
        for number in range(3):
            exceptions._open(
                self.channel, category="data", fingerprint=f"d{number}", title="Data"
            )
        exceptions.search([], limit=1).first_seen_at = NOON - timedelta(days=60)
        exceptions._open(self.channel, category="mapping", fingerprint="m", title="Map")
        finding = self.find("daily", "failures")
        self.assertEqual((finding.state, finding.count), ("open", 4))
        self.assertIn("Data 3", finding.fact)
        self.assertIn("3 came up", finding.fact)

    def test_numbers_that_differ_by_kind(self):
        self.publication().write({"drift": "edited"})
        finding = self.find("daily", "mismatches")
        self.assertEqual((finding.state, finding.count), ("open", 1))
        self.assertEqual(finding.fact, "Edited at the Channel 1")

    def test_late_numbers(self):
        self.receive(self.product, 1)
        self.run_compute()
        self.publication().changed_at = NOON - timedelta(hours=9)
        finding = self.find("daily", "late")
        self.assertEqual((finding.state, finding.count), ("open", 1))
        self.assertIn("DESK @ main", finding.fact)

    def test_paused_for_a_day_and_for_less(self):
        self.listing.is_paused = True
        self.env.flush_all()
        self.pass_time(23 * 3600)
        self.assertEqual(self.find("daily", "paused").state, "clear")
        self.pass_time(2 * 3600)
        finding = self.find("daily", "paused")
        self.assertEqual((finding.state, finding.count), ("open", 1))
        self.listing.title = "Touched meanwhile"
        self.assertEqual(self.find("daily", "paused").state, "open")
        self.listing.is_paused = False
        self.assertEqual(self.find("daily", "paused").state, "clear")
        self.channel.action_pause()
        self.env.flush_all()
        self.pass_time(25 * 3600)
        self.assertIn("Test Shop", self.find("daily", "paused").fact)

    def test_match_comes_into_the_review_when_it_is_done(self):
        self.channel.drift_rule = "exception"
        self.run_reviews(NOON + timedelta(minutes=1))
        review = self.reviews()
        match = review.match_ids
        finding = review.finding_ids.filtered(lambda f: f.kind == "match")
        self.assertEqual(
            (finding.state, finding.fact), ("unknown", "The channel is being read.")
        )
        self.shop.books.levels["DESK", "main"].quantity += 4
        for _reading in range(3):
            self.pass_time(90)
            self.run_poll()
        self.run_job("stock.channel.match", "_cron_match")
        self.assertEqual(match.state, "done")
        self.assertEqual(
            (finding.state, finding.count, finding.value), ("open", 1, 40.0)
        )
        self.assertIn("Edited at the Channel: 1", finding.fact)
        self.assertEqual(
            review.open_count,
            len(review.finding_ids.filtered(lambda f: f.state == "open")),
        )

    def test_each_company_finds_its_own_in_its_own_currency(self):
        euro = (
            self.env["res.currency"]
            .with_context(active_test=False)
            .search([("name", "=", "JPY")])
        )
        euro.active = True
        other = self.env["res.company"].create(
            {"name": "Elsewhere", "currency_id": euro.id}
        )
        there = self.make_channel(name="There", company_id=other.id)
        there.sudo().state = "shadow"
        self.env["stock.channel.exception"]._open(
            there, category="data", fingerprint="there", title="There"
        )
        mine = self.make("daily")
        theirs = self.make("daily", other)
        self.assertEqual(mine.finding_ids.channel_id, self.channel)
        self.assertEqual(theirs.finding_ids.channel_id, there)
        self.assertEqual(theirs.currency_id, euro)
        self.assertEqual((mine.open_count, theirs.open_count), (0, 1))


@tagged("post_install", "-at_install")
class TestWeeklyFindings(FindingCase):
    def test_new_items_are_counted_within_the_period(self):
        finding = self.find("weekly", "new_items")
        self.assertEqual((finding.state, finding.count), ("noted", 1))
        self.env.cr.execute(
            "UPDATE stock_channel_listing SET create_date = %s",
            [NOON - timedelta(days=90)],
        )
        self.env.invalidate_all()
        self.assertEqual(self.find("weekly", "new_items").state, "clear")

    def test_kit_of_which_a_component_changed(self):
        kit = self.make_product("Set", "SET")
        bom = self.make_kit(kit, {self.product: 2})
        self.make_listing(self.channel, kit, "SET")
        unsold = self.make_product("Unsold", "UNSOLD")
        self.make_kit(unsold, {self.product: 1})
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mrp_bom SET write_date = %s", [NOON - timedelta(days=90)]
        )
        finding = self.find("weekly", "bundles")
        self.assertEqual(
            self.env["mrp.bom"].search(finding.action_open()["domain"]), bom
        )
        self.env.cr.execute(
            "UPDATE mrp_bom_line SET write_date = %s", [NOON - timedelta(days=90)]
        )
        self.assertEqual(self.find("weekly", "bundles").state, "clear")

    def test_maps_from_the_audit(self):
        audit = self.env["stock.channel.audit"]
        audit._log(self.listing, "changed")
        audit._log(self.place, "changed")
        audit._log(self.channel, "changed")
        finding = self.find("weekly", "maps")
        self.assertEqual(
            (finding.fact, finding.count),
            ("Changed 2, Created 2", 4),
            "the listing and the location of this test were made this week, too",
        )
        self.assertEqual(finding.state, "noted")

    def test_unmapped_ids_and_places(self):
        self.order(lines=[self.line_data("1", "NOBODY", 1)])
        self.make_place(self.channel, "empty", self.env["stock.location"])
        finding = self.find("weekly", "unmapped")
        self.assertEqual((finding.state, finding.count), ("open", 2))


@tagged("post_install", "-at_install")
class TestMonthlyFindings(FindingCase):
    def test_credentials_and_secrets(self):
        self.assertEqual(self.find("monthly", "credentials").state, "clear")
        self.channel.sudo().credentials_set_at = NOON - timedelta(days=366)
        self.channel.secret_ids.valid_to = NOON + timedelta(days=40)
        finding = self.find("monthly", "credentials")
        self.assertEqual((finding.state, finding.count), ("open", 2))
        self.assertIn("over a year old", finding.fact)
        self.assertIn("1/2/27", finding.fact)
        self.channel.secret_ids.valid_to = NOON - timedelta(days=1)
        self.assertIn("No signing secret", self.find("monthly", "credentials").fact)

    def test_secrets_value_is_in_no_finding(self):
        value = self.channel.sudo().secret_ids.value
        facts = " ".join(self.make("monthly").finding_ids.mapped("fact"))
        self.assertNotIn(value, facts)

    def test_write_offs_at_cost_and_no_corrections_of_stock(self):
        self.product.standard_price = 7.0
        self.receive(self.product, 10)
        scrap = self.env["stock.scrap"].create(
            {
                "product_id": self.product.id,
                "scrap_qty": 3,
                "location_id": self.stock.id,
            }
        )
        scrap.do_scrap()
        quant = self.env["stock.quant"].search(
            [("product_id", "=", self.product.id), ("location_id", "=", self.stock.id)]
        )
        quant.with_context(inventory_mode=True).inventory_quantity = 5
        quant.action_apply_inventory()
        self.env["stock.move.line"].search([]).date = NOON
        finding = self.find("monthly", "write_offs")
        self.assertEqual((finding.state, finding.count), ("noted", 1))
        self.assertEqual(finding.value, 21.0)

    def test_transfers_between_two_locations_and_not_within_one(self):
        self.product.standard_price = 7.0
        south = self.env["stock.warehouse"].create({"name": "South", "code": "STH"})
        self.make_place(self.channel, "south", south.lot_stock_id)
        self.receive(self.product, 10)
        self.finish(self.make_move(self.product, 4, self.stock, south.lot_stock_id))
        self.finish(self.make_move(self.product, 2, self.stock, self.shelf))
        self.env["stock.move.line"].search([]).date = NOON
        finding = self.find("monthly", "transfers")
        self.assertEqual((finding.count, finding.value), (1, 28.0))
        self.env["stock.move.line"].search([]).date = NOON - timedelta(days=40)
        self.assertEqual(self.find("monthly", "transfers").state, "clear")

    def test_counts_applied_in_money(self):
        approvals = self.env["stock.channel.approval"].sudo()
        for state, value, decided in (
            ("applied", 120.0, NOON),
            ("applied", -20.0, NOON),
            ("applied", 999.0, NOON - timedelta(days=60)),
            ("rejected", 999.0, NOON),
        ):
            approvals.create(
                {
                    "name": "Count",
                    "kind": "count",
                    "channel_id": self.channel.id,
                    "subject_model": "stock.channel.count",
                    "subject_id": len(approvals.search([])) + 1,
                    "state": state,
                    "value": value,
                    "requested_by_id": self.env.uid,
                    "requested_at": NOON,
                    "decided_at": decided,
                }
            )
        finding = self.find("monthly", "adjustments")
        self.assertEqual((finding.count, finding.value), (2, 100.0))

    def test_returns_in_money(self):
        names = ("returns_open", "not_restocked", "not_refunded")
        for name in names:
            self.assertEqual(self.find("monthly", name).state, "clear")
        self.receive(self.product, 5)
        order = self.order()
        line = self.env["stock.channel.return.line"].create(
            {
                "channel_return_id": self.env["stock.channel.return"]
                .create(
                    {
                        "channel_id": self.channel.id,
                        "external_id": "R1",
                        "channel_order_id": order.id,
                        "refund_amount": 20.0,
                        "refunded_at": NOON,
                    }
                )
                .id,
                "order_line_id": order.line_ids.id,
                "quantity": 2.0,
                "disposition": "inspect",
            }
        )
        self.assertEqual(line.unit_value, 10.0)
        found = {
            finding.kind: (finding.state, finding.value)
            for finding in self.make("monthly").finding_ids
        }
        self.assertEqual(found["returns_open"], ("open", 20.0))
        self.assertEqual(found["not_restocked"], ("open", 20.0))
        self.assertEqual(found["not_refunded"], ("clear", 0.0))

    def test_changed_rules_from_the_audit(self):
        rule = self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "buffer", "value": 1}
        )
        self.assertEqual(
            self.find("monthly", "rules").fact,
            "Created 2, Status Changed 1",
            "the channel and the rule were made, the channel was put live",
        )
        rule.value = 2
        self.assertIn("Changed 1", self.find("monthly", "rules").fact)
