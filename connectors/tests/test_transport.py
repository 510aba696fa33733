"""The transport, over ``responses`` and over a real server on loopback."""

import contextlib
import gzip
import http.server
import json
import logging
import socket
import threading
import time
import traceback
import tracemalloc
import unittest
from datetime import UTC, datetime
from decimal import Decimal
from unittest import mock

import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from ..errors import ConnectorError, Misconfigured, RateLimited, RetryLater
from ..transport import Response, Transport, check_status, retry_after

URL = "https://shop.example/inventory"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CANARY = "c4n4ryC4N4RYc4n4ry"
BAD_ADDRESSES = """
shop.example //shop.example/ ftp://shop.example/ file:///etc https:// https:///path
https://[::1 https://shop.example:99999/ https://user:c4n4ry@shop.example/
https://user@shop.example/ http://shop.example/ javascript:alert(1)
"""


class TestRetryAfter(unittest.TestCase):
    def test_both_forms(self):
        for value, expected in {
            "0": 0,
            "120": 120,
            " 1.5 ": 1.5,
            "Sat, 21 Nov 2026 12:00:30 GMT": 30,
            "Saturday, 21-Nov-26 12:01:00 GMT": 60,
            "Sat, 21 Nov 2026 13:00:30 +0100": 30,
            "Sat, 21 Nov 2026 11:00:00 GMT": 0,
        }.items():
            with self.subTest(value):
                self.assertEqual(expected, retry_after({"retry-after": value}, NOW))

    def test_no_usable_hint(self):
        for value in ("", "soon", "-1", "nan", "inf", "1e999", "Sat, 99 Nov 2026"):
            with self.subTest(value):
                self.assertIsNone(retry_after({"retry-after": value}, NOW))
        self.assertIsNone(retry_after({}, NOW))

    @given(st.text(max_size=40))
    def test_any_text_is_a_sane_number_or_none(self, value):
        after = retry_after({"retry-after": value}, NOW)
        self.assertTrue(after is None or after >= 0)


class TestStatus(unittest.TestCase):
    def test_every_status_has_one_meaning(self):
        for status in range(200, 600):
            response = Response(status, {"retry-after": "9"})
            if status < 300 or (400 <= status < 500 and status != 429):
                self.assertIs(response, check_status(response, NOW))
                continue
            expected = (
                Misconfigured
                if status < 400
                else RateLimited
                if status == 429
                else RetryLater
            )
            with self.assertRaises(ConnectorError) as caught:
                check_status(response, NOW)
            self.assertIs(expected, type(caught.exception))
            self.assertEqual(
                None if status < 400 else 9, getattr(caught.exception, "after", None)
            )


class TestJson(unittest.TestCase):
    def test_fractions_stay_exact(self):
        value = Response(200, {}, b'{"a": 0.1, "b": 2, "c": 1e2}').json()
        self.assertEqual({"a": Decimal("0.1"), "b": 2, "c": Decimal("1E+2")}, value)
        self.assertIs(int, type(value["b"]))

    def test_what_is_not_json(self):
        for body in (
            b"",
            b"<html>",
            b"NaN",
            b"[Infinity]",
            b"\xff",
            b"[" * 99_999,
            b"9" * 9_999,
        ):
            with self.subTest(body[:10]), self.assertRaises(RetryLater) as caught:
                Response(200, {"content-type": "text/html"}, body).json()
            self.assertEqual(
                "The channel answered 200 with something that is not JSON (text/html).",
                str(caught.exception),
            )


class TestRequest(unittest.TestCase):
    """What goes out and how answers come back, over the ``responses`` library."""

    def setUp(self) -> None:
        self.transport = Transport()
        self.addCleanup(self.transport.close)

    @responses.activate
    def test_json_is_sent_compactly(self):
        responses.post(URL, json={"ok": True}, status=207, headers={"X-Next": "5"})
        answer = self.transport.request(
            "post", URL, json={"a": ["é"]}, headers={"X-Key": "k"}, params={"q": "a b"}
        )
        self.assertEqual((207, "5"), (answer.status, answer.headers["x-next"]))
        self.assertEqual({"ok": True}, answer.json())
        [call] = responses.calls
        self.assertEqual(
            json.dumps({"a": ["é"]}).replace(" ", "").encode(), call.request.body
        )
        self.assertEqual(URL + "?q=a+b", call.request.url)
        self.assertEqual("application/json", call.request.headers["content-type"])
        self.assertEqual("k", call.request.headers["x-key"])
        self.assertEqual("stock_channel_hub/1", call.request.headers["user-agent"])

    @responses.activate
    def test_bytes_are_sent_as_they_are(self):
        responses.post(URL, body=b"")
        self.transport.request("POST", URL, body=b'{ "b" :1}')
        self.assertEqual(b'{ "b" :1}', responses.calls[0].request.body)

    def test_decimal_is_refused(self):
        with self.assertRaises(TypeError):
            self.transport.request("POST", URL, json={"quantity": Decimal(1)})

    @responses.activate
    def test_redirect_is_not_followed(self):
        responses.get(URL, status=302, headers={"Location": "https://evil.example/"})
        with self.assertRaises(Misconfigured):
            self.transport.request("GET", URL)
        self.assertEqual(1, len(responses.calls))

    @responses.activate
    def test_hints_of_the_channel(self):
        for status, error in ((429, RateLimited), (503, RetryLater)):
            responses.get(URL, status=status, headers={"Retry-After": "17"})
            with self.subTest(status), self.assertRaises(error) as caught:
                self.transport.request("GET", URL)
            self.assertEqual(17, caught.exception.after)
            responses.reset()

    @responses.activate
    def test_broken_connections(self):
        for error in (
            requests.exceptions.ConnectionError(CANARY),
            requests.exceptions.ConnectTimeout(CANARY),
            requests.exceptions.ReadTimeout(CANARY),
            requests.exceptions.SSLError("EOF occurred in violation of protocol"),
            requests.exceptions.ChunkedEncodingError(CANARY),
            OSError(CANARY),
        ):
            responses.get(URL, body=error)
            with self.subTest(error), self.assertRaises(RetryLater) as caught:
                self.transport.request("GET", URL)
            text = "".join(traceback.format_exception(caught.exception))
            self.assertNotIn(CANARY, text)
            responses.reset()

    @responses.activate
    def test_untrusted_certificate_needs_a_person(self):
        error = requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] expired")
        responses.get(URL, body=error)
        self.assertRaises(Misconfigured, self.transport.request, "GET", URL)

    @responses.activate
    def test_answer_is_capped(self):
        transport = Transport(max_bytes=1_000)
        self.addCleanup(transport.close)
        responses.get(URL, body=b"x" * 1_000)
        self.assertEqual(1_000, len(transport.request("GET", URL).body))
        responses.reset()
        responses.get(URL, body=b"x" * 1_001)
        with self.assertRaises(RetryLater) as caught:
            transport.request("GET", URL)
        self.assertIn("larger than 1000 bytes", str(caught.exception))

    def test_addresses_that_are_none(self):
        for url in ("", *BAD_ADDRESSES.split()):
            with self.subTest(url), self.assertRaises(Misconfigured) as caught:
                self.transport.request("GET", url)
            self.assertEqual("base_url", caught.exception.field)
            self.assertNotIn("c4n4ry", str(caught.exception))

    def test_characters_that_cannot_be_sent(self):
        for headers in (
            {"x-key": "a\nb: c"},
            {"x-key": "a\r\n\r\n"},
            {"x-key": "\u20ac"},
        ):
            with (
                self.subTest(headers),
                mock.patch.object(self.transport._guard, "dial", side_effect=OSError),
                self.assertRaises(ConnectorError) as caught,
            ):
                self.transport.request("GET", URL, headers=headers)
            self.assertNotIn(headers["x-key"], str(caught.exception))

    @responses.activate
    def test_one_log_line_without_secrets(self):
        responses.get(f"{URL}/{'a' * 5}", body=b"{}", status=404)
        with self.assertLogs("connectors", logging.DEBUG) as logs:
            self.transport.request(
                "GET",
                f"{URL}/aaaaa?token={CANARY}",
                headers={"authorization": f"Bearer {CANARY}"},
                params={"signature": CANARY},
            )
        [line] = logs.output
        self.assertRegex(
            line,
            r"\ADEBUG:connectors\.transport:GET shop\.example/inventory/aaaaa:"
            r" 404 in \d+\.\d{3} s\Z",
        )

    def test_wrong_allowed_host_hurts_calls_only(self):
        """The door builds a transport, too, and must stay open."""
        with Transport(["host:abc"]) as transport:
            with self.assertRaises(Misconfigured) as caught:
                transport.request("GET", "http://host/")
        self.assertEqual("allowed_hosts", caught.exception.field)

    def test_environment_plays_no_part(self):
        session = self.transport._session
        self.assertIs(False, session.trust_env)
        self.assertIs(True, session.verify)
        self.assertEqual({}, session.proxies)


class Handler(http.server.BaseHTTPRequestHandler):
    """A server that misbehaves by path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Answer the way the path says."""
        self.server.seen.append(dict(self.headers))
        with contextlib.suppress(OSError):
            getattr(self, "answer_" + self.path.strip("/").partition("?")[0])()

    def log_message(self, *args):
        """Keep the test output clean."""

    def reply(self, body: bytes, **headers: str) -> None:
        """Send a whole answer."""
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_fine(self):
        """A good answer, with a cookie."""
        self.reply(b'{"fine":1}', set_cookie="session=1; Path=/")

    def answer_packed(self):
        """A good answer, packed."""
        self.reply(gzip.compress(b'{"packed":1}'), content_encoding="gzip")

    def answer_bomb(self):
        """16 MiB in 16 KiB."""
        self.reply(gzip.compress(bytes(16 * 1024 * 1024)), content_encoding="gzip")

    def answer_damaged(self):
        """Says gzip and is not."""
        self.reply(b"not packed", content_encoding="gzip")

    def answer_half_packed(self):
        """A packed answer without its end."""
        self.reply(gzip.compress(b'{"packed":1}' * 99)[:-12], content_encoding="gzip")

    def answer_strange(self):
        """Packed in a way nobody asked for."""
        self.reply(b"x", content_encoding="br")

    def answer_short(self):
        """Promises more than it sends."""
        self.send_response(200)
        self.send_header("content-length", "100")
        self.end_headers()
        self.wfile.write(b"{}")
        self.close_connection = True

    def answer_hang_up(self):
        """Says nothing."""
        self.close_connection = True

    def answer_slow(self):
        """Nothing for a while."""
        self.server.released.wait(5)

    def answer_drip(self):
        """A byte now and then, for ever."""
        self.send_response(200)
        self.send_header("content-length", "10000")
        self.end_headers()
        while not self.server.released.wait(0.02):
            self.wfile.write(b"x")

    def answer_drip_headers(self):
        """A header line that does not end."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not self.server.released.wait(0.02):
            self.wfile.write(b"x")

    def answer_endless(self):
        """More than anybody wants, without saying how much."""
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for _ in range(64):
            self.wfile.write(b"40000\r\n" + b"x" * 0x40000 + b"\r\n")


class TestWire(unittest.TestCase):
    """Real sockets, on loopback."""

    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        cls.server.seen, cls.server.released = [], threading.Event()
        cls.address = f"127.0.0.1:{cls.server.server_port}"
        thread = threading.Thread(target=cls.server.serve_forever, args=(0.01,))
        thread.start()
        cls.addClassCleanup(thread.join)
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)
        cls.addClassCleanup(cls.server.released.set)

    def transport(self, **options: object) -> Transport:
        """Return a transport that may talk to the server."""
        transport = Transport([self.address], **options)
        self.addCleanup(transport.close)
        return transport

    def get(self, path: str, **options: object) -> Response:
        """Ask the server."""
        return self.transport(**options).request("GET", f"http://{self.address}/{path}")

    def refused(self, path: str, **options: object) -> str:
        """Return the text of the error, which is RetryLater."""
        with self.assertRaises(RetryLater) as caught:
            self.get(path, **options)
        return str(caught.exception)

    def test_answers_arrive(self):
        self.assertEqual({"fine": 1}, self.get("fine").json())
        self.assertEqual({"packed": 1}, self.get("packed").json())

    def test_connection_is_kept_and_cookies_are_not(self):
        transport = self.transport()
        del self.server.seen[:]
        with mock.patch.object(
            transport._guard, "dial", wraps=transport._guard.dial
        ) as dial:
            for _ in range(3):
                transport.request("GET", f"http://{self.address}/fine")
        self.assertEqual(1, dial.call_count)
        self.assertEqual(3, len(self.server.seen))
        self.assertFalse(any("Cookie" in headers for headers in self.server.seen))

    def test_bomb_is_defused(self):
        self.assertIn("larger than", self.refused("bomb"))

    def test_endless_answer_is_ended(self):
        self.assertIn("larger than", self.refused("endless"))

    def test_bomb_is_never_unpacked_in_full(self):
        packed = gzip.compress(bytes(16 * 1024 * 1024))
        transport = self.transport(max_bytes=1024 * 1024)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        with self.assertRaises(RetryLater):
            transport._read([packed], {"content-encoding": "gzip"}, True)
        self.assertLess(tracemalloc.get_traced_memory()[1], 8 * 1024 * 1024)

    def test_cut_answer_is_noticed_whatever_the_library_does(self):
        """urllib3 before 2.0 does not compare with the announced length."""
        headers = {"content-length": "3"}
        with self.assertRaises(RetryLater):
            self.transport()._read([b"{}"], headers, True)
        self.assertEqual(b"{} ", self.transport()._read([b"{}", b" "], headers, True))
        self.assertEqual(b"", self.transport()._read([], headers, False))

    def test_damaged_answers(self):
        self.assertIn("damaged", self.refused("damaged"))
        self.assertIn("cut short", self.refused("half_packed"))
        self.assertIn("unknown way", self.refused("strange"))

    def test_broken_answers(self):
        for path in ("short", "hang_up"):
            with self.subTest(path):
                self.assertRegex(self.refused(path), "broke|cut short")

    def test_silence_has_an_end(self):
        start = time.monotonic()
        text = self.refused("slow", timeout=(1, 0.1))
        self.assertEqual("The channel did not answer in time.", text)
        self.assertLess(time.monotonic() - start, 4)

    def test_dripping_has_an_end(self):
        for path in ("drip", "drip_headers"):
            with self.subTest(path):
                start = time.monotonic()
                text = self.refused(path, total=0.15)
                self.assertEqual("The channel did not answer in time.", text)
                self.assertLess(time.monotonic() - start, 4)

    def test_kept_connection_has_an_end_too(self):
        transport = self.transport(total=0.15)
        transport.request("GET", f"http://{self.address}/fine")
        start = time.monotonic()
        with self.assertRaises(RetryLater):
            transport.request("GET", f"http://{self.address}/drip")
        self.assertLess(time.monotonic() - start, 4)

    def test_call_after_a_cut_one_works(self):
        transport = self.transport(total=0.15)
        with self.assertRaises(RetryLater):
            transport.request("GET", f"http://{self.address}/drip")
        answer = transport.request("GET", f"http://{self.address}/fine")
        self.assertEqual({"fine": 1}, answer.json())

    def test_nobody_there(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"
        with Transport([address]) as transport, self.assertRaises(RetryLater) as caught:
            transport.request("GET", f"http://{address}/")
        self.assertEqual("The connection to the channel broke.", str(caught.exception))

    def test_tls_is_spoken_and_names_are_checked(self):
        # A plain server behind https: the handshake fails, nothing is sent.
        with (
            Transport([self.address]) as transport,
            self.assertRaises(RetryLater) as caught,
        ):
            transport.request("GET", f"https://{self.address}/fine")
        self.assertEqual("The secure connection broke.", str(caught.exception))

    def test_private_address_is_refused_before_dialling(self):
        del self.server.seen[:]
        with Transport() as transport:
            for host in (self.address, f"localhost:{self.server.server_port}"):
                with self.assertRaises(Misconfigured):
                    transport.request("GET", f"https://{host}/fine")
        self.assertEqual([], self.server.seen)

    def test_name_that_changes_its_address_is_refused(self):
        """Public when looked at, private when dialled: there is only one look."""
        turns = iter([["8.8.8.8"], ["127.0.0.1"]])

        def resolve(host: str, port: int):
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port))
                for a in next(turns)
            ]

        dialled = []

        class Recorder(socket.socket):
            def connect(self, address):
                dialled.append(address)
                raise OSError("not here")

        with Transport() as transport, mock.patch("socket.socket", Recorder):
            transport._guard._resolver = resolve
            with self.assertRaises(RetryLater):
                transport.request("GET", URL)
        self.assertEqual([("8.8.8.8", 443)], dialled)

    def test_unknown_name_is_tried_again(self):
        with Transport() as transport:
            transport._guard._resolver = mock.Mock(side_effect=socket.gaierror(CANARY))
            with self.assertRaises(RetryLater) as caught:
                transport.request("GET", URL)
        self.assertEqual("The connection to the channel broke.", str(caught.exception))
