"""Conformance of webhooks beyond their signature: secrets, pings, subscriptions."""

from __future__ import annotations

from collections.abc import Mapping

from ..data import WebhookFinding, WebhookState
from ..errors import Misconfigured, RateLimited, RetryLater
from .conformance_base import ConformanceBase
from .conformance_deliveries import HOSTILE_BYTES
from .fake_channel import Fault

ADDRESS = "https://hub.example/stock_channel/0123456789abcdef"
OTHER_ADDRESS = "https://hub.example/stock_channel/fedcba9876543210"

_BROKEN = (Fault.DOWN, Fault.BROKEN, Fault.REFUSED, Fault.LOST_ANSWER, Fault.RUBBISH)
_HUMAN = (Fault.UNAUTHORIZED, Fault.FORBIDDEN, Fault.REDIRECT)


class WebhookConformance(ConformanceBase):
    """Nothing real is taken for a ping, and subscriptions stay as they should be."""

    def test_secrets_are_recognised(self) -> None:
        """A signing secret of this channel is accepted, an empty one is not.

        What to do: override ``accepts_secret`` for the form this channel's secrets
        have, and ``signing_help`` with one sentence that tells where to find one.
        """
        self.need("webhooks")
        for secret in self.secrets:
            self.assertIs(True, self.connector_class.accepts_secret(secret))
        for secret in ("", " ", "\n", "\x00"):
            self.assertIs(False, self.connector_class.accepts_secret(secret))
        self.assertTrue(self.connector_class.signing_help.strip())

    # -------------------------------------------------------------------- pings

    def test_nothing_real_is_a_ping(self) -> None:
        """A delivery that says something is never answered and forgotten.

        What to do: let ``is_ping`` look at the exact body and headers of the channel's
        ping, and say no to everything else; it never raises.
        """
        bodies = [raw for _, raw in self.good_samples()]
        bodies += [raw for _, raw in self.hostile_samples()]
        for raw in (*bodies, *HOSTILE_BYTES):
            authentic = self.delivery_headers(raw, self.secrets[0], self.clock())
            for headers in ({}, authentic, dict.fromkeys(authentic, "\x00é")):
                self.assertIs(False, self.connector.is_ping(raw, headers), raw[:40])

    def test_pings_are_recognised(self) -> None:
        """What the channel sends before it switches a webhook on is answered.

        What to do: ``is_ping`` returns True for each delivery that ``pings`` of your
        test class returns.
        """
        if not self.pings():
            self.skipTest(f"{self.connector_class.key}: no pings")
        for raw, headers in self.pings():
            self.assertIs(True, self.connector.is_ping(raw, headers), raw[:40])

    # ------------------------------------------------------------ subscriptions

    def watched(self, address: str = ADDRESS) -> list[WebhookFinding]:
        """Watch once and check the shape of what was found."""
        findings = self.connector.watch_webhooks(address)
        for finding in findings:
            self.assertIsInstance(finding, WebhookFinding)
            self.assertIsInstance(finding.state, WebhookState)
            self.assertTrue(finding.topic, "each finding names its topic")
        topics = [finding.topic for finding in findings]
        self.assertEqual(len(set(topics)), len(topics), "one finding for each topic")
        return findings

    def assert_in_order(self, address: str) -> None:
        """Assert that there is nothing left to do, and that nothing is done."""
        before = len(self.transport.calls)
        self.assertEqual([], self.watched(address))
        written = [
            call for call in self.transport.calls[before:] if self.server.is_write(call)
        ]
        self.assertEqual([], written, "where all is in order nothing is written")

    def test_webhooks_are_claimed_truly(self) -> None:
        """``watch_webhooks`` works exactly where ``registers_webhooks`` says so.

        What to do: set ``registers_webhooks=True`` in the capabilities, or leave
        ``watch_webhooks`` as it is inherited.
        """
        if self.capabilities.registers_webhooks:
            self.assertTrue(self.capabilities.webhooks)
            self.assertNotEqual([], self.watched())
        else:
            with self.assertRaises(NotImplementedError):
                self.connector.watch_webhooks(ADDRESS)

    def test_webhooks_are_made_once(self) -> None:
        """The first call makes them, the second finds nothing to do.

        What to do: list the channel's subscriptions first, recognise ours by address
        and topic, and make only those that are missing.
        """
        self.need("registers_webhooks")
        states = {finding.state for finding in self.watched()}
        self.assertEqual({WebhookState.MADE}, states)
        self.assert_in_order(ADDRESS)

    def test_webhooks_follow_the_address(self) -> None:
        """Sent elsewhere under our name they are mended, or made anew.

        What to do: compare the address of each subscription with the one given.
        """
        self.need("registers_webhooks")
        self.watched()
        states = {finding.state for finding in self.watched(OTHER_ADDRESS)}
        self.assertLessEqual(states, {WebhookState.MADE, WebhookState.MENDED})
        self.assertNotEqual(set(), states)
        self.assert_in_order(OTHER_ADDRESS)

    def test_disturbed_webhooks_are_mended(self) -> None:
        """A subscription that was switched off or lost is found and told.

        What to do: look at the state of each subscription, too; make or mend what
        ``disturb_webhooks`` of your fake has taken away.
        """
        self.need("registers_webhooks")
        self.need_of_fake("disturb_webhooks")
        self.watched()
        self.server.disturb_webhooks()
        states = [finding.state for finding in self.watched()]
        self.assertEqual(1, len(states))
        self.assertIn(states[0], (WebhookState.MADE, WebhookState.MENDED))
        self.assert_in_order(ADDRESS)

    def test_watching_survives_trouble(self) -> None:
        """Every fault becomes the error that says what to do, and heals.

        What to do: let the transport's errors through; 401 and 403 are
        ``Misconfigured``, or findings that say ``refused``.
        """
        self.need("registers_webhooks")
        self._expect({Fault.RATE_LIMIT: RateLimited})
        self._expect(dict.fromkeys(_BROKEN, RetryLater))
        for fault in _HUMAN:
            with self.subTest(fault=fault):
                self.transport.always = fault
                try:
                    states = {finding.state for finding in self.watched()}
                except Misconfigured:
                    continue
                self.assertEqual({WebhookState.REFUSED}, states)
        self.transport.always = None
        self.watched()
        self.assert_in_order(ADDRESS)

    def _expect(self, kinds: Mapping[Fault, type[Exception]]) -> None:
        for fault, kind in kinds.items():
            with self.subTest(fault=fault):
                self.transport.always = fault
                with self.assertRaises(RetryLater) as caught:
                    self.connector.watch_webhooks(ADDRESS)
                self.assertIs(kind, type(caught.exception))
