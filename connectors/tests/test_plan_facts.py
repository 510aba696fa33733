"""Orders that follow their channel, whatever order its snapshots come in (R3)."""

import itertools
import unittest
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from ..data import Address, Customer, OrderLine, OrderSnapshot, ShippingLine
from ..facts import (
    Facts,
    Field,
    Key,
    Value,
    address_text,
    facts_from_json,
    facts_to_json,
    read_facts,
)
from ..plan import Action, LineState, Plan, next_base, plan_facts, plan_order

ZERO = Decimal(0)
AT = datetime(2026, 11, 20, tzinfo=UTC)
HOME = Address(name="Ada", street="1 Main", city="Ghent", zip="9000", country="BE")
# What no channel in here ever says: only people of the warehouse do.
OURS = {
    Field.QUANTITY: Decimal("77"),
    Field.PRICE: Decimal("7.77"),
    Field.DISCOUNT: Decimal("77"),
    Field.TAX: Decimal("7"),
    Field.ADDRESS: "ours",
    Field.REFERENCE: "ours",
    Field.SHIPPING: Decimal("7.77"),
}
LINE_FIELDS = (Field.PRICE, Field.DISCOUNT, Field.TAX, Field.LOCATION)


def make_line(line_id: str = "a", quantity: str = "2", **vals: object) -> OrderLine:
    line = OrderLine(
        id=line_id,
        sku=line_id.upper(),
        quantity=Decimal(quantity),
        unit_price=Decimal(10),
    )
    return replace(line, **vals)  # type: ignore[arg-type]


def make_snapshot(
    version: int = 1, lines: Sequence[OrderLine] = (), **vals: object
) -> OrderSnapshot:
    snapshot = OrderSnapshot(
        id="1001",
        version=version,
        updated_at=AT,
        placed_at=AT,
        cancelled=False,
        currency="EUR",
        prices_include_tax=False,
        customer=Customer(),
        shipping_address=HOME,
        lines=tuple(lines) or (make_line(),),
        total=ZERO,
    )
    return replace(snapshot, **vals)  # type: ignore[arg-type]


@dataclass
class TinyErp:
    """The least an ERP can be that follows a channel's order by its plans."""

    exists: bool = False
    is_cancelled: bool = False
    version: int = -1
    base: dict[Key, Value] = field(default_factory=dict)
    here: dict[Key, Value] = field(default_factory=dict)
    applied: dict[str, Decimal] = field(default_factory=dict)
    held: set[Key] = field(default_factory=set)
    log: list[tuple[int, Action]] = field(default_factory=list)

    def take(self, snapshot: OrderSnapshot) -> Plan | None:
        """Apply a snapshot; None when a newer one is known."""
        if snapshot.version < self.version:
            return None
        self.version = snapshot.version
        now = read_facts(snapshot)
        wanted = {key.id: _number(now[key]) for key in now if _is_quantity(key)}
        plan = plan_order(
            [
                LineState(
                    id=line_id,
                    wanted=wanted.get(line_id, ZERO),
                    applied=self.applied.get(line_id, ZERO),
                    here=self._here(line_id),
                )
                for line_id in sorted({*wanted, *self.applied})
            ],
            exists=self.exists,
            is_cancelled=self.is_cancelled,
        )
        self.log.append((snapshot.version, plan.action))
        self._follow(plan, now, wanted)
        return plan

    def _here(self, line_id: str) -> Decimal | None:
        value = self.here.get(Key(Field.QUANTITY, line_id))
        return None if value is None else _number(value)

    def _follow(
        self, plan: Plan, now: dict[Key, Value], wanted: dict[str, Decimal]
    ) -> None:
        if plan.action is Action.TOMBSTONE:
            return
        if plan.action is Action.CREATE:
            self.exists = True
            self.here = {
                key: value for key, value in now.items() if key.id not in wanted
            }
            self.base = dict(now)
        if not self.exists:
            return
        self.is_cancelled = plan.action is Action.CANCEL or (
            self.is_cancelled and plan.action is not Action.REOPEN
        )
        self._change_facts(now)
        for line_id, delta in plan.deltas.items():
            self._change_quantity(line_id, delta, plan.action, now)
        self.held |= {conflict.key for conflict in plan.conflicts}
        for line_id in {*wanted, *self.applied} - plan.held_lines():
            self.applied[line_id] = wanted.get(line_id, ZERO)
        self.base = next_base(self.base, now, self.held)

    def _change_facts(self, now: dict[Key, Value]) -> None:
        changes, conflicts = plan_facts(self.base, now, self.here)
        for change in changes:
            if change.after is None and change.key.field is Field.SHIPPING:
                del self.here[change.key]
            else:
                self.here[change.key] = change.after
        self.held = {conflict.key for conflict in conflicts}

    def _change_quantity(
        self, line_id: str, delta: Decimal, action: Action, now: dict[Key, Value]
    ) -> None:
        key = Key(Field.QUANTITY, line_id)
        if key not in self.here:
            for name in LINE_FIELDS:
                self.here[Key(name, line_id)] = now[Key(name, line_id)]
        if action is Action.CANCEL:
            self.here[key] = ZERO
        else:
            self.here[key] = _number(self.here.get(key)) + delta

    def state(self) -> dict[Key, Value]:
        """Return what a person would see; what is not wanted is not there."""
        gone = {
            key.id
            for key, value in self.here.items()
            if _is_quantity(key) and not value
        }
        is_line = {Field.QUANTITY, *LINE_FIELDS}
        if not self.exists or self.is_cancelled:
            return {}
        return {
            key: value or None
            for key, value in self.here.items()
            if not (key.field in is_line and key.id in gone)
            and key.field not in (Field.ITEM, Field.SHIPPING_TAX, Field.NOTE)
            and (value or key.field is not Field.LOCATION)
        }


def _is_quantity(key: Key) -> bool:
    return key.field is Field.QUANTITY


def _number(value: Value) -> Decimal:
    return Decimal(value or 0)


def follow(snapshots: Iterable[OrderSnapshot]) -> TinyErp:
    erp = TinyErp()
    for snapshot in snapshots:
        erp.take(snapshot)
    return erp


prices = st.sampled_from([Decimal("10"), Decimal("12.50"), Decimal("9.99")])
rates = st.sampled_from([None, Decimal(0), Decimal(21)])


@st.composite
def order_lines(draw: st.DrawFn) -> tuple[OrderLine, ...]:
    """Line ``a`` is always there, so that there is something to change by hand."""
    ids = ["a", *draw(st.lists(st.sampled_from("bcd"), unique=True, max_size=3))]
    return tuple(
        make_line(
            line_id,
            str(draw(st.integers(1, 6))),
            unit_price=draw(prices),
            discount=Decimal(draw(st.integers(0, 5))),
            tax_rate=draw(rates),
            # Who once names a place goes on naming one, or none for a moment.
            location_id="north",
        )
        for line_id in ids
    )


@st.composite
def histories(
    draw: st.DrawFn, max_size: int = 5, with_cancels: bool = True
) -> list[OrderSnapshot]:
    return [
        make_snapshot(
            version,
            draw(order_lines()),
            cancelled=with_cancels and draw(st.integers(0, 3)) == 0,
            shipping_address=replace(HOME, street=draw(st.sampled_from(["1", "2"]))),
            payment_reference=draw(st.sampled_from(["P1", "P2"])),
            shipping=tuple(
                ShippingLine(id=charge_id, title="Post", amount=draw(prices))
                for charge_id in draw(
                    st.lists(st.sampled_from("xy"), unique=True, max_size=2)
                )
            ),
        )
        for version in range(1, draw(st.integers(1, max_size)) + 1)
    ]


class TestFacts(unittest.TestCase):
    @given(histories(max_size=1))
    def test_json_keeps_every_fact(self, history: list[OrderSnapshot]) -> None:
        facts = read_facts(history[0])
        self.assertEqual(facts_from_json(facts_to_json(facts)), facts)

    def test_json_is_exact(self) -> None:
        line = make_line(unit_price=Decimal("0.10000000000000000001"))
        facts = read_facts(make_snapshot(1, [line]))
        again = facts_from_json(facts_to_json(facts))
        self.assertEqual(
            again[Key(Field.PRICE, "a")], Decimal("0.10000000000000000001")
        )

    def test_what_is_wanted(self) -> None:
        line = make_line(
            quantity="5", cancelled_quantity=Decimal(1), fulfilled_quantity=Decimal(2)
        )
        key = Key(Field.QUANTITY, "a")
        self.assertEqual(read_facts(make_snapshot(1, [line]))[key], 4)
        cancelled = make_snapshot(1, [line], cancelled=True)
        self.assertEqual(read_facts(cancelled)[key], 2)

    def test_discount_is_a_share_of_the_line(self) -> None:
        key = Key(Field.DISCOUNT, "a")
        two = make_line(quantity="2", discount=Decimal(1))
        four = make_line(quantity="4", discount=Decimal(2))
        free = make_line(unit_price=ZERO, discount=Decimal(1))
        self.assertEqual(read_facts(make_snapshot(1, [two]))[key], 5)
        self.assertEqual(read_facts(make_snapshot(1, [four]))[key], 5)
        self.assertEqual(read_facts(make_snapshot(1, [free]))[key], 0)

    def test_an_address_is_one_text_however_it_is_stored(self) -> None:
        stored = {
            "zip": "9000",
            "name": "Ada",
            "street": "1 Main",
            "city": "Ghent",
            "country": "BE",
            "state": "",
            "street2": "",
        }
        self.assertEqual(address_text(stored), address_text(HOME))
        self.assertEqual(address_text(None), "")


class TestPlanFacts(unittest.TestCase):
    key = Key(Field.PRICE, "a")

    def plan(self, before: str, after: str, here: str) -> tuple[int, int]:
        changes, conflicts = plan_facts(
            {self.key: Decimal(before)},
            {self.key: Decimal(after)},
            {self.key: Decimal(here)},
            {Field.PRICE: 2},
        )
        return len(changes), len(conflicts)

    def test_three_ways(self) -> None:
        self.assertEqual(self.plan("10", "10", "11"), (0, 0))
        self.assertEqual(self.plan("10", "12", "10"), (1, 0))
        self.assertEqual(self.plan("10", "12", "12"), (0, 0))
        self.assertEqual(self.plan("10", "12", "11"), (0, 1))

    def test_what_the_erp_rounds_is_no_edit(self) -> None:
        self.assertEqual(self.plan("10.005", "12", "10.01"), (1, 0))
        self.assertEqual(self.plan("1e40", "12", "1e40"), (1, 0))
        self.assertEqual(self.plan("10", "12.004", "12.00"), (0, 0))

    def test_what_the_erp_does_not_have_is_no_question(self) -> None:
        facts: Facts = {self.key: Decimal(10)}
        self.assertEqual(plan_facts(facts, {self.key: Decimal(12)}, {}), ((), ()))
        self.assertEqual(plan_facts(facts, {}, facts), ((), ()))
        self.assertEqual(plan_facts({}, facts, facts), ((), ()))

    def test_no_location_is_the_last_one(self) -> None:
        key = Key(Field.LOCATION, "a")
        base: Facts = {key: "north"}
        self.assertEqual(plan_facts(base, {key: ""}, {key: "north"}), ((), ()))
        self.assertEqual(next_base(base, {key: ""}, ())[key], "north")
        changes, _ = plan_facts(base, {key: "south"}, {key: "north"})
        self.assertEqual([change.after for change in changes], ["south"])

    def test_charges_come_and_go(self) -> None:
        one, two = Key(Field.SHIPPING, "1"), Key(Field.SHIPPING, "2")
        base: Facts = {one: Decimal(5)}
        now: Facts = {two: Decimal(6)}
        changes, conflicts = plan_facts(base, now, base)
        self.assertEqual(
            [(change.key, change.after) for change in changes],
            [(one, None), (two, Decimal(6))],
        )
        self.assertEqual(conflicts, ())
        self.assertEqual(next_base(base, now, ()), dict(now))
        self.assertEqual(next_base(base, now, {one, two}), dict(base))


class TestConflicts(unittest.TestCase):
    def plan(self, applied: int, wanted: int, here: int, other: int = 0) -> Plan:
        """Return the plan of one line, with others that are wanted unchanged."""
        return plan_order(
            [
                LineState(
                    id="a",
                    wanted=Decimal(wanted),
                    applied=Decimal(applied),
                    here=Decimal(here),
                ),
                LineState(id="b", wanted=Decimal(1), applied=Decimal(other or 1)),
            ],
            exists=True,
        )

    def test_quantities_that_both_changed(self) -> None:
        plan = self.plan(5, 3, 4, other=2)
        self.assertEqual((plan.action, dict(plan.deltas)), (Action.CHANGE, {"b": -1}))
        self.assertEqual(plan.held_lines(), {"a"})
        (conflict,) = plan.conflicts
        self.assertEqual(
            (conflict.before, conflict.after, conflict.here), (5, 3, Decimal(4))
        )

    def test_quantities_that_both_changed_alike(self) -> None:
        plan = self.plan(5, 3, 3)
        self.assertEqual((plan.action, plan.agreed), (Action.NOTHING, {"a"}))
        self.assertEqual((dict(plan.deltas), plan.conflicts), ({}, ()))

    def test_what_only_the_warehouse_changed_stays(self) -> None:
        plan = self.plan(5, 5, 4)
        self.assertEqual((plan.action, plan.conflicts), (Action.NOTHING, ()))

    def test_a_whole_cancellation_is_no_question(self) -> None:
        state = LineState(id="a", wanted=ZERO, applied=Decimal(5), here=Decimal(4))
        plan = plan_order([state], exists=True)
        self.assertEqual((plan.action, plan.conflicts), (Action.CANCEL, ()))

    def test_an_order_cancelled_here(self) -> None:
        for applied, wanted, action in (
            (5, 6, Action.REFUSE),
            (5, 3, Action.CHANGE),
            (0, 3, Action.REOPEN),
        ):
            state = LineState(id="a", wanted=Decimal(wanted), applied=Decimal(applied))
            plan = plan_order([state], exists=True, is_cancelled=True)
            self.assertEqual(
                (plan.action, plan.deltas["a"]), (action, wanted - applied)
            )

    def test_a_change_taken_back_ends_the_conflict(self) -> None:
        erp = follow([make_snapshot(1)])
        erp.here[Key(Field.PRICE, "a")] = OURS[Field.PRICE]
        erp.take(make_snapshot(2, [make_line(unit_price=Decimal(12))]))
        self.assertEqual(erp.held, {Key(Field.PRICE, "a")})
        erp.take(make_snapshot(3))
        self.assertEqual(erp.held, set())
        self.assertEqual(erp.here[Key(Field.PRICE, "a")], OURS[Field.PRICE])

    def test_the_other_fields_go_on(self) -> None:
        erp = follow([make_snapshot(1)])
        erp.here[Key(Field.PRICE, "a")] = OURS[Field.PRICE]
        line = make_line(quantity="3", unit_price=Decimal(12), tax_rate=Decimal(21))
        erp.take(make_snapshot(2, [line]))
        self.assertEqual(
            [erp.here[Key(name, "a")] for name in (Field.QUANTITY, Field.TAX)], [3, 21]
        )
        self.assertEqual(erp.here[Key(Field.PRICE, "a")], OURS[Field.PRICE])


class TestAnyOrder(unittest.TestCase):
    """All permutations and repeats of the snapshots of one order end alike."""

    @settings(max_examples=60, deadline=None)
    @given(histories(max_size=5))
    def test_all_permutations_end_as_the_newest_alone(
        self, history: list[OrderSnapshot]
    ) -> None:
        expected = follow(history[-1:]).state()
        for arrival in itertools.permutations(history):
            self.assertEqual(follow(arrival).state(), expected)

    @given(histories(), st.data())
    def test_repeats_change_nothing(
        self, history: list[OrderSnapshot], data: st.DataObject
    ) -> None:
        repeats = data.draw(st.lists(st.sampled_from(history), max_size=5))
        arrival = data.draw(st.permutations([*history, *repeats]))
        erp = follow(arrival)
        self.assertEqual(erp.state(), follow(history[-1:]).state())
        before = erp.state()
        for snapshot in history:
            plan = erp.take(snapshot)
            self.assertEqual(plan is None, snapshot.version < history[-1].version)
        self.assertEqual(erp.state(), before)

    @given(histories(), st.data())
    def test_an_older_one_never_overwrites_a_newer(
        self, history: list[OrderSnapshot], data: st.DataObject
    ) -> None:
        arrival = data.draw(st.permutations(history))
        versions = [version for version, _action in follow(arrival).log]
        self.assertEqual(versions, sorted(versions))

    def test_cancelled_before_it_was_created(self) -> None:
        gone = make_snapshot(2, cancelled=True)
        erp = follow([gone, make_snapshot(1), gone])
        self.assertFalse(erp.exists)
        erp.take(make_snapshot(3))
        self.assertEqual(erp.here[Key(Field.QUANTITY, "a")], 2)

    @given(
        histories(with_cancels=False),
        st.sets(st.sampled_from(list(OURS)), min_size=1),
        st.data(),
    )
    def test_what_people_changed_stays_in_any_order(
        self,
        history: list[OrderSnapshot],
        edited: set[Field],
        data: st.DataObject,
    ) -> None:
        """The newest snapshot, but where somebody here decided otherwise."""
        arrival = data.draw(st.permutations(history))
        erp = follow(arrival[:1])
        edits: dict[Key, Value] = {
            key: OURS[key.field]
            for key in erp.here
            if key.field in edited and key.id in ("", "a", "x")
        }
        erp.here.update(edits)
        for snapshot in arrival[1:]:
            erp.take(snapshot)
        self.assertEqual(erp.state(), {**follow(history[-1:]).state(), **edits})

    @given(histories(with_cancels=False), st.sampled_from(list(OURS)))
    def test_a_conflict_needs_two_sides(
        self, history: list[OrderSnapshot], edited: Field
    ) -> None:
        untouched = follow(history)
        self.assertEqual(untouched.held, set())
        erp = follow(history[:1])
        keys = [
            key for key in erp.here if key.field is edited and key.id in ("", "a", "x")
        ]
        for key in keys:
            erp.here[key] = OURS[edited]
        for snapshot in history[1:]:
            erp.take(snapshot)
        self.assertLessEqual(erp.held, set(keys))
        now, first = read_facts(history[-1]), read_facts(history[0])
        changed = {key for key in keys if _changed(first.get(key), now.get(key))}
        if edited is not Field.QUANTITY:
            self.assertEqual(erp.held, changed & erp.here.keys())


def _changed(one: Value, other: Value) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one != other
    return _number(one) != _number(other)
