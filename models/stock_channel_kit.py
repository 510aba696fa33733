from odoo import api, models
from odoo.tools import SQL


class StockChannelKit(models.AbstractModel):
    """What one unit of a product takes from stock, worked out in the database.

    Odoo explodes one kit at a time, in some ten milliseconds; a catalogue has
    thousands. The statements below choose the bill of materials that Odoo would
    choose when the order is confirmed, and walk it to the same components.
    """

    _name = "stock.channel.kit"
    _description = "Kits of Stock Channels"

    @api.model
    def _component_query(self, sold):
        """Return the query of what kits are made of.

        The first bill of a product is chosen by company only; those below it as
        ``mrp.bom.explode`` does, which also looks at the company and the operation
        type of the first. What that leaves unexploded Odoo explodes in a second
        round, by the company of the move, so the same is tried second here.

        One component on one line is counted exactly: a twelfth of a box per kit
        makes twelve kits of a box. On several lines each is rounded up on its own,
        as Odoo does for the transfer of a single kit.

        A bill that contains its own kit has the component NULL, and so has one
        without anything to count: none of it can be offered.

        :param SQL sold: query of the (product_id, company_id) to look at.
        :return: query of (product_id, company_id, component_id, quantity);
            quantity of the component in its own unit, for one unit of the product.
            Products that are no kit have no row.
        """
        return SQL(
            """
            WITH RECURSIVE top AS (
                SELECT DISTINCT ON (sold.product_id, sold.company_id)
                       sold.product_id,
                       sold.company_id,
                       bom.id AS bom_id,
                       bom.company_id AS bom_company_id,
                       bom.picking_type_id
                  FROM (%(sold)s) AS sold
                  JOIN product_product AS product ON product.id = sold.product_id
                  JOIN product_template AS template
                    ON template.id = product.product_tmpl_id
                   AND template.type <> 'service'
                  JOIN mrp_bom AS bom ON bom.product_tmpl_id = template.id
                 WHERE bom.active
                   AND bom.type = 'phantom'
                   AND (bom.product_id IS NULL OR bom.product_id = product.id)
                   AND (bom.company_id IS NULL OR bom.company_id = sold.company_id)
                 ORDER BY sold.product_id, sold.company_id,
                          bom.sequence, bom.product_id, bom.id
            ),
            exploded AS (
                SELECT top.product_id AS kit_id,
                       top.company_id,
                       top.bom_company_id,
                       top.picking_type_id,
                       top.product_id,
                       top.bom_id,
                       1::numeric AS quantity,
                       1::numeric AS line_quantity,
                       1::numeric AS line_factor,
                       ARRAY[top.product_id] AS path,
                       FALSE AS is_cyclic
                  FROM top
                 UNION ALL
                SELECT above.kit_id,
                       above.company_id,
                       above.bom_company_id,
                       above.picking_type_id,
                       line.product_id,
                       CASE WHEN line.product_id <> ALL(above.path)
                           THEN below.bom_id END,
                       taken.quantity * line_uom.factor / uom.factor,
                       taken.quantity,
                       line_uom.factor / uom.factor,
                       above.path || line.product_id,
                       line.product_id = ANY(above.path)
                  FROM exploded AS above
                  JOIN mrp_bom AS bom ON bom.id = above.bom_id
                  JOIN uom_uom AS bom_uom ON bom_uom.id = bom.product_uom_id
                  JOIN product_product AS kit ON kit.id = above.product_id
                  JOIN product_template AS kit_template
                    ON kit_template.id = kit.product_tmpl_id
                  JOIN uom_uom AS kit_uom ON kit_uom.id = kit_template.uom_id
                  JOIN mrp_bom_line AS line ON line.bom_id = bom.id
                  JOIN uom_uom AS line_uom ON line_uom.id = line.product_uom_id
                  JOIN product_product AS product ON product.id = line.product_id
                  JOIN product_template AS template
                    ON template.id = product.product_tmpl_id
                  JOIN uom_uom AS uom ON uom.id = template.uom_id
                 CROSS JOIN LATERAL (
                     SELECT above.quantity * kit_uom.factor / bom_uom.factor
                                / bom.product_qty * line.product_qty AS quantity
                 ) AS taken
                  LEFT JOIN LATERAL (%(below)s) AS below ON TRUE
                 WHERE bom.product_qty > 0
                   AND NOT above.is_cyclic
                   AND %(applies)s
            ),
            counted AS (
                SELECT exploded.kit_id,
                       exploded.company_id,
                       exploded.product_id,
                       exploded.is_cyclic,
                       CASE WHEN count(*) > 1
                           -- What is too little to be seen is one step as well.
                           THEN sum(greatest(1, ceil(line_quantity * %(step)s - 1e-6))
                                    / %(step)s * line_factor)
                           ELSE sum(quantity) END AS quantity
                  FROM exploded
                  JOIN product_product AS product ON product.id = exploded.product_id
                  JOIN product_template AS template
                    ON template.id = product.product_tmpl_id
                 WHERE exploded.bom_id IS NULL
                   AND (template.is_storable OR exploded.is_cyclic)
                   AND exploded.quantity > 0
                 GROUP BY exploded.kit_id, exploded.company_id, exploded.product_id,
                          exploded.is_cyclic
            )
            SELECT top.product_id,
                   top.company_id,
                   CASE WHEN NOT counted.is_cyclic THEN counted.product_id END
                       AS component_id,
                   coalesce(counted.quantity, 1) AS quantity
              FROM top
              LEFT JOIN counted
                     ON counted.kit_id = top.product_id
                    AND counted.company_id = top.company_id
            """,
            sold=sold,
            below=self._bom_below_query(),
            applies=self._line_applies_condition(),
            step=10 ** self.env["decimal.precision"].precision_get("Product Unit"),
        )

    def _bom_below_query(self):
        """The bill of a component that is a kit itself, if it has one."""
        return SQL(
            """
            SELECT nested.id AS bom_id
              FROM mrp_bom AS nested
             WHERE template.type <> 'service'
               AND nested.product_tmpl_id = template.id
               AND nested.active
               AND nested.type = 'phantom'
               AND (nested.product_id IS NULL OR nested.product_id = product.id)
               AND ((nested.company_id IS NULL
                     OR above.bom_company_id IS NULL
                     OR nested.company_id = above.bom_company_id)
                    AND (above.picking_type_id IS NULL
                         OR nested.picking_type_id IS NULL
                         OR nested.picking_type_id = above.picking_type_id)
                    OR nested.company_id IS NULL
                    OR nested.company_id = above.company_id)
             ORDER BY (above.bom_company_id IS NULL
                       OR nested.company_id IS NULL
                       OR nested.company_id = above.bom_company_id)
                      AND (above.picking_type_id IS NULL
                           OR nested.picking_type_id IS NULL
                           OR nested.picking_type_id = above.picking_type_id) DESC,
                      nested.sequence, nested.product_id, nested.id
             LIMIT 1
            """
        )

    def _line_applies_condition(self):
        """Whether a line is meant for this variant.

        The variant must have one of the line's values of each attribute the line
        names. Attributes that make no variants are chosen on the order only, so
        that such a line never counts here.
        """
        return SQL(
            """
            (SELECT coalesce(bool_and(attribute.create_variant <> 'no_variant'), TRUE)
                    AND count(owned.product_product_id)
                        = count(DISTINCT value.attribute_id)
               FROM mrp_bom_line_product_template_attribute_value_rel AS rel
               JOIN product_template_attribute_value AS value
                 ON value.id = rel.product_template_attribute_value_id
               JOIN product_attribute AS attribute
                 ON attribute.id = value.attribute_id
               LEFT JOIN product_variant_combination AS owned
                      ON owned.product_template_attribute_value_id = value.id
                     AND owned.product_product_id = above.product_id
              WHERE rel.mrp_bom_line_id = line.id)
            """
        )

    @api.model
    def _components_of(self, product, company):
        """Return what one unit of a product takes from stock.

        :return: dict of product id → quantity in that product's own unit, for one
            unit of the product; None when it is no kit. Empty when nothing of a kit
            can be counted.
        """
        self.env.flush_all()
        self.env.cr.execute(
            self._component_query(
                SQL("SELECT %s AS product_id, %s AS company_id", product.id, company.id)
            )
        )
        rows = self.env.cr.dictfetchall()
        if not rows:
            return None
        return {
            row["component_id"]: float(row["quantity"])
            for row in rows
            if row["component_id"]
        }

    @api.model
    def _above_query(self, changed):
        """Return the query of what is made of changed products, at any depth.

        Walks the bills upwards, one step for all products at once: what it costs
        depends on what changed, not on how many kits there are. Archived variants
        count too, for what a channel was told about them.

        :param SQL changed: query of (product_id, cause, changed_at).
        :return: query of the same columns, the changed products among them.
        """
        return SQL(
            """
            WITH RECURSIVE reached AS (
                %(changed)s
                 UNION
                SELECT product.id, reached.cause, reached.changed_at
                  FROM reached
                  JOIN mrp_bom_line AS line ON line.product_id = reached.product_id
                  JOIN mrp_bom AS bom ON bom.id = line.bom_id AND bom.type = 'phantom'
                  JOIN product_product AS product
                    ON product.product_tmpl_id = bom.product_tmpl_id
                   AND (bom.product_id IS NULL OR bom.product_id = product.id)
            )
            SELECT product_id, cause, changed_at FROM reached
            """,
            changed=changed,
        )
