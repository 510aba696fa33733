import time
from datetime import UTC, datetime
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.rest import RestConnector

from .door_common import OTHER_SECRET, DoorCase
from .statements import counted


@tagged("post_install", "-at_install")
class TestDoor(DoorCase):
    """What a sender gets for what it sends; the answer tells nothing else."""

    def test_signed_delivery_is_stored_before_it_is_answered(self):
        self.assert_answer(self.post(), 200, "accepted")
        message = self.stored()
        self.assertEqual(message._raw_bytes(), self.body)
        self.assertEqual(
            (message.state, message.topic, message.dedupe_key, message.order_key),
            ("pending", "order.updated", "id:msg_1", "order:1"),
        )

    def test_delivery_asks_little_of_the_database(self):
        """Whose door it is and what opens it is known; it is stored."""
        self.post(key="msg_0")
        with counted() as texts:
            self.assert_answer(self.post(key="msg_1"), 200, "accepted")
        ours = [text.split()[0] for text in texts if "stock_channel" in text]
        self.assertEqual(ours, ["INSERT"])
        self.assertFalse([text for text in texts if "ir_cron" in text])

    def test_repeat_is_a_duplicate_and_stored_once(self):
        self.post()
        self.assert_answer(self.post(), 200, "duplicate")
        self.assertEqual(len(self.stored()), 1)

    def test_s22_same_id_with_another_body_waits_for_a_person(self):
        """We answer that we have it, so it is kept; the first one is what counts."""
        self.post()
        other = self.body.replace(b'"1"', b'"2"')
        for _time in range(2):
            self.assert_answer(self.post(other), 200, "duplicate")
        waiting, first = self.stored()
        self.assertEqual((first.state, first._raw_bytes()), ("pending", self.body))
        self.assertEqual((waiting.state, waiting._raw_bytes()), ("waiting", other))
        exception = self.env["stock.channel.exception"].search(
            [("channel_id", "=", self.channel.id)]
        )
        self.assertEqual(
            (exception.state, exception.value, exception.occurrences),
            ("open", "id:msg_1", 1),
        )
        self.assertEqual(exception.waiting_message_ids, waiting)

    def test_s22_nobody_else_uses_up_a_delivery_id(self):
        """Neither without a signature nor through another channel's door."""
        other = self.env["stock.channel"].create(
            {
                "name": "Other",
                "connector": "rest",
                "base_url": "https://other.example",
                "state": "shadow",
            }
        )
        self.env["stock.channel.secret"].create(
            {
                "channel_id": other.id,
                "new_value": OTHER_SECRET,
                "valid_from": "2020-01-01",
            }
        )
        forged = self.body.replace(b'"1"', b'"666"')
        signed = self.sign(forged, secret=OTHER_SECRET)
        self.assert_refused(self.post(forged, headers={"webhook-id": "msg_1"}))
        self.assert_refused(self.post(forged, headers=signed))
        path = f"/stock_channel/{other.webhook_token}"
        self.assert_answer(
            self.post(forged, path=path, headers=signed), 200, "accepted"
        )
        self.assertFalse(self.stored())
        self.assert_answer(self.post(), 200, "accepted")
        self.assertEqual(self.stored()._raw_bytes(), self.body)
        self.assertFalse(
            self.env["stock.channel.exception"].search(
                [("channel_id", "in", (self.channel | other).ids)]
            )
        )

    def test_unsigned_is_refused(self):
        self.assert_refused(self.post(headers={}))

    def test_foreign_secret_is_refused(self):
        self.assert_refused(self.post(secret=OTHER_SECRET))

    def test_changed_body_is_refused(self):
        signed = self.sign(self.body)
        self.assert_refused(self.post(self.body + b" ", headers=signed))

    def test_without_any_active_secret_everything_is_refused(self):
        self.channel.secret_ids.valid_to = "2020-01-02"
        self.assert_refused(self.post())

    def test_both_secrets_verify_while_they_overlap(self):
        self.make_secret(OTHER_SECRET)
        self.assert_answer(self.post(key="a"), 200, "accepted")
        self.assert_answer(self.post(key="b", secret=OTHER_SECRET), 200, "accepted")

    def test_time_window_counts_both_ways(self):
        # Generous ahead: while the delivery is on its way the clock comes closer.
        for seconds in (-301, 360):
            moment = datetime.fromtimestamp(time.time() + seconds, UTC)
            self.assert_refused(self.post(moment=moment))

    def test_unknown_and_draft_channels_do_not_exist(self):
        self.assert_answer(
            self.post(path="/stock_channel/nobody"), 404, "unknown address"
        )
        self.channel.action_back_to_draft()
        self.assert_answer(self.post(), 404, "unknown address")
        self.assertFalse(self.stored())

    def test_oversized_body_is_refused_unread(self):
        body = b'"' + b"x" * (1024 * 1024) + b'"'
        self.assert_answer(self.post(body), 413, "too large")
        self.assertFalse(self.stored())

    def test_largest_body_is_accepted(self):
        body = b'"' + b"x" * (1024 * 1024 - 2) + b'"'
        self.assert_answer(self.post(body), 200, "accepted")

    def test_hostile_bodies_are_stored_not_crashed_on(self):
        bodies = [
            b"",
            b"{",
            b"\xff\xfe\x00",
            b"[" * 5000,
            b'{"type": "order.updated", "data": {"id": "\\u0000"}}',
            b'{"type": "\\ud800", "data": {"id": "\\udfff"}}',
            b'{"type": ' + b"9" * 5000 + b"}",
            b"null",
        ]
        for number, body in enumerate(bodies):
            with self.subTest(body=body[:40]):
                self.assert_answer(
                    self.post(body, key=f"hostile_{number}"), 200, "accepted"
                )
        self.assertEqual(len(self.stored()), len(bodies))

    def test_form_encoded_body_is_refused(self):
        signed = self.sign(b"a=1")
        headers = {**signed, "Content-Type": "application/x-www-form-urlencoded"}
        self.assert_refused(self.post(b"a=1", headers=headers))

    # ----------------------------------------------------------------- pings

    def pinged(self, error=None):
        """Let the connector know the ping of a shop that posts a form."""

        def is_ping(_connector, raw, _headers):
            self.seen.append(raw)
            if error:
                raise error
            return raw == b"webhook_id=5"

        self.seen = []
        return patch.object(RestConnector, "is_ping", is_ping)

    FORM = {"Content-Type": "application/x-www-form-urlencoded"}

    def test_unsigned_ping_is_answered_and_leaves_no_trace(self):
        """Odoo has taken the form apart before anybody has seen its bytes."""
        for headers in (self.FORM, {}, {"Content-Type": "text/plain"}):
            with self.subTest(headers=headers), self.pinged():
                response = self.post(b"webhook_id=5", headers=headers)
                self.assert_answer(response, 200, "accepted")
                self.assertEqual(self.seen, [b"webhook_id=5"])
        self.assertFalse(self.stored())

    def test_nothing_else_passes_for_a_ping(self):
        for body in (b"webhook_id=5&x=1", b"webhook_id=6", b"x" * 1000, b""):
            with self.subTest(body=body[:20]), self.pinged():
                self.assert_refused(self.post(body, headers=self.FORM))
        self.assert_refused(self.post(b"webhook_id=5", headers=self.FORM))

    def test_ping_of_an_unknown_or_draft_channel_is_unknown(self):
        with self.pinged():
            response = self.post(
                b"webhook_id=5", path="/stock_channel/nobody", headers=self.FORM
            )
            self.assert_answer(response, 404, "unknown address")
            self.channel.action_back_to_draft()
            response = self.post(b"webhook_id=5", headers=self.FORM)
            self.assert_answer(response, 404, "unknown address")
        self.assertEqual(self.seen, [])

    def test_oversized_ping_is_refused_unread(self):
        with self.pinged():
            body = b"webhook_id=" + b"5" * (1024 * 1024)
            self.assert_answer(self.post(body, headers=self.FORM), 413, "too large")
        self.assertEqual(self.seen, [])

    @mute_logger("odoo.addons.stock_channel_hub.controllers.stock_channel_hub")
    def test_a_connector_that_fails_over_a_ping_loses_no_delivery(self):
        with self.pinged(ZeroDivisionError("bug")):
            self.assert_answer(self.post(), 200, "accepted")
        self.assertEqual(len(self.stored()), 1)

    @mute_logger("odoo.http")
    def test_other_methods_are_no_door(self):
        response = self.url_open(self.path, allow_redirects=False)
        self.assertEqual(response.status_code, 405)

    # ------------------------------------------------------------ pull side

    def pull(self, since=None, **signing_vals):
        query = "" if since is None else f"?since={since}"
        return self.url_open(
            f"{self.path}/inventory{query}", headers=self.sign(b"", **signing_vals)
        )

    def test_pull_answers_the_channels_numbers(self):
        self.env["stock.quant"]._update_available_quantity(
            self.listing.product_id,
            self.channel.location_ids.location_ids,
            12345678,
        )
        self.env["stock.channel.publication"]._refresh(
            self.listing, "first", fields.Datetime.now()
        )
        page = self.pull().json()
        (level,) = page["levels"]
        self.assertEqual(
            (level["sku"], level["location_id"], level["quantity"], level["state"]),
            ("DESK", "main", "12345678", "wanted"),
        )
        self.assertEqual(level["parts"]["on_hand"], "12345678")
        self.assertEqual(self.pull(level["sequence"]).json()["levels"], [])

    def test_pull_tells_every_part_of_a_number(self):
        product = self.listing.product_id
        place = self.channel.location_ids
        self.env["stock.quant"]._update_available_quantity(
            product, place.location_ids, 7
        )
        self.env["stock.move"].create(
            {
                "product_id": product.id,
                "product_uom": product.uom_id.id,
                "product_uom_qty": 5,
                "location_id": self.env.ref("stock.stock_location_suppliers").id,
                "location_dest_id": place.location_ids.id,
                "date": fields.Datetime.now(),
            }
        )._action_confirm()
        self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "horizon", "value": 3}
        )
        self.env["stock.channel.rule"].create(
            {"channel_id": self.channel.id, "kind": "buffer", "value": 2}
        )
        self.env["stock.channel.publication"]._refresh(
            self.listing, "first", fields.Datetime.now()
        )
        (level,) = self.pull().json()["levels"]
        self.assertEqual(
            level["parts"],
            {
                "on_hand": "7",
                "unavailable": "0",
                "reserved": "0",
                "owed": "0",
                "in_flight": "0",
                "incoming": "5",
                "sellable": "12",
                "published": "10",
                "own_open": "0",
            },
        )
        self.assertEqual(level["quantity"], "10")

    def test_pull_needs_a_signature_and_a_real_cursor(self):
        self.assert_answer(self.pull(secret=OTHER_SECRET), 401, "not authentic")
        self.assertEqual(self.pull("x' OR 1").status_code, 400)
