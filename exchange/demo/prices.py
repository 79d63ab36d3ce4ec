"""What a kilogram is worth in the demonstration: farm gate prices with season, grade, age and a seeded walk. Integers
only.

Guangdong farm gate was 1.7–3.0 yuan/kg in 2013–2023 (2013-06 3.0, 2020-09 2.2, 2021-09 2.1, 2022-09 1.7, 2023-12 2.1,
trade press and ministry bulletins), with a peak of supply from July and little fruit from March to June. The premiums
between varieties and grades are the demonstration's own.
"""

import random

BASE_FEN = 240
"""A kilogram of class I Brazil bananas cut today, on the average of the year."""

SEASON_PERMILLE = (1030, 1060, 1130, 1180, 1180, 1120, 960, 900, 870, 890, 950, 1000)
VARIETY_PERMILLE = {"BXJ": 1000, "WLS": 985, "GJ": 1020, "NTH": 1010, "BDJ": 990, "FJ": 1180, "HDJ": 1240}
GRADE_PERMILLE = {"E": 1100, "1": 1000, "2": 860}
WAREHOUSE_PERMILLE = {"SX1": 1000, "SX2": 990}
AGE_PERMILLE_A_DAY = 11
WALK_LIMIT = 150
"""How far, in permille, a variety's price may wander from what season, grade and age say."""


class Prices:
    """Fair prices by variety; each wanders by a mean-reverting walk that draws from `chance`."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._walk = dict.fromkeys(VARIETY_PERMILLE, 0)

    def step(self, variety: str) -> None:
        """One step of the walk: up to 6 permille either way, drawn back by a fortieth of the distance."""
        walk = self._walk[variety]
        walk += self._chance.randint(-6, 6) - walk // 40
        self._walk[variety] = max(-WALK_LIMIT, min(WALK_LIMIT, walk))

    def settle_at(self, variety: str, price: int, calm_price: int) -> None:
        """Go on from where the market stood: the walk that makes `calm_price` the traded `price`."""
        if calm_price > 0:
            self._walk[variety] = max(-WALK_LIMIT, min(WALK_LIMIT, 1000 * price // calm_price - 1000))

    def fair(self, symbol: str, *, month: int, age_days: int) -> int:
        """Fen per kilogram of a symbol whose fruit was cut `age_days` ago; `month` is 1 to 12."""
        variety, grade, warehouse, _ = symbol.split("-")
        price = BASE_FEN * SEASON_PERMILLE[month - 1] * VARIETY_PERMILLE[variety] * GRADE_PERMILLE[grade]
        price *= WAREHOUSE_PERMILLE.get(warehouse, 1000) * max(400, 1000 - AGE_PERMILLE_A_DAY * age_days)
        return price * (1000 + self._walk[variety]) // 1000**6
