import json

from odoo import models

from ..connectors.facts import Field, Key, facts_from_json
from .quantities import plain

CONFLICT_PREFIX = "order:{}:conflict:"


class StockChannelConflict(models.Model):
    """What the channel and people here have changed, each to something else."""

    _inherit = "stock.channel.order"

    def _tell_of_conflicts(self, conflicts, refused):
        """Open an exception for each conflict, and close those that are over."""
        exceptions = self.env["stock.channel.exception"]
        told = set()
        for conflict in conflicts:
            fingerprint = self._conflict_fingerprint(conflict.key)
            told.add(fingerprint)
            exceptions._open(
                self.channel_id,
                category="data",
                fingerprint=fingerprint,
                channel_order_id=self.id,
                **self._prepare_conflict(conflict, conflict in refused),
            )
        over_sudo = exceptions.sudo().search(
            [
                ("channel_order_id", "=", self.id),
                ("state", "=", "open"),
                ("fingerprint", "=like", f"{CONFLICT_PREFIX.format(self.id)}%"),
                ("fingerprint", "not in", list(told)),
            ]
        )
        if over_sudo:
            exceptions._resolve_fingerprints(
                self.channel_id, over_sudo.mapped("fingerprint")
            )

    def _conflict_fingerprint(self, key):
        return f"{CONFLICT_PREFIX.format(self.id)}{key.field.value}:{key.id}"

    def _prepare_conflict(self, conflict, is_late):
        subject, is_line = self._conflict_subject(conflict.key)
        values = {
            "before": self._conflict_text(conflict.key, conflict.before),
            "theirs": self._conflict_text(conflict.key, conflict.after),
            "ours": self._conflict_text(conflict.key, conflict.here),
        }
        what = self._conflict_names()[conflict.key.field]
        names = {"what": what, "order": self.name, "line": subject}
        if is_line:
            title = self.env._("%(order)s, %(line)s: %(what)s changed", **names)
        else:
            title = self.env._("%(order)s: %(what)s changed", **names)
        if is_late:
            cause = self.env._(
                "The channel changed it from %(before)s to %(theirs)s. It was too late "
                "to follow by itself: goods are picked, shipped or invoiced.",
                **values,
            )
        else:
            cause = self.env._(
                "The channel changed it from %(before)s to %(theirs)s, and somebody "
                "here to %(ours)s.",
                **values,
            )
        return {
            "title": title,
            "cause": cause,
            "next_step": self.env._(
                "Change the sale order, its delivery or the order at the channel so "
                "that both agree, then press Retry. Press Ignore to leave it as it is "
                "here. Everything else of the order was applied."
            ),
            "field": conflict.key.field.value,
            "value": values["theirs"],
            "expected_value": values["ours"],
        }

    def _conflict_names(self):
        """Return what people call the fields."""
        return {
            Field.ITEM: self.env._("item"),
            Field.QUANTITY: self.env._("quantity"),
            Field.PRICE: self.env._("price"),
            Field.DISCOUNT: self.env._("discount in percent"),
            Field.TAX: self.env._("tax in percent"),
            Field.LOCATION: self.env._("location it ships from"),
            Field.SHIPPING: self.env._("delivery charge"),
            Field.SHIPPING_TAX: self.env._("tax of the delivery charge in percent"),
            Field.ADDRESS: self.env._("delivery address"),
            Field.REFERENCE: self.env._("payment reference"),
        }

    def _conflict_subject(self, key):
        """Return (what the conflict is about, whether that is a line)."""
        if key.field == Field.QUANTITY:
            return self.line_ids.browse(int(key.id)).sku, True
        line = self._active_lines().filtered(lambda line: line.external_id == key.id)
        return line.sku, bool(line)

    def _conflict_text(self, key, value):
        """Return a value as a person writes it."""
        if value is None or value == "":
            return self.env._("nothing")
        if key.field == Field.ADDRESS:
            return self._address_text(value)
        if key.field == Field.TAX and value == -1:
            return self.env._("other taxes")
        return value if isinstance(value, str) else plain(value)

    def _address_text(self, value):
        try:
            parts = json.loads(value)
        except ValueError:
            return ", ".join(filter(None, value.splitlines()))
        order = ("name", "street", "street2", "zip", "city", "state", "country")
        return ", ".join(filter(None, (parts.get(name) for name in order)))

    def _keep_ours(self, fingerprint):
        """Leave a fact as it is here: the channel's change of it is done with."""
        field_name, ref = fingerprint.removeprefix(
            CONFLICT_PREFIX.format(self.id)
        ).split(":", 1)
        key = Key(Field(field_name), ref)
        if key.field == Field.QUANTITY:
            line = self.line_ids.browse(int(ref))
            line.applied_qty = line._wanted_qty()
            line._log_dirty()
            # What is ordered less of here than there will never leave.
            self._settle_cancelled(self.env._("The quantity was lowered."))
            return
        if not self.applied_snapshot:
            return
        applied = facts_from_json(self.applied_snapshot["applied"])
        seen = facts_from_json(self.applied_snapshot["seen"])
        applied.pop(key, None)
        if key in seen:
            applied[key] = seen[key]
        self._keep_facts(applied, seen)


class StockChannelExceptionConflict(models.Model):
    _inherit = "stock.channel.exception"

    def _conflicts(self):
        return self.filtered(
            lambda e: (
                e.channel_order_id
                and e.fingerprint.startswith(
                    CONFLICT_PREFIX.format(e.channel_order_id.id)
                )
            )
        )

    def _note_ignored(self):
        """Ignoring a conflict decides it: it stays as it is here."""
        result = super()._note_ignored()
        for exception in self._conflicts():
            exception.channel_order_id._keep_ours(exception.fingerprint)
        return result
