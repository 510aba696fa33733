"""Standard Webhooks 1.0.0 signatures: sign, verify, make secrets. No I/O.

Rules from standard-webhooks/standard-webhooks, spec/standard-webhooks.md: the text
``{id}.{timestamp}.{body}`` is signed by HMAC-SHA256 with the base64 part of a
``whsec_`` secret of 24 to 64 bytes; the signature header holds any number of
entries separated by spaces, of which ``v1,<base64>`` is the symmetric one.

Stricter than the reference library on purpose: a malformed entry is skipped instead
of raising a bare error, entries are compared as text (base64 that only decodes to
the same bytes is a changed signature), and nothing verifies without a secret.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as random_source
from collections.abc import Mapping, Sequence
from datetime import datetime

from .errors import BadSignature, Misconfigured

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

TOLERANCE = 300
"""Seconds a delivery may be older or newer than our clock."""

_PREFIX = "whsec_"
_VERSION = "v1,"
_KEY_BYTES = range(24, 65)
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_ID = re.compile(r"[!-~]{1,255}")


def generate_secret() -> str:
    """Return a new random secret of 32 bytes in its ``whsec_`` form."""
    return _PREFIX + base64.b64encode(random_source.token_bytes(32)).decode()


def is_usable_secret(secret: str) -> bool:
    """Tell whether a secret is ``whsec_`` and base64 of 24 to 64 bytes."""
    return _key(secret) is not None


def hmac_sha256_base64(key: bytes, message: bytes) -> str:
    """Return the HMAC-SHA256 in base64, the form most shops sign with."""
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()


def equals(expected: str, given: str) -> bool:
    """Compare two signatures in a time that does not tell where they differ."""
    return hmac.compare_digest(
        expected.encode("utf-8", "replace"), given.encode("utf-8", "replace")
    )


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the ``v1`` entry for the signature header.

    :param int timestamp: unix seconds, as sent in the timestamp header.
    :raise Misconfigured: when the secret cannot be used.
    """
    key = _key(secret)
    if key is None:
        raise Misconfigured(
            "The signing secret must be whsec_ and base64 of 24 to 64 bytes.",
            field="secrets",
        )
    return _signature(key, message_id, str(timestamp), body)


def signed_headers(
    secret: str, message_id: str, now: datetime, body: bytes
) -> dict[str, str]:
    """Return the three headers that make a call authentic.

    :param datetime now: aware.
    :raise Misconfigured: when the secret cannot be used.
    """
    timestamp = int(now.timestamp())
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: sign(secret, message_id, timestamp, body),
    }


def verify(
    body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime
) -> None:
    """Return when one of the secrets signed this body, id and time.

    :param headers: with lower-case names.
    :param secrets: all that are active; unusable ones are passed over.
    :param datetime now: aware.
    :raise BadSignature: otherwise; the text never says which part was wrong beyond
        what the sender knows anyway.
    """
    message_id = headers.get(ID_HEADER, "")
    timestamp = headers.get(TIMESTAMP_HEADER, "")
    if not _ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(timestamp):
        raise BadSignature("The signature headers are missing or malformed.")
    # Entries of other versions, and malformed ones, are never equal to a v1 entry.
    given = headers.get(SIGNATURE_HEADER, "").split(" ")
    matched = False
    for key in filter(None, map(_key, secrets)):
        expected = _signature(key, message_id, timestamp, body)
        for entry in given:
            # No early end: the time must not tell which secret or entry fits.
            matched |= equals(expected, entry)
    if not matched:
        raise BadSignature("No signature matches.")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE:
        raise BadSignature("The delivery is too old or from the future.")


def _key(secret: str) -> bytes | None:
    """Return the key bytes of a secret, None when it cannot be used."""
    if not secret.startswith(_PREFIX):
        return None
    text = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) in _KEY_BYTES else None


def _signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    content = f"{message_id}.{timestamp}.".encode() + body
    return _VERSION + hmac_sha256_base64(key, content)
