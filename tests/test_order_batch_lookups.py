from odoo.tests import tagged

from odoo.addons.stock_channel_hub.models.stock_channel_batch import BATCH, Batch

from .batch_common import BatchCase
from .statements import counted


@tagged("post_install", "-at_install")
class TestOrderBatchLookups(BatchCase):
    """What Odoo asks for each move is asked once, and answered as without a batch."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lamp = cls.make_product("Lamp", "LAMP")
        cls.kit = cls.make_product("Kit", "KIT")
        cls.make_kit(cls.kit, {cls.product: 1, cls.lamp: 2})

    def setUp(self):
        super().setUp()
        self.in_batch = {BATCH: Batch()}

    def asked(self, texts, table):
        """Return the statements that search in a table."""
        return [text for text in texts if f'FROM "{table}"' in text]

    # ------------------------------------------------------------- transfers

    def make_move(self, name):
        return self.env["stock.move"].create(
            {
                "product_id": self.product.id,
                "product_uom_qty": 1.0,
                "location_id": self.stock.id,
                "location_dest_id": self.env.ref("stock.stock_location_customers").id,
                "picking_type_id": self.warehouse.out_type_id.id,
                "reference_ids": [(0, 0, {"name": name})],
            }
        )

    def test_new_order_does_not_search_all_transfers(self):
        """They are the more the more there is to do: each order took longer."""
        move = self.make_move("NEW").with_context(**self.in_batch)
        self.env.flush_all()
        with counted() as texts:
            self.assertFalse(move._search_picking_for_assignation())
        self.assertFalse(self.asked(texts, "stock_picking"))

    def test_transfer_of_the_same_order_is_found(self):
        first = self.make_move("SAME")
        first._action_confirm()
        self.assertTrue(first.picking_id)
        second = self.make_move("OTHER")
        second.reference_ids = first.reference_ids
        found = second.with_context(**self.in_batch)._search_picking_for_assignation()
        self.assertEqual(found, first.picking_id)
        self.assertEqual(found, second._search_picking_for_assignation())

    def test_move_without_a_reference_is_searched_for_as_ever(self):
        first = self.make_move("ANY")
        first.reference_ids = False
        first._action_confirm()
        second = self.make_move("ANY TOO")
        second.reference_ids = False
        found = second.with_context(**self.in_batch)._search_picking_for_assignation()
        self.assertEqual(found, second._search_picking_for_assignation())

    # ----------------------------------------------------------------- bills

    def test_bills_of_all_are_found_at_once(self):
        products = self.product | self.lamp | self.kit
        boms = self.env["mrp.bom"].with_context(**self.in_batch)
        self.in_batch[BATCH].product_ids.update(products.ids)
        alone = {one: self.env["mrp.bom"]._bom_find(one)[one] for one in products}
        self.env.flush_all()
        with counted() as texts:
            found = {one: boms._bom_find(one)[one] for one in products}
        self.assertEqual(found, alone)
        self.assertEqual(found[self.kit].product_tmpl_id, self.kit.product_tmpl_id)
        searched = [text for text in self.asked(texts, "mrp_bom") if "ORDER BY" in text]
        self.assertEqual(len(searched), 1)

    # ----------------------------------------------------------------- goods

    def gather(self, quants):
        return quants._gather(self.product, self.stock)

    def test_the_same_goods_are_searched_once_until_something_changes(self):
        self.receive(self.product, 5)
        quants = self.env["stock.quant"].with_context(**self.in_batch)
        self.env.flush_all()
        with counted() as texts:
            first, second = self.gather(quants), self.gather(quants)
        self.assertEqual((first, second), (self.gather(self.env["stock.quant"]),) * 2)
        self.assertEqual(len(self.asked(texts, "stock_quant")), 1)

    def test_goods_that_come_meanwhile_are_found(self):
        quants = self.env["stock.quant"].with_context(**self.in_batch)
        before = self.gather(quants)
        shelf = self.env["stock.location"].create(
            {"name": "Shelf", "location_id": self.stock.id}
        )
        quants._update_available_quantity(self.product, shelf, 3.0)
        after = self.gather(quants)
        self.assertEqual((after - before).mapped("quantity"), [3.0])
        self.assertEqual(after, self.gather(self.env["stock.quant"]))

    # -------------------------------------------------------------- analytic

    def test_distribution_models_are_looked_for_where_there_is_one(self):
        models = self.env["account.analytic.distribution.model"]
        vals = {"product_id": self.product.id, "company_id": self.env.company.id}
        model = models.create({"product_id": self.product.id})
        found = models.with_context(**self.in_batch)._get_applicable_models(dict(vals))
        self.assertEqual(found, model)

    def test_distribution_models_are_asked_for_once_where_there_is_none(self):
        models = self.env["account.analytic.distribution.model"]
        models.search([]).unlink()
        self.env.flush_all()
        vals = {"product_id": self.product.id, "company_id": self.env.company.id}
        batch = models.with_context(**self.in_batch)
        with counted() as texts:
            for _line in range(3):
                self.assertFalse(batch._get_applicable_models(dict(vals)))
        self.assertEqual(
            len(self.asked(texts, "account_analytic_distribution_model")), 1
        )
