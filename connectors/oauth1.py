"""OAuth 1.0a signatures of calls with a client's credentials only (RFC 5849). No I/O.

Shops that answer on plain http take no passwords there: each call is signed, and its
signature stands in the query, where no server on the way strips it. Only the HMAC
methods are spoken; no token takes part.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets as random_source
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal
from urllib.parse import quote, urlsplit

Params = Sequence[tuple[str, str]]
Method = Literal["HMAC-SHA1", "HMAC-SHA256"]

_HASHES = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}
_DEFAULT_PORTS = {"http": 80, "https": 443}


def escape(text: str) -> str:
    """Return a text percent-encoded by section 3.6: only unreserved characters stay."""
    return quote(text, safe="~")


def encode_query(params: Iterable[tuple[str, str]]) -> str:
    """Return a query in exactly the spelling that is signed."""
    return "&".join(f"{escape(name)}={escape(value)}" for name, value in params)


def base_string_uri(url: str) -> str:
    """Return scheme, authority and path of an address by section 3.4.1.2.

    Scheme and host in small letters, the port only where it is not the usual one,
    neither query nor fragment.
    """
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    if parts.port is not None and parts.port != _DEFAULT_PORTS.get(scheme):
        host = f"{host}:{parts.port}"
    return f"{scheme}://{host}{parts.path or '/'}"


def normalized(params: Params) -> str:
    """Return the parameters by section 3.4.1.3.2: encoded, then sorted, then joined."""
    encoded = sorted((escape(name), escape(value)) for name, value in params)
    return "&".join(f"{name}={value}" for name, value in encoded)


def base_string(method: str, url: str, params: Params) -> str:
    """Return the text that is signed, by section 3.4.1.1.

    :param params: of the query and of the protocol, decoded, without the signature.
    """
    parts = (method.upper(), base_string_uri(url), normalized(params))
    return "&".join(map(escape, parts))


def signature(
    text: str,
    client_secret: str,
    token_secret: str = "",
    method: Method = "HMAC-SHA256",
) -> str:
    """Return the signature of a base string, in base64."""
    key = f"{escape(client_secret)}&{escape(token_secret)}".encode()
    digest = hmac.new(key, text.encode(), _HASHES[method]).digest()
    return base64.b64encode(digest).decode()


def signed_params(
    method: str,
    url: str,
    params: Params,
    credentials: tuple[str, str],
    now: datetime,
    nonce: str = "",
) -> list[tuple[str, str]]:
    """Return the parameters of a call with those that make it authentic.

    :param url: without a query.
    :param credentials: key and secret of the client.
    :param datetime now: aware.
    :param nonce: another one for every call; made up where none is given.
    """
    key, secret = credentials
    protocol: Sequence[tuple[str, str]] = (
        ("oauth_consumer_key", key),
        ("oauth_nonce", nonce or random_source.token_hex(16)),
        ("oauth_signature_method", "HMAC-SHA256"),
        ("oauth_timestamp", str(int(now.timestamp()))),
    )
    signed = [*params, *protocol]
    text = base_string(method, url, signed)
    return [*signed, ("oauth_signature", signature(text, secret))]
