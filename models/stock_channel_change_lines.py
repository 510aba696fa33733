"""All numbers a change would change, and what those of a draft channel are before."""

from odoo import api, models
from odoo.tools import SQL

from .stock_channel_availability import STEPS_FROM
from .stock_channel_change_effect import MOST_VALUE_FIRST, VALUES

BEFORE = SQL.identifier("stock_channel_change_before")


class StockChannelChangeLines(models.Model):
    _inherit = "stock.channel.change"

    # -------------------------------------------------------- channels in draft

    def _fill_before(self, steps, with_fed=False):
        """Compute what channels in draft would be told before these steps.

        Nothing is kept of a channel in draft, so there is no ledger to compare with;
        without this its whole stock would seem to be added by any change.

        :param bool with_fed: also those that a changed shelf merely feeds. They are
            told nothing, and do not count where a change is decided.
        :return: the channels in draft that count; ``_before_table`` asks for them.
        """
        about = self._channels_of_steps(steps, with_fed)
        drafts = about.filtered(lambda channel: channel.state == "draft")
        if not drafts:
            return drafts
        listings = drafts._all_listings()
        availability = self.env["stock.channel.availability"]
        query = availability._number_query(
            availability._scope_of(listings.ids), len(listings) > STEPS_FROM
        )
        self.env.cr.execute(SQL("DROP TABLE IF EXISTS %s", BEFORE))
        self.env.cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE %s ON COMMIT DROP AS
                SELECT listing_id, channel_location_id, wire FROM (%s) AS number
                """,
                BEFORE,
                query,
            )
        )
        return drafts

    def _channels_of_steps(self, steps, with_fed):
        """Return the channels these steps are about, as far as it shows in them."""
        channels = self.env["stock.channel"]
        for step in steps:
            if step["model"] == "stock.location" and not with_fed:
                continue
            model = self.env[step["model"]]
            made = step["op"] == "create"
            record = model if made else model.browse(step["id"]).exists()
            channels |= model._channels_of(record, None, step["after"])
        return channels

    def _before_table(self, drafts):
        if drafts:
            return BEFORE
        return SQL(
            "(SELECT 0 AS listing_id, 0 AS channel_location_id, 0 AS wire WHERE FALSE)"
        )

    # ---------------------------------------------------------------- all of it

    @api.model
    def _totals_by_place(self, company):
        """Return what changes at each channel location; called while it is changed.

        :return: list of dicts of ``channel``, ``place``, ``listings``, ``up`` and
            ``down`` in selling units, ``value_up`` and ``value_down`` in the
            company's currency.
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT channel.name, place.name, total.*
                  FROM (SELECT channel_id, channel_location_id, count(*),
                               sum(greatest(moved, 0)), sum(greatest(-moved, 0)),
                               sum(greatest(value, 0)), sum(greatest(-value, 0))
                          FROM %s
                         GROUP BY channel_id, channel_location_id) AS total
                  JOIN stock_channel AS channel ON channel.id = total.channel_id
                  LEFT JOIN stock_channel_location AS place
                         ON place.id = total.channel_location_id
                 ORDER BY channel.sequence, channel.id, place.sequence, place.id
                """,
                VALUES,
            )
        )
        rounded = company.currency_id.round
        return [
            {
                "channel": channel,
                "place": place or "",
                "listings": listings,
                "up": float(up),
                "down": float(down),
                "value_up": rounded(float(value_up)),
                "value_down": rounded(float(value_down)),
            }
            for (
                channel,
                place,
                _channel_id,
                _place_id,
                listings,
                up,
                down,
                value_up,
                value_down,
            ) in self.env.cr.fetchall()
        ]

    @api.model
    def _line_query(self, company):
        """Return the query of every number that differs, most value first.

        Good as long as the change is there, in the currency it was measured in.
        """
        return SQL(
            """
            SELECT listing_id,
                   channel_location_id,
                   channel_id,
                   product_id,
                   was,
                   becomes,
                   moved,
                   round(value::numeric, %s) AS value,
                   sellable,
                   rules,
                   limiting_product_id,
                   is_kit,
                   is_withdrawn
              FROM %s AS changed
             ORDER BY %s
            """,
            company.currency_id.decimal_places,
            VALUES,
            MOST_VALUE_FIRST,
        )
