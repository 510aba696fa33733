"""OAuth 1.0a: the examples printed in RFC 5849, and what WooCommerce needs of it."""

import base64
import hashlib
import hmac
import unittest
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from .. import oauth1

# Section 1.2 of the RFC.
KEY = "dpf43f3p2l4k3l03"
SECRET = "kd94hf93k423kf44"
# Section 3.4.1.1.
EXAMPLE = (
    "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5"
    "%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26"
    "oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D"
    "137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
)


class TestRfcExamples(unittest.TestCase):
    """Signatures that are printed in the RFC."""

    def test_base_string_of_section_3_4_1_1(self) -> None:
        """Names twice, empty values, encoded signs, a host in capitals and its port."""
        params = [
            ("b5", "=%3D"),
            ("a3", "a"),
            ("c@", ""),
            ("a2", "r b"),
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
            ("c2", ""),
            ("a3", "2 q"),
        ]
        url = "http://EXAMPLE.COM:80/request"
        self.assertEqual(EXAMPLE, oauth1.base_string("post", url, params))

    def signed(self, call: tuple[str, str], token_secret: str, **params: str) -> str:
        """Return the HMAC-SHA1 signature of one of the three calls of section 1.2."""
        pairs = [("oauth_consumer_key", KEY), ("oauth_signature_method", "HMAC-SHA1")]
        text = oauth1.base_string(*call, [*pairs, *params.items()])
        return oauth1.signature(text, SECRET, token_secret, "HMAC-SHA1")

    def test_first_call_of_section_1_2(self) -> None:
        """With the client's credentials alone, as WooCommerce takes them."""
        self.assertEqual(
            "74KNZJeDHnMBp0EMJ9ZHt/XKycU=",
            self.signed(
                ("POST", "https://photos.example.net/initiate"),
                "",
                oauth_timestamp="137131200",
                oauth_nonce="wIjqoS",
                oauth_callback="http://printer.example.com/ready",
            ),
        )

    def test_second_call_of_section_1_2(self) -> None:
        """With a temporary token."""
        self.assertEqual(
            "gKgrFCywp7rO0OXSjdot/IHF7IU=",
            self.signed(
                ("POST", "https://photos.example.net/token"),
                "hdhd0244k9j7ao03",
                oauth_token="hh5s93j4hdidpola",
                oauth_timestamp="137131201",
                oauth_nonce="walatlh",
                oauth_verifier="hfdp7dh39dks9884",
            ),
        )

    def test_third_call_of_section_1_2(self) -> None:
        """With parameters in the query."""
        self.assertEqual(
            "MdpQcU8iPSUjWoN/UDMsK2sui9I=",
            self.signed(
                ("GET", "http://photos.example.net/photos"),
                "pfkkdhi9sl3r4s00",
                file="vacation.jpg",
                size="original",
                oauth_token="nnch734d00sl2jdk",
                oauth_timestamp="137131202",
                oauth_nonce="chapoH",
            ),
        )


class TestBaseStringUri(unittest.TestCase):
    """Section 3.4.1.2."""

    def test_examples(self) -> None:
        """The usual port is left out, another one stays; no query, no fragment."""
        for url, expected in {
            "http://EXAMPLE.COM:80/r%20v/X?id=123": "http://example.com/r%20v/X",
            "https://www.example.net:8080/?q=1": "https://www.example.net:8080/",
            "https://shop.example:443": "https://shop.example/",
            "HTTP://[2001:DB8::1]:8080/a#b": "http://[2001:db8::1]:8080/a",
        }.items():
            with self.subTest(url):
                self.assertEqual(expected, oauth1.base_string_uri(url))


class TestSignedCall(unittest.TestCase):
    """What is put into the query of a call."""

    URL = "http://shop.example/wp-json/wc/v3/orders"
    NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)

    def signed(self, *params: tuple[str, str], nonce: str = "n0nce") -> dict[str, str]:
        """Return the query of a call as a server decodes it."""
        credentials = ("ck_1", "cs_2")
        return dict(
            oauth1.signed_params("GET", self.URL, params, credentials, self.NOW, nonce)
        )

    def test_signature_is_hmac_sha256_of_the_base_string(self) -> None:
        """Written out by hand, with the key that ends in an ampersand."""
        text = (
            "GET&http%3A%2F%2Fshop.example%2Fwp-json%2Fwc%2Fv3%2Forders&include%3D1%252C2"
            "%26oauth_consumer_key%3Dck_1%26oauth_nonce%3Dn0nce%26oauth_signature_method"
            "%3DHMAC-SHA256%26oauth_timestamp%3D1795334400"
        )
        digest = hmac.new(b"cs_2&", text.encode(), hashlib.sha256).digest()
        told = self.signed(("include", "1,2"))
        self.assertEqual(base64.b64encode(digest).decode(), told["oauth_signature"])
        self.assertEqual("1795334400", told["oauth_timestamp"])
        self.assertEqual("HMAC-SHA256", told["oauth_signature_method"])

    def test_known_signature(self) -> None:
        """The same for ever."""
        told = self.signed(("include", "1,2"))
        self.assertEqual(
            "MQ/DfrvsZkkuyn/ATzOgDcZadiQgQ5P2RGUJ1PVOkSU=", told["oauth_signature"]
        )

    def test_every_call_has_a_nonce_of_its_own(self) -> None:
        """A shop refuses one it has seen."""
        nonces = {self.signed(nonce="")["oauth_nonce"] for _ in range(5)}
        self.assertEqual(5, len(nonces))
        self.assertEqual({32}, {len(nonce) for nonce in nonces})

    def test_the_query_is_spelled_as_it_was_signed(self) -> None:
        """Blanks are no plus signs, and nothing but unreserved characters stays."""
        query = oauth1.encode_query([("a b", "x+y ~é/"), ("c", "")])
        self.assertEqual("a%20b=x%2By%20~%C3%A9%2F&c=", query)

    @given(st.text(max_size=20), st.text(max_size=20))
    def test_any_change_changes_the_signature(self, first: str, second: str) -> None:
        """Of a value, where the two differ."""
        try:
            first.encode(), second.encode()
        except UnicodeEncodeError:
            return
        signatures = [self.signed(("q", v))["oauth_signature"] for v in (first, second)]
        self.assertEqual(first == second, signatures[0] == signatures[1])
