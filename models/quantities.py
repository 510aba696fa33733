"""Between the floats Odoo stores and the decimals channels are told."""

from decimal import Decimal

from odoo.tools import float_round

# Finer than any unit's precision, coarser than the noise of floats.
DIGITS = 6


def to_decimal(quantity):
    """Return a stored quantity as the decimal it stands for, without float noise."""
    return Decimal(repr(float_round(quantity, precision_digits=DIGITS))).normalize()


def plain(quantity):
    """Return a quantity as text, with neither an exponent nor trailing zeros."""
    return f"{to_decimal(float(quantity)):f}"
