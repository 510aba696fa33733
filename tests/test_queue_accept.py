from odoo.exceptions import UserError
from odoo.tests import tagged

from .test_queue import QueueCase


@tagged("post_install", "-at_install")
class TestQueueAccept(QueueCase):
    """Whoever keeps the goods may be right; a second person says so."""

    def setUp(self):
        super().setUp()
        self.place.is_operated_by_channel = True
        self.receive(self.product, 20)
        self.run_all()
        self.row = self.publication().sudo()
        self.assertEqual((self.row.state, self.row.expected_qty), ("clean", 20.0))

    def drift(self, shown):
        self.row.write({"observed_qty": shown, "observed_at": self.env.cr.now()})
        self.row.drift = "edited"
        return self.fail(
            f"drift-{shown}",
            category="drift",
            publication_id=self.row.id,
            field="quantity",
        )

    def on_hand(self):
        return self.product.with_context(location=self.stock.id).qty_available

    def test_their_number_becomes_a_proposal_and_nothing_else(self):
        exception = self.drift(17)
        self.assertEqual(exception.step, "accept_number")
        action = exception.with_user(self.operator).action_step()
        approval = self.env["stock.channel.approval"].browse(action["res_id"])
        self.assertEqual(
            (approval.kind, approval.state, approval.requested_by_id),
            ("count", "proposed", self.operator),
        )
        self.assertEqual(self.on_hand(), 20)
        self.assertEqual(
            (exception.approval_id, exception.step), (approval, "approval")
        )

    def test_the_difference_is_applied_once_approved(self):
        """Three less than expected there, whatever was reserved or sold meanwhile."""
        self.order(lines=[self.line_data("1", "DESK", 5)])
        exception = self.drift(self.row.expected_qty - 3)
        action = exception.with_user(self.operator).action_accept_number()
        approval = self.env["stock.channel.approval"].browse(action["res_id"])
        approval.with_user(self.make_user("group_approver")).action_approve()
        self.assertEqual((approval.state, self.on_hand()), ("applied", 17))

    def test_rejected_it_is_ours_that_counts(self):
        exception = self.drift(17)
        action = exception.with_user(self.operator).action_step()
        approval = self.env["stock.channel.approval"].browse(action["res_id"])
        approval.with_user(self.make_user("group_approver")).action_reject()
        self.assertEqual(exception.step, "accept_number")
        exception.with_user(self.operator).action_retry()
        self.assertEqual(self.row.state, "pending")
        self.assertEqual(self.on_hand(), 20)

    def test_goods_told_apart_by_lot_are_counted_instead(self):
        self.product.tracking = "lot"
        exception = self.drift(17)
        with self.assertRaises(UserError):
            exception.with_user(self.operator).action_accept_number()
        self.assertFalse(exception.approval_id)

    def test_only_numbers_of_the_channel_can_be_accepted(self):
        with self.assertRaisesRegex(UserError, "no number"):
            self.fail("other").with_user(self.operator).action_accept_number()
