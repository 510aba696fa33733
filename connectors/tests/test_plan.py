import itertools
import unittest
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ..plan import Action, LineState, plan_order, take_from

quantities = st.decimals(min_value=0, max_value=50, places=2)
lines = st.builds(
    LineState,
    id=st.sampled_from("abcde"),
    wanted=quantities,
    applied=quantities,
)


def unique(states: list[LineState]) -> list[LineState]:
    return list({state.id: state for state in states}.values())


class TestPlanOrder(unittest.TestCase):
    def plan(self, *pairs: tuple[int, int], exists: bool = True) -> Action:
        return plan_order(
            [
                LineState(id=str(number), wanted=Decimal(w), applied=Decimal(a))
                for number, (w, a) in enumerate(pairs)
            ],
            exists=exists,
        ).action

    def test_actions(self) -> None:
        self.assertEqual(self.plan((2, 0), exists=False), Action.CREATE)
        self.assertEqual(self.plan((0, 0), exists=False), Action.TOMBSTONE)
        self.assertEqual(self.plan(exists=False), Action.TOMBSTONE)
        self.assertEqual(self.plan((2, 2), exists=False), Action.NOTHING)
        self.assertEqual(self.plan((2, 2), (1, 0), exists=False), Action.CREATE)
        self.assertEqual(self.plan((2, 2)), Action.NOTHING)
        self.assertEqual(self.plan((3, 2)), Action.CHANGE)
        self.assertEqual(self.plan((0, 2), (1, 1)), Action.CHANGE)
        self.assertEqual(self.plan((0, 2), (0, 1)), Action.CANCEL)
        self.assertEqual(self.plan((0, 0)), Action.NOTHING)

    @given(st.lists(lines), st.booleans())
    def test_following_the_plan_reaches_what_is_wanted(
        self, states: list[LineState], exists: bool
    ) -> None:
        states = unique(states)
        plan = plan_order(states, exists=exists)
        for state in states:
            applied = state.applied + plan.deltas.get(state.id, Decimal(0))
            self.assertEqual(applied, state.wanted)

    @given(st.lists(lines))
    def test_following_it_twice_changes_nothing(self, states: list[LineState]) -> None:
        done = [
            LineState(id=state.id, wanted=state.wanted, applied=state.wanted)
            for state in unique(states)
        ]
        plan = plan_order(done, exists=True)
        self.assertEqual((plan.action, dict(plan.deltas)), (Action.NOTHING, {}))

    def test_every_order_of_snapshots_ends_alike(self) -> None:
        """Versions of one order may come in any order, and twice."""
        versions = [
            (1, {"a": 2, "b": 1}),
            (2, {"a": 5}),
            (3, {"a": 1, "c": 4}),
            (4, {}),
            (5, {"b": 3}),
        ]
        for arrival in itertools.permutations([*versions, versions[2]], 6):
            applied: dict[str, Decimal] = {}
            newest = 0
            for version, wanted in arrival:
                if version < newest:
                    continue
                newest = version
                states = [
                    LineState(
                        id=line,
                        wanted=Decimal(wanted.get(line, 0)),
                        applied=applied.get(line, Decimal(0)),
                    )
                    for line in sorted({*wanted, *applied})
                ]
                plan = plan_order(states, exists=bool(applied))
                for line, delta in plan.deltas.items():
                    applied[line] = applied.get(line, Decimal(0)) + delta
            self.assertEqual({k: v for k, v in applied.items() if v}, {"b": Decimal(3)})


class TestTakeFrom(unittest.TestCase):
    @given(st.lists(st.tuples(st.text(min_size=1, max_size=2), quantities)), quantities)
    def test_takes_what_is_there_and_never_more_than_wanted(
        self, available: list[tuple[str, Decimal]], wanted: Decimal
    ) -> None:
        taken = take_from(available, wanted)
        there = sum((quantity for _, quantity in available), Decimal(0))
        self.assertEqual(sum(taken.values(), Decimal(0)), min(there, wanted))
        for source, quantity in taken.items():
            has = sum((q for s, q in available if s == source), Decimal(0))
            self.assertLessEqual(quantity, has)
            self.assertGreater(quantity, 0)

    def test_first_sources_first(self) -> None:
        taken = take_from([("a", Decimal(2)), ("b", Decimal(5))], Decimal(3))
        self.assertEqual(taken, {"a": Decimal(2), "b": Decimal(1)})
