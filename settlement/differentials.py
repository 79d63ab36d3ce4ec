"""Differentials: what other goods than those agreed are worth, by the venue's table of places, grades and ripeness.

    kind       value   fen a kilogram     agreed BXJ-1-SX1, stage 1      0 +  0 + 0 =   0
    location   SX2             -6         tendered BXJ-2-SX2, stage 2   -6 - 40 - 8 = -54
    grade      2              -40         differential                              = -54
    ripeness   2               -8

A value that the table does not name is the standard where it was agreed, and cannot be tendered in place of another. An
entry for the variety goes before one for all. The idea is the invoice of commodity exchanges, which carries grade and
location differentials (DOMAIN, precedents); the figures are the venue's.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from settlement.messages.contracts import Differential, DifferentialKind

KINDS: Final[tuple[DifferentialKind, ...]] = ("location", "grade", "ripeness")


class Goods(NamedTuple):
    """What decides the price of a kilogram beside the variety."""

    location: str
    grade: str
    ripeness: str


class Differentials:
    """The table of a venue. O(1) each."""

    def __init__(self, table: Iterable[Differential] = ()) -> None:
        self._table = {(each.kind, each.value, each.variety): each.fen_per_kg for each in table}

    def between(self, variety: str, agreed: Goods, tendered: Goods) -> int | None:
        """What a tendered kilogram is worth more than an agreed one, in fen; None where the table does not tell."""
        total = 0
        for kind, had, has in zip(KINDS, agreed, tendered, strict=True):
            if had == has:
                continue
            worth = self._worth(variety, kind, has)
            if worth is None:
                return None
            total += worth - (self._worth(variety, kind, had) or 0)
        return total

    def _worth(self, variety: str, kind: DifferentialKind, value: str) -> int | None:
        own = self._table.get((kind, value, variety))
        return self._table.get((kind, value, None)) if own is None else own


def names_twice(table: Iterable[Differential]) -> bool:
    """Whether a table says two things of one value."""
    keys = [(each.kind, each.value, each.variety) for each in table]
    return len(dict.fromkeys(keys)) != len(keys)
