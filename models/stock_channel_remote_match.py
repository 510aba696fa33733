import json

from odoo import api, models
from odoo.tools import SQL

from ..connectors.matching import Catalogue, Item, Pack, Reason, pack_size

# So many are matched in one transaction.
CHUNK = 1000


class StockChannelRemoteMatch(models.Model):
    """Proposes products for what the channel lists."""

    _inherit = "stock.channel.remote.listing"

    @api.model
    def _load_catalogue(self, channel):
        """Return all products of the channel's company, to be looked up in memory.

        In four statements, however many there are: what is read is a few words of
        each, and only while a worker matches.

        :return: (``Catalogue``, {product id: [(unit id, pieces in it), ...]}).
        """
        self.env.flush_all()
        items = [
            Item(key=key, sku=sku or "", barcode=barcode or "", name=name or "")
            for key, sku, barcode, name in self.env.execute_query(
                self._products_query(channel)
            )
        ]
        packs = [
            Pack(key=key, barcode=barcode, unit=unit)
            for key, barcode, unit in self.env.execute_query(self._packs_query(channel))
        ]
        prefixes = (channel.sku_prefixes or "").split(",")
        units = {}
        for key, unit, factor in self.env.execute_query(self._units_query(channel)):
            units.setdefault(key, []).append((unit, float(factor)))
        return Catalogue(items, packs, prefixes), units

    def _products_query(self, channel):
        """Return the query of what products are called, their variants included."""
        lang = channel.company_id.partner_id.lang or self.env.lang or "en_US"
        return SQL(
            """
            SELECT product.id, product.default_code, product.barcode,
                   concat_ws(' ', coalesce(template.name ->> %(lang)s,
                                           template.name ->> 'en_US'),
                             variant.names)
              FROM product_product AS product
              JOIN product_template AS template
                ON template.id = product.product_tmpl_id
              LEFT JOIN (
                   SELECT chosen.product_product_id AS id,
                          string_agg(coalesce(attribute.name ->> %(lang)s,
                                              attribute.name ->> 'en_US'), ' ') AS names
                     FROM product_variant_combination AS chosen
                     JOIN product_template_attribute_value AS value
                       ON value.id = chosen.product_template_attribute_value_id
                     JOIN product_attribute_value AS attribute
                       ON attribute.id = value.product_attribute_value_id
                    GROUP BY chosen.product_product_id) AS variant
                ON variant.id = product.id
             WHERE product.active AND template.type = 'consu'
               AND (template.company_id IS NULL OR template.company_id = %(company)s)
             ORDER BY product.id
            """,
            lang=lang,
            company=channel.company_id.id,
        )

    def _packs_query(self, channel):
        return SQL(
            """
            SELECT product_id, barcode, uom_id
              FROM product_uom
             WHERE company_id IS NULL OR company_id = %s
            """,
            channel.company_id.id,
        )

    def _units_query(self, channel):
        """Return the query of the packagings that products are sold in."""
        return SQL(
            """
            SELECT product.id, uom.id, uom.factor / own.factor
              FROM product_template_uom_uom_rel AS rel
              JOIN product_template AS template ON template.id = rel.product_template_id
              JOIN product_product AS product ON product.product_tmpl_id = template.id
              JOIN uom_uom AS uom ON uom.id = rel.uom_uom_id
              JOIN uom_uom AS own ON own.id = template.uom_id
             WHERE template.company_id IS NULL OR template.company_id = %s
             ORDER BY uom.id
            """,
            channel.company_id.id,
        )

    @api.model
    def _match_chunk(self, channel, after, catalogue, units):
        """Propose products for the next rows of a channel; two statements.

        What a person picked stays. The name is only asked where nothing is mapped.

        :param int after: id of the last row that was matched.
        :return: id of the last one now, None when nothing was left.
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT remote.id, remote.sku, remote.barcode, remote.title,
                       remote.pack_size, remote.match_kind, remote.product_id,
                       remote.confidence, remote.rival_id, remote.uom_id,
                       listing.product_id
                  FROM stock_channel_remote_listing AS remote
                  LEFT JOIN stock_channel_listing AS listing
                    ON listing.id = remote.listing_id
                 WHERE remote.channel_id = %s AND remote.id > %s
                   AND remote.gone_at IS NULL AND remote.state <> 'accepted'
                 ORDER BY remote.id
                 LIMIT %s
                """,
                channel.id,
                after,
                CHUNK,
            )
        )
        if not rows:
            return None
        self._write_matches([self._matched(row, catalogue, units) for row in rows])
        return rows[-1][0]

    @api.model
    def _matched(self, row, catalogue, units):
        """Return what matching says of one row."""
        row_id, sku, barcode, title, size, kind, product, percent, *more = row
        rival, unit, mapped = more
        if kind != "picked":
            found = catalogue.propose(
                sku or "", barcode or "", "" if mapped else title or ""
            )
            product, kind = found.key, found.reason and found.reason.value
            percent, rival, unit = found.percent, found.rival, found.unit
            if found.reason is Reason.SEVERAL:
                percent = 0
        target = mapped or product
        here = pack_size(catalogue.name(target)) if target else 1
        if kind != "picked" and not unit and size > 1 and here != size:
            fitting = [uom for uom, pieces in units.get(product, ()) if pieces == size]
            unit = fitting[0] if fitting else None
        return {
            "id": row_id,
            "product_id": product,
            "match_kind": kind,
            "confidence": percent,
            "rival_id": rival,
            "uom_id": unit,
            "here_pack": here,
        }

    @api.model
    def _write_matches(self, matches):
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_remote_listing AS row
                   SET product_id = found.product_id,
                       match_kind = found.match_kind,
                       confidence = found.confidence,
                       rival_id = found.rival_id,
                       uom_id = found.uom_id,
                       here_pack = found.here_pack,
                       matched_at = %(now)s,
                       -- The product that the SKU says has the reference it has now.
                       code_seen = CASE
                           WHEN found.match_kind IN ('sku', 'sku_alike')
                           THEN product.default_code ELSE row.code_seen END
                  FROM jsonb_to_recordset(%(found)s::jsonb) AS found (
                       id int, product_id int, match_kind text, confidence int,
                       rival_id int, uom_id int, here_pack int)
                  LEFT JOIN product_product AS product ON product.id = found.product_id
                 WHERE row.id = found.id
                """,
                found=json.dumps(matches),
                now=self.env.cr.now(),
            )
        )
        self.invalidate_model()
