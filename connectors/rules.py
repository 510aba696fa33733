"""What a channel's rules make of a sellable quantity, step by step. Pure.

The statement that computes every number applies the same rules in SQL. This is the
form that can be read aloud: each step says which rule did what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)
# A gram of a kilogram; rounding down never offers what is not there.
FINEST = Decimal("0.001")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One rule or rounding, and what was left after it.

    :param str kind: the rule's kind, or ``whole`` and ``decimals`` for rounding
        down, ``positive`` for never below zero, ``withdrawn``.
    :param value: the rule's own value; None where the step is no rule.
    :param Decimal quantity: in the listing's selling unit, after the step.
    """

    kind: str
    value: Decimal | None
    quantity: Decimal


def apply_rules(
    sellable: Decimal,
    rules: Mapping[str, Decimal],
    *,
    whole_units: bool,
    withdrawn: bool,
) -> tuple[Step, ...]:
    """Return the steps from a sellable quantity to the published number.

    A rule that is not in force makes no step; rounding and never below zero always
    do, so there is a last step, and its quantity is the published number.

    :param Decimal sellable: in the selling unit; may be negative, for what was sold
        beyond what is there.
    :param rules: kind → value of the rules in force. ``horizon`` is in the sellable
        quantity already and makes no step here.
    :param bool withdrawn: the listing, location or product is archived.
    """
    steps = list(_keep_back(sellable, rules))
    quantity = steps[-1].quantity if steps else sellable

    def add(kind: str, value: Decimal | None, result: Decimal) -> None:
        nonlocal quantity
        quantity = result
        steps.append(Step(kind=kind, value=value, quantity=result))

    if "backorder" in rules:
        add("backorder", rules["backorder"], quantity + rules["backorder"])
    if "cap" in rules:
        add("cap", rules["cap"], min(quantity, rules["cap"]))
    rounding, finest = ("whole", ONE) if whole_units else ("decimals", FINEST)
    add(rounding, None, _round_down(quantity, finest))
    add("positive", None, max(ZERO, quantity))
    if "minimum" in rules:
        is_enough = quantity >= rules["minimum"]
        add("minimum", rules["minimum"], quantity if is_enough else ZERO)
    if withdrawn:
        add("withdrawn", None, ZERO)
    return tuple(steps)


def _keep_back(sellable: Decimal, rules: Mapping[str, Decimal]) -> list[Step]:
    """Apply what keeps part of the stock from the channel.

    Only where there is something: a shortage is not made smaller by a share of it,
    nor larger by a buffer. What is kept back never makes a shortage either.
    """
    steps: list[Step] = []
    left = sellable
    for kind in ("share", "buffer", "buffer_percent"):
        if kind not in rules:
            continue
        value = rules[kind]
        if sellable > 0:
            if kind == "share":
                left -= sellable * (HUNDRED - value) / HUNDRED
            elif kind == "buffer":
                left -= value
            else:
                left -= sellable * value / HUNDRED
        shown = max(ZERO, left) if sellable > 0 else sellable
        steps.append(Step(kind=kind, value=value, quantity=shown))
    return steps


def _round_down(quantity: Decimal, to: Decimal) -> Decimal:
    return (quantity / to).to_integral_value(rounding=ROUND_FLOOR) * to
