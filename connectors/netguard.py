"""Decide which addresses a connector may talk to, at the moment of connecting.

The address of a channel is typed by a person and its name is answered by a DNS
server that nobody here controls, so a check of the name proves nothing: the answer
can change between check and use, and ``0x7f.1`` is a spelling of loopback. The
guard therefore resolves a name once, checks every address of that answer and
connects to one of exactly these. TLS still checks the certificate against the
*name*, because only the dialling is replaced.

The guard also bounds the whole call: socket timeouts restart with every byte that
arrives, so a server that sends one byte every few seconds could hold a worker for
hours.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Collection, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from .errors import Misconfigured

Resolver = Callable[[str, int], "list[tuple[Any, ...]]"]

_METADATA = frozenset({IPv4Address("168.63.129.16")})
"""Cloud metadata services on public addresses (the others are link-local)."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Tell whether an address is on the public internet.

    IPv6 forms that carry an IPv4 address are judged by that address; tunnels
    (6to4, Teredo) are never public.

    :param str address: as returned by the resolver, a zone id is allowed.
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return _is_public_v4(ip.ipv4_mapped)
        if ip in _NAT64:
            return _is_public_v4(IPv4Address(int(ip) & 0xFFFFFFFF))
        if ip.sixtofour is not None or ip.teredo is not None:
            return False
        return ip in _GLOBAL_UNICAST and ip.is_global
    return _is_public_v4(ip)


def _is_public_v4(ip: IPv4Address) -> bool:
    return ip.is_global and not ip.is_multicast and ip not in _METADATA


def _resolve(host: str, port: int) -> list[tuple[Any, ...]]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


class AllowedHosts:
    """Hosts an administrator named: they may be private and may speak plain http.

    :param entries: exact hosts, or ``host:port`` for one port only.
    """

    def __init__(self, entries: Collection[str]) -> None:
        self._entries = {self._split(entry) for entry in entries}

    @staticmethod
    def _split(entry: str) -> tuple[str, int | None]:
        bare = entry.strip()
        if bare.count(":") > 1 and not bare.startswith("["):
            bare = f"[{bare}]"
        try:
            parts = urlsplit(f"//{bare}")
            name, port = parts.hostname, parts.port
        except ValueError:
            name = port = None
        if not name:
            raise Misconfigured(
                "An allowed host must be a host or host:port.", field="allowed_hosts"
            )
        return name, port

    def __contains__(self, host_port: tuple[str, int]) -> bool:
        host, port = host_port
        name = host.strip("[]").lower().rstrip(".")
        return (name, port) in self._entries or (name, None) in self._entries


class Deadline:
    """Cut the connection of one call when its time is up.

    :param float seconds: for the whole call, from dialling to the last byte.
    """

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._finished = False
        self.expired = False
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._finished = True
        self._timer.cancel()

    def watch(self, sock: socket.socket) -> None:
        """Name the socket to cut."""
        with self._lock:
            self._socket = sock
            expired = self.expired
        if expired:
            self._cut(sock)

    def _expire(self) -> None:
        with self._lock:
            if self._finished:
                return
            self.expired = True
            sock = self._socket
        if sock is not None:
            self._cut(sock)

    @staticmethod
    def _cut(sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


class AddressGuard:
    """Dial only what may be dialled.

    :param allowed: hosts exempt from the check.
    :param resolver: same answers as :func:`socket.getaddrinfo`.
    """

    def __init__(self, allowed: AllowedHosts, resolver: Resolver = _resolve) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._calls = threading.local()

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Any:
        """Bound everything dialled or reused inside the block to so many seconds."""
        with Deadline(seconds) as deadline:
            self._calls.deadline = deadline
            try:
                yield deadline
            finally:
                self._calls.deadline = None

    def watch(self, sock: socket.socket) -> None:
        """Put a socket under the deadline of the call this thread is making."""
        deadline: Deadline | None = getattr(self._calls, "deadline", None)
        if deadline is not None:
            deadline.watch(sock)

    def addresses(self, host: str, port: int) -> list[tuple[Any, ...]]:
        """Resolve once and return the addresses when all of them may be dialled.

        One private address among public ones is enough to refuse: otherwise the
        order of the answer would decide.

        :raise Misconfigured: when the name leads to a place it must not.
        :raise OSError: when the name does not resolve.
        """
        found = self._resolver(host, port)
        if (host, port) not in self._allowed:
            for *_, sockaddr in found:
                if not is_public(str(sockaddr[0])):
                    raise Misconfigured(
                        f"The host {host} leads to a private address; an administrator"
                        " must allow it first.",
                        field="base_url",
                    )
        return found

    def dial(
        self, host: str, port: int, timeout: Any, options: Iterable[tuple[Any, ...]]
    ) -> socket.socket:
        """Connect to the first address that answers.

        :param timeout: seconds per address.
        :raise OSError: when none answers.
        """
        failure = OSError("the name has no address")
        for family, kind, proto, _, sockaddr in self.addresses(host, port):
            sock = socket.socket(family, kind, proto)
            try:
                for option in options:
                    sock.setsockopt(*option)
                if isinstance(timeout, (int, float)):
                    sock.settimeout(timeout)
                sock.connect(sockaddr)
                return sock
            except OSError as error:
                sock.close()
                failure = error
        raise failure


class _Guarded:
    """The part both connection classes share: dial by the guard, stay cuttable."""

    guard: ClassVar[AddressGuard]
    _handle: socket.socket | None = None

    def _new_conn(self: Any) -> socket.socket:
        try:
            sock: socket.socket = self.guard.dial(
                self.host, self.port, self.timeout, self.socket_options or ()
            )
        except TimeoutError:
            raise ConnectTimeoutError(self, "the connection timed out") from None
        except OSError as error:
            raise NewConnectionError(self, type(error).__name__) from None
        # TLS takes the descriptor away from `sock`; a duplicate still reaches the
        # same connection and so can end it during the handshake, too.
        self._handle = sock.dup()
        self.guard.watch(self._handle)
        return sock

    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Send; a kept-alive connection comes under the deadline here."""
        if self._handle is not None:
            self.guard.watch(self._handle)
        return super().request(*args, **kwargs)  # type: ignore[misc]

    def close(self: Any) -> None:
        """Close the connection and our handle on it."""
        super().close()  # type: ignore[misc]
        if self._handle is not None:
            self._handle.close()
            self._handle = None


class GuardedAdapter(HTTPAdapter):
    """Make ``requests`` dial through a guard; TLS checks stay as they are."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Build the pools with connection classes that ask the guard."""
        super().init_poolmanager(*args, **kwargs)
        our_guard = self._guard

        class Plain(_Guarded, HTTPConnection):
            guard = our_guard

        class Secure(_Guarded, HTTPSConnection):
            guard = our_guard

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {
            "http": PlainPool,
            "https": SecurePool,
        }
