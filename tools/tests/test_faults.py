"""The wire that fails: its books and its dice are right."""

import json
import unittest
from collections import Counter

from tools.faults.books import Books
from tools.faults.proxy import Proxy, Weather


class TestBooks(unittest.TestCase):
    def setUp(self) -> None:
        self.books = Books()

    def told(self, sequence: int, status: str = "applied", code: int = 200) -> None:
        """Let one number get through, with the shop's answer to it."""
        level = {"sku": "A", "location_id": "main"}
        body = {"data": {"levels": [{**level, "sequence": sequence}]}}
        answer = {"results": [{**level, "status": status}]}
        self.books.tap(
            "POST",
            "/inventory",
            json.dumps(body).encode(),
            code,
            json.dumps(answer).encode(),
        )

    def test_an_old_number_after_a_newer_one_is_noticed(self) -> None:
        for sequence in (5, 7, 6):
            self.told(sequence)
        self.assertEqual(self.books.inversions, ["A at main: 6 after 7"])
        self.assertEqual(self.books.applied, 3)

    def test_repeats_and_refusals_are_none(self) -> None:
        self.told(7)
        self.told(7)
        self.told(6, status="stale")
        self.told(5, code=503)
        self.assertEqual(self.books.inversions, [])
        self.assertEqual(self.books.applied, 2)


class TestProxy(unittest.TestCase):
    def fates(self, seed: int, weather: Weather, stormy: bool = True) -> Counter[str]:
        proxy = Proxy("http://127.0.0.1:9", weather, seed)
        self.addCleanup(proxy._server.server_close)
        proxy.is_stormy = stormy
        return Counter(proxy.fate() for _call in range(1000))

    def test_each_fault_has_its_share(self) -> None:
        found = self.fates(1, Weather(burst=0.0))
        self.assertEqual(found, self.fates(1, Weather(burst=0.0)))
        self.assertAlmostEqual(found["error"], 100, delta=30)
        self.assertAlmostEqual(found["lost"], 50, delta=20)
        self.assertGreater(found["hang"], 0)
        self.assertEqual(sum(found.values()), 1000)

    def test_a_burst_lasts(self) -> None:
        always = Weather(error=0, lost=0, hang=0, burst=1, burst_seconds=3600)
        self.assertEqual(self.fates(1, always), {"burst": 1000})

    def test_calm_weather_lets_everything_through(self) -> None:
        self.assertEqual(self.fates(1, Weather(), stormy=False), {"through": 1000})
