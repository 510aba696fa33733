"""What the tests of returns start from: one shipped order and a quarantine."""

from .common import HubCase


class ReturnCase(HubCase):
    """Three desks left with order 1001; ten are in the warehouse before."""

    def setUp(self):
        super().setUp()
        self.quarantine = self.make_quarantine(self.stock)
        self.channel.quarantine_location_id = self.quarantine
        self.receive(self.product, 10)
        self.order_record = self.order(lines=[self.line_data("1", "DESK", 3)])
        self.picking = self.ship(self.order_record)

    # ---------------------------------------------------------------- making

    def make_quarantine(self, parent, **vals):
        return self.env["stock.location"].create(
            {
                "name": "Quarantine",
                "location_id": parent.id,
                "stock_condition": "quarantine",
                **vals,
            }
        )

    def ship(self, order):
        pickings = order.sale_order_id.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )
        for picking in pickings:
            picking.move_ids.picked = True
            picking.button_validate()
        return pickings

    def return_data(self, lines, return_id="R1", version=1, **vals):
        """Return what the channel says; ``lines`` are (line id, quantity, more)."""
        return {
            "id": return_id,
            "order_id": "1001",
            "version": version,
            "status": "announced",
            "lines": [
                {"order_line_id": line_id, "quantity": str(quantity), **more}
                for line_id, quantity, more in lines
            ],
            **vals,
        }

    def announce(self, quantity=1, return_id="R1", version=1, line=None, **vals):
        """Deliver a return of desks, to be restocked unless ``line`` says more."""
        line = {"disposition": "restock"} if line is None else line
        return self.tell([("1", quantity, line)], return_id, version, **vals)

    def tell(self, lines, return_id="R1", version=1, **vals):
        data = self.return_data(lines, return_id, version, **vals)
        self.deliver("return.updated", data, key=f"{return_id}-{version}")
        self.run_inbox()
        return self.find_return(return_id)

    def find_return(self, return_id="R1"):
        return self.env["stock.channel.return"].search(
            [
                ("channel_id", "=", self.channel.id),
                ("external_id", "=", return_id),
            ]
        )

    # ---------------------------------------------------------------- people

    def operator(self):
        return self.make_user("group_operator")

    def blind(self, quantity=1, product=None, lot=None, user=None, **vals):
        """Receive goods nobody announced, the way the clerk's form does."""
        wizards = self.env["stock.channel.receive.wizard"]
        wizard = wizards.with_user(user or self.env.user).create(
            {
                "product_id": (product or self.product).id,
                "quantity": quantity,
                "channel_id": self.channel.id,
                "location_id": self.quarantine.id,
                "lot_name": lot and lot.name,
                **vals,
            }
        )
        action = wizard.action_receive()
        return self.env["stock.channel.blind.receipt"].browse(action["res_id"])

    def match(self, receipt, order_line=None):
        wizard = self.env["stock.channel.match.wizard"].create(
            {"receipt_id": receipt.id}
        )
        if order_line:
            wizard.order_line_id = order_line
        return wizard.action_match()

    def open_transfers(self, returned):
        return returned.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )

    def carry_out(self, returned):
        """Validate every transfer that waits for the warehouse."""
        returned.invalidate_recordset()
        for transfer in self.open_transfers(returned):
            transfer.move_ids.picked = True
            transfer.button_validate()
        for transfer in returned.line_ids._put_away_moves().picking_id:
            transfer.move_ids.picked = True
            transfer.button_validate()

    # --------------------------------------------------------------- reading

    def held(self, location, product=None, lot=None):
        """Return what lies in one location, and nowhere below it."""
        quants = self.env["stock.quant"].search(
            [
                ("location_id", "=", location.id),
                ("product_id", "=", (product or self.product).id),
                *([("lot_id", "=", lot.id)] if lot else []),
            ]
        )
        return sum(quants.mapped("quantity"))

    def on_sale(self):
        numbers = self.numbers()
        return numbers["on_hand"], numbers["unavailable"]

    def picture(self):
        """Return everything a refused step must leave as it was."""
        self.env.flush_all()
        quants = self.env["stock.quant"].search(
            [("product_id", "=", self.product.id)], order="location_id, lot_id, id"
        )
        lines = self.env["stock.channel.return.line"].search([], order="id")
        return (
            [(q.location_id.id, q.lot_id.id, q.quantity) for q in quants],
            [
                (row.state, row.quantity, row.done_qty, row.accepted_qty)
                for row in lines
            ],
            self.env["stock.picking"].search_count([]),
            self.env["stock.channel.blind.receipt"].search([]).mapped("state"),
        )
