"""The order in which the hub takes locks. Every new lock is added here.

1. ``ir_cron`` row of the running job (Odoo takes it).
2. Advisory locks per product and warehouse, in ascending key order, as the first
   statement of a transaction that will reserve stock (``lock_stock``). Where the
   warehouse is still to be chosen, those of every warehouse that could be. A batch
   of orders takes only those that are free (``try_lock_stock``), so it never waits
   while it holds some.
3. ``stock_channel_message`` rows, by ascending id.
4. ``stock_channel_order`` row.
5. ``stock_channel_approval`` rows, by ascending id.
6. Whatever Odoo locks while it confirms, reserves or validates (quants last).
7. ``stock_channel_publication`` rows, by ascending id.
8. ``stock_channel`` row, when an answer or a failure of the channel is noted.
9. ``stock_channel_freshness`` rows, in one statement before the commit.

A ``stock_channel_token`` row is locked on a connection of its own, while the channel
is asked for new tokens; that connection takes no other lock.

The dirty log is append-only and never locked; sequences and the exception queue's
unique index are taken last and held for one statement.

A rehearsal of a change takes what the change itself would, out of this order, waits at
most three seconds for each and gives all of it back when it is undone: rules and maps lock
their own rows, so publishing, sales and the warehouse go on beside it. Only a change of a
channel's minimum shelf life holds up whoever notes an answer of that channel.

The advisory lock waits *inside* the statement that also fixes the transaction's
snapshot, so whoever waited works on an old picture. That is no hole: the first
write to a quant the other transaction changed fails with a serialization error,
and the caller starts over with a fresh picture (``stock.channel.mixin``).
"""

import psycopg2

from odoo.tools import SQL

# Another transaction was first. Whoever meets one of these starts over.
CONCURRENCY_ERRORS = (
    psycopg2.errors.SerializationFailure,
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.LockNotAvailable,
)


def lock_stock(cr, pairs):
    """Serialise whoever reserves these products in these warehouses.

    :param pairs: iterable of (product id, warehouse id).
    """
    keys = sorted(
        {f"stock_channel:{product}:{warehouse}" for product, warehouse in pairs}
    )
    cr.execute(
        SQL(
            """
            SELECT pg_advisory_xact_lock(ordered.key)
              FROM (SELECT hashtextextended(name, 0) AS key
                      FROM unnest(%s::text[]) AS name
                     ORDER BY 1) AS ordered
            """,
            keys,
        )
    )


def try_lock_stock(cr, pairs):
    """Take those of the locks that nobody else holds; waits for none.

    Also the first statement of its transaction. Whoever does not wait works on a fresh
    picture; what is busy is left for later.

    :param pairs: iterable of (product id, warehouse id).
    :return: set of the pairs that are locked now.
    """
    by_name = {
        f"stock_channel:{product}:{warehouse}": (product, warehouse)
        for product, warehouse in pairs
    }
    cr.execute(
        SQL(
            """
            SELECT ordered.name
              FROM (SELECT name FROM unnest(%s::text[]) AS name
                     ORDER BY hashtextextended(name, 0)) AS ordered
             WHERE pg_try_advisory_xact_lock(hashtextextended(ordered.name, 0))
            """,
            sorted(by_name),
        )
    )
    return {by_name[name] for (name,) in cr.fetchall()}
