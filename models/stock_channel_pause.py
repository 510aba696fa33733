"""Pausing a channel, one of its locations or one of its listings.

What is paused keeps the number the channel shows, falls included: nothing is sent. It
is the brake for the night in which a number goes wrong and nobody knows why. So any
operator may pull it for a location or a listing, with a reason. Letting go publishes
everything at once, so that is for a manager, or for whoever pulled it. A whole channel
is paused and put live by managers alone: it stops every number and every shipment.
"""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

MANAGER = "stock_channel_hub.group_manager"
NOTE_FIELDS = ("paused_at", "paused_by_id", "pause_reason")
NO_NOTE = dict.fromkeys(NOTE_FIELDS, False)


class StockChannelPausable(models.AbstractModel):
    """What can be paused by itself, and who may do so."""

    _name = "stock.channel.pausable"
    _description = "What Can Be Paused"

    is_paused = fields.Boolean(
        string="Paused",
        copy=False,
        tracking=True,
        help="The channel keeps the number it has; nothing new is sent, lower numbers "
        "neither.",
    )
    paused_at = fields.Datetime("Paused Since", readonly=True, copy=False)
    paused_by_id = fields.Many2one(
        "res.users", "Paused by", readonly=True, copy=False, ondelete="restrict"
    )
    pause_reason = fields.Char("Paused Because", copy=False)

    @api.model_create_multi
    def create(self, vals_list):
        if self.env.su:
            return super().create(vals_list)
        # Said outright, or the context of whoever calls could bring it as a default.
        going = dict.fromkeys(("is_paused", *NOTE_FIELDS), False)
        if any(vals.get(name) for vals in vals_list for name in going):
            raise AccessError(self._pause_by_step())
        return super().create([{**vals, **going} for vals in vals_list])

    def write(self, vals):
        """Pause and resume by the same rules, whoever writes it and however."""
        if not {"is_paused", *NOTE_FIELDS} & vals.keys():
            return super().write(vals)
        if not self.env.su and {"paused_at", "paused_by_id"} & vals.keys():
            raise AccessError(self._pause_by_step())
        if "is_paused" not in vals:
            if not self.env.su:
                raise AccessError(self._pause_by_step())
            return super().write(vals)
        target = bool(vals["is_paused"])
        changing = self.filtered(lambda one: one.is_paused != target)
        if not self.env.su:
            changing._check_may_pause(target, vals.get("pause_reason"))
        note = self._pause_note(target, vals.get("pause_reason"))
        others = {name: value for name, value in vals.items() if name not in note}
        result = super().write(others)
        before = changing._pauses()
        # An operator may pause what only a manager may change otherwise.
        super(StockChannelPausable, changing.sudo()).write(
            {**note, "is_paused": target}
        )
        changing._note_paused(target, note["pause_reason"], before)
        return result

    def _pauses(self):
        return {
            record_sudo.id: {
                "is_paused": record_sudo.is_paused,
                "pause_reason": record_sudo.pause_reason,
            }
            for record_sudo in self.sudo()
        }

    def _note_paused(self, target, reason, before):
        """Write down who paused it and why, and publish anew what goes on.

        :param before: what ``_pauses`` said before it.
        """
        paused_sudo = self.sudo()
        for one_sudo in paused_sudo:
            known = before[one_sudo.id]
            self.env["stock.channel.audit"]._log(
                one_sudo,
                "paused" if target else "resumed",
                values={one_sudo.id: (known, {"is_paused": target})},
                reason=reason or known["pause_reason"],
            )
        if not target:
            paused_sudo._paused_rows()._forget(is_same=True)
            dirty = self.env["stock.channel.dirty"]
            dirty._log_listings(paused_sudo._paused_listings(), "first")

    def _pause_note(self, is_paused, reason):
        if not is_paused:
            return {**NO_NOTE, "is_paused": False}
        return {
            "is_paused": True,
            "paused_at": self.env.cr.now(),
            "paused_by_id": self.env.uid,
            "pause_reason": reason or False,
        }

    def _check_may_pause(self, target, reason):
        """Refuse who may not, and a pause that says nothing.

        :raise AccessError: for the person.
        :raise UserError: without a reason to pause.
        """
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        if target:
            if not (reason or "").strip():
                raise UserError(self.env._("Say in a few words why it is paused."))
            return
        is_manager = self.env.user.has_group(MANAGER)
        foreign_sudo = self.sudo().filtered(
            lambda one: one.paused_by_id.id != self.env.uid
        )
        if foreign_sudo and not is_manager:
            raise AccessError(
                self.env._(
                    "%(what)s was paused by %(who)s; they or a manager let it go on.",
                    what=", ".join(foreign_sudo.mapped("display_name")),
                    who=", ".join(foreign_sudo.paused_by_id.mapped("name"))
                    or self.env._("somebody else"),
                )
            )

    def _pause_by_step(self):
        return self.env._("Use Pause and Resume; who and when are noted by themselves.")

    def _pause(self, reason):
        """Keep the channel's numbers as they are until it is resumed.

        :param str reason: why, for whoever finds it.
        """
        self._check_may_pause(True, reason)
        self.sudo().write({"is_paused": True, "pause_reason": reason.strip()})

    def action_resume(self):
        """Publish everything of it anew, whatever happened meanwhile."""
        self._check_may_pause(False, None)
        self.sudo().write({"is_paused": False})

    def action_pause(self):
        """Ask why, then pause."""
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Pause"),
            "res_model": "stock.channel.pause.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_res_model": self._name,
                "default_res_ids": self.ids,
            },
        }


class StockChannelListingPausable(models.Model):
    _name = "stock.channel.listing"
    _inherit = ["stock.channel.listing", "stock.channel.pausable"]

    def _paused_rows(self):
        return (
            self.env["stock.channel.publication"]
            .sudo()
            .search([("listing_id", "in", self.ids)])
        )

    def _paused_listings(self):
        return self


class StockChannelLocationPausable(models.Model):
    _name = "stock.channel.location"
    _inherit = ["stock.channel.location", "stock.channel.pausable"]

    def _paused_rows(self):
        return self._told_rows()

    def _paused_listings(self):
        return self.channel_id._all_listings()


class StockChannelPause(models.Model):
    """The channel's own pause, and the paused locations where numbers are chosen."""

    _inherit = "stock.channel"

    paused_at = fields.Datetime("Paused Since", readonly=True, copy=False)
    paused_by_id = fields.Many2one(
        "res.users", "Paused by", readonly=True, copy=False, ondelete="restrict"
    )
    pause_reason = fields.Char("Paused Because", readonly=True, copy=False)
    paused_part_count = fields.Integer(
        "Paused Parts", compute="_compute_paused_part_count", compute_sudo=True
    )

    def _compute_paused_part_count(self):
        counts = {channel.id: 0 for channel in self}
        for model in ("stock.channel.location", "stock.channel.listing"):
            for channel, count in self.env[model]._read_group(
                [("channel_id", "in", self.ids), ("is_paused", "=", True)],
                ["channel_id"],
                ["__count"],
            ):
                counts[channel.id] += count
        for channel in self:
            channel.paused_part_count = counts[channel.id]

    def _update_state(self, target):
        """Note since when and why it is paused, and that it is over."""
        before = {channel.id: channel.state for channel in self}
        result = super()._update_state(target)
        for channel in self.filtered(lambda one: before[one.id] != one.state):
            if target == "paused":
                channel._note_pause()
            elif before[channel.id] == "paused":
                channel._note_resume(target)
        return result

    def _note_pause(self):
        self.sudo().write(
            {"paused_at": self.env.cr.now(), "paused_by_id": self.env.uid}
        )
        self.env["stock.channel.audit"]._log(
            self,
            "paused",
            values={self.id: ({"state": "live"}, {"state": "paused"})},
            reason=self.pause_reason,
        )

    def _note_resume(self, target):
        self.env["stock.channel.audit"]._log(
            self,
            "resumed" if target == "live" else "state",
            values={self.id: ({"state": "paused"}, {"state": target})},
            reason=self.pause_reason,
        )
        self.sudo().write(NO_NOTE)

    def _pause(self, reason):
        """Pause the whole channel, with a reason."""
        self.check_access("write")
        if not (reason or "").strip():
            raise UserError(self.env._("Say in a few words why it is paused."))
        self.sudo().pause_reason = reason.strip()
        self.action_pause()

    def action_ask_pause(self):
        """Ask why, then pause the channel."""
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Pause"),
            "res_model": "stock.channel.pause.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_res_model": self._name, "default_res_ids": self.ids},
        }

    # -------------------------------------------------------- paused locations

    def _unless_paused(self, condition):
        """Return ``condition`` where ``row`` is not of a paused location.

        What is archived, the ``listing``, is told zero all the same. Asked within the
        statement, once for all its rows: publishing asks many times a minute.
        """
        self.env["stock.channel.location"].flush_model(["is_paused"])
        return SQL(
            """
            %s AND NOT (listing.active AND row.channel_location_id = ANY(ARRAY(
                SELECT place.id
                  FROM stock_channel_location AS place
                 WHERE place.channel_id = %s AND place.is_paused AND place.active)))
            """,
            condition,
            self.id,
        )

    def _may_go(self):
        return self._unless_paused(super()._may_go())

    def _due_query(self):
        return self._unless_paused(super()._due_query())

    def _readable_rows(self):
        return self._unless_paused(super()._readable_rows())

    def _is_any_pending(self, condition):
        return super()._is_any_pending(self._unless_paused(condition))
