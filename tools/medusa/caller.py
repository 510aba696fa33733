"""Calls to Medusa's Admin and Store API, for the test shop only."""

from __future__ import annotations

import urllib.parse

from tools.npm_shop import JsonCaller
from tools.npm_shop.calling import Row


class Caller(JsonCaller):
    """One Medusa server and, later, who calls it."""

    label = "Medusa"

    def with_headers(self, **headers: str) -> Caller:
        """Return a caller that sends these headers too, underscores as hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Caller(self.url, {**self.headers, **named})

    def get(self, path: str, **query: str | list[str]) -> Row:
        """Read; a list is sent as a repeated filter ``name[]``."""
        pairs: list[tuple[str, str]] = []
        for name, value in query.items():
            if isinstance(value, list):
                pairs += [(f"{name}[]", item) for item in value]
            else:
                pairs.append((name, value))
        suffix = f"?{urllib.parse.urlencode(pairs)}" if pairs else ""
        return self.exchange("GET", path + suffix, None)[0]

    def post(self, path: str, body: Row | None = None) -> Row:
        """Change something."""
        return self.exchange("POST", path, body or {})[0]
