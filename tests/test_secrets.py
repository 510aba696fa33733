"""Secrets by every route: whoever asks, however they ask, nothing comes out."""

import json
import logging
import traceback
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors import signing
from odoo.addons.stock_channel_hub.connectors.errors import RetryLater

from .common import HubCase
from .grid_world import DENIED_LOGGERS

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
)


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
        }

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

    CUSTOMER = ("ada.c4n4ry@example.com", "Ada C4n4ry", "1 C4n4ry Street")

    def setUp(self):
        super().setUp()
        self.lines = []
        handler = logging.Handler(logging.DEBUG)
        handler.emit = self.keep
        root = logging.getLogger()
        level = root.level
        root.setLevel(logging.DEBUG)
        # What our own code and the libraries it calls say; Odoo writes every SQL
        # statement with its values at this level, which is for nobody's production.
        for name in ("odoo.sql_db", "odoo.orm", "odoo.models", "odoo.tests"):
            quiet = logging.getLogger(name)
            before = quiet.level
            quiet.setLevel(logging.INFO)
            self.addCleanup(quiet.setLevel, before)
        self.addCleanup(root.setLevel, level)
        # Odoo's own loggers may be cut off from the root, by whoever runs the tests.
        for logger in (root, logging.getLogger("odoo")):
            logger.addHandler(handler)
            self.addCleanup(logger.removeHandler, handler)
        logging.getLogger("odoo").setLevel(logging.DEBUG)

    def keep(self, record):
        text = record.getMessage()
        if record.exc_info:
            text += "".join(traceback.format_exception(*record.exc_info))
        self.lines.append(f"{record.name}: {text}")

    def assert_clean(self):
        secret = self.channel.sudo().secret_ids[:1].value
        self.env.flush_all()
        texts = "\n".join(self.lines)
        for table in ("stock_channel_exception", "stock_channel_audit", "mail_message"):
            self.env.cr.execute(f"SELECT t::text FROM {table} AS t")  # noqa: S608
            rows = [row for (row,) in self.env.cr.fetchall()]
            self.assertFalse([row for row in rows if CANARY in row or secret in row])
        self.assertNotIn(CANARY, texts)
        self.assertNotIn(secret, texts)
        for word in self.CUSTOMER:
            self.assertNotIn(word, texts)

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
            customer = self.CUSTOMER
            raise RuntimeError(f"at {len(args)}, {len(customer)}")

        with patch.object(orders, "_apply", crash):
            self.run_inbox()
        self.assertIn("RuntimeError", "\n".join(self.lines))
        self.assert_clean()

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
        self.assertNotIn("C4n4ry", str(caught.exception))
        self.assert_clean()
