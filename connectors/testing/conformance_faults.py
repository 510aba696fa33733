"""Conformance under trouble: each fault becomes the one error that says what to do."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from ..base import Connector
from ..data import ResultStatus
from ..errors import ConnectorError, Misconfigured, RateLimited, RetryLater
from .conformance_base import ConformanceBase
from .fake_channel import Fault

_HINTS = {Fault.RATE_LIMIT: 7.0, Fault.DOWN: 11.0}
_BROKEN = (
    Fault.DOWN,
    Fault.BROKEN,
    Fault.REFUSED,
    Fault.LOST_ANSWER,
    Fault.RUBBISH,
    Fault.OVERSIZED,
)
_HUMAN = (Fault.UNAUTHORIZED, Fault.FORBIDDEN, Fault.REDIRECT)


class _Collector(logging.Handler):
    """Keep every finished line."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Format the way a log file would have it, traceback included."""
        self.lines.append(self.format(record))


@contextmanager
def _collected() -> Iterator[list[str]]:
    """Collect every log line at DEBUG, wherever loggers are kept quiet else."""
    collector = _Collector()
    package = __name__.rpartition(".testing")[0]
    loggers = [logging.getLogger(name) for name in (None, package)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(collector)
        logger.setLevel(logging.DEBUG)
    try:
        yield collector.lines
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(collector)
            logger.setLevel(level)


class FaultConformance(ConformanceBase):
    """Every call, under every fault."""

    def operations(self) -> dict[str, Callable[[], object]]:
        """Return every call this connector makes, ready to run."""
        lines = self.server.add_order("1001")
        connector = self.connector
        calls: dict[str, Callable[[], object]] = {
            "publish": self._publish,
            "shipment": lambda: connector.report_shipment(
                self.shipment("1001", lines[0])
            ),
            "order": lambda: connector.fetch_order("1001"),
            "listings": lambda: list(connector.fetch_listings()),
        }
        if self.capabilities.can_cancel:
            calls["cancel"] = lambda: connector.report_cancel(
                self.cancellation("1001", lines[0])
            )
        if self.capabilities.read_back:
            calls["quantities"] = lambda: list(connector.fetch_quantities(self.keys))
        if self.capabilities.polling:
            calls["orders"] = lambda: list(connector.fetch_orders(None))
        if self.capabilities.locations:
            calls["locations"] = lambda: list(connector.fetch_locations())
        return calls

    def _publish(self) -> None:
        """Publish one number; unknown results count as "ask again later"."""
        results = self.connector.publish([self.update(self.keys[0], "3")], "push-1")
        if [result.status for result in results] == [ResultStatus.UNKNOWN]:
            raise RetryLater("unknown")

    def under(self, fault: Fault) -> dict[str, ConnectorError]:
        """Run every call under a fault and return the error of each."""
        errors = {}
        for name, call in self.operations().items():
            self.transport.always = fault
            with self.subTest(call=name, fault=fault):
                with self.assertRaises(ConnectorError) as caught:
                    call()
                errors[name] = caught.exception
            self.transport.always = None
        return errors

    def test_rate_limit_is_told_with_its_hint(self) -> None:
        """429: the call was not seen, and the channel said how long to wait.

        What to do: let ``RateLimited`` of the transport through unchanged, from every
        call.
        """
        before = self.server.quantity(self.keys[0])
        for name, error in self.under(Fault.RATE_LIMIT).items():
            with self.subTest(name):
                self.assertIs(RateLimited, type(error))
                self.assertEqual(7.0, getattr(error, "after", None))
        self.assertEqual(before, self.server.quantity(self.keys[0]))
        self.assertEqual([], self.server.books.effects)

    def test_trouble_is_tried_again(self) -> None:
        """5xx, broken connections, lost answers, rubbish: the outcome is unknown.

        What to do: let ``RetryLater`` of the transport through; read every answer by
        ``response.json()`` and raise ``RetryLater`` where its shape is wrong, also for
        lists and single orders.
        """
        for fault in _BROKEN:
            for name, error in self.under(fault).items():
                with self.subTest(call=name, fault=fault):
                    self.assertIs(RetryLater, type(error))
                    if name != "publish":
                        hint = getattr(error, "after", None)
                        self.assertEqual(_HINTS.get(fault), hint)

    def test_refused_credentials_need_a_person(self) -> None:
        """401, 403 and redirects are not tried again, and had no effect.

        What to do: raise ``Misconfigured`` for the statuses 401 and 403 of every call,
        naming the setting to look at.
        """
        for fault in _HUMAN:
            for name, error in self.under(fault).items():
                with self.subTest(call=name, fault=fault):
                    self.assertIs(Misconfigured, type(error))
        self.assertEqual([], self.server.books.effects)

    def test_check_never_raises(self) -> None:
        """The button shows a sentence, whatever happened.

        What to do: catch ``ConnectorError`` in ``check`` and return ``Health(ok=False,
        ...)`` with its message.
        """
        for fault in Fault:
            with self.subTest(fault):
                self.transport.always = fault
                health = self.connector.check()
                self.assertFalse(health.ok)
                self.assertTrue(health.message.strip())

    def test_check_without_settings(self) -> None:
        """An empty form is a sentence, too.

        What to do: take settings by ``config.get`` and raise ``Misconfigured`` where
        one is missing; never look at them in ``__init__``.
        """
        empty: Connector = self.connector_class({}, self.transport, self.clock, ())
        self.assertFalse(empty.check().ok)

    def test_channel_back_up(self) -> None:
        """A connector remembers nothing: after the fault everything works.

        What to do: keep nothing on the connector between calls.
        """
        self.under(Fault.DOWN)
        for name, call in self.operations().items():
            with self.subTest(name):
                call()
        self.assertEqual(Decimal(3), self.server.quantity(self.keys[0]))

    def test_secrets_stay_secret(self) -> None:
        """No credential in any log line, error text or traceback, even at DEBUG.

        What to do: put credentials into headers, never into addresses, messages or log
        lines; do not quote a foreign error.
        """
        fields = self.connector_class.config_fields
        hidden = [
            self.config[f.name] for f in fields if f.secret and f.name in self.config
        ]
        hidden += [secret.removeprefix("whsec_") for secret in self.secrets]
        self.assertTrue(all(len(value) >= 8 for value in hidden))
        with _collected() as lines:
            text = "\n".join(self._everything_said())
        text += "\n".join(lines)
        self.assertNotEqual([], lines, "the transport logs each call")
        self.assertEqual([], [value for value in hidden if value in text])
        signature = self.transport.calls[-1].headers.get("webhook-signature")
        if signature:
            self.assertNotIn(signature.removeprefix("v1,"), text)

    def _everything_said(self) -> list[str]:
        """Return the tracebacks of every call under every fault."""
        said = []
        for fault in (None, *Fault):
            for call in self.operations().values():
                self.transport.always = fault
                try:
                    call()
                except ConnectorError as error:
                    said += traceback.format_exception(error)
                self.transport.always = None
        return said
