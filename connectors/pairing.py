"""Which warehouse a channel's location probably is: by code, by name, or the only one.

Only proposals: a person says yes. No warehouse is proposed for two locations, and where
two are equally likely neither is: a guess here offers one house's stock in another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .matching import NAME_FLOOR, alike, words

SURE = 100


class PairReason(StrEnum):
    """Why a warehouse is proposed."""

    CODE = "code"
    """The channel calls its location by the warehouse's code."""
    NAME = "name"
    ONLY = "only"
    """There is one location and one warehouse."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A channel's location that nobody has mapped yet.

    :param int key: whatever the caller knows it by.
    :param str id: what the channel knows it by.
    """

    key: int
    id: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class House:
    """A warehouse."""

    key: int
    code: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What a location probably is.

    :param int house: the warehouse's key.
    :param int percent: how alike the names are; 100 for a code, 0 for the only one.
    """

    house: int
    percent: int
    reason: PairReason


def pair(
    places: Sequence[Place], houses: Sequence[House], taken: Collection[int] = ()
) -> dict[int, Pair]:
    """Return the proposal for each location that has one, by its key.

    The likeliest pairs are made first. Whoever has two equally likely ones at that
    point gets none, however likely another one would be.

    :param houses: all there are, also those that feed a location already.
    :param taken: keys of houses that feed a location already.
    """
    free = [house for house in houses if house.key not in taken]
    if len(places) == len(houses) == len(free) == 1:
        ((found, reason),) = [_likeness(places[0], free[0])]
        if found < NAME_FLOOR:
            found, reason = 0, PairReason.ONLY
        return {
            places[0].key: Pair(house=free[0].key, percent=found, reason=reason),
        }
    likely: dict[int, list[tuple[int, int, PairReason]]] = {}
    for place in places:
        for house in free:
            percent, reason = _likeness(place, house)
            if percent >= NAME_FLOOR:
                likely.setdefault(percent, []).append((place.key, house.key, reason))
    pairs: dict[int, Pair] = {}
    settled_places: set[int] = set()
    settled_houses: set[int] = set()
    for percent in sorted(likely, reverse=True):
        edges = [
            edge
            for edge in likely[percent]
            if edge[0] not in settled_places and edge[1] not in settled_houses
        ]
        wanted = Counter(place for place, _house, _reason in edges)
        wanting = Counter(house for _place, house, _reason in edges)
        for place_key, house_key, reason in edges:
            settled_places.add(place_key)
            settled_houses.add(house_key)
            if wanted[place_key] == wanting[house_key] == 1:
                pairs[place_key] = Pair(house=house_key, percent=percent, reason=reason)
    return pairs


def _likeness(place: Place, house: House) -> tuple[int, PairReason]:
    """Return how likely a location is this warehouse, and why."""
    code = _folded(house.code)
    if code and code in (_folded(place.id), _folded(place.name)):
        return SURE, PairReason.CODE
    return alike(words(place.name), words(house.name)), PairReason.NAME


def _folded(text: str) -> str:
    return "".join(text.casefold().split())
