import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from .message_text import field_labels

_logger = logging.getLogger(__name__)

CATEGORIES = [
    ("mapping", "Mapping"),
    ("data", "Data"),
    ("stock", "Stock"),
    ("authentication", "Authentication"),
    ("rate_limit", "Rate Limit"),
    ("refused", "Channel Refused"),
    ("drift", "Drift"),
    ("oversell", "Oversell"),
    ("late", "Late"),
    ("approval", "Approval"),
    ("internal", "Internal"),
]
# What people may write; activities and the chatter belong to Odoo.
PEOPLES_FIELDS = {
    "user_id",
    "product_id",
    "message_follower_ids",
    "message_ids",
    "message_main_attachment_id",
    "message_partner_ids",
}
# Nobody is written to again about one cause within this time.
QUIET = timedelta(hours=1)
# What was ignored is asked about again after this, if it still happens.
IGNORED_FOR = timedelta(days=1)
STATES = [("open", "Open"), ("resolved", "Resolved"), ("ignored", "Ignored")]
TRANSITIONS = {
    "open": ("resolved", "ignored"),
    "resolved": ("open",),
    "ignored": ("open",),
}


class NeedsPerson(Exception):
    """Work that cannot go on without a person; says what they have to do.

    :param str fingerprint: equal for failures with one cause.
    :param needs: several (fingerprint, values) pairs when one piece of work waits
        for several things, such as two unknown SKUs of one order.
    """

    def __init__(
        self, *, category, title, cause, next_step, fingerprint="", needs=(), **vals
    ):
        super().__init__(title)
        self.category = category
        self.title = title
        self.cause = cause
        self.next_step = next_step
        self.needs = list(needs) or [(fingerprint, {})]
        self.vals = vals

    def as_text(self):
        """Return what to tell somebody who is waiting at the screen."""
        return f"{self.cause}\n{self.next_step}"

    def open(self, env, channel, message=None):
        """Open one exception per thing that is needed."""
        exceptions = env["stock.channel.exception"]
        for fingerprint, vals in self.needs:
            exceptions |= exceptions._open(
                channel,
                **{
                    "category": self.category,
                    "fingerprint": fingerprint,
                    "title": self.title,
                    "cause": self.cause,
                    "next_step": self.next_step,
                    "message": message,
                    **self.vals,
                    **vals,
                },
            )
        return exceptions


class StockChannelException(models.Model):
    """The queue: one record per cause, with an owner and a next step."""

    _name = "stock.channel.exception"
    _description = "Channel Exception"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "value_at_risk desc, due_at, id desc"
    _rec_name = "title"

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    state = fields.Selection(
        STATES, required=True, readonly=True, default="open", tracking=True
    )
    category = fields.Selection(CATEGORIES, required=True, readonly=True)
    title = fields.Char("What", required=True, readonly=True)
    fingerprint = fields.Char(required=True, readonly=True, index=True)
    cause = fields.Text("Why", readonly=True)
    next_step = fields.Text("What to Do", readonly=True)
    field = fields.Char(readonly=True)
    value = fields.Char("Value Found", readonly=True)
    expected_value = fields.Char("Value Expected", readonly=True)
    occurrences = fields.Integer(readonly=True, default=1)
    first_seen_at = fields.Datetime("First Seen", readonly=True)
    last_seen_at = fields.Datetime("Last Seen", readonly=True)
    opened_at = fields.Datetime("Open Since", readonly=True)
    told_at = fields.Datetime(
        readonly=True, help="When the owner was last written to about it."
    )
    times_reopened = fields.Integer("Opened Again", readonly=True)
    resolved_at = fields.Datetime("Closed", readonly=True)
    ignore_reason = fields.Char(readonly=True)
    user_id = fields.Many2one("res.users", string="Owner", tracking=True, index=True)
    waiting_message_ids = fields.Many2many(
        "stock.channel.message",
        "stock_channel_exception_message_rel",
        "exception_id",
        "message_id",
        string="Waiting Messages",
        readonly=True,
    )
    is_waited_for = fields.Boolean(
        readonly=True, help="Messages waited for it, so it closes when none does."
    )
    # How many wait is no secret to anybody who may see the exception; what they
    # contain is, and readers may not see messages.
    waiting_count = fields.Integer(
        "Waiting", compute="_compute_waiting_count", compute_sudo=True
    )
    channel_order_id = fields.Many2one(
        "stock.channel.order",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    sale_order_id = fields.Many2one(related="channel_order_id.sale_order_id")
    publication_id = fields.Many2one(
        "stock.channel.publication",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    fulfillment_id = fields.Many2one(
        "stock.channel.fulfillment",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    mapping_kind = fields.Selection(
        [("item", "Item"), ("location", "Location")],
        readonly=True,
        help="What the channel named and nobody here has mapped.",
    )
    item_id = fields.Char("Channel's Item Id", readonly=True)
    # Used by the mapping step on the form.
    product_id = fields.Many2one(
        "product.product",
        help="The product the channel means by this SKU.",
    )

    _one_open = models.UniqueIndex(
        "(fingerprint) WHERE state = 'open'", "This exception is open already."
    )
    _by_fingerprint = models.Index("(fingerprint, id)")
    _open_by_value = models.Index(
        "(value_at_risk DESC, due_at, id DESC) WHERE state = 'open'"
    )
    _open_by_owner = models.Index("(user_id, due_at) WHERE state = 'open'")

    @api.depends("waiting_message_ids")
    def _compute_waiting_count(self):
        counts = self._count_waiting()
        for exception in self:
            exception.waiting_count = counts.get(exception._origin.id, 0)

    def _count_waiting(self):
        """Return {exception id: messages that wait for it}, without reading them."""
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT exception_id, count(*)
                      FROM stock_channel_exception_message_rel
                     WHERE exception_id = ANY(%s)
                     GROUP BY exception_id
                    """,
                    list(self._origin.ids),
                )
            )
        )

    def write(self, vals):
        """Let people change only what is theirs; the rest is the hub's record."""
        if not self.env.su:
            foreign = {
                name
                for name in vals.keys() - PEOPLES_FIELDS
                if not name.startswith("activity_")
            }
            if foreign:
                raise AccessError(
                    self.env._(
                        "Exceptions are closed by their own steps, not by changing %s.",
                        field_labels(self, foreign),
                    )
                )
        return super().write(vals)

    # --------------------------------------------------------------- opening

    @api.model
    def _open(self, channel, *, category, fingerprint, title, message=None, **vals):
        """Open an exception, or count one more occurrence of the known one.

        A thousand equal failures make one record, one activity and one line of mail. What
        was resolved and comes back is opened again, with its history; what was
        ignored only when there is news, see ``_is_news``.

        Of two transactions that open one at once the second fails to serialize and
        starts over, as every worker and every request here does; it finds the
        first one's then and counts.

        :param message: the delivery that waits for it.
        """
        vals = {
            **vals,
            "category": category,
            "title": title,
            "last_seen_at": fields.Datetime.now(),
            "valued_at": False,
        }
        if message:
            vals["is_waited_for"] = True
            if message.channel_order_id:
                vals.setdefault("channel_order_id", message.channel_order_id.id)
        known = self.sudo()._find_known(fingerprint)
        if known:
            known._seen_again(vals, message)
        else:
            known = self.sudo()._insert_open(channel, category, fingerprint, title)
            known.write(vals)
            known._note_open()
            known._notify_owner()
        self._wake_queue()
        return known

    @api.model
    def _find_known(self, fingerprint):
        """Return the open exception of this cause, else the newest closed one."""
        same = [("fingerprint", "=", fingerprint)]
        return self.search([*same, ("state", "=", "open")], limit=1) or self.search(
            same, order="id desc", limit=1
        )

    @api.model
    def _insert_open(self, channel, category, fingerprint, title):
        """Insert an open exception, quietly failing to serialize if one is there.

        A plain insert would end the transaction with an error nobody repeats, after
        a line in the log for every race that was lost.
        """
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO stock_channel_exception
                       (channel_id, company_id, state, category, fingerprint, title,
                        occurrences, times_reopened, value_at_risk, first_seen_at,
                        user_id, create_uid, write_uid, create_date, write_date)
                VALUES (%(channel)s, %(company)s, 'open', %(category)s,
                        %(fingerprint)s, %(title)s, 1, 0, 0, %(now)s, %(owner)s,
                        %(user)s, %(user)s, %(now)s, %(now)s)
                ON CONFLICT (fingerprint) WHERE state = 'open' DO NOTHING
                RETURNING id
                """,
                channel=channel.id,
                company=channel.company_id.id,
                category=category,
                fingerprint=fingerprint,
                title=title,
                owner=channel.sudo().exception_owner_id.id or None,
                user=self.env.uid,
                now=fields.Datetime.now(),
            ),
            log_exceptions=False,
        )
        (row_id,) = self.env.cr.fetchone()
        return self.browse(row_id)

    def _seen_again(self, vals, message):
        """Count one more occurrence and open it again if that is called for."""
        self.ensure_one()
        is_news = self._is_news(vals, message)
        is_other = self.category != vals["category"]
        self.write({**vals, "occurrences": self.occurrences + 1})
        if self.state == "resolved" or (self.state == "ignored" and is_news):
            self._update_state("open")
        elif self.state == "open" and is_other:
            self._note_open()

    def _is_news(self, vals, message):
        """Return whether somebody who ignored this must be asked again.

        That is when a delivery waits for it now, when something else is wrong than
        was ignored, and after a day. A refusal is about another number each time:
        that is no news.
        """
        self.ensure_one()
        value = vals.get("value", self.value) or False
        is_other = self.category != vals["category"] or (
            self.category != "refused" and value != self.value
        )
        since = fields.Datetime.now() - IGNORED_FOR
        return bool(message) or is_other or (self.resolved_at or since) <= since

    def _notify_owner(self):
        """Give the owner an activity; mail collects them, see the channel's alerts.

        Judged with the owner's companies, not with those that whoever runs into the
        trouble has switched on.
        """
        now = fields.Datetime.now()
        for exception in self.filtered("user_id"):
            exception = exception.with_context(
                allowed_company_ids=exception.user_id.sudo().company_ids.ids,
                mail_activity_quick_update=True,
            )
            # Odoo refuses an activity for somebody who may not see the record; the
            # exception must be written all the same.
            if not exception.with_user(exception.user_id).has_access("read"):
                continue
            exception._schedule()
            if not exception.told_at or exception.told_at <= now - QUIET:
                exception.told_at = now

    def _schedule(self):
        self.ensure_one()
        self.activity_schedule(
            "mail.mail_activity_data_todo",
            date_deadline=self._deadline(),
            summary=self.title,
            user_id=self.user_id.id,
        )

    # ----------------------------------------------------------------- state

    def _update_state(self, target, vals=None):
        """Move to ``target``; the gate of the queue's state machine."""
        moved = self.filtered(lambda e: target in TRANSITIONS[e.state])
        refused = self - moved
        if refused:
            _logger.info("exceptions %s may not become %s", refused.ids, target)
        now = fields.Datetime.now()
        closed_at = False if target == "open" else now
        for exception in moved:
            # What comes and goes within the hour leaves no line each time.
            is_quiet = bool(exception.told_at and exception.told_at > now - QUIET)
            exception.with_context(
                tracking_disable=is_quiet or self.env.context.get("tracking_disable")
            ).write({"resolved_at": closed_at, **(vals or {}), "state": target})
            exception._note_history(target)
        if target == "open":
            for exception in moved:
                exception.times_reopened += 1
            moved._note_open()
            moved._notify_owner()
            moved._wake_queue()
        else:
            moved._note_closed()
            moved.activity_unlink(["mail.mail_activity_data_todo"])
        return moved

    def _note_open(self):
        """Note since when it is open, and by when somebody is to have acted."""
        now = fields.Datetime.now()
        for exception in self:
            exception.write(
                {
                    "opened_at": now,
                    "due_at": exception.channel_id._act_by(exception.category, now),
                    "valued_at": False,
                }
            )

    def _note_ignored(self):
        """Hook: a person has decided that these stay as they are."""

    def _note_closed(self):
        """Nothing is at risk any more by what is closed."""
        self.write({"value_at_risk": 0.0})

    @api.model
    def _resolve_fingerprint(self, channel, fingerprint):
        """Close what has healed by itself."""
        self._resolve_fingerprints(channel, [fingerprint])

    @api.model
    def _resolve_fingerprints(self, channel, fingerprints):
        """Close what has healed by itself, in one search however much it was."""
        healed_sudo = self.sudo().search(
            [
                ("channel_id", "=", channel.id),
                ("fingerprint", "in", fingerprints),
                ("state", "=", "open"),
            ]
        )
        healed_sudo._update_state("resolved")

    def _resolve_if_idle(self):
        """Close those that nothing waits for any more."""
        idle_sudo = self.sudo()._without_waiting()
        idle_sudo.filtered(lambda e: e.state == "open")._update_state("resolved")

    def _without_waiting(self):
        """Return those no message waits for, however many wait for the others."""
        if not self:
            return self
        waited_for = self._waited_for_ids()
        return self.filtered(lambda exception: exception.id not in waited_for)

    def _waited_for_ids(self):
        """Return the ids of those that at least one message waits for."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT exception.id
                  FROM unnest(%s::int[]) AS exception (id)
                 WHERE EXISTS (SELECT 1
                                 FROM stock_channel_exception_message_rel AS rel
                                WHERE rel.exception_id = exception.id)
                """,
                self.ids,
            )
        )
        return {row_id for (row_id,) in rows}
