"""The statements behind the channel's catalogue: what is listed, and what is odd."""

import json

from odoo import api, models
from odoo.tools import SQL

from ..connectors.matching import pack_size, unit_kind

# Longer is no id or name that anybody has entered.
ID_LENGTH = 250
TITLE_LENGTH = 500
# From so many rows on it pays to count them first.
MANY = 1000
# The unit that each kind of unit is measured in.
ROOTS = {
    "count": "uom.product_uom_unit",
    "weight": "uom.product_uom_kgm",
    "volume": "uom.product_uom_litre",
    "length": "uom.product_uom_meter",
    "area": "uom.product_uom_square_meter",
}
# What says so strongly which product it is that a map to another one is odd.
STRONG = ["sku", "sku_alike", "barcode", "picked"]


def is_clean(text):
    """Return whether a database keeps this text as it is."""
    if "\0" in text or len(text) > ID_LENGTH:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def cleaned(text, length=TITLE_LENGTH):
    """Return as much of a text as a database keeps."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:length]


class StockChannelRemoteJudge(models.Model):
    _inherit = "stock.channel.remote.listing"

    # ------------------------------------------------------------------ storing

    @api.model
    def _store(self, channel, listings, number):
        """Keep a page of what the channel lists; one statement, however many.

        :param listings: ``RemoteListing`` objects; the last one of an id counts.
        :param int number: of the reading that they belong to.
        :return: (how many are new, how many could not be kept).
        """
        items, unusable = {}, 0
        for listing in listings:
            external_id = listing.item_id or listing.sku
            if not external_id or not (is_clean(listing.sku) and is_clean(external_id)):
                unusable += 1
                continue
            times = items[external_id]["times"] if external_id in items else 0
            items[external_id] = self._stored_values(listing, external_id, times + 1)
        if not items:
            return 0, unusable
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO stock_channel_remote_listing AS known
                       (channel_id, company_id, external_id, sku, item_id, title,
                        barcode, unit, is_tracked, pack_size, unit_kind, times, round,
                        first_seen, last_seen, state, is_open, confidence)
                SELECT %(channel)s, %(company)s, item.external_id,
                       nullif(item.sku, ''), nullif(item.item_id, ''),
                       nullif(item.title, ''), nullif(item.barcode, ''),
                       nullif(item.unit, ''), item.is_tracked, item.pack_size,
                       nullif(item.unit_kind, ''), item.times, %(round)s,
                       %(now)s, %(now)s, 'new', FALSE, 0
                  FROM jsonb_to_recordset(%(items)s::jsonb) AS item (
                       external_id text, sku text, item_id text, title text,
                       barcode text, unit text, is_tracked boolean, pack_size int,
                       unit_kind text, times int)
                    ON CONFLICT (channel_id, external_id) DO UPDATE
                   SET sku = EXCLUDED.sku,
                       item_id = EXCLUDED.item_id,
                       title = EXCLUDED.title,
                       barcode = EXCLUDED.barcode,
                       unit = EXCLUDED.unit,
                       is_tracked = EXCLUDED.is_tracked,
                       pack_size = EXCLUDED.pack_size,
                       unit_kind = EXCLUDED.unit_kind,
                       times = EXCLUDED.times + CASE
                           WHEN known.round = EXCLUDED.round THEN known.times ELSE 0
                           END,
                       round = EXCLUDED.round,
                       last_seen = EXCLUDED.last_seen,
                       gone_at = NULL,
                       -- Another SKU or barcode: what was decided was about something
                       -- else.
                       state = CASE
                           WHEN (known.sku, known.barcode)
                                IS DISTINCT FROM (EXCLUDED.sku, EXCLUDED.barcode)
                                AND known.state = 'ignored'
                           THEN 'new' ELSE known.state END,
                       match_kind = CASE
                           WHEN (known.sku, known.barcode)
                                IS DISTINCT FROM (EXCLUDED.sku, EXCLUDED.barcode)
                           THEN NULL ELSE known.match_kind END
                RETURNING xmax = 0
                """,
                channel=channel.id,
                company=channel.company_id.id,
                round=number,
                now=self.env.cr.now(),
                items=json.dumps(list(items.values())),
            )
        )
        self.invalidate_model()
        return sum(is_new for (is_new,) in rows), unusable

    @api.model
    def _stored_values(self, listing, external_id, times):
        title = cleaned(listing.title)
        return {
            "external_id": external_id,
            "sku": listing.sku,
            "item_id": listing.item_id,
            "title": title,
            "barcode": cleaned(listing.barcode, ID_LENGTH),
            "unit": cleaned(listing.unit, ID_LENGTH),
            "is_tracked": listing.tracked,
            "pack_size": pack_size(title),
            "unit_kind": unit_kind(listing.unit),
            "times": times,
        }

    @api.model
    def _note_gone(self, channel, number):
        """Date what a complete reading did not see any more; returns how many."""
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE stock_channel_remote_listing
                   SET gone_at = %s
                 WHERE channel_id = %s AND gone_at IS NULL AND round <> %s
                RETURNING id
                """,
                self.env.cr.now(),
                channel.id,
                number,
            )
        )
        self.invalidate_model()
        return len(rows)

    # ------------------------------------------------------------------ judging

    def _judge_rows(self):
        """Judge these anew, and those that share their SKU or product with them."""
        if self:
            self._judge(SQL("remote.id IN (%s)", self._neighbours()))

    def _neighbours(self):
        return SQL(
            """
            SELECT beside.id
              FROM stock_channel_remote_listing AS one
              JOIN stock_channel_remote_listing AS beside
                ON beside.channel_id = one.channel_id
               AND (beside.id = one.id OR beside.sku = one.sku
                    OR beside.target_id IN (one.target_id, one.product_id))
             WHERE one.id = ANY(%s)
            """,
            self.ids,
        )

    @api.model
    def _judge_channel(self, channel):
        """Judge all that one channel lists."""
        self._judge(SQL("remote.channel_id = %s", channel.id))

    @api.model
    def _judge(self, which):
        """Say what each is mapped to and what is odd about it; two statements.

        :param which: ``SQL`` condition on ``remote``.
        """
        self.env.flush_all()
        ids = [row_id for (row_id,) in self._query_ids(which)]
        if len(ids) > MANY:
            # A catalogue that was read a minute ago has no statistics: each row would
            # be compared with all of its channel.
            self.env.cr.execute(SQL("ANALYZE stock_channel_remote_listing"))
        if ids:
            self.env.cr.execute(self._link_query(ids))
            self.env.cr.execute(self._flag_query(ids))
        self.invalidate_model()

    def _query_ids(self, which):
        # Linking changes by what rows are chosen, so they are chosen first.
        return self.env.execute_query(
            SQL(
                "SELECT remote.id FROM stock_channel_remote_listing AS remote WHERE %s",
                which,
            )
        )

    def _link_query(self, ids):
        """Return what finds the map of each: the one ``_find`` would find."""
        return SQL(
            """
            UPDATE stock_channel_remote_listing AS row
               SET listing_id = linked.listing_id,
                   state = linked.state,
                   product_id = linked.product_id,
                   target_id = coalesce(linked.mapped_id, linked.product_id),
                   code_seen = linked.code_seen
              FROM (
                  SELECT remote.id, listing.id AS listing_id,
                         listing.product_id AS mapped_id,
                         CASE WHEN remote.match_kind = ANY(%(strong)s)
                              THEN coalesce(remote.product_id, listing.product_id)
                              WHEN listing.id IS NOT NULL THEN listing.product_id
                              WHEN remote.match_kind = 'name' THEN remote.product_id
                              END AS product_id,
                         CASE WHEN remote.state = 'ignored' AND
                                   listing.id IS NOT DISTINCT FROM remote.listing_id
                              THEN 'ignored'
                              WHEN listing.id IS NOT NULL THEN 'mapped'
                              WHEN remote.state = 'accepted' THEN 'accepted'
                              WHEN remote.product_id IS NOT NULL
                                   AND remote.match_kind IS NOT NULL
                              THEN 'proposed'
                              WHEN remote.matched_at IS NULL THEN 'new'
                              ELSE 'unmatched' END AS state,
                         CASE WHEN listing.id IS NULL THEN NULL
                              WHEN remote.code_seen IS NULL
                                   AND lower(trim(product.default_code))
                                       = lower(trim(remote.sku))
                              THEN product.default_code
                              ELSE remote.code_seen END AS code_seen
                    FROM stock_channel_remote_listing AS remote
                    LEFT JOIN LATERAL (
                         SELECT map.id, map.product_id
                           FROM stock_channel_listing AS map
                          WHERE map.channel_id = remote.channel_id
                            AND (map.item_id = remote.item_id
                                 OR map.sku = remote.sku
                                    AND (coalesce(map.item_id, '') = ''
                                         OR remote.item_id IS NULL))
                          ORDER BY coalesce(map.item_id = remote.item_id, FALSE) DESC,
                                   map.active DESC, map.id
                          LIMIT 1) AS listing ON TRUE
                    LEFT JOIN product_product AS product
                      ON product.id = listing.product_id
                   WHERE remote.id = ANY(%(ids)s)
              ) AS linked
             WHERE row.id = linked.id
               AND (row.listing_id, row.state, row.product_id, row.target_id,
                    row.code_seen)
                   IS DISTINCT FROM
                   (linked.listing_id, linked.state, linked.product_id,
                    coalesce(linked.mapped_id, linked.product_id), linked.code_seen)
            """,
            ids=ids,
            strong=STRONG,
        )

    def _flag_query(self, ids):
        roots = {kind: self.env.ref(xml_id).id for kind, xml_id in ROOTS.items()}
        return SQL(
            """
            UPDATE stock_channel_remote_listing AS row
               SET is_duplicate_sku = judged.is_duplicate_sku,
                   is_shared = judged.is_shared,
                   is_unit_mismatch = judged.is_unit_mismatch,
                   conflict = judged.conflict,
                   is_open = %(is_open)s
              FROM (%(judged)s) AS judged
             WHERE row.id = judged.id
               AND (row.is_duplicate_sku, row.is_shared, row.is_unit_mismatch,
                    row.conflict, row.is_open)
                   IS DISTINCT FROM
                   (judged.is_duplicate_sku, judged.is_shared,
                    judged.is_unit_mismatch, judged.conflict, %(is_open)s)
            """,
            judged=self._judged(ids, json.dumps(roots)),
            is_open=SQL(
                """
                (judged.state NOT IN ('new', 'accepted', 'ignored') AND CASE
                    WHEN judged.gone_at IS NOT NULL
                    THEN coalesce(judged.is_map_active, FALSE)
                    ELSE judged.state <> 'mapped' OR judged.conflict IS NOT NULL
                         OR judged.is_duplicate_sku OR judged.is_shared
                         OR judged.is_unit_mismatch OR NOT judged.is_tracked
                    END)
                """
            ),
        )

    def _judged(self, ids, roots):
        """Return the query of what is odd about each."""
        return SQL(
            """
            SELECT remote.id, remote.state, remote.gone_at, remote.is_tracked,
                   listing.active AS is_map_active,
                   remote.gone_at IS NULL AND remote.sku IS NOT NULL
                   AND (remote.times > 1 OR EXISTS (
                       SELECT 1 FROM stock_channel_remote_listing AS twin
                        WHERE twin.channel_id = remote.channel_id
                          AND twin.sku = remote.sku
                          AND twin.id <> remote.id AND twin.gone_at IS NULL
                   )) AS is_duplicate_sku,
                   remote.gone_at IS NULL AND EXISTS (
                       SELECT 1 FROM stock_channel_remote_listing AS twin
                        WHERE twin.target_id = remote.target_id
                          AND twin.channel_id = remote.channel_id
                          AND twin.id <> remote.id AND twin.gone_at IS NULL
                          AND twin.state <> 'ignored'
                   ) AS is_shared,
                   remote.gone_at IS NULL AND uom.id IS NOT NULL AND (
                       coalesce(root.id <> (%(roots)s::jsonb ->> remote.unit_kind)::int,
                                FALSE)
                       OR remote.pack_size > 1
                          AND root.id = (%(roots)s::jsonb ->> 'count')::int
                          AND abs(uom.factor - remote.pack_size) > 1e-6
                          AND (remote.pack_size <> coalesce(remote.here_pack, 1)
                               OR abs(uom.factor - 1) > 1e-6)
                   ) AS is_unit_mismatch,
                   CASE WHEN remote.gone_at IS NOT NULL THEN NULL
                        WHEN listing.active AND remote.product_id <> listing.product_id
                             AND remote.match_kind = ANY(%(strong)s)
                        THEN 'product'
                        WHEN remote.rival_id IS NOT NULL
                             AND remote.match_kind IN ('sku', 'sku_alike')
                        THEN 'clash'
                        WHEN listing.active AND listing.sku <> remote.sku
                        THEN 'sku_there'
                        WHEN listing.active AND remote.code_seen IS NOT NULL
                             AND product.default_code
                                 IS DISTINCT FROM remote.code_seen
                             AND lower(trim(product.default_code))
                                 IS DISTINCT FROM lower(trim(remote.sku))
                        THEN 'sku_here' END AS conflict
              FROM stock_channel_remote_listing AS remote
              LEFT JOIN stock_channel_listing AS listing
                ON listing.id = remote.listing_id
              LEFT JOIN product_product AS product ON product.id = remote.target_id
              LEFT JOIN product_template AS template
                ON template.id = product.product_tmpl_id
              LEFT JOIN uom_uom AS uom
                ON uom.id = coalesce(listing.uom_id, remote.uom_id, template.uom_id)
              LEFT JOIN uom_uom AS root
                ON root.id = split_part(uom.parent_path, '/', 1)::int
             WHERE remote.id = ANY(%(ids)s)
            """,
            roots=roots,
            strong=STRONG,
            ids=ids,
        )


class StockChannelListing(models.Model):
    """A map that is made, changed or removed changes what is odd at the channel."""

    _inherit = "stock.channel.listing"

    @api.model_create_multi
    def create(self, vals_list):
        listings = super().create(vals_list)
        listings._judge_remote()
        return listings

    def write(self, vals):
        result = super().write(vals)
        if {"product_id", "sku", "item_id", "uom_id", "active", "channel_id"} & set(
            vals
        ):
            self._judge_remote(is_decided="product_id" in vals)
        return result

    def unlink(self):
        rows_sudo = self._remote_rows()
        result = super().unlink()
        rows_sudo._judge_rows()
        return result

    def _remote_rows(self):
        """Return what the channels list under the ids of these, with elevated rights."""
        rows_sudo = self.env["stock.channel.remote.listing"].sudo()
        if not self:
            return rows_sudo
        return rows_sudo.search(
            [
                ("channel_id", "in", self.channel_id.ids),
                "|",
                "|",
                ("listing_id", "in", self.ids),
                ("sku", "in", self.mapped("sku")),
                ("item_id", "in", [item for item in self.mapped("item_id") if item]),
            ]
        )

    def _judge_remote(self, is_decided=False):
        """:param is_decided: somebody said which product it is; that counts."""
        rows_sudo = self._remote_rows()
        if is_decided:
            decided_sudo = rows_sudo.filtered(lambda row: row.listing_id in self)
            for row_sudo in decided_sudo:
                row_sudo.write(
                    {
                        "product_id": row_sudo.listing_id.product_id.id,
                        "match_kind": "picked",
                        "picked_by_id": self.env.uid,
                        "rival_id": False,
                        "code_seen": False,
                    }
                )
        rows_sudo._judge_rows()
