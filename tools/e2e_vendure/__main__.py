"""``python3 -m tools.e2e_vendure``: Odoo and a real Vendure, from nothing, checked."""

from __future__ import annotations

import sys

from tools.devenv import guarded
from tools.e2e_shop.run import Run
from tools.vendure import running_shop

from .story import Story

RUN = Run(
    connector="vendure",
    label="Vendure",
    description="Starts Odoo with demo data and this addon, and a real Vendure 3.7.3; "
    "connects them and checks every number on both sides through publication, order, "
    "cancellation, shipment, return and drift. No mock anywhere.",
    running_shop=running_shop,
    credentials=lambda shop: {"username": shop.username, "password": shop.password},
    play=Story,
)

if __name__ == "__main__":
    sys.exit(guarded(RUN.main))
