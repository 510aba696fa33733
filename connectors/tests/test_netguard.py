"""S15: what a connector must not dial is not dialled, however it is spelled."""

import socket
import unittest

from ..errors import Misconfigured
from ..netguard import AddressGuard, AllowedHosts, Deadline, is_public

PRIVATE = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254
168.63.129.16 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1
192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:db8::1
2002:7f00:1::1 2002:0808:0808::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0
fec0::1 ff02::1
""".split()
PUBLIC = """
1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.255.255 172.32.0.1 192.167.255.255
2606:4700:4700::1111 2a00:1450:4001::1 ::ffff:8.8.8.8 64:ff9b::808:808
""".split()


def answers(*addresses: str):
    """Return a resolver that gives these addresses, and the names it was asked."""
    asked: list[tuple[str, int]] = []

    def resolve(host: str, port: int):
        asked.append((host, port))
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in addresses
        ]

    return resolve, asked


class TestAddresses(unittest.TestCase):
    def test_private_and_special_addresses(self):
        self.assertEqual([], [address for address in PRIVATE if is_public(address)])

    def test_public_addresses(self):
        self.assertEqual([], [address for address in PUBLIC if not is_public(address)])


class TestAllowedHosts(unittest.TestCase):
    def test_host_allows_every_port_and_host_with_port_one(self):
        allowed = AllowedHosts(["Shop.Local", "127.0.0.1:8069", "::1", "[fd00::1]:80"])
        for host_port, expected in {
            ("shop.local", 443): True,
            ("SHOP.local.", 80): True,
            ("127.0.0.1", 8069): True,
            ("127.0.0.1", 8070): False,
            ("127.0.0.2", 8069): False,
            ("::1", 1): True,
            ("[::1]", 1): True,
            ("fd00::1", 80): True,
            ("fd00::1", 81): False,
            ("a.shop.local", 443): False,
            ("shop.local.evil.example", 443): False,
        }.items():
            with self.subTest(host_port):
                self.assertEqual(expected, host_port in allowed)

    def test_malformed_entry_is_refused(self):
        for entry in ("", " ", ":80", "host:abc", "host:99999", "[::1"):
            with self.subTest(entry), self.assertRaises(Misconfigured):
                AllowedHosts([entry])


class TestGuard(unittest.TestCase):
    def guard(self, *addresses: str, allowed: tuple[str, ...] = ()) -> AddressGuard:
        """Return a guard whose names lead to these addresses."""
        resolve, self.asked = answers(*addresses)
        return AddressGuard(AllowedHosts(allowed), resolve)

    def test_every_private_answer_is_refused(self):
        for address in PRIVATE:
            with self.subTest(address), self.assertRaises(Misconfigured):
                self.guard(address).addresses("shop.example", 443)

    def test_one_private_address_among_public_ones_is_refused(self):
        guard = self.guard("8.8.8.8", "::1", "1.1.1.1")
        with self.assertRaises(Misconfigured) as caught:
            guard.addresses("shop.example", 443)
        self.assertEqual("base_url", caught.exception.field)

    def test_allowed_host_may_be_private(self):
        guard = self.guard("127.0.0.1", allowed=("shop.example:443",))
        self.assertEqual(1, len(guard.addresses("shop.example", 443)))
        self.assertRaises(Misconfigured, guard.addresses, "shop.example", 444)

    def test_odd_spellings_end_at_the_same_check(self):
        guard = AddressGuard(AllowedHosts(()))
        for host in (
            *("127.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0"),
            *("127.0.0.1.", "localhost", "LOCALHOST", "::ffff:127.0.0.1", "::1"),
            *("169.254.43518", "0xa9fea9fe", "2852039166", "0300.0250.1.1"),
        ):
            with self.subTest(host):
                try:
                    guard.addresses(host, 443)
                except (Misconfigured, OSError):
                    # A resolver that does not know the spelling is safe, too.
                    continue
                self.fail("may be dialled")

    def test_name_is_resolved_once_and_the_checked_address_dialled(self):
        """An answer that changes between check and use has no second chance."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            guard = self.guard("127.0.0.1", allowed=("shop.example",))
            with guard.dial("shop.example", port, 2, ()) as sock:
                self.assertEqual(("127.0.0.1", port), sock.getpeername())
            self.assertEqual([("shop.example", port)], self.asked)

    def test_next_address_is_tried(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            guard = self.guard("127.0.0.2", "127.0.0.1", allowed=("shop.example",))
            with guard.dial("shop.example", port, 2, ()) as sock:
                self.assertEqual("127.0.0.1", sock.getpeername()[0])

    def test_nobody_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        guard = self.guard("127.0.0.1", allowed=("shop.example",))
        self.assertRaises(
            ConnectionRefusedError, guard.dial, "shop.example", port, 2, ()
        )
        self.assertRaises(OSError, self.guard().dial, "shop.example", port, 2, ())


class TestDeadline(unittest.TestCase):
    def pair(self) -> tuple[socket.socket, socket.socket]:
        """Return two connected sockets, closed after the test."""
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        return ours, theirs

    def test_silent_connection_is_cut(self):
        ours, _ = self.pair()
        with Deadline(0.05) as deadline:
            deadline.watch(ours)
            self.assertEqual(b"", ours.recv(1))
        self.assertTrue(deadline.expired)

    def test_socket_named_too_late_is_cut_at_once(self):
        ours, _ = self.pair()
        with Deadline(0) as deadline:
            deadline._timer.join()
            deadline.watch(ours)
            self.assertEqual(b"", ours.recv(1))

    def test_finished_call_is_left_alone(self):
        ours, theirs = self.pair()
        with Deadline(60) as deadline:
            deadline.watch(ours)
        deadline._expire()
        self.assertFalse(deadline.expired)
        theirs.send(b"x")
        self.assertEqual(b"x", ours.recv(1))

    def test_no_thread_is_left_behind(self):
        with Deadline(60) as deadline:
            self.assertTrue(deadline._timer.is_alive())
        deadline._timer.join(5)
        self.assertFalse(deadline._timer.is_alive())
