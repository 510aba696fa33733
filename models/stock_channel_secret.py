from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..connectors import registry


def is_valid_at(begin, end, moment):
    """Tell whether what holds from ``begin`` until before ``end`` holds then.

    :param end: falsy where it has none; all of them naive UTC.
    """
    return begin <= moment and (not end or moment < end)


class StockChannelSecret(models.Model):
    """A signing secret with a start and an end; several may be active.

    Rotation without loss: add the new one, give it to the channel, end the old
    one. Both verify in between; the newest active one signs what we send.
    """

    _name = "stock.channel.secret"
    _description = "Stock Channel Signing Secret"
    _order = "valid_from desc, id desc"

    channel_id = fields.Many2one(
        "stock.channel", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    name = fields.Char(
        required=True,
        default=lambda self: fields.Date.to_string(fields.Date.context_today(self)),
        help="For people, such as where it is used; not the secret itself.",
    )
    value = fields.Char(groups=fields.NO_ACCESS, copy=False)
    new_value = fields.Char(
        string="Secret",
        compute="_compute_new_value",
        inverse="_inverse_new_value",
        copy=False,
        help="Write-only: it is stored where nobody can read it.",
    )
    valid_from = fields.Datetime(required=True, default=fields.Datetime.now)
    valid_to = fields.Datetime(help="Empty: until it is ended.")
    is_active_now = fields.Boolean(
        string="Active Now", compute="_compute_is_active_now"
    )

    def _compute_new_value(self):
        self.new_value = False

    def _inverse_new_value(self):
        for secret in self.filtered("new_value"):
            value = secret.new_value.strip()
            connector_class = registry.get(secret.channel_id.connector)
            if not connector_class.accepts_secret(value):
                raise ValidationError(connector_class.signing_help)
            secret.sudo().value = value
        # Otherwise the answer to this very call would hold it.
        self.invalidate_recordset(["new_value"], flush=False)

    @api.depends("valid_from", "valid_to")
    def _compute_is_active_now(self):
        now = fields.Datetime.now()
        for secret in self:
            secret.is_active_now = secret._is_active_at(now)

    def _is_active_at(self, moment):
        return is_valid_at(self.valid_from, self.valid_to, moment)

    @api.constrains("valid_from", "valid_to")
    def _check_dates(self):
        for secret in self:
            if secret.valid_to and secret.valid_to <= secret.valid_from:
                raise ValidationError(self.env._("A secret must end after it starts."))

    def _active_values(self):
        """Return the values active now, newest first. For elevated use only."""
        now = fields.Datetime.now()
        active = self.filtered(lambda secret: secret._is_active_at(now))
        ordered = active.sorted(lambda s: (s.valid_from, s.id), reverse=True)
        return [secret.value for secret in ordered if secret.value]

    def action_end(self):
        """End these secrets now; deliveries signed with them are refused."""
        self.check_access("write")
        self.write(
            {"valid_to": max(fields.Datetime.now(), *self.mapped("valid_from"))}
            if self
            else {}
        )

    @api.model
    def _generate(self, channel, overlap_hours=24):
        """Add a new secret and let the older ones end after an overlap.

        :return: the new value; the only moment anybody sees it.
        :raise UserError: where the channel itself makes its secrets.
        """
        value = registry.get(channel.connector).make_secret()
        if not value:
            raise UserError(
                self.env._(
                    "%s gives its signing secret itself: copy it from there and add it "
                    "to the list.",
                    channel.name,
                )
            )
        self._end_others(channel, overlap_hours)
        self.sudo().create({"channel_id": channel.id, "value": value})
        return value

    @api.model
    def _end_others(self, channel, overlap_hours):
        """Let the secrets so far end after an overlap: another one takes over."""
        ending = fields.Datetime.now() + timedelta(hours=overlap_hours)
        channel.sudo().secret_ids.filtered(
            lambda s: not s.valid_to or s.valid_to > ending
        ).write({"valid_to": ending})
