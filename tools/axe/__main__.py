"""`make axe`: stage the demo and a day in the office, and look at every screen.

Fails when axe-core finds something serious or critical that is ours.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from tools.demo.player import play
from tools.demo.stage import set_stage
from tools.devenv import (
    Environment,
    Progress,
    free_port,
    guarded,
    reexec_in_venv,
)
from tools.npm_shop import NpmShop
from tools.screenshots import scenes
from tools.screenshots.browser import Odoo, browser
from tools.screenshots.day import afternoon, evening, log_in, morning
from tools.screenshots.pictures import EVENING, MORNING, SCREENS
from tools.screenshots.screens import second_shop

from . import screens
from .known import KNOWN
from .look import Look
from .screens import EVERYBODY, WIDTHS, Screen

AXE = NpmShop(
    name="axe",
    label="axe-core",
    source=Path(__file__).parent,
    needed_mb=20,
    files=[],
)
SETTLE = 0.5
"""Seconds until what fades in after a resize has its colours."""

TABS = """
    [...document.querySelectorAll(".o_form_view .o_notebook_headers .nav-link")]
        .filter((tab) => tab.offsetParent).map((tab) => tab.innerText.trim())
"""


def main() -> int:
    """Look at every screen; return the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.axe")
    parser.add_argument("--report", type=Path, help="write the findings there, as JSON")
    parser.add_argument("--only", default="", help="screens whose path holds this text")
    options = parser.parse_args()
    env = Environment.ensure(Progress())
    source = (AXE.installed(env) / "node_modules/axe-core/axe.min.js").read_text(
        encoding="utf-8"
    )
    database = env.database_name("axe")
    with env.postgres():
        env.create_database(database, template=env.template_database(demo=True))
        try:
            look = _look_at_all(env, database, source, options.only)
        finally:
            env.drop_database(database)
    if options.report:
        report = [finding.as_dict() for finding in look.findings]
        options.report.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return _judge(look, is_whole=not options.only)


def _look_at_all(env: Environment, database: str, source: str, only: str) -> Look:
    look = Look(source, KNOWN)
    with (
        env.start_odoo(database, http_port=free_port()) as odoo,
        set_stage(odoo, free_port(), env.log("axe-shop")) as stage,
    ):
        play(stage, _say)
        office = scenes.Office(stage)
        EVERYBODY.hire(stage.admin)
        with env.progress.step("A day in the office"):
            ids = morning(office)
        wanted = screens.of_pictures(MORNING, ids)
        with browser(*WIDTHS[0]) as page:
            eve = log_in(Odoo(page, odoo.url), EVERYBODY)
            eve.show(f"odoo/stock-channels/{ids['channel']}")
            tabs = page.evaluate(TABS)
            if not only:
                _look_at(eve, look, wanted, only)
        with env.progress.step("Parcels, and rules that are tried"):
            ids.update(afternoon(office))
        log = env.log("axe-outlet")
        with second_shop(office, free_port(), log) as outlet:
            _look_at_own(odoo.url, look, {**ids, **outlet}, only)
        with env.progress.step("A change that is held"):
            ids.update(evening(office))
        wanted = screens.of_pictures(EVENING, ids)
        wanted += screens.of_tabs(ids["channel"], tabs)
        wanted += screens.of_actions(stage.admin)
        if only:
            wanted += screens.of_pictures(MORNING, ids)
        with browser(*WIDTHS[0]) as page:
            _look_at(log_in(Odoo(page, odoo.url), EVERYBODY), look, wanted, only)
    return look


def _look_at_own(url: str, look: Look, ids: dict[str, int], only: str) -> None:
    """Look at what each person has alone: what was tried, a channel half connected."""
    for person in dict.fromkeys(picture.person for picture in SCREENS):
        own = [picture for picture in SCREENS if picture.person is person]
        with browser(*WIDTHS[0]) as page:
            odoo = log_in(Odoo(page, url), person)
            _look_at(odoo, look, screens.of_pictures(own, ids), only)


def _look_at(odoo: Odoo, look: Look, wanted: list[Screen], only: str) -> None:
    for screen in wanted:
        if only not in str(screen):
            continue
        for size in WIDTHS:
            _open(odoo, screen, size)
            where = f"{screen} at {size[0]} px"
            before = len(look.findings)
            found = look.at(odoo.page, where)
            _say(f"  {where}: {found} of ours")
            for finding in look.findings[before:]:
                _say(f"    {finding}")
            for target in screen.after:
                odoo.click(target)


def _open(odoo: Odoo, screen: Screen, size: tuple[int, int]) -> None:
    # Some of what is clicked hides behind a menu on a phone: it is clicked at a desk,
    # then the window narrows. Everything else is opened as a phone would.
    odoo.page.resize(*(WIDTHS[0] if screen.clicks else size))
    odoo.show(screen.path)
    for target in screen.clicks:
        odoo.click(target)
    odoo.page.resize(*size)
    time.sleep(SETTLE)


def _judge(look: Look, *, is_whole: bool) -> int:
    stale = look.stale() if is_whole else []
    for known in stale:
        _say(
            f"Odoo has mended {known.rule} in {known.within}: take it out of known.py."
        )
    _say(
        f"{look.looked} looks: {len(look.findings)} findings of ours, "
        f"{look.excused} of Odoo's, {len(stale)} stale exclusions."
    )
    return int(bool(look.findings or stale))


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what the command is for


if __name__ == "__main__":
    reexec_in_venv()
    sys.exit(guarded(main))
