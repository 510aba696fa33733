"""Sends the queued webhooks to the hub and repeats each until the hub took it.

One thread, oldest first. A webhook that fails waits longer after each attempt
while the ones behind it go on; it keeps its `webhook-id`, so the hub can tell a
repeat, and is signed anew, so that it never falls out of the time window. The
hub must cope with the order in which late ones arrive: bodies carry versions.
"""

from __future__ import annotations

import http.client
import sqlite3
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

from .store import Store
from .wire import sign

Sender = Callable[[str, bytes, Mapping[str, str]], int]
"""Posts a body to an address and returns the HTTP status.

:raise OSError: when there was no answer.
"""

TIMEOUT = 10.0
"""Seconds the hub may take to answer."""

LONGEST_PAUSE = 30.0
"""Seconds between two attempts at most."""

IDLE_PAUSE = 1.0
"""Seconds between two looks at the clock while something waits to be repeated."""


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send one body over HTTP; an error status is an answer too.

    :raise OSError: when there was no answer.
    """
    request = urllib.request.Request(  # noqa: S310 - the address is the operator's
        url, data=body, headers={**headers, "Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except http.client.HTTPException as error:
        raise OSError(str(error) or type(error).__name__) from error


class Outbox(threading.Thread):
    """The sending thread.

    :param str hub_url: the hub's door, token included.
    """

    def __init__(
        self, store: Store, hub_url: str, secret: str, send: Sender = post
    ) -> None:
        super().__init__(name="outbox", daemon=True)
        self.store = store
        self.hub_url = hub_url
        self.secret = secret
        self.send = send
        self._is_stopping = threading.Event()

    def run(self) -> None:
        """Send whatever is due until ``stop`` is called."""
        while not self._is_stopping.is_set():
            revision = self.store.revision
            if not self.step():
                self.store.wait(revision, IDLE_PAUSE)

    def stop(self) -> None:
        """Finish the attempt under way and end; returns when it has ended."""
        self._is_stopping.set()
        with self.store.transaction():
            pass  # the new revision wakes the thread
        self.join(TIMEOUT + 1)

    def step(self) -> bool:
        """Try the oldest webhook that is due; False when there is none."""
        row = self.store.row(
            "SELECT * FROM webhook WHERE delivered_at IS NULL AND due <= ?"
            " ORDER BY position LIMIT 1",
            self.store.clock().timestamp(),
        )
        if row is None:
            return False
        body: bytes = row["body"].encode()
        headers = sign(self.secret, row["id"], body, self.store.clock())
        try:
            status = self.send(self.hub_url, body, headers)
            answer = str(status)
        except OSError as error:
            status = 0
            answer = str(getattr(error, "reason", error)) or "no answer"
        self._record(row, 200 <= status < 300, answer)
        return True

    def _record(self, row: sqlite3.Row, is_taken: bool, answer: str) -> None:
        """Store how the attempt went; a repeat is due after 0.5, 1, 2, … seconds."""
        now = self.store.clock().timestamp()
        pause = min(LONGEST_PAUSE, 0.5 * 2 ** min(row["attempts"], 10))
        with self.store.transaction() as db:
            db.execute(
                "UPDATE webhook SET attempts = attempts + 1, answer = ?, due = ?,"
                " delivered_at = ? WHERE position = ?",
                (
                    answer,
                    now + pause,
                    self.store.now() if is_taken else None,
                    row["position"],
                ),
            )
            title = f"{row['type']} {row['subject']}"
            if is_taken:
                detail = f"taken by the hub ({answer})"
                self.store.note(db, "shop", title, detail, "good")
            elif row["attempts"] == 0:
                detail = f"not taken ({answer}); it is repeated until it is"
                self.store.note(db, "shop", title, detail, "bad")
