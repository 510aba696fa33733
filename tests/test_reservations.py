from odoo.tests import tagged

from .common import HubCase


@tagged("post_install", "-at_install")
class TestReservations(HubCase):
    """Goods that are reserved and nobody can say for what."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        self.move = self.make_move(self.product, 4, self.stock, self.customers)
        self.move._action_assign()
        self.quant = (
            self.env["stock.quant"]
            .sudo()
            .search([("product_id", "=", self.product.id)])
        )

    def found(self):
        return self.env["stock.channel.availability"]._reserved_without_document(
            self.channel
        )

    def test_documented_reservations_are_silent(self):
        self.move.picked = True
        self.assertEqual(self.found(), [])
        self.assertEqual(self.env["stock.channel"]._check_reservations(), 0)
        self.assertFalse(self.open_exceptions())

    def test_both_directions_are_found(self):
        for reserved, left in ((7, 3.0), (1, -3.0)):
            self.quant.reserved_quantity = reserved
            self.assertEqual(self.found(), [(self.product.id, self.stock.id, left)])

    def test_other_goods_and_places_are_not_ours(self):
        self.quant.reserved_quantity = 7
        self.stock.stock_condition = "damaged"
        self.assertEqual(self.found(), [])
        self.stock.stock_condition = False
        owner = self.env["res.partner"].create({"name": "Somebody Else"})
        self.quant.reserved_quantity = 4
        self.receive(self.product, 5, owner_id=owner)
        theirs = self.quant.search([("owner_id", "=", owner.id)])
        theirs.reserved_quantity = 2
        self.assertEqual(self.found(), [])

    def test_lots_are_told_apart(self):
        product = self.make_product("Wine", "WINE", tracking="lot")
        lots = self.env["stock.lot"].create(
            [{"name": name, "product_id": product.id} for name in ("A", "B")]
        )
        for lot in lots:
            self.receive(product, 5, lot_id=lot)
        quants = self.quant.search([("product_id", "=", product.id)])
        self.make_move(product, 4, self.stock, self.customers)._action_assign()
        right = quants.filtered("reserved_quantity")
        right.reserved_quantity = 0
        (quants - right).reserved_quantity = 4
        self.assertEqual(self.found(), [(product.id, self.stock.id, 4.0)])

    def test_drafts_may_reserve_or_not(self):
        draft = self.make_move(
            self.product, 2, self.stock, self.customers, confirm=False
        )
        self.env["stock.move.line"].create(
            {
                "move_id": draft.id,
                "product_id": self.product.id,
                "location_id": self.stock.id,
                "location_dest_id": self.customers.id,
                "quantity": 2,
            }
        )
        for reserved in (4, 6):
            self.quant.reserved_quantity = reserved
            draft.state = "draft"
            self.assertEqual(self.found(), [])

    def test_one_exception_that_heals(self):
        other = self.make_channel(name="Other")
        self.make_place(other, "main", self.stock)
        self.make_listing(other, self.product, "DESK")
        other.action_go_shadow()
        self.quant.reserved_quantity = 7
        for _again in range(2):
            self.run_sweep()
        exception = self.open_exceptions()
        self.assertEqual(
            exception.fingerprint, f"reserved:{self.product.id}:{self.stock.id}"
        )
        self.assertEqual(exception.category, "stock")
        self.assertEqual(exception.value, "3")
        self.assertEqual(exception.occurrences, 2)
        self.env["stock.quant"].sudo()._clean_reservations()
        self.run_sweep()
        self.assertFalse(self.open_exceptions())
        self.assertEqual(exception.state, "resolved")

    def test_ignored_stays_ignored_until_it_changes(self):
        channels = self.env["stock.channel"]
        self.quant.reserved_quantity = 7
        channels._check_reservations()
        self.open_exceptions()._ignore("Known and harmless.")
        channels._check_reservations()
        self.assertFalse(self.open_exceptions())
        self.quant.reserved_quantity = 8
        channels._check_reservations()
        self.assertEqual(self.open_exceptions().value, "4")

    def test_products_no_channel_sells_are_left_alone(self):
        lamp = self.make_product("Lamp")
        self.receive(lamp, 5)
        self.quant.search([("product_id", "=", lamp.id)]).reserved_quantity = 2
        self.assertEqual(self.found(), [(lamp.id, self.stock.id, 2.0)])
        self.assertEqual(self.env["stock.channel"]._check_reservations(), 0)
        self.assertFalse(self.open_exceptions())
