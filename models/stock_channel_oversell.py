import logging

from odoo import api, fields, models
from odoo.tools import SQL

from ..connectors.oversell import Cause, Event, Finding, Kind, find_cause
from ..connectors.shortage import find_shortages
from .quantities import plain, to_decimal
from .stock_channel_mixin import RETRIED_ERRORS
from .stock_channel_oversell_timeline import Line, Timeline

_logger = logging.getLogger(__name__)

# Products, or listings, looked at in one transaction.
CHECKED_AT_ONCE = 200
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
        lasting = self._lasting_shortages()
        if lasting:
            touched = {row[0] for row in availability._touched_by(list(lasting))}
            concerned = availability._products_of(touched.intersection(listing_ids))
            product_ids = concerned & lasting
        else:
            product_ids = set()
        if short_ids:
            # A warehouse that was unmapped is short of everything: numbers must not
            # wait for a thousand stories, the sweep tells the others.
            product_ids |= availability._products_of(short_ids[:CHECKED_AT_ONCE])
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
            self._update_state("open", {"resolved_at": False})
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

    def _retry(self):
        """Look again; what was missing may have come without anybody's notice."""
        result = super()._retry()
        products = self.shortage_product_id
        if products:
            self._check_oversold(products.ids)
        return result

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
        lines, finding = self._story_of(
            product,
            short_at,
            shortage,
            max((allowed[place.id] for place in short_at), default=to_decimal(0.0)),
        )
        order = self.env["stock.channel.order"].browse(
            int(finding.sale.order) if finding.sale else []
        )
        channel = order.channel_id or short_at[:1].channel_id
        vals = {
            "shortage_product_id": product_id,
            "shortage_location_id": location_id,
            "shortage_qty": float(shortage.quantity),
        }
        draft = self.new({"channel_id": channel.id, **vals})
        exception = self._open(
            channel,
            category="oversell",
            fingerprint=self._oversell_fingerprint(product_id, location_id),
            value=plain(shortage.quantity),
            channel_order_id=order.id,
            oversell_cause=finding.cause.value,
            **draft._oversell_words(finding, lines),
            **vals,
        )
        short = exception._shortage_line(exception.shortage_qty)
        exception._add_lines([*lines, short])
        return exception

    @api.model
    def _oversell_fingerprint(self, product_id, location_id):
        """Name this shortage, so that two workers that find it at once open one.

        By the exception before it, which both know of.
        """
        before_sudo = self.sudo().search(
            [
                ("shortage_product_id", "=", product_id),
                ("shortage_location_id", "=", location_id),
            ],
            order="id desc",
            limit=1,
        )
        return f"oversell:{product_id}:{location_id}:{before_sudo.id or 0}"

    @api.model
    def _story_of(self, product, short_at, shortage, allowance):
        """Return the timeline and the cause.

        Trouble in here never keeps the shortage from being told, nor the numbers from
        being computed.
        """
        try:
            with self.env.cr.savepoint():
                timeline = Timeline(product, short_at)
                lines = timeline.lines()
                return lines, find_cause(
                    [line.event for line in lines],
                    open_orders=timeline.open_orders(),
                    shortage=shortage.quantity,
                    allowance=allowance,
                )
        except RETRIED_ERRORS:
            raise
        except Exception:
            _logger.exception("what led to a shortage of %s is not known", product.id)
            return [], Finding(cause=Cause.UNDETERMINED)

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
