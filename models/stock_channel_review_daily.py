from datetime import timedelta

from odoo import fields, models
from odoo.tools import SQL

from .stock_channel_review_finding import KINDS

# What was paused for longer is forgotten rather than paused.
PAUSED_TOO_LONG = timedelta(hours=24)
# A finding leads to no more records than this; the match has all of them.
MOST_LED_TO = 1000
# So many SKUs are named in a sentence.
NAMED = 5


class StockChannelReviewDaily(models.Model):
    """Findings of the day: what is wrong now, and what failed since the last one."""

    _inherit = "stock.channel.review"

    def _find_daily(self, channel):
        """Return the findings about one channel, in the order they are read."""
        match = self.match_ids.filtered(lambda m: m.channel_id == channel)[:1]
        return [
            *match._prepare_findings(),
            self._find_failures(channel),
            self._find_mismatches(channel),
            self._find_sold_out(channel),
            self._find_late(channel),
            self._find_held(channel),
            self._find_paused(channel),
        ]

    def _finding(self, kind, count, fact, **more):
        return self.env["stock.channel.review.finding"]._prepare(
            kind, count, fact, **more
        )

    def _period_domain(self, name):
        """Return the domain of what happened within the period, as JSON keeps it."""
        return [
            (name, ">=", fields.Datetime.to_string(self.start_at)),
            (name, "<", fields.Datetime.to_string(self.end_at)),
        ]

    def _find_failures(self, channel):
        Exceptions = self.env["stock.channel.exception"]
        domain = [("channel_id", "=", channel.id), ("state", "=", "open")]
        groups = Exceptions._read_group(domain, ["category"], ["__count"])
        total = sum(count for _category, count in groups)
        new = Exceptions.search_count(
            [("channel_id", "=", channel.id), *self._period_domain("first_seen_at")]
        )
        labels = dict(Exceptions._fields["category"]._description_selection(self.env))
        parts = ", ".join(f"{labels[category]} {count}" for category, count in groups)
        if not total:
            fact = self.env._("Nothing is open; %s came up in these days.", new)
        else:
            fact = self.env._(
                "%(total)s are open (%(parts)s); %(new)s came up in these days.",
                total=total,
                parts=parts,
                new=new,
            )
        return self._finding(
            "failures", total, fact, model=Exceptions._name, domain=domain
        )

    def _find_mismatches(self, channel):
        Publication = self.env["stock.channel.publication"]
        domain = [
            ("channel_id", "=", channel.id),
            ("drift", "in", ["edited", "unknown", "refused", "late", "shadow"]),
        ]
        groups = Publication._read_group(domain, ["drift"], ["__count"])
        labels = dict(Publication._fields["drift"]._description_selection(self.env))
        total = sum(count for _drift, count in groups)
        if not total:
            fact = self.env._("The channel shows what it should.")
        else:
            fact = ", ".join(f"{labels[drift]} {count}" for drift, count in groups)
        return self._finding(
            "mismatches", total, fact, model=Publication._name, domain=domain
        )

    def _sold_out_query(self, channel):
        """Return the query of the numbers that are nothing here and something there.

        What the channel shows is what was read last, or what it took since.
        """
        return SQL(
            """
            SELECT shown.id, shown.listing_id, shown.quantity - shown.wanted_qty
                       AS excess
              FROM (
                  SELECT row.id, row.listing_id, row.wanted_qty,
                         CASE WHEN row.observed_at >=
                                   coalesce(row.expected_at, '-infinity')
                             THEN row.observed_qty ELSE row.expected_qty END
                             AS quantity
                    FROM stock_channel_publication AS row
                   WHERE row.channel_id = %s
                     AND coalesce(row.published, 0) <= 0
                     AND coalesce(row.observed_at, row.expected_at) IS NOT NULL
              ) AS shown
             WHERE shown.quantity > shown.wanted_qty + 1e-6
             ORDER BY excess DESC, shown.id
            """,
            channel.id,
        )

    def _find_sold_out(self, channel):
        self.env.flush_all()
        rows = self.env.execute_query(self._sold_out_query(channel))
        if not rows:
            return self._finding(
                "sold_out", 0, self.env._("Nothing sold out is still shown.")
            )
        listings = self.env["stock.channel.listing"].browse(row[1] for row in rows)
        prices = listings._unit_prices()
        value = sum(
            prices[listing_id] * float(excess) for _id, listing_id, excess in rows
        )
        return self._finding(
            "sold_out",
            len(rows),
            self.env._(
                "The channel shows some of what is sold out here: %s.",
                self._some_skus(listings),
            ),
            value=value,
            model="stock.channel.publication",
            domain=[("id", "in", [row[0] for row in rows[:MOST_LED_TO]])],
        )

    def _some_skus(self, listings):
        """Return the first SKUs in words, and how many more there are."""
        skus = listings.mapped("sku")
        named = ", ".join(skus[:NAMED])
        rest = len(skus) - NAMED
        if rest > 0:
            return self.env._("%(named)s and %(rest)s more", named=named, rest=rest)
        return named

    def _find_late(self, channel):
        if channel.state != "live":
            return self._finding(
                "late", 0, self.env._("Not live: nothing is told, so nothing is late.")
            )
        count, falls, oldest = channel._late_rows(self.env.cr.now())
        if not count:
            return self._finding(
                "late",
                0,
                self.env._(
                    "No number is older than the target of %s minutes.",
                    channel.freshness_target,
                ),
            )
        return self._finding(
            "late",
            count,
            self.env._(
                "%(count)s numbers are older than %(target)s minutes, %(falls)s of "
                "them falls; the oldest is %(oldest)s.",
                count=count,
                target=channel.freshness_target,
                falls=falls,
                oldest=oldest._name_it(),
            ),
            model="stock.channel.publication",
            domain=[("channel_id", "=", channel.id), ("state", "!=", "clean")],
        )

    def _find_held(self, channel):
        domain = [("channel_id", "=", channel.id), ("state", "=", "held")]
        count = self.env["stock.channel.push"].search_count(domain)
        fact = self.env._("No push is held.")
        if count:
            fact = self.env._("%s pushes wait for somebody who releases them.", count)
        return self._finding(
            "held", count, fact, model="stock.channel.push", domain=domain
        )

    def _find_paused(self, channel):
        """Whatever is paused keeps the number it has, right or wrong."""
        since = self.env.cr.now() - PAUSED_TOO_LONG
        domain = [
            ("channel_id", "=", channel.id),
            ("paused_at", "<=", fields.Datetime.to_string(since)),
        ]
        paused = self.env["stock.channel.paused"]
        count = paused.search_count(domain)
        fact = self.env._("Nothing is paused for longer than a day.")
        if count:
            fact = self.env._(
                "Paused for over a day: %s.",
                ", ".join(paused.search(domain, limit=NAMED).mapped("name"))
                + (" …" if count > NAMED else ""),
            )
        return self._finding(
            "paused", count, fact, model="stock.channel.paused", domain=domain
        )

    def _match_done(self, match):
        """Take over what a match found, as long as nobody has signed."""
        if self.state == "signed":
            return
        wanted = [kind for kind, _title in KINDS[:2]]
        mine = self.finding_ids.filtered(
            lambda f: f.channel_id == match.channel_id and f.kind in wanted
        )
        by_kind = {vals["kind"]: vals for vals in match._prepare_findings()}
        for finding in mine:
            finding.write(by_kind[finding.kind])
