"""Numbers at Shopify: every answer to a push is acted on by its meaning."""

from decimal import Decimal
from typing import Any

from ..data import QuantityKey, QuantityUpdate, ResultStatus, UpdateResult
from ..errors import Misconfigured, RetryLater
from ..testing.fake_channel import Fault
from ..testing.fake_shopify import MAIN, SHOP, TopError
from .shopify_case import ShopifyCase

APPLIED, STALE = ResultStatus.APPLIED, ResultStatus.STALE
REJECTED, UNKNOWN = ResultStatus.REJECTED, ResultStatus.UNKNOWN


class TestShopifyLevels(ShopifyCase):
    """One result per update, nothing written twice, nothing lost."""

    def setUp(self) -> None:
        """Stock four items."""
        super().setUp()
        self.keys = [
            self.server.add_item(sku, "main", Decimal(10))
            for sku in ("A", "B", "C", "D")
        ]

    def update(
        self, key: QuantityKey, quantity: str, previous: str | None = None, seq: int = 1
    ) -> QuantityUpdate:
        """Return one update."""
        return QuantityUpdate(
            key=key,
            quantity=Decimal(quantity),
            unit="Units",
            sequence=seq,
            previous=None if previous is None else Decimal(previous),
        )

    def push(self, *updates: QuantityUpdate, key: str = "push-1") -> list[UpdateResult]:
        """Publish."""
        return self.connector.publish(updates, key)

    def told(self, results: list[UpdateResult]) -> list[tuple[str, str]]:
        """Return status and code of each result."""
        return [(result.status.value, result.code) for result in results]

    def shown(self) -> list[int]:
        """Return what the shop shows for the items, at main."""
        return [int(self.server.quantity(key) or 0) for key in self.keys]

    def test_a_batch_is_one_call_under_the_key_of_the_push(self) -> None:
        """With every row saying what it expects, null where nothing is compared."""
        results = self.push(
            self.update(self.keys[0], "3", "10"), self.update(self.keys[1], "4")
        )
        self.assertEqual(
            [(APPLIED, 3), (APPLIED, 4)], [(r.status, r.quantity) for r in results]
        )
        [sent] = self.sent("HubSetQuantities")
        self.assertEqual("push-1", sent["key"])
        self.assertEqual(
            {
                "name": "available",
                "reason": "correction",
                "referenceDocumentUri": sent["input"]["referenceDocumentUri"],
                "quantities": [
                    {
                        "inventoryItemId": "gid://shopify/InventoryItem/5001",
                        "locationId": f"gid://shopify/Location/{MAIN}",
                        "quantity": 3,
                        "changeFromQuantity": 10,
                    },
                    {
                        "inventoryItemId": "gid://shopify/InventoryItem/5002",
                        "locationId": f"gid://shopify/Location/{MAIN}",
                        "quantity": 4,
                        "changeFromQuantity": None,
                    },
                ],
            },
            sent["input"],
        )
        self.assertRegex(
            sent["input"]["referenceDocumentUri"],
            r"\Agid://stock-channel-hub/Push/[0-9a-f-]{36}\Z",
        )

    def test_more_than_a_list_holds_goes_in_several_calls(self) -> None:
        """Of 250 rows at most, each under a key of its own that a repeat has too."""
        keys = [self.server.add_item(f"S{n}", "main", Decimal(1)) for n in range(501)]
        updates = [self.update(key, "2") for key in keys]
        self.assertEqual({APPLIED}, {r.status for r in self.push(*updates)})
        first = self.sent("HubSetQuantities")
        self.assertEqual([250, 250, 1], [len(s["input"]["quantities"]) for s in first])
        self.assertEqual(3, len({sent["key"] for sent in first}))
        self.assertNotIn("push-1", {sent["key"] for sent in first})
        effects = list(self.server.books.effects)
        self.push(*updates)
        again = self.sent("HubSetQuantities")[3:]
        self.assertEqual([s["key"] for s in first], [s["key"] for s in again])
        self.assertEqual(effects, self.server.books.effects)

    def test_stale_row_is_told_with_what_is_shown_and_the_rest_goes_again(self) -> None:
        """Under a new key, in the same push."""
        self.server.books.sell("B", MAIN, Decimal(2))
        results = self.push(*(self.update(key, "3", "10") for key in self.keys))
        self.assertEqual(
            [(APPLIED, 3), (STALE, 8), (APPLIED, 3), (APPLIED, 3)],
            [(result.status, result.quantity) for result in results],
        )
        self.assertEqual("CHANGE_FROM_QUANTITY_STALE", results[1].code)
        self.assertEqual([3, 8, 3, 3], self.shown())
        first, second = self.sent("HubSetQuantities")
        self.assertEqual("push-1", first["key"])
        self.assertNotEqual(first["key"], second["key"])
        self.assertEqual(3, len(second["input"]["quantities"]))
        self.assertEqual(1, len(self.sent("HubLevels")))

    def test_stale_row_without_a_reading_has_no_number(self) -> None:
        """The reading fails: the row is stale all the same, and was not written."""
        self.transport.faults = [None, Fault.DOWN]
        [result] = self.push(self.update(self.keys[0], "3", "9"))
        self.assertEqual((STALE, None), (result.status, result.quantity))

    def test_item_that_is_not_stocked_there_is_stocked_first(self) -> None:
        """Then its row goes again, with the others."""
        away = QuantityKey(sku="A", item_id=self.keys[0].item_id, location_id=SHOP)
        results = self.push(self.update(away, "6"), self.update(self.keys[1], "5"))
        self.assertEqual([APPLIED, APPLIED], [result.status for result in results])
        self.assertEqual((6, 5), (self.server.quantity(away), self.shown()[1]))
        [activated] = self.sent("HubActivate")
        self.assertEqual(f"gid://shopify/Location/{SHOP}", activated["location"])
        first, second = self.sent("HubSetQuantities")
        self.assertEqual(first["input"], second["input"])
        self.assertNotEqual(first["key"], second["key"])

    def test_repeat_after_stocking_has_no_second_effect(self) -> None:
        """The first call failed, so its key is used up; the second's answer stands."""
        away = QuantityKey(sku="A", item_id=self.keys[0].item_id, location_id=SHOP)
        self.push(self.update(away, "6"))
        self.server.books.sell("A", SHOP, Decimal(2))
        [result] = self.push(self.update(away, "6"))
        self.assertEqual(APPLIED, result.status)
        self.assertEqual(4, self.server.quantity(away))

    def test_item_that_cannot_be_stocked_there_is_refused(self) -> None:
        """With Shopify's reason behind ours."""
        self.server.fails["A", SHOP] = "NEVER_STOCKED"
        away = QuantityKey(sku="A", item_id=self.keys[0].item_id, location_id=SHOP)
        results = self.push(self.update(away, "6"), self.update(self.keys[1], "5"))
        self.assertEqual(
            [("rejected", "ITEM_NOT_STOCKED_AT_LOCATION"), ("applied", "")],
            self.told(results),
        )
        self.assertIn(
            "Stock it there in Shopify. (It belongs to a 3PL.)", results[0].message
        )
        self.assertEqual("input.quantities.0.locationId", results[0].field)

    def test_rows_shopify_blames_are_refused_and_the_rest_goes_again(self) -> None:
        """Each code with words of ours, the path of the field kept."""
        gone = QuantityKey(sku="X", item_id="9999", location_id=MAIN)
        nowhere = QuantityKey(sku="B", item_id=self.keys[1].item_id, location_id="7099")
        self.server.bundles.add("C")
        results = self.push(
            self.update(self.keys[0], "1"),
            self.update(gone, "2"),
            self.update(nowhere, "3"),
            self.update(self.keys[2], "4"),
            self.update(self.keys[3], "5"),
        )
        self.assertEqual(
            [
                ("applied", ""),
                ("rejected", "INVALID_INVENTORY_ITEM"),
                ("rejected", "INVALID_LOCATION"),
                ("rejected", "NON_MUTABLE_INVENTORY_ITEM"),
                ("applied", ""),
            ],
            self.told(results),
        )
        self.assertEqual("input.quantities.1.inventoryItemId", results[1].field)
        self.assertIn("Map the listing", results[1].message)
        self.assertIn("Map another one", results[2].message)
        self.assertIn("parts of a bundle", results[3].message)
        self.assertEqual([1, 10, 10, 5], self.shown())
        self.assertEqual(2, len(self.sent("HubSetQuantities")))

    def test_error_of_an_unknown_kind_keeps_shopifys_words(self) -> None:
        """A code that comes with a later version."""
        self.server.fails[self.keys[0].item_id, MAIN] = "QUITE_NEW"
        [result] = self.push(self.update(self.keys[0], "1"))
        self.assertEqual((REJECTED, "QUITE_NEW"), (result.status, result.code))
        self.assertEqual("quite_new", result.message)

    def test_error_that_points_nowhere_is_found_by_halving(self) -> None:
        """The others are written."""
        self.server.silent = True
        self.server.fails[self.keys[2].item_id, MAIN] = "NON_MUTABLE_INVENTORY_ITEM"
        results = self.push(*(self.update(key, "3") for key in self.keys))
        self.assertEqual(
            [APPLIED, APPLIED, REJECTED, APPLIED], [result.status for result in results]
        )
        self.assertEqual([3, 3, 10, 3], self.shown())

    def test_halving_stocks_what_is_not_stocked(self) -> None:
        """Also where the error points nowhere."""
        self.server.silent = True
        away = QuantityKey(sku="A", item_id=self.keys[0].item_id, location_id=SHOP)
        results = self.push(self.update(away, "6"), self.update(self.keys[1], "5"))
        self.assertEqual([APPLIED, APPLIED], [result.status for result in results])
        self.assertEqual(6, self.server.quantity(away))

    def test_call_in_progress_is_waited_for_under_the_same_key(self) -> None:
        """Three times, longer each time; then nobody knows."""
        self.server.busy = 2
        [result] = self.push(self.update(self.keys[0], "3"))
        self.assertEqual(APPLIED, result.status)
        self.assertEqual([1, 2], self.transport.pauses)
        self.assertEqual(
            ["push-1"] * 3, [s["key"] for s in self.sent("HubSetQuantities")]
        )
        self.server.busy = 9
        self.assertRaises(
            RetryLater, self.push, self.update(self.keys[1], "3"), key="p2"
        )
        self.assertEqual([1, 2, 1, 2, 4], self.transport.pauses)

    def test_key_used_up_by_a_failure_is_followed_by_another(self) -> None:
        """It is derived, so that a repeat comes by the same."""
        self.push(self.update(self.keys[0], "3", "9"))
        [result] = self.push(self.update(self.keys[0], "3", "9"))
        self.assertEqual(STALE, result.status)
        keys = [sent["key"] for sent in self.sent("HubSetQuantities")]
        self.assertEqual(["push-1", "push-1"], keys[:2])
        self.assertEqual(3, len(keys))
        self.server.books.sell("A", MAIN, Decimal(1))
        [result] = self.push(self.update(self.keys[0], "3", "9"))
        self.assertEqual(APPLIED, result.status)

    def test_key_of_other_numbers_is_a_mistake_nobody_acts_on(self) -> None:
        """The rows are unknown: they are read before anything is sent."""
        self.push(self.update(self.keys[0], "3"))
        [result] = self.push(self.update(self.keys[0], "4"))
        self.assertEqual((UNKNOWN, "no_answer"), (result.status, result.code))
        self.assertEqual(3, self.shown()[0])

    def answer(self, operation: str, *errors: str) -> None:
        """Have an operation always answered with these codes, or refused."""

        def answered(_variables: object) -> dict[str, Any]:
            if not errors:
                raise TopError("INVALID_FIELD_ARGUMENTS", "Words of Shopify")
            rows = [{"code": code, "message": "", "field": None} for code in errors]
            return {"inventorySetQuantities": {"userErrors": rows}}

        self.server.answers[operation] = answered

    def test_call_that_is_refused_as_a_whole(self) -> None:
        """Each row says so, with Shopify's words."""
        self.answer("HubSetQuantities")
        results = self.push(*(self.update(key, "3") for key in self.keys[:2]))
        self.assertEqual(
            [("rejected", "INVALID_FIELD_ARGUMENTS")] * 2, self.told(results)
        )
        self.assertIn("Words of Shopify", results[0].message)

    def test_stocking_that_is_refused_as_a_whole(self) -> None:
        """The row is; the others go on."""
        self.answer("HubActivate")
        away = QuantityKey(sku="A", item_id=self.keys[0].item_id, location_id=SHOP)
        results = self.push(self.update(away, "6"), self.update(self.keys[1], "5"))
        self.assertEqual([REJECTED, APPLIED], [result.status for result in results])
        self.assertIn("Words of Shopify", results[0].message)

    def test_keys_that_are_all_used_up(self) -> None:
        """Five of them are tried; then the shop is read first."""
        self.answer("HubSetQuantities", "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")
        self.assertRaises(RetryLater, self.push, self.update(self.keys[0], "3"))
        self.assertEqual(
            5, len({sent["key"] for sent in self.sent("HubSetQuantities")})
        )

    def test_answer_without_anything(self) -> None:
        """Nobody knows what became of it."""
        self.server.answers["HubSetQuantities"] = lambda _: {
            "inventorySetQuantities": None
        }
        self.assertRaises(RetryLater, self.push, self.update(self.keys[0], "3"))

    def test_level_without_a_number(self) -> None:
        """It cannot be read: nothing is made up for it."""
        self.server.answers["HubLevels"] = lambda _: {
            "nodes": [
                {
                    "id": "gid://shopify/InventoryItem/5001",
                    "inventoryLevel": {
                        "quantities": [{"name": "available", "quantity": "7"}]
                    },
                }
            ]
        }
        self.assertRaises(RetryLater, self.connector.fetch_quantities, self.keys[:1])

    def test_item_is_stocked_once_only(self) -> None:
        """Where Shopify goes on saying it is not, a person looks."""
        self.server.fails[self.keys[0].item_id, MAIN] = "ITEM_NOT_STOCKED_AT_LOCATION"
        results = self.push(
            self.update(self.keys[0], "3"), self.update(self.keys[1], "4")
        )
        self.assertEqual([REJECTED, APPLIED], [result.status for result in results])
        self.assertEqual(1, len(self.sent("HubActivate")))

    def test_odd_paths_point_to_no_row(self) -> None:
        """The row is found all the same: it is the only one left."""
        for path in (
            ["input"],
            ["quantities", "9"],
            ["quantities"],
            ["quantities", "x"],
        ):
            error = {"code": "QUITE_NEW", "message": "New", "field": path}
            payload = {"inventorySetQuantities": {"userErrors": [error]}}
            self.server.answers["HubSetQuantities"] = lambda _, p=payload: p
            with self.subTest(path):
                [result] = self.push(self.update(self.keys[0], "3"), key=str(path))
                self.assertEqual((REJECTED, "New"), (result.status, result.message))

    def test_row_behind_the_last_one_is_none(self) -> None:
        """Shopify counts from zero."""
        error = {"code": "NEW", "message": "New", "field": ["quantities", "1"]}
        payload = {"inventorySetQuantities": {"userErrors": [error]}}
        self.server.answers["HubSetQuantities"] = lambda _: payload
        [result] = self.push(self.update(self.keys[0], "3"))
        self.assertEqual(REJECTED, result.status)

    def test_highest_number(self) -> None:
        """A thousand million, and not one more."""
        [result] = self.push(self.update(self.keys[0], "1000000000"))
        self.assertEqual(APPLIED, result.status)

    def test_what_is_known_of_a_row_is_not_forgotten(self) -> None:
        """When the answer to the others gets lost."""
        keys = [self.server.add_item(f"S{n}", "main", Decimal(1)) for n in range(253)]
        self.server.fails[keys[250].item_id, MAIN] = "NON_MUTABLE_INVENTORY_ITEM"
        updates = [self.update(key, "2", "1") for key in keys]
        updates[251] = self.update(keys[251], "2", "9")
        self.transport.faults = [None, None, Fault.LOST_ANSWER]
        results = self.push(*updates)
        self.assertEqual([APPLIED] * 250, [result.status for result in results[:250]])
        self.assertEqual(
            [REJECTED, STALE, UNKNOWN], [result.status for result in results[250:]]
        )

    def test_untracked_item_is_refused_when_shopify_says_so(self) -> None:
        """It took the number, and sells whatever it is."""
        self.server.untracked.add("A")
        results = self.push(
            self.update(self.keys[0], "3"), self.update(self.keys[1], "3")
        )
        self.assertEqual(
            [("rejected", "untracked"), ("applied", "")], self.told(results)
        )
        self.assertIn("Track quantity", results[0].message)
        found = self.connector.fetch_quantities(self.keys[:2])
        self.assertEqual([self.keys[1]], [entry.key for entry in found])

    def test_what_shopify_cannot_read_is_refused_before_the_call(self) -> None:
        """Fractions, ids of another kind, numbers out of bounds."""
        odd = QuantityKey(
            sku="A", item_id="gid://shopify/InventoryItem/1", location_id=MAIN
        )
        place = QuantityKey(sku="A", item_id="1", location_id="main")
        results = self.push(
            self.update(self.keys[0], "1.5"),
            self.update(self.keys[1], "-1"),
            self.update(self.keys[2], "1000000001"),
            self.update(odd, "1"),
            self.update(place, "1"),
        )
        self.assertEqual(
            [
                ("rejected", "fraction"),
                ("rejected", "INVALID_QUANTITY_NEGATIVE"),
                ("rejected", "INVALID_QUANTITY_TOO_HIGH"),
                ("rejected", "bad_id"),
                ("rejected", "bad_id"),
            ],
            self.told(results),
        )
        self.assertEqual(["item_id", "location_id"], [r.field for r in results[3:]])
        self.assertEqual([], self.transport.calls)

    def test_expecting_a_fraction_is_stale_without_a_call(self) -> None:
        """Shopify can never show it; it tells what it shows."""
        [result] = self.push(self.update(self.keys[0], "3", "9.5"))
        self.assertEqual((STALE, 10), (result.status, result.quantity))
        self.assertEqual([], self.sent("HubSetQuantities"))

    def test_older_number_for_the_same_key_is_left_out(self) -> None:
        """Shopify refuses a batch that names an item and location twice."""
        results = self.push(
            self.update(self.keys[0], "3", seq=8), self.update(self.keys[0], "4", seq=7)
        )
        self.assertEqual([("applied", ""), ("stale", "superseded")], self.told(results))
        self.assertEqual((8, 3), (results[1].sequence, self.shown()[0]))
        results = self.push(
            self.update(self.keys[1], "3", seq=7),
            self.update(self.keys[1], "4", seq=8),
            self.update(self.keys[1], "5", seq=6),
            key="push-2",
        )
        self.assertEqual([STALE, APPLIED, STALE], [result.status for result in results])
        self.assertEqual(4, self.shown()[1])

    def test_lost_answer_to_a_later_call_leaves_the_earlier_results(self) -> None:
        """What was written stays applied; what may have been is unknown."""
        keys = [self.server.add_item(f"S{n}", "main", Decimal(1)) for n in range(600)]
        self.transport.faults = [None, Fault.LOST_ANSWER]
        results = self.push(*(self.update(key, "2") for key in keys))
        self.assertEqual([APPLIED] * 250 + [UNKNOWN] * 350, [r.status for r in results])
        self.assertEqual(2, len(self.transport.calls))

    def test_nothing_written_yet_raises_what_happened(self) -> None:
        """The caller then knows more than unknown."""
        for fault, error in (
            (Fault.DOWN, RetryLater),
            (Fault.FORBIDDEN, Misconfigured),
        ):
            self.transport.faults = [fault]
            with self.subTest(fault):
                self.assertRaises(error, self.push, self.update(self.keys[0], "3"))

    def test_reading_asks_per_location_and_in_portions(self) -> None:
        """What is unknown, elsewhere or no id is left out."""
        keys = [self.server.add_item(f"S{n}", "shop", Decimal(n)) for n in range(101)]
        self.server.books.levels["A", MAIN].quantity = Decimal(-2)
        wanted = [
            *keys,
            self.keys[0],
            self.keys[0],
            QuantityKey(sku="A", item_id=self.keys[0].item_id, location_id=SHOP),
            QuantityKey(sku="X", item_id="9999", location_id=MAIN),
            QuantityKey(sku="Y", item_id="item_nope", location_id=MAIN),
        ]
        found = {o.key: o.quantity for o in self.connector.fetch_quantities(wanted)}
        self.assertEqual(
            {key: Decimal(n) for n, key in enumerate(keys)}
            | {self.keys[0]: Decimal(-2)},
            found,
        )
        sizes = [len(sent["items"]) for sent in self.sent("HubLevels")]
        self.assertEqual([100, 2, 2], sizes)
