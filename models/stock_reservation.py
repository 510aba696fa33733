from odoo import models
from odoo.fields import Domain

# Names the stock locations a channel's move may reserve from; Odoo's own
# ``with_expiration`` narrows a reservation the same way.
PLACES = "channel_stock_location_ids"


class StockMove(models.Model):
    _inherit = "stock.move"

    def _get_available_quantity(self, *args, **kwargs):
        return super(
            StockMove, self._within_channel_location()
        )._get_available_quantity(*args, **kwargs)

    def _update_reserved_quantity(self, *args, **kwargs):
        return super(
            StockMove, self._within_channel_location()
        )._update_reserved_quantity(*args, **kwargs)

    def _within_channel_location(self):
        """Return the move, reserving only what its channel was offered.

        Odoo reserves anywhere below a move's source: on the shelf of another channel
        location of the same warehouse, and in quarantine. Goods nobody counted as
        on hand were then sent, while what was counted stayed on offer.
        """
        self.ensure_one()
        mapped = self.sudo().sale_line_id.channel_location_id.location_ids
        source = self.location_id
        below = mapped.filtered(
            lambda location: location.parent_path.startswith(source.parent_path or "-")
        )
        if not below and any(
            source.parent_path.startswith(location.parent_path) for location in mapped
        ):
            below = source
        return self.with_context(**{PLACES: below.ids}) if below else self


class StockQuant(models.Model):
    _inherit = "stock.quant"

    def _get_gather_domain(
        self,
        product_id,
        location_id,
        lot_id=None,
        package_id=None,
        owner_id=None,
        strict=False,
    ):
        domain = super()._get_gather_domain(
            product_id, location_id, lot_id, package_id, owner_id, strict
        )
        places = self.env.context.get(PLACES)
        if not places or strict:
            return domain
        return (
            domain
            & Domain("location_id", "child_of", places)
            & Domain("location_id.effective_stock_condition", "=", "sellable")
            & (
                Domain("lot_id", "=", False)
                | Domain("lot_id.stock_condition", "in", (False, "sellable"))
            )
        )
