"""S10: secrets by every route: whoever asks, however they ask, nothing comes out."""

import json
import logging
from unittest.mock import patch

import psycopg2

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw
from odoo.tests import Form, tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.stock_channel_hub.connectors import signing
from odoo.addons.stock_channel_hub.connectors.errors import RetryLater
from odoo.addons.stock_channel_hub.connectors.redaction import DiscreetFilter
from odoo.addons.stock_channel_hub.connectors.testing import canaries
from odoo.addons.stock_channel_hub.connectors.testing.canaries import LogWatch

from .common import HubCase
from .grid_world import DENIED_LOGGERS, HUB_MODELS

OURS = "odoo.addons.stock_channel_hub"
CANARY = "sk_live_c4n4ryc4n4ryc4n4ry"
SIGNING = signing.generate_secret()
GROUPS = ("user", "operator", "manager", "approver", "admin")
# (model, field) of everything that is a secret, or a key to the door.
SECRETS = (
    ("stock.channel", "credentials"),
    ("stock.channel.secret", "value"),
    ("stock.channel.credential.wizard.line", "given"),
    ("stock.channel.secret.wizard", "given"),
    ("stock.channel.erasure.request", "wanted"),
    ("stock.channel.onboarding.credential", "given"),
    ("stock.channel.token", "kept"),
    ("stock.channel.token", "settings_digest"),
)
# Read by nobody, and yet no secret: the hub's own notes.
NOTES = {
    ("stock.channel", "database_identity"),
    ("stock.channel.location", "earlier_map"),
}


@tagged("post_install", "-at_install")
class TestSecretRoutes(HubCase):
    def setUp(self):
        super().setUp()
        self.channel.sudo().credentials = {"api_key": CANARY}
        self.secret = self.channel.sudo().secret_ids
        self.secret.value = SIGNING
        wizard = self.env["stock.channel.credential.wizard"].create(
            {"channel_id": self.channel.id}
        )
        line = self.env["stock.channel.credential.wizard.line"].create(
            {"wizard_id": wizard.id, "name": "api_key", "value": CANARY}
        )
        request = (
            self.env["stock.channel.erasure.request"]
            .sudo()
            .create(
                {
                    "company_id": self.company.id,
                    "user_id": self.env.uid,
                    "started_at": self.env.cr.now(),
                    "wanted": {"emails": [CANARY], "ids": {}},
                }
            )
        )
        self.records = {
            "stock.channel": self.channel,
            "stock.channel.secret": self.secret,
            "stock.channel.credential.wizard.line": line,
            "stock.channel.secret.wizard": self.env[
                "stock.channel.secret.wizard"
            ].create({"channel_id": self.channel.id, "secret": CANARY}),
            "stock.channel.erasure.request": request,
            "stock.channel.onboarding.credential": self.onboarding_credential(),
            "stock.channel.token": self.token(),
        }

    def onboarding_credential(self):
        wizard = self.env["stock.channel.onboarding"].create({})
        return self.env["stock.channel.onboarding.credential"].create(
            {"wizard_id": wizard.id, "name": "api_key", "value": CANARY}
        )

    def token(self):
        return (
            self.env["stock.channel.token"]
            .sudo()
            .create(
                {
                    "channel_id": self.channel.id,
                    "company_id": self.company.id,
                    "kept": {"access_token": CANARY},
                    "settings_digest": CANARY,
                }
            )
        )

    def test_s10_every_field_that_nobody_reads_is_tried(self):
        """A new one joins the list of secrets, or says that it is none."""
        found = {
            (name, field.name)
            for name, model in self.env.items()
            if HUB_MODELS.match(name) and not model._abstract
            for field in model._fields.values()
            if field.groups == fields.NO_ACCESS
        }
        self.assertEqual(found, {*SECRETS, *NOTES})

    def test_s10_no_secret_is_tracked_copied_or_computed_from(self):
        for name, field_name in SECRETS:
            field = self.env[name]._fields[field_name]
            with self.subTest(model=name, field=field_name):
                self.assertFalse(getattr(field, "tracking", None))
                self.assertFalse(field.related)
                if not self.env[name]._transient:
                    self.assertFalse(field.copy)

    def test_s10_saving_gives_nothing_back(self):
        """The answer to the call that brings a secret in does not hold it."""
        admin = self.make_user("group_admin")
        wizard = self.env["stock.channel.secret.wizard"].with_user(admin)
        lines = self.env["stock.channel.credential.wizard.line"].with_user(admin)
        secrets = self.env["stock.channel.secret"].with_user(admin)
        own = self.env["stock.channel.credential.wizard"].with_user(admin)
        own = own.create({"channel_id": self.channel.id})
        for model, vals in (
            (wizard, {"channel_id": self.channel.id, "secret": CANARY}),
            (lines, {"wizard_id": own.id, "name": "api_key", "value": CANARY}),
            (secrets, {"channel_id": self.channel.id, "new_value": SIGNING}),
        ):
            names = {
                name: {}
                for name, field in model._fields.items()
                if model._has_field_access(field, "read")
            }
            with self.subTest(model=model._name):
                answer = repr(model.web_save(vals, names))
                self.assertNotIn("c4n4ry", answer)
                self.assertNotIn(SIGNING, answer)

    def routes(self, record, name):
        """Yield (what it is called, a call) of every way to ask for a field."""
        model = record.browse()
        yield "read", lambda: record.read([name])
        yield "web_read", lambda: record.web_read({name: {}})
        yield "search_read", lambda: model.search_read([], [name])
        yield (
            "web_search_read",
            lambda: model.web_search_read([], {"display_name": {}, name: {}}),
        )
        yield "search", lambda: model.search([(name, "ilike", "c4n4ry")])
        yield "search_count", lambda: model.search_count([(name, "!=", False)])
        yield "order", lambda: model.search([], order=name)
        yield "read_group", lambda: model.formatted_read_group([], [name], ["__count"])
        yield (
            "aggregate",
            lambda: model.formatted_read_group([], [], [f"{name}:array_agg"]),
        )
        yield "export", lambda: record.export_data([name])
        yield "onchange", lambda: record.onchange({}, [], {name: {}})
        yield "mapped", lambda: record.mapped(name)
        yield "filtered", lambda: record.filtered_domain([(name, "!=", False)])
        yield "write", lambda: record.write({name: "x"})

    def test_no_route_gives_a_secret(self):
        for group in GROUPS:
            user = self.make_user(f"group_{group}")
            user.group_ids += self.env.ref("base.group_allow_export")
            for model, name in SECRETS:
                record = self.records[model].with_user(user)
                for route, ask in self.routes(record, name):
                    with self.subTest(group=group, field=name, route=route):
                        self.env.invalidate_all()
                        self.assert_refused(ask)

    def assert_refused(self, ask):
        with mute_logger(*DENIED_LOGGERS):
            try:
                found = ask()
            except (AccessError, UserError, ValueError) as error:
                found = str(error)
        self.assertNotIn("c4n4ry", repr(found))
        self.assertNotIn(SIGNING, repr(found))
        self.assertNotIsInstance(found, (bool, int))

    def test_what_is_given_to_everybody_holds_no_secret(self):
        """Whole records, names, copies, defaults, descriptions, forms."""
        for group in GROUPS:
            user = self.make_user(f"group_{group}")
            for model, record in self.records.items():
                mine = record.with_user(user)
                for route, ask in (
                    ("read", mine.read),
                    ("name", lambda m=mine: m.display_name),
                    ("name_search", lambda m=mine: m.name_search("")),
                    ("copy_data", lambda m=mine: m.copy_data()),
                    ("copy", lambda m=mine: m.copy().read()),
                    ("default_get", lambda m=mine: m.default_get(list(m._fields))),
                    ("fields_get", mine.fields_get),
                    ("metadata", mine.get_metadata),
                ):
                    with self.subTest(group=group, model=model, route=route):
                        self.env.invalidate_all()
                        with mute_logger(*DENIED_LOGGERS):
                            try:
                                found = repr(ask())
                            except (AccessError, UserError, ValueError) as error:
                                found = str(error)
                        self.assertNotIn("c4n4ry", found)
                        self.assertNotIn(SIGNING, found)

    def test_copies_have_none(self):
        self.channel.action_pause()
        copied = self.channel.copy()
        self.assertFalse(copied.sudo().credentials)
        self.assertFalse(copied.sudo().secret_ids)
        self.assertNotEqual(copied.webhook_token, self.channel.webhook_token)

    def test_a_template_is_rendered_by_the_rights_of_whoever_renders_it(self):
        """Template editors can write ``sudo()`` too: docs/security.md says who they are."""
        user = self.make_user("group_admin")
        user.group_ids += self.env.ref("mail.group_mail_template_editor")
        with mute_logger("odoo.addons.mail.models.mail_render_mixin"):
            with self.assertRaises(UserError) as caught:
                self.env["mail.template"].with_user(user)._render_template(
                    '<t t-out="object.credentials"/>',
                    "stock.channel",
                    self.channel.ids,
                    engine="qweb",
                )
        self.assertNotIn("c4n4ry", str(caught.exception))

    def test_the_form_of_credentials_gives_none_back(self):
        self.channel.action_pause()
        self.channel.connector = "medusa"
        admin = self.make_user("group_admin")
        wizards = self.env["stock.channel.credential.wizard"].with_user(admin)
        wizard = wizards.create({"channel_id": self.channel.id})
        line = wizard.line_ids.filtered(lambda line: line.name == "api_key")
        line.value = CANARY
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertNotIn(CANARY, repr(wizard.read() + wizard.line_ids.read()))
        wizard.action_save()
        self.assertEqual(self.channel.sudo().credentials["api_key"], CANARY)

    def test_chatter_and_audit_have_none(self):
        self.env["stock.channel.secret"]._generate(self.channel)
        self.secret.action_end()
        self.env.flush_all()
        for table in ("mail_message", "mail_tracking_value", "stock_channel_audit"):
            self.env.cr.execute(f"SELECT t::text FROM {table} AS t")  # noqa: S608
            rows = " ".join(row for (row,) in self.env.cr.fetchall())
            self.assertNotIn("c4n4ry", rows)
            self.assertNotIn("whsec_", rows)

    def test_the_reveal_of_a_new_secret_is_never_stored(self):
        reveal = self.env["stock.channel.secret.reveal"].create(
            {"channel_id": self.channel.id, "value": SIGNING}
        )
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertFalse(reveal.value)
        form = Form(
            self.env["stock.channel.secret.reveal"].with_context(default_value=SIGNING)
        )
        self.assertEqual(form.value, SIGNING)


@tagged("post_install", "-at_install")
class TestNothingLeaksInText(HubCase):
    """S11: canaries of secrets and of customers, everything logged that can be."""

    CUSTOMER = ("ada@example.com", "Ada Example", "1 Main Street")

    def setUp(self):
        super().setUp()
        self.watch = LogWatch()
        self.watch.start()
        self.addCleanup(self.watch.stop)

    def assert_clean(self):
        """Nothing was logged; the suite's own watch looks at all tests like this."""
        self.assertEqual(self.watch.take(), [])
        self.assert_no_canary_stored()
        self.env.flush_all()
        for table in ("stock_channel_exception", "stock_channel_exception_event"):
            self.env.cr.execute(SQL("SELECT t::text FROM %s t", SQL.identifier(table)))
            texts = "\n".join(row for (row,) in self.env.cr.fetchall())
            self.assertIsNone(canaries.ALL.search(texts))

    def customer_order(self, order_id, **vals):
        email, name, street = self.CUSTOMER
        data = self.order_data(order_id, **vals)
        data["customer"] = {"email": email, "name": name}
        data["shipping_address"] |= {"name": name, "street": street}
        return data

    def test_a_day_s_work_says_nothing(self):
        """Taken, applied, unknown item, unreadable, a crash, published, refused."""
        self.channel.sudo().credentials = {"api_key": CANARY}
        self.receive(self.product, 10)
        self.deliver("order.updated", self.customer_order("1"))
        self.run_inbox()
        self.assertEqual(self.find_order("1").state, "applied")
        unknown = [self.line_data("1", "UNKNOWN", 1)]
        self.deliver("order.updated", self.customer_order("2", lines=unknown))
        self.deliver("order.updated", self.customer_order("3") | {"lines": "none"})
        self.run_all()
        self.assertTrue(self.open_exceptions())
        self.assert_clean()

    def test_a_crash_while_an_order_is_applied_says_nothing(self):
        orders = type(self.env["stock.channel.order"])
        self.deliver("order.updated", self.customer_order("1"))

        def crash(records, *args):
            try:
                int(self.CUSTOMER[1])
            except ValueError as error:
                raise RuntimeError(f"{self.CUSTOMER[0]}: {CANARY}") from error

        with (
            patch.object(orders, "_apply", crash),
            self.assertLogs(f"{OURS}.models.stock_channel_message", "WARNING") as logs,
        ):
            self.run_inbox()
        [line] = logs.output
        self.assertRegex(
            line,
            r"\AWARNING:\S+:message \d+ failed\nTraceback (?s:.*)\nValueError\n\n"
            r"Traceback (?s:.*), in crash\n(?s:.*)\nRuntimeError\Z",
        )
        self.assertEqual(self.find_order("1").state, "new")
        self.assert_clean()

    def test_a_row_the_database_refuses_says_nothing(self):
        """PostgreSQL names every value of the row."""
        orders = type(self.env["stock.channel.order"])
        self.deliver("order.updated", self.customer_order("1"))

        def refuse(records, *args):
            records.env.cr.execute(
                SQL(
                    "INSERT INTO res_partner (name, email) VALUES (NULL, %s)",
                    self.CUSTOMER[0],
                ),
                log_exceptions=False,
            )

        with (
            patch.object(orders, "_apply", refuse),
            self.assertLogs(f"{OURS}.models.stock_channel_message", "WARNING") as logs,
        ):
            self.run_inbox()
        self.assertTrue(logs.output[0].endswith("NotNullViolation: 23502"))
        note = self.env["stock.channel.message"].search([], limit=1).note
        self.assertEqual(note, "NotNullViolation: 23502")
        self.assert_clean()

    def test_a_delivery_that_cannot_be_stored_is_not_logged_instead(self):
        """Odoo logs a statement that fails, with the whole order among its values."""
        self.env.cr.execute(
            "ALTER TABLE stock_channel_message ADD CONSTRAINT planted CHECK (id < 0)"
            " NOT VALID"
        )
        with (
            self.assertNoLogs("odoo.sql_db", "INFO"),
            self.assertRaises(psycopg2.errors.CheckViolation),
            self.env.cr.savepoint(),
        ):
            self.deliver("order.updated", self.customer_order("1"))
        self.assert_clean()

    def test_what_is_entered_on_a_screen_is_not_logged_with_its_call(self):
        """Odoo's server writes calls with their values at DEBUG."""
        wizards = self.env["stock.channel.secret.wizard"]
        vals = {"channel_id": self.channel.id, "secret": CANARY}
        with self.assertLogs("odoo.service.model", "DEBUG") as logs:
            call_kw(wizards, "web_save", [[], vals], {"specification": {}})
        [line] = logs.output
        self.assertTrue(
            line.endswith("call stock.channel.secret.wizard().web_save(***)")
        )
        self.assert_clean()

    def test_every_logger_of_ours_is_discreet(self):
        """A new file's logger is, too: the filter is put on when all is loaded."""
        loggers = [
            name
            for name in logging.root.manager.loggerDict
            if name.startswith(f"{OURS}.") and not name.startswith(f"{OURS}.tests")
        ]
        self.assertIn(f"{OURS}.models.stock_channel_message", loggers)
        for name in loggers:
            logger = logging.getLogger(name)
            if isinstance(logging.root.manager.loggerDict[name], logging.Logger):
                with self.subTest(logger=name):
                    kinds = {type(one) for one in logger.filters}
                    self.assertIn(DiscreetFilter, kinds)

    def test_a_failing_channel_says_nothing(self):
        self.channel.sudo().credentials = {"api_key": CANARY}
        self.receive(self.product, 5)
        self.run_compute()
        self.shop.transport.faults = [RetryLater(f"down, key {CANARY[:3]}")] * 2
        self.run_publish()
        self.assert_clean()

    def test_the_door_says_nothing_of_what_it_refuses(self):
        raw = json.dumps({"type": "x", "data": self.customer_order("1")}).encode()
        connector = self.channel._connector()
        headers = {
            "webhook-id": "1",
            "webhook-timestamp": "1",
            "webhook-signature": "v1,x",
        }
        with self.assertRaises(Exception) as caught:  # noqa: B017 - any refusal
            connector.verify(raw, headers, connector.secrets, connector.clock())
        self.assertIsNone(canaries.ALL.search(str(caught.exception)))
        self.assert_clean()
