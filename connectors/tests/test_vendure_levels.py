"""Pushing to Vendure: each trap of its mutation, and who it lets in."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from .. import vendure_client
from ..data import QuantityKey, ResultStatus, UpdateResult
from ..errors import ConnectorError, Misconfigured, RateLimited, Rejected, RetryLater
from ..testing.fake_channel import Fault
from ..testing.fake_vendure import BASE_URL, PASSWORD, USER
from ..tokens import MemoryTokens
from ..transport import Request, Response
from ..vendure import VendureConnector
from .vendure_case import SAMPLES, VendureCase

APPLIED, REJECTED = ResultStatus.APPLIED, ResultStatus.REJECTED
STALE, UNKNOWN = ResultStatus.STALE, ResultStatus.UNKNOWN


class TestPush(VendureCase):
    """Numbers are whole, each variant comes once, the guilty row is named."""

    def inputs(self) -> list[list[dict[str, Any]]]:
        """Return the input of every mutation that set levels."""
        bodies = [json.loads(call.body) for call in self.shop.transport.calls]
        return [b["variables"]["input"] for b in bodies if "HubSetLevels" in b["query"]]

    def statuses(self, results: Sequence[UpdateResult]) -> list[ResultStatus]:
        """Return the statuses alone."""
        return [result.status for result in results]

    def test_levels_of_a_variant_travel_together(self) -> None:
        """Two inputs for one variant would be two transactions of one."""
        self.push((self.key, "4"), (self.key_of("A-1", "shop"), "6"))
        [[row]] = self.inputs()
        self.assertEqual(
            [("main", 4), ("shop", 6)],
            [(x["stockLocationId"], x["stockOnHand"]) for x in row["stockLevels"]],
        )

    def test_level_that_was_never_written_is_zero(self) -> None:
        """Vendure has no row for it, and sells nothing from there."""
        key = self.key_of("A-1", "shop")
        [observed] = self.connector.fetch_quantities([key])
        self.assertEqual(Decimal(0), observed.quantity)
        self.assertEqual([APPLIED], self.statuses(self.push((key, "6"))))

    def test_unknown_rows_do_not_stop_the_others(self) -> None:
        """They never reach the mutation that they would spoil."""
        results = self.push(
            (self.key_of("NOPE"), "1"),
            (self.key_of("A-1", "ghost"), "2"),
            (self.key, "4"),
        )
        self.assertEqual([REJECTED, REJECTED, APPLIED], self.statuses(results))
        self.assertEqual(
            ["unknown_item", "unknown_location"], [r.code for r in results[:2]]
        )
        self.assertEqual(1, len(self.inputs()))

    def test_what_vendure_would_take_or_choke_on_is_never_sent(self) -> None:
        """A negative number is taken silently, the others refuse the whole call."""
        results = self.push(
            (self.key_of("A-1"), "-1"),
            (self.key_of("B-2"), "2.5"),
            (self.key_of("A-1", "shop"), "2147483648"),
            (self.key_of("B-2", "shop"), "2147483647"),
        )
        self.assertEqual(
            [REJECTED, REJECTED, REJECTED, APPLIED], self.statuses(results)
        )
        self.assertEqual(
            ["negative", "fraction", "too_many"], [r.code for r in results[:3]]
        )

    def test_item_deleted_meanwhile_is_found_and_left_out(self) -> None:
        """The refusal names one row; nothing was written, so the others go again."""
        gone = self.key_of("B-2")
        self._before_first_write(lambda: self.shop.variants.pop("vB-2"))
        results = self.push((self.key, "4"), (gone, "5"))
        self.assertEqual([APPLIED, REJECTED], self.statuses(results))
        self.assertEqual("unknown_item", results[1].code)
        self.assertEqual(Decimal(4), self.shop.books.shown("A-1", "main"))

    def test_guilty_rows_are_found_by_halving(self) -> None:
        """A rule of the shop's own refuses two of nine; seven go through."""
        keys = [self.shop.add_item(f"S-{n}", "main", Decimal(1)) for n in range(9)]
        guilty = {keys[3].item_id, keys[7].item_id}
        handle = self.shop.handle

        def handler(call: Request) -> Response:
            if b"HubSetLevels" in call.body and any(
                id_ in call.body.decode() for id_ in guilty
            ):
                error = {"message": "No!", "extensions": {"code": "USER_INPUT_ERROR"}}
                return Response(200, {}, json.dumps({"errors": [error]}).encode())
            return handle(call)

        self.shop.transport._handler = handler
        results = self.push(*((key, "5") for key in keys))
        wanted = [REJECTED if key.item_id in guilty else APPLIED for key in keys]
        self.assertEqual(wanted, self.statuses(results))
        self.assertIn("No!", results[3].message)

    def test_newest_number_of_a_level_wins(self) -> None:
        """One level twice would be written twice."""
        results = self.push((self.key, "8"), (self.key, "9"))
        self.assertEqual([STALE, APPLIED], self.statuses(results))
        self.assertEqual(Decimal(9), self.shop.books.shown("A-1", "main"))

    def test_body_stays_below_vendures_limit(self) -> None:
        """Beyond 100 kB Vendure answers an empty 500."""
        keys = [
            self.shop.add_item(f"{n}-{'long' * 60}", "main", Decimal(1))
            for n in range(400)
        ]
        results = self.push(*((key, "5") for key in keys))
        self.assertEqual({APPLIED}, set(self.statuses(results)))
        sizes = [len(call.body) for call in self.shop.transport.calls]
        self.assertLessEqual(max(sizes), vendure_client.MAX_BODY)
        self.assertEqual(2, len(self.inputs()))

    def _before_first_write(self, meddle: Any) -> None:
        """Run a function right before the first mutation arrives."""
        handle, meddled = self.shop.handle, []

        def handler(call: Request) -> Response:
            if b"HubSetLevels" in call.body and not meddled:
                meddled.append(meddle())
            return handle(call)

        self.shop.transport._handler = handler


class TestTruth(VendureCase):
    """What is claimed is what Vendure shows."""

    def test_write_that_reads_otherwise_is_unknown(self) -> None:
        """Two writers at once leave a number that neither wrote."""

        def race() -> None:
            self.shop.books.levels["A-1", "main"].quantity = Decimal(42)

        self.shop.after_write = race
        results = self.push((self.key, "4"), (self.key_of("B-2"), "5"))
        self.assertEqual([UNKNOWN, APPLIED], [r.status for r in results])
        self.assertEqual("reads_otherwise", results[0].code)
        self.assertIn("42", results[0].message)

    def test_lost_answer_is_read_back(self) -> None:
        """It went through, and Vendure shows it."""
        self.shop.transport.lose_writes = True
        [result] = self.push((self.key, "4"))
        self.assertEqual((APPLIED, Decimal(4)), (result.status, result.quantity))

    def test_nothing_readable_after_the_write(self) -> None:
        """Then nobody knows, also where the reading was refused for being too much."""
        for fault in (Fault.DOWN, Fault.RATE_LIMIT, Fault.UNAUTHORIZED):
            with self.subTest(fault):
                self.shop.transport.faults = [None, None, fault, fault]
                [result] = self.push((self.key, "4"))
                self.assertEqual(UNKNOWN, result.status)

    def test_rate_limit_before_any_write(self) -> None:
        """Nothing was seen, and the caller may say so."""
        self.shop.transport.faults = [None, Fault.RATE_LIMIT]
        with self.assertRaises(RateLimited):
            self.push((self.key, "4"))

    def test_variant_that_vanishes_while_it_is_written(self) -> None:
        """What is not there any more is not zero."""

        def vanish() -> None:
            self.shop.variants.pop("vA-1")

        self.shop.after_write = vanish
        results = self.push((self.key, "0"), (self.key_of("B-2"), "5"))
        self.assertEqual([UNKNOWN, APPLIED], [r.status for r in results])


class TestSigningIn(VendureCase):
    """By a key, or by a session that may end."""

    def signing_in(self, **config: str) -> VendureConnector:
        """Return a connector with user name and password."""
        given = {"base_url": BASE_URL, "username": USER, "password": PASSWORD}
        self.tokens = MemoryTokens()
        return VendureConnector(
            {**given, **config}, self.shop.transport, self.clock, (), self.tokens
        )

    def test_one_session_serves_many_calls(self) -> None:
        """Signing in costs Vendure a password hash each time."""
        connector = self.signing_in()
        for _round in range(3):
            self.assertEqual(2, len(list(connector.fetch_locations())))
        self.assertEqual(1, self.shop.logins)

    def test_session_that_ended_is_opened_anew(self) -> None:
        """Vendure says FORBIDDEN then, as it does for lack of permission."""
        connector = self.signing_in()
        list(connector.fetch_locations())
        self.shop.sessions.clear()
        self.assertTrue(connector.check().ok)
        self.assertEqual(2, self.shop.logins)

    def test_session_that_another_worker_opened_is_used(self) -> None:
        """Not every worker signs in when one session ends."""
        connector = self.signing_in()
        list(connector.fetch_locations())
        stale = self.tokens.read()
        self.shop.sessions.clear()
        list(connector.fetch_locations())
        values = connector._client._sign_in(stale)
        self.assertEqual(("session-2", 2), (values["token"], self.shop.logins))

    def test_lack_of_permission_needs_a_person(self) -> None:
        """One new session, then it is told."""
        connector = self.signing_in()
        list(connector.fetch_locations())
        self.shop.permitted = False
        with self.assertRaises(Misconfigured) as caught:
            list(connector.fetch_locations())
        self.assertEqual("password", caught.exception.field)
        self.assertEqual(2, self.shop.logins)

    def test_session_of_another_user_is_not_used(self) -> None:
        """The settings were changed: who signs in is who is entered now."""
        connector = self.signing_in()
        list(connector.fetch_locations())
        connector.config = {**connector.config, "username": "else"}
        with self.assertRaises(Misconfigured):
            list(connector.fetch_locations())

    def test_settings_that_lack(self) -> None:
        """The form says which."""
        for config, field in (
            ({"base_url": ""}, "base_url"),
            ({"password": ""}, "api_key"),
            ({"password": "wrong"}, "password"),
        ):
            with self.subTest(field), self.assertRaises(Misconfigured) as caught:
                list(self.signing_in(**config).fetch_locations())
            self.assertEqual(field, caught.exception.field)

    def test_shop_without_bearer_tokens(self) -> None:
        """Cookies are of no use to the hub."""
        handle = self.shop.handle

        def handler(call: Request) -> Response:
            response = handle(call)
            return Response(response.status, {}, response.body)

        self.shop.transport._handler = handler
        with self.assertRaises(Misconfigured) as caught:
            list(self.signing_in().fetch_locations())
        self.assertIn("tokenMethod", caught.exception.message)

    def test_channel_and_path_are_sent(self) -> None:
        """One server may hold several channels, anywhere."""
        connector = self.signing_in(channel_token="shop-2", admin_path="/back/")
        with self.assertRaises(ConnectorError):
            list(connector.fetch_locations())
        [call] = self.shop.transport.calls
        self.assertEqual(f"{BASE_URL}/back", call.url)
        self.assertEqual("shop-2", call.headers["vendure-token"])


class TestRecordedRefusals(VendureCase):
    """What the real server answered becomes the error that says what to do."""

    WANTED: dict[str, tuple[type[ConnectorError], str]] = {
        "refused_unknown_variant": (Rejected, "ENTITY_NOT_FOUND"),
        "refused_unknown_location": (Rejected, "refused"),
        "refused_fraction": (Rejected, "BAD_USER_INPUT"),
        "refused_key": (Misconfigured, "api_key"),
        "refused_session": (Misconfigured, "api_key"),
        "refused_permission": (Misconfigured, "api_key"),
        "refused_document": (Misconfigured, "base_url"),
        "refused_large": (RetryLater, ""),
        "refused_page": (Rejected, "USER_INPUT_ERROR"),
        "refused_handler": (Rejected, "INVALID_FULFILLMENT_HANDLER_ERROR"),
        "refused_fulfilled_again": (Rejected, "ITEMS_ALREADY_FULFILLED_ERROR"),
        "refused_no_stock": (Rejected, "INSUFFICIENT_STOCK_ON_HAND_ERROR"),
        "refused_line": (Rejected, "ENTITY_NOT_FOUND"),
        "refused_move": (Rejected, "FULFILLMENT_STATE_TRANSITION_ERROR"),
        "refused_cancel_much": (Rejected, "QUANTITY_TOO_GREAT_ERROR"),
        "refused_cancel_other": (Rejected, "MULTIPLE_ORDER_ERROR"),
        "refused_cancel_nothing": (Rejected, "EMPTY_ORDER_LINE_SELECTION_ERROR"),
    }

    def test_each_becomes_one_error(self) -> None:
        """Rejected with Vendure's code, or misconfigured with the setting."""
        names = {path.stem for path in (SAMPLES / "api").glob("refused_*.json")}
        self.assertEqual(names - {"refused_login"}, set(self.WANTED))
        for name, (kind, detail) in self.WANTED.items():
            with self.subTest(name):
                error = self.raised(name)
                self.assertIs(kind, type(error))
                said = error.code if isinstance(error, Rejected) else ""
                said = error.field if isinstance(error, Misconfigured) else said
                self.assertEqual(detail, said)

    def test_refusals_without_words_get_some(self) -> None:
        """Vendure lacks the translation of some of its own."""
        self.assertEqual(
            "Vendure refuses: multiple order error",
            str(self.raised("refused_cancel_other")),
        )

    def raised(self, name: str) -> ConnectorError:
        """Return what a recorded answer raises."""
        recorded = json.loads((SAMPLES / "api" / f"{name}.json").read_text())
        answer = json.dumps(recorded["body"]).encode()
        self.shop.transport._handler = lambda call: Response(
            recorded["status"], {}, answer
        )
        asked = next(iter(recorded["body"].get("data") or {"x": 0}))
        with self.assertRaises(ConnectorError) as caught:
            self.connector._client.result("query X { x }", {}, asked)
        return caught.exception


class TestFakeIsFaithful(VendureCase):
    """The fake refuses what the real server was recorded to refuse, likewise."""

    def test_refusals(self) -> None:
        """The same error for the same fault."""
        for name, key, quantity in (
            ("refused_unknown_variant", self.key_of("NOPE"), 1),
            ("refused_unknown_location", self.key_of("A-1", "ghost"), 1),
            ("negative_taken", self.key, -3),
            ("refused_fraction", self.key, 2.5),
        ):
            with self.subTest(name):
                recorded = json.loads((SAMPLES / "api" / f"{name}.json").read_text())
                answer = self.call(key, quantity)
                self.assertEqual(recorded["status"], answer.status)
                self.assertEqual(
                    codes(recorded["body"]), codes(json.loads(answer.body))
                )

    def call(self, key: QuantityKey, quantity: float) -> Response:
        """Send one number past the connector's own checks."""
        level = {"stockLocationId": key.location_id, "stockOnHand": quantity}
        row = {"id": key.item_id, "stockLevels": [level]}
        self.push((self.key, "1"))
        [last] = [c for c in self.shop.transport.calls if b"HubSetLevels" in c.body][
            -1:
        ]
        body = json.loads(last.body) | {"variables": {"input": [row]}}
        return self.shop.handle(
            Request(
                method="POST",
                url=last.url,
                headers=last.headers,
                body=json.dumps(body, separators=(",", ":")).encode(),
            )
        )


def codes(answer: dict[str, Any]) -> list[str | None]:
    """Return the codes of an answer's errors."""
    return [e.get("extensions", {}).get("code") for e in answer.get("errors") or []]
