"""The records behind each part of a number, as the statement counts them.

Every method says in Python what ``stock.channel.availability`` says in SQL, for one
product at one channel location. The two are written apart on purpose: where they
differ, ``explain`` says so instead of making them agree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from odoo import fields
from odoo.fields import Domain
from odoo.tools import SQL, format_datetime

from .quantities import to_decimal

ZERO = Decimal(0)
CLOSED = ("done", "cancel")
INCOMING_STATES = ("waiting", "confirmed", "partially_available", "assigned")
INCOMING_USAGES = ("supplier", "transit", "production", "internal", "view")


@dataclass
class Entry:
    """One record and how much of a part it accounts for.

    :param record: what a person would open to see it.
    :param Decimal quantity: in the unit of the part.
    :param name: called only for the entries that are shown.
    :param document: the transfer, production or order behind the record.
    """

    record: Any
    quantity: Decimal
    name: Callable[[], str]
    note: Callable[[], str] = lambda: ""
    document: Any = None


def joined(*texts):
    """Return the texts that say something, each once."""
    return " · ".join(dict.fromkeys(text for text in texts if text))


def document_of(move):
    """Return what a person would call this move by: its transfer or production."""
    return (
        move.picking_id
        or move.raw_material_production_id
        or move.production_id
        or move.sale_line_id.order_id
    )


def origin_of(move):
    return move.sale_line_id.order_id.name or move.origin or ""


class Records:
    """What stands behind the numbers of one channel location.

    :param place_sudo: the channel location, with elevated rights: the sums must
        add up whoever asks. Names are withheld later, not quantities.
    :param horizon: days ahead in which receipts count as incoming.
    """

    def __init__(self, place_sudo, horizon=0):
        self.place = place_sudo.with_context(active_test=False)
        self.env = self.place.env
        self.channel = self.place.channel_id
        self.company = self.channel.company_id
        self.now = self.env.cr.now()
        self.horizon = horizon
        roots = self.place.location_ids
        self.roots = [root.parent_path for root in roots]
        self.leaves = self.env["stock.location"].search(
            Domain("id", "child_of", roots.ids)
            & Domain("usage", "=", "internal")
            & Domain("company_id", "in", (False, self.company.id))
        )
        self.leaf_ids = set(self.leaves.ids)
        self._reasons = {}

    # --------------------------------------------------------------- places

    def is_inside(self, location):
        """Return whether this is a mapped location or one below it."""
        return any(location.parent_path.startswith(root) for root in self.roots)

    def is_above(self, location):
        return any(root.startswith(location.parent_path) for root in self.roots)

    def is_counted(self, location, lot, owner):
        """Return whether goods lying so are on hand here."""
        return location.id in self.leaf_ids and not self.reasons(location, lot, owner)

    def reasons(self, location, lot, owner):
        """Return why goods lying so may not be sold, [] when they may."""
        key = (location, lot, owner)
        if key not in self._reasons:
            self._reasons[key] = [
                reason
                for reason in (
                    self._location_reason(location),
                    self._owner_reason(owner),
                    self._lot_reason(lot),
                    self._expiry_reason(lot),
                )
                if reason
            ]
        return self._reasons[key]

    def _location_reason(self, location):
        condition = location.effective_stock_condition
        if condition == "sellable":
            return ""
        said_by = location
        while said_by.location_id and not said_by.stock_condition:
            said_by = said_by.location_id
        return self.env._(
            "%(condition)s: condition of %(location)s",
            condition=self._condition_name(location, "effective_stock_condition"),
            location=said_by.complete_name,
        )

    def _owner_reason(self, owner):
        if not owner or owner == self.company.partner_id:
            return ""
        return self.env._("Belongs to %s", owner.display_name)

    def _lot_reason(self, lot):
        condition = "stock_condition" in lot._fields and lot.stock_condition
        if not condition or condition == "sellable":
            return ""
        return self.env._(
            "%(condition)s: lot %(lot)s",
            condition=self._condition_name(lot, "stock_condition"),
            lot=lot.name,
        )

    def _condition_name(self, record, name):
        labels = dict(record._fields[name]._description_selection(self.env))
        return labels[record[name]]

    def _expiry_reason(self, lot):
        if not lot or not lot.product_id.use_expiration_date:
            return ""
        if lot.removal_date and lot.removal_date <= self.now:
            return self.env._(
                "Lot %(lot)s was to be removed on %(date)s",
                lot=lot.name,
                date=fields.Date.to_string(lot.removal_date),
            )
        ends = lot.expiration_date or lot.removal_date
        days = 0
        if "minimum_shelf_life" in self.channel._fields:
            days = self.channel.minimum_shelf_life
        if not ends or ends > self.now + timedelta(days=days):
            return ""
        if ends <= self.now:
            return self.env._(
                "Lot %(lot)s expired on %(date)s",
                lot=lot.name,
                date=fields.Date.to_string(ends),
            )
        return self.env._(
            "Lot %(lot)s expires on %(date)s, sooner than %(days)s days from now",
            lot=lot.name,
            date=fields.Date.to_string(ends),
            days=days,
        )

    # ---------------------------------------------------------------- parts

    def parts(self, product):
        """Return part → list of ``Entry``, for one product in its own unit."""
        quants = self._quants(product)
        usable = quants.filtered(lambda quant: not self._quant_reasons(quant))
        return {
            "on_hand": [self._quant_entry(quant) for quant in usable],
            "unavailable": [self._quant_entry(quant) for quant in quants - usable],
            "reserved": self._reserved(product, usable),
            "owed": self._owed(product),
            "in_flight": self._in_flight(product),
            "incoming": self._incoming(product),
        }

    def on_hand(self, product):
        """Return how much is on hand now."""
        return sum(
            (
                to_decimal(quant.quantity)
                for quant in self._quants(product)
                if not self._quant_reasons(quant)
            ),
            ZERO,
        )

    def _quants(self, product):
        return self.env["stock.quant"].search(
            [("product_id", "=", product.id), ("location_id", "in", self.leaves.ids)]
        )

    def _quant_reasons(self, quant):
        return self.reasons(quant.location_id, quant.lot_id, quant.owner_id)

    def _quant_entry(self, quant):
        return Entry(
            record=quant,
            quantity=to_decimal(quant.quantity),
            name=lambda: joined(
                quant.location_id.complete_name,
                quant.lot_id.name,
                quant.package_id.name,
                quant.owner_id.display_name,
            ),
            note=lambda: joined(*self._quant_reasons(quant)),
        )

    def _reserved(self, product, usable):
        """Split what the usable quants have reserved by the lines that reserve it.

        Odoo keeps the two apart and clamps the quant's at zero, so they can differ;
        what no line accounts for is an entry of its own, of either sign.
        """
        if not product.is_storable:
            return []
        lines = self.env["stock.move.line"].search(
            [
                ("product_id", "=", product.id),
                ("location_id", "in", self.leaves.ids),
                ("state", "not in", CLOSED),
                ("quantity_product_uom", "!=", 0),
            ]
        )
        entries, left = [], {}
        for quant in usable:
            key = self._key(quant)
            left[key] = left.get(key, ZERO) + to_decimal(quant.reserved_quantity)
        for line in lines:
            if self.is_counted(line.location_id, line.lot_id, line.owner_id):
                entry = self._line_entry(line)
                key = self._key(line)
                left[key] = left.get(key, ZERO) - entry.quantity
                entries.append(entry)
        return entries + [
            self._remainder_entry(key, quantity)
            for key, quantity in left.items()
            if quantity
        ]

    @staticmethod
    def _key(record):
        """Return what ties a reservation to its quants."""
        return (record.location_id, record.lot_id, record.package_id, record.owner_id)

    def _line_entry(self, line):
        move = line.move_id
        return Entry(
            record=line,
            quantity=to_decimal(line.quantity_product_uom),
            name=lambda: move.reference or line.reference or line.display_name,
            note=lambda: joined(
                origin_of(move), line.location_id.complete_name, line.lot_id.name
            ),
            document=document_of(move) or line.picking_id,
        )

    def _remainder_entry(self, key, quantity):
        location, lot, package, owner = key
        return Entry(
            record=location,
            quantity=quantity,
            name=lambda: self.env._("Reserved without a document"),
            note=lambda: joined(
                location.complete_name, lot.name, package.name, owner.display_name
            ),
        )

    # --------------------------------------------------------------- demand

    def _owed(self, product):
        """Confirmed demand that nothing is reserved for, by move."""
        moves = self.env["stock.move"].search(
            [
                ("product_id", "=", product.id),
                ("state", "in", ("confirmed", "partially_available")),
            ]
        )
        entries = []
        for move in moves:
            source, target = self._ends(move)
            takes = self.is_inside(source) or self.is_above(source)
            if not takes or self.is_inside(target) or self._waits_for_origin(move):
                continue
            reserved = sum(
                (to_decimal(line.quantity_product_uom) for line in move.move_line_ids),
                ZERO,
            )
            missing = to_decimal(move.product_qty) - reserved
            if missing > 0:
                entries.append(self._move_entry(move, missing))
        return entries

    def _incoming(self, product):
        """Receipts expected within the horizon, by move."""
        if self.horizon <= 0:
            return []
        moves = self.env["stock.move"].search(
            [
                ("product_id", "=", product.id),
                ("state", "in", INCOMING_STATES),
                ("date", "<=", self.now + timedelta(days=self.horizon)),
                ("location_id.usage", "in", INCOMING_USAGES),
            ],
            order="date, id",
        )
        entries = []
        for move in moves:
            source, target = self._ends(move)
            is_wanted = (
                target.id in self.leaf_ids
                and target.effective_stock_condition == "sellable"
            )
            if is_wanted and not (
                self.is_inside(source) or self._waits_for_origin(move)
            ):
                entries.append(
                    self._move_entry(
                        move,
                        to_decimal(move.product_qty),
                        self.env._("Expected on %s", fields.Date.to_string(move.date)),
                    )
                )
        return entries

    def _ends(self, move):
        return move.location_id, move.location_final_id or move.location_dest_id

    def _waits_for_origin(self, move):
        """Return whether the goods come from another move, not from stock."""
        return any(origin.state not in CLOSED for origin in move.move_orig_ids)

    def _move_entry(self, move, quantity, note=""):
        return Entry(
            record=move,
            quantity=quantity,
            name=lambda: move.reference or move.display_name,
            note=lambda: joined(note, origin_of(move)),
            document=document_of(move),
        )

    # -------------------------------------------------------- channel orders

    def _in_flight(self, product):
        """Channel orders not taken over yet, from shelves that overlap with ours."""
        entries = []
        for line in self._lines_in_flight(product):
            if not line.listing_id or not self._overlaps(line.channel_location_id):
                continue
            taken = line._components(line.in_flight_qty).get(product.id)
            if taken:
                entries.append(
                    self._order_entry(line, to_decimal(taken), is_in_flight=True)
                )
        return entries

    def _lines_in_flight(self, product):
        """Return the lines in flight that may take this product, and some more.

        Those of listings made of it by today's bills, and those that keep what they
        were made of: on a busy day there are thousands of others.
        """
        lines = self.env["stock.channel.order.line"]
        touched = self.env["stock.channel.availability"]._touched_by(product.ids)
        self.env.cr.execute(
            SQL(
                """
                SELECT id
                  FROM stock_channel_order_line
                 WHERE in_flight_qty > 0
                   AND (listing_id = ANY(%s) OR components ? %s)
                 ORDER BY id
                """,
                [listing_id for (listing_id,) in touched],
                str(product.id),
            )
        )
        return lines.browse(line_id for (line_id,) in self.env.cr.fetchall())

    def _overlaps(self, place):
        return any(
            self.is_inside(root) or self.is_above(root) for root in place.location_ids
        )

    def own_open(self, listing):
        """Return what a physical channel subtracts itself, by order line."""
        lines = self.env["stock.channel.order.line"].search(
            [
                ("listing_id", "=", listing.id),
                ("own_open_qty", ">", 0),
                "|",
                ("assigned_location_id", "=", self.place.id),
                "&",
                "&",
                ("assigned_location_id", "=", False),
                ("channel_location_id", "=", self.place.id),
                ("channel_id.quantity_meaning", "=", "physical"),
            ]
        )
        return [
            self._order_entry(line, to_decimal(line.own_open_qty)) for line in lines
        ]

    def _order_entry(self, line, quantity, is_in_flight=False):
        order = line.channel_order_id

        def why():
            if not is_in_flight:
                return ""
            open_ones = order.exception_ids.filtered(lambda e: e.state == "open")
            if open_ones:
                return joined(
                    *(joined(e.title, e.cause).replace("\n", " ") for e in open_ones)
                )
            return self.env._("Not taken over yet; the next run does it")

        return Entry(
            record=line,
            quantity=quantity,
            name=lambda: joined(order.display_name, line.sku),
            note=why,
            document=order,
        )

    # ----------------------------------------------------------- what was done

    def moves_since(self, product, since):
        """Return what moved over the border of the counted stock, by move.

        :param datetime since: naive UTC. Odoo dates moves by the second, so what was
            done within the very second belongs to the time before.
        :return: list of ``Entry`` in the order of their dates; goods that came have
            a positive quantity.
        """
        lines = self.env["stock.move.line"].search(
            Domain("product_id", "=", product.id)
            & Domain("state", "=", "done")
            & Domain("date", ">", since.replace(microsecond=0))
            & (
                Domain("location_id", "in", self.leaves.ids)
                | Domain("location_dest_id", "in", self.leaves.ids)
            )
        )
        moved = {}
        for line in lines:
            came = self.is_counted(line.location_dest_id, line.lot_id, line.owner_id)
            left = self.is_counted(line.location_id, line.lot_id, line.owner_id)
            signed = to_decimal(line.quantity_product_uom) * (came - left)
            moved[line.move_id] = moved.get(line.move_id, ZERO) + signed
        return [
            self._done_entry(move, quantity)
            for move, quantity in sorted(
                moved.items(), key=lambda item: (item[0].date, item[0].id)
            )
            if quantity
        ]

    def _done_entry(self, move, quantity):
        way = (
            f"{move.location_id.complete_name} → {move.location_dest_id.complete_name}"
        )
        return self._move_entry(
            move, quantity, joined(format_datetime(self.env, move.date), way)
        )
