"""Everything the player knows about the hub's models: their names, in one file.

An administrator sets the channel up; afterwards the player only reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from .rpc import User, Values, first_id
from .shop import Key

APPROVER = "demo-approver"
"""Login of the person who may decide what the administrator proposes."""


@dataclass(frozen=True)
class Number:
    """One row of the ledger, in the listing's unit."""

    wanted: Decimal
    acknowledged: Decimal
    state: str


@dataclass(frozen=True, kw_only=True)
class ListingSpec:
    """One product as the shop sells it.

    :param int uom_id: selling unit.
    """

    sku: str
    item_id: str
    title: str
    product_id: int
    uom_id: int


class Hub:
    """The hub's side of one channel, worked by an administrator."""

    def __init__(self, admin: User, channel_id: int) -> None:
        self.admin = admin
        self.channel_id = channel_id

    @classmethod
    def create_channel(cls, admin: User, shop_url: str, secret: str) -> Hub:
        """Create a `rest` channel with its signing secret, still a draft."""
        values = {
            "name": "Oakline Office (demo shop)",
            "connector": "rest",
            "base_url": shop_url,
            "allowed_hosts": shop_url.removeprefix("http://"),
            "alert_email": "stock-alerts@example.com",
            # A demo has no day to spend in shadow.
            "shadow_hours": 0,
        }
        # A channel goes live only where its alerts reach somebody.
        admin.create("ir.mail_server", {"name": "Demo", "smtp_host": "localhost"})
        channel_id = admin.create("stock.channel", values)
        admin.create(
            "stock.channel.secret",
            {"channel_id": channel_id, "name": "Demo", "new_value": secret},
        )
        return cls(admin, channel_id)

    def webhook_path(self) -> str:
        """Return the path of the channel's own door."""
        row = self._channel(["webhook_token"])
        return f"/stock_channel/{row['webhook_token']}"

    def fetch_locations(self) -> None:
        """Press the button: one channel location for each the shop has."""
        self.admin.call("stock.channel", "action_fetch_locations", [self.channel_id])

    def map_location(self, external_id: str, stock_id: int) -> None:
        """Feed a location of the shop from a warehouse's stock."""
        domain = [*self._mine(), ("external_id", "=", external_id)]
        row = self.admin.row("stock.channel.location", domain, ["id"])
        values = {"location_ids": [(6, 0, [stock_id])]}
        self.admin.write("stock.channel.location", [row["id"]], values)

    def fetch_listings(self) -> None:
        """Press the button: a listing for each SKU that is a product's reference."""
        self.admin.call("stock.channel", "action_fetch_listings", [self.channel_id])

    def map_listing(self, spec: ListingSpec) -> None:
        """Say which product a SKU of the shop is."""
        self.admin.create(
            "stock.channel.listing",
            {
                "channel_id": self.channel_id,
                "sku": spec.sku,
                "item_id": spec.item_id,
                "title": spec.title,
                "product_id": spec.product_id,
                "uom_id": spec.uom_id,
            },
        )

    def go_live(self) -> None:
        """Press the buttons; the first full publication follows by itself."""
        name_approver(self.admin)
        self.admin.call("stock.channel", "action_check_connection", [self.channel_id])
        self.admin.call("stock.channel", "action_go_live", [self.channel_id])

    # ---------------------------------------------------------------- reading

    @cached_property
    def _skus(self) -> dict[int, str]:
        """Return SKUs by listing; the maps stay as they are during the demo."""
        rows = self._rows("stock.channel.listing", ["sku"])
        return {row["id"]: row["sku"] for row in rows}

    @cached_property
    def _places(self) -> dict[int, str]:
        """Return the shop's location ids by channel location."""
        rows = self._rows("stock.channel.location", ["external_id"])
        return {row["id"]: row["external_id"] for row in rows}

    def numbers(self) -> dict[Key, Number]:
        """Return the whole ledger of the channel."""
        quantities = ["wanted_qty", "acknowledged_qty"]
        names = ["listing_id", "channel_location_id", *quantities, "state"]
        found = {}
        for row in self._rows("stock.channel.publication", names):
            sku = self._skus[first_id(row["listing_id"])]
            place = self._places[first_id(row["channel_location_id"])]
            wanted, acknowledged = (Decimal(str(row[name])) for name in quantities)
            found[sku, place] = Number(wanted, acknowledged, row["state"])
        return found

    def waiting_messages(self) -> int:
        """Return how many deliveries are taken in but not worked off."""
        domain = [*self._mine(), ("state", "=", "pending")]
        return self.admin.count("stock.channel.message", domain)

    def open_exceptions(self) -> list[Values]:
        """Return the channel's queue, oldest first."""
        return self.admin.rows(
            "stock.channel.exception",
            [*self._mine(), ("state", "=", "open")],
            ["category", "title", "value", "cause", "next_step", "user_id"],
            order="id",
        )

    def sale_order_id(self, external_id: str) -> int:
        """Return the sale order made of a channel order; 0 while there is none."""
        rows = self.admin.rows(
            "stock.channel.order",
            [*self._mine(), ("external_id", "=", external_id)],
            ["sale_order_id"],
        )
        return first_id(rows[0]["sale_order_id"]) if rows else 0

    def _channel(self, names: list[str]) -> Values:
        return self.admin.row("stock.channel", [("id", "=", self.channel_id)], names)

    def _mine(self) -> list[tuple[str, str, int]]:
        return [("channel_id", "=", self.channel_id)]

    def _rows(self, model: str, names: list[str]) -> list[Values]:
        return self.admin.rows(model, list(self._mine()), names)


def name_approver(admin: User) -> None:
    """Make the second person without whom no channel goes live."""
    group = admin.reference("stock_channel_hub.group_approver")
    if admin.count("res.users", [("login", "=", APPROVER)]):
        return
    admin.create(
        "res.users",
        {
            "name": "Fiona Finance",
            "login": APPROVER,
            "email": "fiona@example.com",
            "group_ids": [(6, 0, [group])],
        },
    )
