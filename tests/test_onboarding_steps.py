"""Locations, products, rules and people of a channel that is being connected."""

from dataclasses import replace
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from odoo.addons.stock_channel_hub.connectors.errors import (
    RetryLater,
)
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector

from .onboarding_common import OnboardingCase


@tagged("post_install", "-at_install")
class TestOnboardingPlaces(OnboardingCase):
    def test_what_is_not_used_is_archived_and_comes_back(self):
        wizard = self.connect()
        self.line_of(wizard, "Hub South").is_used = False
        wizard.action_continue()
        channel = wizard.channel_id
        self.assertEqual(channel.location_ids.mapped("name"), ["hub north"])
        self.assertEqual(channel._setup_done()["places"], True)
        wizard.action_back()
        line = self.line_of(wizard, "Hub South")
        self.assertFalse(line.is_used)
        line.write({"is_used": True, "location_ids": self.south.lot_stock_id.ids})
        wizard.action_continue()
        self.assertEqual(len(channel.location_ids), 2)
        wizard.action_back()
        wizard.action_fetch_places()
        self.assertEqual(len(wizard.place_ids), 2)

    def test_two_locations_change_places(self):
        wizard = self.connect()
        wizard.action_continue()
        wizard.action_back()
        north, south = wizard.place_ids
        north.location_ids, south.location_ids = south.location_ids, north.location_ids
        wizard.action_continue()
        self.assertEqual(
            [(p.location_ids, p.warehouse_id) for p in wizard.channel_id.location_ids],
            [(self.south.lot_stock_id, self.south), (self.stock, self.warehouse)],
        )

    def test_the_same_stock_twice_is_seen_before_it_is_written(self):
        wizard = self.connect()
        line = self.line_of(wizard, "Hub South")
        line.location_ids = self.shelf
        self.assertIn("overlap", wizard.places_warning)
        with self.assertRaisesRegex(UserError, "Map each stock location once"):
            wizard.action_continue()
        line.is_used = False
        self.assertFalse(wizard.places_warning)

    def test_what_is_missing_is_asked_for_by_name(self):
        wizard = self.connect()
        self.line_of(wizard, "Hub South").location_ids = False
        with self.assertRaisesRegex(UserError, "the stock behind Hub South"):
            wizard.action_continue()
        wizard.place_ids.is_used = False
        with self.assertRaisesRegex(UserError, "at least one location"):
            wizard.action_continue()

    def test_several_stocks_behind_one_are_kept(self):
        wizard = self.connect()
        line = self.line_of(wizard, "hub north")
        both = self.shelf | self.env["stock.location"].create(
            {"name": "Shelf B", "location_id": self.stock.id}
        )
        line.location_ids = both
        wizard.action_continue()
        wizard.action_back()
        self.assertEqual(self.line_of(wizard, "hub north").location_ids, both)

    def test_a_shop_without_locations_has_exactly_one(self):
        self.new_shop.locations = {"main": "The Shop"}
        plain = replace(RestConnector.capabilities, locations=False)
        self.patch(RestConnector, "capabilities", plain)
        wizard = self.connect()
        self.assertFalse(wizard.has_places)
        self.assertEqual(wizard.place_ids.mapped("name"), ["The Shop"])
        self.assertFalse(wizard.place_ids.location_ids, "there are several warehouses")
        wizard.place_ids.location_ids = self.stock | self.south.lot_stock_id
        wizard.action_continue()
        self.assertEqual(wizard.step, "listings")

    def test_a_shop_that_says_no_stands_on_the_page(self):
        wizard = self.connect()
        with patch.object(
            RestConnector, "fetch_locations", side_effect=RetryLater("Down.")
        ):
            wizard.action_fetch_places()
        self.assertEqual((wizard.step, wizard.places_trouble), ("places", "Down."))
        self.assertEqual(len(wizard.place_ids), 2)


@tagged("post_install", "-at_install")
class TestOnboardingListings(OnboardingCase):
    def test_ten_thousand_go_on_in_the_background(self):
        wizard = self.connect()
        for number in range(10_000):
            self.new_shop.titles[f"SKU-{number}"] = f"Item {number}"
            self.new_shop.books.levels.setdefault(
                (f"SKU-{number}", "n"), self.new_shop.books.levels["DESK", "n"]
            )
        self.patch_first_rows()
        wizard.action_continue()
        self.assertEqual((wizard.step, wizard.is_fetching), ("listings", True))
        self.assertTrue(wizard.steps["busy"])
        channel = wizard.channel_id
        self.assertFalse(channel._setup_done()["listings"])
        while channel.is_fetching:
            self.run_job("stock.channel.fetch", "_cron_fetch")
            self.env.invalidate_all()
        self.assertEqual(
            (wizard.remote_count, wizard.mapped_count, wizard.unmatched_count),
            (10_003, 1, 10_002),
        )
        self.assertFalse(wizard.steps["busy"])
        self.go_on(wizard, "start")

    def patch_first_rows(self):
        self.patch(
            self.env.registry["stock.channel.fetch"],
            "_first_slice",
            lambda fetch: fetch._trigger_after_commit(fetch._fetch_cron()),
        )

    def test_it_leads_to_where_listings_are_matched(self):
        wizard = self.go_on(self.connect(), "listings")
        action = wizard.action_match()
        self.assertEqual(action["res_model"], "stock.channel.remote.listing")
        action = wizard.action_add_listing()
        self.assertEqual(action["context"]["default_channel_id"], wizard.channel_id.id)

    def test_trouble_with_reading_stands_on_the_page(self):
        wizard = self.connect()
        with patch.object(
            RestConnector, "listing_pages", side_effect=RetryLater("Down.")
        ):
            wizard.action_continue()
        self.assertEqual((wizard.step, wizard.places_trouble), ("listings", "Down."))
        wizard.action_fetch_listings()
        self.assertEqual((wizard.places_trouble, wizard.mapped_count), (False, 1))

    def test_without_a_product_it_does_not_start(self):
        self.product.default_code = "ELSE"
        wizard = self.go_on(self.connect(), "start")
        self.assertEqual(wizard.missing, ["map at least one listing"])
        with self.assertRaisesRegex(UserError, "map at least one listing"):
            wizard.action_go_shadow()


@tagged("post_install", "-at_install")
class TestOnboardingRules(OnboardingCase):
    def rules(self, channel):
        return {
            rule.kind: rule.value
            for rule in self.env["stock.channel.rule"].search(
                [("channel_id", "=", channel.id)]
            )
        }

    def test_good_answers_need_no_rule(self):
        wizard = self.go_on(self.connect(), "alerts")
        self.assertEqual(self.rules(wizard.channel_id), {})

    def test_the_example_follows_the_answers(self):
        self.receive(self.product, 38)
        wizard = self.go_on(self.connect(), "rules")
        form = Form(wizard)
        form.buffer = 3
        self.assertEqual(form.example, "[DESK] Desk: 38 sellable → 35 told")
        form.share = 50
        self.assertEqual(form.example, "[DESK] Desk: 38 sellable → 16 told")
        form.cap = 10
        self.assertEqual(form.example, "[DESK] Desk: 38 sellable → 10 told")
        form.save().action_continue()
        channel = wizard.channel_id
        self.assertEqual(
            self.rules(channel), {"share": 50.0, "buffer": 3.0, "cap": 10.0}
        )
        listing, place = channel.listing_ids, channel.location_ids[0]
        self.assertEqual(self.numbers(listing, place)["published"], 10)
        wizard.action_back()
        self.assertEqual((wizard.share, wizard.buffer, wizard.cap), (50, 3, 10))
        wizard.write({"share": 100, "buffer": 2, "cap": 0, "horizon": 7})
        wizard.action_continue()
        self.assertEqual(self.rules(channel), {"buffer": 2.0, "horizon": 7.0})

    def test_rules_of_single_products_are_left_alone(self):
        wizard = self.go_on(self.connect(), "rules")
        channel = wizard.channel_id
        self.env["stock.channel.rule"].create(
            {"listing_id": channel.listing_ids.id, "kind": "cap", "value": 4}
        )
        wizard.action_back()
        wizard.action_continue()
        self.assertEqual(wizard.cap, 0)
        wizard.action_continue()
        self.assertEqual(self.rules(channel), {"cap": 4.0})

    def test_without_stock_the_example_says_so(self):
        wizard = self.go_on(self.connect(), "rules")
        wizard.buffer = 3
        self.assertIn("with 38 sellable, 35 are told", wizard.example)

    def test_returns_have_a_place_from_which_nothing_is_sold(self):
        wizard = self.go_on(self.connect(), "rules")
        self.assertEqual(
            (wizard.return_disposition, wizard.makes_quarantine), ("inspect", True)
        )
        other = self.wizards.with_user(self.manager).create(
            {"channel_id": wizard.channel_id.id}
        )
        self.assertEqual((other.step, other.makes_quarantine), ("rules", False))
        wizard.action_continue()
        place = wizard.channel_id.quarantine_location_id
        self.assertEqual(
            (place.name, place.effective_stock_condition, place.warehouse_id),
            ("Returns to Inspect", "quarantine", self.warehouse),
        )
        self.assertNotIn(place, self.stock.child_ids)

    def test_a_place_there_is_comes_first(self):
        kept = self.env["stock.location"].create(
            {
                "name": "Hold",
                "location_id": self.warehouse.view_location_id.id,
                "stock_condition": "quarantine",
            }
        )
        wizard = self.go_on(self.connect(), "alerts")
        self.assertEqual(wizard.channel_id.quarantine_location_id, kept)

    def test_order_answers_are_written(self):
        wizard = self.go_on(self.connect(), "rules")
        wizard.write(
            {
                "import_from": "paid",
                "when_short": "refuse",
                "return_disposition": "restock",
            }
        )
        wizard.action_continue()
        channel = wizard.channel_id
        self.assertEqual(
            (channel.import_from, channel.when_short, channel.return_disposition),
            ("paid", "refuse", "restock"),
        )


@tagged("post_install", "-at_install")
class TestOnboardingPeople(OnboardingCase):
    def test_somebody_has_to_hear_of_it(self):
        self.company.email = False
        wizard = self.go_on(self.connect(), "alerts")
        with self.assertRaisesRegex(UserError, "Enter a mailbox"):
            wizard.action_continue()
        wizard.alert_email = "ops@example.com"
        wizard.exception_owner_id = False
        with self.assertRaisesRegex(UserError, "who works what fails"):
            wizard.action_continue()
        wizard.write(
            {
                "exception_owner_id": self.owner.id,
                "freshness_target": 5,
                "timezone": "Europe/Brussels",
                "cutoff_time": 15.5,
            }
        )
        wizard.action_continue()
        channel = wizard.channel_id
        self.assertEqual(
            (
                channel.exception_owner_id,
                channel.alert_email,
                channel.freshness_target,
                channel.timezone,
                channel.cutoff_time,
            ),
            (self.owner, "ops@example.com", 5, "Europe/Brussels", 15.5),
        )

    def test_a_test_alert_keeps_what_was_entered(self):
        wizard = self.go_on(self.connect(), "alerts")
        wizard.alert_email = "ops@example.com"
        channel = wizard.channel_id
        with patch.object(
            type(channel), "action_send_test_alert", lambda channel: channel.alert_email
        ):
            self.assertEqual(wizard.action_test_alert(), "ops@example.com")
        self.assertEqual(wizard.step, "alerts")

    def test_what_leads_on_from_shadow(self):
        self.company.email = "office@example.com"
        wizard = self.go_on(self.connect(), "start")
        wizard.action_go_shadow()
        self.assertEqual(
            wizard.action_open_numbers()["context"],
            {"search_default_channel_id": wizard.channel_id.id},
        )
        self.assertEqual(wizard.action_open_channel()["res_id"], wizard.channel_id.id)
        action = wizard.channel_id.with_user(self.manager).action_set_up()
        self.assertEqual(
            self.wizards.browse(action["res_id"]).step, "start", "it is done"
        )
        self.assertEqual(wizard.place_ids[:1].place_id.exists().name, "hub north")
        wizard.action_go("places")
        self.line_of(wizard, "hub north").location_ids = [Command.set(self.shelf.ids)]
        wizard.action_continue()
        self.assertIn(self.shelf, wizard.channel_id.location_ids.location_ids)
