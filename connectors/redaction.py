"""Keep credentials, signatures and query secrets out of log lines.

Connectors never log credentials on purpose. This filter is the second line of
defence, for text that libraries write (urllib3 logs whole request lines at DEBUG)
and for the message that somebody adds next year. It works on the finished text, so
f-strings and tracebacks are covered as well as arguments.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection

MASK = "***"

_SHORTEST_SECRET = 4
"""Shorter values are not masked: they would blank half of every line."""

_PATTERNS = (
    re.compile(r"(?P<keep>)\bwhsec_[A-Za-z0-9+/=_-]+"),
    re.compile(r"(?P<keep>\bv1a?,)[A-Za-z0-9+/=]{16,}"),
    # Long ones only, "basic desk" is an article; headers are caught by name below.
    re.compile(r"(?i)(?P<keep>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{16,}"),
    re.compile(
        r"(?i)(?P<keep>[?&](?:[a-z0-9_.%-]*(?:token|secret|key|sign|signature|"
        r"password|passwd|hmac|auth|credential|code|sig)[a-z0-9_.%-]*)=)[^&\s\"'#]+"
    ),
    re.compile(
        r"(?i)(?P<keep>['\"]?\b(?:authorization|proxy-authorization|cookie|set-cookie|"
        r"webhook-signature|x-api-key|api[-_]key|x-[a-z-]*access-token|password|"
        r"client_secret|access_token|refresh_token)['\"]?\s*[:=]\s*['\"]?)"
        r"[^\r\n'\"}]+"
    ),
    re.compile(r"(?P<keep>://)[^/\s:@]*:[^/\s@]*@"),
)


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """Return the text with everything that looks like a credential masked.

    :param secrets: exact values to mask on top of the known patterns.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, MASK)
    for pattern in _PATTERNS:
        text = pattern.sub(lambda match: f"{match['keep']}{MASK}", text)
    return text


class SensitiveFilter(logging.Filter):
    """Mask credentials in the finished text of every record passing by.

    :param secrets: exact values to mask on top of the known patterns.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(secrets)
        self._formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the message and the traceback; never drop the record."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            # Broken arguments: logging reports them with the arguments in clear.
            message = str(record.msg)
        record.msg = redact(message, self._secrets)
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text, self._secrets)
        return True
