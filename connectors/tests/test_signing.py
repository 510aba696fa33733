"""Standard Webhooks signatures: published vectors, tampering, rotation, replay."""

import ast
import base64
import inspect
import json
import random
import re
import unittest
from datetime import UTC, datetime, timedelta
from pathlib import Path

from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from .. import signing
from ..errors import BadSignature, Misconfigured

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = signing.generate_secret()
BODY = b'{"type": "order.updated", "data": {"id": "1001"}}'
VECTORS = (
    Path(__file__).parents[3]
    / "shared"
    / "contracts"
    / "standard-webhooks"
    / "vectors.json"
)

# What makes a digest, or compares two.
MAKERS = {
    *("equals", "hmac.compare_digest", "hmac.digest", "hmac.new"),
    *("hmac_sha256_base64", "sign", "signing.sign"),
}
MAKER = re.compile(r"\bimport hmac\b|\bhmac_sha256_base64\(|\bequals\(")
BY_VALUE = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)

ids = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
keys = st.binary(min_size=24, max_size=64)


def whsec(key: bytes) -> str:
    """Return a key in its published form."""
    return "whsec_" + base64.b64encode(key).decode()


def accepted(
    body: bytes, headers: dict[str, str], secrets: list[str], now: datetime = NOW
) -> bool:
    """Tell whether a delivery verifies; anything but BadSignature is a failure."""
    try:
        signing.verify(body, headers, secrets, now)
    except BadSignature:
        return False
    return True


class TestSigning(unittest.TestCase):
    def setUp(self) -> None:
        self.headers = signing.signed_headers(SECRET, "msg_1", NOW, BODY)

    def test_published_example_of_the_specification(self):
        self.assertEqual(
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            signing.sign(
                SECRET,
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1614265330,
                b'{"test": 2432232314}',
            ),
        )

    def test_published_vectors(self):
        if not VECTORS.is_file():
            self.skipTest("the folder ../shared with the published vectors is absent")
        vectors = json.loads(VECTORS.read_text("utf-8"))["published"]
        self.assertGreaterEqual(len(vectors), 2)
        for vector in vectors:
            with self.subTest(vector["name"]):
                now = datetime.fromtimestamp(vector["now"], UTC)
                body = vector["body"].encode()
                self.assertEqual(
                    vector["valid"],
                    accepted(body, vector["headers"], [vector["secret"]], now),
                )

    @given(keys, ids, st.text(), st.integers(0, 4_000_000_000))
    def test_reference_library_accepts_what_we_sign(self, key, id_, text, seconds):
        now = datetime.fromtimestamp(seconds, UTC)
        headers = signing.signed_headers(whsec(key), id_, now, text.encode())
        with freeze_time(now):
            Webhook(whsec(key)).verify(text, headers, json_parse=False)

    @given(keys, ids.filter(lambda i: len(i) < 256), st.text())
    def test_we_accept_what_the_reference_library_signs(self, key, id_, text):
        headers = {
            "webhook-id": id_,
            "webhook-timestamp": str(int(NOW.timestamp())),
            "webhook-signature": Webhook(whsec(key)).sign(id_, NOW, text),
        }
        signing.verify(text.encode(), headers, [whsec(key)], NOW)

    def test_both_refuse_the_same(self):
        for name in self.headers:
            with self.subTest(name):
                broken = {**self.headers, name: self.headers[name][:-1] + "2"}
                self.assertFalse(accepted(BODY, broken, [SECRET]))
                with freeze_time(NOW), self.assertRaises(WebhookVerificationError):
                    Webhook(SECRET).verify(BODY, broken)

    # ------------------------------------------------------------------- S1, S5

    def test_no_secret_verifies_nothing(self):
        self.assertFalse(accepted(BODY, self.headers, []))

    def test_unusable_secrets_verify_nothing(self):
        def signed_with(key: bytes) -> dict[str, str]:
            content = f"msg_1.{self.headers['webhook-timestamp']}.".encode() + BODY
            entry = "v1," + signing.hmac_sha256_base64(key, content)
            return {**self.headers, "webhook-signature": entry}

        for key in (b"", b"k" * 23, b"k" * 65):
            with self.subTest(len(key)):
                self.assertFalse(accepted(BODY, signed_with(key), [whsec(key)]))
                self.assertFalse(signing.is_usable_secret(whsec(key)))
                self.assertRaises(
                    Misconfigured, signing.sign, whsec(key), "msg_1", 1, BODY
                )
        for key in (b"k" * 24, b"k" * 64):
            with self.subTest(len(key)):
                self.assertTrue(accepted(BODY, signed_with(key), [whsec(key)]))

    def test_malformed_secrets_are_unusable(self):
        bare = SECRET.removeprefix("whsec_")
        for secret in ("", "whsec_", bare, "WHSEC_" + bare, SECRET + "é", SECRET + "!"):
            with self.subTest(secret):
                self.assertFalse(signing.is_usable_secret(secret))
                self.assertFalse(accepted(BODY, self.headers, [secret]))

    def test_secret_may_lack_its_padding(self):
        padded = whsec(b"k" * 25)
        self.assertTrue(padded.endswith("="))
        headers = signing.signed_headers(padded.rstrip("="), "msg_1", NOW, BODY)
        self.assertTrue(accepted(BODY, headers, [padded]))

    def test_unusable_secret_does_not_hide_a_good_one(self):
        self.assertTrue(accepted(BODY, self.headers, ["", "whsec_?", OTHER, SECRET]))

    def test_only_active_secrets_count(self):
        self.assertTrue(accepted(BODY, self.headers, [OTHER, SECRET]))
        self.assertFalse(accepted(BODY, self.headers, [OTHER]))

    def test_any_entry_may_match(self):
        good = self.headers["webhook-signature"]
        for text in (
            f"{good} v1,AAAA",
            f"v1,AAAA {good}",
            f"v1a,AAAA v2,BBBB v1 , {good}  v1,",
            f"{good} {good}",
        ):
            with self.subTest(text):
                headers = {**self.headers, "webhook-signature": text}
                self.assertTrue(accepted(BODY, headers, [SECRET]))

    # ------------------------------------------------------------------- S2, S3

    def test_only_version_1_counts(self):
        digest = self.headers["webhook-signature"].removeprefix("v1,")
        for text in (
            digest,
            f"v1a,{digest}",
            f"v2,{digest}",
            f",{digest}",
            f"V1,{digest}",
        ):
            with self.subTest(text):
                headers = {**self.headers, "webhook-signature": text}
                self.assertFalse(accepted(BODY, headers, [SECRET]))

    def test_thousand_changed_bytes_are_refused(self):
        draw = random.Random(20261121)
        parts = {"body": BODY, **{k: v.encode() for k, v in self.headers.items()}}
        for _ in range(1_000):
            name = draw.choice(list(parts))
            changed = bytearray(parts[name])
            position = draw.randrange(len(changed))
            changed[position] ^= draw.randrange(1, 256)
            headers = {**self.headers}
            body = BODY
            if name == "body":
                body = bytes(changed)
            else:
                headers[name] = changed.decode("latin-1")
            self.assertFalse(accepted(body, headers, [SECRET]), (name, changed))

    def test_two_thousand_fuzzed_pairs_are_refused(self):
        draw = random.Random(20261122)
        pieces = [
            "v1,",
            "v1",
            ",",
            " ",
            "=",
            "\x00",
            "é",
            "\ud800",
            "msg_1",
            "99999999999999",
        ]
        pieces += [self.headers[name] for name in self.headers]
        for _ in range(2_000):
            headers = {
                name: "".join(draw.choices(pieces, k=draw.randrange(4)))
                for name in self.headers
                if draw.random() < 0.95
            }
            if headers == self.headers:
                continue
            body = draw.randbytes(draw.randrange(30))
            self.assertFalse(accepted(body, headers, [SECRET, OTHER]))

    def test_signature_that_only_decodes_alike_is_refused(self):
        text = self.headers["webhook-signature"]
        twin = text[:-2] + chr(ord(text[-2]) + 1) + "="
        self.assertEqual(
            base64.b64decode(text.removeprefix("v1,")),
            base64.b64decode(twin.removeprefix("v1,")),
        )
        headers = {**self.headers, "webhook-signature": twin}
        self.assertFalse(accepted(BODY, headers, [SECRET]))

    def test_malformed_ids_and_times_are_refused_even_when_signed(self):
        seconds = int(NOW.timestamp())
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        for id_, timestamp in (
            ("", str(seconds)),
            ("a b", str(seconds)),
            ("a\n", str(seconds)),
            ("é", str(seconds)),
            ("x" * 256, str(seconds)),
            ("msg_1", f"+{seconds}"),
            ("msg_1", f" {seconds}"),
            ("msg_1", f"{seconds}.0"),
            ("msg_1", "١٦١٤٢٦٥٣٣٠"),
            ("msg_1", ""),
        ):
            with self.subTest(id=id_, timestamp=timestamp):
                content = f"{id_}.{timestamp}.".encode() + BODY
                headers = {
                    "webhook-id": id_,
                    "webhook-timestamp": timestamp,
                    "webhook-signature": "v1,"
                    + signing.hmac_sha256_base64(key, content),
                }
                self.assertFalse(accepted(BODY, headers, [SECRET]))

    # ----------------------------------------------------------------------- S4

    @given(st.floats(-1_000, 1_000))
    def test_window(self, seconds):
        moment = NOW + timedelta(seconds=seconds)
        off = abs(moment.timestamp() - NOW.timestamp())
        self.assertEqual(off <= 300, accepted(BODY, self.headers, [SECRET], moment))

    def test_window_ends_are_exact(self):
        for seconds, good in ((-301, False), (-300, True), (300, True), (301, False)):
            with self.subTest(seconds):
                moment = NOW + timedelta(seconds=seconds)
                self.assertEqual(good, accepted(BODY, self.headers, [SECRET], moment))

    # ------------------------------------------------------------------- others

    def test_generated_secrets(self):
        made = {signing.generate_secret() for _ in range(20)}
        self.assertEqual(20, len(made))
        for secret in made:
            self.assertTrue(signing.is_usable_secret(secret))
            self.assertEqual(32, len(base64.b64decode(secret.removeprefix("whsec_"))))

    def test_error_texts_hold_no_secret(self):
        with self.assertRaises(BadSignature) as refused:
            signing.verify(BODY, self.headers, [OTHER], NOW)
        with self.assertRaises(Misconfigured) as unusable:
            signing.sign("whsec_c2hvcnQ=", "msg_1", 1, BODY)
        text = f"{refused.exception}{unusable.exception}"
        for hidden in (OTHER, self.headers["webhook-signature"], "c2hvcnQ="):
            self.assertNotIn(hidden, text)

    def test_generic_hmac(self):
        # RFC 4231, test case 2.
        self.assertEqual(
            base64.b64encode(
                bytes.fromhex(
                    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
                )
            ).decode(),
            signing.hmac_sha256_base64(b"Jefe", b"what do ya want for nothing?"),
        )


class TestConstantTime(unittest.TestCase):
    """S6: what is secret is compared by ``hmac.compare_digest`` and nothing else."""

    def compared(self, source: str) -> list[str]:
        """Return every comparison by operator in a source, with its operands."""
        return [
            ast.unparse(node)
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Compare)
        ]

    def test_operators_never_compare_digests(self):
        self.assertEqual(
            {
                "key is None",
                "_key(secret) is not None",
                "len(key) in _KEY_BYTES",
                "abs(now.timestamp() - int(timestamp)) > TOLERANCE",
            },
            set(self.compared(inspect.getsource(signing))),
        )

    def test_digests_are_compared_in_one_place(self):
        calls = [
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(inspect.getsource(signing)))
            if isinstance(node, ast.Call)
        ]
        self.assertEqual(1, calls.count("hmac.compare_digest"))
        self.assertEqual(1, calls.count("equals"))

    def test_the_check_would_notice(self):
        self.assertEqual(["a == digest"], self.compared("x = a == digest"))
        self.assertEqual(
            {"bad": ["hmac.new(key) == given"], "worse": ["mac in known"]},
            self.decided(
                "def good(): return equals(hmac.new(key), given)\n"
                "def bad(): return hmac.new(key) == given\n"
                "def worse(): mac = hmac_sha256_base64(key, raw); return mac in known\n"
            ),
        )

    def decided(self, source: str) -> dict[str, list[str]]:
        """Return what functions that make or compare digests compare by operator."""
        found = {}
        for function in ast.walk(ast.parse(source)):
            if not isinstance(function, ast.FunctionDef):
                continue
            nodes = list(ast.walk(function))
            called = {
                ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)
            }
            if called & MAKERS:
                compared = [
                    ast.unparse(node)
                    for node in nodes
                    if isinstance(node, ast.Compare)
                    and any(isinstance(op, BY_VALUE) for op in node.ops)
                ]
                if compared:
                    found[function.name] = compared
        return found

    def test_no_connector_compares_a_digest_by_an_operator(self):
        """Each has a check of its own, since each channel signs in its own way."""
        folder = Path(signing.__file__).parent
        found, users = {}, set()
        for path in sorted(folder.glob("*.py")):
            source = path.read_text("utf-8")
            if MAKER.search(source):
                users.add(path.name)
                for function, compared in self.decided(source).items():
                    found[f"{path.name}:{function}"] = compared
        self.assertEqual(
            {
                # How many fit, when all were compared.
                "json_shop.py:verify": [
                    "sum((equals(signature, given) for signature in expected)) == 0"
                ],
            },
            found,
        )
        self.assertEqual(
            {
                *("json_shop.py", "oauth1.py", "sftp_files.py", "signing.py"),
                *("shopify_deliveries.py", "woocommerce_webhooks.py"),
            },
            users,
        )

    def test_the_hub_itself_compares_none(self):
        """Doors hand deliveries to their connector; no model makes a signature."""
        root = Path(signing.__file__).parents[1]
        for name in ("controllers", "models", "wizards"):
            for path in sorted((root / name).glob("*.py")):
                with self.subTest(path.name):
                    self.assertNotRegex(path.read_text("utf-8"), MAKER)
