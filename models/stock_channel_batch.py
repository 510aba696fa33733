"""What many orders look up together, once for all of them.

Each lookup is an override of the method that a single order uses, so that an order
comes out the same alone and among others. Outside a batch they change nothing.
"""

from collections import defaultdict
from datetime import timedelta

from odoo import api, models
from odoo.tools import SQL, email_normalize

from .quantities import to_decimal

BATCH = "stock_channel_batch"
BEHIND = "stock_channel_behind"
DAY = timedelta(days=1)


class Batch:
    """What was found for a batch of orders, and what is told once at its end.

    Lives for one transaction: what another changes meanwhile is not seen in it anyway.
    """

    def __init__(self):
        self.found = {}
        self.healed = defaultdict(list)
        self.retried = []
        self.kept = set()
        self.moved = []
        self.taken = defaultdict(float)
        self.orders = None
        self.product_ids = set()
        self.gathered = {}


def once(records, key, find):
    """Return what was found for ``key`` in this batch; found anew outside of one."""
    batch = records.env.context.get(BATCH)
    if batch is None:
        return find()
    if key not in batch.found:
        batch.found[key] = find()
    return batch.found[key]


class StockChannelKitBatch(models.AbstractModel):
    _inherit = "stock.channel.kit"

    @api.model
    def _components_of(self, product, company):
        return once(
            self,
            ("kit", product.id, company.id),
            lambda: super(StockChannelKitBatch, self)._components_of(product, company),
        )

    @api.model
    def _find_components(self, products, company):
        """Find what all of these products are made of, in one statement."""
        found = self.env.context[BATCH].found
        new = products.filtered(lambda p: ("kit", p.id, company.id) not in found)
        if not new:
            return
        self.env.flush_all()
        self.env.cr.execute(
            self._component_query(
                SQL(
                    "SELECT id AS product_id, %s AS company_id "
                    "FROM unnest(%s::int[]) AS id",
                    company.id,
                    new.ids,
                )
            )
        )
        found.update({("kit", product.id, company.id): None for product in new})
        product_ids = self.env.context[BATCH].product_ids
        product_ids.update(new.ids)
        for row in self.env.cr.dictfetchall():
            key = ("kit", row["product_id"], company.id)
            found[key] = found[key] or {}
            if row["component_id"]:
                product_ids.add(row["component_id"])
                found[key][row["component_id"]] = float(row["quantity"])


class StockChannelListingBatch(models.Model):
    _inherit = "stock.channel.listing"

    @api.model
    def _find(self, channel, sku, item_id=""):
        return once(
            self,
            ("listing", channel.id, sku, item_id),
            lambda: super(StockChannelListingBatch, self)._find(channel, sku, item_id),
        )

    @api.model
    def _find_all(self, channel, wires):
        """Find the listings of all these lines by their SKU, in one search.

        Those of channels whose items have ids of their own are found one by one.
        """
        found = self.env.context[BATCH].found
        skus = {wire.sku for wire in wires if wire.sku and not wire.item_id}
        by_sku = self.search(
            [("channel_id", "=", channel.id), ("sku", "in", list(skus))]
        ).grouped("sku")
        for sku in skus:
            listings = by_sku.get(sku, self.browse())
            found["listing", channel.id, sku, ""] = (
                listings if len(listings) == 1 else self.browse()
            )


class ResourceCalendarBatch(models.Model):
    _inherit = "resource.calendar"

    def _read_hours(self, zone, company, now, **reach):
        """Read the hours once for all that came on one day, a day further each way."""
        if BATCH not in self.env.context or "reach" not in reach:
            return super()._read_hours(zone, company, now, **reach)
        day = now.replace(hour=12, minute=0, second=0, microsecond=0)
        return once(
            self,
            ("hours", self.id, zone, company.id, day, reach["reach"]),
            lambda: super(ResourceCalendarBatch, self)._read_hours(
                zone, company, day, reach=reach["reach"] + DAY
            ),
        )


class StockChannelCustomerBatch(models.Model):
    _inherit = "stock.channel.customer"

    @api.model
    def _find(self, channel, external_id):
        return once(
            self,
            ("customer", channel.id, external_id),
            lambda: super(StockChannelCustomerBatch, self)._find(channel, external_id),
        )

    @api.model
    def _find_all(self, channel, external_ids):
        """Find the contacts of all these customers, in one search."""
        found = self.env.context[BATCH].found
        links = self.search(
            [("channel_id", "=", channel.id), ("external_id", "in", list(external_ids))]
        ).grouped("external_id")
        for external_id in external_ids:
            found["customer", channel.id, external_id] = links.get(
                external_id, self.browse()
            )

    def _link(self, channel, external_id, partner):
        link = super()._link(channel, external_id, partner)
        batch = self.env.context.get(BATCH)
        if batch:
            # The next order of the same customer, in the same batch.
            batch.found["customer", channel.id, external_id] = link
        return link


class StockChannelExceptionBatch(models.Model):
    _inherit = "stock.channel.exception"

    @api.model
    def _resolve_fingerprints(self, channel, fingerprints):
        batch = self.env.context.get(BATCH)
        if batch is None:
            return super()._resolve_fingerprints(channel, fingerprints)
        batch.healed[channel.id] += fingerprints
        return None

    @api.model
    def _retry_fingerprints(self, fingerprints):
        batch = self.env.context.get(BATCH)
        if batch is None:
            return super()._retry_fingerprints(fingerprints)
        batch.retried += fingerprints
        return None

    @api.model
    def _lasting_shortages(self):
        return once(
            self,
            "shortages",
            lambda: super(StockChannelExceptionBatch, self)._lasting_shortages(),
        )

    @api.model
    def _check_oversold(self, product_ids):
        batch = self.env.context.get(BATCH)
        if batch:
            batch.found.pop("shortages", None)
        return super()._check_oversold(product_ids)

    @api.model
    def _resolve_healed(self, batch):
        """Close and try again what a batch has healed; each order spoke of its own."""
        self._retry_fingerprints(batch.retried)
        for channel_id, fingerprints in batch.healed.items():
            self._resolve_fingerprints(
                self.env["stock.channel"].browse(channel_id), fingerprints
            )


class StockChannelPublicationBatchMoved(models.Model):
    _inherit = "stock.channel.publication"

    def _channel_moved(self, listing, channel_location, delta, at):
        batch = self.env.context.get(BATCH)
        if batch is None:
            return super()._channel_moved(listing, channel_location, delta, at)
        batch.moved.append((listing.id, channel_location.id, to_decimal(delta), at))
        return None

    @api.model
    def _channel_moved_together(self, batch):
        """Note all that the channel did to its numbers, as ``_channel_moved`` does."""
        if not batch.moved:
            return
        listings, places, deltas, moments = zip(*batch.moved, strict=True)
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_publication AS row
                   SET expected_qty = row.expected_qty + total.expected,
                       moved_qty = coalesce(row.moved_qty, 0) + total.moved
                  FROM (
                      SELECT known.id,
                             sum(CASE WHEN known.expected_at < told.at
                                      THEN told.delta ELSE 0 END) AS expected,
                             sum(CASE WHEN known.sent_at < told.at
                                      THEN told.delta ELSE 0 END) AS moved
                        FROM unnest(%(listings)s::int[], %(places)s::int[],
                                    %(deltas)s::numeric[], %(moments)s::timestamp[])
                             AS told (listing_id, channel_location_id, delta, at)
                        JOIN stock_channel_publication AS known
                          ON known.listing_id = told.listing_id
                         AND known.channel_location_id = told.channel_location_id
                       WHERE known.expected_at < told.at
                          OR (known.state = 'sending' AND known.sent_at < told.at)
                       GROUP BY known.id
                  ) AS total
                 WHERE row.id = total.id
                """,
                listings=list(listings),
                places=list(places),
                deltas=list(deltas),
                moments=list(moments),
            ),
            log_exceptions=False,
        )
        self.invalidate_model(["expected_qty", "moved_qty"])


class StockChannelOrderLookups(models.Model):
    _inherit = "stock.channel.order"

    def _find_currency(self, code):
        return once(
            self,
            ("currency", code),
            lambda: super(StockChannelOrderLookups, self)._find_currency(code),
        )

    def _taxes_of_rate(self, rate, snapshot, product):
        return once(
            self,
            (
                "taxes",
                self.channel_id.company_id.id,
                rate,
                snapshot.prices_include_tax,
                product.type == "service",
            ),
            lambda: super(StockChannelOrderLookups, self)._taxes_of_rate(
                rate, snapshot, product
            ),
        )

    def _address_vals(self, address):
        return once(
            self,
            ("address", address),
            lambda: super(StockChannelOrderLookups, self)._address_vals(address),
        )

    def _find_by_email(self, email):
        mailbox = email_normalize(email, strict=False)
        batch = self.env.context.get(BATCH)
        found = batch and batch.found.get(("mailbox", mailbox))
        return super()._find_by_email(email) if found is None else found

    def _find_partner(self, snapshot):
        partner = super()._find_partner(snapshot)
        batch = self.env.context.get(BATCH)
        if batch:
            # Who is new now is known to the next order of the same batch.
            mailbox = email_normalize(snapshot.customer.email, strict=False)
            batch.found.pop(("mailbox", mailbox), None)
        return partner

    def _find_customers(self, channel, customers):
        """Find the contacts of all these customers, as far as they are known."""
        ids = {customer.id for customer in customers if customer.id}
        self.env["stock.channel.customer"].sudo()._find_all(channel, ids)
        links_sudo = self.env["stock.channel.customer"].sudo()
        mailboxes = {
            email_normalize(customer.email, strict=False)
            for customer in customers
            if not links_sudo._find(channel, customer.id).partner_id.active
        } - {False}
        found = self.env.context[BATCH].found
        by_mailbox = self._find_mailboxes(channel, mailboxes)
        for mailbox in mailboxes:
            found["mailbox", mailbox] = by_mailbox.get(
                mailbox, self.env["res.partner"].sudo()
            )

    def _free_for_placing(self):
        """Return what is free for this order, among those it is placed with.

        None of the batch has a move yet, so what was chosen for those before it is
        taken off, and what those behind it wait for does not stand in its way. Neither
        does it where a batch was given up and its orders are worked off one by one.
        """
        batch = self.env.context.get(BATCH)
        behind = self.browse(self.env.context.get(BEHIND, ()))
        if batch is None:
            return super(StockChannelOrderLookups, self | behind)._free_for_placing()
        free = once(
            self,
            "free",
            lambda: super(StockChannelOrderLookups, batch.orders)._free_for_placing(),
        )
        return {key: total - batch.taken[key] for key, total in free.items()}

    def _source(self, lines):
        parts = super()._source(lines)
        batch = self.env.context.get(BATCH)
        if batch:
            for line, taken in parts.items():
                for place, quantity in taken.items():
                    for product_id, amount in line._components(quantity).items():
                        batch.taken[place.id, product_id] += amount
        return parts
