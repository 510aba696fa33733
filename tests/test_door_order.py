import json
import logging
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.models.stock_channel_message import (
    StockChannelMessage,
)

from .door_common import OTHER_SECRET, DoorCase

CANARY = "W4tched-body"
# Monday at noon, UTC.
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Everything(logging.Handler):
    """Keeps the text of every record, with its traceback."""

    def __init__(self):
        super().__init__(logging.NOTSET)
        self.text = ""

    def emit(self, record):
        self.text += self.format(record) + "\n"


@tagged("post_install", "-at_install")
class TestDoorOrder(DoorCase):
    """S7: verify, then parse, then log."""

    STEPS = (
        (RestConnector, "verify"),
        (RestConnector, "describe"),
        (RestConnector, "parse"),
        (StockChannelMessage, "_store"),
    )

    def setUp(self):
        super().setUp()
        self.steps = []
        for owner, name in self.STEPS:
            self.startPatcher(patch.object(owner, name, self.noting(owner, name)))
        data = {"id": "1", "note": CANARY}
        self.body = json.dumps({"type": "order.updated", "data": data}).encode()

    def noting(self, owner, name):
        call = getattr(owner, name)

        def note(*args, **kwargs):
            self.steps.append(name)
            return call(*args, **kwargs)

        return note

    def logged(self, call):
        """Return what all loggers say at their most talkative during a call."""
        handler = Everything()
        # SQL at this level writes every parameter of every statement, by its name.
        named = [logging.getLogger(name) for name in ("", "odoo", "werkzeug")]
        sql = logging.getLogger("odoo.sql_db")
        levels = [(logger, logger.level) for logger in (*named, sql)]
        for logger in named:
            logger.setLevel(logging.DEBUG)
        sql.setLevel(logging.INFO)
        root, odoo = named[0], named[1]
        root.addHandler(handler)
        odoo.addHandler(handler)
        odoo.propagate = False
        try:
            call()
        finally:
            odoo.propagate = True
            odoo.removeHandler(handler)
            root.removeHandler(handler)
            for logger, level in levels:
                logger.setLevel(level)
        return handler.text

    def test_nothing_is_read_before_it_is_verified(self):
        for headers in ({}, self.sign(self.body, secret=OTHER_SECRET)):
            self.steps.clear()
            self.assert_refused(self.post(headers=headers))
            self.assertEqual(self.steps, ["verify"])
        self.channel.secret_ids.valid_to = "2020-01-02"
        self.steps.clear()
        self.assert_refused(self.post())
        self.assertEqual(self.steps, ["verify"])

    def test_a_delivery_is_filed_after_it_is_verified_and_read_later(self):
        self.assert_answer(self.post(), 200, "accepted")
        self.assertEqual(self.steps, ["verify", "describe", "_store"])

    def test_one_too_many_is_not_read(self):
        self.channel.delivery_limit = 1
        self.post()
        self.steps.clear()
        self.assert_answer(self.post(key="msg_2"), 429, "too many")
        self.assertEqual(self.steps, ["verify"])

    def test_question_is_verified_before_anything_is_looked_up(self):
        numbers = type(self.env["stock.channel.publication"])
        with patch.object(numbers, "_pull_page", side_effect=AssertionError) as page:
            for since in ("", "?since=1", "?since=x' OR 1"):
                response = self.url_open(
                    f"{self.path}/inventory{since}",
                    headers=self.sign(b"", secret=OTHER_SECRET),
                )
                self.assert_answer(response, 401, "not authentic")
        page.assert_not_called()

    def test_no_body_is_logged_verified_or_not(self):
        def refused():
            self.assert_refused(self.post(headers={}))
            self.assert_refused(self.post(self.body + b"!", headers=self.sign(b"")))

        def taken():
            self.assert_answer(self.post(), 200, "accepted")

        for call in (refused, taken):
            text = self.logged(call)
            self.assertNotIn(CANARY, text)
            # The loggers did speak.
            self.assertIn("stock_channel", text)

    def test_a_crash_behind_the_signature_logs_no_body(self):
        bug = ZeroDivisionError("bug")

        def crash():
            with patch.object(StockChannelMessage, "_store", side_effect=bug):
                self.assertEqual(self.post().status_code, 500)

        text = self.logged(crash)
        self.assertIn("ZeroDivisionError", text)
        self.assertNotIn(CANARY, text)

    def test_the_check_would_notice(self):
        text = self.logged(lambda: logging.getLogger("odoo.x").debug(CANARY))
        self.assertIn(CANARY, text)


@tagged("post_install", "-at_install")
class TestDoorRotation(DoorCase):
    """S5: rotation without loss; S4: old and future deliveries are refused."""

    def setUp(self):
        super().setUp()
        self.clock = self.startPatcher(freeze_time(NOON))
        self.channel.delivery_limit = 0

    def burst(self, secret, seconds):
        """Send 20 deliveries a second, signed as they leave; return the answers."""
        answers = []
        for _number in range(20 * seconds):
            key = f"msg_{len(self.stored())}_{len(answers)}_{secret[-4:]}"
            answers.append(self.post(key=key, secret=secret).status_code)
            self.clock.tick(timedelta(milliseconds=50))
        return answers

    def test_rotation_under_load(self):
        """20 a second: the old one to its last second, the new one from its first."""
        old = self.channel.secret_ids
        self.assertEqual(set(self.burst(self.old(), 1)), {200})
        value = self.env["stock.channel.secret"]._generate(self.channel, 1)
        self.assertEqual(old.valid_to, datetime(2026, 11, 23, 13, 0, 1))  # noqa: DTZ001
        self.assertEqual(len(self.channel.secret_ids), 2)
        # The channel's servers take up the new one each in its time.
        for secret in (self.old(), value, self.old(), value):
            self.assertEqual(set(self.burst(secret, 1)), {200})
        self.clock.move_to(NOON + timedelta(hours=1, milliseconds=-50))
        self.assertEqual(set(self.burst(value, 1)), {200})
        # The last before the second in which it ends is taken, and none from then on.
        self.clock.move_to(NOON + timedelta(hours=1, milliseconds=50))
        last = self.burst(self.old(), 2)
        self.assertEqual((last[:19], last[19:]), ([200] * 19, [401] * 21))
        self.assertEqual(set(self.burst(value, 1)), {200})

    def old(self):
        return self.channel.secret_ids.sorted("id")[:1].sudo().value

    def test_secret_that_begins_later_opens_nothing_before(self):
        self.make_secret(OTHER_SECRET, valid_from="2026-11-23 12:00:02")
        seen = self.burst(OTHER_SECRET, 3)
        self.assertEqual((seen[:40], seen[40:]), ([401] * 40, [200] * 20))

    def test_s4_window_is_exact_both_ways(self):
        for seconds, status in ((-301, 401), (-300, 200), (300, 200), (301, 401)):
            with self.subTest(seconds=seconds):
                moment = NOON + timedelta(seconds=seconds)
                response = self.post(key=f"at{seconds}", moment=moment)
                self.assertEqual(response.status_code, status)
        self.assertEqual(len(self.stored()), 2)

    def test_s4_what_was_taken_is_not_taken_later(self):
        """The same bytes and headers: a duplicate within the window, refused after."""
        signed = self.sign(self.body)
        self.assert_answer(self.post(headers=signed), 200, "accepted")
        self.clock.tick(timedelta(seconds=300))
        self.assert_answer(self.post(headers=signed), 200, "duplicate")
        self.clock.tick(timedelta(seconds=1))
        self.assert_answer(self.post(headers=signed), 401, "not authentic")
        self.clock.tick(timedelta(days=365))
        self.assert_answer(self.post(headers=signed), 401, "not authentic")
        self.assertEqual(len(self.stored()), 1)
