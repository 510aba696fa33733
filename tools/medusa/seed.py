"""Fill an empty Medusa over its Admin API, as its administrator would."""

from __future__ import annotations

from tools.npm_shop.calling import Row
from tools.npm_shop.catalogue import (
    CATALOGUE,
    COUNTRY,
    CURRENCY,
    LOCATIONS,
    SHIPPING_PRICE,
    Article,
)

from .caller import Caller
from .shop import Shop


def seeded(caller: Caller, email: str, password: str) -> Shop:
    """Make keys, a region, two stock locations, shipping and ten products."""
    login = {"email": email, "password": password}
    token = caller.post("/auth/user/emailpass", login)["token"]
    admin = caller.with_headers(authorization=f"Bearer {token}")
    channel = _made(admin, "sales-channels", "sales_channel", {"name": "Web shop"})
    region = _made(
        admin,
        "regions",
        "region",
        {
            "name": "United States",
            "currency_code": CURRENCY,
            "countries": [COUNTRY],
            "payment_providers": ["pp_system_default"],
        },
    )
    profile = admin.get("/admin/shipping-profiles")["shipping_profiles"][0]
    locations = {
        name: _location(admin, name, channel["id"], profile["id"]) for name in LOCATIONS
    }
    variants = {
        article.sku: _product(admin, article, channel["id"], profile["id"])
        for article in CATALOGUE
    }
    items = admin.get("/admin/inventory-items", limit="100")["inventory_items"]
    publishable = _key(admin, "publishable")
    path = f"/admin/api-keys/{publishable['id']}/sales-channels"
    admin.post(path, {"add": [channel["id"]]})
    return Shop(
        url=caller.url,
        admin=admin,
        store=caller.with_headers(x_publishable_api_key=publishable["token"]),
        secret_key=_key(admin, "secret")["token"],
        region_id=region["id"],
        channel_id=channel["id"],
        locations=locations,
        variants=variants,
        items={item["sku"]: item["id"] for item in items},
    )


def _made(admin: Caller, path: str, name: str, body: Row) -> Row:
    made: Row = admin.post(f"/admin/{path}", body)[name]
    return made


def _key(admin: Caller, kind: str) -> Row:
    return _made(admin, "api-keys", "api_key", {"title": f"Test {kind}", "type": kind})


def _location(admin: Caller, name: str, channel_id: str, profile_id: str) -> str:
    """Make a stock location that sells and ships; return its id."""
    address = {"address_1": f"1 {name} Road", "country_code": COUNTRY}
    body = {"name": name, "address": {**address, "city": name, "postal_code": "10000"}}
    location = _made(admin, "stock-locations", "stock_location", body)
    path = f"/admin/stock-locations/{location['id']}"
    admin.post(f"{path}/sales-channels", {"add": [channel_id]})
    admin.post(f"{path}/fulfillment-providers", {"add": ["manual_manual"]})
    sets = admin.post(
        f"{path}/fulfillment-sets?fields=*fulfillment_sets",
        {"name": f"{name} delivery", "type": "shipping"},
    )["stock_location"]["fulfillment_sets"]
    zone = {"type": "country", "country_code": COUNTRY}
    zones = admin.post(
        f"/admin/fulfillment-sets/{sets[0]['id']}/service-zones?fields=*service_zones",
        {"name": f"{name} zone", "geo_zones": [zone]},
    )["fulfillment_set"]["service_zones"]
    _made(
        admin,
        "shipping-options",
        "shipping_option",
        {
            "name": f"Standard from {name}",
            "service_zone_id": zones[0]["id"],
            "shipping_profile_id": profile_id,
            "provider_id": "manual_manual",
            "price_type": "flat",
            "type": {"label": "Standard", "description": "-", "code": "standard"},
            "prices": [{"currency_code": CURRENCY, "amount": SHIPPING_PRICE}],
        },
    )
    return str(location["id"])


def _product(admin: Caller, article: Article, channel_id: str, profile_id: str) -> str:
    """Make a product of one variant, without stock; return the variant's id."""
    variant = {
        "title": "Standard",
        "sku": article.sku,
        "manage_inventory": True,
        "options": {"Design": "Standard"},
        "prices": [{"currency_code": CURRENCY, "amount": article.price}],
    }
    product = _made(
        admin,
        "products",
        "product",
        {
            "title": article.title,
            "status": "published",
            "shipping_profile_id": profile_id,
            "sales_channels": [{"id": channel_id}],
            "options": [{"title": "Design", "values": ["Standard"]}],
            "variants": [variant],
        },
    )
    return str(product["variants"][0]["id"])
