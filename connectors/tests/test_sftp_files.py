"""SFTP against a server in this process: keys are pinned, nothing is replaced."""

import base64
import contextlib
import hashlib
import io
import json
import logging
import os
import socket
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from unittest.mock import patch

import paramiko

from ..errors import Misconfigured, RetryLater
from ..filedrop import FiledropConnector
from ..files import FileTransport
from ..testing.fake_channel import FixedClock
from ..testing.fake_filedrop import as_csv, order_row

PASSWORD = "the c4n4ry of the drop's user"
HOST_KEY = paramiko.ECDSAKey.generate()
USER_KEY = paramiko.ECDSAKey.generate()
SECONDS = 10


class Door(paramiko.ServerInterface):
    """Lets one user in, by password or key."""

    def get_allowed_auths(self, username):
        return "password,publickey"

    def check_auth_password(self, username, password):
        is_ours = (username, password) == ("hub", PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if is_ours else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username, key):
        is_ours = username == "hub" and key == USER_KEY
        return paramiko.AUTH_SUCCESSFUL if is_ours else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED


class Disk(paramiko.SFTPServerInterface):
    """Serves one folder, as OpenSSH does: a rename replaces nothing."""

    root: Path

    def _at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def _tried(self, action):
        try:
            return action()
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def list_folder(self, path):
        def entries():
            found = []
            for name in os.listdir(self._at(path)):
                stat = os.lstat(self._at(path) / name)
                found.append(paramiko.SFTPAttributes.from_stat(stat, name))
            return found

        return self._tried(entries)

    def lstat(self, path):
        return self._tried(
            lambda: paramiko.SFTPAttributes.from_stat(os.lstat(self._at(path)))
        )

    stat = lstat

    def open(self, path, flags, attr):
        def opened():
            number = os.open(self._at(path), flags, 0o600)
            writes = flags & os.O_WRONLY
            file = os.fdopen(number, "wb" if writes else "rb")
            handle = paramiko.SFTPHandle(flags)
            handle.readfile = handle.writefile = file
            return handle

        return self._tried(opened)

    def remove(self, path):
        return self._tried(lambda: os.remove(self._at(path))) or paramiko.SFTP_OK

    def mkdir(self, path, attr):
        return self._tried(lambda: os.mkdir(self._at(path))) or paramiko.SFTP_OK

    def rename(self, oldpath, newpath):
        if self._at(newpath).exists():
            return paramiko.SFTP_FAILURE
        done = self._tried(lambda: os.rename(self._at(oldpath), self._at(newpath)))
        return done or paramiko.SFTP_OK


class SftpCase(unittest.TestCase):
    """A server on loopback, which every test may call a few times."""

    def setUp(self) -> None:
        # The library tells of every connection that ends.
        logging.getLogger("paramiko").addHandler(logging.NullHandler())
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("in", "out", "reports"):
            (self.root / name).mkdir()
        self.disk = type("OneDisk", (Disk,), {"root": self.root})
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(SECONDS)
        self.port = self.listener.getsockname()[1]
        self.links: list[paramiko.Transport] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        self.addCleanup(self._stop)
        self.transport = FileTransport(["127.0.0.1"])
        self.addCleanup(self.transport.close)
        self.base = f"sftp://hub@127.0.0.1:{self.port}"
        self.headers = {"host-key": pinned(), "password": PASSWORD}

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _address = self.listener.accept()
                link = paramiko.Transport(sock)
                link.add_server_key(HOST_KEY)
                link.set_subsystem_handler("sftp", paramiko.SFTPServer, self.disk)
                self.links.append(link)
                with contextlib.suppress(paramiko.SSHException, EOFError):
                    link.start_server(server=Door(), event=threading.Event())

    def _stop(self) -> None:
        self.transport.close()
        # A socket that is shut down wakes whoever waits for it.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for link in self.links:
            link.close()
        self.thread.join(SECONDS)

    def call(self, method: str, path: str, body: bytes = b"", to: str = ""):
        headers = dict(self.headers)
        if to:
            headers["destination"] = f"{self.base}/{to}"
        return self.transport.request(
            method, f"{self.base}/{path}", headers=headers, body=body
        )


class TestSftp(SftpCase):
    def test_written_listed_read_moved_deleted(self):
        body = os.urandom(100_000)
        self.assertEqual(201, self.call("PUT", "in/.a.part", body).status)
        self.assertEqual(201, self.call("PUT", "in/.a.part", body).status)
        self.assertEqual(201, self.call("MOVE", "in/.a.part", to="in/a b.csv").status)
        [entry] = json.loads(self.call("LIST", "in").body)["entries"]
        self.assertEqual(
            ("a b.csv", 100_000, "file"),
            tuple(entry[name] for name in ("name", "size", "kind")),
        )
        answer = self.call("GET", f"in/{entry['segment']}")
        self.assertEqual((200, body), (answer.status, answer.body))
        self.assertEqual(entry["modified"], answer.headers["x-modified"])
        self.assertEqual(200, self.call("DELETE", "in/a%20b.csv").status)
        self.assertEqual(404, self.call("GET", "in/a").status)
        self.assertEqual(404, self.call("LIST", "none").status)
        self.assertEqual(404, self.call("PUT", "none/a", b"1").status)
        self.assertEqual(201, self.call("MKCOL", "archive").status)
        self.assertEqual(409, self.call("MKCOL", "archive").status)
        # One connection did it all.
        self.assertEqual(1, len(self.links))

    def test_nothing_is_replaced_by_a_move(self):
        self.call("PUT", "in/a", b"new")
        self.call("PUT", "out/a", b"old")
        self.assertEqual(409, self.call("MOVE", "in/a", to="out/a").status)
        with patch("connectors.sftp_files._is_there", side_effect=[False, True]):
            self.assertEqual(409, self.call("MOVE", "in/a", to="out/a").status)
        self.assertEqual(b"old", (self.root / "out/a").read_bytes())
        self.assertEqual(404, self.call("MOVE", "in/none", to="out/b").status)

    def test_links_and_pipes_are_not_read(self):
        (self.root / "in/link").symlink_to("/etc/passwd")
        os.mkfifo(self.root / "in/pipe")
        for name in ("link", "pipe"):
            self.assertEqual(403, self.call("GET", f"in/{name}").status)
        entries = json.loads(self.call("LIST", "in").body)["entries"]
        self.assertEqual({"other"}, {entry["kind"] for entry in entries})

    def test_too_big_is_not_read(self):
        self.transport._max_bytes = 4
        self.call("PUT", "in/a", b"12345")
        self.assertEqual(413, self.call("GET", "in/a").status)

    def test_the_whole_round_of_a_channel(self):
        clock = FixedClock()
        row = order_row("1001", "1", "A-1", "3", "9.90", 1, clock())
        text = as_csv(tuple(row), [tuple(row.values())])
        (self.root / "in/orders-1.csv").write_text(text)
        os.utime(self.root / "in/orders-1.csv", (0, clock().timestamp()))
        clock.advance(60)
        config = {
            "base_url": self.base,
            "host_key": pinned(),
            "password": PASSWORD,
        }
        connector = FiledropConnector(config, self.transport, clock)
        self.assertEqual(
            "Connected; 1 file(s) wait to be read.", connector.check().message
        )
        [page] = connector.fetch_orders(None)
        self.assertEqual("1001", page.orders[0].order_id)
        self.assertEqual(
            ["20261121T120100Z-orders-1.csv"], os.listdir(self.root / "archive")
        )
        self.assertEqual([], os.listdir(self.root / "in"))


class TestWhoIsThere(SftpCase):
    def refused(self, word: str, field: str = "host_key") -> None:
        with self.assertRaisesRegex(Misconfigured, word) as caught:
            self.call("LIST", "in")
        self.assertEqual(field, caught.exception.field)

    def test_a_server_without_a_known_key_is_refused(self):
        for text in ("", "ssh-ed25519", "SHA256:short", "ecdsa !!!"):
            self.headers["host-key"] = text
            self.refused("is missing")
        # Not even dialled.
        self.assertEqual([], self.links)

    def test_another_key_is_refused_before_the_password_is_told(self):
        other = paramiko.ECDSAKey.generate()
        for text in (pinned(other), fingerprint(other)):
            self.headers["host-key"] = text
            with patch.object(paramiko.Transport, "auth_password") as told:
                self.refused("another key")
            told.assert_not_called()

    def test_a_fingerprint_will_do(self):
        self.headers["host-key"] = fingerprint()
        self.assertEqual(200, self.call("LIST", "in").status)

    def test_wrong_password(self):
        self.headers["password"] = "wrong"
        self.assertEqual(401, self.call("LIST", "in").status)

    def test_a_key_instead_of_the_password(self):
        text = io.StringIO()
        USER_KEY.write_private_key(text)
        for key in (text.getvalue(), text.getvalue().replace("\n", "")):
            self.headers = {"host-key": pinned(), "private-key": key}
            self.transport.close()
            self.assertEqual(200, self.call("LIST", "in").status)

    def test_a_key_that_cannot_be_read(self):
        self.headers["private-key"] = "-----BEGIN RSA PRIVATE KEY-----"
        self.refused("cannot be read", "private_key")

    def test_private_addresses_need_an_administrator(self):
        self.transport = FileTransport(["files.example"])
        self.refused("private address", "base_url")

    def test_nobody_there(self):
        self._stop()
        with self.assertRaises(RetryLater):
            self.call("LIST", "in")

    def test_a_connection_that_ends_is_made_anew(self):
        self.assertEqual(200, self.call("LIST", "in").status)
        self.transport._sftp._open[1].close()
        self.assertEqual(200, self.call("LIST", "in").status)
        self.assertEqual(2, len(self.links))

    def test_something_else_listens_there(self):
        with (
            patch.object(
                paramiko.Transport,
                "start_client",
                side_effect=paramiko.SSHException("x"),
            ),
            self.assertRaises(RetryLater) as caught,
        ):
            self.call("LIST", "in")
        self.assertNotIn("x", caught.exception.message.split())

    def test_without_the_library_a_sentence_says_so(self):
        with patch.dict(sys.modules, {"paramiko": None}):
            self.refused("library paramiko", "base_url")


def pinned(key: paramiko.PKey = HOST_KEY) -> str:
    """Return a key as ssh-keyscan prints it."""
    return f"{key.get_name()} {key.get_base64()}"


def fingerprint(key: paramiko.PKey = HOST_KEY) -> str:
    """Return a key's fingerprint as ssh shows it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
