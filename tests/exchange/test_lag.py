"""The lag: how long the database has owed what it does not show yet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.lag import MAXIMUM_MARKS, SPACING_SECONDS, Lag


class Watch:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_is_the_age_of_the_oldest_commit_that_is_not_projected() -> None:
    watch = Watch()
    lag = Lag(watch)
    assert lag.seconds == 0.0
    lag.committed(10)
    watch.now += 3
    lag.committed(20)
    watch.now += 4
    assert lag.seconds == 7.0
    lag.projected(10)
    assert lag.seconds == 4.0
    lag.projected(20)
    assert lag.seconds == 0.0
    watch.now += 60
    assert lag.seconds == 0.0, "a venue where nothing happens is not behind"


def test_part_of_what_was_committed_together_is_as_old_as_the_rest() -> None:
    watch = Watch()
    lag = Lag(watch)
    lag.committed(10)
    watch.now += SPACING_SECONDS / 2
    lag.committed(12)
    watch.now += 1
    lag.projected(11)
    assert lag.seconds == pytest.approx(1.0 + SPACING_SECONDS / 2)
    lag.projected(12)
    assert lag.seconds == 0.0


def test_a_follower_that_is_ahead_of_what_was_said_owes_nothing() -> None:
    watch = Watch()
    lag = Lag(watch)
    lag.projected(7)
    lag.committed(5)
    watch.now += 9
    assert lag.seconds == 0.0


def test_a_week_without_a_follower_is_remembered_in_little() -> None:
    watch = Watch()
    lag = Lag(watch)
    for sequence in range(1, 20 * MAXIMUM_MARKS):
        lag.committed(sequence)
        watch.now += 30
    assert lag.seconds == watch.now - 100
    assert len(lag._marks) <= MAXIMUM_MARKS


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 400), st.integers(0, 12)), max_size=60))
def test_it_is_never_more_than_the_spacing_off(steps: list[tuple[int, int, int]]) -> None:
    watch = Watch()
    lag = Lag(watch)
    committed: list[float] = []
    projected = 0
    for commands, later_ms, followed in steps:
        committed += [watch.now] * commands
        lag.committed(len(committed))
        watch.now += later_ms / 1000
        projected = min(len(committed), projected + followed)
        lag.projected(projected)
        age = watch.now - committed[projected] if projected < len(committed) else 0.0
        assert age - 1e-9 <= lag.seconds <= age + SPACING_SECONDS + 1e-9
