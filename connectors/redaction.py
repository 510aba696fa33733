"""Keep credentials, signatures, query secrets and customers out of log lines.

Connectors never log credentials on purpose. This filter is the second line of
defence, for text that libraries write (urllib3 logs whole request lines at DEBUG)
and for the message that somebody adds next year. It works on the finished text, so
f-strings and tracebacks are covered as well as arguments.

Customers look like nothing that a pattern could mask. They get into logs by the words
of foreign errors: a database tells the whole row it refused, a parser the value it could
not read. So of an error that is not ours only the kind and the place are written, see
:func:`told`.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Collection

from .errors import ConnectorError

MASK = "***"

_SHORTEST_SECRET = 4
"""Shorter values are not masked: they would blank half of every line."""

_LONGEST_CHAIN = 10

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


_TELL_OF_CODE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    MemoryError,
    NameError,
    NotImplementedError,
    RecursionError,
    TypeError,
)
"""Errors whose words name code, not what it works on."""


def words_of(error: BaseException) -> str:
    """Return the first line of an error's words, "" where they may hold anything.

    Of a database's error its code and the rule that was broken.
    """
    if isinstance(error, (ConnectorError, *_TELL_OF_CODE)):
        return next(iter(str(error).strip().splitlines()), "")
    code = getattr(error, "pgcode", None)
    if code is None:
        return ""
    rule = getattr(getattr(error, "diag", None), "constraint_name", None)
    return " ".join(filter(None, (code, rule)))


def told(error: BaseException) -> str:
    """Return what may be written of an error anywhere: its kind, and safe words."""
    words = words_of(error)
    name = type(error).__name__
    return f"{name}: {words}" if words else name


def outline(error: BaseException) -> str:
    """Return the traceback of an error and of its causes, by :func:`told`."""
    parts: list[str] = []
    link: BaseException | None = error
    while link is not None and len(parts) < _LONGEST_CHAIN:
        places = "".join(traceback.format_tb(link.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{places}{told(link)}")
        link = link.__cause__ or (
            None if link.__suppress_context__ else link.__context__
        )
    return "\n\n".join(reversed(parts))


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


class DiscreetFilter(SensitiveFilter):
    """Mask credentials, and leave out the words of errors that are not ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell errors by their kind and place; never drop the record."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                told(value) if isinstance(value, BaseException) else value
                for value in record.args
            )
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = outline(record.exc_info[1])
            # Whatever handler comes next would write it out in full.
            record.exc_info = None
        return super().filter(record)


def be_discreet(package: str) -> None:
    """Give every logger of a package the filter; once all of it is imported."""
    discreet = DiscreetFilter()
    for name in list(logging.root.manager.loggerDict):
        if f"{name}.".startswith(f"{package}."):
            logger = logging.getLogger(name)
            if not any(isinstance(one, DiscreetFilter) for one in logger.filters):
                logger.addFilter(discreet)


class CallFilter(logging.Filter):
    """Leave out what the hub's methods are called with.

    Odoo's server writes every call of a screen with all its values at DEBUG: also those
    by which somebody enters credentials, or asks for a customer to be erased.

    :param str models: how the names of the models begin whose calls are meant.
    """

    def __init__(self, models: str) -> None:
        super().__init__()
        self._models = models

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the arguments of (records, method, arguments); never drop the record."""
        if isinstance(record.args, tuple) and len(record.args) == 3:
            records, method, _arguments = record.args
            if str(getattr(records, "_name", "")).startswith(self._models):
                record.args = (records, method, MASK)
        return True


def hide_arguments(logger: str, models: str) -> None:
    """Give the logger of calls the filter, once."""
    found = logging.getLogger(logger)
    if not any(isinstance(one, CallFilter) for one in found.filters):
        found.addFilter(CallFilter(models))
