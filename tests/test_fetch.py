from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.data import ListingPage, RemoteListing
from odoo.addons.stock_channel_hub.connectors.errors import (
    Misconfigured,
    RateLimited,
    RetryLater,
)
from odoo.addons.stock_channel_hub.models import stock_channel_fetch

from .remote_common import RemoteCase
from .statements import counted


@tagged("post_install", "-at_install")
class TestFetch(RemoteCase):
    """A catalogue is read once, whatever happens meanwhile."""

    def slow(self, **limits):
        """Let slices be so short that each ends behind its first page."""
        for name, value in {"FIRST_ROWS": 1, "SLICE_SECONDS": 0, **limits}.items():
            patcher = patch.object(stock_channel_fetch, name, value)
            patcher.start()
            self.addCleanup(patcher.stop)

    def counts(self, fetch):
        return (
            fetch.state,
            fetch.read_count,
            fetch.new_count,
            fetch.gone_count,
            fetch.unusable_count,
            fetch.mapped_count,
        )

    # ----------------------------------------------------------------- at once

    def test_a_small_catalogue_is_read_and_mapped_at_once(self):
        lamp = self.make_product("Lamp", "LAMP")
        self.lists("DESK", title="Desk")
        self.lists("LAMP", title="Lamp")
        self.lists("VASE", title="Vase")
        action = self.channel.with_user(self.manager).action_fetch_listings()
        fetch = self.fetches.search([])
        self.assertEqual(self.counts(fetch), ("done", 3, 3, 0, 0, 1))
        self.assertEqual(self.listing_of("LAMP").product_id, lamp)
        self.assertEqual(fetch.user_id, self.manager)
        self.assertEqual(
            action["params"]["message"],
            "1 new listings mapped by SKU; 1 of 3 need a look.",
        )
        self.assertEqual(action["params"]["next"]["context"]["search_default_todo"], 1)
        self.assertEqual(
            (self.channel.remote_count, self.channel.remote_open_count), (3, 1)
        )

    def test_what_was_mapped_is_the_manager_s_in_the_audit(self):
        self.make_product("Lamp", "LAMP")
        self.lists("LAMP")
        self.fetch()
        rows = self.env["stock.channel.audit"].search(
            [
                ("res_model", "=", "stock.channel.listing"),
                ("res_id", "=", self.listing_of("LAMP").id),
            ]
        )
        self.assertEqual(
            [(row.action, row.user_id) for row in rows], [("created", self.manager)]
        )

    def test_what_the_channel_says_is_told(self):
        self.lists("LAMP")
        self.fails = [Misconfigured("The key is wrong.")]
        with self.assertRaises(UserError) as caught, self.cr.savepoint():
            self.channel.with_user(self.manager).action_fetch_listings()
        self.assertEqual(caught.exception.args[0], "The key is wrong.")

    def test_only_managers_fetch(self):
        for user in (self.operator, self.approver):
            with self.assertRaises(AccessError):
                self.channel.with_user(user).action_fetch_listings()

    # -------------------------------------------------------------- in slices

    def test_a_large_one_goes_on_where_it_stopped(self):
        self.slow()
        self.page_size = 2
        for number in range(7):
            self.lists(f"I{number}")
        action = self.channel.with_user(self.manager).action_fetch_listings()
        fetch = self.fetches.search([])
        self.assertEqual(
            (action["res_model"], action["res_id"]), ("stock.channel.fetch", fetch.id)
        )
        self.assertEqual(self.counts(fetch), ("reading", 2, 2, 0, 0, 0))
        self.assertEqual(fetch.position, "2")
        self.run_fetch()
        self.assertEqual(self.counts(fetch), ("reading", 4, 4, 0, 0, 0))
        self.assertTrue(self.channel.is_fetching)
        self.run_fetch()
        self.run_fetch()
        self.assertEqual((fetch.state, fetch.read_count), ("matching", 7))
        self.assertEqual(self.asked_from, ["", "2", "4", "6"])
        self.run_fetch()
        self.run_fetch()
        self.assertEqual(self.counts(fetch), ("done", 7, 7, 0, 0, 0))
        self.assertEqual(len(self.remote.search([])), 7)
        self.assertFalse(self.channel.is_fetching)

    def test_progress_is_to_be_seen(self):
        fetch = self.fetches.sudo()._begin(self.channel, is_by_hand=True)
        fetch.write({"expected_count": 200, "read_count": 50})
        self.assertEqual(fetch.progress, 12.5)
        fetch.write({"state": "matching", "read_count": 200, "matched_count": 50})
        self.assertEqual(fetch.progress, 62.5)
        fetch.state = "done"
        self.assertEqual(fetch.progress, 100)

    def test_pressing_twice_shows_what_runs(self):
        self.slow()
        self.page_size = 1
        self.lists("A")
        self.lists("B")
        first = self.channel.with_user(self.manager).action_fetch_listings()
        again = self.channel.with_user(self.manager).action_fetch_listings()
        self.assertEqual(first["res_id"], again["res_id"])
        self.assertEqual(self.asked_from, [""])

    def test_without_positions_the_background_begins_anew(self):
        """And counts nothing twice, whatever the first slice had kept."""
        self.slow()
        real, self.page_size = self.catalogue, 2
        for number in range(5):
            self.lists(f"I{number}")
        pages = [real[start : start + 2] for start in (0, 2, 4)]

        def without(_connector, position=""):
            self.assertEqual(position, "")
            for page in pages:
                yield ListingPage(listings=tuple(page))

        with patch.object(type(self.channel._connector()), "listing_pages", without):
            self.channel.with_user(self.manager).action_fetch_listings()
            fetch = self.fetches.search([])
            self.assertEqual(self.counts(fetch), ("reading", 2, 2, 0, 0, 0))
            while fetch.state != "done":
                self.run_fetch()
        self.assertEqual((fetch.read_count, fetch.new_count), (5, 3))
        self.assertEqual(set(self.remote.search([]).mapped("times")), {1})
        self.assertFalse(self.remote.search([("gone_at", "!=", False)]))

    # ---------------------------------------------------------------- trouble

    def start_slowly(self, count=3):
        self.slow()
        self.page_size = 1
        for number in range(count):
            self.lists(f"I{number}")
        self.channel.with_user(self.manager).action_fetch_listings()
        return self.fetches.search([], limit=1)

    def test_trouble_is_tried_again_behind_the_last_page(self):
        fetch = self.start_slowly()
        self.fails = [RetryLater("Down.", after=300)]
        self.run_fetch()
        self.assertEqual((fetch.state, fetch.error), ("reading", "Down."))
        self.assertEqual(
            fetch.next_attempt_at, self.env.cr.now() + timedelta(seconds=300)
        )
        self.run_fetch()
        self.assertEqual(fetch.read_count, 1, "before its time nothing is asked")
        fetch.next_attempt_at = self.env.cr.now()
        self.run_fetch()
        self.assertEqual((fetch.read_count, fetch.error, fetch.attempts), (2, False, 0))
        self.assertEqual(self.asked_from, ["", "1", "1"])

    def test_trouble_that_stays_ends_it(self):
        fetch = self.start_slowly()
        for _attempt in range(5):
            self.fails = [RetryLater("Down.")]
            fetch.next_attempt_at = False
            self.run_fetch()
        self.assertEqual((fetch.state, fetch.error), ("failed", "Down."))
        self.assertTrue(fetch.finished_at)

    def test_what_a_person_must_mend_ends_it_at_once(self):
        fetch = self.start_slowly()
        self.fails = [Misconfigured("The key is wrong.")]
        self.run_fetch()
        self.assertEqual((fetch.state, fetch.error), ("failed", "The key is wrong."))

    def test_limits_are_waited_for(self):
        fetch = self.start_slowly()
        for _attempt in range(9):
            self.fails = [RateLimited("Too many.", after=1)]
            fetch.next_attempt_at = False
            self.run_fetch()
        self.assertEqual((fetch.state, fetch.attempts), ("reading", 0))

    def test_a_connector_s_bug_is_no_end_of_the_job(self):
        fetch = self.start_slowly()
        self.fails = [ValueError("bug")]
        with self.assertLogs("odoo.addons.stock_channel_hub", "ERROR"):
            self.run_fetch()
        self.assertEqual(
            (fetch.state, fetch.error), ("reading", "ValueError in the connector")
        )

    def test_it_can_be_stopped(self):
        fetch = self.start_slowly()
        with self.assertRaises(AccessError):
            fetch.with_user(self.operator).action_stop()
        fetch.with_user(self.manager).action_stop()
        self.run_fetch()
        self.assertEqual((fetch.state, fetch.read_count), ("stopped", 1))

    def test_a_copy_of_the_database_asks_nobody(self):
        fetch = self.start_slowly()
        self.channel.sudo().database_identity = "another"
        asked = len(self.asked_from)
        self.run_fetch()
        self.assertEqual((fetch.state, len(self.asked_from)), ("stopped", asked))

    # ----------------------------------------------------------- what is gone

    def test_what_is_gone_and_comes_back(self):
        self.lists("A")
        self.lists("B")
        self.fetch()
        gone = self.catalogue.pop()
        self.assertEqual(self.fetch().gone_count, 1)
        self.assertEqual(
            self.remote.search([("gone_at", "!=", False)]).mapped("sku"), ["B"]
        )
        first_seen = self.row("B").first_seen
        self.catalogue.append(gone)
        fetch = self.fetch()
        self.assertEqual((fetch.new_count, fetch.gone_count), (0, 0))
        self.assertEqual(
            (self.row("B").gone_at, self.row("B").first_seen), (False, first_seen)
        )

    def test_nothing_at_all_is_a_fault_and_no_empty_shop(self):
        self.lists("A")
        self.fetch()
        self.catalogue.clear()
        fetch = self.fetch()
        self.assertEqual(fetch.state, "failed")
        self.assertIn("listed nothing", fetch.error)
        self.assertFalse(self.row("A").gone_at)

    def test_a_reading_that_broke_off_says_nothing_is_gone(self):
        self.lists("A")
        self.lists("B")
        self.fetch()
        self.catalogue.clear()
        fetch = self.start_slowly(2)
        self.fails = [Misconfigured("No.")]
        self.run_fetch()
        self.assertEqual(fetch.state, "failed")
        self.assertFalse(self.remote.search([("gone_at", "!=", False)]))

    # --------------------------------------------------------------- contents

    def test_ids_nobody_could_enter_are_left_out(self):
        for sku in ("", "nul\0byte", "x" * 251, "\ud800", "good"):
            self.lists(sku, title="t\0\ud800" + "t" * 600)
        fetch = self.fetch()
        self.assertEqual((fetch.new_count, fetch.unusable_count), (1, 4))
        self.assertEqual(len(self.row("good").title), 500)

    def test_one_sku_named_twice_is_one_row(self):
        """On one page, or on two."""
        self.page_size = 2
        for sku in ("A", "A", "B", "A"):
            self.lists(sku)
        fetch = self.fetch()
        self.assertEqual((fetch.new_count, fetch.read_count), (2, 4))
        self.assertEqual((self.row("A").times, self.row("B").times), (3, 1))
        self.fetch()
        self.assertEqual(self.row("A").times, 3)

    # --------------------------------------------------------------- by itself

    def test_channels_at_work_are_read_again_each_day(self):
        self.make_product("Lamp", "LAMP")
        self.lists("VASE")
        self.run_fetch()
        self.assertFalse(self.fetches.search([]), "nobody has asked for it yet")
        self.fetch()
        self.run_fetch()
        self.assertEqual(len(self.fetches.search([])), 1)
        self.fetches.search([]).started_at -= timedelta(days=1)
        self.lists("LAMP")
        self.run_fetch()
        again = self.fetches.search([], limit=1)
        self.assertEqual(
            (again.state, again.is_by_hand, again.new_count), ("done", False, 1)
        )
        self.assertEqual(self.row("LAMP").state, "proposed")
        self.assertFalse(self.listing_of("LAMP"), "only a person maps")
        self.assertEqual(again.user_id, self.env.ref("base.user_root"))

    def test_a_draft_is_not_read_by_itself(self):
        self.lists("VASE")
        self.fetch().started_at -= timedelta(days=2)
        self.channel.action_pause()
        self.run_fetch()
        self.assertEqual(len(self.fetches.search([])), 1)

    # -------------------------------------------------------------------- cost

    def test_more_listings_cost_no_more_statements(self):
        """Ten or three hundred on a page: as many statements, matched and judged."""
        self.page_size = 1000
        counts = {}
        # What Odoo reads once for each process, such as a parameter, falls to whoever
        # comes first: to the one listing, which is compared with nothing.
        for count in (1, 10, 300):
            self.env["product.product"].create(
                [
                    {"name": f"Thing {number}", "default_code": f"{count}-{number}"}
                    for number in range(count)
                ]
            )
            self.catalogue = [
                RemoteListing(
                    sku=f"{count}_{number}", item_id="", title=f"Thing {number}"
                )
                for number in range(count)
            ]
            fetch = self.fetches.sudo()._begin(self.channel, is_by_hand=False)
            self.env.flush_all()
            self.env.invalidate_all()
            with counted() as texts:
                fetch._first_slice()
                self.env.flush_all()
            self.assertEqual((fetch.state, fetch.read_count), ("done", count))
            counts[count] = len(texts)
        self.assertEqual(counts[10], counts[300])
        self.assertLess(counts[300], 50)
