"""docs/openapi.yaml is well formed, and says what code and samples do."""

import functools
import json
import re
import unittest
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from .. import rest_payload
from ..rest import RestConnector
from ..testing.fake_channel import FixedClock
from ..testing.fake_rest import BASE_URL, SECRET, FakeRest
from ..transport import Request, Response
from . import test_rest_conformance
from .test_rest import updates

try:
    import jsonschema
except ImportError:
    jsonschema = None

SAMPLES = Path(__file__).parents[1] / "samples" / "rest"
DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.yaml"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
BEYOND_A_SCHEMA = {
    # Rules between values, and dates that no calendar has.
    "body_deep_65.json",
    "body_deep_900.json",
    "body_key_twice.json",
    "count_sku_repeated.json",
    "order_cancelled_more_than_ordered.json",
    "order_fulfilled_more_than_open.json",
    "order_line_id_repeated.json",
    "order_lot_repeated.json",
    "order_lots_more_than_line.json",
    "order_street_lone_surrogate.json",
    "order_updated_at_no_such_day.json",
    "order_updated_at_year_9999.json",
    "order_updated_at_year_zero.json",
}


@functools.cache
def load() -> dict[str, Any]:
    """Return the document; times stay text."""
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = type("Loader", (base,), {})
    loader.yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in rules if "timestamp" not in tag]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return yaml.load(DOCUMENT.read_text("utf-8"), loader)  # noqa: S506 - a safe loader


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Return every object in a document."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value:
        if isinstance(child, (dict, list)):
            yield from walk(child)


class OpenApiCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = load()

    def resolve(self, node: dict[str, Any]) -> Any:
        """Follow a local reference."""
        while "$ref" in node:
            reference = node["$ref"]
            self.assertTrue(reference.startswith("#/"), reference)
            node = self.document
            for part in reference[2:].split("/"):
                self.assertIn(part, node, reference)
                node = node[part]
        return node

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any], list[Any]]]:
        """Return (place, method, operation, its parameters resolved)."""
        for kind in ("paths", "webhooks"):
            for place, item in self.document[kind].items():
                for method, operation in item.items():
                    if method in METHODS:
                        given = item.get("parameters", []) + operation.get(
                            "parameters", []
                        )
                        yield place, method, operation, [self.resolve(p) for p in given]


class TestStructure(OpenApiCase):
    def test_version_and_required_parts(self):
        self.assertEqual("3.1.0", self.document["openapi"])
        self.assertTrue({"title", "version"} <= self.document["info"].keys())
        allowed = {
            *("openapi", "info", "servers", "tags", "security", "paths", "webhooks"),
            "components",
        }
        self.assertEqual(allowed, set(self.document))

    def test_every_reference_leads_somewhere_and_every_component_is_used(self):
        used = {node["$ref"] for node in walk(self.document) if "$ref" in node}
        for reference in used:
            self.resolve({"$ref": reference})
        there = {
            f"#/components/{kind}/{name}"
            for kind, entries in self.document["components"].items()
            for name in entries
            if kind != "securitySchemes"
        }
        self.assertEqual(there, used)

    def test_calls_are_exactly_those_of_the_contract(self):
        self.assertEqual(
            {
                ("/stock_channel/{token}", "post"),
                ("/stock_channel/{token}/inventory", "get"),
                ("inventory", "post"),
                ("inventory", "get"),
                ("shipments", "post"),
                ("cancellations", "post"),
                ("orders", "get"),
                ("listings", "get"),
                ("locations", "get"),
            },
            {(place, method) for place, method, _, _ in self.operations()},
        )

    def test_every_operation_is_complete(self):
        ids, tags = [], {tag["name"] for tag in self.document["tags"]}
        for place, method, operation, parameters in self.operations():
            with self.subTest(place=place, method=method):
                ids.append(operation["operationId"])
                self.assertEqual(1, len(set(operation["tags"]) & tags))
                self.assertTrue(operation["summary"])
                names = {parameter["name"] for parameter in parameters}
                self.assertTrue({"webhook-id", "webhook-timestamp"} <= names)
                self.assertLessEqual(set(re.findall(r"\{(\w+)\}", place)), names)
                for parameter in parameters:
                    self.assertIn(parameter["in"], ("path", "header", "query"))
                    self.assertIn("schema", parameter)
                self.assertEqual(method == "post", "requestBody" in operation)
                for status, response in operation["responses"].items():
                    self.assertRegex(status, r"\A([2-5][0-9]{2}|2XX)\Z")
                    self.assertTrue(self.resolve(response)["description"])
                self.assertLessEqual({"401", "429", "503"}, set(operation["responses"]))
        self.assertEqual(len(set(ids)), len(ids))

    def test_statuses_of_the_door(self):
        door = self.document["paths"]["/stock_channel/{token}"]["post"]
        self.assertEqual(
            ["200", "401", "404", "413", "429", "503"], list(door["responses"])
        )

    def test_retry_after_is_promised(self):
        for _, _, operation, _ in self.operations():
            for status in ("429", "503"):
                response = self.resolve(operation["responses"][status])
                self.assertIn("Retry-After", response["headers"])


@unittest.skipIf(jsonschema is None, "jsonschema is not installed")
class TestSchemas(OpenApiCase):
    def errors(self, schema: dict[str, Any], value: Any) -> list[str]:
        """Return what a schema of the document finds wrong with a value."""
        return [error.message for error in self.validator(schema).iter_errors(value)]

    def validator(self, schema: dict[str, Any]) -> Any:
        """Return a validator that finds the document's components."""
        whole = {**schema, "components": self.document["components"]}
        return jsonschema.Draft202012Validator(whole)

    def named(self, name: str) -> dict[str, Any]:
        """Return a reference to a schema."""
        return {"$ref": f"#/components/schemas/{name}"}

    def test_schemas_are_schemas(self):
        for name, schema in self.document["components"]["schemas"].items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)

    def test_samples_are_valid(self):
        paths = sorted(SAMPLES.glob("*.json"))
        self.assertGreaterEqual(len(paths), 8)
        for path in paths:
            with self.subTest(path.name):
                value = json.loads(path.read_bytes())
                self.assertEqual([], self.errors(self.named("Delivery"), value))

    def test_hostile_samples_are_not(self):
        let_through = set()
        validator = self.validator(self.named("Delivery"))
        for path in sorted((SAMPLES / "hostile").iterdir()):
            try:
                value = json.loads(path.read_text("utf-8"), parse_constant=float)
            except (ValueError, RecursionError):
                continue
            if validator.is_valid(value):
                let_through.add(path.name)
        # Refused before any schema, or by a stricter reading of "$" than Python's.
        other = {"body_nan.json", "body_infinity.json", "order_quantity_newline.json"}
        self.assertEqual(BEYOND_A_SCHEMA | other, let_through)

    def test_examples_are_valid(self):
        count = 0
        for node in walk(self.document):
            if not ("schema" in node and ("example" in node or "examples" in node)):
                continue
            examples = [
                self.resolve(example)["value"]
                for example in node.get("examples", {}).values()
            ]
            examples += [node["example"]] if "example" in node else []
            for example in examples:
                count += 1
                self.assertEqual([], self.errors(node["schema"], example), example)
        self.assertGreaterEqual(count, 14)

    def test_examples_of_deliveries_parse(self):
        for example in self.document["components"]["examples"].values():
            raw = json.dumps(example["value"]).encode()
            self.assertEqual(1, len(rest_payload.parse(raw, "")))

    def test_what_connector_and_fake_say_is_valid(self):
        clock = FixedClock()
        server = FakeRest(clock)
        self.seen: dict[str, set[int]] = {}
        handle = server.handle
        server.transport._handler = lambda call: self.checked(call, handle(call))
        connector = RestConnector(
            {"base_url": BASE_URL}, server.transport, clock, [SECRET]
        )
        key = server.add_item("S0", "main", Decimal(5))
        server.add_item("S1", "main", Decimal(5))
        server.add_order("1001")
        connector.publish(updates(2), "push-1")
        connector.publish(updates(3), "push-2")
        connector.fetch_quantities([key])
        for page in connector.fetch_orders(clock()):
            self.assertEqual(1, len(page.orders))
        connector.fetch_order("1001")
        list(connector.fetch_listings())
        connector.check()
        self.report(connector, clock)
        self.assertEqual(
            {
                "setInventory": {200, 207},
                "readInventory": {200},
                "readOrders": {200},
                "readListings": {200},
                "readLocations": {200},
                "takeShipment": {201},
                "takeCancellation": {201},
            },
            self.seen,
        )

    def checked(self, call: Request, answer: Response) -> Response:
        """Compare a call and its answer with the document, and note both."""
        item = self.document["webhooks"][call.url.removeprefix(BASE_URL + "/")]
        operation = item[call.method.lower()]
        if call.body:
            content = operation["requestBody"]["content"]["application/json"]
            self.assertEqual([], self.errors(content["schema"], json.loads(call.body)))
        responses = operation["responses"]
        response = self.resolve(responses.get(str(answer.status)) or responses["2XX"])
        for content in response.get("content", {}).values():
            self.assertEqual([], self.errors(content["schema"], answer.json()))
        self.seen.setdefault(operation["operationId"], set()).add(answer.status)
        return answer

    def report(self, connector: RestConnector, clock: FixedClock) -> None:
        """Tell a shipment and a cancellation."""
        case = test_rest_conformance.TestRestConformance()
        case.clock = clock
        connector.report_shipment(case.shipment("1001", "1001-1"))
        connector.report_cancel(case.cancellation("1001", "1001-2"))
