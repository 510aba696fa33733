from unittest.mock import patch

from odoo import api
from odoo.tests import tagged

from odoo.addons.base.models.ir_cron import IrCron

from ..models import ir_cron as rounds
from .common import HubCase


@tagged("post_install", "-at_install")
class TestCronRound(HubCase):
    """No round of scheduled actions grows until Odoo restarts the server."""

    def setUp(self):
        super().setUp()
        self.now = 1000.0
        self.ran = []
        clock = patch.object(rounds.time, "monotonic", lambda: self.now)
        run = patch.object(
            IrCron,
            "_process_job",
            classmethod(lambda cls, cr, job: self.ran.append(job["id"])),
        )
        for patched in (clock, run):
            patched.start()
            self.addCleanup(patched.stop)
        self.ours = self.env.ref("stock_channel_hub.ir_cron_compute")
        self.theirs = self.env.ref("base.autovacuum_job")

    def process(self, cron, cursor):
        job = {"id": cron.id, "user_id": cron.user_id.id}
        self.env.registry["ir.cron"]._process_job(cursor, job)

    def triggers(self):
        return self.env["ir.cron.trigger"].search_count(
            [("cron_id", "=", self.ours.id)]
        )

    def test_late_in_a_round_ours_wait_for_the_next(self):
        before = self.triggers()
        self.process(self.ours, self.env.cr)
        self.now += rounds.ROUND_SECONDS
        self.process(self.ours, self.env.cr)
        self.assertEqual(self.ran, [self.ours.id])
        self.assertEqual(self.triggers(), before + 1, "it is woken again")
        self.process(self.theirs, self.env.cr)
        self.assertEqual(self.ran, [self.ours.id, self.theirs.id])

    def test_next_round_begins_anew(self):
        self.process(self.ours, self.env.cr)
        self.now += rounds.ROUND_SECONDS
        with self.registry.cursor() as cursor:
            self.process(
                api.Environment(cursor, 1, {})["ir.cron"].browse(self.ours.id), cursor
            )
        self.assertEqual(self.ran, [self.ours.id] * 2)


@tagged("post_install", "-at_install")
class TestLongRun(HubCase):
    """A run whose time is up makes room instead of being started over."""

    def go_on(self, done, remaining, seconds_left):
        """Report progress as a scheduled action; return what is kept of it."""
        cron = self.env.ref("stock_channel_hub.ir_cron_compute")
        progress = self.env["ir.cron.progress"].create(
            {"cron_id": cron.id, "remaining": 0, "done": 0}
        )
        context = {
            "cron_id": cron.id,
            "ir_cron_progress_id": progress.id,
            "cron_end_time": rounds.time.monotonic() + seconds_left,
        }
        self.env.flush_all()
        woken = []
        mixin = type(self.env["stock.channel.mixin"])
        with (
            patch.object(
                mixin,
                "_trigger_after_commit",
                lambda _self, crons: woken.append(crons.id),
            ),
            self.registry.cursor() as cr,
        ):
            env = api.Environment(cr, api.SUPERUSER_ID, context)
            goes_on = env["stock.channel.mixin"]._goes_on(done, remaining)
        self.env.invalidate_all()
        return goes_on, progress.done, progress.remaining, woken == [cron.id]

    def test_within_its_time_it_goes_on(self):
        self.assertEqual(self.go_on(5, 9, 60), (True, 5, 0, False))

    def test_after_its_time_it_is_woken_again(self):
        """Odoo would run ten times over what reports a rest, whatever the clock says."""
        self.assertEqual(self.go_on(5, 9, -1), (False, 5, 0, True))

    def test_what_is_done_or_stuck_ends(self):
        self.assertEqual(self.go_on(5, 0, 60), (False, 5, 0, False))
        self.assertEqual(self.go_on(0, 9, 60), (False, 0, 0, False))
