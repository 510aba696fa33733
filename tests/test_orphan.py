from contextlib import suppress
from unittest.mock import patch

from odoo import SUPERUSER_ID, api
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.rest import RestConnector
from odoo.addons.stock_channel_hub.models.stock_channel_message_batch import (
    StockChannelMessageBatch,
)

from .clock import ClockCase

CLAIM_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_message_claim"


class Killed(BaseException):
    """What a killed worker looks like: nothing catches it."""


def die(*_args, **_options):
    raise Killed


@tagged("post_install", "-at_install")
class TestOrphans(ClockCase):
    """What a killed worker held is taken up by the next run of the very same job."""

    def run_as(self, job, model, method, record_id=None):
        """Run a job as its scheduled action does; whether its worker lived."""
        self.env.flush_all()
        self.env.cr.flush()
        lived = False
        with self.registry.cursor() as cr, suppress(Killed):
            env = api.Environment(cr, SUPERUSER_ID, {"cron_id": job.id})
            records = env[model].browse(record_id) if record_id else env[model]
            getattr(records, method)()
            lived = True
        self.env.invalidate_all()
        return lived

    def run_inbox_as(self, name):
        job = self.env.ref(f"stock_channel_hub.{name}")
        return self.run_as(job, "stock.channel.message", "_cron_inbox")

    def run_publish_as_job(self):
        return self.run_as(
            self.channel.sudo().publish_cron_id,
            "stock.channel",
            "_cron_publish",
            self.channel.id,
        )

    def messages(self):
        return self.env["stock.channel.message"].search(
            [("channel_id", "=", self.channel.id)]
        )

    def kill_over_two_orders(self):
        self.receive(self.product, 10)
        self.deliver("order.updated", self.order_data("1"))
        self.deliver("order.updated", self.order_data("2"))
        with patch.object(StockChannelMessageBatch, "_parse_together", die):
            self.assertFalse(self.run_inbox_as("ir_cron_inbox"))
        self.assertTrue(all(self.messages().mapped("lease_until")))

    def test_the_same_job_takes_them_up_at_once(self):
        self.kill_over_two_orders()
        with mute_logger(CLAIM_LOGGER):
            self.assertTrue(self.run_inbox_as("ir_cron_inbox"))
        self.assertEqual(self.messages().mapped("state"), ["done", "done"])
        self.assertEqual(self.messages().mapped("claims"), [2, 2])

    def test_another_job_waits_for_the_lease(self):
        self.kill_over_two_orders()
        self.assertTrue(self.run_inbox_as("ir_cron_inbox_2"))
        self.assertEqual(self.messages().mapped("state"), ["pending", "pending"])

    def test_numbers_go_out_once_the_last_call_must_be_over(self):
        self.receive(self.product, 10)
        self.run_all()
        self.assertEqual(self.shown("DESK"), 10)
        self.receive(self.product, -4)
        self.run_compute()
        with patch.object(RestConnector, "publish", die):
            self.assertFalse(self.run_publish_as_job())
        row = self.env["stock.channel.publication"].search(
            [("listing_id", "=", self.listing.id)]
        )
        self.pass_time(59)
        self.run_publish_as_job()
        self.assertEqual((row.state, self.shown("DESK")), ("sending", 10))
        self.pass_time(2)
        self.run_publish_as_job()
        self.assertEqual((row.state, self.shown("DESK")), ("clean", 6))

    def test_whoever_is_not_the_job_waits_for_the_lease(self):
        self.receive(self.product, 10)
        self.run_compute()
        with patch.object(RestConnector, "publish", die):
            self.assertFalse(self.run_publish_as_job())
        self.pass_time(61)
        self.run_publish()
        row = self.env["stock.channel.publication"].search(
            [("listing_id", "=", self.listing.id)]
        )
        self.assertEqual(row.state, "sending")
