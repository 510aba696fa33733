"""What a number must be: slow, obvious, and without a line of the addon's SQL.

Reads records one by one and adds them up in exact fractions. Whoever changes what a
number means changes it here and in the statement, separately, and random histories
(``test_oracle``) show whether both say the same.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from math import floor

from .oracle_kits import Recipes, ratio

RULES = (
    "horizon",
    "share",
    "buffer",
    "buffer_percent",
    "backorder",
    "cap",
    "minimum",
)
COMPONENT_PARTS = (
    "on_hand",
    "unavailable",
    "reserved",
    "owed",
    "in_flight",
    "incoming",
    "per_unit",
)
INCOMING_SOURCES = ("supplier", "transit", "production", "internal", "view")


def exact(value):
    """Return a stored float as the fraction it stands for: 0.1 is a tenth."""
    return Fraction(repr(round(value or 0.0, 6)))


def digits(value):
    """Return a number the way it is compared: a decimal of six digits."""
    return round(Decimal(value.numerator) / Decimal(value.denominator), 6)


@dataclass
class Component:
    """What one channel location has of one product, in that product's own unit."""

    product_id: int
    per_unit: Fraction
    on_hand: Fraction = Fraction(0)
    unavailable: Fraction = Fraction(0)
    reserved: Fraction = Fraction(0)
    owed: Fraction = Fraction(0)
    in_flight: Fraction = Fraction(0)
    incoming: Fraction = Fraction(0)

    @property
    def free(self):
        return self.on_hand - self.reserved - self.owed - self.in_flight + self.incoming

    @property
    def kits(self):
        return self.free / self.per_unit


@dataclass
class Number:
    """One number with all its parts. ``components`` has every product behind it."""

    is_kit: bool
    is_withdrawn: bool
    factor: Fraction
    rules: dict
    own_open: Fraction
    components: list = field(default_factory=list)
    sellable: Fraction = Fraction(0)
    published: Fraction = Fraction(0)
    wire: Fraction = Fraction(0)

    @property
    def limiting(self):
        """Return the components that allow the fewest kits; several on a draw."""
        fewest = min((component.kits for component in self.components), default=None)
        return [c for c in self.components if c.kits == fewest]

    def parts(self, limiting_product_id=None):
        """Return every part as a dictionary of decimals.

        :param limiting_product_id: which of several equally scarce components the
            parts are told of; left out, the one with the lowest id.
        """
        limiting = self.limiting
        chosen = [c for c in limiting if c.product_id == limiting_product_id]
        chosen = (chosen or sorted(limiting, key=lambda c: c.product_id))[:1]
        component = chosen[0] if chosen else Component(0, Fraction(1))
        return {
            **{name: digits(getattr(component, name)) for name in COMPONENT_PARTS},
            "own_open": digits(self.own_open),
            "factor": digits(self.factor),
            "sellable": digits(self.sellable),
            "published": digits(self.published),
            "wire": digits(self.wire),
            "is_kit": self.is_kit,
            "is_withdrawn": self.is_withdrawn,
            "rules": {kind: digits(value) for kind, value in self.rules.items()},
            "limiting_product_id": component.product_id or None,
        }


def numbers(env, listing, place, now):
    """Return every part of the number of a listing at a channel location.

    Of several equally scarce components of a kit the parts tell of the one with the
    lowest id; ``limiting_product_id`` is None where that is a matter of choice.
    """
    number = Oracle(env, now).number(listing, place)
    parts = number.parts()
    if len(number.limiting) > 1:
        parts["limiting_product_id"] = None
    return parts


class Oracle(Recipes):
    """The books as they are now; make a new one after anything has changed."""

    def __init__(self, env, now, recipes=None):
        """:param datetime now: naive UTC, what decides about lots and rules.
        :param dict recipes: kits taken apart before, as long as no recipe changes.
        """
        self.env = env(su=True)
        self.now = now
        super().__init__(recipes)
        self._leaves = {}
        self._roots = {}
        self._quants = {}
        self._moves = {}

    # --------------------------------------------------------------- numbers

    def is_told(self, listing, place):
        """Say whether there is a number for this listing at this place at all.

        What is not mapped (any more) has none, unless the channel was told one.
        """
        if listing.channel_id != place.channel_id:
            return False
        if listing.active and place.active and self.roots(place):
            return True
        return any(
            row.channel_location_id.id == place.id
            for row in listing.with_env(self.env).publication_ids
        )

    def number(self, listing, place):
        listing = listing.with_env(self.env)
        place = place.with_env(self.env)
        product, channel = listing.product_id, place.channel_id
        rules = self.rules(listing, place)
        needs = self.needs(product, channel.company_id)
        number = Number(
            is_kit=needs is not None,
            is_withdrawn=not (listing.active and place.active and product.active),
            factor=ratio(product.uom_id.factor) / ratio(listing.uom_id.factor),
            rules=rules,
            own_open=self.own_open(listing, place),
        )
        for component, per_unit in (
            {product: Fraction(1)} if needs is None else needs
        ).items():
            number.components.append(
                self.component(place, component, per_unit, rules.get("horizon", 0))
            )
        if number.components:
            kits = number.limiting[0].kits
            number.sellable = (floor(kits) if number.is_kit else kits) * number.factor
        # A kit that nothing can be counted of is told zero, whatever the rules allow.
        if number.components:
            number.published = self.published(
                number.sellable, rules, listing.is_whole_units, number.is_withdrawn
            )
        is_physical = channel.quantity_meaning == "physical"
        number.wire = number.published + (number.own_open if is_physical else 0)
        return number

    def component(self, place, product, per_unit, horizon):
        component = Component(product.id, per_unit)
        leaves = self.leaves(place)
        for quant in self.quants(product):
            if quant.location_id not in leaves:
                continue
            if self.is_usable(quant, place.channel_id):
                component.on_hand += exact(quant.quantity)
                component.reserved += exact(quant.reserved_quantity)
            else:
                component.unavailable += exact(quant.quantity)
        component.owed = sum(
            (self.owed(place, move) for move in self.open_moves(product)), Fraction(0)
        )
        if horizon > 0:
            until = self.now + timedelta(days=float(horizon))
            component.incoming = sum(
                (
                    exact(move.product_qty)
                    for move in self.open_moves(product)
                    if move.date <= until and self.is_incoming(place, move)
                ),
                Fraction(0),
            )
        component.in_flight = sum(
            (
                self.taken(line).get(product, Fraction(0))
                for line in self.flying
                if self.overlap(line.channel_location_id, place)
            ),
            Fraction(0),
        )
        return component

    @staticmethod
    def published(sellable, rules, is_whole_units, is_withdrawn):
        """Return what the rules leave of a sellable number, in the selling unit."""
        told = sellable
        if sellable > 0:
            kept = rules.get("buffer", 0) + sellable * rules.get(
                "buffer_percent", 0
            ) / Fraction(100)
            told = max(0, sellable * rules.get("share", 100) / Fraction(100) - kept)
        told += rules.get("backorder", 0)
        if "cap" in rules:
            told = min(told, rules["cap"])
        told = floor(told) if is_whole_units else Fraction(floor(told * 1000), 1000)
        told = max(told, 0)
        if is_withdrawn or told < rules.get("minimum", 0):
            return Fraction(0)
        return Fraction(told)

    # ----------------------------------------------------------------- where

    @staticmethod
    def is_below(location, roots):
        """Say whether a location is one of these or lies below one."""
        return any(location.parent_path.startswith(root.parent_path) for root in roots)

    def roots(self, place):
        """Return the mapped stock locations; what is archived still holds goods."""
        if place.id not in self._roots:
            with_archived = place.with_context(active_test=False)
            self._roots[place.id] = with_archived.location_ids.with_env(self.env)
        return self._roots[place.id]

    def leaves(self, place):
        """Return the distinct internal locations a channel location sells from."""
        if place not in self._leaves:
            nobody, company = self.env["res.company"], place.channel_id.company_id
            self._leaves[place] = {
                location
                for location in self.internal
                if location.company_id in (nobody, company)
                and self.is_below(location, self.roots(place))
            }
        return self._leaves[place]

    @cached_property
    def internal(self):
        return (
            self.env["stock.location"]
            .with_context(active_test=False)
            .search([("usage", "=", "internal")])
        )

    def overlap(self, mine, theirs):
        return any(
            a.parent_path.startswith(b.parent_path)
            or b.parent_path.startswith(a.parent_path)
            for a in self.roots(mine)
            for b in self.roots(theirs)
        )

    # ------------------------------------------------------------- quantities

    def quants(self, product):
        if product not in self._quants:
            self._quants[product] = self.env["stock.quant"].search(
                [("product_id", "=", product.id)]
            )
        return self._quants[product]

    def open_moves(self, product):
        if product not in self._moves:
            self._moves[product] = self.env["stock.move"].search(
                [
                    ("product_id", "=", product.id),
                    ("state", "not in", ("draft", "done", "cancel")),
                ]
            )
        return self._moves[product]

    def is_usable(self, quant, channel):
        """Say whether goods may be sold: condition, owner, lot."""
        if quant.location_id.effective_stock_condition != "sellable":
            return False
        own = channel.company_id.partner_id
        if quant.owner_id and quant.owner_id != own:
            return False
        lot = quant.lot_id
        if not lot:
            return True
        if lot.stock_condition not in (False, "sellable"):
            return False
        if not quant.product_id.use_expiration_date:
            return True
        if lot.removal_date and lot.removal_date <= self.now:
            return False
        last = lot.expiration_date or lot.removal_date
        shelf_life = timedelta(days=channel.minimum_shelf_life)
        return not (last and last <= self.now + shelf_life)

    @staticmethod
    def waits_for_another(move):
        return any(
            origin.state not in ("done", "cancel") for origin in move.move_orig_ids
        )

    @staticmethod
    def final_destination(move):
        return move.location_final_id or move.location_dest_id

    def owed(self, place, move):
        """Return what a move will still take from this channel location."""
        roots = self.roots(place)
        source = move.location_id
        if (
            move.state not in ("confirmed", "partially_available")
            or self.waits_for_another(move)
            or self.is_below(self.final_destination(move), roots)
        ):
            return Fraction(0)
        is_ancestor = any(
            root.parent_path.startswith(source.parent_path) for root in roots
        )
        if not is_ancestor and not self.is_below(source, roots):
            return Fraction(0)
        reserved = sum(
            (exact(line.quantity_product_uom) for line in move.move_line_ids),
            Fraction(0),
        )
        return max(Fraction(0), exact(move.product_qty) - reserved)

    def is_incoming(self, place, move):
        """Say whether a move will bring goods to this channel location."""
        target = self.final_destination(move)
        return (
            move.state in ("waiting", "confirmed", "partially_available", "assigned")
            and not self.waits_for_another(move)
            and move.location_id.usage in INCOMING_SOURCES
            and not self.is_below(move.location_id, self.roots(place))
            and target in self.leaves(place)
            and target.effective_stock_condition == "sellable"
        )

    def is_plain(self, place, number):
        """Say whether Odoo's ``free_qty`` means the same as sellable here.

        Nothing is owed, in flight or incoming, and whatever lies at or below the
        mapped locations counts. Odoo does not look into archived locations.
        """
        is_all_active = all(root.active for root in self.roots(place)) and all(
            leaf.active for leaf in self.leaves(place)
        )
        if not is_all_active or number.rules.get("horizon"):
            return False
        return not any(
            component.owed
            or component.in_flight
            or any(
                self.is_below(quant.location_id, self.roots(place))
                and (
                    quant.location_id not in self.leaves(place)
                    or not self.is_usable(quant, place.channel_id)
                )
                for quant in self.quants(
                    self.env["product.product"].browse(component.product_id)
                )
            )
            for component in number.components
        )

    # ----------------------------------------------------------------- orders

    @cached_property
    def flying(self):
        """Lines of channel orders that are not wholly in a sale order."""
        return [
            line
            for line in self.order_lines
            if line.listing_id and line.channel_location_id and self.open_qty(line)
        ]

    @cached_property
    def order_lines(self):
        return self.env["stock.channel.order.line"].search([])

    @staticmethod
    def wanted(line):
        cancelled = max(exact(line.cancelled_qty), exact(line.cancel_taken_qty))
        return max(exact(line.ordered_qty) - cancelled, Fraction(0))

    def open_qty(self, line):
        return max(self.wanted(line) - exact(line.applied_qty), Fraction(0))

    def taken(self, line):
        """Return {product: quantity in its own unit} that a line has in flight."""
        quantity = self.open_qty(line)
        if line.components:
            products = self.env["product.product"]
            return {
                products.browse(int(product_id)): ratio(per_unit) * quantity
                for product_id, per_unit in line.components.items()
            }
        product = line.product_id
        units = quantity * ratio(line.uom_id.factor) / ratio(product.uom_id.factor)
        needs = self.needs(product, line.channel_id.company_id)
        if needs is None:
            return {product: units}
        return {component: per_unit * units for component, per_unit in needs.items()}

    def own_open(self, listing, place):
        """Return what a physical channel subtracts itself, in the selling unit."""
        total = Fraction(0)
        for line in self.order_lines:
            at = line.assigned_location_id
            if line.channel_id.quantity_meaning == "physical":
                at = at or line.channel_location_id
            if line.listing_id != listing or at != place:
                continue
            shipped = max(exact(line.fulfilled_qty), exact(line.taken_qty))
            # What was cancelled here is free again, and offered again already.
            kept = exact(line.applied_qty) - exact(line.released_qty)
            here = kept - max(shipped, exact(line.reported_qty))
            total += max(self.wanted(line) - shipped, here, Fraction(0))
        return total

    # ------------------------------------------------------------------ rules

    def rules(self, listing, place):
        """Return {kind: value} of the rules in force, the most specific of each."""
        return {
            kind: exact(found[0].value)
            for kind in RULES
            if (
                found := sorted(
                    (
                        rule
                        for rule in self.all_rules
                        if rule.kind == kind
                        and rule.channel_id == listing.channel_id
                        and rule.listing_id in (rule.listing_id.browse(), listing)
                        and rule.channel_location_id
                        in (rule.channel_location_id.browse(), place)
                        and not (rule.expires_at and rule.expires_at <= self.now)
                    ),
                    key=lambda rule: (
                        not rule.listing_id,
                        not rule.channel_location_id,
                    ),
                )
            )
        }

    @cached_property
    def all_rules(self):
        return list(self.env["stock.channel.rule"].search([]))
