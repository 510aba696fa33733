"""Which product a channel's listing probably is: by SKU, by barcode, then by name.

Only proposals: a person says yes. Every step is bounded. A catalogue is read into
dictionaries once, and a name is compared with the few products that share its rarest
words, so that a hundred thousand listings against a hundred thousand products take as
many look-ups and not as many times as many comparisons.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

NAME_FLOOR = 60
"""Names that are less alike, in percent, are not proposed."""
SKU_ALIKE = 95
BARCODE = 98
SKU_CLASH = 50
"""Confidence when the SKU is one product's and the barcode another one's."""

_WORD = re.compile(r"[^\W_]+")
_RAREST = 4
_COMMON = 200
_CANDIDATES = 60
_WORDS = 24
_GTIN_LENGTHS = (8, 12, 13, 14)
_PACK = re.compile(
    r"""
    \b(\d{1,4}) [\s-]* (?:er)? [\s-]* (?:pack|pk|packung|stk|st(?:ü|ue)ck|pcs?|pieces?|ct
        |count|units?) \b
    | \b (?:pack|packung|set|box|case|carton|karton|kiste|lot|bundle) \s*
        (?:of|à|a|mit|de|von|\s) \s* (\d{1,4}) \b
    | \b (\d{1,4}) \s* [x×] \s* \d+ (?:[.,]\d+)? \s* (?:ml|cl|l|g|kg|oz) \b
    | (?:^|\s) [x×] \s? (\d{1,4}) $
    | \b (\d{1,4}) \s? [x×] (?=\s+[^\W\d])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_UNIT_WORDS = {
    "count": "unit units piece pieces pcs pc each ea item stück stk st dozen pack",
    "weight": "kg kgs kilo kilogram kilograms g gr gram grams lb lbs pound pounds oz t",
    "volume": "l litre litres liter liters ml cl gal gallon gallons",
    "length": "m meter meters metre metres cm mm km ft foot feet in inch inches yd",
    "area": "m2 m² sqm qm ft2 ft² sqft",
}
_KINDS = {word: kind for kind, words in _UNIT_WORDS.items() for word in words.split()}


class Reason(StrEnum):
    """Why a product is proposed, best first."""

    SKU = "sku"
    SKU_ALIKE = "sku_alike"
    """The same but for case, spaces, leading zeros or a prefix."""
    BARCODE = "barcode"
    NAME = "name"
    SEVERAL = "several"
    """More than one product fits equally well, so none is proposed."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One product as far as it can be recognised.

    :param int key: whatever the caller knows it by.
    """

    key: int
    sku: str = ""
    barcode: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Pack:
    """A barcode on a packaging of a product.

    :param int unit: the unit that one such packaging is, as the caller knows it.
    """

    key: int
    barcode: str
    unit: int


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What a listing probably is.

    :param int | None key: the product; None where several fit or none does.
    :param int percent: how sure, 0 to 100; for names how alike they are.
    :param int | None rival: another product that the barcode belongs to.
    :param int | None unit: of the packaging whose barcode it is.
    """

    key: int | None = None
    reason: Reason | None = None
    percent: int = 0
    rival: int | None = None
    unit: int | None = None


NOTHING = Proposal()


def plain_sku(text: str, prefixes: Sequence[str] = ()) -> str:
    """Return a SKU without what people and shops change about it.

    Case, spaces and leading zeros; and one of ``prefixes``, written in any case. A SKU
    that is nothing but a prefix stays what it is.
    """
    plain = _folded(text)
    for prefix in sorted(map(_folded, prefixes), key=len, reverse=True):
        if prefix and plain.startswith(prefix) and plain != prefix:
            plain = plain.removeprefix(prefix)
            break
    return plain.lstrip("0") or plain[-1:]


def _folded(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def gtin(text: str) -> str:
    """Return a trade item number in 14 digits, empty when it is none.

    Spaces and hyphens do not count, the check digit does.
    """
    digits = text.replace(" ", "").replace("-", "")
    if len(digits) not in _GTIN_LENGTHS or not (digits.isascii() and digits.isdigit()):
        return ""
    full = digits.zfill(14)
    if not int(full):
        return ""
    weighed = sum(
        int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(full[:13])
    )
    return full if (10 - weighed % 10) % 10 == int(full[13]) else ""


def plain_barcode(text: str) -> str:
    """Return what equal barcodes have in common: a GTIN, or the text as it stands."""
    return gtin(text) or text.strip()


def words(text: str) -> frozenset[str]:
    """Return the words of a name, without case and accents; a bounded number."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(sign for sign in apart if not unicodedata.combining(sign))
    return frozenset(_WORD.findall(letters)[:_WORDS])


def alike(one: frozenset[str], other: frozenset[str]) -> int:
    """Return how alike two names are, 0 to 100; longer words count for more.

    Names with different numbers in them are different sizes of one thing, which is
    not the same thing: they stay below what is proposed.
    """
    whole = sum(map(len, one)) + sum(map(len, other))
    if not whole:
        return 0
    percent = 200 * sum(map(len, one & other)) // whole
    numbers, others = (
        {word for word in part if any(map(str.isdigit, word))} for part in (one, other)
    )
    if numbers and others and numbers != others:
        return min(percent, NAME_FLOOR - 1)
    return percent


def pack_size(title: str) -> int:
    """Return how many pieces a title says are in one; 1 when it says nothing."""
    found = _PACK.search(title)
    if not found:
        return 1
    number = int(next(group for group in found.groups() if group))
    return max(number, 1)


def unit_kind(word: str) -> str:
    """Return what a channel's word for its unit measures, empty when unknown."""
    return _KINDS.get(word.strip().rstrip(".").casefold(), "")


class Catalogue:
    """All products, so that what a listing is can be looked up.

    :param items: each key once.
    :param packs: barcodes of packagings, beside the products' own.
    :param prefixes: what the channel puts before its SKUs.
    """

    def __init__(
        self,
        items: Iterable[Item],
        packs: Iterable[Pack] = (),
        prefixes: Sequence[str] = (),
    ) -> None:
        self._prefixes = tuple(prefixes)
        self._names: dict[int, str] = {}
        self._words: dict[int, frozenset[str]] = {}
        self._by_sku: dict[str, set[int]] = defaultdict(set)
        self._by_plain: dict[str, set[int]] = defaultdict(set)
        self._by_barcode: dict[str, set[tuple[int, int | None]]] = defaultdict(set)
        self._by_word: dict[str, list[int]] = defaultdict(list)
        for item in items:
            self._add(item)
        for pack in packs:
            self._by_barcode[plain_barcode(pack.barcode)].add((pack.key, pack.unit))

    def _add(self, item: Item) -> None:
        self._names[item.key] = item.name
        if item.sku.strip():
            self._by_sku[item.sku.strip()].add(item.key)
            self._by_plain[plain_sku(item.sku)].add(item.key)
        if item.barcode.strip():
            self._by_barcode[plain_barcode(item.barcode)].add((item.key, None))
        self._words[item.key] = words(item.name)
        for word in self._words[item.key]:
            self._by_word[word].append(item.key)

    def name(self, key: int) -> str:
        """Return a product's name, empty for one that is not in here."""
        return self._names.get(key, "")

    def propose(self, sku: str, barcode: str = "", title: str = "") -> Proposal:
        """Return what a listing probably is, by the best reason there is.

        :param title: empty to leave names out, such as for what is mapped already.
        """
        by_barcode = self._barcode(barcode)
        for found, reason, percent in (
            (self._by_sku.get(sku.strip(), set()), Reason.SKU, 100),
            (self._plain(sku), Reason.SKU_ALIKE, SKU_ALIKE),
        ):
            if found:
                return self._judge(found, reason, percent, by_barcode)
        if by_barcode:
            keys = {key for key, _unit in by_barcode}
            if len(keys) > 1:
                return Proposal(reason=Reason.SEVERAL)
            ((key, unit),) = list(by_barcode)[:1]
            return Proposal(key=key, reason=Reason.BARCODE, percent=BARCODE, unit=unit)
        return self._by_name(title)

    def _plain(self, sku: str) -> set[int]:
        if not sku.strip():
            return set()
        # As it stands first: a prefix may be part of the reference here too.
        return (
            self._by_plain.get(plain_sku(sku))
            or self._by_plain.get(plain_sku(sku, self._prefixes))
            or set()
        )

    def _barcode(self, barcode: str) -> set[tuple[int, int | None]]:
        if not barcode.strip():
            return set()
        return self._by_barcode.get(plain_barcode(barcode), set())

    def _judge(
        self,
        found: set[int],
        reason: Reason,
        percent: int,
        by_barcode: set[tuple[int, int | None]],
    ) -> Proposal:
        """Choose among products of one SKU; the barcode may decide or object."""
        keys = {key for key, _unit in by_barcode}
        chosen = found & keys if len(found) > 1 else found
        if len(chosen) != 1:
            return Proposal(reason=Reason.SEVERAL)
        (key,) = chosen
        if not keys or key in keys:
            units = [unit for other, unit in by_barcode if other == key]
            unit = units[0] if len(units) == 1 else None
            return Proposal(key=key, reason=reason, percent=percent, unit=unit)
        return Proposal(key=key, reason=reason, percent=SKU_CLASH, rival=min(keys))

    def _by_name(self, title: str) -> Proposal:
        mine = words(title)
        known = [word for word in mine if word in self._by_word]
        known.sort(key=lambda word: (len(self._by_word[word]), word))
        shared: dict[int, int] = defaultdict(int)
        for word in known[:_RAREST]:
            if len(self._by_word[word]) <= _COMMON:
                for key in self._by_word[word]:
                    shared[key] += len(word)
        likely = sorted(shared, key=lambda key: (-shared[key], key))[:_CANDIDATES]
        best = sorted(
            ((alike(mine, self._words[key]), -key) for key in likely), reverse=True
        )
        if not best or best[0][0] < NAME_FLOOR:
            return NOTHING
        percent, key = best[0][0], -best[0][1]
        if len(best) > 1 and best[1][0] == percent:
            return Proposal(reason=Reason.SEVERAL, percent=percent)
        return Proposal(key=key, reason=Reason.NAME, percent=percent)
