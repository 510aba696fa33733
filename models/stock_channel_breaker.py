import logging
from contextlib import contextmanager
from datetime import timedelta

from odoo import fields, models
from odoo.tools import SQL

from ..connectors.errors import Misconfigured, RateLimited, Throttled
from ..connectors.retry_policy import Trouble, Work, decide, trouble_of

_logger = logging.getLogger(__name__)

# Context key: the moment until which whoever works may find out whether it answers.
TURN = "stock_channel_turn"
# Longer than a run's first call takes; whoever is past it died.
TURN_SECONDS = 120
ERROR_CHARS = 300


class StockChannelBreaker(models.Model):
    """Who may call a channel that does not answer: nobody, then one, then everybody.

    Publishing, polling, reading back and the readers of the inbox call a channel at
    once, and when it goes down they all fail at once. The first of them notes the
    outage; what the others lost within the same wait is the same outage. When the
    wait is over one worker gets the turn: it alone calls, and by its answer the
    channel is back or left alone for longer. Whoever was on the phone when the outage
    began ends it with no late answer: only who had the turn does.

    Every step locks the channel's row first. Of two workers who note a failure at
    once the second fails to serialize, starts over, and finds what the first wrote.
    """

    _inherit = "stock.channel"

    failure_count = fields.Integer(
        readonly=True, copy=False, help="Failed calls in a row."
    )
    next_attempt_at = fields.Datetime(
        "Tried Again",
        readonly=True,
        copy=False,
        help="The channel is left alone until then.",
    )
    last_error = fields.Char(readonly=True, copy=False)
    down_at = fields.Datetime(
        "Not Answering Since",
        readonly=True,
        copy=False,
        help="Since then no call got through; empty while the channel answers.",
    )

    is_deaf = fields.Boolean(
        "Takes No Numbers",
        readonly=True,
        copy=False,
        help="Telling it numbers failed. That it can be asked says nothing about that.",
    )

    def _is_left_alone(self):
        """Return whether the channel failed or asked for patience lately.

        Whoever has the turn goes on until the first answer.
        """
        until = self.next_attempt_at
        if not until or self.env.context.get(TURN) == until:
            return False
        return until > self.env.cr.now()

    # ------------------------------------------------------------------- turns

    @contextmanager
    def _turn(self, is_wanted=None):
        """Lend the channel to whoever wants to call it; empty while nobody may.

        Called outside any transaction. A run that called nothing gives its turn back.
        One that dies keeps it until it is over.

        :param is_wanted: asked first, in the same transaction, whether there is any
            reason to call; no turn is taken when it says no.
        """

        def take():
            if is_wanted and not is_wanted():
                return self.browse()
            return self._take_turn()

        channel = self._in_transaction(take)
        try:
            yield channel
        except Exception:
            self._abandon_transaction()
            channel._hand_back()
            raise
        channel._hand_back()

    def _hand_back(self):
        if self and TURN in self.env.context:
            self._in_transaction(self._return_turn)

    def _take_turn(self):
        if self._is_left_alone():
            return self.browse()
        if not self.failure_count or TURN in self.env.context:
            return self
        self._lock_breaker()
        until = self.env.cr.now() + timedelta(seconds=TURN_SECONDS)
        self.next_attempt_at = until
        return self.with_context(**{TURN: until})

    def _return_turn(self):
        if self.next_attempt_at == self.env.context[TURN]:
            self.next_attempt_at = self.env.cr.now()

    def _seconds_left_alone(self):
        """Return for how long nobody may call, in seconds."""
        until = self.next_attempt_at
        return max(0.0, (until - self.env.cr.now()).total_seconds()) if until else 0.0

    def _lock_breaker(self):
        """Let nobody else note an answer or a failure in this transaction.

        What another transaction has written since ours began is no wait but a
        serialization failure, and the caller starts over.
        """
        self.env.cr.execute(
            SQL("SELECT 1 FROM stock_channel WHERE id = %s FOR NO KEY UPDATE", self.id),
            log_exceptions=False,
        )

    # ----------------------------------------------------------------- answers

    def _channel_answered(self, has_taken=False):
        """Close the outage, if there was one and this answer is news of it.

        A channel that can be asked and takes no numbers is down all the same: closed
        by each reading, its outage would begin anew with each number, be told twice a
        minute to the log and never to a person.

        :param bool has_taken: the answer was to numbers, not to a question.
        """
        if self.failure_count and TURN not in self.env.context:
            return
        if self.is_deaf and not has_taken and self._has_to_tell():
            return
        self._close_outage()

    def _has_to_tell(self):
        """Return whether there are numbers by which it shows if the channel takes any."""
        # What was read back just now is written first.
        self.env.flush_all()
        self.env.cr.execute(self._claim_query(1), log_exceptions=False)
        return bool(self.env.cr.fetchone() or self._unknown_keys())

    def _close_outage(self):
        """Note that the channel answers, once however many find it out."""
        if self.failure_count or self.down_at or self.last_error:
            self._lock_breaker()
            if self.down_at:
                self._say_once(logging.INFO, "channel %s answers again", self.id)
            vals = {
                "failure_count": 0,
                "last_error": False,
                "down_at": False,
                "is_deaf": False,
            }
            if self.failure_count:
                vals["next_attempt_at"] = False
            self.write(vals)
        self.env["stock.channel.exception"]._resolve_fingerprint(
            self, f"channel:{self.id}"
        )

    def _check_answered(self, health):
        """A person's test of the connection is an answer like any other."""
        result = super()._check_answered(health)
        if health.ok:
            self.sudo()._close_outage()
        return result

    # ---------------------------------------------------------------- failures

    def _channel_failed(self, error, is_telling=False):
        """Leave the channel alone for a while and tell a person in time.

        :param bool is_telling: it was told numbers, not asked.
        """
        self._lock_breaker()
        trouble = trouble_of(error)
        if trouble is Trouble.THROTTLED:
            self._wait_for_limit(error)
            return
        # Others were on the phone as well when the first one noted it.
        is_same = bool(self.failure_count) and self._is_left_alone()
        failures = self.failure_count if is_same else self.failure_count + 1
        after = getattr(error, "after", None)
        decision = decide(Work.CHANNEL, trouble, failures, after=after)
        retry_at = self.env.cr.now() + timedelta(seconds=decision.wait)
        if is_same:
            retry_at = max(retry_at, self.next_attempt_at)
        if not self.down_at:
            self._say_once(
                logging.WARNING, "channel %s fails: %s", self.id, error.message
            )
        self.write(
            {
                "failure_count": failures,
                "next_attempt_at": retry_at,
                "last_error": error.message[:ERROR_CHARS],
                "down_at": self.down_at or self.env.cr.now(),
                "is_deaf": is_telling or self.is_deaf,
            }
        )
        self.sudo().publish_cron_id._trigger(at=retry_at)
        if decision.tell:
            self.env["stock.channel.exception"]._open_for_channel(self, error, failures)

    def _single_failed(self, error):
        """Note that a call about one order or parcel failed.

        It may be about that one alone, and the channel's numbers must not wait for it:
        what says nothing of the others begins no outage, and ends none.
        """
        concerns_all = isinstance(error, (RateLimited, Misconfigured))
        if concerns_all or self.failure_count:
            self._channel_failed(error)

    def _wait_for_limit(self, error):
        """Come back when there is room; nothing failed, and nobody is told."""
        wait = decide(Work.CHANNEL, Trouble.THROTTLED, 1, after=error.after).wait
        at = self.env.cr.now() + timedelta(seconds=wait)
        if self._is_left_alone():
            at = max(at, self.next_attempt_at)
        self.next_attempt_at = at
        self._trigger_once(self.sudo().publish_cron_id, at)
        self._trigger_once(self.sudo().poll_cron_id, at)

    def _left_alone_error(self):
        """Return what to raise where work cannot go on without a call."""
        return Throttled(
            self.env._("The channel is left alone for a while."),
            after=self._seconds_left_alone(),
        )

    def _say_once(self, level, text, *args):
        """Write a line when this is committed: what starts over says nothing twice."""
        self.env.cr.postcommit.add(lambda: _logger.log(level, text, *args))
