"""Green life: how long a banana stays green in the cold store, as integers.

DOMAIN: two to four weeks at 14 °C in air, counted from the cut; a variety's own figure is configuration. Fruit that has
begun to turn has used up part of it. What share is left by colour stage is the venue's choice, as no source gives one
figure: stage 1 (all green) the whole life, stage 2 (light green) seven tenths, stage 3 (half green) four tenths.
"""

from typing import Final

from settlement.civil import day_number, day_start_ns
from settlement.messages import Variety

LIFE_PERCENT: Final = (100, 70, 40)
"""The share of the variety's green life by colour stage, from stage 1; later stages have none."""

RIPEST_STAGE: Final = len(LIFE_PERCENT)


def green_life_days(variety: Variety, colour_stage: int) -> int:
    """Whole days from the cut during which fruit of this variety, found at this colour stage, stays green."""
    if not 1 <= colour_stage <= RIPEST_STAGE:
        return 0
    return variety.green_life_days * LIFE_PERCENT[colour_stage - 1] // 100


def green_until_ns(variety: Variety, harvest_date: str, colour_stage: int) -> int:
    """The local midnight with which the predicted green life ends; the date must exist."""
    harvested = day_number(harvest_date)
    assert harvested is not None, f"{harvest_date} is no date"
    return day_start_ns(harvested + green_life_days(variety, colour_stage))
