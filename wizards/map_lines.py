"""What each line of a file with maps would do."""

from collections import defaultdict

from ..connectors.map_file import COLUMNS

LINKS = {"product_id": "product.product", "uom_id": "uom.uom"}


class Wrong(Exception):
    """A line that cannot be taken: which column, and why in words."""

    def __init__(self, name, reason):
        super().__init__(reason)
        self.column = COLUMNS.get(name, "")
        self.reason = reason


class MapLines:
    """Compares lines with what is mapped; a few searches, however many lines.

    :param env: of whoever reads the file; finds products by their rights.
    :param channel: whose maps they are.
    """

    def __init__(self, env, channel):
        self.env = env
        self.channel = channel

    def judge(self, lines):
        """Return a dict of values for each line, see the wizard's line.

        :param lines: ``map_file.Line`` objects.
        """
        lines = list(lines)
        self._look_up([line.values for line in lines if not line.reason])
        rows, seen = [], {}
        for line in lines:
            try:
                if line.reason:
                    raise Wrong("", line.reason)
                row = self._row(line, seen)
            except Wrong as wrong:
                row = {
                    "kind": "wrong",
                    "sku": line.values.get("sku"),
                    "item_id": line.values.get("item_id"),
                    "column": wrong.column or line.column,
                    "what": wrong.reason,
                }
            rows.append({"number": line.number, **row})
        self._tell_first_ones([row for row in rows if row["kind"] == "new"])
        return rows

    def _tell_first_ones(self, rows):
        """Tell new maps from those that would take a listing's orders away."""
        keys = [(row["sku"], row["item_id"]) for row in rows]
        are_first = self.env["stock.channel.listing"]._are_first(self.channel, keys)
        for row, is_first in zip(rows, are_first, strict=True):
            if not is_first:
                row["kind"] = "change"
                row["what"] = self.env._(
                    "A new map, beside another listing with this SKU."
                )

    # ----------------------------------------------------------------- look-ups

    def _look_up(self, rows):
        def column(name):
            return {row[name] for row in rows if row.get(name)}

        listings = self.env["stock.channel.listing"].with_context(active_test=False)
        self.by_external, self.by_sku = {}, defaultdict(list)
        for listing in listings.search(
            [
                ("channel_id", "=", self.channel.id),
                "|",
                ("sku", "in", list(column("sku"))),
                ("external_id", "in", list(column("item_id"))),
            ]
        ):
            self.by_external[listing.external_id] = listing
            self.by_sku[listing.sku].append(listing)
        self.by_unit = defaultdict(lambda: self.env["uom.uom"])
        for unit in self.env["uom.uom"].search([("name", "in", list(column("unit")))]):
            self.by_unit[unit.name] |= unit
        self._look_up_products(column)

    def _look_up_products(self, column):
        products = self.env["product.product"]
        ours = [("company_id", "in", [False, self.channel.company_id.id])]
        ids = [int(text) for text in column("product_id") if is_id(text)]
        self.by_id = {
            product.id: product
            for product in products.with_context(active_test=False).search(
                [("id", "in", ids), *ours]
            )
        }
        found = {}
        for name, field in (
            ("product_reference", "default_code"),
            ("product_barcode", "barcode"),
        ):
            # As lists: records that are joined forget what they were read with.
            found[name] = defaultdict(list)
            values = list(column(name))
            for product in products.search([(field, "in", values), *ours]):
                found[name][product[field]].append(product)
        self.by_text = found

    # ------------------------------------------------------------------- a line

    def _row(self, line, seen):
        """Return what one line does.

        :raise Wrong: when it cannot be taken.
        """
        values = line.values
        listing = self._listing(values)
        product = self._product(values)
        row = {
            "sku": values["sku"],
            "item_id": values.get("item_id") or (listing.item_id if listing else False),
            "title": values["title"] if "title" in values else listing.title,
            "product_id": product.id,
            "uom_id": self._unit(values, product, listing).id,
            "listing_id": listing.id,
        }
        key = listing.external_id or row["item_id"] or row["sku"]
        if key in seen:
            raise Wrong(
                "sku", self.env._("Line %s is about the same listing.", seen[key])
            )
        seen[key] = line.number
        if not listing:
            return {**row, "kind": "new", "what": self.env._("A new map.")}
        return {**row, **self._compared(row, listing)}

    def _listing(self, values):
        """Return the map a line is about, an empty one when it is new."""
        item, alike = values.get("item_id"), self.by_sku[values["sku"]]
        if item:
            found = [self.by_external.get(item)]
        elif len(alike) > 1:
            found = [listing for listing in alike if not listing.item_id]
            if len(found) != 1:
                raise Wrong(
                    "item_id",
                    self.env._("Several listings have this SKU; give the Item ID."),
                )
        else:
            found = alike
        listing = next(filter(None, found), self.env["stock.channel.listing"])
        if listing and not listing.active:
            raise Wrong(
                "sku",
                self.env._(
                    "Its listing is archived. A manager takes it out of the archive."
                ),
            )
        return listing

    def _product(self, values):
        text = values.get("product_id")
        reference = values.get("product_reference")
        if text:
            product = self.by_id.get(int(text)) if is_id(text) else None
            if not product:
                raise Wrong("product_id", self.env._("There is no such product."))
            if reference and reference != (product.default_code or "").strip(" "):
                raise Wrong(
                    "product_reference",
                    self.env._(
                        "The product of this ID has the reference %s.",
                        product.default_code or "–",
                    ),
                )
            return product
        for name, none, several in (
            (
                "product_reference",
                self.env._("No product has this reference."),
                self.env._("Several products have this reference; give the ID."),
            ),
            (
                "product_barcode",
                self.env._("No product has this barcode."),
                self.env._("Several products have this barcode; give the ID."),
            ),
        ):
            if values.get(name):
                found = self.by_text[name][values[name]]
                if len(found) != 1:
                    raise Wrong(name, several if found else none)
                return found[0]
        raise Wrong("product_reference", self.env._("It says no product."))

    def _unit(self, values, product, listing):
        text = values.get("unit")
        if not text:
            unit = listing.uom_id
            fits = unit and unit._has_common_reference(product.uom_id)
            return unit if fits else product.uom_id
        fitting = self.by_unit[text].filtered(
            lambda unit: unit._has_common_reference(product.uom_id)
        )
        if len(fitting) != 1:
            raise Wrong(
                "unit",
                self.env._(
                    "The product is kept in %s, and this unit does not convert to it.",
                    product.uom_id.name,
                ),
            )
        return fitting

    def _compared(self, row, listing):
        """Say what would be different."""
        changes = []
        for name, label in (
            ("product_id", self.env._("product")),
            ("sku", self.env._("SKU")),
            ("uom_id", self.env._("unit")),
            ("title", self.env._("title")),
        ):
            value, is_link = listing[name], name in LINKS
            old, new = (value.id, row[name]) if is_link else (value, row[name])
            if old == new or not is_link and plain(old) == plain(new):
                continue
            before = value.display_name if is_link else value
            changes.append(f"{label}: {before or '–'} → {self._named(name, row)}")
        if not changes:
            return {"kind": "same"}
        return {"kind": "change", "what": "; ".join(changes)}

    def _named(self, name, row):
        if name in LINKS:
            return self.env[LINKS[name]].browse(row[name]).display_name
        return row[name] or "–"


def is_id(text):
    """Return whether a text can be the id of a record."""
    return text.isascii() and text.isdigit() and len(text) < 10


def plain(text):
    """Return a text as the file has it: without spaces around it, nothing is empty."""
    return (text or "").strip(" ")
