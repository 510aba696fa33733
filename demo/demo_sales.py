"""Orders, shipments and returns of the demo data."""

from ..connectors.testing.fake_channel import Fault
from .demo_world import PACK, World


class Sales(World):
    """What customers of the web shop bought, and what came back."""

    def sell(self):
        self._sell_plainly()
        self._sell_with_trouble()
        self._cancel()
        self.work(self.shop)
        self._ship_with_trouble()

    def take_back(self):
        self._announce()
        self._inspect()
        self._receive_unannounced()

    # ---------------------------------------------------------------- orders

    def _sell_plainly(self):
        """Orders as they should be: shipped, shipped in part, still to ship."""
        for number, lines, days in (
            ("1001", [("FH-DESK", 2), ("FH-LAMP", 2)], 12),
            ("1002", [("FH-CHAIR", 6)], 10),
            ("1003", [("FH-SHELF", 8), ("FH-DRAWER", 2)], 9),
            ("1004", [("FH-ARM", 4)], 8),
            ("1008", [("FH-LAMP", 1)], 30),
        ):
            self.ship(self.order(number, *lines, days=days))
        self.ship(self.order("1005", ("FH-CHAIR", 5), days=5), quantity=2)
        self.order("1006", ("FH-SET", 1), (PACK, 2), days=1)
        self.order("1007", ("FH-STOOL", 2), days=0)
        self.work(self.shop)

    def _sell_with_trouble(self):
        """Orders that somebody has to look at before they can be taken over."""
        for number in ("1010", "1011", "1012"):
            self.order(number, ("FH-PLANTER", 2), days=0)
        self.order("1013", ("FH-BOOKCASE", 1), days=1, total="355.00")
        self.shop.import_from = "authorized"
        self.order("1014", ("FH-MIRROR", 1), days=0, payment_status="unpaid")
        self.order("1015", ("FH-SOFA", 9), days=0)
        self.deliver(self.shop, "order.updated", {"id": "1016", "version": 1})
        self.work()

    def _cancel(self):
        """Cancelled before it came, after it came, and by the company itself."""
        lines = [("FH-LAMP", 1)]
        self.order("1020", *lines, days=4, status="cancelled")
        self.order("1021", *lines, days=4)
        self.order("1021", *lines, days=4, version=2, status="cancelled")
        for number in ("1022", "1023"):
            order = self.order(number, ("FH-MAT", 3), days=3)
            self.show(order)
            order.sale_order_id._action_cancel()
            self.env.cr.keep()
        # The channel cancels the second one itself before it is told.
        self.order("1023", ("FH-MAT", 3), days=3, version=2, status="cancelled")

    def _ship_with_trouble(self):
        """Parcels the shop refuses, may have, is being told of and will be told of."""
        shop = self.env.cr.shops[self.shop.id]
        self.ship(self.order("1030", ("FH-SHELF", 4), days=2))
        del shop.books.orders["1030"]
        self.shop._cron_publish()
        self.ship(self.order("1031", ("FH-SHELF", 2), days=2))
        shop.transport.faults = [Fault.LOST_ANSWER]
        self.shop._cron_publish()
        lost = self.env["stock.channel.fulfillment"].search([("state", "=", "unknown")])
        lost.next_attempt_at = self.moment(days=-1)
        self.env.cr.keep()
        self.ship(self.order("1032", ("FH-MAT", 4), days=1))
        self.env["stock.channel.fulfillment"]._claim(self.shop)
        self.env.cr.keep()
        self.ship(self.order("1033", ("FH-MAT", 5), days=1))

    # --------------------------------------------------------------- returns

    def _announce(self):
        """Returns on their way, cancelled, and with goods for the shelf or the bin."""
        self.returned("R-501", "1002", 1)
        self.returned("R-502", "1002", 1)
        self.returned("R-502", "1002", 1, version=2, status="cancelled")
        self.carry(self.returned("R-503", "1003", 2, disposition="restock"))
        self.carry(self.returned("R-504", "1003", 1, disposition="scrap"))

    def _inspect(self):
        """Returns in quarantine: to inspect, inspected, kept, scrapped."""
        steps = {
            "R-505": None,
            "R-506": "action_keep",
            "R-507": "action_accept",
            "R-508": "action_scrap",
        }
        for number, step in steps.items():
            came = self.returned(number, "1004", 1, disposition="inspect")
            self.carry(came)
            if step:
                getattr(self.as_("operator", came.line_ids), step)()
            self.env.cr.keep()
        half = self.returned("R-509", "1002", 2, disposition="inspect")
        self.carry(half)
        wizard = self.as_("operator", self.env["stock.channel.inspect.wizard"]).create(
            {"return_line_id": half.line_ids.id}
        )
        wizard.row_ids.write({"good_qty": 1, "bad_qty": 0})
        wizard.action_done()
        part = self.returned("R-510", "1003", 2, disposition="restock")
        for move in part.picking_ids.move_ids:
            move.quantity = 1
            move.picked = True
        part.picking_ids.with_context(skip_backorder=True).button_validate()
        self.returned("R-511", "1003", 1, status="received")
        self.env.cr.keep()

    def returned(self, number, order, quantity, *, version=1, **vals):
        """Let the channel tell of a return of the order's first line."""
        line = {
            "order_line_id": f"{order}-1",
            "quantity": str(quantity),
            **{k: vals.pop(k) for k in ("disposition",) if k in vals},
        }
        data = {
            "id": number,
            "order_id": order,
            "version": version,
            "status": "announced",
            "lines": [line],
            **vals,
        }
        self.deliver(self.shop, "return.updated", data)
        self.env["stock.channel.message"]._cron_inbox()
        return self.env["stock.channel.return"].search(
            [("channel_id", "=", self.shop.id), ("external_id", "=", number)]
        )

    def carry(self, returned):
        """Validate every transfer of a return that waits for the warehouse."""
        returned.invalidate_recordset()
        for transfer in returned.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        ):
            transfer.move_ids.picked = True
            transfer.button_validate()
        self.env.cr.keep()

    def _receive_unannounced(self):
        """Parcels nobody announced: one unknown, one matched, one put aside."""
        notes = {
            "FH-LAMP": "Sender: B. Baker, Oakland; no order number",
            "FH-DESK": "Return label 1001",
            "FH-MIRROR": "Old showroom label, no customer",
        }
        receipts = {}
        for code, note in notes.items():
            wizard = self.as_(
                "operator", self.env["stock.channel.receive.wizard"]
            ).create(
                {
                    "product_id": self.products[code].id,
                    "quantity": 1,
                    "channel_id": self.shop.id,
                    "location_id": self.quarantine.id,
                    "note": note,
                }
            )
            action = wizard.action_receive()
            receipts[code] = self.env["stock.channel.blind.receipt"].browse(
                action["res_id"]
            )
        match = self.as_("operator", self.env["stock.channel.match.wizard"]).create(
            {"receipt_id": receipts["FH-DESK"].id}
        )
        match.sudo().order_line_id = self.orders["1001"].line_ids[:1]
        match.action_match()
        self.as_("operator", receipts["FH-MIRROR"]).action_close()
        self.env.cr.keep()
