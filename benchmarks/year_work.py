"""What came in, what people did and what was reported: parts of a year of work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from odoo.tools import SQL

CATEGORIES = ("mapping", "stock", "refused", "drift", "oversell", "late", "internal")
STEPS = ("map_item", "order", "listing", "publication", "return", "channel", "retry")


class Work:
    """Statements that fill the tables; the year says how many rows, and when."""

    channel: Any
    listings: int
    users: dict[str, Any]
    user: SQL
    place: SQL
    listing: SQL
    shelf: int
    orders: range
    lines: range
    returns: range
    _channel: SQL
    _company: SQL
    env: Any
    _fill: Callable[..., range]
    _moment: Callable[..., SQL]
    _one_of: Callable[[Sequence[object]], SQL]

    # ----------------------------------------------------------- the incoming

    def _make_orders(self) -> None:
        orders = self.orders = self._fill(
            "stock_channel_order",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "currency_id": SQL("%s", self.channel.company_id.currency_id.id),
                "external_id": SQL("'O-' || n"),
                "name": SQL("'#' || n"),
                "state": SQL(
                    """CASE WHEN n %% 200 = 0 THEN 'waiting' WHEN n %% 250 = 1
                            THEN 'new' WHEN n %% 40 = 2 THEN 'cancelled'
                            ELSE 'applied' END"""
                ),
                "payment_status": SQL("'paid'"),
                "payment_reference": SQL("'PAY-' || n"),
                "waits_for_payment": SQL("n %% 250 = 1"),
                "version": SQL("1"),
                "applied_version": SQL("1"),
                "total": SQL("n %% 500"),
                "placed_at": self._moment(),
                "updated_at": self._moment(),
                "promised_at": SQL("%s + interval '2 days'", self._moment()),
            },
        )
        lines = self._fill(
            "stock_channel_order_line",
            {
                "channel_order_id": SQL("%s + (n - 1) / 2", orders.start),
                "channel_id": self._channel,
                "company_id": self._company,
                "listing_id": self.listing,
                "product_id": self.listing,
                "channel_location_id": self.place,
                "assigned_location_id": self.place,
                "external_id": SQL("'L-' || n"),
                "sku": SQL("'SKU-' || n"),
                "ordered_qty": SQL("2"),
                "applied_qty": SQL("2"),
                "own_open_qty": SQL("CASE WHEN n %% 50 = 0 THEN 2 ELSE 0 END"),
                "unit_price": SQL("n %% 100"),
            },
        )
        shipments = self._fill(
            "stock_channel_fulfillment",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "channel_order_id": SQL("%s + n - 1", orders.start),
                "channel_location_id": self.place,
                "external_id": SQL("'F-' || n"),
                "kind": SQL(
                    "CASE WHEN n %% 30 = 0 THEN 'cancellation' ELSE 'shipment' END"
                ),
                "state": SQL(
                    """CASE WHEN n %% 400 = 0 THEN 'rejected' WHEN n %% 100 = 1
                            THEN 'pending' ELSE 'done' END"""
                ),
                "carrier": SQL("'Post'"),
                "tracking": SQL("'TRACK' || n"),
                "shipped_at": self._moment(),
            },
        )
        self._fill(
            "stock_channel_fulfillment_line",
            {
                "fulfillment_id": SQL("%s + (n - 1) / 2", shipments.start),
                "company_id": self._company,
                "order_line_id": SQL("%s + n - 1", lines.start),
                "quantity": SQL("2"),
            },
        )
        self.lines = lines

    def _make_returns(self) -> None:
        returns = self.returns = self._fill(
            "stock_channel_return",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "channel_order_id": SQL("%s + n - 1", self.orders.start),
                "channel_location_id": self.place,
                "external_id": SQL("'R-' || n"),
                "state": SQL(
                    """CASE WHEN n %% 20 = 0 THEN 'announced' WHEN n %% 30 = 1
                            THEN 'received' ELSE 'done' END"""
                ),
                "is_refunded": SQL("n %% 3 > 0"),
                "refund_amount": SQL("n %% 90"),
                "refunded_at": SQL("CASE WHEN n %% 3 > 0 THEN %s END", self._moment()),
            },
        )
        is_waiting = SQL("n %% 30 = 1")
        self._fill(
            "stock_channel_return_line",
            {
                "channel_return_id": SQL("%s + (n - 1) / 2", returns.start),
                "company_id": self._company,
                "channel_id": self._channel,
                "channel_order_id": SQL("%s + (n - 1) / 2", self.orders.start),
                "order_line_id": SQL("%s + n - 1", self.lines.start),
                "product_id": self.listing,
                "disposition": SQL("'inspect'"),
                "said_disposition": SQL("'inspect'"),
                "state": SQL(
                    "CASE WHEN %s THEN 'received' ELSE 'sellable' END", is_waiting
                ),
                "return_state": SQL("'received'"),
                "quantity": SQL("2"),
                "done_qty": SQL("2"),
                "waiting_qty": SQL("CASE WHEN %s THEN 2 ELSE 0 END", is_waiting),
                "waiting_value": SQL("CASE WHEN %s THEN 20 ELSE 0 END", is_waiting),
                "missing_qty": SQL("CASE WHEN n %% 90 = 3 THEN 1 ELSE 0 END"),
                "accepted_qty": SQL("CASE WHEN %s THEN 0 ELSE 2 END", is_waiting),
                "restocked_qty": SQL("CASE WHEN %s THEN 0 ELSE 2 END", is_waiting),
                "scrapped_qty": SQL("CASE WHEN n %% 80 = 4 THEN 1 ELSE 0 END"),
                "not_restocked_qty": SQL("CASE WHEN n %% 60 = 1 THEN 2 ELSE 0 END"),
                "not_restocked_value": SQL("CASE WHEN n %% 60 = 1 THEN 20 ELSE 0 END"),
                "is_refunded": SQL("n %% 20 > 0"),
                "is_kept": SQL("FALSE"),
                "unit_value": SQL("10"),
                "received_at": self._moment(),
                "refunded_at": SQL("CASE WHEN n %% 20 > 0 THEN %s END", self._moment()),
                "inspect_due_on": SQL(
                    "(now() + (n %% 9 - 4) * interval '1 day')::date"
                ),
            },
        )
        self._make_unannounced()

    def _make_unannounced(self) -> None:
        self._fill(
            "stock_channel_blind_receipt",
            {
                "company_id": self._company,
                "channel_id": self._channel,
                "product_id": self.listing,
                "location_id": SQL("%s", self.shelf),
                "state": SQL(
                    "CASE WHEN n %% 25 = 0 THEN 'received' ELSE 'matched' END"
                ),
                "note": SQL("'Parcel ' || n"),
                "quantity": SQL("1"),
                "received_at": self._moment(),
            },
        )

    def _make_messages(self) -> None:
        self._fill(
            "stock_channel_message",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "state": SQL(
                    """CASE WHEN n %% 400 = 0 THEN 'waiting' WHEN n %% 900 = 1
                            THEN 'failed' WHEN n %% 800 = 2 THEN 'pending'
                            ELSE 'done' END"""
                ),
                "origin": self._one_of(("webhook", "poll")),
                "topic": SQL("'order'"),
                "dedupe_key": SQL("'D-' || n"),
                "order_key": SQL("'O-' || (n / 4)"),
                "digest": SQL("md5(n::text)"),
                "channel_order_id": SQL(
                    "%s + n %% %s", self.orders.start, len(self.orders)
                ),
                "received_at": self._moment(),
                "processed_at": self._moment(),
                "raw": SQL("convert_to('{}', 'UTF8')"),
            },
        )
        self._fill(
            "stock_channel_customer",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "partner_id": SQL("%s", self.channel.company_id.partner_id.id),
                "external_id": SQL("'C-' || n"),
            },
        )

    # ------------------------------------------------------- people's own work

    def _make_decisions(self) -> None:
        changes = self._fill(
            "stock_channel_change",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "requested_by_id": self.user,
                "kind": SQL("'change'"),
                "name": SQL("'Buffer ' || n"),
                "reason": SQL("'Season'"),
                "is_small": SQL("n %% 5 = 0"),
                "listing_count": SQL("n %% 50"),
                "steps": SQL("'[]'::jsonb"),
                "requested_at": self._moment(),
            },
        )
        approvals = self._fill(
            "stock_channel_approval",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "subject_model": SQL("'stock.channel.change'"),
                "subject_id": SQL("%s + n - 1", changes.start),
                "requested_by_id": self.user,
                "name": SQL("'Buffer ' || n"),
                "kind": SQL("'change'"),
                "state": SQL(
                    """CASE WHEN n %% 50 = 0 THEN 'proposed' WHEN n %% 20 = 1
                            THEN 'rejected' ELSE 'applied' END"""
                ),
                "value": SQL("n %% 700"),
                "requested_at": self._moment(),
            },
        )
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_change
                   SET approval_id = id - %s
                 WHERE id %% 3 > 0
                """,
                changes.start - approvals.start,
            )
        )
        self._fill(
            "stock_channel_audit",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "user_id": self.user,
                "res_model": self._one_of(
                    ("stock.channel.listing", "stock.channel.rule", "stock.channel")
                ),
                "res_id": self.listing,
                "action": self._one_of(("created", "changed", "paused", "resumed")),
                "record_name": SQL("'SKU-' || n"),
                "before": SQL("'{}'::jsonb"),
                "after": SQL("'{}'::jsonb"),
                "happened_at": self._moment(),
            },
        )

    def _make_queue(self) -> None:
        is_open = SQL("n %% 4 = 0")
        exceptions = self._fill(
            "stock_channel_exception",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "state": SQL("CASE WHEN %s THEN 'open' ELSE 'resolved' END", is_open),
                "category": self._one_of(CATEGORIES),
                "step": self._one_of(STEPS),
                "escalation": SQL("'owner'"),
                "title": SQL("'SKU-' || n || ' is not known'"),
                "fingerprint": SQL("'print-' || n"),
                "value": SQL("'SKU-' || n"),
                "cause": SQL("'No listing has it.'"),
                "next_step": SQL("'Map it.'"),
                "user_id": SQL("CASE WHEN n %% 3 > 0 THEN %s END", self.user),
                "listing_id": self.listing,
                "channel_order_id": SQL(
                    "%s + n %% %s", self.orders.start, len(self.orders)
                ),
                "occurrences": SQL("1 + n %% 9"),
                "value_at_risk": SQL("CASE WHEN %s THEN n %% 900 ELSE 0 END", is_open),
                "is_alarm": SQL("n %% 4000 = 0"),
                "first_seen_at": self._moment(),
                "last_seen_at": self._moment(),
                "opened_at": self._moment(),
                "due_at": SQL("now() + (n %% 200 - 90) * interval '1 hour'"),
                "resolved_at": SQL("CASE WHEN NOT %s THEN now() END", is_open),
            },
        )
        self._fill(
            "stock_channel_exception_event",
            {
                "exception_id": SQL("%s + n %% %s", exceptions.start, len(exceptions)),
                "company_id": self._company,
                "channel_id": self._channel,
                "kind": SQL("'sale'"),
                "text": SQL("'Sold one'"),
                "quantity": SQL("1"),
                "at": self._moment(),
            },
        )
        self._fill(
            "stock_channel_alert",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "kind": SQL("'new'"),
                "state": SQL("CASE WHEN n %% 200 = 0 THEN 'failed' ELSE 'sent' END"),
                "email_to": SQL("'boss@example.com'"),
                "subject": SQL("'Alert ' || n"),
            },
        )

    # ----------------------------------------------------------- the reports

    def _make_reports(self) -> None:
        self._fill(
            "stock_channel_freshness",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "count": SQL("60"),
                "direction": self._one_of(("fall", "rise")),
                "buckets": SQL("""'{"10": 20, "20": 30, "30": 10}'::jsonb"""),
                "maximum": SQL("n %% 90"),
                "last": SQL("3"),
                "hour": SQL("date_trunc('hour', now()) - n / 2 * interval '1 hour'"),
            },
        )
        reviews = self._fill(
            "stock_channel_review",
            {
                "company_id": self._company,
                "open_count": SQL("n %% 4"),
                "kind": SQL("'daily'"),
                "state": SQL(
                    """CASE WHEN n = 1 THEN 'open' WHEN n %% 30 = 0 THEN 'missed'
                            ELSE 'signed' END"""
                ),
                "signed_by_id": SQL("CASE WHEN n > 1 THEN %s END", self.user),
                "day": SQL("current_date - n"),
                "period_from": SQL("current_date - n"),
                "period_to": SQL("current_date - n"),
                "start_at": SQL("now() - n * interval '1 day'"),
                "end_at": SQL("now() - n * interval '1 day'"),
                "due_at": SQL("now() - n * interval '1 day'"),
                "filled_at": SQL("now() - n * interval '1 day'"),
            },
        )
        self._fill(
            "stock_channel_review_finding",
            {
                "review_id": SQL("%s + (n - 1) / 10", reviews.start),
                "company_id": self._company,
                "channel_id": self._channel,
                "count": SQL("n %% 9"),
                "kind": SQL("'mismatches'"),
                "state": SQL("'noted'"),
                "fact": SQL("'9 numbers differ'"),
            },
        )
        matches = self._fill(
            "stock_channel_match",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "number_count": SQL("%s", self.listings * 5),
                "differing_count": SQL("n %% 30"),
                "state": SQL("'done'"),
                "requested_at": self._moment(),
                "done_at": self._moment(),
            },
        )
        self._fill(
            "stock_channel_match_line",
            {
                # Half of them in one match, which is a bad day.
                "match_id": SQL("%s + n %% 2 * (n %% %s)", matches.start, len(matches)),
                "channel_id": self._channel,
                "company_id": self._company,
                "listing_id": self.listing,
                "channel_location_id": self.place,
                "part": SQL("'number'"),
                "kind": self._one_of(("edited", "late", "in_flight")),
                "sku": SQL("'SKU-' || n"),
                "difference": SQL("n %% 9"),
                "value": SQL("n %% 90"),
            },
        )
        self._make_runs()

    def _make_runs(self) -> None:
        """What people or the clock started: replays, readings, erasures."""
        self._fill(
            "stock_channel_replay",
            {
                "company_id": self._company,
                "user_id": self.user,
                "total": SQL("10"),
                "state": SQL("'done'"),
                "started_at": self._moment(),
            },
        )
        self._fill(
            "stock_channel_fetch",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "user_id": self.user,
                "state": SQL("'done'"),
                "round": SQL("1"),
                "read_count": SQL("%s", self.listings),
                "started_at": self._moment(),
            },
        )
        self._fill(
            "stock_channel_erasure_request",
            {
                "company_id": self._company,
                "user_id": self.user,
                "state": SQL("'done'"),
                "started_at": self._moment(),
            },
        )
