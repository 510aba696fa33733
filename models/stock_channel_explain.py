import math
from contextlib import closing
from decimal import Decimal

from odoo import fields, models
from odoo.exceptions import UserError

from .quantities import plain, to_decimal
from .stock_channel_explain_records import ZERO, Records
from .stock_channel_explain_steps import (
    NOISE,
    NUMBERS,
    SIGNS,
    STOCK_PARTS,
    Steps,
    number,
    rounded,
)

OTHER_PARTS = ("is_kit", "is_withdrawn", "limiting_product_id")
# Records shown behind one part; what is beyond them is one line.
MOST_LINES = 200


class StockChannelExplain(models.Model):
    """Explain this number: now, and at any moment it was acknowledged.

    Nothing is written: whatever the computing itself would note on the way is taken
    back. Quantities are floats of at most six decimals; added as decimals the lines
    of a part are that part, and where they are not, ``differences`` says so.
    """

    _inherit = "stock.channel.publication"

    def explain(self, at=None):
        """Return how this number comes about, with the records behind every part.

        The sums are complete whoever asks; records the user may not open stand there
        without a name.

        :param at: a moment, naive UTC; then the number that was in force is
            explained, from what was logged with it.
        :return: JSON-able dict of the listing, the ``ledger``, the ``parts``, the
            ``lines`` behind each part, the ``steps`` and the ``differences``.
        :raise AccessError: unless the user may read this publication.
        :raise UserError: when ``at`` is no moment.
        """
        self.ensure_one()
        self.check_access("read")
        if at:
            return self._explain_at(self._moment(at))
        # Computing a kit may note that its recipe is broken, or is no more.
        with closing(self.env.cr.savepoint()):
            return self._explain_now()

    def _moment(self, at):
        try:
            return fields.Datetime.to_datetime(at)
        except (TypeError, ValueError) as error:
            raise UserError(
                self.env._("%s is no moment, like 2026-11-30 18:00:00.", at)
            ) from error

    def _explain_at(self, moment):
        """Explain the number the channel had taken last at that moment."""
        log = self.env["stock.channel.publication.log"].search(
            [("publication_id", "=", self.id), ("acknowledged_at", "<=", moment)],
            limit=1,
        )
        if log:
            return log.explain()
        return {
            **self._explain_head(),
            "at": fields.Datetime.to_string(moment),
            "is_found": False,
            "message": self.env._(
                "The channel had acknowledged no number of this listing by then."
            ),
        }

    def _explain_now(self):
        row_sudo = self.sudo()
        parts = row_sudo._explain_parts(row_sudo._computed_parts())
        product = row_sudo._explained_product(parts)
        rules = row_sudo._rules_in_force()
        horizon = float(parts["rules"].get("horizon", 0.0))
        records = Records(row_sudo.channel_location_id, horizon)
        differences = []
        lines = self._explain_lines(records, product, parts, differences)
        steps = self._explain_steps(parts, product, rules, differences)
        return {
            **self._explain_head(),
            "at": fields.Datetime.to_string(self.env.cr.now()),
            "is_found": True,
            "ledger": self._explain_ledger(),
            "parts": parts,
            "lines": lines,
            "components": self._explain_components(records, parts, differences),
            "steps": steps,
            "differences": differences,
        }

    # ------------------------------------------------------------------ head

    def _explain_head(self):
        row_sudo = self.sudo()
        return {
            "publication_id": self.id,
            "listing": self._reference(row_sudo.listing_id),
            "location": self._reference(row_sudo.channel_location_id),
            "channel": self._reference(row_sudo.channel_id),
            "product": self._reference(row_sudo.listing_id.product_id),
            "unit": row_sudo.uom_id.name,
            "product_unit": row_sudo.listing_id.product_id.uom_id.name,
        }

    def _explain_ledger(self):
        """Return what is stored: wanted, sent, acknowledged, expected, observed."""
        row_sudo = self.sudo()
        ledger = {"state": row_sudo.state, "cause": row_sudo.cause or None}
        for name in ("wanted", "sent", "acknowledged", "expected", "observed"):
            at = row_sudo[f"{name}_at"]
            ledger[name] = {
                "quantity": number(row_sudo[f"{name}_qty"]) if at else None,
                "at": fields.Datetime.to_string(at) if at else None,
            }
        changed_at = row_sudo.changed_at
        ledger["changed_at"] = fields.Datetime.to_string(changed_at) or None
        return ledger

    # ----------------------------------------------------------------- parts

    def _computed_parts(self):
        """Return the parts as the hub computes them now, {} when it would not."""
        rows = self.env["stock.channel.availability"]._compute_numbers(self.listing_id)
        for row in rows:
            if row["channel_location_id"] == self.channel_location_id.id:
                return {"is_withdrawn": self._is_withdrawn(), **row}
        return {}

    def _is_withdrawn(self):
        return not (
            self.listing_id.active
            and self.channel_location_id.active
            and self.listing_id.product_id.active
        )

    def _explain_parts(self, found):
        """Return computed or logged parts under the names the ledger uses.

        Numbers logged before a part was known lack it; then it was zero, except for
        the factor between the units, which is worked out from them.
        """
        parts = {name: number(found.get(name) or 0.0) for name in NUMBERS}
        parts["per_unit"] = float(found.get("per_unit") or 1.0)
        parts["factor"] = float(found.get("factor") or self._unit_factor())
        parts.update({name: found.get(name) or False for name in OTHER_PARTS})
        parts["rules"] = {
            kind: number(value) for kind, value in (found.get("rules") or {}).items()
        }
        return parts

    def _unit_factor(self):
        """Return how many selling units one unit of the product is."""
        return self.listing_id.product_id.uom_id.factor / self.listing_id.uom_id.factor

    def _explained_product(self, parts):
        """Return whose stock the parts are: the limiting component of a kit."""
        products = self.env["product.product"].with_context(active_test=False)
        if parts["is_kit"]:
            return products.browse(parts["limiting_product_id"] or ()).exists()
        return self.listing_id.product_id

    # ----------------------------------------------------------------- lines

    def _explain_lines(self, records, product, parts, differences):
        """Return part → the records behind it, adding up to the part."""
        found = records.parts(product) if product else {}
        lines = {
            part: self._part_lines(
                part, found.get(part, []), parts[part], product.uom_id, differences
            )
            for part in STOCK_PARTS
        }
        lines["own_open"] = self._part_lines(
            "own_open",
            records.own_open(self.sudo().listing_id),
            parts["own_open"],
            self.sudo().uom_id,
            differences,
        )
        return lines

    def _part_lines(self, part, entries, quantity, uom, differences):
        """Return one part's lines; what they leave over is a difference."""
        left = to_decimal(quantity) - sum((e.quantity for e in entries), ZERO)
        if entries and abs(left) <= NOISE * len(entries):
            # Thirds of a unit: the part was rounded once, the lines one by one.
            max(entries, key=lambda entry: abs(entry.quantity)).quantity += left
        elif left:
            differences.append(
                {
                    "part": part,
                    "quantity": number(quantity),
                    "found": number(to_decimal(quantity) - left),
                    "note": self.env._(
                        "%(left)s of it is behind none of the records found. Stock "
                        "may have changed while this was read; look again.",
                        left=plain(left),
                    ),
                }
            )
        # What comes is told by its date, what is there by its size.
        return self._entry_lines(entries, uom, is_sorted=part == "incoming")

    def _entry_lines(self, entries, uom, is_sorted=False):
        """Return entries as lines: the largest ones, and one line for the rest."""
        if len(entries) > MOST_LINES or not is_sorted:
            largest = sorted(entries, key=lambda e: -abs(e.quantity))
        else:
            largest = entries
        shown, rest = largest[:MOST_LINES], largest[MOST_LINES:]
        if is_sorted:
            kept = {id(entry) for entry in shown}
            shown = [entry for entry in entries if id(entry) in kept]
        readable = self._readable(shown)
        lines = [self._entry_line(entry, uom, readable) for entry in shown]
        if rest:
            lines.append(
                {
                    "model": None,
                    "id": None,
                    "name": self.env._("and %s more", len(rest)),
                    "quantity": number(sum(entry.quantity for entry in rest)),
                    "unit": uom.name,
                    "note": "",
                    "document": None,
                }
            )
        return lines

    def _entry_line(self, entry, uom, readable):
        # A line's own name tells the document's, so both must be theirs to read.
        is_open = all(
            (record._name, record.id) in readable
            for record in (entry.record, entry.document)
            if record
        )
        return {
            "model": entry.record._name,
            "id": entry.record.id if is_open else None,
            "name": entry.name() if is_open else self._withheld(),
            "quantity": number(entry.quantity),
            "unit": uom.name,
            "note": entry.note() if is_open else "",
            "document": self._named(entry.document, readable) if is_open else None,
        }

    # ---------------------------------------------------------------- rights

    def _readable(self, entries):
        """Return (model, id) of the records that the asking user may read."""
        ids = {}
        for entry in entries:
            for record in (entry.record, entry.document):
                if record:
                    ids.setdefault(record._name, set()).add(record.id)
        return {
            (model, record.id)
            for model, found in ids.items()
            for record in self.env[model].browse(found)._filtered_access("read")
        }

    def _withheld(self):
        return self.env._("A record you may not open")

    def _reference(self, record_sudo):
        """Return model, id and name of a record, the last two if it may be read."""
        record = self.env[record_sudo._name].browse(record_sudo.id)
        readable = {(r._name, r.id) for r in record._filtered_access("read")}
        return self._named(record_sudo, readable)

    def _named(self, record_sudo, readable):
        if not record_sudo:
            return None
        is_open = (record_sudo._name, record_sudo.id) in readable
        return {
            "model": record_sudo._name,
            "id": record_sudo.id if is_open else None,
            "name": record_sudo.display_name if is_open else self._withheld(),
        }

    # ------------------------------------------------------------------ kits

    def _explain_components(self, records, parts, differences):
        """Return per component what is free and how many kits that allows."""
        if not parts["is_kit"]:
            return []
        components = []
        for product, per_unit in self._recipe():
            found = records.parts(product)
            sums = {
                part: sum((e.quantity for e in found[part]), ZERO)
                for part in STOCK_PARTS
            }
            free = sum((SIGNS[part] * sums[part] for part in SIGNS), ZERO)
            kits = math.floor(rounded(free / per_unit))
            components.append(
                {
                    "product": self._reference(product),
                    "unit": product.uom_id.name,
                    "per_unit": float(per_unit),
                    **{part: number(sums[part]) for part in STOCK_PARTS},
                    "free": number(free),
                    "kits": kits,
                    "is_limiting": product.id == parts["limiting_product_id"],
                }
            )
        scarcest = min((c["kits"] for c in components), default=0)
        for component in components:
            if component["is_limiting"] and component["kits"] != scarcest:
                differences.append(
                    {
                        "part": "limiting_product_id",
                        "quantity": component["kits"],
                        "found": scarcest,
                        "note": self.env._("Another component is scarcer by now."),
                    }
                )
        return components

    def _recipe(self):
        """Return (component, how many of it one unit of the product takes)."""
        row_sudo = self.sudo()
        rows = self.env["stock.channel.availability"]._kit_components(
            row_sudo.listing_id
        )
        products = row_sudo.env["product.product"]
        return [
            (products.browse(product_id), Decimal(repr(float(quantity))))
            for _listing, product_id, quantity in rows
            if product_id
        ]

    # ----------------------------------------------------------------- steps

    def _explain_steps(self, parts, product, rules, differences):
        """Return the steps from on hand to the wire number.

        Each step that has a ``change`` is the one before plus that; a step without
        one changes the unit, by its ``value``.

        :param rules: kind → record of the rules in force, to name them.
        """
        steps = Steps(self, parts, product, rules)
        steps.stock()
        self._meets("sellable", parts["sellable"], steps.sellable(), differences)
        self._meets("published", parts["published"], steps.rules(), differences)
        self._meets("wire", parts["wire"], steps.wire(), differences)
        return steps.steps

    def _rule_steps(self, logged):
        """Return what each rule behind a number took or added, to show it.

        :param dict logged: parts as the ledger has them; older ones lack rules.
        :return: list of dicts of ``kind``, ``name``, ``sign``, ``change`` and
            ``hint``; empty without rules.
        """
        self.ensure_one()
        if not logged.get("rules"):
            return []
        parts = self.sudo()._explain_parts(logged)
        steps = Steps(self, parts, self.product_id, {})
        steps.begin_with(parts["sellable"])
        steps.rules()
        return [
            {
                "kind": step["kind"],
                "name": step["name"],
                "sign": "+" if step["change"] > 0 else "−",
                "change": abs(step["change"]),
                "hint": self.env._("Rule: %s", plain(step["value"])),
            }
            for step in steps.steps
            if step["value"] is not None
        ]

    def _meets(self, part, quantity, found, differences):
        if to_decimal(quantity) != found:
            differences.append(
                {
                    "part": part,
                    "quantity": number(quantity),
                    "found": number(found),
                    "note": self.env._(
                        "The steps come to %s. What they start from was not written "
                        "down in full.",
                        plain(found),
                    ),
                }
            )

    def _rules_in_force(self):
        """Return kind → the most specific rule that has not expired."""
        if "stock.channel.rule" not in self.env:
            return {}
        found = self.env["stock.channel.rule"].search(
            [
                ("channel_id", "=", self.channel_id.id),
                ("channel_location_id", "in", (False, self.channel_location_id.id)),
                ("listing_id", "in", (False, self.listing_id.id)),
                "|",
                ("expires_at", "=", False),
                ("expires_at", ">", self.env.cr.now()),
            ]
        )
        ordered = found.sorted(
            lambda rule: (bool(rule.listing_id), bool(rule.channel_location_id))
        )
        return {rule.kind: rule for rule in ordered}
