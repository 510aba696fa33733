"""Indexes behind what the search bars offer.

``tests/test_filters.py`` asks PostgreSQL whether every filter has one. Odoo writes a
boolean as ``x IS TRUE``, which an index ``WHERE x`` does not serve, so these say it as
Odoo does. Those of tables that many rows are written to leave out most of the rows, and
what is typed into is found by trigrams where PostgreSQL offers them.
"""

from odoo import fields, models


class StockChannelListing(models.Model):
    _inherit = "stock.channel.listing"

    item_id = fields.Char(index="trigram")

    _filter_paused = models.Index("(channel_id, sku) WHERE is_paused IS TRUE")
    _filter_archived = models.Index("(channel_id, sku) WHERE active IS NOT TRUE")


class StockChannelRemoteListing(models.Model):
    _inherit = "stock.channel.remote.listing"

    sku = fields.Char(index="trigram")
    title = fields.Char(index="trigram")
    barcode = fields.Char(index="btree_not_null")

    _filter_to_do = models.Index("(channel_id, sku) WHERE is_open IS TRUE")
    _filter_proposed = models.Index(
        "(confidence) WHERE state = 'proposed' AND gone_at IS NULL"
    )
    _filter_unmatched = models.Index(
        "(channel_id, sku) WHERE state = 'unmatched' AND gone_at IS NULL"
    )
    _filter_conflict = models.Index("(conflict) WHERE conflict IS NOT NULL")
    _filter_duplicate = models.Index("(channel_id, sku) WHERE is_duplicate_sku IS TRUE")
    _filter_shared = models.Index("(channel_id, sku) WHERE is_shared IS TRUE")
    _filter_unit = models.Index("(channel_id, sku) WHERE is_unit_mismatch IS TRUE")
    _filter_untracked = models.Index("(channel_id, sku) WHERE is_tracked IS NOT TRUE")
    _filter_gone = models.Index("(gone_at) WHERE gone_at IS NOT NULL")
    _filter_ignored = models.Index("(channel_id, sku) WHERE state = 'ignored'")
    _filter_first_seen = models.Index("(first_seen)")


class StockChannelPublication(models.Model):
    _inherit = "stock.channel.publication"
    # Its name is computed; whoever types one means the SKU.
    _rec_names_search = ["listing_id.sku"]

    # Searched instead of the number's own product: the listings have that index, and
    # another one here would make each of half a million numbers dearer to write.
    listing_product_id = fields.Many2one(
        related="listing_id.product_id", string="Product of the Listing"
    )

    # As Odoo writes it: no number counts as nothing.
    _filter_sold_out = models.Index(
        "(channel_id) WHERE (wanted_qty <= 0 OR wanted_qty IS NULL) AND observed_qty > 0"
    )


class StockChannelRule(models.Model):
    _inherit = "stock.channel.rule"

    expires_at = fields.Datetime(index="btree_not_null")

    _filter_of_all = models.Index("(channel_id) WHERE listing_id IS NULL")


class StockChannelException(models.Model):
    _inherit = "stock.channel.exception"

    title = fields.Char(index="trigram")
    value = fields.Char(index="trigram")

    _filter_category = models.Index("(category, state)")
    _filter_alarm = models.Index("(id) WHERE is_alarm IS TRUE")
    _filter_escalated = models.Index(
        "(escalation) WHERE escalation IN ('escalation', 'address')"
    )


class StockChannelOrder(models.Model):
    _inherit = "stock.channel.order"

    name = fields.Char(index="trigram")
    external_id = fields.Char(index="trigram")
    payment_reference = fields.Char(index="trigram")
    promised_at = fields.Datetime(index="btree_not_null")

    _filter_unpaid = models.Index("(placed_at) WHERE waits_for_payment IS TRUE")
    _filter_cancelled = models.Index("(placed_at) WHERE state = 'cancelled'")


class StockChannelMessage(models.Model):
    _inherit = "stock.channel.message"

    order_key = fields.Char(index=True)


class StockChannelPush(models.Model):
    _inherit = "stock.channel.push"

    idempotency_key = fields.Char(index="btree_not_null")
    title = fields.Char(index="trigram")


class StockChannelFulfillment(models.Model):
    _inherit = "stock.channel.fulfillment"

    external_id = fields.Char(index="trigram")
    tracking = fields.Char(index="trigram")

    _filter_cancellations = models.Index("(id) WHERE kind = 'cancellation'")


class StockChannelReturn(models.Model):
    _inherit = "stock.channel.return"
    _rec_names_search = ["external_id"]

    external_id = fields.Char(index="trigram")

    _filter_to_do = models.Index("(state) WHERE state IN ('announced', 'received')")


class StockChannelReturnLine(models.Model):
    _inherit = "stock.channel.return.line"

    channel_id = fields.Many2one(index=True)
    channel_order_id = fields.Many2one(index=True)
    product_id = fields.Many2one(index=True)
    refunded_at = fields.Datetime(index="btree_not_null")
    received_at = fields.Datetime(index="btree_not_null")

    _filter_not_restocked = models.Index("(id) WHERE not_restocked_qty > 0")
    _filter_not_refunded = models.Index(
        "(id) WHERE is_refunded IS NOT TRUE AND accepted_qty > 0"
    )
    _filter_scrapped = models.Index("(id) WHERE scrapped_qty > 0")
    _filter_kept = models.Index("(id) WHERE is_kept IS TRUE")


class StockChannelBlindReceipt(models.Model):
    _inherit = "stock.channel.blind.receipt"

    note = fields.Char(index="trigram")
    lot_id = fields.Many2one(index="btree_not_null")
    received_at = fields.Datetime(index=True)


class StockChannelApproval(models.Model):
    _inherit = "stock.channel.approval"

    name = fields.Char(index="trigram")
    requested_by_id = fields.Many2one(index=True)
    decided_by_id = fields.Many2one(index="btree_not_null")
    requested_at = fields.Datetime(index=True)
    decided_at = fields.Datetime(index="btree_not_null")

    _filter_state = models.Index("(state, kind)")
    _filter_kind = models.Index("(kind, state)")


class StockChannelChange(models.Model):
    _inherit = "stock.channel.change"

    name = fields.Char(index="trigram")
    requested_by_id = fields.Many2one(index=True)
    requested_at = fields.Datetime(index=True)

    _filter_small = models.Index("(id) WHERE is_small IS TRUE")
    _filter_drafts = models.Index(
        "(id) WHERE approval_id IS NULL AND is_small IS NOT TRUE"
    )


class StockChannelAudit(models.Model):
    _inherit = "stock.channel.audit"

    record_name = fields.Char(index="trigram")
    user_id = fields.Many2one(index=True)


class StockChannelCustomer(models.Model):
    _inherit = "stock.channel.customer"

    external_id = fields.Char(index="trigram")


class StockChannelAlert(models.Model):
    _inherit = "stock.channel.alert"

    subject = fields.Char(index="trigram")
    email_to = fields.Char(index="trigram")

    _filter_written = models.Index("(create_date)")
    _filter_failed = models.Index("(id) WHERE state = 'failed'")
