"""The few pictures on the page of Odoo's app list: small copies of the guides'."""

from __future__ import annotations

from pathlib import Path

SHOWN = ("overview", "publication_form", "exception_list", "review_daily")
WIDTH = 1000
"""Pixels: the page is no wider."""

COLOURS = 128
"""Screens have few; a palette takes a third of the bytes."""


def make(source: Path, target: Path) -> list[Path]:
    """Write small copies of the pictures; return their files.

    Odoo serves a module's pictures from ``static/description`` alone, so they are
    there a second time, and made here so that they stay true.
    """
    # Only the environment has it, and this module is imported to get there.
    from PIL import Image

    written = []
    for name in SHOWN:
        with Image.open(source / f"{name}.png") as picture:
            height = round(picture.height * WIDTH / picture.width)
            small = picture.convert("RGB").resize(
                (WIDTH, height), Image.Resampling.LANCZOS
            )
        file = target / f"{name}.png"
        small.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
        written.append(file)
    return written
