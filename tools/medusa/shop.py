"""What customers and the shop's staff do in Medusa, over its own API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tools.npm_shop import Level, PlacedOrder
from tools.npm_shop.calling import Row

from .caller import Caller

CUSTOMER = "jane.customer@example.com"
_ADDRESS = {
    "first_name": "Jane",
    "last_name": "Customer",
    "address_1": "1 Main Street",
    "city": "Austin",
    "postal_code": "73301",
    "country_code": "us",
    "province": "us-tx",
    "phone": "+1 555 0100",
}


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A seeded shop.

    :param Caller admin: calls as the shop's staff; ``store`` as a customer.
    :param str secret_key: for the hub.
    :param locations: stock location ids by name.
    :param variants: variant ids by SKU; ``items`` inventory item ids by SKU.
    """

    url: str
    admin: Caller
    store: Caller
    secret_key: str
    region_id: str
    channel_id: str
    locations: Mapping[str, str]
    variants: Mapping[str, str]
    items: Mapping[str, str]

    # ---------------------------------------------------------------- customers

    def place_order(self, lines: Mapping[str, int]) -> PlacedOrder:
        """Buy: fill a cart, choose delivery, pay, complete.

        :param lines: quantity by SKU.
        :raise ShopRefused: when Medusa has not enough at any one location.
        """
        cart = self.store.post(
            "/store/carts",
            {
                "region_id": self.region_id,
                "sales_channel_id": self.channel_id,
                "email": CUSTOMER,
                "items": [
                    {"variant_id": self.variants[sku], "quantity": quantity}
                    for sku, quantity in lines.items()
                ],
                "shipping_address": _ADDRESS,
                "billing_address": _ADDRESS,
            },
        )["cart"]["id"]
        options = self.store.get("/store/shipping-options", cart_id=cart)
        option = options["shipping_options"][0]["id"]
        path = f"/store/carts/{cart}"
        self.store.post(f"{path}/shipping-methods", {"option_id": option})
        collections = "/store/payment-collections"
        collection = self.store.post(collections, {"cart_id": cart})
        collection_id = collection["payment_collection"]["id"]
        provider = {"provider_id": "pp_system_default"}
        self.store.post(f"{collections}/{collection_id}/payment-sessions", provider)
        order = self.store.post(f"{path}/complete")["order"]
        return PlacedOrder(order["id"], Decimal(str(order["total"])))

    # -------------------------------------------------------------------- staff

    def cancel(self, order_id: str) -> None:
        """Cancel a whole order."""
        self.admin.post(f"/admin/orders/{order_id}/cancel")

    def edit(self, order_id: str, lines: Mapping[str, int]) -> None:
        """Change quantities of an order by an order edit; zero removes a line.

        :param lines: new quantity by SKU.
        """
        ids = self._line_ids(order_id)
        self.admin.post("/admin/order-edits", {"order_id": order_id})
        path = f"/admin/order-edits/{order_id}"
        for sku, quantity in lines.items():
            body = {"quantity": quantity}
            self.admin.post(f"{path}/items/item/{ids[sku]}", body)
        self.admin.post(f"{path}/request")
        self.admin.post(f"{path}/confirm")

    def take_back(self, order_id: str, lines: Mapping[str, int], place: str) -> str:
        """Announce a return to a location, by its name; return its id."""
        body = {"order_id": order_id, "location_id": self.locations[place]}
        made = self.admin.post("/admin/returns", body)["return"]["id"]
        path = f"/admin/returns/{made}"
        items = self._items(order_id, lines)
        self.admin.post(f"{path}/request-items", {"items": items})
        self.admin.post(f"{path}/request", {})
        return str(made)

    def receive_back(
        self,
        order_id: str,
        return_id: str,
        good: Mapping[str, int],
        damaged: Mapping[str, int],
    ) -> None:
        """Receive a return; Medusa puts the good units back on stock by itself."""
        path = f"/admin/returns/{return_id}"
        self.admin.post(f"{path}/receive", {})
        self.admin.post(f"{path}/receive-items", {"items": self._items(order_id, good)})
        self.admin.post(
            f"{path}/dismiss-items", {"items": self._items(order_id, damaged)}
        )
        self.admin.post(f"{path}/receive/confirm", {})

    def _items(self, order_id: str, lines: Mapping[str, int]) -> list[Row]:
        ids = self._line_ids(order_id)
        return [{"id": ids[sku], "quantity": number} for sku, number in lines.items()]

    def _line_ids(self, order_id: str) -> dict[str, str]:
        items = self.order(order_id)["items"]
        return {item["variant_sku"]: item["id"] for item in items}

    def levels(self) -> dict[tuple[str, str], Level]:
        """Return what Medusa shows, by SKU and name of the location."""
        names = {id_: name for name, id_ in self.locations.items()}
        fields = "id,sku,*location_levels"
        found = self.admin.get("/admin/inventory-items", limit="100", fields=fields)
        return {
            (item["sku"], names[level["location_id"]]): Level(
                stocked=int(level["stocked_quantity"]),
                reserved=int(level["reserved_quantity"]),
                available=int(level["available_quantity"]),
            )
            for item in found["inventory_items"]
            for level in item["location_levels"]
        }

    def reservations(self, order_id: str) -> dict[str, int]:
        """Return what is reserved for an order, by name of the location."""
        lines = [item["id"] for item in self.order(order_id)["items"]]
        found = self.admin.get("/admin/reservations", line_item_id=lines)
        names = {id_: name for name, id_ in self.locations.items()}
        result: dict[str, int] = {}
        for row in found["reservations"]:
            name = names[row["location_id"]]
            result[name] = result.get(name, 0) + int(row["quantity"])
        return result

    def order(self, order_id: str) -> Row:
        """Return an order with its lines and fulfilments."""
        fields = "id,status,fulfillment_status,*items,*fulfillments,"
        fields += "*fulfillments.items,*fulfillments.labels"
        order: Row = self.admin.get(f"/admin/orders/{order_id}", fields=fields)["order"]
        return order
