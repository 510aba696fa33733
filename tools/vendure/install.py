"""Which Vendure is installed, and what of ours goes into it."""

from __future__ import annotations

from pathlib import Path

from tools.npm_shop import NpmShop

SOURCE = Path(__file__).parent

VENDURE = NpmShop(
    name="vendure",
    label="Vendure 3.7.3",
    source=SOURCE,
    needed_mb=400,  # 140 installed, as much again while npm unpacks
    files=[("index.js", "."), ("stock_channel_hub_plugin.js", ".")],
)
