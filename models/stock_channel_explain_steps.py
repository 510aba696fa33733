"""The steps of a number, from what is on hand to what the channel is sent."""

import math
from decimal import Decimal

from ..connectors.rules import apply_rules
from .quantities import to_decimal

ZERO = Decimal(0)
# Parts in the unit of the product (of the limiting component), with their sign.
SIGNS = {
    "on_hand": 1,
    "reserved": -1,
    "owed": -1,
    "in_flight": -1,
    "incoming": 1,
}
STOCK_PARTS = (*SIGNS, "unavailable")
NUMBERS = (*STOCK_PARTS, "own_open", "sellable", "published", "wire")
# Between units; not rounded, since a third of a unit times three is one.
RATIOS = ("per_unit", "factor")
# Finest quantity that counts; anything below is the noise of conversions.
NOISE = Decimal("0.000001")


def number(quantity):
    """Return a quantity as JSON has it: at most six decimals, to be added as such."""
    return float(to_decimal(float(quantity)))


def rounded(quantity):
    """Return a decimal without the noise of conversions."""
    return quantity.quantize(NOISE).normalize()


class Steps:
    """Builds the steps of one number, each from the one before."""

    def __init__(self, publication, parts, product, rules):
        self.publication = publication
        self.row = publication.sudo()
        self.env = publication.env
        self.parts = {name: to_decimal(parts[name]) for name in NUMBERS}
        self.parts.update({name: Decimal(repr(parts[name])) for name in RATIOS})
        self.values = {kind: to_decimal(v) for kind, v in parts["rules"].items()}
        self.is_kit = parts["is_kit"]
        # A kit with nothing to count is offered to nobody, whatever the rules say.
        self.is_empty = not product
        self.is_withdrawn = parts["is_withdrawn"]
        self.unit = product.uom_id.name or ""
        self.in_force = rules
        self.quantity = ZERO
        self.steps = []

    def add(self, kind, quantity, value=None, is_change=True):
        """Append a step that comes to ``quantity``."""
        self.steps.append(
            {
                "kind": kind,
                "name": self.name(kind),
                "value": None if value is None else float(value),
                "change": number(quantity - self.quantity) if is_change else None,
                "quantity": number(quantity),
                "unit": self.unit,
                "rule": self.rule(kind, value),
            }
        )
        self.quantity = quantity

    def rule(self, kind, value):
        """Name the rule behind a step, as long as it says today what it said."""
        rule = self.in_force.get("horizon" if kind == "incoming" else kind)
        if not rule or value is None or to_decimal(rule.value) != value:
            return None
        return self.publication._reference(rule)

    def begin_with(self, quantity):
        """Start from a quantity without saying how it came about."""
        self.quantity = to_decimal(quantity)

    def stock(self):
        for part, sign in SIGNS.items():
            value = self.values.get("horizon") if part == "incoming" else None
            if part == "incoming" and not (value or self.parts[part]):
                continue
            self.add(part, self.quantity + sign * self.parts[part], value)
        self.add("free", self.quantity)

    def sellable(self):
        """Turn what is free into selling units; return what that comes to."""
        if self.is_kit:
            self.unit = self.row.listing_id.product_id.uom_id.name
            kits = math.floor(rounded(self.quantity / self.parts["per_unit"]))
            self.add("kits", Decimal(kits), self.parts["per_unit"], is_change=False)
        has_own_unit = self.row.uom_id != self.row.listing_id.product_id.uom_id
        factor = self.parts["factor"]
        computed = rounded(self.quantity * factor)
        # Each part was rounded in the product's unit: two of a dozen are 0.166667 of
        # it, and twelve times that is no longer two.
        if abs(computed - self.parts["sellable"]) <= NOISE * len(SIGNS) * factor:
            computed = self.parts["sellable"]
        self.unit = self.row.uom_id.name
        # What was computed counts; a difference is said, not hidden.
        self.add(
            "sellable",
            self.parts["sellable"],
            factor if has_own_unit else None,
            is_change=not has_own_unit,
        )
        return computed

    def rules(self):
        """Apply the rules to the sellable quantity; return the published number."""
        for step in apply_rules(
            self.quantity,
            self.values,
            whole_units=self.row.listing_id.is_whole_units,
            withdrawn=self.is_withdrawn or self.is_empty,
        ):
            self.add(step.kind, step.quantity, step.value)
        found = self.quantity
        self.add("published", self.parts["published"])
        return found

    def wire(self):
        """Give a physical channel its own open orders back."""
        if self.row.channel_id.quantity_meaning == "physical":
            self.add("own_open", self.quantity + self.parts["own_open"])
        found = self.quantity
        self.add("wire", self.parts["wire"])
        return found

    def name(self, kind):
        return {
            "on_hand": self.env._("On hand"),
            "reserved": self.env._("Reserved"),
            "owed": self.env._("Owed"),
            "in_flight": self.env._("In flight"),
            "incoming": self.env._("Incoming"),
            "free": self.env._("Free"),
            "kits": self.env._("Whole kits"),
            "sellable": self.env._("Sellable"),
            "share": self.env._("Share"),
            "buffer": self.env._("Buffer"),
            "buffer_percent": self.env._("Buffer in percent"),
            "backorder": self.env._("Backorder allowance"),
            "cap": self.env._("Cap"),
            "whole": self.env._("Whole units, rounded down"),
            "decimals": self.env._("Three decimals, rounded down"),
            "positive": self.env._("Never below zero"),
            "minimum": self.env._("Minimum to show"),
            "withdrawn": self.env._("Kit without a component to count")
            if self.is_empty
            else self.env._("Withdrawn"),
            "published": self.env._("Published"),
            "own_open": self.env._("Own open orders"),
            "wire": self.env._("Sent to the channel"),
        }[kind]
