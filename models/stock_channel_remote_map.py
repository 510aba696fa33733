import logging
from collections import defaultdict

from odoo import api, models
from odoo.exceptions import UserError

from .change_steps import MAX_STEPS
from .stock_channel_approval import MANAGER
from .stock_channel_change_run import QUIET
from .stock_channel_governed import REFUSAL

_logger = logging.getLogger(__name__)

# More are mapped in the background.
AT_ONCE = 500
NAMED = 5


class StockChannelRemoteMap(models.Model):
    """From a proposal to a map: the first one is the operator's, a change is not."""

    _inherit = "stock.channel.remote.listing"

    # ---------------------------------------------------------------- accepting

    def action_accept(self):
        """Map these to the products proposed; what waited for them goes on.

        Only first maps. What is mapped already and differs is a manager's proposal.
        """
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        chosen = self.filtered("is_ready")
        if not chosen:
            raise UserError(
                self.env._(
                    "There is nothing to accept here: choose listings with a proposed "
                    "product. What is mapped already is changed by Propose Changes."
                )
            )
        if len(chosen) > AT_ONCE:
            return chosen._accept_later()
        mapped, left = chosen._map_first()
        return self._tell_mapped(len(mapped), left)

    def _accept_later(self):
        """Hand many over to the background; they show that they are being mapped."""
        self.sudo().write({"state": "accepted", "accepted_by_id": self.env.uid})
        self.sudo()._judge_rows()
        fetches = self.env["stock.channel.fetch"]
        fetches._trigger_after_commit(fetches._fetch_cron())
        return self.channel_id[:1]._notify(
            self.env._(
                "%s listings are being mapped in the background. Reload this page to "
                "see how far that has come.",
                len(self),
            ),
            "info",
        )

    def _tell_mapped(self, count, left):
        message = self.env._("Mapped: %s.", count)
        if left:
            names = ", ".join(row.display_name for row in left[:NAMED])
            message += " " + self.env._(
                "Not mapped, since another listing has the SKU or is archived: %s. A "
                "manager chooses Propose Changes.",
                names if len(left) <= NAMED else f"{names} …",
            )
        action = self.channel_id[:1]._notify(message, "warning" if left else "success")
        action["params"]["next"] = {"type": "ir.actions.client", "tag": "soft_reload"}
        return action

    def _map_first(self):
        """Make the maps that are the first ones, in the name of whoever runs this.

        With elevated rights, since operators may not write maps otherwise; so what
        only a second person may change is left out before, by the same question that
        ``_is_first_map`` asks.

        :return: (listings made, rows left out).
        """
        rows_sudo = self.sudo().filtered(lambda row: row.is_ready or row._is_accepted())
        first_sudo = rows_sudo._first_ones()
        listings_sudo = (
            self.env["stock.channel.listing"]
            .sudo()
            .with_context(**QUIET)
            .create([row_sudo._map_values() for row_sudo in first_sudo])
        )
        return listings_sudo, rows_sudo - first_sudo

    def _is_accepted(self):
        return self.state == "accepted" and bool(self.product_id) and not self.gone_at

    def _map_values(self):
        self.ensure_one()
        return {
            "channel_id": self.channel_id.id,
            "product_id": self.product_id.id,
            "sku": self.sku or self.item_id,
            "item_id": self.item_id,
            "title": self.title,
            "uom_id": self._proposed_uom().id,
        }

    def _first_ones(self):
        """Return those whose map takes nothing away from another listing."""
        first = self.browse()
        for channel, rows in self.grouped("channel_id").items():
            keys = [(row.sku or row.item_id, row.item_id) for row in rows]
            are_first = self.env["stock.channel.listing"]._are_first(channel, keys)
            for row, is_first in zip(rows, are_first, strict=True):
                company = row.product_id.company_id
                if is_first and (not company or company == channel.company_id):
                    first |= row
        return first

    # ------------------------------------------------------------ in background

    @api.model
    def _map_accepted(self):
        """Map the next of what was accepted, in the name of who did.

        :return: whether more is left.
        """
        rows_sudo = self.sudo().search(
            [("state", "=", "accepted")], limit=AT_ONCE, order="id"
        )
        for (user, channel), mine_sudo in rows_sudo.grouped(
            lambda row: (row.accepted_by_id, row.channel_id)
        ).items():
            mine = mine_sudo.with_user(user or self.env.user).with_company(
                channel.company_id
            )
            mine._map_in_background()
            # Whatever was not mapped is proposed again.
            undone_sudo = mine_sudo.filtered(lambda row: row.state == "accepted")
            undone_sudo.write({"state": "new", "accepted_by_id": False})
            undone_sudo._judge_rows()
        return len(rows_sudo) == AT_ONCE

    def _map_in_background(self):
        """Map these; one that cannot be mapped does not stop the others."""
        try:
            with self.env.cr.savepoint():
                self._map_first()
        except UserError:
            for row in self:
                try:
                    with self.env.cr.savepoint():
                        row._map_first()
                except UserError as error:
                    _logger.info("listing %s was not mapped: %s", row.id, error)

    @api.model
    def _map_same_skus(self, channel, user):
        """Map what has the very SKU of one product, and nothing odd about it.

        :return: how many were mapped; 0 when nothing is left.
        """
        rows_sudo = self.sudo().search(
            [
                ("channel_id", "=", channel.id),
                ("state", "=", "proposed"),
                ("match_kind", "=", "sku"),
                ("gone_at", "=", False),
                ("conflict", "=", False),
                ("is_duplicate_sku", "=", False),
                ("is_unit_mismatch", "=", False),
            ],
            limit=AT_ONCE,
            order="id",
        )
        first_sudo = rows_sudo._first_ones()
        mine = first_sudo.with_user(user).with_company(channel.company_id)
        mine._map_in_background()
        return len(first_sudo.filtered(lambda row: row.state == "mapped"))

    # ---------------------------------------------------------------- proposing

    def action_propose(self):
        """Change the maps of these to what is proposed; live, a second person agrees.

        Whatever can be changed at once is; on a live channel a proposal of all of it
        is opened, by the same way as a change on the listing's own form.
        """
        self.check_access("read")
        changes = self.env["stock.channel.change"]
        changes._check_manager()
        chosen = self.filtered(lambda row: row.may_propose or row.is_ready)
        if not chosen:
            raise UserError(
                self.env._(
                    "Nothing to change here: choose listings that are mapped and differ."
                )
            )
        if len(chosen) > MAX_STEPS:
            raise UserError(
                self.env._("A proposal holds %s changes at most.", MAX_STEPS)
            )
        return self._change_or_propose(
            lambda quiet: chosen.with_context(**quiet)._change_maps(), chosen.channel_id
        )

    @api.model
    def _change_or_propose(self, act, channels):
        """Do it, or draw up the proposal of it where a second person has to agree.

        :param act: called with a context, does it with the rights of whoever asks.
        """
        try:
            with self.env.cr.savepoint():
                act({})
        except UserError as refusal:
            is_manager = self.env.user.has_group(MANAGER)
            if not getattr(refusal, REFUSAL, False) or not is_manager:
                raise
        else:
            action = channels[:1]._notify(
                self.env._("The maps are changed."), "success"
            )
            action["params"]["next"] = {
                "type": "ir.actions.client",
                "tag": "soft_reload",
            }
            return action
        changes = self.env["stock.channel.change"]
        change_sudo = changes._draw_up(changes._steps_of(lambda: act(QUIET)))
        return change_sudo.with_user(self.env.user)._open_form()

    def _change_maps(self):
        """Write what is proposed into the maps, with the rights of whoever asks."""
        made = self.env["stock.channel.listing"]
        for row in self:
            listing = row.listing_id
            if not listing:
                made.create(row._map_values())
            elif row.gone_at:
                listing.write({"active": False})
            elif row.conflict == "product":
                vals = {"product_id": row.product_id.id}
                if row.uom_id:
                    vals["uom_id"] = row.uom_id.id
                listing.write(vals)
            else:
                listing.write({"sku": row.sku})


class StockChannelListing(models.Model):
    _inherit = "stock.channel.listing"

    @api.model
    def _are_first(self, channel, keys):
        """Say of each (SKU, item id) whether a map of it would be the first one.

        As ``_is_first_map`` asks, for many at once: an archived map is one too, and of
        two that would take each other's orders only one is the first.

        :return: list of booleans, in the order of ``keys``.
        """
        there_sudo = (
            self.sudo()
            .with_context(active_test=False)
            .search_fetch(
                [
                    ("channel_id", "=", channel.id),
                    "|",
                    ("sku", "in", [sku for sku, _item in keys]),
                    ("external_id", "in", [item or sku for sku, item in keys]),
                ],
                ["sku", "item_id", "external_id", "active"],
            )
        )
        taken = set(there_sudo.mapped("external_id"))
        items_by_sku = defaultdict(list)
        for listing_sudo in there_sudo.filtered("active"):
            items_by_sku[listing_sudo.sku].append(listing_sudo.item_id)
        found = []
        for sku, item in keys:
            beside = items_by_sku[sku]
            is_free = all(beside) if item else not beside
            is_first = (item or sku) not in taken and is_free
            if is_first:
                taken.add(item or sku)
                beside.append(item)
            found.append(is_first)
        return found
