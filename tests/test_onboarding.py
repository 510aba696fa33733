"""From nothing to a channel in shadow, step by step; and what goes wrong on the way."""

from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from odoo.addons.stock_channel_hub.connectors.data import Health
from odoo.addons.stock_channel_hub.connectors.errors import (
    Misconfigured,
    RateLimited,
    Rejected,
    RetryLater,
)
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.connectors.testing.fake_rest import BASE_URL, SECRET
from odoo.addons.stock_channel_hub.models.stock_channel_setup import STEPS

from .onboarding_common import OnboardingCase

OTHER_SECRET = "whsec_" + "c4n4ryOfTheOtherSecretNobodyKnowsItX"


@tagged("post_install", "-at_install")
class TestOnboarding(OnboardingCase):
    def test_tally_counts_each_listing_once(self):
        wizard = self.connect()
        self.go_on(wizard, "listings")
        mapped = self.env["stock.channel.remote.listing"].search(
            [
                ("channel_id", "=", wizard.channel_id.id),
                ("listing_id", "!=", False),
            ]
        )
        # Mapped, and somebody should look whether that is right.
        mapped.sudo().is_open = True
        wizard.invalidate_recordset()
        self.assertEqual(
            (wizard.mapped_count, wizard.proposed_count, wizard.unmatched_count),
            (1, 0, 2),
        )

    def test_from_nothing_to_a_channel_in_shadow(self):
        self.receive(self.product, 38)
        self.company.email = "office@example.com"
        wizard = self.connect()
        channel = wizard.channel_id
        self.assertEqual(
            (channel.name, channel.connector, channel.state, channel.base_url),
            ("New Shop", "rest", "draft", BASE_URL),
        )
        self.assertEqual(channel.exception_owner_id, self.admin)
        self.assertEqual(
            [(line.name, line.location_ids, line.why) for line in wizard.place_ids],
            [
                ("hub north", self.stock, "name 100 % alike"),
                ("Hub South", self.south.lot_stock_id, "name 100 % alike"),
            ],
        )
        self.go_on(wizard, "listings")
        self.assertEqual(
            (wizard.mapped_count, wizard.proposed_count, wizard.unmatched_count),
            (1, 0, 2),
        )
        self.go_on(wizard, "rules")
        self.assertIn("38 sellable → 38 told", wizard.example)
        self.go_on(wizard, "alerts")
        self.assertEqual(wizard.alert_email, "office@example.com")
        self.go_on(wizard, "start")
        self.assertFalse(wizard.missing)
        wizard.action_go_shadow()
        self.assertEqual((channel.state, wizard.state), ("shadow", "shadow"))
        self.run_compute()
        place = channel.location_ids.filtered(lambda one: one.external_id == "n")
        number = self.publication(channel.listing_ids, place)
        self.assertEqual(number.wanted_qty, 38)
        self.assertEqual(float(self.new_shop.books.shown("DESK", "n")), 0)
        self.assertEqual(len(wizard.readiness_line_ids), 15)

    def test_each_step_is_read_from_the_channel_itself(self):
        wizard = self.begin()
        self.assertEqual(
            [step["is_open"] for step in wizard.steps["steps"]], [True] + [False] * 6
        )
        wizard.action_continue()
        channel = wizard.channel_id
        self.assertEqual(channel._setup_at(), "connection")
        self.connected_by_hand(channel)
        self.assertEqual(channel._setup_at(), "places")
        self.make_place(channel, "n", self.stock)
        self.assertEqual(channel._setup_at(), "listings")
        self.make_listing(channel, self.product, "DESK")
        self.assertEqual(channel._setup_at(), "rules")
        channel.alert_email = "a@example.com"
        self.assertEqual(channel._setup_at(), "start")
        # What is undone is to do again.
        self.make_place(channel, "s", self.env["stock.location"])
        self.assertEqual(channel._setup_at(), "places")
        channel.location_ids[-1].active = False
        channel.sudo().checked_at = False
        self.assertEqual(channel._setup_at(), "connection")

    def connected_by_hand(self, channel):
        channel.base_url = BASE_URL
        self.env["stock.channel.secret"].create(
            {"channel_id": channel.id, "new_value": SECRET}
        )
        channel.action_check_connection()

    def test_another_person_goes_on_where_it_stands(self):
        channel = self.connect().channel_id
        action = channel.with_user(self.manager).action_set_up()
        wizard = self.wizards.browse(action["res_id"]).with_user(self.manager)
        self.assertEqual((wizard.step, wizard.channel_id), ("places", channel))
        self.assertEqual(
            [step["key"] for step in wizard.steps["steps"] if step["is_open"]],
            ["connector", "connection", "places"],
        )
        self.go_on(wizard, "start")
        wizard.action_go_shadow()
        self.assertEqual(channel.state, "shadow")

    def test_steps_that_are_not_reached_are_not_shown(self):
        wizard = self.connect()
        wizard.action_go("start")
        self.assertEqual(wizard.step, "places")
        wizard.action_go("connector")
        self.assertEqual(wizard.step, "connector")
        wizard.action_go("places")
        wizard.action_back()
        self.assertEqual(wizard.step, "connection")
        wizard.action_go("nonsense")
        self.assertEqual(wizard.step, "connection")

    def test_a_form_that_is_filled_in_by_hand(self):
        form = Form(self.wizards.with_user(self.admin))
        form.connector = "woocommerce"
        self.assertEqual(form.name, "WooCommerce")
        form.name = "Our Shop"
        form.connector = "rest"
        self.assertEqual(form.name, "Our Shop")
        wizard = form.save()
        wizard.action_continue()
        self.assertEqual(wizard.channel_id.name, "Our Shop")
        self.assertEqual(wizard.step, STEPS[1])

    def test_the_first_step_may_be_corrected_until_there_is_more(self):
        wizard = self.begin(connector="medusa")
        wizard.action_continue()
        channel = wizard.channel_id
        channel._keep_credentials({"api_key": "sk_1"})
        wizard.action_back()
        wizard.write({"connector": "rest", "name": "Renamed"})
        wizard.action_continue()
        self.assertEqual((channel.connector, channel.name), ("rest", "Renamed"))
        self.assertFalse(channel.sudo().credentials, "one shop's key for another")
        self.assertEqual(len(self.env["stock.channel"].search([])), 2)
        self.make_place(channel, "n", self.stock)
        wizard.action_back()
        self.assertTrue(wizard.is_connector_fixed)
        wizard.connector = "medusa"
        with self.assertRaisesRegex(UserError, "Connect a new channel instead"):
            wizard.action_continue()


@tagged("post_install", "-at_install")
class TestOnboardingConnection(OnboardingCase):
    def at_connection(self, connector="rest"):
        wizard = self.begin(connector=connector)
        wizard.action_continue()
        return wizard

    def answer(self, error):
        """Press Test Connection while the shop's answer is this error."""
        wizard = self.connect()
        wizard.action_back()
        with patch.object(RestConnector, "check", return_value=Health.failed(error)):
            wizard.action_continue()
        self.assertEqual((wizard.step, wizard.check_is_ok), ("connection", False))
        self.assertEqual(wizard.check_text, error.message)
        return wizard.check_hint

    def test_what_is_missing_is_named_before_anybody_is_asked(self):
        wizard = self.at_connection()
        wizard.action_continue()
        self.assertEqual(wizard.step, "connection")
        self.assertEqual(
            wizard.check_text, "Not asked yet: fill in Address; add a signing secret."
        )
        self.assertFalse(wizard.check_hint, "it says itself what to do")
        self.assertEqual(self.new_shop.transport.calls, [])

    def test_a_wrong_secret_says_where_to_mend_it(self):
        wizard = self.connect(secret=OTHER_SECRET)
        self.assertEqual((wizard.step, wizard.check_is_ok), ("connection", False))
        self.assertEqual(
            wizard.check_text, "The channel does not accept our signature (401)."
        )
        self.assertIn("Press Set Signing Secret", wizard.check_hint)
        self.assertEqual(wizard.channel_id._setup_at(), "connection")

    def test_each_kind_of_trouble_has_its_way_out(self):
        self.assertIn("copy them anew", self.answer(Misconfigured("No such key.")))
        self.assertIn("Wait a minute", self.answer(RateLimited("Too many.")))
        self.assertIn("in a browser", self.answer(RetryLater("No answer.")))
        self.assertIn("says no", self.answer(Rejected("Not today.")))
        self.assertIn(
            "In our own network",
            self.answer(Misconfigured("leads to a private address", field="base_url")),
        )

    def test_https_may_be_left_away(self):
        wizard = self.connect(base_url=BASE_URL.removeprefix("https://") + " ")
        self.assertEqual(wizard.channel_id.base_url, BASE_URL)
        self.assertEqual(wizard.step, "places")

    def test_a_private_address_is_allowed_by_name_only(self):
        wizard = self.at_connection()
        wizard.write({"base_url": BASE_URL, "allowed_hosts": "10.0.0.5:8080"})
        wizard.action_test()
        self.assertFalse(wizard.channel_id.allowed_hosts)
        wizard.is_private = True
        wizard.action_test()
        self.assertEqual(wizard.channel_id.allowed_hosts, "10.0.0.5:8080")

    def test_keys_go_in_and_never_come_out(self):
        wizard = self.at_connection("medusa")
        key = wizard.credential_ids
        self.assertEqual(
            (key.name, key.is_needed, key.is_set), ("api_key", True, False)
        )
        key.value = "sk_hush"
        wizard.base_url = "https://shop.example.com"
        with patch.object(
            type(wizard.channel_id),
            "_tested",
            return_value=Health(ok=True, message="yes"),
        ):
            wizard.action_test()
        channel_sudo = wizard.channel_id.sudo()
        self.assertEqual(channel_sudo.credentials, {"api_key": "sk_hush"})
        self.assertTrue(wizard.credential_ids.is_set)
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT count(*) FROM stock_channel_onboarding_credential "
            "WHERE given IS NOT NULL"
        )
        self.assertEqual(self.env.cr.fetchone(), (0,))
        self.assertNotIn("hush", repr(wizard.credential_ids.read()))
        with self.assertRaises(AccessError):
            wizard.credential_ids.read(["given"])

    def test_shopify_signs_with_a_credential(self):
        wizard = self.at_connection("shopify")
        self.assertEqual(wizard.secret_state, "ask")
        entry = wizard.credential_ids.filtered(lambda e: e.name == "client_secret")
        entry.value = "shpss_0123456789abcdef0123456789abcdef"
        wizard.base_url = "https://example.myshopify.com"
        with patch.object(
            type(wizard.channel_id),
            "_tested",
            return_value=Health(ok=True, message="yes"),
        ):
            wizard.action_test()
            wizard.credential_ids.filtered(
                lambda e: e.name == "client_secret"
            ).value = "shpss_0123456789abcdef0123456789abcdef"
            wizard.action_test()
        self.assertEqual(wizard.secret_state, "set")
        self.assertEqual(
            wizard.channel_id.sudo().secret_ids._active_values(),
            ["shpss_0123456789abcdef0123456789abcdef"],
        )

    def test_woocommerce_is_given_its_secret_by_the_hub(self):
        wizard = self.at_connection("woocommerce")
        self.assertEqual((wizard.secret_state, wizard.has_places), ("auto", False))
        with patch.object(
            type(wizard.channel_id),
            "_tested",
            return_value=Health(ok=True, message="yes"),
        ):
            wizard.action_test()
        self.assertEqual(wizard.secret_state, "set")

    def test_files_may_come_later(self):
        wizard = self.at_connection("filedrop")
        self.assertEqual((wizard.may_skip, wizard.secret_state), (True, "none"))
        wizard.base_url = "sftp://user@files.example.com/shop"
        with patch.object(
            type(wizard.channel_id),
            "action_fetch_locations",
            side_effect=UserError("no"),
        ):
            wizard.action_skip_test()
        self.assertEqual((wizard.step, wizard.places_trouble), ("places", "no"))
        other = self.at_connection()
        with self.assertRaisesRegex(UserError, "Test the connection first"):
            other.action_skip_test()

    def test_what_few_need_is_asked_for_on_request(self):
        wizard = self.at_connection("filedrop")
        self.assertEqual(
            wizard.credential_ids.mapped("name"),
            ["host_key", "password", "private_key"],
        )
        wizard.credential_ids[1].value = "hush"
        wizard.action_show_all()
        self.assertEqual(len(wizard.credential_ids), 17)
        self.assertEqual(
            wizard.credential_ids.filtered("is_set").mapped("name"), ["password"]
        )

    def test_the_host_of_a_private_address_is_filled_in(self):
        form = Form(self.at_connection())
        form.base_url = "10.0.0.5:8080/stock"
        form.is_private = True
        self.assertEqual(form.allowed_hosts, "10.0.0.5:8080")
        wizard = form.save()
        wizard.action_test()
        self.assertEqual(wizard.channel_id.base_url, "http://10.0.0.5:8080/stock")

    def test_every_kind_has_words(self):
        cards = self.wizards.with_user(self.admin).create({}).connector_cards
        self.assertEqual(len(cards), 6)
        for card in cards:
            with self.subTest(card=card["key"]):
                self.assertTrue(card["summary"])
                self.assertTrue(self.env["stock.channel"]._connector_steps(card["key"]))
                self.assertGreaterEqual(len(card["abilities"]), 3)


@tagged("post_install", "-at_install")
class TestOnboardingRights(OnboardingCase):
    def test_a_manager_is_told_whom_to_ask_for_a_new_one(self):
        wizard = self.begin(self.manager)
        self.assertIn("Only administrators", wizard.lacking)
        self.assertIn("Ask ", wizard.lacking)
        with self.assertRaises(AccessError):
            wizard.action_continue()
        self.assertFalse(wizard.channel_id)

    def test_a_manager_tests_what_an_administrator_entered(self):
        channel = self.connect().channel_id
        channel.sudo().checked_at = False
        action = channel.with_user(self.manager).action_set_up()
        wizard = self.wizards.browse(action["res_id"]).with_user(self.manager)
        self.assertEqual(wizard.step, "connection")
        self.assertIn("Only administrators", wizard.lacking)
        wizard.base_url = "https://elsewhere.example.com"
        wizard.action_continue()
        self.assertEqual((wizard.step, channel.base_url), ("places", BASE_URL))
        with self.assertRaises(AccessError):
            wizard.read(["allowed_hosts"])
        with self.assertRaises(UserError):
            wizard.action_set_secret()

    def test_a_reader_looks_and_changes_nothing(self):
        channel = self.connect().channel_id
        reader = self.make_user("group_user")
        action = channel.with_user(reader).action_set_up()
        wizard = self.wizards.browse(action["res_id"]).with_user(reader)
        self.assertIn("Only managers", wizard.lacking)
        for step in (
            wizard.action_continue,
            wizard.action_test,
            wizard.action_fetch_places,
            wizard.action_fetch_listings,
            wizard.action_go_shadow,
        ):
            with self.subTest(step=step.__name__), self.assertRaises(UserError):
                step()
        self.assertEqual(channel.location_ids.location_ids, self.env["stock.location"])

    def test_an_id_tells_nothing_of_another_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.make_user(
            "group_admin", company_id=other.id, company_ids=[(6, 0, other.ids)]
        )
        with self.assertRaises(AccessError):
            self.wizards.with_user(stranger).create({"channel_id": self.channel.id})
        wizard = self.begin(stranger)
        with self.assertRaises(AccessError):
            wizard.write({"channel_id": self.channel.id})
            wizard.action_test()

    def test_defaults_are_those_of_its_company(self):
        other = self.env["res.company"].create(
            {"name": "Other", "email": "other@example.com"}
        )
        house = self.env["stock.warehouse"].search([("company_id", "=", other.id)])
        house.name = "Hub South"
        self.admin.company_ids += other
        self.admin.tz = "Asia/Tokyo"
        wizard = self.begin(company_id=other.id)
        wizard = wizard.with_context(allowed_company_ids=[self.company.id, other.id])
        wizard.action_continue()
        channel = wizard.channel_id
        self.assertEqual((channel.company_id, channel.timezone), (other, "Asia/Tokyo"))
        self.env["stock.channel.secret"].create(
            {"channel_id": channel.id, "new_value": SECRET}
        )
        wizard.base_url = BASE_URL
        wizard.action_continue()
        self.assertEqual(
            self.line_of(wizard, "Hub South").location_ids, house.lot_stock_id
        )
        self.assertFalse(self.line_of(wizard, "hub north").location_ids)
        self.line_of(wizard, "hub north").is_used = False
        self.go_on(wizard, "alerts")
        self.assertEqual(wizard.alert_email, "other@example.com")
        self.go_on(wizard, "start")
        self.assertEqual(channel.quarantine_location_id.company_id, other)
