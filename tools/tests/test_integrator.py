"""The code in the integrator's guide does what the hub expects."""

import json
import re
import unittest
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors import rest_payload, signing
from connectors.data import OrderSnapshot

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "integrator.md"
SECRET = signing.generate_secret()
NOW = datetime(2026, 11, 21, 10, 15, 30, tzinfo=UTC)


class Posted:
    """Stands for ``requests``: keeps what was posted."""

    def post(self, address: str, **call: Any) -> None:
        self.address, self.call = address, call


def run_guide() -> tuple[dict[str, Any], Posted]:
    """Run the guide's blocks as a reader would paste them, one after the other."""
    posted = Posted()
    names: dict[str, Any] = {"SECRET": SECRET, "WEBHOOK_ADDRESS": "https://hub/x"}
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.S):
        names["requests"] = posted
        # Our own text: the guide beside this test.
        exec(block.replace("import requests\n", ""), names)  # noqa: S102
    return names, posted


class TestGuide(unittest.TestCase):
    def test_its_signature_is_the_one_we_verify(self) -> None:
        names, _posted = run_guide()
        headers = names["signed"](SECRET, b"{}", message_id="msg_1", at=NOW.timestamp())
        self.assertEqual(
            {name: headers[name] for name in sorted(headers) if "webhook" in name},
            dict(sorted(signing.signed_headers(SECRET, "msg_1", NOW, b"{}").items())),
        )

    def test_its_order_is_one_that_is_understood(self) -> None:
        _names, posted = run_guide()
        body = posted.call["data"]
        self.assertEqual(json.loads(body)["data"]["total"], "200.00")
        (order,) = rest_payload.parse(body, "order.updated")
        assert isinstance(order, OrderSnapshot)
        self.assertEqual((order.id, order.version), ("1001", 1))
        self.assertEqual(
            [(line.sku, str(line.quantity)) for line in order.lines], [("DESK", "2")]
        )


if __name__ == "__main__":
    unittest.main()
