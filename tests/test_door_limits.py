import gzip
import json
from unittest.mock import patch

from odoo import http
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.errors import BadPayload

from .door_common import DoorCase
from .door_fuzz import Knock, complaints, send

MIB = 1024 * 1024
FORM = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'


class RawDoorCase(DoorCase):
    """A sender whose bytes go over the wire as they are."""

    def send_raw(self, body=b"", method=b"POST", path=None, framing=None, **headers):
        """Return (status, headers, body) of the answer; nobody may complain."""
        length = [(b"Content-Length", str(len(body)).encode())]
        pairs = [
            (name.replace("_", "-").encode(), text.encode())
            for name, text in headers.items()
        ]
        target = (path or self.path).encode()
        knock = Knock(method, target, pairs, body, framing or length)
        port = int(self.base_url().rsplit(":", 1)[1])
        self.env.flush_all()
        with complaints() as found, self.allow_requests(all_requests=True):
            answer = send(("127.0.0.1", port), knock.wire())
        self.env.invalidate_all()
        self.assertEqual(found, [])
        self.assertNotIn("set-cookie", answer[1])
        self.assertNotIn("location", answer[1])
        return answer

    def assert_constant(self, answer, status, text):
        self.assertEqual(
            (answer[0], answer[2]), (status, json.dumps({"status": text}).encode())
        )
        self.assertEqual(answer[1]["content-type"], "application/json")


@tagged("post_install", "-at_install")
class TestDoorLimits(RawDoorCase):
    """S16: what is too large is refused before it is read, in whatever shape it comes."""

    def chunks(self, size, of=64 * 1024):
        """Return a JSON string of so many bytes, in chunks of a fixed size."""
        body = b'"' + b"x" * (size - 2) + b'"'
        parts = [body[start : start + of] for start in range(0, size, of)]
        sent = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
        return body, sent + b"0\r\n\r\n"

    def test_body_in_chunks_is_bounded_too(self):
        chunked = [(b"Transfer-Encoding", b"chunked")]
        for size, status, text in (
            (MIB, 200, "accepted"),
            (MIB + 1, 413, "too large"),
        ):
            with self.subTest(size=size):
                body, sent = self.chunks(size)
                signed = {
                    name.replace("-", "_"): value
                    for name, value in self.sign(body, f"chunks_{size}").items()
                }
                answer = self.send_raw(sent, framing=chunked, **signed)
                self.assert_constant(answer, status, text)
        self.assertEqual(len(self.stored()), 1)

    def test_promised_size_is_refused_before_it_comes(self):
        framing = [(b"Content-Length", str(MIB + 1).encode())]
        for path in (self.path, f"{self.path}/inventory"):
            method = b"POST" if path == self.path else b"GET"
            with self.subTest(path=path):
                answer = self.send_raw(b"", method, path, framing)
                self.assert_constant(answer, 413, "too large")

    def test_form_of_too_many_parts_is_refused(self):
        """Odoo takes forms apart before a route is asked; that is bounded as well."""
        self.assert_constant(
            self.send_raw(PART * 1_001 + b"--x--", Content_Type=FORM), 413, "too large"
        )
        self.assert_constant(
            self.send_raw(PART * 900 + b"--x--", Content_Type=FORM),
            401,
            "not authentic",
        )

    def test_question_has_no_body_to_speak_of(self):
        """Unsigned forms of any size were taken apart before."""
        body = PART * 900 + b"x" * MIB + b"--x--"
        path = f"{self.path}/inventory"
        answer = self.send_raw(body, b"GET", path, Content_Type=FORM)
        self.assert_constant(answer, 413, "too large")

    def test_compressed_body_stays_compressed(self):
        """1 GiB of blanks is 1 MiB on the wire; nobody here unpacks it."""
        raw = gzip.compress(b" " * 20 * MIB)
        signed = self.sign(raw, "bomb")
        response = self.post(raw, headers={**signed, "Content-Encoding": "gzip"})
        self.assert_answer(response, 200, "accepted")
        self.assertEqual(self.stored()._raw_bytes(), raw)
        with self.assertRaises(BadPayload):
            self.channel._connector().parse(raw, self.stored().topic)


@tagged("post_install", "-at_install")
class TestDoorWords(RawDoorCase):
    """S20: no cookie, no redirect and a constant body, whatever knocks and wherever."""

    PATHS = (
        "/stock_channel/",
        "/stock_channel/a/b",
        "/stock_channel//inventory",
        "/stock_channel/a/inventory/",
        "/stock_channel/%2e%2e",
        "/stock_channel/a%2fb",
        "/stock_channel/%00",
        "/stock_channel/%ff",
        "/stock_channel/" + "x" * 65,
        "/stock_channel/1",
        "/stock_channel/x?debug=1&lang=fr_FR&db=other",
    )

    def test_addresses_that_lead_nowhere(self):
        """Neither doubled slashes nor a last one make it redirect."""
        for path in self.PATHS:
            for method in (b"POST", b"GET"):
                with self.subTest(path=path, method=method):
                    answer = self.send_raw(method=method, path=path)
                    if answer[0] == 405:
                        self.assert_constant(answer, 405, "not allowed")
                    else:
                        self.assert_constant(answer, 404, "unknown address")

    def test_database_ids_are_no_address(self):
        """S8: whoever counts up finds nothing."""
        for number in (self.channel.id, self.channel.id + 1, 0):
            answer = self.send_raw(path=f"/stock_channel/{number}")
            self.assert_constant(answer, 404, "unknown address")
        tokens = {
            self.channel.copy({"name": f"Copy {number}"}).webhook_token
            for number in range(20)
        }
        self.assertEqual({len(token) for token in tokens}, {32})
        self.assertEqual(len(tokens), 20)

    def test_other_methods_are_not_allowed(self):
        """Not even ``OPTIONS``, by which Odoo would let a signed delivery in."""
        signed = {
            name.replace("-", "_"): value
            for name, value in self.sign(self.body).items()
        }
        pull = f"{self.path}/inventory"
        others = (b"PUT", b"DELETE", b"OPTIONS", b"PATCH")
        for path, methods, allowed in (
            (self.path, (b"GET", b"HEAD", *others), "POST"),
            (pull, (b"POST", *others), "GET, HEAD"),
        ):
            for method in methods:
                with self.subTest(path=path, method=method):
                    answer = self.send_raw(self.body, method, path, **signed)
                    if method == b"HEAD":
                        self.assertEqual((answer[0], answer[2]), (405, b""))
                    else:
                        self.assert_constant(answer, 405, "not allowed")
                    self.assertEqual(answer[1]["allow"], allowed)
        self.assertFalse(self.stored())

    def test_host_that_is_none_is_no_error_of_ours(self):
        for host in ("x:99999", "[::1", "x:y"):
            with self.subTest(host=host):
                answer = self.send_raw(Host=host)
                self.assert_constant(answer, 404, "unknown address")

    def test_what_odoo_reads_from_every_request_leaves_no_cookie(self):
        """A language, a debug mode or a session of somebody's choice."""
        odd = {
            "Cookie": "session_id=" + "a" * 84 + "; frontend_lang=fr_FR; debug=1",
            "Accept_Language": "fr_FR",
            "X_Openerp_Session_Id": "a" * 84,
        }
        path = f"{self.path}?debug=assets&lang=fr_FR"
        self.assert_constant(self.send_raw(path=path, **odd), 401, "not authentic")

    def test_no_database_selected(self):
        """Where Odoo would send people to choose one, senders are asked to come back."""
        found = http.Request._get_session_and_dbname

        def without_database(request):
            session, _dbname = found(request)
            return session, None

        for path, method in ((self.path, b"POST"), (f"{self.path}/inventory", b"GET")):
            with (
                self.subTest(path=path),
                patch.object(http.Request, "_get_session_and_dbname", without_database),
            ):
                answer = self.send_raw(method=method, path=path)
                self.assert_constant(answer, 503, "try again")
                self.assertEqual(answer[1]["retry-after"], "30")

    def test_every_answer_of_a_status_is_the_same(self):
        """Nothing in it tells which part of a signature, a time or a body was wrong."""
        signed = self.sign(self.body)
        refused = [
            self.post(headers={}),
            self.post(headers={**signed, "webhook-timestamp": "1"}),
            self.post(headers={**signed, "webhook-id": "other"}),
            self.post(headers={**signed, "webhook-signature": "v1,x"}),
            self.post(b"{", headers=signed),
            self.post(secret="whsec_" + "eHl6" * 10),
        ]
        self.channel.secret_ids.valid_to = "2020-01-02"
        refused.append(self.post())
        volatile = {"Date"}
        told = {
            (
                response.status_code,
                response.content,
                tuple(
                    (name, text)
                    for name, text in response.headers.items()
                    if name not in volatile
                ),
            )
            for response in refused
        }
        self.assertEqual(len(told), 1, told)
