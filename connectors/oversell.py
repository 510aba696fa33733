"""Why more was sold than there is: one cause of a closed list. Pure.

Told from what was recorded, never guessed: each cause has a story, and the story has to
be in the events. They are asked in one fixed order, what somebody did before what
merely crossed, so that the same history always has the same cause.

The story starts at the *last sale*: of the orders of channels that are still open the
one bought last. What its channel had been told by then is the number *in force*. A
*rival* is whatever else took goods and was not in that number.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)


class Cause(StrEnum):
    """The closed list, in the order in which it is asked."""

    REFUSED = "refused"
    """The channel refused the lower number, so it went on showing the one before."""
    EDITED = "edited"
    """The channel showed more than it was told, or sold more than it was told."""
    MAPPING = "mapping"
    """Somebody changed what an item or location means while it was on sale."""
    KIT = "kit"
    """One channel sold the same goods under two of its items, such as a set and its
    part, and could not know it; or what the set is made of was changed."""
    COUNT = "count"
    """The goods were there when they were sold, and were counted, written off, moved or
    declared unsellable afterwards."""
    BUFFER = "buffer"
    """A rule offered more than there was, and does not any more; or goods sold by the
    channel were sold again here, with nothing kept back for either."""
    LATE = "late"
    """The hub knew of the rival before the last sale; the channel had not been told."""
    IN_FLIGHT = "in_flight"
    """Two sales crossed. The rival was sold before the last sale, and the hub heard of
    it afterwards; or it was promised here while the last sale was on its way here."""
    UNDETERMINED = "undetermined"
    """Nothing recorded tells the story: it is older than what is looked at, or was done
    past Odoo, in the database itself. A cause would be a guess."""


class Kind(StrEnum):
    """What an event of the timeline is."""

    STOCK = "stock"
    """Goods came (positive) or left; told for the reader, explains nothing."""
    COUNT = "count"
    """Stock was corrected, or taken away for no customer; signed."""
    SALE = "sale"
    """Somebody here promised goods without a channel."""
    ORDERED = "ordered"
    """A customer bought, by the channel's clock."""
    RECEIVED = "received"
    """The channel's message of an order was stored."""
    READ = "read"
    """The order was read: in flight from here on."""
    APPLIED = "applied"
    """The sale order here has it."""
    WANTED = "wanted"
    """A number was computed that the channel has not taken yet."""
    SENT = "sent"
    """It was sent; told for the reader."""
    TOLD = "told"
    """The channel took a number."""
    REFUSED = "refused"
    DRIFT = "drift"
    """The channel showed so many more (positive) or fewer than expected."""
    MAP = "map"
    KIT = "kit"
    RULE = "rule"
    CONDITION = "condition"
    """Somebody changed a map, a kit, a rule or a stock condition."""
    SHORT = "short"
    """The shortage was found."""


# What changed a number → what that is called when goods were sold under the former one.
CHANGES = {
    "map": Cause.MAPPING,
    "bom": Cause.KIT,
    "condition": Cause.COUNT,
    "rule": Cause.BUFFER,
}
# The same, recorded and not computed yet. What a rule took back, the numbers say.
CHANGED = {
    Kind.MAP: Cause.MAPPING,
    Kind.KIT: Cause.KIT,
    Kind.CONDITION: Cause.COUNT,
}


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened; quantities in the product's own unit.

    :param datetime at: when; all of one timeline aware, or all naive UTC.
    :param str listing: the item as the channel sells it, unique over all channels.
    :param str order: which order of a channel it belongs to.
    :param Decimal quantity: sold, told, moved; see ``Kind``.
    :param str why: of a number, what changed it: ``stock``, ``order``, ``map`` …
    :param sent: of a number, when it was computed and sent.
    :param Decimal extra: of a number, how much of it rules added to what was there.
    """

    at: datetime
    kind: Kind
    channel: str = ""
    listing: str = ""
    order: str = ""
    quantity: Decimal = ZERO
    why: str = ""
    sent: datetime | None = None
    extra: Decimal = ZERO


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The cause and what tells of it.

    :param sale: the last sale, None when no order of a channel is in the events.
    :param told: the number in force at that moment, None when there was none.
    :param event: the event that made the difference, None where there is none.
    :param delay: for ``LATE``, how long the hub had known of it.
    """

    cause: Cause
    sale: Event | None = None
    told: Event | None = None
    event: Event | None = None
    delay: timedelta | None = None


def find_cause(
    events: Iterable[Event],
    *,
    open_orders: Collection[str],
    shortage: Decimal,
    allowance: Decimal = ZERO,
) -> Finding:
    """Return why so much is missing.

    :param events: in any order; what is the same twice counts twice.
    :param open_orders: orders of channels of which something has not left yet.
    :param Decimal shortage: how much is missing.
    :param Decimal allowance: how much the last sale's channel may offer beyond what is
        there, by the rules in force now.
    """
    story = _Story(list(events), open_orders, shortage, allowance)
    return story.tell()


class _Story:
    def __init__(
        self,
        events: list[Event],
        open_orders: Collection[str],
        shortage: Decimal,
        allowance: Decimal,
    ) -> None:
        self.events = sorted(events, key=_in_order)
        self.shortage = shortage
        self.allowance = allowance
        self.heard = self._first(Kind.RECEIVED, Kind.READ)
        self.applied = self._first(Kind.APPLIED)
        sales = [
            event
            for event in self.events
            if event.kind == Kind.ORDERED and event.order in open_orders
        ]
        self.sale = max(sales, key=self._bought, default=None)

    def tell(self) -> Finding:
        sale = self.sale
        if sale is None:
            return Finding(cause=Cause.UNDETERMINED)
        self.moment = self._bought(sale)[0]
        numbers = self._mine(sale, Kind.TOLD)
        self.told = max(
            (number for number in numbers if number.at <= self.moment),
            key=lambda number: number.at,
            default=None,
        )
        questions: list[Callable[[Event], Finding | None]] = [
            self._was_refused,
            self._was_edited,
            self._was_changed,
            self._was_sold_as_another_item,
            self._was_counted,
            self._was_offered_beyond,
            self._was_late,
            self._was_in_flight,
            self._was_sold_again,
        ]
        for question in questions:
            finding = question(sale)
            if finding:
                return finding
        return Finding(cause=Cause.UNDETERMINED, sale=sale, told=self.told)

    # ---------------------------------------------------------------- reading

    def _first(self, *kinds: Kind) -> dict[str, datetime]:
        """Return when each order first had an event of these kinds."""
        first: dict[str, datetime] = {}
        for event in self.events:
            if event.kind in kinds:
                first.setdefault(event.order, event.at)
        return first

    def _bought(self, sale: Event) -> tuple[datetime, str]:
        """Return when a customer bought; never after we heard of it.

        Channels' clocks run apart: one that is ahead dates its orders in the future.
        """
        return min(sale.at, self.heard.get(sale.order, sale.at)), sale.order

    def _mine(self, sale: Event, *kinds: Kind) -> list[Event]:
        return [
            event
            for event in self.events
            if event.kind in kinds
            and (event.channel, event.listing) == (sale.channel, sale.listing)
        ]

    def _after_told(self, event: Event) -> bool:
        return self.told is None or event.at > self.told.at

    def _finding(
        self,
        cause: Cause,
        event: Event | None = None,
        delay: timedelta | None = None,
    ) -> Finding:
        return Finding(
            cause=cause, sale=self.sale, told=self.told, event=event, delay=delay
        )

    def _rivals(self, sale: Event) -> list[tuple[datetime, datetime, Event]]:
        """Return what else took goods: (taken at, known here since, event).

        What the channel sold of the very same item it took off its number itself.
        """
        rivals = []
        for event in self.events:
            if event.kind == Kind.ORDERED:
                if (event.channel, event.listing) == (sale.channel, sale.listing):
                    continue
                taken = self._bought(event)[0]
                known = self.heard.get(event.order, taken)
                rivals.append((taken, known, event))
            elif event.kind == Kind.SALE or (
                event.kind == Kind.COUNT and event.quantity < 0
            ):
                rivals.append((event.at, event.at, event))
        return rivals

    def _was_told_of(self, sale: Event, known: datetime) -> bool:
        """Return whether the number in force was computed after something was known."""
        told = self.told
        return told is not None and (told.sent or told.at) >= known

    # ---------------------------------------------------------------- stories

    def _was_refused(self, sale: Event) -> Finding | None:
        """The channel was to show less and refused to, before the last sale."""
        shown = self.told.quantity if self.told else None
        for event in reversed(self._mine(sale, Kind.REFUSED)):
            is_lower = shown is None or event.quantity < shown
            if event.at <= self.moment and self._after_told(event) and is_lower:
                return self._finding(Cause.REFUSED, event)
        return None

    def _was_edited(self, sale: Event) -> Finding | None:
        """The channel was seen to show more than it was told, or sold more than that."""
        for event in self._mine(sale, Kind.DRIFT):
            if event.quantity > 0 and self._after_told(event):
                return self._finding(Cause.EDITED, event)
        told = self.told
        if told is None:
            return None
        sold = sum(
            (
                event.quantity
                for event in self._mine(sale, Kind.ORDERED)
                if told.at < self._bought(event)[0] <= self.moment
            ),
            ZERO,
        )
        return self._finding(Cause.EDITED, told) if sold > told.quantity else None

    def _was_changed(self, sale: Event) -> Finding | None:
        """The next number was lower because somebody changed what it is made of."""
        told = self.told
        if told is None:
            return None
        for event in self._mine(sale, *CHANGED, Kind.TOLD, Kind.WANTED):
            if event.at <= told.at:
                continue
            if event.kind in CHANGED:
                return self._finding(CHANGED[event.kind], event)
            if event.quantity < told.quantity and event.why in CHANGES:
                return self._finding(CHANGES[event.why], event)
        return None

    def _was_sold_as_another_item(self, sale: Event) -> Finding | None:
        """The same channel sold these goods under another of its items."""
        for taken, known, rival in self._rivals(sale):
            if (
                rival.kind == Kind.ORDERED
                and rival.channel == sale.channel
                and taken <= self.moment
                and not self._was_told_of(sale, known)
            ):
                return self._finding(Cause.KIT, rival)
        return None

    def _was_counted(self, sale: Event) -> Finding | None:
        """Goods were taken away after the last sale, as many as are missing."""
        gone = [
            event
            for event in self.events
            if event.kind == Kind.COUNT and event.at > self.moment
        ]
        lost = -sum((event.quantity for event in gone), ZERO)
        if lost >= self.shortage > ZERO:
            last = max(
                (event for event in gone if event.quantity < 0), key=lambda e: e.at
            )
            return self._finding(Cause.COUNT, last)
        return None

    def _was_offered_beyond(self, sale: Event) -> Finding | None:
        """The number in force held more than was there, and rules no longer allow it."""
        told = self.told
        if told and told.extra > self.allowance:
            return self._finding(Cause.BUFFER, told)
        return None

    def _was_late(self, sale: Event) -> Finding | None:
        """The hub knew before the last sale; the number in force did not."""
        if self.told is None:
            return self._finding(Cause.LATE)
        late = [
            (known, rival)
            for _taken, known, rival in self._rivals(sale)
            if known <= self.moment and not self._was_told_of(sale, known)
        ]
        if not late:
            return None
        known, rival = min(late, key=lambda pair: pair[0])
        return self._finding(Cause.LATE, rival, self.moment - known)

    def _was_in_flight(self, sale: Event) -> Finding | None:
        """Two sales crossed: whoever made the second could not know of the first.

        Bought elsewhere before and heard of here after; or promised here after, when
        the order of the last sale had not been taken over yet.
        """
        applied = self.applied.get(sale.order)
        for taken, known, rival in reversed(self._rivals(sale)):
            if rival.kind == Kind.ORDERED and taken <= self.moment < known:
                return self._finding(Cause.IN_FLIGHT, rival)
            if rival.kind == Kind.SALE and self.moment < taken:
                if applied is None or taken <= applied:
                    return self._finding(Cause.IN_FLIGHT, rival)
        return None

    def _was_sold_again(self, sale: Event) -> Finding | None:
        """Promised here although the order was taken over: nothing kept them apart."""
        for taken, _known, rival in reversed(self._rivals(sale)):
            if rival.kind == Kind.SALE and self.moment < taken:
                return self._finding(Cause.BUFFER, rival)
        return None


def _in_order(event: Event) -> tuple[object, ...]:
    """Order events so that what is given in another order is told the same."""
    return (
        event.at,
        list(Kind).index(event.kind),
        event.channel,
        event.listing,
        event.order,
        event.quantity,
        event.why,
        event.sent is not None,
        event.sent or event.at,
        event.extra,
    )
