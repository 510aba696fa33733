"""Read what a channel of the ``rest`` contract answers to our calls.

An answer is less trusted than a delivery: it is not signed. Nothing here raises for
a single bad result; a result that cannot be read is *unknown*, and the caller reads
back. Texts of the channel end in front of people, so they are cut and cleaned.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from .base import body_digest
from .data import FetchedOrder, QuantityUpdate, ResultStatus, UpdateResult
from .errors import BadPayload, RetryLater
from .redaction import redact
from .rest_payload import ORDER_UPDATED
from .strict_json import MAX_INTEGER, parse_decimal, parse_time
from .transport import Response

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_UNKNOWN = UpdateResult(status=ResultStatus.UNKNOWN)


@contextlib.contextmanager
def sensible() -> Iterator[None]:
    """Turn "cannot be understood" into "ask again later": it is the channel's trouble.

    :raise RetryLater: in place of ``BadPayload``.
    """
    try:
        yield
    except BadPayload as error:
        raise RetryLater(
            f"The channel's answer makes no sense: {error.message}."
        ) from None


def unknown_results(updates: Sequence[QuantityUpdate]) -> list[UpdateResult]:
    """Return one result per update that says nobody can tell."""
    return [_UNKNOWN for _ in updates]


def match_results(
    updates: Sequence[QuantityUpdate], response: Response
) -> list[UpdateResult]:
    """Return one result per update, found by SKU and location, not by position.

    An update the channel does not mention is unknown. Two updates of one place take
    the results of that place in their order.

    :raise RetryLater: when the answer is not a list of results at all.
    """
    answer = response.json()
    entries = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        raise RetryLater("The channel's answer has no results.")
    by_place: dict[tuple[object, object], list[UpdateResult]] = defaultdict(list)
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        sku, location = entry.get("sku"), entry.get("location_id")
        if isinstance(sku, str) and isinstance(location, str):
            by_place[sku, location].append(_result(entry))
    return [
        results.pop(0)
        if (results := by_place.get((update.key.sku, update.key.location_id)))
        else _UNKNOWN
        for update in updates
    ]


def _result(entry: Mapping[str, Any]) -> UpdateResult:
    status = entry.get("status")
    if status not in ("applied", "stale", "rejected"):
        return _UNKNOWN
    quantity = parse_decimal(entry.get("quantity"))
    return UpdateResult(
        status=ResultStatus(status),
        quantity=quantity if quantity is not None and quantity >= 0 else None,
        sequence=_whole(entry.get("sequence")),
        code=_clean(entry.get("code"), 100),
        field=_clean(entry.get("field"), 200),
        message=_clean(entry.get("message"), 500),
    )


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_INTEGER else None


def refusal(response: Response) -> UpdateResult:
    """Return what a 4xx answer says, as a rejected result.

    The body may hold ``code``, ``field`` and ``message``, or be anything else.
    """
    try:
        said = response.json()
    except RetryLater:
        said = None
    said = said if isinstance(said, dict) else {}
    return UpdateResult(
        status=ResultStatus.REJECTED,
        code=_clean(said.get("code"), 100) or f"http_{response.status}",
        field=_clean(said.get("field"), 200),
        message=_clean(said.get("message"), 500)
        or f"The channel refuses the call ({response.status}).",
    )


def _clean(text: object, most: int) -> str:
    """Return one printable line; anything that is no text is nothing."""
    if not isinstance(text, str):
        return ""
    return redact(_UNPRINTABLE.sub(" ", text[:most])).strip()


def fetched_order(order: Any) -> FetchedOrder:
    """Wrap a polled order into the body a delivery of it would have.

    The wrapper's time is the order's own, so that the same version gives the same
    bytes however often it is polled. An order that does not even name itself is
    wrapped, too: it fails in the inbox, in front of a person, instead of here.
    """
    said = order if isinstance(order, dict) else {}
    body = {
        "type": ORDER_UPDATED,
        "timestamp": said.get("updated_at"),
        "data": order,
    }
    # Numbers were read as Decimal; they go back as numbers, so that parsing still
    # sees (and refuses) a number where a string belongs.
    raw = json.dumps(body, separators=(",", ":"), default=float).encode()
    order_id, version = said.get("id"), _whole(said.get("version"))
    if not isinstance(order_id, str):
        order_id = ""
    named = order_id and version is not None
    return FetchedOrder(
        order_id=order_id,
        dedupe_key=f"order:{order_id}:{version}"
        if named
        else f"digest:{body_digest(raw)}",
        topic=ORDER_UPDATED,
        raw=raw,
    )


def last_date(page: Sequence[Any], start: datetime | None) -> datetime | None:
    """Return the newest change in a page of orders, where the dates can be trusted.

    None for a channel that does not keep the agreed order, or gives orders from
    before ``start``: reading on from a date would leave some out or never end.
    """
    dates = [start] if start else []
    for order in page:
        date = parse_time(order.get("updated_at")) if isinstance(order, dict) else None
        if date is None or (dates and date < dates[-1]):
            return None
        dates.append(date)
    return dates[-1] if page else None
