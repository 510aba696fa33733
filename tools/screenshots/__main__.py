"""`make screenshots`: take every picture of the guides, from nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.demo.player import play
from tools.demo.stage import Stage, set_stage
from tools.devenv import (
    Environment,
    Progress,
    free_port,
    guarded,
    reexec_in_venv,
)

from . import scenes, screens, showcase
from .browser import Odoo, browser
from .day import afternoon, evening, log_in, morning
from .pictures import EVENING, MORNING, SCREENS, Picture

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "images"
DESCRIPTION = ROOT / "static" / "description"


SHOP = "demo_shop"
"""The one picture that is not of Odoo."""


def main() -> int:
    """Stage the demo and the day, and take the pictures; return the exit status."""
    only = _asked()
    env = Environment.ensure(Progress())
    database = env.database_name("screenshots")
    with env.postgres():
        env.create_database(database, template=env.template_database(demo=True))
        try:
            with (
                env.start_odoo(database, http_port=free_port()) as odoo,
                set_stage(odoo, free_port(), env.log("screenshots-shop")) as stage,
            ):
                play(stage, _say)
                _take_all(env, stage, only)
        finally:
            env.drop_database(database)
    return 0


def _asked() -> frozenset[str]:
    """Return which pictures are to be taken, none for all of them."""
    names = [picture.name for picture in (*MORNING, *SCREENS, *EVENING)]
    parser = argparse.ArgumentParser(prog="python3 -m tools.screenshots")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="NAME",
        choices=[*names, SHOP],
        help="take these pictures alone; the day is played all the same",
    )
    return frozenset(parser.parse_args().only)


def _take_all(env: Environment, stage: Stage, only: frozenset[str]) -> None:
    office = scenes.Office(stage)
    with env.progress.step("A day in the office"):
        ids = morning(office)
    _take(_among(MORNING, only), stage.odoo.url, ids)
    with env.progress.step("Parcels, and rules that are tried"):
        ids.update(afternoon(office))
    log = env.log("screenshots-outlet")
    with screens.second_shop(office, free_port(), log) as outlet:
        _take(_among(SCREENS, only), stage.odoo.url, {**ids, **outlet})
    with env.progress.step("A change that is held"):
        ids.update(evening(office))
    _take(_among(EVENING, only), stage.odoo.url, ids)
    if not only or SHOP in only:
        _take_shop(stage)
    if not only:
        for file in showcase.make(OUT, DESCRIPTION):
            _say(f"  {file.relative_to(ROOT)}")


def _take_shop(stage: Stage) -> None:
    with browser(1440, 900) as page:
        page.open(stage.shop.url + "/")
        page.wait_for("document.readyState === 'complete'", "The demo shop")
        page.save(OUT / f"{SHOP}.png")


def _among(pictures: Iterable[Picture], only: frozenset[str]) -> list[Picture]:
    return [one for one in pictures if not only or one.name in only]


def _take(wanted: list[Picture], url: str, ids: dict[str, int]) -> None:
    """Take pictures, each person in a browser of their own."""
    for person in dict.fromkeys(picture.person for picture in wanted):
        with browser(1440, 900) as page:
            odoo = log_in(Odoo(page, url), person)
            for picture in wanted:
                if picture.person is person:
                    _take_one(odoo, picture, ids)


def _take_one(odoo: Odoo, picture: Picture, ids: dict[str, int]) -> None:
    odoo.page.resize(picture.width, picture.height)
    odoo.show(picture.path.format(**ids))
    for target in picture.clicks:
        odoo.click(target)
    target_file = OUT / f"{picture.name}.png"
    odoo.page.save(target_file)
    for target in picture.after:
        odoo.click(target)
    _say(f"  {target_file.relative_to(ROOT)}")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what the command is for


if __name__ == "__main__":
    reexec_in_venv()
    sys.exit(guarded(main))
