from datetime import timedelta
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.errors import Rejected, RetryLater
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector

from .test_report_cancel import ReportCancelCase

RECORD_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_fulfillment_cancel"


@tagged("post_install", "-at_install")
class TestReportCancelTrouble(ReportCancelCase):
    """Told until it is taken; what is refused has a person's name on it."""

    def lower(self, order, quantity=3):
        order.sale_order_id.order_line.product_uom_qty = quantity
        self.settle()
        return order.fulfillment_ids.filtered(lambda r: r.kind == "cancellation")

    def fail(self, error):
        return patch.object(RestConnector, "report_cancel", side_effect=error)

    def make_physical(self):
        self.env.cr.execute(
            "UPDATE stock_channel SET quantity_meaning = 'physical' WHERE id = %s",
            [self.channel.id],
        )
        self.env.invalidate_all()

    def test_told_again_until_it_is_taken(self):
        report = self.lower(self.take())
        with self.fail(RetryLater("later", after=60)):
            self.run_publish()
        self.assertEqual((report.state, report.attempts), ("unknown", 1))
        self.run_publish()
        self.assertEqual(self.told(), [])
        report.next_attempt_at = self.env.cr.now() - timedelta(seconds=1)
        self.run_publish()
        self.assertEqual(report.state, "done")
        self.assertEqual(list(self.shop.books.cancellations), [report.external_id])

    def test_answer_lost_and_echo_heard_is_counted_once(self):
        """Taken, answer lost, echoed, told again: two are cancelled, not four."""
        order = self.take()
        report = self.lower(order)
        tell = RestConnector.report_cancel

        def lose(connector, cancellation):
            tell(connector, cancellation)
            raise RetryLater("lost", after=1)

        with patch.object(RestConnector, "report_cancel", lose):
            self.run_publish()
        self.take(2, cancelled=2)
        report.next_attempt_at = self.env.cr.now() - timedelta(seconds=1)
        self.run_all()
        self.assertEqual(report.state, "done")
        line = order.line_ids
        self.assertEqual(
            (line.cancelled_qty, line.cancel_taken_qty, line.own_open_qty), (2, 2, 3)
        )
        self.assertEqual(len(self.told()), 1)

    def test_refusal_asks_and_may_be_retried(self):
        order = self.take()
        del self.shop.books.orders["1001"]
        report = self.lower(order)
        self.run_all()
        self.assertEqual(report.state, "rejected")
        exception = self.open_exceptions()
        self.assertEqual(
            (exception.category, exception.fulfillment_id, exception.field),
            ("refused", report, "order_id"),
        )
        self.assertIn("2 Units DESK", exception.next_step)
        self.take(2)
        exception.action_retry()
        self.run_all()
        self.assertEqual((report.state, exception.state), ("done", "resolved"))
        self.assertEqual(self.told(), [[("1", "2")]])

    def test_refusal_is_told_again_with_what_follows(self):
        """A channel that cancels whole orders only takes the rest with it."""
        order = self.take()
        report = self.lower(order)
        with self.fail(Rejected("whole orders only")):
            self.run_all()
        exception = self.open_exceptions()
        order.sale_order_id._action_cancel()
        self.run_all()
        self.assertEqual((report.state, exception.state), ("dropped", "resolved"))
        self.assertEqual(self.told(), [[("1", "5")]])

    def test_refusal_closes_when_somebody_cancels_at_the_channel(self):
        report = self.lower(self.take())
        with self.fail(Rejected("no")):
            self.run_all()
        exception = self.open_exceptions()
        self.take(2, cancelled=2)
        self.assertEqual((report.state, exception.state), ("dropped", "resolved"))
        self.run_all()
        self.assertEqual(self.told(), [])

    def test_channel_that_cannot_cancel_asks_at_once(self):
        order = self.take()
        capabilities = type(self.channel)._capabilities
        cannot = patch.object(
            type(self.channel),
            "_capabilities",
            lambda channel: SimpleCapabilities(capabilities(channel)),
        )
        with cannot:
            report = self.lower(order)
        self.assertEqual(report.state, "rejected")
        exception = self.open_exceptions()
        self.assertEqual((exception.category, exception.state), ("refused", "open"))
        self.assertIn("cannot be told", exception.cause)
        self.take(2, cancelled=2)
        self.assertEqual(exception.state, "resolved")

    @mute_logger(RECORD_LOGGER)
    def test_trouble_in_recording_keeps_nobody_from_cancelling(self):
        order = self.take()
        with patch.object(
            type(self.env["stock.channel.order"]),
            "_settle_cancelled",
            side_effect=ValueError("boom"),
        ):
            order.sale_order_id._action_cancel()
            self.settle()
        self.assertEqual(order.sale_order_id.state, "cancel")
        self.assertEqual(self.open_exceptions().category, "internal")

    def test_physical_channel_subtracts_it_until_it_has_taken_it(self):
        self.make_physical()
        order = self.take()
        self.assertEqual(self.numbers()["wire"], 20)
        self.lower(order)
        numbers = self.numbers()
        self.assertEqual(
            (numbers["published"], numbers["own_open"], numbers["wire"]), (17, 5, 22)
        )
        self.assertEqual(order.line_ids.in_flight_qty, 0)
        self.run_publish()
        numbers = self.numbers()
        self.assertEqual(
            (numbers["published"], numbers["own_open"], numbers["wire"]), (17, 3, 20)
        )
        self.take(2, cancelled=2)
        numbers = self.numbers()
        self.assertEqual(
            (numbers["published"], numbers["own_open"], numbers["wire"]), (17, 3, 20)
        )

    def test_number_of_a_channel_that_restocks_what_is_cancelled(self):
        order = self.take()
        self.run_all()
        self.assertEqual(self.shown(), 15)
        take = self.shop._take_cancellation

        def restock(data):
            level = self.shop.books.levels["DESK", "main"]
            self.shop.books.show("DESK", "main", level.quantity + 2, level.sequence)
            return take(data)

        with patch.object(self.shop, "_take_cancellation", restock):
            self.lower(order)
            self.run_all()
        self.take(2, cancelled=2)
        self.run_poll()
        self.run_all()
        self.assertEqual(self.shown(), 17)
        self.assertEqual(self.publication().state, "clean")

    def test_number_of_a_channel_that_restocks_nothing(self):
        order = self.take()
        self.run_all()
        self.lower(order)
        self.run_all()
        self.assertEqual(self.shown(), 17)
        self.take(2, cancelled=2)
        self.run_all()
        self.assertEqual(self.shown(), 17)
        self.assertEqual(self.publication().state, "clean")

    def test_refused_while_in_flight(self):
        """What the rules refuse never becomes a sale order."""
        self.deliver(
            "order.updated", self.order_data(lines=[self.line_data("1", "DESK", 5)])
        )
        self.shop.books.orders["1001"] = self.order_data()
        place = type(self.env["stock.channel.order"])._check_mapped

        def refuse(order, snapshot):
            place(order, snapshot)
            if not order.was_created:
                order.line_ids._record_cancel(2, "Sold out.")

        with patch.object(
            type(self.env["stock.channel.order"]), "_check_mapped", refuse
        ):
            self.run_inbox()
        order = self.find_order()
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 3)
        line = order.line_ids
        self.assertEqual(
            (line.applied_qty, line.released_qty, line.in_flight_qty), (5, 2, 0)
        )
        self.run_all()
        self.assertEqual(self.told(), [[("1", "2")]])
        self.order(
            version=2, lines=[self.line_data("1", "DESK", 5, cancelled_quantity="2")]
        )
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 3)
        self.assertEqual((line.applied_qty, line.released_qty), (3, 0))


class SimpleCapabilities:
    """The capabilities of a channel that cannot cancel."""

    can_cancel = False

    def __init__(self, capabilities):
        self._capabilities = capabilities

    def __getattr__(self, name):
        return getattr(self._capabilities, name)
