"""More of the day: what the pages of a product, a place and an order have to tell.

As in :mod:`scenes`, everything is done as its person would do it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.demo.rpc import User, first_id
from tools.demo.shop import Shop, new_secret, open_shop
from tools.demo.stage import KIT, NAMES, SOUTH, WEST
from tools.devenv import DevEnvError

from .people import ADMIN, MANAGER, OPERATOR
from .scenes import CHANNEL, Office

WHAT_IF = "stock.channel.whatif"
WIZARD = "stock.channel.onboarding"
CHAIR, BIN = "FURN_0269", "E-COM10"
RETURNED = {CHAIR: 1, BIN: 2}
"""SKUs that are bought, shipped and announced to come back, and how many do."""


def shelves(office: Office) -> dict[str, int]:
    """Let returned goods have a place of their own; return the ids of places."""
    admin, site = office.admin, office.stage.sites[SOUTH]
    place = admin.create(
        "stock.location",
        {
            "name": "Returns to Inspect",
            "location_id": site.stock_id,
            "stock_condition": "quarantine",
        },
    )
    admin.write(
        CHANNEL,
        [office.channel_id],
        # Whatever the hour is, what is ordered is promised for the same day.
        {"quarantine_location_id": place, "cutoff_time": 24.0},
    )
    return {"shelf": site.stock_id, "warehouse": site.warehouse_id}


def parcels(office: Office) -> dict[str, int]:
    """Ship two orders and take back some of each; a third one waits to be shipped."""
    stage = office.stage
    ids: dict[str, int] = {}
    for sku, quantity in RETURNED.items():
        order = stage.shop.place_order((sku, 2, SOUTH))
        sale = _sale_order(office, order["id"])
        picking = _delivery(office, sale)
        stage.clerk.ship(picking, stage.products[sku], 2, f"1Z-{order['id']}")
        line = {
            "order_line_id": order["lines"][0]["id"],
            "quantity": str(quantity),
            "disposition": "inspect",
        }
        office.post(
            "return.updated",
            {
                "id": f"RMA-{order['id']}",
                "order_id": order["id"],
                "version": 1,
                "status": "announced",
                "lines": [line],
            },
        )
        receipt = office.awaited(
            "stock.picking",
            [("return_id.sale_id", "=", sale), ("state", "=", "assigned")],
            "the goods that come back",
        )
        if sku == CHAIR:
            ids = {"sale": sale, "delivery": picking, "receipt": receipt}
        stage.clerk.receive_return(receipt)
    late = stage.shop.place_order((BIN, 1, SOUTH), (CHAIR, 1, SOUTH))
    _sale_order(office, late["id"])
    told = [("picking_id", "=", ids["delivery"]), ("is_taken", "=", True)]
    office.awaited("stock.channel.fulfillment", told, "the shipment to be told")
    back = office.awaited(
        "stock.channel.return",
        [("channel_order_id.sale_order_id", "=", ids["sale"])],
        "the return",
    )
    return {**ids, "return": back}


def _sale_order(office: Office, external_id: str) -> int:
    domain = [("external_id", "=", external_id), ("sale_order_id", "!=", False)]
    order = office.awaited("stock.channel.order", domain, f"order {external_id}")
    row = office.admin.row(
        "stock.channel.order", [("id", "=", order)], ["sale_order_id"]
    )
    return first_id(row["sale_order_id"])


def _delivery(office: Office, sale: int) -> int:
    domain = [
        ("sale_id", "=", sale),
        ("state", "=", "assigned"),
        ("picking_type_id.code", "=", "outgoing"),
    ]
    return office.awaited("stock.picking", domain, "the delivery")


def products(office: Office) -> dict[str, int]:
    """Return the ids of a product, of a kit, and of the kit's best number."""
    stage, admin = office.stage, office.admin
    kit = admin.row("product.product", [("default_code", "=", KIT)], ["id"])
    domain = [("id", "=", stage.products[CHAIR])]
    chair = admin.row("product.product", domain, ["product_tmpl_id"])
    number = {}
    for name, sku in (("chair_number", CHAIR), ("kit_number", KIT)):
        found = [
            ("listing_id.sku", "=", sku),
            ("channel_location_id.external_id", "=", SOUTH),
            ("channel_id", "=", office.channel_id),
        ]
        number[name] = admin.row("stock.channel.publication", found, ["id"])["id"]
    return {
        "chair": stage.products[CHAIR],
        "chair_page": first_id(chair["product_tmpl_id"]),
        "kit": kit["id"],
        **number,
    }


def what_if(office: Office) -> int:
    """Let the manager try two rules; return what came out."""
    mark = office.users[MANAGER.login]
    rule = {"what": "rule", "channel_id": office.channel_id}
    edits = [
        {**rule, "rule_kind": "buffer", "value": 2},
        {**rule, "rule_kind": "cap", "value": 20},
    ]
    tried = mark.create(
        WHAT_IF,
        {
            "channel_id": office.channel_id,
            "edit_ids": [(0, 0, edit) for edit in edits],
        },
    )
    mark.call(WHAT_IF, "action_try", [tried])
    return tried


@contextlib.contextmanager
def second_shop(office: Office, port: int, log: Path) -> Iterator[dict[str, int]]:
    """Let the administrator connect one more shop, step by step to the last."""
    secret = new_secret()
    url = f"{office.stage.odoo.url}/stock_channel/not-yet"
    with open_shop(port, url, secret, log) as shop:
        yield {"wizard": _connect(office, shop, secret)}


def _connect(office: Office, shop: Shop, secret: str) -> int:
    ada = office.users[ADMIN.login]
    wizard = ada.create(WIZARD, {"connector": "rest", "name": "Oakline Outlet"})
    ada.call(WIZARD, "action_continue", [wizard])
    made = ada.row(WIZARD, [("id", "=", wizard)], ["channel_id"])
    channel = first_id(made["channel_id"])
    ada.create(
        "stock.channel.secret",
        {"channel_id": channel, "name": "The outlet's", "new_value": secret},
    )
    host = shop.url.removeprefix("http://")
    for step in ("connection", "places", "listings", "rules", "alerts"):
        now = ada.row(WIZARD, [("id", "=", wizard)], ["step", "check_text"])
        if now["step"] != step:
            raise DevEnvError(f"{step} is not reached: {now['check_text']}")
        ada.write(WIZARD, [wizard], _answers(office, ada, wizard, step, host))
        if step == "listings":
            listed = [("channel_id", "=", channel)]
            office.awaited("stock.channel.remote.listing", listed, "its listings")
        ada.call(WIZARD, "action_continue", [wizard])
    return wizard


def _answers(
    office: Office, ada: User, wizard: int, step: str, host: str
) -> dict[str, Any]:
    """Return what the administrator enters at one step."""
    if step == "connection":
        return {"base_url": host, "is_private": True, "allowed_hosts": host}
    if step == "places":
        # The others have their warehouses' names, so they are proposed.
        domain = [("wizard_id", "=", wizard), ("name", "=", NAMES[WEST])]
        place = ada.row(f"{WIZARD}.place", domain, ["id"])
        shelf = office.stage.sites[WEST].stock_id
        return {"place_ids": [(1, place["id"], {"location_ids": [(6, 0, [shelf])]})]}
    if step == "rules":
        return {"buffer": 2, "share": 90}
    if step == "alerts":
        return {
            "exception_owner_id": office.ids[OPERATOR.login],
            "map_owner_id": office.ids[MANAGER.login],
            "alert_email": "stock-alerts@example.com",
        }
    return {}
