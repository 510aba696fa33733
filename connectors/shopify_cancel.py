"""Tell Shopify what will never ship.

A whole order is cancelled
(https://shopify.dev/docs/api/admin-graphql/latest/mutations/orderCancel), which Shopify
does in the background; a part goes by an edit of the order
(https://shopify.dev/docs/apps/build/orders-fulfillment/order-management-apps/edit-orders),
which changes nothing before it is committed.

Nothing is put back on sale by that: the ERP owns the numbers, and has told Shopify what
may be sold before, or tells it next. Where goods were short, putting them back would sell
them once more. No money is paid back either: that is finance's to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from .data import Cancellation
from .errors import ConnectorError, Rejected, RetryLater
from .graphql import Row
from .shopify_client import (
    ShopifyClient,
    connection,
    gid,
    number,
    part,
    refuse,
    user_errors,
    whole,
)
from .shopify_lines import merged, whole_order
from .shopify_marks import CancelMark, Marks

ORDER_TO_CANCEL = """
query HubOrderToCancel($id: ID!, $after: String) {
  order(id: $id) {
    id
    cancelledAt
    merchantEditable
    merchantEditableErrors
    metafield(key: "stock_channel_hub") { value compareDigest }
    lineItems(first: 100, after: $after) {
      nodes { id currentQuantity unfulfilledQuantity }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

CANCEL = """
mutation HubCancel($id: ID!, $note: String, $notify: Boolean) {
  orderCancel(
    orderId: $id
    reason: OTHER
    restock: false
    notifyCustomer: $notify
    staffNote: $note
  ) {
    job { id done }
    orderCancelUserErrors { code field message }
  }
}
"""

CANCELLED = """
query HubCancelled($id: ID!) {
  order(id: $id) { id cancelledAt }
}
"""

EDIT_BEGIN = """
mutation HubEditBegin($id: ID!) {
  orderEditBegin(id: $id) {
    calculatedOrder {
      id
      lineItems(first: 250) {
        nodes { id quantity editableQuantity }
      }
    }
    userErrors { field message }
  }
}
"""

EDIT_LINE = """
mutation HubEditLine($id: ID!, $line: ID!, $quantity: Int!) {
  orderEditSetQuantity(id: $id, lineItemId: $line, quantity: $quantity, restock: false) {
    calculatedLineItem { id quantity }
    userErrors { field message }
  }
}
"""

EDIT_COMMIT = """
mutation HubEditCommit($id: ID!, $note: String, $notify: Boolean) {
  orderEditCommit(id: $id, staffNote: $note, notifyCustomer: $notify) {
    order { id }
    userErrors { field message }
  }
}
"""

_READ_COST = 110.0
_BEGIN_COST = 265.0
_CHANGE_COST = 15.0
_PAUSES = (1.0, 2.0)
"""Seconds to wait, one after the other, for Shopify to cancel in the background."""

_NOTE = 255


class Cancelling:
    """One cancellation to be told.

    :param bool notify: whether Shopify writes to the customer.
    """

    def __init__(
        self, client: ShopifyClient, cancellation: Cancellation, notify: bool
    ) -> None:
        self._client = client
        self._cancellation = cancellation
        self._notify = notify
        self._order_id = gid("Order", cancellation.order_id)
        self._gone = merged(cancellation.lines)

    def tell(self) -> None:
        """Cancel the order, or take the lines off it.

        :raise Rejected: what cannot be cancelled any more, and why.
        """
        order = self._order()
        if order.get("cancelledAt"):
            return
        marks = Marks(self._client, self._order_id, part(order, "metafield"))
        mark = marks.cancels.get(self._cancellation.id)
        if mark is not None and mark.is_done:
            return
        left = mark.left if mark is not None else self._left(order)
        done = CancelMark(left=left, is_done=True)
        if not self._is_changed(order, left):
            # Shopify has taken them off already, or the answer to ours was lost.
            marks.note_cancel(self._cancellation.id, done)
            return
        if self._is_whole(order, left):
            self._cancel()
            return
        if mark is None:
            marks.note_cancel(self._cancellation.id, CancelMark(left=left))
        try:
            self._edit(order, left)
        except Rejected:
            # Nothing was changed, and whoever tells it again means it of then.
            with suppress(ConnectorError):
                marks.forget_cancel(self._cancellation.id)
            raise
        marks.note_cancel(self._cancellation.id, done)

    # ----------------------------------------------------------- what is there

    def _order(self) -> Row:
        """Read the order with all its lines."""
        return whole_order(
            self._client, ORDER_TO_CANCEL, self._order_id, "lineItems", _READ_COST
        )

    def _left(self, order: Row) -> dict[str, int]:
        """Return what is to be left of each line.

        :raise Rejected: when less of a line is open than shall go.
        """
        left: dict[str, int] = {}
        missing = dict(self._gone)
        for row in connection(order, "lineItems"):
            line = number(row.get("id"))
            gone = missing.pop(line, 0)
            current = whole(row, "currentQuantity")
            if not gone or not current:
                # What Shopify has taken off altogether needs no second word.
                continue
            if gone > min(current, whole(row, "unfulfilledQuantity")):
                raise Rejected(
                    "Less of the line is open in Shopify than shall be cancelled: it"
                    " was shipped or removed there.",
                    code="not_open",
                    field="lines",
                )
            left[line] = current - gone
        if missing:
            raise Rejected(
                "Shopify has no such line in this order.",
                code="unknown_line",
                field="lines",
            )
        return left

    def _is_changed(self, order: Row, left: Mapping[str, int]) -> bool:
        """Tell whether any line has more than is to be left of it."""
        return any(
            whole(row, "currentQuantity") > left[line]
            for row in connection(order, "lineItems")
            if (line := number(row.get("id"))) in left
        )

    def _is_whole(self, order: Row, left: Mapping[str, int]) -> bool:
        """Tell whether nothing stays, and nothing has left."""
        return all(
            left.get(number(row.get("id")), whole(row, "currentQuantity")) == 0
            and whole(row, "unfulfilledQuantity") >= whole(row, "currentQuantity")
            for row in connection(order, "lineItems")
        )

    # ------------------------------------------------------------------ telling

    def _cancel(self) -> None:
        """Cancel the order, and see it cancelled.

        :raise RetryLater: when that takes longer than there is time to wait for.
        """
        variables = {
            "id": self._order_id,
            "note": self._note(),
            "notify": self._notify,
        }
        data = self._client.query(CANCEL, variables, cost=_CHANGE_COST)
        payload = part(data, "orderCancel")
        refuse(
            user_errors(payload, "orderCancelUserErrors"),
            "Shopify does not cancel the order",
        )
        for seconds in (0.0, *_PAUSES):
            if seconds:
                self._client.pause(seconds)
            found = self._client.query(CANCELLED, {"id": self._order_id}, cost=2)
            if part(found, "order").get("cancelledAt"):
                return
        raise RetryLater(
            "Shopify is cancelling the order, and not through with it yet."
        )

    def _edit(self, order: Row, left: Mapping[str, int]) -> None:
        """Take the lines off the order, all of them or none."""
        if order.get("merchantEditable") is False:
            words = order.get("merchantEditableErrors")
            text = "; ".join(map(str, words)) if isinstance(words, list) else ""
            raise Rejected(
                "Shopify lets nobody edit this order: cancel it there as a whole, or"
                f" refund the lines. {text[:300]}".rstrip(),
                code="not_editable",
            )
        data = self._client.query(EDIT_BEGIN, {"id": self._order_id}, cost=_BEGIN_COST)
        payload = part(data, "orderEditBegin")
        refuse(user_errors(payload), "Shopify does not let the order be edited")
        draft = part(payload, "calculatedOrder")
        edit_id = draft.get("id")
        if not isinstance(edit_id, str):
            raise RetryLater("Shopify's answer makes no sense: calculatedOrder.")
        self._set_lines(edit_id, draft, left)
        variables = {"id": edit_id, "note": self._note(), "notify": self._notify}
        data = self._client.query(EDIT_COMMIT, variables, cost=_CHANGE_COST)
        refuse(
            user_errors(part(data, "orderEditCommit")),
            "Shopify does not take the lines off the order",
        )

    def _set_lines(self, edit_id: str, draft: Row, left: Mapping[str, int]) -> None:
        """Set the quantities of an edit; nothing is changed by that yet."""
        # A line of an edit has the number of the order's own line.
        lines = {number(row.get("id")): row for row in connection(draft, "lineItems")}
        for line, quantity in left.items():
            row = lines.get(line)
            if row is None:
                raise Rejected(
                    "Shopify does not show the line in an edit of the order: take it"
                    " off there.",
                    code="unknown_line",
                    field="lines",
                )
            current = whole(row, "quantity")
            if current <= quantity:
                continue
            if current - quantity > whole(row, "editableQuantity"):
                raise Rejected(
                    "Part of the line was shipped in Shopify meanwhile.",
                    code="not_open",
                    field="lines",
                )
            variables = {"id": edit_id, "line": row.get("id"), "quantity": quantity}
            data = self._client.query(EDIT_LINE, variables, cost=_CHANGE_COST)
            refuse(
                user_errors(part(data, "orderEditSetQuantity")),
                "Shopify does not take the line off the order",
                "lines",
            )

    def _note(self) -> str:
        return self._cancellation.reason[:_NOTE]
