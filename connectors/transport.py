"""Every outgoing call of every connector goes through here.

The limits are those of OWASP API10:2023 (unsafe consumption of APIs): no redirect
is followed, TLS is verified, every call has timeouts and an overall deadline, the
answer is capped, private addresses are refused (see :mod:`.netguard`), proxies,
netrc and cookies of the environment play no part. What remains is translated into
the few errors a caller can react to; no error text and no log line holds a header,
a query string or a body.
"""

from __future__ import annotations

import json as jsonlib
import logging
import math
import time
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cached_property
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NoReturn, Self
from urllib.parse import SplitResult, quote, urlsplit

import requests
from urllib3.exceptions import HTTPError

from .errors import Misconfigured, RateLimited, Rejected, RetryLater, Throttled
from .limits import Limit, LimitMemory
from .netguard import AddressGuard, AllowedHosts, GuardedAdapter
from .redaction import SensitiveFilter, redact

_logger = logging.getLogger(__name__)
# urllib3 writes whole request lines, query included, at DEBUG.
logging.getLogger("urllib3.connectionpool").addFilter(SensitiveFilter())

MAX_BYTES = 8 * 1024 * 1024
_CHUNK = 64 * 1024
_USER_AGENT = "stock_channel_hub/1"
_SCHEMES = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Request:
    """One outgoing call, exactly as it goes on the wire.

    :param headers: with lower-case names.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Response:
    """One answer.

    :param headers: with lower-case names.
    :param bytes body: decompressed.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """Parse the body, fractions as ``Decimal``.

        :raise RetryLater: when it is not JSON; hosts in trouble answer an HTML page
            with status 200, and nobody then knows what became of the call.
        """
        try:
            return jsonlib.loads(
                self.body, parse_float=Decimal, parse_constant=_refuse_constant
            )
        except (ValueError, RecursionError):
            kind = redact(self.headers.get("content-type", "no type")[:60])
            raise RetryLater(
                f"The channel answered {self.status} with something that is not JSON"
                f" ({kind})."
            ) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds to wait that the channel asked for, None without a hint.

    Both forms of RFC 9110 section 10.2.3 are understood: seconds and HTTP-date.

    :param headers: with lower-case names.
    :param datetime now: aware.
    """
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - now).total_seconds())
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def check_status(response: Response, now: datetime) -> Response:
    """Return the answer unless its status already tells the caller what to do.

    :raise RateLimited: 429; the call was not seen.
    :raise RetryLater: 5xx; the outcome is unknown.
    :raise Misconfigured: 3xx; the address is not the final one.
    """
    status = response.status
    if status == 429:
        raise RateLimited(
            "The channel asks for fewer calls (429).",
            after=retry_after(response.headers, now),
        )
    if status >= 500:
        raise RetryLater(
            f"The channel is in trouble ({status}).",
            after=retry_after(response.headers, now),
        )
    if 300 <= status < 400:
        raise Misconfigured(
            f"The channel answers with a redirect ({status}); enter the final address.",
            field="base_url",
        )
    return response


def segment(text: str) -> str:
    """Return a foreign id made safe as one part of a path.

    :raise Rejected: when it cannot be one: "", "." and ".." change the path.
    """
    if text.strip(".") == "":
        raise Rejected("The id is empty.", code="bad_id")
    return quote(text, safe="")


def _distrusts_certificate(error: Exception) -> bool:
    """Tell an untrusted certificate from a handshake that broke.

    Old and new urllib3 wrap the reason differently, the words stay.
    """
    text = str(error)
    return "CERTIFICATE_VERIFY_FAILED" in text or "doesn't match" in text


class Transport:
    """Do calls within the limits of the house.

    Connections are kept open between calls; close the transport, or use it as a
    context manager, when the work is done.

    :param allowed_hosts: exact hosts (or ``host:port``) that may be private and may
        speak plain http.
    :param timeout: seconds to connect, seconds between two reads.
    :param int max_bytes: largest answer, decompressed.
    :param float total: seconds for a whole call, however slowly bytes keep coming.
    :param str | None ca_file: certificate authorities instead of the public ones.
    :param limits: what this process last heard of the channel's limits.
    :param float patience: seconds to wait for them in all; after that they are told
        to the caller, who has other things to do.
    """

    def __init__(
        self,
        allowed_hosts: Collection[str] = (),
        timeout: tuple[float, float] = (5, 20),
        max_bytes: int = MAX_BYTES,
        total: float = 60,
        ca_file: str | None = None,
        limits: LimitMemory | None = None,
        patience: float = 10,
    ) -> None:
        self._allowed_hosts = allowed_hosts
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._total = total
        self._ca_file = ca_file
        self.limits = limits or LimitMemory()
        self._patience = patience

    # Built when first needed: a connector that only verifies a delivery makes no
    # call, and must not fail over a setting for calls.

    @cached_property
    def _allowed(self) -> AllowedHosts:
        return AllowedHosts(self._allowed_hosts)

    @cached_property
    def _guard(self) -> AddressGuard:
        return AddressGuard(self._allowed)

    @cached_property
    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.verify = self._ca_file or True
        session.headers.clear()
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = GuardedAdapter(self._guard)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        return session

    def close(self) -> None:
        """Close the connections kept open."""
        if "_session" in self.__dict__:
            self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def wait_for(self, name: str, cost: float, now: datetime) -> None:
        """Wait until a call of this cost fits a limit heard of, and spend it.

        :param datetime now: aware UTC.
        :raise Throttled: when it would take longer than there is patience for; the
            call was not made.
        """
        seconds = self.limits.take(name, cost, now, self._patience)
        if seconds > self._patience:
            raise Throttled(
                "The channel's limit is used up; the hub waits before it calls again.",
                after=seconds,
            )
        if seconds:
            self._patience -= seconds
            self.pause(seconds)

    def heard(self, name: str, limit: Limit) -> None:
        """Keep what the channel said of a limit."""
        self.limits.note(name, limit)

    def pause(self, seconds: float) -> None:
        """Let time pass; tests let it pass by themselves."""
        time.sleep(seconds)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        json: object | None = None,
    ) -> Response:
        """Do one call and return the answer, 1xx to 4xx without 429.

        :param body: exact bytes to send; ``json`` is the convenient other way.
        :param json: serialised compactly, ``Decimal`` is refused: send strings.
        :raise RateLimited: 429; the call was not seen.
        :raise RetryLater: no usable answer, or 5xx: the outcome is unknown.
        :raise Misconfigured: redirect, bad address, bad certificate; no effect.
        """
        parts = self._checked_url(url)
        sent = {"user-agent": _USER_AGENT, "accept-encoding": "gzip"}
        if json is not None:
            body = jsonlib.dumps(json, separators=(",", ":"), allow_nan=False).encode()
            sent["content-type"] = "application/json"
        sent.update({name.lower(): value for name, value in (headers or {}).items()})
        call = Request(
            method=method.upper(),
            url=url,
            headers=sent,
            params=params or {},
            body=body or b"",
        )
        return check_status(self._logged(call, parts), datetime.now(UTC))

    def _logged(self, call: Request, parts: SplitResult) -> Response:
        """Do one call and leave one line about it, without query, header or body."""
        start = time.monotonic()
        outcome = "no answer"
        try:
            response = self._exchange(call)
            outcome = str(response.status)
            return response
        finally:
            _logger.debug(
                "%s %s%s: %s in %.3f s",
                call.method,
                parts.hostname,
                redact(parts.path),
                outcome,
                time.monotonic() - start,
            )

    def _checked_url(self, url: str) -> SplitResult:
        """Return the parts of an address that may be called.

        :raise Misconfigured: otherwise.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or _SCHEMES.get(parts.scheme, 0)
        except ValueError:
            raise Misconfigured("The address is malformed.", field="base_url") from None
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise Misconfigured(
                "The address must begin with https:// and a host.", field="base_url"
            )
        if parts.username is not None or parts.password is not None:
            raise Misconfigured(
                "The address must not hold a user name or password.", field="base_url"
            )
        if parts.scheme == "http" and (parts.hostname, port) not in self._allowed:
            raise Misconfigured(
                "The address must begin with https://; plain http is only for hosts"
                " that an administrator allowed.",
                field="base_url",
            )
        return parts

    def _exchange(self, call: Request) -> Response:
        """Put one call on the wire and read the whole answer, in time."""
        with self._guard.limited(self._total) as deadline:
            try:
                response = self._translated(call)
            except RetryLater:
                if not deadline.expired:
                    raise
            else:
                # http.client takes a connection cut within the headers for their end.
                if not deadline.expired:
                    return response
            raise RetryLater("The channel did not answer in time.")

    def _translated(self, call: Request) -> Response:
        """Do a call; whatever breaks becomes one of our errors."""
        try:
            return self._send(call)
        except requests.exceptions.SSLError as error:
            if _distrusts_certificate(error):
                raise Misconfigured(
                    "The certificate of the channel's host cannot be trusted.",
                    field="base_url",
                ) from None
            raise RetryLater("The secure connection broke.") from None
        except (
            requests.exceptions.InvalidURL,
            requests.exceptions.InvalidHeader,
            UnicodeError,
        ):
            raise Misconfigured(
                "The address or a credential holds characters that cannot be sent.",
                field="base_url",
            ) from None
        except (requests.exceptions.Timeout, TimeoutError):
            raise RetryLater("The channel did not answer in time.") from None
        except (requests.RequestException, HTTPError, HTTPException, OSError):
            raise RetryLater("The connection to the channel broke.") from None

    def _send(self, call: Request) -> Response:
        with self._session.request(
            call.method,
            call.url,
            headers=dict(call.headers),
            params=dict(call.params),
            data=call.body or None,
            timeout=self._timeout,
            allow_redirects=False,
            stream=True,
        ) as answer:
            headers = {name.lower(): text for name, text in answer.headers.items()}
            chunks = answer.raw.stream(_CHUNK, decode_content=False)
            body = self._read(chunks, headers, expects_body=call.method != "HEAD")
            return Response(answer.status_code, headers, body)

    def _read(
        self, chunks: Iterable[bytes], headers: Mapping[str, str], expects_body: bool
    ) -> bytes:
        """Collect the body, unpacked, never holding more than the cap.

        :raise RetryLater: too big, cut short, or packed in a way we did not ask for.
        """
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity", "gzip"):
            raise RetryLater("The channel packed its answer in an unknown way.")
        unpack = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        body = bytearray()
        received = 0
        for chunk in chunks:
            received += len(chunk)
            try:
                room = self._max_bytes - len(body) + 1
                body += unpack.decompress(chunk, room) if unpack else chunk
            except zlib.error:
                raise RetryLater("The channel's packed answer is damaged.") from None
            if len(body) > self._max_bytes:
                raise RetryLater(
                    f"The channel's answer is larger than {self._max_bytes} bytes."
                )
        announced = headers.get("content-length", "")
        short = announced.isdecimal() and received < int(announced)
        if expects_body and (short or (received and unpack and not unpack.eof)):
            raise RetryLater("The channel's answer was cut short.")
        return bytes(body)
