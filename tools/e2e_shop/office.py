"""Everything this run knows about Odoo and the addon's models, in one file.

An administrator works here over Odoo's external API, with public methods only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.demo.hub import name_approver
from tools.demo.rpc import User, Values, first_id
from tools.devenv import DevEnvError
from tools.npm_shop import CATALOGUE

Key = tuple[str, str]
"""SKU and name of the location."""

CODES = {"East": "EAS", "West": "WES"}
"""Short names of the two warehouses, by name."""

POLL_MINUTES = 1


@dataclass(frozen=True)
class Number:
    """One row of the ledger.

    :param float sellable: what may be sold; ``own_open`` is what the channel has
        sold and not shipped, ``wire`` what it is told.
    """

    state: str
    sellable: float
    own_open: float
    wire: float
    acknowledged: float


@dataclass(frozen=True, kw_only=True)
class SaleOrder:
    """A sale order as the channel's order made it."""

    id: int
    state: str
    total: float


class Office:
    """Odoo: two warehouses of its own for the shop, and one channel.

    :param admin: an administrator.
    :param str connector: key of the channel's connector; ``label`` names the shop.
    """

    def __init__(self, admin: User, connector: str, label: str) -> None:
        self.admin = admin
        self.connector = connector
        self.label = label
        self.products = self._products()
        self.stocks: dict[str, int] = {}
        self.channel_id = 0

    def _products(self) -> dict[str, int]:
        """Return the ids of the ten products by internal reference.

        :raise DevEnvError: when one of them is not what this run needs.
        """
        rows = self.admin.rows(
            "product.product",
            [("default_code", "in", [article.sku for article in CATALOGUE])],
            ["default_code", "is_storable", "tracking"],
        )
        fit = {
            row["default_code"]: int(row["id"])
            for row in rows
            if row["is_storable"] and row["tracking"] == "none"
        }
        missing = sorted({article.sku for article in CATALOGUE} - set(fit))
        if missing or len(rows) != len(CATALOGUE):
            raise DevEnvError(
                f"Odoo's demo data has no storable, untracked {', '.join(missing)}: "
                "this run needs the demo data of Odoo 19.0."
            )
        return fit

    # ---------------------------------------------------------------- preparing

    def open_warehouses(self, stock: Mapping[Key, int]) -> None:
        """Make a warehouse per location and count its goods in."""
        for name, code in CODES.items():
            values = {"name": f"{self.label} {name}", "code": code}
            warehouse = self.admin.create("stock.warehouse", values)
            domain = [("id", "=", warehouse)]
            row = self.admin.row("stock.warehouse", domain, ["lot_stock_id"])
            self.stocks[name] = first_id(row["lot_stock_id"])
        quants = [
            self.admin.create(
                "stock.quant",
                {
                    "product_id": self.products[sku],
                    "location_id": self.stocks[name],
                    "inventory_quantity": quantity,
                },
                inventory_mode=True,
            )
            for (sku, name), quantity in stock.items()
            if quantity
        ]
        self.admin.call("stock.quant", "action_apply_inventory", quants)

    def new_channel(self, shop_url: str) -> str:
        """Make the channel, a draft; return the path of its own door."""
        # A channel goes live only where its alerts reach somebody.
        self.admin.create("ir.mail_server", {"name": "Test", "smtp_host": "localhost"})
        self.channel_id = self.admin.create(
            "stock.channel",
            {
                "name": f"{self.label} shop",
                "connector": self.connector,
                "base_url": shop_url,
                "allowed_hosts": shop_url.removeprefix("http://"),
                "alert_email": "stock-alerts@example.com",
                # What nobody has seen yet is expected on its shelf.
                "return_disposition": "restock",
                # This run has no day to spend in shadow.
                "shadow_hours": 0,
            },
        )
        domain = [("id", "=", self.channel_id)]
        row = self.admin.row("stock.channel", domain, ["webhook_token"])
        return f"/stock_channel/{row['webhook_token']}"

    def connect(
        self, credentials: Mapping[str, str], locations: Mapping[str, str]
    ) -> None:
        """Enter the credentials, test them, map locations and listings.

        :param credentials: value by name of the setting.
        :param locations: the shop's id of each location by its name.
        :raise DevEnvError: when the connection test fails.
        """
        self._enter(credentials)
        health = self._press("action_check_connection")["params"]
        if health["type"] != "success":
            raise DevEnvError(f"The connection test failed: {health['message']}")
        self._press("action_fetch_locations")
        for name, external_id in locations.items():
            domain = [*self._mine(), ("external_id", "=", external_id)]
            row = self.admin.row("stock.channel.location", domain, ["id"])
            values = {"location_ids": [(6, 0, [self.stocks[name]])]}
            self.admin.write("stock.channel.location", [row["id"]], values)
        self._press("action_fetch_listings")
        self._poll_often()

    def accept_events(self, secret: str) -> None:
        """Enter the secret with which the shop signs what it tells."""
        values = {"channel_id": self.channel_id, "name": "Shop", "new_value": secret}
        self.admin.create("stock.channel.secret", values)

    def _enter(self, credentials: Mapping[str, str]) -> None:
        """Fill in the form for credentials."""
        model = "stock.channel.credential.wizard"
        wizard = self.admin.create(model, {"channel_id": self.channel_id})
        for name, value in credentials.items():
            domain = [("wizard_id", "=", wizard), ("name", "=", name)]
            line = self.admin.row(f"{model}.line", domain, ["id"])
            self.admin.write(f"{model}.line", [line["id"]], {"value": value})
        self.admin.call(model, "action_save", [wizard])

    def _poll_often(self) -> None:
        """Shorten the polling job's interval, as one can in its form."""
        domain = [("id", "=", self.channel_id)]
        channel = self.admin.row("stock.channel", domain, ["poll_cron_id"])
        values = {"interval_number": POLL_MINUTES, "interval_type": "minutes"}
        self.admin.write("ir.cron", [first_id(channel["poll_cron_id"])], values)

    def go_live(self) -> None:
        """Press the button; the first full publication follows by itself."""
        name_approver(self.admin)
        self._press("action_go_live")

    def compare(self) -> None:
        """Press the button that reads what the channel shows, all of it."""
        self._press("action_read_back")

    def _press(self, method: str) -> Any:
        return self.admin.call("stock.channel", method, [self.channel_id])

    # ------------------------------------------------------------------ reading

    def ledger(self) -> dict[Key, Number]:
        """Return every number of the channel."""
        names = ["state", "parts", "wanted_qty", "acknowledged_qty"]
        found = {}
        for key, row in self._publications(names):
            parts = row["parts"] or {}
            found[key] = Number(
                state=row["state"],
                sellable=float(parts.get("sellable", -1)),
                own_open=float(parts.get("own_open", -1)),
                wire=row["wanted_qty"],
                acknowledged=row["acknowledged_qty"],
            )
        return found

    def told(self) -> dict[Key, list[float]]:
        """Return every number the channel ever acknowledged, oldest first."""
        keys = {row["id"]: key for key, row in self._publications([])}
        result: dict[Key, list[float]] = {}
        model = "stock.channel.publication.log"
        for row in self._rows(model, ["publication_id", "quantity"], order="id"):
            key = keys[first_id(row["publication_id"])]
            result.setdefault(key, []).append(row["quantity"])
        return result

    def _publications(self, names: list[str]) -> Iterator[tuple[Key, Values]]:
        """Yield the ledger's rows with SKU and name of the location."""
        skus = self._names("stock.channel.listing", "sku")
        places = self._names("stock.channel.location", "name")
        names = ["listing_id", "channel_location_id", *names]
        for row in self._rows("stock.channel.publication", names):
            sku = skus[first_id(row["listing_id"])]
            yield (sku, places[first_id(row["channel_location_id"])]), row

    def on_hand(self) -> dict[Key, tuple[float, float]]:
        """Return (on hand, reserved) of the ten products in both warehouses."""
        skus = {id_: sku for sku, id_ in self.products.items()}
        result = dict.fromkeys(
            ((sku, name) for sku in self.products for name in self.stocks), (0.0, 0.0)
        )
        for name, stock_id in self.stocks.items():
            domain = [
                ("location_id", "child_of", stock_id),
                ("product_id", "in", list(skus)),
            ]
            quantities = ["quantity", "reserved_quantity"]
            for row in self.admin.rows(
                "stock.quant", domain, ["product_id", *quantities]
            ):
                key = skus[first_id(row["product_id"])], name
                here, reserved = result[key]
                quantity, held = (row[part] for part in quantities)
                result[key] = here + quantity, reserved + held
        return result

    def sale_order(self, order_id: str) -> SaleOrder | None:
        """Return the sale order of a channel order, None while there is none."""
        domain = [*self._mine(), ("external_id", "=", order_id)]
        rows = self.admin.rows("stock.channel.order", domain, ["sale_order_id"])
        sale_id = first_id(rows[0]["sale_order_id"]) if rows else 0
        if not sale_id:
            return None
        domain = [("id", "=", sale_id)]
        row = self.admin.row("sale.order", domain, ["state", "amount_total"])
        return SaleOrder(id=sale_id, state=row["state"], total=row["amount_total"])

    def sale_orders(self) -> int:
        """Return how many sale orders the channel made."""
        return self.admin.count(
            "sale.order", [("stock_channel_id", "=", self.channel_id)]
        )

    def deliveries(self, sale: SaleOrder) -> list[Values]:
        """Return the deliveries of a sale order, with their moves."""
        domain = [("sale_id", "=", sale.id), ("picking_type_id.code", "=", "outgoing")]
        pickings = self.admin.rows(
            "stock.picking", domain, ["name", "state", "location_id"]
        )
        for picking in pickings:
            picking["moves"] = self.admin.rows(
                "stock.move",
                [("picking_id", "=", picking["id"])],
                ["product_id", "quantity", "state"],
            )
        return pickings

    def ship(
        self, picking_id: int, tracking: str, quantity: float | None = None
    ) -> None:
        """Enter a tracking number and press Validate.

        :param quantity: of each line, and the rest stays open; None sends all.
        :raise DevEnvError: when the delivery is not done then.
        """
        model = "stock.picking"
        self.admin.write(model, [picking_id], {"carrier_tracking_ref": tracking})
        # Odoo asks once per company whether to text its customers, and about the rest.
        context = {"skip_sms": True}
        if quantity is not None:
            moves = self.admin.rows(
                "stock.move", [("picking_id", "=", picking_id)], ["id"]
            )
            values = {"quantity": quantity, "picked": True}
            self.admin.write("stock.move", [row["id"] for row in moves], values)
            context["skip_backorder"] = True
        asked = self.admin.call(model, "button_validate", [picking_id], context=context)
        row = self.admin.row(model, [("id", "=", picking_id)], ["name", "state"])
        if row["state"] != "done":
            raise DevEnvError(
                f"Delivery {row['name']} is {row['state']}, not done: Odoo asks {asked}."
            )

    def cancel(self, picking_id: int) -> None:
        """Press Cancel on a delivery."""
        self.admin.call("stock.picking", "action_cancel", [picking_id])

    def receive_returns(self, external_id: str) -> None:
        """Press Validate on every open transfer of a return."""
        domain = [*self._mine(), ("external_id", "=", external_id)]
        names = ["picking_ids"]
        row = self.admin.row("stock.channel.return", domain, names)
        model = "stock.picking"
        domain = [("id", "in", row["picking_ids"]), ("state", "=", "assigned")]
        for picking in self.admin.rows(model, domain, ["id"]):
            context = {"skip_sms": True}
            self.admin.call(model, "button_validate", [picking["id"]], context=context)

    def return_state(self, external_id: str) -> tuple[str, list[tuple[str, float]]]:
        """Return the state of a return and (disposition, quantity) of its lines."""
        domain = [*self._mine(), ("external_id", "=", external_id)]
        rows = self.admin.rows("stock.channel.return", domain, ["state"])
        if not rows:
            return "", []
        lines = self.admin.rows(
            "stock.channel.return.line",
            [("channel_return_id", "=", rows[0]["id"]), ("quantity", ">", 0)],
            ["disposition", "quantity"],
        )
        found = [(line["disposition"], line["quantity"]) for line in lines]
        return rows[0]["state"], sorted(found)

    def shipment_states(self) -> list[str]:
        """Return the states of what the channel must be told about parcels."""
        rows = self._rows("stock.channel.fulfillment", ["state"])
        return [row["state"] for row in rows]

    def messages(self, origin: str) -> list[str]:
        """Return the topics of what came in: by "poll" or by "webhook"."""
        domain = [*self._mine(), ("origin", "=", origin)]
        rows = self.admin.rows("stock.channel.message", domain, ["topic"], order="id")
        return [row["topic"] for row in rows]

    def trouble(self) -> list[str]:
        """Return the channel's open exceptions, in words."""
        names = ["category", "title", "cause", "value"]
        domain = [*self._mine(), ("state", "=", "open")]
        return [
            f"exception {row['category']}: {row['title']} ({row['value']}) "
            f"{row['cause']}"
            for row in self.admin.rows("stock.channel.exception", domain, names)
        ]

    def polled_at(self) -> str:
        """Return when the last complete poll started, "" before the first."""
        domain = [("id", "=", self.channel_id)]
        return str(self.admin.row("stock.channel", domain, ["polled_at"])["polled_at"])

    def unfinished(self) -> list[str]:
        """Return the work that the scheduled actions still have to do."""
        waiting = {
            "messages": ("stock.channel.message", [("state", "=", "pending")]),
            "numbers": ("stock.channel.publication", [("state", "!=", "clean")]),
        }
        return [
            f"{count} {name} wait"
            for name, (model, domain) in waiting.items()
            if (count := self.admin.count(model, [*self._mine(), *domain]))
        ]

    def _names(self, model: str, field: str) -> dict[int, str]:
        return {row["id"]: row[field] for row in self._rows(model, [field])}

    def _rows(self, model: str, names: list[str], **options: str) -> list[Values]:
        return self.admin.rows(model, [*self._mine()], names, **options)

    def _mine(self) -> list[tuple[str, str, Any]]:
        return [("channel_id", "=", self.channel_id)]
