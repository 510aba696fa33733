import logging

from odoo import api, fields, models
from odoo.tools import SQL

from ..connectors.oversell import Cause, Event, Kind, find_cause
from ..connectors.shortage import find_shortages
from .quantities import plain, to_decimal
from .stock_channel_oversell_timeline import Line, Timeline

_logger = logging.getLogger(__name__)

CAUSES = [
    (Cause.LATE.value, "Late Publication"),
    (Cause.IN_FLIGHT.value, "Order in Flight"),
    (Cause.EDITED.value, "Channel Edited Its Stock"),
    (Cause.MAPPING.value, "Mapping"),
    (Cause.KIT.value, "Kit"),
    (Cause.BUFFER.value, "Buffer"),
    (Cause.COUNT.value, "Count Adjustment"),
    (Cause.REFUSED.value, "Refused Write"),
    (Cause.UNDETERMINED.value, "Nothing Recorded Explains It"),
]


class StockChannelOversell(models.Model):
    """More was sold than is there: one exception per product, place and shortage.

    A shortage is one from the moment it is found until nothing is missing any more; the
    next one is another exception, with a story of its own. What happened before is
    written down once, when it is found: later nobody could tell it any more.
    """

    _inherit = "stock.channel.exception"

    shortage_product_id = fields.Many2one(
        "product.product",
        "Product Short",
        readonly=True,
        ondelete="cascade",
        index="btree_not_null",
    )
    shortage_location_id = fields.Many2one(
        "stock.location", "Short In", readonly=True, ondelete="cascade"
    )
    shortage_qty = fields.Float(
        "Units Short",
        digits=0,
        readonly=True,
        help="How many are sold and not there, beyond what rules allow; in the "
        "product's own unit.",
    )
    shortage_ended_at = fields.Datetime(
        "Shortage Ended",
        readonly=True,
        help="Since when nothing of it is missing any more.",
    )
    oversell_cause = fields.Selection(CAUSES, "Cause of Oversell", readonly=True)
    event_ids = fields.One2many(
        "stock.channel.exception.event", "exception_id", "Timeline", readonly=True
    )

    _oversold = models.Index(
        "(shortage_product_id) WHERE shortage_product_id IS NOT NULL "
        "AND shortage_ended_at IS NULL"
    )

    # --------------------------------------------------------------- finding

    @api.model
    def _lasting_shortages(self):
        """Return the ids of products that are short, as far as is known."""
        self.flush_model(["shortage_product_id", "shortage_ended_at"])
        self.env.cr.execute(
            SQL(
                """
                SELECT DISTINCT shortage_product_id
                  FROM stock_channel_exception
                 WHERE shortage_product_id IS NOT NULL
                   AND shortage_ended_at IS NULL
                """
            )
        )
        return {product_id for (product_id,) in self.env.cr.fetchall()}

    @api.model
    def _check_listings_oversold(self, listing_ids, short_ids):
        """Look at what these listings are made of, as far as it can be short.

        One statement where nothing is.

        :param listing_ids: listings whose numbers were just computed.
        :param short_ids: those of them that more is promised of than is there.
        """
        availability = self.env["stock.channel.availability"]
        product_ids = availability._products_of(short_ids) if short_ids else set()
        lasting = self._lasting_shortages()
        if lasting - product_ids:
            touched = set(listing_ids)
            product_ids |= {
                product_id
                for product_id in lasting - product_ids
                if touched.intersection(
                    row[0] for row in availability._touched_by([product_id])
                )
            }
        if product_ids:
            self._check_oversold(product_ids)

    @api.model
    def _check_oversold(self, product_ids):
        """Compare what is promised of these products with what is there.

        Opens an exception for every new shortage, brings the quantity of one that
        lasts up to date, and closes those that are over.

        :return: the exceptions of what is short now, ignored ones among them.
        """
        exceptions_sudo = self.sudo()
        product_ids = sorted(product_ids)
        held = self.env["stock.channel.availability"]._held_by_product(product_ids)
        lasting = exceptions_sudo.search(
            [
                ("shortage_product_id", "in", product_ids),
                ("shortage_ended_at", "=", False),
            ]
        )
        known = {
            (one.shortage_product_id.id, one.shortage_location_id.id): one
            for one in lasting
        }
        found = exceptions_sudo.browse()
        for product_id, places in held.items():
            for shortage in find_shortages(places):
                location_id = int(shortage.root.strip("/").rpartition("/")[2])
                exception = known.get((product_id, location_id))
                if exception:
                    exception._shortage_lasts(shortage)
                else:
                    allowed = {int(one.place): one.allowance for one in places}
                    exception = exceptions_sudo._open_oversell(
                        product_id, location_id, shortage, allowed
                    )
                found |= exception
        (lasting - found)._shortage_over()
        return found

    # ---------------------------------------------------------------- states

    def _shortage_lasts(self, shortage):
        """Bring the quantity up to date; one that was ignored comes back if it grows."""
        self.ensure_one()
        quantity = float(shortage.quantity)
        if self.state == "resolved":
            # Somebody's step closed it, and the goods are missing all the same.
            self._update_state("open")
        if quantity == self.shortage_qty:
            return
        grows = quantity > self.shortage_qty
        self.write(
            {
                "shortage_qty": quantity,
                "value": plain(quantity),
                "title": self._oversell_title(quantity),
                "last_seen_at": self.env.cr.now(),
            }
        )
        self._add_lines([self._shortage_line(quantity)])
        if grows and self.state == "ignored":
            self._update_state("open", {"resolved_at": False})

    def _shortage_over(self):
        """Close what nothing is missing of any more; the next shortage is another."""
        now = self.env.cr.now()
        for exception in self:
            exception._add_lines([exception._shortage_line(0.0)])
        self.write({"shortage_ended_at": now})
        self.filtered(lambda one: one.state == "open")._update_state(
            "resolved", {"resolved_at": now}
        )

    # --------------------------------------------------------------- opening

    def _open_oversell(self, product_id, location_id, shortage, allowed):
        """Open one exception with its timeline and its cause.

        :param allowed: channel location id → how many may be sold beyond what is
            there, in the product's own unit.
        """
        product = self.env["product.product"].browse(product_id)
        short_at = self.env["stock.channel.location"].browse(
            int(place) for place in shortage.places
        )
        timeline = Timeline(product, short_at)
        lines = timeline.lines()
        finding = find_cause(
            [line.event for line in lines],
            open_orders=timeline.open_orders(),
            shortage=shortage.quantity,
            allowance=self._allowance_of(lines, short_at, allowed),
        )
        order = self.env["stock.channel.order"].browse(
            int(finding.sale.order) if finding.sale else []
        )
        channel = order.channel_id or short_at[:1].channel_id
        quantity = float(shortage.quantity)
        draft = self.new(
            {
                "channel_id": channel.id,
                "shortage_product_id": product_id,
                "shortage_location_id": location_id,
            }
        )
        exception = self._open(
            channel,
            category="oversell",
            fingerprint=self._oversell_fingerprint(product_id, location_id),
            title=draft._oversell_title(quantity),
            cause=draft._oversell_text(finding, lines),
            next_step=draft._oversell_next_step(finding.cause),
            value=plain(quantity),
            channel_order_id=order.id,
            shortage_product_id=product_id,
            shortage_location_id=location_id,
            shortage_qty=quantity,
            oversell_cause=finding.cause.value,
        )
        exception._add_lines([*lines, exception._shortage_line(quantity)])
        return exception

    @api.model
    def _oversell_fingerprint(self, product_id, location_id):
        """Name this shortage, so that two workers that find it at once open one.

        By the exception before it, which both know of.
        """
        before = self.sudo().search(
            [
                ("shortage_product_id", "=", product_id),
                ("shortage_location_id", "=", location_id),
            ],
            order="id desc",
            limit=1,
        )
        return f"oversell:{product_id}:{location_id}:{before.id or 0}"

    def _allowance_of(self, lines, short_at, allowed):
        """Return what may be sold beyond the stock where the story is told."""
        return max(
            (allowed.get(place.id, to_decimal(0.0)) for place in short_at),
            default=to_decimal(0.0),
        )

    def _shortage_line(self, quantity):
        """Return the line of the timeline that says how much is missing now."""
        return Line(
            event=Event(
                at=self.env.cr.now(),
                kind=Kind.SHORT,
                quantity=to_decimal(quantity),
            ),
            text=self.env._("%s missing", plain(quantity))
            if quantity
            else self.env._("Nothing is missing any more"),
        )

    def _add_lines(self, lines):
        self.ensure_one()
        last = max(self.event_ids.mapped("sequence"), default=0)
        self.env["stock.channel.exception.event"].sudo().create(
            [
                {
                    "exception_id": self.id,
                    "at": line.event.at,
                    "sequence": last + number,
                    "kind": line.event.kind.value,
                    "channel_id": line.channel.id if line.channel else False,
                    "quantity": float(line.event.quantity),
                    "text": line.text,
                    "res_model": line.document._name if line.document else False,
                    "res_id": line.document.id if line.document else False,
                }
                for number, line in enumerate(lines, 1)
            ]
        )

    # ----------------------------------------------------------------- words

    def _oversell_title(self, quantity):
        return self.env._(
            "%(product)s: %(quantity)s %(unit)s sold that are not in %(location)s",
            product=self.shortage_product_id.display_name,
            quantity=plain(quantity),
            unit=self.shortage_product_id.uom_id.name,
            location=self.shortage_location_id.complete_name,
        )

    def _local(self, moment):
        """Return a moment as the clock at the channel's warehouse showed it."""
        here = self.with_context(tz=self.channel_id.timezone)
        local = fields.Datetime.context_timestamp(here, moment)
        return local.strftime("%Y-%m-%d %H:%M:%S")

    def _oversell_text(self, finding, lines):
        """Say in whole sentences what was found, with the times of the channel."""
        texts = {}
        for line in lines:
            texts.setdefault(line.event, line.text)
        sale, told, event = finding.sale, finding.told, finding.event
        happened = event and self.env._(
            "%(text)s at %(time)s.", text=texts[event], time=self._local(event.at)
        )
        sentences = [self._cause_text(finding), happened]
        if sale and sale != event:
            sentences.append(
                self.env._(
                    "Last sale: %(text)s at %(time)s.",
                    text=texts[sale],
                    time=self._local(sale.at),
                )
            )
        if told and told != event:
            sentences.append(
                self.env._(
                    "By then: %(text)s at %(time)s.",
                    text=texts[told].rstrip("."),
                    time=self._local(told.at),
                )
            )
        sentences.append(self.env._("Times are those of %s.", self.channel_id.timezone))
        return " ".join(filter(None, sentences))

    def _cause_text(self, finding):
        """Return the story of a cause in one sentence a clerk understands."""
        if finding.cause == Cause.LATE:
            return self._late_text(finding)
        return {
            Cause.IN_FLIGHT: self.env._(
                "Two customers bought the same goods before either sale could be known "
                "here."
            ),
            Cause.EDITED: self.env._(
                "The channel offered more than it was told: somebody changed the number "
                "there, or it sells below zero."
            ),
            Cause.MAPPING: self.env._(
                "What the item or location means was changed while it was on sale."
            ),
            Cause.KIT: self.env._(
                "The channel sold the same goods under two of its items, or what the set "
                "is made of was changed."
            ),
            Cause.BUFFER: self.env._(
                "Nothing was kept back: goods the channel had sold were promised again, "
                "or a rule offered more than there was."
            ),
            Cause.COUNT: self.env._(
                "The goods were there when they were sold and were taken away or counted "
                "off afterwards."
            ),
            Cause.REFUSED: self.env._(
                "The channel refused the lower number and went on selling."
            ),
            Cause.UNDETERMINED: self.env._(
                "Nothing recorded here explains it: it is older than a week, or the stock "
                "was changed past Odoo."
            ),
        }[finding.cause]

    def _late_text(self, finding):
        if finding.delay is None:
            return self.env._(
                "The channel sold before it had taken any number from here."
            )
        seconds = int(finding.delay.total_seconds())
        given = {
            "seconds": seconds,
            "target": self.channel_id.freshness_target,
        }
        if seconds > self.channel_id.freshness_target * 60:
            return self.env._(
                "The channel was told too late: %(seconds)s seconds after the goods were "
                "gone it still sold; %(target)s minutes are the target.",
                **given,
            )
        return self.env._(
            "The channel sold %(seconds)s seconds after the goods were gone, before it "
            "was told; that is within the target of %(target)s minutes.",
            **given,
        )

    def _oversell_next_step(self, cause):
        first = self.env._(
            "Get more goods, or choose whose order is cancelled and cancel it at its "
            "channel. This closes by itself as soon as nothing is missing."
        )
        then = {
            Cause.LATE: self.env._(
                "If it happens again, look at Freshness, or keep a buffer back."
            ),
            Cause.IN_FLIGHT: self.env._(
                "If it happens often with this item, keep a buffer back."
            ),
            Cause.EDITED: self.env._(
                "Find out who changes stock at the channel, and switch selling below "
                "zero off there."
            ),
            Cause.MAPPING: self.env._("Check the map of this item and location."),
            Cause.KIT: self.env._(
                "Keep a buffer back for items that share goods; check the kit."
            ),
            Cause.BUFFER: self.env._("Keep a buffer back, or check the rules."),
            Cause.COUNT: self.env._(
                "Look who took the goods, and whether they can be brought back."
            ),
            Cause.REFUSED: self.env._("Solve why the channel refuses this number."),
        }.get(cause)
        return " ".join(filter(None, [first, then]))


class StockChannelOversellPublication(models.Model):
    _inherit = "stock.channel.publication"

    @api.model
    def _numbers_stored(self, listing_ids, short_ids):
        """Look whether more was sold than is there, now that the numbers are known."""
        result = super()._numbers_stored(listing_ids, short_ids)
        self.env["stock.channel.exception"]._check_listings_oversold(
            listing_ids, short_ids
        )
        return result


class StockChannelOversellOrder(models.Model):
    _inherit = "stock.channel.order"

    def _check_after(self, snapshot):
        """Look whether this order took more than there is, or gave it back.

        Asked only where something of the order waits for goods, or is known to be
        short; what can be told only from other orders, computing finds.
        """
        result = super()._check_after(snapshot)
        taken = {
            product_id for line in self.line_ids for product_id in line._component_ids()
        }
        exceptions = self.env["stock.channel.exception"]
        short = taken & exceptions._lasting_shortages()
        if any(sale_line._is_short() for sale_line in self.line_ids._sale_lines()):
            short = taken
        if short:
            exceptions._check_oversold(short)
        return result


class StockChannelOversellSweep(models.Model):
    _inherit = "stock.channel.dirty"

    @api.model
    def _cron_sweep(self):
        """Sweep the numbers, then look at every shortage, known or not."""
        result = super()._cron_sweep()
        try:
            self._in_transaction(self._sweep_shortages)
        except Exception:  # the next sweep looks again; the numbers are swept
            self._abandon_transaction()
            _logger.exception("the shortages could not be checked")
        return result

    def _sweep_shortages(self):
        self.env.cr.execute(
            SQL(
                """
                SELECT DISTINCT listing_id
                  FROM stock_channel_publication
                 WHERE coalesce(reserved, 0) + coalesce(owed, 0)
                       + coalesce(in_flight, 0) > coalesce(on_hand, 0) + 1e-6
                """
            )
        )
        listing_ids = [listing_id for (listing_id,) in self.env.cr.fetchall()]
        exceptions = self.env["stock.channel.exception"]
        product_ids = exceptions._lasting_shortages()
        if listing_ids:
            product_ids |= self.env["stock.channel.availability"]._products_of(
                listing_ids
            )
        if product_ids:
            exceptions._check_oversold(product_ids)
