"""Where an order is shown in the channel's own pages."""

from contextlib import suppress

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..connectors import registry
from ..connectors.errors import ConnectorError
from ..connectors.order_pages import is_safe_link, safe_page

PLACE = "{id}"


class StockChannelOrderPage(models.Model):
    _inherit = "stock.channel"

    order_page = fields.Char(
        "Page of an Order",
        groups="stock_channel_hub.group_admin",
        help="Where people look at an order at the channel, with {id} for the order's "
        "id: https://shop.example.com/admin/orders/{id}. Empty: as the connector knows "
        "it; some know none.",
    )

    @api.constrains("order_page")
    def _check_order_page(self):
        for channel in self.filtered("order_page"):
            is_link = is_safe_link(channel.order_page.replace(PLACE, "1"))
            if PLACE not in channel.order_page or not is_link:
                raise ValidationError(
                    self.env._(
                        "The page of an order begins with https:// and has {id} where "
                        "the order's id belongs, such as "
                        "https://shop.example.com/admin/orders/{id}."
                    )
                )

    def _order_url(self, order_id):
        """Return the https address of an order's page, False where there is none.

        The template is asked first, then the connector. A connector's mistake costs
        the link, not the page it would be on.
        """
        self.ensure_one()
        channel_sudo = self.sudo()
        if channel_sudo.order_page:
            return safe_page(channel_sudo.order_page, order_id) or False
        config = {"base_url": channel_sudo.base_url or ""}
        address = None
        with suppress(ConnectorError), self._connector_at_work():
            address = registry.get(self.connector).order_url(config, order_id)
        return address if address and is_safe_link(address) else False


class StockChannelOrderUrl(models.Model):
    _inherit = "stock.channel.order"

    external_url = fields.Char(
        "At the Channel",
        compute="_compute_external_url",
        help="Opens the order in the channel's own pages, in a new tab.",
    )

    @api.depends("external_id", "channel_id.connector", "channel_id.order_page")
    def _compute_external_url(self):
        for order in self:
            order.external_url = order.channel_id._order_url(order.external_id)
