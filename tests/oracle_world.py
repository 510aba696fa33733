"""The world random histories take place in: two companies and what they sell."""

from datetime import timedelta

from .common import HubCase

SERIALS = 40  # more than the longest history can use
LIFE = 30  # days until the oldest good lot expires; histories never get that far


class OracleWorld(HubCase):
    """Four warehouses, shelves of every kind, kits of every kind, three channels."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.now = cls.env.cr.now()
        cls.unit = cls.env.ref("uom.product_uom_unit")
        cls.dozen = cls.env.ref("uom.product_uom_dozen")
        cls.kilogram = cls.env.ref("uom.product_uom_kgm")
        cls.gram = cls.env.ref("uom.product_uom_gram")
        cls.make_warehouses()
        cls.make_shelves()
        cls.make_products()
        cls.make_kits()
        cls.make_channels()
        cls.make_told()

    # ---------------------------------------------------------------- places

    @classmethod
    def make_warehouses(cls):
        """North ships in one step, South in two; West is supplied through transit."""
        warehouses = cls.env["stock.warehouse"]
        cls.south = warehouses.create(
            {"name": "South", "code": "HUBS", "delivery_steps": "pick_ship"}
        )
        cls.west = warehouses.create(
            {
                "name": "West",
                "code": "HUBW",
                "resupply_wh_ids": [(6, 0, cls.warehouse.ids)],
            }
        )
        cls.company_2 = cls.env["res.company"].create({"name": "Hub Two"})
        cls.env.user.company_ids |= cls.company_2
        cls.abroad = warehouses.search([("company_id", "=", cls.company_2.id)], limit=1)
        cls.warehouses = cls.warehouse | cls.south | cls.west | cls.abroad

    @classmethod
    def make_location(cls, name, parent, **vals):
        return cls.env["stock.location"].create(
            {"name": name, "location_id": parent.id, **vals}
        )

    @classmethod
    def make_shelves(cls):
        cls.shelf_b = cls.make_location("Shelf B", cls.stock)
        cls.bin = cls.make_location("Bin", cls.shelf_b)
        cls.damaged = cls.make_location("Damaged", cls.stock, stock_condition="damaged")
        cls.saved = cls.make_location("Saved", cls.damaged, stock_condition="sellable")
        cls.truck = cls.make_location("Truck", cls.stock, usage="transit")
        cls.south_shelf = cls.make_location("Shelf S", cls.south.lot_stock_id)
        cls.aside = cls.make_location("Aside", cls.warehouse.view_location_id)
        hall = cls.env["stock.location"].create(
            {"name": "Shared Hall", "usage": "view", "company_id": False}
        )
        cls.hall = hall
        cls.hall_1 = cls.make_location("Hall 1", hall, company_id=cls.company.id)
        cls.hall_2 = cls.make_location("Hall 2", hall, company_id=cls.company_2.id)
        cls.hall_free = cls.make_location("Hall Free", hall, company_id=False)
        cls.transit = cls.company.internal_transit_location_id
        cls.shelves = (
            cls.stock
            | cls.shelf
            | cls.shelf_b
            | cls.bin
            | cls.damaged
            | cls.saved
            | cls.south.lot_stock_id
            | cls.south_shelf
            | cls.west.lot_stock_id
            | cls.hall_1
            | cls.aside
        )
        cls.shelves_2 = cls.abroad.lot_stock_id | cls.hall_2

    # -------------------------------------------------------------- products

    @classmethod
    def make_products(cls):
        tracked = {"tracking": "lot"}
        expiring = {**tracked, "use_expiration_date": True}
        cls.lamp = cls.make_product("Lamp", "LAMP")
        cls.screw = cls.make_product("Screw", "SCREW")
        cls.board = cls.make_product("Board", "BOARD")
        cls.glass = cls.make_product("Glass", "GLASS")
        cls.eggs = cls.make_product("Eggs", "EGGS", uom_id=cls.dozen.id)
        cls.flour = cls.make_product("Flour", "FLOUR", uom_id=cls.kilogram.id)
        cls.milk = cls.make_product("Milk", "MILK", **expiring)
        cls.cable = cls.make_product("Cable", "CABLE", **tracked)
        cls.camera = cls.make_product("Camera", "CAMERA", tracking="serial")
        cls.service = cls.make_product("Help", type="service", is_storable=False)
        cls.glue = cls.make_product("Glue", is_storable=False)
        cls.stored = (
            cls.product
            | cls.lamp
            | cls.screw
            | cls.board
            | cls.glass
            | cls.eggs
            | cls.flour
            | cls.milk
            | cls.cable
            | cls.camera
        )
        cls.partner = cls.env["res.partner"].create({"name": "Somebody Else"})
        cls.owners = cls.partner | cls.company.partner_id
        cls.lots = cls.env["stock.lot"]
        for product in cls.milk | cls.cable:
            for name, days in (("old", -5), ("soon", 3), ("good", LIFE), ("odd", 40)):
                cls.lots |= cls.make_lot(product, name, days)

        cls.serials = cls.env["stock.lot"].create(
            [
                {"product_id": cls.camera.id, "name": f"serial {number}"}
                for number in range(SERIALS)
            ]
        )

    @classmethod
    def make_lot(cls, product, name, days):
        lot = cls.env["stock.lot"].create({"product_id": product.id, "name": name})
        if product.use_expiration_date:
            lot.expiration_date = cls.now + timedelta(days=days)
            lot.removal_date = cls.now + timedelta(days=days - 2)
            if name == "odd":
                # Removed by decision long before its time, or kept without a date.
                lot.removal_date = False
        return lot

    # ------------------------------------------------------------------ kits

    @classmethod
    def make_kits(cls):
        cls.set_kit = cls.make_product("Desk Set", "SET")
        cls.make_kit(cls.set_kit, {cls.product: 1, cls.lamp: 2})
        cls.inner = cls.make_product("Inner", "INNER")
        cls.make_kit(cls.inner, {cls.screw: 4, cls.board: 1})
        cls.outer = cls.make_product("Outer", "OUTER")
        cls.make_kit(cls.outer, {cls.inner: 2, cls.product: 1, cls.screw: 1})
        cls.third = cls.make_product("Third", "THIRD")
        cls.make_kit(
            cls.third, {cls.board: 1, cls.glass: 2}, product_qty=3, company_id=False
        )
        cls.box = cls.make_product("Box", "BOX")
        box = cls.make_kit(cls.box, {cls.screw: 1, cls.lamp: 1})
        box.bom_line_ids[0].product_uom_id = cls.dozen
        cls.mixed = cls.make_product("Mixed", "MIXED")
        cls.make_kit(cls.mixed, {cls.glass: 1, cls.service: 1, cls.glue: 2})
        cls.breakfast = cls.make_product("Breakfast", "BREAKFAST")
        lines = cls.make_kit(cls.breakfast, {cls.eggs: 3, cls.flour: 250, cls.milk: 1})
        lines.bom_line_ids[0].product_uom_id = cls.unit
        lines.bom_line_ids[1].product_uom_id = cls.gram
        cls.film_kit = cls.make_product("Film Kit", "FILM")
        cls.make_kit(cls.film_kit, {cls.camera: 1, cls.cable: 2})
        cls.empty = cls.make_product("Empty", "EMPTY")
        cls.make_kit(cls.empty, {cls.service: 1, cls.glue: 1})
        cls.make_variants()
        cls.kits = (
            cls.set_kit
            | cls.inner
            | cls.outer
            | cls.third
            | cls.box
            | cls.mixed
            | cls.breakfast
            | cls.film_kit
            | cls.empty
            | cls.red
            | cls.blue
        )

    @classmethod
    def make_variants(cls):
        """A kit in two colours: the red one has a lamp, the blue one two glasses."""
        attribute = cls.env["product.attribute"].create(
            {
                "name": "Colour",
                "create_variant": "always",
                "value_ids": [(0, 0, {"name": name}) for name in ("Red", "Blue")],
            }
        )
        template = cls.env["product.template"].create(
            {
                "name": "Colourful",
                "type": "consu",
                "is_storable": True,
                "taxes_id": [(5,)],
                "attribute_line_ids": [
                    (
                        0,
                        0,
                        {
                            "attribute_id": attribute.id,
                            "value_ids": [(6, 0, attribute.value_ids.ids)],
                        },
                    )
                ],
            }
        )
        cls.red, cls.blue = template.product_variant_ids
        values = cls.red.product_template_attribute_value_ids
        others = cls.blue.product_template_attribute_value_ids
        cls.make_kit(cls.red, {cls.product: 1})
        bom = template.bom_ids
        for product, quantity, value in (
            (cls.lamp, 1, values),
            (cls.glass, 2, others),
        ):
            bom.bom_line_ids = [
                (
                    0,
                    0,
                    {
                        "product_id": product.id,
                        "product_qty": quantity,
                        "bom_product_template_attribute_value_ids": [(6, 0, value.ids)],
                    },
                )
            ]

    # -------------------------------------------------------------- channels

    @classmethod
    def make_channels(cls):
        cls.channel.name = "Shop"
        cls.place_south = cls.make_place(
            cls.channel, "south", cls.south.view_location_id, sequence=20
        )
        cls.place_west = cls.make_place(
            cls.channel, "west", cls.west.lot_stock_id | cls.hall, sequence=30
        )
        cls.physical = cls.make_channel(name="Physical Shop")
        cls.place_physical = cls.make_place(
            cls.physical, "main", cls.stock | cls.south_shelf
        )
        cls.place_shelf = cls.make_place(cls.physical, "west", cls.west.lot_stock_id)
        cls.foreign = cls.make_channel(name="Foreign Shop", company_id=cls.company_2.id)
        cls.place_abroad = cls.make_place(
            cls.foreign,
            "main",
            cls.abroad.lot_stock_id | cls.hall,
            warehouse_id=cls.abroad.id,
        )
        cls.env.flush_all()
        cls.env.cr.execute(
            "UPDATE stock_channel SET quantity_meaning = 'physical' WHERE id = %s",
            [cls.physical.id],
        )
        cls.env.invalidate_all()
        for product in (cls.stored - cls.product) | cls.kits:
            cls.make_listing(cls.channel, product, cls.sku_of(product))
        for product, unit in (
            (cls.product, cls.dozen),
            (cls.eggs, cls.unit),
            (cls.flour, cls.gram),
            (cls.set_kit, cls.dozen),
        ):
            cls.make_listing(
                cls.channel, product, f"{cls.sku_of(product)}-2", uom_id=unit.id
            )
        for product in (
            cls.product | cls.eggs | cls.milk | cls.set_kit | cls.outer | cls.film_kit
        ):
            cls.make_listing(cls.physical, product, cls.sku_of(product))
        for product in cls.product | cls.flour | cls.cable | cls.third | cls.blue:
            cls.make_listing(cls.foreign, product, cls.sku_of(product))
        cls.channels = cls.channel | cls.physical | cls.foreign
        cls.listings = cls.env["stock.channel.listing"].search(
            [("channel_id", "in", cls.channels.ids)]
        )
        cls.places = cls.env["stock.channel.location"].search(
            [("channel_id", "in", cls.channels.ids)]
        )

    @classmethod
    def sku_of(cls, product):
        return product.default_code or f"P{product.display_name}"

    @classmethod
    def make_told(cls):
        """The channels were told of every second listing: it stays when archived."""
        cls.env["stock.channel.publication"].create(
            [
                {
                    "listing_id": listing.id,
                    "channel_location_id": place.id,
                    "channel_id": listing.channel_id.id,
                    "company_id": listing.company_id.id,
                    "product_id": listing.product_id.id,
                }
                for listing in cls.listings[::2]
                for place in cls.places
                if place.channel_id == listing.channel_id
            ]
        )

    def setUp(self):
        super().setUp()
        for channel in self.channels:
            self.shops[channel.id] = self.shop
            if channel != self.channel:
                self.go_live(channel)
