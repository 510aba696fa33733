"""What docs/openapi.yaml says of the door, tried by Schemathesis on the door itself."""

from itertools import count
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests.auth import AuthBase
from schemathesis import GenerationMode, checks

from odoo import fields
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors import rest_payload
from odoo.addons.stock_channel_hub.connectors.errors import BadPayload

from .door_common import DoorCase
from .door_fuzz import complaints

DOCUMENT = Path(__file__).parents[1] / "docs" / "openapi.yaml"
DELIVER = ("/stock_channel/{token}", "POST")
PULL = ("/stock_channel/{token}/inventory", "GET")
AS_WRITTEN = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
STRICT = [*AS_WRITTEN, checks.negative_data_rejection, checks.ignored_auth]
EXAMPLES = 40


class Signer(AuthBase):
    """Signs what is sent, whatever it is."""

    def __init__(self, case):
        self.case = case
        self.numbers = count()

    def __call__(self, request):
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else body
        request.headers.update(self.case.sign(raw, f"schema_{next(self.numbers)}"))
        return request


@tagged("post_install", "-at_install")
class TestDoorOpenApi(DoorCase):
    """S3: every answer is one the document names, whatever Schemathesis makes up."""

    def setUp(self):
        super().setUp()
        self.schema = schemathesis.openapi.from_path(DOCUMENT)
        self.schema.config.update(base_url=self.base_url())

    def draw(self, operation, mode, **fixed):
        """Return a strategy of requests; half of them know the channel's token."""
        path, method = operation
        place = self.schema[path][method]
        token = {"token": self.channel.webhook_token}
        return st.one_of(
            place.as_strategy(mode, **fixed),
            place.as_strategy(mode, path_parameters=token, **fixed),
        )

    def run_all(self, cases, check):
        """Check so many requests, the same ones each time; nobody may complain."""

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(cases)
        def run(case):
            check(case)

        self.env.flush_all()
        with complaints() as found, self.allow_requests(all_requests=True):
            run()
        self.env.invalidate_all()
        self.assertEqual(found, [])

    def send(self, case, wanted, **kwargs):
        """Send a request and compare its answer with the document; return its status."""
        response = case.call(allow_redirects=False, **kwargs)
        case.validate_response(response, checks=wanted, transport_kwargs=kwargs)
        self.assertNotIn("Set-Cookie", response.headers)
        return response.status_code

    def seen_of(self, operation, mode, wanted, **kwargs):
        """Return {status: how often} over all requests drawn."""
        seen = {}

        def check(case):
            status = self.send(case, wanted, **kwargs)
            seen[status] = seen.get(status, 0) + 1

        self.run_all(self.draw(operation, mode), check)
        return seen

    # ------------------------------------------------------------- strangers

    def test_strangers_are_refused(self):
        for operation in (DELIVER, PULL):
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                with self.subTest(operation=operation, mode=mode):
                    seen = self.seen_of(operation, mode, STRICT)
                    self.assertEqual(set(seen), {401, 404})
                    self.assertGreater(seen[401], EXAMPLES / 4)
        self.assertFalse(self.stored())

    # ------------------------------------------------------------- authentic

    def test_authentic_deliveries_are_taken(self):
        """200, whatever is in them; what cannot be read is found out later."""
        parsed = {}
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            with self.subTest(mode=mode):
                seen = self.seen_of(DELIVER, mode, AS_WRITTEN, auth=Signer(self))
                self.assertLessEqual(set(seen), {200, 401, 404})
                self.assertGreater(seen[200], EXAMPLES / 4)
                messages = self.stored()
                self.assertGreater(len(messages), EXAMPLES / 8)
                parsed[mode] = sum(map(self.is_readable, messages))
                messages.unlink()
        self.assertGreater(parsed[GenerationMode.POSITIVE], 0)

    def is_readable(self, message):
        """Tell whether a stored body can be read; nothing but ``BadPayload`` may be."""
        try:
            return bool(rest_payload.parse(message._raw_bytes(), message.topic))
        except BadPayload:
            return False

    def test_authentic_pulls_are_answered(self):
        self.env["stock.channel.publication"]._refresh(
            self.listing, "first", fields.Datetime.now()
        )
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            with self.subTest(mode=mode):
                seen = self.seen_of(PULL, mode, AS_WRITTEN, auth=Signer(self))
                self.assertLessEqual(set(seen), {200, 400, 401, 404})
                self.assertGreater(seen[200], 5)

    def test_authority_is_not_ignored(self):
        """What is taken with a signature is refused without, and with a made up one."""

        def check(case):
            self.send(case, [checks.ignored_auth], auth=signer)

        for path, method in (DELIVER, PULL):
            signer = Signer(self)
            token = {"token": self.channel.webhook_token}
            place = self.schema[path][method]
            self.run_all(place.as_strategy(path_parameters=token), check)
            self.assertGreaterEqual(next(signer.numbers), EXAMPLES)
