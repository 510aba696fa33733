"""Calls to Vendure's Admin API: address, credentials, body size, errors.

Measured on Vendure 3.7.3, see also docs.vendure.io/reference/graphql-api/admin:

* errors come inside answers of status 200, as ``errors`` or as another member of a
  union; whoever may not see something and whose session is over both read FORBIDDEN;
* a body beyond 100 kB is answered by status 500 with an empty message;
* ``login`` answers a session in the header ``vendure-auth-token``; an API key costs
  Vendure 0.2 s per call, for it is hashed anew each time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .errors import ConnectorError, Misconfigured, Rejected, RetryLater
from .graphql import GraphAnswer, call
from .tokens import TokenStore, Values
from .transport import Transport

Row = dict[str, Any]

MAX_BODY = 90_000
"""Bytes of one call; Vendure's own limit is 100 kB, its refusal says nothing."""

PAGE = 200
"""Rows per page; Vendure's own limit is 1000 unless the shop lowered it."""

_MESSAGE = 300
_TOKEN_HEADER = "vendure-auth-token"  # noqa: S105 - the name of a header
_SIGNED_OUT = ("FORBIDDEN", "UNAUTHORIZED")
_REFUSED = (
    "USER_INPUT_ERROR",
    "BAD_USER_INPUT",
    "ENTITY_NOT_FOUND",
    "ILLEGAL_OPERATION",
)
_CONSTRAINT = ("constraint", "invalid input syntax")
"""Words of a database that was asked for something that does not exist."""

LOGIN = """mutation HubLogin($username: String!, $password: String!) {
  login(username: $username, password: $password) {
    __typename ... on ErrorResult { errorCode message }
  }
}"""


class VendureClient:
    """One Vendure server and the credentials for it.

    :param config: ``base_url``, and ``api_key`` or ``username`` and ``password``;
        ``channel_token`` selects the channel, ``admin_path`` another path of the API.
    :param tokens: keeps the session that a login opened.
    """

    def __init__(
        self, config: Mapping[str, str], transport: Transport, tokens: TokenStore
    ) -> None:
        self._config = config
        self._transport = transport
        self._tokens = tokens

    def ask(self, document: str, variables: Mapping[str, object] | None = None) -> Row:
        """Do one call and return its data.

        :raise Rejected: when Vendure refuses what was asked.
        :raise Misconfigured: wrong credentials or permissions, or no Vendure there.
        :raise RetryLater: when it is in trouble; nobody knows what became of it.
        """
        given = dict(variables or {})
        if not fits(document, given):
            raise Rejected("Vendure takes no call as large as this.", code="too_large")
        if self._config.get("api_key"):
            answer = self._call(
                document, given, {"vendure-api-key": self._config["api_key"]}
            )
        else:
            answer = self._signed_in(document, given)
        return self._checked(answer)

    def result(
        self, document: str, variables: Mapping[str, object], name: str
    ) -> Row | None:
        """Do one call and return one object of its data, None where there is none.

        :raise Rejected: also when it is the error member of a union.
        """
        row = self.ask(document, variables).get(name)
        if row is None:
            return None
        if not isinstance(row, dict):
            raise RetryLater(f"Vendure's answer makes no sense: {name}.")
        if "errorCode" in row:
            code = str(row["errorCode"])[:100]
            said = _text(row.get("message"))
            # Some refusals have no words of their own.
            if not said or said.startswith("errorResult."):
                said = code.replace("_", " ").lower()
            raise Rejected(f"Vendure refuses: {said}", code=code)
        return row

    def everything(
        self, document: str, name: str, variables: Mapping[str, object] | None = None
    ) -> Iterator[Row]:
        """Yield every row of a list, oldest id first, so that new ones come last."""
        skip = 0
        while True:
            page = {**(variables or {}), "skip": skip, "take": PAGE}
            found = listed(self.ask(document, page), name)
            yield from found
            if len(found) < PAGE:
                return
            skip += PAGE

    # ----------------------------------------------------------------- signing in

    def _signed_in(self, document: str, variables: Mapping[str, object]) -> GraphAnswer:
        """Call within a session; sign in anew when that one is over."""
        kept = self._tokens.read()
        values = kept if self._is_ours(kept) else self._sign_in(kept)
        answer = self._call(document, variables, _bearer(values))
        if _code(answer) in _SIGNED_OUT and values == kept:
            answer = self._call(document, variables, _bearer(self._sign_in(kept)))
        return answer

    def _sign_in(self, stale: Values) -> Values:
        """Return what is kept after signing in, by us or by another worker."""

        def renew(kept: Values) -> Values | None:
            if kept != stale and self._is_ours(kept):
                return None
            return {**self._identity(), "token": self._login()}

        return self._tokens.exchange(renew)

    def _identity(self) -> dict[str, str]:
        """Return whose session it is: another user needs another one."""
        names = ("base_url", "username")
        return {name: self._config.get(name, "") for name in names}

    def _is_ours(self, kept: Values) -> bool:
        return bool(kept.get("token")) and self._identity().items() <= kept.items()

    def _login(self) -> str:
        names = ("username", "password")
        for name in names:
            if not self._config.get(name):
                raise Misconfigured(
                    "Enter an API key, or a user name and its password.",
                    field="api_key",
                )
        answer = self._call(LOGIN, {name: self._config[name] for name in names}, {})
        row = self._checked(answer).get("login")
        if not isinstance(row, dict) or "errorCode" in row:
            raise Misconfigured(
                "Vendure refuses the user name or the password.", field="password"
            )
        token = answer.response.headers.get(_TOKEN_HEADER, "")
        if not token:
            raise Misconfigured(
                "Vendure gives no bearer token: its tokenMethod must have bearer.",
                field="username",
            )
        return token

    def _call(
        self,
        document: str,
        variables: Mapping[str, object],
        credentials: Mapping[str, str],
    ) -> GraphAnswer:
        base = self._config.get("base_url", "")
        if not base:
            raise Misconfigured("The setting is empty.", field="base_url")
        headers = {"accept": "application/json", **credentials}
        if self._config.get("channel_token"):
            headers["vendure-token"] = self._config["channel_token"]
        path = self._config.get("admin_path") or "admin-api"
        url = f"{base.rstrip('/')}/{path.strip('/')}"
        return call(self._transport, url, document, variables, headers)

    # -------------------------------------------------------------------- refusals

    def _checked(self, answer: GraphAnswer) -> Row:
        status = answer.response.status
        if status in (401, 403):
            raise self._unwelcome()
        if answer.errors:
            raise self._refusal(answer)
        if status >= 400:
            raise Misconfigured(
                f"No Vendure Admin API at this address ({status}).", field="base_url"
            )
        return answer.data

    def _refusal(self, answer: GraphAnswer) -> ConnectorError:
        """Return what an answer's first error asks for."""
        code, message = _code(answer), _text(answer.errors[0].get("message"))
        if code in _SIGNED_OUT:
            return self._unwelcome()
        if code == "CHANNEL_NOT_FOUND":
            return Misconfigured(
                "Vendure has no channel with this token.", field="channel_token"
            )
        if code.startswith("GRAPHQL_"):
            return Misconfigured(
                f"This Vendure is of a version that the hub does not know: {message}",
                field="base_url",
            )
        is_refused = any(word in message.lower() for word in _CONSTRAINT)
        if code in _REFUSED or is_refused:
            return Rejected(f"Vendure refuses: {message}", code=code or "refused")
        return RetryLater(f"Vendure is in trouble: {message}")

    def _unwelcome(self) -> Misconfigured:
        field = "api_key" if self._config.get("api_key") else "password"
        return Misconfigured(
            "Vendure does not let these credentials do this: they are wrong, or the"
            " role lacks a permission.",
            field=field,
        )


def fits(document: str, variables: Mapping[str, object]) -> bool:
    """Tell whether a call is small enough."""
    body = {"query": document, "variables": variables}
    return len(json.dumps(body, separators=(",", ":"))) <= MAX_BODY


def rows(answer: Mapping[str, Any], name: str) -> list[Row]:
    """Return a list of objects of an answer; absent is empty.

    :raise RetryLater: when it is something else.
    """
    value = answer.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise RetryLater(f"Vendure's answer makes no sense: {name}.")
    return value


def part(row: Mapping[str, Any], name: str) -> Row:
    """Return an object inside a row, empty when it is not there."""
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def listed(answer: Mapping[str, Any], name: str) -> list[Row]:
    """Return the rows of a paged list.

    :raise RetryLater: when there is no such list.
    """
    if not isinstance(part(answer, name).get("items"), list):
        raise RetryLater(f"Vendure's answer makes no sense: {name}.")
    return rows(part(answer, name), "items")


def in_chunks(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Cut a sequence into pieces of at most ``size``."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _bearer(values: Values) -> dict[str, str]:
    return {"authorization": f"Bearer {values.get('token', '')}"}


def _code(answer: GraphAnswer) -> str:
    if not answer.errors:
        return ""
    extensions = answer.errors[0].get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else ""
    return code if isinstance(code, str) else ""


def _text(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return " ".join(text.split())[:_MESSAGE]
