import logging

from odoo import api, models

from .quantities import plain

_logger = logging.getLogger(__name__)

PREFIX = "reserved:"


class StockChannelReservation(models.Model):
    """Goods that are reserved and nobody can say for what."""

    _inherit = "stock.channel"

    @api.model
    def _check_reservations(self):
        """Open one exception per product and shelf, and close those that healed.

        Such goods are offered by nobody and shipped to nobody: they are subtracted
        from every number until somebody looks. Shelves that several channels offer
        make one exception, the first channel's.

        :return: how many product and location pairs are wrong now.
        """
        found = {}
        for channel in self.sudo().search([("state", "!=", "draft")]):
            for product_id, location_id, quantity in channel._unexplained_reserved():
                fingerprint = f"{PREFIX}{product_id}:{location_id}"
                found.setdefault(
                    fingerprint, (channel, product_id, location_id, quantity)
                )
        self._heal_reservations(found)
        for fingerprint, (channel, *pair) in found.items():
            channel._open_for_reservation(fingerprint, *pair)
        return len(found)

    def _unexplained_reserved(self):
        """Return the pairs that change a number of this channel."""
        self.ensure_one()
        rows = self.env["stock.channel.availability"]._reserved_without_document(self)
        concerned = {
            product_id
            for product_id in {row[0] for row in rows}
            if self._sells_from(product_id)
        }
        return [row for row in rows if row[0] in concerned]

    def _sells_from(self, product_id):
        """Return whether a listing of this channel takes this product from stock."""
        touched = self.env["stock.channel.availability"]._touched_by([product_id])
        return bool(
            self.env["stock.channel.listing"]
            .sudo()
            .with_context(active_test=False)
            .search_count(
                [
                    ("id", "in", [listing_id for (listing_id,) in touched]),
                    ("channel_id", "=", self.id),
                ],
                limit=1,
            )
        )

    def _heal_reservations(self, found):
        exceptions_sudo = self.env["stock.channel.exception"].sudo()
        healed = exceptions_sudo.search(
            [("state", "=", "open"), ("fingerprint", "=like", f"{PREFIX}%")]
        ).filtered(lambda exception: exception.fingerprint not in found)
        for exception in healed:
            exceptions_sudo._resolve_fingerprint(
                exception.channel_id, exception.fingerprint
            )

    def _open_for_reservation(self, fingerprint, product_id, location_id, quantity):
        exceptions = self.env["stock.channel.exception"]
        value = plain(quantity)
        if exceptions.sudo().search_count(
            [
                ("fingerprint", "=", fingerprint),
                ("state", "=", "ignored"),
                ("value", "=", value),
            ],
            limit=1,
        ):
            # Somebody has looked at just this and lets it be.
            return
        product_sudo = self.env["product.product"].sudo().browse(product_id)
        location_sudo = self.env["stock.location"].sudo().browse(location_id)
        exceptions._open(
            self,
            category="stock",
            fingerprint=fingerprint,
            title=self.env._(
                "%(product)s is reserved without a document in %(location)s",
                product=product_sudo.display_name,
                location=location_sudo.complete_name,
            ),
            cause=self._reservation_cause(product_sudo, quantity),
            next_step=self.env._(
                "Open Inventory, Reporting, Stock: Odoo compares its reservations "
                "with the transfers whenever that list is opened. If it stays, "
                "unreserve the transfers of this product in this location and check "
                "their availability again. This closes by itself."
            ),
            field="reserved_quantity",
            value=value,
            expected_value="0",
        )

    def _reservation_cause(self, product, quantity):
        amounts = {"quantity": plain(abs(quantity)), "unit": product.uom_id.name}
        if quantity > 0:
            return self.env._(
                "%(quantity)s %(unit)s more are set aside than all open transfers "
                "and productions together have reserved. No channel is offered them.",
                **amounts,
            )
        return self.env._(
            "Open transfers and productions have reserved %(quantity)s %(unit)s more "
            "than are set aside. Channels may be offered goods that are promised.",
            **amounts,
        )


class StockChannelReservationSweep(models.Model):
    _inherit = "stock.channel.dirty"

    @api.model
    def _cron_sweep(self):
        """Sweep the numbers, then look at what they subtract without a document."""
        result = super()._cron_sweep()
        try:
            self._in_transaction(self.env["stock.channel"]._check_reservations)
        except Exception:  # the next sweep looks again; the numbers are swept
            self._abandon_transaction()
            _logger.exception("the reservations could not be checked")
        return result
