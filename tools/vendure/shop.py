"""What customers and the shop's staff do in Vendure, over its own API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tools.npm_shop import Level, PlacedOrder
from tools.npm_shop.calling import Row

from .caller import Caller

_CUSTOMER = {
    "firstName": "Jane",
    "lastName": "Customer",
    "emailAddress": "jane.customer@example.com",
}
_ADDRESS = {
    "fullName": "Jane Customer",
    "streetLine1": "1 Main Street",
    "city": "Austin",
    "postalCode": "73301",
    "province": "TX",
    "countryCode": "US",
    "phoneNumber": "+1 555 0100",
}
_ERROR = "... on ErrorResult { errorCode message }"
_ORDER = """query ($id: ID!) { order(id: $id) { id code state totalWithTax
  lines { id quantity orderPlacedQuantity productVariant { sku } }
  payments { id }
  fulfillments { id state method trackingCode
    lines { orderLineId quantity } } } }"""


def minor(amount: Decimal) -> int:
    """Return money as Vendure writes it."""
    return int(amount * 100)


def major(amount: int) -> Decimal:
    """Return money as it is spoken of."""
    return Decimal(amount) / 100


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A seeded shop.

    :param Caller staff: calls as the shop's staff; ``customers`` makes customers.
    :param str api_key: for the hub, as ``username`` and ``password`` are.
    :param locations: stock location ids by name.
    :param variants: variant ids by SKU.
    """

    url: str
    staff: Caller
    customers: Caller
    username: str
    password: str
    api_key: str
    locations: Mapping[str, str]
    variants: Mapping[str, str]

    # ---------------------------------------------------------------- customers

    def place_order(self, lines: Mapping[str, int]) -> PlacedOrder:
        """Buy: fill a cart, choose delivery, pay.

        :param lines: quantity by SKU.
        :raise ShopRefused: when Vendure has not enough.
        """
        cart = self.customers.as_customer()
        for sku, quantity in lines.items():
            self.changed(
                cart,
                "addItemToOrder(productVariantId: $v, quantity: $q)",
                "($v: ID!, $q: Int!)",
                v=self.variants[sku],
                q=quantity,
            )
        self.changed(
            cart,
            "setCustomerForOrder(input: $i)",
            "($i: CreateCustomerInput!)",
            i=_CUSTOMER,
        )
        for mutation in ("setOrderShippingAddress", "setOrderBillingAddress"):
            self.changed(
                cart, f"{mutation}(input: $i)", "($i: CreateAddressInput!)", i=_ADDRESS
            )
        methods = cart.ask("{ eligibleShippingMethods { id } }")
        self.changed(
            cart,
            "setOrderShippingMethod(shippingMethodId: $m)",
            "($m: [ID!]!)",
            m=[methods[0]["id"]],
        )
        state = 'transitionOrderToState(state: "ArrangingPayment")'
        self.changed(cart, state, "")
        order = self.changed(
            cart,
            "addPaymentToOrder(input: $i)",
            "($i: PaymentInput!)",
            i={"method": "card", "metadata": {}},
        )
        return PlacedOrder(str(order["id"]), major(order["totalWithTax"]))

    def changed(
        self, cart: Caller, mutation: str, head: str, **variables: object
    ) -> Row:
        """Change a cart; return the order it is."""
        found: Row = cart.ask(
            f"mutation {head} {{ {mutation} {{ ... on Order {{ id state totalWithTax }}"
            f" {_ERROR} }} }}",
            **variables,
        )
        return found

    # -------------------------------------------------------------------- staff

    def cancel(self, order_id: str, lines: Mapping[str, int] | None = None) -> None:
        """Cancel an order, or units of it; what has left is put back on stock."""
        wanted: Row = {"orderId": order_id, "cancelShipping": lines is None}
        if lines is not None:
            ids = self.line_ids(order_id)
            wanted["lines"] = [
                {"orderLineId": ids[sku], "quantity": n} for sku, n in lines.items()
            ]
        self.staff.ask(
            "mutation ($i: CancelOrderInput!) { cancelOrder(input: $i) {"
            f" ... on Order {{ id }} {_ERROR} }} }}",
            i=wanted,
        )

    def set_level(self, sku: str, place: str, quantity: int) -> None:
        """Overwrite a number by hand."""
        level = {"stockLocationId": self.locations[place], "stockOnHand": quantity}
        self.staff.ask(
            "mutation ($i: [UpdateProductVariantInput!]!) {"
            " updateProductVariants(input: $i) { id } }",
            i=[{"id": self.variants[sku], "stockLevels": [level]}],
        )

    def line_ids(self, order_id: str) -> dict[str, str]:
        """Return the ids of an order's lines by SKU."""
        lines = self.order(order_id)["lines"]
        return {line["productVariant"]["sku"]: line["id"] for line in lines}

    def levels(self) -> dict[tuple[str, str], Level]:
        """Return what Vendure shows, by SKU and name of the location."""
        names = {id_: name for name, id_ in self.locations.items()}
        found = self.staff.ask(
            "{ productVariants(options: {take: 100}) { items { sku stockLevels {"
            " stockLocationId stockOnHand stockAllocated } } } }"
        )
        result = {
            (sku, name): Level(stocked=0, reserved=0, available=0)
            for sku in self.variants
            for name in self.locations
        }
        for item in found["items"]:
            for level in item["stockLevels"]:
                stocked, reserved = level["stockOnHand"], level["stockAllocated"]
                result[item["sku"], names[level["stockLocationId"]]] = Level(
                    stocked=stocked, reserved=reserved, available=stocked - reserved
                )
        return result

    def order(self, order_id: str) -> Row:
        """Return an order with its lines and fulfilments."""
        order: Row = self.staff.ask(_ORDER, id=order_id)
        return order
