"""Which screens are looked at: the guides' pictures, every menu, and a record of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tools.demo.rpc import User
from tools.screenshots.people import Person
from tools.screenshots.pictures import Picture

MODULE = "stock_channel_hub"
EVERYBODY = Person(
    login="eve",
    name="Eve Every",
    group="admin",
    more=(
        "stock_channel_hub.group_approver",
        "stock.group_stock_manager",
        "sales_team.group_sale_manager",
        "account.group_account_invoice",
    ),
)
"""One person who sees everything: what there is to see counts here, not who sees it."""

WIDTHS = ((1440, 900), (400, 800))
"""A desk and a phone, in pixels. Odoo 19's community edition has no dark scheme."""

SKIPPED_VIEWS = ("activity", "calendar", "graph", "pivot")
"""Odoo draws them alone: nothing in them is ours but the names of the fields."""


@dataclass(frozen=True, kw_only=True)
class Screen:
    """One page, what is clicked before it is looked at, and what once it was."""

    path: str
    clicks: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " > ".join((self.path, *self.clicks))


def of_pictures(pictures: Iterable[Picture], ids: dict[str, int]) -> list[Screen]:
    """Return the screens of the guides' pictures."""
    return [
        Screen(
            path=picture.path.format(**ids), clicks=picture.clicks, after=picture.after
        )
        for picture in pictures
    ]


def of_actions(admin: User) -> list[Screen]:
    """Return each action's views, and the newest record of what it shows."""
    rows = admin.rows(
        "ir.model.data",
        [("module", "=", MODULE), ("model", "=", "ir.actions.act_window")],
        ["name", "res_id"],
    )
    names = {row["res_id"]: row["name"] for row in rows}
    actions = admin.rows(
        "ir.actions.act_window",
        [("id", "in", list(names)), ("target", "=", "current")],
        ["res_model", "view_mode"],
    )
    found, seen = [], set()
    for action in sorted(actions, key=lambda action: names[action["id"]]):
        path = f"odoo/action-{MODULE}.{names[action['id']]}"
        found += [
            Screen(path=f"{path}?view_type={mode}")
            for mode in action["view_mode"].split(",")
            if mode not in ("form", *SKIPPED_VIEWS)
        ]
        model = action["res_model"]
        if model in seen or "form" not in action["view_mode"].split(","):
            continue
        seen.add(model)
        records = admin.call(model, "search", [], limit=1, order="id desc")
        found += [Screen(path=f"{path}/{record}") for record in records]
    return found


def of_tabs(channel_id: int, tabs: list[str]) -> list[Screen]:
    """Return the channel's form with each of its pages open."""
    path = f"odoo/stock-channels/{channel_id}"
    return [Screen(path=path, clicks=(tab,)) for tab in tabs]
