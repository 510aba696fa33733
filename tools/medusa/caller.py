"""Calls to Medusa's Admin and Store API, for the test shop only."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from tools.devenv import DevEnvError

Row = dict[str, Any]
TIMEOUT = 60.0


class ShopRefused(DevEnvError):
    """Medusa answered with an error.

    :param int status: HTTP status.
    """

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


class Caller:
    """One Medusa server and, later, who calls it.

    :param str url: its address, without a slash at the end.
    """

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self.url = url
        self._headers = {"content-type": "application/json", **(headers or {})}
        # Loopback is never reached through a proxy of the environment.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def with_headers(self, **headers: str) -> Caller:
        """Return a caller that sends these headers too, underscores as hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Caller(self.url, {**self._headers, **named})

    def is_healthy(self) -> bool:
        """Tell whether the server takes calls."""
        try:
            with self._opener.open(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def get(self, path: str, **query: str | list[str]) -> Row:
        """Read; a list is sent as a repeated filter ``name[]``."""
        pairs: list[tuple[str, str]] = []
        for name, value in query.items():
            if isinstance(value, list):
                pairs += [(f"{name}[]", item) for item in value]
            else:
                pairs.append((name, value))
        suffix = f"?{urllib.parse.urlencode(pairs)}" if pairs else ""
        return self._call("GET", path + suffix, None)

    def post(self, path: str, body: Row | None = None) -> Row:
        """Change something."""
        return self._call("POST", path, body or {})

    def _call(self, method: str, path: str, body: Row | None) -> Row:
        data = None if body is None else json.dumps(body, default=float).encode()
        request = urllib.request.Request(  # noqa: S310 - always our own loopback
            self.url + path, data=data, method=method, headers=self._headers
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                result: Row = json.loads(answer.read())
                return result
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            where = path.split("?")[0]
            raise ShopRefused(
                f"Medusa refused {method} {where} with {error.code}; it said: {said}",
                error.code,
            ) from error
        except (urllib.error.URLError, OSError) as error:
            raise DevEnvError(
                f"Medusa did not answer {method} {path.split('?')[0]}: {error}; read "
                "its log."
            ) from error
