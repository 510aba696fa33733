"""One record of every model of the hub, people of every group, and pictures of it all.

A record is made from what its model requires, so that a new model needs nothing here
unless its records have to make sense together.
"""

import re
from contextlib import contextmanager

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user
from odoo.tools import SQL, mute_logger

from odoo.addons.stock_channel_hub.connectors.freshness import Histogram
from odoo.addons.stock_channel_hub.connectors.testing.fake_rest import SECRET
from odoo.addons.stock_channel_hub.models.stock_channel_freshness import hour_of

from .common import HubCase
from .grid_table import VIEWS

HUB_MODELS = re.compile(r"stock\.channel($|\.)")
MODULE = "odoo.addons.stock_channel_hub."
GROUPS = ("user", "operator", "manager", "approver", "admin")
# Nobody of the hub; and an administrator of the hub, in another company.
OUTSIDERS = ("none", "other")
# What a refused step may not change either, beside the hub's own tables.
NEIGHBOURS = (
    "sale_order",
    "sale_order_line",
    "stock_move",
    "stock_picking",
    "stock_quant",
    "stock_location",
    "product_product",
    "res_partner",
    "mail_message",
    "mail_activity",
    "mail_followers",
)
DENIED_LOGGERS = (
    "odoo.addons.base.models.ir_model",
    "odoo.addons.base.models.ir_rule",
    "odoo.models",
)


class GridCase(HubCase):
    """Everything is made once for all tests of a class; each test puts it back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry.clear_cache()
        cls.counter = 0
        cls.samples = {
            "res.company": cls.company,
            "res.users": cls.env.user,
            "stock.channel": cls.channel,
            "stock.channel.location": cls.place,
            "stock.channel.listing": cls.listing,
            "product.product": cls.product,
            "stock.location": cls.stock,
            "stock.warehouse": cls.warehouse,
        }
        cls.tables = sorted(
            {model._table for model in cls.hub_models()} | set(NEIGHBOURS)
        )
        for model in cls.hub_models():
            cls.sample(model._name)
        cls.make_rows_of_views()
        cls.people = {group: cls.make_person(group) for group in GROUPS}
        cls.people["none"] = new_test_user(cls.env, "grid_none", "base.group_user")
        other = cls.env["res.company"].create({"name": "Grid Other Company"})
        cls.people["other"] = cls.make_person(
            "admin",
            login="grid_other",
            company_ids=[(6, 0, other.ids)],
            company_id=other.id,
        )
        cls.env.flush_all()

    def setUp(self):
        # Nobody talks with a shop here, and what was made stays for all the tests.
        super(HubCase, self).setUp()

    @classmethod
    def make_person(cls, group, login=None, **vals):
        groups = f"base.group_allow_export,stock_channel_hub.group_{group}"
        return new_test_user(cls.env, login or f"grid_{group}", groups, **vals)

    @classmethod
    def make_rows_of_views(cls):
        """Give every view of the database a row to look at."""
        cls.place._pause("Grid")
        hour = hour_of(cls.env.cr.now())
        cls.env["stock.channel.freshness"]._upsert(
            [(cls.channel.id, "fall", hour, hour, Histogram.of([2]))]
        )
        cls.env.flush_all()
        for name in VIEWS:
            cls.samples[name] = cls.env[name].search(
                [("company_id", "=", cls.company.id)], limit=1
            )

    @classmethod
    def hub_models(cls):
        """Return the hub's models that have a table, wizards included."""
        return [
            model
            for name, model in sorted(cls.env.items())
            if HUB_MODELS.match(name) and not model._abstract and model._auto
        ]

    # ---------------------------------------------------------------- making

    @classmethod
    def sample(cls, name):
        """Return the one record of a model that all tests look at."""
        if name not in cls.samples:
            model = cls.env[name]
            if HUB_MODELS.match(name):
                found = model.search([], limit=1)
                cls.samples[name] = found or model.create(cls.fresh(name))
            else:
                cls.samples[name] = model.search([], limit=1)
        return cls.samples[name]

    @classmethod
    def fresh(cls, name):
        """Return values of another record of a model."""
        cls.counter += 1
        vals = {
            field_name: cls.value_of(field)
            for field_name, field in cls.env[name]._fields.items()
            if field.required
            and field.store
            and not (field.compute or field.related or field.default)
        }
        company = cls.env[name]._fields.get("company_id")
        if company and company.store and not (company.compute or company.related):
            vals["company_id"] = cls.company.id
        made = getattr(cls, f"fresh_{name.replace('.', '_')}", None)
        return {**vals, **(made() if made else {})}

    @classmethod
    def value_of(cls, field):
        """Return a value that a required field takes."""
        if field.type == "many2one":
            return cls.sample(field.comodel_name).id
        if field.type == "selection":
            return field.get_values(cls.env)[0]
        return {
            "char": f"grid {cls.counter}",
            "text": f"grid {cls.counter}",
            "integer": cls.counter,
            "many2one_reference": cls.counter,
            "float": 1.0,
            "monetary": 1.0,
            "date": fields.Date.today(),
            "datetime": fields.Datetime.now(),
            "json": {"grid": cls.counter},
        }[field.type]

    @classmethod
    def fresh_stock_channel_secret(cls):
        return {"new_value": SECRET}

    @classmethod
    def fresh_stock_channel_location(cls):
        shelf = cls.env["stock.location"].create(
            {
                "name": f"Grid {cls.counter}",
                "location_id": cls.warehouse.view_location_id.id,
            }
        )
        return {"location_ids": [(6, 0, shelf.ids)]}

    @classmethod
    def fresh_stock_channel_listing(cls):
        product = cls.make_product(f"Grid {cls.counter}")
        return {"product_id": product.id, "sku": f"GRID-{cls.counter}"}

    @classmethod
    def fresh_stock_channel_rule(cls):
        return {"channel_id": cls.channel.id, "listing_id": cls.fresh_listing().id}

    @classmethod
    def fresh_stock_channel_publication(cls):
        return {"listing_id": cls.fresh_listing().id}

    @classmethod
    def fresh_listing(cls):
        return cls.make_listing(
            cls.channel, cls.make_product("Grid"), f"F{cls.counter}"
        )

    @classmethod
    def fresh_stock_channel_tax(cls):
        tax = cls.env["account.tax"].create(
            {"name": f"Grid {cls.counter}", "amount": cls.counter}
        )
        return {"rate": cls.counter, "tax_ids": [(6, 0, tax.ids)]}

    @classmethod
    def fresh_stock_channel_message(cls):
        return {"raw": b"e30="}

    @classmethod
    def fresh_stock_channel_exception_term(cls):
        """A category has one time to act at most."""
        terms = cls.env["stock.channel.exception.term"]
        taken = terms.search([("channel_id", "=", cls.channel.id)]).mapped("category")
        [category] = [
            value
            for value in terms._fields["category"].get_values(cls.env)
            if value not in taken
        ][:1]
        return {"category": category}

    @classmethod
    def fresh_stock_channel_remote_listing(cls):
        product = cls.make_product(f"Grid {cls.counter}")
        return {
            "state": "proposed",
            "product_id": product.id,
            "match_kind": "name",
            "sku": f"R{cls.counter}",
        }

    @classmethod
    def fresh_stock_channel_remote_ignore_wizard(cls):
        rows = cls.sample("stock.channel.remote.listing")
        return {"row_ids": [(6, 0, rows.ids)], "reason": "Grid"}

    @classmethod
    def fresh_stock_channel_map_wizard(cls):
        return {"channel_id": cls.channel.id}

    @classmethod
    def fresh_stock_channel_sell_wizard(cls):
        cls.counter += 1
        return {
            "channel_id": cls.channel.id,
            "product_id": cls.listing.product_id.id,
            "sku": f"S{cls.counter}",
        }

    @classmethod
    def fresh_stock_channel_pause_wizard(cls):
        return {
            "res_model": cls.listing._name,
            "res_ids": cls.listing.ids,
            "reason": "Grid",
        }

    @classmethod
    def fresh_stock_channel_ignore_wizard(cls):
        exceptions = cls.sample("stock.channel.exception")
        return {"exception_ids": [(6, 0, exceptions.ids)], "reason": "Grid"}

    @classmethod
    def fresh_stock_channel_assign_wizard(cls):
        exceptions = cls.sample("stock.channel.exception")
        return {
            "exception_ids": [(6, 0, exceptions.ids)],
            "user_id": cls.env.user.id,
        }

    @classmethod
    def fresh_stock_channel_undo_wizard(cls):
        return {"audit_id": cls.sample("stock.channel.audit").id}

    @classmethod
    def fresh_stock_channel_whatif(cls):
        edit = {"what": "shelf_life", "channel_id": cls.channel.id, "value": 7.0}
        return {"channel_id": cls.channel.id, "edit_ids": [(0, 0, edit)]}

    # --------------------------------------------------------------- pictures

    def picture(self):
        """Return a digest of every row that a refused step must leave as it was."""
        self.env.flush_all()
        rows = SQL(" UNION ALL ").join(
            SQL(
                "SELECT %s, count(*), md5(string_agg(t::text, '|' ORDER BY id))"
                " FROM %s AS t",
                table,
                SQL.identifier(table),
            )
            for table in self.tables
        )
        self.env.cr.execute(rows)
        return {table: found for table, *found in self.env.cr.fetchall()}

    def touched(self):
        """Return how many rows of each table of Odoo this transaction has changed.

        PostgreSQL counts what was tried and undone, too, so that no step is refused
        after its work was done.
        """
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del"
            " FROM pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
        )
        return {table: counts for table, *counts in self.env.cr.fetchall()}

    def assert_same(self, before, message, but=()):
        after = self.picture()
        changed = [
            table
            for table in after
            if after[table] != before[table] and table not in but
        ]
        self.assertFalse(changed, message)

    @contextmanager
    def put_back(self):
        """Undo what is done inside; what was raised inside goes on."""
        savepoint = self.env.cr.savepoint()
        try:
            yield
        finally:
            savepoint.close(rollback=True)
            self.env.invalidate_all()

    def attempt(self, step):
        """Return what a step gives, None where it is denied in words."""
        try:
            with mute_logger(*DENIED_LOGGERS):
                result = step()
                self.env.flush_all()
        except (AccessError, UserError):
            return None
        return result
