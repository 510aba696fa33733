"""Calls to Shopify: points, tokens, refusals, and what a person reads of them."""

from typing import Any
from unittest.mock import patch

from ..data import Health
from ..errors import (
    ConnectorError,
    Misconfigured,
    RateLimited,
    Rejected,
    RetryLater,
    Trouble,
)
from ..shopify import ShopifyConnector
from ..shopify_client import POINTS, gid, number
from ..testing.fake_channel import Fault, json_response
from ..testing.fake_shopify import (
    ACCESS_TOKEN,
    BASE_URL,
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    FakeShopify,
)
from ..tokens import MemoryTokens, Values
from ..transport import Response
from .shopify_case import ShopifyCase

GRANT = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
ROTATING = {**GRANT, "refresh_token": REFRESH_TOKEN}


class TestShopifyPoints(ShopifyCase):
    """A call that does not fit is waited for, here or by the caller."""

    def setUp(self) -> None:
        """Give the shop the smallest plan's bucket."""
        super().setUp()
        self.server.points = 2000.0
        self.server.costs["HubCheck"] = 300.0

    def test_what_is_left_is_heard_and_spent(self) -> None:
        """Before each call, by the estimate; with each answer, by the channel."""
        self.connector.check()
        limit = self.transport.limits.get(POINTS)
        assert limit is not None  # noqa: S101 - for the type checker
        # 1700 are left: 1800 are there in a second, 5 more in 50 ms.
        self.assertAlmostEqual(1.0, limit.wait(1800, self.clock()), 5)
        self.assertAlmostEqual(1.05, limit.wait(1805, self.clock()), 5)

    def test_it_waits_before_the_call_instead_of_being_refused(self) -> None:
        """So many seconds as the points take to come back."""
        self.server.points = 302.0
        self.connector.check()
        self.assertEqual([], self.transport.pauses)
        self.connector.check()
        self.assertEqual([0.03, 2.95], self.paused())
        # The estimate of five was too low: Shopify refused, and the second try waited
        # for what it asks for.
        self.assertEqual(3, len(self.transport.calls))

    def test_refusal_is_tried_again_once_when_there_is_time(self) -> None:
        """The refusal had no effect; its answer says when there is room."""
        self.server.points = 200.0
        self.assertTrue(self.connector.check().ok)
        self.assertEqual([1.0], self.paused())

    def test_no_time_to_wait_is_told_with_the_seconds(self) -> None:
        """The caller has other things to do meanwhile."""
        self.server.rate, self.server.points = 1.0, 200.0
        with self.assertRaises(RateLimited) as caught:
            self.query()
        self.assertAlmostEqual(100.0, caught.exception.after or 0, 3)
        self.assertEqual([], self.transport.pauses)

    def test_refused_with_status_429(self) -> None:
        """Shopify does not say which status it is: both are the same to us."""
        self.connector.check()
        self.server.throttled_status = 429
        self.server.points = 0.0
        with self.assertRaises(RateLimited) as caught:
            self.query(cost=1900)
        # It waited for 1900 points, and took the call for having spent them.
        self.assertEqual([2.0], self.paused())
        self.assertAlmostEqual(19.0, caught.exception.after or 0, 3)

    def test_refused_again_and_again(self) -> None:
        """After the second time the caller waits."""
        body = {
            "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
        }
        self.server.handle = lambda call: json_response(body)  # type: ignore[method-assign]
        self.transport._handler = self.server.handle
        with self.assertRaises(RateLimited) as caught:
            self.query()
        self.assertEqual((None, 2), (caught.exception.after, len(self.transport.calls)))

    def test_odd_figures_are_not_believed(self) -> None:
        """Neither negative nor text; nobody waits because of them."""
        whole = {"maximumAvailable": 9.5, "currentlyAvailable": 5, "restoreRate": 2}
        statuses: list[object] = [None, {}, {"maximumAvailable": "2000"}]
        statuses += [{**whole, name: None} for name in whole]
        statuses += [{**whole, "restoreRate": 0}, {**whole, "restoreRate": True}]
        for status in statuses:
            cost = {"cost": {"throttleStatus": status}}
            answer = json_response({"data": {"a": 1}, "extensions": cost})
            self.transport._handler = lambda call, a=answer: a  # type: ignore[misc]
            self.assertEqual({"a": 1}, self.query())
        self.assertIsNone(self.transport.limits.get(POINTS))

    def query(self, cost: float = 5) -> dict[str, Any]:
        """Do the check's query."""
        return self.connector._client.query("query HubCheck {shop{name}}", {}, cost)


class TestShopifyTokens(ShopifyCase):
    """Three kinds of app, one place where tokens are renewed."""

    def grants(self) -> list[str]:
        """Return the kinds of grants asked for."""
        return [
            call.body.decode().partition("grant_type=")[2].partition("&")[0]
            for call in self.transport.calls
            if call.url.endswith("/access_token")
        ]

    def test_fixed_token_is_sent_as_it_is(self) -> None:
        """And never renewed: a person enters another one."""
        self.connector.check()
        [call] = self.transport.calls
        self.assertEqual(ACCESS_TOKEN, call.headers["x-shopify-access-token"])
        self.server.tokens.clear()
        with self.assertRaises(Misconfigured) as caught:
            list(self.connector.fetch_locations())
        self.assertEqual("access_token", caught.exception.field)
        self.assertEqual([], self.grants())

    def test_client_credentials_are_exchanged_once(self) -> None:
        """The token is kept until it is about to end."""
        store = MemoryTokens()
        self.server.lifetime = 86_399
        for _times in range(2):
            self.assertTrue(self.connect(store, **GRANT).check().ok)
        self.clock.advance(86_399 - 301)
        self.assertTrue(self.connect(store, **GRANT).check().ok)
        self.assertEqual(["client_credentials"], self.grants())
        self.clock.advance(2)
        self.assertTrue(self.connect(store, **GRANT).check().ok)
        self.assertEqual(["client_credentials"] * 2, self.grants())

    def test_refresh_token_rotates_and_is_kept(self) -> None:
        """The first one is from the settings, each later one from the store."""
        store = MemoryTokens()
        for _times in range(3):
            self.assertTrue(self.connect(store, **ROTATING).check().ok)
            self.clock.advance(3600)
        self.assertEqual(["refresh_token"] * 3, self.grants())
        self.assertEqual("shprt_rotated_0003", store.values["refresh_token"])

    def test_another_refresh_token_entered_starts_anew(self) -> None:
        """The app was authorised again: what is kept is of the one before."""
        store = MemoryTokens()
        self.connect(store, **ROTATING).check()
        self.server.refresh_token = "shprt_entered_anew"  # noqa: S105 - invented
        renewed = {**ROTATING, "refresh_token": "shprt_entered_anew"}
        self.assertTrue(self.connect(store, **renewed).check().ok)
        self.assertEqual(2, self.server.grants)

    def test_other_client_credentials_start_anew(self) -> None:
        """What is kept is of another app; an address written otherwise is the same."""
        store = MemoryTokens()
        self.connect(store, **GRANT).check()
        self.connect(store, **GRANT, base_url=f"{BASE_URL}/").check()
        self.assertEqual(1, self.server.grants)
        health = self.connect(store, **{**GRANT, "client_secret": "other"}).check()
        self.assertIn("no token for this client id and secret", health.message)

    def test_refused_token_is_renewed_once(self) -> None:
        """Before its time, where Shopify has taken it back."""
        store = MemoryTokens()
        connector = self.connect(store, **GRANT)
        connector.check()
        self.server.tokens.clear()
        self.assertTrue(connector.check().ok)
        self.assertEqual(2, self.server.grants)
        with patch.object(self.server, "tokens", set()) as gone:
            self.server._give_token = _keeping(self.server, gone)  # type: ignore[method-assign]
            health = connector.check()
        self.assertIn("refuses the access token it gave", health.message)
        self.assertEqual(3, self.server.grants)

    def test_token_renewed_by_another_worker_is_taken(self) -> None:
        """It waited for the lock: a second renewal would end the first one's token."""
        server = self.server

        class Contended(MemoryTokens):
            def exchange(self, renew: Any) -> Values:
                if not self.values:
                    self.values = dict(renew({}))
                    self.first = dict(self.values)
                return super().exchange(renew)

        store = Contended()
        self.assertTrue(self.connect(store, **ROTATING).check().ok)
        self.assertEqual((1, store.first), (server.grants, store.values))

    def test_dash_empties_what_was_entered_once(self) -> None:
        """The form keeps what is left empty."""
        config = {**ROTATING, "access_token": "-", "refresh_token": "-"}
        self.assertTrue(self.connect(**config).check().ok)
        self.assertEqual(["client_credentials"], self.grants())

    def test_refused_grants_need_a_person(self) -> None:
        """Each names the setting to look at."""
        cases: list[tuple[dict[str, str], str]] = [
            ({}, "access_token"),
            ({"access_token": ACCESS_TOKEN, "base_url": ""}, "base_url"),
            ({"client_id": CLIENT_ID}, "access_token"),
            ({**GRANT, "client_secret": "wrong"}, "client_secret"),
            ({**ROTATING, "refresh_token": "used-up"}, "refresh_token"),
            ({"refresh_token": REFRESH_TOKEN}, "client_id"),
        ]
        for config, field in cases:
            with self.subTest(config), self.assertRaises(Misconfigured) as caught:
                list(self.connect(**config).fetch_locations())
            self.assertEqual(field, caught.exception.field)

    def test_trouble_while_renewing_keeps_what_was_kept(self) -> None:
        """It is tried again with the refresh token that still holds."""
        store = MemoryTokens()
        for fault in (Fault.DOWN, Fault.REFUSED):
            self.transport.faults = [fault]
            with self.assertRaises(RetryLater):
                list(self.connect(store, **ROTATING).fetch_locations())
        self.assertEqual({}, store.values)
        self.assertTrue(self.connect(store, **ROTATING).check().ok)

    def test_rubbish_instead_of_a_token(self) -> None:
        """Nothing is kept of it."""
        for answer in ({}, [], {"access_token": ""}, {"access_token": 7}):
            self.transport._handler = lambda call, a=answer: json_response(a)  # type: ignore[misc]
            store = MemoryTokens()
            with self.subTest(answer), self.assertRaises(RetryLater):
                list(self.connect(store, **ROTATING).fetch_locations())
            self.assertEqual({}, store.values)

    def test_address_of_no_shop(self) -> None:
        """Asked for a token, somebody else answers."""
        self.transport._handler = lambda call: json_response({}, 404)
        health = self.connect(**GRANT).check()
        self.assertEqual(
            Health(
                ok=False,
                message="No Shopify shop at this address (404).",
                trouble=Trouble.SETUP,
                field="base_url",
            ),
            health,
        )


def _keeping(server: FakeShopify, gone: set[str]) -> Any:
    """Return a way to give tokens that do not work."""

    def give(_form: object) -> Response:
        server.grants += 1
        gone.clear()
        return json_response({"access_token": "shpat_dead", "expires_in": 3600})

    return give


class TestShopifyRefusals(ShopifyCase):
    """Whatever Shopify answers becomes one of our errors."""

    def answer(self, body: object, status: int = 200) -> ConnectorError:
        """Return the error a call ends with."""
        self.transport._handler = lambda call: json_response(body, status)
        with self.assertRaises(ConnectorError) as caught:
            self.connector._client.query("query HubCheck { shop { name } }", {}, 1)
        return caught.exception

    def top(self, code: str | None, **more: object) -> ConnectorError:
        """Return the error for a top-level error."""
        extensions = {"code": code, **more} if code else {}
        error = {"message": "Words of Shopify", "extensions": extensions}
        return self.answer({"errors": [error], "data": None})

    def test_codes(self) -> None:
        """Ours to mend, theirs to finish, or refused."""
        kinds = {
            "INTERNAL_SERVER_ERROR": RetryLater,
            "TIMEOUT": RetryLater,
            None: RetryLater,
            "ACCESS_DENIED": Misconfigured,
            "SHOP_INACTIVE": Misconfigured,
            "MAX_COST_EXCEEDED": Rejected,
            "undefinedField": Rejected,
        }
        for code, kind in kinds.items():
            with self.subTest(code):
                error = self.top(code)
                self.assertIs(kind, type(error))
                self.assertIn("Words of Shopify", error.message)
        self.assertIn(
            "`write_orders`",
            self.top("ACCESS_DENIED", requiredAccess="`write_orders`").message,
        )

    def test_statuses_that_say_all(self) -> None:
        """Whatever stands in the body."""
        for status, field in (
            (402, "access_token"),
            (404, "base_url"),
            (423, "access_token"),
        ):
            error = self.answer({"errors": "Not Found"}, status)
            self.assertIs(Misconfigured, type(error))
            self.assertEqual(field, getattr(error, "field", ""))
            self.assertIn(str(status), error.message)

    def test_odd_answers(self) -> None:
        """Nobody knows what became of the call."""
        for body in ({}, [], {"data": 1}, {"data": None}, {"errors": [1]}, "text"):
            with self.subTest(body):
                self.assertIs(RetryLater, type(self.answer(body)))

    def test_pages_that_lead_nowhere(self) -> None:
        """A cursor that does not move on would read for ever."""
        for cursor in (None, "", 7, "1"):
            info = {"hasNextPage": True, "endCursor": cursor}
            body = {"data": {"locations": {"nodes": [], "pageInfo": info}}}
            self.transport._handler = lambda call, b=body: json_response(b)  # type: ignore[misc]
            with self.subTest(cursor), self.assertRaises(RetryLater):
                list(self.connector.fetch_locations())

    def test_lists_of_something_else(self) -> None:
        """Null entries are left out, anything else makes no sense."""
        for nodes in (7, ["text"], {"a": 1}):
            body = {"data": {"locations": {"nodes": nodes}}}
            self.transport._handler = lambda call, b=body: json_response(b)  # type: ignore[misc]
            with self.subTest(nodes), self.assertRaises(RetryLater):
                list(self.connector.fetch_locations())
        body = {"data": {"locations": {"nodes": [None]}}}
        self.transport._handler = lambda call: json_response(body)
        self.assertEqual([], list(self.connector.fetch_locations()))

    def test_ids(self) -> None:
        """Numbers in and out; nothing else gets into a call."""
        self.assertEqual("gid://shopify/Order/12", gid("Order", "12"))
        self.assertEqual("12", number("gid://shopify/Order/12"))
        self.assertEqual(
            "12", number("gid://shopify/InventoryLevel/12?inventory_item_id=3")
        )
        for value in (None, 12, "12", "gid://shopify/Order/", "gid://shopify/Order/1x"):
            self.assertEqual("", number(value))
        for text in (
            "",
            "main",
            "gid://shopify/Order/12",
            "1" * 21,
            "１２",
            "-1",
            "1\n",
        ):
            with self.subTest(text), self.assertRaises(Rejected):
                gid("Order", text)


class TestShopifyCheck(ShopifyCase):
    """What the button says."""

    def test_shopify_is_given_no_secret_of_ours(self) -> None:
        """It signs with the one it made."""
        self.assertEqual("", ShopifyConnector.make_secret())

    def test_connected(self) -> None:
        """With the shop's name."""
        self.assertEqual(
            Health(ok=True, message="Connected to Example Shop."),
            self.connector.check(),
        )

    def test_missing_scopes_are_named(self) -> None:
        """The right to write implies the one to read."""
        self.server.scopes -= {"write_inventory", "read_returns"}
        self.assertEqual(
            Health(
                ok=False,
                message="Connected to Example Shop, but the app lacks these access"
                " scopes: read_inventory, write_inventory, read_returns.",
                trouble=Trouble.SETUP,
            ),
            self.connector.check(),
        )

    def test_version_that_is_no_longer_served(self) -> None:
        """Shopify answers with a later one, silently."""
        self.server.version = "2027-10"
        health = self.connector.check()
        self.assertFalse(health.ok)
        self.assertIn("answers with 2027-10: update the hub", health.message)


class TestShopifyListing(ShopifyCase):
    """What can be sold, and where from."""

    def test_listings_of_all_pages(self) -> None:
        """Untracked items and bundles are marked, an item comes once."""
        for sku in ("A", "B", "C", "D", "E"):
            self.server.add_item(sku, "main", 1)  # type: ignore[arg-type]
        self.server.untracked.add("B")
        self.server.bundles.add("C")
        self.server.items["F"] = self.server.items["A"]
        found = [
            (row.sku, row.item_id, row.title, row.tracked)
            for row in self.connector.fetch_listings()
        ]
        self.assertEqual(
            [
                ("A", "5001", "Product A", True),
                ("B", "5002", "Product B", False),
                ("C", "5003", "Product C", False),
                ("D", "5004", "Product D", True),
                ("E", "5005", "Product E", True),
            ],
            found,
        )

    def test_locations_of_all_pages(self) -> None:
        """Those that are switched off are marked."""
        self.server.locations["7003"] = "Old shop"
        self.server.inactive.add("7003")
        found = [
            (row.id, row.name, row.active) for row in self.connector.fetch_locations()
        ]
        self.assertEqual(
            [
                ("7001", "Main warehouse", True),
                ("7002", "Shop", True),
                ("7003", "Old shop", False),
            ],
            found,
        )
