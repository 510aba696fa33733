"""Counting statements, so that what must not grow with the data is seen to grow."""

from contextlib import contextmanager
from unittest.mock import patch

from odoo.sql_db import Cursor

# What a test puts around a transaction, which is none.
OF_TESTS = ("SAVEPOINT", "RELEASE", "ROLLBACK")


@contextmanager
def counted():
    """Collect the text of every statement executed, on any cursor."""
    execute = Cursor.execute
    texts = []

    def record(cursor, query, *args, **kwargs):
        text = str(getattr(query, "code", query)).strip()
        if not text.startswith(OF_TESTS):
            texts.append(text)
        return execute(cursor, query, *args, **kwargs)

    with patch.object(Cursor, "execute", record):
        yield texts
