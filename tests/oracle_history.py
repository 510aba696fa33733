"""Random histories: what happens in a warehouse, one step at a time, from a seed."""

from datetime import timedelta
from itertools import count

from odoo.exceptions import UserError, ValidationError

from .oracle_changes import Changes
from .oracle_orders import Orders


class History(Orders, Changes):
    """One seed's history in the world of a test case.

    A step returns what it did, for the story that is told when something differs,
    or None if there is nothing to do it to. What Odoo refuses (a shelf that is not empty, a
    reservation that is not there) is undone and told, too.
    """

    def __init__(self, case, seed, dice):
        self.case = case
        self.env = case.env
        self.random = dice
        self.seed = seed
        self.story = []
        self.moves = self.env["stock.move"]
        self.pickings = self.env["stock.picking"]
        self.orders = []
        self.order_numbers = count(1)
        self.serial_numbers = count()
        self.done = []

    # Every word stands for a method; the number is how often it is drawn. The first
    # does nothing: what it stands at, a shrunk history can do without.
    STEPS = {
        "rest": 1,
        "receive": 5,
        "plan_receipt": 4,
        "move_inside": 2,
        "move_to_damaged": 2,
        "deliver": 4,
        "deliver_by_hand": 3,
        "deliver_by_date": 1,
        "finish_some": 5,
        "cancel": 2,
        "unreserve": 2,
        "reserve": 1,
        "deliver_kit": 2,
        "sell": 2,
        "finish_picking": 10,
        "give_back": 6,
        "scrap": 1,
        "transfer_at_once": 1,
        "transfer_through_transit": 1,
        "make_to_order": 1,
        "go_negative": 1,
        "split_quant": 2,
        "count_shelf": 1,
        "change_lot": 2,
        "produce": 1,
        "order_stuck": 2,
        "order": 2,
        "order_cancelled": 2,
        "order_shipped": 2,
        "change_rule": 4,
        "change_condition": 1,
        "move_location": 1,
        "archive": 1,
        "archive_shelf": 1,
    }

    def begin(self):
        """Before anything else happens most products lie on some shelf."""
        case = self.case
        quants = []
        for product in case.stored:
            shelf = self.pick(case.stock | case.shelf | case.south_shelf)
            quantity = self.random.choice([0.0, 2.0, 2.0, 12.0, 12.0, 30.0, 30.0])
            is_serial = product.tracking == "serial"
            for _time in range(int(min(quantity, 3)) if is_serial else quantity > 0):
                lot, quantity = self.lot(product), 1.0 if is_serial else quantity
                quants.append(
                    {
                        "product_id": product.id,
                        "location_id": shelf.id,
                        "quantity": quantity,
                        "lot_id": lot.id,
                    }
                )
                told = f"{self.say(product, quantity, shelf)} {lot.name or ''}"
                self.story.append(f"begin: {told.strip()}")
        self.env["stock.quant"].create(quants)

    def step(self):
        """Do one thing and write it down; another one if the first does not fit."""
        for _attempt in range(10):
            name, told = self.attempt()
            if name == "rest":
                return
            if told:
                self.story.append(f"{name}: {told}")
                return

    def rest(self):
        """Nothing happens."""

    def attempt(self):
        """Try one thing; returns its name, and what was done if anything was."""
        name = self.random.weighted(self.STEPS)
        try:
            with self.env.cr.savepoint():
                told = getattr(self, name)()
        except (UserError, ValidationError) as error:
            return name, f"refused: {str(error).splitlines()[0]}"
        if told:
            self.done.append(name)
        return name, told

    def tell_story(self):
        lines = [
            f"seed {self.seed} (STOCK_CHANNEL_HUB_SEEDS={self.seed}:{self.seed + 1})"
        ]
        return "\n".join(
            lines + [f"  {number}. {told}" for number, told in enumerate(self.story, 1)]
        )

    # --------------------------------------------------------------- choosing

    def pick(self, records):
        return self.random.choice(list(records))

    def product(self):
        """Return a product; desks, lamps and screws are in most kits."""
        case = self.case
        return self.pick([*case.stored, case.product, case.lamp, case.screw])

    def quantity(self, product):
        if product == self.case.flour:
            return self.random.choice([0.25, 1.5, 2.0, 3.75, 10.01])
        return float(self.random.choice([1, 2, 3, 5, 12, 30]))

    def lot(self, product):
        """Return a lot, or a serial number of its own for the next piece."""
        if product.tracking == "serial":
            return self.case.serials[next(self.serial_numbers)]
        lots = self.case.lots.filtered(lambda lot: lot.product_id == product)
        return self.pick(lots) if lots else self.case.lots.browse()

    def move(self, product, quantity, source, target, **vals):
        """Confirm a move of the source's company, and keep it for later steps."""
        company = source.company_id or target.company_id or self.case.company
        move = self.case.make_move(
            product, quantity, source, target, company_id=company.id, **vals
        )
        self.moves |= move
        return move

    def open_moves(self):
        return self.moves.exists().filtered(
            lambda move: move.state not in ("draft", "done", "cancel")
        )

    def open_pickings(self):
        return self.pickings.exists().filtered(
            lambda picking: picking.state not in ("draft", "done", "cancel")
        )

    def say(self, product, quantity, *places):
        where = " > ".join(place.display_name for place in places)
        return f"{quantity:g} {product.display_name} {where}"

    # ------------------------------------------------------------------ goods

    def receive(self):
        """Goods arrive: on any shelf, in any lot, anybody's, packed or not."""
        product = self.product()
        shelf = self.pick([*self.case.shelves, *self.case.shelves_2])
        vals = {"lot_id": self.lot(product)}
        if self.random.random() < 0.15:
            vals["owner_id"] = self.pick(self.case.owners)
        if self.random.random() < 0.2:
            vals["package_id"] = self.env["stock.package"].create({})
        quantity = 1.0 if product.tracking == "serial" else self.quantity(product)
        self.case.receive(product, quantity, shelf, **vals)
        extra = ", ".join(str(vals[key].display_name) for key in vals if vals[key])
        return f"{self.say(product, quantity, shelf)} {extra}".strip()

    def plan_receipt(self):
        product = self.product()
        quantity = self.quantity(product)
        shelf = self.pick([*self.case.shelves, *self.case.shelves_2])
        days = self.random.choice([-1, 1, 3, 8, 20])
        self.move(
            product,
            quantity,
            self.case.suppliers,
            shelf,
            date=self.case.now + timedelta(days=days),
        )
        return f"{self.say(product, quantity, shelf)} in {days} days"

    def move_inside(self):
        product = self.product()
        source, target = self.random.sample(list(self.case.shelves), 2)
        quantity = self.quantity(product)
        move = self.move(product, quantity, source, target)
        if self.random.random() < 0.5:
            move._action_assign()
        return self.say(product, quantity, source, target)

    def move_to_damaged(self):
        product = self.product()
        quantity = self.quantity(product)
        move = self.move(product, quantity, self.case.shelf, self.case.damaged)
        if product.tracking == "none":
            self.case.finish(move)
        return self.say(product, quantity, self.case.shelf, self.case.damaged)

    def deliver(self):
        """A delivery that reserves at once what there is."""
        product = self.product()
        quantity = self.quantity(product)
        source = self.pick([*self.case.shelves, *self.case.shelves_2])
        self.move(product, quantity, source, self.case.customers)._action_assign()
        return self.say(product, quantity, source)

    def deliver_by_hand(self):
        """A delivery nobody has reserved for yet, from the top of a warehouse."""
        product = self.product()
        quantity = self.quantity(product)
        warehouse = self.pick(self.case.warehouses)
        source = self.pick([warehouse.lot_stock_id, warehouse.view_location_id])
        self.move(product, quantity, source, self.case.customers)
        return self.say(product, quantity, source)

    def deliver_by_date(self):
        picking_type = self.case.warehouse.out_type_id
        picking_type.reservation_method = "by_date"
        product = self.product()
        quantity = self.quantity(product)
        days = self.random.choice([0, 9])
        picking = self.deliver_picking(picking_type, product, quantity, days)
        picking.move_ids.filtered(
            lambda move: (
                move.reservation_date and move.reservation_date <= self.case.now.date()
            )
        )._action_assign()
        picking_type.reservation_method = "at_confirm"
        return f"{self.say(product, quantity)} in {days} days"

    def deliver_picking(self, picking_type, product, quantity, days=0):
        """Confirm a transfer of one product; kits are taken apart on the way."""
        picking = self.env["stock.picking"].create(
            {
                "picking_type_id": picking_type.id,
                "location_id": picking_type.default_location_src_id.id,
                "location_dest_id": self.case.customers.id,
                "move_ids": [
                    (
                        0,
                        0,
                        {
                            "product_id": product.id,
                            "product_uom": product.uom_id.id,
                            "product_uom_qty": quantity,
                            "location_id": picking_type.default_location_src_id.id,
                            "location_dest_id": self.case.customers.id,
                            "date": self.case.now + timedelta(days=days),
                        },
                    )
                ],
            }
        )
        picking.action_confirm()
        self.pickings |= picking
        self.moves |= picking.move_ids
        return picking

    def deliver_kit(self):
        kit = self.pick(self.case.kits - self.case.empty)
        warehouse = self.pick(self.case.warehouse | self.case.west)
        quantity = self.random.choice([1, 3, 6])
        picking = self.deliver_picking(warehouse.out_type_id, kit, quantity)
        if self.random.random() < 0.5:
            picking.action_assign()
        return self.say(kit, quantity, warehouse.lot_stock_id)

    def finish_some(self):
        """Carry an open move out, in part or whole; a backorder stays open."""
        moves = self.open_moves().filtered(
            lambda move: (
                move.state in ("assigned", "partially_available") and move.quantity > 0
            )
        )
        if not moves:
            return None
        move = self.pick(moves)
        told = self.say(move.product_id, move.quantity, move.location_id)
        if self.random.random() < 0.5:
            done = max(0.25, move.quantity / 2)
            if move.product_id.uom_id != self.case.kilogram:
                done = float(max(1, int(move.quantity / 2)))
            move.quantity = done
        move.picked = True
        move._action_done()
        # What is left of it, and what it brings goods to.
        self.moves |= (
            self.env["stock.move"]
            .search([("id", ">", move.id)])
            .filtered(lambda other: other.product_id in self.case.stored)
        )
        return told

    def cancel(self):
        moves = self.open_moves()
        if not moves:
            return None
        move = self.pick(moves)
        move._action_cancel()
        return self.say(move.product_id, move.product_uom_qty, move.location_id)

    def unreserve(self):
        moves = self.open_moves().filtered("move_line_ids")
        if not moves:
            return None
        move = self.pick(moves)
        move._do_unreserve()
        return self.say(move.product_id, move.product_uom_qty, move.location_id)

    def reserve(self):
        moves = self.open_moves().filtered(lambda move: move.state == "confirmed")
        if not moves:
            return None
        move = self.pick(moves)
        move._action_assign()
        return self.say(move.product_id, move.product_uom_qty, move.location_id)

    def go_negative(self):
        """More was taken than the books had."""
        product = self.pick(self.case.stored.filtered(lambda p: p.tracking == "none"))
        shelf = self.pick(self.case.shelves)
        self.case.receive(product, -2.0, shelf)
        return self.say(product, -2, shelf)

    def split_quant(self):
        """Concurrency leaves two rows where there was one, with a reserve apart."""
        quants = self.env["stock.quant"].search(
            [
                ("product_id", "in", self.case.stored.ids),
                ("location_id", "in", self.case.shelves.ids),
            ],
            order="id",
        )
        if not quants:
            return None
        quant = self.pick(quants)
        values = {
            "product_id": quant.product_id.id,
            "location_id": quant.location_id.id,
            "lot_id": quant.lot_id.id,
            "owner_id": quant.owner_id.id,
            "package_id": quant.package_id.id,
        }
        twin = self.random.choice([(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)])
        self.env["stock.quant"].create(
            {**values, "quantity": twin[0], "reserved_quantity": twin[1]}
        )
        return f"{twin} {self.say(quant.product_id, 0, quant.location_id)}"

    def count_shelf(self):
        """Somebody counts a shelf, and the books follow."""
        quants = self.env["stock.quant"].search(
            [
                ("product_id", "in", self.case.stored.ids),
                ("location_id", "in", self.case.shelves.ids),
            ],
            order="id",
        )
        if not quants:
            return None
        quant = self.pick(quants)
        told = self.say(quant.product_id, 7, quant.location_id)
        quant.inventory_quantity = 7.0
        quant.action_apply_inventory()
        return told

    def scrap(self):
        product = self.pick(self.case.stored.filtered(lambda p: p.tracking == "none"))
        shelf = self.pick(self.case.stock | self.case.shelf | self.case.shelf_b)
        self.env["stock.scrap"].create(
            {
                "product_id": product.id,
                "product_uom_id": product.uom_id.id,
                "scrap_qty": 1.0,
                "location_id": shelf.id,
            }
        ).do_scrap()
        return self.say(product, 1, shelf)

    def produce(self):
        """A production order waits for its components."""
        product = self.product()
        finished = self.case.make_product("Finished")
        self.case.make_kit(finished, {product: 2}, type="normal")
        production = self.env["mrp.production"].create(
            {
                "product_id": finished.id,
                "product_qty": 2,
                "picking_type_id": self.case.warehouse.manu_type_id.id,
            }
        )
        production.action_confirm()
        if self.random.random() < 0.5:
            production.action_assign()
        self.moves |= production.move_raw_ids
        return self.say(product, 4)
