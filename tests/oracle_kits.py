"""What a kit is made of: Odoo's own recipes, asked for many kits and for one."""

from fractions import Fraction

# So many kits need a whole number of nearly everything: what is rounded up for all
# of them together does not show in the quantity for one.
MANY = 27_720_000


def ratio(value):
    """Return a quotient of floats as a fraction: 0.08333333333 is a twelfth."""
    return Fraction(value).limit_denominator(1_000_000)


class Recipes:
    """Takes kits apart; the user of it has an environment with all rights, ``env``."""

    def __init__(self, recipes=None):
        """:param dict recipes: kits taken apart before, as long as none changes."""
        self._recipes = {} if recipes is None else recipes
        self._needs = {}

    def needs(self, product, company):
        """Return {storable component: quantity in its own unit} for one product unit.

        None if the product is no kit; empty if nothing it is made of is stored.
        """
        key = (product, company)
        if key not in self._needs:
            self._needs[key] = self._find_needs(product, company)
        return self._needs[key]

    def _find_needs(self, product, company):
        many = self.lines(product, company, float(MANY))
        if many is None:
            return None
        rounded = self.lines(product, company, 1.0)
        exactly, upwards = {}, {}
        for (component, quantity), (_component, for_one) in zip(
            many, rounded, strict=True
        ):
            if component.is_storable and quantity > 0:
                exactly.setdefault(component, []).append(ratio(quantity / MANY))
                upwards.setdefault(component, []).append(ratio(for_one))
        return {
            # On several lines each is rounded up, as Odoo does for one kit.
            component: found[0] if len(found) == 1 else sum(upwards[component])
            for component, found in exactly.items()
        }

    def lines(self, product, company, quantity):
        """Return [(component, quantity in its own unit)] that a delivery would take.

        Like the moves of a delivery: what is left after the kit is exploded is
        exploded again, for a recipe may hide behind an operation type.

        :return: None if the product is no kit.
        """
        key = (product.id, company.id, quantity)
        if key not in self._recipes:
            found = self._explode(product, company, quantity)
            self._recipes[key] = found and [(line.id, needed) for line, needed in found]
        found = self._recipes[key]
        products = self.env["product.product"]
        return found and [(products.browse(line), needed) for line, needed in found]

    def _explode(self, product, company, quantity):
        bom = self.env["mrp.bom"]._bom_find(
            product, company_id=company.id, bom_type="phantom"
        )[product]
        if not bom:
            return None
        batches = product.uom_id._compute_quantity(
            quantity, bom.product_uom_id, round=False
        )
        _boms, lines = bom.explode(
            product, batches / bom.product_qty, picking_type=bom.picking_type_id
        )
        found = []
        for line, data in lines:
            component = line.product_id
            needed = line.product_uom_id._compute_quantity(
                data["qty"], component.uom_id, round=False
            )
            deeper = self.lines(component, company, needed)
            found += [(component, needed)] if deeper is None else deeper
        return found

    def suffices(self, place, number, product, kits):
        """Say whether Odoo's own recipe for so many kits finds all it needs."""
        needed = {}
        for component, quantity in self.lines(
            product, place.channel_id.company_id, float(kits)
        ):
            needed[component.id] = needed.get(component.id, 0) + ratio(quantity)
        free = {c.product_id: c.free for c in number.components}
        return all(
            needed[product_id] <= quantity for product_id, quantity in free.items()
        )
