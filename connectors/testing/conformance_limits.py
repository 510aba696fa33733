"""Conformance of what a channel rations: calls, and access tokens that end."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import RateLimited, RetryLater, Throttled
from ..tokens import MemoryTokens, Values, is_fresh
from .conformance_base import ConformanceBase
from .fake_channel import Fault

_UNSEEN = (Fault.RATE_LIMIT, Fault.DOWN, Fault.BROKEN, Fault.REFUSED)
_LONG = 86_400
"""Seconds after which every limit has filled up again."""


class _RacedTokens(MemoryTokens):
    """A store that another worker renews between our reading and our lock.

    :param values: what is read at first.
    :param renewed: what is kept from then on.
    """

    def __init__(self, values: Values, renewed: Values) -> None:
        super().__init__(values)
        self._renewed = renewed

    def exchange(self, renew: Callable[[Values], Values | None]) -> Values:
        self.values = dict(self._renewed)
        return super().exchange(renew)


class LimitConformance(ConformanceBase):
    """A limit that was heard of is kept, a token that ended is renewed once."""

    def read_something(self) -> None:
        """Do a call that every connector has, and that changes nothing."""
        list(self.connector.fetch_listings())

    # ------------------------------------------------------------------- limits

    def test_limit_is_kept_before_it_bites(self) -> None:
        """Who heard that nothing is left waits, or says so without a call.

        What to do: give what the channel tells to ``transport.heard``, and ask
        ``transport.wait_for`` before each call; let ``Throttled`` through.
        """
        self.need_of_fake("use_up_limit")
        self.server.use_up_limit()
        self.read_something()
        calls, paused = len(self.transport.calls), len(self.transport.pauses)
        try:
            self.read_something()
        except RateLimited as error:
            self.assertIs(Throttled, type(error))
            self.assertGreater(error.after or 0, 0, "it says how long to wait")
            self.assertEqual(calls, len(self.transport.calls), "no call was made")
            self.clock.advance(error.after or 0)
            self.read_something()
        else:
            self.assertGreater(sum(self.transport.pauses[paused:]), 0, "it waited")
        self.assertNotIn(429, [answer.status for answer in self.transport.answers])

    def test_limit_fills_up_again(self) -> None:
        """A day later nobody waits for what was heard yesterday.

        What to do: keep limits as ``Bucket`` or ``Window``, with the moment they were
        heard of by ``self.clock``.
        """
        self.need_of_fake("use_up_limit")
        self.server.use_up_limit()
        self.read_something()
        self.clock.advance(_LONG)
        paused = len(self.transport.pauses)
        self.read_something()
        self.assertEqual([], self.transport.pauses[paused:])

    # ------------------------------------------------------------------- tokens

    def need_tokens(self) -> Values:
        """Return what a store with an ended token holds; skip where there is none."""
        ended = self.ended_tokens()
        if not ended:
            self.skipTest(f"{self.connector_class.key}: no tokens that end")
        self.assertFalse(is_fresh(ended, self.clock()), "ended_tokens is still fresh")
        return ended

    def renewed(self, ended: Values) -> MemoryTokens:
        """Return a store after one renewal, by a connector of its own."""
        tokens = MemoryTokens(ended)
        list(self.make_connector(tokens).fetch_listings())
        return tokens

    def test_ended_token_is_renewed_once(self) -> None:
        """The first call renews it, the following ones use what is kept.

        What to do: renew within ``tokens.exchange`` where ``is_fresh`` says no, return
        the new values from it, with ``expires_at``, and read the token from the store.
        """
        tokens = MemoryTokens(self.need_tokens())
        self.connector = self.make_connector(tokens)
        before = self.server.renewals
        for _ in range(3):
            self.read_something()
        # Another worker that starts later finds it in the store.
        list(self.make_connector(tokens).fetch_listings())
        self.assertEqual(1, self.server.renewals - before)
        self.assertTrue(is_fresh(tokens.read(), self.clock()))

    def test_token_renewal_survives_trouble(self) -> None:
        """Trouble while renewing changes nothing that is kept; then it is renewed once.

        What to do: let the transport's errors out of the function you give to
        ``tokens.exchange``; never store before the answer is read.
        """
        self.need_tokens()
        for fault in _UNSEEN:
            with self.subTest(fault=fault):
                self.begin()
                ended = self.need_tokens()
                tokens = MemoryTokens(ended)
                self.connector = self.make_connector(tokens)
                before = self.server.renewals
                self.transport.faults = [fault]
                with self.assertRaises(RetryLater) as caught:
                    self.read_something()
                is_limit = fault is Fault.RATE_LIMIT
                kind = RateLimited if is_limit else RetryLater
                self.assertIs(kind, type(caught.exception))
                self.assertEqual(dict(ended), tokens.values)
                self.read_something()
                self.read_something()
                self.assertEqual(1, self.server.renewals - before)

    def test_rubbish_is_no_token(self) -> None:
        """A page of HTML with status 200 is not kept as a token.

        What to do: read the answer to a renewal strictly, and raise ``RetryLater``
        where it holds no token.
        """
        ended = self.need_tokens()
        tokens = MemoryTokens(ended)
        self.connector = self.make_connector(tokens)
        self.transport.faults = [Fault.RUBBISH]
        with self.assertRaises(RetryLater):
            self.read_something()
        self.assertEqual(dict(ended), tokens.values)

    def test_token_of_another_worker_is_used(self) -> None:
        """Whoever comes second to the lock finds a fresh token, and renews nothing.

        What to do: look again, inside the function given to ``tokens.exchange``, at
        the values it is given, and return None where they are fresh by now.
        """
        ended = self.need_tokens()
        fresh = self.renewed(ended).read()
        before = self.server.renewals
        self.connector = self.make_connector(_RacedTokens(ended, fresh))
        self.read_something()
        self.assertEqual(0, self.server.renewals - before)
