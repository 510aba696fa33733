"""Tell Shopify what was shipped, from where, and how to follow it.

Shopify plans an order's goods into fulfilment orders, each at one location; what leaves
is a fulfilment of their lines
(https://shopify.dev/docs/apps/build/orders-fulfillment/order-management-apps/build-fulfillment-solutions).
What leaves from elsewhere is moved there first. A fulfilment is recognised by the note
the hub keeps at the order, see :mod:`.shopify_marks`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .data import Shipment
from .errors import KeptAsTold, Rejected, RetryLater
from .graphql import Row
from .shopify_client import (
    MOST,
    ShopifyClient,
    connection,
    gid,
    number,
    part,
    refuse,
    rows,
    user_errors,
    whole,
)
from .shopify_lines import merged, whole_order
from .shopify_marks import Marks, ShipmentMark

ORDER_TO_SHIP = """
query HubOrderToShip($id: ID!, $after: String) {
  order(id: $id) {
    id
    cancelledAt
    metafield(key: "stock_channel_hub") { value compareDigest }
    fulfillments(first: 100) {
      id
      status
      location { id }
      trackingInfo(first: 1) { company number url }
    }
    fulfillmentOrders(first: 50, after: $after) {
      nodes { id status assignedLocation { location { id } } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

FULFILLMENT_ORDER_LINES = """
query HubFulfillmentOrderLines($id: ID!, $after: String) {
  fulfillmentOrder(id: $id) {
    lineItems(first: 100, after: $after) {
      nodes { id remainingQuantity lineItem { id } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

FULFILLMENT_LINES = """
query HubFulfillmentLines($id: ID!, $after: String) {
  fulfillment(id: $id) {
    fulfillmentLineItems(first: 100, after: $after) {
      nodes { quantity lineItem { id } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

MOVE = """
mutation HubMove($id: ID!, $location: ID!, $lines: [FulfillmentOrderLineItemInput!]) {
  fulfillmentOrderMove(
    id: $id
    newLocationId: $location
    fulfillmentOrderLineItems: $lines
  ) {
    movedFulfillmentOrder { id status }
    userErrors { code field message }
  }
}
"""

SHIP = """
mutation HubShip($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id status }
    userErrors { field message }
  }
}
"""

TRACK = """
mutation HubTrack($id: ID!, $tracking: FulfillmentTrackingInput!, $notify: Boolean) {
  fulfillmentTrackingInfoUpdate(
    fulfillmentId: $id
    trackingInfoInput: $tracking
    notifyCustomer: $notify
  ) {
    fulfillment { id }
    userErrors { field message }
  }
}
"""

_ORDER_COST = 460.0
_LINES_COST = 203.0
_CHANGE_COST = 15.0
_OPEN = ("OPEN", "IN_PROGRESS")
_WAITING = {
    "ON_HOLD": "is on hold in Shopify: release the hold there first",
    "SCHEDULED": "is planned for a later day in Shopify: open it there first",
}
_OVER = ("CANCELLED", "ERROR", "FAILURE")


@dataclass(frozen=True, kw_only=True)
class WorkLine:
    """A line of a fulfilment order that has something left to ship."""

    id: str
    order_line: str
    left: int


@dataclass(frozen=True, kw_only=True)
class Work:
    """A fulfilment order that can be shipped from."""

    id: str
    location: str
    lines: tuple[WorkLine, ...]


Picked = dict[str, dict[str, int]]
"""By fulfilment order, by its line: how many."""


class Shipping:
    """One shipment to be told.

    :param bool notify: whether Shopify writes to the customer.
    """

    def __init__(self, client: ShopifyClient, shipment: Shipment, notify: bool) -> None:
        self._client = client
        self._shipment = shipment
        self._notify = notify
        self._order_id = gid("Order", shipment.order_id)
        self._location = shipment.location_id
        if self._location:
            gid("Location", self._location)
        self._wanted = merged(shipment.lines)

    def tell(self) -> None:
        """Make the fulfilment, or leave it at the one that is there.

        :raise Rejected: what cannot be shipped at Shopify, and why.
        """
        order = self._order()
        marks = Marks(self._client, self._order_id, part(order, "metafield"))
        own = self._own(order, marks)
        if own is not None:
            if self._shipment.corrects:
                self._correct(own)
            return
        if order.get("cancelledAt"):
            raise Rejected(
                "The order was cancelled in Shopify. Have the goods back, or settle it"
                " with the customer.",
                code="order_cancelled",
            )
        picked = self._picked(order)
        known = frozenset(number(row.get("id")) for row in rows(order, "fulfillments"))
        # Before anything is made: a repeat knows by it what is new.
        if self._shipment.id not in marks.shipments:
            marks.note_shipment(self._shipment.id, ShipmentMark(known=known))
        made = self._make(picked)
        self._note(marks, made)

    # ----------------------------------------------------------- what is there

    def _order(self) -> Row:
        """Read the order with its fulfilments and fulfilment orders."""
        return whole_order(
            self._client,
            ORDER_TO_SHIP,
            self._order_id,
            "fulfillmentOrders",
            _ORDER_COST,
        )

    def _own(self, order: Row, marks: Marks) -> Row | None:
        """Return the fulfilment that was made for this shipment, if there is one.

        :raise Rejected: when somebody cancelled it in Shopify.
        """
        mark = marks.shipments.get(self._shipment.id)
        if mark is None:
            return None
        by_number = {number(row.get("id")): row for row in rows(order, "fulfillments")}
        if mark.fulfillment:
            own = by_number.get(mark.fulfillment)
            if own is None:
                return {"id": gid("Fulfillment", mark.fulfillment)}
            if own.get("status") in _OVER:
                raise Rejected(
                    "The fulfilment of this delivery was cancelled in Shopify.",
                    code="fulfillment_cancelled",
                )
            return own
        # The answer was lost, last time: what is new and like it is ours.
        taken = mark.known | marks.claimed()
        for key, row in sorted(by_number.items(), key=self._likeness):
            if (
                key not in taken
                and row.get("status") not in _OVER
                and self._is_like(row)
            ):
                self._note(marks, key)
                return row
        return None

    def _likeness(self, entry: tuple[str, Row]) -> tuple[bool, int]:
        """Sort those with our tracking number first, then the older ones."""
        key, row = entry
        tracked = [info.get("number") for info in rows(row, "trackingInfo")]
        return self._shipment.tracking not in tracked, int(key or 0)

    def _is_like(self, row: Row) -> bool:
        place = number(part(row, "location").get("id"))
        if place and self._location and place != self._location:
            return False
        variables = {"id": row.get("id")}
        lines: Counter[str] = Counter()
        for page in self._client.pages(
            FULFILLMENT_LINES,
            variables,
            _LINES_COST,
            "fulfillment",
            "fulfillmentLineItems",
        ):
            for line in page:
                order_line = number(part(line, "lineItem").get("id"))
                lines[order_line] += whole(line, "quantity")
        return dict(lines) == self._wanted

    def _note(self, marks: Marks, made: str) -> None:
        """Keep the number of its own; what was there before says no more then."""
        mark = ShipmentMark(known=frozenset(), fulfillment=made)
        marks.note_shipment(self._shipment.id, mark)

    # ----------------------------------------------------------- what to ship

    def _picked(self, order: Row) -> Picked:
        """Choose the lines to ship; move them to where they left from if needed.

        :raise Rejected: when there is not so much left to ship.
        """
        work = list(self._work(order))
        if not self._location:
            self._location = self._only_place(work)
        here = [entry for entry in work if entry.location == self._location]
        elsewhere = [entry for entry in work if entry.location != self._location]
        picked, missing = _pick(here, self._wanted)
        if not missing:
            return picked
        moving, lacking = _pick(elsewhere, missing)
        if lacking:
            raise self._nothing_left(order)
        for work_id, lines in moving.items():
            self._move(work_id, lines)
        work = list(self._work(self._order()))
        here = [entry for entry in work if entry.location == self._location]
        picked, missing = _pick(here, self._wanted)
        if missing:
            raise RetryLater("Shopify moved the goods but does not show them yet.")
        return picked

    def _work(self, order: Row) -> Iterator[Work]:
        """Read the lines of every fulfilment order that can be shipped."""
        for row in connection(order, "fulfillmentOrders"):
            if row.get("status") not in _OPEN:
                continue
            work_id = number(row.get("id"))
            place = part(part(row, "assignedLocation"), "location")
            yield Work(
                id=work_id,
                location=number(place.get("id")),
                lines=tuple(self._lines(work_id)),
            )

    def _lines(self, work_id: str) -> Iterator[WorkLine]:
        variables = {"id": gid("FulfillmentOrder", work_id)}
        for page in self._client.pages(
            FULFILLMENT_ORDER_LINES,
            variables,
            _LINES_COST,
            "fulfillmentOrder",
            "lineItems",
        ):
            for row in page:
                yield WorkLine(
                    id=number(row.get("id")),
                    order_line=number(part(row, "lineItem").get("id")),
                    left=whole(row, "remainingQuantity"),
                )

    def _only_place(self, work: list[Work]) -> str:
        """Return the location of the lines, where nobody said it.

        :raise Rejected: when they are planned at several.
        """
        places = {
            entry.location
            for entry in work
            if any(
                line.left and line.order_line in self._wanted for line in entry.lines
            )
        }
        if len(places) > 1:
            raise Rejected(
                "Shopify plans these goods at several locations: the shipment has to"
                " say which it left from. Map the warehouse to a location.",
                code="location",
                field="location_id",
            )
        return places.pop() if places else ""

    def _nothing_left(self, order: Row) -> Rejected:
        for row in connection(order, "fulfillmentOrders"):
            words = _WAITING.get(str(row.get("status")))
            if words:
                return Rejected(
                    f"Part of the order {words}.", code="not_open", field="lines"
                )
        return Rejected(
            "Shopify has not so much of these lines left to ship: they were shipped,"
            " removed or refunded there.",
            code="nothing_left",
            field="lines",
        )

    # ------------------------------------------------------------------ telling

    def _move(self, work_id: str, lines: Mapping[str, int]) -> None:
        variables = {
            "id": gid("FulfillmentOrder", work_id),
            "location": gid("Location", self._location),
            "lines": _line_input(lines),
        }
        data = self._client.query(MOVE, variables, cost=_CHANGE_COST)
        refuse(
            user_errors(part(data, "fulfillmentOrderMove")),
            "Shopify does not move the goods to the location they left from",
            "location_id",
        )

    def _make(self, picked: Picked) -> str:
        """Make the fulfilment; return its number."""
        fulfillment: Row = {
            "lineItemsByFulfillmentOrder": [
                {
                    "fulfillmentOrderId": gid("FulfillmentOrder", work_id),
                    "fulfillmentOrderLineItems": _line_input(lines),
                }
                for work_id, lines in picked.items()
            ],
            "notifyCustomer": self._notify,
        }
        if tracking := self._tracking():
            fulfillment["trackingInfo"] = tracking
        data = self._client.query(SHIP, {"fulfillment": fulfillment}, cost=_CHANGE_COST)
        payload = part(data, "fulfillmentCreate")
        refuse(user_errors(payload), "Shopify does not take the shipment")
        made = number(part(payload, "fulfillment").get("id"))
        if not made:
            raise RetryLater("Shopify took the shipment but does not show it.")
        return made

    def _correct(self, own: Row) -> None:
        """Change carrier and tracking of a fulfilment.

        :raise KeptAsTold: when there is nothing to change them to.
        """
        wanted = self._tracking()
        if not wanted:
            raise KeptAsTold(
                "Shopify keeps the tracking number it has where there is no new one.",
                code="no_tracking",
                field="tracking",
            )
        shown = next(iter(rows(own, "trackingInfo")), {})
        if all(shown.get(name) == value for name, value in wanted.items()):
            return
        variables = {"id": own.get("id"), "tracking": wanted, "notify": self._notify}
        data = self._client.query(TRACK, variables, cost=_CHANGE_COST)
        refuse(
            user_errors(part(data, "fulfillmentTrackingInfoUpdate")),
            "Shopify does not take the tracking number",
            "tracking",
        )

    def _tracking(self) -> dict[str, str]:
        """Return what there is to follow the parcel by."""
        shipment = self._shipment
        found = {"company": shipment.carrier, "number": shipment.tracking}
        # An address goes with a number only, and must be one.
        if shipment.tracking and shipment.tracking_url.startswith(
            ("https://", "http://")
        ):
            found["url"] = shipment.tracking_url
        return {name: value for name, value in found.items() if value}


def _pick(work: list[Work], wanted: Mapping[str, int]) -> tuple[Picked, dict[str, int]]:
    """Take what is wanted off these fulfilment orders, in their order.

    :return: what was taken, and what is missing by order line.
    """
    missing = dict(wanted)
    picked: Picked = {}
    for entry in work:
        for line in entry.lines:
            count = min(line.left, missing.get(line.order_line, 0))
            if count > 0:
                picked.setdefault(entry.id, {})[line.id] = count
                missing[line.order_line] -= count
    return picked, {line: count for line, count in missing.items() if count}


def _line_input(lines: Mapping[str, int]) -> list[Row]:
    """Return lines of a fulfilment order as Shopify takes them.

    :raise Rejected: when there are more than a list may hold.
    """
    if len(lines) > MOST:
        raise Rejected(
            f"Shopify takes {MOST} lines of an order in one parcel at most. Tell it in"
            " Shopify.",
            code="too_many_lines",
            field="lines",
        )
    return [
        {"id": gid("FulfillmentOrderLineItem", line), "quantity": count}
        for line, count in lines.items()
    ]
