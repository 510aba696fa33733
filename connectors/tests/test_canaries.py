"""S11: nothing leaks in text: what looks for canaries finds them, wherever they hide."""

import logging
import unittest
from types import SimpleNamespace

from ..errors import BadPayload, RetryLater
from ..redaction import DiscreetFilter, be_discreet, hide_arguments, outline, told
from ..testing import (
    fake_filedrop,
    fake_medusa,
    fake_rest,
    fake_shopify,
    fake_vendure,
    fake_woocommerce,
)
from ..testing.canaries import ALL, CUSTOMERS, MARK, SECRETS, Leak, LogWatch, finished

CUSTOMER = CUSTOMERS[1]


class Refused(Exception):
    """An error as the database's library raises it."""

    pgcode = "23502"


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """Return the error with a traceback, as somebody catches it."""
    try:
        raise error from cause
    except BaseException as caught:  # noqa: BLE001 - handed back
        return caught


def record(text: str, *args: object, error: BaseException | None = None):
    """Return a log record that nobody has written yet."""
    exc_info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("some.logger", 10, __file__, 1, text, args, exc_info)


class TestWords(unittest.TestCase):
    """S11: the fakes' credentials are canaries."""

    def test_every_credential_of_a_fake_holds_the_mark(self):
        for value in (
            fake_filedrop.PASSWORD,
            fake_medusa.API_KEY,
            fake_rest.SECRET,
            fake_shopify.ACCESS_TOKEN,
            fake_shopify.CLIENT_SECRET,
            fake_shopify.REFRESH_TOKEN,
            fake_vendure.API_KEY,
            fake_vendure.PASSWORD,
            fake_woocommerce.CONSUMER_KEY,
            fake_woocommerce.CONSUMER_SECRET,
        ):
            self.assertIn(MARK, value)

    def test_secrets_made_at_random_are_found_too(self):
        self.assertTrue(SECRETS.search("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        self.assertFalse(SECRETS.search("whsec_***"))
        self.assertFalse(SECRETS.search(CUSTOMER))

    def test_whatever_the_case(self):
        for word in (MARK, *CUSTOMERS):
            self.assertTrue(ALL.search(f"x{word.upper()}x"))


class TestWatch(unittest.TestCase):
    """S11: the check can fail: each way into a log is seen."""

    def setUp(self) -> None:
        self.watch = LogWatch()

    def assert_seen(self, one: logging.LogRecord) -> None:
        self.watch.look(one)
        [leak] = self.watch.take()
        self.assertEqual(("some.logger", "DEBUG"), (leak.logger, leak.level))
        self.assertRegex(leak.text, ALL)

    def test_message_argument_and_broken_arguments(self):
        self.assert_seen(record(f"within {CUSTOMER}"))
        self.assert_seen(record("with %s", CUSTOMER))
        self.assert_seen(record("%s %s", MARK))

    def test_traceback_cause_and_stack(self):
        self.assert_seen(record("failed", error=raised(ValueError(CUSTOMER))))
        chained = raised(ValueError("harmless"), cause=KeyError(CUSTOMER))
        self.assert_seen(record("failed", error=chained))
        one = record("told")
        one.stack_info = f"Stack: {MARK}"
        self.assert_seen(one)

    def test_clean_records_are_only_counted(self):
        self.watch.look(record("order %s is applied", 7))
        self.assertEqual(([], 1), (self.watch.take(), self.watch.looked_at))

    def test_a_leak_is_told_in_one_line_with_its_place(self):
        self.watch.look(record(f"a\n{'b' * 500} {CUSTOMER}\nc"))
        [leak] = self.watch.take()
        text = f"{'b' * 159} {CUSTOMER} c"
        self.assertEqual(Leak("some.logger", "DEBUG", text), leak)
        self.assertEqual(f"some.logger at DEBUG: {text}", str(leak))

    def test_statements_with_their_values_are_left_out_and_nothing_else_of_it(self):
        for level, seen in ((logging.DEBUG, 0), (logging.ERROR, 1)):
            one = logging.LogRecord("odoo.sql_db", level, "", 1, CUSTOMER, (), None)
            self.watch.look(one)
            self.assertEqual(seen, len(self.watch.take()))

    def test_what_tests_write_themselves_is_left_out(self):
        """A browser's logger writes the pages it was shown."""
        for name, seen in (
            ("odoo.addons.stock_channel_hub.tests.test_tours.TestTours.browser", 0),
            ("odoo.tests", 0),
            ("odoo.addons.stock_channel_hub.models.stock_channel", 1),
            ("contests.models", 1),
        ):
            one = logging.LogRecord(name, logging.DEBUG, "", 1, CUSTOMER, (), None)
            self.watch.look(one)
            self.assertEqual(seen, len(self.watch.take()), name)

    def test_loggers_are_looked_at_whatever_their_level_and_handlers(self):
        """As ``mute_logger`` and ``assertLogs`` leave them."""
        written: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda one: written.append(one.getMessage())  # type: ignore[method-assign]
        logger = logging.getLogger("some.muted")
        logger.propagate, logger.handlers = False, [handler]
        logger.setLevel(logging.WARNING)
        self.watch.start()
        self.addCleanup(self.watch.stop)
        looked: list[str] = []
        self.watch.look = lambda one: looked.append(one.getMessage())  # type: ignore[method-assign]
        logger.debug("quiet")
        logger.warning("loud")
        self.assertEqual(["quiet", "loud"], looked)
        self.assertEqual(["loud"], written)
        self.watch.stop()
        logger.debug("again")
        self.assertEqual(["quiet", "loud"], looked)

    def test_what_a_filter_masks_is_not_a_leak(self):
        logger = logging.getLogger("some.filtered")
        logger.propagate, logger.handlers = False, [logging.NullHandler()]
        logger.addFilter(DiscreetFilter())
        self.watch.start()
        self.addCleanup(self.watch.stop)
        logger.debug("Authorization: Bearer %s", MARK * 4)
        self.assertEqual(([], 1), (self.watch.take(), self.watch.looked_at))


class TestErrors(unittest.TestCase):
    """S11: of an error that is not ours its words stay out of logs and exceptions."""

    def test_kind_and_words_that_are_safe(self):
        for error, text in (
            (RetryLater("The channel is in trouble (503)."), None),
            (BadPayload("must be a string", "data.id"), None),
            (ZeroDivisionError("division by zero"), None),
            (AttributeError("'NoneType' object has no attribute 'id'"), None),
            (TypeError("a\nb"), "TypeError: a"),
            (ValueError(CUSTOMER), "ValueError"),
            (KeyError(CUSTOMER), "KeyError"),
            (RuntimeError(CUSTOMER), "RuntimeError"),
            (UnicodeEncodeError("ascii", CUSTOMER, 0, 1, "x"), "UnicodeEncodeError"),
            (OSError(2, CUSTOMER), "FileNotFoundError"),
            (Refused(f"DETAIL: Failing row contains ({CUSTOMER})"), "Refused: 23502"),
        ):
            with self.subTest(error=error):
                expected = text or f"{type(error).__name__}: {error}"
                self.assertEqual(expected, told(error))

    def test_every_link_of_the_chain_is_told_by_kind_and_place(self):
        try:
            try:
                int(CUSTOMER)
            except ValueError:
                raise RuntimeError(CUSTOMER)  # noqa: B904 - the context is told, too
        except RuntimeError as error:
            text = outline(error)
        self.assertRegex(
            text,
            r"\ATraceback \(most recent call last\):\n  File (?s:.*)int\(CUSTOMER\)\n"
            r"(?s:.*)ValueError\n\nTraceback (?s:.*)\nRuntimeError\Z",
        )
        self.assertNotIn(CUSTOMER, text)

    def test_a_chain_that_bites_its_tail_ends(self):
        first, second = ValueError("a"), ValueError("b")
        first.__cause__, second.__cause__ = second, first
        self.assertEqual(10, outline(first).count("Traceback"))

    def test_the_filter_tells_errors_as_arguments_and_in_tracebacks(self):
        error = raised(ValueError(CUSTOMER))
        one = record("order %s: %s", 7, error, error=error)
        self.assertTrue(DiscreetFilter().filter(one))
        text = finished(one)
        self.assertRegex(
            text, r"\Aorder 7: ValueError\nTraceback (?s:.*)\nValueError\Z"
        )
        self.assertNotIn(CUSTOMER, text)
        # No other handler can write it out either.
        self.assertIsNone(one.exc_info)

    def test_named_arguments_go_through(self):
        one = logging.LogRecord("x", 10, "", 1, "%(a)s", ({"a": 1},), None)
        self.assertTrue(DiscreetFilter().filter(one))
        self.assertEqual("1", one.getMessage())

    def test_calls_of_the_hub_s_methods_are_logged_without_their_arguments(self):
        logger = logging.getLogger("some.calls")
        self.addCleanup(logger.filters.clear)
        for _ in range(2):
            hide_arguments("some.calls", "stock.channel")
        [one_filter] = logger.filters
        for model, shown in (
            ("stock.channel.secret.wizard", "***"),
            ("stock.channel", "***"),
            ("res.partner", CUSTOMER),
        ):
            records = SimpleNamespace(_name=model)
            one = logging.LogRecord(
                "some.calls",
                10,
                "",
                1,
                "%.0s%s(%s)",
                (records, "write", CUSTOMER),
                None,
            )
            self.assertTrue(one_filter.filter(one))
            self.assertEqual(f"write({shown})", one.getMessage())
        self.assertTrue(one_filter.filter(record("with %s", CUSTOMER)))

    def test_all_loggers_of_a_package_get_it_once(self):
        package = f"{__name__}.package"
        inside = logging.getLogger(f"{package}.module")
        beside = logging.getLogger(f"{package}_other")
        for _ in range(2):
            be_discreet(package)
        self.assertEqual([DiscreetFilter], [type(one) for one in inside.filters])
        self.assertEqual([], beside.filters)
