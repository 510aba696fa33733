"""What the channel took, in its own order: did an old number ever follow a newer one?"""

from __future__ import annotations

import json
from dataclasses import dataclass, field


@dataclass
class Books:
    """Every level that the shop said it applied, whoever heard the answer.

    :param newest: the highest sequence applied, by SKU and location.
    :param inversions: levels that were applied after a newer one, in words.
    """

    newest: dict[tuple[str, str], int] = field(default_factory=dict)
    applied: int = 0
    inversions: list[str] = field(default_factory=list)

    def tap(
        self, method: str, path: str, body: bytes, status: int, answer: bytes
    ) -> None:
        """Look at one call that got through."""
        if (method, path) != ("POST", "/inventory") or status not in (200, 207):
            return
        sent = {
            (level["sku"], level["location_id"]): int(level["sequence"])
            for level in json.loads(body)["data"]["levels"]
        }
        for result in json.loads(answer)["results"]:
            if result["status"] != "applied":
                continue
            key = (result["sku"], result["location_id"])
            sequence = sent[key]
            self.applied += 1
            # A repeat under its idempotency key is answered from memory.
            if sequence < self.newest.get(key, 0):
                self.inversions.append(
                    f"{key[0]} at {key[1]}: {sequence} after {self.newest[key]}"
                )
            self.newest[key] = max(sequence, self.newest.get(key, 0))
