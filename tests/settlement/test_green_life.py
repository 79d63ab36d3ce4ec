"""Green life is a table of integers: whole days from the cut, less for fruit that has begun to turn."""

import pytest

from settlement.civil import DAY_NS, day_number, day_start_ns, iso_date, venue_day
from settlement.life import green_until_ns
from settlement.venue import VARIETIES


@pytest.mark.parametrize(
    ("stage", "last_day"),
    [(1, "2026-12-18"), (2, "2026-12-09"), (3, "2026-12-01"), (4, "2026-11-20"), (7, "2026-11-20")],
)
def test_a_cavendish_lot_cut_on_the_twentieth(stage: int, last_day: str) -> None:
    harvested = day_number("2026-11-20")
    assert harvested is not None
    assert iso_date(venue_day(green_until_ns(28, stage, harvested))) == last_day


def test_no_stage_lives_longer_than_a_greener_one_nor_than_its_variety() -> None:
    for variety in VARIETIES:
        ends = [green_until_ns(variety.green_life_days, stage, 20_000) for stage in range(1, 8)]
        assert ends == sorted(ends, reverse=True)
        assert ends[0] == day_start_ns(20_000) + variety.green_life_days * DAY_NS


def test_the_default_varieties_live_two_to_four_weeks() -> None:
    assert [variety.code for variety in VARIETIES] == ["BXJ", "WLS", "GJ", "NTH", "BDJ", "FJ", "HDJ"]
    assert all(14 <= variety.green_life_days <= 28 for variety in VARIETIES)
