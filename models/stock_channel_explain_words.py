"""Saying a number in words: how it comes about, what was told, what was shown."""

from odoo import models
from odoo.tools.misc import format_datetime

from .quantities import plain
from .stock_channel_freshness_report import plain_duration


class StockChannelExplainWords(models.Model):
    """The lines above the steps, for whoever reads nothing else."""

    _inherit = "stock.channel.publication"

    def _explain_now(self):
        found = super()._explain_now()
        found["words"] = {
            "summary": self._say_number(found),
            "told": self._say_told(),
            "shown": self._say_shown(),
            "next": self._say_next(),
        }
        return found

    # ------------------------------------------------------------- the number

    def _say_number(self, found, is_past=False):
        """Return the number in one sentence, from what is sellable on.

        :param dict found: what ``explain`` returns, with its steps.
        :param bool is_past: of a number the channel took long ago.
        """
        steps = {step["kind"]: step for step in found["steps"]}
        parts = found["parts"]
        if steps.get("withdrawn"):
            words = [self._say_withdrawn(found)]
        else:
            words = [self._say_sellable(found)]
            words += [
                said
                for step in found["steps"]
                if step["change"] and (said := self._say_step(step, parts))
            ]
        says = {"number": plain(parts["wire"]), "why": ", ".join(words)}
        if is_past:
            return self.env._("The channel was told %(number)s: %(why)s.", **says)
        if self.sudo().channel_id.quantity_meaning == "physical":
            return self.env._(
                "The channel should show %(number)s on the shelf: %(why)s.", **says
            )
        return self.env._("The channel may sell %(number)s: %(why)s.", **says)

    def _say_withdrawn(self, found):
        if found["parts"]["is_withdrawn"]:
            return self.env._("the listing, its location or the product is archived")
        return self.env._("the kit has no component that is counted")

    def _say_sellable(self, found):
        parts = found["parts"]
        says = {"sellable": plain(parts["sellable"]), "unit": found["unit"] or ""}
        if parts["is_kit"]:
            limiting = next((c for c in found["components"] if c["is_limiting"]), None)
            if limiting and limiting["product"]:
                return self.env._(
                    "%(sellable)s kits can be put together, held back by %(product)s",
                    product=limiting["product"]["name"],
                    **says,
                )
            return self.env._("%(sellable)s kits can be put together", **says)
        if parts["sellable"] < 0:
            return self.env._(
                "%(missing)s more is sold than is there",
                missing=plain(-parts["sellable"]),
            )
        return self.env._("%(sellable)s sellable", **says)

    def _say_step(self, step, parts):
        """Return what one step did to the number, "" if it is no rule."""
        says = {
            "change": plain(abs(step["change"])),
            "value": plain(step["value"] or 0),
            "left": plain(step["quantity"]),
        }
        said = {
            "share": lambda: self.env._(
                "of which its share is %(value)s %% (%(left)s)", **says
            ),
            "buffer": lambda: self.env._("less a buffer of %(value)s", **says),
            "buffer_percent": lambda: self.env._(
                "less a buffer of %(value)s %% (%(change)s)", **says
            ),
            "backorder": lambda: self.env._("plus %(change)s on backorder", **says),
            "cap": lambda: self.env._("capped at %(value)s", **says),
            "whole": lambda: self.env._("rounded down to whole units", **says),
            "decimals": lambda: self.env._("rounded down to three decimals", **says),
            "positive": lambda: self.env._("and never below zero", **says),
            "minimum": lambda: self.env._(
                "shown as none, for it is below the minimum of %(value)s", **says
            ),
            "own_open": lambda: self.env._(
                "plus %(change)s of its own open orders, which it takes off itself",
                **says,
            ),
        }.get(step["kind"])
        return said() if said else ""

    # --------------------------------------------------------- the channel's side

    def _say_when(self, moment):
        return format_datetime(self.env, moment, dt_format="medium")

    def _say_told(self):
        """Say what the channel took last, and how fast."""
        row = self
        if not row.acknowledged_at:
            return self.env._("The channel has taken no number of it yet.")
        says = {
            "number": plain(row.acknowledged_qty),
            "when": self._say_when(row.acknowledged_at),
        }
        log = self.env["stock.channel.publication.log"].search(
            [("publication_id", "=", row.id)], limit=1
        )
        if not log.changed_at:
            return self.env._("The channel took %(number)s on %(when)s.", **says)
        return self.env._(
            "The channel took %(number)s on %(when)s, %(age)s after the change.",
            age=plain_duration(log.freshness),
            **says,
        )

    def _say_shown(self):
        """Say what the channel showed when it was last read, and what differs."""
        row = self
        if not row.observed_at:
            return self.env._("What the channel shows has not been read back yet.")
        says = {
            "number": plain(row.observed_qty),
            "when": self._say_when(row.observed_at),
            "expected": plain(row.expected_qty),
            "off": plain(abs(row.observed_qty - row.expected_qty)),
        }
        if not row.expected_at or row.observed_at < row.expected_at:
            return self.env._("It showed %(number)s when read on %(when)s.", **says)
        if row.observed_qty == row.expected_qty:
            return self.env._(
                "It showed %(number)s when read on %(when)s, as it should.", **says
            )
        if row.observed_qty > row.expected_qty:
            return self.env._(
                "It showed %(number)s when read on %(when)s: %(off)s more than the "
                "%(expected)s it should.",
                **says,
            )
        return self.env._(
            "It showed %(number)s when read on %(when)s: %(off)s less than the "
            "%(expected)s it should.",
            **says,
        )

    def _say_next(self):
        """Say what happens next with this number, "" where nothing does."""
        row = self
        if held := row._pause_word():
            return self.env._("%s: the channel keeps the number it has.", held)
        says = {"number": plain(row.wanted_qty)}
        return {
            "pending": lambda: self.env._("%(number)s goes out next.", **says),
            "sending": lambda: self.env._("%(number)s is on its way.", **says),
            "unknown": lambda: self.env._(
                "%(number)s was sent and no answer came; the channel is read again "
                "before anything else is sent.",
                **says,
            ),
            "rejected": lambda: self.env._(
                "The channel refused %(number)s: %(why)s",
                why=row.last_error or self.env._("it gave no reason."),
                **says,
            ),
            "clean": lambda: "",
        }[row.state]()


class StockChannelExplainLogWords(models.Model):
    _inherit = "stock.channel.publication.log"

    def explain(self):
        """Return the past number with the lines that say it in words."""
        found = super().explain()
        row = self.publication_id
        found["words"] = {
            "summary": row._say_number(found, is_past=True)
            if found["is_known"]
            else "",
            "told": self._say_taken(found["acknowledged"]),
            "shown": "",
            "next": "",
        }
        return found

    def _say_taken(self, acknowledged):
        says = {
            "number": plain(acknowledged["quantity"]),
            "before": plain(acknowledged["previous"]),
            "when": self.publication_id._say_when(self.acknowledged_at),
            "age": plain_duration(acknowledged["freshness"] or 0.0),
        }
        if not acknowledged["changed_at"]:
            return self.env._(
                "The channel took %(number)s on %(when)s; before that it had "
                "%(before)s.",
                **says,
            )
        return self.env._(
            "The channel took %(number)s on %(when)s, %(age)s after the change; "
            "before that it had %(before)s.",
            **says,
        )
