"""``python3 -m tools.e2e_medusa``: Odoo and a real Medusa, from nothing, checked."""

from __future__ import annotations

import sys

from tools.devenv import guarded
from tools.e2e_shop.run import Run
from tools.medusa import running_shop

from .story import Story

RUN = Run(
    connector="medusa",
    label="Medusa",
    description="Starts Odoo with demo data and this addon, and a real Medusa 2.18.0; "
    "connects them and checks every number on both sides through publication, order, "
    "cancellation and shipment. No mock anywhere.",
    running_shop=running_shop,
    credentials=lambda shop: {"api_key": shop.secret_key},
    play=Story,
)

if __name__ == "__main__":
    sys.exit(guarded(RUN.main))
