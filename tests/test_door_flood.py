from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

import psycopg2.errors
from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.arrivals import Arrivals
from odoo.addons.stock_channel_hub.controllers import stock_channel_hub
from odoo.addons.stock_channel_hub.models.stock_channel_arrival import (
    StockChannelArrival,
)

from .alert_common import AlertCase
from .door_common import OTHER_SECRET, DoorCase
from .statements import counted


class LostRace(psycopg2.errors.SerializationFailure):
    """As PostgreSQL tells it; an error made by hand has no code."""

    pgcode = "40001"


DOOR_LOGGER = "odoo.addons.stock_channel_hub.controllers.stock_channel_hub"
NOON = "2026-11-23 12:00:00"


@tagged("post_install", "-at_install")
class TestDoorFlood(DoorCase):
    """S16: an authentic sender that runs in circles is asked to come back later."""

    def setUp(self):
        super().setUp()
        self.startPatcher(patch.object(stock_channel_hub, "ARRIVALS", Arrivals()))
        self.clock = self.startPatcher(freeze_time(NOON))
        self.channel.delivery_limit = 3

    def deliver(self, number, **vals):
        response = self.post(key=f"msg_{number}", **vals)
        self.assertNotIn("Set-Cookie", response.headers)
        return response.status_code

    def pull(self):
        return self.url_open(f"{self.path}/inventory", headers=self.sign(b""))

    def alarm(self):
        return self.env["stock.channel.exception"].search(
            [("fingerprint", "=", f"watch:flood:{self.channel.id}")]
        )

    @contextmanager
    def failing(self, error):
        """Let telling of it fail, once."""
        note = StockChannelArrival._note_flood
        errors = [error]

        def fail_once(channel):
            if errors:
                raise errors.pop()
            return note(channel)

        with patch.object(StockChannelArrival, "_note_flood", fail_once):
            yield

    # ------------------------------------------------------------- the limit

    def test_beyond_the_limit_nothing_is_stored(self):
        self.assertEqual([self.deliver(n) for n in range(3)], [200] * 3)
        response = self.post(key="msg_3")
        self.assert_answer(response, 429, "too many")
        self.assertEqual(response.headers["Retry-After"], "20")
        self.assertEqual(len(self.stored()), 3)

    def test_afterwards_the_same_delivery_is_taken(self):
        """Nothing of the refused one was kept: it is no duplicate of itself."""
        self.assertEqual([self.deliver(n) for n in range(4)], [200] * 3 + [429])
        self.clock.tick(timedelta(seconds=19))
        self.assertEqual(self.deliver(3), 429)
        self.clock.tick(timedelta(seconds=1))
        self.assert_answer(self.post(key="msg_3"), 200, "accepted")

    def test_nobody_else_uses_up_a_deliverys_turn(self):
        """Forged ones, pings and repeats of strangers are not counted."""
        for number in range(20):
            self.assertEqual(self.deliver(number, secret=OTHER_SECRET), 401)
            self.assertEqual(self.deliver(number, path="/stock_channel/x"), 404)
        self.assertEqual([self.deliver(n) for n in range(3)], [200] * 3)

    def test_channels_do_not_share_a_limit(self):
        self.assertEqual([self.deliver(n) for n in range(4)], [200] * 3 + [429])
        other = self.channel.copy({"name": "Other", "state": "shadow"})
        self.env["stock.channel.secret"].create(
            {
                "channel_id": other.id,
                "new_value": OTHER_SECRET,
                "valid_from": "2020-01-01",
            }
        )
        path = f"/stock_channel/{other.webhook_token}"
        self.assertEqual(self.deliver(1, path=path, secret=OTHER_SECRET), 200)

    def test_zero_is_no_limit(self):
        self.channel.delivery_limit = 0
        self.assertEqual([self.deliver(n) for n in range(30)], [200] * 30)

    def test_questions_have_a_limit_of_their_own(self):
        """Who asks in circles keeps no order out."""
        self.assertEqual([self.pull().status_code for _time in range(3)], [200] * 3)
        response = self.pull()
        self.assert_answer(response, 429, "too many")
        self.assertEqual(response.headers["Retry-After"], "20")
        self.assertEqual(self.deliver(1), 200)

    def test_by_default_no_honest_sender_meets_it(self):
        fresh = self.env["stock.channel"].new({})
        self.assertEqual(fresh.delivery_limit, 6000)

    def test_limit_below_zero_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "0, for none"):
            self.channel.delivery_limit = -1

    def test_counting_asks_nothing_of_the_database(self):
        """Refused ones ask less than taken ones; the first of them tells."""
        for number in range(4):
            self.deliver(number)
        with counted() as texts:
            self.assertEqual(self.deliver(4), 429)
        ours = [text.split()[0] for text in texts if "stock_channel" in text]
        self.assertEqual(ours, [])

    # ------------------------------------------------------------ the person

    def test_a_person_is_told_once(self):
        for number in range(10):
            self.deliver(number)
        alarm = self.alarm()
        self.assertEqual(
            (alarm.state, alarm.category, alarm.occurrences, alarm.is_alarm),
            ("open", "rate_limit", 1, True),
        )
        self.assertEqual(alarm.expected_value, "at most 3 a minute")
        self.assertEqual(alarm.user_id, self.channel.exception_owner_id)
        self.clock.tick(timedelta(seconds=299))
        self.assertEqual([self.deliver(n) for n in (20, 21, 22)], [200] * 3)
        self.assertEqual(self.deliver(23), 429)
        self.assertEqual(self.alarm().occurrences, 1)
        self.clock.tick(timedelta(seconds=1))
        self.assertEqual(self.deliver(23), 429)
        self.assertEqual(self.alarm().occurrences, 2)

    @mute_logger(DOOR_LOGGER)
    def test_whoever_cannot_be_told_keeps_no_answer_back(self):
        for number in range(3):
            self.deliver(number)
        with self.failing(ZeroDivisionError("bug")):
            self.assertEqual(self.deliver(3), 429)
            self.assertFalse(self.alarm())
            self.assertEqual(self.deliver(3), 429)
        self.assertEqual(self.alarm().occurrences, 1)

    @mute_logger("odoo.service.model", "odoo.sql_db")
    @patch("odoo.service.model.time.sleep", lambda _seconds: None)
    def test_a_lost_race_is_run_again_and_told(self):
        for number in range(3):
            self.deliver(number)
        with self.failing(LostRace("race")):
            self.assertEqual(self.deliver(3), 429)
        self.assertEqual(self.alarm().occurrences, 1)


@tagged("post_install", "-at_install")
class TestFloodAlarm(AlertCase):
    """R18: the alarm of a flood closes when nothing is refused any more."""

    def look(self, seconds):
        self.pass_time(seconds)
        self.run_watch()
        return self.alarm("flood")

    def test_it_closes_by_itself(self):
        self.channel._note_flood()
        alarm = self.alarm("flood")
        self.assertEqual(alarm.state, "open")
        self.assertTrue(self.look(599))
        self.channel._note_flood()
        self.assertEqual(alarm.occurrences, 2)
        self.assertTrue(self.look(599))
        self.assertFalse(self.look(1))
        self.assertEqual(
            (alarm.state, alarm.resolved_at), ("resolved", fields.Datetime.now())
        )
        self.assertFalse(alarm.activity_ids)
        self.channel._note_flood()
        self.assertEqual((alarm.state, alarm.times_reopened), ("open", 1))

    def test_other_alarms_stay(self):
        other = self.open_exception("flood-like", fingerprint="watch:queue:1")
        self.pass_time(3600)
        self.env["stock.channel"]._watch_flood()
        self.assertEqual(other.state, "open")
