from unittest.mock import patch

import psycopg2

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.base.models.ir_http import IrHttp
from odoo.addons.stock_channel_hub.controllers.stock_channel_hub import (
    StockChannelHub,
)

from .door_common import DoorCase

HTTP_LOGGER = "odoo.http"
DOOR_LOGGER = "odoo.addons.stock_channel_hub.controllers.no_database"


@tagged("post_install", "-at_install")
class TestDoorWithoutDatabase(DoorCase):
    """Whoever cannot be served now is told when to come back, never to go away."""

    def assert_try_again(self, response):
        self.assertEqual(response.status_code, 503)
        self.assertEqual(response.json(), {"status": "try again"})
        self.assertEqual(response.headers["Retry-After"], "30")
        self.assertNotIn("Set-Cookie", response.headers)

    def test_no_connection_to_be_had(self):
        """Odoo knows no route of ours then, and would answer 404."""
        gone = psycopg2.OperationalError("the database system is starting up")
        with patch("odoo.http.Registry", side_effect=gone), mute_logger(HTTP_LOGGER):
            self.assert_try_again(self.post())
            self.assert_try_again(
                self.url_open(f"{self.path}/inventory", allow_redirects=False)
            )

    def test_other_paths_are_odoo_s(self):
        gone = psycopg2.OperationalError("the database system is starting up")
        with patch("odoo.http.Registry", side_effect=gone), mute_logger(HTTP_LOGGER):
            response = self.url_open("/stock_channels", allow_redirects=False)
        self.assertEqual(response.status_code, 404)

    def test_connection_that_breaks_in_the_middle(self):
        for gone in (
            psycopg2.OperationalError("server closed the connection unexpectedly"),
            psycopg2.InterfaceError("connection already closed"),
        ):
            with (
                self.subTest(gone=gone),
                patch.object(StockChannelHub, "_find_channel", side_effect=gone),
                mute_logger(HTTP_LOGGER, DOOR_LOGGER, "odoo.service.model"),
            ):
                self.assert_try_again(self.post())

    def test_connection_that_breaks_before_anybody_looks_at_it(self):
        """R2: Odoo takes any error while it finds out who asks for a refusal, 403."""
        gone = psycopg2.OperationalError("server closed the connection unexpectedly")
        with (
            patch.object(IrHttp, "_auth_method_public", side_effect=gone),
            mute_logger(HTTP_LOGGER, DOOR_LOGGER, "odoo.addons.base.models.ir_http"),
        ):
            self.assert_try_again(self.post())
            self.assertEqual(self.url_open("/web/health").status_code, 200)

    def test_other_errors_before_that_are_odoo_s(self):
        with (
            patch.object(IrHttp, "_auth_method_public", side_effect=KeyError("x")),
            mute_logger(HTTP_LOGGER, "odoo.addons.base.models.ir_http"),
        ):
            self.assertEqual(self.post().status_code, 403)

    def test_afterwards_it_is_taken(self):
        self.assertEqual(self.post().json(), {"status": "accepted"})
