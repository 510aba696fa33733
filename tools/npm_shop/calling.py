"""Calls to a shop on loopback, for the test shops only."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from tools.devenv import DevEnvError

Row = dict[str, Any]
TIMEOUT = 60.0


class ShopRefused(DevEnvError):
    """A shop answered with an error.

    :param int status: HTTP status.
    """

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


class JsonCaller:
    """One server and who calls it.

    :param str url: its address, without a slash at the end.
    :param str label: its name, for sentences about it.
    """

    label = "The shop"

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self.url = url
        self.headers = {"content-type": "application/json", **(headers or {})}
        # Loopback is never reached through a proxy of the environment.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def is_healthy(self) -> bool:
        """Tell whether the server takes calls."""
        try:
            with self._opener.open(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def exchange(
        self, method: str, path: str, body: Row | None
    ) -> tuple[Row, dict[str, str]]:
        """Do one call; return its JSON and headers, with lower-case names."""
        data = None if body is None else json.dumps(body, default=float).encode()
        request = urllib.request.Request(  # noqa: S310 - always our own loopback
            self.url + path, data=data, method=method, headers=self.headers
        )
        where = path.split("?")[0]
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                result: Row = json.loads(answer.read())
                headers = {name.lower(): text for name, text in answer.headers.items()}
                return result, headers
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            raise ShopRefused(
                f"{self.label} refused {method} {where} with {error.code}; it said: "
                f"{said}",
                error.code,
            ) from error
        except (urllib.error.URLError, OSError) as error:
            raise DevEnvError(
                f"{self.label} did not answer {method} {where}: {error}; read its log."
            ) from error
