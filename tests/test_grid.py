"""The permission grid: every model, every group, every operation.

What is denied is tried all the same, and nothing may have changed by it. No savepoint
helps there: whatever a denied step changed before it was denied would be seen.
"""

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .grid_table import GRID, VIEWS, WIZARDS, Row
from .grid_world import DENIED_LOGGERS, GROUPS, HUB_MODELS, OUTSIDERS, GridCase

OPERATIONS = {"c": "create", "r": "read", "w": "write", "u": "unlink"}


@tagged("post_install", "-at_install")
class TestGrid(GridCase):
    def table(self):
        return {**GRID, **WIZARDS}

    # ------------------------------------------------------------------ rows

    def test_every_model_has_a_row(self):
        """Whoever adds a model says here who may do what with it."""
        names = {model._name for model in self.hub_models()}
        self.assertEqual(names, self.table().keys())
        wizards = {model._name for model in self.hub_models() if model._transient}
        self.assertEqual(wizards, WIZARDS.keys())

    def test_every_model_has_a_record_to_try(self):
        for model in self.hub_models():
            with self.subTest(model=model._name):
                self.assertEqual(len(self.sample(model._name)), 1)

    def test_every_view_has_a_line(self):
        views = {
            name
            for name, model in self.env.items()
            if HUB_MODELS.match(name) and not model._abstract and not model._auto
        }
        self.assertEqual(views, set(VIEWS))

    def test_every_wizard_belongs_to_whoever_fills_it_in(self):
        for name in WIZARDS:
            with self.subTest(model=name):
                rules = self.env["ir.rule"].search(
                    [("model_id.model", "=", name), ("groups", "=", False)]
                )
                self.assertIn(
                    "[('create_uid', '=', user.id)]",
                    [rule.domain_force.replace('"', "'") for rule in rules],
                )

    def test_views_are_looked_at_and_nothing_else(self):
        for name in VIEWS:
            row = self.samples[name]
            self.assertEqual(len(row), 1, name)
            for group in (*GROUPS, *OUTSIDERS):
                with self.subTest(model=name, group=group):
                    read = self.try_read(name, None, group)
                    self.assertEqual(bool(read), group in GROUPS)
                    mine = self.mine(name, group)
                    for step in (
                        lambda m=mine: m.create({}),
                        lambda m=mine: m.write({"company_id": False}),
                        mine.unlink,
                    ):
                        self.assertFalse(self.attempt(step))
                    self.env.invalidate_all()

    # ------------------------------------------------------------------ cells

    def test_grid(self):
        for name, row in GRID.items():
            for group in (*GROUPS, *OUTSIDERS):
                before = self.picture()
                for letter in OPERATIONS:
                    with self.subTest(model=name, group=group, does=OPERATIONS[letter]):
                        may = letter in getattr(row, group)
                        self.assert_cell(name, row, group, letter, may)
                with self.subTest(model=name, group=group):
                    self.assert_same(before, "something changed")

    def assert_cell(self, name, row, group, letter, may):
        step = getattr(self, f"try_{OPERATIONS[letter]}")
        if may:
            with self.put_back():
                self.assertTrue(step(name, row, group))
            return
        if group == "other" and letter == "c":
            # A record of another company is refused when its rule is looked at,
            # which is after it was inserted; the request is rolled back.
            with self.put_back(), mute_logger(*DENIED_LOGGERS):
                self.assertFalse(self.attempt(lambda: step(name, row, group)))
            return
        self.assertFalse(self.attempt(lambda: step(name, row, group)))
        self.env.invalidate_all()

    def mine(self, name, group):
        return self.sample(name).with_user(self.people[group])

    def try_create(self, name, row, group):
        return self.mine(name, group).create(self.values[name])

    def try_read(self, name, row, group):
        record = self.mine(name, group)
        found = self.attempt(lambda: record.search([("id", "=", record.id)]))
        read = self.attempt(lambda: record.read(self.readable(record)))
        self.assertEqual(bool(found), bool(read), "found and read are one")
        return read

    def readable(self, record):
        """Return the fields a person sees of a record; no lists of other records."""
        return [
            name
            for name, field in record._fields.items()
            if field.type not in ("one2many", "many2many")
            and record._has_field_access(field, "read")
        ]

    def try_write(self, name, row, group):
        record = self.mine(name, group)
        return record.write(self.same_values(name, row.write))

    def try_unlink(self, name, row, group):
        record = self.unused(name) if name in self.unused_of else self.mine(name, group)
        return record.with_user(self.people[group]).unlink()

    # ----------------------------------------------------------------- values

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.values = {model._name: cls.fresh(model._name) for model in cls.hub_models()}
        # A channel that was told numbers, and a map that was sold from, are archived.
        cls.unused_of = {
            name: cls.env[name].create(cls.fresh(name))
            for name in (
                "stock.channel",
                "stock.channel.location",
                "stock.channel.listing",
            )
        }
        cls.env.flush_all()

    def unused(self, name):
        return self.unused_of[name]

    def same_values(self, name, field_name=""):
        """Return one field of its own with the value it has."""
        record = self.sample(name)
        own = [
            field
            for field in record._fields.values()
            if field.store
            and not field.related
            and field.name not in ("id", "create_uid", "write_uid", "company_id")
            and field.type in ("char", "many2one", "integer", "selection", "float")
        ]
        required = [
            field for field in own if field.type == "many2one" and field.required
        ]
        field = record._fields.get(field_name) or next(iter(required or own), None)
        if not field:
            return {}
        value = record[field.name]
        return {field.name: value.id if field.type == "many2one" else value}

    # ---------------------------------------------------------------- wizards

    def test_wizards(self):
        for name, row in WIZARDS.items():
            for group in (*GROUPS, *OUTSIDERS):
                with self.subTest(model=name, group=group):
                    self.assert_own_wizard(name, row, group)
                    self.assert_foreign_wizard(name, group)

    def assert_own_wizard(self, name, row: Row, group):
        letters = getattr(row, group)
        before = self.picture()
        model = self.env[name].with_user(self.people[group])
        if "c" not in letters:
            self.assertEqual(letters, "")
            self.assertIsNone(self.attempt(lambda: model.create(self.values[name])))
            self.assert_same(before, "something changed")
            return
        with self.put_back():
            own = self.attempt(lambda: model.create(self.own_values(name, model)))
            self.assertTrue(own, "may not fill it in")
            self.assertTrue(own.read(["id"]))
            own.write({})
            may_unlink = self.attempt(own.unlink)
            self.assertEqual(bool(may_unlink), "u" in letters)

    def own_values(self, name, model):
        """Return values in which every wizard that is referred to is one's own.

        What is asked about is left out for another company: that is not theirs.
        """
        vals = dict(self.values[name])
        if model.env.company != self.company:
            vals.pop("exception_ids", None)
            vals.pop("row_ids", None)
        for field_name in vals:
            field = model._fields[field_name]
            comodel = field.comodel_name
            # Lines of its own come with it, by commands.
            if comodel in WIZARDS and field.type == "many2one":
                own = model.env[comodel].create(self.values[comodel])
                vals[field_name] = own.id
        return vals

    def assert_foreign_wizard(self, name, group):
        before = self.picture()
        foreign = self.mine(name, group)
        for step in (
            foreign.read,
            lambda: foreign.search([("id", "=", foreign.id)]),
            lambda: foreign.write(self.same_values(name)),
            foreign.unlink,
        ):
            self.assertFalse(self.attempt(step))
        self.assert_same(before, "something changed")

    # -------------------------------------------------------------- companies

    def test_groups_by_name_do_not_see_other_companies(self):
        """Neither by name, nor in groups, nor by counting, nor through relations."""
        stranger = self.people["other"]
        views = {name: Row() for name in VIEWS}
        for name, row in {**GRID, **views}.items():
            if "company_id" not in self.env[name]._fields:
                continue
            if name in GRID and row == Row():
                continue  # refused outright, to everybody
            model = self.env[name].with_user(stranger)
            with self.subTest(model=name):
                self.assertEqual(model.search_count([]), 0)
                self.assertEqual(model.name_search(""), [])
                self.assertEqual(model._read_group([], [], ["__count"]), [(0,)])
                self.assertEqual(model.web_search_read([], {"id": {}})["length"], 0)
                with mute_logger(*DENIED_LOGGERS), self.assertRaises(AccessError):
                    self.mine(name, "other").read(["display_name"])
                self.assertEqual(row.other, "")
