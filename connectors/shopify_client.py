"""Calls to Shopify's GraphQL Admin API: address, token, points, refusals, pages.

Rates and costs: https://shopify.dev/docs/api/usage/limits. A call costs points, known
before it is made but for what it does not find; Shopify tells with every answer what is
left of the shop's bucket, and refuses a call that does not fit with THROTTLED, unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from .base import Clock
from .errors import (
    ConnectorError,
    Misconfigured,
    RateLimited,
    Rejected,
    RetryLater,
)
from .graphql import GraphAnswer, Row, call
from .limits import Bucket
from .shopify_tokens import ShopifyTokens, address
from .tokens import TokenStore
from .transport import Transport

VERSION = "2026-07"
"""Of the Admin API. A version answers for a year; an older one is served as the oldest
that is left, which ``check`` tells."""

MOST = 250
"""Elements an array may hold, and a page."""

POINTS = "points"
"""Name of the bucket among the transport's limits."""

_NUMBER = re.compile(r"[0-9]{1,20}")
_GID = re.compile(r"gid://[a-z-]+/[A-Za-z]+/([0-9]{1,20})(?:\?.*)?")
_MESSAGE = 500
_SETTLED = (401, 402, 403, 404, 423)
"""Statuses that say all, whatever stands in the body."""

_SHUT = {
    402: "The shop is frozen: its plan has to be paid first (402).",
    403: "Shopify refuses the access token's rights (403).",
    404: f"No Shopify shop with the Admin API {VERSION} at this address (404).",
    423: "Shopify has locked the shop (423).",
}
_UNFINISHED = ("INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE")


class ShopifyClient:
    """One shop and an app that is installed in it.

    :param config: ``base_url`` and what :mod:`.shopify_tokens` needs.
    """

    def __init__(
        self,
        config: Mapping[str, str],
        transport: Transport,
        clock: Clock,
        tokens: TokenStore,
    ) -> None:
        self._config = config
        self._transport = transport
        self._clock = clock
        self._tokens = ShopifyTokens(config, transport, clock, tokens)
        self.served = ""
        """Version of the API that gave the last answer."""

    def query(self, document: str, variables: Mapping[str, object], cost: float) -> Row:
        """Do one operation and return its data.

        :param cost: points it is expected to ask for; rather too many than too few.
        :raise RateLimited: it was not seen.
        :raise RetryLater: nobody knows what became of it.
        :raise Rejected: Shopify does not do it, as a whole; the errors of a user are
            in the data.
        """
        answer = self._answer(document, variables, cost)
        if _is_throttled(answer):
            # It had no effect, and what is left is known better now.
            asked = _figure(_cost(answer).get("requestedQueryCost")) or 0.0
            cost = max(cost, asked)
            answer = self._answer(document, variables, cost)
        if _is_throttled(answer):
            raise RateLimited(
                "Shopify's points are used up; the hub waits before it calls again.",
                after=self._points_in(cost),
            )
        if answer.errors:
            raise _refusal(answer.errors)
        return answer.data

    def pages(
        self, document: str, variables: Mapping[str, object], cost: float, *path: str
    ) -> Iterator[list[Row]]:
        """Yield the pages of a connection.

        :param document: takes ``$after`` and asks for ``nodes`` and ``pageInfo``.
        :param path: where the connection stands in the data.
        """
        after: str | None = None
        while True:
            found = self.query(document, {**variables, "after": after}, cost)
            for name in path:
                found = part(found, name)
            yield rows(found, "nodes")
            after = next_page(found, after)
            if after is None:
                return

    def pause(self, seconds: float) -> None:
        """Let time pass, where Shopify asks for a moment."""
        self._transport.pause(seconds)

    def _answer(
        self, document: str, variables: Mapping[str, object], cost: float
    ) -> GraphAnswer:
        token = self._tokens.token()
        answer = self._post(document, variables, cost, token)
        if answer.response.status == 401:
            token = self._tokens.renewed(token)
            answer = self._post(document, variables, cost, token)
        status = answer.response.status
        if status == 401:
            raise Misconfigured(
                "Shopify refuses the access token it gave (401).", field="access_token"
            )
        if status in _SETTLED:
            field = "base_url" if status == 404 else "access_token"
            raise Misconfigured(_SHUT[status], field=field)
        return answer

    def _post(
        self,
        document: str,
        variables: Mapping[str, object],
        cost: float,
        token: str,
    ) -> GraphAnswer:
        """Make one call within the points there are, and hear what is left."""
        url = f"{address(self._config)}/admin/api/{VERSION}/graphql.json"
        self._transport.wait_for(POINTS, cost, self._clock())
        try:
            answer = call(
                self._transport,
                url,
                document,
                variables,
                {"accept": "application/json", "x-shopify-access-token": token},
                settled=_SETTLED,
            )
        except RateLimited as error:
            if error.after is not None:
                raise
            raise RateLimited(error.message, after=self._points_in(cost)) from None
        self.served = answer.response.headers.get("x-shopify-api-version", "")
        self._hear(answer)
        return answer

    def _hear(self, answer: GraphAnswer) -> None:
        status = part(_cost(answer), "throttleStatus")
        maximum, available, rate = (
            _figure(status.get(name))
            for name in ("maximumAvailable", "currentlyAvailable", "restoreRate")
        )
        if maximum and rate and available is not None:
            bucket = Bucket(
                maximum=maximum,
                available=available,
                rate=rate,
                heard_at=self._clock(),
            )
            self._transport.heard(POINTS, bucket)

    def _points_in(self, cost: float) -> float | None:
        """Return the seconds until there are so many points, None if unknown."""
        limit = self._transport.limits.get(POINTS)
        return limit.wait(cost, self._clock()) if limit else None


def _cost(answer: GraphAnswer) -> Row:
    return part(answer.extensions, "cost")


def _figure(value: object) -> float | None:
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return max(0.0, float(value)) if is_number else None  # type: ignore[arg-type]


def _code(error: Row) -> str:
    return str(part(error, "extensions").get("code") or "")[:100]


def _is_throttled(answer: GraphAnswer) -> bool:
    return any(_code(error) == "THROTTLED" for error in answer.errors)


def _refusal(errors: Sequence[Row]) -> ConnectorError:
    """Return what a top-level error asks of us: the first one tells."""
    code, text = _code(errors[0]), str(errors[0].get("message") or "")[:_MESSAGE]
    if code in _UNFINISHED or not code:
        return RetryLater(f"Shopify could not finish: {text or 'no reason given'}")
    if code == "ACCESS_DENIED":
        needed = str(part(errors[0], "extensions").get("requiredAccess") or "")[:200]
        return Misconfigured(
            f"The app may not do this: {needed or text}. Give it the access scope in"
            " Shopify.",
            field="access_token",
        )
    if code in ("SHOP_INACTIVE", "SHOP_DISABLED"):
        return Misconfigured(f"The shop is closed: {text}", field="base_url")
    return Rejected(f"Shopify refuses: {text}", code=code)


def user_errors(payload: Row, name: str = "userErrors") -> list[Row]:
    """Return what Shopify says is wrong with the input."""
    return rows(payload, name)


def refuse(
    errors: Sequence[Row], message: str = "Shopify refuses", field: str = ""
) -> None:
    """Raise when there are user errors.

    :raise Rejected: with Shopify's own words.
    """
    if errors:
        words = "; ".join(
            dict.fromkeys(str(error.get("message") or "") for error in errors)
        )
        raise Rejected(
            f"{message}: {words[:_MESSAGE]}",
            code=str(errors[0].get("code") or "refused")[:100],
            field=field or field_path(errors[0]),
        )


def field_path(error: Row) -> str:
    """Return the dotted path a user error points to, empty when it does not."""
    path = error.get("field")
    if not isinstance(path, list):
        return ""
    return ".".join(str(step) for step in path)[:100]


def rows(answer: Mapping[str, Any], name: str) -> list[Row]:
    """Return a list of objects of an answer; absent is empty, null ones are left out.

    :raise RetryLater: when it is something else.
    """
    value = answer.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise RetryLater(f"Shopify's answer makes no sense: {name}.")
    found = [row for row in value if row is not None]
    if not all(isinstance(row, dict) for row in found):
        raise RetryLater(f"Shopify's answer makes no sense: {name}.")
    return found


def part(row: Mapping[str, Any], name: str) -> Row:
    """Return an object inside a row, empty when it is not there."""
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def connection(row: Mapping[str, Any], name: str) -> list[Row]:
    """Return the nodes of a connection, empty when it is not there."""
    return rows(part(row, name), "nodes")


def next_page(found: Mapping[str, Any], after: str | None) -> str | None:
    """Return the cursor behind a page, None when it was the last one.

    :raise RetryLater: when there is more, and no way to get on.
    """
    info = part(found, "pageInfo")
    if info.get("hasNextPage") is not True:
        return None
    cursor = info.get("endCursor")
    if not isinstance(cursor, str) or not cursor or cursor == after:
        raise RetryLater("Shopify's answer makes no sense: endCursor.")
    return cursor


def whole(row: Mapping[str, Any], name: str) -> int:
    """Return a whole number of a row.

    :raise RetryLater: when it has none.
    """
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise RetryLater(f"Shopify's answer makes no sense: {name}.")
    return value


def is_number(text: str) -> bool:
    """Tell whether this may be the number of anything in Shopify."""
    return bool(_NUMBER.fullmatch(text))


def gid(kind: str, number_: str) -> str:
    """Return the global id of a number, such as ``gid://shopify/Order/1001``.

    :raise Rejected: when it is no number.
    """
    if not is_number(number_):
        raise Rejected(f"{number_[:40]!r} is no id of Shopify.", code="bad_id")
    return f"gid://shopify/{kind}/{number_}"


def number(value: object) -> str:
    """Return the number in a global id, empty when it is none."""
    match = _GID.fullmatch(value) if isinstance(value, str) else None
    return match.group(1) if match else ""
