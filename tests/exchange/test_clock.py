"""The venue's time never goes back, whatever the machine's does."""

import pytest

from exchange.clock import ManualClock, RealClock


def test_a_real_clock_stands_still_while_the_machine_is_behind() -> None:
    readings = iter([100, 90, 100, 101])
    clock = RealClock(source=lambda: next(readings))
    assert [clock.now_ns() for _ in range(4)] == [100, 100, 100, 101]
    assert clock.mode == "real"


def test_a_real_clock_starts_no_earlier_than_the_journal_ended() -> None:
    readings = iter([10, 51])
    clock = RealClock(not_before_ns=50, source=lambda: next(readings))
    assert [clock.now_ns() for _ in range(2)] == [50, 51]


def test_a_manual_clock_moves_only_by_hand_and_forward() -> None:
    clock = ManualClock(1_000)
    assert clock.mode == "manual"
    clock.set(1_000)
    clock.set(2_000)
    with pytest.raises(ValueError, match="does not go back to 1999"):
        clock.set(1_999)
    assert clock.now_ns() == 2_000
