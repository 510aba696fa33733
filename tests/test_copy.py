"""PROOF R17: a copy of the database is silent until somebody says it is the real one."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.models.database_identity import is_same_origin

from .alert_common import AlertCase


@tagged("post_install", "-at_install")
class TestCopy(AlertCase):
    def setUp(self):
        super().setUp()
        self.admin = self.make_user("group_admin")
        self.here = self.env["stock.channel"]._database_identity()

    def move(self):
        """Be what a dump restored elsewhere is: the same rows in another database."""
        uuid = self.here.partition("/")[0]
        self.channel.sudo().database_identity = f"{uuid}/1/1"

    def watch(self):
        self.pass_time(60)
        self.run_watch()

    # --------------------------------------------------------------- identity

    def test_an_identity_names_cluster_and_database(self):
        uuid, cluster, number = self.here.split("/")
        parameters = self.env["ir.config_parameter"].sudo()
        self.assertEqual(uuid, parameters.get_param("database.uuid"))
        self.assertTrue(cluster.isdigit() and number.isdigit())
        self.assertEqual(self.env["stock.channel"]._database_identity(), self.here)

    def test_origin_is_the_same_by_odoos_own_id_alone(self):
        self.assertTrue(is_same_origin("a/1/2", "a/3/4"))
        for one, other in (("a/1/2", "b/1/2"), ("", "a/1/2"), (False, "/1/2")):
            with self.subTest(one=one, other=other):
                self.assertFalse(is_same_origin(one, other))

    # ----------------------------------------------------------------- silence

    def test_a_restored_dump_tells_nothing(self):
        """It has the very id that Odoo gave the original."""
        self.run_all()
        shown = self.shown()
        self.move()
        self.receive(self.product, 3)
        self.run_all()
        self.assertEqual(self.shown(), shown)
        self.assertTrue(self.channel.is_elsewhere)

    def test_a_draft_is_nowhere_yet(self):
        draft = self.make_channel(name="Draft")
        self.assertEqual((draft.state, draft.is_elsewhere), ("draft", False))

    # ------------------------------------------------------------------ alarm

    def test_a_move_raises_one_alarm_and_mails_it(self):
        """Silence that nobody hears of would be sold as stock."""
        self.run_all()
        self.move()
        self.watch()
        self.watch()
        alarm = self.alarm("copy")
        self.assertEqual((len(alarm), alarm.occurrences), (1, 1))
        self.channel.alert_email = "stock-alerts@example.com"
        self.run_alert()
        self.assertEqual(self.alerts().exception_ids, alarm)

    def test_other_trouble_of_a_copy_is_not_mailed(self):
        self.channel.alert_email = "stock-alerts@example.com"
        self.open_exception()
        self.move()
        self.run_alert()
        self.assertFalse(self.alerts())

    def test_a_copy_made_by_odoo_or_neutralized_raises_none(self):
        self.channel.sudo().database_identity = "another-uuid/1/1"
        self.watch()
        self.assertFalse(self.alarm("copy"))
        self.move()
        self.env["ir.config_parameter"].sudo().set_param(
            "database.is_neutralized", "True"
        )
        self.watch()
        self.assertFalse(self.alarm("copy"))

    # -------------------------------------------------------------- taking over

    def test_the_real_one_goes_on_with_all_numbers(self):
        self.run_all()
        self.move()
        self.receive(self.product, 3)
        self.watch()
        self.assertTrue(self.alarm("copy"))
        shown = self.shown()
        self.channel.with_user(self.admin).action_take_over()
        self.assertFalse(self.channel.is_elsewhere)
        self.assertFalse(self.alarm("copy"))
        self.assertFalse(self.channel.is_cut_over)  # its orders are read first
        self.run_poll()
        self.run_all()
        self.assertEqual(self.shown(), shown + 3)
        audit = self.env["stock.channel.audit"].search([], limit=1)
        self.assertEqual(
            (audit.action, audit.user_id, audit.channel_id),
            ("taken_over", self.admin, self.channel),
        )

    def test_only_an_administrator_says_so(self):
        self.move()
        before = self.channel.sudo().database_identity
        for group in ("group_user", "group_operator", "group_manager"):
            with self.subTest(group=group), self.assertRaises(AccessError):
                self.channel.with_user(self.make_user(group)).action_take_over()
        self.assertEqual(self.channel.sudo().database_identity, before)

    def test_a_neutralized_one_is_never_the_real_one(self):
        self.move()
        self.env["ir.config_parameter"].sudo().set_param(
            "database.is_neutralized", "True"
        )
        with self.assertRaisesRegex(UserError, "made for testing"):
            self.channel.with_user(self.admin).action_take_over()
        self.assertTrue(self.channel.is_elsewhere)

    def test_what_belongs_here_is_not_taken_over(self):
        with self.assertRaisesRegex(UserError, "already"):
            self.channel.with_user(self.admin).action_take_over()
