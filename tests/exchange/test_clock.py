"""The venue's time never goes back, whatever the machine's does, nor on by more than has passed."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.clock import MAXIMUM_STEP_NS, ManualClock, RealClock, span

SECOND_NS = 10**9
HOUR_NS = 3_600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
NOON_NS = 1_795_406_400 * SECOND_NS


class Machine:
    """A machine whose clock a test sets, while time passes all the same."""

    def __init__(self) -> None:
        self.passed_ns = 0
        self.set_ns = NOON_NS
        self.clock = RealClock(source=lambda: self.set_ns + self.passed_ns, steady=lambda: 77 + self.passed_ns)
        self.clock.now_ns()

    def after(self, seconds: float, step_ns: int = 0) -> int:
        """The venue's time since noon, in nanoseconds, after so long and a step of the machine's clock."""
        self.passed_ns += int(seconds * SECOND_NS)
        self.set_ns += step_ns
        return self.clock.now_ns() - NOON_NS


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


def test_small_corrections_are_followed_and_back_means_waiting() -> None:
    machine = Machine()
    assert machine.after(1, 30 * SECOND_NS) == 31 * SECOND_NS
    assert machine.clock.ahead_ns == 0
    assert machine.after(1, -20 * SECOND_NS) == 31 * SECOND_NS, "stands still"
    assert machine.clock.ahead_ns == 19 * SECOND_NS
    assert machine.after(18) == 31 * SECOND_NS
    assert machine.after(2) == 32 * SECOND_NS
    assert machine.clock.ahead_ns == 0


@pytest.mark.parametrize(
    ("step_ns", "told"), [(3 * DAY_NS, "jumped 3 d 0 h forward"), (-5 * HOUR_NS, "jumped 5 h 0 min back")]
)
def test_a_great_step_is_not_followed_and_said(step_ns: int, told: str, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    assert machine.after(10) == 10 * SECOND_NS
    assert machine.after(1, step_ns) == 11 * SECOND_NS
    assert machine.after(7) == 18 * SECOND_NS, "it keeps its own time"
    assert machine.clock.ahead_ns == -step_ns
    assert [told in message for message in caplog.messages] == [True], "once"
    # Set right, to half a second: followed again, without going back.
    assert machine.after(1, -step_ns - SECOND_NS // 2) == 19 * SECOND_NS - SECOND_NS // 2
    assert machine.clock.ahead_ns == 0
    assert "follows it again" in caplog.messages[-1]


def test_a_journal_that_is_ahead_of_the_machine_is_waited_for_and_said(caplog: pytest.LogCaptureFixture) -> None:
    clock = RealClock(NOON_NS + HOUR_NS, source=lambda: NOON_NS)
    assert clock.now_ns() == NOON_NS + HOUR_NS
    assert clock.ahead_ns == HOUR_NS
    assert "1 h 0 min behind the journal" in caplog.text


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**11),
            st.one_of(st.just(0), st.integers(-DAY_NS * 400, DAY_NS * 400), st.integers(-(10**9), 10**9)),
        )
    )
)
def test_whatever_happens_time_goes_on_by_no_more_than_has_passed_and_a_correction(
    readings: list[tuple[int, int]],
) -> None:
    machine = Machine()
    times = [0]
    for passed_ns, step_ns in readings:
        times.append(machine.after(passed_ns / SECOND_NS, step_ns))
    for (before_ns, after_ns), (passed_ns, _) in zip(pairwise(times), readings, strict=True):
        assert 0 <= after_ns - before_ns <= passed_ns + 2 * MAXIMUM_STEP_NS


@pytest.mark.parametrize(
    ("duration_ns", "told"),
    [(0, "0 s"), (61 * SECOND_NS, "1 min 1 s"), (3 * HOUR_NS, "3 h 0 min"), (400 * DAY_NS + HOUR_NS, "400 d 1 h")],
)
def test_a_duration_is_told_in_two_units(duration_ns: int, told: str) -> None:
    assert span(duration_ns) == told
