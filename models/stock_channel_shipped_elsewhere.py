from decimal import Decimal

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from .quantities import plain, to_decimal
from .stock_channel_exception import NeedsPerson


class StockChannelOrderShippedElsewhere(models.Model):
    """What the channel ships itself, from places it operates.

    Its word counts there: the delivery is validated for exactly what has newly left.
    What has left is counted from the deliveries, so that the same word twice, or the
    echo of a parcel of ours, moves nothing. All of an order's goods move or none.
    """

    _inherit = "stock.channel.order"

    def _must_wait_for_payment(self):
        """What has left has left, whatever was paid."""
        return super()._must_wait_for_payment() and not any(
            line.fulfilled_qty > line._left_before_qty() for line in self.line_ids
        )

    def _check_shipped_elsewhere(self):
        """Follow what the channel shipped; tell a person where that cannot be."""
        self._check_unfulfilled()
        shares = {
            line: parts
            for line in self.line_ids
            if (parts := line._shares_shipped_there())
        }
        try:
            if shares:
                with self.env.cr.savepoint():
                    self._ship_there(shares)
        except NeedsPerson as need:
            return need.open(self.env, self.channel_id)
        except UserError as error:
            return self._cannot_follow(str(error)).open(self.env, self.channel_id)
        return super()._check_shipped_elsewhere()

    def _left_from_here(self):
        """Close the question who shipped it, once it has left from here."""
        if all(line.fulfilled_qty <= line._shipped_qty() for line in self.line_ids):
            self.env["stock.channel.exception"]._resolve_fingerprint(
                self.channel_id, f"order:{self.id}:elsewhere"
            )

    def _cannot_follow(self, cause, **vals):
        """Return what a person reads when a delivery cannot be validated."""
        return NeedsPerson(
            category="stock",
            fingerprint=f"order:{self.id}:elsewhere",
            title=self.env._(
                "%s left at the channel and its delivery cannot follow", self.name
            ),
            cause=cause,
            next_step=self.env._(
                "Nothing was moved. Correct the stock of the place, or ask whoever "
                "operates it what was shipped. Then retry, or validate the delivery "
                "by hand."
            ),
            channel_order_id=self.id,
            **vals,
        )

    def _check_unfulfilled(self):
        """Tell a person when the channel takes back that something has left."""
        fallen = self.line_ids.filtered(
            lambda line: line.fulfilled_qty < line.fulfilled_seen_qty
        )
        risen = self.line_ids.filtered(
            lambda line: line.fulfilled_qty > line.fulfilled_seen_qty
        )
        fingerprint = f"order:{self.id}:unfulfilled"
        exceptions = self.env["stock.channel.exception"]
        if fallen:
            exceptions._open(
                self.channel_id,
                category="stock",
                fingerprint=fingerprint,
                title=self.env._("The channel takes back a shipment of %s", self.name),
                cause=self.env._(
                    "What the channel had reported as shipped, it does not any more: "
                    "%s.",
                    ", ".join(
                        f"{plain(line.fulfilled_seen_qty - line.fulfilled_qty)} "
                        f"{line.uom_id.name or ''} {line.sku}"
                        for line in fallen
                    ),
                ),
                next_step=self.env._(
                    "Ask whoever ships there. If the goods will leave again, ignore "
                    "this: they count as shipped. If they stay, return the delivery "
                    "in Odoo."
                ),
                channel_order_id=self.id,
            )
        elif risen:
            exceptions._resolve_fingerprint(self.channel_id, fingerprint)
        for line in fallen | risen:
            line.fulfilled_seen_qty = line.fulfilled_qty

    # -------------------------------------------------------------- shipping

    def _ship_there(self, shares):
        """Validate the deliveries of what the channel has shipped.

        :param shares: order line → {its part: quantity in the selling unit}.
        :raise NeedsPerson: when the goods or the lots are not there.
        """
        needs = {}
        for line, parts in shares.items():
            line._add_needs(parts, needs)
        # Recorded before it moves: what is recorded is not reported once more.
        parcels = self._record_shipped_there(shares)
        pickings = self._carry_out(needs)
        for parcel in parcels:
            place = parcel.channel_location_id
            parcel.picking_id = pickings.filtered(
                lambda picking, place=place: (
                    place in picking.move_ids.sale_line_id.channel_location_id
                )
            )[-1:]

    def _record_shipped_there(self, shares):
        """Record parcels that the channel told of; there is nothing to report."""
        by_place = {}
        for line, parts in shares.items():
            for part, quantity in parts.items():
                values = by_place.setdefault(part.channel_location_id, [])
                values.append(
                    {
                        "order_line_id": line.id,
                        "quantity": quantity,
                        "lots": len(parts) == 1 and line._newly_told_lots() or False,
                    }
                )
                line.reported_qty = float(to_decimal(line.reported_qty + quantity))
        now = fields.Datetime.now()
        return self.env["stock.channel.fulfillment"].create(
            [
                {
                    "channel_id": self.channel_id.id,
                    "channel_order_id": self.id,
                    "channel_location_id": place.id,
                    "by_channel": True,
                    "is_taken": True,
                    "state": "done",
                    "shipped_at": now,
                    "reported_at": now,
                    "line_ids": [Command.create(vals) for vals in values],
                }
                for place, values in by_place.items()
            ]
        )

    def _carry_out(self, needs):
        """Move goods to the customer, through every step of their deliveries.

        What is nearest to the door goes first. Each round takes every piece one step
        further, so that lines of one transfer leave in one parcel.

        :param needs: (part, product) → {lot or empty: quantity in its unit}.
        :return: the transfers that left.
        :raise NeedsPerson: when something is missing on the way.
        """
        left = self.env["stock.picking"]
        needs = {key: lots for key, lots in needs.items() if any(lots.values())}
        while needs:
            jobs = {}
            for (part, product), lots in needs.items():
                self._plan_steps(part, product, lots, jobs)
            self._do_steps(jobs)
            for move, lots in jobs.items():
                if move.location_dest_id.usage == "customer":
                    left |= move.picking_id
                    need = needs[move.sale_line_id, move.product_id]
                    for lot, quantity in lots.items():
                        need[lot] -= quantity
            needs = {key: lots for key, lots in needs.items() if any(lots.values())}
        return left

    def _plan_steps(self, part, product, lots, jobs):
        """Choose which open moves of a part take these goods one step further.

        :param jobs: move → {lot: quantity in the product's unit}, added to.
        """
        open_moves = part.move_ids.filtered(
            lambda move: (
                move.product_id == product
                and move.state not in ("draft", "done", "cancel")
                and (move.location_final_id or move.location_dest_id).usage
                == "customer"
                and not move.origin_returned_move_id
            )
        )
        left = dict(lots)
        for move in open_moves.sorted(lambda move: (-move._steps_before(), move.id)):
            offered = move._offered_lots(left)
            room = to_decimal(move.product_qty)
            for lot, wanted in left.items():
                taken = min(wanted, room, offered.get(lot, Decimal(0)))
                if taken > 0:
                    jobs.setdefault(move, {})[lot] = taken
                    left[lot] -= taken
                    room -= taken
        missing = {lot: quantity for lot, quantity in left.items() if quantity > 0}
        if missing:
            raise self._goods_missing(product, missing)

    def _goods_missing(self, product, missing):
        """Return what a person reads when goods that left are not there."""
        lots = ", ".join(lot.name for lot in missing if lot)
        cause = self.env._(
            "The channel shipped order %(order)s, but %(quantity)s %(unit)s "
            "%(product)s %(lots)s of it cannot be taken from where it is to leave.",
            order=self.name,
            quantity=plain(sum(missing.values())),
            unit=product.uom_id.name,
            product=product.display_name,
            lots=lots,
        )
        return self._cannot_follow(cause, value=lots or product.default_code or "")

    def _do_steps(self, jobs):
        """Carry out these moves for exactly these goods; the rest stays open.

        Not by the transfer's own button: it would buy a label and write to the
        customer for a parcel that somebody else has sent.
        """
        moves = self.env["stock.move"].union(*jobs)
        moves.picked = False
        moves._do_unreserve()
        robbed = moves.browse()
        for move, lots in jobs.items():
            for lot, quantity in lots.items():
                robbed |= move._reserve_exactly(lot, float(quantity))
            reserved = move.product_uom._compute_quantity(
                move.quantity, move.product_id.uom_id, round=False
            )
            if to_decimal(reserved) != sum(lots.values()):
                raise self._goods_missing(move.product_id, lots)
        pickings = moves.picking_id
        moves.picked = True
        moves._action_done()
        pickings.filtered(lambda picking: picking.state == "done").write(
            {"date_done": fields.Datetime.now(), "priority": "0"}
        )
        (robbed - moves).exists()._action_assign()


class StockChannelExceptionShippedElsewhere(models.Model):
    _inherit = "stock.channel.exception"

    def _retry(self):
        """Follow a shipment of the channel again, now that the stock may be right."""
        result = super()._retry()
        orders = self.filtered(
            lambda exception: (
                exception.fingerprint
                == f"order:{exception.channel_order_id.id}:elsewhere"
            )
        ).channel_order_id
        orders._retry_newest()
        return result
