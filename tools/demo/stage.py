"""Sets the stage as an administrator would, over Odoo's external API only."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.devenv import DevEnvError, OdooServer

from .clerk import Clerk, Site, site_of
from .hub import Hub, ListingSpec
from .rpc import User, first_id
from .shop import Shop, new_secret, open_shop

WEST, SOUTH, EAST = "san-francisco", "austin", "boston"
"""The shop's location ids."""

NAMES = {WEST: "San Francisco", SOUTH: "Austin", EAST: "Boston"}

CASE = "E-COM08-P6"
"""The shop sells Storage Boxes by the case of six, too."""

CASE_OF = "E-COM08"
KIT = "SET-OFFICE"
CLERK = ("clerk", "clerk")
"""Login and password of the warehouse user the demo makes."""

STOCK: dict[str, dict[str, int]] = {
    "FURN_0269": {SOUTH: 6, EAST: 4},
    "E-COM10": {SOUTH: 15, EAST: 9},
    "E-COM11": {SOUTH: 8},
    "FURN_7800": {SOUTH: 40, EAST: 25},
    "E-COM08": {SOUTH: 25, EAST: 13},
    "FURN_0789": {SOUTH: 5, EAST: 2},
    "E-COM12": {SOUTH: 9, EAST: 1},
    "FURN_7023": {SOUTH: 5},
}
"""On hand in the two new warehouses; the first one has what Odoo's demo gave it."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Everybody and everything that plays.

    :param products: product ids by internal reference.
    :param sites: warehouses by the shop's location id.
    """

    odoo: OdooServer
    admin: User
    clerk: Clerk
    hub: Hub
    shop: Shop
    sites: dict[str, Site]
    products: dict[str, int]

    def check_alive(self) -> None:
        """:raise DevEnvError: when Odoo or the shop has died."""
        self.odoo.check_alive()
        self.shop.check_alive()


def straight(url: str) -> str:
    """Lead to an address without a detour."""
    return url


@contextlib.contextmanager
def set_stage(
    odoo: OdooServer,
    shop_port: int,
    shop_log: Path,
    route: Callable[[str], str] = straight,
) -> Iterator[Stage]:
    """Set everything up, the channel still a draft, and open the shop.

    :param route: makes of an address, the shop's or the hub's, the one at which the
        other side is to reach it.
    """
    admin = User(odoo.url, odoo.database, "admin", "admin")
    sites = {
        WEST: site_of(admin, admin.reference("stock.warehouse0"), NAMES[WEST]),
        SOUTH: _new_warehouse(admin, NAMES[SOUTH], "AUS"),
        EAST: _new_warehouse(admin, NAMES[EAST], "BOS"),
    }
    _new_kit(admin)
    products = _products(admin)
    _stock_up(admin, sites, products)
    clerk = _new_clerk(odoo, admin)
    secret = new_secret()
    shop_url = route(f"http://127.0.0.1:{shop_port}")
    hub = Hub.create_channel(admin, shop_url, secret)
    hub_url = route(odoo.url + hub.webhook_path())
    with open_shop(shop_port, hub_url, secret, shop_log) as shop:
        _map(hub, sites, products, admin)
        yield Stage(
            odoo=odoo,
            admin=admin,
            clerk=clerk,
            hub=hub,
            shop=shop,
            sites=sites,
            products=products,
        )


def _new_warehouse(admin: User, name: str, code: str) -> Site:
    warehouse_id = admin.create("stock.warehouse", {"name": name, "code": code})
    return site_of(admin, warehouse_id, name)


def _new_kit(admin: User) -> None:
    """Make a kit of one workplace and two conference chairs."""
    products = _products(admin)
    product_id = admin.create(
        "product.product",
        {"name": "Office Set", "default_code": KIT, "list_price": 930.0},
    )
    domain = [("id", "=", product_id)]
    template = admin.row("product.product", domain, ["product_tmpl_id"])
    admin.create(
        "mrp.bom",
        {
            "product_tmpl_id": first_id(template["product_tmpl_id"]),
            "type": "phantom",
            "bom_line_ids": [
                (0, 0, {"product_id": products["FURN_0789"], "product_qty": 1}),
                (0, 0, {"product_id": products["E-COM12"], "product_qty": 2}),
            ],
        },
    )


def _products(admin: User) -> dict[str, int]:
    """Return product ids by internal reference.

    :raise DevEnvError: when Odoo's demo data lacks one the demo needs.
    """
    rows = admin.rows(
        "product.product", [("default_code", "!=", False)], ["default_code"]
    )
    products = {row["default_code"]: int(row["id"]) for row in rows}
    missing = sorted(set(STOCK) - set(products))
    if missing:
        raise DevEnvError(
            f"This Odoo's demo data has no {', '.join(missing)}: the demo needs the "
            "demo data of Odoo 19.0."
        )
    return products


def _stock_up(admin: User, sites: dict[str, Site], products: dict[str, int]) -> None:
    """Count the two new warehouses in."""
    quants = [
        admin.create(
            "stock.quant",
            {
                "product_id": products[sku],
                "location_id": sites[place].stock_id,
                "inventory_quantity": quantity,
            },
            inventory_mode=True,
        )
        for sku, places in STOCK.items()
        for place, quantity in places.items()
    ]
    admin.call("stock.quant", "action_apply_inventory", quants)


def _new_clerk(odoo: OdooServer, admin: User) -> Clerk:
    """Make a plain warehouse user, who knows nothing of channels."""
    login, password = CLERK
    group_id = admin.reference("stock.group_stock_user")
    admin.create(
        "res.users",
        {
            "name": "Chris Clerk",
            "login": login,
            "password": password,
            "group_ids": [(4, group_id)],
        },
    )
    company_id = admin.reference("base.main_company")
    company = admin.row(
        "res.company", [("id", "=", company_id)], ["internal_transit_location_id"]
    )
    return Clerk(
        User(odoo.url, odoo.database, login, password),
        supplier_id=admin.reference("stock.stock_location_suppliers"),
        transit_id=first_id(company["internal_transit_location_id"]),
    )


def _map(
    hub: Hub, sites: dict[str, Site], products: dict[str, int], admin: User
) -> None:
    """Fetch what the shop has and say what it is; the case is mapped by hand."""
    hub.fetch_locations()
    for location_id, site in sites.items():
        hub.map_location(location_id, site.stock_id)
    hub.fetch_listings()
    hub.map_listing(
        ListingSpec(
            sku=CASE,
            item_id=f"item-{CASE.lower()}",
            title="Storage Box, case",
            product_id=products[CASE_OF],
            uom_id=admin.reference("uom.product_uom_pack_6"),
        )
    )
