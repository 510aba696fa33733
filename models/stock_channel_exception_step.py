from odoo import api, fields, models
from odoo.exceptions import UserError

from ..connectors.retry_policy import BY_ITSELF

STEPS = [
    ("map_item", "Map This SKU"),
    ("map_location", "Map This Location"),
    ("map_tax", "Map This Tax"),
    ("map_charge", "Map This Charge"),
    ("fix_unit", "Fix the Unit"),
    ("authorise", "Renew the Credentials"),
    ("release", "Release the Held Push"),
    ("approval", "Open the Approval"),
    ("accept_number", "Accept Their Number for Review"),
    ("order", "Open the Order"),
    ("return", "Open the Return"),
    ("receipt", "Open the Goods"),
    ("listing", "Open the Listing"),
    ("publication", "Open the Number"),
    ("channel", "Open the Channel"),
    ("retry", "Retry Now"),
    ("ignore", "Ignore with Reason"),
]
# What the field of an order says that somebody here has to supply.
STEP_OF_FIELD = {
    "tax_rate": "map_tax",
    "charge": "map_charge",
    "currency": "channel",
}
# Trouble that nothing but a reason ends here: it is mended at the channel.
IGNORED_PREFIXES = ("left:", "count:")


class StockChannelExceptionStep(models.Model):
    """What to do next, as one button."""

    _inherit = "stock.channel.exception"

    listing_id = fields.Many2one(
        "stock.channel.listing",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    return_id = fields.Many2one(
        "stock.channel.return",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    receipt_id = fields.Many2one(
        "stock.channel.blind.receipt",
        "Goods Nobody Announced",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    approval_id = fields.Many2one(
        "stock.channel.approval",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    step = fields.Selection(
        STEPS,
        "Next Step",
        compute="_compute_step",
        store=True,
        readonly=True,
        help="What helps most, as a button.",
    )
    next_try_at = fields.Datetime(
        "Tried Next", compute="_compute_next_try", compute_sudo=True
    )
    retry_note = fields.Char(
        "Tried Again", compute="_compute_next_try", compute_sudo=True
    )

    _open_by_step = models.Index("(step, listing_id) WHERE state <> 'resolved'")

    @api.depends(
        "category",
        "mapping_kind",
        "field",
        "fingerprint",
        "is_waited_for",
        "channel_order_id",
        "publication_id",
        "fulfillment_id",
        "listing_id",
        "return_id",
        "receipt_id",
        "approval_id.state",
    )
    def _compute_step(self):
        for exception in self:
            exception.step = exception._pick_step()

    def _pick_step(self):
        """Return the one step that helps most.

        What is missing here is supplied first; then what a person has to look at is
        opened; what the hub can only try again is tried again.
        """
        self.ensure_one()
        if self.mapping_kind:
            return f"map_{self.mapping_kind}"
        if self.category == "authentication":
            return "authorise"
        if self.approval_id and self.approval_id.state in ("proposed", "stale"):
            is_push = self.approval_id.kind == "push"
            return "release" if is_push else "approval"
        if self.category == "data" and self.field in STEP_OF_FIELD:
            return STEP_OF_FIELD[self.field]
        if self.category == "data" and self.field == "quantity" and self.listing_id:
            return "fix_unit"
        if (self.fingerprint or "").startswith(IGNORED_PREFIXES):
            return "ignore"
        return self._pick_record_step()

    def _pick_record_step(self):
        if self.category == "drift":
            place = self.publication_id.channel_location_id
            return "accept_number" if place.is_operated_by_channel else "retry"
        if self.category in ("refused", "internal", "rate_limit", "late"):
            return "retry"
        for step in ("return", "receipt", "listing"):
            if self[f"{step}_id"]:
                return step
        if self.channel_order_id and not self.is_waited_for:
            return "order"
        if self.category == "approval":
            return "approval"
        return "retry" if self.category != "data" or self.is_waited_for else "ignore"

    # ----------------------------------------------------------- tried next

    def _compute_next_try(self):
        for exception in self:
            exception.next_try_at, exception.retry_note = exception._next_try()

    def _next_try(self):
        """Return when the hub tries by itself again, and what it does, in words.

        See ``connectors/retry_policy.py``: that is where it is decided.
        """
        self.ensure_one()
        if self.state != "open":
            return False, False
        if self.fulfillment_id.state in ("pending", "unknown", "sending"):
            at = self.fulfillment_id.next_attempt_at or self.env.cr.now()
            return at, self.env._("The report is sent again by itself.")
        if self.fingerprint == f"channel:{self.channel_id.id}":
            at = self.channel_id.next_attempt_at or self.env.cr.now()
            return at, self.env._("The channel is asked again by itself.")
        if self.publication_id.state == "rejected":
            return False, self.env._(
                "The refused number is not sent again. A new one is, once the stock "
                "changes."
            )
        if self.category in BY_ITSELF:
            return False, self.env._("It closes by itself once it is over.")
        return False, self.env._("Nothing is tried again before somebody has acted.")

    # --------------------------------------------------------------- the step

    def action_step(self):
        """Do, or open, what helps most; the one button of an exception."""
        self.ensure_one()
        self.check_access("read")
        steps = {
            "map_item": self._step_map,
            "map_location": self._step_location,
            "map_tax": self._step_channel,
            "map_charge": self._step_channel,
            "channel": self._step_channel,
            "fix_unit": self._step_listing,
            "listing": self._step_listing,
            "authorise": self._step_authorise,
            "release": self._step_approval,
            "approval": self._step_approval,
            "accept_number": self.action_accept_number,
            "retry": self.action_retry,
            "ignore": self.action_ignore,
        }
        return steps.get(self.step, self._step_record)()

    def _step_map(self):
        """Map at once where the product is chosen, else open it to be chosen."""
        if self.product_id:
            return self.action_map()
        return self._open_form(self)

    def _step_location(self):
        known = (
            self.env["stock.channel.location"]
            .with_context(active_test=False)
            .search(
                [
                    ("channel_id", "=", self.channel_id.id),
                    ("external_id", "=", self.value),
                ],
                limit=1,
            )
        )
        if not known:
            self._check_may_add_location()
        return {
            **self._open_form(known),
            "context": {
                "default_channel_id": self.channel_id.id,
                "default_external_id": self.value,
                "default_name": self.value,
            },
        }

    def _check_may_add_location(self):
        """Say who maps locations, instead of a form that cannot be saved.

        :raise UserError: then.
        """
        if not self.env["stock.channel.location"].has_access("create"):
            owner = self.channel_id.sudo().map_owner_id.name
            raise UserError(
                self.env._(
                    "Managers map locations. Ask %s.",
                    owner or self.env._("a manager of stock channels"),
                )
            )

    def _step_authorise(self):
        """Ask an administrator for new credentials, or say whom to ask."""
        group = "stock_channel_hub.group_admin"
        if not self.env.user.has_group(group):
            admins = (
                self.env.ref(group)
                .sudo()
                .all_user_ids.filtered(
                    lambda user: user.active and not user.share and user.id > 2
                )
            )
            raise UserError(
                self.env._(
                    "Only administrators of stock channels renew credentials. Ask "
                    "one of them: %s.",
                    ", ".join(admins.mapped("name")) or self.env._("nobody yet"),
                )
            )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Renew the Credentials"),
            "res_model": "stock.channel.credential.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_channel_id": self.channel_id.id},
        }

    def _step_approval(self):
        if self.approval_id:
            return self._open_form(self.approval_id)
        model, _colon, record = self.fingerprint.removeprefix("approval:").partition(
            ":"
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Approvals"),
            "res_model": "stock.channel.approval",
            "view_mode": "list,form",
            "domain": [
                ("channel_id", "=", self.channel_id.id),
                ("subject_model", "=", model),
                ("subject_id", "=", int(record) if record.isdigit() else 0),
            ],
        }

    def _step_channel(self):
        return self._open_form(self.channel_id)

    def _step_listing(self):
        return self._open_form(self.listing_id)

    def _step_record(self):
        """Open the order, return, goods or number it is about."""
        records = {
            "order": self.channel_order_id,
            "return": self.return_id,
            "receipt": self.receipt_id,
            "publication": self.publication_id,
        }
        record = records.get(self.step)
        if not record:
            raise UserError(self.env._("What this was about was deleted meanwhile."))
        return self._open_form(record)

    def _open_form(self, record):
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "view_mode": "form",
        }
