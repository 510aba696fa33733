"""A customer asks to be forgotten."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .personal_common import CANARIES, PersonalCase


@tagged("post_install", "-at_install")
class TestErasure(PersonalCase):
    """Found by mailbox, contact or customer id; erased in the background."""

    def setUp(self):
        super().setUp()
        self.manager = self.make_user("group_manager")

    def wizard(self, user=None, **vals):
        return (
            self.env["stock.channel.erasure"]
            .with_user(user or self.manager)
            .create(vals)
        )

    def erase(self, **vals):
        """Ask for somebody's erasure and let it be done; returns the request."""
        action = self.wizard(**vals).action_erase()
        self.run_erase()
        return self.env[action["res_model"]].browse(action["res_id"])

    # ---------------------------------------------------------------- finding

    def test_counts_before_anything_is_erased(self):
        self.finished("A1")
        self.ada("A2")
        wizard = self.wizard(email=" ADA.canary@example.com ")
        wizard.action_search()
        self.assertEqual(
            (
                wizard.order_count,
                wizard.open_count,
                wizard.message_count,
                wizard.customer_count,
            ),
            (1, 1, 2, 1),
        )
        self.assertEqual({word for _place, word in self.traces()}, set(CANARIES))

    def test_found_by_mailbox_contact_or_customer_id(self):
        for number, how in enumerate(("email", "partner", "id")):
            with self.subTest(how):
                order = self.finished(f"A{number}")
                partner = order.sale_order_id.partner_id
                vals = {
                    "email": {"email": "ada.canary@example.com"},
                    "partner": {"partner_id": partner.id},
                    "id": {
                        "channel_id": self.channel.id,
                        "customer_ref": "cust-canary",
                    },
                }[how]
                request = self.erase(**vals)
                self.assertEqual(request.state, "done")
                self.assertEqual(request.order_ids, order)
                self.assertEqual(self.traces(), set())
                self.assertEqual(partner.name, "Ada Canary")

    def test_found_in_the_bodies_of_what_never_became_an_order_here(self):
        """A cancellation, and a delivery that nobody can read."""
        self.ada(status="cancelled")
        order = self.find_order("A1")
        broken = self.ada_data("A2") | {"lines": [{"id": "1", "sku": "DESK"}]}
        self.deliver("order.updated", broken, key="broken")
        self.run_inbox()
        request = self.erase(email="ada.canary@example.com")
        self.assertEqual(request.order_ids, order)
        self.assertTrue(order.person_erased_at)
        self.assertEqual(request.state, "waiting")
        self.open_exceptions()._ignore("nothing will come of it")
        self.run_erase()
        self.assertEqual(request.state, "done")
        self.assertEqual(self.traces(), set())

    def test_somebody_with_a_longer_mailbox_is_somebody_else(self):
        other = self.ship(
            self.ada(customer={"email": "yada.canary@example.com", "name": "Yada"})
        )
        request = self.erase(email="ada.canary@example.com")
        self.assertEqual((request.order_count, request.state), (0, "done"))
        self.assertFalse(other.person_erased_at)

    def test_a_name_finds_nobody(self):
        order = self.finished()
        twin = self.env["res.partner"].create({"name": "Ada Canary"})
        self.erase(partner_id=twin.id)
        self.assertFalse(order.person_erased_at)

    def test_a_number_elsewhere_in_a_body_is_no_customer_id(self):
        order = self.ship(self.ada(customer={"id": "77", "email": "ada@example.com"}))
        self.erase(channel_id=self.channel.id, customer_ref="1")
        self.assertFalse(order.person_erased_at)
        self.erase(channel_id=self.channel.id, customer_ref="77")
        self.assertTrue(order.person_erased_at)

    # --------------------------------------------------------------- progress

    def test_open_orders_are_erased_once_they_are_finished(self):
        finished, still_open = self.finished("A1"), self.ada("A2")
        request = self.erase(email="ada.canary@example.com")
        self.assertEqual(
            (request.state, request.order_count, request.open_count, request.progress),
            ("waiting", 2, 1, 50),
        )
        self.assertTrue(finished.person_erased_at)
        self.assertEqual(still_open.shipping_address["name"], "Ada Canary")
        self.ship(still_open)
        self.run_erase()
        self.assertTrue(still_open.person_erased_at)
        self.assertEqual((request.state, request.progress), ("done", 100))
        self.assertEqual(request.finished_at, self.env.cr.now())
        self.assertEqual(self.traces(), set())

    def test_it_tells_nothing_of_the_customer_once_searched(self):
        self.finished()
        action = self.wizard(email="ada.canary@example.com").action_erase()
        request = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(
            request.sudo().wanted,
            {
                "emails": ["ada.canary@example.com"],
                "ids": {str(self.channel.id): ["cust-canary"]},
            },
        )
        self.run_erase()
        self.assertFalse(request.sudo().wanted)
        self.assertEqual(self.traces(), set())
        self.assertFalse(self.env["stock.channel.erasure"].sudo().search([]))

    def test_audit_says_who_asked_and_how_much_it_was(self):
        self.finished()
        request = self.erase(email="ada.canary@example.com")
        audit = self.env["stock.channel.audit"].search(
            [("res_model", "=", request._name), ("res_id", "=", request.id)], order="id"
        )
        self.assertEqual(
            [(row.action, row.user_id, row.after) for row in audit],
            [
                ("created", self.manager, {"orders": 1}),
                ("erased", self.manager, {"orders": 1}),
            ],
        )

    def test_who_orders_again_is_a_customer_again(self):
        self.finished("A1")
        self.erase(email="ada.canary@example.com")
        order = self.ada("A2")
        self.assertEqual(order.state, "applied")
        self.assertEqual(order.shipping_address["name"], "Ada Canary")

    # ----------------------------------------------------------------- rights

    def test_only_managers_erase(self):
        order = self.finished()
        partner = order.sale_order_id.partner_id
        for group in ("group_user", "group_operator", "group_approver"):
            user = self.make_user(group)
            with self.subTest(group=group):
                with self.assertRaises(AccessError):
                    self.wizard(user, partner_id=partner.id)
                mine = self.wizard(partner_id=partner.id).with_user(user)
                for step in ("action_search", "action_erase"):
                    with self.assertRaises(AccessError):
                        getattr(mine, step)()
        self.assertFalse(self.env["stock.channel.erasure.request"].search([]))

    def test_nobody_writes_a_request(self):
        self.finished()
        request = self.erase(email="ada.canary@example.com")
        admin = self.make_user("group_admin")
        for operation in ("write", "create", "unlink"):
            self.assertFalse(request.with_user(admin).has_access(operation))
        with self.assertRaises(AccessError):
            request.with_user(admin).read(["wanted"])

    def test_nobody_reaches_into_another_company(self):
        order = self.finished()
        other = self.env["res.company"].create({"name": "Other Company"})
        stranger = self.make_user(
            "group_manager", company_ids=[(6, 0, other.ids)], company_id=other.id
        )
        request = self.wizard(stranger, email="ada.canary@example.com").action_erase()
        self.run_erase()
        self.assertFalse(order.person_erased_at)
        done = self.env[request["res_model"]].browse(request["res_id"])
        self.assertEqual((done.company_id, done.order_count), (other, 0))
        wizard = self.wizard(
            stranger, email="ada.canary@example.com", company_id=self.company.id
        )
        with self.assertRaises(AccessError):
            wizard.action_erase()
        wizard = self.wizard(
            stranger, channel_id=self.channel.id, customer_ref="cust-canary"
        )
        with self.assertRaises(UserError):
            wizard.action_erase()

    def test_nobody_in_particular_is_refused(self):
        for vals in ({}, {"customer_ref": "7"}, {"email": "no mailbox"}):
            with self.subTest(vals), self.assertRaises(UserError):
                self.wizard(**vals).action_erase()
