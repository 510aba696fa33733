"""Odoo inside this process: start it, open databases of the benchmark."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from odoo import api
from odoo.modules.registry import Registry
from odoo.tools import config

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
def opened(database: str) -> Iterator[Any]:
    """Give the superuser's environment on a connection of its own."""
    with Registry(database).cursor() as cr:
        yield api.Environment(cr, api.SUPERUSER_ID, dict(CONTEXT))


def channel_of(env: Any) -> Any:
    """Return the one channel of the dataset."""
    channel = env["stock.channel"].search([("name", "=", CHANNEL)])
    return channel.ensure_one()
