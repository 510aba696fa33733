from odoo import fields, models

from .quantities import to_decimal
from .stock_channel_explain_records import ZERO, Records
from .stock_channel_explain_steps import number


class StockChannelExplainLog(models.Model):
    """Explain a past number: what was logged with it, and what moved since."""

    _inherit = "stock.channel.publication.log"

    def explain(self):
        """Return how this number came about when the channel acknowledged it.

        The records of that moment may be gone; the parts are what was logged. What
        is on hand now follows from what was on hand then by the moves in ``since``,
        and what they do not account for is its ``remainder``.

        Of a number that was overtaken on its way nobody kept the parts; then
        ``is_known`` is false and there are no steps.

        :return: JSON-able dict, like that of the publication; without lines.
        :raise AccessError: unless the user may read this entry.
        """
        self.ensure_one()
        self.check_access("read")
        log_sudo = self.sudo()
        row = self.publication_id
        row_sudo = row.sudo()
        parts = row_sudo._explain_parts(log_sudo.parts or {})
        product = row_sudo._explained_product(parts)
        differences = []
        steps = []
        if log_sudo.parts:
            rules = row_sudo._rules_in_force()
            steps = row._explain_steps(parts, product, rules, differences)
        self._check_logged(log_sudo, parts, differences)
        return {
            **row._explain_head(),
            "at": fields.Datetime.to_string(log_sudo.acknowledged_at),
            "is_found": True,
            "is_known": bool(log_sudo.parts),
            "acknowledged": {
                "quantity": number(log_sudo.quantity),
                "previous": number(log_sudo.previous_qty),
                "changed_at": fields.Datetime.to_string(log_sudo.changed_at) or None,
                "freshness": log_sudo.freshness,
                "cause": log_sudo.cause or None,
            },
            "parts": parts,
            "lines": {},
            "components": [],
            "steps": steps,
            "since": self._explain_since(log_sudo, parts, product)
            if log_sudo.parts
            else None,
            "differences": differences,
        }

    def _check_logged(self, log_sudo, parts, differences):
        """Say it when the parts are not those of the acknowledged number."""
        if not log_sudo.parts:
            differences.append(
                {
                    "part": "acknowledged",
                    "quantity": number(log_sudo.quantity),
                    "found": parts["wire"],
                    "note": self.env._(
                        "What it was made of was not kept: a newer number had been "
                        "sent before the channel answered."
                    ),
                }
            )
        elif to_decimal(log_sudo.quantity) != to_decimal(parts["wire"]):
            differences.append(
                {
                    "part": "acknowledged",
                    "quantity": number(log_sudo.quantity),
                    "found": parts["wire"],
                    "note": self.env._(
                        "The number was computed anew while it was under way; the "
                        "parts are those of the newer one."
                    ),
                }
            )

    def _explain_since(self, log_sudo, parts, product):
        """Return the moves from on hand then to on hand now."""
        row = self.publication_id
        records = Records(row.sudo().channel_location_id)
        moves = records.moves_since(product, log_sudo.acknowledged_at)
        moved = sum((move.quantity for move in moves), ZERO)
        now = records.on_hand(product) if product else ZERO
        then = to_decimal(parts["on_hand"])
        remainder = now - then - moved
        return {
            "product": row._reference(product) if product else None,
            "on_hand_then": number(then),
            "lines": row._entry_lines(moves, product.uom_id, is_sorted=True),
            "moved": number(moved),
            "remainder": {
                "quantity": number(remainder),
                "note": self.env._(
                    "Not by moves: changed conditions, owners, lots or maps, lots "
                    "that expired, or stock written without a move."
                )
                if remainder
                else "",
            },
            "on_hand_now": number(now),
        }
