from odoo import api, fields, models

from .quantities import to_decimal
from .stock_channel_poll import as_naive


class StockChannelOrderLine(models.Model):
    """One line of a channel order; all quantities in the listing's selling unit."""

    _name = "stock.channel.order.line"
    _description = "Channel Order Line"
    _order = "channel_order_id, id"

    channel_order_id = fields.Many2one(
        "stock.channel.order",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    channel_id = fields.Many2one(related="channel_order_id.channel_id", store=True)
    company_id = fields.Many2one(related="channel_order_id.company_id", store=True)
    external_id = fields.Char("Channel's Line Id", required=True, readonly=True)
    sku = fields.Char("SKU", readonly=True)
    item_id = fields.Char("Channel's Item Id", readonly=True)
    title = fields.Char(readonly=True)
    listing_id = fields.Many2one(
        "stock.channel.listing", readonly=True, ondelete="restrict", index=True
    )
    # As they were when the order was taken over: a map that changes later must not
    # change what was sold.
    product_id = fields.Many2one("product.product", readonly=True, ondelete="restrict")
    uom_id = fields.Many2one("uom.uom", "Unit", readonly=True, ondelete="restrict")
    components = fields.Json(
        readonly=True,
        help="What one selling unit takes from stock: product id and its quantity.",
    )
    sale_line_id = fields.Many2one(
        "sale.order.line", readonly=True, ondelete="set null", index="btree_not_null"
    )
    assigned_location_id = fields.Many2one(
        "stock.channel.location",
        string="Assigned by Channel",
        readonly=True,
        ondelete="restrict",
        index="btree_not_null",
    )
    channel_location_id = fields.Many2one(
        "stock.channel.location",
        string="Taken from",
        readonly=True,
        ondelete="restrict",
        help="The location the channel assigned. Without one, that of highest priority "
        "until the order is applied, and then the first of those chosen.",
    )
    ordered_qty = fields.Float("Ordered", digits=0, readonly=True)
    cancelled_qty = fields.Float("Cancelled", digits=0, readonly=True)
    fulfilled_qty = fields.Float(
        "Shipped (Channel's Word)",
        digits=0,
        readonly=True,
        help="Shipped, as the newest word of the channel says.",
    )
    taken_qty = fields.Float(
        "Shipped (Taken)",
        digits=0,
        readonly=True,
        help="Shipped from here, and the channel has taken our report of it.",
    )
    acknowledged_qty = fields.Float(
        "Shipped",
        digits=0,
        compute="_compute_acknowledged_qty",
        store=True,
        help="Shipped, and the channel knows it. The channel's word and our reports "
        "tell of the same parcels, whichever is heard first.",
    )
    elsewhere_qty = fields.Float(
        "Shipped Elsewhere",
        digits=0,
        readonly=True,
        help="Shipped by somebody else before the order was known here.",
    )
    reported_qty = fields.Float(
        "Shipped (Reported)",
        digits=0,
        readonly=True,
        help="Shipped, and the channel knows it or will be told.",
    )
    released_qty = fields.Float(
        "Cancelled Here",
        digits=0,
        readonly=True,
        help="Taken over, and neither shipped nor to be shipped any more: somebody "
        "cancelled it here, and the channel has not told of it yet.",
    )
    cancel_taken_qty = fields.Float(
        "Cancelled (Taken)",
        digits=0,
        readonly=True,
        help="Cancelled at the channel when it took our last report of it.",
    )
    returned_qty = fields.Float("Returned", digits=0, readonly=True)
    applied_qty = fields.Float(
        "Taken Over",
        digits=0,
        readonly=True,
        help="How many of it the sale order here has.",
    )
    in_flight_qty = fields.Float(
        "In Flight",
        digits=0,
        compute="_compute_in_flight_qty",
        store=True,
        help="Accepted from the channel and not yet in the sale order.",
    )
    own_open_qty = fields.Float(
        "Own Open",
        digits=0,
        compute="_compute_own_open_qty",
        store=True,
        help="What a physical channel subtracts itself: not shipped as far as the "
        "channel knows, or cancelled there and not yet released here.",
    )

    _order_line_unique = models.UniqueIndex(
        "(channel_order_id, external_id) WHERE is_replaced IS NOT TRUE",
        "This line exists already.",
    )
    _in_flight = models.Index("(listing_id) WHERE in_flight_qty > 0")
    _own_open = models.Index(
        "(listing_id, assigned_location_id) WHERE own_open_qty > 0"
    )

    @api.depends("fulfilled_qty", "taken_qty")
    def _compute_acknowledged_qty(self):
        for line in self:
            line.acknowledged_qty = max(line.fulfilled_qty, line.taken_qty)

    @api.depends("ordered_qty", "cancelled_qty", "cancel_taken_qty", "applied_qty")
    def _compute_in_flight_qty(self):
        for line in self:
            line.in_flight_qty = max(line._wanted_qty() - line.applied_qty, 0.0)

    @api.depends(
        "ordered_qty",
        "cancelled_qty",
        "cancel_taken_qty",
        "acknowledged_qty",
        "applied_qty",
        "released_qty",
        "reported_qty",
    )
    def _compute_own_open_qty(self):
        """A cancelled line stays open until the goods are released here.

        Otherwise the number would fall by the order for the moment between hearing
        of the cancellation and applying it. What has left with a parcel is released
        by nothing any more, nor is what the channel says has left: it subtracts that
        no more, and with it counted here it would show more than there is.
        """
        for line in self:
            line.own_open_qty = max(
                line._wanted_qty() - line.acknowledged_qty,
                line.applied_qty
                - line.released_qty
                - max(line.reported_qty, line.acknowledged_qty),
                0.0,
            )

    def _wanted_qty(self):
        """Return what the channel still wants or had, in the selling unit.

        Its word and its taking of our reports tell of the same cancellations,
        whichever is heard first.
        """
        self.ensure_one()
        cancelled = max(self.cancelled_qty, self.cancel_taken_qty)
        return max(self.ordered_qty - cancelled, 0.0)

    # --------------------------------------------------------------- writing

    def _write_line(self, order, line, wire, snapshot):
        """Bring one line to what the channel says.

        :param line: the line known so far, or None.
        :param wire: ``OrderLine`` as parsed.
        """
        channel = order.channel_id
        if line and line._is_substituted(wire):
            line._replace(as_naive(snapshot.updated_at))
            line = None
        assigned = channel.location_ids.filtered(
            lambda location: location.external_id == wire.location_id
        )
        vals = self._prepare_identity(channel, line, wire, assigned)
        if line:
            line.write(vals)
        else:
            line = self.create(self._prepare_new(order, wire, assigned, vals))
        line._set_quantities(
            self._told_quantities(wire, snapshot), as_naive(snapshot.updated_at)
        )

    def _prepare_new(self, order, wire, assigned, vals):
        """Return the values of a line that was not known before."""
        taken_from = assigned or order.channel_id.location_ids._mapped()[:1]
        return {
            "channel_order_id": order.id,
            "external_id": wire.id,
            "channel_location_id": taken_from.id,
            **vals,
        }

    def _told_quantities(self, wire, snapshot):
        """Return the quantities of a line as the channel tells them."""
        cancelled = wire.cancelled_quantity
        if snapshot.cancelled:
            # What the channel says has left is not cancelled with the rest.
            cancelled = max(cancelled, wire.quantity - wire.fulfilled_quantity)
        return {
            "ordered_qty": float(wire.quantity),
            "cancelled_qty": float(cancelled),
            "fulfilled_qty": float(wire.fulfilled_quantity),
            "fulfilled_lots": {lot.name: float(lot.quantity) for lot in wire.lots}
            or False,
        }

    def _prepare_identity(self, channel, line, wire, assigned):
        """Return what the line is, as far as the channel may still change it."""
        vals = {"title": wire.title or False}
        if not (line and line.sale_line_id and line._is_other_item(wire)):
            vals.update(sku=wire.sku, item_id=wire.item_id or False)
        if wire.location_id:
            # A channel may name no location for a moment, while an order is edited
            # or after it was cancelled: the one it named before still holds.
            vals["assigned_location_id"] = assigned.id
        if line and line.sale_line_id:
            return vals
        listing = self.env["stock.channel.listing"]._find(
            channel, wire.sku, wire.item_id
        )
        vals.update(
            listing_id=listing.id,
            product_id=listing.product_id.id,
            uom_id=listing.uom_id.id,
        )
        if assigned:
            vals["channel_location_id"] = assigned.id
        return vals

    def _set_quantities(self, vals, at):
        """Write quantities, and note what the channel did to its own number.

        A sellable channel lowers what it shows when it sells and raises it when a
        sale is cancelled; a physical one when it takes a shipment.

        :param datetime at: when it happened at the channel, naive UTC.
        """
        self.ensure_one()
        is_physical = self.channel_id.quantity_meaning == "physical"
        wanted, acknowledged = self._wanted_qty(), self.acknowledged_qty
        self.write(vals)
        if is_physical:
            delta = acknowledged - self.acknowledged_qty
        else:
            delta = wanted - self._wanted_qty()
        self._channel_moved(delta, at)
        self._log_dirty()

    def _channel_moved(self, delta, at):
        if delta and self.listing_id and self.assigned_location_id:
            self.env["stock.channel.publication"].sudo()._channel_moved(
                self.listing_id, self.assigned_location_id, delta, at
            )

    def _log_dirty(self):
        """Every channel that offers what this line takes must hear of it."""
        dirty = self.env["stock.channel.dirty"]
        for line in self:
            dirty._log_stock([(p, None) for p in line._component_ids()], "order")
            dirty._log_listings(line.listing_id, "order")

    # --------------------------------------------------------------- reading

    def _components(self, quantity):
        """Return what ``quantity`` of this line takes from stock.

        :param float quantity: in the selling unit.
        :return: dict of product id → quantity in that product's own unit.
        """
        self.ensure_one()
        if self.components:
            return {
                int(product_id): per_unit * quantity
                for product_id, per_unit in self.components.items()
            }
        if not self.listing_id:
            return {}
        units = self.uom_id._compute_quantity(
            quantity, self.product_id.uom_id, round=False
        )
        components = self.env["stock.channel.kit"]._components_of(
            self.product_id, self.company_id
        )
        if components is None:
            return {self.product_id.id: units}
        return {
            product_id: per_unit * units for product_id, per_unit in components.items()
        }

    def _freeze(self):
        """Keep what these lines are made of, now that the sale order has them."""
        for line in self.filtered(lambda line: line.sale_line_id):
            if not line.components:
                line.components = line._components(1.0)

    def _units_in(self, moves):
        """Return how many selling units of this line these moves add up to.

        What has moved of done ones, what is to move of the others.

        Whole kits only, where the line is one: a kit counts when all its components
        are there, whichever parcel the last one was in.
        """
        self.ensure_one()
        moved = {}
        for move in moves:
            product = move.product_id
            quantity = move.quantity if move.state == "done" else move.product_uom_qty
            moved[product.id] = moved.get(
                product.id, 0.0
            ) + move.product_uom._compute_quantity(
                quantity, product.uom_id, round=False
            )
        found = min(
            (
                moved.get(product_id, 0.0) / quantity
                for product_id, quantity in self._components(1.0).items()
            ),
            default=0.0,
        )
        if self.listing_id.is_whole_units:
            return float(int(found + 1e-6))
        return float(to_decimal(found))

    def _component_ids(self):
        self.ensure_one()
        return list(self._components(1.0))
