from odoo import fields, models
from odoo.exceptions import UserError

from ..connectors.errors import ConnectorError
from .stock_channel_fetch import RUNNING


class StockChannelRemoteChannel(models.Model):
    """What people ask of a channel's catalogue."""

    _inherit = "stock.channel"

    sku_prefixes = fields.Char(
        "SKU Prefixes",
        help="What this channel puts before your references, separated by commas, "
        "such as SHOP-,EU-. Matching leaves it out.",
    )
    remote_count = fields.Integer(
        "Listed at the Channel", compute="_compute_remote", compute_sudo=True
    )
    remote_open_count = fields.Integer(
        "To Match",
        compute="_compute_remote",
        compute_sudo=True,
        help="Listings of the channel that somebody should look at.",
    )
    is_fetching = fields.Boolean(compute="_compute_remote", compute_sudo=True)

    def _compute_remote(self):
        remote = self.env["stock.channel.remote.listing"]
        mine = [("channel_id", "in", self.ids)]

        def counts(model, domain):
            return dict(
                model._read_group([*mine, *domain], ["channel_id"], ["__count"])
            )

        listed = counts(remote, [("gone_at", "=", False)])
        todo = counts(remote, [("is_open", "=", True)])
        running = counts(
            self.env["stock.channel.fetch"], [("state", "in", list(RUNNING))]
        )
        for channel in self:
            channel.remote_count = listed.get(channel, 0)
            channel.remote_open_count = todo.get(channel, 0)
            channel.is_fetching = bool(running.get(channel))

    def action_fetch_listings(self):
        """Read what the channel lists and find the product of each.

        A small catalogue is read, matched and mapped where the SKU is the very same
        before the button comes back; a large one goes on in the background.
        """
        self.ensure_one()
        self.check_access("write")
        fetches_sudo = self.env["stock.channel.fetch"].sudo()
        fetch_sudo = fetches_sudo._running(self)
        if fetch_sudo:
            return fetch_sudo._action_open()
        fetch_sudo = fetches_sudo._begin(self.sudo(), is_by_hand=True)
        try:
            fetch_sudo._first_slice()
        except ConnectorError as error:
            raise UserError(error.message) from error
        if fetch_sudo.state in RUNNING:
            return fetch_sudo._action_open()
        if fetch_sudo.state == "failed":
            return self._notify(fetch_sudo.error, "danger")
        return self._tell_fetched(fetch_sudo)

    def _tell_fetched(self, fetch_sudo):
        self.invalidate_recordset(["remote_open_count"])
        todo = self.remote_open_count
        message = self.env._(
            "%(new)s new listings mapped by SKU; %(todo)s of %(all)s need a look.",
            new=fetch_sudo.mapped_count,
            todo=todo,
            all=fetch_sudo.read_count,
        )
        action = self._notify(message, "warning" if todo else "success")
        if todo:
            action["params"]["next"] = self._action_open_remote()
        return action

    def action_open_remote(self):
        """Show what the channel lists; what needs a look first."""
        self.ensure_one()
        self.check_access("read")
        return self._action_open_remote()

    def _action_open_remote(self):
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "stock_channel_hub.stock_channel_remote_listing_action"
        )
        return {
            **action,
            "context": {
                "search_default_channel_id": self.id,
                "search_default_todo": 1,
            },
        }

    def action_open_unlisted(self):
        """Show the products that may be sold and that this channel does not list."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Not Listed at %s", self.name),
            "res_model": "product.product",
            "view_mode": "list,form",
            "domain": self._unlisted_domain(),
        }

    def _unlisted_domain(self):
        """Return the domain of products that may be sold and have no listing here."""
        return [
            ("sale_ok", "=", True),
            ("type", "=", "consu"),
            ("company_id", "in", [False, self.company_id.id]),
            ("channel_listing_ids", "not any", [("channel_id", "=", self.id)]),
        ]
