"""What Odoo looks up for each move and line of a batch, once for all of them.

As in ``stock_channel_batch``: what is found is what a single order would find, and
outside a batch nothing changes.
"""

from collections import defaultdict

from odoo import api, fields, models
from odoo.fields import Domain

from .stock_channel_batch import BATCH, once

OWN = "stock_channel_"
"""What the names of the hub's own keys in a context begin with."""


class MrpBomBatch(models.Model):
    _inherit = "mrp.bom"

    @api.model
    def _bom_find(self, products, picking_type=None, company_id=False, bom_type=False):
        """Ask once for the bills of all products; confirming asks for each move."""
        batch = self.env.context.get(BATCH)
        find = super()._bom_find
        if batch is None or len(products) != 1:
            return find(
                products,
                picking_type=picking_type,
                company_id=company_id,
                bom_type=bom_type,
            )
        company = company_id or self.env.context.get("company_id")
        asked = ("bom", picking_type and picking_type.id, company, bom_type)
        known = batch.found.setdefault(asked, {})
        if products.id not in known:
            together = products | products.browse(batch.product_ids - known.keys())
            bills = find(
                together,
                picking_type=picking_type,
                company_id=company_id,
                bom_type=bom_type,
            )
            known.update({one.id: bills[one].id for one in together})
        found = defaultdict(self.browse)
        if known[products.id]:
            found[products] = self.browse(known[products.id])
        return found


class StockMoveBatch(models.Model):
    _inherit = "stock.move"

    def _search_picking_for_assignation(self):
        """Find a transfer by the moves of this very order, where it goes by them.

        Odoo looks through all transfers that are open at the place, which are the more
        the more there is to do. A new order has none, but for what was made for its
        other moves a moment ago.
        """
        if BATCH in self.env.context and self._goes_by_reference():
            if not self.reference_ids.move_ids.picking_id:
                return self.env["stock.picking"]
        return super()._search_picking_for_assignation()

    def _goes_by_reference(self):
        """Return whether a transfer has to hold moves of the same reference."""
        if not self.reference_ids:
            return False
        own = Domain("reference_ids", "=", self.reference_ids.ids)
        asked = Domain(self._search_picking_for_assignation_domain())
        conditions = getattr(asked, "children", (asked,))
        return getattr(asked, "OPERATOR", "&") == "&" and own in conditions

    def _update_orderpoints(self):
        return super(StockMoveBatch, self._with_orderpoints())._update_orderpoints()

    def _trigger_scheduler(self):
        return super(StockMoveBatch, self._with_orderpoints())._trigger_scheduler()

    def _with_orderpoints(self):
        """Return the moves of products that are ordered again by a rule, or may be."""
        batch = self.env.context.get(BATCH)
        if batch is None:
            return self
        asked, found = once(self, "orderpoints", self._find_orderpoints)
        return self.filtered(
            lambda move: move.product_id.id in found or move.product_id.id not in asked
        )

    def _find_orderpoints(self):
        """Return the ids of the batch's products, and of those that have such a rule."""
        asked = frozenset(self.env.context[BATCH].product_ids)
        rules_sudo = self.env["stock.warehouse.orderpoint"].sudo()
        found = rules_sudo.with_context(active_test=False).search(
            [("product_id", "in", list(asked))]
        )
        return asked, set(found.product_id.ids)


class StockRuleBatch(models.Model):
    _inherit = "stock.rule"

    def _search_rule_for_warehouses(
        self, route_ids, packaging_uom_id, product_id, warehouse_ids, domain
    ):
        """Search once for the same place and routes; most products share theirs."""
        if BATCH not in self.env.context:
            return super()._search_rule_for_warehouses(
                route_ids, packaging_uom_id, product_id, warehouse_ids, domain
            )
        of_product = product_id.route_ids | product_id.categ_id.total_route_ids
        of_warehouse = warehouse_ids.route_ids.filtered(
            lambda route: self._filter_warehouse_routes(
                product_id, warehouse_ids, route
            )
        )
        key = (
            "rule",
            repr(Domain(domain)),
            tuple(route_ids.ids if route_ids else ()),
            packaging_uom_id.id if packaging_uom_id else False,
            tuple(of_product.ids),
            tuple(of_warehouse.ids),
            tuple(warehouse_ids.ids),
            self.env.su,
            tuple(self.env.companies.ids),
        )
        return once(
            self,
            key,
            lambda: super(StockRuleBatch, self)._search_rule_for_warehouses(
                route_ids, packaging_uom_id, product_id, warehouse_ids, domain
            ),
        )


class StockQuantBatch(models.Model):
    _inherit = "stock.quant"

    def _gather(
        self,
        product_id,
        location_id,
        lot_id=None,
        package_id=None,
        owner_id=None,
        strict=False,
        qty=0,
    ):
        """Search once for the same goods; a move that reserves asks for them twice.

        It is forgotten with the next change of any goods.
        """
        batch = self.env.context.get(BATCH)
        key = batch and self._gather_key(
            product_id, location_id, lot_id, package_id, owner_id, strict
        )
        if not key:
            return super()._gather(
                product_id, location_id, lot_id, package_id, owner_id, strict, qty
            )
        if key not in batch.gathered:
            batch.gathered[key] = (
                super()
                ._gather(
                    product_id, location_id, lot_id, package_id, owner_id, strict, qty
                )
                .ids
            )
        return self.browse(batch.gathered[key])

    def _gather_key(self, product, location, lot, package, owner, strict):
        """Return what decides which goods are found; None for what is not kept."""
        context = self.env.context
        if (
            context.get("quants_cache") is not None
            or self._get_removal_strategy(product, location) == "least_packages"
        ):
            return None
        asked = tuple(
            (name, tuple(value) if isinstance(value, list) else value)
            for name, value in sorted(context.items())
            # What is the hub's own, and the parcels that are counted afterwards.
            if name != "packaging_uom_id" and not name.startswith(OWN)
        )
        ids = tuple(one.id if one else False for one in (lot, package, owner))
        key = (product.id, location.id, ids, bool(strict), self.env.su, asked)
        try:
            hash(key)
        except TypeError:
            return None
        return key


class AccountAnalyticDistributionModelBatch(models.Model):
    _inherit = "account.analytic.distribution.model"

    @api.model
    def _get_applicable_models(self, vals):
        """Ask once whether there is any; most companies have none."""
        env = self.env
        if BATCH in env.context and not once(
            self,
            ("analytic", env.uid, env.su, tuple(env.companies.ids)),
            lambda: bool(self.search_count([], limit=1)),
        ):
            return self.browse()
        return super()._get_applicable_models(vals)


class StockChannelOrderLineReturns(models.Model):
    _inherit = "stock.channel.order.line"

    return_line_ids = fields.One2many(
        "stock.channel.return.line",
        "order_line_id",
        readonly=True,
        help="What of it comes back. Whatever changes a line looks here whom that "
        "concerns.",
    )
