"""The senders and the fake channel with which a running hub is measured."""

import json
import tempfile
import unittest
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

from benchmarks import fake_channel
from benchmarks.fake_channel import FakeChannel, Points
from benchmarks.knocking import (
    Answers,
    Knock,
    knock_once,
    quantile,
    read_knocks,
    write_knocks,
)
from benchmarks.wrk import Load

KNOCK = Knock(id="order-1", time="1700000000", signature="v1,abc=", body='{"a": "é"}')


def update(sku="A", quantity="5", sequence=1):
    """Return one number as the hub tells it."""
    return {
        "sku": sku,
        "location_id": "x",
        "quantity": quantity,
        "sequence": sequence,
    }


class TestKnocking(unittest.TestCase):
    def test_the_quantile_is_one_of_the_values(self):
        values = [float(number) for number in range(100, 0, -1)]
        self.assertEqual(quantile(values, 0.99), 100.0)
        self.assertEqual(quantile(values, 0.5), 51.0)
        self.assertEqual(quantile([3.0], 0.99), 3.0)

    def test_answers_give_their_own_quantile(self):
        self.assertEqual(Answers([1.0, 9.0, 2.0], {"200": 3}).quantile(0.5), 2.0)

    def test_knocks_survive_the_way_to_another_process(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "knocks"
            write_knocks(file, [KNOCK, KNOCK])
            self.assertEqual(read_knocks(file), [KNOCK, KNOCK])

    def test_a_request_says_how_many_bytes_follow(self):
        head, _, body = KNOCK.request("h:1", "/p").partition(b"\r\n\r\n")
        self.assertEqual(body, KNOCK.body.encode())
        self.assertIn(b"POST /p HTTP/1.1\r\nHost: h:1\r\n", head)
        self.assertIn(b"Content-Length: 11", head)
        self.assertIn(b"webhook-id: order-1\r\n", head)

    def test_a_knock_returns_the_status(self):
        with fake_channel.opened(FakeChannel()) as url:
            self.assertEqual(knock_once(url, "/elsewhere", KNOCK), 201)

    def test_the_rate_of_a_load_is_its_answers_per_second(self):
        load = Load(answers=30, seconds=4.0, refused=0, broken=0, p99=0.1)
        self.assertEqual(load.rate, 7.5)


class TestFakeChannel(unittest.TestCase):
    def post(self, url, *updates):
        """Tell the channel numbers; returns (status, headers, answer)."""
        wire = HTTPConnection(urlsplit(url).netloc)
        self.addCleanup(wire.close)
        body = json.dumps({"type": "inventory.updated", "data": {"levels": updates}})
        wire.request("POST", "/inventory", body)
        answer = wire.getresponse()
        return answer.status, dict(answer.getheaders()), json.loads(answer.read())

    def test_a_newer_number_is_taken_and_an_older_one_is_stale(self):
        channel = FakeChannel()
        with fake_channel.opened(channel) as url:
            self.post(url, update(quantity="7", sequence=2))
            status, _headers, answer = self.post(url, update(sequence=1))
        self.assertEqual(status, 200)
        (result,) = answer["results"]
        self.assertEqual((result["status"], result["quantity"]), ("stale", "7"))
        self.assertEqual(channel.levels["A", "x"], (Decimal(7), 2))
        self.assertEqual([entry[1:] for entry in channel.taken], [(("A", "x"), 7)])

    def test_who_has_no_points_left_is_told_when_to_come_back(self):
        channel = FakeChannel()
        with patch("benchmarks.fake_channel.time.monotonic", return_value=100.0):
            channel.points = Points(maximum=20, rate=10, each_call=10, each_row=1)
            with fake_channel.opened(channel) as url:
                first = self.post(url, update(), update("B"))
                second = self.post(url, update(sequence=2))
        self.assertEqual((first[0], second[0]), (200, 429))
        # 8 points are left, 11 are needed, 10 come back in a second.
        self.assertEqual(second[1]["Retry-After"], "1")
        self.assertEqual(channel.refused, 1)
        self.assertEqual(channel.levels["A", "x"], (Decimal(5), 1))

    def test_points_refill_up_to_their_maximum(self):
        with patch("benchmarks.fake_channel.time.monotonic") as clock:
            clock.return_value = 0.0
            points = Points(maximum=20, rate=10, each_call=20, each_row=0)
            self.assertEqual(points.spend(0), 0.0)
            self.assertEqual(points.spend(0), 2.0)
            clock.return_value = 1000.0
            self.assertEqual(points.spend(0), 0.0)
            self.assertEqual(points.spend(0), 2.0)

    def test_what_it_shows_is_read_page_by_page(self):
        channel = FakeChannel()
        channel.levels = {(str(n), "x"): (Decimal(n), n) for n in range(501)}
        first, second = channel.page(0), channel.page(500)
        self.assertEqual((len(first["levels"]), first["next"]), (500, "500"))
        self.assertEqual((len(second["levels"]), second["next"]), (1, None))
