"""Access tokens: renewed once, kept at once, read by nobody, useless in a copy."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.errors import Misconfigured, RetryLater
from odoo.addons.stock_channel_hub.connectors.tokens import (
    EXPIRES_AT,
    expires_at,
    is_fresh,
)
from odoo.addons.stock_channel_hub.models.stock_channel_token import OdooTokens

from .committed import CommittedCase
from .common import HubCase
from .grid_world import DENIED_LOGGERS

CANARY = "shpat_c4n4ryc4n4ry"
NEUTRALIZE = Path(__file__).parent.parent / "data" / "neutralize.sql"
PATIENCE = 60


def given(name, seconds=3600):
    """Return what a channel gives in exchange."""
    return {
        "access_token": f"{CANARY}-{name}",
        "refresh_token": f"refresh-{name}",
        EXPIRES_AT: expires_at(datetime.now(UTC), seconds),
    }


@tagged("post_install", "-at_install")
class TestTokens(HubCase):
    def setUp(self):
        super().setUp()
        self.channel.sudo().credentials = {"client_id": "c", "refresh_token": "first"}
        self.env.flush_all()

    def store(self):
        return self.channel._connector().tokens

    def rows(self):
        self.env.cr.execute(
            "SELECT channel_id, kept FROM stock_channel_token ORDER BY channel_id"
        )
        return self.env.cr.fetchall()

    def test_nothing_is_kept_before_the_first_exchange(self):
        self.assertEqual(self.store().read(), {})

    def test_exchange_is_given_what_is_kept_and_keeps_all_it_gets(self):
        asked = []

        def renew(values):
            asked.append(values)
            return given(len(asked))

        first = self.store().exchange(renew)
        self.assertEqual(self.store().read(), first)
        second = self.store().exchange(renew)
        self.assertEqual(asked, [{}, first])
        self.assertEqual(self.rows(), [(self.channel.id, second)])

    def test_none_leaves_it(self):
        kept = self.store().exchange(lambda values: given("a"))
        self.assertEqual(self.store().exchange(lambda values: None), kept)
        self.assertEqual(self.store().read(), kept)

    def test_failure_leaves_it(self):
        kept = self.store().exchange(lambda values: given("a"))

        def fail(values):
            raise RetryLater("down")

        with self.assertRaises(RetryLater):
            self.store().exchange(fail)
        self.assertEqual(self.store().read(), kept)

    def test_each_channel_has_its_own(self):
        other = self.make_channel(name="Other")
        self.shops[other.id] = self.shop
        self.env.flush_all()
        kept = self.store().exchange(lambda values: given("a"))
        self.assertEqual(other._connector().tokens.read(), {})
        other._connector().tokens.exchange(lambda values: given("b"))
        self.assertEqual(self.store().read(), kept)

    def test_whatever_decides_who_is_asked_drops_it(self):
        for vals in (
            {"credentials": {"client_id": "d"}},
            {"base_url": "https://another.example"},
            {"connector": "medusa"},
        ):
            with self.subTest(vals=vals):
                self.store().exchange(lambda values: given("a"))
                self.assertEqual(len(self.rows()), 1)
                self.channel.sudo().write(vals)
                self.assertEqual(self.rows(), [])
                self.env.flush_all()
        self.store().exchange(lambda values: given("a"))
        self.channel.sudo().name = "Renamed"
        self.assertEqual(len(self.rows()), 1)

    def test_new_credentials_drop_it_in_the_same_transaction(self):
        self.channel.action_pause()
        self.channel.connector = "medusa"
        self.env.flush_all()
        self.store().exchange(lambda values: given("a"))
        wizard = self.env["stock.channel.credential.wizard"].create(
            {"channel_id": self.channel.id}
        )
        wizard.line_ids.filtered(lambda line: line.name == "api_key").value = "sk_new"
        savepoint = self.env.cr.savepoint()
        wizard.action_save()
        self.assertEqual(self.rows(), [])
        savepoint.close(rollback=True)
        self.assertEqual(len(self.rows()), 1)

    def test_a_worker_from_before_the_change_renews_nothing(self):
        """It would exchange the old credentials, and keep what they gave."""
        late = self.store()
        late.exchange(lambda values: given("a"))
        self.channel.sudo().credentials = {"client_id": "new"}
        self.env.flush_all()
        self.assertEqual(late.read(), {})
        with self.assertRaises(RetryLater):
            late.exchange(self.fail)
        self.assertEqual(self.rows(), [])

    def test_a_channel_that_is_gone_keeps_nothing(self):
        other = self.make_channel(name="Other")
        self.shops[other.id] = self.shop
        self.env.flush_all()
        store = other._connector().tokens
        store.exchange(lambda values: given("b"))
        other.unlink()
        self.assertEqual(self.rows(), [])
        self.assertEqual(store.read(), {})
        with self.assertRaises(RetryLater):
            store.exchange(self.fail)

    # ----------------------------------------------------------------- copies

    def test_a_copy_neither_uses_nor_renews_it(self):
        """A refresh token that is used twice locks both out."""
        self.store().exchange(lambda values: given("a"))
        self.env["ir.config_parameter"].set_param("database.uuid", "copy")
        self.env.flush_all()
        for store in (self.store(), self.store()):
            with self.assertRaises(Misconfigured):
                store.read()
            with self.assertRaises(Misconfigured):
                store.exchange(self.fail)

    def test_a_copy_that_is_started_itself_begins_anew(self):
        self.store().exchange(lambda values: given("a"))
        self.env["ir.config_parameter"].set_param("database.uuid", "copy")
        self.env.flush_all()
        self.channel._arm()
        self.env.flush_all()
        self.assertEqual(self.store().read(), {})

    def test_a_neutralized_database_has_none(self):
        self.store().exchange(lambda values: given("a"))
        self.env.cr.execute(NEUTRALIZE.read_text("utf-8"))
        self.env.invalidate_all()
        self.assertEqual(self.rows(), [])
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "True")
        self.env.flush_all()
        with self.assertRaises(Misconfigured):
            self.store().exchange(self.fail)

    # ---------------------------------------------------------------- secrecy

    def test_nobody_reads_or_exports_it(self):
        self.store().exchange(lambda values: given("a"))
        token = self.env["stock.channel.token"].sudo().search([])
        self.assertEqual(len(token), 1)
        for group in ("user", "operator", "manager", "approver", "admin"):
            user = self.make_user(f"group_{group}")
            user.group_ids += self.env.ref("base.group_allow_export")
            mine = token.with_user(user)
            for name, ask in (
                ("read", mine.read),
                ("search", lambda m=mine: m.search([])),
                ("export", lambda m=mine: m.export_data(["kept"])),
                ("unlink", mine.unlink),
            ):
                with self.subTest(group=group, ask=name), mute_logger(*DENIED_LOGGERS):
                    with self.assertRaises(AccessError):
                        ask()
        for field in ("kept", "settings_digest"):
            with self.assertRaises(AccessError), mute_logger(*DENIED_LOGGERS):
                token.with_user(self.env.ref("base.user_admin")).read([field])

    def test_no_line_and_no_record_holds_it(self):
        with self.assertNoLogs("odoo", logging.INFO):
            self.store().exchange(lambda values: given("a"))
            self.store().read()
        self.env.flush_all()
        for table in ("stock_channel_audit", "mail_message", "mail_tracking_value"):
            self.env.cr.execute(f"SELECT t::text FROM {table} AS t")  # noqa: S608
            rows = " ".join(row for (row,) in self.env.cr.fetchall())
            self.assertNotIn(CANARY, rows)
        self.assertNotIn(CANARY, repr(self.store().__dict__))

    def test_what_cannot_be_kept_is_said_without_what_it_was(self):
        """PostgreSQL shows the text around what it cannot take."""
        for rubbish in ("\0", "\ud800"):
            with self.subTest(rubbish=rubbish), self.assertNoLogs("odoo", "WARNING"):
                with self.assertRaises(RetryLater) as caught:
                    self.store().exchange(lambda values, r=rubbish: given(r))
                self.assertNotIn(CANARY, caught.exception.message)
                self.assertIsNone(caught.exception.__cause__)
        self.assertEqual(self.store().read(), {})


@tagged("post_install", "-at_install")
class TestTokenRace(CommittedCase):
    """Two workers on real connections, and a token that ends for both at once."""

    def setUp(self):
        super().setUp()
        self.channel_id = self.channel_ids[0]
        self.asked = []
        self.is_asking = threading.Event()

    def make_store(self, env):
        channel = env["stock.channel"].browse(self.channel_id)
        return OdooTokens(env.registry, channel.id, channel._settings_digest())

    def renew(self, values):
        if is_fresh(values, datetime.now(UTC)):
            return None
        self.asked.append(dict(values))
        self.is_asking.set()
        self.wait_until_another_waits()
        return given(len(self.asked))

    def wait_until_another_waits(self):
        """Hold the lock until the other worker has run into it."""
        deadline = datetime.now(UTC).timestamp() + PATIENCE
        while datetime.now(UTC).timestamp() < deadline:
            with self.database.cursor() as cr:
                cr.execute(
                    "SELECT count(*) FROM pg_locks AS waiting "
                    "JOIN pg_stat_activity AS who ON who.pid = waiting.pid "
                    "WHERE NOT waiting.granted AND who.datname = current_database() "
                    "AND who.query LIKE '%%stock_channel_token%%'"
                )
                if cr.fetchone()[0]:
                    return
        self.fail("the other worker never came")

    def run_both(self):
        store = self.work(self.make_store)

        def second():
            self.is_asking.wait(PATIENCE)
            return store.exchange(self.renew)

        with mute_logger("odoo.sql_db"), ThreadPoolExecutor(2) as pool:
            one = pool.submit(store.exchange, self.renew)
            two = pool.submit(second)
            return one.result(PATIENCE), two.result(PATIENCE)

    def kept(self, env):
        return self.make_store(env).read()

    def test_first_exchange_happens_once(self):
        one, two = self.run_both()
        self.assertEqual((one, self.asked), (two, [{}]))
        self.assertEqual(self.work(self.kept), one)

    def test_renewal_happens_once(self):
        def end(env):
            self.make_store(env).exchange(lambda values: given("old", seconds=0))

        self.work(end)
        one, two = self.run_both()
        self.assertEqual(one, two)
        self.assertEqual(
            [values["refresh_token"] for values in self.asked], ["refresh-old"]
        )

    def test_it_outlives_the_work_it_was_needed_for(self):
        """The old one is worth nothing any more."""

        def work(env):
            self.make_store(env).exchange(lambda values: given("a"))
            env.cr.rollback()

        self.work(work)
        self.assertEqual(self.work(self.kept)["refresh_token"], "refresh-a")

    def test_credentials_that_change_meanwhile_win(self):
        """Whatever the worker is given for the old ones is not used again."""
        store = self.work(self.make_store)

        def change(env):
            env["stock.channel"].browse(self.channel_id).credentials = {"key": "new"}

        def renew(values):
            self.work(change)
            return given("old")

        store.exchange(renew)
        self.assertEqual(self.work(self.kept), {})
