"""Fill an empty Vendure over its Admin API, as its administrator would."""

from __future__ import annotations

import secrets
from typing import Any

from tools.npm_shop.catalogue import (
    CATALOGUE,
    COUNTRY,
    CURRENCY,
    LOCATIONS,
    SHIPPING_PRICE,
    Article,
)

from .caller import Caller
from .shop import Shop, minor

HUB = "hub@vendure.example"
PERMISSIONS = (
    "ReadCatalog",
    "UpdateCatalog",
    "ReadOrder",
    "UpdateOrder",
    "ReadSettings",
    "ReadStockLocation",
)
"""What the hub's role needs; the guide in docs/connectors/vendure.md names the same."""


def seeded(caller: Caller, username: str, password: str) -> Shop:
    """Make taxes, shipping, payment, two stock locations, ten products and a user."""
    staff = caller.as_staff(username, password)
    category = _selling_conditions(staff)
    locations = _locations(staff)
    variants = {a.sku: _product(staff, a, category) for a in CATALOGUE}
    role = _made(
        staff,
        "createRole",
        "CreateRoleInput",
        {"code": "hub", "description": "Hub", "permissions": list(PERMISSIONS)},
    )
    hub_password = secrets.token_urlsafe(16)
    _made(
        staff,
        "createAdministrator",
        "CreateAdministratorInput",
        {
            "firstName": "Stock",
            "lastName": "Hub",
            "emailAddress": HUB,
            "password": hub_password,
            "roleIds": [role],
        },
    )
    key = staff.ask(
        "mutation ($i: CreateApiKeyInput!) { createApiKey(input: $i) { apiKey } }",
        i={"roleIds": [role], "translations": _named("Hub")},
    )["apiKey"]
    return Shop(
        url=caller.url,
        staff=staff,
        customers=caller,
        username=HUB,
        password=hub_password,
        api_key=key,
        locations=locations,
        variants=variants,
    )


def _made(staff: Caller, mutation: str, kind: str, values: Any) -> str:
    """Make a thing and return its id."""
    document = f"mutation ($i: {kind}) {{ {mutation}(input: $i) {{ id }} }}"
    return str(staff.ask(document.replace(f": {kind})", f": {kind}!)"), i=values)["id"])


def _named(name: str, **more: str) -> list[dict[str, str]]:
    return [{"languageCode": "en", "name": name, **more}]


def _selling_conditions(staff: Caller) -> str:
    """Make a zone without taxes, a delivery and a payment; return the tax category."""
    country = _made(
        staff,
        "createCountry",
        "CreateCountryInput",
        {
            "code": COUNTRY.upper(),
            "enabled": True,
            "translations": _named("United States"),
        },
    )
    zone = _made(
        staff,
        "createZone",
        "CreateZoneInput",
        {"name": "United States", "memberIds": [country]},
    )
    channel = staff.ask("{ activeChannel { id } }")["id"]
    staff.ask(
        "mutation ($i: UpdateChannelInput!) { updateChannel(input: $i) {"
        " ... on Channel { id } ... on ErrorResult { errorCode message } } }",
        i={
            "id": channel,
            "defaultCurrencyCode": CURRENCY.upper(),
            "defaultTaxZoneId": zone,
            "defaultShippingZoneId": zone,
            "pricesIncludeTax": False,
        },
    )
    category = _made(
        staff, "createTaxCategory", "CreateTaxCategoryInput", {"name": "Goods"}
    )
    rate = {"name": "None", "enabled": True, "value": 0}
    rate |= {"categoryId": category, "zoneId": zone}
    _made(staff, "createTaxRate", "CreateTaxRateInput", rate)
    _delivery(staff)
    _made(
        staff,
        "createPaymentMethod",
        "CreatePaymentMethodInput",
        {
            "code": "card",
            "enabled": True,
            "handler": _operation("dummy-payment-handler", automaticSettle="true"),
            "translations": _named("Card", description=""),
        },
    )
    return category


def _delivery(staff: Caller) -> None:
    price = str(minor(SHIPPING_PRICE))
    _made(
        staff,
        "createShippingMethod",
        "CreateShippingMethodInput",
        {
            "code": "standard",
            "fulfillmentHandler": "manual-fulfillment",
            "checker": _operation(
                "default-shipping-eligibility-checker", orderMinimum="0"
            ),
            "calculator": _operation(
                "default-shipping-calculator",
                rate=price,
                includesTax="auto",
                taxRate="0",
            ),
            "translations": _named("Standard delivery", description=""),
        },
    )


def _operation(code: str, **arguments: str) -> dict[str, Any]:
    return {
        "code": code,
        "arguments": [{"name": n, "value": v} for n, v in arguments.items()],
    }


def _locations(staff: Caller) -> dict[str, str]:
    """Give the location there is the first name, make the others."""
    first, *others = LOCATIONS
    [row] = staff.ask("{ stockLocations { items { id } } }")["items"]
    found = {first: str(row["id"])}
    staff.ask(
        "mutation ($i: UpdateStockLocationInput!) {"
        " updateStockLocation(input: $i) { id } }",
        i={"id": row["id"], "name": first},
    )
    for name in others:
        found[name] = _made(
            staff, "createStockLocation", "CreateStockLocationInput", {"name": name}
        )
    return found


def _product(staff: Caller, article: Article, category: str) -> str:
    """Make a product of one variant, without stock; return the variant's id."""
    slug = article.sku.lower().replace("_", "-")
    product = _made(
        staff,
        "createProduct",
        "CreateProductInput",
        {
            "enabled": True,
            "translations": _named(article.title, slug=slug, description=""),
        },
    )
    variant = {
        "productId": product,
        "sku": article.sku,
        "price": minor(article.price),
        "taxCategoryId": category,
        "trackInventory": "TRUE",
        "translations": _named(article.title),
    }
    [made] = staff.ask(
        "mutation ($i: [CreateProductVariantInput!]!) {"
        " createProductVariants(input: $i) { id } }",
        i=[variant],
    )
    return str(made["id"])
