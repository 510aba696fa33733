"""Hostile requests for the door, drawn from a seed: raw bytes, none of them authentic.

They are written to the socket as they are: the libraries that shops use would refuse
to send most of them, an attacker's do not.
"""

import gzip
import json
import logging
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 20
JUNK_VALUES = (
    b"",
    b" ",
    b",",
    b"=",
    b"v1",
    b"v1,",
    b"v1,====",
    b"v1,not base64 at all",
    b"v1,\xff\xfe\xfd",
    b"v1,\xc3\xa9",
    b"v1," + b"A" * 8_000,
    b"v1,AAAA " * 900,
    b"\x00",
    b"a\x00b",
    b"\x7f\x1b[31m",
    b"\xed\xa0\x80",
    b"\xd9\xa1\xd9\xa6",
    b"-1",
    b"+1763719530",
    b"0",
    b"1e3",
    b"9" * 5_000,
    b"NaN",
    b"whsec_",
    b"%00%0d%0aX: y",
    b"folded\r\n value",
    b"';DROP TABLE stock_channel;--",
    b"../../etc/passwd",
    b"{{7*7}}",
)
SIGNED = (b"webhook-id", b"webhook-timestamp", b"webhook-signature")
# Headers that Odoo, its server or a library below may read before we do.
OTHERS = (
    (b"Accept-Encoding", (b"gzip, deflate, br", b"\xff")),
    (b"Accept-Language", (b"fr_FR", b"\x00", b"zz;q=nan, *;q=-1")),
    (b"Authorization", (b"Bearer " + b"x" * 3_000, b"Basic =", b"Basic \xff")),
    (b"Connection", (b"Upgrade", b"keep-alive")),
    (b"Content-Encoding", (b"gzip", b"deflate", b"br", b"identity", b"gzip, gzip")),
    (b"Cookie", (b"session_id=..%2f..%2f", b"=;=;\xff", b"session_id=" + b"a" * 84)),
    (b"Expect", (b"100-continue", b"200-ok")),
    (b"Forwarded", (b"for=\xff;proto=gopher",)),
    (b"Host", (b"", b"evil.example", b"[::1", b"a" * 3_000, b"\xff\xfe", b"x:99999")),
    (b"If-Modified-Since", (b"never", b"Thu, 01 Jan 0000 00:00:00 GMT")),
    (b"Origin", (b"null", b"https://evil.example")),
    (b"Range", (b"bytes=0-,1-,2-", b"bytes=-9999999999999999999")),
    (b"Upgrade", (b"h2c",)),
    (b"X-Forwarded-Host", (b"evil.example", b"\x00")),
    (b"X-Forwarded-Proto", (b"gopher",)),
    (b"X-HTTP-Method-Override", (b"DELETE", b"GET")),
    (b"X-Requested-With", (b"XMLHttpRequest",)),
)
KINDS = (
    b"application/json",
    b"application/json; charset=utf-7",
    b"application/x-www-form-urlencoded",
    b"application/x-www-form-urlencoded; charset=utf-16",
    b"multipart/form-data",
    b"multipart/form-data; boundary=",
    b"multipart/form-data; boundary=x",
    b"multipart/form-data; boundary=" + b"x" * 300,
    b"text/plain",
    b"text/xml",
    b"\xff/\xfe",
    b";;;",
    b"",
)
QUERIES = (
    b"",
    b"",
    b"",
    b"?debug=assets",
    b"?since=",
    b"?since=-1",
    b"?since=" + b"9" * 19,
    b"?since=1&since=2",
    b"?since=%d9%a1",
    b"?since[]=1",
    b"?token=other",
    b"?%ff=%00",
    b"?db=nothing",
    b"?" + b"a=1&" * 2_000,
)
BODIES = (
    b"",
    b"\x00",
    b"\xff\xfe\x00{",
    b"{",
    b"null",
    b"[" * 20_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b"9" * 20_000,
    b"-1e" + b"9" * 400,
    b'{"type": "\\ud800", "data": {"id": "\\udfff"}}',
    b'{"type": "order.updated", "type": "x", "data": {}}',
    b'{"type": "order.updated", "data": {"id": "\\u0000"}}',
    b"\xed\xa0\x80",
    b"NaN",
    b"a=1&b=2",
    b"a=%ff%00&" * 1_500,
    b"webhook_id=5",
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="\xff"; filename="../a"\r\n\r\n1',
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 1_500 + b"--x--",
    b"--x\r\n" + b"X-Long: " + b"y" * 70_000,
    gzip.compress(b" " * 2_000_000),
    gzip.compress(b'{"type": "order.updated"}')[:-4],
)


@dataclass
class Knock:
    """One request, in the bytes that go over the wire."""

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    framing: list[tuple[bytes, bytes]] = field(default_factory=list)

    def wire(self):
        lines = [self.method + b" " + self.target + b" HTTP/1.1"]
        names = {name.lower() for name, _value in self.headers}
        base = [] if b"host" in names else [(b"Host", b"127.0.0.1")]
        for name, value in [*base, *self.headers, *self.framing]:
            lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"Connection: close", b"", b""]) + self.body

    def __str__(self):
        wire = self.wire()
        return f"{wire[:700]!r} ... {len(wire)} bytes"


class Fuzzer:
    """Draws requests; the same seed draws the same ones.

    :param random.Random dice: where they come from.
    :param str path: of the channel's door.
    :param sign: returns headers for (body, key); with another secret they are good
        for nothing.
    :param foreign: the same with a secret that is not the channel's.
    """

    def __init__(self, dice, path, sign, foreign):
        self.dice = dice
        self.path = path.encode()
        self.sign = sign
        self.foreign = foreign

    def knock(self):
        body = self._body()
        is_pull = self.dice.random() < 0.15
        headers = [] if is_pull else [(b"Content-Type", self.dice.choice(KINDS))]
        headers += self._signed(body)
        for _time in range(self.dice.randrange(1, 4)):
            self._spoil(headers)
        self.dice.shuffle(headers)
        knock = Knock(
            method=b"GET" if is_pull else b"POST",
            target=self._target(is_pull),
            headers=headers,
            body=body,
        )
        self._frame(knock)
        return knock

    def _body(self):
        drawn = self.dice.random()
        if drawn < 0.6:
            return self.dice.choice(BODIES)
        if drawn < 0.8:
            return self.dice.randbytes(self.dice.randrange(2_000))
        value = {"type": "order.updated", "data": {"id": str(self.dice.random())}}
        raw = bytearray(json.dumps(value).encode())
        raw[self.dice.randrange(len(raw))] ^= self.dice.randrange(1, 256)
        return bytes(raw)

    def _signed(self, body):
        """Return headers signed for another body, or by somebody else."""
        key = f"fuzz_{self.dice.randrange(10)}"
        if self.dice.random() < 0.5:
            signed = self.sign(body + b"!", key)
        else:
            signed = self.foreign(body, key)
        return [(name.encode(), value.encode()) for name, value in signed.items()]

    def _spoil(self, headers):
        what = self.dice.randrange(6)
        if what == 0 and headers:
            headers.pop(self.dice.randrange(len(headers)))
        elif what == 1 and headers:
            name, _value = self.dice.choice(headers)
            headers.append((name, self.dice.choice(JUNK_VALUES)))
        elif what == 2:
            name = self.dice.choice(SIGNED)
            headers[:] = [pair for pair in headers if pair[0] != name]
            headers.append((name, self.dice.choice(JUNK_VALUES)))
        elif what == 3:
            headers.append((self.dice.randbytes(5).hex().encode(), b"x" * 30_000))
        else:
            name, values = self.dice.choice(OTHERS)
            headers.append((name, self.dice.choice(values)))

    def _target(self, is_pull):
        drawn = self.dice.random()
        path = self.path + (b"/inventory" if is_pull else b"")
        if drawn < 0.1:
            tokens = (
                b"%00",
                b"%ff%fe",
                b"x" * 65,
                b"x" * 5_000,
                b"..",
                b"%2e%2e",
                b"'",
            )
            path = b"/stock_channel/" + self.dice.choice(tokens)
            path += b"/inventory" if is_pull else b""
        return path + self.dice.choice(QUERIES)

    def _frame(self, knock):
        """Say how long the body is, now and then wrongly."""
        drawn = self.dice.random()
        if drawn < 0.8:
            knock.framing = [(b"Content-Length", str(len(knock.body)).encode())]
        elif drawn < 0.9:
            knock.framing = [(b"Transfer-Encoding", b"chunked")]
            knock.body = self._chunks(knock.body)
        else:
            lengths = (b"-1", b"abc", b"", b"1e3", b"+5", b"0x10", b"5, 5", b"999999")
            knock.framing = [(b"Content-Length", self.dice.choice(lengths))]

    def _chunks(self, body):
        if self.dice.random() < 0.5:
            return self.dice.choice((b"zz\r\n", b"-5\r\nhello", b"", b"5\r\nhi")) + body
        chunks = b""
        for start in range(0, len(body), 4_096):
            part = body[start : start + 4_096]
            chunks += f"{len(part):x}".encode() + b"\r\n" + part + b"\r\n"
        return chunks + b"0\r\n\r\n"


def send(address, wire):
    """Write bytes to a socket; return status, headers and body of the answer.

    The sending side is closed at once: who promises more than he sends is not waited
    for. An answer that came before everything was read breaks the writing, not this.

    :return: status (None where the server just hung up), headers, body.
    """
    with socket.create_connection(address, TIMEOUT_SECONDS) as line:
        with suppress(OSError):
            line.sendall(wire)
            line.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(ConnectionResetError):
            while part := line.recv(65_536):
                answer += part
    while answer.startswith(b"HTTP/1.1 100 "):
        _go_on, _blank, answer = answer.partition(b"\r\n\r\n")
    head, _blank, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    if not first.startswith(b"HTTP/"):
        return None, {}, answer
    headers = {}
    for line in lines:
        name, _colon, value = line.partition(b":")
        headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    return int(first.split()[1]), headers, body


class Complaints(logging.Handler):
    """Keeps every record that is an error or holds a traceback."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        if record.levelno >= logging.ERROR or record.exc_info:
            self.records.append(f"{record.name}: {record.getMessage()[:300]}")


@contextmanager
def complaints():
    """Return what is complained of in the log meanwhile, by anybody.

    However quiet the test run is: Odoo's loggers speak, into this list alone.
    """
    handler = Complaints()
    root, odoo = logging.getLogger(), logging.getLogger("odoo")
    level = odoo.level
    root.addHandler(handler)
    odoo.addHandler(handler)
    odoo.propagate = False
    odoo.setLevel(logging.INFO)
    try:
        yield handler.records
    finally:
        odoo.setLevel(level)
        odoo.propagate = True
        odoo.removeHandler(handler)
        root.removeHandler(handler)
