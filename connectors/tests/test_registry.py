"""The registry knows ours, takes other people's, refuses what would clash."""

import unittest
from unittest import mock

from .. import registry
from ..base import Connector
from ..rest import RestConnector


class MyShop(RestConnector):
    """A connector of another addon."""

    key = "my_shop"
    label = "My shop"


class Unfinished(Connector):
    """Leaves everything out."""

    key = "unfinished"
    label = "Unfinished"


class TestRegistry(unittest.TestCase):
    def setUp(self) -> None:
        patch = mock.patch.dict(registry._registered, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def test_ours_are_there(self):
        self.assertIs(RestConnector, registry.get("rest"))
        self.assertEqual(["rest", "medusa"], list(registry.all_connectors())[:2])
        self.assertIn(("rest", "REST (open contract)"), registry.selection())
        for key, connector in registry.all_connectors().items():
            self.assertEqual(key, connector.key)

    def test_other_peoples_join(self):
        self.assertIs(MyShop, registry.register(MyShop))
        self.assertIs(MyShop, registry.register(MyShop))
        self.assertIs(MyShop, registry.get("my_shop"))
        self.assertEqual(("my_shop", "My shop"), registry.selection()[-1])

    def test_taken_key_is_refused(self):
        registry.register(MyShop)
        twin = type("Twin", (MyShop,), {})
        self.assertRaises(ValueError, registry.register, twin)
        self.assertRaises(ValueError, registry.register, RestConnector)
        self.assertIs(MyShop, registry.get("my_shop"))

    def test_malformed_key_is_refused(self):
        for key in ("", "My Shop", "1st", "a-b", "x" * 33, "rest\n"):
            with self.subTest(key):
                other = type("Other", (MyShop,), {"key": key})
                self.assertRaises(ValueError, registry.register, other)

    def test_unfinished_is_refused(self):
        self.assertRaises(ValueError, registry.register, Unfinished)
        self.assertRaises(KeyError, registry.get, "unfinished")
