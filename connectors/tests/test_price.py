"""Cents: parts of a line together cost what the line costs, however it is split."""

import unittest
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ..price import Price, Terms, price_parts, round_to, share

CENT, YEN, MIL = Decimal("0.01"), Decimal(1), Decimal("0.001")

steps = st.sampled_from([CENT, YEN, MIL, Decimal("0.05")])
coins = st.integers(min_value=-(10**9), max_value=10**9)
weights = st.dictionaries(
    st.sampled_from("abcdefg"),
    st.decimals(min_value=0, max_value=10_000, places=3),
    min_size=1,
).filter(lambda parts: any(parts.values()))
quantities = st.dictionaries(
    st.sampled_from("abcd"), st.integers(min_value=0, max_value=500), min_size=1
).filter(lambda parts: any(parts.values()))
money = st.decimals(min_value=0, max_value=100_000, places=2)


def terms(quantity: int | str, price: str, discount: str = "0") -> Terms:
    return Terms(
        quantity=Decimal(quantity),
        unit_price=Decimal(price),
        discount=Decimal(discount),
    )


def prices(
    of: Terms,
    parts: dict[str, int],
    *,
    step: Decimal = CENT,
    rounds_lines: bool = True,
    digits: int = 2,
) -> dict[str, Price]:
    return price_parts(
        of,
        {key: Decimal(quantity) for key, quantity in parts.items()},
        step=step,
        discount_digits=digits,
        rounds_lines=rounds_lines,
    )


def as_written(price: Price, quantity: Decimal | int) -> Fraction:
    """Return what an ERP makes of a part before it rounds."""
    factor = 1 - Fraction(price.discount) / 100
    return Fraction(price.unit_price) * factor * Fraction(quantity)


class TestRoundTo(unittest.TestCase):
    def test_halves_go_away_from_zero(self) -> None:
        for amount, step, expected in (
            ("0.125", CENT, "0.13"),
            ("-0.125", CENT, "-0.13"),
            ("0.1249", CENT, "0.12"),
            ("0.5", YEN, "1"),
            ("1.0005", MIL, "1.001"),
            ("0.075", Decimal("0.05"), "0.10"),
        ):
            self.assertEqual(round_to(Decimal(amount), step), Decimal(expected))


class TestShare(unittest.TestCase):
    def test_known_shares(self) -> None:
        equal = {"a": Decimal(1), "b": Decimal(1), "c": Decimal(1)}
        self.assertEqual(
            share(Decimal("10.00"), equal, CENT),
            {"a": Decimal("3.34"), "b": Decimal("3.33"), "c": Decimal("3.33")},
        )
        self.assertEqual(
            share(Decimal("-0.02"), equal, CENT),
            {"a": Decimal("-0.01"), "b": Decimal("-0.01"), "c": Decimal(0)},
        )
        self.assertEqual(
            share(Decimal(7), {"a": Decimal(3), "b": Decimal(0)}, YEN),
            {"a": Decimal(7), "b": Decimal(0)},
        )

    @given(coins, weights, steps)
    def test_shares_are_the_whole(
        self, count: int, parts: dict[str, Decimal], step: Decimal
    ) -> None:
        amount = count * step
        shares = share(amount, parts, step)
        self.assertEqual(sum(shares.values(), Decimal(0)), amount)
        whole = sum(map(Fraction, parts.values()))
        for key, weight in parts.items():
            exact = Fraction(amount) * Fraction(weight) / whole
            self.assertLess(abs(Fraction(shares[key]) - exact), Fraction(step))
            self.assertEqual(shares[key] % step, 0)


class TestPriceParts(unittest.TestCase):
    def test_plain_price_stays(self) -> None:
        self.assertEqual(
            prices(terms(5, "9.99"), {"x": 2, "y": 3}),
            dict.fromkeys("xy", Price(unit_price=Decimal("9.99"))),
        )

    def test_exact_percentage_stays_readable(self) -> None:
        self.assertEqual(
            prices(terms(3, "100", "37.50"), {"x": 3}),
            {"x": Price(unit_price=Decimal(100), discount=Decimal("12.5"))},
        )

    def test_other_discounts_go_into_the_price(self) -> None:
        # 3.33 off 30.00 is 11.1 %; off 29.97 it has no end.
        self.assertEqual(
            prices(terms(3, "10", "3.33"), {"x": 3})["x"].discount, Decimal("11.1")
        )
        price = prices(terms(3, "9.99", "3.33"), {"x": 3})["x"]
        self.assertEqual(price, Price(unit_price=Decimal("8.88")))
        price = prices(terms(3, "10", "1"), {"x": 3})["x"]
        self.assertEqual(price, Price(unit_price=Decimal("9.666666666667")))

    def test_digits_of_the_percentage_are_asked_for(self) -> None:
        line = terms(1, "100", "0.125")
        self.assertEqual(
            prices(line, {"x": 1})["x"], Price(unit_price=Decimal("99.875"))
        )
        self.assertEqual(
            prices(line, {"x": 1}, digits=3)["x"],
            Price(unit_price=Decimal(100), discount=Decimal("0.125")),
        )

    def test_parts_share_the_cents_of_a_discount(self) -> None:
        # 10.00 for three: 3.33 each would lose a cent.
        found = prices(terms(3, "4", "2"), {"x": 1, "y": 1, "z": 1})
        self.assertEqual(
            [found[key].unit_price for key in "xyz"],
            [Decimal("3.34"), Decimal("3.33"), Decimal("3.33")],
        )

    def test_line_that_is_no_whole_cent_stays_exact_where_sums_are_rounded(
        self,
    ) -> None:
        line = terms(2, "0.125")
        apart = prices(line, {"x": 1, "y": 2}, rounds_lines=False)
        self.assertEqual(apart, dict.fromkeys("xy", Price(unit_price=Decimal("0.125"))))
        each = prices(line, {"x": 1, "y": 2}, rounds_lines=True)
        self.assertEqual(
            sum(
                round_to(as_written(each[k], q), CENT) for k, q in (("x", 1), ("y", 2))
            ),
            Decimal("0.38"),
        )

    def test_nothing_ordered_divides_by_nothing(self) -> None:
        self.assertEqual(
            prices(terms(0, "5", "1"), {"x": 0}), {"x": Price(unit_price=Decimal(5))}
        )

    @given(quantities, money, money, steps, st.booleans())
    def test_no_cent_is_lost(
        self,
        parts: dict[str, int],
        unit_price: Decimal,
        discount: Decimal,
        step: Decimal,
        rounds_lines: bool,
    ) -> None:
        """Whatever is cancelled of the line later: the rest is split to the cent."""
        wanted = sum(parts.values())
        line = Terms(
            quantity=Decimal(wanted + 2), unit_price=unit_price, discount=discount
        )
        found = prices(line, parts, step=step, rounds_lines=rounds_lines)
        exact = line.amount(Decimal(wanted))
        whole = round_to(exact, step)
        written = {key: as_written(found[key], parts[key]) for key in parts}
        self.assertLess(abs(sum(written.values()) - exact), Fraction(step))
        if rounds_lines or whole == exact:
            self.assertEqual(
                sum(round_to(round(amount, 6), step) for amount in written.values()),
                whole,
            )
        else:
            self.assertLess(abs(sum(written.values()) - exact), Fraction(1, 10**6))
        for key, price in found.items():
            self.assertLess(
                abs(written[key] - line.amount(Decimal(parts[key]))), Fraction(step) + 1
            )
            self.assertEqual(round(price.discount, 2), price.discount)


if __name__ == "__main__":
    unittest.main()
