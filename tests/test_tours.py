from datetime import timedelta

from lxml import etree

from odoo import fields
from odoo.fields import Command
from odoo.tests import HttpCase, TransactionCase, new_test_user, tagged

from odoo.addons.stock_channel_hub.connectors.data import RemoteListing
from odoo.addons.stock_channel_hub.connectors.freshness import Histogram
from odoo.addons.stock_channel_hub.models.stock_channel_freshness import hour_of

from .common import readiness_skipped

GROUPS = ("user", "operator", "manager", "admin")


class ScreensCommon:
    """One live channel with one number, one order and one open exception."""

    @classmethod
    def _set_up_channel(cls):
        cls.owner = new_test_user(
            cls.env,
            "channel_operator",
            groups="base.group_user,stock_channel_hub.group_operator",
            name="Clara Clerk",
        )
        cls.warehouse = cls.env["stock.warehouse"].search(
            [("company_id", "=", cls.env.company.id)], limit=1
        )
        cls.lamp, cls.chair = cls.env["product.product"].create(
            [
                {"name": "Tour Lamp", "is_storable": True, "default_code": "T-LAMP"},
                {"name": "Tour Chair", "is_storable": True, "default_code": "T-CHAIR"},
            ]
        )
        quality = cls.env["stock.location"].create(
            {
                "name": "Tour Quality",
                "location_id": cls.warehouse.lot_stock_id.id,
                "stock_condition": "quality",
            }
        )
        for location, quantity in ((cls.warehouse.lot_stock_id, 10), (quality, 2)):
            cls.env["stock.quant"]._update_available_quantity(
                cls.chair, location, quantity
            )
        cls._reserve(3)
        cls.channel = cls.env["stock.channel"].create(
            {
                "name": "Tour Shop",
                "connector": "rest",
                "base_url": "https://shop.example.com",
                "exception_owner_id": cls.owner.id,
                "alert_email": "stock-alerts@example.com",
                "location_ids": [
                    Command.create(
                        {
                            "name": "Tour Warehouse",
                            "external_id": "main",
                            "location_ids": [
                                Command.set(cls.warehouse.lot_stock_id.ids)
                            ],
                        }
                    )
                ],
                "listing_ids": [
                    Command.create({"product_id": cls.chair.id, "sku": "TOUR-1"})
                ],
            }
        )
        cls.env["stock.channel.secret"]._generate(cls.channel)
        cls.env["ir.mail_server"].create(
            {"name": "Tour", "smtp_host": "mail.example.com"}
        )
        with readiness_skipped():
            cls.channel.action_go_live()
        cls.env["stock.channel.customer"].create(
            {
                "channel_id": cls.channel.id,
                "external_id": "C-1",
                "partner_id": cls.env["res.partner"].create({"name": "Ada"}).id,
            }
        )
        cls.env["stock.channel.publication"]._refresh(
            cls.channel.listing_ids, "first", fields.Datetime.now()
        )
        cls.message = cls._store_message()
        cls.exception = cls._open_mapping_exception()
        cls._make_review()

    @classmethod
    def _reserve(cls, quantity):
        move = cls.env["stock.move"].create(
            {
                "product_id": cls.chair.id,
                "product_uom_qty": quantity,
                "location_id": cls.warehouse.lot_stock_id.id,
                "location_dest_id": cls.env.ref("stock.stock_location_customers").id,
            }
        )
        move._action_confirm()
        move._action_assign()

    @classmethod
    def _make_review(cls):
        reviews = cls.env["stock.channel.review"].sudo()
        review = reviews.create(
            reviews._prepare(cls.env.company, "daily", fields.Date.today())
        )
        review._begin()
        review.match_ids._match()

    @classmethod
    def _store_message(cls):
        messages = cls.env["stock.channel.message"]
        messages._store(
            cls.channel,
            dedupe_key="tour",
            topic="order.updated",
            order_key="1001",
            raw=b"{}",
            origin="webhook",
        )
        return messages.search([("channel_id", "=", cls.channel.id)])

    @classmethod
    def _open_mapping_exception(cls):
        exceptions = cls.env["stock.channel.exception"]
        exception = exceptions._open(
            cls.channel,
            category="mapping",
            fingerprint=exceptions._mapping_fingerprint(
                cls.channel, "item", "TOUR-UNKNOWN"
            ),
            title="TOUR-UNKNOWN is not mapped to a product",
            mapping_kind="item",
            cause="Order 1001 contains an item that no product here belongs to.",
            next_step="Choose the product the channel means and press Map.",
            value="TOUR-UNKNOWN",
            message=cls.message,
        )
        exception.waiting_message_ids = cls.message
        cls.message._update_state("waiting")
        return exception


@tagged("post_install", "-at_install")
class TestTours(ScreensCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._set_up_channel()

    def test_queue(self):
        """From the overview to an explained number, and to a mapped SKU."""
        self.start_tour(
            "/odoo/stock-channels", "stock_channel_hub_queue", login="channel_operator"
        )
        listing = self.env["stock.channel.listing"].search(
            [("channel_id", "=", self.channel.id), ("sku", "=", "TOUR-UNKNOWN")]
        )
        self.assertEqual(listing.product_id, self.lamp)
        self.assertEqual(self.message.state, "pending", "the order must be retried")

    def test_overview(self):
        """Each number of a card leads to the list behind it."""
        hour = hour_of(self.env.cr.now())
        self.env["stock.channel.freshness"]._upsert(
            [(self.channel.id, "fall", hour, hour, Histogram.of([2]))]
        )
        self.channel.secret_ids.valid_to = self.env.cr.now() + timedelta(days=2)
        self.env["stock.channel"]._watch_credentials()
        self.start_tour(
            "/odoo/stock-channels",
            "stock_channel_hub_overview",
            login="channel_operator",
        )


@tagged("post_install", "-at_install")
class TestScreens(ScreensCommon, TransactionCase):
    """Whoever sees a menu can open what is behind it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._set_up_channel()
        cls.env["stock.channel.rule"].create(
            {"channel_id": cls.channel.id, "kind": "horizon", "value": 0}
        )
        order = cls.env["stock.channel.order"].create(
            {
                "channel_id": cls.channel.id,
                "external_id": "1001",
                "name": "1001",
                "line_ids": [
                    Command.create(
                        {
                            "external_id": "1",
                            "sku": "TOUR-1",
                            "listing_id": cls.channel.listing_ids.id,
                            "ordered_qty": 1.0,
                        }
                    )
                ],
            }
        )
        cls.env["stock.channel.return"].create(
            {
                "channel_id": cls.channel.id,
                "channel_order_id": order.id,
                "external_id": "R-1",
                "line_ids": [
                    Command.create(
                        {
                            "order_line_id": order.line_ids.id,
                            "quantity": 1.0,
                            "disposition": "inspect",
                        }
                    )
                ],
            }
        )
        cls.env["stock.channel.fulfillment"].create(
            {
                "channel_id": cls.channel.id,
                "channel_order_id": order.id,
                "external_id": "1001-1",
                "shipped_at": fields.Datetime.now(),
                "line_ids": [
                    Command.create(
                        {"order_line_id": order.line_ids.id, "quantity": 1.0}
                    )
                ],
            }
        )
        cls.env["stock.channel.push"].create({"channel_id": cls.channel.id, "size": 1})
        cls.env["stock.channel.fetch"]._begin(cls.channel, is_by_hand=True)
        cls.env["stock.channel.remote.listing"]._store(
            cls.channel, [RemoteListing(sku="TOUR-9", item_id="9", title="Vase")], 1
        )
        hour = hour_of(cls.env.cr.now())
        cls.env["stock.channel.freshness"]._upsert(
            [(cls.channel.id, "fall", hour, hour, Histogram.of([2]))]
        )
        cls.env["stock.channel.alert"]._prepare_test(cls.channel)
        cls.channel.location_ids[:1]._pause("Stocktaking")
        cls.message.action_replay()
        rule = {"channel_id": cls.channel.id, "kind": "cap", "value": 4.0}
        cls.env["stock.channel.change"]._draw_up(
            [{"model": "stock.channel.rule", "id": -1, "op": "create", "after": rule}]
        )
        cls.env["stock.channel.blind.receipt"].create(
            {
                "company_id": cls.env.company.id,
                "channel_id": cls.channel.id,
                "product_id": cls.channel.listing_ids.product_id.id,
                "quantity": 1.0,
                "location_id": cls.env["stock.location"]
                .search([("usage", "=", "internal")], limit=1)
                .id,
                "received_at": fields.Datetime.now(),
            }
        )
        count = cls.env["stock.channel.count"].create(
            {
                "channel_id": cls.channel.id,
                "external_id": "C1",
                "channel_location_id": cls.channel.location_ids[:1].id,
                "counted_at": fields.Datetime.now(),
                "wire": {"lines": []},
            }
        )
        cls.env["stock.channel.approval"]._propose(
            count, {"kind": "count", "name": "C1", "channel_id": cls.channel.id}
        )
        nobody = cls.env["stock.channel.customer"]
        cls.env["stock.channel.erasure.request"]._start(
            cls.env.company, order, nobody, {"emails": ["a@b.example"], "ids": {}}
        )

    def _actions(self, user):
        """Return the window actions of the menus this user sees."""
        menus = self.env["ir.ui.menu"].with_user(user).search([])
        menus = menus._filter_visible_menus()
        ours = menus.filtered(
            lambda menu: (
                menu.get_external_id()[menu.id].startswith("stock_channel_hub.")
                and menu.action
            )
        )
        return [action.sudo() for action in ours.mapped("action")]

    def _read_tree(self, records, node, shown):
        """Read what a view shows of these records, nested lists too."""
        names = set()
        around = next(node.iterancestors("field"), None)
        for child in node.iter("field"):
            if next(child.iterancestors("field"), None) is not around:
                continue
            names.add(child.get("name"))
            nested = child.find("list")
            if nested is not None:
                self._read_tree(records[child.get("name")], nested, shown)
        known = [name for name in names if name in records._fields]
        self.assertEqual(len(known), len(names), "a view shows a field nobody has")
        records.read(known)
        shown.update((records._name, name) for name in known)

    def _open_screens(self, group):
        user = new_test_user(
            self.env,
            f"screens_{group}",
            groups=f"base.group_user,stock_channel_hub.group_{group}",
        )
        shown = set()
        models = []
        for action in self._actions(user):
            model = self.env[action.res_model].with_user(user)
            models.append(model._name)
            views = model.get_views(
                [(False, mode) for mode in (*action.view_mode.split(","), "search")]
            )["views"]
            records = model.search([])
            if model._transient:
                records = model.create({})
            self.assertTrue(records, f"no {model._name} to look at")
            for view in views.values():
                self._read_tree(records, etree.fromstring(view["arch"]), shown)
        return models, shown

    def test_user_opens_every_screen(self):
        models, shown = self._open_screens("user")
        self.assertIn("stock.channel.publication", models)
        self.assertNotIn("stock.channel.message", models)
        self.assertNotIn(("stock.channel", "webhook_url"), shown)

    def test_operator_opens_every_screen(self):
        models, _shown = self._open_screens("operator")
        self.assertIn("stock.channel.message", models)

    def test_manager_opens_every_screen(self):
        _models, shown = self._open_screens("manager")
        self.assertNotIn(("stock.channel", "secret_ids"), shown)

    def test_admin_opens_every_screen(self):
        _models, shown = self._open_screens("admin")
        self.assertIn(("stock.channel", "secret_ids"), shown)
        self.assertIn(("stock.channel", "webhook_url"), shown)
