"""The company of the demo data: people, warehouses, products and channels."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from odoo.fields import Command

from ..connectors import signing
from .demo_shop import SECRET, DemoShop, demo_url

MODULE = "stock_channel_hub"
PEOPLE = {
    "operator": "Olivia Ortiz (Operator)",
    "manager": "Mark Meyer (Manager)",
    "approver": "Anna Abel (Approver)",
}
MORE_GROUPS = {
    "operator": "stock.group_stock_user",
    "manager": "stock.group_stock_manager",
    "approver": "account.group_account_invoice",
}
# Reference: name, sales price, cost, pieces in Reno, pieces in Boston.
PRODUCTS = {
    "FH-DESK": ("Oak Standing Desk", 549.0, 310.0, 40, 4),
    "FH-CHAIR": ("Ergonomic Task Chair", 229.0, 120.0, 60, 8),
    "FH-LAMP": ("Brass Desk Lamp", 89.0, 35.0, 80, 10),
    "FH-BOOKCASE": ("Walnut Bookcase", 319.0, 170.0, 25, 3),
    "FH-DRAWER": ("Steel Drawer Cabinet", 179.0, 90.0, 30, 2),
    "FH-SHELF": ("Floating Wall Shelf", 59.0, 22.0, 120, 0),
    "FH-STOOL": ("Beech Bar Stool", 99.0, 45.0, 18, 6),
    "FH-MAT": ("Felt Desk Mat", 25.0, 8.0, 150, 0),
    "FH-ARM": ("Monitor Arm", 119.0, 60.0, 35, 5),
    "FH-MIRROR": ("Round Wall Mirror", 139.0, 70.0, 12, 2),
    "FH-SOFA": ("Two-Seat Sofa", 899.0, 520.0, 6, 1),
    "FH-BENCH": ("Hallway Bench", 199.0, 95.0, 9, 0),
}
KIT = ("FH-SET", "Home Office Set", 799.0)
AT_PARTNER = ("FH-DESK", "FH-CHAIR", "FH-DRAWER", "FH-BOOKCASE", "FH-SHELF")
PACK = "FH-MAT-6"
CUSTOMERS = (
    (
        "C-101",
        "Ada Quist",
        "ada.quist@example.com",
        "18 Cedar Lane",
        "Sacramento",
        "95814",
    ),
    (
        "C-102",
        "Bruno Baker",
        "bruno.baker@example.com",
        "12 Harbour Road",
        "Oakland",
        "94601",
    ),
    (
        "C-103",
        "Chloe Chan",
        "chloe.chan@example.com",
        "7 Mission Street",
        "San Francisco",
        "94105",
    ),
    (
        "C-104",
        "Dario Diaz",
        "dario.diaz@example.com",
        "44 Palm Avenue",
        "San Diego",
        "92101",
    ),
)


class World:
    """Makes what the story is played with, and plays the hub's jobs.

    :param env: an environment on a ``DemoCursor``.
    """

    def __init__(self, env):
        self.company = env.ref("base.main_company")
        self.env = env(context={**env.context, "allowed_company_ids": self.company.ids})
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.products, self.listings, self.orders = {}, {}, {}
        self._told = 0

    def build(self):
        self._people()
        self._places()
        self._products()
        self.shop = self._channel("shop", "Oak & Co. Web Shop", ("reno", "boston"))
        self.market = self._channel("market", "Nordic Marketplace", ("reno",))
        self.partner = self._channel("partner", "Denver 3PL Partner", ("denver",))
        self.pos = self._channel("pos", "Pop-Up Store Till", ("boston",))
        self.outlet = self._channel("outlet", "Furniture Outlet", ("reno",))

    # ---------------------------------------------------------------- people

    def _people(self):
        users = self.env["res.users"]
        self.users = {}
        for role, name in PEOPLE.items():
            login = f"demo_channel_{role}"
            groups = (f"{MODULE}.group_{role}", MORE_GROUPS[role])
            user = users.search([("login", "=", login)]) or users.create(
                {
                    "name": name,
                    "login": login,
                    "password": login,
                    "email": f"{login}@example.com",
                    "company_id": self.company.id,
                    "company_ids": [Command.set(self.company.ids)],
                    "group_ids": [Command.link(self.env.ref(g).id) for g in groups],
                    # Nobody gets mail from a demonstration.
                    "notification_type": "inbox",
                }
            )
            self.users[role] = user

    def as_(self, role, records):
        """Return the records as this person sees them."""
        return records.with_user(self.users[role])

    # ------------------------------------------------------- stock and goods

    def _places(self):
        warehouses = self.env["stock.warehouse"]
        locations = self.env["stock.location"]
        self.reno = warehouses.create(
            {"name": "Reno Fulfilment", "code": "RENO", "company_id": self.company.id}
        )
        self.boston = warehouses.create(
            {"name": "Boston Showroom", "code": "BOST", "company_id": self.company.id}
        )
        self.denver = warehouses.create(
            {"name": "Denver 3PL", "code": "DENV", "company_id": self.company.id}
        )
        stock = self.reno.lot_stock_id
        self.quarantine = locations.create(
            {
                "name": "Returns to Inspect",
                "location_id": stock.id,
                "stock_condition": "quarantine",
            }
        )
        self.damaged = locations.create(
            {
                "name": "Damaged",
                "location_id": stock.id,
                "stock_condition": "damaged",
            }
        )
        self.customers = self.env.ref("stock.stock_location_customers")
        self.suppliers = self.env.ref("stock.stock_location_suppliers")

    def _products(self):
        for code, (name, price, cost, reno, boston) in PRODUCTS.items():
            product = self._product(code, name, price, standard_price=cost)
            self.put(product, reno, self.reno.lot_stock_id)
            self.put(product, boston, self.boston.lot_stock_id)
        self.put(self.products["FH-LAMP"], 3, self.damaged)
        for code in AT_PARTNER:
            self.put(self.products[code], 20, self.denver.lot_stock_id)
        code, name, price = KIT
        kit = self._product(code, name, price)
        parts = {"FH-DESK": 1, "FH-CHAIR": 1, "FH-LAMP": 2}
        self.env["mrp.bom"].create(
            {
                "product_tmpl_id": kit.product_tmpl_id.id,
                "type": "phantom",
                "product_qty": 1,
                "company_id": self.company.id,
                "bom_line_ids": [
                    Command.create(
                        {"product_id": self.products[part].id, "product_qty": quantity}
                    )
                    for part, quantity in parts.items()
                ],
            }
        )

    def _product(self, code, name, price, **vals):
        self.products[code] = self.env["product.product"].create(
            {
                "name": name,
                "default_code": code,
                "type": "consu",
                "is_storable": True,
                "list_price": price,
                "taxes_id": [Command.clear()],
                **vals,
            }
        )
        return self.products[code]

    def put(self, product, quantity, location):
        """Put goods on a shelf, the way an inventory adjustment does."""
        if quantity:
            self.env["stock.quant"]._update_available_quantity(
                product, location, quantity
            )

    # -------------------------------------------------------------- channels

    def _channel(self, key, name, places):
        url = demo_url(key)
        channel = self.env["stock.channel"].create(
            {
                "name": name,
                "connector": "rest",
                "company_id": self.company.id,
                "base_url": url,
                "sequence": len(self.env.cr.shops) + 1,
                # Whoever looks first is the administrator.
                "exception_owner_id": self.env.ref("base.user_admin").id
                if key == "shop"
                else self.users["operator"].id,
                "map_owner_id": self.users["manager"].id,
                "quarantine_location_id": self.quarantine.id,
            }
        )
        self.env["stock.channel.secret"].create(
            {
                "channel_id": channel.id,
                "name": "Demonstration",
                "new_value": SECRET,
                "valid_from": self.moment(days=90),
            }
        )
        shop = self.env.cr.shops[channel.id] = DemoShop(url)
        shop.locations = {place: place.title() for place in places}
        for place in places:
            warehouse = getattr(self, place)
            self.env["stock.channel.location"].create(
                {
                    "channel_id": channel.id,
                    "name": warehouse.name,
                    "external_id": place,
                    "location_ids": [Command.set(warehouse.lot_stock_id.ids)],
                }
            )
        return channel

    def list_(self, channel, *codes, **vals):
        """List products at a channel, which shows none of them yet."""
        shop = self.env.cr.shops[channel.id]
        for code in codes:
            name = {PACK: "FH-MAT"}.get(code, code)
            unit = {"uom_id": self.env.ref("uom.product_uom_pack_6").id}
            self.listings[channel, code] = self.env["stock.channel.listing"].create(
                {
                    "channel_id": channel.id,
                    "product_id": self.products[name].id,
                    "sku": code,
                    **(unit if code == PACK else {}),
                    **vals,
                }
            )
            for place in shop.locations:
                shop.add_item(code, place, Decimal(0))
            shop.titles[code] = self.products[name].name

    # ------------------------------------------------------------------ jobs

    def today(self):
        """Return the day it is where the company is."""
        return self.company._channel_local(self.now.replace(tzinfo=None)).date()

    def working_days(self):
        """Return the company's working days of late, the newest last."""
        today = self.today()
        return self.company._channel_working_days(today - timedelta(days=14), today)

    def moment(self, **before):
        """Return a moment so long ago, as Odoo stores it."""
        return (self.now - timedelta(**before)).replace(tzinfo=None)

    def work(self, *channels):
        """Let every job of the hub run once, those of these channels included."""
        self.env["stock.channel.message"]._cron_inbox()
        self.env["stock.channel.dirty"]._cron_compute()
        for channel in channels:
            channel._cron_poll()
            channel._cron_publish()
        self.env.cr.keep()

    def go_live(self, channel):
        channel.action_go_live()
        self.env.cr.keep()
        for _round in range(2):
            self.work(channel)

    # ------------------------------------------------------------ deliveries

    def deliver(self, channel, topic, data):
        """Store a body the way the webhook door does."""
        self._told += 1
        now = datetime.now(UTC)
        raw = json.dumps(
            {"type": topic, "timestamp": now.isoformat(), "data": data}
        ).encode()
        headers = signing.signed_headers(SECRET, f"msg_demo_{self._told}", now, raw)
        delivery = channel._connector().describe(
            raw, {name.lower(): value for name, value in headers.items()}
        )
        self.env["stock.channel.message"]._store(
            channel,
            dedupe_key=delivery.dedupe_key,
            topic=delivery.topic,
            order_key=delivery.order_key,
            raw=raw,
            origin="webhook",
        )

    def order(self, number, *lines, channel=None, days=1, version=1, **vals):
        """Let a customer order, and the hub hear of it.

        :param lines: (SKU, quantity) or (SKU, quantity, price).
        :param days: how many days ago it was placed.
        :return: the channel order, none when it could not be read.
        """
        channel = channel or self.shop
        data = self.order_data(number, lines, days, version, **vals)
        self.deliver(channel, "order.updated", data)
        self.env["stock.channel.message"]._cron_inbox()
        found = self.env["stock.channel.order"].search(
            [("channel_id", "=", channel.id), ("external_id", "=", number)]
        )
        self.orders[number] = found
        return found

    def show(self, order):
        """Let the shop know an order it is told a shipment of."""
        lines = [{"id": line.external_id} for line in order.line_ids]
        self.env.cr.shops[order.channel_id.id].books.orders[order.external_id] = {
            "lines": lines,
        }

    def order_data(self, number, lines, days, version, **vals):
        ref, name, email, street, city, zip_ = CUSTOMERS[int(number[-1]) % 4]
        placed = self.now - timedelta(days=days, hours=2)
        place_id = vals.pop("location_id", "reno")
        entries = [
            {
                "id": f"{number}-{place}",
                "sku": sku,
                "title": self.title(sku),
                "quantity": str(quantity),
                "unit_price": f"{(price[0] if price else self.price(sku)):.2f}",
                "location_id": place_id,
            }
            for place, (sku, quantity, *price) in enumerate(lines, start=1)
        ]
        total = sum(int(e["quantity"]) * Decimal(e["unit_price"]) for e in entries)
        return {
            "id": number,
            "version": version,
            "updated_at": (placed + timedelta(minutes=version)).isoformat(),
            "placed_at": placed.isoformat(),
            "status": "open",
            "currency": self.company.currency_id.name,
            "prices_include_tax": False,
            "payment_status": "paid",
            "customer": {"id": ref, "name": name, "email": email},
            "shipping_address": {
                "name": name,
                "street": street,
                "city": city,
                "zip": zip_,
                "state": "CA",
                "country": "US",
            },
            "lines": entries,
            "shipping": [],
            "total": f"{total:.2f}",
            **vals,
        }

    def title(self, sku):
        product = self.products.get({PACK: "FH-MAT"}.get(sku, sku))
        return product.name if product else sku.removeprefix("FH-").title()

    def price(self, sku):
        product = self.products.get({PACK: "FH-MAT"}.get(sku, sku))
        return (product.list_price if product else 49.0) * (6 if sku == PACK else 1)

    def ship(self, order, quantity=None):
        """Carry out what is open of an order; a part of it leaves a back order."""
        self.show(order)
        open_ones = order.sale_order_id.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )
        for picking in open_ones:
            picking.carrier_tracking_ref = f"OAK{order.external_id}"
            for move in picking.move_ids:
                if quantity is not None:
                    move.quantity = quantity
                move.picked = True
            picking.with_context(skip_backorder=True).button_validate()
        self.env.cr.keep()
        return open_ones
