"""Odoo's external API (XML-RPC), as one named user."""

from __future__ import annotations

import http.client
import xmlrpc.client
from collections.abc import Sequence
from typing import Any

from tools.devenv import DevEnvError

Values = dict[str, Any]
Domain = list[Any]


class User:
    """One user who works in Odoo from outside.

    :param str url: Odoo's address, without a slash at the end.
    :raise DevEnvError: when the login is refused.
    """

    def __init__(self, url: str, database: str, login: str, password: str) -> None:
        self.login = login
        self.password = password
        self._database = database
        self._models = xmlrpc.client.ServerProxy(
            f"{url}/xmlrpc/2/object", allow_none=True
        )
        common = xmlrpc.client.ServerProxy(f"{url}/xmlrpc/2/common", allow_none=True)
        self._uid = common.authenticate(database, login, password, {})
        if not self._uid:
            raise DevEnvError(
                f"Odoo refuses the login {login}: the demo database is not the one "
                "this program made; run the same command again."
            )

    def call(self, model: str, method: str, *args: Any, **options: Any) -> Any:
        """Call a public method.

        :raise DevEnvError: when Odoo refuses or is gone, with its own words.
        """
        try:
            return self._models.execute_kw(
                self._database, self._uid, self.password, model, method, args, options
            )
        except xmlrpc.client.Fault as fault:
            lines = [line for line in fault.faultString.splitlines() if line.strip()]
            said = lines[-1].strip() if lines else "nothing"
            raise DevEnvError(
                f"Odoo refused {model}.{method} for {self.login}; it said: {said}"
            ) from fault
        except (
            OSError,
            http.client.HTTPException,
            xmlrpc.client.ProtocolError,
        ) as error:
            raise DevEnvError(
                f"Odoo did not answer {model}.{method}: {error}; read its log."
            ) from error

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
