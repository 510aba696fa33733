import base64
import hashlib
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..connectors.data import CountSnapshot, FetchOrder, OrderSnapshot, ReturnSnapshot
from ..connectors.errors import BadPayload, RetryLater
from ..connectors.retry_policy import (
    MESSAGE_TRIES,
    Trouble,
    Verdict,
    Work,
    decide,
    trouble_of,
)
from . import kill_points
from .claims import LostClaim
from .locks import CONCURRENCY_ERRORS
from .message_text import describe_error, readable, storable
from .stock_channel_exception import NeedsPerson

_logger = logging.getLogger(__name__)

STATES = [
    ("pending", "To Do"),
    ("waiting", "Waits for a Person"),
    ("failed", "Failed"),
    ("done", "Done"),
]
TRANSITIONS = {
    "pending": ("done", "waiting", "failed"),
    "waiting": ("pending",),
    "failed": ("pending",),
    "done": ("pending",),
}


class StockChannelMessage(models.Model):
    """The inbox: one row per accepted delivery, as it came.

    A delivery is stored before it is answered, and worked on later in two steps,
    each in transactions of its own: *read* writes what the channel says into the
    channel order (from then on the demand is in flight and visible), *apply*
    brings the ERP to it. Attempts are counted and committed before the work, so
    that a message that kills its worker is set aside after three.
    """

    _name = "stock.channel.message"
    _description = "Channel Message"
    _inherit = ["stock.channel.mixin"]
    _order = "id desc"
    _rec_name = "dedupe_key"
    _log_access = False

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", readonly=True, required=True)
    state = fields.Selection(STATES, required=True, readonly=True, default="pending")
    origin = fields.Selection(
        [("webhook", "Webhook"), ("poll", "Polling"), ("upload", "Upload")],
        readonly=True,
        required=True,
    )
    topic = fields.Char(readonly=True, help="What the channel reports, in its words.")
    dedupe_key = fields.Char(
        "Repeat Key", readonly=True, required=True, help="A second one is a repeat."
    )
    order_key = fields.Char(
        readonly=True, required=True, help="Messages with one key wait for each other."
    )
    digest = fields.Char(readonly=True, required=True, help="SHA-256 of the body.")
    raw = fields.Binary(readonly=True, attachment=False)
    body = fields.Text(compute="_compute_body")
    received_at = fields.Datetime("Received", readonly=True, required=True)
    attempts = fields.Integer(readonly=True)
    claims = fields.Integer(
        readonly=True, help="Grows with every worker that takes it; never falls."
    )
    next_attempt_at = fields.Datetime("Tried Again", readonly=True)
    lease_until = fields.Datetime(
        "Being Worked On Until",
        readonly=True,
        help="A worker that has not finished by then is given up.",
    )
    processed_at = fields.Datetime("Processed", readonly=True)
    note = fields.Char("Result", readonly=True)
    channel_order_id = fields.Many2one(
        "stock.channel.order",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    exception_ids = fields.Many2many(
        "stock.channel.exception",
        "stock_channel_exception_message_rel",
        "message_id",
        "exception_id",
        string="Waits for",
    )

    _dedupe_unique = models.UniqueIndex(
        "(channel_id, dedupe_key)", "This delivery is stored already."
    )
    _channel_state = models.Index("(channel_id, state)")
    _unfinished = models.Index("(state, id) WHERE state <> 'done'")

    @api.depends("raw")
    def _compute_body(self):
        for message in self:
            message.body = readable(message._raw_bytes())

    def _raw_bytes(self):
        self.ensure_one()
        return base64.b64decode(self.with_context(bin_size=False).raw or b"")

    # -------------------------------------------------------------- storing

    @api.model
    def _store(self, channel, *, dedupe_key, topic, order_key, raw, origin):
        """Store a delivery unless it is there already.

        A known key with another body is stored too, under a key of its own: we
        answer that we have it. What was polled is what the channel has now and is
        worked on. What was delivered waits for a person: one delivery id for two
        bodies is a bug of the channel, or an attack.

        :return: whether it is new.
        """
        digest = hashlib.sha256(raw).hexdigest()
        key = storable(dedupe_key)
        vals = {
            "channel": channel,
            "topic": storable(topic),
            "order_key": storable(order_key) or key,
            "digest": digest,
            "raw": raw,
            "origin": origin,
        }
        if self._insert(key=key, **vals):
            return True
        known = self.search([("channel_id", "=", channel.id), ("dedupe_key", "=", key)])
        if not known or known.digest == digest:
            return False
        other_id = self._insert(key=storable(f"{key}:{digest[:16]}"), **vals)
        if other_id and origin == "webhook":
            other = self.browse(other_id)
            other._wait(other._other_body_need(known))
        return bool(other_id) and origin == "poll"

    def _insert(self, *, channel, key, topic, order_key, digest, raw, origin):
        """Insert one message and wake its workers, unless its key is known.

        Conflict-ignore, since two deliveries of one webhook arrive at once: a
        plain insert would answer the second with an error and the channel would
        try again for days.

        :return: its id, None when the key is known.
        """
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO stock_channel_message
                       (channel_id, company_id, state, origin, topic, dedupe_key,
                        order_key, digest, raw, received_at, attempts, claims)
                VALUES (%s, %s, 'pending', %s, %s, %s, %s, %s, %s,
                        clock_timestamp() AT TIME ZONE 'UTC', 0, 0)
                ON CONFLICT (channel_id, dedupe_key) DO NOTHING
                RETURNING id
                """,
                channel.id,
                channel.company_id.id,
                origin,
                topic,
                key,
                order_key,
                digest,
                base64.b64encode(raw),
            ),
            # Logged, the statement would tell the whole order.
            log_exceptions=False,
        )
        row = self.env.cr.fetchone()
        if not row:
            return None
        self._trigger_after_commit(self.env["stock.channel"]._inbox_cron())
        return row[0]

    def _other_body_need(self, known):
        return NeedsPerson(
            category="data",
            fingerprint=f"dedupe:{self.channel_id.id}:{known.dedupe_key}",
            title=self.env._("A delivery came again with another content"),
            cause=self.env._(
                "The channel used one delivery id for two different bodies. The first "
                "one was worked on; the second one is kept and waits."
            ),
            next_step=self.env._(
                "Compare the order at the channel with the order here. Where the order "
                "here is behind, retry. Tell the channel's operator that every "
                "delivery needs an id of its own."
            ),
            value=known.dedupe_key,
        )

    # --------------------------------------------------------------- working

    @api.model
    def _cron_inbox(self):
        """Work through the inbox; run by its scheduled action."""
        self._in_transaction(self._take_back)
        while True:
            done = self._work(is_first_try=True) + self._work(is_first_try=False)
            remaining = self._in_transaction(self._count_due)
            if not self._goes_on(done, remaining):
                return

    def _work(self, is_first_try):
        """Claim and process: fresh messages together, tried ones singly.

        A message that kills its worker takes the batch with it, and all of them
        have one try less. Singly, only the guilty one uses up its tries.

        :return: number of messages worked on.
        """
        claimed = self._in_transaction(lambda: self._claim(is_first_try))
        kill_points.reach("inbox.claimed")
        for message in claimed._process_together() if is_first_try else claimed:
            message.with_company(message.company_id)._process_safely()
        if claimed:
            self._in_transaction(claimed.channel_id._wake_fenced)
        return len(claimed)

    def _process_safely(self):
        """Never let one message end the round; its attempt is counted already."""
        try:
            self._process()
        except LostClaim:
            self._abandon_transaction()
            _logger.warning("message %s was taken over by another worker", self.id)
        except Exception:
            self._abandon_transaction()
            _logger.exception("the outcome of message %s was not recorded", self.id)

    def _process(self):
        """Read and apply one claimed message; whatever happens is recorded."""
        self.ensure_one()
        if self.attempts > MESSAGE_TRIES:
            self._in_transaction(
                lambda: self._set_aside(
                    self.env._("The worker died %s times over it.", MESSAGE_TRIES)
                )
            )
            return
        kill_points.reach("inbox.message", self.order_key)
        try:
            results = [self._handle(event) for event in self._events()]
        except LostClaim:
            raise
        except NeedsPerson as need:
            failure = need
            self._in_transaction(lambda: self._wait(failure))
        except BadPayload as error:
            failure = error
            self._in_transaction(lambda: self._wait(self._payload_need(failure)))
        except RetryLater as error:
            failure = error
            self._in_transaction(lambda: self._retry_later(failure))
        except CONCURRENCY_ERRORS:
            self._in_transaction(lambda: self._retry_later(None))
        except Exception as error:  # noqa: BLE001 - one message stops no other
            _logger.warning("message %s failed", self.id, exc_info=True)
            text = describe_error(error)
            self._in_transaction(lambda: self._record_failure(text))
        else:
            kill_points.reach("inbox.applied")
            self._in_transaction(lambda: self._done("; ".join(filter(None, results))))

    def _events(self):
        """Return the events of this message, fetching what it only names."""
        with self.channel_id._connected() as connector:
            events = []
            for event in connector.parse(self._raw_bytes(), self.topic or ""):
                if isinstance(event, FetchOrder):
                    events += self._fetch(connector, event.order_id)
                else:
                    events.append(event)
            return events

    def _handle(self, event):
        if isinstance(event, OrderSnapshot):
            return self.env["stock.channel.order"]._take(self, event)
        if isinstance(event, ReturnSnapshot):
            return self.env["stock.channel.return"]._take(self, event)
        if isinstance(event, CountSnapshot):
            return self.env["stock.channel.count"]._take(self, event)
        raise AssertionError(f"no handler for {type(event).__name__}")

    # ---------------------------------------------------------------- results

    def _update_state(self, target, vals=None):
        """Move to ``target``; the gate of the inbox's state machine.

        :return: whether the message moved.
        :raise LostClaim: when another worker has taken the message meanwhile.
        """
        self.ensure_one()
        self._keep_claim()
        if target not in TRANSITIONS[self.state] and target != self.state:
            _logger.warning(
                "message %s is %s and may not become %s", self.id, self.state, target
            )
            return False
        self.write({"lease_until": False, **(vals or {}), "state": target})
        return True

    def _done(self, note):
        self._update_state(
            "done",
            {
                "processed_at": self.env.cr.now(),
                "note": note or False,
                "next_attempt_at": False,
            },
        )
        waited_for = self.exception_ids
        self.exception_ids = [fields.Command.clear()]
        waited_for._resolve_if_idle()
        self.env["stock.channel.exception"]._resolve_fingerprint(
            self.channel_id, f"message:{self.id}"
        )

    def _wait(self, need):
        """Set the message aside until a person has solved what it needs."""
        exceptions = need.open(self.env, self.channel_id, self)
        released = self.exception_ids - exceptions
        self._update_state(
            "waiting",
            {"note": need.title, "exception_ids": [fields.Command.set(exceptions.ids)]},
        )
        released._resolve_if_idle()

    def _payload_need(self, error):
        return NeedsPerson(
            category="data",
            fingerprint=f"message:{self.id}",
            title=self.env._("A delivery cannot be understood"),
            cause=error.message,
            next_step=self.env._(
                "Ask the channel's operator to send it again in the agreed format, "
                "then retry or ignore this one."
            ),
            field=error.field,
        )

    def _retry_later(self, error):
        """Try again; trouble at the channel or a lost race is no failed try.

        :param error: the ``RetryLater``, or None after a lost race: that message is
            taken up again in the same round.
        """
        if error is None:
            self._try_again(Trouble.RACE, False)
        else:
            after = getattr(error, "after", None)
            self._try_again(trouble_of(error), error.message[:200], after)

    def _record_failure(self, text):
        self._try_again(Trouble.BUG, text)

    def _try_again(self, trouble, text, after=None):
        """Do as the policy says; see ``connectors/retry_policy.py``.

        :param after: seconds the channel asked for.
        """
        # Trouble at the channel takes its try back, so only the claims count it.
        failures = self.attempts if trouble is Trouble.BUG else self.claims
        decision = decide(Work.MESSAGE, trouble, max(failures, 1), after=after)
        if decision.verdict is Verdict.PERSON:
            self._set_aside(text)
            return
        vals = {}
        if not decision.counts:
            vals["attempts"] = max(self.attempts - 1, 0)
        if decision.wait:
            at = self.env.cr.now() + timedelta(seconds=decision.wait)
            vals.update(next_attempt_at=at, note=text)
            self.env["stock.channel"]._inbox_cron()._trigger(at=at)
        self._update_state("pending", vals)

    def _set_aside(self, text):
        exceptions = NeedsPerson(
            category="internal",
            fingerprint=f"message:{self.id}",
            title=self.env._("A message could not be processed"),
            cause=text,
            next_step=self.env._(
                "Correct what the cause names and retry. If it says nothing you can "
                "change, ask the administrator to look into the log."
            ),
        ).open(self.env, self.channel_id, self)
        self._update_state(
            "failed",
            {"note": text, "exception_ids": [fields.Command.set(exceptions.ids)]},
        )

    # ----------------------------------------------------------------- rights

    def write(self, vals):
        if not self.env.su:
            raise UserError(
                self.env._("Messages are kept as they came; use Retry instead.")
            )
        return super().write(vals)
