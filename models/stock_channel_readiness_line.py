from odoo import api, fields, models
from odoo.tools import SQL

from .stock_channel_readiness import BLOCKING, KINDS, LINE_STATES

# Lines that are mended by a setting of the channel itself.
SETTINGS = {"inventory", "owner", "alerts", "lag", "money"}
# Ids of lines are the channel's times this, plus the place in the list.
STEP = 100


class StockChannelReadinessLine(models.Model):
    """One line of the go/no-go list of one channel.

    Nothing of it is stored, so nothing of it can be ticked: the rows come from the
    channels there are, what they say from the data behind them.
    """

    _name = "stock.channel.readiness.line"
    _description = "Readiness of a Channel"
    _auto = False
    _order = "channel_id, sequence"
    _rec_name = "kind"
    _depends = {"stock.channel": ["company_id"]}

    channel_id = fields.Many2one("stock.channel", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    sequence = fields.Integer(readonly=True)
    kind = fields.Selection(KINDS, "What It Asks", readonly=True)
    state = fields.Selection(LINE_STATES, "Status", compute="_compute_finding")
    fact = fields.Text("What Is Found", compute="_compute_finding")
    is_blocking = fields.Boolean(
        "Needed in Any Case",
        compute="_compute_finding",
        help="This line alone keeps the channel from going live.",
    )

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT channel.id * %(step)s + line.sequence AS id,
                   channel.id AS channel_id,
                   channel.company_id,
                   line.sequence::int AS sequence,
                   line.kind
              FROM stock_channel AS channel
             CROSS JOIN unnest(%(kinds)s::varchar[])
                        WITH ORDINALITY AS line (kind, sequence)
            """,
            step=STEP,
            kinds=[kind for kind, _title in KINDS],
        )

    @api.depends("channel_id", "kind")
    def _compute_finding(self):
        for channel, lines in self.grouped("channel_id").items():
            # One line is asked for at a time only by who opens it.
            found = channel._readiness(set(lines.mapped("kind")))
            for line in lines:
                line.state, line.fact = found[line.kind]
                line.is_blocking = line.kind in BLOCKING

    def action_open(self):
        """Lead to where this line is mended."""
        self.ensure_one()
        self.check_access("read")
        channel = self.channel_id
        if self.kind in SETTINGS:
            return channel.action_readiness_settings()
        return getattr(self, f"_mend_{self.kind}")(channel)

    def _list_of(self, model, title, domain, **context):
        return {
            "name": title,
            "type": "ir.actions.act_window",
            "res_model": model,
            "view_mode": "list,form",
            "domain": domain,
            "context": context,
        }

    def _mend_locations(self, channel):
        return self._list_of(
            "stock.channel.location",
            self.env._("Channel Locations"),
            [("channel_id", "=", channel.id)],
            default_channel_id=channel.id,
        )

    def _mend_items(self, channel):
        mapping = [("channel_id", "=", channel.id), ("mapping_kind", "=", "item")]
        if self.env["stock.channel.exception"].search_count(
            [*mapping, ("state", "=", "open")], limit=1
        ):
            return self._list_of(
                "stock.channel.exception",
                self.env._("Items without a Product"),
                [*mapping, ("state", "=", "open")],
            )
        return self._list_of(
            "stock.channel.publication",
            self.env._("Not at the Channel"),
            [("channel_id", "=", channel.id), ("drift", "=", "unknown")],
        )

    def _mend_kits(self, channel):
        return self._list_of(
            "stock.channel.listing",
            self.env._("Kits and Units to Mend"),
            [("id", "in", channel.sudo()._kit_trouble_ids())],
        )

    def _mend_approver(self, channel):
        return self._list_of(
            "res.users",
            self.env._("Approvers and Managers"),
            [
                "|",
                (
                    "all_group_ids",
                    "in",
                    self.env.ref("stock_channel_hub.group_manager").ids,
                ),
                (
                    "all_group_ids",
                    "in",
                    self.env.ref("stock_channel_hub.group_approver").ids,
                ),
            ],
        )

    def _mend_connection(self, channel):
        return channel.action_check_connection()

    def _mend_secret(self, channel):
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "stock_channel_hub.stock_channel_secret_wizard_action"
            ),
            "context": {"default_channel_id": channel.id},
        }

    def _mend_shadow(self, channel):
        return self._list_of(
            "stock.channel.publication",
            self.env._("Would Be Told Another Number"),
            [("channel_id", "=", channel.id), ("drift", "!=", False)],
        )

    def _mend_told(self, channel):
        return self._list_of(
            "stock.channel.order",
            self.env._("Orders of the Channel"),
            [("channel_id", "=", channel.id)],
        )

    def _mend_undo(self, channel):
        return self._list_of(
            "stock.channel.audit",
            self.env._("Changes of the Channel"),
            [("channel_id", "=", channel.id)],
        )

    def _mend_exceptions(self, channel):
        return self._list_of(
            "stock.channel.exception",
            self.env._("Open Exceptions"),
            [("channel_id", "=", channel.id), ("state", "=", "open")],
        )
