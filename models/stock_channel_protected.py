"""Links that only the hub makes: over RPC nobody plants or moves one.

A view that shows a field read-only stops nobody: every public method of the ORM takes
any value. A salesman who could name the channel's line that a sale line is part of could
have its quantities, prices and shipments reported to the channel.

Links on stock moves are not among them. Odoo copies those of a move to its backorder in
the name of the clerk who validates it, and who may write moves can move goods anyway.
"""

from odoo import api, models
from odoo.exceptions import AccessError

from .message_text import field_labels


def refuse_protected(records, vals_list, names):
    """Refuse values of fields that the hub alone writes.

    :raise AccessError: for anybody but the hub itself.
    """
    if records.env.su:
        return
    found = {name for vals in vals_list for name in names & vals.keys()}
    if found:
        raise AccessError(
            records.env._(
                "%s is written by the stock channel hub alone.",
                field_labels(records, found),
            )
        )


def without_defaults(records, names):
    """Return the records without defaults for these fields in a caller's context."""
    planted = {f"default_{name}" for name in names} & records.env.context.keys()
    if not planted or records.env.su:
        return records
    context = {
        name: value
        for name, value in records.env.context.items()
        if name not in planted
    }
    return records.with_env(records.env(context=context))


class StockChannelProtected(models.AbstractModel):
    """What it takes to protect fields; ``_own_fields`` names them."""

    _name = "stock.channel.protected"
    _description = "Fields of the Hub"

    _own_fields = frozenset()

    @api.model_create_multi
    def create(self, vals_list):
        refuse_protected(self, vals_list, self._own_fields)
        return super(
            StockChannelProtected, without_defaults(self, self._own_fields)
        ).create(vals_list)

    def write(self, vals):
        refuse_protected(self, [vals], self._own_fields)
        return super().write(vals)


class StockChannelCustomer(models.Model):
    _name = "stock.channel.customer"
    _inherit = ["stock.channel.protected", "stock.channel.customer"]

    _own_fields = frozenset({"channel_id", "external_id"})


class StockChannelLocation(models.Model):
    _name = "stock.channel.location"
    _inherit = ["stock.channel.protected", "stock.channel.location"]

    _own_fields = frozenset({"rises_opened_at", "is_closed"})


class SaleOrder(models.Model):
    _name = "sale.order"
    _inherit = ["stock.channel.protected", "sale.order"]

    _own_fields = frozenset({"stock_channel_id", "channel_order_ids"})


class SaleOrderLine(models.Model):
    _name = "sale.order.line"
    _inherit = ["stock.channel.protected", "sale.order.line"]

    _own_fields = frozenset(
        {
            "channel_price_unit",
            "channel_discount",
            "channel_charge_ref",
            "is_channel_rounding",
            "channel_location_id",
            "channel_order_line_ref",
            "channel_order_line_id",
            "channel_order_line_ids",
            "channel_put_back_ids",
        }
    )


class AccountMove(models.Model):
    _name = "account.move"
    _inherit = ["stock.channel.protected", "account.move"]

    _own_fields = frozenset({"channel_return_id"})


class StockScrap(models.Model):
    _name = "stock.scrap"
    _inherit = ["stock.channel.protected", "stock.scrap"]

    _own_fields = frozenset({"channel_return_line_id"})
