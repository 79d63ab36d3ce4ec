"""Green life: how long a banana stays green in the cold store, as integers.

DOMAIN: two to four weeks at 14 °C in air, counted from the cut; a variety's own figure is configuration. Fruit that has
begun to turn has used up part of it. What share is left by colour stage is the venue's choice, as no source gives one
figure: stage 1 (all green) the whole life, stage 2 (light green) seven tenths, stage 3 (half green) four tenths.
"""

from typing import Final

from settlement.civil import day_start_ns

LIFE_PERCENT: Final = (100, 70, 40)
"""The share of the variety's green life by colour stage, from stage 1; later stages have none."""

RIPEST_STAGE: Final = len(LIFE_PERCENT)


def green_until_ns(variety_days: int, colour_stage: int, harvest_day: int) -> int:
    """The local midnight with which predicted green life ends.

    `variety_days` is the variety's whole green life from the cut; fruit beyond the ripest stage has none left.
    """
    percent = LIFE_PERCENT[colour_stage - 1] if 1 <= colour_stage <= RIPEST_STAGE else 0
    return day_start_ns(harvest_day + variety_days * percent // 100)
