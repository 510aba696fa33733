"""What a year of work leaves behind, on top of the catalogue.

Only screens are measured on it, in a copy: the other topics keep the bare catalogue.
Every table is filled by one statement, its size follows from the catalogue's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from odoo.tools import SQL

from .bench import settle
from .odoo_session import channel_of
from .year_work import Work

BASE = 1000
"""The id of the listing and the product before the first one."""
PEOPLE = {
    "operator": "stock_channel_hub.group_operator",
    "manager": "stock_channel_hub.group_manager",
    "approver": "stock_channel_hub.group_approver",
}
SHARES = {
    # Rows per listing: 500 000 numbers have a million acknowledgements, and so on.
    "stock_channel_publication_log": 10,
    "stock_channel_push": 0.2,
    "stock_channel_remote_listing": 1,
    "stock_channel_order": 0.5,
    "stock_channel_order_line": 1,
    "stock_channel_fulfillment": 0.4,
    "stock_channel_fulfillment_line": 0.8,
    "stock_channel_return": 0.05,
    "stock_channel_return_line": 0.1,
    "stock_channel_message": 2,
    "stock_channel_customer": 0.2,
    "stock_channel_exception": 0.4,
    "stock_channel_exception_event": 1,
    "stock_channel_approval": 0.05,
    "stock_channel_change": 0.05,
    "stock_channel_audit": 2,
    "stock_channel_alert": 0.1,
    "stock_channel_rule": 0.2,
    "stock_channel_match": 0.005,
    "stock_channel_match_line": 1,
    "stock_channel_review": 0.01,
    "stock_channel_review_finding": 0.1,
    "stock_channel_freshness": 0.17,
    "stock_channel_blind_receipt": 0.05,
    "stock_channel_replay": 0.002,
    "stock_channel_fetch": 0.002,
    "stock_channel_erasure_request": 0.002,
}


def fill(env: Any, listings: int) -> None:
    """Fill the copy of a database that holds the catalogue of so many listings."""
    settle(env)
    _Year(env, listings).make()


def people(env: Any) -> dict[str, Any]:
    """Return {role: user}, made where they lack; none of them is an administrator."""
    users = env["res.users"].with_context(no_reset_password=True)
    return {
        role: users.search([("login", "=", f"bench_{role}")])
        or users.create(
            {
                "name": f"Bench {role.capitalize()}",
                "login": f"bench_{role}",
                "group_ids": [
                    (4, env.ref(group).id)
                    for group in ("stock.group_stock_user", PEOPLE[role])
                ],
            }
        )
        for role in PEOPLE
    }


class _Year(Work):
    """Fills one table after the other; ``n`` is the number of the row in each."""

    def __init__(self, env: Any, listings: int) -> None:
        self.env = env
        self.listings = listings
        self.channel = channel_of(env)
        self.users = people(env)
        self.user = self._one_of([user.id for user in self.users.values()])
        self.place = self._one_of(self.channel.location_ids.ids)
        self.listing = SQL("%s + 1 + n %% %s", BASE, listings)
        # The place where returned goods arrive; any one will do.
        self.shelf = env["stock.warehouse"].search([], limit=1).lot_stock_id.id

    def make(self) -> None:
        """Make everything, in the order of the references."""
        self.env.flush_all()
        self._use_numbers()
        self._make_outgoing()
        self._make_orders()
        self._make_returns()
        self._make_messages()
        self._make_decisions()
        self._make_queue()
        self._make_reports()
        self.env.cr.execute(SQL("ANALYZE"))
        self.env.cr.commit()
        self.env.invalidate_all()

    # ----------------------------------------------------------- the numbers

    def _use_numbers(self) -> None:
        """Most are acknowledged; some wait, differ, were refused or are paused."""
        self.channel.sudo().state = "live"
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_publication AS row
                   SET state = CASE WHEN id %% 50 = 0 THEN 'pending'
                                    WHEN id %% 997 = 1 THEN 'rejected'
                                    ELSE 'clean' END,
                       acknowledged_qty = wanted_qty, expected_qty = wanted_qty,
                       observed_qty = wanted_qty, sent_qty = wanted_qty,
                       acknowledged_at = %(moment)s, observed_at = %(moment)s,
                       expected_at = %(moment)s, sent_at = %(moment)s,
                       changed_at = CASE WHEN id %% 50 = 0 THEN %(moment)s END,
                       drift = CASE WHEN id %% 500 = 3 THEN 'edited' END,
                       drift_qty = CASE WHEN id %% 500 = 3 THEN 2 END,
                       drift_at = CASE WHEN id %% 500 = 3 THEN %(moment)s END
                """,
                moment=self._moment(SQL("id")),
            )
        )
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_listing
                   SET is_paused = TRUE, pause_reason = 'Photos are wrong',
                       paused_at = now(), paused_by_id = %s
                 WHERE id %% 200 = 0
                """,
                self.users["operator"].id,
            )
        )
        self._fill(
            "stock_channel_rule",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "listing_id": self.listing,
                "kind": SQL("'buffer'"),
                "value": SQL("1 + n %% 5"),
                "expires_at": SQL(
                    "CASE WHEN n %% 10 = 0 THEN now() + n %% 60 * interval '1 day' END"
                ),
            },
        )

    def _make_outgoing(self) -> None:
        """Make the pushes, and what was acknowledged through them."""
        pushes = self._fill(
            "stock_channel_push",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "size": SQL("50"),
                "applied_count": SQL("50"),
                "idempotency_key": SQL("md5(n::text)"),
                "state": SQL(
                    """CASE WHEN n %% 300 = 1 THEN 'held' WHEN n %% 200 = 0
                            THEN 'failed' WHEN n %% 100 = 0 THEN 'partial'
                            ELSE 'done' END"""
                ),
                "held_at": SQL("CASE WHEN n %% 300 = 1 THEN %s END", self._moment()),
                "title": SQL("'Would move many numbers ' || n"),
                "changed_value": SQL("n %% 1000"),
                "finished_at": self._moment(),
            },
        )
        self._fill(
            "stock_channel_publication_log",
            {
                "publication_id": SQL("row.id"),
                "channel_id": SQL("row.channel_id"),
                "company_id": SQL("row.company_id"),
                "push_id": SQL("%s + n %% %s", pushes.start, len(pushes)),
                "cause": SQL("'stock'"),
                "parts": SQL("row.sent_parts"),
                "quantity": SQL("n %% 40"),
                "previous_qty": SQL("n %% 30"),
                "sequence": SQL("n"),
                "freshness": SQL("n %% 90"),
                "changed_at": self._moment(),
                "acknowledged_at": self._moment(),
            },
            source=SQL(
                """
                JOIN (SELECT *, row_number() OVER (ORDER BY id) AS place
                        FROM stock_channel_publication) AS row
                  ON row.place = 1 + n %% (%s * 5)
                """,
                self.listings,
            ),
        )
        self.env.cr.execute(
            SQL(
                """
                UPDATE stock_channel_publication
                   SET held_push_id = %s, held_qty = wanted_qty + 1
                 WHERE id %% 1000 = 7
                """,
                pushes.start,
            )
        )
        self._fill(
            "stock_channel_remote_listing",
            {
                "channel_id": self._channel,
                "company_id": self._company,
                "external_id": SQL("'SKU-' || n"),
                "sku": SQL("'SKU-' || n"),
                "title": SQL("'Product ' || n"),
                "barcode": SQL("(4000000000000 + n)::text"),
                "state": self._one_of(
                    ("mapped", "mapped", "mapped", "mapped", "proposed", "unmatched")
                ),
                "is_open": SQL("n %% 6 > 3"),
                "confidence": SQL("n %% 100"),
                "match_kind": self._one_of(("sku", "barcode", "name")),
                "product_id": SQL("CASE WHEN n %% 6 < 5 THEN %s END", self.listing),
                "target_id": SQL("CASE WHEN n %% 6 = 4 THEN %s END", self.listing),
                "listing_id": SQL("CASE WHEN n %% 6 < 4 THEN %s END", self.listing),
                "is_tracked": SQL("n %% 70 > 0"),
                "is_duplicate_sku": SQL("n %% 600 = 5"),
                "is_shared": SQL("n %% 600 = 4"),
                "is_unit_mismatch": SQL("n %% 900 = 4"),
                "conflict": SQL("CASE WHEN n %% 600 = 4 THEN 'product' END"),
                "round": SQL("1"),
                "times": SQL("1"),
                "first_seen": self._moment(),
                "last_seen": self._moment(),
                "gone_at": SQL("CASE WHEN n %% 500 = 9 THEN %s END", self._moment()),
            },
        )

    # ----------------------------------------------------------------- tools

    @property
    def _channel(self) -> SQL:
        return SQL("%s", self.channel.id)

    @property
    def _company(self) -> SQL:
        return SQL("%s", self.channel.company_id.id)

    def _moment(self, number: SQL | None = None) -> SQL:
        """Return a time within the last year, another for each row."""
        return SQL(
            "(now() AT TIME ZONE 'UTC' - %s %% 525600 * interval '1 minute')",
            SQL("(%s::bigint * 77)", number or SQL("n")),
        )

    def _one_of(self, values: Sequence[object]) -> SQL:
        """Return one value after the other, by the number of the row."""
        return SQL("(%s)[1 + n %% %s]", list(values), len(values))

    def _fill(
        self, table: str, values: dict[str, SQL], *, source: SQL | None = None
    ) -> range:
        """Insert as many rows as the size of the catalogue asks for.

        :return: their ids, in the order of ``n``, which counts from 1.
        """
        count = max(1, int(self.listings * SHARES[table]))
        name = SQL.identifier(table)
        self.env.cr.execute(SQL("SELECT coalesce(max(id), 0) + 1 FROM %s", name))
        (first,) = self.env.cr.fetchone()
        named = {"id": SQL("%s + n - 1", first), **self._stamps(table), **values}
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO %(table)s (%(columns)s)
                SELECT %(values)s
                  FROM generate_series(1, %(count)s) AS n
                       %(source)s
                """,
                table=name,
                columns=SQL(", ").join(map(SQL.identifier, named)),
                values=SQL(", ").join(named.values()),
                count=count,
                source=source or SQL(),
            )
        )
        self.env.cr.execute(
            SQL(
                "SELECT setval(pg_get_serial_sequence(%s, 'id'), max(id)) FROM %s",
                table,
                name,
            )
        )
        return range(first, first + count)

    def _stamps(self, table: str) -> dict[str, SQL]:
        """Return who made the rows and when, where the table keeps that."""
        self.env.cr.execute(
            SQL(
                """
                SELECT 1 FROM information_schema.columns
                 WHERE table_name = %s AND column_name = 'create_date'
                """,
                table,
            )
        )
        if not self.env.cr.rowcount:
            return {}
        return {
            "create_uid": SQL("1"),
            "write_uid": SQL("1"),
            "create_date": self._moment(),
            "write_date": self._moment(),
        }
