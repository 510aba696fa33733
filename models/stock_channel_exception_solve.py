from odoo import api, models
from odoo.exceptions import AccessError, UserError


class StockChannelExceptionSolve(models.Model):
    """What people do about an exception: map, retry, reopen."""

    _inherit = "stock.channel.exception"

    @api.model
    def _check_operator(self):
        """Refuse people who may look but not work.

        :raise AccessError: in words the person can act on.
        """
        if not self.env.user.has_group("stock_channel_hub.group_operator"):
            raise AccessError(
                self.env._("Only operators of stock channels may do this.")
            )

    @api.model
    def _mapping_fingerprint(self, channel, kind, external_id):
        return f"map:{channel.id}:{kind}:{external_id}"

    # ------------------------------------------------------------- retrying

    @api.model
    def _retry_mapping(self, listings):
        """Run again whatever waited for the items of these listings."""
        fingerprints = [
            self._mapping_fingerprint(listing.channel_id, "item", key)
            for listing in listings.sudo()
            if listing.active
            for key in {listing.sku, listing.item_id}
            if key
        ]
        self._retry_fingerprints(fingerprints)

    @api.model
    def _retry_location_mapping(self, places):
        """Run again whatever waited for these channel locations to be mapped."""
        self._retry_fingerprints(
            [
                self._mapping_fingerprint(
                    place.channel_id, "location", place.external_id
                )
                for place in places.sudo()._mapped()
            ]
        )

    @api.model
    def _retry_fingerprints(self, fingerprints):
        if fingerprints:
            # What somebody ignored waits all the same.
            self.sudo().search(
                [("fingerprint", "in", fingerprints), ("state", "!=", "resolved")]
            )._retry()

    def _retry(self):
        """Try again what failed for these causes; messages in the background."""
        waited_for = self - self._without_waiting()
        waited_for._heal()
        for exception in self - waited_for:
            if exception.publication_id.state == "rejected":
                exception.publication_id._update_state("pending", {"attempts": 0})
                exception.channel_id._wake_publishers()
            elif exception.fulfillment_id.state == "rejected":
                exception.fulfillment_id._retry()
            elif not exception.fulfillment_id:
                # What was mended here shows when the newest word is taken again.
                exception.channel_order_id._retry_newest()

    def action_retry(self):
        """Try again now everything that failed for this cause."""
        self.check_access("read")
        self._check_operator()
        open_sudo = self.sudo().filtered(lambda e: e.state != "resolved")
        open_sudo._retry()
        channels_sudo = self.sudo().channel_id
        channels_sudo.write({"next_attempt_at": False})
        channels_sudo._wake_publishers()
        self.env["stock.channel.audit"]._log(open_sudo, "retried")

    # -------------------------------------------------------------- mapping

    def action_map(self):
        """Map the unknown SKU to the chosen product and run what waited for it.

        The first map of an unknown item is the operator's own decision; changing
        one later is not. What waited is worked on in the background, however much
        it is.
        """
        self.ensure_one()
        self.check_access("read")
        self._check_operator()
        if self.mapping_kind != "item" or self.state != "open":
            raise UserError(self.env._("There is nothing to map here."))
        if not self.product_id:
            raise UserError(
                self.env._("Choose the product that %s means first.", self.value)
            )
        self._check_not_archived()
        waiting = self.waiting_count
        self.env["stock.channel.listing"].sudo().create(
            {
                "channel_id": self.channel_id.id,
                "product_id": self.product_id.id,
                "sku": self.value,
                "item_id": self.item_id or False,
            }
        )
        self._note_mapped()
        self._resolve_if_idle()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "Mapped. Messages that are worked on again now: %s", waiting
                )
                if waiting
                else self.env._("Mapped."),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _note_mapped(self):
        self.message_post(
            body=self.env._(
                "%(sku)s mapped to %(product)s.",
                sku=self.value,
                product=self.product_id.display_name,
            )
        )
        after = {"sku": self.value, "product_id": self.product_id.id}
        self.env["stock.channel.audit"]._log(
            self, "mapped", values={self.id: (None, after)}
        )

    def _check_not_archived(self):
        """Refuse to map what is mapped already and archived.

        :raise UserError: in words the operator can act on.
        """
        archived_sudo = (
            self.env["stock.channel.listing"]
            .sudo()
            .search(
                [
                    ("channel_id", "=", self.channel_id.id),
                    ("external_id", "=", self.item_id or self.value),
                    ("active", "=", False),
                ]
            )
        )
        if archived_sudo:
            raise UserError(
                self.env._(
                    "%(sku)s is mapped to %(product)s, and that listing is archived. "
                    "Ask a manager to take it out of the archive.",
                    sku=self.value,
                    product=archived_sudo.product_id.display_name,
                )
            )

    # ------------------------------------------------------------- reopening

    def action_reopen(self):
        """Open again what was resolved or ignored too early."""
        self.check_access("read")
        self._check_operator()
        reopened_sudo = self.sudo().filtered(lambda e: e.state != "open")._first_open()
        reopened_sudo._update_state("open")
        self.env["stock.channel.audit"]._log(reopened_sudo, "reopened")

    def _first_open(self):
        """Refuse to open a cause that is open under another record.

        :raise UserError: in words the person can act on.
        """
        twins = self.search(
            [("fingerprint", "in", self.mapped("fingerprint")), ("state", "=", "open")]
        )
        if twins:
            raise UserError(
                self.env._("This is open already: %s", ", ".join(twins.mapped("title")))
            )
        return self

    def action_open_messages(self):
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Waiting Messages"),
            "res_model": "stock.channel.message",
            "view_mode": "list,form",
            "domain": [("exception_ids", "in", self.ids)],
        }
