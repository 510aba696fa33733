"""Nobody writes what only the hub writes: by writing, creating, importing, defaults."""

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.models.own_fields import OWN_FIELDS

from .grid_table import GRID
from .grid_world import DENIED_LOGGERS, HUB_MODELS, GridCase

# Shown read-only where they are set, and yet a person's own to write.
PEOPLES = {
    "stock.channel": {"company_id", "cursor_ids"},
    "stock.channel.exception": {"ignore_reason", "waiting_message_ids", "event_ids"},
}
# Odoo copies these to backorders in the name of the clerk who validates.
CARRIED = {"channel_put_back_line_id", "channel_return_line_id"}
# What people are to set on Odoo's own records.
SETTABLE = {
    ("product.product", "channel_listing_ids"),
    ("stock.location", "stock_condition"),
    ("stock.lot", "stock_condition"),
    ("stock.picking", "channel_fulfillment_ids"),
    ("stock.warehouse", "channel_location_ids"),
    ("stock.return.picking", "channel_location_dest_id"),
}
MAGIC_COLUMNS = {"id", "create_uid", "create_date", "write_uid", "write_date"}
VALUES = {
    "char": "planted",
    "text": "planted",
    "html": "planted",
    "integer": 7,
    "float": 7.0,
    "monetary": 7.0,
    "json": {"planted": 1},
}


@tagged("post_install", "-at_install")
class TestMassAssignment(GridCase):
    def value_for(self, field):
        """Return a value that would show."""
        if field.type == "many2one":
            return self.sample(field.comodel_name).id
        if field.type in ("one2many", "many2many"):
            return [(6, 0, self.sample(field.comodel_name).ids)]
        if field.type == "boolean":
            return True
        if field.type == "selection":
            return field.get_values(self.env)[-1]
        if field.type in ("date", "datetime"):
            return "2001-02-03"
        return VALUES[field.type]

    def protected(self, name):
        """Return the fields of a model that only the hub writes."""
        own = OWN_FIELDS if name == "stock.channel" else set()
        return [
            field
            for field in self.env[name]._fields.values()
            if field.store
            and not field.related
            and not (field.compute and field.name not in own)
            and (field.readonly or field.name in own)
            and field.name not in MAGIC_COLUMNS
            and field.name not in PEOPLES.get(name, ())
        ]

    def writers(self, letter):
        """Yield (model, group) of the strongest group that has this letter."""
        for name, row in GRID.items():
            for group in ("admin", "manager", "operator"):
                if letter in getattr(row, group):
                    yield name, group
                    break

    # ---------------------------------------------------------------- writing

    def test_read_only_is_read_only_over_rpc_too(self):
        for name, group in self.writers("w"):
            record = self.sample(name).with_user(self.people[group])
            for field in self.protected(name):
                with self.subTest(model=name, field=field.name):
                    before = self.picture()
                    value = self.value_for(field)
                    self.assertIsNone(
                        self.attempt(
                            lambda r=record, f=field, v=value: r.write({f.name: v})
                        )
                    )
                    self.env.invalidate_all()
                    self.assert_same(before, "something changed")

    def test_nor_is_it_created_imported_or_brought_as_a_default(self):
        for name, group in self.writers("c"):
            model = self.env[name].with_user(self.people[group])
            for field in self.protected(name):
                value = self.value_for(field)
                with self.subTest(model=name, field=field.name, by="create"):
                    self.assert_not_planted(model, field, value, "create")
                with self.subTest(model=name, field=field.name, by="default"):
                    self.assert_not_planted(model, field, value, "default")

    def assert_not_planted(self, model, field, value, way):
        vals = self.fresh(model._name)
        context = {}
        if way == "create":
            vals[field.name] = value
        else:
            context[f"default_{field.name}"] = value
        with self.put_back():
            made = self.attempt(lambda: model.with_context(**context).create(vals))
            if made:
                self.env.invalidate_all()
                found = made.sudo()[field.name]
                planted = self.env[model._name].new({field.name: value})[field.name]
                self.assertNotEqual(found, planted)

    def test_load_is_no_way_around(self):
        """An import writes field by field, in the name of whoever imports."""
        manager = self.people["manager"]
        for name, field, value in (
            ("stock.channel", "state", "live"),
            ("stock.channel", "connector", "medusa"),
            ("stock.channel.customer", "external_id", "planted"),
        ):
            record = self.sample(name)
            xmlid = record.export_data(["id"])["datas"][0][0]
            before = self.picture()
            with self.subTest(model=name, field=field), self.put_back():
                with mute_logger(*DENIED_LOGGERS):
                    result = (
                        self.env[name]
                        .with_user(manager)
                        .load(["id", field], [[xmlid, value]])
                    )
                self.assertFalse(result["ids"])
                self.assertTrue(result["messages"])
            self.assert_same(before, "something changed")

    def test_nor_is_a_command_in_another_record(self):
        """Writing a channel writes its maps, by the rights on the maps."""
        operator = self.channel.with_user(self.people["operator"])
        manager = self.channel.with_user(self.people["manager"])
        before = self.picture()
        for channel, vals in (
            (operator, {"listing_ids": [(1, self.listing.id, {"sku": "X"})]}),
            (operator, {"listing_ids": [(2, self.listing.id)]}),
            (manager, {"listing_ids": [(2, self.listing.id)]}),
            (manager, {"secret_ids": [(0, 0, {"new_value": "x"})]}),
            (manager, {"cursor_ids": [(5,)]}),
            (
                manager,
                {"location_ids": [(1, self.place.id, {"rises_opened_at": False})]},
            ),
        ):
            with self.subTest(vals=vals), self.put_back():
                done = self.attempt(lambda c=channel, v=vals: c.write(v))
                self.assertIsNone(done)
                self.env.invalidate_all()
                # The channel itself says that somebody wrote it; the rest is whole.
                self.assert_same(before, "something changed", but=("stock_channel",))

    # ----------------------------------------------------- Odoo's own models

    def ours(self):
        """Yield the stored fields that the hub adds to Odoo's own models."""
        for name, model in self.env.items():
            if HUB_MODELS.match(name) or model._abstract:
                continue
            for field in model._fields.values():
                if field._modules == ("stock_channel_hub",) or set(
                    field._modules or ()
                ) == {"stock_channel_hub"}:
                    if field.store and not (field.compute or field.related):
                        yield name, field

    def test_fields_on_odoo_s_models_are_protected_or_meant_for_people(self):
        for name, field in self.ours():
            with self.subTest(model=name, field=field.name):
                protected = getattr(self.env[name], "_own_fields", frozenset())
                if (name, field.name) in SETTABLE:
                    self.assertFalse(field.readonly)
                elif name == "stock.move":
                    self.assertIn(field.name, CARRIED)
                else:
                    self.assertIn(field.name, protected)

    def test_a_salesman_plants_no_link_to_a_channel(self):
        salesman = new_test_user(
            self.env,
            "grid_salesman",
            "sales_team.group_sale_manager,account.group_account_manager,"
            "stock.group_stock_manager,stock_channel_hub.group_operator",
        )
        sale = self.env["sale.order"].create(
            {
                "partner_id": self.env["res.partner"].create({"name": "Grid"}).id,
                "order_line": [(0, 0, {"product_id": self.product.id})],
            }
        )
        records = {
            "sale.order": sale,
            "sale.order.line": sale.order_line,
        }
        for name, record in records.items():
            for field_name in sorted(record._own_fields):
                field = record._fields[field_name]
                value = self.value_for(field)
                with self.subTest(model=name, field=field_name):
                    with mute_logger(*DENIED_LOGGERS), self.assertRaises(AccessError):
                        record.with_user(salesman).write({field_name: value})
                    planted = record.with_user(salesman).with_context(
                        **{f"default_{field_name}": value}
                    )
                    with self.put_back():
                        copied = planted.copy(
                            {"order_id": sale.id} if name == "sale.order.line" else {}
                        )
                        self.assertFalse(copied.sudo()[field_name])

    def test_a_salesman_s_own_work_goes_on(self):
        salesman = new_test_user(
            self.env, "grid_seller", "sales_team.group_sale_salesman_all_leads"
        )
        sale = (
            self.env["sale.order"]
            .with_user(salesman)
            .create(
                {
                    "partner_id": self.env["res.partner"].create({"name": "Grid"}).id,
                    "order_line": [(0, 0, {"product_id": self.product.id})],
                }
            )
        )
        sale.order_line.product_uom_qty = 2
        sale.action_confirm()
        self.assertEqual(sale.state, "sale")
        self.assertEqual(sale.copy().order_line.product_uom_qty, 2)
