"""What each part of an order line costs, so that no cent is lost. Pure.

A channel tells a unit price, an amount off the whole line and how many of it are
wanted. An ERP line has a unit price and a percentage off, of few digits, and a line may
be split over several places. A percentage is used only where it is exact; else the
discount goes into the unit price. Where the parts, rounded one by one, would miss the
whole, cents are shared out instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor

ZERO = Decimal(0)
# Finer than any currency, and coarser than the noise of a float of this size.
_PRICE_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the channel asks for one line.

    :param Decimal quantity: ordered, the cancelled ones included.
    :param Decimal unit_price: before the discount.
    :param Decimal discount: amount off the whole of ``quantity``.
    """

    quantity: Decimal
    unit_price: Decimal
    discount: Decimal = ZERO

    def net(self) -> Fraction:
        """Return the exact price of one unit after the discount."""
        if not self.quantity:
            return Fraction(self.unit_price)
        return Fraction(self.unit_price) - Fraction(self.discount) / Fraction(
            self.quantity
        )

    def amount(self, quantity: Decimal) -> Fraction:
        """Return the exact amount of so many units, its share of the discount off."""
        return self.net() * Fraction(quantity)


@dataclass(frozen=True, kw_only=True)
class Price:
    """How one part is written into the ERP.

    :param Decimal discount: percent off ``unit_price``.
    """

    unit_price: Decimal
    discount: Decimal = ZERO


def round_to(amount: Fraction | Decimal, step: Decimal) -> Decimal:
    """Return the nearest multiple of ``step``, halves away from zero."""
    steps = Fraction(amount) / Fraction(step)
    whole = floor(abs(steps) + Fraction(1, 2))
    return (whole if steps >= 0 else -whole) * step


def share(
    amount: Decimal, weights: Mapping[str, Decimal], step: Decimal
) -> dict[str, Decimal]:
    """Share an amount out by weight, in multiples of ``step``.

    Whoever is furthest below the exact share gets the next step, the first among
    equals. What weighs nothing gets nothing.

    :param amount: a multiple of ``step``, of either sign.
    :param weights: none negative, at least one above zero.
    :return: the shares, together exactly ``amount`` and each less than one step off.
    """
    whole = sum(map(Fraction, weights.values()), Fraction(0))
    steps = int(Fraction(abs(amount)) / Fraction(step))
    exact = {key: steps * Fraction(weight) / whole for key, weight in weights.items()}
    given = {key: floor(part) for key, part in exact.items()}
    rest = steps - sum(given.values())
    furthest = sorted(exact, key=lambda key: given[key] - exact[key])
    for key in furthest[:rest]:
        given[key] += 1
    sign = -1 if amount < 0 else 1
    return {key: sign * count * step for key, count in given.items()}


def price_parts(
    terms: Terms,
    parts: Mapping[str, Decimal],
    *,
    step: Decimal,
    discount_digits: int,
    rounds_lines: bool,
) -> dict[str, Price]:
    """Return how each part of a line is priced.

    :param parts: part → quantity; those of nothing are priced like the whole.
    :param step: the smallest coin of the order's currency.
    :param discount_digits: how many digits a percentage may have.
    :param rounds_lines: whether the ERP rounds line by line; else it adds exact
        amounts, and a line that is no multiple of ``step`` stays exact.
    """
    uniform = _uniform(terms, discount_digits)
    exact = terms.amount(sum(parts.values(), ZERO))
    whole = round_to(exact, step)
    rounded = sum((round_to(terms.amount(q), step) for q in parts.values()), ZERO)
    if rounded == whole or (whole != exact and not rounds_lines):
        return dict.fromkeys(parts, uniform)
    amounts = share(whole, parts, step)
    return {
        key: Price(unit_price=_decimal(Fraction(amounts[key]) / Fraction(quantity)))
        if quantity
        else uniform
        for key, quantity in parts.items()
    }


def _uniform(terms: Terms, discount_digits: int) -> Price:
    """Return one price for any quantity of a line: a percentage where it is exact."""
    gross = Fraction(terms.quantity) * Fraction(terms.unit_price)
    if gross and terms.discount:
        percent = 100 * Fraction(terms.discount) / gross
        if (percent * 10**discount_digits).denominator == 1:
            return Price(unit_price=terms.unit_price, discount=_decimal(percent))
    return Price(unit_price=_decimal(terms.net()))


def _decimal(value: Fraction) -> Decimal:
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(
        Decimal(1).scaleb(-_PRICE_DIGITS), ROUND_HALF_UP
    )
