from odoo import api, models
from odoo.tools import SQL


class StockChannelAvailabilityReserved(models.AbstractModel):
    """Whether what a number subtracts as reserved is reserved for something."""

    _inherit = "stock.channel.availability"

    @api.model
    def _reserved_without_document(self, channel):
        """Find what is reserved on this channel's shelves for no open move line.

        A quant's reserved quantity and the lines that reserve it are two columns;
        Odoo keeps them together and clamps the former at zero, so they can differ.
        Compared per lot, package and owner, over sellable shelves and own goods; a
        date that has passed makes no difference, it is the same fault. Lines of
        drafts reserve too, until Odoo's own clean-up: either is right for them.

        :return: list of (product id, location id, quantity in the product's unit);
            the quantity is negative when more is promised by lines than reserved.
            Where lots of one shelf are wrong against each other and the sum is
            right, it is what one of them has too much.
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                WITH shelf AS (
                    SELECT DISTINCT location.id AS location_id,
                           company.partner_id
                      FROM stock_channel_location AS place
                      JOIN stock_channel_location_stock_location_rel AS rel
                        ON rel.channel_location_id = place.id
                      JOIN stock_location AS root ON root.id = rel.location_id
                      JOIN stock_location AS location
                        ON location.parent_path LIKE root.parent_path || '%%'
                      JOIN res_company AS company
                        ON company.id = coalesce(location.company_id, %(company)s)
                     WHERE place.channel_id = %(channel)s
                       AND place.active
                       AND location.usage = 'internal'
                       AND location.effective_stock_condition = 'sellable'
                       AND company.id = %(company)s
                ),
                held AS (
                    SELECT quant.product_id, quant.location_id,
                           coalesce(quant.lot_id, 0) AS lot_id,
                           coalesce(quant.package_id, 0) AS package_id,
                           coalesce(quant.owner_id, 0) AS owner_id,
                           sum(quant.reserved_quantity)::numeric AS reserved
                      FROM stock_quant AS quant
                      JOIN shelf USING (location_id)
                     WHERE quant.reserved_quantity <> 0
                       AND coalesce(quant.owner_id, shelf.partner_id)
                           = shelf.partner_id
                     GROUP BY 1, 2, 3, 4, 5
                ),
                documented AS (
                    SELECT line.product_id, line.location_id,
                           coalesce(line.lot_id, 0) AS lot_id,
                           coalesce(line.package_id, 0) AS package_id,
                           coalesce(line.owner_id, 0) AS owner_id,
                           coalesce(sum(line.quantity_product_uom) FILTER (
                               WHERE line.state <> 'draft'), 0)::numeric AS least,
                           sum(line.quantity_product_uom)::numeric AS most
                      FROM stock_move_line AS line
                      JOIN shelf USING (location_id)
                      JOIN product_product AS product
                        ON product.id = line.product_id
                      JOIN product_template AS template
                        ON template.id = product.product_tmpl_id
                     WHERE line.state NOT IN ('done', 'cancel')
                       AND line.quantity_product_uom <> 0
                       AND template.is_storable
                       AND coalesce(line.owner_id, shelf.partner_id)
                           = shelf.partner_id
                     GROUP BY 1, 2, 3, 4, 5
                ),
                difference AS (
                    SELECT product_id, location_id,
                           round(greatest(0, coalesce(held.reserved, 0)
                                             - coalesce(documented.most, 0))
                                 + least(0, coalesce(held.reserved, 0)
                                            - coalesce(documented.least, 0)),
                                 6) AS quantity
                      FROM held
                      FULL JOIN documented
                     USING (product_id, location_id, lot_id, package_id, owner_id)
                )
                SELECT product_id, location_id,
                       coalesce(nullif(sum(quantity), 0),
                                sum(quantity) FILTER (WHERE quantity > 0))
                  FROM difference
                 WHERE quantity <> 0
                 GROUP BY product_id, location_id
                 ORDER BY product_id, location_id
                """,
                channel=channel.id,
                company=channel.company_id.id,
            )
        )
        return self.env.cr.fetchall()
