"""S15: every call that goes out goes through one place, within its limits."""

import ast
import re
import socket
import unittest
from pathlib import Path
from unittest import mock

import responses

from ..errors import Misconfigured, RetryLater
from ..transport import Transport

ROOT = Path(__file__).parents[1]
ADDON = ROOT.parent
FOLDERS = ("connectors", "controllers", "demo", "models", "wizards")
# Whatever can open a connection or start a program that does.
NETWORK = {
    *("aiohttp", "asyncio", "ftplib", "http", "httplib2", "httpx", "imaplib"),
    *("poplib", "pycurl", "requests", "smtplib", "socket", "ssl", "subprocess"),
    *("telnetlib", "urllib3", "xmlrpc", "zeep"),
}
ODD_HOSTS = (
    *("127.0.0.1", "127.0.0.1.", "127.1", "0x7f.1", "0x7f000001", "2130706433"),
    *("017700000001", "0", "0.0", "localhost", "LOCALHOST", "localhost."),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0::1]"),
    *("169.254.169.254", "169.254.169.254.", "2852039166", "0xa9fea9fe"),
    *("[::ffff:169.254.169.254]", "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]"),
    *("10.0.0.1", "192.168.0.1", "172.16.0.1", "100.64.0.1", "168.63.129.16"),
    *("１２７.0.0.1", "①②⑦.0.0.1", "127。0。0。1", "ｌocalhost"),
)
_IMPORTED = re.compile(r"^\s*(?:from|import)\s+([a-z][\w.]*)", re.MULTILINE)


def shipped(*folders: str) -> list[Path]:
    """Return the modules that run at a customer's; tests and fakes do not."""
    return [
        path
        for folder in folders
        for path in sorted((ADDON / folder).rglob("*.py"))
        if not {"tests", "testing"} & set(path.relative_to(ADDON).parts)
    ]


def calls(path: Path, *names: str) -> list[ast.Call]:
    """Return the calls of methods of these names."""
    return [
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in names
    ]


def keywords(call: ast.Call) -> dict[str, str]:
    """Return the keyword arguments of a call as they are written."""
    return {word.arg or "**": ast.unparse(word.value) for word in call.keywords}


class TestOneWayOut(unittest.TestCase):
    """S15: timeouts on every call, no redirect, TLS verified: read from the source."""

    def test_nobody_else_knows_the_network(self):
        users = {}
        for path in shipped(*FOLDERS):
            names = _IMPORTED.findall(path.read_text("utf-8"))
            used = {
                name
                for name in names
                if name.partition(".")[0] in NETWORK or name == "urllib.request"
            }
            if used:
                users[path.relative_to(ADDON).as_posix()] = used
        self.assertEqual(
            {
                "connectors/netguard.py": {
                    *("requests.adapters", "socket", "urllib3.connection"),
                    *("urllib3.connectionpool", "urllib3.exceptions"),
                },
                # The cookie policy and the errors of the standard library's client.
                "connectors/transport.py": {
                    *("http.client", "http.cookiejar", "requests"),
                    "urllib3.exceptions",
                },
            },
            users,
        )

    def test_the_one_call_has_a_timeout_and_follows_nothing(self):
        [call] = calls(ROOT / "transport.py", "request")
        self.assertEqual("self._session.request", ast.unparse(call.func))
        given = keywords(call)
        self.assertEqual("self._timeout", given["timeout"])
        self.assertEqual("False", given["allow_redirects"])
        # Read in pieces, so that the cap holds.
        self.assertEqual("True", given["stream"])
        self.assertNotIn("verify", given)
        self.assertNotIn("proxies", given)

    def test_requests_is_called_in_no_other_way(self):
        verbs = ("get", "post", "put", "patch", "delete", "head", "options", "send")
        for name in ("transport.py", "netguard.py"):
            used = {
                ast.unparse(call.func)
                for call in calls(ROOT / name, *verbs)
                if ast.unparse(call.func).startswith(("requests.", "self._session."))
            }
            self.assertEqual(set(), used, name)

    def test_nothing_switches_the_check_of_certificates_off(self):
        off = re.compile(r"verify\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False")
        for path in shipped(*FOLDERS):
            with self.subTest(path.name):
                self.assertNotRegex(path.read_text("utf-8"), off)

    def test_timeouts_are_no_less_than_finite(self):
        transport = Transport()
        self.assertEqual(((5, 20), 60), (transport._timeout, transport._total))
        for call in [
            one for path in shipped("connectors") for one in calls(path, "settimeout")
        ]:
            self.assertNotEqual("None", ast.unparse(call.args[0]))

    def test_sftp_is_dialled_by_the_guard_with_timeouts(self):
        path = ROOT / "sftp_files.py"
        [dial] = calls(path, "dial")
        self.assertEqual("self._guard.dial", ast.unparse(dial.func))
        self.assertEqual("self._timeout[0]", ast.unparse(dial.args[2]))
        [start] = calls(path, "start_client")
        self.assertEqual({"timeout": "self._timeout[0]"}, keywords(start))
        [link] = calls(path, "Transport")
        self.assertEqual("sock", ast.unparse(link.args[0]))
        [answers] = calls(path, "settimeout")
        self.assertEqual("self._timeout[1]", ast.unparse(answers.args[0]))
        self.assertIn(
            "link.banner_timeout = link.auth_timeout = self._timeout[0]",
            path.read_text("utf-8"),
        )


class TestOddAddresses(unittest.TestCase):
    """S15: however an address is spelled in a channel's settings, nothing is dialled."""

    def setUp(self) -> None:
        self.transport = Transport()
        self.addCleanup(self.transport.close)

    def test_nothing_is_dialled(self):
        dialled: list[object] = []

        class Recorder(socket.socket):
            def connect(self, address: object) -> None:
                dialled.append(address)
                raise OSError("refused")

        for host in ODD_HOSTS:
            with (
                self.subTest(host),
                mock.patch("socket.socket", Recorder),
                self.assertRaises((Misconfigured, RetryLater)) as caught,
            ):
                self.transport.request("GET", f"https://{host}/x")
            self.assertIn(
                str(caught.exception).partition(" ")[0], ("The", "There"), host
            )
        self.assertEqual([], dialled)

    def test_plain_http_is_refused_before_anything_is_looked_up(self):
        resolver = mock.Mock()
        self.transport._guard._resolver = resolver
        for host in ("shop.example", *ODD_HOSTS):
            with self.subTest(host), self.assertRaises(Misconfigured):
                self.transport.request("GET", f"http://{host}/")
        resolver.assert_not_called()

    def test_a_host_and_its_twin_with_a_dot_are_one(self):
        """An allowed host is no key to other ports, and no other host to it."""
        transport = Transport(["shop.example:8443"])
        self.addCleanup(transport.close)
        transport._guard._resolver = lambda host, port: [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))
        ]
        for host in ("shop.example:443", "shop.example.:443", "x.shop.example:8443"):
            with self.subTest(host), self.assertRaises(Misconfigured):
                transport.request("GET", f"https://{host}/")


class TestRedirects(unittest.TestCase):
    """S15: 0 redirects followed, whatever kind."""

    @responses.activate
    def test_no_kind_of_redirect_is_followed(self):
        for status in (300, 301, 302, 303, 304, 305, 307, 308):
            for method in ("GET", "POST"):
                responses.reset()
                responses.add(
                    method,
                    "https://shop.example/",
                    status=status,
                    headers={"Location": "http://169.254.169.254/latest/meta-data"},
                )
                with (
                    self.subTest(status=status, method=method),
                    Transport() as transport,
                    self.assertRaises(Misconfigured),
                ):
                    transport.request(method, "https://shop.example/", body=b"x")
                self.assertEqual(1, len(responses.calls))
