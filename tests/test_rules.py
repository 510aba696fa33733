from psycopg2.errors import UniqueViolation

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.models.stock_channel_rule import KINDS

from .common import HubCase


class DirtyCase(HubCase):
    """What the hooks append to the log, exactly."""

    def setUp(self):
        super().setUp()
        self.forget()

    def forget(self):
        self.env.cr.flush()
        self.env.cr.execute("DELETE FROM stock_channel_dirty")
        self.env.invalidate_all()

    def rows(self):
        """Return (product id, location id, listing id, cause) of all rows, once."""
        self.env.cr.flush()
        self.env.cr.execute(
            "SELECT product_id, location_id, listing_id, cause FROM stock_channel_dirty"
        )
        rows = self.env.cr.fetchall()
        self.assertEqual(len(rows), len(set(rows)), "no row twice")
        return set(rows)

    def assert_products(self, products, cause):
        self.assertEqual(self.rows(), {(p.id, None, None, cause) for p in products})

    def assert_listings(self, listings, cause):
        self.assertEqual(self.rows(), {(None, None, x.id, cause) for x in listings})


class RuleCase(DirtyCase):
    """Two listings at one channel, one at another."""

    def in_draft(self):
        """Let managers change rules themselves; live, a second person agrees."""
        self.channel.action_pause()
        self.channel.action_back_to_draft()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lamp = cls.make_product("Lamp", "LAMP")
        cls.lamp_listing = cls.make_listing(cls.channel, cls.lamp, "LAMP")
        cls.other_channel = cls.make_channel(name="Other Shop")
        cls.other_place = cls.make_place(cls.other_channel, "elsewhere", cls.stock)
        cls.other_listing = cls.make_listing(cls.other_channel, cls.lamp, "LAMP-2")

    def make_rule(self, kind, value, **vals):
        return self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": kind, "value": value, **vals}
        )


@tagged("post_install", "-at_install")
class TestRuleModel(RuleCase):
    """What a rule may say and where."""

    def test_display_name_reads_like_a_sentence(self):
        for kind, value, name in (
            ("horizon", 7, "Incoming Within (days) 7"),
            ("share", 33.3, "Share (%) 33.3"),
            ("buffer", 5, "Buffer (units) 5"),
            ("cap", 1000000, "Cap (units) 1000000"),
        ):
            with self.subTest(kind=kind):
                rule = self.make_rule(kind, value)
                self.assertEqual(rule.display_name, name)

    def test_value_keeps_its_decimals(self):
        rule = self.make_rule("buffer", 0.123456789)
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT value::text FROM stock_channel_rule WHERE id = %s", [rule.id]
        )
        self.assertEqual(self.env.cr.fetchone(), ("0.123456789",))

    def test_every_kind_is_explained(self):
        texts = {self.make_rule(kind, 1).explanation for kind, _label in KINDS}
        self.assertEqual(len(texts), len(KINDS))
        self.assertNotIn(False, texts)

    def test_values_out_of_range_are_refused(self):
        for kind, value in (
            ("buffer", -1),
            ("cap", -0.5),
            ("minimum", float("nan")),
            ("backorder", float("inf")),
            ("share", 100.5),
            ("buffer_percent", 101),
            ("horizon", 1.5),
            ("horizon", -1),
            ("horizon", 3651),
        ):
            with self.subTest(kind=kind, value=value):
                with self.assertRaises(ValidationError):
                    self.make_rule(kind, value)
        self.assertFalse(self.channel.rule_ids)

    def test_values_at_the_edge_are_taken(self):
        for kind, value in (
            ("share", 0),
            ("buffer_percent", 100),
            ("horizon", 3650),
            ("cap", 0),
        ):
            with self.subTest(kind=kind):
                self.assertEqual(self.make_rule(kind, value).value, value)

    def test_value_is_checked_when_the_kind_changes(self):
        rule = self.make_rule("buffer", 150)
        with self.assertRaises(ValidationError):
            rule.kind = "share"

    def test_rule_stays_within_its_channel(self):
        rule = self.make_rule("buffer", 1)
        for vals in (
            {"listing_id": self.other_listing.id},
            {"channel_location_id": self.other_place.id},
        ):
            with self.subTest(vals=vals):
                with self.assertRaises(ValidationError):
                    self.make_rule("cap", 1, **vals)
                with self.assertRaises(ValidationError), self.env.cr.savepoint():
                    rule.write(vals)
                self.assertEqual(rule.channel_id, self.channel)

    def test_listing_with_rules_does_not_leave_its_channel(self):
        self.make_rule("buffer", 1, listing_id=self.listing.id)
        with self.assertRaises(ValidationError):
            self.listing.channel_id = self.other_channel
        self.env.invalidate_all()
        self.make_rule("buffer", 1, channel_location_id=self.place.id)
        with self.assertRaises(ValidationError):
            self.place.channel_id = self.other_channel

    def test_one_rule_per_kind_location_and_listing(self):
        scopes = (
            {},
            {"listing_id": self.listing.id},
            {"channel_location_id": self.place.id},
            {"listing_id": self.listing.id, "channel_location_id": self.place.id},
        )
        for vals in scopes:
            self.make_rule("buffer", 1, **vals)
        for vals in scopes:
            with self.subTest(vals=vals), mute_logger("odoo.sql_db"):
                with self.assertRaises(UniqueViolation), self.env.cr.savepoint():
                    self.make_rule("buffer", 2, **vals)
        self.assertEqual(self.channel.rule_ids.mapped("value"), [1, 1, 1, 1])

    def test_channel_comes_from_the_listing_or_the_location(self):
        for vals in (
            {"listing_id": self.other_listing.id},
            {"channel_location_id": self.other_place.id},
        ):
            rule = self.env["stock.channel.rule"].create(
                {"kind": "cap", "value": 3, **vals}
            )
            self.assertEqual(rule.channel_id, self.other_channel)
            self.assertEqual(rule.company_id, self.other_channel.company_id)

    def test_rules_are_added_on_the_three_forms(self):
        self.in_draft()
        manager = self.make_user("group_manager")
        for record, own in (
            (self.channel, {"channel_location_id": False, "listing_id": False}),
            (self.place, {"channel_location_id": self.place}),
            (self.listing, {"listing_id": self.listing}),
        ):
            with self.subTest(model=record._name):
                with Form(record.with_user(manager)) as form:
                    with form.rule_ids.new() as line:
                        line.kind = "buffer"
                        line.value = 2
                        explanation = line.explanation
                rule = record.rule_ids.filtered(lambda rule: rule.kind == "buffer")[-1:]
                self.assertEqual(rule.channel_id, self.channel)
                self.assertEqual(explanation, rule.explanation)
                for name, value in own.items():
                    self.assertEqual(rule[name].id, value and value.id)

    def test_minimum_shelf_life_is_some_days(self):
        for days in (-1, 3651):
            with self.subTest(days=days), self.assertRaises(ValidationError):
                self.channel.minimum_shelf_life = days
        self.env.invalidate_all()
        self.assertEqual(self.channel.minimum_shelf_life, 0)


@tagged("post_install", "-at_install")
class TestRuleAccess(RuleCase):
    """Managers make rules; everybody else of the hub reads them."""

    def test_readers_change_nothing(self):
        rule = self.make_rule("buffer", 5)
        self.forget()
        for group in ("group_user", "group_operator", "group_approver"):
            with self.subTest(group=group):
                mine = rule.with_user(self.make_user(group))
                self.assertEqual(mine.value, 5)
                with self.assertRaises(AccessError):
                    mine.value = 6
                with self.assertRaises(AccessError):
                    mine.unlink()
                with self.assertRaises(AccessError):
                    mine.create(
                        {"channel_id": self.channel.id, "kind": "cap", "value": 1}
                    )
                self.env.invalidate_all()
                self.assertEqual(
                    self.channel.rule_ids.mapped(lambda r: (r.kind, r.value)),
                    [("buffer", 5)],
                )

    def test_managers_and_admins_make_and_end_rules(self):
        self.in_draft()
        for group in ("group_manager", "group_admin"):
            with self.subTest(group=group):
                rule = self.env["stock.channel.rule"].with_user(self.make_user(group))
                rule = rule.create(
                    {"channel_id": self.channel.id, "kind": "cap", "value": 1}
                )
                rule.value = 2
                self.assertEqual(self.channel.rule_ids.value, 2)
                rule.unlink()
                self.assertFalse(self.channel.rule_ids)

    def test_manager_of_another_company_neither_sees_nor_adds(self):
        rule = self.make_rule("buffer", 5)
        company = self.env["res.company"].create({"name": "Other Company"})
        manager = self.make_user(
            "group_manager", company_ids=[(6, 0, company.ids)], company_id=company.id
        )
        rules = self.env["stock.channel.rule"].with_user(manager)
        self.assertFalse(rules.search([]))
        with self.assertRaises(AccessError):
            rule.with_user(manager).value = 6
        with self.assertRaises(AccessError):
            rules.create({"channel_id": self.channel.id, "kind": "cap", "value": 1})
        self.env.invalidate_all()
        self.assertEqual(
            self.channel.rule_ids.mapped(lambda r: (r.kind, r.value)), [("buffer", 5)]
        )

    def test_manager_sets_the_shelf_life_nobody_the_clock(self):
        self.in_draft()
        manager = self.channel.with_user(self.make_user("group_manager"))
        manager.minimum_shelf_life = 3
        self.assertEqual(self.channel.minimum_shelf_life, 3)
        with self.assertRaises(AccessError):
            manager.dates_checked_at = fields.Datetime.now()
        self.env.invalidate_all()
        self.assertFalse(self.channel.dates_checked_at)
        reader = self.channel.with_user(self.make_user("group_operator"))
        with self.assertRaises(AccessError):
            reader.minimum_shelf_life = 9
        self.env.invalidate_all()
        self.assertEqual(self.channel.minimum_shelf_life, 3)


@tagged("post_install", "-at_install")
class TestRuleHooks(RuleCase):
    """A rule logs the listings it concerns, before and after, and no others."""

    def test_channel_rule_concerns_all_its_listings(self):
        self.lamp_listing.active = False
        self.forget()
        both = self.listing | self.lamp_listing
        rule = self.make_rule("buffer", 5)
        self.assert_listings(both, "rule")
        self.forget()
        rule.value = 6
        self.assert_listings(both, "rule")
        self.forget()
        rule.unlink()
        self.assert_listings(both, "rule")

    def test_location_rule_concerns_all_listings_of_the_channel(self):
        self.make_rule("buffer", 5, channel_location_id=self.place.id)
        self.assert_listings(self.listing | self.lamp_listing, "rule")

    def test_listing_rule_concerns_that_listing(self):
        rule = self.make_rule("buffer", 5, listing_id=self.listing.id)
        self.assert_listings(self.listing, "rule")
        self.forget()
        rule.expires_at = "2030-01-01 00:00:00"
        self.assert_listings(self.listing, "rule")
        self.forget()
        rule.unlink()
        self.assert_listings(self.listing, "rule")

    def test_rule_that_moves_concerns_both_listings(self):
        rule = self.make_rule("buffer", 5, listing_id=self.listing.id)
        self.forget()
        rule.listing_id = self.lamp_listing
        self.assert_listings(self.listing | self.lamp_listing, "rule")

    def test_minimum_shelf_life_concerns_all_listings(self):
        self.channel.minimum_shelf_life = 2
        self.assert_listings(self.listing | self.lamp_listing, "rule")
