"""Odoo inside this process: start it, open databases of the benchmark."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from odoo import api, sql_db
from odoo.modules.registry import Registry
from odoo.tools import SQL, config

CHANNEL = "Benchmark"
CONTEXT = {"tracking_disable": True, "mail_create_nolog": True}


def start(config_file: Path) -> None:
    """Read Odoo's configuration; warnings and worse go to the error stream."""
    config.parse_config(
        [
            f"--config={config_file}",
            "--log-level=warn",
            "--http-interface=127.0.0.1",
        ],
        setup_logging=True,
    )


@contextlib.contextmanager
def opened(database: str, *, has_chatter: bool = False) -> Iterator[Any]:
    """Give the superuser's environment on a connection of its own.

    :param bool has_chatter: let Odoo post and track as it does in production.
    """
    with Registry(database).cursor() as cr:
        context = {} if has_chatter else dict(CONTEXT)
        yield api.Environment(cr, api.SUPERUSER_ID, context)


@contextlib.contextmanager
def copied(database: str) -> Iterator[str]:
    """Give a copy of a database, for work that cannot be undone; then drop it."""
    name = f"{database}_copy"
    _forget(database)
    _run(
        SQL("DROP DATABASE IF EXISTS %s", SQL.identifier(name)),
        SQL(
            "CREATE DATABASE %s TEMPLATE %s",
            SQL.identifier(name),
            SQL.identifier(database),
        ),
    )
    try:
        yield name
    finally:
        _forget(name)
        _run(SQL("DROP DATABASE %s", SQL.identifier(name)))


def _forget(database: str) -> None:
    """Close every connection of this process to a database."""
    Registry.delete(database)
    sql_db.close_db(database)


def _run(*statements: SQL) -> None:
    """Run statements about whole databases, which no transaction may hold."""
    with contextlib.closing(sql_db.db_connect("postgres").cursor()) as cr:
        cr.connection.autocommit = True
        for statement in statements:
            cr.execute(statement)


def channel_of(env: Any) -> Any:
    """Return the one channel of the dataset."""
    channel = env["stock.channel"].search([("name", "=", CHANNEL)])
    return channel.ensure_one()
