"""Calls to Vendure's Admin and Shop API, for the test shop only."""

from __future__ import annotations

from typing import Any

from tools.devenv import DevEnvError
from tools.npm_shop import JsonCaller, ShopRefused
from tools.npm_shop.calling import Row

_TOKEN = "vendure-auth-token"  # noqa: S105 - the name of a header


class Caller(JsonCaller):
    """One Vendure server and who calls it.

    :param str api: ``admin-api`` or ``shop-api``.
    """

    label = "Vendure"

    def __init__(
        self, url: str, api: str = "admin-api", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(url, headers)
        self._api = api

    def ask(self, document: str, **variables: Any) -> Any:
        """Do one call and return the one thing that was asked for.

        The first answer opens a session, which the next calls go on with.

        :raise ShopRefused: also for errors inside an answer.
        """
        body: Row = {"query": document, "variables": variables}
        answer, headers = self.exchange("POST", f"/{self._api}", body)
        if headers.get(_TOKEN):
            self.headers["authorization"] = f"Bearer {headers[_TOKEN]}"
        if answer.get("errors"):
            said = answer["errors"][0]
            raise ShopRefused(
                f"Vendure refused: {said.get('message')}; {document}", 200
            )
        [result] = answer["data"].values()
        if isinstance(result, dict) and result.get("errorCode"):
            raise ShopRefused(
                f"Vendure refused: {result['errorCode']} {result.get('message')}", 200
            )
        return result

    def as_staff(self, username: str, password: str) -> Caller:
        """Return a caller who has signed in to the Admin API."""
        staff = Caller(self.url)
        staff.ask(
            "mutation ($u: String!, $p: String!) { login(username: $u, password: $p) {"
            " ... on CurrentUser { id } ... on ErrorResult { errorCode message } } }",
            u=username,
            p=password,
        )
        if "authorization" not in staff.headers:
            raise DevEnvError("Vendure gave no session: it must use bearer tokens.")
        return staff

    def as_customer(self) -> Caller:
        """Return a caller with a cart of its own."""
        return Caller(self.url, "shop-api")
