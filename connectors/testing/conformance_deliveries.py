"""Conformance of what comes in: verify, describe, parse, and the class itself."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import TestCase

from ..base import Capabilities, Told
from ..data import (
    CancelNotice,
    CountSnapshot,
    Event,
    FetchOrder,
    OrderSnapshot,
    ReturnSnapshot,
)
from ..errors import BadPayload, BadSignature
from ..registry import get
from ..transport import Transport
from .conformance_base import ConformanceBase

_EVENTS = (OrderSnapshot, ReturnSnapshot, CountSnapshot, FetchOrder, CancelNotice)

HOSTILE_BYTES = (
    b"",
    b"\x00",
    b"\xff\xfe{}",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"1e999",
    b"NaN",
    b'{"type": 1, "data": []}',
    b'{"type": "order.updated", "data": {"id": {"id": 1}}}',
    b'{"id": "\\ud800"}',
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b"9" * 10_000,
)
"""Bodies no connector may stumble over."""


def values_in(value: Any) -> Iterator[Any]:
    """Return every leaf of a nested dataclass."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for part in dataclasses.fields(value):
            yield from values_in(getattr(value, part.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from values_in(item)
    else:
        yield value


def told_by(event: Event) -> set[Told]:
    """Return what an event speaks of besides an order."""
    if isinstance(event, ReturnSnapshot):
        return {Told.RETURNS}
    if isinstance(event, CancelNotice):
        return {Told.CANCELS}
    if isinstance(event, OrderSnapshot) and (
        event.cancelled or any(line.cancelled_quantity for line in event.lines)
    ):
        return {Told.CANCELS}
    return set()


class DeliveryConformance(ConformanceBase):
    """Nothing unauthentic gets in, nothing hostile breaks anything."""

    def test_source_is_independent_of_odoo(self) -> None:
        """A connector imports the contract, and nothing else of any addon.

        What to do: import only the standard library and the hub's ``connectors``; what
        needs Odoo belongs into the addon's models.
        """
        source = Path(inspect.getfile(self.connector_class)).read_text("utf-8")
        imported = []
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                imported += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.append(node.module or "")
        odoo = [name for name in imported if name.split(".")[0] == "odoo"]
        contract = "odoo.addons.stock_channel_hub.connectors"
        self.assertEqual([], [n for n in odoo if not n.startswith(contract)])

    def test_class_is_described(self) -> None:
        """Key, label, capabilities and settings are complete and sane.

        What to do: complete the class attributes of your connector; register it
        (``registry.register``) before the suite runs; give ``config`` of your test
        class a value for each required setting.
        """
        self.assertRegex(self.connector_class.key, r"\A[a-z][a-z0-9_]{0,31}\Z")
        self.assertIs(self.connector_class, get(self.connector_class.key))
        self.assertTrue(self.connector_class.label.strip())
        self.assertIsInstance(self.capabilities, Capabilities)
        self.assertGreaterEqual(self.capabilities.batch_size, 1)
        self.assertTrue(self.capabilities.webhooks or self.capabilities.polling)
        self.assertTrue(issubclass(self.connector_class.transport_class, Transport))
        resources = self.connector_class.resources
        self.assertEqual(len(set(resources)), len(resources))
        names = [field.name for field in self.connector_class.config_fields]
        self.assertEqual(len(set(names)), len(names))
        for field in self.connector_class.config_fields:
            self.assertTrue(field.label and field.help, field.name)
            if field.required:
                self.assertIn(field.name, self.config)

    # ---------------------------------------------------------------- signature

    def signed_sample(self) -> tuple[bytes, dict[str, str]]:
        """Return a sample and headers that make it authentic now."""
        self.need("webhooks")
        raw = self.good_samples()[0][1]
        return raw, self.delivery_headers(raw, self.secrets[0], self.clock())

    def assert_refused(
        self, raw: bytes, headers: dict[str, str], *secrets: str, seconds: float = 0
    ) -> None:
        """Assert that a delivery is refused, so many seconds from now."""
        moment = self.clock() + timedelta(seconds=seconds)
        with self.assertRaises(BadSignature):
            self.connector.verify(raw, headers, secrets, moment)

    def test_authentic_delivery_is_accepted(self) -> None:
        """The signature of the sender is enough.

        What to do: let ``verify`` return for a body signed as ``delivery_headers`` of
        your test class signs it; both must follow the channel's documentation.
        """
        raw, headers = self.signed_sample()
        self.connector.verify(raw, headers, self.secrets[:1], self.clock())

    def test_every_active_secret_is_accepted(self) -> None:
        """During a rotation both the old and the new secret sign (S5).

        What to do: try each of the ``secrets`` that ``verify`` is given; give your test
        class two.
        """
        raw, _ = self.signed_sample()
        self.assertGreaterEqual(len(self.secrets), 2)
        for secret in self.secrets:
            headers = self.delivery_headers(raw, secret, self.clock())
            self.connector.verify(raw, headers, self.secrets, self.clock())
            others = [other for other in self.secrets if other != secret]
            self.assert_refused(raw, headers, *others)

    def test_no_secret_means_refused(self) -> None:
        """It fails closed: no secret, an empty one, a broken one (S1).

        What to do: raise ``BadSignature`` when no usable secret is given, and pass over
        secrets that are empty or malformed.
        """
        raw, headers = self.signed_sample()
        self.assert_refused(raw, headers)
        self.assert_refused(raw, headers, "")
        self.assert_refused(raw, headers, "whsec_", "\x00", "no base64 §")
        unsigned = self.delivery_headers(raw, self.secrets[0], self.clock())
        self.assert_refused(raw, dict.fromkeys(unsigned, ""), "")

    def test_changed_body_is_refused(self) -> None:
        """Each changed byte, a cut and an addition are noticed (S2).

        What to do: compute the signature over the raw bytes exactly as they came, and
        compare it with ``signing.equals``.
        """
        raw, headers = self.signed_sample()
        step = max(1, len(raw) // 40)
        for position in range(0, len(raw), step):
            changed = bytearray(raw)
            changed[position] ^= 1
            self.assert_refused(bytes(changed), headers, *self.secrets)
        self.assert_refused(raw[:-1], headers, *self.secrets)
        self.assert_refused(raw + b" ", headers, *self.secrets)
        self.assert_refused(b"", headers, *self.secrets)

    def test_thousand_changed_bytes_are_refused(self) -> None:
        """One byte of what is signed, anywhere, is enough to refuse it (S2).

        What to do: let the signature cover the raw body and every header you rely on,
        and compare signatures as text: base64 that decodes alike is a change as well.
        """
        raw, headers = self.signed_sample()
        covered = self._covered(raw, headers)
        self.assertTrue(covered, "no header is needed at all")
        dice = random.Random(20261122)  # noqa: S311 - draws tests, no secrets
        for _number in range(1_000):
            name = dice.choice(("", *covered))
            text = bytearray(headers[name].encode() if name else raw)
            position = dice.randrange(len(text))
            text[position] ^= dice.randrange(1, 256)
            changed = {**headers, name: text.decode("latin-1")} if name else headers
            body = raw if name else bytes(text)
            with self.subTest(header=name or "body", position=position):
                self.assert_refused(body, changed, *self.secrets)

    def _covered(self, raw: bytes, headers: dict[str, str]) -> list[str]:
        """Return the headers without which a delivery is not authentic."""
        needed = []
        for name in sorted(headers):
            others = {key: text for key, text in headers.items() if key != name}
            try:
                self.connector.verify(raw, others, self.secrets, self.clock())
            except BadSignature:
                needed.append(name)
        return needed

    def test_headers_are_needed(self) -> None:
        """Without headers nothing is authentic, whatever their values (S3).

        What to do: take headers by ``headers.get``, and raise ``BadSignature``, never
        anything else, for those that are missing or malformed.
        """
        raw, headers = self.signed_sample()
        self.assert_refused(raw, {}, *self.secrets)
        for junk in ("", " ", ",", "v1", "v1,", "v1,é", "=,=", "\x00", "a" * 9_999):
            self.assert_refused(raw, dict.fromkeys(headers, junk), *self.secrets)

    def test_signed_time_bounds_replay(self) -> None:
        """300 s into the past and the future, not a second more (S4).

        What to do: refuse what is more than 300 seconds away from ``now``; or say
        ``signed_time=False`` where the signature does not cover a time.
        """
        self.need("signed_time")
        raw, headers = self.signed_sample()
        for seconds in (-300, 300):
            moment = self.clock() + timedelta(seconds=seconds)
            self.connector.verify(raw, headers, self.secrets, moment)
            beyond = seconds + (1 if seconds > 0 else -1)
            self.assert_refused(raw, headers, *self.secrets, seconds=beyond)

    # ----------------------------------------------------------------- describe

    def test_describe_never_raises(self) -> None:
        """Whatever authentic senders send can at least be filed.

        What to do: catch ``BadPayload`` in ``describe`` and file the delivery under
        ``body_digest(raw)``; the answer depends on body and headers alone.
        """
        bodies = [*HOSTILE_BYTES, *(raw for _, raw in self.hostile_samples())]
        for raw in bodies:
            headers = self.delivery_headers(raw, self.secrets[0], self.clock())
            for given in ({}, headers, dict.fromkeys(headers, "\x00é")):
                delivery = self.connector.describe(raw, given)
                self.assertTrue(delivery.dedupe_key, raw[:40])
                self.assertEqual(delivery, self.connector.describe(raw, given))

    def test_dedupe_key_tells_deliveries_apart(self) -> None:
        """A repeat has the same key, another delivery has not.

        What to do: take the channel's id of the delivery where it is stable over
        retries, else ``body_digest(raw)``; leave times of sending out.
        """
        keys = []
        for number, (_, raw) in enumerate(self.good_samples()):
            headers = self.delivery_headers(
                raw, self.secrets[0], self.clock(), f"msg_{number}"
            )
            key = self.connector.dedupe_key(raw, headers)
            repeat = self.delivery_headers(
                raw, self.secrets[0], self.clock() + timedelta(hours=1), f"msg_{number}"
            )
            self.assertEqual(key, self.connector.dedupe_key(raw, repeat))
            keys.append(key)
        self.assertEqual(len(set(keys)), len(keys))

    # -------------------------------------------------------------------- parse

    def test_samples_parse(self) -> None:
        """Every recorded body gives events of the contract's types and units.

        What to do: return at least one event for each good sample, the same one each
        time; quantities and money are ``Decimal``, times aware UTC, texts without NUL.
        """
        for name, raw in self.good_samples():
            with self.subTest(name):
                events = self.connector.parse(raw, self.sample_topic(name, raw))
                self.assertNotEqual([], events)
                self.assertEqual(
                    events, self.connector.parse(raw, self.sample_topic(name, raw))
                )
                for event in events:
                    self.assertIsInstance(event, _EVENTS)
                    for value in values_in(event):
                        assert_clean(self, value)

    def test_samples_show_what_is_told(self) -> None:
        """Cancellations and returns come exactly where ``tells`` says so.

        What to do: name in ``tells`` what this channel ever speaks of, and have a good
        sample of each: an order cancelled in whole or in part, a return.
        """
        told = {
            word
            for name, raw in self.good_samples()
            for event in self.connector.parse(raw, self.sample_topic(name, raw))
            for word in told_by(event)
        }
        self.assertEqual(set(self.connector_class.tells), told)

    def test_returned_quantities_are_sane(self) -> None:
        """Every returned line has a quantity, and no more of it is restocked.

        What to do: leave lines of nothing out; ``restocked`` counts what the channel
        has put back on the number it shows.
        """
        for name, raw in self.good_samples():
            for event in self.connector.parse(raw, self.sample_topic(name, raw)):
                for line in event.lines if isinstance(event, ReturnSnapshot) else ():
                    with self.subTest(name):
                        self.assertGreater(line.quantity, 0)
                        self.assertLessEqual(0, line.restocked)
                        self.assertLessEqual(line.restocked, line.quantity)

    def test_hostile_samples_are_bad_payload(self) -> None:
        """Nothing but ``BadPayload``, and no personal data in its text.

        What to do: read bodies with ``strict_json.load``; its ``Node`` refuses what is
        not as asked for, names the place and keeps values out of the text.
        """
        for name, raw in self.hostile_samples():
            with self.subTest(name):
                topic = self.sample_topic(name, raw)
                with self.assertRaises(BadPayload) as caught:
                    self.connector.parse(raw, topic)
                self.assertNotIn("@", str(caught.exception))
                self.assertLess(len(str(caught.exception)), 400)

    def test_hostile_bytes_are_bad_payload(self) -> None:
        """The same for bytes that are no body at all, under every known topic.

        What to do: begin ``parse`` with ``strict_json.load``, ask for each value by
        kind, and refuse topics you do not know.
        """
        topics = {self.sample_topic(name, raw) for name, raw in self.good_samples()}
        for raw in HOSTILE_BYTES:
            for topic in sorted(topics | {"", "no.such.topic"}):
                with self.subTest(body=raw[:40], topic=topic):
                    self.assertRaises(BadPayload, self.connector.parse, raw, topic)


def assert_clean(case: TestCase, value: Any) -> None:
    """Assert that a leaf has one of the contract's types and is storable."""
    if isinstance(value, Decimal):
        case.assertTrue(value.is_finite())
    elif hasattr(value, "utcoffset"):
        case.assertEqual(timedelta(0), value.utcoffset())
    elif isinstance(value, str):
        case.assertNotIn("\x00", value)
        value.encode()
    else:
        case.assertIsInstance(value, (bool, int, type(None)))
