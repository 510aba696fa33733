from odoo import models
from odoo.tools import SQL

# So many new items are named.
NAMED_ITEMS = 5
MAP_MODELS = ["stock.channel.listing", "stock.channel.location"]


class StockChannelReviewWeekly(models.Model):
    """Findings of the week: what is sold, and what it is mapped to."""

    _inherit = "stock.channel.review"

    def _find_weekly(self, channel):
        return [
            self._find_new_items(channel),
            self._find_bundles(channel),
            self._find_audited(
                channel,
                "maps",
                MAP_MODELS,
                self.env._("No map was changed."),
            ),
            self._find_unmapped(channel),
        ]

    def _find_new_items(self, channel):
        domain = [
            ("channel_id", "=", channel.id),
            *self._period_domain("create_date"),
        ]
        count = self.env["stock.channel.listing"].search_count(domain)
        some = self.env["stock.channel.listing"].search(domain, limit=NAMED_ITEMS)
        fact = self.env._("No item is new.")
        if count:
            fact = self.env._(
                "%(count)s items are new, such as %(some)s.",
                count=count,
                some=", ".join(some.mapped("sku")),
            )
        return self._finding(
            "new_items", count, fact, model="stock.channel.listing", domain=domain
        )

    def _find_bundles(self, channel):
        """Kits sold by this channel of which the components were changed."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT bom.id
                  FROM stock_channel_listing AS listing
                  JOIN product_product AS product ON product.id = listing.product_id
                  JOIN mrp_bom AS bom
                    ON bom.product_tmpl_id = product.product_tmpl_id
                   AND bom.type = 'phantom'
                  LEFT JOIN mrp_bom_line AS line ON line.bom_id = bom.id
                 WHERE listing.channel_id = %(channel)s
                   AND (bom.company_id IS NULL OR bom.company_id = %(company)s)
                   AND (bom.write_date >= %(start)s AND bom.write_date < %(end)s
                        OR line.write_date >= %(start)s AND line.write_date < %(end)s)
                """,
                channel=channel.id,
                company=channel.company_id.id,
                start=self.start_at,
                end=self.end_at,
            )
        )
        fact = self.env._("No kit was changed.")
        if rows:
            fact = self.env._("The components of %s kits were changed.", len(rows))
        return self._finding(
            "bundles",
            len(rows),
            fact,
            model="mrp.bom",
            domain=[("id", "in", [bom_id for (bom_id,) in rows])],
        )

    def _find_audited(self, channel, kind, models_, nothing):
        """What the audit says was changed of these models."""
        Audit = self.env["stock.channel.audit"]
        domain = [
            ("channel_id", "=", channel.id),
            ("res_model", "in", models_),
            *self._period_domain("happened_at"),
        ]
        groups = Audit._read_group(domain, ["action"], ["__count"])
        labels = dict(Audit._fields["action"]._description_selection(self.env))
        fact = ", ".join(f"{labels[action]} {count}" for action, count in groups)
        return self._finding(
            kind,
            sum(count for _action, count in groups),
            fact or nothing,
            model="stock.channel.audit",
            domain=domain,
        )

    def _find_unmapped(self, channel):
        domain = [
            ("channel_id", "=", channel.id),
            ("state", "=", "open"),
            ("category", "=", "mapping"),
        ]
        asked = self.env["stock.channel.exception"].search_count(domain)
        places = channel.location_ids.filtered(lambda place: not place.is_closed)
        empty = places - places._mapped()
        fact = self.env._("Everything the channel named is mapped.")
        if asked or empty:
            fact = self.env._(
                "%(asked)s ids of the channel are mapped to nothing, and %(empty)s of "
                "its locations have no stock behind them.",
                asked=asked,
                empty=len(empty),
            )
        return self._finding(
            "unmapped",
            asked + len(empty),
            fact,
            model="stock.channel.exception" if asked else "stock.channel.location",
            domain=domain if asked else [("id", "in", empty.ids)],
        )
