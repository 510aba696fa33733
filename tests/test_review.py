from datetime import date, datetime, timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .clock import NOON, ClockCase

BRUSSELS = "Europe/Brussels"


def at(*parts):
    """Return a moment, naive UTC, as Odoo stores times."""
    return datetime(*parts)  # noqa: DTZ001


class ReviewCase(ClockCase):
    """One company that works Monday to Friday in Brussels."""

    def setUp(self):
        super().setUp()
        self.company.resource_calendar_id = self.calendar(BRUSSELS)

    def calendar(self, zone):
        return self.env["resource.calendar"].create(
            {"name": zone, "tz": zone, "company_id": False}
        )

    def day_off(self, day, company=None):
        company = company or self.company
        begin = company._channel_midnight(day)
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Closed",
                "company_id": company.id,
                "calendar_id": company.resource_calendar_id.id,
                "date_from": begin,
                "date_to": begin + timedelta(hours=24),
            }
        )

    def run_reviews(self, moment=None):
        """Run the job at a moment, naive UTC."""
        if moment:
            self.go_to(moment)
        self.run_job("stock.channel.review", "_cron_reviews")

    def reviews(self, kind="daily", company=None):
        return self.env["stock.channel.review"].search(
            [
                ("kind", "=", kind),
                ("company_id", "=", (company or self.company).id),
            ],
            order="day",
        )

    def days(self, kind="daily", company=None):
        return [
            (review.day.isoformat(), str(review.period_from), str(review.period_to))
            for review in self.reviews(kind, company)
        ]

    def finish_matches(self):
        """Let the channel be read as a whole, and the matches be made."""
        self.pass_time(90)
        self.run_poll()
        self.run_job("stock.channel.match", "_cron_match")


@tagged("post_install", "-at_install")
class TestReviewPeriods(ReviewCase):
    """By the company's clock and calendar, whatever the server's are."""

    def test_first_one_covers_the_day_before(self):
        self.run_reviews(NOON)
        self.assertEqual(self.days(), [("2026-11-23", "2026-11-22", "2026-11-22")])

    def test_made_once_however_often_the_job_runs(self):
        self.run_reviews(NOON)
        self.run_reviews()
        self.run_reviews(at(2026, 11, 23, 22, 30))
        self.assertEqual(len(self.reviews()), 1)

    def test_not_before_five_in_the_morning_by_local_time(self):
        self.run_reviews(at(2026, 11, 24, 3, 59))
        self.assertEqual([day for day, *_ in self.days()], ["2026-11-23"])
        self.run_reviews(at(2026, 11, 24, 4))
        self.assertEqual([day for day, *_ in self.days()], ["2026-11-23", "2026-11-24"])

    def test_monday_covers_the_weekend(self):
        self.run_reviews(at(2026, 11, 20, 9))
        self.run_reviews(at(2026, 11, 21, 9))
        self.run_reviews(at(2026, 11, 22, 9))
        self.run_reviews(at(2026, 11, 23, 9))
        self.assertEqual(
            self.days(),
            [
                ("2026-11-20", "2026-11-19", "2026-11-19"),
                ("2026-11-23", "2026-11-20", "2026-11-22"),
            ],
        )

    def test_none_on_a_day_off_and_the_next_covers_it(self):
        self.run_reviews(at(2026, 11, 23, 9))
        self.day_off(date(2026, 11, 24))
        self.run_reviews(at(2026, 11, 24, 9))
        self.run_reviews(at(2026, 11, 25, 9))
        self.assertEqual(self.days()[1:], [("2026-11-25", "2026-11-23", "2026-11-24")])

    def test_half_a_day_off_is_a_working_day(self):
        self.run_reviews(at(2026, 11, 23, 9))
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Afternoon",
                "company_id": self.company.id,
                "date_from": at(2026, 11, 24, 11),
                "date_to": at(2026, 11, 24, 23),
            }
        )
        self.run_reviews(at(2026, 11, 24, 9))
        self.assertEqual(len(self.reviews()), 2)

    def test_day_of_25_hours_and_day_of_23(self):
        self.run_reviews(at(2026, 10, 26, 9))
        autumn = self.reviews()
        self.assertEqual(
            (autumn.start_at, autumn.end_at),
            (at(2026, 10, 24, 22), at(2026, 10, 25, 23)),
        )
        self.assertEqual(autumn.due_at, at(2026, 10, 26, 23))
        autumn.match_ids.unlink()
        autumn.finding_ids.unlink()
        autumn.unlink()
        self.run_reviews(at(2027, 3, 29, 9))
        spring = self.reviews()
        self.assertEqual(
            (spring.start_at, spring.end_at),
            (at(2027, 3, 27, 23), at(2027, 3, 28, 22)),
        )

    def test_first_hour_after_the_clocks_were_changed(self):
        self.run_reviews(at(2026, 10, 23, 9))
        self.run_reviews(at(2026, 10, 26, 3, 59))
        self.assertEqual(len(self.reviews()), 1)
        self.run_reviews(at(2026, 10, 26, 4))
        self.assertEqual(len(self.reviews()), 2)

    def test_companies_at_both_ends_of_the_day(self):
        companies = {}
        for zone in ("Pacific/Auckland", "America/Los_Angeles"):
            company = self.env["res.company"].create(
                {"name": zone, "resource_calendar_id": self.calendar(zone).id}
            )
            warehouse = self.env["stock.warehouse"].search(
                [("company_id", "=", company.id)], limit=1
            )
            channel = self.make_channel(name=zone, company_id=company.id)
            self.make_place(channel, "main", warehouse.lot_stock_id)
            self.make_listing(channel, self.product, "DESK")
            self.shops[channel.id] = self.shop
            channel.action_go_live()
            companies[zone] = company
        # Tuesday 07:00 in Auckland, Monday 10:00 in Los Angeles.
        self.run_reviews(at(2026, 11, 23, 18))
        self.assertEqual(
            self.days(company=companies["Pacific/Auckland"]),
            [("2026-11-24", "2026-11-23", "2026-11-23")],
        )
        self.assertEqual(
            self.days(company=companies["America/Los_Angeles"]),
            [("2026-11-23", "2026-11-22", "2026-11-22")],
        )
        review = self.reviews(company=companies["Pacific/Auckland"])
        self.assertEqual(review.start_at, at(2026, 11, 22, 11))
        self.assertEqual(review.due_at, at(2026, 11, 24, 11))
        self.assertEqual(review.finding_ids.channel_id.company_id, review.company_id)

    def test_server_that_stood_still_leaves_missed_ones(self):
        self.run_reviews(at(2026, 11, 23, 9))
        self.run_reviews(at(2026, 11, 27, 9))
        self.assertEqual(
            [(review.day.day, review.state) for review in self.reviews()],
            [
                (23, "missed"),
                (24, "missed"),
                (25, "missed"),
                (26, "missed"),
                (27, "open"),
            ],
        )

    def test_week_begins_on_its_first_working_day(self):
        self.run_reviews(at(2026, 11, 16, 9))
        self.assertEqual(
            self.days("weekly"), [("2026-11-16", "2026-11-09", "2026-11-15")]
        )
        self.day_off(date(2026, 11, 23))
        self.run_reviews(at(2026, 11, 23, 9))
        self.assertEqual(len(self.reviews("weekly")), 1)
        self.run_reviews(at(2026, 11, 24, 9))
        self.assertEqual(
            self.days("weekly")[1:], [("2026-11-24", "2026-11-16", "2026-11-22")]
        )
        self.assertEqual(self.reviews("weekly")[1].due_at, at(2026, 11, 29, 23))

    def test_no_weekly_one_in_the_middle_of_a_first_week(self):
        self.run_reviews(at(2026, 11, 18, 9))
        self.assertFalse(self.reviews("weekly"))

    def test_month_is_reviewed_on_its_first_working_day(self):
        self.run_reviews(at(2026, 10, 30, 9))
        self.assertFalse(self.reviews("monthly"))
        # The first of November is a Sunday.
        self.run_reviews(at(2026, 11, 1, 9))
        self.assertFalse(self.reviews("monthly"))
        self.run_reviews(at(2026, 11, 2, 9))
        self.assertEqual(
            self.days("monthly"), [("2026-11-02", "2026-10-01", "2026-10-31")]
        )
        self.assertEqual(self.reviews("monthly").due_at, at(2026, 11, 30, 23))

    def test_company_without_a_calendar_works_monday_to_friday(self):
        self.company.resource_calendar_id = False
        self.run_reviews(at(2026, 11, 22, 9))
        self.assertFalse(self.reviews())
        self.run_reviews(at(2026, 11, 23, 9))
        self.assertEqual(len(self.reviews()), 1)

    def test_company_whose_channels_are_drafts_gets_none(self):
        self.channel.action_pause()
        self.channel.action_back_to_draft()
        self.run_reviews(NOON)
        self.assertFalse(self.reviews())

    def test_one_companys_trouble_is_its_own(self):
        other = self.env["res.company"].create({"name": "Broken"})
        self.make_channel(name="There", company_id=other.id).sudo().state = "shadow"
        make = type(self.env["stock.channel.review"])._make

        def fail(review, company):
            if company == other:
                raise ValueError("broken")
            return make(review, company)

        with (
            patch.object(type(self.env["stock.channel.review"]), "_make", fail),
            mute_logger("odoo.addons.stock_channel_hub.models.stock_channel_review"),
        ):
            self.run_reviews(NOON)
        self.assertEqual(len(self.reviews()), 1)


@tagged("post_install", "-at_install")
class TestReviewSignature(ReviewCase):
    """Who signs what, and that nothing changes afterwards."""

    def setUp(self):
        super().setUp()
        self.run_all()
        self.run_reviews(NOON)
        self.finish_matches()
        self.review = self.reviews()
        self.operator = self.make_user("group_operator")

    def make(self, kind):
        values = self.env["stock.channel.review"]._prepare(
            self.company, kind, date(2026, 11, 24)
        )
        review = self.env["stock.channel.review"].sudo().create(values)
        review._fill()
        return review

    def test_operators_and_approvers_sign_the_day_the_others_sign_the_rest(self):
        allowed = {
            "daily": {"group_operator", "group_manager", "group_approver"},
            "weekly": {"group_manager", "group_approver"},
            "monthly": {"group_manager", "group_approver"},
        }
        for kind, groups in allowed.items():
            for group in ("group_user", "group_operator", "group_manager") + (
                "group_approver",
            ):
                review = self.make(kind)
                mine = review.with_user(self.make_user(group))
                with self.subTest(kind=kind, group=group):
                    self.assertEqual(mine.may_sign, group in groups)
                    if group in groups:
                        mine.note = "Seen."
                        mine.action_sign()
                        self.assertEqual(review.signed_by_id, mine.env.user)
                    else:
                        with self.assertRaises(AccessError):
                            mine.action_sign()
                        with self.assertRaises(AccessError):
                            mine.note = "Seen."
                        self.env.invalidate_all()
                        self.assertNotEqual(review.state, "signed")
                        self.assertFalse(review.note)
                # By hand, as a signed one is never removed.
                self.env.flush_all()
                self.env.cr.execute("UPDATE stock_channel_review SET state = 'open'")
                self.env.invalidate_all()
                review.finding_ids.sudo().unlink()
                review.sudo().unlink()

    def test_open_findings_ask_for_a_note(self):
        self.env["stock.channel.exception"]._open(
            self.channel, category="data", fingerprint="x", title="Trouble"
        )
        mine = self.review.with_user(self.operator)
        mine.action_refresh()
        self.assertEqual(mine.open_count, 1)
        with self.assertRaises(UserError) as caught:
            mine.action_sign()
        self.assertIn("1 findings are open", str(caught.exception))
        mine.note = "  "
        with self.assertRaises(UserError):
            mine.action_sign()
        mine.note = "Ada calls the shop."
        mine.action_sign()
        self.assertEqual(
            (mine.state, mine.signed_by_id, mine.signed_at, mine.days_late),
            ("signed", self.operator, NOON + timedelta(seconds=90), 0),
        )
        audit = self.env["stock.channel.audit"].search([("action", "=", "signed")])
        self.assertEqual(
            (audit.user_id, audit.res_id, audit.reason, audit.after["open_count"]),
            (self.operator, self.review.id, "Ada calls the shop.", 1),
        )

    def test_nothing_open_needs_no_note(self):
        self.review.with_user(self.operator).action_sign()
        self.assertEqual(self.review.state, "signed")

    def test_not_while_the_channel_is_being_read(self):
        self.env["stock.channel.match"]._request(self.channel, review=self.review)
        with self.assertRaises(UserError):
            self.review.with_user(self.operator).action_sign()
        self.assertEqual(self.review.state, "open")

    def test_missed_one_is_visible_and_signed_late(self):
        self.run_reviews(at(2026, 11, 23, 22, 59))
        self.assertEqual(self.review.state, "open")
        self.run_reviews(at(2026, 11, 23, 23))
        self.assertEqual(self.review.state, "missed")
        self.go_to(at(2026, 11, 25, 22))
        self.assertEqual(self.review.days_late, 2)
        self.review.with_user(self.operator).action_sign()
        self.assertEqual((self.review.state, self.review.days_late), ("signed", 2))
        self.go_to(at(2026, 12, 25))
        self.review.invalidate_recordset()
        self.assertEqual(self.review.days_late, 2)

    def test_signed_one_is_never_changed_by_anybody(self):
        mine = self.review.with_user(self.operator)
        mine.action_sign()
        finding, match = self.review.finding_ids[0], self.review.match_ids
        for change in (
            lambda: mine.write({"note": "Later."}),
            lambda: self.review.sudo().write({"note": "Later."}),
            lambda: self.review.sudo().unlink(),
            lambda: finding.sudo().write({"comment": "Later."}),
            lambda: finding.sudo().unlink(),
            lambda: match.sudo().write({"differing_count": 0}),
            lambda: match.sudo().unlink(),
            mine.action_refresh,
            mine.action_sign,
        ):
            with self.assertRaises(UserError):
                change()
        self.env.invalidate_all()
        self.assertFalse(self.review.note)
        self.assertTrue(finding.exists() and match.exists())

    def test_signed_match_can_still_be_exported(self):
        self.review.with_user(self.operator).action_sign()
        action = self.review.match_ids.with_user(self.operator).action_export()
        self.assertEqual(action["type"], "ir.actions.act_url")

    def test_comments_stay_when_it_is_looked_at_again(self):
        mine = self.review.with_user(self.operator)
        failures = mine.finding_ids.filtered(lambda f: f.kind == "failures")
        failures.comment = "Known."
        with self.assertRaises(AccessError):
            failures.fact = "Nothing."
        mine.action_refresh()
        self.assertEqual(
            mine.finding_ids.filtered(lambda f: f.kind == "failures").comment, "Known."
        )

    def test_nobody_makes_or_backdates_a_review(self):
        admin = self.make_user("group_admin")
        reviews = self.env["stock.channel.review"].with_user(admin)
        self.assertFalse(reviews.has_access("create"))
        self.assertFalse(reviews.has_access("unlink"))
        for vals in (
            {"state": "signed"},
            {"signed_at": "2026-01-01"},
            {"due_at": "2027-01-01"},
        ):
            with self.assertRaises(AccessError):
                self.review.with_user(admin).write(vals)
        self.env.invalidate_all()
        self.assertEqual(self.review.state, "open")

    def test_another_company_neither_sees_nor_signs_it(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self.make_user(
            "group_approver", company_ids=[(6, 0, other.ids)], company_id=other.id
        )
        mine = self.review.with_user(stranger)
        self.assertFalse(mine.search([]))
        with self.assertRaises(AccessError):
            mine.action_sign()
        self.assertEqual(self.review.state, "open")
