"""What rules make of a number, for any number."""

import unittest
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ..rules import Step, apply_rules

QUANTITIES = st.decimals(min_value=-10_000, max_value=10_000, places=3)
UNITS = st.decimals(min_value=0, max_value=1_000, places=3)
PERCENT = st.decimals(min_value=0, max_value=100, places=2)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "share": PERCENT,
        "buffer": UNITS,
        "buffer_percent": PERCENT,
        "backorder": UNITS,
        "cap": UNITS,
        "minimum": UNITS,
        "horizon": UNITS,
    },
)
# What changes nothing, written out.
EMPTY = {
    "share": Decimal(100),
    "buffer": Decimal(0),
    "buffer_percent": Decimal(0),
    "backorder": Decimal(0),
    "minimum": Decimal(0),
}


def published(
    sellable: Decimal,
    rules: dict[str, Decimal],
    whole_units: bool = False,
    withdrawn: bool = False,
) -> Decimal:
    steps = apply_rules(sellable, rules, whole_units=whole_units, withdrawn=withdrawn)
    return steps[-1].quantity


def formula(sellable: Decimal, rules: dict[str, Decimal], whole_units: bool) -> Decimal:
    """The specification's formula in one go, without steps."""
    left = sellable
    if sellable > 0:
        kept = (
            rules.get("buffer", Decimal(0))
            + sellable * rules.get("buffer_percent", Decimal(0)) / 100
        )
        left = max(Decimal(0), sellable * rules.get("share", Decimal(100)) / 100 - kept)
    left += rules.get("backorder", Decimal(0))
    left = min(left, rules.get("cap", left))
    places = Decimal(1) if whole_units else Decimal("0.001")
    left = max(Decimal(0), left // places * places)
    return left if left >= rules.get("minimum", Decimal(0)) else Decimal(0)


class TestRules(unittest.TestCase):
    @given(QUANTITIES, RULES, st.booleans())
    def test_steps_end_where_the_formula_does(self, sellable, rules, whole_units):
        self.assertEqual(
            published(sellable, rules, whole_units),
            formula(sellable, rules, whole_units),
        )

    @given(QUANTITIES, QUANTITIES, RULES, st.booleans())
    def test_more_stock_never_publishes_less(self, one, other, rules, whole_units):
        less, more = sorted((one, other))
        self.assertLessEqual(
            published(less, rules, whole_units), published(more, rules, whole_units)
        )

    @given(QUANTITIES, RULES, st.booleans(), st.booleans())
    def test_never_negative_never_above_the_cap(
        self, sellable, rules, whole_units, withdrawn
    ):
        number = published(sellable, rules, whole_units, withdrawn)
        self.assertGreaterEqual(number, 0)
        if "cap" in rules:
            self.assertLessEqual(number, rules["cap"])
        if withdrawn:
            self.assertEqual(number, 0)

    @given(QUANTITIES, RULES, st.booleans())
    def test_without_backorder_no_more_than_sellable(
        self, sellable, rules, whole_units
    ):
        rules.pop("backorder", None)
        self.assertLessEqual(
            published(sellable, rules, whole_units), max(Decimal(0), sellable)
        )

    @given(QUANTITIES, RULES, st.booleans())
    def test_backorder_adds_at_most_itself(self, sellable, rules, whole_units):
        allowed = rules.get("backorder", Decimal(0))
        self.assertLessEqual(
            published(sellable, rules, whole_units),
            max(Decimal(0), sellable) + allowed,
        )

    @given(QUANTITIES, RULES, st.booleans())
    def test_a_published_number_is_published_as_it_is(
        self, sellable, rules, whole_units
    ):
        number = published(sellable, rules, whole_units)
        self.assertEqual(published(number, {}, whole_units), number)

    @given(QUANTITIES, st.sets(st.sampled_from(sorted(EMPTY))), st.booleans())
    def test_empty_rules_change_nothing(self, sellable, kinds, whole_units):
        rules = {kind: EMPTY[kind] for kind in kinds}
        self.assertEqual(
            published(sellable, rules, whole_units),
            published(sellable, {}, whole_units),
        )

    @given(QUANTITIES, RULES, st.booleans())
    def test_each_rule_in_force_is_one_step(self, sellable, rules, whole_units):
        steps = apply_rules(sellable, rules, whole_units=whole_units, withdrawn=False)
        self.assertEqual(
            {step.kind: step.value for step in steps if step.value is not None},
            {kind: value for kind, value in rules.items() if kind != "horizon"},
        )

    # -------------------------------------------------------- exact examples

    def test_no_rule(self):
        self.assertEqual(
            apply_rules(Decimal("7.5"), {}, whole_units=True, withdrawn=False),
            (
                Step(kind="whole", value=None, quantity=Decimal(7)),
                Step(kind="positive", value=None, quantity=Decimal(7)),
            ),
        )

    def test_every_rule_in_its_order(self):
        rules = {
            "minimum": Decimal(5),
            "cap": Decimal(60),
            "backorder": Decimal(10),
            "buffer_percent": Decimal(5),
            "buffer": Decimal(3),
            "share": Decimal(50),
            "horizon": Decimal(14),
        }
        steps = apply_rules(Decimal(101), rules, whole_units=True, withdrawn=False)
        self.assertEqual(
            [(step.kind, step.quantity) for step in steps],
            [
                ("share", Decimal("50.5")),
                ("buffer", Decimal("47.5")),
                ("buffer_percent", Decimal("42.45")),
                ("backorder", Decimal("52.45")),
                ("cap", Decimal("52.45")),
                ("whole", Decimal(52)),
                ("positive", Decimal(52)),
                ("minimum", Decimal(52)),
            ],
        )

    def test_a_buffer_makes_no_shortage(self):
        rules = {"buffer": Decimal(9), "buffer_percent": Decimal(10)}
        steps = apply_rules(Decimal(4), rules, whole_units=True, withdrawn=False)
        self.assertEqual([step.quantity for step in steps], [Decimal(0)] * 4)

    def test_a_shortage_eats_the_backorder_allowance(self):
        rules = {
            "share": Decimal(50),
            "buffer": Decimal(2),
            "backorder": Decimal(10),
        }
        self.assertEqual(published(Decimal(-4), rules), Decimal(6))

    def test_less_than_the_minimum_is_none(self):
        rules = {"minimum": Decimal(5)}
        self.assertEqual(published(Decimal("4.999"), rules), Decimal(0))
        self.assertEqual(published(Decimal(5), rules), Decimal(5))

    def test_decimals_are_rounded_down_to_three(self):
        self.assertEqual(published(Decimal("2.7509"), {}), Decimal("2.75"))

    def test_a_shortage_is_told_as_none(self):
        self.assertEqual(published(Decimal("-2.5"), {}, whole_units=True), Decimal(0))

    def test_withdrawn_is_the_last_word(self):
        steps = apply_rules(
            Decimal(8), {"backorder": Decimal(9)}, whole_units=True, withdrawn=True
        )
        self.assertEqual(
            steps[-1], Step(kind="withdrawn", value=None, quantity=Decimal(0))
        )
