"""Credentials never survive into a log line, however they got into it."""

import io
import logging
import unittest

from ..redaction import SensitiveFilter, redact

CANARY = "c4n4ryC4N4RYc4n4ry"


class TestRedact(unittest.TestCase):
    def test_known_forms_are_masked(self):
        for text in (
            f"whsec_{CANARY}=",
            f"v1,{CANARY}AAAAAAAAAAAA=",
            f"Authorization: Bearer {CANARY}",
            f"authorization: Basic {CANARY}==",
            f"{{'X-Shopify-Access-Token': '{CANARY}'}}",
            f'{{"access_token": "{CANARY}"}}',
            f"GET /orders?page=2&api_key={CANARY}&x=1 HTTP/1.1",
            f"/a?X-Amz-Signature={CANARY}",
            f"https://user:{CANARY}@shop.example/",
            f"webhook-signature: v1,{CANARY} v1,{CANARY}",
            f"Cookie: session={CANARY}; other={CANARY}",
        ):
            with self.subTest(text):
                clean = redact(text)
                self.assertNotIn(CANARY, clean)
                self.assertIn("***", clean)

    def test_harmless_text_stays(self):
        for text in (
            "GET shop.example/inventory: 200 in 0.012 s",
            "/orders?updated_since=2026-11-21&cursor=5",
            "data.lines.0.sku: must be a string",
            "Order 1001: basic desk, key 7",
        ):
            self.assertEqual(text, redact(text))

    def test_neighbours_of_a_secret_stay(self):
        self.assertEqual("/a?token=***&page=2", redact("/a?token=abc&page=2"))

    def test_named_values_are_masked_longest_first(self):
        self.assertEqual("*** ***", redact("hunter22 hunter2", ["hunter2", "hunter22"]))

    def test_short_values_do_not_blank_the_text(self):
        self.assertEqual("a cat", redact("a cat", ["a", ""]))


class TestSensitiveFilter(unittest.TestCase):
    def setUp(self) -> None:
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        self.logger = logging.getLogger(f"{__name__}.{self.id()}")
        self.logger.propagate = False
        self.logger.setLevel(logging.DEBUG)
        self.logger.addHandler(handler)
        self.logger.addFilter(SensitiveFilter([CANARY]))

    def test_arguments_f_strings_and_tracebacks(self):
        self.logger.debug("with %s and %d", CANARY, 5)
        self.logger.debug(f"within {CANARY}")  # noqa: G004 - what the filter is for
        try:
            raise ValueError(CANARY)
        except ValueError:
            self.logger.exception("failed")
        self.logger.debug("%s %s", CANARY)
        text = self.stream.getvalue()
        self.assertIn("with *** and 5\nwithin ***\nfailed\nTraceback", text)
        self.assertIn("ValueError: ***", text)
        self.assertNotIn(CANARY, text)

    def test_urllib3_is_filtered(self):
        from .. import transport  # noqa: F401

        record = logging.LogRecord(
            "urllib3.connectionpool", 10, "", 0, '"GET /?token=%s"', (CANARY,), None
        )
        self.assertTrue(logging.getLogger("urllib3.connectionpool").filter(record))
        self.assertEqual('"GET /?token=***"', record.getMessage())
