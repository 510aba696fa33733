"""The shape of a GraphQL answer, and what is none."""

import json
import unittest

from hypothesis import given
from hypothesis import strategies as st

from ..errors import ConnectorError, Misconfigured, RateLimited, RetryLater
from ..graphql import call
from ..testing.fake_channel import FakeTransport
from ..transport import Response

URL = "https://shop.example/graphql"
DOCUMENT = "query Stock($id: ID!) { item(id: $id) { id } }"

parts = st.sampled_from(
    [None, True, 0, "text", [], {}, [1], {"x": 1}, [{"message": "no"}], [[]], [None]]
)
values = parts | st.dictionaries(
    st.sampled_from(["data", "errors", "extensions", "x"]), parts
)


class TestCall(unittest.TestCase):
    def ask(self, body, status=200):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.transport = FakeTransport(lambda call: Response(status, {}, raw))
        return call(self.transport, URL, DOCUMENT, {"id": "1"}, {"X-Key": "k"})

    def test_what_goes_out(self):
        self.ask({"data": {}})
        (sent,) = self.transport.calls
        self.assertEqual(("POST", URL), (sent.method, sent.url))
        self.assertEqual(
            {"query": DOCUMENT, "variables": {"id": "1"}}, json.loads(sent.body)
        )
        self.assertEqual("k", sent.headers["x-key"])
        self.assertEqual("application/json", sent.headers["content-type"])

    def test_data_errors_and_extensions(self):
        answer = self.ask(
            {
                "data": {"item": None},
                "errors": [{"message": "THROTTLED"}],
                "extensions": {"cost": {"requestedQueryCost": 3}},
            }
        )
        self.assertEqual({"item": None}, answer.data)
        self.assertEqual(({"message": "THROTTLED"},), answer.errors)
        self.assertEqual({"cost": {"requestedQueryCost": 3}}, answer.extensions)

    def test_errors_alone(self):
        answer = self.ask({"data": None, "errors": [{"message": "no"}]}, status=400)
        self.assertEqual(({}, 400), (answer.data, answer.response.status))
        self.assertEqual(({"message": "no"},), answer.errors)

    def test_errors_as_text(self):
        answer = self.ask({"errors": "Not Found"}, status=404)
        self.assertEqual(({"message": "Not Found"},), answer.errors)

    def test_refused_whoever_we_are(self):
        """A page of HTML comes with it as often as not."""
        for status in (401, 403):
            with self.subTest(status=status):
                answer = self.ask(b"<html>", status)
                self.assertEqual(
                    ({}, (), status),
                    (answer.data, answer.errors, answer.response.status),
                )

    def test_no_graphql_answer(self):
        for body in (
            [],
            {},
            "text",
            None,
            {"data": None},
            {"data": []},
            {"data": {}, "errors": {"query": "Required"}},
            {"data": {}, "errors": ["no mapping"]},
            {"errors": []},
            b"<html>All good!</html>",
            b"",
        ):
            with self.subTest(body=body), self.assertRaises(RetryLater):
                self.ask(body)

    def test_nothing_at_this_address(self):
        with self.assertRaises(Misconfigured) as caught:
            self.ask(b"<html>Not found</html>", status=404)
        self.assertEqual("base_url", caught.exception.field)

    def test_extensions_of_another_shape_are_none(self):
        self.assertEqual({}, self.ask({"data": {}, "extensions": [1]}).extensions)

    def test_too_many_calls(self):
        with self.assertRaises(RateLimited):
            self.ask({}, status=429)

    @given(values, st.sampled_from([200, 400, 401, 403, 404, 422]))
    def test_anything_is_an_answer_or_a_typed_error(self, body, status):
        try:
            answer = self.ask(body, status)
        except ConnectorError:
            return
        self.assertIsInstance(answer.data, dict)
        self.assertTrue(all(isinstance(error, dict) for error in answer.errors))
        self.assertIsInstance(answer.extensions, dict)
