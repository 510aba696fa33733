"""What a reported count says, next to what the ERP had at that moment.

On hand *at the time of the count* is what is on hand now less what has moved since.
Adjustments by other counts are dated when those were counted, not when somebody
agreed to them: otherwise a difference found twice would be applied twice.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from odoo.fields import Domain

from .quantities import plain, to_decimal
from .stock_channel_exception import NeedsPerson

ZERO = Decimal(0)


@dataclass
class Row:
    """One product, of one lot where it is tracked.

    :param lot: ``stock.lot``, empty for what is not told apart.
    :param Decimal counted: in the product's own unit, like every quantity here.
    :param Decimal expected: on hand when it was counted.
    :param str issue: why it cannot be applied, as a key; "" when it can.
    :param str note: the same in words.
    :param str told: the count in the words of whoever counted.
    """

    product: Any
    lot: Any
    sku: str
    told: str
    counted: Decimal
    expected: Decimal
    currency: Any
    price: float = 0.0
    issue: str = ""
    note: str = ""

    @property
    def key(self):
        return f"{self.product.id}:{self.lot.id or 0}"

    @property
    def delta(self):
        return ZERO if self.issue else self.counted - self.expected

    @property
    def value(self):
        """Return what the difference is worth, in the company's currency."""
        return self.currency.round(float(self.delta) * self.price)

    def facts(self):
        """Return what must still be true when it is applied."""
        return {"counted": plain(self.counted), "on_hand": plain(self.expected)}


@dataclass
class Told:
    """Everything a count says of one product."""

    product: Any
    skus: list = field(default_factory=list)
    texts: list = field(default_factory=list)
    total: Decimal = ZERO
    by_lot: dict = field(default_factory=lambda: defaultdict(Decimal))
    issue: str = ""
    note: str = ""

    def refuse(self, issue, note):
        """Keep the first reason why nothing can be done about this product."""
        if not self.issue:
            self.issue, self.note = issue, note


class CountReading:
    """A count against the stock, as both are in this transaction.

    :raise NeedsPerson: when its channel location cannot be counted.
    """

    def __init__(self, count_sudo):
        self.count = count_sudo
        self.env = count_sudo.env
        self.place = count_sudo.channel_location_id
        self.company = count_sudo.company_id
        count_sudo._check_place(self.place)
        self.location = self.place._counted_location()
        self.leaves = self.place._countable_leaves()

    def rows(self):
        """Return the rows of this count, those with the largest effect first.

        :raise NeedsPerson: one need per SKU that nobody has mapped.
        """
        told = self._told()
        products = self.env["product.product"].browse(told)
        on_hand = self._on_hand_then(products)
        self._refuse_adjusted(told, products)
        self._refuse_counted_later(told, products)
        rows = []
        for product_id, entry in told.items():
            by_lot = on_hand.get(product_id, {})
            if entry.issue or entry.product.tracking == "none":
                rows.append(self._row_of_all(entry, sum(by_lot.values(), ZERO)))
            else:
                rows += self._rows_by_lot(entry, by_lot)
        return sorted(
            rows,
            key=lambda row: (not row.issue, -abs(row.value), -abs(row.delta), row.sku),
        )

    # -------------------------------------------------------- what was told

    def _told(self):
        """Return product id → ``Told``, several lines of one product together."""
        told, unknown = {}, []
        lines = self.count.wire["lines"]
        listings = self.env["stock.channel.listing"].search(
            [
                ("channel_id", "=", self.count.channel_id.id),
                ("sku", "in", [line["sku"] for line in lines]),
            ]
        )
        by_sku = listings.grouped("sku")
        kits = {
            listing_id
            for listing_id, *_component in self.env[
                "stock.channel.availability"
            ]._kit_components(listings)
        }
        for line in lines:
            found = by_sku.get(line["sku"], listings.browse())
            if not found:
                unknown.append(line["sku"])
            for listing in found:
                product = listing.product_id.with_company(self.company)
                entry = told.setdefault(product.id, Told(product))
                entry.skus.append(line["sku"])
                if len(found) > 1:
                    entry.refuse(
                        "ambiguous",
                        self.env._("The channel has several items with this SKU."),
                    )
                if listing.id in kits:
                    entry.refuse(
                        "kit",
                        self.env._("A kit is not counted itself: count its parts."),
                    )
                self._read_line(entry, listing, line)
        if unknown:
            raise self._unknown_need(sorted(set(unknown)))
        return told

    def _unknown_need(self, skus):
        exceptions = self.env["stock.channel.exception"]
        return NeedsPerson(
            category="mapping",
            title=self.env._("Unknown item"),
            cause=self.env._(
                "Count %s contains an item that no product here belongs to. The count "
                "waits, whole, until the item is mapped.",
                self.count.external_id,
            ),
            next_step=self.env._(
                "Choose the product the channel means and press Map. Every count and "
                "order that waits for it is processed by itself."
            ),
            needs=[
                (
                    exceptions._mapping_fingerprint(self.count.channel_id, "item", sku),
                    {
                        "title": self.env._("%s is not mapped to a product", sku),
                        "mapping_kind": "item",
                        "value": sku,
                    },
                )
                for sku in skus
            ],
        )

    def _read_line(self, entry, listing, line):
        unit = self._unit(listing, line["unit"])
        name = unit.name if unit else line["unit"]
        entry.texts.append(f"{line['quantity']} {name}")
        if not unit:
            entry.refuse(
                "unit",
                self.env._(
                    "It was counted in %(unit)s, which does not convert to the "
                    "selling unit %(selling_unit)s.",
                    unit=line["unit"],
                    selling_unit=listing.uom_id.name,
                ),
            )
            return
        entry.total += self._in_own_unit(entry, unit, line["quantity"])
        if not entry.product.is_storable:
            entry.refuse("not_stored", self.env._("No stock is kept of this product."))
        if entry.product.tracking != "none":
            self._read_lots(entry, unit, line)

    def _unit(self, listing, name):
        """Return the unit a line was counted in, empty for one that does not fit."""
        if not name or name == listing.uom_id.name:
            return listing.uom_id
        units = self.env["uom.uom"].search([("name", "=", name)])
        fitting = units.filtered(
            lambda unit: unit._has_common_reference(listing.product_id.uom_id)
        )
        return fitting if len(fitting) == 1 else fitting.browse()

    def _in_own_unit(self, entry, unit, quantity):
        own_unit = entry.product.uom_id
        exact = unit._compute_quantity(float(quantity), own_unit, round=False)
        if to_decimal(own_unit.round(exact)) != to_decimal(exact):
            entry.refuse(
                "precision",
                self.env._(
                    "%(quantity)s %(unit)s are no whole number of what Odoo counts.",
                    quantity=plain(exact),
                    unit=own_unit.name,
                ),
            )
        return to_decimal(exact)

    def _read_lots(self, entry, unit, line):
        given = [Decimal(lot["quantity"]) for lot in line["lots"]]
        if sum(given, ZERO) != Decimal(line["quantity"]):
            entry.refuse(
                "lots",
                self.env._(
                    "The product is tracked and %(given)s of %(quantity)s were told "
                    "with a lot or serial number.",
                    given=plain(sum(given, ZERO)),
                    quantity=line["quantity"],
                ),
            )
        for told_lot in line["lots"]:
            lot = self.env["stock.lot"].search(
                [
                    ("product_id", "=", entry.product.id),
                    ("name", "=", told_lot["name"]),
                    ("company_id", "in", (False, self.company.id)),
                ],
                limit=1,
            )
            if not lot:
                entry.refuse(
                    "lot_unknown",
                    self.env._("There is no lot or serial %s here.", told_lot["name"]),
                )
            entry.by_lot[lot] += self._in_own_unit(entry, unit, told_lot["quantity"])

    # ------------------------------------------------------------ what was there

    def quants(self, products):
        """Return the own goods on hand now, in the order they are taken from."""
        return (
            self.env["stock.quant"]
            .search(
                Domain("product_id", "in", products.ids)
                & Domain("location_id", "in", self.leaves.ids)
                & Domain("owner_id", "in", (False, self.company.partner_id.id))
            )
            .sorted(lambda quant: (quant.in_date, quant.id))
        )

    def on_hand_now(self, products):
        """Return product id → lot → quantity."""
        on_hand = {}
        for quant in self.quants(products):
            self._add(on_hand, quant, quant.quantity)
        return on_hand

    def _on_hand_then(self, products):
        on_hand = self.on_hand_now(products)
        inside = set(self.leaves.ids)
        for line in self._lines_since(products):
            came = line.location_dest_id.id in inside
            left = line.location_id.id in inside
            self._add(on_hand, line, line.quantity_product_uom * (left - came))
        return on_hand

    @staticmethod
    def _add(on_hand, record, quantity):
        by_lot = on_hand.setdefault(record.product_id.id, defaultdict(Decimal))
        by_lot[record.lot_id] += to_decimal(quantity)

    def _lines_since(self, products):
        """Return what has moved in or out since the count, of own goods.

        Odoo dates moves by the second: what was done within the very second counts
        as done before.
        """
        since = self.count.counted_at
        lines = self.env["stock.move.line"].search(
            Domain("product_id", "in", products.ids)
            & Domain("state", "=", "done")
            & Domain("date", ">", since)
            & Domain("owner_id", "in", (False, self.company.partner_id.id))
            & (
                Domain("location_id", "in", self.leaves.ids)
                | Domain("location_dest_id", "in", self.leaves.ids)
            )
        )
        counted_before = (
            self._counts_behind(lines)
            .filtered(lambda count: count.counted_at <= since)
            .move_ids
        )
        return lines.filtered(lambda line: line.move_id not in counted_before)

    def _counts_behind(self, lines):
        """Return the counts whose approval made some of these moves."""
        return self.env["stock.channel.count"].search(
            [("move_ids", "in", lines.move_id.ids)]
        )

    def _refuse_adjusted(self, told, products):
        """Refuse what somebody has corrected by hand since: it would be done twice."""
        lines = self._lines_since(products)
        approved = self._counts_behind(lines).move_ids
        for line in lines:
            move = line.move_id
            ends = {line.location_id.usage, line.location_dest_id.usage}
            if move.is_inventory and move not in approved and "inventory" in ends:
                told[line.product_id.id].refuse(
                    "adjusted",
                    self.env._(
                        "Its stock was corrected in Odoo after it had been counted "
                        "(%s). Have it counted again.",
                        move.reference or move.display_name,
                    ),
                )

    def _refuse_counted_later(self, told, products):
        lines = self.env["stock.channel.count.line"].search(
            [
                ("product_id", "in", products.ids),
                ("count_id.channel_location_id", "=", self.place.id),
                ("count_id", "!=", self.count.id),
                ("count_id.counted_at", ">=", self.count.counted_at),
                ("issue", "=", False),
                "|",
                ("approval_id", "=", False),
                ("approval_id.state", "in", ("proposed", "approved", "applied")),
            ]
        )
        for line in lines:
            if self.count._is_before(line.count_id):
                told[line.product_id.id].refuse(
                    "counted_later",
                    self.env._("Counted again in %s.", line.count_id.external_id),
                )

    # --------------------------------------------------------------- the rows

    def _row_of_all(self, entry, expected):
        return Row(
            product=entry.product,
            lot=self.env["stock.lot"],
            sku=", ".join(dict.fromkeys(entry.skus)),
            told=" + ".join(entry.texts),
            counted=entry.total,
            expected=expected,
            currency=self.company.currency_id,
            price=entry.product.standard_price,
            issue=entry.issue,
            note=entry.note,
        )

    def _rows_by_lot(self, entry, by_lot):
        """Return a row per lot, those the count leaves out as well: none was found.

        Lots that may not be sold are not on hand; of those only the counted ones.
        """
        lots = list(entry.by_lot)
        lots += [
            lot
            for lot, quantity in by_lot.items()
            if quantity and lot not in entry.by_lot and not self._is_held_back(lot)
        ]
        rows = []
        for lot in lots:
            row = self._row_of_all(entry, by_lot.get(lot, ZERO))
            row.lot, row.counted = lot, entry.by_lot.get(lot, ZERO)
            if lot and entry.product.lot_valuated:
                row.price = lot.with_company(self.company).standard_price
            if entry.product.tracking == "serial":
                self._check_serial(row)
            rows.append(row)
        return rows

    def _is_held_back(self, lot):
        now = self.env.cr.now()
        return bool(lot) and (
            lot.stock_condition not in (False, "sellable")
            or (
                lot.product_id.use_expiration_date
                and any(
                    date and date <= now
                    for date in (lot.removal_date, lot.expiration_date)
                )
            )
        )

    def _check_serial(self, row):
        if row.counted > 1:
            row.issue = "serial"
            row.note = self.env._(
                "Serial number %s was counted more than once.", row.lot.name
            )
        elif row.delta > 0 and row.lot:
            elsewhere = self.env["stock.quant"].search(
                [
                    ("lot_id", "=", row.lot.id),
                    ("quantity", ">", 0),
                    ("location_id.usage", "in", ("internal", "transit", "customer")),
                    ("location_id", "not in", self.leaves.ids),
                ],
                limit=1,
            )
            if elsewhere:
                row.issue = "serial"
                row.note = self.env._(
                    "Serial number %(serial)s is in %(location)s.",
                    serial=row.lot.name,
                    location=elsewhere.location_id.complete_name,
                )
