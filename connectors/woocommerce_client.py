"""Calls to WooCommerce's REST API v3: address, keys, paging, refusals.

Documentation: https://woocommerce.github.io/woocommerce-rest-api-docs/. What it does
not say was read in the plugin's source: ``modified_after`` leaves out the moment
itself, a time zone in it is turned into the shop's own zone although the dates it is
compared with are UTC, and lists can be sorted by ``modified``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any
from urllib.parse import quote

from . import oauth1
from .base import Clock
from .errors import ConnectorError, Misconfigured, Rejected, RetryLater
from .redaction import redact
from .strict_json import parse_time
from .transport import Response, Transport

Row = dict[str, Any]
Params = Sequence[tuple[str, str]]

PAGE = 100
"""Most rows WooCommerce gives at once; one more is refused with 400."""

NEVER = datetime(1970, 1, 1, tzinfo=UTC)

TOO_LARGE = "woocommerce_rest_request_entity_too_large"
UNSORTABLE = "rest_invalid_param"

_API = "/wp-json/wc/v3"
_MESSAGE = 300
_MAX_PAGES = 20_000
_SECOND = timedelta(seconds=1)
_NOT_NOW = (408, 425)


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a list.

    :param datetime now: the moment by the shop's own clock, aware UTC.
    :param total: how many rows the whole list has, if it says.
    """

    rows: list[Row]
    now: datetime
    total: int | None


class WooClient:
    """One shop and the key to it.

    :param config: ``base_url``, ``consumer_key`` and ``consumer_secret``.
    """

    def __init__(
        self, config: Mapping[str, str], transport: Transport, clock: Clock
    ) -> None:
        self._config = config
        self._transport = transport
        self._clock = clock

    def get(self, path: str, params: Params = ()) -> Row:
        """Read one object."""
        return _object(self._exchange("GET", path, params))

    def rows(self, path: str, params: Params = ()) -> list[Row]:
        """Read one page of a list."""
        return _list(self._exchange("GET", path, params))

    def dated(self, path: str, params: Params) -> Page:
        """Read one page of a list, with what its headers say."""
        response = self._exchange("GET", path, params)
        try:
            now = parsedate_to_datetime(response.headers.get("date", ""))
        except (ValueError, TypeError):
            now = self._clock()
        total = response.headers.get("x-wp-total", "")
        return Page(
            rows=_list(response),
            now=(now if now.tzinfo else now.replace(tzinfo=UTC)).astimezone(UTC),
            total=int(total) if total.isdecimal() and len(total) < 12 else None,
        )

    def send(self, method: str, path: str, body: object) -> Any:
        """Change something; return whatever JSON was answered."""
        return self._exchange(method, path, (), body).json()

    def change(self, method: str, path: str, body: object) -> Row:
        """Change something that answers with an object."""
        return _object(self._exchange(method, path, (), body))

    # ------------------------------------------------------------------ lists

    def everything(self, path: str, params: Params = ()) -> Iterator[Row]:
        """Yield every row of a list, lowest id first; some may come twice."""
        for page, _is_last in self.by_id(path, params, PAGE):
            yield from page.rows

    def by_id(
        self, path: str, params: Params, size: int
    ) -> Iterator[tuple[Page, bool]]:
        """Yield pages of a list, lowest id first, each with whether it is the last."""
        query = [*params, ("orderby", "id"), ("order", "asc")]
        yield from self._seamed(path, query, size, id_of)

    def by_date(
        self, path: str, params: Params, size: int, start: datetime | None
    ) -> Iterator[Page]:
        """Yield pages of rows changed at or after ``start``, oldest change first.

        Paged by date and not by number: a row that changes while we page moves to the
        end, and the one that moves up in its place would be passed over.

        :raise Unsorted: when the shop does not sort; some pages may have come by then.
        """
        is_last = False
        while not is_last:
            query = [*params, *changed_since(start), *_BY_MODIFIED]
            for page, is_last in self._seamed(path, query, size, _changed):
                dates = list(map(modified, page.rows))
                if dates != sorted(dates):
                    raise Unsorted
                yield page
                if dates and not is_last and dates[-1] > (start or NEVER):
                    start = dates[-1]
                    break

    def _seamed(
        self, path: str, params: Params, size: int, key_of: Callable[[Row], Any]
    ) -> Iterator[tuple[Page, bool]]:
        """Yield pages that overlap by one row, so that no row is passed over.

        When rows leave the list meanwhile (deleted, put into the bin) all behind them
        move up. Then the row at the seam is no more where it was, which shows as a gap,
        and a page further back is read again. A page that has fewer rows than asked for
        and is not the last one holds rows the key may not see; it has no seam.
        """
        offset, last = 0, None
        for _ in range(_MAX_PAGES):
            page = self.dated(
                path, [*params, ("per_page", str(size)), ("offset", str(offset))]
            )
            is_gap = not page.rows or (last is not None and key_of(page.rows[0]) > last)
            if offset and last is not None and is_gap:
                offset = max(0, offset - size)
                continue
            is_full = len(page.rows) == size
            is_last = (
                page.total <= offset + size if page.total is not None else not is_full
            )
            yield page, is_last
            if is_last:
                return
            last = key_of(page.rows[-1]) if is_full else None
            offset += size - 1
        raise RetryLater(f"WooCommerce's pages of {path} do not end.")

    # ------------------------------------------------------------------ calls

    def _exchange(
        self, method: str, path: str, params: Params, body: object = None
    ) -> Response:
        """Do one call.

        :raise Rejected: with WooCommerce's own code and message.
        :raise Misconfigured: wrong key, or no WooCommerce at this address.
        """
        base = self._setting("base_url").rstrip("/").removesuffix("/wp-json")
        credentials = self._setting("consumer_key"), self._setting("consumer_secret")
        url = f"{base}{_API}{path}"
        headers = {"accept": "application/json"}
        if base.lower().startswith("http://"):
            # Without TLS WooCommerce takes no password, and none should travel.
            params = oauth1.signed_params(
                method, url, params, credentials, self._clock()
            )
        else:
            token = base64.b64encode(":".join(credentials).encode()).decode()
            headers["authorization"] = f"Basic {token}"
        # The query goes into the address in the very spelling that was signed.
        query = f"?{oauth1.encode_query(params)}" if params else ""
        response = self._transport.request(
            method, f"{url}{query}", headers=headers, json=body
        )
        if response.status in _NOT_NOW:
            raise RetryLater(f"The shop is not ready ({response.status}).")
        if response.status >= 400:
            raise _refusal(response)
        return response

    def _setting(self, name: str) -> str:
        value = self._config.get(name, "").strip()
        if not value:
            raise Misconfigured("The setting is empty.", field=name)
        return value


class Unsorted(Exception):
    """The shop gives a list in another order than the one asked for."""


_BY_MODIFIED = (("orderby", "modified"), ("order", "asc"))


def changed_since(start: datetime | None) -> list[tuple[str, str]]:
    """Return the filter for rows changed at or after a moment; None is no filter.

    WooCommerce compares with "later than", by the second. The moment has no zone: with
    one WordPress would turn it into the shop's zone before comparing it with UTC.
    """
    if start is None:
        return []
    before = start.astimezone(UTC).replace(microsecond=0, tzinfo=None) - _SECOND
    return [("modified_after", before.isoformat()), ("dates_are_gmt", "true")]


def parse_gmt(text: object) -> datetime | None:
    """Return the moment of one of WooCommerce's ``_gmt`` dates, None when it is none.

    They have no zone; newer versions may add one.
    """
    if not isinstance(text, str):
        return None
    return parse_time(f"{text}Z") or parse_time(text)


def modified(row: Mapping[str, Any]) -> datetime:
    """Return when a row changed last, ``NEVER`` when it does not say.

    Imported orders may have no such date; they are sorted before all others.
    """
    return parse_gmt(row.get("date_modified_gmt")) or NEVER


def id_of(row: Mapping[str, Any]) -> int:
    """Return a row's id.

    :raise RetryLater: when it has none.
    """
    value = row.get("id")
    if isinstance(value, bool) or not isinstance(value, int):
        raise RetryLater("WooCommerce's answer makes no sense: id.")
    return value


def _changed(row: Row) -> tuple[datetime, int]:
    return modified(row), id_of(row)


def part(row: Mapping[str, Any], name: str) -> Row:
    """Return an object inside a row; empty when absent or an empty PHP array."""
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def parts(row: Mapping[str, Any], name: str) -> list[Row]:
    """Return the objects of a list inside a row; anything else is passed over."""
    value = row.get(name)
    if not isinstance(value, list):
        return []
    return [entry for entry in value if isinstance(entry, dict)]


def number(value: object) -> Decimal | None:
    """Return a number that may come as a number or as a text, None otherwise."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, str):
        try:
            found = Decimal(value.strip())
        except ArithmeticError:
            return None
        return found if found.is_finite() else None
    return None


def segment(text: str) -> str:
    """Return a foreign id made safe as one part of a path.

    :raise Rejected: when it cannot be one.
    """
    if not (text.isascii() and text.isdigit()):
        raise Rejected(
            "This is no id of WooCommerce: they are whole numbers.", code="bad_id"
        )
    return quote(text, safe="")


def plain(text: object, most: int = _MESSAGE) -> str:
    """Return a text of the shop as one short line without markup entities."""
    if not isinstance(text, str):
        return ""
    return redact(" ".join(unescape(text).split())[:most])


def _object(response: Response) -> Row:
    answer = response.json()
    if not isinstance(answer, dict):
        raise RetryLater("WooCommerce's answer makes no sense.")
    return answer


def _list(response: Response) -> list[Row]:
    answer = response.json()
    if not isinstance(answer, list) or not all(isinstance(r, dict) for r in answer):
        raise RetryLater("WooCommerce's answer makes no sense.")
    return answer


def _refusal(response: Response) -> ConnectorError:
    """Return what a 4xx answer means for whoever called."""
    status = response.status
    try:
        answer = response.json()
    except RetryLater:
        answer = None
    said = answer if isinstance(answer, dict) else {}
    code, message = plain(said.get("code"), 100), plain(said.get("message"))
    if status in (401, 403):
        return _refused_key(status, message, is_page=answer is None)
    if status == 413:
        return Rejected("The shop takes no batch of this size (413).", code=TOO_LARGE)
    if not code or code == "rest_no_route":
        return Misconfigured(
            f"No WooCommerce REST API at this address ({status}). Is WooCommerce"
            " active, and are the permalinks of WordPress not set to Plain?",
            field="base_url",
        )
    return Rejected(f"WooCommerce refuses: {message or code}", code=code)


def _refused_key(status: int, message: str, is_page: bool) -> Misconfigured:
    if is_page:
        return Misconfigured(
            f"Something in front of the shop, such as a firewall, refuses our calls"
            f" ({status}).",
            field="base_url",
        )
    return Misconfigured(
        f"WooCommerce refuses the key ({status}){f': {message}' if message else '.'}",
        field="consumer_key",
    )
