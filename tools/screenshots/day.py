"""The day the pictures show, from the morning to the change that is held."""

from __future__ import annotations

from tools.demo.rpc import first_id

from . import scenes, screens
from .browser import Odoo, browser
from .people import MANAGER, Person


def log_in(odoo: Odoo, person: Person) -> Odoo:
    """Log a person of the office in; return their browser."""
    odoo.log_in(person.login, person.login)
    return odoo


def morning(office: scenes.Office) -> dict[str, int]:
    """Play the morning; return the ids of its records by their names."""
    stage = office.stage
    ids = {"channel": stage.hub.channel_id, **scenes.queue(office)}
    ids["count_approval"] = scenes.count(office)
    scenes.pause(office)
    with browser(1440, 900) as page:
        mark = log_in(Odoo(page, stage.odoo.url), MANAGER)
        ids["change_approval"] = scenes.propose(office, mark, 80)
    ids["daily"] = scenes.reviews(office)
    ids["draft"] = scenes.draft(office)
    return {**ids, **_telling(office)}


def afternoon(office: scenes.Office) -> dict[str, int]:
    """Ship, take back, and try two rules; return the ids of what there is to see."""
    scenes.resume(office)
    ids = {**screens.shelves(office), **screens.parcels(office)}
    ids.update(screens.products(office), what_if=screens.what_if(office))
    scenes.pause(office)
    return ids


def evening(office: scenes.Office) -> dict[str, int]:
    """Play the change that is held; return the ids of its records."""
    stage = office.stage
    scenes.resume(office)
    with browser(1440, 900) as page:
        mark = log_in(Odoo(page, stage.odoo.url), MANAGER)
        scenes.approve(office, scenes.propose(office, mark, 0))
    held = scenes.held(office)
    push = stage.admin.row("stock.channel.push", [("id", "=", held)], ["approval_id"])
    changes = [("res_model", "=", "stock.channel.rule")]
    audit = stage.admin.row("stock.channel.audit", changes, ["id"])
    return {
        "held": held,
        "held_approval": first_id(push["approval_id"]),
        "undoable": audit["id"],
    }


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
