"""Dialling a checked address leaves TLS as it was: the name on the address bar counts."""

import contextlib
import datetime
import http.server
import socket
import ssl
import tempfile
import threading
import unittest
from pathlib import Path

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
except ImportError:
    x509 = None

from ..errors import Misconfigured
from ..transport import Transport


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers an empty object."""

    def do_GET(self):
        """Answer."""
        with contextlib.suppress(OSError):
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    def log_message(self, *args):
        """Keep the test output clean."""


class Server(http.server.ThreadingHTTPServer):
    """Refused handshakes are what is tested: no word about them."""

    def handle_error(self, request, client_address):
        """Say nothing."""


@unittest.skipIf(x509 is None, "cryptography is not installed (Odoo brings it)")
class TestTls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.ca_file = str(folder / "certificate.pem")
        write_certificate(folder, "shop.example")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cls.ca_file, folder / "key.pem")
        cls.asked_names = []
        context.sni_callback = lambda sock, name, ctx: cls.asked_names.append(name)
        cls.server = Server(("127.0.0.1", 0), Handler)
        cls.server.socket = context.wrap_socket(cls.server.socket, server_side=True)
        cls.port = cls.server.server_port
        thread = threading.Thread(target=cls.server.serve_forever, args=(0.01,))
        thread.start()
        cls.addClassCleanup(thread.join)
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)

    def call(self, host: str, ca_file: str | None) -> bytes:
        """Call a host whose name leads to our server."""
        with Transport([host], ca_file=ca_file) as transport:
            transport._guard._resolver = lambda name, port: [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
            ]
            return transport.request("GET", f"https://{host}:{self.port}/").body

    def test_certificate_of_the_name_is_accepted(self):
        del self.asked_names[:]
        self.assertEqual(b"{}", self.call("shop.example", self.ca_file))
        self.assertEqual(["shop.example"], self.asked_names)

    def test_certificate_of_another_name_is_refused(self):
        with self.assertRaises(Misconfigured) as caught:
            self.call("other.example", self.ca_file)
        self.assertIn("cannot be trusted", str(caught.exception))

    def test_unknown_authority_is_refused(self):
        self.assertRaises(Misconfigured, self.call, "shop.example", None)


def write_certificate(folder: Path, name: str) -> None:
    """Write a throw-away self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(encoding))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            encoding,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
