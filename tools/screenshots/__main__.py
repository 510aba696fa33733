"""`make screenshots`: take every picture of the guides, from nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from tools.demo.player import play
from tools.demo.rpc import first_id
from tools.demo.stage import Stage, set_stage
from tools.devenv import (
    Environment,
    Progress,
    free_port,
    guarded,
    reexec_in_venv,
)

from . import scenes
from .browser import Odoo, browser
from .people import MANAGER, Person
from .pictures import EVENING, MORNING, Picture

OUT = Path(__file__).resolve().parents[2] / "docs" / "images"


def main() -> int:
    """Stage the demo and the day, and take the pictures; return the exit status."""
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
                _take_all(env, stage)
        finally:
            env.drop_database(database)
    return 0


def _take_all(env: Environment, stage: Stage) -> None:
    with env.progress.step("A day in the office"):
        office = scenes.Office(stage)
        ids = {"channel": stage.hub.channel_id, **scenes.queue(office)}
        ids["count_approval"] = scenes.count(office)
        scenes.pause(office)
        with browser(1440, 900) as page:
            mark = _log_in(Odoo(page, stage.odoo.url), MANAGER)
            ids["change_approval"] = scenes.propose(office, mark, 80)
        ids["daily"] = scenes.reviews(office)
        ids["draft"] = scenes.draft(office)
        ids.update(_telling(office))
    _take(MORNING, stage.odoo.url, ids)
    with env.progress.step("A change that is held"):
        scenes.resume(office)
        with browser(1440, 900) as page:
            mark = _log_in(Odoo(page, stage.odoo.url), MANAGER)
            scenes.approve(office, scenes.propose(office, mark, 0))
        ids["held"] = scenes.held(office)
        push = stage.admin.row(
            "stock.channel.push", [("id", "=", ids["held"])], ["approval_id"]
        )
        ids["held_approval"] = first_id(push["approval_id"])
        ids["undoable"] = stage.admin.row(
            "stock.channel.audit", [("res_model", "=", "stock.channel.rule")], ["id"]
        )["id"]
    _take(EVENING, stage.odoo.url, ids)
    with browser(1440, 900) as page:
        page.open(stage.shop.url + "/")
        page.wait_for("document.readyState === 'complete'", "The demo shop")
        page.save(OUT / "demo_shop.png")


def _telling(office: scenes.Office) -> dict[str, int]:
    """Return the records whose pages tell most."""
    mine = ("channel_id", "=", office.channel_id)
    telling = ("on_hand", "reserved", "owed", "in_flight", "unavailable", "own_open")
    numbers = office.admin.rows("stock.channel.publication", [mine], ["parts"])
    number = max(
        numbers, key=lambda n: sum(bool((n["parts"] or {}).get(p)) for p in telling)
    )
    listing = office.admin.row(
        "stock.channel.listing", [mine, ("sku", "=", "FURN_0269")], ["id"]
    )
    match = office.admin.row("stock.channel.match", [mine], ["id"])
    return {"number": number["id"], "listing": listing["id"], "match": match["id"]}


def _log_in(odoo: Odoo, person: Person) -> Odoo:
    odoo.log_in(person.login, person.login)
    return odoo


def _take(pictures: Iterable[Picture], url: str, ids: dict[str, int]) -> None:
    """Take pictures, each person in a browser of their own."""
    wanted = list(pictures)
    for person in dict.fromkeys(picture.person for picture in wanted):
        with browser(1440, 900) as page:
            odoo = _log_in(Odoo(page, url), person)
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
    _say(f"  {target_file.relative_to(OUT.parents[1])}")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what the command is for


if __name__ == "__main__":
    reexec_in_venv()
    sys.exit(guarded(main))
