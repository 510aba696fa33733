"""The overview, what monitoring reads, and the reports."""

import json
from datetime import timedelta

from lxml import etree

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import SQL
from odoo.tools.safe_eval import safe_eval

from odoo.addons.stock_channel_hub.connectors.freshness import Histogram

from .alert_common import AlertCase
from .clock import NOON
from .statements import counted

OVERVIEW = (
    "kanban_dashboard_graph",
    "due_count",
    "inbox_count",
    "differing_count",
    "held_count",
    "exception_categories",
    "alarm_count",
    "expiry_state",
    "listing_count",
    "fall_p95_day",
)


class OverviewCase(AlertCase):
    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        self.run_all()

    def sql(self, query, *params):
        self.env.flush_all()
        self.env.cr.execute(SQL(query, *params))
        self.env.invalidate_all()

    def fill_hour(self, ago, *seconds, direction="fall", channel=None):
        hour = NOON - timedelta(hours=ago)
        self.env["stock.channel.freshness"]._upsert(
            [
                (
                    (channel or self.channel).id,
                    direction,
                    hour,
                    hour,
                    Histogram.of(seconds),
                )
            ]
        )

    def filter_domain(self, view, name):
        """Return the domain of a filter of a search view."""
        model = self.env.ref(f"stock_channel_hub.{view}").model
        arch = self.env[model].get_view(
            self.env.ref(f"stock_channel_hub.{view}").id, "search"
        )["arch"]
        (node,) = etree.fromstring(arch).xpath(f"//filter[@name='{name}']")
        return [*safe_eval(node.get("domain")), ("channel_id", "=", self.channel.id)]


@tagged("post_install", "-at_install")
class TestOverview(OverviewCase):
    """A card's numbers, and the lists they lead to."""

    def setUp(self):
        super().setUp()
        self.sql("DELETE FROM stock_channel_freshness")

    def assert_leads_to(self, number, view, *names):
        """A number on a card is as many as the list behind it has."""
        model = self.env.ref(f"stock_channel_hub.{view}").model
        domain = [part for name in names for part in self.filter_domain(view, name)]
        self.assertEqual(number, self.env[model].search_count(domain))

    def test_numbers_waiting_lead_to_their_list(self):
        self.sql(
            "UPDATE stock_channel_publication SET state = 'pending', changed_at = %s",
            NOON - timedelta(minutes=5),
        )
        self.assertEqual(
            (self.channel.due_count, self.channel.due_age, self.channel.is_due_late),
            (1, "5 min", True),
        )
        view = "stock_channel_publication_view_search"
        self.assert_leads_to(1, view, "due")
        for vals in ({"is_paused": True}, {"is_paused": True, "active": False}):
            self.listing.write(vals)
            self.sql(
                "UPDATE stock_channel_publication SET state = 'pending', "
                "changed_at = %s",
                NOON,
            )
            self.assert_leads_to(self.channel.due_count, view, "due")
        self.assertEqual(self.channel.due_count, 1)

    def test_messages_waiting_lead_to_their_list(self):
        self.deliver("order.updated", self.order_data("9"))
        self.sql(
            "UPDATE stock_channel_message SET received_at = %s WHERE state = 'pending'",
            NOON - timedelta(hours=3),
        )
        self.assertEqual((self.channel.inbox_count, self.channel.inbox_age), (1, "3 h"))
        self.assert_leads_to(1, "stock_channel_message_view_search", "pending")

    def test_differing_numbers_lead_to_their_list(self):
        for drift, count in (("in_flight", 0), ("edited", 1), ("unknown", 1)):
            self.sql("UPDATE stock_channel_publication SET drift = %s", drift)
            self.assertEqual(self.channel.differing_count, count)
            self.assert_leads_to(
                count, "stock_channel_publication_view_search", "differs_certainly"
            )

    def test_failed_and_held_pushes_lead_to_their_lists(self):
        pushes = self.env["stock.channel.push"].sudo()
        pushes.create({"channel_id": self.channel.id, "state": "failed"})
        held = pushes.create({"channel_id": self.channel.id, "state": "failed"})
        self.sql("UPDATE stock_channel_push SET state = 'held' WHERE id = %s", held.id)
        self.assertEqual(
            (self.channel.failed_push_count, self.channel.held_push_count), (1, 1)
        )
        view = "stock_channel_push_view_search"
        self.assert_leads_to(1, view, "not_taken")
        self.assert_leads_to(1, view, "alert_held")
        self.pass_time(3600)
        self.env.invalidate_all()
        self.assertEqual(self.channel.failed_push_count, 0)

    def test_exceptions_by_category_and_value(self):
        for name, category, value in (
            ("a", "data", 10),
            ("b", "data", 20.5),
            ("c", "mapping", 0),
        ):
            exception = self.open_exception(name, category=category)
            exception.sudo().value_at_risk = value
        self.settle("a")
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(
            json.loads(self.channel.exception_categories), {"data": 1, "mapping": 1}
        )
        self.assertIn("20.50", self.channel.risk_text)
        self.assertEqual(self.channel.open_exception_count, 2)

    def test_alarms_are_on_the_card(self):
        self.assertEqual((self.channel.alarm_count, self.channel.alarm_text), (0, ""))
        self.channel.secret_ids.valid_to = NOON + timedelta(days=2)
        self.run_watch()
        self.env.invalidate_all()
        self.assertEqual(
            (self.channel.alarm_count, self.channel.alarm_text),
            (1, "The last signing secret ends soon"),
        )
        self.assertEqual(self.channel.expiry_state, "soon")
        self.assert_leads_to(1, "stock_channel_exception_view_search", "alarm", "open")

    def test_graph_tells_a_day_against_the_target(self):
        self.channel.timezone = "Asia/Kolkata"
        self.fill_hour(0, 1.5)
        self.fill_hour(3, *range(1, 101))
        self.fill_hour(3, 300, direction="rise")
        self.fill_hour(24, 7)
        self.fill_hour(25, 9)
        (graph,) = json.loads(self.channel.kanban_dashboard_graph)
        self.assertEqual(graph["target"], 120)
        values = graph["values"]
        self.assertEqual(len(values), 25)
        self.assertEqual(values[-1], {"label": "17:30", "fall": 1.5, "rise": None})
        self.assertEqual(values[-4]["rise"], 300)
        self.assertAlmostEqual(values[-4]["fall"], 95, delta=95 * 0.05)
        self.assertEqual(values[0], {"label": "17:30", "fall": 7, "rise": None})

    def test_no_graph_before_anything_was_acknowledged(self):
        self.assertFalse(self.channel.kanban_dashboard_graph)

    def test_five_channels_cost_as_many_statements_as_one(self):
        channels = self.channel
        for number in range(4):
            other = self.make_channel(name=f"Other {number}")
            self.make_listing(other, self.product, "DESK")
            other.sudo().state = "live"
            self.open_exception(str(number), channel=other)
            self.fill_hour(1, 3, channel=other)
            channels |= other
        self.fill_hour(1, 3)
        self.open_exception()
        costs = []
        # The first reading fills Odoo's own caches.
        for some in (channels, self.channel, channels):
            self.env.flush_all()
            self.env.invalidate_all()
            with counted() as texts:
                some.read(OVERVIEW)
            costs.append(len(texts))
        self.assertEqual(costs[1], costs[2])
        self.assertLess(costs[2], 30)

    def test_every_group_reads_its_cards(self):
        for group in ("group_user", "group_operator", "group_approver"):
            mine = self.channel.with_user(self.make_user(group))
            self.assertEqual(mine.read(OVERVIEW)[0]["due_count"], 0)

    # ------------------------------------------------------------ monitoring

    def test_health_for_monitoring(self):
        self.sql(
            "UPDATE stock_channel_publication SET state = 'pending', changed_at = %s",
            NOON - timedelta(seconds=90),
        )
        pushes = self.env["stock.channel.push"].sudo()
        self.sql("DELETE FROM stock_channel_push")
        for state in ("done", "done", "done", "failed"):
            pushes.create({"channel_id": self.channel.id, "state": state})
        self.open_exception().sudo().value_at_risk = 7
        self.fill_hour(1, 4)
        self.env.flush_all()
        reader = self.make_user("group_user")
        (health,) = self.channel.with_user(reader).get_health()
        self.assertEqual(
            {
                name: health[name]
                for name in (
                    "numbers_waiting",
                    "numbers_oldest_seconds",
                    "messages_waiting",
                    "failure_rate",
                    "drift",
                    "fall_p95_day_seconds",
                    "rise_p95_day_seconds",
                    "exceptions_open",
                    "value_at_risk",
                    "alarms",
                    "target_seconds",
                    "alerts_reach_somebody",
                )
            },
            {
                "numbers_waiting": 1,
                "numbers_oldest_seconds": 90.0,
                "messages_waiting": 0,
                "failure_rate": 0.25,
                "drift": 0,
                "fall_p95_day_seconds": 4,
                "rise_p95_day_seconds": None,
                "exceptions_open": {"data": 1},
                "value_at_risk": 7,
                "alarms": [],
                "target_seconds": 120,
                "alerts_reach_somebody": True,
            },
        )
        self.assertEqual(json.loads(json.dumps(health)), health)

    def test_health_is_of_what_the_caller_may_see(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = self.make_channel(name="Foreign", company_id=company.id)
        reader = self.make_user("group_user")
        told = self.env["stock.channel"].with_user(reader).get_health()
        self.assertNotIn(foreign.id, [health["id"] for health in told])
        self.assertIn(self.channel.id, [health["id"] for health in told])
        with self.assertRaises(AccessError):
            foreign.with_user(reader).get_health()
        stranger = self.env["res.users"].create({"name": "S", "login": "stranger-h"})
        with self.assertRaises(AccessError):
            self.channel.with_user(stranger).get_health()


@tagged("post_install", "-at_install")
class TestReports(OverviewCase):
    """The reports say what the records say."""

    def setUp(self):
        super().setUp()
        self.sql("DELETE FROM stock_channel_freshness")

    def test_freshness_counts_what_was_late(self):
        self.fill_hour(1, *range(1, 101))
        self.fill_hour(2, 5, 119, 600, direction="rise")
        self.channel.freshness_target = 1
        self.env.flush_all()
        rows = self.env["stock.channel.freshness.report"].search(
            [("channel_id", "=", self.channel.id)], order="hour desc"
        )
        self.assertEqual(rows.mapped("count"), [100, 3])
        self.assertEqual(rows.mapped("maximum"), [100, 600])
        histogram = Histogram.of(range(1, 101))
        self.assertAlmostEqual(rows[0].p95, histogram.percentile(95), places=6)
        self.assertEqual(rows[1].p95, 600)
        self.assertAlmostEqual(rows[0].late_count, 40, delta=4)
        self.assertEqual(rows[1].late_count, 2)
        self.channel.freshness_target = 2
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(rows.mapped("late_count"), [0, 1])

    def test_p95_is_the_histogram_s_whatever_the_count(self):
        for count in (1, 2, 19, 20, 21, 40, 99):
            with self.subTest(count=count):
                self.sql("DELETE FROM stock_channel_freshness")
                seconds = [1.7 ** (number % 13) for number in range(count)]
                self.fill_hour(1, *seconds)
                row = self.env["stock.channel.freshness.report"].search([])
                self.assertAlmostEqual(
                    row.p95, Histogram.of(seconds).percentile(95), places=5
                )

    def test_exceptions_opened_and_closed_by_day(self):
        self.open_exception("stays").sudo().value_at_risk = 30
        self.open_exception("solved", category="mapping")
        self.pass_time(6 * 3600)
        self.settle("solved")
        self.env.flush_all()
        report = self.env["stock.channel.exception.report"]
        mine = [("channel_id", "=", self.channel.id)]
        rows = report._read_group(
            mine, ["event"], ["count:sum", "hours:avg", "value_at_risk:sum"]
        )
        self.assertEqual(
            {event: values for event, *values in rows},
            {"opened": [2, 0.0, 30], "closed": [1, 6, 0]},
        )
        closed = report.search([*mine, ("event", "=", "closed")])
        self.assertEqual(
            (closed.moment, closed.category, closed.user_id),
            (NOON + timedelta(hours=6), "mapping", self.owner),
        )

    def test_returns_in_units_money_and_days(self):
        order = self.order(lines=[self.line_data("1", "DESK", 2)])
        line = order.line_ids
        channel_return = self.env["stock.channel.return"].create(
            {
                "channel_id": self.channel.id,
                "external_id": "R1",
                "channel_order_id": order.id,
            }
        )
        returned = self.env["stock.channel.return.line"].create(
            {
                "channel_return_id": channel_return.id,
                "order_line_id": line.id,
                "quantity": 2,
                "disposition": "restock",
            }
        )
        self.sql(
            "UPDATE stock_channel_return_line SET received_at = %s WHERE id = %s",
            NOON + timedelta(days=3),
            returned.id,
        )
        row = self.env["stock.channel.return.report"].search(
            [("return_line_id", "=", returned.id)]
        )
        self.assertEqual(
            (row.quantity, row.days_to_come, row.product_id, row.company_id),
            (2, 3, self.product, self.company),
        )
        self.assertEqual(row.not_restocked_value, returned.not_restocked_value)
        self.assertGreater(row.not_restocked_value, 0)

    def test_reports_are_of_the_own_company_and_read_only(self):
        self.fill_hour(1, 3)
        self.open_exception()
        company = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self.make_user(
            "group_admin", company_ids=[(6, 0, company.ids)], company_id=company.id
        )
        for name in ("freshness", "exception", "return"):
            report = self.env[f"stock.channel.{name}.report"]
            self.assertFalse(report.with_user(stranger).search([]))
            for operation in ("write", "create", "unlink"):
                self.assertFalse(report.with_user(stranger).has_access(operation))
        self.assertTrue(self.env["stock.channel.freshness.report"].search([]))
        self.assertTrue(self.env["stock.channel.exception.report"].search([]))
