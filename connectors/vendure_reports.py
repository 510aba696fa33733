"""What Vendure is told about an order: parcels that left, units that never will.

Vendure 3.7.3 has no idempotency keys, and a fulfilment has no field for an id of ours,
so ours are recognised by a mark: the delivery's id ends the fulfilment's ``method`` and
the cancellation's ``reason``. Whatever is told is looked for first.
"""

from __future__ import annotations

from decimal import Decimal

from .data import Cancellation, ReportedLine, Shipment
from .errors import KeptAsTold, Misconfigured, Rejected, RetryLater
from .vendure_client import Row, VendureClient, listed, part, rows

_FULFILMENT = "id state method trackingCode nextStates"

LOOK = f"""query HubOrderState($id: ID!) {{
  order(id: $id) {{
    id state lines {{ id quantity }}
    fulfillments {{ {_FULFILMENT} lines {{ orderLineId quantity }} }}
  }}
}}"""

CANCELS = """query HubCancellations($id: ID!, $take: Int!, $skip: Int!) {
  order(id: $id) {
    history(options: {
      filter: {type: {eq: "ORDER_CANCELLATION"}}, sort: {createdAt: DESC},
      take: $take, skip: $skip
    }) { items { data } }
  }
}"""

FULFIL = f"""mutation HubFulfil($input: FulfillOrderInput!) {{
  addFulfillmentToOrder(input: $input) {{
    __typename ... on Fulfillment {{ {_FULFILMENT} }}
    ... on ErrorResult {{ errorCode message }}
  }}
}}"""

MOVE = f"""mutation HubMoveFulfilment($id: ID!, $state: String!) {{
  transitionFulfillmentToState(id: $id, state: $state) {{
    __typename ... on Fulfillment {{ {_FULFILMENT} }}
    ... on ErrorResult {{ errorCode message }}
  }}
}}"""

CANCEL = """mutation HubCancel($input: CancelOrderInput!) {
  cancelOrder(input: $input) {
    __typename ... on Order { id state } ... on ErrorResult { errorCode message }
  }
}"""

HANDLER = "manual-fulfillment"
"""Vendure's own fulfilment handler, which asks for a method and a tracking code."""

_SHIPPED = "Shipped"
_MARK = " · "
_LONGEST = 255
_ENTRIES = 100


def marked(text: str, id_: str) -> str:
    """Return a text that ends with our id, no longer than any database takes."""
    room = _LONGEST - len(_MARK) - len(id_)
    return f"{text[: max(room, 0)].strip()}{_MARK}{id_}"


def is_marked(text: object, id_: str) -> bool:
    """Tell whether a text ends with our id."""
    return isinstance(text, str) and text.endswith(f"{_MARK}{id_}")


class Reports:
    """What is told about one order.

    :param str handler: code of the shop's fulfilment handler.
    """

    def __init__(self, client: VendureClient, order_id: str, handler: str) -> None:
        self._client = client
        self._order_id = order_id
        self._handler = handler

    # ----------------------------------------------------------------- shipments

    def ship(self, shipment: Shipment) -> None:
        """Make a fulfilment and move it to Shipped.

        Vendure takes it off its stock at the locations *it* allocated, wherever the
        parcel really left; the next numbers told put that right.

        :raise Rejected: with Vendure's own code, such as ITEMS_ALREADY_FULFILLED_ERROR.
        :raise KeptAsTold: Vendure never changes a fulfilment.
        """
        found = self._own_fulfilment(shipment)
        if found is None:
            found = self._fulfil(shipment)
        elif shipment.corrects and not _is_same(found, shipment):
            raise KeptAsTold(
                "Vendure keeps the carrier and tracking number of a fulfilment.",
                code="fulfillment_kept",
                field="tracking",
            )
        states = found.get("nextStates")
        # A shop with steps of its own moves it on by itself.
        if isinstance(states, list) and _SHIPPED in states:
            variables = {"id": str(found.get("id")), "state": _SHIPPED}
            self._client.result(MOVE, variables, "transitionFulfillmentToState")

    def _own_fulfilment(self, shipment: Shipment) -> Row | None:
        for row in rows(self._look(), "fulfillments"):
            if not is_marked(row.get("method"), shipment.id):
                continue
            if row.get("state") == "Cancelled":
                raise Rejected(
                    "The fulfilment of this delivery was cancelled in Vendure.",
                    code="fulfillment_canceled",
                )
            return row
        return None

    def _fulfil(self, shipment: Shipment) -> Row:
        arguments = {
            "method": marked(shipment.carrier, shipment.id),
            "trackingCode": shipment.tracking,
        }
        handler = {
            "code": self._handler,
            "arguments": [{"name": n, "value": v} for n, v in arguments.items()],
        }
        body = {"lines": _whole_lines(shipment.lines), "handler": handler}
        try:
            made = self._client.result(FULFIL, {"input": body}, "addFulfillmentToOrder")
        except Rejected as error:
            if error.code == "INVALID_FULFILLMENT_HANDLER_ERROR":
                raise Misconfigured(
                    f"Vendure has no fulfilment handler {self._handler}.",
                    field="fulfillment_handler",
                ) from None
            raise
        if made is None:
            raise RetryLater("Vendure took the fulfilment but does not show it.")
        return made

    # ------------------------------------------------------------- cancellations

    def cancel(self, cancellation: Cancellation) -> None:
        """Cancel units that have not left, and the delivery charge with the last ones.

        Vendure would take back what has left, too, and call it a return: refused here.

        :raise Rejected: when fewer units are open.
        """
        order = self._look()
        if order.get("state") == "Cancelled" or self._is_cancelled(cancellation.id):
            return
        open_units = _open_units(order)
        wanted = {
            str(row["orderLineId"]): int(row["quantity"])
            for row in _whole_lines(cancellation.lines)
        }
        for line_id, quantity in wanted.items():
            if quantity > open_units.get(line_id, 0):
                raise Rejected(
                    f"Only {open_units.get(line_id, 0)} of line {line_id} can still be"
                    " cancelled in Vendure.",
                    code="not_open",
                    field="lines",
                )
        is_all = wanted == {line: n for line, n in open_units.items() if n}
        body = {
            "orderId": self._order_id,
            "lines": _whole_lines(cancellation.lines),
            "reason": marked(cancellation.reason, cancellation.id),
            "cancelShipping": is_all and not _fulfilled(order),
        }
        self._client.result(CANCEL, {"input": body}, "cancelOrder")

    def _is_cancelled(self, cancellation_id: str) -> bool:
        """Tell whether the order's history has this cancellation already."""
        skip = 0
        while True:
            page = {"id": self._order_id, "take": _ENTRIES, "skip": skip}
            order = self._client.result(CANCELS, page, "order") or {}
            found = listed(order, "history")
            if any(
                is_marked(part(entry, "data").get("reason"), cancellation_id)
                for entry in found
            ):
                return True
            if len(found) < _ENTRIES:
                return False
            skip += _ENTRIES

    def _look(self) -> Row:
        order = self._client.result(LOOK, {"id": self._order_id}, "order")
        if order is None:
            raise Rejected("Vendure does not have this order.", code="unknown_order")
        return order


def _is_same(found: Row, shipment: Shipment) -> bool:
    told = (found.get("method"), found.get("trackingCode") or "")
    return told == (marked(shipment.carrier, shipment.id), shipment.tracking)


def _whole_lines(lines: tuple[ReportedLine, ...]) -> list[Row]:
    """Return one entry per order line, in units.

    :raise Rejected: for part of a unit, which Vendure does not count.
    """
    total: dict[str, Decimal] = {}
    for line in lines:
        total[line.order_line_id] = total.get(line.order_line_id, Decimal(0))
        total[line.order_line_id] += line.quantity
    for quantity in total.values():
        if quantity != quantity.to_integral_value():
            raise Rejected(
                "Vendure counts whole units only.", code="fraction", field="lines"
            )
    return [{"orderLineId": id_, "quantity": int(n)} for id_, n in total.items() if n]


def _fulfilled(order: Row) -> dict[str, int]:
    """Return how many of each line are in a parcel."""
    result: dict[str, int] = {}
    for parcel in rows(order, "fulfillments"):
        if parcel.get("state") == "Cancelled":
            continue
        for row in rows(parcel, "lines"):
            line_id = str(row.get("orderLineId"))
            result[line_id] = result.get(line_id, 0) + _count(row)
    return result


def _open_units(order: Row) -> dict[str, int]:
    gone = _fulfilled(order)
    return {
        line_id: max(_count(row) - gone.get(line_id, 0), 0)
        for row in rows(order, "lines")
        if (line_id := str(row.get("id")))
    }


def _count(row: Row) -> int:
    value = row.get("quantity")
    if isinstance(value, bool) or not isinstance(value, int):
        raise RetryLater("Vendure's answer makes no sense: quantity.")
    return value
