"""Pages of warehouses and stock locations: what they feed, and what a change would do."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .stock_channel_approval import MANAGER
from .stock_channel_change_effect import VALUES
from .stock_channel_change_run import QUIET
from .stock_channel_governed import GUARDED_STATES

READERS = "stock_channel_hub.group_user"
MEASURED = ("up", "down", "value_up", "value_down")


class StockChannelLocationOnPage(models.Model):
    _inherit = "stock.channel.location"

    channel_state = fields.Selection(
        related="channel_id.state", string="Status of the Channel"
    )


class StockWarehousePage(models.Model):
    _inherit = "stock.warehouse"

    channel_place_ids = fields.Many2many(
        "stock.channel.location",
        compute="_compute_channel_place_ids",
        string="Sold On",
        groups=READERS,
        help="Channel locations that this warehouse ships for or has stock for.",
    )
    channel_place_count = fields.Integer(
        "Number of Places", compute="_compute_channel_place_ids", groups=READERS
    )

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_channel_place_ids(self):
        places = self.env["stock.channel.location"].search(
            [
                "|",
                ("warehouse_id", "in", self.ids),
                ("location_ids.warehouse_id", "in", self.ids),
            ]
        )
        for warehouse in self:
            mine = warehouse._origin
            warehouse.channel_place_ids = places.filtered(
                lambda place, mine=mine: (
                    mine
                    and mine in place.warehouse_id | place.location_ids.warehouse_id
                )
            )
            warehouse.channel_place_count = len(warehouse.channel_place_ids)


class StockLocationPage(models.Model):
    _inherit = "stock.location"

    channel_location_below_ids = fields.Many2many(
        "stock.channel.location",
        compute="_compute_channel_location_below_ids",
        string="Fed from Locations Below",
        groups=READERS,
    )

    def _compute_channel_location_below_ids(self):
        places = self.env["stock.channel.location"].search(
            [("location_ids", "child_of", self.ids)]
        )
        for location in self:
            path = location._origin.parent_path
            below = places.filtered(
                lambda place, path=path: (
                    any(
                        root.parent_path.startswith(path) for root in place.location_ids
                    )
                    if path
                    else False
                )
            )
            location.channel_location_below_ids = below - location.channel_location_ids

    # ------------------------------------------------------------- previewing

    def preview_channel_change(self, vals=None):
        """Return what a change would do to channels' numbers; nothing is changed.

        Carried out in the name of whoever asks, measured and undone again, as a
        proposal of the same would be.

        :param dict vals: values a form has not saved; others than those that decide
            what is on sale are left aside.
        :return: HTML for a dialog.
        :raise AccessError: for whoever reads no channels.
        """
        self.ensure_one()
        self.check_access("read")
        if not self.env.user.has_group(READERS):
            raise AccessError(self.env._("Only who sees channels can look at this."))
        values = {
            **dict.fromkeys(("state", "text", "rows", "channels", "verdict"), False),
            "location": self,
            "foreign": 0,
        }
        after = self._previewed(vals or {})
        if not after:
            values["state"] = "same"
        else:
            try:
                values.update(self._previewed_effect(after))
            except UserError as error:
                # In the words of what refuses it: rights, overlapping maps, quants.
                values.update(state="refused", text=str(error))
        return self.env["ir.qweb"]._render("stock_channel_hub.place_preview", values)

    def _previewed(self, vals):
        """Return those values that differ and may decide what is on sale."""
        return {
            name: vals[name]
            for name in self._governed
            if name in vals and vals[name] != self._as_json(name)
        }

    def _previewed_effect(self, after):
        changes = self.env["stock.channel.change"].with_context(**QUIET)
        steps = changes._check_steps(
            [{"model": self._name, "id": self.id, "op": "write", "after": after}]
        )
        guarded_sudo = self._channels_of(
            self, {"location_id": self.location_id.id}, None
        ).filtered(lambda channel: channel.state in GUARDED_STATES)
        seen = {"reach": self._reach(), "mark": changes._mark()}

        def look(_touched, effect):
            seen["by_channel"] = changes.sudo()._effect_by_channel(effect)
            # The questions that saving asks, in their order.
            seen["is_free"] = (
                not guarded_sudo
                or self._reach() <= seen["reach"]
                or guarded_sudo._is_small_change(seen["mark"], 1)
            )

        _steps, channel_ids, effect = changes._rehearse(steps, look)
        channels = self.env["stock.channel"].search([("id", "in", channel_ids)])
        listings = self.env["stock.channel.listing"].with_context(active_test=False)
        visible = set(
            listings.search(
                [("id", "in", [row["listing_id"] for row in effect["rows"]])]
            ).ids
        )
        return {
            "state": "effect" if channels else "none",
            "foreign": len(set(channel_ids) - set(channels.ids)),
            "channels": [
                {"channel": channel, **seen["by_channel"].get(channel.id, {})}
                for channel in channels
            ],
            "currency": self.env["res.currency"].browse(effect["currency_id"]),
            "rows": [row for row in effect["rows"] if row["listing_id"] in visible],
            "verdict": self._verdict(seen["is_free"]),
        }

    def _verdict(self, is_free):
        """Say what saving would come to for this user: done, proposed or refused."""
        if is_free:
            return "at_once"
        return "propose" if self.env.user.has_group(MANAGER) else "ask"


class StockChannelChangeByChannel(models.Model):
    _inherit = "stock.channel.change"

    def _effect_by_channel(self, effect):
        """Return {channel id: what was measured last of it}; see ``_measure``.

        :param dict effect: what ``_measure`` returned; its currency is that of the
            values, which are shown in that of each channel's company.
        """
        currency = self.env["res.currency"].browse(effect["currency_id"])
        today = self.env.cr.now().date()
        self.env.cr.execute(
            SQL(
                """
                SELECT channel_id,
                       count(DISTINCT listing_id),
                       sum(greatest(moved, 0)),
                       sum(greatest(-moved, 0)),
                       sum(greatest(value, 0)),
                       sum(greatest(-value, 0))
                  FROM %s
                 GROUP BY channel_id
                """,
                VALUES,
            )
        )
        found = {}
        for channel_id, listings, up, down, *values in self.env.cr.fetchall():
            company = self.env["stock.channel"].browse(channel_id).company_id
            value_up, value_down = (
                currency._convert(
                    float(value), company.currency_id, company, today, round=False
                )
                for value in values
            )
            amounts = (float(up), float(down), value_up, value_down)
            found[channel_id] = {
                "listings": listings,
                **dict(zip(MEASURED, amounts, strict=True)),
            }
        return found
