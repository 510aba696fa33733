"""What happened to one product at some channel locations, from what was recorded.

Every line is an event for the story and a sentence for the reader. Quantities are in
the product's own unit, times naive UTC. Read with elevated rights: the story must be
the same whoever it is told to.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from odoo.fields import Domain

from ..connectors.oversell import Event, Kind
from .quantities import plain, to_decimal
from .stock_channel_explain_records import Records, document_of, origin_of

# How far back a story is told, and how many lines of it at most: the newest.
DAYS = timedelta(days=7)
MOST = 200
# Rows read of one kind; a bestseller has more than anybody reads.
MOST_READ = 200
ZERO = Decimal(0)


@dataclass(frozen=True)
class Line:
    """One event with what a person reads and opens."""

    event: Event
    text: str
    channel: Any = None
    document: Any = None


def in_order(line):
    """Order lines by time; what happened at once by what it is, then as recorded."""
    event = line.event
    ids = (event.channel, event.listing, event.order)
    return event.at, list(Kind).index(event.kind), [int(key or 0) for key in ids]


class Timeline:
    """The lines of one product at the places that offer the same shelves.

    :param product_sudo: a product, with elevated rights.
    :param places_sudo: channel locations, of any channel.
    """

    def __init__(self, product_sudo, places_sudo):
        self.product = product_sudo.with_context(active_test=False)
        self.env = self.product.env
        self.places = places_sudo.with_env(self.env)
        self.now = self.env.cr.now()
        self.since = self.now - DAYS
        self.listings = self.env["stock.channel.listing"].browse(
            row[0]
            for row in self.env["stock.channel.availability"]._touched_by(
                self.product.ids
            )
        )
        self.publications = self.env["stock.channel.publication"].search(
            [
                ("listing_id", "in", self.listings.ids),
                ("channel_location_id", "in", self.places.ids),
            ]
        )
        self.order_lines = self._order_lines()

    def lines(self):
        """Return the lines, the newest ``MOST`` of them, oldest first."""
        found = [
            *self._stock(),
            *self._sales(),
            *self._orders(),
            *self._numbers(),
            *self._drifts(),
            *self._changes(),
        ]
        return sorted(found, key=in_order)[-MOST:]

    def open_orders(self):
        """Return the keys of orders of which something has not left yet."""
        return {
            self._key(line.channel_order_id)
            for line in self.order_lines
            if self._is_open(line)
        }

    # ------------------------------------------------------------------ stock

    def _stock(self):
        """Goods that came and left, by move."""
        moved = {}
        for place in self.places:
            records = Records(place)
            lines = self.env["stock.move.line"].search(
                Domain("product_id", "=", self.product.id)
                & Domain("state", "=", "done")
                & Domain("date", ">", self.since)
                & (
                    Domain("location_id", "in", records.leaves.ids)
                    | Domain("location_dest_id", "in", records.leaves.ids)
                ),
                order="date desc, id desc",
                limit=MOST_READ,
            )
            here = {}
            for line in lines:
                came = records.is_counted(
                    line.location_dest_id, line.lot_id, line.owner_id
                )
                left = records.is_counted(line.location_id, line.lot_id, line.owner_id)
                signed = to_decimal(line.quantity_product_uom) * (came - left)
                here[line.move_id] = here.get(line.move_id, ZERO) + signed
            # Of places that overlap each sees a part of what the widest sees.
            for move, quantity in here.items():
                moved[move] = max(moved.get(move, ZERO), quantity, key=abs)
        for move, quantity in moved.items():
            if quantity:
                yield self._stock_line(move, quantity)

    def _stock_line(self, move, quantity):
        final = (move.location_final_id or move.location_dest_id).usage
        is_wanted = final in ("customer", "production", "supplier") or quantity > 0
        is_count = move.is_inventory or not is_wanted
        return self._line(
            move.date,
            Kind.COUNT if is_count else Kind.STOCK,
            self.env._(
                "%(reference)s: %(left)s to %(reached)s",
                reference=move.reference or self.env._("Adjustment"),
                left=move.location_id.complete_name,
                reached=move.location_dest_id.complete_name,
            ),
            quantity=quantity,
            document=document_of(move) or move,
        )

    def _sales(self):
        """What people here promised to customers and productions, without a channel."""
        moves = self.env["stock.move"].search(
            [
                ("product_id", "=", self.product.id),
                ("state", "not in", ("draft", "cancel")),
                ("create_date", ">", self.since),
                ("is_inventory", "=", False),
                ("sale_line_id.channel_location_id", "=", False),
            ],
            order="create_date desc, id desc",
            limit=MOST_READ,
        )
        records = [Records(place) for place in self.places]
        for move in moves:
            final = move.location_final_id or move.location_dest_id
            # What follows another move has its goods from that one.
            is_first = not move.move_orig_ids
            is_leaving = final.usage in ("customer", "production")
            if (
                is_first
                and is_leaving
                and any(
                    here.is_inside(move.location_id) or here.is_above(move.location_id)
                    for here in records
                )
            ):
                yield self._line(
                    move.create_date,
                    Kind.SALE,
                    self.env._(
                        "%(document)s takes it without a channel",
                        document=origin_of(move) or move.reference or move.display_name,
                    ),
                    quantity=to_decimal(move.product_qty),
                    document=document_of(move) or move,
                )

    # ----------------------------------------------------------------- orders

    def _order_lines(self):
        """Return the order lines of channels that take this product from here."""
        lines = self.env["stock.channel.order.line"].search(
            Domain("channel_location_id", "in", self.places.ids)
            & Domain("listing_id", "in", self.listings.ids)
            & (
                Domain("create_date", ">", self.since)
                | Domain("own_open_qty", ">", 0)
                | Domain("in_flight_qty", ">", 0)
            ),
            order="id desc",
            limit=MOST_READ,
        )
        return lines.filtered(lambda line: self._taken(line))

    def _taken(self, line):
        """Return how much of the product a line asks for."""
        wanted = line._components(line._wanted_qty())
        return to_decimal(wanted.get(self.product.id, 0.0))

    def _is_open(self, line):
        return line.in_flight_qty > 0 or any(
            move.product_id == self.product and move.state not in ("done", "cancel")
            for move in line._sale_lines().move_ids
        )

    @staticmethod
    def _key(order):
        return str(order.id)

    def _orders(self):
        for line in self.order_lines:
            yield from self._order_events(line)

    def _order_events(self, line):
        for kind, at, text in self._moments(line):
            yield self._line(
                at,
                kind,
                f"{text} ({line.sku})",
                listing=line.listing_id,
                order=self._key(line.channel_order_id),
                quantity=self._taken(line),
                document=line.channel_order_id,
            )

    def _moments(self, line):
        """Yield when it was bought, heard of, read and taken over, as far as it was."""
        order = line.channel_order_id
        yield (
            Kind.ORDERED,
            order.placed_at or line.create_date,
            self.env._("%s was placed at the channel", order.name),
        )
        received = order.message_log_ids.mapped("received_at")
        if received:
            yield (
                Kind.RECEIVED,
                min(received),
                self.env._("%s was received from the channel", order.name),
            )
        yield (
            Kind.READ,
            line.create_date,
            self.env._("%s was read: its goods are kept for it", order.name),
        )
        sale_lines = line._sale_lines()
        if sale_lines:
            yield (
                Kind.APPLIED,
                min(sale_lines.mapped("create_date")),
                self.env._(
                    "%(order)s became %(sale)s",
                    order=order.name,
                    sale=order.sale_order_id.name,
                ),
            )

    # ---------------------------------------------------------------- numbers

    def _numbers(self):
        for publication in self.publications:
            yield from self._told(publication)
            yield from self._under_way(publication)

    def _logs(self, publication):
        """Return what the channel took within the story, and the number before it."""
        logs = self.env["stock.channel.publication.log"].search(
            [("publication_id", "=", publication.id)],
            limit=MOST_READ,
        )
        recent = logs.filtered(lambda log: log.acknowledged_at > self.since)
        return recent | (logs - recent)[:1]

    def _told(self, publication):
        causes = self._causes()
        for log in self._logs(publication):
            parts = log.parts or {}
            quantity, extra = self._offered(publication, parts, log.quantity)
            yield self._line(
                log.acknowledged_at,
                Kind.TOLD,
                self.env._(
                    "%(channel)s took %(number)s for %(name)s. %(cause)s",
                    channel=log.channel_id.name,
                    number=plain(log.quantity),
                    name=publication.display_name,
                    cause=causes.get(log.cause, ""),
                ),
                listing=publication.listing_id,
                quantity=quantity,
                why=log.cause or "",
                sent=min(
                    log.push_id.create_date or log.acknowledged_at, log.acknowledged_at
                ),
                extra=extra,
                document=publication,
            )

    def _under_way(self, publication):
        """The number the channel has not taken, and how far it is."""
        if publication.state == "clean" or not publication.wanted_at:
            return
        quantity, extra = self._offered(
            publication, publication.parts or {}, publication.wanted_qty
        )
        yield self._line(
            publication.wanted_at,
            Kind.WANTED,
            self.env._(
                "%(number)s is to be told for %(name)s. %(cause)s",
                number=plain(publication.wanted_qty),
                name=publication.display_name,
                cause=self._causes().get(publication.cause, ""),
            ),
            listing=publication.listing_id,
            quantity=quantity,
            why=publication.cause or "",
            extra=extra,
            document=publication,
        )
        if publication.sent_at and publication.state != "pending":
            yield self._sent(publication)

    def _sent(self, publication):
        """Return the line of the number that was sent and not taken."""
        quantity, _extra = self._offered(
            publication, publication.sent_parts or {}, publication.sent_qty
        )
        given = {
            "number": plain(publication.sent_qty),
            "name": publication.display_name,
        }
        is_refused = publication.state == "rejected"
        return self._line(
            publication.sent_at,
            Kind.REFUSED if is_refused else Kind.SENT,
            self.env._("%(number)s was refused for %(name)s", **given)
            if is_refused
            else self.env._("%(number)s was sent for %(name)s", **given),
            listing=publication.listing_id,
            quantity=quantity,
            document=publication,
        )

    def _causes(self):
        field = self.env["stock.channel.publication"]._fields["cause"]
        return dict(field._description_selection(self.env))

    def _offered(self, publication, parts, wire):
        """Return what a number offered for sale, and what rules added to it.

        :param float wire: the number as it was told, where its parts are not known.
        :return: both in the product's own unit.
        """
        factor = parts.get("factor") or publication.factor or 1.0
        per_unit = parts.get("per_unit") or publication.per_unit or 1.0
        unit = to_decimal(per_unit / factor)
        published = parts.get("published")
        shown = to_decimal(wire if published is None else published)
        there = to_decimal(max((parts.get("sellable") or 0.0), 0.0))
        incoming = to_decimal(parts.get("incoming") or 0.0)
        added = shown - there if parts else ZERO
        return shown * unit, max(added, ZERO) * unit + min(incoming, shown * unit)

    # ----------------------------------------------------------- what differed

    def _drifts(self):
        """What the channel was seen to show besides what it was told."""
        exceptions = self.env["stock.channel.exception"].search(
            [
                ("publication_id", "in", self.publications.ids),
                ("category", "=", "drift"),
                ("fingerprint", "=like", "drift:%"),
                ("value", "!=", False),
                ("last_seen_at", ">", self.since),
            ],
            limit=MOST_READ,
        )
        for exception in exceptions:
            more = Decimal(exception.value) - Decimal(exception.expected_value or "0")
            yield self._drift_line(
                exception.publication_id, exception.first_seen_at, more, exception
            )
        told = exceptions.publication_id
        for row in self.publications - told:
            if row.drift == "edited" and row.drift_at:
                more = to_decimal(row.drift_qty) - to_decimal(row.wanted_qty)
                yield self._drift_line(row, row.drift_at, more, row)
            for log in self._logs(row):
                over = to_decimal(log.previous_qty) - to_decimal(log.quantity)
                if log.cause == "drift" and over and log.changed_at > self.since:
                    yield self._drift_line(row, log.changed_at, over, row)

    def _drift_line(self, publication, at, more, document):
        unit = self._offered(publication, {}, 1.0)[0]
        return self._line(
            at,
            Kind.DRIFT,
            self.env._(
                "%(name)s showed %(more)s more than expected",
                name=publication.display_name,
                more=plain(more),
            )
            if more > 0
            else self.env._(
                "%(name)s showed %(fewer)s fewer than expected",
                name=publication.display_name,
                fewer=plain(-more),
            ),
            listing=publication.listing_id,
            quantity=more * unit,
            document=document,
        )

    def _changes(self):
        """Maps that mean another product by now, and rules somebody touched."""
        for publication in self.publications:
            listing = publication.listing_id
            if publication.product_id != listing.product_id:
                yield self._line(
                    listing.write_date,
                    Kind.MAP,
                    self.env._(
                        "%(sku)s means %(product)s now",
                        sku=listing.sku,
                        product=listing.product_id.display_name,
                    ),
                    listing=listing,
                    document=listing,
                )
        rules = self.env["stock.channel.rule"].search(
            [
                ("channel_id", "in", self.places.channel_id.ids),
                ("listing_id", "in", [False, *self.listings.ids]),
                ("channel_location_id", "in", [False, *self.places.ids]),
                ("write_date", ">", self.since),
            ],
            limit=MOST_READ,
        )
        for rule in rules:
            yield self._line(
                rule.write_date,
                Kind.RULE,
                self.env._(
                    "The rule of %(channel)s is now: %(rule)s",
                    channel=rule.channel_id.name,
                    rule=rule.display_name,
                ),
                channel=rule.channel_id,
                document=rule.listing_id or rule.channel_location_id or rule.channel_id,
            )

    # ------------------------------------------------------------------ lines

    def _line(
        self, at, kind, text, *, listing=None, channel=None, document=None, **vals
    ):
        channel = channel or (listing and listing.channel_id)
        return Line(
            event=Event(
                at=at,
                kind=kind,
                channel=str(channel.id) if channel else "",
                listing=str(listing.id) if listing else "",
                **vals,
            ),
            text=text,
            channel=channel,
            document=document,
        )
