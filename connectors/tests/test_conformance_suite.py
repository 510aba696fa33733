"""The suite itself: what it lets pass, what it finds, and what it says then."""

import re
import unittest
from dataclasses import replace
from unittest import mock

from hypothesis import Phase, settings

from .. import registry
from ..base import Told
from ..data import OrderPage, RemoteListing, ResultStatus, UpdateResult
from ..errors import BadSignature, RateLimited, RetryLater
from ..rest import RestConnector
from ..testing import conformance_story
from ..testing.conformance_advice import advice_of
from ..testing.fake_channel import FakeServer
from ..tokens import is_fresh
from .rich_shop import RichCase, RichShop


def tests_of(case: type) -> list[str]:
    """Return the names of the tests a suite has."""
    return unittest.defaultTestLoader.getTestCaseNames(case)


def outcome(connector: type, *names: str, **overrides: object) -> unittest.TestResult:
    """Run tests of the suite, or all, on a variant of the rich shop."""
    members = {"connector_class": connector, **overrides}
    case = type("Case", (RichCase, unittest.TestCase), members)
    suite = unittest.TestSuite(case(name) for name in names or tests_of(case))
    result = unittest.TestResult()
    with mock.patch.dict(registry._registered, {connector.key: connector}):
        suite.run(result)
    return result


def failures(result: unittest.TestResult) -> dict[str, str]:
    """Return what went wrong, by name of the test."""
    wrong = result.failures + result.errors
    return {re.findall(r"\btest_\w+", test.id())[-1]: text for test, text in wrong}


class TestSuite(unittest.TestCase):
    def test_who_does_everything_passes_everything(self):
        result = outcome(RichShop)
        self.assertEqual({}, failures(result))
        self.assertEqual([], result.skipped)
        self.assertEqual(len(tests_of(RichCase)), result.testsRun)

    def test_every_test_says_what_to_do(self):
        for name in tests_of(RichCase):
            with self.subTest(name):
                must, _, todo = advice_of(getattr(RichCase, name)).partition("\n\n")
                self.assertTrue(must)
                self.assertTrue(todo.startswith("What to do: "), todo)

    def test_what_a_fake_cannot_play_is_skipped(self):
        class Plain(RichCase):
            def make_server(self, clock):
                server = super().make_server(clock)
                hidden = ("use_up_limit", "disturb_webhooks")
                members = {name: getattr(FakeServer, name) for name in hidden}
                server.__class__ = type("Plain", (type(server),), members)
                return server

        case = type("Case", (Plain, unittest.TestCase), {})
        result = unittest.TestResult()
        names = ("test_limit_fills_up_again", "test_disturbed_webhooks_are_mended")
        unittest.TestSuite(map(case, names)).run(result)
        self.assertEqual(
            [
                "rich_shop: its fake has no use_up_limit",
                "rich_shop: its fake has no disturb_webhooks",
            ],
            [reason for _test, reason in result.skipped],
        )


class MistakeCase(unittest.TestCase):
    def assert_found(self, connector: type, name: str, *, why: str = "") -> None:
        """Assert that a test of the suite finds the mistake, and says what to do."""
        text = failures(outcome(connector, name)).get(name, "")
        self.assertIn("What to do: ", text)
        self.assertIn(why, text)


class TestMistakes(MistakeCase):
    """Connectors with one mistake each."""

    def test_everything_is_a_ping(self):
        class Deaf(RichShop):
            def is_ping(self, raw, headers):
                return True

        self.assert_found(Deaf, "test_nothing_real_is_a_ping")

    def test_pings_are_deliveries(self):
        class Blind(RichShop):
            def is_ping(self, raw, headers):
                return False

        self.assert_found(Blind, "test_pings_are_recognised")

    def test_signature_is_compared_without_its_last_letter(self):
        class Short(RichShop):
            def verify(self, raw, headers, secrets, now):
                name = "webhook-signature"
                padded = {**headers, name: headers.get(name, "")[:-1] + "="}
                super().verify(raw, padded, secrets, now)

        self.assert_found(Short, "test_thousand_changed_bytes_are_refused")

    def test_end_of_a_body_is_not_signed(self):
        class Half(RichShop):
            def verify(self, raw, headers, secrets, now):
                try:
                    super().verify(raw, headers, secrets, now)
                except BadSignature:
                    begins_well = raw.startswith(b"{") and "webhook-id" in headers
                    if not begins_well or not headers.get("webhook-signature"):
                        raise

        self.assert_found(Half, "test_thousand_changed_bytes_are_refused")

    def test_any_secret_is_accepted(self):
        class Open(RichShop):
            @classmethod
            def accepts_secret(cls, secret):
                return True

        self.assert_found(Open, "test_secrets_are_recognised")

    def test_webhooks_are_made_again_and_again(self):
        class Eager(RichShop):
            def _get(self, path, params):
                found = super()._get(path, params)
                return {"hooks": []} if path == "/hooks" else found

        self.assert_found(Eager, "test_webhooks_are_made_once")

    def test_webhooks_stay_where_they_were(self):
        class Stuck(RichShop):
            def watch_webhooks(self, address):
                return super().watch_webhooks("https://hub.example/first")

        class Lazy(RichShop):
            def _get(self, path, params):
                found = super()._get(path, params)
                for hook in found["hooks"] if path == "/hooks" else ():
                    hook["on"] = True
                return found

        self.assert_found(Stuck, "test_webhooks_follow_the_address")
        self.assert_found(Lazy, "test_disturbed_webhooks_are_mended")

    def test_webhooks_are_claimed_in_vain(self):
        claims = replace(RichShop.capabilities, registers_webhooks=False)
        modest = type("Modest", (RichShop,), {"capabilities": claims})
        self.assert_found(modest, "test_webhooks_are_claimed_truly")

        class Boaster(RestConnector):
            key = "boaster"
            capabilities = RichShop.capabilities

        result = outcome(Boaster, "test_webhooks_are_claimed_truly")
        self.assertEqual(1, len(failures(result)))

    def test_limits_are_not_kept(self):
        class Rash(RichShop):
            def _call(self, *arguments):
                self.transport.limits._limits.clear()
                return super()._call(*arguments)

        self.assert_found(Rash, "test_limit_is_kept_before_it_bites", why="it waited")

    def test_throttled_is_told_as_refused(self):
        class Loud(RichShop):
            def _call(self, *arguments):
                try:
                    return super()._call(*arguments)
                except RateLimited as error:
                    raise RateLimited(error.message, after=error.after) from None

        self.assert_found(Loud, "test_limit_is_kept_before_it_bites", why="Throttled")

    def test_tokens_are_renewed_with_every_call(self):
        class Busy(RichShop):
            def token(self):
                return self.tokens.exchange(self.renewed_anyway)["token"]

            def renewed_anyway(self, kept):
                return super().renewed({**kept, "expires_at": "1999"})

        self.assert_found(Busy, "test_ended_token_is_renewed_once")
        self.assert_found(Busy, "test_token_of_another_worker_is_used")

    def test_tokens_are_renewed_beside_the_store(self):
        class Forgetful(RichShop):
            def token(self):
                kept = self.tokens.read()
                if not is_fresh(kept, self.clock()):
                    kept = self.renewed(kept)
                return kept["token"]

        self.assert_found(Forgetful, "test_ended_token_is_renewed_once")

    def test_rubbish_is_kept_as_a_token(self):
        class Trusting(RichShop):
            def renewed(self, kept):
                try:
                    return super().renewed(kept)
                except RetryLater:
                    return {"token": "", "refresh": ""}

        self.assert_found(Trusting, "test_rubbish_is_no_token")
        self.assert_found(Trusting, "test_token_renewal_survives_trouble")

    def test_what_is_told_is_not_told(self):
        silent = type("Silent", (RichShop,), {"tells": frozenset({Told.CANCELS})})
        self.assert_found(silent, "test_samples_show_what_is_told", why="RETURNS")

    def test_listings_come_twice(self):
        class Double(RichShop):
            def fetch_listings(self):
                listings = list(super().fetch_listings())
                return listings + listings

        class Vague(RichShop):
            def fetch_listings(self):
                return [RemoteListing(sku="A-1", item_id="", title=None)]

        name = "test_listings_have_the_contracts_shape"
        self.assert_found(Double, name, why="a listing comes twice")
        self.assert_found(Vague, name)

    def test_pages_are_numbered(self):
        class Numbered(RichShop):
            def fetch_orders(self, since):
                fetch = super().fetch_orders
                number = 0
                while pages := list(fetch(since))[number:]:
                    yield pages[0]
                    number += 1

        self.assert_found(Numbered, "test_order_that_changes_between_pages_is_not_lost")

    def test_pages_begin_behind_the_newest_date(self):
        class After(RichShop):
            def fetch_orders(self, since):
                for page in super().fetch_orders(since):
                    yield page
                    if page.high_water:
                        return

        self.assert_found(After, "test_orders_of_one_moment_all_come")

    def test_any_order_is_the_one(self):
        class Generous(RichShop):
            def fetch_order(self, order_id):
                for page in self.fetch_orders(None):
                    return page.orders[0] if page.orders else None

        self.assert_found(Generous, "test_foreign_ids_are_harmless")

    def test_high_water_is_the_present(self):
        class Hasty(RichShop):
            def fetch_orders(self, since):
                for page in super().fetch_orders(since):
                    yield OrderPage(orders=page.orders, high_water=self.clock())

        self.assert_found(Hasty, "test_reading_goes_on_behind_any_page")


class TestStories(MistakeCase):
    """Mistakes that need a story to be found."""

    def setUp(self) -> None:
        """Take the first story that fails: nobody reads it."""
        brief = settings(conformance_story.SETTINGS, phases=[Phase.generate])
        patch = mock.patch.object(conformance_story, "SETTINGS", brief)
        patch.start()
        self.addCleanup(patch.stop)

    def test_an_old_number_is_resent(self):
        class Stubborn(RichShop):
            left = None

            def publish(self, updates, idempotency_key):
                lost, type(self).left = self.left, None
                if lost:
                    super().publish(*lost)
                try:
                    return super().publish(updates, idempotency_key)
                except RetryLater:
                    type(self).left = (updates, idempotency_key)
                    raise

        self.assert_found(Stubborn, "test_story")

    def test_a_lost_answer_is_called_applied(self):
        class Hopeful(RichShop):
            def publish(self, updates, idempotency_key):
                try:
                    return super().publish(updates, idempotency_key)
                except RetryLater:
                    return [UpdateResult(status=ResultStatus.APPLIED) for _ in updates]

        self.assert_found(Hopeful, "test_story", why="applied, but not shown")

    def test_an_effect_is_called_not_seen(self):
        class Wrong(RichShop):
            def publish(self, updates, idempotency_key):
                try:
                    return super().publish(updates, idempotency_key)
                except RetryLater as error:
                    raise RateLimited(error.message) from None

        self.assert_found(Wrong, "test_story", why="nothing was applied")

    def test_the_key_is_made_up_each_time(self):
        class Random(RichShop):
            count = 0

            def publish(self, updates, idempotency_key):
                type(self).count += 1
                plain = [replace(update, previous=None) for update in updates]
                rising = [
                    replace(update, sequence=2_000 + self.count) for update in plain
                ]
                return super().publish(rising, f"{idempotency_key}-{self.count}")

        self.assert_found(Random, "test_story")
