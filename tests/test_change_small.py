import psycopg2

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .change_common import ChangeCase


@tagged("post_install", "-at_install")
class TestSmallChange(ChangeCase):
    """Below the administrator's thresholds one person is enough, and it is counted."""

    def setUp(self):
        super().setUp()
        self.channel.free_change_listings = 2
        self.channel.free_change_value = 100.0

    def buffer(self, value, user=None, listing=None):
        rules = self.env["stock.channel.rule"].with_user(user or self.manager)
        return rules.create(
            {
                "listing_id": (listing or self.listing).id,
                "kind": "buffer",
                "value": value,
            }
        )

    def test_small_ones_pass_and_are_written_down(self):
        rule = self.buffer(4)
        self.assertEqual(self.audit(rule).user_id, self.manager)
        small = self.changes.search([("is_small", "=", True)])
        self.assertEqual(small.requested_by_id, self.manager)
        self.assertEqual((small.listing_count, small.value_moved), (1, 40.0))
        self.run_all()
        self.assertEqual(self.shown(), 6)

    def test_too_much_value_is_refused(self):
        self.channel.free_change_value = 39.99
        self.refused(lambda: self.buffer(4))
        self.channel.free_change_value = 40.0
        self.buffer(4)

    def test_many_small_ones_are_a_large_one(self):
        rule = self.buffer(3)
        rule.with_user(self.manager).value = 5
        self.refused(lambda: rule.with_user(self.manager).write({"value": 5.5}))
        # Another person, another day.
        self.pass_time(25 * 3600)
        rule.with_user(self.manager).value = 6

    def test_others_are_counted_for_themselves(self):
        rule = self.buffer(3)
        rule.with_user(self.manager).value = 4
        self.refused(lambda: rule.with_user(self.manager).unlink())
        rule.with_user(self.make_user("group_manager")).unlink()

    def test_one_of_two_zero_means_everything_is_asked(self):
        for name in ("free_change_listings", "free_change_value"):
            with self.subTest(name=name):
                kept = self.channel[name]
                self.channel[name] = 0
                self.refused(lambda: self.buffer(1))
                self.channel[name] = kept

    def test_what_reaches_every_listing_is_not_small_though_no_number_moves(self):
        for number in range(3):
            product = self.make_product(f"P{number}", f"P{number}")
            self.make_listing(self.channel, product, f"P{number}")
        rules = self.env["stock.channel.rule"].with_user(self.manager)
        self.refused(
            lambda: rules.create(
                {"channel_id": self.channel.id, "kind": "cap", "value": 999}
            )
        )

    def test_removal_is_counted_by_what_vanishes(self):
        rule = self.buffer(9)
        self.run_all()
        self.channel.free_change_value = 120.0
        self.refused(lambda: rule.with_user(self.manager).unlink())

    def test_only_administrators_set_what_is_small(self):
        for name, value in (("free_change_listings", 99), ("free_change_value", 1e9)):
            for group in ("group_manager", "group_approver"):
                user = self.make_user(group)
                self.refused(
                    lambda user=user, name=name, value=value: self.channel.with_user(
                        user
                    ).write({name: value}),
                    AccessError,
                )
        admin = self.make_user("group_admin")
        self.channel.with_user(admin).free_change_listings = 9
        row = self.audit(self.channel)[-1]
        self.assertEqual(row.after, {"free_change_listings": 9})
        self.assertEqual(row.user_id, admin)

    def test_less_than_nothing_is_no_limit(self):
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(psycopg2.errors.CheckViolation),
        ):
            self.channel.free_change_listings = -1
            self.env.flush_all()
