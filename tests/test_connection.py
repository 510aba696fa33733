"""What a connector is built from: transport, limits, secrets; and what it lists."""

from unittest.mock import patch

from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, tagged

from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.connectors.testing.fake_rest import SECRET
from odoo.addons.stock_channel_hub.connectors.transport import Transport
from odoo.addons.stock_channel_hub.models.limit_memories import LimitMemories

from .common import HubCase

GIVEN = "hush_8d1f0c"


class OtherTransport(Transport):
    """A channel that is reached in another way."""


@tagged("post_install", "-at_install")
class TestTransport(HubCase):
    def setUp(self):
        # The real ones are built; nothing is called by them.
        super(HubCase, self).setUp()

    def limits(self, channel=None):
        return (channel or self.channel)._transport().limits

    def test_the_connector_says_what_does_its_calls(self):
        self.assertIs(type(self.channel._transport()), Transport)
        with patch.object(RestConnector, "transport_class", OtherTransport):
            self.assertIs(type(self.channel._transport()), OtherTransport)

    def test_what_was_heard_of_limits_outlives_the_connector(self):
        self.assertIs(self.limits(), self.limits())
        self.assertIs(self.channel._connector().transport.limits, self.limits())

    def test_each_channel_has_limits_of_its_own(self):
        other = self.make_channel(name="Other")
        self.assertIsNot(self.limits(), self.limits(other))

    def test_another_account_has_other_limits(self):
        before = self.limits()
        self.channel.sudo().name = "Renamed"
        self.assertIs(self.limits(), before)
        for vals in ({"credentials": {"k": "v"}}, {"base_url": "https://b.example"}):
            with self.subTest(vals=vals):
                before = self.limits()
                self.channel.sudo().write(vals)
                self.assertIsNot(self.limits(), before)

    def test_no_more_channels_are_remembered_than_a_process_serves(self):
        memories = LimitMemories(most=3)
        first = memories.of(("db", 1), "a")
        for number in (2, 3, 1, 4):
            memories.of(("db", number), "a")
        self.assertEqual(len(memories), 3)
        self.assertIs(memories.of(("db", 1), "a"), first)
        self.assertIsNot(memories.of(("other", 1), "a"), first)


@tagged("post_install", "-at_install")
class TestSigningSecrets(HubCase):
    def accepting(self, *values, makes=""):
        stack = patch.multiple(
            RestConnector,
            accepts_secret=classmethod(lambda cls, secret: secret in values),
            make_secret=classmethod(lambda cls: makes),
            signing_help="Copy it from the shop.",
        )
        stack.start()
        self.addCleanup(stack.stop)

    def wizard(self, **vals):
        return self.env["stock.channel.secret.wizard"].create(
            {"channel_id": self.channel.id, "overlap_hours": 2, **vals}
        )

    def active(self):
        return self.channel.sudo().secret_ids._active_values()

    def test_the_connector_says_what_a_secret_looks_like(self):
        self.accepting(GIVEN)
        secrets = self.env["stock.channel.secret"]
        with self.assertRaisesRegex(ValidationError, "Copy it from the shop."):
            secrets.create({"channel_id": self.channel.id, "new_value": SECRET})
        secrets.create({"channel_id": self.channel.id, "new_value": f" {GIVEN} "})
        self.assertEqual(self.active(), [GIVEN, SECRET])

    def test_generate_makes_what_the_connector_makes(self):
        self.accepting(makes="made")
        self.wizard().action_generate()
        self.assertEqual(self.active(), ["made", SECRET])

    def test_rest_makes_what_it_accepts(self):
        self.assertTrue(RestConnector.accepts_secret(RestConnector.make_secret()))

    def test_secret_of_the_shop_is_entered_by_hand(self):
        self.accepting(GIVEN)
        wizard = self.wizard(secret=GIVEN)
        self.assertEqual(
            (wizard.makes_secret, wizard.signing_help),
            (False, "Copy it from the shop."),
        )
        with self.assertRaisesRegex(UserError, "gives its signing secret itself"):
            wizard.action_generate()
        self.assertEqual(self.active(), [SECRET])
        wizard.action_save()
        self.assertEqual(self.active(), [GIVEN, SECRET])
        old = self.channel.secret_ids.filtered(lambda s: s.sudo().value == SECRET)
        self.assertTrue(old.valid_to)
        self.assertFalse(wizard.exists())

    def test_refused_secret_ends_no_other(self):
        self.accepting(GIVEN)
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.wizard(secret="other").action_save()
        self.assertFalse(self.channel.secret_ids.valid_to)
        with self.assertRaisesRegex(UserError, "Enter the secret"):
            self.wizard().action_save()

    def test_the_form_gives_no_secret_back(self):
        form = Form(
            self.env["stock.channel.secret.wizard"]
            .with_user(self.make_user("group_admin"))
            .with_context(default_channel_id=self.channel.id)
        )
        self.assertTrue(form.makes_secret)
        form.secret = GIVEN
        wizard = form.save()
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertNotIn(GIVEN, repr(wizard.read()))
