import random
from unittest.mock import patch
from urllib.parse import urlsplit

from odoo.tests import tagged

from odoo.addons.stock_channel_hub.controllers.stock_channel_hub import StockChannelHub

from .door_common import OTHER_SECRET, DoorCase
from .door_fuzz import Fuzzer, Knock, complaints, send

SEED = 20261122
KNOCKS = 2_000
# What the door says; its body is the same whatever was wrong.
CONSTANT = {
    401: b'{"status": "not authentic"}',
    404: b'{"status": "unknown address"}',
    413: b'{"status": "too large"}',
}
# What Odoo's server says before the door is reached, in its own words.
OF_THE_SERVER = {400, 414, 431}


@tagged("post_install", "-at_install")
class TestDoorFuzz(DoorCase):
    """S3: whatever is malformed is refused; nothing crashes and nothing is stored."""

    def setUp(self):
        super().setUp()
        address = urlsplit(self.base_url())
        self.address = (address.hostname, address.port)

    def send(self, knock):
        return send(self.address, knock.wire())

    def assert_refused_raw(self, knock, answer):
        status, headers, body = answer
        what = f"{status} {body[:200]!r}\n{knock}"
        self.assertNotIn("set-cookie", headers, what)
        self.assertNotIn("location", headers, what)
        if status in OF_THE_SERVER:
            return
        self.assertIn(status, CONSTANT, what)
        self.assertEqual(body, CONSTANT[status], what)

    def test_two_thousand_hostile_requests(self):
        fuzzer = Fuzzer(
            random.Random(SEED),
            self.path,
            self.sign,
            lambda body, key: self.sign(body, key, secret=OTHER_SECRET),
        )
        seen = {}
        with complaints() as found, self.allow_requests(all_requests=True):
            for _number in range(KNOCKS):
                knock = fuzzer.knock()
                answer = self.send(knock)
                self.assert_refused_raw(knock, answer)
                self.assertEqual(found, [], str(knock))
                seen[answer[0]] = seen.get(answer[0], 0) + 1
        self.assertFalse(self.stored())
        self.assertFalse(self.env["stock.channel.exception"].search([]))
        # Most came as far as the signature.
        self.assertGreater(seen[401], KNOCKS / 2, seen)

    def test_the_check_would_notice(self):
        """An authentic one is taken, a crash is heard of, from the server's thread too."""
        signed = self.sign(self.body)
        headers = [(name.encode(), text.encode()) for name, text in signed.items()]
        headers.append((b"Content-Length", str(len(self.body)).encode()))
        knock = Knock(b"POST", self.path.encode(), headers, self.body)
        with complaints() as found, self.allow_requests(all_requests=True):
            status, _headers, body = self.send(knock)
            self.assertEqual((status, body), (200, b'{"status": "accepted"}'))
            self.assertEqual(found, [])
            bug = ZeroDivisionError("bug")
            with patch.object(StockChannelHub, "_find_channel", side_effect=bug):
                status, _headers, _body = self.send(knock)
        self.assertEqual(status, 500)
        self.assertEqual(found, ["odoo.http: Exception during request handling."])
