import logging

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..connectors.errors import Misconfigured, RateLimited
from .quantities import plain

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
    "ignore_reason",
    "message_follower_ids",
    "message_ids",
    "message_main_attachment_id",
    "message_partner_ids",
}
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
    _order = "state, last_seen_at desc, id desc"
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
    resolved_at = fields.Datetime(readonly=True)
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
    _open_by_owner = models.Index("(user_id, last_seen_at) WHERE state = 'open'")

    @api.depends("waiting_message_ids")
    def _compute_waiting_count(self):
        for exception in self:
            exception.waiting_count = len(exception.waiting_message_ids)

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
                        ", ".join(sorted(foreign)),
                    )
                )
        return super().write(vals)

    # --------------------------------------------------------------- opening

    @api.model
    def _open(self, channel, *, category, fingerprint, title, message=None, **vals):
        """Open an exception, or count one more occurrence of the open one.

        A thousand equal failures make one record and one activity. A resolved one
        that comes back is opened again, with its history.
        """
        exceptions_sudo = self.sudo()
        now = fields.Datetime.now()
        known = exceptions_sudo.search(
            [("fingerprint", "=", fingerprint), ("state", "!=", "ignored")],
            order="id desc",
            limit=1,
        )
        vals = {**vals, "title": title, "last_seen_at": now}
        if message and message.channel_order_id:
            vals.setdefault("channel_order_id", message.channel_order_id.id)
        if known:
            known.write({**vals, "occurrences": known.occurrences + 1})
            if known.state == "resolved":
                known._update_state("open")
        else:
            known = exceptions_sudo.with_context(
                mail_create_nolog=True, mail_create_nosubscribe=True
            ).create(
                {
                    **vals,
                    "channel_id": channel.id,
                    "category": category,
                    "fingerprint": fingerprint,
                    "first_seen_at": now,
                    "user_id": channel.sudo().exception_owner_id.id,
                }
            )
            known._notify_owner()
        return known

    def _notify_owner(self):
        for exception in self.filtered("user_id"):
            # Odoo refuses an activity for somebody who may not see the record; the
            # exception must be written all the same.
            if not exception.with_user(exception.user_id).has_access("read"):
                continue
            exception.activity_schedule(
                "mail.mail_activity_data_todo",
                summary=exception.title,
                user_id=exception.user_id.id,
            )

    @api.model
    def _open_for_channel(self, channel, error, failures):
        """Tell a person that a channel cannot be spoken to."""
        if isinstance(error, Misconfigured):
            category, next_step = (
                "authentication",
                self.env._(
                    "Open the channel, correct its address or credentials and test the "
                    "connection. Publishing goes on by itself."
                ),
            )
        elif isinstance(error, RateLimited):
            category, next_step = (
                "rate_limit",
                self.env._(
                    "Nothing, if it passes by itself. Otherwise ask the channel for a "
                    "higher limit."
                ),
            )
        else:
            category, next_step = (
                "late",
                self.env._(
                    "Look whether the channel is up. The hub keeps trying and publishes "
                    "fresh numbers as soon as it answers."
                ),
            )
        self._open(
            channel,
            category=category,
            fingerprint=f"channel:{channel.id}",
            title=self.env._("The channel cannot be reached"),
            cause=self.env._(
                "%(error)s (%(failures)s failed calls in a row)",
                error=error.message,
                failures=failures,
            ),
            next_step=next_step,
        )

    @api.model
    def _open_for_publication(self, publication, result):
        """Tell a person that the channel refuses a number."""
        self._open(
            publication.channel_id,
            category="refused",
            fingerprint=f"publication:{publication.id}",
            title=self.env._(
                "The channel refuses the number of %s",
                publication.listing_id.sku,
            ),
            cause=result.message or result.code or self.env._("No reason given."),
            next_step=self.env._(
                "Look up the item at the channel: does it exist, is it stocked at "
                "this location? Correct the map or the item, then publish again."
            ),
            field=result.field,
            value=plain(publication.sent_qty),
            publication_id=publication.id,
        )

    # ----------------------------------------------------------------- state

    def _update_state(self, target, vals=None):
        """Move to ``target``; the gate of the queue's state machine."""
        moved = self.filtered(lambda e: target in TRANSITIONS[e.state])
        refused = self - moved
        if refused:
            _logger.info("exceptions %s may not become %s", refused.ids, target)
        moved.write({**(vals or {}), "state": target})
        if target == "open":
            moved._notify_owner()
        else:
            moved.activity_unlink(["mail.mail_activity_data_todo"])
        return moved

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
        healed_sudo._update_state("resolved", {"resolved_at": fields.Datetime.now()})

    def _resolve_if_idle(self):
        """Close those that nothing waits for any more."""
        exceptions_sudo = self.sudo().filtered(lambda e: e.state == "open")
        exceptions_sudo.invalidate_recordset(["waiting_message_ids"])
        exceptions_sudo.filtered(lambda e: not e.waiting_message_ids)._update_state(
            "resolved", {"resolved_at": fields.Datetime.now()}
        )

    # --------------------------------------------------------------- solving

    @api.model
    def _check_operator(self):
        """Refuse people who may look but not work.

        :raise AccessError: in words the person can act on.
        """
        if not self.env.user.has_group("stock_channel_hub.group_operator"):
            raise AccessError(
                self.env._("Only operators of stock channels may do this.")
            )

    @api.model
    def _mapping_fingerprint(self, channel, kind, external_id):
        return f"map:{channel.id}:{kind}:{external_id}"

    @api.model
    def _retry_mapping(self, listings):
        """Run again whatever waited for the items of these listings."""
        fingerprints = [
            self._mapping_fingerprint(listing.channel_id, "item", key)
            for listing in listings.sudo()
            if listing.active
            for key in {listing.sku, listing.item_id}
            if key
        ]
        self._retry_fingerprints(fingerprints)

    @api.model
    def _retry_location_mapping(self, places):
        """Run again whatever waited for these channel locations to be mapped."""
        self._retry_fingerprints(
            [
                self._mapping_fingerprint(
                    place.channel_id, "location", place.external_id
                )
                for place in places.sudo()._mapped()
            ]
        )

    @api.model
    def _retry_fingerprints(self, fingerprints):
        if fingerprints:
            # What somebody ignored waits all the same.
            self.sudo().search(
                [("fingerprint", "in", fingerprints), ("state", "!=", "resolved")]
            )._retry()

    def _retry(self):
        for exception in self:
            if exception.waiting_message_ids:
                exception.waiting_message_ids._retry()
            elif exception.publication_id.state == "rejected":
                exception.publication_id._update_state("pending", {"attempts": 0})
                exception.channel_id._wake_publishers()
            elif exception.fulfillment_id.state == "rejected":
                exception.fulfillment_id._retry()
            elif not exception.fulfillment_id:
                # What was mended here shows when the newest word is taken again.
                exception.channel_order_id._retry_newest()

    def action_retry(self):
        """Try again now everything that failed for this cause."""
        self.check_access("read")
        self._check_operator()
        self.sudo()._retry()
        channels_sudo = self.sudo().channel_id
        channels_sudo.write({"next_attempt_at": False})
        channels_sudo._wake_publishers()

    def action_map(self):
        """Map the unknown SKU to the chosen product and run what waited for it.

        The first map of an unknown item is the operator's own decision; changing
        one later is not.
        """
        self.ensure_one()
        self.check_access("read")
        self._check_operator()
        if self.mapping_kind != "item" or self.state != "open":
            raise UserError(self.env._("There is nothing to map here."))
        if not self.product_id:
            raise UserError(
                self.env._("Choose the product that %s means first.", self.value)
            )
        self._check_not_archived()
        self.env["stock.channel.listing"].sudo().create(
            {
                "channel_id": self.channel_id.id,
                "product_id": self.product_id.id,
                "sku": self.value,
                "item_id": self.item_id or False,
            }
        )
        self.message_post(
            body=self.env._(
                "%(sku)s mapped to %(product)s.",
                sku=self.value,
                product=self.product_id.display_name,
            )
        )
        waiting = self.waiting_count
        self._resolve_if_idle()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("Mapped. Messages processed now: %s", waiting),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _check_not_archived(self):
        """Refuse to map what is mapped already and archived.

        :raise UserError: in words the operator can act on.
        """
        archived_sudo = (
            self.env["stock.channel.listing"]
            .sudo()
            .search(
                [
                    ("channel_id", "=", self.channel_id.id),
                    ("external_id", "=", self.item_id or self.value),
                    ("active", "=", False),
                ]
            )
        )
        if archived_sudo:
            raise UserError(
                self.env._(
                    "%(sku)s is mapped to %(product)s, and that listing is archived. "
                    "Ask a manager to take it out of the archive.",
                    sku=self.value,
                    product=archived_sudo.product_id.display_name,
                )
            )

    def action_ignore(self):
        """Close without solving; what waited for it stays where it is."""
        self.check_access("read")
        self._check_operator()
        self.sudo()._update_state("ignored", {"resolved_at": fields.Datetime.now()})

    def action_reopen(self):
        self.check_access("read")
        self._check_operator()
        self.sudo()._update_state("open", {"resolved_at": False})

    def action_open_messages(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Waiting Messages"),
            "res_model": "stock.channel.message",
            "view_mode": "list,form",
            "domain": [("id", "in", self.waiting_message_ids.ids)],
        }
