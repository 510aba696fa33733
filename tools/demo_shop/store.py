"""The shop's database: one SQLite connection, one lock, one revision counter.

Every write happens in ``transaction()``, which holds the lock, commits or rolls
back as a whole, and wakes whoever watches the shop. A number, the order that
moved it and the webhook that reports it are therefore stored together or not at
all: after a crash nothing is half sold.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from .catalogue import Catalogue
from .wire import Clock, plain, stamp, utc_now

MAX_EVENTS = 300
"""Entries kept in the activity feed."""

MAX_KEYS = 1000
"""Idempotency keys remembered."""

MAX_WATCHERS = 20
"""Pages that may watch at once; each holds one thread."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS level (
    sku TEXT, location_id TEXT, quantity TEXT NOT NULL, sequence INTEGER NOT NULL,
    updated_at TEXT NOT NULL, PRIMARY KEY (sku, location_id));
CREATE TABLE IF NOT EXISTS sale (
    id TEXT PRIMARY KEY, number INTEGER NOT NULL, updated_at TEXT NOT NULL,
    body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS goods_return (
    id TEXT PRIMARY KEY, order_id TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS report (
    id TEXT PRIMARY KEY, order_id TEXT NOT NULL, kind TEXT NOT NULL,
    body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answered (
    position INTEGER PRIMARY KEY, key TEXT UNIQUE, digest TEXT NOT NULL,
    status INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS webhook (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL,
    subject TEXT NOT NULL, body TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL, delivered_at TEXT, answer TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS event (
    position INTEGER PRIMARY KEY, at TEXT NOT NULL, source TEXT NOT NULL,
    tone TEXT NOT NULL, title TEXT NOT NULL, detail TEXT NOT NULL);
"""


class Store:
    """Tables of one running shop.

    :param str path: SQLite file, or ":memory:".
    """

    def __init__(
        self, catalogue: Catalogue, path: str = ":memory:", clock: Clock = utc_now
    ) -> None:
        self.catalogue = catalogue
        self.clock = clock
        self.revision = 0
        self.is_closed = False
        self.watchers = 0
        self._changed = threading.Condition(threading.RLock())
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(SCHEMA)
        self._seed()

    def _seed(self) -> None:
        """Give every product a level of zero at every location."""
        with self.transaction() as db:
            for product in self.catalogue.products:
                for location in self.catalogue.locations:
                    db.execute(
                        "INSERT OR IGNORE INTO level VALUES (?, ?, '0', 0, ?)",
                        (product.sku, location.id, self.now()),
                    )

    def now(self) -> str:
        """Return the present moment as stored and sent."""
        return stamp(self.clock())

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block as one transaction; nothing of it stays when it raises.

        A transaction opened inside another one is part of it.
        """
        with self._changed:
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
            self.revision += 1
            self._changed.notify_all()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let nobody write while a block reads more than one table."""
        with self._changed:
            yield

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Return the rows of a reading query."""
        with self._changed:
            return self._db.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> sqlite3.Row | None:
        """Return the first row of a reading query."""
        with self._changed:
            row: sqlite3.Row | None = self._db.execute(query, values).fetchone()
            return row

    def wait(self, revision: int, seconds: float) -> int:
        """Return the revision once it differs, the shop closes, or time is up."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.is_closed or self.revision != revision, seconds
            )
            return self.revision

    def watch(self) -> bool:
        """Count one more page that watches; False when there are too many."""
        with self._changed:
            if self.watchers >= MAX_WATCHERS:
                return False
            self.watchers += 1
            return True

    def unwatch(self) -> None:
        """Count one page less."""
        with self._changed:
            self.watchers -= 1

    def close(self) -> None:
        """Wake every waiter and close the database."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()
            self._db.close()

    # ------------------------------------------------------------ side tables

    def note(
        self,
        db: sqlite3.Connection,
        source: str,
        title: str,
        detail: str = "",
        tone: str = "plain",
    ) -> None:
        """Add one line to the activity feed and forget the oldest.

        :param str source: "hub" (the hub told us), "shop" (we told the hub) or
            "customer".
        :param str tone: "plain", "good" or "bad".
        """
        db.execute(
            "INSERT INTO event (at, source, tone, title, detail)"
            " VALUES (?, ?, ?, ?, ?)",
            (self.now(), source, tone, title, detail),
        )
        db.execute(
            "DELETE FROM event WHERE position <= (SELECT max(position) FROM event) - ?",
            (MAX_EVENTS,),
        )

    def enqueue(
        self, db: sqlite3.Connection, kind: str, subject: str, data: dict[str, Any]
    ) -> None:
        """Queue one webhook; the outbox thread sends it after the commit."""
        moment: datetime = self.clock()
        body = {"type": kind, "timestamp": stamp(moment), "data": data}
        db.execute(
            "INSERT INTO webhook (id, type, subject, body, due) VALUES (?, ?, ?, ?, ?)",
            (f"msg_{uuid4().hex}", kind, subject, json.dumps(body), moment.timestamp()),
        )

    def recall(self, key: str, digest: str) -> tuple[int, str] | None:
        """Return the status and body answered to this key before.

        :raise KeyError: when the key came with another body.
        """
        row = self.row("SELECT * FROM answered WHERE key = ?", key)
        if row is None:
            return None
        if row["digest"] != digest:
            raise KeyError(key)
        return row["status"], row["body"]

    def remember(
        self, db: sqlite3.Connection, key: str, digest: str, status: int, body: str
    ) -> None:
        """Keep an answer for repeats of the same call."""
        db.execute(
            "INSERT INTO answered (key, digest, status, body) VALUES (?, ?, ?, ?)",
            (key, digest, status, body),
        )
        db.execute(
            "DELETE FROM answered WHERE position <="
            " (SELECT max(position) FROM answered) - ?",
            (MAX_KEYS,),
        )

    # ----------------------------------------------------------------- levels

    def quantity(self, sku: str, location_id: str) -> Decimal | None:
        """Return what the shop shows; None for a pair it does not have."""
        row = self.row(
            "SELECT quantity FROM level WHERE sku = ? AND location_id = ?",
            sku,
            location_id,
        )
        return Decimal(row["quantity"]) if row else None

    def set_quantity(
        self,
        db: sqlite3.Connection,
        sku: str,
        location_id: str,
        quantity: Decimal,
        sequence: int | None = None,
    ) -> None:
        """Show another number; a sale leaves the sequence as it was."""
        db.execute(
            "UPDATE level SET quantity = ?, updated_at = ?,"
            " sequence = coalesce(?, sequence) WHERE sku = ? AND location_id = ?",
            (plain(quantity), self.now(), sequence, sku, location_id),
        )
