"""Where people look at an order in a channel's own pages: addresses, never calls. Pure.

What is built here is shown as a link, so it is https, leads to the host of the
settings and nowhere else, and an id from the channel stays one part of a path.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

_PLACE = "{id}"
_UPWARDS = frozenset({"", ".", ".."})


def page_below(
    config: Mapping[str, str],
    path: str,
    order_id: str,
    *,
    cut: str = "",
    query: Mapping[str, str] | None = None,
) -> str | None:
    """Return the address of an order's page below a channel's ``base_url``.

    :param str path: with ``{id}`` where the order's id belongs, if it does.
    :param str cut: an ending of the address that belongs to the interface and not to
        its pages.
    :param query: what follows the path, to be quoted.
    :return: None where no safe link can be made of it.
    """
    base = config.get("base_url", "").strip().rstrip("/").removesuffix(cut)
    return safe_page(base.rstrip("/") + path, order_id, query)


def safe_page(
    template: str, order_id: str, query: Mapping[str, str] | None = None
) -> str | None:
    """Return an address with the order's id in it; None where it is no safe link."""
    if order_id in _UPWARDS:
        return None
    address = template.replace(_PLACE, quote(order_id, safe=""))
    if query:
        address = f"{address}?{urlencode(query)}"
    return address if is_safe_link(address) else None


def is_safe_link(address: str) -> bool:
    """Tell whether an address may be shown as a link: https, a host, nothing odd."""
    if not address.isascii() or any(c.isspace() or c in "\"'<>\\" for c in address):
        return False
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and bool(parts.hostname)
        and port != 0
        and "@" not in parts.netloc
        and address.isprintable()
    )
