"""Which Medusa is installed, and what of ours goes into it."""

from __future__ import annotations

from pathlib import Path

from tools.npm_shop import NpmShop

SOURCE = Path(__file__).parent

MEDUSA = NpmShop(
    name="medusa",
    label="Medusa 2.18.0",
    source=SOURCE,
    needed_mb=1500,  # 665 installed, as much again while npm unpacks
    files=[("medusa-config.js", "."), ("subscribers", "src/subscribers")],
)
