"""Odoo's external API as one named user.

JSON-RPC is used, not XML-RPC: both reach the same methods with the same rights, but
XML-RPC has no word for nothing, so a button that returns nothing would put an error
into Odoo's log each time it is pressed.
"""

from __future__ import annotations

import http.client
import json
import urllib.request
from collections.abc import Sequence
from typing import Any

from tools.devenv import DevEnvError

Values = dict[str, Any]
Domain = list[Any]

TIMEOUT = 120.0
"""Seconds one call may take."""


class User:
    """One user who works in Odoo from outside.

    :param str url: Odoo's address, without a slash at the end.
    :raise DevEnvError: when the login is refused.
    """

    def __init__(self, url: str, database: str, login: str, password: str) -> None:
        self.url = url
        self.login = login
        self.password = password
        self.database = database
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._uid = self._ask("common", "login", [database, login, password])
        if not self._uid:
            raise DevEnvError(
                f"Odoo refuses the login {login}: the demo database is not the one "
                "this program made; run the same command again."
            )

    def call(self, model: str, method: str, *args: Any, **options: Any) -> Any:
        """Call a public method.

        :raise DevEnvError: when Odoo refuses or is gone, with its own words.
        """
        who = [self.database, self._uid, self.password]
        return self._ask("object", "execute_kw", [*who, model, method, args, options])

    def _ask(self, service: str, method: str, args: list[Any]) -> Any:
        """Do one call of the external API."""
        params = {"service": service, "method": method, "args": args}
        body = {"jsonrpc": "2.0", "method": "call", "params": params, "id": 1}
        request = urllib.request.Request(  # noqa: S310 - loopback, our own process
            f"{self.url}/jsonrpc",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        what = ".".join(str(arg) for arg in args[3:5]) or method
        try:
            with self._opener.open(request, timeout=TIMEOUT) as response:
                answer = json.load(response)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DevEnvError(
                f"Odoo did not answer {what}: {error}; read its log."
            ) from error
        if "error" in answer:
            data = answer["error"].get("data", {})
            said = " ".join(str(data.get("message", answer["error"])).split())
            raise DevEnvError(f"Odoo refused {what} for {self.login}; it said: {said}")
        return answer.get("result")

    def create(self, model: str, values: Values, **context: Any) -> int:
        """Create one record; return its id."""
        (made,) = self.call(model, "create", [values], context=context)
        return int(made)

    def write(self, model: str, ids: Sequence[int], values: Values) -> None:
        """Change records."""
        self.call(model, "write", list(ids), values)

    def rows(
        self, model: str, domain: Domain, names: Sequence[str], **options: Any
    ) -> list[Values]:
        """Search and read."""
        found: list[Values] = self.call(
            model, "search_read", domain, list(names), **options
        )
        return found

    def row(self, model: str, domain: Domain, names: Sequence[str]) -> Values:
        """Return the one record that must be there.

        :raise DevEnvError: when there is none.
        """
        found = self.rows(model, domain, names, limit=1)
        if not found:
            raise DevEnvError(
                f"The demo expected a {model} with {domain}; Odoo has none."
            )
        return found[0]

    def count(self, model: str, domain: Domain) -> int:
        """Count records."""
        return int(self.call(model, "search_count", domain))

    def reference(self, xml_id: str) -> int:
        """Return the id of a record shipped with Odoo or the addon."""
        module, name = xml_id.split(".", 1)
        domain = [("module", "=", module), ("name", "=", name)]
        return int(self.row("ir.model.data", domain, ["res_id"])["res_id"])


def first_id(value: Any) -> int:
    """Return the id out of a many2one as ``search_read`` gives it; 0 for none."""
    return int(value[0]) if value else 0
