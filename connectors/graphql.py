"""One GraphQL call: what every channel that speaks it has in common.

Errors come inside answers of status 200. What they mean is the connector's to say;
here only the shape is checked, so that nobody mistakes rubbish for an answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Misconfigured, RetryLater
from .transport import Response, Transport

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class GraphAnswer:
    """An answer of the right shape.

    :param data: what was asked for; empty where there is none.
    :param errors: top-level errors, each a mapping.
    :param extensions: what the server adds, such as costs.
    """

    data: Row
    errors: tuple[Row, ...]
    extensions: Row
    response: Response


def call(
    transport: Transport,
    url: str,
    document: str,
    variables: Mapping[str, object],
    headers: Mapping[str, str],
    settled: Collection[int] = (401, 403),
) -> GraphAnswer:
    """Post one document and return what came, errors included.

    The caller looks at ``response.status`` where the server uses it.

    :param settled: statuses that say all; the body is not looked at.
    :raise RetryLater: when the answer is no GraphQL answer; its effect is unknown.
    :raise Misconfigured: when there is nothing at this address.
    """
    response = transport.request(
        "POST",
        url,
        headers=headers,
        json={"query": document, "variables": dict(variables)},
    )
    if response.status in settled:
        return GraphAnswer(data={}, errors=(), extensions={}, response=response)
    try:
        answer = response.json()
    except RetryLater:
        if response.status != 404:
            raise
        raise Misconfigured(
            "There is nothing at this address (404).", field="base_url"
        ) from None
    data = answer.get("data") if isinstance(answer, dict) else None
    errors = answer.get("errors") if isinstance(answer, dict) else None
    extensions = answer.get("extensions") if isinstance(answer, dict) else None
    # Some servers answer {"errors": "text"}.
    if isinstance(errors, str):
        errors = [{"message": errors}]
    if (
        not isinstance(answer, dict)
        or not (data is None or isinstance(data, dict))
        or not (
            errors is None
            or (isinstance(errors, list) and all(isinstance(e, dict) for e in errors))
        )
        or (data is None and not errors)
    ):
        raise RetryLater(
            f"The channel answered {response.status} with something that is no"
            " GraphQL answer."
        )
    return GraphAnswer(
        data=data or {},
        errors=tuple(errors or ()),
        extensions=extensions if isinstance(extensions, dict) else {},
        response=response,
    )
