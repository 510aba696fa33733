from datetime import timedelta
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.errors import Rejected, RetryLater
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector

from .common import HubCase

RECORD_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_fulfillment_cancel"


class ReportCancelCase(HubCase):
    """Orders of five desks, some of which will never leave."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 20)
        self.run_all()

    def take(self, version=1, quantity=5, cancelled=None, sku="DESK", **vals):
        """Let the shop tell its order; it knows it as well."""
        line = self.line_data("1", sku, quantity)
        if cancelled is not None:
            line["cancelled_quantity"] = str(cancelled)
        data = self.order_data(version=version, lines=[line], **vals)
        self.shop.books.orders["1001"] = data
        return self.order(version=version, lines=[line], **vals)

    def settle(self):
        """Do what happens before a commit."""
        self.env.flush_all()
        self.env.cr.flush()

    def told(self):
        """Return what the shop was told: a list of [(line id, quantity)]."""
        return [
            [(line["order_line_id"], line["quantity"]) for line in told["lines"]]
            for told in self.shop.books.cancellations.values()
        ]

    def recorded(self, order):
        self.settle()
        return [
            (report.state, report.line_ids.mapped("quantity"))
            for report in order.fulfillment_ids.sorted("id")
            if report.kind == "cancellation"
        ]

    def ship(self, order, quantity, backorder=True):
        picking = order.sale_order_id.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )
        picking.move_ids.quantity = quantity
        picking.move_ids.picked = True
        picking.with_context(
            skip_backorder=True,
            picking_ids_not_to_backorder=[] if backorder else picking.ids,
        ).button_validate()
        self.assertEqual(picking.state, "done")
        return picking


@tagged("post_install", "-at_install")
class TestReportCancel(ReportCancelCase):
    """The channel hears what is decided in Odoo, once, and what it said itself never."""

    def test_order_cancelled_by_a_person(self):
        order = self.take()
        order.sale_order_id._action_cancel()
        self.run_all()
        self.assertEqual(self.told(), [[("1", "5")]])
        (told,) = self.shop.books.cancellations.values()
        self.assertEqual(
            (told["order_id"], told["reason"]), ("1001", "The order was cancelled.")
        )
        self.assertEqual(self.recorded(order), [("done", [5])])
        self.run_all()
        self.assertEqual(len(self.told()), 1)
        self.assertEqual(self.shown(), 20)
        self.assertFalse(self.open_exceptions())

    def test_recorded_with_the_change_and_told_after_it(self):
        order = self.take()
        order.sale_order_id._action_cancel()
        self.assertEqual(self.recorded(order), [("pending", [5])])
        self.assertEqual(self.told(), [])
        self.run_publish()
        self.assertEqual(self.told(), [[("1", "5")]])

    def test_quantity_lowered_by_a_person(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 3
        self.run_all()
        self.assertEqual(self.told(), [[("1", "2")]])
        (told,) = self.shop.books.cancellations.values()
        self.assertEqual(told["reason"], "The quantity was lowered.")
        order.sale_order_id.order_line.product_uom_qty = 2
        self.run_all()
        self.assertEqual(self.told(), [[("1", "2")], [("1", "1")]])
        self.assertEqual(order.line_ids.released_qty, 3)
        self.assertEqual(order.line_ids.cancel_taken_qty, 3)

    def test_quantity_raised_by_a_person_is_not_told(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 8
        self.run_all()
        self.assertEqual(self.recorded(order), [])

    def test_backorder_refused(self):
        order = self.take()
        self.ship(order, 3, backorder=False)
        self.run_all()
        self.assertEqual(self.told(), [[("1", "2")]])
        (told,) = self.shop.books.cancellations.values()
        self.assertEqual(told["reason"], "Not available.")
        (shipped,) = self.shop.books.shipments.values()
        self.assertEqual(shipped["lines"][0]["quantity"], "3")
        line = order.line_ids
        self.assertEqual((line.taken_qty, line.own_open_qty), (3, 0))

    def test_backorder_kept_tells_nothing(self):
        order = self.take()
        self.ship(order, 3)
        self.run_all()
        self.assertEqual(self.recorded(order), [])
        self.ship(order, 1, backorder=False)
        self.run_all()
        self.assertEqual(self.told(), [[("1", "1")]])

    def test_open_transfer_cancelled(self):
        order = self.take()
        order.sale_order_id.picking_ids.action_cancel()
        self.run_all()
        self.assertEqual(self.told(), [[("1", "5")]])

    def test_backorder_cancelled_after_part_of_it_left(self):
        order = self.take()
        self.ship(order, 2)
        order.sale_order_id.picking_ids.filtered(
            lambda picking: picking.state == "assigned"
        ).action_cancel()
        self.run_all()
        self.assertEqual(self.told(), [[("1", "3")]])

    def test_one_line_of_two(self):
        lamp = self.make_product("Lamp", "LAMP")
        self.make_listing(self.channel, lamp, "LAMP")
        self.receive(lamp, 4)
        lines = [self.line_data("1", "DESK", 2), self.line_data("2", "LAMP", 3)]
        self.shop.books.orders["1001"] = self.order_data(lines=lines)
        order = self.order(lines=lines)
        order.sale_order_id.picking_ids.move_ids.filtered(
            lambda move: move.product_id == lamp
        )._action_cancel()
        self.run_all()
        self.assertEqual(self.told(), [[("2", "3")]])

    def test_two_changes_before_the_channel_hears_make_one_report(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 4
        self.settle()
        order.sale_order_id.order_line.product_uom_qty = 3
        self.settle()
        self.assertEqual(self.recorded(order), [("dropped", [1]), ("pending", [2])])
        self.run_all()
        self.assertEqual(self.told(), [[("1", "2")]])

    def test_order_confirmed_again_before_the_channel_hears_is_not_cancelled(self):
        order = self.take()
        sale = order.sale_order_id
        sale._action_cancel()
        self.assertEqual(self.recorded(order), [("pending", [5])])
        sale.action_draft()
        sale.action_confirm()
        sale.order_line.product_uom_qty = 5
        self.assertEqual(self.recorded(order), [("dropped", [5])])
        self.run_all()
        self.assertEqual(self.told(), [])
        self.assertEqual(order.line_ids.released_qty, 0)

    # ------------------------------------------------------ who cancelled it

    def test_what_the_channel_cancelled_is_not_told_back(self):
        order = self.take()
        self.take(2, cancelled=2)
        self.run_all()
        self.take(3, status="cancelled")
        self.run_all()
        self.assertEqual(order.sale_order_id.state, "cancel")
        self.assertEqual(self.recorded(order), [])
        self.assertEqual(self.told(), [])

    def test_echo_of_a_lowered_quantity_changes_nothing(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 3
        self.run_all()
        self.take(2, cancelled=2)
        self.run_all()
        line = order.line_ids
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 3)
        self.assertEqual(order.sale_order_id.picking_ids.move_ids.product_uom_qty, 3)
        self.assertEqual(
            (line.applied_qty, line.released_qty, line.own_open_qty), (3, 0, 3)
        )
        self.assertEqual(self.told(), [[("1", "2")]])
        self.assertFalse(self.open_exceptions())
        self.assertEqual(self.shown(), 17)

    def test_echo_of_a_shortage_lowers_the_sale_order(self):
        """The invoice is for what came, and both totals agree to the cent."""
        order = self.take()
        self.ship(order, 3, backorder=False)
        self.run_all()
        self.assertEqual(order.sale_order_id.amount_total, 50)
        self.take(2, cancelled=2)
        self.assertEqual(order.sale_order_id.amount_total, 30)
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 3)
        self.assertEqual(len(order.sale_order_id.picking_ids), 1)
        self.assertEqual(order.line_ids.released_qty, 0)
        self.assertFalse(self.open_exceptions())

    def test_more_cancelled_by_the_channel_than_we_told(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 4
        self.run_all()
        self.take(2, cancelled=3)
        self.run_all()
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 2)
        self.assertEqual(order.sale_order_id.picking_ids.move_ids.product_uom_qty, 2)
        self.assertEqual(self.told(), [[("1", "1")]])

    def test_both_sides_cancel_before_they_hear_of_each_other(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 4
        self.settle()
        self.take(2, cancelled=1)
        self.assertEqual(self.recorded(order), [("dropped", [1])])
        self.run_all()
        self.assertEqual(self.told(), [])
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 4)

    def test_word_of_the_channel_that_does_not_know_yet_adds_nothing(self):
        order = self.take()
        order.sale_order_id.order_line.product_uom_qty = 3
        self.run_all()
        self.take(2, note="another note")
        self.run_all()
        self.assertEqual(order.sale_order_id.order_line.product_uom_qty, 3)
        self.assertEqual(order.line_ids.in_flight_qty, 0)
        self.assertEqual(self.told(), [[("1", "2")]])

    def test_cancelled_here_and_then_there(self):
        order = self.take()
        order.sale_order_id._action_cancel()
        self.run_all()
        self.take(2, status="cancelled")
        self.run_all()
        self.assertEqual((order.state, order.line_ids.released_qty), ("cancelled", 0))
        self.assertEqual(self.told(), [[("1", "5")]])
        self.assertFalse(self.open_exceptions())

    def test_what_left_at_the_channel_is_not_cancelled(self):
        """The order was closed here because the channel had shipped it."""
        order = self.take()
        line = self.line_data("1", "DESK", 5, fulfilled_quantity="5")
        self.order(version=2, lines=[line])
        order.sale_order_id._action_cancel()
        self.assertEqual(self.recorded(order), [])

    # --------------------------------------------------------- units and kits

    def test_dozens(self):
        egg = self.make_product("Egg", "EGG")
        dozen = self.env.ref("uom.product_uom_dozen")
        self.make_listing(self.channel, egg, "EGG", uom_id=dozen.id)
        self.receive(egg, 60)
        order = self.take(sku="EGG", quantity=3)
        self.assertEqual(
            order.sale_order_id.picking_ids.move_ids.product_uom, egg.uom_id
        )
        self.ship(order, 24, backorder=False)
        self.run_all()
        self.assertEqual(self.told(), [[("1", "1")]])

    def test_whole_kits_only(self):
        kit = self.make_product("Set", "SET")
        lamp = self.make_product("Lamp", "LAMP")
        self.make_kit(kit, {self.product: 2, lamp: 1})
        self.make_listing(self.channel, kit, "SET")
        self.receive(lamp, 10)
        order = self.take(sku="SET", quantity=3)
        moves = order.sale_order_id.picking_ids.move_ids
        moves.filtered(lambda move: move.product_id == self.product).quantity = 5
        moves.filtered(lambda move: move.product_id == lamp).quantity = 3
        moves.picked = True
        moves.picking_id.with_context(
            skip_backorder=True, picking_ids_not_to_backorder=moves.picking_id.ids
        ).button_validate()
        self.run_all()
        self.assertEqual(self.told(), [[("1", "1")]])
        (shipped,) = self.shop.books.shipments.values()
        self.assertEqual(shipped["lines"][0]["quantity"], "2")

    def test_two_steps(self):
        self.warehouse.delivery_steps = "pick_ship"
        order = self.take()
        pick = self.ship(order, 3)
        self.settle()
        self.assertEqual(self.recorded(order), [])
        order.sale_order_id.picking_ids.filtered(
            lambda p: p.picking_type_id == pick.picking_type_id and p.state != "done"
        ).action_cancel()
        self.assertEqual(self.recorded(order), [("pending", [2])])
        self.ship(order, 1, backorder=False)
        self.run_all()
        self.assertEqual(self.told(), [[("1", "4")]])


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
