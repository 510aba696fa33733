from datetime import UTC, datetime

from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.testing.fake_rest import FakeRest

from .common import HubCase
from .door_common import OTHER_SECRET, DoorCase

# What of another channel must stay as it is, whatever ours says.
KEPT = {
    "stock.channel.order": ["version", "applied_version", "state", "sale_order_id"],
    "stock.channel.order.line": ["ordered_qty", "cancelled_qty", "fulfilled_qty"],
    "stock.channel.return": ["state"],
    "stock.channel.count": ["external_id"],
    "stock.channel.listing": ["sku", "item_id", "product_id", "active"],
    "stock.channel.location": ["external_id", "location_ids", "active"],
    "stock.channel.publication": ["wanted_qty", "sent_qty", "acknowledged_qty"],
    "stock.channel.exception": ["state", "occurrences"],
    "stock.channel.message": ["state", "attempts", "claims"],
}


@tagged("post_install", "-at_install")
class TestObjectScope(HubCase):
    """S8: what a channel names of another one is neither read nor written."""

    def setUp(self):
        super().setUp()
        self.lamp = self.make_product("Lamp", "LAMP")
        self.receive(self.product, 50)
        self.receive(self.lamp, 50)
        self.other = self.make_channel(name="Other Shop")
        self.attic = self.env["stock.location"].create(
            {"name": "Attic", "location_id": self.warehouse.view_location_id.id}
        )
        self.other_place = self.make_place(self.other, "attic", self.attic)
        self.other_listing = self.make_listing(
            self.other, self.lamp, "LAMP", item_id="lamp-1"
        )
        self.receive(self.lamp, 20, self.attic)
        self.shops[self.other.id] = FakeRest(lambda: datetime.now(UTC))
        self.go_live(self.other)
        self.deliver(
            "order.updated",
            self.order_data("2001", 5, lines=self.lamps(3)),
            channel=self.other,
        )
        self.run_all()
        self.theirs = self.order_of(self.other, "2001")
        self.sale = self.theirs.sale_order_id
        self.assertEqual(self.sale.state, "sale")
        self.assertFalse(self.open_exceptions())
        self.before = self.snapshot()

    def lamps(self, quantity, location_id="attic", **vals):
        return [self.line_data("1", "LAMP", quantity, location_id, **vals)]

    def order_of(self, channel, external_id):
        return self.env["stock.channel.order"].search(
            [("channel_id", "=", channel.id), ("external_id", "=", external_id)]
        )

    def snapshot(self):
        """Return all there is of the other channel, its sale and its goods."""
        self.env.flush_all()
        self.env.invalidate_all()
        found = {}
        for model, names in KEPT.items():
            records = self.env[model].with_context(active_test=False)
            records = records.search([("channel_id", "=", self.other.id)], order="id")
            found[model] = records.read(names)
        found["sale"] = self.sale.read(["state", "amount_total", "write_date"])
        found["lines"] = self.sale.order_line.read(["product_uom_qty", "price_unit"])
        found["moves"] = self.sale.picking_ids.move_ids.read(["state", "quantity"])
        return found

    def assert_untouched(self):
        self.run_all()
        self.assertEqual(self.snapshot(), self.before)
        self.assertEqual(self.numbers(self.other_listing, self.other_place), self.lent)

    def say(self, topic, data):
        """Deliver as our channel, authentic; return its open exceptions."""
        self.lent = self.numbers(self.other_listing, self.other_place)
        self.assertTrue(self.deliver(topic, data, key=f"scope-{topic}-{data['id']}"))
        self.run_inbox()
        opened = self.open_exceptions()
        self.assertEqual(
            opened.channel_id, self.channel if opened else opened.channel_id
        )
        return opened

    def assert_open(self, opened, category, value):
        self.assertEqual([(e.category, e.value) for e in opened], [(category, value)])

    # ---------------------------------------------------------------- orders

    def test_order_number_of_another_channel_is_ours_as_well(self):
        """Shops count alike: it is another order, and theirs stays what it was."""
        lines = [self.line_data("1", "DESK", 1)]
        self.assertFalse(
            self.say("order.updated", self.order_data("2001", 9, lines=lines))
        )
        ours = self.order_of(self.channel, "2001")
        self.assertEqual(len(ours), 1)
        self.assertNotEqual(ours.sale_order_id, self.sale)
        self.assert_untouched()

    def test_cancelling_their_order_cancels_nothing(self):
        data = self.order_data(
            "2001", 9, status="cancelled", lines=self.lamps(3, cancelled_quantity="3")
        )
        self.say("order.updated", data)
        self.assertFalse(self.order_of(self.channel, "2001").sale_order_id)
        self.assert_untouched()

    def test_their_sku_is_unknown(self):
        opened = self.say(
            "order.updated", self.order_data("1", lines=self.lamps(1, "main"))
        )
        self.assert_open(opened, "mapping", "LAMP")
        self.assertEqual(opened.channel_id, self.channel)
        self.assertFalse(self.order_of(self.channel, "1").sale_order_id)
        self.assert_untouched()

    def test_their_item_is_unknown(self):
        lines = [self.line_data("1", "NO-SUCH", 1, item_id="lamp-1")]
        opened = self.say("order.updated", self.order_data("1", lines=lines))
        self.assertEqual(opened.mapped("category"), ["mapping"])
        self.assertEqual(opened.channel_id, self.channel)
        self.assert_untouched()

    def test_their_location_is_unknown(self):
        lines = [self.line_data("1", "DESK", 1, "attic")]
        opened = self.say("order.updated", self.order_data("1", lines=lines))
        self.assert_open(opened, "mapping", "attic")
        self.assertEqual(opened.channel_id, self.channel)
        self.assertFalse(self.order_of(self.channel, "1").sale_order_id)
        self.assert_untouched()

    # ----------------------------------------------------- returns and counts

    def test_return_of_their_order_moves_nothing(self):
        """Of goods that did leave, so that they could come back."""
        picking = self.sale.picking_ids
        picking.move_ids.picked = True
        picking.button_validate()
        self.run_all()
        self.before = self.snapshot()
        data = {
            "id": "R1",
            "order_id": "2001",
            "version": 1,
            "status": "announced",
            "lines": [{"order_line_id": "1", "quantity": "1"}],
        }
        opened = self.say("return.updated", data)
        self.assert_open(opened, "data", "2001")
        self.assertEqual(self.sale.picking_ids, picking)
        returns = self.env["stock.channel.return"]
        self.assertFalse(returns.search([("sale_order_id", "=", self.sale.id)]))
        self.assert_untouched()

    def count(self, location_id, sku):
        return {
            "id": "C1",
            "location_id": location_id,
            "counted_at": datetime.now(UTC).isoformat(),
            "lines": [{"sku": sku, "quantity": "1"}],
        }

    def test_count_at_their_location_proposes_nothing(self):
        opened = self.say("inventory.counted", self.count("attic", "DESK"))
        self.assert_open(opened, "mapping", "attic")
        self.assertFalse(self.env["stock.channel.approval"].search([]))
        self.assert_untouched()

    def test_count_of_their_sku_proposes_nothing(self):
        opened = self.say("inventory.counted", self.count("main", "LAMP"))
        self.assert_open(opened, "mapping", "LAMP")
        self.assertFalse(self.env["stock.channel.approval"].search([]))
        self.assert_untouched()


@tagged("post_install", "-at_install")
class TestDoorScope(DoorCase):
    """S8: each door is opened by its own channel's signature, and shows its numbers."""

    def setUp(self):
        super().setUp()
        self.other = self.channel.copy({"name": "Other"})
        self.env["stock.channel.secret"].create(
            {
                "channel_id": self.other.id,
                "new_value": OTHER_SECRET,
                "valid_from": "2020-01-01",
            }
        )
        self.other.sudo().state = "shadow"
        self.other_path = f"/stock_channel/{self.other.webhook_token}"
        self.env["stock.channel.publication"]._refresh(
            self.listing, "first", self.env.cr.now()
        )

    def pull(self, path, secret):
        headers = self.sign(b"", secret=secret) if secret else {}
        return self.url_open(f"{path}/inventory", headers=headers)

    def test_signature_of_one_opens_no_other_door(self):
        ours = self.channel.secret_ids.sudo().value
        for path, secret in ((self.path, OTHER_SECRET), (self.other_path, ours)):
            with self.subTest(path=path):
                self.assert_answer(self.pull(path, secret), 401, "not authentic")
                response = self.post(path=path, secret=secret)
                self.assert_answer(response, 401, "not authentic")
        self.assertFalse(self.env["stock.channel.message"].search([]))

    def test_each_is_shown_its_own_numbers(self):
        ours = self.channel.secret_ids.sudo().value
        (level,) = self.pull(self.path, ours).json()["levels"]
        self.assertEqual(level["sku"], "DESK")
        page = self.pull(self.other_path, OTHER_SECRET).json()
        self.assertEqual(page, {"levels": [], "next": None})
