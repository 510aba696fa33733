from odoo import models
from odoo.tools import SQL, format_datetime

from .stock_channel_freshness_report import plain_duration
from .stock_channel_readiness import NOT_ASKED, OK, UNRESOLVED, WARNING

# More than this many open exceptions are nobody's daily work any more.
MOST_EXCEPTIONS = 10


class StockChannelReadinessData(models.Model):
    """Lines about maps, numbers, orders and the queue."""

    _inherit = "stock.channel"

    def _moment_text(self, moment):
        """Return a moment as people of this channel read it."""
        return format_datetime(
            self.env, moment, tz=self.timezone or "UTC", dt_format="short"
        )

    # ------------------------------------------------------------------ maps

    def _ready_locations(self):
        # What the channel has closed needs no map.
        places = self.location_ids.filtered(lambda place: not place.is_closed)
        unmapped = places - places._mapped()
        asked_for = self._open_mapping_count("location")
        if not places:
            return UNRESOLVED, self.env._("The channel has no location yet.")
        if unmapped or asked_for:
            return UNRESOLVED, self.env._(
                "%(count)s of %(all)s locations have no stock or no warehouse behind "
                "them; %(unknown)s more were named by the channel.",
                count=len(unmapped),
                all=len(places),
                unknown=asked_for,
            )
        return OK, self.env._("All %s locations are mapped.", len(places))

    def _open_mapping_count(self, kind):
        return self.env["stock.channel.exception"].search_count(
            [
                ("channel_id", "=", self.id),
                ("state", "=", "open"),
                ("mapping_kind", "=", kind),
            ]
        )

    def _ready_items(self):
        listings = self.env["stock.channel.listing"].search_count(
            [("channel_id", "=", self.id)]
        )
        unmapped = self._open_mapping_count("item")
        unknown = self.env["stock.channel.publication"].search_count(
            [("channel_id", "=", self.id), ("drift", "=", "unknown")]
        )
        if not listings:
            return UNRESOLVED, self.env._("No item is mapped.")
        if unmapped or unknown:
            return UNRESOLVED, self.env._(
                "%(unmapped)s items of the channel belong to no product, and "
                "%(unknown)s numbers belong to items the channel does not have.",
                unmapped=unmapped,
                unknown=unknown,
            )
        if self._capabilities().read_back and not self.read_back_ended_at:
            return WARNING, self.env._(
                "%s listings are mapped; whether the channel knows them all is said "
                "by the first comparison.",
                listings,
            )
        return OK, self.env._("%s listings are mapped.", listings)

    def _ready_kits(self):
        if self.state == "live":
            # It walks through all bills of the catalogue, each time the page opens.
            return NOT_ASKED, self.env._(
                "Looked at before the channel went live, and in the weekly review since."
            )
        kits, empty = self._kit_counts()
        listings, wrong = self._unit_counts()
        if empty or wrong:
            return UNRESOLVED, self.env._(
                "%(empty)s of %(kits)s kits have no component that can be counted; "
                "%(wrong)s of %(listings)s listings have a unit that does not convert.",
                empty=empty,
                kits=kits,
                wrong=wrong,
                listings=listings,
            )
        return OK, self.env._(
            "%(kits)s kits have components; the units of %(listings)s listings convert.",
            kits=kits,
            listings=listings,
        )

    def _kits_query(self):
        """Return the query of (product_id, is_empty) of the kits this channel sells.

        Asked of everything it sells, not of the kits alone: expecting few, the
        database takes a minute to walk through their bills instead of half a second.
        """
        sold = SQL(
            """
            SELECT DISTINCT listing.product_id, %s::int AS company_id
              FROM stock_channel_listing AS listing
             WHERE listing.channel_id = %s AND listing.active
            """,
            self.company_id.id,
            self.id,
        )
        return SQL(
            """
            SELECT product_id, bool_or(component_id IS NULL) AS is_empty
              FROM (%s) AS component
             GROUP BY product_id
            """,
            self.env["stock.channel.kit"]._component_query(sold),
        )

    def _kit_counts(self):
        """Return (kits, those without anything to count) this channel sells."""
        return self._one_row(
            SQL(
                """
                SELECT count(*), count(*) FILTER (WHERE is_empty)
                  FROM (%s) AS kit
                """,
                self._kits_query(),
            )
        )

    def _unit_counts(self):
        """Return (listings, those whose unit is of another kind than the product's)."""
        return self._one_row(
            SQL(
                """
                SELECT count(*), count(*) FILTER (WHERE %s)
                  FROM stock_channel_listing AS listing
                  JOIN product_product AS product ON product.id = listing.product_id
                  JOIN product_template AS template
                    ON template.id = product.product_tmpl_id
                  JOIN uom_uom AS kept ON kept.id = template.uom_id
                  JOIN uom_uom AS sold ON sold.id = listing.uom_id
                 WHERE listing.channel_id = %s AND listing.active
                """,
                self._unit_differs_condition(),
                self.id,
            )
        )

    def _unit_differs_condition(self):
        return SQL(
            "split_part(kept.parent_path, '/', 1) "
            "<> split_part(sold.parent_path, '/', 1)"
        )

    def _kit_trouble_ids(self):
        """Return ids of the listings that the line about kits and units is about."""
        rows = self._rows(
            SQL(
                """
                SELECT listing.id
                  FROM stock_channel_listing AS listing
                  JOIN (%s) AS kit ON kit.product_id = listing.product_id
                 WHERE listing.channel_id = %s AND kit.is_empty
                 UNION
                SELECT listing.id
                  FROM stock_channel_listing AS listing
                  JOIN product_product AS product ON product.id = listing.product_id
                  JOIN product_template AS template
                    ON template.id = product.product_tmpl_id
                  JOIN uom_uom AS kept ON kept.id = template.uom_id
                  JOIN uom_uom AS sold ON sold.id = listing.uom_id
                 WHERE listing.channel_id = %s AND %s
                """,
                self._kits_query(),
                self.id,
                self.id,
                self._unit_differs_condition(),
            )
        )
        return [listing_id for (listing_id,) in rows]

    def _rows(self, query):
        self.env.flush_all()
        return self.env.execute_query(query)

    def _one_row(self, query):
        (row,) = self._rows(query)
        return row

    # --------------------------------------------------------------- numbers

    def _ready_lag(self):
        target = self.env._("%s minutes", self.freshness_target)
        now = self.env.cr.now()
        falls = self._freshness(now)["fall"]["day"]
        waiting_since = self._oldest_uncomputed_at()
        if self.state != "draft" and self._is_before_target(waiting_since, now):
            return UNRESOLVED, self.env._(
                "The target is %(target)s, and a stock change waits for its number "
                "for %(waited)s.",
                target=target,
                waited=plain_duration((now - waiting_since).total_seconds()),
            )
        if falls["count"]:
            is_met = falls["p95"] <= self.freshness_target * 60
            return OK if is_met else UNRESOLVED, self.env._(
                "The target is %(target)s; 95 of 100 falls took %(took)s or less.",
                target=target,
                took=plain_duration(falls["p95"]),
            )
        if self.state == "draft":
            return OK, self.env._("The target is %s, measured from shadow on.", target)
        return OK, self.env._(
            "The target is %s; no stock change waits longer for its number.", target
        )

    def _ready_shadow(self):
        if not self.shadow_hours:
            return WARNING, self.env._("No time in shadow is asked for.")
        if self.state != "shadow" or not self.shadow_at:
            return UNRESOLVED, self.env._(
                "Put the channel in shadow for %s hours.", self.shadow_hours
            )
        left = self._in_shadow_long_enough()
        if left.total_seconds() > 0:
            return UNRESOLVED, self.env._(
                "In shadow since %(since)s, for %(left)s more.",
                since=self._moment_text(self.shadow_at),
                left=plain_duration(left.total_seconds()),
            )
        if not self._capabilities().read_back:
            return OK, self.env._(
                "In shadow since %s; this kind of channel cannot be compared.",
                self._moment_text(self.shadow_at),
            )
        return self._ready_comparison()

    def _ready_comparison(self):
        """Whether what shadow found was looked at by somebody who signed it."""
        if not self.read_back_ended_at or self.read_back_ended_at < self.shadow_at:
            return UNRESOLVED, self.env._(
                "The catalogue was not compared as a whole yet."
            )
        Publication = self.env["stock.channel.publication"]
        mine = [("channel_id", "=", self.id)]
        count = Publication.search_count(mine)
        differing = Publication.search_count([*mine, ("drift", "=", "shadow")])
        if not differing:
            return OK, self.env._("All %s numbers agree.", count)
        signed = self.env["stock.channel.match"].search(
            [
                *mine,
                ("requested_at", ">=", self.shadow_at),
                ("review_id.state", "=", "signed"),
            ],
            limit=1,
        )
        if signed:
            return OK, self.env._(
                "%(differing)s of %(count)s numbers differ, as %(who)s signed.",
                differing=differing,
                count=count,
                who=signed.review_id.signed_by_id.name,
            )
        return UNRESOLVED, self.env._(
            "%(differing)s of %(count)s numbers would be told otherwise than the "
            "channel shows, and nobody has signed that yet.",
            differing=differing,
            count=count,
        )

    # ----------------------------------------------------------------- orders

    def _ready_money(self):
        missing = []
        if not self.shipping_product_id:
            missing.append(self.env._("a product for delivery charges"))
        if missing:
            return UNRESOLVED, self.env._("Missing: %s.", ", ".join(missing))
        totals = self.env["stock.channel.exception"].search_count(
            [
                ("channel_id", "=", self.id),
                ("state", "=", "open"),
                ("field", "=", "total"),
            ]
        )
        remarks = []
        if totals:
            remarks.append(
                self.env._("the totals of %s orders differ from the channel's", totals)
            )
        if not self.pricelist_id:
            remarks.append(self.env._("no price list is chosen"))
        if self.ship_from == "unpaid":
            remarks.append(self.env._("unpaid orders are shipped"))
        if remarks:
            return WARNING, self.env._("As it is set: %s.", "; ".join(remarks))
        return OK, self.env._("Price list %s.", self.pricelist_id.name)

    def _ready_exceptions(self):
        groups = self.env["stock.channel.exception"]._read_group(
            [("channel_id", "=", self.id), ("state", "=", "open")],
            ["category"],
            ["__count"],
        )
        total = sum(count for _category, count in groups)
        if not total:
            return OK, self.env._("Nothing is open.")
        labels = dict(
            self.env["stock.channel.exception"]
            ._fields["category"]
            ._description_selection(self.env)
        )
        state = UNRESOLVED if total > MOST_EXCEPTIONS else WARNING
        return state, self.env._(
            "%(total)s are open: %(parts)s.",
            total=total,
            parts=", ".join(
                f"{labels[category]} {count}" for category, count in groups
            ),
        )
