"""Calls to Medusa's Admin API: address, key, paging by date and by id, refusals."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from .base import Clock
from .errors import ConnectorError, Misconfigured, Rejected, RetryLater
from .strict_json import format_time, parse_time
from .transport import Response, Transport

Params = Sequence[tuple[str, str | int]]
Row = dict[str, Any]

IDS = 100
"""Ids per query string: 40 bytes each, below every usual limit of a URL."""

_PAGE = 200
_MESSAGE = 500


class MedusaClient:
    """One Medusa server and the key to it.

    :param config: ``base_url`` and ``api_key``.
    """

    def __init__(
        self, config: Mapping[str, str], transport: Transport, clock: Clock
    ) -> None:
        self._config = config
        self._transport = transport
        self._clock = clock

    def get(self, path: str, params: Params = ()) -> Row:
        """Read one JSON object."""
        return _object(self._exchange("GET", path, params))

    def post(self, path: str, body: object) -> Row:
        """Change something; return the JSON object answered."""
        return _object(self._exchange("POST", path, (), body))

    def read(
        self,
        path: str,
        name: str,
        fields: Iterable[str],
        ids: tuple[str, Iterable[str]],
    ) -> Iterator[Row]:
        """Yield the rows that carry one of these ids, in calls of bearable size.

        :param str name: of the list in the answer.
        :param ids: name of the filter, such as ``id[]``, and the values.
        """
        key, values = ids
        for chunk in chunks(sorted(filter(None, set(values))), IDS):
            yield from self.everything(
                path, name, fields, [(key, value) for value in chunk]
            )

    def everything(
        self, path: str, name: str, fields: Iterable[str], params: Params = ()
    ) -> Iterator[Row]:
        """Yield every row of a list, oldest id first, so that new ones come last."""
        for found, _offset in self.pages(path, name, fields, params):
            yield from found

    def pages(
        self,
        path: str,
        name: str,
        fields: Iterable[str],
        params: Params = (),
        offset: int = 0,
    ) -> Iterator[tuple[list[Row], int]]:
        """Yield pages of a list, each with the offset of the next; 0 with the last."""
        while True:
            page: list[tuple[str, str | int]] = [
                ("fields", ",".join(fields)),
                ("order", "id"),
                ("limit", _PAGE),
                ("offset", offset),
            ]
            found = rows(self.get(path, [*params, *page]), name)
            if len(found) < _PAGE:
                yield found, 0
                return
            offset += _PAGE
            yield found, offset

    def by_date(
        self,
        path: str,
        name: str,
        fields: Iterable[str],
        start: datetime | None,
        size: int,
    ) -> Iterator[tuple[list[Row], datetime]]:
        """Yield pages of rows changed since ``start``, and Medusa's own clock.

        Paged by date, not by offset: a row that changes while we page moves to the
        end, and with an offset the one that moved up in its place would be skipped.
        Rows at the seam come twice.
        """
        cursor, limit = start, size
        while True:
            params: list[tuple[str, str | int]] = [
                ("fields", ",".join(fields)),
                ("order", "updated_at"),
                ("limit", limit),
            ]
            if cursor:
                params.append(("updated_at[$gte]", format_time(cursor)))
            found, now = self.dated(path, name, params)
            yield found, now
            if len(found) < limit:
                return
            last = date_of(found[-1], "updated_at")
            # More equal dates than fit a page: only a larger page gets past them.
            limit = limit * 2 if last == cursor else size
            cursor = last

    def dated(self, path: str, name: str, params: Params) -> tuple[list[Row], datetime]:
        """Return the rows of one call, and the moment by Medusa's own clock."""
        response = self._exchange("GET", path, params)
        try:
            now = parsedate_to_datetime(response.headers.get("date", ""))
        except ValueError:
            now = self._clock()
        return rows(_object(response), name), now

    def _exchange(
        self, method: str, path: str, params: Params, body: object = None
    ) -> Response:
        """Do one call.

        :raise Rejected: with Medusa's own type and message.
        :raise Misconfigured: wrong key, or no Medusa at this address.
        """
        base, key = (self._config.get(name, "") for name in ("base_url", "api_key"))
        for value, name in ((base, "base_url"), (key, "api_key")):
            if not value:
                raise Misconfigured("The setting is empty.", field=name)
        token = base64.b64encode(f"{key}:".encode()).decode()
        # The query goes into the address: Medusa wants filters repeated, ``id[]``.
        query = f"?{urlencode(params)}" if params else ""
        response = self._transport.request(
            method,
            f"{base.rstrip('/')}{path}{query}",
            headers={"authorization": f"Basic {token}", "accept": "application/json"},
            json=body,
        )
        if response.status >= 400:
            raise _refusal(response)
        return response


def _refusal(response: Response) -> ConnectorError:
    status = response.status
    if status in (401, 403):
        return Misconfigured(f"Medusa refuses the API key ({status}).", field="api_key")
    try:
        answer = response.json()
    except RetryLater:
        answer = None
    if not isinstance(answer, dict) or "message" not in answer:
        return Misconfigured(
            f"No Medusa Admin API at this address ({status}).", field="base_url"
        )
    return Rejected(
        f"Medusa refuses: {str(answer['message'])[:_MESSAGE]}",
        code=str(answer.get("type") or status)[:100],
    )


def _object(response: Response) -> Row:
    answer = response.json()
    if not isinstance(answer, dict):
        raise RetryLater("Medusa's answer makes no sense.")
    return answer


def rows(answer: Mapping[str, Any], name: str) -> list[Row]:
    """Return a list of objects of an answer; absent is empty.

    :raise RetryLater: when it is something else.
    """
    value = answer.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise RetryLater(f"Medusa's answer makes no sense: {name}.")
    return value


def part(row: Mapping[str, Any], name: str) -> Row:
    """Return an object inside a row, empty when it is not there."""
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def date_of(row: Mapping[str, Any], name: str) -> datetime:
    """Return a date of a row.

    :raise RetryLater: when it has none.
    """
    moment = parse_time(row.get(name))
    if moment is None:
        raise RetryLater(f"Medusa's answer makes no sense: {name}.")
    return moment


def chunks(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Cut a sequence into pieces of at most ``size``."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
